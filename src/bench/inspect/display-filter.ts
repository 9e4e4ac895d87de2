// Wireshark's display filter language (wireshark-filter(4)): a text becomes a function over packets. Fields are compared by value, or
// by the name of their value (`http2.type == HEADERS`). `!=` is true when no value equals, as since Wireshark 4.

import { nearestName } from '../nearest.js';
import { type FieldTable, INSPECTED_FIELDS } from './fields.js';
import { FilterError, type Token, tokensOf } from './filter-lexer.js';
import { bytesOf, Literal, numberOf, order } from './filter-values.js';
import type { DisplayFilter, InspectedField, InspectedPacket } from './types.js';

type Test = (packet: InspectedPacket) => boolean;
type Value = InspectedField['value'];

/** What stands on one side of a comparison: the values of a field, or one that was written. */
interface Operand {
  values(packet: InspectedPacket): readonly InspectedField[];
  /** The name of the field that it is, for errors; undefined: a function's result. */
  readonly name: string;
}

/** `fields`: what may be named. Raises FilterError. */
export function parseDisplayFilter(text: string, fields: FieldTable = INSPECTED_FIELDS): DisplayFilter {
  const parser = new Parser(text, fields);
  const matches = parser.whole();
  return { matches, needs: { fields: parser.needsFields } };
}

const COMPARISONS = new Map([
  ['==', 'eq'],
  ['eq', 'eq'],
  ['any_eq', 'eq'],
  ['!=', 'ne'],
  ['ne', 'ne'],
  ['all_ne', 'ne'],
  ['~=', 'any_ne'],
  ['any_ne', 'any_ne'],
  ['!==', 'any_ne'],
  ['===', 'all_eq'],
  ['all_eq', 'all_eq'],
  ['<', 'lt'],
  ['lt', 'lt'],
  ['<=', 'le'],
  ['le', 'le'],
  ['>', 'gt'],
  ['gt', 'gt'],
  ['>=', 'ge'],
  ['ge', 'ge'],
  ['contains', 'contains'],
  ['matches', 'matches'],
  ['~', 'matches'],
  ['in', 'in'],
]);
/** What may follow a field that stands alone. */
const CONNECTIVES = new Set(['and', 'or', 'xor']);
const FUNCTIONS = new Set(['len', 'count', 'lower', 'upper', 'string']);
/** Parentheses and negations within each other. */
const DEEPEST = 100;
const LONGEST_PATTERN = 256;
/** Of a text that a pattern is tried on: a pattern may take time quadratic in it. */
const LONGEST_SUBJECT = 4096;

class Parser {
  needsFields = false;
  readonly #filter: string;
  readonly #fields: FieldTable;
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(filter: string, fields: FieldTable) {
    this.#filter = filter;
    this.#fields = fields;
    this.#tokens = tokensOf(filter);
  }

  whole(): Test {
    if (isEnd(this.#next)) this.#fail(this.#next, 'there is nothing in it', 'Leave the filter out to see all packets.');
    const test = this.#or();
    const rest = this.#next;
    if (!isEnd(rest)) this.#fail(rest, `${shown(rest)} is not expected here`);
    return test;
  }

  get #next(): Token {
    return this.#tokens[this.#at]!;
  }

  #take(): Token {
    return this.#tokens[this.#at++]!;
  }

