// Sending: what leaves when (RFC 9293 §3.8.6.2.1), closed and shrunk windows (§3.8.6), the timer (RFC 6298).

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from '../../../src/core/limits.js';
import { emptySegment } from '../../../src/core/tcp/segment.js';
import { Sender, TIMER_KINDS } from '../../../src/core/tcp/send.js';
import { TimerTable } from '../../../src/core/time.js';
import { HANDSHAKE, runScript } from '../../support/packet-script.js';

const test = suite('send');

test('small writes leave at once, without waiting for acknowledgments (Nagle is off)', () => {
  runScript(`${HANDSHAKE}
    0.100 session write 10
    0.100 > P. 1:11(10) ack 1
    0.101 session write 20
    0.101 > P. 11:31(20) ack 1
    0.110 < . 1:1(0) ack 31 win 65535
    5.000 idle
  `);
});

test('the initial window is ten segments, and slow start adds one for each acknowledged', () => {
  const burst = (first: number, count: number, at: string): string =>
    Array.from({ length: count }, (_, i) => {
      const seq = 1 + (first + i) * 1460;
      return `${at} > . ${seq}:${seq + 1460}(1460) ack 1`;
    }).join('\n');
  runScript(`${HANDSHAKE}
    0.100 session write 1000000
    ${burst(0, 10, '0.100')}
    0.110 < . 1:1(0) ack 2921 win 65535
    ${burst(10, 3, '0.110')}
    0.111 < . 1:1(0) ack 14601 win 65535
    ${burst(13, 9, '0.111')}
  `);
});

test('data waits while the window is full and goes on when it opens', () => {
  runScript(`
    0.000 < S 0:0(0) win 65535 <mss 1000>
    0.000 > S. 0:0(0) ack 1
    0.010 < . 1:1(0) ack 1 win 2000
    0.100 session write 2500
    0.100 > . 1:1001(1000) ack 1
    0.100 > . 1001:2001(1000) ack 1
    0.110 < . 1:1(0) ack 1001 win 1000
    0.120 < . 1:1(0) ack 1001 win 1500
    0.120 > P. 2001:2501(500) ack 1
  `);
});

test('less than a segment waits for the window, but not for ever', () => {
  // 400 bytes are below a segment and below half of the largest window: the override sends them after the RTO.
  runScript(`
    0.000 < S 0:0(0) win 65535 <mss 1000>
    0.000 > S. 0:0(0) ack 1
    0.010 < . 1:1(0) ack 1 win 2000
    0.020 < . 1:1(0) ack 1 win 400
    0.100 session write 900
    0.300 > . 1:401(400) ack 1
    0.310 < . 1:1(0) ack 401 win 2000
    0.310 > P. 401:901(500) ack 1
  `);
});

test('half of the largest window is worth sending', () => {
  runScript(`
    0.000 < S 0:0(0) win 800 <mss 1000>
    0.000 > S. 0:0(0) ack 1
    0.010 < . 1:1(0) ack 1 win 800
    0.020 < . 1:1(0) ack 1 win 400
    0.100 session write 900
    0.100 > . 1:401(400) ack 1
  `);
});

test('a closed window is probed after the RTO, then ever more rarely, while the peer answers', () => {
  const { stack } = runScript(`${HANDSHAKE}
    0.020 < . 1:1(0) ack 1 win 0
    0.100 session write 500
    0.300 > . 1:2(1) ack 1
    0.310 < . 1:1(0) ack 1 win 0
    0.700 > . 1:2(1) ack 1
    0.710 < . 1:1(0) ack 1 win 0
    1.500 > . 1:2(1) ack 1
    1.510 < . 1:1(0) ack 1 win 0
    3.100 > . 1:2(1) ack 1
    3.110 < . 1:1(0) ack 1 win 0
    6.300 > . 1:2(1) ack 1
    6.310 < . 1:1(0) ack 2 win 0
    12.700 > . 2:3(1) ack 1
    12.710 < . 1:1(0) ack 2 win 10
    12.710 > P. 2:501(499) ack 1
  `);
  assert.is(stack.openFlows, 1);
});

