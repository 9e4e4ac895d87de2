// Writing pcapng, and reading what other tools write of it.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readCapture, SECRETS_TLS_KEY_LOG } from '../../src/io/capture.js';
import { PcapngWriter } from '../../src/io/pcapng-writer.js';
import { ascii, concat, equalBytes, hex } from '../support/bytes.js';
import { pcapngBlocks, run, scratch } from '../support/captures.js';
import { needCommands, testWith } from '../support/needs.js';

const files = scratch();
const A = hex('4500 0014 01');
const FLAGS = 2;
const IF_NAME = 2;
const IF_TSRESOL = 9;
const b = pcapngBlocks(true);
const BEGIN = concat(b.section(), b.interface(101, 0));
const PACKET = b.enhanced(0, 1n, A);

const writing = suite('pcapng writer');

function written(fill: (writer: PcapngWriter) => void): Uint8Array {
  const writer = new PcapngWriter(16);
  fill(writer);
  return writer.view().slice();
}

writing('writes just what the blocks are made of', () => {
  equalBytes(
    written((w) => w.section('h', 'os', 'wirebench 1')),
    b.section(b.option(2, ascii('h')), b.option(3, ascii('os')), b.option(4, ascii('wirebench 1')), b.end),
    'section',
  );
  equalBytes(
    written((w) => w.interface(101, 0, 'tun')),
    b.interface(101, 0, b.option(IF_NAME, ascii('tun')), b.option(IF_TSRESOL, hex('06')), b.end),
    'interface',
  );
  equalBytes(
    written((w) => w.packet(0, 1_700_000_000_123_456, 'out', A)),
    b.enhanced(0, 1_700_000_000_123_456n, A, b.option(FLAGS, b.u32(2)), b.end),
    'packet',
  );
  equalBytes(
    written((w) => w.secrets(SECRETS_TLS_KEY_LOG, 'ab\n')),
    b.secrets(SECRETS_TLS_KEY_LOG, ascii('ab\n')),
    'secrets',
  );
  equalBytes(
    written((w) => w.custom(32473, hex('0102'), true)),
    b.custom(0xbad, 32473, hex('01020000')),
    'custom',
  );
  equalBytes(
    written((w) => w.custom(1, hex('01020304'), false)),
    b.custom(0x40000bad, 1, hex('01020304')),
    'not copyable',
  );
});

writing('padding is zero in a used buffer too', () => {
  const writer = new PcapngWriter(16);
  writer.custom(1, new Uint8Array(40).fill(0xff), true);
  writer.clear();
  writer.secrets(1, 'a');
  equalBytes(writer.view(), b.secrets(1, ascii('a')));
});

writing('moveBack exchanges the last blocks with those before them', () => {
  const bytes = written((w) => {
    w.custom(1, hex('01010101'), true);
    const start = w.length;
    w.packet(0, 1, 'in', A);
    w.packet(0, 2, 'in', A);
    const at = w.length;
    w.secrets(1, 'k\n');
    w.moveBack(at, start);
  });
  const packet = (us: bigint): Uint8Array => b.enhanced(0, us, A, b.option(FLAGS, b.u32(1)), b.end);
  equalBytes(bytes, concat(b.custom(0xbad, 1, hex('01010101')), b.secrets(1, ascii('k\n')), packet(1n), packet(2n)));
});

const tools = suite('pcapng and other tools');

testWith(tools, needCommands('text2pcap', 'mergecap'), 'reads what text2pcap and mergecap write', async () => {
  const dump = files.write('dump.txt', ascii('I\n0000 45 00 00 14 00 00 00 00 40 fd 00 00 0a 00 00 01 0a 00 00 02\n'));
  run('text2pcap', '-q', '-l', '101', dump, files.path('one.pcapng'));
  run('text2pcap', '-q', '-l', '1', '-N', 'second', dump, files.path('two.pcapng'));
  run('mergecap', '-I', 'none', '-w', files.path('merged.pcapng'), files.path('one.pcapng'), files.path('two.pcapng'));
  const { packets, interfaces } = await readCapture(files.path('merged.pcapng'));
  assert.equal(packets.map((packet) => packet.linkType).sort(), [1, 101]);
  assert.is(interfaces.length, 2);
  for (const packet of packets) equalBytes(packet.data, hex('45000014 00000000 40fd0000 0a000001 0a000002'));
});

testWith(tools, needCommands('editcap'), 'comments that editcap adds are read', async () => {
  const file = files.write('plain.pcapng', concat(BEGIN, PACKET));
  run('editcap', '-a', '1:look here', file, files.path('commented.pcapng'));
  const { packets } = await readCapture(files.path('commented.pcapng'));
  assert.is(packets[0]!.comment, 'look here');
});

writing.run();
tools.run();
