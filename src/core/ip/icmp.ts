// ICMP messages for IPv4 (RFC 792): echo, errors as we send them, and errors as they come in with the packet that they
// quote. When a message may be sent at all (RFC 1122 §3.2.2) is decided in ipv4.ts.

import { type FieldSink, Reader } from '../bytes/reader.js';
import { finishChecksum, sumWords } from './checksum.js';
import { IPV4_HEADER_BYTES } from './packet.js';

export const ICMP_ECHO_REPLY = 0;
export const ICMP_DESTINATION_UNREACHABLE = 3;
export const ICMP_SOURCE_QUENCH = 4;
export const ICMP_REDIRECT = 5;
export const ICMP_ECHO = 8;
export const ICMP_TIME_EXCEEDED = 11;
export const ICMP_PARAMETER_PROBLEM = 12;

export const CODE_PROTOCOL_UNREACHABLE = 2;
export const CODE_PORT_UNREACHABLE = 3;
export const CODE_FRAGMENTATION_NEEDED = 4;
/** Of time exceeded. */
export const CODE_IN_REASSEMBLY = 1;

export const ICMP_HEADER_BYTES = 8;

/** A message whose checksum holds. `identifier` and `sequenceNumber` mean something for echo only. */
export interface IcmpMessage {
  readonly type: number;
  readonly code: number;
  readonly identifier: number;
  /** In fragmentation needed the next-hop MTU stands here (RFC 1191 §4). */
  readonly sequenceNumber: number;
}

/** RFC 1122 §3.2.2: the messages about which no error is ever sent. */
export function isIcmpError(type: number): boolean {
  return (
    type === ICMP_DESTINATION_UNREACHABLE ||
    type === ICMP_SOURCE_QUENCH ||
    type === ICMP_REDIRECT ||
    type === ICMP_TIME_EXCEEDED ||
    type === ICMP_PARAMETER_PROBLEM
  );
}

/** Reads the message in `bytes[start, end)`. Raises ParseError when it is short or its checksum is wrong. */
export function decodeIcmp(bytes: Uint8Array, start: number, end: number, sink?: FieldSink): IcmpMessage {
  const r = new Reader('icmp', bytes, start, end, sink);
  const type = r.u8('type');
  const code = r.u8('code');
  r.u16('checksum');
  const identifier = r.u16('identifier');
  const sequenceNumber = r.u16('sequenceNumber');
  if (finishChecksum(sumWords(bytes, start, end)) !== 0) r.fail('checksum: does not match the message', start + 2);
  return { type, code, identifier, sequenceNumber };
}

/** The beginning of the packet that an error is about: its header and 8 bytes (RFC 792), where TCP has ports and sequence number. */
export interface QuotedPacket {
  readonly totalLength: number;
  readonly protocol: number;
  readonly source: number;
  readonly destination: number;
  readonly fragmentOffset: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly seq: number;
}

/**
 * Reads the packet quoted in `bytes[start, end)`. Raises ParseError when it is cut off. Its checksum and TTL are not
 * looked at: routers on the way change both, and not all of them keep them in step.
 */
export function decodeQuoted(bytes: Uint8Array, start: number, end: number, sink?: FieldSink): QuotedPacket {
  const r = new Reader('icmp', bytes, start, end, sink, 'quoted.');
  const versionAndIhl = r.u8('versionAndIhl');
  const headerLength = (versionAndIhl & 0x0f) * 4;
  if (versionAndIhl >>> 4 !== 4) r.fail(`version: ${versionAndIhl >>> 4} is not 4`, start);
  if (headerLength < IPV4_HEADER_BYTES) r.fail(`headerLength: ${headerLength} is less than 20`, start);
  r.u8('typeOfService');
  const totalLength = r.u16('totalLength');
  r.u16('identification');
  const fragmentOffset = (r.u16('flagsAndFragmentOffset') & 0x1fff) * 8;
  r.u8('timeToLive');
  const protocol = r.u8('protocol');
  r.u16('headerChecksum');
  const source = r.u32('source');
  const destination = r.u32('destination');
  r.skip(headerLength - IPV4_HEADER_BYTES, 'options');
  const sourcePort = r.u16('sourcePort');
  const destinationPort = r.u16('destinationPort');
  const seq = r.u32('sequenceNumber');
  return { totalLength, protocol, source, destination, fragmentOffset, sourcePort, destinationPort, seq };
}

/** Writes the reply to the echo in `request[start, end)` at `target[at]`: the same but for type and checksum. */
export function writeEchoReply(target: Uint8Array, at: number, request: Uint8Array, start: number, end: number): void {
  target.set(request.subarray(start, end), at);
  target[at] = ICMP_ECHO_REPLY;
  writeChecksum(target, at, at + end - start);
}

/**
 * Writes an error at `target[at]` and gives its length: `rest` is the second word (a parameter problem's pointer stands in
 * its highest byte), the packet in `frame` is quoted up to 8 bytes behind its header (RFC 792), which hold the ports.
 */
export function writeIcmpError(
  target: Uint8Array,
  at: number,
  type: number,
  code: number,
  rest: number,
  frame: Uint8Array,
  payloadStart: number,
  payloadEnd: number,
): number {
  const quoted = Math.min(payloadStart + 8, payloadEnd);
  target[at] = type;
  target[at + 1] = code;
  target[at + 4] = rest >>> 24;
  target[at + 5] = rest >>> 16;
  target[at + 6] = rest >>> 8;
  target[at + 7] = rest;
  target.set(frame.subarray(0, quoted), at + ICMP_HEADER_BYTES);
  const length = ICMP_HEADER_BYTES + quoted;
  writeChecksum(target, at, at + length);
  return length;
}

function writeChecksum(bytes: Uint8Array, start: number, end: number): void {
  bytes[start + 2] = 0;
  bytes[start + 3] = 0;
  const checksum = finishChecksum(sumWords(bytes, start, end));
  bytes[start + 2] = checksum >>> 8;
  bytes[start + 3] = checksum;
}