test('a probe interval never exceeds 60 s', () => {
  let script = `${HANDSHAKE}
    0.020 < . 1:1(0) ack 1 win 0
    0.100 session write 500\n`;
  let at = 100_000;
  for (let i = 0; i < 20; i++) {
    at += Math.min(60_000_000, 200_000 * 2 ** i);
    script += `${at / 1e6} > . 1:2(1) ack 1\n${(at + 1000) / 1e6} < . 1:1(0) ack 1 win 0\n`;
  }
  runScript(script, { tcp: { closedWindowUs: 0 } });
});

test('a lone FIN probes a closed window', () => {
  runScript(`${HANDSHAKE}
    0.020 < . 1:1(0) ack 1 win 0
    0.100 session close
    0.300 > F. 1:1(0) ack 1
    0.310 < . 1:1(0) ack 2 win 0
    0.310 state FIN-WAIT-2
  `);
});

test('probes that nobody answers end the connection', () => {
  let script = `${HANDSHAKE}
    0.020 < . 1:1(0) ack 1 win 0
    0.100 session write 500\n`;
  let at = 100_000;
  for (let i = 0; i < limits.tcp.unansweredProbes; i++) {
    at += Math.min(60_000_000, 200_000 * 2 ** i);
    script += `${at / 1e6} > . 1:2(1) ack 1\n`;
  }
  const { stack } = runScript(
    `${script}
    ${(at + 60_000_000) / 1e6} says zero-window probes unanswered
    ${(at + 60_000_000) / 1e6} state CLOSED
  `,
    { tcp: { closedWindowUs: 0 } },
  );
  assert.is(stack.nextDeadlineUs(), undefined);
});

test('a peer that shrinks its window gets no new data, and the old within its window again', () => {
  runScript(`
    0.000 < S 0:0(0) win 65535 <mss 1000>
    0.000 > S. 0:0(0) ack 1
    0.010 < . 1:1(0) ack 1 win 3000
    0.100 session write 4000
    0.100 > . 1:1001(1000) ack 1
    0.100 > . 1001:2001(1000) ack 1
    0.100 > . 2001:3001(1000) ack 1
    0.110 < . 1:1(0) ack 1001 win 500
    0.310 > . 1001:1501(500) ack 1
    0.320 < . 1:1(0) ack 1501 win 5000
    0.320 > P. 3001:4001(1000) ack 1      # F-RTO (RFC 5682 §2.1 step 2b) tries new data first
    0.330 < . 1:1(0) ack 1501 win 5000
    0.330 > . 1501:2001(500) ack 1        # and has its answer: they are lost
    0.340 < . 1:1(0) ack 2001 win 5000
    0.340 > . 2001:3001(1000) ack 1
  `);
});

test('a window that shrinks to nothing under data in flight is probed at its left edge', () => {
  runScript(`
    0.000 < S 0:0(0) win 65535 <mss 1000>
    0.000 > S. 0:0(0) ack 1
    0.010 < . 1:1(0) ack 1 win 3000
    0.100 session write 2000
    0.100 > . 1:1001(1000) ack 1
    0.100 > P. 1001:2001(1000) ack 1
    0.110 < . 1:1(0) ack 1001 win 0
    0.200 < P. 1:11(10) ack 1001 win 0
    0.240 > . 1001:1001(0) ack 11
    0.310 > . 1001:1002(1) ack 11
    0.320 < . 11:11(0) ack 2001 win 3000
    1.000 idle
  `);
});

test('an old segment does not take the window back', () => {
  runScript(`
    0.000 < S 0:0(0) win 65535 <mss 1000>
    0.000 > S. 0:0(0) ack 1
    0.010 < . 1:1(0) ack 1 win 3000
    0.020 < P. 11:21(10) ack 1 win 4000
    0.020 > . 1:1(0) ack 1
    0.030 < P. 1:11(10) ack 1 win 0
    0.030 > . 1:1(0) ack 21
    0.040 session write 4000
    0.040 > . 1:1001(1000) ack 21
    0.040 > . 1001:2001(1000) ack 21
    0.040 > . 2001:3001(1000) ack 21
    0.040 > P. 3001:4001(1000) ack 21
  `);
});

