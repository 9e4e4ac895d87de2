// The records of one direction out of its bytes: RFC 5246 §6.2.1. Behind a gap the next header is looked for; a record whose
// header was seen and whose fragment is not whole is passed over to its known end.

import { ContentType, RECORD_HEADER_BYTES } from '../../core/tls/record.js';
import { Input } from './input.js';
import { streamLimits } from './stream-limits.js';

const HEARTBEAT = 24;
const NOTHING = new Uint8Array(0);

export class RecordFramer {
  // The record that `next` found; the fragment is valid until the next push.
  contentType = 0;
  version = 0;
  fragment: Uint8Array = NOTHING;
  /** Of a record whose fragment is not whole: as its header says. */
  length = 0;

  /** The record and what follows it. Wireshark's layer is the records of a segment together: the others have none. */
  layerBytes: Uint8Array | undefined;

  readonly #input = new Input();
  /** Records that are still to get their bytes in this push. */
  #layers = 0;
  /** Of a record that has a hole: what is still to come of it. */
  #skip = 0;
  #searching: boolean;
  #searched = 0;
  #foreign = false;

  /** `midstream`: the first bytes may be the middle of a record. */
  constructor(midstream: boolean) {
    this.#searching = midstream;
  }

  /** Bytes of a record that is not whole yet. */
  get pending(): number {
    return this.#input.length;
  }

  /** No record was found within the bounds: the rest is not looked at. */
  get givenUp(): boolean {
    return this.#searched > streamLimits.searchBytes;
  }

  /** Bytes that were passed over to find a record, since the last call. */
  takeSkipped(): number {
    const skipped = this.#searched;
    if (!this.#searching) this.#searched = 0;
    return skipped;
  }

  /** Bytes were found in the place of a header, since the last call. */
  takeForeign(): boolean {
    const foreign = this.#foreign;
    this.#foreign = false;
    return foreign;
  }

  push(bytes: Uint8Array, wantsBytes = false): void {
    if (this.givenUp) return;
    // A record that began before stands for itself.
    this.#layers = wantsBytes ? (this.#input.length > 0 ? 2 : 1) : 0;
    const passed = Math.min(this.#skip, bytes.length);
    this.#skip -= passed;
    this.#input.push(passed === 0 ? bytes : bytes.subarray(passed));
  }

  /** Memory. */
  get heldBytes(): number {
    return this.#input.heldBytes;
  }

  /** The record at hand is read. */
  settle(): void {
    this.#input.settle();
    this.fragment = NOTHING;
  }

  /** Goes to the next whole record. */
  next(): boolean {
    const input = this.#input;
    if (this.#searching && !this.#search()) return false;
    if (input.length < RECORD_HEADER_BYTES) return false;
    this.#readHeader();
    if (!isPlausible(input.bytes, input.start)) {
      this.#foreign = true;
      this.#searching = true;
      return this.next();
    }
    if (input.length < RECORD_HEADER_BYTES + this.length) return false;
    const from = input.start + RECORD_HEADER_BYTES;
    this.fragment = input.bytes.subarray(from, from + this.length);
    this.layerBytes = this.#layers-- > 0 ? input.bytes.slice(input.start, input.end) : undefined;
    input.drop(RECORD_HEADER_BYTES + this.length);
    return true;
  }

  /**
   * `whole`: the gap is within one record, which is then the one at hand (`contentType`, `version`, `length`).
   * `beyond`: it is not known how many records are missing.
   */
  gap(length: number): 'nothing' | 'whole' | 'beyond' {
    const input = this.#input;
    if (this.#skip > 0) {
      if (length <= this.#skip) {
        this.#skip -= length;
        return 'nothing';
      }
      this.#skip = 0;
    } else if (!this.#searching && input.length >= RECORD_HEADER_BYTES) {
      this.#readHeader();
      const missing = RECORD_HEADER_BYTES + this.length - input.length;
      input.clear();
      if (length <= missing) {
        this.#skip = missing - length;
        return 'whole';
      }
    }
    input.clear();
    this.#searching = true;
    return 'beyond';
  }

  #readHeader(): void {
    const { bytes, start } = this.#input;
    this.contentType = bytes[start]!;
    this.version = (bytes[start + 1]! << 8) | bytes[start + 2]!;
    this.length = (bytes[start + 3]! << 8) | bytes[start + 4]!;
  }

  /** To a header that is certain by itself, so that how much is there does not matter. */
  #search(): boolean {
    const input = this.#input;
    while (input.length >= RECORD_HEADER_BYTES) {
      if (isCertain(input.bytes, input.start)) {
        this.#searching = false;
        return true;
      }
      input.drop(1);
      if (++this.#searched > streamLimits.searchBytes) {
        input.clear();
        return false;
      }
    }
    return false;
  }
}

/** For a place where a header has to be. */
function isPlausible(bytes: Uint8Array, at: number): boolean {
  const type = bytes[at]!;
  if (type < ContentType.changeCipherSpec || type > HEARTBEAT) return false;
  return bytes[at + 1] === 3 && bytes[at + 2]! <= 4 && lengthAt(bytes, at) <= streamLimits.recordBytes;
}

/** For any place: in random bytes less than one in ten million passes. */
function isCertain(bytes: Uint8Array, at: number): boolean {
  const type = bytes[at]!;
  if (type < ContentType.changeCipherSpec || type > ContentType.applicationData) return false;
  if (bytes[at + 1] !== 3 || (bytes[at + 2] !== 3 && (bytes[at + 2] !== 1 || type !== ContentType.handshake)))
    return false;
  const length = lengthAt(bytes, at);
  switch (type) {
    case ContentType.changeCipherSpec:
      return length === 1;
    case ContentType.alert:
      return length >= 2 && length <= 128;
    default:
      return length > 0 && length <= streamLimits.recordBytes;
  }
}

function lengthAt(bytes: Uint8Array, at: number): number {
  return (bytes[at + 3]! << 8) | bytes[at + 4]!;
}
