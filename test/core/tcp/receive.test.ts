// Receiving: order, overlap, delayed acknowledgments, and the window that follows the session (RFC 9293 §3.8.6, §3.10.7.4).

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from '../../../src/core/limits.js';
import { Receiver } from '../../../src/core/tcp/receive.js';
import { HANDSHAKE, runScript } from '../../support/packet-script.js';
import { StubSession } from '../../support/stub-session.js';

const test = suite('receive');

/** What may wait for a session at most. */
const QUEUE_BYTES = limits.tcp.receiveWindowBytes + limits.tcp.receiveQueueSlackBytes;

/** As HANDSHAKE, without window scaling, so that every window can be said exactly. */
const UNSCALED = `
  0.000 < S 0:0(0) win 65535 <mss 1460>
  0.000 > S. 0:0(0) ack 1 win 65535 <mss 1460>
  0.010 < . 1:1(0) ack 1 win 65535
`;

/** Segments that fill [1, 65,536), which the SYN-ACK offered before there was a session to ask, at room 0. */
function fillWindow(ourSeq = 1): string {
  const lines: string[] = [];
  for (let seq = 1; seq + 2920 <= 65_536; seq += 2920) {
    lines.push(`0.100 < . ${seq}:${seq + 1460}(1460) ack 1 win 65535`);
    lines.push(`0.100 < . ${seq + 1460}:${seq + 2920}(1460) ack 1 win 65535`);
    lines.push(`0.100 > . ${ourSeq}:${ourSeq}(0) ack ${seq + 2920} win ${65_536 - seq - 2920}`);
  }
  lines.push('0.100 < . 64241:65536(1295) ack 1 win 65535', `0.140 > . ${ourSeq}:${ourSeq}(0) ack 65536 win 0`);
  return `${lines.join('\n')}\n`;
}

test('one segment is acknowledged after 40 ms', () => {
  runScript(`${HANDSHAKE}
    0.100 < P. 1:101(100) ack 1 win 65535
    0.100 got 100
    0.120 < P. 101:201(100) ack 1 win 65535
    0.140 > . 1:1(0) ack 201
    0.300 < P. 201:301(100) ack 1 win 65535
    0.340 > . 1:1(0) ack 301
    9.000 idle
  `);
});

test('the second full segment is acknowledged at once', () => {
  runScript(`${HANDSHAKE}
    0.100 < . 1:1461(1460) ack 1 win 65535
    0.101 < . 1461:2921(1460) ack 1 win 65535
    0.101 > . 1:1(0) ack 2921
    0.102 < . 2921:4381(1460) ack 1 win 65535
    0.103 < . 4381:5841(1460) ack 1 win 65535
    0.103 > . 1:1(0) ack 5841
    9.000 idle
  `);
});

test('segments that options make smaller than the MSS count as full', () => {
  runScript(`${HANDSHAKE}
    0.100 < . 1:1449(1448) ack 1 win 65535
    0.101 < . 1449:2897(1448) ack 1 win 65535
    0.101 > . 1:1(0) ack 2897
  `);
});

test('an answer carries the acknowledgment', () => {
  runScript(
    `${HANDSHAKE}
    0.100 < P. 1:101(100) ack 1 win 65535
    0.100 > P. 1:101(100) ack 101
    0.150 < . 101:101(0) ack 101 win 65535
    9.000 idle
  `,
    { echo: true },
  );
});

test('a gap is answered at once, and filling it acknowledges all', () => {
  runScript(`${HANDSHAKE}
    0.100 < . 1:1001(1000) ack 1 win 65535
    0.101 < . 2001:3001(1000) ack 1 win 65535
    0.101 > . 1:1(0) ack 1001
    0.102 < . 3001:4001(1000) ack 1 win 65535
    0.102 > . 1:1(0) ack 1001
    0.102 got 1000
    0.103 < . 1001:2001(1000) ack 1 win 65535
    0.103 > . 1:1(0) ack 4001
    0.103 got 4000
  `);
});

test('one of two gaps filled is acknowledged at once', () => {
  runScript(`${HANDSHAKE}
    0.100 < . 101:201(100) ack 1 win 65535
    0.100 > . 1:1(0) ack 1
    0.101 < . 301:401(100) ack 1 win 65535
    0.101 > . 1:1(0) ack 1
    0.102 < . 1:101(100) ack 1 win 65535
    0.102 > . 1:1(0) ack 201
    0.103 < . 201:251(50) ack 1 win 65535
    0.103 > . 1:1(0) ack 251
    0.104 < . 251:301(50) ack 1 win 65535
    0.104 > . 1:1(0) ack 401
    0.104 got 400
  `);
});

