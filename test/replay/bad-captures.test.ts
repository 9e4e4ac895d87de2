// Files that are no recordings, or not whole ones: each ends in a typed error or a partial result, in bounded time, for the replay and
// for the inspector alike. Nothing crashes, hangs, or takes a length field at its word.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createConversation } from '../../src/bench/inspect/conversation.js';
import { createKeyStore } from '../../src/bench/inspect/keys.js';
import { inspectCapture } from '../../src/bench/inspect/packets.js';
import { readRequests } from '../../src/bench/re-execute.js';
import type { Status } from '../../src/cli/outcome.js';
import { replayOne } from '../../src/cli/replay-one.js';
import { CaptureError } from '../../src/io/capture.js';
import { scratch } from '../support/captures.js';
import { projectRoot } from '../support/live.js';

const test = suite('bad captures');
const file = scratch().path('capture.pcapng');
const captures = join(projectRoot, 'fixtures/captures');
const foreign = join(projectRoot, 'fixtures/foreign');

const OPTIONS = {
  update: false,
  golden: 'off',
  requiresEnd: false,
  log: 'none',
  layers: undefined,
  verbose: false,
  debug: false,
  color: 'never',
  pause: new Set<never>(),
  wantsSequence: false,
} as const;

/** What a replay says of these bytes; anything but an outcome is a failure. */
async function replayed(bytes: Uint8Array): Promise<Status> {
  writeFileSync(file, bytes);
  const { status, lines } = await replayOne(file, OPTIONS);
  assert.is.not(status, 'crashed', lines.join('\n'));
  return status;
}

/** Packets that the inspector gave before it ended, well or with a CaptureError. */
async function inspected(bytes: Uint8Array): Promise<number> {
  writeFileSync(file, bytes);
  let packets = 0;
  const options = { keys: createKeyStore(), createConversation, fields: true, events: true };
  try {
    for await (const _packet of inspectCapture(file, options)) packets++;
  } catch (error) {
    assert.instance(error, CaptureError);
  }
  return packets;
}

/** xorshift32: the same damage in every run. */
function dice(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

test('empty, random and foreign files are named as what they are', async () => {
  const random = Uint8Array.from(
    { length: 5000 },
    (
      (next) => () =>
        next(256)
    )(dice(7)),
  );
  for (const bytes of [new Uint8Array(0), random, Buffer.from('GET / HTTP/1.1\r\n\r\n'), gzipSync(random)]) {
    assert.is(await replayed(bytes), 'unreadable');
    assert.is(await inspected(bytes), 0);
  }
  for (const name of ['nginx-h2c.pcapng', 'any-sll2-gz.pcapng.gz']) {
    const bytes = readFileSync(join(foreign, name));
    assert.is(await replayed(bytes), 'unreadable');
    assert.ok((await inspected(bytes)) > 10);
  }
});

test('a recording cut at every byte', async () => {
  const whole = readFileSync(join(captures, 'tls-no-common-suite.pcapng'));
  const seen = new Map<Status, number>();
  let most = 0;
  for (let length = 0; length < whole.length; length++) {
    const status = await replayed(whole.subarray(0, length));
    seen.set(status, (seen.get(status) ?? 0) + 1);
    if (length % 16 === 0) {
      const packets = await inspected(whole.subarray(0, length));
      assert.ok(packets >= most, 'what was whole before is whole in a longer piece');
      most = packets;
    }
  }
  // A cut at the edge of a block is a run that was cut off; it is the same as far as it goes.
  assert.ok(seen.get('identical')! >= 5 && seen.get('unreadable')! > 1000, JSON.stringify([...seen]));
  assert.is(seen.get('different') ?? 0, 0);
});

test('absurd lengths and an unknown link type', async () => {
  const whole = readFileSync(join(captures, 'tls-no-common-suite.pcapng'));
  for (const length of [0, 1, 11, 13, 0x7fff_ffff, 0xffff_fffc, 0xffff_ffff]) {
    const bytes = Buffer.from(whole);
    bytes.writeUInt32LE(length, 4);
    assert.is(await replayed(bytes), 'unreadable');
    assert.is(await inspected(bytes), 0);
  }
  const classic = readFileSync(join(captures, 'h1-plain.tcpdump.pcap'));
  const odd = Buffer.from(classic);
  odd.writeUInt32LE(147, 20);
  assert.ok((await inspected(odd)) >= 10, 'packets of an unknown link type are shown as such');
  odd.writeUInt32LE(0xffff_ffff, 24 + 8);
  assert.is(await inspected(odd), 0);
});

test('a thousand mutated recordings and captures', async () => {
  const sources = [
    ...['h1-plain', 'h2', 'tls13-h2', 'ping-and-closed-port', 'tcp-mode-h2'].map((name) =>
      join(captures, `${name}.pcapng`),
    ),
    ...['nginx-h1-plain-gzip', 'nginx-h2c', 'nginx-tls12-rsa-kx'].map((name) => join(foreign, `${name}.pcapng`)),
  ].map((path) => readFileSync(path));
  const seen = new Map<Status, number>();
  for (let round = 0; round < 1000; round++) {
    const next = dice(round + 1);
    const bytes = Buffer.from(sources[round % sources.length]!);
    for (let count = 1 + next(8); count > 0; count--) bytes[next(bytes.length)] = next(256);
    const status = await replayed(bytes);
    seen.set(status, (seen.get(status) ?? 0) + 1);
    if (round % 2 === 0) await inspected(bytes);
    if (round % 10 === 0) {
      try {
        await readRequests(file, createKeyStore());
      } catch (error) {
        assert.instance(error, CaptureError);
      }
    }
  }
  assert.ok(seen.get('different')! > 50 && seen.get('unreadable')! > 50, JSON.stringify([...seen]));
});

test.run();
