// What a ClientHello of TLS 1.3 leads to, as a table: RFC 8446 §4.1.1, §4.2.7, §4.2.8, §4.4.2.2, and what §4.2 has for the
// extensions of older RFCs. Rules that end in an alert are in alerts13.test.ts, too, on the wire.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { GroupName, SignatureName } from '../../../src/core/crypto.js';
import { createRandomSource } from '../../../src/core/random.js';
import type { TlsConfig, TlsCredential } from '../../../src/core/tls/config.js';
import type { Extension } from '../../../src/core/tls/extensions.js';
import type { ClientHello } from '../../../src/core/tls/messages.js';
import { authenticate13, negotiate13, type Parameters13 } from '../../../src/core/tls/negotiate13.js';
import { nodeCrypto } from '../../../src/io/node-crypto.js';
import { ascii } from '../../support/bytes.js';

const X25519 = 29;
const P256 = 23;
const P384 = 24;
const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(1);
const share = (group: number): { group: number; keyExchange: Uint8Array } => ({ group, keyExchange: bytes(group) });

const credential = (type: TlsCredential['key']['type'], ...names: string[]): TlsCredential => ({
  chain: [ascii(`${type} ${names.join()}`)],
  key: { type, modulusBits: type === 'rsa' ? 2048 : 0 },
  ...(names.length > 0 && { names }),
});

const base: TlsConfig = {
  crypto: nodeCrypto,
  random: createRandomSource(nodeCrypto, bytes(32)),
  credentials: [credential('rsa')],
};

const offered: readonly Extension[] = [
  { type: 'supported_versions', versions: [0x0304] },
  { type: 'supported_groups', groups: [X25519, P256, P384] },
  { type: 'key_share', shares: [share(X25519)] },
  { type: 'signature_algorithms', schemes: [0x0403, 0x0804, 0x0401] },
];

function hello(extensions: readonly Extension[] = [], parts: Partial<ClientHello> = {}): ClientHello {
  const types = extensions.map(({ type }) => type);
  return {
    type: 'ClientHello',
    clientVersion: 0x0303,
    random: bytes(32),
    sessionId: bytes(32),
    cipherSuites: [0x1302, 0x1303, 0x1301, 0xc02f],
    compressionMethods: [0],
    extensions: [...offered.filter(({ type }) => !types.includes(type)), ...extensions],
    ...parts,
  };
}

function agreed(one: ClientHello, parts: Partial<TlsConfig> = {}): Parameters13 {
  const parameters = negotiate13(one, { ...base, ...parts });
  if (typeof parameters === 'string') throw new Error(`refused: ${parameters}`);
  return parameters;
}

const typesOf = (extensions: readonly Extension[]): string[] => extensions.map(({ type }) => type);

test('the first of our suites that the client has, whatever its order (RFC 5246 §7.4.1.3 and RFC 8446 §4.1.2 leave it to us)', () => {
  assert.is(agreed(hello()).suite.code, 0x1301);
  assert.is(agreed(hello(), { cipherSuites: [0xc02f, 0x1303, 0x1302] }).suite.code, 0x1303);
  assert.is(agreed(hello([], { cipherSuites: [0x1a1a, 0x1302] })).suite.hash, 'sha384');
  // Suites of 1.2 are none here, on either side.
  assert.is(negotiate13(hello([], { cipherSuites: [0xc02f, 0x1304] }), base), 'noCommonSuite');
  assert.is(negotiate13(hello(), { ...base, cipherSuites: [0xc02f] }), 'noCommonSuite');
});

test('many shares of many groups are no work beyond their number', () => {
  const listed = Array.from({ length: 16_000 }, (_, index) => 1000 + index);
  let searches = 0;
  const groups = Object.assign([...listed], {
    includes(this: number[], group: number): boolean {
      searches++;
      return this.indexOf(group) >= 0;
    },
  });
  const shares = listed.slice(0, 6000).map((group) => ({ group, keyExchange: bytes(1) }));
  const one = hello([
    { type: 'supported_groups', groups },
    { type: 'key_share', shares },
  ]);
  assert.is(negotiate13(one, base), 'noCommonGroup');
  assert.ok(searches < 10, `the list of groups was searched ${searches} times`);
});

