// What a response's content is on the wire besides its octets: its length, its trailers, and the last piece of it when that
// has to wait (RFC 9110 §6.5, §8.6).

import type { BodySource, Field } from '../http/message.js';
import { areSendable, isLeftOut } from './headers.js';
import type { Stream } from './stream.js';

/** The value of `content-length`, or the empty string where there is to be none (RFC 9110 §8.6). */
export function contentLengthOf(stream: Stream): string {
  const response = stream.response!;
  if (response.status === 204) return '';
  if (response.status === 205) return '0';
  if (response.body === undefined) return response.status === 304 ? '' : '0';
  return response.body.length === undefined ? '' : String(response.body.length);
}

/** The trailers of a source that has ended; undefined when they cannot be sent. */
export function trailersOf(source: BodySource): readonly Field[] | undefined {
  if (source.trailers === undefined) return NO_FIELDS;
  try {
    const trailers = source.trailers().filter(([name]) => !isLeftOut(name));
    return areSendable(trailers) ? trailers : undefined;
  } catch {
    return undefined;
  }
}

/** The end of a content that was read already. */
export function lastPiece(octets: Uint8Array, trailers: readonly Field[]): BodySource {
  let at = 0;
  return {
    length: octets.length,
    read(maxBytes) {
      if (at === octets.length) return undefined;
      const from = at;
      at = Math.min(at + maxBytes, octets.length);
      return octets.subarray(from, at);
    },
    ...(trailers.length > 0 && { trailers: () => trailers }),
  };
}

const NO_FIELDS: readonly Field[] = [];
