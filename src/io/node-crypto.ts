// The Crypto interface of core over node:crypto, and credentials from PEM. All of it is deterministic: what Node would draw
// by itself (ephemeral keys, the salt of RSA-PSS) comes in as bytes. RFC 7748 (X25519), SEC 1 (P-256), RFC 8017 (RSA).

import {
  constants,
  createCipheriv,
  createDecipheriv,
  createECDH,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  diffieHellman,
  type KeyObject,
  type Hash as NodeHash,
  privateEncrypt,
  sign,
  X509Certificate,
} from 'node:crypto';
import type {
  Aead,
  Crypto,
  GroupName,
  Hash,
  HashName,
  KeyExchange,
  SignatureName,
  SigningKey,
} from '../core/crypto.js';
import type { TlsCredential } from '../core/tls/server.js';

/** There is no state: one object serves everybody. */
export const nodeCrypto: Crypto = {
  createHash: (name) => wrapHash(createHash(name)),
  hmac: (name, key, data) => plain(createHmac(name, key).update(data).digest()),
  aead: (_name, key) => new Aes128Gcm(key),
  keyExchange: (group, privateKey) => keyExchanges[group](privateKey),
  sign: signWith,
};

/** An RSA private key for `Crypto.sign`. Throws when the key is not of that kind, or too short. */
export function signingKey(key: KeyObject): SigningKey {
  return new RsaKey(key);
}

/**
 * A server's certificate chain and key from PEM: certificates leaf first, text around the blocks is passed over. Throws
 * an Error that says what is wrong: no certificate, an unreadable one, no private key, a key that is not RSA or not the
 * leaf's.
 */
export function loadCredential(certificatePem: string, keyPem: string): TlsCredential {
  const blocks = certificatePem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new Error('no certificate in the certificate PEM');
  const certificates = blocks.map((block, index) =>
    attempt(() => new X509Certificate(block), `certificate ${index + 1} of the PEM cannot be read`),
  );
  const key = attempt(() => createPrivateKey(keyPem), 'no private key can be read from the key PEM');
  if (!certificates[0]!.checkPrivateKey(key))
    throw new Error('the private key does not belong to the first certificate');
  return { chain: certificates.map((certificate) => plain(certificate.raw)), key: signingKey(key) };
}

