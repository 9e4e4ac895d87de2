// The IPv4 header (RFC 791 §3.1), read and written, and its options as far as a host must look at them. What fragments are
// put together to is in reassembly.ts, IPv6 in packet6.ts.

import { type FieldSink, ParseError, Reader } from '../bytes/reader.js';
import { finishChecksum, sumWords } from './checksum.js';

export const PROTOCOL_ICMP = 1;
export const PROTOCOL_TCP = 6;
export const PROTOCOL_UDP = 17;

/** Without options, as we send it. */
export const IPV4_HEADER_BYTES = 20;
/** RFC 791 §3.1: the total length has 16 bits. */
export const IPV4_MAX_BYTES = 65_535;
/** RFC 1122 §3.2.1.7 leaves it to the host; 64 is the recommended default. */
export const DEFAULT_TTL = 64;

export const DONT_FRAGMENT = 0x4000;
export const MORE_FRAGMENTS = 0x2000;

/** A header that is well-formed: its checksum holds and its lengths lie within the frame. Offsets count from the frame's start. */
export interface Packet {
  totalLength: number;
  /** The low bits of what RFC 791 calls type of service (RFC 3168 §5): 0 not-ECT, 1 ECT(1), 2 ECT(0), 3 CE. */
  ecn: number;
  id: number;
  dontFragment: boolean;
  moreFragments: boolean;
  /** In bytes. */
  fragmentOffset: number;
  ttl: number;
  protocol: number;
  source: number;
  destination: number;
  /** Also the length of the header with its options. */
  payloadStart: number;
  payloadEnd: number;
}

export function emptyPacket(): Packet {
  return {
    totalLength: 0,
    ecn: 0,
    id: 0,
    dontFragment: false,
    moreFragments: false,
    fragmentOffset: 0,
    ttl: 0,
    protocol: 0,
    source: 0,
    destination: 0,
    payloadStart: 0,
    payloadEnd: 0,
  };
}

/**
 * Reads the header of `frame` into `packet`. Bytes beyond the total length are link padding and not looked at.
 * Raises ParseError for another version, lengths that contradict each other or the frame, and a wrong checksum.
 */
export function decodePacket(frame: Uint8Array, packet: Packet = emptyPacket(), sink?: FieldSink): Packet {
  const r = new Reader('ip', frame, 0, frame.length, sink);
  const versionAndIhl = r.u8('versionAndIhl');
  if (versionAndIhl >>> 4 !== 4) r.fail(`version: ${versionAndIhl >>> 4} is not 4`, 0);
  const headerLength = (versionAndIhl & 0x0f) * 4;
  if (headerLength < IPV4_HEADER_BYTES) r.fail(`headerLength: ${headerLength} is less than 20`, 0);
  packet.ecn = r.u8('typeOfService') & 0x03;
  const totalLength = r.u16('totalLength');
  if (totalLength < headerLength) r.fail(`totalLength: ${totalLength} is less than the header`, 2);
  if (totalLength > frame.length) r.fail(`totalLength: ${totalLength} is more than the frame's ${frame.length}`, 2);
  packet.totalLength = totalLength;
  packet.id = r.u16('identification');
  const flagsAndOffset = r.u16('flagsAndFragmentOffset');
  packet.dontFragment = (flagsAndOffset & DONT_FRAGMENT) !== 0;
  packet.moreFragments = (flagsAndOffset & MORE_FRAGMENTS) !== 0;
  packet.fragmentOffset = (flagsAndOffset & 0x1fff) * 8;
  packet.ttl = r.u8('timeToLive');
  packet.protocol = r.u8('protocol');
  r.u16('headerChecksum');
  packet.source = r.u32('source');
  packet.destination = r.u32('destination');
  if (headerLength > IPV4_HEADER_BYTES) r.skip(headerLength - IPV4_HEADER_BYTES, 'options');
  if (finishChecksum(sumWords(frame, 0, headerLength)) !== 0) {
    throw new ParseError('ip', 'headerChecksum: does not match the header', 10);
  }
  packet.payloadStart = headerLength;
  packet.payloadEnd = totalLength;
  return packet;
}

