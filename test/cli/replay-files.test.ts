// Which captures a replay is about: directories, patterns, shards, and that nothing is passed over without a word.

import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { captureFiles, matches } from '../../src/cli/replay-files.js';
import { jobsFor } from '../../src/cli/replay-options.js';
import { CaptureError } from '../../src/io/capture-types.js';
import { scratch } from '../support/captures.js';

const place = scratch();
let made = 0;

/** A directory with these files, all of them empty. */
function folderWith(...files: string[]): string {
  const folder = place.path(`folder-${made++}`);
  mkdirSync(folder);
  for (const file of files) {
    mkdirSync(join(folder, file, '..'), { recursive: true });
    writeFileSync(join(folder, file), '');
  }
  return folder;
}

type Choice = Partial<Parameters<typeof captureFiles>[0]>;
const NONE = { filter: [], exclude: [], shard: undefined };

function found(folder: string, choice: Choice = {}): string[] {
  return captureFiles({ captures: [folder], ...NONE, ...choice }).files.map((file) =>
    file instanceof CaptureError ? `${file.kind} ${relative(folder, file.file)}: ${file.what}` : relative(folder, file),
  );
}

test('a directory stands for the recordings below it, in the order of their paths', () => {
  const folder = folderWith('b.pcapng', 'a/z.pcapng', 'a.pcapng', 'a-b.pcapng', 'c/d/e.pcapng.gz', 'a.log', 'notes.md');
  assert.equal(found(folder), ['a-b.pcapng', 'a.pcapng', 'a/z.pcapng', 'b.pcapng', 'c/d/e.pcapng.gz']);
  assert.equal(captureFiles({ captures: [folder], ...NONE }).notices, []);
});

test('a directory that is called like a recording is a directory', () => {
  assert.equal(found(folderWith('run.pcapng/in.pcapng')), ['run.pcapng/in.pcapng']);
});

test('captures that are no recordings are told of', () => {
  const folder = folderWith('a.pcapng', 'a.tcpdump.pcap', 'more/b.cap.gz');
  const { notices } = captureFiles({ captures: [folder], ...NONE });
  const first = join(folder, 'a.tcpdump.pcap');
  assert.equal(notices, [
    `${folder}: 2 other captures (${first}, ...) passed over: only .pcapng files hold recordings`,
  ]);
});

test('links to directories are followed, to each directory once', () => {
  const folder = folderWith('b/one.pcapng');
  const other = folderWith('two.pcapng');
  symlinkSync(other, join(folder, 'c'));
  symlinkSync(other, join(folder, 'd'));
  // Two that lead back would make more paths than there is time.
  symlinkSync(folder, join(folder, 'b/again'));
  symlinkSync(folder, join(folder, 'c/again'));
  symlinkSync('/nonexistent', join(folder, 'gone.pcapng'));
  assert.equal(found(folder), ['b/one.pcapng', 'c/two.pcapng', 'gone.pcapng']);
  const { notices } = captureFiles({ captures: [folder], ...NONE });
  assert.equal(
    notices.map((notice) => relative(folder, notice.slice(0, notice.indexOf(': passed over')))),
    ['b/again', 'c/again', 'd'],
  );
});

test('a directory that cannot be read is an error among the others', () => {
  if (process.getuid?.() === 0) return;
  const folder = folderWith('a.pcapng', 'b/c.pcapng');
  chmodSync(join(folder, 'b'), 0);
  assert.match(found(folder)[1]!, /^unreadable b: the directory cannot be read \(EACCES\)$/);
});

test('an empty directory and what is not there are errors of their own', () => {
  assert.match(found(folderWith('notes.md'))[0]!, /^not-a-recording : no \.pcapng file in this folder$/);
  const { files } = captureFiles({ captures: ['/nonexistent.pcapng'], ...NONE });
  assert.equal(files, ['/nonexistent.pcapng']);
});

test('a capture that is named twice is replayed once', () => {
  const folder = folderWith('a.pcapng', 'b.pcapng');
  const captures = [join(folder, 'b.pcapng'), folder, `${folder}/./a.pcapng`];
  assert.equal(captureFiles({ captures, ...NONE }).files, [join(folder, 'b.pcapng'), join(folder, 'a.pcapng')]);
});

test('patterns', () => {
  for (const [pattern, path, is] of [
    ['h2', 'x/h2-get.pcapng', true],
    ['h2-*', 'x/h2-get.pcapng', true],
    ['h2-*', 'x/my-h2-get.pcapng', false],
    ['h2-???', 'x/h2-get.pcapng', true],
    ['h2-??', 'x/h2-get.pcapng', false],
    ['x/*', 'x/y/h2.pcapng', true],
    ['*.gz', 'x/h2.pcapng.gz', true],
    ['h2*', 'h2\n.pcapng', true],
    ['a.b*', 'x/aXb.pcapng', false],
    ['(a|b)*', 'x/a.pcapng', false],
    ['(a|b)*', 'x/(a|b)c.pcapng', true],
  ] as const) {
    assert.is(matches(path, pattern), is, `${pattern} ${path}`);
  }
});

test('any filter lets a capture in, any exclusion keeps it out', () => {
  const folder = folderWith('h1-a.pcapng', 'h2-a.pcapng', 'h2-b.pcapng', 'h3.pcapng');
  assert.equal(found(folder, { filter: ['h1-*', 'h2-*'], exclude: ['-b'] }), ['h1-a.pcapng', 'h2-a.pcapng']);
  const { files, nothing } = captureFiles({ captures: [folder], ...NONE, filter: ['h9', 'h8'], exclude: ['x'] });
  assert.equal(files, []);
  assert.equal(nothing, { why: '--filter h9 --filter h8 --exclude x leaves none of 4 captures', isFailure: true });
});

test('shards are disjoint, complete, and the same whatever was named first', () => {
  const names = Array.from({ length: 23 }, (_, at) => `${(at * 7) % 23}.pcapng`);
  const folder = folderWith(...names);
  const backwards = names.map((name) => join(folder, name)).reverse();
  for (const count of [1, 2, 4, 23, 30]) {
    const parts = Array.from({ length: count }, (_, at) => ({ index: at + 1, count }));
    const shards = parts.map((shard) => found(folder, { shard }));
    assert.equal(shards.flat().sort(), [...names].sort(), `${count} shards`);
    const sizes = shards.map(({ length }) => length);
    assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1);
    parts.forEach((shard, at) => {
      assert.equal(found(folder, { shard, captures: backwards }), shards[at]);
    });
  }
});

test('few and small captures have one job, and a wish is granted as far as there are captures', () => {
  const folder = folderWith('a.pcapng', 'b.pcapng');
  const files = [join(folder, 'a.pcapng'), join(folder, 'b.pcapng')];
  assert.is(jobsFor(files, undefined), 1);
  assert.is(jobsFor(files, 16), 2);
  assert.is(jobsFor([], 4), 1);
  assert.is(jobsFor(['/nonexistent'], undefined), 1);
  const loop = place.path('loop.pcapng');
  symlinkSync(loop, loop);
  assert.is(jobsFor([loop], undefined), 1);
});

test.run();