test('lost data is sent again after 1, 2, 4 ... s when nothing was measured, at most every 60 s, then given up', () => {
  // The duplicate SYN makes the SYN-ACK's round trip ambiguous (Karn), so that the RTO stays at its initial second.
  let script = `
    0.000 < S 0:0(0) win 65535 <mss 1460>
    0.000 > S. 0:0(0) ack 1
    0.005 < S 0:0(0) win 65535 <mss 1460>
    0.005 > S. 0:0(0) ack 1
    0.010 < . 1:1(0) ack 1 win 65535
    0.500 session write 100
    0.500 > P. 1:101(100) ack 1\n`;
  let at = 0.5;
  for (let i = 0; i < limits.tcp.retransmissions; i++) {
    at += Math.min(60, 2 ** i);
    script += `${at} > P. 1:101(100) ack 1\n`;
  }
  const { stack } = runScript(`${script}
    ${at + 60} says retransmission limit reached
    ${at + 60} state CLOSED
    ${at + 1000} idle
  `);
  assert.is(stack.openFlows, 0);
});

test('after a measurement of 10 ms the RTO is its minimum, doubled at each expiry', () => {
  runScript(`${HANDSHAKE}
    0.100 session write 100
    0.100 > P. 1:101(100) ack 1
    0.300 > P. 1:101(100) ack 1
    0.700 > P. 1:101(100) ack 1
    1.500 > P. 1:101(100) ack 1
    1.510 < . 1:1(0) ack 101 win 65535
    2.000 session write 100
    2.000 > P. 101:201(100) ack 1
    3.600 > P. 101:201(100) ack 1      # Karn: the back-off stays until something sent once is acknowledged
    3.610 < . 1:1(0) ack 201 win 65535
    4.000 session write 100
    4.000 > P. 201:301(100) ack 1
    4.010 < . 1:1(0) ack 301 win 65535
    5.000 session write 100
    5.000 > P. 301:401(100) ack 1
    5.200 > P. 301:401(100) ack 1
  `);
});

test('the timer restarts when new data is acknowledged (RFC 6298 §5.3)', () => {
  runScript(`${HANDSHAKE}
    0.100 session write 2920
    0.100 > . 1:1461(1460) ack 1
    0.100 > P. 1461:2921(1460) ack 1
    0.290 < . 1:1(0) ack 1461 win 65535
    0.517500 > P. 1461:2921(1460) ack 1
  `);
});

test('after a timeout sending goes back to the first unacknowledged byte, one segment first', () => {
  const { events } = runScript(`${HANDSHAKE}
    0.100 session write 4380
    0.100 > . 1:1461(1460) ack 1
    0.100 > . 1461:2921(1460) ack 1
    0.100 > P. 2921:4381(1460) ack 1
    0.300 > . 1:1461(1460) ack 1
    0.310 < . 1:1(0) ack 1461 win 65535
    0.310 > . 1461:2921(1460) ack 1
    0.310 > P. 2921:4381(1460) ack 1
    0.320 < . 1:1(0) ack 4381 win 65535
    5.000 idle
  `);
  const said = events.filter((event) => event.kind === 'retransmit');
  assert.is(said.length, 3);
  assert.is(said[0]!.kind === 'retransmit' && said[0]!.reason, 'rto');
});

test('what the peer already had is not sent again after a timeout', () => {
  runScript(`${HANDSHAKE}
    0.100 session write 4380
    0.100 > . 1:1461(1460) ack 1
    0.100 > . 1461:2921(1460) ack 1
    0.100 > P. 2921:4381(1460) ack 1
    0.300 > . 1:1461(1460) ack 1
    0.310 < . 1:1(0) ack 4381 win 65535
    5.000 idle
  `);
});

