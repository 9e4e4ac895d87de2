// The programs in examples/ run as they are written.

import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { projectRoot, run } from './support/live.js';
import { needCommands, testWith } from './support/needs.js';

const test = suite('examples');
const node = (file: string) => run(process.execPath, [`examples/${file}`], { timeoutMs: 20_000 });

test('a session over a socket answers a client of Node', async () => {
  const out = await node('session-over-duplex.mjs');
  assert.equal([out.code, out.stdout, out.stderr], [0, '200: this is /a/place\n', '']);
});

test('a test that feeds bytes and asserts frames', async () => {
  const out = await node('frames.test.mjs');
  assert.equal([out.code, out.stderr], [0, '']);
  assert.match(out.stdout, /HEADERS flags=4 stream=1\nDATA flags=1 stream=1\n$/);
});

test('tests of one’s own under uvu', async () => {
  const out = await node('my-app.uvu.test.mjs');
  assert.is(out.code, 0, out.stdout + out.stderr);
  assert.match(out.stdout, /Passed: +3\n/);
});

test('what the examples read is in the package too', () => {
  const { files } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as { files: string[] };
  const named = readdirSync(join(projectRoot, 'examples')).flatMap((name) => {
    const text = readFileSync(join(projectRoot, 'examples', name), 'utf8');
    return [...text.matchAll(/['}]([^'`}]*\.(?:pcapng|pem))[`']/g)].map(([, file]) => file!.split('/').at(-1)!);
  });
  assert.ok(named.includes('h2.pcapng') && named.includes('server.cert.pem'), named.join(' '));
  for (const file of named.filter((name) => name.endsWith('.pcapng'))) {
    // Under CI a capture without golden logs is a failure.
    for (const ending of ['pcapng', 'jsonl', 'log']) {
      assert.ok(files.includes(`fixtures/captures/${file.replace(/pcapng$/, ending)}`), `${file}: ${ending}`);
    }
  }
  assert.ok(files.includes('fixtures/keys'));
});

test('tests of one’s own under node:test', async () => {
  const out = await run(process.execPath, ['--test', '--test-reporter=tap', 'examples/my-client.node.test.mjs'], {
    timeoutMs: 20_000,
  });
  assert.is(out.code, 0, out.stdout + out.stderr);
  assert.match(out.stdout, /# pass [12]\n# fail 0\n/);
});

testWith(
  test,
  ['root', 'tun', 'namespaces', ...needCommands('ip', 'nsenter', 'curl')],
  'a handler of one’s own over TUN answers curl',
  async () => {
    const child = spawn('unshare', ['--net', process.execPath, 'examples/handler-over-tun.mjs'], {
      cwd: projectRoot,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
    try {
      await new Promise<void>((resolve, reject) => {
        child.stdout.on('data', (text) => String(text).includes('listening') && resolve());
        child.once('close', (code) => reject(new Error(`it ended with ${code}`)));
      });
      const inside = ['-t', String(child.pid), '-n'];
      const out = await run('nsenter', [...inside, 'curl', '-sS', '--max-time', '10', 'http://10.0.0.2/some/place']);
      assert.is(
        out.stdout,
        'GET /some/place over HTTP/1.1, flow 10.0.0.1:PORT>10.0.0.2:80#0\n'.replace('PORT', portOf(out.stdout)),
      );
    } finally {
      child.kill('SIGINT');
    }
    assert.is(await closed, 0);
  },
);

function portOf(text: string): string {
  return /10\.0\.0\.1:(\d+)>/.exec(text)?.[1] ?? 'none';
}

test.run();
