// One byte stream joined: TLS, the choice of HTTP by ALPN, and how handshake, failure, closure and room of the layers show
// in the one session that the owner sees.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bytesBody } from '../../src/core/http/body.js';
import type { Handler, Request } from '../../src/core/http/message.js';
import { limits } from '../../src/core/limits.js';
import { createSession, type SessionOptions } from '../../src/core/session.js';
import { ContentType } from '../../src/core/tls/record.js';
import type { TraceEvent } from '../../src/core/trace.js';
import type { Session } from '../../src/core/types.js';
import { ascii, concat, equalBytes, testRandom, text } from '../support/bytes.js';
import { cutRecords } from '../support/dissect.js';
import { framesOf, http1Responses, http2Requests } from '../support/https-client.js';
import { siteOptions, takeAll } from '../support/site-run.js';
import { clientHello, TestTlsClient, withExtension } from '../support/tls-client.js';

const test = suite('session');

const GET = 'GET /bytes/5 HTTP/1.1\r\nhost: wirebench.test\r\n\r\n';
const CLOSE_NOTIFY = [1, 0];

interface Rig {
  readonly session: Session;
  readonly client: TestTlsClient;
  readonly events: TraceEvent[];
  /** Sends application data and takes what there is. */
  say(plaintext: string | Uint8Array, nowUs?: number): void;
  /** Takes what there is and gives it to the client. */
  flush(nowUs?: number): void;
  /** The server's application data so far. */
  heard(): string;
}

function alpnHello(...protocols: string[]) {
  return clientHello({ extensions: withExtension({ type: 'alpn', protocols: protocols.map(ascii) }) });
}

function rig(hello = clientHello(), parts: Partial<SessionOptions> = {}): Rig {
  const events: TraceEvent[] = [];
  const session = createSession(siteOptions(true, { trace: (_at, event) => events.push(event), ...parts }));
  const client = new TestTlsClient(hello);
  const flush = (nowUs = 0): void => client.receive(takeAll(session, nowUs));
  return {
    session,
    client,
    events,
    flush,
    say(plaintext, nowUs = 0) {
      const bytes = typeof plaintext === 'string' ? ascii(plaintext) : plaintext;
      session.receive(nowUs, client.seal(ContentType.applicationData, bytes));
      flush(nowUs);
    },
    heard: () => text(concat(...client.received)),
  };
}

/** After the handshake. */
function opened(protocol: 'h2' | 'http/1.1' | undefined, parts: Partial<SessionOptions> = {}): Rig {
  const one = rig(
    protocol === undefined ? clientHello({ extensions: withExtension('alpn') }) : alpnHello(protocol),
    parts,
  );
  one.session.receive(0, one.client.start());
  one.flush();
  one.session.receive(0, concat(...one.client.finish()));
  one.flush();
  assert.ok(one.client.finishedByServer);
  assert.is(one.session.state, 'open');
  return one;
}

function kinds(events: readonly TraceEvent[]): Set<string> {
  return new Set(events.map((event) => `${event.layer} ${event.kind}`));
}

// ---- ALPN ----

test('ALPN h2 leads to HTTP/2', () => {
  const { say, client, session, events } = opened('h2');
  // Our SETTINGS came with the Finished (RFC 9113 §3.4).
  assert.is(framesOf(concat(...client.received))[0]!.type, 'SETTINGS');
  say(http2Requests([{ method: 'GET', path: '/bytes/5' }]));
  assert.ok(kinds(events).has('http2 preface'));
  assert.not(kinds(events).has('http1 request'));
  const data = framesOf(concat(...client.received)).find((frame) => frame.type === 'DATA');
  assert.is(data?.type === 'DATA' && data.data.length, 5);
  assert.is(session.state, 'closed');
});

for (const protocol of ['http/1.1', undefined] as const) {
  test(`ALPN ${protocol ?? 'left out'} leads to HTTP/1.1`, () => {
    const { say, heard, session, events } = opened(protocol);
    say(GET);
    const [response] = http1Responses(ascii(heard()), [{ method: 'GET', path: '/bytes/5' }]);
    assert.is(response!.status, 200);
    assert.is(response!.content.length, 5);
    assert.not(kinds(events).has('http2 frame'));
    assert.is(session.state, 'open');
  });
}

