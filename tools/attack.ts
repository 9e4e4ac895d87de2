// Attacks `wirebench serve` in a network namespace of its own, and shows what that costs: memory and CPU of the server before,
// during and after, and whether curl is served meanwhile. Bounded; ends by itself. Needs root, /dev/net/tun, unshare, curl.
//
//   node dist/tools/attack.js syn-flood|frag-flood|rst-injection|syn-injection|ack-flood [--count 200000] [--rate 50000]
//   node dist/tools/attack.js rapid-reset|made-you-reset|continuation-flood|...          [--seconds 3]
//
// The second kind, on HTTP/2 (tools/attack/http2.ts lists them), runs on loopback and needs curl only.
//
// Exit codes: 0 all clients were served and memory stayed within its bound; 1 not so; 2 wrong usage; 4 something is missing.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { attackOnce, endOf, HTTP2_ATTACKS, type Http2Attack } from './attack/http2.js';
import { KINDS, type Kind, packetMaker } from './attack/packets.js';
import { openRawSocket } from './attack/raw-socket.js';

const SCRIPT = fileURLToPath(import.meta.url);
const ROOT = dirname(dirname(dirname(SCRIPT)));
const DEVICE = 'wb0';
const INSIDE = 'WIREBENCH_ATTACK_INSIDE';
/** A flood may cost this much memory at most, beyond what serving a download costs. */
const GROWTH_BOUND_MB = 150;
/** The connection that injections aim at lasts as long as they do, and a little more. */
const VICTIM_BYTES_PER_SECOND = 1_000_000;
const TICK_MS = 5;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Fetched {
  readonly ok: boolean;
  readonly seconds: number;
  readonly sha256: string;
  readonly why: string;
}

function curl(path: string, ...args: string[]): Promise<Fetched> {
  const startedMs = performance.now();
  const hash = createHash('sha256');
  const child = spawn('curl', [
    ...['-sS', '--fail', '--http2', '--cacert', join(ROOT, 'fixtures/keys/server.cert.pem'), '--max-time', '60'],
    ...args,
    path.startsWith('https:') ? path : `https://10.0.0.2${path}`,
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

/** What the kernel gave to the device, and what it threw away before it; /sys shows the devices of another namespace. */
function sentToDevice(): { packets: number; dropped: number } {
  const line = readFileSync('/proc/self/net/dev', 'utf8')
    .split('\n')
    .find((text) => text.trim().startsWith(`${DEVICE}:`))!;
  const fields = line.split(':')[1]!.trim().split(/\s+/).map(Number);
  return { packets: fields[9]!, dropped: fields[11]! };
}

/** The local port of an open connection to 10.0.0.2:443, from the kernel's table of this namespace. */
async function clientPort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    for (const line of readFileSync('/proc/self/net/tcp', 'utf8').split('\n')) {
      // Addresses are in host order: 10.0.0.2 is 0200000A, port 443 is 01BB; state 01 is ESTABLISHED.
      const match = /^\s*\d+: [0-9A-F]{8}:([0-9A-F]{4}) 0200000A:01BB 01 /.exec(line);
      if (match) return Number.parseInt(match[1]!, 16);
    }
    await sleep(10);
  }
  throw new Error('curl did not connect');
}

function startServer(
  more: readonly string[] = ['--dev', DEVICE],
  heard: (text: string) => void = () => undefined,
): Promise<ChildProcess> {
  const args = [join(ROOT, 'dist/src/cli/main.js'), 'serve', '--log', 'none', ...more];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  return new Promise((resolve, reject) => {
    let said = '';
    child.stderr!.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (!said.includes('listening on ')) return;
      heard(said);
      resolve(child);
    });
    child.on('exit', (code) => reject(new Error(`serve ended with ${code}: ${said}`)));
  });
}

/** Sends `count` packets at `rate` a second. */
async function flood(kind: Kind, count: number, rate: number, port: number): Promise<number> {
  const make = packetMaker(kind, count, { clientPort: port });
  const socket = openRawSocket();
  const startedMs = performance.now();
  let refused = 0;
  try {
    for (let index = 0; index < count; ) {
      const due = Math.min(count, Math.ceil(((performance.now() - startedMs) * rate) / 1_000));
      for (; index < due; index++) if (!socket.send(make(index))) refused++;
      await sleep(TICK_MS);
    }
  } finally {
    socket.close();
  }
  return refused;
}

