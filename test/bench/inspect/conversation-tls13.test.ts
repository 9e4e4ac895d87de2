// TLS 1.3 by somebody who looks on: early data (RFC 8446 §4.2.10), KeyUpdate (§4.6.3), padding (§5.4), and what a capture or a log
// may lack of them.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createConversation } from '../../../src/bench/inspect/conversation.js';
import { createKeyStore } from '../../../src/bench/inspect/keys.js';
import { Writer } from '../../../src/core/bytes/writer.js';
import type { Extension } from '../../../src/core/tls/extensions.js';
import { HELLO_RETRY_REQUEST_RANDOM } from '../../../src/core/tls/messages.js';
import { encodeHandshake13, type HandshakeMessage13 } from '../../../src/core/tls/messages13.js';
import { protection13 } from '../../../src/core/tls/protection.js';
import { nextTrafficSecret, trafficKeys } from '../../../src/core/tls/schedule13.js';
import { CIPHER_SUITES, CipherSuite } from '../../../src/core/tls/suites.js';
import type { Direction, TraceEvent } from '../../../src/core/trace.js';
import { nodeCrypto } from '../../../src/io/node-crypto.js';
import { ascii, concat } from '../../support/bytes.js';
import { keepingSink, nothingTold, type Told } from '../../support/inspected.js';

const test = suite('inspected TLS 1.3');

const SUITE = CIPHER_SUITES.get(CipherSuite.TLS_CHACHA20_POLY1305_SHA256)!;
const RANDOM = new Uint8Array(32).fill(0xc1);
const secretOf = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
const SECRETS = {
  CLIENT_EARLY_TRAFFIC_SECRET: secretOf(1),
  CLIENT_HANDSHAKE_TRAFFIC_SECRET: secretOf(2),
  SERVER_HANDSHAKE_TRAFFIC_SECRET: secretOf(3),
  CLIENT_TRAFFIC_SECRET_0: secretOf(4),
  SERVER_TRAFFIC_SECRET_0: secretOf(5),
};
const LOG = Object.entries(SECRETS).map(([label, secret]) => line(label, secret));

function line(label: string, secret: Uint8Array): string {
  return `${label} ${Buffer.from(RANDOM).toString('hex')} ${Buffer.from(secret).toString('hex')}\n`;
}

type Seal = (contentType: number, content: Uint8Array) => Uint8Array;

function under(secret: Uint8Array): Seal {
  const { key, iv } = trafficKeys(nodeCrypto, SUITE, secret);
  const protection = protection13(nodeCrypto, SUITE, key, iv);
  return (contentType, content) => {
    const target = new Uint8Array(content.length + 64);
    return target.slice(0, protection.seal(contentType, content, target, 0));
  };
}

function message(content: HandshakeMessage13): Uint8Array {
  const writer = new Writer();
  encodeHandshake13(writer, content);
  return writer.view().slice();
}

function clear(contentType: number, content: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(contentType, 3, 3, content.length >>> 8, content.length & 0xff), content);
}

function clientHello(early: boolean): Uint8Array {
  const extensions: Extension[] = [{ type: 'supported_versions', versions: [0x0304] }];
  if (early) extensions.push({ type: 'early_data' });
  const rest = { compressionMethods: [0], cipherSuites: [SUITE.code], sessionId: new Uint8Array(0), extensions };
  return clear(22, message({ type: 'ClientHello', clientVersion: 0x0303, random: RANDOM, ...rest }));
}

function serverHello(random = secretOf(0x5e)): Uint8Array {
  const extensions = [{ type: 'supported_versions', versions: [0x0304], selected: true }] as const;
  const rest = { sessionId: new Uint8Array(0), cipherSuite: SUITE.code, compressionMethod: 0, extensions };
  return clear(22, message({ type: 'ServerHello', serverVersion: 0x0303, random, ...rest }));
}

const ee = (early: boolean): Uint8Array =>
  message({ type: 'EncryptedExtensions', extensions: early ? [{ type: 'early_data' }] : [] });
