// `wirebench inspect --write`: what passes is in the new file as it was, opens there by itself, and nothing else is touched.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createConversation } from '../../src/bench/inspect/conversation.js';
import { createKeyStore } from '../../src/bench/inspect/keys.js';
import { inspectCapture } from '../../src/bench/inspect/packets.js';
import { PacketWriter, UsedKeys } from '../../src/cli/inspect-write.js';
import { type CaptureItem, type Packet, readCapture } from '../../src/io/capture.js';
import { PcapngWriter } from '../../src/io/pcapng-writer.js';
import { defaultCaptures } from '../support/against-tshark.js';
import { refusal } from '../support/command-line.js';
import { mainScript, projectRoot, run, wirebench, withFolder } from '../support/live.js';
import { needCommands, testWith } from '../support/needs.js';

const test = suite('inspect --write');
const foreign = (name: string): string => join(projectRoot, 'fixtures/foreign', name);
const NGINX = foreign('nginx-h2-tls13.pcapng');
/** A classic capture, with its key log beside it. */
const CLASSIC = foreign('veth-classic-pcap.pcap');

const refused = (...words: string[]): string => refusal('inspect', ...words).message;

/** All but where it stands in the file. */
const shapeOf = ({ timeNs, direction, linkType, data, originalLength, comment }: Packet): unknown => ({
  timeNs,
  direction,
  linkType,
  data: Buffer.from(data).toString('hex'),
  originalLength,
  comment,
});

const secretsIn = (items: readonly CaptureItem[]): string =>
  items.flatMap((item) => (item.kind === 'secrets' ? Buffer.from(item.data).toString() : [])).join('');

test('every packet as it was, and what is in it can be read without anything else', async () => {
  await withFolder(async (folder) => {
    const out = join(folder, 'out.pcapng');
    for (const file of [CLASSIC, ...defaultCaptures().filter((name) => name.includes('foreign'))].filter(
      (_, at) => at % 6 === 0,
    )) {
      const { code, stdout, stderr } = await wirebench(['inspect', file, '-w', out]);
      assert.is(code, 0, stderr);
      assert.is(stdout, '');
      const [before, after] = [await readCapture(file), await readCapture(out)];
      assert.equal(after.packets.map(shapeOf), before.packets.map(shapeOf), file);
      assert.equal(
        after.interfaces.map(({ linkType, snapLength, name }) => [linkType, snapLength, name]),
        before.interfaces.map(({ linkType, snapLength, name }) => [linkType, snapLength, name]),
      );
      assert.is((await wirebench(['inspect', out])).stdout, (await wirebench(['inspect', file])).stdout, file);
    }
  });
});

test('a new file is for its owner only, since it may hold secrets; one that is there keeps its mode', async () => {
  await withFolder(async (folder) => {
    const out = join(folder, 'out.pcapng');
    for (const mode of [0o600, 0o644]) {
      if (mode !== 0o600) chmodSync(out, mode);
      const { code, stderr } = await wirebench(['inspect', NGINX, '-w', out]);
      assert.is(code, 0, stderr);
      assert.match(stderr, 'with the TLS secrets of 1 handshake');
      assert.is((statSync(out).mode & 0o777).toString(8), mode.toString(8));
    }
  });
});

testWith(test, needCommands('tshark', 'capinfos'), 'Wireshark opens what is in it', async () => {
  await withFolder(async (folder) => {
    const out = join(folder, 'out.pcapng');
    const { stderr } = await wirebench(['inspect', CLASSIC, '-w', out]);
    assert.match(stderr, 'out.pcapng: 23 packets, with the TLS secrets of 1 handshake\n');
    const fields = ['frame.number', 'frame.time_epoch', 'frame.len', 'tls.handshake.type', 'http2.headers.path'];
    const ask = fields.flatMap((name) => ['-e', name]);
    const keys = ['-o', `tls.keylog_file:${CLASSIC.replace(/pcap$/, 'keys')}`];
    const theirs = await run('tshark', ['-r', CLASSIC, ...keys, '-T', 'fields', ...ask]);
    const ours = await run('tshark', ['-r', out, '-T', 'fields', ...ask]);
    assert.is(ours.stdout, theirs.stdout);
    assert.match(ours.stdout, '\t/');
    const { code, stdout } = await run('capinfos', ['-c', '-E', out]);
    assert.is(code, 0);
    assert.match(stdout, /Number of packets: +23/);
    // Nothing of a filter's connections passes: the file is whole all the same.
    await wirebench(['inspect', CLASSIC, 'udp', '-w', out]);
    assert.match((await run('capinfos', ['-c', out])).stdout, /Number of packets: +0/);
  });
});

