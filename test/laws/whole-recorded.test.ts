// The laws of the whole system on recorded input, TLS and HTTP included: what comes out is a function of config, seed and
// timed input. Each bundled capture is run again with everything changed that is no input of its connections.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Micros } from '../../src/core/types.js';
import { testRandom } from '../support/bytes.js';
import { HttpsClient, http1Requests } from '../support/https-client.js';
import { createIntruder, type Intruder } from '../support/intruder.js';
import {
  type Core,
  keepTrace,
  loadRuns,
  makeCore,
  type Output,
  play,
  type RecordedRun,
  recordedOutputs,
  sameOutputs,
  type TimedInput,
} from '../support/recorded.js';

const test = suite('laws of the whole system on recorded input');

const runs = await loadRuns();
/** Small ones are run with many seeds, large ones with few. */
const roundsOf = (run: RecordedRun): number => (run.inputs.length > 100 ? 4 : 12);
const reference = new Map(runs.map((run) => [run, play(makeCore(run.identity), run.inputs)]));
const expectedOf = (run: RecordedRun): Output[] => reference.get(run)!;

/** Long enough for most retransmissions, linger timers and TIME-WAIT. */
const SILENCE_US = 300_000_000;

interface Variant {
  readonly inputs: readonly TimedInput[];
  readonly expected: readonly Output[];
}

/**
 * The recorded inputs with silence behind them, and the same with some lost: a recording of a client on the same machine
 * hardly ever lets a timer fire.
 */
function variantsOf(run: RecordedRun): Variant[] {
  const variants: Variant[] = [];
  for (let seed = 0; seed < 4; seed++) {
    const random = testRandom(seed + 100);
    const inputs: TimedInput[] = run.inputs.filter(() => seed === 0 || random.below(6) > 0);
    inputs.push({ kind: 'advance', atUs: run.endUs + SILENCE_US });
    variants.push({ inputs, expected: play(makeCore(run.identity), inputs) });
  }
  return variants;
}

const variants = new Map(runs.map((run) => [run, variantsOf(run)]));

/** A seeded time after the input before this one, and not after this one. */
function timeBefore(inputs: readonly TimedInput[], index: number, random: ReturnType<typeof testRandom>): Micros {
  const fromUs = index === 0 ? 0 : inputs[index - 1]!.atUs;
  const toUs = inputs[index]!.atUs;
  return fromUs + random.below(toUs - fromUs + 1);
}

for (const run of runs) {
  test(`${run.name}: the core of these tests gives what was recorded`, () => {
    if (run.identity.config.mode === 'tun') sameOutputs(expectedOf(run), recordedOutputs(run), 'recorded');
    else assert.ok(expectedOf(run).some(({ what }) => what.startsWith('data ')));
  });

  test(`${run.name}: run twice, with and without a trace: same bytes, same times, same trace`, () => {
    const [first, second] = [keepTrace(), keepTrace()];
    sameOutputs(play(makeCore(run.identity, first.trace), run.inputs), expectedOf(run), 'with a trace');
    sameOutputs(play(makeCore(run.identity, second.trace), run.inputs), expectedOf(run), 'again');
    assert.ok(first.told.length > 0);
    assert.is(JSON.stringify(first.told), JSON.stringify(second.told));
    first.told.reduce((lastUs, { atUs }) => {
      assert.ok(atUs >= lastUs, 'the trace goes forward');
      return atUs;
    }, 0);
  });

  test(`${run.name}: advancing at other times changes nothing`, () => {
    for (let seed = 1; seed <= roundsOf(run); seed++) {
      const random = testRandom(seed);
      for (const { inputs, expected } of variants.get(run)!) {
        const outputs = play(makeCore(run.identity), inputs, (core, _input, index, sink) => {
          const times = [0, 1, 2].map(() => timeBefore(inputs, index, random)).sort((a, b) => a - b);
          for (const atUs of [...times, times[0]!, 0]) {
            core.advance(atUs);
            if (random.below(2) === 0) sink(core.drain());
          }
        });
        sameOutputs(outputs, expected, `seed ${seed}`);
      }
    }
  });

  test(`${run.name}: advancing to each deadline, as a live run does, changes nothing`, () => {
    for (const { inputs, expected } of variants.get(run)!) {
      const outputs = play(makeCore(run.identity), inputs, (core, input, _index, sink) => {
        for (let dueUs = core.nextDeadlineUs(); dueUs !== undefined && dueUs <= input.atUs; ) {
          core.advance(dueUs);
          sink(core.drain());
          assertAhead(core, dueUs);
          dueUs = core.nextDeadlineUs();
        }
      });
      sameOutputs(outputs, expected, 'from deadline to deadline');
    }
  });

  test(`${run.name}: draining late changes neither the outputs nor their order`, () => {
    for (let seed = 1; seed <= roundsOf(run); seed++) {
      const random = testRandom(seed);
      for (const { inputs, expected } of variants.get(run)!) {
        const core = makeCore(run.identity);
        const outputs: Output[] = [];
        for (const input of inputs) {
          core.give(input);
          if (seed > 1 && random.below(5) === 0) outputs.push(...core.drain());
        }
        outputs.push(...core.drain());
        sameOutputs(outputs, expected, `seed ${seed}`);
      }
    }
  });

  test(`${run.name}: another connection at random points shifts nothing`, () => {
    let ended = 0;
    for (let seed = 1; seed <= roundsOf(run); seed++) {
      const random = testRandom(seed);
      const intruder = intruderOf(run, seed);
      const outputs = play(makeCore(run.identity), run.inputs, (core, _input, index, sink) => {
        const times = Array.from({ length: random.below(8) }, () => timeBefore(run.inputs, index, random));
        for (const atUs of times.sort((a, b) => a - b)) {
          const input = intruder.next(atUs);
          if (input === undefined) return;
          core.give(input);
          sink(intruder.take(core.drain()));
        }
      });
      sameOutputs(intruder.take(outputs), expectedOf(run), `seed ${seed}`);
      if (intruder.ended) ended++;
    }
    if (run.inputs.length > 20) assert.ok(ended > 0, 'some of the other connections came to their end');
  });

  test(`${run.name}: a shutdown is an input like any other, and leads to an end`, () => {
    for (let seed = 1; seed <= roundsOf(run); seed++) {
      const random = testRandom(seed);
      const at = random.below(run.inputs.length);
      const inputs = [...run.inputs.slice(0, at), { kind: 'close', atUs: timeBefore(run.inputs, at, random) } as const];
      inputs.push(...run.inputs.slice(at));
      const core = makeCore(run.identity);
      const expected = play(core, inputs);
      expected.push(...runOut(core, run.endUs, 1000));
      assert.is(core.openFlows, 0);
      const again = makeCore(run.identity, keepTrace().trace);
      const outputs = play(again, inputs, (other, input) => {
        other.advance(input.atUs);
      });
      outputs.push(...runOut(again, run.endUs, 1000));
      sameOutputs(outputs, expected, `seed ${seed}`);
    }
  });

  test(`${run.name}: deadlines always lie ahead, also when a part of the input is missing`, () => {
    for (let seed = 0; seed < roundsOf(run); seed++) {
      const random = testRandom(seed + 1);
      const core = makeCore(run.identity);
      let lastUs = 0;
      for (const input of run.inputs) {
        if (seed > 0 && random.below(10) === 0) continue;
        const dueUs = core.nextDeadlineUs();
        if (dueUs !== undefined && random.below(2) === 0 && dueUs <= input.atUs) core.advance(dueUs);
        core.give(input);
        lastUs = input.atUs;
        assertAhead(core, lastUs);
        core.drain();
        assertAhead(core, lastUs);
      }
      runOut(core, lastUs, 1000);
    }
  });
}

