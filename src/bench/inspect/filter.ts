// Filters of the inspector: Wireshark's display filter language over fields, and pcap-filter's primitives over what packets carry.

export { parseDisplayFilter } from './display-filter.js';
export { FilterError } from './filter-lexer.js';
export { parsePacketFilter } from './packet-filter.js';

export type { DisplayFilter } from './types.js';
