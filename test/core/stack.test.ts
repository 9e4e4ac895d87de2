// The stack below TCP: what is refused and why, echo, unreachables, the output queue; and the bounds of TCP's tables,
// which need many flows.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { AddressForms } from '../../src/core/ip/forms6.js';
import { IpOutput, PAYLOAD_START } from '../../src/core/ip/output.js';
import { limits } from '../../src/core/limits.js';
import { createStack } from '../../src/core/stack.js';
import type { TraceEvent } from '../../src/core/trace.js';
import type { Stack } from '../../src/core/types.js';
import { concat, equalBytes, hex } from '../support/bytes.js';
import { ACK, FIN, ipFrame, parseTcpFrame, RST, SYN, slowChecksum, tcpFrame, udpFrame } from '../support/frames.js';
import { hashRandomSource } from '../support/random.js';
import { StubSession } from '../support/stub-session.js';
import { exchange, PERFECT, TcpPeer } from '../support/tcp-peer.js';

const CLIENT = '10.0.0.1';
const SERVER = '10.0.0.2';

const test = suite('stack');

interface Bench {
  readonly stack: Stack;
  readonly events: TraceEvent[];
  readonly flows: string[];
  /** Gives a frame to the stack and returns what comes out. */
  give(frame: Uint8Array, atUs?: number): Uint8Array[];
  reasons(): string[];
}

function bench(createSession = (): StubSession => new StubSession({ closeAfterInput: true })): Bench {
  const events: TraceEvent[] = [];
  const flows: string[] = [];
  const create = (_nowUs: number, flow: string): StubSession => {
    flows.push(flow);
    return createSession();
  };
  const stack = createStack(
    { localAddress: SERVER, mtu: 1500, services: new Map([[80, create]]) },
    { random: hashRandomSource(), trace: (_atUs, event) => events.push(event) },
  );
  return {
    stack,
    events,
    flows,
    give(frame, atUs = 0) {
      stack.receive(atUs, frame);
      const out: Uint8Array[] = [];
      for (let next = stack.poll(); next; next = stack.poll()) out.push(next.frame.slice());
      return out;
    },
    reasons: () => events.flatMap((event) => (event.kind === 'drop' ? event.reason : [])),
  };
}

function icmp(type: number, body: Uint8Array): Uint8Array {
  const message = concat(Uint8Array.of(type, 0, 0, 0), body);
  const checksum = slowChecksum(message);
  message[2] = checksum >>> 8;
  message[3] = checksum & 0xff;
  return message;
}

test('an echo is answered with all its data', () => {
  const { give, events } = bench();
  const body = hex('1234 0007 00112233445566778899aabbccddeeff');
  const out = give(ipFrame(CLIENT, SERVER, 1, icmp(8, body), { ttl: 3 }));
  assert.is(out.length, 1);
  equalBytes(out[0], ipFrame(SERVER, CLIENT, 1, icmp(0, body)));
  const messages = events.filter((event) => event.layer === 'icmp');
  assert.equal(messages[1], {
    layer: 'icmp',
    kind: 'message',
    dir: 'out',
    src: SERVER,
    dst: CLIENT,
    type: 0,
    code: 0,
    length: 24,
    id: 0x1234,
    seq: 7,
  });
});

test('a damaged echo and other ICMP messages are dropped with a reason', () => {
  const { give, reasons } = bench();
  const damaged = icmp(8, hex('12340007'));
  damaged[4]! ^= 1;
  assert.is(give(ipFrame(CLIENT, SERVER, 1, damaged)).length, 0);
  assert.is(give(ipFrame(CLIENT, SERVER, 1, icmp(13, new Uint8Array(16)))).length, 0);
  assert.is(give(ipFrame(CLIENT, SERVER, 1, hex('0800'))).length, 0);
  assert.equal(reasons(), [
    'checksum: does not match the message',
    'type 13 is not answered',
    'checksum: 2 bytes wanted, 0 left',
  ]);
});

