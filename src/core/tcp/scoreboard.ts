// What is in flight: one entry for each segment from SND.UNA to SND.NXT, in a ring of typed arrays, with when it was last
// sent and what became of it: selectively acknowledged, lost, sent again (RFC 2018, RFC 6675 §3, RFC 8985 §5.2). D-SACK
// (RFC 2883) is noticed, impossible blocks are ignored. When something counts as lost is decided in rack.ts and recovery.ts.

import { limits } from '../limits.js';
import type { Micros } from '../types.js';
import { Delivery } from './delivery.js';
import type { Segment } from './segment.js';
import { MAX_SACK_BLOCKS } from './segment.js';
import { seqAdd, seqDiff, seqGt, seqGte, seqLt, seqLte } from './seq.js';

/** Why a segment leaves once more; the trace says so. */
export type LossReason = 'rto' | 'fast' | 'sack' | 'rack' | 'tlp' | 'path-mtu';
const LOSS_REASONS: readonly LossReason[] = ['rto', 'fast', 'sack', 'rack', 'tlp', 'path-mtu'];

/** Bits of an entry's state; the reason of the loss stands in the bits above. */
export const SACKED = 0x01;
export const LOST = 0x02;
/** Sent more than once. */
export const RETRANSMITTED = 0x04;
const STATE_BITS = 0x07;
const REASON_SHIFT = 4;

const FIRST_ENTRIES = 32;
/** RFC 6675 §2. */
export const DUP_THRESH = 3;

/** Entries are named by ids that count up and wrap as 32-bit integers; `head` is the oldest, `tail` the next to come. */
export class Scoreboard {
  /** Right edge (SEG.SEQ + SEG.LEN) and left edge; the entries lie without gaps. */
  #seqs = new Uint32Array(0);
  #ends = new Uint32Array(0);
  #sentUs = new Float64Array(0);
  #bits = new Uint8Array(0);
  #mask = -1;
  #head = 0;
  #tail = 0;
  /** No entry before this one is LOST. */
  #lostHint = 0;
  sackedBytes = 0;
  sackedSegments = 0;
  lostBytes = 0;
  /** Entries that were sent again and are neither acknowledged nor lost. */
  retransmittedSegments = 0;
  /** RACK.fack: the highest sequence number acknowledged in either way. */
  fack: number;
  /** What the latest acknowledgment delivered. */
  readonly delivery = new Delivery();
  /** The blocks of the latest ACK, so that what they said is not gone through again. */
  readonly #known = new Uint32Array(2 * MAX_SACK_BLOCKS);
  #knownBlocks = 0;
  readonly #sorted = new Uint32Array(2 * MAX_SACK_BLOCKS);

  constructor(una: number) {
    this.fack = una;
  }

