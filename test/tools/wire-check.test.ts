// The judges of the fuzzer are judged: each invariant of wire-check.ts and of the peer is broken on purpose, once.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ACK, Options, SYN, writeFrame } from '../support/peer/codec.js';
import { HONEST, PLAIN_PEER } from '../support/peer/options.js';
import { Peer } from '../support/peer/peer.js';
import { Ranges } from '../support/peer/ranges.js';
import { WireCheck } from '../support/wire-check.js';

const test = suite('judges of the fuzzer');

const PEER = 0x0a00_0001;
const CORE = 0x0a00_0002;

interface Part {
  readonly seq: number;
  readonly ack: number;
  readonly flags?: number;
  readonly window?: number;
  readonly length?: number;
  /** Where the text stands in the pattern, when it is not where `seq` has it. */
  readonly index?: number;
  readonly options?: (options: Options) => void;
}

function frame(fromCore: boolean, part: Part): Uint8Array {
  const options = new Options();
  part.options?.(options);
  return writeFrame(
    {
      source: fromCore ? CORE : PEER,
      destination: fromCore ? PEER : CORE,
      sourcePort: fromCore ? 80 : 50_000,
      destinationPort: fromCore ? 50_000 : 80,
      seq: part.seq >>> 0,
      ack: part.ack >>> 0,
      flags: part.flags ?? ACK,
      window: part.window ?? 10_000,
      payloadIndex: part.index ?? Math.max(0, part.seq - 1_001),
      payloadLength: part.length ?? 0,
    },
    options,
  );
}

/** A check behind the handshake: the peer's numbers begin at 101, the core's at 1001, windows are 10,000. */
function opened(): WireCheck {
  const check = new WireCheck(100_000);
  check.in(0, frame(false, { seq: 100, ack: 0, flags: SYN }));
  check.out(0, frame(true, { seq: 1_000, ack: 101, flags: SYN | ACK }));
  check.in(1_000, frame(false, { seq: 101, ack: 1_001 }));
  return check;
}

test('text beyond the window, but not a probe of one octet', () => {
  const check = opened();
  check.out(1_000, frame(true, { seq: 1_001, ack: 101, length: 10_001 }));
  assert.throws(
    () => check.out(1_000, frame(true, { seq: 11_001, ack: 101, length: 2 })),
    /sent up to 10003, but the window ends at 10001/,
  );
});

test('a right edge that moves left', () => {
  const check = opened();
  check.out(1_000, frame(true, { seq: 1_001, ack: 101, window: 9_999 }));
  assert.throws(() => check.out(1_000, frame(true, { seq: 1_001, ack: 101, window: 9_000 })), /right edge moves/);
});

test('an acknowledgment that goes back', () => {
  const check = opened();
  check.in(2_000, frame(false, { seq: 101, ack: 1_001, length: 100 }));
  check.out(2_000, frame(true, { seq: 1_001, ack: 201 }));
  assert.throws(() => check.out(2_000, frame(true, { seq: 1_001, ack: 151 })), /goes back/);
});

test('text in order without an acknowledgment for more than half a second', () => {
  const late = opened();
  late.in(2_000, frame(false, { seq: 101, ack: 1_001, length: 100 }));
  assert.throws(() => late.out(600_000, frame(true, { seq: 1_001, ack: 201 })), /not acknowledged for 598000 us/);
  const never = opened();
  never.in(2_000, frame(false, { seq: 101, ack: 1_001, length: 100 }));
  assert.throws(() => never.end(600_000), /not acknowledged/);
});

test('silence beyond what a doubling timer allows', () => {
  const check = opened();
  const text = frame(true, { seq: 1_001, ack: 101, length: 100 });
  check.out(1_000, text);
  check.out(1_400_000, text);
  check.out(4_300_000, text);
  // 1 s and five round trips of 0.1 s, doubled twice, are 6 s.
  assert.throws(() => check.out(10_400_000, text), /silent for 6100000 us; 6000000 are allowed/);
});

