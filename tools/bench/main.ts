// `npm run bench`: tcp, std and tun mode side by side under h2load, handshakes of tcp and std mode under `openssl s_time`, and
// replays; alternating round by round, medians. Prints Markdown.
//
//   node dist/tools/bench/main.js [--rounds N] [--servers | --handshakes | --replays | --captures]     default 3 rounds; the rest: only those
//
// Servers run on core 0, clients on core 1; the 1 x 1 row runs both on core 0, because across cores it measures wake-up
// latency. Loads are counted, not timed. tun mode runs in a network namespace of its own.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { arch, cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { replayRecording } from '../../src/bench/replay.js';
import { benchCaptures } from './captures.js';
import { benchHandshakes } from './handshakes.js';
import { cpuSeconds, type Mode, median, type Running, start, stop } from './servers.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const captures = join(root, 'fixtures/captures');
const MODES: readonly Mode[] = ['tcp', 'std', 'tun'];

interface Load {
  readonly name: string;
  readonly unit: string;
  readonly sameCore: boolean;
  /** `content`: a file of `UPLOAD_BYTES`. */
  readonly args: (base: string, content: string) => string[];
  /** For the server. */
  readonly options?: readonly string[];
  /** What one operation is for the CPU column, and how many there are. */
  readonly operations: number;
  readonly operation: string;
}

const UPLOAD_BYTES = 100_000_000;

const DOWNLOAD: Load = {
  name: '100 MB download',
  unit: 'MB/s',
  sameCore: false,
  args: (base) => ['-n', '4', '-c', '1', '-m', '1', `${base}/bytes/100000000`],
  operations: 400,
  operation: 'MB',
};

const LOADS: readonly Load[] = [
  {
    name: '1 connection × 1 stream, same core',
    unit: 'req/s',
    sameCore: true,
    args: (base) => ['-n', '10000', '-c', '1', '-m', '1', `${base}/bytes/100`],
    operations: 10_000,
    operation: 'request',
  },
  {
    name: '10 connections × 100 streams',
    unit: 'req/s',
    sameCore: false,
    args: (base) => ['-n', '50000', '-c', '10', '-m', '100', `${base}/bytes/100`],
    operations: 50_000,
    operation: 'request',
  },
  DOWNLOAD,
  {
    name: '100 MB upload, counted by an app',
    unit: 'MB/s',
    sameCore: false,
    args: (base, content) => ['-n', '4', '-c', '1', '-m', '1', '-d', content, `${base}/digest`],
    options: ['--app', join(root, 'examples/app.mjs')],
    operations: 400,
    operation: 'MB',
  },
  {
    name: '100 MB up and down at once (/echo)',
    unit: 'MB/s',
    sameCore: false,
    args: (base, content) => ['-n', '2', '-c', '1', '-m', '1', '-d', content, `${base}/echo`],
    operations: 200,
    operation: 'MB',
  },
];

/** One load on one server: the figure of its unit, and the server's CPU microseconds per operation. */
function measure(running: Running, load: Load, content: string): { figure: number; cpuUs: number } {
  const client = running.wrap([
    'taskset',
    '-c',
    load.sameCore ? '0' : '1',
    'h2load',
    ...load.args(running.base, content),
  ]);
  const before = cpuSeconds(running.pid);
  const result = spawnSync(client[0]!, client.slice(1), { encoding: 'utf8', timeout: 120_000 });
  const cpuUs = ((cpuSeconds(running.pid) - before) * 1e6) / load.operations;
  const failed = /(\d+) failed, (\d+) errored, (\d+) timeout/.exec(result.stdout);
  const finished = /finished in ([\d.]+)(ms|s|us), ([\d.]+) req\/s/.exec(result.stdout);
  if (!finished || !failed || failed[1] !== '0' || failed[2] !== '0') {
    throw new Error(`h2load failed on ${running.base}: ${result.stdout}${result.stderr}`);
  }
  const seconds = Number(finished[1]) * ({ s: 1, ms: 1e-3, us: 1e-6 }[finished[2] as 's'] ?? 1);
  return { figure: load.unit === 'req/s' ? Number(finished[3]) : load.operations / seconds, cpuUs };
}

