// A forward view of a file in bounded chunks, for readers of captures. Works on regular files and on pipes. Chunks are
// never reused, so what was taken stays valid; a chunk is freed when nothing taken from it is held any more.

import { type FileHandle, open } from 'node:fs/promises';
import { CaptureError, captureLimits } from './capture-types.js';

export class FileWindow {
  readonly file: string;
  readonly #handle: FileHandle;
  #bytes = new Uint8Array(0);
  #view = new DataView(this.#bytes.buffer);
  /** What is read and not yet taken: #bytes from #at to #end. */
  #at = 0;
  #end = 0;
  #offset = 0;
  #ended = false;

  private constructor(file: string, handle: FileHandle) {
    this.file = file;
    this.#handle = handle;
  }

  static async open(file: string): Promise<FileWindow> {
    try {
      return new FileWindow(file, await open(file, 'r'));
    } catch (error) {
      throw unreadable(file, 0, error);
    }
  }

  /** File offset of the first byte not yet taken. */
  get offset(): number {
    return this.#offset;
  }

  /** Bytes that `u16`, `u32` and `take` may reach now. */
  get available(): number {
    return this.#end - this.#at;
  }

  /** Reads until `count` bytes are available; false when the file ends before. */
  async want(count: number): Promise<boolean> {
    while (this.available < count && !this.#ended) await this.#readMore(count);
    return this.available >= count;
  }

  /** `ahead` bytes behind the first byte not yet taken. */
  u16(ahead: number, littleEndian: boolean): number {
    return this.#view.getUint16(this.#at + ahead, littleEndian);
  }

  u32(ahead: number, littleEndian: boolean): number {
    return this.#view.getUint32(this.#at + ahead, littleEndian);
  }

  /** The next `count` bytes, which the caller has asked for by `want`. */
  take(count: number): Uint8Array {
    const taken = this.#bytes.subarray(this.#at, this.#at + count);
    this.#at += count;
    this.#offset += count;
    return taken;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  async #readMore(count: number): Promise<void> {
    if (this.#bytes.length - this.#at < count || this.#end === this.#bytes.length) this.#newChunk(count);
    try {
      const { bytesRead } = await this.#handle.read(this.#bytes, this.#end, this.#bytes.length - this.#end, null);
      this.#end += bytesRead;
      if (bytesRead === 0) this.#ended = true;
    } catch (error) {
      throw unreadable(this.file, this.#offset + this.available, error);
    }
  }

  /** Doubles towards `count`, so that a length the file does not hold never takes more than twice the file. */
  #newChunk(count: number): void {
    const left = this.available;
    const size = Math.max(captureLimits.chunkBytes, Math.min(count, 2 * left));
    const chunk = new Uint8Array(size > left ? size : 2 * left);
    chunk.set(this.#bytes.subarray(this.#at, this.#end));
    this.#bytes = chunk;
    this.#view = new DataView(chunk.buffer);
    this.#at = 0;
    this.#end = left;
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
