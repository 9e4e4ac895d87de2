// Any chunking of a byte stream gives the same events: a client's TLS stream given to a session in one piece, byte by
// byte and cut by chance, and to the stack in segments of other sizes.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createSession } from '../../src/core/session.js';
import { concat, equalBytes, testRandom } from '../support/bytes.js';
import {
  type ByteClient,
  type ClientRequest,
  type ClientResponse,
  HttpsClient,
  http1Requests,
  http1Responses,
  TunClient,
} from '../support/https-client.js';
import { keepTrace, makeCore, type Told } from '../support/recorded.js';
import { siteIdentity, siteOptions, takeAll } from '../support/site-run.js';

const test = suite('laws of the whole system: chunking');

const REQUESTS: readonly ClientRequest[] = [
  { method: 'GET', path: '/headers' },
  { method: 'POST', path: '/echo', content: testRandom(3).bytes(9_000) },
  { method: 'GET', path: '/bytes/30000' },
  { method: 'HEAD', path: '/' },
  { method: 'GET', path: '/status/404' },
];
const STATUSES = [200, 200, 200, 200, 404];

/**
 * What input alone decides: everything received, and the steps of TLS that lead to the first byte of HTTP. HTTP/1.1 is
 * pulled: when a pipelined request is begun depends on when the response before it is taken, so there each layer has an
 * order of its own. HTTP/2 works on all that is there, so there it is one order for all of them.
 */
function inbound(told: readonly Told[]): string[] {
  const events = told
    .map(({ event }) => event)
    .filter(({ layer }) => layer !== 'ip' && layer !== 'tcp')
    .filter((event) => ('dir' in event ? event.dir === 'in' : event.kind === 'established' || event.kind === 'secret'));
  if (events.some(({ layer }) => layer === 'http1')) {
    events.sort((a, b) => Number(a.layer !== 'tls') - Number(b.layer !== 'tls'));
  }
  return events.map((event) => JSON.stringify(event));
}

interface Result {
  readonly events: string[];
  readonly responses: ClientResponse[];
}

/** Cuts the client's stream at the given lengths, and asks for output in pieces of `maxTake`. */
function viaSession(protocol: 'h2' | 'http/1.1', stream: Uint8Array, lengths: () => number, maxTake: number): Result {
  const { told, trace } = keepTrace();
  const session = createSession(siteOptions(true, { trace }));
  const outputs: Uint8Array[] = [takeAll(session, 0, maxTake)];
  for (let at = 0; at < stream.length; ) {
    const chunk = stream.slice(at, at + lengths());
    at += chunk.length;
    session.receive(0, chunk);
    // As TCP does it: the bytes are the session's during the call only.
    chunk.fill(0xee);
    outputs.push(takeAll(session, 0, maxTake));
  }
  const client = new HttpsClient(protocol, REQUESTS);
  client.start();
  client.receive(concat(...outputs));
  assert.ok(client.closed);
  assert.is(session.state, 'closed');
  return { events: inbound(told), responses: client.responses() };
}

/** What the client sends in the whole connection. The server's part of the handshake is always the same. */
function clientStream(protocol: 'h2' | 'http/1.1'): Uint8Array {
  const session = createSession(siteOptions(true));
  const client = new HttpsClient(protocol, REQUESTS);
  const parts = [client.start()];
  for (let i = 0; i < 4; i++) {
    const bytes = parts.at(-1)!;
    if (bytes.length > 0) session.receive(0, bytes);
    parts.push(client.receive(takeAll(session, 0)));
  }
  assert.ok(client.closed);
  return concat(...parts);
}

function checkResult(actual: Result, expected: Result, message: string): void {
  assert.is(actual.events.length, expected.events.length, message);
  actual.events.forEach((event, index) => {
    assert.is(event, expected.events[index]!, `${message}: event ${index}`);
  });
  checkResponses(actual.responses, message);
}

function checkResponses(responses: readonly ClientResponse[], message: string): void {
  assert.equal(
    responses.map(({ status }) => status),
    STATUSES,
    message,
  );
  equalBytes(responses[1]!.content, REQUESTS[1]!.content!, `${message}: echo`);
  assert.is(responses[2]!.content.length, 30_000);
}