function assertAhead(core: Core, nowUs: Micros): void {
  const nextUs = core.nextDeadlineUs();
  if (nextUs !== undefined && nextUs <= nowUs) assert.unreachable(`deadline ${nextUs} is not after ${nowUs}`);
}

/** Silence from here on: goes from deadline to deadline until there is none, `steps` at most. */
function runOut(core: Core, fromUs: Micros, steps: number): Output[] {
  const outputs: Output[] = [];
  let nowUs = fromUs;
  for (let nextUs = core.nextDeadlineUs(); nextUs !== undefined; nextUs = core.nextDeadlineUs()) {
    assert.ok(nextUs > nowUs, `deadline ${nextUs} is not after ${nowUs}`);
    nowUs = nextUs;
    core.advance(nowUs);
    outputs.push(...core.drain());
    assert.ok(--steps > 0, 'the timers come to an end');
  }
  return outputs;
}

/** In turn: nothing but a SYN, a whole TLS session, a plain one, and one that says something that is neither. */
function intruderOf(run: RecordedRun, seed: number): Intruder {
  const requests = [
    { method: 'GET', path: '/bytes/3000' },
    { method: 'GET', path: '/' },
  ];
  const saying = (bytes: Uint8Array) => ({ start: () => bytes, receive: () => new Uint8Array(0) });
  const kind = seed % 4;
  if (kind === 0) return firstInputOf(createIntruder(run, true, saying(new Uint8Array(0))));
  if (kind === 3) return createIntruder(run, true, saying(testRandom(seed).bytes(100)));
  const inClear = kind === 2 && run.identity.config.plainPorts.length > 0;
  return inClear
    ? createIntruder(run, false, saying(http1Requests(requests)))
    : createIntruder(run, true, new HttpsClient('h2', requests));
}

function firstInputOf(intruder: Intruder): Intruder {
  let isFirst = true;
  return {
    next(atUs) {
      const input = isFirst ? intruder.next(atUs) : undefined;
      isFirst = false;
      return input;
    },
    take: (outputs) => intruder.take(outputs),
    ended: false,
  };
}

test('the runs hold what these laws need: both modes, several connections, timers that fired', () => {
  const kinds = new Set(runs.flatMap((run) => run.inputs.map((input) => input.kind)));
  assert.equal([...kinds].sort(), ['advance', 'close', 'frame', 'stream']);
  const flows = runs.map((run) => new Set(expectedOf(run).map(({ bytes }) => bytes.subarray(16, 24).join('.'))).size);
  assert.ok(Math.max(...flows) > 1);
  const byTimer = runs.filter((run) =>
    variants.get(run)!.some(({ inputs, expected }) => {
      const times = new Set(inputs.map(({ atUs }) => atUs));
      return expected.some(({ atUs }) => !times.has(atUs));
    }),
  );
  assert.ok(byTimer.length >= 10, `${byTimer.length} runs in which a timer sent something`);
});

test.run();
