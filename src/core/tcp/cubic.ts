// CUBIC (RFC 9438) in integers: the window as a cubic function of the time since the last reduction. Windows in bytes,
// times in milliseconds where they are cubed. C is 0.4 segments a second cubed, beta 0.7. Slow start is in congestion.ts.

import { MICROS_PER_MILLI } from '../time.js';
import type { Micros } from '../types.js';
import type { WindowRule } from './congestion.js';

/** |t - K| beyond which the cubic is cut off: in 100 s it grows by 400,000 segments, more than any send buffer holds. */
const MAX_MS = 100_000;

export class Cubic implements WindowRule {
  readonly name = 'cubic';
  /** W_max; 0 before the first reduction. */
  #wMax = 0;
  #cwndPrior = 0;
  /** t_epoch: when this stage of congestion avoidance began; -1: with the next ACK. */
  #epochUs: Micros = -1;
  #kMs = 0;
  #wEst = 0;
  /** Remainders of the divisions below, so that slow growth is not rounded away. */
  #credit = 0;
  #estCredit = 0;
  #lastUs: Micros = 0;
  /** §4.9.2: W_max, cwnd_prior, t_epoch, K and W_est before the latest reduction. */
  #undo = [0, 0, -1, 0, 0];
  #afterTimeout = false;

  /** §4.2 to §4.5: how much cwnd grows by `ackedBytes` acknowledged in congestion avoidance. */
  increase(nowUs: Micros, ackedBytes: number, cwnd: number, mss: number, srttUs: Micros): number {
    this.#lastUs = nowUs;
    if (this.#epochUs < 0) this.#beginEpoch(nowUs, cwnd, mss);
    const elapsedUs = nowUs - this.#epochUs;
    this.#growEstimate(ackedBytes, cwnd, mss);
    // §4.3: where Reno would be faster, keep up with it.
    if (this.#window(elapsedUs, mss) < this.#wEst) return Math.max(0, this.#wEst - cwnd);
    // §4.4 and §4.5: a round trip ahead, at most half a window more in each.
    const ahead = this.#window(elapsedUs + Math.max(0, srttUs), mss);
    const target = Math.min(Math.max(ahead, cwnd), cwnd + (cwnd >>> 1));
    this.#credit += (target - cwnd) * ackedBytes;
    const grown = Math.floor(this.#credit / cwnd);
    this.#credit -= grown * cwnd;
    return grown;
  }

  /** §4.6 and §4.7: the new ssthresh. */
  reduce(cwnd: number, flightBytes: number, mss: number): number {
    this.#undo = [this.#wMax, this.#cwndPrior, this.#epochUs, this.#kMs, this.#wEst];
    this.#wMax = cwnd < this.#wMax ? Math.floor((cwnd * 17) / 20) : cwnd;
    this.#cwndPrior = cwnd;
    this.#epochUs = -1;
    this.#afterTimeout = false;
    return Math.max(Math.floor((flightBytes * 7) / 10), 2 * mss);
  }

  /** §4.8: the next stage begins from where slow start ends, with K = 0. */
  timedOut(): void {
    this.#afterTimeout = true;
    this.#epochUs = -1;
  }

  /** §4.2: time in which the application did not fill the window does not count. */
  notLimited(nowUs: Micros): void {
    if (this.#epochUs >= 0) this.#epochUs += nowUs - this.#lastUs;
    this.#lastUs = nowUs;
  }

  /** §4.9.2: the loss was none. */
  undo(): void {
    [this.#wMax, this.#cwndPrior, this.#epochUs, this.#kMs, this.#wEst] = this.#undo as [
      number,
      number,
      number,
      number,
      number,
    ];
    this.#afterTimeout = false;
    this.#credit = 0;
    this.#estCredit = 0;
  }

  #beginEpoch(nowUs: Micros, cwnd: number, mss: number): void {
    this.#epochUs = nowUs;
    this.#wEst = cwnd;
    this.#credit = 0;
    this.#estCredit = 0;
    if (this.#wMax <= cwnd || this.#afterTimeout) {
      this.#wMax = cwnd;
      this.#kMs = 0;
      this.#afterTimeout = false;
    } else {
      // Figure 2: K = cbrt((W_max - cwnd_epoch) / C) in segments and seconds; 10^9 for milliseconds, 10 / 4 for C.
      this.#kMs = integerCubeRoot(Math.floor(((this.#wMax - cwnd) * 2_500_000_000) / mss));
    }
  }

  /** Figure 1: W_cubic(t) in bytes. */
  #window(elapsedUs: Micros, mss: number): number {
    const t = Math.floor(elapsedUs / MICROS_PER_MILLI) - this.#kMs;
    const ms = Math.min(MAX_MS, Math.max(-MAX_MS, t));
    // ms^3 is exact below 2^53, and divided in two steps so that the product with the segment size stays there.
    const cube = Math.floor((ms * ms * ms) / 100_000);
    return this.#wMax + Math.floor((cube * 4 * mss) / 100_000);
  }

  /** Figure 4: alpha is 3 (1 - beta) / (1 + beta) = 9/17 until W_est has reached cwnd_prior, then 1. */
  #growEstimate(ackedBytes: number, cwnd: number, mss: number): void {
    this.#estCredit += ackedBytes * mss * (this.#wEst >= this.#cwndPrior ? 17 : 9);
    const divisor = 17 * cwnd;
    const grown = Math.floor(this.#estCredit / divisor);
    this.#estCredit -= grown * divisor;
    this.#wEst += grown;
  }
}

/** The largest integer whose cube is not above `n` (0 to 2^53 - 1): Newton's iteration from above. */
export function integerCubeRoot(n: number): number {
  if (n < 1) return 0;
  let x = 1;
  while (x * x * x < n) x *= 2;
  for (;;) {
    const next = Math.floor((2 * x + Math.floor(n / (x * x))) / 3);
    if (next >= x) return x;
    x = next;
  }
}
