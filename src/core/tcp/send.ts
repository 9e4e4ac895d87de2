// The sending half of a connection: the send buffer, SND.UNA/NXT/WND, what may leave now (RFC 9293 §3.8.6.2.1), the
// timers of retransmission (RFC 6298 §5), reordering and tail loss (RFC 8985 §7 and §8), and the probe of a closed window
// (RFC 9293 §3.8.6.1). What is lost, and how large the congestion window is, is decided in recovery.ts.

import { ByteQueue } from '../bytes/queue.js';
import { limits } from '../limits.js';
import type { TimerTable } from '../time.js';
import { MICROS_PER_MILLI } from '../time.js';
import type { Micros } from '../types.js';
import type { Congestion } from './congestion.js';
import { type CongestionReason, Recovery, type RecoveryOptions } from './recovery.js';
import { MAX_RTO_US, type RttEstimator } from './rtt.js';
import { type LossReason, RETRANSMITTED, SACKED } from './scoreboard.js';
import { CWR, FIN, PSH, type Segment } from './segment.js';
import { seqAdd, seqDiff, seqGt, seqLt, seqLte } from './seq.js';

/** Timer kinds of a connection; at one instant the smaller fires first. */
export const TIMER_RETRANSMIT = 0;
export const TIMER_PERSIST = 1;
export const TIMER_DELAYED_ACK = 2;
/** TIME-WAIT, and the wait for the peer's FIN in FIN-WAIT-2. */
export const TIMER_CLOSE = 3;
export const TIMER_SESSION = 4;
/** RACK's wait for what may only be reordered, and the tail loss probe (RFC 8985 §5.4). */
export const TIMER_REORDERING = 5;
export const TIMER_PROBE = 6;
/** RFC 9293 §3.8.4. */
export const TIMER_KEEP_ALIVE = 7;
/** RFC 9293 §3.10.8. */
export const TIMER_USER = 8;
export const TIMER_KINDS = 9;

export type RetransmitReason = LossReason | 'syn-ack' | 'probe';

/** Where segments go: the connection, which knows the acknowledgment and the window. */
export interface SegmentWriter {
  /** Sends `length` bytes of the send buffer that begin `distance` behind its front, at `seq`, with `flags` beside ACK. */
  write(nowUs: Micros, seq: number, distance: number, length: number, flags: number): void;
  /** Says in the trace that the next segment was sent before. */
  retransmitting(nowUs: Micros, reason: RetransmitReason, seq: number, length: number): void;
  /** Says in the trace how the congestion window stands. */
  congestion(nowUs: Micros, reason: CongestionReason): void;
}

/** What was agreed on with the peer, and what was chosen. */
export type SenderOptions = RecoveryOptions;

/** A small integer, so that sizes stay integers for the compiler. */
const NO_LIMIT = 0x3fff_ffff;

export class Sender {
  /** Bytes from SND.UNA on: first those in flight, then those not yet sent. */
  readonly queue = new ByteQueue();
  readonly recovery: Recovery;
  una: number;
  /** The next to be sent. */
  nxt: number;
  /** The next that was never sent: SND.NXT as the RFC's acknowledgment tests mean it. A window probe may be beyond `nxt`. */
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
  #mss: number;
  #probes = 0;
  /** When the retransmission timer would expire if nothing else ran; Infinity: it is to be started anew. */
  #rtoAtUs: Micros = Number.POSITIVE_INFINITY;
  /** New data was sent or acknowledged: the tail loss probe is to be scheduled anew (RFC 8985 §7.2). */
  #scheduleProbe = false;
  /** One lost segment leaves whatever cwnd says: the timer expired. */
  #force = false;
  #lastSentUs: Micros = 0;

  constructor(iss: number, options: SenderOptions, timers: TimerTable) {
    this.una = iss;
    this.nxt = seqAdd(iss, 1);
    this.max = this.nxt;
    this.#mss = options.mss;
    this.recovery = new Recovery(this.nxt, options);
    this.#timers = timers;
  }

  get congestion(): Congestion {
    return this.recovery.congestion;
  }

  get rtt(): RttEstimator {
    return this.recovery.rtt;
  }

