// RACK-TLP (RFC 8985), one script for each rule, with exact times. The round trip is 10 ms, a segment 1000 bytes.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runSender } from '../../support/sender-script.js';

const test = suite('rack');

/** The lines that send `count` segments at one time. */
function burst(at: string, first: number, count: number): string {
  return Array.from({ length: count }, (_, i) => `${at} > ${first + 1000 * i}:${first + 1000 * (i + 1)}`).join('\n');
}
const TEN = `0.000 write 10000\n${burst('0.000', 1, 10)}`;

test('one SACKed segment: what was sent before it is lost a quarter of the least round trip later (§6.2 steps 4 and 5)', () => {
  runSender(`
    ${TEN}
    0.010 < 1 sack 1001:2001
    0.010 is disorder cwnd 10000 pipe 9000
    0.0125 > 1:1001 rack
    0.0125 is recovery ssthresh 7000
    0.0125 says rack
  `);
});

test('three SACKed segments and no reordering seen: lost at once, the window 0 (§6.2 step 4)', () => {
  runSender(`
    ${TEN}
    0.010 < 1 sack 1001:4001
    0.010 > 1:1001 rack
    0.010 is recovery ssthresh 7000 sacked 3000 lost 0
    0.020 < 10001
    0.020 is open cwnd 7000
    0.020 says recovered
  `);
});

test('once a segment came late by itself the three do not count any more (§6.2 step 3)', () => {
  runSender(`
    ${TEN}
    0.010 < 1 sack 1001:2001
    0.011 < 2001
    0.011 is open
    0.012 < 2001 sack 3001:6001
    0.012 is disorder
    0.0145 > 2001:3001 rack
  `);
});

test('each D-SACK round widens the window by a quarter, up to the SRTT (§6.2 step 4)', () => {
  runSender(`
    ${TEN}
    0.010 < 1 sack 1001:4001
    0.010 > 1:1001 rack
    0.011 < 4001                          # it was only late
    0.020 < 4001 sack 1:1001              # and came twice
    0.020 says undo-dsack
    0.020 is open cwnd 10000
    0.030 < 10001
    0.040 write 10000
    ${burst('0.040', 10001, 10)}
    0.050 < 10001 sack 11001:12001
    0.050 is disorder
    0.055 > 10001:11001 rack              # two quarters now
  `);
});

test('a retransmission that is lost is found by what was sent after it (§3.1)', () => {
  runSender(`
    ${TEN}
    0.010 write 5000
    0.010 idle
    0.010 < 1 sack 1001:4001
    0.010 > 1:1001 rack                   # lost once more
    0.012 < 1 sack 1001:5001
    0.012 > 10001:11001
    0.013 < 1 sack 1001:6001
    0.013 > 11001:12001
    0.015 < 1 sack 1001:8001
    0.015 > 12001:13001
    0.015 > 13001:14001
    0.016 < 1 sack 1001:10001
    0.016 > 14001:15001
    0.023 < 1 sack 1001:11001             # sent after the retransmission
    0.023 > 1:1001 rack
  `);
});

test('an acknowledged retransmission that cannot have made the trip says nothing (§6.2 step 2)', () => {
  const sender = runSender(`
    ${TEN}
    0.010 < 1 sack 1001:4001
    0.010 > 1:1001 rack
    0.011 < 4001
    0.011 idle
  `);
  // The round trip stays 10 ms; 1 ms, from the retransmission, would have every segment lost.
  assert.is(sender.rtt.minRttUs, 10_000);
  assert.is(sender.recovery.board.lostBytes, 0);
});

test('the probe: twice the SRTT after the last new data, the last segment again (§7.2 and §7.3)', () => {
  runSender(`
    ${TEN}
    0.010 < 9001                          # only the last one is missing
    0.010 idle
    0.210 > 9001:10001 tlp                # one in flight: a delayed ACK is allowed for, at most the RTO
  `);
  runSender(`
    ${TEN}
    0.010 < 5001
    0.030 > 9001:10001 tlp
  `);
});

test('new data goes before the last segment, one beyond cwnd (§7.3)', () => {
  runSender(`
    0.000 write 12000
    ${burst('0.000', 1, 10)}
    0.020 > 10001:11001
    0.220 > 1:1001 rto                    # the RTO is armed anew behind it
  `);
});

test('after the probe the rest is found lost by its SACK (§7.4.1)', () => {
  runSender(`
    ${TEN}
    0.010 < 7001                          # 7001 to 10001 are lost
    0.030 > 9001:10001 tlp
    0.040 < 7001 sack 9001:10001
    0.040 > 7001:8001 rack
    0.040 > 8001:9001 rack
    0.040 is recovery
  `);
});

test('a loss that the probe repaired reduces the window (§7.4.2)', () => {
  runSender(`
    ${TEN}
    0.010 < 7001
    0.010 write 1000
    0.010 > 10001:11001
    0.030 > 10001:11001 tlp
    0.035 write 1000
    0.035 > 11001:12001
    0.040 < 11001
    0.040 is open cwnd 11000
    0.045 < 12001                         # beyond the probe, and no duplicate of it came
    0.045 says tlp
    0.045 is open cwnd 2000
  `);
});

test('a probe that was not needed reduces nothing: its D-SACK, or a duplicate without SACK (§7.4.2)', () => {
  for (const answer of ['11001 sack 10001:11001', '11001']) {
    runSender(`
      ${TEN}
      0.010 < 7001
      0.010 write 1000
      0.010 > 10001:11001
      0.030 > 10001:11001 tlp
      0.035 < 11001
      0.036 < ${answer}
      0.036 is open cwnd 11000
      0.040 write 1000
      0.040 > 11001:12001
      0.050 < 12001
      0.050 is open cwnd 11000
    `);
  }
});

test('no second probe before a new measurement (§7.3)', () => {
  runSender(`
    ${TEN}
    0.010 < 7001
    0.030 > 9001:10001 tlp
    0.230 > 7001:8001 rto
    0.230 is loss cwnd 1000
  `);
});

test('at the RTO the first is lost, and of the others what had its time (§6.3)', () => {
  runSender(
    `
    0.000 write 2000
    0.000 > 1:1001
    0.000 > 1001:2001
    0.020 > 1001:2001 tlp
    0.215 write 1000
    0.215 > 2001:3001
    0.220 > 1:1001 rto
    0.220 is loss cwnd 1000 lost 1000     # 1001:2001, but not what left 5 ms before
  `,
    { timestamps: true },
  );
});

test('with nothing measured there is no probe before the RTO (§7.2)', () => {
  runSender(
    `
    0.000 write 1000
    0.000 > 1:1001
    1.000 > 1:1001 rto
    `,
    {},
    -1,
  );
});

test.run();
