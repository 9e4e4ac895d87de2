// Records fixtures/foreign anew: real clients against servers that are not ours, by tcpdump in a network namespace, with the client's
// TLS secrets put into the capture. Writes the captures, lineage.json and README.md. The inspector and re-execution are tested on
// them. Needs root, util-linux, iproute2 and the Debian packages apache2 curl gnutls-bin h2o nghttp2-client nghttp2-server
// nginx-light openssl tcpdump wireshark-common.
//
//   node tools/record-foreign.mjs [name ...]     default: all

import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
if (process.env.WIREBENCH_IN_NAMESPACE !== '1') {
  const env = { ...process.env, WIREBENCH_IN_NAMESPACE: '1' };
  const inner = ['--net', process.execPath, fileURLToPath(import.meta.url), ...process.argv.slice(2)];
  const { status } = spawnSync('unshare', inner, { stdio: 'inherit', env });
  process.exit(status ?? 1);
}

const folder = join(root, 'fixtures/foreign');
const keys = join(root, 'fixtures/keys');
const scratch = mkdtempSync(join(tmpdir(), 'wirebench-foreign-'));
const www = join(scratch, 'www');
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

function sh(command, options = {}) {
  const { status, stdout, stderr } = spawnSync('bash', ['-c', command], {
    encoding: 'utf8',
    timeout: 30_000,
    ...options,
  });
  if (status !== 0 && !options.mayFail) throw new Error(`${command}\nended with ${status}: ${stdout}${stderr}`);
  return stdout + stderr;
}

// ---- what is served: places that the built-in site of ours has, too ----

mkdirSync(join(www, 'bytes'), { recursive: true });
const words = Buffer.alloc(60_000, 'All that is gold does not glitter, not all those who wander are lost. ');
for (const count of [500, 1000, 2000, 3000, 4000, 5000, 6000, 20_000, 60_000]) {
  writeFileSync(join(www, 'bytes', `${count}`), words.subarray(0, count));
}
writeFileSync(
  join(www, 'index.html'),
  `<!doctype html>\n<title>a page</title>\n${'<p>Some text that packs well.\n'.repeat(40)}`,
);
writeFileSync(join(www, 'headers'), '{"a": "file"}\n');
writeFileSync(join(scratch, 'upload'), words.subarray(0, 30_000));
sh(`chmod -R a+rX ${scratch}`);

const nginxConf = join(scratch, 'nginx.conf');
writeFileSync(
  nginxConf,
  `daemon off; pid ${scratch}/nginx.pid; error_log ${scratch}/nginx.log; user root; worker_processes 1;
events { worker_connections 64; }
http {
  access_log off; gzip on; gzip_types *; default_type text/plain; root ${www}; types { text/html html; }
  client_body_temp_path ${scratch}/b; proxy_temp_path ${scratch}/p; fastcgi_temp_path ${scratch}/f; uwsgi_temp_path ${scratch}/u; scgi_temp_path ${scratch}/s;
  server {
    listen 443 ssl http2; listen [::]:443 ssl http2; listen 80;
    ssl_certificate ${keys}/server.cert.pem; ssl_certificate_key ${keys}/server.key.pem;
    ssl_protocols TLSv1.2 TLSv1.3; ssl_ciphers ECDHE+AESGCM:ECDHE+CHACHA20:AES128-GCM-SHA256; ssl_session_tickets on;
    location = /status/404 { return 404; }
    location = /status/204 { return 204; }
    location = /redirect/1 { return 302 /redirect/0; }
    location = /redirect/0 { return 200 "there\\n"; }
  }
  server {
    listen 8080 http2;
    location = / { http2_push /bytes/2000; try_files /index.html =404; }
  }
}
`,
);
const h2oConf = join(scratch, 'h2o.conf');
writeFileSync(
  h2oConf,
  `user: root
listen: { port: 443, ssl: { certificate-file: ${keys}/server.cert.pem, key-file: ${keys}/server.key.pem, minimum-version: TLSv1.2, cipher-preference: server, cipher-suite: "ECDHE-RSA-CHACHA20-POLY1305:ECDHE-RSA-AES128-GCM-SHA256" } }
hosts: { default: { paths: { "/": { file.dir: ${www} } } } }
`,
);
const apacheConf = join(scratch, 'apache.conf');
writeFileSync(
  apacheConf,
  `ServerRoot ${scratch}
ServerName localhost
PidFile ${scratch}/apache.pid
ErrorLog ${scratch}/apache.log
Mutex file:${scratch}
Listen 443
${['mpm_event', 'authz_core', 'ssl', 'socache_shmcb', 'http2', 'dir', 'mime', 'alias'].map((m) => `LoadModule ${m}_module /usr/lib/apache2/modules/mod_${m}.so`).join('\n')}
TypesConfig /etc/mime.types
User www-data
Group www-data
Protocols h2 http/1.1
DocumentRoot ${www}
<Directory ${www}>
Require all granted
</Directory>
Redirect 404 /status/404
<VirtualHost *:443>
SSLEngine on
SSLCertificateFile ${keys}/server-ecdsa.cert.pem
SSLCertificateKeyFile ${keys}/server-ecdsa.key.pem
</VirtualHost>
`,
);
const nodeServer = join(scratch, 'server.mjs');
writeFileSync(
  nodeServer,
  `import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createSecureServer } from 'node:http2';
const body = readFileSync(${JSON.stringify(join(www, 'bytes/60000'))});
const answer = (request, response) => {
  const [, place, n] = request.url.split('/');
  if (place === 'echo') return request.pipe(response);
  if (place === 'bytes') return response.end(body.subarray(0, Number(n)));
  if (place === 'status') { response.statusCode = Number(n); return response.end(); }
  if (place === 'trailers') {
    response.setHeader('trailer', 'x-checksum');
    response.write('content, and behind it a trailer field\\n');
    response.addTrailers({ 'x-checksum': 'abc' });
    return response.end();
  }
  response.end('a page\\n');
};
const tls = { cert: readFileSync(${JSON.stringify(`${keys}/server.cert.pem`)}), key: readFileSync(${JSON.stringify(`${keys}/server.key.pem`)}) };
createSecureServer({ ...tls, allowHTTP1: true }, answer).listen(443, '::');
createServer(answer).listen(80, '::');
`,
);

