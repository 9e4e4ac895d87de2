// `wirebench replay`: runs recordings again, compares every outbound packet and the golden logs, and has it reported.

import { CaptureError } from '../io/capture-types.js';
import { EXIT } from '../io/errors.js';
import { crashLines, type Outcome, outcomeWithout } from './outcome.js';
import { createOutput, type Output } from './output.js';
import { captureFiles } from './replay-files.js';
import { type OneOptions, replayOne } from './replay-one.js';
import { jobsFor, type ReplayOptions } from './replay-options.js';
import { runPool } from './replay-pool.js';
import { Progress } from './replay-progress.js';
import { costText, summaryText } from './reporters/pretty.js';
import { hasFailed, isError, noTotals, type Summary, type Totals } from './reporters/reporter.js';
import { openReports } from './reporters/reports.js';
import { ENDING_SIGNALS } from './signals.js';

/** From here on, and with several jobs, what it took is worth a line. */
const MANY_CAPTURES = 100;

/** `outputLost`: nobody reads on, with the exit code for it. */
export async function replay(given: ReplayOptions, outputLost: Promise<number>): Promise<number> {
  const options = pausable(given);
  const startedMs = performance.now();
  const output = createOutput(process.stdout);
  const { files, notices, nothing } = captureFiles(options);
  const jobs = jobsFor(
    files.filter((file) => typeof file === 'string'),
    options.jobs,
  );
  // Said once and before anything runs, by whatever number of threads.
  const { serve = [] } = options.server;
  if (serve.length > 0) (await import('./foreign-replay.js')).servedConfig(serve);
  const reports = await openReports(options, output);
  for (const notice of notices) process.stderr.write(`wirebench: ${notice}\n`);
  if (nothing?.isFailure === true) process.stderr.write(`wirebench: ${nothing.why}\n`);
  const progress = new Progress(files.length, options.log === 'none');
  const totals = noTotals();
  let quit = false;
  const stopped = stopper(options, outputLost);
  try {
    for await (const outcome of outcomes(files, options, jobs, output)) {
      count(totals, outcome);
      progress.clear();
      // What was complained about and what is printed stay in their order.
      if (isError(outcome)) output.flush();
      reports.outcome(outcome);
      quit = outcome.quit;
      if (outcome.quit || stopped() !== undefined || (options.bail && hasFailed(outcome))) break;
      progress.show(totals);
    }
    progress.clear();
    const notRun = files.slice(totals.captures).map((file) => (file instanceof CaptureError ? file.file : file));
    totals.notRun = notRun.length;
    const text = summaryText(totals, nothing?.why, quit);
    const summary: Summary = { totals, notRun, cost: costSince(startedMs, jobs), text, nothing: nothing?.why };
    reports.end(summary);
    output.flush();
    if (jobs > 1 || files.length >= MANY_CAPTURES) {
      process.stderr.write(`wirebench: ${costText(totals.packets, summary.cost)}\n`);
    }
  } finally {
    progress.clear();
    // Raises FileError for a report that could not be written: without it nobody knows what the captures said.
    reports.close();
  }
  const stoppedBy = stopped();
  if (stoppedBy !== undefined) return stoppedBy;
  if (totals.crashed > 0) return EXIT.internal;
  if (totals.unreadable + totals.unwritable > 0 || nothing?.isFailure === true) return EXIT.unreadable;
  const { different, goldenDifferent, goldenMissing, withoutPackets, cutOff } = totals;
  return different + goldenDifferent + goldenMissing + withoutPackets + cutOff > 0 ? EXIT.different : EXIT.ok;
}

/** Where nobody can be asked nothing pauses; said once, not of every capture. */
function pausable(options: ReplayOptions): ReplayOptions {
  if (options.pause.size === 0 || process.stdin.isTTY === true) return options;
  process.stderr.write('wirebench: --pause: the input is no terminal, so nothing pauses\n');
  return { ...options, pause: new Set() };
}

/**
 * What ends the run before its end, as an exit code. Where golden logs are written, those of the captures at hand are put in place
 * first, so that no half of them stays behind; a second signal does not wait.
 */
function stopper({ update }: ReplayOptions, outputLost: Promise<number>): () => number | undefined {
  let stoppedBy: number | undefined;
  if (!update) {
    void outputLost.then((code) => process.exit(code));
    return () => undefined;
  }
  void outputLost.then((code) => {
    stoppedBy ??= code;
  });
  for (const signal of ENDING_SIGNALS) {
    process.once(signal, () => {
      stoppedBy ??= EXIT.interrupted;
    });
  }
  return () => stoppedBy;
}

export function costSince(startedMs: number, jobs: number): Summary['cost'] {
  const { user, system } = process.cpuUsage();
  return {
    milliseconds: performance.now() - startedMs,
    cpuMilliseconds: (user + system) / 1_000,
    jobs,
    peakBytes: process.resourceUsage().maxRSS * 1024,
  };
}

async function* outcomes(
  files: readonly (string | CaptureError)[],
  options: ReplayOptions,
  jobs: number,
  output: Output,
): AsyncGenerator<Outcome, void, undefined> {
  const wantsSequence = options.reporters.some(({ name }) => name === 'github');
  const { update, golden, requiresEnd, log, layers, verbose, debug, color, pause, server } = options;
  const one: OneOptions = {
    ...{ update, golden, requiresEnd, log, layers, verbose, debug, color, pause, server },
    wantsSequence,
  };
  const names = files.filter((file) => typeof file === 'string');
  const module = new URL('./replay-worker.js', import.meta.url);
  const lost = (file: string, stack: string): Outcome => outcomeWithout(file, 'crashed', crashLines(file, stack));
  const pooled = jobs > 1 ? runPool(names, { module, options: one, finishes: update, lost }, jobs) : undefined;
  try {
    for (const file of files) {
      if (file instanceof CaptureError) {
        yield outcomeWithout(file.file, 'unreadable', [file.message]);
      } else if (pooled !== undefined) {
        const next = await pooled.next();
        if (!next.done) yield next.value;
      } else {
        if (log === 'pretty') output.write(`== ${file}\n`);
        yield await replayOne(file, one, output);
      }
    }
  } finally {
    await pooled?.return();
  }
}

function count(totals: Totals, { packets, status, updated }: Outcome): void {
  totals.captures++;
  totals.packets += packets;
  if (updated) totals.updated++;
  switch (status) {
    case 'identical':
      return;
    case 'different':
      totals.different++;
      return;
    case 'golden':
      totals.goldenDifferent++;
      return;
    case 'no-golden':
      totals.goldenMissing++;
      return;
    case 'no-packets':
      totals.withoutPackets++;
      return;
    case 'cut-off':
      totals.cutOff++;
      return;
    case 'unreadable':
      totals.unreadable++;
      return;
    case 'unwritable':
      totals.unwritable++;
      return;
    case 'crashed':
      totals.crashed++;
      return;
    default:
      status satisfies never;
  }
}
