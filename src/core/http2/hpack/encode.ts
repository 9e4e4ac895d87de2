// The HPACK encoder (RFC 7541 §6): a pure function of the header list, its own dynamic table and what it has seen of each
// name. Owns the choice of representation; a field that is in a table costs an index, usually one octet.

import { limits } from '../../limits.js';
import type { Field } from '../../trace.js';
import { createEntry, DynamicTable, ENTRY_OVERHEAD, type TableEntry } from './dynamic-table.js';
import { encodeHuffman, huffmanLength } from './huffman.js';
import { encodeInteger, INTEGER_MAX_OCTETS } from './integer.js';
import { STATIC_ENTRIES, staticNames } from './static-table.js';

/** RFC 7541 §7.1.3: values that a compression oracle must not be able to guess never enter a table, ours or a proxy's. */
const NEVER_INDEXED: ReadonlySet<string> = new Set([
  'authentication-info',
  'authorization',
  'proxy-authentication-info',
  'proxy-authorization',
  'set-cookie',
]);
/** RFC 7541 §7.1.3: a short cookie can be guessed; a long one cannot, and is worth its entry. */
const GUESSABLE_COOKIE_OCTETS = 20;

/** Values that rarely come twice; of other names the encoder finds out by itself. */
const NOT_INDEXED: ReadonlySet<string> = new Set([':path', 'age', 'content-range', 'if-range', 'range']);

/** What is known of one name: its dynamic entries, the newest and each by its value, and whether values come again. */
interface KnownName {
  /** Undefined when there are none. */
  newest: TableEntry | undefined;
  readonly values: Map<string, TableEntry>;
  /** Values in a row that were not the one before. */
  misses: number;
  last: string;
}

export class HpackEncoder {
  readonly #table: DynamicTable;
  readonly #names = new Map<string, KnownName>();
  /** Names without an entry, the one that lost its last entry longest ago first; at most `limits.http2.encoderNames`. */
  readonly #bare = new Set<string>();
  /** RFC 7541 §4.2: the smallest maximum since the last block; -1 when no update has to be told. */
  #smallestMaxSize = -1;
  #maxSize: number;

  /** `maxTableSize` is the peer's SETTINGS_HEADER_TABLE_SIZE as it stands at the beginning: 4,096 octets. */
  constructor(maxTableSize: number) {
    this.#maxSize = Math.min(maxTableSize, limits.http2.encoderTableBytes);
    this.#table = new DynamicTable(this.#maxSize, (entry) => this.#forget(entry));
  }

  get table(): DynamicTable {
    return this.#table;
  }

