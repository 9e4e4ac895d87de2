// What an application is given and what it gives back: plain objects, so that one can be written, and tested, without
// anything of wirebench or of Node. `outside.ts` drives it.

import type { ConnectionInfo, Field, HttpVersion } from '../core/http/message.js';

/** A list of fields, or an object of them; more values of one name as a list. */
export type Headers = Readonly<Record<string, string | readonly string[]>> | Iterable<readonly [string, string]>;

/** Text is sent as UTF-8. */
export type Chunk = string | Uint8Array;

export interface AppRequest {
  readonly method: string;
  /** Path and query as on the wire, beginning with `/`, or `*`. */
  readonly path: string;
  readonly scheme: 'http' | 'https';
  /** Host and optional port as the client named them; may be empty (HTTP/1.0). */
  readonly authority: string;
  /** `scheme://authority/path`. */
  readonly url: string;
  readonly version: HttpVersion;
  /** Names in lower case, in order of arrival. */
  readonly headers: readonly Field[];
  /** The first value of a field, by its name in any case. */
  header(name: string): string | undefined;
  /** What was negotiated below HTTP, and the name of the flow. */
  readonly connection: ConnectionInfo;
  /** Names the request in this run: `10.0.0.1:49152>10.0.0.2:443#0/3`. */
  readonly token: string;
  /** The content as it comes, once. Reading slower slows the client down. Throws when the client leaves before its end. */
  readonly body: AsyncIterable<Uint8Array>;
  /** All of the content. Beyond `maxBytes` (1 MiB unless told) it throws, and the client gets a 413. */
  bytes(maxBytes?: number): Promise<Uint8Array>;
  /** The same as UTF-8 text. */
  text(maxBytes?: number): Promise<string>;
  /** The trailer section; empty until all of the content was read. */
  trailers(): readonly Field[];
  /** Aborted when nobody waits for the answer any more: the client has left, or it took too long. */
  readonly signal: AbortSignal;
}

export interface AppResponse {
  /** 200 unless told; 200 to 599. */
  readonly status?: number;
  /** `date`, `content-length` and `transfer-encoding` are set by wirebench. */
  readonly headers?: Headers;
  /** Absent: no content. Of an iterable the next piece is asked for when the client has room for it. */
  readonly body?: Chunk | Iterable<Chunk> | AsyncIterable<Chunk> | undefined;
  /** How many bytes an iterable body has, where that is known: it becomes `content-length`. */
  readonly length?: number;
  /** The trailer section, or what makes it once the body is at its end. */
  readonly trailers?: Headers | (() => Headers);
}

/** A text or bytes alone are a 200 with that content; undefined: not mine, the next one is to answer. */
export type AppResult = AppResponse | Chunk | undefined;

export type AppFunction = (request: AppRequest) => AppResult | Promise<AppResult>;

/** Throw it, or any error with a `status` from 400 to 499, to answer with that status; it is not told as a failure. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}
