// How the content of a response is delimited, and the fields that say so (RFC 9112 §6, §9.3, §9.6; RFC 9110 §8.6). Leaves
// out writing them (output.ts).

import { bytesBody } from '../http/body.js';
import type { Field, Response } from '../http/message.js';
import { allowsContent, reasonPhrase } from '../http/status.js';
import { latin1Bytes } from '../http/text.js';
import { limits } from '../limits.js';
import type { RequestBody } from './body.js';
import type { RequestHead } from './message.js';
import type { Refusal } from './refusals.js';

/** RFC 9112 §6.3: how the peer knows where the content of the response ends. */
export type Framing = 'length' | 'chunked' | 'close';

const CHUNKED: Field = ['transfer-encoding', 'chunked'];
const CLOSE: Field = ['connection', 'close'];
const KEEP_ALIVE: Field = ['connection', 'keep-alive'];

/** One for each connection, decided anew for each response. */
export class ResponseFraming {
  framing: Framing = 'length';
  /** Of content by length: what is still to be sent. */
  left = 0;
  #field: Field | undefined;

  /** `version` is the request's; undefined when it was refused before it said one. */
  decide({ status, body }: Response, version: string | undefined): void {
    const length = body === undefined ? 0 : body.length;
    this.framing = 'length';
    this.left = 0;
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
  fields(persistent: boolean, version: string | undefined): readonly Field[] {
    const own: Field[] = [];
    if (this.#field !== undefined) own.push(this.#field);
    // RFC 9112 §9.6: said when it is meant. §9.3: an HTTP/1.0 client has to be told that we went along.
    if (!persistent) own.push(CLOSE);
    else if (version === 'HTTP/1.0') own.push(KEEP_ALIVE);
    return own;
  }
}

/** Whether the peer can go on on this connection behind a response to `head`, whose content may still be on its way. */
export function staysOpen(
  head: RequestHead | undefined,
  body: RequestBody | undefined,
  continueSent: boolean,
): boolean {
  if (body === undefined || body.ended || body.received > 0) return true;
  // RFC 9110 §10.1.1: a final status without a 100 before it may keep the client from sending the content, or may not.
  if (head?.expectsContinue && !continueSent) return false;
  return body.wanted || (body.length ?? 0) <= limits.http1.drainBytes;
}

/** What the peer reads of a refusal. */
export function refusalResponse({ status, reason }: Refusal): Response {
  const text = latin1Bytes(`${status} ${reasonPhrase(status)}: ${reason}\n`);
  return { status, headers: [['content-type', 'text/plain; charset=utf-8']], body: bytesBody(text) };
}
