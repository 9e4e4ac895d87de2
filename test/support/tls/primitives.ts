// The primitives of the test client, over node:crypto and nothing of ours: hashes, HMAC, the PRF of TLS 1.2 (RFC 5246 §5),
// HKDF (RFC 5869) with the labels of TLS 1.3 (RFC 8446 §7.1), key exchange, and signatures by scheme.

import {
  constants,
  createECDH,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { Writer } from '../../../src/core/bytes/writer.js';
import { concat } from '../bytes.js';
import { Group, Scheme } from './codes.js';

export type HashName = 'sha1' | 'sha256' | 'sha384';

const NOTHING = new Uint8Array(0);

export const HASH_LENGTH: Readonly<Record<HashName, number>> = { sha1: 20, sha256: 32, sha384: 48 };

export function digest(hash: HashName, ...parts: readonly Uint8Array[]): Uint8Array {
  const state = createHash(hash);
  for (const part of parts) state.update(part);
  return plain(state.digest());
}

export function hmac(hash: HashName, key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const state = createHmac(hash, key);
  for (const part of parts) state.update(part);
  return plain(state.digest());
}

/** node:crypto gives Buffers, which uvu does not take for equal to bytes. */
export function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** RFC 5246 §5: P_hash with A(i) = HMAC(secret, A(i-1)), the seed being label and seed together. */
export function prf(hash: HashName, secret: Uint8Array, label: string, seed: Uint8Array, length: number): Uint8Array {
  const labelAndSeed = concat(latin1(label), seed);
  const blocks: Uint8Array[] = [];
  let a: Uint8Array = labelAndSeed;
  for (let have = 0; have < length; have += HASH_LENGTH[hash]) {
    a = hmac(hash, secret, a);
    blocks.push(hmac(hash, secret, a, labelAndSeed));
  }
  return concat(...blocks).slice(0, length);
}

/** RFC 5869 §2.2. */
export function hkdfExtract(hash: HashName, salt: Uint8Array, inputKey: Uint8Array): Uint8Array {
  return hmac(hash, salt, inputKey);
}

/** RFC 8446 §7.1, over HKDF-Expand of RFC 5869 §2.3. */
export function hkdfExpandLabel(
  hash: HashName,
  secret: Uint8Array,
  label: string,
  context: Uint8Array,
  length: number,
): Uint8Array {
  const info = new Writer()
    .u16(length)
    .prefixed(1, (w) => w.text(`tls13 ${label}`))
    .prefixed(1, (w) => w.put(context))
    .finish();
  const blocks: Uint8Array[] = [];
  let last: Uint8Array = NOTHING;
  for (let i = 1, have = 0; have < length; i++, have += HASH_LENGTH[hash]) {
    last = hmac(hash, secret, last, info, Uint8Array.of(i));
    blocks.push(last);
  }
  return concat(...blocks).slice(0, length);
}

/** Draws bytes by purpose: the same purpose gives the same bytes, and nothing else has an influence. */
export type Draw = (purpose: string, length: number) => Uint8Array;

export function seededDraw(seed: string | number): Draw {
  return (purpose, length) => {
    const blocks: Uint8Array[] = [];
    for (let i = 0; i * 32 < length; i++) blocks.push(digest('sha256', latin1(`${seed} ${purpose} ${i}`)));
    return concat(...blocks).slice(0, length);
  };
}

export interface KeyPair {
  readonly group: number;
  readonly publicKey: Uint8Array;
  /** Throws when the peer's public key is not valid. */
  derive(peer: Uint8Array): Uint8Array;
}

const X25519_PKCS8 = Buffer.from('302e020100300506032b656e04220420', 'hex');
const X25519_SPKI = Buffer.from('302a300506032b656e032100', 'hex');

/** A key pair of the group. Undefined for a group that the client only names (GREASE). */
export function keyPair(group: number, draw: Draw): KeyPair | undefined {
  if (group === Group.x25519) {
    const der = Buffer.concat([X25519_PKCS8, draw('x25519 private', 32)]);
    const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    const publicKey = createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(-32);
    return {
      group,
      publicKey: plain(publicKey),
      derive: (peer) => {
        const spki = Buffer.concat([X25519_SPKI, peer]);
        return plain(
          diffieHellman({ privateKey, publicKey: createPublicKey({ key: spki, format: 'der', type: 'spki' }) }),
        );
      },
    };
  }
  const curves: Readonly<Record<number, readonly [string, number]>> = {
    [Group.secp256r1]: ['prime256v1', 32],
    [Group.secp384r1]: ['secp384r1', 48],
  };
  const curve = curves[group];
  if (curve === undefined) return undefined;
  const ecdh = createECDH(curve[0]);
  const privateKey = draw(`${curve[0]} private`, curve[1]);
  // Below the order of either curve, whatever was drawn: both begin with ff bytes.
  privateKey[0] = privateKey[0]! & 0x7f;
  ecdh.setPrivateKey(privateKey);
  return { group, publicKey: plain(ecdh.getPublicKey()), derive: (peer) => plain(ecdh.computeSecret(peer)) };
}

interface SchemeInfo {
  readonly key: 'rsa' | 'ec' | 'ed25519';
  readonly hash: string | null;
  readonly pss: boolean;
}

const SCHEMES: ReadonlyMap<number, SchemeInfo> = new Map([
  [Scheme.rsa_pkcs1_sha256, { key: 'rsa', hash: 'sha256', pss: false }],
  [Scheme.rsa_pkcs1_sha384, { key: 'rsa', hash: 'sha384', pss: false }],
  [Scheme.rsa_pkcs1_sha512, { key: 'rsa', hash: 'sha512', pss: false }],
  [Scheme.ecdsa_secp256r1_sha256, { key: 'ec', hash: 'sha256', pss: false }],
  [Scheme.rsa_pss_rsae_sha256, { key: 'rsa', hash: 'sha256', pss: true }],
  [Scheme.rsa_pss_rsae_sha384, { key: 'rsa', hash: 'sha384', pss: true }],
  [Scheme.rsa_pss_rsae_sha512, { key: 'rsa', hash: 'sha512', pss: true }],
  [Scheme.ed25519, { key: 'ed25519', hash: null, pss: false }],
]);

/** Whether a key of this kind can make signatures of the scheme. */
export function schemeFits(scheme: number, key: KeyObject): boolean {
  return SCHEMES.get(scheme)?.key === key.asymmetricKeyType;
}

function keyInput(info: SchemeInfo, key: KeyObject): Parameters<typeof verify>[2] {
  if (info.key !== 'rsa') return key;
  const padding = info.pss ? constants.RSA_PKCS1_PSS_PADDING : constants.RSA_PKCS1_PADDING;
  return { key, padding, ...(info.pss && { saltLength: constants.RSA_PSS_SALTLEN_DIGEST }) };
}

export function verifySignature(scheme: number, key: KeyObject, content: Uint8Array, signature: Uint8Array): boolean {
  const info = SCHEMES.get(scheme);
  if (info === undefined || info.key !== key.asymmetricKeyType) return false;
  return verify(info.hash, content, keyInput(info, key), signature);
}

/** Repeatable with PKCS#1 and Ed25519; node:crypto draws the salt of PSS and the nonce of ECDSA itself. */
export function makeSignature(scheme: number, key: KeyObject, content: Uint8Array): Uint8Array {
  const info = SCHEMES.get(scheme);
  if (info === undefined) throw new Error(`no scheme ${scheme.toString(16)}`);
  return plain(sign(info.hash, content, keyInput(info, key) as Parameters<typeof sign>[2]));
}
