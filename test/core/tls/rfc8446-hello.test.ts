// RFC 8446 §4.1, §4.2 and §9: what a server has to do with a ClientHello, statement by statement, told by an independent
// client that checks all that is answered. docs/rfc-tls.md lists which statement each test is for.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TLS_1_2, TLS_1_3 } from '../../../src/core/tls/config.js';
import { concat, equalBytes, text, toHex } from '../../support/bytes.js';
import { ecdsaCredential, rsaCredential } from '../../support/tls/certificates.js';
import { DOWNGRADE_TO_12, Ext, Group, Scheme, SUITES, TLS12, TLS13, Type } from '../../support/tls/codes.js';
import { extension } from '../../support/tls/hello.js';
import type { ClientOptions, HelloParts } from '../../support/tls/options.js';
import { connected, failureOf, fullConfig, only12, only13, Rig } from '../../support/tls/rig.js';
import type { RawExtension } from '../../support/tls/server-messages.js';

const test = suite('RFC 8446: hello');
const config = fullConfig();

/** The same hello with extensions replaced (by their type), added or, when there is no data, left out. */
function having(changes: Readonly<Record<number, Uint8Array | undefined>>) {
  return (parts: HelloParts): HelloParts => {
    const extensions: RawExtension[] = [];
    for (const one of parts.extensions ?? []) {
      const data = one.type in changes ? changes[one.type] : one.data;
      if (data !== undefined) extensions.push({ type: one.type, data });
    }
    for (const [code, data] of Object.entries(changes)) {
      const type = Number(code);
      if (data !== undefined && !extensions.some((one) => one.type === type)) extensions.push({ type, data });
    }
    return { ...parts, extensions };
  };
}

const hello = (change: (parts: HelloParts, attempt: number) => HelloParts): ClientOptions => ({
  hooks: { hello: change },
});
const new13 = { versions: [TLS13] };

// ---- §4.1.1 Cryptographic negotiation ----

test('§2, §4.2.8: the share of the server is in the group of one of the client’s, for each group', () => {
  for (const group of Object.values(Group)) {
    const { client } = connected(config, { groups: [group] });
    assert.is(client.agreed.group, group);
    assert.not(client.agreed.helloRetry);
  }
});

test('§2.1, §4.1.1: nothing in common is handshake_failure: groups, suites, signatures', () => {
  assert.is(
    failureOf(fullConfig({ groups: ['secp384r1'] }), { ...new13, groups: [Group.x25519] }),
    'handshake_failure',
  );
  assert.is(
    failureOf(fullConfig({ cipherSuites: [0x1302] }), { ...new13, cipherSuites: [0x1301] }),
    'handshake_failure',
  );
  const rsaOnly = fullConfig({ credentials: [rsaCredential] });
  assert.is(failureOf(rsaOnly, { ...new13, signatureSchemes: [Scheme.ed25519] }), 'handshake_failure');
});

test('§4.1.1: without a share of a common group a HelloRetryRequest asks for one', () => {
  for (const group of Object.values(Group)) {
    const { client } = connected(config, { groups: [0xfe00, group], keyShares: [] });
    assert.ok(client.agreed.helloRetry);
    assert.is(client.agreed.group, group);
    assert.is(client.helloBytes.length, 2);
  }
});

test('§4.1.1: a share of a common group needs no HelloRetryRequest', () => {
  const groups = [Group.secp384r1, Group.x25519];
  const { client } = connected(config, { groups, keyShares: [Group.secp384r1] });
  assert.not(client.agreed.helloRetry);
  assert.is(client.agreed.group, Group.secp384r1);
});

// ---- §4.1.2 Client Hello ----

test('§4.1.2, §9.3: unknown suites, groups, schemes, versions, extensions, protocols and modes are ignored', () => {
  for (const versions of [[TLS13], [TLS12], [TLS13, TLS12]]) {
    const { client } = connected(config, { versions, grease: true, alpn: ['h2'] });
    assert.is(client.agreed.version, versions[0]);
    assert.is(client.agreed.alpn, 'h2');
  }
});

