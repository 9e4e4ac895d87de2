// One TCP connection of a capture: both directions, who is the client, the server's state as far as it can be told (RFC 9293
// §3.3.2), and its byte streams for the reader above.

import { ACK, FIN, RST, type Segment, SYN } from '../../core/tcp/segment.js';
import { seqDiff } from '../../core/tcp/seq.js';
import type { Direction, TcpState } from '../../core/trace.js';
import { type Held, TcpHalf } from './tcp-half.js';
import { judge, VERDICTS } from './tcp-verdicts.js';
import type { ConversationReader, PacketSink, Verdict } from './types.js';

export interface FlowNames {
  /** As in a trace. */
  readonly flow: string;
  readonly client: string;
  readonly server: string;
}

export class TcpFlow {
  readonly index: number;
  readonly names: FlowNames;
  readonly client: TcpHalf;
  readonly server: TcpHalf;
  /** The capture begins within the connection. */
  readonly midstream: boolean;
  /** Where the client's address stands in a packet of it: the source of its own. */
  readonly clientKey: string;
  /** Packet number of the last one, for making room. */
  lastPacket = 0;
  /** Waiting for the pair of names that the upper layer begins with. */
  reader: ConversationReader | undefined;
  state: TcpState = 'LISTEN';
  /** SYN's sequence number: another one begins another connection. */
  #synSeq: number | undefined;
  #over = false;

  constructor(index: number, names: FlowNames, clientKey: string, midstream: boolean, held: Held) {
    this.index = index;
    this.names = names;
    this.clientKey = clientKey;
    this.midstream = midstream;
    this.client = new TcpHalf(held);
    this.server = new TcpHalf(held);
    if (midstream) this.state = 'ESTABLISHED';
  }

  /** A RST came, or both sides are finished. */
  get over(): boolean {
    return this.#over;
  }

