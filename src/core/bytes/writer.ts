// A growing big-endian buffer. Length prefixes are reserved first and patched when their part is written.

export class Writer {
  #bytes: Uint8Array;
  #length = 0;

  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    const at = this.#grow(1);
    this.#bytes[at] = value;
    return this;
  }

  u16(value: number): this {
    const at = this.#grow(2);
    this.#bytes[at] = value >>> 8;
    this.#bytes[at + 1] = value;
    return this;
  }

  u24(value: number): this {
    const at = this.#grow(3);
    this.#bytes[at] = value >>> 16;
    this.#bytes[at + 1] = value >>> 8;
    this.#bytes[at + 2] = value;
    return this;
  }

  u32(value: number): this {
    const at = this.#grow(4);
    this.#bytes[at] = value >>> 24;
    this.#bytes[at + 1] = value >>> 16;
    this.#bytes[at + 2] = value >>> 8;
    this.#bytes[at + 3] = value;
    return this;
  }

  put(bytes: Uint8Array): this {
    const at = this.#grow(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  /** ASCII or Latin-1 text, one byte a character. */
  text(value: string): this {
    const at = this.#grow(value.length);
    for (let i = 0; i < value.length; i++) this.#bytes[at + i] = value.charCodeAt(i);
    return this;
  }

  /** A part behind a length of `prefixBytes` bytes (1, 2 or 3) that counts what `part` writes. */
  prefixed(prefixBytes: 1 | 2 | 3, part: (writer: this) => void): this {
    const at = this.#grow(prefixBytes);
    part(this);
    const length = this.#length - at - prefixBytes;
    for (let i = 0; i < prefixBytes; i++) this.#bytes[at + i] = length >>> (8 * (prefixBytes - 1 - i));
    return this;
  }

  /** What was written, as a view: valid until the next write or reset. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** What was written, as a copy of its own. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  reset(): this {
    this.#length = 0;
    return this;
  }

  #grow(count: number): number {
    const at = this.#length;
    const needed = at + count;
    if (needed > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, at));
      this.#bytes = larger;
    }
    this.#length = needed;
    return at;
  }
}
