// Fields of HTTP/1.x messages under Wireshark's names. One `http` layer a message, in the packet that completes it.

import { gunzipSync, inflateSync } from 'node:zlib';
import { reasonPhrase } from '../../core/http/status.js';
import { latin1 } from '../../core/http/text.js';
import type { StatusLine } from './http1-lines.js';
import { KeptBytes } from './kept-bytes.js';
import { streamLimits } from './stream-limits.js';
import type { InspectedField } from './types.js';

/** What a line takes besides its octets, twice over: objects and strings. */
const LINE_BYTES = 240;

export class Http1Fields {
  readonly #isRequest: boolean;
  readonly #start: InspectedField[] = [];
  readonly #lines: InspectedField[] = [];
  readonly #end: InspectedField[] = [];
  readonly #content = new KeptBytes();
  /** The lines as they came. */
  readonly #header: string[] = [''];
  readonly #trailer: string[] = [];
  #coding = '';
  #requestNs: number | undefined;
  #chunks = 0;
  #heldBytes = 0;

  constructor(isRequest: boolean) {
    this.#isRequest = isRequest;
  }

  /** Memory, roughly. */
  get heldBytes(): number {
    return this.#heldBytes + this.#content.capacity;
  }

  /** `line` with its line end. */
  line(line: Uint8Array, isTrailer: boolean): void {
    this.#heldBytes += LINE_BYTES + 2 * line.length;
    const text = latin1(line, 0, line.length);
    (isTrailer ? this.#trailer : this.#header).push(text);
    if (isTrailer) {
      this.#lines.push({ name: 'http.chunked_trailer_part', value: text });
      return;
    }
    const colon = text.indexOf(':');
    const name = text.slice(0, Math.max(0, colon)).trim().toLowerCase();
    const value = text.slice(colon + 1).trim();
    if (name === 'content-encoding') this.#coding = value.toLowerCase();
    if (name === 'content-length') {
      this.#lines.push({ name: 'http.content_length_header', value });
      if (/^[0-9]{1,15}$/.test(value)) this.#lines.push({ name: 'http.content_length', value: Number(value) });
    } else {
      const named = NAMED.get(name);
      if (named !== undefined) this.#lines.push({ name: named, value });
    }
    this.#lines.push({ name: this.#isRequest ? 'http.request.line' : 'http.response.line', value: text });
  }

  request(method: string, target: string, version: string, uri: string): void {
    this.#header[0] = `${method} ${target} ${version}\r\n`;
    this.#start.push(
      { name: 'http.request.method', value: method },
      { name: 'http.request.uri', value: target },
      { name: 'http.request.version', value: version },
    );
    const query = target.indexOf('?');
    if (query >= 0) {
      this.#start.push({ name: 'http.request.uri.path', value: target.slice(0, query) });
      this.#start.push({ name: 'http.request.uri.query', value: target.slice(query + 1) });
    }
    this.#end.push({ name: 'http.request.full_uri', value: uri }, { name: 'http.request', value: true });
  }

  /** `requestIn`: the packet that completed the request; 0 when it is not known. `requestNs`: when that was. */
  response({ version, status, reason }: StatusLine, requestIn: number, requestNs: number | undefined): void {
    this.#requestNs = requestNs;
    this.#header[0] = `${version} ${status} ${reason}\r\n`;
    this.#start.push(
      { name: 'http.response.version', value: version },
      { name: 'http.response.code', value: status, text: reasonPhrase(status) },
      { name: 'http.response.phrase', value: reason },
    );
    this.#end.push({ name: 'http.response', value: true });
    if (requestIn > 0) this.#end.push({ name: 'http.request_in', value: requestIn });
  }

  chunk(size: number): void {
    if (++this.#chunks > streamLimits.chunkFields) return;
    this.#end.push({ name: 'http.chunk_size', value: size });
  }

  content(bytes: Uint8Array): void {
    this.#content.add(bytes.subarray(0, streamLimits.fieldContentBytes - this.#content.length));
  }

  /** The message without its transfer coding; of its content as much as is kept. */
  get bytes(): Uint8Array {
    const head = Buffer.from(`${this.#header.join('')}\r\n`, 'latin1');
    return Buffer.concat([head, this.#content.copy(), Buffer.from(this.#trailer.join(''), 'latin1')]);
  }

  /** `atNs`: when the message was complete. */
  finish(atNs: number | undefined): readonly InspectedField[] {
    const fields = [...this.#start, ...this.#lines, ...this.#end];
    if (this.#requestNs !== undefined && atNs !== undefined) {
      fields.push({ name: 'http.time', value: (atNs - this.#requestNs) / 1e9 });
    }
    if (this.#content.length > 0) {
      const content = decoded(this.#coding, this.#content.copy());
      fields.push({ name: 'http.file_data', value: new Uint8Array(content) });
    }
    return fields;
  }
}

/** Wireshark shows content as it was before its coding; what does not decode is shown as it is. */
function decoded(coding: string, content: Uint8Array): Uint8Array {
  const options = { maxOutputLength: streamLimits.fieldContentBytes };
  try {
    if (coding === 'gzip' || coding === 'x-gzip') return gunzipSync(content, options);
    if (coding === 'deflate') return inflateSync(content, options);
  } catch {
    return content;
  }
  return content;
}

const NAMED: ReadonlyMap<string, string> = new Map(
  [
    ...['accept', 'accept-encoding', 'accept-language', 'authorization', 'cache-control', 'connection'],
    ...['content-encoding', 'content-type', 'cookie', 'date', 'host', 'http2-settings', 'last-modified', 'location'],
    ...['proxy-authenticate', 'proxy-authorization', 'referer', 'sec-websocket-accept', 'sec-websocket-extensions'],
    ...['sec-websocket-key', 'sec-websocket-protocol', 'sec-websocket-version', 'server', 'set-cookie'],
    ...['transfer-encoding', 'upgrade', 'user-agent', 'www-authenticate', 'x-forwarded-for'],
  ].map((name) => [name, `http.${name.replaceAll('-', '_')}`]),
);
