// The reporter for programs: one JSON object with all captures. docs/replay.md has its fields. Only `milliseconds` is another in
// every run; memory and the time of the whole are not in it.

import type { Outcome } from '../outcome.js';
import { asciiJson } from '../text.js';
import type { Reporter, Write } from './reporter.js';

/** Grows when a field changes its meaning or goes. */
export const REPLAY_REPORT_SCHEMA = 1;

export function createJson(write: Write): Reporter {
  const captures: unknown[] = [];
  return {
    outcome: (outcome) => void captures.push(captureOf(outcome)),
    end({ totals, notRun, nothing }) {
      const report = { schema: REPLAY_REPORT_SCHEMA, kind: 'wirebench-replay', totals, captures, notRun, nothing };
      write(`${asciiJson(report, 2)}\n`);
    },
  };
}

function captureOf(outcome: Outcome): unknown {
  const { file, status, packets, durationUs, complete, quit, updated, lines, advice, changes } = outcome;
  const milliseconds = Math.round(outcome.milliseconds * 1_000) / 1_000;
  return {
    ...{ file, status, packets, durationUs, complete, quit, updated, milliseconds },
    ...{ lines: [...lines, ...advice], changes },
  };
}
