// What makes a request malformed (RFC 9113 §8.1 to §8.3), what a handler gets to see, and what a response looks like.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Request, Response } from '../../../src/core/http/message.js';
import { ErrorCode, type Frame } from '../../../src/core/http2/frame.js';
import { limits } from '../../../src/core/limits.js';
import type { Field } from '../../../src/core/trace.js';
import { ascii, equalBytes } from '../../support/bytes.js';
import { body, createPeer, DATE, errorOf, type Peer } from './support.js';

const GET: readonly Field[] = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':authority', 'a.test'],
  [':path', '/'],
];

function headers(peer: Peer, fields: readonly Field[], streamId = 1, endStream = true): Frame {
  return { type: 'HEADERS', streamId, endStream, endHeaders: true, fieldBlockFragment: peer.encode(fields) };
}

const without = (name: string): Field[] => GET.filter(([field]) => field !== name);
const withValue = (name: string, value: string): Field[] =>
  GET.map((field) => (field[0] === name ? [name, value] : field));

const malformed: readonly (readonly [name: string, fields: readonly Field[]])[] = [
  ['§8.3.1 no :method', without(':method')],
  ['§8.3.1 no :scheme', without(':scheme')],
  ['§8.3.1 no :path', without(':path')],
  ['§8.3.1 empty :path', withValue(':path', '')],
  ['§8.3.1 :path without a slash', withValue(':path', 'index.html')],
  ['§8.3.1 :path with a space', withValue(':path', '/a b')],
  ['§8.3.1 * for other than OPTIONS', withValue(':path', '*')],
  ['§8.3.1 userinfo in :authority', withValue(':authority', 'user@a.test')],
  ['§8.3.1 path in :authority', withValue(':authority', 'a.test/b')],
  ['§8.3.1 query in :authority', withValue(':authority', 'a.test?b')],
  ['§8.3.1 fragment in :authority', withValue(':authority', 'a.test#b')],
  ['§8.3.1 port in :authority that is none', withValue(':authority', 'a.test:b')],
  ['§8.3.1 bracket in :authority that is not closed', withValue(':authority', '[::1')],
  ['§8.3.1 path in host instead of :authority', [...without(':authority'), ['host', 'a.test/b']]],
  ['§8.3.1 userinfo in host instead of :authority', [...without(':authority'), ['host', 'user@a.test']]],
  ['§8.3.1 space in host instead of :authority', [...without(':authority'), ['host', 'a.test b']]],
  ['§8.3.1 :method that is no token', withValue(':method', 'GE T')],
  ['§8.3.1 empty :method', withValue(':method', '')],
  ['§8.3.1 :scheme that is none', withValue(':scheme', '1:')],
  ['§8.3 unknown pseudo-header field', [...GET, [':protocol', 'x']]],
  ['§8.3 response pseudo-header field', [...GET, [':status', '200']]],
  ['§8.3 pseudo-header field behind a regular one', [['accept', '*/*'], ...GET]],
  ['§8.3 repeated pseudo-header field', [...GET, [':path', '/']]],
  ['§8.2.1 upper case in a name', [...GET, ['Accept', 'x']]],
  ['§8.2.1 space in a name', [...GET, ['a b', 'x']]],
  ['§8.2.1 colon in a name', [...GET, ['a:b', 'x']]],
  ['§8.2.1 empty name', [...GET, ['', 'x']]],
  ['§8.2.1 octet above 0x7f in a name', [...GET, ['a\xe9', 'x']]],
  ['§8.2.1 LF in a value', [...GET, ['a', 'x\ny']]],
  ['§8.2.1 CR in a value', [...GET, ['a', 'x\ry']]],
  ['§8.2.1 NUL in a value', [...GET, ['a', 'x\0y']]],
  ['§8.2.1 space before a value', [...GET, ['a', ' x']]],
  ['§8.2.1 tab behind a value', [...GET, ['a', 'x\t']]],
  ['§8.2.1 LF in a pseudo-header field', withValue(':path', '/\n')],
  ['§8.2.2 connection', [...GET, ['connection', 'close']]],
  ['§8.2.2 keep-alive', [...GET, ['keep-alive', '5']]],
  ['§8.2.2 proxy-connection', [...GET, ['proxy-connection', 'close']]],
  ['§8.2.2 transfer-encoding', [...GET, ['transfer-encoding', 'chunked']]],
  ['§8.2.2 upgrade', [...GET, ['upgrade', 'h2c']]],
  ['§8.2.2 te: gzip', [...GET, ['te', 'gzip']]],
  ['§8.3.1 host that differs', [...GET, ['host', 'b.test']]],
  ['§8.3.1 two hosts', [...GET, ['host', 'a.test'], ['host', 'a.test']]],
  ['§8.3.1 host with another port', [...GET, ['host', 'a.test:8443']]],
  ['§8.3.1 empty :authority of https', withValue(':authority', '')],
  ['§8.3.1 :path with a fragment', withValue(':path', '/a#b')],
  [
    'RFC 8441 §4: :protocol is not known, extended CONNECT is off',
    [[':protocol', 'websocket'], ...withValue(':method', 'CONNECT')],
  ],
  ['§8.1.1 content-length without content', [...GET, ['content-length', '5']]],
  ['§8.1.1 content-length that is no number', [...GET, ['content-length', '+0']]],
  ['§8.1.1 two content-lengths', [...GET, ['content-length', '0'], ['content-length', '1']]],
  ['§8.5 CONNECT with :path', withValue(':method', 'CONNECT')],
  ['§8.5 CONNECT without :authority', [[':method', 'CONNECT']]],
];

