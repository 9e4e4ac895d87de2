// The RFCs of TLS extensions, what each of them asks of a server, told by an independent client: RFC 5077 (tickets), 5746
// (renegotiation), 6066 (names, fragment length, OCSP), 7301 (ALPN), 7366 (encrypt-then-MAC), 7507 (fallback), 7627
// (extended master secret), 8422 (curves), 8449 (record sizes). docs/rfc-tls.md lists which statement each test is for.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from '../../../src/core/limits.js';
import { createRandomSource } from '../../../src/core/random.js';
import { nodeCrypto } from '../../../src/io/node-crypto.js';
import { ascii, concat, equalBytes, text } from '../../support/bytes.js';
import { ecdsaCredential, ed25519Credential, rsaCredential } from '../../support/tls/certificates.js';
import { Ext, Group, Message, TLS12, TLS13, Type } from '../../support/tls/codes.js';
import { extension } from '../../support/tls/hello.js';
import { handshake } from '../../support/tls/messages.js';
import type { ClientOptions, Session12 } from '../../support/tls/options.js';
import { connected, failureOf, fullConfig, only12, Rig } from '../../support/tls/rig.js';
import { drain } from '../../support/tls-server.js';

const test = suite('extensions');
const config = fullConfig();
const old: ClientOptions = { versions: [TLS12], cipherSuites: [0xc02b, 0xc02f] };
const now: ClientOptions = { versions: [TLS13] };
const ticketed: ClientOptions = { ...old, sessionTicket: true };
const sessionOf = (rig: Rig): Session12[] => rig.client.sessions.slice(-1) as Session12[];
const resumedOf = (options: ClientOptions, served = config): string | undefined =>
  connected(served, options).client.agreed.resumed;

/** An extension with other contents than the client's own. */
const replacing = (type: number, data: Uint8Array): ClientOptions => ({
  hooks: {
    hello: (parts) => ({
      ...parts,
      extensions: parts.extensions!.map((one) => (one.type === type ? { type, data } : one)),
    }),
  },
});

// ---- RFC 5746 ----

test('RFC 5746 §3.6: renegotiation_info and the suite value are both answered, with an empty extension', () => {
  // The client refuses a server without the answer, and one that is not empty.
  for (const renegotiation of ['extension', 'scsv'] as const) connected(config, { ...old, renegotiation });
  connected(config, { ...old, renegotiation: 'none' });
  const both: ClientOptions = {
    ...old,
    renegotiation: 'scsv',
    extraExtensions: [extension(Ext.renegotiationInfo, Uint8Array.of(0))],
  };
  connected(config, both);
});

test('RFC 5746 §3.6: renegotiated_connection that is not empty in a first handshake is handshake_failure', () => {
  const bytes = Uint8Array.of(12, ...new Uint8Array(12));
  assert.is(failureOf(config, { ...old, ...replacing(Ext.renegotiationInfo, bytes) }), 'handshake_failure');
});

test('RFC 5746 §3.6: a version and extensions that are not known change nothing about it', () => {
  const options: ClientOptions = {
    ...old,
    hooks: { hello: (parts) => ({ ...parts, version: 0x0399 }) },
    extraExtensions: [extension(0x7777, 'nothing')],
  };
  connected(config, options);
});

test('RFC 5746 §3.7, §4.4: every renegotiation is refused, with the right renegotiation_info, a wrong one or none', () => {
  for (const extensions of [[], [extension(Ext.renegotiationInfo, Uint8Array.of(0))]]) {
    const rig = connected(config, old);
    const other = new Rig(config, { ...old, extraExtensions: extensions, renegotiation: 'none' });
    other.client.start();
    rig.say(rig.client.inject(Type.handshake, other.client.helloBytes[0]!));
    assert.equal(rig.alerts, ['warning no_renegotiation']);
    assert.ok(rig.works());
  }
});

