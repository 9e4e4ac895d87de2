// The core without a network, in virtual time: what a client sends, how time passes and what comes back are calls of the
// test. The same calls give the same bytes, on every machine.

import { Duplex } from 'node:stream';
import { stackOf } from '../cli/desk.js';
import { say } from '../cli/output.js';
import type { TlsServeOptions } from '../cli/tls-options.js';
import { seedBytes } from '../cli/values.js';
import type { Answer, Handler } from '../core/http/message.js';
import { createSite } from '../core/http/site.js';
import { createRandomSource } from '../core/random.js';
import { createSession, DEFAULT_ALPN } from '../core/session.js';
import type { TcpConfig } from '../core/tcp/config.js';
import { SessionCache } from '../core/tls/session-cache.js';
import type { Trace } from '../core/trace.js';
import type { Micros, Session, SessionState, Stack } from '../core/types.js';
import { assembleStack, type RunConfig } from '../io/assemble.js';
import { nodeCrypto } from '../io/node-crypto.js';
import { tlsConfigOf } from '../io/tls-config.js';
import { checkBytes, checkChoice, checkList, checkOptions, checkType, kindOf } from './checks.js';
import type { TimedEvent } from './events.js';
import { tlsTextsOf } from './tls-options.js';

/** A test that goes beyond them has gone wrong: RangeError. */
export const testKitLimits = {
  events: 1_000_000,
  /** What was sent and not taken by `received` yet, or came in and waits for room. */
  bytes: 256 * 1024 * 1024,
} as const;

export interface ServerOptions {
  /** Who answers; what it throws is told on standard error. Default: the built-in site. */
  readonly handler?: Handler;
  /** As `--seed`: 64 hex digits, or any other text but the empty one. Default: `test`. */
  readonly seed?: string;
  /** Wall time of logical time 0, microseconds since 1970. Default: 1994-11-06 08:49:37 UTC, the example of RFC 9110. */
  readonly startUnixUs?: number;
  /** How TLS is spoken, as the options of `serve` say it. Default: as `serve` without options, with the test certificate. */
  readonly tls?: Partial<TlsServeOptions>;
}

export interface SessionOptions extends ServerOptions {
  /** `plain`: HTTP/1.1, or HTTP/2 with prior knowledge. `tls`: bytes are TLS records. Default: `plain`. */
  readonly over?: 'plain' | 'tls';
}

export interface StackOptions extends ServerOptions {
  /** IPv4 address that the stack answers on. Default: 10.0.0.2. */
  readonly address?: string;
  /** Its IPv6 address. Default: none. */
  readonly address6?: string;
  /** Bytes. Default: 1500. */
  readonly mtu?: number;
  /** Ports that speak plain HTTP. Default: 80. */
  readonly plainPorts?: readonly number[];
  /** Ports that speak TLS. Default: 443. */
  readonly tlsPorts?: readonly number[];
  readonly tcp?: TcpConfig;
}

/** The client's side of one connection to the server. */
export interface TestSession {
  /** Bytes of the client; a text is sent as Latin-1, a character an octet. What the server has no room for yet, waits. */
  send(bytes: Uint8Array | string): void;
  /** The client sends no more (FIN). */
  end(): void;
  /** Time goes on by so many microseconds; timers fire at their own times. */
  advance(us: Micros): void;
  /** What the server sent since the last call. */
  received(): Uint8Array;
  /** An answer to a request whose handler deferred it. */
  respond(token: string, answer: Answer): void;
  /**
   * The same connection as a stream, for a client that takes one: `tls.connect({ socket })`, `http.request({
   * createConnection })`, `http2.connect(url, { createConnection })`. `received` gives nothing from then on. Time still
   * stands unless `advance` is called.
   */
  stream(): Duplex;
  /** Everything that was told so far. */
  readonly events: readonly TimedEvent[];
  readonly nowUs: Micros;
  readonly state: SessionState;
}

