// ICMPv6 messages (RFC 4443): echo, errors as we send them, and errors as they come in with the packet that they quote.
// When a message may be sent at all (§2.4) is decided in ipv6.ts; neighbour discovery is not needed on a TUN device.

import { type FieldSink, Reader } from '../bytes/reader.js';
import { finishChecksum, pseudoHeaderSum6, sumWords } from './checksum.js';
import { DESTINATION_AT, IPV6_HEADER_BYTES, IPV6_MIN_MTU, NEXT_HEADER_ICMPV6, SOURCE_AT } from './packet6.js';

export const ICMP6_DESTINATION_UNREACHABLE = 1;
export const ICMP6_PACKET_TOO_BIG = 2;
export const ICMP6_TIME_EXCEEDED = 3;
export const ICMP6_PARAMETER_PROBLEM = 4;
export const ICMP6_ECHO = 128;
export const ICMP6_ECHO_REPLY = 129;
/** RFC 4861 §4.5: no error is sent about it (RFC 4443 §2.4 e.2). */
export const ICMP6_REDIRECT = 137;

/** Of destination unreachable. */
export const CODE6_PORT_UNREACHABLE = 4;
/** Of time exceeded. */
export const CODE6_IN_REASSEMBLY = 1;

export const ICMP6_HEADER_BYTES = 8;

/** A message whose checksum holds. */
export interface Icmp6Message {
  readonly type: number;
  readonly code: number;
  /** What stands behind the checksum: identifier and sequence number of an echo, the MTU of packet too big, a pointer. */
  readonly rest: number;
}

/** RFC 4443 §2.1. */
export function isIcmp6Error(type: number): boolean {
  return type < 128 || type === ICMP6_REDIRECT;
}

/**
 * Reads the message in `bytes[start, end)`. Raises ParseError when it is short or its checksum, which covers the
 * addresses of the packet in `bytes[0, 40)`, is wrong.
 */
export function decodeIcmp6(bytes: Uint8Array, start: number, end: number, sink?: FieldSink): Icmp6Message {
  const r = new Reader('icmp', bytes, start, end, sink);
  const type = r.u8('type');
  const code = r.u8('code');
  r.u16('checksum');
  const rest = r.u32('rest');
  const pseudo = pseudoHeaderSum6(bytes, SOURCE_AT, bytes, DESTINATION_AT, NEXT_HEADER_ICMPV6, end - start);
  if (finishChecksum(pseudo + sumWords(bytes, start, end)) !== 0) {
    r.fail('checksum: does not match the message', start + 2);
  }
  return { type, code, rest };
}

/** The beginning of the packet that an error is about. */
export interface QuotedPacket6 {
  readonly totalLength: number;
  /** Where the addresses stand in the message. */
  readonly sourceAt: number;
  readonly destinationAt: number;
  readonly nextHeader: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly seq: number;
}

/** Reads the packet quoted in `bytes[start, end)`, without extension headers as we send them. Raises ParseError when it is cut off. */
export function decodeQuoted6(bytes: Uint8Array, start: number, end: number, sink?: FieldSink): QuotedPacket6 {
  const r = new Reader('icmp', bytes, start, end, sink, 'quoted.');
  const first = r.u32('versionClassAndFlowLabel');
  if (first >>> 28 !== 6) r.fail(`version: ${first >>> 28} is not 6`, start);
  const totalLength = IPV6_HEADER_BYTES + r.u16('payloadLength');
  const nextHeader = r.u8('nextHeader');
  r.u8('hopLimit');
  r.take(16, 'source');
  r.take(16, 'destination');
  const sourcePort = r.u16('sourcePort');
  const destinationPort = r.u16('destinationPort');
  const seq = r.u32('sequenceNumber');
  return {
    totalLength,
    sourceAt: start + SOURCE_AT,
    destinationAt: start + DESTINATION_AT,
    nextHeader,
    sourcePort,
    destinationPort,
    seq,
  };
}

/** Makes an echo in `bytes[at, at + length)` the reply to it; the checksum is left to `writeIcmp6Checksum`. */
export function makeEchoReply6(bytes: Uint8Array, at: number): void {
  bytes[at] = ICMP6_ECHO_REPLY;
}

/**
 * Writes an error at `target[at]` without its checksum and gives its length: as much of `frame[0, end)` is quoted as the
 * smallest MTU has room for (RFC 4443 §2.4 c).
 */
export function writeIcmp6Error(
  target: Uint8Array,
  at: number,
  type: number,
  code: number,
  rest: number,
  frame: Uint8Array,
  end: number,
): number {
  const quoted = Math.min(end, MOST_QUOTED_BYTES);
  target[at] = type;
  target[at + 1] = code;
  target[at + 4] = rest >>> 24;
  target[at + 5] = rest >>> 16;
  target[at + 6] = rest >>> 8;
  target[at + 7] = rest;
  target.set(frame.subarray(0, quoted), at + ICMP6_HEADER_BYTES);
  return ICMP6_HEADER_BYTES + quoted;
}

export const MOST_QUOTED_BYTES = IPV6_MIN_MTU - IPV6_HEADER_BYTES - ICMP6_HEADER_BYTES;

/** Fills in the checksum of the message in `bytes[start, end)` between two addresses of 16 bytes. */
export function writeIcmp6Checksum(
  bytes: Uint8Array,
  start: number,
  end: number,
  source: Uint8Array,
  destination: Uint8Array,
): void {
  bytes[start + 2] = 0;
  bytes[start + 3] = 0;
  const pseudo = pseudoHeaderSum6(source, 0, destination, 0, NEXT_HEADER_ICMPV6, end - start);
  const checksum = finishChecksum(pseudo + sumWords(bytes, start, end));
  bytes[start + 2] = checksum >>> 8;
  bytes[start + 3] = checksum;
}
