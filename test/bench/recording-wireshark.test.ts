// Recordings as Wireshark's tools see them: read without complaint, counted, decrypted by the secrets inside, and still
// recordings after editcap. The TLS session is Node's own, without a network: two ends joined in this process.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { duplexPair } from 'node:stream';
import { connect, TLSSocket } from 'node:tls';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadRecording, RecordingWriter } from '../../src/bench/recording.js';
import { PacketSynthesis, type SocketEvent } from '../../src/bench/synthesis.js';
import { ascii } from '../support/bytes.js';
import { run, scratch } from '../support/captures.js';
import { needCommands, testWith } from '../support/needs.js';

const files = scratch();
const START = 1_700_000_000_000_000;
const BODY = 'x'.repeat(50_000);

function recorder(file: string): { writer: RecordingWriter; add(event: SocketEvent): void; now(): number } {
  const manifest = { format: 1, wirebench: '0.1.0', seed: '00'.repeat(32), config: {}, startUnixUs: START } as const;
  const writer = new RecordingWriter(file, manifest);
  const synthesis = new PacketSynthesis();
  let atUs = 0;
  return {
    writer,
    now: () => atUs,
    add(event) {
      atUs += 100;
      for (const { dir, data } of synthesis.packets(event)) writer.packet(atUs, dir, data);
    },
  };
}

/** A TLS 1.2 connection with one HTTP request and its response, recorded as tcp mode does. */
async function recordTls(file: string, address: string): Promise<void> {
  const [key, cert] = [files.path('key.pem'), files.path('cert.pem')];
  run(
    'openssl',
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-subj',
    '/CN=localhost',
    '-keyout',
    key,
    '-out',
    cert,
  );
  const { writer, add, now } = recorder(file);
  add({ kind: 'open', flow: 0, peer: { address, port: 50_000 }, local: { address, port: 443 } });
  const [clientEnd, fromClient] = duplexPair();
  const [serverEnd, fromServer] = duplexPair();
  fromClient.on('data', (bytes: Buffer) => {
    add({ kind: 'data', flow: 0, dir: 'in', bytes });
    fromServer.write(bytes);
  });
  fromServer.on('data', (bytes: Buffer) => {
    add({ kind: 'data', flow: 0, dir: 'out', bytes });
    add({ kind: 'acknowledged', flow: 0, bytes: bytes.length });
    fromClient.write(bytes);
  });
  const server = new TLSSocket(serverEnd, {
    isServer: true,
    key: readFileSync(key),
    cert: readFileSync(cert),
    maxVersion: 'TLSv1.2',
  });
  server.on('keylog', (line: Buffer) => writer.secret(line.toString('latin1').trimEnd()));
  server.once('data', () => server.write(`HTTP/1.1 200 OK\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`));
  const client = connect({ socket: clientEnd, rejectUnauthorized: false });
  let received = 0;
  client.on('data', (bytes: Buffer) => {
    received += bytes.length;
    if (received > BODY.length) client.emit('whole');
  });
  await once(client, 'secureConnect');
  client.write('GET /recorded HTTP/1.1\r\nhost: localhost\r\n\r\n');
  await once(client, 'whole');
  add({ kind: 'fin', flow: 0, dir: 'in' });
  add({ kind: 'fin', flow: 0, dir: 'out' });
  writer.event({ event: 'end', atUs: now() });
  writer.close();
  client.destroy();
  server.destroy();
}

/** One line for each frame, the fields separated by tabs. */
function tshark(file: string, ...args: string[]): string[] {
  return run('tshark', '-r', file, ...args)
    .split('\n')
    .filter((line) => line !== '');
}

for (const address of ['127.0.0.1', '::1']) {
  testWith(
    test,
    needCommands('tshark', 'capinfos', 'editcap', 'openssl'),
    `tshark decrypts a recorded TLS session by the secrets inside (${address})`,
    async () => {
      const file = files.path('tls.pcapng');
      await recordTls(file, address);
      const seen = tshark(
        file,
        '-Y',
        'http',
        '-T',
        'fields',
        '-e',
        'http.request.uri',
        '-e',
        'http.response.code',
        '-e',
        'http.content_length',
      );
      assert.equal(seen, ['/recorded\t\t', '\t200\t50000']);
      const { manifest, timeline, keyLog } = await loadRecording(file);
      assert.is(manifest.startUnixUs, START);
      assert.match(keyLog, /^CLIENT_RANDOM [0-9a-f]{64} [0-9a-f]{96}\n$/);
      // The same packets, with the same numbers and directions.
      const frames = tshark(
        file,
        '-Y',
        'frame.protocols ~ "ip"',
        '-T',
        'fields',
        '-e',
        'frame.number',
        '-e',
        'frame.packet_flags_direction',
      );
      const packets = timeline.filter((item) => item.kind === 'packet');
      assert.equal(
        frames,
        packets.map((packet) => `${packet.frameNumber}\t${packet.dir === 'in' ? '0x00000001' : '0x00000002'}`),
      );
    },
  );
}

