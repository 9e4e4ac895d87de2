// The client's HTTP/1.1 (RFC 9112): the recorded requests in their order, each with its fields as they were; framing is done anew.

import { fieldValue } from '../../core/http/message.js';
import { Plan, type PlannedRequest } from './plan.js';
import type { ClientSession } from './tcp.js';

const NOTHING = new Uint8Array(0);
/** Content in one chunk, where it goes in chunks. */
const CHUNK_BYTES = 16_384;

export class Http1Client implements ClientSession {
  readonly plan: Plan;
  #output: Uint8Array = NOTHING;
  #ended = false;

  constructor(requests: readonly PlannedRequest[], keepsContent = false) {
    this.plan = new Plan(requests, (_exchange, nth) => nth, keepsContent);
  }

  get finished(): boolean {
    return this.#ended || (this.plan.finished && this.#output.length === 0);
  }

  receive(bytes: Uint8Array): void {
    this.plan.saw('out', bytes);
  }

  endOfInput(): void {
    if (this.#ended) return;
    this.#ended = true;
    // A response that ends with its connection is complete now.
    this.plan.ended('out');
  }

  take(maxBytes: number): Uint8Array {
    if (this.#output.length === 0 && !this.#ended) {
      const next = this.plan.next();
      if (next !== undefined) this.#output = requestBytes(next.request);
    }
    const bytes = this.#output.subarray(0, maxBytes);
    this.#output = this.#output.subarray(bytes.length);
    if (bytes.length > 0) this.plan.saw('in', bytes);
    return bytes;
  }
}

function requestBytes(request: PlannedRequest): Uint8Array {
  const { method, target, version, authority, headers, trailers, content } = request;
  const codings = fieldValue(headers, 'transfer-encoding');
  const isChunked = codings?.toLowerCase().endsWith('chunked') === true;
  const hadLength = fieldValue(headers, 'content-length') !== undefined;
  const lines = [`${method} ${target} ${version}`];
  if (fieldValue(headers, 'host') === undefined && authority !== '') lines.push(`host: ${authority}`);
  for (const [name, value] of headers) {
    if (name !== 'content-length' && name !== 'transfer-encoding') lines.push(`${name}: ${value}`);
  }
  // Codings before the last one are still on the content.
  if (isChunked) lines.push(`transfer-encoding: ${codings}`);
  else if (content.length > 0 || hadLength) lines.push(`content-length: ${content.length}`);
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  if (!isChunked) return Buffer.concat([head, content]);
  const pieces: Uint8Array[] = [head];
  for (let at = 0; at < content.length; at += CHUNK_BYTES) {
    const piece = content.subarray(at, at + CHUNK_BYTES);
    pieces.push(Buffer.from(`${piece.length.toString(16)}\r\n`, 'latin1'), piece, Buffer.from('\r\n', 'latin1'));
  }
  const last = trailers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  pieces.push(Buffer.from(`0\r\n${last}\r\n`, 'latin1'));
  return Buffer.concat(pieces);
}
