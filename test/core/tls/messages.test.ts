import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ParseError, Reader } from '../../../src/core/bytes/reader.js';
import { Writer } from '../../../src/core/bytes/writer.js';
import { describeHandshake } from '../../../src/core/tls/describe.js';
import { decodeHandshake, encodeHandshake, type HandshakeMessage } from '../../../src/core/tls/messages.js';
import { ascii, concat, equalBytes, hex, testRandom } from '../../support/bytes.js';
import { clientHello, handshakeBytes } from '../../support/tls-client.js';

const bytes = (length: number): Uint8Array => testRandom(length).bytes(length);

const messages: HandshakeMessage[] = [
  { type: 'HelloRequest' },
  clientHello(),
  clientHello({ extensions: undefined, sessionId: bytes(32) }),
  clientHello({ extensions: [] }),
  clientHello({
    compressionMethods: [1, 0],
    extensions: [
      { type: 'opaque', code: 0x0a0a, data: new Uint8Array(0) },
      { type: 'supported_versions', versions: [0x7a7a, 0x0304, 0x0303] },
      { type: 'key_share', shares: [{ group: 29, keyExchange: bytes(32) }] },
      { type: 'opaque', code: 0xfe0d, data: bytes(38) },
      { type: 'server_name', names: [{ nameType: 9, name: bytes(3) }] },
    ],
  }),
  {
    type: 'ServerHello',
    serverVersion: 0x0303,
    random: bytes(32),
    sessionId: bytes(16),
    cipherSuite: 0xc02f,
    compressionMethod: 0,
    extensions: [
      { type: 'renegotiation_info', renegotiatedConnection: new Uint8Array(0) },
      { type: 'server_name', names: undefined },
      { type: 'alpn', protocols: [ascii('h2')] },
    ],
  },
  {
    type: 'ServerHello',
    serverVersion: 0x0303,
    random: bytes(32),
    sessionId: new Uint8Array(0),
    cipherSuite: 0xc02f,
    compressionMethod: 0,
    extensions: undefined,
  },
  { type: 'Certificate', certificateList: [bytes(700), bytes(900)] },
  { type: 'Certificate', certificateList: [] },
  { type: 'ServerKeyExchange', namedGroup: 29, publicKey: bytes(32), signatureScheme: 0x0401, signature: bytes(256) },
  { type: 'ServerHelloDone' },
  { type: 'ClientKeyExchange', publicKey: bytes(65) },
  { type: 'Finished', verifyData: bytes(12) },
  clientHello({
    extensions: [
      { type: 'max_fragment_length', code: 4 },
      { type: 'encrypt_then_mac' },
      { type: 'record_size_limit', limit: 64 },
      { type: 'session_ticket', ticket: bytes(0) },
      { type: 'status_request', statusType: 1, request: new Uint8Array(4) },
    ],
  }),
  clientHello({ extensions: [{ type: 'session_ticket', ticket: bytes(200) }] }),
  { type: 'NewSessionTicket', ticketLifetimeHint: 0x0102_0304, ticket: bytes(180) },
  { type: 'NewSessionTicket', ticketLifetimeHint: 0, ticket: new Uint8Array(0) },
  { type: 'CertificateStatus', statusType: 1, response: bytes(300) },
  { type: 'CertificateRequest', certificateTypes: [1, 64], signatureSchemes: [0x0401, 0x0807], authorities: [] },
  { type: 'CertificateRequest', certificateTypes: [1], signatureSchemes: [0x0401], authorities: [bytes(30), bytes(9)] },
  { type: 'CertificateVerify', signatureScheme: 0x0804, signature: bytes(256) },
];

test('decoding and encoding are inverse, both ways', () => {
  for (const message of messages) {
    const encoded = handshakeBytes(message);
    const decoded = decodeHandshake(new Reader('tls', encoded));
    assert.equal(decoded, message);
    const again = new Writer();
    encodeHandshake(again, decoded);
    equalBytes(again.finish(), encoded, message.type);
  }
});

