import { createHmac } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createRandomSource } from '../../src/core/random.js';
import { nodeCrypto } from '../../src/io/node-crypto.js';
import { ascii, concat, equalBytes, hex, toHex } from '../support/bytes.js';

const seed = new Uint8Array(32).fill(5);
const random = createRandomSource(nodeCrypto, seed);

test('a draw is HMAC-SHA256 of the seed over flow, purpose and counter', () => {
  const block = (counter: string): Uint8Array =>
    createHmac('sha256', seed)
      .update(concat(ascii('flow'), hex('00'), ascii('purpose'), hex('00'), hex(counter)))
      .digest();
  equalBytes(
    random.bytes('flow', 'purpose', 80),
    concat(block('00000000'), block('00000001'), block('00000002')).subarray(0, 80),
  );
});

test('the same draw gives the same bytes whatever was drawn between', () => {
  const first = random.bytes('a', 'b', 32);
  random.bytes('a', 'c', 1000);
  random.bytes('b', 'b', 5);
  equalBytes(random.bytes('a', 'b', 32), first);
  equalBytes(createRandomSource(nodeCrypto, seed).bytes('a', 'b', 32), first);
});

test('a shorter draw is the beginning of a longer one', () => {
  const long = random.bytes('a', 'b', 100);
  for (const length of [0, 1, 32, 33, 64]) equalBytes(random.bytes('a', 'b', length), long.subarray(0, length));
});

test('another seed, flow or purpose gives other bytes, and names do not run together', () => {
  const other = createRandomSource(nodeCrypto, new Uint8Array(32).fill(6));
  const draws = [
    random.bytes('a', 'bc', 16),
    random.bytes('ab', 'c', 16),
    random.bytes('abc', '', 16),
    random.bytes('', 'abc', 16),
    other.bytes('a', 'bc', 16),
  ];
  assert.is(new Set(draws.map(toHex)).size, draws.length);
});

test('a seed has 32 bytes: a shorter one, and a text, are no seeds', () => {
  assert.throws(() => createRandomSource(nodeCrypto, new Uint8Array(16)), /^seed: 32 bytes are wanted, not 16$/);
  const digits = '00'.repeat(32) as unknown as Uint8Array;
  assert.throws(() => createRandomSource(nodeCrypto, digits), /^seed: 32 bytes are wanted, not 64$/);
});

test.run();
