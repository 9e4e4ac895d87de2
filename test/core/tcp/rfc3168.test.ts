// Explicit congestion notification after RFC 3168 §6.1: who may ask for it, when ECT is set, and the echo of a mark until
// the peer says that it has slowed down.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { PlannedAction } from '../../support/stub-session.js';
import { Wire } from '../../support/wire.js';

const test = suite('RFC 3168');

const NOT_ECT = 0;
const ECT_0 = 2;

function established(plan: readonly PlannedAction[] = []): Wire {
  const wire = new Wire({}, plan);
  wire.at(0).send('SEW 0:0(0) <mss 1000>').expect('S.E 0:0(0) ack 1');
  return wire.at(0.1).send('. 1:1(0) ack 1').nothing();
}

function write(atSeconds: number, amount: number): PlannedAction {
  return { atUs: Math.round(atSeconds * 1_000_000), verb: 'write', amount };
}

// ---- §6.1.1: initialization ----

for (const [syn, synAck] of [
  ['S', 'S.'],
  ['SE', 'S.'],
  ['SW', 'S.'],
  ['SEW', 'S.E'],
] as const) {
  test(`§6.1.1: ${syn} is answered by ${synAck}; ECT follows an ECN-setup SYN only, and never on the SYN-ACK`, () => {
    const wire = new Wire({}, [write(0.2, 100)]);
    assert.is(wire.at(0).send(`${syn} 0:0(0)`).expect(`${synAck} 0:0(0) ack 1`).tos, NOT_ECT);
    wire.at(0.1).send('. 1:1(0) ack 1');
    assert.is(wire.at(0.2).expect('P. 1:101(100) ack 1').tos, syn === 'SEW' ? ECT_0 : NOT_ECT);
  });
}

test('§6.1.1.1: the SYN comes again without ECN: the SYN-ACK is without it, and so is the connection', () => {
  const wire = new Wire({}, [write(0.6, 100)]);
  wire.at(0).send('SEW 0:0(0)').expect('S.E 0:0(0) ack 1');
  wire.at(0.4).send('S 0:0(0)').expect('S. 0:0(0) ack 1');
  wire.at(0.5).send('. 1:1(0) ack 1');
  assert.is(wire.at(0.6).expect('P. 1:101(100) ack 1').tos, NOT_ECT);
});

test('§6.1.1: a server that is told not to use it clears both flags', () => {
  const wire = new Wire({ tcp: { ecn: false } });
  wire.send('SEW 0:0(0)').expect('S. 0:0(0) ack 1');
});

// ---- §6.1.2, §6.1.4 to §6.1.6: what carries ECT ----

test('§6.1.4: a pure acknowledgment is not ECT', () => {
  const wire = established();
  wire.at(0.2).send('P. 1:101(100) ack 1').at(0.3);
  assert.is(wire.take().at(-1)?.tos, NOT_ECT);
});

test('§6.1.5: a retransmission is not ECT', () => {
  const wire = established([write(0.2, 100)]);
  assert.is(wire.at(0.2).expect('P. 1:101(100) ack 1').tos, ECT_0);
  const again = wire.at(3).take();
  assert.ok(again.length > 0);
  for (const segment of again) assert.is(segment.tos, NOT_ECT);
});

test('§6.1.6: a probe of a closed window is not ECT', () => {
  const wire = new Wire({}, [write(0.2, 100)]);
  wire.at(0).send('SEW 0:0(0)').take();
  wire.at(0.1).send('. 1:1(0) ack 1 win 0');
  const probes = wire.at(5).take();
  assert.ok(probes.length > 0);
  for (const probe of probes) assert.is(probe.tos, NOT_ECT);
});

// ---- §6.1.3: the receiver ----

test('§6.1.3: CE is echoed in every acknowledgment until CWR comes', () => {
  const wire = established();
  const acks = (text: string): string => {
    wire.at(wire.nowUs / 1_000_000 + 0.1).send(text);
    return wire
      .at(wire.nowUs / 1_000_000 + 0.1)
      .take()
      .map((segment) => segment.flags)
      .join(' ');
  };
  assert.is(acks('P. 1:101(100) ack 1'), '.');
  assert.is(acks('P. 101:201(100) ack 1 ce'), '.E');
  assert.is(acks('P. 201:301(100) ack 1'), '.E');
  assert.is(acks('P.W 301:401(100) ack 1'), '.');
  assert.is(acks('P. 401:501(100) ack 1'), '.');
});

test('§6.1.3: one mark among the segments that an acknowledgment covers is enough', () => {
  const wire = established();
  wire.at(0.2).send('P. 1:101(100) ack 1 ce').send('P. 101:201(100) ack 1').at(0.3);
  assert.ok(wire.take().every((segment) => segment.flags === '.E'));
});

test('§6.1.3: CWR together with a new mark starts the echo anew', () => {
  const wire = established();
  wire.at(0.2).send('P. 1:101(100) ack 1 ce').at(0.3).take();
  wire.send('P.W 101:201(100) ack 1 ce').at(0.4);
  assert.is(wire.take().at(-1)?.flags, '.E');
});

test('§6.1.3: data of ours carries the echo, too', () => {
  const wire = established([write(0.25, 50)]);
  wire.at(0.2).send('P. 1:101(100) ack 1 ce').at(0.25);
  assert.is(wire.take().at(-1)?.flags, 'P.E');
});

test('§6.1.1: without agreement a mark is ignored', () => {
  const wire = new Wire();
  wire.at(0).send('S 0:0(0)').take();
  wire.at(0.1).send('. 1:1(0) ack 1');
  wire.at(0.2).send('P. 1:101(100) ack 1 ce').at(0.3);
  assert.is(wire.take().at(-1)?.flags, '.');
});

test("§6.1.3: a mark on what is outside the window is nobody else's business", () => {
  const wire = established();
  wire.at(0.2).send('P. 900001:900101(100) ack 1 ce').expect('. 1:1(0) ack 1');
});

test.run();
