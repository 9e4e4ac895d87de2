// What all protections have in common: sealing and opening are inverse, nothing else opens, sizes are as announced, and the
// sequence number ends.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CbcCipher } from '../../../src/core/tls/cbc.js';
import { RecordCipher, XorNonceCipher } from '../../../src/core/tls/cipher.js';
import { RecordCipher13 } from '../../../src/core/tls/cipher13.js';
import type { RecordProtection } from '../../../src/core/tls/protection.js';
import { nodeCrypto } from '../../../src/io/node-crypto.js';
import { ascii, concat, equalBytes, testRandom } from '../../support/bytes.js';
import { joined, KINDS, keyedRig, protectionOf, seal } from '../../support/record-rig.js';

const LENGTHS = [0, 1, 11, 12, 15, 16, 17, 27, 28, 100, 255, 256, 257, 1000, 16_383, 16_384];

for (const [name, encryptThenMac] of KINDS) {
  const make = (): RecordProtection => protectionOf(name, 1, encryptThenMac);
  const title = encryptThenMac ? `${name}, encrypt-then-MAC` : name;
  const is13 = !name.startsWith('TLS_ECDHE');

  test(`${title}: records open in the order they were sealed in, where they are`, () => {
    const random = testRandom(9);
    const sealer = make();
    const opener = make();
    for (const length of LENGTHS) {
      const content = random.bytes(length);
      const record = seal(sealer, 22, content);
      assert.is(record[0], is13 ? 23 : 22);
      assert.ok(record.length - 5 - length <= sealer.overhead, 'overhead');
      const fragment = record.subarray(5);
      const opened = opener.open(record[0]!, fragment);
      equalBytes(opened, content);
      assert.is(opened!.buffer, fragment.buffer);
      assert.is(opener.contentType, 22);
      assert.is(opener.plaintextBytes, length + (is13 ? 1 : 0));
      assert.is(opener.shortestFragmentBytes(opener.plaintextBytes), fragment.length);
      assert.ok(opener.longestFragmentBytes(opener.plaintextBytes) >= fragment.length);
    }
  });

  test(`${title}: a record is written where it belongs, and nowhere else`, () => {
    const content = ascii('some content');
    const length = 5 + make().fragmentBytes(content.length);
    const target = new Uint8Array(length + 20).fill(0xee);
    assert.is(make().seal(23, content, target, 9), length);
    equalBytes(target.subarray(9, 9 + length), seal(make(), 23, content));
    equalBytes(target.subarray(0, 9), new Uint8Array(9).fill(0xee));
    equalBytes(target.subarray(9 + length), new Uint8Array(11).fill(0xee));
  });

  test(`${title}: no bit of a record can be changed, and no other length or place opens`, () => {
    const record = seal(make(), 23, ascii('some bytes'));
    // TLS 1.3 authenticates its whole header, 1.2 has no byte of it in the fragment: the record layer checks the version.
    for (let bit = is13 ? 0 : 40; bit < record.length * 8; bit++) {
      const changed = record.slice();
      changed[bit >> 3]! ^= 1 << (bit & 7);
      const version = (changed[1]! << 8) | changed[2]!;
      const length = (changed[3]! << 8) | changed[4]!;
      // A changed length has the record end elsewhere, maybe in what follows.
      const fragment = concat(changed, new Uint8Array(0x1_0000)).subarray(5, 5 + length);
      assert.is(make().open(changed[0]!, fragment, version), undefined, `bit ${bit}`);
    }
    for (let length = 0; length < record.length - 5; length++) {
      assert.is(make().open(23, record.slice(5, 5 + length)), undefined, `cut to ${length}`);
    }
    assert.is(make().open(23, concat(record.slice(5), new Uint8Array(16))), undefined, 'a block more');
    if (!is13) assert.is(make().open(22, record.slice(5)), undefined, 'another content type');
    const later = make();
    seal(later, 23, ascii('x'));
    assert.is(make().open(23, seal(later, 23, ascii('some bytes')).subarray(5)), undefined, 'another sequence number');
    assert.is(protectionOf(name, 2, encryptThenMac).open(23, record.slice(5)), undefined, 'another key');
    equalBytes(make().open(23, record.slice(5)), ascii('some bytes'), 'untouched');
  });

  test(`${title}: a record that does not open uses up no sequence number`, () => {
    const opener = make();
    const record = seal(make(), 23, ascii('first'));
    const broken = record.slice(5);
    broken[broken.length - 1]! ^= 1;
    assert.is(opener.open(23, broken), undefined);
    equalBytes(opener.open(23, record.slice(5)), ascii('first'));
  });

  test(`${title}: what is sealed arrives through any chunking of the bytes`, () => {
    const random = testRandom(5);
    const contents = Array.from({ length: 12 }, () => random.bytes(1 + random.below(2000)));
    for (const most of [1, 3, 700, 100_000]) {
      const { rig, peer } = keyedRig(name, encryptThenMac);
      const stream = concat(...contents.map((content) => seal(peer, 23, content)));
      const received = rig.feed(stream, most);
      assert.is(received.length, contents.length);
      equalBytes(joined(received), concat(...contents));
      assert.is(rig.layer.room, 262_144);
    }
  });

  test(`${title}: the same keys and contents give the same bytes`, () => {
    const [one, other] = [make(), make()];
    for (const length of LENGTHS) {
      const content = testRandom(length + 1).bytes(length);
      equalBytes(seal(one, 23, content), seal(other, 23, content));
    }
  });
}

const key = new Uint8Array(32).fill(7);
const iv = new Uint8Array(12).fill(3);
const cbcOptions = { encryptThenMac: false, ivSecret: new Uint8Array(32) };
/** The same protections with a sequence number of one's own. */
const late: readonly [string, (high: number, low: number) => RecordProtection][] = [
  ['AES-GCM', (high, low) => new RecordCipher(nodeCrypto.aead('aes-256-gcm', key), iv.slice(0, 4), high, low)],
  ['ChaCha20', (high, low) => new XorNonceCipher(nodeCrypto.aead('chacha20-poly1305', key), iv, high, low)],
  ['CBC', (high, low) => new CbcCipher(nodeCrypto, 'aes-256-cbc', key, key.slice(0, 20), cbcOptions, high, low)],
  [
    'TLS 1.3',
    (high, low) => new RecordCipher13(nodeCrypto.aead('chacha20-poly1305', key), 'chacha20-poly1305', iv, high, low),
  ],
];

for (const [title, make] of late) {
  test(`${title}: the sequence number carries into its upper half, ends at 2^64-1 and does not wrap`, () => {
    const carrying = make(0, 0xffff_ffff);
    seal(carrying, 23, ascii('a'));
    equalBytes(seal(carrying, 23, ascii('b')), seal(make(1, 0), 23, ascii('b')), 'carry');

    const [sealer, opener] = [make(0xffff_ffff, 0xffff_fffe), make(0xffff_ffff, 0xffff_fffe)];
    for (const [nearly, exhausted] of [
      [false, false],
      [true, false],
    ]) {
      assert.equal([sealer.nearlyExhausted, sealer.exhausted], [nearly, exhausted]);
      equalBytes(opener.open(23, seal(sealer, 23, ascii('a')).subarray(5)), ascii('a'));
    }
    assert.equal([sealer.exhausted, opener.exhausted], [true, true]);
  });
}

test.run();
