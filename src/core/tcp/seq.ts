// Sequence numbers (RFC 9293 §3.4): a circle of 2^32, compared by the sign of their difference.

/** `a + count`, round the circle. */
export function seqAdd(a: number, count: number): number {
  return (a + count) >>> 0;
}

/** How far `a` is ahead of `b`: negative when it is behind. Right while they are less than 2^31 apart. */
export function seqDiff(a: number, b: number): number {
  return (a - b) | 0;
}

export function seqLt(a: number, b: number): boolean {
  return ((a - b) | 0) < 0;
}

export function seqLte(a: number, b: number): boolean {
  return ((a - b) | 0) <= 0;
}

export function seqGt(a: number, b: number): boolean {
  return ((a - b) | 0) > 0;
}

export function seqGte(a: number, b: number): boolean {
  return ((a - b) | 0) >= 0;
}

/** `low <= seq < low + size`. */
export function seqWithin(seq: number, low: number, size: number): boolean {
  return (seq - low) >>> 0 < size;
}
