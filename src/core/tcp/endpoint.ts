// The TCP of one host: which connection a segment belongs to, LISTEN (RFC 9293 §3.10.7.2) and CLOSED (§3.10.7.1), the SYN
// queue and its cookies, the bounds of the tables, and the timers of all in one order. There is no queue of connections to
// be accepted: a session is made when the handshake is done, so that limits.tcp.connections is that bound, too.

import { ParseError } from '../bytes/reader.js';
import { type Address, formatHost } from '../ip/address.js';
import { limits } from '../limits.js';
import type { RandomSource } from '../random.js';
import { DeadlineHeap } from '../time.js';
import type { TcpState, Trace } from '../trace.js';
import type { Micros, Session, SessionFactory } from '../types.js';
import { MAX_UNSCALED_WINDOW, type TcpSettings } from './config.js';
import { Connection } from './connection.js';
import { type Flow, FlowCounters, FlowTable } from './flows.js';
import { initialSequenceNumber } from './isn.js';
import { effectiveSendMss, type Negotiated, negotiate } from './negotiate.js';
import {
  type ConnectionConfig,
  type Ends,
  emptyOptions,
  type PathMss,
  type TcpOutput,
  type TransportError,
  type TransportVerdict,
  writeReset,
  writeSynAck,
} from './output.js';
import { ACK, decodeSegment, ECN_CE, emptySegment, FIN, RST, type Segment, SYN, segmentLength } from './segment.js';
import { seqAdd, seqGt } from './seq.js';
import { COOKIE_LIFETIME_US, cookieTimestamp, makeCookie, openCookie, optionsOfTimestamp } from './syn-cookie.js';
import { SynReceived } from './syn-received.js';
import { Timestamps, timestampClock, timestampOffset } from './timestamps.js';

/** How far a connection's ISS lies beyond all that its predecessor of the same 4-tuple used. */
const ISS_STEP = 65_536;

export interface EndpointConfig {
  /** Our address as a peer of this address sees it. */
  readonly localAddress: (remoteAddress: Address) => Address;
  /** The MTU less the fixed IP and TCP headers (RFC 6691 §2), which differ between IPv4 and IPv6. */
  readonly mss: (remoteAddress: Address) => number;
  /** The same for what is sent on a path whose smaller MTU is known from earlier connections, and until when. */
  readonly pathMss: (nowUs: Micros, remoteAddress: Address) => PathMss | undefined;
  /** Port -> what listens there. */
  readonly services: ReadonlyMap<number, SessionFactory>;
  readonly settings: TcpSettings;
}

export interface EndpointDeps {
  readonly random: RandomSource;
  readonly output: TcpOutput;
  readonly trace?: Trace | undefined;
}

export class Endpoint {
  readonly #config: EndpointConfig;
  readonly #deps: EndpointDeps;
  readonly #trace: Trace | undefined;
  readonly #flows = new FlowTable();
  /** All of them, in the order in which they were made or established. */
  readonly #connections = new Set<Flow>();
  /** Those in TIME-WAIT, the oldest first. */
  readonly #timeWait = new Set<Connection>();
  readonly #timers = new DeadlineHeap<Flow>();
  readonly #names = new FlowCounters();
  #synReceived = 0;
  /** When the last SYN cookie was sent. */
  #cookieUs: Micros = Number.NEGATIVE_INFINITY;
  #nextSerial = 0;
  #closing = false;
  readonly #resetOptions = emptyOptions(true);
  /** Every segment is decoded into this one. */
  readonly #segment = emptySegment();

  constructor(config: EndpointConfig, deps: EndpointDeps) {
    this.#config = config;
    this.#deps = deps;
    this.#trace = deps.trace;
  }

  /** Connections that are neither closed nor in TIME-WAIT. */
  get openFlows(): number {
    return this.#connections.size - this.#timeWait.size;
  }

  nextDeadlineUs(): Micros | undefined {
    return this.#timers.first()?.deadlineUs;
  }

  /** Fires what is due at or before `nowUs`, each at its own deadline, by (deadline, serial, kind). */
  fireDue(nowUs: Micros): void {
    for (;;) {
      const connection = this.#timers.first();
      if (connection === undefined || connection.deadlineUs > nowUs) return;
      const deadlineUs = connection.deadlineUs;
      const before = connection.state;
      connection.fireFirst(deadlineUs);
      this.#after(deadlineUs, connection, before);
    }
  }

