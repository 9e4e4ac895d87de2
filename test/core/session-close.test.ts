// How a session with TLS ends, by version: in 1.3 each direction by itself (RFC 8446 §6.1), in 1.2 both at once (RFC 5246
// §7.2.1); and a client that asks for tiny records (RFC 8449, RFC 6066 §4) gets all of its answer.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createSession } from '../../src/core/session.js';
import type { Session } from '../../src/core/types.js';
import { ascii, concat, text } from '../support/bytes.js';
import { siteOptions, takeAll } from '../support/site-run.js';
import { TlsClient } from '../support/tls/client.js';
import { TLS12, TLS13 } from '../support/tls/codes.js';
import type { ClientOptions } from '../support/tls/options.js';
import { fullConfig } from '../support/tls/rig.js';

const test = suite('session: closing');

const BODY_BYTES = 200_000;
const GET = ascii(`GET /bytes/${BODY_BYTES} HTTP/1.1\r\nhost: wirebench.test\r\n\r\n`);

interface Opened {
  readonly session: Session;
  readonly client: TlsClient;
  /** Bytes to the session, its answers to the client, until both are quiet. */
  say(bytes: Uint8Array): void;
  heard(): string;
}

function opened(options: ClientOptions): Opened {
  const session = createSession({ ...siteOptions(true), tls: fullConfig() });
  const client = new TlsClient({ alpn: ['http/1.1'], ...options });
  const say = (bytes: Uint8Array): void => {
    for (let said = bytes; said.length > 0; ) {
      session.receive(0, said);
      said = client.receive(takeAll(session, 0));
    }
  };
  say(client.start());
  assert.ok(client.established);
  return { session, client, say, heard: () => text(concat(...client.received)) };
}

test('TLS 1.3: a client that has said all it has to say still gets the whole answer, then our close_notify', () => {
  const { session, client, say, heard } = opened({ versions: [TLS13] });
  say(concat(client.write(GET), client.close()));
  assert.ok(heard().startsWith('HTTP/1.1 200 OK\r\n'));
  assert.ok(heard().length > BODY_BYTES, `${heard().length} bytes`);
  assert.ok(client.closed);
  assert.is(session.state, 'closed');
});

test('TLS 1.2: close_notify is answered at once, and what was still to be written is discarded', () => {
  const { session, client, say, heard } = opened({ versions: [TLS12] });
  say(concat(client.write(GET), client.close()));
  assert.ok(heard().length < BODY_BYTES);
  assert.ok(client.closed);
  assert.is(session.state, 'closed');
});

test('a session tells whether it is still in its handshake', () => {
  const session = createSession({ ...siteOptions(true), tls: fullConfig() });
  assert.is(session.handshaking, true);
  assert.is(opened({}).session.handshaking, false);
});

for (const version of [TLS12, TLS13]) {
  const title = version === TLS12 ? 'TLS 1.2' : 'TLS 1.3';
  for (const [what, options] of [
    ['record_size_limit of 64', { recordSizeLimit: 64 }],
    ['record_size_limit of 1,000', { recordSizeLimit: 1_000 }],
    ['max_fragment_length of 512', { maxFragmentLength: 1 }],
  ] as const) {
    test(`${title}: with a ${what} the answer comes in as many records as it needs`, () => {
      const { client, say, heard } = opened({ versions: [version], ...options });
      say(client.write(GET));
      // The client refuses a record that is too long.
      assert.ok(heard().length > BODY_BYTES, `${heard().length} bytes`);
      const most = 'recordSizeLimit' in options ? options.recordSizeLimit : 512;
      const longest = Math.max(...client.received.map((part) => part.length));
      assert.ok(longest <= most && longest >= most - 1, `${longest} bytes in a record`);
    });
  }
}

test.run();
