// The TCP header: hex in, fields out, and back; sequence numbers; initial sequence numbers.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ParseError } from '../../../src/core/bytes/reader.js';
import { initialSequenceNumber } from '../../../src/core/tcp/isn.js';
import {
  decodeSegment,
  segmentLength,
  TCP_HEADER_BYTES,
  writeSackBlocks,
  writeSynOptions,
  writeTcpHeader,
  writeTimestamps,
} from '../../../src/core/tcp/segment.js';
import { seqAdd, seqDiff, seqGt, seqGte, seqLt, seqLte, seqWithin } from '../../../src/core/tcp/seq.js';
import { concat, equalBytes, hex } from '../../support/bytes.js';
import { hashRandomSource } from '../../support/random.js';

const test = suite('segment');

/** Port 49152 to 443, SYN, window 64240, MSS 1460, no-operation, window scale 7. */
const SYN_SEGMENT = hex('c000 01bb ffffff00 00000000 7002 faf0 0000 0000 020405b4 01030307');

test('reads a SYN and its options', () => {
  const segment = decodeSegment(SYN_SEGMENT, 0, SYN_SEGMENT.length);
  assert.equal(segment, {
    sourcePort: 49_152,
    destinationPort: 443,
    seq: 0xffff_ff00,
    ack: 0,
    flags: 0x02,
    window: 64_240,
    payloadStart: 28,
    payloadLength: 0,
    mss: 1460,
    windowScale: 7,
    sackPermitted: false,
    sackBlocks: 0,
    sackEdges: new Uint32Array(8),
    hasTimestamps: false,
    tsVal: 0,
    tsEcr: 0,
    ecn: 0,
  });
  assert.is(segmentLength(segment), 1);
});

test('what is written is what was read', () => {
  const bytes = new Uint8Array(30).fill(0xee);
  assert.is(writeSynOptions(bytes, 1 + TCP_HEADER_BYTES, 1460, 7), 8);
  writeTcpHeader(bytes, 1, 49_152, 443, 0xffff_ff00, 0, 28, 0x02, 64_240);
  equalBytes(bytes.subarray(1, 29), SYN_SEGMENT);
  assert.is(bytes[0], 0xee);
  assert.is(bytes[29], 0xee);
  assert.is(writeSynOptions(bytes, 20, 536, -1), 4);
  equalBytes(bytes.subarray(20, 24), hex('02040218'));
});

test("the options of a SYN stand in Linux's order", () => {
  const bytes = new Uint8Array(20);
  assert.is(writeSynOptions(bytes, 0, 1460, 7, true, true, 0x01020304, 0x05060708), 20);
  equalBytes(bytes, hex('020405b4 0402 080a 01020304 05060708 01030307'));
  assert.is(writeSynOptions(bytes, 0, 1460, 7, false, true, 1, 2), 20);
  equalBytes(bytes, hex('020405b4 0101 080a 00000001 00000002 01030307'));
  assert.is(writeSynOptions(bytes, 0, 1460, -1, true), 8);
  equalBytes(bytes.subarray(0, 8), hex('020405b4 01010402'));
});

test('timestamps and SACK blocks fill what a header has room for', () => {
  const bytes = new Uint8Array(60);
  writeTimestamps(bytes, 20, 0xffff_fffe, 7);
  const edges = Uint32Array.of(1, 2, 3, 4, 0xffff_fff0, 0x10);
  assert.is(writeSackBlocks(bytes, 32, edges, 3), 28);
  writeTcpHeader(bytes, 0, 1, 2, 3, 4, 60, 0x10, 5);
  const segment = decodeSegment(bytes, 0, 60);
  assert.ok(segment.hasTimestamps);
  assert.is(segment.tsVal, 0xffff_fffe);
  assert.is(segment.tsEcr, 7);
  assert.is(segment.sackBlocks, 3);
  assert.equal([...segment.sackEdges.subarray(0, 6)], [...edges]);
  assert.is(segment.payloadLength, 0);
});

test('reads text behind other options, and forgets the options of the segment before', () => {
  const segment = decodeSegment(SYN_SEGMENT, 0, SYN_SEGMENT.length);
  const bytes = concat(
    hex('ffff c000 01bb 00000001 00000002 8019 0001 0000 0000 0101080a 0000000100000002'),
    hex('616263'),
  );
  decodeSegment(bytes, 2, bytes.length, segment);
  assert.is(segment.mss, -1);
  assert.is(segment.windowScale, -1);
  assert.is(segment.payloadStart, 34);
  assert.is(segment.payloadLength, 3);
  assert.is(segmentLength(segment), 4);
});

test('an end of options hides what is behind it', () => {
  const bytes = hex('c000 01bb 00000001 00000002 6010 0001 0000 0000 00 020405');
  assert.is(decodeSegment(bytes, 0, bytes.length).mss, -1);
});

test('every truncation of the header raises ParseError', () => {
  for (let length = 0; length < SYN_SEGMENT.length; length++) {
    assert.throws(
      () => decodeSegment(SYN_SEGMENT, 0, length),
      (error: unknown) => error instanceof ParseError,
      `${length}`,
    );
  }
});

test('illegal lengths raise ParseError (MUST-7)', () => {
  const header = 'c000 01bb 00000001 00000002 6002 0001 0000 0000';
  const cases = [
    '02 00 0101',
    '02 01 0101',
    '02 03 0101',
    '02 05 0101',
    '03 02 0101',
    '03 04 0101',
    '08 0a 0101',
    '01 01 01 02',
  ];
  for (const options of cases) {
    const bytes = hex(`${header} ${options}`);
    assert.throws(
      () => decodeSegment(bytes, 0, bytes.length),
      (error: unknown) => error instanceof ParseError && error.layer === 'tcp',
      options,
    );
  }
  const short = hex('c000 01bb 00000001 00000002 4002 0001 0000 0000');
  assert.throws(
    () => decodeSegment(short, 0, short.length),
    (error: unknown) => error instanceof ParseError && error.what.startsWith('dataOffset'),
  );
});

test('sequence numbers go round', () => {
  assert.is(seqAdd(0xffff_fff0, 0x20), 0x10);
  assert.is(seqDiff(0x10, 0xffff_fff0), 0x20);
  assert.is(seqDiff(0xffff_fff0, 0x10), -0x20);
  assert.ok(seqLt(0xffff_ffff, 0) && seqGt(0, 0xffff_ffff));
  assert.ok(seqLte(5, 5) && seqGte(5, 5) && !seqLt(5, 5) && !seqGt(5, 5));
  assert.ok(seqWithin(2, 0xffff_ffff, 4));
  assert.not(seqWithin(3, 0xffff_ffff, 4));
});

test('the initial sequence number moves one each 4 us, apart for each 4-tuple and secret', () => {
  const random = hashRandomSource(1);
  const a = initialSequenceNumber(random, 'a', 0);
  assert.is(initialSequenceNumber(random, 'a', 3), a);
  assert.is(initialSequenceNumber(random, 'a', 4), seqAdd(a, 1));
  assert.is(initialSequenceNumber(random, 'a', 4 * 2 ** 32), a);
  assert.is.not(initialSequenceNumber(random, 'b', 0), a);
  assert.is.not(initialSequenceNumber(hashRandomSource(2), 'a', 0), a);
});

test.run();
