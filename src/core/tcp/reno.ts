// Reno's window (RFC 5681 §3.1): one segment a round trip in congestion avoidance, half of the flight after a loss.

import type { Micros } from '../types.js';
import type { WindowRule } from './congestion.js';

export class Reno implements WindowRule {
  readonly name = 'reno';
  /** Bytes acknowledged since cwnd last grew. */
  #acked = 0;

  /** (2): a segment for each window of bytes acknowledged, which a receiver that splits its ACKs cannot speed up. */
  increase(_nowUs: Micros, ackedBytes: number, cwnd: number, mss: number): number {
    this.#acked += ackedBytes;
    if (this.#acked < cwnd) return 0;
    this.#acked -= cwnd;
    return mss;
  }

  /** (4). */
  reduce(_cwnd: number, flightBytes: number, mss: number): number {
    this.#acked = 0;
    return Math.max(flightBytes >>> 1, 2 * mss);
  }

  timedOut(): void {
    this.#acked = 0;
  }

  notLimited(): void {}

  undo(): void {
    this.#acked = 0;
  }
}
