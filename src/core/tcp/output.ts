// How segments of a connection leave: written in place in the stack's buffer, told to the trace, handed over (RFC 9293
// §3.1). Which segments leave, and when, is decided in connection.ts, syn-received.ts and send.ts.

import type { ByteQueue } from '../bytes/queue.js';
import type { Address } from '../ip/address.js';
import type { Trace } from '../trace.js';
import type { Micros, SessionFactory } from '../types.js';
import type { TcpSettings } from './config.js';
import type { Negotiated } from './negotiate.js';
import {
  ACK,
  ECE,
  ECN_NOT_ECT,
  MAX_SACK_BLOCKS,
  RST,
  SYN,
  TCP_HEADER_BYTES,
  TIMESTAMPS_BYTES,
  writeSackBlocks,
  writeSynOptions,
  writeTcpHeader,
  writeTimestamps,
} from './segment.js';

/** Where the stack lets segments be written. A segment is written at `begin()[payloadStart]` and leaves by `send`. */
export interface TcpOutput {
  readonly payloadStart: number;
  begin(): Uint8Array;
  /** `ecn`: the codepoint of the packet (RFC 3168 §5): 0 not-ECT, 2 ECT(0). */
  send(nowUs: Micros, remoteAddress: Address, length: number, ecn?: number): void;
}

/** The largest segment text for a path whose MTU is known to be smaller than ours, and when that is to be forgotten. */
export interface PathMss {
  readonly mss: number;
  readonly untilUs: Micros;
}

/** What an ICMP error says of a segment of ours that it quotes, in neither version's numbers. */
export interface TransportError {
  readonly remoteAddress: Address;
  readonly remotePort: number;
  readonly localPort: number;
  readonly seq: number;
  /** hard and soft: RFC 1122 §4.2.3.9. too-big: fragmentation needed (RFC 1191), packet too big (RFC 8201). */
  readonly kind: 'hard' | 'soft' | 'too-big';
  /** In words, for the reason of an end: `port unreachable`. */
  readonly what: string;
  /** With too-big only. */
  readonly path?: PathMss;
}

/** What came of it. */
export type TransportVerdict =
  | 'path MTU taken'
  | 'noted: the connection goes on'
  | 'connection ended'
  | 'ignored: no such connection'
  | 'ignored: sequence number not in flight'
  | 'ignored: no larger segments are sent';

/** The two ends of a segment and the way out. */
export interface Ends {
  /** `10.0.0.1:49152>10.0.0.2:443#k`; undefined while there is no connection. */
  readonly flow: string | undefined;
  /** `address:port`, for the trace. */
  readonly local: string;
  readonly remote: string;
  readonly remoteAddress: Address;
  readonly remotePort: number;
  readonly localPort: number;
  readonly output: TcpOutput;
  readonly trace: Trace | undefined;
}

/** What a connection is made of. */
export interface ConnectionConfig extends Ends {
  /** Orders timers of equal deadlines among connections. */
  readonly serial: number;
  readonly flow: string;
  readonly iss: number;
  readonly irs: number;
  /** The largest segment text that fits the MTU, which is also the MSS we offer. */
  readonly ownMss: number;
  /** What is known of the path from earlier connections. */
  readonly pathMss?: PathMss | undefined;
  readonly negotiated: Negotiated;
  /** The window of the SYN, which is not scaled. */
  readonly synWindow: number;
  readonly settings: TcpSettings;
  readonly createSession: SessionFactory;
}

/** The options of the next segment without SYN: one object for each connection, filled anew. */
export interface SegmentOptions {
  timestamps: boolean;
  tsVal: number;
  tsEcr: number;
  sackBlocks: number;
  readonly sackEdges: Uint32Array;
}

export function emptyOptions(timestamps: boolean): SegmentOptions {
  return { timestamps, tsVal: 0, tsEcr: 0, sackBlocks: 0, sackEdges: new Uint32Array(2 * MAX_SACK_BLOCKS) };
}

