// Bytes that wait for the rest of their unit, and where in the TCP stream the unit began: what the dissectors of
// application data share.

/** Takes plaintext in the order of the stream and emits units. */
export interface ApplicationDissector {
  /** `startsAt`: where the record (or segment) that brought the bytes begins in the TCP stream. */
  push(bytes: Uint8Array, startsAt: number): void;
  /** The stream is over. */
  finish(): void;
  /** Where the unit that is not complete yet began; undefined when there is none. */
  readonly openSince: number | undefined;
  /** Nothing more can be told of this stream. */
  readonly lost: boolean;
}

export class Pending {
  #buffer = new Uint8Array(1024);
  #start = 0;
  #end = 0;
  #openSince = 0;
  /** Of the last push: what is left behind a unit came with it. */
  #lastStart = 0;

  get bytes(): Uint8Array {
    return this.#buffer.subarray(this.#start, this.#end);
  }

  get length(): number {
    return this.#end - this.#start;
  }

  get openSince(): number | undefined {
    return this.length === 0 ? undefined : this.#openSince;
  }

  /** Appends a copy. Whole units are to be shifted before the next push. */
  push(bytes: Uint8Array, startsAt: number): void {
    if (this.length === 0) this.#openSince = startsAt;
    this.#lastStart = startsAt;
    if (this.#end + bytes.length > this.#buffer.length) this.#makeRoom(bytes.length);
    this.#buffer.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** Takes a copy of `count` bytes off the front. */
  shift(count: number): Uint8Array {
    const out = this.#buffer.slice(this.#start, this.#start + count);
    this.#start += out.length;
    this.#openSince = this.#lastStart;
    return out;
  }

  #makeRoom(count: number): void {
    const { bytes } = this;
    let size = this.#buffer.length;
    while (size < bytes.length + count) size *= 2;
    const target = size === this.#buffer.length ? this.#buffer : new Uint8Array(size);
    target.set(bytes, 0);
    this.#end = bytes.length;
    this.#start = 0;
    this.#buffer = target;
  }
}
