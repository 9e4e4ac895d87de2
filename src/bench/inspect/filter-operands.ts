// What stands on the sides of a comparison in a display filter, and when a comparison of several values is true: values of fields,
// bytes of layers, slices, functions.

import type { FieldType } from './fields.js';
import { bytesOf } from './filter-values.js';
import type { LinearPattern } from './linear-pattern.js';
import type { InspectedField, InspectedPacket } from './types.js';

export type Test = (packet: InspectedPacket) => boolean;
export type Value = InspectedField['value'];

/** What stands on one side of a comparison: the values of a field, or one that was written. */
export interface Operand {
  values(packet: InspectedPacket): readonly InspectedField[];
  /** The name of the field or of the function that it is. */
  readonly name: string;
  /** Undefined where any value may be compared with any. */
  readonly type: FieldType | undefined;
  /** Of a layer: without what follows its header. Slices and lengths are of this. */
  readonly header?: Operand;
}

/** How many of the values have to fulfil a comparison; undefined: as the comparison has it. */
export type Quantifier = 'any' | 'all' | undefined;

/** Of all layers; `wirebench.*` are made of the verdicts. */
export function fieldsOf(packet: InspectedPacket, name: string): readonly InspectedField[] {
  if (name === '_ws.expert') return packet.verdicts.map(() => ({ name, value: '' }));
  if (name.startsWith('wirebench.')) return verdictFields(packet, name);
  const found: InspectedField[] = [];
  for (const layer of packet.layers) for (const field of layer.fields) if (field.name === name) found.push(field);
  return found;
}

/** A layer's header, and what follows it in the packet. */
export function layerBytes(packet: InspectedPacket, name: string, onlyHeader: boolean): readonly InspectedField[] {
  if (name === 'frame') return [{ name, value: packet.bytes }];
  return packet.layers.flatMap(({ name: one, bytes, headerLength }) => {
    if (one !== name || bytes === undefined) return [];
    return [{ name, value: onlyHeader ? bytes.subarray(0, headerLength) : bytes }];
  });
}

function verdictFields({ verdicts }: InspectedPacket, name: string): readonly InspectedField[] {
  return verdicts.flatMap(({ code, severity, rule }) => {
    const value = name === 'wirebench.verdict' ? code : name === 'wirebench.severity' ? severity : rule;
    return value === undefined ? [] : [{ name, value }];
  });
}

export function applied(name: string, inner: Operand): Operand {
  if (name === 'count') {
    return { name, type: 'u32', values: (packet) => [{ name, value: inner.values(packet).length }] };
  }
  const of = (field: InspectedField): Value => {
    const { value } = field;
    if (name === 'len') return bytesOf(field)?.length ?? (typeof value === 'string' ? value.length : 1);
    if (name === 'lower') return String(value).toLowerCase();
    if (name === 'upper') return String(value).toUpperCase();
    return String(value);
  };
  const type = name === 'len' ? 'u32' : 'text';
  return { name, type, values: (packet) => inner.values(packet).map((field) => ({ name, value: of(field) })) };
}

export function finding(operand: Operand, quantifier: Quantifier, test: (field: InspectedField) => boolean): Test {
  if (quantifier !== 'all') return (packet) => operand.values(packet).some(test);
  return (packet) => {
    const values = operand.values(packet);
    return values.length > 0 && values.every(test);
  };
}

export function matcher(pattern: LinearPattern): (field: InspectedField) => boolean {
  return ({ value }) => pattern.test(asText(value));
}

export function asText(value: Value): string {
  if (!(value instanceof Uint8Array)) return String(value);
  return Buffer.from(value.buffer, value.byteOffset, value.length).toString('latin1');
}

/** Undefined: it is none; what it gives is undefined where the value has not that many bytes. */
export function cutOf(text: string): ((value: Uint8Array) => Uint8Array | undefined) | undefined {
  const found = /^\s*(-?\d*)\s*(?:([:-])\s*(\d*))?\s*$/.exec(text);
  if (found === null) return undefined;
  const [, startText = '', mark, endText = ''] = found;
  const start = startText === '' ? 0 : Number(startText);
  return (value) => {
    const from = start < 0 ? value.length + start : start;
    const end =
      mark === undefined
        ? from + 1
        : endText === ''
          ? value.length
          : mark === ':'
            ? from + Number(endText)
            : Number(endText) + 1;
    return from < 0 || from >= end || end > value.length ? undefined : value.subarray(from, end);
  };
}

/** By the orders of all values, or of all pairs of values. */
export function isTrue(comparison: string, quantifier: Quantifier, orders: readonly (number | undefined)[]): boolean {
  const isAll = quantifier === 'all' || (quantifier === undefined && (comparison === 'ne' || comparison === 'all_eq'));
  const one = comparison === 'ne' ? 'any_ne' : comparison === 'all_eq' ? 'eq' : comparison;
  if (isAll) return orders.length > 0 && orders.every((each) => holds(one, each));
  return orders.some((each) => holds(one, each));
}

export function holds(comparison: string, order: number | undefined): boolean {
  if (order === undefined) return comparison === 'any_ne';
  switch (comparison) {
    case 'eq':
      return order === 0;
    case 'any_ne':
      return order !== 0;
    case 'lt':
      return order < 0;
    case 'le':
      return order <= 0;
    case 'gt':
      return order > 0;
    default:
      return order >= 0;
  }
}
