// A request and a response as the handler sees them, whatever HTTP version carried them (RFC 9110). Bodies are pull
// sources: nobody holds a body in memory, and reading slower is what slows the other side down.

import type { Field } from '../trace.js';
import type { Micros } from '../types.js';

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
  /** Absent on a connection without TLS. */
  readonly tls?: {
    readonly version: string;
    readonly cipherSuite: string;
    readonly group: string;
    readonly signature: string;
    readonly serverName: string | undefined;
    readonly alpn: string | undefined;
    readonly extendedMasterSecret: boolean;
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

/**
 * Called when the request's header section is complete. Synchronous and pure: the same request gives the same
 * response. It must not throw; a thrown error becomes a 500.
 */
export type Handler = (request: Request) => Response;

export const EMPTY_BODY: BodySource = { length: 0, read: () => undefined };

/** The first value of a field, by lower-case name. */
export function fieldValue(fields: readonly Field[], name: string): string | undefined {
  for (const field of fields) if (field[0] === name) return field[1];
  return undefined;
}
