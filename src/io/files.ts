// `serve --root DIR`: files of a directory as answers from outside the core (RFC 9110 §8, §13, §14). Ranges, conditions and
// types are answered here, content is read in pieces as the client takes it. No listings, no way out of the directory.

import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, open, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import mime from 'mime';
import type { Field } from '../core/http/message.js';
import { type Piece, planRepresentation, type Representation } from '../core/http/representation.js';
import { FileError } from './errors.js';
import { segmentsOf } from './file-path.js';
import type { AppFunction, AppRequest, AppResponse } from './outside-types.js';

export const fileLimits = {
  /** Files that are open at once; a request for one more is answered 503. */
  open: 256,
  /** Bytes of one read. */
  pieceBytes: 65_536,
} as const;

const INDEX = 'index.html';
const METHODS = 'GET, HEAD, OPTIONS';
/** Two seconds: a date that is as old identifies what the file held then (RFC 9110 §8.8.2.2). */
const STRONG_AFTER_NS = 2_000_000_000n;
const NS_PER_SECOND = 1_000_000_000n;

/** `now` is wall time in nanoseconds, for tests. Rejects with a FileError when `root` is no directory that can be read. */
export async function directoryFiles(
  root: string,
  now: () => bigint = () => BigInt(Date.now()) * 1_000_000n,
): Promise<AppFunction> {
  let base: string;
  try {
    base = await realpath(root);
    if (!(await stat(base)).isDirectory()) throw new FileError(root, 'is no directory', 'give a directory to --root');
  } catch (error) {
    if (error instanceof FileError) throw error;
    throw new FileError(root, `cannot be read (${codeOf(error)})`, 'give a directory to --root');
  }
  let opened = 0;

  /** Undefined: there is nothing of that name, or nothing that may be told of. */
  async function answer(request: AppRequest): Promise<AppResponse | undefined> {
    const segments = segmentsOf(request.path);
    if (segments === undefined) return undefined;
    if (segments.at(-1) === '') segments[segments.length - 1] = INDEX;
    const name = join(base, ...segments);
    const file = await openInside(base, name);
    if (file === undefined) return undefined;
    let keep = false;
    try {
      const stats = await file.stat({ bigint: true });
      if (stats.isDirectory()) return atDirectory(request);
      if (!stats.isFile()) return undefined;
      if (request.method === 'OPTIONS') return { status: 204, headers: [['allow', METHODS]] };
      if (request.method !== 'GET' && request.method !== 'HEAD') return notAllowed();
      const plan = planRepresentation(request.method, request.headers, representation(name, stats, now()));
      const headers: Field[] = [...plan.headers, ['x-content-type-options', 'nosniff']];
      const { status, length } = plan;
      if (plan.pieces.length === 0) return { status, headers };
      // RFC 9110 §9.3.2: the length that a GET would have had.
      if (request.method === 'HEAD') return { status, headers, length, body: [] };
      if (opened >= fileLimits.open) return words(503, 'too many files are open', [['retry-after', '1']]);
      keep = true;
      opened++;
      const content = new FileContent(file, plan.pieces, () => opened--);
      if (request.signal.aborted) await content.close();
      else request.signal.addEventListener('abort', () => void content.close(), { once: true });
      return { status, headers, length, body: content };
    } finally {
      if (!keep) await file.close();
    }
  }

  return async (request) => {
    try {
      return await answer(request);
    } catch (error) {
      const code = codeOf(error);
      // RFC 9110 §15.5.4: it is there, and that is all that is told.
      if (code === 'EACCES' || code === 'EPERM') return words(403, 'not for everybody');
      if (code === 'EMFILE' || code === 'ENFILE') return words(503, 'too many files are open', [['retry-after', '1']]);
      if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENAMETOOLONG' || code === 'ELOOP') return undefined;
      throw error;
    }
  };
}

