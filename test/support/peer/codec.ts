// IPv4 with TCP for the peer over virtual time, read and written without the code under test and fast enough for millions
// of frames: plain loops, one object that is filled again. Options: MSS, window scale, SACK-permitted, SACK, timestamps.

import { patternBytes } from '../stub-session.js';

export const FIN = 0x01;
export const SYN = 0x02;
export const RST = 0x04;
export const PSH = 0x08;
export const ACK = 0x10;

const IP_HEADER = 20;
const TCP_HEADER = 20;

export interface Seen {
  source: number;
  destination: number;
  sourcePort: number;
  destinationPort: number;
  seq: number;
  ack: number;
  flags: number;
  /** Not scaled. */
  window: number;
  payloadStart: number;
  payloadLength: number;
  /** -1 when absent. */
  mss: number;
  /** -1 when absent. */
  windowScale: number;
  sackPermitted: boolean;
  /** Left and right edges of `sackCount` blocks. */
  sackCount: number;
  readonly sackEdges: Uint32Array;
  hasTimestamps: boolean;
  tsVal: number;
  tsEcr: number;
}

export function emptySeen(): Seen {
  return {
    source: 0,
    destination: 0,
    sourcePort: 0,
    destinationPort: 0,
    seq: 0,
    ack: 0,
    flags: 0,
    window: 0,
    payloadStart: 0,
    payloadLength: 0,
    mss: -1,
    windowScale: -1,
    sackPermitted: false,
    sackCount: 0,
    sackEdges: new Uint32Array(8),
    hasTimestamps: false,
    tsVal: 0,
    tsEcr: 0,
  };
}

const u16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;
const u32 = (bytes: Uint8Array, at: number): number => (u16(bytes, at) * 65_536 + u16(bytes, at + 2)) >>> 0;

/** RFC 1071: what makes the sum of 16-bit words, with `sum` already in it, come out right. 0 for a range that has its checksum. */
function checksum(bytes: Uint8Array, start: number, end: number, from: number): number {
  let sum = from;
  const even = end - ((end - start) & 1);
  for (let at = start; at < even; at += 2) sum += (bytes[at]! << 8) | bytes[at + 1]!;
  if (even < end) sum += bytes[even]! << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 65_536);
  return ~sum & 0xffff;
}

function pseudoSum(frame: Uint8Array, tcpLength: number): number {
  return u16(frame, 12) + u16(frame, 14) + u16(frame, 16) + u16(frame, 18) + 6 + tcpLength;
}

/** Reads `frame` into `seen`. Undefined when it is well formed with right checksums; otherwise what is wrong with it. */
export function readFrame(frame: Uint8Array, seen: Seen): string | undefined {
  if (frame.length < IP_HEADER + TCP_HEADER) return 'too short';
  const ipLength = (frame[0]! & 0x0f) * 4;
  if (frame[0]! >>> 4 !== 4 || ipLength < IP_HEADER || ipLength > frame.length - TCP_HEADER) return 'not IPv4';
  if (checksum(frame, 0, ipLength, 0) !== 0) return 'IP checksum';
  if (u16(frame, 2) !== frame.length) return 'IP length';
  if (frame[9] !== 6) return 'not TCP';
  if (checksum(frame, ipLength, frame.length, pseudoSum(frame, frame.length - ipLength)) !== 0) return 'TCP checksum';
  const tcp = ipLength;
  seen.source = u32(frame, 12);
  seen.destination = u32(frame, 16);
  seen.sourcePort = u16(frame, tcp);
  seen.destinationPort = u16(frame, tcp + 2);
  seen.seq = u32(frame, tcp + 4);
  seen.ack = u32(frame, tcp + 8);
  seen.flags = frame[tcp + 13]!;
  seen.window = u16(frame, tcp + 14);
  const headerLength = (frame[tcp + 12]! >>> 4) * 4;
  if (headerLength < TCP_HEADER || tcp + headerLength > frame.length) return 'TCP header length';
  seen.payloadStart = tcp + headerLength;
  seen.payloadLength = frame.length - seen.payloadStart;
  seen.mss = -1;
  seen.windowScale = -1;
  seen.sackPermitted = false;
  seen.sackCount = 0;
  seen.hasTimestamps = false;
  for (let at = tcp + TCP_HEADER; at < seen.payloadStart; ) {
    const kind = frame[at]!;
    if (kind === 0) break;
    if (kind === 1) {
      at++;
      continue;
    }
    const length = frame[at + 1]!;
    if (length < 2 || at + length > seen.payloadStart) return 'option length';
    if (kind === 2) seen.mss = u16(frame, at + 2);
    else if (kind === 3) seen.windowScale = frame[at + 2]!;
    else if (kind === 4) seen.sackPermitted = true;
    else if (kind === 5) {
      seen.sackCount = Math.min(4, (length - 2) >> 3);
      for (let i = 0; i < 2 * seen.sackCount; i++) seen.sackEdges[i] = u32(frame, at + 2 + 4 * i);
    } else if (kind === 8) {
      seen.hasTimestamps = true;
      seen.tsVal = u32(frame, at + 2);
      seen.tsEcr = u32(frame, at + 6);
    }
    at += length;
  }
  return undefined;
}

