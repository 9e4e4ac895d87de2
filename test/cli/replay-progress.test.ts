// How far a replay of many captures is, on a terminal.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Progress } from '../../src/cli/replay-progress.js';
import { noTotals, type Totals } from '../../src/cli/reporters/reporter.js';

const test = suite('replay progress');

const NONE: Totals = { ...noTotals(), captures: 1 };

/** What is shown where the standard error is a terminal. */
function shown(totals: Totals): string {
  const { isTTY, write } = process.stderr;
  let text = '';
  const take = (piece: string): boolean => {
    text += piece;
    return true;
  };
  Object.assign(process.stderr, { isTTY: true, write: take });
  try {
    new Progress(9, true).show(totals);
  } finally {
    Object.assign(process.stderr, { isTTY, write });
  }
  return text;
}

test('every way to fail counts, those of a recording that tests too little, too', () => {
  assert.is(shown(NONE), '1 of 9\r');
  for (const way of Object.keys(NONE) as (keyof Totals)[]) {
    const fails = !['captures', 'packets', 'updated', 'notRun'].includes(way);
    assert.is(shown({ ...NONE, [way]: 1 }), fails ? '1 of 9, 1 failed\r' : '1 of 9\r', way);
  }
});

test.run();
