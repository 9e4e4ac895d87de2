// The bundled captures: each replays to the byte and the microsecond, its golden logs are what is rendered now, README.md
// tells of it, and what tcpdump saw of the same run is what was recorded.

import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { describeMismatch } from '../../src/bench/compare.js';
import { loadRecording } from '../../src/bench/recording.js';
import { replayRecording } from '../../src/bench/replay.js';
import { readCapture } from '../../src/io/capture.js';
import { equalBytes } from '../support/bytes.js';
import { scratch } from '../support/captures.js';
import { captureNames, capturesFolder } from '../support/recorded.js';

const command = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const names = captureNames();

function replayCommand(path: string): { status: number | null; stdout: string } {
  const { status, stdout } = spawnSync(process.execPath, [command, 'replay', path], { encoding: 'utf8' });
  return { status, stdout };
}

test('there are captures of both modes', () => {
  assert.ok(names.length >= 20, `${names.length} captures`);
  for (const name of ['h1-plain', 'h2', 'tcp-mode-h2', 'tls13-h2', 'tls12-ticket'])
    assert.ok(names.includes(name), name);
});

for (const name of names) {
  test(`${name} replays identically`, async () => {
    const file = join(capturesFolder, `${name}.pcapng`);
    const result = await replayRecording(file);
    const lines = result.difference ? await describeMismatch(file, result.difference) : [];
    assert.not(result.difference, lines.join('\n'));
    assert.ok(result.packets > 0);
    assert.not(result.quit);
  });
}

test('the replay command finds every packet and every golden log the same', () => {
  for (const name of names) {
    for (const ending of ['jsonl', 'log']) {
      assert.ok(existsSync(join(capturesFolder, `${name}.${ending}`)), `${name}.${ending} is missing`);
    }
  }
  const { status, stdout } = replayCommand(capturesFolder);
  assert.is(status, 0, stdout);
  const lines = stdout.trimEnd().split('\n');
  for (const name of names) {
    assert.ok(
      lines.some((line) => line.includes(`${name}.pcapng: `) && line.endsWith(', identical')),
      name,
    );
  }
  assert.match(lines.at(-1)!, new RegExp(`^${names.length} captures, .* all identical$`));
});

test('a changed packet and a changed golden log are found', async () => {
  const folder = scratch();
  for (const ending of ['pcapng', 'jsonl', 'log']) {
    copyFileSync(join(capturesFolder, `h1-plain.${ending}`), folder.path(`log-changed.${ending}`));
    copyFileSync(join(capturesFolder, `h1-plain.${ending}`), folder.path(`packet-changed.${ending}`));
  }
  const log = folder.path('log-changed.log');
  writeFileSync(log, readFileSync(log, 'latin1').replace('SYN', 'SIN'), 'latin1');
  const changed = replayCommand(folder.path('log-changed.pcapng'));
  assert.is(changed.status, 1);
  assert.match(changed.stdout, /identical, LOG DIFFERENT/);

  const file = folder.path('packet-changed.pcapng');
  const bytes = readFileSync(file);
  const { timeline } = await loadRecording(file);
  const lastOut = timeline.findLast((item) => item.kind === 'packet' && item.dir === 'out')!;
  // An enhanced packet block has 28 bytes before its data; the TTL is byte 8 of the packet.
  bytes[lastOut.fileOffset + 28 + 8]! ^= 1;
  writeFileSync(file, bytes);
  const different = replayCommand(file);
  assert.is(different.status, 1);
  assert.match(different.stdout, /DIFFERENT/);
});

test('README.md has a row for each capture, and no other', () => {
  const readme = readFileSync(join(capturesFolder, 'README.md'), 'utf8');
  const rows = [...readme.matchAll(/^\| ([a-z0-9-]+) \|.*\| (\d+) \|$/gm)];
  assert.equal(rows.map((row) => row[1]).sort(), names);
  for (const [, name, events] of rows) {
    const lines = readFileSync(join(capturesFolder, `${name}.jsonl`), 'utf8')
      .trimEnd()
      .split('\n');
    assert.is(lines.length - 1, Number(events), `events of ${name}`);
  }
});

test('no file lies beside the captures that belongs to none', () => {
  for (const file of readdirSync(capturesFolder)) {
    if (file === 'README.md') continue;
    const name = file.replace(/\.(pcapng|jsonl|log|tcpdump\.pcap)$/, '');
    assert.ok(names.includes(name), file);
  }
});

const dumps = readdirSync(capturesFolder).filter((file) => file.endsWith('.tcpdump.pcap'));

for (const dump of dumps) {
  test(`${dump} holds the packets of the recording, in the same order each way`, async () => {
    const dumped = await readCapture(join(capturesFolder, dump));
    const { timeline } = await loadRecording(join(capturesFolder, dump.replace('.tcpdump.pcap', '.pcapng')));
    const recorded = timeline.filter((item) => item.kind === 'packet');
    // The server's address is bytes 12 to 15 of what it sends.
    const isOut = (frame: Uint8Array): boolean => frame.subarray(12, 16).join('.') === '10.0.0.2';
    for (const dir of ['in', 'out']) {
      const expected = recorded.filter((packet) => packet.dir === dir);
      const actual = dumped.packets.filter((packet) => isOut(packet.data) === (dir === 'out'));
      assert.is(actual.length, expected.length, `packets ${dir}`);
      assert.ok(expected.length >= 3);
      expected.forEach((packet, index) => {
        equalBytes(actual[index]!.data, packet.data, `${dir} packet ${index}`);
      });
    }
  });
}

test('tcpdump saw two of the runs at least', () => {
  assert.ok(dumps.length >= 2);
});

test.run();
