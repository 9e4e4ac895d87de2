// AES-CBC with HMAC-SHA1: RFC 5246 §6.2.3.1, §6.2.3.2 and RFC 7366, checked against records that node:crypto makes by the RFCs'
// formulas.

import { createCipheriv, createDecipheriv, createHash, createHmac } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Crypto } from '../../../src/core/crypto.js';
import { CbcCipher } from '../../../src/core/tls/cbc.js';
import { nodeCrypto } from '../../../src/io/node-crypto.js';
import { ascii, concat, equalBytes, hex, testRandom } from '../../support/bytes.js';
import { seal } from '../../support/record-rig.js';

const key = hex('000102030405060708090a0b0c0d0e0f');
const macKey = hex('a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3');
const ivSecret = new Uint8Array(32).fill(0x5e);
const iv = hex('00112233445566778899aabbccddeeff');

function cipher(encryptThenMac = false, crypto: Crypto = nodeCrypto): CbcCipher {
  return new CbcCipher(crypto, 'aes-128-cbc', key, macKey, { encryptThenMac, ivSecret });
}

function mac(sequence: number, type: number, length: number, bytes: Uint8Array): Uint8Array {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(sequence, 4);
  header[8] = type;
  header.writeUInt16BE(0x0303, 9);
  header.writeUInt16BE(length, 11);
  return createHmac('sha1', macKey).update(header).update(bytes).digest();
}

function encrypt(blocks: Uint8Array): Uint8Array {
  const node = createCipheriv('aes-128-cbc', key, iv).setAutoPadding(false);
  return concat(node.update(blocks), node.final());
}

function decrypt(fragment: Uint8Array): Uint8Array {
  const node = createDecipheriv('aes-128-cbc', key, fragment.subarray(0, 16)).setAutoPadding(false);
  return concat(node.update(fragment.subarray(16)), node.final());
}

/** A peer's fragment of sequence number 0, with so many bytes of padding besides padding_length. */
function macThenEncrypt(content: Uint8Array, paddingBytes: number, change?: (blocks: Uint8Array) => void): Uint8Array {
  const padding = new Uint8Array(paddingBytes + 1).fill(paddingBytes);
  const blocks = concat(content, mac(0, 23, content.length, content), padding);
  change?.(blocks);
  return concat(iv, encrypt(blocks));
}

function encryptThenMac(content: Uint8Array, paddingBytes: number, change?: (blocks: Uint8Array) => void): Uint8Array {
  const blocks = concat(content, new Uint8Array(paddingBytes + 1).fill(paddingBytes));
  change?.(blocks);
  const covered = concat(iv, encrypt(blocks));
  return concat(covered, mac(0, 23, covered.length, covered));
}

test('MAC-then-encrypt: IV, then content, MAC and the least padding under AES-CBC', () => {
  const sealer = cipher();
  for (const [sequence, content] of [ascii('hello'), ascii('a record of 27 bytes of text'.slice(0, 27))].entries()) {
    const record = seal(sealer, 23, content);
    equalBytes(record.subarray(0, 3), hex('17 0303'));
    const padding = sequence === 0 ? new Uint8Array(7).fill(6) : new Uint8Array(1);
    equalBytes(decrypt(record.subarray(5)), concat(content, mac(sequence, 23, content.length, content), padding));
  }
});

test('encrypt-then-MAC: the MAC covers the IV and the ciphertext, and their length', () => {
  const record = seal(cipher(true), 23, ascii('hello'));
  assert.is(record.length, 5 + 16 + 16 + 20);
  const covered = record.subarray(5, 5 + 32);
  equalBytes(decrypt(covered), concat(ascii('hello'), new Uint8Array(11).fill(10)));
  equalBytes(record.subarray(37), mac(0, 23, 32, covered));
});

test('explicit IVs are never the same, and nobody without the secret can make them', () => {
  const sealer = cipher();
  const seen = new Set<string>();
  for (let i = 0; i < 100; i++) seen.add(Buffer.from(seal(sealer, 23, ascii('same')).subarray(5, 21)).toString('hex'));
  assert.is(seen.size, 100);
  const other = new CbcCipher(nodeCrypto, 'aes-128-cbc', key, macKey, { encryptThenMac: false, ivSecret: key });
  assert.not.ok(seen.has(Buffer.from(seal(other, 23, ascii('same')).subarray(5, 21)).toString('hex')));
});

