import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from '../../../src/core/limits.js';
import type { Extension } from '../../../src/core/tls/extensions.js';
import type { ClientHello } from '../../../src/core/tls/messages.js';
import { type Negotiated, negotiate } from '../../../src/core/tls/negotiate.js';
import { ascii } from '../../support/bytes.js';
import { clientHello, withExtension } from '../../support/tls-client.js';

const ALPN = ['h2', 'http/1.1'];
const none = new Uint8Array(0);

function agreed(parts: Partial<ClientHello> = {}, alpn: readonly string[] = ALPN): Negotiated {
  const result = negotiate(clientHello(parts), alpn);
  if (typeof result === 'string') throw new Error(`refused: ${result}`);
  return result;
}

const refused = (parts: Partial<ClientHello>, alpn: readonly string[] = ALPN): Negotiated | string =>
  negotiate(clientHello(parts), alpn);

const typesOf = (extensions: readonly Extension[] | undefined): string[] => (extensions ?? []).map((one) => one.type);

test('a browser-like ClientHello is served with everything it asked for', () => {
  const result = agreed();
  assert.equal(result, {
    cipherSuite: 0xc02f,
    group: 'x25519',
    signature: 'rsa_pkcs1_sha256',
    serverName: 'wirebench.test',
    alpn: 'h2',
    extendedMasterSecret: true,
    extensions: [
      { type: 'renegotiation_info', renegotiatedConnection: none },
      { type: 'server_name', names: undefined },
      { type: 'ec_point_formats', formats: [0] },
      { type: 'alpn', protocols: [ascii('h2')] },
      { type: 'extended_master_secret' },
    ],
  });
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
    return typeof result === 'string' ? result : (result as Negotiated).signature;
  };
  assert.is(signatureOf([0x0804, 0x0401]), 'rsa_pkcs1_sha256');
  assert.is(signatureOf([0x0403, 0x0804]), 'rsa_pss_rsae_sha256');
  assert.is(signatureOf([0x0403, 0x0201, 0x3a3a]), 'noCommonSignature');
  assert.is(refused({ extensions: withExtension('signature_algorithms') }), 'sha1Only');
  assert.is(refused({ extensions: undefined }), 'sha1Only');
});

test('ALPN follows the server’s order, fails without an overlap and is left alone when there is nothing to choose', () => {
  const protocols = (...names: string[]) => ({
    extensions: withExtension({ type: 'alpn', protocols: names.map(ascii) }),
  });
  assert.is(agreed(protocols('http/1.1', 'h2')).alpn, 'h2');
  assert.is(agreed(protocols('http/1.1', 'h2'), ['http/1.1', 'h2']).alpn, 'http/1.1');
  assert.is(agreed(protocols('\x0a\x0a', 'http/1.1')).alpn, 'http/1.1');
  assert.is(refused(protocols('spdy/3', 'h', 'h22', 'H2')), 'noCommonProtocol');
  assert.is(agreed(protocols('spdy/3'), []).alpn, undefined);
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
