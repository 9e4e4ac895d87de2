// Opening a connection: RFC 9293 §3.10.7.2 and what SYN-RECEIVED does, the options MSS and window scale, closed ports.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from '../../../src/core/limits.js';
import { HANDSHAKE, runScript } from '../../support/packet-script.js';

const test = suite('handshake');

test('a SYN is answered and its ACK establishes', () => {
  const { session, stack } = runScript(`${HANDSHAKE}
    0.010 state ESTABLISHED
    5.000 idle
  `);
  assert.is(session.received, 0);
  assert.is(stack.openFlows, 1);
});

test('the offered MSS follows the MTU', () => {
  runScript(
    `0.000 < S 0:0(0) win 65535 <mss 1460,wscale 7>
     0.000 > S. 0:0(0) ack 1 win 65535 <mss 960,wscale 3>`,
    { mtu: 1000 },
  );
});

test('without an MSS option segments carry 536 bytes', () => {
  runScript(`
    0.000 < S 0:0(0) win 65535
    0.000 > S. 0:0(0) ack 1 win 65535 <mss 1460>
    0.010 < . 1:1(0) ack 1 win 65535
    0.020 session write 1000
    0.020 > . 1:537(536) ack 1
    0.020 > P. 537:1001(464) ack 1
  `);
});

test('an MSS below the floor is taken as the floor (CVE-2019-11479)', () => {
  runScript(`
    0.000 < S 0:0(0) win 65535 <mss 1>
    0.000 > S. 0:0(0) ack 1 win 65535 <mss 1460>
    0.010 < . 1:1(0) ack 1 win 65535
    0.020 session write 50
    0.020 > . 1:${1 + limits.tcp.minSendMss}(${limits.tcp.minSendMss}) ack 1
    0.020 > P. ${1 + limits.tcp.minSendMss}:51(2) ack 1
  `);
});

test('without a window scale option neither side scales', () => {
  runScript(`
    0.000 < S 0:0(0) win 2000 <mss 1460>
    0.000 > S. 0:0(0) ack 1 win 65535 <mss 1460>
    0.010 < . 1:1(0) ack 1 win 2000
    0.020 session write 3000
    0.020 > . 1:1461(1460) ack 1 win 65535
    0.030 < . 1:1(0) ack 1461 win 2000
    0.030 > . 1461:2921(1460) ack 1 win 65535
    0.030 > P. 2921:3001(80) ack 1 win 65535
  `);
});

test('the window of a SYN is not scaled, later ones are, ours by 8', () => {
  runScript(`
    0.000 < S 0:0(0) win 3000 <mss 1460,wscale 2>
    0.000 > S. 0:0(0) ack 1 win 65535 <mss 1460,wscale 3>
    0.010 < . 1:1(0) ack 1 win 1000
    0.020 session write 5000
    0.020 > . 1:1461(1460) ack 1 win 65535
    0.020 > . 1461:2921(1460) ack 1 win 65535
    0.030 < . 1:1(0) ack 2921 win 1000
    0.030 > . 2921:4381(1460) ack 1
    0.030 > P. 4381:5001(620) ack 1
  `);
});

test('a window scale above 14 is taken as 14', () => {
  runScript(`
    0.000 < S 0:0(0) win 65535 <mss 1460,wscale 30>
    0.000 > S. 0:0(0) ack 1 win 65535 <mss 1460,wscale 3>
    0.010 < . 1:1(0) ack 1 win 1
    0.020 session write 14600
    0.020 > . 1:1461(1460) ack 1
    0.020 > . 1461:2921(1460) ack 1
    0.020 > . 2921:4381(1460) ack 1
    0.020 > . 4381:5841(1460) ack 1
    0.020 > . 5841:7301(1460) ack 1
    0.020 > . 7301:8761(1460) ack 1
    0.020 > . 8761:10221(1460) ack 1
    0.020 > . 10221:11681(1460) ack 1
    0.020 > . 11681:13141(1460) ack 1
    0.020 > P. 13141:14601(1460) ack 1
  `);
});

test('data on the ACK of the handshake is delivered', () => {
  runScript(`
    0.000 < S 0:0(0) win 65535 <mss 1460,wscale 7>
    0.000 > S. 0:0(0) ack 1
    0.010 < P. 1:101(100) ack 1 win 65535
    0.010 got 100
    0.050 > . 1:1(0) ack 101
  `);
});