test('UDP is answered by port unreachable that quotes it', () => {
  const { give } = bench();
  const datagram = udpFrame(CLIENT, SERVER, 53, hex('0102030405060708090a'));
  const out = give(datagram);
  assert.is(out.length, 1);
  equalBytes(out[0], portUnreachable(datagram));
});

/** Port unreachable for `datagram`, built by hand. */
function portUnreachable(datagram: Uint8Array): Uint8Array {
  const message = concat(hex('0303 0000 00000000'), datagram.subarray(0, 28));
  const checksum = slowChecksum(message);
  message[2] = checksum >>> 8;
  message[3] = checksum & 0xff;
  return ipFrame(SERVER, CLIENT, 1, message);
}

test('damaged UDP is not answered, UDP without a checksum is', () => {
  const { give, reasons } = bench();
  const damaged = udpFrame(CLIENT, SERVER, 53, hex('0102'));
  damaged[29]! ^= 1;
  assert.is(give(damaged).length, 0);
  const short = ipFrame(CLIENT, SERVER, 17, hex('0001 0035 0020 0000'));
  assert.is(give(short).length, 0);
  assert.equal(reasons(), ['UDP checksum does not match', 'UDP length does not fit the packet']);
  assert.is(give(ipFrame(CLIENT, SERVER, 17, hex('0001 0035 0008 0000'))).length, 1);
});

test('other protocols are answered by protocol unreachable', () => {
  const { give } = bench();
  const out = give(ipFrame(CLIENT, SERVER, 132, hex('0102030405060708090a')));
  assert.is(out.length, 1);
  equalBytes(out[0]!.subarray(20, 22), hex('0302'));
});

test('what is not for us, from nobody or malformed is dropped with a reason and never answered', () => {
  const { give, reasons, events } = bench();
  const udp = hex('0001 0035 0008 0000');
  const cases = [
    ipFrame(CLIENT, '10.0.0.3', 17, udp),
    ipFrame(CLIENT, '224.0.0.1', 17, udp),
    ipFrame(CLIENT, '255.255.255.255', 17, udp),
    ipFrame('0.0.0.0', SERVER, 17, udp),
    ipFrame('224.0.0.9', SERVER, 17, udp),
    ipFrame(SERVER, SERVER, 17, udp),
    hex('60000000'),
    new Uint8Array(0),
  ];
  for (const frame of cases) assert.is(give(frame).length, 0);
  assert.equal(reasons(), [
    'not our address',
    'not our address',
    'not our address',
    'source is not the address of a host',
    'source is not the address of a host',
    'source is our own address',
    'version: 6 is not 4',
    'versionAndIhl: 1 bytes wanted, 0 left',
  ]);
  assert.ok(events.every((event) => event.kind !== 'packet' || event.dir === 'in'));
});

test('a segment that cannot be parsed is dropped with a reason', () => {
  const { give, reasons } = bench();
  const tcp = hex('c000 0050 00000001 00000000 4002 0001 0000 0000');
  const pseudo = hex('0a000001 0a000002 0006 0014');
  const checksum = slowChecksum(pseudo, tcp);
  tcp[16] = checksum >>> 8;
  tcp[17] = checksum & 0xff;
  assert.is(give(ipFrame(CLIENT, SERVER, 6, tcp)).length, 0);
  assert.match(reasons()[0]!, 'dataOffset');
});

test('random frames never throw and are never answered by more than one frame', () => {
  const { give } = bench();
  let state = 12345;
  const next = (): number => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return state >>> 8;
  };
  for (let i = 0; i < 3000; i++) {
    const payload = Uint8Array.from({ length: next() % 60 }, () => next() & 0xff);
    const frame = i % 3 === 0 ? payload : ipFrame(CLIENT, SERVER, [1, 6, 17][next() % 3]!, payload);
    assert.ok(give(frame, i).length <= 1);
  }
});

test('a config that cannot be is refused', () => {
  const make = (localAddress: string, mtu: number) => () =>
    createStack({ localAddress, mtu, services: new Map() }, { random: hashRandomSource() });
  for (const run of [
    make('10.0.0', 1500),
    make('224.0.0.1', 1500),
    make(SERVER, 575),
    make(SERVER, 65_536),
    make(SERVER, 1500.5),
  ]) {
    assert.throws(run, (error: unknown) => error instanceof RangeError);
  }
});

