// Closing from either side, TIME-WAIT, resets and challenge ACKs (RFC 9293 §3.6, §3.10.7.4; RFC 5961).

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from '../../../src/core/limits.js';
import { HANDSHAKE, runScript } from '../../support/packet-script.js';

const test = suite('close');

test('the peer closes first: CLOSE-WAIT, LAST-ACK, CLOSED', () => {
  const { stack } = runScript(`${HANDSHAKE}
    0.100 < F. 1:1(0) ack 1 win 65535
    0.100 > . 1:1(0) ack 2
    0.100 state CLOSE-WAIT
    0.100 eof
    0.200 session close
    0.200 > F. 1:1(0) ack 2
    0.200 state LAST-ACK
    0.210 < . 2:2(0) ack 2 win 65535
    0.210 state CLOSED
    99.000 idle
  `);
  assert.is(stack.openFlows, 0);
  assert.is(stack.nextDeadlineUs(), undefined);
});

test('we close first: FIN-WAIT-1, FIN-WAIT-2, TIME-WAIT, and 60 s later CLOSED', () => {
  const { stack } = runScript(`${HANDSHAKE}
    0.100 session close
    0.100 > F. 1:1(0) ack 1
    0.100 state FIN-WAIT-1
    0.110 < . 1:1(0) ack 2 win 65535
    0.110 state FIN-WAIT-2
    0.200 < F. 1:1(0) ack 2 win 65535
    0.200 > . 2:2(0) ack 2
    0.200 state TIME-WAIT
    60.199999 state TIME-WAIT
    60.200 state CLOSED
  `);
  assert.is(stack.openFlows, 0);
  assert.is(stack.nextDeadlineUs(), undefined);
});

test('the FIN goes with the last data, and is sent again with it', () => {
  runScript(`${HANDSHAKE}
    0.100 session write 100
    0.100 session close
    0.100 > FP. 1:101(100) ack 1
    0.300 > FP. 1:101(100) ack 1
    0.310 < . 1:1(0) ack 102 win 65535
    0.310 state FIN-WAIT-2
  `);
});

test('FIN and its acknowledgment in one segment lead straight to TIME-WAIT', () => {
  runScript(`${HANDSHAKE}
    0.100 session close
    0.100 > F. 1:1(0) ack 1
    0.110 < F. 1:1(0) ack 2 win 65535
    0.110 > . 2:2(0) ack 2
    0.110 state TIME-WAIT
  `);
});

test('simultaneous close goes through CLOSING', () => {
  runScript(`${HANDSHAKE}
    0.100 session close
    0.100 > F. 1:1(0) ack 1
    0.105 < F. 1:1(0) ack 1 win 65535
    0.105 > . 2:2(0) ack 2
    0.105 state CLOSING
    0.110 < . 2:2(0) ack 2 win 65535
    0.110 state TIME-WAIT
  `);
});

test('half close: the peer has ended, we go on sending', () => {
  runScript(`${HANDSHAKE}
    0.100 < F. 1:101(100) ack 1 win 65535
    0.100 > . 1:1(0) ack 102
    0.200 session write 2000
    0.200 > . 1:1461(1460) ack 102
    0.200 > P. 1461:2001(540) ack 102
    0.210 < . 102:102(0) ack 2001 win 65535
    0.300 session close
    0.300 > F. 2001:2001(0) ack 102
    0.310 < . 102:102(0) ack 2002 win 65535
    0.310 state CLOSED
  `);
});

test('a FIN of the peer that comes again in TIME-WAIT is acknowledged and starts the wait anew', () => {
  runScript(`${HANDSHAKE}
    0.100 session close
    0.100 > F. 1:1(0) ack 1
    0.110 < F. 1:1(0) ack 2 win 65535
    0.110 > . 2:2(0) ack 2
    30.000 < F. 1:1(0) ack 2 win 65535
    30.000 > . 2:2(0) ack 2
    89.999 state TIME-WAIT
    90.000 state CLOSED
  `);
});