test('a lost SYN-ACK is sent again after 1, 2, 4, 8 and 16 s, then given up', () => {
  const { stack } = runScript(`
    0.000 < S 0:0(0) win 65535 <mss 1460>
    0.000 > S. 0:0(0) ack 1 win 65535 <mss 1460>
    1.000 > S. 0:0(0) ack 1 win 65535 <mss 1460>
    3.000 > S. 0:0(0) ack 1 win 65535 <mss 1460>
    7.000 > S. 0:0(0) ack 1 win 65535 <mss 1460>
    15.000 > S. 0:0(0) ack 1 win 65535 <mss 1460>
    31.000 > S. 0:0(0) ack 1 win 65535 <mss 1460>
    62.999 state SYN-RECEIVED
    63.000 state CLOSED
    63.000 says SYN-ACK not acknowledged
    200.000 idle
  `);
  assert.is(stack.openFlows, 0);
  assert.is(stack.nextDeadlineUs(), undefined);
});

test('a SYN that comes again is answered again at once', () => {
  runScript(`
    0.000 < S 0:0(0) win 65535 <mss 1460>
    0.000 > S. 0:0(0) ack 1 win 65535 <mss 1460>
    0.300 < S 0:0(0) win 65535 <mss 1460>
    0.300 > S. 0:0(0) ack 1 win 65535 <mss 1460>
    0.310 < . 1:1(0) ack 1 win 65535
    0.310 state ESTABLISHED
    2.000 idle
  `);
});

test('after a SYN-ACK timeout the RTO begins at 3 s (RFC 6298 §5.7)', () => {
  runScript(`
    0.000 < S 0:0(0) win 65535 <mss 1460>
    0.000 > S. 0:0(0) ack 1
    1.000 > S. 0:0(0) ack 1
    1.010 < . 1:1(0) ack 1 win 65535
    1.020 session write 100
    1.020 > P. 1:101(100) ack 1
    4.020 > P. 1:101(100) ack 1
  `);
});

test('after two SYN-ACK timeouts the window begins with one segment (RFC 6928 §2)', () => {
  runScript(`
    0.000 < S 0:0(0) win 65535 <mss 1000>
    0.000 > S. 0:0(0) ack 1
    1.000 > S. 0:0(0) ack 1
    3.000 > S. 0:0(0) ack 1
    3.010 < . 1:1(0) ack 1 win 65535
    3.020 session write 3000
    3.020 > . 1:1001(1000) ack 1
    3.030 < . 1:1(0) ack 1001 win 65535
    3.030 > . 1001:2001(1000) ack 1
    3.030 > P. 2001:3001(1000) ack 1
  `);
});

test('an ACK of something else in SYN-RECEIVED is answered by a reset and changes nothing', () => {
  runScript(`
    0.000 < S 0:0(0) win 65535 <mss 1460>
    0.000 > S. 0:0(0) ack 1
    0.010 < . 1:1(0) ack 500 win 65535
    0.010 > R 500:500(0)
    0.010 state SYN-RECEIVED
    0.020 < . 1:1(0) ack 1 win 65535
    0.020 state ESTABLISHED
  `);
});

test('a RST in SYN-RECEIVED returns to LISTEN', () => {
  runScript(`
    0.000 < S 0:0(0) win 65535 <mss 1460>
    0.000 > S. 0:0(0) ack 1
    0.010 < R 1:1(0)
    0.010 state CLOSED
    5.000 idle
  `);
});

test('another SYN in the window in SYN-RECEIVED returns to LISTEN', () => {
  runScript(`
    0.000 < S 0:0(0) win 65535 <mss 1460>
    0.000 > S. 0:0(0) ack 1
    0.010 < S 77:77(0) win 65535 <mss 1460>
    0.010 state CLOSED
    5.000 idle
  `);
});

test('a closed port answers a SYN with RST and ACK', () => {
  runScript(
    `0.000 < S 0:0(0) win 65535 <mss 1460> port 81
     0.000 > R. 0:0(0) ack 1 win 0
     0.010 < S 0:100(100) win 65535 port 81
     0.010 > R. 0:0(0) ack 101 win 0
     0.020 < F 7:7(0) win 65535 port 81
     0.020 > R. 0:0(0) ack 8 win 0`,
  );
});