  #accept(...texts: readonly string[]): boolean {
    const { kind, text } = this.#next;
    if (kind === 'string' || kind === 'end' || !texts.includes(kind === 'word' ? text.toLowerCase() : text))
      return false;
    this.#at++;
    return true;
  }

  #expect(text: string): void {
    if (!this.#accept(text)) this.#fail(this.#next, `${text} is expected, not ${shown(this.#next)}`);
  }

  #or(): Test {
    let left = this.#xor();
    while (this.#accept('||', 'or')) {
      const [a, b] = [left, this.#xor()];
      left = (packet) => a(packet) || b(packet);
    }
    return left;
  }

  #xor(): Test {
    let left = this.#and();
    while (this.#accept('^^', 'xor')) {
      const [a, b] = [left, this.#and()];
      left = (packet) => a(packet) !== b(packet);
    }
    return left;
  }

  #and(): Test {
    let left = this.#not();
    while (this.#accept('&&', 'and')) {
      const [a, b] = [left, this.#not()];
      left = (packet) => a(packet) && b(packet);
    }
    return left;
  }

  #not(): Test {
    const token = this.#next;
    if (++this.#depth > DEEPEST) this.#fail(token, 'too many parentheses and negations within each other');
    try {
      if (this.#accept('!', 'not')) {
        const test = this.#not();
        return (packet) => !test(packet);
      }
      if (this.#accept('(')) {
        const test = this.#or();
        this.#expect(')');
        return test;
      }
      return this.#relation();
    } finally {
      this.#depth--;
    }
  }

  #relation(): Test {
    const first = this.#next;
    const name = first.text.toLowerCase();
    const following = this.#tokens[this.#at + 1];
    if (first.kind === 'word' && this.#fields.layers.has(name) && !isOperand(following)) {
      this.#at++;
      return (packet) => packet.layers.some((layer) => layer.name === name);
    }
    const operand = this.#operand();
    if (this.#accept('&', 'bitand', 'bitwise_and')) return this.#bits(operand);
    const token = this.#next;
    const comparison = token.kind === 'string' ? undefined : COMPARISONS.get(token.text.toLowerCase());
    if (comparison === undefined) {
      if (token.kind === 'word' && !CONNECTIVES.has(token.text.toLowerCase()))
        this.#fail(token, `${shown(token)} is no comparison`);
      // A field alone: it is there. Functions give numbers and texts: true when they are not nothing.
      return (packet) => operand.values(packet).length > 0;
    }
    this.#at++;
    return this.#compare(operand, comparison);
  }

  #bits(operand: Operand): Test {
    const mask = this.#number();
    const token = this.#next;
    const comparison = token.kind === 'string' ? undefined : COMPARISONS.get(token.text.toLowerCase());
    const masked: Operand = {
      name: operand.name,
      values: (packet) =>
        operand.values(packet).flatMap(({ name, value }) => {
          const bits = typeof value === 'number' ? value & mask : 0;
          return [{ name, value: bits >>> 0 }];
        }),
    };
    if (comparison === undefined) return (packet) => masked.values(packet).some(({ value }) => value !== 0);
    this.#at++;
    return this.#compare(masked, comparison);
  }

  #number(): number {
    const token = this.#take();
    const value = token.kind === 'word' ? numberOf(token.text) : undefined;
    if (value === undefined) this.#fail(token, `a number is expected, not ${shown(token)}`);
    return value;
  }

  #operand(): Operand {
    const token = this.#take();
    if (token.kind !== 'word') this.#fail(token, `a field is expected, not ${shown(token)}`);
    const word = token.text.toLowerCase();
    if (FUNCTIONS.has(word) && this.#accept('(')) {
      const inner = this.#operand();
      this.#expect(')');
      return applied(word, inner);
    }
    if (word === 'frame') {
      const frame: Operand = { name: word, values: ({ bytes }) => [{ name: word, value: bytes }] };
      return this.#accept('[') ? this.#slice(frame) : frame;
    }
    if (this.#fields.layers.has(word)) {
      this.#fail(token, `${shown(token)} is a layer and has no value`, this.#fields.advice);
    }
    if (!this.#fields.isKnown(word)) {
      const near = nearestName(word, [...this.#fields.names(), ...this.#fields.layers]);
      const advice = near === undefined ? this.#fields.advice : `Did you mean ${near}?`;
      this.#fail(token, `unknown field ${JSON.stringify(token.text)}`, advice);
    }
    this.needsFields = true;
    const field: Operand = { name: word, values: (packet) => fieldsOf(packet, word) };
    return this.#accept('[') ? this.#slice(field) : field;
  }

  /** `[i]`, `[i:length]`, `[i-j]`, `[:length]`, `[i:]`. */
  #slice(field: Operand): Operand {
    const open = this.#tokens[this.#at - 1]!;
    const close = this.#filter.indexOf(']', open.at);
    const found = /^\s*(-?\d*)\s*(?:([:-])\s*(\d*))?\s*$/.exec(
      this.#filter.slice(open.at + 1, Math.max(close, open.at)),
    );
    if (close < 0 || found === null)
      this.#fail(open, 'this is no slice', 'Slices are [4], [0:2], [0-3], [:4] and [4:].');
    while (this.#next.at <= close && this.#next.kind !== 'end') this.#at++;
    const [, startText = '', mark, endText = ''] = found;
    const start = startText === '' ? 0 : Number(startText);
    const cut = (value: Uint8Array): Uint8Array => {
      const from = start < 0 ? Math.max(0, value.length + start) : start;
      if (mark === undefined) return value.subarray(from, from + 1);
      if (endText === '') return value.subarray(from);
      return value.subarray(from, mark === ':' ? from + Number(endText) : Number(endText) + 1);
    };
    return {
      name: field.name,
      values: (packet) =>
        field.values(packet).map((one) => ({
          name: one.name,
          value: cut(bytesOf(one) ?? Buffer.from(String(one.value), 'latin1')),
        })),
    };
  }

  #compare(operand: Operand, comparison: string): Test {
    if (comparison === 'in') return this.#membership(operand);
    const token = this.#take();
    if (comparison === 'matches') return matching(operand, this.#pattern(token));
    if (comparison === 'contains') {
      const wanted = this.#literal(token);
      return (packet) => operand.values(packet).some((field) => wanted.isIn(field));
    }
    // Two fields with each other: each value of one with each of the other.
    if (this.#isOperand(token)) {
      this.#at--;
      const right = this.#operand();
      return (packet) => {
        const others = right.values(packet);
        const orders = operand.values(packet).flatMap((a) => others.map((b) => order(a.value, b.value)));
        return isTrue(comparison, orders);
      };
    }
    const literal = this.#literal(token);
    return (packet) =>
      isTrue(
        comparison,
        operand.values(packet).map((field) => literal.compare(field)),
      );
  }

  /** A field, or a function of one. */
  #isOperand({ kind, text }: Token): boolean {
    if (kind !== 'word') return false;
    const word = text.toLowerCase();
    const following = this.#next;
    if (FUNCTIONS.has(word)) return following.kind === 'operator' && following.text === '(';
    return this.#fields.isKnown(word) && numberOf(text) === undefined;
  }

  #membership(operand: Operand): Test {
    this.#expect('{');
    const tests: ((field: InspectedField) => boolean)[] = [];
    if (this.#accept('}')) this.#fail(this.#tokens[this.#at - 1]!, 'there is nothing in this set');
    while (!this.#accept('}')) {
      if (this.#next.kind === 'end') this.#fail(this.#next, '} is missing');
      const low = this.#literal(this.#take());
      if (this.#accept('..')) {
        const high = this.#literal(this.#take());
        tests.push((field) => holds('ge', low.compare(field)) && holds('le', high.compare(field)));
      } else tests.push((field) => low.compare(field) === 0);
      this.#accept(',');
    }
    return (packet) => operand.values(packet).some((field) => tests.some((test) => test(field)));
  }

  #literal(token: Token): Literal {
    if (token.kind === 'end' || token.kind === 'operator')
      this.#fail(token, `a value is expected, not ${shown(token)}`);
    const literal = new Literal(token);
    if (!literal.isValid) this.#fail(token, `${shown(token)} is no network`, 'Networks are written as 10.0.0.0/8.');
    return literal;
  }

  #pattern({ kind, text, at }: Token): RegExp {
    if (kind === 'end' || kind === 'operator') this.#fail({ kind, text, at }, 'a pattern is expected');
    const pattern = text.replace(/^\(\?i\)/, '');
    if (pattern.length > LONGEST_PATTERN) this.#fail({ kind, text, at }, 'the pattern is too long');
    if (isExponential(pattern)) {
      this.#fail({ kind, text, at }, 'repetitions or alternatives within repetitions are not allowed');
    }
    try {
      return new RegExp(pattern, 'i');
    } catch {
      this.#fail({ kind, text, at }, `${JSON.stringify(text)} is no regular expression`);
    }
  }

  #fail(token: Token, what: string, advice?: string): never {
    throw new FilterError(this.#filter, token.at, what, advice);
  }
}

