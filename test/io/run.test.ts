// The live loop between a core and an outside that only take notes: stamps, pauses, and every way a run may end.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Answer } from '../../src/core/http/message.js';
import type { Clock } from '../../src/io/clock.js';
import { Loop, type Presenter } from '../../src/io/run.js';

const test = suite('run');

interface Rig {
  readonly loop: Loop;
  readonly said: string[];
  nowUs: number;
  deadlineUs: number | undefined;
  openFlows: number;
  /** What throws, by the name under which it is noted. */
  readonly failing: Set<string>;
}

function rig(presenter?: Presenter): Rig {
  const said: string[] = [];
  const failing = new Set<string>();
  const note = (what: string): void => {
    said.push(what);
    if (failing.has(what.split(' ')[0]!)) throw new Error(what);
  };
  const clock: Clock = {
    startUnixUs: 0,
    nowUs: () => parts.nowUs,
    freeze: () => note('freeze'),
    thaw: () => note('thaw'),
  };
  const machine = {
    advance: (atUs: number) => note(`advance ${atUs}`),
    nextDeadlineUs: () => parts.deadlineUs,
    close: (atUs: number) => note(`close ${atUs}`),
    abort: (atUs: number) => {
      parts.openFlows = 0;
      note(`abort ${atUs}`);
    },
    respond: (atUs: number, token: string) => note(`respond ${token} ${atUs}`),
    get openFlows() {
      return parts.openFlows;
    },
  };
  const outside = {
    flush: () => note('flush'),
    stopInput: () => note('stopInput'),
    startInput: () => note('startInput'),
    answer: (atUs: number, token: string) => note(`answer ${token} ${atUs}`),
    event: (kind: string, atUs: number) => note(`event-${kind} ${atUs}`),
    shut: () => note('shut'),
  };
  const parts: Rig = {
    loop: new Loop(machine, clock, outside, presenter),
    said,
    failing,
    nowUs: 0,
    deadlineUs: undefined,
    openFlows: 0,
  };
  return parts;
}

/** Gives an input at `nowUs`; its stamp. */
function input(parts: Rig, nowUs: number): number {
  parts.nowUs = nowUs;
  const atUs = parts.loop.begin();
  parts.loop.finish();
  return atUs;
}

async function failureOf(loop: Loop): Promise<string> {
  try {
    await loop.done;
    return 'none';
  } catch (error) {
    return (error as Error).message;
  }
}

test('an input that waited behind a deadline is stamped just before it, and stamps never go back', () => {
  const parts = rig();
  assert.is(input(parts, 100), 100);
  parts.deadlineUs = 150;
  assert.is(input(parts, 400), 149);
  parts.deadlineUs = 150;
  assert.is(input(parts, 90), 149);
  parts.deadlineUs = 500;
  assert.is(input(parts, 400), 400);
  parts.loop.fail(undefined);
});

test('an orderly end waits for the open flows and says when they are gone', async () => {
  const parts = rig();
  parts.openFlows = 1;
  input(parts, 10);
  parts.nowUs = 20;
  parts.loop.stop();
  assert.not(parts.loop.ended);
  parts.openFlows = 0;
  input(parts, 30);
  await parts.loop.done;
  assert.equal(parts.said, [
    'flush',
    'close 20',
    'event-close 20',
    'flush',
    'flush',
    'stopInput',
    'event-end 30',
    'shut',
  ]);
});

test('a second stop ends at once and resets who is still connected', async () => {
  const parts = rig();
  parts.openFlows = 1;
  parts.loop.stop();
  parts.nowUs = 7;
  parts.loop.stop();
  await parts.loop.done;
  assert.equal(parts.said.slice(3), ['stopInput', 'abort 7', 'event-abort 7', 'flush', 'event-end 7', 'shut']);
});