test('overlapping segments in any order deliver each byte once', () => {
  runScript(`${HANDSHAKE}
    0.100 < . 101:201(100) ack 1 win 65535
    0.100 > . 1:1(0) ack 1
    0.101 < . 301:401(100) ack 1 win 65535
    0.101 > . 1:1(0) ack 1
    0.102 < . 151:451(300) ack 1 win 65535
    0.102 > . 1:1(0) ack 1
    0.103 < . 51:501(450) ack 1 win 65535
    0.103 > . 1:1(0) ack 1
    0.104 < . 1:61(60) ack 1 win 65535
    0.104 > . 1:1(0) ack 501
    0.104 got 500
    0.105 < . 401:601(200) ack 1 win 65535
    0.105 got 600
    0.145 > . 1:1(0) ack 601
  `);
});

test('an old duplicate is acknowledged at once and not delivered', () => {
  runScript(`${HANDSHAKE}
    0.100 < P. 1:101(100) ack 1 win 65535
    0.140 > . 1:1(0) ack 101
    0.200 < P. 1:101(100) ack 1 win 65535
    0.200 > . 1:1(0) ack 101
    0.200 says not in the receive window
    0.200 got 100
  `);
});

test('segments beyond the window are refused', () => {
  runScript(`${HANDSHAKE}
    0.100 < . 65537:65538(1) ack 1 win 65535
    0.100 > . 1:1(0) ack 1
    0.100 says not in the receive window
  `);
});

test('a segment that reaches beyond the window is cut at its edge, FIN included', () => {
  runScript(
    `${UNSCALED}${fillWindow().split('\n').slice(0, -3).join('\n')}
    0.120 < F. 64241:65701(1460) ack 1 win 65535
    0.160 > . 1:1(0) ack 65536 win 0
    0.160 state ESTABLISHED
  `,
    { room: 0 },
  );
});

test('more than 64 KiB of upload flow through a session that keeps up', () => {
  const lines: string[] = [];
  for (let i = 0; i < 100; i += 2) {
    const seq = 1 + i * 1460;
    const at = (0.1 + i / 1000).toFixed(3);
    lines.push(`${at} < . ${seq}:${seq + 1460}(1460) ack 1 win 65535`);
    lines.push(`${at} < . ${seq + 1460}:${seq + 2920}(1460) ack 1 win 65535`);
    lines.push(`${at} > . 1:1(0) ack ${seq + 2920} win 65535`);
  }
  const { session } = runScript(`${HANDSHAKE}${lines.join('\n')}`);
  assert.is(session.received, 146_000);
});

test('without room the window closes, nothing is lost, and room opens it again', () => {
  const { session } = runScript(
    `${UNSCALED}${fillWindow()}
    0.200 got 0
    0.200 < . 65536:65537(1) ack 1 win 65535
    0.200 > . 1:1(0) ack 65536 win 0
    0.200 says receive window is closed
    0.300 session room 50000
    0.300 > . 1:1(0) ack 65536 win 50000
    0.300 got 65535
    0.301 < . 65536:66536(1000) ack 1 win 65535
    0.341 > . 1:1(0) ack 66536 win 49000    # a step below a segment is not worth telling
  `,
    { room: 0 },
  );
  assert.is(session.received, 66_535);
});

test('a closed window acknowledges a probe from outside of it (Linux) and stays closed', () => {
  runScript(
    `${UNSCALED}${fillWindow()}
    0.200 < . 65535:65535(0) ack 1 win 65535
    0.200 > . 1:1(0) ack 65536 win 0
  `,
    { room: 0 },
  );
});

test('a closed window still takes the acknowledgment that a probe carries', () => {
  runScript(
    `${UNSCALED}
    0.020 session write 10
    0.020 > P. 1:11(10) ack 1
    ${fillWindow(11)}
    0.150 < . 65536:65537(1) ack 11 win 65535
    0.150 > . 11:11(0) ack 65536 win 0
    5.000 idle
  `,
    { room: 0 },
  );
});

test('a step below a segment does not open a closed window, but a probe finds it', () => {
  runScript(
    `${UNSCALED}${fillWindow()}
    0.300 session grant 66535
    0.300 > . 1:1(0) ack 65536 win 1000
    0.300 got 65535
    0.400 < . 65536:66536(1000) ack 1 win 65535
    0.440 > . 1:1(0) ack 66536 win 0
    0.500 session grant 400
    0.600 idle
    0.600 < . 66536:66537(1) ack 1 win 65535
    0.600 > . 1:1(0) ack 66536 win 400
  `,
    { room: 0 },
  );
});

