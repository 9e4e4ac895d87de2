// SYN cookies (RFC 4987 §3.6): what they carry, how long they are good for, and connections that are made from one.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from '../../../src/core/limits.js';
import { createStack } from '../../../src/core/stack.js';
import { cookieTimestamp, makeCookie, openCookie, optionsOfTimestamp } from '../../../src/core/tcp/syn-cookie.js';
import { testRandom } from '../../support/bytes.js';
import { parseTcpFrame, SYN, tcpFrame } from '../../support/frames.js';
import { runScript } from '../../support/packet-script.js';
import { hashRandomSource } from '../../support/random.js';
import { StubSession } from '../../support/stub-session.js';

const test = suite('SYN cookies');

const random = hashRandomSource(1);
const MINUTE_US = 60_000_000;

/** Fills the SYN queue from other ports, long before anything is sent again. */
const FLOOD = Array.from(
  { length: limits.tcp.synReceived },
  (_, i) => `0.000 < S 0:0(0) win 65535 from ${1000 + i}\n0.000 > S. 0:0(0) ack 1`,
).join('\n');

test('a cookie gives back the largest MSS of the table that is not more than the SYN said', () => {
  for (const [mss, back] of [
    [-1, 536],
    [0, 48],
    [48, 48],
    [100, 48],
    [255, 48],
    [256, 256],
    [535, 256],
    [536, 536],
    [1379, 1300],
    [1460, 1460],
    [8959, 8940],
    [65_535, 8940],
  ] as const) {
    const cookie = makeCookie(random, 'a', 5, 777, mss);
    assert.is(openCookie(random, 'a', 6, 777, cookie), back, `${mss}`);
  }
});

test('a cookie is good for its sockets, its ISN and this minute and the next', () => {
  const cookie = makeCookie(random, 'a', 0, 777, 1460);
  assert.is(openCookie(random, 'b', 0, 777, cookie), -1);
  assert.is(openCookie(random, 'a', 0, 1777, cookie), -1);
  assert.is(openCookie(random, 'a', 0, 778, cookie), -1);
  assert.is(openCookie(hashRandomSource(2), 'a', 0, 777, cookie), -1);
  assert.is(openCookie(random, 'a', 0, 777, (cookie + 8) >>> 0), -1);
  assert.is(openCookie(random, 'a', 2 * MINUTE_US - 1, 777, cookie), 1460);
  assert.is(openCookie(random, 'a', limits.tcp.synCookieMinutes * MINUTE_US, 777, cookie), -1);
});

test('the low bits of a timestamp carry the other options and never the future', () => {
  for (const clock of [0, 1, 63, 64, 1_000_000, 0xffff_ffff]) {
    for (const shift of [-1, 0, 7, 14]) {
      const value = cookieTimestamp(clock, shift, shift > 0, shift === 7);
      assert.ok((clock - value) >>> 0 < 64, `${clock} ${value}`);
      assert.equal(optionsOfTimestamp(value), { shift, sack: shift > 0, ecn: shift === 7 });
    }
  }
});

test('a full SYN queue answers by a cookie, whose ACK opens a connection that works like others', () => {
  const { events, stack } = runScript(
    `${FLOOD}
    0.100 < S 0:0(0) win 65535 <mss 1460>
    0.100 > S. 0:0(0) ack 1 win 65535 <mss 1460>
    0.100 says backlog full
    0.110 < . 1:1(0) ack 1 win 65535
    0.110 state ESTABLISHED
    0.120 < P. 1:101(100) ack 1 win 65535
    0.120 > P. 1:101(100) ack 101
    0.130 < F. 101:101(0) ack 101 win 65535
    0.130 > F. 101:101(0) ack 102
    0.140 < . 102:102(0) ack 102 win 65535
    0.140 state CLOSED
  `,
    { echo: true, closeAfterInput: true },
  );
  assert.is(stack.openFlows, limits.tcp.synReceived);
  assert.is(events.filter((event) => event.kind === 'cookies').length, 1);
  const states = events.filter((event) => event.layer === 'tcp' && event.kind === 'state' && event.from === 'LISTEN');
  assert.match(JSON.stringify(states.at(-1)), /"flow":"10.0.0.1:49152>10.0.0.2:80#0".*"to":"ESTABLISHED"/);
});

test('data that comes in place of a lost ACK opens the connection, too', () => {
  runScript(`${FLOOD}
    0.100 < S 0:0(0) win 65535 <mss 1460>
    0.100 > S. 0:0(0) ack 1 win 65535 <mss 1460>
    0.110 < P. 1:101(100) ack 1 win 65535
    0.110 state ESTABLISHED
    0.110 got 100
    0.150 > . 1:1(0) ack 101
  `);
});

test('without timestamps the other options are not agreed on', () => {
  runScript(`${FLOOD}
    0.100 < S 0:0(0) win 65535 <mss 1460,sackOK,wscale 7>
    0.100 > S. 0:0(0) ack 1 win 65535 <mss 1460>
    0.110 < . 1:1(0) ack 1 win 1000
    0.120 session write 1500
    0.120 > . 1:1001(1000) ack 1 win 65535
    0.130 < . 101:201(100) ack 1001 win 1000
    0.130 > P. 1001:1501(500) ack 1 win 65535 <>
  `);
});

