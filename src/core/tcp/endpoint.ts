// The TCP of one host: which connection a segment belongs to, LISTEN (RFC 9293 §3.10.7.2) and CLOSED (§3.10.7.1), the
// bounds of its tables, names and initial sequence numbers of new connections, and the timers of all in one order.

import { ParseError } from '../bytes/reader.js';
import { type Address, formatHost } from '../ip/address.js';
import { limits } from '../limits.js';
import type { RandomSource } from '../random.js';
import { DeadlineHeap } from '../time.js';
import type { TcpState, Trace } from '../trace.js';
import type { Micros, SessionFactory } from '../types.js';
import { Connection } from './connection.js';
import { initialSequenceNumber } from './isn.js';
import type { PathMss, TcpOutput, TransportError, TransportVerdict } from './output.js';
import {
  ACK,
  decodeSegment,
  emptySegment,
  FIN,
  RST,
  type Segment,
  SYN,
  segmentLength,
  TCP_HEADER_BYTES,
  writeTcpHeader,
} from './segment.js';
import { seqAdd, seqGt } from './seq.js';

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
  /** Remote address -> (remote port, local port) -> connection. */
  readonly #flows = new Map<Address, Map<number, Connection>>();
  /** All of them, in the order of their serials. */
  readonly #connections = new Set<Connection>();
  /** Those in TIME-WAIT, the oldest first. */
  readonly #timeWait = new Set<Connection>();
  readonly #timers = new DeadlineHeap<Connection>();
  readonly #names = new FlowCounters();
  /** Packets come in runs: the connection that the last one belonged to. */
  #last: Connection | undefined;
  #synReceived = 0;
  #nextSerial = 0;
  #closing = false;
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
      const kind = connection.timers.popDue(deadlineUs);
      const before = connection.state;
      connection.fire(deadlineUs, kind);
      if (connection.timers.deadlineUs(kind) <= deadlineUs) {
        throw new Error(`timer ${kind} of ${connection.config.flow} re-armed at its own deadline ${deadlineUs}`);
      }
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
    const connection = this.#find(remoteAddress, segment.sourcePort, segment.destinationPort);
    if (connection === undefined) {
      this.#withoutConnection(nowUs, remoteAddress, segment);
      return;
    }
    if (this.#reopens(connection, segment)) {
      this.#open(nowUs, remoteAddress, segment, connection);
      return;
    }
    if (this.#trace) this.#traceIn(nowUs, segment, remoteAddress, connection.config.flow);
    const before = connection.state;
    connection.receive(nowUs, segment, bytes);
    this.#after(nowUs, connection, before);
  }

  /**
   * An ICMP error about a segment that we are said to have sent. Gives what came of it, for the trace; `path MTU taken`
   * lets the caller remember the MTU for the path.
   */
  icmpError(nowUs: Micros, error: TransportError): TransportVerdict {
    const { remoteAddress, remotePort, localPort } = error;
    const connection = this.#flows.get(remoteAddress)?.get(portKey(remotePort, localPort));
    if (connection === undefined) return 'ignored: no such connection';
    const before = connection.state;
    const verdict = connection.icmpError(nowUs, error);
    this.#after(nowUs, connection, before);
    return verdict;
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

  // ---- LISTEN and CLOSED ----

  #withoutConnection(nowUs: Micros, remoteAddress: Address, segment: Segment): void {
    const { flags } = segment;
    const listening = !this.#closing && this.#config.services.has(segment.destinationPort);
    if (listening && (flags & (SYN | ACK | RST | FIN)) === SYN) {
      const refusal = this.#refusal();
      if (refusal === undefined) {
        this.#open(nowUs, remoteAddress, segment, undefined);
        return;
      }
      if (this.#trace) this.#traceIn(nowUs, segment, remoteAddress, undefined);
      this.#dropped(nowUs, refusal, segment);
      return;
    }
    if (this.#trace) this.#traceIn(nowUs, segment, remoteAddress, undefined);
    if ((flags & RST) !== 0) this.#dropped(nowUs, 'RST without a connection', segment);
    else if ((flags & ACK) !== 0) this.#reset(nowUs, remoteAddress, segment);
    else if (!listening) this.#reset(nowUs, remoteAddress, segment);
    // LISTEN, fourth: neither RST nor ACK nor a plain SYN. SYN with FIN is no way to begin; Linux drops it, too.
    else this.#dropped(nowUs, 'neither SYN nor ACK, or SYN with FIN', segment);
  }

  /** Why no connection can be made now. */
  #refusal(): string | undefined {
    if (this.#synReceived >= limits.tcp.synReceived) return 'backlog full: too many connections in SYN-RECEIVED';
    if (this.openFlows >= limits.tcp.connections) return 'connection table full';
    return undefined;
  }

  /**
   * RFC 9293 §3.6.1 (MAY-2): a SYN beyond what the old connection received may open a new one straight from TIME-WAIT.
   * That a late duplicate SYN returns to TIME-WAIT is left out, as in Linux: the sequence number rules it out.
   */
  #reopens(connection: Connection, segment: Segment): boolean {
    return (
      connection.state === 'TIME-WAIT' &&
      (segment.flags & (SYN | ACK | RST | FIN)) === SYN &&
      seqGt(segment.seq, connection.rcvNxt) &&
      !this.#closing &&
      this.#refusal() === undefined
    );
  }

  /** Makes a connection for a SYN; `old` is one of the same 4-tuple in TIME-WAIT that it replaces. */
  #open(nowUs: Micros, remoteAddress: Address, syn: Segment, old: Connection | undefined): void {
    const { localAddress, mss, pathMss, services } = this.#config;
    const { output, random } = this.#deps;
    const { sourcePort: remotePort, destinationPort: localPort } = syn;
    const local = `${formatHost(localAddress(remoteAddress))}:${localPort}`;
    const remote = `${formatHost(remoteAddress)}:${remotePort}`;
    const tuple = `${remote}>${local}`;
    let iss = initialSequenceNumber(random, tuple, nowUs);
    // §3.6.1: larger than the largest number that was used before; the clock alone cannot promise that above 250 kB/s.
    if (old !== undefined && !seqGt(iss, old.sndMax)) iss = seqAdd(old.sndMax, ISS_STEP);
    const connection = new Connection(
      {
        serial: this.#nextSerial++,
        flow: `${tuple}#${this.#names.next(remoteAddress, remotePort, localPort)}`,
        local,
        remote,
        remoteAddress,
        remotePort,
        localPort,
        iss,
        ownMss: mss(remoteAddress),
        pathMss: pathMss(nowUs, remoteAddress),
        createSession: services.get(localPort)!,
        output,
        trace: this.#trace,
      },
      syn,
    );
    if (this.#trace) this.#traceIn(nowUs, syn, remoteAddress, connection.config.flow);
    if (old !== undefined) {
      old.forget(nowUs);
      this.#after(nowUs, old, 'TIME-WAIT');
    }
    this.#insert(connection);
    connection.open(nowUs);
    this.#after(nowUs, connection, 'LISTEN');
  }

  /** RFC 9293 §3.10.7.1. */
  #reset(nowUs: Micros, remoteAddress: Address, segment: Segment): void {
    const { output } = this.#deps;
    const { sourcePort, destinationPort } = segment;
    const acknowledged = (segment.flags & ACK) !== 0;
    const seq = acknowledged ? segment.ack : 0;
    const ack = acknowledged ? 0 : seqAdd(segment.seq, segmentLength(segment));
    const flags = acknowledged ? RST : RST | ACK;
    const bytes = output.begin();
    writeTcpHeader(bytes, output.payloadStart, destinationPort, sourcePort, seq, ack, TCP_HEADER_BYTES, flags, 0);
    this.#trace?.(nowUs, {
      layer: 'tcp',
      kind: 'segment',
      dir: 'out',
      src: `${formatHost(this.#config.localAddress(remoteAddress))}:${destinationPort}`,
      dst: `${formatHost(remoteAddress)}:${sourcePort}`,
      seq,
      ack,
      flags,
      window: 0,
      length: 0,
    });
    output.send(nowUs, remoteAddress, TCP_HEADER_BYTES);
  }

  // ---- tables ----

  #find(remoteAddress: Address, remotePort: number, localPort: number): Connection | undefined {
    const last = this.#last;
    if (last !== undefined) {
      const { config } = last;
      if (
        config.remotePort === remotePort &&
        config.remoteAddress === remoteAddress &&
        config.localPort === localPort
      ) {
        return last;
      }
    }
    const found = this.#flows.get(remoteAddress)?.get(portKey(remotePort, localPort));
    if (found !== undefined) this.#last = found;
    return found;
  }

  #insert(connection: Connection): void {
    const { remoteAddress, remotePort, localPort } = connection.config;
    let ofAddress = this.#flows.get(remoteAddress);
    if (ofAddress === undefined) {
      ofAddress = new Map();
      this.#flows.set(remoteAddress, ofAddress);
    }
    ofAddress.set(portKey(remotePort, localPort), connection);
    this.#connections.add(connection);
  }

  #remove(connection: Connection): void {
    const { remoteAddress, remotePort, localPort } = connection.config;
    const ofAddress = this.#flows.get(remoteAddress);
    ofAddress?.delete(portKey(remotePort, localPort));
    if (ofAddress?.size === 0) this.#flows.delete(remoteAddress);
    this.#connections.delete(connection);
    if (this.#last === connection) this.#last = undefined;
  }

  /** Keeps counts, tables and the order of timers in step with what an event did to a connection. */
  #after(nowUs: Micros, connection: Connection, before: TcpState): void {
    const { state } = connection;
    if (state !== before) {
      if (before === 'SYN-RECEIVED') this.#synReceived--;
      if (state === 'SYN-RECEIVED') this.#synReceived++;
      if (before === 'TIME-WAIT') this.#timeWait.delete(connection);
      if (state === 'TIME-WAIT') this.#timeWait.add(connection);
      if (state === 'CLOSED') this.#remove(connection);
    }
    this.#timers.update(connection, connection.timers.nextDeadlineUs());
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
    });
  }
}

function portKey(remotePort: number, localPort: number): number {
  return remotePort * 0x1_0000 + localPort;
}

/**
 * How often each 4-tuple was seen: the k in `...#k`, which keeps the random draws of its connections apart. A page of
 * counters for each (remote address, local port), 256 kB; beyond `limits.tcp.flowNamePages` the oldest page is given up,
 * and pages made from then on begin above every count in it, so that a name never comes twice.
 */
class FlowCounters {
  readonly #pages = new Map<Address, Uint32Array>();
  #floor = 0;

  next(remoteAddress: Address, remotePort: number, localPort: number): number {
    const key =
      typeof remoteAddress === 'number' ? remoteAddress * 0x1_0000 + localPort : `${remoteAddress} ${localPort}`;
    let page = this.#pages.get(key);
    if (page === undefined) {
      if (this.#pages.size >= limits.tcp.flowNamePages) this.#giveUpOldest();
      page = new Uint32Array(0x1_0000).fill(this.#floor);
      this.#pages.set(key, page);
    }
    return page[remotePort]!++;
  }

  #giveUpOldest(): void {
    for (const [key, page] of this.#pages) {
      for (const count of page) if (count > this.#floor) this.#floor = count;
      this.#pages.delete(key);
      return;
    }
  }
}
