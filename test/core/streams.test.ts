// The core of tcp mode with stub sessions: what its owner is told to do, in which order and when, and every bound.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from '../../src/core/limits.js';
import { type StreamInput, Streams } from '../../src/core/streams.js';
import type { Micros, Session } from '../../src/core/types.js';
import { concat, equalBytes } from '../support/bytes.js';
import { patternBytes, type StubOptions, StubSession } from '../support/stub-session.js';

const test = suite('streams');

const PORT = 443;
const MOST = limits.streams.outstandingBytes;

interface Rig {
  readonly streams: Streams;
  /** By stream number. */
  readonly sessions: StubSession[];
  readonly flows: string[];
  give(nowUs: Micros, input: StreamInput): string[];
  open(nowUs: Micros, stream: number, port?: number): string[];
  /** Drains: each output as `time kind stream [bytes]`. */
  drain(): string[];
  /** The data that came out, in order. */
  readonly data: Uint8Array[];
}

function rig(...options: StubOptions[]): Rig {
  const sessions: StubSession[] = [];
  const flows: string[] = [];
  const data: Uint8Array[] = [];
  const create = (_nowUs: Micros, flow: string): Session => {
    flows.push(flow);
    const session = new StubSession(options[Math.min(sessions.length, options.length - 1)] ?? {});
    sessions.push(session);
    return session;
  };
  const streams = new Streams({ services: new Map([[PORT, create]]) });
  const drain = (): string[] => {
    const said: string[] = [];
    for (let out = streams.poll(); out; out = streams.poll()) {
      if (out.kind === 'data') data.push(out.bytes);
      said.push(`${out.atUs} ${out.kind} ${out.stream}${out.kind === 'data' ? ` ${out.bytes.length}` : ''}`);
    }
    return said;
  };
  const give = (nowUs: Micros, input: StreamInput): string[] => {
    streams.receive(nowUs, input);
    return drain();
  };
  return {
    streams,
    sessions,
    flows,
    data,
    drain,
    give,
    open: (nowUs, stream, port = PORT) =>
      give(nowUs, {
        kind: 'open',
        stream,
        localAddress: '127.0.0.1',
        localPort: port,
        remoteAddress: '127.0.0.1',
        remotePort: 50_000 + stream,
      }),
  };
}

test('a stream to a port that nobody serves is reset, and leaves nothing behind', () => {
  const { streams, open, give, flows } = rig();
  assert.equal(open(5, 0, 444), ['5 reset 0']);
  assert.is(streams.openFlows, 0);
  assert.is(streams.nextDeadlineUs(), undefined);
  assert.equal(give(6, { kind: 'data', stream: 0, bytes: patternBytes(0, 10) }), []);
  assert.equal(flows, []);
});

test('flows are named by the order of opening', () => {
  const { open, flows, streams } = rig();
  open(0, 0);
  open(0, 1);
  assert.equal(flows, ['accept#0', 'accept#1']);
  assert.is(streams.openFlows, 2);
});

test(`${limits.streams.open} streams are open at once, one more is reset, and another one may come when one has gone`, () => {
  const { streams, open, give } = rig();
  for (let stream = 0; stream < limits.streams.open; stream++) assert.equal(open(0, stream), []);
  assert.is(streams.openFlows, limits.streams.open);
  assert.equal(open(1, limits.streams.open), [`1 reset ${limits.streams.open}`]);
  assert.equal(give(2, { kind: 'reset', stream: 7 }), []);
  assert.equal(open(3, limits.streams.open + 1), []);
  assert.is(streams.openFlows, limits.streams.open);
});

test('when all are open, the oldest that is not through its handshake makes room for a new one', () => {
  const { streams, sessions, open } = rig();
  for (let stream = 0; stream < limits.streams.open; stream++) open(0, stream);
  Object.assign(sessions[3]!, { handshaking: true });
  Object.assign(sessions[9]!, { handshaking: true });
  const next = limits.streams.open;
  assert.equal(open(1, next), ['1 reset 3']);
  assert.equal(open(2, next + 1), ['2 reset 9']);
  assert.equal(open(3, next + 2), [`3 reset ${next + 2}`]);
  assert.is(streams.openFlows, limits.streams.open);
});