  /** The peer's new SETTINGS_HEADER_TABLE_SIZE; told to its decoder at the beginning of the next block. */
  setMaxTableSize(bytes: number): void {
    const maxSize = Math.min(bytes, limits.http2.encoderTableBytes);
    if (maxSize === this.#maxSize && this.#smallestMaxSize < 0) return;
    this.#maxSize = maxSize;
    this.#smallestMaxSize = this.#smallestMaxSize < 0 ? maxSize : Math.min(this.#smallestMaxSize, maxSize);
    this.#table.setMaxSize(maxSize);
  }

  /** Begins a block at `at`: at most `BLOCK_START_OCTETS`. Gives the offset behind what was written. */
  begin(target: Uint8Array, at: number): number {
    if (this.#smallestMaxSize < 0) return at;
    if (this.#smallestMaxSize < this.#maxSize) at = encodeInteger(target, at, 5, 0x20, this.#smallestMaxSize);
    this.#smallestMaxSize = -1;
    return encodeInteger(target, at, 5, 0x20, this.#maxSize);
  }

  /** Appends one field at `at`: at most `fieldOctets(name, value)`. Characters are octets. Gives the offset behind it. */
  field(target: Uint8Array, at: number, name: string, value: string): number {
    const staticName = staticNames.get(name);
    const staticIndex = staticName?.values.get(value);
    if (staticIndex !== undefined) return encodeInteger(target, at, 7, 0x80, staticIndex);
    const known = this.#names.get(name);
    if (known !== undefined) {
      const entry = known.values.get(value);
      if (entry !== undefined) {
        known.misses = 0;
        known.last = value;
        return encodeInteger(target, at, 7, 0x80, this.#indexOf(entry));
      }
    }
    const nameIndex = staticName?.index ?? (known?.newest === undefined ? 0 : this.#indexOf(known.newest));
    if (NEVER_INDEXED.has(name) || (name === 'cookie' && value.length < GUESSABLE_COOKIE_OCTETS)) {
      return this.#literal(target, at, 4, 0x10, nameIndex, name, value);
    }
    const size = name.length + value.length + ENTRY_OVERHEAD;
    // An entry of more than half the table would throw out most of what the table is for.
    if (NOT_INDEXED.has(name) || size * 2 > this.#maxSize || !this.#comesAgain(known, value)) {
      return this.#literal(target, at, 4, 0x00, nameIndex, name, value);
    }
    const end = this.#literal(target, at, 6, 0x40, nameIndex, name, value);
    this.#remember(createEntry(name, value));
    return end;
  }

  /**
   * Whether a new value of a name is worth an entry: for a name whose last values were all different, only when this is
   * the value before, once more. So a field that is another one each time does not push everything else out.
   */
  #comesAgain(known: KnownName | undefined, value: string): boolean {
    if (known === undefined) return true;
    if (value === known.last) {
      known.misses = 0;
      return true;
    }
    known.last = value;
    return ++known.misses < limits.http2.encoderMisses;
  }

  /** A whole list as one block of its own bytes; for lists that are not on the hot path. */
  encode(fields: readonly Field[]): Uint8Array {
    let room = BLOCK_START_OCTETS;
    for (const [name, value] of fields) room += fieldOctets(name, value);
    const target = new Uint8Array(room);
    let at = this.begin(target, 0);
    for (const [name, value] of fields) at = this.field(target, at, name, value);
    return target.slice(0, at);
  }

  #literal(
    target: Uint8Array,
    at: number,
    prefixBits: number,
    pattern: number,
    nameIndex: number,
    name: string,
    value: string,
  ): number {
    at = encodeInteger(target, at, prefixBits, pattern, nameIndex);
    if (nameIndex === 0) at = encodeString(target, at, name);
    return encodeString(target, at, value);
  }

  #indexOf(entry: TableEntry): number {
    return STATIC_ENTRIES + 1 + this.#table.distanceOf(entry);
  }

  #remember(entry: TableEntry): void {
    // First the insertion: it may evict the last entry of this very name.
    if (!this.#table.insert(entry)) return;
    let known = this.#names.get(entry.name);
    if (known === undefined) {
      known = { newest: entry, values: new Map(), misses: 0, last: entry.value };
      this.#names.set(entry.name, known);
    } else if (known.newest === undefined) {
      this.#bare.delete(entry.name);
    }
    known.newest = entry;
    known.values.set(entry.value, entry);
  }

  /** A pair is inserted only when it is not there, so each value of a name has one entry, and the oldest goes first. */
  #forget(entry: TableEntry): void {
    const known = this.#names.get(entry.name)!;
    known.values.delete(entry.value);
    if (known.values.size > 0) return;
    known.newest = undefined;
    this.#bare.add(entry.name);
    if (this.#bare.size <= limits.http2.encoderNames) return;
    for (const oldest of this.#bare) {
      this.#bare.delete(oldest);
      this.#names.delete(oldest);
      break;
    }
  }
}

export const BLOCK_START_OCTETS = 2 * INTEGER_MAX_OCTETS;

/** The most that one field can take: Huffman is used only where it is shorter than the plain octets. */
export function fieldOctets(name: string, value: string): number {
  return name.length + value.length + 3 * INTEGER_MAX_OCTETS;
}

/** RFC 7541 §5.2. */
function encodeString(target: Uint8Array, at: number, text: string): number {
  const coded = huffmanLength(text);
  if (coded < text.length) return encodeHuffman(target, encodeInteger(target, at, 7, 0x80, coded), text);
  at = encodeInteger(target, at, 7, 0x00, text.length);
  for (let i = 0; i < text.length; i++) target[at + i] = text.charCodeAt(i);
  return at + text.length;
}
