// Frames as units: whole ones out of any cut, field blocks with their CONTINUATION frames, and what each type is named by.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compareLimits, type Unit, unitDifference } from '../../src/bench/difference.js';
import { Http2Dissector } from '../../src/bench/dissect-http2.js';
import { Writer } from '../../src/core/bytes/writer.js';
import { encodeFrame, type Frame } from '../../src/core/http2/frame.js';
import { HpackEncoder } from '../../src/core/http2/hpack/encode.js';
import { ascii, concat } from '../support/bytes.js';

function bytesOf(...frames: Frame[]): Uint8Array {
  const writer = new Writer();
  for (const frame of frames) encodeFrame(writer, frame);
  return writer.finish();
}

function unitsOf(bytes: Uint8Array, size = bytes.length): Unit[] {
  const units: Unit[] = [];
  const dissector = new Http2Dissector((unit) => units.push(unit));
  for (let at = 0; at < bytes.length; at += size) dissector.push(bytes.subarray(at, at + size), at);
  return units;
}

function difference(recorded: Frame, now: Frame): string {
  const found = unitDifference(unitsOf(bytesOf(recorded))[0]!, unitsOf(bytesOf(now))[0]!);
  return `${found.path}: recorded ${found.recorded}, now ${found.now}`;
}

const block = (...fields: [string, string][]): Uint8Array => new HpackEncoder(4096).encode(fields);
const headers = (fieldBlockFragment: Uint8Array, endHeaders = true): Frame => ({
  type: 'HEADERS',
  streamId: 1,
  endStream: false,
  endHeaders,
  fieldBlockFragment,
});

test('frames come whole out of any cut', () => {
  const data: Frame = { type: 'DATA', streamId: 1, endStream: true, data: ascii('hello') };
  const bytes = bytesOf({ type: 'SETTINGS', ack: true, settings: [] }, headers(block([':status', '200'])), data);
  for (const size of [1, 5, 9, 14, bytes.length]) {
    const titles = unitsOf(bytes, size).map((unit) => unit.title());
    assert.equal(titles, ['SETTINGS', 'HEADERS of stream 1', 'DATA of stream 1'], `cuts of ${size}`);
  }
});

test('a field block over several frames is one unit with its fields', () => {
  const first = block([':status', '200'], ['server', 'one'], ['x-long', 'abcdefgh']);
  const second = block([':status', '200'], ['server', 'one'], ['x-long', 'abcdefgi']);
  const cut = (bytes: Uint8Array): Uint8Array =>
    bytesOf(
      headers(bytes.subarray(0, 3), false),
      { type: 'CONTINUATION', streamId: 1, endHeaders: false, fieldBlockFragment: bytes.subarray(3, 5) },
      { type: 'CONTINUATION', streamId: 1, endHeaders: true, fieldBlockFragment: bytes.subarray(5) },
    );
  const [a, ...none] = unitsOf(cut(first), 4);
  const [b] = unitsOf(cut(second), 100);
  assert.equal(none, []);
  const found = unitDifference(a!, b!);
  assert.is(found.path, 'HEADERS.fields.x-long');
  assert.is(found.recorded, '"abcdefgh"');
  assert.is(found.now, '"abcdefgi"');
});

test('fields of one block in another representation are a difference of the block', () => {
  // RFC 7541 §6: an index, and the same field as a literal without indexing.
  const literal = concat(Uint8Array.of(0x08, 3), ascii('200'));
  const line = difference(headers(Uint8Array.of(0x88)), headers(literal));
  assert.is(line, 'HEADERS.fieldBlockFragment: recorded 0x88, now 0x0803323030');
});

test('each type is named by its own fields', () => {
  const at = (streamId: number): { streamId: number } => ({ streamId });
  const cases: [Frame, Frame, string][] = [
    [
      { type: 'GOAWAY', lastStreamId: 1, errorCode: 0, debugData: ascii('') },
      { type: 'GOAWAY', lastStreamId: 1, errorCode: 1, debugData: ascii('') },
      'GOAWAY.errorCode: recorded NO_ERROR, now PROTOCOL_ERROR',
    ],
    [
      { type: 'RST_STREAM', ...at(3), errorCode: 8 },
      { type: 'RST_STREAM', ...at(5), errorCode: 8 },
      'RST_STREAM.streamIdentifier: recorded 3, now 5',
    ],
    [
      { type: 'DATA', ...at(1), endStream: false, data: ascii('abc') },
      { type: 'DATA', ...at(1), endStream: true, data: ascii('abc') },
      'DATA.flags: recorded none, now END_STREAM',
    ],
    [
      { type: 'DATA', ...at(1), endStream: false, data: ascii('abc') },
      { type: 'DATA', ...at(1), endStream: false, data: ascii('abcd') },
      'DATA.data.length: recorded 3, now 4',
    ],
    [
      { type: 'PING', ack: true, opaqueData: ascii('12345678') },
      { type: 'PING', ack: true, opaqueData: ascii('12345679') },
      'PING.opaqueData: recorded 0x3132333435363738, now 0x3132333435363739',
    ],
    [
      { type: 'SETTINGS', ack: false, settings: [[3, 100]] },
      { type: 'SETTINGS', ack: false, settings: [] },
      'SETTINGS.MAX_CONCURRENT_STREAMS: recorded 100, now absent',
    ],
    [
      { type: 'UNKNOWN', typeCode: 0x42, flags: 0, ...at(0), payload: ascii('ab') },
      { type: 'UNKNOWN', typeCode: 0x42, flags: 0, ...at(0), payload: ascii('ac') },
      'UNKNOWN.payload byte 1: recorded 0x62, now 0x63',
    ],
  ];
  for (const [recorded, now, line] of cases) assert.is(difference(recorded, now), line);
});

test('a block that does not decode, and all behind it, is still compared as bytes', () => {
  const broken = headers(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff));
  const [unit, next] = unitsOf(bytesOf(broken, headers(Uint8Array.of(0x88))));
  assert.equal(
    unit!.fields().map((field) => field.path),
    ['frame.type', 'HEADERS.streamIdentifier', 'HEADERS.flags', 'HEADERS.fieldBlockFragment', 'HEADERS.length'],
  );
  assert.not.ok(next!.fields().some((field) => field.path.startsWith('HEADERS.fields.')));
});

test('a frame above the bound is not waited for', () => {
  const dissector = new Http2Dissector(() => assert.unreachable('no unit'));
  const length = compareLimits.unitBytes;
  dissector.push(Uint8Array.of(length >>> 16, length >>> 8, length, 0, 0, 0, 0, 0, 1), 0);
  assert.is(dissector.lost, true);
});

test.run();
