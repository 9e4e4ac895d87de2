// Node's own client against our server, in memory: what a client that knows nothing of us makes of it.

import * as http2 from 'node:http2';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Http2Connection } from '../../../src/core/http2/connection.js';
import { limits } from '../../../src/core/limits.js';
import type { TraceEvent } from '../../../src/core/trace.js';
import { equalBytes } from '../../support/bytes.js';
import { DATE, fetchOver, joinNodeClient, pattern, site } from './support.js';

function connect(trace?: (atUs: number, event: TraceEvent) => void): Http2Connection {
  return new Http2Connection({
    flow: 'node#0',
    scheme: 'https',
    handler: site,
    connection: { flow: 'node#0' },
    date: () => DATE,
    ...(trace === undefined ? {} : { trace }),
  });
}

test('answers GET with status, date, content-length and content', async () => {
  const { client } = joinNodeClient(connect());
  const answer = await fetchOver(client, { ':path': '/' });
  assert.is(answer.status, 200);
  assert.is(answer.headers['content-length'], '5');
  assert.is(answer.headers.date, DATE);
  assert.is(answer.headers['content-type'], 'text/plain');
  assert.is(answer.content.toString(), 'hello');
  client.destroy();
});

test('answers 200 streams at once, each with its own content', async () => {
  const { client } = joinNodeClient(connect());
  const answers = await Promise.all(
    Array.from({ length: 200 }, (_, i) => fetchOver(client, { ':path': `/bytes/${i * 37}` })),
  );
  answers.forEach((answer, i) => {
    assert.is(answer.status, 200);
    equalBytes(answer.content, pattern(i * 37));
  });
  client.destroy();
});

test('echoes 5 MB up and down, through windows on both sides', async () => {
  const { client } = joinNodeClient(connect());
  const sent = Buffer.from(pattern(5_000_000));
  const answer = await fetchOver(client, { ':path': '/echo', ':method': 'POST' }, sent);
  assert.is(answer.content.length, sent.length);
  assert.ok(answer.content.equals(sent));
  client.destroy();
});

test('streams 5 MB of unknown length', async () => {
  const { client } = joinNodeClient(connect());
  const answer = await fetchOver(client, { ':path': '/stream/5000000' });
  assert.is(answer.headers['content-length'], undefined);
  assert.ok(answer.content.equals(Buffer.from(pattern(5_000_000))));
  client.destroy();
});

test('answers HEAD like GET, without the content', async () => {
  const { client } = joinNodeClient(connect());
  const answer = await fetchOver(client, { ':path': '/bytes/1000', ':method': 'HEAD' });
  assert.is(answer.status, 200);
  assert.is(answer.headers['content-length'], '1000');
  assert.is(answer.content.length, 0);
  client.destroy();
});

test('answers 404, 204 without content-length, and 500 for a handler that throws', async () => {
  const { client } = joinNodeClient(connect());
  const missing = await fetchOver(client, { ':path': '/nothing' });
  assert.is(missing.status, 404);
  assert.is(missing.headers['content-length'], '0');
  const empty = await fetchOver(client, { ':path': '/status/204' });
  assert.is(empty.status, 204);
  assert.is(empty.headers['content-length'], undefined);
  assert.is((await fetchOver(client, { ':path': '/throw' })).status, 500);
  client.destroy();
});

test('waits for the logical delay, and only for that', async () => {
  const connection = connect();
  const { client, advance } = joinNodeClient(connection);
  await fetchOver(client, { ':path': '/' });
  let done = false;
  const answer = fetchOver(client, { ':path': '/delay/250000' }).then((result) => {
    done = true;
    return result;
  });
  await fetchOver(client, { ':path': '/' });
  assert.is(connection.nextDeadlineUs(), 250_000);
  advance(249_999);
  await fetchOver(client, { ':path': '/' });
  assert.is(done, false);
  advance(250_000);
  assert.is((await answer).status, 200);
  assert.is(connection.nextDeadlineUs(), limits.http2.idleUs);
  client.destroy();
});

test('goes on after a stream that the client aborts in the middle', async () => {
  const events: TraceEvent[] = [];
  const { client } = joinNodeClient(connect((_at, event) => events.push(event)));
  const stream = client.request({ ':path': '/bytes/50000000' });
  await new Promise((resolve) => stream.once('data', resolve));
  stream.close(http2.constants.NGHTTP2_CANCEL);
  await new Promise((resolve) => stream.once('close', resolve));
  assert.is((await fetchOver(client, { ':path': '/' })).status, 200);
  assert.ok(events.some((event) => event.layer === 'http2' && event.kind === 'frame' && event.type === 'RST_STREAM'));
  client.destroy();
});

test('passes on request fields, with cookie crumbs joined', async () => {
  const { client } = joinNodeClient(connect());
  const answer = await fetchOver(client, { ':path': '/headers', cookie: ['a=b', 'c=d'], 'x-test': 'yes' });
  const headers = JSON.parse(answer.content.toString()) as [string, string][];
  assert.equal(
    headers.filter(([name]) => name === 'cookie'),
    [['cookie', 'a=b; c=d']],
  );
  assert.ok(headers.some(([name, value]) => name === 'x-test' && value === 'yes'));
  client.destroy();
});

test('ends in order when the client closes', async () => {
  const connection = connect();
  const { client } = joinNodeClient(connection);
  await fetchOver(client, { ':path': '/' });
  await new Promise<void>((resolve) => client.close(resolve));
  assert.is(connection.state, 'closed');
});

test('answers a ping', async () => {
  const { client } = joinNodeClient(connect());
  await fetchOver(client, { ':path': '/' });
  const echoed = await new Promise<Buffer>((resolve, reject) => {
    client.ping(Buffer.from('12345678'), (error, _duration, payload) => (error ? reject(error) : resolve(payload)));
  });
  assert.is(echoed.toString(), '12345678');
  client.destroy();
});

test.run();
