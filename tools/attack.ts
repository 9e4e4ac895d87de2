// Attacks `wirebench serve` in a network namespace of its own, and shows what that costs: memory and CPU of the server before,
// during and after, and whether curl is served meanwhile. Bounded; ends by itself. Needs root, /dev/net/tun, unshare, curl.
//
//   node dist/tools/attack.js syn-flood|frag-flood|rst-injection|syn-injection|ack-flood [--count 200000] [--rate 50000]
//   node dist/tools/attack.js slow-headers|slow-body|endless-headers|endless-extensions|huge-request-line|pipelined-flood
//   node dist/tools/attack.js rapid-reset|made-you-reset|continuation-flood|... (tools/attack/http2.ts lists them) [--seconds 3]
//   node dist/tools/attack.js all
//
// Exit codes: 0 all clients were served, the attackers were ended as documented, and memory stayed within its bound; 1 not
// so; 2 wrong usage; 4 something is missing.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { attackByPackets } from './attack/floods.js';
import { attackByRequests, HTTP1_KINDS } from './attack/http1.js';
import { HTTP2_ATTACKS } from './attack/http2.js';
import { attackByFrames } from './attack/http2-siege.js';
import { KINDS } from './attack/packets.js';

const SCRIPT = fileURLToPath(import.meta.url);
const INSIDE = 'WIREBENCH_ATTACK_INSIDE';

interface Options {
  readonly count: number;
  readonly rate: number;
  readonly seconds: number;
}

/** True: the server stood it. */
type Attack = (options: Options) => Promise<boolean>;

const ATTACKS: ReadonlyMap<string, Attack> = new Map<string, Attack>([
  ...KINDS.map((kind): [string, Attack] => [kind, ({ count, rate }) => attackByPackets(kind, count, rate)]),
  ...HTTP1_KINDS.map((kind): [string, Attack] => [kind, () => attackByRequests(kind)]),
  ...HTTP2_ATTACKS.map(({ name }): [string, Attack] => [name, ({ seconds }) => attackByFrames(name, seconds)]),
]);

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
  const names = positionals.length === 1 && positionals[0] === 'all' ? [...ATTACKS.keys()] : positionals;
  const attacks = names.map((name) => ATTACKS.get(name));
  const count = Number(values.count);
  const rate = Number(values.rate);
  const seconds = Number(values.seconds);
  const sensible =
    seconds >= 0 && [count, rate].every((value) => Number.isInteger(value) && value >= 1 && value <= 10_000_000);
  if (attacks.length === 0 || attacks.includes(undefined) || !sensible) {
    process.stderr.write(`usage: attack.js ${[...ATTACKS.keys()].join('|')}|all [--count 200000] [--rate 50000]\n`);
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
  for (const attack of attacks) good = (await attack!({ count, rate, seconds })) && good;
  return good ? 0 : 1;
}

process.exitCode = await main();
