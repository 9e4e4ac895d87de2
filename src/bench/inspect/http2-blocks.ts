// The field blocks of one direction of an HTTP/2 connection: put together from HEADERS, PUSH_PROMISE and CONTINUATION (RFC 9113
// §4.3, §6.10), and decoded by HPACK (RFC 7541) as long as nothing of the sender's dynamic table was missed.

import { ParseError } from '../../core/bytes/reader.js';
import { type Verdict, verdicts } from '../../core/http2/errors.js';
import { DEFAULT_HEADER_TABLE_SIZE } from '../../core/http2/frame.js';
import { createHeaderList, type HeaderList, HpackDecoder } from '../../core/http2/hpack/decode.js';
import type { Account, Accounts } from './budget.js';
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
  /** Told once: from here on nothing is decoded. */
  gaveUp(): void;
  note(code: string, text: string): void;
}

const NOTHING = new Uint8Array(0);

export class FieldBlocks {
  readonly #witness: BlockWitness;
  readonly #account: Account;
  /** Until something was missed. */
  #decoder: HpackDecoder | undefined;
  readonly #list = createHeaderList();
  /** Once something was missed. */
  #late: LateHpackDecoder | undefined;
  #open: FieldBlock | undefined;
  #hasToldLetGo = false;

  constructor(partial: boolean, witness: BlockWitness, accounts: Accounts) {
    this.#witness = witness;
    this.#account = accounts.open('hpack', () => this.#letGo());
    if (partial) {
      this.#late = new LateHpackDecoder();
      return;
    }
    this.#decoder = new HpackDecoder(streamLimits.hpackTableBytes);
    // RFC 7541 §4.2: larger only when the encoder says so.
    this.#decoder.table.setMaxSize(DEFAULT_HEADER_TABLE_SIZE);
  }

  /** Memory of the block that is open; the tables have a budget of their own. */
  get heldBytes(): number {
    return this.#open?.bytes.length ?? 0;
  }

  /** The sender says nothing more. */
  end(): void {
    this.#account.spend();
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
    if (this.#decoder === undefined) return;
    this.#decoder = undefined;
    this.#late = new LateHpackDecoder();
    this.#witness.lost(why);
  }

  /** The fragment of a HEADERS or PUSH_PROMISE; the block itself when that is all of it. */
  begin(block: FieldBlock, endHeaders: boolean): FieldBlock | undefined {
    if (endHeaders) return block;
    this.#open = block;
    if (this.#hasLetGo) {
      block.bytes = NOTHING;
      block.start = block.end = 0;
      return undefined;
    }
    const { bytes, start, end } = block;
    const room = new Uint8Array(Math.max(1024, 2 * (end - start)));
    room.set(bytes.subarray(start, end), 0);
    block.bytes = room;
    block.start = 0;
    block.end = end - start;
    return undefined;
  }

  proceed(fragment: Uint8Array, endHeaders: boolean): FieldBlock | undefined {
    const block = this.#open;
    if (block === undefined) {
      this.lose('the beginning of a field block is missing');
      return undefined;
    }
    const length = this.#hasLetGo ? 0 : block.end + fragment.length;
    if (length > streamLimits.fieldBlockBytes) {
      this.lose('a field block is too long');
      return undefined;
    }
    if (length > block.bytes.length) {
      const larger = new Uint8Array(2 * length);
      larger.set(block.bytes.subarray(0, block.end));
      block.bytes = larger;
    }
    if (length > 0) block.bytes.set(fragment, block.end);
    block.end = length;
    if (!endHeaders) return undefined;
    this.#open = undefined;
    return block;
  }

  /** `tableBytes`: what the receiver's SETTINGS_HEADER_TABLE_SIZE allows. The list is valid until the next block. */
  decode({ bytes, start, end, streamId }: FieldBlock, tableBytes: number): HeaderList | undefined {
    const late = this.#late;
    const decoder = this.#decoder;
    let list = this.#list;
    try {
      if (late !== undefined) list = late.decode(bytes, start, end);
      else if (decoder !== undefined) decoder.decode(bytes, start, end, list);
      else {
        this.#tellLetGo();
        return undefined;
      }
    } catch (error) {
      if (!(error instanceof ParseError)) throw error;
      if (late === undefined) this.#witness.blame(verdicts.compression, streamId);
      this.lose(`HPACK: ${error.what}`);
      return undefined;
    }
    if (decoder !== undefined) this.#judge(decoder, list, tableBytes, streamId);
    const held = (late ?? decoder)!.heldBytes + list.size + list.entries.length * 8;
    if (!this.#account.set(held)) {
      this.#account.close();
      this.#letGo();
      this.#tellLetGo();
    }
    return list;
  }

  #judge(decoder: HpackDecoder, list: HeaderList, tableBytes: number, streamId: number): void {
    // RFC 7541 §4.2; the decoder itself lets the table be as large as we bear. What was there before any size update may
    // stand above a limit that was lowered just now.
    const { maxSize } = decoder.table;
    if (maxSize > Math.max(tableBytes, DEFAULT_HEADER_TABLE_SIZE)) this.#witness.blame(tableTooLarge, streamId);
    if (list.oversize) this.#witness.note('fields-too-many', 'a field section is longer than is kept here');
  }

  get #hasLetGo(): boolean {
    return this.#decoder === undefined && this.#late === undefined;
  }

  /** The tables go; without them nothing is decoded, and nothing is guessed. */
  #letGo(): void {
    this.#decoder = undefined;
    this.#late = undefined;
  }

  #tellLetGo(): void {
    if (this.#hasToldLetGo) return;
    this.#hasToldLetGo = true;
    this.#witness.gaveUp();
  }
}