test('RFC 5746 §5: refusals come to an end', () => {
  const rig = connected(config, old);
  for (let i = 0; i <= limits.tls.renegotiations; i++) {
    assert.is(rig.client.failure, undefined);
    rig.say(rig.client.inject(Type.handshake, rig.client.helloBytes[0]!));
  }
  assert.is(rig.client.failure, 'handshake_failure');
});

// ---- RFC 7627 ----

test('RFC 7627 §5.2: the extension is answered when it is offered, and both sides derive by what was agreed', () => {
  for (const extendedMasterSecret of [true, false]) {
    const { client } = connected(config, { ...old, extendedMasterSecret });
    assert.is(client.agreed.extendedMasterSecret, extendedMasterSecret);
  }
});

test('RFC 7627 §5.3: a session without it is not resumed by a hello with it', () => {
  for (const base of [old, ticketed]) {
    const sessions = sessionOf(connected(config, { ...base, extendedMasterSecret: false }));
    const { client } = connected(config, { ...base, sessions });
    assert.is(client.agreed.resumed, undefined);
    assert.ok(client.agreed.extendedMasterSecret);
    // Without it on either side it is: RFC 7627 §5.4 leaves that to the server.
    const { client: same } = connected(config, { ...base, sessions, extendedMasterSecret: false });
    assert.not(same.agreed.extendedMasterSecret);
  }
});

test('RFC 7627 §5.3: a session with it, and a hello without it, is the end of the handshake', () => {
  for (const base of [old, ticketed]) {
    const sessions = sessionOf(connected(config, base));
    assert.is(failureOf(config, { ...base, sessions, extendedMasterSecret: false }), 'handshake_failure');
  }
});

test('RFC 7627 §5.3: a resumed session has it again', () => {
  for (const base of [old, ticketed]) {
    const { client } = connected(config, { ...base, sessions: sessionOf(connected(config, base)) });
    assert.ok(client.agreed.resumed !== undefined);
    assert.ok(client.agreed.extendedMasterSecret);
  }
});

// ---- RFC 7301 ----

test('RFC 7301 §3.1, §3.2: one protocol is answered, by the server’s order', () => {
  for (const versions of [[TLS12], [TLS13]]) {
    // The client refuses an answer of several, or one that it did not offer.
    assert.is(connected(config, { versions, alpn: ['http/1.1', 'h2'] }).client.agreed.alpn, 'h2');
    assert.is(connected(config, { versions, alpn: ['unknown', 'http/1.1'] }).client.agreed.alpn, 'http/1.1');
  }
});

test('RFC 7301 §3.2: no protocol in common is no_application_protocol', () => {
  for (const versions of [[TLS12], [TLS13]]) {
    assert.is(failureOf(config, { versions, alpn: ['h2c', 'h3', 'H2'] }), 'no_application_protocol');
  }
});

test('RFC 7301 §3.2: what was selected is what the connection is for, also when it is resumed', () => {
  const first = connected(config, { ...now, alpn: ['h2'] });
  const rig = connected(config, { ...now, alpn: ['http/1.1'], sessions: first.client.sessions.slice(-1) });
  assert.is(rig.client.agreed.alpn, 'http/1.1');
  assert.is(rig.server.negotiated?.alpn, 'http/1.1');
  const tickets = connected(config, { ...ticketed, alpn: ['h2'] });
  const second = connected(config, { ...ticketed, alpn: ['http/1.1'], sessions: sessionOf(tickets) });
  assert.is(second.server.negotiated?.alpn, 'http/1.1');
  assert.is(second.client.agreed.alpn, 'http/1.1');
});