test('what comes goes to the session, what the session has comes out at the same time', () => {
  const { give, open, sessions, data } = rig({ echo: true });
  open(0, 0);
  assert.equal(give(10, { kind: 'data', stream: 0, bytes: patternBytes(0, 700) }), ['10 data 0 700']);
  assert.equal(give(11, { kind: 'data', stream: 0, bytes: patternBytes(700, 300) }), ['11 data 0 300']);
  assert.is(sessions[0]!.wrong, -1);
  equalBytes(concat(...data), patternBytes(0, 1000));
});

test('a session that speaks first does so when the stream opens', () => {
  const { open } = rig({ source: 20 });
  assert.equal(open(3, 0), ['3 data 0 20']);
});

test('the data given out belongs to its receiver: later data does not change it', () => {
  const { open, give, data } = rig({ echo: true });
  open(0, 0);
  give(1, { kind: 'data', stream: 0, bytes: patternBytes(0, 100) });
  const copy = data[0]!.slice();
  give(2, { kind: 'data', stream: 0, bytes: patternBytes(100, 100) });
  equalBytes(data[0], copy);
});

test('backpressure: at the limit a session is not asked any more, until some is acknowledged', () => {
  const { streams, open, give, sessions, data } = rig({ source: 5 * MOST });
  open(0, 0);
  const first = sessions[0]!.sent;
  assert.ok(first >= MOST && first < MOST + 65_536, `${first} bytes given out`);
  assert.ok(streams.isFull(0));
  assert.equal(give(1, { kind: 'acknowledged', stream: 0, count: first - MOST }), []);
  assert.is(sessions[0]!.sent, first);
  assert.ok(streams.isFull(0));
  give(2, { kind: 'acknowledged', stream: 0, count: 1 });
  assert.ok(sessions[0]!.sent > first);
  assert.ok(streams.isFull(0));
  for (let nowUs = 3; sessions[0]!.sent < 5 * MOST; nowUs++) {
    const sent = sessions[0]!.sent;
    give(nowUs, { kind: 'acknowledged', stream: 0, count: 200_000 });
    assert.ok(sessions[0]!.sent - sent < 200_000 + 65_536);
  }
  give(100, { kind: 'acknowledged', stream: 0, count: 5 * MOST });
  assert.not(streams.isFull(0));
  const whole = concat(...data);
  assert.is(whole.length, 5 * MOST);
  for (let at = 0; at < whole.length; at += 60_000) {
    const part = whole.subarray(at, at + 60_000);
    equalBytes(part, patternBytes(at, part.length), `from ${at}`);
  }
  assert.ok(Math.max(...data.map((bytes) => bytes.length)) <= 65_536);
});

test('more acknowledged than was given out counts as all of it', () => {
  const { streams, open, give, sessions } = rig({ source: 10, echo: true });
  open(0, 0);
  give(1, { kind: 'acknowledged', stream: 0, count: 1000 });
  assert.not(streams.isFull(0));
  assert.equal(give(2, { kind: 'data', stream: 0, bytes: patternBytes(0, 5) }), ['2 data 0 5']);
  assert.is(sessions[0]!.sent, 15);
});

test('input is wanted while the session has room, and when it throws it away', () => {
  const { streams, open, give } = rig({ room: 100, echo: false, plan: [{ atUs: 50, verb: 'room', amount: 0 }] }, {});
  open(0, 0);
  assert.ok(streams.wantsInput(0));
  streams.advance(50);
  assert.not(streams.wantsInput(0));
  assert.not(streams.wantsInput(9));
  give(60, { kind: 'reset', stream: 0 });
  assert.not(streams.wantsInput(0));
});

