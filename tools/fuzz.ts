// Runs many seeded cases of a target, on worker threads, and says how to repeat the first that fails.
//
//   node dist/tools/fuzz.js tcp --seed 1 --runs 100000      [--workers N]; or tls
//   node dist/tools/fuzz.js tcp --seed 1 --run 4711         one of them, with its case; --log prints every frame
//   node dist/tools/fuzz.js tcp --case '{"mode":"sink"}'    a case of one's own (what is not named is plain)
//
// Exit codes: 0 nothing failed, 1 something did, 2 wrong usage.

import { availableParallelism } from 'node:os';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { toolArguments, wrongUsage } from './arguments.js';
import { hpackTarget } from './fuzz/hpack.js';
import { http1Target } from './fuzz/http1.js';
import { http2Target } from './fuzz/http2.js';
import { type Case, type FuzzTarget, shrink, type Verdict } from './fuzz/target.js';
import { tcpTarget } from './fuzz/tcp.js';
import { tlsTarget } from './fuzz/tls.js';

const TARGETS: readonly FuzzTarget[] = [tcpTarget, tlsTarget, http1Target, http2Target, hpackTarget];
const REPORT_EVERY = 250;
const SHRINK_RUNS = 400;

interface Job {
  readonly target: string;
  readonly seed: number;
  readonly first: number;
  readonly step: number;
  readonly runs: number;
}

interface Report {
  runs: number;
  counts: Record<string, number>;
  peaks: Record<string, number>;
  failure?: { run: number; what: string };
}

function emptyReport(): Report {
  return { runs: 0, counts: {}, peaks: {} };
}

function addVerdict(report: Report, { counts, peaks }: Omit<Verdict, 'failure'>): void {
  for (const [key, value] of Object.entries(counts)) report.counts[key] = (report.counts[key] ?? 0) + value;
  for (const [key, value] of Object.entries(peaks)) report.peaks[key] = Math.max(report.peaks[key] ?? 0, value);
}

/** A worker's share: every `step`-th run from `first` on, until one fails. */
function work(job: Job, post: (report: Report) => void): void {
  const target = TARGETS.find(({ name }) => name === job.target)!;
  let report = emptyReport();
  for (let run = job.first; run < job.runs; run += job.step) {
    const verdict = target.run(target.make(job.seed, run));
    report.runs++;
    addVerdict(report, verdict);
    if (verdict.failure !== undefined) {
      post({ ...report, failure: { run, what: verdict.failure } });
      return;
    }
    if (report.runs % REPORT_EVERY === 0) {
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      report.peaks['heap, MB'] = heapUsed / 1e6;
      report.peaks['buffers, MB'] = arrayBuffers / 1e6;
      post(report);
      report = emptyReport();
    }
  }
  post(report);
}

async function runMany(target: FuzzTarget, seed: number, runs: number, workers: number): Promise<number> {
  const startedMs = performance.now();
  const total = emptyReport();
  let failure: Report['failure'];
  const threads: Worker[] = [];
  let shown = 0;
  await Promise.all(
    Array.from({ length: workers }, (_, first) => {
      const job: Job = { target: target.name, seed, first, step: workers, runs };
      const thread = new Worker(new URL(import.meta.url), { workerData: job });
      threads.push(thread);
      return new Promise<void>((resolve, reject) => {
        thread.on('message', (report: Report) => {
          total.runs += report.runs;
          addVerdict(total, report);
          if (report.failure && (failure === undefined || report.failure.run < failure.run)) failure = report.failure;
          if (report.failure) for (const other of threads) void other.terminate();
          if (process.stderr.isTTY && total.runs - shown >= 1_000) {
            shown = total.runs;
            process.stderr.write(`\r${total.runs} of ${runs} runs`);
          }
        });
        thread.on('error', reject);
        thread.on('exit', () => resolve());
      });
    }),
  );
  if (shown > 0) process.stderr.write('\r\x1b[K');
  const seconds = (performance.now() - startedMs) / 1_000;
  const figures = [
    ...Object.entries(total.counts).map(([key, value]) => `${Math.round(value).toLocaleString('en')} ${key}`),
    ...Object.entries(total.peaks).map(([key, value]) => `${key} ${value.toFixed(value < 10 ? 1 : 0)}`),
  ].join(', ');
  process.stdout.write(
    `fuzz ${target.name}: ${total.runs} runs of seed ${seed} in ${seconds.toFixed(1)} s (${figures})\n`,
  );
  if (failure === undefined) {
    process.stdout.write(`fuzz ${target.name}: no invariant broken\n`);
    return 0;
  }
  tellFailure(target, `--seed ${seed} --run ${failure.run}`, target.make(seed, failure.run), failure.what);
  return 1;
}

