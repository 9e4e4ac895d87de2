// The bytes of one direction that were not understood yet. What comes in one piece is read where it is; only what is left
// over at the end of a call is copied, so that whoever gave the bytes keeps them.

const SMALLEST = 4096;
const NOTHING = new Uint8Array(0);

export class Input {
  bytes: Uint8Array = NOTHING;
  start = 0;
  end = 0;
  /** Of our own, as long as it is large enough. */
  #own: Uint8Array = NOTHING;
  #borrowed = false;

  get length(): number {
    return this.end - this.start;
  }

  /** Memory. */
  get heldBytes(): number {
    return this.#own.length;
  }

  push(chunk: Uint8Array): void {
    if (this.start === this.end) {
      this.bytes = chunk;
      this.start = 0;
      this.end = chunk.length;
      this.#borrowed = true;
      return;
    }
    this.#keep(chunk.length);
    this.bytes.set(chunk, this.end);
    this.end += chunk.length;
  }

  drop(count: number): void {
    this.start += count;
  }

  clear(): void {
    this.start = this.end = 0;
    this.bytes = this.#own;
    this.#borrowed = false;
  }

  /** At the end of the call that gave `push` its bytes. */
  settle(): void {
    if (this.start === this.end) {
      this.clear();
      // One large record or frame must not cost a connection its memory for ever: others take it up.
      giveBack(this.#own);
      this.bytes = this.#own = NOTHING;
    } else if (this.#borrowed) this.#keep(0);
  }

  /** Moves what is there to our own memory, with room for `more` behind it. */
  #keep(more: number): void {
    const { length } = this;
    const needed = length + more;
    if (!this.#borrowed && this.end + more <= this.bytes.length) return;
    let size = Math.max(SMALLEST, this.#own.length);
    while (size < needed) size *= 2;
    const target = size === this.#own.length ? this.#own : take(size);
    // `set` moves overlapping memory as if by way of a copy.
    target.set(this.bytes.subarray(this.start, this.end), 0);
    if (target !== this.#own) giveBack(this.#own);
    this.#own = target;
    this.bytes = target;
    this.start = 0;
    this.end = length;
    this.#borrowed = false;
  }
}

/** Memory that nobody uses at the moment, by its size: connections take turns. What is in it is written before it is read. */
const idle = new Map<number, Uint8Array[]>();
const IDLE_MOST = 16;
const IDLE_LARGEST = 65_536;

function take(size: number): Uint8Array {
  return idle.get(size)?.pop() ?? new Uint8Array(size);
}

function giveBack(bytes: Uint8Array): void {
  const { length } = bytes;
  if (length === 0 || length > IDLE_LARGEST) return;
  const list = idle.get(length) ?? [];
  if (list.length === 0) idle.set(length, list);
  if (list.length < IDLE_MOST) list.push(bytes);
}
