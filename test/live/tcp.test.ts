// tcp mode and std mode on loopback with real clients; the same request gives the same HTTP events in tun and tcp mode.

import { randomFillSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  certificateFile,
  mainScript,
  run,
  serve,
  sha256OfFile,
  wirebench,
  withFolder,
  withServer,
} from '../support/live.js';
import { needCommands, testWith } from '../support/needs.js';

const test = suite('tcp');
const curlNeeds = needCommands('curl');
const CA = ['--cacert', certificateFile];
const ANY_PORT = ['--port', '0', '--log', 'none'];
const ANY_PORTS = ['--plain-port', '0', ...ANY_PORT];

const curl = (...args: string[]) => run('curl', ['-sS', '--max-time', '60', ...args]);

for (const mode of ['tcp', 'std']) {
  testWith(test, curlNeeds, `--mode ${mode} serves curl over HTTP/1.1, HTTP/2 and in clear`, async () => {
    await withServer(['-mode', mode, ...ANY_PORTS], {}, async ({ tlsPort, plainPort }) => {
      const base = `https://localhost:${tlsPort}`;
      const bodies = new Set<string>();
      for (const [flag, version] of [
        ['--http1.1', '1.1'],
        ['--http2', '2'],
      ] as const) {
        const out = await curl(flag, ...CA, '-w', '\n%{http_version} %{http_code}', `${base}/bytes/1000`);
        assert.is(out.stderr, '');
        assert.is(out.stdout.split('\n').at(-1), `${version} 200`);
        bodies.add(out.stdout.slice(0, 1000));
      }
      bodies.add((await curl(`http://localhost:${plainPort}/bytes/1000`)).stdout);
      assert.is(bodies.size, 1, 'the same page three times');
      assert.is((await curl(...CA, '-d', 'hello', `${base}/echo`)).stdout, 'hello');
      assert.is((await curl(...CA, '-o', '/dev/null', '-w', '%{http_code}', `${base}/status/418`)).stdout, '418');
      assert.is((await curl(...CA, '-o', '/dev/null', '-w', '%{http_code}', `${base}/nothing`)).stdout, '404');
      assert.match((await curl(...CA, '-I', `${base}/bytes/5`)).stdout, /content-length: 5/i);
      const delayed = await curl(...CA, '-o', '/dev/null', '-w', '%{time_total}', `${base}/delay/300`);
      assert.ok(Number(delayed.stdout) >= 0.3, `${delayed.stdout} s`);
    });
  });

  testWith(test, curlNeeds, `--mode ${mode} carries 20 MB up and down whole`, async () => {
    await withFolder(async (folder) => {
      const upload = join(folder, 'upload');
      const echoed = join(folder, 'echoed');
      writeFileSync(upload, randomFillSync(new Uint8Array(20_000_000)));
      await withServer(['--mode', mode, ...ANY_PORT], {}, async ({ tlsPort }) => {
        for (const flag of ['--http1.1', '--http2']) {
          const post = await curl(
            flag,
            ...CA,
            '--data-binary',
            `@${upload}`,
            '-o',
            echoed,
            `https://localhost:${tlsPort}/echo`,
          );
          assert.is(post.code, 0, post.stderr);
          assert.is(await sha256OfFile(echoed), await sha256OfFile(upload));
        }
      });
    });
  });
}

testWith(test, [], 'answers a client that closes its half first', async () => {
  await withServer(['--mode', 'tcp', ...ANY_PORTS], {}, async ({ plainPort }) => {
    const text = await new Promise<string>((resolve, reject) => {
      const socket = connect({ port: plainPort, host: '127.0.0.1', allowHalfOpen: true });
      let received = '';
      socket.on('data', (chunk) => {
        received += chunk;
      });
      socket.on('end', () => {
        socket.end();
        resolve(received);
      });
      socket.on('error', reject);
      socket.end('GET /bytes/3 HTTP/1.1\r\nhost: a\r\n\r\nGET /status/204 HTTP/1.1\r\nhost: a\r\n\r\n');
    });
    assert.match(text, /^HTTP\/1\.1 200 /);
    assert.match(text, /HTTP\/1\.1 204 /);
  });
});

testWith(test, [], 'a slow reader costs no memory', async () => {
  await withServer(['--mode', 'tcp', ...ANY_PORTS], {}, async ({ plainPort, peakMemoryBytes }) => {
    const socket = connect({ port: plainPort, host: '127.0.0.1' });
    socket.on('error', () => {});
    socket.pause();
    socket.write('GET /bytes/10000000000 HTTP/1.1\r\nhost: a\r\n\r\n');
    await new Promise((resolve) => setTimeout(resolve, 500));
    socket.destroy();
    assert.ok(peakMemoryBytes() < 150_000_000, `${peakMemoryBytes()} bytes resident at most`);
  });
});

