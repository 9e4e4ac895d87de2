// Whole requests from RFC 9112 and what the connection answers: status, and whether it goes on.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Http1Event, HttpEvent } from '../../../src/core/trace.js';
import { DATE, parseResponse, parseResponses, rig } from '../../support/http1.js';

type Case = readonly [section: string, request: string, status: number];

const ACCEPTED: readonly Case[] = [
  ['§2.1', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', 200],
  ['§2.2: CRLF before the request line', '\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n', 200],
  ['§2.3: higher minor version', 'GET / HTTP/1.7\r\nHost: a\r\n\r\n', 200],
  ['§3.2: empty Host', 'GET / HTTP/1.1\r\nHost:\r\n\r\n', 200],
  ['§3.2.2: absolute-form', 'GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n', 200],
  ['§3.2.4: asterisk-form', 'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n', 204],
  ['§5: no OWS, much OWS', 'GET / HTTP/1.1\r\nHost:a\r\nX: \t x \t\r\nY:\r\n\r\n', 200],
  ['§5: obs-text', 'GET / HTTP/1.1\r\nHost: a\r\nX: \u00ff\r\n\r\n', 200],
  ['§6.2: GET with content', 'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc', 200],
  ['§7.1: chunked', 'POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n', 200],
  ['RFC 9110 §15.5.5', 'GET /no HTTP/1.1\r\nHost: a\r\n\r\n', 404],
  ['RFC 9110 §15.5.6', 'PUT / HTTP/1.1\r\nHost: a\r\n\r\n', 405],
  ['RFC 9110 §15.6.2', 'BREW / HTTP/1.1\r\nHost: a\r\n\r\n', 501],
];

const REJECTED: readonly Case[] = [
  ['§2.2: bare LF after the request line', 'GET / HTTP/1.1\nHost: a\r\n\r\n', 400],
  ['§2.2: bare LF after a field line', 'GET / HTTP/1.1\r\nHost: a\n\r\n', 400],
  ['§2.2: bare LF as the end of the section', 'GET / HTTP/1.1\r\nHost: a\r\n\n', 400],
  ['§2.2: bare CR in the request line', 'GET /\r HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['§2.2: bare CR in a field value', 'GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n', 400],
  ['§2.2: bare CR before the request line', '\rGET / HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['§2.2: bare LF before the request line', '\nGET / HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['§2.2: white space before the first field', 'GET / HTTP/1.1\r\n Host: a\r\n\r\n', 400],
  ['§2.2: not HTTP at all (a TLS ClientHello)', '\u0016\u0003\u0001', 400],
  ['§2.3: HTTP/0.9', 'GET /\r\n', 400],
  ['§3: two spaces', 'GET  / HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['§3: tab', 'GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['§3.2: white space in the target', 'GET /a b HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['§3.2: no Host', 'GET / HTTP/1.1\r\n\r\n', 400],
  ['§3.2: two Hosts', 'GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n', 400],
  ['§3.2: invalid Host', 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n', 400],
  ['§3.2: invalid Host beside absolute-form', 'GET http://b/ HTTP/1.1\r\nHost: a/b\r\n\r\n', 400],
  ['§3.2.3: authority-form', 'CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n', 501],
  ['§5.1: white space before the colon', 'GET / HTTP/1.1\r\nHost : a\r\n\r\n', 400],
  ['§5.1: no colon', 'GET / HTTP/1.1\r\nHost\r\n\r\n', 400],
  ['§5.2: obs-fold', 'GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n', 400],
  [
    '§6.1: Transfer-Encoding and Content-Length',
    'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n',
    400,
  ],
  ['§6.1: Transfer-Encoding in HTTP/1.0', 'POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n', 400],
  ['§6.1: unknown coding', 'POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: br, chunked\r\n\r\n', 501],
  ['§6.3: chunked not last', 'POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n', 400],
  [
    '§6.3: two Content-Lengths',
    'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n',
    400,
  ],
  ['§6.3: invalid Content-Length', 'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3x\r\n\r\n', 400],
  [
    'RFC 9110 §8.6: Content-Length too large',
    'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999\r\n\r\n',
    413,
  ],
  ['§7.1: no chunk-size', 'POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n', 400],
  [
    '§7.1: chunk-size too large',
    'POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n',
    413,
  ],
  ['RFC 9110 §7.4: https without TLS', 'GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n', 421],
  [
    'RFC 9110 §10.1.1: unknown expectation',
    'POST /echo HTTP/1.1\r\nHost: a\r\nExpect: x\r\nContent-Length: 3\r\n\r\n',
    417,
  ],
  ['RFC 9110 §15.6.6: HTTP/2.0', 'GET / HTTP/2.0\r\nHost: a\r\n\r\n', 505],
  ['RFC 9110 §15.6.6: HTTP/0.9 by name', 'GET / HTTP/0.9\r\n\r\n', 505],
  ['RFC 9113 §3.4: the preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505],
];

const NEXT = 'GET /status/299 HTTP/1.1\r\nHost: a\r\n\r\n';

test('accepted, and the next request on the connection as well', () => {
  for (const [section, request, status] of ACCEPTED) {
    const it = rig();
    const answers = parseResponses(it.send(request + NEXT));
    assert.equal(
      answers.map((answer) => answer.status),
      [status, 299],
      section,
    );
    assert.is(it.connection.state, 'open', section);
    assert.is(answers[0]!.headers.get('date'), DATE);
    assert.not.ok(answers[0]!.headers.has('connection'), section);
  }
});

test('rejected with a response that says close; what comes behind is thrown away, and asked for (RFC 9112 §9.6)', () => {
  for (const [section, request, status] of REJECTED) {
    const it = rig();
    const answer = parseResponse(it.send(request + NEXT));
    assert.is(answer.status, status, section);
    assert.is(answer.headers.get('connection'), 'close', section);
    assert.ok(answer.body.startsWith(`${status} ${answer.reason}: `) && answer.body.endsWith('\n'), section);
    assert.is(it.connection.state, 'closed', section);
    assert.ok(it.connection.room() > 0);
    assert.is(it.send(NEXT), '');
    const errors = it.events.filter((event) => event.kind === 'error') as Extract<Http1Event, { kind: 'error' }>[];
    assert.equal(
      errors.map((error) => error.status),
      [status],
      section,
    );
    assert.ok(errors[0]!.reason.length > 5 && errors[0]!.offset! <= request.length, section);
  }
});

test('a request that was refused before it was understood has no event of HTTP semantics', () => {
  const it = rig();
  it.send('GET / HTTP/1.1\r\n\r\n');
  assert.equal(
    it.events.map((event) => `${event.layer} ${event.kind}`),
    ['http1 error', 'http1 response', 'http1 body'],
  );
});

test('split at every octet over two calls, and octet by octet', () => {
  for (const [section, request, status] of [...ACCEPTED, ...REJECTED]) {
    for (let cut = 1; cut < request.length; cut++) {
      const it = rig();
      const answer = parseResponse(it.send(request.slice(0, cut)) + it.send(request.slice(cut)));
      assert.is(answer.status, status, `${section}, cut at ${cut}`);
    }
    const it = rig();
    let output = '';
    for (const character of request) output += it.send(character);
    assert.is(parseResponse(output).status, status, section);
  }
});

test('nothing is answered before the header section is whole', () => {
  const it = rig();
  const request = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
  for (const character of request.slice(0, -1)) assert.is(it.send(character), '');
  assert.is(it.events.length, 0);
  assert.is(parseResponse(it.send('\n')).status, 200);
});

test('the events of the semantics say scheme, authority and path whatever form the target has', () => {
  const told = (request: string, scheme: 'http' | 'https'): unknown => {
    const it = rig({ scheme });
    it.send(request);
    const event = it.events.find((one) => one.layer === 'http' && one.kind === 'request') as HttpEvent & {
      kind: 'request';
    };
    return [event.version, event.method, event.scheme, event.authority, event.path];
  };
  assert.equal(told('GET /x?y HTTP/1.1\r\nHost: a:8\r\n\r\n', 'https'), ['HTTP/1.1', 'GET', 'https', 'a:8', '/x?y']);
  assert.equal(told('GET http://b/z HTTP/1.1\r\nHost: a\r\n\r\n', 'https'), ['HTTP/1.1', 'GET', 'http', 'b', '/z']);
  assert.equal(told('GET https://b HTTP/1.1\r\nHost: a\r\n\r\n', 'https'), ['HTTP/1.1', 'GET', 'https', 'b', '/']);
  assert.equal(told('GET / HTTP/1.0\r\n\r\n', 'http'), ['HTTP/1.0', 'GET', 'http', '', '/']);
  assert.equal(told('OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n', 'http'), ['HTTP/1.1', 'OPTIONS', 'http', 'a', '*']);
});

test('the events of an exchange, in full', () => {
  const it = rig();
  it.send('POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nX-Up: B\r\n\r\nhi');
  const flow = 'test#0';
  assert.equal(it.events, [
    {
      layer: 'http1',
      kind: 'request',
      flow,
      dir: 'in',
      method: 'POST',
      target: '/echo',
      version: 'HTTP/1.1',
      headers: [
        ['host', 'a'],
        ['content-length', '2'],
        ['x-up', 'B'],
      ],
    },
    {
      layer: 'http',
      kind: 'request',
      flow,
      dir: 'in',
      version: 'HTTP/1.1',
      method: 'POST',
      scheme: 'http',
      authority: 'a',
      path: '/echo',
    },
    {
      layer: 'http1',
      kind: 'response',
      flow,
      dir: 'out',
      status: 200,
      reason: 'OK',
      headers: [
        ['date', DATE],
        ['content-type', 'application/octet-stream'],
        ['content-length', '2'],
      ],
    },
    { layer: 'http', kind: 'response', flow, dir: 'out', status: 200, method: 'POST', path: '/echo' },
    { layer: 'http1', kind: 'body', flow, dir: 'in', length: 2, end: true },
    { layer: 'http1', kind: 'body', flow, dir: 'out', length: 2, end: true },
  ]);
});

test.run();
