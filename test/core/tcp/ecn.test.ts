// Explicit congestion notification: agreeing on it (RFC 3168 §6.1.1), marking and echoing (§6.1.2 to §6.1.6). By how much
// the window comes down is tested with the congestion control.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from '../../../src/core/limits.js';
import { runScript } from '../../support/packet-script.js';

const test = suite('ecn');

const OPEN = `
  0.000 < SEC 0:0(0) win 65535 <mss 1000>
  0.000 > S.E 0:0(0) ack 1 ecn 0
  0.010 < . 1:1(0) ack 1 win 65535
`;

test('an ECN-setup SYN is answered by an ECN-setup SYN-ACK, which is not ECT itself (§6.1.1)', () => {
  runScript(OPEN);
});

test('ECN is not agreed on when it is not asked for, is off, or the SYN came in an ECT packet', () => {
  for (const [syn, ecn] of [
    ['S', true],
    ['SE', true],
    ['SC', true],
    ['SEC', false],
  ] as const) {
    runScript(
      `0.000 < ${syn} 0:0(0) win 65535 <mss 1000>
       0.000 > S. 0:0(0) ack 1
       0.010 < . 1:1(0) ack 1 win 65535
       0.020 session write 100
       0.020 > P. 1:101(100) ack 1 ecn 0
       0.030 < .E 1:1(0) ack 101 win 65535 ecn 3
       0.040 < P. 1:101(100) ack 101 win 65535 ecn 3
       0.080 > . 101:101(0) ack 101 ecn 0`,
      { tcp: { ecn } },
    );
  }
  runScript(`
    0.000 < SEC 0:0(0) win 65535 <mss 1000> ecn 2
    0.000 > S. 0:0(0) ack 1
  `);
});

test('a SYN that comes again without ECN has fallen back, and so do we (§6.1.1.1)', () => {
  runScript(`
    0.000 < SEC 0:0(0) win 65535 <mss 1000>
    0.000 > S.E 0:0(0) ack 1
    0.500 < S 0:0(0) win 65535 <mss 1000>
    0.500 > S. 0:0(0) ack 1
    0.510 < . 1:1(0) ack 1 win 65535
    0.520 session write 100
    0.520 > P. 1:101(100) ack 1 ecn 0
  `);
  runScript(`
    0.000 < SEC 0:0(0) win 65535 <mss 1000>
    0.000 > S.E 0:0(0) ack 1
    0.500 < SEC 0:0(0) win 65535 <mss 1000>
    0.500 > S.E 0:0(0) ack 1
    1.000 > S.E 0:0(0) ack 1
    1.010 < . 1:1(0) ack 1 win 65535
    1.020 session write 100
    1.020 > P. 1:101(100) ack 1 ecn 2
  `);
});

test('new text is ECT(0); acknowledgments, FIN without text and retransmissions are not (§6.1.2, §6.1.4, §6.1.5)', () => {
  runScript(`${OPEN}
    0.100 < P. 1:101(100) ack 1 win 65535
    0.140 > . 1:1(0) ack 101 ecn 0
    0.200 session write 500
    0.200 > P. 1:501(500) ack 101 ecn 2
    0.400 > P. 1:501(500) ack 101 ecn 0
    0.410 < . 101:101(0) ack 501 win 65535
    0.500 session close
    0.500 > F. 501:501(0) ack 101 ecn 0
  `);
});

test('a probe of a closed window is not ECT (§6.1.6)', () => {
  runScript(`${OPEN}
    0.100 < . 1:1(0) ack 1 win 0
    0.200 session write 500
    0.400 > . 1:2(1) ack 1 ecn 0
  `);
});

test('a mark is echoed at once and in every acknowledgment until CWR (§6.1.3)', () => {
  runScript(`${OPEN}
    0.100 < P. 1:101(100) ack 1 win 65535 ecn 3
    0.100 > .E 1:1(0) ack 101
    0.200 < P. 101:201(100) ack 1 win 65535 ecn 2
    0.240 > .E 1:1(0) ack 201
    0.300 < P.C 201:301(100) ack 1 win 65535 ecn 2
    0.300 > . 1:1(0) ack 301
    0.400 < P. 301:401(100) ack 1 win 65535 ecn 2
    0.440 > . 1:1(0) ack 401
  `);
});

test('one mark among the segments of a delayed acknowledgment is enough, and text of ours carries ECE, too', () => {
  runScript(
    `${OPEN}
    0.100 < P. 1:101(100) ack 1 win 65535 ecn 3
    0.100 > P.E 1:101(100) ack 101 ecn 2
    0.110 < . 101:101(0) ack 101 win 65535
  `,
    { echo: true },
  );
  runScript(`${OPEN}
    0.100 < P. 1:101(100) ack 1 win 65535 ecn 2
    0.110 < P. 101:201(100) ack 1 win 65535 ecn 3
    0.110 > .E 1:1(0) ack 201
  `);
});

test('CWR on a marked segment ends one echo and begins another', () => {
  runScript(`${OPEN}
    0.100 < P. 1:101(100) ack 1 win 65535 ecn 3
    0.100 > .E 1:1(0) ack 101
    0.200 < P.C 101:201(100) ack 1 win 65535 ecn 3
    0.240 > .E 1:1(0) ack 201
  `);
});

test('a mark on a pure acknowledgment, or outside the window, means nothing (§6.1.4)', () => {
  runScript(`${OPEN}
    0.100 < . 1:1(0) ack 1 win 65535 ecn 3
    0.200 < P. 70001:70101(100) ack 1 win 65535 ecn 3
    0.200 > . 1:1(0) ack 1
    0.300 < P. 1:101(100) ack 1 win 65535
    0.340 > . 1:1(0) ack 101
  `);
});

test('an echo is answered by CWR on the next new text, once for a window (§6.1.2)', () => {
  runScript(`${OPEN}
    0.020 session write 4000
    0.020 > . 1:1001(1000) ack 1 ecn 2
    0.020 > . 1001:2001(1000) ack 1 ecn 2
    0.020 > . 2001:3001(1000) ack 1 ecn 2
    0.020 > P. 3001:4001(1000) ack 1 ecn 2
    0.030 < .E 1:1(0) ack 1001 win 65535
    0.031 < .E 1:1(0) ack 2001 win 65535
    0.032 < .E 1:1(0) ack 4001 win 65535
    0.040 session write 100
    0.040 > P.C 4001:4101(100) ack 1 ecn 2
    0.041 session write 100
    0.041 > P. 4101:4201(100) ack 1 ecn 2
  `);
});

test('an option-less SYN cookie does not agree on ECN; with timestamps it does', () => {
  const flood = Array.from(
    { length: limits.tcp.synReceived },
    (_, i) => `0.000 < S 0:0(0) win 65535 from ${1000 + i}\n0.000 > S. 0:0(0) ack 1`,
  ).join('\n');
  const { events } = runScript(`${flood}
    0.100 < SEC 0:0(0) win 65535 <mss 1000>
    0.100 > S. 0:0(0) ack 1
    0.200 < SEC 0:0(0) win 65535 <mss 1000,TS val 1 ecr 0>
    0.200 > S.E 0:0(0) ack 1 <mss 1460,TS val 200 ecr 1>
    0.210 < . 1:1(0) ack 1 win 65535 <TS val 11 ecr 200>
    0.220 session write 100
    0.220 > P. 1:101(100) ack 1 ecn 2
  `);
  assert.is(events.filter((event) => event.kind === 'cookies').length, 1);
});

test.run();
