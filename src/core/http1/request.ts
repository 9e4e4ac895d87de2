// Reads request line and header section as they come, a line at a time, within the limits (RFC 9112 §2.2, §3, §5). The
// one place where a ParseError of the header section becomes a verdict. Leaves out the content (body.ts).

import { ParseError } from '../bytes/reader.js';
import type { BodySource, ConnectionInfo, Field, Request } from '../http/message.js';
import { TextCache, TOKEN } from '../http/text.js';
import { limits } from '../limits.js';
import type { InputBuffer } from './input.js';
import {
  interpretRequest,
  lineEnd,
  parseFieldLine,
  parseRequestLine,
  type RequestHead,
  type RequestLine,
} from './message.js';
import { type Refusal, refusalOf, refusals } from './refusals.js';

const LF = 0x0a;
const CR = 0x0d;
const SP = 0x20;

/** The request as the handler sees it. */
export function requestOf(
  head: RequestHead,
  scheme: 'http' | 'https',
  body: BodySource,
  connection: ConnectionInfo,
  serial: number,
): Request {
  const { version, method, authority, path, headers } = head;
  return { version, method, scheme, authority, path, headers, body, connection, serial };
}

export class RequestReader {
  /** Where a refusal struck, in bytes since the connection began. */
  refusedAt = 0;
  /** Of the request that was read last, as far as its request line was understood: the answer to HEAD depends on it. */
  method = '';
  readonly texts = new TextCache();
  #emptyLines = 0;
  #line: RequestLine | undefined;
  #fields: Field[] = [];
  #sectionBytes = 0;

  /** Nothing of a request was read yet; the CRLF that old clients send after one does not count. */
  get idle(): boolean {
    return this.#line === undefined;
  }

  /** A whole head, a verdict against it, or undefined: more bytes are needed. What was understood is consumed. */
  read(input: InputBuffer): RequestHead | Refusal | undefined {
    try {
      if (this.#line === undefined) {
        const refusal = this.#readRequestLine(input);
        if (refusal !== undefined) return refusal;
        if (this.#line === undefined) return undefined;
      }
      return this.#readFields(input, this.#line);
    } catch (error) {
      if (!(error instanceof ParseError)) throw error;
      this.refusedAt = input.streamOffset(error.offset);
      return refusalOf(error.what);
    }
  }

  #readRequestLine(input: InputBuffer): Refusal | undefined {
    const { requestLineBytes, methodBytes, emptyLines } = limits.http1;
    for (;;) {
      this.refusedAt = input.streamOffset(input.start);
      if (input.length === 0) return undefined;
      const first = input.bytes[input.start]!;
      if (first !== CR && first !== LF) {
        // Found out with the first byte, so that a TLS ClientHello on a plain port does not wait for a line end.
        if (TOKEN[first] === 0) return refusals.notHttp;
        break;
      }
      // RFC 9112 §2.2: old clients send a CRLF too many after a POST.
      const lf = input.findLine(2);
      if (lf === -1) return undefined;
      if (lf === -2) return refusals.bareCr;
      lineEnd(input.bytes, input.start, lf);
      if (++this.#emptyLines > emptyLines) return refusals.emptyLines;
      input.consume(2);
    }
    const { start } = input;
    this.method = '';
    const lf = input.findLine(requestLineBytes);
    if (lf === -1) return undefined;
    if (lf === -2) {
      // RFC 9112 §3: either the method or the target is what makes it too long.
      const methodEnd = input.bytes.subarray(start, start + methodBytes + 1).indexOf(SP);
      if (methodEnd < 0) return refusals.methodTooLong;
      return refusals.targetTooLong;
    }
    const line = parseRequestLine(input.bytes, start, lineEnd(input.bytes, start, lf), this.texts);
    if (line.method.length > methodBytes) return refusals.methodTooLong;
    // RFC 9110 §15.6.6. `PRI * HTTP/2.0` gets here as well: RFC 9113 §3.4 chose it so that we would refuse it.
    if (line.major !== 1) return refusals.versionUnknown;
    input.consume(lf + 1 - start);
    this.method = line.method;
    this.#line = line;
    return undefined;
  }

  #readFields(input: InputBuffer, line: RequestLine): RequestHead | Refusal | undefined {
    const { headerSectionBytes, fieldLines } = limits.http1;
    for (;;) {
      const { start } = input;
      this.refusedAt = input.streamOffset(start);
      const lf = input.findLine(headerSectionBytes - this.#sectionBytes);
      if (lf === -1) return undefined;
      if (lf === -2) return refusals.sectionTooLarge;
      const end = lineEnd(input.bytes, start, lf);
      if (end === start) {
        input.consume(2);
        const fields = this.#fields;
        this.#fields = [];
        this.#line = undefined;
        this.#emptyLines = 0;
        this.#sectionBytes = 0;
        return interpretRequest(line, fields);
      }
      if (this.#fields.length === fieldLines) return refusals.tooManyFields;
      this.#fields.push(parseFieldLine(input.bytes, start, end, this.texts));
      this.#sectionBytes += lf + 1 - start;
      input.consume(lf + 1 - start);
    }
  }
}
