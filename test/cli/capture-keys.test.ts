// Key logs that go with a capture: named, or found beside it. What cannot be read is told of, whoever chose it.

import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { captureKeys } from '../../src/cli/capture-keys.js';
import { SECRETS_TLS_KEY_LOG } from '../../src/io/capture-types.js';
import { FileError } from '../../src/io/errors.js';
import { PcapngWriter } from '../../src/io/pcapng-writer.js';
import { scratch } from '../support/captures.js';

const place = scratch();

test('a key log that cannot be read is an error of the file, named or beside the capture', () => {
  const folder = place.path('one.keys');
  mkdirSync(folder);
  const isOfFile = (error: unknown): boolean => error instanceof FileError && error.message.includes(folder);
  assert.throws(() => captureKeys(place.path('one.pcapng'), []), isOfFile);
  assert.throws(() => captureKeys(place.path('two.pcapng'), [folder]), isOfFile);
});

test('a key log comes through a pipe, as text, packed or within a pcapng', () => {
  const line = `CLIENT_RANDOM ${'1'.repeat(64)} ${'ab'.repeat(48)}\n`;
  const blocks = new PcapngWriter();
  blocks.section('', '', '');
  blocks.secrets(SECRETS_TLS_KEY_LOG, line);
  const pipe = place.path('keys.pipe');
  assert.is(spawnSync('mkfifo', [pipe]).status, 0);
  for (const content of [Buffer.from(line), gzipSync(line), blocks.view()]) {
    const file = place.write('piped.keys', content);
    for (const capture of [place.path('three.pcapng'), '-']) {
      const child = spawn('sh', ['-c', 'cat "$0" > "$1"', file, pipe], { stdio: 'ignore' });
      try {
        assert.is(captureKeys(capture, [pipe]).count, 1);
      } finally {
        child.kill();
      }
    }
  }
});

test.run();