test('of several protocols the server takes its own favourite', () => {
  const both = alpnHello('http/1.1', 'h2');
  const options = siteOptions(true);
  const choose = (alpnProtocols: string[]): unknown => {
    const { session, client, events, flush } = rig(both, { tls: { ...options.tls!, alpnProtocols } });
    session.receive(0, client.start());
    flush();
    session.receive(0, concat(...client.finish()));
    const established = events.find((event) => event.layer === 'tls' && event.kind === 'established');
    return established?.kind === 'established' && established.alpn;
  };
  assert.is(choose(['h2', 'http/1.1']), 'h2');
  assert.is(choose(['http/1.1', 'h2']), 'http/1.1');
});

test('without a protocol in common the alert of RFC 7301 §3.2 is sent, and that is the end', () => {
  const { session, client } = rig(alpnHello('spdy/3', 'h3'));
  session.receive(0, client.start());
  assert.is(session.state, 'draining');
  equalBytes(takeAll(session, 0), Uint8Array.of(21, 3, 3, 0, 2, 2, 120));
  assert.is(session.state, 'closed');
});

test('the handler is told what was negotiated, and that the scheme is https', () => {
  const seen: Request[] = [];
  const handler: Handler = (request) => {
    seen.push(request);
    return { status: 204, headers: [] };
  };
  const { say } = opened('http/1.1', { handler, flow: 'named#3' });
  say(GET);
  assert.is(seen[0]!.scheme, 'https');
  assert.is(seen[0]!.version, 'HTTP/1.1');
  assert.equal(seen[0]!.connection, {
    flow: 'named#3',
    tls: {
      version: 'TLS1.2',
      cipherSuite: 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
      group: 'x25519',
      signature: 'rsa_pkcs1_sha256',
      serverName: 'wirebench.test',
      alpn: 'http/1.1',
      extendedMasterSecret: true,
    },
  });
});

// ---- endings of the handshake ----

test('the end of input anywhere in the handshake ends the session, with nothing to read but the alert', () => {
  const steps: ((one: Rig) => void)[] = [
    () => undefined,
    ({ session, client }) => session.receive(0, client.start().subarray(0, 3)),
    ({ session, client }) => session.receive(0, client.start().subarray(0, 60)),
    ({ session, client, flush }) => {
      session.receive(0, client.start());
      flush();
    },
    ({ session, client, flush }) => {
      session.receive(0, client.start());
      flush();
      session.receive(0, client.finish()[0]);
    },
    ({ session, client, flush }) => {
      session.receive(0, client.start());
      flush();
      const [clientKeyExchange, changeCipherSpec, finished] = client.finish();
      session.receive(0, concat(clientKeyExchange, changeCipherSpec, finished.subarray(0, 20)));
    },
  ];
  steps.forEach((step, index) => {
    const one = rig();
    step(one);
    assert.is(one.session.state, 'open', `step ${index}`);
    one.session.endOfInput(0);
    assert.is(one.session.state, 'draining', `step ${index}`);
    equalBytes(takeAll(one.session, 0), Uint8Array.of(21, 3, 3, 0, 2, 1, 0), `step ${index}`);
    assert.is(one.session.state, 'closed', `step ${index}`);
    assert.is(one.session.nextDeadlineUs(), undefined);
  });
});

test('a failed handshake drains its alert, however slowly it is taken, and is closed then', () => {
  const { session, client } = rig(clientHello({ cipherSuites: [0xc030] }));
  session.receive(0, client.start());
  const alert: number[] = [];
  for (let i = 0; i < 7; i++) {
    assert.is(session.state, 'draining', `after ${i} bytes`);
    alert.push(...session.take(0, 1));
  }
  assert.equal(alert, [21, 3, 3, 0, 2, 2, 40]);
  assert.is(session.state, 'closed');
  assert.is(session.take(0, 100).length, 0);
  session.receive(0, client.start());
  assert.is(session.take(0, 100).length, 0);
  assert.is(session.state, 'closed');
});

test('plain HTTP on the port of TLS is refused with an alert', () => {
  const { session } = rig();
  session.receive(0, ascii(GET));
  assert.is(session.state, 'draining');
  const [record] = cutRecords(takeAll(session, 0));
  assert.is(record![0], ContentType.alert);
  assert.is(session.state, 'closed');
});