  get mss(): number {
    return this.#mss;
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
    const { inFlight } = this;
    return Math.min(this.recovery.congestion.cwnd - this.recovery.pipe(inFlight), this.wnd - inFlight);
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
    if (synAckSentUs >= 0) {
      this.rtt.sample(nowUs - synAckSentUs);
      this.rtt.observe(nowUs, nowUs - synAckSentUs);
      this.recovery.tlp.measured();
    }
    if (synAckTimeouts > 0) this.rtt.restartAfterSynTimeout();
    if (synAckTimeouts > 1) this.congestion.startAfterSynLoss();
    this.#lastSentUs = nowUs;
  }

  /**
   * The ACK field, SACK blocks and window of a segment whose acknowledgment is no further than `max` and no older
   * than the largest window. `wnd` is its window, scaled. `echoAgeMs` says how many ticks of our timestamp clock ago
   * what it echoes was sent; negative: it echoes nothing that can be used.
   */
  acknowledge(nowUs: Micros, segment: Segment, wnd: number, echoAgeMs = -1): void {
    const { ack, seq } = segment;
    const from = this.una;
    const acked = seqDiff(ack, from);
    this.unansweredProbes = 0;
    if (acked < 0) return;
    const duplicate =
      acked === 0 && segment.payloadLength === 0 && (segment.flags & FIN) === 0 && wnd === this.wnd && !this.#closed;
    if (acked > 0) this.#advance(acked, ack);
    const { recovery } = this;
    if (acked > 0 || recovery.board.size > 0 || segment.sackBlocks > 0 || recovery.tlp.inFlight) {
      const echoUs =
        echoAgeMs < 0
          ? Number.POSITIVE_INFINITY
          : (Math.floor(nowUs / MICROS_PER_MILLI) - echoAgeMs + 1) * MICROS_PER_MILLI - 1;
      recovery.acknowledge(nowUs, segment, from, ack, this.nxt, echoUs, duplicate, this.maxWnd);
    }
    const newer = seqDiff(seq, this.wl1);
    // The test of SND.WL1 and SND.WL2 keeps old windows out. What acknowledges new data is no old segment, although it may
    // carry old text again: Linux takes its window, too, and would otherwise send beyond what the peer has left.
    if (acked > 0 || newer > 0 || (newer === 0 && seqLte(this.wl2, ack))) this.updateWindow(wnd, seq, ack);
  }

  /** ECE has come (RFC 3168 §6.1.2): answered once for a window of data, and the next new segment says so. */
  congestionMarked(): void {
    if (this.inFlight > 0) this.recovery.congestionMarked(this.una, this.nxt, this.inFlight);
  }

  /** SND.WND from a segment that passed the SND.WL1/WL2 test. */
  updateWindow(wnd: number, seq: number, ack: number): void {
    this.wnd = wnd;
    this.wl1 = seq;
    this.wl2 = ack;
    if (wnd > this.maxWnd) this.maxWnd = wnd;
    if (wnd > 0) this.#probes = 0;
  }

  /** The path has become narrower, or is taken to be wider again. */
  setMss(mss: number): void {
    this.#mss = mss;
    this.recovery.congestion.mss = mss;
  }

  /** What is in flight may be too large for the path: that leaves again in segments of the new size, at once. */
  resendForPath(nowUs: Micros, out: SegmentWriter): void {
    this.recovery.tooLargeForPath();
    if (this.recovery.board.lostBytes === 0) return;
    this.#force = true;
    this.send(nowUs, out);
  }

