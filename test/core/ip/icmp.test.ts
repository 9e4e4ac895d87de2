// ICMP messages: echo and destination unreachable, hex in and out.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ParseError } from '../../../src/core/bytes/reader.js';
import { CODE_PORT_UNREACHABLE, decodeIcmp, writeEchoReply, writeIcmpError } from '../../../src/core/ip/icmp.js';
import { concat, equalBytes, hex } from '../../support/bytes.js';
import { slowChecksum, udpFrame } from '../../support/frames.js';

const test = suite('icmp');

/** Echo, identifier 0x1234, sequence 1, "abc"; its checksum is left at 0. */
const ECHO = hex('0800 0000 1234 0001 616263');

test('reads an echo', () => {
  const checksum = slowChecksum(concat(hex('0800 0000'), ECHO.subarray(4)));
  const echo = concat(hex('0800'), Uint8Array.of(checksum >>> 8, checksum & 0xff), ECHO.subarray(4));
  assert.equal(decodeIcmp(concat(hex('ffff'), echo), 2, 13), {
    type: 8,
    code: 0,
    identifier: 0x1234,
    sequenceNumber: 1,
  });
  const reply = new Uint8Array(13);
  writeEchoReply(reply, 2, concat(hex('ffff'), echo), 2, 13);
  assert.is(slowChecksum(reply.subarray(2)), 0);
  equalBytes(reply.subarray(6), ECHO.subarray(4));
  assert.is(reply[2], 0);
  assert.is(decodeIcmp(reply, 2, 13).type, 0);
});

test('a truncated or damaged message raises ParseError', () => {
  const message = new Uint8Array(11);
  writeEchoReply(message, 0, ECHO, 0, 11);
  for (let length = 0; length < message.length; length++) {
    assert.throws(
      () => decodeIcmp(message, 0, length),
      (error: unknown) => error instanceof ParseError,
    );
  }
  for (let at = 0; at < message.length; at++) {
    const damaged = message.slice();
    damaged[at]! ^= 1;
    assert.throws(
      () => decodeIcmp(damaged, 0, 11),
      (error: unknown) => error instanceof ParseError && error.what.includes('checksum'),
    );
  }
});

test('unreachable quotes the header and 8 bytes, or what there is', () => {
  const frame = udpFrame('10.0.0.1', '10.0.0.2', 53, hex('0102030405'));
  const target = new Uint8Array(100);
  const length = writeIcmpError(target, 20, 3, CODE_PORT_UNREACHABLE, 0, frame, 20, frame.length);
  assert.is(length, 36);
  assert.is(slowChecksum(target.subarray(20, 56)), 0);
  equalBytes(target.subarray(20, 22), hex('0303'));
  equalBytes(target.subarray(24, 28), hex('00000000'));
  equalBytes(target.subarray(28, 56), frame.subarray(0, 28));
  assert.is(writeIcmpError(target, 20, 3, 2, 0, frame, 20, 23), 31);
});

test.run();