test('a stop during a pause brings the held outputs out first', async () => {
  let release = (): void => {};
  const presenter: Presenter = {
    hasPending: true,
    present: () =>
      new Promise((resolve) => {
        release = () => resolve('quit');
      }),
  };
  const parts = rig(presenter);
  parts.openFlows = 1;
  input(parts, 5);
  assert.ok(parts.loop.paused);
  assert.equal(parts.said, ['freeze', 'stopInput']);
  parts.loop.stop();
  release();
  await parts.loop.done;
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(parts.said.slice(2), [
    ...['stopInput', 'flush', 'abort 5', 'event-abort 5', 'flush', 'event-end 5', 'shut'],
    'thaw',
  ]);
});

test('a recording that fails while a pause ends is the error of the run', async () => {
  const parts = rig({ hasPending: true, present: async () => 'go-on' });
  parts.failing.add('flush');
  input(parts, 5);
  assert.is(await failureOf(parts.loop), 'flush');
  assert.ok(parts.said.includes('shut'));
});

test('whatever fails at the end, the outside is shut and the first error is told', async () => {
  const parts = rig();
  for (const what of ['stopInput', 'event-end', 'shut']) parts.failing.add(what);
  parts.loop.fail(new Error('the disk is full'));
  assert.is(await failureOf(parts.loop), 'the disk is full');
  assert.equal(parts.said, ['stopInput', 'event-end 0', 'shut']);
});

test('a core or a recording that fails at the stop is the error of the run', async () => {
  for (const what of ['close', 'event-close', 'flush']) {
    const parts = rig();
    parts.failing.add(what);
    parts.loop.stop();
    assert.match(await failureOf(parts.loop), new RegExp(`^${what}`));
    assert.is(parts.said.at(-1), 'shut');
  }
});

test('after an error of the core nothing more is asked of it', async () => {
  const parts = rig();
  parts.openFlows = 3;
  parts.loop.fail(new Error('made no progress'));
  assert.is(await failureOf(parts.loop), 'made no progress');
  assert.not(parts.said.some((what) => what.startsWith('abort')));
});

const ANSWER: Answer = { kind: 'pass' };

test('answers of one turn are recorded before the core gets them, and leave together', async () => {
  const parts = rig();
  parts.nowUs = 5;
  parts.loop.respond('a', ANSWER);
  parts.nowUs = 6;
  parts.loop.respond('b', ANSWER);
  const given = ['advance 5', 'answer a 5', 'respond a 5', 'advance 6', 'answer b 6', 'respond b 6'];
  assert.equal(parts.said, given);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(parts.said, [...given, 'flush']);
});

test('what came of an answer leaves before another input is taken, and at the end of the run', async () => {
  const parts = rig();
  parts.nowUs = 5;
  parts.loop.respond('a', ANSWER);
  input(parts, 7);
  assert.equal(parts.said.slice(3), ['flush', 'flush']);
  parts.loop.respond('b', ANSWER);
  parts.loop.stop();
  await parts.loop.done;
  const rest = parts.said.slice(5);
  assert.equal(rest.slice(0, 5), ['advance 7', 'answer b 7', 'respond b 7', 'flush', 'close 7']);
  const length = parts.said.length;
  parts.loop.respond('c', ANSWER);
  await new Promise((resolve) => setImmediate(resolve));
  assert.is(parts.said.length, length);
});

test('an answer that comes during a pause waits for its end, and is stamped then', async () => {
  let goOn = (_verdict: 'go-on'): void => {};
  let pending = true;
  const parts = rig({
    get hasPending() {
      return pending;
    },
    present: () =>
      new Promise((resolve) => {
        goOn = resolve;
      }),
  });
  input(parts, 5);
  parts.nowUs = 9;
  parts.loop.respond('a', ANSWER);
  assert.not(parts.said.some((what) => what.startsWith('answer')));
  pending = false;
  goOn('go-on');
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(
    parts.said.filter((what) => what !== 'flush'),
    ['freeze', 'stopInput', 'thaw', 'advance 9', 'answer a 9', 'respond a 9', 'startInput'],
  );
});

test('an answer that cannot be recorded is the error of the run', async () => {
  const parts = rig();
  parts.failing.add('answer');
  parts.loop.respond('a', ANSWER);
  assert.is(await failureOf(parts.loop), 'answer a 0');
});

test.run();
