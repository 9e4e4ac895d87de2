// The initial sequence number (RFC 6528 §3): ISN = M + F(4-tuple, secret). M is the logical clock in steps of 4 µs, F a
// labelled draw, which is HMAC-SHA256 of the 4-tuple under the run's seed. Which ISN a reused 4-tuple needs is decided in endpoint.ts.

import type { RandomSource } from '../random.js';
import type { Micros } from '../types.js';

/** `tuple` names the two sockets, without a counter: a later connection of the same pair continues the same clock. */
export function initialSequenceNumber(random: RandomSource, tuple: string, nowUs: Micros): number {
  const f = random.bytes(tuple, 'isn', 4);
  const offset = ((f[0]! << 24) | (f[1]! << 16) | (f[2]! << 8) | f[3]!) >>> 0;
  return (offset + (Math.floor(nowUs / 4) % 0x1_0000_0000)) >>> 0;
}
