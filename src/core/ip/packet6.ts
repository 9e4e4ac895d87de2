// The IPv6 header (RFC 8200 §3) and the fragment header (§4.5), read and written. The headers in between are walked in
// extensions6.ts.

import { type FieldSink, Reader } from '../bytes/reader.js';

export const NEXT_HEADER_HOP_BY_HOP = 0;
export const NEXT_HEADER_ROUTING = 43;
export const NEXT_HEADER_FRAGMENT = 44;
export const NEXT_HEADER_ICMPV6 = 58;
export const NEXT_HEADER_NONE = 59;
export const NEXT_HEADER_DESTINATION_OPTIONS = 60;

export const IPV6_HEADER_BYTES = 40;
export const FRAGMENT_HEADER_BYTES = 8;
/** RFC 8200 §5: every link carries as much, and an ICMPv6 error has no more (RFC 4443 §2.4 c). */
export const IPV6_MIN_MTU = 1280;
/** RFC 8200 §3: the payload length has 16 bits. */
export const IPV6_MAX_PAYLOAD_BYTES = 65_535;
export const DEFAULT_HOP_LIMIT = 64;

/** Where the next header field and the addresses stand. */
export const NEXT_HEADER_AT = 6;
export const SOURCE_AT = 8;
export const DESTINATION_AT = 24;

/** A fixed header whose payload length lies within the frame. The addresses stay in the frame. */
export interface Packet6 {
  /** RFC 3168 §5, in the low bits of the traffic class: 0 not-ECT, 1 ECT(1), 2 ECT(0), 3 CE. */
  ecn: number;
  flowLabel: number;
  nextHeader: number;
  hopLimit: number;
  /** Behind the payload, from the frame's start. */
  payloadEnd: number;
}

export function emptyPacket6(): Packet6 {
  return { ecn: 0, flowLabel: 0, nextHeader: 0, hopLimit: 0, payloadEnd: 0 };
}

/**
 * Reads the fixed header of `frame` into `packet`. Bytes beyond the payload length are link padding. Raises ParseError
 * for another version and for a payload that goes beyond the frame.
 */
export function decodePacket6(frame: Uint8Array, packet: Packet6 = emptyPacket6(), sink?: FieldSink): Packet6 {
  const r = new Reader('ip', frame, 0, frame.length, sink);
  const first = r.u32('versionClassAndFlowLabel');
  if (first >>> 28 !== 6) r.fail(`version: ${first >>> 28} is not 6`, 0);
  packet.ecn = (first >>> 20) & 0x03;
  packet.flowLabel = first & 0xf_ffff;
  const payloadLength = r.u16('payloadLength');
  packet.nextHeader = r.u8('nextHeader');
  packet.hopLimit = r.u8('hopLimit');
  r.take(16, 'source');
  r.take(16, 'destination');
  if (payloadLength > r.remaining) {
    r.fail(`payloadLength: ${payloadLength} is more than the ${r.remaining} bytes behind the header`, 4);
  }
  packet.payloadEnd = IPV6_HEADER_BYTES + payloadLength;
  return packet;
}

/** Writes a fixed header at `at`; `source` and `destination` are 16 bytes each. */
export function writeIpv6Header(
  frame: Uint8Array,
  at: number,
  payloadLength: number,
  nextHeader: number,
  source: Uint8Array,
  destination: Uint8Array,
  ecn: number,
  flowLabel: number,
): void {
  frame[at] = 0x60;
  frame[at + 1] = (ecn << 4) | (flowLabel >>> 16);
  frame[at + 2] = flowLabel >>> 8;
  frame[at + 3] = flowLabel;
  frame[at + 4] = payloadLength >>> 8;
  frame[at + 5] = payloadLength;
  frame[at + 6] = nextHeader;
  frame[at + 7] = DEFAULT_HOP_LIMIT;
  for (let i = 0; i < 16; i++) {
    frame[at + SOURCE_AT + i] = source[i]!;
    frame[at + DESTINATION_AT + i] = destination[i]!;
  }
}

/** Writes a fragment header at `at`; `offset` is in bytes, a multiple of 8. */
export function writeFragmentHeader(
  frame: Uint8Array,
  at: number,
  nextHeader: number,
  offset: number,
  more: boolean,
  id: number,
): void {
  frame[at] = nextHeader;
  frame[at + 1] = 0;
  frame[at + 2] = offset >>> 8;
  frame[at + 3] = (offset & 0xf8) | (more ? 1 : 0);
  frame[at + 4] = id >>> 24;
  frame[at + 5] = id >>> 16;
  frame[at + 6] = id >>> 8;
  frame[at + 7] = id;
}