test('§4.1.2: a ClientHello of TLS 1.3 on a connection of 1.2 does not change its version', () => {
  const rig = connected(config, { versions: [TLS12] });
  const again = new Rig(config, new13);
  again.client.start();
  rig.say(rig.client.inject(Type.handshake, again.client.helloBytes[0]!));
  assert.equal(rig.alerts, ['warning no_renegotiation']);
  assert.ok(rig.works());
});

test('§4.1.2: compression methods other than null alone are illegal_parameter', () => {
  for (const compressionMethods of [[1], [0, 1], [1, 0], [64, 0]]) {
    const options = hello((parts) => ({ ...parts, compressionMethods }));
    assert.is(failureOf(config, { ...new13, ...options }), 'illegal_parameter');
  }
  // For a hello of 1.2 the rule of that version holds.
  connected(config, { versions: [TLS12], ...hello((parts) => ({ ...parts, compressionMethods: [1, 0] })) });
});

test('§4.1.2: the second ClientHello is the first but for what the HelloRetryRequest allows', () => {
  const base: ClientOptions = { ...new13, groups: [Group.secp256r1], keyShares: [] };
  const second = (change: (parts: HelloParts) => HelloParts): string | undefined =>
    failureOf(config, { ...base, ...hello((parts, attempt) => (attempt === 2 ? change(parts) : parts)) });
  // Not what was asked for.
  assert.is(second(having({ [Ext.keyShare]: Uint8Array.of(0, 0) })), 'illegal_parameter');
  assert.is(second(having({ [Ext.keyShare]: undefined })) !== undefined, true);
  // No cookie, or another one.
  assert.is(second(having({ [Ext.cookie]: undefined })) !== undefined, true);
  assert.is(second(having({ [Ext.cookie]: Uint8Array.of(0, 1, 7) })), 'illegal_parameter');
  // Another offer: the suite of the HelloRetryRequest is gone.
  assert.is(second((parts) => ({ ...parts, cipherSuites: [0xc02f] })) !== undefined, true);
  // Padding may be added.
  assert.is(second(having({ [Ext.padding]: new Uint8Array(50) })), undefined);
});

// ---- §4.1.3 Server Hello ----

test('§4.1.3: TLS 1.2 chosen by a server of 1.3 is marked in its random, and only then', () => {
  const marked = connected(config, { versions: [TLS12] }).client.serverRandom;
  assert.is(text(marked.subarray(24)), DOWNGRADE_TO_12);
  const old = connected(fullConfig(only12), { versions: [TLS12] }).client.serverRandom;
  assert.not(text(old.subarray(24)).startsWith('DOWNGRD'));
  const now = connected(config, new13).client.serverRandom;
  assert.not(text(now.subarray(24)).startsWith('DOWNGRD'));
});

test('§4.1.3: the rest of the random is the server’s own, whatever the client’s was', () => {
  const randoms = new Set<string>();
  for (let i = 0; i < 8; i++) {
    const { client } = connected(config, { versions: [i % 2 === 0 ? TLS12 : TLS13], seed: 'always the same' });
    randoms.add(toHex(client.serverRandom.subarray(0, 24)));
    assert.is.not(toHex(client.serverRandom.subarray(0, 24)), toHex(client.clientRandom.subarray(0, 24)));
  }
  assert.is(randoms.size, 8);
});

test('§4.1.3: the session id is echoed, of any length', () => {
  for (const length of [0, 1, 31, 32]) {
    const sessionId = new Uint8Array(length).fill(9);
    // The client refuses an echo that differs.
    connected(config, { ...new13, ...hello((parts) => ({ ...parts, sessionId })) });
  }
});

test('§4.1.4: the ServerHello behind a HelloRetryRequest has its version and suite, whatever else was preferred', () => {
  for (const code of [0x1301, 0x1302, 0x1303]) {
    const { client } = connected(config, { cipherSuites: [code, 0xc02b], keyShares: [] });
    assert.ok(client.agreed.helloRetry);
    assert.is(client.agreed.suite?.code, code);
  }
});

