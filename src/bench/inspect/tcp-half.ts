// One direction of a TCP connection as an observer sees it: relative sequence numbers, what was sent and acknowledged, and its
// byte stream put in order (RFC 9293 §3.4, §3.10.7.4). The first copy of a byte counts. What the numbers mean as verdicts is in
// tcp-verdicts.ts.

import { seqDiff } from '../../core/tcp/seq.js';
import { inspectLimits } from './limits.js';
import { insertPiece, type Piece } from './pieces.js';

/** What a piece takes in memory besides its bytes. */
const PIECE_BYTES = 400;

/** Out-of-order bytes of all connections together, and their pieces. */
export interface Held {
  bytes: number;
  pieces: number;
}

export class TcpHalf {
  /** What relative sequence numbers are counted from; undefined before the first segment. */
  baseSeq: number | undefined;
  /** A SYN was seen: the stream's beginning is known. */
  sawSyn = false;
  /** Absolute sequence number behind the furthest byte seen. */
  nextSeq: number | undefined;
  lastAck: number | undefined;
  /** Not scaled. */
  window = 0;
  /** Scaled, as far as the factor is known. */
  windowBytes = 0;
  /** -1: the option was not seen. */
  windowShift = -1;
  dupAcks = 0;
  /** The last segment of this direction was a keep-alive or a zero-window probe. */
  lastWasProbe = false;
  /** Behind the last byte that the other side's acknowledgments speak of. */
  maxAcked: number | undefined;
  lastSegmentNs = 0;
  finished = false;
  /** Where the FIN stands, absolute. */
  finSeq: number | undefined;
  /** Bytes of payload, retransmissions included. */
  payloadBytes = 0;
  /** Bytes that were delivered in order or passed over as gaps. */
  #delivered = 0;
  /** Absolute sequence number of `#delivered`. */
  #streamSeq: number | undefined;
  /** By their place in the stream; 0 is the first byte behind the SYN. */
  #pieces: Piece[] = [];
  #pieceBytes = 0;
  readonly #held: Held;

  constructor(held: Held) {
    this.#held = held;
  }

  /** Bytes wait for others before them. */
  get hasHole(): boolean {
    return this.#pieces.length > 0;
  }

  get delivered(): number {
    return this.#delivered;
  }

  get heldBytes(): number {
    return this.#pieceBytes;
  }

  /** The stream begins behind `seq`, that of a SYN, or at it. */
  begin(seq: number): void {
    this.#streamSeq = seq >>> 0;
  }

  get begun(): boolean {
    return this.#streamSeq !== undefined;
  }

  /** Takes a segment's text; gives what is in order now, as a view of it, or undefined. What waits is fetched by `next`. */
  accept(seq: number, bytes: Uint8Array, start: number, end: number): Uint8Array | undefined {
    this.#streamSeq ??= seq;
    const ahead = seqDiff(seq, this.#streamSeq);
    if (ahead > 0) {
      this.#hold(ahead, bytes, start, end);
      return undefined;
    }
    const fresh = start - ahead;
    if (fresh >= end) return undefined;
    const waiting = this.#pieces[0];
    if (waiting !== undefined && waiting.at < this.#delivered + (end - fresh)) {
      // A part of it is here already, and that copy counts.
      this.#hold(0, bytes, fresh, end);
      return this.next();
    }
    this.#advance(end - fresh);
    return bytes.subarray(fresh, end);
  }

  /** The next bytes that waited and are in order now. */
  next(): Uint8Array | undefined {
    for (;;) {
      const piece = this.#pieces[0];
      if (piece === undefined || piece.at > this.#delivered) return undefined;
      this.#pieces.shift();
      this.#release(piece.bytes.length);
      const fresh = piece.bytes.subarray(this.#delivered - piece.at);
      if (fresh.length === 0) continue;
      this.#advance(fresh.length);
      return fresh;
    }
  }

  /** Passes over the hole before the first bytes that wait, or up to `ackSeq`; how long it was, 0: there is none. */
  skipHole(): number {
    const piece = this.#pieces[0];
    if (piece === undefined || piece.at <= this.#delivered) return 0;
    const length = piece.at - this.#delivered;
    this.#advance(length);
    return length;
  }

  /** Whether all before `seq` was delivered or passed over. */
  hasReached(seq: number): boolean {
    return this.#pieces.length === 0 && (this.#streamSeq === undefined || seqDiff(seq, this.#streamSeq) <= 0);
  }

  /** Passes over what is missing up to `seq`, when nothing waits behind it; how much it was. */
  skipTo(seq: number): number {
    if (this.hasReached(seq) || this.#pieces.length > 0) return 0;
    const length = seqDiff(seq, this.#streamSeq!);
    this.#advance(length);
    return length;
  }

  /** Passes over what is missing between two sequence numbers, when all before is there; how much it was. */
  skipWithin(from: number, to: number): number {
    if (this.#streamSeq === undefined || seqDiff(from, this.#streamSeq) > 0) return 0;
    const waiting = this.#pieces[0];
    const room = waiting === undefined ? Number.POSITIVE_INFINITY : waiting.at - this.#delivered;
    const length = Math.max(0, Math.min(seqDiff(to, this.#streamSeq), room));
    this.#advance(length);
    return length;
  }

  /** Whether the other side has got more of the stream than there is here, a FIN aside. */
  lacks(ack: number): boolean {
    if (this.#streamSeq === undefined) return false;
    return seqDiff(ack, this.#streamSeq) > (this.#streamSeq === this.finSeq ? 1 : 0);
  }

  /** Whether the other side has acknowledged all of the hole before what waits: then the capture lacks it for good. */
  holeAcknowledged(ack: number): boolean {
    const piece = this.#pieces[0];
    if (piece === undefined || this.#streamSeq === undefined) return false;
    return this.#delivered + seqDiff(ack, this.#streamSeq) >= piece.at;
  }

  /** Too much waits: the hole will not be filled. */
  get overfull(): boolean {
    return (
      this.#pieceBytes > inspectLimits.outOfOrderBytes ||
      this.#pieces.length > inspectLimits.outOfOrderPieces ||
      (this.#held.bytes + this.#held.pieces * PIECE_BYTES > inspectLimits.outOfOrderBytesInAll && this.#pieceBytes > 0)
    );
  }

  /** The stream ends at `seq`: what waits behind it is of another connection, or made up. */
  dropBehind(seq: number): void {
    if (this.#pieces.length === 0 || this.#streamSeq === undefined) return;
    const end = this.#delivered + seqDiff(seq, this.#streamSeq);
    for (let last = this.#pieces.at(-1); last !== undefined && last.at >= end; last = this.#pieces.at(-1)) {
      this.#pieces.pop();
      this.#release(last.bytes.length);
    }
  }

  /** The connection is over or forgotten. */
  drop(): void {
    for (const piece of this.#pieces) this.#release(piece.bytes.length);
    this.#pieces = [];
  }

  #advance(count: number): void {
    this.#delivered += count;
    this.#streamSeq = (this.#streamSeq! + count) >>> 0;
  }

  #hold(ahead: number, bytes: Uint8Array, start: number, end: number): void {
    const before = this.#pieces.length;
    const added = insertPiece(this.#pieces, this.#delivered + ahead, bytes.subarray(start, end));
    this.#pieceBytes += added;
    this.#held.bytes += added;
    this.#held.pieces += this.#pieces.length - before;
  }

  /** Of a piece that waits no more. */
  #release(count: number): void {
    this.#pieceBytes -= count;
    this.#held.bytes -= count;
    this.#held.pieces--;
  }
}
