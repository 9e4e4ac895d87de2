// What one acknowledgment delivered, summed up over its segments (RFC 6937 §2 DeliveredData, RFC 8985 §6.2 step 2), for
// the round-trip time, RACK, rate reduction and the detection of spurious retransmissions. Filled in by scoreboard.ts.

import type { Micros } from '../types.js';
import { seqGt } from './seq.js';

export class Delivery {
  /** Newly acknowledged, in either way. */
  bytes = 0;
  /** When the oldest segment that this ACK acknowledges cumulatively was sent; -1: none was sent once only. */
  sampleSentUs: Micros = -1;
  /** A segment sent more than once is acknowledged cumulatively: those behind it may have waited for it at the receiver. */
  again = false;
  /** The segment sent last among those that tell their round-trip time for sure; -1: none. */
  newestSentUs: Micros = -1;
  newestEnd = 0;
  /** A segment that was sent once only has been delivered. */
  original = false;
  /** Such a segment lay below what had been acknowledged before. */
  reordered = false;
  /** RFC 2883: the receiver got [dsackLeft, dsackRight) twice. */
  dsack = false;
  dsackLeft = 0;
  dsackRight = 0;
  #nowUs: Micros = 0;
  #minRttUs: Micros = 0;
  #echoUs: Micros = 0;

  /**
   * A new ACK. `echoUs` is the latest time at which what it echoes can have been sent, Infinity without timestamps;
   * `minRttUs` is the least round-trip time, 0 before the first.
   */
  begin(nowUs: Micros, echoUs: Micros, minRttUs: Micros): void {
    this.bytes = 0;
    this.sampleSentUs = -1;
    this.newestSentUs = -1;
    this.again = false;
    this.original = false;
    this.reordered = false;
    this.dsack = false;
    this.#nowUs = nowUs;
    this.#echoUs = echoUs;
    this.#minRttUs = minRttUs;
  }

  /** Segments in the order in which they were sent, each of them once, acknowledged cumulatively; the last ends at `end`. */
  addRun(firstSentUs: Micros, lastSentUs: Micros, end: number): void {
    this.original = true;
    this.sampleSentUs = firstSentUs;
    this.newestSentUs = lastSentUs;
    this.newestEnd = end;
  }

  /** A segment last sent at `sentUs` that ends at `end`; `again`: it was sent more than once. */
  add(sentUs: Micros, end: number, bytes: number, again: boolean, cumulative: boolean): void {
    this.bytes += bytes;
    if (!again) {
      this.original = true;
      if (cumulative && this.sampleSentUs < 0) this.sampleSentUs = sentUs;
    }
    if (again && cumulative) this.again = true;
    if (again && (sentUs > this.#echoUs || this.#nowUs - sentUs < this.#minRttUs)) {
      // RFC 8985 §6.2 step 2: perhaps it was the earlier transmission that arrived.
      return;
    }
    if (sentUs > this.newestSentUs || (sentUs === this.newestSentUs && seqGt(end, this.newestEnd))) {
      this.newestSentUs = sentUs;
      this.newestEnd = end;
    }
  }
}