  /** Whether this SYN, or SYN-ACK, is of another connection on the same ports. */
  isReopenedBy(segment: Segment, fromClient: boolean): boolean {
    if (!fromClient) {
      // Who the client was, was a guess.
      if (this.midstream && (segment.flags & (SYN | ACK)) === SYN) return true;
      // Who was the server opens one; or it answers a SYN that the capture lacks.
      const isOther = this.server.sawSyn && segment.seq !== this.server.baseSeq;
      return this.#over && (segment.flags & SYN) !== 0 && isOther;
    }
    if ((segment.flags & (SYN | ACK)) !== SYN) return false;
    if (this.#synSeq === undefined) return this.midstream || this.client.begun;
    return segment.seq !== this.#synSeq && (this.#over || this.client.begun || this.server.sawSyn);
  }

  /**
   * Takes a segment; `bytes` holds its text, of which the first `captured` bytes are in the capture. `start` is the function that makes the reader
   * above, when it is first needed.
   */
  take(
    dir: Direction,
    segment: Segment,
    bytes: Uint8Array,
    captured: number,
    atNs: number,
    sink: PacketSink,
    start: () => ConversationReader,
  ): void {
    const own = dir === 'in' ? this.client : this.server;
    const peer = dir === 'in' ? this.server : this.client;
    const { flags, seq, ack } = segment;
    const found: Verdict[] = [];
    const isReset = (flags & RST) !== 0 && isWithinWindow(own, peer, seq);
    this.#base(own, peer, segment);
    if ((flags & (SYN | FIN)) === (SYN | FIN)) found.push(VERDICTS.synFin);
    if ((flags & RST) !== 0 && this.state === 'SYN-RECEIVED' && dir === 'out' && !own.sawSyn)
      found.push(VERDICTS.refused);
    judge(own, peer, segment, atNs, found);
    for (const verdict of found) sink.verdict(verdict);
    if (isReset || (flags & RST) === 0) this.#states(dir, segment, sink);
    if (this.#over && (flags & RST) === 0 && segment.payloadLength === 0) return;

    if ((flags & SYN) !== 0) {
      own.sawSyn = true;
      if (dir === 'in' && (flags & ACK) === 0) this.#synSeq = seq;
      own.windowShift = segment.windowScale;
      if ((flags & ACK) !== 0 && own.windowShift < 0) peer.windowShift = -1;
      if (!own.begun) own.begin(seq + 1);
      // RFC 9293 §3.5: of a SYN-ACK, that the capture lacks the SYN of.
      if (dir === 'out' && (flags & ACK) !== 0) {
        this.#synSeq ??= (ack - 1) >>> 0;
        if (!peer.begun) peer.begin(ack);
      }
    }
    const textSeq = (flags & SYN) !== 0 ? (seq + 1) >>> 0 : seq;
    const isProbe = own.lastWasProbe && segment.payloadLength === 1;
    // RFC 9293 §3.5.3: text of a RST says why it came.
    const hasText = segment.payloadLength > 0 && (flags & RST) === 0;
    if (hasText && !(isProbe && !this.#isNew(own, textSeq)) && !this.#endedAt(own)) {
      own.payloadBytes += segment.payloadLength;
      if ((flags & ACK) !== 0 && peer.lacks(ack)) {
        this.reader ??= start();
        this.reader.doubt?.();
      }
      this.#text(dir, own, textSeq, bytes, segment, captured, sink, start);
    }
    if ((flags & ACK) !== 0 && peer.hasHole && peer.holeAcknowledged(ack)) this.#skip(other(dir), peer, sink, start);
    if ((flags & FIN) !== 0) own.finSeq ??= (textSeq + segment.payloadLength) >>> 0;
    this.#finish(other(dir), peer, own, sink);
    this.#finish(dir, own, peer, sink);
    if (isReset && !this.#over) {
      this.#over = true;
      if (!this.client.finished) this.reader?.end('in', sink);
      if (!this.server.finished) this.reader?.end('out', sink);
    }
    if (this.client.finished && this.server.finished) this.#over = true;
  }

  /** The capture ends, or the flow makes room. */
  end(sink: PacketSink): void {
    for (const [dir, half] of [
      ['in', this.client],
      ['out', this.server],
    ] as const) {
      while (half.hasHole && this.reader !== undefined) this.#skip(dir, half, sink, () => this.reader!);
      if (!half.finished && !this.#over) this.reader?.end(dir, sink);
      half.drop();
    }
    this.reader?.close?.();
  }

  /** As Wireshark counts: a stream without a SYN begins at 1. */
  #base(own: TcpHalf, peer: TcpHalf, { flags, seq, ack }: Segment): void {
    own.baseSeq ??= (flags & SYN) !== 0 ? seq : (seq - 1) >>> 0;
    if ((flags & ACK) !== 0) peer.baseSeq ??= (ack - 1) >>> 0;
  }

  #isNew(own: TcpHalf, seq: number): boolean {
    return own.nextSeq === undefined || seqDiff(seq, own.nextSeq) >= 0;
  }

  #endedAt(own: TcpHalf): boolean {
    return own.finished;
  }

  #text(
    dir: Direction,
    own: TcpHalf,
    seq: number,
    bytes: Uint8Array,
    segment: Segment,
    captured: number,
    sink: PacketSink,
    start: () => ConversationReader,
  ): void {
    const { payloadStart, payloadLength } = segment;
    this.reader ??= start();
    const { reader } = this;
    let ready = own.accept(seq, bytes, payloadStart, payloadStart + captured);
    for (; ready !== undefined; ready = own.next()) reader.push(dir, ready, sink);
    // What the snap length cut off comes no more: a copy of the segment would be cut as well.
    if (captured < payloadLength) {
      const length = own.skipWithin((seq + captured) >>> 0, (seq + payloadLength) >>> 0);
      if (length > 0) reader.gap(dir, length, sink);
      for (ready = own.next(); ready !== undefined; ready = own.next()) reader.push(dir, ready, sink);
    }
    while (own.overfull) this.#skip(dir, own, sink, start);
  }

