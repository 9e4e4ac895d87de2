// Attacks `wirebench serve`, and shows what that costs: memory and CPU of the server before, during and after, and whether
// curl is served meanwhile. Bounded; ends by itself. All goes through a network namespace of its own, which needs root,
// /dev/net/tun, unshare and ip; the floods of TLS go over loopback unless --mode tun is given.
//
//   node dist/tools/attack.js syn-flood|frag-flood|rst-injection|syn-injection|ack-flood [--count 200000] [--rate 50000]
//   node dist/tools/attack.js slow-headers|slow-body|endless-headers|endless-extensions|huge-request-line|pipelined-flood
//   node dist/tools/attack.js rapid-reset|made-you-reset|continuation-flood|... (tools/attack/http2.ts lists them) [--seconds 3]
//   node dist/tools/attack.js tls-half-open|tls-fragments|tls-tiny-records|tls-slow-records|tls-warnings|tls-renegotiation|
//                             tls-key-updates|tls-all [--seconds 5] [--connections N] [--mode tcp|tun]
//   node dist/tools/attack.js all
//
// Exit codes: 0 all clients were served, the attackers were ended as documented, and memory stayed within its bound; 1 not
// so; 2 wrong usage; 4 something is missing.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { toolArguments, wrongUsage } from './arguments.js';
import { attackByPackets } from './attack/floods.js';
import { attackByRequests, HTTP1_KINDS } from './attack/http1.js';
import { HTTP2_ATTACKS } from './attack/http2.js';
import { attackByFrames } from './attack/http2-siege.js';
import { KINDS } from './attack/packets.js';
import { DEVICE } from './attack/siege.js';
import { attackTls, TLS_KINDS, type TlsKind } from './attack/tls.js';
import { Victim } from './attack/victim.js';

const SCRIPT = fileURLToPath(import.meta.url);
const INSIDE = 'WIREBENCH_ATTACK_INSIDE';

interface Options {
  readonly count: number;
  readonly rate: number;
  readonly seconds: number;
  /** Of the floods of TLS; undefined: as many as each likes. */
  readonly connections: number | undefined;
  readonly mode: 'tcp' | 'tun';
}

/** True: the server stood it. */
type Attack = (options: Options) => Promise<boolean>;

const ATTACKS: ReadonlyMap<string, Attack> = new Map<string, Attack>([
  ...KINDS.map((kind): [string, Attack] => [kind, ({ count, rate }) => attackByPackets(kind, count, rate)]),
  ...HTTP1_KINDS.map((kind): [string, Attack] => [kind, () => attackByRequests(kind)]),
  ...HTTP2_ATTACKS.map(({ name }): [string, Attack] => [name, ({ seconds }) => attackByFrames(name, seconds)]),
  ...TLS_KINDS.map((kind): [string, Attack] => [kind, (options) => flood(kind, options)]),
]);
const GROUPS: ReadonlyMap<string, readonly string[]> = new Map([
  ['all', [...ATTACKS.keys()]],
  ['tls-all', TLS_KINDS],
]);

async function flood(kind: TlsKind, { seconds, connections, mode }: Options): Promise<boolean> {
  const place = mode === 'tun' ? ['--dev', DEVICE] : ['--mode', 'tcp', '--host', '127.0.0.1', '--port', '0'];
  const victim = await Victim.start(...place);
  return attackTls(victim, kind, seconds, connections).finally(() => victim.stop());
}

function missing(namespace: boolean): string | undefined {
  if (namespace && process.getuid?.() !== 0) return 'root';
  for (const command of namespace ? ['unshare', 'curl', 'ip'] : ['curl']) {
    if (spawnSync('sh', ['-c', `command -v ${command}`]).status !== 0) return command;
  }
  return undefined;
}

const USAGE =
  `usage: attack.js ${[...ATTACKS.keys(), ...GROUPS.keys()].join('|')} [--count 200000] [--rate 50000] ` +
  '[--seconds 3] [--connections N] [--mode tcp|tun]\n';

async function main(): Promise<number> {
  const { values, positionals } = toolArguments(USAGE, {
    allowPositionals: true,
    options: {
      count: { type: 'string', default: '200000' },
      rate: { type: 'string', default: '50000' },
      seconds: { type: 'string', default: '3' },
      connections: { type: 'string' },
      mode: { type: 'string', default: 'tcp' },
    },
  });
  const names = positionals.flatMap((name) => GROUPS.get(name) ?? [name]);
  const attacks = names.map((name) => ATTACKS.get(name));
  const count = Number(values.count);
  const rate = Number(values.rate);
  const seconds = Number(values.seconds);
  const connections = values.connections === undefined ? undefined : Number(values.connections);
  const { mode } = values;
  const sensible =
    seconds >= 0 &&
    [count, rate, connections ?? 1].every((value) => Number.isInteger(value) && value >= 1 && value <= 10_000_000);
  if (attacks.length === 0 || attacks.includes(undefined) || !sensible || (mode !== 'tcp' && mode !== 'tun')) {
    const unknown = names.find((name) => !ATTACKS.has(name));
    wrongUsage(
      USAGE,
      `attack: ${unknown === undefined ? 'name an attack, and numbers that are some' : `no attack ${unknown}`}`,
    );
  }
  const namespace = mode === 'tun' || names.some((name) => !TLS_KINDS.some((kind) => kind === name));
  const lacking = missing(namespace);
  if (lacking !== undefined) {
    process.stderr.write(`attack: ${lacking} is missing\n`);
    return 4;
  }
  if (namespace && process.env[INSIDE] === undefined) {
    // The floods leave no trace outside of the namespace, which ends with its last process.
    const inside = spawnSync('unshare', ['--net', process.execPath, SCRIPT, ...process.argv.slice(2)], {
      stdio: 'inherit',
      env: { ...process.env, [INSIDE]: '1' },
    });
    return inside.status ?? 1;
  }
  if (namespace) spawnSync('ip', ['link', 'set', 'lo', 'up']);
  const options: Options = { count, rate, seconds, connections, mode };
  let good = true;
  for (const attack of attacks) good = (await attack!(options)) && good;
  return good ? 0 : 1;
}

process.exitCode = await main();