test('a share that is there wins over a group that is liked better, which is then told (§4.2.7)', () => {
  const cases: [readonly GroupName[] | undefined, number[], number[], GroupName, boolean, boolean][] = [
    // our groups, the client's, its shares, the group, a share is there, supported_groups is sent
    [undefined, [X25519, P256], [X25519], 'x25519', true, false],
    [undefined, [P256, X25519], [P256, X25519], 'x25519', true, false],
    [undefined, [X25519, P256], [P256], 'secp256r1', true, true],
    [undefined, [P384], [P384], 'secp384r1', true, true],
    [['secp384r1', 'secp256r1'], [X25519, P256, P384], [X25519], 'secp384r1', false, false],
    [['secp384r1', 'secp256r1'], [X25519, P256], [X25519], 'secp256r1', false, true],
    [undefined, [0x2a2a, P256], [0x2a2a], 'secp256r1', false, true],
    [undefined, [X25519, P256], [], 'x25519', false, false],
  ];
  for (const [groups, supported, shares, group, isThere, isTold] of cases) {
    const one = hello([
      { type: 'supported_groups', groups: supported },
      { type: 'key_share', shares: shares.map(share) },
    ]);
    const result = agreed(one, groups && { groups });
    const what = JSON.stringify([groups, supported, shares]);
    assert.is(result.group, group, what);
    assert.is(result.clientShare !== undefined, isThere, what);
    assert.is(typesOf(result.encryptedExtensions).includes('supported_groups'), isTold, what);
  }
});

test('supported_groups tells all of our groups, those too that the client has not (§4.2.7)', () => {
  const one = hello([
    { type: 'supported_groups', groups: [P256] },
    { type: 'key_share', shares: [share(P256)] },
  ]);
  assert.equal(agreed(one).encryptedExtensions, [{ type: 'supported_groups', groups: [X25519, P256, P384] }]);
});

test('no group in common is no handshake', () => {
  const one = hello([
    { type: 'supported_groups', groups: [0x0100, 25] },
    { type: 'key_share', shares: [] },
  ]);
  assert.is(negotiate13(one, base), 'noCommonGroup');
});

test('a PSK without (EC)DHE is of no use: psk_ke alone is passed over, and without groups nothing can be agreed on', () => {
  const psk: Extension = {
    type: 'pre_shared_key',
    identities: [{ identity: bytes(9), obfuscatedTicketAge: 0 }],
    binders: [bytes(32)],
    bindersAt: 0,
  };
  const withModes = (...modes: number[]): Parameters13 =>
    agreed(hello([{ type: 'psk_key_exchange_modes', modes }, psk]));
  assert.is(withModes(0).psks, undefined);
  assert.is(withModes(0).takesTickets, false);
  assert.ok(withModes(0, 1).psks);
  assert.ok(withModes(1).takesTickets);
  const pskOnly: Extension[] = [
    { type: 'supported_versions', versions: [0x0304] },
    { type: 'psk_key_exchange_modes', modes: [0, 1] },
    psk,
  ];
  assert.is(negotiate13(hello([], { extensions: pskOnly }), base), 'noCommonGroup');
});

test('without psk_key_exchange_modes no tickets are of use (§4.2.9)', () => {
  assert.is(agreed(hello()).takesTickets, false);
});

const authenticated = (
  schemes: readonly number[],
  credentials: readonly TlsCredential[],
  serverName?: string,
  parts: Partial<TlsConfig> = {},
): [chain: string, signature: SignatureName] | string => {
  const one = hello([{ type: 'signature_algorithms', schemes }]);
  const result = authenticate13(one, { ...base, ...parts, credentials }, serverName);
  if (typeof result === 'string') return result;
  return [String.fromCharCode(...result.credential.chain[0]!), result.signature];
};

