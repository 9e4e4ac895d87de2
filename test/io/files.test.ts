// Files of a directory: what is served, with types, validators, ranges; and that no spelling leads out of the directory.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Field } from '../../src/core/http/message.js';
import { FileError } from '../../src/io/errors.js';
import { segmentsOf } from '../../src/io/file-path.js';
import { directoryFiles, fileLimits } from '../../src/io/files.js';
import type { AppFunction, AppRequest, AppResponse } from '../../src/io/outside-types.js';

const test = suite('files');
const SECONDS = 1_700_000_000;

let outside = '';
let root = '';
let files: AppFunction;

test.before(async () => {
  outside = mkdtempSync(join(tmpdir(), 'wirebench-files-'));
  root = join(outside, 'root');
  mkdirSync(join(root, 'sub', 'deep'), { recursive: true });
  mkdirSync(join(root, 'empty'));
  mkdirSync(join(root, '.hidden'));
  mkdirSync(join(root, 'sub', 'index.html'));
  const put = (name: string, content: string): void => {
    writeFileSync(join(root, name), content);
    utimesSync(join(root, name), SECONDS, SECONDS);
  };
  put('index.html', '<!doctype html>index');
  put('plain.txt', 'plain text');
  put('pic.png', 'not a picture');
  put('noext', 'no extension');
  put('100%25.txt', 'a name with a percent sign');
  put('with space.txt', 'a space');
  put('h\u00e9.txt', 'not ASCII');
  put('empty.bin', '');
  put('big.bin', 'x'.repeat(200_000));
  put('.secret', 'hidden');
  put('.hidden/file.txt', 'hidden');
  put('sub/deep/page.html', 'deep');
  put('%2e%2e', 'literally');
  put('locked.txt', 'locked');
  writeFileSync(join(outside, 'secret.txt'), 'outside');
  mkdirSync(join(outside, 'root-beside'));
  writeFileSync(join(outside, 'root-beside', 'file.txt'), 'beside');
  symlinkSync(join(outside, 'secret.txt'), join(root, 'link-out'));
  symlinkSync('../secret.txt', join(root, 'link-relative-out'));
  symlinkSync(outside, join(root, 'link-dir-out'));
  symlinkSync('../root-beside', join(root, 'link-beside'));
  symlinkSync('plain.txt', join(root, 'link-in'));
  symlinkSync('.secret', join(root, 'link-hidden'));
  symlinkSync('nowhere', join(root, 'link-broken'));
  symlinkSync('link-loop', join(root, 'link-loop'));
  execFileSync('mkfifo', [join(root, 'pipe')]);
  chmodSync(join(root, 'locked.txt'), 0);
  files = await directoryFiles(root);
});

test.after(() => rmSync(outside, { recursive: true }));

interface Got {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly length: number | undefined;
  readonly body: string;
}

async function ask(
  path: string,
  headers: readonly Field[] = [],
  method = 'GET',
  signal = new AbortController().signal,
  from: AppFunction = files,
): Promise<Got | undefined> {
  const request = { method, path, headers, signal } as unknown as AppRequest;
  const response = (await from(request)) as AppResponse | undefined;
  if (response === undefined) return undefined;
  let body = typeof response.body === 'string' ? response.body : '';
  if (typeof response.body === 'object') {
    for await (const piece of response.body as AsyncIterable<Uint8Array>) {
      assert.ok(piece.length <= fileLimits.pieceBytes);
      body += Buffer.from(piece).toString('latin1');
    }
  }
  const fields = new Map(response.headers as Field[] | undefined);
  return { status: response.status ?? 200, headers: fields, length: response.length, body };
}

test('a file: content, length, type, validators', async () => {
  const got = (await ask('/plain.txt'))!;
  assert.is(got.status, 200);
  assert.is(got.body, 'plain text');
  assert.is(got.length, 10);
  assert.is(got.headers.get('content-type'), 'text/plain; charset=utf-8');
  assert.is(got.headers.get('last-modified'), 'Tue, 14 Nov 2023 22:13:20 GMT');
  assert.match(got.headers.get('etag')!, /^"a-[0-9a-f]+"$/);
  assert.is(got.headers.get('accept-ranges'), 'bytes');
  assert.is(got.headers.get('x-content-type-options'), 'nosniff');
  assert.is((await ask('/pic.png'))!.headers.get('content-type'), 'image/png');
  assert.is((await ask('/noext'))!.headers.get('content-type'), 'application/octet-stream');
  assert.is((await ask('/plain.txt?query=1&x=/../'))!.body, 'plain text');
  assert.is((await ask('/empty.bin'))!.length, 0);
  assert.is((await ask('/big.bin'))!.body.length, 200_000);
});

