// What `replay --re-execute` prints for people and for programs. JUnit and GitHub have one capture a test, as for any replay.

import { createPalette } from '../colors.js';
import { notTakenText, type ReExecuted } from '../re-execute-one.js';
import { asciiJson, counted, grouped } from '../text.js';
import { paintedSum } from './pretty.js';
import { isError, type Reporter, type Summary, type Write } from './reporter.js';

/** Grows when a field changes its meaning or goes. */
export const RE_EXECUTION_SCHEMA = 1;

export interface ReExecutionTotals {
  captures: number;
  requests: number;
  unanswered: number;
  unmet: number;
  /** Captures that no request could be taken from. */
  empty: number;
  unreadable: number;
  crashed: number;
  notRun: number;
  /** Connections of which nothing was asked, by the reason. */
  notTaken: ReExecuted['notTaken'];
}

export interface ReExecutionSummary extends Summary {
  readonly reExecution: ReExecutionTotals;
}

export type ReExecutionReporter = Reporter<ReExecuted, ReExecutionSummary>;

/** `complain` is for what cannot be read or went wrong in wirebench. */
export function createReExecutionPretty(say: Write, complain: Write, isColored: boolean): ReExecutionReporter {
  return {
    outcome(outcome) {
      if (isError(outcome)) for (const line of outcome.lines) complain(`wirebench: ${line}\n`);
      for (const line of outcome.text) say(`${line}\n`);
    },
    end: ({ text }) => say(`${paintedSum(text, createPalette(isColored))}\n`),
  };
}

export function createReExecutionJson(write: Write): ReExecutionReporter {
  const captures: unknown[] = [];
  return {
    outcome: ({ json }) => void captures.push(json),
    end({ reExecution, notRun, nothing }) {
      const head = { schema: RE_EXECUTION_SCHEMA, kind: 'wirebench-re-execution' };
      write(`${asciiJson({ ...head, totals: reExecution, captures, notRun, nothing }, 2)}\n`);
    },
  };
}

/** What all came to, in a line. `all answered` is said of what was asked only. */
export function reExecutionText(totals: ReExecutionTotals, isJudged: boolean, nothing: string | undefined): string {
  if (nothing !== undefined) return `0 captures: ${nothing}`;
  const { requests, unanswered, unmet, empty, unreadable, crashed, notRun, notTaken } = totals;
  const parts = [counted(totals.captures, 'capture'), counted(requests, 'request')];
  if (requests > 0) {
    parts.push(unanswered === 0 ? 'all answered' : `${grouped(unanswered)} not answered`);
    if (isJudged) parts.push(unmet === 0 ? 'all as expected' : `${grouped(unmet)} not as expected`);
  }
  if (empty > 0) parts.push(`${grouped(empty)} without any request`);
  if (unreadable > 0) parts.push(`${grouped(unreadable)} unreadable`);
  if (crashed > 0) parts.push(counted(crashed, 'internal error'));
  if (notRun > 0) parts.push(`${grouped(notRun)} not run`);
  if (Object.keys(notTaken).length > 0) parts.push(notTakenText(notTaken));
  return parts.join(', ');
}
