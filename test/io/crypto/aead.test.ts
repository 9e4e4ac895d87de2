// AEADs and CBC: known answers of their specifications, and the properties that the record layer relies on.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type AeadName, KEY_BYTES } from '../../../src/core/crypto.js';
import { nodeCrypto } from '../../../src/io/node-crypto.js';
import { ascii, concat, equalBytes, hex, testRandom } from '../../support/bytes.js';

interface Vector {
  readonly source: string;
  readonly name: AeadName;
  readonly key: string;
  readonly nonce: string;
  readonly additionalData: string;
  readonly plaintext: string | Uint8Array;
  readonly sealed: string;
}

const ZEROS_12 = '000000000000000000000000';
const ZEROS_16 = '00000000000000000000000000000000';
const SIXTY_BYTES = `d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72
  1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39`;

const VECTORS: readonly Vector[] = [
  // D. McGrew, J. Viega: The Galois/Counter Mode of Operation, appendix B.
  {
    source: 'GCM test case 1',
    name: 'aes-128-gcm',
    key: ZEROS_16,
    nonce: ZEROS_12,
    additionalData: '',
    plaintext: '',
    sealed: '58e2fccefa7e3061367f1d57a4e7455a',
  },
  {
    source: 'GCM test case 2',
    name: 'aes-128-gcm',
    key: ZEROS_16,
    nonce: ZEROS_12,
    additionalData: '',
    plaintext: ZEROS_16,
    sealed: '0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b21257bddf',
  },
  {
    source: 'GCM test case 4',
    name: 'aes-128-gcm',
    key: 'feffe9928665731c6d6a8f9467308308',
    nonce: 'cafebabefacedbaddecaf888',
    additionalData: 'feedfacedeadbeeffeedfacedeadbeefabaddad2',
    plaintext: SIXTY_BYTES,
    sealed: `42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e
      21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e0915bc94fbc3221a5db94fae95ae7121a47`,
  },
  {
    source: 'GCM test case 13',
    name: 'aes-256-gcm',
    key: ZEROS_16 + ZEROS_16,
    nonce: ZEROS_12,
    additionalData: '',
    plaintext: '',
    sealed: '530f8afbc74536b9a963b4f1c4cb738b',
  },
  {
    source: 'GCM test case 14',
    name: 'aes-256-gcm',
    key: ZEROS_16 + ZEROS_16,
    nonce: ZEROS_12,
    additionalData: '',
    plaintext: ZEROS_16,
    sealed: 'cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919',
  },
  {
    source: 'GCM test case 16',
    name: 'aes-256-gcm',
    key: 'feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308',
    nonce: 'cafebabefacedbaddecaf888',
    additionalData: 'feedfacedeadbeeffeedfacedeadbeefabaddad2',
    plaintext: SIXTY_BYTES,
    sealed: `522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa
      8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b`,
  },
  {
    source: 'RFC 8439 §2.8.2',
    name: 'chacha20-poly1305',
    key: '808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f',
    nonce: '070000004041424344454647',
    additionalData: '50515253c0c1c2c3c4c5c6c7',
    plaintext: ascii(
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
    ),
    sealed: `d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6
      3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36
      92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc
      3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691`,
  },
];

for (const { source, name, ...vector } of VECTORS) {
  const plaintext = typeof vector.plaintext === 'string' ? hex(vector.plaintext) : vector.plaintext;
  const sealed = hex(vector.sealed);
  const nonce = hex(vector.nonce);
  const additionalData = hex(vector.additionalData);

  test(`${name} gives the known answer of ${source}, at an offset, and opens it in place`, () => {
    const aead = nodeCrypto.aead(name, hex(vector.key));
    const target = new Uint8Array(sealed.length + 4);
    assert.is(aead.seal(nonce, additionalData, plaintext, target, 2), sealed.length);
    equalBytes(target, concat(hex('0000'), sealed, hex('0000')));
    const place = sealed.slice();
    assert.is(aead.open(nonce, additionalData, place, place, 0), plaintext.length);
    equalBytes(place.subarray(0, plaintext.length), plaintext);
  });
}

