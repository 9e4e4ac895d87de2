// What differs between two TLS 1.3 streams is named by message and field, before and behind each change of keys
// (RFC 8446 §7.1, §7.2); without the secrets it is a record that differs.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { StreamComparison } from '../../src/bench/dissect-stream.js';
import type { SecretLabel } from '../../src/bench/dissect-tls.js';
import { Writer } from '../../src/core/bytes/writer.js';
import { HELLO_RETRY_REQUEST_RANDOM } from '../../src/core/tls/messages.js';
import { encodeHandshake13, type HandshakeMessage13 } from '../../src/core/tls/messages13.js';
import { protection13, type RecordProtection } from '../../src/core/tls/protection.js';
import { nextTrafficSecret, trafficKeys } from '../../src/core/tls/schedule13.js';
import { CIPHER_SUITES, CipherSuite } from '../../src/core/tls/suites.js';
import { nodeCrypto } from '../../src/io/node-crypto.js';
import { ascii, concat, hex } from '../support/bytes.js';
import { record } from '../support/tls-client.js';

const test = suite('differences in TLS 1.3');
const SUITE = CIPHER_SUITES.get(CipherSuite.TLS_AES_256_GCM_SHA384)!;
const HANDSHAKE_SECRET = new Uint8Array(48).fill(1);
const APPLICATION_SECRET = new Uint8Array(48).fill(2);
const NEXT_SECRET = nextTrafficSecret({ crypto: nodeCrypto, hash: SUITE.hash }, APPLICATION_SECRET);

interface Parts {
  readonly retry?: boolean;
  readonly alpn?: string;
  readonly finished?: number;
  readonly ticketLifetime?: number;
  readonly settings?: string;
  readonly goAway?: string;
}

function encoded(message: HandshakeMessage13): Uint8Array {
  const writer = new Writer();
  encodeHandshake13(writer, message);
  return writer.view().slice();
}

function hello(random: Uint8Array): Uint8Array {
  const extensions = [{ type: 'supported_versions', versions: [0x0304], selected: true }] as const;
  return encoded({
    type: 'ServerHello',
    serverVersion: 0x0303,
    random,
    sessionId: new Uint8Array(32),
    cipherSuite: SUITE.code,
    compressionMethod: 0,
    extensions,
  });
}

function under(secret: Uint8Array): (contentType: number, content: Uint8Array) => Uint8Array {
  const { key, iv } = trafficKeys(nodeCrypto, SUITE, secret);
  const protection: RecordProtection = protection13(nodeCrypto, SUITE, key, iv);
  return (contentType, content) => {
    const target = new Uint8Array(content.length + 64);
    return target.slice(0, protection.seal(contentType, content, target, 0));
  };
}

/** What a server sends, all in records of their own. */
function stream(parts: Parts = {}): Uint8Array {
  const handshake = under(HANDSHAKE_SECRET);
  const application = under(APPLICATION_SECRET);
  const next = under(NEXT_SECRET);
  const alpn = { type: 'alpn', protocols: [ascii(parts.alpn ?? 'h2')] } as const;
  const serverHello = record(22, hello(new Uint8Array(32).fill(7)));
  return concat(
    parts.retry ? record(22, hello(HELLO_RETRY_REQUEST_RANDOM)) : serverHello,
    record(20, Uint8Array.of(1)),
    parts.retry ? serverHello : new Uint8Array(0),
    handshake(22, encoded({ type: 'EncryptedExtensions', extensions: [alpn] })),
    handshake(22, encoded({ type: 'Finished', verifyData: new Uint8Array(48).fill(parts.finished ?? 9) })),
    application(
      22,
      encoded({
        type: 'NewSessionTicket',
        ticketLifetime: parts.ticketLifetime ?? 7200,
        ticketAgeAdd: 1,
        ticketNonce: Uint8Array.of(0),
        ticket: ascii('ticket'),
        extensions: [],
      }),
    ),
    application(23, hex(parts.settings ?? '000006040000000000000300000064')),
    application(22, encoded({ type: 'KeyUpdate', requestUpdate: 0 })),
    next(23, hex(parts.goAway ?? '0000080700000000000000000000000000')),
  );
}

const SECRETS: Partial<Record<SecretLabel, Uint8Array>> = {
  SERVER_HANDSHAKE_TRAFFIC_SECRET: HANDSHAKE_SECRET,
  SERVER_TRAFFIC_SECRET_0: APPLICATION_SECRET,
};

function compared(recorded: Uint8Array, now: Uint8Array, secrets = SECRETS, size = 100): string | undefined {
  const comparison = new StreamComparison({
    clientRandom: () => new Uint8Array(32),
    secret: (_side, label) => secrets[label],
    method: () => undefined,
  });
  for (const [side, bytes] of [
    ['recorded', recorded],
    ['now', now],
  ] as const) {
    comparison.side(side).open(0);
    for (let at = 0; at < bytes.length; at += size) {
      comparison.side(side).push(1 + at, bytes.subarray(at, at + size));
      comparison.compare();
    }
  }
  const found = comparison.verdict(Math.max(recorded.length, now.length), true);
  return found && `${found.layer} ${found.path}: recorded ${found.recorded}, now ${found.now}`;
}

const CASES: readonly [name: string, changed: Parts, expected: RegExp][] = [
  [
    'an encrypted extension',
    { alpn: 'http/1.1' },
    /^TLS EncryptedExtensions\.extensions\.alpn: recorded "h2", now "http\/1\.1"$/,
  ],
  ['the Finished message', { finished: 10 }, /^TLS Finished\.verify_data.*: recorded 0x09/],
  ['a ticket', { ticketLifetime: 60 }, /^TLS NewSessionTicket\.ticket_lifetime: recorded 7200, now 60$/],
  [
    'a setting',
    { settings: '000006040000000000000300000063' },
    /^H2 SETTINGS\.MAX_CONCURRENT_STREAMS: recorded 100, now 99$/,
  ],
  [
    'a frame behind a key update',
    { goAway: '0000080700000000000000000000000002' },
    /^H2 GOAWAY\.errorCode: recorded NO_ERROR, now INTERNAL_ERROR$/,
  ],
];

for (const [name, changed, expected] of CASES) {
  test(`${name} is named`, () => {
    for (const size of [1, 100, 10_000]) assert.match(compared(stream(), stream(changed), SECRETS, size)!, expected);
    assert.match(compared(stream({ retry: true }), stream({ retry: true, ...changed }))!, expected, 'after a retry');
  });
}

test('equal streams do not differ', () => assert.is(compared(stream(), stream()), undefined));

test('without a secret the record is named, and nothing is guessed', () => {
  assert.match(
    compared(stream(), stream({ finished: 10 }), {})!,
    /^TLS record 4 application_data\.fragment: recorded 0x[0-9a-f]+ at byte 4 /,
  );
  assert.match(
    compared(stream(), stream({ settings: '000006040000000000000300000063' }), {
      SERVER_HANDSHAKE_TRAFFIC_SECRET: HANDSHAKE_SECRET,
    })!,
    /^TLS record 6 application_data\.fragment: /,
  );
});

test.run();
