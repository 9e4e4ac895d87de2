// Re-execution: every request of the captures of others is answered by our server with the status that the site documents; the same
// capture gives the same bytes, and what was recorded of it replays.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseExpectation } from '../../src/bench/expectation.js';
import { FilterError } from '../../src/bench/inspect/filter-lexer.js';
import { createKeyStore } from '../../src/bench/inspect/keys.js';
import { compareAnswer, planOf, readRequests, reExecute } from '../../src/bench/re-execute.js';
import { loadRecording } from '../../src/bench/recording.js';
import type { RunConfig } from '../../src/io/assemble.js';
import { pcapFile, scratch } from '../support/captures.js';
import { ACK, SYN, tcpFrame } from '../support/frames.js';
import { projectRoot, wirebench } from '../support/live.js';

const test = suite('re-execution');
const foreign = join(projectRoot, 'fixtures/foreign');
const captures = readdirSync(foreign)
  .filter((name) => /\.pcap(ng)?(\.gz)?$/.test(name))
  .sort();

const config: RunConfig = {
  mode: 'tun',
  address: '10.0.0.2',
  address6: 'fd00::2',
  mtu: 1500,
  plainPorts: [80],
  tlsPorts: [443],
  certificate: readFileSync(join(projectRoot, 'fixtures/keys/server.cert.pem'), 'utf8'),
  key: readFileSync(join(projectRoot, 'fixtures/keys/server.key.pem'), 'utf8'),
  tls: {
    otherCredentials: [],
    minVersion: '1.2',
    maxVersion: '1.3',
    cipherSuites: [
      ...['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'],
      ...['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', 'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384'],
      'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256',
    ],
    groups: ['x25519', 'secp256r1', 'secp384r1'],
    alpnProtocols: ['h2', 'http/1.1'],
    resumption: true,
    strictServerName: false,
  },
};
const identity = (more: Partial<RunConfig> = {}) => ({
  config: { ...config, ...more },
  seed: new Uint8Array(32).fill(7),
  startUnixUs: 0,
});

async function requestsOf(name: string) {
  const keys = createKeyStore();
  const file = join(foreign, name);
  const beside = file.replace(/\.pcap(ng)?(\.gz)?$/, '.keys');
  if (existsSync(beside)) keys.add(readFileSync(beside, 'utf8'));
  return readRequests(file, keys);
}

/** What README says of the places of the site. */
function documentedStatus(method: string, target: string, hasRange: boolean): number {
  const [, place, number] = target.split('/');
  if (place === 'status') return Number(number);
  if (place === 'redirect') return number === '0' ? 200 : 302;
  if (place === 'bytes') return hasRange ? 206 : 200;
  if (['', 'headers', 'trailers'].includes(place!)) return 200;
  if (place === 'echo') return method === 'POST' ? 200 : 0;
  return 404;
}

for (const name of captures) {
  test(`${name}: every request is answered as the site documents it`, async () => {
    const { connections, missing } = await requestsOf(name);
    const answers = reExecute(connections, { identity: identity() });
    if (name === 'cut-in-the-middle.pcapng') {
      assert.is(answers.length, 0);
      assert.match(missing.join('\n'), /the beginning of this connection is not in the capture/);
      return;
    }
    assert.ok(answers.length > 0);
    for (const answer of answers) {
      const { method, target, headers } = answer.recorded.request;
      const hasRange = headers.some(([field]) => field === 'range');
      assert.is(answer.why, undefined, `${method} ${target}: ${answer.why}`);
      const { status, complete } = answer.ours!.response!;
      assert.is(status, documentedStatus(method, target, hasRange), `${method} ${target}`);
      assert.ok(complete);
    }
  });
}

test('the same capture, config and seed give the same packets', async () => {
  const { connections } = await requestsOf('node-h2-post.pcapng');
  const packets = (): string[] => {
    const list: string[] = [];
    reExecute(connections, {
      identity: identity(),
      onPacket: (atUs, dir, bytes) => list.push(`${atUs} ${dir} ${Buffer.from(bytes).toString('hex')}`),
    });
    return list;
  };
  const once = packets();
  assert.ok(once.length > 60);
  assert.equal(packets(), once);
});

test('content that is echoed is the content that was recorded, and compared as such', async () => {
  const { connections } = await requestsOf('node-h1-chunked.pcapng');
  const [answer] = reExecute(connections, { identity: identity() });
  assert.is(answer!.ours!.response!.contentLength, 30_000);
  assert.equal(answer!.ours!.response!.content, answer!.recorded.request.content);
  assert.is(compareAnswer(answer!, new Set()).verdict, 'fields differ');
});

test('what our server does not speak is told and not asked for', async () => {
  const { connections } = await requestsOf('nginx-tls12-rsa-kx.pcapng');
  const [answer] = reExecute(connections, { identity: identity() });
  assert.equal(answer!.notes, ['TLS_RSA_WITH_AES_128_GCM_SHA256 was recorded, and is not offered']);
  assert.is(answer!.ours!.response!.status, 200);
  const refused = reExecute((await requestsOf('nginx-h2-tls12.pcapng')).connections, {
    identity: identity({ tls: { ...config.tls!, minVersion: '1.3' } }),
  });
  assert.match(refused[0]!.why!, /^TLS: the server sent the alert protocol_version \(RFC 8446 §6\)$/);
});

