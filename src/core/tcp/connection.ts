// One connection of a server: the states from SYN-RECEIVED on, and what a segment, a timer or the session does in each,
// in the order of RFC 9293 §3.10.7.4. The halves are in receive.ts and send.ts; LISTEN and CLOSED are in endpoint.ts.
// Urgent data is delivered inline, SACK, timestamps and ECN are not negotiated.

import { limits } from '../limits.js';
import { type HeapEntry, MICROS_PER_MILLI, MICROS_PER_SECOND, TimerTable } from '../time.js';
import type { TcpState, Trace } from '../trace.js';
import type { Micros, Session } from '../types.js';
import { type ConnectionConfig, writeReset, writeSegment, writeSynAck } from './output.js';
import { MAX_UNSCALED_WINDOW, RECEIVE_WINDOW_SCALE, Receiver } from './receive.js';
import { ACK, FIN, RST, type Segment, SYN, segmentLength } from './segment.js';
import {
  type RetransmitReason,
  type SegmentWriter,
  Sender,
  TIMER_CLOSE,
  TIMER_DELAYED_ACK,
  TIMER_KINDS,
  TIMER_PERSIST,
  TIMER_RETRANSMIT,
  TIMER_SESSION,
} from './send.js';
import { seqDiff, seqGt, seqLte } from './seq.js';

/** RFC 9293 §3.8.6.3 allows up to half a second; Linux's 40 ms keeps a slow-starting peer moving. */
export const DELAYED_ACK_US = 40 * MICROS_PER_MILLI;
/** 2 MSL. RFC 9293 §3.4.2 has an MSL of two minutes; 60 s in all is what Linux holds a 4-tuple for. */
export const TIME_WAIT_US = 60 * MICROS_PER_SECOND;
/** How long a peer may take to close after we did in full; the RFC sets no end, Linux's tcp_fin_timeout does. */
export const FIN_WAIT_2_US = 60 * MICROS_PER_SECOND;
/** RFC 9293 §3.7.1: when the SYN carries no MSS option. */
const DEFAULT_SEND_MSS = 536;
/** RFC 7323 §2.3: a larger shift is taken as this. */
const MAX_WINDOW_SCALE = 14;

export class Connection implements HeapEntry, SegmentWriter {
  deadlineUs: Micros = Number.POSITIVE_INFINITY;
  heapIndex = -1;
  readonly serial: number;
  readonly config: ConnectionConfig;
  readonly timers = new TimerTable(TIMER_KINDS);
  readonly #receiver: Receiver;
  readonly #sender: Sender;
  readonly #irs: number;
  readonly #scaled: boolean;
  readonly #sendShift: number;
  readonly #trace: Trace | undefined;
  #state: TcpState = 'LISTEN';
  /** From ESTABLISHED until our FIN is queued: a SYN flood makes no sessions. */
  #session: Session | undefined;
  #endOfInputTold = false;
  #ackNow = false;
  /** A closed window was probed: open it by any step. */
  #windowProbed = false;
  #synAckTimeouts = 0;
  /** -1 once the SYN-ACK was sent again and measures nothing. */
  #synAckSentUs: Micros = -1;
  #discardedBytes = 0;
  #challengesSinceUs: Micros = 0;
  #challenges = 0;

  /** `syn` is the segment that opens the connection; `open` answers it. */
  constructor(config: ConnectionConfig, syn: Segment) {
    this.config = config;
    this.serial = config.serial;
    this.#trace = config.trace;
    this.#irs = syn.seq;
    this.#scaled = syn.windowScale >= 0;
    this.#sendShift = this.#scaled ? Math.min(syn.windowScale, MAX_WINDOW_SCALE) : 0;
    // RFC 9293 §3.7.1: Eff.snd.MSS; we send no options beside the SYN's.
    const peerMss = syn.mss < 0 ? DEFAULT_SEND_MSS : Math.max(limits.tcp.minSendMss, syn.mss);
    this.#receiver = new Receiver(syn.seq, this.#scaled, config.ownMss);
    this.#sender = new Sender(config.iss, Math.min(peerMss, config.ownMss), this.timers);
    this.#sender.updateWindow(syn.window, syn.seq, 0);
  }

  get state(): TcpState {
    return this.#state;
  }

  /** RCV.NXT and the highest sequence number used, for the reuse of a 4-tuple in TIME-WAIT. */
  get rcvNxt(): number {
    return this.#receiver.nxt;
  }

  get sndMax(): number {
    return this.#sender.max;
  }

