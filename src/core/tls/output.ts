// The records that wait for the peer: sealed into one buffer as they are written, taken off its front as TCP has room. The
// buffer is reused; nothing is allocated for a record.

import { makeRoom } from '../bytes/room.js';
import type { Trace } from '../trace.js';
import type { Micros } from '../types.js';
import { PROTECTION_BYTES, type RecordCipher } from './cipher.js';
import { RECORD_HEADER_BYTES, TLS_1_2, writeRecordHeader } from './record.js';

const SMALLEST_BYTES = 4096;

export class RecordOutput {
  readonly #flow: string;
  readonly #trace: Trace | undefined;
  #cipher: RecordCipher | undefined;
  #bytes: Uint8Array = new Uint8Array(0);
  #start = 0;
  #end = 0;

  constructor(flow: string, trace: Trace | undefined) {
    this.#flow = flow;
    this.#trace = trace;
  }

  get length(): number {
    return this.#end - this.#start;
  }

  /** One record can still be written: it is to be an alert (RFC 5246 §6.1). */
  get nearlyExhausted(): boolean {
    return this.#cipher?.nearlyExhausted ?? false;
  }

  /** RFC 5246 §7.1: records after our ChangeCipherSpec are protected. */
  protect(cipher: RecordCipher): void {
    this.#cipher = cipher;
  }

  /** Appends one record with at most 2^14 bytes of content. When the sequence numbers are used up nothing is written. */
  write(nowUs: Micros, contentType: number, content: Uint8Array): void {
    const cipher = this.#cipher;
    if (cipher?.exhausted) return;
    this.#reserve(RECORD_HEADER_BYTES + content.length + (cipher === undefined ? 0 : PROTECTION_BYTES));
    const at = this.#end;
    if (cipher !== undefined) this.#end += cipher.seal(contentType, content, this.#bytes, at);
    else {
      writeRecordHeader(this.#bytes, at, contentType, content.length);
      this.#bytes.set(content, at + RECORD_HEADER_BYTES);
      this.#end += RECORD_HEADER_BYTES + content.length;
    }
    this.#trace?.(nowUs, {
      layer: 'tls',
      kind: 'record',
      flow: this.#flow,
      dir: 'out',
      contentType,
      version: TLS_1_2,
      length: this.#end - at - RECORD_HEADER_BYTES,
      encrypted: cipher !== undefined,
    });
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

  #reserve(count: number): void {
    if (count <= this.#bytes.length - this.#end) return;
    const { length } = this;
    this.#bytes = makeRoom(this.#bytes, this.#start, this.#end, count, SMALLEST_BYTES);
    this.#start = 0;
    this.#end = length;
  }
}
