// The laws: the same timed input gives the same bytes, however often it is run, however the bytes are cut, with a trace or
// without; and no input, however mangled, makes the connection throw or grow without bound.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Http2Connection } from '../../../src/core/http2/connection.js';
import { CLIENT_PREFACE, type Frame } from '../../../src/core/http2/frame.js';
import { HpackEncoder } from '../../../src/core/http2/hpack/encode.js';
import { limits } from '../../../src/core/limits.js';
import type { TraceEvent } from '../../../src/core/trace.js';
import { concat, equalBytes, testRandom } from '../../support/bytes.js';
import { DATE, fetchOver, frameBytes, joinNodeClient, pattern, settingsFrame, site } from './support.js';

interface Step {
  readonly atUs: number;
  readonly bytes: Uint8Array;
}

function connect(trace?: (atUs: number, event: TraceEvent) => void): Http2Connection {
  return new Http2Connection({
    flow: 'law#0',
    scheme: 'https',
    handler: site,
    connection: { flow: 'law#0' },
    date: (nowUs) => `${DATE.slice(0, -6)}${String(Math.floor(nowUs / 1e6) % 60).padStart(2, '0')} GMT`,
    ...(trace === undefined ? {} : { trace }),
  });
}

/** What Node's client wrote in a session with everything in it. */
async function record(): Promise<Step[]> {
  const { client, recorded, advance } = joinNodeClient(connect());
  await Promise.all([
    ...Array.from({ length: 30 }, (_, i) => fetchOver(client, { ':path': `/bytes/${i * 111}` })),
    fetchOver(client, { ':path': '/echo', ':method': 'POST' }, Buffer.from(pattern(200_000))),
    fetchOver(client, { ':path': '/', ':method': 'HEAD' }),
    fetchOver(client, { ':path': '/missing', cookie: ['a=1', 'b=2'] }),
  ]);
  const delayed = fetchOver(client, { ':path': '/delay/1500000' });
  await fetchOver(client, { ':path': '/stream/100000' });
  advance(1_500_000);
  await delayed;
  await new Promise<void>((resolve) => client.close(resolve));
  return recorded;
}

const recorded = await record();

interface Run {
  readonly output: Uint8Array;
  readonly events: readonly TraceEvent[];
}

/** Feeds the steps; output is taken after each, or at the end only. */
function run(steps: readonly Step[], options: { trace?: boolean; takeAtEnd?: boolean; spurious?: boolean } = {}): Run {
  const events: TraceEvent[] = [];
  const connection = connect(options.trace === false ? undefined : (_atUs, event) => events.push(event));
  const output: Uint8Array[] = [];
  const drain = (nowUs: number): void => {
    for (;;) {
      const bytes = connection.take(nowUs, 16_384);
      if (bytes.length === 0) return;
      output.push(bytes.slice());
    }
  };
  let nowUs = 0;
  const advanceTo = (toUs: number): void => {
    for (;;) {
      const deadlineUs = connection.nextDeadlineUs();
      if (deadlineUs === undefined || deadlineUs > toUs) break;
      connection.advance(deadlineUs);
      drain(deadlineUs);
    }
    if (options.spurious) {
      for (let i = 1; i <= 3; i++) connection.advance(nowUs + Math.floor(((toUs - nowUs) * i) / 3));
    }
    nowUs = toUs;
  };
  for (const { atUs, bytes } of steps) {
    advanceTo(atUs);
    connection.receive(atUs, bytes);
    if (!options.takeAtEnd) drain(atUs);
  }
  advanceTo(10_000_000);
  drain(nowUs);
  return { output: concat(...output), events };
}

test('run twice: the same bytes and the same events', () => {
  const first = run(recorded);
  const second = run(recorded);
  assert.ok(first.output.length > 300_000);
  equalBytes(second.output, first.output);
  assert.equal(second.events, first.events);
});

test('with a trace or without: the same bytes', () => {
  equalBytes(run(recorded, { trace: false }).output, run(recorded).output);
});

test('spurious advance changes nothing', () => {
  equalBytes(run(recorded, { spurious: true }).output, run(recorded).output);
});

/** The recorded bytes of each moment in one piece, cut anew. */
function recut(cut: (length: number) => number): Step[] {
  const out: Step[] = [];
  const moments = new Map<number, Uint8Array[]>();
  for (const { atUs, bytes } of recorded) moments.set(atUs, [...(moments.get(atUs) ?? []), bytes]);
  for (const [atUs, parts] of moments) {
    const whole = concat(...parts);
    for (let at = 0; at < whole.length; ) {
      const end = Math.min(whole.length, at + cut(whole.length));
      out.push({ atUs, bytes: whole.slice(at, end) });
      at = end;
    }
  }
  return out;
}

test('however the bytes are cut: the same inbound events, and the same bytes when they are taken at the end', () => {
  const inbound = (events: readonly TraceEvent[]): TraceEvent[] =>
    events.filter((event) => 'dir' in event && event.dir === 'in');
  const whole = run(recut((length) => length));
  const wholeAtEnd = run(
    recut((length) => length),
    { takeAtEnd: true },
  );
  const random = testRandom(1);
  const cuts: ((length: number) => number)[] = [
    () => 1,
    () => 2,
    () => 9,
    () => 1460,
    () => 16_384,
    () => 1 + random.below(40),
    () => 1 + random.below(20_000),
  ];
  for (const cut of cuts) {
    const steps = recut(cut);
    assert.equal(inbound(run(steps).events), inbound(whole.events));
    const atEnd = run(steps, { takeAtEnd: true });
    equalBytes(atEnd.output, wholeAtEnd.output);
    assert.equal(atEnd.events, wholeAtEnd.events);
  }
});

