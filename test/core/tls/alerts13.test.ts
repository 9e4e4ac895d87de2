// Every rule of TLS 1.3 in the alert table is broken by a client that otherwise does all right, and answered with its alert.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Writer } from '../../../src/core/bytes/writer.js';
import { limits } from '../../../src/core/limits.js';
import { alertRules13 } from '../../../src/core/tls/alerts13.js';
import { type Extension, encodeExtensions } from '../../../src/core/tls/extensions.js';
import { hex } from '../../support/bytes.js';
import { clients } from '../../support/tls/certificates.js';
import { Ext, Group, TLS13, Type } from '../../support/tls/codes.js';
import type { ClientOptions, HelloParts, Hooks } from '../../support/tls/options.js';
import { asksForCertificate, fullConfig, Rig } from '../../support/tls/rig.js';
import type { RawExtension } from '../../support/tls/server-messages.js';

type Verdict13 = keyof typeof alertRules13;

const plain = fullConfig();
const asking = fullConfig(asksForCertificate(true));
const base: ClientOptions = { versions: [TLS13] };
const sessions = new Rig(plain, base).shake().client.sessions;

function raw(extension: Extension): RawExtension {
  const writer = new Writer();
  encodeExtensions(writer, [extension]);
  return { type: (writer.view()[0]! << 8) | writer.view()[1]!, data: writer.finish().slice(4) };
}

const bytes = (length: number, fill = 7): Uint8Array => new Uint8Array(length).fill(fill);

/** The hello's extensions, changed; `attempt` 2 is behind a HelloRetryRequest. */
function extensions(change: (list: readonly RawExtension[]) => readonly RawExtension[], at = 1): Hooks {
  return hello((parts) => ({ ...parts, extensions: change(parts.extensions ?? []) }), at);
}

function hello(change: (parts: HelloParts) => HelloParts, at = 1): Hooks {
  return { hello: (parts, attempt) => (attempt === at ? change(parts) : parts) };
}

const without =
  (...types: number[]) =>
  (list: readonly RawExtension[]): RawExtension[] =>
    list.filter((one) => !types.includes(one.type));
const replace =
  (extension: Extension) =>
  (list: readonly RawExtension[]): RawExtension[] =>
    list.map((one) => (one.type === raw(extension).type ? raw(extension) : one));
const add =
  (...more: Extension[]) =>
  (list: readonly RawExtension[]): RawExtension[] => [...list, ...more.map(raw)];

/** Offers something else than it should. */
const offers =
  (hooks: Hooks, options: ClientOptions = {}) =>
  (): Rig =>
    new Rig(plain, { ...base, ...options, hooks }).shake();

/** Without a share of a group of ours, so that there is a second ClientHello; `hooks` are for it. */
const retries = (hooks: Hooks, options: ClientOptions = {}) =>
  offers(hooks, { keyShares: [], groups: [Group.secp256r1, Group.x25519], ...options });

/** Says something when everything is done. */
const afterwards =
  (...messages: string[]) =>
  (): Rig => {
    const rig = new Rig(plain, base).shake();
    for (const message of messages) rig.say(rig.client.inject(Type.handshake, hex(message)));
    return rig;
  };

/** Shows another certificate, or none, or another message. */
const shows =
  (options: ClientOptions, config = asking) =>
  (): Rig =>
    new Rig(config, { ...base, certificate: clients.ed25519, ...options }).shake();

const message = (name: string, change: (one: Uint8Array) => Uint8Array): ClientOptions => ({
  hooks: { message: (at, one) => (at === name ? change(one.slice()) : one) },
});

function turn(one: Uint8Array, at: number): Uint8Array {
  one[at < 0 ? one.length + at : at]! ^= 1;
  return one;
}

const share = (group: number): { group: number; keyExchange: Uint8Array } => ({ group, keyExchange: bytes(32) });
const identity = { identity: bytes(40), obfuscatedTicketAge: 0 };

