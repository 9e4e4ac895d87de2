// Window scale, timestamps and PAWS after RFC 7323: the rules of §2 and §3, the exchanges of §4.3, and the cases of §5.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { PlannedAction } from '../../support/stub-session.js';
import { Wire } from '../../support/wire.js';

const test = suite('RFC 7323');

const DAY = 86_400;

/** Established with timestamps; the client's clock was at 1 in the handshake. */
function established(plan: readonly PlannedAction[] = []): Wire {
  const wire = new Wire({}, plan);
  wire.at(0).send('S 0:0(0) <mss 1460,ts 1 0>').take();
  return wire.at(0.1).send(`. 1:1(0) ack 1 <ts 1 ${wire.tsVal}>`).nothing();
}

/** TSecr of what was sent last. */
function echo(wire: Wire): number {
  const ts = wire
    .take()
    .at(-1)
    ?.options.find((option) => option.startsWith('ts '));
  return Number(ts?.split(' ')[2]);
}

// ---- §2: window scale ----

test('§2.2: the option is sent when the SYN had it, and not otherwise', () => {
  const wire = new Wire();
  assert.ok(
    wire
      .send('S 0:0(0) <mss 1460,wscale 0>')
      .take()[0]!
      .options.some((option) => option.startsWith('wscale ')),
  );
  assert.not.ok(
    new Wire()
      .send('S 0:0(0) <mss 1460>')
      .take()[0]!
      .options.some((option) => option.startsWith('wscale ')),
  );
});

test('§2.2: the windows of SYN and SYN-ACK are not scaled', () => {
  const wire = new Wire({}, [{ atUs: 100_000, verb: 'write', amount: 2000 }]);
  wire.at(0).send('S 0:0(0) win 1000 <mss 1460,wscale 7>').expect('S. 0:0(0) ack 1 win 65535');
  wire.at(0.05).send('. 1:1(0) ack 1 win 10').nothing();
  // 10 << 7 is 1280: less than a segment, more than half of the largest window.
  wire.at(0.1).expect('. 1:1281(1280) ack 1');
});

test('§2.3: a shift above 14 counts as 14', () => {
  const wire = new Wire({}, [{ atUs: 100_000, verb: 'write', amount: 14_600 }]);
  wire.at(0).send('S 0:0(0) <mss 1460,wscale 255>').take();
  wire.at(0.05).send('. 1:1(0) ack 1 win 1');
  assert.is(
    wire
      .at(0.1)
      .take()
      .reduce((sum, segment) => sum + segment.length, 0),
    14_600,
  );
});

test('§2.2: the option in another segment than a SYN means nothing', () => {
  const wire = new Wire({}, [{ atUs: 200_000, verb: 'write', amount: 5000 }]);
  wire.at(0).send('S 0:0(0) win 2000 <mss 1460>').take();
  wire.at(0.1).send('. 1:1(0) ack 1 win 2000 <wscale 7>');
  wire.at(0.2).expect('. 1:1461(1460) ack 1');
  wire.nothing();
});

// ---- §3: the timestamps option ----

test('§3.2: offered in the SYN, it is in the SYN-ACK and in all that follows, with the echo', () => {
  const wire = new Wire({}, [
    { atUs: 200_000, verb: 'write', amount: 100 },
    { atUs: 400_000, verb: 'close', amount: 0 },
  ]);
  wire.at(0).send('S 0:0(0) <mss 1460,ts 111 0>');
  wire.at(0.1).send('. 1:1(0) ack 1 <ts 222 0>');
  wire.at(0.3).send('P. 1:51(50) ack 101 <ts 333 0>').at(1.5);
  const sent = wire.take();
  assert.ok(sent.length >= 4, 'SYN-ACK, data, an acknowledgment, FIN');
  const echoes = sent.map((segment) => segment.options.find((option) => option.startsWith('ts '))?.split(' ')[2]);
  assert.is(echoes[0], '111');
  assert.is(echoes[1], '222');
  assert.is(echoes.at(-1), '333');
  assert.not.ok(echoes.includes(undefined));
});

test('§3.2: not offered in the SYN, it is never sent, and ignored when it comes', () => {
  const wire = new Wire();
  wire.at(0).send('S 0:0(0) <mss 1460>').expect('S. 0:0(0) ack 1 <mss 1460>');
  wire.at(0.1).send('. 1:1(0) ack 1 <ts 5 0>').send('P. 1:101(100) ack 1 <ts 4 0>').at(0.2).take();
  assert.is(wire.delivered, 100);
});

