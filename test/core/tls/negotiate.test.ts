// What a ClientHello leads to in TLS 1.2: offers, choices and answers, by the rules of RFC 5246 §7.4.1, RFC 8422, RFC 5746,
// RFC 6066, RFC 7301, RFC 7366, RFC 7627 and RFC 8449.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from '../../../src/core/limits.js';
import type { Verdict } from '../../../src/core/tls/alerts.js';
import { credentialsFor } from '../../../src/core/tls/client-offers.js';
import type { TlsConfig, TlsCredential } from '../../../src/core/tls/config.js';
import type { Extension } from '../../../src/core/tls/extensions.js';
import type { ClientHello } from '../../../src/core/tls/messages.js';
import { answerExtensions, type Choice, choose, type Offers, readOffers } from '../../../src/core/tls/negotiate.js';
import { ascii } from '../../support/bytes.js';
import { clientHello, withExtension } from '../../support/tls-client.js';
import { serverOptions } from '../../support/tls-server.js';

const none = new Uint8Array(0);
type Agreed = Offers & Choice & { readonly extensions: readonly Extension[] | undefined };

/** As a full handshake goes: offers, choice, answers. */
function refused(parts: Partial<ClientHello>, config: Partial<TlsConfig> = {}): Agreed | Verdict {
  const hello = clientHello(parts);
  const { config: whole } = serverOptions(config);
  const offers = readOffers(hello, whole);
  if (typeof offers === 'string') return offers;
  const choice = choose(hello, offers, whole);
  if (typeof choice === 'string') return choice;
  const answers = { resumed: false, ticket: false, certificateStatus: false, encryptThenMac: false };
  return { ...offers, ...choice, extensions: answerExtensions(offers, answers) };
}

function agreed(parts: Partial<ClientHello> = {}, config: Partial<TlsConfig> = {}): Agreed {
  const result = refused(parts, config);
  if (typeof result === 'string') throw new Error(`refused: ${result}`);
  return result;
}

const typesOf = (extensions: readonly Extension[] | undefined): string[] => (extensions ?? []).map((one) => one.type);

test('a browser-like ClientHello is served with everything it asked for', () => {
  const { suite, group, signature, serverName, alpn, extendedMasterSecret, extensions } = agreed();
  assert.equal(
    [suite.code, group, signature, serverName, alpn, extendedMasterSecret],
    [0xc02f, 'x25519', 'rsa_pkcs1_sha256', 'wirebench.test', 'h2', true],
  );
  assert.equal(extensions, [
    { type: 'renegotiation_info', renegotiatedConnection: none },
    { type: 'server_name', names: undefined },
    { type: 'ec_point_formats', formats: [0] },
    { type: 'alpn', protocols: [ascii('h2')] },
    { type: 'extended_master_secret' },
  ]);
});

test('nothing is answered that was not offered, and without answers there is no extension block', () => {
  const schemes: Extension = { type: 'signature_algorithms', schemes: [0x0401] };
  const result = agreed({ extensions: [schemes] });
  assert.is(result.extensions, undefined);
  assert.equal([result.serverName, result.alpn, result.extendedMasterSecret], [undefined, undefined, false]);
});

test('each extension is answered exactly when it is offered', () => {
  for (const type of [
    'server_name',
    'ec_point_formats',
    'alpn',
    'extended_master_secret',
    'renegotiation_info',
  ] as const) {
    const without = typesOf(agreed({ extensions: withExtension(type) }).extensions);
    assert.equal(
      without,
      typesOf(agreed().extensions).filter((one) => one !== type),
    );
  }
});

test('the signalling cipher suite asks for renegotiation_info as the extension does', () => {
  const extensions = withExtension('renegotiation_info');
  assert.ok(typesOf(agreed({ extensions, cipherSuites: [0xc02f, 0x00ff] }).extensions).includes('renegotiation_info'));
  assert.not(typesOf(agreed({ extensions }).extensions).includes('renegotiation_info'));
});

