// The handshake and the record layer with the deterministic client: what is sent, what is told, and the laws.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from '../../../src/core/limits.js';
import { createRandomSource } from '../../../src/core/random.js';
import { ContentType } from '../../../src/core/tls/record.js';
import { TlsServer } from '../../../src/core/tls/server.js';
import type { TlsEvent } from '../../../src/core/trace.js';
import { nodeCrypto } from '../../../src/io/node-crypto.js';
import { ascii, concat, equalBytes, testRandom, text, toHex } from '../../support/bytes.js';
import { certificatesOf, clientHello, record, TestTlsClient, withExtension } from '../../support/tls-client.js';
import {
  credential,
  drain,
  feed,
  readAll,
  type ServerParts,
  serverOptions,
  shakeHands,
  tracedServer,
  unsignedCrypto,
} from '../../support/tls-server.js';

/** A server and a client after the handshake. */
function opened(parts: ServerParts = {}): {
  server: TlsServer;
  client: TestTlsClient;
  events: TlsEvent[];
} {
  const { server, events } = tracedServer({ crypto: unsignedCrypto, ...parts });
  const client = new TestTlsClient();
  shakeHands(server, client);
  assert.is(server.state, 'open');
  return { server, client, events };
}

test('the handshake goes in the order of RFC 5246 §7.3 and ends open on both sides', () => {
  const { server, events } = tracedServer();
  const client = new TestTlsClient();
  assert.is(server.state, 'handshake');
  assert.is(server.negotiated, undefined);
  shakeHands(server, client);
  assert.is(server.state, 'open');
  assert.ok(client.finishedByServer);
  assert.equal(
    client.messages.map((message) => message.type),
    ['ServerHello', 'Certificate', 'ServerKeyExchange', 'ServerHelloDone', 'Finished'],
  );
  equalBytes(certificatesOf(client)[0], credential.chain[0]!);
  assert.equal(server.negotiated, {
    version: 'TLS1.2',
    cipherSuite: 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
    group: 'x25519',
    signature: 'rsa_pkcs1_sha256',
    serverName: 'wirebench.test',
    alpn: 'h2',
    extendedMasterSecret: true,
  });
  assert.equal(events.filter((event) => event.kind !== 'record').map(label), [
    'in ClientHello',
    'out ServerHello',
    'out Certificate',
    'out ServerKeyExchange',
    'out ServerHelloDone',
    'ExpectClientHello > ExpectClientKeyExchange',
    'in ClientKeyExchange',
    'key_schedule',
    'secret',
    'key_schedule',
    'ExpectClientKeyExchange > ExpectChangeCipherSpec',
    'in change_cipher_spec',
    'ExpectChangeCipherSpec > ExpectFinished',
    'in Finished',
    'key_schedule',
    'out change_cipher_spec',
    'key_schedule',
    'out Finished',
    'ExpectFinished > ExpectApplicationData',
    'established',
  ]);
});

function label(event: TlsEvent): string {
  if (event.kind === 'handshake') return `${event.dir} ${event.message}`;
  if (event.kind === 'state') return `${event.from} > ${event.to}`;
  return 'dir' in event ? `${event.dir} ${event.kind}` : event.kind;
}

test('the trace holds the key log line of the master secret, and every record both ways', () => {
  const { client, events } = opened();
  const secret = events.find((event) => event.kind === 'secret');
  assert.equal(secret, {
    layer: 'tls',
    kind: 'secret',
    flow: 'test#0',
    label: 'CLIENT_RANDOM',
    clientRandom: toHex(client.hello.random),
    secret: toHex(client.master),
  });
  const records = events.filter((event) => event.kind === 'record');
  assert.equal(
    records.map((event) => `${event.dir} ${event.contentType} ${event.version.toString(16)} ${event.encrypted}`),
    [
      'in 22 301 false',
      'out 22 303 false',
      'out 22 303 false',
      'out 22 303 false',
      'out 22 303 false',
      'in 22 303 false',
      'in 20 303 false',
      'in 22 303 true',
      'out 20 303 false',
      'out 22 303 true',
    ],
  );
});

