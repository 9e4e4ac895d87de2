// RFC 8446 §4.2.9 to §4.6: pre-shared keys, early data, certificates, Finished, tickets and KeyUpdate, statement by statement,
// told by an independent client. docs/rfc-tls.md lists which statement each test is for.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from '../../../src/core/limits.js';
import { createClientCertificateVerifier } from '../../../src/io/client-ca.js';
import { ascii, concat, equalBytes, text } from '../../support/bytes.js';
import { clients, ed25519Credential, weakAuthorityPem } from '../../support/tls/certificates.js';
import { Ext, Group, Message, Scheme, TLS12, TLS13, Type } from '../../support/tls/codes.js';
import { extension } from '../../support/tls/hello.js';
import { handshake } from '../../support/tls/messages.js';
import type { ClientOptions, HelloParts, Session13 } from '../../support/tls/options.js';
import type { PlainRecord } from '../../support/tls/protection.js';
import { asksForCertificate, connected, failureOf, fullConfig, Rig } from '../../support/tls/rig.js';
import { drain } from '../../support/tls-server.js';

const test = suite('RFC 8446: authentication');
const config = fullConfig();
const asking = fullConfig(asksForCertificate(false));
const requiring = fullConfig(asksForCertificate(true));
const new13: ClientOptions = { versions: [TLS13] };
const newest = (rig: Rig): Session13[] => rig.client.sessions.slice(-1) as Session13[];
const session = newest(connected(config, new13));
const session384 = newest(connected(config, { ...new13, cipherSuites: [0x1302] }));

/** Leaves out the extension of a type. */
const without = (type: number): ClientOptions => ({
  hooks: {
    hello: (parts: HelloParts) => ({ ...parts, extensions: parts.extensions!.filter((one) => one.type !== type) }),
  },
});

/** Changes a handshake message on its way; it counts in the transcript as it was changed. */
const message = (name: string, change: (bytes: Uint8Array) => Uint8Array): ClientOptions => ({
  hooks: { message: (which, bytes) => (which === name ? change(bytes) : bytes) },
});

const flipped = (bytes: Uint8Array, at: number): Uint8Array => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));

// ---- §4.2.9, §4.2.11 Pre-shared keys ----

test('§4.2.9: pre_shared_key without psk_key_exchange_modes ends the handshake', () => {
  assert.is(failureOf(config, { ...new13, sessions: session, pskModes: undefined }), 'missing_extension');
});

test('§4.1.1, §4.2.9: with psk_ke alone no key is taken, since ECDHE is always used', () => {
  const { client } = connected(config, { ...new13, sessions: session, pskModes: [0] });
  assert.is(client.agreed.resumed, undefined);
});

test('§4.2.9, §4.2.8: psk_dhe_ke comes with a key share, also behind a HelloRetryRequest', () => {
  // The client refuses a ServerHello without one.
  assert.is(connected(config, { ...new13, sessions: session }).client.agreed.resumed, 'psk');
  const retried = connected(config, { ...new13, sessions: session, keyShares: [], pskModes: [0, 1] }).client;
  assert.is(retried.agreed.resumed, 'psk');
  assert.ok(retried.agreed.helloRetry);
});

test('§4.2.11: the first identity that the server knows is taken, unknown ones are ignored', () => {
  const unknown: Session13 = { ...session[0]!, ticket: new Uint8Array(60).fill(3) };
  const { client } = connected(config, { ...new13, sessions: [unknown, ...session] });
  assert.is(client.agreed.resumed, 'psk');
  assert.is(connected(config, { ...new13, sessions: [unknown] }).client.agreed.resumed, undefined);
});

test('§4.2.11, §4.6.1: a key goes with suites of its hash only', () => {
  const other = connected(config, { ...new13, cipherSuites: [0x1301], sessions: session384 }).client;
  assert.is(other.agreed.resumed, undefined);
  const back = connected(config, { ...new13, cipherSuites: [0x1302], sessions: session384 }).client;
  assert.is(back.agreed.resumed, 'psk');
  // Another suite of the same hash will do.
  const chacha = connected(config, { ...new13, cipherSuites: [0x1303], sessions: session }).client;
  assert.is(chacha.agreed.resumed, 'psk');
});

