// Rules of RFC 9293's appendix B that no other file tests by name: pushing, options, the MSS, checksums, initial sequence
// numbers, addresses, and what an application is told. docs/rfc.md says which test covers which label.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createStack } from '../../../src/core/stack.js';
import type { TcpConfig } from '../../../src/core/tcp/config.js';
import { parseTcpFrame, SYN, tcpFrame } from '../../support/frames.js';
import { hashRandomSource } from '../../support/random.js';
import { reach } from '../../support/state-table.js';
import { type PlannedAction, StubSession } from '../../support/stub-session.js';
import { Wire } from '../../support/wire.js';

const test = suite('rules of RFC 9293');

function write(atSeconds: number, amount: number): PlannedAction {
  return { atUs: Math.round(atSeconds * 1_000_000), verb: 'write', amount };
}

function established(plan: readonly PlannedAction[] = [], syn = 'S 0:0(0) <mss 1460>', tcp: TcpConfig = {}): Wire {
  const wire = new Wire({ tcp }, plan);
  wire.at(0).send(syn).take();
  return wire.at(0.1).send('. 1:1(0) ack 1').nothing();
}

// ---- PUSH, windows ----

test('SHLD-27, MUST-61, SHLD-28: full segments, and PSH on the last of what there was to send', () => {
  const wire = established([write(0.2, 1000), write(0.2, 3000)]);
  wire.at(0.2).expect('. 1:1461(1460) ack 1');
  wire.expect('. 1461:2921(1460) ack 1');
  wire.expect('P. 2921:4001(1080) ack 1');
  wire.nothing();
});

test('MUST-1: a window of 32,768 and more is not negative', () => {
  const wire = new Wire({}, [write(0.2, 40_000), write(0.5, 40_000)]);
  wire.at(0).send('S 0:0(0) win 65535 <mss 1460>').take();
  wire.at(0.1).send('. 1:1(0) ack 1 win 40000');
  let acknowledged = 1;
  for (let seconds = 0.2; seconds < 3; seconds += 0.1) {
    for (const segment of wire.at(seconds).take()) acknowledged = Math.max(acknowledged, segment.seq + segment.length);
    wire.send(`. 1:1(0) ack ${acknowledged} win 40000`);
  }
  assert.is(acknowledged, 80_001);
});

test('SHLD-17, MUST-37: a window taken back from data in flight is probed for as long as probes are answered', () => {
  const wire = established([write(0.2, 1000)], undefined, { closedWindowUs: 0 });
  wire.at(0.2).expect('P. 1:1001(1000) ack 1');
  wire.send('. 1:1(0) ack 1 win 0').nothing();
  let probes = 0;
  for (let seconds = 1; seconds < 7200; seconds++) {
    if (wire.at(seconds).take().length === 0) continue;
    probes++;
    wire.send('. 1:1(0) ack 1 win 0');
  }
  assert.ok(probes > 60 && probes < 200, `${probes} probes in two hours`);
  assert.is(wire.state, 'ESTABLISHED');
  // Open again: the data comes at the next expiry of the timer at the latest.
  wire.send('. 1:1(0) ack 1 win 65535').at(7202);
  const again = wire.take();
  assert.is(again.at(-1)?.seq, 1);
  assert.is(again.at(-1)?.length, 1000);
});

// ---- options ----

test('MUST-4, MUST-64: end of options and no-operations, and options on any byte', () => {
  for (const options of ['nop,mss 700', 'nop,nop,nop,mss 700', 'mss 700,hex 00', 'nop,wscale 0,mss 700,hex 00']) {
    const wire = established([write(0.2, 900)], `S 0:0(0) <${options}>`);
    wire.at(0.2).expect('. 1:701(700) ack 1');
    wire.expect('P. 701:901(200) ack 1');
  }
});

test('MUST-5: options on any segment are read over', () => {
  const wire = established();
  wire.at(0.2).send('P. 1:101(100) ack 1 <nop,nop,hex 1e04abcd>').send('F. 101:101(0) ack 1 <hex fd08123456789abc>');
  assert.is(wire.delivered, 100);
  assert.is(wire.state, 'CLOSE-WAIT');
});

test('MUST-6: options that nobody knows are ignored by their length', () => {
  const wire = established([write(0.2, 900)], 'S 0:0(0) <hex fe06dead0000,mss 700,hex 1e0e0204ffff0204ffff0204ffff>');
  wire.at(0.2).expect('. 1:701(700) ack 1');
});

test('MUST-7: a segment with an illegal option length is dropped, and nothing else happens', () => {
  const wire = established();
  for (const options of ['hex 0200ffff', 'hex 0201ffff', 'hex 020500aa', 'hex 1eff0000', 'nop,nop,nop,hex 02']) {
    wire.send(`P. 1:101(100) ack 1 <${options}>`).nothing();
  }
  assert.is(wire.delivered, 0);
  wire.send('P. 1:101(100) ack 1');
  assert.is(wire.delivered, 100);
});