const SERVERS = {
  nginx: { command: ['nginx', '-c', nginxConf], version: () => sh('nginx -v') },
  nghttpd: {
    command: ['nghttpd', '-d', www, '--echo-upload', '443', `${keys}/server.key.pem`, `${keys}/server.cert.pem`],
    version: () => sh('nghttpd --version'),
  },
  'nghttpd-clear': {
    command: ['nghttpd', '-d', www, '--no-tls', '8080'],
    version: () => sh('nghttpd --version'),
  },
  h2o: { command: ['h2o', '-c', h2oConf], version: () => sh('h2o --version').split('\n')[0] },
  apache: { command: ['apache2', '-DFOREGROUND', '-f', apacheConf], version: () => sh('apache2 -v').split('\n')[0] },
  node: { command: [process.execPath, nodeServer], version: () => `Node.js ${process.version}` },
  's_server-384': {
    command: [
      ...['openssl', 's_server', '-accept', '443', '-WWW', '-quiet', '-groups', 'P-384'],
      ...['-cert', `${keys}/server.cert.pem`, '-key', `${keys}/server.key.pem`],
    ],
    version: () => sh('openssl version'),
    cwd: www,
  },
  's_server-12': {
    command: [
      ...[
        'openssl',
        's_server',
        '-accept',
        '443',
        '-WWW',
        '-quiet',
        '-tls1_2',
        '-cipher',
        'ECDHE-RSA-AES256-GCM-SHA384',
      ],
      ...['-cert', `${keys}/server.cert.pem`, '-key', `${keys}/server.key.pem`],
    ],
    version: () => sh('openssl version'),
    cwd: www,
  },
};

const CURL = `curl -sS -o /dev/null --cacert ${keys}/server.cert.pem`;
const AT = 'https://127.0.0.1';
const AES128 = '--tls-max 1.2 --ciphers ECDHE-RSA-AES128-GCM-SHA256';
const GET = (path) => `printf 'GET ${path} HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\n\\r\\n'`;