test('a closed port answers an ACK with a RST at its acknowledgment, and a RST with nothing', () => {
  runScript(`
    0.000 < . 5:5(0) ack 777 win 65535 port 81
    0.000 > R 777:777(0) ack 512
    0.010 < R 5:5(0) port 81
    0.010 says RST without a connection
    1.000 idle
  `);
});

test('a listener answers a stray ACK with a RST, and ignores RST and SYN with FIN', () => {
  runScript(`
    0.000 < . 5:5(0) ack 777 win 65535
    0.000 > R 777:777(0)
    0.010 < R 5:5(0)
    0.020 < SF 5:5(0) win 65535
    0.020 says SYN with FIN
    0.030 < P 5:6(1) win 65535
    1.000 idle
  `);
});

test('a wrong checksum is dropped and said', () => {
  runScript(`
    0.000 < S 0:0(0) win 65535 <mss 1460> badsum
    0.000 says checksum
    1.000 idle
  `);
});

test('a full backlog drops SYNs with a reason', () => {
  const syns = Array.from(
    { length: limits.tcp.synReceived },
    (_, i) => `0.000 < S 0:0(0) win 65535 from ${1000 + i}\n0.000 > S. 0:0(0) ack 1`,
  );
  runScript(
    `${syns.join('\n')}
    0.100 < S 0:0(0) win 65535 from 999
    0.100 says backlog full
    0.100 idle
  `,
    { tcp: { synCookies: false } },
  );
});

test('text on a SYN is not acknowledged, and comes again behind the handshake', () => {
  runScript(`
    0.000 < S 0:100(100) win 65535 <mss 1460>
    0.000 > S. 0:0(0) ack 1
    0.010 < P. 1:101(100) ack 1 win 65535
    0.010 got 100
    0.050 > . 1:1(0) ack 101
  `);
});

test('a SYN with text that comes again is answered again, and ends nothing', () => {
  runScript(`
    0.000 < S 0:100(100) win 65535 <mss 1460>
    0.000 > S. 0:0(0) ack 1
    0.900 < S 0:100(100) win 65535 <mss 1460>   # while our SYN-ACK is on its way, or lost
    0.900 > S. 0:0(0) ack 1
    0.900 state SYN-RECEIVED
    1.000 > S. 0:0(0) ack 1
    1.010 < P. 1:101(100) ack 1 win 65535
    1.010 state ESTABLISHED
    1.010 got 100
    1.050 > . 1:1(0) ack 101
  `);
});

test('challenge ACKs are limited in SYN-RECEIVED, too, and anew each second', () => {
  const answered = '0.010 < . 70000:70000(0) ack 1 win 65535\n0.010 > . 1:1(0) ack 1\n';
  runScript(`
    0.000 < S 0:0(0) win 65535 <mss 1460>
    0.000 > S. 0:0(0) ack 1
    ${answered.repeat(limits.tcp.challengeAcksPerSecond)}
    0.020 < . 70000:70000(0) ack 1 win 65535
    0.030 < R 5:5(0)
    0.030 idle
    1.000 > S. 0:0(0) ack 1
    1.010 < R 5:5(0)
    1.010 > . 1:1(0) ack 1
    1.010 state SYN-RECEIVED
  `);
});

test('what is outside the window in SYN-RECEIVED is answered, a RST is not', () => {
  runScript(`
    0.000 < S 0:0(0) win 65535 <mss 1460,wscale 7>
    0.000 > S. 0:0(0) ack 1
    0.010 < R 70000:70000(0)
    0.010 says RST outside the window
    0.020 < P. 70000:70100(100) ack 1 win 65535
    0.020 > . 1:1(0) ack 1 win 8191
    0.030 < F 1:1(0)
    0.030 says no ACK bit
    0.040 < F. 1:1(0) ack 1 win 512
    0.040 state CLOSE-WAIT
    0.040 > . 1:1(0) ack 2
  `);
});

test('a closed stack resets what is half open and refuses SYNs', () => {
  runScript(`
    0.000 < S 0:0(0) win 65535 <mss 1460>
    0.000 > S. 0:0(0) ack 1
    0.100 stack close
    0.100 > R 1:1(0)
    0.100 says server closed
  `);
  runScript(`
    0.100 stack close
    0.200 < S 0:0(0) win 65535 <mss 1460>
    0.200 > R. 0:0(0) ack 1
  `);
});

test.run();
