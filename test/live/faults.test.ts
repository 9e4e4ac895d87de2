// Real clients over a bad wire: everything arrives whole, and the recording, which lies on the core's side of the faults,
// replays without them.

import { randomFillSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { certificateFile, sha256OfFile, wirebench, withFolder, withServer } from '../support/live.js';
import { needCommands, testWith } from '../support/needs.js';

const test = suite('faults');
const needs = ['root', 'tun', 'namespaces', ...needCommands('ip', 'nsenter', 'curl')] as const;
const CURL = ['-sS', '--max-time', '120', '--http2', '--cacert', certificateFile];
const BYTES = 2_000_000;

testWith(test, needs, '2 MB down and 2 MB up survive loss, duplicates, reordering and delay, and replay', async () => {
  await withFolder(async (folder) => {
    const [recording, up, echoed, down, clean] = ['r.pcapng', 'up', 'echoed', 'down', 'clean'].map((name) =>
      join(folder, name),
    ) as [string, string, string, string, string];
    writeFileSync(up, randomFillSync(new Uint8Array(BYTES)));
    const fault = ['--fault', 'drop=3%,dup=1%,reorder=5%,delay=10ms,both', '--seed', 'bad-wire'];
    const end = await withServer([...fault, '--record', recording, '--log', 'none'], { namespace: true }, async (s) => {
      const get = await s.client('curl', [...CURL, '-o', down, `https://10.0.0.2/bytes/${BYTES}`]);
      assert.is(get.code, 0, get.stderr);
      const post = await s.client('curl', [...CURL, '--data-binary', `@${up}`, '-o', echoed, 'https://10.0.0.2/echo']);
      assert.is(post.code, 0, post.stderr);
    });
    assert.is(end.code, 130, end.stderr);
    assert.is(await sha256OfFile(echoed), await sha256OfFile(up));
    for (const way of ['in', 'out']) {
      const counts = new RegExp(
        `faults ${way}: (\\d+) frames, of them (\\d+) dropped, (\\d+) duplicated, (\\d+) reordered`,
      );
      const [, frames, dropped, duplicated, reordered] = (counts.exec(end.stderr) ?? []).map(Number);
      assert.ok(frames! > 1_000 && dropped! > 10 && duplicated! > 0 && reordered! > 10, end.stderr);
    }

    await withServer(['--log', 'none'], { namespace: true }, async (s) => {
      const get = await s.client('curl', [...CURL, '-o', clean, `https://10.0.0.2/bytes/${BYTES}`]);
      assert.is(get.code, 0, get.stderr);
    });
    assert.is(await sha256OfFile(down), await sha256OfFile(clean));

    const replay = await wirebench(['replay', recording]);
    assert.is(replay.code, 0, replay.stdout + replay.stderr);
    assert.match(replay.stdout, /all identical\n$/);
  });
});

testWith(test, needs, 'frames with flipped bits cost time, never content', async () => {
  await withFolder(async (folder) => {
    const [down, clean] = [join(folder, 'down'), join(folder, 'clean')];
    const url = 'http://10.0.0.2/bytes/500000';
    await withServer(['--fault', 'corrupt=2%,out', '--log', 'none'], { namespace: true }, async (s) => {
      const out = await s.client('curl', ['-sS', '--max-time', '60', '-o', down, url]);
      assert.is(out.code, 0, out.stderr);
    });
    await withServer(['--log', 'none'], { namespace: true }, async (s) => {
      const out = await s.client('curl', ['-sS', '--max-time', '60', '-o', clean, url]);
      assert.is(out.code, 0, out.stderr);
    });
    assert.is(await sha256OfFile(down), await sha256OfFile(clean));
  });
});

testWith(test, needs, 'a rate bounds what goes out', async () => {
  await withServer(['--fault', 'rate=8mbit,out', '--log', 'none'], { namespace: true }, async (s) => {
    const out = await s.client('curl', [
      ...['-sS', '--max-time', '60', '-o', '/dev/null', '-w', '%{speed_download}', 'http://10.0.0.2/bytes/2000000'],
    ]);
    const bytesPerSecond = Number(out.stdout);
    assert.ok(bytesPerSecond > 600_000 && bytesPerSecond < 1_100_000, `${bytesPerSecond} bytes a second`);
  });
});

test.run();
