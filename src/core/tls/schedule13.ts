// From the secrets of a TLS 1.3 handshake to keys: HKDF (RFC 5869 §2), the key schedule (RFC 8446 §7.1), key updates
// (§7.2), traffic keys (§7.3), Finished (§4.4.4), binders (§4.2.11.2) and resumption PSKs (§4.6.1). Pure functions; who
// calls which, and when, is server13.ts's concern. 0-RTT keys and exporters are left out: this server uses neither.

import { type Crypto, HASH_BYTES, type HashName, KEY_BYTES } from '../crypto.js';
import type { CipherSuiteInfo } from './suites.js';

/** The hash of the cipher suite, over the primitives. */
export interface Kdf {
  readonly crypto: Crypto;
  readonly hash: HashName;
}

/** The right side of §7.1's figure, as far as it is used here. */
export type SecretLabel =
  | 'res binder'
  | 'derived'
  | 'c hs traffic'
  | 's hs traffic'
  | 'c ap traffic'
  | 's ap traffic'
  | 'exp master'
  | 'res master';

export interface TrafficKeys {
  readonly key: Uint8Array;
  /** 12 bytes (§5.3: the largest of 8 and the AEAD's N_MIN, which is 12 for all three). */
  readonly iv: Uint8Array;
}

/** §5.3. */
export const IV_BYTES = 12;
const EMPTY = new Uint8Array(0);
const LABEL_PREFIX = 'tls13 ';

/** HKDF-Extract of RFC 5869 §2.2. An absent salt or IKM is Hash.length zeros (RFC 8446 §7.1). */
export function hkdfExtract(kdf: Kdf, salt: Uint8Array | undefined, ikm: Uint8Array | undefined): Uint8Array {
  const zeros = new Uint8Array(HASH_BYTES[kdf.hash]);
  return kdf.crypto.hmac(kdf.hash, salt ?? zeros, ikm ?? zeros);
}

/** HKDF-Expand-Label of RFC 8446 §7.1. `label` is ASCII without its prefix; at most 255 blocks of the hash. */
export function hkdfExpandLabel(
  kdf: Kdf,
  secret: Uint8Array,
  label: string,
  context: Uint8Array,
  length: number,
): Uint8Array {
  const hashBytes = HASH_BYTES[kdf.hash];
  const labelBytes = LABEL_PREFIX.length + label.length;
  const infoBytes = 2 + 1 + labelBytes + 1 + context.length;
  // T(i - 1) stands before HkdfLabel and the counter behind it, so that every round of RFC 5869 §2.3 reads one buffer.
  const input = new Uint8Array(hashBytes + infoBytes + 1);
  let at = hashBytes;
  input[at++] = length >>> 8;
  input[at++] = length;
  input[at++] = labelBytes;
  for (let i = 0; i < LABEL_PREFIX.length; i++) input[at++] = LABEL_PREFIX.charCodeAt(i);
  for (let i = 0; i < label.length; i++) input[at++] = label.charCodeAt(i);
  input[at++] = context.length;
  input.set(context, at);
  const out = new Uint8Array(length);
  for (let done = 0, counter = 1; done < length; done += hashBytes, counter++) {
    input[input.length - 1] = counter;
    const block = kdf.crypto.hmac(kdf.hash, secret, counter === 1 ? input.subarray(hashBytes) : input);
    out.set(block.subarray(0, Math.min(hashBytes, length - done)), done);
    input.set(block, 0);
  }
  return out;
}

/** Derive-Secret of §7.1, with the transcript already hashed. */
export function deriveSecret(kdf: Kdf, secret: Uint8Array, label: SecretLabel, transcriptHash: Uint8Array): Uint8Array {
  return hkdfExpandLabel(kdf, secret, label, transcriptHash, HASH_BYTES[kdf.hash]);
}

/** `psk` absent: no PSK is in use. */
export function earlySecret(kdf: Kdf, psk: Uint8Array | undefined): Uint8Array {
  return psk === undefined ? constantsOf(kdf).early : hkdfExtract(kdf, undefined, psk);
}

/** `sharedSecret` is the (EC)DHE input of §7.4. */
export function handshakeSecret(kdf: Kdf, early: Uint8Array, sharedSecret: Uint8Array): Uint8Array {
  const constants = constantsOf(kdf);
  const derived =
    early === constants.early ? constants.derived : deriveSecret(kdf, early, 'derived', constants.emptyHash);
  return hkdfExtract(kdf, derived, sharedSecret);
}

