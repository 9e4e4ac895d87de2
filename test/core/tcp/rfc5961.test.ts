// Blind in-window attacks (RFC 5961): what somebody who cannot see the numbers reaches by guessing them, and that the true
// peer is still understood. Single segments in every state are in state-table.test.ts; these are the RFC's scenarios.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from '../../../src/core/limits.js';
import { reach } from '../../support/state-table.js';
import { Wire } from '../../support/wire.js';

const test = suite('RFC 5961');

// ---- §3: blind reset using the RST bit ----

test('§3.1: RSTs spread over the number space, a window apart, end nothing', () => {
  const { wire } = reach('EST');
  // All of them miss RCV.NXT; one in 2^16 or so is in the window and is challenged.
  for (let i = 1; i <= 65_536; i++) wire.send(`R ${1001 + i * 65_535}:${1001 + i * 65_535}(0)`);
  assert.is(wire.state, 'ESTABLISHED');
  assert.ok(wire.take().length <= 2, 'and cost hardly an answer');
});

test('§3.2: a true peer whose RST is challenged resets again with the number of the challenge', () => {
  const { wire } = reach('EST');
  const challenge = wire.send('R 1500:1500(0)').expect('. 801:801(0) ack 1001');
  assert.is(wire.state, 'ESTABLISHED');
  wire.at(0.8).send(`R ${challenge.ack}:${challenge.ack}(0)`).nothing();
  assert.is(wire.state, 'CLOSED');
});

test('§3.2: a RST at RCV.NXT is honoured although text beyond a gap waits', () => {
  const { wire } = reach('EST');
  wire.send('. 1101:1201(100) ack 801').expect('. 801:801(0) ack 1001');
  wire.send('R 1201:1201(0)').expect('. 801:801(0) ack 1001');
  wire.send('R 1001:1001(0)').nothing();
  assert.is(wire.state, 'CLOSED');
  assert.is(wire.delivered, 1000);
});

// ---- §4: blind reset using the SYN bit ----

for (const [label, seq] of [
  ['left of the window', 1],
  ['at RCV.NXT', 1001],
  ['in the window', 30_000],
  ['right of the window', 900_000],
] as const) {
  test(`§4.2: a SYN ${label} is challenged, and changes neither window nor numbers`, () => {
    const { wire } = reach('EST');
    wire.send(`S ${seq}:${seq}(0) win 1 <mss 48,wscale 14>`).expect('. 801:801(0) ack 1001');
    wire.send('P. 1001:1101(100) ack 801').at(0.74).expect('. 801:801(0) ack 1101');
    assert.is(wire.state, 'ESTABLISHED');
    assert.is(wire.delivered, 1100);
  });
}

test('§4.2: a peer that has restarted learns it from the challenge, and opens anew', () => {
  const { wire } = reach('EST');
  const challenge = wire.at(20).send('S 5000:5000(0)').take().at(-1)!;
  assert.is(challenge.ack, 1001);
  wire.send(`R ${challenge.ack}:${challenge.ack}(0)`);
  assert.is(wire.state, 'CLOSED');
  wire.at(21).send('S 5000:5000(0)').expect('S. 0:0(0) ack 5001');
});

// ---- §5: blind data injection ----

test('§4.2: a SYN without timestamps is challenged as well where they were agreed on: a restarted peer may not have them', () => {
  const wire = new Wire();
  wire.at(0).send('S 0:0(0) <mss 1460,ts 1 0>').expect('S. 0:0(0) ack 1');
  wire.at(0.1).send('. 1:1(0) ack 1 <ts 100 0>');
  assert.is(wire.state, 'ESTABLISHED');
  const challenge = wire.at(20).send('S 5000:5000(0) <mss 1460>').expect('. 1:1(0) ack 1');
  wire.send(`R ${challenge.ack}:${challenge.ack}(0)`).nothing();
  assert.is(wire.state, 'CLOSED');
  wire.at(21).send('S 5000:5000(0) <mss 1460>');
  assert.is(wire.state, 'SYN-RECEIVED');
});

test('§5.2: injected text with a guessed acknowledgment is not delivered, now or when the gap is filled', () => {
  const { wire } = reach('EST');
  for (const guess of [-2_000_000_000, -1_000_000_000, -65_035, 802, 1_000_000_000, 2_000_000_000]) {
    wire.send(`P. 1101:1201(100) ack ${guess}`).expect('. 801:801(0) ack 1001');
  }
  wire.send('. 1001:1101(100) ack 801').at(0.74).expect('. 801:801(0) ack 1101');
  assert.is(wire.delivered, 1100);
});

test('§5.2: MAX.SND.WND is the largest window, scaled, that the peer ever offered', () => {
  const wire = new Wire({}, [{ atUs: 200_000, verb: 'write', amount: 100 }]);
  wire.at(0).send('S 0:0(0) win 65535 <mss 1460,wscale 2>').expect('S. 0:0(0) ack 1');
  // 65,535 in the SYN; 20,000 << 2 afterwards, then far less.
  wire.at(0.1).send('. 1:1(0) ack 1 win 20000');
  wire.at(0.2).expect('P. 1:101(100) ack 1');
  wire.at(0.3).send('. 1:1(0) ack 101 win 10').nothing();
  wire.send(`. 1:1(0) ack ${101 - 80_000} win 10`).nothing();
  wire.send(`. 1:1(0) ack ${101 - 80_001} win 10`).expect('. 101:101(0) ack 1');
});

test('§5.2: an old acknowledgment with text in the window is good, and takes nothing back', () => {
  const { wire } = reach('EST');
  wire.send('P. 1001:1101(100) ack 101 win 0').at(0.74).expect('. 801:801(0) ack 1101');
  assert.is(wire.delivered, 1100);
  // SND.UNA is still 501: its acknowledgment is no news, and nothing was sent again because of it.
  wire.send('. 1101:1101(0) ack 801').at(3).nothing();
});

// ---- §7: ACK throttling ----

test('§7: a second has room for ten challenges, whatever provokes them; text is acknowledged all the same', () => {
  const { wire } = reach('EST');
  wire.at(2).send('. 1001:1001(0) ack 801').take();
  const provocations = ['R 1500:1500(0)', 'S 1:1(0)', '. 1001:1001(0) ack 5000', 'S. 1001:1001(0) ack 801'];
  for (let i = 0; i < 40; i++) wire.send(provocations[i % provocations.length]!);
  assert.is(wire.take().length, limits.tcp.challengeAcksPerSecond);
  // Two segments of text, each acknowledged, since the second is an old duplicate of the first.
  wire.send('P. 1001:1101(100) ack 801').send('P. 1001:1101(100) ack 801').expect('. 801:801(0) ack 1101');
  wire.at(3).send('R 1500:1500(0)').expect('. 801:801(0) ack 1101');
});

test('§7: the count of one connection tells nothing of another (CVE-2016-5696)', () => {
  const { wire } = reach('EST');
  wire.at(2).send('. 1001:1001(0) ack 801').take();
  for (let i = 0; i < 40; i++) wire.send('R 1500:1500(0)');
  wire.take();
  wire.at(2.1).send('R 1001:1001(0)');
  wire.send('S 700000:700000(0)').expect('S. 0:0(0) ack 700001');
  wire.at(2.2).send('. 700001:700001(0) ack 1');
  wire.send('R 700002:700002(0)').expect('. 1:1(0) ack 700001');
});

test.run();