test('§4.2.11: a binder that does not verify is decrypt_error, one too few ends the handshake', () => {
  const wrong = message('ClientHello', (bytes) => flipped(bytes, bytes.length - 1));
  assert.is(failureOf(config, { ...new13, sessions: session, ...wrong }), 'decrypt_error');
  const otherSecret = { ...session[0]!, psk: new Uint8Array(32) };
  assert.is(failureOf(config, { ...new13, sessions: [otherSecret] }), 'decrypt_error');
  const fewer = message('ClientHello', (bytes) => {
    // Two identities and, at the end, one binder of the two.
    const cut = bytes.slice(0, bytes.length - 33);
    patch(cut, 1, 3, -33);
    patch(cut, cut.length - 33 - 2, 2, -33);
    patch(cut, pskData(cut), 2, -33);
    patch(cut, extensionsAt(cut), 2, -33);
    return cut;
  });
  const failure = failureOf(config, { ...new13, sessions: [...session, ...session], ...fewer });
  assert.ok(failure === 'illegal_parameter' || failure === 'decrypt_error', failure);
});

function patch(bytes: Uint8Array, at: number, size: number, by: number): void {
  let value = by;
  for (let i = 0; i < size; i++) value += bytes[at + i]! * 256 ** (size - 1 - i);
  for (let i = 0; i < size; i++) bytes[at + i] = Math.floor(value / 256 ** (size - 1 - i));
}

/** Where the length of the extension block stands. */
function extensionsAt(hello: Uint8Array): number {
  let at = 4 + 2 + 32;
  at += 1 + hello[at]!;
  at += 2 + ((hello[at]! << 8) | hello[at + 1]!);
  return at + 1 + hello[at]!;
}

/** Where the length of the last extension's data stands. */
function pskData(hello: Uint8Array): number {
  let at = extensionsAt(hello) + 2;
  for (;;) {
    if (((hello[at]! << 8) | hello[at + 1]!) === Ext.preSharedKey) return at + 2;
    at += 4 + ((hello[at + 2]! << 8) | hello[at + 3]!);
  }
}

test('§4.2.11.1: a ticket is not taken after its lifetime, and its age need not be exact', () => {
  const [first] = session;
  const late = Number(first!.lifetime) * 1000 + 1000;
  const rig = new Rig(config, { ...new13, sessions: session, nowMs: first!.receivedAtMs + late });
  rig.nowUs = late * 1000;
  rig.shake();
  assert.ok(rig.works());
  assert.is(rig.client.agreed.resumed, undefined);
  const soon = new Rig(config, { ...new13, sessions: session, nowMs: first!.receivedAtMs + 61_000 });
  soon.nowUs = 60_000_000;
  soon.shake();
  assert.is(soon.client.agreed.resumed, 'psk');
});

// ---- §4.2.10 Early data ----

test('§4.2.10: early data is refused and passed over, in front of the handshake and of a second ClientHello', () => {
  const earlyData = [ascii('GET / HTTP/1.1'), new Uint8Array(3000)];
  // The client refuses early_data in EncryptedExtensions.
  for (const more of [{}, { keyShares: [] as number[] }, { compatibility: false }]) {
    const rig = connected(config, { ...new13, sessions: session, earlyData, ...more });
    assert.is(text(concat(...rig.plaintext)), 'line 0');
  }
  // The ticket does not open: nothing is known of it, and the data is passed over all the same.
  const unknown: Session13 = { ...session[0]!, ticket: new Uint8Array(60).fill(3) };
  connected(config, { ...new13, sessions: [unknown], earlyData });
});

test('§4.2.10: early_data in the second ClientHello is illegal_parameter', () => {
  const options: ClientOptions = {
    ...new13,
    keyShares: [],
    hooks: {
      hello: (parts, attempt) =>
        attempt === 2 ? { ...parts, extensions: [extension(Ext.earlyData), ...parts.extensions!] } : parts,
    },
  };
  assert.is(failureOf(config, options), 'illegal_parameter');
});

test('§4.6.1: more early data than is passed over is unexpected_message', () => {
  const piece = new Uint8Array(16_000);
  const count = Math.ceil(limits.tls.earlyDataBytes / piece.length) + 1;
  const earlyData = Array.from({ length: count }, () => piece);
  const rig = new Rig(config, { ...new13, sessions: session, earlyData }).shake();
  assert.is(rig.client.failure, 'unexpected_message');
});

// ---- §4.3 Server parameters ----