for (const [title, isEncryptThenMac, make] of [
  ['MAC-then-encrypt', false, macThenEncrypt],
  ['encrypt-then-MAC', true, encryptThenMac],
] as const) {
  const least = (content: number): number => 15 - ((content + (isEncryptThenMac ? 0 : 20)) % 16);

  test(`${title}: padding of any length that fills the block is taken`, () => {
    for (const length of [0, 1, 11, 12, 28, 100]) {
      const content = testRandom(length + 1).bytes(length);
      for (let padding = least(length); padding < 256; padding += 16) {
        const opener = cipher(isEncryptThenMac);
        const fragment = make(content, padding);
        equalBytes(opener.open(23, fragment), content, `${length} bytes, ${padding} of padding`);
        assert.ok(fragment.length <= opener.longestFragmentBytes(length));
      }
      const longest = cipher(isEncryptThenMac).longestFragmentBytes(length);
      assert.is(longest, make(content, least(length) + 240).length, `longest for ${length}`);
    }
  });

  test(`${title}: each wrong byte of the padding is refused`, () => {
    const content = ascii('twelve bytes');
    for (const padding of [least(12), least(12) + 16, least(12) + 240]) {
      const total = make(content, padding).length - 16 - (isEncryptThenMac ? 20 : 0);
      for (let at = total - padding - 1; at < total; at++) {
        const fragment = make(content, padding, (blocks) => {
          blocks[at]! ^= 0x80;
        });
        assert.is(cipher(isEncryptThenMac).open(23, fragment), undefined, `padding ${padding}, byte ${at}`);
      }
    }
  });

  test(`${title}: padding that is said to be longer than the record is refused`, () => {
    for (const said of [16, 31, 47, 63, 255]) {
      const fragment = make(ascii('twelve bytes'), least(12), (blocks) => blocks.fill(said));
      assert.is(cipher(isEncryptThenMac).open(23, fragment), undefined, `${said}`);
    }
  });

  test(`${title}: fragments that are no whole blocks, or too short, are refused`, () => {
    for (let length = 0; length <= 100; length++) {
      assert.is(cipher(isEncryptThenMac).open(23, new Uint8Array(length)), undefined, `${length}`);
    }
  });
}

test('MAC-then-encrypt: each wrong bit of MAC and content is refused', () => {
  const content = ascii('twelve bytes');
  for (let bit = 0; bit < 32 * 8; bit++) {
    const fragment = macThenEncrypt(content, 31, (blocks) => {
      blocks[bit >> 3]! ^= 1 << (bit & 7);
    });
    assert.is(cipher().open(23, fragment), undefined, `bit ${bit}`);
  }
});

test('encrypt-then-MAC: nothing is decrypted when the MAC is wrong (RFC 7366 §3)', () => {
  const refusing: Crypto = {
    ...nodeCrypto,
    cbc: () => ({
      encrypt: () => assert.unreachable('encrypts') as never,
      decrypt: () => assert.unreachable('decrypts') as never,
    }),
  };
  const fragment = encryptThenMac(ascii('hello'), 10);
  fragment[fragment.length - 1]! ^= 1;
  assert.is(cipher(true, refusing).open(23, fragment), undefined);
});

/** Counts what a record makes the primitives do: bytes and SHA-1 blocks, the block of the key left out. */
function workOf(fragment: Uint8Array): string {
  const work: string[] = [];
  let blocks = 0;
  const crypto: Crypto = {
    ...nodeCrypto,
    hmac(name, hmacKey, data) {
      blocks += Math.ceil((data.length + 9) / 64);
      work.push('hmac');
      return nodeCrypto.hmac(name, hmacKey, data);
    },
    createHash(name) {
      const hash = createHash(name);
      let length = 0;
      work.push('hash');
      return {
        update(bytes) {
          length += bytes.length;
          hash.update(bytes);
        },
        digest() {
          blocks += Math.ceil((length + 9) / 64);
          return hash.digest();
        },
        clone: () => assert.unreachable('clones') as never,
      };
    },
  };
  cipher(false, crypto).open(23, fragment);
  return `${work.join(' ')}: ${blocks} blocks`;
}

test('MAC-then-encrypt: the same work for every padding, right or wrong (CVE-2013-0169, Lucky 13)', () => {
  for (const total of [32, 64, 256, 288, 304, 320, 1024]) {
    const works = new Set<string>();
    for (let padding = 0; padding < Math.min(256, total - 20); padding++) {
      works.add(workOf(macThenEncrypt(new Uint8Array(total - 21 - padding), padding)));
    }
    for (let said = 0; said < 256; said++) {
      works.add(workOf(macThenEncrypt(new Uint8Array(total - 21), 0, (blocks) => (blocks[total - 1] = said))));
    }
    assert.is(works.size, 1, `${total} bytes: ${[...works].join(', ')}`);
  }
});

test.run();