testWith(
  test,
  [...curlNeeds, 'root', 'tun', 'namespaces', ...needCommands('ip', 'nsenter')],
  'the same request gives the same HTTP events in tun and in tcp mode',
  async () => {
    const events: string[][] = [];
    for (const mode of ['tun', 'tcp']) {
      const args = mode === 'tun' ? ['--mode', 'tun'] : ['--mode', 'tcp', '--port', '443', '--host', '127.0.0.1'];
      const end = await withServer([...args, '--log', 'json'], { namespace: true }, async (server) => {
        await server.client('ip', ['link', 'set', 'lo', 'up']);
        const address = mode === 'tun' ? '10.0.0.2' : '127.0.0.1';
        const resolve = ['--resolve', `wirebench.test:443:${address}`];
        for (const path of ['/', '/headers', '/status/404']) {
          const args = ['-sS', '--http2', ...CA, ...resolve, '-o', '/dev/null', `https://wirebench.test${path}`];
          const out = await server.client('curl', args);
          assert.is(out.stderr, '');
        }
        const upload = ['-sS', '--http1.1', ...CA, ...resolve, '-d', 'x=1', 'https://wirebench.test/echo'];
        assert.is((await server.client('curl', upload)).stdout, 'x=1');
      });
      events.push(
        end.stdout
          .split('\n')
          .filter((line) => line.includes('"layer":"http"'))
          .map((line) => {
            const { atUs: _atUs, flow: _flow, ...event } = JSON.parse(line) as Record<string, unknown>;
            return JSON.stringify(event);
          }),
      );
    }
    assert.is(events[0]?.length, 8);
    assert.equal(events[0], events[1]);
  },
);

testWith(test, curlNeeds, 'port 0 takes a free one and says which', async () => {
  for (const mode of ['tcp', 'std']) {
    await withServer(['--mode', mode, ...ANY_PORT], {}, async ({ tlsPort }) => {
      assert.ok(tlsPort > 0);
      const out = await curl(...CA, '-o', '/dev/null', '-w', '%{http_code}', `https://localhost:${tlsPort}/`);
      assert.is(out.stdout, '200', out.stderr);
    });
  }
});

testWith(test, [], 'a port that is in use ends in exit code 4 with advice, and costs no recording', async () => {
  await withFolder(async (folder) => {
    const file = join(folder, 'r.pcapng');
    writeFileSync(file, 'an earlier recording');
    await withServer(['--mode', 'tcp', ...ANY_PORT], {}, async ({ tlsPort }) => {
      const out = await wirebench(['serve', '--mode', 'tcp', '--port', `${tlsPort}`, '--record', file]);
      assert.is(out.code, 4);
      assert.match(out.stderr, new RegExp(`port ${tlsPort} .* in use`));
      assert.match(out.stderr, /pass another `--port N`/);
      for (const mode of ['tcp', 'std']) {
        const plain = await wirebench(['serve', '--mode', mode, '--port', '0', '--plain-port', `${tlsPort}`]);
        assert.is(plain.code, 4);
        assert.match(plain.stderr, /pass another `--plain-port N`/);
      }
    });
    assert.is(readFileSync(file, 'utf8'), 'an earlier recording');
  });
});

testWith(test, curlNeeds, 'std mode ends at once, also when answers are still to come', async () => {
  const server = await serve(['--mode', 'std', ...ANY_PORT]);
  const url = `https://localhost:${server.tlsPort}`;
  const clients = [`${url}/delay/30000`, `${url}/bytes/1000000000`].map((path) =>
    curl(...CA, '--limit-rate', '1M', '-o', '/dev/null', path),
  );
  await new Promise((resolve) => setTimeout(resolve, 300));
  const started = Date.now();
  assert.is((await server.stop()).code, 130);
  assert.ok(Date.now() - started < 5_000, `${Date.now() - started} ms`);
  for (const client of clients) assert.is.not((await client).code, 0);
});

testWith(
  test,
  ['root', ...needCommands('setpriv', 'curl')],
  'an unprivileged user gets advice for tun, and tcp mode and replay',
  async () => {
    // No privilege but to read, as the folder of the checkout may be root's alone.
    const asNobody = [
      ...['--reuid=65534', '--regid=65534', '--clear-groups', '--no-new-privs'],
      ...[
        '--inh-caps=-all,+dac_read_search',
        '--ambient-caps=-all,+dac_read_search',
        '--bounding-set=-all,+dac_read_search',
      ],
    ];
    const nobody = (...args: string[]) =>
      run('setpriv', [...asNobody, process.execPath, mainScript, ...args], { env: { NODE_V8_COVERAGE: '' } });
    const tun = await nobody('serve');
    assert.is(tun.code, 4);
    assert.match(tun.stderr, /chmod 0666 \/dev\/net\/tun/);
    assert.match(tun.stderr, /--mode tcp/);
    const replay = await nobody('replay', 'fixtures/captures/h2.pcapng');
    assert.is(replay.code, 0, replay.stderr);
    assert.match(replay.stdout, /identical/);
    const wrapped = { through: ['setpriv', ...asNobody], env: { NODE_V8_COVERAGE: '' } };
    const end = await withServer(['--mode', 'tcp', ...ANY_PORT], wrapped, async ({ tlsPort }) => {
      const out = await curl(...CA, '-o', '/dev/null', '-w', '%{http_code}', `https://localhost:${tlsPort}/bytes/3`);
      assert.is(out.stdout, '200', out.stderr);
    });
    assert.is(end.code, 130);
  },
);

test.run();
