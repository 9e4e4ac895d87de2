// ByteQueue against a plain array, over the ring's edge and through its growth.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ByteQueue } from '../../../src/core/bytes/queue.js';
import { equalBytes, testRandom } from '../../support/bytes.js';

const test = suite('queue');

test('does what an array does, for any order of operations', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = testRandom(seed);
    const queue = new ByteQueue();
    let model: number[] = [];
    for (let step = 0; step < 300; step++) {
      const choice = random.below(5);
      if (choice <= 1) {
        const bytes = random.bytes(random.below(1500));
        queue.push(bytes);
        model.push(...bytes);
      } else if (choice === 2) {
        const count = random.below(model.length + 1);
        queue.drop(count);
        model = model.slice(count);
      } else if (choice === 3) {
        const count = random.below(2000);
        equalBytes(queue.shift(count), Uint8Array.from(model.slice(0, count)), `shift, seed ${seed}`);
        model = model.slice(count);
      } else if (model.length > 0) {
        const distance = random.below(model.length);
        const count = random.below(model.length - distance + 1);
        const target = new Uint8Array(count + 2);
        queue.copyTo(target, 1, distance, count);
        equalBytes(target.subarray(1, 1 + count), Uint8Array.from(model.slice(distance, distance + count)), 'copyTo');
        assert.is(queue.at(distance), model[distance]);
      }
      assert.is(queue.length, model.length);
      const front = queue.front(700);
      equalBytes(front, Uint8Array.from(model.slice(0, front.length)), 'front');
      assert.ok(front.length > 0 || model.length === 0);
    }
  }
});

test('copying nothing at the very end is allowed', () => {
  const queue = new ByteQueue();
  queue.copyTo(new Uint8Array(0), 0, 0, 0);
  queue.push(new Uint8Array(1024));
  queue.copyTo(new Uint8Array(0), 0, 1024, 0);
  queue.clear();
  assert.is(queue.length, 0);
});

test('an emptied queue begins at its front again', () => {
  const queue = new ByteQueue();
  queue.push(new Uint8Array(600));
  queue.drop(600);
  queue.push(new Uint8Array(1000));
  assert.is(queue.front(2000).length, 1000);
  queue.push(new Uint8Array(1 << 19));
  queue.clear();
  queue.push(Uint8Array.of(7));
  assert.is(queue.at(0), 7);
});

test.run();
