// The messages and extensions of TLS 1.3: those of RFC 8448 and some of our own, there and back, and no form of them cut
// short or drawn out decodes.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ParseError, Reader } from '../../../src/core/bytes/reader.js';
import { Writer } from '../../../src/core/bytes/writer.js';
import { describeHandshake13 } from '../../../src/core/tls/describe13.js';
import type { Extension } from '../../../src/core/tls/extensions.js';
import { HELLO_RETRY_REQUEST_RANDOM, isHelloRetryRequest } from '../../../src/core/tls/messages.js';
import {
  decodeHandshake13,
  encodeHandshake13,
  type HandshakeMessage13,
  messageHash,
} from '../../../src/core/tls/messages13.js';
import { nodeCrypto } from '../../../src/io/node-crypto.js';
import { ascii, concat, equalBytes, hex } from '../../support/bytes.js';
import { handshakeSections, stepsOf } from './rfc8448/traces.js';

const decode = (bytes: Uint8Array): HandshakeMessage13 => {
  const reader = new Reader('tls', bytes);
  const message = decodeHandshake13(reader, 32);
  assert.is(reader.remaining, 0);
  return message;
};

const encode = (message: HandshakeMessage13): Uint8Array => {
  const writer = new Writer();
  encodeHandshake13(writer, message);
  return writer.finish();
};

/** All handshake messages of the traces. In §4 the ClientHello is the one with its binders. */
const traced = handshakeSections.flatMap(({ section }) =>
  stepsOf(section).flatMap((step) => {
    const name = /^construct an? (\w+) handshake message$/.exec(step.what)?.[1];
    if (name === undefined) return [];
    if (section === 4 && name === 'ClientHello') {
      const sent = stepsOf(4).find((one) => one.what === 'send handshake record' && one.who === 'client')!;
      return [{ name, bytes: sent.bytes('payload') }];
    }
    return [{ name, bytes: step.bytes(name) }];
  }),
);

const bytes = (length: number, fill: number): Uint8Array => new Uint8Array(length).fill(fill);
const hello = (extensions: readonly Extension[]): HandshakeMessage13 => ({
  type: 'ClientHello',
  clientVersion: 0x0303,
  random: bytes(32, 7),
  sessionId: bytes(32, 8),
  cipherSuites: [0x1301],
  compressionMethods: [0],
  extensions,
});
const serverHello = (random: Uint8Array, extensions: readonly Extension[]): HandshakeMessage13 => ({
  type: 'ServerHello',
  serverVersion: 0x0303,
  random,
  sessionId: bytes(32, 8),
  cipherSuite: 0x1301,
  compressionMethod: 0,
  extensions,
});

/** What the traces have not. */
const made: readonly HandshakeMessage13[] = [
  hello([
    { type: 'supported_versions', versions: [0x2a2a, 0x0304] },
    { type: 'key_share', shares: [] },
    { type: 'cookie', cookie: bytes(3, 1) },
    { type: 'early_data' },
    { type: 'post_handshake_auth' },
    { type: 'signature_algorithms_cert', schemes: [0x0401] },
    { type: 'certificate_authorities', authorities: [bytes(2, 3), bytes(1, 4)] },
    { type: 'status_request', statusType: 1, request: hex('0003 0001 05 0002 0102') },
    { type: 'psk_key_exchange_modes', modes: [0, 1] },
  ]),
  hello([{ type: 'status_request', statusType: 2, request: hex('0102') }]),
  serverHello(bytes(32, 1), [
    { type: 'key_share', serverShare: { group: 29, keyExchange: bytes(32, 1) } },
    { type: 'supported_versions', versions: [0x0304], selected: true },
    { type: 'pre_shared_key', selectedIdentity: 258 },
  ]),
  serverHello(HELLO_RETRY_REQUEST_RANDOM, [
    { type: 'key_share', selectedGroup: 24 },
    { type: 'cookie', cookie: bytes(32, 1) },
    { type: 'supported_versions', versions: [0x0304], selected: true },
  ]),
  { type: 'EncryptedExtensions', extensions: [{ type: 'early_data' }] },
  {
    type: 'CertificateRequest',
    context: bytes(2, 1),
    extensions: [
      { type: 'signature_algorithms', schemes: [0x0804] },
      { type: 'certificate_authorities', authorities: [ascii('CN')] },
      { type: 'oid_filters', filters: [{ oid: bytes(3, 1), values: bytes(0, 0) }] },
      { type: 'status_request' },
    ],
  },
  {
    type: 'Certificate',
    context: bytes(1, 9),
    entries: [
      { certData: bytes(5, 1), extensions: [{ type: 'status_request', statusType: 1, response: bytes(4, 2) }] },
      { certData: bytes(6, 1), extensions: [] },
    ],
  },
  { type: 'KeyUpdate', requestUpdate: 1 },
  { type: 'EndOfEarlyData' },
];