/** Feeds bytes in random pieces, taking now and then; fails on a throw or on unbounded output. */
function survive(seed: number, bytes: Uint8Array): Http2Connection {
  const random = testRandom(seed);
  const connection = connect(seed % 4 === 0 ? () => undefined : undefined);
  let nowUs = 0;
  let taken = 0;
  const drain = (): void => {
    for (;;) {
      const part = connection.take(nowUs, 1 + random.below(40_000));
      assert.ok(part.length <= 40_000);
      if (part.length === 0) return;
      taken += part.length;
      // Bodies of the site in fuzzed requests may be huge; windows bound what leaves.
      assert.ok(taken < 64_000_000);
    }
  };
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + 1 + random.below(3_000));
    connection.receive(nowUs, bytes.subarray(at, end));
    at = end;
    if (random.below(3) > 0) drain();
    nowUs += random.below(2_000);
    if (random.below(8) === 0) connection.advance(nowUs);
    if (random.below(400) === 0) connection.close(nowUs);
  }
  connection.endOfInput(nowUs);
  for (let rounds = 0; rounds < 300; rounds++) {
    drain();
    const deadlineUs = connection.nextDeadlineUs();
    if (deadlineUs === undefined) break;
    assert.ok(deadlineUs >= nowUs);
    nowUs = deadlineUs;
    connection.advance(nowUs);
  }
  assert.is(connection.state, 'closed', `seed ${seed}`);
  return connection;
}

test('random bytes, with and without a preface', () => {
  const preface = concat(CLIENT_PREFACE, frameBytes(settingsFrame()));
  for (let seed = 1; seed <= 1_000; seed++) {
    const random = testRandom(seed);
    const bytes = random.bytes(random.below(600));
    survive(seed, seed % 5 === 0 ? bytes : concat(preface, bytes));
  }
});

test('random frames of all types, streams, flags and lengths', () => {
  for (let seed = 1; seed <= 1_500; seed++) {
    const random = testRandom(seed * 7919);
    const encoder = new HpackEncoder(4096);
    const paths = ['/', '/echo', '/bytes/100000', '/stream/70000', '/delay/5000', '/throw', '/status/204', '/x'];
    const parts: Uint8Array[] = [CLIENT_PREFACE, frameBytes(settingsFrame())];
    let streamId = 1;
    for (let i = 0; i < 60; i++) {
      const known = 1 + 2 * random.below((streamId + 1) / 2);
      parts.push(frameBytes(randomFrame(random, known, streamId, encoder, paths)));
      if (random.below(2) === 0) streamId += 2;
    }
    survive(seed, concat(...parts));
  }
});

function randomFrame(
  random: ReturnType<typeof testRandom>,
  known: number,
  next: number,
  encoder: HpackEncoder,
  paths: readonly string[],
): Frame {
  const flag = (): boolean => random.below(2) === 0;
  switch (random.below(14)) {
    case 0:
    case 1:
    case 2:
    case 3: {
      const fieldBlockFragment = encoder.encode([
        [':method', flag() ? 'GET' : 'POST'],
        [':scheme', 'https'],
        [':path', paths[random.below(paths.length)]!],
        ['x-a', String(random.below(50))],
      ]);
      return {
        type: 'HEADERS',
        streamId: next,
        endStream: flag(),
        endHeaders: random.below(20) > 0,
        fieldBlockFragment,
      };
    }
    case 4:
    case 5:
    case 6:
      return { type: 'DATA', streamId: known, endStream: flag(), data: random.bytes(random.below(900)) };
    case 7:
      return { type: 'WINDOW_UPDATE', streamId: flag() ? 0 : known, increment: random.below(100_000) };
    case 8:
      return { type: 'RST_STREAM', streamId: known, errorCode: random.below(14) };
    case 9:
      return settingsFrame([1 + random.below(7), random.below(random.below(2) === 0 ? 2 : 70_000)]);
    case 10:
      return { type: 'PING', ack: flag(), opaqueData: random.bytes(8) };
    case 11:
      return {
        type: 'UNKNOWN',
        typeCode: random.below(14),
        flags: random.below(256),
        streamId: flag() ? 0 : known,
        payload: random.bytes(random.below(20)),
      };
    case 12:
      return { type: 'CONTINUATION', streamId: next, endHeaders: flag(), fieldBlockFragment: random.bytes(3) };
    default:
      return { type: 'DATA', streamId: known, endStream: false, padLength: random.below(200), data: random.bytes(3) };
  }
}

test('a recorded session with some of its bytes changed', () => {
  const whole = concat(...recorded.map(({ bytes }) => bytes)).slice(0, 12_000);
  for (let seed = 1; seed <= 500; seed++) {
    const random = testRandom(seed);
    const bytes = whole.slice();
    for (let i = random.below(6); i >= 0; i--) bytes[24 + random.below(bytes.length - 24)] = random.below(256);
    survive(seed, bytes.subarray(0, 24 + random.below(bytes.length)));
  }
});

test('control frames of a peer that never reads stay bounded', () => {
  const connection = connect();
  connection.receive(0, concat(CLIENT_PREFACE, frameBytes(settingsFrame())));
  const ping = frameBytes({ type: 'PING', ack: false, opaqueData: new Uint8Array(8) });
  const many = concat(...Array.from({ length: 500 }, () => ping));
  for (let i = 0; i < 100; i++) connection.receive(i, many);
  let bytes = 0;
  for (;;) {
    const part = connection.take(100, 65_536);
    if (part.length === 0) break;
    bytes += part.length;
  }
  assert.ok(bytes < (limits.http2.controlFrames + 10) * 60);
  assert.is(connection.state, 'closed');
});

test.run();
