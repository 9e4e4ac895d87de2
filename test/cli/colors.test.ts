// Who decides about colour, and which codes the layers have.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type ColorFlag, createPalette, resolveColor } from '../../src/cli/colors.js';

const MATRIX: readonly [flag: ColorFlag, env: Record<string, string>, isTTY: boolean, expected: boolean][] = [
  // --color wins over everything.
  ['always', {}, false, true],
  ['always', { NO_COLOR: '1' }, false, true],
  ['always', { FORCE_COLOR: '0', TERM: 'dumb' }, false, true],
  ['never', {}, true, false],
  ['never', { FORCE_COLOR: '1' }, true, false],
  // NO_COLOR: any value, but not the empty one.
  ['auto', { NO_COLOR: '1' }, true, false],
  ['auto', { NO_COLOR: '0' }, true, false],
  ['auto', { NO_COLOR: '' }, true, true],
  ['auto', { NO_COLOR: '' }, false, false],
  ['auto', { NO_COLOR: '1', FORCE_COLOR: '1' }, true, false],
  ['auto', { NO_COLOR: '', FORCE_COLOR: '1' }, false, true],
  // FORCE_COLOR.
  ['auto', { FORCE_COLOR: '1' }, false, true],
  ['auto', { FORCE_COLOR: 'true' }, false, true],
  ['auto', { FORCE_COLOR: '3', TERM: 'dumb' }, false, true],
  ['auto', { FORCE_COLOR: '0' }, true, false],
  ['auto', { FORCE_COLOR: 'false' }, true, false],
  ['auto', { FORCE_COLOR: '' }, true, true],
  ['auto', { FORCE_COLOR: '' }, false, false],
  // The terminal.
  ['auto', {}, true, true],
  ['auto', {}, false, false],
  ['auto', { TERM: 'dumb' }, true, false],
  ['auto', { TERM: 'xterm-256color' }, false, false],
];

for (const [flag, env, isTTY, expected] of MATRIX) {
  test(`--color ${flag}, ${JSON.stringify(env)}, ${isTTY ? 'terminal' : 'no terminal'}: ${expected ? 'on' : 'off'}`, () => {
    assert.is(resolveColor(flag, env, isTTY), expected);
  });
}

test('each layer has its colour, and every piece ends in a reset', () => {
  const { layers, warning, error } = createPalette(true);
  assert.match(layers.ip('x'), /^\x1b\[36mx.*\x1b\[0m$/);
  assert.match(layers.icmp('x'), /^\x1b\[36mx.*\x1b\[0m$/);
  assert.match(layers.tcp('x'), /^\x1b\[34mx.*\x1b\[0m$/);
  assert.match(layers.tls('x'), /^\x1b\[38;5;214mx.*\x1b\[0m$/);
  assert.match(layers.http1('x'), /^\x1b\[95mx.*\x1b\[0m$/);
  assert.match(layers.http2('x'), /^\x1b\[95mx.*\x1b\[0m$/);
  assert.match(layers.http('x'), /^\x1b\[95mx.*\x1b\[0m$/);
  assert.match(warning('x'), /^\x1b\[33mx.*\x1b\[0m$/);
  assert.match(error('x'), /^\x1b\[31mx.*\x1b\[0m$/);
});

test('without colour nothing is added', () => {
  const { layers, warning, error } = createPalette(false);
  for (const paint of [...Object.values(layers), warning, error]) assert.is(paint('x'), 'x');
});

test.run();
