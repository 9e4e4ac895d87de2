// State x segment, after RFC 9293 §3.10.7.4: acknowledgments (fifth), urgent data (sixth), text (seventh) and FIN (eighth)
// in every state of a connection. How to read the tables is said in test/support/state-table.ts.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TIME_WAIT_US } from '../../../src/core/tcp/connection.js';
import { reach, testTable } from '../../support/state-table.js';
import { describe, Wire } from '../../support/wire.js';

const test = suite('state table: acknowledgments, text and FIN');

// Fifth, check the ACK field; its range is RFC 5961 §5's. In SYN-RECEIVED what is not acceptable is answered by a reset.
// *1  An old acknowledgment within the largest window offered can be ignored; one that is older is a guess, and challenged.
testTable(
  test,
  `
  acknowledgments                    | segment           | SR    | EST | FW1   | FW2 | CLG  | TW  | CW  | LA
  ACK of all that was sent           | .   R     0 N     | ->EST | -   | ->FW2 | -   | ->TW | -   | -   | ->CLD
  the same with PSH                  | P.  R     0 N     | ->EST | -   | ->FW2 | -   | ->TW | -   | -   | ->CLD
  the same with ECE and CWR          | .EW R     0 N     | ->EST | -   | ->FW2 | -   | ->TW | -   | -   | ->CLD
  duplicate ACK                      | .   R     0 U     | rst   | -   | -     | -   | -    | -   | -   | -
  old ACK, within the window *1      | .   R     0 U-400 | rst   | -   | -     | -   | -    | -   | -   | -
  the oldest ACK that can be *1      | .   R     0 U-M   | rst   | -   | -     | -   | -    | -   | -   | -
  ACK that is too old *1             | .   R     0 U-M-1 | rst   | ack | ack   | ack | ack  | ack | ack | ack
  ACK one too far                    | .   R     0 N+1   | rst   | ack | ack   | ack | ack  | ack | ack | ack
  ACK much too far                   | .   R     0 N+1000000000 | rst | ack | ack | ack | ack | ack | ack | ack
  ACK at the last number inside      | .   E-1   0 N     | ->EST | -   | ->FW2 | -   | ->TW | -   | -   | ->CLD
  ACK at the right edge              | .   E     0 N     | ack   | ack | ack   | ack | ack  | ack | ack | ack
  ACK left of the window             | .   R-1   0 N     | ack   | ack | ack   | ack | ack  | ack | ack | ack
  ACK left of the window, too far    | .   R-1   0 N+1   | ack   | ack | ack   | ack | ack  | ack | ack | ack
`,
  reach,
);

// Seventh, process the segment text.
// *2  FIN-WAIT-1 and FIN-WAIT-2 deliver nothing: the session has closed both directions at once (§3.6.1, MAY-1), and
//     some text is acknowledged and thrown away before a reset says so (SHLD-3; the reason stands in connection.ts).
// *3  CLOSING, TIME-WAIT and CLOSE-WAIT ignore the text, since the FIN has been received; an ACK says where we are.
testTable(
  test,
  `
  text                               | segment         | SR              | EST         | FW1         | FW2     | CLG    | TW  | CW  | LA
  at RCV.NXT *2 *3                   | P. R    100 N   | ack+100:100>EST | ack+100:100 | ack+100>FW2 | ack+100 | ack>TW | ack | ack | ->CLD
  at RCV.NXT, duplicate ACK          | P. R    100 U   | rst             | ack+100:100 | ack+100     | ack+100 | ack    | ack | ack | ack
  at RCV.NXT, old ACK                | P. R    100 U-400 | rst           | ack+100:100 | ack+100     | ack+100 | ack    | ack | ack | ack
  at RCV.NXT, ACK too old            | P. R    100 U-M-1 | rst           | ack         | ack         | ack     | ack    | ack | ack | ack
  at RCV.NXT, ACK too far            | P. R    100 N+1 | rst             | ack         | ack         | ack     | ack    | ack | ack | ack
  left of the window                 | .  R-50  50 N   | ack             | ack         | ack         | ack     | ack    | ack | ack | ack
  one octet left (a keep-alive)      | .  R-1    1 N   | ack             | ack         | ack         | ack     | ack    | ack | ack | ack
  over the left edge                 | .  R-50 150 N   | ack+100:100>EST | ack+100:100 | ack+100>FW2 | ack+100 | ack>TW | ack | ack | ->CLD
  over the left edge by one octet    | .  R-50  51 N   | ack+1:1>EST     | ack+1:1     | ack+1>FW2   | ack+1   | ack>TW | ack | ack | ->CLD
  inside, beyond a gap               | .  R+100 100 N  | ack>EST         | ack         | ack>FW2     | ack     | ack>TW | ack | ack | ->CLD
  at the last number inside          | .  E-1    1 N   | ack>EST         | ack         | ack>FW2     | ack     | ack>TW | ack | ack | ->CLD
  over the right edge                | .  E-50 100 N   | ack>EST         | ack         | ack>FW2     | ack     | ack>TW | ack | ack | ->CLD
  at the right edge                  | .  E     10 N   | ack             | ack         | ack         | ack     | ack    | ack | ack | ack
  right of the window                | .  E+900 10 N   | ack             | ack         | ack         | ack     | ack    | ack | ack | ack
`,
  reach,
);

