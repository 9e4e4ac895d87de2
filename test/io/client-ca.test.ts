// Which client certificates are taken, and what is said about the others.

import { constants, createHash, KeyObject, sign } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from '../../src/core/limits.js';
import type { ClientCertificateVerifier } from '../../src/core/tls/config.js';
import { createClientCertificateVerifier } from '../../src/io/client-ca.js';
import { derChildren, derElement } from '../../src/io/crypto/der.js';
import { nodeCrypto, signingKey } from '../../src/io/node-crypto.js';
import { ascii, concat, equalBytes, hex } from '../support/bytes.js';
import {
  authority,
  client,
  ecdsaKeys,
  make,
  NOT_AFTER,
  NOT_BEFORE,
  type Party,
  rsaKeys,
  x509,
} from '../support/certificates.js';
import { TLS12, TLS13 } from '../support/tls/codes.js';
import { connected, fullConfig } from '../support/tls/rig.js';

const NOW = Date.parse('2030-06-01T00:00:00Z');
const root = await authority('root');
const other = await authority('another root');
const verifier = createClientCertificateVerifier(`text\n${root.pem}`);

function verdict(chain: readonly Party[], nowMs = NOW, by: ClientCertificateVerifier = verifier): string {
  const result = by.verify(
    chain.map(({ der }) => der),
    nowMs,
  );
  return 'failure' in result ? result.failure : 'ok';
}

test('a certificate of the CA is taken; its key verifies, and its subject is told', async () => {
  const alice = await client('alice', root);
  const result = verifier.verify([alice.der], NOW);
  assert.ok('key' in result);
  if (!('key' in result)) return;
  assert.is(result.subject, 'CN=alice, O=tests');
  assert.is(result.key.type, 'ecdsa');
  const key = signingKey(KeyObject.from(alice.keys.privateKey));
  const signature = nodeCrypto.sign(key, 'ecdsa_secp256r1_sha256', ascii('x'), new Uint8Array(0));
  assert.ok(nodeCrypto.verify(result.key, 'ecdsa_secp256r1_sha256', ascii('x'), signature));
});

test('the same arguments give the same answer, and others in between change nothing', async () => {
  const alice = await client('alice', root);
  const mallory = await client('mallory', other);
  for (let i = 0; i < 3; i++) {
    assert.is(verdict([alice]), 'ok');
    assert.is(verdict([mallory]), 'unknown_ca');
  }
});

test('the names of the CAs are told as they are in the file, each once', async () => {
  const both = createClientCertificateVerifier(root.pem + other.pem + root.pem);
  assert.is(both.authorities.length, 2);
  equalBytes(both.authorities[0], new Uint8Array(root.certificate.subjectName.toArrayBuffer()));
  equalBytes(both.authorities[1], new Uint8Array(other.certificate.subjectName.toArrayBuffer()));
  assert.is(verdict([await client('m', other)], NOW, both), 'ok');
});

test('names of CAs that have no room in a CertificateRequest are left out, all of them (RFC 5246 §7.4.4)', async () => {
  const keys = await ecdsaKeys();
  const many: Party[] = [];
  for (let i = 0; i < 17; i++) many.push(await authority(`${i} ${'x'.repeat(4000)}`, { keys }));
  const namesOf = (parties: readonly Party[]): readonly Uint8Array[] =>
    createClientCertificateVerifier(parties.map(({ pem }) => pem).join('')).authorities;
  assert.is(namesOf(many.slice(0, 16)).length, 16);
  assert.is(namesOf(many).length, 0);
  const verifierOfMany = createClientCertificateVerifier(many.map(({ pem }) => pem).join(''));
  assert.is(verdict([await client('alice', many[16]!)], NOW, verifierOfMany), 'ok');
  const startUnixUs = NOW * 1000;
  const clientAuthentication = { verifier: verifierOfMany, required: false };
  for (const version of [TLS12, TLS13]) {
    assert.is(
      connected(fullConfig({ clientAuthentication, startUnixUs }), { versions: [version] }).client.failure,
      undefined,
    );
  }
});

