// Loss recovery: what an acknowledgment, a timer or a congestion mark means for what is in flight and for the window.
// RACK (RFC 8985) or RFC 6675 where the peer acknowledges selectively, RFC 6582 where not; rate reduction (RFC 6937),
// ECN (RFC 3168 §6.1.2), undoing after spurious retransmissions (RFC 3522, 4015, 5682). Nothing is sent here: send.ts.

import type { Micros } from '../types.js';
import { Congestion, type CongestionControl } from './congestion.js';
import { ProportionalRateReduction } from './prr.js';
import { Rack, TailLossProbe } from './rack.js';
import { RttEstimator } from './rtt.js';
import { DUP_THRESH, Scoreboard } from './scoreboard.js';
import type { Segment } from './segment.js';
import { seqDiff, seqGt, seqGte } from './seq.js';
import { SpuriousDetection } from './spurious.js';

/**
 * open: all is well. disorder: something arrived out of order. recovery: loss was found, the window comes down to
 * ssthresh. loss: the retransmission timer expired. cwr: congestion was marked, the window comes down.
 */
export type RecoveryState = 'open' | 'disorder' | 'recovery' | 'loss' | 'cwr';

/** Why a `congestion` event is told. */
export type CongestionReason =
  | 'round'
  | 'reordering'
  | 'fast'
  | 'sack'
  | 'rack'
  | 'rto'
  | 'tlp'
  | 'ecn'
  | 'recovered'
  | 'reneged'
  | 'undo-eifel'
  | 'undo-frto'
  | 'undo-dsack';

export interface RecoveryOptions {
  readonly mss: number;
  /** SACK was negotiated. */
  readonly sack: boolean;
  /** Timestamps were negotiated. */
  readonly timestamps: boolean;
  readonly congestion: CongestionControl;
  /** `newreno` counts duplicates: RFC 6675 with SACK, RFC 6582 without. RACK needs SACK. */
  readonly recovery: 'rack' | 'newreno';
}

export class Recovery {
  readonly board: Scoreboard;
  readonly rtt = new RttEstimator();
  readonly congestion: Congestion;
  readonly prr = new ProportionalRateReduction();
  readonly spurious = new SpuriousDetection();
  readonly tlp = new TailLossProbe();
  readonly rack: Rack | undefined;
  readonly sack: boolean;
  readonly #timestamps: boolean;
  state: RecoveryState = 'open';
  /** When RACK would find more to be lost; Infinity: nothing waits for that. */
  reorderingAtUs: Micros = Number.POSITIVE_INFINITY;
  /** What is to be told of the latest ACK or timer; whoever tells it clears it. */
  report: CongestionReason | undefined;
  /** RFC 3168 §6.1.2: the window was reduced; the next new segment says CWR. */
  cwrPending = false;
  /** RFC 6675 §4 rule 4: one rescue retransmission in each recovery. */
  rescueAllowed = false;
  /** RecoveryPoint, `recover`: what was sent when recovery began. */
  #recover = 0;
  /** RFC 6582 §3.2 step 2, without SACK: no second fast retransmit for one window. */
  #guarded = false;
  /** Without SACK: bytes that duplicate ACKs say have left the network. */
  #duplicateBytes = 0;
  #duplicates = 0;
  /** RTT samples: one for each round trip, so that the mean covers eight of them whatever the window. */
  #roundEnd: number;
  /** Where the segment with CWR ends, until it is acknowledged; -1: none is out. */
  #cwrEnd = -1;
  /** ECE has come in this recovery. */
  #marked = false;
  #dsackSegments = 0;
  #resentSegments = 0;

  constructor(una: number, options: RecoveryOptions) {
    this.board = new Scoreboard(una);
    this.congestion = new Congestion(options.mss, options.congestion);
    this.sack = options.sack;
    this.#timestamps = options.timestamps;
    this.rack = options.sack && options.recovery === 'rack' ? new Rack() : undefined;
    this.#roundEnd = una;
  }

  /** RFC 6675 §4 SetPipe: what is thought to be in the network, of `flightBytes` between SND.UNA and SND.NXT. */
  pipe(flightBytes: number): number {
    return flightBytes - this.board.sackedBytes - this.board.lostBytes - this.#duplicateBytes;
  }

  get recovering(): boolean {
    return this.state === 'recovery' || this.state === 'loss';
  }

  get reducing(): boolean {
    return this.state === 'recovery' || this.state === 'cwr';
  }

  resent(nowUs: Micros, end: number, probe: boolean): void {
    this.#resentSegments++;
    if (!probe) this.spurious.retransmitted(nowUs, end);
  }

