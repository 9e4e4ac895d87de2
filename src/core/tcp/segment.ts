// The TCP header (RFC 9293 §3.1) with the options MSS (§3.2), window scale and timestamps (RFC 7323), SACK-permitted and
// SACK (RFC 2018), read and written. The checksum covers the addresses below and is therefore verified and filled in by
// stack.ts. Other options are passed over.

import { type FieldSink, Reader } from '../bytes/reader.js';

export const FIN = 0x01;
export const SYN = 0x02;
export const RST = 0x04;
export const PSH = 0x08;
export const ACK = 0x10;
export const URG = 0x20;
/** RFC 3168 §6.1. */
export const ECE = 0x40;
export const CWR = 0x80;

/** Without options. */
export const TCP_HEADER_BYTES = 20;
/** Where the checksum stands, from the segment's start. */
export const CHECKSUM_OFFSET = 16;
/** Two no-operations and the option (RFC 7323 appendix A). */
export const TIMESTAMPS_BYTES = 12;

const OPTION_END = 0;
const OPTION_NO_OPERATION = 1;
const OPTION_MSS = 2;
const OPTION_WINDOW_SCALE = 3;
const OPTION_SACK_PERMITTED = 4;
const OPTION_SACK = 5;
const OPTION_TIMESTAMPS = 8;
/** 40 bytes of options hold no more (RFC 2018 §3). */
export const MAX_SACK_BLOCKS = 4;

/** A segment's header. `payloadStart` counts from the beginning of the buffer that was decoded. */
export interface Segment {
  sourcePort: number;
  destinationPort: number;
  seq: number;
  ack: number;
  /** As on the wire: FIN 0x01 ... CWR 0x80. */
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
  /** SACK blocks, in the order of the option; `sackEdges` holds left and right edge of each. */
  sackBlocks: number;
  readonly sackEdges: Uint32Array;
  hasTimestamps: boolean;
  /** TSval and TSecr; they mean something when `hasTimestamps`. */
  tsVal: number;
  tsEcr: number;
  /** The ECN field of the packet that brought it (RFC 3168 §5): 0 not ECT, 1 ECT(1), 2 ECT(0), 3 CE. The receiver's caller sets it. */
  ecn: number;
}

/** Codepoints of the ECN field (RFC 3168 §5). */
export const ECN_NOT_ECT = 0;
export const ECN_ECT0 = 2;
export const ECN_CE = 3;

export function emptySegment(): Segment {
  return {
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
    sackBlocks: 0,
    sackEdges: new Uint32Array(2 * MAX_SACK_BLOCKS),
    hasTimestamps: false,
    tsVal: 0,
    tsEcr: 0,
    ecn: ECN_NOT_ECT,
  };
}

/** SEG.LEN: the payload, SYN and FIN take one sequence number each. */
export function segmentLength(segment: Segment): number {
  return segment.payloadLength + ((segment.flags & SYN) !== 0 ? 1 : 0) + ((segment.flags & FIN) !== 0 ? 1 : 0);
}

/**
 * Reads the segment in `bytes[start, end)` into `segment`. Raises ParseError when the header is cut off or an option's
 * length is illegal: RFC 9293 §3.1 (MUST-7) asks to survive those, and what cannot be parsed is dropped, not guessed at.
 */
export function decodeSegment(
  bytes: Uint8Array,
  start: number,
  end: number,
  segment: Segment = emptySegment(),
  sink?: FieldSink,
): Segment {
  const r = new Reader('tcp', bytes, start, end, sink);
  segment.sourcePort = r.u16('sourcePort');
  segment.destinationPort = r.u16('destinationPort');
  segment.seq = r.u32('sequenceNumber');
  segment.ack = r.u32('acknowledgmentNumber');
  const headerLength = (r.u8('dataOffset') >>> 4) * 4;
  if (headerLength < TCP_HEADER_BYTES) r.fail(`dataOffset: a header of ${headerLength} bytes`, start + 12);
  if (headerLength > end - start) r.fail(`dataOffset: ${headerLength} bytes wanted, ${end - start} there`, start + 12);
  segment.flags = r.u8('flags');
  segment.window = r.u16('window');
  r.u16('checksum');
  r.u16('urgentPointer');
  segment.mss = -1;
  segment.windowScale = -1;
  segment.sackPermitted = false;
  segment.sackBlocks = 0;
  segment.hasTimestamps = false;
  if (headerLength > TCP_HEADER_BYTES) readOptions(r.sub(headerLength - TCP_HEADER_BYTES, 'options'), segment);
  segment.payloadStart = start + headerLength;
  segment.payloadLength = end - start - headerLength;
  return segment;
}

function readOptions(r: Reader, segment: Segment): void {
  while (r.remaining > 0) {
    const kind = r.u8('kind');
    if (kind === OPTION_END) return;
    if (kind === OPTION_NO_OPERATION) continue;
    const length = r.u8('length');
    if (length < 2) r.fail(`length: option ${kind} has length ${length}`);
    if (kind === OPTION_MSS) {
      if (length !== 4) r.fail(`length: maximum segment size has length ${length}`);
      segment.mss = r.u16('maximumSegmentSize');
    } else if (kind === OPTION_WINDOW_SCALE) {
      if (length !== 3) r.fail(`length: window scale has length ${length}`);
      segment.windowScale = r.u8('windowScale');
    } else if (kind === OPTION_SACK_PERMITTED) {
      if (length !== 2) r.fail(`length: SACK-permitted has length ${length}`);
      segment.sackPermitted = true;
    } else if (kind === OPTION_SACK) {
      readSackBlocks(r, length, segment);
    } else if (kind === OPTION_TIMESTAMPS) {
      if (length !== 10) r.fail(`length: timestamps has length ${length}`);
      segment.hasTimestamps = true;
      segment.tsVal = r.u32('tsVal');
      segment.tsEcr = r.u32('tsEcr');
    } else {
      r.skip(length - 2, 'value');
    }
  }
}

