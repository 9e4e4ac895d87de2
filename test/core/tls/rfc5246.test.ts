// RFC 5246: what a server has to do, statement by statement, told by an independent client that checks all that is answered.
// docs/rfc-tls.md lists which statement each test is for; the order of messages is in state-table-12.test.ts.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ascii, concat, equalBytes, text, toHex } from '../../support/bytes.js';
import { clients, ecdsaCredential, ed25519Credential, rsaCredential } from '../../support/tls/certificates.js';
import { DOWNGRADE_TO_11, Group, Message, Scheme, SUITES, TLS12, TLS13, Type } from '../../support/tls/codes.js';
import { handshake } from '../../support/tls/messages.js';
import type { ClientOptions, Session12 } from '../../support/tls/options.js';
import { clearRecord } from '../../support/tls/protection.js';
import { asksForCertificate, connected, failureOf, fullConfig, only12, only13, Rig } from '../../support/tls/rig.js';
import { drain, feed } from '../../support/tls-server.js';

const test = suite('RFC 5246');
const config = fullConfig(only12);
const requiring = fullConfig({ ...only12, ...asksForCertificate(true) });
const old: ClientOptions = { versions: [TLS12] };
const byId: ClientOptions = { ...old, cipherSuites: [0xc02b] };
const byTicket: ClientOptions = { ...byId, sessionTicket: true };
const sessionOf = (rig: Rig): Session12[] => rig.client.sessions.slice(-1) as Session12[];

const message = (name: string, change: (bytes: Uint8Array) => Uint8Array): ClientOptions => ({
  hooks: { message: (which, bytes) => (which === name ? change(bytes) : bytes) },
});
const flipped = (bytes: Uint8Array, at: number): Uint8Array => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));

/** The records of a stream of them, by content type and version. */
function recordsOf(bytes: Uint8Array): { type: number; version: number; length: number }[] {
  const records = [];
  for (let at = 0; at < bytes.length; ) {
    const length = (bytes[at + 3]! << 8) | bytes[at + 4]!;
    records.push({ type: bytes[at]!, version: (bytes[at + 1]! << 8) | bytes[at + 2]!, length });
    at += 5 + length;
  }
  return records;
}

// ---- §6 The record protocol ----

test('§6, §6.2.1: the server sends the four record types only, in order, with 2^14 bytes at most and none empty', () => {
  const rig = connected(config, old);
  rig.server.write(0, new Uint8Array(40_000));
  const data = drain(rig.server);
  rig.client.receive(data);
  const out = concat(...rig.output, data);
  for (const { type, version, length } of recordsOf(out)) {
    assert.ok(type >= 20 && type <= 23);
    assert.is(version, TLS12);
    assert.ok(length > 0 && length <= 16_384 + 2048);
  }
  rig.say(rig.client.close());
  assert.equal(rig.alerts, ['warning close_notify']);
});

test('§6.1: sequence numbers begin at 0 with new keys: the first record of each is number 0 for the client', () => {
  for (const { code } of [...SUITES.values()].filter(({ version }) => version === TLS12)) {
    const rig = connected(config, { ...old, cipherSuites: [code] });
    // The client has counted from 0 since ChangeCipherSpec: Finished, and two records of data.
    assert.is(rig.client.io.readKeys!.sequence, 2n);
    assert.is(rig.client.io.writeKeys!.sequence, 2n);
  }
});

test('§6.2.3.2, §6.2.3.3: records of every suite that are damaged anywhere are bad_record_mac', () => {
  for (const { code } of [...SUITES.values()].filter(({ version }) => version === TLS12)) {
    for (const encryptThenMac of code < 0xc020 ? [false, true] : [false]) {
      for (const at of [5, 12, 22, -22, -1]) {
        const rig = connected(config, { ...old, cipherSuites: [code], encryptThenMac });
        const record = rig.client.write(ascii('some application data'));
        rig.say(flipped(record, at < 0 ? record.length + at : at));
        assert.is(rig.client.failure, 'bad_record_mac');
        assert.is(text(concat(...rig.plaintext)), 'line 0');
      }
    }
  }
});

test('§6.2.3.2: IVs of CBC records are all different', () => {
  const seen = new Set<string>();
  const rig = connected(config, { ...old, cipherSuites: [0xc013] });
  for (let i = 0; i < 20; i++) {
    rig.server.write(0, ascii('the same each time'));
    const record = drain(rig.server);
    seen.add(toHex(record.subarray(5, 21)));
    rig.client.receive(record);
  }
  assert.is(seen.size, 20);
});

// ---- §7.2 The alert protocol ----