test('the output queue keeps a bounded number of slots', () => {
  const output = new IpOutput(
    { mtu: 1500, localAddress: 0x0a000002, localAddress6: undefined, localText6: '' },
    { random: hashRandomSource(), forms: new AddressForms(), trace: undefined },
  );
  for (let i = 0; i < limits.ip.retainedFrames + 100; i++) {
    output.begin()[PAYLOAD_START] = i & 0xff;
    output.send(i, 6, 0x0a000001, 1);
  }
  assert.is(output.slots, limits.ip.retainedFrames + 100);
  for (let i = 0; i < limits.ip.retainedFrames + 100; i++) {
    const out = output.poll()!;
    assert.is(out.atUs, i);
    assert.is(out.frame[20], i & 0xff);
  }
  assert.is(output.poll(), undefined);
  assert.is(output.slots, limits.ip.retainedFrames);
});

// ---- tables of TCP ----

function segment(port: number, seq: number, ack: number, flags: number, source = CLIENT): Uint8Array {
  return tcpFrame({
    source,
    destination: SERVER,
    sourcePort: port,
    destinationPort: 80,
    seq: seq >>> 0,
    ack: ack >>> 0,
    flags,
    window: 65_535,
  });
}

/** Connects; gives our initial sequence number. */
function connect(b: Bench, port: number, isn: number, atUs: number, source = CLIENT): number {
  const [synAck] = b.give(segment(port, isn, 0, SYN, source), atUs);
  const iss = parseTcpFrame(synAck!).seq;
  b.give(segment(port, isn + 1, iss + 1, ACK, source), atUs);
  return iss;
}

test('10,000 connections one after the other, the client closing first', () => {
  const b = bench();
  for (let i = 0; i < 10_000; i++) {
    const port = 32_768 + (i % 28_000);
    const iss = connect(b, port, i, i * 1000);
    const [fin] = b.give(segment(port, i + 1, iss + 1, FIN | ACK), i * 1000);
    assert.is(parseTcpFrame(fin!).flags, FIN | ACK);
    b.give(segment(port, i + 2, iss + 2, ACK), i * 1000);
  }
  assert.is(b.flows.length, 10_000);
  assert.is(b.stack.openFlows, 0);
  assert.is(b.stack.nextDeadlineUs(), undefined);
});

test('10,000 connections over 200 ports, the server closing first: TIME-WAIT is reused, numbers go on', () => {
  const b = bench(() => {
    const session = new StubSession();
    session.close();
    return session;
  });
  const last = new Map<number, { isn: number; iss: number }>();
  for (let i = 0; i < 10_000; i++) {
    const port = 40_000 + (i % 200);
    const before = last.get(port);
    const isn = before ? before.isn + 100 : 7;
    const atUs = i * 10;
    const [synAck] = b.give(segment(port, isn, 0, SYN), atUs);
    const iss = parseTcpFrame(synAck!).seq;
    if (before) assert.ok(((iss - before.iss) | 0) > 2, 'our numbers go forward');
    const [fin] = b.give(segment(port, isn + 1, iss + 1, ACK), atUs);
    assert.is(parseTcpFrame(fin!).flags, FIN | ACK);
    const [ack] = b.give(segment(port, isn + 1, iss + 2, FIN | ACK), atUs);
    assert.is(parseTcpFrame(ack!).ack, isn + 2);
    last.set(port, { isn, iss });
  }
  assert.is(b.flows.at(-1), '10.0.0.1:40199>10.0.0.2:80#49');
  assert.is(b.stack.openFlows, 0);
  b.stack.advance(120_000_000);
  assert.is(b.stack.nextDeadlineUs(), undefined);
});