test('names that need an encoding', async () => {
  assert.is((await ask('/with%20space.txt'))!.body, 'a space');
  assert.is((await ask('/h%C3%A9.txt'))!.body, 'not ASCII');
  assert.is((await ask('/%70lain.txt'))!.body, 'plain text');
  assert.is((await ask('/100%2525.txt'))!.body, 'a name with a percent sign');
});

test('index.html, and a directory by the name of a file', async () => {
  assert.is((await ask('/'))!.body, '<!doctype html>index');
  const moved = (await ask('/sub/deep?x=1'))!;
  assert.is(moved.status, 301);
  assert.is(moved.headers.get('location'), '/sub/deep/?x=1');
  assert.is(await ask('/empty/'), undefined, 'no listing');
  assert.is(await ask('/sub/'), undefined, 'a directory named index.html');
});

test('HEAD, OPTIONS and methods that are not for files', async () => {
  const head = (await ask('/plain.txt', [], 'HEAD'))!;
  const get = (await ask('/plain.txt'))!;
  assert.equal([...head.headers], [...get.headers]);
  assert.is(head.length, 10);
  assert.is(head.body, '');
  assert.is((await ask('/plain.txt', [], 'OPTIONS'))!.status, 204);
  const put = (await ask('/plain.txt', [], 'PUT'))!;
  assert.is(put.status, 405);
  assert.is(put.headers.get('allow'), 'GET, HEAD, OPTIONS');
  assert.is(await ask('/nothing', [], 'PUT'), undefined);
});

test('conditions and ranges', async () => {
  const { headers } = (await ask('/plain.txt'))!;
  const etag = headers.get('etag')!;
  const date = headers.get('last-modified')!;
  assert.is((await ask('/plain.txt', [['if-none-match', etag]]))!.status, 304);
  assert.is((await ask('/plain.txt', [['if-modified-since', date]]))!.status, 304);
  assert.is((await ask('/plain.txt', [['if-match', '"x"']]))!.status, 412);
  const part = (await ask('/plain.txt', [
    ['range', 'bytes=-4'],
    ['if-range', date],
  ]))!;
  assert.is(part.status, 206);
  assert.is(part.body, 'text');
  assert.is(part.length, 4);
  assert.is(part.headers.get('content-range'), 'bytes 6-9/10');
  const parts = (await ask('/plain.txt', [['range', 'bytes=0-1,8-']]))!;
  assert.is(parts.status, 206);
  assert.is(parts.body.length, parts.length);
  assert.ok(parts.body.includes('\r\n\r\npl\r\n--') && parts.body.includes('\r\n\r\nxt\r\n--'));
  assert.is((await ask('/plain.txt', [['range', 'bytes=10-']]))!.status, 416);
  assert.is((await ask('/big.bin', [['range', 'bytes=65535-131071']]))!.body.length, 65_537);
});

test('a file that is new has no strong date, one of the future none at all', async () => {
  const at = (ns: bigint): Promise<AppFunction> => directoryFiles(root, () => ns);
  const then = BigInt(SECONDS) * 1_000_000_000n;
  const fresh = await at(then + 1_000_000_000n);
  const { headers } = (await ask('/plain.txt', [], 'GET', undefined, fresh))!;
  const range: Field[] = [
    ['range', 'bytes=0-0'],
    ['if-range', headers.get('last-modified')!],
  ];
  assert.is((await ask('/plain.txt', range, 'GET', undefined, fresh))!.status, 200);
  assert.is((await ask('/plain.txt', range))!.status, 206);
  const early = (await ask('/plain.txt', [], 'GET', undefined, await at(then - 1n)))!;
  assert.is(early.headers.get('last-modified'), undefined);
  assert.ok(early.headers.has('etag'));
});