// Sixth, check the URG bit. *4  Urgent text is delivered where it stands, as RFC 6093 §6 advises; there is no signal.
testTable(
  test,
  `
  urgent                             | segment         | SR              | EST         | FW1         | FW2     | CLG    | TW  | CW  | LA
  URG without text                   | U. R      0 N   | ->EST           | -           | ->FW2       | -       | ->TW   | -   | -   | ->CLD
  URG with text *4                   | U. R    100 N   | ack+100:100>EST | ack+100:100 | ack+100>FW2 | ack+100 | ack>TW | ack | ack | ->CLD
  URG outside the window             | U. E      0 N   | ack             | ack         | ack         | ack     | ack    | ack | ack | ack
`,
  reach,
);

// Eighth, check the FIN bit. Where a FIN was received (CLG, TW, CW, LA), RCV.NXT lies behind it: the FIN that comes again
// is at R-1, and a FIN at RCV.NXT is one that cannot be, behind the end of the stream. *5  It is answered by an ACK.
testTable(
  test,
  `
  FIN                                | segment         | SR             | EST            | FW1         | FW2        | CLG    | TW  | CW  | LA
  at RCV.NXT, all acknowledged *5    | F. R      0 N   | ack+1>CW       | ack+1>CW       | ack+1>TW    | ack+1>TW   | ack>TW | ack | ack | ->CLD
  at RCV.NXT, duplicate ACK *5       | F. R      0 U   | rst            | ack+1>CW       | ack+1>CLG   | ack+1>TW   | ack    | ack | ack | ack
  with text, all acknowledged        | FP. R   100 N   | ack+101:100>CW | ack+101:100>CW | ack+101>TW  | ack+101>TW | ack>TW | ack | ack | ->CLD
  with text, duplicate ACK           | FP. R   100 U   | rst            | ack+101:100>CW | ack+101>CLG | ack+101>TW | ack    | ack | ack | ack
  with text over the left edge       | FP. R-50 150 U  | rst            | ack+101:100>CW | ack+101>CLG | ack+101>TW | ack    | ack | ack | ack
  the one before RCV.NXT again       | F. R-1    0 N   | ack            | ack            | ack         | ack        | ack    | ack | ack | ack
  beyond a gap                       | F. R+100  0 N   | ack>EST        | ack            | ack>FW2     | ack        | ack>TW | ack | ack | ->CLD
  at the right edge                  | F. E      0 N   | ack            | ack            | ack         | ack        | ack    | ack | ack | ack
  behind text over the right edge    | FP. E-50 100 N  | ack>EST        | ack            | ack>FW2     | ack        | ack>TW | ack | ack | ->CLD
  ACK too far                        | F. R      0 N+1 | rst            | ack            | ack         | ack        | ack    | ack | ack | ack
  ACK too old                        | F. R      0 U-M-1 | rst          | ack            | ack         | ack        | ack    | ack | ack | ack
`,
  reach,
);

// ---- what one cell cannot tell ----

