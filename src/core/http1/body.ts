// The content of a request as a pull source over the input buffer: by Content-Length or chunked (RFC 9112 §6.3, §7.1).
// What is not read stays in the buffer and closes the peer's window. Trailer fields are kept apart from the header
// fields, never merged into them (§7.1.2).

import { ParseError } from '../bytes/reader.js';
import type { BodySource, Field } from '../http/message.js';
import type { TextCache } from '../http/text.js';
import { limits } from '../limits.js';
import type { InputBuffer } from './input.js';
import { lineEnd, parseChunkLine, parseFieldLine } from './message.js';
import { type Refusal, refusalOf, refusals } from './refusals.js';

/** No piece of content crosses a multiple of this, so that what the trace says does not depend on how input was cut. */
export const PIECE_BYTES = 65_536;

const CR = 0x0d;
const LF = 0x0a;
const NOTHING = new Uint8Array(0);
const NO_FIELDS: readonly Field[] = [];

type Stage = 'size' | 'data' | 'data end' | 'trailer' | 'done';

export class RequestBody implements BodySource {
  readonly length: number | undefined;
  /** Content bytes that were read. */
  received = 0;
  /** Somebody wanted to read and nothing was there. */
  wanted = false;
  /** The same, and nothing has come since: the connection takes it back when it gets more. */
  starved = false;
  /** Of a chunked one only: no other framing has a trailer section. */
  readonly trailers?: () => readonly Field[];
  /** Why it cannot be read to its end. */
  refusal: Refusal | undefined;
  /** Where the refusal struck, in bytes since the connection began. */
  refusedAt = 0;
  readonly #input: InputBuffer;
  readonly #texts: TextCache;
  #stage: Stage;
  /** Of the chunk; of the whole when it is not chunked. */
  #left: number;
  #extensionBytes = 0;
  #trailerBytes = 0;
  readonly #trailerFields: Field[] = [];
  #cancelled = false;

  /** `contentLength` undefined: chunked. */
  constructor(input: InputBuffer, texts: TextCache, contentLength: number | undefined) {
    this.#input = input;
    this.#texts = texts;
    this.length = contentLength;
    this.#left = contentLength ?? 0;
    this.#stage = contentLength === undefined ? 'size' : 'data';
    if (contentLength === undefined) this.trailers = () => (this.ended ? this.#trailerFields : NO_FIELDS);
  }

  /** It was read to its end. */
  get ended(): boolean {
    return this.#stage === 'done';
  }

  read(maxBytes: number): Uint8Array | undefined {
    return this.#cancelled ? undefined : this.pull(maxBytes);
  }

  cancel(): void {
    this.#cancelled = true;
  }

  /** As `read`, also after `cancel`: the connection reads over what the handler left. */
  pull(maxBytes: number): Uint8Array | undefined {
    try {
      return this.#next(maxBytes);
    } catch (error) {
      if (!(error instanceof ParseError)) throw error;
      return this.#refuse(refusalOf(error.what), this.#input.streamOffset(error.offset));
    }
  }

  #next(maxBytes: number): Uint8Array | undefined {
    const input = this.#input;
    for (;;) {
      if (this.#stage === 'done' || this.refusal !== undefined) return undefined;
      const { start } = input;
      if (input.length === 0) return this.#starve();
      if (this.#stage === 'data') return this.#readData(maxBytes);

      if (this.#stage === 'data end') {
        // Anything but CRLF here means that the sender counted otherwise than we do.
        if (input.bytes[start] !== CR) return this.#refuse(refusals.chunkTooLong);
        if (input.length < 2) return this.#starve();
        if (input.bytes[start + 1] !== LF) return this.#refuse(refusals.chunkBareCr);
        input.consume(2);
        this.#stage = 'size';
        continue;
      }

      const trailer = this.#stage === 'trailer';
      const maxLine = trailer ? limits.http1.trailerSectionBytes - this.#trailerBytes : limits.http1.chunkLineBytes;
      const lf = input.findLine(maxLine);
      if (lf === -1) return this.#starve();
      if (lf === -2) {
        if (trailer) return this.#refuse(refusals.trailerTooLarge);
        return this.#refuse(refusals.extensionTooLong);
      }
      const refusal = trailer ? this.#readTrailerLine(start, lf) : this.#readSizeLine(start, lf);
      if (refusal !== undefined) return this.#refuse(refusal);
      input.consume(lf + 1 - start);
    }
  }

  #readData(maxBytes: number): Uint8Array {
    const input = this.#input;
    const piece = PIECE_BYTES - (this.received % PIECE_BYTES);
    const count = Math.min(maxBytes, this.#left, input.length, piece);
    const view = input.bytes.subarray(input.start, input.start + count);
    input.consume(count);
    this.received += count;
    this.#left -= count;
    if (this.#left === 0) this.#stage = this.length === undefined ? 'data end' : 'done';
    return view;
  }

  #readSizeLine(start: number, lf: number): Refusal | undefined {
    const end = lineEnd(this.#input.bytes, start, lf);
    const { size, digits } = parseChunkLine(this.#input.bytes, start, end);
    if (size < 0) return refusals.chunkTooLarge;
    this.#extensionBytes += end - start - digits;
    if (this.#extensionBytes > limits.http1.chunkExtensionBytes + this.received) {
      return refusals.extensionsTooMany;
    }
    this.#left = size;
    this.#stage = size === 0 ? 'trailer' : 'data';
    return undefined;
  }

  #readTrailerLine(start: number, lf: number): Refusal | undefined {
    const end = lineEnd(this.#input.bytes, start, lf);
    if (end === start) {
      this.#stage = 'done';
      return undefined;
    }
    if (this.#trailerFields.length === limits.http1.trailerLines) {
      return refusals.trailerTooMany;
    }
    this.#trailerBytes += lf + 1 - start;
    this.#trailerFields.push(parseFieldLine(this.#input.bytes, start, end, this.#texts));
    return undefined;
  }

  #starve(): Uint8Array | undefined {
    // RFC 9112 §8: a message that ends before its framing says so is incomplete.
    if (this.#input.ended) return this.#refuse(refusals.contentCutOff);
    this.wanted = true;
    this.starved = true;
    return NOTHING;
  }

  #refuse(refusal: Refusal, at = this.#input.streamOffset(this.#input.start)): undefined {
    this.refusal = refusal;
    this.refusedAt = at;
    return undefined;
  }
}
