// Recordings of TLS as real clients speak it: both versions, resumed sessions, a HelloRetryRequest, client certificates, key
// updates. Each replays identically, and tshark reads the requests in it with nothing but the file.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { certificateFile, run, type Server, wirebench, withFolder, withServer } from '../support/live.js';
import { type Need, needCommands, testWith } from '../support/needs.js';

const test = suite('recorded TLS');
const commands = needCommands('bash', 'curl', 'openssl', 'tshark');
const tun: Need[] = ['root', 'tun', 'namespaces', ...needCommands('unshare', 'nsenter')];
type Mode = 'tcp' | 'tun';

interface Site {
  readonly server: Server;
  readonly host: string;
  readonly port: number;
  readonly folder: string;
}

async function recorded(mode: Mode, serve: readonly string[], folder: string, body: (site: Site) => Promise<void>) {
  const file = join(folder, 'r.pcapng');
  const place = mode === 'tcp' ? ['--mode', 'tcp', '--port', '0'] : [];
  let port = 443;
  await withServer(
    [...place, '--record', file, '--log', 'none', ...serve],
    { namespace: mode === 'tun' },
    async (server) => {
      port = server.tlsPort;
      await body({ server, host: mode === 'tcp' ? 'localhost' : '10.0.0.2', port, folder });
    },
  );
  const replay = await wirebench(['replay', file, '--log', 'json']);
  assert.is(replay.code, 0, replay.stdout.slice(-2000) + replay.stderr);
  return { events: replay.stdout, requests: await requestsOf(file, port) };
}

/** Paths in the order of their packets, as tshark decrypts them by the secrets in the file. */
async function requestsOf(file: string, port: number): Promise<string[]> {
  const fields = ['http2.headers.path', 'http.request.uri'];
  const shark = await run('tshark', [
    ...['-r', file, '-d', `tcp.port==${port},tls`, '-Y', fields.join(' || '), '-T', 'fields'],
    ...fields.flatMap((field) => ['-e', field]),
  ]);
  return shark.stdout.split(/\s+/).filter((word) => word !== '');
}

async function curl({ server, host, port }: Site, path: string, ...args: string[]): Promise<void> {
  const fixed = ['-sS', '--max-time', '20', '--cacert', certificateFile, '-o', '/dev/null'];
  const out = await server.client('curl', [...fixed, ...args, `https://${host}:${port}${path}`]);
  assert.is(out.code, 0, out.stderr);
}

/** `before` is typed first, line by line, while the connection is open. */
async function sClient({ server, host, port, folder }: Site, path: string, args: string[], before: string[] = []) {
  const request = join(folder, 'request');
  writeFileSync(request, `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  const typed = before.map((line) => `sleep 0.4; echo ${line}`).join('; ');
  const input = before.length === 0 ? 'cat "$0"' : `(${typed}; sleep 0.4; cat "$0"; sleep 1)`;
  const end = before.length === 0 ? '-ign_eof' : '';
  const fixed = `-connect ${host}:${port} -CAfile ${certificateFile} -alpn http/1.1 ${end}`;
  const script = `${input} | openssl s_client ${fixed} ${args.join(' ')}`;
  const out = await server.client('bash', ['-c', script, request], { timeoutMs: 20_000 });
  assert.match(out.stdout, /HTTP\/1\.1 200 OK/, out.stderr);
}

function count(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0;
}

for (const mode of ['tcp', 'tun'] as const) {
  const needs = mode === 'tcp' ? commands : [...commands, ...tun];

  testWith(test, needs, `${mode} mode: TLS 1.2 and 1.3, resumed sessions, key updates`, () =>
    withFolder(async (folder) => {
      const session = join(folder, 'session.pem');
      const { events, requests } = await recorded(mode, [], folder, async (site) => {
        await curl(site, '/bytes/1', '--tls-max', '1.2');
        await curl(site, '/bytes/2', '--tlsv1.3');
        for (const [version, path] of [
          ['-tls1_2', '/bytes/3'],
          ['-tls1_3', '/bytes/4'],
        ] as const) {
          await sClient(site, path, [version, '-sess_out', session]);
          await sClient(site, path, [version, '-sess_in', session]);
        }
        await sClient(site, '/bytes/5', ['-tls1_3'], ['K', 'K']);
      });
      assert.equal(
        requests,
        [1, 2, 3, 3, 4, 4, 5].map((number) => `/bytes/${number}`),
      );
      assert.is(count(events, /"kind":"established"/g), 7);
      assert.is(count(events, /"kind":"established".*"resumed":"ticket"/g), 1);
      assert.is(count(events, /"kind":"established".*"resumed":"psk"/g), 1);
      assert.is(count(events, /"dir":"in","message":"KeyUpdate"/g), 2);
      assert.ok(count(events, /"dir":"out","message":"KeyUpdate"/g) > 0);
    }),
  );

  testWith(test, needs, `${mode} mode: HelloRetryRequest and client certificates`, () =>
    withFolder(async (folder) => {
      const made = await wirebench(['cert', '--type', 'ecdsa', '--client', 'alice', '--out', join(folder, 'c')]);
      assert.is(made.code, 0, made.stderr);
      const file = (name: string): string => join(folder, 'c', name);
      const alice = ['--cert', file('client.cert.pem'), '--key', file('client.key.pem')];
      const serve = ['--groups', 'P-384', '--client-ca', file('ca.cert.pem')];
      const { events, requests } = await recorded(mode, serve, folder, async (site) => {
        await curl(site, '/bytes/1', '--tls-max', '1.2', '--curves', 'P-384', ...alice);
        await curl(site, '/bytes/2', '--tlsv1.3', '--curves', 'X25519:P-384', ...alice);
      });
      assert.equal(requests, ['/bytes/1', '/bytes/2']);
      assert.is(count(events, /"kind":"established".*"clientCertificate":"CN=alice/g), 2);
      assert.is(count(events, /"dir":"in","message":"ClientHello"/g), 3);
    }),
  );
}

test.run();
