// What must hold of every frame that the core sends, seen on the core's side of the wire, for one connection: nothing beyond
// the peer's window (RFC 9293 §3.8.6), a right edge that never moves left (SHLD-14), an ACK within half a second for text in
// order (MUST-40's bound in §3.8.6.3), and no silence longer than a doubling timer allows while something is unacknowledged.

import type { Micros } from '../../src/core/types.js';
import { ACK, emptySeen, FIN, RST, readFrame, type Seen, SYN } from './peer/codec.js';

const DELAYED_ACK_BOUND_US = 500_000;
/** RFC 6298 §2.5: a maximum of the RTO may be placed, 60 seconds at least; Linux has 120. */
const LARGEST_RTO_US = 120_000_000;

export class WireCheck {
  /** The longest time between two transmissions while something was unacknowledged, less what its doublings allow. */
  longestSilenceUs: Micros = 0;
  /** Frames of the core with text. */
  textFrames = 0;
  retransmissions = 0;
  readonly #seen: Seen = emptySeen();
  /** The longest round trip that the core can have measured: the path's, or more where acknowledgments were lost. */
  #roundTripUs: Micros;
  /** First transmissions that are not acknowledged: where each ends, and when it was. */
  #sentEnds: number[] = [];
  #sentTimes: Micros[] = [];
  #isn = -1;
  #shiftIn = 0;
  #shiftOut = 0;
  #scaled = false;
  #iss = -1;
  /** Of the core's text: acknowledged, sent, allowed; relative to ISS. */
  #una = 0;
  #max = 0;
  #allowed = 0;
  /** Of the peer's text: acknowledged by the core, and the right edge offered; relative to the peer's ISN. */
  #acked = 0;
  #edge = 0;
  #owedSinceUs: Micros = -1;
  #lastUs: Micros = 0;
  #closed = false;
  #doublings = 0;
  /** What had been sent at the last retransmission: acknowledgments up to here measure nothing. */
  #ambiguousTo = 0;
  #ended = false;

  constructor(roundTripBoundUs: Micros) {
    this.#roundTripUs = roundTripBoundUs;
  }