/** Whether what stands before it has a value: it is compared, or cut. */
function isOperand(following: Token | undefined): boolean {
  if (following === undefined || following.kind === 'string') return false;
  return following.text === '[' || COMPARISONS.has(following.text.toLowerCase());
}

const isEnd = ({ kind }: Token): boolean => kind === 'end';

function shown({ kind, text }: Token): string {
  return kind === 'end' ? 'the end' : JSON.stringify(text);
}

/** Of all layers; `wirebench.*` are made of the verdicts. */
function fieldsOf(packet: InspectedPacket, name: string): readonly InspectedField[] {
  if (name.startsWith('wirebench.')) return verdictFields(packet, name);
  const found: InspectedField[] = [];
  for (const layer of packet.layers) for (const field of layer.fields) if (field.name === name) found.push(field);
  return found;
}

function verdictFields({ verdicts }: InspectedPacket, name: string): readonly InspectedField[] {
  return verdicts.flatMap(({ code, severity, rule }) => {
    const value = name === 'wirebench.verdict' ? code : name === 'wirebench.severity' ? severity : rule;
    return value === undefined ? [] : [{ name, value }];
  });
}

function applied(name: string, inner: Operand): Operand {
  if (name === 'count') {
    return { name, values: (packet) => [{ name, value: inner.values(packet).length }] };
  }
  const of = (field: InspectedField): Value => {
    const { value } = field;
    if (name === 'len') return bytesOf(field)?.length ?? (typeof value === 'string' ? value.length : 1);
    if (name === 'lower') return String(value).toLowerCase();
    if (name === 'upper') return String(value).toUpperCase();
    return String(value);
  };
  return { name, values: (packet) => inner.values(packet).map((field) => ({ name, value: of(field) })) };
}