testWith(
  test,
  needCommands('tshark', 'capinfos', 'editcap'),
  'Wireshark finds nothing wrong with the synthesised packets',
  () => {
    const file = files.path('expert.pcapng');
    const { writer, add } = recorder(file);
    for (const [flow, address] of ['10.0.0.1', 'fd00::1'].entries()) {
      add({ kind: 'open', flow, peer: { address, port: 50_000 }, local: { address, port: 8080 } });
      add({ kind: 'data', flow, dir: 'in', bytes: new Uint8Array(100_000) });
      add({ kind: 'data', flow, dir: 'out', bytes: new Uint8Array(70_001) });
      add({ kind: 'acknowledged', flow, bytes: 70_001 });
      if (flow === 0) {
        add({ kind: 'fin', flow, dir: 'in' });
        add({ kind: 'fin', flow, dir: 'out' });
      } else add({ kind: 'reset', flow, dir: 'in' });
    }
    writer.close();
    const checks = ['-o', 'tcp.check_checksum:TRUE', '-o', 'ip.check_checksum:TRUE'];
    const checksums = tshark(file, ...checks, '-Y', 'tcp', '-T', 'fields', '-e', 'tcp.checksum.status');
    assert.is(checksums.length, 25);
    assert.equal([...new Set(checksums)], ['1']);
    assert.equal([...new Set(tshark(file, ...checks, '-Y', 'ip', '-T', 'fields', '-e', 'ip.checksum.status'))], ['1']);
    // Retransmissions, gaps, full windows, malformed packets: all that the analysis warns of, but that a reset is one.
    const complaints = tshark(
      file,
      ...checks,
      '-Y',
      '(_ws.expert.severity >= 0x600000 && !(tcp.flags.reset == 1)) || tcp.analysis.flags || _ws.malformed',
    );
    assert.equal(complaints, []);
  },
);

testWith(
  test,
  needCommands('tshark', 'capinfos', 'editcap'),
  'capinfos counts the packets and names the program',
  () => {
    const file = files.path('infos.pcapng');
    const { writer, add } = recorder(file);
    add({ kind: 'open', flow: 0, peer: { address: '127.0.0.1', port: 1 }, local: { address: '127.0.0.1', port: 2 } });
    add({ kind: 'data', flow: 0, dir: 'in', bytes: ascii('abc') });
    writer.event({ event: 'end', atUs: 500 });
    writer.close();
    const infos = run('capinfos', '-M', file);
    assert.match(infos, /Number of packets: +4\n/);
    assert.match(infos, /File encapsulation: +rawip\n/);
    assert.match(infos, /File timestamp precision: +microseconds/);
    assert.match(infos, /Capture application: +wirebench 0\.1\.0\n/);
  },
);

testWith(
  test,
  needCommands('tshark', 'capinfos', 'editcap'),
  'a recording that editcap rewrote is the same recording',
  async () => {
    const file = files.path('before.pcapng');
    const { writer, add } = recorder(file);
    add({ kind: 'open', flow: 0, peer: { address: '127.0.0.1', port: 1 }, local: { address: '127.0.0.1', port: 2 } });
    writer.secret(`CLIENT_RANDOM ${'ab'.repeat(32)} ${'cd'.repeat(48)}`);
    writer.event({ event: 'close', atUs: 150 });
    add({ kind: 'reset', flow: 0, dir: 'out' });
    writer.close();
    run('editcap', file, files.path('after.pcapng'));
    const [before, after] = [await loadRecording(file), await loadRecording(files.path('after.pcapng'))];
    assert.equal(after.manifest, before.manifest);
    assert.is(after.keyLog, before.keyLog);
    const bare = (timeline: typeof before.timeline): unknown[] => timeline.map((item) => ({ ...item, fileOffset: 0 }));
    assert.equal(bare(after.timeline), bare(before.timeline));
  },
);

testWith(
  test,
  needCommands('tshark', 'editcap'),
  'answers from outside do not disturb them, and survive editcap',
  async () => {
    const file = files.path('answers.pcapng');
    const { writer, add, now } = recorder(file);
    const ends = { peer: { address: '127.0.0.1', port: 50_000 }, local: { address: '127.0.0.1', port: 80 } };
    add({ kind: 'open', flow: 0, ...ends });
    add({ kind: 'data', flow: 0, dir: 'in', bytes: ascii('GET / HTTP/1.1\r\nhost: a\r\n\r\n') });
    const token = 'accept#0/1';
    const bytes = Uint8Array.from({ length: 1_001 }, (_, i) => i);
    const head = { kind: 'response', status: 200, headers: [['a', '\u00fc"']], content: 'follows' } as const;
    writer.answer({ atUs: now(), token, answer: head });
    writer.answer({ atUs: now(), token, answer: { kind: 'content', bytes, end: true, trailers: [['t', 'u']] } });
    add({ kind: 'data', flow: 0, dir: 'out', bytes: ascii('HTTP/1.1 204 No Content\r\n\r\n') });
    writer.event({ event: 'end', atUs: now() });
    writer.close();
    assert.equal(tshark(file, '-Y', 'http', '-T', 'fields', '-e', 'http.request.method', '-e', 'http.response.code'), [
      'GET\t',
      '\t204',
    ]);
    const copy = files.path('answers-copy.pcapng');
    run('editcap', file, copy);
    const read = (await loadRecording(copy)).timeline.filter((item) => item.kind === 'answer');
    assert.equal(
      read.map(({ answer }) => answer),
      [head, { kind: 'content', bytes, end: true, trailers: [['t', 'u']] }],
    );
  },
);

test.run();
