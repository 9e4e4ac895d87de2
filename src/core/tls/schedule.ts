// From the premaster secret to keys: the PRF (RFC 5246 §5), master secret (§8.1, or RFC 7627 §4), key block (§6.3, sizes of
// RFC 5288 §3) and verify_data (§7.4.9). SHA-256 throughout, as the cipher suite says.

import type { Crypto } from '../crypto.js';
import { VERIFY_DATA_BYTES } from './messages.js';

export const MASTER_SECRET_BYTES = 48;
const KEY_BYTES = 16;
const FIXED_IV_BYTES = 4;

/** PRF(secret, label, seed)[0..length-1]. `label` is ASCII. */
export function prf(crypto: Crypto, secret: Uint8Array, label: string, seed: Uint8Array, length: number): Uint8Array {
  // A(i) stands before label and seed in one buffer, so that both hashes of a round read from it.
  const input = new Uint8Array(32 + label.length + seed.length);
  for (let i = 0; i < label.length; i++) input[32 + i] = label.charCodeAt(i);
  input.set(seed, 32 + label.length);
  const out = new Uint8Array(length);
  let a = crypto.hmac('sha256', secret, input.subarray(32));
  for (let at = 0; at < length; at += 32) {
    input.set(a, 0);
    out.set(crypto.hmac('sha256', secret, input).subarray(0, Math.min(32, length - at)), at);
    a = crypto.hmac('sha256', secret, a);
  }
  return out;
}

/** RFC 5246 §8.1. */
export function masterSecret(
  crypto: Crypto,
  premasterSecret: Uint8Array,
  clientRandom: Uint8Array,
  serverRandom: Uint8Array,
): Uint8Array {
  return prf(crypto, premasterSecret, 'master secret', join(clientRandom, serverRandom), MASTER_SECRET_BYTES);
}

/** RFC 7627 §4. `sessionHash` covers the handshake messages up to and with the ClientKeyExchange. */
export function extendedMasterSecret(crypto: Crypto, premasterSecret: Uint8Array, sessionHash: Uint8Array): Uint8Array {
  return prf(crypto, premasterSecret, 'extended master secret', sessionHash, MASTER_SECRET_BYTES);
}

/** The key block, cut up. AEAD suites have no MAC keys. */
export interface KeyBlock {
  readonly clientWriteKey: Uint8Array;
  readonly serverWriteKey: Uint8Array;
  readonly clientWriteIv: Uint8Array;
  readonly serverWriteIv: Uint8Array;
}

/** RFC 5246 §6.3; here the server's random comes first. */
export function keyBlock(
  crypto: Crypto,
  secret: Uint8Array,
  clientRandom: Uint8Array,
  serverRandom: Uint8Array,
): KeyBlock {
  const seed = join(serverRandom, clientRandom);
  const block = prf(crypto, secret, 'key expansion', seed, 2 * KEY_BYTES + 2 * FIXED_IV_BYTES);
  const ivs = 2 * KEY_BYTES;
  return {
    clientWriteKey: block.subarray(0, KEY_BYTES),
    serverWriteKey: block.subarray(KEY_BYTES, ivs),
    clientWriteIv: block.subarray(ivs, ivs + FIXED_IV_BYTES),
    serverWriteIv: block.subarray(ivs + FIXED_IV_BYTES),
  };
}

/** RFC 5246 §7.4.9: the content of a Finished message, 12 bytes. */
export function verifyData(
  crypto: Crypto,
  secret: Uint8Array,
  sender: 'client' | 'server',
  handshakeHash: Uint8Array,
): Uint8Array {
  const label = sender === 'client' ? 'client finished' : 'server finished';
  return prf(crypto, secret, label, handshakeHash, VERIFY_DATA_BYTES);
}

function join(first: Uint8Array, second: Uint8Array): Uint8Array {
  const out = new Uint8Array(first.length + second.length);
  out.set(first, 0);
  out.set(second, first.length);
  return out;
}