function attempt<Value>(action: () => Value, what: string): Value {
  try {
    return action();
  } catch (cause) {
    throw new Error(`${what}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/** The same memory as a Uint8Array, so that core never meets a Buffer. */
function plain(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}

function wrapHash(hash: NodeHash): Hash {
  return {
    update: (bytes) => void hash.update(bytes),
    digest: () => plain(hash.copy().digest()),
    clone: () => wrapHash(hash.copy()),
  };
}

// ---- AES-128-GCM ----

const TAG_BYTES = 16;

class Aes128Gcm implements Aead {
  readonly #key: KeyObject;

  constructor(key: Uint8Array) {
    this.#key = createSecretKey(key);
  }

  seal(
    nonce: Uint8Array,
    additionalData: Uint8Array,
    plaintext: Uint8Array,
    target: Uint8Array,
    targetOffset: number,
  ): number {
    const cipher = createCipheriv('aes-128-gcm', this.#key, nonce);
    cipher.setAAD(additionalData);
    // GCM is a stream: update gives everything, final only completes the tag.
    target.set(cipher.update(plaintext), targetOffset);
    cipher.final();
    target.set(cipher.getAuthTag(), targetOffset + plaintext.length);
    return plaintext.length + TAG_BYTES;
  }

  open(
    nonce: Uint8Array,
    additionalData: Uint8Array,
    sealed: Uint8Array,
    target: Uint8Array,
    targetOffset: number,
  ): number {
    const length = sealed.length - TAG_BYTES;
    if (length < 0) return -1;
    const decipher = createDecipheriv('aes-128-gcm', this.#key, nonce);
    // Always the 16 bytes, so that no shorter tag is ever taken.
    decipher.setAuthTag(sealed.subarray(length));
    decipher.setAAD(additionalData);
    const plaintext = decipher.update(sealed.subarray(0, length));
    try {
      decipher.final();
    } catch {
      return -1;
    }
    target.set(plaintext, targetOffset);
    return length;
  }
}

// ---- Key exchange ----

/** DER around the 32 bytes of an X25519 key: PKCS #8 (RFC 8410 §7) and SubjectPublicKeyInfo (RFC 8410 §4). */
const X25519_PKCS8 = Buffer.from('302e020100300506032b656e04220420', 'hex');
const X25519_SPKI = Buffer.from('302a300506032b656e032100', 'hex');
const SCALAR_BYTES = 32;
/** SEC 1 §2.3.3: 4, x, y. */
const UNCOMPRESSED_POINT_BYTES = 65;

const keyExchanges: Record<GroupName, (privateKey: Uint8Array) => KeyExchange | undefined> = {
  x25519(privateBytes) {
    if (privateBytes.length !== SCALAR_BYTES) return undefined;
    const der = Buffer.concat([X25519_PKCS8, privateBytes]);
    const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
    return {
      publicKey: plain(spki.subarray(X25519_SPKI.length)),
      derive(peer) {
        if (peer.length !== SCALAR_BYTES) return undefined;
        const peerDer = Buffer.concat([X25519_SPKI, peer]);
        try {
          const publicKey = createPublicKey({ key: peerDer, format: 'der', type: 'spki' });
          return plain(diffieHellman({ privateKey, publicKey }));
        } catch {
          // RFC 7748 §6.1: a point of low order gives zero, which OpenSSL refuses.
          return undefined;
        }
      },
    };
  },
  secp256r1(privateBytes) {
    if (privateBytes.length !== SCALAR_BYTES) return undefined;
    const ecdh = createECDH('prime256v1');
    try {
      ecdh.setPrivateKey(privateBytes);
    } catch {
      return undefined;
    }
    return {
      publicKey: plain(ecdh.getPublicKey()),
      derive(peer) {
        // RFC 8422 §5.1.2: OpenSSL would take compressed and hybrid points as well.
        if (peer.length !== UNCOMPRESSED_POINT_BYTES || peer[0] !== 4) return undefined;
        try {
          return plain(ecdh.computeSecret(peer));
        } catch {
          return undefined;
        }
      },
    };
  },
};

// ---- RSA signatures ----

/** Room for EMSA-PSS with SHA-256 and a salt of 32 bytes, and no key that is a toy. */
const MIN_MODULUS_BITS = 1024;
const HASH_BYTES = 32;

class RsaKey implements SigningKey {
  readonly type = 'rsa';
  readonly modulusBits: number;
  readonly keyObject: KeyObject;

  constructor(key: KeyObject) {
    if (key.type !== 'private' || key.asymmetricKeyType !== 'rsa') {
      throw new Error(`an RSA private key is needed, this is ${key.asymmetricKeyType ?? 'a secret'} (${key.type})`);
    }
    this.modulusBits = key.asymmetricKeyDetails?.modulusLength ?? 0;
    if (this.modulusBits < MIN_MODULUS_BITS) {
      throw new Error(`the RSA key has ${this.modulusBits} bits, at least ${MIN_MODULUS_BITS} are needed`);
    }
    this.keyObject = key;
  }
}

function signWith(key: SigningKey, scheme: SignatureName, message: Uint8Array, salt: Uint8Array): Uint8Array {
  if (!(key instanceof RsaKey)) throw new TypeError('the signing key was not made by signingKey');
  // RSASSA-PKCS1-v1_5 is deterministic by itself (RFC 8017 §8.2).
  if (scheme === 'rsa_pkcs1_sha256') return plain(sign('sha256', message, key.keyObject));
  const encoded = emsaPss(message, salt, key.modulusBits - 1);
  // EMSA-PSS gives a byte less than the modulus has when modulusBits - 1 is a multiple of 8 (RFC 8017 §8.1.1 step 2).
  const padded = Buffer.alloc(Math.ceil(key.modulusBits / 8));
  padded.set(encoded, padded.length - encoded.length);
  return plain(privateEncrypt({ key: key.keyObject, padding: constants.RSA_NO_PADDING }, padded));
}

/** EMSA-PSS-ENCODE of RFC 8017 §9.1.1 with SHA-256 and MGF1; Node's own would draw the salt. */
export function emsaPss(message: Uint8Array, salt: Uint8Array, emBits: number): Uint8Array {
  const emBytes = Math.ceil(emBits / 8);
  const dbBytes = emBytes - HASH_BYTES - 1;
  const messageHash = sha256(message);
  const hash = sha256(new Uint8Array(8), messageHash, salt);
  const encoded = new Uint8Array(emBytes);
  // DB = PS (zeros), 0x01, salt
  encoded[dbBytes - salt.length - 1] = 1;
  encoded.set(salt, dbBytes - salt.length);
  const mask = mgf1(hash, dbBytes);
  for (let i = 0; i < dbBytes; i++) encoded[i]! ^= mask[i]!;
  encoded[0]! &= 0xff >>> (8 * emBytes - emBits);
  encoded.set(hash, dbBytes);
  encoded[emBytes - 1] = 0xbc;
  return encoded;
}

/** RFC 8017 §B.2.1. */
function mgf1(seed: Uint8Array, length: number): Uint8Array {
  const mask = new Uint8Array(length);
  for (let counter = 0, at = 0; at < length; counter++, at += HASH_BYTES) {
    const block = sha256(seed, Uint8Array.of(counter >>> 24, counter >>> 16, counter >>> 8, counter));
    mask.set(block.subarray(0, Math.min(HASH_BYTES, length - at)), at);
  }
  return mask;
}

function sha256(...parts: Uint8Array[]): Uint8Array {
  const hash = createHash('sha256' satisfies HashName);
  for (const part of parts) hash.update(part);
  return hash.digest();
}