test('the third duplicate ACK sends the first segment again; each later one lets a new one go (RFC 5681 §3.2)', () => {
  const { events } = runScript(`
    0.000 < S 0:0(0) win 65535 <mss 1000,wscale 7>
    0.000 > S. 0:0(0) ack 1
    0.010 < . 1:1(0) ack 1 win 65535
    0.100 session write 4000
    0.100 > . 1:1001(1000) ack 1
    0.100 > . 1001:2001(1000) ack 1
    0.100 > . 2001:3001(1000) ack 1
    0.100 > P. 3001:4001(1000) ack 1
    0.110 < . 1:1(0) ack 1 win 65535
    0.111 < . 1:1(0) ack 1 win 65535
    0.112 < . 1:1(0) ack 1 win 65535
    0.112 > . 1:1001(1000) ack 1
    0.113 session write 3000
    0.113 > . 4001:5001(1000) ack 1     # cwnd is half the flight, 2000, and 3 segments more
    0.114 < . 1:1(0) ack 1 win 65535
    0.114 > . 5001:6001(1000) ack 1
    0.120 < . 1:1(0) ack 6001 win 65535
    0.120 > P. 6001:7001(1000) ack 1
    0.130 < . 1:1(0) ack 7001 win 65535
    5.000 idle
  `);
  assert.is(events.filter((event) => event.kind === 'retransmit' && event.reason === 'fast').length, 1);
});

test('the first two duplicate ACKs each let a new segment go (RFC 3042)', () => {
  let script = `
    0.000 < S 0:0(0) win 65535 <mss 1000,wscale 7>
    0.000 > S. 0:0(0) ack 1
    0.010 < . 1:1(0) ack 1 win 65535
    0.100 session write 100000\n`;
  for (let i = 0; i < 10; i++) script += `0.100 > . ${1 + i * 1000}:${1001 + i * 1000}(1000) ack 1\n`;
  runScript(`${script}
    0.110 < . 1:1(0) ack 1 win 65535
    0.110 > . 10001:11001(1000) ack 1
    0.111 < . 1:1(0) ack 1 win 65535
    0.111 > . 11001:12001(1000) ack 1
    0.112 < . 1:1(0) ack 1 win 65535
    0.112 > . 1:1001(1000) ack 1
  `);
});

test('a partial acknowledgment sends the next hole at once (RFC 6582)', () => {
  runScript(`
    0.000 < S 0:0(0) win 65535 <mss 1000,wscale 7>
    0.000 > S. 0:0(0) ack 1
    0.010 < . 1:1(0) ack 1 win 65535
    0.100 session write 6000
    0.100 > . 1:1001(1000) ack 1        # lost
    0.100 > . 1001:2001(1000) ack 1
    0.100 > . 2001:3001(1000) ack 1     # lost
    0.100 > . 3001:4001(1000) ack 1
    0.100 > . 4001:5001(1000) ack 1
    0.100 > P. 5001:6001(1000) ack 1
    0.110 < . 1:1(0) ack 1 win 65535
    0.110 < . 1:1(0) ack 1 win 65535
    0.110 < . 1:1(0) ack 1 win 65535
    0.110 > . 1:1001(1000) ack 1
    0.110 < . 1:1(0) ack 1 win 65535
    0.120 < . 1:1(0) ack 2001 win 65535
    0.120 > . 2001:3001(1000) ack 1
    0.130 < . 1:1(0) ack 6001 win 65535
    5.000 idle
  `);
});

test('duplicates with text, another window or nothing in flight do not count', () => {
  runScript(
    `${HANDSHAKE}
    0.020 < . 1:1(0) ack 1 win 65535
    0.021 < . 1:1(0) ack 1 win 65535
    0.022 < . 1:1(0) ack 1 win 65535
    0.100 session write 1460
    0.100 > P. 1:1461(1460) ack 1
    0.110 < . 1:1(0) ack 1 win 65534
    0.111 < . 1:1(0) ack 1 win 65533
    0.112 < . 1:1(0) ack 1 win 65532
    0.113 < P. 1:2(1) ack 1 win 65532
    0.114 < . 2:2(0) ack 1 win 65532
    0.115 < . 2:2(0) ack 1 win 65532
    0.150 idle
  `.replace('0.150 idle', '0.153 > . 1461:1461(0) ack 2'),
  );
});

test('after an idle time longer than the RTO the window is the initial one again (RFC 5681 §4.1)', () => {
  const burst = (first: number, count: number, at: string): string =>
    Array.from({ length: count }, (_, i) => {
      const seq = 1 + (first + i) * 1460;
      return `${at} > ${i === count - 1 ? 'P.' : '.'} ${seq}:${seq + 1460}(1460) ack 1`;
    }).join('\n');
  runScript(`${HANDSHAKE}
    0.100 session write 14600
    ${burst(0, 10, '0.100')}
    0.110 < . 1:1(0) ack 1461 win 65535
    0.111 < . 1:1(0) ack 2921 win 65535
    0.112 < . 1:1(0) ack 14601 win 65535
    0.120 session write ${12 * 1460}
    ${burst(10, 12, '0.120')}
    0.130 < . 1:1(0) ack ${1 + 22 * 1460} win 65535
    9.000 session write ${12 * 1460}
    ${burst(22, 11, '9.000').replaceAll('P.', '.').split('\n').slice(0, 10).join('\n')}
  `);
});

