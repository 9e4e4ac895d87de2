// One connection over several requests: order, persistence, HEAD, 100-continue, delays, closing, and handlers that fail.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bytesBody } from '../../../src/core/http/body.js';
import type { BodySource, Handler } from '../../../src/core/http/message.js';
import { ascii } from '../../support/bytes.js';
import { parseResponse, parseResponses, rig } from '../../support/http1.js';

const get = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n`;
const post = (path: string, length: number, more = ''): string =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n${more}\r\n`;

test('two pipelined requests get both answers, in one take', () => {
  const it = rig();
  it.connection.receive(0, ascii(get('/status/201') + get('/status/202')));
  const taken = it.connection.take(0, 16_384);
  assert.equal(
    parseResponses(String.fromCharCode(...taken)).map((answer) => answer.status),
    [201, 202],
  );
});

test('a hundred pipelined requests get a hundred answers in order', () => {
  const it = rig();
  const paths = Array.from({ length: 100 }, (_, i) => `/bytes/${i}`);
  const answers = parseResponses(it.send(paths.map((path) => get(path)).join('')));
  assert.equal(
    answers.map((answer) => answer.body.length),
    paths.map((_, i) => i),
  );
});

test('the next request waits for the response before it, and room shrinks meanwhile', () => {
  let asked = 0;
  let ready = false;
  const slow: BodySource = { length: 2, read: () => (ready ? ascii('ok') : new Uint8Array(0)) };
  const it = rig({
    handler: () => {
      asked++;
      return { status: 200, headers: [], body: asked === 1 ? slow : bytesBody(ascii('second')) };
    },
  });
  const full = it.connection.room();
  const head = it.send(get('/') + get('/'));
  assert.ok(head.endsWith('content-length: 2\r\n\r\n'));
  assert.is(asked, 1);
  assert.is(it.connection.room(), full - get('/').length);
  ready = true;
  const answers = parseResponses(head + it.send());
  assert.equal(
    answers.map((answer) => answer.body),
    ['ok', 'second'],
  );
  assert.is(it.connection.room(), full);
});

test('HEAD gives the fields of GET without content, and the connection goes on', () => {
  const it = rig();
  const output = it.send(`HEAD /bytes/9 HTTP/1.1\r\nHost: a\r\n\r\n${get('/bytes/1')}`);
  const [head, next] = parseResponses(output, ['HEAD', 'GET']);
  assert.is(head!.headers.get('content-length'), '9');
  assert.is(next!.body, '\0');
  const chunked = rig({
    handler: () => ({ status: 200, headers: [], body: { length: undefined, read: () => ascii('x') } }),
  });
  const answer = parseResponse(chunked.send('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n'), 'HEAD');
  assert.is(answer.headers.get('transfer-encoding'), 'chunked');
  // RFC 9110 §9.3.2: no content even when the request is refused.
  assert.ok(rig().send('HEAD / HTTP/1.1\r\n\r\n').endsWith('\r\n\r\n'));
});

test('204 and 304 have neither content nor its length, 205 has length 0 (RFC 9110 §8.6, §15.3.6)', () => {
  let cancelled = 0;
  const body = (): BodySource => ({ length: 4, read: () => ascii('bodY'), cancel: () => cancelled++ });
  for (const status of [204, 304, 205]) {
    const it = rig({ handler: () => ({ status, headers: [], body: body() }) });
    const answers = parseResponses(it.send(get('/') + get('/')));
    assert.is(answers.length, 2);
    assert.is(answers[0]!.headers.get('content-length'), status === 205 ? '0' : undefined);
    assert.not.ok(answers[0]!.headers.has('transfer-encoding'));
    assert.is(answers[0]!.body, '');
  }
  assert.is(cancelled, 6);
});

