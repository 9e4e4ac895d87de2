// Each attack of tools/attack.ts, small: clients are served, the victim's download is whole, memory stays within its bound.

import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { projectRoot, run } from '../support/live.js';
import { needCommands, testWith } from '../support/needs.js';

const test = suite('attack');
const needs = ['root', 'tun', 'namespaces', ...needCommands('ip', 'curl')] as const;
const script = join(projectRoot, 'dist/tools/attack.js');

for (const kind of ['syn-flood', 'frag-flood', 'rst-injection', 'syn-injection', 'ack-flood']) {
  testWith(test, needs, `the server stands a ${kind.replace('-', ' ')}`, async () => {
    const out = await run(process.execPath, [script, kind, '--count', '20000', '--rate', '20000']);
    assert.is(out.code, 0, out.stdout + out.stderr);
    assert.match(out.stdout, /before .* MB resident/);
    assert.match(out.stdout, /[1-9]\d* curls meanwhile, 0 failed/);
    assert.match(out.stdout, /the download that ran through it: whole/);
    const read = Number(/(\d+) read by it/.exec(out.stdout)?.[1]);
    // How many get past the queue of the device depends on what else the machine does.
    assert.ok(read >= 2_000, `${read} packets reached the server`);
  });
}

// The slow ones take as long as their timeouts; test/core/http2/timeouts.test.ts has them in logical time.
const HTTP2_ATTACKS = [
  ...[
    'rapid-reset',
    'made-you-reset',
    'empty-headers',
    'continuation-flood',
    'hpack-bomb',
    'settings-flood',
    'ping-flood',
  ],
  ...['unread-pings', 'priority-flood', 'priority-update-flood', 'empty-frames', 'data-dribble', 'too-many-streams'],
];

for (const name of HTTP2_ATTACKS) {
  testWith(test, needs, `the server ends a ${name} on HTTP/2 with the code for it`, async () => {
    const out = await run(process.execPath, [script, name, '--seconds', '0.3']);
    assert.is(out.code, 0, out.stdout + out.stderr);
    assert.match(out.stdout, /before .* MB resident/);
    assert.match(out.stdout, /[1-9]\d* curls meanwhile, 0 failed/);
  });
}

for (const [kind, status] of [
  ['slow-headers', 408],
  ['slow-body', 408],
  ['endless-headers', 431],
  ['endless-extensions', 400],
  ['huge-request-line', 414],
] as const) {
  testWith(test, needs, `HTTP/1.1: ${kind} end with ${status}, and others are served meanwhile`, async () => {
    const out = await run(process.execPath, [script, kind]);
    assert.is(out.code, 0, out.stdout + out.stderr);
    assert.match(out.stdout, new RegExp(`200 connections ended with ${status} \\(200\\),`));
    assert.match(out.stdout, /[1-9]\d* curls meanwhile, 0 failed/);
  });
}

testWith(test, needs, 'HTTP/1.1: a pipelined flood waits behind its own window, and is answered in full', async () => {
  const out = await run(process.execPath, [script, 'pipelined-flood']);
  assert.is(out.code, 0, out.stdout + out.stderr);
  const [given, answered] = /gave ([\d,]+) requests without reading; then ([\d,]+) answers/.exec(out.stdout)!.slice(1);
  assert.is(given, answered);
  assert.match(out.stdout, /[1-9]\d* curls meanwhile, 0 failed/);
});

testWith(test, [], 'an unknown attack is wrong usage', async () => {
  const out = await run(process.execPath, [script, 'udp-flood']);
  assert.is(out.code, 2);
  assert.match(out.stderr, /usage: attack\.js syn-flood\|/);
});

test.run();
