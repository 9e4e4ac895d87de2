// `wirebench inspect` as a command: its options, what it prints in each form, what it says of slips, its exit codes.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseArguments } from '../../src/cli/arguments.js';
import { hexDump } from '../../src/cli/hex-dump.js';
import { refusal } from '../support/command-line.js';
import { mainScript, projectRoot, wirebench, withFolder } from '../support/live.js';

const test = suite('inspect, the command');
const foreign = (name: string): string => join(projectRoot, 'fixtures/foreign', name);
const NGINX = foreign('nginx-h2-tls13.pcapng');

function parsed(...words: string[]) {
  const found = parseArguments(['inspect', ...words], {});
  if (found.command !== 'inspect') throw new Error(`${found.command} is not inspect`);
  return found.options;
}

const refused = (...words: string[]): string => refusal('inspect', ...words).message;

test('options', () => {
  const plain = parsed('a.pcap');
  assert.is(plain.capture, 'a.pcap');
  assert.is(plain.output, 'log');
  assert.is(plain.packetFilter, '');
  assert.is(plain.displayFilter, undefined);
  assert.is(plain.count, undefined);
  const all = parsed(
    ...['-', 'host', '10.0.0.1', 'and', 'port', '443', '-Y', 'tcp.flags.syn == 1', '--keylog', 'k', '--keylog', 'l'],
    ...['-x', '--count', '3', '--json', '--layers', 'tcp'],
  );
  assert.is(all.capture, '-');
  assert.is(all.packetFilter, 'host 10.0.0.1 and port 443');
  assert.is(all.displayFilter, 'tcp.flags.syn == 1');
  assert.equal(all.keylogs, ['k', 'l']);
  assert.is(all.count, 3);
  assert.is(all.hex, true);
  assert.is(all.output, 'json');
  assert.is(parsed('--fields').output, 'fields');
  assert.match(refused(), 'no capture was given');
  assert.match(refused('a', '--json', '--summary'), 'exclude each other');
  assert.match(refused('a', '--count', '0'), '--count');
  assert.match(refused('a', '--layers', 'quic'), '--layers');
});

test('the summary alone: packets, handshakes, requests', async () => {
  const { code, stdout, stderr } = await wirebench(['inspect', NGINX, '--summary']);
  assert.is(code, 0);
  assert.is(stderr, '');
  assert.is(
    stdout,
    '24 packets, 6,432 bytes, 0.012767 s, 1 TCP connection\n' +
      '1 handshake of TLS1.3 TLS_AES_256_GCM_SHA384\n' +
      '3 requests, answered with 200 (1), 302 (1), 404 (1)\n',
  );
});

test('with a filter the totals are those of the packets that pass, in every form', async () => {
  const filter = ['-Y', 'http2.streamid == 3'];
  const lines = '2 of 24 packets, 422 bytes, 0.000125 s, 1 TCP connection\n1 request, answered with 404 (1)\n';
  const summary = await wirebench(['inspect', NGINX, '--summary', ...filter]);
  assert.is(summary.stdout, lines);
  const log = await wirebench(['inspect', NGINX, '--layers', 'http2', ...filter]);
  assert.ok(log.stdout.endsWith(lines));
  const json = await wirebench(['inspect', NGINX, '--json', ...filter]);
  const { packets, packetsRead, bytes, durationUs, connections, statuses, tls } = JSON.parse(
    json.stdout.trimEnd().split('\n').at(-1)!,
  );
  assert.equal([packets, packetsRead, bytes, durationUs, connections], [2, 24, 422, 125, 1]);
  assert.equal([statuses, tls], [{ 404: 1 }, {}]);
  const none = await wirebench(['inspect', NGINX, '--summary', 'udp']);
  assert.is(none.stdout, '0 of 24 packets, 0 bytes, 0.000000 s, 0 TCP connections\n');
});