async function attack(kind: Kind, count: number, rate: number): Promise<boolean> {
  const server = await startServer();
  const pid = server.pid!;
  const problems: string[] = [];
  const expect = (holds: boolean, what: string): void => {
    if (!holds) problems.push(what);
  };
  const say = (text: string): void => void process.stdout.write(`${text}\n`);
  const figures = (label: string): ReturnType<typeof status> => {
    const now = status(pid);
    say(
      `  ${label.padEnd(8)} ${now.memoryMb.toFixed(0)} MB resident (peak ${now.peakMb.toFixed(0)}), ${now.cpuSeconds.toFixed(2)} s CPU`,
    );
    return now;
  };
  try {
    say(`${kind}: ${count.toLocaleString('en')} packets at ${rate.toLocaleString('en')} a second`);
    const seconds = count / rate;
    const victimBytes = Math.round((seconds + 2) * VICTIM_BYTES_PER_SECOND);
    const clean = await curl(`/bytes/${victimBytes}`);
    expect(clean.ok, `the download before: ${clean.why}`);
    const before = figures('before');
    const wireBefore = sentToDevice();

    const victim = curl(`/bytes/${victimBytes}`, '--limit-rate', String(VICTIM_BYTES_PER_SECOND));
    const port = await clientPort();
    let flooding = true;
    const flooded = flood(kind, count, rate, port).finally(() => {
      flooding = false;
    });
    const visits: Fetched[] = [];
    const visitor = (async () => {
      do visits.push(await curl('/bytes/100000'));
      while (flooding);
    })();
    await sleep((seconds * 1_000) / 2);
    figures('during');
    const refused = await flooded;
    await visitor;
    const downloaded = await victim;
    await sleep(200);
    const after = figures('after');

    const wire = sentToDevice();
    const arrived = wire.packets - wireBefore.packets;
    say(
      `  ${refused} packets refused by the kernel, ${wire.dropped} lost in the queue before the server, ${arrived} read by it`,
    );
    const slowest = Math.max(...visits.map((visit) => visit.seconds));
    const failed = visits.filter((visit) => !visit.ok);
    say(`  ${visits.length} curls meanwhile, ${failed.length} failed, slowest ${slowest.toFixed(2)} s`);
    say(
      `  the download that ran through it: ${downloaded.ok ? `whole, ${downloaded.seconds.toFixed(1)} s` : downloaded.why}`,
    );
    const last = await curl('/bytes/100000');
    expect(failed.length === 0, `a curl failed: ${failed[0]?.why}`);
    expect(downloaded.ok && downloaded.sha256 === clean.sha256, `the download was hurt: ${downloaded.why}`);
    expect(last.ok, `the curl behind it failed: ${last.why}`);
    const growth = after.peakMb - before.peakMb;
    say(
      `  memory grew by ${growth.toFixed(0)} MB at most; CPU ${((1e6 * (after.cpuSeconds - before.cpuSeconds)) / count).toFixed(1)} us a packet`,
    );
    expect(growth <= GROWTH_BOUND_MB, `memory grew by ${growth.toFixed(0)} MB, ${GROWTH_BOUND_MB} are allowed`);
  } finally {
    server.removeAllListeners('exit');
    const ended = new Promise((resolve) => server.on('exit', resolve));
    server.kill('SIGINT');
    await ended;
  }
  for (const problem of problems) say(`  FAILED ${problem}`);
  return problems.length === 0;
}

