// Whether a value that was written in a display filter can be one of the field that it is compared with: a number in its range, a name
// of one of its values, an address of its kind. What could never match is told before anything is read.

import { parseAddress } from '../addresses.js';
import { nearestName } from '../nearest.js';
import type { FieldTable, FieldType } from './fields.js';
import type { Token } from './filter-lexer.js';
import { numberOf } from './filter-values.js';
import { sameName } from './value-names.js';

/** What is known of the side that a value is compared with. */
export interface Compared {
  /** Of the field; a function has its own. */
  readonly name: string;
  /** Undefined: anything goes. */
  readonly type: FieldType | undefined;
}

export interface Complaint {
  readonly what: string;
  readonly advice?: string;
}

const LARGEST: Partial<Record<FieldType, number>> = {
  u8: 0xff,
  u16: 0xffff,
  u24: 0xff_ff_ff,
  u32: 0xff_ff_ff_ff,
  u64: Number.POSITIVE_INFINITY,
  i32: 0x7f_ff_ff_ff,
};

export function isNumber(type: FieldType | undefined): boolean {
  return type !== undefined && (LARGEST[type] !== undefined || type === 'time' || type === 'boolean');
}

/** The number that a name of a value stands for. */
export function namedValue({ name }: Compared, { text }: Token, fields: FieldTable): number | undefined {
  for (const [one, value] of fields.namesOfValues(name) ?? []) if (sameName(one, text)) return value;
  return undefined;
}

/** What is wrong with the value of `==`, `<`, `in` and the like; undefined: nothing. */
export function complaintOf(compared: Compared, token: Token, fields: FieldTable): Complaint | undefined {
  const { name, type } = compared;
  const { text, kind } = token;
  const shown = JSON.stringify(text);
  switch (type) {
    case undefined:
    case 'text':
      return undefined;
    case 'presence':
      return noValue(name);
    case 'boolean':
      if (kind === 'word' && numberOf(text) !== undefined) return undefined;
      if (BOOLEANS.has(text.toLowerCase())) return undefined;
      return { what: `${shown} is neither true nor false, as ${name} is`, advice: 'Write True or False, 1 or 0.' };
    case 'bytes':
      if (kind === 'string' || HEX_BYTES.test(text)) return undefined;
      return { what: `${shown} are no bytes`, advice: `Bytes are written as 47:45:54, text as ${quoted(text)}.` };
    case 'mac':
      if (/^[0-9a-f]{2}([:.-]?[0-9a-f]{2}){5}$/i.test(text)) return undefined;
      return { what: `${shown} is no Ethernet address`, advice: 'They are written as 02:00:00:00:00:01.' };
    case 'ipv4':
    case 'ipv6':
      return addressComplaint(name, type, text);
    case 'time':
      if (kind === 'word' && numberOf(text) !== undefined) return undefined;
      return { what: `${shown} is no time`, advice: 'Times are seconds: 0.5.' };
    default:
      return numberComplaint(compared, token, LARGEST[type]!, fields);
  }
}

/** For `contains` and `matches`, which ask about text and bytes. */
export function searchComplaint(
  comparison: string,
  { name, type }: Compared,
  token: Token,
  fields: FieldTable,
): Complaint | undefined {
  if (type === 'presence') return noValue(name);
  if (isNumber(type)) {
    const advice = `Write ${name} == ${token.text === '' ? 1 : token.text}, or string(${name}) ${comparison} "...".`;
    return { what: `${name} is a number, and ${comparison} asks about text and bytes`, advice };
  }
  if (comparison === 'matches' || (type !== 'bytes' && type !== 'mac')) return undefined;
  return complaintOf({ name, type: 'bytes' }, token, fields);
}

/** Fields of one kind may be compared with each other. */
export function areAlike(a: FieldType | undefined, b: FieldType | undefined): boolean {
  return a === undefined || b === undefined || kindOf(a) === kindOf(b);
}

export function kindText(type: FieldType | undefined): string {
  return type === undefined ? 'a value' : KINDS[kindOf(type)]!;
}

const KINDS: Readonly<Record<string, string>> = {
  number: 'a number',
  text: 'text',
  bytes: 'bytes',
  ipv4: 'an IPv4 address',
  ipv6: 'an IPv6 address',
  presence: 'without a value',
};

function kindOf(type: FieldType): string {
  if (isNumber(type)) return 'number';
  return type === 'mac' ? 'bytes' : type;
}

const BOOLEANS = new Set(['true', 'false', 'set', 'not set']);
/** Of a single byte one digit does. */
const HEX_BYTES = /^(?:0x)?(?:[0-9a-f]|[0-9a-f]{2}(?:[:.-]?[0-9a-f]{2})*)$/i;

function noValue(name: string): Complaint {
  return { what: `${name} has no value`, advice: `${name} alone asks whether it is there.` };
}

function quoted(text: string): string {
  return JSON.stringify(text);
}

function addressComplaint(name: string, type: 'ipv4' | 'ipv6', text: string): Complaint | undefined {
  const [head = '', prefixText] = text.split('/', 2);
  const bytes = parseAddress(head);
  const length = type === 'ipv4' ? 4 : 16;
  const what = `${JSON.stringify(text)} is no IPv${length === 4 ? 4 : 6} address`;
  if (bytes === undefined) {
    const octet = head.split('.').find((one) => /^[0-9]+$/.test(one) && Number(one) > 255);
    const form = type === 'ipv4' ? '10.0.0.1, or 10.0.0.0/8 for a network' : 'fd00::1, or fd00::/8 for a network';
    return { what, advice: octet === undefined ? `Write ${form}.` : `${octet} is more than 255.` };
  }
  if (bytes.length !== length) {
    const other = name.replace(/^ip(v6)?\./, type === 'ipv4' ? 'ipv6.' : 'ip.');
    return { what, advice: `${other} has those: ${other} == ${text}.` };
  }
  if (prefixText === undefined) return undefined;
  const prefix = Number(prefixText || Number.NaN);
  if (Number.isInteger(prefix) && prefix <= length * 8) return undefined;
  return { what: `${JSON.stringify(text)} is no network`, advice: 'Networks are written as 10.0.0.0/8.' };
}

function numberComplaint(compared: Compared, token: Token, largest: number, fields: FieldTable): Complaint | undefined {
  const { name } = compared;
  const { text, kind } = token;
  const shown = JSON.stringify(text);
  const value = kind === 'word' ? numberOf(text) : undefined;
  if (value !== undefined) {
    if (!Number.isInteger(value)) return { what: `${shown} is no whole number, as ${name} is` };
    return value <= largest ? undefined : { what: `${shown} is too large for ${name}, which ends at ${largest}` };
  }
  const names = fields.namesOfValues(name);
  if (names !== undefined) {
    if (namedValue(compared, token, fields) !== undefined) return undefined;
    const near = nearestName(text, [...names.keys()]);
    const some = [...names.keys()].slice(0, 4).join(', ');
    const advice = near === undefined ? `Its values are numbers or ${some} and so on.` : `Did you mean ${near}?`;
    return { what: `${shown} is no value of ${name}`, advice };
  }
  const range = /^([0-9]+)-([0-9]+)$/.exec(text);
  const near = text.includes('.') ? nearestName(text, fields.names()) : undefined;
  const advice =
    range !== null
      ? `A range is written as ${name} in {${range[1]}..${range[2]}}.`
      : near !== undefined
        ? `Did you mean ${near}?`
        : `${name} is a number: ${name} == 1.`;
  return { what: `${shown} is no number, as ${name} is`, advice };
}
