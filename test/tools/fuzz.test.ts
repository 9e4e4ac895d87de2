// The fuzzer itself: a few hundred cases hold, the same seed makes the same cases, a broken invariant is found, repeated and
// made simpler.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { projectRoot, run } from '../support/live.js';

const test = suite('fuzz');

function fuzz(...args: string[]) {
  return run(process.execPath, [join(projectRoot, 'dist/tools/fuzz.js'), ...args]);
}

test('1500 cases of TCP hold', async () => {
  const out = await fuzz('tcp', '--seed', '7', '--runs', '1500');
  assert.is(out.code, 0, out.stdout + out.stderr);
  assert.match(out.stdout, /1500 runs of seed 7 .*\nfuzz tcp: no invariant broken\n$/);
});

for (const [target, runs] of [
  ['http1', 2_000],
  ['http2', 600],
  ['hpack', 5_000],
] as const) {
  test(`${runs} cases of ${target} hold`, async () => {
    const out = await fuzz(target, '--seed', '7', '--runs', String(runs));
    assert.is(out.code, 0, out.stdout + out.stderr);
    assert.match(out.stdout, new RegExp(`${runs} runs of seed 7 .*\\nfuzz ${target}: no invariant broken\\n$`));
  });
}

test('a case of HTTP/1.1 can be given as text, and its events are shown', async () => {
  const text = 'GET /x HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\nHost: a\r\n\r\n';
  const out = await fuzz('http1', '--case', JSON.stringify({ kind: 'text', text }), '--log');
  assert.is(out.code, 0, out.stdout);
  assert.match(out.stdout, /HTTP\/1\.1 200 OK/);
  assert.match(out.stdout, /"reason":"line: LF without CR"/);
  assert.match(out.stdout, /responses: 2, refused: 1/);
});

test('one case is the same each time, and another is another', async () => {
  const [one, again, other] = await Promise.all(
    ['3', '3', '4'].map((number) => fuzz('tcp', '--seed', '7', '--run', number, '--log')),
  );
  assert.is(one!.code, 0, one!.stdout);
  assert.ok(one!.stdout.split('\n').length > 6);
  assert.is(one!.stdout, again!.stdout);
  assert.is.not(one!.stdout, other!.stdout);
});

test('a case that cannot end fails, and says what did not hold', async () => {
  // A buffer that its scale cannot express is a closed window for ever.
  const out = await fuzz('tcp', '--case', '{"buffer":100,"windowScale":14,"download":100}');
  assert.is(out.code, 1);
  assert.match(out.stdout, /FAILED at 35\d\d\.\d{6} s: no end: 1 connections are open/);
});

test('wrong usage is named', async () => {
  for (const [args, message] of [
    [['udp'], /there is no target udp/],
    [[], /there is no target/],
    [['tcp', '--runs', 'many'], /whole numbers/],
    [['tcp', '--workers', '0'], /whole numbers/],
  ] as const) {
    const out = await fuzz(...args);
    assert.is(out.code, 2);
    assert.match(out.stderr, message);
  }
});

test('the goodput table is what it was', async () => {
  const golden = join(projectRoot, 'docs/goodput.md');
  assert.match(readFileSync(golden, 'utf8'), /^# Goodput/);
  const out = await run(process.execPath, [join(projectRoot, 'dist/tools/goodput.js'), '--check', golden], {
    timeoutMs: 400_000,
  });
  assert.is(out.code, 0, out.stdout + out.stderr);
});

test.run();
