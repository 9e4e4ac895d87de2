// Protection of TLS 1.3 records: every protected record of RFC 8448, and RFC 8446 §5.2 to §5.5.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from '../../../src/core/limits.js';
import { RecordCipher13 } from '../../../src/core/tls/cipher13.js';
import { nodeCrypto } from '../../../src/io/node-crypto.js';
import { ascii, concat, equalBytes } from '../../support/bytes.js';
import { InnerSealer, protectionOf, seal } from '../../support/record-rig.js';
import { handshakeSections, stepsOf, type TraceStep } from './rfc8448/traces.js';

const CONTENT_TYPES: Record<string, number> = {
  'send handshake record': 22,
  'send application_data record': 23,
  'send alert record': 21,
};

/** All of the traces use AES-128-GCM. */
function cipherOf(step: TraceStep): RecordCipher13 {
  const aead = nodeCrypto.aead('aes-128-gcm', step.bytes('key expanded'));
  return new RecordCipher13(aead, 'aes-128-gcm', step.bytes('iv expanded'));
}

for (const { section, title } of handshakeSections) {
  test(`RFC 8448 §${section} (${title}): each protected record is sealed to the same bytes, and opens`, () => {
    const sealers = new Map<string, RecordCipher13>();
    const openers = new Map<string, RecordCipher13>();
    let count = 0;
    for (const step of stepsOf(section)) {
      if (step.what.includes('traffic keys')) {
        const writer = step.what.includes('read') ? 'client' : step.who;
        sealers.set(writer, cipherOf(step));
        openers.set(writer, cipherOf(step));
      }
      const contentType = CONTENT_TYPES[step.what];
      const sealer = sealers.get(step.who);
      if (contentType === undefined || sealer === undefined) continue;
      const record = step.bytes('complete record');
      equalBytes(seal(sealer, contentType, step.bytes('payload')), record, `${step.who} ${step.what} ${count}`);
      const opener = openers.get(step.who)!;
      equalBytes(opener.open(23, record.subarray(5)), step.bytes('payload'));
      assert.is(opener.contentType, contentType);
      count++;
    }
    assert.ok(count >= 4, `${count} records`);
  });
}

const SUITE = 'TLS_AES_128_GCM_SHA256';

test('padding is taken off, and the type is the last byte that is not zero (RFC 8446 §5.4)', () => {
  const sealer = new InnerSealer(SUITE);
  const opener = protectionOf(SUITE);
  const open = (inner: Uint8Array): Uint8Array | undefined => opener.open(23, sealer.seal(inner).subarray(5));
  for (const padding of [0, 1, 255, 16_000]) {
    equalBytes(open(concat(ascii('text'), Uint8Array.of(22), new Uint8Array(padding))), ascii('text'));
    assert.equal([opener.contentType, opener.plaintextBytes], [22, 5 + padding]);
  }
  // Zeros of the content are in front of the type.
  equalBytes(open(Uint8Array.of(0, 0, 0, 23, 0, 0)), new Uint8Array(3));
  equalBytes(open(Uint8Array.of(21, 0)), new Uint8Array(0), 'no content');
  assert.is(opener.contentType, 21);
  equalBytes(open(Uint8Array.of(1, 0x99)), Uint8Array.of(1), 'an unknown type');
  assert.is(opener.contentType, 0x99);
  for (const length of [0, 1, 300]) {
    equalBytes(open(new Uint8Array(length)), new Uint8Array(0), 'nothing but padding');
    assert.equal([opener.contentType, opener.plaintextBytes], [0, length]);
  }
});

test('the additional data is the header as it came (RFC 8446 §5.2)', () => {
  const sealer = new InnerSealer(SUITE);
  const record = sealer.seal(Uint8Array.of(1, 23), 23, 0x0301);
  equalBytes(protectionOf(SUITE).open(23, record.slice(5), 0x0301), Uint8Array.of(1));
  assert.is(protectionOf(SUITE).open(23, record.slice(5), 0x0303), undefined);
});

test('an AES-GCM key is used for as many records as RFC 8446 §5.5 has it, a ChaCha20 key for all numbers', () => {
  assert.ok(limits.tls.recordsPerKey < 2 ** 24.5);
  const iv = new Uint8Array(12);
  const last = limits.tls.recordsPerKey - 1;
  const gcm = new RecordCipher13(nodeCrypto.aead('aes-128-gcm', new Uint8Array(16)), 'aes-128-gcm', iv, 0, last);
  assert.is(gcm.nearlyExhausted, false);
  seal(gcm, 23, ascii('x'));
  assert.equal([gcm.nearlyExhausted, gcm.exhausted], [true, false]);
  const chacha = nodeCrypto.aead('chacha20-poly1305', new Uint8Array(32));
  assert.is(new RecordCipher13(chacha, 'chacha20-poly1305', iv, 0xffff, 0).nearlyExhausted, false);
});

test.run();
