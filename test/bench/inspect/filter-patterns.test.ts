// Patterns of display filters run over what peers chose: none may take time that is exponential in it.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseDisplayFilter } from '../../../src/bench/inspect/display-filter.js';
import { FilterError } from '../../../src/bench/inspect/filter-lexer.js';

const test = suite('patterns of filters');
const parse = (pattern: string) => parseDisplayFilter(`http.request.uri matches ${JSON.stringify(pattern)}`);

for (const pattern of ['(a+)+b', '((a+))+b', '(a|a)*b', '(?:a?){25}b', '(x(a|b)y)+', '([(]a|a)*b', '((a)*c)*']) {
  test(`${pattern} is refused`, () => {
    assert.throws(
      () => parse(pattern),
      (error: unknown) =>
        error instanceof FilterError && error.message.includes('repetitions or alternatives within repetitions'),
    );
  });
}

for (const pattern of ['^/a+$', '(foo|bar)?a', '(?:abc)+', '[(]+[)]*|[a|b]+', '\\(a|b\\)+', '(?=a)b+', '(a|b)c+']) {
  test(`${pattern} is taken`, () => {
    parse(pattern);
  });
}

test.run();
