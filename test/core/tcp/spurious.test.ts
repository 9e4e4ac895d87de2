// Retransmissions that were not needed: Eifel (RFC 3522) with timestamps, F-RTO (RFC 5682) without, D-SACK (RFC 2883),
// and what follows (RFC 4015, RFC 9438 §4.9). One script for each rule, with exact times.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Scoreboard } from '../../../src/core/tcp/scoreboard.js';
import { emptySegment } from '../../../src/core/tcp/segment.js';
import { runSender } from '../../support/sender-script.js';

const test = suite('spurious');

function burst(at: string, first: number, count: number): string {
  return Array.from({ length: count }, (_, i) => `${at} > ${first + 1000 * i}:${first + 1000 * (i + 1)}`).join('\n');
}
const TEN = `0.000 write 10000\n${burst('0.000', 1, 10)}`;
const STAMPS = { timestamps: true } as const;

test('the first new ACK echoes what left before the timeout: it was spurious, the window comes back (RFC 3522 §3.2)', () => {
  const sender = runSender(
    `
    ${TEN}
    0.020 > 9001:10001 tlp
    0.220 > 1:1001 rto
    0.220 is loss cwnd 1000 lost 9000 ssthresh 7000
    0.300 < 1001 ecr 0.000                # the original: 300 ms under way
    0.300 says undo-eifel
    0.300 is open cwnd 10000 ssthresh 1048576 flight 9000
  `,
    STAMPS,
  );
  // RFC 4015 §3.6: SRTT is the 300 ms, the variation half of it.
  assert.is(sender.rtt.rtoUs, 300_000 - 999 + 4 * Math.floor((300_000 - 999) / 2));
  assert.is(sender.recovery.board.lostBytes, 0);
});

test('it echoes the retransmission: the timeout was right, and slow start goes on', () => {
  runSender(
    `
    ${TEN}
    0.020 > 9001:10001 tlp
    0.220 > 1:1001 rto
    0.230 < 1001 ecr 0.220
    0.230 > 1001:2001 rto
    0.230 > 2001:3001 rto
    0.230 is loss cwnd 2000
  `,
    STAMPS,
  );
});

test('a fast retransmit of what was only late is undone at the first new ACK', () => {
  runSender(
    `
    ${TEN}
    0.010 < 1 sack 1001:4001 ecr 0.000
    0.010 > 1:1001 rack
    0.010 is recovery ssthresh 7000
    0.012 < 4001 ecr 0.000
    0.012 says undo-eifel
    0.012 is open cwnd 10000
  `,
    STAMPS,
  );
});

test('without timestamps the first new ACK lets two new segments go, the second one judges (RFC 5682 §3.1)', () => {
  runSender(`
    ${TEN}
    0.005 write 5000
    0.020 > 10001:11001                   # the loss probe
    0.220 > 1:1001 rto
    0.220 is loss cwnd 1000
    0.300 < 1001                          # the original was late
    0.300 > 11001:12001
    0.300 > 12001:13001
    0.301 < 2001                          # and so was the second, which was never sent again
    0.301 says undo-frto
    0.301 is open lost 0 cwnd 10000 flight 11000
    0.310 < 4001
    0.310 > 13001:14001
    0.310 > 14001:15001
  `);
});

test('SACKs of what left before the timeout are enough (RFC 5682 §3.1 step 3b)', () => {
  runSender(`
    ${TEN}
    0.005 write 2000
    0.020 > 10001:11001
    0.220 > 1:1001 rto
    0.300 < 1001
    0.300 > 11001:12001
    0.301 < 1001 sack 2001:3001
    0.301 says undo-frto
    0.301 is disorder lost 0
    0.3235 > 1001:2001 rack               # when the probe of 0.020 would be lost, too (RFC 8985 §6.2 step 5)
  `);
});

