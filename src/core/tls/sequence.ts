// The sequence number of one direction under one key: RFC 5246 §6.1, RFC 8446 §5.3. 64 bits as two u32, so that no record
// costs a BigInt. It ends at 2^64-1 and never wraps.

export const SEQUENCE_BYTES = 8;

export class SequenceNumber {
  #high: number;
  #low: number;
  #exhausted = false;

  /** Numbers begin at 0; the parameters let tests begin near the end. */
  constructor(high = 0, low = 0) {
    this.#high = high;
    this.#low = low;
  }

  /** 2^64-1 was used: no record can be sealed or opened any more. */
  get exhausted(): boolean {
    return this.#exhausted;
  }

  /** Only 2^64-1 is left. */
  get atLast(): boolean {
    return this.#low === 0xffff_ffff && this.#high === 0xffff_ffff;
  }

  /** Whether as many records as `count` have been numbered; `count` is below 2^32. */
  reached(count: number): boolean {
    return this.#high > 0 || this.#low >= count;
  }

  /** Writes the 8 bytes at `at`. */
  write(target: Uint8Array, at: number): void {
    writeSequence(target, at, this.#high, this.#low);
  }

  writeNonce(iv: Uint8Array, nonce: Uint8Array): void {
    writeXorNonce(nonce, iv, this.#high, this.#low);
  }

  advance(): void {
    this.#low = (this.#low + 1) >>> 0;
    if (this.#low !== 0) return;
    this.#high = (this.#high + 1) >>> 0;
    if (this.#high === 0) this.#exhausted = true;
  }
}

/** A number as two u32 in network byte order. */
export function writeSequence(target: Uint8Array, at: number, high: number, low: number): void {
  target[at] = high >>> 24;
  target[at + 1] = high >>> 16;
  target[at + 2] = high >>> 8;
  target[at + 3] = high;
  target[at + 4] = low >>> 24;
  target[at + 5] = low >>> 16;
  target[at + 6] = low >>> 8;
  target[at + 7] = low;
}

/** RFC 7905 §2, RFC 8446 §5.3: the nonce of 12 bytes is the number, padded with zeros on the left, xor `iv`. */
export function writeXorNonce(nonce: Uint8Array, iv: Uint8Array, high: number, low: number): void {
  writeSequence(nonce, 4, high, low);
  for (let i = 0; i < 4; i++) nonce[i] = iv[i]!;
  for (let i = 4; i < 12; i++) nonce[i]! ^= iv[i]!;
}
