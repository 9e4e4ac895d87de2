// The checksum against RFC 1071's example and against plain loops, at every alignment.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { finishChecksum, pseudoHeaderSum, sumWords } from '../../../src/core/ip/checksum.js';
import { hex, testRandom } from '../../support/bytes.js';
import { slowChecksum } from '../../support/frames.js';

const test = suite('checksum');

test("RFC 1071 §3's example", () => {
  const bytes = hex('0001 f203 f4f5 f6f7');
  assert.is(finishChecksum(sumWords(bytes, 0, 8)), ~0xddf2 & 0xffff);
});

test('agrees with a plain loop for every start, end and place in memory', () => {
  const random = testRandom(5);
  const buffer = random.bytes(4000).buffer as ArrayBuffer;
  for (let i = 0; i < 3000; i++) {
    const offset = random.below(9);
    const bytes = new Uint8Array(buffer, offset, 3000 + random.below(900));
    const start = random.below(40);
    const end = start + random.below(i % 3 === 0 ? 80 : 2900);
    assert.is(
      finishChecksum(sumWords(bytes, start, end)),
      slowChecksum(bytes.subarray(start, end)),
      `${offset} ${start} ${end}`,
    );
  }
});

test('a buffer of odd size is read to its last byte', () => {
  for (const size of [65, 99, 1461]) {
    const bytes = testRandom(size).bytes(size);
    assert.is(finishChecksum(sumWords(bytes, 0, size)), slowChecksum(bytes));
  }
});

test('64 KiB of ones do not overflow', () => {
  const bytes = new Uint8Array(65_535).fill(0xff);
  assert.is(finishChecksum(sumWords(bytes, 0, 65_535)), slowChecksum(bytes));
  assert.is(finishChecksum(sumWords(bytes, 0, 65_534) + sumWords(bytes, 0, 65_534)), 0);
});

test('the pseudo-header counts as its bytes', () => {
  const sum = pseudoHeaderSum(0xff00_0001, 0x0a00_ffff, 6, 1480);
  assert.is(finishChecksum(sum), slowChecksum(hex('ff000001 0a00ffff 0006 05c8')));
});

test.run();