/** A segment with `length` bytes of `queue` that begin `distance` behind its front. */
export function writeSegment(
  nowUs: Micros,
  ends: Ends,
  options: SegmentOptions,
  seq: number,
  ack: number,
  flags: number,
  window: number,
  queue: ByteQueue,
  distance: number,
  length: number,
  ecn: number,
): void {
  const { output, localPort, remotePort } = ends;
  const bytes = output.begin();
  const at = output.payloadStart;
  let headerLength = TCP_HEADER_BYTES;
  if (options.timestamps) {
    writeTimestamps(bytes, at + headerLength, options.tsVal, options.tsEcr);
    headerLength += TIMESTAMPS_BYTES;
  }
  if (options.sackBlocks > 0) {
    headerLength += writeSackBlocks(bytes, at + headerLength, options.sackEdges, options.sackBlocks);
  }
  writeTcpHeader(bytes, at, localPort, remotePort, seq, ack, headerLength, flags, window);
  if (length > 0) queue.copyTo(bytes, at + headerLength, distance, length);
  if (ends.trace) traceOut(nowUs, ends, seq, ack, flags, window, length, options, undefined);
  output.send(nowUs, ends.remoteAddress, headerLength + length, ecn);
}

/** What a SYN-ACK says. A `receiveShift` of -1 leaves window scaling out; `window` is not scaled. */
export interface SynAck {
  readonly seq: number;
  readonly ack: number;
  readonly window: number;
  readonly mss: number;
  readonly receiveShift: number;
  readonly sack: boolean;
  readonly timestamps: boolean;
  readonly tsVal: number;
  readonly tsEcr: number;
  readonly ecn: boolean;
}

/** <SEQ=ISS><ACK=RCV.NXT><CTL=SYN,ACK>. RFC 3168 §6.1.1: with ECE but not CWR to agree to ECN, and never in an ECT packet. */
export function writeSynAck(nowUs: Micros, ends: Ends, synAck: SynAck): void {
  const { output, localPort, remotePort } = ends;
  const { seq, ack, window, mss, receiveShift, sack, timestamps, tsVal, tsEcr } = synAck;
  const bytes = output.begin();
  const at = output.payloadStart;
  const optionsAt = at + TCP_HEADER_BYTES;
  const headerLength =
    TCP_HEADER_BYTES + writeSynOptions(bytes, optionsAt, mss, receiveShift, sack, timestamps, tsVal, tsEcr);
  const flags = SYN | ACK | (synAck.ecn ? ECE : 0);
  writeTcpHeader(bytes, at, localPort, remotePort, seq, ack, headerLength, flags, window);
  if (ends.trace) traceOut(nowUs, ends, seq, ack, flags, window, 0, undefined, synAck);
  output.send(nowUs, ends.remoteAddress, headerLength, ECN_NOT_ECT);
}

/** <SEQ><CTL=RST>, with the timestamps where they were agreed on (RFC 7323 §3.2); TSecr is 0 without ACK. */
export function writeReset(
  nowUs: Micros,
  ends: Ends,
  options: SegmentOptions | undefined,
  seq: number,
  ack = 0,
  flags = RST,
): void {
  const { output, localPort, remotePort } = ends;
  const bytes = output.begin();
  const at = output.payloadStart;
  const timestamps = options?.timestamps === true;
  const headerLength = TCP_HEADER_BYTES + (timestamps ? TIMESTAMPS_BYTES : 0);
  if (timestamps) writeTimestamps(bytes, at + TCP_HEADER_BYTES, options.tsVal, options.tsEcr);
  writeTcpHeader(bytes, at, localPort, remotePort, seq, ack, headerLength, flags, 0);
  if (ends.trace) traceOut(nowUs, ends, seq, ack, flags, 0, 0, options, undefined);
  output.send(nowUs, ends.remoteAddress, headerLength, ECN_NOT_ECT);
}

function traceOut(
  nowUs: Micros,
  ends: Ends,
  seq: number,
  ack: number,
  flags: number,
  window: number,
  length: number,
  options: SegmentOptions | undefined,
  synAck: SynAck | undefined,
): void {
  const timestamps = synAck ?? options;
  const blocks = options?.sackBlocks ?? 0;
  ends.trace?.(nowUs, {
    layer: 'tcp',
    kind: 'segment',
    dir: 'out',
    ...(ends.flow !== undefined && { flow: ends.flow }),
    src: ends.local,
    dst: ends.remote,
    seq,
    ack,
    flags,
    window,
    length,
    ...(synAck && { mss: synAck.mss }),
    ...(synAck && synAck.receiveShift >= 0 && { windowScale: synAck.receiveShift }),
    ...(synAck?.sack && { sackPermitted: true }),
    ...(timestamps?.timestamps && { tsVal: timestamps.tsVal, tsEcr: timestamps.tsEcr }),
    ...(blocks > 0 && options && { sack: Array.from(options.sackEdges.subarray(0, 2 * blocks)) }),
  });
}
