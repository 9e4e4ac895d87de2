// `wirebench doctor`: what this machine has and what is missing, each line with what to do. Looks only: nothing is changed, no probe
// takes longer than its time. Essential is what replay and mode tcp need; the rest is for more.

import { spawnSync } from 'node:child_process';
import { createECDH, createPrivateKey, getCiphers } from 'node:crypto';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { EXIT } from '../io/errors.js';
import { DEVICE_RIGHTS_ADVICE } from '../io/tun.js';
import { createPalette, resolveColor } from './colors.js';
import type { DoctorOptions } from './doctor-options.js';
import { printable } from './text.js';
import { version } from './version.js';

export type Health = 'ok' | 'warn' | 'missing';

export interface Finding {
  readonly name: string;
  readonly health: Health;
  /** What was found. */
  readonly found: string;
  /** What to do, unless all is well. */
  readonly advice?: string;
  /** Replay and mode tcp need it. */
  readonly essential: boolean;
}

/** The machine as the probes see it: tests give another one. */
export interface Machine {
  readonly nodeVersion: string;
  readonly platform: string;
  readonly uid: number | undefined;
  /** Output of a program; undefined: it is not there, or did not answer in time. */
  run(
    program: string,
    ...args: readonly string[]
  ): { readonly code: number | null; readonly output: string } | undefined;
  exists(path: string): boolean;
  mayOpen(path: string): boolean;
  read(path: string): string | undefined;
  loads(name: string): Promise<string | undefined>;
  portIsFree(port: number): Promise<boolean>;
}

const PROBE_TIMEOUT_MS = 3_000;
const SMALLEST_NODE = [20, 19] as const;
const DEFAULT_PORT = 8443;

export async function doctor(options: DoctorOptions): Promise<number> {
  const findings = await examine(thisMachine());
  if (options.json) {
    process.stdout.write(
      `${JSON.stringify({ schema: 1, kind: 'wirebench-doctor', wirebench: version(), findings }, undefined, 2)}\n`,
    );
  } else {
    const palette = createPalette(resolveColor(options.color, process.env, process.stdout.isTTY === true));
    const paint = { ok: (text: string) => text, warn: palette.warning, missing: palette.error };
    const width = Math.max(...findings.map(({ name }) => name.length));
    for (const { name, health, found, advice } of findings) {
      process.stdout.write(`${paint[health](health.padEnd(8))}${name.padEnd(width + 2)}${printable(found)}\n`);
      if (advice !== undefined) process.stdout.write(`${' '.repeat(width + 10)}${advice}\n`);
    }
  }
  return findings.some(({ essential, health }) => essential && health === 'missing') ? EXIT.device : EXIT.ok;
}

/** In the order in which they are shown. */
export async function examine(machine: Machine): Promise<Finding[]> {
  return [
    node(machine),
    primitives(),
    await port(machine),
    platform(machine),
    await koffi(machine),
    tunDevice(machine),
    privileges(machine),
    namespaces(machine),
    curl(machine),
    ...PROGRAMS.map((program) => programFinding(machine, program)),
  ];
}

function node({ nodeVersion }: Machine): Finding {
  const [major = 0, minor = 0] = nodeVersion.split('.').map(Number);
  const [needsMajor, needsMinor] = SMALLEST_NODE;
  const isNew = major > needsMajor || (major === needsMajor && minor >= needsMinor);
  const found = `Node.js ${nodeVersion}`;
  if (isNew) return { name: 'node', health: 'ok', found, essential: true };
  return {
    name: 'node',
    health: 'missing',
    found,
    advice: `install Node.js ${SMALLEST_NODE.join('.')} or newer`,
    essential: true,
  };
}

/** What TLS stands on: a Node.js that was built without some of it cannot serve. */
function primitives(): Finding {
  const ciphers = new Set(getCiphers());
  const lacking = ['aes-128-gcm', 'aes-256-gcm', 'chacha20-poly1305'].filter((name) => !ciphers.has(name));
  try {
    createECDH('prime256v1').generateKeys();
  } catch {
    lacking.push('P-256');
  }
  try {
    const der = Buffer.concat([Buffer.from('302e020100300506032b656e04220420', 'hex'), Buffer.alloc(32, 7)]);
    createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  } catch {
    lacking.push('X25519');
  }
  if (lacking.length === 0) {
    return {
      name: 'primitives',
      health: 'ok',
      found: `OpenSSL ${process.versions.openssl}: AES-GCM, ChaCha20, X25519, P-256`,
      essential: true,
    };
  }
  const advice = 'use a Node.js that is built with its own OpenSSL';
  return { name: 'primitives', health: 'missing', found: `lacks ${lacking.join(', ')}`, advice, essential: true };
}

async function port(machine: Machine): Promise<Finding> {
  const name = `port ${DEFAULT_PORT}`;
  if (await machine.portIsFree(DEFAULT_PORT)) return { name, health: 'ok', found: 'free', essential: false };
  return { name, health: 'warn', found: 'in use', advice: 'serve --mode tcp needs another --port', essential: false };
}

function platform({ platform: name }: Machine): Finding {
  if (name === 'linux') return { name: 'system', health: 'ok', found: 'Linux', essential: false };
  const advice = 'replay, inspect and mode tcp work; mode tun is for Linux';
  return { name: 'system', health: 'warn', found: name, advice, essential: false };
}

