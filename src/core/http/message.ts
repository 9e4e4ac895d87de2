// A request and a response as the handler sees them, whatever HTTP version carried them (RFC 9110). Bodies are pull
// sources: nobody holds a body in memory, and reading slower is what slows the other side down. A handler may also say
// that its answer comes from outside, later (`Deferred`): then each part of that answer is a timed input of the run.

import type { Field } from '../trace.js';
import type { Micros, TransportInfo } from '../types.js';

export type { Field } from '../trace.js';

export type HttpVersion = 'HTTP/1.0' | 'HTTP/1.1' | 'HTTP/2';

/** A body, read once, front to back. */
export interface BodySource {
  /** Bytes in all when that is known before reading, otherwise undefined. */
  readonly length: number | undefined;
  /**
   * The next bytes, at most `maxBytes` (1 or more): an empty array when nothing is ready yet, undefined at the end and
   * after `cancel`. Valid until the next call. `nowUs` is the logical time of the read; connections always give it, and
   * bodies that wait for time look at nothing else.
   */
  read(maxBytes: number, nowUs?: Micros): Uint8Array | undefined;
  /**
   * After a `read` that gave nothing: the logical time at which there will be more, later than that of the read.
   * Undefined: it does not wait for time. The connection reads again at that time, or earlier.
   */
  readonly dueUs?: Micros | undefined;
  /**
   * Trailer fields (RFC 9110 §6.5), names in lower case. Asked for when `read` has given undefined; before that a
   * request's are not known. They never become part of the header section (RFC 9112 §7.1.2).
   */
  trailers?(): readonly Field[];
  /** Nobody will read on; optional. */
  cancel?(): void;
}

/** What was negotiated below HTTP on this connection; for the handler to show. */
export interface ConnectionInfo {
  /** The name of the flow, as in the trace. */
  readonly flow: string;
  /** Absent where the system's TCP carries the connection. */
  readonly tcp?: TransportInfo;
  /** Absent on a connection without TLS. */
  readonly tls?: {
    readonly version: string;
    readonly cipherSuite: string;
    readonly group: string;
    readonly signature: string;
    readonly serverName: string | undefined;
    readonly alpn: string | undefined;
    readonly extendedMasterSecret: boolean;
    /** Absent: a full handshake. The session's own group and signature are not known then: `none`. */
    readonly resumed?: 'session id' | 'ticket' | 'psk';
    /** RFC 7366: block ciphers only. */
    readonly encryptThenMac?: true;
    /** Subject of the client's certificate. */
    readonly clientCertificate?: string;
  };
}

export interface Request {
  readonly version: HttpVersion;
  readonly method: string;
  readonly scheme: 'http' | 'https';
  /** Host and optional port as the client named them; may be empty (HTTP/1.0). */
  readonly authority: string;
  /** Path and query as on the wire, beginning with `/`, or `*`. */
  readonly path: string;
  /** Names in lower case, in order of arrival, without pseudo-header fields. */
  readonly headers: readonly Field[];
  /** The request's content. Reading it is what grants the peer more window. A response may be built upon it. */
  readonly body: BodySource;
  readonly connection: ConnectionInfo;
  /** Names the request on its connection: the stream identifier in HTTP/2, 1, 2, 3, ... in HTTP/1.x. */
  readonly serial: number;
}

export interface Response {
  readonly status: number;
  /**
   * Names in lower case. The connection adds `date`, and what its version needs for framing (`content-length` from
   * `body.length`, `transfer-encoding`); handlers do not set those three.
   */
  readonly headers: readonly Field[];
  /** Absent: no content (`content-length: 0` where the status allows content). */
  readonly body?: BodySource;
  /** Logical time to let pass between request and response. */
  readonly delayUs?: Micros;
}

/** Pure: the same request gives the same response. */
export type SyncHandler = (request: Request) => Response;

/**
 * Called when the request's header section is complete; pure, and so is what it returns, or else a `Deferred`. It must
 * not throw; a thrown error becomes a 500, and so does what is no response.
 */
export type Handler = (request: Request) => Response | Deferred;

/**
 * Returned by a handler whose answer comes from outside: by `respond` of session, stack or streams, with the request's
 * token. Its methods are told what happens meanwhile, during a call of the core: they must not call the core back.
 */
export interface Deferred {
  readonly deferred: true;
  /** Who answers when the outside passes (`{ kind: 'pass' }`). Absent: 404. */
  readonly otherwise?: SyncHandler;
  /**
   * Content of the request, as far as it was asked for (`{ kind: 'read' }`); at most 65,536 bytes, valid during the call.
   * `end` comes once, without bytes, and with the trailer section if there was one.
   */
  content?(bytes: Uint8Array, end: boolean, trailers: readonly Field[]): void;
  /** Bytes of the answer's content that still wait in the core; told when they have become fewer. */
  drained?(waitingBytes: number): void;
  /** The exchange is over, once: further answers to its token are ignored. */
  ended?(how: DeferralEnd): void;
}

/**
 * sent: all of the answer was handed to the connection. passed: the other handler answers. cancelled: the peer reset the
 * stream, broke the protocol, or is gone. timeout: nothing came in time. failed: the answer could not be sent.
 */
export type DeferralEnd = 'sent' | 'passed' | 'cancelled' | 'timeout' | 'failed';

/** What comes from outside for a deferred request. Plain data: recordings hold it. */
export type Answer =
  | ResponseAnswer
  /** The next content of a response that said `follows`; at most `limits.http.answerPieceBytes`, copied. */
  | {
      readonly kind: 'content';
      readonly bytes: Uint8Array;
      readonly end: boolean;
      /** With `end` only, and only where the response did not tell the length of what follows. */
      readonly trailers?: readonly Field[];
    }
  /** So many more bytes of the request's content are wanted: reading them is what grants the peer more window. */
  | { readonly kind: 'read'; readonly maxBytes: number }
  /** The outside does not want the request: `Deferred.otherwise` answers. Not after a `read` or a response. */
  | { readonly kind: 'pass' }
  /** The outside failed: 500, or the response is cut off where it has begun. */
  | { readonly kind: 'fail' };

export interface ResponseAnswer {
  readonly kind: 'response';
  readonly status: number;
  /** As in `Response`. */
  readonly headers: readonly Field[];
  /** All of the content (at most `limits.http.answerPieceBytes`, copied); `follows`: it comes by `content` answers; absent: none. */
  readonly content?: Uint8Array | 'follows';
  /** How much follows, where that is known; otherwise left out. */
  readonly length?: number;
  /** Behind a whole content. */
  readonly trailers?: readonly Field[];
}

/** Names a request in a run: `10.0.0.1:49152>10.0.0.2:443#0/3`. */
export function requestToken(request: Request): string {
  return `${request.connection.flow}/${request.serial}`;
}

/** No content; may be shared. */
export const EMPTY_BODY: BodySource = { length: 0, read: () => undefined };

/** The first value of a field, by lower-case name. */
export function fieldValue(fields: readonly Field[], name: string): string | undefined {
  for (const field of fields) if (field[0] === name) return field[1];
  return undefined;
}