  /** Answers the SYN (§3.10.7.2). */
  open(nowUs: Micros): void {
    this.#enter(nowUs, 'SYN-RECEIVED');
    this.#synAckSentUs = nowUs;
    this.#writeSynAck(nowUs);
    this.timers.set(TIMER_RETRANSMIT, nowUs + this.#sender.rtt.rtoUs);
  }

  /** A segment of this connection (§3.10.7.4). `bytes` is valid during the call only. */
  receive(nowUs: Micros, segment: Segment, bytes: Uint8Array): void {
    const { seq, flags } = segment;

    // First, check the sequence number. A closed window still lets the acknowledgment of a probe through.
    const length = segmentLength(segment);
    const probe = length > 0 && this.#receiver.wnd === 0 && seq === this.#receiver.nxt;
    if (!probe && !this.#receiver.acceptable(seq, length)) {
      this.#unacceptable(nowUs, segment);
      return;
    }

    // Second, the RST bit, by the three rules of RFC 5961 §3 (the first was the sequence check).
    if ((flags & RST) !== 0) {
      if (seq === this.#receiver.nxt) this.#end(nowUs, 'reset by the peer');
      else this.#challenge(nowUs, segment, 'RST in the window but not at its edge');
      return;
    }

    // Third, security: not used. Fourth, the SYN bit.
    if ((flags & SYN) !== 0) {
      if (this.#state === 'SYN-RECEIVED') this.#end(nowUs, 'another SYN in SYN-RECEIVED');
      else this.#challenge(nowUs, segment, 'SYN on a synchronized connection');
      return;
    }

    // Fifth, the ACK field.
    if ((flags & ACK) === 0) {
      this.#drop(nowUs, segment, 'no ACK bit');
      return;
    }
    if (!this.#acknowledgment(nowUs, segment)) return;

    // Sixth, the URG bit: urgent data is delivered where it stands (RFC 6093 §6 recommends no more). Seventh and eighth,
    // text and FIN.
    if (length > 0) {
      if (probe) {
        this.#drop(nowUs, segment, 'receive window is closed');
        this.#ackNow = true;
        this.#windowProbed = true;
      } else if (!this.#text(nowUs, segment, bytes)) return;
    }
    this.#settle(nowUs);
  }

  /** A timer has expired; `nowUs` is its deadline. */
  fire(nowUs: Micros, kind: number): void {
    switch (kind) {
      case TIMER_RETRANSMIT:
        if (this.#state === 'SYN-RECEIVED') this.#synAckTimeout(nowUs);
        else if (!this.#sender.retransmitTimeout(nowUs, this)) this.#end(nowUs, 'retransmission limit reached');
        return;
      case TIMER_PERSIST:
        if (!this.#sender.persistTimeout(nowUs, this)) this.#end(nowUs, 'zero-window probes unanswered');
        return;
      case TIMER_DELAYED_ACK:
        this.#writeAck(nowUs);
        return;
      case TIMER_CLOSE:
        if (this.#state === 'FIN-WAIT-2') this.#end(nowUs, 'the peer did not close in FIN-WAIT-2');
        else this.#enter(nowUs, 'CLOSED');
        return;
      default:
        this.#session?.advance(nowUs);
        this.#settle(nowUs);
    }
  }

  /** The server shuts down: the session is asked to finish. */
  close(nowUs: Micros): void {
    if (this.#state === 'SYN-RECEIVED') {
      writeReset(nowUs, this.config, this.#sender.max);
      this.#end(nowUs, 'server closed');
      return;
    }
    if (!this.#session) return;
    this.#session.close(nowUs);
    this.#settle(nowUs);
  }

  /** Ends TIME-WAIT early: for a new SYN of the same 4-tuple, or when the table is full. */
  forget(nowUs: Micros): void {
    this.#enter(nowUs, 'CLOSED');
  }

  // ---- SegmentWriter ----

  write(nowUs: Micros, seq: number, distance: number, length: number, flags: number): void {
    const ack = this.#receiver.nxt;
    const window = this.#receiver.advertise();
    writeSegment(nowUs, this.config, seq, ack, ACK | flags, window, this.#sender.queue, distance, length);
    this.#ackNow = false;
    this.timers.clear(TIMER_DELAYED_ACK);
  }

  retransmitting(nowUs: Micros, reason: RetransmitReason, seq: number, length: number): void {
    this.#trace?.(nowUs, {
      layer: 'tcp',
      kind: 'retransmit',
      severity: 'warning',
      flow: this.config.flow,
      reason,
      seq,
      length,
      rtoUs: this.#sender.rtt.rtoUs,
      cwnd: this.#sender.congestion.cwnd,
      ssthresh: this.#sender.congestion.ssthresh,
    });
  }

  // ---- the steps of §3.10.7.4 ----

  /** Outside the window: answered by an ACK, unless it is a RST. */
  #unacceptable(nowUs: Micros, segment: Segment): void {
    const { flags } = segment;
    if ((flags & RST) !== 0) {
      this.#drop(nowUs, segment, 'RST outside the window');
      return;
    }
    if (this.#state === 'SYN-RECEIVED' && (flags & (SYN | ACK)) === SYN && segment.seq === this.#irs) {
      // The same SYN again: our SYN-ACK was lost. A bare ACK, as the RFC has it, would not help a peer in SYN-SENT.
      this.#drop(nowUs, segment, 'duplicate SYN');
      this.#resendSynAck(nowUs);
      return;
    }
    // A lost ACK of ours makes the peer send its FIN again.
    if (this.#state === 'TIME-WAIT' && (flags & FIN) !== 0) this.timers.set(TIMER_CLOSE, nowUs + TIME_WAIT_US);
    // A closed window is probed from outside of it, too: Linux sends the octet before it without text.
    if (this.#receiver.wnd === 0 && this.#session) this.#receiver.offer(this.#session.room(), true);
    if (segment.payloadLength > 0 || (flags & FIN) !== 0) {
      this.#drop(nowUs, segment, 'not in the receive window');
      this.#writeAck(nowUs);
    } else {
      // Segments without text are answered sparingly, or two confused peers would send each other ACKs for ever.
      this.#challenge(nowUs, segment, 'not in the receive window');
    }
  }

  /** False: the segment is not to be processed any further. */
  #acknowledgment(nowUs: Micros, segment: Segment): boolean {
    const sender = this.#sender;
    const { ack, seq } = segment;
    if (this.#state === 'SYN-RECEIVED') {
      if (!seqGt(ack, sender.una) || seqGt(ack, sender.max)) {
        this.#drop(nowUs, segment, 'acknowledges something not sent');
        writeReset(nowUs, this.config, ack);
        return false;
      }
      sender.established(nowUs, this.#synAckSentUs, this.#synAckTimeouts);
      sender.updateWindow(segment.window << this.#sendShift, seq, ack);
      this.#enter(nowUs, 'ESTABLISHED');
      this.#session = this.config.createSession(nowUs, this.config.flow);
      return true;
    }
    // RFC 5961 §5: neither what was never sent nor what is older than the largest window.
    const ahead = seqDiff(ack, sender.una);
    if (seqGt(ack, sender.max) || ahead < -sender.maxWnd) {
      this.#challenge(nowUs, segment, 'acknowledgment out of range');
      return false;
    }
    sender.unansweredProbes = 0;
    const window = segment.window << this.#sendShift;
    if (ahead > 0) sender.acknowledge(nowUs, ack);
    else if (ahead === 0 && this.#isDuplicate(segment, window)) sender.duplicate();
    if (ahead >= 0) {
      const newer = seqDiff(seq, sender.wl1);
      // The test of SND.WL1 and SND.WL2 keeps old windows out. What acknowledges new data is no old segment, although it may
      // carry old text again: Linux takes its window, too, and would otherwise send beyond what the peer has left.
      if (ahead > 0 || newer > 0 || (newer === 0 && seqLte(sender.wl2, ack))) sender.updateWindow(window, seq, ack);
    }
    if (sender.finAcknowledged) this.#finAcknowledged(nowUs);
    return this.#state !== 'CLOSED';
  }

  /** RFC 5681 §2: data is out, the segment says nothing but the same acknowledgment and the same window again. */
  #isDuplicate(segment: Segment, window: number): boolean {
    return (
      this.#sender.max !== this.#sender.una &&
      segment.payloadLength === 0 &&
      (segment.flags & FIN) === 0 &&
      window === this.#sender.wnd
    );
  }

  #finAcknowledged(nowUs: Micros): void {
    if (this.#state === 'FIN-WAIT-1') {
      this.#enter(nowUs, 'FIN-WAIT-2');
      this.timers.set(TIMER_CLOSE, nowUs + FIN_WAIT_2_US);
    } else if (this.#state === 'CLOSING') this.#timeWait(nowUs);
    else if (this.#state === 'LAST-ACK') this.#enter(nowUs, 'CLOSED');
  }

  /** False: the connection has ended. */
  #text(nowUs: Micros, segment: Segment, bytes: Uint8Array): boolean {
    const receiver = this.#receiver;
    if (receiver.finished) {
      this.#drop(nowUs, segment, 'text or FIN after the FIN');
      this.#ackNow = true;
      return true;
    }
    if (this.#sender.finQueued) {
      // §3.6.1 (SHLD-3) resets a peer that sends on after a full close. What it sent before it saw our FIN must not cost
      // it the data that it has not read yet, so an amount of it is thrown away in peace.
      this.#discardedBytes += segment.payloadLength;
      if (this.#discardedBytes > limits.tcp.discardAfterCloseBytes) {
        this.#abort(nowUs, 'data after close');
        return false;
      }
    }
    const fin = (segment.flags & FIN) !== 0;
    const arrival = receiver.accept(
      nowUs,
      // After a full close nothing is delivered; the receiver asks for a session all the same.
      this.#session ?? NO_SESSION,
      bytes,
      segment.payloadStart,
      segment.seq,
      segment.payloadLength,
      fin,
    );
    if (arrival === 'reassembly-full') this.#drop(nowUs, segment, 'out-of-order queue is full');
    // RFC 5681 §4.2: at once when a gap shows or closes, so that the peer's loss recovery hears of it.
    if (arrival !== 'in-order' || receiver.pieces > 0) this.#ackNow = true;
    if (receiver.finished) {
      this.#ackNow = true;
      this.#peerFinished(nowUs);
    }
    return true;
  }

  /** The peer's FIN has been reached (eighth). */
  #peerFinished(nowUs: Micros): void {
    if (this.#state === 'ESTABLISHED') this.#enter(nowUs, 'CLOSE-WAIT');
    else if (this.#state === 'FIN-WAIT-1') this.#enter(nowUs, 'CLOSING');
    else if (this.#state === 'FIN-WAIT-2') this.#timeWait(nowUs);
  }

  // ---- between the session and the two halves ----

  /** After every event: the session reads and is read, then whatever may leave does. */
  #settle(nowUs: Micros): void {
    const { state } = this;
    if (state === 'CLOSED' || state === 'LISTEN' || state === 'SYN-RECEIVED') return;
    const session = this.#session;
    if (session && !this.#serve(nowUs, session)) return;
    this.#receiver.offer(this.#session ? this.#session.room() : 0, this.#windowProbed);
    this.#windowProbed = false;
    if (state !== 'TIME-WAIT') this.#sender.send(nowUs, this);
    if (this.#ackNow || this.#receiver.acknowledgmentDue || this.#receiver.updateDue) this.#writeAck(nowUs);
    else if (this.#receiver.unacknowledged > 0 && !this.timers.isSet(TIMER_DELAYED_ACK)) {
      this.timers.set(TIMER_DELAYED_ACK, nowUs + DELAYED_ACK_US);
    }
  }

  /** Feeds and empties the session until it has nothing more to do now. False: the connection has ended. */
  #serve(nowUs: Micros, session: Session): boolean {
    const receiver = this.#receiver;
    const sender = this.#sender;
    for (;;) {
      receiver.feed(nowUs, session);
      if (receiver.finished && receiver.queue.length === 0 && !this.#endOfInputTold) {
        this.#endOfInputTold = true;
        session.endOfInput(nowUs);
      }
      while (sender.wantsMore) {
        const bytes = session.take(nowUs, limits.tcp.takeBytes);
        if (bytes.length === 0) break;
        sender.queue.push(bytes);
      }
      // Taking may have made room, and being given bytes may have made something due at once.
      if (this.#advanceIfDue(nowUs, session)) continue;
      if (receiver.queue.length === 0 || receiver.discarding || session.room() <= 0) break;
    }
    if (session.state === 'aborted') {
      this.#abort(nowUs, 'session aborted');
      return false;
    }
    if (session.state !== 'open' && !receiver.discarding) receiver.discard();
    if (session.state === 'closed') this.#queueFin(nowUs);
    return true;
  }

  /** Arms the session's timer. A deadline that is not in the future is served now; it must then lie in the future. */
  #advanceIfDue(nowUs: Micros, session: Session): boolean {
    const deadlineUs = session.nextDeadlineUs();
    if (deadlineUs === undefined) this.timers.clear(TIMER_SESSION);
    else if (deadlineUs > nowUs) this.timers.set(TIMER_SESSION, deadlineUs);
    else {
      session.advance(nowUs);
      const next = session.nextDeadlineUs();
      if (next !== undefined && next <= nowUs) throw new Error(`session deadline ${next} is not after ${nowUs}`);
      return true;
    }
    return false;
  }

  /** The session has ended in order: our FIN follows the last byte (§3.10.4). */
  #queueFin(nowUs: Micros): void {
    this.#sender.finQueued = true;
    this.#session = undefined;
    this.timers.clear(TIMER_SESSION);
    this.#enter(nowUs, this.#state === 'CLOSE-WAIT' ? 'LAST-ACK' : 'FIN-WAIT-1');
  }

  // ---- endings ----

  #timeWait(nowUs: Micros): void {
    this.#enter(nowUs, 'TIME-WAIT');
    this.#release();
    this.timers.set(TIMER_CLOSE, nowUs + TIME_WAIT_US);
  }

  /** We end it: RST, then as `#end` (§3.10.5). */
  #abort(nowUs: Micros, reason: string): void {
    writeReset(nowUs, this.config, this.#sender.ackSeq);
    this.#end(nowUs, reason);
  }

  /** The end without a FIN from both sides; nothing is sent. */
  #end(nowUs: Micros, reason: string): void {
    this.#trace?.(nowUs, { layer: 'tcp', kind: 'abort', severity: 'error', flow: this.config.flow, reason });
    this.#enter(nowUs, 'CLOSED');
  }

  #enter(nowUs: Micros, to: TcpState): void {
    const from = this.#state;
    this.#state = to;
    if (to === 'CLOSED') this.#release();
    this.#trace?.(nowUs, { layer: 'tcp', kind: 'state', flow: this.config.flow, from, to });
  }

  /** A connection that only waits holds no data and no session. */
  #release(): void {
    this.timers.clearAll();
    this.#session = undefined;
    this.#sender.release();
    this.#receiver.discard();
  }

  // ---- segments without text ----

  #synAckTimeout(nowUs: Micros): void {
    if (this.#synAckTimeouts >= limits.tcp.synAckRetransmissions) {
      this.#end(nowUs, 'SYN-ACK not acknowledged');
      return;
    }
    this.#synAckTimeouts++;
    this.#sender.rtt.backOff();
    this.#resendSynAck(nowUs);
    this.timers.set(TIMER_RETRANSMIT, nowUs + this.#sender.rtt.rtoUs);
  }

  #resendSynAck(nowUs: Micros): void {
    this.#synAckSentUs = -1;
    this.retransmitting(nowUs, 'syn-ack', this.config.iss, 0);
    this.#writeSynAck(nowUs);
  }

  #writeSynAck(nowUs: Micros): void {
    // An ACK before this one may have rounded the window up, and a SYN-ACK's window is not scaled (RFC 7323 §2.2).
    const window = Math.min(MAX_UNSCALED_WINDOW, this.#receiver.wnd);
    writeSynAck(nowUs, this.config, this.#receiver.nxt, window, this.#scaled ? RECEIVE_WINDOW_SCALE : -1);
  }

  #writeAck(nowUs: Micros): void {
    this.write(nowUs, this.#sender.ackSeq, 0, 0, 0);
  }

  /** RFC 5961 §3 to §5: tell the peer where we are; it knows whether the segment was its own. Limited as §7 says. */
  #challenge(nowUs: Micros, segment: Segment, reason: string): void {
    this.#drop(nowUs, segment, reason);
    if (nowUs - this.#challengesSinceUs >= MICROS_PER_SECOND) {
      this.#challengesSinceUs = nowUs;
      this.#challenges = 0;
    }
    if (this.#challenges++ < limits.tcp.challengeAcksPerSecond) this.#writeAck(nowUs);
  }

  #drop(nowUs: Micros, segment: Segment, reason: string): void {
    this.#trace?.(nowUs, {
      layer: 'tcp',
      kind: 'drop',
      severity: 'warning',
      reason,
      flow: this.config.flow,
      seq: segment.seq,
      length: segment.payloadLength,
    });
  }
}

/** Stands in for the session after a full close, when the receiver throws everything away. */
const NO_SESSION: Session = {
  receive: () => undefined,
  endOfInput: () => undefined,
  take: () => new Uint8Array(0),
  room: () => 0,
  advance: () => undefined,
  nextDeadlineUs: () => undefined,
  close: () => undefined,
  state: 'closed',
};
