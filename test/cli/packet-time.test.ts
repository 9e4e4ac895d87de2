// `wirebench inspect --time`: the four forms, and where they stand in the log.

import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { packetTime, type TimeStyle } from '../../src/cli/packet-time.js';
import { refusal } from '../support/command-line.js';
import { projectRoot, wirebench } from '../support/live.js';

const test = suite('inspect --time');
const NGINX = join(projectRoot, 'fixtures/foreign/nginx-h2-tls13.pcapng');
const FIRST = 1_700_000_000_000_000_001n;

test('relative, absolute, delta, epoch', () => {
  const times = { timeNs: FIRST + 1_234_567_890n, firstNs: FIRST, previousNs: FIRST + 1_234_500_000n };
  assert.is(packetTime('relative', times), '+1.234567');
  assert.is(packetTime('absolute', times), '2023-11-14T22:13:21.234567Z');
  assert.is(packetTime('delta', times), '+0.000067');
  assert.is(packetTime('epoch', times), '1700000001.234567891');
  assert.is(packetTime('delta', { ...times, previousNs: undefined }), '+0.000000');
});

test('a packet that is older than the one before, and years beyond the calendar', () => {
  const times = { timeNs: FIRST - 2_500_000n, firstNs: FIRST, previousNs: FIRST };
  assert.is(packetTime('relative', times), '-0.002500');
  assert.is(packetTime('delta', times), '-0.002500');
  assert.is(packetTime('absolute', { ...times, timeNs: -1n }), '-0.000000001');
  assert.is(packetTime('absolute', { ...times, timeNs: 1n << 80n }), '1208925819614629.174706176');
});

const timesOf = async (style: TimeStyle, ...words: string[]): Promise<string[]> => {
  const { stdout } = await wirebench(['inspect', NGINX, '-t', style, ...words]);
  return [...stdout.matchAll(/ #[0-9]+ (\S+)$/gm)].map(([, time]) => time!);
};

test('beside the number of each packet, and nowhere unless asked for', async () => {
  assert.equal(await timesOf('relative', '-c', '4'), ['+0.000000', '+0.000016', '+0.000031', '+0.003586']);
  assert.equal(await timesOf('delta', '-c', '4'), ['+0.000000', '+0.000016', '+0.000015', '+0.003555']);
  assert.equal((await timesOf('absolute', '-c', '2'))[1], '2026-11-26T15:56:59.879794Z');
  assert.equal((await timesOf('epoch', '-c', '2'))[1], '1795708619.879794000');
  // Since the packet that was shown before: what a filter leaves out does not count.
  assert.equal(await timesOf('delta', '-Y', 'frame.number in {1, 4}'), ['+0.000000', '+0.003586']);
  assert.not.match((await wirebench(['inspect', NGINX])).stdout, /#1 \S/);
});

test('headers have it in the form that was asked for, and so have the lines of -v', async () => {
  const hex = await wirebench(['inspect', NGINX, '-x', '-t', 'absolute', '-c', '1']);
  assert.match(hex.stdout, /^packet 1 2026-11-26T15:56:59\.879778Z, 74 bytes\n/);
  const verbose = await wirebench(['inspect', NGINX, '-v', '-t', 'epoch', '-c', '2']);
  assert.match(verbose.stdout, /^packet 2 1795708619\.879794000 s, 74 bytes\n1795708619\.879794000 {3}\[TCP\] SND/m);
  const plain = await wirebench(['inspect', NGINX, '-v', '-c', '2']);
  assert.is(plain.stdout, (await wirebench(['inspect', NGINX, '-v', '-t', 'relative', '-c', '2'])).stdout);
});

test('where times are anyway it is wrong usage', () => {
  const refused = (...words: string[]): string => refusal('inspect', 'a', ...words).whole;
  assert.match(
    refused('-t', 'absolut'),
    '--time: "absolut" is not one of relative, absolute, delta, epoch. Did you mean absolute?',
  );
  assert.match(refused('-t', 'epoch', '--json'), 'JSON has times in any case');
  assert.match(refused('-t', 'epoch', '--conversations', '--json'), 'JSON has times in any case');
  assert.match(refused('-t', 'epoch', '-e', 'ip.src'), 'Name frame.time_epoch or frame.time_relative.');
  assert.match(refused('-t', 'epoch', '--summary'), '--time is for the log and the table of --conversations');
  assert.is(refused('-t', 'epoch', '--conversations'), 'nothing');
});

test.run();