test('a draining session is still read from the peer, but is given nothing', () => {
  const { streams, open, give, sessions } = rig({ room: 0, plan: [{ atUs: 50, verb: 'drain', amount: 0 }] });
  open(0, 0);
  streams.advance(50);
  assert.ok(streams.wantsInput(0));
  assert.equal(give(60, { kind: 'data', stream: 0, bytes: patternBytes(0, 10) }), []);
  assert.is(sessions[0]!.received, 0);
});

test('half close by the peer: output goes on, and its end follows', () => {
  const plan = [
    { atUs: 100, verb: 'write', amount: 30 },
    { atUs: 200, verb: 'close', amount: 0 },
  ];
  const { streams, open, give, drain, sessions } = rig({ plan });
  open(0, 0);
  assert.equal(give(10, { kind: 'end', stream: 0 }), []);
  assert.ok(sessions[0]!.inputEnded);
  assert.equal(give(11, { kind: 'data', stream: 0, bytes: patternBytes(0, 10) }), [], 'nothing comes after the end');
  assert.is(sessions[0]!.received, 0);
  streams.advance(300);
  assert.equal(drain(), ['100 data 0 30', '200 end 0']);
  assert.equal(give(301, { kind: 'acknowledged', stream: 0, count: 30 }), []);
  assert.is(streams.openFlows, 0);
  assert.is(streams.nextDeadlineUs(), undefined);
});

test('half close by us: input is thrown away until the peer ends, too', () => {
  const { streams, open, give, sessions } = rig({ source: 5, closeAfterOutput: true });
  assert.equal(open(7, 0), ['7 data 0 5', '7 end 0']);
  assert.is(streams.openFlows, 1);
  assert.ok(streams.wantsInput(0));
  assert.equal(give(8, { kind: 'data', stream: 0, bytes: patternBytes(0, 10) }), []);
  assert.is(sessions[0]!.received, 0);
  assert.equal(give(9, { kind: 'acknowledged', stream: 0, count: 5 }), []);
  assert.equal(give(9, { kind: 'end', stream: 0 }), []);
  assert.is(streams.openFlows, 0);
  assert.is(streams.nextDeadlineUs(), undefined);
});

test('a peer that has ended and does not read our last bytes counts as open, and is reset after the linger time', () => {
  const { streams, open, give, drain } = rig({ source: 500_000, closeAfterOutput: true });
  open(0, 0);
  assert.equal(give(1, { kind: 'end', stream: 0 }), []);
  assert.equal(give(2, { kind: 'acknowledged', stream: 0, count: 499_999 }), []);
  assert.is(streams.openFlows, 1);
  streams.advance(1 + 2 * limits.streams.lingerUs);
  assert.equal(drain(), [`${2 + limits.streams.lingerUs} reset 0`]);
  assert.is(streams.openFlows, 0);
  assert.is(streams.nextDeadlineUs(), undefined);
});

test('a peer that does not end within the linger time is reset, at exactly that time', () => {
  const { streams, open, drain } = rig({ source: 5, closeAfterOutput: true });
  open(7, 0);
  const dueUs = 7 + limits.streams.lingerUs;
  assert.is(streams.nextDeadlineUs(), dueUs);
  streams.advance(dueUs - 1);
  assert.equal(drain(), []);
  streams.advance(dueUs + 1_000_000);
  assert.equal(drain(), [`${dueUs} reset 0`]);
  assert.is(streams.openFlows, 0);
  assert.is(streams.nextDeadlineUs(), undefined);
});

test('the linger time begins anew while the other TCP still makes progress with our last bytes', () => {
  const { streams, open, give, drain } = rig({ source: 500_000, closeAfterOutput: true });
  open(0, 0);
  const half = limits.streams.lingerUs / 2;
  for (let step = 1; step <= 5; step++) {
    assert.equal(give(step * half, { kind: 'acknowledged', stream: 0, count: 100_000 }), [], `step ${step}`);
  }
  streams.advance(100 * half);
  assert.equal(drain(), [`${7 * half} reset 0`]);
});