// ---- §4.2 Extensions ----

test('§4.2: nothing is answered that was not offered', () => {
  // The client raises an error for each answer that it did not ask for.
  const least: ClientOptions = {
    serverName: '',
    renegotiation: 'none',
    extendedMasterSecret: false,
    pskModes: undefined,
  };
  for (const versions of [[TLS12], [TLS13]]) {
    const { client } = connected(config, { ...least, versions });
    assert.is(client.agreed.alpn, undefined);
    assert.not(client.agreed.serverName);
  }
});

test('§4.2: an extension that is known and has no place in a ClientHello is illegal_parameter', () => {
  // oid_filters is a CertificateRequest's.
  const options = { extraExtensions: [extension(48, Uint8Array.of(0, 0))] };
  assert.is(failureOf(config, { ...new13, ...options }), 'illegal_parameter');
});

test('§4.2: extensions may come in any order', () => {
  for (const versions of [[TLS12], [TLS13]]) {
    const reversed = hello((parts) => ({ ...parts, extensions: [...parts.extensions!].reverse() }));
    connected(config, { versions, alpn: ['h2'], statusRequest: true, ...reversed });
  }
});

test('§4.2, §4.2.11: pre_shared_key that is not the last extension is illegal_parameter', () => {
  const { sessions } = connected(config, new13).client;
  const options = hello((parts) => ({ ...parts, extensions: [...parts.extensions!, extension(Ext.padding)] }));
  assert.is(failureOf(config, { ...new13, sessions: sessions.slice(-1), ...options }), 'illegal_parameter');
});

// ---- §4.2.1 Supported versions ----

test('§4.2.1, §D.2: without supported_versions it is TLS 1.2, even when legacy_version is 0x0304 or more', () => {
  for (const version of [0x0303, 0x0304, 0x0305, 0x0400, 0xffff]) {
    const { client } = connected(config, { versions: [TLS12], ...hello((parts) => ({ ...parts, version })) });
    assert.is(client.agreed.version, TLS12);
  }
});

test('§4.2.1, §D.2: with supported_versions, legacy_version does not count', () => {
  for (const version of [0x0301, 0x0302, 0x0304, 0x7f12]) {
    const { client } = connected(config, { ...new13, ...hello((parts) => ({ ...parts, version })) });
    assert.is(client.agreed.version, TLS13);
  }
});

test('§4.2.1: a version of the list is chosen, unknown ones are ignored, and 1.3 need not be in it', () => {
  const list = (...versions: number[]): Uint8Array =>
    Uint8Array.of(versions.length * 2, ...versions.flatMap((version) => [version >>> 8, version & 0xff]));
  const choice = (...versions: number[]): number | undefined => {
    const change = having({ [Ext.supportedVersions]: list(...versions) });
    // Offering 1.2 only, so that the client takes the mark of §4.1.3 for none of its business.
    const own = versions.includes(TLS13) ? [TLS13, TLS12] : [TLS12];
    return connected(config, { versions: own, ...hello(change) }).client.agreed.version;
  };
  assert.is(choice(0x0a0a, 0x7f1c, 0x0304, 0x0303), TLS13);
  assert.is(choice(0x0303, 0x0304), TLS13);
  assert.is(choice(0x0305, 0x0303, 0x0302), TLS12);
  const none = having({ [Ext.supportedVersions]: list(0x0305, 0x0302) });
  assert.is(failureOf(config, { versions: [TLS12], ...hello(none) }), 'protocol_version');
});

test('§D.2: a version that the server has not is protocol_version', () => {
  assert.is(failureOf(fullConfig(only13), { versions: [TLS12] }), 'protocol_version');
  assert.is(failureOf(fullConfig(only12), new13), 'protocol_version');
  const both = fullConfig({ minVersion: TLS_1_2, maxVersion: TLS_1_3 });
  assert.is(
    failureOf(both, { versions: [TLS12], ...hello((parts) => ({ ...parts, version: 0x0302 })) }),
    'protocol_version',
  );
});

