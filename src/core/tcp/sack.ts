// What the receiver tells of text beyond a gap (RFC 2018 §4): the blocks it holds, the newest first, and a duplicate that
// has just come (D-SACK, RFC 2883 §4). Which bytes are held is receive.ts's; how blocks help is the sender's.

import { MAX_SACK_BLOCKS } from './segment.js';
import { seqGt, seqGte, seqLt, seqLte } from './seq.js';

export class SackBlocks {
  /** Left and right edge of each block; the first has changed last. */
  readonly #edges = new Uint32Array(2 * MAX_SACK_BLOCKS);
  #count = 0;
  #duplicateLeft = 0;
  #duplicateRight = 0;
  #duplicate = false;
  /** A block was pushed off the end: there may be more of them than these. */
  forgotten = false;

  /** Something is to be said with the next acknowledgment. */
  get pending(): boolean {
    return this.#duplicate || this.#count > 0;
  }

  /** A duplicate is to be said, once (RFC 2883 §4 (1)). */
  get duplicatePending(): boolean {
    return this.#duplicate;
  }

  /** There is room for a block that was forgotten. */
  get incomplete(): boolean {
    return this.forgotten && this.#count < MAX_SACK_BLOCKS;
  }

  /** Text [left, right) beyond the gap has come, and all of it is held: its block is the first now (RFC 2018 §4). */
  held(left: number, right: number): void {
    let l = left;
    let r = right;
    let kept = 0;
    // Blocks that it touches become one with it; the others keep their order behind it.
    for (let i = 0; i < this.#count; i++) {
      const blockLeft = this.#edges[2 * i]!;
      const blockRight = this.#edges[2 * i + 1]!;
      if (seqLte(blockLeft, r) && seqGte(blockRight, l)) {
        if (seqLt(blockLeft, l)) l = blockLeft;
        if (seqGt(blockRight, r)) r = blockRight;
      } else {
        this.#edges[2 * kept] = blockLeft;
        this.#edges[2 * kept + 1] = blockRight;
        kept++;
      }
    }
    if (kept === MAX_SACK_BLOCKS) {
      kept--;
      this.forgotten = true;
    }
    this.#edges.copyWithin(2, 0, 2 * kept);
    this.#edges[0] = l;
    this.#edges[1] = r;
    this.#count = kept + 1;
  }

  /** Puts a block that is held behind the others, unless it is among them or there is no room. */
  remember(left: number, right: number): void {
    for (let i = 0; i < this.#count; i++) {
      if (seqLte(this.#edges[2 * i]!, left) && seqGte(this.#edges[2 * i + 1]!, right)) return;
    }
    if (this.#count === MAX_SACK_BLOCKS) {
      this.forgotten = true;
      return;
    }
    this.#edges[2 * this.#count] = left;
    this.#edges[2 * this.#count + 1] = right;
    this.#count++;
  }

  /** Text [left, right) has come again. */
  duplicate(left: number, right: number): void {
    this.#duplicate = true;
    this.#duplicateLeft = left;
    this.#duplicateRight = right;
  }

  /** RCV.NXT is `nxt` now: what lies before it needs no block. */
  advance(nxt: number): void {
    let kept = 0;
    for (let i = 0; i < this.#count; i++) {
      if (seqLte(this.#edges[2 * i + 1]!, nxt)) continue;
      this.#edges[2 * kept] = this.#edges[2 * i]!;
      this.#edges[2 * kept + 1] = this.#edges[2 * i + 1]!;
      kept++;
    }
    this.#count = kept;
  }

  clear(): void {
    this.#count = 0;
    this.#duplicate = false;
    this.forgotten = false;
  }

  /** Puts what is to be said into `edges`, `most` blocks at most, and gives their number. A duplicate has then been said. */
  collect(edges: Uint32Array, most: number): number {
    let to = 0;
    if (this.#duplicate && most > 0) {
      edges[0] = this.#duplicateLeft;
      edges[1] = this.#duplicateRight;
      this.#duplicate = false;
      to = 1;
    }
    for (let i = 0; i < this.#count && to < most; i++, to++) {
      edges[2 * to] = this.#edges[2 * i]!;
      edges[2 * to + 1] = this.#edges[2 * i + 1]!;
    }
    return to;
  }
}