/** Collects the options of one segment. */
export class Options {
  readonly bytes = new Uint8Array(40);
  length = 0;

  clear(): void {
    this.length = 0;
  }

  mss(value: number): void {
    this.#put(2, 4, value >>> 8, value & 0xff);
  }

  windowScale(shift: number): void {
    this.#put(1, 3, 3, shift);
  }

  sackPermitted(): void {
    this.#put(1, 1, 4, 2);
  }

  timestamps(val: number, ecr: number): void {
    this.#put(1, 1, 8, 10);
    this.#put32(val);
    this.#put32(ecr);
  }

  /** As many blocks of `edges` as have room. */
  sack(edges: readonly number[]): void {
    const blocks = Math.min(edges.length >> 1, Math.floor((40 - this.length - 4) / 8));
    if (blocks <= 0) return;
    this.#put(1, 1, 5, 2 + 8 * blocks);
    for (let i = 0; i < 2 * blocks; i++) this.#put32(edges[i]!);
  }

  #put(...bytes: number[]): void {
    for (const byte of bytes) this.bytes[this.length++] = byte;
  }

  #put32(value: number): void {
    this.#put(value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
  }
}

export interface Segment {
  readonly source: number;
  readonly destination: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly seq: number;
  readonly ack: number;
  readonly flags: number;
  readonly window: number;
  /** The payload is the pattern of stub-session.ts from `payloadIndex` on. */
  readonly payloadIndex: number;
  readonly payloadLength: number;
}

function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

function put32(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at, value >>> 16);
  put16(bytes, at + 2, value & 0xffff);
}

export function writeFrame(segment: Segment, options: Options): Uint8Array {
  const headerLength = TCP_HEADER + options.length;
  const frame = new Uint8Array(IP_HEADER + headerLength + segment.payloadLength);
  frame[0] = 0x45;
  put16(frame, 2, frame.length);
  frame[6] = 0x40;
  frame[8] = 64;
  frame[9] = 6;
  put32(frame, 12, segment.source);
  put32(frame, 16, segment.destination);
  put16(frame, 10, checksum(frame, 0, IP_HEADER, 0));
  const tcp = IP_HEADER;
  put16(frame, tcp, segment.sourcePort);
  put16(frame, tcp + 2, segment.destinationPort);
  put32(frame, tcp + 4, segment.seq);
  put32(frame, tcp + 8, segment.ack);
  frame[tcp + 12] = (headerLength >>> 2) << 4;
  frame[tcp + 13] = segment.flags;
  put16(frame, tcp + 14, segment.window);
  for (let i = 0; i < options.length; i++) frame[tcp + TCP_HEADER + i] = options.bytes[i]!;
  if (segment.payloadLength > 0) {
    frame.set(patternBytes(segment.payloadIndex, segment.payloadLength), tcp + headerLength);
  }
  put16(frame, tcp + 16, checksum(frame, tcp, frame.length, pseudoSum(frame, frame.length - tcp)));
  return frame;
}
