// From the premaster secret to keys: the PRF (RFC 5246 §5), master secret (§8.1, or RFC 7627 §4), key block (§6.3) and
// verify_data (§7.4.9). The hash and the sizes are the cipher suite's: RFC 5288 §3, RFC 5289 §3, RFC 7905 §2.

import { type Crypto, HASH_BYTES, type HashName, KEY_BYTES } from '../crypto.js';
import { VERIFY_DATA_BYTES } from './messages.js';
import type { DirectionKeys12 } from './protection.js';
import type { CipherSuiteInfo } from './suites.js';

export const MASTER_SECRET_BYTES = 48;

/** PRF(secret, label, seed)[0..length-1] by P_hash. `label` is ASCII. */
export function prf(
  crypto: Crypto,
  hash: HashName,
  secret: Uint8Array,
  label: string,
  seed: Uint8Array,
  length: number,
): Uint8Array {
  // A(i) stands before label and seed in one buffer, so that both hashes of a round read from it.
  const hashBytes = HASH_BYTES[hash];
  const input = new Uint8Array(hashBytes + label.length + seed.length);
  for (let i = 0; i < label.length; i++) input[hashBytes + i] = label.charCodeAt(i);
  input.set(seed, hashBytes + label.length);
  const out = new Uint8Array(length);
  let a = crypto.hmac(hash, secret, input.subarray(hashBytes));
  for (let at = 0; at < length; at += hashBytes) {
    input.set(a, 0);
    out.set(crypto.hmac(hash, secret, input).subarray(0, Math.min(hashBytes, length - at)), at);
    a = crypto.hmac(hash, secret, a);
  }
  return out;
}

/** RFC 5246 §8.1. */
export function masterSecret(
  crypto: Crypto,
  hash: HashName,
  premasterSecret: Uint8Array,
  clientRandom: Uint8Array,
  serverRandom: Uint8Array,
): Uint8Array {
  return prf(crypto, hash, premasterSecret, 'master secret', join(clientRandom, serverRandom), MASTER_SECRET_BYTES);
}

/** RFC 7627 §4. `sessionHash` covers the handshake messages up to and with the ClientKeyExchange. */
export function extendedMasterSecret(
  crypto: Crypto,
  hash: HashName,
  premasterSecret: Uint8Array,
  sessionHash: Uint8Array,
): Uint8Array {
  return prf(crypto, hash, premasterSecret, 'extended master secret', sessionHash, MASTER_SECRET_BYTES);
}

/** The key block, cut up. */
export interface KeyBlock {
  readonly client: DirectionKeys12;
  readonly server: DirectionKeys12;
}

/** Bytes of the key block of a TLS 1.2 suite: for each side a MAC key (CBC only), a key, and an IV. */
export function keyBlockBytes(suite: CipherSuiteInfo): number {
  return 2 * (macKeyBytes(suite) + KEY_BYTES[suite.cipher] + suite.fixedIvBytes);
}

/** RFC 5246 §6.3; here the server's random comes first. */
export function keyBlock(
  crypto: Crypto,
  suite: CipherSuiteInfo,
  secret: Uint8Array,
  clientRandom: Uint8Array,
  serverRandom: Uint8Array,
): KeyBlock {
  const seed = join(serverRandom, clientRandom);
  const block = prf(crypto, suite.hash, secret, 'key expansion', seed, keyBlockBytes(suite));
  let at = 0;
  const cut = (length: number): Uint8Array => {
    at += length;
    return block.subarray(at - length, at);
  };
  const macBytes = macKeyBytes(suite);
  const keyBytes = KEY_BYTES[suite.cipher];
  const clientMacKey = cut(macBytes);
  const serverMacKey = cut(macBytes);
  const clientKey = cut(keyBytes);
  const serverKey = cut(keyBytes);
  const clientIv = cut(suite.fixedIvBytes);
  const serverIv = cut(suite.fixedIvBytes);
  return {
    client: { key: clientKey, iv: clientIv, ...(suite.mac && { macKey: clientMacKey }) },
    server: { key: serverKey, iv: serverIv, ...(suite.mac && { macKey: serverMacKey }) },
  };
}

function macKeyBytes(suite: CipherSuiteInfo): number {
  return suite.mac === undefined ? 0 : HASH_BYTES[suite.mac];
}

/** RFC 5246 §7.4.9: the content of a Finished message, 12 bytes. */
export function verifyData(
  crypto: Crypto,
  hash: HashName,
  secret: Uint8Array,
  sender: 'client' | 'server',
  handshakeHash: Uint8Array,
): Uint8Array {
  const label = sender === 'client' ? 'client finished' : 'server finished';
  return prf(crypto, hash, secret, label, handshakeHash, VERIFY_DATA_BYTES);
}

function join(first: Uint8Array, second: Uint8Array): Uint8Array {
  const out = new Uint8Array(first.length + second.length);
  out.set(first, 0);
  out.set(second, first.length);
  return out;
}
