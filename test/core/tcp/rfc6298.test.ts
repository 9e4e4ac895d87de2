// The retransmission timer (RFC 6298), rule by rule, seen from outside: when a segment that nobody acknowledges comes again.
// No timestamps and no SACK, so that Karn's rule and the timer stand alone. Expected times are reckoned by hand from the
// RFC's formulas; two differ knowingly: the least RTO is Linux's 200 ms (§2.4 has a second), and the most is 60 s (§2.5).

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { PlannedAction } from '../../support/stub-session.js';
import { Wire } from '../../support/wire.js';

const test = suite('RFC 6298');

function write(atSeconds: number, amount: number): PlannedAction {
  return { atUs: Math.round(atSeconds * 1_000_000), verb: 'write', amount };
}

/** Established with one round trip of `rtt` seconds, the only measurement so far. */
function established(rtt: number, plan: PlannedAction[]): Wire {
  const wire = new Wire({}, plan);
  wire.at(0).send('S 0:0(0) <mss 1460>').expect('S. 0:0(0) ack 1');
  return wire.at(rtt).send('. 1:1(0) ack 1').nothing();
}

/** The times, in seconds, at which everything left until `until`. */
function times(wire: Wire, until: number): number[] {
  return wire
    .at(until)
    .take()
    .map((segment) => segment.atUs / 1_000_000);
}

test('§2.1: before any measurement the RTO is one second, doubled each time', () => {
  const wire = new Wire();
  wire.at(0).send('S 0:0(0)').expect('S. 0:0(0) ack 1');
  assert.equal(times(wire, 20), [1, 3, 7, 15]);
});

test('§2.2: after the first measurement R it is R + 4 R/2', () => {
  // R = 0.3: SRTT 0.3, RTTVAR 0.15, RTO 0.9.
  const wire = established(0.3, [write(1, 100)]);
  assert.equal(times(wire, 4), [1, 1.9, 3.7]);
});

test('§2.3: a second measurement moves RTTVAR first, with the old SRTT', () => {
  const wire = established(0.4, [write(1, 100), write(2, 100)]);
  wire.at(1).expect('P. 1:101(100) ack 1');
  // R = 0.4: SRTT 0.4, RTTVAR 0.2. R' = 0.8: RTTVAR = 3/4 0.2 + 1/4 0.4 = 0.25, SRTT = 7/8 0.4 + 1/8 0.8 = 0.45, RTO 1.45.
  wire.at(1.8).send('. 1:1(0) ack 101').nothing();
  assert.equal(times(wire, 4), [2, 3.45]);
});

test('§2.3: many equal measurements let the variation fade', () => {
  const plan = Array.from({ length: 40 }, (_, i) => write(1 + i, 100));
  const wire = established(0.5, plan);
  for (let i = 0; i < 39; i++) {
    wire.at(1 + i).take();
    wire.at(1.5 + i).send(`. 1:1(0) ack ${101 + 100 * i}`);
  }
  // RTTVAR has shrunk by 3/4 each time, 0.25 (3/4)^39 < 4 us: the RTO is SRTT and the least the variation may count.
  const sent = times(wire, 41.4);
  assert.is(sent[0], 40);
  assert.ok(sent[1]! > 40.5 && sent[1]! <= 40.7, `first retransmission at ${sent[1]}`);
});

test('§2.4, as Linux: on a path of 1 ms the RTO is 200 ms', () => {
  const wire = established(0.001, [write(1, 100)]);
  assert.equal(times(wire, 3), [1, 1.2, 1.6, 2.4]);
});

test('§2.5, §5.5: backing off ends at 60 s', () => {
  const wire = established(0.5, [write(10, 100)]);
  // RTO 1.5 s: 1.5, 3, 6, 12, 24, 48, then 60 each.
  assert.equal(times(wire, 230), [10, 11.5, 14.5, 20.5, 32.5, 56.5, 104.5, 164.5, 224.5]);
});

test('§3, Karn: what was sent twice measures nothing, and the backed-off RTO stays until something does', () => {
  const wire = established(0.5, [write(10, 100), write(20, 100), write(30, 100)]);
  assert.equal(times(wire, 11.5), [10, 11.5]);
  // 9 s late: had it been measured, the RTO would now be above 10 s. It is ambiguous, so the RTO stays 3 s.
  wire.at(19).send('. 1:1(0) ack 101');
  wire.take();
  assert.equal(times(wire, 20.4), [20]);
  // Sent once, acknowledged after 0.5 s: RTTVAR 3/4 0.25 = 0.1875, RTO 0.5 + 0.75 = 1.25.
  wire.at(20.5).send('. 1:1(0) ack 201').nothing();
  assert.equal(times(wire, 32), [30, 31.25]);
});

test('§5.1: the timer runs from the first segment; the later ones do not restart it', () => {
  const wire = established(0.5, [write(10, 1460), write(10.4, 1460), write(11.4, 1460)]);
  assert.equal(times(wire, 11.49), [10, 10.4, 11.4]);
  wire.at(11.5).expect('. 1:1461(1460) ack 1');
});

test('§5.2: when all is acknowledged it stops', () => {
  const wire = established(0.5, [write(10, 100)]);
  wire.at(10).expect('P. 1:101(100) ack 1');
  wire.at(10.5).send('. 1:1(0) ack 101');
  wire.at(400).nothing();
});

test('§5.3: an acknowledgment of new data starts it again, by the RTO of then', () => {
  const wire = established(0.5, [write(10, 100), write(10, 0), write(10.2, 100)]);
  wire.at(10).expect('P. 1:101(100) ack 1');
  wire.at(10.2).expect('P. 101:201(100) ack 1');
  wire.at(10.5).send('. 1:1(0) ack 101').nothing();
  // R' = 0.5 again: RTO 1.25, from 10.5 on.
  wire.at(11.749).nothing();
  wire.at(11.75).expect('P. 101:201(100) ack 1');
});

test('§5.4: the earliest segment is sent again, and only it', () => {
  const wire = established(0.5, [write(10, 4380)]);
  wire.at(10).expect('. 1:1461(1460) ack 1');
  wire.expect('. 1461:2921(1460) ack 1');
  wire.expect('P. 2921:4381(1460) ack 1');
  wire.at(11.5).expect('. 1:1461(1460) ack 1');
  wire.nothing();
});

test('§5: a segment is never sent again less than an RTO after it was sent', () => {
  const wire = established(0.5, [write(10, 1460), write(11.4, 1460)]);
  wire.at(10).expect('P. 1:1461(1460) ack 1');
  wire.at(11.4).expect('P. 1461:2921(1460) ack 1');
  // The second segment left 0.1 s before the timeout of the first, and stays alone.
  wire.at(11.5).expect('. 1:1461(1460) ack 1');
  wire.at(12.8).nothing();
});

test('§5.7: a SYN-ACK that had to be sent again makes the RTO of the data 3 s', () => {
  const wire = new Wire({}, [write(2, 100)]);
  wire.at(0).send('S 0:0(0) <mss 1460>').expect('S. 0:0(0) ack 1');
  wire.at(1).expect('S. 0:0(0) ack 1');
  wire.at(1.5).send('. 1:1(0) ack 1').nothing();
  assert.equal(times(wire, 6), [2, 5]);
});

test.run();
