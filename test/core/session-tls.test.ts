// What a session of the site makes of TLS: the time that a handshake has, sessions that are resumed on another connection,
// and what the page at `/` says of both.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from '../../src/core/limits.js';
import { createSession, type SessionOptions } from '../../src/core/session.js';
import { TLS_1_2 } from '../../src/core/tls/config.js';
import { SessionCache } from '../../src/core/tls/session-cache.js';
import type { TraceEvent } from '../../src/core/trace.js';
import type { Session } from '../../src/core/types.js';
import { ascii, concat, equalBytes, text } from '../support/bytes.js';
import { siteOptions, takeAll } from '../support/site-run.js';
import { clients } from '../support/tls/certificates.js';
import { TlsClient } from '../support/tls/client.js';
import type { ClientOptions } from '../support/tls/options.js';
import { asksForCertificate, fullConfig } from '../support/tls/rig.js';

const test = suite('session over TLS');
const GET = ascii('GET / HTTP/1.1\r\nhost: wirebench.test\r\nconnection: close\r\n\r\n');
const { handshakeUs } = limits.tls;
const CLOSE_NOTIFY_RECORD = Uint8Array.of(21, 3, 3, 0, 2, 1, 0);

interface Joined {
  readonly session: Session;
  readonly client: TlsClient;
  readonly events: TraceEvent[];
}

function join(parts: Partial<SessionOptions>, options: ClientOptions = {}): Joined {
  const events: TraceEvent[] = [];
  const trace = (_at: number, event: TraceEvent): void => void events.push(event);
  const session = createSession({ ...siteOptions(true), tls: fullConfig(), trace, ...parts });
  const client = new TlsClient({ versions: [TLS_1_2], alpn: ['http/1.1'], nowMs: 1_800_000_000_000, ...options });
  return { session, client, events };
}

/** Bytes to and fro until both are quiet. */
function talk({ session, client }: Joined, bytes: Uint8Array, nowUs = 0): void {
  for (let said = bytes; said.length > 0; ) {
    session.receive(nowUs, said);
    said = client.receive(takeAll(session, nowUs));
  }
}

function page(joined: Joined): string {
  talk(joined, joined.client.start());
  talk(joined, joined.client.write(GET));
  return text(concat(...joined.client.received));
}

test('a connection on which nothing comes is closed at the end of the time that a handshake has', () => {
  const { session, events } = join({ openedUs: 1000 });
  assert.is(session.nextDeadlineUs(), 1000 + handshakeUs);
  session.advance(1000 + handshakeUs - 1);
  assert.is(session.state, 'open');
  assert.is(session.nextDeadlineUs(), 1000 + handshakeUs);
  session.advance(1000 + handshakeUs);
  assert.is(session.nextDeadlineUs(), undefined);
  assert.is(session.state, 'draining');
  equalBytes(takeAll(session, 1000 + handshakeUs), CLOSE_NOTIFY_RECORD);
  assert.is(session.state, 'closed');
  assert.ok(events.some((event) => event.layer === 'tls' && event.kind === 'timeout'));
});

test('bytes that come drop by drop do not put the end off', () => {
  const joined = join({ openedUs: 0 });
  const hello = joined.client.start();
  for (let at = 0; at < 29; at++) {
    joined.session.receive(at * 1_000_000, hello.subarray(at, at + 1));
    joined.session.advance(at * 1_000_000);
    assert.is(joined.session.nextDeadlineUs(), handshakeUs);
  }
  joined.session.advance(handshakeUs);
  assert.is(joined.session.state, 'draining');
});

test('advancing late ends it at the same logical time as advancing in time', () => {
  const ends = [handshakeUs, handshakeUs + 5_000_000].map((nowUs) => {
    const times: number[] = [];
    const session = createSession({
      ...siteOptions(true),
      tls: fullConfig(),
      openedUs: 0,
      trace: (atUs, event) => void (event.layer === 'tls' && times.push(atUs)),
    });
    session.advance(nowUs);
    return times;
  });
  assert.equal(ends[0], ends[1]);
  assert.ok(ends[0]!.every((atUs) => atUs === handshakeUs));
});

test('after the handshake the deadlines are those of HTTP', () => {
  const joined = join({ openedUs: 0 });
  talk(joined, joined.client.start());
  assert.ok(joined.client.established);
  assert.is(joined.session.nextDeadlineUs(), limits.http1.idleUs);
  joined.session.advance(2 * handshakeUs);
  assert.is(joined.session.state, 'open');
  talk(joined, joined.client.write(GET), 2 * handshakeUs);
  assert.match(text(concat(...joined.client.received)), /^HTTP\/1\.1 200/);
});

test('connections that share sessions resume them by session id, and the page says so', () => {
  const tls = fullConfig();
  const tlsSessions = new SessionCache();
  const first = join({ tls, tlsSessions, flow: 'one#0' });
  assert.not.match(page(first), /resumed/);
  const second = join({ tls, tlsSessions, flow: 'two#0' }, { sessions: first.client.sessions });
  assert.match(page(second), /resumed by +session id\n/);
  const alone = join({ tls, flow: 'three#0' }, { sessions: first.client.sessions });
  assert.not.match(page(alone), /resumed/);
});

test('the page tells what a connection has to say, and nothing more', () => {
  const plain = page(join({}));
  for (const fact of ['resumed by', 'encrypt-then-MAC', 'client certificate']) assert.not(plain.includes(fact), fact);
  const cbc = page(join({}, { cipherSuites: [0xc013], encryptThenMac: true }));
  assert.match(cbc, /encrypt-then-MAC +yes\n/);
  const config = fullConfig(asksForCertificate(true));
  assert.match(page(join({ tls: config }, { certificate: clients.ed25519 })), /client certificate +.*client-ed25519/);
});

test('records are as short as a client wants them, whatever the room for them is', () => {
  const joined = join({}, { maxFragmentLength: 1, cipherSuites: [0xc02f] });
  talk(joined, joined.client.start());
  talk(joined, joined.client.write(ascii('GET /bytes/20000 HTTP/1.1\r\nhost: a\r\n\r\n')));
  assert.ok(text(concat(...joined.client.received)).length > 20_000);
  for (const event of joined.events) {
    if (event.layer === 'tls' && event.kind === 'record' && event.dir === 'out') assert.ok(event.length <= 512 + 24);
  }
});

test.run();
