// Timestamps and protection against wrapped sequence numbers: RFC 7323 §3 to §5, RFC 6191.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { initialSequenceNumber } from '../../../src/core/tcp/isn.js';
import { emptySegment } from '../../../src/core/tcp/segment.js';
import { Timestamps, timestampClock, timestampOffset } from '../../../src/core/tcp/timestamps.js';
import { runScript } from '../../support/packet-script.js';
import { hashRandomSource } from '../../support/random.js';

const test = suite('timestamps');

const OPEN = `
  0.000 < S 0:0(0) win 65535 <mss 1460,TS val 100 ecr 0>
  0.000 > S. 0:0(0) ack 1 win 65535 <mss 1460,TS val 0 ecr 100>
  0.010 < . 1:1(0) ack 1 win 65535 <TS val 110 ecr 0>
`;

test('the options of a SYN-ACK answer those of the SYN, and the MSS makes room for them (RFC 7323 §3.2, RFC 6691)', () => {
  runScript(`
    0.000 < S 0:0(0) win 65535 <mss 1460,sackOK,TS val 7 ecr 9,wscale 7>
    0.000 > S. 0:0(0) ack 1 <mss 1460,sackOK,TS val 0 ecr 7,wscale 3>
    0.010 < . 1:1(0) ack 1 win 65535 <TS val 17 ecr 0>
    0.020 session write 1500
    0.020 > . 1:1449(1448) ack 1 <TS val 20 ecr 17>
    0.020 > P. 1449:1501(52) ack 1 <TS val 20 ecr 17>
  `);
  runScript(
    `0.000 < S 0:0(0) win 65535 <mss 1460,TS val 7 ecr 9>
     0.000 > S. 0:0(0) ack 1 <mss 1460>
     0.010 < . 1:1(0) ack 1 win 65535
     0.010 state ESTABLISHED`,
    { tcp: { timestamps: false } },
  );
});

test('a timestamp on a connection that has not agreed on them means nothing (RFC 7323 §3.2)', () => {
  runScript(`
    0.000 < S 0:0(0) win 65535 <mss 1460>
    0.000 > S. 0:0(0) ack 1 <mss 1460>
    0.010 < . 1:1(0) ack 1 win 65535 <TS val 9 ecr 9>
    0.020 < P. 1:101(100) ack 1 win 65535 <TS val 1 ecr 1>
    0.020 got 100
    0.060 > . 1:1(0) ack 101 <>
  `);
});

test('a segment without the option is dropped in silence, and ends nothing (RFC 7323 §3.2)', () => {
  runScript(`${OPEN}
    0.020 < P. 1:101(100) ack 1 win 65535
    0.020 says no timestamps option
    0.020 got 0
    0.500 state ESTABLISHED
    0.500 < P. 1:101(100) ack 1 win 65535 <TS val 600 ecr 0>
    0.540 > . 1:1(0) ack 101 <TS val 540 ecr 600>
  `);
  runScript(`
    0.000 < S 0:0(0) win 65535 <mss 1460,TS val 100 ecr 0>
    0.000 > S. 0:0(0) ack 1 <mss 1460,TS val 0 ecr 100>
    0.010 < . 1:1(0) ack 1 win 65535
    0.010 state SYN-RECEIVED
  `);
});

test('RFC 7323 §4.3 (A): delayed acknowledgments echo the first segment that they cover', () => {
  runScript(`${OPEN}
    0.100 < . 1:1001(1000) ack 1 win 65535 <TS val 201 ecr 0>
    0.101 < . 1001:2001(1000) ack 1 win 65535 <TS val 202 ecr 0>
    0.101 > . 1:1(0) ack 2001 <TS val 101 ecr 201>
  `);
});

