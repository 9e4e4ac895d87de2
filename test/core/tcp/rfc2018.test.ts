// What the receiver says of text beyond a gap: the rules of RFC 2018 §2 to §4 and its examples in §7, and the examples of RFC
// 2883 §4 and §5 for duplicates (D-SACK). Numbers are the RFCs'; each row is a segment that arrives, and the ACK with its
// blocks that must follow.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { describe, type SegmentOut, Wire } from '../../support/wire.js';

const test = suite('RFC 2018 and RFC 2883');

const SACK_OK = 'S 0:0(0) <mss 1460,sackOK>';

/** Established; the client's stream begins at relative number 1, whatever the RFC calls it. */
function established(syn = SACK_OK): Wire {
  const wire = new Wire();
  wire.at(0).send(syn).take();
  return wire.at(0.1).send(`. 1:1(0) ack 1${syn.includes('ts ') ? ' <ts 2 1>' : ''}`);
}

/** `first-last` inclusive, as RFC 2883 writes it -> `ack` and `left-right, ...`. */
function play(rows: string): void {
  const wire = established();
  const lines = rows.trim().split('\n');
  const base = Number(/^\s*(\d+)/.exec(lines[0]!)![1]) - 1;
  let seconds = 0.2;
  for (const line of lines) {
    const [segment, answer] = line.split('->').map((part) => part.trim());
    const [first, last] = segment!.split('-').map(Number);
    const [seq, end] = [first! - base, last! + 1 - base];
    wire.at(seconds).send(`. ${seq}:${end}(${end - seq}) ack 1`);
    // In order, an acknowledgment may be delayed.
    seconds += 0.1;
    const sent = wire.at(seconds).take();
    assert.is(sent.length, 1, `one acknowledgment for ${segment}: ${sent.map(describe).join('; ')}`);
    assert.is(said(sent[0]!, base), answer, `after ${segment}`);
  }
}

function said(segment: SegmentOut, base: number): string {
  const sack = segment.options.find((option) => option.startsWith('sack '));
  const blocks = sack
    ?.slice(5)
    .replace(/(\d+):(\d+)/g, (_, left, right) => `${Number(left) + base}-${Number(right) + base}`);
  return `${segment.ack + base}${blocks === undefined ? '' : ` ${blocks}`}`;
}

// ---- RFC 2018: eight segments of 500 bytes from 5000 on ----

test('RFC 2018 §7, case 1: the last four are lost: no SACK', () => {
  play(`
    5000-5499 -> 5500
    5500-5999 -> 6000
    6000-6499 -> 6500
    6500-6999 -> 7000
  `);
});

test('RFC 2018 §7, case 2: the first is lost, the other seven come', () => {
  const wire = established();
  const expected = ['501:1001', '501:1501', '501:2001', '501:2501', '501:3001', '501:3501', '501:4001'];
  expected.forEach((blocks, i) => {
    const seq = 501 + 500 * i;
    wire.send(`. ${seq}:${seq + 500}(500) ack 1`).expect(`. 1:1(0) ack 1 <sack ${blocks}>`);
  });
  // The lost one fills the gap: all is acknowledged, no block is left.
  wire.send('. 1:501(500) ack 1').expect('. 1:1(0) ack 4001 <>');
});

test('RFC 2018 §7, case 3: the second, fourth, sixth and eighth are lost; the fourth and the second come late', () => {
  play(`
    5000-5499 -> 5500
    6000-6499 -> 5500 6000-6500
    7000-7499 -> 5500 7000-7500 6000-6500
    8000-8499 -> 5500 8000-8500 7000-7500 6000-6500
    6500-6999 -> 5500 6000-7500 8000-8500
    5500-5999 -> 7500 8000-8500
  `);
});

test('RFC 2018 §3: as many blocks as fit, four, the newest first', () => {
  play(`
    5000-5499 -> 5500
    6000-6499 -> 5500 6000-6500
    7000-7499 -> 5500 7000-7500 6000-6500
    8000-8499 -> 5500 8000-8500 7000-7500 6000-6500
    9000-9499 -> 5500 9000-9500 8000-8500 7000-7500 6000-6500
    10000-10499 -> 5500 10000-10500 9000-9500 8000-8500 7000-7500
  `);
});

test('RFC 2018 §3: beside timestamps there is room for three', () => {
  const wire = established('S 0:0(0) <mss 1460,sackOK,ts 1 0>');
  for (let i = 1; i <= 5; i++) wire.send(`. ${1000 * i}:${1000 * i + 500}(500) ack 1 <ts 3 1>`);
  const last = wire.take().at(-1)!;
  assert.is(last.options.at(-1), 'sack 5000:5500 4000:4500 3000:3500');
});