test('the connection table is bounded', () => {
  const b = bench();
  for (let i = 0; i < limits.tcp.connections; i++) connect(b, 1000 + i, 5, i);
  assert.is(b.stack.openFlows, limits.tcp.connections);
  assert.is(b.give(segment(999, 5, 0, SYN), 20_000).length, 0);
  assert.ok(b.reasons().includes('connection table full'));
  b.give(segment(1000, 6, 0, RST), 20_001);
  assert.is(b.stack.openFlows, limits.tcp.connections - 1);
  connect(b, 999, 5, 20_002);
  assert.is(b.stack.openFlows, limits.tcp.connections);
});

test('TIME-WAIT is bounded: the oldest is forgotten, and answered like any unknown connection', () => {
  const b = bench(() => {
    const session = new StubSession();
    session.close();
    return session;
  });
  const total = limits.tcp.timeWait + 1;
  for (let i = 0; i < total; i++) {
    const iss = connect(b, 1000 + i, 5, i);
    b.give(segment(1000 + i, 6, iss + 2, FIN | ACK), i);
  }
  const states = b.events.filter((event) => event.layer === 'tcp' && event.kind === 'state');
  const forgotten = states.filter((event) => event.layer === 'tcp' && event.kind === 'state' && event.to === 'CLOSED');
  assert.is(forgotten.length, 1);
  assert.is(parseTcpFrame(b.give(segment(1000, 6, 5, FIN | ACK), total)[0]!).flags, RST);
  assert.is(parseTcpFrame(b.give(segment(1001, 6, 5, FIN | ACK), total)[0]!).flags, ACK);
});

test('names count how often a 4-tuple was seen, and never come twice when the table overflows', () => {
  const b = bench();
  const names = new Set<string>();
  const open = (source: string, atUs: number): void => {
    connect(b, 5000, 5, atUs, source);
    b.give(segment(5000, 6, 0, RST, source), atUs);
    names.add(b.flows.at(-1)!);
  };
  open('10.1.0.0', 0);
  open('10.1.0.0', 1);
  assert.equal(b.flows, ['10.1.0.0:5000>10.0.0.2:80#0', '10.1.0.0:5000>10.0.0.2:80#1']);
  for (let i = 1; i <= limits.tcp.flowNamePages; i++) open(`10.1.0.${i}`, 1 + i);
  open('10.1.0.0', 1000);
  assert.is(b.flows.at(-1), '10.1.0.0:5000>10.0.0.2:80#2');
  assert.is(names.size, b.flows.length);
});

test('closing the stack ends the flows in order, and refuses new ones', () => {
  const b = bench(() => new StubSession());
  const isses = [7001, 7002, 7003].map((port) => connect(b, port, 5, 100));
  b.stack.close(200);
  const ports: number[] = [];
  for (let out = b.stack.poll(); out; out = b.stack.poll()) {
    const parsed = parseTcpFrame(out.frame);
    assert.is(parsed.flags, FIN | ACK);
    ports.push(parsed.destinationPort);
  }
  assert.equal(ports, [7001, 7002, 7003]);
  assert.is(parseTcpFrame(b.give(segment(7004, 5, 0, SYN), 300)[0]!).flags, RST | ACK);
  for (const [i, iss] of isses.entries()) b.give(segment(7001 + i, 6, iss + 2, FIN | ACK), 400);
  assert.is(b.stack.openFlows, 0);
});

test('200 peers at once, each with its own bytes', () => {
  const sessions: StubSession[] = [];
  const b = bench(() => {
    const session = new StubSession({ echo: true, closeAfterInput: true });
    sessions.push(session);
    return session;
  });
  const peers = Array.from(
    { length: 200 },
    (_, i) =>
      new TcpPeer({
        address: CLIENT,
        server: SERVER,
        port: 20_000 + i,
        serverPort: 80,
        isn: i * 1_000_003,
        upload: 1000 + i,
        window: 65_535,
        mss: 1460,
        closeFirst: true,
      }),
  );
  exchange(b.stack, peers, PERFECT);
  for (const peer of peers) {
    assert.is(peer.state, 'done');
    assert.is(peer.received, peer.options.upload);
  }
  assert.is(sessions.length, 200);
});

test.run();