test('every message of RFC 8448 decodes as what it is, and encodes to the same bytes', () => {
  assert.ok(traced.length > 35);
  for (const { name, bytes: wire } of traced) {
    const message = decode(wire);
    assert.is(message.type, name);
    equalBytes(encode(message), wire, name);
  }
});

test('messages of our own encode, and decode to what they were', () => {
  for (const message of made) {
    const wire = encode(message);
    const again = decode(wire);
    equalBytes(encode(again), wire, message.type);
    assert.equal(JSON.stringify(plain(again)), JSON.stringify(plain(message)), message.type);
  }
});

/** Bytes as lists, so that views and copies compare equal. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Array.from(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plain(part)]));
}

test('every truncation of a message is a ParseError, and so is every byte behind its end', () => {
  for (const wire of [...traced.map((one) => one.bytes), ...made.map(encode)]) {
    for (let length = 0; length < wire.length; length++) {
      const reader = new Reader('tls', wire.subarray(0, length));
      assert.throws(
        () => decodeHandshake13(reader, 32),
        (error: unknown) => error instanceof ParseError,
      );
    }
    const longer = concat(wire, Uint8Array.of(0));
    longer[3] = (longer[3]! + 1) & 0xff;
    if (longer[3] === 0) longer[2]!++;
    // A ClientHello's and ServerHello's extensions end with the message; all others have their own length.
    assert.throws(
      () => decode(longer),
      (error: unknown) => error instanceof ParseError,
    );
  }
});

const bodies: readonly [string, string][] = [
  ['a cookie is not empty (§4.2.2)', '002c 0002 0000'],
  ['ke_modes is not empty (§4.2.9)', '002d 0001 00'],
  ['ke_modes ends with its list', '002d 0004 010100 00'],
  ['a key_exchange is not empty (§4.2.8)', '0033 0006 0004 001d 0000'],
  ['identities are not empty (§4.2.11)', `0029 0026 0000 0021 20${'00'.repeat(33)}`],
  ['an identity is not empty', `0029 002b 0006 0000 00000000 0021 20${'00'.repeat(32)}`],
  ['a binder has 32 bytes at least', `0029 002a 0007 0001 61 00000000 0020 1f${'00'.repeat(31)}`],
  ['binders are not empty', '0029 000b 0007 0001 61 00000000 0000'],
  ['early_data is empty in a ClientHello (§4.2.10)', '002a 0001 00'],
  ['post_handshake_auth is empty (§4.2.6)', '0031 0001 00'],
  ['supported_versions lists one at least (§4.2.1)', '002b 0001 00'],
  ['supported_versions has whole versions', '002b 0002 0103'],
  ['authorities are not empty (§4.2.4)', '002f 0002 0000'],
  ['a distinguished name is not empty', '002f 0004 0002 0000'],
  ['signature_algorithms_cert lists one at least (§4.2.3)', '0032 0002 0000'],
  ['a responder id is not empty (RFC 6066 §8)', '0005 0007 01 0002 0000 0000'],
];

for (const [rule, extension] of bodies) {
  test(`${rule}: anything else does not decode`, () => {
    const start = encode(hello([]));
    const block = hex(extension);
    const wire = concat(start.subarray(0, start.length - 2), Uint8Array.of(0, block.length), block);
    wire[3] = wire.length - 4;
    assert.throws(
      () => decode(wire),
      (error: unknown) => error instanceof ParseError,
    );
  });
}

test('an extension that has no form in a message stays opaque there', () => {
  const message = decode(
    encode({ type: 'EncryptedExtensions', extensions: [{ type: 'opaque', code: 51, data: hex('001d') }] }),
  );
  assert.ok(message.type === 'EncryptedExtensions');
  assert.is(message.extensions[0]!.type, 'opaque');
});

test('an empty certificate, an empty ticket and a message that is not known do not decode', () => {
  for (const wire of ['0b000009 00 000005 000000 0000', '0400000d 00000000 00000000 00 0000 0000', '63000000', '01']) {
    assert.throws(
      () => decode(hex(wire)),
      (error: unknown) => error instanceof ParseError,
      wire,
    );
  }
});

test('the random of a HelloRetryRequest is the hash of its name', () => {
  const hash = nodeCrypto.createHash('sha256');
  hash.update(ascii('HelloRetryRequest'));
  equalBytes(hash.digest(), HELLO_RETRY_REQUEST_RANDOM);
  assert.ok(isHelloRetryRequest(hash.digest()));
  assert.not.ok(isHelloRetryRequest(bytes(32, 0)));
});

test('message_hash has a header of its own', () => {
  equalBytes(messageHash(bytes(48, 5)), concat(hex('fe000030'), bytes(48, 5)));
});

test('fields tell what a message says, by its names', () => {
  const fieldsOf = (index: number): object => ({ ...describeHandshake13(made[index]!) });
  assert.equal((fieldsOf(0) as { keyShares: unknown }).keyShares, []);
  assert.equal((fieldsOf(0) as { pskKeyExchangeModes: unknown }).pskKeyExchangeModes, ['psk_ke', 'psk_dhe_ke']);
  assert.is((fieldsOf(2) as { selectedVersion: unknown }).selectedVersion, 'TLS1.3');
  assert.is((fieldsOf(2) as { selectedIdentity: unknown }).selectedIdentity, 258);
  assert.is((fieldsOf(3) as { selectedGroup: unknown }).selectedGroup, 'secp384r1');
  assert.equal(fieldsOf(4), { extensions: ['early_data'], earlyData: true });
  assert.equal(fieldsOf(5), {
    context: '0101',
    extensions: ['signature_algorithms', 'certificate_authorities', 'oid_filters', 'status_request'],
    signatureAlgorithms: ['rsa_pss_rsae_sha256'],
    certificateAuthorities: 1,
    oidFilters: 1,
    statusRequest: true,
  });
  assert.equal(fieldsOf(6), {
    context: '09',
    certificates: 2,
    certificateBytes: 11,
    extensions: ['status_request'],
    ocspResponseBytes: 4,
  });
  assert.equal(fieldsOf(7), { requestUpdate: 'update_requested' });
  assert.equal(fieldsOf(8), {});
  const ticket = traced.find((one) => one.name === 'NewSessionTicket')!;
  assert.equal(describeHandshake13(decode(ticket.bytes)), {
    ticketLifetime: 30,
    ticketNonce: '0000',
    ticketBytes: 178,
    extensions: ['early_data'],
    earlyData: 1024,
  });
  const verify = describeHandshake13(decode(traced.find((one) => one.name === 'CertificateVerify')!.bytes));
  assert.equal(verify, { signature: 'rsa_pss_rsae_sha256', signatureBytes: 128 });
});

test.run();
