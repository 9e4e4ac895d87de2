// pcap-filter(7) over packets that were taken apart: what each expression selects, and where errors point. Where tcpdump is at hand
// it selects the same packets.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createConversation } from '../../../src/bench/inspect/conversation.js';
import { FilterError, parsePacketFilter } from '../../../src/bench/inspect/filter.js';
import { createKeyStore } from '../../../src/bench/inspect/keys.js';
import { inspectCapture } from '../../../src/bench/inspect/packets.js';
import type { InspectedPacket } from '../../../src/bench/inspect/types.js';
import { ascii, concat, hex, testRandom } from '../../support/bytes.js';
import { pcapFile, scratch } from '../../support/captures.js';
import { ACK, FIN, ipFrame, PSH, SYN, tcpFrame } from '../../support/frames.js';
import { fragment6, icmp6Frame, ip6Frame, withChecksum6 } from '../../support/frames6.js';
import { needCommands, testWith } from '../../support/needs.js';

const test = suite('packet filters');

const [A, B, A6, B6] = ['10.0.0.1', '10.0.0.2', 'fd00::1', 'fd00::2'];
const tcp = (from: string, to: string, ports: readonly [number, number], flags: number, size = 0): Uint8Array =>
  tcpFrame({
    ...{ source: from, destination: to, sourcePort: ports[0], destinationPort: ports[1] },
    ...{ seq: 1, ack: 1, flags, window: 1000, payload: new Uint8Array(size) },
  });
const udp = (ports: string): Uint8Array => concat(hex(ports), hex('000c 0000'), ascii('abcd'));
const BIG = concat(hex('03e8 07d0 0398 0000'), new Uint8Array(912));
const UDP6 = withChecksum6(A6, B6, 17, udp('1389 138a'), 6);

// biome-ignore format: a table
const PACKETS: readonly Uint8Array[] = [
  /* 1 */ tcp(A, B, [49152, 443], SYN),
  /* 2 */ tcp(B, A, [443, 49152], SYN | ACK),
  /* 3 */ tcp(A, B, [49152, 443], PSH | ACK, 500),
  /* 4 */ tcp(A, '192.168.1.9', [8000, 8080], FIN | ACK),
  /* 5 */ ipFrame(A, B, 17, udp('0035 1389')),
  /* 6 */ ipFrame(A, B, 17, BIG.subarray(0, 480), { flagsAndOffset: 0x2000 }),
  /* 7 */ ipFrame(A, B, 17, BIG.subarray(480, 720), { flagsAndOffset: 0x2000 | 60 }),
  /* 8 */ ipFrame(A, B, 1, hex('0800f7ff00000000')),
  // About packet 3: its ports are not those of this packet.
  /* 9 */ ipFrame(B, A, 1, concat(hex('0301fcfe00000000'), tcp(A, B, [49152, 443], PSH | ACK).subarray(0, 28))),
  /* 10 */ ip6Frame(A6, B6, 17, UDP6),
  /* 11 */ icmp6Frame(B6, A6, 128, 0, hex('00000000')),
  /* 12 */ ipFrame(A, B, 47, new Uint8Array(30)),
];

const file = scratch().write('packets.pcap', pcapFile(PACKETS.map((packet, at) => [at + 1, 0, packet] as const)));

async function inspected(name: string): Promise<InspectedPacket[]> {
  const packets: InspectedPacket[] = [];
  const options = { keys: createKeyStore(), fields: true, createConversation };
  for await (const packet of inspectCapture(name, options)) packets.push(packet);
  return packets;
}

function selected(packets: readonly InspectedPacket[], filter: string): InspectedPacket[] {
  const { matches } = parsePacketFilter(filter);
  return packets.filter((packet) => matches(packet));
}

