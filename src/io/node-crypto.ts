// The Crypto interface of core over node:crypto. All of it is deterministic: what Node would draw by itself (ephemeral
// keys, the salt of RSA-PSS, the nonces of ECDSA) comes in as bytes or is derived. The parts are in `crypto/`.

import { createHash, createHmac, type Hash as NodeHash } from 'node:crypto';
import type { Crypto, Hash } from '../core/crypto.js';
import { NodeAead, NodeCbc } from './crypto/aead.js';
import { keyExchange } from './crypto/exchange.js';
import { plain } from './crypto/plain.js';
import { signWith, verifyWith } from './crypto/signature.js';

export { loadCredential } from './credential.js';
export { emsaPss } from './crypto/pss.js';
export { signingKey, verifyingKey } from './crypto/signature.js';

/** There is no state: one object serves everybody. */
export const nodeCrypto: Crypto = {
  createHash: (name) => wrapHash(createHash(name)),
  hmac: (name, key, data) => plain(createHmac(name, key).update(data).digest()),
  aead: (name, key) => new NodeAead(name, key),
  cbc: (name, key) => new NodeCbc(name, key),
  keyExchange,
  sign: signWith,
  verify: verifyWith,
};

function wrapHash(hash: NodeHash): Hash {
  return {
    update: (bytes) => void hash.update(bytes),
    digest: () => plain(hash.copy().digest()),
    clone: () => wrapHash(hash.copy()),
  };
}