test('§4.3.1, §4.3.2, §4.4: the server’s messages come in their order, each in its place', () => {
  // The client checks the order; here it is seen.
  const full = connected(asking, { ...new13, certificate: clients.ed25519 }).client;
  assert.equal(full.seen.slice(0, 7), [
    'ServerHello',
    'ChangeCipherSpec',
    'EncryptedExtensions',
    'CertificateRequest',
    'Certificate',
    'CertificateVerify',
    'Finished',
  ]);
  assert.ok(full.agreed.certificateRequest!.schemes.includes(Scheme.rsa_pss_rsae_sha256));
  assert.ok(full.agreed.certificateRequest!.authorities.length > 0);
});

test('§4.3.2: with a pre-shared key no certificate is asked for', () => {
  const first = connected(asking, { ...new13, certificate: clients.ed25519 });
  const { client } = connected(asking, { ...new13, sessions: newest(first), certificate: clients.ed25519 });
  assert.is(client.agreed.resumed, 'psk');
  assert.not(client.seen.includes('CertificateRequest'));
});

test('§4.2.6, §4.6.2: no certificate is asked for behind the handshake', () => {
  const rig = connected(asking, { ...new13, extraExtensions: [extension(Ext.postHandshakeAuth)] });
  assert.is(rig.client.seen.filter((name) => name === 'CertificateRequest').length, 1);
});

// ---- §4.4 Authentication messages ----

test('§4.4.2.4: a client without a certificate is let in, or is certificate_required', () => {
  assert.is(failureOf(asking, new13), undefined);
  assert.is(failureOf(requiring, new13), 'certificate_required');
});

test('§4.4.2: clients of each kind of key are taken', () => {
  for (const certificate of [clients.ed25519, clients.ecdsa, clients.rsa]) {
    connected(requiring, { ...new13, certificate });
  }
});

test('§4.4.2.4, §6.2: why a certificate is not taken is told: unknown_ca, certificate_expired, bad_certificate', () => {
  assert.is(failureOf(requiring, { ...new13, certificate: clients.stranger }), 'unknown_ca');
  assert.is(failureOf(requiring, { ...new13, certificate: clients.expired }), 'certificate_expired');
  const garbage = { ...clients.ed25519, chain: [ascii('no certificate')] };
  assert.is(failureOf(requiring, { ...new13, certificate: garbage }), 'bad_certificate');
});

test('§4.4.2.4: a certificate that is signed with MD5 is bad_certificate', () => {
  const verifier = createClientCertificateVerifier(weakAuthorityPem);
  const weak = fullConfig({ clientAuthentication: { verifier, required: true } });
  for (const versions of [[TLS12], [TLS13]]) {
    assert.is(failureOf(weak, { versions, certificate: clients.weak }), 'bad_certificate');
  }
});

test('§4.4.2: a context or an extension that was not asked for in the client’s Certificate is illegal', () => {
  const body = (context: number[], extensions: number[]): Uint8Array => {
    const [der] = clients.ed25519.chain;
    const entry = [0, der!.length >>> 8, der!.length & 0xff, ...der!, 0, extensions.length, ...extensions];
    return Uint8Array.of(context.length, ...context, 0, entry.length >>> 8, entry.length & 0xff, ...entry);
  };
  const sending = (bytes: Uint8Array): string | undefined =>
    failureOf(requiring, {
      ...new13,
      certificate: clients.ed25519,
      ...message('Certificate', () => handshake(Message.Certificate, bytes)),
    });
  assert.is(sending(body([], [])), undefined);
  assert.is(sending(body([7], [])), 'illegal_parameter');
  // server_name, which no CertificateRequest can hold: §4.2 has two alerts for it.
  const unasked = sending(body([], [0, 0, 0, 0]));
  assert.ok(unasked === 'illegal_parameter' || unasked === 'unsupported_extension', unasked);
});

test('§4.4.3: a CertificateVerify that does not verify is decrypt_error', () => {
  for (const certificate of [clients.ed25519, clients.ecdsa, clients.rsa]) {
    const wrong = message('CertificateVerify', (bytes) => flipped(bytes, bytes.length - 1));
    assert.is(failureOf(requiring, { ...new13, certificate, ...wrong }), 'decrypt_error');
  }
  // A right signature by another key.
  const stolen = { ...clients.ed25519, key: clients.ecdsa.key! };
  const failure = failureOf(requiring, { ...new13, certificate: stolen });
  assert.ok(failure === 'illegal_parameter' || failure === 'decrypt_error', failure);
});

