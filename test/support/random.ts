// A RandomSource for tests that need no cryptography: labelled and stateless as the real one, from a 32-bit hash (FNV-1a
// and a finaliser). The same label always gives the same bytes.

import type { RandomSource } from '../../src/core/random.js';

export function hashRandomSource(seed = 1): RandomSource {
  return {
    bytes(flow, purpose, length) {
      const out = new Uint8Array(length);
      for (let i = 0; i < length; i++) {
        let hash = (0x811c9dc5 ^ seed) >>> 0;
        for (const character of `${flow}\0${purpose}\0${i}`)
          hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193);
        hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
        out[i] = hash >>> 24;
      }
      return out;
    },
  };
}

/** The same for millions of draws: a hash of the label once, then xorshift32. */
export function fastRandomSource(seed = 1): RandomSource {
  return {
    bytes(flow, purpose, length) {
      let state = Math.imul(0x811c9dc5 ^ seed, 0x01000193);
      for (let i = 0; i < flow.length; i++) state = Math.imul(state ^ flow.charCodeAt(i), 0x01000193);
      state = Math.imul(state ^ 0x100, 0x01000193);
      for (let i = 0; i < purpose.length; i++) state = Math.imul(state ^ purpose.charCodeAt(i), 0x01000193);
      state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d);
      state = (state ^ (state >>> 13)) >>> 0 || 1;
      const out = new Uint8Array(length);
      for (let i = 0; i < length; i++) {
        state ^= state << 13;
        state ^= state >>> 17;
        state ^= state << 5;
        out[i] = state >>> 11;
      }
      return out;
    },
  };
}
