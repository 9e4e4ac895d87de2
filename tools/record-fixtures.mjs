// Records the bundled captures anew: each with real clients against a live server, tun mode in a network namespace of its
// own. Writes fixtures/captures/*.pcapng, two tcpdump captures of the same runs, the golden logs and README.md (lineage).
// Needs root, curl, openssl, tcpdump, iproute2, util-linux; run `npm run setup` first.
//
//   node tools/record-fixtures.mjs [name ...]     default: all

import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const main = join(root, 'dist/src/cli/main.js');
const folder = join(root, 'fixtures/captures');
const scratch = mkdtempSync(join(tmpdir(), 'wirebench-fixtures-'));
const CA = 'fixtures/keys/server.cert.pem';
writeFileSync(join(scratch, 'upload'), Buffer.alloc(300_000, (() => 'The quick brown fox. ')()));

const TLS_1_2 = ['--tls-max', '1.2'];

/**
 * `run` is a shell command in the server's network; $CURL is curl with the certificate, $UPLOAD a file of 300 kB. `serve`:
 * further options of the server. `first`: recorded before there were any of them, and kept as it is, to show that what was
 * recorded then is still replayed.
 */
const FIXTURES = [
  { name: 'h1-plain', what: 'HTTP/1.1 on port 80', run: '$CURL http://10.0.0.2/', tcpdump: true },
  { name: 'h1-tls', first: true, what: 'HTTPS, HTTP/1.1', run: '$CURL --http1.1 https://10.0.0.2/headers' },
  { name: 'h2', serve: TLS_1_2, what: 'HTTPS, HTTP/2', run: '$CURL --http2 https://10.0.0.2/', tcpdump: true },
  {
    name: 'h2-three',
    serve: TLS_1_2,
    what: 'three HTTP/2 requests on one connection',
    run: '$CURL --http2 https://10.0.0.2/ https://10.0.0.2/headers https://10.0.0.2/bytes/2000',
  },
  {
    name: 'h2-parallel',
    serve: TLS_1_2,
    what: 'eight HTTP/2 requests at once',
    run: '$CURL --http2 -Z "https://10.0.0.2/bytes/[1000-8000:1000]"',
  },
  {
    name: 'h2-post-300k',
    serve: TLS_1_2,
    what: 'a POST of 300 kB to /echo, which comes back while it is sent',
    run: '$CURL --http2 --data-binary @$UPLOAD https://10.0.0.2/echo',
  },
  {
    name: 'h2-download-1m',
    serve: TLS_1_2,
    what: 'a download of 1 MB',
    run: '$CURL --http2 https://10.0.0.2/bytes/1000000',
  },
  {
    name: 'h2-head-404',
    serve: TLS_1_2,
    what: 'HEAD, then a page that is not there',
    run: '$CURL --http2 -I https://10.0.0.2/bytes/10; $CURL --http2 https://10.0.0.2/nowhere',
  },
  {
    name: 'h2-delay',
    serve: TLS_1_2,
    what: 'an answer that waits 150 ms of logical time',
    run: '$CURL --http2 https://10.0.0.2/delay/150',
  },
  {
    name: 'h2-aborted',
    serve: TLS_1_2,
    what: 'a client that leaves in the middle of a download',
    run: '$CURL --http2 https://10.0.0.2/bytes/400000 -o - | head -c 30000',
  },
  {
    name: 'tls-no-common-suite',
    first: true,
    what: 'a TLS client that offers no suite of ours',
    run: '$CURL --ciphers ECDHE-RSA-AES256-GCM-SHA384 https://10.0.0.2/',
  },
  {
    name: 'h1-pipelined',
    what: 'two requests in one segment, pipelined',
    run: 'printf "GET /bytes/3 HTTP/1.1\\r\\nHost: 10.0.0.2\\r\\n\\r\\nGET /status/204 HTTP/1.1\\r\\nHost: 10.0.0.2\\r\\nConnection: close\\r\\n\\r\\n" | timeout 5 bash -c "exec 3<>/dev/tcp/10.0.0.2/80; cat >&3; cat <&3"',
  },
  {
    name: 'ping-and-closed-port',
    what: 'ping, and a connection to a port where nobody listens',
    run: 'ping -c2 -i0.2 10.0.0.2; curl -sS http://10.0.0.2:81/',
  },
  {
    name: 'tcp-mode-h2',
    serve: TLS_1_2,
    what: 'HTTPS, HTTP/2 in tcp mode',
    mode: 'tcp',
    run: '$CURL --http2 https://localhost:18843/ https://localhost:18843/bytes/5000',
  },
  { name: 'tls13-h2', what: 'TLS 1.3, HTTP/2', run: '$CURL --tlsv1.3 --http2 https://10.0.0.2/' },
  {
    name: 'tls13-resumed',
    what: 'TLS 1.3: a connection, and another that resumes it by its ticket, in tcp mode',
    mode: 'tcp',
    run:
      '$REQUEST | $S_CLIENT -connect localhost:18843 -tls1_3 -sess_out $SESSION; ' +
      '$REQUEST | $S_CLIENT -connect localhost:18843 -tls1_3 -sess_in $SESSION',
  },
  {
    name: 'tls13-hello-retry',
    what: 'TLS 1.3: a HelloRetryRequest, as the client guesses another group than the server has',
    serve: ['--groups', 'P-384'],
    run: '$CURL --tlsv1.3 --curves X25519:P-384 --http2 https://10.0.0.2/bytes/100',
  },
  {
    name: 'tls13-ecdsa',
    what: 'TLS 1.3 with an ECDSA certificate',
    serve: ['--cert', 'fixtures/keys/server-ecdsa.cert.pem', '--key', 'fixtures/keys/server-ecdsa.key.pem'],
    run: 'curl -sS --max-time 20 --cacert fixtures/keys/server-ecdsa.cert.pem --http2 https://10.0.0.2/bytes/100',
  },
  {
    name: 'tls13-client-certificate',
    what: 'TLS 1.3: a client with a certificate, and one without, where one is required',
    serve: ['--client-ca', '$CERTS/ca.cert.pem'],
    run:
      '$CURL --cert $CERTS/client.cert.pem --key $CERTS/client.key.pem --http2 https://10.0.0.2/bytes/100; ' +
      '$CURL --http2 https://10.0.0.2/bytes/100',
  },
  {
    name: 'tls13-key-update',
    what: 'TLS 1.3 with a key update that the client asks for',
    run:
      '(echo K; sleep 0.3; printf "GET /headers HTTP/1.1\\r\\nHost: 10.0.0.2\\r\\nConnection: close\\r\\n\\r\\n"; sleep 0.3) | ' +
      'openssl s_client -connect 10.0.0.2:443 -alpn http/1.1',
  },
  {
    name: 'tls12-ecdsa-chacha20',
    what: 'TLS 1.2 with an ECDSA certificate and ChaCha20-Poly1305',
    serve: [...TLS_1_2, '--cert', 'fixtures/keys/server-ecdsa.cert.pem', '--key', 'fixtures/keys/server-ecdsa.key.pem'],
    run: 'curl -sS --cacert fixtures/keys/server-ecdsa.cert.pem --ciphers ECDHE-ECDSA-CHACHA20-POLY1305 https://10.0.0.2/headers',
  },
  {
    name: 'h2c-ranges',
    what: 'HTTP/2 in clear with prior knowledge: a range, a condition, trailers',
    run: '$CURL --http2-prior-knowledge -r 100-199 http://10.0.0.2/bytes/1000; $CURL --http2-prior-knowledge http://10.0.0.2/trailers',
  },
  {
    name: 'tls12-ticket',
    what: 'TLS 1.2: a connection, and another that resumes it by its ticket',
    run:
      '$REQUEST | $S_CLIENT -connect 10.0.0.2:443 -tls1_2 -sess_out $SESSION; ' +
      '$REQUEST | $S_CLIENT -connect 10.0.0.2:443 -tls1_2 -sess_in $SESSION',
  },
];

