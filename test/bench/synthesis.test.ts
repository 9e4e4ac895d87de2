import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  PacketSynthesis,
  type SocketEvent,
  SocketEventReader,
  type SynthesisedPacket,
  synthesisLimits,
} from '../../src/bench/synthesis.js';
import { ParseError } from '../../src/core/bytes/reader.js';
import { ascii, equalBytes, hex, testRandom, text, toHex } from '../support/bytes.js';

const PEER = { address: '10.0.0.1', port: 49152 };
const LOCAL = { address: '10.0.0.2', port: 443 };
const OPEN: SocketEvent = { kind: 'open', flow: 0, peer: PEER, local: LOCAL };

function packetsOf(...events: SocketEvent[]): SynthesisedPacket[] {
  const synthesis = new PacketSynthesis();
  return events.flatMap((event) => synthesis.packets(event));
}

function eventsOf(packets: readonly SynthesisedPacket[]): SocketEvent[] {
  const reader = new SocketEventReader();
  return packets.map(({ dir, data }) => reader.read(dir, data)).filter((event) => event !== undefined);
}

function assertSameEvents(actual: readonly SocketEvent[], expected: readonly SocketEvent[]): void {
  assert.is(actual.length, expected.length);
  actual.forEach((event, at) => {
    const wanted = expected[at]!;
    if (event.kind === 'data' && wanted.kind === 'data') {
      equalBytes(event.bytes, wanted.bytes, `event ${at}`);
      assert.equal({ ...event, bytes: 0 }, { ...wanted, bytes: 0 }, `event ${at}`);
    } else assert.equal(event, wanted, `event ${at}`);
  });
}

const writing = suite('events to packets');

writing('a connection on the wire, byte by byte', () => {
  const packets = packetsOf(
    OPEN,
    { kind: 'data', flow: 0, dir: 'in', bytes: ascii('GET') },
    { kind: 'data', flow: 0, dir: 'out', bytes: ascii('OK') },
    { kind: 'acknowledged', flow: 0, bytes: 2 },
    { kind: 'fin', flow: 0, dir: 'in' },
    { kind: 'fin', flow: 0, dir: 'out' },
  );
  assert.equal(
    packets.map(({ dir }) => dir),
    ['in', 'out', 'in', 'in', 'out', 'in', 'in', 'out'],
  );
  // The checksums are from a separate program after RFC 1071's definition.
  equalBytes(
    packets[0]!.data,
    hex(`4500 0030 0000 4000 4006 26c6 0a000001 0a000002
         c000 01bb 00000000 00000000 7002 ffff b407 0000 0204 ffff 0103 030e`),
    'SYN',
  );
  const words = (at: number): string => toHex(packets[at]!.data.subarray(24, 34));
  assert.is(words(1), '80000000000000017012', 'SYN-ACK');
  assert.is(words(2), '00000001800000015010', 'ACK');
  assert.is(words(3), '00000001800000015018', 'GET');
  assert.is(words(4), '80000001000000045018', 'OK');
  assert.is(words(5), '00000004800000035010', 'ACK of OK');
  assert.is(words(6), '00000004800000035011', 'FIN in');
  assert.is(words(7), '80000003000000055011', 'FIN out');
});

writing('checksums of every packet are right, for both IP versions and odd lengths', () => {
  for (const [peer, local] of [
    ['192.0.2.1', '198.51.100.7'],
    ['2001:db8::1', 'fd00::2'],
  ]) {
    const packets = packetsOf(
      { kind: 'open', flow: 0, peer: { address: peer!, port: 1 }, local: { address: local!, port: 2 } },
      { kind: 'data', flow: 0, dir: 'in', bytes: testRandom(1).bytes(40_001) },
      { kind: 'data', flow: 0, dir: 'out', bytes: new Uint8Array([0xff]) },
      { kind: 'reset', flow: 0, dir: 'out' },
    );
    for (const { data } of packets) {
      const isV4 = data[0]! >>> 4 === 4;
      const tcpAt = isV4 ? 20 : 40;
      if (isV4) assert.is(onesComplement(data.subarray(0, 20)), 0xffff, 'IP checksum');
      const pseudo = new Uint8Array([
        ...data.subarray(isV4 ? 12 : 8, tcpAt),
        0,
        6,
        (data.length - tcpAt) >> 8,
        data.length - tcpAt,
      ]);
      const whole = new Uint8Array(pseudo.length + data.length - tcpAt);
      whole.set(pseudo);
      whole.set(data.subarray(tcpAt), pseudo.length);
      assert.is(onesComplement(whole), 0xffff, 'TCP checksum');
      const length = (data[isV4 ? 2 : 4]! << 8) | data[isV4 ? 3 : 5]!;
      assert.is(length, isV4 ? data.length : data.length - 40);
    }
  }
});

