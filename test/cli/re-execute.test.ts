// `replay --re-execute` as a command: what is green, and what is not; directories, jobs and reporters.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createKeyStore } from '../../src/bench/inspect/keys.js';
import { readRequests } from '../../src/bench/re-execute.js';
import { ACK, encodeSegment, FIN, PSH, SYN } from '../../src/bench/synthesis-packet.js';
import { parseArguments, UsageError } from '../../src/cli/arguments.js';
import { notTakenText } from '../../src/cli/re-execute-one.js';
import { reExecutionText } from '../../src/cli/reporters/re-execution.js';
import { pcapFile, scratch } from '../support/captures.js';
import { type Finished, projectRoot, wirebench } from '../support/live.js';
import { needCommands, testWith } from '../support/needs.js';

const test = suite('re-execution, the command');
const foreign = join(projectRoot, 'fixtures/foreign');
const place = scratch();
const folder = place.path('captures');

function prepare(): void {
  mkdirSync(join(folder, 'more'), { recursive: true });
  for (const name of ['nginx-h2c.pcapng', 'node-plain-post.pcapng'])
    copyFileSync(join(foreign, name), join(folder, name));
  for (const name of ['veth-classic-pcap.pcap', 'veth-classic-pcap.keys']) {
    copyFileSync(join(foreign, name), join(folder, 'more', name));
  }
}
prepare();

const again = (...words: string[]): Promise<Finished> => wirebench(['replay', '--re-execute', ...words]);
const lastLine = ({ stdout }: Finished): string => stdout.trimEnd().split('\n').at(-1)!;

test('a capture without any request tested nothing: a failure, unless that is allowed', async () => {
  const cut = join(foreign, 'cut-in-the-middle.pcapng');
  const sum = '1 capture, 0 requests, 1 without any request, 1 connection not taken: no beginning';
  const out = await again(cut, '--expect', 'http.status == 200');
  assert.is(out.code, 1);
  assert.match(out.stdout, '\n  no request could be taken: 1 connection not taken: no beginning\n');
  assert.is(lastLine(out), sum);
  const allowed = await again(cut, '--allow-empty');
  assert.equal([allowed.code, lastLine(allowed)], [0, sum]);
  const json = await again(cut, '--reporter', 'json');
  assert.is(json.code, 1);
  const report = JSON.parse(json.stdout) as { totals: object; captures: { status: string; why: string }[] };
  assert.equal(report.totals, {
    ...{ captures: 1, requests: 0, unanswered: 0, unmet: 0, empty: 1, unreadable: 0, crashed: 0, notRun: 0 },
    notTaken: { 'no beginning': 1 },
  });
  assert.is(report.captures[0]!.status, 'failed');
  assert.match(report.captures[0]!.why, /^no request could be taken/);
});

test('an application answers, the site the rest; what was recorded of it replays without it', async () => {
  const app = place.write(
    'app.mjs',
    Buffer.from(`export default async ({ path }) => (path === '/status/404' ? { status: 410 } : undefined);`),
  );
  const recording = place.path('ours.pcapng');
  const capture = join(foreign, 'nginx-h2-tls13.pcapng');
  const out = await again(capture, '--app', app, '--record', recording, '--expect', 'http.status == recorded.status');
  assert.is(out.code, 1);
  assert.match(out.stdout, /GET \/status\/404 h2: recorded 404 .*, ours 410 .* status differs/);
  assert.is(lastLine(out), '1 capture, 3 requests, all answered, 1 not as expected');
  writeFileSync(app, 'no module');
  const replayed = await wirebench(['replay', recording]);
  assert.is(replayed.code, 0, replayed.stdout);
  for (const file of [app, place.path('nothing.mjs')]) {
    const refused = await again(capture, '--app', file);
    assert.is(refused.code, 2);
    assert.match(refused.stderr, 'cannot be loaded');
    assert.is(refused.stdout, '');
  }
});

