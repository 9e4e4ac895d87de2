// `wirebench inspect --follow`: the bytes that tshark follows, streams of HTTP/2, holes, and nothing that a terminal would obey.

import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ConversationOptions, FollowedData, InspectedPacket } from '../../src/bench/inspect/types.js';
import { UsageError } from '../../src/cli/arguments.js';
import { Follower, followOptions } from '../../src/cli/follow.js';
import { projectRoot, run, wirebench } from '../support/live.js';
import { needCommands, testWith } from '../support/needs.js';

const test = suite('inspect --follow');
const foreign = (name: string): string => join(projectRoot, 'fixtures/foreign', name);
const NGINX = foreign('nginx-h2-tls13.pcapng');

/** Both directions, as hex digits. */
function bytesIn(dump: string): { in: string; out: string } {
  const of = (mark: string): string =>
    [...dump.matchAll(new RegExp(`^${mark} [0-9a-f]{4,} {2}([0-9a-f ]{48})`, 'gm'))]
      .map(([, digits]) => digits!.replaceAll(' ', ''))
      .join('');
  return { in: of('>'), out: of('<') };
}

testWith(test, needCommands('tshark'), 'the bytes that tshark follows, plain and decrypted', async () => {
  for (const [name, protocol, connection] of [
    ['nginx-h1-plain-gzip.pcapng', 'tcp', 0],
    ['node-plain-post.pcapng', 'tcp', 0],
    ['nginx-h2-tls13.pcapng', 'tls', 0],
    ['nginx-h1-tls12.pcapng', 'tls', 1],
    ['h2o-chacha20.pcapng', 'tls', 0],
  ] as const) {
    const file = foreign(name);
    const { stdout } = await run('tshark', ['-r', file, '-q', '-z', `follow,${protocol},raw,${connection}`]);
    const lines = stdout.split('\n').filter((line) => /^\t?[0-9a-f]+$/.test(line));
    const theirs = {
      in: lines.filter((line) => !line.startsWith('\t')).join(''),
      out: lines
        .filter((line) => line.startsWith('\t'))
        .join('')
        .replaceAll('\t', ''),
    };
    const ours = await wirebench(['inspect', file, '--follow', String(connection), '-x']);
    assert.is(ours.code, 0);
    // Of TLS, tshark begins with who sent data first.
    assert.equal(Object.values(bytesIn(ours.stdout)).sort(), Object.values(theirs).sort(), name);
    assert.ok(theirs.out.length > 0);
  }
});

test('text: a line for a line, the client with >, the server with <', async () => {
  const file = foreign('nginx-h1-tls12.pcapng');
  const { stdout } = await wirebench(['inspect', file, '--follow', '1']);
  assert.match(
    stdout,
    /^> HEAD \/\S* HTTP\/1\.1\n> Host: 127\.0\.0\.1\n(> .*\n)+> \n< HTTP\/1\.1 200 OK\n< Server: nginx/,
  );
  const flow = /flow=(\S+)/.exec((await wirebench(['inspect', file, '-Y', 'tcp.stream == 1', '-c', '1'])).stdout)![1]!;
  assert.is((await wirebench(['inspect', file, '--follow', flow])).stdout, stdout);
  // What does not pass is not shown.
  const asked = await wirebench(['inspect', file, '--follow', '1', '-Y', 'http.request']);
  assert.match(asked.stdout, /^> HEAD /);
  assert.not.match(asked.stdout, /^</m);
});

test('a stream of HTTP/2: its header fields and its data, and of no other', async () => {
  const { stdout } = await wirebench(['inspect', NGINX, '--follow', '0/3']);
  assert.match(stdout, /^> :method: GET\n> :path: \/status\/404\n/);
  assert.match(stdout, /\n> \n< :status: 404\n(< [a-z-]+: .*\n)+< \n< <html>\n/);
  assert.not.match(stdout, '/redirect/1');
});

test('bytes that the capture does not hold are told where they are missing', async () => {
  const { stdout } = await wirebench(['inspect', foreign('packets-missing.pcapng'), '--follow', '0']);
  assert.match(stdout, /\n<! 9446 bytes are not in the capture\n$/);
});

test('nothing to show is said, with the reason', async () => {
  for (const [what, reason] of [
    ['9', 'there is no data of a connection 9; --conversations lists them'],
    ['0/33', 'there is no stream 33 in connection 0'],
  ] as const) {
    const { code, stdout, stderr } = await wirebench(['inspect', NGINX, '--follow', what]);
    assert.equal([code, stdout, stderr], [0, '', `wirebench: ${reason}\n`]);
  }
  const plain = await wirebench(['inspect', foreign('nginx-h1-plain-gzip.pcapng'), '--follow', '0/1']);
  assert.match(plain.stderr, 'connection 0 has no streams of HTTP/2 that can be read');
});

function shown(hex: boolean, ...data: FollowedData[]): string {
  let text = '';
  const follower = new Follower({ connection: 0, streamId: undefined }, hex, (part) => {
    text += part;
  });
  let onData: ConversationOptions['onData'];
  const create = follower.following((options) => {
    onData = options.onData;
    return { push() {}, gap() {}, end() {} };
  });
  create({ stream: 0, flow: 'a>b#0', midstream: false, keys: { secret: () => undefined, add() {}, count: 0 } });
  for (const one of data) {
    onData!(one);
    follower.view().look({} as InspectedPacket, true);
  }
  follower.view().end();
  return text;
}

test('control characters are escaped, and data cannot look like the other side', () => {
  const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');
  assert.is(
    shown(false, { dir: 'in', bytes: bytes('a\x1b[1m\\\xe9\tb\r\n< c\rd') }),
    '> a\\x1b[1m\\\\\\xe9\\tb\n> < c\\x0dd\n',
  );
  const half = [
    { dir: 'in', bytes: bytes('one ') },
    { dir: 'in', bytes: bytes('line\n') },
    { dir: 'in', bytes: bytes('cut') },
    { dir: 'out', bytes: bytes('\n') },
    { dir: 'out', missing: undefined },
  ] as const;
  assert.is(shown(false, ...half), '> one line\n> cut\n< \n<! bytes are not in the capture\n');
  const dump = shown(
    true,
    { dir: 'in', bytes: bytes('ab') },
    { dir: 'in', missing: 16 },
    { dir: 'in', bytes: bytes('c') },
  );
  assert.match(dump, /^> 0000 {2}61 62 .*\n>! 16 bytes are not in the capture\n> 0012 {2}63 /);
});

test('what names no connection is wrong usage', () => {
  assert.equal(followOptions('--follow', '3'), { connection: 3, streamId: undefined });
  assert.equal(followOptions('--follow', '3/1'), { connection: 3, streamId: 1 });
  assert.equal(followOptions('--follow', 'a:1>b:2'), { connection: 'a:1>b:2#0', streamId: undefined });
  assert.equal(followOptions('--follow', '[fd00::1]:1>[fd00::2]:2#4/7'), {
    connection: '[fd00::1]:1>[fd00::2]:2#4',
    streamId: 7,
  });
  for (const text of ['', 'x', '-1', '3/', '/1', '3/x', 'a>b#x']) {
    assert.throws(
      () => followOptions('--follow', text),
      (error: unknown) => error instanceof UsageError,
      text,
    );
  }
});

test.run();
