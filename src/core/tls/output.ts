// The records that wait for the peer: sealed into one buffer as they are written, taken off its front as TCP has room. The
// buffer is reused; nothing is allocated for a record. How long a record may be: RFC 5246 §6.2.1, RFC 8449 §4, RFC 6066 §4.

import { makeRoom } from '../bytes/room.js';
import type { Trace } from '../trace.js';
import type { Micros } from '../types.js';
import type { RecordProtection } from './protection.js';
import { isHidden, MAX_PLAINTEXT_BYTES, RECORD_HEADER_BYTES, TLS_1_2, writeRecordHeader } from './record.js';

const SMALLEST_BYTES = 4096;

export class RecordOutput {
  readonly #flow: string;
  readonly #trace: Trace | undefined;
  #protection: RecordProtection | undefined;
  #bytes: Uint8Array = new Uint8Array(0);
  #start = 0;
  #end = 0;
  #plainContentBytes = MAX_PLAINTEXT_BYTES;
  #protectedContentBytes = MAX_PLAINTEXT_BYTES;

  constructor(flow: string, trace: Trace | undefined) {
    this.#flow = flow;
    this.#trace = trace;
  }

  get length(): number {
    return this.#end - this.#start;
  }

  /** What a record adds to its content at most, header included. */
  get overhead(): number {
    return RECORD_HEADER_BYTES + (this.#protection?.overhead ?? 0);
  }

  /** The most content that one record takes now. */
  get maxContentBytes(): number {
    return this.#protection === undefined ? this.#plainContentBytes : this.#protectedContentBytes;
  }

  /** The key should be replaced, or the connection be closed by the next record. */
  get nearlyExhausted(): boolean {
    return this.#protection?.nearlyExhausted ?? false;
  }

  /** What is written from here on is protected so. */
  protect(protection: RecordProtection): void {
    this.#protection = protection;
  }

  /** The most content of records in clear and of protected ones. */
  limit(plainContentBytes: number, protectedContentBytes: number): void {
    this.#plainContentBytes = plainContentBytes;
    this.#protectedContentBytes = protectedContentBytes;
  }

  /**
   * Appends `content` as one record, or as several when it is longer than `maxContentBytes`. When the sequence numbers are
   * used up nothing is written.
   */
  write(nowUs: Micros, contentType: number, content: Uint8Array): void {
    const most = this.maxContentBytes;
    if (content.length <= most) {
      this.#writeRecord(nowUs, contentType, content);
      return;
    }
    for (let at = 0; at < content.length; at += most) {
      this.#writeRecord(nowUs, contentType, content.subarray(at, at + most));
    }
  }

  /** Takes up to `maxBytes` off the front, as a view that is valid until the next call. */
  take(maxBytes: number): Uint8Array {
    const from = this.#start;
    const to = Math.min(this.#end, from + maxBytes);
    this.#start = to;
    if (to === this.#end) {
      this.#start = 0;
      this.#end = 0;
    }
    return this.#bytes.subarray(from, to);
  }

  #writeRecord(nowUs: Micros, contentType: number, content: Uint8Array): void {
    const protection = this.#protection;
    if (protection?.exhausted) return;
    this.#reserve(RECORD_HEADER_BYTES + (protection?.fragmentBytes(content.length) ?? content.length));
    const at = this.#end;
    if (protection !== undefined) this.#end += protection.seal(contentType, content, this.#bytes, at);
    else {
      writeRecordHeader(this.#bytes, at, contentType, content.length);
      this.#bytes.set(content, at + RECORD_HEADER_BYTES);
      this.#end += RECORD_HEADER_BYTES + content.length;
    }
    if (this.#trace === undefined) return;
    const outerType = this.#bytes[at]!;
    this.#trace(nowUs, {
      layer: 'tls',
      kind: 'record',
      flow: this.#flow,
      dir: 'out',
      contentType: outerType,
      version: TLS_1_2,
      length: this.#end - at - RECORD_HEADER_BYTES,
      encrypted: protection !== undefined,
      ...(isHidden(outerType, contentType) && { innerType: contentType }),
    });
  }

  #reserve(count: number): void {
    if (count <= this.#bytes.length - this.#end) return;
    const { length } = this;
    this.#bytes = makeRoom(this.#bytes, this.#start, this.#end, count, SMALLEST_BYTES);
    this.#start = 0;
    this.#end = length;
  }
}
