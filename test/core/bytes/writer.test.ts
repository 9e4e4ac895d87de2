// Writer: big-endian values, growth, length prefixes.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Writer } from '../../../src/core/bytes/writer.js';
import { equalBytes, hex } from '../../support/bytes.js';

const test = suite('writer');

test('writes big-endian and grows from nothing', () => {
  const w = new Writer(0).u8(1).u16(0x0203).u24(0x040506).u32(0xfffefdfc).put(hex('0a0b')).text('Hi');
  equalBytes(w.finish(), hex('01 0203 040506 fffefdfc 0a0b 4869'));
  assert.is(w.length, 14);
});

test('a prefix counts what its part writes, nested and grown', () => {
  for (const size of [1, 2, 3] as const) {
    const w = new Writer(1).prefixed(size, (outer) => {
      outer.u8(9).prefixed(1, (inner) => inner.text('abc'));
    });
    equalBytes(w.finish(), hex(`${'00'.repeat(size - 1)}05 09 03616263`));
  }
  const long = new Writer(1).prefixed(3, (w) => w.put(new Uint8Array(0x01_0203)));
  equalBytes(long.view().subarray(0, 3), hex('010203'));
});

test('a copy is its own, a view is not, reset begins anew', () => {
  const w = new Writer(4).u8(1);
  const copy = w.finish();
  const view = w.view();
  w.reset().u8(2);
  equalBytes(copy, hex('01'));
  equalBytes(view, hex('02'));
  assert.is(w.length, 1);
});

test.run();
