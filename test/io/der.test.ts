// The walk over DER: what a certificate says, and that nothing else than a DerError comes of bad bytes.

import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  certificateFields,
  DerError,
  derChildren,
  derElement,
  derOids,
  ExtensionOid,
} from '../../src/io/crypto/der.js';
import { concat, hex, testRandom, toHex } from '../support/bytes.js';

const pem = readFileSync(new URL('../../../fixtures/keys/server.cert.pem', import.meta.url));
const der = new Uint8Array(new X509Certificate(pem).raw);

test('the bundled certificate says what openssl says of it', () => {
  const { issuer, subject, signatureAlgorithm, extensions } = certificateFields(der);
  // SEQUENCE { SET { SEQUENCE { commonName, UTF8String "wirebench test, public key" } } }
  assert.is(toHex(subject), '30253123302106035504030c1a776972656265' + '6e636820746573742c207075626c6963206b6579');
  assert.is(toHex(issuer), toHex(subject));
  assert.is(signatureAlgorithm, '2a864886f70d01010b', 'sha256WithRSAEncryption');
  assert.is(extensions.size, 5);
  assert.equal(extensions.get(ExtensionOid.basicConstraints)?.critical, true);
  assert.is(toHex(extensions.get(ExtensionOid.basicConstraints)!.value), '3000');
  assert.is(toHex(extensions.get(ExtensionOid.keyUsage)!.value), '03020780');
  assert.equal(extensions.get(ExtensionOid.extendedKeyUsage)?.critical, false);
  assert.equal(derOids(extensions.get(ExtensionOid.extendedKeyUsage)!.value), ['2b06010505070301']);
});

test('lengths of one to three bytes', () => {
  for (const length of [0, 1, 127, 128, 255, 256, 65_535, 65_536]) {
    const header =
      length < 128
        ? [length]
        : length < 256
          ? [0x81, length]
          : length < 65_536
            ? [0x82, length >> 8, length]
            : [0x83, length >> 16, length >> 8, length];
    const element = derElement(concat(Uint8Array.of(0x04, ...header), new Uint8Array(length)), 'x');
    assert.is(element.content.length, length);
    assert.is(element.tag, 4);
  }
});

for (const [what, bytes] of [
  ['nothing', ''],
  ['a tag alone', '30'],
  ['a length beyond the end', '3002 00'],
  ['bytes behind the end', '3000 00'],
  ['an indefinite length', '3080 0000'],
  ['a length of four bytes', '3084 00000000'],
  ['a long form for a short length', '3081 01 00'],
  ['a length with a leading zero', '3082 0080'],
  ['a length that is cut off', '3082 01'],
  ['a tag number of several bytes', '1f01 00'],
] as const) {
  test(`refuses ${what}`, () =>
    assert.throws(
      () => derElement(hex(bytes), 'x'),
      (error: unknown) => error instanceof DerError,
    ));
}

test('children have to fill their parent', () => {
  assert.is(derChildren(derElement(hex('3004 0500 0500'), 'x'), 'x').length, 2);
  assert.throws(() => derChildren(derElement(hex('3003 0500 05'), 'x'), 'x'), /cut off/);
});

test('an extension that occurs twice is refused', () => {
  const { extensions } = certificateFields(der);
  const first = [...extensions.keys()][0]!;
  assert.is(first, ExtensionOid.basicConstraints);
  const twice = der.slice();
  // keyUsage becomes a second basicConstraints.
  const at = toHex(der).indexOf(`0603${ExtensionOid.keyUsage}`) / 2;
  twice[at + 4] = 0x13;
  assert.throws(() => certificateFields(twice), /the same one twice/);
});

test('a certificate that is cut off or changed gives fields or a DerError, nothing else', () => {
  const random = testRandom(11);
  for (let length = 0; length < der.length; length++) {
    assert.throws(
      () => certificateFields(der.subarray(0, length)),
      (error: unknown) => error instanceof DerError,
    );
  }
  for (let i = 0; i < 5_000; i++) {
    const changed = der.slice();
    for (let n = 0; n <= i % 3; n++) changed[random.below(changed.length)] = random.below(256);
    try {
      certificateFields(changed);
    } catch (error) {
      assert.instance(error, DerError);
    }
  }
});

test.run();
