// Proportional rate reduction (RFC 6937 §3) with the slow-start reduction bound: how much may be sent for each ACK while
// the window comes down to ssthresh. Bytes throughout. What is sent is decided in send.ts.

export class ProportionalRateReduction {
  /** RecoverFS: FlightSize at the start. */
  #recoverFlight = 1;
  #delivered = 0;
  #out = 0;

  begin(flightBytes: number): void {
    this.#recoverFlight = Math.max(1, flightBytes);
    this.#delivered = 0;
    this.#out = 0;
  }

  /** Sent or sent again during recovery. */
  sent(bytes: number): void {
    this.#out += bytes;
  }

  /** sndcnt for an ACK that delivered `deliveredBytes`: what may be sent now, 0 or more. */
  allowance(deliveredBytes: number, pipeBytes: number, ssthresh: number, mss: number): number {
    this.#delivered += deliveredBytes;
    let count: number;
    if (pipeBytes > ssthresh) count = Math.ceil((this.#delivered * ssthresh) / this.#recoverFlight) - this.#out;
    else {
      const limit = Math.max(this.#delivered - this.#out, deliveredBytes) + mss;
      count = Math.min(ssthresh - pipeBytes, limit);
    }
    // The fast retransmit itself is never held back (RFC 5681 §3.2 step 3).
    if (this.#out === 0) count = Math.max(count, mss);
    return Math.max(0, count);
  }
}