  /**
   * An acceptable acknowledgment. `from` is SND.UNA before and `una` after it, `echoUs` the latest time at which what it
   * echoes can have been sent (Infinity without timestamps), `duplicate` RFC 5681 §2.
   */
  acknowledge(
    nowUs: Micros,
    segment: Segment,
    from: number,
    una: number,
    nxt: number,
    echoUs: Micros,
    duplicate: boolean,
    maxWnd: number,
  ): void {
    const { board, congestion, rack, rtt } = this;
    const { delivery } = board;
    const acked = seqDiff(una, from);
    const pipeBefore = this.pipe(seqDiff(nxt, from));
    const flight = Math.max(0, seqDiff(nxt, una));
    if (this.#cwrEnd >= 0 && seqGte(una, this.#cwrEnd)) this.#cwrEnd = -1;
    delivery.begin(nowUs, echoUs, rtt.minRttUs);
    board.acknowledge(segment, from, una, nxt, maxWnd);
    this.#measure(nowUs, acked, una, nxt, echoUs);
    let delivered = this.sack ? delivery.bytes : this.#deliveredWithoutSack(acked, flight, duplicate);
    if (delivery.dsack) this.#duplicateArrived();
    const repaired = this.tlp.acknowledged(una, delivery, duplicate, segment.sackBlocks);
    rack?.acknowledged(nowUs, delivery, una, nxt);
    const undone = this.#judge(nowUs, acked, from, una, nxt, echoUs, duplicate, flight);
    // The ACK that ends a reduction leaves cwnd where it came down to.
    const reduced = this.reducing;
    if (this.#exit(una)) delivered = 0;
    this.#findLosses(nowUs, acked);
    if (repaired && !this.reducing && this.state !== 'loss') {
      congestion.reduce(seqDiff(nxt, from), false);
      congestion.set(congestion.ssthresh);
      congestion.settle();
      this.report = 'tlp';
    }
    if (this.#lossFound) this.#enterRecovery(nxt, acked + flight);
    else if (this.state === 'open' && (board.sackedBytes > 0 || this.#duplicates > 0))
      this.#enter('disorder', 'reordering');
    else if (this.state === 'disorder' && board.sackedBytes === 0 && this.#duplicates === 0)
      this.#enter('open', 'recovered');
    if (this.reducing) this.#reduceRate(delivered, flight);
    else if (acked > 0 && !undone && !reduced) {
      // After a timeout it is always cwnd that holds the retransmissions back.
      const used = this.state === 'loss' ? congestion.cwnd : pipeBefore;
      congestion.acknowledged(nowUs, acked, used, rtt.srttUs);
    }
  }

  /**
   * ECE came (RFC 3168 §6.1.2), which is answered once for a window of data, by the same reduction as a loss (RFC 8311 §4.1).
   * `una` is SND.UNA before the segment that said it.
   */
  congestionMarked(una: number, nxt: number, flightBytes: number): void {
    if (this.state === 'cwr') return;
    // Until the receiver has seen our CWR, it repeats a mark that was answered.
    const answered = this.cwrPending || (this.#cwrEnd >= 0 && seqGt(this.#cwrEnd, una));
    if (this.recovering) {
      // Reduced for this window already; the receiver is told once.
      if (!this.#marked && !answered) this.cwrPending = true;
      this.#marked = true;
      return;
    }
    if (answered) return;
    this.cwrPending = true;
    this.congestion.reduce(flightBytes, false);
    this.congestion.settle();
    this.prr.begin(flightBytes);
    this.#recover = nxt;
    this.#enter('cwr', 'ecn');
  }

  /** The segment that says CWR has left; it ends at `end`. */
  cwrSent(end: number): void {
    this.cwrPending = false;
    this.#cwrEnd = end;
  }

  /** RACK's reordering timer has expired (RFC 8985 §6.2 step 5). */
  reorderingTimeout(nowUs: Micros, una: number, nxt: number): void {
    this.#findLosses(nowUs, 0);
    const flight = seqDiff(nxt, una);
    if (this.#lossFound) this.#enterRecovery(nxt, flight);
    if (this.reducing) this.#reduceRate(0, flight);
  }

  /** The retransmission timer has expired; `first` when this segment had not timed out before. */
  timeout(nowUs: Micros, una: number, nxt: number, first: boolean): void {
    const { board, rack, congestion, spurious } = this;
    const flight = seqDiff(nxt, una);
    // RFC 5682: not when a recovery is under way, but again when the same segment times out again.
    const forward = !this.#timestamps && (!this.recovering || (!first && spurious.forwardRto));
    // RFC 2018 §8: after a timeout nothing SACKed may be relied on. As Linux does, only where the receiver is caught.
    const reneged = board.reneged;
    if (reneged) board.forgetSacks();
    if (first) congestion.reduce(flight, this.recovering);
    congestion.timedOut();
    if (rack && !reneged) {
      const window = rack.reorderingWindowUs(board, this.rtt, this.recovering);
      rack.markLostByTimeout(nowUs, board, window, this.rtt.srttUs);
    } else for (let id = board.head; id !== board.tail; id = (id + 1) | 0) board.markLost(id, 'rto');
    if (first) spurious.begin();
    else spurious.endForwardRto();
    if (forward) spurious.beginForwardRto();
    this.tlp.reset();
    this.reorderingAtUs = Number.POSITIVE_INFINITY;
    this.#duplicateBytes = 0;
    this.#duplicates = 0;
    this.#guarded = true;
    this.#recover = nxt;
    this.#enter('loss', reneged ? 'reneged' : 'rto');
  }

  /** RFC 1191 §6.4: what is in flight and too large for the path leaves again, which is no sign of congestion. */
  tooLargeForPath(): void {
    const { board } = this;
    for (let id = board.head; id !== board.tail; id = (id + 1) | 0) {
      if (seqDiff(board.end(id), board.seq(id)) > this.congestion.mss) board.markLost(id, 'path-mtu');
    }
  }

  /** RFC 6298 §3 and RFC 7323 §4: one sample for each round trip; RACK's least round-trip time takes every one. */
  #measure(nowUs: Micros, acked: number, una: number, nxt: number, echoUs: Micros): void {
    const { delivery } = this.board;
    if (delivery.newestSentUs >= 0) this.rtt.observe(nowUs, nowUs - delivery.newestSentUs);
    if (acked === 0) return;
    const round = seqGt(una, this.#roundEnd);
    if (delivery.sampleSentUs >= 0 && !delivery.again) {
      if (round || this.rtt.backedOff) this.rtt.sample(nowUs - delivery.sampleSentUs);
      this.tlp.measured();
    } else if (echoUs !== Number.POSITIVE_INFINITY && delivery.bytes > 0) {
      // Sent more than once, but the echo tells which one it was, to the millisecond.
      if (round || this.rtt.backedOff) this.rtt.sample(Math.max(1, nowUs - echoUs));
      this.tlp.measured();
    }
    if (!round) return;
    this.#roundEnd = nxt;
    this.report ??= 'round';
  }

  /** RFC 6937 §2 DeliveredData without SACK: a segment for each duplicate, the rest with the acknowledgment. */
  #deliveredWithoutSack(acked: number, flight: number, duplicate: boolean): number {
    const { mss } = this.congestion;
    if (duplicate && flight > 0) {
      // After a timeout they come from what was sent again without need.
      if (this.state === 'loss') return 0;
      this.#duplicates++;
      // One segment at least is missing.
      const bytes = Math.max(0, Math.min(mss, flight - mss - this.#duplicateBytes));
      this.#duplicateBytes += bytes;
      return bytes;
    }
    if (acked === 0) return 0;
    const known = Math.min(this.#duplicateBytes, Math.max(0, acked - mss));
    this.#duplicateBytes = this.recovering ? Math.min(this.#duplicateBytes - known, Math.max(0, flight - mss)) : 0;
    if (!this.recovering) this.#duplicates = 0;
    return acked - known;
  }

  /** D-SACK: more duplicates than we sent again are the network's, or lies, and say nothing (as in Linux). */
  #duplicateArrived(): void {
    const { delivery } = this.board;
    this.#dsackSegments += this.#duplicatedSegments();
    if (this.#dsackSegments <= this.#resentSegments) return;
    this.#dsackSegments = this.#resentSegments;
    delivery.dsack = false;
  }

  #duplicatedSegments(): number {
    const { delivery } = this.board;
    return Math.max(1, Math.ceil(seqDiff(delivery.dsackRight, delivery.dsackLeft) / this.congestion.mss));
  }

  /** Whether the latest retransmissions were needless, and what follows. True: the reduction was undone. */
  #judge(
    nowUs: Micros,
    acked: number,
    from: number,
    una: number,
    nxt: number,
    echoUs: Micros,
    duplicate: boolean,
    flight: number,
  ): boolean {
    const { board, spurious, congestion } = this;
    const { delivery } = board;
    if (spurious.forwardRto) {
      const verdict = spurious.forwardRtoAck(from, una, nxt, delivery, duplicate, this.sack, board.fack);
      if (verdict === 'spurious') return this.#undo(nowUs, 'undo-frto', flight, acked, delivery.sampleSentUs);
      else if (verdict === 'slow') congestion.cwnd = Math.min(congestion.cwnd, 3 * congestion.mss);
    }
    if (acked > 0 && this.recovering && echoUs !== Number.POSITIVE_INFINITY && spurious.eifel(echoUs)) {
      return this.#undo(nowUs, 'undo-eifel', flight, acked, echoUs);
    }
    if (delivery.dsack && congestion.canUndo && spurious.duplicates(this.#duplicatedSegments())) {
      return this.#undo(nowUs, 'undo-dsack', flight, acked, -1);
    }
    return false;
  }

  #undo(nowUs: Micros, reason: CongestionReason, flight: number, acked: number, sentUs: Micros): boolean {
    const { congestion, board } = this;
    // RFC 4015 §3.4: never on an ACK that tells of congestion.
    if (this.#marked) return false;
    if (this.state === 'loss') {
      board.unmarkLost();
      // RFC 4015 §3.4 and §3.6: on from what is in flight, and a timer that knows this delay.
      congestion.undo(flight + Math.min(acked, 10 * congestion.mss));
      if (sentUs >= 0 && nowUs > sentUs) this.rtt.adaptAfterSpurious(nowUs - sentUs);
    } else {
      board.unmarkLost();
      congestion.undo(Number.POSITIVE_INFINITY);
    }
    if (this.recovering) this.#leave(reason);
    else this.report = reason;
    return true;
  }

  /** RFC 6937 §3: cwnd is what is in the network and what this ACK lets go. */
  #reduceRate(deliveredBytes: number, flight: number): void {
    const { congestion } = this;
    const pipe = this.pipe(flight);
    congestion.set(pipe + this.prr.allowance(deliveredBytes, pipe, congestion.ssthresh, congestion.mss));
  }

  /** True: recovery has ended. */
  #exit(una: number): boolean {
    if (this.#guarded && seqGt(una, this.#recover)) this.#guarded = false;
    if (this.state === 'open' || this.state === 'disorder' || !seqGte(una, this.#recover)) return false;
    // The segment with CWR is the first beyond `recover`: until it is acknowledged ECE is the old one.
    if (this.state === 'cwr' && una === this.#recover) return false;
    if (this.reducing) this.congestion.set(this.congestion.ssthresh);
    if (this.recovering) this.rack?.recovered();
    this.#leave('recovered');
    return true;
  }

  #leave(reason: CongestionReason): void {
    this.#duplicateBytes = 0;
    this.#duplicates = 0;
    this.tlp.reset();
    this.#enter(this.board.sackedBytes > 0 ? 'disorder' : 'open', reason);
  }

  #findLosses(nowUs: Micros, acked: number): void {
    const { board, rack } = this;
    this.reorderingAtUs = Number.POSITIVE_INFINITY;
    if (board.size === 0) return;
    if (rack) {
      if (board.sackedSegments === 0 && board.retransmittedSegments === 0 && !this.recovering) return;
      const window = rack.reorderingWindowUs(board, this.rtt, this.recovering);
      const timeoutUs = rack.detectLosses(nowUs, board, window);
      if (timeoutUs > 0) this.reorderingAtUs = nowUs + timeoutUs;
    } else if (this.sack) {
      if (board.sackedSegments > 0) board.markLostBySacks(this.congestion.mss);
    } else if (this.state === 'recovery') {
      // RFC 6582 §3.2 step 3: a partial acknowledgment ends at the next hole.
      if (acked > 0) board.markLost(board.head, 'fast');
    } else if (this.#duplicates === DUP_THRESH && !this.#guarded && this.state !== 'loss') {
      board.markLost(board.head, 'fast');
    }
  }

  /** A loss that calls for recovery; what was too large for the path does not. */
  get #lossFound(): boolean {
    const { board } = this;
    return board.lostBytes > 0 && !this.recovering && board.reason(board.firstLost()) !== 'path-mtu';
  }

  #enterRecovery(nxt: number, flightBytes: number): void {
    const { board } = this;
    // In CWR the window has come down for this flight already.
    if (this.state !== 'cwr') {
      this.congestion.reduce(flightBytes, false);
      this.prr.begin(flightBytes);
    }
    this.spurious.begin();
    this.tlp.reset();
    this.rescueAllowed = true;
    this.#guarded = true;
    this.#recover = nxt;
    const reason = board.reason(board.firstLost());
    this.#enter('recovery', reason === 'path-mtu' ? 'fast' : reason);
  }

  #enter(state: RecoveryState, reason: CongestionReason): void {
    this.state = state;
    this.report = reason;
    this.#marked = false;
  }
}
