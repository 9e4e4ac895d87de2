// Applications outside the core: every shape of response, content both ways in bounded pieces, and what they do wrong.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeAnswer, encodeAnswer } from '../../src/bench/recording-answer.js';
import { createSite } from '../../src/core/http/site.js';
import type { Micros } from '../../src/core/types.js';
import { assembleStreams } from '../../src/io/assemble.js';
import { Desk, outsideLimits } from '../../src/io/outside.js';
import { type AppFunction, type AppRequest, type AppResult, HttpError } from '../../src/io/outside-types.js';
import { ascii, concat, text } from '../support/bytes.js';
import { type Parsed, parseResponse, rig } from '../support/http1.js';
import { siteIdentity } from '../support/site-run.js';

const test = suite('outside');

interface Client {
  readonly errors: string[];
  readonly desk: Desk;
  send(request: string): void;
  /** Takes over up to so many bytes; everything unless told. */
  take(maxBytes?: number): string;
  reset(): void;
  /** Lets the application run until nothing more comes of it. */
  settle(): Promise<string>;
}

function serve(...answerers: AppFunction[]): Client {
  const errors: string[] = [];
  const desk = new Desk({
    answerers,
    otherwise: createSite(),
    onError: (error, { path }) => errors.push(`${path}: ${error instanceof Error ? error.message : error}`),
  });
  const { config, ...rest } = siteIdentity('tcp');
  const streams = assembleStreams({ ...rest, config: { ...config, outside: true } }, undefined, desk.handler);
  const nowUs: Micros = 0;
  const got: Uint8Array[] = [];
  let outstanding = 0;
  const drain = (): void => {
    for (let out = streams.poll(); out !== undefined; out = streams.poll()) {
      if (out.kind !== 'data') continue;
      got.push(out.bytes);
      outstanding += out.bytes.length;
    }
  };
  desk.connect((token, answer) => {
    const recorded = decodeAnswer(encodeAnswer({ atUs: nowUs, token, answer }));
    if (typeof recorded === 'string') assert.unreachable(`no recording could hold it: ${recorded}`);
    streams.respond(nowUs, token, answer);
    drain();
  });
  const peer = { localAddress: '10.0.0.2', localPort: 80, remoteAddress: '10.0.0.1', remotePort: 49_152 };
  streams.receive(nowUs, { kind: 'open', stream: 0, ...peer });
  const client: Client = {
    errors,
    desk,
    send(request) {
      streams.receive(nowUs, { kind: 'data', stream: 0, bytes: ascii(request) });
      drain();
    },
    take(maxBytes = Number.MAX_SAFE_INTEGER) {
      const count = Math.min(maxBytes, outstanding);
      outstanding -= count;
      if (count > 0) streams.receive(nowUs, { kind: 'acknowledged', stream: 0, count });
      drain();
      return text(concat(...got.splice(0)));
    },
    reset: () => streams.receive(nowUs, { kind: 'reset', stream: 0 }),
    async settle() {
      let all = '';
      for (let idle = 0; idle < 3; idle++) {
        await new Promise((resolve) => setImmediate(resolve));
        const part = client.take();
        if (part !== '') idle = 0;
        all += part;
      }
      return all;
    },
  };
  return client;
}

async function get(app: AppFunction, path = '/', extra = ''): Promise<Parsed> {
  const client = serve(app);
  client.send(`GET ${path} HTTP/1.1\r\nHost: a.test\r\n${extra}\r\n`);
  const answer = parseResponse(await client.settle());
  assert.equal(client.errors, []);
  return answer;
}

test('a text, bytes, and an object of either', async () => {
  const hello = await get(() => 'hello');
  assert.equal([hello.status, hello.body], [200, 'hello']);
  assert.is(hello.headers.get('content-type'), 'text/plain; charset=utf-8');
  assert.is((await get(() => ascii('bytes'))).body, 'bytes');
  const made = await get(() => ({ status: 201, headers: { 'X-A': 'b', Location: '/x' }, body: ascii('made') }));
  assert.equal([made.status, made.headers.get('x-a'), made.headers.get('location')], [201, 'b', '/x']);
  assert.equal([made.headers.get('content-length'), made.headers.has('content-type')], ['4', false]);
  assert.is((await get(() => ({ status: 204 }))).status, 204);
});