test('with timestamps window scale and SACK come back in the echo', () => {
  runScript(`${FLOOD}
    0.100 < S 0:0(0) win 65535 <mss 1460,sackOK,TS val 500 ecr 0,wscale 2>
    0.100 > S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK,TS val 100 ecr 500,wscale 3>
    0.110 < . 1:1(0) ack 1 win 500 <TS val 510 ecr 100>
    0.110 state ESTABLISHED
    0.120 session write 2500
    0.120 > . 1:1449(1448) ack 1         # of 1460 with options, in a window of 2000
    0.130 < . 101:201(100) ack 1449 win 500 <TS val 530 ecr 120>
    0.130 > P. 1449:2501(1052) ack 1 <TS val 162 ecr 510,sack 101:201>
  `);
});

test('a stray ACK is reset: no cookie was sent, it is none of ours, or it is too old', () => {
  runScript(`${FLOOD}
    0.100 < . 1:1(0) ack 1 win 65535
    0.100 > R 1:1(0)
  `);
  runScript(`${FLOOD}
    0.100 < S 0:0(0) win 65535 <mss 1460>
    0.100 > S. 0:0(0) ack 1
    0.110 < . 1:1(0) ack 100 win 65535
    0.110 > R 100:100(0)
    0.120 < . 2:2(0) ack 1 win 65535
    0.120 > R 1:1(0)
  `);
});

test('a flood of SYNs leaves no more than the queue, and a client that comes during it is served', () => {
  const sessions: StubSession[] = [];
  const create = (): StubSession => {
    const session = new StubSession({ echo: true });
    sessions.push(session);
    return session;
  };
  const stack = createStack(
    { localAddress: '10.0.0.2', mtu: 1500, services: new Map([[80, create]]) },
    { random: hashRandomSource() },
  );
  const drawn = testRandom(7);
  const base = { destination: '10.0.0.2', destinationPort: 80, ack: 0, window: 65_535 };
  const client = { ...base, source: '10.0.0.1', sourcePort: 50_000 };
  let sent = 0;
  const flood = (count: number): void => {
    for (let i = 0; i < count; i++) {
      const source = `10.${1 + drawn.below(200)}.${drawn.below(256)}.${1 + drawn.below(250)}`;
      const syn = { ...base, source, sourcePort: 1024 + drawn.below(60_000), seq: drawn.u32(), flags: SYN, mss: 1460 };
      stack.receive(1000, tcpFrame(syn));
      while (stack.poll()) sent++;
    }
  };
  flood(3000);
  assert.is(sent, 3000);
  assert.is(stack.openFlows, limits.tcp.synReceived);
  stack.receive(2000, tcpFrame({ ...client, seq: 9, flags: SYN, mss: 1460 }));
  const synAck = parseTcpFrame(stack.poll()!.frame.slice());
  flood(500);
  stack.receive(3000, tcpFrame({ ...client, seq: 10, ack: synAck.seq + 1, flags: 0x10 }));
  stack.receive(3000, tcpFrame({ ...client, seq: 10, ack: synAck.seq + 1, flags: 0x18, payload: new Uint8Array(3) }));
  assert.is(sessions.length, 1);
  assert.is(sessions[0]!.received, 3);
  const answer = parseTcpFrame(stack.poll()!.frame.slice());
  assert.is(answer.payload.length, 3);
  assert.is(stack.openFlows, limits.tcp.synReceived + 1);
});

test('a cookie whose connection would not fit in the table is dropped', () => {
  // Established connections fill the table, those in SYN-RECEIVED the queue, and one client holds a cookie.
  const create = (): StubSession => new StubSession();
  let dropped = '';
  const stack = createStack(
    { localAddress: '10.0.0.2', mtu: 1500, services: new Map([[80, create]]) },
    {
      random: hashRandomSource(),
      trace: (_at, event) => {
        if (event.kind === 'drop') dropped = event.reason;
      },
    },
  );
  const exchange = (sourcePort: number, source: string, segment: { seq: number; ack: number; flags: number }) => {
    stack.receive(
      1000,
      tcpFrame({ source, sourcePort, destination: '10.0.0.2', destinationPort: 80, window: 9999, ...segment }),
    );
    const out = stack.poll();
    const frame = out && parseTcpFrame(out.frame.slice());
    while (stack.poll());
    return frame;
  };
  const syn = { seq: 5, ack: 0, flags: SYN };
  for (let i = 0; i < limits.tcp.synReceived; i++) exchange(2000 + i, '10.0.0.9', syn);
  const kept = exchange(999, '10.0.0.1', syn)!;
  for (let i = 0; i < limits.tcp.connections - limits.tcp.synReceived; i++) {
    const synAck = exchange(1000 + i, '10.0.0.1', syn)!;
    exchange(1000 + i, '10.0.0.1', { seq: 6, ack: synAck.seq + 1, flags: 0x10 });
  }
  assert.is(stack.openFlows, limits.tcp.connections);
  assert.is(exchange(999, '10.0.0.1', { seq: 6, ack: kept.seq + 1, flags: 0x10 }), undefined);
  assert.is(dropped, 'connection table full');
  assert.is(exchange(998, '10.0.0.1', syn), undefined);
  assert.is(stack.openFlows, limits.tcp.connections);
});

test.run();
