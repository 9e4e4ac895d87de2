// How the encoder uses its table: what is never indexed (RFC 7541 §7.1.3), what is not worth it, when size updates are told
// (§4.2), and that nothing it does costs another field its entry.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createHeaderList, HpackDecoder } from '../../../../src/core/http2/hpack/decode.js';
import { HpackEncoder } from '../../../../src/core/http2/hpack/encode.js';
import { limits } from '../../../../src/core/limits.js';
import type { Field } from '../../../../src/core/trace.js';
import { testRandom, toHex } from '../../../support/bytes.js';

const first = (encoder: HpackEncoder, field: Field): number => encoder.encode([field])[0]!;
const isIndexed = (octet: number): boolean => octet >= 0x80;
const isInserted = (octet: number): boolean => (octet & 0xc0) === 0x40;
const isPlain = (octet: number): boolean => (octet & 0xf0) === 0x00;
const isNeverIndexed = (octet: number): boolean => (octet & 0xf0) === 0x10;

test('§7.1.3: credentials and short cookies are never indexed, long cookies are worth an entry', () => {
  const encoder = new HpackEncoder(4096);
  for (const name of ['authorization', 'proxy-authorization', 'set-cookie', 'authentication-info']) {
    assert.ok(isNeverIndexed(first(encoder, [name, 'a value that is long enough for anything'])), name);
  }
  assert.ok(isNeverIndexed(first(encoder, ['cookie', 'a'.repeat(19)])));
  assert.is(encoder.table.count, 0);
  assert.ok(isInserted(first(encoder, ['cookie', 'a'.repeat(20)])));
  assert.ok(isIndexed(first(encoder, ['cookie', 'a'.repeat(20)])));
});

test('names come from the static table, then from the newest dynamic entry', () => {
  const encoder = new HpackEncoder(4096);
  assert.is(toHex(encoder.encode([['server', 'w']])), '760177');
  assert.is(toHex(encoder.encode([['x-a', '{']])).slice(0, 2), '40');
  assert.is(toHex(encoder.encode([['x-a', '}']])), '7e017d');
});

test('encoderMisses: a value that is another each time is not indexed any more, and pushes nothing out', () => {
  const encoder = new HpackEncoder(4096);
  encoder.encode([['x-stays', 'the same']]);
  for (let i = 0; i < 500; i++) {
    const octet = first(encoder, ['x-request-id', `id ${i}`]);
    assert.is(isInserted(octet), i < limits.http2.encoderMisses, `${i}`);
  }
  assert.ok(isIndexed(first(encoder, ['x-stays', 'the same'])));
  assert.is(encoder.table.count, 1 + limits.http2.encoderMisses);
});

test('a value that comes twice in a row is worth it again, as the date of a busy second', () => {
  const encoder = new HpackEncoder(4096);
  for (let i = 0; i < 20; i++) encoder.encode([['date', `second ${i}`]]);
  assert.ok(isPlain(first(encoder, ['date', 'second 20'])));
  assert.ok(isInserted(first(encoder, ['date', 'second 20'])));
  assert.ok(isIndexed(first(encoder, ['date', 'second 20'])));
});

test('what rarely comes twice by its nature is not indexed', () => {
  const encoder = new HpackEncoder(4096);
  for (const name of [':path', 'content-range', 'age', 'if-range', 'range']) {
    assert.ok(isPlain(first(encoder, [name, 'value'])), name);
  }
  // A validator of the same thing comes again and again.
  encoder.encode([['etag', '"1"']]);
  assert.ok(isIndexed(first(encoder, ['etag', '"1"'])));
});

test('an entry of more than half the table is not worth the others', () => {
  const encoder = new HpackEncoder(200);
  encoder.encode([['x-a', '1']]);
  assert.ok(isPlain(first(encoder, ['x-b', 'y'.repeat(80)])));
  assert.ok(isIndexed(first(encoder, ['x-a', '1'])));
});

test('encoderNames: of names without an entry only the newest are remembered', () => {
  const encoder = new HpackEncoder(80);
  // There is room for two; the first name is forgotten, and begins anew.
  const values = limits.http2.encoderMisses;
  for (let i = 0; i < values; i++) encoder.encode([['n', String(i)]]);
  assert.ok(isPlain(first(encoder, ['n', 'other'])));
  for (let i = 0; i <= limits.http2.encoderNames + 2; i++) encoder.encode([[`n${i}`, '1']]);
  assert.ok(isInserted(first(encoder, ['n', 'q'])));
});

test('§4.2: a change is told at the beginning of the next block; of many the smallest and the last', () => {
  const encoder = new HpackEncoder(4096);
  encoder.setMaxTableSize(4096);
  assert.is(toHex(encoder.encode([[':status', '200']])), '88');
  for (const size of [3000, 10, 50, 20, 100]) encoder.setMaxTableSize(size);
  assert.is(toHex(encoder.encode([[':status', '200']])), '2a3f4588');
  assert.is(toHex(encoder.encode([[':status', '200']])), '88');
  encoder.setMaxTableSize(10);
  assert.is(toHex(encoder.encode([[':status', '200']])), '2a88');
});

test('encoderTableBytes: a larger table of the peer is used up to there', () => {
  const encoder = new HpackEncoder(4096);
  encoder.setMaxTableSize(1 << 24);
  assert.is(encoder.table.maxSize, limits.http2.encoderTableBytes);
  // 31, then 16,384 - 31 in groups of seven bits.
  assert.is(toHex(encoder.encode([])), '3fe17f');
});

test('duplicate entries are no error (§2.3.2)', () => {
  const decoder = new HpackDecoder(4096);
  const twice = Uint8Array.of(0x40, 1, 0x61, 1, 0x62, 0x40, 1, 0x61, 1, 0x62, 0xbe, 0xbf);
  const list = createHeaderList();
  decoder.decode(twice, 0, twice.length, list);
  assert.is(decoder.table.count, 2);
  assert.equal(
    list.entries.map((entry) => entry.field),
    [1, 2, 3, 4].map(() => ['a', 'b']),
  );
});

test('over any lists, sizes and cuts decoding gives back what was encoded, and never-indexed stays so', () => {
  const names = ['accept', 'cookie', 'set-cookie', 'date', 'x-a', 'x-b', 'x-id', ':path', 'etag', 'vary'];
  for (let seed = 1; seed <= 60; seed++) {
    const random = testRandom(seed * 31);
    const encoder = new HpackEncoder(4096);
    const decoder = new HpackDecoder(limits.http2.encoderTableBytes);
    decoder.table.setMaxSize(4096);
    for (let round = 0; round < 30; round++) {
      if (random.below(8) === 0) encoder.setMaxTableSize(random.below(2 * limits.http2.encoderTableBytes));
      const fields = Array.from({ length: random.below(12) }, (): Field => {
        const value = String.fromCharCode(...random.bytes(random.below(40)));
        return [names[random.below(names.length)]!, random.below(3) === 0 ? value : `v${random.below(6)}`];
      });
      const block = encoder.encode(fields);
      const list = createHeaderList();
      decoder.decode(block, 0, block.length, list);
      assert.equal(
        list.entries.map((entry) => entry.field),
        fields,
        `seed ${seed} round ${round}`,
      );
      assert.is(encoder.table.size, decoder.table.size);
    }
  }
});

test.run();
