// The Huffman code: every octet there and back, and what RFC 7541 §5.2 forbids.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ParseError } from '../../../../src/core/bytes/reader.js';
import { decodeHuffman, encodeHuffman, huffmanLength } from '../../../../src/core/http2/hpack/huffman.js';
import { hex, testRandom, toHex } from '../../../support/bytes.js';

function encode(text: string): Uint8Array {
  const target = new Uint8Array(text.length * 4 + 4);
  return target.slice(0, encodeHuffman(target, 0, text));
}

function decode(bytes: Uint8Array): string {
  const target = new Uint8Array(bytes.length * 2);
  const cursor = { bytes, at: 0, end: bytes.length };
  const count = decodeHuffman(cursor, bytes.length, target);
  assert.is(cursor.at, bytes.length);
  return String.fromCharCode(...target.subarray(0, count));
}

const parseError = (what: RegExp) => (error: unknown) => error instanceof ParseError && what.test(error.what);

test('every octet, alone and behind another, survives', () => {
  for (let octet = 0; octet < 256; octet++) {
    for (const before of ['', 'a', '\xff', '?']) {
      const text = before + String.fromCharCode(octet);
      const bytes = encode(text);
      assert.is(bytes.length, huffmanLength(text));
      assert.is(decode(bytes), text, `octet ${octet}`);
    }
  }
});

test('random octet strings survive', () => {
  const random = testRandom(7541);
  for (let round = 0; round < 300; round++) {
    const text = String.fromCharCode(...random.bytes(random.below(200)));
    assert.is(decode(encode(text)), text);
  }
});

test('known coding of www.example.com', () => {
  assert.is(toHex(encode('www.example.com')), 'f1e3c2e5f23a6ba0ab90f4ff');
});

test('up to 7 bits of padding are dropped, 8 ones are refused', () => {
  assert.is(decode(hex('07')), '0'); // 00000 and three ones
  assert.throws(() => decode(hex('07ff')), parseError(/padding/));
  assert.throws(() => decode(hex('ff')), parseError(/padding/));
});

test('padding with a zero in it is refused', () => {
  assert.throws(() => decode(hex('06')), parseError(/padding/));
  assert.throws(() => decode(hex('00')), parseError(/padding/));
});

test('EOS is refused, also in the middle', () => {
  assert.throws(() => decode(hex('fffffffc')), parseError(/EOS/)); // thirty ones and 00
  assert.throws(() => decode(hex('07fffffff8')), parseError(/EOS|padding/));
  assert.throws(() => decode(hex('ffffffff07')), parseError(/EOS/));
});

test.run();