test('§D.5: legacy_version 0x0300 is protocol_version, whatever is offered beside it', () => {
  for (const versions of [[TLS12], [TLS13], [TLS13, TLS12]]) {
    const options = hello((parts) => ({ ...parts, version: 0x0300 }));
    assert.is(failureOf(config, { versions, ...options }), 'protocol_version');
  }
});

test('§D.5: no suite without authentication, without encryption or with RC4 is negotiated', () => {
  // NULL, RSA with NULL-SHA256, RC4-128-SHA, DH_anon, ECDHE_RSA with RC4, ECDH_anon, export RC4, DES, 3DES.
  const weak = [0x0000, 0x003b, 0x0005, 0x006c, 0xc011, 0xc018, 0x0003, 0x0009, 0x000a];
  for (const versions of [[TLS12], [TLS13, TLS12]]) {
    assert.is(failureOf(config, { versions, cipherSuites: weak }), 'handshake_failure');
  }
});

// ---- §4.2.2 Cookie ----

test('§4.2.2: a cookie comes back as it was given', () => {
  const rig = connected(config, { keyShares: [] });
  assert.ok(rig.client.agreed.helloRetry);
  const cookies = rig.client.hello!.parts.extensions!.filter((one) => one.type === Ext.cookie);
  assert.is(cookies.length, 1);
});

// ---- §4.2.3 Signature algorithms ----

test('§4.2.3, §9.2: no signature_algorithms is missing_extension', () => {
  assert.is(failureOf(config, { ...new13, signatureSchemes: undefined }), 'missing_extension');
});

test('§4.2.3, §4.4.3, §9.1: each kind of key signs with each scheme that goes with it, PSS with a salt of the digest’s length', () => {
  for (const [name, scheme] of Object.entries(Scheme)) {
    if (name.startsWith('rsa_pkcs1')) continue;
    // The client checks the salt's length with the signature.
    const { client } = connected(config, { ...new13, signatureSchemes: [scheme] });
    assert.is(client.agreed.scheme, scheme, name);
  }
});

test('§4.4.3: PKCS#1 signs nothing in TLS 1.3, although it may be offered', () => {
  const pkcs1 = [Scheme.rsa_pkcs1_sha256, Scheme.rsa_pkcs1_sha384, Scheme.rsa_pkcs1_sha512];
  const rsaOnly = fullConfig({ credentials: [rsaCredential] });
  assert.is(failureOf(rsaOnly, { ...new13, signatureSchemes: pkcs1 }), 'handshake_failure');
  const { client } = connected(rsaOnly, { ...new13, signatureSchemes: [...pkcs1, Scheme.rsa_pss_rsae_sha384] });
  assert.is(client.agreed.scheme, Scheme.rsa_pss_rsae_sha384);
});

test('§4.2.3: MD5, SHA-1, SHA-224 and DSA sign nothing in either version', () => {
  const old = [0x0101, 0x0103, 0x0201, 0x0202, 0x0203, 0x0301, 0x0302, 0x0303, 0x0402];
  for (const versions of [[TLS12], [TLS13]]) {
    assert.is(failureOf(config, { versions, signatureSchemes: old }), 'handshake_failure');
  }
});

test('§4.2.3: PSS is for TLS 1.2 as well', () => {
  const { client } = connected(config, { versions: [TLS12], signatureSchemes: [Scheme.rsa_pss_rsae_sha256] });
  assert.is(client.agreed.scheme, Scheme.rsa_pss_rsae_sha256);
});

test('§4.2.3: signature_algorithms_cert is understood, and does not change what the server signs with', () => {
  const extra = extension(Ext.signatureAlgorithmsCert, Uint8Array.of(0, 4, 4, 1, 8, 4));
  for (const versions of [[TLS12], [TLS13]]) {
    const options = { versions, extraExtensions: [extra], signatureSchemes: [Scheme.ecdsa_secp256r1_sha256] };
    const { client } = connected(fullConfig({ credentials: [ecdsaCredential] }), options);
    assert.is(client.agreed.scheme, Scheme.ecdsa_secp256r1_sha256);
  }
});