/** A repeated group with repetitions or alternatives in it, however deep, may match in ways that double with each character. */
function isExponential(pattern: string): boolean {
  /** Of each group that is open: there is a choice in it. */
  const open = [false];
  for (let at = 0; at < pattern.length; at++) {
    const c = pattern[at]!;
    if (c === '\\') at++;
    else if (c === '[') {
      while (++at < pattern.length && pattern[at] !== ']') if (pattern[at] === '\\') at++;
    } else if (c === '(') {
      open.push(false);
      // `(?:` and the like are no repetition.
      if (pattern[at + 1] === '?') at++;
    } else if (c === ')') {
      const hasChoice = open.pop() === true;
      if (hasChoice && '*+{'.includes(pattern[at + 1] ?? ' ')) return true;
      if (hasChoice) open[open.length - 1] = true;
    } else if ('*+?{|'.includes(c)) open[open.length - 1] = true;
  }
  return false;
}

function matching(operand: Operand, pattern: RegExp): Test {
  return (packet) =>
    operand.values(packet).some(({ value }) => {
      const subject = value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : String(value);
      return pattern.test(subject.slice(0, LONGEST_SUBJECT));
    });
}

/** By the orders of all values, or of all pairs of values. */
function isTrue(comparison: string, orders: readonly (number | undefined)[]): boolean {
  if (comparison === 'ne') return orders.length > 0 && orders.every((one) => one !== 0);
  if (comparison === 'all_eq') return orders.length > 0 && orders.every((one) => one === 0);
  return orders.some((one) => holds(comparison, one));
}

function holds(comparison: string, order: number | undefined): boolean {
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
