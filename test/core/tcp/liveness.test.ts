// Keep-alive (RFC 9293 §3.8.4), user timeout (§3.10.8, RFC 5482 §2), and what linger means (§3.6.1, RFC 2525 §2.17).

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from '../../../src/core/limits.js';
import { resolveTcpConfig, type TcpConfig } from '../../../src/core/tcp/config.js';
import { runScript } from '../../support/packet-script.js';
import type { PlannedAction } from '../../support/stub-session.js';
import { Wire } from '../../support/wire.js';

const test = suite('liveness');

const OPEN = `
  0.000 < S 0:0(0) win 65535 <mss 1460>
  0.000 > S. 0:0(0) ack 1
  0.010 < . 1:1(0) ack 1 win 65535
`;
const KEEP: TcpConfig = { keepAliveUs: 10_000_000, keepAliveIntervalUs: 2_000_000, keepAliveProbes: 3 };

test('MUST-25: keep-alive is off unless asked for', () => {
  runScript(`${OPEN}
    86400.000 idle
    86400.000 state ESTABLISHED
  `);
});

test('SHLD-12: an idle connection is probed without text, below what was acknowledged, and an answer ends it', () => {
  runScript(
    `${OPEN}
    10.010 > . 0:0(0) ack 1
    10.020 < . 1:1(0) ack 1 win 65535
    20.020 > . 0:0(0) ack 1
    20.030 < . 1:1(0) ack 1 win 65535
    30.000 state ESTABLISHED
  `,
    { tcp: KEEP },
  );
});

test('every segment counts as a sign of life', () => {
  runScript(
    `${OPEN}
    9.000 < P. 1:101(100) ack 1 win 65535
    9.040 > . 1:1(0) ack 101
    18.999 idle
    19.000 > . 0:0(0) ack 101
  `,
    { tcp: KEEP },
  );
});

test('the third unanswered probe is the last, and a RST ends the connection as in Linux', () => {
  const { stack } = runScript(
    `${OPEN}
    10.010 > . 0:0(0) ack 1
    12.010 > . 0:0(0) ack 1
    14.010 > . 0:0(0) ack 1
    16.010 > R 1:1(0)
    16.010 says keep-alive probes unanswered
    16.010 state CLOSED
  `,
    { tcp: KEEP },
  );
  assert.is(stack.nextDeadlineUs(), undefined);
});

test('MUST-26: while data is out the retransmissions are probe enough', () => {
  runScript(
    `${OPEN}
    9.990 session write 100
    9.990 > P. 1:101(100) ack 1
    10.190 > P. 1:101(100) ack 1
    10.590 > P. 1:101(100) ack 1
    10.600 < . 1:1(0) ack 101 win 65535
    20.009 idle
    20.600 > . 100:100(0) ack 1
  `,
    { tcp: KEEP },
  );
});

test('data that waits for its acknowledgment longer than the user timeout ends the connection', () => {
  runScript(
    `${OPEN}
    0.100 session write 100
    0.100 > P. 1:101(100) ack 1
    0.300 > P. 1:101(100) ack 1
    0.700 > P. 1:101(100) ack 1
    1.100 says user timeout
    1.100 state CLOSED
    60.000 idle
  `,
    { tcp: { userTimeoutUs: 1_000_000 } },
  );
});

test('the user timeout begins anew with each acknowledgment, and rests when all is acknowledged', () => {
  runScript(
    `${OPEN}
    0.100 session write 2000
    0.100 > . 1:1461(1460) ack 1
    0.100 > P. 1461:2001(540) ack 1
    0.250 < . 1:1(0) ack 1461 win 65535
    0.440 < . 1:1(0) ack 2001 win 65535
    5.000 idle
    5.000 state ESTABLISHED
  `,
    { tcp: { userTimeoutUs: 300_000 } },
  );
});

test('a closed window counts as well: what it holds back is not acknowledged', () => {
  runScript(
    `${OPEN}
    0.100 < . 1:1(0) ack 1 win 0
    0.200 session write 100
    0.400 > . 1:2(1) ack 1
    0.410 < . 1:1(0) ack 1 win 0
    0.800 > . 1:2(1) ack 1
    0.810 < . 1:1(0) ack 1 win 0
    1.200 says user timeout
    1.200 state CLOSED
  `,
    { tcp: { userTimeoutUs: 1_000_000 } },
  );
});

/** A peer that has closed its window answers every probe, for `seconds`; when the connection was gone. */
function heldClosed(wire: Wire, seconds: number): number | undefined {
  for (let at = 1; at < seconds; at++) {
    for (const { seq } of wire.at(at).take()) {
      if (wire.state === 'CLOSED') return at;
      wire.send(`. 1:1(0) ack ${seq} win 0`);
    }
  }
  return undefined;
}

function closedWindow(plan: readonly PlannedAction[], tcp: TcpConfig = {}): Wire {
  const wire = new Wire({ tcp }, plan);
  wire.at(0).send('S 0:0(0) win 65535 <mss 1460>').take();
  return wire.at(0.1).send('. 1:1(0) ack 1 win 0').nothing();
}

