// Reader: values, names in errors and reports, bounds, parts.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ParseError, Reader } from '../../../src/core/bytes/reader.js';
import { equalBytes, hex } from '../../support/bytes.js';

const test = suite('reader');

function failure(run: () => unknown): ParseError {
  try {
    run();
  } catch (error) {
    assert.instance(error, ParseError);
    return error as ParseError;
  }
  throw new Error('nothing was thrown');
}

test('reads big-endian values, the highest included', () => {
  const r = new Reader('x', hex('ff ffff ffffff ffffffff 01 0203'));
  assert.is(r.u8('a'), 0xff);
  assert.is(r.u16('b'), 0xffff);
  assert.is(r.u24('c'), 0xff_ffff);
  assert.is(r.u32('d'), 0xffff_ffff);
  equalBytes(r.take(1, 'e'), hex('01'));
  assert.is(r.remaining, 2);
  equalBytes(r.rest('f'), hex('0203'));
  assert.is(r.offset, 13);
  r.expectEnd('all');
});

test('a read beyond the end names layer, field and offset, and does not move', () => {
  const r = new Reader('tls', hex('010203'));
  r.u16('first');
  const error = failure(() => r.u16('second'));
  assert.is(error.layer, 'tls');
  assert.is(error.what, 'second: 2 bytes wanted, 1 left');
  assert.is(error.offset, 2);
  assert.is(r.u8('third'), 3);
});

test('every kind of read fails one byte short', () => {
  for (const read of [
    (r: Reader) => r.u8('x'),
    (r: Reader) => r.u16('x'),
    (r: Reader) => r.u24('x'),
    (r: Reader) => r.u32('x'),
    (r: Reader) => r.take(5, 'x'),
    (r: Reader) => r.skip(5, 'x'),
    (r: Reader) => r.sub(5, 'x'),
  ]) {
    const widest = [0, 1, 2, 3, 4].filter((length) => {
      try {
        read(new Reader('x', new Uint8Array(length)));
        return false;
      } catch (error) {
        return error instanceof ParseError;
      }
    });
    assert.ok(widest.length >= 1 && widest[0] === 0);
  }
});

test('reads a part of a buffer only, with offsets of the whole', () => {
  const r = new Reader('x', hex('00 11 22 33'), 1, 3);
  assert.is(r.u8('a'), 0x11);
  assert.is(r.offset, 2);
  assert.is(r.u8('b'), 0x22);
  assert.is(failure(() => r.u8('c')).offset, 3);
});

test('a part must be read to its end', () => {
  const r = new Reader('x', hex('0102 03'));
  const part = r.sub(2, 'part');
  part.u8('a');
  assert.is(failure(() => part.expectEnd('part')).what, 'part.part: 1 bytes too many');
  assert.is(r.u8('after'), 3);
});

test('reports fields with dotted paths, offsets and lengths', () => {
  const seen: string[] = [];
  const r = new Reader('x', hex('01 0203 040506 0708090a 0b'), 0, 11, (path, offset, length, value) => {
    seen.push(`${path}@${offset}+${length}=${typeof value === 'number' ? value : [...value].join(',')}`);
  });
  r.u8('a');
  const part = r.sub(9, 'part');
  part.u16('b');
  part.u24('c');
  part.u32('d');
  r.take(1, 'e');
  assert.equal(seen, ['a@0+1=1', 'part.b@1+2=515', 'part.c@3+3=263430', 'part.d@6+4=117967114', 'e@10+1=11']);
});

test.run();