const causes: { readonly [verdict in Verdict13]: readonly (() => Rig)[] } = {
  compression13: [[0, 1], [1, 0], [1]].map((compressionMethods) =>
    offers(hello((parts) => ({ ...parts, compressionMethods }))),
  ),
  misplacedExtension: [
    offers(extensions(add({ type: 'oid_filters', filters: [] }))),
    // key_share in a CertificateEntry.
    shows(message('Certificate', (one) => withEntryExtension(one, hex('0033 0002 001d')))),
  ],
  missingExtension: [
    offers(extensions(without(Ext.signatureAlgorithms))),
    offers(extensions(without(Ext.supportedGroups, Ext.keyShare))),
    offers(extensions(without(Ext.keyShare))),
    offers(extensions(without(Ext.supportedGroups))),
  ],
  missingKeyExchangeModes: [offers(extensions(without(Ext.pskKeyExchangeModes)), { sessions: sessions.slice(0, 1) })],
  missingSignatureAlgorithms: [
    // Nothing is missing for those who come with a PSK, unless it is not taken.
    offers(
      extensions((list) =>
        add({ type: 'pre_shared_key', identities: [identity], binders: [bytes(32)], bindersAt: 0 })(
          without(Ext.signatureAlgorithms)(list),
        ),
      ),
    ),
  ],
  earlyDataWithoutPsk: [offers(extensions(add({ type: 'early_data' })))],
  duplicateKeyShare: [
    offers(extensions(replace({ type: 'key_share', shares: [share(Group.x25519), share(Group.x25519)] }))),
  ],
  keyShareNotInGroups: [
    offers(extensions(replace({ type: 'key_share', shares: [share(Group.x25519), share(0x0019)] }))),
  ],
  unexpectedCookie: [offers(extensions(add({ type: 'cookie', cookie: bytes(32) })))],
  pskNotLast: [
    offers(
      // The padding has room for the binders, which the client writes at the end of the message.
      extensions((list) => [...list, { type: Ext.padding, data: bytes(100, 0) }]),
      { sessions: sessions.slice(0, 1) },
    ),
  ],
  pskBinderCount: [[bytes(32)], [bytes(32), bytes(32), bytes(32)]].map((binders) =>
    offers(extensions(add({ type: 'pre_shared_key', identities: [identity, identity], binders, bindersAt: 0 }))),
  ),
  pskBinder: [
    offers(
      { message: (name, one) => (name === 'ClientHello' ? turn(one.slice(), -1) : one) },
      { sessions: sessions.slice(0, 1) },
    ),
    // What the binder covers was changed behind the client's back.
    offers(
      { message: (name, one) => (name === 'ClientHello' ? turn(one.slice(), 10) : one) },
      { sessions: sessions.slice(0, 1) },
    ),
  ],
  helloChanged: [
    retries(hello((parts) => ({ ...parts, random: bytes(32) }), 2)),
    retries(hello((parts) => ({ ...parts, version: 0x0302 }), 2)),
    retries(hello((parts) => ({ ...parts, sessionId: bytes(32) }), 2)),
    retries(hello((parts) => ({ ...parts, cipherSuites: [...parts.cipherSuites].reverse() }), 2)),
    retries(hello((parts) => ({ ...parts, compressionMethods: [0, 1] }), 2)),
    retries(extensions(without(Ext.serverName), 2)),
    retries(extensions(add({ type: 'alpn', protocols: [bytes(2)] }), 2)),
    retries(extensions(replace({ type: 'supported_groups', groups: [Group.secp256r1] }), 2)),
    retries(extensions(add({ type: 'pre_shared_key', identities: [identity], binders: [bytes(32)], bindersAt: 0 }), 2)),
  ],
  retriedKeyShare: [
    retries(extensions(replace({ type: 'key_share', shares: [] }), 2)),
    retries(extensions(replace({ type: 'key_share', shares: [share(Group.secp256r1)] }), 2)),
    retries(extensions(replace({ type: 'key_share', shares: [share(Group.x25519), share(Group.secp256r1)] }), 2)),
    retries(extensions(without(Ext.keyShare), 2)),
  ],
  retriedEarlyData: [retries(extensions(add({ type: 'early_data' }), 2))],
  cookie: [
    retries(extensions(without(Ext.cookie), 2)),
    retries(extensions(replace({ type: 'cookie', cookie: bytes(32) }), 2)),
    retries(extensions(replace({ type: 'cookie', cookie: bytes(1) }), 2)),
  ],
  renegotiation13: [
    () => {
      const rig = new Rig(plain, base).shake();
      return rig.say(rig.client.inject(Type.handshake, rig.client.helloBytes[0]!));
    },
  ],
  unexpectedEndOfEarlyData: [
    afterwards('05000000'),
    () => {
      const rig = new Rig(plain, { ...base, pauseBefore: 'Finished' }).shake();
      return rig.say(rig.client.inject(Type.handshake, hex('05000000')));
    },
  ],
  certificateContext: [
    shows(
      message('Certificate', (one) => {
        const body = one.slice(5);
        return Uint8Array.of(11, 0, (body.length + 2) >> 8, body.length + 2, 1, 9, ...body);
      }),
    ),
  ],
  unsolicitedExtension: [
    // status_request and signed_certificate_timestamp belong there, when they are asked for; what is unknown never was.
    ...['0005 0008 01 000004 01020304', '0012 0000', 'fe00 0000'].map((extension) =>
      shows(message('Certificate', (one) => withEntryExtension(one, hex(extension)))),
    ),
  ],
  certificateRequired: [shows({ certificate: { chain: [] } })],
  signatureNotRequested: [
    // rsa_pkcs1_sha256 is for certificates only.
    ...[0x0401, 0x0503, 0x0000].map((scheme) =>
      shows(
        message('CertificateVerify', (one) => {
          one[4] = scheme >> 8;
          one[5] = scheme;
          return one;
        }),
      ),
    ),
  ],
  certificateVerify13: [
    shows(message('CertificateVerify', (one) => turn(one, -1))),
    // A scheme that was asked for, of another key.
    shows(
      message('CertificateVerify', (one) => {
        one[4] = 0x04;
        one[5] = 0x03;
        return one;
      }),
    ),
  ],
  keyUpdateRequest: [afterwards('18000001 02'), afterwards('18000001 ff')],
  tooManyKeyUpdates: [
    () => {
      const rig = new Rig(plain, base).shake();
      for (let i = 0; i <= limits.tls.keyUpdates; i++) {
        assert.is(rig.client.failure, undefined);
        rig.say(rig.client.keyUpdate(i % 2 === 0));
      }
      return rig;
    },
  ],
};