// biome-ignore format: a table
const FILTERS: readonly (readonly [filter: string, packets: readonly number[]])[] = [
  ['ip', [1, 2, 3, 4, 5, 6, 7, 8, 9, 12]],
  ['ip6', [10, 11]],
  ['tcp', [1, 2, 3, 4]],
  ['udp', [5, 6, 7, 10]],
  ['icmp', [8, 9]],
  ['icmp6', [11]],
  ['host 10.0.0.2', [1, 2, 3, 5, 6, 7, 8, 9, 12]],
  ['host 192.168.1.9', [4]],
  ['src host 10.0.0.2', [2, 9]],
  ['dst host 10.0.0.2', [1, 3, 5, 6, 7, 8, 12]],
  ['src 10.0.0.2', [2, 9]],
  ['src or dst host 10.0.0.2', [1, 2, 3, 5, 6, 7, 8, 9, 12]],
  ['src and dst host 10.0.0.2', []],
  ['src and dst net 10.0.0.0/8', [1, 2, 3, 5, 6, 7, 8, 9, 12]],
  ['host fd00::2', [10, 11]],
  ['src fd00::2', [11]],
  ['net 192.168.0.0/16', [4]],
  ['net 192.168', [4]],
  ['dst net 192', [4]],
  ['net 10.0.0.0/31', [1, 2, 3, 4, 5, 6, 7, 8, 9, 12]],
  ['dst net 10.0.0.2/31', [1, 3, 5, 6, 7, 8, 12]],
  ['net fd00::/16', [10, 11]],
  ['port 443', [1, 2, 3]],
  ['src port 443', [2]],
  ['dst port 443', [1, 3]],
  ['port 1000', [6]],
  ['port 53 or 8080', [4, 5]],
  ['tcp port 443', [1, 2, 3]],
  ['udp port 443', []],
  ['udp src port 53', [5]],
  ['portrange 8000-8080', [4]],
  ['src portrange 400-500', [2]],
  ['udp portrange 5000-5002', [5, 10]],
  ['ip host 10.0.0.2 and udp', [5, 6, 7]],
  ['less 40', [1, 2, 4, 5, 8]],
  ['less 0x28', [1, 2, 4, 5, 8]],
  ['greater 500', [3, 6]],
  ['not tcp', [5, 6, 7, 8, 9, 10, 11, 12]],
  ['! tcp && ip', [5, 6, 7, 8, 9, 12]],
  ['not not tcp', [1, 2, 3, 4]],
  ['not (tcp or udp)', [8, 9, 11, 12]],
  // `and` and `or` bind alike.
  ['icmp or tcp and port 443', [1, 2, 3]],
  ['tcp and port 443 or icmp', [1, 2, 3, 8, 9]],
  ['icmp or (tcp and port 443)', [1, 2, 3, 8, 9]],
  ['not udp and src 10.0.0.1', [1, 3, 4, 8, 12]],
  ['host 10.0.0.1 and 10.0.0.2', [1, 2, 3, 5, 6, 7, 8, 9, 12]],
  ['host 10.0.0.1 and not 10.0.0.2', [4]],
  ['tcp[tcpflags] & (tcp-syn|tcp-ack) != 0', [1, 2, 3, 4]],
  ['tcp[tcpflags] & tcp-syn != 0', [1, 2]],
  ['tcp[tcpflags] & (tcp-syn|tcp-fin) != 0 and not src and dst net 10.0.0.0/8', [4]],
  ['tcp[tcpflags] == tcp-syn', [1]],
  ['tcp[13] = 18', [2]],
  ['tcp[13] & 2 != 0', [1, 2]],
  ['tcp [ tcpflags ] & ( tcp-syn | tcp-ack ) == tcp-syn', [1]],
  ['tcp[13] == 2', [1]],
  ['(tcp[13] & 2) != 0 and (tcp[13] & 0x10 = 0)', [1]],
  ['tcp[12:2] & 0x12 = 0x12', [2]],
  ['tcp[0:2] + tcp[2:2] = 49595 and tcp[(2 * 6 + 1)] > 16', [2, 3]],
  ['icmp[0] == 8', [8]],
  ['icmp[icmptype] == icmp-unreach', [9]],
  ['icmp[icmptype] = icmp-echo or icmp[icmpcode] = 1', [8, 9]],
  ['ip[2:2] > 400', [3, 6]],
  ['ip[8] - 1 < ip[8] and ip[6:2] & 0x1fff != 0', [7]],
  ['ip6[6] == 17', [10]],
  ['ip proto 1', [8, 9]],
  ['ip proto \\tcp', [1, 2, 3, 4]],
  ['proto \\udp', [5, 6, 7, 10]],
  ['proto 47', [12]],
  ['len >= 500', [3, 6]],
  ['len - 20 < 10', [8]],
  ['len = 20 + 4 * 2', [8]],
  ['1 < 2 and icmp', [8, 9]],
  ['port https', [1, 2, 3]],
  ['udp port domain', [5]],
  ['src net 10.0.0', [1, 2, 3, 4, 5, 6, 7, 8, 9, 12]],
  ['dst net 192.168.0.0 mask 255.255.0.0', [4]],
  ['udp[0:2] = 53', [5]],
  // A place that is not there refuses the packet, in spite of the `not`.
  ['not icmp[1000] = 1', [1, 2, 3, 4, 5, 6, 7, 10, 11, 12]],
  ['tcp[13] / (tcp[13] & 1) = 17', [4]],
  ['ip multicast or arp', []],
  ['sctp or igmp', []],
];