test('MUST-68, MUST-69: what we send has a length in each option, and zeros for padding', () => {
  // The wire asserts it of every segment; these carry all options that there are.
  const wire = new Wire();
  wire.at(0).send('S 0:0(0) <mss 1460,sackOK,ts 1 0,wscale 7>').take();
  wire.at(0.1).send('. 1:1(0) ack 1 <ts 1 0>');
  wire.send('. 101:201(100) ack 1 <ts 1 0>').expect(`. 1:1(0) ack 1 <ts ${wire.tsVal} 1,sack 101:201>`);
});

// ---- the MSS ----

test('MUST-14, MUST-65, SHLD-5, MAY-3: the SYN-ACK says our MSS, no other segment does', () => {
  const wire = new Wire({}, [write(0.2, 10), { atUs: 300_000, verb: 'close', amount: 0 }]);
  wire.at(0).send('S 0:0(0)').expect('S. 0:0(0) ack 1 <mss 1460>');
  wire.at(0.1).send('. 1:1(0) ack 1').send('P. 1:2(1) ack 1').at(1);
  const sent = wire.take();
  assert.ok(sent.length >= 3);
  for (const segment of sent) assert.equal(segment.options, []);
});

test('MUST-65: an MSS on another segment than a SYN changes nothing', () => {
  const wire = established([write(0.3, 1460)]);
  wire.at(0.2).send('. 1:1(0) ack 1 <mss 100>');
  wire.at(0.3).expect('P. 1:1461(1460) ack 1');
});

test('SHLD-6, MUST-67, RFC 6691 §2: the MSS is the MTU less 40, over IPv6 less 60, whatever options will be sent', () => {
  for (const mtu of [576, 1280, 1500, 9000, 65_535]) {
    for (const syn of ['S 0:0(0)', 'S 0:0(0) <mss 1460,sackOK,ts 1 0,wscale 7>']) {
      assert.is(new Wire({ mtu }).send(syn).take()[0]!.options[0], `mss ${mtu - 40}`);
      if (mtu < 1280) continue;
      assert.is(new Wire({ mtu, ipv6: true }).send(syn).take()[0]!.options[0], `mss ${mtu - 60}`);
    }
  }
});

test('MUST-16: segments are no larger than either side can take, options counted', () => {
  for (const [mtu, mss, timestamps, length] of [
    [1500, 1460, false, 1460],
    [1500, 9000, false, 1460],
    [9000, 1200, false, 1200],
    [1500, 1460, true, 1448],
    [1500, 1000, true, 988],
    [576, 1460, true, 524],
  ] as const) {
    const wire = new Wire({ mtu }, [write(0.2, 5000)]);
    const [syn, ack] = timestamps ? [',ts 1 0', ' <ts 1 0>'] : ['', ''];
    wire.at(0).send(`S 0:0(0) <mss ${mss}${syn}>`).take();
    wire.at(0.1).send(`. 1:1(0) ack 1${ack}`);
    assert.is(wire.at(0.2).take()[0]!.length, length, `MTU ${mtu}, MSS ${mss}`);
  }
});

test('MUST-15: without the option it is 536 over IPv4, 1220 over IPv6', () => {
  for (const ipv6 of [false, true]) {
    const wire = new Wire({ ipv6 }, [write(0.2, 3000)]);
    wire
      .at(0)
      .send('S 0:0(0)')
      .expect(`S. 0:0(0) ack 1 <mss ${ipv6 ? 1440 : 1460}>`);
    wire.at(0.1).send('. 1:1(0) ack 1');
    assert.is(wire.at(0.2).take()[0]!.length, ipv6 ? 1220 : 536);
  }
});

// ---- initial sequence numbers ----

/** The ISS of a new connection of `port` at `seconds`, under a seed. */
function iss(port: number, seconds: number, seed: number): number {
  const stack = createStack(
    { localAddress: '10.0.0.2', mtu: 1500, services: new Map([[80, () => new StubSession()]]) },
    { random: hashRandomSource(seed) },
  );
  stack.receive(
    Math.round(seconds * 1_000_000),
    tcpFrame({
      source: '10.0.0.1',
      destination: '10.0.0.2',
      sourcePort: port,
      destinationPort: 80,
      seq: 1,
      ack: 0,
      flags: SYN,
      window: 1000,
    }),
  );
  return parseTcpFrame(stack.poll()!.frame).seq;
}

test('MUST-8: the ISN follows a clock of 4 us', () => {
  assert.is((iss(1000, 1, 1) - iss(1000, 0, 1)) >>> 0, 250_000);
  // Once round in 4.77 hours.
  assert.is(iss(1000, (2 ** 32 * 4) / 1_000_000, 1), iss(1000, 0, 1));
});

