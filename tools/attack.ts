// Attacks `wirebench serve`, and shows what that costs: memory and CPU of the server before, during and after, and whether
// curl is served meanwhile. Bounded; ends by itself. Packets go through a network namespace of their own, which needs root,
// /dev/net/tun, unshare and ip; the floods of TLS go over loopback, or through that namespace with --mode tun.
//
//   node dist/tools/attack.js syn-flood|frag-flood|rst-injection|syn-injection|ack-flood [--count 200000] [--rate 50000]
//   node dist/tools/attack.js tls-half-open|tls-fragments|tls-tiny-records|tls-slow-records|tls-warnings|tls-renegotiation|
//                             tls-key-updates [--seconds 5] [--connections N] [--mode tcp|tun]
//
// Exit codes: 0 all clients were served and memory stayed within its bound; 1 not so; 2 wrong usage; 4 something is missing.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { KINDS, type Kind, packetMaker } from './attack/packets.js';
import { openRawSocket } from './attack/raw-socket.js';
import { attackTls, TLS_KINDS, type TlsKind } from './attack/tls.js';
import { curl, keepFetching, Report, sleep, Victim } from './attack/victim.js';

const SCRIPT = fileURLToPath(import.meta.url);
const DEVICE = 'wb0';
const INSIDE = 'WIREBENCH_ATTACK_INSIDE';
/** A flood may cost this much memory at most, beyond what serving a download costs. */
const GROWTH_BOUND_MB = 150;
/** The connection that injections aim at lasts as long as they do, and a little more. */
const VICTIM_BYTES_PER_SECOND = 1_000_000;
const TICK_MS = 5;

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
  const victim = await Victim.start('--dev', DEVICE);
  const report = new Report(victim);
  try {
    report.say(`${kind}: ${count.toLocaleString('en')} packets at ${rate.toLocaleString('en')} a second`);
    const seconds = count / rate;
    const victimBytes = Math.round((seconds + 2) * VICTIM_BYTES_PER_SECOND);
    const { origin } = victim;
    const clean = await curl(origin, `/bytes/${victimBytes}`);
    report.expect(clean.ok, `the download before: ${clean.why}`);
    const before = report.cost('before');
    const wireBefore = sentToDevice();

    const download = curl(origin, `/bytes/${victimBytes}`, '--limit-rate', String(VICTIM_BYTES_PER_SECOND));
    const port = await clientPort();
    let flooding = true;
    const flooded = flood(kind, count, rate, port).finally(() => {
      flooding = false;
    });
    const visiting = keepFetching(origin, '/bytes/100000', () => !flooding);
    await sleep((seconds * 1_000) / 2);
    report.cost('during');
    const refused = await flooded;
    const visits = await visiting;
    const downloaded = await download;
    await sleep(200);
    const after = report.cost('after');

    const wire = sentToDevice();
    const arrived = wire.packets - wireBefore.packets;
    report.say(
      `  ${refused} packets refused by the kernel, ${wire.dropped} lost in the queue before the server, ${arrived} read by it`,
    );
    report.visits(visits);
    report.say(
      `  the download that ran through it: ${downloaded.ok ? `whole, ${downloaded.seconds.toFixed(1)} s` : downloaded.why}`,
    );
    const last = await curl(origin, '/bytes/100000');
    const isWhole = downloaded.ok && downloaded.sha256 === clean.sha256;
    report.expect(isWhole, `the download was hurt: ${downloaded.why}`);
    report.expect(last.ok, `the curl behind it failed: ${last.why}`);
    const growth = after.peakMb - before.peakMb;
    report.say(
      `  memory grew by ${growth.toFixed(0)} MB at most; CPU ${((1e6 * (after.cpuSeconds - before.cpuSeconds)) / count).toFixed(1)} us a packet`,
    );
    report.expect(growth <= GROWTH_BOUND_MB, `memory grew by ${growth.toFixed(0)} MB, ${GROWTH_BOUND_MB} are allowed`);
  } finally {
    await victim.stop();
  }
  return report.end();
}

function missing(namespace: boolean): string | undefined {
  if (namespace && process.getuid?.() !== 0) return 'root';
  for (const command of namespace ? ['unshare', 'curl', 'ip'] : ['curl']) {
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
      seconds: { type: 'string', default: '5' },
      connections: { type: 'string' },
      mode: { type: 'string', default: 'tcp' },
    },
  });
  const all = positionals.length === 1 ? { all: KINDS, 'tls-all': TLS_KINDS }[positionals[0]!] : undefined;
  const kinds: readonly string[] = all ?? positionals;
  const packets = kinds.filter((kind): kind is Kind => KINDS.some((one) => one === kind));
  const floods = kinds.filter((kind): kind is TlsKind => TLS_KINDS.some((one) => one === kind));
  const [count, rate, seconds, connections] = [
    values.count,
    values.rate,
    values.seconds,
    values.connections ?? '1',
  ].map(Number) as [number, number, number, number];
  const sensible = [count, rate, seconds, connections].every(
    (value) => Number.isInteger(value) && value >= 1 && value <= 10_000_000,
  );
  const known = packets.length + floods.length === kinds.length && (values.mode === 'tcp' || values.mode === 'tun');
  if (kinds.length === 0 || !known || !sensible) {
    process.stderr.write(
      `usage: attack.js ${KINDS.join('|')}|all [--count 200000] [--rate 50000]\n` +
        `       attack.js ${TLS_KINDS.join('|')}|tls-all [--seconds 5] [--connections N] [--mode tcp|tun]\n`,
    );
    return 2;
  }
  const throughTun = packets.length > 0 || values.mode === 'tun';
  const lacking = missing(throughTun);
  if (lacking !== undefined) {
    process.stderr.write(`attack: ${lacking} is missing\n`);
    return 4;
  }
  if (throughTun && process.env[INSIDE] === undefined) {
    // The floods leave no trace outside of the namespace, which ends with its last process.
    const inside = spawnSync('unshare', ['--net', process.execPath, SCRIPT, ...process.argv.slice(2)], {
      stdio: 'inherit',
      env: { ...process.env, [INSIDE]: '1' },
    });
    return inside.status ?? 1;
  }
  if (throughTun) spawnSync('ip', ['link', 'set', 'lo', 'up']);
  const place = values.mode === 'tun' ? ['--dev', DEVICE] : ['--mode', 'tcp', '--host', '127.0.0.1', '--port', '0'];
  let good = true;
  for (const kind of packets) good = (await attack(kind, count, rate)) && good;
  for (const kind of floods) {
    const victim = await Victim.start(...place);
    const many = values.connections === undefined ? undefined : connections;
    good = (await attackTls(victim, kind, seconds, many).finally(() => victim.stop())) && good;
  }
  return good ? 0 : 1;
}

process.exitCode = await main();
