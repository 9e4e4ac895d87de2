// The packets of `synthesis.ts` on the wire: IPv4 (RFC 791) or IPv6 (RFC 8200) around TCP (RFC 9293 §3.1), complete with
// checksums (RFC 1071). Decoding reads what encoding writes: IP options, extension headers and fragments are not that.

import { Reader } from '../core/bytes/reader.js';
import { Writer } from '../core/bytes/writer.js';
import { finishChecksum, sumWords } from '../core/ip/checksum.js';

export const FIN = 0x01;
export const SYN = 0x02;
export const RST = 0x04;
export const PSH = 0x08;
export const ACK = 0x10;

const TCP = 6;
const TTL = 64;
const DONT_FRAGMENT = 0x4000;
/** With the largest window scale (RFC 7323 §2.3) a gigabyte, so that no packet looks like one outside the window. */
const WINDOW = 0xffff;
const WINDOW_SCALE = 14;
const IPV4_HEADER_BYTES = 20;
const IPV6_HEADER_BYTES = 40;
/** Without and with the options of a SYN. */
const TCP_HEADER_BYTES = 20;
const SYN_OPTIONS_BYTES = 8;
const CHECKSUM_IN_IPV4 = 10;
const CHECKSUM_IN_TCP = 16;

export interface End {
  /** 4 or 16 bytes; the same length at both ends. */
  readonly address: Uint8Array;
  readonly port: number;
}

/** A packet of its own. `label`: IPv4 identification (16 bits) or IPv6 flow label (20 bits). */
export function encodeSegment(
  from: End,
  to: End,
  label: number,
  seq: number,
  ack: number,
  flags: number,
  payload: Uint8Array,
): Uint8Array {
  const headerBytes = TCP_HEADER_BYTES + (flags & SYN ? SYN_OPTIONS_BYTES : 0);
  const tcpBytes = headerBytes + payload.length;
  const writer = new Writer(IPV6_HEADER_BYTES + tcpBytes);
  if (from.address.length === 4) putIpv4(writer, from.address, to.address, label, tcpBytes);
  else putIpv6(writer, from.address, to.address, label, tcpBytes);
  const tcpAt = writer.length;
  writer.u16(from.port).u16(to.port).u32(seq).u32(ack);
  writer
    .u8((headerBytes / 4) << 4)
    .u8(flags)
    .u16(WINDOW);
  writer.u16(0).u16(0);
  // Maximum segment size (kind 2) as large as its field; no-operation; window scale (kind 3).
  if (flags & SYN) writer.u32(0x0204_ffff).u32(0x0103_0300 | WINDOW_SCALE);
  writer.put(payload);
  const packet = writer.finish();
  // RFC 9293 §3.1: over a pseudo-header of addresses, protocol and length, then the segment.
  const pseudo = sum(from.address) + sum(to.address) + TCP + tcpBytes;
  putChecksum(packet, tcpAt + CHECKSUM_IN_TCP, pseudo + sumWords(packet, tcpAt, packet.length));
  return packet;
}

function putIpv4(writer: Writer, from: Uint8Array, to: Uint8Array, label: number, tcpBytes: number): void {
  writer.u8(0x45).u8(0);
  writer.u16(IPV4_HEADER_BYTES + tcpBytes);
  writer.u16(label).u16(DONT_FRAGMENT);
  writer.u8(TTL).u8(TCP).u16(0).put(from).put(to);
  putChecksum(writer.view(), CHECKSUM_IN_IPV4, sum(writer.view()));
}

function putIpv6(writer: Writer, from: Uint8Array, to: Uint8Array, label: number, tcpBytes: number): void {
  writer.u32(0x6000_0000 | label).u16(tcpBytes);
  writer.u8(TCP).u8(TTL).put(from).put(to);
}

function sum(bytes: Uint8Array): number {
  return sumWords(bytes, 0, bytes.length);
}

function putChecksum(bytes: Uint8Array, at: number, total: number): void {
  const checksum = finishChecksum(total);
  bytes[at] = checksum >>> 8;
  bytes[at + 1] = checksum;
}

export interface SynthesisedSegment {
  /** 4 or 16 bytes. */
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly label: number;
  readonly seq: number;
  /** Offset of `seq` in the packet; `ack` is behind it. */
  readonly seqAt: number;
  readonly ack: number;
  readonly flags: number;
  readonly flagsAt: number;
  /** A view of the packet. */
  readonly payload: Uint8Array;
}

/** Raises ParseError. Checksums are not looked at: a recording is a file, and what it compares is every byte anyway. */
export function decodeSegment(packet: Uint8Array): SynthesisedSegment {
  const r = new Reader('tcp', packet);
  const versionAndLength = r.u8('version');
  let label: number;
  let source: Uint8Array;
  let destination: Uint8Array;
  if (versionAndLength === 0x45) {
    r.skip(1, 'typeOfService');
    if (r.u16('totalLength') !== packet.length) r.fail('totalLength: not the length of the packet');
    label = r.u16('identification');
    if (r.u16('fragment') !== DONT_FRAGMENT) r.fail('fragment: not a synthesised packet');
    r.skip(1, 'ttl');
    if (r.u8('protocol') !== TCP) r.fail('protocol: not TCP');
    r.skip(2, 'checksum');
    source = r.take(4, 'source');
    destination = r.take(4, 'destination');
  } else if (versionAndLength >>> 4 === 6) {
    label = r.u24('flowLabel') & 0xf_ffff;
    if (r.u16('payloadLength') !== packet.length - IPV6_HEADER_BYTES) {
      r.fail('payloadLength: not the length of the packet');
    }
    if (r.u8('nextHeader') !== TCP) r.fail('nextHeader: not TCP');
    r.skip(1, 'hopLimit');
    source = r.take(16, 'source');
    destination = r.take(16, 'destination');
  } else return r.fail('version: not a synthesised packet', 0);
  const sourcePort = r.u16('sourcePort');
  const destinationPort = r.u16('destinationPort');
  const seqAt = r.offset;
  const seq = r.u32('seq');
  const ack = r.u32('ack');
  const headerBytes = (r.u8('dataOffset') >>> 4) * 4;
  if (headerBytes < TCP_HEADER_BYTES) r.fail('dataOffset: shorter than the header');
  const flagsAt = r.offset;
  const flags = r.u8('flags');
  r.skip(6, 'window, checksum, urgentPointer');
  r.skip(headerBytes - TCP_HEADER_BYTES, 'options');
  const payload = r.rest('payload');
  return { source, destination, sourcePort, destinationPort, label, seq, seqAt, ack, flags, flagsAt, payload };
}
