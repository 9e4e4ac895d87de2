// Protection of TLS 1.3 records: RFC 8446 §5.2 (TLSInnerPlaintext, the header as additional data), §5.3 (nonce), §5.4
// (padding, taken off and never added), §5.5 (limits on key usage).

import type { Aead, AeadName } from '../crypto.js';
import { limits } from '../limits.js';
import type { RecordProtection } from './protection.js';
import { ContentType, RECORD_HEADER_BYTES, TLS_1_2, writeRecordHeader } from './record.js';
import { SequenceNumber } from './sequence.js';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** TLSInnerPlaintext.type */
const TYPE_BYTES = 1;
/** What protection adds to content: the inner type and the tag. */
const PROTECTION_BYTES = TYPE_BYTES + TAG_BYTES;

export class RecordCipher13 implements RecordProtection {
  readonly overhead = PROTECTION_BYTES;
  contentType = 0;
  plaintextBytes = 0;
  readonly #aead: Aead;
  readonly #iv: Uint8Array;
  readonly #nonce = new Uint8Array(NONCE_BYTES);
  /** opaque_type, legacy_record_version[2], length[2] */
  readonly #additionalData = new Uint8Array(RECORD_HEADER_BYTES);
  readonly #sequence: SequenceNumber;
  readonly #isGcm: boolean;

  /** `iv` has 12 bytes. */
  constructor(aead: Aead, name: AeadName, iv: Uint8Array, sequenceHigh = 0, sequenceLow = 0) {
    this.#aead = aead;
    this.#iv = iv.slice();
    this.#sequence = new SequenceNumber(sequenceHigh, sequenceLow);
    this.#isGcm = name !== 'chacha20-poly1305';
  }

  get exhausted(): boolean {
    return this.#sequence.exhausted;
  }

  /** RFC 8446 §5.5: AES-GCM bears 2^24.5 full-size records; of ChaCha20-Poly1305 the sequence numbers end first. */
  get nearlyExhausted(): boolean {
    return this.#sequence.atLast || (this.#isGcm && this.#sequence.reached(limits.tls.recordsPerKey));
  }

  fragmentBytes(contentBytes: number): number {
    return contentBytes + PROTECTION_BYTES;
  }

  /** The type is in `plaintextBytes`, and padding, too. */
  shortestFragmentBytes(plaintextBytes: number): number {
    return plaintextBytes + TAG_BYTES;
  }

  longestFragmentBytes(plaintextBytes: number): number {
    return plaintextBytes + TAG_BYTES;
  }

  seal(contentType: number, content: Uint8Array, target: Uint8Array, at: number): number {
    const fragmentBytes = content.length + PROTECTION_BYTES;
    const from = at + RECORD_HEADER_BYTES;
    const to = from + content.length + TYPE_BYTES;
    writeRecordHeader(target, at, ContentType.applicationData, fragmentBytes);
    this.#prepare(ContentType.applicationData, TLS_1_2, fragmentBytes);
    target.set(content, from);
    target[to - 1] = contentType;
    this.#aead.seal(this.#nonce, this.#additionalData, target.subarray(from, to), target, from);
    this.#sequence.advance();
    return RECORD_HEADER_BYTES + fragmentBytes;
  }

  open(contentType: number, fragment: Uint8Array, version = TLS_1_2): Uint8Array | undefined {
    if (fragment.length < TAG_BYTES) return undefined;
    // §5.2: the header as it came. Its version says nothing else to us, but it is authenticated.
    this.#prepare(contentType, version, fragment.length);
    const opened = this.#aead.open(this.#nonce, this.#additionalData, fragment, fragment, 0);
    if (opened < 0) return undefined;
    this.#sequence.advance();
    this.plaintextBytes = opened;
    // §5.4: from the end to the first byte that is not zero, which is the type.
    let end = opened - 1;
    while (end >= 0 && fragment[end] === 0) end--;
    this.contentType = end < 0 ? 0 : fragment[end]!;
    return fragment.subarray(0, Math.max(0, end));
  }

  #prepare(contentType: number, version: number, length: number): void {
    this.#sequence.writeNonce(this.#iv, this.#nonce);
    const data = this.#additionalData;
    data[0] = contentType;
    data[1] = version >>> 8;
    data[2] = version;
    data[3] = length >>> 8;
    data[4] = length;
  }
}
