// Handshakes for each second, full and resumed, of TLS 1.2 and 1.3, with RSA-2048 and ECDSA P-256 certificates: tcp mode and
// std mode with the same files, in turn.
//
// The client is `openssl s_time`: it resumes sessions, which h2load does not. Two of them share core 1, so that the server on
// core 0 has work while one of them thinks; what core 1 was busy is told, because at 100 % the client would be what is
// measured. Each connection asks for one small page, in HTTP/1.0: without reading, a client of 1.3 never sees its ticket.

import { spawn } from 'node:child_process';
import { cpuSeconds, type Mode, median, type Running, start, stop } from './servers.js';

const SECONDS = 3;
/** Long enough for V8 to have compiled what a handshake takes. */
const WARM_UP_SECONDS = 6;
const CLIENTS = 2;
const PORT = 18_444;
const MODES: readonly Mode[] = ['tcp', 'std'];

interface Load {
  readonly version: '1.2' | '1.3';
  readonly key: 'RSA-2048' | 'ECDSA P-256';
  readonly resumed: boolean;
}

const LOADS: readonly Load[] = (['1.2', '1.3'] as const).flatMap((version) =>
  (['RSA-2048', 'ECDSA P-256'] as const).flatMap((key) => [
    { version, key, resumed: false },
    // A resumed handshake has no signature in it, so one kind of key is enough.
    ...(key === 'RSA-2048' ? [{ version, key, resumed: true }] : []),
  ]),
);

const FILES = { 'RSA-2048': 'server', 'ECDSA P-256': 'server-ecdsa' } as const;

interface Figures {
  readonly perSecond: number[];
  readonly cpuMs: number[];
  readonly clientBusy: number[];
}

/** Lines of a Markdown table. */
export async function benchHandshakes(rounds: number): Promise<string[]> {
  const found = new Map<string, Figures>();
  for (let round = 0; round < rounds; round++) {
    for (const load of LOADS) {
      for (const mode of MODES) {
        process.stderr.write(`round ${round + 1} of ${rounds}: ${nameOf(load)}, ${mode}\n`);
        const file = `fixtures/keys/${FILES[load.key]}`;
        const running = await start(mode, PORT, ['--cert', `${file}.cert.pem`, '--key', `${file}.key.pem`]);
        try {
          await measure(running, load, WARM_UP_SECONDS);
          const { perSecond, cpuMs, clientBusy } = await measure(running, load, SECONDS);
          const figures = found.get(nameOf(load) + mode) ?? { perSecond: [], cpuMs: [], clientBusy: [] };
          figures.perSecond.push(perSecond);
          figures.cpuMs.push(cpuMs);
          figures.clientBusy.push(clientBusy);
          found.set(nameOf(load) + mode, figures);
        } finally {
          await stop(running);
        }
      }
    }
  }
  return [
    '| handshakes/s (server CPU ms per handshake; client core busy) | tcp | std | tcp : std | CPU, tcp : std |',
    '|---|---|---|---|---|',
    ...LOADS.map((load) => line(load, found)),
  ];
}

function nameOf({ version, key, resumed }: Load): string {
  return `TLS ${version}, ${resumed ? 'resumed' : `full, ${key}`}`;
}

function line(load: Load, found: ReadonlyMap<string, Figures>): string {
  const [tcp, std] = MODES.map((mode) => found.get(nameOf(load) + mode)!);
  const cell = ({ perSecond, cpuMs, clientBusy }: Figures): string =>
    `${Math.round(median(perSecond)).toLocaleString('en-US')} (${median(cpuMs).toFixed(2)}; ${Math.round(100 * median(clientBusy))} %)`;
  const ratio = (median(tcp!.perSecond) / median(std!.perSecond)).toFixed(2);
  const cpuRatio = (median(tcp!.cpuMs) / median(std!.cpuMs)).toFixed(2);
  return `| ${nameOf(load)} | ${cell(tcp!)} | ${cell(std!)} | ${ratio} | ${cpuRatio} |`;
}

async function measure(
  running: Running,
  load: Load,
  seconds: number,
): Promise<{ perSecond: number; cpuMs: number; clientBusy: number }> {
  const before = cpuSeconds(running.pid);
  const startedAt = process.hrtime.bigint();
  const results = await Promise.all(Array.from({ length: CLIENTS }, () => client(running, load, seconds)));
  const elapsed = Number(process.hrtime.bigint() - startedAt) / 1e9;
  const cpu = cpuSeconds(running.pid) - before;
  const connections = results.reduce((sum, one) => sum + one.connections, 0);
  const clientCpu = results.reduce((sum, one) => sum + one.cpuSeconds, 0);
  return { perSecond: connections / elapsed, cpuMs: (cpu * 1e3) / connections, clientBusy: clientCpu / elapsed };
}

function client(running: Running, load: Load, seconds: number): Promise<{ connections: number; cpuSeconds: number }> {
  const { host } = new URL(running.base);
  const version = load.version === '1.2' ? '-tls1_2' : '-tls1_3';
  const session = load.resumed ? '-reuse' : '-new';
  const args = ['s_time', '-connect', host, '-www', '/status/204', '-time', `${seconds}`, version, session];
  return new Promise((resolve, reject) => {
    const child = spawn('taskset', ['-c', '1', 'openssl', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let cpu = 0;
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        output += chunk;
      });
    }
    const sampler = setInterval(() => {
      cpu = cpuOf(child.pid!) ?? cpu;
    }, 50);
    child.on('error', reject);
    child.on('close', () => {
      clearInterval(sampler);
      // With -reuse the first connection is made before the clock starts, and counted by nobody.
      const sum = /^(\d+) connections in \d+ real seconds/m.exec(output);
      // A mark for each connection: r was resumed, t and * are new ones.
      const marks = /^[rt*]+$/m.exec(output)?.[0] ?? '';
      const wrong = [...marks].filter((mark) => (load.resumed ? mark === 't' || mark === '*' : mark === 'r')).length;
      if (sum === null) reject(new Error(`openssl s_time failed on ${running.base}: ${output.slice(-500)}`));
      else if (marks === '' || wrong > 2)
        reject(new Error(`${nameOf(load)}: ${wrong} of ${marks.length} connections were of the other kind`));
      else resolve({ connections: Number(sum[1]), cpuSeconds: cpu });
    });
  });
}

function cpuOf(pid: number): number | undefined {
  try {
    return cpuSeconds(pid);
  } catch {
    // It has ended.
    return undefined;
  }
}
