// TimerTable and DeadlineHeap: total order, disarming, and the heap against a sorted list.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DeadlineHeap, type HeapEntry, TimerTable } from '../../src/core/time.js';
import { testRandom } from '../support/bytes.js';

const NEVER = Number.POSITIVE_INFINITY;
const test = suite('time');

test('a table pops by deadline, then by kind, and disarms', () => {
  const table = new TimerTable(4);
  assert.is(table.nextDeadlineUs(), NEVER);
  table.set(3, 10);
  table.set(1, 10);
  table.set(2, 5);
  table.set(0, 30);
  assert.is(table.nextDeadlineUs(), 5);
  assert.is(table.popDue(4), -1);
  assert.is(table.popDue(20), 2);
  assert.is(table.popDue(20), 1);
  assert.is(table.popDue(20), 3);
  assert.is(table.popDue(20), -1);
  assert.is(table.nextDeadlineUs(), 30);
  table.set(0, 40);
  assert.is(table.deadlineUs(0), 40);
  assert.ok(table.isSet(0));
  table.clear(0);
  assert.not(table.isSet(0));
  table.set(1, 1);
  table.clearAll();
  assert.is(table.nextDeadlineUs(), NEVER);
});

interface Entry extends HeapEntry {
  readonly serial: number;
}

function entry(serial: number): Entry {
  return { deadlineUs: NEVER, serial, heapIndex: -1 };
}

test('a heap gives equal deadlines by serial, whatever the order of insertion', () => {
  const heap = new DeadlineHeap<Entry>();
  const entries = [4, 2, 0, 3, 1].map(entry);
  for (const e of entries) heap.update(e, 100);
  const order: number[] = [];
  for (let first = heap.first(); first; first = heap.first()) {
    order.push(first.serial);
    heap.update(first, NEVER);
  }
  assert.equal(order, [0, 1, 2, 3, 4]);
  assert.is(heap.size, 0);
});

test('a heap agrees with a sorted list under any updates', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = testRandom(seed);
    const heap = new DeadlineHeap<Entry>();
    const entries = Array.from({ length: 40 }, (_, serial) => entry(serial));
    for (let step = 0; step < 500; step++) {
      const e = entries[random.below(entries.length)]!;
      heap.update(e, random.below(4) === 0 ? NEVER : random.below(50));
      const armed = entries.filter((x) => x.deadlineUs !== NEVER);
      armed.sort((a, b) => a.deadlineUs - b.deadlineUs || a.serial - b.serial);
      assert.is(heap.size, armed.length);
      assert.is(heap.first(), armed[0]);
      for (const x of entries) assert.is(x.heapIndex >= 0, x.deadlineUs !== NEVER);
    }
  }
});

test('taking out what is not in the heap does nothing', () => {
  const heap = new DeadlineHeap<Entry>();
  const e = entry(1);
  heap.update(e, NEVER);
  assert.is(heap.size, 0);
  assert.is(e.heapIndex, -1);
});

test.run();