test('x25519 is preferred, the client’s list decides, and without a list it is secp256r1', () => {
  const groupOf = (groups: readonly number[]): string =>
    agreed({ extensions: withExtension({ type: 'supported_groups', groups }) }).group;
  assert.is(groupOf([23, 29]), 'x25519');
  assert.is(groupOf([0x2a2a, 24, 23]), 'secp256r1');
  assert.is(agreed({ extensions: withExtension('supported_groups') }).group, 'secp256r1');
  assert.is(
    refused({ extensions: withExtension({ type: 'supported_groups', groups: [0x2a2a, 24, 25] }) }),
    'noCommonGroup',
  );
});

test('PKCS #1 is preferred, PSS is for those who offer only that', () => {
  const signatureOf = (schemes: readonly number[]): unknown => {
    const result = refused({ extensions: withExtension({ type: 'signature_algorithms', schemes }) });
    return typeof result === 'string' ? result : result.signature;
  };
  assert.is(signatureOf([0x0804, 0x0401]), 'rsa_pkcs1_sha256');
  assert.is(signatureOf([0x0403, 0x0804]), 'rsa_pss_rsae_sha256');
  assert.is(signatureOf([0x0403, 0x0201, 0x3a3a]), 'noCommonSignature');
  assert.is(refused({ extensions: withExtension('signature_algorithms') }), 'sha1Only');
  assert.is(refused({ extensions: undefined }), 'sha1Only');
});

test('P-384 is a group like others, and the server’s order decides (RFC 8422 §5.1.1)', () => {
  const groupOf = (groups: number[], config: Partial<TlsConfig>): unknown => {
    const result = refused({ extensions: withExtension({ type: 'supported_groups', groups }) }, config);
    return typeof result === 'string' ? result : result.group;
  };
  const all = { groups: ['secp384r1', 'x25519', 'secp256r1'] } as const;
  assert.is(groupOf([23, 24, 29], all), 'secp384r1');
  assert.is(groupOf([23, 29], all), 'x25519');
  assert.is(groupOf([24], { groups: ['x25519'] }), 'noCommonGroup');
  // Without a list a client that has no P-256 to fall back on gets the server's favourite.
  assert.is(agreed({ extensions: withExtension('supported_groups') }, all).group, 'secp256r1');
  assert.is(agreed({ extensions: withExtension('supported_groups') }, { groups: ['secp384r1'] }).group, 'secp384r1');
});

// ---- Suites, credentials, signatures ----

/** Credentials that sign nothing: their keys have types, and choosing needs no more. */
const keyed = (type: 'rsa' | 'ecdsa' | 'ed25519', ...names: string[]): TlsCredential => ({
  chain: [ascii(`${type} ${names.join(' ')}`)],
  key: { type, modulusBits: type === 'rsa' ? 2048 : 0 },
  ...(names.length > 0 && { names }),
});
const rsa = keyed('rsa');
const ecdsa = keyed('ecdsa');
const ed25519 = keyed('ed25519');
const ALL_SUITES = [0xc02f, 0xc02b, 0xc030, 0xc02c, 0xcca8, 0xcca9, 0xc013, 0xc014];

/** `code signature`, or the verdict. */
function chosen(
  offer: { suites: number[]; schemes: number[]; groups?: number[] },
  credentials: readonly TlsCredential[],
  cipherSuites: readonly number[] = ALL_SUITES,
): string {
  const { suites, schemes, groups = [29, 23] } = offer;
  const extensions: Extension[] = [
    { type: 'supported_groups', groups },
    { type: 'signature_algorithms', schemes },
  ];
  const result = refused({ cipherSuites: suites, extensions }, { credentials, cipherSuites });
  return typeof result === 'string' ? result : `${result.suite.code.toString(16)} ${result.signature}`;
}

