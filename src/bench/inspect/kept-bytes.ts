// Bytes that are kept as they come, in one piece of memory: content may come in chunks of one octet, and an object for each
// would take a hundred times what it holds.

const SMALLEST = 256;
const NOTHING = new Uint8Array(0);

export class KeptBytes {
  #bytes: Uint8Array = NOTHING;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Memory. */
  get capacity(): number {
    return this.#bytes.length;
  }

  /** Keeps a copy. */
  add(bytes: Uint8Array): void {
    const length = this.#length + bytes.length;
    if (length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(SMALLEST, length, 2 * this.#bytes.length));
      larger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = larger;
    }
    this.#bytes.set(bytes, this.#length);
    this.#length = length;
  }

  /** All of them, and from here on none. */
  take(): Uint8Array {
    const bytes = this.copy();
    this.#bytes = NOTHING;
    this.#length = 0;
    return bytes;
  }

  /** All of them, in memory of their own. */
  copy(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }
}
