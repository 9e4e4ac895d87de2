// Reassembly by itself: any order, duplicates, overlaps, ECN, time and every bound.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Address } from '../../../src/core/ip/address.js';
import { assemble, type Datagram, ecnOf, type Fragment, Reassembly } from '../../../src/core/ip/reassembly.js';
import { emptyFragment } from '../../../src/core/ip/shared.js';
import { limits } from '../../../src/core/limits.js';
import { concat, equalBytes, hex, testRandom } from '../../support/bytes.js';

const test = suite('reassembly');

const HEADER = hex('a0a1a2a3');

interface Part {
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly more: boolean;
  readonly ecn?: number;
  readonly id?: number;
  readonly source?: Address;
  readonly protocol?: number;
}

function fragment(part: Part): Fragment {
  const frame = concat(HEADER, part.bytes);
  return {
    ...emptyFragment(30_000_000),
    source: part.source ?? 0x0a000001,
    protocol: part.protocol ?? 17,
    id: part.id ?? 1,
    frame,
    start: 4,
    end: frame.length,
    offset: part.offset,
    more: part.more,
    ecn: part.ecn ?? 0,
    headerEnd: 4,
    quoteEnd: Math.min(frame.length, 12),
  };
}

function whole(result: Datagram | string | undefined): Uint8Array {
  assert.type(result, 'object', `not complete: ${String(result)}`);
  const target = new Uint8Array(70_000);
  return target.slice(0, assemble(result as Datagram, target));
}

const DATA = testRandom(3).bytes(100);

/** Four parts of DATA. */
const PARTS: readonly Part[] = [
  { offset: 0, bytes: DATA.subarray(0, 32), more: true },
  { offset: 32, bytes: DATA.subarray(32, 40), more: true },
  { offset: 40, bytes: DATA.subarray(40, 96), more: true },
  { offset: 96, bytes: DATA.subarray(96), more: false },
];

function orders<Item>(items: readonly Item[]): Item[][] {
  if (items.length < 2) return [[...items]];
  return items.flatMap((item, i) => orders(items.filter((_, j) => j !== i)).map((rest) => [item, ...rest]));
}

test('any order of arrival gives the datagram, behind the headers of its first fragment', () => {
  for (const order of orders(PARTS)) {
    const reassembly = new Reassembly();
    order.slice(0, -1).forEach((part, i) => {
      assert.is(reassembly.add(i, fragment(part)), undefined);
    });
    assert.is(reassembly.nextDeadlineUs(), 30_000_000, 'counted from the first to come');
    equalBytes(whole(reassembly.add(9, fragment(order.at(-1)!))), concat(HEADER, DATA));
    assert.equal([reassembly.bytes, reassembly.datagrams], [0, 0]);
    assert.is(reassembly.nextDeadlineUs(), Number.POSITIVE_INFINITY);
  }
});

test('the same fragment again changes nothing', () => {
  const reassembly = new Reassembly();
  for (const part of PARTS.slice(1)) {
    assert.is(reassembly.add(0, fragment(part)), undefined);
    assert.is(reassembly.add(0, fragment(part)), 'the same fragment again');
  }
  equalBytes(whole(reassembly.add(0, fragment(PARTS[0]!))), concat(HEADER, DATA));
});

test('datagrams of other sources, identifications and protocols are kept apart; IPv6 does not count the protocol', () => {
  const reassembly = new Reassembly();
  const first = { offset: 0, bytes: DATA.subarray(0, 8), more: true };
  const last = { offset: 8, bytes: DATA.subarray(8, 16), more: false };
  assert.is(reassembly.add(0, fragment(first)), undefined);
  assert.is(reassembly.add(0, fragment({ ...last, id: 2 })), undefined);
  assert.is(reassembly.add(0, fragment({ ...last, source: 0x0a000003 })), undefined);
  assert.is(reassembly.add(0, fragment({ ...last, protocol: 6 })), undefined);
  assert.is(reassembly.add(0, fragment({ ...first, source: 'fd00::1' })), undefined);
  equalBytes(
    whole(reassembly.add(0, fragment({ ...last, source: 'fd00::1', protocol: 6 }))),
    concat(HEADER, DATA.subarray(0, 16)),
  );
  assert.is(reassembly.datagrams, 4);
});

const OVERLAPS: readonly (readonly [what: string, parts: readonly Part[], reason: string])[] = [
  ['teardrop: a fragment within another', [PARTS[0]!, part(8, 16, true)], 'fragments overlap'],
  ['a fragment over the end of another', [PARTS[0]!, part(24, 40, true)], 'fragments overlap'],
  ['a fragment over the beginning of another', [PARTS[2]!, part(32, 48, true)], 'fragments overlap'],
  ['a fragment around another', [PARTS[1]!, part(0, 48, true)], 'fragments overlap'],
  ['other bytes at the same place', [PARTS[1]!, { ...PARTS[1]!, bytes: new Uint8Array(8) }], 'fragments overlap'],
  ['two ends', [PARTS[3]!, part(64, 72, false)], 'two last fragments'],
  ['more behind the end', [part(8, 16, false), part(16, 24, true)], 'a fragment lies beyond the last one'],
  ['an end before others', [PARTS[2]!, part(8, 16, false)], 'a fragment lies beyond the last one'],
];

