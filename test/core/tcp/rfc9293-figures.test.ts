// The exchanges that RFC 9293 draws, line by line, as far as a server takes part in them: TCP Peer B of Figures 6 and 8 to
// 13, and Peer A of Figures 12 and 13. Figure 7, a simultaneous opening, needs an active OPEN, of which there is none here.
// Our own initial sequence numbers are not the figures', so what we send is said relative to them.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TIME_WAIT_US } from '../../../src/core/tcp/connection.js';
import { Wire } from '../../support/wire.js';

const test = suite('figures of RFC 9293');

/** A client whose first number is the figure's: numbers that we acknowledge can be compared with it. */
function peer(isn: number, plan: ConstructorParameters<typeof Wire>[1] = []): Wire {
  return new Wire({ isn }, plan);
}

/** Established, with RCV.NXT 100 as in Figures 9 and 10; our SND.NXT stands for 300. */
function established(plan: ConstructorParameters<typeof Wire>[1] = []): Wire {
  const wire = peer(99, plan);
  wire.at(0).send('S 0:0(0) <mss 1460>').expect('S. 0:0(0) ack 1');
  return wire.at(0.1).send('. 1:1(0) ack 1');
}

test('Figure 6: basic three-way handshake', () => {
  const wire = peer(100);
  assert.is(wire.state, 'LISTEN');
  const synAck = wire.at(0).send('S 0:0(0)').expect('S. 0:0(0) ack 1');
  assert.is(synAck.rawAck, 101);
  assert.is(wire.state, 'SYN-RECEIVED');
  wire.at(0.1).send('. 1:1(0) ack 1').nothing();
  assert.is(wire.state, 'ESTABLISHED');
  // Line 5 has the number of line 4: an ACK takes none.
  wire.at(0.2).send('P. 1:11(10) ack 1').at(0.7);
  assert.is(wire.take().at(-1)?.rawAck, 111);
  assert.is(wire.delivered, 10);
});

test('Figure 8: recovery from an old duplicate SYN', () => {
  const wire = peer(100);
  const first = wire.at(0).send('S -10:-10(0)').take()[0]!;
  assert.is(first.flags, 'S.');
  assert.is(first.rawAck, 91);
  wire.at(0.1).send('R -9:-9(0)').nothing();
  assert.is(wire.state, 'CLOSED');
  const second = wire.at(0.2).send('S 0:0(0)').expect('S. 0:0(0) ack 1');
  assert.is(second.rawAck, 101);
  assert.is.not(second.rawSeq, first.rawSeq, 'SEQ=400 after SEQ=300: a new connection has a new number');
  wire.at(0.3).send('. 1:1(0) ack 1').nothing();
  assert.is(wire.state, 'ESTABLISHED');
});

test('Figure 8 with the SYN before the RST: one more reset, then it works as well', () => {
  const wire = peer(100);
  wire.at(0).send('S -10:-10(0)').take();
  // The SYN of line 6 is in the window: a passive OPEN returns to LISTEN (§3.10.7.4, fourth).
  wire.at(0.1).send('S 0:0(0)').nothing();
  // The client resets the SYN-ACK of line 4; nobody is there who would mind.
  wire.at(0.15).send('R -9:-9(0)').nothing();
  wire.at(1).send('S 0:0(0)').expect('S. 0:0(0) ack 1');
  wire.at(1.1).send('. 1:1(0) ack 1').nothing();
  assert.is(wire.state, 'ESTABLISHED');
});

test('Figure 9: half-open connection discovery', () => {
  const wire = established();
  // Line 3: SEQ=400.
  const ack = wire.at(5).send('S 301:301(0)').expect('. 1:1(0) ack 1');
  assert.is(ack.rawAck, 100);
  wire.at(5.1).send('R 1:1(0)').nothing();
  assert.is(wire.state, 'CLOSED');
  const synAck = wire.at(6).send('S 301:301(0)').expect('S. 0:0(0) ack 302');
  assert.is(synAck.rawAck, 401);
});