/** \`cut\`: what editcap does to the capture afterwards. */
const FIXTURES = [
  {
    name: 'nginx-h2-tls12',
    server: 'nginx',
    what: 'HTTP/2 over TLS 1.2, three requests',
    run: `${CURL} --http2 ${AES128} ${AT}/ ${AT}/bytes/20000 ${AT}/headers`,
  },
  {
    name: 'nginx-h2-tls13',
    server: 'nginx',
    what: 'HTTP/2 over TLS 1.3: a page, a 404, a redirection',
    run: `${CURL} --http2 ${AT}/ ${AT}/status/404 ${AT}/redirect/1`,
  },
  {
    name: 'nginx-h1-tls12',
    server: 'nginx',
    what: 'HTTP/1.1 over TLS 1.2, kept alive; HEAD',
    run: `${CURL} --http1.1 ${AES128} ${AT}/bytes/20000 ${AT}/headers; ${CURL} --http1.1 ${AES128} -I ${AT}/`,
  },
  {
    name: 'nginx-h1-plain-gzip',
    server: 'nginx',
    what: 'HTTP/1.1 in clear, content coded with gzip in chunks',
    run: `${CURL} --compressed http://127.0.0.1/ http://127.0.0.1/bytes/3000 http://127.0.0.1/status/204`,
  },
  {
    name: 'nginx-h2c',
    server: 'nginx',
    what: 'HTTP/2 in clear, by prior knowledge',
    port: 8080,
    run: `${CURL} --http2-prior-knowledge http://127.0.0.1:8080/bytes/5000`,
  },
  {
    name: 'nginx-push',
    server: 'nginx',
    what: 'a pushed response',
    port: 8080,
    run: `nghttp -n http://127.0.0.1:8080/`,
  },
  {
    name: 'nginx-tls12-rsa-kx',
    server: 'nginx',
    what: 'TLS 1.2 with RSA key exchange',
    run: `${CURL} --http1.1 --tls-max 1.2 --ciphers AES128-GCM-SHA256 ${AT}/headers`,
  },
  {
    name: 'nginx-tls12-resumed',
    server: 'nginx',
    what: 'TLS 1.2, the second connection resumes by ticket',
    run: `${CURL} --http1.1 ${AES128} -H 'Connection: close' ${AT}/bytes/1000 ${AT}/bytes/2000`,
  },
  {
    name: 'nginx-tls13-resumed',
    server: 'nginx',
    what: 'TLS 1.3, the second connection resumes by PSK',
    run: `${CURL} --http1.1 -H 'Connection: close' ${AT}/bytes/1000 ${AT}/bytes/2000`,
  },
  { name: 'nginx-ipv6', server: 'nginx', what: 'over IPv6', run: `${CURL} -g --http2 'https://[::1]/bytes/6000'` },
  {
    name: 'nginx-key-update',
    server: 'nginx',
    what: 'openssl s_client asks for new keys between two requests',
    run: `( ${GET('/bytes/500')}; sleep 0.3; echo K; sleep 0.3; ${GET('/headers')}; sleep 0.3 ) | openssl s_client -connect 127.0.0.1:443 -keylogfile $SSLKEYLOGFILE > /dev/null 2>&1`,
  },
  {
    name: 'nghttpd-parallel',
    server: 'nghttpd',
    what: 'six HTTP/2 requests at once, TLS 1.3',
    run: `${CURL} --http2 -Z '${AT}/bytes/[1000-6000:1000]'`,
  },
  {
    name: 'nghttpd-upload',
    server: 'nghttpd',
    what: 'an upload of 30 kB over HTTP/2, echoed',
    run: `${CURL} --http2 ${AES128} -H 'content-type: text/plain' --data-binary @${scratch}/upload ${AT}/echo`,
  },
  {
    name: 'nghttpd-nghttp',
    server: 'nghttpd-clear',
    port: 8080,
    what: 'nghttp with padding and priorities, in clear',
    run: `nghttp -n -b 16 -p 200 -H 'x-test: wirebench' http://127.0.0.1:8080/ http://127.0.0.1:8080/bytes/4000 http://127.0.0.1:8080/headers`,
  },
  { name: 'h2o-h2-tls13', server: 'h2o', what: 'HTTP/2 over TLS 1.3', run: `${CURL} --http2 ${AT}/ ${AT}/bytes/20000` },
  {
    name: 'h2o-chacha20',
    server: 'h2o',
    what: 'HTTP/1.1 over TLS 1.2 with ChaCha20-Poly1305',
    run: `${CURL} --http1.1 --tls-max 1.2 ${AT}/bytes/3000 ${AT}/nowhere`,
  },
  {
    name: 'apache-h2-ecdsa',
    server: 'apache',
    what: 'HTTP/2 over TLS 1.3 with an ECDSA certificate',
    run: `curl -sS -o /dev/null --cacert ${keys}/server-ecdsa.cert.pem --http2 ${AT}/ ${AT}/bytes/20000 ${AT}/status/404`,
  },
  {
    name: 'apache-h1-tls12-ecdsa',
    server: 'apache',
    what: 'HTTP/1.1 over TLS 1.2 with an ECDSA certificate, a range',
    run: `curl -sS -o /dev/null --cacert ${keys}/server-ecdsa.cert.pem --http1.1 --tls-max 1.2 ${AT}/bytes/5000 -r 100-199 ${AT}/headers`,
  },
  {
    name: 'apache-gnutls',
    server: 'apache',
    what: 'gnutls-cli as the client',
    run: `( ${GET('/bytes/2000')}; sleep 0.5 ) | gnutls-cli --insecure -p 443 127.0.0.1 > /dev/null 2>&1`,
  },
  {
    name: 'node-h2-post',
    server: 'node',
    what: 'HTTP/2: an upload of 30 kB, a 404, trailers',
    run: `${CURL} --http2 --data-binary @${scratch}/upload ${AT}/echo; ${CURL} --http2 ${AT}/status/404 ${AT}/trailers`,
  },
  {
    name: 'node-h1-chunked',
    server: 'node',
    what: 'HTTP/1.1 over TLS 1.2: an upload in chunks, an answer in chunks, 100-continue',
    run: `${CURL} --http1.1 ${AES128} -H 'Transfer-Encoding: chunked' -H 'Expect: 100-continue' --data-binary @${scratch}/upload ${AT}/echo ${AT}/trailers`,
  },
  {
    name: 'node-plain-post',
    server: 'node',
    what: 'HTTP/1.1 in clear: uploads on one connection',
    run: `${CURL} -d 'a=1&b=2' http://127.0.0.1/echo --next ${CURL.slice(5)} -d 'c=3' http://127.0.0.1/echo`,
  },
  {
    name: 's_server-hello-retry',
    server: 's_server-384',
    what: 'TLS 1.3 with HelloRetryRequest, HTTP/1.0',
    run: `${CURL} --http1.1 --curves X25519:P-384 ${AT}/bytes/2000`,
  },
  {
    name: 's_server-tls12-aes256',
    server: 's_server-12',
    what: 'TLS 1.2 with AES-256-GCM, HTTP/1.0',
    run: `${CURL} --http1.1 ${AT}/bytes/4000`,
  },
  {
    name: 'veth-classic-pcap',
    server: 'nginx',
    what: 'classic pcap of Ethernet frames, the secrets beside it',
    link: 'veth',
    classic: true,
    run: `${CURL} -k --http2 https://10.9.0.2/bytes/20000`,
  },
  {
    name: 'any-sll2-gz',
    server: 'nginx',
    what: 'tcpdump -i any (Linux cooked v2), packed with gzip',
    link: 'any',
    gzip: true,
    run: `${CURL} -k --http2 https://10.9.0.2/bytes/3000`,
  },
  {
    name: 'cut-in-the-middle',
    server: 'nginx',
    what: 'the capture begins within the connection',
    cut: '-r {in} {out} 9-10000',
    run: `${CURL} --http2 ${AES128} ${AT}/bytes/20000 ${AT}/headers`,
  },
  {
    name: 'packets-missing',
    server: 'node',
    what: 'two packets of a download are not in the capture',
    cut: '{in} {out} 14 16',
    run: `ip link set lo mtu 1500; ethtool -K lo gso off tso off gro off 2>/dev/null; ${CURL} http://127.0.0.1/bytes/60000; ip link set lo mtu 65536`,
  },
];

