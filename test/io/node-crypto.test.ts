import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { HASH_BYTES } from '../../src/core/crypto.js';
import { loadCredential, nodeCrypto, signingKey } from '../../src/io/node-crypto.js';
import { ascii, concat, equalBytes, hex, testRandom, toHex } from '../support/bytes.js';
import { authority, client, make, type Party, keyPem as partyKey, rsaKeys, x509 } from '../support/certificates.js';
import { certificatePem, keyPem } from '../support/tls-server.js';

test('SHA-256 and HMAC give known answers (FIPS 180-2, RFC 4231 case 2)', () => {
  const hash = nodeCrypto.createHash('sha256');
  hash.update(ascii('abc'));
  equalBytes(hash.digest(), hex('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'));
  equalBytes(
    nodeCrypto.hmac('sha256', ascii('Jefe'), ascii('what do ya want for nothing?')),
    hex('5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843'),
  );
});

test('the other hashes give the known answers of FIPS 180-2', () => {
  for (const [name, digest] of [
    ['sha1', 'a9993e364706816aba3e25717850c26c9cd0d89d'],
    ['sha384', 'cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7'],
    [
      'sha512',
      'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
    ],
  ] as const) {
    const hash = nodeCrypto.createHash(name);
    hash.update(ascii('abc'));
    equalBytes(hash.digest(), hex(digest), name);
    assert.is(hash.digest().length, HASH_BYTES[name]);
  }
  // RFC 2202 case 2
  equalBytes(
    nodeCrypto.hmac('sha1', ascii('Jefe'), ascii('what do ya want for nothing?')),
    hex('effcdf6ae5eb2fa2d27416d5f184df9c259a7c79'),
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

// RFC 5903 §8.1 and §8.2
for (const [group, i, gi, r, gr, shared] of [
  [
    'secp256r1',
    'c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433',
    `dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c3772581180
     5271a0461cdb8252d61f1c456fa3e59ab1f45b33accf5f58389e0577b8990bb3`,
    'c6ef9c5d78ae012a011164acb397ce2088685d8f06bf9be0b283ab46476bee53',
    `d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63
     56fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab`,
    'd6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de',
  ],
  [
    'secp384r1',
    `099f3c7034d4a2c699884d73a375a67f7624ef7c6b3c0f160647b67414dce655
     e35b538041e649ee3faef896783ab194`,
    `667842d7d180ac2cde6f74f37551f55755c7645c20ef73e31634fe72b4c55ee6de3ac808acb4bdb4c88732aee95f41aa
     9482ed1fc0eeb9cafc4984625ccfc23f65032149e0e144ada024181535a0f38eeb9fcff3c2c947dae69b4c634573a81c`,
    `41cb0779b4bdb85d47846725fbec3c9430fab46cc8dc5060855cc9bda0aa2942
     e0308312916b8ed2960e4bd55a7448fc`,
    `e558dbef53eecde3d3fccfc1aea08a89a987475d12fd950d83cfa41732bc509d0d1ac43a0336def96fda41d0774a3571
     dcfbec7aacf3196472169e838430367f66eebe3c6e70c416dd5f0c68759dd1fff83fa40142209dff5eaad96db9e6386c`,
    `11187331c279962d93d604243fd592cb9d0a926f422e47187521287e7156c5c4
     d603135569b9e9d09cf5d4a270f59746`,
  ],
] as const) {
  test(`${group} gives the known answers of RFC 5903 §8`, () => {
    const initiator = nodeCrypto.keyExchange(group, hex(i))!;
    const responder = nodeCrypto.keyExchange(group, hex(r))!;
    equalBytes(initiator.publicKey, hex(`04${gi}`));
    equalBytes(responder.publicKey, hex(`04${gr}`));
    equalBytes(initiator.derive(responder.publicKey), hex(shared));
    equalBytes(responder.derive(initiator.publicKey), hex(shared));
  });
}

test('P-384 refuses private keys outside its order, other lengths, and points that are not on it or not uncompressed', () => {
  const order = hex('ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973');
  for (const bad of [new Uint8Array(48), order, new Uint8Array(48).fill(255), new Uint8Array(32).fill(1)]) {
    assert.is(nodeCrypto.keyExchange('secp384r1', bad), undefined);
  }
  const ours = nodeCrypto.keyExchange('secp384r1', testRandom(1).bytes(48))!;
  const point = nodeCrypto.keyExchange('secp384r1', testRandom(2).bytes(48))!.publicKey;
  const offCurve = point.slice();
  offCurve[60]! ^= 1;
  const compressed = concat(hex((point[96]! & 1) === 1 ? '03' : '02'), point.subarray(1, 49));
  const ofP256 = nodeCrypto.keyExchange('secp256r1', testRandom(2).bytes(32))!.publicKey;
  for (const bad of [offCurve, compressed, hex('00'), new Uint8Array(97), point.subarray(0, 96), ofP256]) {
    assert.is(ours.derive(bad), undefined, toHex(bad));
  }
  assert.is(ours.derive(point)?.length, 48);
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

const bundledKey = (name: string): string =>
  readFileSync(new URL(`../../../fixtures/keys/${name}.pem`, import.meta.url), 'utf8');

for (const [name, type, modulusBits] of [
  ['server', 'rsa', 2048],
  ['server-ecdsa', 'ecdsa', 0],
  ['server-ed25519', 'ed25519', 0],
] as const) {
  test(`the bundled certificate ${name} is an end-entity certificate for this machine, and its text says it is public`, () => {
    const [certificateText, keyText] = [bundledKey(`${name}.cert`), bundledKey(`${name}.key`)];
    const certificate = new X509Certificate(certificateText);
    assert.is(certificate.ca, false);
    for (const host of ['localhost', 'wirebench.test']) assert.is(certificate.checkHost(host), host);
    for (const address of ['10.0.0.2', '127.0.0.1', '::1', 'fd00::2']) assert.ok(certificate.checkIP(address), address);
    assert.is(certificate.checkHost('example.com'), undefined);
    assert.equal(certificate.keyUsage, ['1.3.6.1.5.5.7.3.1']);
    assert.is(new Date(certificate.validFrom).toISOString(), '2025-01-01T00:00:00.000Z');
    assert.is(new Date(certificate.validTo).toISOString(), '2055-01-01T00:00:00.000Z');
    const { key, names } = loadCredential(certificateText, keyText);
    assert.is(key.type, type);
    assert.is(key.modulusBits, modulusBits);
    assert.equal(names, ['localhost', 'wirebench.test']);
    assert.match(keyText, /PUBLIC/);
    assert.match(certificateText, /PUBLIC/);
  });
}

test('the bundled certificates can be told apart by issuer and serial number, as NSS does', () => {
  const told = ['server', 'server-ecdsa', 'server-ed25519'].map((name) => {
    const { issuer, serialNumber } = new X509Certificate(bundledKey(`${name}.cert`));
    return `${issuer} ${serialNumber}`;
  });
  assert.is(new Set(told).size, 3);
});

test('a credential serves the DNS names of its certificate, in lower case, and no other kind or nonsense', async () => {
  const names = (...values: { type: 'dns' | 'ip' | 'email'; value: string }[]) =>
    make({ name: 'x', extensions: [new x509.SubjectAlternativeNameExtension(values)] }).then(
      (party) => loadCredential(party.pem, partyKey(party)).names,
    );
  const dns = (value: string) => ({ type: 'dns' as const, value });
  assert.equal(await names(dns('A.Test'), dns('*.b.test'), { type: 'ip', value: '10.0.0.1' }), ['a.test', '*.b.test']);
  assert.equal(await names(dns('a.test, DNS:evil.test'), dns('ok.test'), dns('a.*.test'), dns('')), ['ok.test']);
  assert.is(await names({ type: 'email', value: 'a@b.test' }), undefined);
  const bare = await make({ name: 'no extensions' });
  assert.is(loadCredential(bare.pem, partyKey(bare)).names, undefined);
});

test('a credential knows how its chain is signed, and leaves out what signs itself', async () => {
  const root = await authority('root');
  const rsaRoot = await authority('RSA root', { keys: await rsaKeys() });
  const below = await client('below', root);
  const signedWith = (...parties: Party[]): unknown =>
    loadCredential(parties.map(({ pem }) => pem).join('\n'), partyKey(parties[0]!)).signedWith;
  assert.equal(signedWith(root), []);
  assert.equal(signedWith(below), [0x0403]);
  assert.equal(signedWith(below, root), [0x0403]);
  assert.equal(signedWith(await client('other', rsaRoot), rsaRoot), [0x0401]);
  const middle = await authority('middle', { issuer: rsaRoot });
  assert.equal(signedWith(await client('leaf', middle), middle, rsaRoot), [0x0403, 0x0401]);
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
  assert.throws(() => signingKey(generateKeyPairSync('rsa', { modulusLength: 512 }).privateKey), /at least 1034/);
  assert.throws(
    () => nodeCrypto.sign({ type: 'rsa', modulusBits: 2048 }, 'rsa_pkcs1_sha256', new Uint8Array(1), new Uint8Array(0)),
    TypeError,
  );
});

test.run();