test('a duplicate for the second ACK: the timeout was right, three segments at most (RFC 5682 §3.1 step 3a)', () => {
  runSender(`
    ${TEN}
    0.005 write 5000
    0.020 > 10001:11001
    0.220 > 1:1001 rto
    0.235 < 1001
    0.235 > 11001:12001
    0.235 > 12001:13001
    0.245 < 1001 sack 11001:12001         # what left behind the timeout
    0.245 > 1001:2001 rto
    0.245 is loss cwnd 2000
  `);
});

test('an ACK of everything says nothing, nor does one with no new data to send (RFC 5682 §3.1 step 2)', () => {
  runSender(`
    ${TEN}
    0.020 > 9001:10001 tlp
    0.220 > 1:1001 rto
    0.230 < 10001
    0.230 is open cwnd 2000
  `);
  runSender(`
    ${TEN}
    0.020 > 9001:10001 tlp
    0.220 > 1:1001 rto
    0.230 < 1001
    0.230 > 1001:2001 rto
    0.230 > 2001:3001 rto
  `);
});

test('the basic algorithm: a new ACK after two new segments is proof, a duplicate the opposite (RFC 5682 §2.1)', () => {
  const start = `
    ${TEN}
    0.005 write 5000
    0.200 > 1:1001 rto
    0.250 < 1001
    0.250 > 10001:11001
    0.250 > 11001:12001
  `;
  runSender(
    `${start}
    0.251 < 2001
    0.251 says undo-frto
    0.251 is open lost 0 cwnd 10000
    0.252 < 3001
    0.252 > 12001:13001
    0.252 > 13001:14001
  `,
    { sack: false },
  );
  runSender(
    `${start}
    0.251 < 1001
    0.251 is loss cwnd 2000
  `,
    { sack: false },
  );
});

test('every retransmission was told to be a duplicate: undone (RFC 9438 §4.9.2); one of two is not enough', () => {
  const start = `
    ${TEN}
    0.010 < 1 sack 2001:5001
    0.010 > 1:1001 rack
    0.010 > 1001:2001 rack
    0.012 < 5001 sack 1:1001
    0.012 is recovery
  `;
  runSender(`${start}
    0.013 < 5001 sack 1001:2001
    0.013 says undo-dsack
    0.013 is open cwnd 10000
  `);
  runSender(`${start}
    0.020 < 10001
    0.020 is open cwnd 7000
  `);
});

test('more D-SACKs than we sent again are lies and change nothing', () => {
  const sender = runSender(`
    ${TEN}
    0.010 < 5001 sack 1:1001
    0.011 < 5001 sack 1001:2001
    0.012 < 5001 sack 1:5001
    0.012 is open
    0.020 < 5001 sack 6001:7001
    0.0225 > 5001:6001 rack               # a quarter of 10 ms: the window has not grown
  `);
  assert.is(sender.recovery.state, 'recovery');
});

test('an ACK that tells of congestion undoes nothing (RFC 4015 §3.4)', () => {
  runSender(
    `
    ${TEN}
    0.010 < 1 sack 1001:4001 ecr 0.000
    0.010 > 1:1001 rack
    0.012 < 4001 ecr 0.000 ece
    0.012 is recovery ssthresh 7000
  `,
    STAMPS,
  );
});

test('D-SACK: below the acknowledgment or within the second block (RFC 2883 §4), no older than a window', () => {
  const board = new Scoreboard(1);
  for (let i = 0; i < 10; i++) board.sent(0, 1 + 1000 * i, 1001 + 1000 * i);
  const dsack = (ack: number, ...edges: number[]): boolean => {
    const segment = emptySegment();
    segment.ack = ack;
    segment.sackEdges.set(edges);
    segment.sackBlocks = edges.length / 2;
    board.delivery.begin(0, Number.POSITIVE_INFINITY, 0);
    board.acknowledge(segment, 1, ack, 10_001, 5_000);
    return board.delivery.dsack;
  };
  assert.not(dsack(1, 3001, 4001));
  assert.ok(dsack(1, 3001, 3501, 3001, 5001));
  assert.not(dsack(1, 3001, 4001, 5001, 6001));
  assert.not(dsack(1, 0xffff_e000, 0xffff_e100), 'too old');
  assert.ok(dsack(2001, 1, 1001));
});

test.run();
