// ECDSA on P-256 with SHA-256 and the nonce of RFC 6979 §3.2, because node:crypto would draw one. The curve's arithmetic
// is node:crypto's (k times the base point is the public key of k), the rest is one line of BigInt. The BigInt part does
// not run in constant time: it is meant for the keys of a testbench.

import { createECDH, createHash, createHmac } from 'node:crypto';

/** FIPS 186-4 §D.1.2.3: the order of P-256's base point. */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const SCALAR_BYTES = 32;

/** A signature as DER (RFC 3279 §2.2.3). `privateKey`: 1 to the order less one, 32 bytes. */
export function signEcdsaP256(privateKey: Uint8Array, message: Uint8Array): Uint8Array {
  // The hash has as many bits as the order, so bits2int (RFC 6979 §2.3.2) cuts nothing off.
  const hash = createHash('sha256').update(message).digest();
  const z = toInteger(hash);
  const x = toInteger(privateKey);
  for (const k of nonces(privateKey, toBytes(z % ORDER))) {
    const r = toInteger(timesBasePoint(k).subarray(1, 1 + SCALAR_BYTES)) % ORDER;
    const s = (inverse(toInteger(k)) * (z + r * x)) % ORDER;
    if (r !== 0n && s !== 0n) return encodeSignature(r, s);
  }
  throw new Error('unreachable: the nonces do not end');
}

/** RFC 6979 §3.2 b to h; each further value is the one that comes after a nonce that did not serve. */
function* nonces(privateKey: Uint8Array, hash: Uint8Array): Generator<Uint8Array> {
  let v: Uint8Array = new Uint8Array(SCALAR_BYTES).fill(1);
  let key: Uint8Array = new Uint8Array(SCALAR_BYTES);
  for (const octet of [0, 1]) {
    key = hmac(key, v, Uint8Array.of(octet), privateKey, hash);
    v = hmac(key, v);
  }
  for (;;) {
    v = hmac(key, v);
    const k = toInteger(v);
    if (k > 0n && k < ORDER) yield v;
    key = hmac(key, v, Uint8Array.of(0));
    v = hmac(key, v);
  }
}

function hmac(key: Uint8Array, ...parts: Uint8Array[]): Uint8Array {
  const mac = createHmac('sha256', key);
  for (const part of parts) mac.update(part);
  return mac.digest();
}

function timesBasePoint(scalar: Uint8Array): Uint8Array {
  const ecdh = createECDH('prime256v1');
  ecdh.setPrivateKey(scalar);
  return ecdh.getPublicKey();
}

/** Modulo the order, by Euclid's extended algorithm. */
function inverse(value: bigint): bigint {
  let [low, high] = [value, ORDER];
  let [a, b] = [1n, 0n];
  while (low > 1n) {
    const quotient = high / low;
    [low, high] = [high - quotient * low, low];
    [a, b] = [b - quotient * a, a];
  }
  return a < 0n ? a + ORDER : a;
}

function toInteger(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')}`);
}

function toBytes(value: bigint): Uint8Array {
  return Buffer.from(value.toString(16).padStart(2 * SCALAR_BYTES, '0'), 'hex');
}

/** Ecdsa-Sig-Value ::= SEQUENCE { r INTEGER, s INTEGER }; both are below 2^256, so all lengths fit into one byte. */
function encodeSignature(r: bigint, s: bigint): Uint8Array {
  const body = [...encodeInteger(r), ...encodeInteger(s)];
  return Uint8Array.of(0x30, body.length, ...body);
}

function encodeInteger(value: bigint): Uint8Array {
  const digits = value.toString(16);
  // X.690 §8.3.2: two's complement, as short as it goes; a leading bit of 1 would make it negative.
  const bytes = Buffer.from(digits.padStart(digits.length + (digits.length % 2), '0'), 'hex');
  return bytes[0]! < 0x80 ? Uint8Array.of(2, bytes.length, ...bytes) : Uint8Array.of(2, bytes.length + 1, 0, ...bytes);
}