test('the right edge never moves left when the room shrinks', () => {
  runScript(
    `${UNSCALED}
    0.100 < . 1:1001(1000) ack 1 win 65535
    0.140 > . 1:1(0) ack 1001 win 64535
    0.150 session room 1000
    0.200 < . 1001:2001(1000) ack 1 win 65535
    0.240 > . 1:1(0) ack 2001 win 63535
  `,
  );
});

test('a scaled window is rounded up, so that its visible edge stays as well', () => {
  runScript(
    `${HANDSHAKE}
    0.100 < . 1:1001(1000) ack 1 win 65535
    0.140 > . 1:1(0) ack 1001 win 65535         # edge 1001 + 65,535 x 8 = 525,281
    0.150 session room 1000
    0.200 < . 1001:2002(1001) ack 1 win 65535
    0.240 > . 1:1(0) ack 2002 win 65410         # 523,279 / 8, rounded up
    0.300 < . 2002:2003(1) ack 1 win 65535
    0.340 > . 1:1(0) ack 2003 win 65410         # 523,279 again: the edge was 525,282 by then
  `,
  );
});

test('a peer that lives on the rounding of a closed window fills the queue to its bound and no further', () => {
  const receiver = new Receiver(0, 3, limits.tcp.receiveWindowBytes, 1460, false);
  const session = new StubSession({ room: 0 });
  const byte = Uint8Array.of(0);
  let taken = 0;
  while (receiver.acceptable(receiver.nxt, 1)) {
    receiver.accept(0, session, byte, 0, receiver.nxt, 1, false);
    receiver.offer(0, false);
    receiver.advertise();
    taken++;
    assert.ok(receiver.queue.length <= QUEUE_BYTES);
  }
  assert.is(receiver.queue.length, taken);
  assert.ok(taken > QUEUE_BYTES - 16, 'the bound was reached');
  assert.is(receiver.advertise(), 0);
});

test('a full reassembly queue drops with a reason and loses nothing that was acknowledged', () => {
  const lines: string[] = [];
  for (let i = 0; i <= limits.tcp.reassemblyPieces; i++) {
    lines.push(`0.100 < . ${3 + 2 * i}:${4 + 2 * i}(1) ack 1 win 65535`, '0.100 > . 1:1(0) ack 1');
  }
  runScript(`${HANDSHAKE}${lines.join('\n')}
    0.100 says out-of-order queue is full
    0.200 < . 1:3(2) ack 1 win 65535
    0.200 > . 1:1(0) ack 4
    0.200 got 3
  `);
});

test('a FIN beyond a gap waits until the gap is filled', () => {
  runScript(`${HANDSHAKE}
    0.100 < F. 101:201(100) ack 1 win 65535
    0.100 > . 1:1(0) ack 1
    0.100 state ESTABLISHED
    0.110 < . 1:101(100) ack 1 win 65535
    0.110 > . 1:1(0) ack 202
    0.110 state CLOSE-WAIT
    0.110 got 200
    0.110 eof
  `);
});

test('the end of input is told only when the session has read all', () => {
  const { session } = runScript(
    `${HANDSHAKE}
    0.100 < F. 1:101(100) ack 1 win 65535
    0.100 > . 1:1(0) ack 102
    0.100 state CLOSE-WAIT
    0.100 got 0
    0.200 session grant 50
    0.200 got 50
    0.300 session grant 60
    0.300 got 100
    0.300 eof
  `,
    { room: 0 },
  );
  assert.ok(session.inputEnded);
});

test('text and FIN after the FIN are dropped', () => {
  runScript(`${HANDSHAKE}
    0.100 < F. 1:1(0) ack 1 win 65535
    0.100 > . 1:1(0) ack 2
    0.200 < P. 2:102(100) ack 1 win 65535
    0.200 > . 1:1(0) ack 2
    0.200 says after the FIN
    0.200 got 0
  `);
});

test('a draining session gets nothing more, and the peer is acknowledged', () => {
  runScript(`${HANDSHAKE}
    0.050 session drain
    0.100 < P. 1:1001(1000) ack 1 win 65535
    0.140 > . 1:1(0) ack 1001
    0.140 got 0
    0.140 state ESTABLISHED
  `);
});

test('a segment without the ACK bit is dropped', () => {
  runScript(`${HANDSHAKE}
    0.100 < P 1:101(100) win 65535
    0.100 says no ACK bit
    1.000 idle
  `);
});

test('urgent data is delivered where it stands, whatever the pointer says (RFC 6093 §4)', () => {
  runScript(`${HANDSHAKE}
    0.100 < PU. 1:101(100) ack 1 win 65535
    0.100 got 100
    0.140 > . 1:1(0) ack 101
    0.200 < U. 101:101(0) ack 1 win 65535
    0.300 < . 101:201(100) ack 1 win 65535
    0.300 got 200
    0.340 > . 1:1(0) ack 201
  `);
});

test.run();