const RESPONSE: PlannedAction = { atUs: 200_000, verb: 'write', amount: 100_000 };
const CLOSE: PlannedAction = { atUs: 300_000, verb: 'close', amount: 0 };
const PATIENCE_S = limits.tcp.closedWindowUs / 1_000_000;
/** Between two probes. */
const INTERVAL_S = 60;

for (const [name, plan] of [
  ['on a response', [RESPONSE]],
  ['on the rest of a session that has ended', [{ ...RESPONSE, amount: 100 }, CLOSE]],
] as const) {
  test(`a peer that keeps its window closed ${name}, and takes nothing, is not waited for without end`, () => {
    const wire = closedWindow(plan);
    const endedS = heldClosed(wire, 3_600);
    assert.ok(endedS !== undefined && endedS >= PATIENCE_S && endedS <= PATIENCE_S + INTERVAL_S + 2, `${endedS}`);
    assert.ok(wire.says('the window stays closed'));
  });
}

test('MUST-37: with closedWindowUs 0 it is, for as long as it answers probes', () => {
  assert.is(heldClosed(closedWindow([RESPONSE], { closedWindowUs: 0 }), 7_200), undefined);
});

test('a peer that takes a little now and then is waited for', () => {
  const wire = closedWindow([RESPONSE]);
  let taken = 1;
  for (let at = 1; at < 3_600; at++) {
    const sent = wire.at(at).take();
    // One octet every four minutes or so: the one that a probe carries.
    if (at % 240 === 0) taken++;
    if (sent.length > 0) wire.send(`. 1:1(0) ack ${taken} win 0`);
  }
  assert.ok(taken > 10);
  assert.is(wire.state, 'ESTABLISHED');
});

test('linger 0: text after the close is reset, as Linux does it (RFC 2525 §2.17)', () => {
  runScript(
    `${OPEN}
    0.100 session close
    0.100 > F. 1:1(0) ack 1
    0.200 < P. 1:2(1) ack 2 win 65535
    0.200 > R 2:2(0)
    0.200 says data after close
  `,
    { tcp: { lingerBytes: 0 } },
  );
});

test('linger 0: a close with unread data resets in place of a FIN (RFC 2525 §2.17)', () => {
  const script = (end: string): string => `${OPEN}
    0.100 < P. 1:101(100) ack 1 win 65535
    0.140 > . 1:1(0) ack 101
    0.200 session close
    ${end}`;
  runScript(script('0.200 > R 1:1(0)\n0.200 says closed with unread data'), { room: 0, tcp: { lingerBytes: 0 } });
  // A session that has drained has said that it does not want to read.
  runScript(
    script('0.200 > F. 1:1(0) ack 101').replace('0.200 session close', '0.150 session drain\n0.200 session close'),
    {
      room: 0,
      tcp: { lingerBytes: 0 },
    },
  );
  runScript(script('0.200 > F. 1:1(0) ack 101'), { room: 0 });
});

test('knobs are integers in their ranges', () => {
  const wrong: TcpConfig[] = [
    { receiveWindowBytes: 65_534 },
    { receiveWindowBytes: 65_535 * 2 ** 14 + 1 },
    { windowScale: 15 },
    { windowScale: -2 },
    { windowScale: 1.5 },
    { keepAliveUs: -1 },
    { keepAliveIntervalUs: 0 },
    { keepAliveProbes: limits.tcp.keepAliveProbes + 1 },
    { userTimeoutUs: Number.NaN },
    { lingerBytes: 65_535 * 2 ** 14 + limits.tcp.receiveQueueSlackBytes + 1 },
  ];
  for (const config of wrong) {
    assert.throws(
      () => resolveTcpConfig(config),
      (error: unknown) => error instanceof RangeError,
      JSON.stringify(config),
    );
  }
  assert.is(resolveTcpConfig().windowScale, 3);
  assert.is(resolveTcpConfig({ receiveWindowBytes: 65_535 }).windowScale, 0);
  assert.is(resolveTcpConfig({ receiveWindowBytes: 65_535 * 2 ** 14 }).windowScale, 14);
  assert.is(
    resolveTcpConfig({ keepAliveProbes: limits.tcp.keepAliveProbes }).keepAliveProbes,
    limits.tcp.keepAliveProbes,
  );
});

test('the window scale is offered as configured, and windows follow it', () => {
  const script = (ours: string, window: number): string => `
    0.000 < S 0:0(0) win 65535 <mss 1460,wscale 7>
    0.000 > S. 0:0(0) ack 1 win 65535 <mss 1460${ours}>
    0.010 < . 1:1(0) ack 1 win 512
    0.020 < P. 1:101(100) ack 1 win 512
    0.060 > . 1:1(0) ack 101 win ${window}`;
  runScript(script(',wscale 14', 64), { tcp: { windowScale: 14, receiveWindowBytes: 1 << 20 } });
  runScript(script(',wscale 0', 65_435), { tcp: { windowScale: 0 } });
  runScript(script('', 65_435), { tcp: { windowScale: -1 } });
  runScript(script(',wscale 5', 32_768), { tcp: { receiveWindowBytes: 1 << 20 }, room: 1 << 20 });
});

test.run();