export function masterSecret13(kdf: Kdf, handshake: Uint8Array): Uint8Array {
  return hkdfExtract(kdf, deriveSecret(kdf, handshake, 'derived', constantsOf(kdf).emptyHash), undefined);
}

/** §7.3. */
export function trafficKeys(crypto: Crypto, suite: CipherSuiteInfo, secret: Uint8Array): TrafficKeys {
  const kdf: Kdf = { crypto, hash: suite.hash };
  return {
    key: hkdfExpandLabel(kdf, secret, 'key', EMPTY, KEY_BYTES[suite.cipher]),
    iv: hkdfExpandLabel(kdf, secret, 'iv', EMPTY, IV_BYTES),
  };
}

/** §7.2: application_traffic_secret_N+1. */
export function nextTrafficSecret(kdf: Kdf, secret: Uint8Array): Uint8Array {
  return hkdfExpandLabel(kdf, secret, 'traffic upd', EMPTY, HASH_BYTES[kdf.hash]);
}

/** §4.4.4: verify_data. `baseKey` is the sender's handshake traffic secret. */
export function verifyData13(kdf: Kdf, baseKey: Uint8Array, transcriptHash: Uint8Array): Uint8Array {
  const finishedKey = hkdfExpandLabel(kdf, baseKey, 'finished', EMPTY, HASH_BYTES[kdf.hash]);
  return kdf.crypto.hmac(kdf.hash, finishedKey, transcriptHash);
}

/** §4.2.11.2: the PskBinderEntry for a resumption PSK; the transcript ends before the binders. */
export function pskBinder(kdf: Kdf, psk: Uint8Array, transcriptHash: Uint8Array): Uint8Array {
  const binderKey = deriveSecret(kdf, earlySecret(kdf, psk), 'res binder', constantsOf(kdf).emptyHash);
  return verifyData13(kdf, binderKey, transcriptHash);
}

/** §4.6.1: the PSK that belongs to the ticket with this nonce. */
export function resumptionPsk(kdf: Kdf, resumptionMasterSecret: Uint8Array, ticketNonce: Uint8Array): Uint8Array {
  return hkdfExpandLabel(kdf, resumptionMasterSecret, 'resumption', ticketNonce, HASH_BYTES[kdf.hash]);
}

const SERVER_CONTEXT = 'TLS 1.3, server CertificateVerify';
const CLIENT_CONTEXT = 'TLS 1.3, client CertificateVerify';
const PAD_BYTES = 64;

/** §4.4.3: what a CertificateVerify signs. The padding and the context keep it apart from all that TLS 1.2 signs. */
export function certificateVerifyContent(signer: 'server' | 'client', transcriptHash: Uint8Array): Uint8Array {
  const context = signer === 'server' ? SERVER_CONTEXT : CLIENT_CONTEXT;
  const content = new Uint8Array(PAD_BYTES + context.length + 1 + transcriptHash.length);
  content.fill(0x20, 0, PAD_BYTES);
  for (let i = 0; i < context.length; i++) content[PAD_BYTES + i] = context.charCodeAt(i);
  content.set(transcriptHash, PAD_BYTES + context.length + 1);
  return content;
}

/** What §7.1's figure begins with when there is no PSK: the same for all connections of a hash. Nobody writes to these. */
interface Constants {
  /** Transcript-Hash(""). */
  readonly emptyHash: Uint8Array;
  readonly early: Uint8Array;
  readonly derived: Uint8Array;
}

const known = new WeakMap<Crypto, Map<HashName, Constants>>();

function constantsOf(kdf: Kdf): Constants {
  const { crypto, hash } = kdf;
  const ofCrypto = known.get(crypto) ?? new Map<HashName, Constants>();
  const found = ofCrypto.get(hash);
  if (found !== undefined) return found;
  const emptyHash = crypto.createHash(hash).digest();
  const early = hkdfExtract(kdf, undefined, undefined);
  const constants = { emptyHash, early, derived: deriveSecret(kdf, early, 'derived', emptyHash) };
  known.set(crypto, ofCrypto.set(hash, constants));
  return constants;
}