test('RFC 9113 §9.2.2: over a suite that HTTP/2 refuses, clients that offer another protocol get that, also when resumed', () => {
  const alpnOf = (options: ClientOptions, served = config): string | undefined => {
    const rig = connected(served, { ...ticketed, ...options });
    assert.is(rig.server.negotiated?.alpn, rig.client.agreed.alpn);
    return rig.client.agreed.alpn;
  };
  const both = ['h2', 'http/1.1'];
  for (const cbc of [0xc013, 0xc014]) {
    assert.is(alpnOf({ cipherSuites: [cbc], alpn: both }), 'http/1.1');
    const cipherSuites = [cbc, 0xc02f];
    assert.is(alpnOf({ cipherSuites, alpn: both }), 'h2', 'the suite is another one');
    // HTTP/2 says what is wrong.
    assert.is(alpnOf({ cipherSuites: [cbc], alpn: ['h2'] }), 'h2');
    assert.is(alpnOf({ cipherSuites: [cbc], alpn: both }, fullConfig({ alpnProtocols: ['h2'] })), 'h2');
    assert.is(alpnOf({ cipherSuites: [cbc] }), undefined);
    const first = connected(config, { ...ticketed, cipherSuites: [cbc], alpn: ['h2'] });
    const second = { cipherSuites, alpn: both, sessions: sessionOf(first) };
    assert.is(resumedOf({ ...ticketed, ...second }), 'ticket');
    assert.is(alpnOf(second), 'http/1.1');
  }
});

// ---- RFC 6066 ----

const named = fullConfig({ credentials: [ed25519Credential, ecdsaCredential, rsaCredential] });

test('RFC 6066 §3: a name that is served is acknowledged with an empty extension', () => {
  for (const versions of [[TLS12], [TLS13]]) {
    // The client refuses one that is not empty.
    assert.ok(connected(named, { versions, serverName: 'wirebench.test' }).client.agreed.serverName);
    assert.not(connected(named, { versions, serverName: '' }).client.agreed.serverName);
  }
});

test('RFC 6066 §3: a name that is not served is unrecognized_name when names are strict', () => {
  const strict = fullConfig({ credentials: [ed25519Credential], strictServerName: true });
  for (const versions of [[TLS12], [TLS13]]) {
    assert.is(failureOf(strict, { versions, serverName: 'elsewhere.test' }), 'unrecognized_name');
    connected(strict, { versions, serverName: 'ED25519.Wirebench.Test' });
    connected(named, { versions, serverName: 'elsewhere.test' });
  }
});

test('RFC 6066 §3: two names of a type, and names that are none, are refused', () => {
  const entry = (name: string): number[] => [0, 0, name.length, ...ascii(name)];
  const list = (...entries: number[][]): Uint8Array => Uint8Array.of(0, entries.flat().length, ...entries.flat());
  for (const options of [old, now]) {
    const twice = replacing(Ext.serverName, list(entry('a.test'), entry('b.test')));
    assert.is(failureOf(named, { ...options, ...twice }), 'illegal_parameter');
  }
});

test('RFC 6066 §3: a session of one name is not resumed for another, in TLS 1.2', () => {
  for (const base of [old, ticketed]) {
    const sessions = sessionOf(connected(config, { ...base, serverName: 'one.test' }));
    assert.ok(resumedOf({ ...base, serverName: 'one.test', sessions }) !== undefined);
    assert.is(resumedOf({ ...base, serverName: 'two.test', sessions }), undefined);
    assert.is(resumedOf({ ...base, serverName: '', sessions }), undefined);
  }
});

test('RFC 6066 §1.1, §3: a resumed handshake has no server_name, and no other answers of the session', () => {
  const options = { ...ticketed, statusRequest: true };
  const { client } = connected(named, { ...options, sessions: sessionOf(connected(named, options)) });
  assert.is(client.agreed.resumed, 'ticket');
  assert.not(client.agreed.serverName);
});

test('RFC 6066 §4: each fragment length is kept to by the server, handshake included, and by the client', () => {
  for (const versions of [[TLS12], [TLS13]]) {
    for (const maxFragmentLength of [1, 2, 3, 4]) {
      // The client refuses longer fragments from ServerHello on.
      const rig = connected(config, { versions, maxFragmentLength });
      assert.is(rig.client.agreed.maxFragmentLength, 2 ** (8 + maxFragmentLength));
      rig.server.write(0, new Uint8Array(10_000));
      rig.client.receive(drain(rig.server));
      assert.ok(rig.client.received.every((part) => part.length <= 2 ** (8 + maxFragmentLength)));
      rig.client.io.writeLimit = 16_384;
      rig.say(rig.client.write(new Uint8Array(2 ** (8 + maxFragmentLength) + 1)));
      assert.is(rig.client.failure, 'record_overflow');
    }
  }
});

