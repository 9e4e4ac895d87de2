import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { extendedMasterSecret, keyBlock, masterSecret, prf, verifyData } from '../../../src/core/tls/schedule.js';
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
  equalBytes(prf(nodeCrypto, secret, 'test label', seed, 100), output);
});

test('a shorter output of the PRF is the beginning of a longer one', () => {
  for (const length of [0, 1, 31, 32, 33, 64, 99]) {
    equalBytes(prf(nodeCrypto, secret, 'test label', seed, length), output.subarray(0, length));
  }
});

const random = testRandom(5);
const premaster = random.bytes(32);
const clientRandom = random.bytes(32);
const serverRandom = random.bytes(32);

test('the master secret binds label and randoms, client first', () => {
  const expected = prf(nodeCrypto, premaster, 'master secret', concat(clientRandom, serverRandom), 48);
  equalBytes(masterSecret(nodeCrypto, premaster, clientRandom, serverRandom), expected);
});

test('the extended master secret binds the session hash under a label of its own', () => {
  const sessionHash = random.bytes(32);
  const expected = prf(nodeCrypto, premaster, 'extended master secret', sessionHash, 48);
  equalBytes(extendedMasterSecret(nodeCrypto, premaster, sessionHash), expected);
});

test('the key block has the server random first, and client parts before server parts', () => {
  const block = prf(nodeCrypto, secret, 'key expansion', concat(serverRandom, clientRandom), 40);
  const keys = keyBlock(nodeCrypto, secret, clientRandom, serverRandom);
  equalBytes(concat(keys.clientWriteKey, keys.serverWriteKey, keys.clientWriteIv, keys.serverWriteIv), block);
  assert.equal([keys.clientWriteKey.length, keys.clientWriteIv.length], [16, 4]);
});

test('verify_data has 12 bytes and a label for each side', () => {
  const hash = random.bytes(32);
  equalBytes(verifyData(nodeCrypto, secret, 'client', hash), prf(nodeCrypto, secret, 'client finished', hash, 12));
  equalBytes(verifyData(nodeCrypto, secret, 'server', hash), prf(nodeCrypto, secret, 'server finished', hash, 12));
});

test('the PRF equals its definition written out with HMAC', () => {
  const labelSeed = concat(ascii('any'), seed);
  const a1 = nodeCrypto.hmac('sha256', secret, labelSeed);
  const a2 = nodeCrypto.hmac('sha256', secret, a1);
  const expected = concat(
    nodeCrypto.hmac('sha256', secret, concat(a1, labelSeed)),
    nodeCrypto.hmac('sha256', secret, concat(a2, labelSeed)),
  );
  equalBytes(prf(nodeCrypto, secret, 'any', seed, 64), expected);
});

test.run();
