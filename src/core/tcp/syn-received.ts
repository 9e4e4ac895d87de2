// SYN-RECEIVED: a SYN was answered and the handshake is not done (RFC 9293 §3.10.7.4 as far as it says SYN-RECEIVED). An
// entry has no buffers and no session, so that a flood of SYNs costs little (RFC 4987 §3.4). What is acknowledged becomes
// a Connection in endpoint.ts. A server opens nothing itself, so that there is no SYN-SENT and no simultaneous open.

import { ByteQueue } from '../bytes/queue.js';
import { limits } from '../limits.js';
import type { HeapEntry } from '../time.js';
import type { TcpState } from '../trace.js';
import type { Micros } from '../types.js';
import { ChallengeLimit } from './challenge.js';
import { MAX_UNSCALED_WINDOW } from './config.js';
import { asksForEcn } from './negotiate.js';
import {
  type ConnectionConfig,
  emptyOptions,
  type TransportError,
  type TransportVerdict,
  writeReset,
  writeSegment,
  writeSynAck,
} from './output.js';
import { INITIAL_RTO_US, MAX_RTO_US } from './rtt.js';
import { ACK, ECN_NOT_ECT, RST, type Segment, SYN, segmentLength } from './segment.js';
import { seqAdd, seqDiff } from './seq.js';
import type { Timestamps } from './timestamps.js';

/** What a segment means: nothing more, the end, or that the connection begins with it. */
export type SynVerdict = 'done' | 'established';

const NO_BYTES = new ByteQueue();

export class SynReceived implements HeapEntry {
  deadlineUs: Micros = Number.POSITIVE_INFINITY;
  heapIndex = -1;
  readonly serial: number;
  readonly config: ConnectionConfig;
  readonly timestamps: Timestamps;
  /** -1 once the SYN-ACK was sent again and measures nothing (RFC 6298 §3, Karn). */
  synAckSentUs: Micros;
  synAckTimeouts = 0;
  /** Both sides are willing, and the peer has not fallen back to a SYN without (RFC 3168 §6.1.1.1). */
  ecn: boolean;
  #state: TcpState = 'LISTEN';
  #retransmitAtUs: Micros = Number.POSITIVE_INFINITY;
  #rtoUs: Micros = INITIAL_RTO_US;
  readonly #rcvNxt: number;
  #softError: string | undefined;
  readonly #challenges = new ChallengeLimit();

  constructor(nowUs: Micros, config: ConnectionConfig, timestamps: Timestamps) {
    this.config = config;
    this.serial = config.serial;
    this.timestamps = timestamps;
    this.synAckSentUs = nowUs;
    this.ecn = config.negotiated.ecn;
    this.#rcvNxt = seqAdd(config.irs, 1);
  }

  get state(): TcpState {
    return this.#state;
  }

  nextDeadlineUs(): Micros {
    return this.#retransmitAtUs;
  }

  /** Answers the SYN (§3.10.7.2). */
  open(nowUs: Micros): void {
    this.#enter(nowUs, 'SYN-RECEIVED');
    this.#writeSynAck(nowUs);
    this.#retransmitAtUs = nowUs + this.#rtoUs;
  }