test('a record that does not open ends an open session with a fatal alert', () => {
  const { session, client, flush } = opened('http/1.1');
  const record = client.seal(ContentType.applicationData, ascii(GET));
  record[20]! ^= 1;
  session.receive(0, record);
  assert.is(session.state, 'draining');
  flush();
  assert.equal(client.alerts, [[2, 20]]);
  assert.is(session.state, 'closed');
});

// ---- endings of HTTP ----

test('when HTTP/1.1 has ended close_notify follows its last byte', () => {
  const { session, client, say, heard } = opened('http/1.1');
  say('GET /bytes/5 HTTP/1.1\r\nhost: wirebench.test\r\nconnection: close\r\n\r\n');
  assert.match(heard(), /^HTTP\/1\.1 200 OK\r\n[\s\S]*connection: close\r\n/);
  assert.equal(client.alerts, [CLOSE_NOTIFY]);
  assert.is(session.state, 'closed');
});

test('until all of the last response is taken the session is draining', () => {
  const { session, client } = opened('http/1.1');
  const request = 'GET /bytes/50000 HTTP/1.1\r\nhost: wirebench.test\r\nconnection: close\r\n\r\n';
  session.receive(0, client.seal(ContentType.applicationData, ascii(request)));
  const parts: Uint8Array[] = [];
  const states = new Set<string>();
  while (session.state !== 'closed') {
    states.add(session.state);
    const part = session.take(0, 700);
    assert.ok(part.length > 0 && part.length <= 700);
    parts.push(part.slice());
  }
  assert.equal([...states], ['open', 'draining']);
  client.receive(concat(...parts));
  const [response] = http1Responses(concat(...client.received), [{ method: 'GET', path: '' }]);
  assert.is(response!.content.length, 50_000);
  assert.equal(client.alerts, [CLOSE_NOTIFY]);
});

test('the close_notify of the peer discards what was still to be sent (RFC 5246 §7.2.1)', () => {
  const { session, client, flush } = opened('http/1.1');
  const request = client.seal(ContentType.applicationData, ascii(GET.replace('5', '500000')));
  session.receive(0, concat(request, client.seal(ContentType.alert, Uint8Array.of(1, 0))));
  assert.is(session.state, 'draining');
  flush();
  assert.equal(client.alerts, [CLOSE_NOTIFY]);
  assert.equal(client.received, []);
  assert.is(session.state, 'closed');
});

test('a peer that only closes its side still gets the answer', () => {
  for (const protocol of ['h2', 'http/1.1'] as const) {
    const { session, client, flush } = opened(protocol);
    const requests = [{ method: 'GET', path: '/bytes/40000' }];
    const plaintext = protocol === 'h2' ? http2Requests(requests) : ascii(GET.replace('5', '40000'));
    session.receive(0, client.seal(ContentType.applicationData, plaintext));
    session.endOfInput(0);
    flush();
    const length = client.received.reduce((sum, part) => sum + part.length, 0);
    assert.ok(length > 40_000, `${protocol}: ${length} bytes`);
    assert.is(session.state, 'closed');
  }
});

test('records that wait for HTTP are read before the end of input behind them counts', () => {
  const { session, client, flush } = opened('http/1.1');
  const content = testRandom(5).bytes(150_000);
  const head = `POST /echo HTTP/1.1\r\nhost: wirebench.test\r\ncontent-length: ${content.length}\r\n\r\n`;
  session.receive(0, client.seal(ContentType.applicationData, ascii(head)));
  for (let at = 0; at < content.length; at += 10_000) {
    session.receive(0, client.seal(ContentType.applicationData, content.subarray(at, at + 10_000)));
  }
  assert.is(session.room(), 0, 'HTTP takes no more until it is read from');
  session.endOfInput(0);
  flush();
  const [response] = http1Responses(concat(...client.received), [{ method: 'POST', path: '/echo' }]);
  assert.is(response!.status, 200);
  equalBytes(response!.content, content);
  assert.is(session.state, 'closed');
});

test('a response that breaks off where only a reset can tell it aborts the session', () => {
  let reads = 0;
  const handler: Handler = () => ({
    status: 200,
    headers: [],
    body: {
      length: undefined,
      read: () => {
        if (reads++ > 0) throw new Error('the source fails');
        return ascii('beginning');
      },
    },
  });
  const { session, client } = opened('http/1.1', { handler });
  session.receive(0, client.seal(ContentType.applicationData, ascii('GET / HTTP/1.0\r\n\r\n')));
  takeAll(session, 0);
  assert.is(session.state, 'aborted');
});