test('a path over intermediates is found, in whatever order they were sent, with strangers among them', async () => {
  const one = await authority('one', { issuer: root });
  const two = await authority('two', { issuer: one });
  const alice = await client('alice', two);
  assert.is(verdict([alice, two, one]), 'ok');
  assert.is(verdict([alice, one, two]), 'ok');
  assert.is(verdict([alice, other, one, root, two]), 'ok');
  assert.is(verdict([alice, two]), 'unknown_ca');
  assert.is(verdict([alice]), 'unknown_ca');
  const trustsTwo = createClientCertificateVerifier(two.pem);
  assert.is(verdict([alice], NOW, trustsTwo), 'ok', 'what the file holds is trusted, root or not');
});

test('a path has at most eight certificates', async () => {
  const chain: Party[] = [];
  let issuer = root;
  for (let i = 0; i < limits.tls.clientChainCertificates - 2; i++) {
    issuer = await authority(`ca ${i}`, { issuer });
    chain.unshift(issuer);
  }
  const alice = await client('alice', issuer);
  assert.is(verdict([alice, ...chain]), 'ok');
  const longer = await authority('one more', { issuer });
  const bob = await client('bob', longer);
  assert.is(verdict([bob, longer, ...chain]), 'unknown_ca');
  assert.is(verdict([bob, longer, ...chain, root]), 'bad_certificate', 'nor may more be sent');
});

test('CAs that issue each other do not make the search grow beyond its bound', async () => {
  const keys = await ecdsaKeys();
  const ring: Party[] = [];
  for (let i = 0; i < limits.tls.clientChainCertificates - 1; i++) ring.push(await authority('ring', { keys }));
  const alice = await client('alice', ring[0]!);
  const begun = performance.now();
  assert.is(verdict([alice, ...ring]), 'bad_certificate');
  assert.ok(performance.now() - begun < 500, 'seven of one name and key have 13,700 paths');
});

test('validity is judged by the time given, to the second, for each certificate of the path', async () => {
  const alice = await client('alice', root);
  assert.is(verdict([alice], NOT_BEFORE.getTime() - 1), 'certificate_expired');
  assert.is(verdict([alice], NOT_BEFORE.getTime()), 'ok');
  assert.is(verdict([alice], NOT_AFTER.getTime() + 999), 'ok');
  assert.is(verdict([alice], NOT_AFTER.getTime() + 1_000), 'certificate_expired');
  const short = await authority('short', { issuer: root, notAfter: new Date('2030-02-01T00:00:00Z') });
  const bob = await client('bob', short);
  assert.is(verdict([bob, short]), 'certificate_expired');
  assert.is(verdict([bob, short], Date.parse('2030-01-15T00:00:00Z')), 'ok');
  // Of two certificates of one CA, the one that is still valid makes the path.
  const renewed = await authority('short', { issuer: root, keys: short.keys });
  assert.is(verdict([bob, short, renewed]), 'ok');
});

test('the end of the path is told: of the certificate that expires first', async () => {
  const early = new Date('2030-09-01T00:00:00Z');
  const endOf = (...chain: readonly Party[]): number | undefined => {
    const result = verifier.verify(
      chain.map(({ der }) => der),
      NOW,
    );
    return 'failure' in result ? undefined : result.expiresMs;
  };
  const short = await authority('short', { issuer: root, notAfter: early });
  assert.is(endOf(await client('alice', root)), NOT_AFTER.getTime() + 1000);
  assert.is(endOf(await client('alice', root, { notAfter: early })), early.getTime() + 1000);
  assert.is(endOf(await client('alice', short), short), early.getTime() + 1000);
});