function readSackBlocks(r: Reader, length: number, segment: Segment): void {
  const blocks = (length - 2) / 8;
  if (!Number.isInteger(blocks) || blocks < 1 || blocks > MAX_SACK_BLOCKS) r.fail(`length: SACK has length ${length}`);
  for (let i = 0; i < blocks; i++) {
    segment.sackEdges[2 * i] = r.u32('sackLeftEdge');
    segment.sackEdges[2 * i + 1] = r.u32('sackRightEdge');
  }
  segment.sackBlocks = blocks;
}

/** Writes a header of `headerLength` bytes (options not included in what is written) with a checksum of 0. */
export function writeTcpHeader(
  bytes: Uint8Array,
  at: number,
  sourcePort: number,
  destinationPort: number,
  seq: number,
  ack: number,
  headerLength: number,
  flags: number,
  window: number,
): void {
  bytes[at] = sourcePort >>> 8;
  bytes[at + 1] = sourcePort;
  bytes[at + 2] = destinationPort >>> 8;
  bytes[at + 3] = destinationPort;
  bytes[at + 4] = seq >>> 24;
  bytes[at + 5] = seq >>> 16;
  bytes[at + 6] = seq >>> 8;
  bytes[at + 7] = seq;
  bytes[at + 8] = ack >>> 24;
  bytes[at + 9] = ack >>> 16;
  bytes[at + 10] = ack >>> 8;
  bytes[at + 11] = ack;
  bytes[at + 12] = (headerLength >>> 2) << 4;
  bytes[at + 13] = flags;
  bytes[at + 14] = window >>> 8;
  bytes[at + 15] = window;
  bytes[at + 16] = 0;
  bytes[at + 17] = 0;
  bytes[at + 18] = 0;
  bytes[at + 19] = 0;
}

/**
 * Writes the options of a SYN at `at` and gives their length, 4 to 20 bytes. A `windowScale` of -1 is left out. The order
 * is Linux's: MSS, SACK-permitted, timestamps, no-operation, window scale.
 */
export function writeSynOptions(
  bytes: Uint8Array,
  at: number,
  mss: number,
  windowScale: number,
  sackPermitted = false,
  timestamps = false,
  tsVal = 0,
  tsEcr = 0,
): number {
  let to = at;
  bytes[to++] = OPTION_MSS;
  bytes[to++] = 4;
  bytes[to++] = mss >>> 8;
  bytes[to++] = mss;
  if (timestamps || sackPermitted) {
    // SACK-permitted stands where the timestamps' no-operations would, or behind two of them.
    const both = timestamps && sackPermitted;
    bytes[to++] = both ? OPTION_SACK_PERMITTED : OPTION_NO_OPERATION;
    bytes[to++] = both ? 2 : OPTION_NO_OPERATION;
    if (timestamps) to = putTimestamps(bytes, to, tsVal, tsEcr);
    else {
      bytes[to++] = OPTION_SACK_PERMITTED;
      bytes[to++] = 2;
    }
  }
  if (windowScale >= 0) {
    bytes[to++] = OPTION_NO_OPERATION;
    bytes[to++] = OPTION_WINDOW_SCALE;
    bytes[to++] = 3;
    bytes[to++] = windowScale;
  }
  return to - at;
}

/** Writes the timestamps option of a segment without SYN at `at`: TIMESTAMPS_BYTES. */
export function writeTimestamps(bytes: Uint8Array, at: number, tsVal: number, tsEcr: number): void {
  bytes[at] = OPTION_NO_OPERATION;
  bytes[at + 1] = OPTION_NO_OPERATION;
  putTimestamps(bytes, at + 2, tsVal, tsEcr);
}

/** Writes a SACK option with the first `blocks` pairs of `edges` at `at` and gives its length, padding included. */
export function writeSackBlocks(bytes: Uint8Array, at: number, edges: Uint32Array, blocks: number): number {
  bytes[at] = OPTION_NO_OPERATION;
  bytes[at + 1] = OPTION_NO_OPERATION;
  bytes[at + 2] = OPTION_SACK;
  bytes[at + 3] = 2 + 8 * blocks;
  let to = at + 4;
  for (let i = 0; i < 2 * blocks; i++) to = putU32(bytes, to, edges[i]!);
  return to - at;
}

function putTimestamps(bytes: Uint8Array, at: number, tsVal: number, tsEcr: number): number {
  bytes[at] = OPTION_TIMESTAMPS;
  bytes[at + 1] = 10;
  return putU32(bytes, putU32(bytes, at + 2, tsVal), tsEcr);
}

function putU32(bytes: Uint8Array, at: number, value: number): number {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
  return at + 4;
}