/** RFC 1071: the sum of a packet with its checksum in place is all ones. Independent of the code under test. */
function onesComplement(bytes: Uint8Array): number {
  let total = 0;
  for (let at = 0; at < bytes.length; at++) {
    total += at % 2 === 0 ? bytes[at]! * 256 : bytes[at]!;
    if (total > 0xffff) total -= 0xffff;
  }
  return total;
}

writing('data over 32 kB takes several packets, of which the last bears PSH', () => {
  const bytes = testRandom(2).bytes(2 * synthesisLimits.packetBytes + 1);
  const packets = packetsOf(OPEN, { kind: 'data', flow: 0, dir: 'out', bytes }).slice(3);
  assert.equal(
    packets.map(({ data }) => data.length - 40),
    [32768, 32768, 1],
  );
  assert.equal(
    packets.map(({ data }) => data[33]),
    [0x10, 0x10, 0x18],
  );
});

writing('no bytes are no packet', () => {
  assert.is(packetsOf(OPEN, { kind: 'data', flow: 0, dir: 'in', bytes: new Uint8Array(0) }).length, 3);
});

writing('the same events give the same bytes', () => {
  const events = randomSession(testRandom(3), 200);
  const first = packetsOf(...events);
  const second = packetsOf(...events);
  assert.is(first.length, second.length);
  for (const [at, packet] of first.entries()) equalBytes(packet.data, second[at]!.data);
});

writing('events that no socket has are refused', () => {
  const refused = (pattern: RegExp, ...events: SocketEvent[]): void => {
    assert.throws(
      () => packetsOf(...events),
      (error: unknown) => error instanceof RangeError && pattern.test(error.message),
      String(pattern),
    );
  };
  const data = (dir: 'in' | 'out', length = 3): SocketEvent => ({
    kind: 'data',
    flow: 0,
    dir,
    bytes: new Uint8Array(length),
  });
  refused(/flow 0 is not open/, data('in'));
  refused(/flow 0 is open already/, OPEN, OPEN);
  refused(/flow -1/, { ...OPEN, flow: -1 });
  refused(/flow 1.5/, { ...OPEN, flow: 1.5 });
  refused(/nonsense is no IP address/, { ...OPEN, peer: { address: 'nonsense', port: 1 } });
  refused(/one address is IPv4/, { ...OPEN, peer: { address: '::1', port: 1 } });
  refused(/nothing follows a FIN/, OPEN, { kind: 'fin', flow: 0, dir: 'in' }, data('in'));
  refused(/nothing follows a FIN/, OPEN, { kind: 'fin', flow: 0, dir: 'out' }, { kind: 'fin', flow: 0, dir: 'out' });
  refused(/4 bytes acknowledged of 3/, OPEN, data('out'), { kind: 'acknowledged', flow: 0, bytes: 4 });
  refused(/0 bytes acknowledged/, OPEN, data('out'), { kind: 'acknowledged', flow: 0, bytes: 0 });
  refused(
    /1 bytes acknowledged of 0/,
    OPEN,
    { kind: 'fin', flow: 0, dir: 'out' },
    { kind: 'acknowledged', flow: 0, bytes: 1 },
  );
  refused(/flow 0 is not open/, OPEN, { kind: 'reset', flow: 0, dir: 'in' }, data('in'));
  refused(/bytes in one event/, OPEN, data('in', synthesisLimits.eventBytes + 1));
});

const reading = suite('packets to events');

reading('events come back as they were, one for one', () => {
  const events: SocketEvent[] = [
    OPEN,
    { kind: 'data', flow: 0, dir: 'in', bytes: testRandom(4).bytes(100_000) },
    { kind: 'data', flow: 0, dir: 'out', bytes: testRandom(5).bytes(65_536) },
    { kind: 'open', flow: 1, peer: { address: '::1', port: 50000 }, local: { address: '::1', port: 443 } },
    { kind: 'acknowledged', flow: 0, bytes: 65_000 },
    { kind: 'data', flow: 1, dir: 'in', bytes: ascii('x') },
    { kind: 'fin', flow: 0, dir: 'out' },
    { kind: 'acknowledged', flow: 0, bytes: 536 },
    { kind: 'reset', flow: 1, dir: 'in' },
    { kind: 'fin', flow: 0, dir: 'in' },
  ];
  assertSameEvents(eventsOf(packetsOf(...events)), events);
});

