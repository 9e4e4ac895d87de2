// Protection of records by AES-GCM: RFC 5246 §6.2.3.3 (GenericAEADCipher, additional data) and RFC 5288 §3 (nonce). One
// RecordCipher is one direction of a connection: a key, its salt and the sequence number (RFC 5246 §6.1).

import type { Aead } from '../crypto.js';
import { RECORD_HEADER_BYTES, TLS_1_2, writeRecordHeader } from './record.js';

const EXPLICIT_NONCE_BYTES = 8;
const TAG_BYTES = 16;
/** What protection adds to a fragment: explicit nonce before, tag behind. */
export const PROTECTION_BYTES = EXPLICIT_NONCE_BYTES + TAG_BYTES;

export class RecordCipher {
  readonly #aead: Aead;
  /** salt[4], explicit[8] */
  readonly #nonce = new Uint8Array(12);
  /** seq_num[8], type, version[2], length[2] */
  readonly #additionalData = new Uint8Array(13);
  #sequenceHigh: number;
  #sequenceLow: number;
  #exhausted = false;

  /** The sequence number begins at 0; the last two parameters let tests begin near its end. */
  constructor(aead: Aead, salt: Uint8Array, sequenceHigh = 0, sequenceLow = 0) {
    this.#aead = aead;
    this.#nonce.set(salt, 0);
    this.#additionalData[9] = TLS_1_2 >>> 8;
    this.#additionalData[10] = TLS_1_2 & 0xff;
    this.#sequenceHigh = sequenceHigh;
    this.#sequenceLow = sequenceLow;
  }

  /** RFC 5246 §6.1: sequence numbers do not wrap, so after 2^64-1 no record can be sealed or opened any more. */
  get exhausted(): boolean {
    return this.#exhausted;
  }

  /** Only 2^64-1 is left: the number for a last alert. */
  get nearlyExhausted(): boolean {
    return this.#sequenceLow === 0xffff_ffff && this.#sequenceHigh === 0xffff_ffff;
  }

  /**
   * Writes a whole record, header included, to `target` at `at`; gives its length. Needs room for
   * RECORD_HEADER_BYTES + plaintext + PROTECTION_BYTES; not to be called when exhausted.
   */
  seal(contentType: number, plaintext: Uint8Array, target: Uint8Array, at: number): number {
    const fragmentBytes = plaintext.length + PROTECTION_BYTES;
    writeRecordHeader(target, at, contentType, fragmentBytes);
    this.#setAdditionalData(contentType, plaintext.length);
    // RFC 5288 §3 allows the sequence number as explicit nonce: distinct for each record, and nothing random.
    const nonceAt = at + RECORD_HEADER_BYTES;
    for (let i = 0; i < EXPLICIT_NONCE_BYTES; i++) {
      const byte = this.#additionalData[i]!;
      this.#nonce[4 + i] = byte;
      target[nonceAt + i] = byte;
    }
    this.#aead.seal(this.#nonce, this.#additionalData, plaintext, target, nonceAt + EXPLICIT_NONCE_BYTES);
    this.#advance();
    return RECORD_HEADER_BYTES + fragmentBytes;
  }

  /**
   * Opens a fragment in place: the plaintext as a view of `fragment`'s memory, or undefined when the record is not what
   * the peer sealed. Not to be called when exhausted.
   */
  open(contentType: number, fragment: Uint8Array): Uint8Array | undefined {
    const plaintextBytes = fragment.length - PROTECTION_BYTES;
    if (plaintextBytes < 0) return undefined;
    this.#setAdditionalData(contentType, plaintextBytes);
    for (let i = 0; i < EXPLICIT_NONCE_BYTES; i++) this.#nonce[4 + i] = fragment[i]!;
    const sealed = fragment.subarray(EXPLICIT_NONCE_BYTES);
    const opened = this.#aead.open(this.#nonce, this.#additionalData, sealed, sealed, 0);
    if (opened < 0) return undefined;
    this.#advance();
    return sealed.subarray(0, opened);
  }

  #setAdditionalData(contentType: number, length: number): void {
    const data = this.#additionalData;
    const high = this.#sequenceHigh;
    const low = this.#sequenceLow;
    data[0] = high >>> 24;
    data[1] = high >>> 16;
    data[2] = high >>> 8;
    data[3] = high;
    data[4] = low >>> 24;
    data[5] = low >>> 16;
    data[6] = low >>> 8;
    data[7] = low;
    data[8] = contentType;
    data[11] = length >>> 8;
    data[12] = length;
  }

  #advance(): void {
    this.#sequenceLow = (this.#sequenceLow + 1) >>> 0;
    if (this.#sequenceLow !== 0) return;
    this.#sequenceHigh = (this.#sequenceHigh + 1) >>> 0;
    if (this.#sequenceHigh === 0) this.#exhausted = true;
  }
}
