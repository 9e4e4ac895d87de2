// HPACK integers (RFC 7541 §5.1): an N-bit prefix in the first octet, then seven bits an octet, least significant first.
// Owns both directions. What the integer means is up to the caller; the upper bound is the same for every use.

import { ParseError } from '../../bytes/reader.js';
import { limits } from '../../limits.js';

/** Where decoding stands: the octets of one field block and the next one to read. Shared by all HPACK decoders. */
export interface Cursor {
  bytes: Uint8Array;
  at: number;
  end: number;
}

/** Raises ParseError at the cursor. */
export function fail(cursor: Cursor, what: string): never {
  throw new ParseError('http2', what, cursor.at);
}

/**
 * Reads an integer whose prefix is the low `prefixBits` bits of the octet at the cursor.
 * RFC 7541 §5.1: encodings beyond the implementation's limit in value or octets are decoding errors; trailing zero
 * groups are legal but would let a peer send octets without end, hence the bound on octets too.
 */
export function decodeInteger(cursor: Cursor, prefixBits: number, field: string): number {
  if (cursor.at >= cursor.end) fail(cursor, `${field}: integer cut off`);
  const bytes = cursor.bytes;
  const mask = (1 << prefixBits) - 1;
  let value = bytes[cursor.at++]! & mask;
  if (value < mask) return value;
  for (let octets = 0, shift = 0; octets < limits.http2.integerOctets; octets++, shift += 7) {
    if (cursor.at >= cursor.end) fail(cursor, `${field}: integer cut off`);
    const octet = bytes[cursor.at++]!;
    // At most four octets of seven bits: 28 bits and a prefix of 8 stay far below 2^31.
    value += (octet & 0x7f) << shift;
    if (octet < 0x80) return value;
  }
  return fail(cursor, `${field}: integer too long`);
}

/** Octets that `encodeInteger` writes at most for values below 2^32. */
export const INTEGER_MAX_OCTETS = 6;

/** Writes `value` behind the `pattern` bits of the first octet; gives the offset behind it. The caller has the room. */
export function encodeInteger(
  target: Uint8Array,
  at: number,
  prefixBits: number,
  pattern: number,
  value: number,
): number {
  const mask = (1 << prefixBits) - 1;
  if (value < mask) {
    target[at] = pattern | value;
    return at + 1;
  }
  target[at++] = pattern | mask;
  let rest = value - mask;
  while (rest >= 0x80) {
    target[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[at] = rest;
  return at + 1;
}