test('the same seed gives the same bytes, with and without a trace; another flow or seed gives others', () => {
  const run = (parts: ServerParts): string => {
    const server = new TlsServer(serverOptions(parts));
    const client = new TestTlsClient();
    feed(server, client.start());
    const first = drain(server);
    client.receive(first);
    const request = feed(server, concat(...client.finish(), client.seal(ContentType.applicationData, ascii('hello'))));
    server.write(0, request);
    server.close(0);
    return toHex(concat(first, drain(server)));
  };
  const bytes = run({});
  assert.is(run({}), bytes);
  assert.is(run({ trace: () => {} }), bytes);
  assert.is.not(run({ flow: 'test#1' }), bytes);
  assert.is.not(run({ random: createRandomSource(nodeCrypto, new Uint8Array(32)) }), bytes);
});

test('PSS takes its salt from a labelled draw', () => {
  const extensions = withExtension({ type: 'signature_algorithms', schemes: [0x0804] });
  const flight = (seed: number): string => {
    const base = createRandomSource(nodeCrypto, new Uint8Array(32).fill(1));
    const salts = createRandomSource(nodeCrypto, new Uint8Array(32).fill(seed));
    const bytes = (flow: string, purpose: string, length: number): Uint8Array =>
      (purpose === 'pss salt' ? salts : base).bytes(flow, purpose, length);
    const server = new TlsServer(serverOptions({ random: { bytes } }));
    feed(server, new TestTlsClient(clientHello({ extensions })).start());
    return toHex(drain(server));
  };
  assert.is(flight(1), flight(1));
  assert.is.not(flight(1), flight(2));
});

/** A client's whole byte stream: handshake, three requests, close_notify; recorded against a server. */
function recordedClient(): Uint8Array {
  const server = new TlsServer(serverOptions({ crypto: unsignedCrypto }));
  const client = new TestTlsClient();
  const first = client.start();
  feed(server, first);
  client.receive(drain(server));
  return concat(
    first,
    ...client.finish(),
    client.seal(ContentType.applicationData, ascii('first')),
    client.seal(ContentType.applicationData, testRandom(1).bytes(16_384)),
    client.seal(ContentType.applicationData, new Uint8Array(0)),
    client.seal(ContentType.applicationData, ascii('last')),
    client.seal(ContentType.alert, Uint8Array.of(1, 0)),
  );
}

test('every way of cutting the client’s bytes gives the same plaintext, output and trace', () => {
  const stream = recordedClient();
  const run = (cuts: (at: number) => number): string => {
    const { server, events } = tracedServer({ crypto: unsignedCrypto });
    const plaintext: Uint8Array[] = [];
    for (let at = 0; at < stream.length; ) {
      const count = cuts(at);
      plaintext.push(feed(server, stream.subarray(at, at + count)));
      at += count;
    }
    assert.is(server.state, 'closed');
    assert.ok(server.inputEnded);
    return JSON.stringify([toHex(concat(...plaintext)), toHex(drain(server)), events]);
  };
  const whole = run(() => stream.length);
  assert.is(
    run(() => 1),
    whole,
  );
  for (const most of [2, 3, 7, 100, 5000]) {
    const random = testRandom(most);
    assert.is(
      run(() => 1 + random.below(most)),
      whole,
      `chunks up to ${most}`,
    );
  }
  // Two pieces, cut anywhere in the handshake.
  for (let cut = 1; cut < 500; cut += 3)
    assert.is(
      run((at) => (at === 0 ? cut : stream.length)),
      whole,
      `cut at ${cut}`,
    );
});

test('handshake messages may be cut over records and share a record', () => {
  const server = new TlsServer(serverOptions({ crypto: unsignedCrypto }));
  const client = new TestTlsClient();
  const hello = client.start().subarray(5);
  for (let at = 0; at < hello.length; at += 10)
    feed(server, record(ContentType.handshake, hello.subarray(at, at + 10), 0x0301));
  client.receive(drain(server));
  const keyExchange = client.keyExchangeMessage();
  feed(server, record(ContentType.handshake, keyExchange.subarray(0, 1)));
  feed(server, record(ContentType.handshake, keyExchange.subarray(1)));
  feed(server, record(ContentType.changeCipherSpec, Uint8Array.of(1)));
  client.changeCipher();
  const finished = client.finishedMessage();
  for (const byte of finished) feed(server, client.seal(ContentType.handshake, Uint8Array.of(byte)));
  client.receive(drain(server));
  assert.ok(client.finishedByServer);
});

test('a chain of certificates longer than a record goes over several', () => {
  const chain = Array.from({ length: 30 }, () => testRandom(30).bytes(1500));
  const server = new TlsServer(serverOptions({ crypto: unsignedCrypto, credentials: [{ ...credential, chain }] }));
  const client = new TestTlsClient();
  shakeHands(server, client);
  assert.is(server.state, 'open');
  assert.is(certificatesOf(client).length, 30);
});