test('RFC 6066 §4: a code that does not exist is illegal_parameter', () => {
  for (const code of [0, 5, 255]) {
    const options = { maxFragmentLength: 1, ...replacing(Ext.maxFragmentLength, Uint8Array.of(code)) };
    for (const versions of [[TLS12], [TLS13]]) {
      assert.is(failureOf(config, { versions, ...options }), 'illegal_parameter');
    }
  }
});

test('RFC 6066 §8: CertificateStatus comes for those who ask, announced, and holds the response', () => {
  const ocspResponse = Uint8Array.of(0x30, 3, 10, 1, 0);
  const stapled = fullConfig({ ...only12, credentials: [{ ...ed25519Credential, ocspResponse }] });
  const { client } = connected(stapled, { ...old, statusRequest: true });
  equalBytes(client.agreed.ocspResponse!, ocspResponse);
  assert.ok(client.seen.includes('CertificateStatus'));
  for (const options of [
    old,
    { ...old, ...{ extraExtensions: [extension(Ext.statusRequest, Uint8Array.of(9, 0, 0))] } },
  ]) {
    assert.not(connected(stapled, options).client.seen.includes('CertificateStatus'));
  }
});

test('RFC 6066 §5, §6, §7: certificate URLs, trusted CAs and truncated HMAC are not taken up', () => {
  const extraExtensions = [extension(2), extension(3, Uint8Array.of(0, 1, 0)), extension(4)];
  connected(config, { ...old, cipherSuites: [0xc013], extraExtensions });
});

// ---- RFC 7366 ----

test('RFC 7366 §2, §3: encrypt_then_mac is for CBC suites when it was offered, and not answered for others', () => {
  for (const code of [0xc013, 0xc014]) {
    assert.ok(connected(config, { ...old, cipherSuites: [code], encryptThenMac: true }).client.agreed.encryptThenMac);
    assert.not(connected(config, { ...old, cipherSuites: [code] }).client.agreed.encryptThenMac);
  }
  // The client refuses the answer with another suite.
  for (const code of [0xc02b, 0xcca8]) connected(config, { ...old, cipherSuites: [code], encryptThenMac: true });
});

test('RFC 7366 §3: a wrong MAC is bad_record_mac, before anything is decrypted', () => {
  const rig = connected(config, { ...old, cipherSuites: [0xc013], encryptThenMac: true });
  const record = rig.client.write(ascii('something'));
  record[record.length - 1] = record[record.length - 1]! ^ 1;
  rig.say(record);
  assert.is(rig.client.failure, 'bad_record_mac');
});

test('RFC 7366 §3.1: a resumed session takes it from its own hello', () => {
  const cbc = { ...ticketed, cipherSuites: [0xc013] };
  const sessions = sessionOf(connected(config, { ...cbc, encryptThenMac: true }));
  const { client } = connected(config, { ...cbc, encryptThenMac: true, sessions });
  assert.ok(client.agreed.encryptThenMac);
  assert.ok(client.agreed.resumed !== undefined);
});

// ---- RFC 7507 ----

test('RFC 7507 §3: a fallback from a version that is served is inappropriate_fallback', () => {
  assert.is(failureOf(config, { ...old, fallbackScsv: true }), 'inappropriate_fallback');
  // Its record has the version of the hello.
  const rig = new Rig(config, { ...old, fallbackScsv: true }).shake();
  equalBytes(rig.output[0]!.subarray(0, 3), Uint8Array.of(Type.alert, 3, 3));
  // To the highest version that is served it is none.
  connected(fullConfig(only12), { ...old, fallbackScsv: true });
  connected(config, { versions: [TLS13, TLS12], fallbackScsv: true });
  connected(config, old);
});

