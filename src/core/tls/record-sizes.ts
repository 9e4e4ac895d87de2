// How long the peer's records may be: RFC 5246 §6.2.1, §6.2.3; RFC 8446 §5.1, §5.2, §5.4; and what the two sides agreed on,
// record_size_limit (RFC 8449 §4) or max_fragment_length (RFC 6066 §4). All of it ends in record_overflow.

import type { Verdict } from './alerts.js';
import { TLS_1_3 } from './config.js';
import type { RecordProtection } from './protection.js';
import {
  MAX_CIPHERTEXT_BYTES,
  MAX_CIPHERTEXT_BYTES_13,
  MAX_INNER_PLAINTEXT_BYTES,
  MAX_PLAINTEXT_BYTES,
} from './record.js';

export class RecordSizes {
  /** Of a fragment in clear. */
  #clearBytes = MAX_PLAINTEXT_BYTES;
  /** Of a record that was opened, as `RecordProtection.plaintextBytes` counts. */
  #plaintextBytes = MAX_PLAINTEXT_BYTES;
  /** Of a fragment that is to be opened: what the version allows, and what can hold the plaintext that is allowed. */
  #versionBytes = MAX_CIPHERTEXT_BYTES;
  #fragmentBytes = MAX_CIPHERTEXT_BYTES;
  #typeBytes = 0;
  #agreed: 'record_size_limit' | 'max_fragment_length' | undefined;

  agreeOnVersion(version: number): void {
    if (version !== TLS_1_3) return;
    this.#typeBytes = 1;
    this.#plaintextBytes = MAX_INNER_PLAINTEXT_BYTES;
    this.#versionBytes = MAX_CIPHERTEXT_BYTES_13;
    this.#fragmentBytes = MAX_CIPHERTEXT_BYTES_13;
  }

  /** RFC 8449 §4: of protected records; in 1.3 the type counts. */
  limitRecordSize(bytes: number, protection: RecordProtection | undefined): void {
    this.#agreed = 'record_size_limit';
    this.#plaintextBytes = Math.min(bytes, MAX_PLAINTEXT_BYTES + this.#typeBytes);
    if (protection !== undefined) this.protect(protection);
  }

  /**
   * RFC 6066 §4: of all records. RFC 8446 §5.4 would count the type of 1.3 in; RFC 6066 speaks of TLSPlaintext, and so do
   * clients: a byte more is taken.
   */
  limitFragmentLength(bytes: number, protection: RecordProtection | undefined): void {
    this.#agreed = 'max_fragment_length';
    this.#clearBytes = bytes;
    this.#plaintextBytes = bytes + this.#typeBytes;
    if (protection !== undefined) this.protect(protection);
  }

  /** Records are protected so from here on. */
  protect(protection: RecordProtection): void {
    if (this.#agreed === undefined) return;
    // RFC 8449 §4.1: a block cipher's padding may not make a record longer than a full one with the least of it. RFC 6066 §4
    // reckons with all the padding there can be, and has such a record refused before it is opened.
    const lowered = this.#plaintextBytes < MAX_PLAINTEXT_BYTES;
    this.#fragmentBytes =
      this.#agreed === 'record_size_limit' && lowered
        ? protection.shortestFragmentBytes(this.#plaintextBytes)
        : protection.longestFragmentBytes(this.#plaintextBytes);
  }

  checkClear(fragmentBytes: number): Verdict | undefined {
    if (fragmentBytes <= this.#clearBytes) return undefined;
    return fragmentBytes > MAX_PLAINTEXT_BYTES ? 'plaintextOverflow' : 'recordSizeLimit';
  }

  /** `unlimited`: the record may be from before the limits. */
  checkProtected(fragmentBytes: number, unlimited: boolean): Verdict | undefined {
    if (fragmentBytes > this.#versionBytes) return 'ciphertextOverflow';
    return fragmentBytes > this.#fragmentBytes && !unlimited ? 'recordSizeLimit' : undefined;
  }

  checkPlaintext(plaintextBytes: number): Verdict | undefined {
    if (plaintextBytes <= this.#plaintextBytes) return undefined;
    return this.#agreed === undefined ? 'decryptedOverflow' : 'recordSizeLimit';
  }
}