test('a frame with a wrong checksum', () => {
  const damaged = frame(true, { seq: 1_001, ack: 101, length: 10 });
  damaged[45]! ^= 1;
  assert.throws(() => opened().out(1_000, damaged), /wrong TCP checksum/);
});

function connected(overrides: object = {}, synOptions: (options: Options) => void = () => {}): Peer {
  const peer = new Peer({ ...PLAIN_PEER, isn: 100, port: 50_000, upload: 1_000, ...overrides });
  peer.connect(0);
  peer.receive(1_000, frame(true, { seq: 1_000, ack: 101, flags: SYN | ACK, options: synOptions }));
  assert.is(peer.state, 'established');
  return peer;
}

test('the peer refuses what the server must not do', () => {
  const refuses = (peer: Peer, part: Part, message: RegExp): void => {
    assert.throws(() => peer.receive(2_000, frame(true, part)), message);
  };
  refuses(connected(), { seq: 1_001, ack: 101, length: 10, index: 7 }, /sent other bytes than it has at 0/);
  refuses(connected(), { seq: 1_001, ack: 50_000 }, /acknowledges 49900, but only 1001 were sent/);
  refuses(
    connected({ mss: 500 }),
    { seq: 1_001, ack: 101, length: 501 },
    /501 bytes of options and text to an MSS of 500/,
  );
  refuses(connected(), { seq: 1_001, ack: 101, options: (o) => o.sack([300, 400]) }, /without agreement/);
  const sackOk = (o: Options): void => o.sackPermitted();
  refuses(connected({}, sackOk), { seq: 1_001, ack: 101, options: (o) => o.sack([400, 300]) }, /SACK block/);
  refuses(connected({}, sackOk), { seq: 1_001, ack: 101, options: (o) => o.sack([300, 9_000]) }, /SACK block/);
  const timestamps = (o: Options): void => o.timestamps(5, 0);
  refuses(connected({}, timestamps), { seq: 1_001, ack: 101 }, /without timestamps/);
  refuses(
    connected({}, timestamps),
    { seq: 1_001, ack: 101, options: (o) => o.timestamps(6, 9_000_000) },
    /was not sent yet/,
  );
});

test('the peer refuses options that it did not offer', () => {
  for (const [off, options, message] of [
    [{ windowScale: -1 }, (o: Options) => o.windowScale(3), /window scale without an offer/],
    [{ sack: false }, (o: Options) => o.sackPermitted(), /SACK-permitted without an offer/],
    [{ timestamps: false }, (o: Options) => o.timestamps(1, 1), /timestamps without an offer/],
  ] as const) {
    assert.throws(() => connected(off, options), message);
  }
});

test('a vanished peer says nothing more, one that has reset says only that', () => {
  const gone = connected({ lies: { ...HONEST, vanishAtUs: 5_000 } });
  gone.outbox = [];
  gone.advance(5_000);
  gone.receive(6_000, frame(true, { seq: 1_001, ack: 101, length: 10 }));
  assert.is(gone.state, 'vanished');
  assert.is(gone.outbox.length, 0);
  const reset = connected({ lies: { ...HONEST, resetAtUs: 5_000 } });
  reset.outbox = [];
  reset.advance(5_000);
  reset.receive(6_000, frame(true, { seq: 1_001, ack: 101, length: 10 }));
  assert.is(reset.state, 'has-reset');
  assert.is(reset.outbox.length, 2);
});

test('ranges join, and tell what came twice', () => {
  const ranges = new Ranges();
  assert.not(ranges.add(10, 20));
  assert.not(ranges.add(30, 40));
  assert.ok(ranges.add(12, 18));
  assert.not(ranges.add(20, 30));
  assert.equal(
    ranges.list.map(({ start, end }) => [start, end]),
    [[10, 40]],
  );
  assert.is(ranges.bytes, 30);
  assert.is(ranges.firstMissing(15), 40);
  assert.is(ranges.nextStart(5, 99), 10);
  assert.is(ranges.nextStart(10, 99), 99);
  assert.is(ranges.advance(5), 5);
  assert.is(ranges.advance(10), 40);
  assert.is(ranges.list.length, 0);
});

test.run();