test('the files of a directory are served', async () => {
  mkdirSync(place.path('root'), { recursive: true });
  writeFileSync(place.path('root/headers'), 'from a file\n');
  const out = await again(join(foreign, 'nginx-h1-tls12.pcapng'), '--root', place.path('root'), '--reporter', 'json');
  assert.is(out.code, 0);
  const [capture] = (
    JSON.parse(out.stdout) as { captures: { requests: { target: string; ours: { contentLength: number } }[] }[] }
  ).captures;
  assert.is(capture!.requests.find(({ target }) => target === '/headers')!.ours.contentLength, 12);
});

test('so are a capture without packets, one without keys, and one of connections that say nothing', async () => {
  const empty = place.write('empty.pcap', pcapFile([]));
  const out = await again(empty);
  assert.is(out.code, 1);
  assert.match(out.stdout, 'no request could be taken: the capture holds no packets');
  const locked = place.path('locked.pcap');
  copyFileSync(join(foreign, 'veth-classic-pcap.pcap'), locked);
  const none = await again(locked);
  assert.is(none.code, 1);
  assert.is(lastLine(none), '1 capture, 0 requests, 1 without any request, 1 connection not taken: no keys');
  const ends = [
    { address: Uint8Array.of(10, 0, 0, 1), port: 5000 },
    { address: Uint8Array.of(10, 0, 0, 2), port: 80 },
  ] as const;
  const [client, server] = ends;
  const nothing = new Uint8Array(0);
  const syn = encodeSegment(client, server, 0, 1, 0, SYN, nothing);
  const silent = await again(place.write('syn.pcap', pcapFile([[1, 0, syn]])));
  assert.is(silent.code, 1);
  assert.match(lastLine(silent), /1 connection not taken: no request in it$/);
  const said = async (text: string): Promise<string> => {
    const synAck = encodeSegment(server, client, 0, 9, 2, SYN | ACK, nothing);
    const words = encodeSegment(client, server, 0, 2, 10, ACK | PSH | FIN, Buffer.from(text));
    const packets = [syn, synAck, words].map((packet) => [1, 0, packet] as const);
    return lastLine(await again(place.write('said.pcap', pcapFile(packets))));
  };
  assert.match(await said('SSH-2.0-OpenSSH_9.2\r\n'), /1 connection not taken: unknown protocol$/);
  assert.match(await said('GET / HTTP/1.1\r\nHost: exa'), /1 connection not taken: bytes are missing$/);
});

test('segments with wrong checksums are taken and compared only when that is wanted', async () => {
  const bytes = readFileSync(join(foreign, 'veth-classic-pcap.pcap'));
  for (let at = 24; at < bytes.length; at += 16 + bytes.readUInt32LE(at + 8)) {
    const ip = at + 16 + 14;
    if (bytes.readUInt16BE(ip - 2) !== 0x0800) continue;
    for (const address of [12, 16]) bytes[ip + address]! ^= 0x55;
  }
  const anonymous = place.write('anonymous.pcap', bytes);
  copyFileSync(join(foreign, 'veth-classic-pcap.keys'), place.path('anonymous.keys'));
  const none = await again(anonymous);
  assert.is(none.code, 1);
  assert.match(lastLine(none), /1 connection not taken: wrong checksums$/);
  assert.match(lastLine(await again(anonymous, '--no-checksums')), /^1 capture, 1 request, all answered$/);
  const diff = (...args: string[]) => wirebench(['diff', anonymous, anonymous, '--level', 'http', ...args]);
  assert.match((await diff()).stdout, /nothing to compare/);
  assert.match((await diff('--no-checksums')).stdout, /^no difference: 2 units/);
});