test('RFC 7323 §4.3 (B) and (C): a gap repeats the echo of what came in order, and what fills it is echoed', () => {
  runScript(`${OPEN}
    0.100 < . 1:101(100) ack 1 win 65535 <TS val 201 ecr 0>
    0.101 < . 201:301(100) ack 1 win 65535 <TS val 203 ecr 0>
    0.101 > . 1:1(0) ack 101 <TS val 101 ecr 201>
    0.102 < . 101:201(100) ack 1 win 65535 <TS val 204 ecr 0>
    0.102 > . 1:1(0) ack 301 <TS val 102 ecr 204>
    0.103 < . 401:501(100) ack 1 win 65535 <TS val 206 ecr 0>
    0.103 > . 1:1(0) ack 301 <TS val 103 ecr 204>
    0.104 < . 301:401(100) ack 1 win 65535 <TS val 207 ecr 0>
    0.104 > . 1:1(0) ack 501 <TS val 104 ecr 207>
  `);
});

test('RFC 7323 §5.3 R1: a segment with an old timestamp is answered and dropped', () => {
  runScript(`${OPEN}
    0.100 < P. 1:101(100) ack 1 win 65535 <TS val 200 ecr 0>
    0.140 > . 1:1(0) ack 101 <TS val 140 ecr 200>
    0.200 < P. 101:201(100) ack 1 win 65535 <TS val 199 ecr 0>
    0.200 says timestamp is old (PAWS)
    0.200 > . 1:1(0) ack 101 <TS val 200 ecr 200>
    0.200 got 100
    0.300 < P. 101:201(100) ack 1 win 65535 <TS val 200 ecr 0>
    0.300 got 200
    0.340 > . 1:1(0) ack 201 <TS val 340 ecr 200>
  `);
});

test('old by half a circle: 2^31 - 1 ticks ahead is new, 2^31 ticks ahead is old', () => {
  runScript(`${OPEN}
    0.200 < P. 1:101(100) ack 1 win 65535 <TS val ${110 + 2 ** 31} ecr 0>
    0.200 says PAWS
    0.200 > . 1:1(0) ack 1 <TS val 200 ecr 110>
    0.300 < P. 1:101(100) ack 1 win 65535 <TS val ${110 + 2 ** 31 - 1} ecr 0>
    0.340 > . 1:1(0) ack 101 <TS val 340 ecr ${110 + 2 ** 31 - 1}>
  `);
});

test('RFC 7323 §5.2: a RST is exempt, with an old timestamp or none', () => {
  runScript(`${OPEN}
    0.100 < R 1:1(0) <TS val 5 ecr 0>
    0.100 state CLOSED
  `);
  runScript(`${OPEN}
    0.100 < R 1:1(0)
    0.100 state CLOSED
  `);
});

test('our own RST carries timestamps (RFC 7323 §3.2)', () => {
  runScript(`${OPEN}
    0.100 session abort
    0.100 > R 1:1(0) <TS val 100 ecr 110>
  `);
});

test('a segment outside the window, or with an impossible acknowledgment, does not move TS.Recent (§5.3 R2)', () => {
  runScript(`${OPEN}
    0.100 < . 70001:70101(100) ack 1 win 65535 <TS val 500 ecr 0>
    0.100 > . 1:1(0) ack 1 <TS val 100 ecr 110>
    0.200 < . 1:101(100) ack 900 win 65535 <TS val 600 ecr 0>
    0.200 > . 1:1(0) ack 1 <TS val 200 ecr 110>
    0.300 < . 1:101(100) ack 1 win 65535 <TS val 120 ecr 0>
    0.340 > . 1:1(0) ack 101 <TS val 340 ecr 120>
  `);
});

test('RFC 7323 §5.5: after 24 idle days a timestamp that looks old is taken', () => {
  const days = 24 * 86_400;
  runScript(`${OPEN}
    ${days - 100} < P. 1:101(100) ack 1 win 65535 <TS val 109 ecr 0>
    ${days - 100} says PAWS
    ${days - 100} > . 1:1(0) ack 1
    ${days + 1} < P. 1:101(100) ack 1 win 65535 <TS val 109 ecr 0>
    ${days + 1} got 100
    ${days + 1}.040 > . 1:1(0) ack 101 <TS val ${(days + 1) * 1000 + 40} ecr 109>
  `);
});

