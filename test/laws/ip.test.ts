// The laws of the stack for what IP holds in time: TCP over IPv6, fragments and their timers, errors and their rate. The
// same timed input gives the same frames at the same times, however often the stack is advanced, with and without trace.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createStack } from '../../src/core/stack.js';
import type { Trace, TraceEvent } from '../../src/core/trace.js';
import type { Micros, Stack } from '../../src/core/types.js';
import { concat, equalBytes, hex, testRandom } from '../support/bytes.js';
import { ipFrame, udpFrame } from '../support/frames.js';
import { asIpv4, fragment6, icmp6Message, ip6Frame } from '../support/frames6.js';
import { hashRandomSource } from '../support/random.js';
import { StubSession } from '../support/stub-session.js';
import { exchange, type Sent, TcpPeer } from '../support/tcp-peer.js';

const test = suite('laws of ip');

const SERVER6 = 'fd00::0:0:2';
const END_US = 900_000_000;

function makeStack(trace?: Trace): Stack {
  const create = (): StubSession => new StubSession({ echo: true, source: 20_000, closeAfterInput: true });
  return createStack(
    { localAddress: '10.0.0.2', localAddress6: SERVER6, mtu: 1500, services: new Map([[80, create]]) },
    { random: hashRandomSource(), ...(trace && { trace }) },
  );
}

/** What a stack was given by a TCP client over IPv6, as it came to it. */
function tcpInputs(seed: number): Sent[] {
  const inputs: Sent[] = [];
  const stack = makeStack();
  const listening: Stack = {
    receive(nowUs, frame) {
      inputs.push({ atUs: nowUs, frame: frame.slice() });
      stack.receive(nowUs, frame);
    },
    advance: (nowUs) => stack.advance(nowUs),
    poll: () => stack.poll(),
    nextDeadlineUs: () => stack.nextDeadlineUs(),
    close: (nowUs) => stack.close(nowUs),
    abort: (nowUs) => stack.abort(nowUs),
    respond: (nowUs, token, answer) => stack.respond(nowUs, token, answer),
    openFlows: 0,
  };
  const peer = new TcpPeer({
    ...{ address: '10.0.0.1', server: '10.0.0.2', port: 50_000, serverPort: 80, isn: 7 },
    ...{ upload: 20_000, window: 30_000, mss: 1440, closeFirst: true },
  });
  exchange(asIpv4(listening), [peer], { seed, loss: 30, duplicate: 30, reorder: 100, latencyUs: 2000 });
  assert.is(peer.state, 'done');
  return inputs;
}

/** Echoes in fragments of both versions, some of which never become whole, and datagrams to be refused. */
function noise(seed: number): Sent[] {
  const random = testRandom(seed);
  const out: Sent[] = [];
  for (let i = 0; i < 300; i++) {
    const atUs = random.below(120_000_000);
    const id = random.below(40);
    const part = random.below(3);
    const echo = icmp6Message('fd00::1', SERVER6, 128, 0, concat(hex('00010002'), new Uint8Array(64)));
    const flags = (part < 2 ? 0x2000 : 0) | (part * 3);
    const frames = [
      ip6Frame(
        'fd00::1',
        SERVER6,
        44,
        fragment6(58, part * 24, part < 2, id, echo.subarray(part * 24, part * 24 + 24)),
      ),
      ipFrame(`10.0.1.${id}`, '10.0.0.2', 17, new Uint8Array(24), { flagsAndOffset: flags }),
      udpFrame('10.0.0.1', '10.0.0.2', 53, new Uint8Array(8)),
      ipFrame('10.0.0.1', '10.0.0.2', 1, concat(hex('0800 f7fd 0001 0001'), new Uint8Array(1600))),
    ];
    out.push({ atUs, frame: frames[random.below(4)]! });
  }
  return out.sort((a, b) => a.atUs - b.atUs);
}

function replay(stack: Stack, inputs: readonly Sent[], between?: (fromUs: Micros, toUs: Micros) => void): Sent[] {
  const sent: Sent[] = [];
  const drain = (): void => {
    for (let out = stack.poll(); out; out = stack.poll()) sent.push({ atUs: out.atUs, frame: out.frame.slice() });
  };
  let lastUs = 0;
  for (const { atUs, frame } of inputs) {
    between?.(lastUs, atUs);
    lastUs = atUs;
    stack.receive(atUs, frame);
    drain();
    const next = stack.nextDeadlineUs();
    if (next !== undefined) assert.ok(next > atUs, `deadline ${next} is not after ${atUs}`);
  }
  stack.advance(END_US);
  drain();
  return sent;
}

function same(actual: readonly Sent[], expected: readonly Sent[]): void {
  assert.is(actual.length, expected.length, 'number of frames');
  for (const [i, { atUs, frame }] of expected.entries()) {
    assert.is(actual[i]!.atUs, atUs, `time of frame ${i}`);
    equalBytes(actual[i]!.frame, frame, `frame ${i}`);
  }
}

function isTcp6({ frame }: Sent): boolean {
  return frame[0]! >>> 4 === 6 && frame[6] === 6;
}

const TCP = tcpInputs(1);
const MIXED = [...TCP, ...noise(5)].sort((a, b) => a.atUs - b.atUs);
const RUN = replay(makeStack(), MIXED);

test('the run has what the laws are about', () => {
  const kinds = new Set(
    RUN.map(({ frame }) => (frame[0]! >>> 4 === 6 ? `6 ${frame[6]}` : `4 ${frame[9]} ${frame[20]}`)),
  );
  for (const kind of ['6 6', '6 58', '4 1 3', '4 1 11', '4 1 0']) assert.ok(kinds.has(kind), `${kind}: ${[...kinds]}`);
});

test('a second run is the same', () => same(replay(makeStack(), MIXED), RUN));

test('advancing more often, or not at all, changes nothing', () => {
  const stack = makeStack();
  const random = testRandom(8);
  const often = replay(stack, MIXED, (fromUs, toUs) => {
    for (let atUs = fromUs; atUs < toUs; atUs += 1 + random.below(300_000)) stack.advance(atUs);
    stack.advance(toUs);
  });
  same(often, RUN);
});

test('a trace changes no byte, goes forward, and is the same each time', () => {
  const traces = [0, 1].map(() => {
    const events: [Micros, TraceEvent][] = [];
    same(
      replay(
        makeStack((atUs, event) => events.push([atUs, event])),
        MIXED,
      ),
      RUN,
    );
    return events;
  });
  assert.is(JSON.stringify(traces[0]), JSON.stringify(traces[1]));
  traces[0]!.reduce((lastUs, [atUs]) => {
    assert.ok(atUs >= lastUs, 'the trace goes forward');
    return atUs;
  }, 0);
});

test('fragments and errors shift nothing in a connection', () => {
  same(RUN.filter(isTcp6), replay(makeStack(), TCP).filter(isTcp6));
});

test.run();