test('a group that the client has no share for takes a HelloRetryRequest', async () => {
  const { connections } = await requestsOf('nginx-h2-tls13.pcapng');
  const messages: string[] = [];
  const answers = reExecute(connections, {
    identity: identity({ tls: { ...config.tls!, groups: ['secp384r1'] } }),
    trace: (_atUs, event) => {
      if (event.layer === 'tls' && event.kind === 'handshake') messages.push(event.message);
    },
  });
  assert.ok(messages.includes('HelloRetryRequest'), messages.join(' '));
  assert.is(answers.filter(({ ours }) => ours !== undefined).length, 3);
});

test('expectations compare new and recorded answers', async () => {
  const { connections } = await requestsOf('apache-h1-tls12-ecdsa.pcapng');
  const answers = reExecute(connections, { identity: identity() });
  const holds = (text: string): boolean[] => answers.map((answer) => parseExpectation(text).holds(answer));
  assert.equal(holds('http.status == 206'), [true, false]);
  assert.equal(holds('http.status == recorded.status'), [true, false]);
  assert.equal(holds('http.path contains "bytes" || http.status in {200, 204}'), [true, true]);
  assert.equal(holds('recorded.header.server matches "apache"'), [true, true]);
  assert.equal(holds('http.header.content-type == "application/json"'), [false, true]);
  assert.throws(
    () => parseExpectation('http.stats == 200'),
    (error: unknown) => error instanceof FilterError && error.advice === 'Did you mean http.status?',
  );
});

test('the command reports, judges by --expect, and leaves a recording that replays', async () => {
  const place = scratch();
  const file = place.path('ours.pcapng');
  const capture = join(foreign, 'nginx-h2-tls13.pcapng');
  const out = await wirebench([
    'replay',
    '--re-execute',
    capture,
    '--expect',
    'http.status == recorded.status',
    '--record',
    file,
  ]);
  assert.is(out.code, 0, out.stdout + out.stderr);
  assert.match(
    out.stdout,
    /^#2 GET \/status\/404 h2: recorded 404 \(153 bytes, [0-9a-f]{8}\), ours 404 \(14 bytes, [0-9a-f]{8}\) content differs$/m,
  );
  assert.match(out.stdout, /\n1 capture, 3 requests, all answered, all as expected\n$/);
  const replayed = await wirebench(['replay', '--no-golden', file]);
  assert.is(replayed.code, 0, replayed.stdout);
  assert.match(replayed.stdout, /\d+ packets, .* identical\n/);
  assert.ok((await loadRecording(file)).keyLog.includes('CLIENT_TRAFFIC_SECRET_0'));
  const unmet = await wirebench([
    'replay',
    '--re-execute',
    capture,
    '--expect',
    'http.status == 200',
    '--reporter',
    'json',
  ]);
  assert.is(unmet.code, 1);
  const report = JSON.parse(unmet.stdout) as {
    totals: { unmet: number };
    captures: { requests: { unmet: string[] }[] }[];
  };
  assert.is(report.totals.unmet, 2);
  assert.equal(report.captures[0]!.requests[1]!.unmet, ['http.status == 200']);
});

test('what a recorded peer sent cannot act on a terminal, in the JSON report either', async () => {
  const ends = { source: '10.0.0.1', destination: '10.0.0.2', sourcePort: 4000, destinationPort: 80 };
  const back = { source: '10.0.0.2', destination: '10.0.0.1', sourcePort: 80, destinationPort: 4000 };
  const bytes = (text: string) => ({ payload: new Uint8Array(Buffer.from(text, 'latin1')) });
  const request = bytes('GET / HTTP/1.1\r\nhost: h\r\n\r\n');
  const response = bytes('HTTP/1.1 204 No Content\r\nx-a: \x9b31m\x7f\r\n\r\n');
  const frames = [
    tcpFrame({ ...ends, seq: 0, ack: 0, flags: SYN, window: 9000 }),
    tcpFrame({ ...back, seq: 0, ack: 1, flags: SYN | ACK, window: 9000 }),
    tcpFrame({ ...ends, seq: 1, ack: 1, flags: ACK, window: 9000, ...request }),
    tcpFrame({ ...back, seq: 1, ack: 28, flags: ACK, window: 9000, ...response }),
  ];
  const file = scratch().write('controls.pcap', pcapFile(frames.map((frame, at) => [0, at, frame])));
  const { stdout } = await wirebench(['replay', '--re-execute', file, '--reporter', 'json']);
  assert.match(stdout, /"\\u009b31m\\u007f"/);
  assert.match(stdout, /^[\x20-\x7e\n]+$/);
});

test('each answer is waited for once, by the first request that was sent behind it', () => {
  const message = { headers: [], trailers: [], content: new Uint8Array(0), contentLength: 0, complete: true };
  const request = { ...message, method: 'GET', target: '/', authority: 'h' };
  const exchanges = [1, 1, 4, 7, 9].map((packet) => ({
    ...{ flow: 'f', packet, protocol: 'h2' as const, secure: false },
    request,
  }));
  const plan = planOf({ flow: 'f', exchanges, answeredAt: [6, 3, 8, undefined, 10] });
  assert.equal(
    plan.map(({ after }) => after),
    [[], [], [1], [0], [2]],
  );
});

test.run();
