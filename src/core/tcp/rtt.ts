// The retransmission timeout (RFC 6298): smoothed round-trip time, its variation, and the back-off. Integer microseconds.
// Which segments may be timed (Karn's rule, §3) is decided in send.ts.

import { MICROS_PER_MILLI, MICROS_PER_SECOND } from '../time.js';
import type { Micros } from '../types.js';

/** §2.1. */
export const INITIAL_RTO_US = MICROS_PER_SECOND;
/** §2.4 wants a second; Linux has used 200 ms for two decades, and a second is an age on a local link. */
export const MIN_RTO_US = 200 * MICROS_PER_MILLI;
/** §2.5: at least 60 seconds. */
export const MAX_RTO_US = 60 * MICROS_PER_SECOND;
/** §5.7: where to begin when the SYN-ACK's timer had expired. */
const RTO_AFTER_SYN_TIMEOUT_US = 3 * MICROS_PER_SECOND;

export class RttEstimator {
  #srttUs = -1;
  #rttvarUs = 0;
  #rtoUs: Micros = INITIAL_RTO_US;

  get rtoUs(): Micros {
    return this.#rtoUs;
  }

  /** -1 before the first sample. */
  get srttUs(): Micros {
    return this.#srttUs;
  }

  /** A measurement of a segment that was sent once. It ends a back-off (§5, last notes). */
  sample(rttUs: Micros): void {
    if (this.#srttUs < 0) {
      this.#srttUs = rttUs;
      this.#rttvarUs = Math.floor(rttUs / 2);
    } else {
      // §2.3: the variation first, with the old mean.
      this.#rttvarUs = Math.floor((3 * this.#rttvarUs + Math.abs(this.#srttUs - rttUs)) / 4);
      this.#srttUs = Math.floor((7 * this.#srttUs + rttUs) / 8);
    }
    // The clock's granularity G is one microsecond.
    const rto = this.#srttUs + Math.max(1, 4 * this.#rttvarUs);
    this.#rtoUs = Math.min(MAX_RTO_US, Math.max(MIN_RTO_US, rto));
  }

  /** §5.5: the timer expired. */
  backOff(): void {
    this.#rtoUs = Math.min(MAX_RTO_US, this.#rtoUs * 2);
  }

  /** §5.7: the handshake is done, but only after the SYN-ACK's timer had expired. */
  restartAfterSynTimeout(): void {
    this.#rtoUs = RTO_AFTER_SYN_TIMEOUT_US;
  }
}
