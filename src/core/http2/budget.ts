// How often a peer may do what costs us more than it does good (RFC 9113 §10.5): a token bucket in logical time, so
// that the same timed input always meets the same limit.

import { MICROS_PER_SECOND } from '../time.js';
import type { Micros } from '../types.js';

export class Budget {
  readonly #fullMicroTokens: number;
  readonly #perSecond: number;
  #microTokens: number;
  #refilledUs: Micros = 0;

  /** `burst` at once, and `perSecond` (1 or more) come back each second. */
  constructor(burst: number, perSecond: number) {
    this.#fullMicroTokens = burst * MICROS_PER_SECOND;
    this.#perSecond = perSecond;
    this.#microTokens = this.#fullMicroTokens;
  }

  /** False when there is nothing left to spend. */
  spend(nowUs: Micros): boolean {
    const elapsedUs = Math.max(0, nowUs - this.#refilledUs);
    this.#refilledUs = Math.max(this.#refilledUs, nowUs);
    // Compared before it is multiplied, so that a long silence stays a safe integer.
    if (elapsedUs >= this.#fullMicroTokens) this.#microTokens = this.#fullMicroTokens;
    else this.#microTokens = Math.min(this.#fullMicroTokens, this.#microTokens + elapsedUs * this.#perSecond);
    if (this.#microTokens < MICROS_PER_SECOND) return false;
    this.#microTokens -= MICROS_PER_SECOND;
    return true;
  }
}