test('§3.2: once agreed on, a segment without it is dropped; a RST is not', () => {
  const wire = established();
  wire.at(0.2).send('P. 1:101(100) ack 1').at(0.4);
  assert.is(wire.delivered, 0);
  wire.send('R 1:1(0)');
  assert.is(wire.state, 'CLOSED');
});

test('§3.2: TSecr of a segment without ACK is no echo; ours of the SYN is not looked at', () => {
  const wire = new Wire();
  wire.at(0).send('S 0:0(0) <mss 1460,ts 7 4000000000>');
  assert.is(echo(wire), 7);
});

test('§5.4: our clock ticks once a millisecond, and never back', () => {
  const wire = established();
  const first = wire.tsVal;
  let last = first;
  for (const [i, seconds] of [0.2, 0.2005, 1.2, 1.2, 500].entries()) {
    wire
      .at(seconds)
      .send(`P. ${1 + i}:${2 + i}(1) ack 1 <ts ${2 + i} ${last}>`)
      .send('. 0:0(0) ack 1 <ts 9 0>')
      .take();
    assert.ok((wire.tsVal - last) >>> 0 < 0x8000_0000);
    last = wire.tsVal;
  }
  assert.is((last - first) >>> 0, 500_000);
});

test('Appendix A, RFC 6691: text is shorter by the 12 bytes of the option', () => {
  const wire = established([{ atUs: 200_000, verb: 'write', amount: 3000 }]);
  wire.at(0.2).expect('. 1:1449(1448) ack 1');
  wire.expect('. 1449:2897(1448) ack 1');
  wire.expect('P. 2897:3001(104) ack 1');
});

// ---- §4.3: which timestamp to echo ----

test('§4.3 (A): with delayed acknowledgments the oldest that was not acknowledged is echoed', () => {
  const wire = established();
  wire.at(1).send('. 1:101(100) ack 1 <ts 11 0>').send('. 101:201(100) ack 1 <ts 12 0>');
  wire.send('. 201:301(100) ack 1 <ts 13 0>').nothing();
  assert.is(echo(wire.at(1.5)), 11);
});

test('§4.3 (B) and (C): in a gap the last in order is echoed, then what fills it', () => {
  const wire = established();
  const [a, b, c, d, e] = [1, 101, 201, 301, 401];
  const send = (seq: number | undefined, ts: number): number =>
    echo(
      wire
        .at(wire.nowUs / 1_000_000 + 0.1)
        .send(`. ${seq}:${seq! + 100}(100) ack 1 <ts ${ts} 0>`)
        .at(wire.nowUs / 1_000_000 + 0.1),
    );
  assert.is(send(a, 1), 1);
  assert.is(send(c, 3), 1);
  assert.is(send(b, 2), 2);
  assert.is(send(e, 5), 2);
  assert.is(send(d, 4), 4);
  assert.is(wire.rcvNxt, 501);
});

// ---- §5: PAWS ----

test('§5.3 R1: an old timestamp is answered by an ACK and the segment dropped, in or out of the window', () => {
  const wire = established();
  wire.at(1).send('. 1:101(100) ack 1 <ts 100 0>').at(1.1).take();
  wire.send('. 101:201(100) ack 1 <ts 99 0>').expect('. 1:1(0) ack 101');
  wire.send('. 9000001:9000101(100) ack 1 <ts 99 0>').expect('. 1:1(0) ack 101');
  assert.is(wire.delivered, 100);
  // The same timestamp is not old.
  wire.send('. 101:201(100) ack 1 <ts 100 0>').at(1.2).take();
  assert.is(wire.delivered, 200);
});

test('§5.3 R1: a pure ACK, a FIN and a SYN that are old are refused as well', () => {
  const wire = established([{ atUs: 500_000, verb: 'write', amount: 100 }]);
  wire.at(0.5).expect('P. 1:101(100) ack 1');
  wire.send('. 1:1(0) ack 1 <ts 100 0>').nothing();
  wire.send('. 1:1(0) ack 101 <ts 99 0>').expect('. 101:101(0) ack 1');
  wire.send('F. 1:1(0) ack 1 <ts 99 0>').expect('. 101:101(0) ack 1');
  wire.send('S 1:1(0) <ts 99 0>').expect('. 101:101(0) ack 1');
  assert.is(wire.state, 'ESTABLISHED');
});

test('§5.2: comparison goes round 2^32', () => {
  const wire = new Wire();
  wire.at(0).send('S 0:0(0) <mss 1460,ts 4294967290 0>').take();
  wire.at(0.1).send('. 1:1(0) ack 1 <ts 4294967295 0>');
  wire.at(0.2).send('. 1:101(100) ack 1 <ts 3 0>').at(0.3).take();
  wire.send('. 101:201(100) ack 1 <ts 4294967295 0>').expect('. 1:1(0) ack 101');
  assert.is(wire.delivered, 100);
});

