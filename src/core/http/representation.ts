// The response to a GET or HEAD of something that has validators and a length: whole, in part or not at all (RFC 9110 §13,
// §14, §15.3.7). A plan says what the content is made of; whoever has the bytes makes a body of it.

import { bytesBody } from './body.js';
import { crc32, hex32 } from './checksum.js';
import { evaluate, type Validators } from './conditional.js';
import { imfFixdate } from './date.js';
import { type BodySource, type Field, fieldValue, type Response } from './message.js';
import { contentRange, parseRange } from './ranges.js';
import { reasonPhrase } from './status.js';
import { latin1Bytes } from './text.js';

export interface Representation extends Validators {
  readonly contentType: string;
  /** Bytes. */
  readonly length: number;
}

/** Bytes of our own, or so many bytes of the representation. */
export type Piece = Uint8Array | { readonly from: number; readonly length: number };

export interface Plan {
  readonly status: number;
  readonly headers: readonly Field[];
  /** In order; none: no content. */
  readonly pieces: readonly Piece[];
  /** Of all pieces together. */
  readonly length: number;
}

const MICROS_PER_SECOND = 1_000_000;
const ACCEPT_RANGES: Field = ['accept-ranges', 'bytes'];
const PLAIN_TEXT: Field = ['content-type', 'text/plain; charset=utf-8'];

/** `method` is GET or HEAD; `headers` are the request's. */
export function planRepresentation(method: string, headers: readonly Field[], representation: Representation): Plan {
  const { etag, lastModifiedSeconds, contentType, length } = representation;
  const verdict = evaluate(method, headers, representation);
  const tag: Field = ['etag', etag];
  // §15.4.5: of what a 200 would say, only what updates a cache.
  if (verdict === 304) return { status: 304, headers: [tag], pieces: [], length: 0 };
  if (verdict === 412) return words(412, 'what is here does not match', [tag]);

  const validators: Field[] = [tag];
  if (lastModifiedSeconds !== undefined) validators.push(['last-modified', dateOf(lastModifiedSeconds)]);
  const type: Field = ['content-type', contentType];
  // §14.2: GET is the only method that Range is defined for.
  const range = verdict === 'range' && method === 'GET' ? rangeField(headers) : undefined;
  const ranges = range === undefined ? undefined : parseRange(range, length);
  const whole: Plan = {
    status: 200,
    headers: [type, ACCEPT_RANGES, ...validators],
    pieces: [{ from: 0, length }],
    length,
  };
  if (ranges === undefined) return whole;
  if (ranges.length === 0) {
    return words(416, 'nothing of this range is here', [['content-range', `bytes */${length}`], ACCEPT_RANGES]);
  }
  // §15.3.7: with If-Range the client has everything but the bytes already. Players go by the type all the same.
  const known = fieldValue(headers, 'if-range') === undefined ? validators : [tag];
  if (ranges.length === 1) {
    const only = ranges[0]!;
    const place: Field = ['content-range', contentRange(only, length)];
    return { status: 206, headers: [type, place, ACCEPT_RANGES, ...known], pieces: [only], length: only.length };
  }

  // §14.6: a boundary that is the same for the same request. It depends on all that is asked for, so that content would
  // have to know it beforehand.
  const boundary = `wirebench-${hex32(crc32(latin1Bytes(etag)))}${hex32(crc32(latin1Bytes(range!)))}`;
  const pieces: Piece[] = [];
  for (const part of ranges) {
    const first = pieces.length === 0 ? '' : '\r\n';
    const place = contentRange(part, length);
    pieces.push(
      latin1Bytes(`${first}--${boundary}\r\nContent-Type: ${contentType}\r\nContent-Range: ${place}\r\n\r\n`),
      part,
    );
  }
  pieces.push(latin1Bytes(`\r\n--${boundary}--\r\n`));
  const parts: Field = ['content-type', `multipart/byteranges; boundary=${boundary}`];
  const total = lengthOf(pieces);
  // Parts that overlap may together be longer than a length can be: §14.2 lets Range be ignored.
  if (!Number.isSafeInteger(total)) return whole;
  return { status: 206, headers: [parts, ACCEPT_RANGES, ...known], pieces, length: total };
}

/** A response of bytes that can be had from any offset at once. */
export function respondWith(plan: Plan, bytes: (from: number, length: number) => BodySource): Response {
  const { status, headers, pieces, length } = plan;
  if (pieces.length === 0) return { status, headers };
  const sources = pieces.map((piece) =>
    piece instanceof Uint8Array ? bytesBody(piece) : bytes(piece.from, piece.length),
  );
  return { status, headers, body: sources.length === 1 ? sources[0]! : concatenated(sources, length) };
}

function concatenated(sources: readonly BodySource[], length: number): BodySource {
  let index = 0;
  return {
    length,
    read(maxBytes, nowUs) {
      for (; index < sources.length; index++) {
        const piece = sources[index]!.read(maxBytes, nowUs);
        if (piece !== undefined) return piece;
      }
      return undefined;
    },
    cancel() {
      for (; index < sources.length; index++) sources[index]!.cancel?.();
    },
  };
}

function rangeField(headers: readonly Field[]): string | undefined {
  let value: string | undefined;
  for (const [name, text] of headers) {
    if (name !== 'range') continue;
    // §5.3: it is no list of lines; two of them are no Range at all.
    if (value !== undefined) return undefined;
    value = text;
  }
  return value;
}

function words(status: number, text: string, headers: readonly Field[]): Plan {
  const bytes = latin1Bytes(`${status} ${reasonPhrase(status)}: ${text}\n`);
  return { status, headers: [PLAIN_TEXT, ...headers], pieces: [bytes], length: bytes.length };
}

function lengthOf(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0);
}

let lastSeconds = -1;
let lastText = '';

/** The last one is kept: it is asked for again and again. What is returned does not depend on that. */
function dateOf(seconds: number): string {
  if (seconds !== lastSeconds) {
    lastSeconds = seconds;
    lastText = imfFixdate(seconds * MICROS_PER_SECOND);
  }
  return lastText;
}