const OPTION_END = 0;
const OPTION_NO_OPERATION = 1;
const OPTION_RECORD_ROUTE = 7;
const OPTION_TIMESTAMP = 68;
const OPTION_LOOSE_SOURCE_ROUTE = 131;
const OPTION_STRICT_SOURCE_ROUTE = 137;

/**
 * Reads the options between the fixed header and `headerLength`; says whether a source route is among them. Raises
 * ParseError for one that is malformed, with the offset that a parameter problem points to. A record route and a
 * timestamp are checked and not filled in, unknown options are passed over (RFC 1122 §3.2.1.8).
 */
export function decodeOptions(frame: Uint8Array, headerLength: number, sink?: FieldSink): { sourceRoute: boolean } {
  const r = new Reader('ip', frame, IPV4_HEADER_BYTES, headerLength, sink, 'options.');
  let sourceRoute = false;
  while (r.remaining > 0) {
    const at = r.offset;
    const type = r.u8('type');
    if (type === OPTION_END) break;
    if (type === OPTION_NO_OPERATION) continue;
    const length = r.u8('length');
    if (length < 2) r.fail(`length: option ${type} has length ${length}`, at + 1);
    if (length - 2 > r.remaining) r.fail(`length: option ${type} goes beyond the header`, at + 1);
    const route = type === OPTION_LOOSE_SOURCE_ROUTE || type === OPTION_STRICT_SOURCE_ROUTE;
    if (route || type === OPTION_RECORD_ROUTE || type === OPTION_TIMESTAMP) {
      // The pointer is counted from 1 and stands behind the fixed part: 4 octets in, 5 in a timestamp.
      const least = type === OPTION_TIMESTAMP ? 5 : 4;
      if (length < least - 1) r.fail(`length: option ${type} has length ${length}`, at + 1);
      const pointer = r.u8('pointer');
      if (pointer < least) r.fail(`pointer: ${pointer} is less than ${least}`, at + 2);
      r.skip(length - 3, 'data');
      if (route) sourceRoute = true;
    } else {
      r.skip(length - 2, 'data');
    }
  }
  return { sourceRoute };
}

/**
 * Writes a header of 20 bytes at `at`. `flagsAndOffset` has DF, MF and the offset in units of 8 bytes. A packet that is
 * sent whole has DF and identification 0: RFC 6864 §4.1 lets it carry any value, and a constant keeps one flow from
 * shifting another.
 */
export function writeIpv4Header(
  frame: Uint8Array,
  at: number,
  totalLength: number,
  protocol: number,
  source: number,
  destination: number,
  ecn = 0,
  id = 0,
  flagsAndOffset = DONT_FRAGMENT,
): void {
  frame[at] = 0x45;
  frame[at + 1] = ecn;
  frame[at + 2] = totalLength >>> 8;
  frame[at + 3] = totalLength;
  frame[at + 4] = id >>> 8;
  frame[at + 5] = id;
  frame[at + 6] = flagsAndOffset >>> 8;
  frame[at + 7] = flagsAndOffset;
  frame[at + 8] = DEFAULT_TTL;
  frame[at + 9] = protocol;
  frame[at + 12] = source >>> 24;
  frame[at + 13] = source >>> 16;
  frame[at + 14] = source >>> 8;
  frame[at + 15] = source;
  frame[at + 16] = destination >>> 24;
  frame[at + 17] = destination >>> 16;
  frame[at + 18] = destination >>> 8;
  frame[at + 19] = destination;
  writeHeaderChecksum(frame, at, IPV4_HEADER_BYTES);
}

/** Fills in the header checksum, anew where the header was changed. */
export function writeHeaderChecksum(frame: Uint8Array, at: number, headerLength: number): void {
  frame[at + 10] = 0;
  frame[at + 11] = 0;
  const checksum = finishChecksum(sumWords(frame, at, at + headerLength));
  frame[at + 10] = checksum >>> 8;
  frame[at + 11] = checksum;
}