test('an acknowledgment of what was never sent is challenged and changes nothing (RFC 5961 §5)', () => {
  runScript(`${HANDSHAKE}
    0.100 session write 100
    0.100 > P. 1:101(100) ack 1
    0.110 < . 1:1(0) ack 5000 win 65535
    0.110 > . 101:101(0) ack 1
    0.110 says acknowledgment out of range
    0.300 > P. 1:101(100) ack 1
  `);
});

test('a deadline of the session that is already due is served in the same event', () => {
  const { session } = runScript(
    `${HANDSHAKE}
    0.010 > P. 1:6(5) ack 1
    0.020 < . 1:1(0) ack 6 win 65535
  `,
    { plan: [{ atUs: 10_000, verb: 'write', amount: 5 }] },
  );
  assert.equal(session.advancedTo, [10_000]);
});

test('a session behind a closed window is asked for one helping only', () => {
  const { session } = runScript(`${HANDSHAKE}
    0.020 < . 1:1(0) ack 1 win 0
    0.100 session write 3000000
    0.200 idle
  `);
  assert.is(session.sent, limits.tcp.takeBytes);
});

test('segments that were cut into as many parts as are kept are still sent again, whatever is cut further', () => {
  const timers = new TimerTable(TIMER_KINDS);
  const options = { mss: 1460, sack: true, timestamps: false, congestion: 'cubic', recovery: 'rack' } as const;
  const sender = new Sender(1, options, timers);
  sender.established(0, 0, 0);
  sender.updateWindow(1 << 30, 1, 1);
  sender.congestion.cwnd = 1 << 30;
  let longest = 0;
  let again = 0;
  const writer = {
    write: (_nowUs: number, _seq: number, _distance: number, length: number) => {
      longest = Math.max(longest, length);
      again += length;
    },
    retransmitting: () => undefined,
    congestion: () => undefined,
  };
  while (sender.wantsMore) {
    sender.queue.push(new Uint8Array(limits.tcp.takeBytes));
    sender.send(0, writer);
  }
  // Messages that say a little less each time (RFC 5927 §7): each of them cuts every full segment in two.
  for (let mss = 1459; mss >= 1440; mss--) {
    longest = 0;
    again = 0;
    sender.setMss(mss);
    sender.resendForPath(1000, writer);
    assert.ok(longest <= mss && again > 500_000, `${mss}: ${longest}, ${again}`);
  }
  assert.ok(sender.recovery.board.size <= 2 * limits.tcp.segmentsInFlight);
  again = 0;
  timers.clearAll();
  assert.ok(sender.retransmitTimeout(1_000_000, writer));
  assert.is(again, 1440);
  const segment = { ...emptySegment(), ack: 1441 };
  sender.acknowledge(1_010_000, segment, 1 << 30);
  sender.send(1_010_000, writer);
  assert.ok(again > 1440, 'and it goes on from there');
});

test('the send buffer takes no more than its bound, however wide the windows are', () => {
  const options = {
    mss: 1460,
    sack: true,
    timestamps: false,

    congestion: 'cubic',
    recovery: 'rack',
  } as const;
  const sender = new Sender(1, options, new TimerTable(TIMER_KINDS));
  sender.established(0, 0, 0);
  sender.updateWindow(1 << 30, 1, 1);
  sender.congestion.cwnd = 1 << 30;
  const writer = { write: () => undefined, retransmitting: () => undefined, congestion: () => undefined };
  let taken = 0;
  while (sender.wantsMore) {
    sender.queue.push(new Uint8Array(limits.tcp.takeBytes));
    taken += limits.tcp.takeBytes;
    sender.send(0, writer);
  }
  assert.is(taken, limits.tcp.sendBufferBytes);
});

test.run();
