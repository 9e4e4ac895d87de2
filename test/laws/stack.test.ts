// The laws of the stack (what a recorded run stands on): the same timed input gives the same frames at the same times,
// whatever else happens: more or fewer advances, a trace, another connection, another order.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createStack } from '../../src/core/stack.js';
import type { Trace, TraceEvent } from '../../src/core/trace.js';
import type { Micros, Session, Stack } from '../../src/core/types.js';
import { equalBytes, testRandom } from '../support/bytes.js';
import { parseTcpFrame } from '../support/frames.js';
import { hashRandomSource } from '../support/random.js';
import { StubSession } from '../support/stub-session.js';
import { type Exchange, exchange, type NetworkOptions, type Sent, TcpPeer } from '../support/tcp-peer.js';

const test = suite('laws of the stack');

const SERVER = '10.0.0.2';
const END_US = 700_000_000;
const NETWORKS: NetworkOptions[] = [1, 2, 3, 4, 5, 6, 7, 8].map((seed) => ({
  seed,
  loss: seed * 20,
  duplicate: 50,
  reorder: 200,
  latencyUs: 100 + seed * 1500,
}));

function makeStack(trace?: Trace): Stack {
  const create = (nowUs: Micros): Session =>
    new StubSession({
      echo: true,
      source: 30_000,
      closeAfterInput: true,
      room: 20_000,
      plan: [1, 2, 3].map((i) => ({ atUs: nowUs + i * 33_333, verb: 'write', amount: 500 })),
    });
  return createStack(
    { localAddress: SERVER, mtu: 1500, services: new Map([[80, create]]) },
    { random: hashRandomSource(), ...(trace && { trace }) },
  );
}

function makePeer(port: number, isn = 77): TcpPeer {
  return new TcpPeer({
    address: '10.0.0.1',
    server: SERVER,
    port,
    serverPort: 80,
    isn,
    upload: 25_000,
    window: 30_000,
    mss: 1460,
    closeFirst: true,
  });
}

function record(port: number, network: NetworkOptions): Exchange {
  const peer = makePeer(port);
  const result = exchange(makeStack(), [peer], network);
  assert.is(peer.state, 'done');
  return result;
}

/** Gives recorded inputs to a stack; `between` may call it in any way that is no input. */
function replay(
  stack: Stack,
  inputs: readonly Sent[],
  between?: (stack: Stack, fromUs: Micros, toUs: Micros) => void,
): Sent[] {
  const sent: Sent[] = [];
  const drain = (): void => {
    for (let out = stack.poll(); out; out = stack.poll()) sent.push({ atUs: out.atUs, frame: out.frame.slice() });
  };
  let lastUs = 0;
  for (const { atUs, frame } of inputs) {
    between?.(stack, lastUs, atUs);
    lastUs = atUs;
    stack.receive(atUs, frame);
    drain();
  }
  stack.advance(END_US);
  drain();
  return sent;
}

function same(actual: readonly Sent[], expected: readonly Sent[]): void {
  for (let i = 0; i < Math.min(actual.length, expected.length); i++) {
    assert.is(actual[i]!.atUs, expected[i]!.atUs, `time of frame ${i}`);
    equalBytes(actual[i]!.frame, expected[i]!.frame, `frame ${i}`);
  }
  assert.is(actual.length, expected.length, 'number of frames');
}

function toPort(sent: readonly Sent[], port: number): Sent[] {
  return sent.filter(({ frame }) => parseTcpFrame(frame).destinationPort === port);
}

test('a replay of the inputs gives the frames of the run, microsecond for microsecond', () => {
  for (const network of NETWORKS) {
    const run = record(50_000, network);
    same(replay(makeStack(), run.inputs), run.sent);
  }
});

test('advancing more often changes nothing', () => {
  for (const network of NETWORKS) {
    const run = record(50_000, network);
    const random = testRandom(network.seed);
    const sent = replay(makeStack(), run.inputs, (stack, fromUs, toUs) => {
      for (let atUs = fromUs; atUs < toUs; atUs += 1 + random.below(20_000)) stack.advance(atUs);
      stack.advance(toUs);
      stack.advance(toUs);
    });
    same(sent, run.sent);
  }
});

test('frames that were not drained in between come out the same', () => {
  const run = record(50_000, NETWORKS[0]!);
  const stack = makeStack();
  for (const { atUs, frame } of run.inputs) stack.receive(atUs, frame);
  same(replay(stack, []), run.sent);
});

test('a clock that steps back counts as standing still', () => {
  const run = record(50_000, NETWORKS[1]!);
  const sent = replay(makeStack(), run.inputs, (stack, fromUs) => {
    stack.advance(Math.max(0, fromUs - 5_000));
    stack.advance(0);
  });
  same(sent, run.sent);
  const stack = makeStack();
  stack.advance(1_000);
  stack.receive(10, run.inputs[0]!.frame);
  assert.is(stack.poll()?.atUs, 1_000);
});