async function benchServers(rounds: number, content: string): Promise<string[]> {
  const figures = new Map<string, { figure: number[]; cpuUs: number[] }>();
  for (let round = 0; round < rounds; round++) {
    for (const load of LOADS) {
      for (const mode of MODES) {
        process.stderr.write(`round ${round + 1} of ${rounds}: ${load.name}, ${mode}\n`);
        const running = await start(mode, 18_443, load.options);
        try {
          // A warm-up of the same kind, so that the compiler's work is not measured.
          measure(running, load, content);
          const { figure, cpuUs } = measure(running, load, content);
          const key = `${load.name} ${mode}`;
          const row = figures.get(key) ?? { figure: [], cpuUs: [] };
          row.figure.push(figure);
          row.cpuUs.push(cpuUs);
          figures.set(key, row);
        } finally {
          await stop(running);
        }
      }
    }
  }
  const lines = ['| load | tcp | std | tun | tcp : std |', '|---|---|---|---|---|'];
  for (const load of LOADS) {
    const cells = MODES.map((mode) => {
      const row = figures.get(`${load.name} ${mode}`)!;
      return `${Math.round(median(row.figure)).toLocaleString('en-US')} (${median(row.cpuUs).toFixed(load.unit === 'req/s' ? 1 : 0)})`;
    });
    const ratio = median(figures.get(`${load.name} tcp`)!.figure) / median(figures.get(`${load.name} std`)!.figure);
    lines.push(
      `| ${load.name}, ${load.unit} (server CPU µs per ${load.operation}) | ${cells.join(' | ')} | ${ratio.toFixed(2)} |`,
    );
  }
  return lines;
}

async function benchReplay(rounds: number): Promise<string[]> {
  const bundled = readdirSync(captures)
    .filter((name) => name.endsWith('.pcapng'))
    .map((name) => join(captures, name));
  const folder = mkdtempSync(join(tmpdir(), 'wirebench-bench-'));
  try {
    const long = join(folder, 'download.pcapng');
    const running = await start('tun', 0, ['--record', long]);
    try {
      measure(running, DOWNLOAD, '');
    } finally {
      await stop(running);
    }
    const megabytes = statSync(long).size / 1e6;
    return [
      '| replay, in one process | packets | packets/s |',
      '|---|---|---|',
      await replayRow(
        `the ${bundled.length} bundled captures, ${bundled.length} starts and key exchanges included`,
        bundled,
        rounds,
      ),
      await replayRow(`a recorded download of 400 MB (${megabytes.toFixed(0)} MB of pcapng)`, [long], rounds),
    ];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function replayRow(name: string, files: readonly string[], rounds: number): Promise<string> {
  const perSecond: number[] = [];
  let packets = 0;
  for (let round = 0; round <= rounds; round++) {
    process.stderr.write(`replay, round ${round} of ${rounds}: ${name}\n`);
    packets = 0;
    const started = process.hrtime.bigint();
    for (const file of files) {
      const result = await replayRecording(file);
      if (result.difference) throw new Error(`${file} does not replay identically`);
      packets += result.packets;
    }
    const seconds = Number(process.hrtime.bigint() - started) / 1e9;
    if (round > 0) perSecond.push(packets / seconds);
  }
  const figure = (value: number): string => Math.round(value).toLocaleString('en-US');
  return `| ${name} | ${figure(packets)} | ${figure(median(perSecond))} |`;
}

const USAGE = 'usage: node dist/tools/bench/main.js [--rounds N] [--servers | --handshakes | --replays | --captures]';

function stopWith(text: string, code: number): never {
  process.stderr.write(`${text}\n`);
  process.exit(code);
}

const PARTS = ['--servers', '--handshakes', '--replays', '--captures'] as const;
let only: string | undefined;
let rounds = 3;
for (let at = 2; at < process.argv.length; at++) {
  const word = process.argv[at]!;
  if (word === '--help' || word === '-h') stopWith(USAGE, 0);
  if (PARTS.some((part) => part === word)) only = word;
  else if (word === '--rounds') rounds = Number(process.argv[++at]);
  else stopWith(`bench: what is ${word}?\n${USAGE}`, 2);
}
if (!Number.isInteger(rounds) || rounds < 1 || rounds > 25) {
  stopWith('bench: --rounds takes a whole number from 1 to 25', 2);
}
const wants = (part: (typeof PARTS)[number]): boolean => only === undefined || only === part;
const tables: string[][] = [];
if (wants('--servers')) {
  const folder = mkdtempSync(join(tmpdir(), 'wirebench-bench-'));
  try {
    const content = join(folder, 'content');
    writeFileSync(content, Buffer.alloc(UPLOAD_BYTES, 'wirebench'));
    tables.push(await benchServers(rounds, content));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
if (wants('--handshakes')) tables.push(await benchHandshakes(rounds));
if (wants('--replays')) tables.push(await benchReplay(rounds));
if (wants('--captures')) tables.push(await benchCaptures(rounds));
const cpu = cpus()[0]?.model ?? 'unknown processor';
process.stdout.write(
  `Node ${process.versions.node}, OpenSSL ${process.versions.openssl}, Linux ${release()} ${arch()}, ${cpus().length} × ${cpu}; ` +
    `medians of ${rounds} alternating rounds.\n\n${tables.map((lines) => lines.join('\n')).join('\n\n')}\n`,
);
