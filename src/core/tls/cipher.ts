// Protection of TLS 1.2 records by an AEAD: RFC 5246 §6.2.3.3 (GenericAEADCipher, additional data), with the nonce of AES-GCM
// (RFC 5288 §3) or of ChaCha20-Poly1305 (RFC 7905 §2).

import type { Aead } from '../crypto.js';
import type { RecordProtection } from './protection.js';
import { RECORD_HEADER_BYTES, TLS_1_2, writeRecordHeader } from './record.js';
import { SEQUENCE_BYTES, SequenceNumber } from './sequence.js';

const EXPLICIT_NONCE_BYTES = SEQUENCE_BYTES;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** What AES-GCM adds to a fragment: explicit nonce before, tag behind. */
const PROTECTION_BYTES = EXPLICIT_NONCE_BYTES + TAG_BYTES;

/** AES-GCM: part of the nonce is in the record. */
export class RecordCipher implements RecordProtection {
  readonly overhead = PROTECTION_BYTES;
  contentType = 0;
  plaintextBytes = 0;
  readonly #aead: Aead;
  /** salt[4], explicit[8] */
  readonly #nonce = new Uint8Array(NONCE_BYTES);
  readonly #additionalData = createAdditionalData();
  readonly #sequence: SequenceNumber;

  /** The last two parameters are where the sequence number begins. */
  constructor(aead: Aead, salt: Uint8Array, sequenceHigh = 0, sequenceLow = 0) {
    this.#aead = aead;
    this.#nonce.set(salt, 0);
    this.#sequence = new SequenceNumber(sequenceHigh, sequenceLow);
  }

  get exhausted(): boolean {
    return this.#sequence.exhausted;
  }

  get nearlyExhausted(): boolean {
    return this.#sequence.atLast;
  }

  fragmentBytes(contentBytes: number): number {
    return contentBytes + PROTECTION_BYTES;
  }

  shortestFragmentBytes(plaintextBytes: number): number {
    return plaintextBytes + PROTECTION_BYTES;
  }

  longestFragmentBytes(plaintextBytes: number): number {
    return plaintextBytes + PROTECTION_BYTES;
  }

  seal(contentType: number, content: Uint8Array, target: Uint8Array, at: number): number {
    const fragmentBytes = content.length + PROTECTION_BYTES;
    writeRecordHeader(target, at, contentType, fragmentBytes);
    this.#sequence.write(this.#additionalData, 0);
    setTypeAndLength(this.#additionalData, contentType, content.length);
    // RFC 5288 §3 allows the sequence number as explicit nonce: distinct for each record, and nothing random.
    const nonceAt = at + RECORD_HEADER_BYTES;
    for (let i = 0; i < EXPLICIT_NONCE_BYTES; i++) {
      const byte = this.#additionalData[i]!;
      this.#nonce[4 + i] = byte;
      target[nonceAt + i] = byte;
    }
    this.#aead.seal(this.#nonce, this.#additionalData, content, target, nonceAt + EXPLICIT_NONCE_BYTES);
    this.#sequence.advance();
    return RECORD_HEADER_BYTES + fragmentBytes;
  }

  open(contentType: number, fragment: Uint8Array): Uint8Array | undefined {
    const contentBytes = fragment.length - PROTECTION_BYTES;
    if (contentBytes < 0) return undefined;
    this.#sequence.write(this.#additionalData, 0);
    setTypeAndLength(this.#additionalData, contentType, contentBytes);
    for (let i = 0; i < EXPLICIT_NONCE_BYTES; i++) this.#nonce[4 + i] = fragment[i]!;
    const sealed = fragment.subarray(EXPLICIT_NONCE_BYTES);
    const opened = this.#aead.open(this.#nonce, this.#additionalData, sealed, sealed, 0);
    if (opened < 0) return undefined;
    this.#sequence.advance();
    this.contentType = contentType;
    this.plaintextBytes = opened;
    return sealed.subarray(0, opened);
  }
}

/** ChaCha20-Poly1305: the nonce is not in the record, both sides make it of the sequence number. */
export class XorNonceCipher implements RecordProtection {
  readonly overhead = TAG_BYTES;
  contentType = 0;
  plaintextBytes = 0;
  readonly #aead: Aead;
  readonly #iv: Uint8Array;
  readonly #nonce = new Uint8Array(NONCE_BYTES);
  readonly #additionalData = createAdditionalData();
  readonly #sequence: SequenceNumber;

  /** `iv` has 12 bytes. */
  constructor(aead: Aead, iv: Uint8Array, sequenceHigh = 0, sequenceLow = 0) {
    this.#aead = aead;
    this.#iv = iv.slice();
    this.#sequence = new SequenceNumber(sequenceHigh, sequenceLow);
  }

  get exhausted(): boolean {
    return this.#sequence.exhausted;
  }

  get nearlyExhausted(): boolean {
    return this.#sequence.atLast;
  }

  fragmentBytes(contentBytes: number): number {
    return contentBytes + TAG_BYTES;
  }

  shortestFragmentBytes(plaintextBytes: number): number {
    return plaintextBytes + TAG_BYTES;
  }

  longestFragmentBytes(plaintextBytes: number): number {
    return plaintextBytes + TAG_BYTES;
  }

  seal(contentType: number, content: Uint8Array, target: Uint8Array, at: number): number {
    const fragmentBytes = content.length + TAG_BYTES;
    writeRecordHeader(target, at, contentType, fragmentBytes);
    this.#prepare(contentType, content.length);
    this.#aead.seal(this.#nonce, this.#additionalData, content, target, at + RECORD_HEADER_BYTES);
    this.#sequence.advance();
    return RECORD_HEADER_BYTES + fragmentBytes;
  }

  open(contentType: number, fragment: Uint8Array): Uint8Array | undefined {
    const contentBytes = fragment.length - TAG_BYTES;
    if (contentBytes < 0) return undefined;
    this.#prepare(contentType, contentBytes);
    const opened = this.#aead.open(this.#nonce, this.#additionalData, fragment, fragment, 0);
    if (opened < 0) return undefined;
    this.#sequence.advance();
    this.contentType = contentType;
    this.plaintextBytes = opened;
    return fragment.subarray(0, opened);
  }

  #prepare(contentType: number, contentBytes: number): void {
    this.#sequence.write(this.#additionalData, 0);
    setTypeAndLength(this.#additionalData, contentType, contentBytes);
    this.#sequence.writeNonce(this.#iv, this.#nonce);
  }
}

/** seq_num[8], type, version[2], length[2]; the version is in it. Also what the MAC of RFC 5246 §6.2.3.1 begins with. */
export function createAdditionalData(): Uint8Array {
  const data = new Uint8Array(SEQUENCE_BYTES + RECORD_HEADER_BYTES);
  data[9] = TLS_1_2 >>> 8;
  data[10] = TLS_1_2 & 0xff;
  return data;
}

export function setTypeAndLength(data: Uint8Array, contentType: number, length: number): void {
  data[8] = contentType;
  data[11] = length >>> 8;
  data[12] = length;
}
