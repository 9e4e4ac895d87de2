// Answers in a recording: every kind there and back, and every length and type looked at.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ANSWER_TAG, decodeAnswer, encodeAnswer, type RecordedInput } from '../../src/bench/recording-answer.js';
import { decodeBlock } from '../../src/bench/recording-format.js';
import type { Answer } from '../../src/core/http/message.js';
import { limits } from '../../src/core/limits.js';
import { ascii, concat } from '../support/bytes.js';

const TOKEN = '10.0.0.1:50000>10.0.0.2:443#0/3';
const answers: readonly Answer[] = [
  { kind: 'response', status: 204, headers: [] },
  { kind: 'response', status: 200, headers: [['a', 'b\u00fc"\\']], content: ascii('hello') },
  { kind: 'response', status: 200, headers: [['a', 'b']], content: new Uint8Array(0), trailers: [['t', 'u']] },
  { kind: 'response', status: 200, headers: [], content: 'follows' },
  { kind: 'response', status: 200, headers: [], content: 'follows', length: 9 },
  { kind: 'content', bytes: Uint8Array.of(0, 10, 255, 0), end: false },
  { kind: 'content', bytes: new Uint8Array(limits.http.answerPieceBytes), end: false },
  { kind: 'content', bytes: new Uint8Array(0), end: true, trailers: [['t', 'u']] },
  { kind: 'read', maxBytes: 65_536 },
  { kind: 'pass' },
  { kind: 'fail' },
];

test('every answer is read as it was written, and its block is a multiple of 4 bytes', () => {
  for (const answer of answers) {
    const input: RecordedInput = { atUs: 5, token: TOKEN, answer };
    const block = encodeAnswer(input);
    assert.is(block.length % 4, 0);
    assert.equal(decodeAnswer(block), input);
    assert.equal(decodeBlock(block), { kind: 'answer', input });
  }
});

test('a block that was cut anywhere is no answer, and nothing is thrown', () => {
  const block = encodeAnswer({ atUs: 5, token: TOKEN, answer: answers[1]! });
  for (let length = ANSWER_TAG.length; length < block.length - 4; length++) {
    assert.type(decodeAnswer(block.subarray(0, length)), 'string');
  }
});

const content = { atUs: 1, token: 'a#0/1', kind: 'content', bytes: 3, end: false };
const response = { atUs: 1, token: 'a#0/1', kind: 'response', status: 200, headers: [] };
const wrong: readonly (readonly [string, unknown, RegExp])[] = [
  ['a list', [], /not a JSON object/],
  ['no time', { ...content, atUs: -1 }, /no time/],
  ['no token', { ...content, token: 5 }, /no token/],
  ['a token without end', { ...content, token: 'a'.repeat(300) }, /no token/],
  ['a kind that is not known', { ...content, kind: 'x' }, /unknown kind/],
  ['more bytes than there are', { ...content, bytes: 4 }, /its length/],
  ['bytes that are no number', { ...content, bytes: '3' }, /its length/],
  ['more than one answer may have', { ...content, bytes: limits.http.answerPieceBytes + 1 }, /its length/],
  ['an end that is none', { ...content, end: 1 }, /neither true nor false/],
  ['trailers that are no list', { ...content, trailers: {} }, /trailers/],
  ['trailers of numbers', { ...content, trailers: [['a', 1]] }, /trailers/],
  ['no status', { ...response, status: 'x' }, /status/],
  ['no headers', { ...response, headers: undefined }, /headers/],
  ['a header of three', { ...response, headers: [['a', 'b', 'c']] }, /headers/],
  ['a length that is no size', { ...response, length: 1.5 }, /length is no size/],
  ['content that is no number', { ...response, content: 'x' }, /its length/],
  ['a read of nothing', { ...response, kind: 'read' }, /maxBytes/],
];

for (const [name, value, pattern] of wrong) {
  test(`refused: ${name}`, () => {
    const block = concat(ascii(`${ANSWER_TAG}${JSON.stringify(value)}\n`), ascii('abc'));
    const read = decodeAnswer(block);
    assert.type(read, 'string');
    assert.match(read as string, pattern);
    assert.is(decodeBlock(block)?.kind, 'broken');
  });
}

test.run();