test('a capture that was cut by its snap length is told as one that lacks bytes', async () => {
  const [client, server] = [
    { address: Uint8Array.of(10, 0, 0, 1), port: 5000 },
    { address: Uint8Array.of(10, 0, 0, 2), port: 80 },
  ] as const;
  const words = encodeSegment(client, server, 0, 2, 10, ACK | PSH, Buffer.from('GET / HTTP/1.1\r\nhost: a\r\n\r\n'));
  const bytes = pcapFile([
    [1, 0, encodeSegment(client, server, 0, 1, 0, SYN, new Uint8Array(0))],
    [1, 0, words],
  ]);
  const cut = Buffer.from(bytes.subarray(0, bytes.length - 12));
  const record = 24 + 16 + cut.readUInt32LE(24 + 8);
  cut.writeUInt32LE(words.length - 12, record + 8);
  const out = await again(place.write('cut.pcap', cut));
  assert.match(
    out.stdout,
    /not in the capture: 10\.0\.0\.1:5000>10\.0\.0\.2:80#0: the capture holds only the beginning/,
  );
  assert.match(lastLine(out), /1 connection not taken: bytes are missing$/);
});

test('the content of recorded answers is hashed as it comes, whatever its length, and not kept', async () => {
  const body = Buffer.alloc(12 << 20, 7);
  const [client, server] = [
    { address: Uint8Array.of(10, 0, 0, 1), port: 5000 },
    { address: Uint8Array.of(10, 0, 0, 2), port: 80 },
  ] as const;
  const nothing = new Uint8Array(0);
  const get = Buffer.from('GET /bytes/10 HTTP/1.1\r\nhost: a\r\n\r\n');
  const head = Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n`);
  const packets = [
    encodeSegment(client, server, 0, 1, 0, SYN, nothing),
    encodeSegment(server, client, 0, 9, 2, SYN | ACK, nothing),
    encodeSegment(client, server, 0, 2, 10, ACK | PSH, get),
    encodeSegment(server, client, 0, 10, 2 + get.length, ACK | PSH, head),
  ];
  for (let at = 0; at < body.length; at += 60_000) {
    const piece = body.subarray(at, at + 60_000);
    packets.push(encodeSegment(server, client, 0, 10 + head.length + at, 2 + get.length, ACK | PSH, piece));
  }
  const bytes = pcapFile(
    packets.map((packet) => [1, 0, packet] as const),
    { network: 101, snapLength: 262_144 },
  );
  const file = place.write('download.pcap', bytes);
  const { connections } = await readRequests(file, createKeyStore());
  const [exchange] = connections[0]!.exchanges;
  assert.is(exchange!.response!.content.length, 0);
  const sha256 = createHash('sha256').update(body).digest('hex').slice(0, 32);
  assert.equal(exchange!.response!.digest, { sha256, bytes: body.length });
  const out = await again(file, '--expect', `recorded.content.sha256 == "${sha256}"`);
  assert.is(out.code, 0, out.stdout);
  assert.match(out.stdout, `recorded 200 (12,582,912 bytes, ${sha256.slice(0, 8)}), ours 200 (10 bytes, `);
});

test('connections that are not taken beside others are counted', async () => {
  assert.is(notTakenText({ 'no keys': 2 }), '2 connections not taken: no keys');
  assert.is(
    notTakenText({ 'no keys': 1200, 'unknown protocol': 1 }),
    '1,201 connections not taken: no keys (1,200), unknown protocol (1)',
  );
  const totals = { captures: 2, requests: 3, unanswered: 0, unmet: 0, empty: 0, unreadable: 0, crashed: 0, notRun: 0 };
  assert.is(
    reExecutionText({ ...totals, notTaken: { 'no keys': 2 } }, true, undefined),
    '2 captures, 3 requests, all answered, all as expected, 2 connections not taken: no keys',
  );
  assert.is(reExecutionText({ ...totals, notTaken: {} }, false, undefined), '2 captures, 3 requests, all answered');
});

test('directories stand for the captures below them, of any format, with jobs or without', async () => {
  const out = await again(folder);
  assert.is(out.code, 0, out.stderr);
  const files = out.stdout.split('\n').filter((line) => line.startsWith('== '));
  assert.equal(
    files.map((line) => line.slice(4 + folder.length)),
    ['more/veth-classic-pcap.pcap', 'nginx-h2c.pcapng', 'node-plain-post.pcapng'],
  );
  const jobs = await again(folder, '--jobs', '2');
  assert.equal([jobs.code, jobs.stdout], [0, out.stdout]);
  assert.match(lastLine(await again(folder, '--filter', 'nginx-*')), /^1 capture, 1 request, all answered$/);
  const none = await again(folder, '--filter', 'zzz');
  assert.equal([none.code, none.stdout], [3, '0 captures: --filter zzz leaves none of 3 captures\n']);
  const bailed = await again(folder, '--bail', '--expect', 'http.status == 999');
  assert.is(bailed.code, 1);
  assert.match(lastLine(bailed), /^1 capture, .* 2 not run$/);
});

testWith(
  test,
  needCommands('xmllint'),
  'junit and github have a test for each capture, and what failed in it',
  async () => {
    const xml = place.path('junit.xml');
    const expect = ['--expect', 'http.path contains "/trailers"'];
    const out = await again(folder, ...expect, '--reporter', `junit=${xml}`, '--reporter', 'github');
    assert.is(out.code, 1);
    const check = spawnSync('xmllint', ['--noout', '--schema', join(projectRoot, 'test/support/junit.xsd'), xml]);
    assert.is(check.status, 0, String(check.stderr));
    const text = readFileSync(xml, 'utf8');
    assert.match(text, '<testsuite name="wirebench re-execution" tests="3" failures="3" errors="0"');
    assert.match(text, /message="#1 GET [^"]*: ours 200 [^"]*, expected http\.path contains &quot;\/trailers&quot;"/);
    assert.match(out.stdout, /^::error file=.*veth-classic-pcap\.pcap,title=/);
    assert.match(lastLine(out), /^3 captures, \d+ requests, all answered, \d+ not as expected$/);
  },
);

test('an earlier recording is replaced with --force only, as serve does it', async () => {
  const capture = join(folder, 'nginx-h2c.pcapng');
  const recording = place.path('earlier.pcapng');
  writeFileSync(recording, 'of an earlier run');
  const refused = await again(capture, '--record', recording);
  assert.is(refused.code, 3, refused.stderr);
  assert.is(refused.stderr, `wirebench: ${recording}: is there already\nwirebench: --force replaces it\n`);
  assert.is(refused.stdout, '');
  assert.is(readFileSync(recording, 'utf8'), 'of an earlier run');
  const forced = await again(capture, '--record', recording, '--force');
  assert.is(forced.code, 0, forced.stderr);
  const replayed = await wirebench(['replay', recording]);
  assert.is(replayed.code, 0, replayed.stdout);
  assert.match((await wirebench(['replay', recording, '--force'])).stderr, '--force goes with --re-execute');
});

test('a recording is of one capture, and one that cannot be written is no bug of ours', async () => {
  const two = await again(folder, '--record', place.path('two.pcapng'));
  assert.is(two.code, 2);
  assert.match(two.stderr, 'one capture makes one recording');
  const nowhere = await again(join(folder, 'nginx-h2c.pcapng'), '--record', '/nonexistent/x.pcapng');
  assert.is(nowhere.code, 3, nowhere.stderr);
  assert.not(existsSync('/nonexistent/x.pcapng'));
});

test('an unreadable capture is exit code 3, and the others are run', async () => {
  const bad = place.path('bad.pcap');
  writeFileSync(bad, 'no capture');
  const out = await again(bad, join(folder, 'nginx-h2c.pcapng'));
  assert.is(out.code, 3);
  assert.match(out.stderr, 'bad.pcap');
  assert.is(lastLine(out), '2 captures, 1 request, all answered, 1 unreadable');
});

test('options without a meaning here are refused', () => {
  for (const words of [['--update'], ['--no-golden'], ['--log', 'json'], ['-v'], ['--config', 'x']]) {
    assert.throws(
      () => parseArguments(['replay', '--re-execute', 'a.pcapng', ...words], {}),
      (error: unknown) => error instanceof UsageError && /has no meaning with --re-execute/.test(error.message),
    );
  }
});

test.run();