test('content of unknown length is chunked for 1.1, and up to the close for 1.0', () => {
  const handler: Handler = () => {
    const parts = ['a', 'bc', 'd'.repeat(300)];
    return {
      status: 200,
      headers: [],
      body: { length: undefined, read: () => (parts.length > 0 ? ascii(parts.shift()!) : undefined) },
    };
  };
  const it = rig({ handler });
  const output = it.send(get('/'));
  assert.ok(output.endsWith(`1\r\na\r\n2\r\nbc\r\n12c\r\n${'d'.repeat(300)}\r\n0\r\n\r\n`));
  assert.is(it.connection.state, 'open');
  const old = rig({ handler });
  const answer = parseResponse(old.send('GET / HTTP/1.0\r\n\r\n'));
  assert.not.ok(answer.headers.has('transfer-encoding') || answer.headers.has('content-length'));
  assert.is(answer.headers.get('connection'), 'close');
  assert.is(answer.body, `abc${'d'.repeat(300)}`);
  assert.is(old.connection.state, 'closed');
});

test('Connection: close from the client: answered, said back, closed; what is behind it is not done', () => {
  const it = rig();
  const answer = parseResponse(it.send(get('/status/201', 'Connection: close\r\n') + get('/status/202')));
  assert.is(answer.status, 201);
  assert.is(answer.headers.get('connection'), 'close');
  assert.is(it.connection.state, 'closed');
});

test('100 (Continue) is sent when content is wanted, before the final status, once', () => {
  const it = rig();
  assert.is(it.send(post('/echo', 3, 'Expect: 100-continue\r\n')), 'HTTP/1.1 100 Continue\r\n\r\n');
  assert.is(it.send(), '');
  const first = it.send('a');
  assert.ok(first.startsWith('HTTP/1.1 200 OK\r\n'));
  assert.is(parseResponse(first + it.send('bc')).body, 'abc');
  assert.is(it.connection.state, 'open');
  assert.equal(
    it.events
      .filter((event) => event.kind === 'response')
      .map((event) => [event.layer, 'status' in event && event.status]),
    [
      ['http1', 100],
      ['http1', 200],
      ['http', 200],
    ],
  );
});

test('no 100 when the content is already here, when there is none, or for HTTP/1.0', () => {
  assert.is(parseResponses(rig().send(`${post('/echo', 1, 'Expect: 100-continue\r\n')}x`)).length, 1);
  assert.is(parseResponses(rig().send(get('/', 'Expect: 100-continue\r\n'))).length, 1);
  const old = rig();
  assert.is(old.send('POST /echo HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n'), '');
  assert.is(parseResponse(old.send('x')).body, 'x');
});

test('a final status instead of 100 closes, since the content may or may not follow (RFC 9110 §10.1.1)', () => {
  const it = rig();
  const answer = parseResponse(it.send(post('/', 1_000, 'Expect: 100-continue\r\n')));
  assert.is(answer.status, 405);
  assert.is(answer.headers.get('connection'), 'close');
  assert.is(it.connection.state, 'closed');
});

test('a delay waits on the logical clock, and holds back what is pipelined behind it', () => {
  const it = rig();
  it.nowUs = 1_000;
  assert.is(it.send(get('/delay/20') + get('/status/202')), '');
  assert.is(it.connection.nextDeadlineUs(), 21_000);
  it.connection.advance(20_999);
  it.nowUs = 20_999;
  assert.is(it.send(), '');
  assert.is(it.connection.nextDeadlineUs(), 21_000);
  it.nowUs = 21_000;
  it.connection.advance(21_000);
  assert.is(it.connection.nextDeadlineUs(), undefined);
  assert.equal(
    parseResponses(it.send()).map((answer) => answer.status),
    [200, 202],
  );
  it.connection.advance(99_000);
  assert.is(it.send(), '');
});

test('a response body that is not ready is asked again', () => {
  const queue: (Uint8Array | undefined)[] = [];
  const it = rig({
    handler: () => ({
      status: 200,
      headers: [],
      body: { length: undefined, read: () => (queue.length > 0 ? queue.shift() : new Uint8Array(0)) },
    }),
  });
  let output = it.send(get('/'));
  assert.ok(output.endsWith('chunked\r\n\r\n'));
  queue.push(ascii('one'));
  output += it.send();
  queue.push(ascii('two'), undefined);
  output += it.send();
  assert.is(parseResponse(output).body, 'onetwo');
});