for (const [name, fields] of malformed) {
  test(`malformed: ${name}`, () => {
    let calls = 0;
    const peer = createPeer({
      handler: () => {
        calls++;
        return { status: 200, headers: [] };
      },
    });
    assert.equal(errorOf(peer.frames(headers(peer, fields))), { scope: 'stream', code: ErrorCode.PROTOCOL_ERROR });
    assert.is(calls, 0);
    // The connection and its tables go on.
    assert.is(status(peer, peer.frames(headers(peer, GET, 3))), '200');
    assert.is(calls, 1);
  });
}

const sound: readonly (readonly [name: string, fields: readonly Field[]])[] = [
  ['te: trailers', [...GET, ['te', 'trailers']]],
  ['host that is the same in another case', [...GET, ['host', 'A.Test']]],
  ["host with the scheme's own port", [...GET, ['host', 'a.test:443']]],
  ['content-length: 0', [...GET, ['content-length', '0']]],
  ['the same content-length twice', [...GET, ['content-length', '0'], ['content-length', '0']]],
  ['empty value', [...GET, ['a', '']]],
  ['octets above 0x7f in a value', [...GET, ['a', 'h\xe9']]],
  [
    'OPTIONS *',
    [
      [':method', 'OPTIONS'],
      [':scheme', 'https'],
      [':path', '*'],
    ],
  ],
  ['host instead of :authority', [...without(':authority'), ['host', 'a.test']]],
  ['IPv6 address in :authority', withValue(':authority', '[fd00::2]:443')],
  ['encoded octets in :authority', withValue(':authority', 'a%C3%A4.test')],
];

for (const [name, fields] of sound) {
  test(`sound: ${name}`, () => {
    const peer = createPeer({ handler: () => ({ status: 200, headers: [] }) });
    assert.is(status(peer, peer.frames(headers(peer, fields))), '200');
  });
}

function status(peer: Peer, frames: readonly Frame[]): string | undefined {
  const head = frames.find((frame) => frame.type === 'HEADERS');
  return head === undefined ? undefined : peer.decode(head)[0]![1];
}

test('the handler sees method, path, authority and the regular fields in order, crumbs joined', () => {
  let seen: Request | undefined;
  const peer = createPeer({
    handler: (request) => {
      seen = request;
      return { status: 200, headers: [] };
    },
  });
  const extra: Field[] = [
    ['accept', '*/*'],
    ['cookie', 'a=1'],
    ['x-a', ''],
    ['cookie', 'b=2; c=3'],
  ];
  peer.frames(headers(peer, [...withValue(':path', '/p?q=1'), ...extra]));
  assert.is(seen!.version, 'HTTP/2');
  assert.is(seen!.method, 'GET');
  assert.is(seen!.scheme, 'https');
  assert.is(seen!.authority, 'a.test');
  assert.is(seen!.path, '/p?q=1');
  assert.equal(seen!.headers, [
    ['accept', '*/*'],
    ['cookie', 'a=1; b=2; c=3'],
    ['x-a', ''],
  ]);
  assert.is(seen!.body.length, 0);
});

