// How fast a download is, by loss and round trip, in virtual time over a bottleneck, beside what the models of Mathis and of
// RFC 9438 §5 expect; once with everything, then with SACK, RACK and CUBIC each switched off.
//
//   node dist/tools/goodput.js                        prints the tables
//   node dist/tools/goodput.js --write docs/goodput.md      ... into the golden file
//   node dist/tools/goodput.js --check docs/goodput.md      exit code 1 when a figure differs: they are deterministic

import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { NO_FAULTS } from '../src/core/faults.js';
import { createStack } from '../src/core/stack.js';
import type { TcpConfig } from '../src/core/tcp/config.js';
import { World } from '../test/support/network.js';
import { PLAIN_PEER } from '../test/support/peer/options.js';
import { Peer } from '../test/support/peer/peer.js';
import { fastRandomSource } from '../test/support/random.js';
import { StubSession } from '../test/support/stub-session.js';
import { WireCheck } from '../test/support/wire-check.js';
import { toolArguments } from './arguments.js';

const LOSSES_PPM = [1_000, 10_000, 30_000];
const ROUND_TRIPS_MS = [10, 50, 200];
const SEEDS = [1, 2, 3];
const RATE_BITS_PER_SECOND = 100_000_000;
/** Losses that a run has on average: enough for the mean of its seeds to stand for the path. */
const LOSSES_PER_RUN = 60;
const MTU = 1500;
/** Text of a full segment behind IP, TCP and timestamps. */
const SEGMENT_BYTES = 1448;

const VARIANTS: readonly { title: string; tcp: TcpConfig; model: 'cubic' | 'reno' }[] = [
  { title: 'SACK, RACK-TLP and CUBIC', tcp: {}, model: 'cubic' },
  { title: 'Without SACK', tcp: { sack: false }, model: 'cubic' },
  { title: 'Without RACK-TLP', tcp: { recovery: 'newreno' }, model: 'cubic' },
  { title: 'Without CUBIC (Reno)', tcp: { congestion: 'reno' }, model: 'reno' },
];

interface Job {
  readonly variant: number;
  readonly lossPpm: number;
  readonly roundTripMs: number;
  readonly seed: number;
}

interface Result {
  readonly bitsPerSecond: number;
  readonly longestStallMs: number;
  readonly resentShare: number;
  readonly timeouts: number;
}

function measure({ variant, lossPpm, roundTripMs, seed }: Job): Result {
  const delayUs = roundTripMs * 500;
  const rate = { ...NO_FAULTS, rateBitsPerSecond: RATE_BITS_PER_SECOND, delayUs };
  const bdpBytes = (RATE_BITS_PER_SECOND / 8_000) * roundTripMs;
  let timeouts = 0;
  const stack = createStack(
    {
      localAddress: '10.0.0.2',
      mtu: MTU,
      services: new Map([[80, () => new StubSession({ source: Number.POSITIVE_INFINITY })]]),
      tcp: VARIANTS[variant]!.tcp,
    },
    {
      random: fastRandomSource(seed),
      trace: (_atUs, event) => {
        if (event.layer === 'tcp' && event.kind === 'retransmit' && event.reason === 'rto') timeouts++;
      },
    },
  );
  const peer = new Peer({ ...PLAIN_PEER, port: 50_000, seed, bufferBytes: 8 << 20 });
  const check = new WireCheck(2 * roundTripMs * 1_000 + 100_000);
  const target = Math.round((LOSSES_PER_RUN * 1_000_000) / lossPpm) * SEGMENT_BYTES;
  let received = 0;
  let lastUs = 0;
  let longestStallUs = 0;
  let beganUs = 0;
  const world = new World({
    stack,
    peers: [peer],
    plan: { in: rate, out: { ...rate, queueBytes: bdpBytes, dropPpm: lossPpm } },
    seed: seed * 7919 + lossPpm + roundTripMs,
    watch: (atUs, direction, frame) => (direction === 'in' ? check.in(atUs, frame) : check.out(atUs, frame)),
    until: (nowUs) => {
      if (peer.received === received) return false;
      if (received === 0) beganUs = nowUs;
      else longestStallUs = Math.max(longestStallUs, nowUs - lastUs);
      received = peer.received;
      lastUs = nowUs;
      return received >= target;
    },
  });
  world.connect();
  if (world.run(Number.MAX_SAFE_INTEGER)) throw new Error(`the download ended at ${received} of ${target} bytes`);
  return {
    bitsPerSecond: (received * 8e6) / (lastUs - beganUs),
    longestStallMs: longestStallUs / 1_000,
    resentShare: check.retransmissions / check.textFrames,
    timeouts,
  };
}

/** MSS/RTT x 1.22/sqrt(p), in bits per second. */
function mathis(lossPpm: number, roundTripMs: number): number {
  return ((SEGMENT_BYTES * 8_000) / roundTripMs) * (1.22 / Math.sqrt(lossPpm / 1e6));
}

/** RFC 9438 §5.1 with C = 0.4 and beta = 0.7; where Reno would be faster, CUBIC is Reno-friendly (§4.3). */
function cubic(lossPpm: number, roundTripMs: number): number {
  const windowSegments = 1.054 * (roundTripMs / 1e3 / (lossPpm / 1e6)) ** 0.75;
  return Math.max(mathis(lossPpm, roundTripMs), (SEGMENT_BYTES * 8_000 * windowSegments) / roundTripMs);
}

