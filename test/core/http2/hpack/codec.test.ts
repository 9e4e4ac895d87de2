// HPACK blocks: decode after encode is the identity for any list and table size; every kind of malformed block is a
// ParseError; the choice of representation.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ParseError } from '../../../../src/core/bytes/reader.js';
import { createHeaderList, HpackDecoder } from '../../../../src/core/http2/hpack/decode.js';
import { HpackEncoder } from '../../../../src/core/http2/hpack/encode.js';
import { decodeInteger, encodeInteger } from '../../../../src/core/http2/hpack/integer.js';
import { limits } from '../../../../src/core/limits.js';
import type { Field } from '../../../../src/core/trace.js';
import { concat, hex, testRandom, toHex } from '../../../support/bytes.js';

function decode(decoder: HpackDecoder, block: Uint8Array): Field[] {
  const list = createHeaderList();
  decoder.decode(block, 0, block.length, list);
  return list.entries.map((entry) => entry.field);
}

const refused = (what: RegExp) => (error: unknown) => error instanceof ParseError && what.test(error.what);
const block = (text: string) => () => decode(new HpackDecoder(4096), hex(text));

test('decode after encode is the identity over random lists and table sizes', () => {
  for (let seed = 1; seed <= 150; seed++) {
    const random = testRandom(seed);
    const encoder = new HpackEncoder(4096);
    const decoder = new HpackDecoder(4096);
    const names = ['accept', ':status', 'date', 'x-a', 'x-b', 'set-cookie', 'content-length', 'etag', 'vary'];
    for (let round = 0; round < 12; round++) {
      if (random.below(3) === 0) encoder.setMaxTableSize(random.below(4097));
      if (random.below(6) === 0) encoder.setMaxTableSize(0);
      const fields: Field[] = Array.from({ length: random.below(20) }, () => {
        const value = String.fromCharCode(...random.bytes(random.below(random.below(8) === 0 ? 3000 : 12)));
        const common = ['200', 'text/html', 'a', ''][random.below(4)]!;
        return [names[random.below(names.length)]!, random.below(2) === 0 ? common : value];
      });
      assert.equal(decode(decoder, encoder.encode(fields)), fields, `seed ${seed} round ${round}`);
      assert.is(encoder.table.size, decoder.table.size);
      assert.ok(encoder.table.size <= 4096);
    }
  }
});

test('a field that came before costs one octet', () => {
  const encoder = new HpackEncoder(4096);
  const fields: Field[] = [
    [':status', '200'],
    ['date', 'Thu, 01 Jan 2026 00:00:00 GMT'],
    ['x-own', 'value'],
  ];
  assert.ok(encoder.encode(fields).length > 10);
  assert.is(encoder.encode(fields).length, 3);
});

test('sensitive fields are never indexed, changing ones are not indexed', () => {
  const encoder = new HpackEncoder(4096);
  for (const name of ['authorization', 'proxy-authorization', 'cookie', 'set-cookie']) {
    assert.is(encoder.encode([[name, 'x']])[0]! & 0xf0, 0x10, name);
  }
  assert.is(encoder.encode([['content-range', 'bytes 0-1/2']])[0]! & 0xf0, 0x00);
  assert.is(encoder.table.count, 0);
});

test('Huffman is used exactly where it is shorter', () => {
  const encoder = new HpackEncoder(4096);
  assert.is(toHex(encoder.encode([['age', '307']])), '0f0603333037');
  assert.is(toHex(encoder.encode([['age', '1000']])).slice(0, 6), '0f0683');
});

test('a smaller and again larger table is told as two updates', () => {
  const encoder = new HpackEncoder(4096);
  encoder.setMaxTableSize(0);
  encoder.setMaxTableSize(100);
  assert.is(toHex(encoder.encode([[':status', '200']])), '203f4588');
  assert.is(toHex(encoder.encode([[':status', '200']])), '88');
});