test('issuers have to be CAs, allowed to sign, and no longer paths than they allow', async () => {
  const { keyCertSign, digitalSignature } = x509.KeyUsageFlags;
  const notCa = await client('not a ca', root);
  assert.is(verdict([await client('alice', notCa), notCa]), 'unknown_ca', 'its keyUsage does not let it sign');
  const noConstraints = await make({ name: 'no constraints', issuer: root, keyUsage: keyCertSign });
  assert.is(verdict([await client('alice', noConstraints), noConstraints]), 'bad_certificate');
  const caFalse = await make({ name: 'ca false', issuer: root, ca: false });
  assert.is(verdict([await client('alice', caFalse), caFalse]), 'bad_certificate');
  const cannotSign = await make({ name: 'cannot sign', issuer: root, ca: true, keyUsage: digitalSignature });
  assert.is(verdict([await client('alice', cannotSign), cannotSign]), 'unknown_ca');
  const last = await authority('last', { issuer: root, pathLength: 0 });
  const below = await authority('below', { issuer: last });
  assert.is(verdict([await client('alice', last), last]), 'ok');
  assert.is(verdict([await client('alice', below), below, last]), 'bad_certificate');
  const newKey = await authority('last', { issuer: last });
  const belowNewKey = await authority('below', { issuer: newKey });
  assert.is(verdict([await client('alice', newKey), newKey, last]), 'ok', 'self-issued (RFC 5280 §4.2.1.9)');
  assert.is(verdict([await client('alice', belowNewKey), belowNewKey, newKey, last]), 'bad_certificate');
});

test('signatures are checked: of another key, flipped, or made with SHA-1', async () => {
  const impostor = await authority('root');
  assert.is(verdict([await client('alice', impostor)]), 'bad_certificate');
  const alice = await client('alice', root);
  const flipped = alice.der.slice();
  flipped[flipped.length - 3]! ^= 1;
  assert.is(verdict([{ ...alice, der: flipped }]), 'bad_certificate');
  assert.is(verdict([await client('alice', root, { hash: 'SHA-1' })]), 'bad_certificate');
  assert.is(verdict([await client('alice', root, { hash: 'SHA-384' })]), 'ok');
});

/** The certificate, signed anew by RSASSA-PSS with this hash, whose OBJECT IDENTIFIER is given in hex (RFC 4055 §3.1). */
function signedByPss(party: Party, issuer: Party, hash: string, oid: string): Party {
  const hashId = tlv(0x30, hex(oid), hex('0500'));
  const maskId = tlv(0x30, hex('06092a864886f70d010108'), hashId);
  const salt = tlv(0xa2, Uint8Array.of(2, 1, createHash(hash).digest().length));
  // SHA-1 is the default, and then left out.
  const parameters = hash === 'sha1' ? tlv(0x30) : tlv(0x30, tlv(0xa0, hashId), tlv(0xa1, maskId), salt);
  const algorithm = tlv(0x30, hex('06092a864886f70d01010a'), parameters);
  const fields = derChildren(derChildren(derElement(party.der, 'certificate'), 'certificate')[0]!, 'tbs');
  const tbs = tlv(0x30, ...fields.map(({ bytes }, index) => (index === 2 ? algorithm : bytes)));
  const key = KeyObject.from(issuer.keys.privateKey);
  const { RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_DIGEST } = constants;
  const signature = sign(hash, tbs, { key, padding: RSA_PKCS1_PSS_PADDING, saltLength: RSA_PSS_SALTLEN_DIGEST });
  return { ...party, der: tlv(0x30, tbs, algorithm, tlv(0x03, Uint8Array.of(0), signature)) };
}

function tlv(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const content = concat(...parts);
  const { length } = content;
  const lengthBytes = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return concat(Uint8Array.of(tag, ...lengthBytes), content);
}

test('RSASSA-PSS is as good as its hash: no MD5 and no SHA-1 (RFC 8446 §4.4.2.4)', async () => {
  const rsaRoot = await authority('rsa root', { keys: await rsaKeys() });
  const byRsaRoot = createClientCertificateVerifier(rsaRoot.pem);
  const alice = await client('alice', rsaRoot);
  const one = await authority('one', { issuer: rsaRoot });
  const bob = await client('bob', one);
  for (const [hash, oid, expected] of [
    ['md5', '06082a864886f70d0205', 'bad_certificate'],
    ['sha1', '06052b0e03021a', 'bad_certificate'],
    ['sha256', '0609608648016503040201', 'ok'],
    ['sha384', '0609608648016503040202', 'ok'],
    ['sha512', '0609608648016503040203', 'ok'],
  ] as const) {
    assert.is(verdict([signedByPss(alice, rsaRoot, hash, oid)], NOW, byRsaRoot), expected, hash);
    assert.is(verdict([bob, signedByPss(one, rsaRoot, hash, oid)], NOW, byRsaRoot), expected, `${hash} above`);
  }
});