test('each expression selects what pcap-filter(7) says', async () => {
  const packets = await inspected(file);
  for (const [filter, numbers] of FILTERS) {
    const ours = selected(packets, filter).map(({ number }) => number);
    assert.equal(ours, numbers, filter);
  }
});

/** Times of the packets that tcpdump prints: each packet here has one of its own. */
function tcpdump(name: string, filter: string): string[] {
  const args = ['-n', '-tt', '-r', '-', filter];
  const { status, stdout, stderr } = spawnSync('tcpdump', args, { input: readFileSync(name), encoding: 'utf8' });
  assert.is(status, 0, `${filter}: ${stderr}`);
  return stdout.split('\n').flatMap((line) => /^\d+\.\d{6}/.exec(line) ?? []);
}

const timeOf = ({ timeNs }: InspectedPacket): string =>
  `${timeNs! / 1_000_000_000n}.${String((timeNs! / 1000n) % 1_000_000n).padStart(6, '0')}`;

for (const name of [file, 'fixtures/foreign/veth-classic-pcap.pcap', 'fixtures/captures/h2.tcpdump.pcap']) {
  const title = name.slice(name.lastIndexOf('/') + 1);
  testWith(test, needCommands('tcpdump'), `tcpdump selects the same of ${title}`, async () => {
    const packets = await inspected(name);
    for (const [filter] of FILTERS) {
      const ours = selected(packets, filter).map(timeOf);
      assert.equal(ours, tcpdump(name, filter), filter);
    }
  });
}

const MACS = '020000000002 020000000001';
// biome-ignore format: a table
const ETHERNET: readonly Uint8Array[] = [
  /* 1 */ concat(hex(`${MACS} 0800`), PACKETS[0]!),
  /* 2 */ concat(hex(`${MACS} 8100 0005 0800`), PACKETS[0]!),
  /* 3 */ hex('ffffffffffff 020000000001 0806 0001 0800 06 04 0001 020000000001 0a000001 000000000000 0a000002'),
  /* 4 */ concat(hex('01005e000001 020000000002 0800'), ipFrame(A, '224.0.0.1', 2, hex('1664ee9b00000000'))),
  /* 5 */ concat(hex(`${MACS} 86dd`), PACKETS[10]!),
];
// biome-ignore format: a table
const ON_ETHERNET: readonly (readonly [filter: string, packets: readonly number[]])[] = [
  ['arp', [3]], ['arp host 10.0.0.2', [3]], ['src host 10.0.0.1 and not tcp', [3, 4]], ['ether host 02:00:00:00:00:01', [1, 2, 3, 5]],
  ['ether src 2:0:0:0:0:2', [4]], ['ether dst host 02-00-00-00-00-02', [1, 2, 5]], ['ether proto \\arp', [3]], ['ether proto 0x86dd', [5]],
  ['broadcast', [3]], ['ether multicast', [3, 4]], ['multicast and not broadcast', [4]], ['ip multicast', [4]], ['igmp', [4]],
  ['vlan', [2]], ['vlan 5', [2]], ['vlan 6', []], ['ether[0] & 1 = 1 and ether[12:2] != 0x806', [4]], ['ip6', [5]], ['icmp6[icmp6type] = icmp6-echo', [5]],
];

test('what stands before IP', async () => {
  const name = scratch().write(
    'ethernet.pcap',
    pcapFile(
      ETHERNET.map((packet, at) => [at + 1, 0, packet] as const),
      { network: 1 },
    ),
  );
  const packets = await inspected(name);
  const hasTcpdump = spawnSync('tcpdump', ['--version']).status === 0;
  for (const [filter, numbers] of ON_ETHERNET) {
    const ours = selected(packets, filter);
    assert.equal(
      ours.map(({ number }) => number),
      numbers,
      filter,
    );
    // For tcpdump what is behind a tag is there behind the word `vlan` only.
    const untagged = ours
      .filter(({ number }) => number !== 2 || filter.startsWith('vlan') || filter.startsWith('ether'))
      .map(timeOf);
    if (hasTcpdump) assert.equal(untagged, tcpdump(name, filter), filter);
  }
});

test('where we see more than tcpdump: behind extension headers, and ports of what fragments became', async () => {
  const packets = [
    ip6Frame(A6, B6, 0, concat(hex('1100 010400000000'), UDP6)),
    ip6Frame(A6, B6, 44, fragment6(17, 0, true, 7, BIG.subarray(0, 480))),
    ip6Frame(A6, B6, 44, fragment6(17, 480, false, 7, BIG.subarray(480))),
  ];
  const records = packets.map((packet, at) => [at + 1, 0, packet] as const);
  const found = await inspected(scratch().write('more.pcap', pcapFile(records)));
  const numbers = (filter: string): number[] => selected(found, filter).map(({ number }) => number);
  assert.equal(numbers('udp'), [1, 2, 3]);
  assert.equal(numbers('port 5001'), [1]);
  assert.equal(numbers('src port 1000'), [2, 3]);
});

