import {
  constants,
  createPrivateKey,
  createPublicKey,
  createVerify,
  generateKeyPairSync,
  verify,
  X509Certificate,
} from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { emsaPss, loadCredential, nodeCrypto, signingKey } from '../../src/io/node-crypto.js';
import { ascii, concat, equalBytes, hex, testRandom, toHex } from '../support/bytes.js';
import { certificatePem, credential, keyPem } from '../support/tls-server.js';

test('SHA-256 and HMAC give known answers (FIPS 180-2, RFC 4231 case 2)', () => {
  const hash = nodeCrypto.createHash('sha256');
  hash.update(ascii('abc'));
  equalBytes(hash.digest(), hex('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'));
  equalBytes(
    nodeCrypto.hmac('sha256', ascii('Jefe'), ascii('what do ya want for nothing?')),
    hex('5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843'),
  );
});

test('a hash goes on after its digest, and a clone goes its own way', () => {
  const hash = nodeCrypto.createHash('sha256');
  hash.update(ascii('ab'));
  const fork = hash.clone();
  hash.digest();
  hash.update(ascii('c'));
  fork.update(ascii('d'));
  const whole = nodeCrypto.createHash('sha256');
  whole.update(ascii('abc'));
  equalBytes(hash.digest(), whole.digest());
  assert.is.not(toHex(fork.digest()), toHex(whole.digest()));
});

// Test case 4 of the GCM specification.
const gcm = {
  key: hex('feffe9928665731c6d6a8f9467308308'),
  nonce: hex('cafebabefacedbaddecaf888'),
  additionalData: hex('feedfacedeadbeeffeedfacedeadbeefabaddad2'),
  plaintext: hex(`
    d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72
    1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39`),
  sealed: hex(`
    42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e
    21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091
    5bc94fbc3221a5db94fae95ae7121a47`),
};

test('AES-128-GCM gives the known answer, at an offset', () => {
  const aead = nodeCrypto.aead('aes-128-gcm', gcm.key);
  const target = new Uint8Array(gcm.sealed.length + 4);
  assert.is(aead.seal(gcm.nonce, gcm.additionalData, gcm.plaintext, target, 2), gcm.sealed.length);
  equalBytes(target, concat(hex('0000'), gcm.sealed, hex('0000')));
});

test('AES-128-GCM opens what it sealed, in place as well, and nothing else', () => {
  const aead = nodeCrypto.aead('aes-128-gcm', gcm.key);
  const sealed = gcm.sealed.slice();
  assert.is(aead.open(gcm.nonce, gcm.additionalData, sealed, sealed, 0), gcm.plaintext.length);
  equalBytes(sealed.subarray(0, gcm.plaintext.length), gcm.plaintext);
  const target = new Uint8Array(100);
  for (const at of [0, 59, 60, 75]) {
    const changed = gcm.sealed.slice();
    changed[at]! ^= 0x80;
    assert.is(aead.open(gcm.nonce, gcm.additionalData, changed, target, 0), -1);
  }
  assert.is(aead.open(gcm.nonce, hex('00'), gcm.sealed, target, 0), -1);
  assert.is(aead.open(gcm.nonce, gcm.additionalData, gcm.sealed.subarray(0, 15), target, 0), -1);
  equalBytes(target, new Uint8Array(100), 'nothing is written when the tag is wrong');
});

// RFC 7748 §6.1
const alice = {
  privateKey: hex('77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a'),
  publicKey: hex('8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a'),
};
const bob = {
  privateKey: hex('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb'),
  publicKey: hex('de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f'),
};

test('X25519 gives the known answers of RFC 7748', () => {
  const shared = hex('4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742');
  const ours = nodeCrypto.keyExchange('x25519', alice.privateKey)!;
  const theirs = nodeCrypto.keyExchange('x25519', bob.privateKey)!;
  equalBytes(ours.publicKey, alice.publicKey);
  equalBytes(theirs.publicKey, bob.publicKey);
  equalBytes(ours.derive(bob.publicKey), shared);
  equalBytes(theirs.derive(alice.publicKey), shared);
  // RFC 7748 §5.2
  const vector = nodeCrypto.keyExchange(
    'x25519',
    hex('a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4'),
  )!;
  equalBytes(
    vector.derive(hex('e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c')),
    hex('c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552'),
  );
});

test('X25519 refuses points of low order and keys of another length', () => {
  const ours = nodeCrypto.keyExchange('x25519', alice.privateKey)!;
  assert.is(ours.derive(new Uint8Array(32)), undefined);
  assert.is(ours.derive(concat(hex('01'), new Uint8Array(31))), undefined);
  assert.is(ours.derive(hex('e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800')), undefined);
  for (const length of [0, 31, 33, 65]) assert.is(ours.derive(new Uint8Array(length).fill(9)), undefined);
  assert.is(nodeCrypto.keyExchange('x25519', new Uint8Array(31)), undefined);
});

test('P-256 has the base point as public key of 1, and both sides agree', () => {
  const one = concat(new Uint8Array(31), hex('01'));
  equalBytes(
    nodeCrypto.keyExchange('secp256r1', one)!.publicKey,
    hex(`04
      6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296
      4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5`),
  );
  const a = nodeCrypto.keyExchange('secp256r1', testRandom(1).bytes(32))!;
  const b = nodeCrypto.keyExchange('secp256r1', testRandom(2).bytes(32))!;
  equalBytes(a.derive(b.publicKey), b.derive(a.publicKey)!);
  assert.is(a.derive(b.publicKey)!.length, 32);
});