/** One of HTTP/2, on loopback: on one connection after the other, while curl is served. */
async function attackHttp2(attack: Http2Attack, seconds: number): Promise<boolean> {
  let said = '';
  const server = await startServer(['--mode', 'tcp', '--port', '0', '--plain-port', '0'], (text) => {
    said = text;
  });
  const plainPort = Number(/port (\d+) \(HTTP/.exec(said)?.[1]);
  const page = `https://localhost:${/port (\d+) \(TLS/.exec(said)?.[1]}/bytes/100000`;
  const problems: string[] = [];
  const say = (text: string): void => void process.stdout.write(`${text}\n`);
  const figures = (label: string): ReturnType<typeof status> => {
    const now = status(server.pid!);
    say(
      `  ${label.padEnd(8)} ${now.memoryMb.toFixed(0)} MB resident (peak ${now.peakMb.toFixed(0)}), ${now.cpuSeconds.toFixed(2)} s CPU`,
    );
    return now;
  };
  try {
    say(`${attack.name}: ${attack.about}`);
    for (let i = 0; i < 3; i++) await curl(page);
    const before = figures('before');
    const startedMs = performance.now();
    const ends = new Map<string, number>();
    let octets = 0;
    let under = true;
    const visits: Fetched[] = [];
    const visitor = (async () => {
      do visits.push(await curl(page));
      while (under);
    })();
    do {
      const { end, octets: count } = await attackOnce(attack, plainPort);
      ends.set(end, (ends.get(end) ?? 0) + 1);
      octets += count;
    } while (performance.now() - startedMs < seconds * 1_000);
    figures('during');
    under = false;
    await visitor;
    await sleep(200);
    const after = figures('after');
    const told = [...ends].map(([end, count]) => `${count} x ${end}`).join(', ');
    say(`  ${[...ends.values()].reduce((sum, count) => sum + count)} connections, ${octets} octets: ${told}`);
    const failed = visits.filter((visit) => !visit.ok);
    const slowest = Math.max(...visits.map((visit) => visit.seconds));
    say(`  ${visits.length} curls meanwhile, ${failed.length} failed, slowest ${slowest.toFixed(2)} s`);
    const growth = after.peakMb - before.peakMb;
    say(`  memory grew by ${growth.toFixed(0)} MB at most`);
    if (ends.size !== 1 || !ends.has(endOf(attack))) problems.push(`it should have ended in ${endOf(attack)}: ${told}`);
    if (failed.length > 0) problems.push(`a curl failed: ${failed[0]!.why}`);
    if (growth > GROWTH_BOUND_MB)
      problems.push(`memory grew by ${growth.toFixed(0)} MB, ${GROWTH_BOUND_MB} are allowed`);
  } finally {
    server.removeAllListeners('exit');
    const ended = new Promise((resolve) => server.on('exit', resolve));
    server.kill('SIGINT');
    await ended;
  }
  for (const problem of problems) say(`  FAILED ${problem}`);
  return problems.length === 0;
}

/** Those of HTTP/2; undefined when it is not they who are asked for. */
async function mainHttp2(names: readonly string[], seconds: number): Promise<number | undefined> {
  const chosen = HTTP2_ATTACKS.filter(({ name }) => names.includes(name) || names[0] === 'http2');
  if (chosen.length === 0 || (names[0] !== 'http2' && chosen.length < names.length) || !(seconds >= 0))
    return undefined;
  if (spawnSync('sh', ['-c', 'command -v curl']).status !== 0) {
    process.stderr.write('attack: curl is missing\n');
    return 4;
  }
  let good = true;
  for (const attack of chosen) good = (await attackHttp2(attack, seconds)) && good;
  return good ? 0 : 1;
}

function missing(): string | undefined {
  if (process.getuid?.() !== 0) return 'root';
  for (const command of ['unshare', 'curl', 'ip']) {
    if (spawnSync('sh', ['-c', `command -v ${command}`]).status !== 0) return command;
  }
  return undefined;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      count: { type: 'string', default: '200000' },
      rate: { type: 'string', default: '50000' },
      seconds: { type: 'string', default: '3' },
    },
  });
  const code = await mainHttp2(positionals, Number(values.seconds));
  if (code !== undefined) return code;
  const kinds = positionals.length === 1 && positionals[0] === 'all' ? KINDS : positionals;
  const known = kinds.every((kind): kind is Kind => KINDS.some((one) => one === kind));
  const count = Number(values.count);
  const rate = Number(values.rate);
  const sensible = [count, rate].every((value) => Number.isInteger(value) && value >= 1 && value <= 10_000_000);
  if (kinds.length === 0 || !known || !sensible) {
    process.stderr.write(
      `usage: attack.js ${KINDS.join('|')}|all [--count 200000] [--rate 50000]\n` +
        `       attack.js ${HTTP2_ATTACKS.map(({ name }) => name).join('|')}|http2 [--seconds 3]\n`,
    );
    return 2;
  }
  const lacking = missing();
  if (lacking !== undefined) {
    process.stderr.write(`attack: ${lacking} is missing\n`);
    return 4;
  }
  if (process.env[INSIDE] === undefined) {
    // The floods leave no trace outside of the namespace, which ends with its last process.
    const inside = spawnSync('unshare', ['--net', process.execPath, SCRIPT, ...process.argv.slice(2)], {
      stdio: 'inherit',
      env: { ...process.env, [INSIDE]: '1' },
    });
    return inside.status ?? 1;
  }
  spawnSync('ip', ['link', 'set', 'lo', 'up']);
  let good = true;
  for (const kind of kinds) good = (await attack(kind as Kind, count, rate)) && good;
  return good ? 0 : 1;
}

process.exitCode = await main();
