// What can be fuzzed: a target makes a case of plain values from a seed and a number, runs it, and knows simpler ones. The
// same case always ends the same way, so a seed and a number are all that is needed to repeat a failure.

/** Plain values, so that a case can be printed and given back. */
export type Case = Readonly<Record<string, number | string | boolean>>;

export interface Verdict {
  /** What did not hold; undefined: everything held. */
  readonly failure?: string;
  /** Figures of the run; the driver adds up `counts` and keeps the largest of `peaks`. */
  readonly counts: Readonly<Record<string, number>>;
  readonly peaks: Readonly<Record<string, number>>;
}

export interface FuzzTarget {
  readonly name: string;
  readonly description: string;
  make(seed: number, run: number): Case;
  /** Never throws. `log` gets a line for everything that happens. */
  run(fuzzCase: Case, log?: (line: string) => void): Verdict;
  /** A case in which nothing is special; shrinking goes towards it, value by value. */
  readonly plain: Case;
}

/** A failure without its figures: what two runs must have in common to have failed for the same reason. */
const kindOf = (failure: string | undefined): string | undefined => failure?.replace(/[0-9.]+/g, '#');

/** Makes a failing case simpler as long as it fails in the same way: values towards the plain case's, numbers by halves. */
export function shrink(target: FuzzTarget, failing: Case, maxRuns: number): Case {
  let best = failing;
  let runs = 0;
  const kind = kindOf(target.run(failing).failure);
  const fails = (candidate: Case): boolean => {
    runs++;
    return kindOf(target.run(candidate).failure) === kind;
  };
  for (let progress = true; progress && runs < maxRuns; ) {
    progress = false;
    for (const key of Object.keys(target.plain)) {
      const plain = target.plain[key]!;
      const value = best[key]!;
      if (value === plain || runs >= maxRuns) continue;
      const candidates = [plain];
      if (typeof value === 'number' && typeof plain === 'number')
        candidates.push(plain + Math.trunc((value - plain) / 2));
      for (const candidate of candidates) {
        if (candidate === value || !fails({ ...best, [key]: candidate })) continue;
        best = { ...best, [key]: candidate };
        progress = true;
        break;
      }
    }
  }
  return best;
}