test('what is not for the handler: 421 for the other scheme, 501 for CONNECT', () => {
  const peer = createPeer({
    handler: () => {
      throw new Error('not to be called');
    },
  });
  assert.is(status(peer, peer.frames(headers(peer, withValue(':scheme', 'http')))), '421');
  const connect: Field[] = [
    [':method', 'CONNECT'],
    [':authority', 'a.test:443'],
  ];
  assert.is(status(peer, peer.frames(headers(peer, connect, 3))), '501');
});

test('content-length is held against DATA (§8.1.1)', () => {
  for (const [lengths, error] of [
    [[2, 3], false],
    [[2, 2], true],
    [[2, 4], true],
  ] as const) {
    const peer = createPeer();
    peer.frames(peer.request(1, '/echo', { method: 'POST', end: false, extra: [['content-length', '5']] }));
    const frames = lengths.flatMap((length, i) =>
      peer.frames({ type: 'DATA', streamId: 1, endStream: i === 1, data: new Uint8Array(length) }),
    );
    assert.equal(errorOf(frames), error ? { scope: 'stream', code: ErrorCode.PROTOCOL_ERROR } : undefined);
  }
});

test('content-length is held against DATA when trailers end the request', () => {
  const peer = createPeer();
  peer.frames(peer.request(1, '/echo', { method: 'POST', end: false, extra: [['content-length', '5']] }));
  const frames = peer.frames(headers(peer, [['x-sum', '0']]));
  assert.equal(errorOf(frames), { scope: 'stream', code: ErrorCode.PROTOCOL_ERROR });
});

test('trailers end the request; their fields are checked', () => {
  const good = createPeer();
  good.frames(good.request(1, '/echo', { method: 'POST', end: false }));
  good.frames({ type: 'DATA', streamId: 1, endStream: false, data: ascii('x') });
  const frames = good.frames(headers(good, [['x-sum', '1']]));
  assert.is(errorOf(frames), undefined);
  const last = frames.at(-1)!;
  assert.is(last.type === 'HEADERS' && last.endStream, true);
  const bad = createPeer();
  bad.frames(bad.request(1, '/echo', { method: 'POST', end: false }));
  assert.equal(errorOf(bad.frames(headers(bad, [['Upper', '1']]))), {
    scope: 'stream',
    code: ErrorCode.PROTOCOL_ERROR,
  });
});

test('100 (Continue) goes before the answer to a client that waits for it', () => {
  const peer = createPeer();
  const expects: Field[] = [['expect', '100-continue']];
  const frames = peer.frames(peer.request(1, '/echo', { method: 'POST', end: false, extra: expects }));
  assert.equal(
    frames.map((frame) => [frame.type, peer.decode(frame)[0]![1]]),
    [
      ['HEADERS', '100'],
      ['HEADERS', '200'],
    ],
  );
  const refused = peer.frames(peer.request(3, '/missing', { method: 'POST', end: false, extra: expects }));
  assert.is(status(peer, refused), '404');
  const complete = peer.frames(peer.request(5, '/echo', { method: 'POST', extra: expects }));
  assert.is(status(peer, complete), '200');
});

function answer(response: Response, method = 'GET'): { fields: Field[]; frames: Frame[] } {
  const peer = createPeer({ handler: () => response });
  const frames = peer.frames(peer.request(1, '/', { method }));
  return { fields: peer.decode(frames[0]!), frames };
}

test('a response: :status, date, the handler’s fields, content-length', () => {
  const { fields, frames } = answer({ status: 200, headers: [['x-a', '1']], body: body(ascii('abc')) });
  assert.equal(fields, [
    [':status', '200'],
    ['date', DATE],
    ['x-a', '1'],
    ['content-length', '3'],
  ]);
  const data = frames[1]!;
  if (data.type !== 'DATA') throw new Error('DATA expected');
  equalBytes(data.data, ascii('abc'));
  assert.is(data.endStream, true);
});

