// Errors of an application in our process, told from our own by their stacks.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isOurs } from '../../src/cli/blame.js';

const test = suite('blame');

function withStack(...places: string[]): Error {
  const error = new Error('x');
  error.stack = ['Error: x', ...places.map((place) => `    at ${place}`)].join('\n');
  return error;
}

const dist = new URL('../../', import.meta.url).href;
const OURS = [`Loop.respond (${dist}src/io/run.js:1:2)`, `async ${dist}bundle/cli/chunk-A.js:3:4`];
const NODE = 'process.processTimers (node:internal/timers:523:7)';

test('a stack of our own files and of Node’s is ours', () => {
  assert.ok(isOurs(withStack(...OURS, NODE)));
  assert.ok(isOurs(withStack(`Object.<anonymous> (${new URL(dist).pathname}src/io/run.js:1:2)`)));
});

test('any file of another, Node’s alone, and what has no stack, is not', () => {
  for (const place of [
    'file:///srv/app.mjs:1:2',
    'Timeout.<anonymous> (/srv/app.cjs:1:2)',
    'async f (file:///srv/a b.mjs:1:2)',
  ]) {
    assert.not(isOurs(withStack(place, ...OURS, NODE)), place);
  }
  assert.not(isOurs(withStack(NODE)));
  for (const thrown of ['text', undefined, null, { stack: OURS[0] }]) assert.not(isOurs(thrown));
});

test.run();