test('a display filter and a packet filter both have to pass', async () => {
  const both = await wirebench([
    'inspect',
    NGINX,
    'src',
    'port',
    '443',
    '-Y',
    'http2.type == HEADERS',
    '--layers',
    'http2',
  ]);
  assert.is(both.code, 0);
  assert.match(both.stdout, '[H2] SND HEADERS stream=3 404');
  assert.not.match(both.stdout, 'GET /');
  const request = await wirebench([
    'inspect',
    NGINX,
    'dst',
    'port',
    '443',
    '-Y',
    'http2.streamid == 3',
    '--layers',
    'http2',
  ]);
  assert.match(request.stdout, '[H2] HEADERS stream=3 END_STREAM GET /status/404');
  assert.not.match(request.stdout, 'SND');
});

test('a filter that no packet passes is said, with what may have been meant', async () => {
  const slip = await wirebench(['inspect', NGINX, '-Y', 'http2.headers.statu >= 400']);
  assert.is(slip.code, 0);
  assert.is(slip.stderr, 'wirebench: none of 24 packets passes the filter. Did you mean http2.headers.status?\n');
  const none = await wirebench(['inspect', NGINX, '-Y', 'ip.ttl == 3']);
  assert.is(none.stderr, 'wirebench: none of 24 packets passes the filter\n');
});

test('a wrong filter is wrong usage, with its place', async () => {
  const unknown = await wirebench(['inspect', NGINX, '-Y', 'ip.tll == 3']);
  assert.is(unknown.code, 2);
  assert.is(unknown.stdout, '');
  assert.match(unknown.stderr, 'unknown field "ip.tll" at character 1');
  assert.match(unknown.stderr, 'Did you mean ip.ttl?');
  const word = await wirebench(['inspect', NGINX, 'hots', '192.0.2.1']);
  assert.is(word.code, 2);
  assert.match(word.stderr, '"hots" is no primitive at character 1');
});

test('JSON: a schema, a line a packet, a summary; the same fields as the log tells', async () => {
  const { code, stdout } = await wirebench(['inspect', NGINX, '--json']);
  assert.is(code, 0);
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.equal(lines[0], { schema: 1, kind: 'wirebench-inspect', capture: NGINX });
  assert.is(lines.length, 26);
  assert.equal(
    lines.slice(1, -1).map(({ number }) => number),
    Array.from({ length: 24 }, (_, index) => index + 1),
  );
  const syn = lines[1];
  assert.equal(syn.layers.map(({ name }: { name: string }) => name).slice(-2), ['ip', 'tcp']);
  const tcp = syn.layers.at(-1).fields;
  assert.is(tcp['tcp.dstport'], 443);
  assert.is(tcp['tcp.seq'], 0);
  assert.is(tcp['tcp.flags.syn'], true);
  const summary = lines.at(-1);
  assert.is(summary.kind, 'summary');
  assert.is(summary.packets, 24);
  assert.is(summary.requests, 3);
  assert.equal(summary.statuses, { 200: 1, 302: 1, 404: 1 });
  assert.is(summary.tlsWithoutKeys, 0);
});

test('--count ends after so many packets that pass, and -x shows every byte of them', async () => {
  const { code, stdout } = await wirebench(['inspect', NGINX, '-x', '--count', '2', '-Y', 'tcp.flags.syn == 1']);
  assert.is(code, 0);
  assert.match(stdout, /^packet 1 \+0\.000000 s, 74 bytes\n/);
  assert.match(stdout, '\npacket 2 +0.000016 s, 74 bytes\n');
  assert.not.match(stdout, 'packet 3');
  const digits = [...stdout.matchAll(/^ {4}[0-9a-f]{4} {2}([0-9a-f ]{48})/gm)].map(([, hex]) =>
    hex!.replaceAll(' ', ''),
  );
  assert.is(digits.join('').length, 2 * (74 + 74));
});

