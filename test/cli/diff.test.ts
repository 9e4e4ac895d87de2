// `wirebench diff` as a command: its options, what it prints, its exit codes.

import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseArguments } from '../../src/cli/arguments.js';
import { refusal } from '../support/command-line.js';
import { projectRoot, wirebench, withFolder } from '../support/live.js';

const test = suite('diff, the command');
const capture = (name: string): string => join(projectRoot, 'fixtures/captures', name);

function parsed(...words: string[]) {
  const found = parseArguments(['diff', ...words], {});
  if (found.command !== 'diff') throw new Error(`${found.command} is not diff`);
  return found.options;
}

const refused = (...words: string[]): string => refusal('diff', ...words).message;

test('options', () => {
  assert.equal(parsed('a', 'b'), {
    a: 'a',
    b: 'b',
    level: 'stream',
    ignore: [],
    limit: undefined,
    keylogs: [],
    keylogs2: [],
    ignoreChecksums: false,
    json: false,
    color: 'auto',
  });
  const all = parsed(
    ...['a', '-', '--level', 'packet', '--ignore', 'tcp.options.timestamp,ip.id', '--ignore', 'http2.headers.x*'],
    ...['--limit', '5', '--keylog', 'k', '--keylog2', 'l', '--json'],
  );
  assert.equal(all.ignore, ['tcp.options.timestamp', 'ip.id', 'http2.headers.x*']);
  assert.is(all.level, 'packet');
  assert.is(all.limit, 5);
  assert.equal([all.keylogs, all.keylogs2], [['k'], ['l']]);
  assert.match(refused('a'), 'two captures are compared, and 1 were given');
  assert.match(refused('a', 'b', 'c'), 'and 3 were given');
  assert.match(refused('-', '-'), 'only one capture');
  assert.match(refused('a', 'b', '--level', 'bits'), '--level');
  assert.match(refused('a', 'b', '--ignore', 'no such'), 'is no name of a field');
  assert.match(refused('a', 'b', '--ignore', 'quic.version'), 'is no name of a field');
});

test('the same: exit code 0', async () => {
  const { code, stdout } = await wirebench(['diff', capture('h2.pcapng'), capture('h2.pcapng'), '--level', 'packet']);
  assert.is(code, 0);
  assert.match(stdout, /^no difference: \d+ units of 1 conversation compared at level packet\n$/);
});

test('another: exit code 1, the first difference and a summary', async () => {
  const args = ['diff', capture('h2.pcapng'), capture('h2-three.pcapng')];
  const { code, stdout } = await wirebench([...args, '--limit', '2']);
  assert.is(code, 1);
  const lines = stdout.trimEnd().split('\n');
  assert.match(
    lines[0]!,
    /^first difference: packet 14 \(\+0\.033373 s\) of A, packet 14 .* HTTP2 http2\.data\.data: .*\(RFC 9113 §6\.1\)$/,
  );
  assert.match(lines[1]!, 'in DATA of the server, stream 1 (GET /)');
  assert.match(lines[2]!, 'A absent, B HEADERS (GET /headers)');
  assert.match(lines[4]!, /^3 differences in 2 fields; /);
  assert.match(lines[5]!, /^ {6}2 {2}http2\.type/);
  const ignored = await wirebench([...args, '--ignore', 'http2.data', '--ignore', 'http2.type']);
  assert.is(ignored.code, 0, ignored.stdout);
});

test('JSON: a line for the schema, each difference, each field, and the sum', async () => {
  const { code, stdout } = await wirebench(['diff', capture('h2.pcapng'), capture('h2-three.pcapng'), '--json']);
  assert.is(code, 1);
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.equal(
    lines.map(({ kind }) => kind),
    ['wirebench-diff', 'difference', 'difference', 'difference', 'group', 'group', 'summary'],
  );
  assert.is(lines[0].schema, 1);
  assert.is(lines[1].section, 'RFC 9113 §6.1');
  assert.is(lines[1].packetA, 14);
  assert.is(lines[2].difference, 'only-in-b');
  assert.is(lines[2].packetA, undefined);
  assert.equal([lines[4].field, lines[4].count], ['http2.type', 2]);
  assert.is(lines[6].differences, 3);
});

test('where nothing is compared, nothing was found to be the same', async () => {
  const ping = capture('ping-and-closed-port.pcapng');
  const { code, stdout } = await wirebench(['diff', ping, ping]);
  assert.is(code, 1);
  assert.match(stdout, /^nothing to compare: 0 units of \d+ conversations? compared at level stream\n/);
  assert.is((await wirebench(['diff', ping, ping, '--level', 'packet'])).code, 0);
});

test('without keys it says so', async () => {
  const { stdout } = await wirebench(['diff', capture('h2.pcapng'), capture('h2.tcpdump.pcap')]);
  assert.match(stdout, 'B: TLS of 1 connection cannot be opened');
  assert.match(stdout, '--keylog2');
});

test('what cannot be read: exit code 3', async () => {
  const missing = await wirebench(['diff', capture('h2.pcapng'), capture('none.pcapng')]);
  assert.is(missing.code, 3);
  assert.match(missing.stderr, 'none.pcapng');
  await withFolder(async (folder) => {
    const file = join(folder, 'no.pcap');
    writeFileSync(file, 'no capture');
    assert.is((await wirebench(['diff', file, capture('h2.pcapng')])).code, 3);
    // Of one that was cut off, what there is is compared, and no more.
    writeFileSync(file, readFileSync(capture('h2-three.pcapng')).subarray(0, 9_000));
    const cut = await wirebench(['diff', file, capture('h2-three.pcapng')]);
    assert.is(cut.code, 3);
    assert.match(cut.stdout, /^no difference up to packet \d+ of A, and the rest was not compared: /);
    assert.match(cut.stdout, /A \(.*\) was compared up to packet \d+: the file is damaged or cut off there/);
    assert.match(cut.stdout, /not compared: \d+ units behind that/);
    assert.match(cut.stderr, 'offset');
  });
});

test('replay of a capture by others: with what lies beside it, with a seed, and without either', async () => {
  await withFolder(async (folder) => {
    const lone = join(folder, 'lone.pcap');
    copyFileSync(capture('h2.tcpdump.pcap'), lone);
    const refused = await wirebench(['replay', lone]);
    assert.is(refused.code, 3);
    assert.match(refused.stderr, 'give the manifest that `serve --manifest FILE` wrote');
    assert.match(refused.stderr, 'look into this capture with `wirebench inspect FILE`');
    const found = await wirebench(['replay', lone, '--config', capture('h2.pcapng')]);
    assert.is(found.code, 0, found.stdout + found.stderr);
    // Only a recording could say where its run ended.
    assert.match(found.stdout, /^.*lone\.pcap: 18 packets, 0\.048497 s, identical\n/);
    const both = await wirebench(['replay', lone, capture('h1-plain.tcpdump.pcap'), lone]);
    assert.is(both.stderr.split('give the manifest').length, 2);
    assert.match(found.stdout, 'identical (3231 bytes of 1 stream; 7 of 7 packets exact');
    const seeded = await wirebench(['replay', lone, '--seed', 'fixture h2', '--serve=--tls-max 1.2']);
    assert.is(seeded.code, 0, seeded.stdout + seeded.stderr);
    const other = await wirebench(['replay', lone, '--seed', 'fixture h1', '--serve=--tls-max 1.2']);
    assert.is(other.code, 1);
    assert.match(other.stdout, 'no sequence number of the capture is one of this seed');
    assert.is((await wirebench(['replay', lone, '--serve=--nonsense'])).code, 2);
  });
});

test.run();
