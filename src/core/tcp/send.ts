// The sending half of a connection: the send buffer, SND.UNA/NXT/WND, what may leave now (RFC 9293 §3.8.6.2.1), the
// retransmission timer (RFC 6298 §5) and the probe of a closed window (RFC 9293 §3.8.6.1). After a timeout everything
// from the first unacknowledged byte is sent again as the window allows; there is no SACK.

import { ByteQueue } from '../bytes/queue.js';
import { limits } from '../limits.js';
import type { TimerTable } from '../time.js';
import type { Micros } from '../types.js';
import { Congestion } from './congestion.js';
import { MAX_RTO_US, RttEstimator } from './rtt.js';
import { CWR, FIN, PSH } from './segment.js';
import { seqAdd, seqDiff, seqGt, seqGte, seqLt } from './seq.js';

/** Timer kinds of a connection; at one instant the smaller fires first. */
export const TIMER_RETRANSMIT = 0;
export const TIMER_PERSIST = 1;
export const TIMER_DELAYED_ACK = 2;
/** TIME-WAIT, and the wait for the peer's FIN in FIN-WAIT-2. */
export const TIMER_CLOSE = 3;
export const TIMER_SESSION = 4;
/** RFC 9293 §3.8.4. */
export const TIMER_KEEP_ALIVE = 5;
/** RFC 9293 §3.10.8. */
export const TIMER_USER = 6;
export const TIMER_KINDS = 7;

export type RetransmitReason = 'rto' | 'syn-ack' | 'fast' | 'probe' | 'path-mtu';

/** Where segments go: the connection, which knows the acknowledgment and the window. */
export interface SegmentWriter {
  /** Sends `length` bytes of the send buffer that begin `distance` behind its front, at `seq`, with `flags` beside ACK. */
  write(nowUs: Micros, seq: number, distance: number, length: number, flags: number): void;
  /** Says in the trace that the next segment was sent before. */
  retransmitting(nowUs: Micros, reason: RetransmitReason, seq: number, length: number): void;
}

export class Sender {
  /** Bytes from SND.UNA on: first those in flight, then those not yet sent. */
  readonly queue = new ByteQueue();
  readonly congestion: Congestion;
  readonly rtt = new RttEstimator();
  /** The largest segment text: what the peer takes and the path carries. */
  mss: number;
  una: number;
  /** The next to be sent. A timeout draws it back to `una`. */
  nxt: number;
  /** The next that was never sent: SND.NXT as the RFC's acknowledgment tests mean it. */
  max: number;
  /** In bytes, scaled. */
  wnd = 0;
  /** The largest window seen: Max(SND.WND), MAX.SND.WND of RFC 5961 §5. */
  maxWnd = 0;
  /** SND.WL1 and SND.WL2. */
  wl1 = 0;
  wl2 = 0;
  /** A FIN stands behind the last byte of the queue. */
  finQueued = false;
  finAcknowledged = false;
  /** Timeouts since something was last acknowledged. */
  retransmissions = 0;
  /** Probes since the peer last said anything; while it answers, the connection stays (MUST-37). */
  unansweredProbes = 0;
  readonly #timers: TimerTable;
  #probes = 0;
  /** Why segments below `max` leave again. */
  #reason: RetransmitReason = 'rto';
  /** One segment is timed at a time; -1 when none is. Its sample is due when `#timedEnd` is acknowledged. */
  #timedAtUs = -1;
  #timedEnd = 0;
  #lastSentUs: Micros = 0;
  #cwrPending = false;

  constructor(iss: number, mss: number, timers: TimerTable) {
    this.una = iss;
    this.nxt = seqAdd(iss, 1);
    this.max = this.nxt;
    this.mss = mss;
    this.congestion = new Congestion(mss);
    this.#timers = timers;
  }

  get inFlight(): number {
    return (this.nxt - this.una) >>> 0;
  }

  /** Bytes in the buffer that are not in flight; -1 when the FIN is in flight too. */
  get unsent(): number {
    return this.queue.length - this.inFlight;
  }

  /** How much more may be in flight. Negative when the peer has shrunk its window (MUST-34). */
  get usable(): number {
    const cwnd = this.congestion.cwnd + this.congestion.limitedTransmitBytes;
    return Math.min(cwnd, this.wnd) - this.inFlight;
  }

  /** The buffer can take what the session is asked for, and the window could carry more than what waits. */
  get wantsMore(): boolean {
    return (
      !this.finQueued &&
      this.queue.length + limits.tcp.takeBytes <= limits.tcp.sendBufferBytes &&
      this.unsent <= Math.max(0, this.usable)
    );
  }

  /**
   * The sequence number of a segment without text: the newest, but within the peer's window, or the peer would not look
   * at its acknowledgment when it has shrunk its window or our probe is beyond it.
   */
  get ackSeq(): number {
    return seqDiff(this.max, this.una) > this.wnd ? seqAdd(this.una, this.wnd) : this.max;
  }