test('the first line of a packet has its number, and the first of a connection the name of that', async () => {
  const { stdout } = await wirebench(['inspect', NGINX]);
  const numbers = [...stdout.matchAll(/ #([0-9]+)$/gm)].map(([, number]) => Number(number));
  assert.equal(
    numbers,
    Array.from({ length: 24 }, (_, index) => index + 1),
  );
  assert.match(stdout, ' flow=127.0.0.1:48744>127.0.0.1:443#0\n');
  const http = await wirebench(['inspect', NGINX, '--layers', 'http2', '-Y', 'http2.streamid == 3']);
  assert.match(
    http.stdout,
    /^ {6}\[H2\] HEADERS stream=3 END_STREAM GET \/status\/404 flow=127\.0\.0\.1:48744>127\.0\.0\.1:443#0 #18\n/,
  );
  const colored = await wirebench(['inspect', NGINX, '--color', 'always', '--count', '1']);
  assert.match(colored.stdout, '\x1b[2m #1\x1b[22m\x1b[0m\n');
  // Where packets have headers, these have the number.
  const verbose = await wirebench(['inspect', NGINX, '-v']);
  assert.not.match(verbose.stdout, / #[0-9]+$/m);
});

test('-v: a packet of which nothing is shown has no header', async () => {
  const { stdout } = await wirebench(['inspect', NGINX, '-v', '--layers', 'http2']);
  const lines = stdout.split('\n');
  const headers = lines.flatMap((line, at) => (line.startsWith('packet ') ? [at] : []));
  assert.ok(headers.length > 5 && headers.length < 20, String(headers.length));
  for (const at of headers) assert.match(lines[at + 1]!, '[H2]');
});

test('packets without IP are told in a line', async () => {
  await withFolder(async (folder) => {
    const file = join(folder, 'arp.pcap');
    const frame = 'ffffffffffff020000000001080600010800060400010200000000010a0000010000000000000a000002';
    const header = Buffer.alloc(24);
    header.writeUInt32LE(0xa1b2c3d4, 0);
    header.writeUInt16LE(2, 4);
    header.writeUInt16LE(4, 6);
    header.writeUInt32LE(65_535, 16);
    header.writeUInt32LE(1, 20);
    const record = Buffer.alloc(16);
    record.writeUInt32LE(42, 8);
    record.writeUInt32LE(42, 12);
    writeFileSync(file, Buffer.concat([header, record, Buffer.from(frame, 'hex')]));
    const { stdout } = await wirebench(['inspect', file]);
    assert.match(stdout, /^ARP who-has 10\.0\.0\.2 tell 10\.0\.0\.1 #1\n1 packet, /);
    const verbose = await wirebench(['inspect', file, '-v']);
    assert.match(
      verbose.stdout,
      /^packet 1 \+0\.000000 s, 42 bytes: ARP who-has 10\.0\.0\.2 tell 10\.0\.0\.1\n1 packet, /,
    );
    const other = await wirebench(['inspect', file, '--layers', 'tcp']);
    assert.match(other.stdout, /^1 packet, /);
    const json = await wirebench(['inspect', file, '--json']);
    assert.is(JSON.parse(json.stdout.split('\n')[1]!).about, 'ARP who-has 10.0.0.2 tell 10.0.0.1');
  });
});

test('hex dumps have all bytes, and printable ASCII alone as text', () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
  const lines = [...hexDump(bytes)];
  assert.is(lines.length, 16);
  assert.is(lines[4], '0040  40 41 42 43 44 45 46 47  48 49 4a 4b 4c 4d 4e 4f  @ABCDEFGHIJKLMNO');
  assert.is(lines[0], '0000  00 01 02 03 04 05 06 07  08 09 0a 0b 0c 0d 0e 0f  ................');
  assert.is([...hexDump(bytes.subarray(0, 17))][1], '0010  10                                                .');
  assert.equal([...hexDump(new Uint8Array())], []);
});

test('--keylog takes the secrets out of a pcapng', async () => {
  await withFolder(async (folder) => {
    const bytes = readFileSync(NGINX);
    const bare = join(folder, 'bare.pcapng');
    const packed = join(folder, 'packed.pcapng.gz');
    writeFileSync(bare, withoutSecrets(bytes));
    writeFileSync(packed, gzipSync(bytes));
    const locked = await wirebench(['inspect', bare, '--layers', 'tls']);
    assert.match(locked.stdout, 'there are no keys, neither in the capture nor besides');
    const whole = await wirebench(['inspect', NGINX, '--summary']);
    for (const keylog of [NGINX, packed]) {
      const opened = await wirebench(['inspect', bare, '--summary', '--keylog', keylog]);
      assert.is(opened.stdout, whole.stdout);
      assert.is(opened.stderr, '');
    }
    const other = await wirebench(['inspect', bare, '--layers', 'tls', '--keylog', foreign('veth-classic-pcap.keys')]);
    assert.match(other.stdout, 'the key log has no secret for client random ');
    const none = await wirebench(['inspect', bare, '--summary', '--keylog', bare]);
    assert.match(none.stderr, 'bare.pcapng: no TLS secrets in it');
  });
});

/** Little-endian blocks, without those of the secrets. */
function withoutSecrets(bytes: Buffer): Buffer {
  const kept: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += bytes.readUInt32LE(at + 4)) {
    if (bytes.readUInt32LE(at) !== 10) kept.push(bytes.subarray(at, at + bytes.readUInt32LE(at + 4)));
  }
  return Buffer.concat(kept);
}

test('--json with -x has the bytes', async () => {
  const { stdout } = await wirebench(['inspect', NGINX, '--json', '-x', '-c', '2']);
  const packets = stdout
    .trimEnd()
    .split('\n')
    .slice(1, -1)
    .map((line) => JSON.parse(line));
  assert.is(packets.length, 2);
  for (const { bytes, captured } of packets) {
    assert.is(bytes.length, 2 * captured);
    assert.match(bytes, /^[0-9a-f]{24}0800450/);
  }
  const plain = await wirebench(['inspect', NGINX, '--json', '-c', '1']);
  assert.not.ok('bytes' in JSON.parse(plain.stdout.split('\n')[1]!));
});

test('standard input is named, and a second capture is none of a filter', async () => {
  const empty = await wirebench(['inspect', '-'], { input: '' });
  assert.is(empty.code, 3);
  assert.is(
    empty.stderr,
    'wirebench: standard input: offset 0: it is empty. See whether the command before it in the pipe says why it wrote no capture\n',
  );
  for (const name of ['b.pcapng', 'b.pcap', 'b.pcap.gz']) {
    assert.match(refused('a.pcapng', name), `one capture is read at a time, and "${name}" is another`);
  }
  assert.is(parsed('a.pcapng', 'host', '10.0.0.1').packetFilter, 'host 10.0.0.1');
});

test('from a pipe, compressed or not, as from the file', async () => {
  const file = await wirebench(['inspect', NGINX]);
  const bytes = readFileSync(NGINX);
  for (const input of [bytes, gzipSync(bytes)]) {
    const piped = await wirebench(['inspect', '-'], { input });
    assert.is(piped.code, 0, piped.stderr);
    assert.is(piped.stdout, file.stdout);
  }
});

test('Ctrl-C ends reading: the summary of what was read, and 130', async () => {
  const child = spawn(process.execPath, [mainScript, 'inspect', '-'], { stdio: 'pipe' });
  let stdout = '';
  const shown = new Promise<void>((resolve) =>
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
      if (stdout.includes(' #24')) resolve();
    }),
  );
  // The pipe stays open, as that of tcpdump.
  child.stdin.write(readFileSync(NGINX));
  const closed = once(child, 'close');
  await shown;
  child.kill('SIGINT');
  const [code] = await closed;
  assert.is(code, 130);
  assert.match(stdout, /\n24 packets, 6,432 bytes, .*\n1 handshake of .*\n3 requests, answered with .*\n$/);
});