// ---- room ----

test('while the handler does not read there is no room, and what was sent all the same is not lost', () => {
  let granted = 0;
  let body: Request['body'] | undefined;
  const handler: Handler = (request) => {
    body = request.body;
    return {
      status: 200,
      headers: [],
      body: {
        length: undefined,
        read: (maxBytes) => (granted > 0 ? body!.read(Math.min(maxBytes, granted)) : new Uint8Array(0)),
      },
    };
  };
  const { session, client, flush } = opened('http/1.1', { handler });
  const content = testRandom(2).bytes(200_000);
  const head = `POST / HTTP/1.1\r\nhost: wirebench.test\r\ncontent-length: ${content.length}\r\n\r\n`;
  session.receive(0, client.seal(ContentType.applicationData, ascii(head)));
  flush();
  let at = 0;
  while (session.room() > 0) {
    assert.ok(at < content.length, 'the room ends');
    session.receive(0, client.seal(ContentType.applicationData, content.subarray(at, at + 9_000)));
    at += 9_000;
    flush();
  }
  assert.ok(at >= limits.http1.inputBytes && at < 2 * limits.http1.inputBytes, `${at} bytes taken without a reader`);
  session.receive(0, client.seal(ContentType.applicationData, content.subarray(at, at + 16_000)));
  at += 16_000;
  assert.is(session.room(), 0);
  granted = 1 << 20;
  flush();
  assert.ok(session.room() > 0);
  for (; at < content.length; at += 16_000) {
    session.receive(0, client.seal(ContentType.applicationData, content.subarray(at, at + 16_000)));
    flush();
  }
  const [response] = http1Responses(concat(...client.received), [{ method: 'POST', path: '/' }]);
  equalBytes(response!.content, content);
});

test('a handler that reads all before it answers is asked again when records that waited have come in', () => {
  for (const ended of [false, true]) {
    let count = 0;
    const handler: Handler = ({ body }) => ({
      status: 200,
      headers: [],
      body: {
        length: undefined,
        read(maxBytes) {
          for (let part = body.read(maxBytes); part !== undefined; part = body.read(maxBytes)) {
            if (part.length === 0) return part;
            count += part.length;
          }
          if (count < 0) return undefined;
          const told = ascii(`${count} bytes`);
          count = -1;
          return told;
        },
      },
    });
    const { session, client, flush } = opened('http/1.1', { handler });
    const head = 'POST / HTTP/1.1\r\nhost: wirebench.test\r\ncontent-length: 200000\r\n\r\n';
    session.receive(0, client.seal(ContentType.applicationData, ascii(head)));
    for (let i = 0; i < 20; i++) session.receive(0, client.seal(ContentType.applicationData, new Uint8Array(10_000)));
    if (ended) session.endOfInput(0);
    assert.is(session.room(), 0);
    flush();
    const [response] = http1Responses(concat(...client.received), [{ method: 'POST', path: '/' }]);
    assert.is(text(response!.content), '200000 bytes');
  }
});

test('before the handshake there is room for it, after the end there is room to throw away', () => {
  const { session, client } = rig();
  assert.ok(session.room() >= 16_384);
  session.receive(0, client.start());
  assert.ok(session.room() >= 16_384);
  session.endOfInput(0);
  takeAll(session, 0);
  assert.is(session.state, 'closed');
  assert.ok(session.room() > 0);
});

// ---- close ----

test('close during the handshake sends close_notify', () => {
  for (const withHello of [false, true]) {
    const { session, client } = rig();
    if (withHello) {
      session.receive(0, client.start());
      takeAll(session, 0);
    }
    session.close(0);
    assert.is(session.state, 'draining');
    equalBytes(takeAll(session, 0), Uint8Array.of(21, 3, 3, 0, 2, 1, 0));
    assert.is(session.state, 'closed');
    session.close(0);
    assert.is(takeAll(session, 0).length, 0);
  }
});

