// One direction's bytes in order, against a model that remembers the first copy of each byte; and the bounds of what waits.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { inspectLimits } from '../../../src/bench/inspect/limits.js';
import { type Held, TcpHalf } from '../../../src/bench/inspect/tcp-half.js';
import { testRandom } from '../../support/bytes.js';

const test = suite('the bytes of one direction');

/** Numbers wrap soon. */
const FIRST = 0xffff_fff0;

function halfAt(seq: number, held: Held = { bytes: 0, pieces: 0 }): TcpHalf {
  const half = new TcpHalf(held);
  half.begin(seq);
  return half;
}

function give(half: TcpHalf, at: number, bytes: Uint8Array): number[] {
  const out: number[] = [];
  const start = 7;
  const packet = new Uint8Array(start + bytes.length + 3);
  packet.set(bytes, start);
  let ready = half.accept((FIRST + at) >>> 0, packet, start, start + bytes.length);
  for (; ready !== undefined; ready = half.next()) out.push(...ready);
  return out;
}

test('however segments overlap, each byte comes once, in order, and is the first that was seen', () => {
  const dice = testRandom(7);
  for (let round = 0; round < 400; round++) {
    const held: Held = { bytes: 0, pieces: 0 };
    const half = halfAt(FIRST, held);
    const first = new Map<number, number>();
    const got: number[] = [];
    for (let segment = 0; segment < 40; segment++) {
      const at = Math.max(0, dice.below(60) - 5);
      const bytes = dice.bytes(1 + dice.below(12));
      for (const [index, byte] of bytes.entries()) if (!first.has(at + index)) first.set(at + index, byte);
      got.push(...give(half, at, bytes));
      const wanted: number[] = [];
      while (first.has(wanted.length)) wanted.push(first.get(wanted.length)!);
      assert.equal(got, wanted, `round ${round}`);
      assert.is(half.delivered, wanted.length);
      assert.is(half.heldBytes, first.size - wanted.length, 'no byte is held twice');
      assert.is(held.bytes, half.heldBytes);
      assert.is(half.hasHole, first.size > wanted.length);
    }
    half.drop();
    assert.is(held.bytes, 0);
  }
});

test('a hole is passed over up to what waits behind it', () => {
  const half = halfAt(FIRST);
  assert.is(half.skipHole(), 0);
  give(half, 30, Uint8Array.of(1, 2));
  assert.not.ok(half.holeAcknowledged((FIRST + 29) >>> 0));
  assert.ok(half.holeAcknowledged((FIRST + 30) >>> 0));
  assert.not.ok(half.hasReached((FIRST + 32) >>> 0));
  assert.is(half.skipHole(), 30);
  assert.equal([...half.next()!], [1, 2]);
  assert.ok(half.hasReached((FIRST + 32) >>> 0));
  assert.not.ok(half.hasReached((FIRST + 33) >>> 0));
});

test('a stream that nothing is known of begins with its first segment', () => {
  const half = new TcpHalf({ bytes: 0, pieces: 0 });
  assert.not.ok(half.begun);
  assert.ok(half.hasReached(5));
  assert.equal(give(half, 1000, Uint8Array.of(1)), [1]);
  assert.ok(half.begun);
  assert.equal(give(half, 990, Uint8Array.of(1, 2)), []);
});

test('what waits is bounded in pieces, in bytes, and over all connections', () => {
  const pieces = halfAt(FIRST);
  for (let at = 0; at < inspectLimits.outOfOrderPieces; at++) give(pieces, 2 + 2 * at, Uint8Array.of(1));
  assert.not.ok(pieces.overfull);
  give(pieces, 2 + 2 * inspectLimits.outOfOrderPieces, Uint8Array.of(1));
  assert.ok(pieces.overfull);

  const size = 1 << 16;
  const held: Held = { bytes: 0, pieces: 0 };
  const halves: TcpHalf[] = [];
  while (held.bytes + inspectLimits.outOfOrderBytes < inspectLimits.outOfOrderBytesInAll) {
    const half = halfAt(FIRST, held);
    for (let at = 0; at < inspectLimits.outOfOrderBytes; at += size) give(half, 1 + at, new Uint8Array(size));
    assert.not.ok(half.overfull);
    halves.push(half);
  }
  give(halves[0]!, 1 + inspectLimits.outOfOrderBytes, Uint8Array.of(1));
  assert.not.ok(halves[1]!.overfull);
  const last = halfAt(FIRST, held);
  for (let at = 0; at < inspectLimits.outOfOrderBytes; at += size) give(last, 1 + at, new Uint8Array(size));
  assert.ok(halves[0]!.overfull && halves[1]!.overfull, 'too much in all');
  halves[1]!.drop();
  assert.ok(halves[0]!.overfull, 'too much here');
  assert.not.ok(halves[2]!.overfull);
});

test('pieces of one byte each count for what they take', () => {
  const held: Held = { bytes: 0, pieces: 0 };
  const half = halfAt(FIRST, held);
  give(half, 2, Uint8Array.of(1));
  let halves = 0;
  for (; !half.overfull; halves++) {
    const other = halfAt(FIRST, held);
    for (let at = 0; at < inspectLimits.outOfOrderPieces; at++) give(other, 2 + 2 * at, Uint8Array.of(1));
  }
  assert.ok(halves < 100, `${halves}`);
});

test.run();
