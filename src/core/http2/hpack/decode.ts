// The HPACK decoder (RFC 7541 §3, §6): field blocks in, table entries out. Owns the decoder's dynamic table and the
// bound on the decoded list; leaves to the caller what a field may contain. Errors are ParseErrors and are fatal to the
// connection, because the tables of the two sides no longer agree (RFC 9113 §4.3).

import { limits } from '../../limits.js';
import { createEntry, DynamicTable, type TableEntry } from './dynamic-table.js';
import { decodeHuffman, huffmanRoom } from './huffman.js';
import { type Cursor, decodeInteger, fail } from './integer.js';
import { STATIC_ENTRIES, staticTable } from './static-table.js';

/** What a block decodes to. Reused from block to block: its owner takes out what must stay. */
export interface HeaderList {
  readonly entries: TableEntry[];
  /** RFC 9113 §6.5.2: octets of names and values and 32 for each field line. */
  size: number;
  /** The list passed `limits.http2.headerListBytes` or `fieldLines`; the fields from there on were decoded but not kept. */
  oversize: boolean;
}

export function createHeaderList(): HeaderList {
  return { entries: [], size: 0, oversize: false };
}

export class HpackDecoder {
  readonly #table: DynamicTable;
  readonly #maxTableSize: number;
  readonly #cursor: Cursor = { bytes: new Uint8Array(0), at: 0, end: 0 };
  #scratch = new Uint8Array(256);

  /** `maxTableSize` is our SETTINGS_HEADER_TABLE_SIZE, in octets. */
  constructor(maxTableSize: number) {
    this.#maxTableSize = maxTableSize;
    this.#table = new DynamicTable(maxTableSize);
  }

  get table(): DynamicTable {
    return this.#table;
  }

  /** Memory of what is kept from block to block, roughly. */
  get heldBytes(): number {
    return this.#table.heldBytes + this.#scratch.length;
  }

  /** Decodes one whole field block of `bytes` to `list`. Raises ParseError; the decoder is not to be used after that. */
  decode(bytes: Uint8Array, start: number, end: number, list: HeaderList): void {
    const cursor = this.#cursor;
    cursor.bytes = bytes;
    cursor.at = start;
    cursor.end = end;
    list.entries.length = 0;
    list.size = 0;
    list.oversize = false;
    let fields = 0;
    while (cursor.at < end) {
      const first = bytes[cursor.at]!;
      let entry: TableEntry;
      if (first >= 0x80) {
        entry = this.#entry(decodeInteger(cursor, 7, 'indexed field'));
      } else if (first >= 0x40) {
        entry = this.#literal(6);
        this.#table.insert(entry);
      } else if (first >= 0x20) {
        // RFC 7541 §4.2: size updates stand at the beginning of a block, before any field.
        if (fields > 0) fail(cursor, 'table size update: not at the beginning of the block');
        const maxSize = decodeInteger(cursor, 5, 'table size update');
        if (maxSize > this.#maxTableSize) fail(cursor, 'table size update: above SETTINGS_HEADER_TABLE_SIZE');
        this.#table.setMaxSize(maxSize);
        continue;
      } else {
        // Without indexing (0000) and never indexed (0001) differ for those who forward a field only (§6.2.3).
        entry = this.#literal(4);
      }
      fields++;
      list.size += entry.size;
      if (list.size > limits.http2.headerListBytes || fields > limits.http2.fieldLines) list.oversize = true;
      else list.entries.push(entry);
    }
    cursor.bytes = NOTHING;
  }

  /** RFC 7541 §2.3.3: 1 to 61 are the static table, the newest dynamic entry is 62. */
  #entry(index: number): TableEntry {
    const entry = index <= STATIC_ENTRIES ? staticTable[index] : this.#table.get(index - STATIC_ENTRIES - 1);
    if (entry === undefined) fail(this.#cursor, 'index: no such entry');
    return entry;
  }

  #literal(prefixBits: number): TableEntry {
    const index = decodeInteger(this.#cursor, prefixBits, 'name index');
    const name = index === 0 ? this.#string('name') : this.#entry(index).name;
    return createEntry(name, this.#string('value'));
  }

  /** RFC 7541 §5.2. One octet becomes one character, so nothing is lost and nothing is refused here. */
  #string(field: string): string {
    const cursor = this.#cursor;
    const huffman = cursor.at < cursor.end && cursor.bytes[cursor.at]! >= 0x80;
    const length = decodeInteger(cursor, 7, field);
    if (length > cursor.end - cursor.at) fail(cursor, `${field}: string cut off`);
    if (!huffman) {
      const text = octetsToText(cursor.bytes, cursor.at, cursor.at + length);
      cursor.at += length;
      return text;
    }
    const room = huffmanRoom(length);
    if (room > this.#scratch.length) this.#scratch = new Uint8Array(room * 2);
    const count = decodeHuffman(cursor, length, this.#scratch);
    return octetsToText(this.#scratch, 0, count);
  }
}

const NOTHING = new Uint8Array(0);
/** Arguments of one call; far below every engine's limit. */
const TEXT_CHUNK = 1024;

function octetsToText(bytes: Uint8Array, start: number, end: number): string {
  if (end - start <= TEXT_CHUNK) return String.fromCharCode.apply(null, bytes.subarray(start, end) as never);
  let text = '';
  for (let at = start; at < end; at += TEXT_CHUNK) {
    text += String.fromCharCode.apply(null, bytes.subarray(at, Math.min(end, at + TEXT_CHUNK)) as never);
  }
  return text;
}