test('an old timestamp in SYN-RECEIVED is answered and does not establish', () => {
  runScript(`
    0.000 < S 0:0(0) win 65535 <mss 1460,TS val 100 ecr 0>
    0.000 > S. 0:0(0) ack 1 <mss 1460,TS val 0 ecr 100>
    0.010 < . 1:1(0) ack 1 win 65535 <TS val 99 ecr 0>
    0.010 > . 1:1(0) ack 1 <TS val 10 ecr 100>
    0.010 state SYN-RECEIVED
    0.020 < S 0:0(0) win 65535 <mss 1460,TS val 120 ecr 0>
    0.020 > S. 0:0(0) ack 1 <mss 1460,TS val 20 ecr 120>
    0.030 < . 1:1(0) ack 1 win 65535 <TS val 130 ecr 20>
    0.030 state ESTABLISHED
  `);
});

const TIME_WAIT = `${OPEN}
  0.100 session close
  0.100 > F. 1:1(0) ack 1
  0.110 < F. 1:1(0) ack 2 win 65535 <TS val 210 ecr 100>
  0.110 > . 2:2(0) ack 2 <TS val 110 ecr 210>
  0.110 state TIME-WAIT
`;

test('RFC 6191 §2: in TIME-WAIT a SYN with a newer clock opens anew, whatever its sequence number', () => {
  runScript(`${TIME_WAIT}
    0.200 < S 1:1(0) win 65535 <mss 1460,TS val 211 ecr 0>
    0.200 state SYN-RECEIVED
    0.200 > S. 0:0(0) ack 2 <mss 1460,TS val 200 ecr 211>
  `);
  runScript(`${TIME_WAIT}
    0.200 < S 1:1(0) win 65535 <mss 1460,TS val 210 ecr 0>
    0.200 state TIME-WAIT
    0.200 > . 2:2(0) ack 2 <TS val 200 ecr 210>
  `);
});

test('RFC 6191 §2: in TIME-WAIT a SYN with an older clock is an old duplicate, whatever its sequence number', () => {
  runScript(`${TIME_WAIT}
    0.200 < S 5000:5000(0) win 65535 <mss 1460,TS val 209 ecr 0>
    0.200 state TIME-WAIT
    0.200 > . 2:2(0) ack 2 <TS val 200 ecr 210>
    0.300 < S 5000:5000(0) win 65535 <mss 1460,TS val 210 ecr 0>
    0.300 state SYN-RECEIVED
    0.300 > S. 0:0(0) ack 5001 <mss 1460,TS val 300 ecr 210>
  `);
});

test('the clock counts milliseconds from a draw for each pair of sockets, and goes round', () => {
  const random = hashRandomSource(1);
  const offset = timestampOffset(random, 'a');
  assert.is(timestampOffset(random, 'a'), offset);
  assert.is.not(timestampOffset(random, 'b'), offset);
  assert.is.not(timestampOffset(hashRandomSource(2), 'a'), offset);
  assert.is.not(initialSequenceNumber(random, 'a', 0), offset);
  assert.is(timestampClock(999, 5), 5);
  assert.is(timestampClock(1000, 5), 6);
  assert.is(timestampClock(2 ** 32 * 1000 - 1000, 1), 0);
});

test('an echo says the latest time at which it can have left', () => {
  const timestamps = new Timestamps(true, 1000, 0, 1, 1);
  const segment = { ...emptySegment(), hasTimestamps: true, tsEcr: 1005 };
  assert.is(timestamps.echoedUs(7_300, segment), 5_999);
  assert.is(timestamps.echoedUs(5_300, segment), 5_300);
  assert.is(timestamps.echoedUs(4_999, segment), Number.POSITIVE_INFINITY);
  assert.is(timestamps.echoedUs(7_300, { ...segment, hasTimestamps: false }), Number.POSITIVE_INFINITY);
});

test.run();
