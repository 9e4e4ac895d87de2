// `wirebench replay --re-execute`: the clients of captures are played against our server, and each recorded answer is shown beside
// ours. docs/re-execution.md has the form of the JSON.

import { createHash } from 'node:crypto';
import { parseExpectation } from '../bench/expectation.js';
import { FilterError } from '../bench/inspect/filter-lexer.js';
import type { RunConfig } from '../io/assemble.js';
import { CaptureError } from '../io/capture-types.js';
import { EXIT } from '../io/errors.js';
import { resolveColor } from './colors.js';
import { openDesk } from './desk.js';
import { refuseToReplace, TEST_CREDENTIAL } from './live-server.js';
import { createOutput } from './output.js';
import {
  crashedReExecution,
  type OneReExecution,
  type ReExecuted,
  reExecuteOne,
  unreadableReExecution,
} from './re-execute-one.js';
import type { ReExecuteOptions } from './re-execute-options.js';
import { costSince } from './replay.js';
import { captureFiles } from './replay-files.js';
import { jobsFor } from './replay-options.js';
import { runPool } from './replay-pool.js';
import {
  createReExecutionJson,
  createReExecutionPretty,
  type ReExecutionReporter,
  type ReExecutionSummary,
  type ReExecutionTotals,
  reExecutionText,
} from './reporters/re-execution.js';
import { hasFailed, type Totals, type Write } from './reporters/reporter.js';
import { createReporter, openReporters } from './reporters/reports.js';
import { readTls } from './tls-files.js';
import { UsageError } from './values.js';

export async function reExecuteCaptures(options: ReExecuteOptions): Promise<number> {
  const startedMs = performance.now();
  checkExpectations(options.expectations);
  refuseToReplace(options, options.record);
  // What is wrong with an application is wrong usage, and not of one capture.
  await openDesk(options);
  const output = createOutput(process.stdout);
  const { files, notices, nothing } = captureFiles(options, 'captures');
  if (options.record !== undefined && files.length > 1) {
    throw new UsageError('--record: one capture makes one recording', 'Name a single capture.');
  }
  const names = files.filter((file) => typeof file === 'string');
  const jobs = jobsFor(names, options.jobs);
  const write: Write = (text) => output.write(text);
  const reports = await openReporters<ReExecuted, ReExecutionSummary>(options.reporters, write, (name, to, open) =>
    makeReporter(name, to, open, isColored(options)),
  );
  for (const notice of notices) process.stderr.write(`wirebench: ${notice}\n`);
  if (nothing?.isFailure === true) process.stderr.write(`wirebench: ${nothing.why}\n`);
  const totals: ReExecutionTotals = {
    ...{ captures: 0, requests: 0, unanswered: 0, unmet: 0, empty: 0, unreadable: 0, crashed: 0, notRun: 0 },
    notTaken: {},
  };
  let hasFailure = false;
  let packets = 0;
  try {
    for await (const outcome of outcomes(files, oneOptions(options), jobs)) {
      count(totals, outcome);
      packets += outcome.packets;
      hasFailure ||= outcome.status === 'different';
      // What was complained about and what is printed stay in their order.
      if (outcome.status === 'unreadable' || outcome.status === 'crashed') output.flush();
      reports.outcome(outcome);
      if (options.bail && hasFailed(outcome)) break;
    }
    const notRun = files.slice(totals.captures).map((file) => (file instanceof CaptureError ? file.file : file));
    totals.notRun = notRun.length;
    const cost = costSince(startedMs, jobs);
    const text = reExecutionText(totals, options.expectations.length > 0, nothing?.why);
    reports.end({ totals: { ...NO_REPLAY, packets }, reExecution: totals, notRun, cost, text, nothing: nothing?.why });
    output.flush();
  } finally {
    reports.close();
  }
  if (totals.crashed > 0) return EXIT.internal;
  if (totals.unreadable > 0 || nothing?.isFailure === true) return EXIT.unreadable;
  return hasFailure ? EXIT.different : EXIT.ok;
}

/** What replays of recordings come to, of which there are none here. */
const NO_REPLAY: Totals = {
  ...{ captures: 0, packets: 0, different: 0, unreadable: 0, unwritable: 0, goldenDifferent: 0, goldenMissing: 0 },
  ...{ withoutPackets: 0, cutOff: 0, crashed: 0, updated: 0, notRun: 0 },
};

/** Raises UsageError. */
function checkExpectations(expectations: readonly string[]): void {
  try {
    for (const text of expectations) parseExpectation(text);
  } catch (error) {
    if (!(error instanceof FilterError)) throw error;
    throw new UsageError(`--expect: ${error.message}`, error.advice);
  }
}

function oneOptions(options: ReExecuteOptions): OneReExecution {
  const config: RunConfig = {
    mode: 'tun',
    address: '10.0.0.2',
    address6: 'fd00::2',
    mtu: 1500,
    plainPorts: [80],
    tlsPorts: [443],
    ...readTls(options.tls, TEST_CREDENTIAL),
    ...((options.app !== undefined || options.root !== undefined) && { outside: true as const }),
  };
  const seed = options.seed ?? createHash('sha256').update('wirebench re-execution').digest();
  const { keylogs, expectations, ignored, record, app, root, ignoreChecksums, allowEmpty, reporters } = options;
  return {
    ...{ run: { config, seed }, keylogs, expectations, ignored, record, app, root, ignoreChecksums, allowEmpty },
    wantsText: reporters.some(({ name }) => name === 'pretty'),
    wantsJson: reporters.some(({ name }) => name === 'json'),
    isColored: isColored(options),
  };
}

function isColored({ color }: ReExecuteOptions): boolean {
  return resolveColor(color, process.env, process.stdout.isTTY === true);
}

async function makeReporter(
  name: Parameters<typeof createReporter>[0],
  write: Write,
  open: Parameters<typeof createReporter>[2],
  colored: boolean,
): Promise<ReExecutionReporter> {
  if (name === 'pretty') return createReExecutionPretty(write, (text) => void process.stderr.write(text), colored);
  return name === 'json'
    ? createReExecutionJson(write)
    : createReporter(name, write, open, { what: 'wirebench re-execution' });
}

async function* outcomes(
  files: readonly (string | CaptureError)[],
  one: OneReExecution,
  jobs: number,
): AsyncGenerator<ReExecuted, void, undefined> {
  const names = files.filter((file) => typeof file === 'string');
  const module = new URL('./re-execute-worker.js', import.meta.url);
  const work = { module, options: one, finishes: false, lost: crashedReExecution };
  const pooled = jobs > 1 ? runPool(names, work, jobs) : undefined;
  try {
    for (const file of files) {
      if (file instanceof CaptureError) yield unreadableReExecution(file);
      else if (pooled === undefined) yield await reExecuteOne(file, one);
      else {
        const next = await pooled.next();
        if (!next.done) yield next.value;
      }
    }
  } finally {
    await pooled?.return();
  }
}

function count(totals: ReExecutionTotals, outcome: ReExecuted): void {
  const { status, requests, unanswered, unmet, notTaken } = outcome;
  totals.captures++;
  totals.requests += requests;
  totals.unanswered += unanswered;
  totals.unmet += unmet;
  if (status === 'unreadable') totals.unreadable++;
  else if (status === 'crashed') totals.crashed++;
  else if (requests === 0) totals.empty++;
  const sums: Record<string, number> = { ...totals.notTaken };
  for (const [reason, count] of Object.entries(notTaken)) sums[reason] = (sums[reason] ?? 0) + count;
  totals.notTaken = sums;
}
