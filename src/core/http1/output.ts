// What was made for the peer and not taken yet: one buffer that head, chunk framing and content are written straight into.
// RFC 9112 §4 and §7.1 for the wire format of what it writes. Leaves out what to write and when.

import type { Field } from '../http/message.js';
import { reasonPhrase } from '../http/status.js';
import { FIELD_VALUE, latin1Bytes, TOKEN } from '../http/text.js';
import { limits } from '../limits.js';

const SMALLEST = 4_096;
const NOTHING = new Uint8Array(0);
const CRLF = latin1Bytes('\r\n');
const COLON_SP = latin1Bytes(': ');
const LAST_CHUNK = latin1Bytes('0\r\n');
const HEX_DIGITS = latin1Bytes('0123456789abcdef');
const statusLines = new Map<number, Uint8Array>();

/** `ffff`, CRLF before and CRLF after. */
export const CHUNK_OVERHEAD = 8;
export const CONTINUE = latin1Bytes('HTTP/1.1 100 Continue\r\n\r\n');

export class OutputBuffer {
  #bytes = NOTHING;
  #start = 0;
  #end = 0;
  #frozen: readonly Field[] | undefined;
  #frozenBytes: Uint8Array = NOTHING;

  get length(): number {
    return this.#end - this.#start;
  }

  /** Free bytes that `reserve` could give at most. */
  get space(): number {
    return limits.http1.outputBytes - this.length;
  }

  /** The oldest bytes, as a view that is valid until the next call of any method. */
  take(maxBytes: number): Uint8Array {
    const count = Math.min(maxBytes, this.length);
    if (count <= 0) return NOTHING;
    const view = this.#bytes.subarray(this.#start, this.#start + count);
    this.#start += count;
    if (this.#start === this.#end) {
      this.#start = 0;
      this.#end = 0;
    }
    return view;
  }

  clear(): void {
    this.#start = 0;
    this.#end = 0;
  }

  /** Makes sure that `count` more bytes can be written; false when the limit does not allow it. */
  reserve(count: number): boolean {
    if (this.#end + count <= this.#bytes.length) return true;
    if (count > this.space) return false;
    const length = this.length;
    if (length + count <= this.#bytes.length) this.#bytes.copyWithin(0, this.#start, this.#end);
    else {
      // Small answers never need more than the smallest; whoever needs more will need it again.
      const larger = new Uint8Array(length + count <= SMALLEST ? SMALLEST : limits.http1.outputBytes);
      larger.set(this.#bytes.subarray(this.#start, this.#end));
      this.#bytes = larger;
    }
    this.#start = 0;
    this.#end = length;
    return true;
  }

  /** The caller has reserved. */
  put(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** One chunk; content is 1 to 65,535 bytes. The caller has reserved CHUNK_OVERHEAD more. */
  putChunk(content: Uint8Array): void {
    const { length } = content;
    for (let shift = length > 0xfff ? 12 : length > 0xff ? 8 : length > 0xf ? 4 : 0; shift >= 0; shift -= 4) {
      this.#bytes[this.#end++] = HEX_DIGITS[(length >> shift) & 0xf]!;
    }
    this.put(CRLF);
    this.put(content);
    this.put(CRLF);
  }

  /** The end of chunked content; the caller has reserved `fieldBytes` and 5 more. False as `putHead` says it. */
  putLastChunk(trailers: readonly Field[]): boolean {
    const start = this.#end;
    this.put(LAST_CHUNK);
    if (!this.#putFields(trailers, start)) return false;
    this.put(CRLF);
    return true;
  }

  /**
   * Status line, field lines and the empty line; the caller has reserved `headBytes`. False, and nothing written, when a
   * field holds what the wire cannot carry: CR and LF above all (RFC 9110 §5.5, RFC 9112 §11.1). `headers` are the
   * handler's, `date` and `own` come before and behind them.
   */
  putHead(status: number, date: Field, headers: readonly Field[], own: readonly Field[]): boolean {
    const start = this.#end;
    this.put(statusLine(status));
    if (this.#putFields([date], start) && this.#putHeaders(headers, start) && this.#putFields(own, start)) {
      this.put(CRLF);
      return true;
    }
    return false;
  }

  /** A list that can never change is encoded once, for as long as it is the one that comes again. */
  #putHeaders(headers: readonly Field[], start: number): boolean {
    if (headers === this.#frozen) {
      this.put(this.#frozenBytes);
      return true;
    }
    const from = this.#end;
    if (!this.#putFields(headers, start)) return false;
    if (Object.isFrozen(headers) && headers.every((field) => Object.isFrozen(field))) {
      this.#frozen = headers;
      this.#frozenBytes = this.#bytes.slice(from, this.#end);
    }
    return true;
  }

  /** Field lines. False, and nothing kept from `start` on, when one cannot be sent. */
  #putFields(fields: readonly Field[], start: number): boolean {
    for (const [name, value] of fields) {
      if (name === '' || !this.#putText(name, TOKEN)) {
        this.#end = start;
        return false;
      }
      this.put(COLON_SP);
      if (!this.#putText(value, FIELD_VALUE)) {
        this.#end = start;
        return false;
      }
      this.put(CRLF);
    }
    return true;
  }

  #putText(text: string, allowed: Uint8Array): boolean {
    const bytes = this.#bytes;
    let at = this.#end;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      // Beyond Latin-1 the table has no entry.
      if (!allowed[code]) return false;
      bytes[at++] = code;
    }
    this.#end = at;
    return true;
  }
}

/** How many bytes `putHead` writes. */
export function headBytes(status: number, fields: readonly Field[]): number {
  return statusLine(status).length + 2 + fieldBytes(fields);
}

export function fieldBytes(fields: readonly Field[]): number {
  let sum = 0;
  for (const [name, value] of fields) sum += name.length + value.length + 4;
  return sum;
}

/** Encoded once for each status; there are no more than 500 of them. RFC 9112 §4: the space stays when the phrase is empty. */
function statusLine(status: number): Uint8Array {
  let line = statusLines.get(status);
  if (line === undefined) {
    line = latin1Bytes(`HTTP/1.1 ${status} ${reasonPhrase(status)}\r\n`);
    statusLines.set(status, line);
  }
  return line;
}