test('Ctrl-C while a file is read and nobody takes what is printed', async () => {
  const file = join(projectRoot, 'fixtures/captures/h2-download-1m.pcapng');
  const child = spawn(process.execPath, [mainScript, 'inspect', '--json', file], { stdio: 'pipe' });
  let stdout = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  const closed = once(child, 'close');
  await once(child.stdout, 'data');
  child.stdout.pause();
  child.kill('SIGINT');
  await new Promise((resolve) => setTimeout(resolve, 100));
  child.stdout.resume();
  const [code] = await closed;
  assert.is(code, 130);
  const lines = stdout.trimEnd().split('\n');
  const summary = JSON.parse(lines.at(-1)!);
  assert.is(summary.kind, 'summary');
  assert.is(summary.packets, lines.length - 2);
  assert.ok(summary.packets < 963, 'not all of it');
});

test('keys beside the capture are found; without them it says what is missing', async () => {
  const [capture, keys] = [foreign('veth-classic-pcap.pcap'), foreign('veth-classic-pcap.keys')];
  const beside = await wirebench(['inspect', capture, '--summary']);
  assert.match(beside.stdout, /requests?, answered with/);
  assert.not.match(beside.stdout, 'no keys');
  await withFolder(async (folder) => {
    const alone = join(folder, 'alone.pcap');
    copyFileSync(capture, alone);
    const locked = await wirebench(['inspect', alone, '--summary']);
    assert.is(locked.code, 0);
    assert.match(locked.stdout, /no keys for 1 of 1 TLS connection: have the client write SSLKEYLOGFILE/);
    assert.not.match(locked.stdout, 'answered with');
    const given = await wirebench(['inspect', alone, '--summary', '--keylog', keys]);
    assert.is(given.stdout, beside.stdout);
    const missing = await wirebench(['inspect', alone, '--keylog', join(folder, 'no.keys')]);
    assert.is(missing.code, 3);
    assert.match(missing.stderr, 'no.keys');
  });
});

