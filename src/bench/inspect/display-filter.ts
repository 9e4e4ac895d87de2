// Wireshark's display filter language (wireshark-filter(4)): a text becomes a function over packets. Fields are compared by value, or
// by the name of their value (`http2.type == HEADERS`). `!=` is true when no value equals, as since Wireshark 4.

import { type FieldTable, INSPECTED_FIELDS, nearestField } from './fields.js';
import {
  areAlike,
  type Complaint,
  complaintOf,
  isNumber,
  kindText,
  namedValue,
  searchComplaint,
} from './filter-check.js';
import { FilterError, type Token, tokensOf } from './filter-lexer.js';
import {
  applied,
  asText,
  cutOf,
  fieldsOf,
  finding,
  holds,
  isTrue,
  layerBytes,
  matcher,
  type Operand,
  type Quantifier,
  type Test,
  type Value,
} from './filter-operands.js';
import { bytesOf, Literal, numberOf, order } from './filter-values.js';
import { compilePattern, type LinearPattern, PatternError } from './linear-pattern.js';
import type { DisplayFilter, InspectedField } from './types.js';

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
      // Without fields what stands between Ethernet and IP is not looked at.
      if (name === 'arp' || name === 'vlan') this.needsFields = true;
      return (packet) => packet.layers.some((layer) => layer.name === name);
    }
    const quantifier = this.#quantifier();
    const operand = this.#operand();
    if (this.#accept('&', 'bitand', 'bitwise_and')) return this.#bits(operand, quantifier);
    return this.#test(operand, quantifier, (packet) => operand.values(packet).length > 0);
  }

  /** `any tcp.port == 80`; a field of that name there is none. */
  #quantifier(): Quantifier {
    const { kind, text } = this.#next;
    const word = text.toLowerCase();
    if (kind !== 'word' || (word !== 'any' && word !== 'all')) return undefined;
    this.#at++;
    return word;
  }

  /** What follows an operand: a comparison, or nothing, and then `alone` decides. */
  #test(operand: Operand, quantifier: Quantifier, alone: Test): Test {
    const token = this.#next;
    const comparison = token.kind === 'string' ? undefined : COMPARISONS.get(token.text.toLowerCase());
    if (comparison === undefined) {
      if (token.kind === 'word' && !CONNECTIVES.has(token.text.toLowerCase()))
        this.#fail(token, `${shown(token)} is no comparison`, 'Comparisons are ==, !=, <, >, contains, matches, in.');
      if (quantifier !== undefined) this.#fail(token, `a comparison is expected after ${quantifier} ${operand.name}`);
      return alone;
    }
    this.#at++;
    return this.#compare(operand, comparison, quantifier);
  }

  #bits(operand: Operand, quantifier: Quantifier): Test {
    const token = this.#take();
    const masked = this.#masked(operand, token);
    return this.#test(masked, quantifier, (packet) =>
      masked
        .values(packet)
        .some(({ value }) => (value instanceof Uint8Array ? value.some((byte) => byte !== 0) : value !== 0)),
    );
  }

  #masked(operand: Operand, token: Token): Operand {
    const { name, type } = operand;
    if (type === 'bytes' || type === 'mac') {
      const mask = this.#literalOf(operand, token).bytes;
      const and = (value: Value): Value =>
        value instanceof Uint8Array ? value.subarray(0, mask.length).map((byte, at) => byte & mask[at]!) : value;
      return { name, type, values: (packet) => operand.values(packet).map((one) => ({ name, value: and(one.value) })) };
    }
    const mask = token.kind === 'word' ? numberOf(token.text) : undefined;
    if (mask === undefined) this.#fail(token, `a number is expected, not ${shown(token)}`);
    this.#check(token, complaintOf({ name: '', type }, token, this.#fields));
    if (type !== undefined && !isNumber(type)) this.#fail(token, `${name} is ${kindText(type)} and has no bits`);
    return {
      name,
      type,
      values: (packet) =>
        operand.values(packet).map(({ value }) => ({
          name,
          value: typeof value === 'number' ? (value & mask) >>> 0 : 0,
        })),
    };
  }

  #operand(): Operand {
    const token = this.#take();
    if (token.kind !== 'word') this.#fail(token, `a field is expected, not ${shown(token)}`);
    const word = token.text.toLowerCase();
    if (FUNCTIONS.has(word) && this.#accept('(')) {
      const inner = this.#operand();
      this.#expect(')');
      return applied(word, word === 'len' ? (inner.header ?? inner) : inner);
    }
    if (this.#fields.layers.has(word)) {
      if (word !== 'frame') this.needsFields = true;
      const header: Operand = { name: word, type: 'bytes', values: (packet) => layerBytes(packet, word, true) };
      if (this.#accept('[')) return this.#slice(header);
      return { ...header, values: (packet) => layerBytes(packet, word, false), header };
    }
    if (!this.#fields.isKnown(word)) {
      const near = nearestField(word, this.#fields);
      const advice = near === undefined ? this.#fields.advice : `Did you mean ${near}?`;
      this.#fail(token, `unknown field ${JSON.stringify(token.text)}`, advice);
    }
    this.needsFields = true;
    const field: Operand = {
      name: word,
      type: this.#fields.typeOf(word),
      values: (packet) => fieldsOf(packet, word),
    };
    return this.#accept('[') ? this.#slice(field) : field;
  }

  /** `[i]`, `[i:length]`, `[i-j]`, `[:length]`, `[i:]`, and several of them behind each other with commas. */
  #slice(field: Operand): Operand {
    const open = this.#tokens[this.#at - 1]!;
    const close = this.#filter.indexOf(']', open.at);
    const parts = this.#filter.slice(open.at + 1, Math.max(close, open.at)).split(',');
    const cuts = parts.map((part) => cutOf(part));
    if (close < 0 || cuts.includes(undefined))
      this.#fail(open, 'this is no slice', 'Slices are [4], [0:2], [0-3], [:4] and [4:].');
    if (isNumber(field.type) || field.type === 'presence')
      this.#fail(open, `${field.name} is ${kindText(field.type)} and has no bytes`);
    while (this.#next.at <= close && this.#next.kind !== 'end') this.#at++;
    const cut = (value: Uint8Array): Uint8Array | undefined => {
      const pieces = cuts.flatMap((one) => one!(value) ?? []);
      if (pieces.length < cuts.length) return undefined;
      return pieces.length === 1 ? pieces[0] : Buffer.concat(pieces);
    };
    return {
      name: field.name,
      type: field.type === 'text' || field.type === undefined ? field.type : 'bytes',
      // Of what is shorter than a slice says there is none.
      values: (packet) =>
        field.values(packet).flatMap((one) => {
          const value = cut(bytesOf(one) ?? Buffer.from(String(one.value), 'latin1'));
          return value === undefined ? [] : [{ name: one.name, value }];
        }),
    };
  }

  #compare(operand: Operand, comparison: string, quantifier: Quantifier): Test {
    if (comparison === 'in') return this.#membership(operand, quantifier);
    const token = this.#take();
    if (comparison === 'matches' || comparison === 'contains') {
      if (comparison === 'contains' && this.#isOperand(token)) return this.#containing(operand, token, quantifier);
      this.#expectValue(token, comparison === 'matches' ? 'a pattern is expected' : undefined);
      this.#check(token, searchComplaint(comparison, operand, token, this.#fields));
      if (comparison === 'matches') return finding(operand, quantifier, matcher(this.#pattern(token)));
      const wanted = new Literal(token);
      return finding(operand, quantifier, (field) => wanted.isIn(field));
    }
    // Two fields with each other: each value of one with each of the other.
    if (this.#isOperand(token)) {
      this.#at--;
      const right = this.#operand();
      if (!areAlike(operand.type, right.type)) {
        const what = `${operand.name} is ${kindText(operand.type)} and ${right.name} ${kindText(right.type)}`;
        this.#fail(token, `${what}: they cannot be compared`);
      }
      return (packet) => {
        const others = right.values(packet);
        const orders = operand.values(packet).flatMap((a) => others.map((b) => order(a.value, b.value)));
        return isTrue(comparison, quantifier, orders);
      };
    }
    const literal = this.#literalOf(operand, token);
    return (packet) =>
      isTrue(
        comparison,
        quantifier,
        operand.values(packet).map((field) => literal.compare(field)),
      );
  }

  /** `contains` with a field on its right. */
  #containing(operand: Operand, token: Token, quantifier: Quantifier): Test {
    this.#at--;
    const right = this.#operand();
    for (const side of [operand, right]) {
      if (isNumber(side.type) || side.type === 'presence')
        this.#fail(token, `${side.name} is ${kindText(side.type)}, and contains asks about text and bytes`);
    }
    return (packet) => {
      const others = right.values(packet).map(({ value }) => asText(value));
      return finding(operand, quantifier, ({ value }) => others.some((one) => asText(value).includes(one)))(packet);
    };
  }

  /** A field, or a function of one. */
  #isOperand({ kind, text }: Token): boolean {
    if (kind !== 'word') return false;
    const word = text.toLowerCase();
    const following = this.#next;
    if (FUNCTIONS.has(word)) return following.kind === 'operator' && following.text === '(';
    if (this.#fields.layers.has(word)) return following.kind === 'operator' && following.text === '[';
    return this.#fields.isKnown(word) && numberOf(text) === undefined;
  }

  #membership(operand: Operand, quantifier: Quantifier): Test {
    this.#expect('{');
    const tests: ((field: InspectedField) => boolean)[] = [];
    if (this.#accept('}')) this.#fail(this.#tokens[this.#at - 1]!, 'there is nothing in this set');
    while (!this.#accept('}')) {
      if (this.#next.kind === 'end') this.#fail(this.#next, '} is missing');
      const low = this.#literalOf(operand, this.#take());
      if (this.#accept('..')) {
        const high = this.#literalOf(operand, this.#take());
        tests.push((field) => holds('ge', low.compare(field)) && holds('le', high.compare(field)));
      } else tests.push((field) => low.compare(field) === 0);
      this.#accept(',');
    }
    return finding(operand, quantifier, (field) => tests.some((test) => test(field)));
  }

  #literalOf(operand: Operand, token: Token): Literal {
    this.#expectValue(token);
    this.#check(token, complaintOf(operand, token, this.#fields));
    const literal = new Literal(token, namedValue(operand, token, this.#fields));
    if (!literal.isValid) this.#fail(token, `${shown(token)} is no network`, 'Networks are written as 10.0.0.0/8.');
    return literal;
  }

  #expectValue(token: Token, what = `a value is expected, not ${shown(token)}`): void {
    if (token.kind === 'end' || token.kind === 'operator') this.#fail(token, what);
  }

  #check(token: Token, complaint: Complaint | undefined): void {
    if (complaint !== undefined) this.#fail(token, complaint.what, complaint.advice);
  }

  #pattern(token: Token): LinearPattern {
    if (token.text.length > LONGEST_PATTERN) this.#fail(token, 'the pattern is too long');
    try {
      return compilePattern(token.text);
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
      this.#fail(token, `${shown(token)} is no regular expression: ${error.message}`);
    }
  }

  #fail(token: Token, what: string, advice?: string): never {
    throw new FilterError(this.#filter, token.at, what, advice ?? this.#fields.advice);
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