  /** The handshake is done: our SYN is acknowledged. `synAckSentUs` is -1 when it was sent more than once. */
  established(nowUs: Micros, synAckSentUs: Micros, synAckTimeouts: number): void {
    this.una = this.max;
    this.retransmissions = 0;
    this.#timers.clear(TIMER_RETRANSMIT);
    // RFC 6298 §3 (Karn): a SYN-ACK that was sent twice measures nothing.
    if (synAckSentUs >= 0) this.rtt.sample(nowUs - synAckSentUs);
    if (synAckTimeouts > 0) this.rtt.restartAfterSynTimeout();
    if (synAckTimeouts > 1) this.congestion.startAfterSynLoss();
    this.#lastSentUs = nowUs;
  }

  /** An acceptable acknowledgment of new data: `una < ack <= max`. */
  acknowledge(nowUs: Micros, ack: number): void {
    const acked = seqDiff(ack, this.una);
    const data = Math.min(acked, this.queue.length);
    if (data > 0) this.queue.drop(data);
    if (acked > data) this.finAcknowledged = true;
    this.una = ack;
    if (seqLt(this.nxt, ack)) this.nxt = ack;
    this.retransmissions = 0;
    if (this.#timedAtUs >= 0 && seqGte(ack, this.#timedEnd)) {
      this.rtt.sample(nowUs - this.#timedAtUs);
      this.#timedAtUs = -1;
    }
    this.congestion.acknowledge(acked, ack, this.inFlight);
    // RFC 6298 §5.2 and §5.3; `#arm` starts it again. RFC 6582 §3.2 would restart it at the first partial ACK only; with
    // round trips far below the smallest RTO, one hole in each of them is faster than a timeout.
    this.#timers.clear(TIMER_RETRANSMIT);
  }

  /** A duplicate ACK as RFC 5681 §2 defines it. */
  duplicate(): void {
    this.congestion.duplicate(this.una, this.max, this.inFlight);
  }

  /** ECE has come (RFC 3168 §6.1.2): answered once for a window of data, and the next new segment says so. */
  congestionMarked(): void {
    if (this.congestion.marked(this.una, this.max, this.inFlight)) this.#cwrPending = true;
  }

  /** SND.WND from a segment that passed the SND.WL1/WL2 test. */
  updateWindow(wnd: number, seq: number, ack: number): void {
    this.wnd = wnd;
    this.wl1 = seq;
    this.wl2 = ack;
    if (wnd > this.maxWnd) this.maxWnd = wnd;
    if (wnd > 0) this.#probes = 0;
  }

  /** Sends what may leave now and arms the timers. */
  send(nowUs: Micros, out: SegmentWriter): void {
    if (this.congestion.retransmitNow) {
      this.congestion.retransmitNow = false;
      this.#retransmitFirst(nowUs, out);
    }
    if (this.una === this.max && nowUs - this.#lastSentUs > this.rtt.rtoUs) this.congestion.restartAfterIdle();
    for (;;) {
      const unsent = this.unsent;
      if (unsent < 0) break;
      const usable = Math.max(0, this.usable);
      const length = Math.min(unsent, usable, this.mss);
      const last = length === unsent;
      const fin = this.finQueued && !this.finAcknowledged && last && usable > length;
      if (length === 0 && !fin) break;
      if (length < this.mss && !last && !this.#worthSending(length)) break;
      this.#transmit(nowUs, out, length, fin, last);
    }
    this.#arm(nowUs);
  }

  /** The path has become narrower, or is taken to be wider again. */
  setMss(mss: number): void {
    this.mss = mss;
    this.congestion.setMss(mss);
  }

  /**
   * What is in flight is too large for the path and lost: it leaves again in segments of the new size. RFC 1191 §6.4: that
   * says nothing of congestion, so the window stays.
   */
  resendForPath(nowUs: Micros, out: SegmentWriter): void {
    if (this.una === this.nxt) return;
    this.#timedAtUs = -1;
    this.#reason = 'path-mtu';
    this.nxt = this.una;
    this.send(nowUs, out);
  }

  /** The retransmission timer has expired (RFC 6298 §5.4 to §5.6); false: it has done so too often. */
  retransmitTimeout(nowUs: Micros, out: SegmentWriter): boolean {
    if (this.retransmissions >= limits.tcp.retransmissions) return false;
    this.retransmissions++;
    this.congestion.timeout(this.retransmissions === 1, this.max, this.inFlight);
    this.rtt.backOff();
    this.#timedAtUs = -1;
    this.#reason = 'rto';
    this.nxt = this.una;
    this.send(nowUs, out);
    return true;
  }

  /** The persist timer has expired: a closed window, or one too small to be worth it. False: too many probes unanswered. */
  persistTimeout(nowUs: Micros, out: SegmentWriter): boolean {
    if (this.wnd > 0) {
      // RFC 9293 §3.8.6.2.1 rule 4: the override.
      const length = Math.min(this.unsent, Math.max(0, this.usable), this.mss);
      if (length > 0) this.#transmit(nowUs, out, length, false, length === this.unsent);
      this.#arm(nowUs);
      return true;
    }
    if (this.unansweredProbes >= limits.tcp.unansweredProbes) return false;
    this.unansweredProbes++;
    this.#probes++;
    // One octet at the left edge, whether it was sent before or not: the window begins there.
    const length = Math.min(1, this.queue.length);
    this.#timedAtUs = -1;
    this.#reason = 'probe';
    if (seqGt(this.max, this.una)) out.retransmitting(nowUs, 'probe', this.una, length);
    out.write(nowUs, this.una, 0, length, length === 0 ? FIN : 0);
    this.#lastSentUs = nowUs;
    if (this.max === this.una) this.max = seqAdd(this.una, 1);
    this.#arm(nowUs);
    return true;
  }

  /** Forgets what is buffered; no timer of this half runs any more. */
  release(): void {
    this.queue.clear();
    this.finQueued = false;
    this.#timers.clear(TIMER_RETRANSMIT);
    this.#timers.clear(TIMER_PERSIST);
  }

  /**
   * Whether less than a full segment of more may leave. Where cwnd is the limit it waits for the next acknowledgment.
   * Where the peer's window is, RFC 9293 §3.8.6.2.1 rule 3 asks for half of the largest one, and old data is repeated as
   * far as the window reaches (SHLD-16). Nagle's algorithm (§3.7.4) is off: all that the session has is pulled before the
   * first segment is cut, so that a small segment is the end of an answer, and holding it back until an acknowledgment
   * would only add a round trip or the peer's delayed ACK.
   */
  #worthSending(length: number): boolean {
    if (this.wnd - this.inFlight >= this.mss) return false;
    return length * 2 >= this.maxWnd || seqLt(this.nxt, this.max);
  }

  #transmit(nowUs: Micros, out: SegmentWriter, length: number, fin: boolean, last: boolean): void {
    const seq = this.nxt;
    const end = seqAdd(seq, length + (fin ? 1 : 0));
    if (seqLt(seq, this.max)) {
      // RFC 6298 §3 (Karn): what is in flight now cannot be timed.
      this.#timedAtUs = -1;
      out.retransmitting(nowUs, this.#reason, seq, length);
    } else if (this.#timedAtUs < 0) {
      this.#timedAtUs = nowUs;
      this.#timedEnd = end;
    }
    // RFC 3168 §6.1.2: CWR stands on new text only, so that its loss is noticed.
    const cwr = this.#cwrPending && length > 0 && seq === this.max;
    if (cwr) this.#cwrPending = false;
    out.write(nowUs, seq, this.inFlight, length, (fin ? FIN : 0) | (last && length > 0 ? PSH : 0) | (cwr ? CWR : 0));
    this.nxt = end;
    if (seqGt(end, this.max)) this.max = end;
    this.#lastSentUs = nowUs;
  }

  /** Sends the first unacknowledged segment again; SND.NXT stays. */
  #retransmitFirst(nowUs: Micros, out: SegmentWriter): void {
    const length = Math.min(this.queue.length, this.mss, this.inFlight);
    const fin = this.finQueued && length === this.queue.length && this.inFlight > length;
    if (length === 0 && !fin) return;
    this.#timedAtUs = -1;
    out.retransmitting(nowUs, 'fast', this.una, length);
    out.write(nowUs, this.una, 0, length, fin ? FIN : 0);
    this.#lastSentUs = nowUs;
    this.#timers.clear(TIMER_RETRANSMIT);
  }

  /** One of the two timers runs while anything is unacknowledged or unsent. */
  #arm(nowUs: Micros): void {
    const waiting = this.queue.length > 0 || (this.finQueued && !this.finAcknowledged);
    const persist = waiting && (this.wnd === 0 || this.una === this.max);
    if (persist) {
      this.#timers.clear(TIMER_RETRANSMIT);
      // SHLD-29 and SHLD-30: first after an RTO, then ever later.
      if (!this.#timers.isSet(TIMER_PERSIST)) {
        this.#timers.set(TIMER_PERSIST, nowUs + Math.min(MAX_RTO_US, this.rtt.rtoUs * 2 ** this.#probes));
      }
      return;
    }
    this.#timers.clear(TIMER_PERSIST);
    if (!waiting) this.#timers.clear(TIMER_RETRANSMIT);
    else if (!this.#timers.isSet(TIMER_RETRANSMIT)) this.#timers.set(TIMER_RETRANSMIT, nowUs + this.rtt.rtoUs);
  }
}