test('filters choose the packets, and only the secrets of their connections go along', async () => {
  await withFolder(async (folder) => {
    const out = join(folder, 'out.pcapng');
    const file = foreign('node-h2-post.pcapng');
    const all = await readCapture(file);
    const linesIn = (items: readonly CaptureItem[]): string[] =>
      secretsIn(items)
        .split('\n')
        .filter((line) => /^[A-Z]/.test(line))
        .sort();
    await wirebench(['inspect', file, '-w', out]);
    assert.equal(linesIn((await readCapture(out)).items), linesIn(all.items));
    await wirebench(['inspect', file, '-Y', 'tcp.stream == 0', '-w', out]);
    const { packets, items } = await readCapture(out);
    const lines = linesIn(items);
    assert.ok(packets.length > 0 && packets.length < all.packets.length);
    assert.is(new Set(lines.map((line) => line.split(' ')[1])).size, 1);
    assert.ok(lines.length < linesIn(all.items).length);
    await wirebench(['inspect', file, '-Y', 'icmp', '-w', out]);
    assert.equal(linesIn((await readCapture(out)).items), []);
  });
});

test('without the ClientHello the secrets are those that fit', async () => {
  await withFolder(async (folder) => {
    const [late, out] = [join(folder, 'late.pcapng'), join(folder, 'out.pcapng')];
    await wirebench(['inspect', NGINX, '-Y', 'frame.number > 8', '-w', late]);
    const keylogs = [NGINX, foreign('h2o-h2-tls13.pcapng')].flatMap((file) => ['--keylog', file]);
    const { stderr } = await wirebench(['inspect', late, ...keylogs, '-w', out]);
    assert.match(stderr, 'with the TLS secrets of 1 handshake');
    assert.match((await wirebench(['inspect', out, '--layers', 'http2'])).stdout, 'GET /status/404');
  });
});

test('nanoseconds, lengths on the wire, directions, comments and several sections are kept', async () => {
  await withFolder(async (folder) => {
    const [from, out] = [join(folder, 'from.pcapng'), join(folder, 'out.pcapng')];
    const blocks = new PcapngWriter();
    const frame = readPacket();
    const packet = { kind: 'packet', index: 1, fileOffset: 0, linkType: 1, data: frame } as const;
    const one = { kind: 'interface', id: 0, snapLength: 60, fileOffset: 0 } as const;
    blocks.section('x', 'y', 'z', 'of the file');
    blocks.interfaceOf({ ...one, linkType: 101, name: 'tun0' });
    blocks.interfaceOf({ ...one, linkType: 1, name: 'eth0', comment: 'second' });
    const timed = { ...packet, timeNs: 1_700_000_000_123_456_789n, direction: 'in', originalLength: 1_500 } as const;
    blocks.packetOf(1, { ...timed, comment: 'look\nhere' });
    blocks.section('', '', '');
    blocks.interfaceOf({ ...one, linkType: 1, name: 'eth1' });
    blocks.packetOf(0, { ...packet, timeNs: undefined, direction: 'out', originalLength: frame.length });
    writeFileSync(from, blocks.view());
    await wirebench(['inspect', from, '-w', out]);
    const { items, interfaces, packets } = await readCapture(out);
    assert.equal(
      interfaces.map(({ id, linkType, snapLength, name, comment }) => [id, linkType, snapLength, name, comment]),
      [
        [0, 101, 60, 'tun0', undefined],
        [1, 1, 60, 'eth0', 'second'],
        [2, 1, 60, 'eth1', undefined],
      ],
    );
    const [section] = items;
    assert.ok(section?.kind === 'section');
    assert.equal([section.hardware, section.os, section.comment], ['x', 'y', 'of the file']);
    assert.equal(
      packets.map(({ interfaceId, timeNs, direction, originalLength, comment }) => [
        interfaceId,
        timeNs,
        direction,
        originalLength,
        comment,
      ]),
      [
        [1, 1_700_000_000_123_456_789n, 'in', 1_500, 'look\nhere'],
        [2, 0n, 'out', frame.length, undefined],
      ],
    );
  });
});

/** An ARP request. */
const readPacket = (): Uint8Array =>
  new Uint8Array(
    Buffer.from('ffffffffffff020000000001080600010800060400010200000000010a0000010000000000000a000002', 'hex'),
  );

test('standard output, where nothing else is printed', async () => {
  await withFolder(async (folder) => {
    const out = join(folder, 'out.pcapng');
    const { code } = await run('bash', ['-c', 'node "$0" inspect "$1" -w - >"$2"', mainScript, NGINX, out]);
    assert.is(code, 0);
    assert.is((await readCapture(out)).packets.length, 24);
  });
  for (const asker of ['--json', '--summary', '-x', '-v', '--layers=tcp']) {
    assert.match(refused('a', '-w', '-', asker), '--write - needs standard output for itself');
  }
  assert.is(refused('a', '-w', '-', '-Y', 'tcp', '-c', '3'), 'nothing');
});

