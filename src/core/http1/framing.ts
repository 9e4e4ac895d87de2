// How the content of a response is delimited: the fields that say so, and the framing around each piece (RFC 9112 §6, §7.1,
// §9.3, §9.6; RFC 9110 §8.6). Leaves out where the content comes from.

import { bytesBody } from '../http/body.js';
import type { BodySource, Field, Response } from '../http/message.js';
import { allowsContent, reasonPhrase } from '../http/status.js';
import { latin1Bytes } from '../http/text.js';
import { limits } from '../limits.js';
import { PIECE_BYTES } from './body.js';
import { CHUNK_OVERHEAD, fieldBytes, type OutputBuffer } from './output.js';
import type { Refusal } from './refusals.js';

/** RFC 9112 §6.3: how the peer knows where the content of the response ends. */
export type Framing = 'length' | 'chunked' | 'close';

/** So that a `take` of a few bytes does not make chunks of a few bytes. */
const SMALLEST_PIECE = 1_024;
/** Of a last chunk besides its fields: `0` and two line ends. */
const LAST_CHUNK_BYTES = 5;
const NO_FIELDS: readonly Field[] = [];
const CHUNKED: Field = ['transfer-encoding', 'chunked'];
const CLOSE: Field = ['connection', 'close'];
const KEEP_ALIVE: Field = ['connection', 'keep-alive'];

/** One for each connection, decided anew for each response. */
export class ResponseFraming {
  framing: Framing = 'length';
  /** Of content by length: what is still to be sent. */
  left = 0;
  /** Content bytes of this response that were put. */
  sent = 0;
  #field: Field | undefined;

  /** `version` is the request's; undefined when it was refused before it said one. */
  decide({ status, body }: Response, version: string | undefined): void {
    const length = body === undefined ? 0 : body.length;
    this.framing = 'length';
    this.left = 0;
    this.sent = 0;
    this.#field = undefined;
    // RFC 9112 §6.1, RFC 9110 §8.6: neither field in a 204; a 304 has no content to say the length of.
    if (status === 204 || status === 304) return;
    const chunks = version === 'HTTP/1.1' && allowsContent(status);
    if (chunks && (length === undefined || body?.trailers !== undefined)) {
      this.framing = 'chunked';
      this.#field = CHUNKED;
    } else if (length !== undefined || !allowsContent(status)) {
      this.left = allowsContent(status) ? length! : 0;
      this.#field = ['content-length', String(this.left)];
    } else {
      // RFC 9112 §6.1: an HTTP/1.0 client knows no chunks, so the end of the connection is the end of the content.
      this.framing = 'close';
    }
  }

  /** The fields that delimit this response and say what becomes of the connection. */
  addTo(fields: Field[], persistent: boolean, version: string | undefined): void {
    if (this.#field !== undefined) fields.push(this.#field);
    // RFC 9112 §9.6: said when it is meant. §9.3: an HTTP/1.0 client has to be told that we went along.
    if (!persistent) fields.push(CLOSE);
    else if (version === 'HTTP/1.0') fields.push(KEEP_ALIVE);
  }

  /** Room for the next piece, of which a `take` wants about `wanted` bytes in all; 0 when there is none now. */
  reserve(output: OutputBuffer, wanted: number): number {
    let room = wanted - output.length;
    const overhead = this.framing === 'chunked' ? CHUNK_OVERHEAD : 0;
    if (this.framing === 'chunked') {
      if (output.space < SMALLEST_PIECE) return 0;
      room = Math.min(Math.max(room, SMALLEST_PIECE), output.space) - CHUNK_OVERHEAD;
    } else if (this.framing === 'length') room = Math.min(room, this.left);
    room = Math.min(room, PIECE_BYTES - (this.sent % PIECE_BYTES));
    return output.reserve(room + overhead) ? room : 0;
  }

  /** One piece, for which there is room. True: it was the last one. */
  put(output: OutputBuffer, piece: Uint8Array): boolean {
    this.sent += piece.length;
    if (this.framing === 'chunked') output.putChunk(piece);
    else output.put(piece);
    if (this.framing !== 'length') return false;
    this.left -= piece.length;
    return this.left === 0;
  }

  /**
   * The body has given its last: the last chunk and the trailer section (RFC 9112 §7.1.2). False when there is no room for
   * them yet, a text when the body cannot end like that. Throws what its trailers throw.
   */
  end(output: OutputBuffer, body: BodySource): boolean | string {
    if (this.framing === 'length') return 'too little content';
    if (this.framing === 'close') return true;
    const fields = body.trailers?.() ?? NO_FIELDS;
    const size = fieldBytes(fields) + LAST_CHUNK_BYTES;
    if (size > limits.http1.responseHeadBytes) return 'the trailer section is too large';
    if (!output.reserve(size)) return false;
    return output.putLastChunk(fields) || 'a trailer field that cannot be sent';
  }
}

/** What the peer reads of a refusal. */
export function refusalResponse({ status, reason }: Refusal): Response {
  const text = latin1Bytes(`${status} ${reasonPhrase(status)}: ${reason}\n`);
  return { status, headers: [['content-type', 'text/plain; charset=utf-8']], body: bytesBody(text) };
}
