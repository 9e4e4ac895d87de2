// The events of HTTP: HTTP/1.1 (RFC 9112), HTTP/2 (RFC 9113), and what is the same for both (RFC 9110). What a trace is, and
// the events of the layers below, are in trace.ts.

import type { Direction, Field } from './trace.js';
// ---- HTTP/1.1 (RFC 9112) ----

export type Http1Event =
  | {
      readonly layer: 'http1';
      readonly kind: 'request';
      readonly flow: string;
      readonly dir: 'in';
      readonly method: string;
      readonly target: string;
      readonly version: string;
      readonly headers: readonly Field[];
    }
  | {
      readonly layer: 'http1';
      readonly kind: 'response';
      readonly flow: string;
      readonly dir: 'out';
      readonly status: number;
      readonly reason: string;
      readonly headers: readonly Field[];
    }
  | {
      readonly layer: 'http1';
      readonly kind: 'body';
      readonly flow: string;
      readonly dir: Direction;
      /** Content bytes since the last such event, without chunk framing: every 65,536, however they were cut, and the rest. */
      readonly length: number;
      /** This was the last of it. */
      readonly end: boolean;
    }
  | {
      readonly layer: 'http1';
      readonly kind: 'error';
      readonly severity: 'error';
      readonly flow: string;
      /** The status that the verdict calls for; sent unless another response had begun. */
      readonly status: number;
      readonly reason: string;
      /** From the first byte that the peer sent on this connection. */
      readonly offset?: number;
    };

// ---- HTTP/2 (RFC 9113) ----

export type Http2Event =
  | {
      readonly layer: 'http2';
      readonly kind: 'preface';
      readonly flow: string;
      readonly dir: 'in';
    }
  | {
      readonly layer: 'http2';
      readonly kind: 'frame';
      readonly flow: string;
      readonly dir: Direction;
      /** RFC spelling: DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION, PRIORITY_UPDATE (RFC 9218), or UNKNOWN. */
      readonly type: string;
      readonly typeCode: number;
      readonly streamId: number;
      readonly flags: number;
      /** Payload bytes. */
      readonly length: number;
      /** What the payload says: settings, increment, errorCode, lastStreamId, padLength, ... */
      readonly fields?: { readonly [name: string]: string | number };
    }
  | {
      readonly layer: 'http2';
      readonly kind: 'headers';
      readonly flow: string;
      readonly dir: Direction;
      readonly streamId: number;
      readonly endStream: boolean;
      /** The decoded field block, pseudo-header fields included. */
      readonly fields: readonly Field[];
    }
  | {
      readonly layer: 'http2';
      readonly kind: 'stream';
      readonly flow: string;
      readonly streamId: number;
      readonly from: string;
      readonly to: string;
    }
  | {
      readonly layer: 'http2';
      readonly kind: 'error';
      readonly severity: 'error';
      readonly flow: string;
      readonly scope: 'stream' | 'connection';
      readonly streamId: number;
      /** RFC 9113 §7 name: PROTOCOL_ERROR, ... */
      readonly code: string;
      readonly reason: string;
      /** The rule behind it: `RFC 9113 §6.1`. */
      readonly rule?: string;
    };

// ---- HTTP semantics (RFC 9110): the same for every version and mode ----

export type HttpEvent =
  | {
      readonly layer: 'http';
      readonly kind: 'request';
      readonly flow: string;
      readonly dir: 'in';
      readonly version: string;
      readonly method: string;
      readonly scheme: string;
      readonly authority: string;
      readonly path: string;
    }
  | {
      readonly layer: 'http';
      readonly kind: 'response';
      readonly flow: string;
      readonly dir: 'out';
      readonly status: number;
      readonly method: string;
      readonly path: string;
    }
  | {
      readonly layer: 'http';
      /** The handler said that its answer comes from outside. */
      readonly kind: 'deferred';
      readonly flow: string;
      /** What the answers to it name: the flow, a slash and the number of the request on it. */
      readonly token: string;
    }
  | {
      readonly layer: 'http';
      /** A timed input from outside: an answer, or a part of it. */
      readonly kind: 'answer';
      readonly flow: string;
      readonly token: string;
      readonly answer: 'response' | 'content' | 'read' | 'pass' | 'fail';
      /** Of `response`. */
      readonly status?: number;
      /** Bytes of content, given or asked for. */
      readonly length?: number;
    }
  | {
      readonly layer: 'http';
      /** A deferred request gets no answer from outside, or one that cannot be sent; or an answer came that nobody waits for. */
      readonly kind: 'unanswered';
      readonly severity: 'warning' | 'error';
      readonly flow: string;
      readonly token: string;
      readonly reason: string;
    };
