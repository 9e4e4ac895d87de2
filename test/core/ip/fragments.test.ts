// IPv4 through the stack: fragments in and out, options, errors that we send, and how many.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from '../../../src/core/limits.js';
import { createStack } from '../../../src/core/stack.js';
import type { TraceEvent } from '../../../src/core/trace.js';
import { concat, equalBytes, hex, testRandom } from '../../support/bytes.js';
import { ipFrame, parseTcpFrame, SYN, slowChecksum, tcpFrame, udpFrame } from '../../support/frames.js';
import { hashRandomSource } from '../../support/random.js';
import { StubSession } from '../../support/stub-session.js';

const CLIENT = '10.0.0.1';
const SERVER = '10.0.0.2';
const MORE = 0x2000;

const test = suite('ipv4');

function bench(mtu = 1500) {
  const events: TraceEvent[] = [];
  const stack = createStack(
    { localAddress: SERVER, mtu, services: new Map([[80, () => new StubSession()]]) },
    { random: hashRandomSource(), trace: (_atUs, event) => events.push(event) },
  );
  const drain = (): { atUs: number; frame: Uint8Array }[] => {
    const out = [];
    for (let next = stack.poll(); next; next = stack.poll()) out.push({ atUs: next.atUs, frame: next.frame.slice() });
    return out;
  };
  return {
    stack,
    drain,
    give(frame: Uint8Array, atUs = 0): Uint8Array[] {
      stack.receive(atUs, frame);
      return drain().map(({ frame: sent }) => sent);
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

/** `payload` in fragments of `size` bytes each. */
function cut(protocol: number, payload: Uint8Array, size: number, id: number, source = CLIENT): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let at = 0; at < payload.length; at += size) {
    const part = payload.subarray(at, at + size);
    const flags = (at + size < payload.length ? MORE : 0) | (at / 8);
    frames.push(withId(ipFrame(source, SERVER, protocol, part, { flagsAndOffset: flags }), id));
  }
  return frames;
}

function withId(frame: Uint8Array, id: number): Uint8Array {
  frame[4] = id >>> 8;
  frame[5] = id & 0xff;
  frame[10] = 0;
  frame[11] = 0;
  const checksum = slowChecksum(frame.subarray(0, (frame[0]! & 15) * 4));
  frame[10] = checksum >>> 8;
  frame[11] = checksum & 0xff;
  return frame;
}

test('a large echo in fragments is answered in fragments, each with its place and the same new identification', () => {
  const body = concat(hex('00010002'), testRandom(1).bytes(8000));
  for (const reversed of [false, true]) {
    const { give } = bench();
    const frames = cut(1, icmp(8, body), 1480, 77);
    if (reversed) frames.reverse();
    for (const frame of frames.slice(0, -1)) assert.is(give(frame).length, 0);
    const out = give(frames.at(-1)!);
    assert.is(out.length, 6);
    const reply = concat(...out.map((frame) => frame.subarray(20)));
    equalBytes(reply, icmp(0, body));
    const ids = new Set<number>();
    out.forEach((frame, i) => {
      const view = new DataView(frame.buffer);
      assert.is(slowChecksum(frame.subarray(0, 20)), 0);
      assert.is(view.getUint16(2), frame.length);
      assert.is(view.getUint16(6), (i < 5 ? MORE : 0) | (i * 185), 'no DF, MF but for the last, the offset');
      ids.add(view.getUint16(4));
    });
    assert.is(ids.size, 1);
    const again = frames.flatMap((frame) => give(frame));
    assert.is(again.length, 6);
    const next = (new DataView(again[0]!.buffer).getUint16(4) - [...ids][0]!) & 0xffff;
    assert.is(next, 1, 'the next datagram has the next identification');
  }
});

test('the largest datagram of all is answered, at the smallest MTU', () => {
  const { give } = bench(576);
  const message = icmp(8, testRandom(2).bytes(65_535 - 20 - 4));
  const out = cut(1, message, 1480, 5).flatMap((frame) => give(frame));
  assert.is(out.length, Math.ceil(message.length / 552));
  assert.ok(out.every((frame) => frame.length <= 576));
  equalBytes(concat(...out.map((frame) => frame.subarray(20))), icmp(0, message.subarray(4)));
});

test('a SYN in fragments opens a connection', () => {
  const { give } = bench();
  const syn = tcpFrame({
    ...{ source: CLIENT, destination: SERVER, sourcePort: 5000, destinationPort: 80 },
    ...{ seq: 1, ack: 0, flags: SYN, window: 1000, mss: 1460 },
  });
  const out = cut(6, syn.subarray(20), 16, 9).flatMap((frame) => give(frame));
  assert.is(parseTcpFrame(out[0]!).flags, 0x12);
});

test('UDP in fragments is refused with the beginning of the whole datagram', () => {
  const { give } = bench();
  const udp = udpFrame(CLIENT, SERVER, 53, new Uint8Array(100));
  const [out] = cut(17, udp.subarray(20), 48, 9).flatMap((frame) => give(frame));
  equalBytes(out!.subarray(20, 22), hex('0303'));
  const quoted = out!.subarray(28);
  assert.is(quoted.length, 28);
  assert.is(slowChecksum(quoted.subarray(0, 20)), 0);
  assert.is(new DataView(quoted.buffer, quoted.byteOffset).getUint16(2), udp.length, 'length of the whole');
  equalBytes(quoted.subarray(20), udp.subarray(20, 28));
});

test('RFC 1122 §3.3.2: time exceeded at 30 s exactly, with the first fragment, or in silence without it', () => {
  const b = bench();
  const [first, second] = cut(17, testRandom(4).bytes(80), 40, 9);
  b.give(first!, 1_000_000);
  assert.is(b.stack.nextDeadlineUs(), 31_000_000);
  b.give(withId(second!, 10), 2_000_000);
  b.stack.advance(100_000_000);
  const out = b.drain();
  assert.is(out.length, 1);
  assert.is(out[0]!.atUs, 31_000_000);
  equalBytes(out[0]!.frame.subarray(20, 22), hex('0b01'));
  equalBytes(out[0]!.frame.subarray(28), first!.subarray(0, 28));
  assert.is(slowChecksum(out[0]!.frame.subarray(20)), 0);
  assert.is(b.stack.nextDeadlineUs(), undefined);
  const late = b.reasons().filter((reason) => reason.includes('fragments are missing'));
  assert.is(late.length, 2);
});

const HOSTILE: readonly (readonly [rule: string, frame: Uint8Array, reason: string])[] = [
  ['an empty fragment', ipFrame(CLIENT, SERVER, 17, hex(''), { flagsAndOffset: MORE }), 'an empty fragment'],
  [
    'a fragment of 12 bytes that is not the last',
    ipFrame(CLIENT, SERVER, 17, new Uint8Array(12), { flagsAndOffset: MORE }),
    'no multiple of 8',
  ],
  [
    'the ping of death',
    ipFrame(CLIENT, SERVER, 1, new Uint8Array(64), { flagsAndOffset: 8189 }),
    'exceeds 65,535 bytes',
  ],
  [
    'RFC 1858 §3.2.1: a tiny first fragment of TCP',
    ipFrame(CLIENT, SERVER, 6, new Uint8Array(8), { flagsAndOffset: MORE }),
    'too short for TCP',
  ],
  [
    'RFC 1858 §3.2.2, RFC 3128: a fragment of TCP at offset 8',
    ipFrame(CLIENT, SERVER, 6, new Uint8Array(16), { flagsAndOffset: 1 }),
    'of TCP at offset 8',
  ],
];

for (const [rule, frame, reason] of HOSTILE) {
  test(`${rule}: dropped, not held, not answered`, () => {
    const { give, reasons, stack } = bench();
    assert.is(give(frame).length, 0);
    assert.match(reasons()[0]!, reason);
    assert.is(stack.nextDeadlineUs(), undefined);
  });
}

test('a first fragment whose options make the whole too large is found out', () => {
  const { give, reasons } = bench();
  const options = new Uint8Array(40).fill(1);
  give(withId(ipFrame(CLIENT, SERVER, 17, new Uint8Array(65_507 - 8), { flagsAndOffset: 1 }), 3));
  assert.is(reasons().length, 0, 'behind a header of 20 bytes it fits');
  give(withId(ipFrame(CLIENT, SERVER, 17, new Uint8Array(8), { flagsAndOffset: MORE, options }), 3));
  assert.match(reasons().at(-1)!, 'exceeds 65,535 bytes');
});

// ---- options ----

test('record route, timestamp, router alert and unknown options are passed over', () => {
  for (const options of ['0707 04 00000000 00', '4408 05 00 00000000', '94040000', '5e 04 0000', '01010100']) {
    const { give } = bench();
    const echo = ipFrame(CLIENT, SERVER, 1, icmp(8, hex('12340001')), { options: hex(options) });
    const out = give(echo);
    assert.is(out.length, 1, options);
    assert.is(out[0]!.length, 28, 'the answer has none');
  }
});

test('RFC 7126: source routes are refused in silence', () => {
  for (const options of ['8307 04 0a000003 00', '8907 04 0a000003 00', '8303 04 00']) {
    const { give, reasons } = bench();
    assert.is(give(ipFrame(CLIENT, SERVER, 1, icmp(8, hex('12340001')), { options: hex(options) })).length, 0);
    assert.equal(reasons(), ['source routes are refused']);
  }
});

test('RFC 1122 §3.2.2.5: a malformed option is told with a pointer to it', () => {
  for (const [options, pointer] of [
    ['07 01 0000', 21],
    ['07 05 0400', 21],
    ['07 03 03 00', 22],
    ['44 04 04 00', 22],
    ['010101 07', 24],
  ] as const) {
    const { give } = bench();
    const [out] = give(ipFrame(CLIENT, SERVER, 1, icmp(8, hex('12340001')), { options: hex(options) }));
    if (pointer === 24) {
      // The length itself is missing: the pointer is where it would stand.
      assert.is(out![24], 24, options);
      continue;
    }
    equalBytes(out!.subarray(20, 22), hex('0c00'), options);
    assert.is(out![24], pointer, options);
    assert.is(slowChecksum(out!.subarray(20)), 0);
  }
});

// ---- errors ----

test('RFC 1122 §3.2.2: no error about an error, nor about a later fragment', () => {
  const { give } = bench();
  const bad = hex('07 01 0000');
  for (const type of [3, 4, 5, 11, 12]) {
    assert.is(give(ipFrame(CLIENT, SERVER, 1, icmp(type, new Uint8Array(8)), { options: bad })).length, 0);
  }
  assert.is(give(ipFrame(CLIENT, SERVER, 1, hex(''), { options: bad })).length, 0);
  assert.is(give(ipFrame(CLIENT, SERVER, 17, hex('0102'), { options: bad, flagsAndOffset: 10 })).length, 0);
  assert.is(give(ipFrame(CLIENT, SERVER, 17, hex('0102'), { options: bad })).length, 1);
});

test('RFC 1122 §3.2.1.7: a packet that has arrived is taken, whatever its TTL', () => {
  for (const ttl of [0, 1, 255]) {
    const { give } = bench();
    const [out] = give(ipFrame(CLIENT, SERVER, 1, icmp(8, hex('12340001')), { ttl }));
    assert.is(out![8], 64);
  }
});

test('RFC 1812 §4.3.2.8: errors leave at a limited rate, echo replies do not', () => {
  const b = bench();
  const udp = udpFrame(CLIENT, SERVER, 53, hex('01'));
  let sent = 0;
  for (let i = 0; i < 200; i++) sent += b.give(udp, 0).length;
  assert.is(sent, limits.ip.icmpErrorBurst);
  assert.is(b.reasons().filter((reason) => reason.includes('too many errors')).length, 200 - sent);
  // One for each millisecond.
  sent = 0;
  for (let atUs = 0; atUs < 100_000; atUs += 250) sent += b.give(udp, atUs).length;
  assert.is(sent, 99);
  sent = 0;
  for (let i = 0; i < 500; i++) sent += b.give(udp, 10_000_000).length;
  assert.is(sent, limits.ip.icmpErrorBurst);
  assert.is(b.give(ipFrame(CLIENT, SERVER, 1, icmp(8, hex('12340001'))), 10_000_000).length, 1);
});

// ---- bounds ----

test('a flood of fragments from anywhere stays within its bounds, and a whole echo comes through it', () => {
  const b = bench();
  const random = testRandom(9);
  const echo = icmp(8, concat(hex('00010002'), new Uint8Array(3000)));
  let answered = 0;
  for (let i = 0; i < 5000; i++) {
    const source = `10.1.${random.below(256)}.${random.below(256)}`;
    const flags = random.below(2) === 0 ? MORE : 1 + random.below(1000);
    b.give(withId(ipFrame(source, SERVER, 17, new Uint8Array(16), { flagsAndOffset: flags }), random.below(65_536)), i);
    if (i % 1000 === 500) answered += cut(1, echo, 1480, i).flatMap((frame) => b.give(frame, i)).length;
  }
  assert.is(answered, 5 * 3);
  const given = b.reasons().filter((reason) => reason.includes('the oldest datagram is given up')).length;
  assert.ok(given > 3000 && given < 5000, `${given}`);
});

test('identifications of many destinations are bounded', () => {
  const b = bench(576);
  const echo = icmp(8, new Uint8Array(600));
  const first = new Map<string, number>();
  for (let i = 0; i < limits.ip.fragmentCounters + 10; i++) {
    const source = `10.2.${i >> 8}.${i & 255}`;
    const out = b.give(ipFrame(source, SERVER, 1, echo), i * 1000);
    assert.is(out.length, 2);
    first.set(source, new DataView(out[0]!.buffer).getUint16(4));
  }
  // The first is forgotten and begins anew, later in logical time.
  const [again] = b.give(ipFrame('10.2.0.0', SERVER, 1, echo), 5_000_000);
  assert.is((new DataView(again!.buffer).getUint16(4) - first.get('10.2.0.0')!) & 0xffff, 5000);
});

test.run();