test('a table size above ours is not used', () => {
  const encoder = new HpackEncoder(4096);
  encoder.setMaxTableSize(1 << 20);
  assert.is(encoder.table.maxSize, limits.http2.encoderTableBytes);
});

test('index 0 and indexes beyond the table are refused', () => {
  assert.throws(block('80'), refused(/index/));
  assert.throws(block('be'), refused(/index/));
  assert.throws(block('7e0161'), refused(/index/));
  assert.throws(block('ff8001'), refused(/index/));
});

test('a table size update is refused behind a field and above our setting', () => {
  assert.throws(block('8220'), refused(/not at the beginning/));
  assert.throws(block('3fe21f'), refused(/above/));
  assert.equal(decode(new HpackDecoder(4096), hex('203fe11f82')), [[':method', 'GET']]);
});

test('an entry larger than the table empties it', () => {
  const decoder = new HpackDecoder(64);
  decode(decoder, hex('4001610162'));
  assert.is(decoder.table.count, 1);
  decode(decoder, concat(hex('400161'), hex('28'), new Uint8Array(40).fill(0x62)));
  assert.is(decoder.table.count, 0);
});

test('a name may come from the entry that its insertion evicts', () => {
  const decoder = new HpackDecoder(40);
  decode(decoder, hex('400378797a0131'));
  assert.equal(decode(decoder, hex('7e0132')), [['xyz', '2']]);
  assert.is(decoder.table.count, 1);
});

test('every truncation of a block is a ParseError or a shorter list', () => {
  const encoder = new HpackEncoder(4096);
  const fields: Field[] = [
    [':status', '200'],
    ['x-name', 'some value that is coded'],
    ['set-cookie', 'a=b'],
    ['x-long', 'y'.repeat(300)],
  ];
  const whole = encoder.encode(fields);
  for (let length = 0; length < whole.length; length++) {
    try {
      const got = decode(new HpackDecoder(4096), whole.subarray(0, length));
      assert.equal(got, fields.slice(0, got.length), `length ${length}`);
      assert.ok(got.length < fields.length);
    } catch (error) {
      assert.instance(error, ParseError);
    }
  }
});

test('strings that reach beyond the block are refused', () => {
  assert.throws(block('400561'), refused(/cut off/));
  assert.throws(block('4085'), refused(/cut off/));
  assert.throws(block('40'), refused(/cut off/));
  assert.throws(block('400161'), refused(/cut off/));
});

test('integers: prefix edges survive, too many octets are refused', () => {
  const target = new Uint8Array(16);
  for (let bits = 1; bits <= 8; bits++) {
    for (const value of [0, 1, 2 ** bits - 2, 2 ** bits - 1, 2 ** bits, 127, 128, 16_383, 1 << 20, 1 << 28]) {
      const end = encodeInteger(target, 0, bits, 0, value);
      assert.is(decodeInteger({ bytes: target, at: 0, end }, bits, 'n'), value, `${value} in ${bits} bits`);
    }
  }
  const most = concat(hex('ff'), new Uint8Array(limits.http2.integerOctets).fill(0x80), hex('00'));
  assert.throws(() => decodeInteger({ bytes: most, at: 0, end: most.length }, 8, 'n'), refused(/too long/));
  assert.throws(block('7fffffffffff0f'), refused(/too long/));
});

test('a list beyond headerListBytes is decoded to its end, but not kept', () => {
  const decoder = new HpackDecoder(4096);
  const list = createHeaderList();
  const large = concat(hex('4001787f8117'), new Uint8Array(3_072).fill(0x79));
  const bomb = concat(large, new Uint8Array(2_000).fill(0xbe));
  decoder.decode(bomb, 0, bomb.length, list);
  assert.is(list.oversize, true);
  assert.ok(list.entries.length <= limits.http2.headerListBytes / 3_000);
  assert.is(list.size, 2_001 * (1 + 3_072 + 32));
  decoder.decode(hex('be'), 0, 1, list);
  assert.is(list.oversize, false);
});

test.run();