const WIRE_SHARE = SEGMENT_BYTES / MTU;

async function measureAll(jobs: readonly Job[]): Promise<Result[]> {
  const results: Result[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: Math.min(4, availableParallelism()) }, () => {
      const thread = new Worker(new URL(import.meta.url), { workerData: null });
      return new Promise<void>((resolve, reject) => {
        let running = -1;
        const go = (): void => {
          running = next++;
          if (running < jobs.length) thread.postMessage(jobs[running]);
          else void thread.terminate().then(() => resolve());
        };
        thread.on('message', (result: Result) => {
          results[running] = result;
          go();
        });
        thread.on('error', reject);
        go();
      });
    }),
  );
  return results;
}

const mbit = (bits: number): string => (bits / 1e6).toFixed(2);

async function report(): Promise<string> {
  const jobs: Job[] = VARIANTS.flatMap((_, variant) =>
    LOSSES_PPM.flatMap((lossPpm) =>
      ROUND_TRIPS_MS.flatMap((roundTripMs) => SEEDS.map((seed) => ({ variant, lossPpm, roundTripMs, seed }))),
    ),
  );
  const results = await measureAll(jobs);
  const lines = [
    '# Goodput over loss and round trip',
    '',
    'Made by `node dist/tools/goodput.js --write docs/goodput.md`; a test compares every figure, as the same seeds give the',
    `same bytes. One download in virtual time through a bottleneck of ${RATE_BITS_PER_SECOND / 1e6} Mbit/s with a queue of one bandwidth-delay`,
    `product and independent random loss of data (ACKs are not lost), ${SEGMENT_BYTES} bytes of text a segment. Each line is the mean of`,
    `${SEEDS.length} seeds with ${LOSSES_PER_RUN} losses each. Rates are Mbit/s of text. Mathis: MSS/RTT x 1.22/sqrt(p). CUBIC: RFC 9438 §5, or Mathis where`,
    'that is more (§4.3). Both leave out slow start, which a download begins with. *of model*: goodput over the model of the',
    'congestion control in use, or over the bottleneck where the model exceeds it. *stall*: the longest time without',
    'progress at the receiver. *RTOs*: retransmissions by timeout in all seeds.',
  ];
  VARIANTS.forEach(({ title, model }, variant) => {
    lines.push('', `## ${title}`, '');
    lines.push('| loss | RTT | goodput | Mathis | CUBIC | of model | sent again | stall | RTOs |');
    lines.push('|---:|---:|---:|---:|---:|---:|---:|---:|---:|');
    for (const lossPpm of LOSSES_PPM) {
      for (const roundTripMs of ROUND_TRIPS_MS) {
        const own = results.filter((_, i) => {
          const job = jobs[i]!;
          return job.variant === variant && job.lossPpm === lossPpm && job.roundTripMs === roundTripMs;
        });
        const mean = (pick: (result: Result) => number): number =>
          own.reduce((sum, result) => sum + pick(result), 0) / own.length;
        const goodput = mean((result) => result.bitsPerSecond);
        const expected = (model === 'cubic' ? cubic : mathis)(lossPpm, roundTripMs);
        const bound = Math.min(expected, RATE_BITS_PER_SECOND * WIRE_SHARE);
        lines.push(
          `| ${[
            `${lossPpm / 10_000} %`,
            `${roundTripMs} ms`,
            mbit(goodput),
            mbit(mathis(lossPpm, roundTripMs)),
            mbit(cubic(lossPpm, roundTripMs)),
            `${((100 * goodput) / bound).toFixed(0)} %`,
            `${(100 * mean((result) => result.resentShare)).toFixed(2)} %`,
            `${Math.max(...own.map((result) => result.longestStallMs)).toFixed(0)} ms`,
            own.reduce((sum, result) => sum + result.timeouts, 0),
          ].join(' | ')} |`,
        );
      }
    }
  });
  return `${lines.join('\n')}\n`;
}

async function main(): Promise<number> {
  const { values } = toolArguments('usage: goodput.js [--write FILE | --check FILE]\n', {
    options: { write: { type: 'string' }, check: { type: 'string' } },
  });
  const text = await report();
  if (values.check !== undefined) {
    const golden = readFileSync(values.check, 'utf8').split('\n');
    const now = text.split('\n');
    const at = now.findIndex((line, i) => line !== golden[i]);
    if (at < 0 && golden.length === now.length) {
      process.stdout.write(`${values.check}: every figure is the same\n`);
      return 0;
    }
    const line = at < 0 ? now.length : at;
    process.stdout.write(`${values.check}:${line + 1} differs\n  golden: ${golden[line]}\n  now:    ${now[line]}\n`);
    return 1;
  }
  if (values.write === undefined) process.stdout.write(text);
  else writeFileSync(values.write, text);
  return 0;
}

if (isMainThread) process.exitCode = await main();
else if (workerData === null) parentPort!.on('message', (job: Job) => parentPort!.postMessage(measure(job)));