test('RFC 7507 §3: a version that is not served at all may be protocol_version', () => {
  const options: ClientOptions = {
    ...old,
    fallbackScsv: true,
    hooks: { hello: (parts) => ({ ...parts, version: 0x0302 }) },
  };
  const failure = failureOf(config, options);
  assert.ok(failure === 'inappropriate_fallback' || failure === 'protocol_version', failure);
});

// ---- RFC 5077 ----

test('RFC 5077 §3.2, §3.3: a ticket is announced and sent when it was asked for, and only then', () => {
  // The client refuses a ticket that was not announced, and an announcement without one.
  assert.ok(sessionOf(connected(config, ticketed))[0]!.ticket.length > 0);
  assert.is(sessionOf(connected(config, old))[0]!.ticket.length, 0);
  assert.not(connected(fullConfig({ resumption: false }), ticketed).client.seen.includes('NewSessionTicket'));
});

test('RFC 5077 §3.3: the ticket comes behind the client’s Finished, and counts in the server’s', () => {
  const rig = new Rig(config, { ...ticketed, pauseBefore: 'Finished' }).shake();
  assert.not(rig.client.seen.includes('NewSessionTicket'));
  rig.say(rig.client.resume());
  assert.ok(rig.client.seen.includes('NewSessionTicket'));
  assert.ok(rig.works());
});

test('RFC 5077 §3.4: a ticket is taken with the session id of the client’s choice, which is echoed', () => {
  const sessions = sessionOf(connected(config, ticketed));
  for (const length of [1, 16, 32]) {
    const sessionId = new Uint8Array(length).fill(length);
    assert.is(resumedOf({ ...ticketed, sessions: [{ ...sessions[0]!, sessionId }] }), 'ticket');
  }
});

test('RFC 5077 §3.4: beside a ticket the session id resumes nothing', () => {
  const byId = sessionOf(connected(config, old))[0]!;
  assert.is(resumedOf({ ...old, sessions: [byId] }), 'session id');
  const mixed: Session12 = { ...byId, ticket: new Uint8Array(100).fill(1) };
  assert.is(resumedOf({ ...ticketed, sessions: [mixed] }), undefined);
});

test('RFC 5077 §3.3, §5.2: a ticket that was changed, or is of other keys, leads to a full handshake', () => {
  const [session] = sessionOf(connected(config, ticketed));
  for (let at = 0; at < session!.ticket.length; at += 7) {
    const ticket = session!.ticket.map((byte, i) => (i === at ? byte ^ 0x10 : byte));
    assert.is(resumedOf({ ...ticketed, sessions: [{ ...session!, ticket }] }), undefined);
  }
  for (const length of [1, 15, 16, 17, session!.ticket.length - 1, session!.ticket.length + 1]) {
    const ticket = new Uint8Array(length);
    ticket.set(session!.ticket.subarray(0, length));
    assert.is(resumedOf({ ...ticketed, sessions: [{ ...session!, ticket }] }), undefined);
  }
  const random = createRandomSource(nodeCrypto, new Uint8Array(32).fill(99));
  assert.is(resumedOf({ ...ticketed, sessions: [session!] }, fullConfig({ random })), undefined);
});

test('RFC 5077 §5.2, §5.7: a ticket does not show what it holds', () => {
  const [session] = sessionOf(connected(config, { ...ticketed, serverName: 'visible.wirebench.test' }));
  assert.not(text(session!.ticket).includes('visible'));
  assert.not(text(session!.ticket).includes(text(session!.masterSecret.subarray(0, 8))));
});

test('RFC 5077 §5.6: a session is not resumed after its lifetime', () => {
  for (const base of [old, ticketed]) {
    const sessions = sessionOf(connected(config, base));
    const rig = new Rig(config, { ...base, sessions });
    rig.nowUs = limits.tls.sessionLifetimeUs + 1;
    rig.shake();
    assert.ok(rig.works());
    assert.is(rig.client.agreed.resumed, undefined);
  }
});