test('header fields as a list, as lists of values, and without those that are the connection’s', async () => {
  const headers = [
    ['A', '1'],
    ['Content-Length', '99'],
    ['Connection', 'close'],
    ['Date', 'never'],
  ] as const;
  const answer = await get(() => ({ headers, body: 'x' }));
  assert.equal([answer.headers.get('a'), answer.headers.get('content-length')], ['1', '1']);
  assert.is(answer.headers.get('connection'), undefined);
  assert.is.not(answer.headers.get('date'), 'never');
  const client = serve(() => ({ headers: { 'set-cookie': ['a=1', 'b=2'] } }));
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  assert.match(await client.settle(), /set-cookie: a=1\r\nset-cookie: b=2\r\n/);
});

test('what comes later, and iterables of either kind', async () => {
  const later = await get(async () => {
    await new Promise((resolve) => setImmediate(resolve));
    return 'later';
  });
  assert.is(later.body, 'later');
  const list = await get(() => ({ body: ['a', ascii('b'), 'c'], length: 3 }));
  assert.equal([list.body, list.headers.get('content-length')], ['abc', '3']);
  const stream = await get(() => ({
    body: (async function* () {
      yield 'one ';
      await null;
      yield 'two';
    })(),
  }));
  assert.equal([stream.body, stream.headers.get('transfer-encoding')], ['one two', 'chunked']);
});

test('trailers behind the content, made when it is at its end', async () => {
  let sum = 0;
  const client = serve(() => ({
    body: (function* () {
      for (const part of ['ab', 'c']) {
        sum += part.length;
        yield part;
      }
    })(),
    trailers: () => ({ 'x-sum': String(sum) }),
  }));
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  assert.match(await client.settle(), /0\r\nx-sum: 3\r\n\r\n$/);
});

test('the request as the application sees it', async () => {
  let seen: AppRequest | undefined;
  let content: Uint8Array | undefined;
  await get(
    async (request) => {
      seen = request;
      content = await request.bytes();
      return 'x';
    },
    '/p?q=1',
    'X-Y: Z\r\n',
  );
  assert.equal([seen!.method, seen!.path, seen!.scheme, seen!.authority], ['GET', '/p?q=1', 'http', 'a.test']);
  assert.equal([seen!.url, seen!.header('x-Y'), seen!.version], ['http://a.test/p?q=1', 'Z', 'HTTP/1.1']);
  assert.is(seen!.token, 'accept#0/1');
  assert.is(content!.length, 0);
});

const POST = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';

test('content as text, as it comes, and its trailers', async () => {
  const client = serve(async (request) => {
    const parts: string[] = [];
    for await (const part of request.body) parts.push(text(part));
    return `${parts.join('|')} ${request.trailers().map((field) => field.join('='))}`;
  });
  client.send(`${POST}3\r\nabc\r\n`);
  await client.settle();
  client.send('2\r\nde\r\n0\r\nX-T: u\r\n\r\n');
  assert.is(parseResponse(await client.settle()).body, 'abc|de x-t=u');
  const whole = serve(async (request) => (await request.text()).toUpperCase());
  whole.send(`${POST}3\r\nabc\r\n0\r\n\r\n`);
  assert.is(parseResponse(await whole.settle()).body, 'ABC');
});

test('content beyond what the application takes is a 413 and no failure', async () => {
  const client = serve(async (request) => text(await request.bytes(4)));
  client.send(`${POST}5\r\nabcde\r\n0\r\n\r\n`);
  assert.is(parseResponse(await client.settle()).status, 413);
  assert.equal(client.errors, []);
});

test('an error with a status below 500 is that answer', async () => {
  const answer = await get(() => {
    throw new HttpError(403, 'not you');
  });
  assert.equal([answer.status, answer.body], [403, '403: not you\n']);
});

test('undefined is for the next one, and at last for the site', async () => {
  const client = serve(
    () => undefined,
    async ({ path }) => (path === '/mine' ? 'mine' : undefined),
  );
  client.send('GET /mine HTTP/1.1\r\nHost: a\r\n\r\n');
  assert.is(parseResponse(await client.settle()).body, 'mine');
  client.send('GET /status/418 HTTP/1.1\r\nHost: a\r\n\r\n');
  assert.is(parseResponse(await client.settle()).status, 418);
});