test('§7.2, §7.2.2: a session that ended in a fatal alert is not resumed by its id', () => {
  const rig = connected(config, byId);
  const sessions = sessionOf(rig);
  assert.ok(sessions[0]!.sessionId.length > 0);
  assert.is(connected(config, { ...byId, sessions }).client.agreed.resumed, 'session id');
  rig.say(rig.client.inject(Type.alert, Uint8Array.of(2, 40)));
  assert.is(rig.server.state, 'failed');
  assert.is(connected(config, { ...byId, sessions }).client.agreed.resumed, undefined);
});

test('§7.2.1: close_notify is answered by one, also in the handshake, and what the server had to say is dropped', () => {
  const rig = connected(config, old);
  rig.say(rig.client.close());
  assert.is(rig.server.state, 'closed');
  assert.is(rig.server.write(0, ascii('too late')), 0);
  assert.is(drain(rig.server).length, 0);
});

test('§7.2.2: every error alert of the handshake is fatal and comes before the end', () => {
  for (const options of [
    { ...old, cipherSuites: [0x002f] },
    { ...old, ...message('Finished', (bytes) => flipped(bytes, 5)) },
    { ...old, ...message('ClientKeyExchange', (bytes) => bytes.subarray(0, 3)) },
  ]) {
    const rig = new Rig(config, options).shake();
    assert.is(rig.client.alerts.length, 1);
    assert.is(rig.client.alerts[0]![0], 2);
    assert.is(rig.server.state, 'failed');
  }
});

// ---- §7.4.1 Hellos ----

test('§7.4.1.1: no HelloRequest is ever sent', () => {
  const rig = connected(config, old);
  for (let i = 0; i < 5; i++) assert.ok(rig.works());
  assert.not(rig.client.seen.includes('HelloRequest'));
});

test('§7.4.1.2: suites that are not known are ignored', () => {
  const { client } = connected(config, { ...old, cipherSuites: [0x0000, 0xabcd, 0xc02b, 0xffff] });
  assert.is(client.agreed.suite!.code, 0xc02b);
});

test('§7.4.1.2: null is taken among other compression methods, and its absence is refused', () => {
  const methods = (compressionMethods: number[]): ClientOptions => ({
    ...old,
    hooks: { hello: (parts) => ({ ...parts, compressionMethods }) },
  });
  // The client refuses a ServerHello with another method than null.
  connected(config, methods([1, 64, 0]));
  const failure = failureOf(config, methods([1]));
  assert.ok(failure === 'illegal_parameter' || failure === 'handshake_failure', failure);
});

test('§7.4.1.2: session ids hold nothing: they are draws, and unknown ones lead to a full handshake', () => {
  const ids = new Set<string>();
  for (let i = 0; i < 4; i++) ids.add(toHex(sessionOf(connected(config, byId))[0]!.sessionId));
  assert.is(ids.size, 4);
  const [session] = sessionOf(connected(config, byId));
  const unknown = { ...session!, sessionId: new Uint8Array(32).fill(1) };
  assert.is(connected(config, { ...byId, sessions: [unknown] }).client.agreed.resumed, undefined);
});

test('§7.4.1.2: a resumed session keeps its suite; without it among the offered it is not resumed', () => {
  const sessions = sessionOf(connected(config, byId));
  // The client checks that the suite stays.
  const more = { ...old, cipherSuites: [0xc02f, 0xc02b], sessions };
  assert.is(connected(config, more).client.agreed.resumed, 'session id');
  // RFC 5246 §7.4.1.2 obliges the client; a server may refuse such a hello, or not resume.
  const rig = new Rig(config, { ...old, cipherSuites: [0xc02f], sessions }).shake();
  assert.ok(rig.client.failure === 'illegal_parameter' || rig.works());
  assert.is(rig.client.agreed.resumed, undefined);
});

test('§7.4.1.3: the server’s random is drawn anew, and has no mark of a downgrade it did not see', () => {
  const first = connected(config, { ...old, seed: 1 }).client;
  const second = connected(config, { ...old, seed: 1 }).client;
  equalBytes(first.clientRandom, second.clientRandom);
  assert.is.not(toHex(first.serverRandom), toHex(second.serverRandom));
  assert.not(text(first.serverRandom).includes(DOWNGRADE_TO_11));
});

test('§7.4.1.4.1: without signature_algorithms the client takes SHA-1 only, which is not served', () => {
  assert.is(failureOf(config, { ...old, signatureSchemes: undefined }), 'handshake_failure');
});

// ---- §7.4.2 to §7.4.5 The server's flight ----