test('a session of one version is none of the other', () => {
  const sessions12 = sessionOf(connected(config, ticketed));
  const rig = connected(config, { versions: [TLS13, TLS12], sessions: sessions12, sessionTicket: true });
  assert.is(rig.client.agreed.version, TLS13);
  assert.is(rig.client.agreed.resumed, undefined);
  const [session13] = connected(config, now).client.sessions.slice(-1);
  const mixed = { ...sessions12[0]!, ticket: (session13 as { ticket: Uint8Array }).ticket };
  assert.is(resumedOf({ ...ticketed, sessions: [mixed] }), undefined);
});

// ---- RFC 8422 ----

test('RFC 8422 §5.1: without groups in common there is no ECDHE', () => {
  assert.is(failureOf(config, { ...old, groups: [0x0019, 0x0100] }), 'handshake_failure');
});

test('RFC 8422 §5.1.2: ec_point_formats without uncompressed is illegal_parameter', () => {
  const failure = failureOf(config, { ...old, ...replacing(Ext.ecPointFormats, Uint8Array.of(2, 1, 2)) });
  assert.is(failure, 'illegal_parameter');
});

test('RFC 8422 §5.4: the server’s key is in a group of the client’s, by each suite', () => {
  for (const group of Object.values(Group)) {
    const { client } = connected(config, { ...old, cipherSuites: [0xc02f], groups: [group] });
    assert.is(client.agreed.group, group);
  }
});

// ---- RFC 8449 ----

test('RFC 8449 §4: the server keeps to the client’s limit, and says its own', () => {
  for (const [versions, largest] of [
    [[TLS12], 16_384],
    [[TLS13], 16_385],
  ] as const) {
    for (const recordSizeLimit of [64, 100, 4096, 16_384]) {
      // The client refuses protected records beyond its limit.
      const rig = connected(config, { versions, recordSizeLimit });
      assert.is(rig.client.agreed.recordSizeLimit, largest);
      rig.server.write(0, new Uint8Array(20_000));
      rig.client.receive(drain(rig.server));
      assert.is(concat(...rig.client.received).length, 20_000 + 'line 0'.length);
    }
  }
});

test('RFC 8449 §4: less than 64 is illegal_parameter, more than a record can have is not', () => {
  for (const versions of [[TLS12], [TLS13]]) {
    for (const recordSizeLimit of [0, 1, 63]) {
      assert.is(failureOf(config, { versions, recordSizeLimit }), 'illegal_parameter');
    }
    connected(config, { versions, recordSizeLimit: 65_535 });
  }
});

test('RFC 8449 §5: beside record_size_limit, max_fragment_length counts for nothing', () => {
  for (const versions of [[TLS12], [TLS13]]) {
    const { client } = connected(config, { versions, recordSizeLimit: 1000, maxFragmentLength: 1 });
    assert.is(client.agreed.maxFragmentLength, undefined);
    assert.is(client.agreed.recordSizeLimit !== undefined, true);
  }
});

test('RFC 8449 §4: it is agreed on anew in a resumed session', () => {
  const first = connected(config, { ...now, recordSizeLimit: 100 });
  const rig = connected(config, { ...now, recordSizeLimit: 200, sessions: first.client.sessions.slice(-1) });
  assert.is(rig.client.agreed.resumed, 'psk');
  rig.server.write(0, new Uint8Array(500));
  rig.client.receive(drain(rig.server));
  assert.ok(rig.client.received.some((part) => part.length > 100));
  const sessions = sessionOf(connected(config, { ...ticketed, recordSizeLimit: 100 }));
  assert.is(connected(config, { ...ticketed, recordSizeLimit: 200, sessions }).client.agreed.recordSizeLimit, 16_384);
});

test('a message of a type that is only the server’s to send is refused, whatever it holds', () => {
  const rig = connected(config, old);
  rig.say(rig.client.inject(Type.handshake, handshake(Message.ServerHelloDone, ascii('unread'))));
  assert.is(rig.client.failure, 'unexpected_message');
});

test.run();