const finished = message({ type: 'Finished', verifyData: new Uint8Array(32) });
const keyUpdate = message({ type: 'KeyUpdate', requestUpdate: 1 });
const get = (path: string): Uint8Array => ascii(`GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`);
const ok = ascii('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
const CCS = clear(20, Uint8Array.of(1));

function run(
  steps: readonly (readonly [Direction, Uint8Array | number])[],
  log: readonly string[] = LOG,
  midstream = false,
): Told {
  const told = nothingTold();
  const keys = createKeyStore();
  keys.add(log.join(''));
  const conversation = createConversation({
    flow: 'a>b#0',
    midstream,
    keys,
    onExchange: (exchange) => void told.exchanges.push(exchange),
  });
  for (const [dir, bytes] of steps) {
    if (typeof bytes === 'number') conversation.gap(dir, bytes, keepingSink(told));
    else conversation.push(dir, bytes, keepingSink(told));
  }
  for (const dir of ['in', 'out'] as const) conversation.end(dir, keepingSink(told));
  return told;
}

const codes = ({ verdicts }: Told): string[] => verdicts.map(({ code }) => code);
const keysOf = ({ events }: Told): string[] => events.flatMap((event) => (event.kind === 'keys' ? [event.secret] : []));
const targets = ({ exchanges }: Told): string[] =>
  exchanges.map(({ request, response }) => `${request.target} ${response?.status}`);
const tls = ({ events }: Told): TraceEvent[] => events.filter(({ layer }) => layer === 'tls');

function earlySteps(accepted: boolean): (readonly [Direction, Uint8Array])[] {
  const early = under(SECRETS.CLIENT_EARLY_TRAFFIC_SECRET);
  const client = under(SECRETS.CLIENT_HANDSHAKE_TRAFFIC_SECRET);
  const server = under(SECRETS.SERVER_HANDSHAKE_TRAFFIC_SECRET);
  const clientData = under(SECRETS.CLIENT_TRAFFIC_SECRET_0);
  const serverData = under(SECRETS.SERVER_TRAFFIC_SECRET_0);
  const first = early(23, get('/early'));
  const eoed = accepted ? early(22, message({ type: 'EndOfEarlyData' })) : new Uint8Array(0);
  return [
    ['in', concat(clientHello(true), CCS, first)],
    [
      'out',
      concat(
        serverHello(),
        CCS,
        server(22, concat(ee(accepted), finished)),
        accepted ? serverData(23, ok) : new Uint8Array(0),
      ),
    ],
    ['in', concat(eoed, client(22, finished), clientData(23, get('/late')))],
    ['out', serverData(23, ok)],
  ];
}

test('early data that is accepted is opened, up to EndOfEarlyData', () => {
  const told = run(earlySteps(true));
  assert.equal(codes(told), []);
  assert.equal(targets(told), ['/early 200', '/late 200']);
  assert.ok(keysOf(told).includes('client_early_traffic_secret'));
  assert.ok(tls(told).some((event) => event.kind === 'established'));
});

test('early data without its secret is said to be missing, and all else is opened', () => {
  const told = run(earlySteps(true), LOG.slice(1));
  assert.ok(codes(told).includes('no-early-keys'), codes(told).join());
  assert.ok(targets(told).includes('/late 200'), targets(told).join());
});

test('early data that is refused is told, and the handshake goes on under its own keys', () => {
  for (const log of [LOG, LOG.slice(1)]) {
    const told = run(earlySteps(false), log);
    assert.ok(tls(told).some((event) => event.kind === 'early_data' && event.verdict === 'refused'));
    assert.ok(
      told.verdicts.every(({ severity }) => severity !== 'error'),
      codes(told).join(),
    );
    assert.ok(targets(told).includes('/late 200'), targets(told).join());
  }
});

test('early data before a HelloRetryRequest is passed over', () => {
  const early = under(SECRETS.CLIENT_EARLY_TRAFFIC_SECRET);
  const client = under(SECRETS.CLIENT_HANDSHAKE_TRAFFIC_SECRET);
  const server = under(SECRETS.SERVER_HANDSHAKE_TRAFFIC_SECRET);
  const told = run([
    ['in', clientHello(true)],
    ['out', serverHello(HELLO_RETRY_REQUEST_RANDOM)],
    ['in', concat(early(23, get('/early')), clientHello(false))],
    ['out', concat(serverHello(), server(22, concat(ee(false), finished)))],
    ['in', concat(client(22, finished), under(SECRETS.CLIENT_TRAFFIC_SECRET_0)(23, get('/late')))],
    ['out', under(SECRETS.SERVER_TRAFFIC_SECRET_0)(23, ok)],
  ]);
  assert.equal(codes(told), []);
  assert.equal(targets(told), ['/late 200']);
  assert.ok(tls(told).some((event) => event.kind === 'drop'));
});

interface Session {
  readonly steps: (readonly [Direction, Uint8Array | number])[];
  readonly client: Seal;
  readonly server: Seal;
}

function established(): Session {
  const client = under(SECRETS.CLIENT_HANDSHAKE_TRAFFIC_SECRET);
  const server = under(SECRETS.SERVER_HANDSHAKE_TRAFFIC_SECRET);
  const steps: Session['steps'] = [
    ['in', clientHello(false)],
    ['out', concat(serverHello(), server(22, concat(ee(false), finished)))],
    ['in', client(22, finished)],
  ];
  return { steps, client: under(SECRETS.CLIENT_TRAFFIC_SECRET_0), server: under(SECRETS.SERVER_TRAFFIC_SECRET_0) };
}

const next = (secret: Uint8Array): Uint8Array => nextTrafficSecret({ crypto: nodeCrypto, hash: SUITE.hash }, secret);

test('KeyUpdate each way, with secrets that follow and with secrets of the log', () => {
  for (const [secret, log] of [
    [next(SECRETS.CLIENT_TRAFFIC_SECRET_0), LOG],
    [secretOf(9), [...LOG, line('CLIENT_TRAFFIC_SECRET_1', secretOf(9))]],
  ] as const) {
    const { steps, client, server } = established();
    const later = under(secret);
    const serverLater = under(next(SECRETS.SERVER_TRAFFIC_SECRET_0));
    const told = run(
      [
        ...steps,
        ['in', concat(client(22, keyUpdate), later(23, get('/1')))],
        ['out', concat(server(22, keyUpdate), serverLater(23, ok))],
      ],
      log,
    );
    assert.equal(codes(told), []);
    assert.equal(targets(told), ['/1 200']);
    assert.equal(keysOf(told).slice(-2), [
      'client_application_traffic_secret_1',
      'server_application_traffic_secret_1',
    ]);
  }
});

test('without the hellos what the keys open is TLS 1.3 all the same', () => {
  const { client, server } = established();
  const ticket = message({
    type: 'NewSessionTicket',
    ...{ ticketLifetime: 1, ticketAgeAdd: 2, ticketNonce: Uint8Array.of(0), ticket: secretOf(3), extensions: [] },
  });
  const told = run(
    [
      ['out', server(22, ticket)],
      ['in', client(23, get('/1'))],
      ['out', concat(server(23, ok), server(21, Uint8Array.of(1, 0)), server(23, ok))],
    ],
    LOG,
    true,
  );
  assert.equal(
    told.verdicts.flatMap(({ code, rule }) => (rule === undefined ? [] : [`${code} ${rule}`])),
    ['data-after-close RFC 8446 §6.1'],
  );
  assert.is(told.exchanges[0]?.tls?.version, 'TLS1.3');
});

test('post-handshake authentication leaves the keys as they are (RFC 8446 §4.6.2)', () => {
  for (const updates of [0, 1]) {
    const { steps, client, server } = established();
    const later = updates === 0 ? client : under(next(SECRETS.CLIENT_TRAFFIC_SECRET_0));
    const told = run([
      ...steps,
      ['in', concat(client(23, get('/1')), updates === 0 ? new Uint8Array(0) : client(22, keyUpdate))],
      ['out', server(23, ok)],
      ['in', concat(later(22, finished), later(23, get('/2')))],
      ['out', server(23, ok)],
    ]);
    assert.equal(codes(told), []);
    assert.equal(targets(told), ['/1 200', '/2 200']);
    assert.is(keysOf(told).at(-1), `client_application_traffic_secret_${updates}`);
  }
});

test('a KeyUpdate that the capture lacks is found out', () => {
  const { steps, client, server } = established();
  const later = under(next(SECRETS.CLIENT_TRAFFIC_SECRET_0));
  const first = client(23, get('/0'));
  const lost = client(22, keyUpdate);
  const told = run([
    ...steps,
    ['in', first],
    ['out', server(23, ok)],
    ['in', lost.length],
    ['in', later(23, get('/1'))],
    ['out', server(23, ok)],
  ]);
  assert.equal(targets(told), ['/0 200', '/1 200']);
  assert.ok(
    told.verdicts.every(({ severity }) => severity !== 'error'),
    codes(told).join(),
  );
});

test('rules are cited from the RFC of the version', () => {
  const { steps, client, server } = established();
  const close = Uint8Array.of(1, 0);
  const told = run([
    ...steps,
    ['in', concat(client(21, Uint8Array.of(1)), client(21, close), client(23, get('/d')))],
    ['out', concat(server(23, ok), ascii('nothing of TLS'))],
  ]);
  assert.equal(
    told.verdicts.flatMap(({ code, rule }) => (rule === undefined ? [] : [`${code} ${rule}`])),
    ['malformed-alert RFC 8446 §6', 'data-after-close RFC 8446 §6.1', 'bad-record RFC 8446 §5.1'],
  );
});

test('padding is no content, and a record may be nothing else', () => {
  const { steps, client, server } = established();
  const padded = (seal: Seal, type: number, content: Uint8Array, zeros: number): Uint8Array =>
    seal(0, concat(content, Uint8Array.of(type), new Uint8Array(zeros - 1)));
  const told = run([
    ...steps,
    ['in', concat(padded(client, 23, get('/p'), 700), padded(client, 23, new Uint8Array(0), 40))],
    ['out', padded(server, 23, ok, 3)],
  ]);
  assert.equal(codes(told), []);
  assert.equal(targets(told), ['/p 200']);
});

test('only application secrets in the log: the handshake stays closed, the data does not', () => {
  const { steps, client, server } = established();
  const told = run([...steps, ['in', client(23, get('/d'))], ['out', server(23, ok)]], LOG.slice(3));
  assert.equal(codes(told), ['no-keys']);
  assert.equal(targets(told), ['/d 200']);
});

test('a key log of another connection opens nothing', () => {
  const { steps, client } = established();
  const told = run(
    [...steps, ['in', client(23, get('/d'))]],
    LOG.map((text) => text.replace('c1c1', 'c2c2')),
  );
  assert.equal(codes(told), ['no-keys']);
  assert.equal(targets(told), []);
});

test('wrong secrets are told as records that do not verify', () => {
  const { steps, client } = established();
  const wrong = Object.keys(SECRETS).map((label) => line(label, secretOf(0x77)));
  const told = run([...steps, ['in', client(23, get('/d'))]], wrong);
  assert.ok(codes(told).includes('bad-record-mac'));
  assert.equal(targets(told), []);
});

test.run();
