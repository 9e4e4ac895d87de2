// Joins the layers above one byte stream: TLS up -> HTTP -> handler -> HTTP -> TLS down. In tun mode TCP drives it, in tcp
// mode an OS socket, in replay a recording. ALPN decides between HTTP/2 and HTTP/1.1 (RFC 7301, RFC 9113 §3.2).

import { imfFixdate } from './http/date.js';
import type { Answer, ConnectionInfo, Handler } from './http/message.js';
import { Http1Connection } from './http1/connection.js';
import { Http2Connection } from './http2/connection.js';
import { CLIENT_PREFACE } from './http2/frame.js';
import { MICROS_PER_SECOND } from './time.js';
import type { TlsConfig } from './tls/config.js';
import { TlsServer } from './tls/server.js';
import type { SessionCache } from './tls/session-cache.js';
import type { Trace } from './trace.js';
import type { Micros, Session, SessionState, TransportInfo } from './types.js';

export interface SessionOptions {
  /** Names the flow in the trace and in random draws. */
  readonly flow: string;
  /** What TCP negotiated, for handlers to show. */
  readonly transport?: TransportInfo | undefined;
  readonly handler: Handler;
  /** Wall time of logical time 0, microseconds since 1970: the only tie to a calendar (the `date` field). */
  readonly startUnixUs: number;
  readonly trace?: Trace;
  /** Absent: HTTP/1.1 or HTTP/2 in clear. */
  readonly tls?: TlsConfig;
  /** The sessions that the connections of a run share; absent: nothing is resumed by session id. */
  readonly tlsSessions?: SessionCache;
  /** When the connection began, for the time that a handshake has. Absent: its first bytes begin it. */
  readonly openedUs?: Micros;
}

/** The names that a session speaks (RFC 7301 §6, RFC 9113 §3.2), favourite first: what `TlsConfig.alpnProtocols` is usually given. */
export const DEFAULT_ALPN: readonly string[] = ['h2', 'http/1.1'];

/** The session of one connection, of either kind. */
export function createSession(options: SessionOptions): Session {
  if (options.tls) return new TlsSession(options, options.tls);
  return new PlainSession(options);
}

const EMPTY = new Uint8Array(0);
const PLAINTEXT_BYTES = 16_384;
/** A nearly closed window still gets a record worth sealing; what does not fit stays in the TLS output. */
const SMALLEST_PLAINTEXT_BYTES = 1024;
/** What comes behind the peer's close_notify is dropped, so there is always room for it. */
const DROPPED_ROOM_BYTES = 65_536;

/**
 * RFC 9113 §3.3: a connection that begins with the client preface is HTTP/2, any other is HTTP/1.1, whatever it asks to be
 * upgraded to (§3.1: that way is not offered any more). It is HTTP/1.1 until the preface is whole, so that what HTTP/1.1
 * expects of a client that says nothing holds meanwhile; octets that may be a preface wait.
 */
class PlainSession implements Session {
  readonly #options: SessionOptions;
  #http: Http1Connection | Http2Connection;
  /** Octets of the preface that came so far; -1: it is decided. */
  #matched = 0;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#http = new Http1Connection(httpOptions(options, 'http', connectionInfo(options)));
  }

  get state(): SessionState {
    return this.#http.state;
  }

  room(): number {
    return this.#http.room();
  }

  receive(nowUs: Micros, bytes: Uint8Array): void {
    if (this.#matched >= 0) this.#decide(nowUs, bytes);
    else this.#http.receive(nowUs, bytes);
  }

  #decide(nowUs: Micros, bytes: Uint8Array): void {
    const before = this.#matched;
    let at = 0;
    while (at < bytes.length && before + at < CLIENT_PREFACE.length && bytes[at] === CLIENT_PREFACE[before + at]) at++;
    if (before + at === CLIENT_PREFACE.length) {
      this.#http = new Http2Connection(httpOptions(this.#options, 'http', connectionInfo(this.#options)));
    } else if (at === bytes.length) {
      this.#matched += at;
      return;
    }
    this.#release(nowUs);
    this.#http.receive(nowUs, bytes);
  }

  /** What waited goes on. */
  #release(nowUs: Micros): void {
    const waiting = this.#matched;
    this.#matched = -1;
    if (waiting > 0) this.#http.receive(nowUs, CLIENT_PREFACE.subarray(0, waiting));
  }

  endOfInput(nowUs: Micros): void {
    this.#release(nowUs);
    this.#http.endOfInput(nowUs);
  }

  take(nowUs: Micros, maxBytes: number): Uint8Array {
    return this.#http.take(nowUs, maxBytes);
  }

  advance(nowUs: Micros): void {
    this.#http.advance(nowUs);
  }

  nextDeadlineUs(): Micros | undefined {
    return this.#http.nextDeadlineUs();
  }

  close(nowUs: Micros): void {
    this.#http.close(nowUs);
  }

  respond(nowUs: Micros, token: string, answer: Answer): void {
    this.#http.respond(nowUs, token, answer);
  }

  lost(nowUs: Micros): void {
    this.#http.lost(nowUs);
  }
}

class TlsSession implements Session {
  readonly #options: SessionOptions;
  readonly #tls: TlsServer;
  /** There once the handshake is done. */
  #http: Http1Connection | Http2Connection | undefined;
  #httpInputEnded = false;

