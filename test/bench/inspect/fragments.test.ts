// Datagrams from their fragments: in any order, doubled, overlapping, incomplete; and how many wait at once (RFC 791 §3.2, RFC 8200
// §4.5).

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Fragments, type Reassembled } from '../../../src/bench/inspect/fragments.js';
import { inspectLimits } from '../../../src/bench/inspect/limits.js';
import { PacketView } from '../../../src/bench/inspect/packet-view.js';
import { ascii, testRandom, text } from '../../support/bytes.js';
import { ipFrame } from '../../support/frames.js';
import { fragment6, ip6Frame } from '../../support/frames6.js';

const test = suite('datagrams from fragments');

interface Part {
  readonly at: number;
  readonly bytes: Uint8Array;
  readonly more: boolean;
  readonly id?: number;
  readonly from?: string;
  readonly protocol?: number;
}

function ipv4({ at, bytes, more, id = 1, from = '10.0.0.1', protocol = 17 }: Part): Uint8Array {
  const frame = ipFrame(from, '10.0.0.2', protocol, bytes, { flagsAndOffset: (more ? 0x2000 : 0) | (at / 8) });
  frame.set([id >>> 8, id & 0xff], 4);
  return frame;
}

function ipv6({ at, bytes, more, id = 1, from = 'fd00::1', protocol = 17 }: Part): Uint8Array {
  return ip6Frame(from, 'fd00::2', 44, fragment6(protocol, at, more, id, bytes));
}

function add(fragments: Fragments, frame: Uint8Array): Reassembled | undefined {
  const view = new PacketView();
  view.read(101, frame);
  assert.ok(view.isFragment);
  return fragments.add(view);
}

const PARTS: readonly Part[] = [
  { at: 0, bytes: ascii('a'.repeat(16)), more: true },
  { at: 16, bytes: ascii('b'.repeat(8)), more: true },
  { at: 24, bytes: ascii('c'.repeat(5)), more: false },
];
const WHOLE = 'aaaaaaaaaaaaaaaabbbbbbbbccccc';

for (const [version, frameOf] of [['IPv4', ipv4] as const, ['IPv6', ipv6] as const]) {
  test(`${version}: whole with the last that was missing, in whatever order they come`, () => {
    for (const order of [
      [0, 1, 2],
      [0, 2, 1],
      [1, 0, 2],
      [1, 2, 0],
      [2, 0, 1],
      [2, 1, 0],
    ] as const) {
      const fragments = new Fragments();
      assert.is(add(fragments, frameOf(PARTS[order[0]]!)), undefined);
      assert.is(add(fragments, frameOf(PARTS[order[1]]!)), undefined);
      const whole = add(fragments, frameOf(PARTS[order[2]]!))!;
      assert.is(text(whole.bytes), WHOLE);
      assert.is(whole.fragments, 3);
    }
  });
}

test('other identifications, addresses and protocols are other datagrams', () => {
  const fragments = new Fragments();
  add(fragments, ipv4(PARTS[0]!));
  add(fragments, ipv4(PARTS[1]!));
  for (const other of [{ id: 2 }, { from: '10.0.0.3' }, { protocol: 6 }])
    assert.is(add(fragments, ipv4({ ...PARTS[2]!, ...other })), undefined);
  assert.is(text(add(fragments, ipv4(PARTS[2]!))!.bytes), WHOLE);
});

test('a fragment that comes twice changes nothing', () => {
  const fragments = new Fragments();
  for (const part of [0, 0, 2, 2]) assert.is(add(fragments, ipv4(PARTS[part]!)), undefined);
  const whole = add(fragments, ipv4(PARTS[1]!))!;
  assert.is(text(whole.bytes), WHOLE);
  assert.is(whole.fragments, 5);
});

test('where fragments overlap, the first copy of a byte counts, and the first end', () => {
  const fragments = new Fragments();
  add(fragments, ipv4({ at: 8, bytes: ascii('x'.repeat(16)), more: true }));
  add(fragments, ipv4({ at: 24, bytes: ascii('yyyy'), more: false }));
  add(fragments, ipv4({ at: 24, bytes: ascii('zz'), more: false }));
  const whole = add(fragments, ipv4({ at: 0, bytes: ascii('w'.repeat(24)), more: true }))!;
  assert.is(text(whole.bytes), `${'w'.repeat(8)}${'x'.repeat(16)}yyyy`);
});

test('random fragments against a model of first copies', () => {
  const dice = testRandom(3);
  let wholes = 0;
  for (let round = 0; round < 300; round++) {
    const fragments = new Fragments();
    const first = new Map<number, number>();
    const length = 8 + dice.below(80);
    for (let count = 0; count < 30; count++) {
      const at = 8 * dice.below(Math.ceil(length / 8));
      const isLast = at > 0 && dice.below(4) === 0;
      const bytes = dice.bytes(isLast ? length - at : Math.min(length - at, 8 * (1 + dice.below(3))));
      for (const [index, byte] of bytes.entries()) if (!first.has(at + index)) first.set(at + index, byte);
      const whole = add(fragments, ipv4({ at, bytes, more: !isLast }));
      if (whole === undefined) continue;
      assert.equal(
        [...whole.bytes],
        Array.from({ length }, (_, index) => first.get(index)),
      );
      wholes++;
      break;
    }
  }
  assert.ok(wholes > 150, `${wholes} datagrams`);
});

test('a fragment that was cut by the snap length is not taken', () => {
  const fragments = new Fragments();
  add(fragments, ipv4(PARTS[0]!));
  add(fragments, ipv4(PARTS[1]!));
  assert.is(add(fragments, ipv4(PARTS[2]!).subarray(0, -1)), undefined);
  assert.is(text(add(fragments, ipv4(PARTS[2]!))!.bytes), WHOLE);
});

test('so many datagrams wait at once; the oldest makes room', () => {
  const fragments = new Fragments();
  const most = inspectLimits.fragmentedDatagrams;
  for (let id = 0; id < most; id++) add(fragments, ipv4({ ...PARTS[0]!, id }));
  add(fragments, ipv4({ ...PARTS[0]!, id: most }));
  const rest = (id: number): Reassembled | undefined => {
    add(fragments, ipv4({ ...PARTS[1]!, id }));
    return add(fragments, ipv4({ ...PARTS[2]!, id }));
  };
  assert.ok(rest(1));
  assert.ok(rest(most));
  assert.is(rest(0), undefined);
});

test('a datagram of too many fragments is given up', () => {
  const fragments = new Fragments();
  const eight = new Uint8Array(8);
  for (let part = 0; part < inspectLimits.fragments; part++)
    assert.is(add(fragments, ipv4({ at: 8 * part, bytes: eight, more: true })), undefined);
  const at = 8 * inspectLimits.fragments;
  assert.is(add(fragments, ipv4({ at, bytes: eight, more: false })), undefined);
});

test.run();
