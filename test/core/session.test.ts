// One byte stream joined: TLS, the choice of HTTP by ALPN, and how handshake, failure and closure of the layers show in the
// one session that the owner sees.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bytesBody } from '../../src/core/http/body.js';
import type { Handler, Request } from '../../src/core/http/message.js';
import { createSession } from '../../src/core/session.js';
import { ContentType } from '../../src/core/tls/record.js';
import type { TraceEvent } from '../../src/core/trace.js';
import { ascii, concat, equalBytes, text } from '../support/bytes.js';
import { cutRecords } from '../support/dissect.js';
import { framesOf, http1Responses, http2Requests } from '../support/https-client.js';
import { alpnHello, CLOSE_NOTIFY, opened, type Rig, rig } from '../support/session-rig.js';
import { siteOptions, takeAll } from '../support/site-run.js';
import { clientHello, TestTlsClient } from '../support/tls-client.js';

const test = suite('session');

const GET = 'GET /bytes/5 HTTP/1.1\r\nhost: wirebench.test\r\n\r\n';

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
      session.receive(0, client.finish()[0]!);
    },
    ({ session, client, flush }) => {
      session.receive(0, client.start());
      flush();
      const [clientKeyExchange, changeCipherSpec, finished] = client.finish();
      session.receive(0, concat(clientKeyExchange!, changeCipherSpec!, finished!.subarray(0, 20)));
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
    const part = session.take(0, 100);
    assert.ok(part.length > 0 && part.length <= 100);
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
