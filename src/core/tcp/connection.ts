// One connection of a server: the states from ESTABLISHED on, and what a segment, a timer or the session does in each, in
// the order of RFC 9293 §3.10.7.4. The halves are in receive.ts and send.ts, SYN-RECEIVED in syn-received.ts, LISTEN and
// CLOSED in endpoint.ts. Urgent data is delivered inline. SYN-SENT does not occur: nothing is opened actively.

import { type HeapEntry, MICROS_PER_MILLI, MICROS_PER_SECOND, TimerTable } from '../time.js';
import type { TcpState, Trace } from '../trace.js';
import type { Micros, Session } from '../types.js';
import { Application, NO_SESSION } from './application.js';
import { ChallengeLimit } from './challenge.js';
import { EcnEcho } from './ecn.js';
import { Liveness } from './liveness.js';
import type { ConnectionConfig, TransportError, TransportVerdict } from './output.js';
import { Path } from './path.js';
import { Receiver } from './receive.js';
import type { CongestionReason } from './recovery.js';
import { reportCongestion, reportRetransmit } from './report.js';
import { ACK, ECE, FIN, RST, type Segment, SYN, segmentLength, TIMESTAMPS_BYTES } from './segment.js';
import {
  type RetransmitReason,
  type SegmentWriter,
  Sender,
  TIMER_CLOSE,
  TIMER_DELAYED_ACK,
  TIMER_KEEP_ALIVE,
  TIMER_KINDS,
  TIMER_PERSIST,
  TIMER_PROBE,
  TIMER_REORDERING,
  TIMER_RETRANSMIT,
  TIMER_SESSION,
  TIMER_USER,
} from './send.js';
import { seqAdd, seqDiff, seqGt } from './seq.js';
import type { Timestamps } from './timestamps.js';
import { Transmitter } from './transmit.js';

/**
 * RFC 9293 §3.8.6.3 allows up to half a second; 40 ms is Linux's least. Linux acknowledges each of the first segments of a
 * connection at once (TCP_MAX_QUICKACKS); here an answer is made in the same event as the request and carries its
 * acknowledgment, and an upload begins with ten segments, of which every second one is acknowledged at once.
 */
export const DELAYED_ACK_US = 40 * MICROS_PER_MILLI;
/** 2 MSL. RFC 9293 §3.4.2 has an MSL of two minutes; 60 s in all is what Linux holds a 4-tuple for. */
export const TIME_WAIT_US = 60 * MICROS_PER_SECOND;
/** How long a peer may take to close after we did in full; the RFC sets no end, Linux's tcp_fin_timeout does. */
export const FIN_WAIT_2_US = 60 * MICROS_PER_SECOND;
export class Connection implements HeapEntry, SegmentWriter {
  deadlineUs: Micros = Number.POSITIVE_INFINITY;
  heapIndex = -1;
  readonly serial: number;
  readonly config: ConnectionConfig;
  readonly timers = new TimerTable(TIMER_KINDS);
  readonly #receiver: Receiver;
  readonly #sender: Sender;
  readonly #path: Path;
  readonly #timestamps: Timestamps;
  readonly #ecn: boolean;
  readonly #ecnEcho: EcnEcho;
  readonly #liveness: Liveness;
  readonly #transmitter: Transmitter;
  readonly #challenges = new ChallengeLimit();
  readonly #trace: Trace | undefined;
  #state: TcpState;
  /** Until our FIN is queued. */
  #application: Application | undefined;
  #ackNow = false;
  /** A closed window was probed: open it by any step. */
  #windowProbed = false;

