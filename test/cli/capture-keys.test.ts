// Key logs that go with a capture: named, or found beside it. What cannot be read is told of, whoever chose it.

import { mkdirSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { captureKeys } from '../../src/cli/capture-keys.js';
import { FileError } from '../../src/io/errors.js';
import { scratch } from '../support/captures.js';

const place = scratch();

test('a key log that cannot be read is an error of the file, named or beside the capture', () => {
  const folder = place.path('one.keys');
  mkdirSync(folder);
  const isOfFile = (error: unknown): boolean => error instanceof FileError && error.message.includes(folder);
  assert.throws(() => captureKeys(place.path('one.pcapng'), []), isOfFile);
  assert.throws(() => captureKeys(place.path('two.pcapng'), [folder]), isOfFile);
});

test.run();
