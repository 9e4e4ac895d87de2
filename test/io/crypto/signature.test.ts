// Signatures: known answers, OpenSSL's opinion about every scheme, and that nothing else verifies.

import { constants, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, verify } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { HASH_BYTES, type HashName, type SignatureName } from '../../../src/core/crypto.js';
import { signEcdsaP256 } from '../../../src/io/crypto/ecdsa.js';
import { emsaPss, nodeCrypto, signingKey, verifyingKey } from '../../../src/io/node-crypto.js';
import { ascii, equalBytes, hex, testRandom, toHex } from '../../support/bytes.js';

const EMPTY = new Uint8Array(0);
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ecdsa = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const ed25519 = generateKeyPairSync('ed25519');
const message = ascii('what is signed');

interface Scheme {
  readonly name: SignatureName;
  readonly pair: { readonly privateKey: KeyObject; readonly publicKey: KeyObject };
  readonly hash: HashName | null;
  readonly pss: boolean;
}
const SCHEMES: readonly Scheme[] = [
  { name: 'rsa_pkcs1_sha256', pair: rsa, hash: 'sha256', pss: false },
  { name: 'rsa_pkcs1_sha384', pair: rsa, hash: 'sha384', pss: false },
  { name: 'rsa_pkcs1_sha512', pair: rsa, hash: 'sha512', pss: false },
  { name: 'rsa_pss_rsae_sha256', pair: rsa, hash: 'sha256', pss: true },
  { name: 'rsa_pss_rsae_sha384', pair: rsa, hash: 'sha384', pss: true },
  { name: 'rsa_pss_rsae_sha512', pair: rsa, hash: 'sha512', pss: true },
  { name: 'ecdsa_secp256r1_sha256', pair: ecdsa, hash: 'sha256', pss: false },
  { name: 'ed25519', pair: ed25519, hash: null, pss: false },
];

for (const { name, pair, hash, pss } of SCHEMES) {
  const key = signingKey(pair.privateKey);
  const publicKey = verifyingKey(pair.publicKey);
  const salt = pss ? testRandom(4).bytes(HASH_BYTES[hash!]) : EMPTY;

  test(`${name}: OpenSSL verifies it, so do we, and it is the same each time`, () => {
    for (let i = 0; i < 8; i++) {
      const text = testRandom(i + 1).bytes(i * 50);
      const signature = nodeCrypto.sign(key, name, text, salt);
      const parameters = pss ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: salt.length } : {};
      assert.ok(verify(hash, text, { key: pair.publicKey, ...parameters }, signature));
      assert.ok(nodeCrypto.verify(publicKey, name, text, signature));
      equalBytes(nodeCrypto.sign(key, name, text, salt), signature);
    }
  });

  test(`${name}: with any bit of the signature or the message flipped nothing verifies`, () => {
    const signature = nodeCrypto.sign(key, name, message, salt);
    for (let bit = 0; bit < signature.length * 8; bit++) {
      const changed = signature.slice();
      changed[bit >> 3]! ^= 1 << (bit & 7);
      assert.not(nodeCrypto.verify(publicKey, name, message, changed), `bit ${bit}`);
    }
    for (let bit = 0; bit < message.length * 8; bit++) {
      const changed = message.slice();
      changed[bit >> 3]! ^= 1 << (bit & 7);
      assert.not(nodeCrypto.verify(publicKey, name, changed, signature), `bit ${bit}`);
    }
  });

  test(`${name}: signatures of other lengths, schemes and keys do not verify, and nothing is thrown`, () => {
    const signature = nodeCrypto.sign(key, name, message, salt);
    for (let length = 0; length < signature.length; length++) {
      assert.not(nodeCrypto.verify(publicKey, name, message, signature.subarray(0, length)));
    }
    for (const extra of [1, 100, 5000]) {
      const longer = new Uint8Array(signature.length + extra);
      longer.set(signature);
      assert.not(nodeCrypto.verify(publicKey, name, message, longer));
    }
    for (const other of SCHEMES) {
      if (other.name === name) continue;
      assert.not(nodeCrypto.verify(publicKey, other.name, message, signature), other.name);
      assert.not(nodeCrypto.verify(verifyingKey(other.pair.publicKey), other.name, message, signature), other.name);
      if (other.pair !== pair) assert.throws(() => nodeCrypto.sign(key, other.name, message, salt), TypeError);
    }
  });
}

test('PSS: another salt, another signature; a salt that is not as long as the hash does not verify', () => {
  const key = signingKey(rsa.privateKey);
  const publicKey = verifyingKey(rsa.publicKey);
  const one = nodeCrypto.sign(key, 'rsa_pss_rsae_sha256', message, new Uint8Array(32));
  const other = nodeCrypto.sign(key, 'rsa_pss_rsae_sha256', message, testRandom(1).bytes(32));
  assert.is.not(toHex(one), toHex(other));
  for (const length of [0, 20, 31, 33]) {
    const signature = nodeCrypto.sign(key, 'rsa_pss_rsae_sha256', message, new Uint8Array(length));
    assert.not(nodeCrypto.verify(publicKey, 'rsa_pss_rsae_sha256', message, signature), `salt of ${length}`);
  }
});

