// ICMP messages (RFC 792): echo and destination unreachable. Other types are recognised by number only. When a message
// may be sent at all (RFC 1122 §3.2.2) is decided in stack.ts.

import { type FieldSink, Reader } from '../bytes/reader.js';
import { finishChecksum, sumWords } from './checksum.js';

export const ICMP_ECHO_REPLY = 0;
export const ICMP_DESTINATION_UNREACHABLE = 3;
export const ICMP_ECHO = 8;

export const CODE_PROTOCOL_UNREACHABLE = 2;
export const CODE_PORT_UNREACHABLE = 3;

export const ICMP_HEADER_BYTES = 8;

/** A message whose checksum holds. `identifier` and `sequenceNumber` mean something for echo only. */
export interface IcmpMessage {
  readonly type: number;
  readonly code: number;
  readonly identifier: number;
  readonly sequenceNumber: number;
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

/** Writes the reply to the echo in `request[start, end)` at `target[at]`: the same but for type and checksum. */
export function writeEchoReply(target: Uint8Array, at: number, request: Uint8Array, start: number, end: number): void {
  target.set(request.subarray(start, end), at);
  target[at] = ICMP_ECHO_REPLY;
  writeChecksum(target, at, at + end - start);
}

/**
 * Writes a destination unreachable message at `target[at]` and gives its length: the header of the datagram in `frame`
 * and the first 8 bytes behind it (RFC 792), which hold the ports.
 */
export function writeUnreachable(
  target: Uint8Array,
  at: number,
  code: number,
  frame: Uint8Array,
  payloadStart: number,
  payloadEnd: number,
): number {
  const quoted = Math.min(payloadStart + 8, payloadEnd);
  target[at] = ICMP_DESTINATION_UNREACHABLE;
  target[at + 1] = code;
  target.fill(0, at + 4, at + ICMP_HEADER_BYTES);
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
