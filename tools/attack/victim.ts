// The server that is attacked, as its own process, and those who watch it: what it costs, and curl, which wants to be served
// meanwhile.

import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export interface Fetched {
  readonly ok: boolean;
  readonly seconds: number;
  readonly sha256: string;
  readonly why: string;
}

/** `origin` is that of the server: `https://10.0.0.2`. */
export function curl(origin: string, path: string, ...args: string[]): Promise<Fetched> {
  const hash = createHash('sha256');
  const child = spawn('curl', [
    ...['-sS', '--fail', '--http2', '--cacert', join(ROOT, 'fixtures/keys/server.cert.pem'), '--max-time', '60'],
    // By its own clock: this process may be busy with the flood.
    ...['--write-out', '%{stderr}total %{time_total}\n'],
    ...args,
    `${origin}${path}`,
  ]);
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => hash.update(chunk));
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) =>
      resolve({
        ok: code === 0,
        seconds: Number(/^total ([\d.]+)$/m.exec(said)?.[1]),
        sha256: hash.digest('hex'),
        why: said.replace(/^total .*\n/m, '').trim(),
      }),
    );
  });
}

/** Fetches again and again until `over` says so, once at least. */
export async function keepFetching(origin: string, path: string, over: () => boolean): Promise<Fetched[]> {
  const visits: Fetched[] = [];
  do visits.push(await curl(origin, path));
  while (!over());
  return visits;
}

export interface Cost {
  readonly memoryMb: number;
  readonly peakMb: number;
  readonly cpuSeconds: number;
}

export class Victim {
  readonly host: string;
  /** Of TLS. */
  readonly port: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, host: string, port: number) {
    this.#child = child;
    this.host = host;
    this.port = port;
  }

  get origin(): string {
    return `https://${this.host}:${this.port}`;
  }

  /** `wirebench serve` with these options. Throws when it does not listen. */
  static start(...options: string[]): Promise<Victim> {
    const args = [join(ROOT, 'dist/src/cli/main.js'), 'serve', '--log', 'none', ...options];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    return new Promise((resolve, reject) => {
      let said = '';
      child.stderr!.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        const [, host, port] = /listening on (\S+) .*port (\d+) \(TLS.*\n/.exec(said) ?? [];
        if (host !== undefined) resolve(new Victim(child, host, Number(port)));
      });
      child.on('exit', (code) => reject(new Error(`serve ended with ${code}: ${said}`)));
    });
  }

  cost(): Cost {
    const text = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
    const field = (name: string): number =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) / 1024;
    // Behind the command's name, which may hold spaces: state is field 3, utime and stime are 14 and 15, in ticks of 10 ms.
    const fields = readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    const cpuSeconds = (Number(fields[11]) + Number(fields[12])) / 100;
    return { memoryMb: field('VmRSS'), peakMb: field('VmHWM'), cpuSeconds };
  }

  async stop(): Promise<void> {
    this.#child.removeAllListeners('exit');
    const ended = new Promise((resolve) => this.#child.on('exit', resolve));
    this.#child.kill('SIGINT');
    await ended;
  }
}

/** What is said of one attack, and what did not hold. */
export class Report {
  readonly #victim: Victim;
  readonly #problems: string[] = [];

  constructor(victim: Victim) {
    this.#victim = victim;
  }

  say(text: string): void {
    process.stdout.write(`${text}\n`);
  }

  cost(label: string): Cost {
    const now = this.#victim.cost();
    const memory = `${now.memoryMb.toFixed(0)} MB resident (peak ${now.peakMb.toFixed(0)})`;
    this.say(`  ${label.padEnd(8)} ${memory}, ${now.cpuSeconds.toFixed(2)} s CPU`);
    return now;
  }

  expect(holds: boolean, what: string): void {
    if (!holds) this.#problems.push(what);
  }

  visits(visits: readonly Fetched[]): void {
    const slowest = Math.max(...visits.map((visit) => visit.seconds));
    const failed = visits.filter((visit) => !visit.ok);
    this.say(`  ${visits.length} curls meanwhile, ${failed.length} failed, slowest ${slowest.toFixed(2)} s`);
    this.expect(failed.length === 0, `a curl failed: ${failed[0]?.why}`);
  }

  /** Gives whether everything held. */
  end(): boolean {
    for (const problem of this.#problems) this.say(`  FAILED ${problem}`);
    return this.#problems.length === 0;
  }
}
