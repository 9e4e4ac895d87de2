// The cryptographic primitives that the protocols stand on, as an interface. The protocols are ours, the primitives are
// not: `src/io/node-crypto.ts` implements this over node:crypto. Everything is synchronous and a pure function of its
// arguments; whatever is random comes in as bytes.

export type HashName = 'sha1' | 'sha256' | 'sha384' | 'sha512';
export type AeadName = 'aes-128-gcm' | 'aes-256-gcm' | 'chacha20-poly1305';
export type CbcName = 'aes-128-cbc' | 'aes-256-cbc';
/** RFC 8422 §5.1.1 names. */
export type GroupName = 'x25519' | 'secp256r1' | 'secp384r1';
/** RFC 8446 §4.2.3 names; the code points are in `tls/extensions.ts`. */
export type SignatureName =
  | 'rsa_pkcs1_sha256'
  | 'rsa_pkcs1_sha384'
  | 'rsa_pkcs1_sha512'
  | 'rsa_pss_rsae_sha256'
  | 'rsa_pss_rsae_sha384'
  | 'rsa_pss_rsae_sha512'
  | 'ecdsa_secp256r1_sha256'
  | 'ed25519';

/** Bytes of a digest, and of a salt of RSASSA-PSS with that hash (RFC 8446 §4.2.3). */
export const HASH_BYTES = { sha1: 20, sha256: 32, sha384: 48, sha512: 64 } as const satisfies Record<HashName, number>;

/** Bytes of a key. */
export const KEY_BYTES = {
  'aes-128-gcm': 16,
  'aes-256-gcm': 32,
  'chacha20-poly1305': 32,
  'aes-128-cbc': 16,
  'aes-256-cbc': 32,
} as const satisfies Record<AeadName | CbcName, number>;

/** Bytes of a private key as `Crypto.keyExchange` takes it. */
export const PRIVATE_KEY_BYTES = { x25519: 32, secp256r1: 32, secp384r1: 48 } as const satisfies Record<
  GroupName,
  number
>;

/** A running hash. `digest` may be called at any time and the hash goes on; `clone` forks it. */
export interface Hash {
  update(bytes: Uint8Array): void;
  digest(): Uint8Array;
  clone(): Hash;
}

/** One AEAD key. The caller owns the nonces (12 bytes). Tags are 16 bytes and follow the ciphertext. */
export interface Aead {
  /**
   * Writes ciphertext and tag to `target` at `targetOffset`; gives the number of bytes written (plaintext + 16).
   * `plaintext` may be the memory of `target` at that very place: the ciphertext then replaces it.
   */
  seal(
    nonce: Uint8Array,
    additionalData: Uint8Array,
    plaintext: Uint8Array,
    target: Uint8Array,
    targetOffset: number,
  ): number;
  /**
   * Writes the plaintext to `target`; gives its length, or -1 when the tag does not verify (nothing to be used then).
   * `target` may be the memory of `sealed` itself, at the same place: the plaintext then replaces the ciphertext.
   */
  open(
    nonce: Uint8Array,
    additionalData: Uint8Array,
    sealed: Uint8Array,
    target: Uint8Array,
    targetOffset: number,
  ): number;
}

/** One AES key in CBC mode, without padding: lengths are multiples of 16. `iv` has 16 bytes. */
export interface Cbc {
  /** Writes as many bytes as `plaintext` has; gives that number. `target` may be its memory, at the same place. */
  encrypt(iv: Uint8Array, plaintext: Uint8Array, target: Uint8Array, targetOffset: number): number;
  /** `target` may be the memory of `ciphertext` itself, at the same place. */
  decrypt(iv: Uint8Array, ciphertext: Uint8Array, target: Uint8Array, targetOffset: number): number;
}

/** One side of an (EC)DH exchange. */
export interface KeyExchange {
  /** As it goes on the wire: 32 bytes for x25519, uncompressed points of 65 (secp256r1) and 97 bytes (secp384r1). */
  readonly publicKey: Uint8Array;
  /** The shared secret, or undefined when the peer's public key is invalid (not on the curve, low order, wrong length). */
  derive(peerPublicKey: Uint8Array): Uint8Array | undefined;
}

/** A private key that stays parsed. Made outside core. */
export interface SigningKey {
  /** ecdsa: on secp256r1. */
  readonly type: 'rsa' | 'ecdsa' | 'ed25519';
  /** 0 for the others. */
  readonly modulusBits: number;
}

/** A public key that stays parsed, out of a certificate. Made outside core. */
export interface VerifyingKey {
  readonly type: 'rsa' | 'ecdsa' | 'ed25519';
}

export interface Crypto {
  createHash(name: HashName): Hash;
  hmac(name: HashName, key: Uint8Array, data: Uint8Array): Uint8Array;
  aead(name: AeadName, key: Uint8Array): Aead;
  cbc(name: CbcName, key: Uint8Array): Cbc;
  /** Undefined when `privateKey` is not valid in the group (secp256r1, secp384r1: zero or not below the order). */
  keyExchange(group: GroupName, privateKey: Uint8Array): KeyExchange | undefined;
  /**
   * Deterministic. `salt` is used by rsa_pss_* only and has as many bytes as the hash. ECDSA takes its nonce from the
   * message and the key (RFC 6979) and gives DER (RFC 3279 §2.2.3). The scheme has to be one of the key's type.
   */
  sign(key: SigningKey, scheme: SignatureName, message: Uint8Array, salt: Uint8Array): Uint8Array;
  /** False for anything that is not a valid signature of the scheme by the key, a key of another type included. */
  verify(key: VerifyingKey, scheme: SignatureName, message: Uint8Array, signature: Uint8Array): boolean;
}
