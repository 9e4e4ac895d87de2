import { createCipheriv } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RecordCipher } from '../../../src/core/tls/cipher.js';
import { nodeCrypto } from '../../../src/io/node-crypto.js';
import { ascii, concat, equalBytes, hex, testRandom } from '../../support/bytes.js';

const key = hex('000102030405060708090a0b0c0d0e0f');
const salt = hex('a0a1a2a3');
const cipher = (high = 0, low = 0): RecordCipher =>
  new RecordCipher(nodeCrypto.aead('aes-128-gcm', key), salt, high, low);

function seal(sealer: RecordCipher, contentType: number, plaintext: Uint8Array): Uint8Array {
  const target = new Uint8Array(plaintext.length + 40);
  const length = sealer.seal(contentType, plaintext, target, 3);
  assert.is(length, plaintext.length + 29);
  return target.slice(3, 3 + length);
}

test('a record is header, sequence number, ciphertext and tag as RFC 5246 §6.2.3.3 and RFC 5288 §3 say', () => {
  const sealer = cipher();
  for (let sequence = 0; sequence < 3; sequence++) {
    const explicit = hex(`00000000000000 0${sequence}`);
    const gcm = createCipheriv('aes-128-gcm', key, concat(salt, explicit));
    gcm.setAAD(concat(explicit, hex('17 0303 0005')));
    const ciphertext = concat(gcm.update(ascii('hello')), gcm.final());
    equalBytes(
      seal(sealer, 23, ascii('hello')),
      concat(hex('17 0303 001d'), explicit, ciphertext, gcm.getAuthTag()),
      `record ${sequence}`,
    );
  }
});

test('records open in the order they were sealed in, in place', () => {
  const random = testRandom(9);
  const sealer = cipher();
  const opener = cipher();
  for (const length of [0, 1, 100, 16_384]) {
    const plaintext = random.bytes(length);
    const fragment = seal(sealer, 22, plaintext).subarray(5);
    const opened = opener.open(22, fragment);
    equalBytes(opened, plaintext);
    assert.is(opened!.buffer, fragment.buffer);
  }
});

test('a record does not open when anything about it was changed', () => {
  const sealed = seal(cipher(), 23, ascii('some bytes'));
  for (let bit = 0; bit < (sealed.length - 5) * 8; bit++) {
    const fragment = sealed.slice(5);
    fragment[bit >> 3]! ^= 1 << (bit & 7);
    assert.is(cipher().open(23, fragment), undefined, `bit ${bit}`);
  }
  assert.is(cipher().open(22, sealed.slice(5)), undefined, 'another content type');
  assert.is(cipher(0, 1).open(23, sealed.slice(5)), undefined, 'another sequence number');
  for (let length = 0; length < sealed.length - 5; length++) {
    assert.is(cipher().open(23, sealed.slice(5, 5 + length)), undefined, `cut to ${length}`);
  }
});

test('the sequence number carries into its upper half', () => {
  const sealer = cipher(0, 0xffff_ffff);
  equalBytes(seal(sealer, 23, ascii('a')).subarray(5, 13), hex('00000000 ffffffff'));
  equalBytes(seal(sealer, 23, ascii('a')).subarray(5, 13), hex('00000001 00000000'));
});

test('the sequence number ends at 2^64-1 and does not wrap', () => {
  const sealer = cipher(0xffff_ffff, 0xffff_fffe);
  assert.is(sealer.nearlyExhausted, false);
  seal(sealer, 23, ascii('a'));
  assert.is(sealer.nearlyExhausted, true);
  assert.is(sealer.exhausted, false);
  equalBytes(seal(sealer, 23, ascii('a')).subarray(5, 13), hex('ffffffff ffffffff'));
  assert.is(sealer.exhausted, true);
});

test.run();