  /** The hole is passed over: the capture does not hold it. */
  #skip(dir: Direction, half: TcpHalf, sink: PacketSink, start: () => ConversationReader): void {
    this.reader ??= start();
    const length = half.skipHole();
    if (length > 0) this.reader.gap(dir, length, sink);
    for (let ready = half.next(); ready !== undefined; ready = half.next()) this.reader.push(dir, ready, sink);
  }

  /** A FIN ends the stream when all before it is there, or was acknowledged and will not come any more. */
  #finish(dir: Direction, half: TcpHalf, { lastAck }: TcpHalf, sink: PacketSink): void {
    const { finSeq } = half;
    if (finSeq === undefined || half.finished) return;
    half.dropBehind(finSeq);
    if (half.hasHole) return;
    const acknowledged = lastAck !== undefined && seqDiff(lastAck, finSeq) >= 0;
    if (!acknowledged && !half.hasReached(finSeq)) return;
    const length = half.skipTo(finSeq);
    if (length > 0) this.reader?.gap(dir, length, sink);
    half.finished = true;
    this.reader?.end(dir, sink);
  }

  #states(dir: Direction, { flags, ack }: Segment, sink: PacketSink): void {
    const next = this.#nextState(dir, flags, ack);
    if (next === undefined || next === this.state) return;
    if (sink.wantsEvents) {
      sink.event({ layer: 'tcp', kind: 'state', flow: this.names.flow, from: this.state, to: next });
    }
    this.state = next;
  }

  /** The server's states. */
  #nextState(dir: Direction, flags: number, ack: number): TcpState | undefined {
    if ((flags & RST) !== 0) return 'CLOSED';
    const isIn = dir === 'in';
    const ours = this.server.nextSeq;
    const finAcknowledged = isIn && this.server.finSeq !== undefined && seqDiff(ack, this.server.finSeq) > 0;
    switch (this.state) {
      case 'LISTEN':
        return isIn && (flags & SYN) !== 0 ? 'SYN-RECEIVED' : undefined;
      case 'SYN-RECEIVED':
        return isIn && (flags & (SYN | ACK)) === ACK && this.server.sawSyn && ack === ours ? 'ESTABLISHED' : undefined;
      case 'ESTABLISHED':
        if ((flags & FIN) === 0) return undefined;
        return isIn ? 'CLOSE-WAIT' : 'FIN-WAIT-1';
      case 'CLOSE-WAIT':
        return !isIn && (flags & FIN) !== 0 ? 'LAST-ACK' : undefined;
      case 'LAST-ACK':
        return finAcknowledged ? 'CLOSED' : undefined;
      case 'FIN-WAIT-1':
        if (isIn && (flags & FIN) !== 0) return finAcknowledged ? 'TIME-WAIT' : 'CLOSING';
        return finAcknowledged ? 'FIN-WAIT-2' : undefined;
      case 'FIN-WAIT-2':
        return isIn && (flags & FIN) !== 0 ? 'TIME-WAIT' : undefined;
      case 'CLOSING':
        return finAcknowledged ? 'TIME-WAIT' : undefined;
      default:
        return undefined;
    }
  }
}

/** The widest that a window gets by its scale (RFC 7323 §2.3). */
const LARGEST_SHIFT = 14;

/** RFC 9293 §3.10.7.4: a RST from elsewhere is dropped by `peer`. What `own` has sent already is believed even so: acknowledgments may be missing. */
function isWithinWindow(own: TcpHalf, peer: TcpHalf, seq: number): boolean {
  if (peer.lastAck === undefined) return true;
  const ahead = seqDiff(seq, peer.lastAck);
  if (ahead < 0) return false;
  const isScaleKnown = peer.windowShift >= 0 || (own.sawSyn && peer.sawSyn);
  const room = isScaleKnown ? peer.windowBytes : peer.window * 2 ** LARGEST_SHIFT;
  return ahead <= room || (own.nextSeq !== undefined && seqDiff(seq, own.nextSeq) <= 0);
}

function other(dir: Direction): Direction {
  return dir === 'in' ? 'out' : 'in';
}