/** The wire of a whole host: IP packets in and out. */
export interface TestStack {
  /** One IP packet, checksums included. */
  send(packet: Uint8Array): void;
  advance(us: Micros): void;
  /** The packets that were sent since the last call. */
  received(): TestPacket[];
  respond(token: string, answer: Answer): void;
  /** An orderly end, as Ctrl-C begins it. */
  close(): void;
  readonly events: readonly TimedEvent[];
  readonly nowUs: Micros;
  /** Connections that are not closed yet. */
  readonly openFlows: number;
}

export interface TestPacket {
  readonly atUs: Micros;
  readonly bytes: Uint8Array;
}

const EXAMPLE_START_UNIX_US = 784_111_777_000_000;
const FLOW = 'test#0';
const SERVER_OPTIONS = { handler: true, seed: true, startUnixUs: true, tls: true } as const;
const TCP_KNOBS = {
  ...({
    sack: true,
    timestamps: true,
    ecn: true,
    receiveWindowBytes: true,
    windowScale: true,
    synCookies: true,
  } as const),
  ...({ keepAliveUs: true, keepAliveIntervalUs: true, keepAliveProbes: true, userTimeoutUs: true } as const),
  ...({ closedWindowUs: true, lingerBytes: true, congestion: true, recovery: true } as const),
} as const;
const PLAIN_PORTS: readonly number[] = [80];
const TLS_PORTS: readonly number[] = [443];
const TAKE_BYTES = 65_536;
/** Of the client's bytes at a time, so that the server's room is looked at in between. */
const PIECE_BYTES = 16_384;

/**
 * A connection to a server that exists for this test only, at logical time 0. Raises TypeError for an option that means
 * nothing, and FileError for a certificate that cannot be read.
 */
export function openSession(options: SessionOptions = {}): TestSession {
  checkOptions('openSession', options, { ...SERVER_OPTIONS, over: true });
  if (options.over !== undefined) checkChoice('openSession: over', options.over, ['plain', 'tls']);
  if (options.tls !== undefined && options.over !== 'tls')
    throw new TypeError("openSession: tls goes with over: 'tls'");
  checkServer('openSession', options);
  const events = new Events();
  const startUnixUs = options.startUnixUs ?? EXAMPLE_START_UNIX_US;
  const shared = { flow: FLOW, handler: handlerOf(options), startUnixUs, trace: events.trace };
  if (options.over !== 'tls') return new MemorySession(createSession(shared), events);
  const random = createRandomSource(nodeCrypto, seedOf(options));
  const tls = tlsConfigOf(tlsTextsOf(options.tls), { random, startUnixUs, alpnProtocols: DEFAULT_ALPN });
  const session = createSession({ ...shared, tls, tlsSessions: new SessionCache(), openedUs: 0 });
  return new MemorySession(session, events);
}

/**
 * A host that exists for this test only, at logical time 0. Raises as `openSession` does, and RangeError for an address, an MTU
 * or a knob of TCP that cannot be.
 */
export function openStack(options: StackOptions = {}): TestStack {
  checkOptions('openStack', options, {
    ...SERVER_OPTIONS,
    ...({ address: true, address6: true, mtu: true, plainPorts: true, tlsPorts: true, tcp: true } as const),
  });
  checkServer('openStack', options);
  checkPorts(options);
  if (options.tcp !== undefined) checkOptions('openStack: tcp', options.tcp, TCP_KNOBS);
  const events = new Events();
  const config: RunConfig = {
    mode: 'tun',
    address: options.address ?? '10.0.0.2',
    ...(options.address6 !== undefined && { address6: options.address6 }),
    mtu: options.mtu ?? 1500,
    ...(options.tcp && { tcp: options.tcp }),
    plainPorts: options.plainPorts ?? PLAIN_PORTS,
    tlsPorts: options.tlsPorts ?? TLS_PORTS,
    ...tlsTextsOf(options.tls),
    outside: true,
  };
  const startUnixUs = options.startUnixUs ?? EXAMPLE_START_UNIX_US;
  const identity = { config, seed: seedOf(options), startUnixUs };
  return new MemoryStack(assembleStack(identity, events.trace, handlerOf(options)), events);
}

