// wirebench/test: sessions and stacks without a network, and patterns of events.

import { AssertionError } from 'node:assert';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bytesBody } from '../../src/core/http/body.js';
import { type EventPattern, expectEvents, openSession, openStack, type TimedEvent } from '../../src/test-kit/index.js';
import { text, toHex } from '../support/bytes.js';
import { parseTcpFrame, SYN, tcpFrame } from '../support/frames.js';
import { HttpsClient } from '../support/https-client.js';

const GET = 'GET /bytes/3 HTTP/1.1\r\nHost: a\r\n\r\n';

function assertionOf(body: () => unknown): AssertionError {
  try {
    body();
  } catch (error) {
    assert.instance(error, AssertionError);
    return error as AssertionError;
  }
  throw new Error('nothing was raised');
}

test('a request gets its answer, and received takes it once', () => {
  const session = openSession();
  session.send(GET);
  assert.match(text(session.received()), /^HTTP\/1\.1 200 OK\r\n.*\r\n\r\n...$/s);
  assert.is(session.received().length, 0);
  assert.is(session.state, 'open');
  session.end();
  assert.is(session.state, 'closed');
  assert.throws(() => session.send(GET), /the client has ended/);
});

test('what means nothing is a TypeError that names what there is', () => {
  for (const [body, message] of [
    [() => openSession({ over: 'tsl' as 'tls' }), 'openSession: over: "tsl"; there are plain, tls. Did you mean tls?'],
    [
      () => openSession({ sed: 'x' } as object),
      'openSession: no option "sed"; there are handler, seed, startUnixUs, tls, over. Did you mean seed?',
    ],
    [
      () => openStack({ over: 'tls' } as object),
      'openStack: no option "over"; there are handler, seed, startUnixUs, tls, address, address6, mtu, plainPorts, tlsPorts, tcp',
    ],
    [() => openSession().send(5 as unknown as string), 'send: a text or a Uint8Array is wanted, not the number 5'],
    [() => openStack().send('x' as unknown as Uint8Array), 'send: a Uint8Array is wanted, not the string x'],
    [
      () => expectEvents([], [{ layer: 'htp' as 'http' }]),
      'expectEvents: layer: "htp"; there are ip, icmp, tcp, tls, http1, http2, http. Did you mean http?',
    ],
  ] as const) {
    assert.throws(body, (error: unknown) => error instanceof TypeError && error.message === message, message);
  }
  assert.throws(
    () => openSession({ over: 'tls', tls: { maxVersoin: '1.2' } as object }),
    /^tls: no option "maxVersoin"; there are .*maxVersion/,
  );
});

test('the cut of the bytes changes nothing', () => {
  const whole = openSession({ seed: 'cut' });
  whole.send(GET + GET);
  const cut = openSession({ seed: 'cut' });
  for (const character of GET + GET) cut.send(character);
  assert.is(toHex(cut.received()), toHex(whole.received()));
  assert.equal(cut.events, whole.events);
});

test('timers fire at their own times, however far time goes on', () => {
  const inOne = openSession();
  inOne.send('GET /delay/150 HTTP/1.1\r\nHost: a\r\n\r\n');
  const inSteps = openSession();
  inSteps.send('GET /delay/150 HTTP/1.1\r\nHost: a\r\n\r\n');
  inOne.advance(3_600_000_000);
  for (let i = 0; i < 36_000; i++) inSteps.advance(100_000);
  assert.is(inOne.nowUs, 3_600_000_000);
  assert.is(toHex(inOne.received()), toHex(inSteps.received()));
  assert.equal(inOne.events, inSteps.events);
  expectEvents(inOne.events, [{ layer: 'http', kind: 'response', atUs: 150_000 }]);
  assert.throws(() => inOne.advance(-1), RangeError);
  assert.throws(() => inOne.advance(0.5), RangeError);
});

test('what there is no room for waits: a long upload to a handler that echoes', () => {
  const session = openSession();
  const content = 'x'.repeat(1_000_000);
  session.send(`POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: ${content.length}\r\n\r\n${content}`);
  session.end();
  const answer = text(session.received());
  assert.is(
    answer.slice(answer.indexOf('\r\n\r\n') + 4).replace(/\r\n[0-9a-f]*\r\n|^[0-9a-f]+\r\n/g, '').length > 0,
    true,
  );
  assert.ok(answer.includes('x'.repeat(1_000)), 'it came back');
  assert.is((answer.match(/x/g) ?? []).length, content.length);
});

