// EMSA-PSS with a given salt (RFC 8017 §9.1.1) and MGF1 (§B.2.1): node:crypto would draw the salt by itself.

import { createHash } from 'node:crypto';
import { HASH_BYTES, type HashName } from '../../core/crypto.js';

/**
 * EMSA-PSS-ENCODE, one hash for message and mask. `emBits` is the modulus' size less one. Throws a RangeError when hash
 * and salt do not fit into it.
 */
export function emsaPss(hashName: HashName, message: Uint8Array, salt: Uint8Array, emBits: number): Uint8Array {
  const hashBytes = HASH_BYTES[hashName];
  const emBytes = Math.ceil(emBits / 8);
  const dbBytes = emBytes - hashBytes - 1;
  // Step 3: at least the 0x01 before the salt has to fit, and the bits that are cleared below must not be its.
  if (emBits < 8 * (hashBytes + salt.length) + 9) {
    throw new RangeError(
      `a modulus of ${emBits + 1} bits has no room for ${hashName} and a salt of ${salt.length} bytes`,
    );
  }
  const hash = digest(hashName, new Uint8Array(8), digest(hashName, message), salt);
  const encoded = new Uint8Array(emBytes);
  // DB = PS (zeros), 0x01, salt
  encoded[dbBytes - salt.length - 1] = 1;
  encoded.set(salt, dbBytes - salt.length);
  const mask = mgf1(hashName, hash, dbBytes);
  for (let i = 0; i < dbBytes; i++) encoded[i]! ^= mask[i]!;
  encoded[0]! &= 0xff >>> (8 * emBytes - emBits);
  encoded.set(hash, dbBytes);
  encoded[emBytes - 1] = 0xbc;
  return encoded;
}

function mgf1(hashName: HashName, seed: Uint8Array, length: number): Uint8Array {
  const mask = new Uint8Array(length);
  for (let counter = 0, at = 0; at < length; counter++) {
    const block = digest(hashName, seed, Uint8Array.of(counter >>> 24, counter >>> 16, counter >>> 8, counter));
    mask.set(block.subarray(0, length - at), at);
    at += block.length;
  }
  return mask;
}

function digest(hashName: HashName, ...parts: Uint8Array[]): Uint8Array {
  const hash = createHash(hashName);
  for (const part of parts) hash.update(part);
  return hash.digest();
}