// ---- §4.2.7, §4.2.8 Groups and shares ----

test('§4.2.8: two shares of a group, or one of a group that is not listed, are illegal_parameter', () => {
  const share = (group: number): number[] => [0, group, 0, 32, ...new Uint8Array(32).fill(9)];
  const shares = (...groups: number[]): Uint8Array => {
    const body = groups.flatMap(share);
    return Uint8Array.of(body.length >>> 8, body.length & 0xff, ...body);
  };
  const twice = hello(having({ [Ext.keyShare]: shares(Group.x25519, Group.x25519) }));
  assert.is(failureOf(config, { ...new13, ...twice }), 'illegal_parameter');
  const unlisted = hello(having({ [Ext.keyShare]: shares(Group.x25519) }));
  assert.is(failureOf(config, { ...new13, groups: [Group.secp256r1], ...unlisted }), 'illegal_parameter');
});

test('§4.2.8.2: a point that is not on the curve, or not uncompressed, is illegal_parameter', () => {
  for (const [group, length] of [
    [Group.secp256r1, 65],
    [Group.secp384r1, 97],
  ] as const) {
    const points = [
      // Not on the curve; the point at infinity; compressed; coordinates beyond the field.
      Uint8Array.of(4, ...new Uint8Array(length - 1).fill(1)),
      Uint8Array.of(0),
      Uint8Array.of(2, ...new Uint8Array((length - 1) / 2).fill(1)),
      Uint8Array.of(4, ...new Uint8Array(length - 1).fill(0xff)),
    ];
    for (const point of points) {
      const body = concat(Uint8Array.of(0, group, 0, point.length), point);
      const change = hello(having({ [Ext.keyShare]: concat(Uint8Array.of(0, body.length), body) }));
      assert.is(failureOf(config, { ...new13, groups: [group], ...change }), 'illegal_parameter');
    }
  }
});

test('§7.4.2: X25519 keys of low order, whose secret is zero, are illegal_parameter', () => {
  for (const first of [0, 1]) {
    const key = new Uint8Array(32);
    key[0] = first;
    const change = hello(having({ [Ext.keyShare]: concat(Uint8Array.of(0, 36, 0, Group.x25519, 0, 32), key) }));
    assert.is(failureOf(config, { ...new13, ...change }), 'illegal_parameter');
  }
});

// ---- §9 Compliance ----

test('§9.1: all suites with all groups, of both versions', () => {
  for (const { code, version, signer } of SUITES.values()) {
    for (const group of Object.values(Group)) {
      // An ECDSA key needs its own curve among the groups (RFC 8422 §5.3).
      const groups = signer === 'ecdsa' ? [...new Set([group, Group.secp256r1])] : [group];
      const { client } = connected(config, { versions: [version], cipherSuites: [code], groups });
      assert.is(client.agreed.suite?.code, code);
      if (version === TLS13) assert.is(client.agreed.group, group);
    }
  }
});

test('§9.2: supported_groups and key_share come together, or it is missing_extension', () => {
  const without = (type: number): string | undefined =>
    failureOf(config, { ...new13, ...hello(having({ [type]: undefined })) });
  assert.is(without(Ext.keyShare), 'missing_extension');
  assert.is(without(Ext.supportedGroups), 'missing_extension');
  const neither = hello(having({ [Ext.keyShare]: undefined, [Ext.supportedGroups]: undefined }));
  assert.is(failureOf(config, { ...new13, ...neither }), 'missing_extension');
});

test('§9.2: server_name chooses the certificate, in both versions', () => {
  const several = fullConfig({ credentials: [rsaCredential, ecdsaCredential] });
  for (const versions of [[TLS12], [TLS13]]) {
    const named = connected(several, { versions, serverName: 'ecdsa.wirebench.test' }).client;
    equalBytes(named.agreed.chain[0]!, ecdsaCredential.chain[0]!);
    const other = connected(several, { versions, serverName: 'localhost' }).client;
    equalBytes(other.agreed.chain[0]!, rsaCredential.chain[0]!);
  }
});

test.run();
