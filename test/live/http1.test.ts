// HTTP/1.1 and the site with real clients: curl and wrk over TUN, ranges, uploads, trailers, Expect, files of a directory.
// Every run that is not a load is recorded and replayed.

import { execFileSync } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  certificateFile,
  type Finished,
  type Server,
  serve,
  sha256OfFile,
  wirebench,
  withFolder,
  withServer,
} from '../support/live.js';
import { needCommands, testWith } from '../support/needs.js';

const test = suite('http1');
const curlNeeds = needCommands('curl');
const tunNeeds = ['root', 'tun', 'namespaces', ...needCommands('ip', 'nsenter', 'curl')] as const;
const CA = ['--cacert', certificateFile];

type Curl = (...args: string[]) => Promise<Finished>;

/** A recorded run with clients, and then its replay. */
async function recorded(
  args: readonly string[],
  options: { namespace?: boolean },
  body: (server: Server, curl: Curl, folder: string) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    const file = join(folder, 'run.pcapng');
    await withServer([...args, '--record', file, '--log', 'none'], options, async (server) => {
      await body(server, (...more) => server.client('curl', ['-sS', '--max-time', '60', ...CA, ...more]), folder);
    });
    const replay = await wirebench(['replay', file], { timeoutMs: 300_000 });
    assert.is(replay.code, 0, replay.stdout + replay.stderr);
    assert.match(replay.stdout, /all identical\n$/);
  });
}

