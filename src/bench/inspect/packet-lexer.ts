// Packet filters as tokens. Addresses, networks and ranges are one word each; within brackets there are numbers, names and arithmetic.

import { FilterError, type Token } from './filter-lexer.js';

const LONGEST_FILTER = 10_000;
const SHORTER = `${LONGEST_FILTER} characters are the most.`;
const OPERATORS = ['==', '!=', '<=', '>=', '<<', '>>', '&&', '||', ...'<>=!|&^()[]+-*/%:'];
/** A backslash makes a name of what would be a word of the language: `ip proto \tcp`. */
const WORD = /\\?[A-Za-z0-9_][A-Za-z0-9_.:/-]*|::[A-Fa-f0-9:.]*(?:\/[0-9]+)?/y;
const WORD_IN_BRACKETS = /[0-9][A-Za-z0-9]*|[A-Za-z_][A-Za-z0-9_-]*/y;

/** Raises FilterError. */
export function packetTokens(filter: string): Token[] {
  if (filter.length > LONGEST_FILTER)
    throw new FilterError(filter.slice(0, 40), LONGEST_FILTER, 'the filter is too long', SHORTER);
  const tokens: Token[] = [];
  let brackets = 0;
  for (let at = 0; at < filter.length; ) {
    if (' \t\n\r'.includes(filter[at]!)) {
      at++;
      continue;
    }
    const form = brackets > 0 ? WORD_IN_BRACKETS : WORD;
    form.lastIndex = at;
    let text = form.exec(filter)?.[0];
    if (text !== undefined) {
      // `len-14` is arithmetic.
      if (/^len[/-]/.test(text)) text = 'len';
      tokens.push({ kind: 'word', text, at });
      at += text.length;
      continue;
    }
    text = OPERATORS.find((one) => filter.startsWith(one, at));
    if (text === undefined)
      throw new FilterError(
        filter,
        at,
        `${JSON.stringify(filter[at])} means nothing here`,
        'As host 10.0.0.2 and port 443.',
      );
    if (text === '[') brackets++;
    else if (text === ']' && brackets > 0) brackets--;
    tokens.push({ kind: 'operator', text, at });
    at += text.length;
  }
  tokens.push({ kind: 'end', text: '', at: filter.length });
  return tokens;
}
