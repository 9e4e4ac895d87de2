// Bytes in tests: hex in, hex out, and a comparison that shows where two byte strings differ.
// uvu compares Buffer and Uint8Array as unequal, so bytes are never given to assert.equal.

import * as assert from 'uvu/assert';

/** Bytes from hex; white space and `#` comments to the end of a line are skipped. */
export function hex(text: string): Uint8Array {
  const digits = text.replace(/#.*$/gm, '').replace(/\s+/g, '');
  if (digits.length % 2 !== 0 || /[^0-9a-fA-F]/.test(digits)) throw new Error(`not hex: ${text}`);
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

export function text(bytes: Uint8Array): string {
  let out = '';
  for (const byte of bytes) out += String.fromCharCode(byte);
  return out;
}

export function concat(...parts: Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Fails with the first differing offset and 16 bytes of both sides around it. */
export function equalBytes(actual: Uint8Array | undefined, expected: Uint8Array, message = 'bytes'): void {
  if (actual === undefined) {
    assert.unreachable(`${message}: undefined, expected ${expected.length} bytes`);
    return;
  }
  const shared = Math.min(actual.length, expected.length);
  let at = 0;
  while (at < shared && actual[at] === expected[at]) at++;
  if (at === shared && actual.length === expected.length) return;
  const from = Math.max(0, at - 4);
  assert.unreachable(
    `${message} differ at offset ${at} (lengths ${actual.length} and ${expected.length}):\n` +
      `  actual   @${from}: ${toHex(actual.subarray(from, from + 16))}\n` +
      `  expected @${from}: ${toHex(expected.subarray(from, from + 16))}`,
  );
}

/** A small generator of repeatable test data (xorshift32); not for anything but tests. */
export function testRandom(seed: number): {
  u32(): number;
  below(limit: number): number;
  bytes(length: number): Uint8Array;
} {
  let state = seed >>> 0 || 0x9e3779b9;
  const u32 = (): number => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
  return {
    u32,
    below: (limit) => u32() % limit,
    bytes: (length) => Uint8Array.from({ length }, () => u32() & 0xff),
  };
}