  /** A segment of this connection (§3.10.7.4). When the verdict is `established`, it is to be processed from the ACK on. */
  receive(nowUs: Micros, segment: Segment): SynVerdict {
    const { seq, ack, flags } = segment;
    if ((flags & RST) === 0 && !this.#timely(nowUs, segment)) return 'done';
    // The same SYN again. Text on it may reach into the window, but that makes it no other SYN.
    if ((flags & (SYN | ACK | RST)) === SYN && seq === this.config.irs) {
      this.#answerAgain(nowUs, segment);
      return 'done';
    }
    const from = seqDiff(seq, this.#rcvNxt);
    const last = from + Math.max(1, segmentLength(segment)) - 1;
    if ((from < 0 || from >= MAX_UNSCALED_WINDOW) && (last < 0 || last >= MAX_UNSCALED_WINDOW)) {
      this.#unacceptable(nowUs, segment);
      return 'done';
    }
    // RFC 5961 §3: a RST must be exact to return to LISTEN; anywhere else in the window it is answered.
    if ((flags & RST) !== 0) {
      if (from === 0) this.#end(nowUs, 'reset by the peer');
      else this.#challenge(nowUs, segment, 'RST in the window but not at its edge');
      return 'done';
    }
    if ((flags & SYN) !== 0) {
      this.#end(nowUs, 'another SYN in SYN-RECEIVED');
      return 'done';
    }
    if ((flags & ACK) === 0) {
      this.#drop(nowUs, segment, 'no ACK bit');
      return 'done';
    }
    // SND.UNA < SEG.ACK =< SND.NXT: the SYN is all that was sent.
    if (ack !== seqAdd(this.config.iss, 1)) {
      this.#drop(nowUs, segment, 'acknowledges something not sent');
      writeReset(nowUs, this.config, this.#options(nowUs), ack);
      return 'done';
    }
    return 'established';
  }

  /** The SYN-ACK's timer has expired; `nowUs` is its deadline. */
  fireFirst(nowUs: Micros): void {
    this.#retransmitAtUs = Number.POSITIVE_INFINITY;
    if (this.synAckTimeouts >= limits.tcp.synAckRetransmissions) {
      const reason = 'SYN-ACK not acknowledged';
      this.#end(nowUs, this.#softError === undefined ? reason : `${reason}; ICMP said: ${this.#softError}`);
      return;
    }
    this.synAckTimeouts++;
    this.#rtoUs = Math.min(MAX_RTO_US, this.#rtoUs * 2);
    this.#resendSynAck(nowUs);
    this.#retransmitAtUs = nowUs + this.#rtoUs;
  }

  /** The server shuts down. */
  abort(nowUs: Micros, reason: string): void {
    writeReset(nowUs, this.config, this.#options(nowUs), seqAdd(this.config.iss, 1));
    this.#end(nowUs, reason);
  }

  close(nowUs: Micros): void {
    this.abort(nowUs, 'server closed');
  }

  /** An ICMP error that quotes the SYN-ACK. A hard one ends what is not synchronized (RFC 1122 §4.2.3.9). */
  icmpError(nowUs: Micros, error: TransportError): TransportVerdict {
    if (error.seq !== this.config.iss) return 'ignored: sequence number not in flight';
    if (error.kind === 'too-big') return 'ignored: no larger segments are sent';
    if (error.kind === 'soft') {
      this.#softError = error.what;
      return 'noted: the connection goes on';
    }
    this.#end(nowUs, error.what);
    return 'connection ended';
  }

  /** RFC 7323 §3.2 and §5.3. */
  #timely(nowUs: Micros, segment: Segment): boolean {
    if (this.timestamps.isMissing(segment)) {
      this.#drop(nowUs, segment, 'no timestamps option');
      return false;
    }
    if (!this.timestamps.isOld(nowUs, segment)) return true;
    this.#challenge(nowUs, segment, 'timestamp is old (PAWS)');
    return false;
  }

  #unacceptable(nowUs: Micros, segment: Segment): void {
    if ((segment.flags & RST) !== 0) this.#drop(nowUs, segment, 'RST outside the window');
    else this.#challenge(nowUs, segment, 'not in the receive window');
  }

  /** Our SYN-ACK was lost. A bare ACK, as the RFC has it, would not help a peer in SYN-SENT. */
  #answerAgain(nowUs: Micros, syn: Segment): void {
    this.#drop(nowUs, syn, 'duplicate SYN');
    this.timestamps.update(nowUs, syn);
    if (!asksForEcn(syn)) this.ecn = false;
    this.#resendSynAck(nowUs);
  }

  #resendSynAck(nowUs: Micros): void {
    this.synAckSentUs = -1;
    this.config.trace?.(nowUs, {
      layer: 'tcp',
      kind: 'retransmit',
      severity: 'warning',
      flow: this.config.flow,
      reason: 'syn-ack',
      seq: this.config.iss,
      length: 0,
      rtoUs: this.#rtoUs,
      // There is no congestion window yet.
      cwnd: 0,
      ssthresh: 0,
    });
    this.#writeSynAck(nowUs);
  }

  #writeSynAck(nowUs: Micros): void {
    const { iss, ownMss, negotiated } = this.config;
    writeSynAck(nowUs, this.config, {
      seq: iss,
      ack: this.#rcvNxt,
      window: MAX_UNSCALED_WINDOW,
      mss: ownMss,
      receiveShift: negotiated.receiveShift,
      sack: negotiated.sack,
      timestamps: negotiated.timestamps,
      tsVal: this.timestamps.value(nowUs),
      tsEcr: this.timestamps.echo,
      ecn: this.ecn,
    });
  }

  #challenge(nowUs: Micros, segment: Segment, reason: string): void {
    this.#drop(nowUs, segment, reason);
    if (!this.#challenges.allow(nowUs)) return;
    const { config } = this;
    const { receiveShift } = config.negotiated;
    const window = MAX_UNSCALED_WINDOW >>> Math.max(0, receiveShift);
    const seq = seqAdd(config.iss, 1);
    const options = this.#options(nowUs);
    writeSegment(nowUs, config, options, seq, this.#rcvNxt, ACK, window, NO_BYTES, 0, 0, ECN_NOT_ECT);
  }

  #options(nowUs: Micros): ReturnType<typeof emptyOptions> {
    const options = emptyOptions(this.timestamps.enabled);
    options.tsVal = this.timestamps.value(nowUs);
    options.tsEcr = this.timestamps.echo;
    return options;
  }

  #end(nowUs: Micros, reason: string): void {
    this.config.trace?.(nowUs, {
      layer: 'tcp',
      kind: 'abort',
      severity: 'error',
      flow: this.config.flow,
      reason,
    });
    this.#retransmitAtUs = Number.POSITIVE_INFINITY;
    this.#enter(nowUs, 'CLOSED');
  }

  #enter(nowUs: Micros, to: TcpState): void {
    const from = this.#state;
    this.#state = to;
    this.config.trace?.(nowUs, { layer: 'tcp', kind: 'state', flow: this.config.flow, from, to });
  }

  #drop(nowUs: Micros, segment: Segment, reason: string): void {
    this.config.trace?.(nowUs, {
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