test('RFC 2018 §2: no SACK-permitted in the SYN, no SACK-permitted in the SYN-ACK, and no SACK after it', () => {
  const wire = new Wire();
  wire.send('S 0:0(0) <mss 1460>').expect('S. 0:0(0) ack 1 <mss 1460>');
  wire.at(0.1).send('. 1:1(0) ack 1');
  wire.send('. 501:1001(500) ack 1').expect('. 1:1(0) ack 1 <>');
});

test('RFC 2018 §2: SACK-permitted is answered in the SYN-ACK, and is sent in no other segment', () => {
  const wire = new Wire();
  wire.send(SACK_OK).expect('S. 0:0(0) ack 1 <mss 1460,sackOK>');
  wire.at(0.1).send('. 1:1(0) ack 1');
  wire.send('. 501:1001(500) ack 1').expect('. 1:1(0) ack 1 <sack 501:1001>');
});

test('RFC 2018 §4: every acknowledgment says it while text is held, one with data as well', () => {
  const wire = new Wire({}, [{ atUs: 300_000, verb: 'write', amount: 100 }]);
  wire.at(0).send(SACK_OK).take();
  wire.at(0.1).send('. 1:1(0) ack 1');
  wire.at(0.2).send('. 501:1001(500) ack 1').expect('. 1:1(0) ack 1 <sack 501:1001>');
  wire.at(0.3).expect('P. 1:101(100) ack 1 <sack 501:1001>');
});

// ---- RFC 2883 ----

test('RFC 2883 §4.1.1: a duplicate segment', () => {
  play(`
    3000-3499 -> 3500
    3500-3999 -> 4000
    3000-3499 -> 4000 3000-3500
  `);
});

test('RFC 2883 §4.1.2: an out-of-order segment and a duplicate', () => {
  play(`
    3000-3499 -> 3500
    3500-3999 -> 4000
    4500-4999 -> 4000 4500-5000
    3000-3499 -> 4000 3000-3500 4500-5000
  `);
});

test('RFC 2883 §4.1.3: a duplicate of an out-of-order segment', () => {
  play(`
    3500-3999 -> 4000
    4500-4999 -> 4000 4500-5000
    5000-5499 -> 4000 4500-5500
    5000-5499 -> 4000 5000-5500 4500-5500
  `);
});

test('RFC 2883 §4.2.1: a single duplicate subsegment', () => {
  play(`
    500-999 -> 1000
    2000-2499 -> 1000 2000-2500
    1000-1499 -> 1500 2000-2500
    1000-1999 -> 2500 1000-1500
  `);
});

test('RFC 2883 §4.2.2: two duplicate subsegments that the acknowledgment covers: the first is said', () => {
  play(`
    500-999 -> 1000
    3000-3499 -> 1000 3000-3500
    1000-1499 -> 1500 3000-3500
    2000-2499 -> 1500 2000-2500 3000-3500
    1000-2499 -> 2500 1000-1500 3000-3500
  `);
});

test('RFC 2883 §4.2.3: two duplicate subsegments above the acknowledgment: the first, and its larger block', () => {
  play(`
    500-999 -> 1000
    3500-3999 -> 1000 3500-4000
    1500-1999 -> 1000 1500-2000 3500-4000
    2500-2999 -> 1000 2500-3000 1500-2000 3500-4000
    1500-2999 -> 1000 1500-2000 1500-3000 3500-4000
  `);
});

test('RFC 2883 §5.1: replication by the network', () => {
  play(`
    500-999 -> 1000
    1000-1499 -> 1500
    1000-1499 -> 1500 1000-1500
  `);
});

test('RFC 2883 §4 (2): a duplicate is said once', () => {
  play(`
    500-999 -> 1000
    500-999 -> 1000 500-1000
    1000-1499 -> 1500
  `);
});

test('RFC 2883 §4.3: a segment that PAWS refuses is acknowledged, with or without its duplicate block', () => {
  const wire = established('S 0:0(0) <mss 1460,sackOK,ts 1000 0>');
  wire.at(0.2).send('. 1:501(500) ack 1 <ts 1100 1>').at(0.3).take();
  const sent = wire.send('. 1:501(500) ack 1 <ts 900 1>').take();
  assert.is(sent.length, 1);
  assert.is(sent[0]!.ack, 501);
  assert.is(wire.delivered, 500);
});

test.run();
