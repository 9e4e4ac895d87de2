// The package as a user of the library sees it: imported by its name, through the exports of package.json.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  bytesBody,
  createRandomSource,
  createSession,
  createSite,
  type Handler,
  ParseError,
  SEED_BYTES,
  type StreamOutput,
  Streams,
  type TraceEvent,
} from 'wirebench';
import { nodeCrypto } from 'wirebench/node-crypto';
import { ascii } from '../support/bytes.js';

const hello: Handler = () => ({
  status: 200,
  headers: [['content-type', 'text/plain']],
  body: bytesBody(ascii('hello\n')),
});

function exchange(handler: Handler, request: string, trace?: (event: TraceEvent) => void): string {
  const streams = new Streams({
    services: new Map([
      [
        80,
        (_nowUs, flow) =>
          createSession({ flow, handler, startUnixUs: 0, ...(trace && { trace: (_atUs, event) => trace(event) }) }),
      ],
    ]),
  });
  const peer = { localAddress: '10.0.0.2', localPort: 80, remoteAddress: '10.0.0.1', remotePort: 49152 };
  streams.receive(0, { kind: 'open', stream: 0, ...peer });
  streams.receive(1_000, { kind: 'data', stream: 0, bytes: ascii(request) });
  let text = '';
  for (let out: StreamOutput | undefined = streams.poll(); out !== undefined; out = streams.poll()) {
    if (out.kind === 'data') text += String.fromCharCode(...out.bytes);
  }
  return text;
}

test('a handler of one’s own answers over Streams, with the logical date', () => {
  const layers: string[] = [];
  const answer = exchange(hello, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', (event) => layers.push(event.layer));
  assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
  assert.match(answer, /\r\ndate: Thu, 01 Jan 1970 00:00:00 GMT\r\n/);
  assert.ok(answer.endsWith('\r\n\r\nhello\n'));
  assert.ok(layers.includes('http1') && layers.includes('http'));
});

test('the built-in site is exported as a handler', () => {
  assert.match(exchange(createSite(), 'GET /status/404 HTTP/1.1\r\nHost: a\r\n\r\n'), /^HTTP\/1\.1 404 Not Found\r\n/);
});

test('the random source is stateless: the same label gives the same bytes', () => {
  const seed = new Uint8Array(SEED_BYTES);
  const first = createRandomSource(nodeCrypto, seed).bytes('accept#0', 'server random', 40);
  const second = createRandomSource(nodeCrypto, seed).bytes('accept#0', 'server random', 40);
  const other = createRandomSource(nodeCrypto, seed).bytes('accept#1', 'server random', 40);
  assert.equal([...first], [...second]);
  assert.not.equal([...first], [...other]);
});

test('a text is no body: bytesBody says so, and the client gets a 500', () => {
  const words = 'hello' as unknown as Uint8Array;
  assert.throws(() => bytesBody(words), /^bytesBody: a Uint8Array is wanted$/);
  const answer = exchange(
    () => ({ status: 200, headers: [], body: bytesBody(words) }),
    'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
  );
  assert.match(answer, /^HTTP\/1\.1 500 /);
});

test('ParseError is the class that decoders raise', () => {
  const error = new ParseError('tcp', 'dataOffset: too short', 12);
  assert.is(error.message, 'tcp: dataOffset: too short at offset 12');
});

test.run();
