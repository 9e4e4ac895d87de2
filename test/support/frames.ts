// Frames for tests, built and read byte by byte without the code under test: plain loops, plain checksums.

import * as assert from 'uvu/assert';

export const FIN = 0x01;
export const SYN = 0x02;
export const RST = 0x04;
export const PSH = 0x08;
export const ACK = 0x10;
export const URG = 0x20;
export const ECE = 0x40;
export const CWR = 0x80;

export interface TcpFrame {
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly seq: number;
  readonly ack: number;
  readonly flags: number;
  readonly window: number;
  readonly mss?: number | undefined;
  readonly windowScale?: number | undefined;
  readonly sackPermitted?: boolean | undefined;
  /** TSval and TSecr. */
  readonly timestamps?: readonly [tsVal: number, tsEcr: number] | undefined;
  /** Left and right edge of each block. */
  readonly sack?: readonly number[] | undefined;
  /** ECN codepoint of the packet: 0 not-ECT, 1 ECT(1), 2 ECT(0), 3 CE. */
  readonly ecn?: number | undefined;
  readonly payload?: Uint8Array | undefined;
}

export interface ParsedTcpFrame extends TcpFrame {
  readonly payload: Uint8Array;
}

/** RFC 1071, two bytes at a time. */
export function slowChecksum(...parts: Uint8Array[]): number {
  let sum = 0;
  for (const part of parts) {
    for (let i = 0; i < part.length; i += 2) {
      sum += (part[i]! << 8) + (part[i + 1] ?? 0);
      if (sum > 0xffff) sum -= 0xffff;
    }
  }
  return ~sum & 0xffff;
}

export function addressBytes(address: string): Uint8Array {
  return Uint8Array.from(address.split('.'), Number);
}

export function ipFrame(
  source: string,
  destination: string,
  protocol: number,
  payload: Uint8Array,
  overrides: { ttl?: number; flagsAndOffset?: number; options?: Uint8Array; ecn?: number } = {},
): Uint8Array {
  const options = overrides.options ?? new Uint8Array(0);
  const headerLength = 20 + options.length;
  const frame = new Uint8Array(headerLength + payload.length);
  const view = new DataView(frame.buffer);
  view.setUint8(0, 0x40 | (headerLength / 4));
  view.setUint8(1, overrides.ecn ?? 0);
  view.setUint16(2, frame.length);
  view.setUint16(6, overrides.flagsAndOffset ?? 0x4000);
  view.setUint8(8, overrides.ttl ?? 64);
  view.setUint8(9, protocol);
  frame.set(addressBytes(source), 12);
  frame.set(addressBytes(destination), 16);
  frame.set(options, 20);
  view.setUint16(10, slowChecksum(frame.subarray(0, headerLength)));
  frame.set(payload, headerLength);
  return frame;
}

function pseudoHeader(source: Uint8Array, destination: Uint8Array, protocol: number, length: number): Uint8Array {
  return Uint8Array.from([...source, ...destination, 0, protocol, length >>> 8, length & 0xff]);
}

export function tcpFrame(segment: TcpFrame): Uint8Array {
  const options: number[] = [];
  if (segment.mss !== undefined) options.push(2, 4, segment.mss >>> 8, segment.mss & 0xff);
  if (segment.windowScale !== undefined) options.push(1, 3, 3, segment.windowScale);
  if (segment.sackPermitted) options.push(1, 1, 4, 2);
  if (segment.timestamps) options.push(1, 1, 8, 10, ...segment.timestamps.flatMap(u32));
  if (segment.sack && segment.sack.length > 0) {
    options.push(1, 1, 5, 2 + 4 * segment.sack.length, ...segment.sack.flatMap(u32));
  }
  const payload = segment.payload ?? new Uint8Array(0);
  const headerLength = 20 + options.length;
  const bytes = new Uint8Array(headerLength + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, segment.sourcePort);
  view.setUint16(2, segment.destinationPort);
  view.setUint32(4, segment.seq);
  view.setUint32(8, segment.ack);
  view.setUint8(12, (headerLength / 4) << 4);
  view.setUint8(13, segment.flags);
  view.setUint16(14, segment.window);
  bytes.set(options, 20);
  bytes.set(payload, headerLength);
  const pseudo = pseudoHeader(addressBytes(segment.source), addressBytes(segment.destination), 6, bytes.length);
  view.setUint16(16, slowChecksum(pseudo, bytes));
  return ipFrame(segment.source, segment.destination, 6, bytes, { ecn: segment.ecn ?? 0 });
}

function u32(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}

export function udpFrame(source: string, destination: string, port: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 5353);
  view.setUint16(2, port);
  view.setUint16(4, bytes.length);
  bytes.set(payload, 8);
  const pseudo = pseudoHeader(addressBytes(source), addressBytes(destination), 17, bytes.length);
  view.setUint16(6, slowChecksum(pseudo, bytes));
  return ipFrame(source, destination, 17, bytes);
}

/** Reads a frame that the stack sent, and asserts what holds for all of them: checksums, DF, identification 0, TTL 64. */
export function parseTcpFrame(frame: Uint8Array): ParsedTcpFrame {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  assert.is(frame[0], 0x45, 'IPv4 without options');
  assert.is(view.getUint16(2), frame.length, 'total length');
  assert.is(view.getUint16(4), 0, 'identification');
  assert.is(view.getUint16(6), 0x4000, 'DF only');
  assert.is(frame[8], 64, 'TTL');
  assert.is(frame[9], 6, 'TCP');
  assert.is(slowChecksum(frame.subarray(0, 20)), 0, 'IP checksum');
  const tcp = frame.subarray(20);
  const pseudo = pseudoHeader(frame.subarray(12, 16), frame.subarray(16, 20), 6, tcp.length);
  assert.is(slowChecksum(pseudo, tcp), 0, 'TCP checksum');
  const headerLength = (tcp[12]! >>> 4) * 4;
  let mss: number | undefined;
  let windowScale: number | undefined;
  let sackPermitted = false;
  let timestamps: [number, number] | undefined;
  const sack: number[] = [];
  for (let at = 20; at < headerLength; ) {
    const kind = tcp[at]!;
    if (kind === 0) break;
    if (kind === 2) mss = (tcp[at + 2]! << 8) | tcp[at + 3]!;
    if (kind === 3) windowScale = tcp[at + 2];
    if (kind === 4) sackPermitted = true;
    if (kind === 5) for (let i = at + 2; i < at + tcp[at + 1]!; i += 4) sack.push(view.getUint32(20 + i));
    if (kind === 8) timestamps = [view.getUint32(22 + at), view.getUint32(26 + at)];
    at += kind === 1 ? 1 : tcp[at + 1]!;
  }
  return {
    source: frame.subarray(12, 16).join('.'),
    destination: frame.subarray(16, 20).join('.'),
    sourcePort: view.getUint16(20),
    destinationPort: view.getUint16(22),
    seq: view.getUint32(24),
    ack: view.getUint32(28),
    flags: frame[33]!,
    window: view.getUint16(34),
    mss,
    windowScale,
    sackPermitted,
    timestamps,
    sack,
    ecn: frame[1]! & 3,
    payload: tcp.slice(headerLength),
  };
}
