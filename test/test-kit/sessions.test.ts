// wirebench/test: sessions and stacks without a network, and patterns of events.

import { AssertionError } from 'node:assert';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:tls';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bytesBody } from '../../src/core/http/body.js';
import {
  type EventPattern,
  expectEvents,
  expectGolden,
  openSession,
  openStack,
  type TimedEvent,
} from '../../src/test-kit/index.js';
import { text, toHex } from '../support/bytes.js';
import { parseTcpFrame, SYN, tcpFrame } from '../support/frames.js';
import { HttpsClient } from '../support/https-client.js';
import { projectRoot } from '../support/live.js';

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

function typeError(body: () => unknown, message: string | RegExp): void {
  assert.throws(body, (error: unknown) => {
    if (!(error instanceof TypeError)) return false;
    if (typeof message === 'string') assert.is(error.message, message);
    else assert.match(error.message, message);
    return true;
  });
}

test('the fields of tls mean what the options of serve mean', async () => {
  const keys = `${projectRoot}/fixtures/keys/server-ecdsa`;
  const session = openSession({
    over: 'tls',
    tls: {
      credentials: [{ cert: `${keys}.cert.pem`, key: `${keys}.key.pem`, ocsp: undefined }],
      maxVersion: '1.2',
      cipherSuites: ['TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256'],
      groups: ['secp256r1'],
      alpnProtocols: ['http/1.1'],
      resumption: false,
      strictServerName: false,
      clientAuthRequired: true,
    },
  });
  const ca = readFileSync(`${keys}.cert.pem`);
  const socket = connect({
    socket: session.stream(),
    ca,
    servername: 'wirebench.test',
    ALPNProtocols: ['h2', 'http/1.1'],
  });
  await once(socket, 'secureConnect');
  socket.destroy();
  const [event] = expectEvents(session.events, [
    { layer: 'tls', kind: 'established', version: 'TLS1.2', alpn: 'http/1.1' },
  ]);
  assert.match(JSON.stringify(event), /TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256/);
  assert.not.ok(session.events.some((one) => 'message' in one && one.message === 'NewSessionTicket'));
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
  for (const [options, message] of [
    [{ handler: 'x' }, 'openSession: handler: a function is wanted, not the string x'],
    [{ seed: 5 }, 'openSession: seed: a text is wanted, not the number 5'],
    [{ seed: '' }, 'openSession: seed: the text is empty'],
    [{ startUnixUs: 0.5 }, 'openSession: startUnixUs: an integer is wanted, not the number 0.5'],
    [{ tls: { maxVersion: '1.2' } }, "openSession: tls goes with over: 'tls'"],
    [{ over: 'tls', tls: { maxVersion: '1.4' } }, 'tls: maxVersion: "1.4" is not one of 1.2, 1.3. Did you mean 1.2?'],
    [
      { over: 'tls', tls: { minVersion: '1.3', maxVersion: '1.2' } },
      'tls: minVersion 1.3 is above maxVersion 1.2. Change one of them.',
    ],
    [
      { over: 'tls', tls: { groups: ['x25518'] } },
      /^tls: groups: "x25518" is not one of x25519, .*Did you mean x25519\?$/,
    ],
    [
      { over: 'tls', tls: { cipherSuites: ['FOO'] } },
      /^tls: cipherSuites: "FOO" is no suite of ours\. The suites are /,
    ],
    [{ over: 'tls', tls: { cipherSuites: 'FOO' } }, 'tls: cipherSuites: a list is wanted, not the string FOO'],
    [{ over: 'tls', tls: { resumption: 'no' } }, 'tls: resumption: a boolean is wanted, not the string no'],
    [
      { over: 'tls', tls: { credentials: [{ cert: 'a.pem' }] } },
      'tls: credentials: key: a text is wanted, not undefined',
    ],
  ] as const) {
    typeError(() => openSession(options as object), message);
  }
  for (const [options, message] of [
    [{ plainPorts: 80 }, 'openStack: plainPorts: a list is wanted, not the number 80'],
    [{ plainPorts: [-1] }, 'openStack: plainPorts: -1 is no port'],
    [{ plainPorts: [443] }, 'openStack: tlsPorts: 443 is there already'],
    [{ tcp: { congestoin: 'reno' } }, /^openStack: tcp: no option "congestoin"; .*Did you mean congestion\?$/],
  ] as const) {
    typeError(() => openStack(options as object), message);
  }
  typeError(() => openSession().send('GET /\u20ac'), 'send: "\u20ac" at 5 is no octet; give UTF-8 as bytes');
  const session = openSession() as unknown as TimedEvent[];
  typeError(() => expectEvents(session, []), 'expectEvents: a list of events is wanted, not MemorySession');
  const pattern = { layer: 'http' } as unknown as EventPattern[];
  typeError(() => expectEvents([], pattern), 'expectEvents: patterns: a list is wanted, not Object');
  typeError(
    () => expectGolden('x.txt', 5 as unknown as string),
    'expectGolden: text: a text is wanted, not the number 5',
  );
  assert.throws(
    () => openSession({ over: 'tls', tls: { maxVersoin: '1.2' } as object }),
    /^tls: no option "maxVersoin"; there are .*maxVersion/,
  );
});

test('what a handler throws is told, and the client gets a 500', () => {
  const told: string[] = [];
  const write = process.stderr.write;
  process.stderr.write = (text) => told.push(String(text)) > 0;
  try {
    const session = openSession({
      handler: () => {
        throw new RangeError('of the test');
      },
    });
    session.send(GET);
    assert.match(text(session.received()), /^HTTP\/1\.1 500 /);
  } finally {
    process.stderr.write = write;
  }
  assert.match(
    told.join(''),
    /^wirebench: the handler failed at GET \/bytes\/3: RangeError: of the test\n {4}at handler /,
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