test('suite, credential and signature are chosen together, by the server’s order of suites', () => {
  const every = [0x0401, 0x0403, 0x0501, 0x0601, 0x0804, 0x0805, 0x0806, 0x0807];
  const table: [string, number[], number[], readonly TlsCredential[]][] = [
    // what is chosen, suites offered, signatures offered, credentials
    ['c02f rsa_pkcs1_sha256', ALL_SUITES, every, [rsa, ecdsa]],
    ['c02f rsa_pkcs1_sha256', [...ALL_SUITES].reverse(), every, [ecdsa, rsa]],
    ['c02b ecdsa_secp256r1_sha256', ALL_SUITES, every, [ecdsa]],
    ['c02b ed25519', ALL_SUITES, every, [ed25519]],
    ['c02b ecdsa_secp256r1_sha256', ALL_SUITES, every, [ecdsa, ed25519]],
    ['c02b ed25519', ALL_SUITES, every, [ed25519, ecdsa]],
    ['c030 rsa_pkcs1_sha256', [0xcca8, 0xc030], every, [rsa]],
    ['c02c ecdsa_secp256r1_sha256', [0xc02c, 0xc030], every, [ecdsa]],
    // ChaCha20 is not moved up because the client has it first.
    ['c030 rsa_pkcs1_sha256', [0xcca8, 0xcca9, 0xc030], every, [rsa, ecdsa]],
    ['cca8 rsa_pkcs1_sha256', [0xcca9, 0xcca8], every, [rsa]],
    ['cca9 ecdsa_secp256r1_sha256', [0xcca9, 0xcca8], every, [ecdsa]],
    ['c013 rsa_pkcs1_sha256', [0xc014, 0xc013], every, [rsa]],
    ['c014 rsa_pkcs1_sha256', [0xc014, 0xc009], every, [rsa]],
    // The next suite serves when no signature does for the first one.
    ['c02b ecdsa_secp256r1_sha256', [0xc02f, 0xc02b], [0x0403], [rsa, ecdsa]],
    ['c02b ed25519', [0xc02f, 0xc02b], [0x0807], [rsa, ecdsa, ed25519]],
    ['c02f rsa_pkcs1_sha384', ALL_SUITES, [0x0501, 0x0601], [rsa]],
    ['c02f rsa_pkcs1_sha512', ALL_SUITES, [0x0601], [rsa]],
    ['c02f rsa_pss_rsae_sha256', ALL_SUITES, [0x0806, 0x0805, 0x0804], [rsa]],
    ['c02f rsa_pss_rsae_sha384', ALL_SUITES, [0x0806, 0x0805], [rsa]],
    ['c02f rsa_pss_rsae_sha512', ALL_SUITES, [0x0806], [rsa]],
    ['noCommonSignature', [0xc02f], [0x0403, 0x0807], [rsa, ecdsa]],
    ['noCommonSignature', [0xc02b], [0x0401], [rsa, ecdsa]],
    ['noCommonSuite', [0xc02b], every, [rsa]],
    ['noCommonSuite', [0xc02f], every, [ecdsa, ed25519]],
    ['noCommonSuite', [0x1301, 0x1302, 0x2a2a, 0x00ff, 0x5600], every, [rsa]],
  ];
  for (const [expected, suites, schemes, credentials] of table) {
    assert.is(chosen({ suites, schemes }, credentials), expected);
  }
});

test('suites that the config leaves out are not chosen, and 1.3 suites never in 1.2', () => {
  const offer = { suites: [0x1301, 0xc02f, 0xc030, 0xc013], schemes: [0x0401] };
  assert.is(chosen(offer, [rsa], [0x1301, 0xc030]), 'c030 rsa_pkcs1_sha256');
  assert.is(chosen(offer, [rsa], [0x1301]), 'noCommonSuite');
});

test('CBC suites have to be asked for', () => {
  const cbc = { cipherSuites: [0xc013, 0xc014] };
  const { config } = serverOptions(cbc);
  const { cipherSuites: _, ...standard } = config;
  const hello = clientHello(cbc);
  const offers = readOffers(hello, standard) as Offers;
  assert.is(choose(hello, offers, standard), 'noCommonSuite');
  assert.is((choose(hello, offers, config) as Choice).suite.mac, 'sha1');
});

test('the curve of an ECDSA certificate has to be one that the client lists (RFC 8422 §5.3)', () => {
  const offer = { suites: [0xc02b], schemes: [0x0403, 0x0807], groups: [29] };
  assert.is(chosen(offer, [ecdsa]), 'noCommonSignature');
  assert.is(chosen(offer, [ecdsa, ed25519]), 'c02b ed25519');
  assert.is(chosen({ ...offer, groups: [29, 23] }, [ecdsa]), 'c02b ecdsa_secp256r1_sha256');
});