test('§5.2: a RST is not subject to PAWS', () => {
  const wire = established();
  wire.at(1).send('. 1:101(100) ack 1 <ts 100 0>').at(1.1).take();
  wire.send('R 101:101(0) <ts 50 0>').nothing();
  assert.is(wire.state, 'CLOSED');
});

test('§5.2: a challenged RST leaves TS.Recent as it is', () => {
  const wire = established();
  wire.at(1).send('. 1:101(100) ack 1 <ts 100 0>').at(1.1).take();
  wire.send('R 102:102(0) <ts 5000 0>').expect('. 1:1(0) ack 101');
  wire.send('. 101:201(100) ack 1 <ts 101 0>').at(1.2);
  assert.is(echo(wire), 101);
  assert.is(wire.delivered, 200);
});

test('§5.3, the example: B.1 is lost, C.1 to Z.1 wait, B.2 lets all through; the waiting are not judged again', () => {
  const wire = established();
  wire.at(1).send('. 1:101(100) ack 1 <ts 1 0>').at(1.1).take();
  for (let i = 2; i < 26; i++)
    wire.send(`. ${1 + 100 * i}:${101 + 100 * i}(100) ack 1 <ts 1 0>`).expect('. 1:1(0) ack 101');
  wire.send('. 101:201(100) ack 1 <ts 2 0>').expect('. 1:1(0) ack 2601');
  assert.is(wire.delivered, 2600);
  // One of them, delayed behind B.2, is out of date by now.
  wire.send('. 2601:2701(100) ack 1 <ts 1 0>').expect('. 1:1(0) ack 2601');
});

test('§5.3 R3: text beyond a gap does not move TS.Recent', () => {
  const wire = established();
  wire.at(1).send('. 101:201(100) ack 1 <ts 900 0>').expect('. 1:1(0) ack 1');
  wire.send('. 1:101(100) ack 1 <ts 5 0>').expect('. 1:1(0) ack 201');
  assert.is(wire.delivered, 200);
});

test('§5.3: a timestamp of a segment outside the window is not recorded', () => {
  const wire = established();
  wire.at(1).send('. 1:101(100) ack 1 <ts 100 0>').at(1.1).take();
  // SEG.SEQ <= Last.ACK.sent, but old text: the acceptability test comes before R3.
  wire.send('. 1:101(100) ack 1 <ts 2000000 0>').expect('. 1:1(0) ack 101');
  wire.send('. 101:201(100) ack 1 <ts 101 0>').at(1.2).take();
  assert.is(wire.delivered, 200);
});

test('§5.5: after 24 days of silence TS.Recent is void', () => {
  const quiet = established();
  quiet.at(1).send('. 1:101(100) ack 1 <ts 100 0>').at(1.1).take();
  quiet
    .at(1 + 23 * DAY)
    .send('. 101:201(100) ack 1 <ts 99 0>')
    .expect('. 1:1(0) ack 101');
  assert.is(quiet.delivered, 100);
  const long = established();
  long.at(1).send('. 1:101(100) ack 1 <ts 100 0>').at(1.1).take();
  long
    .at(2 + 24 * DAY)
    .send('. 101:201(100) ack 1 <ts 99 0>')
    .at(3 + 24 * DAY);
  assert.is(echo(long), 99);
  assert.is(long.delivered, 200);
});

test('§5.2: a RST for a segment with the option has it, with a TSval of zero and the echo', () => {
  const listening = new Wire();
  listening.send('. 5:5(0) ack 777 <ts 4711 42>').expect('R 777:777(0) <ts 0 4711>');
  listening.send('. 5:5(0) ack 777').expect('R 777:777(0) <>');
  const closed = new Wire({ port: 81 });
  closed.send('S 0:0(0) <mss 1460,sackOK,ts 4711 0>').expect('R. 0:0(0) ack 1 <ts 0 4711>');
  const off = new Wire({ tcp: { timestamps: false } });
  off.send('. 5:5(0) ack 777 <ts 4711 42>').expect('R 777:777(0) <>');
});

test('§5.2: the RST of an abort has the option when the connection has agreed on it', () => {
  const wire = established([{ atUs: 1_000_000, verb: 'abort', amount: 0 }]);
  const reset = wire.at(1).expect('R 1:1(0)');
  assert.is(reset.options.join(), `ts ${wire.tsVal} 1`);
});

test.run();