test('a peer that reads nothing of a long response is reset after a time, and one that reads slowly is not', () => {
  const { streams, open, give, drain } = rig({ source: 3 * limits.streams.outstandingBytes });
  open(7, 0);
  assert.ok(streams.isFull(0));
  // What it reads counts, however little it is: the time begins anew.
  const halfUs = limits.streams.stalledUs / 2;
  let nowUs = 7;
  for (let step = 1; step <= 5; step++) {
    nowUs += halfUs;
    give(nowUs, { kind: 'acknowledged', stream: 0, count: 1 });
    assert.is(streams.openFlows, 1, `step ${step}`);
  }
  streams.advance(nowUs + 2 * halfUs - 1);
  assert.equal(drain(), []);
  streams.advance(nowUs + 2 * halfUs);
  assert.equal(drain(), [`${nowUs + 2 * halfUs} reset 0`]);
  assert.is(streams.nextDeadlineUs(), undefined);
});

test('a stream that waits for its peer to ask something may wait: nothing is held back', () => {
  const { streams, open, give, drain } = rig({ source: limits.streams.outstandingBytes });
  open(0, 0);
  give(1, { kind: 'acknowledged', stream: 0, count: limits.streams.outstandingBytes });
  streams.advance(10 * limits.streams.stalledUs);
  assert.equal(drain(), []);
  assert.is(streams.openFlows, 1);
});

test('an aborted session resets the stream, which is gone then', () => {
  const plan = [{ atUs: 100, verb: 'abort', amount: 0 }];
  const { streams, open, give, drain } = rig({ plan });
  open(0, 0);
  streams.advance(200);
  assert.equal(drain(), ['100 reset 0']);
  assert.is(streams.openFlows, 0);
  assert.equal(give(201, { kind: 'end', stream: 0 }), []);
  assert.is(streams.nextDeadlineUs(), undefined);
});

test('a reset by the peer ends the stream without a word', () => {
  const { streams, open, give } = rig({ plan: [{ atUs: 100, verb: 'write', amount: 5 }] });
  open(0, 0);
  assert.equal(give(1, { kind: 'reset', stream: 0 }), []);
  assert.is(streams.openFlows, 0);
  assert.is(streams.nextDeadlineUs(), undefined, 'its timers are gone, too');
});

test('inputs about a stream that is not there are ignored', () => {
  const { streams, give } = rig();
  for (const input of [
    { kind: 'data', stream: 3, bytes: patternBytes(0, 5) },
    { kind: 'acknowledged', stream: 3, count: 5 },
    { kind: 'end', stream: 3 },
    { kind: 'reset', stream: 3 },
  ] as const) {
    assert.equal(give(1, input), [], input.kind);
  }
  assert.not(streams.isFull(3));
  assert.not(streams.wantsInput(3));
});

test('timers fire at their own time, in the order of deadline and stream, however late the call comes', () => {
  const write = (...times: number[]): StubOptions => ({
    plan: times.map((atUs) => ({ atUs, verb: 'write', amount: atUs })),
  });
  const { streams, open, drain, sessions } = rig(write(300, 400), write(100, 300), write(300, 350));
  for (const stream of [0, 1, 2]) open(0, stream);
  assert.is(streams.nextDeadlineUs(), 100);
  streams.advance(1_000);
  assert.equal(drain(), [
    '100 data 1 100',
    '300 data 0 300',
    '300 data 1 300',
    '300 data 2 300',
    '350 data 2 350',
    '400 data 0 400',
  ]);
  assert.equal(
    sessions.map((session) => session.advancedTo),
    [
      [300, 400],
      [100, 300],
      [300, 350],
    ],
  );
});

test('an input fires what is due before it, at its own time', () => {
  const { open, give } = rig({ echo: true, plan: [{ atUs: 50, verb: 'write', amount: 3 }] });
  open(0, 0);
  assert.equal(give(80, { kind: 'data', stream: 0, bytes: patternBytes(0, 4) }), ['50 data 0 3', '80 data 0 4']);
});