test('§4.4.3: a scheme that was not asked for, of PKCS#1 or of another kind of key, is illegal_parameter', () => {
  const scheme = (code: number): ClientOptions =>
    message('CertificateVerify', (bytes) => {
      bytes[4] = code >>> 8;
      bytes[5] = code & 0xff;
      return bytes;
    });
  for (const code of [0x0201, 0x0203, 0x0808, 0xfe00, Scheme.rsa_pkcs1_sha256]) {
    const options = { ...new13, certificate: clients.ed25519, ...scheme(code) };
    assert.is(failureOf(requiring, options), 'illegal_parameter', code.toString(16));
  }
  const options = { ...new13, certificate: clients.rsa, ...scheme(Scheme.ecdsa_secp256r1_sha256) };
  const failure = failureOf(requiring, options);
  assert.ok(failure === 'illegal_parameter' || failure === 'decrypt_error', failure);
  const pkcs1 = { ...clients.rsa, scheme: Scheme.rsa_pkcs1_sha256 };
  assert.is(failureOf(requiring, { ...new13, certificate: pkcs1 }), 'illegal_parameter');
});

test('§4.4.4: a Finished that is wrong is decrypt_error, one of another length decode_error', () => {
  for (const options of [new13, { ...new13, sessions: session }, { ...new13, keyShares: [] }]) {
    const wrong = message('Finished', (bytes) => flipped(bytes, 4));
    assert.is(failureOf(config, { ...options, ...wrong }), 'decrypt_error');
    for (const length of [0, 12, 31, 33, 48]) {
      const other = message('Finished', () => handshake(Message.Finished, new Uint8Array(length)));
      assert.is(failureOf(config, { ...options, ...other }), 'decode_error');
    }
  }
});

test('§4.4.4: alerts for the client’s second flight are under the application keys', () => {
  // The client reads with those behind the server's Finished, and would not understand others.
  assert.is(failureOf(requiring, new13), 'certificate_required');
  assert.is(failureOf(config, { ...new13, ...message('Finished', (bytes) => flipped(bytes, 4)) }), 'decrypt_error');
});

// ---- §4.6 Behind the handshake ----

test('§4.6.1: tickets live seven days at most, have an age_add and a nonce of their own, and come behind Finished', () => {
  const { sessions } = connected(config, new13).client;
  assert.ok(sessions.length > 0);
  const tickets = sessions as Session13[];
  for (const { lifetime } of tickets) assert.ok(lifetime > 0 && lifetime <= 604_800);
  const again = connected(config, new13).client.sessions as Session13[];
  const adds = new Set([...tickets, ...again].map(({ ageAdd }) => ageAdd));
  assert.is(adds.size, tickets.length + again.length);
  // No early data is allowed with them (§4.2.10).
  for (const { maxEarlyDataSize } of tickets) assert.is(maxEarlyDataSize, 0);
});

test('§4.6.1: without a mode for them there are no tickets', () => {
  assert.is(connected(config, { ...new13, ...without(Ext.pskKeyExchangeModes) }).client.sessions.length, 0);
  assert.is(connected(config, { ...new13, pskModes: [0] }).client.sessions.length, 0);
  assert.is(connected(fullConfig({ resumption: false }), new13).client.sessions.length, 0);
});

test('§4.6.1: the server name of the resumption counts, not that of the session', () => {
  const first = connected(config, { ...new13, serverName: 'one.wirebench.test' });
  const rig = connected(config, { ...new13, serverName: 'two.wirebench.test', sessions: newest(first) });
  assert.is(rig.server.negotiated?.serverName, 'two.wirebench.test');
});

test('§4.6.3: keys are updated, and an update that asks is answered before the next data', () => {
  const rig = connected(config, new13);
  rig.say(rig.client.keyUpdate(false));
  assert.ok(rig.works());
  assert.is(rig.client.serverKeyUpdates, 0);
  rig.say(rig.client.keyUpdate(true));
  assert.ok(rig.works());
  assert.is(rig.client.serverKeyUpdates, 1);
});

