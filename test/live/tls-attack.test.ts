// Each flood of TLS of tools/attack.ts, small, against a server on loopback: clients are served meanwhile, memory stays
// within its bound.

import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { projectRoot, run } from '../support/live.js';
import { needCommands, testWith } from '../support/needs.js';

const test = suite('tls-attack');
const script = join(projectRoot, 'dist/tools/attack.js');

for (const [kind, connections] of [
  ['tls-half-open', 300],
  ['tls-fragments', 4],
  ['tls-tiny-records', 4],
  ['tls-slow-records', 40],
  ['tls-warnings', 4],
  ['tls-renegotiation', 4],
  ['tls-key-updates', 4],
] as const) {
  testWith(test, needCommands('curl'), `the server stands ${kind}`, async () => {
    const out = await run(process.execPath, [script, kind, '--seconds', '1', '--connections', String(connections)]);
    assert.is(out.code, 0, out.stdout + out.stderr);
    assert.match(out.stdout, /before .* MB resident/);
    assert.match(out.stdout, /[1-9]\d* curls meanwhile, 0 failed/);
    // Those that break a rule are sent away and come again; the others stay.
    const [, made, most] = /(\d+) connections \((\d+) at once\)/.exec(out.stdout)!.map(Number);
    const stays = ['tls-half-open', 'tls-tiny-records', 'tls-slow-records'].includes(kind);
    assert.is(most, connections);
    assert.ok(stays ? made === connections : made! > connections, `${made} connections`);
  });
}

testWith(
  test,
  ['root', 'tun', 'namespaces', ...needCommands('ip', 'curl')],
  'the whole stack stands a flood',
  async () => {
    const args = [script, 'tls-half-open', '--mode', 'tun', '--seconds', '1', '--connections', '200'];
    const out = await run(process.execPath, args);
    assert.is(out.code, 0, out.stdout + out.stderr);
    assert.match(out.stdout, /200 connections \(200 at once\)/);
  },
);

test.run();