test('RSA signs with PSS and never with PKCS #1 (§4.4.3), ECDSA with the curve of the scheme', () => {
  const cases: [number[], TlsCredential['key']['type'], SignatureName | undefined][] = [
    [[0x0806, 0x0805, 0x0804], 'rsa', 'rsa_pss_rsae_sha256'],
    [[0x0806, 0x0805], 'rsa', 'rsa_pss_rsae_sha384'],
    [[0x0806], 'rsa', 'rsa_pss_rsae_sha512'],
    [[0x0401, 0x0501, 0x0601, 0x0201], 'rsa', undefined],
    // For certificates with an RSASSA-PSS key, which ours are not.
    [[0x0809, 0x080a, 0x080b], 'rsa', undefined],
    [[0x0403], 'ecdsa', 'ecdsa_secp256r1_sha256'],
    [[0x0503, 0x0603, 0x0203], 'ecdsa', undefined],
    [[0x0807], 'ed25519', 'ed25519'],
    [[0x0808], 'ed25519', undefined],
    [[0x4a4a, 0x0807], 'ed25519', 'ed25519'],
  ];
  for (const [schemes, type, expected] of cases) {
    const result = authenticated(schemes, [credential(type)]);
    assert.equal(result, expected === undefined ? 'noCommonSignature' : [`${type} `, expected]);
  }
});

test('the certificate goes by name first, then by what the client verifies, in our order', () => {
  const credentials = [
    credential('rsa', 'a.test'),
    credential('ecdsa', 'a.test', '*.b.test'),
    credential('ed25519', 'c.test'),
  ];
  const all = [0x0403, 0x0804, 0x0807];
  assert.equal(authenticated(all, credentials, 'a.test'), ['rsa a.test', 'rsa_pss_rsae_sha256']);
  assert.equal(authenticated(all, credentials, 'A.Test'), ['rsa a.test', 'rsa_pss_rsae_sha256']);
  assert.equal(authenticated([0x0403, 0x0401], credentials, 'a.test'), [
    'ecdsa a.test,*.b.test',
    'ecdsa_secp256r1_sha256',
  ]);
  assert.equal(authenticated(all, credentials, 'x.b.test')[0], 'ecdsa a.test,*.b.test');
  assert.equal(authenticated(all, credentials, 'c.test')[0], 'ed25519 c.test');
  // One label is one label, and the name itself is not below itself.
  for (const unknown of ['x.y.b.test', 'b.test', 'd.test', undefined]) {
    assert.equal(authenticated(all, credentials, unknown)[0], 'rsa a.test', String(unknown));
  }
  // The name is served, but not with what the client verifies.
  assert.is(authenticated([0x0804], credentials, 'c.test'), 'noCommonSignature');
});

test('a chain that the client verifies is better than one before it, and one that it does not is better than none (§4.4.2.2)', () => {
  const credentials = [
    { ...credential('rsa', 'a.test'), signedWith: [0x0401, 0x0501] },
    { ...credential('ecdsa', 'a.test'), signedWith: [0x0403] },
    { ...credential('ed25519', 'a.test'), signedWith: [0x0808] },
  ];
  const chosen = (schemes: number[], certSchemes?: number[]): string => {
    const cert: Extension[] = certSchemes ? [{ type: 'signature_algorithms_cert', schemes: certSchemes }] : [];
    const one = hello([{ type: 'signature_algorithms', schemes }, ...cert]);
    const result = authenticate13(one, { ...base, credentials }, 'a.test');
    return typeof result === 'string' ? result : result.signature;
  };
  assert.is(chosen([0x0804, 0x0403]), 'ecdsa_secp256r1_sha256');
  assert.is(chosen([0x0804, 0x0403, 0x0401]), 'ecdsa_secp256r1_sha256');
  assert.is(chosen([0x0804, 0x0403, 0x0401, 0x0501]), 'rsa_pss_rsae_sha256');
  assert.is(chosen([0x0804, 0x0403], [0x0401, 0x0501]), 'rsa_pss_rsae_sha256');
  assert.is(chosen([0x0804, 0x0403], [0x0403]), 'ecdsa_secp256r1_sha256');
  assert.is(chosen([0x0804, 0x0403, 0x0807], [0x0808]), 'ed25519');
  assert.is(chosen([0x0804, 0x0403], [0x0601]), 'rsa_pss_rsae_sha256');
  assert.is(chosen([0x0807]), 'ed25519');
});