async function koffi(machine: Machine): Promise<Finding> {
  const problem = await machine.loads('koffi');
  if (problem === undefined) return { name: 'koffi', health: 'ok', found: 'loads', essential: false };
  const advice = 'mode tun needs it: npm install koffi';
  return { name: 'koffi', health: 'warn', found: problem, advice, essential: false };
}

function tunDevice(machine: Machine): Finding {
  const name = '/dev/net/tun';
  if (!machine.exists(name)) {
    const advice = 'modprobe tun, or in a container: --device /dev/net/tun';
    return { name, health: 'missing', found: 'not there', advice, essential: false };
  }
  if (machine.mayOpen(name)) return { name, health: 'ok', found: 'may be opened', essential: false };
  return { name, health: 'missing', found: 'may not be opened', advice: DEVICE_RIGHTS_ADVICE, essential: false };
}

const CAP_NET_ADMIN = 12n;

function privileges(machine: Machine): Finding {
  const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(machine.read('/proc/self/status') ?? '')?.[1];
  const has = effective !== undefined && ((BigInt(`0x${effective}`) >> CAP_NET_ADMIN) & 1n) === 1n;
  if (has) return { name: 'privileges', health: 'ok', found: 'CAP_NET_ADMIN', essential: false };
  const advice =
    'mode tun: run it under sudo, in `unshare -rn`, or on a device that was made for you (README, "Without root")';
  return { name: 'privileges', health: 'warn', found: 'no CAP_NET_ADMIN', advice, essential: false };
}

function namespaces(machine: Machine): Finding {
  const args = machine.uid === 0 ? ['--net', 'true'] : ['-rn', 'true'];
  const name = 'namespaces';
  if (machine.run('unshare', ...args)?.code === 0)
    return { name, health: 'ok', found: `unshare ${args[0]} works`, essential: false };
  const advice = 'record works in mode tcp; for tun allow user namespaces, or run it as root';
  return { name, health: 'warn', found: `unshare ${args[0]} does not work`, advice, essential: false };
}

function curl(machine: Machine): Finding {
  const answer = machine.run('curl', '--version');
  if (answer === undefined)
    return { name: 'curl', health: 'warn', found: 'not there', advice: 'apt-get install curl', essential: false };
  const found = answer.output.split(' ').slice(0, 2).join(' ');
  if (/\bHTTP2\b/.test(answer.output))
    return { name: 'curl', health: 'ok', found: `${found}, with HTTP/2`, essential: false };
  return {
    name: 'curl',
    health: 'warn',
    found: `${found}, without HTTP/2`,
    advice: 'install a curl that was built with nghttp2',
    essential: false,
  };
}

interface Program {
  readonly name: string;
  readonly args: readonly string[];
  readonly what: string;
  readonly from: string;
}

const PROGRAMS: readonly Program[] = [
  { name: 'openssl', args: ['version'], what: 'tests of TLS', from: 'openssl' },
  { name: 'nghttp', args: ['--version'], what: 'tests of HTTP/2', from: 'nghttp2-client' },
  { name: 'h2load', args: ['--version'], what: 'benchmarks', from: 'nghttp2-client' },
  { name: 'tcpdump', args: ['--version'], what: 'captures', from: 'tcpdump' },
  { name: 'tshark', args: ['--version'], what: 'a second opinion on captures', from: 'tshark' },
  { name: 'editcap', args: ['--version'], what: 'changing captures', from: 'wireshark-common' },
  { name: 'chromium', args: ['--version'], what: 'tests with a browser', from: 'chromium' },
];

function programFinding(machine: Machine, { name, args, what, from }: Program): Finding {
  const answer = machine.run(name, ...args);
  if (answer === undefined) {
    return {
      name,
      health: 'warn',
      found: 'not there',
      advice: `for ${what}: apt-get install ${from}`,
      essential: false,
    };
  }
  return { name, health: 'ok', found: answer.output.split('\n')[0]!.trim(), essential: false };
}

function thisMachine(): Machine {
  return {
    nodeVersion: process.versions.node,
    platform: process.platform,
    uid: process.getuid?.(),
    run(program, ...args) {
      const { error, status, stdout, stderr } = spawnSync(program, args, {
        encoding: 'utf8',
        timeout: PROBE_TIMEOUT_MS,
      });
      return error === undefined ? { code: status, output: stdout || stderr } : undefined;
    },
    exists: existsSync,
    mayOpen(path) {
      try {
        accessSync(path, constants.R_OK | constants.W_OK);
        return true;
      } catch {
        return false;
      }
    },
    read(path) {
      try {
        return readFileSync(path, 'utf8');
      } catch {
        return undefined;
      }
    },
    async loads(name) {
      try {
        await import(name);
        return undefined;
      } catch (error) {
        return (error instanceof Error ? error.message : String(error)).split('\n')[0]!;
      }
    },
    portIsFree: (number) =>
      new Promise((resolve) => {
        const server = createServer();
        server.on('error', () => resolve(false));
        server.listen(number, '127.0.0.1', () => server.close(() => resolve(true)));
      }),
  };
}