// ---- the network ----

sh('ip link set lo up');
const other = spawn('unshare', ['--net', 'sleep', '600'], { stdio: 'ignore' });
await sleep(200);
sh(
  `ip link add wbf0 type veth peer name wbf1 && ip link set wbf1 netns ${other.pid} && ip address add 10.9.0.1/24 dev wbf0 && ip link set wbf0 up`,
);
sh(`nsenter -t ${other.pid} -n bash -c 'ip link set lo up; ip address add 10.9.0.2/24 dev wbf1; ip link set wbf1 up'`);

async function record({ name, server, run, link = 'lo', port, classic, gzip, cut }) {
  const { command, cwd } = SERVERS[server];
  const inOther = link === 'veth' || link === 'any' ? ['nsenter', '-t', `${other.pid}`, '-n'] : [];
  const argv = [...inOther, ...command];
  const daemon = spawn(argv[0], argv.slice(1), { stdio: ['ignore', 'pipe', 'pipe'], cwd: cwd ?? scratch });
  let said = '';
  for (const stream of [daemon.stdout, daemon.stderr]) stream.on('data', (chunk) => (said += chunk));
  await sleep(900);
  if (daemon.exitCode !== null) throw new Error(`${server} ended: ${said}`);
  const raw = join(scratch, `${name}.pcap`);
  const keylog = join(scratch, `${name}.keys`);
  const ports = [...new Set([port ?? 443, 80])].map((one) => `port ${one}`).join(' or ');
  const device = link === 'veth' ? 'wbf0' : link;
  const dump = spawn('tcpdump', ['-i', device, '-s', '0', '--immediate-mode', '-U', '-w', raw, `tcp and (${ports})`], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  await new Promise((ready) => dump.stderr.on('data', (text) => String(text).includes('listening') && ready()));
  await sleep(100);
  try {
    sh(run, {
      env: { ...process.env, SSLKEYLOGFILE: keylog },
      mayFail: name.includes('key-update') || name.includes('gnutls'),
    });
    await sleep(400);
  } finally {
    dump.kill('SIGINT');
    await new Promise((done) => dump.on('close', done));
    const ended = new Promise((done) => daemon.on('close', done));
    // nsenter does not pass signals on: its child is what runs.
    if (inOther.length > 0) sh(`pkill -TERM -P ${daemon.pid}`, { mayFail: true });
    daemon.kill('SIGTERM');
    await ended;
  }
  let file = raw;
  if (cut !== undefined) {
    const out = join(scratch, `${name}.cut.pcap`);
    sh(`editcap -F pcap ${cut.replace('{in}', file).replace('{out}', out)}`);
    file = out;
  }
  const target = join(folder, `${name}.${classic ? 'pcap' : 'pcapng'}`);
  const hasKeys = existsSync(keylog) && statSync(keylog).size > 0;
  if (classic) {
    sh(`cp ${file} ${target}`);
    if (hasKeys) sh(`cp ${keylog} ${join(folder, `${name}.keys`)}`);
  } else {
    sh(`editcap -F pcapng ${hasKeys ? `--inject-secrets tls,${keylog}` : ''} ${file} ${target}`);
  }
  if (gzip) sh(`gzip -n -9 -f ${target}`);
  return gzip ? `${target}.gz` : target;
}

const versions = new Map();
const versionOf = (key, read) => {
  if (!versions.has(key)) versions.set(key, read().trim().split('\n')[0].trim());
  return versions.get(key);
};
const clientOf = (run) => /nghttp|gnutls-cli|openssl s_client/.exec(run)?.[0] ?? 'curl';
const CLIENT_VERSIONS = {
  curl: () => sh('curl --version').split('\n')[0],
  nghttp: () => sh('nghttp --version'),
  'gnutls-cli': () => sh('gnutls-cli --version').split('\n')[0],
  'openssl s_client': () => sh('openssl version'),
};

const wanted = process.argv.slice(2);
const lineageFile = join(folder, 'lineage.json');
mkdirSync(folder, { recursive: true });
const before = existsSync(lineageFile) ? JSON.parse(readFileSync(lineageFile, 'utf8')) : [];
const lineage = [];
try {
  for (const fixture of FIXTURES) {
    if (wanted.length > 0 && !wanted.includes(fixture.name)) {
      const known = before.find(({ name }) => name === fixture.name);
      if (known) lineage.push(known);
      continue;
    }
    process.stderr.write(`${fixture.name}\n`);
    const file = await record(fixture);
    const client = clientOf(fixture.run);
    const plain = (text) =>
      text.replaceAll(keys, 'fixtures/keys').replaceAll(scratch, '$SCRATCH').replaceAll(process.execPath, 'node');
    const bytes = readFileSync(file);
    lineage.push({
      name: fixture.name,
      file: file.slice(folder.length + 1),
      what: fixture.what,
      server: versionOf(fixture.server, SERVERS[fixture.server].version),
      client: versionOf(client, CLIENT_VERSIONS[client]),
      run: plain(fixture.run),
      link: fixture.link ?? 'lo',
      ...(fixture.cut && { cut: `editcap ${fixture.cut}` }),
      bytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
    });
  }
} finally {
  other.kill();
  rmSync(scratch, { recursive: true, force: true });
}
writeFileSync(lineageFile, `${JSON.stringify(lineage, null, 2)}\n`);
writeFileSync(
  join(folder, 'README.md'),
  `# Captures of others

Real clients against servers that are not wirebench, recorded by tcpdump in a network namespace; the client's TLS secrets are in
the files (Decryption Secrets blocks), or beside them. Made by \`node tools/record-foreign.mjs\`; \`lineage.json\` has the command
lines, sizes and hashes. The certificates are those of \`fixtures/keys\`, the sessions are of these captures only.

| File | What it shows | Server | Client |
|---|---|---|---|
${lineage.map(({ file, what, server, client }) => `| \`${file}\` | ${what} | ${server} | ${client.replace(/ \(.*| libcurl.*/, '')} |`).join('\n')}
`,
);
const total = lineage.reduce((sum, { bytes }) => sum + bytes, 0);
process.stdout.write(`${lineage.length} captures, ${total.toLocaleString('en')} bytes\n`);