test('what is asked for is printed besides', async () => {
  await withFolder(async (folder) => {
    const out = join(folder, 'out.pcapng');
    assert.match((await wirebench(['inspect', NGINX, '-w', out, '--summary'])).stdout, /^24 packets/);
    assert.match((await wirebench(['inspect', NGINX, '-w', out, '--layers', 'http2'])).stdout, 'GET /');
    assert.is((await wirebench(['inspect', NGINX, '-w', out, '-c', '5'])).stdout, '');
    assert.is((await readCapture(out)).packets.length, 5);
  });
});

test('never over what it is made of, however that is named', async () => {
  await withFolder(async (folder) => {
    const [capture, link] = [join(folder, 'a.pcapng'), join(folder, 'link')];
    const bytes = readFileSync(NGINX);
    writeFileSync(capture, bytes);
    symlinkSync(capture, link);
    for (const target of [capture, link]) {
      const { code, stderr } = await wirebench(['inspect', capture, '-w', target]);
      assert.is(code, 3);
      assert.is(stderr, `wirebench: ${target}: it is read from as well\nwirebench: write to another file\n`);
      const keylog = await wirebench(['inspect', NGINX, '--keylog', capture, '-w', target]);
      assert.is(keylog.code, 3);
    }
    const piped = await run('bash', ['-c', 'node "$0" inspect - -w "$1" <"$1"', mainScript, capture]);
    assert.is(piped.code, 3);
    assert.match(piped.stderr, 'it is what is read from standard input');
    assert.equal(readFileSync(capture), bytes);
  });
});

test('whole or not at all', async () => {
  await withFolder(async (folder) => {
    const out = join(folder, 'out.pcapng');
    writeFileSync(out, 'as it was');
    const missing = await wirebench(['inspect', join(folder, 'none.pcap'), '-w', out]);
    assert.is(missing.code, 3);
    assert.is(readFileSync(out, 'utf8'), 'as it was');
    const slip = await wirebench(['inspect', NGINX, '-Y', 'ip.tll', '-w', out]);
    assert.is(slip.code, 2);
    assert.is(readFileSync(out, 'utf8'), 'as it was');
    mkdirSync(join(folder, 'sub'));
    for (const [target, what] of [
      [join(folder, 'sub'), 'this is a folder'],
      [join(folder, 'none/out.pcapng'), 'there is no such folder'],
      [join(out, 'below'), 'a part of the path is no folder'],
    ] as const) {
      const { code, stderr } = await wirebench(['inspect', NGINX, '-w', target]);
      assert.is(code, 3);
      assert.match(stderr, `wirebench: ${target}: ${what}\n`);
    }
    if (existsSync('/dev/full')) {
      const full = await wirebench(['inspect', NGINX, '-w', '/dev/full']);
      assert.is(full.code, 3);
      assert.match(full.stderr, 'there is no space left');
    }
    // The packets before the damage are a whole file.
    const cut = join(folder, 'cut.pcapng');
    writeFileSync(cut, readFileSync(NGINX).subarray(0, -50));
    const { code, stderr } = await wirebench(['inspect', cut, '-w', out]);
    assert.is(code, 3);
    assert.match(stderr, 'cut off');
    assert.is((await readCapture(out)).packets.length, 23);
    assert.equal(readdirSync(folder).sort(), ['cut.pcapng', 'out.pcapng', 'sub']);
  });
});

test('so many connections and no more: the secrets of further ones stay behind', async () => {
  await withFolder(async (folder) => {
    const out = join(folder, 'out.pcapng');
    const keys = new UsedKeys(createKeyStore());
    const writer = new PacketWriter(out, [], keys, 1);
    const options = { keys, createConversation, events: true };
    const packets = inspectCapture(foreign('node-h2-post.pcapng'), options, undefined, (item) => writer.item(item));
    for await (const packet of packets) writer.packet(packet, true);
    writer.end(true);
    const { items } = await readCapture(out);
    assert.is(new Set(secretsIn(items).match(/(?<= )[0-9a-f]{64}(?= )/g)).size, 1);
  });
});

test('Ctrl-C keeps what was read; SIGTERM and SIGHUP leave nothing behind', async () => {
  await withFolder(async (folder) => {
    const out = join(folder, 'out.pcapng');
    for (const [signal, names] of [
      ['SIGTERM', []],
      ['SIGHUP', []],
      ['SIGINT', ['out.pcapng']],
    ] as const) {
      const child = spawn(process.execPath, [mainScript, 'inspect', '-', '-w', out, '--layers', 'tcp'], {
        stdio: 'pipe',
      });
      const closed = once(child, 'close');
      const shown = new Promise<void>((resolve) => {
        let text = '';
        child.stdout.on('data', (chunk) => {
          text += chunk;
          if (text.includes(' #24')) resolve();
        });
      });
      // The pipe stays open.
      child.stdin.write(readFileSync(NGINX));
      await shown;
      child.kill(signal);
      const [code, by] = await closed;
      assert.is(signal === 'SIGINT' ? code : by, signal === 'SIGINT' ? 130 : signal);
      assert.equal(readdirSync(folder), names);
    }
    assert.is((await readCapture(out)).packets.length, 24);
  });
});

test.run();
