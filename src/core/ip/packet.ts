// The IPv4 header (RFC 791 §3.1), read and written. Options are passed over, fragments are recognised but not put
// together, and IPv6 is left out.

import { type FieldSink, ParseError, Reader } from '../bytes/reader.js';
import { finishChecksum, sumWords } from './checksum.js';

export const PROTOCOL_ICMP = 1;
export const PROTOCOL_TCP = 6;
export const PROTOCOL_UDP = 17;

/** Without options, as we send it. */
export const IPV4_HEADER_BYTES = 20;
/** RFC 1122 §3.2.1.7 leaves it to the host; 64 is the recommended default. */
export const DEFAULT_TTL = 64;

const DONT_FRAGMENT = 0x4000;
const MORE_FRAGMENTS = 0x2000;

/** A header that is well-formed: its checksum holds and its lengths lie within the frame. Offsets count from the frame's start. */
export interface Packet {
  totalLength: number;
  id: number;
  dontFragment: boolean;
  moreFragments: boolean;
  /** In bytes. */
  fragmentOffset: number;
  ttl: number;
  protocol: number;
  source: number;
  destination: number;
  payloadStart: number;
  payloadEnd: number;
}

export function emptyPacket(): Packet {
  return {
    totalLength: 0,
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
  r.u8('typeOfService');
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

/**
 * Writes a header of 20 bytes at the beginning of `frame`. DF is always set and the identification 0: RFC 6864 §4.1
 * lets an atomic datagram carry any value, and a constant keeps one flow from shifting another.
 */
export function writeIpv4Header(
  frame: Uint8Array,
  totalLength: number,
  protocol: number,
  source: number,
  destination: number,
): void {
  frame[0] = 0x45;
  frame[1] = 0;
  frame[2] = totalLength >>> 8;
  frame[3] = totalLength;
  frame[4] = 0;
  frame[5] = 0;
  frame[6] = DONT_FRAGMENT >>> 8;
  frame[7] = 0;
  frame[8] = DEFAULT_TTL;
  frame[9] = protocol;
  frame[10] = 0;
  frame[11] = 0;
  frame[12] = source >>> 24;
  frame[13] = source >>> 16;
  frame[14] = source >>> 8;
  frame[15] = source;
  frame[16] = destination >>> 24;
  frame[17] = destination >>> 16;
  frame[18] = destination >>> 8;
  frame[19] = destination;
  const checksum = finishChecksum(sumWords(frame, 0, IPV4_HEADER_BYTES));
  frame[10] = checksum >>> 8;
  frame[11] = checksum;
}