  /**
   * A connection whose handshake is done but for `establish`. `before` is the state it comes from: SYN-RECEIVED, or LISTEN
   * with a SYN cookie. `ecn`: what config.negotiated says, unless the peer fell back.
   */
  constructor(nowUs: Micros, config: ConnectionConfig, timestamps: Timestamps, ecn: boolean, before: TcpState) {
    const { iss, irs, ownMss, negotiated, settings, pathMss } = config;
    this.config = config;
    this.serial = config.serial;
    this.#trace = config.trace;
    this.#state = before;
    this.#timestamps = timestamps;
    this.#ecn = ecn;
    this.#ecnEcho = new EcnEcho(ecn);
    const { sendMss, receiveShift, sack } = negotiated;
    const optionBytes = negotiated.timestamps ? TIMESTAMPS_BYTES : 0;
    this.#receiver = new Receiver(irs, receiveShift, settings.receiveWindowBytes, ownMss, sack);
    this.#path = new Path(sendMss, pathMss, optionBytes);
    this.#sender = new Sender(
      iss,
      {
        mss: Math.min(sendMss, (pathMss?.mss ?? ownMss) - optionBytes),
        sack,
        timestamps: negotiated.timestamps,
        congestion: settings.congestion,
        recovery: settings.recovery,
      },
      this.timers,
    );
    this.#sender.updateWindow(config.synWindow, irs, 0);
    this.#transmitter = new Transmitter(config, this.#receiver, this.#sender, timestamps, ecn, this.#ecnEcho);
    this.#liveness = new Liveness(nowUs, settings, this.timers);
  }

  get state(): TcpState {
    return this.#state;
  }

  /** The highest sequence number used, for the reuse of a 4-tuple in TIME-WAIT. */
  get sndMax(): number {
    return this.#sender.max;
  }

  /**
   * Whether a SYN of the same 4-tuple can be no duplicate from this connection's time (RFC 6191 §2): its clock is ahead of
   * ours of the peer, or not behind it and its number lies beyond what was received.
   */
  isOutlivedBy(nowUs: Micros, syn: Segment): boolean {
    if (this.#timestamps.isNewer(syn)) return true;
    return seqGt(syn.seq, this.#receiver.nxt) && !this.#timestamps.isOld(nowUs, syn);
  }

  nextDeadlineUs(): Micros {
    return this.timers.nextDeadlineUs();
  }

  /**
   * The ACK of our SYN has come: ESTABLISHED, and whatever else the segment carries. `synAckSentUs` is -1 when it was sent
   * more than once, or when only a cookie remembers it.
   */
  establish(nowUs: Micros, segment: Segment, bytes: Uint8Array, synAckSentUs: Micros, synAckTimeouts: number): void {
    this.#sender.established(nowUs, synAckSentUs, synAckTimeouts);
    this.#sender.updateWindow(segment.window << this.config.negotiated.sendShift, segment.seq, segment.ack);
    this.#timestamps.update(nowUs, segment);
    this.#enter(nowUs, 'ESTABLISHED');
    const session = this.config.createSession(nowUs, this.config.flow, this.config.negotiated);
    this.#application = new Application(session, this.#receiver, this.#sender, this.timers);
    if (this.#ecnEcho.receive(segment)) this.#ackNow = true;
    if (segmentLength(segment) > 0 && !this.#text(nowUs, segment, bytes)) return;
    this.#settle(nowUs);
  }

  /** A segment of this connection (§3.10.7.4). `bytes` is valid during the call only. */
  receive(nowUs: Micros, segment: Segment, bytes: Uint8Array): void {
    const { seq, flags } = segment;

    // First, the timestamp and the sequence number, in the order of RFC 7323 §5.3. RST is exempt from both of its rules.
    if ((flags & RST) === 0) {
      // RFC 5961 §4.2 wants every SYN answered: a peer that restarted without timestamps would never learn of this one.
      if ((flags & SYN) === 0 && this.#timestamps.isMissing(segment)) {
        this.#drop(nowUs, segment, 'no timestamps option');
        return;
      }
      if (this.#timestamps.isOld(nowUs, segment)) {
        this.#unacceptable(nowUs, segment, 'timestamp is old (PAWS)');
        return;
      }
    }
    // A closed window still lets the acknowledgment of a probe through.
    const length = segmentLength(segment);
    const probe = length > 0 && this.#receiver.wnd === 0 && seq === this.#receiver.nxt;
    if (!probe && !this.#receiver.acceptable(seq, length)) {
      this.#unacceptable(nowUs, segment, 'not in the receive window');
      return;
    }

    // Second, the RST bit, by the three rules of RFC 5961 §3 (the first was the sequence check).
    if ((flags & RST) !== 0) {
      if (seq === this.#receiver.nxt) this.#resetByPeer(nowUs);
      else this.#challenge(nowUs, segment, 'RST in the window but not at its edge');
      return;
    }

    // Third, security: not used. Fourth, the SYN bit.
    if ((flags & SYN) !== 0) {
      this.#challenge(nowUs, segment, 'SYN on a synchronized connection');
      return;
    }

    // Fifth, the ACK field.
    if ((flags & ACK) === 0) {
      this.#drop(nowUs, segment, 'no ACK bit');
      return;
    }
    if (!this.#acknowledgment(nowUs, segment)) return;
    // RFC 7323 §4.3 (2) comes here, where a forged acknowledgment has been found out.
    this.#timestamps.update(nowUs, segment);
    this.#liveness.heard(nowUs);
    if (this.#ecnEcho.receive(segment)) this.#ackNow = true;

    // Sixth, the URG bit: urgent data is delivered where it stands, as RFC 6093 §4 and §6 recommend; the pointer is not
    // looked at. Seventh and eighth, text and FIN.
    if (length > 0) {
      if (probe) {
        this.#drop(nowUs, segment, 'receive window is closed');
        this.#ackNow = true;
        this.#windowProbed = true;
      } else if (!this.#text(nowUs, segment, bytes)) return;
    }
    this.#settle(nowUs);
  }

  /** The first timer that is due at `deadlineUs`, which is the next deadline, has expired. */
  fireFirst(deadlineUs: Micros): void {
    const kind = this.timers.popDue(deadlineUs);
    this.#fire(deadlineUs, kind);
    if (this.timers.deadlineUs(kind) <= deadlineUs) {
      throw new Error(`timer ${kind} of ${this.config.flow} re-armed at its own deadline ${deadlineUs}`);
    }
  }

  #fire(nowUs: Micros, kind: number): void {
    switch (kind) {
      case TIMER_RETRANSMIT:
        if (!this.#sender.retransmitTimeout(nowUs, this))
          this.#end(nowUs, this.#path.explain('retransmission limit reached'));
        return;
      case TIMER_PERSIST:
        if (this.#liveness.isStalled(nowUs, this.#sender)) this.abort(nowUs, 'the window stays closed');
        else if (!this.#sender.persistTimeout(nowUs, this)) this.#end(nowUs, 'zero-window probes unanswered');
        return;
      case TIMER_REORDERING:
        this.#sender.reorderingTimeout(nowUs, this);
        return;
      case TIMER_PROBE:
        this.#sender.probeTimeout(nowUs, this);
        return;
      case TIMER_DELAYED_ACK:
        this.#writeAck(nowUs);
        return;
      case TIMER_CLOSE:
        if (this.#state === 'FIN-WAIT-2') this.#end(nowUs, 'the peer did not close in FIN-WAIT-2');
        else this.#enter(nowUs, 'CLOSED');
        return;
      case TIMER_KEEP_ALIVE:
        this.#keepAliveTimeout(nowUs);
        return;
      case TIMER_USER:
        this.#end(nowUs, this.#path.explain('user timeout: data not acknowledged'));
        return;
      default:
        this.#application?.session.advance(nowUs);
        this.#settle(nowUs);
    }
  }

  /** The session does something that no segment caused. False: there is none any more. */
  serve(nowUs: Micros, call: (session: Session) => void): boolean {
    if (!this.#application) return false;
    call(this.#application.session);
    this.#settle(nowUs);
    return true;
  }

  /** The server shuts down: the session is asked to finish. */
  close(nowUs: Micros): void {
    if (!this.#application) return;
    this.#application.session.close(nowUs);
    this.#settle(nowUs);
  }

  /** Ends TIME-WAIT early: for a new SYN of the same 4-tuple, or when the table is full. */
  forget(nowUs: Micros): void {
    this.#enter(nowUs, 'CLOSED');
  }

  /** An ICMP error that quotes a segment of this connection. */
  icmpError(nowUs: Micros, error: TransportError): TransportVerdict {
    return this.#path.icmpError(nowUs, error, this.#sender, this);
  }

  // ---- SegmentWriter ----

  write(nowUs: Micros, seq: number, distance: number, length: number, flags: number): void {
    if (this.#transmitter.write(nowUs, seq, distance, length, flags)) this.#ackNow = false;
    this.timers.clear(TIMER_DELAYED_ACK);
  }

  retransmitting(nowUs: Micros, reason: RetransmitReason, seq: number, length: number): void {
    if (this.#trace) reportRetransmit(this.#trace, nowUs, this.config.flow, this.#sender, reason, seq, length);
  }

  congestion(nowUs: Micros, reason: CongestionReason): void {
    if (this.#trace) reportCongestion(this.#trace, nowUs, this.config.flow, this.#sender, reason);
  }

  // ---- the steps of §3.10.7.4 ----

  /** Outside the window, or old by its timestamp: answered by an ACK, unless it is a RST. */
  #unacceptable(nowUs: Micros, segment: Segment, reason: string): void {
    const { flags } = segment;
    if ((flags & RST) !== 0) {
      this.#drop(nowUs, segment, 'RST outside the window');
      return;
    }
    this.#receiver.reject(segment.seq, segment.payloadLength);
    // A lost ACK of ours makes the peer send its FIN again.
    if (this.#state === 'TIME-WAIT' && (flags & FIN) !== 0) this.timers.set(TIMER_CLOSE, nowUs + TIME_WAIT_US);
    // A closed window is probed from outside of it, too: Linux sends the octet before it without text.
    if (this.#receiver.wnd === 0 && this.#application) this.#receiver.offer(this.#application.session.room(), true);
    if (segment.payloadLength > 0 || (flags & FIN) !== 0) {
      this.#drop(nowUs, segment, reason);
      this.#writeAck(nowUs);
    } else {
      // Segments without text are answered sparingly, or two confused peers would send each other ACKs for ever.
      this.#challenge(nowUs, segment, reason);
    }
  }

  /** False: the segment is not to be processed any further. */
  #acknowledgment(nowUs: Micros, segment: Segment): boolean {
    const sender = this.#sender;
    const { ack } = segment;
    // RFC 5961 §5: neither what was never sent nor what is older than the largest window.
    const ahead = seqDiff(ack, sender.una);
    if (seqGt(ack, sender.max) || ahead < -sender.maxWnd) {
      this.#challenge(nowUs, segment, 'acknowledgment out of range');
      return false;
    }
    if (this.#ecn && (segment.flags & ECE) !== 0 && ahead >= 0) sender.congestionMarked();
    const window = segment.window << this.config.negotiated.sendShift;
    const echoAgeMs = this.#timestamps.enabled ? this.#timestamps.echoAge(nowUs, segment) : -1;
    sender.acknowledge(nowUs, segment, window, echoAgeMs);
    if (ahead > 0) this.#path.works();
    if (sender.finAcknowledged) this.#finAcknowledged(nowUs);
    return this.#state !== 'CLOSED';
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
      // it the data that it has not read yet, so that is thrown away in peace, as HTTP servers do above their TCP (RFC
      // 9112 §9.6): one whole window, which is not opened any further. Linux resets at once (RFC 2525 §2.17):
      // `lingerBytes` of 0.
      receiver.countUnread(segment.seq, segment.payloadLength);
      if (receiver.unreadBytes > this.config.settings.lingerBytes) {
        this.abort(nowUs, 'data after close');
        return false;
      }
    }
    const fin = (segment.flags & FIN) !== 0;
    const arrival = receiver.accept(
      nowUs,
      // After a full close nothing is delivered; the receiver asks for a session all the same.
      this.#application?.session ?? NO_SESSION,
      bytes,
      segment.payloadStart,
      segment.seq,
      segment.payloadLength,
      fin,
    );
    if (arrival === 'reassembly-full') this.#drop(nowUs, segment, 'out-of-order queue is full');
    // RFC 5681 §4.2: at once when a gap shows or closes, so that the peer's loss recovery hears of it.
    if (arrival !== 'in-order' || receiver.pieces > 0 || receiver.sack?.duplicatePending) this.#ackNow = true;
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
    if (state === 'CLOSED') return;
    const application = this.#application;
    if (application && !this.#serve(nowUs, application)) return;
    this.#receiver.offer(this.#application ? this.#application.session.room() : 0, this.#windowProbed);
    this.#windowProbed = false;
    this.#path.refresh(nowUs, this.#sender);
    if (state !== 'TIME-WAIT') this.#sender.send(nowUs, this);
    if (this.#ackNow || this.#receiver.acknowledgmentDue || this.#receiver.updateDue) this.#writeAck(nowUs);
    else if (this.#receiver.unacknowledged > 0 && !this.timers.isSet(TIMER_DELAYED_ACK)) {
      this.timers.set(TIMER_DELAYED_ACK, nowUs + DELAYED_ACK_US);
    }
    if (state !== 'TIME-WAIT') this.#liveness.watch(nowUs, this.#sender);
  }

  /** False: the connection has ended. */
  #serve(nowUs: Micros, application: Application): boolean {
    application.serve(nowUs);
    const { state } = application.session;
    if (state === 'aborted') {
      this.abort(nowUs, 'session aborted');
      return false;
    }
    if (state !== 'closed') return true;
    // §3.6.1 (SHLD-3), too: what was received and never read may be lost, and the peer is to know.
    if (this.#receiver.unreadBytes > this.config.settings.lingerBytes) {
      this.abort(nowUs, 'closed with unread data');
      return false;
    }
    this.#queueFin(nowUs);
    return true;
  }

  /** The session has ended in order: our FIN follows the last byte (§3.10.4). */
  #queueFin(nowUs: Micros): void {
    this.#sender.finQueued = true;
    this.#receiver.seal();
    this.#application = undefined;
    this.timers.clear(TIMER_SESSION);
    this.#enter(nowUs, this.#state === 'CLOSE-WAIT' ? 'LAST-ACK' : 'FIN-WAIT-1');
  }

  // ---- endings ----

  #timeWait(nowUs: Micros): void {
    this.#enter(nowUs, 'TIME-WAIT');
    this.#release(nowUs);
    this.timers.set(TIMER_CLOSE, nowUs + TIME_WAIT_US);
  }

  /** We end it: RST, then as `#end` (§3.10.5). */
  abort(nowUs: Micros, reason: string): void {
    this.#transmitter.reset(nowUs, this.#sender.ackSeq);
    this.#end(nowUs, reason);
  }

  /** The end without a FIN from both sides; nothing is sent. */
  #end(nowUs: Micros, reason: string): void {
    this.#trace?.(nowUs, { layer: 'tcp', kind: 'abort', severity: 'error', flow: this.config.flow, reason });
    this.#enter(nowUs, 'CLOSED');
  }

  /** RFC 9293 §3.10.7.4: behind both FINs it is an end like another, and nobody is told of a reset. Clients that are done do so. */
  #resetByPeer(nowUs: Micros): void {
    if (['LAST-ACK', 'CLOSING', 'TIME-WAIT'].includes(this.#state)) this.#enter(nowUs, 'CLOSED');
    else this.#end(nowUs, 'reset by the peer');
  }

  #enter(nowUs: Micros, to: TcpState): void {
    const from = this.#state;
    this.#state = to;
    if (to === 'CLOSED') this.#release(nowUs);
    this.#trace?.(nowUs, { layer: 'tcp', kind: 'state', flow: this.config.flow, from, to });
  }

  /** A connection that only waits holds no data and no session. */
  #release(nowUs: Micros): void {
    this.timers.clearAll();
    this.#application?.session.lost?.(nowUs);
    this.#application = undefined;
    this.#sender.release();
    this.#receiver.discard();
  }

  // ---- segments without text ----

  #keepAliveTimeout(nowUs: Micros): void {
    const verdict = this.#liveness.keepAliveTimeout(nowUs, this.#sender);
    // SHLD-12: a number that was acknowledged, without text, makes the peer say where it is. It ends as Linux ends it.
    if (verdict === 'probe') this.write(nowUs, seqAdd(this.#sender.una, -1), 0, 0, 0);
    else if (verdict === 'dead') this.abort(nowUs, 'keep-alive probes unanswered');
  }

  #writeAck(nowUs: Micros): void {
    this.write(nowUs, this.#sender.ackSeq, 0, 0, 0);
  }

  /** RFC 5961 §3 to §5: tell the peer where we are; it knows whether the segment was its own. Limited as §7 says. */
  #challenge(nowUs: Micros, segment: Segment, reason: string): void {
    this.#drop(nowUs, segment, reason);
    if (this.#challenges.allow(nowUs)) this.#writeAck(nowUs);
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