test('a peer that never closes is forgotten after 60 s in FIN-WAIT-2', () => {
  const { stack } = runScript(`${HANDSHAKE}
    0.100 session close
    0.100 > F. 1:1(0) ack 1
    0.110 < . 1:1(0) ack 2 win 65535
    60.109999 state FIN-WAIT-2
    60.110 state CLOSED
    60.110 says did not close
  `);
  assert.is(stack.nextDeadlineUs(), undefined);
});

test('data after a full close is thrown away up to a bound, then answered by a reset', () => {
  const lingerBytes = 32_768;
  const lines: string[] = [];
  let seq = 1;
  for (; seq + 2 * 8192 <= lingerBytes + 1; seq += 2 * 8192) {
    lines.push(`0.200 < . ${seq}:${seq + 8192}(8192) ack 2 win 65535`, `0.200 > . 2:2(0) ack ${seq + 8192}`);
    lines.push(`0.200 < . ${seq + 8192}:${seq + 16384}(8192) ack 2 win 65535`, `0.200 > . 2:2(0) ack ${seq + 16384}`);
  }
  runScript(
    `${HANDSHAKE}
    0.100 session close
    0.100 > F. 1:1(0) ack 1
    0.110 < . 1:1(0) ack 2 win 65535
    ${lines.join('\n')}
    0.200 got 0
    0.300 < . ${seq}:${seq + 1}(1) ack 2 win 65535
    0.300 > R 2:2(0)
    0.300 says data after close
    0.300 state CLOSED
  `,
    { tcp: { lingerBytes } },
  );
});

test('after a full close one more window is thrown away in peace, and it is not opened again', () => {
  const end = limits.tcp.receiveWindowBytes + 1;
  const lines: string[] = [];
  for (let seq = 1; seq < end; ) {
    const next = Math.min(seq + 8192, end);
    lines.push(`0.200 < . ${seq}:${next}(${next - seq}) ack 2 win 65535`, `0.200 > . 2:2(0) ack ${next}`);
    seq = next;
  }
  runScript(`${HANDSHAKE}
    0.100 session close
    0.100 > F. 1:1(0) ack 1
    0.110 < . 1:1(0) ack 2 win 65535
    ${lines.join('\n')}
    0.200 got 0
    0.300 < . ${end}:${end + 1}(1) ack 2 win 65535
    0.300 > . 2:2(0) ack ${end} win 0
    0.300 state FIN-WAIT-2
    60.110 state CLOSED
  `);
});

test('after a full close text counts once, however often it comes: a peer within the window is not reset for a loss', () => {
  runScript(
    `${HANDSHAKE}
    0.100 session close
    0.100 > F. 1:1(0) ack 1
    0.110 < . 1:1(0) ack 2 win 65535
    0.200 < . 1001:2001(1000) ack 2 win 65535   # 1:1001 was lost
    0.200 > . 2:2(0) ack 1
    0.201 < . 2001:3001(1000) ack 2 win 65535
    0.201 > . 2:2(0) ack 1
    0.300 < . 1:1001(1000) ack 2 win 65535
    0.340 > . 2:2(0) ack 1001
    0.350 < . 1001:2001(1000) ack 2 win 65535   # nobody held it
    0.351 < . 2001:3001(1000) ack 2 win 65535
    0.351 > . 2:2(0) ack 3001
    0.360 < F. 3001:3001(0) ack 2 win 65535
    0.360 > . 2:2(0) ack 3002
    0.360 state TIME-WAIT
  `,
    { tcp: { lingerBytes: 3000 } },
  );
  runScript(
    `${HANDSHAKE}
    0.100 session close
    0.100 > F. 1:1(0) ack 1
    0.110 < . 1:1(0) ack 2 win 65535
    0.200 < . 1001:3001(2000) ack 2 win 65535
    0.200 > . 2:2(0) ack 1
    0.201 < . 3001:3002(1) ack 2 win 65535
    0.201 > R 2:2(0)
    0.201 says data after close
  `,
    { tcp: { lingerBytes: 3000 } },
  );
});

test('an aborted session resets at once', () => {
  const { stack } = runScript(`${HANDSHAKE}
    0.100 session write 100
    0.100 > P. 1:101(100) ack 1
    0.150 session abort
    0.150 > R 101:101(0)
    0.150 state CLOSED
    0.150 says session aborted
    9.000 idle
  `);
  assert.is(stack.openFlows, 0);
});