test('what a certificate may not be used for is unsupported', async () => {
  const { serverAuth, clientAuth } = x509.ExtendedKeyUsage;
  assert.is(verdict([await client('s', root, { extendedKeyUsage: [serverAuth] })]), 'unsupported_certificate');
  assert.is(verdict([await client('b', root, { extendedKeyUsage: [serverAuth, clientAuth] })]), 'ok');
  assert.is(verdict([await client('a', root, { extendedKeyUsage: ['2.5.29.37.0'] })]), 'ok');
  assert.is(verdict([await make({ name: 'plain', issuer: root })]), 'ok', 'without extensions all is allowed');
  const keyUsage = x509.KeyUsageFlags.keyEncipherment;
  assert.is(verdict([await client('k', root, { keyUsage })]), 'unsupported_certificate');
  const onlyServers = await authority('only servers', { issuer: root, extendedKeyUsage: [serverAuth] });
  assert.is(verdict([await client('o', onlyServers), onlyServers]), 'unsupported_certificate');
});

test('a critical extension that is not understood is unsupported, any other is passed over', async () => {
  const unknown = (critical: boolean) => [new x509.Extension('1.2.3.4', critical, Uint8Array.of(5, 0).buffer)];
  assert.is(verdict([await client('c', root, { extensions: unknown(true) })]), 'unsupported_certificate');
  assert.is(verdict([await client('n', root, { extensions: unknown(false) })]), 'ok');
  const constrained = await authority('constrained', { issuer: root, extensions: unknown(true) });
  assert.is(verdict([await client('a', constrained), constrained]), 'unsupported_certificate');
});

test('a CA whose names are constrained is not taken, critical or not (RFC 5280 §4.2.1.10)', async () => {
  // NameConstraints { permittedSubtrees [0] { { dNSName "a.test" } } }
  const constraints = hex('300c a00a 3008 8206 612e74657374');
  for (const critical of [true, false]) {
    const extensions = [new x509.Extension('2.5.29.30', critical, constraints.slice().buffer)];
    const constrained = await authority('constrained', { issuer: root, extensions });
    assert.is(verdict([await client('a', constrained), constrained]), 'unsupported_certificate', String(critical));
    const byItself = createClientCertificateVerifier(constrained.pem);
    assert.is(verdict([await client('a', constrained)], NOW, byItself), 'unsupported_certificate');
  }
});

test('keys of kinds that no scheme serves are unsupported; RSA is one that is', async () => {
  assert.is(verdict([await client('p384', root, { keys: await ecdsaKeys('P-384') })]), 'unsupported_certificate');
  const result = verifier.verify([(await client('rsa', root, { keys: await rsaKeys() })).der], NOW);
  assert.is('key' in result && result.key.type, 'rsa');
});

test('a client may be trusted by its own certificate', async () => {
  const alone = await make({ name: 'alone' });
  const byItself = createClientCertificateVerifier(alone.pem);
  assert.is(verdict([alone], NOW, byItself), 'ok');
  assert.is(verdict([await make({ name: 'alone', keys: alone.keys })], NOW, byItself), 'bad_certificate');
});

test('bytes that are no certificate are bad, never an exception', async () => {
  const alice = await client('alice', root);
  const bad = (der: Uint8Array): void => {
    assert.is(verdict([{ ...alice, der }]), 'bad_certificate');
    assert.is(verdict([alice, { ...alice, der }]), 'bad_certificate');
  };
  for (let length = 0; length < alice.der.length; length++) bad(alice.der.subarray(0, length));
  bad(concat(alice.der, Uint8Array.of(0)));
  bad(ascii(alice.pem));
  for (let at = 0; at < alice.der.length * 8; at += 3) {
    const changed = alice.der.slice();
    changed[at >> 3]! ^= 1 << (at & 7);
    assert.is.not(verdict([{ ...alice, der: changed }]), 'ok', `bit ${at}`);
  }
  assert.equal(verifier.verify([], NOW), { failure: 'bad_certificate' });
});

test('a CA file that cannot be used is refused with what is wrong', () => {
  assert.throws(() => createClientCertificateVerifier(''), /no certificate/);
  const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----';
  assert.throws(() => createClientCertificateVerifier(root.pem + broken), /certificate 2 of the PEM cannot be read/);
});

test.run();
