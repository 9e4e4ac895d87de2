// What every attack needs: the server it is aimed at, curl as the client that must be served meanwhile, and the server's memory
// and CPU before, during and after.

import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
export const DEVICE = 'wb0';
/** An attack may cost this much memory at most, beyond what serving a download costs. */
const GROWTH_BOUND_MB = 150;

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export interface Fetched {
  readonly ok: boolean;
  readonly seconds: number;
  readonly sha256: string;
  readonly why: string;
}

export function curl(path: string, ...args: string[]): Promise<Fetched> {
  const startedMs = performance.now();
  const hash = createHash('sha256');
  const child = spawn('curl', [
    ...['-sS', '--fail', '--http2', '--cacert', join(ROOT, 'fixtures/keys/server.cert.pem'), '--max-time', '60'],
    ...args,
    `https://10.0.0.2${path}`,
  ]);
  let why = '';
  child.stdout.on('data', (chunk: Buffer) => hash.update(chunk));
  child.stderr.on('data', (chunk: Buffer) => {
    why += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) =>
      resolve({
        ok: code === 0,
        seconds: (performance.now() - startedMs) / 1_000,
        sha256: hash.digest('hex'),
        why: why.trim(),
      }),
    );
  });
}

function status(pid: number): { memoryMb: number; peakMb: number; cpuSeconds: number } {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) / 1024;
  // Behind the command's name, which may hold spaces: state is field 3, utime and stime are 14 and 15, in ticks of 10 ms.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  const cpuSeconds = (Number(fields[11]) + Number(fields[12])) / 100;
  return { memoryMb: field('VmRSS'), peakMb: field('VmHWM'), cpuSeconds };
}

export function startServer(): Promise<ChildProcess> {
  const args = [join(ROOT, 'dist/src/cli/main.js'), 'serve', '--log', 'none', '--dev', DEVICE];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  return new Promise((resolve, reject) => {
    let said = '';
    child.stderr!.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes('listening on ')) resolve(child);
    });
    child.on('exit', (code) => reject(new Error(`serve ended with ${code}: ${said}`)));
  });
}

/** Collects what is said and what does not hold, and ends the server whatever happens. */
export class Siege {
  readonly #server: ChildProcess;
  readonly #problems: string[] = [];

  private constructor(server: ChildProcess) {
    this.#server = server;
  }

  static async begin(title: string): Promise<Siege> {
    const siege = new Siege(await startServer());
    siege.say(title);
    return siege;
  }

  say(text: string): void {
    process.stdout.write(`${text}\n`);
  }

  expect(holds: boolean, what: string): void {
    if (!holds) this.#problems.push(what);
  }

  figures(label: string): ReturnType<typeof status> {
    const now = status(this.#server.pid!);
    this.say(
      `  ${label.padEnd(8)} ${now.memoryMb.toFixed(0)} MB resident (peak ${now.peakMb.toFixed(0)}), ${now.cpuSeconds.toFixed(2)} s CPU`,
    );
    return now;
  }

  expectGrowth(before: { readonly peakMb: number }, after: { readonly peakMb: number }): number {
    const growth = after.peakMb - before.peakMb;
    this.expect(growth <= GROWTH_BOUND_MB, `memory grew by ${growth.toFixed(0)} MB, ${GROWTH_BOUND_MB} are allowed`);
    return growth;
  }

  /** One curl after the other for as long as `goesOn` says. */
  async visit(goesOn: () => boolean): Promise<void> {
    const visits: Fetched[] = [];
    do visits.push(await curl('/bytes/100000'));
    while (goesOn());
    const failed = visits.filter((visit) => !visit.ok);
    const slowest = Math.max(...visits.map((visit) => visit.seconds));
    this.say(`  ${visits.length} curls meanwhile, ${failed.length} failed, slowest ${slowest.toFixed(2)} s`);
    this.expect(failed.length === 0, `a curl failed: ${failed[0]?.why}`);
  }

  /** Nothing was found that did not hold. */
  get held(): boolean {
    return this.#problems.length === 0;
  }

  async end(): Promise<void> {
    this.#server.removeAllListeners('exit');
    const ended = new Promise((resolve) => this.#server.on('exit', resolve));
    this.#server.kill('SIGINT');
    await ended;
    for (const problem of this.#problems) this.say(`  FAILED ${problem}`);
  }
}