  constructor(options: SessionOptions, config: TlsConfig) {
    this.#options = options;
    const { flow, tlsSessions, openedUs, trace } = options;
    this.#tls = new TlsServer({ flow, config, sessions: tlsSessions, openedUs, trace });
  }

  get state(): SessionState {
    const tls = this.#tls.state;
    const http = this.#http?.state ?? 'open';
    if (http === 'aborted' && tls !== 'failed') return 'aborted';
    // After a fatal alert, and after close_notify, whoever was first, nothing is answered any more.
    if (tls === 'closed' || tls === 'failed') return this.#tls.pendingOutput > 0 ? 'draining' : 'closed';
    return http === 'open' ? 'open' : 'draining';
  }

  get handshaking(): boolean {
    return this.#tls.state === 'handshake';
  }

  room(): number {
    if (this.#tls.inputEnded) return DROPPED_ROOM_BYTES;
    return this.#http === undefined || this.#http.room() > 0 ? this.#tls.room : 0;
  }

  receive(nowUs: Micros, bytes: Uint8Array): void {
    this.#tls.receive(nowUs, bytes);
    this.#pump(nowUs);
  }

  endOfInput(nowUs: Micros): void {
    this.#tls.endOfInput(nowUs);
    // HTTP hears of the end when the records that wait for its room have been read: `#pump` sees to that.
    this.#pump(nowUs);
    // A peer that leaves before the handshake is done gets nothing more to read.
    if (this.#http === undefined && this.#tls.state === 'handshake') this.#tls.close(nowUs);
  }

  take(nowUs: Micros, maxBytes: number): Uint8Array {
    const tls = this.#tls;
    if (tls.pendingOutput > 0) return tls.take(maxBytes);
    const http = this.#http;
    if (http === undefined || tls.state !== 'open') return EMPTY;
    const room = Math.max(SMALLEST_PLAINTEXT_BYTES, Math.min(PLAINTEXT_BYTES, maxBytes - tls.recordOverhead));
    for (;;) {
      const plaintext = http.take(nowUs, room);
      if (plaintext.length > 0) tls.write(nowUs, plaintext);
      // A handler that read its request's body while answering made room for records that wait in TLS. One that has
      // nothing to say until it has read more is asked again then: nobody else would do it.
      const moved = this.#pump(nowUs);
      if (!moved || tls.pendingOutput > 0) break;
    }
    if (http.state === 'closed') tls.close(nowUs);
    return tls.pendingOutput > 0 ? tls.take(maxBytes) : EMPTY;
  }

  advance(nowUs: Micros): void {
    if (this.#http === undefined) this.#tls.advance(nowUs);
    else this.#http.advance(nowUs);
  }

  nextDeadlineUs(): Micros | undefined {
    return this.#http === undefined ? this.#tls.nextDeadlineUs() : this.#http.nextDeadlineUs();
  }

  close(nowUs: Micros): void {
    if (this.#http === undefined) this.#tls.close(nowUs);
    else this.#http.close(nowUs);
  }

  /** Without HTTP there was no request yet: nothing waits for an answer. */
  respond(nowUs: Micros, token: string, answer: Answer): void {
    this.#http?.respond(nowUs, token, answer);
  }

  lost(nowUs: Micros): void {
    this.#http?.lost(nowUs);
  }

  /** Records to plaintext to HTTP, for as long as HTTP has room. Whether anything came through, the end included. */
  #pump(nowUs: Micros): boolean {
    let moved = false;
    while (this.#http === undefined || this.#http.room() > 0) {
      const plaintext = this.#tls.read(nowUs);
      if (this.#http === undefined && this.#tls.negotiated !== undefined) this.#http = this.#openHttp();
      if (plaintext === undefined) break;
      this.#http?.receive(nowUs, plaintext);
      moved = true;
    }
    if (this.#tls.inputEnded && this.#http !== undefined && !this.#httpInputEnded) {
      this.#httpInputEnded = true;
      this.#http.endOfInput(nowUs);
      moved = true;
    }
    return moved;
  }

  #openHttp(): Http1Connection | Http2Connection {
    const negotiated = this.#tls.negotiated;
    const connection: ConnectionInfo = { ...connectionInfo(this.#options), ...(negotiated && { tls: negotiated }) };
    const options = httpOptions(this.#options, 'https', connection);
    return negotiated?.alpn === 'h2' ? new Http2Connection(options) : new Http1Connection(options);
  }
}

function connectionInfo({ flow, transport }: SessionOptions): ConnectionInfo {
  return transport === undefined ? { flow } : { flow, tcp: transport };
}

function httpOptions(options: SessionOptions, scheme: 'http' | 'https', connection: ConnectionInfo) {
  return {
    flow: options.flow,
    scheme,
    handler: options.handler,
    connection,
    date: createDate(options.startUnixUs),
    ...(options.trace && { trace: options.trace }),
  };
}

/** The `date` field has whole seconds (RFC 9110 §6.6.1): it is made once for all responses of one. */
function createDate(startUnixUs: number): (nowUs: Micros) => string {
  let second = -1;
  let text = '';
  return (nowUs) => {
    const now = Math.floor((startUnixUs + nowUs) / MICROS_PER_SECOND);
    if (now !== second) {
      second = now;
      text = imfFixdate(now * MICROS_PER_SECOND);
    }
    return text;
  };
}