test('segments with wrong checksums are not read, unless told', async () => {
  await withFolder(async (folder) => {
    // Another address in every packet, as an anonymiser leaves them.
    const file = join(folder, 'anonymous.pcap');
    const bytes = readFileSync(foreign('veth-classic-pcap.pcap'));
    for (let at = 24; at < bytes.length; at += 16 + bytes.readUInt32LE(at + 8)) {
      const ip = at + 16 + 14;
      if (bytes.readUInt16BE(ip - 2) !== 0x0800) continue;
      bytes[ip + 12]! ^= 0x55;
      bytes[ip + 16]! ^= 0x55;
    }
    writeFileSync(file, bytes);
    copyFileSync(foreign('veth-classic-pcap.keys'), join(folder, 'anonymous.keys'));
    const unread = await wirebench(['inspect', file, '--summary']);
    assert.is(unread.code, 0);
    assert.not.match(unread.stdout, 'request');
    assert.match(
      unread.stdout,
      /\n\d+ segments were not read, with a wrong TCP checksum: --no-checksums reads such segments, too\n/,
    );
    const read = await wirebench(['inspect', file, '--no-checksums', '--summary']);
    assert.match(read.stdout, '1 request, answered with 200 (1)');
    assert.match(read.stdout, /noticed: .*bad-checksum/);
    assert.not.match(read.stdout, 'not read');
    const json = await wirebench(['inspect', file, '--no-checksums', '--json', '-Y', 'tcp']);
    assert.match(json.stdout, '{"severity":"warning","layer":"tcp","code":"bad-checksum"');
  });
});

test('a cut capture is shown as far as it goes, and ends with 3 and the offset', async () => {
  await withFolder(async (folder) => {
    const cut = join(folder, 'cut.pcapng');
    const bytes = readFileSync(NGINX);
    writeFileSync(cut, bytes.subarray(0, bytes.length - 50));
    const { code, stdout, stderr } = await wirebench(['inspect', cut, '--summary']);
    assert.is(code, 3);
    assert.match(stdout, /^\d+ packets, /);
    assert.match(stderr, /cut\.pcapng: offset \d+: /);
  });
});

test('what is no capture is refused, and nothing else is printed', async () => {
  for (const [path, what] of [
    [join(projectRoot, 'README.md'), 'neither pcap nor pcapng'],
    [join(projectRoot, 'fixtures'), 'this is a directory'],
    [join(projectRoot, 'nothing.pcap'), 'there is no such file'],
  ] as const) {
    const { code, stdout, stderr } = await wirebench(['inspect', path]);
    assert.is(code, 3);
    assert.is(stdout, '');
    assert.match(stderr, what);
    assert.not.match(stderr, ' at ');
  }
});

test('--fields lists every name once, sorted', async () => {
  const { code, stdout } = await wirebench(['inspect', '--fields']);
  assert.is(code, 0);
  const names = stdout.trimEnd().split('\n');
  assert.equal(names, [...new Set(names)].sort());
  assert.ok(
    ['ip.src', 'tcp.flags.syn', 'tls.handshake.type', 'http2.streamid', 'http.request.uri'].every((name) =>
      names.includes(name),
    ),
  );
});

test.run();