test('plaintext goes both ways, cut into records of at most 2^14 bytes', () => {
  const { server, client } = opened();
  const data = testRandom(2).bytes(50_000);
  const records: Uint8Array[] = [];
  for (let at = 0; at < data.length; at += 16_384) {
    records.push(client.seal(ContentType.applicationData, data.subarray(at, at + 16_384)));
  }
  equalBytes(feed(server, concat(...records)), data);
  assert.is(server.write(0, data), data.length);
  assert.is(server.pendingOutput, data.length + 4 * 29);
  client.receive(drain(server));
  assert.equal(
    client.received.map((part) => part.length),
    [16_384, 16_384, 16_384, 848],
  );
  equalBytes(concat(...client.received), data);
});

test('a plaintext of no bytes makes no record', () => {
  const { server } = opened();
  assert.is(server.write(0, new Uint8Array(0)), 0);
  assert.is(server.pendingOutput, 0);
});

test('write takes nothing before the handshake, after the end, and beyond the bound of the output', () => {
  const early = new TlsServer(serverOptions());
  assert.is(early.write(0, ascii('a')), 0);
  const { server } = opened();
  const most = limits.tls.outputBytes;
  const taken = server.write(0, new Uint8Array(3 * most));
  assert.ok(taken >= most && taken <= most + 16_384, String(taken));
  assert.is(server.write(0, ascii('a')), 0);
  drain(server);
  assert.is(server.write(0, ascii('a')), 1);
  server.close(0);
  assert.is(server.write(0, ascii('a')), 0);
});

test('take gives what fits, in order', () => {
  const { server, client } = opened();
  server.write(0, ascii('one'));
  server.write(0, ascii('two'));
  const parts: Uint8Array[] = [];
  while (server.pendingOutput > 0) {
    const part = server.take(5).slice();
    assert.ok(part.length <= 5);
    parts.push(part);
    if (parts.length === 3) server.write(0, ascii('three'));
  }
  assert.is(server.take(100).length, 0);
  client.receive(concat(...parts));
  assert.is(text(concat(...client.received)), 'onetwothree');
});

test('our close sends one close_notify; the peer’s data can still be read until its own', () => {
  const { server, client } = opened();
  server.close(0);
  server.close(0);
  assert.is(server.state, 'closed');
  assert.is(server.inputEnded, false);
  assert.is(text(feed(server, client.seal(ContentType.applicationData, ascii('late')))), 'late');
  feed(server, client.seal(ContentType.alert, Uint8Array.of(1, 0)));
  assert.is(server.inputEnded, true);
  client.receive(drain(server));
  assert.equal(client.alerts, [[1, 0]]);
});

test('the peer’s close_notify is answered, ends the input and discards what follows', () => {
  const { server, client, events } = opened();
  const close = client.seal(ContentType.alert, Uint8Array.of(1, 0));
  const late = client.seal(ContentType.applicationData, ascii('late'));
  assert.is(feed(server, concat(close, late)).length, 0);
  assert.equal([server.state, server.inputEnded], ['closed', true]);
  assert.is(feed(server, late).length, 0);
  client.receive(drain(server));
  assert.equal(client.alerts, [[1, 0]]);
  const drops = events.filter((event) => event.kind === 'drop');
  assert.equal(
    drops.map((event) => [event.reason, event.length]),
    [
      ['bytes after close_notify', late.length],
      ['bytes after the end of the TLS stream', late.length],
    ],
  );
});

test('close during the handshake says so and ends the input', () => {
  const { server } = tracedServer();
  const client = new TestTlsClient();
  feed(server, client.start());
  drain(server);
  server.close(0);
  assert.equal([server.state, server.inputEnded], ['closed', true]);
  equalBytes(drain(server), record(ContentType.alert, Uint8Array.of(1, 0)));
});

test('an end without close_notify is a truncation: told once, and answers can still be written', () => {
  const { server, client, events } = opened();
  const whole = client.seal(ContentType.applicationData, ascii('request'));
  const cut = client.seal(ContentType.applicationData, ascii('cut off')).subarray(0, 20);
  server.receive(1, concat(whole, cut));
  server.endOfInput(2);
  assert.is(server.inputEnded, false);
  assert.is(text(readAll(server, 3)), 'request');
  assert.is(server.inputEnded, true);
  assert.is(server.state, 'open');
  assert.is(server.write(4, ascii('answer')), 6);
  server.endOfInput(5);
  const truncated = events.filter((event) => event.kind === 'truncated');
  assert.equal(
    truncated.map((event) => event.length),
    [20],
  );
});

