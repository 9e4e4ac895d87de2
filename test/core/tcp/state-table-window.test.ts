// State x segment with a closed window: ours (RFC 9293 §3.10.7.4, first, and Table 6: MUST-66), and the peer's (§3.8.6).
// How to read the tables is said in test/support/state-table.ts.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { reach, type Situation, testTable } from '../../support/state-table.js';
import { Wire } from '../../support/wire.js';

const test = suite('state table: closed windows');

/** The client has used up the window of the SYN-ACK, [1, 65536), and the session reads nothing; 300 bytes are in flight. */
function closed(state: string): Situation {
  const wire = new Wire({ room: 0 }, [{ atUs: 700_000, verb: 'write', amount: 300 }]);
  wire.at(0).send('S 0:0(0) <mss 1460>').expect('S. 0:0(0) ack 1 win 65535');
  wire.at(0.1).send('. 1:1(0) ack 1');
  const fin = state === 'CW';
  const end = fin ? 65_535 : 65_536;
  for (let seq = 1; seq < end; seq += 1000) {
    const next = Math.min(end, seq + 1000);
    wire.at(0.2).send(`${fin && next === end ? 'FP.' : '.'} ${seq}:${next}(${next - seq}) ack 1`);
  }
  wire.at(0.7).take();
  assert.is(wire.rcvNxt, 65_536);
  assert.is(wire.edge, 65_536);
  assert.is(wire.delivered, 0);
  assert.is(wire.state, fin ? 'CLOSE-WAIT' : 'ESTABLISHED');
  return { wire, sndUna: 1 };
}

// A segment without text is acceptable at RCV.NXT only, one with text nowhere. RSTs, URGs and acknowledgments are taken
// all the same. States behind our own FIN have no session, and therefore never close the window.
testTable(
  test,
  `
  our window is closed               | segment       | EST   | CW
  ACK of all that was sent           | .   R    0 N  | -     | -
  duplicate ACK                      | .   R    0 U  | -     | -
  ACK too far                        | .   R    0 N+1 | ack  | ack
  ACK beyond the edge                | .   R+1  0 N  | ack   | ack
  ACK left of it (Linux's probe)     | .   R-1  0 N  | ack   | ack
  URG without text (MUST-66)         | U.  R    0 N  | -     | -
  RST at RCV.NXT (MUST-66)           | R   R    0 -  | ->CLD | ->CLD
  RST-ACK at RCV.NXT                 | R.  R    0 N  | ->CLD | ->CLD
  RST one beyond                     | R   R+1  0 -  | -     | -
  RST left of it                     | R   R-1  0 -  | -     | -
  SYN at RCV.NXT                     | S   R    0 -  | ack   | ack
  SYN elsewhere                      | S   R+9  0 -  | ack   | ack
  one octet at RCV.NXT (a probe)     | .   R    1 N  | ack   | ack
  a segment at RCV.NXT               | P.  R 1460 N  | ack   | ack
  urgent text at RCV.NXT             | UP. R    9 N  | ack   | ack
  text left of it                    | .   R-9  9 N  | ack   | ack
  text over the edge                 | .   R-9 99 N  | ack   | ack
  FIN at RCV.NXT                     | F.  R    0 N  | ack   | ack
  the last octet again               | .   R-1  1 N  | ack   | ack
  no flags                           | 0   R    0 -  | -     | -
  no flags, one octet                | 0   R    1 -  | -     | -
`,
  closed,
);

test('the acknowledgment on a probe of our closed window is taken', () => {
  const { wire } = closed('EST');
  wire.at(0.8).send('. 65536:65537(1) ack 301').expect('. 301:301(0) ack 65536 win 0');
  // What was acknowledged is not sent again.
  wire.at(5).nothing();
});

test('a probe that the closed window refused is delivered once when it comes again', () => {
  const wire = new Wire({ room: 0 }, [{ atUs: 900_000, verb: 'room', amount: 100_000 }]);
  wire.at(0).send('S 0:0(0) <mss 1460>').expect('S. 0:0(0) ack 1');
  wire.at(0.1).send('. 1:1(0) ack 1');
  for (let seq = 1; seq < 65_536; seq += 3277) wire.send(`. ${seq}:${seq + 3277}(3277) ack 1`);
  wire.take();
  wire.at(0.5).send('. 65536:65537(1) ack 1').expect('. 1:1(0) ack 65536 win 0');
  wire.at(0.9).take();
  assert.is(wire.delivered, 65_535);
  wire.at(1).send('. 65536:65537(1) ack 1');
  assert.is(wire.delivered, 65_536);
});

// ---- the peer's window is closed: what we may send, and that we still listen ----

test('the peer closes its window: nothing new is sent, its text and FIN are taken and acknowledged', () => {
  const { wire } = reach('EST');
  wire.send('P. 1001:1101(100) ack 801 win 0').at(0.74).expect('. 801:801(0) ack 1101');
  wire.send('F. 1101:1101(0) ack 801 win 0').expect('. 801:801(0) ack 1102');
  assert.is(wire.state, 'CLOSE-WAIT');
  assert.is(wire.delivered, 1100);
});

test('a challenge leaves at once although the window of the peer is closed', () => {
  const { wire } = reach('EST');
  wire.send('. 1001:1001(0) ack 801 win 0').nothing();
  wire.send('S 1101:1101(0)').expect('. 801:801(0) ack 1001');
  wire.send('R 1002:1002(0)').expect('. 801:801(0) ack 1001');
  wire.send('. 1001:1001(0) ack 802 win 0').expect('. 801:801(0) ack 1001');
});

test('a RST at the edge ends a connection whose peer has closed its window', () => {
  const { wire } = reach('EST');
  wire.send('. 1001:1001(0) ack 501 win 0').send('R 1001:1001(0)').nothing();
  assert.is(wire.state, 'CLOSED');
  wire.at(300).nothing();
});

test('a FIN that waits behind a closed window does not count as sent: an ACK of it is too far', () => {
  const wire = new Wire({}, [
    { atUs: 300_000, verb: 'write', amount: 10 },
    { atUs: 300_000, verb: 'close', amount: 0 },
  ]);
  wire.at(0).send('S 0:0(0) <mss 1460>').expect('S. 0:0(0) ack 1');
  wire.at(0.1).send('. 1:1(0) ack 1 win 0');
  wire.at(0.3).nothing();
  assert.is(wire.state, 'FIN-WAIT-1');
  wire.at(0.31).send('. 1:1(0) ack 12 win 0').expect('. 1:1(0) ack 1');
  assert.is(wire.state, 'FIN-WAIT-1');
  wire.at(0.32).send('. 1:1(0) ack 1 win 20').expect('FP. 1:11(10) ack 1');
  wire.at(0.34).send('. 1:1(0) ack 12 win 9');
  assert.is(wire.state, 'FIN-WAIT-2');
});

test.run();
