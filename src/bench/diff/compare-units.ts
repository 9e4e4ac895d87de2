// Two units of one kind, field by field: every difference. A name that comes several times is a list (cipher suites, settings,
// header fields of one name): what one side lacks is told, and a list of the same values in another order.

import { firstByteDifference, hexText, latin1, quoted } from '../difference.js';
import { align } from './align.js';
import type { FieldChoice } from './names.js';
import { Content, type DiffField, type DiffValue, type Unit, valueKey } from './unit.js';

export interface FieldDifference {
  readonly name: string;
  /** `absent` where a side has none. */
  readonly a: string;
  readonly b: string;
}

export const ABSENT = 'absent';

export function fieldDifferences(a: Unit, b: Unit, choice: FieldChoice): FieldDifference[] {
  const ofA = byName(a.fields);
  const ofB = byName(b.fields);
  const found: FieldDifference[] = [];
  const derived: FieldDifference[] = [];
  for (const name of new Set([...ofA.keys(), ...ofB.keys()])) {
    const into = choice.of(name) === 'derived' ? derived : found;
    compareLists(name, ofA.get(name) ?? [], ofB.get(name) ?? [], into);
  }
  if (found.length > 0) return found;
  if (derived.length > 0) return derived;
  // The same fields, of each name in the same order: then names stand in another order among each other.
  const order = firstOutOfOrder(a.fields, b.fields);
  return order === undefined ? [] : [order];
}

function byName(fields: readonly DiffField[]): Map<string, DiffField[]> {
  const map = new Map<string, DiffField[]>();
  for (const field of fields) {
    const list = map.get(field.name);
    if (list === undefined) map.set(field.name, [field]);
    else list.push(field);
  }
  return map;
}

function compareLists(name: string, a: readonly DiffField[], b: readonly DiffField[], into: FieldDifference[]): void {
  if (a.length === b.length && a.every((field, at) => key(field) === key(b[at]!))) return;
  if (a.length === 1 && b.length === 1) {
    into.push({ name, ...valueTexts(a[0]!, b[0]!) });
    return;
  }
  const sorted = (list: readonly DiffField[]): string => list.map(key).sort().join('\n');
  if (a.length === b.length && sorted(a) === sorted(b)) {
    into.push({ name, a: `in this order: ${listText(a)}`, b: listText(b) });
    return;
  }
  const pairs = align(a, b, [key]).filter((pair) => pair.a === undefined || pair.b === undefined);
  const lacking = pairs.flatMap((pair) => pair.a ?? []);
  const more = pairs.flatMap((pair) => pair.b ?? []);
  // One for one is a change of the value.
  if (lacking.length === 1 && more.length === 1) into.push({ name, ...valueTexts(lacking[0]!, more[0]!) });
  else {
    into.push({
      name,
      a: lacking.length > 0 ? listText(lacking) : ABSENT,
      b: more.length > 0 ? listText(more) : ABSENT,
    });
  }
}

function key(field: DiffField): string {
  return valueKey(field.value);
}

const SHOWN_VALUES = 8;

function listText(list: readonly DiffField[]): string {
  const shown = list.slice(0, SHOWN_VALUES).map((field) => valueText(field));
  return list.length > SHOWN_VALUES ? `${shown.join(', ')} and ${list.length - SHOWN_VALUES} more` : shown.join(', ');
}

function firstOutOfOrder(a: readonly DiffField[], b: readonly DiffField[]): FieldDifference | undefined {
  const at = a.findIndex((field, place) => field.name !== b[place]?.name);
  const before = a[at];
  const after = b[at];
  if (before === undefined || after === undefined) return undefined;
  return { name: before.name, a: `place ${at + 1}`, b: `${after.name} stands there` };
}

function valueTexts(a: DiffField, b: DiffField): { a: string; b: string } {
  if (a.value instanceof Content && b.value instanceof Content) return contentTexts(a.value, b.value);
  return { a: valueText(a), b: valueText(b) };
}

const SHOWN_BYTES = 8;

/** The byte that differs, where the beginning that was kept has it. */
function contentTexts(a: Content, b: Content): { a: string; b: string } {
  const at = firstByteDifference(a.kept, b.kept);
  const text = (content: Content): string => {
    const whole = `${content.length} bytes`;
    if (at < content.kept.length && isText(a.kept, at) && isText(b.kept, at)) {
      const from = Math.max(0, at - TEXT_BEFORE);
      return `${quoted(latin1(content.kept.subarray(from, from + SHOWN_TEXT)))} at byte ${from} of ${content.length}`;
    }
    if (at < content.kept.length)
      return `${hexText(content.kept.subarray(at, at + SHOWN_BYTES))} at byte ${at} of ${content.length}`;
    return content.length === content.kept.length ? whole : `${whole}, SHA-256 ${content.digest.slice(0, 16)}`;
  };
  return { a: text(a), b: text(b) };
}

const TEXT_BEFORE = 12;
const SHOWN_TEXT = 32;

/** Printable ASCII around the place. */
function isText(bytes: Uint8Array, at: number): boolean {
  const around = bytes.subarray(Math.max(0, at - TEXT_BEFORE), at + SHOWN_TEXT - TEXT_BEFORE);
  return around.every((byte) => (byte >= 0x20 && byte < 0x7f) || byte === 0x0a || byte === 0x0d || byte === 0x09);
}

/** Of a peer's, as printable ASCII. */
export function safe(text: string): string {
  return quoted(text).slice(1, -1);
}

export function valueText({ value, text }: { readonly value: DiffValue; readonly text?: string }): string {
  if (value instanceof Content) {
    return value.length === 0 ? 'empty' : `${value.length} bytes, SHA-256 ${value.digest.slice(0, 16)}`;
  }
  if (text !== undefined) return `${value} (${safe(text)})`;
  return typeof value === 'string' && !/^0x[0-9a-f]+$/.test(value) ? quoted(value) : String(value);
}