/** RFC 3986 §7.3, and how others were escaped from (CVE-2021-41773, CVE-2021-42013, CVE-2002-0661, CVE-2001-0333). */
const ESCAPES = [
  '/../secret.txt',
  '/..',
  '/../',
  '/./plain.txt',
  '/sub/../plain.txt',
  '/sub/../../secret.txt',
  '/%2e%2e/secret.txt',
  '/%2E%2e/secret.txt',
  '/.%2e/secret.txt',
  '/%2e./secret.txt',
  '/%2e/plain.txt',
  '/sub/%2e%2e/%2e%2e/secret.txt',
  '/%252e%252e/secret.txt',
  '/%25%32%65%25%32%65/secret.txt',
  '/.%%32%65/secret.txt',
  '/%%32%65%%32%65/secret.txt',
  '/..%2fsecret.txt',
  '/..%2Fsecret.txt',
  '/%2e%2e%2fsecret.txt',
  '/sub%2f..%2f..%2fsecret.txt',
  '/sub%2fdeep%2fpage.html',
  '/..%252fsecret.txt',
  '/..\\secret.txt',
  '/..%5csecret.txt',
  '/%2e%2e%5csecret.txt',
  '/sub\\deep\\page.html',
  '/sub%5cdeep%5cpage.html',
  '/..%c0%afsecret.txt',
  '/..%c1%9csecret.txt',
  '/%c0%ae%c0%ae/secret.txt',
  '/%e0%80%ae%e0%80%ae/secret.txt',
  '/..%u2215secret.txt',
  '/%u002e%u002e/secret.txt',
  '/..%ef%bc%8fsecret.txt',
  '/\u00ae\u00ae/secret.txt',
  '/plain.txt%00',
  '/plain.txt%00.png',
  '/%00/plain.txt',
  '/..%00/secret.txt',
  '/../secret.txt%00',
  '/plain.txt%0a',
  '/plain.txt%0d%0aX: y',
  '/plain.txt/',
  '/plain.txt/..',
  '/plain.txt/../../secret.txt',
  '/plain.txt.',
  '/plain.txt%20',
  '/plain.txt::$DATA',
  '/c:/secret.txt',
  '//plain.txt',
  '///etc/passwd',
  '//etc/passwd',
  '/sub//deep/page.html',
  '/etc/passwd',
  '/%2fetc%2fpasswd',
  '/%',
  '/%2',
  '/%zz',
  '/plain%2',
  '/.../secret.txt',
  '/....//secret.txt',
  '/..;/secret.txt',
  '/.secret',
  '/%2esecret',
  '/.hidden/file.txt',
  '/%2ehidden/file.txt',
  '/.',
  '/link-out',
  '/link-relative-out',
  '/link-dir-out/secret.txt',
  '/link-dir-out/',
  '/link-beside/file.txt',
  '/link-hidden',
  '/link-broken',
  '/link-loop',
  '/pipe',
  '/sub/deep/page.html/x',
  `/${'a'.repeat(300)}`,
  `/${'a/'.repeat(3_000)}`,
  '/h\u00e9.txt',
  '*',
  '',
  'plain.txt',
  'http://a/plain.txt',
];

test('no spelling leads out of the directory, or to what is hidden', async () => {
  for (const path of ESCAPES) {
    const got = await ask(path);
    assert.is(got, undefined, `${JSON.stringify(path)} gave ${got?.status} ${got?.body}`);
  }
  // Decoded once, and only once: a file of that name is a file like others.
  assert.is((await ask('/%252e%252e'))!.body, 'literally');
  assert.is((await ask('/link-in'))!.body, 'plain text', 'a link inside is followed');
});

test('random spellings of names inside and outside give what is inside, or nothing', async () => {
  const parts = [
    '..',
    '.',
    '%2e',
    '/',
    '%2f',
    '\\',
    '%5c',
    'sub',
    'deep',
    'secret.txt',
    'plain.txt',
    '%00',
    'link-dir-out',
    '%',
    ';',
  ];
  let state = 7;
  const below = (limit: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % limit;
  };
  for (let run = 0; run < 3_000; run++) {
    let path = '/';
    for (let i = 1 + below(7); i > 0; i--) path += parts[below(parts.length)]!;
    const got = await ask(path);
    assert.not.ok(got?.body.includes('outside') || got?.body.includes('beside') || got?.body === 'hidden', path);
  }
});

test('segments: decoded once, each for itself', () => {
  assert.equal(segmentsOf('/a%20b/c?d/e'), ['a b', 'c']);
  assert.equal(segmentsOf('/'), ['']);
  assert.equal(segmentsOf('/a/'), ['a', '']);
  assert.equal(segmentsOf('/%252e'), ['%2e']);
});

