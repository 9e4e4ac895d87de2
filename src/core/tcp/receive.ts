// The receiving half of a connection: RCV.NXT, the window and its right edge, out-of-order pieces, and what waits for a
// session without room (RFC 9293 §3.8.6, §3.10.7.4 seventh and eighth). What is told of the pieces is in sack.ts.

import { ByteQueue } from '../bytes/queue.js';
import { limits } from '../limits.js';
import type { Micros, Session } from '../types.js';
import { MAX_UNSCALED_WINDOW } from './config.js';
import { SackBlocks } from './sack.js';
import { seqAdd, seqDiff, seqGt, seqLt } from './seq.js';

/** Bytes beyond a gap, `[seq, end)`; the copies belong to the list. */
interface Piece {
  readonly seq: number;
  readonly end: number;
  readonly bytes: Uint8Array;
}

/** What became of a segment's text. */
export type Arrival = 'in-order' | 'filled-gap' | 'out-of-order' | 'reassembly-full';

export class Receiver {
  /** RCV.NXT. */
  nxt: number;
  /** The right edge of the window as the peer has seen it, RCV.NXT + RCV.WND; it never moves left. */
  edge: number;
  /** In-order bytes for which the session had no room. */
  readonly queue = new ByteQueue();
  /** Bytes that arrived in order since we last sent an acknowledgment. */
  unacknowledged = 0;
  /** The FIN has been reached: RCV.NXT is behind it. */
  finished = false;
  /** Nobody reads any more: text is acknowledged and thrown away (§3.6.1). */
  discarding = false;
  /** Once our side is closed in full: where what is offered ends for good. */
  #lastEdge: number | undefined;
  /** What a session that closed had not read, and what came behind its close. */
  unreadBytes = 0;
  /** Behind the last byte that counts among them. */
  #unreadTo = 0;
  /** What is to be said of the pieces; undefined when SACK was not agreed on. */
  readonly sack: SackBlocks | undefined;
  #pieces: Piece[] = [];
  /** Where the peer's FIN stands, once a segment that carries it was accepted. */
  #finSeq = -1;
  readonly #shift: number;
  readonly #limit: number;
  readonly #queueLimit: number;
  readonly #ownMss: number;
  /** The largest segment seen: two of them are due an ACK even when the peer's options make them smaller than our MSS. */
  #segmentBytes: number;
  /** The largest room seen, as the estimate of the receive buffer in §3.8.6.2.2. */
  #bufferBytes = 0;
  #candidateEdge: number;
  /** The session was short of room since the window was last advertised. */
  #starved = false;

  /**
   * `shift`: of our windows, -1 when the two sides do not scale. `largestWindow`: the config's. `ownMss`: what we offered.
   * `sack`: both sides do.
   */
  constructor(irs: number, shift: number, largestWindow: number, ownMss: number, sack: boolean) {
    this.nxt = seqAdd(irs, 1);
    this.#shift = Math.max(0, shift);
    this.#limit = Math.min(largestWindow, MAX_UNSCALED_WINDOW * 2 ** this.#shift);
    this.#queueLimit = this.#limit + limits.tcp.receiveQueueSlackBytes;
    this.sack = sack ? new SackBlocks() : undefined;
    this.#ownMss = ownMss;
    this.#segmentBytes = Math.min(536, ownMss);
    // RFC 7323 §2.2: the window of a SYN-ACK is not scaled. There is no session yet whose room could be asked.
    this.edge = seqAdd(this.nxt, MAX_UNSCALED_WINDOW);
    this.#candidateEdge = this.edge;
  }

  /** RCV.WND as the peer knows it. */
  get wnd(): number {
    return (this.edge - this.nxt) >>> 0;
  }

  /** Out-of-order pieces held. */
  get pieces(): number {
    return this.#pieces.length;
  }

  /** Two full-sized segments have not been acknowledged (RFC 9293 §3.8.6.3, SHLD-19). */
  get acknowledgmentDue(): boolean {
    return this.unacknowledged >= 2 * this.#segmentBytes;
  }