/** What curl does with HTTP/1.1, on a URL of the site in clear or through TLS. */
async function useCurl(curl: Curl, base: string, folder: string): Promise<void> {
  const body = async (...args: string[]): Promise<string> => {
    const out = await curl('--http1.1', ...args);
    assert.is(out.code, 0, `${args.join(' ')}: ${out.stderr}`);
    return out.stdout;
  };
  const upload = join(folder, 'upload');
  writeFileSync(upload, randomFillSync(new Uint8Array(3_000_000)));
  const got = join(folder, 'got');
  const sha256 = await sha256OfFile(upload);

  await body('-T', upload, '-o', got, `${base}/echo`);
  assert.is(await sha256OfFile(got), sha256, 'PUT by length');
  await body('-X', 'POST', '-H', 'Transfer-Encoding: chunked', '-T', upload, '-o', got, `${base}/echo`);
  assert.is(await sha256OfFile(got), sha256, 'POST chunked');
  await body('-H', 'Expect: 100-continue', '--data-binary', `@${upload}`, '-o', got, `${base}/echo`);
  assert.is(await sha256OfFile(got), sha256, 'after 100 (Continue)');
  assert.is(await body('-H', 'Expect: tea', '-d', 'x', '-o', '/dev/null', '-w', '%{http_code}', `${base}/echo`), '417');

  assert.is((await body('-r', '0-9', `${base}/bytes/1000`)).length, 10);
  assert.is(
    await body('-r', '-5', '-o', '/dev/null', '-w', '%{http_code} %{size_download}', `${base}/bytes/1000`),
    '206 5',
  );
  assert.match(
    await body('-r', '0-0,5-9', '-i', `${base}/bytes/1000`),
    /content-type: multipart\/byteranges; boundary=/,
  );
  assert.is(await body('-r', '1000-', '-o', '/dev/null', '-w', '%{http_code}', `${base}/bytes/1000`), '416');
  // The rest of a download that broke off.
  const part = join(folder, 'part');
  await body('-r', '0-499', '-o', part, `${base}/bytes/1000`);
  await body('-C', '-', '-o', part, `${base}/bytes/1000`);
  assert.is(readFileSync(part).length, 1_000);
  const tags = join(folder, 'etag');
  await body('--etag-save', tags, '-o', '/dev/null', `${base}/bytes/7`);
  assert.is(await body('--etag-compare', tags, '-o', '/dev/null', '-w', '%{http_code}', `${base}/bytes/7`), '304');
  assert.is(
    await body('-z', 'Wed, 01 Jan 2020 00:00:00 GMT', '-o', '/dev/null', '-w', '%{http_code}', `${base}/bytes/7`),
    '304',
  );

  assert.match(await body('--compressed', '-i', `${base}/gzip`), /content-encoding: gzip[\s\S]*\["accept-encoding", "/);
  assert.not.match(await body('-i', `${base}/gzip`), /content-encoding/);
  assert.is(await body('-L', '-w', '%{num_redirects} %{http_code}', '-o', '/dev/null', `${base}/redirect/5`), '5 200');
  assert.match(await body('-i', `${base}/trailers`), /transfer-encoding: chunked/);
  const timed = await body('-w', '%{time_total}', '-o', '/dev/null', `${base}/stream/5?ms=100`);
  assert.ok(Number(timed) >= 0.4 && Number(timed) < 5, `${timed} s`);
  const dripped = await body('-w', ' %{time_total}', `${base}/drip?bytes=5&ms=400`);
  assert.match(dripped, /^\*{5} [0-4]\.[4-9]/);
  assert.match(await body('-X', 'OPTIONS', '-i', `${base}/bytes/5`), /204 No Content[\s\S]*allow: GET, HEAD, OPTIONS/);
  assert.match(await body('-X', 'DELETE', '-i', `${base}/`), /405 Method Not Allowed[\s\S]*allow: GET, HEAD, OPTIONS/);

  const old = await curl('--http1.0', '--no-alpn', '-i', `${base}/stream/2?ms=0`);
  assert.match(old.stdout, /connection: close\r\n\r\nline 1 of 2, 0 ms\nline 2 of 2, 0 ms\n$/);
  const kept = await curl(
    '--http1.0',
    '--no-alpn',
    '-H',
    'Connection: keep-alive',
    '-i',
    `${base}/status/200`,
    `${base}/status/201`,
  );
  assert.is(kept.stdout.split('connection: keep-alive').length, 3);
  // Two requests, one connection.
  const twice = await body(
    '-w',
    '%{num_connects} ',
    '-o',
    '/dev/null',
    `${base}/status/200`,
    '-o',
    '/dev/null',
    `${base}/`,
  );
  assert.is(twice, '1 0 ');
}

testWith(test, tunNeeds, 'curl on port 80 over TUN: everything HTTP/1.1, recorded and replayed', async () => {
  await recorded([], { namespace: true }, (_, curl, folder) => useCurl(curl, 'http://10.0.0.2', folder));
});

testWith(test, curlNeeds, 'curl through TLS over sockets: the same, recorded and replayed', async () => {
  await recorded(['--mode', 'tcp', '--port', '0', '--plain-port', '0'], {}, async ({ tlsPort }, curl, folder) => {
    await useCurl(curl, `https://localhost:${tlsPort}`, folder);
  });
});

testWith(test, curlNeeds, 'the places that need time and trailers over HTTP/2', async () => {
  await recorded(['--mode', 'tcp', '--port', '0'], {}, async ({ tlsPort }, curl) => {
    const base = `https://localhost:${tlsPort}`;
    const out = await curl('--http2', '-w', '%{http_version} %{time_total}', `${base}/stream/3?ms=150`);
    assert.match(out.stdout, /^line 1 of 3, 0 ms\nline 2 of 3, 150 ms\nline 3 of 3, 300 ms\n2 [0-4]\.[3-9]/);
    assert.is((await curl('--http2', `${base}/drip?bytes=4&ms=90`)).stdout, '****');
    const trailers = await curl('--http2', '-i', '-d', '123456789', `${base}/trailers`);
    assert.match(trailers.stdout, /x-content-crc32: cbf43926/);
    assert.is(
      (await curl('--http2', '-r', '2-4', '-o', '/dev/null', '-w', '%{size_download}', `${base}/bytes/9`)).stdout,
      '3',
    );
    assert.match((await curl('--http2', '--compressed', `${base}/gzip`)).stdout, /^\[\n {2}\[/);
  });
});

testWith(test, [...tunNeeds, ...needCommands('wrk')], 'wrk on port 80 over TUN: no errors', async () => {
  await withServer(['--log', 'none'], { namespace: true }, async (server) => {
    const out = await server.client('wrk', ['-t', '2', '-c', '20', '-d', '3s', 'http://10.0.0.2/bytes/100']);
    assert.is(out.code, 0, out.stderr);
    assert.match(out.stdout, /Requests\/sec: +[1-9]\d\d/);
    assert.not.match(out.stdout, /Socket errors|Non-2xx/);
  });
});

/** Request targets that curl would mend. */
function raw(port: number, target: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
    });
    socket.on('end', () => resolve(text));
    socket.on('error', reject);
    socket.write(`GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`, 'latin1');
  });
}