  /** Sends what may leave now and arms the timers. */
  send(nowUs: Micros, out: SegmentWriter): void {
    const { recovery } = this;
    if (recovery.report !== undefined) {
      out.congestion(nowUs, recovery.report);
      recovery.report = undefined;
    }
    if (recovery.board.lostBytes > 0 && !recovery.spurious.holding) this.#retransmitLost(nowUs, out);
    if (recovery.board.size === 0 && nowUs - this.#lastSentUs > this.rtt.rtoUs) this.congestion.restartAfterIdle();
    if (recovery.spurious.wantsNewData) this.#forwardRtoData(nowUs, out);
    else if (recovery.board.lostBytes === 0) {
      this.#sendNew(nowUs, out, NO_LIMIT, NO_LIMIT);
      if (recovery.state === 'recovery' && recovery.sack && !recovery.rack) this.#speculate(nowUs, out);
    }
    this.#force = false;
    this.#arm(nowUs);
  }

  /** The retransmission timer has expired (RFC 6298 §5.4 to §5.6); false: it has done so too often. */
  retransmitTimeout(nowUs: Micros, out: SegmentWriter): boolean {
    if (this.retransmissions >= limits.tcp.retransmissions) return false;
    this.retransmissions++;
    this.recovery.timeout(nowUs, this.una, this.nxt, this.retransmissions === 1);
    this.rtt.backOff();
    this.#rtoAtUs = Number.POSITIVE_INFINITY;
    this.#force = true;
    this.send(nowUs, out);
    return true;
  }

  /** RACK's reordering timer has expired. */
  reorderingTimeout(nowUs: Micros, out: SegmentWriter): void {
    this.recovery.reorderingTimeout(nowUs, this.una, this.nxt);
    this.#rtoAtUs = Number.POSITIVE_INFINITY;
    this.send(nowUs, out);
  }

  /** The tail loss probe is due (RFC 8985 §7.3): a new segment if there is one, else the last one again. */
  probeTimeout(nowUs: Micros, out: SegmentWriter): void {
    const { recovery } = this;
    const { board, tlp } = recovery;
    if (tlp.allowed && board.size > 0) {
      const before = this.nxt;
      this.#sendNew(nowUs, out, 1, this.#mss);
      if (this.nxt !== before) tlp.sent(this.nxt, false);
      else {
        const id = (board.tail - 1) | 0;
        if ((board.bits(id) & SACKED) === 0 && this.#resend(nowUs, out, id, 'tlp')) tlp.sent(this.nxt, true);
      }
    }
    this.#rtoAtUs = Number.POSITIVE_INFINITY;
    this.#scheduleProbe = false;
    this.#arm(nowUs);
  }

  /** The persist timer has expired: a closed window, or one too small to be worth it. False: too many probes unanswered. */
  persistTimeout(nowUs: Micros, out: SegmentWriter): boolean {
    if (this.wnd > 0) {
      // RFC 9293 §3.8.6.2.1 rule 4: the override.
      const length = Math.min(this.unsent, Math.max(0, this.usable), this.#mss);
      if (length > 0) this.#transmit(nowUs, out, this.inFlight, length, false, length === this.unsent);
      this.#arm(nowUs);
      return true;
    }
    if (this.unansweredProbes >= limits.tcp.unansweredProbes) return false;
    this.unansweredProbes++;
    this.#probes++;
    // One octet at the left edge, whether it was sent before or not: the window begins there.
    const length = Math.min(1, this.queue.length);
    const { board } = this.recovery;
    if (board.size > 0) board.probed(board.head);
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
    this.recovery.board.clear();
    this.finQueued = false;
    this.#clearTimers();
    this.#timers.clear(TIMER_PERSIST);
  }

  /** A window so far closed that only its probes are answered: their answers are no duplicates. */
  get #closed(): boolean {
    return this.wnd === 0;
  }

  #advance(acked: number, ack: number): void {
    const data = Math.min(acked, this.queue.length);
    if (data > 0) this.queue.drop(data);
    if (acked > data) this.finAcknowledged = true;
    this.una = ack;
    if (seqLt(this.nxt, ack)) this.nxt = ack;
    this.retransmissions = 0;
    // RFC 6298 §5.2 and §5.3; `#arm` starts it again. RFC 6582 §3.2 would restart it at the first partial ACK only; with
    // round trips far below the smallest RTO, one hole in each of them is faster than a timeout.
    this.#rtoAtUs = Number.POSITIVE_INFINITY;
    this.#scheduleProbe = true;
  }

  /** New data as the windows allow, `segments` at most; `budget` bytes stand in for what cwnd allows. */
  #sendNew(nowUs: Micros, out: SegmentWriter, segments: number, budget: number): number {
    const { recovery } = this;
    let { inFlight } = this;
    const cwndRoom = budget === NO_LIMIT ? recovery.congestion.cwnd - recovery.pipe(inFlight) : budget;
    let room = Math.min(cwndRoom, this.wnd - inFlight);
    let sent = 0;
    while (sent < segments && !recovery.board.full) {
      const unsent = this.queue.length - inFlight;
      if (unsent < 0) break;
      const usable = Math.max(0, room);
      const length = Math.min(unsent, usable, this.#mss);
      const last = length === unsent;
      const fin = this.finQueued && !this.finAcknowledged && last && usable > length;
      if (length === 0 && !fin) break;
      if (length < this.#mss && !last && !this.#worthSending(length)) break;
      this.#transmit(nowUs, out, inFlight, length, fin, last);
      const taken = length + (fin ? 1 : 0);
      inFlight += taken;
      room -= taken;
      sent++;
    }
    return sent;
  }

  /** RFC 5682 step 2b: two segments that nothing waits for, whatever cwnd is; without any the old recovery goes on. */
  #forwardRtoData(nowUs: Micros, out: SegmentWriter): void {
    const { spurious, board } = this.recovery;
    spurious.newDataSent(this.#sendNew(nowUs, out, 2, 2 * this.#mss));
    if (!spurious.holding && board.lostBytes > 0) this.#retransmitLost(nowUs, out);
  }

  /** RFC 6675 §5 (C): the lost segments in order, as long as cwnd has room for them. */
  #retransmitLost(nowUs: Micros, out: SegmentWriter): void {
    const { recovery } = this;
    const { board } = recovery;
    for (let id = board.firstLost(); id !== board.tail; id = board.firstLost()) {
      const room = recovery.congestion.cwnd - recovery.pipe(this.inFlight);
      const length = seqDiff(board.end(id), board.seq(id));
      if (!this.#force && room < Math.min(length, this.#mss)) break;
      this.#force = false;
      if (!this.#resend(nowUs, out, id, board.reason(id))) break;
    }
  }

  /** RFC 6675 §4 NextSeg rules 3 and 4: there is room, and neither lost nor new data for it. */
  #speculate(nowUs: Micros, out: SegmentWriter): void {
    const { recovery } = this;
    const { board } = recovery;
    while (this.unsent <= 0 && recovery.congestion.cwnd - recovery.pipe(this.inFlight) >= this.#mss) {
      const id = board.speculative(recovery.rescueAllowed);
      if (id === board.tail) return;
      if ((board.bits(id) & RETRANSMITTED) !== 0 || seqGt(board.end(id), board.fack)) recovery.rescueAllowed = false;
      if (!this.#resend(nowUs, out, id, 'sack')) return;
    }
  }

  /** Sends a segment of the scoreboard again, as much of it as fits the window and the MSS. False: it does not leave. */
  #resend(nowUs: Micros, out: SegmentWriter, id: number, reason: LossReason): boolean {
    const { recovery } = this;
    const { board } = recovery;
    const seq = board.seq(id);
    const distance = seqDiff(seq, this.una);
    const room = this.wnd - distance;
    const all = seqDiff(board.end(id), seq);
    // SHLD-16: old data is repeated as far as the window reaches, even when the peer has shrunk it.
    // A FIN is none of the text that the MSS counts, but it stays behind when the text has to be cut.
    const text = Math.min(all, this.queue.length - distance);
    const fits = Math.min(room, text > this.#mss ? this.#mss : all);
    let entry = id;
    if (fits <= 0) return false;
    // When there are too many parts already, what fits leaves all the same; the rest is missed when that is acknowledged.
    if (fits < all && board.split(id, fits)) entry = (id - 1) | 0;
    const end = seqAdd(seq, fits);
    const length = Math.min(seqDiff(end, seq), this.queue.length - distance);
    const fin = seqDiff(end, seq) > length;
    out.retransmitting(nowUs, reason, seq, length);
    const flags = (fin ? FIN : 0) | (length > 0 && distance + length === this.queue.length ? PSH : 0);
    out.write(nowUs, seq, distance, length, flags);
    board.resent(nowUs, entry);
    recovery.resent(nowUs, end, reason === 'tlp');
    if (recovery.reducing) recovery.prr.sent(seqDiff(end, seq));
    this.#lastSentUs = nowUs;
    // The first one has begun to wait anew.
    if (seq === this.una) this.#rtoAtUs = Number.POSITIVE_INFINITY;
    return true;
  }

  /**
   * Whether less than a full segment of more may leave. Where cwnd is the limit it waits for the next acknowledgment.
   * Where the peer's window is, RFC 9293 §3.8.6.2.1 rule 3 asks for half of the largest one. Nagle's algorithm (§3.7.4)
   * is off: all that the session has is pulled before the first segment is cut, so that a small segment is the end of an
   * answer, and holding it back until an acknowledgment would only add a round trip or the peer's delayed ACK.
   */
  #worthSending(length: number): boolean {
    if (this.wnd - this.inFlight >= this.#mss) return false;
    return length * 2 >= this.maxWnd || seqLt(this.nxt, this.max);
  }

  #transmit(nowUs: Micros, out: SegmentWriter, distance: number, length: number, fin: boolean, last: boolean): void {
    const { recovery } = this;
    const seq = this.nxt;
    const end = seqAdd(seq, length + (fin ? 1 : 0));
    let flags = (fin ? FIN : 0) | (last && length > 0 ? PSH : 0);
    if (recovery.cwrPending && length > 0) {
      // RFC 3168 §6.1.2: the first new data behind the reduction says so.
      flags |= CWR;
      recovery.cwrSent(end);
    }
    if (seqLt(seq, this.max)) out.retransmitting(nowUs, 'probe', seq, length);
    out.write(nowUs, seq, distance, length, flags);
    recovery.board.sent(nowUs, seq, end);
    if (recovery.reducing) recovery.prr.sent(seqDiff(end, seq));
    this.nxt = end;
    if (seqGt(end, this.max)) this.max = end;
    this.#lastSentUs = nowUs;
    this.#scheduleProbe = true;
  }

  /** One timer runs while anything is unacknowledged or unsent (RFC 8985 §8: they exclude one another). */
  #arm(nowUs: Micros): void {
    const timers = this.#timers;
    const waiting = this.queue.length > 0 || (this.finQueued && !this.finAcknowledged);
    if (!waiting) {
      this.#clearTimers();
      timers.clear(TIMER_PERSIST);
      return;
    }
    if (this.wnd === 0 || this.recovery.board.size === 0) {
      this.#clearTimers();
      // SHLD-29 and SHLD-30: first after an RTO, then ever later.
      if (!timers.isSet(TIMER_PERSIST)) {
        timers.set(TIMER_PERSIST, nowUs + Math.min(MAX_RTO_US, this.rtt.rtoUs * 2 ** this.#probes));
      }
      return;
    }
    timers.clear(TIMER_PERSIST);
    const { recovery } = this;
    if (this.#rtoAtUs === Number.POSITIVE_INFINITY || this.#rtoAtUs <= nowUs) this.#rtoAtUs = nowUs + this.rtt.rtoUs;
    if (recovery.reorderingAtUs !== Number.POSITIVE_INFINITY) {
      timers.clear(TIMER_PROBE);
      timers.clear(TIMER_RETRANSMIT);
      timers.set(TIMER_REORDERING, recovery.reorderingAtUs);
      return;
    }
    timers.clear(TIMER_REORDERING);
    if (this.#probing) {
      if (this.#scheduleProbe || !timers.isSet(TIMER_PROBE)) {
        const timeoutUs = recovery.tlp.timeoutUs(this.rtt, recovery.board.size);
        timers.set(TIMER_PROBE, Math.min(this.#rtoAtUs, nowUs + timeoutUs));
      }
      this.#scheduleProbe = false;
      timers.clear(TIMER_RETRANSMIT);
      return;
    }
    timers.clear(TIMER_PROBE);
    timers.set(TIMER_RETRANSMIT, this.#rtoAtUs);
  }

  /** RFC 8985 §7.2: a probe is scheduled by new data or its acknowledgment, not in recovery nor with SACKed segments. */
  get #probing(): boolean {
    const { recovery } = this;
    if (!recovery.rack || recovery.state !== 'open' || !recovery.tlp.allowed) return false;
    return this.#scheduleProbe || this.#timers.isSet(TIMER_PROBE);
  }

  #clearTimers(): void {
    this.#timers.clear(TIMER_RETRANSMIT);
    this.#timers.clear(TIMER_REORDERING);
    this.#timers.clear(TIMER_PROBE);
    this.#rtoAtUs = Number.POSITIVE_INFINITY;
  }
}