/** What the commands stand on; the README tells of them. */
const CERTS = join(scratch, 'certs');
spawnSync(process.execPath, [main, 'cert', '--type', 'ecdsa', '--client', 'alice', '--out', CERTS]);
const ENVIRONMENT = {
  CURL: `curl -sS --max-time 20 --cacert ${join(root, CA)}`,
  UPLOAD: join(scratch, 'upload'),
  S_CLIENT: `openssl s_client -CAfile ${join(root, CA)} -alpn http/1.1 -ign_eof`,
  REQUEST: `printf GET\\040/bytes/100\\040HTTP/1.1\\r\\nHost:\\04010.0.0.2\\r\\nConnection:\\040close\\r\\n\\r\\n`,
  SESSION: join(scratch, 'session.pem'),
  CERTS,
};

/** For the tests of comparison, which damage them: no golden logs, one seed. */
const COMPARED = [
  {
    name: 'tun',
    run:
      'ping -c1 10.0.0.2; $CURL http://10.0.0.2/; $CURL -I http://10.0.0.2/ http://10.0.0.2/bytes/100; ' +
      '$CURL --http2 https://10.0.0.2/headers https://10.0.0.2/bytes/3000; $CURL --http1.1 https://10.0.0.2/headers',
  },
  {
    name: 'tcp',
    mode: 'tcp',
    run: '$CURL --http2 https://localhost:18843/; $CURL --http1.1 https://localhost:18843/bytes/2000',
  },
].map((fixture) => ({
  ...fixture,
  folder: 'fixtures/compare',
  seed: 'compare',
  serve: [...TLS_1_2, '--no-resumption'],
}));