test('content-length by status and method', () => {
  const length = (response: Response, method?: string): string | undefined =>
    answer(response, method).fields.find(([name]) => name === 'content-length')?.[1];
  const headers: Field[] = [];
  assert.is(length({ status: 200, headers }), '0');
  assert.is(length({ status: 204, headers }), undefined);
  assert.is(length({ status: 204, headers, body: body(ascii('abc')) }), undefined);
  assert.is(length({ status: 205, headers, body: body(ascii('abc')) }), '0');
  assert.is(length({ status: 304, headers }), undefined);
  assert.is(length({ status: 304, headers, body: body(ascii('abc')) }), '3');
  assert.is(length({ status: 200, headers, body: body(ascii('abc')) }, 'HEAD'), '3');
  assert.is(length({ status: 200, headers, body: { ...body(ascii('abc')), length: undefined } }), undefined);
});

test('HEAD, 204, 205 and 304 have no content, and the body is told that nobody reads', () => {
  for (const [code, method] of [
    [200, 'HEAD'],
    [204, 'GET'],
    [205, 'GET'],
    [304, 'GET'],
  ] as const) {
    let cancelled = 0;
    const source = { ...body(ascii('abc')), cancel: () => void cancelled++ };
    const { frames } = answer({ status: code, headers: [], body: source }, method);
    assert.is(frames.length, 1);
    assert.is(frames[0]!.type === 'HEADERS' && frames[0]!.endStream, true);
    assert.is(cancelled, 1);
  }
});

test('a response that cannot be put in HTTP/2 becomes a 500', () => {
  const bad: Response[] = [
    { status: 100, headers: [] },
    { status: 99, headers: [] },
    { status: 200.5, headers: [] },
    { status: 1000, headers: [] },
    { status: 200, headers: [['x', 'a\r\nb']] },
    { status: 200, headers: [['X', 'a']] },
    { status: 200, headers: [[':status', '200']] },
    { status: 200, headers: [['x', '\u20ac']] },
    { status: 200, headers: [], delayUs: -1 },
    { status: 200, headers: [], delayUs: Number.NaN },
    { status: 200, headers: [['x', 'y'.repeat(limits.http2.responseHeaderListBytes)]] },
  ];
  for (const response of bad) assert.equal(answer(response).fields[0], [':status', '500']);
});

test('fields of the connection, and those that are ours, are left out of a response', () => {
  const { fields } = answer({
    status: 200,
    headers: [
      ['connection', 'close'],
      ['transfer-encoding', 'chunked'],
      ['content-length', '77'],
      ['date', 'x'],
    ],
  });
  assert.equal(fields, [
    [':status', '200'],
    ['date', DATE],
    ['content-length', '0'],
  ]);
});

test('a header section larger than a frame goes on in CONTINUATION', () => {
  const long = '{'.repeat(40_000);
  const peer = createPeer({ handler: () => ({ status: 200, headers: [['x-long', long]], body: body(ascii('abc')) }) });
  const frames = peer.frames(peer.request(1, '/'));
  assert.equal(
    frames.map((frame) => frame.type),
    ['HEADERS', 'CONTINUATION', 'CONTINUATION', 'DATA'],
  );
  const parts = frames.flatMap((frame) =>
    frame.type === 'HEADERS' || frame.type === 'CONTINUATION' ? [...frame.fieldBlockFragment] : [],
  );
  const whole: Frame = {
    type: 'HEADERS',
    streamId: 1,
    endStream: false,
    endHeaders: true,
    fieldBlockFragment: Uint8Array.from(parts),
  };
  assert.is(peer.decode(whole).find(([name]) => name === 'x-long')![1], long);
});

test('request and response are told when their header sections are complete', () => {
  const peer = createPeer();
  peer.frames(peer.request(1, '/bytes/3'));
  const told = peer.events.filter(({ event }) => event.layer === 'http').map(({ event }) => event);
  assert.equal(told, [
    {
      layer: 'http',
      kind: 'request',
      flow: 'test#0',
      dir: 'in',
      version: 'HTTP/2',
      method: 'GET',
      scheme: 'https',
      authority: 'wirebench.test',
      path: '/bytes/3',
    },
    { layer: 'http', kind: 'response', flow: 'test#0', dir: 'out', status: 200, method: 'GET', path: '/bytes/3' },
  ]);
});

test.run();
