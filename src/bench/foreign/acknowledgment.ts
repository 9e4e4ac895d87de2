// A pure acknowledgment made of a segment that acknowledges more: the same header without its text, for an earlier number.

import { ACK } from '../../core/tcp/segment.js';
import { fillIpv4Checksum, fillUpperChecksum, putU16, putU32 } from './checksums.js';
import type { TcpFacts } from './load.js';

const PROTOCOL_TCP = 6;
const IPV6_HEADER_BYTES = 40;

/** `packet`: IP and TCP without extension headers behind which something else would stand. */
export function acknowledgment(packet: Uint8Array, tcp: TcpFacts, ack: number): Uint8Array {
  const made = packet.slice(0, tcp.payloadAt);
  const isV6 = made[0]! >>> 4 === 6;
  if (isV6) putU16(made, 4, made.length - IPV6_HEADER_BYTES);
  else {
    putU16(made, 2, made.length);
    fillIpv4Checksum(made);
  }
  const at = tcp.headerAt;
  putU32(made, at + 8, ack);
  made[at + 13] = ACK;
  fillUpperChecksum(made, at, PROTOCOL_TCP, 16);
  return made;
}