function synTo(destinationPort: number): Uint8Array {
  const addresses = { source: '10.0.0.1', destination: '10.0.0.2', sourcePort: 50_000, destinationPort };
  return tcpFrame({ ...addresses, seq: 1, ack: 0, flags: SYN, window: 65_535 });
}

test('a session over TLS answers a ClientHello by its seed', () => {
  const flight = (seed: string): string => {
    const session = openSession({ over: 'tls', seed, tls: { maxVersion: '1.2' } });
    session.send(new HttpsClient('h2', []).start());
    expectEvents(session.events, [
      { layer: 'tls', kind: 'handshake', dir: 'in', message: 'ClientHello' },
      { layer: 'tls', kind: 'handshake', dir: 'out', message: 'ServerHelloDone' },
    ]);
    return toHex(session.received());
  };
  assert.is(flight('one'), flight('one'));
  assert.is.not(flight('one'), flight('two'));
});

test('a stack: the same seed gives the same packets, another seed other ones', () => {
  const first = synAckOf('one');
  assert.is(toHex(first), toHex(synAckOf('one')));
  assert.is.not(toHex(first), toHex(synAckOf('two')));
});

function synAckOf(seed: string): Uint8Array {
  const stack = openStack({ seed });
  stack.send(synTo(443));
  const [packet] = stack.received();
  assert.ok(packet);
  return packet.bytes;
}

test('a stack: packets in and out, its retransmission at its own time', () => {
  const stack = openStack({ handler: () => ({ status: 200, headers: [], body: bytesBody(new Uint8Array(1)) }) });
  stack.send(synTo(80));
  const [first] = stack.received();
  assert.is(parseTcpFrame(first!.bytes).ack, 2);
  assert.is(stack.openFlows, 1);
  stack.advance(1_500_000);
  const again = stack.received();
  assert.equal(
    again.map(({ atUs }) => atUs),
    [1_000_000],
  );
  expectEvents(stack.events, [
    { layer: 'tcp', kind: 'segment', dir: 'in' },
    { layer: 'tcp', kind: 'state', from: 'LISTEN', to: 'SYN-RECEIVED' },
    { layer: 'tcp', kind: 'retransmit', atUs: 1_000_000 },
  ]);
  stack.close();
  stack.advance(600_000_000);
  assert.is(stack.openFlows, 0);
});

const EVENTS = [
  { atUs: 1, layer: 'http', kind: 'request', path: '/a', headers: [['x', '1']] },
  { atUs: 2, layer: 'http', kind: 'response', status: 200, fields: { a: 1, b: 2 } },
  { atUs: 3, layer: 'http', kind: 'request', path: '/b' },
] as unknown as readonly TimedEvent[];

test('patterns match in part, in order, with others between', () => {
  const found = expectEvents(EVENTS, [{ kind: 'request' }, { path: /^\/b/ }]);
  assert.equal(
    found.map(({ atUs }) => atUs),
    [1, 3],
  );
  expectEvents(EVENTS, [{ headers: [['x', '1']] }, { fields: { b: 2 } }]);
  expectEvents(EVENTS, []);
});

test('what has no match is named, with what there was', () => {
  const fails = (patterns: readonly EventPattern[]): string =>
    assertionOf(() => expectEvents(EVENTS, patterns)).message;
  assert.is(
    fails([{ path: '/b' }, { path: '/a' }]),
    'no event matches pattern 2 of 2: {"path":"/a"}\nthere is no event behind the 3 before it',
  );
  assert.is(
    fails([{ kind: 'response' }, { layer: 'http', kind: 'request', path: /c$/ }]),
    'no event matches pattern 2 of 2: {"layer":"http","kind":"request","path":"/c$/"}\n' +
      'behind the 2 events before it there are 1 events of this kind:\n' +
      '  {"atUs":3,"layer":"http","kind":"request","path":"/b"}',
  );
  assert.match(fails([{ fields: { a: 2 } }]), /pattern 1 of 1/);
  assert.match(fails([{ headers: [] }]), /pattern 1 of 1/, 'lists are compared whole');
  assert.match(fails([{ status: /2/ }]), /pattern 1 of 1/, 'a RegExp is for texts');
});

test.run();
