// Reading bytes of TLS and telling what they are, in one step.

import { Reader } from '../../core/bytes/reader.js';
import { printable } from '../../core/tls/describe.js';
import type { InspectedField } from './types.js';

export type FieldList = InspectedField[];

/** Reads and tells in one step. */
export class Walk {
  readonly #fields: FieldList;
  readonly reader: Reader;

  constructor(bytes: Uint8Array, fields: FieldList, reader: Reader = new Reader('tls', bytes)) {
    this.#fields = fields;
    this.reader = reader;
  }

  get remaining(): number {
    return this.reader.remaining;
  }

  put(name: string, value: InspectedField['value'], text?: string): void {
    this.#fields.push(text === undefined ? { name, value } : { name, value, text });
  }

  u8(name: string, text?: (value: number) => string): number {
    const value = this.reader.u8(name);
    this.put(name, value, text?.(value));
    return value;
  }

  u16(name: string, text?: (value: number) => string): number {
    const value = this.reader.u16(name);
    this.put(name, value, text?.(value));
    return value;
  }

  u24(name: string): number {
    const value = this.reader.u24(name);
    this.put(name, value);
    return value;
  }

  u32(name: string): number {
    const value = this.reader.u32(name);
    this.put(name, value);
    return value;
  }

  /** Empty ones are not shown. */
  bytes(name: string, length: number): Uint8Array {
    const value = this.reader.take(length, name);
    if (length > 0) this.put(name, value);
    return value;
  }

  text(name: string, length: number): void {
    this.put(name, printable(this.reader.take(length, name)));
  }

  sub(length: number): Walk {
    return new Walk(this.reader.bytes, this.#fields, this.reader.sub(length, 'part'));
  }
}

/** RFC 5246 §7.4.1.4.1: hash and signature, as one byte each. */
export function signatureAlgorithm(walk: Walk, scheme: number): void {
  walk.put('tls.handshake.sig_hash_hash', scheme >>> 8);
  walk.put('tls.handshake.sig_hash_sig', scheme & 0xff);
}