test('SHLD-1, MUST-9: each pair of sockets has its own place on it, which only the seed tells', () => {
  assert.is.not(iss(1000, 0, 1), iss(1001, 0, 1));
  assert.is.not(iss(1000, 0, 1), iss(1000, 0, 2));
  const places = new Set(Array.from({ length: 256 }, (_, i) => iss(1000 + i, 0, 1) >>> 24));
  assert.ok(places.size > 100, `${places.size} different first octets of 256`);
});

// ---- addresses and ports ----

test('MUST-57, MUST-63: a SYN to or from what is no single host is dropped in silence', () => {
  const stack = createStack(
    { localAddress: '10.0.0.2', mtu: 1500, services: new Map([[80, () => new StubSession()]]) },
    { random: hashRandomSource() },
  );
  const good = { source: '10.0.0.1', destination: '10.0.0.2' };
  for (const addresses of [
    { source: '255.255.255.255' },
    { source: '224.0.0.1' },
    { source: '0.0.0.0' },
    { source: '127.0.0.1' },
    { source: '10.0.0.2' },
    { destination: '255.255.255.255' },
    { destination: '224.0.0.1' },
    { destination: '10.0.0.255' },
    { destination: '10.0.0.3' },
  ]) {
    const ports = { sourcePort: 1000, destinationPort: 80 };
    stack.receive(0, tcpFrame({ ...good, ...addresses, ...ports, seq: 1, ack: 0, flags: SYN, window: 1000 }));
    assert.is(stack.poll(), undefined, JSON.stringify(addresses));
  }
  assert.is(stack.openFlows, 0);
});

test('MUST-41, MUST-42: connections of one port and listeners of several do not disturb each other', () => {
  const services = new Map([80, 443].map((port) => [port, () => new StubSession()] as const));
  const stack = createStack({ localAddress: '10.0.0.2', mtu: 1500, services }, { random: hashRandomSource() });
  for (const [sourcePort, destinationPort] of [
    [1000, 80],
    [1001, 80],
    [1000, 443],
  ] as const) {
    const ends = { source: '10.0.0.1', destination: '10.0.0.2', sourcePort, destinationPort };
    stack.receive(0, tcpFrame({ ...ends, seq: 1, ack: 0, flags: SYN, window: 1000 }));
    const answer = parseTcpFrame(stack.poll()!.frame);
    assert.is(answer.sourcePort, destinationPort);
    assert.is(answer.destinationPort, sourcePort);
  }
  assert.is(stack.openFlows, 3);
});

// ---- what the application is told ----

test('MUST-12: an orderly end is the end of input, an abort is an event with its reason', () => {
  const orderly = reach('EST').wire;
  orderly.send('F. 1001:1001(0) ack 801');
  assert.ok(orderly.sessions[0]!.inputEnded);
  assert.not.ok(orderly.events.some((event) => event.kind === 'abort'));
  const aborted = reach('EST').wire;
  aborted.send('R 1001:1001(0)');
  assert.not.ok(aborted.sessions[0]!.inputEnded);
  assert.ok(aborted.events.some((event) => event.kind === 'abort' && event.reason === 'reset by the peer'));
});

test('MUST-12: behind both FINs a RST is an end like another (§3.10.7.4, second: CLOSING, LAST-ACK, TIME-WAIT)', () => {
  for (const [state, aborts] of [
    ['CLG', 0],
    ['LA', 0],
    ['TW', 0],
    ['FW2', 1],
  ] as const) {
    const { wire } = reach(state);
    wire.send(`R ${wire.rcvNxt}:${wire.rcvNxt}(0)`);
    assert.is(wire.state, 'CLOSED', state);
    assert.is(wire.events.filter((event) => event.kind === 'abort').length, aborts, state);
  }
});

test('SHLD-9: every retransmission is told, with its reason', () => {
  const wire = established([write(0.2, 100)]);
  const sent = wire.at(10).take();
  const told = wire.events.filter((event) => event.kind === 'retransmit');
  assert.is(told.length, sent.length - 1);
});

test('MUST-20, SHLD-10, SHLD-11: more than three retransmissions, and the end not before 100 s', () => {
  const wire = established([write(0.2, 100)]);
  assert.ok(wire.at(100.2).take().length > 3);
  assert.is(wire.state, 'ESTABLISHED');
  wire.at(2000);
  assert.is(wire.state, 'CLOSED');
  assert.ok(wire.says('retransmission limit reached'));
});

test('MUST-58, MUST-59: two segments that come at once are acknowledged once, and data carries the acknowledgment', () => {
  const wire = established([write(0.23, 10)]);
  wire.at(0.2).send('. 1:1461(1460) ack 1').send('P. 1461:2921(1460) ack 1').expect('. 1:1(0) ack 2921');
  wire.at(0.22).send('P. 2921:2931(10) ack 1').nothing();
  wire.at(0.23).expect('P. 1:11(10) ack 2931');
  wire.at(0.35).nothing();
});

test.run();