test('a modulus that has no room for hash and salt is passed over (RFC 8017 §9.1.1)', () => {
  const short: TlsCredential = { ...rsa, key: { type: 'rsa', modulusBits: 1024 } };
  assert.is(chosen({ suites: [0xc02f], schemes: [0x0806] }, [short]), 'noCommonSignature');
  assert.is(chosen({ suites: [0xc02f], schemes: [0x0806, 0x0805] }, [short]), 'c02f rsa_pss_rsae_sha384');
});

test('the credential is the one for the name, wildcards stand for one label (RFC 6066 §3)', () => {
  const one = keyed('rsa', 'one.test');
  const wild = keyed('rsa', '*.two.test', 'two.test');
  const credentials = [one, wild];
  const served = (name: string, config: Partial<TlsConfig> = {}): unknown => {
    const extensions = withExtension({ type: 'server_name', names: [{ nameType: 0, name: ascii(name) }] });
    const result = refused({ extensions }, { credentials, ...config });
    return typeof result === 'string' ? result : result.credential;
  };
  assert.is(served('one.test'), one);
  assert.is(served('ONE.Test'), one);
  assert.is(served('two.test'), wild);
  assert.is(served('a.two.test'), wild);
  assert.is(served('a.b.two.test'), one);
  assert.is(served('unknown.test'), one);
  assert.is(agreed({ extensions: withExtension('server_name') }, { credentials }).credential, one);
  const strict = { strictServerName: true };
  assert.is(served('a.two.test', strict), wild);
  assert.is(served('unknown.test', strict), 'unrecognizedName');
  assert.is(served('a.b.two.test', strict), 'unrecognizedName');
  assert.is(agreed({ extensions: withExtension('server_name') }, { credentials, ...strict }).credential, one);
});

test('a credential of no name serves all that no other has the name of, wherever it stands (RFC 6066 §3)', () => {
  const named = keyed('ecdsa', 'b.test');
  for (const credentials of [
    [rsa, named],
    [named, rsa],
  ]) {
    for (const strictServerName of [false, true]) {
      const config = { credentials, strictServerName };
      assert.equal(credentialsFor(serverOptions(config).config, 'B.test'), [named]);
      assert.equal(credentialsFor(serverOptions(config).config, 'c.test'), [rsa]);
      assert.equal(credentialsFor(serverOptions(config).config, undefined), credentials);
    }
  }
});

test('of several credentials for one name the suite decides', () => {
  const credentials = [keyed('rsa', 'a.test'), keyed('ecdsa', 'a.test'), keyed('ecdsa', 'b.test')];
  const extensions = withExtension({ type: 'server_name', names: [{ nameType: 0, name: ascii('a.test') }] });
  const schemes = [...withExtension({ type: 'signature_algorithms', schemes: [0x0403] })];
  const both = [...extensions.filter((one) => one.type === 'server_name'), ...schemes.slice(1)];
  const result = agreed({ extensions: both, cipherSuites: [0xc02b] }, { credentials, cipherSuites: ALL_SUITES });
  assert.is(result.credential, credentials[1]);
});

test('a chain that the client verifies goes before the server’s order (RFC 5246 §7.4.2, RFC 8446 §4.2.3)', () => {
  const sha512 = { ...keyed('rsa'), signedWith: [0x0401, 0x0601] };
  const sha256 = { ...keyed('rsa'), signedWith: [0x0401] };
  const byEcdsa = { ...ecdsa, signedWith: [0x0403] };
  const taken = (schemes: number[], credentials: readonly TlsCredential[], certificateSchemes?: number[]) => {
    const extensions: Extension[] = [
      { type: 'supported_groups', groups: [29, 23] },
      { type: 'signature_algorithms', schemes },
      ...(certificateSchemes ? [{ type: 'signature_algorithms_cert' as const, schemes: certificateSchemes }] : []),
    ];
    const config = { credentials, cipherSuites: ALL_SUITES };
    return credentials.indexOf(agreed({ cipherSuites: ALL_SUITES, extensions }, config).credential);
  };
  assert.is(taken([0x0401, 0x0601], [sha512, sha256]), 0);
  assert.is(taken([0x0401], [sha512, sha256]), 1);
  assert.is(taken([0x0804, 0x0403], [sha512, byEcdsa]), 1, 'of another suite');
  assert.is(taken([0x0804], [sha512, byEcdsa]), 0, 'there is no other');
  assert.is(taken([0x0401], [sha512, sha256], [0x0401, 0x0601]), 0);
  assert.is(taken([0x0401, 0x0601], [sha512, sha256], [0x0401]), 1);
  assert.is(taken([0x0401], [sha512, rsa]), 1, 'what is not known may be right');
});

