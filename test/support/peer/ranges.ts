// A set of stream positions as ranges [start, end), sorted and disjoint: what a receiver holds beyond a gap, and what a
// sender was told by SACK.

export interface Range {
  start: number;
  end: number;
  /** The larger, the later it last grew. */
  touched: number;
}

export class Ranges {
  readonly list: Range[] = [];
  #clock = 0;

  get bytes(): number {
    return this.list.reduce((sum, range) => sum + range.end - range.start, 0);
  }

  clear(): void {
    this.list.length = 0;
  }

  /** True when every position of it was there already. */
  add(start: number, end: number): boolean {
    let index = 0;
    while (index < this.list.length && this.list[index]!.end < start) index++;
    const first = this.list[index];
    if (first !== undefined && first.start <= start && first.end >= end) {
      first.touched = ++this.#clock;
      return true;
    }
    let last = index;
    let from = start;
    let to = end;
    while (last < this.list.length && this.list[last]!.start <= end) {
      from = Math.min(from, this.list[last]!.start);
      to = Math.max(to, this.list[last]!.end);
      last++;
    }
    this.list.splice(index, last - index, { start: from, end: to, touched: ++this.#clock });
    return false;
  }

  /** Forgets what lies below `position`, and gives where the range that reaches it ends (`position` itself if none does). */
  advance(position: number): number {
    let reached = position;
    while (this.list.length > 0 && this.list[0]!.start <= reached) {
      reached = Math.max(reached, this.list[0]!.end);
      this.list.shift();
    }
    return reached;
  }

  /** The first position at or behind `from` that is in no range. */
  firstMissing(from: number): number {
    let position = from;
    for (const range of this.list) if (range.start <= position && range.end > position) position = range.end;
    return position;
  }

  /** Where the next range behind `from` begins; `otherwise` when there is none. */
  nextStart(from: number, otherwise: number): number {
    for (const range of this.list) if (range.start > from) return range.start;
    return otherwise;
  }

  /** The most recently grown first, as RFC 2018 §4 orders its blocks. */
  recent(): Range[] {
    return [...this.list].sort((a, b) => b.touched - a.touched);
  }
}