test('an end after close_notify is no truncation', () => {
  const { server, client, events } = opened();
  feed(server, client.seal(ContentType.alert, Uint8Array.of(1, 0)));
  server.endOfInput(0);
  assert.not(events.some((event) => event.kind === 'truncated'));
});

test('an end within the handshake closes it', () => {
  const { server, events } = tracedServer();
  server.receive(0, new TestTlsClient().start().subarray(0, 30));
  assert.is(server.read(0), undefined);
  server.endOfInput(1);
  assert.equal([server.state, server.inputEnded], ['closed', true]);
  assert.equal(label(events.at(-1)!), 'ExpectClientHello > Closed');
  equalBytes(drain(server), record(ContentType.alert, Uint8Array.of(1, 0)));
});

test('renegotiation is refused with a warning, and application data between its records gets through', () => {
  const { server, client } = opened();
  const hello = new TestTlsClient().start().subarray(5);
  feed(server, client.seal(ContentType.handshake, hello.subarray(0, 50)));
  assert.is(text(feed(server, client.seal(ContentType.applicationData, ascii('between')))), 'between');
  feed(server, client.seal(ContentType.handshake, hello.subarray(50)));
  client.receive(drain(server));
  assert.equal(client.alerts, [[1, 100]]);
  assert.is(server.state, 'open');
  assert.is(text(feed(server, client.seal(ContentType.applicationData, ascii('after')))), 'after');
});

test('a private key that is not valid in the group is drawn again under another label', () => {
  const purposes: string[] = [];
  const base = createRandomSource(nodeCrypto, new Uint8Array(32).fill(1));
  const bytes = (flow: string, purpose: string, length: number): Uint8Array => {
    purposes.push(purpose);
    return purpose === 'secp256r1 private' ? new Uint8Array(length) : base.bytes(flow, purpose, length);
  };
  const extensions = withExtension({ type: 'supported_groups', groups: [23] });
  const server = new TlsServer(serverOptions({ crypto: unsignedCrypto, random: { bytes } }));
  shakeHands(server, new TestTlsClient(clientHello({ extensions })));
  assert.is(server.state, 'open');
  assert.equal(purposes, ['secp256r1 private', 'secp256r1 private 1', 'server random']);
});

test('without extended_master_secret the older derivation is used', () => {
  const server = new TlsServer(serverOptions({ crypto: unsignedCrypto }));
  shakeHands(server, new TestTlsClient(clientHello({ extensions: withExtension('extended_master_secret') })));
  assert.is(server.state, 'open');
  assert.is(server.negotiated?.extendedMasterSecret, false);
});

test('every single flipped bit of the client’s handshake ends in an alert, or in a clean handshake, never in a throw', () => {
  const server = new TlsServer(serverOptions({ crypto: unsignedCrypto }));
  const client = new TestTlsClient();
  const first = client.start();
  feed(server, first);
  client.receive(drain(server));
  const stream = concat(first, ...client.finish());
  const outcomes = { open: 0, failed: 0, waiting: 0 };
  for (let bit = 0; bit < stream.length * 8; bit++) {
    const flipped = stream.slice();
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    const { server, events } = tracedServer({ crypto: unsignedCrypto });
    feed(server, flipped);
    server.endOfInput(0);
    readAll(server);
    drain(server);
    const alerts = events.filter((event) => event.kind === 'alert' && event.dir === 'out' && event.level === 'fatal');
    if (server.state === 'failed') {
      outcomes.failed++;
      assert.is(alerts.length, 1, `bit ${bit}`);
    } else if (server.state === 'open') outcomes.open++;
    else {
      // A longer length makes the server wait for bytes that never come.
      outcomes.waiting++;
      assert.is(server.state, 'closed', `bit ${bit}`);
      assert.ok(
        events.some((event) => event.kind === 'truncated'),
        `bit ${bit}`,
      );
    }
  }
  // A flipped bit goes unnoticed only where no handshake byte changes: the record version of the ClientHello.
  assert.is(outcomes.open, 8);
  assert.ok(outcomes.failed > outcomes.waiting * 10, JSON.stringify(outcomes));
});

test.run();