test('a clock that steps back counts as standing still', () => {
  const { open, give, streams } = rig({ echo: true });
  open(100, 0);
  streams.advance(50);
  assert.equal(give(20, { kind: 'data', stream: 0, bytes: patternBytes(0, 4) }), ['100 data 0 4']);
});

test('deadlines lie ahead of the time advanced to', () => {
  const times = Array.from({ length: 20 }, (_, i) => 10 * i + 10);
  const { streams, open } = rig({ plan: times.map((atUs) => ({ atUs, verb: 'write', amount: 1 })) });
  open(0, 0);
  let steps = 0;
  let lastUs = 0;
  for (let nextUs = streams.nextDeadlineUs(); nextUs !== undefined; nextUs = streams.nextDeadlineUs()) {
    assert.ok(nextUs > lastUs);
    lastUs = nextUs;
    streams.advance(nextUs);
    steps++;
  }
  assert.is(steps, times.length);
});

test('a session whose deadline does not move is an error, not an endless loop', () => {
  const stuck = Object.assign(new StubSession(), { nextDeadlineUs: () => 1_000 });
  const streams = new Streams({ services: new Map([[PORT, () => stuck]]) });
  const [localAddress, remoteAddress] = ['127.0.0.1', '127.0.0.1'];
  streams.receive(0, { kind: 'open', stream: 0, localAddress, localPort: PORT, remoteAddress, remotePort: 1 });
  assert.throws(() => streams.advance(2_000), /a timer of accept#0 made no progress at 1000 us/);
});

test('close: open sessions are asked to finish in the order of their streams, new streams are reset', () => {
  const { streams, open, give, drain } = rig({ plan: [{ atUs: 500, verb: 'write', amount: 9 }] }, {}, { source: 4 });
  for (const stream of [0, 1, 2]) open(0, stream);
  drain();
  streams.close(400);
  assert.equal(drain(), ['400 end 0', '400 end 1', '400 end 2']);
  assert.equal(open(401, 3), ['401 reset 3']);
  for (const stream of [0, 1, 2]) give(402, { kind: 'end', stream });
  assert.is(streams.openFlows, 1, 'what the third one said is not taken over yet');
  give(402, { kind: 'acknowledged', stream: 2, count: 4 });
  assert.is(streams.openFlows, 0);
  streams.close(403);
  assert.equal(drain(), []);
});

test('close waits for what a session still has to say', () => {
  const { streams, open, give, drain } = rig({ source: 3 * MOST });
  open(0, 0);
  drain();
  streams.close(10);
  assert.equal(drain(), [], 'the other TCP has all that it may have');
  let said: string[] = [];
  for (let nowUs = 11; !said.includes(`${nowUs - 1} end 0`); nowUs++) {
    assert.ok(nowUs < 30);
    said = give(nowUs, { kind: 'acknowledged', stream: 0, count: MOST });
  }
  assert.is(streams.openFlows, 1);
});

test('outputs that are not drained stay in order', () => {
  const { streams, open, drain } = rig({ plan: [{ atUs: 10, verb: 'write', amount: 1 }] });
  streams.receive(0, {
    kind: 'open',
    stream: 0,
    localAddress: '::1',
    localPort: PORT,
    remoteAddress: '::1',
    remotePort: 1,
  });
  streams.advance(10);
  assert.equal(open(20, 1, 444), ['10 data 0 1', '20 reset 1']);
  assert.equal(drain(), []);
});

test('abort resets what is open, the oldest first, and refuses what comes', () => {
  const { streams, open, give, drain } = rig({ source: 2 * MOST }, { plan: [{ atUs: 500, verb: 'close', amount: 0 }] });
  open(0, 0);
  open(1, 1);
  drain();
  streams.abort(600);
  assert.equal(drain(), ['500 end 1', '600 reset 0', '600 reset 1']);
  assert.is(streams.openFlows, 0);
  assert.is(streams.nextDeadlineUs(), undefined);
  assert.equal(give(601, { kind: 'acknowledged', stream: 0, count: MOST }), []);
  assert.equal(open(602, 2), ['602 reset 2']);
});

test.run();