test('close of an idle session ends it at once: GOAWAY in HTTP/2, close_notify in both', () => {
  for (const protocol of ['h2', 'http/1.1'] as const) {
    const { session, client, flush } = opened(protocol);
    session.close(0);
    flush();
    const frames = protocol === 'h2' ? framesOf(concat(...client.received)) : [];
    if (protocol === 'h2') assert.is(frames.at(-1)!.type, 'GOAWAY');
    assert.equal(client.alerts, [CLOSE_NOTIFY]);
    assert.is(session.state, 'closed');
    session.close(1);
    assert.is(takeAll(session, 1).length, 0);
  }
});

test('close while an answer is under way lets it be finished', () => {
  const { session, client, flush } = opened('http/1.1');
  session.receive(0, client.seal(ContentType.applicationData, ascii(GET.replace('5', '90000'))));
  const first = session.take(0, 20_000).slice();
  session.close(0);
  assert.is(session.state, 'open', 'what is being answered may need more input');
  client.receive(concat(first, takeAll(session, 0)));
  flush();
  const [response] = http1Responses(concat(...client.received), [{ method: 'GET', path: '' }]);
  assert.is(response!.content.length, 90_000);
  assert.equal(client.alerts, [CLOSE_NOTIFY]);
  assert.is(session.state, 'closed');
});

test('close after a failure changes nothing', () => {
  const { session, client } = rig(clientHello({ cipherSuites: [0xc030] }));
  session.receive(0, client.start());
  session.close(0);
  assert.is(takeAll(session, 0).length, 7, 'one alert');
  assert.is(session.state, 'closed');
});

// ---- time ----

test("a handler's delay is the session's deadline, and nothing comes before it", () => {
  for (const protocol of ['h2', 'http/1.1'] as const) {
    const { session, client, flush } = opened(protocol);
    const plaintext =
      protocol === 'h2'
        ? http2Requests([{ method: 'GET', path: '/delay/5' }])
        : ascii('GET /delay/5 HTTP/1.1\r\nhost: a\r\n\r\n');
    session.receive(1_000, client.seal(ContentType.applicationData, plaintext));
    flush(1_000);
    const before = client.received.length;
    assert.is(session.nextDeadlineUs(), 6_000);
    session.advance(5_999);
    assert.is(takeAll(session, 5_999).length, 0);
    assert.is(session.nextDeadlineUs(), 6_000);
    session.advance(6_000);
    assert.is(session.nextDeadlineUs(), undefined);
    flush(6_000);
    assert.ok(client.received.length > before, protocol);
  }
});

test('the date is that of the logical time', () => {
  const { say, heard } = opened('http/1.1');
  say(GET, 3_000_000);
  assert.match(heard(), /\r\ndate: Sun, 06 Nov 1994 08:49:40 GMT\r\n/);
});

// ---- without TLS ----

test('without TLS the session is HTTP/1.1 in clear', () => {
  const seen: Request[] = [];
  const handler: Handler = (request) => {
    seen.push(request);
    return { status: 200, headers: [], body: bytesBody(ascii('hello')) };
  };
  const session = createSession(siteOptions(false, { handler, flow: 'clear#0' }));
  assert.is(session.take(0, 100).length, 0, 'it does not speak first');
  session.receive(0, ascii('GET / HTTP/1.1\r\nhost: wirebench.test\r\n\r\n'));
  assert.match(text(takeAll(session, 0)), /^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nhello$/);
  assert.is(seen[0]!.scheme, 'http');
  assert.equal(seen[0]!.connection, { flow: 'clear#0' });
  assert.is(session.state, 'open');
  session.endOfInput(0);
  assert.is(session.state, 'closed');
});

test('a trace changes no byte', () => {
  const run = (trace: boolean): Uint8Array => {
    const session = createSession(siteOptions(true, trace ? { trace: () => undefined } : {}));
    const client = new TestTlsClient(alpnHello('h2'));
    const parts: Uint8Array[] = [];
    const step = (bytes: Uint8Array): void => {
      session.receive(0, bytes);
      parts.push(takeAll(session, 0));
      client.receive(parts.at(-1)!);
    };
    step(client.start());
    step(concat(...client.finish()));
    step(client.seal(ContentType.applicationData, http2Requests([{ method: 'GET', path: '/' }])));
    assert.is(session.state, 'closed');
    return concat(...parts);
  };
  equalBytes(run(true), run(false));
});

test.run();
