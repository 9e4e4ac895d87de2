// Filter texts as tokens, each with its place, and the one error that filters raise: what is wrong, where, and what may be meant.

export class FilterError extends Error {
  override readonly name = 'FilterError';
  /** In characters from the beginning of the filter. */
  readonly position: number;
  readonly advice: string | undefined;

  constructor(filter: string, position: number, what: string, advice?: string) {
    super(`filter: ${what} at character ${position + 1} of ${JSON.stringify(filter)}`);
    this.position = position;
    this.advice = advice;
  }
}

export interface Token {
  readonly kind: 'word' | 'string' | 'operator' | 'end';
  readonly text: string;
  readonly at: number;
}

/** No filter that a person writes is as long. */
const LONGEST_FILTER = 10_000;
const OPERATORS = [
  '===',
  '!==',
  '==',
  '!=',
  '~=',
  '<=',
  '>=',
  '&&',
  '||',
  '^^',
  '..',
  '<',
  '>',
  '=',
  '!',
  '|',
  '(',
  ')',
  '{',
  '}',
  '[',
  ']',
  ',',
  '&',
  '~',
  ':',
];
/** Names, numbers, addresses, networks, bytes with colons. */
const WORD = /[A-Za-z0-9_][A-Za-z0-9_.:/-]*|::[A-Fa-f0-9:.]*(?:\/[0-9]+)?/y;

export function tokensOf(filter: string): Token[] {
  if (filter.length > LONGEST_FILTER)
    throw new FilterError(filter.slice(0, 40), LONGEST_FILTER, 'the filter is too long');
  const tokens: Token[] = [];
  for (let at = 0; at < filter.length; ) {
    const c = filter[at]!;
    if (c === ' ' || c === '\t' || c === '\n' || c === '\r') {
      at++;
      continue;
    }
    if (c === '"' || c === "'") {
      const { text, end } = readString(filter, at);
      tokens.push({ kind: 'string', text, at });
      at = end;
      continue;
    }
    WORD.lastIndex = at;
    let word = WORD.exec(filter)?.[0];
    if (word !== undefined) {
      // A range has its dots between two words.
      const range = word.indexOf('..');
      if (range > 0) word = word.slice(0, range);
      tokens.push({ kind: 'word', text: word, at });
      at += word.length;
      continue;
    }
    const operator = OPERATORS.find((one) => filter.startsWith(one, at));
    if (operator === undefined) throw new FilterError(filter, at, `${JSON.stringify(c)} means nothing here`);
    tokens.push({ kind: 'operator', text: operator, at });
    at += operator.length;
  }
  tokens.push({ kind: 'end', text: '', at: filter.length });
  return tokens;
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '0': '\0' };

function readString(filter: string, start: number): { text: string; end: number } {
  const quote = filter[start];
  let text = '';
  for (let at = start + 1; at < filter.length; at++) {
    const c = filter[at]!;
    if (c === quote) return { text, end: at + 1 };
    if (c !== '\\') {
      text += c;
      continue;
    }
    const hex = /^x([0-9A-Fa-f]{2})/.exec(filter.slice(at + 1));
    if (hex !== null) {
      text += String.fromCharCode(Number.parseInt(hex[1]!, 16));
      at += 3;
      continue;
    }
    const next = filter[++at];
    if (next === undefined) break;
    text += ESCAPES[next] ?? next;
  }
  throw new FilterError(
    filter,
    start,
    'this string has no end',
    'Close it with the quotation mark that it began with.',
  );
}
