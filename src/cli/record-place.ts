// Where `wirebench record` runs: in tun mode, server and command are together in a network namespace that is made for
// them, so that nothing of the host's network changes and root is not always needed. The program starts itself again in
// there (unshare(1)).

import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, readlinkSync } from 'node:fs';
import { constants as osConstants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { DeviceError } from '../io/errors.js';
import { DEVICE_RIGHTS_ADVICE } from '../io/tun.js';
import { onEndingSignal } from './signals.js';

/** Tells the program inside which namespace is outside; it is no part of the command's environment. */
const OUTSIDE = 'WIREBENCH_OUTSIDE_NAMESPACE';

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
/** For what takes milliseconds. */
const PROBE_MS = 10_000;

/** A way into a network namespace of one's own, or why there is none. */
export type Namespace =
  | { readonly unshare: readonly string[]; readonly how: string }
  | { readonly missing: string; readonly advice: string };

/** Whether this process is the one that was started inside. */
export function isInside(): boolean {
  const outside = process.env[OUTSIDE];
  // The variable may have come from elsewhere: what it names has to be another namespace.
  return outside !== undefined && outside !== currentNamespace();
}

export function environmentInside(): NodeJS.ProcessEnv {
  const { [OUTSIDE]: _, ...rest } = process.env;
  return rest;
}

function currentNamespace(): string {
  return readlinkSync('/proc/self/ns/net');
}

/** Tries everything that is needed in a namespace that is gone at once. */
export function findNamespace(device: string): Namespace {
  if (process.platform !== 'linux') {
    return { missing: `a TUN device needs Linux, this is ${process.platform}`, advice: TCP_ADVICE };
  }
  const closed = whyDeviceIsClosed();
  if (closed !== undefined) return closed;
  try {
    import.meta.resolve('koffi');
  } catch {
    return {
      missing: 'the optional package koffi, which reaches the TUN device, is not installed',
      advice: `npm install koffi@3.3.4; ${TCP_ADVICE}`,
    };
  }
  const isRoot = process.geteuid?.() === 0;
  const unshare = ['--net', ...(isRoot ? [] : ['--user', '--map-root-user'])];
  const script = 'ip link set lo up && ip tuntap add mode tun name "$0"';
  const tried = spawnSync('unshare', [...unshare, 'sh', '-c', script, device], { encoding: 'utf8', timeout: PROBE_MS });
  if (tried.status === 0) return { unshare, how: isRoot ? 'root' : 'a user namespace' };
  return {
    missing: `a network namespace with a TUN device cannot be made (${whyFailed(tried)})`,
    advice: `it takes unshare (util-linux), ip (iproute2), and root or user namespaces; ${TCP_ADVICE}`,
  };
}

const TCP_ADVICE = '`--mode tcp` needs none of it';

function whyDeviceIsClosed(): Namespace | undefined {
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK);
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
      ? { missing: 'there is no /dev/net/tun', advice: `modprobe tun, or give it to the container; ${TCP_ADVICE}` }
      : { missing: '/dev/net/tun is not open to this user', advice: `${DEVICE_RIGHTS_ADVICE}; ${TCP_ADVICE}` };
  }
}

function whyFailed({ error, stderr, signal }: SpawnSyncReturns<string>): string {
  if (error !== undefined) return `unshare: ${(error as NodeJS.ErrnoException).code ?? error.message}`;
  return (stderr.trim().split('\n')[0] ?? '') || `ended by ${signal}`;
}

/** Runs this same command line in there and passes its exit code on. Signals are handed in. */
export function runInside(unshare: readonly string[]): Promise<number> {
  const again = [process.execPath, ...process.execArgv, MAIN, ...process.argv.slice(2)];
  const child = spawn('unshare', [...unshare, ...again], {
    stdio: 'inherit',
    env: { ...process.env, [OUTSIDE]: currentNamespace() },
  });
  // From a terminal it comes to both; the one inside takes a second one for the first.
  const ignoreSignals = onEndingSignal((signal) => void child.kill(signal));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      ignoreSignals();
      resolve(code ?? codeOfSignal(signal));
    });
  });
}

/** As shells have it. */
export function codeOfSignal(signal: NodeJS.Signals | null): number {
  return 128 + (signal === null ? 0 : osConstants.signals[signal]);
}

/** A new namespace has its loopback device down. */
export function bringLoopbackUp(): void {
  const done = spawnSync('ip', ['link', 'set', 'lo', 'up'], { encoding: 'utf8', timeout: PROBE_MS });
  if (done.status !== 0) throw new DeviceError(`the loopback device cannot be set up: ${whyFailed(done)}`, TCP_ADVICE);
}