test('a year in two digits is at most 50 years ahead of now, not of the file (RFC 9110 §5.6.7)', async () => {
  const ask85 = async (nowSeconds: bigint, name: string): Promise<number | undefined> => {
    const then = await directoryFiles(root, () => nowSeconds * 1_000_000_000n);
    return (await ask('/plain.txt', [[name, 'Monday, 01-Jan-85 00:00:00 GMT']], 'GET', undefined, then))?.status;
  };
  // The file is of 2023. Seen from 2040 the date is in 2085, seen from 2024 in 1985.
  assert.is(await ask85(2_208_988_800n, 'if-modified-since'), 304);
  assert.is(await ask85(2_208_988_800n, 'if-unmodified-since'), 200);
  assert.is(await ask85(1_704_067_200n, 'if-modified-since'), 200);
  assert.is(await ask85(1_704_067_200n, 'if-unmodified-since'), 412);
});

test('a socket is nothing that can be served', async () => {
  const server = createServer().listen(join(root, 'socket'));
  await once(server, 'listening');
  try {
    assert.is(await ask('/socket'), undefined);
  } finally {
    server.close();
  }
});

test('a pipe is not opened: its writer waits on for a reader', async () => {
  const writer = spawn('sh', ['-c', 'echo text > "$0"', join(root, 'pipe')]);
  const ended = once(writer, 'exit').then(() => 'ended');
  const later = (ms: number): Promise<string> => new Promise((resolve) => setTimeout(resolve, ms, 'waits'));
  try {
    // So that it has come to open the pipe.
    await later(300);
    assert.is(await ask('/pipe'), undefined);
    assert.is(await Promise.race([ended, later(300)]), 'waits');
  } finally {
    writer.kill();
    await ended;
  }
});

test('what may not be read is 403', async () => {
  const got = await ask('/locked.txt');
  // Root reads everything.
  if (process.getuid?.() === 0) assert.is(got!.status, 200);
  else assert.is(got!.status, 403);
});

test('more files than limits allow: 503, and again room when one is closed', async () => {
  const controllers = Array.from({ length: fileLimits.open }, () => new AbortController());
  const bodies: AsyncIterator<Uint8Array>[] = [];
  for (const { signal } of controllers) {
    const response = (await files({ method: 'GET', path: '/big.bin', headers: [], signal } as never)) as AppResponse;
    assert.is(response.status, 200);
    bodies.push((response.body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]());
  }
  assert.is((await ask('/plain.txt'))!.status, 503);
  // Nobody reads on: by an abort, by leaving the loop, by reading to the end.
  controllers[0]!.abort();
  await bodies[1]!.next();
  await bodies[1]!.return!();
  for (let step = await bodies[2]!.next(); step.done !== true; ) step = await bodies[2]!.next();
  assert.is((await ask('/plain.txt'))!.status, 200);
  assert.is((await bodies[0]!.next()).done, true);
  for (const controller of controllers) controller.abort();
  assert.is((await ask('/plain.txt'))!.status, 200);
});

test('a request that was called off before it was answered leaves nothing open', async () => {
  const controller = new AbortController();
  controller.abort();
  for (let i = 0; i < fileLimits.open + 5; i++) {
    assert.is((await ask('/plain.txt', [], 'GET', controller.signal))!.body, '');
  }
});

test('a file that becomes shorter is an error, not a short file', async () => {
  const name = join(root, 'shrinking.bin');
  writeFileSync(name, 'x'.repeat(100_000));
  const signal = new AbortController().signal;
  const response = (await files({
    method: 'GET',
    path: '/shrinking.bin',
    headers: [],
    signal,
  } as never)) as AppResponse;
  truncateSync(name, 70_000);
  let read = 0;
  let failed = false;
  try {
    for await (const piece of response.body as AsyncIterable<Uint8Array>) read += piece.length;
  } catch (error) {
    failed = true;
    assert.match((error as Error).message, /shorter/);
  }
  assert.ok(failed);
  assert.is(read, 70_000);
});

test('a root that is no directory is a FileError', async () => {
  for (const name of [join(root, 'plain.txt'), join(root, 'nowhere')]) {
    try {
      await directoryFiles(name);
      assert.unreachable();
    } catch (error) {
      assert.instance(error, FileError);
      assert.match((error as FileError).message, /is no directory|ENOENT/);
    }
  }
});

test.run();
