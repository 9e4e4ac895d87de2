// Every rule of the alert table is reached by bytes on the wire, and answered with its alert: level, code and state.

import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Writer } from '../../../src/core/bytes/writer.js';
import { limits } from '../../../src/core/limits.js';
import { AlertDescription, AlertLevel, alertRules, type Verdict } from '../../../src/core/tls/alerts.js';
import type { alertRules13 } from '../../../src/core/tls/alerts13.js';
import type { ClientHello } from '../../../src/core/tls/messages.js';
import { alertName } from '../../../src/core/tls/names.js';
import { ContentType } from '../../../src/core/tls/record.js';
import type { TlsServer } from '../../../src/core/tls/server.js';
import type { TlsEvent } from '../../../src/core/trace.js';
import { ascii, concat, equalBytes, hex } from '../../support/bytes.js';
import {
  clientHello,
  defaultExtensions,
  handshakeBytes,
  record,
  TestTlsClient,
  withExtension,
} from '../../support/tls-client.js';
import { drain, feed, type ServerParts, shakeHands, tracedServer, unsignedCrypto } from '../../support/tls-server.js';
import { elsewhere } from './verdicts-elsewhere.js';

const { alert, applicationData, changeCipherSpec, handshake } = ContentType;

interface Bench {
  readonly server: TlsServer;
  readonly client: TestTlsClient;
  readonly events: TlsEvent[];
}

function bench(parts: ServerParts = {}, hello?: Partial<ClientHello>): Bench {
  return { ...tracedServer({ crypto: unsignedCrypto, ...parts }), client: new TestTlsClient(clientHello(hello)) };
}

/** After the server's first flight. */
function greeted(parts: ServerParts = {}, hello?: Partial<ClientHello>): Bench {
  const made = bench(parts, hello);
  feed(made.server, made.client.start());
  made.client.receive(drain(made.server));
  return made;
}

function opened(): Bench {
  const made = bench();
  shakeHands(made.server, made.client);
  return made;
}

/** Where ChangeCipherSpec is due. */
function keyed(): Bench {
  const made = greeted();
  feed(made.server, record(handshake, made.client.keyExchangeMessage()));
  return made;
}

/** Where Finished is due. */
function ciphered(): Bench {
  const made = keyed();
  feed(made.server, record(changeCipherSpec, Uint8Array.of(1)));
  made.client.changeCipher();
  return made;
}

function sendHello(parts: Partial<ClientHello>): () => Bench {
  return () => {
    const made = bench({}, parts);
    feed(made.server, made.client.start());
    return made;
  };
}

function sendFirst(...bytes: Uint8Array[]): () => Bench {
  return () => {
    const made = bench();
    feed(made.server, concat(...bytes));
    return made;
  };
}

function sendSealed(...records: [number, Uint8Array][]): () => Bench {
  return () => {
    const made = opened();
    for (const [contentType, content] of records) feed(made.server, made.client.seal(contentType, content));
    return made;
  };
}

function times<Value>(count: number, value: Value): Value[] {
  return Array.from({ length: count }, () => value);
}

const empty = new Uint8Array(0);
const one = Uint8Array.of(1);
const warning: [number, Uint8Array] = [alert, Uint8Array.of(1, 90)];
const renegotiation: [number, Uint8Array] = [handshake, handshakeBytes(clientHello())];

/** Reached below, or in another test file. */
type Elsewhere = keyof typeof elsewhere | keyof typeof alertRules13 | 'renegotiation';

