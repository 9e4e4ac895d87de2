// Logical time in a live run: microseconds since the run began, from the monotonic clock, with the time spent in pauses
// left out. The only clock of the program; core is given its values.

export interface Clock {
  /** Wall time of the run's beginning, microseconds since 1970. */
  readonly startUnixUs: number;
  /** Microseconds since the run began, pauses left out; a whole number. */
  nowUs(): number;
  /** Time stands still from here on, until `thaw`. */
  freeze(): void;
  thaw(): void;
}

/** A run begins now. */
export function createClock(): Clock {
  const startUnixUs = Date.now() * 1000;
  let originMs = performance.now();
  let frozenAtMs: number | undefined;
  return {
    startUnixUs,
    nowUs: () => Math.floor(((frozenAtMs ?? performance.now()) - originMs) * 1000),
    freeze() {
      frozenAtMs ??= performance.now();
    },
    thaw() {
      if (frozenAtMs === undefined) return;
      originMs += performance.now() - frozenAtMs;
      frozenAtMs = undefined;
    },
  };
}
