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
const SHORTER = `${LONGEST_FILTER} characters are the most.`;
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
  '-',
];
const RAW_OR_NOT = /^r?["']/;
/** Names, numbers, addresses, networks, bytes with colons. */
const WORD = /[A-Za-z0-9_][A-Za-z0-9_.:/-]*|::[A-Fa-f0-9:.]*(?:\/[0-9]+)?/y;

export function tokensOf(filter: string): Token[] {
  if (filter.length > LONGEST_FILTER)
    throw new FilterError(filter.slice(0, 40), LONGEST_FILTER, 'the filter is too long', SHORTER);
  const tokens: Token[] = [];
  for (let at = 0; at < filter.length; ) {
    const c = filter[at]!;
    if (c === ' ' || c === '\t' || c === '\n' || c === '\r') {
      at++;
      continue;
    }
    if (RAW_OR_NOT.test(filter.slice(at, at + 2))) {
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
    if (operator === undefined)
      throw new FilterError(filter, at, `${JSON.stringify(c)} means nothing here`, 'Text stands in quotation marks.');
    tokens.push({ kind: 'operator', text: operator, at });
    at += operator.length;
  }
  tokens.push({ kind: 'end', text: '', at: filter.length });
  return tokens;
}

/** Of C, as Wireshark has them. */
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  "'": "'",
  '\\': '\\',
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};
const NUMBERED = /x([0-9A-Fa-f]{1,2})|([0-7]{1,3})/y;

/** With an `r` before it a string is raw: a backslash in it stands for itself, and for the mark behind it as well. */
function readString(filter: string, start: number): { text: string; end: number } {
  const isRaw = filter[start] === 'r';
  const quoteAt = isRaw ? start + 1 : start;
  const quote = filter[quoteAt];
  let text = '';
  for (let at = quoteAt + 1; at < filter.length; at++) {
    const c = filter[at]!;
    if (c === quote) return { text, end: at + 1 };
    if (c !== '\\') {
      text += c;
      continue;
    }
    const next = filter[++at];
    if (next === undefined) break;
    if (isRaw) {
      text += `\\${next}`;
      continue;
    }
    NUMBERED.lastIndex = at;
    const [digits, hex, octal = ''] = NUMBERED.exec(filter) ?? [];
    if (digits === undefined) {
      text += ESCAPES[next] ?? noEscape(filter, at - 1);
      continue;
    }
    text += String.fromCharCode((hex === undefined ? Number.parseInt(octal, 8) : Number.parseInt(hex, 16)) & 0xff);
    at += digits.length - 1;
  }
  throw new FilterError(
    filter,
    start,
    'this string has no end',
    'Close it with the quotation mark that it began with.',
  );
}

function noEscape(filter: string, at: number): never {
  const advice = 'Write the backslash twice, or the string as r"...".';
  throw new FilterError(filter, at, `${JSON.stringify(filter.slice(at, at + 2))} means nothing in a string`, advice);
}
