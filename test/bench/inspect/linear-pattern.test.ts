// Regular expressions in linear time: they find what the engine of the language finds, and no pattern takes long.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { compilePattern, PatternError } from '../../../src/bench/inspect/linear-pattern.js';
import { testRandom } from '../../support/bytes.js';

const test = suite('linear patterns');

test('find what the engine of JavaScript finds', () => {
  const atoms = [
    'a',
    'b',
    '.',
    '[ab]',
    '[^a]',
    '\\d',
    '\\w',
    '\\s',
    '^',
    '$',
    '\\b',
    '\\B',
    '(a|b)',
    '(?:ab|)',
    '1',
    '-',
    'B',
  ];
  const bounds = ['', '', '', '*', '+', '?', '{2}', '{0,2}', '{1,}', '*?', '+?'];
  const letters = ['a', 'b', 'A', '1', ' ', '-', '\n', 'c'];
  const dice = testRandom(11);
  const one = (): string => {
    const atom = atoms[dice.below(atoms.length)]!;
    return atom + (/^(?:\^|\$|\\b|\\B)$/.test(atom) ? '' : bounds[dice.below(bounds.length)]!);
  };
  for (let round = 0; round < 5_000; round++) {
    let pattern = Array.from({ length: 1 + dice.below(4) }, one).join('');
    if (dice.below(4) === 0) pattern = `(${pattern})${bounds[dice.below(bounds.length)]!}${one()}`;
    if (dice.below(4) === 0) pattern = `${pattern}|${one()}`;
    const text = Array.from({ length: dice.below(9) }, () => letters[dice.below(letters.length)]!).join('');
    // PCRE's dollar is before a last line feed as well, and its dot is a carriage return, too.
    if (text.endsWith('\n')) continue;
    assert.is(
      compilePattern(pattern).test(text),
      new RegExp(pattern, 'i').test(text),
      `${pattern} in ${JSON.stringify(text)}`,
    );
  }
});

// biome-ignore format: a table
const FOUND: readonly (readonly [pattern: string, text: string, found: boolean])[] = [
  ['get', 'GET /', true], ['(?i)GET', 'get', true], ['^a$', 'a\n', true], ['^a\\z', 'a\n', false], ['a\\x62\\x{63}\\061', 'abc1', true],
  ['[[:digit:]]+[^[:space:]]', '12x', true], ['[a-c-]+$', 'ab-', true], ['[]]', ']', true], ['[^]]', ']', false], ['a{,2}', 'a{,2}', true],
  ['a{2}', 'aa', true], ['a{3,}', 'aa', false], ['(?<name>a)b', 'ab', true], ['\\.', 'a', false], ['ü', 'für', true], ['€', '5 €', true],
  ['\\x80-\\xff', '\x80-\xff', true], ['[\\x80-\\xff]{3}', '€', true], ['(){9}x', 'x', true], ['a**', '', true], ['.', '\n', false],
];

test('the syntax of PCRE, octet by octet', () => {
  for (const [pattern, text, found] of FOUND) assert.is(compilePattern(pattern).test(text), found, pattern);
});

test('patterns that make others search for ever are done at once', () => {
  const text = `${'a'.repeat(50_000)}!`;
  for (const pattern of [
    '(a+)+$',
    '(a|aa)+$',
    'a*a*a*a*a*a*b',
    '(a*)*b',
    '(?:a?){20}a{20}b',
    '(.*)(.*)(.*)(.*)x',
    '((a{1,9})+)+b',
  ]) {
    const start = process.hrtime.bigint();
    assert.not.ok(compilePattern(pattern).test(text), pattern);
    assert.ok(process.hrtime.bigint() - start < 5_000_000_000n, pattern);
  }
});

test('what is no pattern, or more than one can be, is refused', () => {
  const wrong = [
    '(',
    ')',
    '[a',
    '*a',
    'a{2,1}',
    '\\',
    '[b-a]',
    '[[:foo:]]',
    '(?=a)',
    '(?<!a)b',
    '(a)\\1',
    'a++',
    '\\p{L}',
    '\\x{100}',
  ];
  const large = [
    'a{1001}',
    '(a{100}){100}',
    '((((a{9}){9}){9}){9}){9}',
    '(){100000000}',
    `${'('.repeat(60)}${')'.repeat(60)}`,
  ];
  for (const pattern of [...wrong, ...large])
    assert.throws(
      () => compilePattern(pattern),
      (error: unknown) => error instanceof PatternError,
      pattern,
    );
});

test('whatever stands in a pattern, it is one or a PatternError', () => {
  const words = [
    'a',
    '(',
    ')',
    '[',
    ']',
    '^',
    '$',
    '|',
    '*',
    '+',
    '?',
    '{',
    '}',
    '{1,',
    '2',
    ',',
    '\\',
    '-',
    'x',
    ':',
    '[:',
    'd:]',
    '.',
    'é',
    '€',
  ];
  const dice = testRandom(3);
  for (let round = 0; round < 20_000; round++) {
    const pattern = Array.from({ length: dice.below(10) }, () => words[dice.below(words.length)]!).join('');
    try {
      compilePattern(pattern).test('aax[]^$(){}12,:-.é€');
    } catch (error) {
      assert.instance(error, PatternError, pattern);
    }
  }
});

test.run();