test('a trace changes no byte, and is the same each time', () => {
  for (const network of NETWORKS.slice(0, 3)) {
    const run = record(50_000, network);
    const traces = [0, 1].map(() => {
      const events: [Micros, TraceEvent][] = [];
      same(
        replay(
          makeStack((atUs, event) => events.push([atUs, event])),
          run.inputs,
        ),
        run.sent,
      );
      return events;
    });
    assert.ok(traces[0]!.length > run.sent.length);
    assert.is(JSON.stringify(traces[0]), JSON.stringify(traces[1]));
    traces[0]!.reduce((lastUs, [atUs]) => {
      assert.ok(atUs >= lastUs, 'the trace goes forward');
      return atUs;
    }, 0);
  }
});

test('another connection, and noise, shift nothing in the first', () => {
  for (const network of NETWORKS) {
    const first = record(50_000, network);
    const other = record(50_001, { ...network, seed: network.seed + 100 });
    const noise = other.inputs.map(({ atUs }) => ({ atUs, frame: Uint8Array.of(0x45, 1, 2) }));
    const mixed = [...other.inputs, ...noise, ...first.inputs].sort((a, b) => a.atUs - b.atUs);
    const sent = replay(makeStack(), mixed);
    same(toPort(sent, 50_000), first.sent);
    same(toPort(sent, 50_001), other.sent);
  }
});

test('two flows in the other order send the same', () => {
  for (const network of NETWORKS) {
    const a = record(50_000, network);
    const b = record(50_001, network);
    const forth = [...a.inputs, ...b.inputs].sort((x, y) => x.atUs - y.atUs);
    const back = [...b.inputs, ...a.inputs].sort((x, y) => x.atUs - y.atUs);
    const one = replay(makeStack(), forth);
    const two = replay(makeStack(), back);
    for (const port of [50_000, 50_001]) same(toPort(two, port), toPort(one, port));
  }
});

test('deadlines strictly advance, and each is reached by advancing to it', () => {
  const run = record(50_000, NETWORKS[5]!);
  let steps = 0;
  // A part of the inputs, then silence: what is left happens by timers alone, and comes to an end.
  for (let cut = 1; cut < run.inputs.length; cut += 3) {
    const stack = makeStack();
    for (const { atUs, frame } of run.inputs.slice(0, cut)) stack.receive(atUs, frame);
    let lastUs = run.inputs[cut - 1]!.atUs;
    const before = steps;
    for (let next = stack.nextDeadlineUs(); next !== undefined; next = stack.nextDeadlineUs()) {
      assert.ok(next > lastUs, `${next} is not after ${lastUs}`);
      stack.advance(next);
      lastUs = next;
      assert.ok(++steps - before < 100, 'it ends');
    }
  }
  assert.ok(steps > 100, `${steps} steps`);
});

test('a session is advanced at its own deadlines, in order, however late the call comes', () => {
  const sessions: StubSession[] = [];
  const create = (): StubSession => {
    const plan = [300, 100, 200].map((atUs) => ({ atUs: atUs * 1000, verb: 'write', amount: 1 }));
    const session = new StubSession({ plan });
    sessions.push(session);
    return session;
  };
  const stack = createStack(
    { localAddress: SERVER, mtu: 1500, services: new Map([[80, create]]) },
    { random: hashRandomSource() },
  );
  const { inputs } = exchange(
    makeStack(),
    [makePeer(50_000)],
    { ...NETWORKS[0]!, loss: 0, duplicate: 0, reorder: 0 },
    5_000,
  );
  for (const { atUs, frame } of inputs.slice(0, 2)) stack.receive(atUs, frame);
  assert.is(sessions.length, 1);
  assert.is(stack.nextDeadlineUs(), 100_000);
  stack.advance(10_000_000);
  assert.equal(sessions[0]!.advancedTo, [100_000, 200_000, 300_000]);
});

test('a session whose deadline does not move is an error, not an endless loop', () => {
  const stuck = Object.assign(new StubSession(), { nextDeadlineUs: () => 1_000_000 });
  const stack = createStack(
    { localAddress: SERVER, mtu: 1500, services: new Map([[80, () => stuck]]) },
    { random: hashRandomSource() },
  );
  const { inputs } = exchange(
    makeStack(),
    [makePeer(50_000)],
    { ...NETWORKS[0]!, loss: 0, duplicate: 0, reorder: 0 },
    5_000,
  );
  for (const { atUs, frame } of inputs.slice(0, 2)) stack.receive(atUs, frame);
  assert.throws(() => stack.advance(2_000_000), /session deadline 1000000 is not after 1000000/);
});

test.run();
