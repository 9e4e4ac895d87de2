// The only way in which bytes from outside become values. Every field is named as it is read: the name is the text of
// the error and the label in the field view that comparisons use.

/** Where a byte string was malformed. The only error that a decoder throws. */
export class ParseError extends Error {
  override readonly name = 'ParseError';
  /** The protocol, as in trace events. */
  readonly layer: string;
  /** Which field, and what is wrong with it. */
  readonly what: string;
  /** Bytes from the beginning of the buffer that was given to the decoder. */
  readonly offset: number;

  constructor(layer: string, what: string, offset: number) {
    super(`${layer}: ${what} at offset ${offset}`);
    this.layer = layer;
    this.what = what;
    this.offset = offset;
  }
}

/** Receives each field as it is read: `path` is dotted (`ServerHello.extensions.alpn`). For comparison and inspection. */
export type FieldSink = (path: string, offset: number, length: number, value: number | Uint8Array) => void;

/** A cursor over a part of a buffer. Reads beyond its end raise ParseError; big-endian throughout. */
export class Reader {
  readonly bytes: Uint8Array;
  readonly layer: string;
  #at: number;
  readonly #end: number;
  readonly #sink: FieldSink | undefined;
  readonly #path: string;

  constructor(
    layer: string,
    bytes: Uint8Array,
    start = 0,
    end = bytes.length,
    sink: FieldSink | undefined = undefined,
    path = '',
  ) {
    this.layer = layer;
    this.bytes = bytes;
    this.#at = start;
    this.#end = end;
    this.#sink = sink;
    this.#path = path;
  }

  /** From the beginning of the buffer. */
  get offset(): number {
    return this.#at;
  }

  get remaining(): number {
    return this.#end - this.#at;
  }

  u8(field: string): number {
    const at = this.#take(1, field);
    const value = this.bytes[at]!;
    if (this.#sink) this.#report(field, at, 1, value);
    return value;
  }

  u16(field: string): number {
    const at = this.#take(2, field);
    const value = (this.bytes[at]! << 8) | this.bytes[at + 1]!;
    if (this.#sink) this.#report(field, at, 2, value);
    return value;
  }

  u24(field: string): number {
    const at = this.#take(3, field);
    const value = (this.bytes[at]! << 16) | (this.bytes[at + 1]! << 8) | this.bytes[at + 2]!;
    if (this.#sink) this.#report(field, at, 3, value);
    return value;
  }

  u32(field: string): number {
    const at = this.#take(4, field);
    const b = this.bytes;
    const value = ((b[at]! << 24) | (b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!) >>> 0;
    if (this.#sink) this.#report(field, at, 4, value);
    return value;
  }

  /** A view, not a copy. */
  take(length: number, field: string): Uint8Array {
    const at = this.#take(length, field);
    const value = this.bytes.subarray(at, at + length);
    if (this.#sink) this.#report(field, at, length, value);
    return value;
  }

  /** All that is left, as a view. */
  rest(field: string): Uint8Array {
    return this.take(this.remaining, field);
  }

  skip(length: number, field: string): void {
    this.#take(length, field);
  }

  /**
   * A reader of the next `length` bytes. The part must be read to its end: call `expectEnd` on it. `prefix` stands before
   * the names of its fields; the empty one makes them fields of this reader's own path.
   */
  sub(length: number, field: string, prefix = `${field}.`): Reader {
    const at = this.#take(length, field);
    return new Reader(this.layer, this.bytes, at, at + length, this.#sink, this.#path + prefix);
  }

  expectEnd(field: string): void {
    if (this.#at !== this.#end) this.fail(`${field}: ${this.remaining} bytes too many`);
  }

  /** Raises ParseError at the cursor, or at `offset`. */
  fail(what: string, offset = this.#at): never {
    throw new ParseError(this.layer, this.#path + what, offset);
  }

  #take(length: number, field: string): number {
    const at = this.#at;
    if (length > this.#end - at) this.fail(`${field}: ${length} bytes wanted, ${this.#end - at} left`);
    this.#at = at + length;
    return at;
  }

  #report(field: string, offset: number, length: number, value: number | Uint8Array): void {
    this.#sink?.(this.#path + field, offset, length, value);
  }
}
