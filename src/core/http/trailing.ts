// `/trailers`: content, and behind it trailer fields that could not have been known before (RFC 9110 §6.5): the CRC and the
// length of what was sent, and the trailer fields of the request. Leaves out trailers of other places: they have none.

import { bytesBody } from './body.js';
import { crc32, hex32 } from './checksum.js';
import type { BodySource, Field, Request, Response } from './message.js';
import { latin1Bytes } from './text.js';

const ANNOUNCED: Field = ['trailer', 'x-content-crc32, x-content-length, x-request-trailer'];

/** GET: some lines; POST and PUT: the content of the request. */
export function trailing(request: Request): Response {
  const reads = request.method !== 'POST' && request.method !== 'PUT';
  const lines = 'content, and behind it three kinds of trailer fields\n';
  const source = reads ? bytesBody(latin1Bytes(lines)) : request.body;
  const type = reads ? 'text/plain; charset=utf-8' : 'application/octet-stream';
  return { status: 200, headers: [['content-type', type], ANNOUNCED], body: withTrailers(source, request.body) };
}

function withTrailers(source: BodySource, requestBody: BodySource): BodySource {
  let crc = 0;
  let length = 0;
  return {
    // Only content that does not say its length has a trailer section in HTTP/1.1.
    length: undefined,
    get dueUs() {
      return source.dueUs;
    },
    read(maxBytes, nowUs) {
      const piece = source.read(maxBytes, nowUs);
      if (piece !== undefined) {
        crc = crc32(piece, crc);
        length += piece.length;
      }
      return piece;
    },
    trailers: () => [
      ['x-content-crc32', hex32(crc)],
      ['x-content-length', String(length)],
      // A space behind the colon of an empty value would be no part of ours either (RFC 9110 §5.5, RFC 9113 §8.2.1).
      ...(requestBody.trailers?.() ?? []).map(
        ([name, value]): Field => ['x-request-trailer', value === '' ? `${name}:` : `${name}: ${value}`],
      ),
    ],
    cancel: () => source.cancel?.(),
  };
}
