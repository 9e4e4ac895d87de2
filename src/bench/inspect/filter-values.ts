// The values of display filters: those of fields, of which addresses have bytes as well, and those that were written in the filter,
// which mean what the field that they are compared with is. Both are put in order here.

import { parseAddress } from '../addresses.js';
import type { Token } from './filter-lexer.js';
import type { InspectedField } from './types.js';
import { sameName } from './value-names.js';

type Value = InspectedField['value'];

/** A value as it was written; what it means depends on the field that it is compared with. */
export class Literal {
  readonly #text: string;
  readonly #lower: string;
  readonly #number: number | undefined;
  readonly #bytes: Buffer | undefined;
  readonly #network: { readonly bytes: Uint8Array; readonly prefix: number } | undefined;
  readonly #isString: boolean;

  /** `named`: what the text is the name of. */
  constructor({ kind, text }: Token, named?: number) {
    this.#text = text;
    this.#lower = text.toLowerCase();
    this.#isString = kind === 'string';
    this.#number = named ?? (this.#isString ? undefined : numberOf(text));
    // A single byte may have one digit.
    const digits = /^(?:0x)?([0-9a-f]|[0-9a-f]{2}(?:[:.-]?[0-9a-f]{2})*)$/i.exec(text)?.[1];
    if (digits !== undefined && !this.#isString) {
      this.#bytes = Buffer.from(digits.replace(/[:.-]/g, '').padStart(2, '0'), 'hex');
    }
    const [head = '', prefix] = text.split('/', 2);
    const bytes = parseAddress(head);
    if (bytes !== undefined)
      this.#network = { bytes, prefix: prefix === undefined ? bytes.length * 8 : Number(prefix || Number.NaN) };
  }

  /** A prefix is no longer than its address. */
  get isValid(): boolean {
    if (this.#network === undefined || this.#isString) return true;
    const { bytes, prefix } = this.#network;
    return Number.isInteger(prefix) && prefix <= bytes.length * 8;
  }

  /** For `contains`. Addresses of IP are looked through as they are written, others as bytes. */
  isIn(field: InspectedField): boolean {
    const isBytes = field.value instanceof Uint8Array || field.name.startsWith('eth.');
    const bytes = isBytes ? bytesOf(field) : undefined;
    if (bytes === undefined) return String(field.value).includes(this.#text);
    return asBuffer(bytes).includes(this.bytes);
  }

  compare({ value, text }: InspectedField): number | undefined {
    switch (typeof value) {
      case 'number':
      case 'bigint':
        if (this.#number !== undefined) return Number(value) - this.#number;
        return text !== undefined && sameName(text, this.#text) ? 0 : undefined;
      case 'boolean':
        if (this.#lower === 'true' || this.#lower === 'set') return Number(value) - 1;
        if (this.#lower === 'false' || this.#lower === 'not set') return Number(value);
        return this.#number === undefined ? undefined : Number(value) - Number(this.#number !== 0);
      case 'string':
        return this.#network !== undefined && !this.#isString ? this.#compareAddress(value) : order(value, this.#text);
      default:
        return Buffer.compare(value, this.bytes);
    }
  }

  /** As they were written with hex digits, or the characters. */
  get bytes(): Buffer {
    return this.#bytes ?? Buffer.from(this.#text, 'latin1');
  }

  #compareAddress(value: string): number | undefined {
    const { bytes: wanted, prefix } = this.#network!;
    const bytes = parseAddress(value);
    // A text that is no address: as texts.
    if (bytes === undefined) return order(value, this.#text);
    if (bytes.length !== wanted.length) return undefined;
    for (let bit = 0; bit < prefix && bit < wanted.length * 8; bit += 8) {
      const mask = prefix - bit >= 8 ? 0xff : (0xff00 >> (prefix - bit)) & 0xff;
      const difference = (bytes[bit >> 3]! & mask) - (wanted[bit >> 3]! & mask);
      if (difference !== 0) return difference;
    }
    return 0;
  }
}

const ADDRESSES = /^(?:eth|ip|ipv6)\.(?:src|dst|addr)$/;

/** Of bytes, and of addresses; undefined: the value is a text or a number. */
export function bytesOf({ name, value }: InspectedField): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value;
  if (typeof value !== 'string' || !ADDRESSES.test(name)) return undefined;
  return name.startsWith('eth.') ? Buffer.from(value.replaceAll(':', ''), 'hex') : parseAddress(value);
}

/** Below, equal, above; undefined: they cannot be compared. */
export function order(a: Value, b: Value): number | undefined {
  if (a instanceof Uint8Array || b instanceof Uint8Array) {
    return a instanceof Uint8Array && b instanceof Uint8Array ? Buffer.compare(a, b) : undefined;
  }
  if (typeof a === 'string' || typeof b === 'string') return String(a) < String(b) ? -1 : String(a) > String(b) ? 1 : 0;
  const difference = Number(a) - Number(b);
  return Number.isNaN(difference) ? undefined : difference;
}

export function numberOf(text: string): number | undefined {
  if (/^0x[0-9a-f]+$/i.test(text)) return Number.parseInt(text, 16);
  if (/^0[0-7]+$/.test(text)) return Number.parseInt(text, 8);
  return /^[0-9]+(\.[0-9]+)?$/.test(text) ? Number(text) : undefined;
}

function asBuffer({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length);
}