  get size(): number {
    return (this.#tail - this.#head) | 0;
  }

  /** Nothing more fits: new segments wait for acknowledgments. */
  get full(): boolean {
    return this.size >= limits.tcp.segmentsInFlight;
  }

  get head(): number {
    return this.#head;
  }

  get tail(): number {
    return this.#tail;
  }

  seq(id: number): number {
    return this.#seqs[id & this.#mask]!;
  }

  end(id: number): number {
    return this.#ends[id & this.#mask]!;
  }

  sentUs(id: number): Micros {
    return this.#sentUs[id & this.#mask]!;
  }

  bits(id: number): number {
    return this.#bits[id & this.#mask]!;
  }

  reason(id: number): LossReason {
    return LOSS_REASONS[this.#bits[id & this.#mask]! >>> REASON_SHIFT]!;
  }

  /** A segment has been sent for the first time. */
  sent(nowUs: Micros, seq: number, end: number): void {
    if (this.size > this.#mask) this.#enlarge();
    const slot = this.#tail & this.#mask;
    this.#seqs[slot] = seq;
    this.#ends[slot] = end;
    this.#sentUs[slot] = nowUs;
    this.#bits[slot] = 0;
    this.#tail = (this.#tail + 1) | 0;
  }

  /** The segment has been sent again (RFC 8985 §6.1). */
  resent(nowUs: Micros, id: number): void {
    const slot = id & this.#mask;
    const bits = this.#bits[slot]!;
    if ((bits & LOST) !== 0) {
      this.lostBytes -= seqDiff(this.#ends[slot]!, this.#seqs[slot]!);
      this.retransmittedSegments++;
    } else if ((bits & RETRANSMITTED) === 0) this.retransmittedSegments++;
    this.#bits[slot] = (bits & ~LOST) | RETRANSMITTED;
    this.#sentUs[slot] = nowUs;
  }

  /** Part of the segment has been sent again, as a probe: what acknowledges it tells no time any more (Karn). */
  probed(id: number): void {
    const slot = id & this.#mask;
    const bits = this.#bits[slot]!;
    if ((bits & STATE_BITS) === 0) this.retransmittedSegments++;
    this.#bits[slot] = bits | RETRANSMITTED;
  }

  markLost(id: number, reason: LossReason): void {
    const slot = id & this.#mask;
    const bits = this.#bits[slot]!;
    if ((bits & (SACKED | LOST)) !== 0) return;
    if ((bits & RETRANSMITTED) !== 0) this.retransmittedSegments--;
    this.#bits[slot] = (bits & STATE_BITS) | LOST | (LOSS_REASONS.indexOf(reason) << REASON_SHIFT);
    this.lostBytes += seqDiff(this.#ends[slot]!, this.#seqs[slot]!);
    if (((id - this.#lostHint) | 0) < 0) this.#lostHint = id;
  }

  /** The timeout turned out to be spurious: nothing is lost of what was not sent again. */
  unmarkLost(): void {
    for (let id = this.#head; id !== this.#tail; id = (id + 1) | 0) {
      const slot = id & this.#mask;
      const bits = this.#bits[slot]!;
      if ((bits & LOST) === 0) continue;
      this.#bits[slot] = bits & ~LOST;
      if ((bits & RETRANSMITTED) !== 0) this.retransmittedSegments++;
    }
    this.lostBytes = 0;
  }

  /** RFC 6675 §4 NextSeg rule 1: the first lost entry that has not been sent again; `tail` when there is none. */
  firstLost(): number {
    if (this.lostBytes === 0) return this.#tail;
    let id = ((this.#lostHint - this.#head) | 0) < 0 ? this.#head : this.#lostHint;
    while (id !== this.#tail && (this.#bits[id & this.#mask]! & LOST) === 0) id = (id + 1) | 0;
    this.#lostHint = id;
    return id;
  }

  /**
   * Cuts the entry behind `bytes` bytes, because the peer's window or a smaller path MTU no longer lets it leave whole,
   * and the first part is then called `id - 1`. False when there are too many entries.
   */
  split(id: number, bytes: number): boolean {
    if (this.size >= 2 * limits.tcp.segmentsInFlight) return false;
    if (this.size > this.#mask) this.#enlarge();
    const first = (this.#head - 1) | 0;
    for (let at = first; at !== id; at = (at + 1) | 0) {
      const from = (at + 1) & this.#mask;
      const to = at & this.#mask;
      this.#seqs[to] = this.#seqs[from]!;
      this.#ends[to] = this.#ends[from]!;
      this.#sentUs[to] = this.#sentUs[from]!;
      this.#bits[to] = this.#bits[from]!;
    }
    this.#head = first;
    const part = (id - 1) | 0;
    const slot = id & this.#mask;
    const middle = seqAdd(this.#seqs[slot]!, bytes);
    this.#ends[part & this.#mask] = middle;
    this.#seqs[slot] = middle;
    const bits = this.#bits[slot]!;
    if ((bits & SACKED) !== 0) this.sackedSegments++;
    if ((bits & (RETRANSMITTED | LOST | SACKED)) === RETRANSMITTED) this.retransmittedSegments++;
    this.#lostHint = this.#head;
    this.#knownBlocks = 0;
    return true;
  }

  /**
   * Takes in what a segment acknowledges: first up to `una`, then by its SACK blocks, in ascending order (RFC 8985 §6.2
   * step 3). `from` is SND.UNA before, `nxt` what was sent; `reach` is how far back a D-SACK may tell of. What is newly
   * delivered goes into `delivery`, which the caller has begun.
   */
  acknowledge(segment: Segment, from: number, una: number, nxt: number, reach: number): void {
    if (una !== from) this.#cumulative(una);
    if (segment.sackBlocks > 0) this.#selective(segment, una, nxt, reach);
    else this.#knownBlocks = 0;
  }

  /** RFC 2018 §8: the receiver may have dropped what it had acknowledged selectively; nothing of that counts any more. */
  forgetSacks(): void {
    for (let id = this.#head; id !== this.#tail; id = (id + 1) | 0) this.#bits[id & this.#mask]! &= ~SACKED;
    this.retransmittedSegments = 0;
    for (let id = this.#head; id !== this.#tail; id = (id + 1) | 0) {
      if ((this.bits(id) & (RETRANSMITTED | LOST)) === RETRANSMITTED) this.retransmittedSegments++;
    }
    this.sackedBytes = 0;
    this.sackedSegments = 0;
    this.#knownBlocks = 0;
    this.fack = this.size > 0 ? this.seq(this.#head) : this.fack;
  }

  /** The oldest is SACKed although the cumulative acknowledgment ends before it: the receiver has reneged. */
  get reneged(): boolean {
    return this.#head !== this.#tail && (this.bits(this.#head) & SACKED) !== 0;
  }

  /**
   * RFC 6675 §4 IsLost, for every entry in one pass from the highest: lost is what has DupThresh separate SACKed ranges
   * or more than DupThresh - 1 segments' bytes SACKed above it and was not sent again.
   */
  markLostBySacks(mss: number): void {
    let ranges = 0;
    let bytes = 0;
    let inRange = false;
    for (let id = (this.#tail - 1) | 0; ((id - this.#head) | 0) >= 0; id = (id - 1) | 0) {
      const bits = this.bits(id);
      if ((bits & SACKED) !== 0) {
        if (!inRange) ranges++;
        inRange = true;
        bytes += seqDiff(this.end(id), this.seq(id));
        continue;
      }
      inRange = false;
      if ((bits & RETRANSMITTED) === 0 && (ranges >= DUP_THRESH || bytes > (DUP_THRESH - 1) * mss)) {
        this.markLost(id, 'sack');
      }
    }
  }

  /**
   * RFC 6675 §4 NextSeg rules 3 and 4, when nothing lost and nothing new is left: the first entry below the highest
   * SACKed one that was sent once only, else the last one. `tail` when there is none.
   */
  speculative(rescue: boolean): number {
    for (let id = this.#head; id !== this.#tail && seqLt(this.seq(id), this.fack); id = (id + 1) | 0) {
      if ((this.bits(id) & (SACKED | RETRANSMITTED | LOST)) === 0) return id;
    }
    if (!rescue) return this.#tail;
    for (let id = (this.#tail - 1) | 0; ((id - this.#head) | 0) >= 0; id = (id - 1) | 0) {
      if ((this.bits(id) & SACKED) === 0) return id;
    }
    return this.#tail;
  }

  clear(): void {
    this.#seqs = new Uint32Array(0);
    this.#ends = new Uint32Array(0);
    this.#sentUs = new Float64Array(0);
    this.#bits = new Uint8Array(0);
    this.#mask = -1;
    this.#head = 0;
    this.#tail = 0;
    this.#lostHint = 0;
    this.#knownBlocks = 0;
    this.sackedBytes = 0;
    this.sackedSegments = 0;
    this.lostBytes = 0;
    this.retransmittedSegments = 0;
  }

  #cumulative(una: number): void {
    if (this.sackedSegments === 0 && this.lostBytes === 0 && this.retransmittedSegments === 0) {
      this.#inOrder(una);
      return;
    }
    while (this.#head !== this.#tail) {
      const slot = this.#head & this.#mask;
      const seq = this.#seqs[slot]!;
      if (seqGte(seq, una)) break;
      const end = this.#ends[slot]!;
      const bits = this.#bits[slot]!;
      if (seqLte(end, una)) {
        if ((bits & SACKED) === 0) this.#delivered(slot, true);
        else {
          this.sackedBytes -= seqDiff(end, seq);
          this.sackedSegments--;
        }
        this.#head = (this.#head + 1) | 0;
        continue;
      }
      // Part of a segment: the rest stays as it is.
      const part = seqDiff(una, seq);
      if ((bits & SACKED) !== 0) this.sackedBytes -= part;
      else {
        if ((bits & LOST) !== 0) this.lostBytes -= part;
        this.delivery.bytes += part;
      }
      this.#seqs[slot] = una;
      break;
    }
    if (seqGt(una, this.fack)) this.fack = una;
  }

  /** As `#cumulative` when every segment was sent once, which is nearly always: no look at each of them. */
  #inOrder(una: number): void {
    if (this.#head !== this.#tail) {
      const next = this.#find(una);
      if (next !== this.#head) {
        const last = ((next - 1) | 0) & this.#mask;
        this.delivery.addRun(this.#sentUs[this.#head & this.#mask]!, this.#sentUs[last]!, this.#ends[last]!);
      }
      this.delivery.bytes += seqDiff(una, this.#seqs[this.#head & this.#mask]!);
      this.#head = next;
      if (next !== this.#tail) this.#seqs[next & this.#mask] = una;
    }
    if (seqGt(una, this.fack)) this.fack = una;
  }

  #selective(segment: Segment, una: number, nxt: number, reach: number): void {
    const edges = segment.sackEdges;
    const sorted = this.#sorted;
    let count = 0;
    for (let block = 0; block < segment.sackBlocks; block++) {
      let left = edges[2 * block]!;
      const right = edges[2 * block + 1]!;
      // A block beyond what was sent, or empty, is a lie or a fault.
      if (seqGt(right, nxt) || seqGte(left, right)) continue;
      if (block === 0 && this.#isDsack(segment, left, right)) {
        if (seqDiff(una, left) <= reach) {
          this.delivery.dsack = true;
          this.delivery.dsackLeft = left;
          this.delivery.dsackRight = right;
        }
        continue;
      }
      if (seqLte(right, una)) continue;
      if (seqLt(left, una)) left = una;
      let at = count++;
      for (; at > 0 && seqLt(left, sorted[2 * at - 2]!); at--) {
        sorted[2 * at] = sorted[2 * at - 2]!;
        sorted[2 * at + 1] = sorted[2 * at - 1]!;
      }
      sorted[2 * at] = left;
      sorted[2 * at + 1] = right;
    }
    for (let block = 0; block < count; block++) this.#markSacked(sorted[2 * block]!, sorted[2 * block + 1]!);
    this.#known.set(sorted);
    this.#knownBlocks = count;
  }

  /** RFC 2883 §4: the first block tells of a duplicate when it is acknowledged already, or lies within the second. */
  #isDsack(segment: Segment, left: number, right: number): boolean {
    if (seqLte(right, segment.ack)) return true;
    if (segment.sackBlocks < 2) return false;
    const edges = segment.sackEdges;
    return seqGte(left, edges[2]!) && seqLte(right, edges[3]!);
  }

  /** Marks the entries that lie wholly in [left, right). */
  #markSacked(left: number, right: number): void {
    let start = left;
    for (let block = 0; block < this.#knownBlocks; block++) {
      const knownLeft = this.#known[2 * block]!;
      const knownRight = this.#known[2 * block + 1]!;
      if (seqLte(knownLeft, start) && seqLt(start, knownRight)) start = seqLt(knownRight, right) ? knownRight : right;
    }
    if (start === right) return;
    for (let id = this.#find(start); id !== this.#tail; id = (id + 1) | 0) {
      const slot = id & this.#mask;
      const end = this.#ends[slot]!;
      if (seqGt(end, right)) break;
      if ((this.#bits[slot]! & SACKED) !== 0 || seqLt(this.#seqs[slot]!, left)) continue;
      this.#delivered(slot, false);
      this.#bits[slot] = (this.#bits[slot]! & ~LOST) | SACKED;
      this.sackedBytes += seqDiff(end, this.#seqs[slot]!);
      this.sackedSegments++;
    }
  }

  /** The entry that holds the sequence number; `tail` when it is beyond them. */
  #find(seq: number): number {
    let low = 0;
    let high = this.size;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (seqGt(this.#ends[(this.#head + middle) & this.#mask]!, seq)) high = middle;
      else low = middle + 1;
    }
    return (this.#head + low) | 0;
  }

  #delivered(slot: number, cumulative: boolean): void {
    const bits = this.#bits[slot]!;
    const end = this.#ends[slot]!;
    const length = seqDiff(end, this.#seqs[slot]!);
    const again = (bits & RETRANSMITTED) !== 0;
    if ((bits & LOST) !== 0) this.lostBytes -= length;
    else if (again) this.retransmittedSegments--;
    // RFC 8985 §6.2 step 3.
    if (seqGt(end, this.fack)) this.fack = end;
    else if (!again && seqLt(end, this.fack)) this.delivery.reordered = true;
    this.delivery.add(this.#sentUs[slot]!, end, length, again, cumulative);
  }

  #enlarge(): void {
    const size = Math.max(FIRST_ENTRIES, 2 * (this.#mask + 1));
    const seqs = new Uint32Array(size);
    const ends = new Uint32Array(size);
    const sentUs = new Float64Array(size);
    const bits = new Uint8Array(size);
    for (let id = this.#head; id !== this.#tail; id = (id + 1) | 0) {
      const from = id & this.#mask;
      const to = id & (size - 1);
      seqs[to] = this.#seqs[from]!;
      ends[to] = this.#ends[from]!;
      sentUs[to] = this.#sentUs[from]!;
      bits[to] = this.#bits[from]!;
    }
    this.#seqs = seqs;
    this.#ends = ends;
    this.#sentUs = sentUs;
    this.#bits = bits;
    this.#mask = size - 1;
  }
}