/** The file itself, never one outside of `base`: links are followed inside only. Undefined: it is outside, or no file. */
async function openInside(base: string, name: string): Promise<FileHandle | undefined> {
  const real = await realpath(name);
  if (!isInside(base, real)) return undefined;
  // Never opened: a socket cannot be, and the writer of a pipe would take us for its reader, and fail when we close it.
  const kind = await stat(real);
  if (!kind.isFile() && !kind.isDirectory()) return undefined;
  // O_NONBLOCK: a pipe without a writer would never be opened. O_NOFOLLOW: a link that has just taken the file's place.
  const file = await open(real, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  try {
    // A directory above it may have become a link meanwhile: what counts is what was opened. Linux can tell.
    const where = process.platform === 'linux' ? await realpath(`/proc/self/fd/${file.fd}`) : real;
    if (isInside(base, where)) return file;
  } catch {
    // Without /proc it cannot be told, or the file has been removed.
  }
  await file.close();
  return undefined;
}

function isInside(base: string, real: string): boolean {
  const prefix = base.endsWith(sep) ? base : base + sep;
  if (real === base) return true;
  // A link to a hidden file is as hidden as that file.
  return (
    real.startsWith(prefix) &&
    !real
      .slice(prefix.length)
      .split(sep)
      .some((segment) => segment.startsWith('.'))
  );
}

/** A directory by the name of a file: its own name ends in a slash, or relative references in its page would go wrong. */
function atDirectory(request: AppRequest): AppResponse | undefined {
  const mark = request.path.indexOf('?');
  const path = mark < 0 ? request.path : request.path.slice(0, mark);
  // A directory named index.html: there is nothing to show.
  if (path.endsWith('/')) return undefined;
  const query = mark < 0 ? '' : request.path.slice(mark);
  return words(301, `${path}/`, [['location', `${path}/${query}`]]);
}

function notAllowed(): AppResponse {
  return words(405, `allowed here: ${METHODS}`, [['allow', METHODS]]);
}

function representation(name: string, stats: BigIntStats, nowNs: bigint): Representation {
  const age = nowNs - stats.mtimeNs;
  const type = mime.getType(name) ?? 'application/octet-stream';
  return {
    contentType: type.startsWith('text/') ? `${type}; charset=utf-8` : type,
    length: Number(stats.size),
    etag: `"${stats.size.toString(16)}-${BigInt.asUintN(64, stats.mtimeNs).toString(16)}"`,
    // RFC 9110 §8.8.2.1: a date must not be later than the response's own; before 1970 it has no form that we write.
    lastModifiedSeconds: age >= 0n && stats.mtimeNs >= 0n ? Number(stats.mtimeNs / NS_PER_SECOND) : undefined,
    nowSeconds: Number(nowNs / NS_PER_SECOND),
    dateIsStrong: age > STRONG_AFTER_NS,
  };
}

function words(status: number, text: string, headers: readonly Field[] = []): AppResponse {
  return {
    status,
    headers: [['content-type', 'text/plain; charset=utf-8'], ...headers],
    body: `${status}: ${text}\n`,
  };
}

/** Parts of an open file and bytes between them. Closes the file at the end, or when nobody reads on. */
class FileContent implements AsyncIterable<Uint8Array> {
  readonly #file: FileHandle;
  readonly #pieces: readonly Piece[];
  readonly #onClose: () => void;
  #closed = false;

  constructor(file: FileHandle, pieces: readonly Piece[], onClose: () => void) {
    this.#file = file;
    this.#pieces = pieces;
    this.#onClose = onClose;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#onClose();
    await this.#file.close();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (const piece of this.#pieces) {
        if (piece instanceof Uint8Array) yield piece;
        else yield* this.#part(piece.from, piece.length);
      }
    } finally {
      await this.close();
    }
  }

  async *#part(from: number, length: number): AsyncGenerator<Uint8Array, void, undefined> {
    for (let at = from; at < from + length; ) {
      if (this.#closed) return;
      const buffer = new Uint8Array(Math.min(fileLimits.pieceBytes, from + length - at));
      const { bytesRead } = await this.#file.read(buffer, 0, buffer.length, at);
      // The length was promised: the client is to see that something is missing.
      if (bytesRead === 0) throw new Error('the file has become shorter while it was sent');
      yield buffer.subarray(0, bytesRead);
      at += bytesRead;
    }
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
}
