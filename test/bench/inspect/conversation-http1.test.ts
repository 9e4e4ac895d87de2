// HTTP/1.x by somebody who looks on: which response answers which request, where content ends (RFC 9112 §6.3), what broke a rule and
// which, and what becomes of a connection that is HTTP no more.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createConversation } from '../../../src/bench/inspect/conversation.js';
import { createKeyStore } from '../../../src/bench/inspect/keys.js';
import { streamLimits } from '../../../src/bench/inspect/stream-limits.js';
import type { RecordedExchange } from '../../../src/bench/inspect/types.js';
import type { Direction } from '../../../src/core/trace.js';
import { collectGarbage } from '../../support/garbage.js';
import { keepingSink, nothingTold, type Told } from '../../support/inspected.js';

const test = suite('inspected HTTP/1.x');

type Step = readonly [Direction, string | undefined];

/** Undefined: the end of that direction. */
function run(steps: readonly Step[], options: { requestContentBytes?: number } = {}): Told {
  const told = nothingTold();
  const conversation = createConversation({
    flow: 'a>b#0',
    midstream: false,
    keys: createKeyStore(),
    ...options,
    onExchange: (exchange) => void told.exchanges.push(exchange),
  });
  steps.forEach(([dir, text], index) => {
    const sink = keepingSink(told, true, index + 1);
    if (text === undefined) conversation.end(dir, sink);
    else conversation.push(dir, new Uint8Array(Buffer.from(text, 'latin1')), sink);
  });
  for (const dir of ['in', 'out'] as const) conversation.end(dir, keepingSink(told));
  return told;
}

const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('latin1');
const errors = ({ verdicts }: Told): string[] =>
  verdicts.filter(({ severity }) => severity === 'error').map(({ rule, text }) => `${rule}: ${text}`);
const answers = ({ exchanges }: Told): string[] =>
  exchanges.map(
    ({ request, response }) =>
      `${request.method} ${request.target} ${response?.status} ${text(response?.content)}${response?.complete ? '' : ' ...'}`,
  );
const GET = 'GET /a?b=c HTTP/1.1\r\nHost: h\r\n\r\n';
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

test('of the content of a request as much is kept as was asked for, and more is said to be cut', () => {
  const post = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n';
  const kept = (requestContentBytes: number) => {
    const steps: Step[] = [
      ['in', post],
      ['in', '01234'],
      ['in', '56789'],
      ['out', 'HTTP/1.1 204 No Content\r\n\r\n'],
    ];
    const [exchange] = run(steps, { requestContentBytes }).exchanges;
    const { content, contentLength, complete, cut } = exchange!.request;
    return { content: text(content), contentLength, complete, cut };
  };
  assert.equal(kept(10), { content: '0123456789', contentLength: 10, complete: true, cut: undefined });
  assert.equal(kept(9), { content: '012345678', contentLength: 10, complete: true, cut: true });
  assert.equal(kept(5), { content: '01234', contentLength: 10, complete: true, cut: true });
});

test('pipelined requests get their responses in order, HEAD and 304 without content', () => {
  const head = 'HEAD /h HTTP/1.1\r\nhost: h\r\n\r\n';
  const told = run([
    ['in', `${GET}${head}${GET}`],
    [
      'out',
      `${OK}HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\nHTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n`,
    ],
    ['in', GET],
    ['out', 'HTTP/1.1 204 No Content\r\n\r\n'],
  ]);
  assert.equal(answers(told), ['GET /a?b=c 200 ok', 'HEAD /h 200 ', 'GET /a?b=c 304 ', 'GET /a?b=c 204 ']);
  assert.equal(told.verdicts, []);
  assert.equal(
    told.exchanges.map(({ packet }) => packet),
    [1, 1, 1, 3],
  );
});

test('a target with a space or a control character is a request all the same, and what follows is read', () => {
  for (const target of ['/a b', '/a\x1b[1m', ' /a', '/a\tb']) {
    const told = run([
      ['in', `GET ${target} HTTP/1.1\r\nHost: h\r\n\r\n`],
      ['out', 'HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno'],
      ['in', GET],
      ['out', OK],
    ]);
    const shown = target.trim().replace('\t', ' ');
    assert.equal(answers(told), [`GET ${shown} 400 no`, 'GET /a?b=c 200 ok']);
    assert.match(errors(told)[0]!, /^RFC 9112 §3\.2: request-target: /);
  }
});