/** For each other verdict: ways to bring it about. */
const causes: { readonly [verdict in Exclude<Verdict, Elsewhere>]: readonly (() => Bench)[] } = {
  sslv2Hello: [sendFirst(hex('802e 01 0303 0015 0000 0010'))],
  plainHttp: [sendFirst(ascii('GET / HTTP/1.1\r\n\r\n'))],
  unknownContentType: [
    sendFirst(hex('00 0303 0001 00')),
    sendFirst(hex('18 0303 0003 010001')),
    sendFirst(hex('ff 0302 0000')),
    () => {
      const made = greeted();
      feed(made.server, hex('80 2e 01 0303'));
      return made;
    },
  ],
  recordVersion: [
    sendFirst(hex('16 0403 0005 0100000100')),
    sendFirst(hex('16 0203 0005 0100000100')),
    () => {
      const made = greeted();
      feed(made.server, record(handshake, made.client.keyExchangeMessage(), 0x0301));
      return made;
    },
  ],
  plaintextOverflow: [sendFirst(hex('16 0301 4001'))],
  ciphertextOverflow: [
    () => {
      const made = opened();
      feed(made.server, hex('17 0303 4801'));
      return made;
    },
  ],
  decryptedOverflow: [sendSealed([applicationData, new Uint8Array(16_385)])],
  badRecord: [
    () => {
      const made = opened();
      feed(made.server, record(applicationData, new Uint8Array(23)));
      return made;
    },
    () => {
      const made = opened();
      const sealed = made.client.seal(applicationData, ascii('x'));
      sealed[sealed.length - 1]! ^= 1;
      feed(made.server, sealed);
      return made;
    },
    () => {
      const made = opened();
      const sealed = made.client.seal(applicationData, ascii('x'));
      feed(made.server, sealed);
      feed(made.server, sealed);
      return made;
    },
  ],
  emptyFragment: [
    sendFirst(record(handshake, empty)),
    sendFirst(record(alert, empty)),
    sendFirst(record(changeCipherSpec, empty)),
    sendSealed([handshake, empty]),
  ],
  tooManyEmptyRecords: [
    sendSealed(...times(limits.tls.emptyRecords + 1, [applicationData, empty] as [number, Uint8Array])),
  ],
  inputOverrun: [
    () => {
      const made = opened();
      const sealed = made.client.seal(applicationData, new Uint8Array(16_384));
      // Bytes are passed in and nobody reads.
      while (made.server.room > 0) made.server.receive(0, sealed);
      assert.is(made.server.state, 'open');
      made.server.receive(0, sealed);
      return made;
    },
  ],
  alertAcrossKeys: [
    () => {
      const made = keyed();
      feed(made.server, concat(record(alert, one), record(changeCipherSpec, one)));
      made.client.changeCipher();
      feed(made.server, made.client.seal(alert, hex('5a')));
      return made;
    },
  ],
  alertLevel: [sendFirst(record(alert, hex('0300'))), sendSealed([alert, hex('0028')])],
  tooManyWarnings: [
    sendSealed(...times(limits.tls.warningAlerts + 1, warning)),
    sendSealed([alert, concat(...times(limits.tls.warningAlerts + 1, hex('0164')))]),
    sendFirst(...times(limits.tls.warningAlerts + 1, record(alert, hex('015a')))),
  ],
  changeCipherSpecLength: [
    () => {
      const made = keyed();
      feed(made.server, record(changeCipherSpec, hex('0101')));
      return made;
    },
  ],
  changeCipherSpecValue: [
    () => {
      const made = keyed();
      feed(made.server, record(changeCipherSpec, hex('02')));
      return made;
    },
  ],
  unexpectedChangeCipherSpec: [
    sendFirst(record(changeCipherSpec, one)),
    () => {
      const made = greeted();
      feed(made.server, record(changeCipherSpec, one));
      return made;
    },
    () => {
      const made = ciphered();
      feed(made.server, made.client.seal(changeCipherSpec, one));
      return made;
    },
    sendSealed([changeCipherSpec, one]),
  ],
  changeCipherSpecInMessage: [
    () => {
      const made = keyed();
      feed(made.server, concat(record(handshake, hex('1400')), record(changeCipherSpec, one)));
      return made;
    },
  ],
  earlyApplicationData: [
    sendFirst(record(applicationData, ascii('early'))),
    () => {
      const made = greeted();
      feed(made.server, record(applicationData, ascii('early')));
      return made;
    },
    () => {
      const made = ciphered();
      feed(made.server, made.client.seal(applicationData, ascii('early')));
      return made;
    },
  ],
  unexpectedHandshake: [
    sendFirst(record(handshake, handshakeBytes({ type: 'ClientKeyExchange', publicKey: new Uint8Array(32) }))),
    sendFirst(record(handshake, handshakeBytes({ type: 'HelloRequest' }))),
    () => {
      const made = greeted();
      feed(made.server, record(handshake, handshakeBytes({ type: 'Certificate', certificateList: [] })));
      return made;
    },
    () => {
      const made = greeted();
      feed(made.server, record(handshake, handshakeBytes(clientHello())));
      return made;
    },
    () => {
      const made = ciphered();
      feed(made.server, made.client.seal(handshake, handshakeBytes(clientHello())));
      return made;
    },
    sendSealed([handshake, handshakeBytes({ type: 'HelloRequest' })]),
    sendSealed([handshake, hex('63000000')]),
  ],
  missingChangeCipherSpec: [
    () => {
      const made = keyed();
      feed(made.server, record(handshake, made.client.finishedMessage()));
      return made;
    },
  ],
  handshakeTooLong: [
    sendFirst(record(handshake, concat(hex('01'), new Writer().u24(limits.tls.handshakeMessageBytes + 1).finish()))),
    sendSealed([handshake, hex('01ffffff')]),
  ],
  malformedMessage: [
    sendFirst(record(handshake, hex('01000000'))),
    sendHello({ extensions: withExtension({ type: 'server_name', names: undefined }) }),
    () => {
      const made = greeted();
      feed(made.server, record(handshake, hex('10 000000')));
      return made;
    },
    () => {
      const made = ciphered();
      feed(made.server, made.client.seal(handshake, hex('14 000001 00')));
      return made;
    },
  ],
  tooManyRenegotiations: [sendSealed(...times(limits.tls.renegotiations + 1, renegotiation))],
  oldVersion: [sendHello({ clientVersion: 0x0302 })],
  versionNotOffered: [sendHello({ extensions: withExtension({ type: 'supported_versions', versions: [0x0304] }) })],
  noNullCompression: [sendHello({ compressionMethods: [1] })],
  duplicateExtension: [sendHello({ extensions: [...defaultExtensions, ...defaultExtensions] })],
  serverName: [
    sendHello({ extensions: withExtension({ type: 'server_name', names: [{ nameType: 0, name: hex('00') }] }) }),
  ],
  renegotiationInfo: [
    sendHello({ extensions: withExtension({ type: 'renegotiation_info', renegotiatedConnection: one }) }),
  ],
  noCommonSuite: [sendHello({ cipherSuites: [0xc030] })],
  noCommonGroup: [sendHello({ extensions: withExtension({ type: 'supported_groups', groups: [24] }) })],
  noUncompressedPoints: [sendHello({ extensions: withExtension({ type: 'ec_point_formats', formats: [1] }) })],
  noCommonPointFormat: [
    sendHello({
      extensions: [
        { type: 'signature_algorithms', schemes: [0x0401] },
        { type: 'ec_point_formats', formats: [1] },
      ],
    }),
  ],
  noCommonSignature: [sendHello({ extensions: withExtension({ type: 'signature_algorithms', schemes: [0x0403] }) })],
  sha1Only: [sendHello({ extensions: undefined })],
  noCommonProtocol: [sendHello({ extensions: withExtension({ type: 'alpn', protocols: [ascii('h3')] }) })],
  noPrivateKey: [
    () => {
      const draws: string[] = [];
      const keyExchange = (): undefined => {
        draws.push('one');
        return undefined;
      };
      const made = bench({ crypto: { ...unsignedCrypto, keyExchange } });
      feed(made.server, made.client.start());
      assert.is(draws.length, limits.tls.keyDraws);
      return made;
    },
  ],
  publicKey: [
    () => {
      const made = greeted();
      feed(made.server, record(handshake, made.client.keyExchangeMessage(new Uint8Array(32))));
      return made;
    },
    () => {
      const made = greeted({}, { extensions: withExtension({ type: 'supported_groups', groups: [23] }) });
      const point = new Uint8Array(65).fill(4);
      feed(made.server, record(handshake, made.client.keyExchangeMessage(point)));
      return made;
    },
  ],
  finished: [
    () => {
      const made = ciphered();
      const message = made.client.finishedMessage();
      message[15]! ^= 1;
      feed(made.server, made.client.seal(handshake, message));
      return made;
    },
  ],
};