test('P-256 refuses private keys outside its order and points that are not on it or not uncompressed', () => {
  const order = hex('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551');
  assert.is(nodeCrypto.keyExchange('secp256r1', new Uint8Array(32)), undefined);
  assert.is(nodeCrypto.keyExchange('secp256r1', order), undefined);
  assert.is(nodeCrypto.keyExchange('secp256r1', new Uint8Array(32).fill(255)), undefined);
  assert.is(nodeCrypto.keyExchange('secp256r1', new Uint8Array(31).fill(1)), undefined);
  const ours = nodeCrypto.keyExchange('secp256r1', testRandom(1).bytes(32))!;
  const point = nodeCrypto.keyExchange('secp256r1', testRandom(2).bytes(32))!.publicKey;
  const odd = (point[64]! & 1) === 1;
  const offCurve = point.slice();
  offCurve[40]! ^= 1;
  const hybrid = point.slice();
  hybrid[0] = odd ? 7 : 6;
  const compressed = concat(hex(odd ? '03' : '02'), point.subarray(1, 33));
  for (const bad of [offCurve, hybrid, compressed, hex('00'), new Uint8Array(65), point.subarray(0, 64)]) {
    assert.is(ours.derive(bad), undefined, toHex(bad));
  }
});

const publicKey = createPublicKey(createPrivateKey(keyPem));
const message = ascii('what is signed');

test('PKCS #1 signatures verify and are the same each time', () => {
  const signature = nodeCrypto.sign(credential.key, 'rsa_pkcs1_sha256', message, new Uint8Array(0));
  assert.ok(createVerify('sha256').update(message).verify(publicKey, signature));
  equalBytes(nodeCrypto.sign(credential.key, 'rsa_pkcs1_sha256', message, new Uint8Array(0)), signature);
});

test('PSS signatures verify with OpenSSL, and only the salt changes them', () => {
  const salt = testRandom(4).bytes(32);
  const signature = nodeCrypto.sign(credential.key, 'rsa_pss_rsae_sha256', message, salt);
  const options = { key: publicKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
  assert.ok(verify('sha256', message, options, signature));
  assert.not(verify('sha256', ascii('another'), options, signature));
  equalBytes(nodeCrypto.sign(credential.key, 'rsa_pss_rsae_sha256', message, salt), signature);
  assert.is.not(
    toHex(nodeCrypto.sign(credential.key, 'rsa_pss_rsae_sha256', message, new Uint8Array(32))),
    toHex(signature),
  );
});

test('PSS works for a modulus of 1 mod 8 bits, whose encoding is a byte shorter', () => {
  const pair = generateKeyPairSync('rsa', { modulusLength: 1049 });
  const key = signingKey(pair.privateKey);
  assert.is(key.modulusBits, 1049);
  const signature = nodeCrypto.sign(key, 'rsa_pss_rsae_sha256', message, testRandom(4).bytes(32));
  assert.is(signature.length, 132);
  const options = { key: pair.publicKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
  assert.ok(verify('sha256', message, options, signature));
  assert.is(emsaPss('sha256', message, new Uint8Array(32), 1048).length, 131);
});

test('the bundled certificate is an end-entity certificate for this machine, and its text says it is public', () => {
  const certificate = new X509Certificate(certificatePem);
  assert.is(certificate.ca, false);
  for (const name of ['localhost', 'wirebench.test']) assert.is(certificate.checkHost(name), name);
  for (const address of ['10.0.0.2', '127.0.0.1', '::1', 'fd00::2']) assert.ok(certificate.checkIP(address), address);
  assert.is(certificate.checkHost('example.com'), undefined);
  assert.equal(certificate.keyUsage, ['1.3.6.1.5.5.7.3.1']);
  assert.is(new Date(certificate.validFrom).toISOString(), '2025-01-01T00:00:00.000Z');
  assert.is(new Date(certificate.validTo).toISOString(), '2055-01-01T00:00:00.000Z');
  assert.is(credential.key.modulusBits, 2048);
  assert.match(keyPem, /PUBLIC/);
  assert.match(certificatePem, /PUBLIC/);
});

test('a credential holds the chain in the order of the PEM', () => {
  const chain = loadCredential(`text\n${certificatePem}\nmore text\n${certificatePem}`, keyPem).chain;
  assert.is(chain.length, 2);
  equalBytes(chain[0], new X509Certificate(certificatePem).raw);
});

test('a credential that cannot work is refused with what is wrong', () => {
  const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' });
  const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----';
  assert.throws(() => loadCredential('', keyPem), /no certificate in the certificate PEM/);
  assert.throws(() => loadCredential(`${certificatePem}${broken}`, keyPem), /certificate 2 of the PEM cannot be read/);
  assert.throws(() => loadCredential(certificatePem, certificatePem), /no private key can be read/);
  assert.throws(() => loadCredential(certificatePem, String(other)), /does not belong to the first certificate/);
  assert.throws(() => signingKey(generateKeyPairSync('x25519').privateKey), /an RSA, ECDSA or Ed25519 key is needed/);
  assert.throws(() => signingKey(publicKey), /a private key is needed/);
  assert.throws(() => signingKey(generateKeyPairSync('rsa', { modulusLength: 512 }).privateKey), /at least 1034/);
  assert.throws(
    () => nodeCrypto.sign({ type: 'rsa', modulusBits: 2048 }, 'rsa_pkcs1_sha256', message, message),
    TypeError,
  );
});

test.run();
