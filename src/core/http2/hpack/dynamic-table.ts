// The HPACK dynamic table (RFC 7541 §2.3.2, §4): a first-in first-out ring of entries bounded in size. Encoder and
// decoder have one each. Entries keep their strings, so that an indexed field costs no new ones.

import type { Field } from '../../trace.js';

/** One header field of a table or of a decoded list. Shared: all but `check` and `serial` never change. */
export interface TableEntry {
  readonly name: string;
  readonly value: string;
  /** RFC 7541 §4.1: the octets of name and value and 32 of overhead. */
  readonly size: number;
  /** Name and value as the rest of the core passes them on; the same object for every use of the entry. */
  readonly field: Field;
  /** Room for the reader of the list to keep what it found out about the field; 0: not looked at. */
  check: number;
  /** Which insertion this was, counted from 0; -1 outside a dynamic table. */
  serial: number;
}

export const ENTRY_OVERHEAD = 32;

export function createEntry(name: string, value: string): TableEntry {
  return {
    name,
    value,
    size: name.length + value.length + ENTRY_OVERHEAD,
    field: [name, value],
    check: 0,
    serial: -1,
  };
}

/** What an entry takes in memory besides its octets: objects and strings, roughly. */
const ENTRY_MEMORY = 160;

export class DynamicTable {
  #ring: (TableEntry | undefined)[] = new Array(16);
  /** Entries ever inserted; the newest has serial `#inserted - 1`. */
  #inserted = 0;
  #count = 0;
  #size = 0;
  #maxSize: number;
  readonly #onEvict: ((entry: TableEntry) => void) | undefined;

  constructor(maxSize: number, onEvict?: (entry: TableEntry) => void) {
    this.#maxSize = maxSize;
    this.#onEvict = onEvict;
  }

  get count(): number {
    return this.#count;
  }

  /** Octets, by the RFC's reckoning. */
  get size(): number {
    return this.#size;
  }

  /** Memory, roughly. */
  get heldBytes(): number {
    return this.#size + this.#count * ENTRY_MEMORY + this.#ring.length * 8;
  }

  get maxSize(): number {
    return this.#maxSize;
  }

  /** RFC 7541 §4.3: a smaller maximum evicts from the old end until the entries fit. */
  setMaxSize(maxSize: number): void {
    this.#maxSize = maxSize;
    this.#evictTo(maxSize);
  }

  /** By distance from the newest, which is 0; undefined beyond the oldest. */
  get(distance: number): TableEntry | undefined {
    if (distance >= this.#count) return undefined;
    return this.#ring[(this.#inserted - 1 - distance) & (this.#ring.length - 1)];
  }

  distanceOf(entry: TableEntry): number {
    return this.#inserted - 1 - entry.serial;
  }

  /** RFC 7541 §4.4: evicts first; an entry larger than the whole table empties it and is not added (false). */
  insert(entry: TableEntry): boolean {
    if (entry.size > this.#maxSize) {
      this.#evictTo(0);
      return false;
    }
    this.#evictTo(this.#maxSize - entry.size);
    if (this.#count === this.#ring.length) this.#grow();
    entry.serial = this.#inserted;
    this.#ring[this.#inserted & (this.#ring.length - 1)] = entry;
    this.#inserted++;
    this.#count++;
    this.#size += entry.size;
    return true;
  }

  #evictTo(size: number): void {
    while (this.#size > size) {
      const slot = (this.#inserted - this.#count) & (this.#ring.length - 1);
      const entry = this.#ring[slot]!;
      this.#ring[slot] = undefined;
      this.#count--;
      this.#size -= entry.size;
      this.#onEvict?.(entry);
    }
  }

  /** The ring's length stays a power of two; entries are at least 32 octets, so the size bound bounds it. */
  #grow(): void {
    const larger: (TableEntry | undefined)[] = new Array(this.#ring.length * 2);
    for (let serial = this.#inserted - this.#count; serial < this.#inserted; serial++) {
      larger[serial & (larger.length - 1)] = this.#ring[serial & (this.#ring.length - 1)];
    }
    this.#ring = larger;
  }
}