  /** The acceptability test for a segment that takes `length` sequence numbers (RFC 9293 §3.10.7.4, Table 6). */
  acceptable(seq: number, length: number): boolean {
    const wnd = this.wnd;
    const from = seqDiff(seq, this.nxt);
    if (length === 0) return wnd === 0 ? from === 0 : from >= 0 && from < wnd;
    if (wnd === 0) return false;
    const last = from + length - 1;
    return (from >= 0 && from < wnd) || (last >= 0 && last < wnd);
  }

  /**
   * Takes the text and FIN of an acceptable segment, cut to the window, and hands what is in order to the session.
   * `bytes[start, start + length)` begins at `seq`.
   */
  accept(
    nowUs: Micros,
    session: Session,
    bytes: Uint8Array,
    start: number,
    seq: number,
    length: number,
    fin: boolean,
  ): Arrival {
    let from = start;
    let first = seq;
    let count = length;
    let finHere = fin;
    if (count > this.#segmentBytes) this.#segmentBytes = Math.min(count, this.#ownMss);
    const old = seqDiff(this.nxt, first);
    if (old > 0) {
      // RFC 2883 §4.1: the part that came before.
      if (count > 0) this.sack?.duplicate(seq, old < count ? this.nxt : seqAdd(seq, count));
      first = this.nxt;
      from += old;
      count -= old;
    }
    const beyond = seqDiff(seqAdd(first, count), this.edge);
    if (beyond > 0) {
      count -= beyond;
      finHere = false;
    }
    // A FIN stays where it first was: bytes behind it cannot exist.
    if (this.#finSeq >= 0) count = Math.min(count, seqDiff(this.#finSeq, first));
    if (finHere && this.#finSeq < 0 && count >= 0) this.#finSeq = seqAdd(first, count);
    if (count < 0) count = 0;
    if (first !== this.nxt) return this.#hold(bytes, from, first, count);

    // RFC 2883 §4.2: of two parts that came before, the first is said.
    if (this.sack !== undefined && old <= 0 && this.#pieces.length > 0) {
      this.#noteOverlap(this.sack, seqAdd(first, count));
    }
    if (count > 0) this.#deliver(nowUs, session, bytes, from, count);
    const filled = this.#pieces.length > 0 && this.#joinPieces(nowUs, session);
    if (this.sack?.pending) {
      this.sack.advance(this.nxt);
      if (this.sack.incomplete) this.#rememberSack(this.sack);
    }
    if (this.#finSeq === this.nxt && !this.finished) {
      this.finished = true;
      this.nxt = seqAdd(this.nxt, 1);
      // The FIN may be the octet that fills the window: the edge must not be left behind RCV.NXT.
      if (seqGt(this.nxt, this.edge)) this.edge = this.nxt;
    }
    return filled ? 'filled-gap' : 'in-order';
  }

  /** Text [seq, seq + length) is not acceptable. What of it lies before RCV.NXT has come before (RFC 2883 §4.1). */
  reject(seq: number, length: number): void {
    if (length === 0 || !seqLt(seq, this.nxt)) return;
    const end = seqAdd(seq, length);
    this.sack?.duplicate(seq, seqLt(end, this.nxt) ? end : this.nxt);
  }

  /** Hands waiting bytes to the session while it has room. */
  feed(nowUs: Micros, session: Session): void {
    while (this.queue.length > 0 && !this.discarding) {
      const room = session.room();
      if (room <= 0) return;
      const bytes = this.queue.front(room);
      session.receive(nowUs, bytes);
      this.queue.drop(bytes.length);
      if (session.state !== 'open') this.discard(session.state === 'closed');
    }
  }

  /** From here on text is thrown away. `unread`: it waited for somebody who has not said that no more is wanted. */
  discard(unread = false): void {
    if (unread && !this.discarding) this.unreadBytes = this.queue.length;
    this.discarding = true;
    this.queue.clear();
    this.#pieces = [];
    this.sack?.clear();
  }

  /** One more window is offered and no other: who sends on and does not read finds it closed, and not the connection reset. */
  seal(): void {
    this.#lastEdge = seqAdd(this.nxt, this.#limit);
    this.#unreadTo = this.nxt;
  }

  /** Text behind `seal`. Nothing is held beyond a gap, so that a loss brings text again that has counted already. */
  countUnread(seq: number, length: number): void {
    const end = seqAdd(seq, length);
    if (!seqGt(end, this.#unreadTo)) return;
    this.unreadBytes += seqDiff(end, this.#unreadTo);
    this.#unreadTo = end;
  }

  /**
   * Considers moving the right edge for a session that has `room`, by the rule against silly windows (RFC 9293
   * §3.8.6.2.2): by a segment or half the buffer at least. `anyStep` lifts the rule; a probe of a closed window does, or
   * a session whose room stays below a segment would never be sent anything. Takes effect with `advertise`.
   */
  offer(room: number, anyStep: boolean): void {
    const available = this.discarding ? this.#limit : Math.min(this.#limit, Math.max(0, room - this.queue.length));
    if (available > this.#bufferBytes) this.#bufferBytes = available;
    if (available * 2 < this.#bufferBytes) this.#starved = true;
    let edge = seqAdd(this.nxt, available);
    if (this.#lastEdge !== undefined && seqGt(edge, this.#lastEdge)) edge = this.#lastEdge;
    const step = seqDiff(edge, this.edge);
    const enough = anyStep ? 1 : Math.min(this.#bufferBytes >>> 1, this.#ownMss);
    this.#candidateEdge = step >= Math.max(1, enough) ? edge : this.edge;
  }

  /**
   * The peer should hear of the new window although nothing else is to be said: what it knows is at most half of what
   * it could have, and it may be waiting, because the session was short of room or less than a segment is left.
   */
  get updateDue(): boolean {
    if (this.finished || this.#candidateEdge === this.edge) return false;
    if (!this.#starved && this.wnd >= this.#ownMss) return false;
    return this.wnd * 2 <= (this.#candidateEdge - this.nxt) >>> 0;
  }

  /** The window field of a segment that leaves now; with it the peer knows everything so far received. */
  advertise(): number {
    this.unacknowledged = 0;
    this.#starved = false;
    if (seqGt(this.#candidateEdge, this.edge)) this.edge = this.#candidateEdge;
    if (this.#shift === 0) return Math.min(this.wnd, MAX_UNSCALED_WINDOW);
    // A scaled window cannot express every edge. Rounding up keeps the visible edge from moving left (SHLD-14); it is
    // given up when a peer has made use of the rounding for so long that the queue reaches its bound.
    const units = Math.min(MAX_UNSCALED_WINDOW, (this.wnd + (1 << this.#shift) - 1) >>> this.#shift);
    const bytes = units * 2 ** this.#shift;
    if (this.queue.length + bytes > this.#queueLimit) return this.wnd >>> this.#shift;
    const visible = seqAdd(this.nxt, bytes);
    if (seqGt(visible, this.edge)) this.edge = visible;
    return units;
  }

  #deliver(nowUs: Micros, session: Session, bytes: Uint8Array, start: number, count: number): void {
    this.nxt = seqAdd(this.nxt, count);
    this.unacknowledged += count;
    if (this.discarding) return;
    if (this.queue.length === 0 && session.room() > 0) {
      session.receive(nowUs, bytes.subarray(start, start + count));
      if (session.state !== 'open') this.discard(session.state === 'closed');
    } else {
      this.queue.push(bytes.subarray(start, start + count));
    }
  }

  /** Delivers the pieces that RCV.NXT has reached; true when there was one. */
  #joinPieces(nowUs: Micros, session: Session): boolean {
    let joined = 0;
    for (const piece of this.#pieces) {
      if (seqGt(piece.seq, this.nxt)) break;
      joined++;
      const skip = seqDiff(this.nxt, piece.seq);
      if (skip < piece.bytes.length) this.#deliver(nowUs, session, piece.bytes, skip, piece.bytes.length - skip);
      // A session that stops reading has emptied the list.
      if (this.#pieces.length === 0) return true;
    }
    if (joined > 0) this.#pieces.splice(0, joined);
    return joined > 0;
  }

  /** Keeps what is new of a segment beyond a gap; bytes that are there already stay as they came first. */
  #hold(bytes: Uint8Array, start: number, seq: number, length: number): Arrival {
    if (this.discarding || length === 0) return 'out-of-order';
    const end = seqAdd(seq, length);
    let first = seq;
    // Most segments belong at the end, so look from there for the last piece that begins at or before this one.
    let index = this.#pieces.length;
    while (index > 0 && seqGt(this.#pieces[index - 1]!.seq, first)) index--;
    // The first contiguous part of it that is there already (RFC 2883 §4.1), empty at first.
    let againFrom = seq;
    let againTo = seq;
    if (index > 0 && seqGt(this.#pieces[index - 1]!.end, first)) {
      first = this.#pieces[index - 1]!.end;
      againTo = first;
    }
    while (seqLt(first, end)) {
      const next = this.#pieces[index];
      const until = next !== undefined && seqLt(next.seq, end) ? next.seq : end;
      if (seqLt(first, until)) {
        if (this.#pieces.length >= limits.tcp.reassemblyPieces) {
          if (this.sack !== undefined && first !== seq) this.#noteHeld(this.sack, seq, first);
          return 'reassembly-full';
        }
        const at = start + seqDiff(first, seq);
        this.#pieces.splice(index, 0, { seq: first, end: until, bytes: bytes.slice(at, at + seqDiff(until, first)) });
        index++;
      }
      if (next === undefined || until === end) break;
      if (againFrom === againTo) againFrom = next.seq;
      if (againFrom === next.seq || againTo === next.seq) againTo = next.end;
      first = next.end;
      index++;
    }
    const { sack } = this;
    if (sack === undefined) return 'out-of-order';
    if (againFrom !== againTo) sack.duplicate(againFrom, seqLt(againTo, end) ? againTo : end);
    this.#noteHeld(sack, seq, end);
    return 'out-of-order';
  }

  /**
   * RFC 2018 §3: what borders on a block has not been received. Where no block was forgotten the blocks know that by
   * themselves; otherwise the pieces tell how far what is held goes on to either side of [left, right).
   */
  #noteHeld(sack: SackBlocks, left: number, right: number): void {
    let l = left;
    let r = right;
    if (sack.forgotten) {
      for (const piece of this.#pieces) {
        if (seqGt(piece.seq, r)) break;
        if (seqGt(piece.end, r)) r = piece.end;
      }
      for (let i = this.#pieces.length - 1; i >= 0; i--) {
        const piece = this.#pieces[i]!;
        if (seqLt(piece.end, l)) break;
        if (seqLt(piece.seq, l)) l = piece.seq;
      }
    }
    sack.held(l, r);
    // Blocks that became one have made room.
    if (sack.incomplete) this.#rememberSack(sack);
  }

  /** Text from RCV.NXT to `end` has come: the pieces that it reaches into have come twice. */
  #noteOverlap(sack: SackBlocks, end: number): void {
    const from = this.#pieces[0]!.seq;
    let to = from;
    for (const piece of this.#pieces) {
      if (piece.seq !== to || !seqLt(to, end)) break;
      to = piece.end;
    }
    if (to !== from) sack.duplicate(from, seqLt(to, end) ? to : end);
  }

  /** Where some were forgotten and there is room again, others that are held are told (RFC 2018 §4: as many as possible). */
  #rememberSack(sack: SackBlocks): void {
    sack.forgotten = false;
    for (let i = 0; i < this.#pieces.length; ) {
      const left = this.#pieces[i]!.seq;
      let right = this.#pieces[i++]!.end;
      while (this.#pieces[i]?.seq === right) right = this.#pieces[i++]!.end;
      sack.remember(left, right);
    }
  }
}
