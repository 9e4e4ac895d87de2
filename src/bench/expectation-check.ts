// Whether an expectation can be met at all: a field that is misspelt where a value may stand is a text to the parser of filters, and
// so is a word where a number belongs. Both would be unmet by every answer, or met by none, without a word about it.

import { FilterError, type Token, tokensOf } from './inspect/filter-lexer.js';
import { nearestName } from './nearest.js';

/** What of the table of fields is asked for. */
interface Names {
  isKnown(name: string): boolean;
  names(): Iterable<string>;
}

/** What a value of a field may be; undefined: any text. */
interface Kind {
  readonly fits: (text: string) => boolean;
  readonly what: string;
}

const NUMBER: Kind = { fits: (text) => /^[0-9]+$/.test(text), what: 'a number' };
const KINDS: readonly (readonly [field: RegExp, kind: Kind])[] = [
  // RFC 9110 §15: three digits.
  [/\.status$/, { fits: (text) => /^[1-9][0-9]{2}$/.test(text), what: 'a status code, of three digits' }],
  [/\.content\.length$/, NUMBER],
  [/\.content\.sha256$/, { fits: (text) => /^[0-9a-f]{32}$/.test(text), what: '32 hex digits in lower case' }],
  [
    /^http\.version$/,
    { fits: (text) => ['http/1.0', 'http/1.1', 'h2'].includes(text), what: 'http/1.0, http/1.1 or h2' },
  ],
  [
    /^http\.path$/,
    { fits: (text) => /^(\/|\*$|[a-z]+:\/\/)/.test(text), what: 'a request target, which begins with /' },
  ],
  // RFC 9110 §9.1: case-sensitive, and those that there are have capital letters.
  [/^http\.method$/, { fits: (text) => text !== text.toLowerCase(), what: 'a method, in capital letters' }],
];

const EQUALITIES = new Set(['==', 'eq', 'any_eq', '!=', 'ne', 'all_ne', '~=', 'any_ne', '===', 'all_eq']);
const ORDERS = new Set(['<', 'lt', '<=', 'le', '>', 'gt', '>=', 'ge']);

/** Of an expression that parses. Raises FilterError. */
export function checkExpectation(text: string, fields: Names): void {
  const tokens = tokensOf(text);
  for (const [at, token] of tokens.entries()) {
    if (token.kind === 'string' || token.kind === 'end') continue;
    const operator = token.text.toLowerCase();
    const isEquality = EQUALITIES.has(operator);
    const left = leftOf(tokens, at);
    if (left === undefined) continue;
    if (isEquality || ORDERS.has(operator)) checkValue(text, left, tokens[at + 1]!, isEquality, fields);
    else if (operator === 'in') {
      for (let next = at + 2; tokens[next]!.kind !== 'end' && tokens[next]!.text !== '}'; next++) {
        // In a range the numbers are places and not values.
        const isRange = tokens[next + 1]!.text === '..' || tokens[next - 1]!.text === '..';
        if (tokens[next]!.kind !== 'operator') checkValue(text, left, tokens[next]!, !isRange, fields);
      }
    }
  }
}

/** The field before an operator, or `len` and `count`, which are numbers. */
function leftOf(tokens: readonly Token[], at: number): string | undefined {
  const before = tokens[at - 1];
  if (before?.kind === 'word') return before.text.toLowerCase();
  const name = tokens[at - 4]?.text.toLowerCase();
  return before?.text === ')' && (name === 'len' || name === 'count') ? name : undefined;
}

function kindOf(field: string): Kind | undefined {
  if (field === 'len' || field === 'count') return NUMBER;
  return KINDS.find(([pattern]) => pattern.test(field))?.[1];
}

function checkValue(filter: string, left: string, value: Token, isEquality: boolean, fields: Names): void {
  const isField = left === 'len' || left === 'count' || fields.isKnown(left);
  if (!isField || value.kind === 'end' || value.kind === 'operator') return;
  const { text, at } = value;
  const word = text.toLowerCase();
  const kind = kindOf(left);
  const isWord = value.kind === 'word';
  if (isWord && fields.isKnown(word)) {
    if (isNumber(left) === isNumber(word)) return;
    throw new FilterError(filter, at, `${left} and ${word} are of different kinds: none is ever the other`);
  }
  const near = isWord && !/^[0-9]/.test(word) ? nearestName(word, [...fields.names()]) : undefined;
  const meant = near === undefined ? undefined : `Did you mean ${near}?`;
  if (isWord && LIKE_A_FIELD.test(word)) {
    const advice = meant ?? 'A text that looks like a field is put in quotation marks.';
    throw new FilterError(filter, at, `unknown field ${JSON.stringify(text)}`, advice);
  }
  const fits = isEquality ? kind?.fits : isNumber(left) ? NUMBER.fits : undefined;
  // A number in quotation marks is a text.
  if (fits === undefined || (fits(text) && (isWord || !isNumber(left)))) return;
  const wanted = isEquality ? kind!.what : 'a number';
  const quoted = isWord ? JSON.stringify(text) : `the text ${JSON.stringify(text)}`;
  throw new FilterError(filter, at, `${quoted} can be no ${left}`, meant ?? `It is ${wanted}.`);
}

/** As the fields of a request or an answer are called, whatever stands before the first dot. */
const LIKE_A_FIELD =
  /^(?:(?:http|recorded)\..*|[a-z]+\.(?:status|method|path|authority|version|content\.(?:length|sha256)|header\.[a-z0-9_-]+))$/;

function isNumber(field: string): boolean {
  return field === 'len' || field === 'count' || /\.(?:status|content\.length)$/.test(field);
}
