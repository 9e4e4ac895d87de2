// RACK-TLP (RFC 8985): losses found by time, from the latest segment known to have arrived (§6), with a reordering window
// that D-SACK widens; and the state of the tail loss probe (§7). When the timers run and what is sent is in send.ts.

import { MICROS_PER_MILLI, MICROS_PER_SECOND } from '../time.js';
import type { Micros } from '../types.js';
import type { Delivery } from './delivery.js';
import type { RttEstimator } from './rtt.js';
import { DUP_THRESH, LOST, RETRANSMITTED, SACKED, type Scoreboard } from './scoreboard.js';
import { seqDiff, seqGt, seqGte } from './seq.js';

/** §6.2 step 4: recoveries without D-SACK until the window is the smallest again. */
const REORDERING_PERSISTS = 16;
/** §7.2 TLP.max_ack_delay: what Linux allows a peer for its delayed ACK. */
const MAX_ACK_DELAY_US = 200 * MICROS_PER_MILLI;
/** A probe sooner than this finds peers that were only busy; the drafts of RFC 8985 had the same floor. */
const MIN_PTO_US = 10 * MICROS_PER_MILLI;
/** §7.2: when nothing was measured. */
const INITIAL_PTO_US = MICROS_PER_SECOND;

export class Rack {
  /** RACK.xmit_ts and RACK.end_seq; -1 before anything was delivered. */
  #xmitUs: Micros = -1;
  #endSeq = 0;
  #rttUs: Micros = 0;
  #reorderingSeen = false;
  #reoWndMult = 1;
  #reoWndPersist = REORDERING_PERSISTS;
  /** RACK.dsack_round. */
  #inDsackRound = false;
  #dsackRound = 0;

  get reorderingSeen(): boolean {
    return this.#reorderingSeen;
  }

  /** §6.2 steps 2 to 4, first half: what the ACK delivered, and whether it tells of a spurious retransmission. */
  acknowledged(nowUs: Micros, delivery: Delivery, una: number, nxt: number): void {
    const { newestSentUs, newestEnd } = delivery;
    if (newestSentUs >= 0) {
      this.#rttUs = nowUs - newestSentUs;
      if (sentAfter(newestSentUs, newestEnd, this.#xmitUs, this.#endSeq)) {
        this.#xmitUs = newestSentUs;
        this.#endSeq = newestEnd;
      }
    }
    if (delivery.reordered) this.#reorderingSeen = true;
    if (this.#inDsackRound && seqGte(una, this.#dsackRound)) this.#inDsackRound = false;
    if (delivery.dsack && !this.#inDsackRound) {
      this.#inDsackRound = true;
      this.#dsackRound = nxt;
      this.#reoWndMult++;
      this.#reoWndPersist = REORDERING_PERSISTS;
    }
  }

  /** §6.2 step 4: fast or RTO recovery has ended. */
  recovered(): void {
    if (--this.#reoWndPersist <= 0) this.#reoWndMult = 1;
  }

  /** §6.2 step 4, second half: RACK.reo_wnd. */
  reorderingWindowUs(board: Scoreboard, rtt: RttEstimator, recovering: boolean): Micros {
    if (!this.#reorderingSeen && (recovering || board.sackedSegments >= DUP_THRESH)) return 0;
    return Math.min(Math.floor((this.#reoWndMult * rtt.minRttUs) / 4), Math.max(0, rtt.srttUs));
  }

  /** §6.2 step 5: marks what is lost by now; gives how long until the rest would be, 0 when there is none. */
  detectLosses(nowUs: Micros, board: Scoreboard, reoWndUs: Micros): Micros {
    let timeoutUs = 0;
    if (this.#xmitUs < 0) return 0;
    for (let id = board.head; id !== board.tail; id = (id + 1) | 0) {
      const bits = board.bits(id);
      const sentUs = board.sentUs(id);
      if (!sentAfter(this.#xmitUs, this.#endSeq, sentUs, board.end(id))) {
        // Whatever follows one that was sent once was sent later still.
        if ((bits & RETRANSMITTED) === 0) break;
        continue;
      }
      if ((bits & (SACKED | LOST)) !== 0) continue;
      const remainingUs = sentUs + this.#rttUs + reoWndUs - nowUs;
      if (remainingUs <= 0) board.markLost(id, 'rack');
      else if (remainingUs > timeoutUs) timeoutUs = remainingUs;
    }
    return timeoutUs;
  }

  /** §6.3: the first is lost, and of the others what had its time. */
  markLostByTimeout(nowUs: Micros, board: Scoreboard, reoWndUs: Micros, srttUs: Micros): void {
    // Before the first delivery the handshake's round trip stands in.
    const rttUs = this.#xmitUs < 0 ? Math.max(0, srttUs) : this.#rttUs;
    for (let id = board.head; id !== board.tail; id = (id + 1) | 0) {
      if (id === board.head || board.sentUs(id) + rttUs + reoWndUs <= nowUs) board.markLost(id, 'rto');
    }
  }
}

/** The probe of §7; it lives for one episode at a time. */
export class TailLossProbe {
  /** TLP.end_seq means something. */
  inFlight = false;
  #endSeq = 0;
  #retransmitted = false;
  /** §7.3: a measurement has been taken since the last probe. */
  #measured = false;

  /** §7.2; the caller bounds it by the RTO. */
  timeoutUs(rtt: RttEstimator, segments: number): Micros {
    if (rtt.srttUs < 0) return INITIAL_PTO_US;
    return Math.max(MIN_PTO_US, 2 * rtt.srttUs) + (segments === 1 ? MAX_ACK_DELAY_US : 0);
  }

  /** §7.3: both conditions for a probe. */
  get allowed(): boolean {
    return !this.inFlight && this.#measured;
  }

  sent(nxt: number, retransmitted: boolean): void {
    this.inFlight = true;
    this.#endSeq = nxt;
    this.#retransmitted = retransmitted;
    this.#measured = false;
  }

  measured(): void {
    this.#measured = true;
  }

  /** §7.1: recovery begins. */
  reset(): void {
    this.inFlight = false;
  }

  /** §7.4.2; true: the probe has repaired a loss, to which congestion control has to react. */
  acknowledged(ack: number, delivery: Delivery, duplicate: boolean, sackBlocks: number): boolean {
    if (!this.inFlight || seqDiff(ack, this.#endSeq) < 0) return false;
    if (!this.#retransmitted || (delivery.dsack && delivery.dsackRight === this.#endSeq)) this.inFlight = false;
    else if (seqGt(ack, this.#endSeq)) {
      this.inFlight = false;
      return true;
    } else if (duplicate && sackBlocks === 0) this.inFlight = false;
    return false;
  }
}

/** RACK_sent_after: by time, and by sequence number within one instant. */
function sentAfter(aUs: Micros, aEnd: number, bUs: Micros, bEnd: number): boolean {
  return aUs > bUs || (aUs === bUs && seqGt(aEnd, bEnd));
}