reading('random sessions of many flows come back', () => {
  for (let seed = 1; seed <= 30; seed++) {
    const events = randomSession(testRandom(seed), 150);
    assertSameEvents(eventsOf(packetsOf(...events)), events);
  }
});

reading('an IPv4-mapped peer comes back as IPv4', () => {
  const mapped = { address: '::ffff:127.0.0.1', port: 40000 };
  const [event] = eventsOf(
    packetsOf({ kind: 'open', flow: 0, peer: mapped, local: { address: '::ffff:127.0.0.1', port: 443 } }),
  );
  assert.equal(event, {
    kind: 'open',
    flow: 0,
    peer: { address: '127.0.0.1', port: 40000 },
    local: { address: '127.0.0.1', port: 443 },
  });
});

reading('the same ports again, before the former connection ended, are another flow', () => {
  const events: SocketEvent[] = [
    OPEN,
    { ...OPEN, flow: 1 },
    { kind: 'data', flow: 1, dir: 'in', bytes: ascii('new') },
    { kind: 'data', flow: 0, dir: 'in', bytes: ascii('old') },
    { kind: 'fin', flow: 0, dir: 'in' },
  ];
  assertSameEvents(eventsOf(packetsOf(...events)), events);
});

reading('sequence numbers wrap', () => {
  // The peer's first sequence number is the flow's number, ours is half the space away: this one wraps at once.
  const flow = 0x7fff_ffff;
  const events: SocketEvent[] = [
    { ...OPEN, flow },
    { kind: 'data', flow, dir: 'out', bytes: ascii('wrapped') },
    { kind: 'acknowledged', flow, bytes: 7 },
    { kind: 'fin', flow, dir: 'out' },
    { kind: 'fin', flow, dir: 'in' },
  ];
  const packets = packetsOf(...events);
  assert.is(toHex(packets[1]!.data.subarray(24, 28)), 'ffffffff');
  assert.is(toHex(packets[3]!.data.subarray(24, 28)), '00000000');
  assertSameEvents(eventsOf(packets), events);
});

reading('an event of the largest size comes back, one without end does not', () => {
  const bytes = new Uint8Array(synthesisLimits.eventBytes).fill(7);
  const packets = packetsOf(
    OPEN,
    { kind: 'data', flow: 0, dir: 'in', bytes },
    { kind: 'data', flow: 0, dir: 'in', bytes },
  );
  const perEvent = synthesisLimits.eventBytes / synthesisLimits.packetBytes;
  const events = eventsOf(packets.slice(0, 3 + perEvent));
  assert.is((events[1] as { bytes: Uint8Array }).bytes.length, bytes.length);
  // Without its PSH the first event runs on into the second.
  packets[2 + perEvent]!.data[33]! &= ~0x08;
  assert.throws(() => eventsOf(packets), /more than 16777216 bytes without PSH/);
});

reading('missing, doubled and exchanged packets are named', () => {
  const packets = packetsOf(
    OPEN,
    { kind: 'data', flow: 0, dir: 'in', bytes: ascii('one') },
    { kind: 'data', flow: 0, dir: 'out', bytes: ascii('two') },
    { kind: 'acknowledged', flow: 0, bytes: 1 },
    { kind: 'acknowledged', flow: 0, bytes: 2 },
    { kind: 'data', flow: 0, dir: 'in', bytes: ascii('three') },
    { kind: 'fin', flow: 0, dir: 'in' },
  );
  const fails = (pattern: RegExp, order: number[]): void => {
    assert.throws(
      () => eventsOf(order.map((at) => packets[at]!)),
      (error: unknown) => error instanceof ParseError && error.layer === 'tcp' && pattern.test(error.message),
      String(pattern),
    );
  };
  fails(/flow that was not opened/, [3]);
  fails(/seq: 4 where 1 is next/, [0, 1, 2, 5]);
  fails(/seq: 1 where 4 is next/, [0, 1, 2, 3, 3]);
  fails(/ack: .* is more than was sent/, [0, 1, 2, 3, 5]);
  fails(/ack: 2147483652 where 2147483650 is known/, [0, 1, 2, 3, 4, 5, 7]);
  fails(/ack: .* where 1 is known/, [0, 1, 2, 4]);
  fails(/seq: 4 where 9 is next/, [0, 1, 2, 3, 4, 5, 6, 7, 7]);
  assert.throws(() => new SocketEventReader().read('out', packets[0]!.data), /a connection opened by us/);
});

