// The retransmission timeout (RFC 6298): smoothed round-trip time, its variation, the back-off, the change after a
// spurious timeout (RFC 4015 §3.6), and the least round-trip time that RACK wants. Integer microseconds. What may be
// sampled (Karn's rule, §3) is decided in recovery.ts.

import { MICROS_PER_MILLI, MICROS_PER_SECOND } from '../time.js';
import type { Micros } from '../types.js';

/** §2.1. */
export const INITIAL_RTO_US = MICROS_PER_SECOND;
/** §2.4 wants a second; Linux has used 200 ms for two decades, and a second is an age on a local link. */
export const MIN_RTO_US = 200 * MICROS_PER_MILLI;
/** §2.5: at least 60 seconds. */
export const MAX_RTO_US = 60 * MICROS_PER_SECOND;
/**
 * The least that the variation adds. RFC 6298 §2.3 has the clock's granularity there, which is a microsecond with us: on
 * a path of constant delay the timer would expire while a delayed ACK is on its way. Linux adds 200 ms.
 */
const MIN_VARIATION_US = 100 * MICROS_PER_MILLI;
/** RFC 8985 §6.2 step 1: RACK.min_RTT is the least of the last one to two of these (Linux: tcp_min_rtt_wlen is 300 s). */
const MIN_RTT_WINDOW_US = 150 * MICROS_PER_SECOND;
/** §5.7: where to begin when the SYN-ACK's timer had expired. */
const RTO_AFTER_SYN_TIMEOUT_US = 3 * MICROS_PER_SECOND;

export class RttEstimator {
  #srttUs = -1;
  #rttvarUs = 0;
  #rtoUs: Micros = INITIAL_RTO_US;
  #backedOff = false;
  /** The least of this window of time and of the one before; -1: none. */
  #minUs: Micros = -1;
  #minBeforeUs: Micros = -1;
  #minSinceUs: Micros = 0;

  get rtoUs(): Micros {
    return this.#rtoUs;
  }

  /** -1 before the first sample. */
  get srttUs(): Micros {
    return this.#srttUs;
  }

  get rttvarUs(): Micros {
    return this.#rttvarUs;
  }

  /** The timer has expired and nothing was measured since. */
  get backedOff(): boolean {
    return this.#backedOff;
  }

  /** 0 before the first measurement. */
  get minRttUs(): Micros {
    if (this.#minUs < 0) return Math.max(0, this.#minBeforeUs);
    return this.#minBeforeUs < 0 ? this.#minUs : Math.min(this.#minUs, this.#minBeforeUs);
  }

  /** Any measurement, for the least round-trip time only. */
  observe(nowUs: Micros, rttUs: Micros): void {
    if (nowUs - this.#minSinceUs > MIN_RTT_WINDOW_US) {
      this.#minBeforeUs = this.#minUs;
      this.#minUs = -1;
      this.#minSinceUs = nowUs;
    }
    if (this.#minUs < 0 || rttUs < this.#minUs) this.#minUs = rttUs;
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
    this.#compute();
  }

  /** §5.5: the timer expired. */
  backOff(): void {
    this.#backedOff = true;
    this.#rtoUs = Math.min(MAX_RTO_US, this.#rtoUs * 2);
  }

  /** RFC 4015 §3.6: the timeout was spurious; this is how long the segment really took. */
  adaptAfterSpurious(rttUs: Micros): void {
    this.#srttUs = Math.max(this.#srttUs, rttUs);
    this.#rttvarUs = Math.max(this.#rttvarUs, Math.floor(rttUs / 2));
    this.#compute();
  }

  /** §5.7: the handshake is done, but only after the SYN-ACK's timer had expired. */
  restartAfterSynTimeout(): void {
    this.#rtoUs = RTO_AFTER_SYN_TIMEOUT_US;
  }

  #compute(): void {
    this.#backedOff = false;
    const rto = this.#srttUs + Math.max(MIN_VARIATION_US, 4 * this.#rttvarUs);
    this.#rtoUs = Math.min(MAX_RTO_US, Math.max(MIN_RTO_US, rto));
  }
}