test('every truncation of a message is a ParseError and nothing else', () => {
  for (const message of messages) {
    const encoded = handshakeBytes(message);
    for (let length = 0; length < encoded.length; length++) {
      assert.throws(
        () => decodeHandshake(new Reader('tls', encoded.subarray(0, length))),
        (error: unknown) => error instanceof ParseError && error.offset <= length,
        `${message.type} cut to ${length}`,
      );
    }
  }
});

test('every truncation with a header that fits is a ParseError, except where an extension block just ends', () => {
  for (const message of messages) {
    const encoded = handshakeBytes(message);
    for (let length = 4; length < encoded.length; length++) {
      const cut = encoded.slice(0, length);
      cut[1] = (length - 4) >>> 16;
      cut[2] = (length - 4) >>> 8;
      cut[3] = length - 4;
      try {
        const decoded = decodeHandshake(new Reader('tls', cut));
        // RFC 5246 §7.4.1.2: a hello without its block of extensions is a whole hello.
        assert.ok('extensions' in decoded && decoded.extensions === undefined, `${message.type} cut to ${length}`);
      } catch (error) {
        assert.ok(error instanceof ParseError, String(error));
      }
    }
  }
});

test('bytes behind a body are refused', () => {
  for (const message of messages) {
    const encoded = handshakeBytes(message);
    const longer = concat(encoded, Uint8Array.of(0));
    const length = encoded.length - 4 + 1;
    longer[1] = length >>> 16;
    longer[2] = length >>> 8;
    longer[3] = length;
    assert.throws(
      () => decodeHandshake(new Reader('tls', longer)),
      (error: unknown) => error instanceof ParseError,
      message.type,
    );
  }
});

test('random bytes give a message or a ParseError', () => {
  const random = testRandom(11);
  const types = [0, 1, 2, 4, 11, 12, 13, 14, 15, 16, 20, 22, 99];
  for (let round = 0; round < 3000; round++) {
    const body = random.bytes(random.below(90));
    const input = concat(Uint8Array.of(types[random.below(types.length)]!, 0, 0, body.length), body);
    try {
      const decoded = decodeHandshake(new Reader('tls', input));
      equalBytes(handshakeBytes(decoded), input, decoded.type);
      assert.type(describeHandshake(decoded), 'object');
    } catch (error) {
      assert.instance(error, ParseError);
    }
  }
});

test('what a single message may not hold is refused with the name of the field', () => {
  const cases: [string, RegExp][] = [
    ['63 000000', /msg_type: 99/],
    // session_id of 33 bytes
    [`01 000048 0303 ${'00'.repeat(32)} 21 ${'00'.repeat(37)}`, /ClientHello\.session_id: 33/],
    // an odd number of bytes of cipher suites
    [`01 000028 0303 ${'00'.repeat(32)} 00 0003 c02f00`, /ClientHello\.cipher_suites: length 3/],
    [`01 000028 0303 ${'00'.repeat(32)} 00 0002 c02f 00`, /ClientHello\.compression_methods: empty/],
    ['10 000001 00', /ClientKeyExchange\.public_key: empty/],
    ['0c 000001 01', /ServerKeyExchange\.curve_type: 1/],
    ['0b 000006 000003 000000', /Certificate\.certificate_list\.certificate: empty/],
    ['14 00000d 00000000000000000000000000', /Finished\.body: 1 bytes too many/],
    ['0e 000001 00', /ServerHelloDone\.body: 1 bytes too many/],
  ];
  for (const [input, expected] of cases) {
    assert.throws(() => decodeHandshake(new Reader('tls', hex(input))), expected);
  }
});

