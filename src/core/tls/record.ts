// The TLS record on the wire (RFC 5246 §6.2.1, §6.2.3, RFC 8446 §5.1, §5.2): its header and how records are found in a byte
// stream. What protects the fragment is behind protection.ts, what is wrong with a header is judged in record-input.ts.

import type { Reader } from '../bytes/reader.js';
import { makeRoom } from '../bytes/room.js';

export const ContentType = {
  changeCipherSpec: 20,
  alert: 21,
  handshake: 22,
  applicationData: 23,
} as const;

/** ProtocolVersion { 3, 3 }. */
export const TLS_1_2 = 0x0303;
export const RECORD_HEADER_BYTES = 5;
/** TLSPlaintext.length, RFC 5246 §6.2.1. */
export const MAX_PLAINTEXT_BYTES = 1 << 14;
/** TLSCiphertext.length, RFC 5246 §6.2.3. */
export const MAX_CIPHERTEXT_BYTES = MAX_PLAINTEXT_BYTES + 2048;
/** TLSInnerPlaintext of TLS 1.3, type and padding included, RFC 8446 §5.4. */
export const MAX_INNER_PLAINTEXT_BYTES = MAX_PLAINTEXT_BYTES + 1;
/** TLSCiphertext.length of TLS 1.3, RFC 8446 §5.2. */
export const MAX_CIPHERTEXT_BYTES_13 = MAX_PLAINTEXT_BYTES + 256;

export interface RecordHeader {
  readonly contentType: number;
  readonly version: number;
  /** Bytes of the fragment that follows. */
  readonly length: number;
}

/** For those who walk over fields; the server reads headers through RecordBuffer, without an object for each. */
export function decodeRecordHeader(reader: Reader): RecordHeader {
  return {
    contentType: reader.u8('type'),
    version: reader.u16('version'),
    length: reader.u16('length'),
  };
}

/** Writes the 5 bytes at `at`; every record that we send has the version of 1.2 (RFC 8446 §5.1). */
export function writeRecordHeader(target: Uint8Array, at: number, contentType: number, length: number): void {
  target[at] = contentType;
  target[at + 1] = TLS_1_2 >>> 8;
  target[at + 2] = TLS_1_2 & 0xff;
  target[at + 3] = length >>> 8;
  target[at + 4] = length;
}

/** Whether a header says application data of something else (RFC 8446 §5.2). */
export function isHidden(headerType: number, contentType: number): boolean {
  return headerType === ContentType.applicationData && contentType !== headerType;
}

const SMALLEST_BYTES = 2048;

/**
 * Bytes as they came, and the record at their front. A record always lies in one piece, so that it is decrypted where
 * it is. The owner keeps the length bounded.
 */
export class RecordBuffer {
  #bytes: Uint8Array = new Uint8Array(0);
  #start = 0;
  #end = 0;
  #contentType = 0;
  #version = 0;
  #fragmentBytes = 0;

  get length(): number {
    return this.#end - this.#start;
  }

  /** Appends a copy. Views given out before are no longer valid. */
  push(bytes: Uint8Array): void {
    if (bytes.length > this.#bytes.length - this.#end) this.#makeRoom(bytes.length);
    this.#bytes.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** Reads the header at the front into the three properties below; false when its 5 bytes are not all there. */
  readHeader(): boolean {
    if (this.length < RECORD_HEADER_BYTES) return false;
    const bytes = this.#bytes;
    const at = this.#start;
    this.#contentType = bytes[at]!;
    this.#version = (bytes[at + 1]! << 8) | bytes[at + 2]!;
    this.#fragmentBytes = (bytes[at + 3]! << 8) | bytes[at + 4]!;
    return true;
  }

  get contentType(): number {
    return this.#contentType;
  }

  get version(): number {
    return this.#version;
  }

  /** Length of the fragment, from the header. */
  get fragmentBytes(): number {
    return this.#fragmentBytes;
  }

  /** Whether the fragment of the header that was read is there to its end. */
  get whole(): boolean {
    return this.length >= RECORD_HEADER_BYTES + this.#fragmentBytes;
  }

  /** Takes the record off the front: its fragment as a view, valid (and free to be written to) until the next push. */
  shiftFragment(): Uint8Array {
    const from = this.#start + RECORD_HEADER_BYTES;
    const to = from + this.#fragmentBytes;
    this.#start = to;
    return this.#bytes.subarray(from, to);
  }

  clear(): void {
    this.#bytes = new Uint8Array(0);
    this.#start = 0;
    this.#end = 0;
  }

  /** Moves what is left to the front of the buffer, or of a larger one. */
  #makeRoom(count: number): void {
    const length = this.length;
    this.#bytes = makeRoom(this.#bytes, this.#start, this.#end, count, SMALLEST_BYTES);
    this.#start = 0;
    this.#end = length;
  }
}