test('Figure 10: the active side causes half-open connection discovery', () => {
  const wire = established([{ atUs: 5_000_000, verb: 'write', amount: 10 }]);
  const data = wire.at(5).expect('P. 1:11(10) ack 1');
  assert.is(data.rawAck, 100);
  wire.at(5.1).send('R 1:1(0)').nothing();
  assert.is(wire.state, 'CLOSED');
  wire.at(300).nothing();
  assert.ok(wire.says('reset by the peer'), 'the user is told (MUST-12)');
});

test('Figure 11: an old duplicate SYN initiates a reset on two passive sockets', () => {
  const z = 77_777;
  const wire = peer(z);
  assert.is(wire.send('S 0:0(0)').expect('S. 0:0(0) ack 1').rawAck, z + 1);
  // Peer A is in LISTEN: it answers the acknowledgment by SEQ=SEG.ACK, which is Z+1.
  wire.at(0.1).send('R 1:1(0)').nothing();
  assert.is(wire.state, 'CLOSED');
  wire.at(300).nothing();
  wire.send('S 0:0(0)').expect('S. 0:0(0) ack 1');
});

test('Figure 12, Peer A: normal close, we begin', () => {
  const wire = established([{ atUs: 1_000_000, verb: 'close', amount: 0 }]);
  wire.at(1).expect('F. 1:1(0) ack 1');
  assert.is(wire.state, 'FIN-WAIT-1');
  wire.at(1.1).send('. 1:1(0) ack 2').nothing();
  assert.is(wire.state, 'FIN-WAIT-2');
  wire.at(1.5).send('F. 1:1(0) ack 2').expect('. 2:2(0) ack 2');
  assert.is(wire.state, 'TIME-WAIT');
  wire.at(1.5 + (TIME_WAIT_US - 1) / 1_000_000).nothing();
  assert.is(wire.state, 'TIME-WAIT');
  wire.at(1.5 + TIME_WAIT_US / 1_000_000).nothing();
  assert.is(wire.state, 'CLOSED');
});

test('Figure 12, Peer B: normal close, the client begins', () => {
  const wire = established([{ atUs: 2_000_000, verb: 'close', amount: 0 }]);
  wire.at(1).send('F. 1:1(0) ack 1').expect('. 1:1(0) ack 2');
  assert.is(wire.state, 'CLOSE-WAIT');
  wire.at(2).expect('F. 1:1(0) ack 2');
  assert.is(wire.state, 'LAST-ACK');
  wire.at(2.1).send('. 2:2(0) ack 2').nothing();
  assert.is(wire.state, 'CLOSED');
  assert.is(wire.stack.openFlows, 0);
});

test('Figure 13: simultaneous close', () => {
  const wire = established([{ atUs: 1_000_000, verb: 'close', amount: 0 }]);
  wire.at(1).expect('F. 1:1(0) ack 1');
  wire.at(1.05).send('F. 1:1(0) ack 1').expect('. 2:2(0) ack 2');
  assert.is(wire.state, 'CLOSING');
  wire.at(1.1).send('. 2:2(0) ack 2').nothing();
  assert.is(wire.state, 'TIME-WAIT');
  wire.at(1.1 + TIME_WAIT_US / 1_000_000).nothing();
  assert.is(wire.state, 'CLOSED');
});

test('Figure 5, the note on LAST-ACK and CLOSING: only the ACK of the FIN leads on', () => {
  const wire = established([
    { atUs: 1_000_000, verb: 'write', amount: 100 },
    { atUs: 1_000_000, verb: 'close', amount: 0 },
  ]);
  wire.at(1).expect('FP. 1:101(100) ack 1');
  wire.at(1.05).send('F. 1:1(0) ack 1').expect('. 102:102(0) ack 2');
  // The data alone is acknowledged.
  wire.at(1.1).send('. 2:2(0) ack 101').nothing();
  assert.is(wire.state, 'CLOSING');
  wire.at(1.2).send('. 2:2(0) ack 102').nothing();
  assert.is(wire.state, 'TIME-WAIT');
});

test.run();
