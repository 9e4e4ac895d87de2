// Records the bundled captures anew: each with real clients against a live server, tun mode in a network namespace of its
// own. Writes fixtures/captures/*.pcapng, two tcpdump captures of the same runs, the golden logs and README.md (lineage).
// Needs root, curl, tcpdump, iproute2, util-linux; run `npm run setup` first.
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

/** `run` is a shell command in the server's network; $CURL is curl with the certificate, $UPLOAD a file of 300 kB. */
const FIXTURES = [
  { name: 'h1-plain', what: 'HTTP/1.1 on port 80', run: '$CURL http://10.0.0.2/', tcpdump: true },
  { name: 'h1-tls', what: 'HTTPS, HTTP/1.1', run: '$CURL --http1.1 https://10.0.0.2/headers' },
  { name: 'h2', what: 'HTTPS, HTTP/2', run: '$CURL --http2 https://10.0.0.2/', tcpdump: true },
  {
    name: 'h2-three',
    what: 'three HTTP/2 requests on one connection',
    run: '$CURL --http2 https://10.0.0.2/ https://10.0.0.2/headers https://10.0.0.2/bytes/2000',
  },
  {
    name: 'h2-parallel',
    what: 'eight HTTP/2 requests at once',
    run: '$CURL --http2 -Z "https://10.0.0.2/bytes/[1000-8000:1000]"',
  },
  {
    name: 'h2-post-300k',
    what: 'a POST of 300 kB to /echo, which comes back while it is sent',
    run: '$CURL --http2 --data-binary @$UPLOAD https://10.0.0.2/echo',
  },
  { name: 'h2-download-1m', what: 'a download of 1 MB', run: '$CURL --http2 https://10.0.0.2/bytes/1000000' },
  {
    name: 'h2-head-404',
    what: 'HEAD, then a page that is not there',
    run: '$CURL --http2 -I https://10.0.0.2/bytes/10; $CURL --http2 https://10.0.0.2/nowhere',
  },
  {
    name: 'h2-delay',
    what: 'an answer that waits 150 ms of logical time',
    run: '$CURL --http2 https://10.0.0.2/delay/150',
  },
  {
    name: 'h2-aborted',
    what: 'a client that leaves in the middle of a download',
    run: '$CURL --http2 https://10.0.0.2/bytes/400000 -o - | head -c 30000',
  },
  {
    name: 'tls-no-common-suite',
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
    what: 'HTTPS, HTTP/2 in tcp mode',
    mode: 'tcp',
    run: '$CURL --http2 https://localhost:18843/ https://localhost:18843/bytes/5000',
  },
];

/** For the tests of comparison, which damage them: no golden logs, one seed. */
const COMPARED = [
  {
    name: 'tun',
    run:
      'ping -c1 10.0.0.2; $CURL http://10.0.0.2/; $CURL -I http://10.0.0.2/ http://10.0.0.2/bytes/100; ' +
      '$CURL --http2 https://10.0.0.2/ https://10.0.0.2/bytes/3000; $CURL --http1.1 https://10.0.0.2/headers',
  },
  {
    name: 'tcp',
    mode: 'tcp',
    run: '$CURL --http2 https://localhost:18843/; $CURL --http1.1 https://localhost:18843/bytes/2000',
  },
].map((fixture) => ({ ...fixture, folder: 'fixtures/compare', seed: 'compare' }));

const DEVICE = 'wb0';
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function record(fixture) {
  const file = join(root, fixture.folder ?? 'fixtures/captures', `${fixture.name}.pcapng`);
  const tun = fixture.mode !== 'tcp';
  const serve = [main, 'serve', '--log', 'none', '--seed', fixture.seed ?? `fixture ${fixture.name}`, '--record', file];
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
  const env = {
    ...process.env,
    CURL: `curl -sS --max-time 20 --cacert ${join(root, CA)}`,
    UPLOAD: join(scratch, 'upload'),
  };
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
  if (wanted.length === 0 || wanted.includes(fixture.name)) await record(fixture);

const version = (command, ...args) => spawnSync(command, args, { encoding: 'utf8' }).stdout.split('\n')[0];
const rows = FIXTURES.map(({ name, what, mode, run, tcpdump }) => {
  const packets = readFileSync(join(folder, `${name}.jsonl`), 'utf8').split('\n').length - 2;
  const extra = tcpdump ? `, also as ${name}.tcpdump.pcap` : '';
  return `| ${name} | ${what} | ${mode ?? 'tun'}${extra} | \`${run.replaceAll('|', '\\|')}\` | ${packets} |`;
});
writeFileSync(
  join(folder, 'README.md'),
  `# Bundled captures

Each NAME.pcapng was recorded by \`wirebench serve --record\` under a real client; NAME.jsonl and NAME.log are its golden logs
(\`wirebench replay --update\` writes them). NAME.tcpdump.pcap was taken by tcpdump on the TUN device during the same run. The
recordings hold the secrets of their connections, which were made for this purpose.

Lineage: recorded ${new Date().toISOString().slice(0, 10)} on Linux by \`node tools/record-fixtures.mjs\`; ${version('curl', '--version')}; seed: \`fixture NAME\`.
\`$CURL\` is \`curl -sS --max-time 20 --cacert ${CA}\`, \`$UPLOAD\` a text file of 300,000 bytes.

| name | what | mode | command | events |
|---|---|---|---|---|
${rows.join('\n')}
`,
);
rmSync(scratch, { recursive: true });
