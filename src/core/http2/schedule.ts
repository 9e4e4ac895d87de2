// Whose turn it is: streams that may have something to send, in the order of their identifiers, round robin from where
// the last turn ended. RFC 9113 §5.3 leaves the order to us; it has to be the same for the same input.

import { limits } from '../limits.js';
import type { Stream } from './stream.js';

export class ReadyList {
  /** By ascending identifier; at most `limits.http2.concurrentStreams`. */
  readonly #streams: Stream[] = [];
  /** Index of the stream whose turn is next: the first behind the one that was served last. */
  #next = 0;

  get count(): number {
    return this.#streams.length;
  }

  add(stream: Stream): void {
    if (stream.ready || this.#streams.length >= limits.http2.concurrentStreams) return;
    stream.ready = true;
    const streams = this.#streams;
    if (streams.length === 0 || streams[streams.length - 1]!.id < stream.id) {
      streams.push(stream);
      return;
    }
    const index = this.#indexOf(stream.id);
    streams.splice(index, 0, stream);
    if (index < this.#next) this.#next++;
  }

  remove(stream: Stream): void {
    if (!stream.ready) return;
    stream.ready = false;
    const index = this.#indexOf(stream.id);
    this.#streams.splice(index, 1);
    if (index < this.#next) this.#next--;
  }

  /** The stream whose turn it is; it stays in the list. Undefined when the list is empty. */
  next(): Stream | undefined {
    if (this.#streams.length === 0) return undefined;
    if (this.#next >= this.#streams.length) this.#next = 0;
    return this.#streams[this.#next++];
  }

  /** The index of the first stream whose identifier is not below `id`. */
  #indexOf(id: number): number {
    let low = 0;
    let high = this.#streams.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#streams[middle]!.id < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