test('close: at once when idle, else after the response, which says so if it still can', () => {
  const idle = rig();
  idle.connection.close(0);
  assert.is(idle.connection.state, 'closed');
  assert.is(idle.send(get('/')), '');

  const half = rig();
  half.send('GET / HT');
  half.connection.close(0);
  assert.is(half.connection.state, 'closed');

  const waiting = rig();
  waiting.send(get('/delay/1') + get('/'));
  waiting.connection.close(0);
  assert.is(waiting.connection.state, 'open');
  waiting.connection.advance(1_000);
  const answer = parseResponse(waiting.send());
  assert.is(answer.headers.get('connection'), 'close');
  assert.is(waiting.connection.state, 'closed');

  const sending = rig();
  sending.connection.receive(0, ascii(get('/bytes/100000')));
  let bytes = sending.connection.take(0, 1_000).length;
  sending.connection.close(0);
  bytes += sending.send().length;
  assert.ok(bytes > 100_000);
  assert.is(sending.connection.state, 'closed');
});

test('state: draining while output remains, closed when it was taken', () => {
  const it = rig();
  it.connection.receive(0, ascii('x y z\r\n'));
  assert.is(it.connection.state, 'draining');
  assert.is(it.connection.take(0, 10).length, 10);
  assert.is(it.connection.state, 'draining');
  it.send();
  assert.is(it.connection.state, 'closed');
});

test('end of input: whole requests are answered, half of one is 400, nothing at all is a close', () => {
  const two = rig();
  two.connection.receive(0, ascii(get('/delay/1') + get('/status/202')));
  assert.is(two.end(), '');
  two.connection.advance(1_000);
  assert.equal(
    parseResponses(two.send()).map((answer) => answer.status),
    [200, 202],
  );
  assert.is(two.connection.state, 'closed');

  for (const part of ['G', 'GET / HTTP/1.1\r\n', 'GET / HTTP/1.1\r\nHost: a\r\n', '\r']) {
    const half = rig();
    assert.is(half.send(part), '');
    assert.is(parseResponse(half.end()).status, 400, JSON.stringify(part));
    assert.is(half.connection.state, 'closed');
  }
  for (const nothing of ['', '\r\n', '\r\n\r\n']) {
    const none = rig();
    assert.is(none.send(nothing), '');
    assert.is(none.end(), '');
    assert.is(none.connection.state, 'closed');
  }
});

test('end of input inside content: 400 when nothing was sent, else the response is cut off (RFC 9112 §8)', () => {
  const early = rig();
  assert.is(early.send(post('/echo', 5)), '');
  assert.is(parseResponse(early.end()).status, 400);

  const late = rig();
  const output = late.send(`${post('/echo', 5)}ab`) + late.end();
  assert.ok(output.endsWith('\r\n\r\nab'));
  assert.is(late.connection.state, 'closed');

  const chunked = rig();
  const head = 'POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
  const cut = chunked.send(`${head}2\r\nab\r\n`) + chunked.end();
  assert.ok(cut.endsWith('2\r\nab\r\n'));
  assert.is(chunked.connection.state, 'closed');

  // Up to the close, so a close would look like the end: this one is reset.
  const handler: Handler = (request) => ({
    status: 200,
    headers: [],
    body: { length: undefined, read: (max) => request.body.read(max) },
  });
  const old = rig({ handler });
  old.send('POST /echo HTTP/1.0\r\nContent-Length: 5\r\n\r\nab');
  old.end();
  assert.is(old.connection.state, 'aborted');
});

test('a handler that throws is 500', () => {
  const it = rig({
    handler: () => {
      throw new Error('no');
    },
  });
  const answer = parseResponse(it.send(get('/') + get('/')));
  assert.is(answer.status, 500);
  assert.is(answer.headers.get('connection'), 'close');
  assert.is(it.connection.state, 'closed');
  assert.ok(it.events.some((event) => event.kind === 'error'));
});

