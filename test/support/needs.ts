// Tests that need more than Node: root, a TUN device, a client program. What is missing is reported as a skipped test
// with its reason, which the runner counts as a failure when CI=true.

import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Test } from 'uvu';

export type Need = 'root' | 'tun' | 'namespaces' | { readonly command: string };

export function needCommands(...commands: string[]): Need[] {
  return commands.map((command) => ({ command }));
}

/** Registers the test, or registers it as skipped and prints the reason. */
export function testWith(suite: Test, needs: readonly Need[], name: string, body: () => Promise<void> | void): void {
  const missing = needs.map(whyMissing).filter((reason) => reason !== undefined);
  if (missing.length === 0) {
    suite(name, body);
    return;
  }
  process.stdout.write(`SKIP ${name}: ${missing.join(', ')}\n`);
  suite.skip(name, body);
}

/** Whether everything is there: for set-up that only makes sense then. */
export function met(needs: readonly Need[]): boolean {
  return needs.every((need) => whyMissing(need) === undefined);
}

const known = new Map<string, string | undefined>();

function whyMissing(need: Need): string | undefined {
  const key = typeof need === 'string' ? need : `command ${need.command}`;
  if (!known.has(key)) known.set(key, look(need));
  return known.get(key);
}

function look(need: Need): string | undefined {
  if (need === 'root') return process.getuid?.() === 0 ? undefined : 'needs root';
  if (need === 'tun') return isUsable('/dev/net/tun') ? undefined : 'needs /dev/net/tun';
  if (need === 'namespaces') {
    return spawnSync('unshare', ['--net', 'true']).status === 0
      ? undefined
      : 'needs network namespaces (unshare --net)';
  }
  return findCommand(need.command) === undefined ? `needs ${need.command}` : undefined;
}

function isUsable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function findCommand(name: string): string | undefined {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return join(folder, name);
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}
