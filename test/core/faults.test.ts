// The bad wire: each fault by itself, its share, order and times, its bounds, and that it is the same every time.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type FaultSettings, Faults, FaultyStack, NO_FAULTS } from '../../src/core/faults.js';
import { limits } from '../../src/core/limits.js';
import type { Micros, Stack } from '../../src/core/types.js';
import { equalBytes } from '../support/bytes.js';
import { hashRandomSource } from '../support/random.js';

const test = suite('faults');

const FRAMES = 20_000;

function wire(settings: Partial<FaultSettings>, seed = 1): Faults {
  return new Faults({ ...NO_FAULTS, ...settings }, hashRandomSource(seed), 'in');
}

/** A frame that knows its number. */
function frame(number: number, length = 100): Uint8Array {
  const bytes = new Uint8Array(length);
  new DataView(bytes.buffer).setUint32(0, number);
  return bytes;
}

interface Arrival {
  readonly atUs: Micros;
  readonly number: number;
  readonly frame: Uint8Array;
}

/** Sends one frame every `gapUs`, and gives what arrives in its order. */
function send(faults: Faults, count: number, gapUs: Micros, length = 100): Arrival[] {
  for (let i = 0; i < count; i++) faults.push(i * gapUs, frame(i, length));
  const out: Arrival[] = [];
  for (let next = faults.pop(Number.MAX_SAFE_INTEGER); next; next = faults.pop(Number.MAX_SAFE_INTEGER)) {
    out.push({ atUs: next.atUs, number: new DataView(next.frame.buffer).getUint32(0), frame: next.frame });
  }
  return out;
}

function near(actual: number, expected: number, what: string): void {
  assert.ok(Math.abs(actual - expected) < expected / 10, `${what}: ${actual}, expected about ${expected}`);
}

test('no faults change nothing', () => {
  const out = send(wire({}), 100, 7);
  assert.is(out.length, 100);
  out.forEach(({ atUs, number, frame: bytes }, i) => {
    assert.is(atUs, i * 7);
    assert.is(number, i);
    equalBytes(bytes, frame(i));
  });
});

test('drops the share that was asked for', () => {
  const faults = wire({ dropPpm: 50_000 });
  const out = send(faults, FRAMES, 1);
  near(FRAMES - out.length, FRAMES / 20, 'dropped');
  assert.is(faults.counts.dropped, FRAMES - out.length);
  assert.is(faults.counts.frames, FRAMES);
});

test('a share of 100 % is every frame, one of 0 none', () => {
  assert.is(send(wire({ dropPpm: 1_000_000 }), 1000, 1).length, 0);
  assert.is(send(wire({ duplicatePpm: 1_000_000 }), 1000, 1).length, 2000);
});

test('duplicates come right behind the first copy', () => {
  const faults = wire({ duplicatePpm: 50_000, delayUs: 100 });
  const out = send(faults, 10_000, 10);
  near(faults.counts.duplicated, 500, 'duplicated');
  assert.is(out.length, 10_000 + faults.counts.duplicated);
  for (let i = 1; i < out.length; i++) assert.ok(out[i]!.number - out[i - 1]!.number <= 1);
});

test('corruption flips one bit, of a copy', () => {
  const faults = wire({ corruptPpm: 1_000_000 });
  const original = frame(5);
  faults.push(0, original);
  equalBytes(original, frame(5));
  const got = faults.pop(0)!.frame;
  let bits = 0;
  for (let i = 0; i < got.length; i++) for (let x = got[i]! ^ original[i]!; x > 0; x >>= 1) bits += x & 1;
  assert.is(bits, 1);
  wire({ corruptPpm: 1_000_000 }).push(0, new Uint8Array(0));
});

test('delay is exact, jitter stays in its bounds and keeps the order', () => {
  for (const { atUs, number } of send(wire({ delayUs: 20_000 }), 100, 10)) assert.is(atUs, number * 10 + 20_000);
  const out = send(wire({ delayUs: 20_000, jitterUs: 5_000 }), 5_000, 20_000);
  const delays = out.map(({ atUs, number }) => atUs - number * 20_000);
  assert.ok(Math.min(...delays) >= 15_000 && Math.min(...delays) < 15_100);
  assert.ok(Math.max(...delays) <= 25_000 && Math.max(...delays) > 24_900);
  const dense = send(wire({ delayUs: 20_000, jitterUs: 5_000 }), 5_000, 10);
  dense.forEach(({ number }, i) => {
    assert.is(number, i);
  });
});

test('reordered frames are overtaken, and only they', () => {
  const faults = wire({ reorderPpm: 20_000, delayUs: 5_000 });
  const out = send(faults, 10_000, 100);
  assert.is(out.length, 10_000);
  near(faults.counts.reordered, 200, 'reordered');
  let late = 0;
  let newest = -1;
  for (const { atUs, number } of out) {
    const delayUs = atUs - number * 100;
    assert.ok(delayUs === 5_000 || (delayUs > 5_000 && delayUs <= 10_000));
    if (number < newest) late++;
    else newest = number;
  }
  assert.ok(late > 150 && late <= faults.counts.reordered, `${late} late`);
});

test('a bottleneck spaces frames by their length and loses what its queue cannot hold', () => {
  // 100 bytes at 8 Mbit/s are 100 us; the queue takes ten frames.
  const faults = wire({ rateBitsPerSecond: 8_000_000, queueBytes: 1_000, delayUs: 50 });
  const out = send(faults, 30, 0);
  assert.equal(
    out.map(({ atUs }) => atUs),
    out.map((_, i) => 100 * (i + 1) + 50),
  );
  assert.is(out.length, 10);
  assert.is(faults.counts.overflowed, 20);
});