test('responses that cannot be sent are 500 and split nothing (RFC 9112 §11.1)', () => {
  const bad: readonly Handler[] = [
    () => ({ status: 200, headers: [['x', 'a\r\nset-cookie: b']] }),
    () => ({ status: 200, headers: [['x', 'a\nb']] }),
    () => ({ status: 200, headers: [['x\r\n', 'a']] }),
    () => ({ status: 200, headers: [['x y', 'a']] }),
    () => ({ status: 200, headers: [['', 'a']] }),
    () => ({ status: 200, headers: [['x', '\u20ac']] }),
    () => ({ status: 100, headers: [] }),
    () => ({ status: 200.5, headers: [] }),
    () => ({ status: 600, headers: [] }),
  ];
  for (const handler of bad) {
    const it = rig({ handler });
    const answer = parseResponse(it.send(get('/')));
    assert.is(answer.status, 500);
    assert.is(it.connection.state, 'closed');
  }
});

test('content that fails or ends too early cuts the response off; too much is not sent', () => {
  const answered = (read: BodySource['read']): ReturnType<typeof rig> => {
    const it = rig({ handler: () => ({ status: 200, headers: [], body: { length: 4, read } }) });
    it.send(get('/'));
    return it;
  };
  let calls = 0;
  assert.is(answered(() => (calls++ === 0 ? ascii('ab') : undefined)).connection.state, 'closed');
  const throwing = answered(() => {
    throw new Error('no');
  });
  assert.is(throwing.connection.state, 'closed');
  assert.ok(throwing.events.some((event) => event.kind === 'error' && 'status' in event && event.status === 500));
  const long = rig({ handler: () => ({ status: 200, headers: [], body: { length: 4, read: () => ascii('abcdef') } }) });
  assert.equal(
    parseResponses(long.send(get('/') + get('/'))).map((answer) => answer.body),
    ['abcd', 'abcd'],
  );
});

test('the same before content of the request was read: too little is 500, too much is not sent, none needs no read', () => {
  const answer = (length: number, read: BodySource['read']): ReturnType<typeof parseResponse> => {
    const it = rig({ handler: () => ({ status: 200, headers: [], body: { length, read } }) });
    return parseResponse(it.send(post('/', 3)) + it.send('abc'));
  };
  assert.is(answer(4, () => undefined).status, 500);
  assert.is(answer(4, () => ascii('abcdef')).body, 'abcd');
  assert.is(answer(0, () => ascii('abcdef')).body, '');
  const throwing = answer(4, () => {
    throw new Error('no');
  });
  assert.is(throwing.status, 500);
});

test('a date that cannot be sent ends in a reset, not in a loop', () => {
  const handler: Handler = () => ({ status: 200, headers: [['x', '\n']] });
  const broken = rig({ handler, date: '\n' });
  assert.is(broken.send(get('/')), '');
  assert.is(broken.connection.state, 'aborted');
});

test('the request is what the client said', () => {
  let seen: unknown;
  const it = rig({
    scheme: 'https',
    handler: ({ version, method, scheme, authority, path, headers, body, connection }) => {
      seen = { version, method, scheme, authority, path, headers, length: body.length, flow: connection.flow };
      return { status: 204, headers: [] };
    },
  });
  it.send('PUT /a/b?c HTTP/1.1\r\nHOST: h:1\r\nX-Two: 1\r\nx-two: 2\r\nContent-Length: 0\r\n\r\n');
  assert.equal(seen, {
    version: 'HTTP/1.1',
    method: 'PUT',
    scheme: 'https',
    authority: 'h:1',
    path: '/a/b?c',
    headers: [
      ['host', 'h:1'],
      ['x-two', '1'],
      ['x-two', '2'],
      ['content-length', '0'],
    ],
    length: 0,
    flow: 'test#0',
  });
});

test('a list of fields that can change is written anew each time, a frozen one may be kept', () => {
  const field: [string, string] = ['x', '1'];
  const lists: readonly (readonly [string, string])[][] = [
    [field],
    Object.freeze([field]) as never,
    Object.freeze([Object.freeze(['x', 'frozen'] as const)]) as never,
  ];
  let headers = lists[0]!;
  const it = rig({ handler: () => ({ status: 200, headers }) });
  for (const list of lists) {
    headers = list;
    for (const value of ['1', '2', '1']) {
      field[1] = value;
      const expected = list === lists[2] ? 'frozen' : value;
      assert.is(parseResponse(it.send(get('/'))).headers.get('x'), expected);
    }
  }
});

test.run();