test('§7.4.2, §7.4.3: suite, certificate and signature go together, and the signature is one that was offered', () => {
  // The client checks certificate and signature against suite and offer.
  for (const [name, scheme] of Object.entries(Scheme)) {
    const { client } = connected(config, { ...old, signatureSchemes: [scheme] });
    assert.is(client.agreed.scheme, scheme, name);
    assert.is(client.agreed.suite!.signer, name.startsWith('rsa') ? 'rsa' : 'ecdsa');
  }
});

test('§7.4.3: a suite whose certificate has no offered signature is passed over for one that has', () => {
  const rsaSchemes = [Scheme.rsa_pkcs1_sha256];
  const { client } = connected(config, { ...old, cipherSuites: [0xc02b, 0xc02f], signatureSchemes: rsaSchemes });
  assert.is(client.agreed.suite!.code, 0xc02f);
  const none = { ...old, cipherSuites: [0xc02b], signatureSchemes: rsaSchemes };
  assert.is(failureOf(config, none), 'handshake_failure');
});

test('§7.4.2: the chain has the server’s own certificate first', () => {
  for (const credential of [rsaCredential, ecdsaCredential, ed25519Credential]) {
    const { client } = connected(fullConfig({ ...only12, credentials: [credential] }), old);
    equalBytes(client.agreed.chain[0]!, credential.chain[0]!);
  }
});

// ---- §7.4.4 to §7.4.8 The client's flight ----

test('§7.4.6: a client without a certificate is let in, or is handshake_failure', () => {
  connected(fullConfig({ ...only12, ...asksForCertificate(false) }), old);
  assert.is(failureOf(requiring, old), 'handshake_failure');
});

test('§7.4.4, §7.4.6: certificates of each kind of key are taken, and others are told apart by their alert', () => {
  for (const certificate of [clients.ed25519, clients.ecdsa, clients.rsa])
    connected(requiring, { ...old, certificate });
  assert.is(failureOf(requiring, { ...old, certificate: clients.stranger }), 'unknown_ca');
  assert.is(failureOf(requiring, { ...old, certificate: clients.expired }), 'certificate_expired');
  const garbage = { ...clients.ed25519, chain: [ascii('no certificate')] };
  assert.is(failureOf(requiring, { ...old, certificate: garbage }), 'bad_certificate');
});

test('§7.4.7: a ClientKeyExchange that cannot be read is decode_error, a point that is none illegal_parameter', () => {
  const body = (bytes: number[]): ClientOptions =>
    message('ClientKeyExchange', () => handshake(Message.ClientKeyExchange, Uint8Array.from(bytes)));
  const [x25519, p256] = [
    { ...old, groups: [Group.x25519] },
    { ...old, groups: [Group.secp256r1] },
  ];
  for (const bytes of [[], [0], [33], [32, ...new Uint8Array(31)], [32, ...new Uint8Array(33)]]) {
    assert.is(failureOf(config, { ...x25519, cipherSuites: [0xc02f], ...body(bytes) }), 'decode_error');
  }
  assert.is(
    failureOf(config, { ...x25519, cipherSuites: [0xc02f], ...body([32, ...new Uint8Array(32)]) }),
    'illegal_parameter',
  );
  assert.is(failureOf(config, { ...p256, ...body([65, 4, ...new Uint8Array(64).fill(1)]) }), 'illegal_parameter');
});

test('§7.4.8: a CertificateVerify that does not verify is decrypt_error', () => {
  for (const certificate of [clients.ed25519, clients.ecdsa, clients.rsa]) {
    const wrong = message('CertificateVerify', (bytes) => flipped(bytes, bytes.length - 1));
    assert.is(failureOf(requiring, { ...old, certificate, ...wrong }), 'decrypt_error');
  }
});

test('§7.4.8: a signature that was not asked for, or not of the certificate’s key, is refused', () => {
  const scheme = (code: number): ClientOptions =>
    message('CertificateVerify', (bytes) => {
      bytes[4] = code >>> 8;
      bytes[5] = code & 0xff;
      return bytes;
    });
  for (const code of [0x0201, 0x0203, 0x0101, 0xfe00]) {
    const failure = failureOf(requiring, { ...old, certificate: clients.ed25519, ...scheme(code) });
    assert.is(failure, 'illegal_parameter', code.toString(16));
  }
  const other = failureOf(requiring, { ...old, certificate: clients.rsa, ...scheme(Scheme.ecdsa_secp256r1_sha256) });
  assert.ok(other === 'illegal_parameter' || other === 'decrypt_error', other);
});

