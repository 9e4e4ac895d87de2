// A seed is told to nobody but the recording.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { seedDigest, withoutSeed } from '../../src/cli/seed.js';

const test = suite('what is told of a seed');

test('its digest, in hex', () => {
  assert.is(
    seedDigest(new Uint8Array(0)),
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', // FIPS 180-4
  );
});

test('of a command line everything but its value', () => {
  assert.equal(withoutSeed(['--seed', 'one', '--mode', 'tcp']), ['--seed', '(not told)', '--mode', 'tcp']);
  assert.equal(withoutSeed(['-seed', 'one', '--seed=two\nthree', '-seed=']), [
    ...['-seed', '(not told)', '--seed=(not told)', '-seed=(not told)'],
  ]);
  assert.equal(withoutSeed(['--seeds', 'x', 'seed', 'y']), ['--seeds', 'x', 'seed', 'y']);
});

test.run();
