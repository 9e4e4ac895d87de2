// The congestion window: slow start (RFC 5681 §3.1), the initial window of ten segments (RFC 6928), restart after idle
// (RFC 5681 §4.1), reduction and its undoing. How it grows in congestion avoidance and by how much it falls is a rule of
// its own: cubic.ts or reno.ts. When it falls is decided in recovery.ts. Bytes throughout.

import { limits } from '../limits.js';
import type { Micros } from '../types.js';
import { Cubic } from './cubic.js';
import { Reno } from './reno.js';

export type CongestionControl = 'cubic' | 'reno';

/** What differs between congestion controls. */
export interface WindowRule {
  readonly name: CongestionControl;
  /** Bytes by which cwnd grows in congestion avoidance. `srttUs` is -1 before the first measurement. */
  increase(nowUs: Micros, ackedBytes: number, cwnd: number, mss: number, srttUs: Micros): number;
  /** A loss or a congestion mark: the new ssthresh. */
  reduce(cwnd: number, flightBytes: number, mss: number): number;
  /** The retransmission timer has expired, behind `reduce` if that was due. */
  timedOut(): void;
  /** An ACK came while cwnd was not what held the sender back. */
  notLimited(nowUs: Micros): void;
  /** The latest `reduce` was in error. */
  undo(): void;
}

export class Congestion {
  /** The largest segment. Windows are in bytes and stay when it changes. */
  mss: number;
  cwnd: number;
  /** RFC 5681 §3.1: arbitrarily high at first. */
  ssthresh: number = limits.tcp.sendBufferBytes;
  readonly #rule: WindowRule;
  /** cwnd and ssthresh before the reduction; 0: nothing to go back to. */
  #priorCwnd = 0;
  #priorSsthresh = 0;

  constructor(mss: number, control: CongestionControl = 'reno') {
    this.mss = mss;
    this.#rule = control === 'cubic' ? new Cubic() : new Reno();
    this.cwnd = initialWindow(mss);
  }

  get control(): CongestionControl {
    return this.#rule.name;
  }

  /** RFC 6928 §2: the SYN-ACK timed out more than once, so the path does lose packets: begin with one segment. */
  startAfterSynLoss(): void {
    this.cwnd = this.mss;
  }

  /** RFC 5681 §4.1: nothing was sent for longer than the RTO, so the old window says nothing any more. */
  restartAfterIdle(): void {
    this.cwnd = Math.min(this.cwnd, initialWindow(this.mss));
  }

  /**
   * `ackedBytes` of new data are acknowledged, of `flightBytes` that were out. A window that was not used says nothing
   * about the path and does not grow (RFC 7661 §4; as Linux judges it: half of it in slow start).
   */
  acknowledged(nowUs: Micros, ackedBytes: number, flightBytes: number, srttUs: Micros): void {
    const { mss, cwnd } = this;
    const slowStart = cwnd < this.ssthresh;
    if (slowStart ? 2 * flightBytes <= cwnd : flightBytes + mss <= cwnd) {
      this.#rule.notLimited(nowUs);
      return;
    }
    // RFC 5681 §3.1 (2): by what is acknowledged, not by ACKs, so that splitting ACKs gains nothing.
    if (slowStart) this.#grow(Math.min(ackedBytes, mss));
    else this.#grow(this.#rule.increase(nowUs, ackedBytes, cwnd, mss, srttUs));
  }

  /** Loss or a congestion mark. `keepPrior`: what undo goes back to is an earlier reduction of the same episode. */
  reduce(flightBytes: number, keepPrior: boolean): void {
    if (!keepPrior || this.#priorCwnd === 0) {
      this.#priorCwnd = this.cwnd;
      this.#priorSsthresh = this.ssthresh;
    }
    // RFC 5681 §3.1 (4) wants what is in flight; RFC 3042 §2, that what limited transmit sent beyond cwnd not count.
    this.ssthresh = this.#rule.reduce(this.cwnd, Math.min(flightBytes, this.cwnd), this.mss);
  }

  /** RFC 5681 §3.1 (5): the loss window is one segment. */
  timedOut(): void {
    this.cwnd = this.mss;
    this.#rule.timedOut();
  }

  /** A window set from outside: rate reduction. */
  set(cwnd: number): void {
    this.cwnd = Math.min(limits.tcp.sendBufferBytes, Math.max(this.mss, cwnd));
  }

  /**
   * The reduction was a mistake. RFC 9438 §4.9.2 goes back to the whole of the former window; after a timeout RFC 4015
   * §3.4 goes on from `window` and slow starts up to the former one, so that no burst leaves.
   */
  undo(window: number): void {
    if (this.#priorCwnd === 0) return;
    const threshold = Math.max(this.#priorSsthresh, this.ssthresh);
    if (this.cwnd < this.#priorCwnd) this.#rule.undo();
    this.cwnd = Math.max(this.cwnd, Math.min(this.#priorCwnd, window));
    this.ssthresh = this.cwnd < this.#priorCwnd ? Math.max(threshold, this.#priorCwnd) : threshold;
    this.#priorCwnd = 0;
  }

  /** Nothing of the last reduction can turn out to be a mistake any more. */
  settle(): void {
    this.#priorCwnd = 0;
  }

  get canUndo(): boolean {
    return this.#priorCwnd > 0;
  }

  /** The send buffer bounds what can be in flight, so a larger window would mean nothing. */
  #grow(bytes: number): void {
    this.cwnd = Math.min(limits.tcp.sendBufferBytes, this.cwnd + bytes);
  }
}

/** RFC 6928 §2 (1). */
function initialWindow(mss: number): number {
  return Math.min(10 * mss, Math.max(2 * mss, 14_600));
}
