// The servers that `npm run bench` measures: started on core 0, tun mode in a network namespace of its own; and what is read
// of them.

import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const mainScript = join(fileURLToPath(new URL('../../../', import.meta.url)), 'dist/src/cli/main.js');
export type Mode = 'tcp' | 'std' | 'tun';

export interface Running {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly base: string;
  readonly wrap: (argv: string[]) => string[];
}

const CLOCK_TICKS_PER_SECOND = 100;

/** Of the whole process, since it began. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS_PER_SECOND;
}

export async function start(mode: Mode, port: number, more: readonly string[] = []): Promise<Running> {
  const args = mode === 'tun' ? ['--mode', 'tun'] : ['--mode', mode, '--port', `${port}`];
  const argv = ['taskset', '-c', '0', process.execPath, mainScript, 'serve', ...args, ...more, '--log', 'none'];
  if (mode === 'tun') argv.unshift('unshare', '--net');
  const child = spawn(argv[0]!, argv.slice(1), { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  await new Promise<void>((resolve, reject) => {
    child.stderr!.on('data', (chunk) => {
      stderr += chunk;
      if (/listening on /.test(stderr)) resolve();
    });
    child.once('exit', (code) => reject(new Error(`serve --mode ${mode} ended with ${code}: ${stderr}`)));
  });
  const pid = child.pid!;
  return {
    child,
    pid,
    base: mode === 'tun' ? 'https://10.0.0.2' : `https://127.0.0.1:${port}`,
    wrap: (command) => (mode === 'tun' ? ['nsenter', '-t', `${pid}`, '-n', ...command] : command),
  };
}

export async function stop(running: Running): Promise<void> {
  const ended = new Promise((resolve) => running.child.once('exit', resolve));
  running.child.removeAllListeners('exit');
  running.child.once('exit', () => {});
  running.child.kill('SIGINT');
  await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 5000))]);
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
