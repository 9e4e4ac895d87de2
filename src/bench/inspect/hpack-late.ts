// An HPACK decoder (RFC 7541 §6) for somebody who came late: what was put into the dynamic table before is not known, so an index
// beyond what was seen since gives a field that is not known. Entries are evicted from the old end (§4.4), where the
// unknown ones are, so that those that were seen are found under their indices all the same.

import { latin1 } from '../../core/http/text.js';
import { createHeaderList, type HeaderList } from '../../core/http2/hpack/decode.js';
import { createEntry, DynamicTable, type TableEntry } from '../../core/http2/hpack/dynamic-table.js';
import { decodeHuffman, huffmanRoom } from '../../core/http2/hpack/huffman.js';
import { type Cursor, decodeInteger, fail } from '../../core/http2/hpack/integer.js';
import { STATIC_ENTRIES, staticTable } from '../../core/http2/hpack/static-table.js';
import { limits } from '../../core/limits.js';
import { streamLimits } from './stream-limits.js';

/** The name of a field that is not known, and of one whose value is known only. */
export const UNKNOWN_NAME = '<unknown>';

const NOTHING = new Uint8Array(0);
const UNKNOWN = createEntry(UNKNOWN_NAME, '');

export class LateHpackDecoder {
  #table = new DynamicTable(streamLimits.hpackTableBytes);
  readonly #list = createHeaderList();
  readonly #cursor: Cursor = { bytes: NOTHING, at: 0, end: 0 };
  /** Of the block that was decoded last: not all of its fields are known. */
  partial = false;

  /** Memory, roughly. */
  get heldBytes(): number {
    return this.#table.heldBytes;
  }

  /** More was missed. */
  reset(): void {
    this.#table = new DynamicTable(streamLimits.hpackTableBytes);
  }

  /** The list is valid until the next block. Raises ParseError. */
  decode(bytes: Uint8Array, start: number, end: number): HeaderList {
    const cursor = this.#cursor;
    Object.assign(cursor, { bytes, at: start, end });
    const list = this.#list;
    // Not to be kept alive until the next block.
    try {
      this.#fields(cursor, list);
    } finally {
      cursor.bytes = NOTHING;
    }
    return list;
  }

  #fields(cursor: Cursor, list: HeaderList): void {
    const { bytes, end } = cursor;
    list.entries.length = 0;
    list.size = 0;
    list.oversize = false;
    this.partial = false;
    while (cursor.at < end) {
      const first = bytes[cursor.at]!;
      if (first >= 0x20 && first < 0x40) {
        this.#table.setMaxSize(Math.min(decodeInteger(cursor, 5, 'table size update'), streamLimits.hpackTableBytes));
        continue;
      }
      const entry = this.#field(first);
      if (entry.name === UNKNOWN_NAME) this.partial = true;
      list.size += entry.size;
      if (list.size > limits.http2.headerListBytes) list.oversize = true;
      else list.entries.push(entry);
    }
  }

  #field(first: number): TableEntry {
    const cursor = this.#cursor;
    if (first >= 0x80) return this.#entry(decodeInteger(cursor, 7, 'indexed field'));
    const isIndexed = first >= 0x40;
    const index = decodeInteger(cursor, isIndexed ? 6 : 4, 'name index');
    const name = index === 0 ? this.#string('name') : this.#entry(index).name;
    const entry = createEntry(name, this.#string('value'));
    if (isIndexed) this.#table.insert(entry);
    return entry;
  }

  #entry(index: number): TableEntry {
    if (index === 0) fail(this.#cursor, 'index: 0');
    if (index <= STATIC_ENTRIES) return staticTable[index]!;
    return this.#table.get(index - STATIC_ENTRIES - 1) ?? UNKNOWN;
  }

  #string(field: string): string {
    const cursor = this.#cursor;
    const isHuffman = cursor.at < cursor.end && cursor.bytes[cursor.at]! >= 0x80;
    const length = decodeInteger(cursor, 7, field);
    if (length > cursor.end - cursor.at) fail(cursor, `${field}: string cut off`);
    if (isHuffman) {
      const text = new Uint8Array(huffmanRoom(length));
      return latin1(text, 0, decodeHuffman(cursor, length, text));
    }
    cursor.at += length;
    return latin1(cursor.bytes, cursor.at - length, cursor.at);
  }
}
