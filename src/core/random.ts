// Labelled, stateless randomness: bytes(flow, purpose, n) = HMAC-SHA256(seed, flow || purpose || counter). There is no
// generator state, so a new draw, another connection or another order shifts nothing else.

import type { Crypto } from './crypto.js';

export interface RandomSource {
  /** The same flow and purpose always give the same bytes: a second draw of one kind needs a purpose of its own. */
  bytes(flow: string, purpose: string, length: number): Uint8Array;
}

/** Of the seed of a run. */
export const SEED_BYTES = 32;

/** The randomness of a run; `seed` is not copied. Raises RangeError for one that has not 32 bytes. */
export function createRandomSource(crypto: Crypto, seed: Uint8Array): RandomSource {
  // A text has a length as well: 64 hex digits are no seed.
  if (seed.length !== SEED_BYTES) throw new RangeError(`seed: ${SEED_BYTES} bytes are wanted, not ${seed.length}`);
  return {
    bytes(flow, purpose, length) {
      const out = new Uint8Array(length);
      const label = encodeLabel(flow, purpose);
      const counterAt = label.length - 4;
      for (let counter = 0, at = 0; at < length; counter++, at += 32) {
        label[counterAt] = counter >>> 24;
        label[counterAt + 1] = counter >>> 16;
        label[counterAt + 2] = counter >>> 8;
        label[counterAt + 3] = counter;
        const block = crypto.hmac('sha256', seed, label);
        out.set(block.subarray(0, Math.min(32, length - at)), at);
      }
      return out;
    },
  };
}

/** flow, 0, purpose, 0, room for a 32-bit counter. Names are ASCII; the zero bytes keep ("a", "bc") and ("ab", "c") apart. */
function encodeLabel(flow: string, purpose: string): Uint8Array {
  const label = new Uint8Array(flow.length + purpose.length + 6);
  for (let i = 0; i < flow.length; i++) label[i] = flow.charCodeAt(i);
  for (let i = 0; i < purpose.length; i++) label[flow.length + 1 + i] = purpose.charCodeAt(i);
  return label;
}
