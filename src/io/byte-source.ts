// Where the bytes of a capture come from: a file or a pipe, standard input, or a gzip stream around either. Each gives bytes in
// pieces, holds no more than a piece, and raises CaptureError where reading ends early. What the bytes mean is for the readers.

import { fstatSync, readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { CaptureError, captureLimits, STANDARD_INPUT } from './capture-types.js';

export interface ByteSource {
  /** The next bytes, at most `length` of them, to `into` at `at`; how many there were, 0 at the end. `offset`: for the error. */
  read(into: Uint8Array, at: number, length: number, offset: number): Promise<number>;
  close(): Promise<void>;
}

export async function openSource(file: string): Promise<ByteSource> {
  try {
    if (file === STANDARD_INPUT) return standardInput();
    const handle = await open(file, 'r');
    const isFile = (await handle.stat()).isFile();
    return isFile ? new FileSource(file, handle.fd, () => handle.close()) : new HandleSource(file, handle);
  } catch (error) {
    throw error instanceof CaptureError ? error : unreadable(file, 0, error);
  }
}

const STANDARD_INPUT_FD = 0;

/** Not by way of /dev/stdin: where it is a socket, as for a child of Node's, that cannot be opened. */
function standardInput(): ByteSource {
  if (fstatSync(STANDARD_INPUT_FD).isFile()) return new FileSource(STANDARD_INPUT, STANDARD_INPUT_FD, async () => {});
  if (process.stdin.isTTY) {
    const advice = 'Pipe a capture into it: `tcpdump -w - | wirebench inspect -`';
    throw new CaptureError('unreadable', STANDARD_INPUT, 0, 'it is a terminal', advice);
  }
  const close = async (): Promise<void> => void process.stdin.destroy();
  return new StreamSource(process.stdin, (offset, error) => unreadable(STANDARD_INPUT, offset, error), close);
}

/** A regular file: what is read is there, and waiting for a thread to fetch it takes longer than fetching it. */
class FileSource implements ByteSource {
  readonly #file: string;
  readonly #fd: number;
  readonly close: () => Promise<void>;

  constructor(file: string, fd: number, close: () => Promise<void>) {
    this.#file = file;
    this.#fd = fd;
    this.close = close;
  }

  async read(into: Uint8Array, at: number, length: number, offset: number): Promise<number> {
    try {
      return readSync(this.#fd, into, at, length, null);
    } catch (error) {
      throw unreadable(this.#file, offset, error);
    }
  }
}

/** A pipe or a device: bytes come when they come. */
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
  const gunzip = createGunzip({ chunkSize: captureLimits.chunkBytes });
  const packed = Readable.from(packedPieces(head, rest), { objectMode: false });
  // `pipe` passes no errors on.
  packed.on('error', (error) => gunzip.destroy(error));
  packed.pipe(gunzip);
  const close = async (): Promise<void> => {
    gunzip.destroy();
    await rest.close();
  };
  return new StreamSource(gunzip, (offset, error) => damaged(file, offset, error), close);
}

/** Takes from a stream as much as is asked for; the stream waits in between. */
class StreamSource implements ByteSource {
  readonly #pieces: AsyncIterator<Uint8Array>;
  readonly #failure: (offset: number, error: unknown) => CaptureError;
  readonly close: () => Promise<void>;
  #piece: Uint8Array = new Uint8Array(0);

  constructor(
    stream: NodeJS.ReadableStream,
    failure: (offset: number, error: unknown) => CaptureError,
    close: () => Promise<void>,
  ) {
    this.#pieces = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
    this.#failure = failure;
    this.close = close;
  }

  async read(into: Uint8Array, at: number, length: number, offset: number): Promise<number> {
    while (this.#piece.length === 0) {
      try {
        const next = await this.#pieces.next();
        if (next.done) return 0;
        this.#piece = next.value;
      } catch (error) {
        throw this.#failure(offset, error);
      }
    }
    const count = Math.min(length, this.#piece.length);
    into.set(this.#piece.subarray(0, count), at);
    this.#piece = this.#piece.subarray(count);
    return count;
  }
}

function damaged(file: string, offset: number, error: unknown): CaptureError {
  if (error instanceof CaptureError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  const advice = 'Fetch the file again, or see what `gzip -dc FILE` can save';
  if (code === 'Z_BUF_ERROR') {
    return new CaptureError('truncated', file, offset, 'the gzip stream ends early (offsets are unpacked)', advice);
  }
  return new CaptureError('corrupt', file, offset, `the gzip stream is damaged here: ${message}`, advice);
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
