// The frame codec: decode after encode is the identity for every type, every truncation is a ParseError, and the octets
// are those of RFC 9113 §6.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ParseError } from '../../../src/core/bytes/reader.js';
import { decodeFrame, errorCodeName, type Frame, frameTypeName, settingName } from '../../../src/core/http2/frame.js';
import { hex, testRandom, toHex } from '../../support/bytes.js';
import { frameBytes } from './support.js';

const data = Uint8Array.of(1, 2, 3);
const priority = { exclusive: true, streamDependency: 3, weight: 255 };

const frames: readonly (readonly [octets: string, frame: Frame])[] = [
  ['000003 00 01 00000001 010203', { type: 'DATA', streamId: 1, endStream: true, data }],
  ['000006 00 08 00000001 02 010203 0000', { type: 'DATA', streamId: 1, endStream: false, padLength: 2, data }],
  [
    '000003 01 05 00000005 010203',
    { type: 'HEADERS', streamId: 5, endStream: true, endHeaders: true, fieldBlockFragment: data },
  ],
  [
    '00000a 01 28 7fffffff 01 80000003 ff 010203 00',
    {
      type: 'HEADERS',
      streamId: 0x7fffffff,
      endStream: false,
      endHeaders: false,
      padLength: 1,
      priority,
      fieldBlockFragment: data,
    },
  ],
  ['000005 02 00 00000007 80000003 ff', { type: 'PRIORITY', streamId: 7, priority }],
  ['000004 03 00 00000001 00000008', { type: 'RST_STREAM', streamId: 1, errorCode: 8 }],
  ['000000 04 01 00000000', { type: 'SETTINGS', ack: true, settings: [] }],
  [
    '00000c 04 00 00000000 0003 00000064 0004 ffffffff',
    {
      type: 'SETTINGS',
      ack: false,
      settings: [
        [3, 100],
        [4, 0xffffffff],
      ],
    },
  ],
  [
    '000009 05 0c 00000001 01 00000002 010203 00',
    {
      type: 'PUSH_PROMISE',
      streamId: 1,
      endHeaders: true,
      padLength: 1,
      promisedStreamId: 2,
      fieldBlockFragment: data,
    },
  ],
  ['000008 06 01 00000000 0102030405060708', { type: 'PING', ack: true, opaqueData: hex('0102030405060708') }],
  [
    '00000b 07 00 00000000 00000009 0000000b 010203',
    { type: 'GOAWAY', lastStreamId: 9, errorCode: 11, debugData: data },
  ],
  ['000004 08 00 00000000 7fffffff', { type: 'WINDOW_UPDATE', streamId: 0, increment: 0x7fffffff }],
  ['000003 09 04 00000001 010203', { type: 'CONTINUATION', streamId: 1, endHeaders: true, fieldBlockFragment: data }],
  ['000003 fe ff 00000001 010203', { type: 'UNKNOWN', typeCode: 0xfe, flags: 0xff, streamId: 1, payload: data }],
];

for (const [octets, frame] of frames) {
  test(`${frame.type}: octets, and back`, () => {
    const bytes = hex(octets);
    assert.is(toHex(frameBytes(frame)), toHex(bytes));
    assert.equal(decodeFrame(bytes), frame);
  });

  test(`${frame.type}: every truncation is a ParseError`, () => {
    const bytes = hex(octets);
    for (let length = 0; length < bytes.length; length++) {
      assert.throws(
        () => decodeFrame(bytes.subarray(0, length)),
        (error: unknown) => error instanceof ParseError && error.layer === 'http2',
      );
    }
  });
}

test('reserved bits are ignored', () => {
  assert.equal(decodeFrame(hex('000004 08 00 80000001 80000005')), {
    type: 'WINDOW_UPDATE',
    streamId: 1,
    increment: 5,
  });
});

test('what a type does not allow is a ParseError', () => {
  for (const octets of [
    '000000 00 00 00000000', // DATA on stream 0
    '000001 00 08 00000001 01', // padding without end
    '000000 00 08 00000001', // no Pad Length
    '000003 00 08 00000001 03 0000', // padding as long as the payload
    '000006 02 00 00000001 0000000000 00', // PRIORITY of 6 octets
    '000005 03 00 00000001 0000000000', // RST_STREAM of 5
    '000004 03 00 00000000 00000000', // RST_STREAM on stream 0
    '000005 04 00 00000000 0001000000', // half a setting
    '000006 04 01 00000000 000100000000', // acknowledgment with a setting
    '000000 04 00 00000001', // SETTINGS on a stream
    '000007 06 00 00000000 00000000000000', // PING of 7
    '000009 06 00 00000000 000000000000000000', // PING of 9
    '000008 07 00 00000001 0000000000000000', // GOAWAY on a stream
    '000003 08 00 00000000 000000', // WINDOW_UPDATE of 3
    '000000 09 04 00000000', // CONTINUATION on stream 0
  ]) {
    assert.throws(
      () => decodeFrame(hex(octets)),
      (error: unknown) => error instanceof ParseError,
      octets,
    );
  }
});

test('fields are reported by their names', () => {
  const seen: string[] = [];
  decodeFrame(hex('000004 03 00 00000001 00000008'), 0, (path) => seen.push(path));
  assert.equal(seen, ['length', 'type', 'flags', 'streamIdentifier', 'RST_STREAM.errorCode']);
});

test('random octets are a frame or a ParseError', () => {
  const random = testRandom(9113);
  for (let round = 0; round < 3000; round++) {
    const bytes = random.bytes(9 + random.below(40));
    bytes[0] = bytes[1] = 0;
    bytes[2] = random.below(40);
    bytes[3] = random.below(12);
    try {
      const frame = decodeFrame(bytes);
      assert.equal(decodeFrame(frameBytes(frame)), frame);
    } catch (error) {
      assert.instance(error, ParseError);
    }
  }
});

test('numbers have names, unknown ones stay numbers', () => {
  assert.is(frameTypeName(9), 'CONTINUATION');
  assert.is(frameTypeName(10), 'UNKNOWN');
  assert.is(errorCodeName(0x0b), 'ENHANCE_YOUR_CALM');
  assert.is(errorCodeName(0x99), '0x99');
  assert.is(settingName(6), 'MAX_HEADER_LIST_SIZE');
  assert.is(settingName(0x77), '0x77');
});

test.run();