testWith(
  test,
  curlNeeds,
  '--root: files with all that belongs to them, and no way out, recorded and replayed',
  async () => {
    await withFolder(async (folder) => {
      const root = join(folder, 'root');
      mkdirSync(join(root, 'sub'), { recursive: true });
      writeFileSync(join(folder, 'secret'), 'outside');
      writeFileSync(join(root, 'index.html'), '<p>index');
      writeFileSync(join(root, 'sub', 'index.html'), '<p>sub');
      writeFileSync(join(root, 'style.css'), 'p{}');
      symlinkSync('../secret', join(root, 'link'));
      const big = join(root, 'big.bin');
      writeFileSync(big, randomFillSync(new Uint8Array(2_000_000)));
      const ports = ['--mode', 'tcp', '--port', '0', '--plain-port', '0'];
      await recorded([...ports, '--root', root], {}, async ({ tlsPort, plainPort }, curl, more) => {
        const base = `https://localhost:${tlsPort}`;
        for (const version of ['--http1.1', '--http2']) {
          const got = join(more, 'got');
          await curl(version, '-o', got, `${base}/big.bin`);
          assert.is(await sha256OfFile(got), await sha256OfFile(big));
          assert.is((await curl(version, '-r', '1-2', `${base}/style.css`)).stdout, '{}');
          assert.match(
            (await curl(version, '-I', `${base}/style.css`)).stdout,
            /content-type: text\/css; charset=utf-8/,
          );
          assert.is((await curl(version, `${base}/`)).stdout, '<p>index');
          assert.is((await curl(version, '-L', `${base}/sub`)).stdout, '<p>sub');
          assert.match((await curl(version, `${base}/status/200`)).stdout, /^200 OK/);
          assert.is((await curl(version, '-o', '/dev/null', '-w', '%{http_code}', `${base}/nothing`)).stdout, '404');
          const tags = join(more, `etag${version}`);
          await curl(version, '--etag-save', tags, '-o', '/dev/null', `${base}/style.css`);
          const again = await curl(
            version,
            '--etag-compare',
            tags,
            '-o',
            '/dev/null',
            '-w',
            '%{http_code}',
            `${base}/style.css`,
          );
          assert.is(again.stdout, '304');
        }
        for (const target of [
          '/../secret',
          '/%2e%2e/secret',
          '/..%2fsecret',
          '/..%5csecret',
          '/sub/../../secret',
          '//etc/passwd',
          '/link',
        ]) {
          assert.match(await raw(plainPort, target), /^HTTP\/1\.1 404 Not Found\r\n/, target);
        }
      });
    });
  },
);

testWith(test, [], '--root that is no directory is exit code 3, and says what to do', async () => {
  const out = await wirebench(['serve', '--mode', 'tcp', '--port', '0', '--root', '/nowhere/at/all']);
  assert.is(out.code, 3);
  assert.match(out.stderr, /\/nowhere\/at\/all: cannot be read \(ENOENT\)[\s\S]*--root/);
});

testWith(test, curlNeeds, 'a download of 600 MB by HTTP/1.1 takes no more memory than one of 200 MB', async () => {
  const server = await serve(['--mode', 'tcp', '--port', '0', '--plain-port', '0', '--log', 'none']);
  try {
    const url = `http://localhost:${server.plainPort}/bytes/`;
    execFileSync('curl', ['-sS', '-o', '/dev/null', `${url}200000000`]);
    const before = server.peakMemoryBytes();
    execFileSync('curl', ['-sS', '-o', '/dev/null', `${url}600000000`]);
    const grown = server.peakMemoryBytes() - before;
    assert.ok(grown < 40_000_000, `${grown} bytes`);
  } finally {
    await server.stop();
  }
});

test.run();
