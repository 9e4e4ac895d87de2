// Tests of an application under uvu: `node examples/my-app.uvu.test.mjs`. A recording is one line; a session without any
// network is driven byte by byte, in virtual time, so that a second of waiting takes no time at all.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bytesBody, requestToken } from 'wirebench';
import { expectEvents, expectIdentical, openSession } from 'wirebench/test';

const captures = new URL('../fixtures/captures/', import.meta.url).pathname;
const text = (bytes) => Buffer.from(bytes).toString('latin1');

test('what was recorded once is still what the server does', async () => {
  const { packets } = await expectIdentical(`${captures}h2.pcapng`);
  assert.ok(packets > 0);
});

test('a handler, over HTTP/1.1', () => {
  const handler = ({ path }) => ({ status: 200, headers: [], body: bytesBody(Buffer.from(`this is ${path}\n`)) });
  const session = openSession({ handler });
  session.send('GET /a/place HTTP/1.1\r\nHost: a.test\r\n\r\n');
  assert.match(text(session.received()), /^HTTP\/1\.1 200 OK\r\n.*\r\n\r\nthis is \/a\/place\n$/s);
  expectEvents(session.events, [
    { layer: 'http', kind: 'request', method: 'GET', path: '/a/place', version: 'HTTP/1.1' },
    { layer: 'http', kind: 'response', status: 200 },
  ]);
});

test('an answer that comes later: time is the test’s own', () => {
  const waiting = [];
  const handler = (request) => {
    waiting.push(requestToken(request));
    return { deferred: true };
  };
  const session = openSession({ handler });
  session.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
  session.advance(1_500_000);
  assert.is(session.received().length, 0, 'nobody has answered yet');
  session.respond(waiting[0], { kind: 'response', status: 202, headers: [] });
  assert.match(text(session.received()), /^HTTP\/1\.1 202 /);
  expectEvents(session.events, [{ layer: 'http', kind: 'response', status: 202, atUs: 1_500_000 }]);
});

test.run();