function tellFailure(target: FuzzTarget, how: string, failing: Case, what: string): void {
  const simple = shrink(target, failing, SHRINK_RUNS);
  const special = Object.fromEntries(Object.entries(simple).filter(([key, value]) => value !== target.plain[key]));
  process.stdout.write(
    `FAILED ${what}\n` +
      `  repeat it:  node dist/tools/fuzz.js ${target.name} ${how}\n` +
      `  simplified: node dist/tools/fuzz.js ${target.name} --case '${JSON.stringify(special)}' --log\n` +
      `              ${target.run(simple).failure}\n`,
  );
}

function runOne(target: FuzzTarget, fuzzCase: Case, how: string, logged: boolean): number {
  process.stdout.write(`${JSON.stringify(fuzzCase)}\n`);
  const verdict = target.run(fuzzCase, logged ? (line) => process.stdout.write(`${line}\n`) : undefined);
  const figures = [...Object.entries(verdict.counts), ...Object.entries(verdict.peaks)];
  process.stdout.write(`${figures.map(([key, value]) => `${key}: ${value}`).join(', ')}\n`);
  if (verdict.failure === undefined) process.stdout.write('no invariant broken\n');
  else if (how === '') process.stdout.write(`FAILED ${verdict.failure}\n`);
  else tellFailure(target, how, fuzzCase, verdict.failure);
  return verdict.failure === undefined ? 0 : 1;
}

const USAGE =
  'usage: fuzz.js TARGET [--seed S] [--runs N | --run N | --case JSON] [--workers N] [--log]\n' +
  TARGETS.map(({ name, description }) => `  ${name}: ${description}\n`).join('');

function usage(problem: string): never {
  return wrongUsage(USAGE, `fuzz: ${problem}`);
}

function caseOf(json: string): Case {
  try {
    return JSON.parse(json) as Case;
  } catch {
    return usage('--case takes JSON, as a failure prints it');
  }
}

async function main(): Promise<number> {
  const { values, positionals } = toolArguments(USAGE, {
    allowPositionals: true,
    options: {
      seed: { type: 'string', default: '1' },
      runs: { type: 'string', default: '1000' },
      run: { type: 'string' },
      case: { type: 'string' },
      workers: { type: 'string', default: String(Math.min(8, availableParallelism())) },
      log: { type: 'boolean', default: false },
    },
  });
  const target = TARGETS.find(({ name }) => name === positionals[0]);
  if (target === undefined) return usage(`there is no target ${positionals[0] ?? '(none given)'}`);
  const numbers = [values.seed, values.runs, values.workers, values.run ?? '0'].map(Number);
  if (!numbers.every((value) => Number.isSafeInteger(value) && value >= 0) || numbers[2] === 0) {
    return usage('--seed, --run, --runs and --workers are whole numbers');
  }
  const [seed, runs, workers, run] = numbers as [number, number, number, number];
  if (values.case !== undefined) {
    return runOne(target, { ...target.plain, ...caseOf(values.case) }, '', values.log);
  }
  if (values.run !== undefined) {
    return runOne(target, target.make(seed, run), `--seed ${seed} --run ${run}`, values.log);
  }
  return runMany(target, seed, runs, workers);
}

if (isMainThread) process.exitCode = await main();
else work(workerData as Job, (report) => parentPort!.postMessage(report));