test('§7.4.9: a Finished that is wrong is decrypt_error, one of another length decode_error', () => {
  const sessions = sessionOf(connected(config, byTicket));
  for (const options of [old, { ...byTicket, sessions }]) {
    assert.is(
      failureOf(config, { ...options, ...message('Finished', (bytes) => flipped(bytes, 15)) }),
      'decrypt_error',
    );
    for (const length of [0, 11, 13, 36]) {
      const other = message('Finished', () => handshake(Message.Finished, new Uint8Array(length)));
      assert.is(failureOf(config, { ...options, ...other }), 'decode_error');
    }
  }
});

test('§7.3, §7.4: the messages of the server come in their order, full and resumed, and both send ChangeCipherSpec', () => {
  // The client checks the order; here it is seen.
  const full = connected(requiring, { ...byTicket, certificate: clients.ed25519 });
  assert.equal(full.client.seen, [
    'ServerHello',
    'Certificate',
    'ServerKeyExchange',
    'CertificateRequest',
    'ServerHelloDone',
    'NewSessionTicket',
    'ChangeCipherSpec',
    'Finished',
  ]);
  const { client } = connected(config, { ...byId, sessions: sessionOf(connected(config, byId)) });
  assert.equal(client.seen, ['ServerHello', 'ChangeCipherSpec', 'Finished']);
});

test('§7.3: handshake messages in small records, or many in one, are the same handshake', () => {
  for (const options of [old, { ...old, certificate: clients.rsa }]) {
    for (const fragmentBytes of [1, 3, 100])
      connected(requiring, { ...options, certificate: clients.ed25519, fragmentBytes });
    connected(requiring, { ...options, certificate: clients.ed25519, coalesce: true });
  }
});

// ---- §E Backward compatibility ----

test('§E.1: a higher version than is served is answered with the highest that is', () => {
  for (const version of [0x0304, 0x0305, 0x03ff, 0x0400]) {
    const options: ClientOptions = { ...old, hooks: { hello: (parts) => ({ ...parts, version }) } };
    assert.is(connected(config, options).client.agreed.version, TLS12);
  }
});

test('§E.1: a lower version than is served is protocol_version', () => {
  for (const version of [0x0000, 0x0002, 0x0300, 0x0301, 0x0302]) {
    const options: ClientOptions = { ...old, hooks: { hello: (parts) => ({ ...parts, version }) } };
    for (const served of [config, fullConfig(), fullConfig(only13)]) {
      assert.is(failureOf(served, options), 'protocol_version');
    }
  }
});

test('§E.1: any record version {3, XX} is taken for a ClientHello', () => {
  for (const minor of [0, 1, 2, 3, 4, 99, 255]) {
    for (const versions of [[TLS12], [TLS13]]) {
      const record = (bytes: Uint8Array, name: string): Uint8Array[] => {
        if (name === 'ClientHello') bytes[2] = minor;
        return [bytes];
      };
      connected(fullConfig(), { versions, hooks: { record } });
    }
  }
});

test('§E.2, RFC 6176: an SSL 2.0 CLIENT-HELLO is refused, also one that offers TLS', () => {
  // length, CLIENT-HELLO, version, three lengths, two suites, a challenge.
  for (const version of [0x0002, 0x0301, 0x0303]) {
    const suites = [0, 0, 0x2f, 0, 0xc0, 0x2f];
    const body = [
      1,
      version >>> 8,
      version & 0xff,
      0,
      suites.length,
      0,
      0,
      0,
      16,
      ...suites,
      ...new Uint8Array(16).fill(5),
    ];
    const rig = new Rig(fullConfig(), old);
    feed(rig.server, Uint8Array.of(0x80, body.length, ...body));
    const out = drain(rig.server);
    assert.is(rig.server.state, 'failed');
    equalBytes(out.subarray(5), Uint8Array.of(2, 70));
  }
});

test('§7.4.1.2: a ClientHello of 64 kB over many records is taken, one byte in each', () => {
  connected(config, { ...old, padHelloTo: 60_000 });
  connected(config, { ...old, padHelloTo: 2_000, fragmentBytes: 1 });
  connected(fullConfig(), { versions: [TLS13], padHelloTo: 60_000, fragmentBytes: 200 });
});

test('a record in front of the ClientHello that is none of TLS is refused', () => {
  for (const bytes of [ascii('GET / HTTP/1.1\r\n\r\n'), new Uint8Array(20).fill(0xff), new Uint8Array(5)]) {
    const rig = new Rig(config, old);
    feed(rig.server, bytes);
    assert.is(rig.server.state, 'failed');
    assert.is(drain(rig.server)[0], Type.alert);
  }
  const rig = new Rig(config, old);
  feed(rig.server, clearRecord({ contentType: Type.applicationData, fragment: ascii('hello') }));
  assert.is(rig.server.state, 'failed');
});

test.run();
