// A key log that is written while it is read.

import { appendFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createKeyStore } from '../../src/bench/inspect/keys.js';
import { FollowedKeys } from '../../src/cli/followed-keys.js';
import { scratch } from '../support/captures.js';

const test = suite('followed key logs');
const files = scratch();
const random = (digit: string): string => digit.repeat(64);
const line = (label: string, digit: string): string => `${label} ${random(digit)} ${'ab'.repeat(48)}\n`;
const SECRET = Uint8Array.from({ length: 48 }, () => 0xab);

test('what is written later is found when it is asked for', () => {
  const file = files.write('later.keys', Buffer.from('# nothing yet\n'));
  const keys = new FollowedKeys(createKeyStore(), [file]);
  assert.is(keys.count, 0);
  assert.is(keys.secret('CLIENT_EARLY_TRAFFIC_SECRET', random('1')), undefined);
  appendFileSync(file, line('CLIENT_RANDOM', '1'));
  assert.equal(keys.secret('CLIENT_RANDOM', random('1')), SECRET);
  assert.is(keys.count, 1);
  assert.equal([...keys.clientRandoms()], [random('1')]);
  keys.close();
});

test('a line is read when its end is written, and not before', () => {
  const whole = line('SERVER_HANDSHAKE_TRAFFIC_SECRET', '2');
  const file = files.write('parts.keys', Buffer.from(whole.slice(0, 100)));
  const keys = new FollowedKeys(createKeyStore(), [file]);
  assert.is(keys.secret('EXPORTER_SECRET', random('2')), undefined);
  appendFileSync(file, whole.slice(100));
  assert.equal(keys.secret('SERVER_HANDSHAKE_TRAFFIC_SECRET', random('2')), SECRET);
  assert.is(keys.unknownLines, 0);
  keys.close();
});

test('a stranger is waited for once', () => {
  const file = files.write('stranger.keys', Buffer.from(line('CLIENT_RANDOM', '3')));
  const keys = new FollowedKeys(createKeyStore(), [file]);
  assert.is(keys.secret('CLIENT_RANDOM', random('4')), undefined);
  // Asked again, it is not looked for any more: a pipe must not stand still for it.
  appendFileSync(file, line('CLIENT_RANDOM', '4'));
  assert.is(keys.secret('CLIENT_RANDOM', random('4')), undefined);
  // What was read for another one is known, of course.
  assert.is(keys.secret('EXPORTER_SECRET', random('3')), undefined);
  assert.equal(keys.secret('CLIENT_RANDOM', random('4')), SECRET);
  keys.close();
});

test.run();