function part(from: number, to: number, more: boolean): Part {
  return { offset: from, bytes: DATA.subarray(from, to), more };
}

for (const [what, parts, reason] of OVERLAPS) {
  test(`${what}: the whole datagram is dropped, and what still comes of it`, () => {
    const reassembly = new Reassembly();
    assert.is(reassembly.add(0, fragment(parts[0]!)), undefined);
    assert.is(reassembly.add(0, fragment(parts[1]!)), reason);
    assert.is(reassembly.bytes, 0);
    for (const late of PARTS) {
      assert.is(reassembly.add(1, fragment(late)), `of a datagram that was refused: ${reason}`);
    }
    const ended = reassembly.popDue(30_000_000)!;
    assert.is(ended.head, undefined, 'no error is sent about it');
    assert.is(reassembly.datagrams, 0);
    assert.is(reassembly.add(30_000_001, fragment(PARTS[0]!)), undefined, 'the name is free again');
  });
}

test('RFC 3168 §5.3: one CE marks the whole, unless a part is not ECN-capable', () => {
  const ends = (a: number, b: number): Datagram | string | undefined => {
    const reassembly = new Reassembly();
    reassembly.add(0, fragment({ ...part(0, 8, true), ecn: a }));
    return reassembly.add(0, fragment({ ...part(8, 16, false), ecn: b }));
  };
  assert.is(ecnOf(ends(2, 3) as Datagram), 3);
  assert.is(ecnOf(ends(3, 1) as Datagram), 3);
  assert.is(ecnOf(ends(2, 2) as Datagram), 2);
  assert.is(ecnOf(ends(0, 0) as Datagram), 0);
  assert.match(ends(0, 3) as string, 'congestion');
  assert.match(ends(3, 0) as string, 'congestion');
});

test('each datagram has its own time, and ends with what is needed to tell its source', () => {
  const reassembly = new Reassembly();
  reassembly.add(5, fragment({ ...PARTS[1]!, id: 7 }));
  reassembly.add(8, fragment({ ...PARTS[0]!, id: 8 }));
  reassembly.add(9, fragment({ ...PARTS[1]!, id: 8 }));
  assert.is(reassembly.popDue(30_000_004), undefined);
  assert.is(reassembly.popDue(30_000_005)!.head, undefined);
  assert.is(reassembly.popDue(30_000_007), undefined);
  const { head, id } = reassembly.popDue(30_000_008)!;
  equalBytes(head!, concat(HEADER, DATA.subarray(0, 8)));
  assert.is(id, 8);
  assert.equal([reassembly.bytes, reassembly.datagrams], [0, 0]);
});

test('the fragments of one datagram are bounded', () => {
  const reassembly = new Reassembly();
  for (let i = 0; i < limits.ip.fragments; i++) {
    assert.is(reassembly.add(0, fragment({ offset: i * 8, bytes: new Uint8Array(8), more: true })), undefined);
  }
  assert.is(
    reassembly.add(0, fragment({ offset: 8 * limits.ip.fragments, bytes: new Uint8Array(8), more: true })),
    'too many fragments',
  );
  assert.is(reassembly.bytes, 0);
});

test('the number of datagrams is bounded: the oldest is given up', () => {
  const reassembly = new Reassembly();
  for (let id = 0; id < limits.ip.reassemblies; id++) reassembly.add(id, fragment({ ...PARTS[1]!, id }));
  assert.is(reassembly.giveUpOldest(), undefined);
  reassembly.add(2000, fragment({ ...PARTS[1]!, id: 5000 }));
  assert.is(reassembly.giveUpOldest()!.id, 0);
  assert.is(reassembly.giveUpOldest(), undefined);
  assert.is(reassembly.datagrams, limits.ip.reassemblies);
});

test('the bytes are bounded: the oldest are given up until the rest fits', () => {
  const reassembly = new Reassembly();
  const bytes = new Uint8Array(60_000);
  let given = 0;
  for (let id = 0; id < 200; id++) {
    reassembly.add(id, fragment({ offset: 0, bytes, more: true, id }));
    for (let old = reassembly.giveUpOldest(); old; old = reassembly.giveUpOldest()) assert.is(old.id, given++);
    assert.ok(reassembly.bytes <= limits.ip.reassemblyBytes, `${reassembly.bytes}`);
  }
  assert.ok(given > 100);
  while (reassembly.popDue(1_000_000_000)) assert.ok(reassembly.bytes >= 0);
  assert.is(reassembly.bytes, 0);
});

test.run();