test('PSS: every scheme fits into every modulus that is taken, whatever its size mod 8', () => {
  for (const modulusLength of [1034, 1040, 1041, 1049]) {
    const pair = generateKeyPairSync('rsa', { modulusLength });
    const key = signingKey(pair.privateKey);
    for (const { name, hash, pss } of SCHEMES) {
      if (!pss) continue;
      const signature = nodeCrypto.sign(key, name, message, testRandom(2).bytes(HASH_BYTES[hash!]));
      assert.is(signature.length, Math.ceil(modulusLength / 8));
      assert.ok(nodeCrypto.verify(verifyingKey(pair.publicKey), name, message, signature), `${name} ${modulusLength}`);
    }
  }
  assert.is(emsaPss('sha256', message, new Uint8Array(32), 1048).length, 131);
  assert.throws(() => emsaPss('sha512', message, new Uint8Array(64), 1032), RangeError);
});

// RFC 6979 A.2.5: curve NIST P-256, SHA-256.
const rfc6979Key = hex('c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721');
for (const [text, r, s] of [
  [
    'sample',
    'efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716',
    'f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8',
  ],
  [
    'test',
    'f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367',
    '019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083',
  ],
] as const) {
  test(`ECDSA: the known answer of RFC 6979 A.2.5 for "${text}"`, () => {
    const rValue = `022100${r}`;
    const sValue = s.startsWith('0') ? `0220${s}` : `022100${s}`;
    const body = hex(rValue + sValue);
    const expected = hex(`30${body.length.toString(16)}${toHex(body)}`);
    equalBytes(signEcdsaP256(rfc6979Key, ascii(text)), expected);
    const jwk = {
      kty: 'EC',
      crv: 'P-256',
      d: Buffer.from(rfc6979Key).toString('base64url'),
      x: Buffer.from('60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6', 'hex').toString('base64url'),
      y: Buffer.from('7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299', 'hex').toString('base64url'),
    };
    const privateKey = createPrivateKey({ key: jwk, format: 'jwk' });
    equalBytes(nodeCrypto.sign(signingKey(privateKey), 'ecdsa_secp256r1_sha256', ascii(text), EMPTY), expected);
    const publicKey = verifyingKey(createPublicKey(privateKey));
    assert.ok(nodeCrypto.verify(publicKey, 'ecdsa_secp256r1_sha256', ascii(text), expected));
  });
}

test('ECDSA: DER integers are as short as they go, whatever r and s begin with', () => {
  const lengths = new Set<number>();
  for (let i = 0; i < 1_500; i++) {
    const text = Uint8Array.of(i >> 8, i);
    const signature = signEcdsaP256(rfc6979Key, text);
    lengths.add(signature.length);
    assert.is(signature[1], signature.length - 2);
    // OpenSSL takes no other encoding than the canonical one.
    if (signature.length < 69) assert.ok(verify('sha256', text, createPublicKeyOf(rfc6979Key), signature));
  }
  // 70, 71 and 72 bytes are the usual ones; shorter ones come once in a few hundred.
  assert.ok(
    [69, 70, 71, 72].every((length) => lengths.has(length)),
    [...lengths].join(),
  );
});

function createPublicKeyOf(scalar: Uint8Array): KeyObject {
  const point = nodeCrypto.keyExchange('secp256r1', scalar)!.publicKey;
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((part) => Buffer.from(part).toString('base64url'));
  return createPublicKey({ key: { kty: 'EC', crv: 'P-256', x: x!, y: y! }, format: 'jwk' });
}

// RFC 8032 §7.1, tests 1 to 3.
for (const [seed, publicKey, text, signature] of [
  [
    '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    '',
    `e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155
     5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b`,
  ],
  [
    '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    '72',
    `92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da
     085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00`,
  ],
  [
    'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
    'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    'af82',
    `6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac
     18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a`,
  ],
] as const) {
  test(`Ed25519: the known answer of RFC 8032 §7.1 for a message of ${text.length / 2} bytes`, () => {
    // RFC 8410 §7
    const der = Buffer.from(`302e020100300506032b657004220420${seed}`, 'hex');
    const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    equalBytes(nodeCrypto.sign(signingKey(privateKey), 'ed25519', hex(text), EMPTY), hex(signature));
    const spki = Buffer.from(`302a300506032b6570032100${publicKey}`, 'hex');
    const key = verifyingKey(createPublicKey({ key: spki, format: 'der', type: 'spki' }));
    assert.ok(nodeCrypto.verify(key, 'ed25519', hex(text), hex(signature)));
  });
}

test('keys that no scheme serves are refused with what is wrong', () => {
  const p384 = generateKeyPairSync('ec', { namedCurve: 'secp384r1' });
  assert.throws(() => signingKey(p384.privateKey), /has to be on P-256, this one is on secp384r1/);
  assert.throws(() => verifyingKey(p384.publicKey), /has to be on P-256/);
  assert.throws(() => signingKey(generateKeyPairSync('ed448').privateKey), /needed, this is ed448/);
  assert.throws(() => verifyingKey(rsa.privateKey), /a public key is needed, this is rsa \(private\)/);
  assert.throws(() => signingKey(rsa.publicKey), /a private key is needed/);
  const pss = generateKeyPairSync('rsa-pss', { modulusLength: 2048 });
  assert.throws(() => signingKey(pss.privateKey), /this is rsa-pss/);
  assert.throws(() => nodeCrypto.verify({ type: 'rsa' }, 'rsa_pkcs1_sha256', message, EMPTY), TypeError);
  assert.is(signingKey(rsa.privateKey).modulusBits, 2048);
  assert.is(signingKey(ecdsa.privateKey).modulusBits, 0);
  assert.is(signingKey(ed25519.privateKey).type, 'ed25519');
});

test.run();
