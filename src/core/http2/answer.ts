// From a request to its response: the handler's, or ours where the request is not for the handler (RFC 9110 §7.4, §9.1,
// RFC 6585 §5), and what of a response has content at all. When it is sent is decided elsewhere.

import type { BodySource, ConnectionInfo, Handler, Response } from '../http/message.js';
import { isSendable, type RequestHead } from './headers.js';
import type { Stream } from './stream.js';
import { cancelSource } from './streams.js';

export interface AnswerOptions {
  readonly scheme: 'http' | 'https';
  readonly handler: Handler;
  readonly connection: ConnectionInfo;
}

/** `oversize`: the header list was too large to be kept. Undefined: the handler threw, or its response cannot be sent. */
export function answer(
  options: AnswerOptions,
  head: RequestHead,
  body: BodySource,
  oversize: boolean,
): Response | undefined {
  // RFC 6585 §5.
  if (oversize) return { status: 431, headers: [] };
  // RFC 9110 §9.1: a method that is known and not implemented here; there is no tunnel to offer (RFC 9113 §8.5).
  if (head.method === 'CONNECT') return { status: 501, headers: [] };
  // RFC 9110 §7.4, §15.5.20: a secured and an open connection do not answer for each other's resources.
  if (head.scheme.toLowerCase() !== options.scheme) return { status: 421, headers: [] };
  try {
    const response = options.handler({
      version: 'HTTP/2',
      method: head.method,
      scheme: options.scheme,
      authority: head.authority,
      path: head.path,
      headers: head.headers,
      body,
      connection: options.connection,
    });
    if (isSendable(response)) return response;
    if (response.body !== undefined) cancelSource(response.body);
  } catch {
    // The caller tells it, and answers 500.
  }
  return undefined;
}

/** Puts the response on the stream. A body that will not be read is told so. */
export function attach(stream: Stream, response: Response): void {
  stream.response = response;
  const body = response.body;
  if (body === undefined) return;
  // RFC 9110 §9.3.2: HEAD is answered like GET, without the content.
  const isEmpty = body.length === 0 && body.trailers === undefined;
  if (stream.method === 'HEAD' || hasNoContent(response.status) || isEmpty) {
    cancelSource(body);
    return;
  }
  stream.source = body;
  stream.leftBytes = body.length ?? -1;
}

/** RFC 9110 §15.3.5, §15.3.6, §15.4.5. */
function hasNoContent(status: number): boolean {
  return status === 204 || status === 205 || status === 304;
}