reading('packets of others raise ParseError, and so does every truncation', () => {
  const reader = new SocketEventReader();
  const raises = (data: Uint8Array, message: string): void => {
    assert.throws(
      () => reader.read('in', data),
      (error: unknown) => error instanceof ParseError,
      message,
    );
  };
  for (const address of ['10.0.0.1', 'fd00::1']) {
    const peer = { address, port: 1 };
    const [syn] = packetsOf({ kind: 'open', flow: 0, peer, local: peer });
    for (let length = 0; length < syn!.data.length; length++) raises(syn!.data.subarray(0, length), `cut at ${length}`);
  }
  raises(hex('4500001c 00000000 40010000 0a000001 0a000002 0800f7ff 00000000'), 'a ping');
  raises(hex('4600001c 00000000 40010000 0a000001 0a000002 00000000'), 'IP options');
  const random = testRandom(6);
  for (let round = 0; round < 2000; round++) {
    const { data } = packetsOf(OPEN)[0]!;
    data[random.below(data.length)] = random.u32();
    try {
      reader.read('in', data);
    } catch (error) {
      assert.instance(error, ParseError);
    }
  }
});

reading('flows that are open at once are bounded', () => {
  const synthesis = new PacketSynthesis();
  const reader = new SocketEventReader();
  for (let flow = 0; flow <= synthesisLimits.flows; flow++) {
    const [syn] = synthesis.packets({ ...OPEN, flow, peer: { address: '10.0.0.1', port: flow & 0xffff } });
    reader.read('in', syn!.data);
  }
  const write = (flow: number): SynthesisedPacket[] =>
    synthesis.packets({ kind: 'data', flow, dir: 'in', bytes: ascii('x') });
  assert.throws(() => write(0), /flow 0 is not open/);
  const [packet] = write(1);
  assert.is(text((reader.read('in', packet!.data) as { bytes: Uint8Array }).bytes), 'x');
});

reading('a flow that ended leaves nothing behind', () => {
  const synthesis = new PacketSynthesis();
  const end: SocketEvent[] = [OPEN, { kind: 'fin', flow: 0, dir: 'in' }, { kind: 'fin', flow: 0, dir: 'out' }];
  const packets = end.flatMap((event) => synthesis.packets(event));
  assert.throws(() => synthesis.packets({ kind: 'reset', flow: 0, dir: 'in' }), /flow 0 is not open/);
  const reader = new SocketEventReader();
  for (const { dir, data } of packets) reader.read(dir, data);
  assert.throws(() => reader.read('in', packets[3]!.data), /flow that was not opened/);
});

/** Events in an order that sockets could give. */
function randomSession(random: ReturnType<typeof testRandom>, length: number): SocketEvent[] {
  const events: SocketEvent[] = [];
  const open: { flow: number; unacknowledged: number; inFin: boolean; outFin: boolean }[] = [];
  let flows = 0;
  while (events.length < length) {
    const at = random.below(open.length + 1);
    const it = open[at];
    if (it === undefined) {
      if (open.length > 5) continue;
      const v6 = random.below(2) === 0;
      const address = v6 ? 'fd00::1' : '127.0.0.1';
      const flow = flows++;
      events.push({
        kind: 'open',
        flow,
        peer: { address, port: 40_000 + random.below(3) },
        local: { address, port: 443 },
      });
      open.push({ flow, unacknowledged: 0, inFin: false, outFin: false });
      continue;
    }
    const { flow } = it;
    const choice = random.below(12);
    if (choice < 4 && !it.inFin)
      events.push({ kind: 'data', flow, dir: 'in', bytes: random.bytes(1 + random.below(300)) });
    else if (choice < 8 && !it.outFin) {
      const bytes = random.bytes(1 + random.below(300));
      events.push({ kind: 'data', flow, dir: 'out', bytes });
      it.unacknowledged += bytes.length;
    } else if (choice < 10 && it.unacknowledged > 0) {
      const bytes = 1 + random.below(it.unacknowledged);
      events.push({ kind: 'acknowledged', flow, bytes });
      it.unacknowledged -= bytes;
    } else if (choice === 10) {
      const dir = random.below(2) === 0 ? 'in' : 'out';
      if (dir === 'in' ? it.inFin : it.outFin) continue;
      events.push({ kind: 'fin', flow, dir });
      if (dir === 'in') it.inFin = true;
      else it.outFin = true;
    } else if (choice === 11 && random.below(4) === 0) {
      events.push({ kind: 'reset', flow, dir: random.below(2) === 0 ? 'in' : 'out' });
      open.splice(at, 1);
      continue;
    }
    if (it.inFin && it.outFin && it.unacknowledged === 0) open.splice(at, 1);
  }
  return events;
}

writing.run();
reading.run();