function wrongResponses(): [string, AppFunction, RegExp][] {
  const wrong: [string, unknown, RegExp][] = [
    ['a status that is a text', { status: 'abc', body: 'x' }, /the status "abc" is no number from 200 to 599/],
    ['the status 999', { status: 999 }, /the status 999 is no/],
    ['the status 200.5', { status: 200.5 }, /the status 200\.5 is no/],
    ['a name with a space', { headers: { 'x y': 'z' } }, /"x y" is no name of a header field \(RFC 9110 §5\.6\.2\)/],
    ['a name without characters', { headers: [['', 'z']] }, /"" is no name/],
    ['a pseudo-header field', { headers: { ':status': '200' } }, /":status" is no name/],
    ['a value with CR LF', { headers: { a: 'b\r\nc: d' } }, /header field a cannot have the value "b\\r\\nc: d" \(RFC/],
    ['a value beyond an octet', { headers: { a: '\u20ac' } }, /header field a cannot have the value "€"/],
    ['a list of texts for headers', { headers: ['a', 'b'] }, /holds pairs of texts/],
    ['too many header fields', { headers: { a: new Array(9_000).fill('x') } }, /header section is too large/],
    ['more than HTTP/1.1 sends', { headers: { a: 'x'.repeat(250_000) } }, /what the application gave cannot be sent/],
    ['a length that is a text', { body: ['abc'], length: '3' }, /the length "3" is no number of bytes/],
    ['a length below zero', { body: ['abc'], length: -1 }, /the length -1 is no/],
    ['an object for content', { body: { a: 1 } }, /the body is object, not text, bytes, or an iterable/],
    ['null for content', { body: null }, /the body is null/],
    ['a list', ['abc'], /gave a list, not a response/],
    ['unknown names', { sttus: 201, bdy: 'x' }, /an object with "sttus", "bdy", but none of status, headers, body/],
    ['a trailer that frames', { body: 'x', trailers: { 'content-length': '1' } }, /content-length is no trailer/],
    ['trailers with LF', { body: 'x', trailers: { a: '\n' } }, /header field a cannot/],
  ];
  return wrong.map(([name, given, pattern]) => [`gives ${name}`, () => given as AppResult, pattern]);
}

const failures: readonly (readonly [string, AppFunction, RegExp])[] = [
  [
    'throws',
    () => {
      throw new Error('as asked');
    },
    /as asked/,
  ],
  ['rejects', () => Promise.reject(new Error('later')), /later/],
  ['throws no error', () => Promise.reject('text'), /text/],
  ['gives a number', (() => 5) as unknown as AppFunction, /gave number/],
  ['gives null', (() => null) as unknown as AppFunction, /gave null/],
  ['gives headers of numbers', (() => ({ headers: { a: {} } })) as unknown as AppFunction, /header field a/],
  ...wrongResponses(),
  ['gives a body of numbers', (() => ({ body: [1] })) as unknown as AppFunction, /body holds number/],
  [
    'passes on after it has read',
    async (request) => {
      await request.text();
      return undefined;
    },
    /cannot pass/,
  ],
];

for (const [name, app, pattern] of failures) {
  test(`an application that ${name}: 500 or cut off, and told with its error`, async () => {
    const client = serve(app);
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const answer = await client.settle();
    if (!name.includes('body of')) assert.is(parseResponse(answer).status, 500);
    assert.is(client.errors.length, 1);
    assert.match(client.errors[0]!, pattern);
    assert.is(client.desk.open, 0);
  });
}

const lengths: readonly (readonly [string, readonly string[], number, RegExp | undefined, string])[] = [
  ['more in one piece', ['abcd'], 3, /longer than its length, 3/, ''],
  ['more in a second piece', ['abc', 'd'], 3, /longer than its length, 3/, 'abc'],
  ['anything at all', ['', 'a'], 0, /longer than its length, 0/, ''],
  ['less', ['ab'], 3, /ends after 2 bytes, its length was to be 3/, 'ab'],
  ['nothing', [], 3, /ends after 0 bytes/, ''],
  ['just that, and empty pieces', ['abc', '', ''], 3, undefined, 'abc'],
];

for (const [method, status] of [
  ['HEAD', 200],
  ['GET', 304],
  ['GET', 205],
] as const) {
  test(`a length of content that is not sent is told: ${method}, ${status}, whenever the client takes it`, async () => {
    const errors: unknown[] = [];
    const answerers: AppFunction[] = [() => ({ status, body: [], length: 1_000 })];
    const desk = new Desk({ answerers, otherwise: createSite(), onError: (error) => errors.push(error) });
    const { connection, send } = rig({ handler: desk.handler });
    desk.connect((token, answer) => connection.respond(0, token, answer));
    send(`${method} / HTTP/1.1\r\nhost: a\r\n\r\n`);
    // The application has ended before its response is taken, as behind a long one on a slow way.
    await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal(errors, []);
    assert.match(send(), new RegExp(`^HTTP/1.1 ${status} `));
    assert.is(desk.open, 0);
  });
}

for (const [name, body, length, pattern, sent] of lengths) {
  test(`a body with a length that holds ${name}`, async () => {
    const client = serve(() => ({ body, length }));
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const all = await client.settle();
    assert.is(all.slice(all.indexOf('\r\n\r\n') + 4), sent);
    assert.is(client.errors.length, pattern === undefined ? 0 : 1);
    if (pattern !== undefined) assert.match(client.errors[0]!, pattern);
    assert.is(client.desk.open, 0);
  });
}

test('a body that ends early because nobody waits, or because only its length was asked for, is no mistake', async () => {
  const client = serve(({ method, signal }) => ({
    length: 5,
    body: (async function* () {
      if (method === 'HEAD') return;
      yield 'a';
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    })(),
  }));
  client.send('HEAD / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n');
  assert.match(await client.settle(), /content-length: 5\r\n/);
  client.reset();
  await client.settle();
  assert.equal([client.errors, client.desk.open], [[], 0]);
});

test('space around a value is no part of it, and a class with getters is a response', async () => {
  assert.is((await get(() => ({ headers: { a: ' \tb c\t ' }, body: '' }))).headers.get('a'), 'b c');
  const made = await get(() => new Response('made', { status: 201, headers: { a: 'b' } }) as unknown as AppResult);
  assert.equal([made.status, made.headers.get('a'), made.body], [201, 'b', 'made']);
  assert.is((await get(() => ({}))).status, 200);
});

test('aheadBytes: a fast application waits for a slow client', async () => {
  let made = 0;
  const client = serve(() => ({
    body: (function* () {
      for (; made < 100_000_000; made += 50_000) yield new Uint8Array(50_000);
    })(),
  }));
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await new Promise((resolve) => setTimeout(resolve, 20));
  const early = made;
  // What the streams give out ahead, what the core holds, and one piece on its way.
  assert.ok(early <= 1_048_576 + 65_536 + outsideLimits.aheadBytes + 150_000, `${early} bytes were made`);
  for (let i = 0; i < 5; i++) {
    client.take(200_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(made > early && made < early + 1_500_000, `${made} bytes were made`);
});

test('readBytes: a slow application holds a fast client back', async () => {
  const read: number[] = [];
  let goOn = (): void => {};
  const client = serve(async (request) => {
    for await (const part of request.body) {
      read.push(part.length);
      await new Promise<void>((resolve) => {
        goOn = resolve;
      });
    }
    return 'done';
  });
  client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n');
  for (let i = 0; i < 3; i++) client.send('x'.repeat(60_000));
  await client.settle();
  assert.is(read.length, 1);
  for (let i = 0; i < 20 && read.reduce((sum, length) => sum + length, 0) < 180_000; i++) {
    goOn();
    await client.settle();
  }
  assert.is(
    read.reduce((sum, length) => sum + length, 0),
    180_000,
  );
});

test('a client that leaves is told by the signal, ends the reading, and stops the body', async () => {
  let aborted = false;
  let stopped = false;
  const client = serve(async (request) => {
    request.signal.addEventListener('abort', () => {
      aborted = true;
    });
    await request.text();
    return 'never';
  });
  client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n');
  await client.settle();
  client.reset();
  await client.settle();
  assert.ok(aborted);
  assert.equal([client.errors.length, client.desk.open], [0, 0]);

  const slow = serve(() => ({
    body: (function* () {
      try {
        for (;;) yield new Uint8Array(60_000);
      } finally {
        stopped = true;
      }
    })(),
  }));
  slow.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await new Promise((resolve) => setTimeout(resolve, 10));
  slow.reset();
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(stopped);
  assert.is(slow.desk.open, 0);
});

test('who hears that a client has left is not within the call of the core that says so', async () => {
  let withinCore = false;
  const heard: boolean[] = [];
  const client = serve(async ({ signal }) => {
    signal.addEventListener('abort', () => heard.push(withinCore));
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    return 'never';
  });
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await client.settle();
  withinCore = true;
  client.reset();
  withinCore = false;
  await client.settle();
  assert.equal(heard, [false]);
});

test('the end of the run tells whoever still answers to stop', async () => {
  let aborted = false;
  const client = serve(
    ({ signal }) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          aborted = true;
          resolve('too late');
        });
      }),
  );
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await client.settle();
  client.desk.close();
  assert.is(await client.settle(), '');
  assert.ok(aborted);
  assert.is(client.desk.open, 0);
});

test.run();
