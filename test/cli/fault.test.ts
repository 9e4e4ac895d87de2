// The value of --fault: what is taken, and what exactly is said about what is not.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseArguments, UsageError } from '../../src/cli/arguments.js';
import { faultPlan } from '../../src/cli/fault.js';
import { type FaultPlan, type FaultSettings, NO_FAULTS } from '../../src/core/faults.js';

const test = suite('--fault');

const some = (settings: Partial<FaultSettings>): FaultSettings => ({ ...NO_FAULTS, ...settings });

const ACCEPTED: readonly [texts: readonly string[], expected: FaultPlan][] = [
  [['drop=2%'], { in: some({ dropPpm: 20_000 }), out: some({ dropPpm: 20_000 }) }],
  [['drop=2%,both'], { in: some({ dropPpm: 20_000 }), out: some({ dropPpm: 20_000 }) }],
  [['in,dup=1%'], { in: some({ duplicatePpm: 10_000 }) }],
  [['corrupt=0.5%,out'], { out: some({ corruptPpm: 5_000 }) }],
  [['reorder=100%,out'], { out: some({ reorderPpm: 1_000_000 }) }],
  [['drop=0.0001%,out'], { out: some({ dropPpm: 1 }) }],
  [['delay=20ms,jitter=500us,in'], { in: some({ delayUs: 20_000, jitterUs: 500 }) }],
  [['delay=1.5ms,jitter=1.5ms,in'], { in: some({ delayUs: 1_500, jitterUs: 1_500 }) }],
  [['delay=1s,in'], { in: some({ delayUs: 1_000_000 }) }],
  [['rate=10mbit,in'], { in: some({ rateBitsPerSecond: 10_000_000 }) }],
  [['rate=2.5gbit,in'], { in: some({ rateBitsPerSecond: 2_500_000_000 }) }],
  [['drop=1%,in', 'delay=5ms,out'], { in: some({ dropPpm: 10_000 }), out: some({ delayUs: 5_000 }) }],
  [['drop=1%, delay=5ms , in'], { in: some({ dropPpm: 10_000, delayUs: 5_000 }) }],
];
for (const [texts, expected] of ACCEPTED) {
  test(`takes ${texts.join(' and ')}`, () => assert.equal(faultPlan('--fault', texts), expected));
}

const REFUSED: readonly [texts: readonly string[], message: string, suggestion?: RegExp][] = [
  [[''], '--fault: "" is no fault', /The form is drop=2%/],
  [['in'], '--fault: "in" names no fault', /The form is/],
  [['dropp=2%'], '--fault: "dropp=2%" is no fault', /Did you mean drop\?/],
  [['dorp=2%'], '--fault: "dorp=2%" is no fault', /Did you mean drop\?/],
  [['constructor=1'], '--fault: "constructor=1" is no fault'],
  [['drop'], '--fault: drop needs a value', /The form is/],
  [['drop=2'], '--fault: drop: "2" is no share (like 2% or 0.5%)'],
  [['drop=-2%'], '--fault: drop: "-2%" is no share (like 2% or 0.5%)'],
  [['drop=0.00001%'], '--fault: drop: "0.00001%" is no share (like 2% or 0.5%)'],
  [['drop=101%'], '--fault: drop: 101% is more than 100%'],
  [['delay=20'], '--fault: delay: "20" is no time (like 20ms, 500us or 1s)'],
  [['delay=0.5us'], '--fault: delay: "0.5us" is no time (like 20ms, 500us or 1s)'],
  [['delay=61s'], '--fault: delay: 61s is longer than 60 s'],
  [['jitter=5ms'], '--fault: the jitter is larger than the delay', /cannot arrive/],
  [['rate=10mb'], '--fault: rate: "10mb" is no rate (like 10mbit, 256kbit or 1gbit)'],
  [['rate=10bit'], '--fault: rate: 10bit is out of range (1kbit to 100gbit)'],
  [['drop=1%,drop=2%'], '--fault: drop is given twice in "drop=1%,drop=2%"'],
  [['drop=1%,in,out'], '--fault: both "in" and "out" in "drop=1%,in,out"'],
  [['drop=1%,in', 'dup=1%,both'], '--fault: the direction "in" is given twice', /do not overlap/],
  [['drop=1%', 'dup=1%'], '--fault: the direction "in" is given twice'],
];
for (const [texts, message, suggestion] of REFUSED) {
  test(`refuses ${texts.join(' and ') || 'nothing'}`, () => {
    try {
      faultPlan('--fault', texts);
    } catch (error) {
      assert.instance(error, UsageError);
      assert.is((error as UsageError).message, message);
      if (suggestion) assert.match((error as UsageError).suggestion ?? '', suggestion);
      return;
    }
    assert.unreachable('accepted');
  });
}

test('the command line takes it once or for each direction', () => {
  const both = parseArguments(['--fault', 'drop=1%,in', '--fault=dup=2%,out'], {});
  assert.ok(both.command === 'serve');
  assert.equal(both.options.faults, { in: some({ dropPpm: 10_000 }), out: some({ duplicatePpm: 20_000 }) });
  const none = parseArguments([], {});
  assert.ok(none.command === 'serve');
  assert.is(none.options.faults, undefined);
});

test('modes without a device say that it has no effect', () => {
  const result = parseArguments(['--mode', 'tcp', '--fault', 'drop=1%'], {});
  assert.ok(result.command === 'serve');
  assert.equal(result.notices, ['--fault has no effect in mode tcp']);
});

test.run();
