// How many ICMP errors leave (RFC 1812 §4.3.2.8, RFC 4443 §2.4 f): a token bucket in logical time, in whole numbers. One for
// both versions, as in Linux; that its state can be probed (CVE-2020-25705) harms who asks questions over UDP, and we do not.

import { limits } from '../limits.js';
import { MICROS_PER_SECOND } from '../time.js';
import type { Micros } from '../types.js';

const FULL = limits.ip.icmpErrorBurst * MICROS_PER_SECOND;

export class ErrorRate {
  /** In millionths of a message, so that a microsecond adds a whole number of them. */
  #level = FULL;
  #lastUs: Micros = 0;

  /** True: one may leave, and is counted. */
  take(nowUs: Micros): boolean {
    const elapsedUs = Math.min(nowUs - this.#lastUs, MICROS_PER_SECOND);
    this.#level = Math.min(FULL, this.#level + elapsedUs * limits.ip.icmpErrorsPerSecond);
    this.#lastUs = nowUs;
    if (this.#level < MICROS_PER_SECOND) return false;
    this.#level -= MICROS_PER_SECOND;
    return true;
  }
}
