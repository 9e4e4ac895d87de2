// The cryptographic primitives that the protocols stand on, as an interface. The protocols are ours, the primitives are
// not: `src/io/node-crypto.ts` implements this over node:crypto. Everything is synchronous and a pure function of its
// arguments; whatever is random comes in as bytes.

export type HashName = 'sha256' | 'sha384' | 'sha512';
export type AeadName = 'aes-128-gcm';
/** RFC 8422 §5.1.1 names. */
export type GroupName = 'x25519' | 'secp256r1';
/** RFC 8446 §4.2.3 names; the code points are in `tls/extensions.ts`. */
export type SignatureName = 'rsa_pkcs1_sha256' | 'rsa_pss_rsae_sha256';

/** A running hash. `digest` may be called at any time and the hash goes on; `clone` forks it. */
export interface Hash {
  update(bytes: Uint8Array): void;
  digest(): Uint8Array;
  clone(): Hash;
}

/** One AEAD key. The caller owns the nonces. Tags are 16 bytes and follow the ciphertext. */
export interface Aead {
  /** Writes ciphertext and tag to `target` at `targetOffset`; gives the number of bytes written (plaintext + 16). */
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

/** One side of an (EC)DH exchange. */
export interface KeyExchange {
  /** As it goes on the wire: 32 bytes for x25519, 65 bytes uncompressed for secp256r1. */
  readonly publicKey: Uint8Array;
  /** The shared secret, or undefined when the peer's public key is invalid (not on the curve, low order, wrong length). */
  derive(peerPublicKey: Uint8Array): Uint8Array | undefined;
}

/** A private key that stays parsed. Made outside core. */
export interface SigningKey {
  readonly type: 'rsa';
  readonly modulusBits: number;
}

export interface Crypto {
  createHash(name: HashName): Hash;
  hmac(name: HashName, key: Uint8Array, data: Uint8Array): Uint8Array;
  aead(name: AeadName, key: Uint8Array): Aead;
  /** Undefined when `privateKey` is not valid in the group (secp256r1: zero or not below the order). */
  keyExchange(group: GroupName, privateKey: Uint8Array): KeyExchange | undefined;
  /** Deterministic. `salt` is used by rsa_pss_rsae_sha256 only (32 bytes). */
  sign(key: SigningKey, scheme: SignatureName, message: Uint8Array, salt: Uint8Array): Uint8Array;
}