for (const state of ['FW2', 'CLG', 'TW', 'LA', 'CLD']) {
  test(`${state}: what the session had sent and acknowledged is not sent again`, () => {
    const { wire } = reach(state === 'CLD' ? 'LA' : state);
    if (state === 'CLD') wire.send('. 1002:1002(0) ack 502');
    const sent = wire.at(3).take();
    assert.ok(
      sent.every((segment) => segment.flags === 'F.' && segment.length === 0),
      `only FIN comes again: ${sent.map(describe).join('; ')}`,
    );
    assert.is(sent.length > 0, state === 'CLG' || state === 'LA');
  });
}

test('TIME-WAIT: the FIN again is acknowledged and the 2 MSL begin anew (§3.10.7.4, eighth)', () => {
  const { wire } = reach('TW');
  const endUs = wire.nowUs + TIME_WAIT_US;
  assert.is(wire.stack.nextDeadlineUs(), endUs);
  wire.at(30).send('F. 1001:1001(0) ack 502').expect('. 502:502(0) ack 1002');
  assert.is(wire.stack.nextDeadlineUs(), 30_000_000 + TIME_WAIT_US);
  wire.at((30_000_000 + TIME_WAIT_US) / 1_000_000).nothing();
  assert.is(wire.state, 'CLOSED');
});

for (const [label, segment] of [
  ['an ACK', '. 1002:1002(0) ack 502'],
  ['a challenged RST', 'R 1003:1003(0)'],
  ['a SYN that is refused', 'S 0:0(0)'],
  ['old text', 'P. 901:1001(100) ack 502'],
] as const) {
  test(`TIME-WAIT: ${label} does not lengthen it`, () => {
    const { wire } = reach('TW');
    const endUs = wire.stack.nextDeadlineUs();
    wire.at(30).send(segment);
    assert.is(wire.stack.nextDeadlineUs(), endUs);
  });
}

test('text of SYN-RECEIVED with a reset stays undelivered, and the right ACK still establishes', () => {
  const { wire } = reach('SR');
  wire.send('P. 1:101(100) ack 500').expect('R 500:500(0)');
  assert.is(wire.sessions.length, 0, 'no session before the handshake is done');
  wire.send('P. 1:101(100) ack 1');
  assert.is(wire.state, 'ESTABLISHED');
  assert.is(wire.delivered, 100);
});

test('FIN held beyond a gap takes effect when the gap is filled (SHLD-31)', () => {
  const { wire } = reach('EST');
  wire.send('F. 1101:1201(100) ack 801').expect('. 801:801(0) ack 1001');
  wire.send('. 1001:1101(100) ack 801').expect('. 801:801(0) ack 1202');
  assert.is(wire.state, 'CLOSE-WAIT');
  assert.is(wire.delivered, 1200);
});

test('text from RCV.NXT over the right edge is cut to the window, FIN included (§3.10.7.4, first)', () => {
  const { wire } = reach('EST', { room: 0 });
  const { edge } = wire;
  wire.send(`FP. 1001:${edge + 50}(${edge - 951}) ack 801`).expect(`. 801:801(0) ack ${edge} win 0`);
  assert.is(wire.state, 'ESTABLISHED');
});

test('text over both edges passes neither test of Table 6: first and last octet lie outside', () => {
  const { wire } = reach('EST', { room: 0 });
  wire.send(`. 951:${wire.edge + 50}(${wire.edge - 901}) ack 801`).expect('. 801:801(0) ack 1001');
  assert.is(wire.rcvNxt, 1001);
});

test('the window moves with newer segments only (SND.WL1, SND.WL2)', () => {
  const wire = new Wire({}, [{ atUs: 500_000, verb: 'write', amount: 5000 }]);
  wire.at(0).send('S 0:0(0) <mss 1460>').expect('S. 0:0(0) ack 1');
  wire.at(0.1).send('. 1:1(0) ack 1 win 3000');
  wire.at(0.2).send('P. 1:101(100) ack 1 win 2000').at(0.3).take();
  // SND.WL1 = 1 < SEG.SEQ made it 2000; an older segment says 9000 and is not asked.
  wire.send('. 100:101(1) ack 1 win 9000').expect('. 1:1(0) ack 101');
  wire.at(0.5).expect('. 1:1461(1460) ack 101');
  wire.nothing();
  // SEG.SEQ = SND.WL1 and SEG.ACK >= SND.WL2: taken.
  wire.at(0.52).send('. 101:101(0) ack 1 win 3000').expect('. 1461:2921(1460) ack 101');
  wire.nothing();
});

test.run();