function checkServer(what: string, { handler, seed, startUnixUs }: ServerOptions): void {
  if (handler !== undefined) checkType(`${what}: handler`, handler, 'function');
  if (seed !== undefined && checkType(`${what}: seed`, seed, 'text') === '')
    throw new TypeError(`${what}: seed: the text is empty`);
  if (startUnixUs !== undefined) checkType(`${what}: startUnixUs`, startUnixUs, 'integer');
}

function checkPorts({ plainPorts, tlsPorts }: StackOptions): void {
  const seen = new Set<number>();
  for (const [name, ports] of Object.entries({
    plainPorts: plainPorts ?? PLAIN_PORTS,
    tlsPorts: tlsPorts ?? TLS_PORTS,
  })) {
    for (const port of checkList(`openStack: ${name}`, ports, 'integer')) {
      if (port < 1 || port > 65_535) throw new TypeError(`openStack: ${name}: ${port} is no port`);
      if (seen.has(port)) throw new TypeError(`openStack: ${name}: ${port} is there already`);
      seen.add(port);
    }
  }
}

/** The client gets a 500 either way; what the handler threw would be kept nowhere. */
function handlerOf({ handler }: ServerOptions): Handler {
  if (handler === undefined) return createSite();
  return (request) => {
    try {
      return handler(request);
    } catch (error) {
      say(`the handler failed at ${request.method} ${request.path}: ${stackOf(error)}`);
      throw error;
    }
  };
}

function seedOf({ seed = 'test' }: ServerOptions): Uint8Array {
  return seedBytes('seed', seed);
}

class Events {
  readonly list: TimedEvent[] = [];
  readonly trace: Trace = (atUs, event) => {
    if (this.list.length >= testKitLimits.events) {
      throw new RangeError(`more than ${testKitLimits.events} events in one test`);
    }
    this.list.push({ atUs, ...event });
  };
}

/** Steps from deadline to deadline, as the loop of a live run does. */
function advanceBy(
  us: Micros,
  from: Micros,
  machine: Pick<Session, 'nextDeadlineUs'>,
  step: (us: Micros) => void,
): void {
  if (!Number.isSafeInteger(us) || us < 0) throw new RangeError(`advance: ${us} is no number of microseconds`);
  const untilUs = from + us;
  for (;;) {
    const deadlineUs = machine.nextDeadlineUs();
    if (deadlineUs === undefined || deadlineUs >= untilUs) break;
    step(deadlineUs);
  }
  step(untilUs);
}

class MemorySession implements TestSession {
  readonly #session: Session;
  readonly #events: Events;
  #nowUs: Micros = 0;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #endIsWanted = false;
  #ended = false;
  #sent: Uint8Array[] = [];
  #sentBytes = 0;
  #stream: Duplex | undefined;

  constructor(session: Session, events: Events) {
    this.#session = session;
    this.#events = events;
    this.#settle();
  }

  get events(): readonly TimedEvent[] {
    return this.#events.list;
  }

  get nowUs(): Micros {
    return this.#nowUs;
  }

  get state(): SessionState {
    return this.#session.state;
  }