  /** A segment in `bytes[start, end)` whose checksum holds; `ecn` is the codepoint of its packet (RFC 3168 §5). */
  receive(nowUs: Micros, remoteAddress: Address, bytes: Uint8Array, start: number, end: number, ecn = 0): void {
    const segment = this.#segment;
    try {
      decodeSegment(bytes, start, end, segment);
    } catch (error) {
      if (!(error instanceof ParseError)) throw error;
      this.#dropped(nowUs, error.message);
      return;
    }
    segment.ecn = ecn;
    const flow = this.#flows.find(remoteAddress, segment.sourcePort, segment.destinationPort);
    if (flow === undefined) {
      this.#withoutConnection(nowUs, remoteAddress, segment, bytes);
      return;
    }
    if (flow instanceof Connection && this.#reopens(nowUs, flow, segment)) {
      this.#open(nowUs, remoteAddress, segment, flow);
      return;
    }
    if (this.#trace) this.#traceIn(nowUs, segment, remoteAddress, flow.config.flow);
    const before = flow.state;
    if (flow instanceof Connection) flow.receive(nowUs, segment, bytes);
    else if (flow.receive(nowUs, segment) === 'established') {
      this.#establish(nowUs, flow, segment, bytes);
      return;
    }
    this.#after(nowUs, flow, before);
  }

  /**
   * An ICMP error about a segment that we are said to have sent. Gives what came of it, for the trace; `path MTU taken`
   * lets the caller remember the MTU for the path.
   */
  icmpError(nowUs: Micros, error: TransportError): TransportVerdict {
    const { remoteAddress, remotePort, localPort } = error;
    const connection = this.#flows.find(remoteAddress, remotePort, localPort);
    if (connection === undefined) return 'ignored: no such connection';
    const before = connection.state;
    const verdict = connection.icmpError(nowUs, error);
    this.#after(nowUs, connection, before);
    return verdict;
  }

  /**
   * Lets the session of a flow do something that the peer did not cause, and sends what comes of it. False: there is no
   * such connection any more, or no session on it.
   */
  serve(nowUs: Micros, flow: string, call: (session: Session) => void): boolean {
    const found = this.#flows.named(flow);
    if (!(found instanceof Connection)) return false;
    const before = found.state;
    const served = found.serve(nowUs, call);
    this.#after(nowUs, found, before);
    return served;
  }

  /** From now on there are no listeners; the sessions of the open connections are asked to finish, the oldest first. */
  close(nowUs: Micros): void {
    this.#closing = true;
    for (const connection of [...this.#connections]) {
      const before = connection.state;
      connection.close(nowUs);
      this.#after(nowUs, connection, before);
    }
  }

  /** The host goes away: whoever is still connected is told so by a reset (RFC 9293 §3.10.5), the oldest first. */
  abort(nowUs: Micros): void {
    this.#closing = true;
    for (const connection of [...this.#connections]) {
      const before = connection.state;
      if (before === 'TIME-WAIT') continue;
      connection.abort(nowUs, 'server stopped');
      this.#after(nowUs, connection, before);
    }
  }

  // ---- LISTEN and CLOSED ----

  #withoutConnection(nowUs: Micros, remoteAddress: Address, segment: Segment, bytes: Uint8Array): void {
    const { flags } = segment;
    const listening = !this.#closing && this.#config.services.has(segment.destinationPort);
    if (listening && (flags & (SYN | ACK | RST | FIN)) === SYN) {
      this.#listen(nowUs, remoteAddress, segment);
      return;
    }
    if (
      listening &&
      (flags & (ACK | SYN | RST)) === ACK &&
      this.#openFromCookie(nowUs, remoteAddress, segment, bytes)
    ) {
      return;
    }
    if (this.#trace) this.#traceIn(nowUs, segment, remoteAddress, undefined);
    if ((flags & RST) !== 0) this.#dropped(nowUs, 'RST without a connection', segment);
    else if ((flags & ACK) !== 0) this.#reset(nowUs, remoteAddress, segment);
    else if (!listening) this.#reset(nowUs, remoteAddress, segment);
    // LISTEN, fourth: neither RST nor ACK nor a plain SYN. SYN with FIN is no way to begin; Linux drops it, too.
    else this.#dropped(nowUs, 'neither SYN nor ACK, or SYN with FIN', segment);
  }

  /** Text on a SYN is not taken, and comes again behind the handshake (§3.10.7.2 would queue it; TCP fast open is not done). */
  #listen(nowUs: Micros, remoteAddress: Address, syn: Segment): void {
    const refusal = this.#refusal();
    if (refusal === undefined) {
      this.#open(nowUs, remoteAddress, syn, undefined);
      return;
    }
    if (this.#trace) this.#traceIn(nowUs, syn, remoteAddress, undefined);
    if (this.#tableFull || !this.#config.settings.synCookies) this.#dropped(nowUs, refusal, syn);
    else this.#sendCookie(nowUs, remoteAddress, syn, refusal);
  }

  get #tableFull(): boolean {
    return this.openFlows >= limits.tcp.connections;
  }

  /** Why nothing can be remembered of a SYN now. */
  #refusal(): string | undefined {
    if (this.#synReceived >= limits.tcp.synReceived) return 'backlog full: too many connections in SYN-RECEIVED';
    if (this.#tableFull) return 'connection table full';
    return undefined;
  }

  /**
   * RFC 9293 §3.6.1 (MAY-2): a SYN beyond what the old connection received may open a new one straight from TIME-WAIT.
   * That a late duplicate SYN returns to TIME-WAIT is left out, as in Linux: the sequence number rules it out, or the
   * timestamp does (RFC 6191 §2).
   */
  #reopens(nowUs: Micros, connection: Connection, segment: Segment): boolean {
    return (
      connection.state === 'TIME-WAIT' &&
      (segment.flags & (SYN | ACK | RST | FIN)) === SYN &&
      connection.isOutlivedBy(nowUs, segment) &&
      !this.#closing &&
      this.#refusal() === undefined
    );
  }

  /** Makes a connection for a SYN; `old` is one of the same 4-tuple in TIME-WAIT that it replaces. */
  #open(nowUs: Micros, remoteAddress: Address, syn: Segment, old: Connection | undefined): void {
    const { random } = this.#deps;
    const ends = this.#ends(remoteAddress, syn);
    const tuple = `${ends.remote}>${ends.local}`;
    let iss = initialSequenceNumber(random, tuple, nowUs);
    // §3.6.1: larger than the largest number that was used before; the clock alone cannot promise that above 250 kB/s.
    if (old !== undefined && !seqGt(iss, old.sndMax)) iss = seqAdd(old.sndMax, ISS_STEP);
    const ownMss = this.#config.mss(remoteAddress);
    const negotiated = negotiate(syn, this.#config.settings, ownMss, typeof remoteAddress === 'string');
    const config = this.#connectionConfig(nowUs, ends, tuple, iss, syn.seq, negotiated, syn.window);
    const offset = negotiated.timestamps ? timestampOffset(random, tuple) : 0;
    const timestamps = new Timestamps(negotiated.timestamps, offset, nowUs, syn.tsVal, seqAdd(syn.seq, 1));
    const flow = new SynReceived(nowUs, config, timestamps);
    if (this.#trace) this.#traceIn(nowUs, syn, remoteAddress, config.flow);
    if (old !== undefined) {
      old.forget(nowUs);
      this.#after(nowUs, old, 'TIME-WAIT');
    }
    this.#insert(flow);
    flow.open(nowUs);
    this.#after(nowUs, flow, 'LISTEN');
  }

  /** The ACK of a SYN-ACK has come: a connection takes the place of the entry. */
  #establish(nowUs: Micros, syn: SynReceived, segment: Segment, bytes: Uint8Array): void {
    const connection = new Connection(nowUs, syn.config, syn.timestamps, syn.ecn, 'SYN-RECEIVED');
    this.#synReceived--;
    this.#timers.update(syn, Number.POSITIVE_INFINITY);
    this.#connections.delete(syn);
    this.#insert(connection);
    connection.establish(nowUs, segment, bytes, syn.synAckSentUs, syn.synAckTimeouts);
    this.#after(nowUs, connection, 'LISTEN');
  }

  // ---- SYN cookies ----

  /** Answers a SYN and remembers nothing. Without timestamps only the MSS comes back (as in Linux). */
  #sendCookie(nowUs: Micros, remoteAddress: Address, syn: Segment, refusal: string): void {
    if (nowUs - this.#cookieUs >= COOKIE_LIFETIME_US) {
      const synReceived = this.#synReceived;
      this.#trace?.(nowUs, { layer: 'tcp', kind: 'cookies', severity: 'warning', reason: refusal, synReceived });
    }
    this.#cookieUs = nowUs;
    const { random } = this.#deps;
    const ownMss = this.#config.mss(remoteAddress);
    const ends = this.#ends(remoteAddress, syn);
    const tuple = `${ends.remote}>${ends.local}`;
    const { timestamps, sack, ecn, sendShift, receiveShift } = negotiate(
      syn,
      this.#config.settings,
      ownMss,
      typeof remoteAddress === 'string',
    );
    const clock = timestamps ? timestampClock(nowUs, timestampOffset(random, tuple)) : 0;
    writeSynAck(nowUs, ends, {
      seq: makeCookie(random, tuple, nowUs, syn.seq, syn.mss),
      ack: seqAdd(syn.seq, 1),
      window: MAX_UNSCALED_WINDOW,
      mss: ownMss,
      receiveShift: timestamps ? receiveShift : -1,
      sack: timestamps && sack,
      timestamps,
      tsVal: timestamps ? cookieTimestamp(clock, receiveShift < 0 ? -1 : sendShift, sack, ecn) : 0,
      tsEcr: syn.tsVal,
      ecn: timestamps && ecn,
    });
  }

  /** Makes a connection of an ACK that carries one of our cookies. False: it carries none. */
  #openFromCookie(nowUs: Micros, remoteAddress: Address, segment: Segment, bytes: Uint8Array): boolean {
    if (nowUs - this.#cookieUs > COOKIE_LIFETIME_US) return false;
    const { random } = this.#deps;
    const { settings } = this.#config;
    const ends = this.#ends(remoteAddress, segment);
    const tuple = `${ends.remote}>${ends.local}`;
    const irs = seqAdd(segment.seq, -1);
    const iss = seqAdd(segment.ack, -1);
    const mss = openCookie(random, tuple, nowUs, irs, iss);
    if (mss < 0) return false;
    if (this.#tableFull) {
      if (this.#trace) this.#traceIn(nowUs, segment, remoteAddress, undefined);
      this.#dropped(nowUs, 'connection table full', segment);
      return true;
    }
    const timestamps = settings.timestamps && segment.hasTimestamps;
    const offset = timestamps ? timestampOffset(random, tuple) : 0;
    const { shift, sack, ecn } = optionsOfTimestamp(segment.tsEcr);
    const negotiated: Negotiated = {
      sendMss: effectiveSendMss(mss, this.#config.mss(remoteAddress), timestamps),
      sendShift: timestamps ? Math.max(0, shift) : 0,
      receiveShift: timestamps && shift >= 0 ? settings.windowScale : -1,
      sack: timestamps && sack && settings.sack,
      timestamps,
      ecn: timestamps && ecn && settings.ecn,
    };
    const config = this.#connectionConfig(nowUs, ends, tuple, iss, irs, negotiated, 0);
    const clock = new Timestamps(timestamps, offset, nowUs, segment.tsVal, segment.seq);
    const connection = new Connection(nowUs, config, clock, negotiated.ecn, 'LISTEN');
    if (this.#trace) this.#traceIn(nowUs, segment, remoteAddress, config.flow);
    this.#insert(connection);
    connection.establish(nowUs, segment, bytes, -1, 0);
    this.#after(nowUs, connection, 'LISTEN');
    return true;
  }

  // ---- what segments and connections are made of ----

  #ends(remoteAddress: Address, segment: Segment): Ends {
    const { sourcePort: remotePort, destinationPort: localPort } = segment;
    return {
      flow: undefined,
      local: `${formatHost(this.#config.localAddress(remoteAddress))}:${localPort}`,
      remote: `${formatHost(remoteAddress)}:${remotePort}`,
      remoteAddress,
      remotePort,
      localPort,
      output: this.#deps.output,
      trace: this.#trace,
    };
  }

  #connectionConfig(
    nowUs: Micros,
    ends: Ends,
    tuple: string,
    iss: number,
    irs: number,
    negotiated: Negotiated,
    synWindow: number,
  ): ConnectionConfig {
    const { mss, pathMss, services, settings } = this.#config;
    const { remoteAddress, remotePort, localPort } = ends;
    return {
      ...ends,
      serial: this.#nextSerial++,
      flow: `${tuple}#${this.#names.next(remoteAddress, remotePort, localPort)}`,
      iss,
      irs,
      ownMss: mss(remoteAddress),
      pathMss: pathMss(nowUs, remoteAddress),
      negotiated,
      synWindow,
      settings,
      createSession: services.get(localPort)!,
    };
  }

  /** RFC 9293 §3.10.7.1. */
  #reset(nowUs: Micros, remoteAddress: Address, segment: Segment): void {
    const acknowledged = (segment.flags & ACK) !== 0;
    const seq = acknowledged ? segment.ack : 0;
    const ack = acknowledged ? 0 : seqAdd(segment.seq, segmentLength(segment));
    // RFC 7323 §5.2: the answer to a segment with timestamps has them, with a TSval of zero. Linux sends none here.
    const stamped = segment.hasTimestamps && this.#config.settings.timestamps;
    if (stamped) this.#resetOptions.tsEcr = segment.tsVal;
    const options = stamped ? this.#resetOptions : undefined;
    writeReset(nowUs, this.#ends(remoteAddress, segment), options, seq, ack, acknowledged ? RST : RST | ACK);
  }

  // ---- tables ----

  #insert(flow: Flow): void {
    this.#flows.set(flow);
    this.#connections.add(flow);
  }

  #remove(flow: Flow): void {
    this.#flows.delete(flow);
    this.#connections.delete(flow);
  }

  /** Keeps counts, tables and the order of timers in step with what an event did to a connection. */
  #after(nowUs: Micros, connection: Flow, before: TcpState): void {
    const { state } = connection;
    if (state !== before) {
      if (before === 'SYN-RECEIVED') this.#synReceived--;
      if (state === 'SYN-RECEIVED') this.#synReceived++;
      if (connection instanceof Connection) {
        if (before === 'TIME-WAIT') this.#timeWait.delete(connection);
        if (state === 'TIME-WAIT') this.#timeWait.add(connection);
      }
      if (state === 'CLOSED') this.#remove(connection);
    }
    this.#timers.update(connection, connection.nextDeadlineUs());
    if (this.#timeWait.size > limits.tcp.timeWait) {
      const oldest = this.#timeWait.values().next().value!;
      oldest.forget(nowUs);
      this.#after(nowUs, oldest, 'TIME-WAIT');
    }
  }