test('a RST at the left edge of the window ends the connection', () => {
  const { stack } = runScript(`${HANDSHAKE}
    0.100 < R 1:1(0)
    0.100 state CLOSED
    0.100 says reset by the peer
    9.000 idle
  `);
  assert.is(stack.openFlows, 0);
});

test('a RST elsewhere in the window is challenged; one outside is ignored', () => {
  runScript(`${HANDSHAKE}
    0.100 < R 2:2(0)
    0.100 > . 1:1(0) ack 1
    0.100 state ESTABLISHED
    0.200 < R 900000:900000(0)
    0.200 says RST outside the window
    0.200 state ESTABLISHED
    9.000 idle
  `);
});

test('a SYN on an open connection is challenged, in the window or not', () => {
  runScript(`${HANDSHAKE}
    0.100 < S 1:1(0) win 65535
    0.100 > . 1:1(0) ack 1
    0.200 < S 0:0(0) win 65535
    0.200 > . 1:1(0) ack 1
    0.300 < S. 5:5(0) ack 1 win 65535
    0.300 > . 1:1(0) ack 1
    0.300 state ESTABLISHED
  `);
});

test('a rebooted peer finds out by challenge ACK and RST, and connects anew', () => {
  runScript(`${HANDSHAKE}
    0.100 < S 400000:400000(0) win 65535 <mss 1460>
    0.100 > . 1:1(0) ack 1
    0.110 < R 1:1(0)
    0.110 state CLOSED
    1.100 < S 400000:400000(0) win 65535 <mss 1460>
    1.100 > S. 0:0(0) ack 400001
  `);
});

test('challenge ACKs are limited to ten in a second for each connection (RFC 5961 §7)', () => {
  const lines: string[] = [];
  for (let i = 0; i < 30; i++) {
    lines.push('2.000 < R 2:2(0)');
    if (i < limits.tcp.challengeAcksPerSecond) lines.push('2.000 > . 1:1(0) ack 1');
  }
  runScript(`${HANDSHAKE}${lines.join('\n')}
    2.999 < R 2:2(0)
    2.999 idle
    3.000 < R 2:2(0)
    3.000 > . 1:1(0) ack 1
  `);
});

test('in TIME-WAIT a SYN beyond the old numbers opens anew, with numbers of ours beyond the old ones', () => {
  const { stack } = runScript(`${HANDSHAKE}
    0.100 session close
    0.100 > F. 1:1(0) ack 1
    0.110 < F. 1:1(0) ack 2 win 65535
    0.110 > . 2:2(0) ack 2
    0.120 < S 1:1(0) win 65535 <mss 1460>
    0.120 > . 2:2(0) ack 2
    0.120 state TIME-WAIT
    0.200 < S 100:100(0) win 65535 <mss 1460>
    0.200 > S. 0:0(0) ack 101
    0.210 < . 101:101(0) ack 1 win 65535
    0.210 state ESTABLISHED
  `);
  assert.is(stack.openFlows, 1);
});

test('a RST at the edge ends TIME-WAIT', () => {
  runScript(`${HANDSHAKE}
    0.100 session close
    0.100 > F. 1:1(0) ack 1
    0.110 < F. 1:1(0) ack 2 win 65535
    0.110 > . 2:2(0) ack 2
    0.120 < R 2:2(0)
    0.120 state CLOSED
  `);
});

test('closing the stack lets a session finish, then sends FIN', () => {
  const { stack } = runScript(`${HANDSHAKE}
    0.100 stack close
    0.100 > F. 1:1(0) ack 1
    0.110 < F. 1:1(0) ack 2 win 65535
    0.110 > . 2:2(0) ack 2
  `);
  assert.is(stack.openFlows, 0);
});

test('a session that closes without having spoken to a peer that ended is two segments', () => {
  runScript(
    `${HANDSHAKE}
    0.100 < F. 1:11(10) ack 1 win 65535
    0.100 > FP. 1:11(10) ack 12
    0.110 < . 12:12(0) ack 12 win 65535
    0.110 state CLOSED
  `,
    { echo: true, closeAfterInput: true },
  );
});

test.run();