/** Puts an extension into the first CertificateEntry: header, empty context, list length, certificate, extensions. */
function withEntryExtension(one: Uint8Array, extension: Uint8Array): Uint8Array {
  const u24 = (at: number): number => (one[at]! << 16) | (one[at + 1]! << 8) | one[at + 2]!;
  const end = 8 + 3 + u24(8);
  const out = Uint8Array.of(...one.slice(0, end), 0, extension.length, ...extension, ...one.slice(end + 2));
  for (const at of [1, 5]) {
    const length = u24(at) + extension.length;
    out.set([length >> 16, length >> 8, length], at);
  }
  return out;
}

for (const [verdict, ways] of Object.entries(causes)) {
  const rule = alertRules13[verdict as Verdict13];
  test(`${verdict} is answered with ${rule.description} (${rule.rule})`, () => {
    for (const [index, way] of ways.entries()) {
      const rig = way();
      const what = `${verdict}, way ${index}: ${rig.reason}`;
      const told = rig.events.filter((event) => event.kind === 'alert' && event.dir === 'out').at(-1);
      assert.ok(told?.kind === 'alert', what);
      assert.is(told.rule, rule.rule, what);
      assert.ok(told.reason?.startsWith(rule.reason), what);
      assert.is(rig.server.state, 'failed', what);
      assert.is(rig.client.failure, rule.description, what);
    }
  });
}

test.run();
