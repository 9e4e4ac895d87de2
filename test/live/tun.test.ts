// Real clients against the whole stack on a TUN device, in a network namespace of the test's own.

import { randomFillSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { certificateFile, mainScript, type Server, serve, sha256OfFile, withFolder } from '../support/live.js';
import { met, needCommands, testWith } from '../support/needs.js';

const test = suite('tun');
const needs = ['root', 'tun', 'namespaces', ...needCommands('ip', 'nsenter')] as const;
const CA = ['--cacert', certificateFile];
const MEGABYTE = 1_000_000;

let server: Server;

test.before(async () => {
  if (met(needs)) server = await serve(['--mode', 'tun', '--log', 'none'], { namespace: true });
});

test.after(async () => {
  if (!met(needs)) return;
  const end = await server.stop();
  if (end.code !== 130) throw new Error(`the server ended with ${end.code}: ${end.stderr}`);
});

async function curl(...args: string[]) {
  return server.client('curl', ['-sS', '--max-time', '60', ...args]);
}

testWith(test, [...needs, ...needCommands('ping')], 'answers ping', async () => {
  const { stdout } = await server.client('ping', ['-c3', '-i0.2', '-W2', '10.0.0.2']);
  assert.match(stdout, /3 received, 0% packet loss/);
});

testWith(test, [...needs, ...needCommands('ping')], 'answers ping with a payload of 1400 bytes', async () => {
  const { stdout } = await server.client('ping', ['-c1', '-W2', '-s1400', '10.0.0.2']);
  assert.match(stdout, /1 received, 0% packet loss/);
});

testWith(test, [...needs, ...needCommands('curl')], 'serves curl over HTTP/1.1 in clear', async () => {
  const { stdout, code } = await curl('-w', '%{http_version} %{http_code}', '-o', '/dev/null', 'http://10.0.0.2/');
  assert.is(code, 0);
  assert.is(stdout, '1.1 200');
});

for (const [flag, version] of [
  ['--http1.1', '1.1'],
  ['--http2', '2'],
] as const) {
  testWith(test, [...needs, ...needCommands('curl')], `serves curl over TLS with ${flag}`, async () => {
    const out = await curl(flag, ...CA, '-w', '%{http_version} %{http_code}', '-o', '/dev/null', 'https://10.0.0.2/');
    assert.is(out.stderr, '');
    assert.is(out.stdout, `${version} 200`);
  });
}

for (const [flag, lines] of [
  [
    '-tls1_2',
    [
      /Cipher is ECDHE-RSA-AES128-GCM-SHA256/,
      /Secure Renegotiation IS supported/,
      /Verify return code: 0 \(ok\)/,
      /Extended master secret: yes/,
    ],
  ],
  ['-tls1_3', [/Cipher is TLS_AES_128_GCM_SHA256/, /Verify return code: 0 \(ok\)/]],
] as const) {
  testWith(
    test,
    [...needs, ...needCommands('openssl')],
    `completes a handshake with openssl s_client ${flag}`,
    async () => {
      const { stdout, code } = await server.client('openssl', [
        ...['s_client', flag, '-connect', '10.0.0.2:443', '-alpn', 'h2', '-CAfile', certificateFile],
        '-verify_return_error',
      ]);
      assert.is(code, 0, stdout);
      assert.match(stdout, /ALPN protocol: h2/);
      for (const line of lines) assert.match(stdout, line);
    },
  );
}

testWith(test, [...needs, ...needCommands('nghttp')], 'answers 20 requests of nghttp on one connection', async () => {
  const urls = Array.from({ length: 20 }, (_, i) => `https://10.0.0.2/bytes/${i + 1}`);
  const { stdout, code } = await server.client('nghttp', ['-v', ...urls]);
  assert.is(code, 0);
  assert.is(stdout.match(/recv \(stream_id=\d+\) :status: 200/g)?.length, 20);
  assert.is(stdout.match(/Connected/g)?.length, 1);
});

testWith(test, [...needs, ...needCommands('curl')], 'sends 100 MB whole, and gets 100 MB back whole', async () => {
  await withFolder(async (folder) => {
    const [upload, echoed, down] = ['upload', 'echoed', 'down'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(upload, randomFillSync(new Uint8Array(100 * MEGABYTE)));
    const post = await curl('--http2', ...CA, '--data-binary', `@${upload}`, '-o', echoed, 'https://10.0.0.2/echo');
    assert.is(post.code, 0, post.stderr);
    assert.is(await sha256OfFile(echoed), await sha256OfFile(upload));
    const sums = new Set<string>();
    for (const version of ['--http2', '--http1.1']) {
      const get = await curl(version, ...CA, '-o', down, `https://10.0.0.2/bytes/${100 * MEGABYTE}`);
      assert.is(get.code, 0, get.stderr);
      assert.is(readFileSync(down).length, 100 * MEGABYTE);
      sums.add(await sha256OfFile(down));
    }
    assert.is(sums.size, 1, 'both versions give the same bytes');
  });
  const megabytes = server.peakMemoryBytes() / MEGABYTE;
  assert.ok(megabytes < 200, `${megabytes.toFixed(0)} MB resident at most`);
});

testWith(test, [...needs, ...needCommands('curl')], 'serves 200 curls one after the other', async () => {
  const script =
    'for i in $(seq 200); do curl -sS --max-time 20 --cacert "$0" -o /dev/null -w "%{http_code}\\n" https://10.0.0.2/; done';
  const { stdout } = await server.client('bash', ['-c', script, certificateFile], { timeoutMs: 180_000 });
  assert.is(stdout.match(/^200$/gm)?.length, 200);
});

testWith(test, [...needs, ...needCommands('curl')], 'serves 50 curls at once', async () => {
  const all = await Promise.all(
    Array.from({ length: 50 }, () =>
      curl(...CA, '-o', '/dev/null', '-w', '%{http_code}', 'https://10.0.0.2/bytes/100000'),
    ),
  );
  assert.equal([...new Set(all.map((out) => out.stdout))], ['200']);
});

testWith(
  test,
  [...needs, ...needCommands('h2load')],
  'serves 10,000 requests of h2load without a failure',
  async () => {
    const { stdout } = await server.client('h2load', ['-n', '10000', '-c', '10', '-m', '50', 'https://10.0.0.2/']);
    assert.match(stdout, /10000 total, 10000 started, 10000 done, 10000 succeeded, 0 failed, 0 errored, 0 timeout/);
    assert.match(stdout, /10000 2xx/);
  },
);

testWith(test, [...needs, ...needCommands('curl')], 'refuses a closed port at once', async () => {
  const { code, stderr } = await curl('http://10.0.0.2:81/');
  assert.is(code, 7);
  assert.match(stderr, /refused|Couldn't connect/);
});

testWith(
  test,
  [...needs, ...needCommands('curl')],
  'keeps the peers apart: an aborted download hurts nobody',
  async () => {
    const aborted = curl(
      ...CA,
      '--max-time',
      '0.3',
      '--limit-rate',
      '1M',
      '-o',
      '/dev/null',
      'https://10.0.0.2/bytes/1000000000',
    );
    const others = Array.from({ length: 5 }, () =>
      curl(...CA, 'https://10.0.0.2/bytes/10', '-o', '/dev/null', '-w', '%{http_code}'),
    );
    assert.is((await aborted).code, 28);
    for (const other of others) assert.is((await other).stdout, '200');
  },
);

testWith(test, needs, 'a second server: not on the same device, and told when another has its network', async () => {
  const beside = ['--log', 'none', '--dev', 'wb1'];
  const through = ['nsenter', '-t', `${server.pid}`, '-n'];
  const same = await server.client(process.execPath, [mainScript, 'serve', '--log', 'none']);
  assert.is(same.code, 4, same.stderr);
  assert.match(same.stderr, /the TUN device wb0 is in use\n.*`--dev NAME` with addresses of its own/);

  const deaf = await serve([...beside, '--local-ip', '10.1.0.1', '--remote-ip', '10.1.0.2'], { through });
  await deaf.stop();
  assert.match(deaf.stderr(), /^wirebench: this host sends packets for fd00::2 to wb0, not to wb1: .*--local-ip6/);
  assert.not.match(deaf.stderr(), /packets for 10\./);

  const apart = ['--local-ip', '10.1.0.1', '--remote-ip', '10.1.0.2', '--no-ip6'];
  const other = await serve([...beside, ...apart], { through });
  await other.stop();
  assert.match(other.stderr(), /^wirebench: listening on 10\.1\.0\.2 /);
});

test.run();
