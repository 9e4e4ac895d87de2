// Filters of the inspector: Wireshark's display filter language over fields, and pcap-filter's primitives over what packets carry.

export { parseDisplayFilter } from './display-filter.js';
export { FilterError } from './filter-lexer.js';
export { parsePacketFilter } from './packet-filter.js';

import type { InspectedPacket } from './types.js';

export interface DisplayFilter {
  matches(packet: InspectedPacket): boolean;
  readonly needs: FilterNeeds;
}

export interface FilterNeeds {
  /** Without fields only the presence of layers and verdicts can be asked for. */
  readonly fields: boolean;
}