// ---- Sizes of records ----

test('max_fragment_length: each of the four codes is answered as it is, others are illegal (RFC 6066 §4)', () => {
  for (const code of [1, 2, 3, 4]) {
    const result = agreed({ extensions: withExtension({ type: 'max_fragment_length', code }) });
    assert.is(result.maxFragmentLength, code);
    assert.ok(result.extensions?.some((one) => one.type === 'max_fragment_length' && one.code === code));
  }
  for (const code of [0, 5, 255]) {
    const extensions = withExtension({ type: 'max_fragment_length', code });
    assert.is(refused({ extensions }), 'maxFragmentLengthValue');
  }
});

test('record_size_limit: below 64 is illegal, above 2^14 is taken, ours is 2^14 (RFC 8449 §4)', () => {
  for (const limit of [64, 16_384, 16_385, 65_535]) {
    const result = agreed({ extensions: withExtension({ type: 'record_size_limit', limit }) });
    assert.is(result.recordSizeLimit, limit);
    assert.ok(result.extensions?.some((one) => one.type === 'record_size_limit' && one.limit === 16_384));
  }
  for (const limit of [0, 63]) {
    assert.is(refused({ extensions: withExtension({ type: 'record_size_limit', limit }) }), 'recordSizeLimitValue');
  }
});

test('record_size_limit makes max_fragment_length count for nothing, whatever it says (RFC 8449 §5)', () => {
  for (const code of [1, 9]) {
    const extensions = [
      ...withExtension({ type: 'record_size_limit', limit: 100 }),
      { type: 'max_fragment_length', code } as const,
    ];
    const result = agreed({ extensions });
    assert.equal([result.recordSizeLimit, result.maxFragmentLength], [100, 0]);
    assert.not(typesOf(result.extensions).includes('max_fragment_length'));
  }
});

test('as the first releases did: two signatures, and sizes of records left unanswered', () => {
  const config = { asFirstReleased: true };
  const extensions = [
    ...withExtension({ type: 'record_size_limit', limit: 1 }),
    { type: 'max_fragment_length', code: 9 } as const,
  ];
  assert.equal(typesOf(agreed({ extensions }, config).extensions), typesOf(agreed().extensions));
  const longer = withExtension({ type: 'signature_algorithms', schemes: [0x0501, 0x0601, 0x0805] });
  assert.is(refused({ extensions: longer }, config), 'noCommonSignature');
});

// ---- What is answered ----

test('a resumed session has no answers that belong to the session (RFC 6066 §1.1, RFC 8422 §4)', () => {
  const extensions = [
    ...withExtension({ type: 'max_fragment_length', code: 2 }),
    { type: 'status_request', statusType: 1, request: new Uint8Array(4) } as const,
    { type: 'session_ticket', ticket: none } as const,
  ];
  const { config } = serverOptions();
  const offers = readOffers(clientHello({ extensions }), config) as Offers;
  const answers = { resumed: true, ticket: true, certificateStatus: false, encryptThenMac: false };
  assert.equal(typesOf(answerExtensions(offers, answers)), [
    'renegotiation_info',
    'session_ticket',
    'alpn',
    'extended_master_secret',
  ]);
  assert.equal(typesOf(answerExtensions(offers, { ...answers, resumed: false, certificateStatus: true })), [
    'renegotiation_info',
    'server_name',
    'max_fragment_length',
    'ec_point_formats',
    'session_ticket',
    'status_request',
    'alpn',
    'extended_master_secret',
  ]);
});