test('1xx are passed over, trailers kept apart, chunks put together', () => {
  const told = run([
    ['in', 'POST /p HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['out', 'HTTP/1.1 100 Continue\r\n\r\n'],
    ['in', '5;ext="x"\r\nhello\r\n1\r\n!\r\n0\r\nX-Sum: 1\r\n\r\n'],
    [
      'out',
      'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
    ],
  ]);
  const [{ request, response }] = told.exchanges as [RecordedExchange];
  assert.is(text(request.content), 'hello!');
  assert.equal(request.trailers, [['x-sum', '1']]);
  assert.equal(response?.status, 200);
  assert.is(text(response?.content), 'ok');
  const responses = told.events.flatMap((event) =>
    event.layer === 'http1' && event.kind === 'response' ? [event.status] : [],
  );
  assert.equal(responses, [100, 103, 200]);
  assert.equal(told.verdicts, []);
});

test('content that nothing delimits ends with the connection', () => {
  const told = run([
    ['in', 'GET / HTTP/1.0\r\n\r\n'],
    ['out', 'HTTP/1.0 200 OK\r\n\r\nall of'],
    ['out', ' it'],
    ['out', undefined],
  ]);
  assert.equal(answers(told), ['GET / 200 all of it']);
  assert.is(told.exchanges[0]!.protocol, 'http/1.0');
});

test('a response that the end cuts off, and a request without response, are told as they are', () => {
  const told = run([
    ['in', GET],
    ['out', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc'],
    ['in', GET],
    ['out', undefined],
  ]);
  assert.equal(answers(told), ['GET /a?b=c 200 abc ...', 'GET /a?b=c undefined  ...']);
  assert.equal(
    told.verdicts.map(({ code }) => code),
    ['incomplete-message'],
  );
});

test('an early answer waits for its request', () => {
  const told = run([
    ['in', 'POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 6\r\n\r\nabc'],
    ['out', OK],
    ['in', 'def'],
  ]);
  assert.is(told.exchanges.length, 1);
  assert.is(text(told.exchanges[0]!.request.content), 'abcdef');
  assert.ok(told.exchanges[0]!.request.complete);
});

test('a tunnel by CONNECT is read as what it carries; after another upgrade there is data', () => {
  const tunnel = run([
    ['in', 'CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n'],
    ['out', 'HTTP/1.1 200 Connection established\r\n\r\n'],
    ['in', GET],
    ['out', OK],
  ]);
  assert.equal(answers(tunnel), ['CONNECT h:80 200 ', 'GET /a?b=c 200 ok']);
  assert.equal(errors(tunnel), []);
  const socket = run([
    ['in', 'GET /chat HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n'],
    ['out', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x02hi'],
    ['in', '\x81\x82abcd\x01\x02'],
  ]);
  assert.equal(answers(socket), ['GET /chat 101 ']);
  assert.ok(
    socket.events.some((event) => event.layer === 'http' && event.kind === 'response' && event.status === 101),
    'the request is answered',
  );
  assert.ok(socket.verdicts.some(({ text }) => text === 'the connection speaks websocket from here on'));
  assert.equal(
    socket.verdicts.map(({ code }) => code),
    ['protocol-switched', 'unknown-protocol'],
  );
});

for (const name of ['h2c', 'H2C']) {
  test(`${name} by Upgrade: stream 1 is answered in HTTP/2`, () => {
    const frame = (type: number, flags: number, id: number, payload: string): string =>
      String.fromCharCode(0, 0, payload.length, type, flags, 0, 0, 0, id) + payload;
    const told = run([
      [
        'in',
        'GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n',
      ],
      [
        'out',
        `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${name}\r\n\r\n${frame(4, 0, 0, '')}${frame(1, 5, 1, '\x88')}`,
      ],
      ['in', `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${frame(4, 0, 0, '')}`],
    ]);
    assert.equal(errors(told), []);
    assert.ok(
      told.events.some(
        (event) => event.layer === 'http2' && event.kind === 'headers' && event.fields[0]?.[1] === '200',
      ),
    );
  });
}

// biome-ignore format: a table
const BROKEN: readonly (readonly [name: string, dir: Direction, text: string, rule: string])[] = [
  ['LF without CR',                  'in',  'GET / HTTP/1.1\nHost: h\r\n\r\n',                                            'RFC 9112 §2.2'],
  ['no Host',                        'in',  'GET / HTTP/1.1\r\n\r\n',                                                     'RFC 9112 §3.2'],
  ['two Hosts',                      'in',  'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',                               'RFC 9112 §3.2'],
  ['space before the colon',         'in',  'GET / HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n',                                 'RFC 9112 §5.1'],
  ['folded line',                    'in',  'GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n',                            'RFC 9112 §5.2'],
  ['both lengths',                   'in',  'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 'RFC 9112 §6.1'],
  ['chunk longer than its size',     'in',  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n', 'RFC 9112 §7.1'],
  ['chunk size that is none',        'in',  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n', 'RFC 9112 §7.1'],
  ['control character in a value',   'in',  'GET / HTTP/1.1\r\nHost: a\r\nX: a\u0001b\r\n\r\n',                           'RFC 9110 §5.5'],
  ['both lengths in a response',     'out', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 'RFC 9112 §6.1'],
  ['no number in Content-Length',    'out', 'HTTP/1.1 200 OK\r\nContent-Length: 3, 4\r\n\r\nabc',                          'RFC 9112 §6.3'],
  ['no status line',                 'out', 'What?\r\n\r\n',                                                               'RFC 9112 §4'],
];

for (const [name, dir, broken, rule] of BROKEN) {
  test(`a broken rule is told with its section: ${name}`, () => {
    const told = run(
      dir === 'in'
        ? [['in', broken]]
        : [
            ['in', GET],
            ['out', broken],
          ],
    );
    assert.ok(
      errors(told).some((error) => error.startsWith(`${rule}:`)),
      errors(told).join(' | '),
    );
  });
}

test('what a proxy is asked, or a server need not know, breaks no rule', () => {
  const told = run([
    [
      'in',
      'GET http://x/y HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\nExpect: something\r\n\r\nBREW /pot HTTP/1.1\r\nHost: x\r\n\r\n',
    ],
    ['out', 'HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n'],
  ]);
  assert.equal(errors(told), []);
});

test('a line, a section and a content beyond their bounds are survived and said', () => {
  const long = run([
    ['in', `GET / HTTP/1.1\r\nHost: h\r\nX: ${'y'.repeat(streamLimits.lineBytes + 10)}`],
    ['in', `\r\n\r\n${GET}`],
    ['out', OK],
  ]);
  assert.ok(long.verdicts.some(({ code }) => code === 'line-too-long'));
  assert.is(long.exchanges.at(-1)?.response?.status, 200);
  const limits = streamLimits as { contentBytes: number; pipelined: number };
  const { contentBytes, pipelined } = limits;
  Object.assign(limits, { contentBytes: 10, pipelined: 2 });
  try {
    const cut = run([
      ['in', GET],
      ['out', `HTTP/1.1 200 OK\r\ncontent-length: 30\r\n\r\n${'z'.repeat(30)}`],
    ]);
    assert.is(cut.exchanges[0]!.response!.content.length, 10);
    assert.is(cut.exchanges[0]!.response!.contentLength, 30);
    assert.ok(cut.exchanges[0]!.response!.complete);
    const many = run([
      ['in', GET.repeat(4)],
      ['out', OK.repeat(4)],
    ]);
    assert.is(many.exchanges.length, 4);
    assert.ok(many.verdicts.some(({ code }) => code === 'too-many-requests'));
  } finally {
    Object.assign(limits, { contentBytes, pipelined });
  }
});

test('lines of broken fields with blanks as long as the line are read in no time', () => {
  const line = `a b: x${' '.repeat(60_000)}x \t\r\n`;
  const startedMs = performance.now();
  const told = run([['in', `GET / HTTP/1.1\r\nhost: h\r\n${line.repeat(15)}\r\n`]]);
  const tookMs = performance.now() - startedMs;
  assert.equal(told.exchanges[0]?.request.headers[1], ['a b', `x${' '.repeat(60_000)}x`]);
  assert.ok(tookMs < 5_000, `${tookMs} ms`);
});

test('of a header section without an end no more lines are kept than the bound says', () => {
  const lines = 'a:b\r\n'.repeat(streamLimits.sectionBytes / 4);
  const told = run([['in', `GET / HTTP/1.1\r\nhost: h\r\n${lines}\r\n`]]);
  const shown = told.layers.flatMap(({ fields }) => fields).filter(({ name }) => name === 'http.request.line');
  assert.ok(shown.length * 5 <= streamLimits.sectionBytes);
  assert.is(told.verdicts.filter(({ code }) => code === 'section-too-long').length, 1);
});

test('content in chunks of one octet takes the memory of its octets', () => {
  const chunks = Buffer.from('1\r\na\r\n'.repeat(10_000), 'latin1');
  const conversation = createConversation({
    flow: 'a>b#0',
    midstream: false,
    keys: createKeyStore(),
    onExchange: () => assert.unreachable(),
  });
  const sink = { ...keepingSink(nothingTold(), true), wantsEvents: false };
  conversation.push('in', Buffer.from(GET), sink);
  conversation.push('out', Buffer.from('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n'), sink);
  const held = (): number => {
    collectGarbage();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const before = held();
  for (let i = 0; i < 100; i++) conversation.push('out', chunks, sink);
  // An object for each would be 200 MB.
  assert.ok(held() - before < 40_000_000, `${held() - before}`);
});

test.run();
