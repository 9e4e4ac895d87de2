// Timers as data. A machine keeps a table of deadlines, one per kind; the stack keeps the machines in a heap ordered by
// (deadline, serial). Nothing here knows what a timer does, and nothing fires by itself.

import type { Micros } from './types.js';

export const MICROS_PER_MILLI = 1_000;
export const MICROS_PER_SECOND = 1_000_000;

/** The deadlines of one machine. Kinds are small integers from 0; at equal deadlines the smaller kind fires first. */
export class TimerTable {
  readonly #deadlinesUs: Float64Array;

  constructor(kinds: number) {
    this.#deadlinesUs = new Float64Array(kinds).fill(Number.POSITIVE_INFINITY);
  }

  /** Arms or re-arms. */
  set(kind: number, deadlineUs: Micros): void {
    this.#deadlinesUs[kind] = deadlineUs;
  }

  clear(kind: number): void {
    this.#deadlinesUs[kind] = Number.POSITIVE_INFINITY;
  }

  clearAll(): void {
    this.#deadlinesUs.fill(Number.POSITIVE_INFINITY);
  }

  isSet(kind: number): boolean {
    return this.#deadlinesUs[kind] !== Number.POSITIVE_INFINITY;
  }

  /** Infinity when not armed. */
  deadlineUs(kind: number): Micros {
    return this.#deadlinesUs[kind]!;
  }

  /** Infinity when nothing is armed. */
  nextDeadlineUs(): Micros {
    let next = Number.POSITIVE_INFINITY;
    for (const deadline of this.#deadlinesUs) if (deadline < next) next = deadline;
    return next;
  }

  /** Disarms and gives the kind that is due first at or before `nowUs`; -1 when none is. */
  popDue(nowUs: Micros): number {
    let first = -1;
    let firstUs = Number.POSITIVE_INFINITY;
    for (let kind = 0; kind < this.#deadlinesUs.length; kind++) {
      const deadline = this.#deadlinesUs[kind]!;
      if (deadline <= nowUs && deadline < firstUs) {
        first = kind;
        firstUs = deadline;
      }
    }
    if (first >= 0) this.clear(first);
    return first;
  }
}

/** What the heap orders: `deadlineUs` then `serial`. `heapIndex` belongs to the heap (-1: not in it). */
export interface HeapEntry {
  deadlineUs: Micros;
  readonly serial: number;
  heapIndex: number;
}

/** An indexed binary heap: the entry that is due first, in a total order, with O(log n) changes. */
export class DeadlineHeap<Entry extends HeapEntry> {
  readonly #entries: Entry[] = [];

  get size(): number {
    return this.#entries.length;
  }

  first(): Entry | undefined {
    return this.#entries[0];
  }

  /** Puts the entry in its place for `deadlineUs`; Infinity takes it out. */
  update(entry: Entry, deadlineUs: Micros): void {
    if (entry.heapIndex < 0) {
      entry.deadlineUs = deadlineUs;
      if (deadlineUs === Number.POSITIVE_INFINITY) return;
      entry.heapIndex = this.#entries.length;
      this.#entries.push(entry);
      this.#up(entry.heapIndex);
      return;
    }
    if (deadlineUs === entry.deadlineUs) return;
    entry.deadlineUs = deadlineUs;
    if (deadlineUs === Number.POSITIVE_INFINITY) this.#remove(entry);
    else if (!this.#up(entry.heapIndex)) this.#down(entry.heapIndex);
  }

  #remove(entry: Entry): void {
    const index = entry.heapIndex;
    const last = this.#entries.pop()!;
    entry.heapIndex = -1;
    if (last === entry) return;
    this.#put(last, index);
    if (!this.#up(index)) this.#down(index);
  }

  #up(from: number): boolean {
    const entry = this.#entries[from]!;
    let index = from;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = this.#entries[parent]!;
      if (!before(entry, above)) break;
      this.#put(above, index);
      index = parent;
    }
    this.#put(entry, index);
    return index !== from;
  }

  #down(from: number): void {
    const entry = this.#entries[from]!;
    const size = this.#entries.length;
    let index = from;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= size) break;
      if (child + 1 < size && before(this.#entries[child + 1]!, this.#entries[child]!)) child++;
      const below = this.#entries[child]!;
      if (!before(below, entry)) break;
      this.#put(below, index);
      index = child;
    }
    this.#put(entry, index);
  }

  #put(entry: Entry, index: number): void {
    this.#entries[index] = entry;
    entry.heapIndex = index;
  }
}

function before(a: HeapEntry, b: HeapEntry): boolean {
  return a.deadlineUs < b.deadlineUs || (a.deadlineUs === b.deadlineUs && a.serial < b.serial);
}