test('an extension that breaks its own structure is refused with its path', () => {
  const cases: [string, RegExp][] = [
    ['0000 0002 0000', /extensions\.server_name\.server_name_list: empty/],
    ['0000 0005 0003 00 0000', /server_name_list\.name: empty/],
    ['000a 0003 0001 00', /supported_groups\.length: 1/],
    ['000a 0002 0000', /supported_groups\.length: 0/],
    ['000b 0001 00', /ec_point_formats\.length: 0/],
    ['000d 0005 0002 0401 00', /signature_algorithms\.extension_data: 1 bytes too many/],
    ['0010 0002 0000', /extensions\.alpn: no protocol name/],
    ['0010 0003 0001 00', /extensions\.alpn: empty protocol name/],
    ['0010 0005 0003 03 6832', /extensions\.alpn: 3 bytes wanted, 2 left/],
    ['0017 0001 00', /extended_master_secret\.extension_data: 1 bytes too many/],
    ['002b 0002 01 03', /supported_versions\.length: 1/],
    ['ff01 0001 01', /renegotiation_info\.renegotiated_connection/],
    ['0033 0005 00', /key_share: 5 bytes wanted, 1 left/],
    ['fe0d 0005 00', /extension_data: 5 bytes wanted, 1 left/],
    ['0001 0002 0100', /max_fragment_length\.extension_data: 1 bytes too many/],
    ['0016 0001 00', /encrypt_then_mac\.extension_data: 1 bytes too many/],
    ['001c 0001 00', /record_size_limit\.record_size_limit: 2 bytes wanted/],
  ];
  for (const [extension, expected] of cases) {
    const block = hex(extension);
    const hello = handshakeBytes(clientHello({ extensions: [] }));
    const input = concat(hello, block);
    input[3] = input.length - 4;
    input[hello.length - 1] = block.length;
    assert.throws(() => decodeHandshake(new Reader('tls', input)), expected, extension);
  }
});

test('the field sink names every byte of a server flight, without gaps', () => {
  for (const message of messages) {
    const encoded = handshakeBytes(message);
    const covered = new Uint8Array(encoded.length);
    const paths: string[] = [];
    const sink = (path: string, offset: number, length: number): void => {
      paths.push(path);
      covered.fill(1, offset, offset + length);
    };
    decodeHandshake(new Reader('tls', encoded, 0, encoded.length, sink));
    assert.not(covered.includes(0), `${message.type} has bytes without a name`);
    for (const path of paths.slice(2)) assert.ok(path.startsWith(`${message.type}.`), path);
  }
});

test('the field sink reports the selected protocol as ServerHello.extensions.alpn', () => {
  const encoded = handshakeBytes(messages[5]!);
  const found = new Map<string, Uint8Array | number>();
  decodeHandshake(new Reader('tls', encoded, 0, encoded.length, (path, _at, _length, value) => found.set(path, value)));
  equalBytes(found.get('ServerHello.extensions.alpn') as Uint8Array, ascii('h2'));
  assert.is(found.get('ServerHello.cipher_suite'), 0xc02f);
});

test('a description names codes and says GREASE where it is', () => {
  assert.equal(describeHandshake(clientHello()), {
    version: 'TLS1.2',
    random: Array.from(clientHello().random, (byte) => byte.toString(16).padStart(2, '0')).join(''),
    sessionId: '',
    cipherSuites: [
      'GREASE_0x1a1a',
      'TLS_AES_128_GCM_SHA256',
      'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
      'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
    ],
    compressionMethods: ['null'],
    extensions: [
      'server_name',
      'supported_groups',
      'ec_point_formats',
      'signature_algorithms',
      'application_layer_protocol_negotiation',
      'extended_master_secret',
      'renegotiation_info',
    ],
    serverName: 'wirebench.test',
    supportedGroups: ['GREASE_0x0a0a', 'x25519', 'secp256r1'],
    ecPointFormats: ['uncompressed'],
    signatureAlgorithms: ['rsa_pss_rsae_sha256', 'rsa_pkcs1_sha256'],
    alpn: ['h2', 'http/1.1'],
    extendedMasterSecret: true,
    renegotiatedConnection: '',
  });
});

test.run();
