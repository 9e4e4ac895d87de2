// Where the bytes of a capture come from: a file or a pipe, standard input, or a gzip stream around either. Each gives bytes in
// pieces, holds no more than a piece, and raises CaptureError where reading ends early. What the bytes mean is for the readers.

import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { CaptureError, captureLimits } from './capture-types.js';

export interface ByteSource {
  /** The next bytes, at most `length` of them, to `into` at `at`; how many there were, 0 at the end. `offset`: for the error. */
  read(into: Uint8Array, at: number, length: number, offset: number): Promise<number>;
  close(): Promise<void>;
}

/** What names standard input. */
export const STANDARD_INPUT = '-';

export async function openSource(file: string): Promise<ByteSource> {
  try {
    return new HandleSource(file, await open(file === STANDARD_INPUT ? '/dev/stdin' : file, 'r'));
  } catch (error) {
    throw unreadable(file, 0, error);
  }
}

class HandleSource implements ByteSource {
  readonly #file: string;
  readonly #handle: FileHandle;

  constructor(file: string, handle: FileHandle) {
    this.#file = file;
    this.#handle = handle;
  }

  async read(into: Uint8Array, at: number, length: number, offset: number): Promise<number> {
    try {
      return (await this.#handle.read(into, at, length, null)).bytesRead;
    } catch (error) {
      throw unreadable(this.#file, offset, error);
    }
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

/** The content of a gzip stream (RFC 1952), which begins with `head` and goes on in `rest`. Offsets are those of the content. */
export function gunzipSource(file: string, head: Uint8Array, rest: ByteSource): ByteSource {
  return new GunzipSource(file, head, rest);
}

class GunzipSource implements ByteSource {
  readonly #file: string;
  readonly #rest: ByteSource;
  readonly #pieces: AsyncIterator<Uint8Array>;
  readonly #gunzip = createGunzip({ chunkSize: captureLimits.chunkBytes });
  #piece: Uint8Array = new Uint8Array(0);

  constructor(file: string, head: Uint8Array, rest: ByteSource) {
    this.#file = file;
    this.#rest = rest;
    const packed = Readable.from(packedPieces(head, rest), { objectMode: false });
    // `pipe` passes no errors on.
    packed.on('error', (error) => this.#gunzip.destroy(error));
    packed.pipe(this.#gunzip);
    this.#pieces = this.#gunzip[Symbol.asyncIterator]();
  }

  async read(into: Uint8Array, at: number, length: number, offset: number): Promise<number> {
    while (this.#piece.length === 0) {
      try {
        const next = await this.#pieces.next();
        if (next.done) return 0;
        this.#piece = next.value;
      } catch (error) {
        throw this.#damaged(offset, error);
      }
    }
    const count = Math.min(length, this.#piece.length);
    into.set(this.#piece.subarray(0, count), at);
    this.#piece = this.#piece.subarray(count);
    return count;
  }

  async close(): Promise<void> {
    this.#gunzip.destroy();
    await this.#rest.close();
  }

  #damaged(offset: number, error: unknown): CaptureError {
    if (error instanceof CaptureError) return error;
    const { code, message } = error as NodeJS.ErrnoException;
    const advice = 'Fetch the file again, or see what `gzip -dc FILE` can save';
    if (code === 'Z_BUF_ERROR') {
      return new CaptureError(
        'truncated',
        this.#file,
        offset,
        'the gzip stream ends early (offsets are unpacked)',
        advice,
      );
    }
    return new CaptureError('corrupt', this.#file, offset, `the gzip stream is damaged here: ${message}`, advice);
  }
}

async function* packedPieces(head: Uint8Array, rest: ByteSource): AsyncGenerator<Uint8Array> {
  yield head;
  for (let offset = head.length; ; ) {
    const piece = new Uint8Array(captureLimits.chunkBytes);
    const count = await rest.read(piece, 0, piece.length, offset);
    if (count === 0) return;
    offset += count;
    yield piece.subarray(0, count);
  }
}

function unreadable(file: string, offset: number, error: unknown): CaptureError {
  const code = (error as NodeJS.ErrnoException).code ?? String(error);
  const known = REASONS.get(code);
  return new CaptureError(
    'unreadable',
    file,
    offset,
    known?.[0] ?? `the file cannot be read (${code})`,
    known?.[1] ?? 'Copy the file to another disk and try again',
  );
}

const REASONS = new Map<string, readonly [what: string, advice: string]>([
  ['ENOENT', ['there is no such file', 'Check the path']],
  ['ENOTDIR', ['a part of the path is no directory', 'Check the path']],
  ['EACCES', ['no permission to read the file', 'Ask its owner, or copy it to where you may read it']],
  ['EPERM', ['no permission to read the file', 'Ask its owner, or copy it to where you may read it']],
  ['EISDIR', ['this is a directory', 'Name a capture file in it']],
]);