test('§4.6.3: several updates that ask, of a server that is silent, may be answered by one', () => {
  const rig = connected(config, new13);
  rig.say(concat(...Array.from({ length: 5 }, () => rig.client.keyUpdate(true))));
  assert.ok(rig.works());
  assert.ok(rig.client.serverKeyUpdates >= 1 && rig.client.serverKeyUpdates <= 5);
});

test('§4.6.3: an update to anything but 0 and 1 is illegal_parameter, of another length decode_error', () => {
  for (const [body, alert] of [
    [[2], 'illegal_parameter'],
    [[255], 'illegal_parameter'],
    [[], 'decode_error'],
    [[0, 0], 'decode_error'],
  ] as const) {
    const rig = connected(config, new13);
    rig.say(rig.client.inject(Type.handshake, handshake(Message.KeyUpdate, Uint8Array.from(body))));
    assert.is(rig.client.failure, alert);
  }
});

test('§4.6.3: behind a KeyUpdate the old keys open nothing, and the new ones nothing before it', () => {
  const late = connected(config, new13);
  const old = late.client.write(ascii('under the old keys'));
  late.say(late.client.keyUpdate(false));
  late.say(old);
  assert.is(late.client.failure, 'bad_record_mac');
  const early = connected(config, new13);
  early.client.keyUpdate(false);
  early.say(early.client.write(ascii('under the new keys')));
  assert.is(early.client.failure, 'bad_record_mac');
  assert.is(text(concat(...early.plaintext)), 'line 0');
});

test('§4.6.3: updates without data between them come to an end', () => {
  const rig = connected(config, new13);
  for (let i = 0; i <= limits.tls.keyUpdates && rig.client.failure === undefined; i++)
    rig.say(rig.client.keyUpdate(false));
  assert.ok(rig.client.failure !== undefined);
});

test('§5.1: nothing stands behind ClientHello, Finished or KeyUpdate in their record', () => {
  const more = handshake(Message.KeyUpdate, Uint8Array.of(0));
  for (const part of [more, more.subarray(0, 1)]) {
    for (const name of ['ClientHello', 'Finished']) {
      const fragment = (record: PlainRecord, which: string): PlainRecord[] => [
        which === name ? { ...record, fragment: concat(record.fragment, part) } : record,
      ];
      assert.is(failureOf(config, { ...new13, hooks: { fragment } }), 'unexpected_message', name);
    }
    const rig = connected(config, new13);
    rig.say(rig.client.inject(Type.handshake, concat(more, part)));
    assert.is(rig.client.failure, 'unexpected_message');
  }
});

test('§4.4.2.1: an OCSP response is stapled to the leaf when it is asked for, in both versions', () => {
  const ocspResponse = Uint8Array.of(0x30, 3, 10, 1, 0);
  const stapled = fullConfig({ credentials: [{ ...ed25519Credential, ocspResponse }] });
  for (const versions of [[TLS12], [TLS13]]) {
    const { client } = connected(stapled, { versions, statusRequest: true });
    equalBytes(client.agreed.ocspResponse!, ocspResponse);
    assert.is(connected(stapled, { versions }).client.agreed.ocspResponse, undefined);
    assert.is(connected(config, { versions, statusRequest: true }).client.agreed.ocspResponse, undefined);
    // status_request_v2 is of no concern.
    const second = extension(17, Uint8Array.of(0, 7, 2, 0, 4, 0, 0, 0, 0));
    connected(stapled, { versions, extraExtensions: [second] });
  }
});

test('§7.4.2: a shared secret keeps its leading zeros', () => {
  let found = 0;
  for (let seed = 0; seed < 3000 && found < 1; seed++) {
    const rig = new Rig(
      config,
      { ...new13, groups: [Group.secp256r1], seed, pauseBefore: 'Finished' },
      `zero#${seed % 7}`,
    );
    rig.shake();
    if (rig.client.shared[0] !== 0) continue;
    found++;
    rig.say(rig.client.resume());
    assert.ok(rig.works());
  }
  assert.is(found, 1);
});

test('§6.1: our close_notify goes out before the end, and the client’s leaves our side open', () => {
  const rig = connected(config, new13);
  rig.say(rig.client.close());
  assert.is(rig.server.state, 'open');
  rig.server.write(0, ascii('one thing more'));
  rig.server.close(0);
  rig.client.receive(drain(rig.server));
  assert.is(text(rig.client.received.at(-1)!), 'one thing more');
  assert.ok(rig.client.closed);
});

test.run();