for (const [verdict, ways] of Object.entries(causes)) {
  const rule = alertRules[verdict as Verdict];
  test(`${verdict} is answered with ${rule.description} (${rule.rule})`, () => {
    for (const [index, way] of ways.entries()) {
      const { server, client, events } = way();
      const what = `${verdict}, way ${index}`;
      assert.is(server.state, 'failed', what);
      assert.is(server.inputEnded, true, what);
      const told = events.filter((event) => event.kind === 'alert' && event.dir === 'out').at(-1);
      assert.ok(told?.kind === 'alert', what);
      assert.is(told.level, 'fatal', what);
      assert.is(told.description, rule.description, what);
      assert.ok(told.reason?.startsWith(rule.reason), `${what}: ${told.reason}`);
      assert.is(told.rule, rule.rule, what);
      const last = events.at(-1);
      assert.ok(last?.kind === 'state' && last.to === 'Failed', what);
      receiveOrPeek(client, drain(server));
      assert.equal(client.alerts.at(-1), [AlertLevel.fatal, AlertDescription[rule.description]], what);
      // Nothing more is read or written.
      assert.is(server.write(0, ascii('x')), 0, what);
      server.close(0);
      feed(server, ascii('more'));
      assert.is(server.pendingOutput, 0, what);
    }
  });
}