const DEVICE = 'wb0';
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function record(fixture) {
  const file = join(root, fixture.folder ?? 'fixtures/captures', `${fixture.name}.pcapng`);
  const tun = fixture.mode !== 'tcp';
  const more = (fixture.serve ?? []).map((word) => word.replace('$CERTS', CERTS));
  const seed = fixture.seed ?? `fixture ${fixture.name}`;
  const serve = [main, 'serve', '--log', 'none', '--seed', seed, '--record', file, '--force', ...more];
  const argv = tun
    ? ['unshare', '--net', process.execPath, ...serve, '--dev', DEVICE, '--no-offload']
    : [process.execPath, ...serve, '--mode', 'tcp', '--port', '18843'];
  const server = spawn(argv[0], argv.slice(1), { stdio: ['ignore', 'ignore', 'pipe'], cwd: root });
  let stderr = '';
  server.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const ended = new Promise((resolve) => server.once('exit', resolve));
  for (let i = 0; i < 200 && !stderr.includes('listening on'); i++) await sleep(25);
  const inside = tun ? ['nsenter', '-t', `${server.pid}`, '-n'] : [];
  const env = { ...process.env, ...ENVIRONMENT };
  let dump;
  if (fixture.tcpdump) {
    const args = [
      ...inside,
      'tcpdump',
      '-i',
      DEVICE,
      '-Z',
      'root',
      '--immediate-mode',
      '-U',
      '-w',
      join(folder, `${fixture.name}.tcpdump.pcap`),
    ];
    dump = spawn(args[0], args.slice(1), { stdio: 'ignore' });
    await sleep(1000);
  }
  const command = [...inside, 'bash', '-c', fixture.run];
  spawnSync(command[0], command.slice(1), { env, cwd: root, stdio: 'ignore' });
  await sleep(200);
  if (dump) {
    await sleep(500);
    const dumped = new Promise((resolve) => dump.once('exit', resolve));
    dump.kill('SIGINT');
    await dumped;
  }
  server.kill('SIGINT');
  await ended;
  const replay = spawnSync(process.execPath, [main, 'replay', file, ...(fixture.folder ? [] : ['--update'])], {
    encoding: 'utf8',
    cwd: root,
  });
  process.stdout.write(replay.stdout + replay.stderr);
  if (replay.status !== 0) process.exitCode = 1;
}

const wanted = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
for (const fixture of [...FIXTURES, ...COMPARED])
  if (wanted.length === 0 ? !fixture.first : wanted.includes(fixture.name)) await record(fixture);

const version = (command, ...args) => spawnSync(command, args, { encoding: 'utf8' }).stdout.split('\n')[0];
const rows = FIXTURES.map(({ name, what, mode, serve, run, tcpdump, first }) => {
  const packets = readFileSync(join(folder, `${name}.jsonl`), 'utf8').split('\n').length - 2;
  const extra = tcpdump ? `, also as ${name}.tcpdump.pcap` : '';
  const kept = first ? ', kept as it was first recorded' : '';
  const options = serve === undefined ? '' : `, \`${serve.join(' ')}\``;
  return `| ${name} | ${what} | ${mode ?? 'tun'}${extra}${options}${kept} | \`${run.replaceAll('|', '\\|')}\` | ${packets} |`;
});
writeFileSync(
  join(folder, 'README.md'),
  `# Bundled captures

Each NAME.pcapng was recorded by \`wirebench serve --record\` under a real client; NAME.jsonl and NAME.log are its golden logs
(\`wirebench replay --update\` writes them). NAME.tcpdump.pcap was taken by tcpdump on the TUN device during the same run. The
recordings hold the secrets of their connections, which were made for this purpose.

Lineage: recorded ${new Date().toISOString().slice(0, 10)} on Linux by \`node tools/record-fixtures.mjs\`; ${version('curl', '--version')}; seed: \`fixture NAME\`.
\`$CURL\` is \`curl -sS --max-time 20 --cacert ${CA}\`, \`$UPLOAD\` a text file of 300,000 bytes, \`$S_CLIENT\` is
\`openssl s_client -CAfile ${CA} -alpn http/1.1 -ign_eof\`, \`$REQUEST\` prints a GET for /bytes/100 that closes the connection,
\`$SESSION\` is a file, \`$CERTS\` what \`wirebench cert --type ecdsa --client alice\` made.

| name | what | mode | command | events |
|---|---|---|---|---|
${rows.join('\n')}
`,
);
rmSync(scratch, { recursive: true });