test('only OCSP is a certificate status that can be had (RFC 6066 §8)', () => {
  const asked = (statusType: number): boolean => {
    const extensions = withExtension({ type: 'status_request', statusType, request: new Uint8Array(4) });
    return agreed({ extensions }).ocspResponse;
  };
  assert.is(asked(1), true);
  assert.is(agreed().ocspResponse, false);
});

test('GREASE and padding in all places change nothing (RFC 8701 §3.2, RFC 7685 §3)', () => {
  const grease = 0x3a3a;
  const extensions: Extension[] = [
    { type: 'opaque', code: grease, data: none },
    ...withExtension({ type: 'supported_groups', groups: [grease, 29] }).map((one) =>
      one.type === 'signature_algorithms' ? { ...one, schemes: [grease, 0x0401] } : one,
    ),
    { type: 'opaque', code: 0x8a8a, data: Uint8Array.of(0) },
    { type: 'opaque', code: 21, data: new Uint8Array(400) },
  ];
  const { suite, group, signature } = agreed({ cipherSuites: [grease, 0xc02f], extensions });
  assert.equal([suite.code, group, signature], [0xc02f, 'x25519', 'rsa_pkcs1_sha256']);
});

test('ALPN follows the server’s order, fails without an overlap and is left alone when there is nothing to choose', () => {
  const protocols = (...names: string[]) => ({
    extensions: withExtension({ type: 'alpn', protocols: names.map(ascii) }),
  });
  assert.is(agreed(protocols('http/1.1', 'h2')).alpn, 'h2');
  assert.is(agreed(protocols('http/1.1', 'h2'), { alpnProtocols: ['http/1.1', 'h2'] }).alpn, 'http/1.1');
  assert.is(agreed(protocols('\x0a\x0a', 'http/1.1')).alpn, 'http/1.1');
  assert.is(refused(protocols('spdy/3', 'h', 'h22', 'H2')), 'noCommonProtocol');
  assert.is(agreed(protocols('spdy/3'), { alpnProtocols: [] }).alpn, undefined);
  assert.is(agreed({ extensions: withExtension('alpn') }).alpn, undefined);
});

test('what is not allowed in a ClientHello is refused by its rule', () => {
  const cases: [string, Partial<ClientHello>][] = [
    ['noCommonSuite', { cipherSuites: [0x1301, 0x2a2a, 0x00ff] }],
    ['noNullCompression', { compressionMethods: [1] }],
    [
      'renegotiationInfo',
      { extensions: withExtension({ type: 'renegotiation_info', renegotiatedConnection: new Uint8Array(12) }) },
    ],
    ['noUncompressedPoints', { extensions: withExtension({ type: 'ec_point_formats', formats: [1, 2] }) }],
    [
      'noCommonPointFormat',
      {
        extensions: [
          { type: 'signature_algorithms', schemes: [0x0401] },
          { type: 'ec_point_formats', formats: [1] },
        ],
      },
    ],
    ['malformedMessage', { extensions: withExtension({ type: 'server_name', names: undefined }) }],
  ];
  for (const [verdict, parts] of cases) assert.is(refused(parts), verdict);
});

test('a host name is one, ASCII, and no longer than a domain name', () => {
  const names = (...list: [number, Uint8Array][]) => ({
    extensions: withExtension({ type: 'server_name', names: list.map(([nameType, name]) => ({ nameType, name })) }),
  });
  const most = limits.tls.serverNameBytes;
  assert.is(agreed(names([0, ascii('a'.repeat(most))])).serverName, 'a'.repeat(most));
  assert.is(agreed(names([7, ascii('?')], [0, ascii('a.b')])).serverName, 'a.b');
  assert.is(agreed(names([7, ascii('?')])).serverName, undefined);
  for (const bad of ['a'.repeat(most + 1), 'a\0b', 'a b', 'caf\xe9', '\x7f']) {
    assert.is(refused(names([0, ascii(bad)])), 'serverName', bad);
  }
  assert.is(refused(names([0, ascii('a')], [0, ascii('b')])), 'serverName');
});

test.run();