test('a bottleneck keeps its rate below a microsecond a frame', () => {
  // 40 bytes at 1 Gbit/s take 320 ns.
  const out = send(wire({ rateBitsPerSecond: 1_000_000_000 }), 1_000, 0, 40);
  assert.is(out.at(-1)!.atUs, 320);
});

test('no more frames are held than the limit', () => {
  const faults = wire({ delayUs: 1_000_000 });
  for (let i = 0; i < limits.faults.heldFrames + 100; i++) faults.push(0, frame(i, 4));
  assert.is(faults.held, limits.faults.heldFrames);
  assert.is(faults.counts.overflowed, 100);
});

test('the same seed gives the same fates whenever the frames come; another seed, another direction, others', () => {
  const settings = { dropPpm: 100_000, duplicatePpm: 100_000 };
  const numbers = (out: Arrival[]): string => out.map(({ number }) => number).join();
  const first = numbers(send(wire(settings), 1_000, 10));
  assert.is(numbers(send(wire(settings), 1_000, 777)), first);
  assert.is.not(numbers(send(wire(settings, 2), 1_000, 10)), first);
  const other = new Faults({ ...NO_FAULTS, ...settings }, hashRandomSource(1), 'out');
  assert.is.not(numbers(send(other, 1_000, 10)), first);
});

/** Answers each frame with itself after 10 ms. */
class EchoStack implements Stack {
  readonly received: Micros[] = [];
  openFlows = 0;
  #due: { readonly atUs: Micros; readonly frame: Uint8Array }[] = [];
  #out: { readonly atUs: Micros; readonly frame: Uint8Array }[] = [];

  receive(nowUs: Micros, bytes: Uint8Array): void {
    this.advance(nowUs);
    this.received.push(nowUs);
    this.#due.push({ atUs: nowUs + 10_000, frame: bytes.slice() });
  }

  advance(nowUs: Micros): void {
    while (this.#due[0] && this.#due[0].atUs <= nowUs) this.#out.push(this.#due.shift()!);
  }

  poll() {
    return this.#out.shift();
  }

  respond(): void {}

  nextDeadlineUs(): Micros | undefined {
    return this.#due[0]?.atUs;
  }

  abort(): void {}
  close(nowUs: Micros): void {
    this.advance(nowUs);
    this.#out.push({ atUs: nowUs, frame: frame(99) });
  }
}

const PLAN = { in: { ...NO_FAULTS, delayUs: 3_000 }, out: { ...NO_FAULTS, delayUs: 4_000 } };

function drain(stack: Stack): string[] {
  const out: string[] = [];
  for (let next = stack.poll(); next; next = stack.poll()) {
    out.push(`${next.atUs} #${new DataView(next.frame.buffer, next.frame.byteOffset).getUint32(0)}`);
  }
  return out;
}

test('a stack behind it gets and sends its frames at their own times, however late the calls come', () => {
  const run = (stepUs: Micros): { log: string[]; taps: string[] } => {
    const taps: string[] = [];
    const echo = new EchoStack();
    const stack = new FaultyStack(echo, PLAN, hashRandomSource(), (atUs, direction) =>
      taps.push(`${atUs} ${direction}`),
    );
    const log: string[] = [];
    for (let i = 0; i < 3; i++) {
      stack.receive(i * 1_000, frame(i));
      log.push(...drain(stack));
    }
    for (let nowUs = 2_000; nowUs <= 60_000; nowUs += stepUs) {
      stack.advance(nowUs);
      log.push(...drain(stack));
    }
    assert.equal(echo.received, [3_000, 4_000, 5_000]);
    return { log, taps };
  };
  const fine = run(100);
  assert.equal(fine.log, ['17000 #0', '18000 #1', '19000 #2']);
  assert.equal(fine.taps.sort(), ['13000 out', '14000 out', '15000 out', '3000 in', '4000 in', '5000 in']);
  assert.equal(run(58_000).log, fine.log);
});

test('its next deadline is the nearest of wire and stack, and later than now', () => {
  const stack = new FaultyStack(new EchoStack(), PLAN, hashRandomSource());
  assert.is(stack.nextDeadlineUs(), undefined);
  stack.receive(0, frame(1));
  assert.is(stack.nextDeadlineUs(), 3_000);
  stack.advance(3_000);
  assert.is(stack.nextDeadlineUs(), 13_000);
  stack.advance(13_000);
  assert.is(stack.nextDeadlineUs(), 17_000);
  stack.advance(17_000);
  assert.is(stack.nextDeadlineUs(), undefined);
  assert.equal(drain(stack), ['17000 #1']);
});

test('one direction only: the other passes at once', () => {
  const inbound = new FaultyStack(new EchoStack(), { in: PLAN.in }, hashRandomSource());
  inbound.receive(0, frame(1));
  inbound.advance(20_000);
  assert.equal(drain(inbound), ['13000 #1']);
  const outbound = new FaultyStack(new EchoStack(), { out: PLAN.out }, hashRandomSource());
  outbound.receive(0, frame(2));
  outbound.advance(20_000);
  assert.equal(drain(outbound), ['14000 #2']);
});

test('a closing stack is not done before its last frame has left', () => {
  const stack = new FaultyStack(new EchoStack(), PLAN, hashRandomSource());
  stack.close(1_000);
  assert.is(stack.openFlows, 1);
  stack.advance(5_000);
  assert.is(stack.openFlows, 0);
  assert.equal(drain(stack), ['5000 #99']);
});

test.run();