for (const name of ['aes-128-gcm', 'aes-256-gcm', 'chacha20-poly1305'] as const) {
  test(`${name} opens what it sealed at every length, and nothing with a bit flipped`, () => {
    const random = testRandom(7);
    const aead = nodeCrypto.aead(name, random.bytes(KEY_BYTES[name]));
    const additionalData = random.bytes(13);
    for (const length of [0, 1, 15, 16, 17, 255, 16_384]) {
      const nonce = random.bytes(12);
      const plaintext = random.bytes(length);
      const sealed = new Uint8Array(length + 16);
      assert.is(aead.seal(nonce, additionalData, plaintext, sealed, 0), sealed.length);
      const target = new Uint8Array(length);
      assert.is(aead.open(nonce, additionalData, sealed, target, 0), length);
      equalBytes(target, plaintext);
      for (let i = 0; i < 40; i++) {
        const at = random.below(sealed.length * 8);
        const changed = sealed.slice();
        changed[at >> 3]! ^= 1 << (at & 7);
        const untouched = new Uint8Array(length);
        assert.is(aead.open(nonce, additionalData, changed, untouched, 0), -1);
        equalBytes(untouched, new Uint8Array(length), 'nothing is written when the tag is wrong');
      }
      const otherData = additionalData.slice();
      otherData[3]! ^= 1;
      assert.is(aead.open(nonce, otherData, sealed, target, 0), -1);
      const otherNonce = nonce.slice();
      otherNonce[11]! ^= 1;
      assert.is(aead.open(otherNonce, additionalData, sealed, target, 0), -1);
    }
  });

  test(`${name} takes nothing shorter than a tag, and no tag that is cut off`, () => {
    const aead = nodeCrypto.aead(name, new Uint8Array(KEY_BYTES[name]));
    const nonce = new Uint8Array(12);
    const sealed = new Uint8Array(20);
    aead.seal(nonce, nonce, ascii('test'), sealed, 0);
    for (let length = 0; length < 20; length++) {
      assert.is(aead.open(nonce, nonce, sealed.subarray(0, length), new Uint8Array(20), 0), -1);
    }
  });
}

// NIST SP 800-38A, F.2.1, F.2.2, F.2.5 and F.2.6.
const cbc = {
  iv: hex('000102030405060708090a0b0c0d0e0f'),
  plaintext: hex(`6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51
    30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710`),
};
for (const [name, key, ciphertext] of [
  [
    'aes-128-cbc',
    '2b7e151628aed2a6abf7158809cf4f3c',
    `7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2
     73bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7`,
  ],
  [
    'aes-256-cbc',
    '603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4',
    `f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d
     39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b`,
  ],
] as const) {
  test(`${name} gives the known answers of NIST SP 800-38A both ways, at an offset and in place`, () => {
    const cipher = nodeCrypto.cbc(name, hex(key));
    const expected = hex(ciphertext);
    const target = new Uint8Array(68);
    assert.is(cipher.encrypt(cbc.iv, cbc.plaintext, target, 3), 64);
    equalBytes(target, concat(hex('000000'), expected, hex('00')));
    const place = expected.slice();
    assert.is(cipher.decrypt(cbc.iv, place, place, 0), 64);
    equalBytes(place, cbc.plaintext);
    assert.is(cipher.decrypt(cbc.iv, new Uint8Array(0), target, 0), 0);
  });

  test(`${name} passes whatever padding there is: that is the record layer's to judge`, () => {
    const cipher = nodeCrypto.cbc(name, hex(key));
    const random = testRandom(3);
    for (let i = 0; i < 50; i++) {
      const garbage = random.bytes(32);
      const clear = new Uint8Array(32);
      assert.is(cipher.decrypt(cbc.iv, garbage, clear, 0), 32);
      const again = new Uint8Array(32);
      cipher.encrypt(cbc.iv, clear, again, 0);
      equalBytes(again, garbage);
    }
  });
}

test.run();