test('unrecognizedName: an unknown name is refused when names are strict (RFC 6066 §3)', () => {
  const strict = { ...base, credentials: [credential('rsa', 'a.test')], strictServerName: true };
  const named = (name: string): ClientHello =>
    hello([{ type: 'server_name', names: [{ nameType: 0, name: ascii(name) }] }]);
  assert.is(negotiate13(named('b.test'), strict), 'unrecognizedName');
  assert.is(agreed(named('a.test'), strict).serverName, 'a.test');
  assert.is(agreed(hello(), strict).serverName, undefined);
});

test('what was asked for is answered in EncryptedExtensions, and nothing else (§4.2)', () => {
  assert.equal(agreed(hello(), { alpnProtocols: ['h2'] }).encryptedExtensions, []);
  const asked = hello([
    { type: 'server_name', names: [{ nameType: 0, name: ascii('a.test') }] },
    { type: 'alpn', protocols: [ascii('http/1.1'), ascii('h2')] },
    { type: 'record_size_limit', limit: 1000 },
    { type: 'extended_master_secret' },
    { type: 'ec_point_formats', formats: [0] },
    { type: 'renegotiation_info', renegotiatedConnection: new Uint8Array(0) },
    { type: 'session_ticket', ticket: new Uint8Array(0) },
    { type: 'encrypt_then_mac' },
    { type: 'post_handshake_auth' },
    { type: 'certificate_authorities', authorities: [bytes(3)] },
    { type: 'signature_algorithms_cert', schemes: [0x0401] },
    { type: 'opaque', code: 0x6a6a, data: bytes(1) },
  ]);
  assert.equal(agreed(asked, { alpnProtocols: ['h2', 'http/1.1'] }).encryptedExtensions, [
    { type: 'record_size_limit', limit: 16_385 },
    { type: 'server_name', names: undefined },
    { type: 'alpn', protocols: [ascii('h2')] },
  ]);
});

test('max_fragment_length is answered, unless record_size_limit is there (RFC 8449 §5)', () => {
  const fragments: Extension = { type: 'max_fragment_length', code: 2 };
  assert.equal(agreed(hello([fragments])).encryptedExtensions, [fragments]);
  const both = agreed(hello([fragments, { type: 'record_size_limit', limit: 64 }]));
  assert.equal(typesOf(both.encryptedExtensions), ['record_size_limit']);
  assert.is(negotiate13(hello([{ type: 'max_fragment_length', code: 5 }]), base), 'maxFragmentLengthValue');
  assert.is(negotiate13(hello([{ type: 'record_size_limit', limit: 63 }]), base), 'recordSizeLimitValue');
});

test('an OCSP response is for those who ask for one of that type', () => {
  const status = (statusType: number): Extension => ({ type: 'status_request', statusType, request: bytes(4) });
  assert.is(agreed(hello([status(1)])).wantsOcsp, true);
  assert.is(agreed(hello([status(2)])).wantsOcsp, false);
  assert.is(agreed(hello()).wantsOcsp, false);
});

test('ALPN without a protocol in common is no handshake, and is left alone when we have none', () => {
  const one = hello([{ type: 'alpn', protocols: [ascii('h3')] }]);
  assert.is(negotiate13(one, { ...base, alpnProtocols: ['h2'] }), 'noCommonProtocol');
  assert.is(agreed(one).alpn, undefined);
});

test('the versions of the hello’s head say nothing in 1.3 (§4.2.1)', () => {
  for (const clientVersion of [0x0301, 0x0302, 0x0304, 0x03ff]) agreed(hello([], { clientVersion }));
});

test.run();
