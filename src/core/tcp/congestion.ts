// Congestion control: slow start and congestion avoidance (RFC 5681), the initial window of ten segments (RFC 6928),
// limited transmit (RFC 3042), fast retransmit and recovery as NewReno has it (RFC 6582). Bytes throughout. Nothing is
// sent here; SACK-based recovery and other controllers are left out.

import { limits } from '../limits.js';
import { seqDiff } from './seq.js';

const DUPLICATE_ACK_THRESHOLD = 3;

export class Congestion {
  #mss: number;
  cwnd: number;
  /** RFC 5681 §3.1: arbitrarily high at first. */
  ssthresh: number = limits.tcp.sendBufferBytes;
  /** Set when the first unacknowledged segment is to be sent again at once; whoever sends it clears it. */
  retransmitNow = false;
  #duplicateAcks = 0;
  #inRecovery = false;
  /** The last octet sent when loss was last detected; it means something in recovery and while #guarded. */
  #recover = 0;
  /** RFC 6582 §3.2 step 2: no second fast retransmit for one window. A flag, because `recover` grows stale as numbers wrap. */
  #guarded = false;
  /** Bytes acknowledged since cwnd last grew in congestion avoidance. */
  #bytesAcked = 0;
  /** A mark has reduced the window when `#reducedEnd` was the next to be sent. */
  #reduced = false;
  #reducedEnd = 0;

  constructor(mss: number) {
    this.#mss = mss;
    this.cwnd = initialWindow(mss);
  }

  /** The size of a segment has changed; windows are in bytes and stay. */
  setMss(mss: number): void {
    this.#mss = mss;
  }

  get inRecovery(): boolean {
    return this.#inRecovery;
  }

  /** RFC 3042: one new segment for each of the first two duplicate ACKs, beyond cwnd. */
  get limitedTransmitBytes(): number {
    return this.#inRecovery || this.#duplicateAcks >= DUPLICATE_ACK_THRESHOLD ? 0 : this.#duplicateAcks * this.#mss;
  }

  /** RFC 6928 §2: the SYN-ACK timed out more than once, so the path does lose packets: begin with one segment. */
  startAfterSynLoss(): void {
    this.cwnd = this.#mss;
  }

  /** RFC 5681 §4.1: nothing was sent for longer than the RTO, so the old window says nothing any more. */
  restartAfterIdle(): void {
    this.cwnd = Math.min(this.cwnd, initialWindow(this.#mss));
  }

  /** `ackedBytes` of new data are acknowledged up to `una`; `flightBytes` are still out. */
  acknowledge(ackedBytes: number, una: number, flightBytes: number): void {
    // How far the last acknowledged octet lies beyond `recover`.
    const beyond = seqDiff(una - 1, this.#recover);
    if (this.#inRecovery) {
      if (beyond < 0) this.#partialAcknowledgment(ackedBytes);
      else this.#endRecovery(flightBytes);
      return;
    }
    this.#duplicateAcks = 0;
    if (this.#guarded && beyond > 0) this.#guarded = false;
    if (this.cwnd < this.ssthresh) {
      // RFC 5681 §3.1 (2): by what is acknowledged, not by ACKs, so that splitting ACKs gains nothing.
      this.#grow(Math.min(ackedBytes, this.#mss));
      return;
    }
    this.#bytesAcked += ackedBytes;
    if (this.#bytesAcked >= this.cwnd) {
      this.#bytesAcked -= this.cwnd;
      this.#grow(this.#mss);
    }
  }

  /** A duplicate ACK (RFC 5681 §2) for `una`; `max` is the next sequence number never sent. */
  duplicate(una: number, max: number, flightBytes: number): void {
    if (this.#inRecovery) {
      // RFC 5681 §3.2 step 4: another segment has left the network.
      this.#grow(this.#mss);
      return;
    }
    this.#duplicateAcks++;
    if (this.#duplicateAcks !== DUPLICATE_ACK_THRESHOLD) return;
    if (this.#guarded && seqDiff(una - 1, this.#recover) <= 0) return;
    this.#inRecovery = true;
    this.#guarded = true;
    this.#recover = (max - 1) >>> 0;
    this.ssthresh = this.#halfOf(flightBytes);
    this.cwnd = this.ssthresh + DUPLICATE_ACK_THRESHOLD * this.#mss;
    this.retransmitNow = true;
  }

  /** A congestion mark was echoed. False when the window was reduced for this flight already (RFC 3168 §6.1.2). */
  marked(una: number, max: number, flightBytes: number): boolean {
    if (this.#inRecovery || (this.#reduced && seqDiff(una, this.#reducedEnd) <= 0)) return false;
    this.#reduced = true;
    this.#reducedEnd = max;
    this.ssthresh = this.#halfOf(flightBytes);
    this.cwnd = this.ssthresh;
    this.#bytesAcked = 0;
    return true;
  }

  /** The retransmission timer expired; `first` when this segment had not timed out before. */
  timeout(first: boolean, max: number, flightBytes: number): void {
    if (first) this.ssthresh = this.#halfOf(flightBytes);
    this.cwnd = this.#mss;
    this.#bytesAcked = 0;
    this.#duplicateAcks = 0;
    this.#inRecovery = false;
    this.retransmitNow = false;
    // RFC 6582 §3.2 step 4.
    this.#guarded = true;
    this.#recover = (max - 1) >>> 0;
  }

  /** RFC 6582 §3.2 step 3: the next hole is at the left edge; send it, and deflate by what has left the network. */
  #partialAcknowledgment(ackedBytes: number): void {
    this.cwnd = Math.max(this.#mss, this.cwnd - ackedBytes);
    if (ackedBytes >= this.#mss) this.#grow(this.#mss);
    this.retransmitNow = true;
  }

  /** RFC 6582 §3.2 step 3 (1): no burst at the end of recovery. */
  #endRecovery(flightBytes: number): void {
    this.cwnd = Math.min(this.ssthresh, Math.max(flightBytes, this.#mss) + this.#mss);
    this.#inRecovery = false;
    this.#duplicateAcks = 0;
    this.#bytesAcked = 0;
  }

  /** The send buffer bounds what can be in flight, so a larger window would mean nothing. */
  #grow(bytes: number): void {
    this.cwnd = Math.min(limits.tcp.sendBufferBytes, this.cwnd + bytes);
  }

  /** RFC 5681 §3.1 (4). */
  #halfOf(flightBytes: number): number {
    return Math.max(flightBytes >>> 1, 2 * this.#mss);
  }
}

/** RFC 6928 §2 (1). */
function initialWindow(mss: number): number {
  return Math.min(10 * mss, Math.max(2 * mss, 14_600));
}