  send(bytes: Uint8Array | string): void {
    if (this.#endIsWanted) throw new Error('send: the client has ended');
    if (typeof bytes !== 'string' && !(bytes instanceof Uint8Array)) {
      throw new TypeError(`send: a text or a Uint8Array is wanted, not ${kindOf(bytes)}`);
    }
    // Latin-1 would send another octet without a word.
    const wide = typeof bytes === 'string' ? /[^\0-\xff]/u.exec(bytes) : null;
    if (wide !== null)
      throw new TypeError(`send: ${JSON.stringify(wide[0])} at ${wide.index} is no octet; give UTF-8 as bytes`);
    const copy = Uint8Array.from(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
    this.#waiting.push(copy);
    this.#waitingBytes = bounded(this.#waitingBytes + copy.length);
    this.#settle();
  }

  end(): void {
    this.#endIsWanted = true;
    this.#settle();
  }

  advance(us: Micros): void {
    advanceBy(us, this.#nowUs, this.#session, (atUs) => {
      this.#nowUs = atUs;
      this.#session.advance(atUs);
      this.#settle();
    });
  }

  received(): Uint8Array {
    const bytes = new Uint8Array(this.#sentBytes);
    let at = 0;
    for (const part of this.#sent) {
      bytes.set(part, at);
      at += part.length;
    }
    this.#sent = [];
    this.#sentBytes = 0;
    return bytes;
  }

  respond(token: string, answer: Answer): void {
    this.#session.respond?.(this.#nowUs, token, answer);
    this.#settle();
  }

  stream(): Duplex {
    if (this.#stream !== undefined) return this.#stream;
    this.#stream = new Duplex({
      allowHalfOpen: true,
      read() {},
      write: (chunk: Buffer, _encoding, done) => {
        this.send(chunk);
        done();
      },
      final: (done) => {
        this.end();
        done();
      },
    });
    this.#give();
    return this.#stream;
  }

  /** In with what there is room for, out with everything that comes of it. */
  #settle(): void {
    for (;;) {
      this.#takeAll();
      const next = this.#waiting[0];
      if (next === undefined) break;
      if (this.#session.state === 'open' && this.#session.room() === 0) break;
      const piece = next.subarray(0, PIECE_BYTES);
      if (piece.length === next.length) this.#waiting.shift();
      else this.#waiting[0] = next.subarray(PIECE_BYTES);
      this.#waitingBytes -= piece.length;
      // Who has ended reads no more, as a closed socket.
      if (this.#session.state === 'open' || this.#session.state === 'draining') {
        this.#session.receive(this.#nowUs, piece);
      }
    }
    if (this.#endIsWanted && !this.#ended && this.#waiting.length === 0) {
      this.#ended = true;
      this.#session.endOfInput(this.#nowUs);
      this.#takeAll();
    }
    this.#give();
  }

  #takeAll(): void {
    while (this.#session.state !== 'aborted') {
      const bytes = this.#session.take(this.#nowUs, TAKE_BYTES);
      if (bytes.length === 0) return;
      this.#sent.push(bytes.slice());
      this.#sentBytes = bounded(this.#sentBytes + bytes.length);
    }
  }

  #give(): void {
    const stream = this.#stream;
    if (stream === undefined || stream.destroyed) return;
    const bytes = this.received();
    if (bytes.length > 0) stream.push(bytes);
    if (this.state === 'aborted') stream.destroy();
    else if (this.state === 'closed' && !stream.readableEnded) stream.push(null);
  }
}

class MemoryStack implements TestStack {
  readonly #stack: Stack;
  readonly #events: Events;
  #nowUs: Micros = 0;
  #sent: TestPacket[] = [];
  #sentBytes = 0;

  constructor(stack: Stack, events: Events) {
    this.#stack = stack;
    this.#events = events;
  }

  get events(): readonly TimedEvent[] {
    return this.#events.list;
  }

  get nowUs(): Micros {
    return this.#nowUs;
  }

  get openFlows(): number {
    return this.#stack.openFlows;
  }

  send(packet: Uint8Array): void {
    checkBytes('send', packet);
    this.#stack.receive(this.#nowUs, packet);
    this.#drain();
  }

  advance(us: Micros): void {
    advanceBy(us, this.#nowUs, this.#stack, (atUs) => {
      this.#nowUs = atUs;
      this.#stack.advance(atUs);
      this.#drain();
    });
  }

  received(): TestPacket[] {
    const packets = this.#sent;
    this.#sent = [];
    this.#sentBytes = 0;
    return packets;
  }

  respond(token: string, answer: Answer): void {
    this.#stack.respond(this.#nowUs, token, answer);
    this.#drain();
  }

  close(): void {
    this.#stack.close(this.#nowUs);
    this.#drain();
  }

  #drain(): void {
    for (let out = this.#stack.poll(); out !== undefined; out = this.#stack.poll()) {
      this.#sent.push({ atUs: out.atUs, bytes: out.frame.slice() });
      this.#sentBytes = bounded(this.#sentBytes + out.frame.length);
    }
  }
}

function bounded(bytes: number): number {
  if (bytes <= testKitLimits.bytes) return bytes;
  throw new RangeError(`more than ${testKitLimits.bytes} bytes wait in one test`);
}
