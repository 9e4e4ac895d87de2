// Signatures over node:crypto, all deterministic: RSASSA-PKCS1-v1_5 and RSASSA-PSS (RFC 8017 §8), ECDSA (RFC 6979) and
// Ed25519 (RFC 8032 §5.1). Keys stay parsed: parsing one costs as much as a signature.

import { constants, type KeyObject, privateEncrypt, sign, verify } from 'node:crypto';
import {
  HASH_BYTES,
  type HashName,
  type SignatureName,
  type SigningKey,
  type VerifyingKey,
} from '../../core/crypto.js';
import { signEcdsaP256 } from './ecdsa.js';
import { plain } from './plain.js';
import { emsaPss } from './pss.js';

/** Room for EMSA-PSS with SHA-512 and a salt as long (RFC 8017 §9.1.1 step 3), so that no scheme of RSA can fail. */
const MIN_MODULUS_BITS = 8 * (64 + 64) + 10;

type KeyType = SigningKey['type'];

const SCHEMES: Readonly<
  Record<SignatureName, { readonly type: KeyType; readonly hash: HashName; readonly pss: boolean }>
> = {
  rsa_pkcs1_sha256: { type: 'rsa', hash: 'sha256', pss: false },
  rsa_pkcs1_sha384: { type: 'rsa', hash: 'sha384', pss: false },
  rsa_pkcs1_sha512: { type: 'rsa', hash: 'sha512', pss: false },
  rsa_pss_rsae_sha256: { type: 'rsa', hash: 'sha256', pss: true },
  rsa_pss_rsae_sha384: { type: 'rsa', hash: 'sha384', pss: true },
  rsa_pss_rsae_sha512: { type: 'rsa', hash: 'sha512', pss: true },
  ecdsa_secp256r1_sha256: { type: 'ecdsa', hash: 'sha256', pss: false },
  // RFC 8032 §5.1: SHA-512 is part of the scheme.
  ed25519: { type: 'ed25519', hash: 'sha512', pss: false },
};

class NodeSigningKey implements SigningKey {
  readonly type: KeyType;
  readonly modulusBits: number;
  readonly keyObject: KeyObject;
  /** ecdsa only: the private key as 32 bytes. */
  readonly scalar: Uint8Array;

  constructor(key: KeyObject) {
    this.type = typeOf(key, 'private');
    this.modulusBits = modulusBitsOf(key);
    this.keyObject = key;
    this.scalar =
      this.type === 'ecdsa' ? Buffer.from(key.export({ format: 'jwk' }).d!, 'base64url') : new Uint8Array(0);
  }
}

class NodeVerifyingKey implements VerifyingKey {
  readonly type: KeyType;
  readonly keyObject: KeyObject;

  constructor(key: KeyObject) {
    this.type = typeOf(key, 'public');
    this.keyObject = key;
  }
}

/** A private key for `Crypto.sign`: RSA, ECDSA on P-256, or Ed25519. Throws when it is none of these, or too short. */
export function signingKey(key: KeyObject): SigningKey {
  return new NodeSigningKey(key);
}

/** A public key for `Crypto.verify`, of the same kinds. Throws when it is none of these, or too short. */
export function verifyingKey(key: KeyObject): VerifyingKey {
  return new NodeVerifyingKey(key);
}

function typeOf(key: KeyObject, kind: 'private' | 'public'): KeyType {
  const name = key.asymmetricKeyType ?? 'a secret';
  if (key.type !== kind) throw new Error(`a ${kind} key is needed, this is ${name} (${key.type})`);
  if (name === 'ed25519') return name;
  if (name === 'rsa') {
    const bits = modulusBitsOf(key);
    if (bits >= MIN_MODULUS_BITS) return name;
    throw new Error(`the RSA key has ${bits} bits, at least ${MIN_MODULUS_BITS} are needed`);
  }
  if (name !== 'ec') throw new Error(`an RSA, ECDSA or Ed25519 key is needed, this is ${name}`);
  const curve = key.asymmetricKeyDetails?.namedCurve ?? 'a curve without a name';
  if (curve !== 'prime256v1') throw new Error(`an ECDSA key has to be on P-256, this one is on ${curve}`);
  return 'ecdsa';
}

function modulusBitsOf(key: KeyObject): number {
  return key.asymmetricKeyDetails?.modulusLength ?? 0;
}

export function signWith(key: SigningKey, scheme: SignatureName, message: Uint8Array, salt: Uint8Array): Uint8Array {
  if (!(key instanceof NodeSigningKey)) throw new TypeError('the signing key was not made by signingKey');
  const { type, hash, pss } = SCHEMES[scheme];
  if (type !== key.type) throw new TypeError(`${scheme} is no scheme of an ${key.type} key`);
  if (type === 'ecdsa') return signEcdsaP256(key.scalar, message);
  if (type === 'ed25519') return plain(sign(null, message, key.keyObject));
  // RSASSA-PKCS1-v1_5 is deterministic by itself (RFC 8017 §8.2).
  if (!pss) return plain(sign(hash, message, key.keyObject));
  const encoded = emsaPss(hash, message, salt, key.modulusBits - 1);
  // EMSA-PSS gives a byte less than the modulus has when modulusBits - 1 is a multiple of 8 (RFC 8017 §8.1.1 step 2).
  const padded = Buffer.alloc(Math.ceil(key.modulusBits / 8));
  padded.set(encoded, padded.length - encoded.length);
  return plain(privateEncrypt({ key: key.keyObject, padding: constants.RSA_NO_PADDING }, padded));
}

export function verifyWith(
  key: VerifyingKey,
  scheme: SignatureName,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (!(key instanceof NodeVerifyingKey)) throw new TypeError('the verifying key was not made by verifyingKey');
  const { type, hash, pss } = SCHEMES[scheme];
  if (type !== key.type) return false;
  try {
    if (type === 'ed25519') return verify(null, message, key.keyObject, signature);
    if (!pss) return verify(hash, message, key.keyObject, signature);
    // RFC 8446 §4.2.3: the salt is as long as the digest.
    const options = { key: key.keyObject, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: HASH_BYTES[hash] };
    return verify(hash, message, options, signature);
  } catch {
    return false;
  }
}
