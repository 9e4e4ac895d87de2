// The Internet checksum after RFC 1071: the numerical example of §3, and the properties that §1 and §2 name.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { finishChecksum, sumWords } from '../../../src/core/ip/checksum.js';
import { hex, testRandom } from '../../support/bytes.js';

const test = suite('RFC 1071');

/** The example of §3: 0001 f203 f4f5 f6f7 add up to ddf2 with the carries brought round. */
const EXAMPLE = hex('0001 f203 f4f5 f6f7');
const SUM = 0xddf2;

function checksum(bytes: Uint8Array, start = 0, end = bytes.length): number {
  return finishChecksum(sumWords(bytes, start, end));
}

test('§3: the numerical example', () => {
  assert.is(checksum(EXAMPLE), ~SUM & 0xffff);
});

test('§1 (3): the checksum in its place makes the sum all ones', () => {
  assert.is(checksum(hex('0001 f203 f4f5 f6f7 220d')), 0);
});

test('§3: wherever in memory the bytes lie, on an odd address as well', () => {
  for (let offset = 0; offset < 9; offset++) {
    const memory = new Uint8Array(32).fill(0xa5);
    memory.set(EXAMPLE, offset);
    assert.is(checksum(memory, offset, offset + 8), ~SUM & 0xffff, `at ${offset}`);
  }
});

test('§2 (A): the order of the words does not matter', () => {
  assert.is(checksum(hex('f6f7 0001 f4f5 f203')), ~SUM & 0xffff);
});

test('§2 (B): swapped bytes give the swapped sum', () => {
  assert.is(checksum(hex('0100 03f2 f5f4 f7f6')), ~0xf2dd & 0xffff);
});

test('§1: a last odd byte counts with a zero behind it', () => {
  assert.is(checksum(hex('0001 f203 f4')), checksum(hex('0001 f203 f400')));
  assert.is(checksum(hex('f7')), ~0xf700 & 0xffff);
});

test('§2 (4): what a field adds can be exchanged for another value (RFC 1624)', () => {
  const random = testRandom(7);
  for (let i = 0; i < 200; i++) {
    const bytes = random.bytes(40);
    const before = checksum(bytes);
    const [old, now] = [(bytes[10]! << 8) | bytes[11]!, random.below(0x1_0000)];
    bytes[10] = now >>> 8;
    bytes[11] = now & 0xff;
    let sum = (~before & 0xffff) + (~old & 0xffff) + now;
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
    assert.is(checksum(bytes), ~sum & 0xffff);
  }
});

test('no bytes at all sum to nothing', () => {
  assert.is(checksum(new Uint8Array(0)), 0xffff);
});

test.run();