for (const protocol of ['h2', 'http/1.1'] as const) {
  const stream = clientStream(protocol);
  const whole = viaSession(protocol, stream, () => stream.length, 65_536);

  test(`${protocol}: in one piece`, () => {
    checkResponses(whole.responses, 'in one piece');
    assert.ok(whole.events.length > 25, `${whole.events.length} events`);
  });

  test(`${protocol}: byte by byte`, () => {
    checkResult(
      viaSession(protocol, stream, () => 1, 65_536),
      whole,
      'byte by byte',
    );
  });

  test(`${protocol}: two hundred chunkings`, () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = testRandom(seed);
      const most = 1 + random.below(seed % 2 === 0 ? 40 : 6_000);
      const maxTake = seed % 3 === 0 ? 1 + random.below(3_000) : 65_536;
      checkResult(
        viaSession(protocol, stream, () => 1 + random.below(most), maxTake),
        whole,
        `seed ${seed}`,
      );
    }
  });

  test(`${protocol}: segments of other sizes`, () => {
    const expected = viaStack(443, () => new HttpsClient(protocol, REQUESTS), 1460);
    assert.ok(expected.events.length > 25);
    checkResponses(expected.app.responses(), 'segments of 1460');
    for (const segmentBytes of [1, 7, 100, 536, 1000, 4000]) {
      const actual = viaStack(443, () => new HttpsClient(protocol, REQUESTS), segmentBytes);
      assert.equal(actual.events, expected.events, `segments of ${segmentBytes}`);
      checkResponses(actual.app.responses(), `segments of ${segmentBytes}`);
    }
  });
}

function viaStack<App extends ByteClient>(serverPort: number, createApp: () => App, segmentBytes: number) {
  const app = createApp();
  const { told, trace } = keepTrace();
  const core = makeCore(siteIdentity('tun'), trace);
  const client = new TunClient({ port: 40_000, serverPort, segmentBytes }, app);
  for (let atUs = 0; client.state !== 'ended' && atUs < 10_000_000; atUs += 10) {
    const frame = client.outbox.shift();
    if (frame) core.give({ kind: 'frame', atUs, frame });
    else core.advance(atUs);
    for (const { bytes } of core.drain()) client.receive(bytes);
  }
  assert.is(client.state, 'ended');
  return { app, events: inbound(told) };
}

test('HTTP/1.1 in clear: any chunking, any size of segments', () => {
  const stream = http1Requests(REQUESTS);
  const run = (lengths: () => number): { events: string[]; output: Uint8Array } => {
    const { told, trace } = keepTrace();
    const session = createSession(siteOptions(false, { trace }));
    const outputs: Uint8Array[] = [];
    for (let at = 0; at < stream.length; ) {
      const chunk = stream.slice(at, at + lengths());
      at += chunk.length;
      session.receive(0, chunk);
      outputs.push(takeAll(session, 0));
    }
    return { events: inbound(told), output: concat(...outputs) };
  };
  const whole = run(() => stream.length);
  checkResponses(http1Responses(whole.output, REQUESTS), 'in one piece');
  for (let seed = 0; seed <= 200; seed++) {
    const random = testRandom(seed + 1);
    const most = seed === 0 ? 1 : 1 + random.below(seed % 2 === 0 ? 40 : 6_000);
    const { events, output } = run(() => 1 + random.below(most));
    assert.equal(events, whole.events, `seed ${seed}`);
    checkResponses(http1Responses(output, REQUESTS), `seed ${seed}`);
  }
  for (const segmentBytes of [1, 100, 1460]) {
    const received: Uint8Array[] = [];
    const app = (): ByteClient => ({
      start: () => stream,
      receive(bytes) {
        received.push(bytes.slice());
        return new Uint8Array(0);
      },
    });
    viaStack(80, app, segmentBytes);
    checkResponses(http1Responses(concat(...received), REQUESTS), `segments of ${segmentBytes}`);
  }
});

test.run();
