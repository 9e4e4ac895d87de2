// A first-in first-out queue of bytes in one ring of growing size: appended at the end, read and dropped at the front,
// and readable at any distance from the front (retransmission reads twice). The owner keeps it bounded.

const SMALLEST = 1024;

export class ByteQueue {
  #ring = new Uint8Array(0);
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Appends a copy. */
  push(bytes: Uint8Array): void {
    const needed = this.#length + bytes.length;
    if (needed > this.#ring.length) this.#resize(needed);
    const size = this.#ring.length;
    let tail = this.#head + this.#length;
    if (tail >= size) tail -= size;
    const first = Math.min(bytes.length, size - tail);
    if (first === bytes.length) this.#ring.set(bytes, tail);
    else {
      this.#ring.set(bytes.subarray(0, first), tail);
      this.#ring.set(bytes.subarray(first), 0);
    }
    this.#length = needed;
  }

  /** The byte at `distance` from the front; the caller has checked the length. */
  at(distance: number): number {
    let index = this.#head + distance;
    if (index >= this.#ring.length) index -= this.#ring.length;
    return this.#ring[index]!;
  }

  /** Copies `count` bytes that begin `distance` behind the front to `target`; nothing is dropped. */
  copyTo(target: Uint8Array, targetOffset: number, distance: number, count: number): void {
    const size = this.#ring.length;
    let start = this.#head + distance;
    if (start >= size) start -= size;
    const first = Math.min(count, size - start);
    target.set(this.#ring.subarray(start, start + first), targetOffset);
    if (first < count) target.set(this.#ring.subarray(0, count - first), targetOffset + first);
  }

  /** The longest run of bytes at the front that lies in one piece, at most `maxBytes`; a view until the next push. */
  front(maxBytes: number): Uint8Array {
    const count = Math.min(maxBytes, this.#length, this.#ring.length - this.#head);
    return this.#ring.subarray(this.#head, this.#head + count);
  }

  /** Removes and copies out up to `maxBytes`. */
  shift(maxBytes: number): Uint8Array {
    const count = Math.min(maxBytes, this.#length);
    const out = new Uint8Array(count);
    if (count > 0) {
      this.copyTo(out, 0, 0, count);
      this.drop(count);
    }
    return out;
  }

  /** Removes `count` bytes from the front. An emptied large ring is given back. */
  drop(count: number): void {
    this.#length -= count;
    if (this.#length === 0) {
      this.#head = 0;
      if (this.#ring.length > 1 << 18) this.#ring = new Uint8Array(0);
      return;
    }
    this.#head += count;
    if (this.#head >= this.#ring.length) this.#head -= this.#ring.length;
  }

  clear(): void {
    this.drop(this.#length);
  }

  #resize(needed: number): void {
    let size = Math.max(SMALLEST, this.#ring.length * 2);
    while (size < needed) size *= 2;
    const larger = new Uint8Array(size);
    if (this.#length > 0) this.copyTo(larger, 0, 0, this.#length);
    this.#ring = larger;
    this.#head = 0;
  }
}
