// What the peer sent and nobody has used yet: one linear buffer, so that a line or a piece of content is one view.
// Leaves out what the bytes mean. Bounded by the connection, which says how much it takes (`room`).

import { limits } from '../limits.js';
import { findLf } from './message.js';

const SMALLEST = 2_048;

export class InputBuffer {
  /** What is unused is `bytes[start, end)`. A view of it stays as it is until the next `append`. */
  bytes = new Uint8Array(0);
  start = 0;
  end = 0;
  /** The peer sends no more. */
  ended = false;
  /** Where `bytes[0]` stands in the stream. */
  #base = 0;
  /** Bytes of the line at `start` that are known to hold no LF: a line that comes in small pieces is looked at once. */
  #searched = 0;

  get length(): number {
    return this.end - this.start;
  }

  /** From an index of `bytes` to an offset in the stream. */
  streamOffset(index: number): number {
    return this.#base + index;
  }

  append(bytes: Uint8Array): void {
    if (this.end + bytes.length > this.bytes.length) this.#makeRoom(bytes.length);
    this.bytes.set(bytes, this.end);
    this.end += bytes.length;
  }

  consume(count: number): void {
    this.start += count;
    this.#searched = 0;
    if (this.start < this.end) return;
    this.#base += this.start;
    this.start = 0;
    this.end = 0;
    // An overshoot made it larger than it need be.
    if (this.bytes.length > limits.http1.inputBytes) this.bytes = new Uint8Array(0);
  }

  clear(): void {
    this.consume(this.length);
  }

  /** The index of the LF that ends the line at `start`, -1 when it is not here yet, -2 when the line is longer than `maxBytes`. */
  findLine(maxBytes: number): number {
    const end = Math.min(this.end, this.start + maxBytes);
    const lf = findLf(this.bytes, this.start + this.#searched, end);
    if (lf >= 0) return lf;
    this.#searched = end - this.start;
    return this.#searched === maxBytes ? -2 : -1;
  }

  #makeRoom(count: number): void {
    const length = this.length;
    let size = Math.max(SMALLEST, this.bytes.length);
    while (size < length + count) size *= 2;
    if (size === this.bytes.length) this.bytes.copyWithin(0, this.start, this.end);
    else {
      const larger = new Uint8Array(size);
      larger.set(this.bytes.subarray(this.start, this.end));
      this.bytes = larger;
    }
    this.#base += this.start;
    this.start = 0;
    this.end = length;
  }
}
