// The reporter for programs: one JSON object with all captures. docs/replay.md has its fields. Times and memory are not in
// it: two runs over the same captures give the same text.

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

function captureOf({ file, status, packets, durationUs, complete, quit, updated, lines, changes }: Outcome): unknown {
  return { file, status, packets, durationUs, complete, quit, updated, lines, changes };
}
