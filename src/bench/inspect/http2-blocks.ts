// The field blocks of one direction of an HTTP/2 connection: put together from HEADERS, PUSH_PROMISE and CONTINUATION (RFC 9113
// §4.3, §6.10), and decoded by HPACK (RFC 7541) as long as nothing of the sender's dynamic table was missed.

import { ParseError } from '../../core/bytes/reader.js';
import { type Verdict, verdicts } from '../../core/http2/errors.js';
import { DEFAULT_HEADER_TABLE_SIZE } from '../../core/http2/frame.js';
import { createHeaderList, type HeaderList, HpackDecoder } from '../../core/http2/hpack/decode.js';
import { LateHpackDecoder } from './hpack-late.js';
import { tableTooLarge } from './http2-rules.js';
import { streamLimits } from './stream-limits.js';

/** A field block that is not whole yet, or just became it. */
export interface FieldBlock {
  readonly streamId: number;
  readonly endStream: boolean;
  /** Of a PUSH_PROMISE; 0: HEADERS. */
  readonly promisedId: number;
  bytes: Uint8Array;
  /** The block is `bytes[start, end)`. */
  start: number;
  end: number;
}

export interface BlockWitness {
  blame(verdict: Verdict, streamId: number): void;
  /** Told once: from here on only what does not depend on what was missed is decoded. */
  lost(why: string): void;
  note(code: string, text: string): void;
}

export class FieldBlocks {
  readonly #witness: BlockWitness;
  readonly #decoder: HpackDecoder;
  readonly #list = createHeaderList();
  /** Once something was missed. */
  #late: LateHpackDecoder | undefined;
  #open: FieldBlock | undefined;

  constructor(partial: boolean, witness: BlockWitness) {
    this.#witness = witness;
    if (partial) this.#late = new LateHpackDecoder();
    this.#decoder = new HpackDecoder(streamLimits.hpackTableBytes);
    // RFC 7541 §4.2: larger only when the encoder says so.
    this.#decoder.table.setMaxSize(DEFAULT_HEADER_TABLE_SIZE);
  }

  /** Fields of the block that was decoded last are not known. */
  get partial(): boolean {
    return this.#late?.partial === true;
  }

  /** The stream whose CONTINUATION has to come next; 0: no block is open. */
  get openStreamId(): number {
    return this.#open?.streamId ?? 0;
  }

  lose(why: string): void {
    this.#open = undefined;
    if (this.#late !== undefined) {
      this.#late.reset();
      return;
    }
    this.#late = new LateHpackDecoder();
    this.#witness.lost(why);
  }

  /** The fragment of a HEADERS or PUSH_PROMISE; the block itself when that is all of it. */
  begin(block: FieldBlock, endHeaders: boolean): FieldBlock | undefined {
    if (endHeaders) return block;
    const { bytes, start, end } = block;
    const room = new Uint8Array(Math.max(1024, 2 * (end - start)));
    room.set(bytes.subarray(start, end), 0);
    block.bytes = room;
    block.start = 0;
    block.end = end - start;
    this.#open = block;
    return undefined;
  }

  proceed(fragment: Uint8Array, endHeaders: boolean): FieldBlock | undefined {
    const block = this.#open;
    if (block === undefined) {
      this.lose('the beginning of a field block is missing');
      return undefined;
    }
    const length = block.end + fragment.length;
    if (length > streamLimits.fieldBlockBytes) {
      this.lose('a field block is too long');
      return undefined;
    }
    if (length > block.bytes.length) {
      const larger = new Uint8Array(2 * length);
      larger.set(block.bytes.subarray(0, block.end));
      block.bytes = larger;
    }
    block.bytes.set(fragment, block.end);
    block.end = length;
    if (!endHeaders) return undefined;
    this.#open = undefined;
    return block;
  }

  /** `tableBytes`: what the receiver's SETTINGS_HEADER_TABLE_SIZE allows. The list is valid until the next block. */
  decode({ bytes, start, end, streamId }: FieldBlock, tableBytes: number): HeaderList | undefined {
    const late = this.#late;
    let list = this.#list;
    try {
      if (late === undefined) this.#decoder.decode(bytes, start, end, list);
      else list = late.decode(bytes, start, end);
    } catch (error) {
      if (!(error instanceof ParseError)) throw error;
      if (late === undefined) this.#witness.blame(verdicts.compression, streamId);
      this.lose(`HPACK: ${error.what}`);
      return undefined;
    }
    if (late !== undefined) return list;
    // RFC 7541 §4.2; the decoder itself lets the table be as large as we bear. What was there before any size update may
    // stand above a limit that was lowered just now.
    const { maxSize } = this.#decoder.table;
    if (maxSize > Math.max(tableBytes, DEFAULT_HEADER_TABLE_SIZE)) this.#witness.blame(tableTooLarge, streamId);
    if (list.oversize) this.#witness.note('fields-too-many', 'a field section is longer than is kept here');
    return list;
  }
}
