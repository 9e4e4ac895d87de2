// A forward view of a source of bytes in bounded chunks, for readers of captures. Chunks are never reused, so what was taken
// stays valid; a chunk is freed when nothing taken from it is held any more.

import { type ByteSource, gunzipSource, openSource } from './byte-source.js';
import { captureLimits } from './capture-types.js';

export class FileWindow {
  readonly file: string;
  readonly #source: ByteSource;
  #bytes = new Uint8Array(0);
  #view = new DataView(this.#bytes.buffer);
  /** What is read and not yet taken: #bytes from #at to #end. */
  #at = 0;
  #end = 0;
  #offset = 0;
  #ended = false;

  private constructor(file: string, source: ByteSource) {
    this.file = file;
    this.#source = source;
  }

  /** `-` is standard input. Raises CaptureError. */
  static async open(file: string): Promise<FileWindow> {
    return new FileWindow(file, await openSource(file));
  }

  /** What is packed in the gzip stream that begins here. This window is not to be used any more; closing the new one is enough. */
  gunzip(): FileWindow {
    return new FileWindow(this.file, gunzipSource(this.file, this.take(this.available), this.#source));
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
    await this.#source.close();
  }

  async #readMore(count: number): Promise<void> {
    if (this.#bytes.length - this.#at < count || this.#end === this.#bytes.length) this.#newChunk(count);
    const room = this.#bytes.length - this.#end;
    const bytesRead = await this.#source.read(this.#bytes, this.#end, room, this.#offset + this.available);
    this.#end += bytesRead;
    if (bytesRead === 0) this.#ended = true;
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
