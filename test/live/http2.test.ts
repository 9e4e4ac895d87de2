// HTTP/2 live, in tcp mode: in clear by prior knowledge with curl, nghttp and h2load, uploads that nobody reads, priorities
// as nghttp gives them, and an end in two steps.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bytesBody } from '../../src/core/http/body.js';
import { createSession } from '../../src/core/session.js';
import { certificateFile, run, withFolder, withServer } from '../support/live.js';
import { needCommands, testWith } from '../support/needs.js';
import { serveSession } from '../support/serve-session.js';

const test = suite('HTTP/2 live');
const PORTS = ['--mode', 'tcp', '--port', '0', '--plain-port', '0', '--log', 'none'];
const curl = (...args: string[]) => run('curl', ['-sS', '--max-time', '30', ...args]);

testWith(test, needCommands('curl'), 'curl: in clear by prior knowledge; Upgrade is not taken up', async () => {
  await withServer(PORTS, {}, async ({ plainPort }) => {
    const url = `http://localhost:${plainPort}`;
    const said = ['-o', '/dev/null', '-w', '%{http_version} %{http_code} %{size_download}'];
    assert.is((await curl('--http2-prior-knowledge', ...said, `${url}/bytes/100000`)).stdout, '2 200 100000');
    assert.is((await curl('--http2', ...said, `${url}/bytes/100000`)).stdout, '1.1 200 100000');
    assert.is((await curl('--http2-prior-knowledge', '-d', 'hello', `${url}/echo`)).stdout, 'hello');
  });
});

testWith(
  test,
  needCommands('nghttp'),
  'nghttp: 60 requests with PRIORITY frames, padding and small windows',
  async () => {
    await withServer(PORTS, {}, async ({ plainPort }) => {
      const urls = Array.from({ length: 60 }, (_, i) => `http://localhost:${plainPort}/bytes/${i * 1_000}`);
      const out = await run('nghttp', [
        '-nv',
        '--padding=20',
        '-w',
        '14',
        '-W',
        '16',
        '-H',
        'priority: u=2, i',
        ...urls,
      ]);
      assert.is(out.code, 0, out.stderr);
      assert.is(out.stdout.match(/:status: 200/g)?.length, 60);
      assert.not.match(out.stdout, /RST_STREAM|PROTOCOL_ERROR|ENHANCE_YOUR_CALM/);
    });
  },
);

testWith(test, needCommands('h2load'), 'h2load: 20,000 requests in clear and 5,000 over TLS, none failed', async () => {
  await withServer(PORTS, {}, async ({ plainPort, tlsPort }) => {
    for (const [count, url] of [
      ['20000', `http://localhost:${plainPort}/bytes/100`],
      ['5000', `https://localhost:${tlsPort}/bytes/1000`],
    ] as const) {
      const { stdout } = await run('h2load', ['-n', count, '-c', '10', '-m', '100', url]);
      assert.match(stdout, new RegExp(`${count} succeeded, 0 failed, 0 errored, 0 timeout`));
    }
  });
});

testWith(test, needCommands('curl'), 'curl: uploads of any size that nobody reads are answered 200', async () => {
  const server = await serveSession((flow) =>
    createSession({
      flow,
      handler: () => ({ status: 200, headers: [], body: bytesBody(Uint8Array.of(0x6f, 0x6b)) }),
      startUnixUs: 0,
    }),
  );
  try {
    await withFolder(async (folder) => {
      const file = join(folder, 'upload');
      for (const size of [1_000, 1_048_576, 5_000_000, 20_000_000]) {
        writeFileSync(file, new Uint8Array(size));
        const said = ['-w', ' %{http_version} %{http_code} %{size_upload}'];
        const url = `http://127.0.0.1:${server.port}/`;
        const out = await curl('--http2-prior-knowledge', '--data-binary', `@${file}`, ...said, url);
        assert.is(out.code, 0, `${size}: ${out.stderr}`);
        assert.is(out.stdout, `ok 2 200 ${size}`);
      }
    });
  } finally {
    server.close();
  }
});

testWith(test, needCommands('curl'), 'the end of the server lets a transfer under way end well', async () => {
  let transfer: ReturnType<typeof curl> | undefined;
  await withServer(PORTS, {}, async ({ tlsPort }) => {
    const url = `https://localhost:${tlsPort}/delay/600`;
    transfer = curl('--http2', '--cacert', certificateFile, '-o', '/dev/null', '-w', '%{http_code}', url);
    await new Promise((resolve) => setTimeout(resolve, 350));
  });
  const out = await transfer!;
  assert.is(out.stdout, '200', out.stderr);
});

test.run();
