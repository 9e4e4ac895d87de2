// What protects the records of one direction under one key: the interface that the record layer sees, and which protection
// a cipher suite means. RFC 5246 §6.2.3, RFC 8446 §5.2. Where the keys come from is the key schedules' concern.

import type { AeadName, CbcName, Crypto } from '../crypto.js';
import { CbcCipher } from './cbc.js';
import { RecordCipher, XorNonceCipher } from './cipher.js';
import { RecordCipher13 } from './cipher13.js';
import type { CipherSuiteInfo } from './suites.js';

export interface RecordProtection {
  /** Bytes that `seal` adds to content at most; the header is not counted. */
  readonly overhead: number;
  /** No sequence number is left: nothing can be sealed or opened any more. */
  readonly exhausted: boolean;
  /**
   * The key should be replaced, or the connection be closed, by the next record: only sequence number 2^64-1 is left, or
   * (1.3) the limit on key usage is reached.
   */
  readonly nearlyExhausted: boolean;
  /**
   * Of the record that was opened last. 1.2: as in its header. 1.3: of TLSInnerPlaintext, 0 when there was nothing but
   * padding.
   */
  readonly contentType: number;
  /** Bytes of the same record that limits on record sizes count: content, in 1.3 with type and padding. */
  readonly plaintextBytes: number;

  /** Length of the fragment that `seal` makes of so much content. */
  fragmentBytes(contentBytes: number): number;
  /** The shortest and the longest fragment of a plaintext of so many bytes, as `plaintextBytes` counts them. */
  shortestFragmentBytes(plaintextBytes: number): number;
  longestFragmentBytes(plaintextBytes: number): number;
  /**
   * Writes a whole record, header included, to `target` at `at`; gives its length. Needs room for a header and
   * `fragmentBytes(content.length)`. Not to be called when exhausted.
   */
  seal(contentType: number, content: Uint8Array, target: Uint8Array, at: number): number;
  /**
   * Opens a fragment in place: the content as a view of `fragment`'s memory, or undefined when the record is not what the
   * peer sealed. `contentType` and `version` (1.2 when left out) are the header's. Not to be called when exhausted.
   */
  open(contentType: number, fragment: Uint8Array, version?: number): Uint8Array | undefined;
}

/** What the key block of RFC 5246 §6.3 has for one direction. */
export interface DirectionKeys12 {
  readonly key: Uint8Array;
  /** As long as the suite's `fixedIvBytes`. */
  readonly iv: Uint8Array;
  /** CBC suites. */
  readonly macKey?: Uint8Array;
}

export interface CbcOptions {
  /** RFC 7366. */
  readonly encryptThenMac: boolean;
  /**
   * 32 bytes that nobody else knows, a labelled draw: explicit IVs are made of them, so that they cannot be predicted and
   * are the same in a replay. Empty for those that only open records.
   */
  readonly ivSecret: Uint8Array;
}

const MAC_THEN_ENCRYPT: CbcOptions = { encryptThenMac: false, ivSecret: new Uint8Array(0) };

/** For a TLS 1.2 suite. `cbc` says how, for suites of that kind; others do not look at it. */
export function protection12(
  crypto: Crypto,
  suite: CipherSuiteInfo,
  keys: DirectionKeys12,
  cbc: CbcOptions = MAC_THEN_ENCRYPT,
): RecordProtection {
  if (suite.mac !== undefined) return new CbcCipher(crypto, suite.cipher as CbcName, keys.key, keys.macKey!, cbc);
  const aead = crypto.aead(suite.cipher as AeadName, keys.key);
  return suite.fixedIvBytes === 12 ? new XorNonceCipher(aead, keys.iv) : new RecordCipher(aead, keys.iv);
}

/** For a TLS 1.3 suite; `key` and `iv` as RFC 8446 §7.3 derives them. */
export function protection13(
  crypto: Crypto,
  suite: CipherSuiteInfo,
  key: Uint8Array,
  iv: Uint8Array,
): RecordProtection {
  const cipher = suite.cipher as AeadName;
  return new RecordCipher13(crypto.aead(cipher, key), cipher, iv);
}