  /** A frame that the core gets. Those it must drop (damaged) are passed over. */
  in(atUs: Micros, frame: Uint8Array): void {
    const seen = this.#seen;
    if (this.#ended || readFrame(frame, seen) !== undefined) return;
    if ((seen.flags & SYN) !== 0) {
      if (this.#isn < 0) {
        this.#isn = seen.seq;
        this.#shiftIn = Math.min(14, Math.max(0, seen.windowScale));
        this.#scaled = seen.windowScale >= 0;
        this.#allowed = 1 + seen.window;
      }
      return;
    }
    if (this.#iss < 0 || (seen.flags & ACK) === 0 || (seen.flags & RST) !== 0) return;
    const ack = this.#una + ((seen.ack - this.#iss - this.#una) | 0);
    if (ack > this.#max) return;
    // Windows of segments that the core may have refused count too: this is a bound, not a model.
    const window = this.#scaled ? seen.window * 2 ** this.#shiftIn : seen.window;
    this.#allowed = Math.max(this.#allowed, ack + window);
    this.#closed = window === 0;
    if (ack > this.#una) {
      this.#measure(atUs, ack);
      this.#una = ack;
      // RFC 6298 §3 and §5: a doubled timer stays until a segment that was sent once has been measured.
      // Probes of a closed window go on doubling though the peer takes what they carry (RFC 9293 §3.8.6.1, SHLD-30).
      if (ack > this.#ambiguousTo && !this.#closed) this.#doublings = 0;
      this.#lastUs = atUs;
    }
    const at = this.#acked + ((seen.seq - this.#isn - this.#acked) | 0);
    if (
      seen.payloadLength > 0 &&
      at === this.#acked &&
      at + seen.payloadLength <= this.#edge &&
      this.#owedSinceUs < 0
    ) {
      this.#owedSinceUs = atUs;
    }
  }

  /** A frame that the core sends. */
  out(atUs: Micros, frame: Uint8Array): void {
    const seen = this.#seen;
    const problem = readFrame(frame, seen);
    if (problem !== undefined) throw new Error(`the core sent a frame with a wrong ${problem}`);
    if (this.#ended) return;
    if ((seen.flags & RST) !== 0) {
      // A reset that answers an acknowledgment of nothing ends nothing; after any other the core says no more.
      const at = this.#una + ((seen.seq - this.#iss - this.#una) | 0);
      if (at <= this.#max) this.#ended = true;
      return;
    }
    // Another connection of the same addresses and ports is another check's business.
    if ((seen.flags & SYN) !== 0 && this.#iss >= 0 && seen.seq !== this.#iss) this.#ended = true;
    else {
      this.#checkAcknowledgment(atUs);
      this.#checkText(atUs);
    }
  }

  /** The end of the run, or of the core's interest. */
  end(atUs: Micros): void {
    if (!this.#ended) this.#checkOwed(atUs);
  }

  #checkAcknowledgment(atUs: Micros): void {
    const seen = this.#seen;
    const ack = this.#acked + ((seen.ack - this.#isn - this.#acked) | 0);
    if (ack < this.#acked) throw new Error(`the core's acknowledgment goes back from ${this.#acked} to ${ack}`);
    this.#checkOwed(atUs);
    this.#owedSinceUs = -1;
    this.#acked = ack;
    const syn = (seen.flags & SYN) !== 0;
    const edge = ack + (syn ? seen.window : seen.window * 2 ** this.#shiftOut);
    // A FIN takes a number that the window need not have had room for; a scaled edge is rounded.
    if (edge + (syn ? 8 : 2 ** this.#shiftOut) < this.#edge)
      throw new Error(`the right edge moves from ${this.#edge} to ${edge}`);
    this.#edge = Math.max(this.#edge, edge);
  }

  #checkText(atUs: Micros): void {
    const seen = this.#seen;
    if ((seen.flags & SYN) !== 0) {
      if (this.#iss < 0) {
        this.#iss = seen.seq;
        this.#max = 1;
        this.#lastUs = atUs;
        this.#sentEnds.push(1);
        this.#sentTimes.push(atUs);
        this.#shiftOut = Math.max(0, seen.windowScale);
        this.#scaled = this.#scaled && seen.windowScale >= 0;
      } else this.#sent(atUs, true);
      return;
    }
    const length = seen.payloadLength + ((seen.flags & FIN) !== 0 ? 1 : 0);
    if (length === 0) return;
    this.textFrames++;
    const start = this.#una + ((seen.seq - this.#iss - this.#una) | 0);
    const end = start + length;
    // One octet more is a probe of a closed window (§3.8.6.1); a FIN alone may stand behind a full one.
    if (end > this.#allowed + 1) throw new Error(`the core sent up to ${end}, but the window ends at ${this.#allowed}`);
    const old = start < this.#max;
    if (old) this.retransmissions++;
    this.#sent(atUs, old);
    if (end > this.#max) {
      this.#sentEnds.push(end);
      this.#sentTimes.push(atUs);
      this.#max = end;
    }
  }

  #measure(atUs: Micros, ack: number): void {
    let count = 0;
    while (count < this.#sentEnds.length && this.#sentEnds[count]! <= ack) count++;
    if (count === 0) return;
    if (ack > this.#ambiguousTo) this.#roundTripUs = Math.max(this.#roundTripUs, atUs - this.#sentTimes[0]!);
    this.#sentEnds.splice(0, count);
    this.#sentTimes.splice(0, count);
  }

  #sent(atUs: Micros, old: boolean): void {
    if (this.#max > this.#una) {
      const silenceUs = atUs - this.#lastUs;
      // RFC 6298 §2: 1 s at first; SRTT + 4 RTTVAR are at most five of the longest round trip.
      const firstUs = 1_000_000 + 5 * this.#roundTripUs;
      const allowedUs = Math.min(LARGEST_RTO_US, firstUs * 2 ** this.#doublings);
      if (silenceUs > allowedUs) throw new Error(`the core was silent for ${silenceUs} us; ${allowedUs} are allowed`);
      this.longestSilenceUs = Math.max(this.longestSilenceUs, silenceUs);
    }
    if (old || this.#closed) {
      this.#doublings++;
      this.#ambiguousTo = this.#max;
    }
    this.#lastUs = atUs;
  }

  #checkOwed(atUs: Micros): void {
    if (this.#owedSinceUs >= 0 && atUs - this.#owedSinceUs > DELAYED_ACK_BOUND_US) {
      throw new Error(`text in order was not acknowledged for ${atUs - this.#owedSinceUs} us`);
    }
  }
}