// biome-ignore format: a table
const ERRORS: readonly (readonly [filter: string, position: number, says: RegExp])[] = [
  ['',                              0, /a primitive is expected/],
  ['hosts 10.0.0.1',                0, /"hosts" is no primitive/],
  ['host',                          4, /a value for host is expected/],
  ['host example.org',              5, /"example\.org" is no address/],
  ['host 10.0.0.0/8',               5, /"10\.0\.0\.0\/8" is no address/],
  ['net 10.0.0.0/33',               4, /no such prefix length/],
  ['net 10.0.0.0/',                 4, /no such prefix length/],
  ['net ten',                       4, /"ten" is no network/],
  ['port htttps',                   5, /"htttps" is no port/],
  ['tcp[0:3] = 1',                  6, /the size is 1, 2 or 4/],
  ['tcp[13] & tcp-sny != 0',        10, /"tcp-sny" is no number/],
  ['tcp[13]',                       7, /a comparison is expected/],
  ['tcp[13 = 2',                    7, /\] is missing/],
  ['net 10.0.0.1/8',                4, /bits behind its prefix/],
  ['net 10.0.0.0 mask 255.0.255.0', 18, /is no mask/],
  ['ip proto foo',                  9, /"foo" is no protocol/],
  ['ether host 10.0.0.1',           11, /is no Ethernet address/],
  ['ether foo',                     6, /is expected after ether/],
  ['vlan 5000',                     5, /no VLAN/],
  ['port 65536',                    5, /"65536" is no port/],
  ['port 10-20',                    5, /"10-20" is no port/],
  ['portrange 20-10',               10, /no range of ports/],
  ['portrange 20',                  10, /no range of ports/],
  ['less x',                        5, /a number of bytes/],
  ['tcp and',                       7, /a primitive is expected/],
  ['tcp udp',                       4, /"udp" is not expected here/],
  ['(tcp',                          4, /\) is missing/],
  ['tcp)',                          3, /"\)" is not expected here/],
  ['tcp "and" udp',                 4, /means nothing here/],
  ['tcp[tcpflags] & tcp-foo != 0',  16, /"tcp-foo" is no number/],
  [`len = ${'('.repeat(200)}1`,     107, /too many parentheses/],
  [`${'('.repeat(200)}tcp`,         100, /too many parentheses/],
];

test('errors say what is wrong and where', () => {
  for (const [filter, position, says] of ERRORS) {
    try {
      parsePacketFilter(filter);
    } catch (error) {
      assert.instance(error, FilterError, filter);
      assert.match((error as FilterError).message, says, filter);
      assert.is((error as FilterError).position, position, filter);
      continue;
    }
    assert.unreachable(`no error: ${filter}`);
  }
});

test('whatever stands in a filter, it is one or a FilterError says where it is none', async () => {
  const packets = await inspected(file);
  const words = [
    ...[
      'host',
      'net',
      'port',
      'portrange',
      'src',
      'dst',
      'tcp',
      'udp',
      'icmp',
      'icmp6',
      'ip',
      'ip6',
      'less',
      'greater',
      'and',
      'or',
    ],
    ...[
      'not',
      '&&',
      '||',
      '!',
      '(',
      ')',
      '10.0.0.1',
      '10.0.0.0/8',
      'fd00::1',
      '443',
      '1-9',
      '0x1',
      'tcp[tcpflags]',
      '[',
      ']',
      '&',
      '!=',
    ],
    ...[
      'len',
      'ip[2:2]',
      'vlan',
      'ether',
      'proto',
      'mask',
      'arp',
      '<<',
      '+',
      '*',
      '>',
      '/',
      '%',
      '-',
      '\\tcp',
      'multicast',
    ],
    ...['tcp-syn', '0', '"tcp"', "'", '#', '10', '1.2', '/8', 'a-b', '=', '==', '|'],
  ];
  const dice = testRandom(5);
  let filters = 0;
  for (let round = 0; round < 40_000; round++) {
    const text = Array.from({ length: 1 + dice.below(8) }, () => words[dice.below(words.length)]!).join(' ');
    try {
      const { matches } = parsePacketFilter(text);
      if (round % 16 === 0) for (const packet of packets) matches(packet);
      filters++;
    } catch (error) {
      assert.instance(error, FilterError, text);
      const { position } = error as FilterError;
      assert.ok(position >= 0 && position <= text.length, text);
    }
  }
  assert.ok(filters > 500, `${filters} filters`);
});

test.run();
