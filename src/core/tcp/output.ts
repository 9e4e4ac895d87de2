// How segments of a connection leave: written in place in the stack's buffer, told to the trace, handed over (RFC 9293
// §3.1). Which segments leave, and when, is decided in connection.ts and send.ts.

import type { ByteQueue } from '../bytes/queue.js';
import type { Address } from '../ip/address.js';
import type { Trace } from '../trace.js';
import type { Micros, SessionFactory } from '../types.js';
import { ACK, RST, SYN, TCP_HEADER_BYTES, writeSynOptions, writeTcpHeader } from './segment.js';

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

/** What a connection is made of. */
export interface ConnectionConfig {
  /** Orders timers of equal deadlines among connections. */
  readonly serial: number;
  /** `10.0.0.1:49152>10.0.0.2:443#k` */
  readonly flow: string;
  /** `address:port`, for the trace. */
  readonly local: string;
  readonly remote: string;
  readonly remoteAddress: Address;
  readonly remotePort: number;
  readonly localPort: number;
  readonly iss: number;
  /** The largest segment text that fits the MTU, which is also the MSS we offer. */
  readonly ownMss: number;
  /** What is known of the path from earlier connections. */
  readonly pathMss?: PathMss | undefined;
  readonly createSession: SessionFactory;
  readonly output: TcpOutput;
  readonly trace: Trace | undefined;
}

/** A segment with `length` bytes of `queue` that begin `distance` behind its front. */
export function writeSegment(
  nowUs: Micros,
  config: ConnectionConfig,
  seq: number,
  ack: number,
  flags: number,
  window: number,
  queue: ByteQueue,
  distance: number,
  length: number,
): void {
  const { output, localPort, remotePort } = config;
  const bytes = output.begin();
  const at = output.payloadStart;
  writeTcpHeader(bytes, at, localPort, remotePort, seq, ack, TCP_HEADER_BYTES, flags, window);
  if (length > 0) queue.copyTo(bytes, at + TCP_HEADER_BYTES, distance, length);
  if (config.trace) traceOut(nowUs, config, seq, ack, flags, window, length, -1);
  output.send(nowUs, config.remoteAddress, TCP_HEADER_BYTES + length);
}

/** <SEQ=ISS><ACK=RCV.NXT><CTL=SYN,ACK>. A `windowScale` of -1 leaves that option out; `window` is not scaled. */
export function writeSynAck(
  nowUs: Micros,
  config: ConnectionConfig,
  ack: number,
  window: number,
  windowScale: number,
): void {
  const { output, localPort, remotePort, iss, ownMss } = config;
  const bytes = output.begin();
  const at = output.payloadStart;
  const headerLength = TCP_HEADER_BYTES + writeSynOptions(bytes, at + TCP_HEADER_BYTES, ownMss, windowScale);
  writeTcpHeader(bytes, at, localPort, remotePort, iss, ack, headerLength, SYN | ACK, window);
  if (config.trace) traceOut(nowUs, config, iss, ack, SYN | ACK, window, 0, windowScale);
  output.send(nowUs, config.remoteAddress, headerLength);
}

/** <SEQ><CTL=RST>. */
export function writeReset(nowUs: Micros, config: ConnectionConfig, seq: number): void {
  const { output, localPort, remotePort } = config;
  writeTcpHeader(output.begin(), output.payloadStart, localPort, remotePort, seq, 0, TCP_HEADER_BYTES, RST, 0);
  if (config.trace) traceOut(nowUs, config, seq, 0, RST, 0, 0, -1);
  output.send(nowUs, config.remoteAddress, TCP_HEADER_BYTES);
}

function traceOut(
  nowUs: Micros,
  config: ConnectionConfig,
  seq: number,
  ack: number,
  flags: number,
  window: number,
  length: number,
  windowScale: number,
): void {
  config.trace?.(nowUs, {
    layer: 'tcp',
    kind: 'segment',
    dir: 'out',
    flow: config.flow,
    src: config.local,
    dst: config.remote,
    seq,
    ack,
    flags,
    window,
    length,
    ...((flags & SYN) !== 0 && { mss: config.ownMss }),
    ...(windowScale >= 0 && { windowScale }),
  });
}
