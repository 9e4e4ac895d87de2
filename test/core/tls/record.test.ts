import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ParseError, Reader } from '../../../src/core/bytes/reader.js';
import { decodeRecordHeader, RecordBuffer, writeRecordHeader } from '../../../src/core/tls/record.js';
import { concat, equalBytes, hex, testRandom } from '../../support/bytes.js';

test('a header decodes to its three fields, named as in the RFC', () => {
  const fields: string[] = [];
  const sink = (path: string, offset: number, _length: number, value: number | Uint8Array): void => {
    fields.push(`${path}@${offset}=${value}`);
  };
  const bytes = hex('16 0301 0200');
  assert.equal(decodeRecordHeader(new Reader('tls', bytes, 0, 5, sink)), {
    contentType: 22,
    version: 0x0301,
    length: 512,
  });
  assert.equal(fields, ['type@0=22', 'version@1=769', 'length@3=512']);
});

test('every truncation of a header is a ParseError', () => {
  const bytes = hex('17 0303 4001');
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(
      () => decodeRecordHeader(new Reader('tls', bytes.subarray(0, length))),
      (error: unknown) => error instanceof ParseError && error.layer === 'tls',
    );
  }
});

test('a written header decodes to what was written', () => {
  const bytes = new Uint8Array(7);
  writeRecordHeader(bytes, 1, 21, 0x1234);
  equalBytes(bytes, hex('00 15 0303 1234 00'));
});

test('the buffer finds the same records however the bytes are cut', () => {
  const random = testRandom(3);
  const fragments = Array.from({ length: 40 }, () => random.bytes(random.below(3000)));
  const stream = concat(
    ...fragments.map((fragment) => {
      const header = new Uint8Array(5);
      writeRecordHeader(header, 0, 23, fragment.length);
      return concat(header, fragment);
    }),
  );
  for (const most of [1, 7, 1000, 40_000]) {
    const buffer = new RecordBuffer();
    const found: Uint8Array[] = [];
    for (let at = 0; at < stream.length; ) {
      const count = 1 + random.below(most);
      buffer.push(stream.subarray(at, at + count));
      at += count;
      while (buffer.readHeader() && buffer.whole) {
        assert.is(buffer.contentType, 23);
        assert.is(buffer.version, 0x0303);
        found.push(buffer.shiftFragment().slice());
      }
    }
    assert.is(buffer.length, 0);
    assert.is(found.length, fragments.length);
    for (const [index, fragment] of found.entries()) equalBytes(fragment, fragments[index]!, `record ${index}`);
  }
});

test('a cleared buffer begins anew', () => {
  const buffer = new RecordBuffer();
  buffer.push(hex('16 0303'));
  assert.is(buffer.readHeader(), false);
  buffer.clear();
  assert.is(buffer.length, 0);
  buffer.push(hex('15 0303 0002 01 00'));
  assert.ok(buffer.readHeader() && buffer.whole);
  equalBytes(buffer.shiftFragment(), hex('01 00'));
});

test.run();