/** What the server sent; a client that had no part in the handshake reads the plain alert record. */
function receiveOrPeek(client: TestTlsClient, bytes: Uint8Array): void {
  if (client.finishedByServer || bytes.length !== 7) client.receive(bytes);
  else client.alerts.push([bytes[5]!, bytes[6]!]);
}

test('renegotiation is answered with a warning as often as the limit says', () => {
  const { server, client } = sendSealed(...times(limits.tls.renegotiations, renegotiation))();
  assert.is(server.state, 'open');
  client.receive(drain(server));
  assert.equal(
    client.alerts,
    times(limits.tls.renegotiations, [AlertLevel.warning, AlertDescription.no_renegotiation]),
  );
});

test('every other verdict has a test in the file that is named for it', () => {
  for (const [verdict, file] of Object.entries(elsewhere)) {
    const source = readFileSync(new URL(`../../../../test/core/tls/${file}`, import.meta.url), 'utf8');
    assert.ok(source.includes(`'${verdict}'`), `${file} does not mention ${verdict}`);
  }
});

test('limits are reached, not passed: the most that is allowed goes through', () => {
  const emptyRecords = times(limits.tls.emptyRecords, [applicationData, empty] as [number, Uint8Array]);
  const data: [number, Uint8Array] = [applicationData, one];
  assert.is(sendSealed(...emptyRecords, data, ...emptyRecords)().server.state, 'open');
  const warnings = times(limits.tls.warningAlerts, warning);
  assert.is(sendSealed(...warnings, data, ...warnings)().server.state, 'open');

  const body = limits.tls.handshakeMessageBytes;
  const fixed = handshakeBytes(clientHello()).length - 4;
  const padding = { type: 'opaque', code: 21, data: new Uint8Array(body - fixed - 4) } as const;
  const hello = clientHello({ extensions: [...defaultExtensions, padding] });
  const bytes = handshakeBytes(hello);
  assert.is(bytes.length, 4 + body);
  const { server } = bench();
  for (let at = 0; at < bytes.length; at += 16_384) feed(server, record(handshake, bytes.subarray(at, at + 16_384)));
  assert.is(server.state, 'handshake');
  assert.ok(drain(server).length > 1000);
});

test('alerts of the peer: a warning is noted, a fatal one ends everything without an answer', () => {
  const warned = sendSealed(warning)();
  assert.is(warned.server.state, 'open');
  const { server, events } = sendSealed([alert, hex('0230')], [applicationData, one])();
  assert.equal([server.state, server.inputEnded, server.pendingOutput], ['failed', true, 0]);
  const told = events.find((event) => event.kind === 'alert' && event.dir === 'in');
  assert.ok(told?.kind === 'alert');
  assert.equal([told.level, told.description, told.severity], ['fatal', 'unknown_ca', 'error']);
});

test('a fault after our close_notify is told but sends nothing more', () => {
  const { server, client, events } = opened();
  server.close(0);
  client.receive(drain(server));
  feed(server, record(applicationData, new Uint8Array(40)));
  assert.is(server.state, 'failed');
  assert.is(server.pendingOutput, 0);
  assert.ok(events.some((event) => event.kind === 'drop' && event.reason.startsWith(alertRules.badRecord.reason)));
});

test('the table speaks the registry’s names, and the peer’s alerts have them too', () => {
  for (const [name, code] of Object.entries(AlertDescription)) assert.is(alertName(code), name);
  assert.is(alertName(255), '0xff');
  for (const rule of Object.values(alertRules)) {
    assert.match(rule.rule, /^(RFC \d+ §|CVE-|limit )/);
    assert.ok(rule.reason.length > 0);
  }
});

test('SSL 2.0 is told apart by its first bytes only', () => {
  const { server } = bench();
  feed(server, hex('80 2e 01 03'));
  assert.is(server.state, 'handshake');
  feed(server, hex('03'));
  assert.is(server.state, 'failed');
  equalBytes(drain(server), record(alert, Uint8Array.of(2, 70)));
});

test.run();
