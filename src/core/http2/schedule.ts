// Whose turn it is: streams that may have something to send. RFC 9113 §5.3 leaves the order to us, RFC 9218 §10 says what
// clients mean: the most urgent first; among equals those that want to be whole one by one in the order of their
// identifiers, the others in turns. It is the same for the same input: turns go by identifier from a stored cursor.

import { limits } from '../limits.js';
import { isIncremental, urgencyOf } from './priority.js';
import type { Stream } from './stream.js';

export class ReadyList {
  /** By urgency; most are never used. */
  readonly #levels: (Level | undefined)[] = [];
  /** Bit 31 - u is set when there is a stream of urgency u. */
  #occupied = 0;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(stream: Stream): void {
    if (stream.ready || this.#count >= limits.http2.concurrentStreams) return;
    stream.ready = true;
    this.#count++;
    const urgency = urgencyOf(stream.priority);
    this.#occupied |= 0x80_00_00_00 >>> urgency;
    let level = this.#levels[urgency];
    if (level === undefined) level = this.#levels[urgency] = new Level();
    level.add(stream);
  }

  remove(stream: Stream): void {
    if (!stream.ready) return;
    stream.ready = false;
    this.#count--;
    const urgency = urgencyOf(stream.priority);
    const level = this.#levels[urgency]!;
    level.remove(stream);
    if (level.isEmpty) this.#occupied &= ~(0x80_00_00_00 >>> urgency);
  }

  /** A new priority, whether the stream is in the list or not. */
  move(stream: Stream, priority: number): void {
    if (stream.priority === priority) return;
    const wasReady = stream.ready;
    this.remove(stream);
    stream.priority = priority;
    if (wasReady) this.add(stream);
  }

  /** The stream whose turn it is; it stays in the list. Undefined when the list is empty. */
  next(): Stream | undefined {
    return this.#occupied === 0 ? undefined : this.#levels[Math.clz32(this.#occupied)]!.next();
  }
}

/** The streams of one urgency. */
class Level {
  /** Those that share. */
  readonly #sharing = new Queue();
  /** Those that want to be whole: only the first of them takes part, as one of those that share (RFC 9218 §10: no starving). */
  readonly #whole = new Queue();
  /** Index in `#sharing` of the stream whose turn is next; its length stands for the first of `#whole`. */
  #next = 0;

  get isEmpty(): boolean {
    return this.#sharing.streams.length + this.#whole.streams.length === 0;
  }

  add(stream: Stream): void {
    if (!isIncremental(stream.priority)) {
      this.#whole.insert(stream);
      return;
    }
    const last = this.#sharing.streams.length;
    const index = this.#sharing.insert(stream);
    // At the end it comes before the turn of `#whole`, if that is next.
    if (index < this.#next && index < last) this.#next++;
  }

  remove(stream: Stream): void {
    if (!isIncremental(stream.priority)) this.#whole.remove(stream);
    else if (this.#sharing.remove(stream) < this.#next) this.#next--;
  }

  next(): Stream | undefined {
    const sharing = this.#sharing.streams;
    if (this.#next < sharing.length) return sharing[this.#next++];
    this.#next = 0;
    const [first] = this.#whole.streams;
    return first ?? sharing[this.#next++];
  }
}

/** By ascending identifier. */
class Queue {
  readonly streams: Stream[] = [];

  /** Gives the index. */
  insert(stream: Stream): number {
    const streams = this.streams;
    const last = streams.length;
    if (last === 0 || streams[last - 1]!.id < stream.id) {
      streams.push(stream);
      return last;
    }
    const index = this.#indexOf(stream.id);
    streams.splice(index, 0, stream);
    return index;
  }

  remove(stream: Stream): number {
    const index = this.#indexOf(stream.id);
    if (index === this.streams.length - 1) this.streams.pop();
    else this.streams.splice(index, 1);
    return index;
  }

  /** The index of the first stream whose identifier is not below `id`. */
  #indexOf(id: number): number {
    let low = 0;
    let high = this.streams.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.streams[middle]!.id < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
