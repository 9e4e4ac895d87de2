import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  extendedMasterSecret,
  keyBlock,
  keyBlockBytes,
  masterSecret,
  prf,
  verifyData,
} from '../../../src/core/tls/schedule.js';
import { CIPHER_SUITES, CipherSuite } from '../../../src/core/tls/suites.js';
import { nodeCrypto } from '../../../src/io/node-crypto.js';
import { ascii, concat, equalBytes, hex, testRandom } from '../../support/bytes.js';

// The vector for P_SHA256 that was posted to the TLS working group's list when RFC 5246 was written.
const secret = hex('9bbe436ba940f017b17652849a71db35');
const seed = hex('a0ba9f936cda311827a6f796ffd5198c');
const output = hex(`
  e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a
  6b301791e90d35c9c9a46b4e14baf9af0fa022f7077def17abfd3797c0564bab
  4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff701
  87347b66`);

test('the PRF gives the known answer', () => {
  equalBytes(prf(nodeCrypto, 'sha256', secret, 'test label', seed, 100), output);
});

test('the PRF with SHA-384 gives the known answer of the same list', () => {
  const answer = hex(`
    7b0c18e9ced410ed1804f2cfa34a336a1c14dffb4900bb5fd7942107e81c83cde9ca0faa60be9fe34f82b1233c9146a0
    e534cb400fed2700884f9dc236f80edd8bfa961144c9e8d792eca722a7b32fc3d416d473ebc2c5fd4abfdad05d918425
    9b5bf8cd4d90fa0d31e2dec479e4f1a26066f2eea9a69236a3e52655c9e9aee691c8f3a26854308d5eaa3be85e0990703
    d73e56f`);
  const secret384 = hex('b80b733d6ceefcdc71566ea48e5567df');
  const seed384 = hex('cd665cf6a8447dd6ff8b27555edb7465');
  equalBytes(prf(nodeCrypto, 'sha384', secret384, 'test label', seed384, 148), answer);
});

test('a shorter output of the PRF is the beginning of a longer one', () => {
  for (const length of [0, 1, 31, 32, 33, 64, 99]) {
    equalBytes(prf(nodeCrypto, 'sha256', secret, 'test label', seed, length), output.subarray(0, length));
  }
});

const random = testRandom(5);
const premaster = random.bytes(32);
const clientRandom = random.bytes(32);
const serverRandom = random.bytes(32);

test('the master secret binds label and randoms, client first', () => {
  const expected = prf(nodeCrypto, 'sha256', premaster, 'master secret', concat(clientRandom, serverRandom), 48);
  equalBytes(masterSecret(nodeCrypto, 'sha256', premaster, clientRandom, serverRandom), expected);
});

test('the extended master secret binds the session hash under a label of its own', () => {
  const sessionHash = random.bytes(32);
  const expected = prf(nodeCrypto, 'sha256', premaster, 'extended master secret', sessionHash, 48);
  equalBytes(extendedMasterSecret(nodeCrypto, 'sha256', premaster, sessionHash), expected);
});

test('the key block has the server random first, and in it MAC keys, keys and IVs, the client’s before the server’s', () => {
  const shapes: [number, number, number, number][] = [
    // suite, bytes of MAC keys, keys, IVs: RFC 5288 §3, RFC 5289 §3, RFC 7905 §2, RFC 5246 §6.3 with RFC 3268
    [CipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, 0, 16, 4],
    [CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, 0, 32, 4],
    [CipherSuite.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, 0, 32, 12],
    [CipherSuite.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, 20, 16, 0],
    [CipherSuite.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA, 20, 32, 0],
  ];
  for (const [code, macBytes, keyBytes, ivBytes] of shapes) {
    const suite = CIPHER_SUITES.get(code)!;
    const total = 2 * (macBytes + keyBytes + ivBytes);
    assert.is(keyBlockBytes(suite), total);
    const block = prf(nodeCrypto, suite.hash, secret, 'key expansion', concat(serverRandom, clientRandom), total);
    const { client, server } = keyBlock(nodeCrypto, suite, secret, clientRandom, serverRandom);
    const none = new Uint8Array(0);
    const macs = concat(client.macKey ?? none, server.macKey ?? none);
    equalBytes(concat(macs, client.key, server.key, client.iv, server.iv), block);
    assert.equal([macs.length, client.key.length, server.iv.length], [2 * macBytes, keyBytes, ivBytes]);
    assert.is('macKey' in client, macBytes > 0);
  }
});

test('verify_data has 12 bytes and a label for each side', () => {
  const hash = random.bytes(32);
  equalBytes(
    verifyData(nodeCrypto, 'sha256', secret, 'client', hash),
    prf(nodeCrypto, 'sha256', secret, 'client finished', hash, 12),
  );
  equalBytes(
    verifyData(nodeCrypto, 'sha256', secret, 'server', hash),
    prf(nodeCrypto, 'sha256', secret, 'server finished', hash, 12),
  );
});

test('the PRF equals its definition written out with HMAC', () => {
  const labelSeed = concat(ascii('any'), seed);
  const a1 = nodeCrypto.hmac('sha256', secret, labelSeed);
  const a2 = nodeCrypto.hmac('sha256', secret, a1);
  const expected = concat(
    nodeCrypto.hmac('sha256', secret, concat(a1, labelSeed)),
    nodeCrypto.hmac('sha256', secret, concat(a2, labelSeed)),
  );
  equalBytes(prf(nodeCrypto, 'sha256', secret, 'any', seed, 64), expected);
});

test.run();
