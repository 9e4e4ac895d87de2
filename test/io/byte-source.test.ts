// Captures out of gzip streams and pipes: the same items as out of the file, and damage is named where the content ends.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CaptureError, openCapture, readCapture } from '../../src/io/capture.js';
import { scratch } from '../support/captures.js';
import { mainScript, projectRoot } from '../support/live.js';

const test = suite('byte source');
const place = scratch();
const plain = join(projectRoot, 'fixtures/captures/h2-download-1m.pcapng');
const bytes = readFileSync(plain);

test('a capture packed with gzip is the capture', async () => {
  const packed = await readCapture(place.write('packed.gz', gzipSync(bytes)));
  const { packets } = await readCapture(plain);
  assert.is(packed.packets.length, packets.length);
  for (const [at, packet] of packed.packets.entries()) {
    assert.is(packet.fileOffset, packets[at]!.fileOffset);
    assert.is(Buffer.compare(packet.data, packets[at]!.data), 0);
  }
});

test('a gzip stream that ends early gives what is whole, then says so', async () => {
  const file = place.write('cut.gz', gzipSync(bytes).subarray(0, 200_000));
  let packets = 0;
  try {
    for await (const item of openCapture(file)) if (item.kind === 'packet') packets++;
    assert.unreachable('it ended well');
  } catch (error) {
    assert.instance(error, CaptureError);
    assert.is((error as CaptureError).kind, 'truncated');
    assert.match((error as CaptureError).message, /cut\.gz: offset \d+: .*gzip stream ends early/);
  }
  assert.ok(packets > 50, `${packets} packets`);
});

test('a damaged gzip stream is named as such', async () => {
  const packed = gzipSync(bytes);
  packed.fill(0xff, 5_000, 5_100);
  let problem: unknown;
  try {
    for await (const _item of openCapture(place.write('damaged.gz', packed)));
  } catch (error) {
    problem = error;
  }
  assert.instance(problem, CaptureError);
  assert.match((problem as CaptureError).what, /gzip stream is damaged|gzip stream ends early|block/);
});

test('gzip within gzip, and gzip around something else, are told', async () => {
  const cases: [Uint8Array, RegExp][] = [
    [gzipSync(gzipSync(bytes)), /compressed with gzip twice/],
    [gzipSync(Buffer.from('no capture at all')), /neither pcap nor pcapng/],
    [gzipSync(new Uint8Array(0)), /the file is empty/],
  ];
  for (const [content, what] of cases) {
    try {
      await readCapture(place.write('other.gz', content));
      assert.unreachable('it was read');
    } catch (error) {
      assert.instance(error, CaptureError);
      assert.match((error as CaptureError).what, what);
    }
  }
});

test('a capture comes through a pipe, packed or not', () => {
  const summary = (input: Uint8Array): string =>
    spawnSync(process.execPath, [mainScript, 'inspect', '-', '--summary'], { input, encoding: 'utf8' }).stdout;
  const fromFile = spawnSync(process.execPath, [mainScript, 'inspect', plain, '--summary'], {
    encoding: 'utf8',
  }).stdout;
  assert.match(fromFile, /^963 packets, .* 1 TCP connection\n/);
  assert.is(summary(bytes), fromFile);
  assert.is(summary(gzipSync(bytes)), fromFile);
});

test.run();
