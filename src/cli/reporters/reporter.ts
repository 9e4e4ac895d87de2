// What a reporter of `replay` is told: each outcome in the order of the captures, and at the end what all of it came to.

import type { Outcome } from '../outcome.js';

export interface Totals {
  captures: number;
  packets: number;
  different: number;
  unreadable: number;
  /** Golden logs could not be written. */
  unwritable: number;
  goldenDifferent: number;
  goldenMissing: number;
  withoutPackets: number;
  /** Under CI, where it is a failure. */
  cutOff: number;
  crashed: number;
  updated: number;
  /** Ended on request, or at the first failure, with so many captures left. */
  notRun: number;
}

/** Before anything was replayed. */
export function noTotals(): Totals {
  return {
    captures: 0,
    packets: 0,
    different: 0,
    unreadable: 0,
    unwritable: 0,
    goldenDifferent: 0,
    goldenMissing: 0,
    withoutPackets: 0,
    cutOff: 0,
    crashed: 0,
    updated: 0,
    notRun: 0,
  };
}

/** What it took: another figure in every run, so no part of what anybody compares. */
export interface Cost {
  /** Wall time of everything. */
  readonly milliseconds: number;
  /** CPU time of all threads. */
  readonly cpuMilliseconds: number;
  readonly jobs: number;
  /** Largest resident memory of the process. */
  readonly peakBytes: number;
}

export interface Summary {
  readonly totals: Totals;
  /** Captures that were not run any more, in order. */
  readonly notRun: readonly string[];
  readonly cost: Cost;
  /** Why there was no capture to run. */
  readonly nothing?: string | undefined;
  /** What all of it came to, in a line. */
  readonly text: string;
}

export interface Reporter<One extends Outcome = Outcome, All extends Summary = Summary> {
  outcome(outcome: One): void;
  end(summary: All): void;
}

export type Write = (text: string) => void;

/** What went wrong, in one line. */
export function headline(outcome: Outcome): string {
  return (outcome.lines[0] ?? outcome.status).split('\n')[0]!;
}

export const hasFailed = ({ status }: Outcome): boolean => status !== 'identical';

/** Not a matter of what was compared: it could not be compared. */
export const isError = ({ status }: Outcome): boolean =>
  status === 'unreadable' || status === 'unwritable' || status === 'crashed';