  #dropped(nowUs: Micros, reason: string, segment?: Segment): void {
    this.#trace?.(nowUs, {
      layer: 'tcp',
      kind: 'drop',
      severity: 'warning',
      reason,
      ...(segment && { seq: segment.seq, length: segment.payloadLength }),
    });
  }

  #traceIn(nowUs: Micros, segment: Segment, remoteAddress: Address, flow: string | undefined): void {
    this.#trace?.(nowUs, {
      layer: 'tcp',
      kind: 'segment',
      dir: 'in',
      ...(flow !== undefined && { flow }),
      src: `${formatHost(remoteAddress)}:${segment.sourcePort}`,
      dst: `${formatHost(this.#config.localAddress(remoteAddress))}:${segment.destinationPort}`,
      seq: segment.seq,
      ack: segment.ack,
      flags: segment.flags,
      window: segment.window,
      length: segment.payloadLength,
      ...(segment.mss >= 0 && { mss: segment.mss }),
      ...(segment.windowScale >= 0 && { windowScale: segment.windowScale }),
      ...(segment.sackPermitted && { sackPermitted: true as const }),
      ...(segment.hasTimestamps && { tsVal: segment.tsVal, tsEcr: segment.tsEcr }),
      ...(segment.sackBlocks > 0 && { sack: Array.from(segment.sackEdges.subarray(0, 2 * segment.sackBlocks)) }),
      ...(segment.ecn === ECN_CE && { congestionExperienced: true as const }),
    });
  }
}
