// One packet taken apart: where each header begins and ends over each link layer, what is cut off, and what an ICMP error quotes.
// Expected places are counted from RFC 791 §3.1, RFC 8200 §4, RFC 792 and IEEE 802.1Q.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { quotedLayers, quoteOf } from '../../../src/bench/inspect/icmp-quote.js';
import { inspectLimits } from '../../../src/bench/inspect/limits.js';
import { icmpLayer, ipLayer, udpLayer } from '../../../src/bench/inspect/packet-fields.js';
import { PacketView } from '../../../src/bench/inspect/packet-view.js';
import type { InspectedLayer } from '../../../src/bench/inspect/types.js';
import { LINKTYPE } from '../../../src/io/capture.js';
import { compareWithTshark } from '../../support/against-tshark.js';
import { ascii, concat, hex, testRandom } from '../../support/bytes.js';
import { pcapFile, scratch } from '../../support/captures.js';
import { ACK, ipFrame, PSH, SYN, slowChecksum, tcpFrame } from '../../support/frames.js';
import { fragment6, icmp6Frame, ip6Frame, withChecksum6 } from '../../support/frames6.js';
import { needCommands, testWith } from '../../support/needs.js';

const test = suite('packets taken apart');

const A = '10.0.0.1';
const B = '10.0.0.2';
const A6 = 'fd00::1';
const B6 = 'fd00::2';
const TCP = { source: A, destination: B, sourcePort: 49152, destinationPort: 443, seq: 1000, ack: 2000, window: 512 };
const SEGMENT = tcpFrame({ ...TCP, flags: PSH | ACK, payload: ascii('hello') });
const UDP = concat(hex('03e8 07d0 000c 0000'), ascii('abcd'));
const UDP6 = withChecksum6(A6, B6, 17, UDP, 6);
const MACS = hex('020000000002 020000000001');

function viewOf(bytes: Uint8Array, linkType: number = LINKTYPE.RAW): PacketView {
  const view = new PacketView();
  view.read(linkType, bytes);
  return view;
}

/** Values of a field, in order. */
function valuesOf(layer: InspectedLayer, name: string): unknown[] {
  return layer.fields.filter((field) => field.name === name).map(({ value }) => value);
}

// biome-ignore format: a table
const LINK_LAYERS: readonly (readonly [name: string, linkType: number, header: Uint8Array, ipAt: number])[] = [
  ['raw IP',                    LINKTYPE.RAW,        hex(''), 0],
  ['raw IP, DLT_RAW',           LINKTYPE.DLT_RAW,    hex(''), 0],
  ['raw IP, that of OpenBSD',   LINKTYPE.DLT_RAW_OPENBSD, hex(''), 0],
  ['raw IPv4',                  LINKTYPE.IPV4,       hex(''), 0],
  ['Ethernet',                  LINKTYPE.ETHERNET,   concat(MACS, hex('0800')), 14],
  ['Ethernet, 802.1Q',          LINKTYPE.ETHERNET,   concat(MACS, hex('8100 0064 0800')), 18],
  ['Ethernet, 802.1ad',         LINKTYPE.ETHERNET,   concat(MACS, hex('88a8 0064 8100 0065 0800')), 22],
  ['BSD loopback, little-end.', LINKTYPE.NULL,       hex('02000000'), 4],
  ['OpenBSD loopback',          LINKTYPE.LOOP,       hex('00000002'), 4],
  ['Linux cooked',              LINKTYPE.LINUX_SLL,  hex('0000 0001 0006 020000000001 0000 0800'), 16],
  ['Linux cooked, tagged',      LINKTYPE.LINUX_SLL,  hex('0000 0001 0006 020000000001 0000 8100 0064 0800'), 20],
  ['Linux cooked v2',           LINKTYPE.LINUX_SLL2, hex('0800 0000 00000002 0001 00 06 020000000001 0000'), 20],
];

for (const [name, linkType, header, ipAt] of LINK_LAYERS) {
  test(`${name}: IPv4 begins at ${ipAt}`, () => {
    const view = viewOf(concat(header, SEGMENT), linkType);
    assert.is(view.ipAt, ipAt);
    assert.is(view.version, 4);
    assert.is(view.protocol, 6);
    assert.is(view.upperAt, ipAt + 20);
    assert.is(view.upperEnd, ipAt + SEGMENT.length);
    assert.is(view.ipLength, SEGMENT.length);
    assert.is(view.ipChecksum, 'good');
    assert.is(view.upperChecksum(16), 'good');
    assert.not.ok(view.truncated);
    assert.is(view.ethernetAt, linkType === LINKTYPE.ETHERNET ? 0 : -1);
  });
}

test('IPv6 behind a VLAN tag', () => {
  const view = viewOf(concat(MACS, hex('8100 0064 86dd'), ip6Frame(A6, B6, 17, UDP6)), LINKTYPE.ETHERNET);
  assert.is(view.version, 6);
  assert.is(view.upperAt, 18 + 40);
  assert.is(view.upperChecksum(6), 'good');
});

test('what is not IP is no IP: ARP, an empty frame, a link layer that is not known, another version', () => {
  for (const [bytes, linkType] of [
    [concat(MACS, hex('0806'), new Uint8Array(28)), LINKTYPE.ETHERNET],
    [new Uint8Array(0), LINKTYPE.ETHERNET],
    [new Uint8Array(0), LINKTYPE.RAW],
    [SEGMENT, 147],
    [hex('50000000'), LINKTYPE.RAW],
  ] as const) {
    const view = viewOf(bytes, linkType);
    assert.is(view.version, 0);
    assert.is(view.ipProblem, '');
  }
  assert.is(viewOf(concat(MACS, hex('0800 55')), LINKTYPE.ETHERNET).ipProblem, 'IP version 5');
});

test('padding of a short Ethernet frame is no payload', () => {
  const frame = concat(MACS, hex('0800'), ipFrame(A, B, 17, UDP), new Uint8Array(14));
  const view = viewOf(frame, LINKTYPE.ETHERNET);
  assert.is(view.upperEnd, 14 + 20 + UDP.length);
  assert.not.ok(view.truncated);
});

test('IPv4 options are part of the header', () => {
  const view = viewOf(ipFrame(A, B, 17, UDP, { options: hex('94040000 01010101') }));
  assert.is(view.payloadAt, 28);
  assert.is(view.ipChecksum, 'good');
  assert.equal(valuesOf(ipLayer(view), 'ip.hdr_len'), [28]);
});

test('a total length of 0 is what segmentation offload leaves: the frame ends the packet', () => {
  const frame = SEGMENT.slice();
  frame[2] = 0;
  frame[3] = 0;
  const view = viewOf(frame);
  assert.is(view.ipLength, frame.length);
  assert.is(view.upperEnd, frame.length);
  assert.is(view.ipProblem, '');
});

test('header lengths that cannot be are named', () => {
  const short = SEGMENT.slice();
  short[0] = 0x44;
  assert.is(viewOf(short).ipProblem, 'header length 16');
  const below = SEGMENT.slice();
  below[3] = 19;
  assert.is(viewOf(below).ipProblem, "total length 19 below the header's");
});

test('checksums: wrong ones, and those left to the network card', () => {
  const wrong = SEGMENT.slice();
  wrong[36]! ^= 1;
  wrong[10]! ^= 1;
  assert.is(viewOf(wrong).ipChecksum, 'bad');
  assert.is(viewOf(wrong).upperChecksum(16), 'bad');
  const left = SEGMENT.slice();
  left.set([0, 0], 10);
  left.set([0, 0], 36);
  assert.is(viewOf(left).ipChecksum, 'offloaded');
  assert.is(viewOf(left).upperChecksum(16), 'offloaded');
  // The folded sum of the pseudo-header, as Linux hands it to a card.
  const length = SEGMENT.length - 20;
  const pseudo = concat(SEGMENT.subarray(12, 20), Uint8Array.of(0, 6, length >>> 8, length & 0xff));
  const sum = ~slowChecksum(pseudo) & 0xffff;
  left.set([sum >>> 8, sum & 0xff], 36);
  assert.is(viewOf(left).upperChecksum(16), 'offloaded');
});

test('UDP without a checksum is not verified (RFC 768)', () => {
  assert.is(viewOf(ipFrame(A, B, 17, UDP)).upperChecksum(6), 'unverified');
});

test('every beginning of a packet is cut off, and no place lies behind what is there', () => {
  const whole = [
    SEGMENT,
    ip6Frame(A6, B6, 0, concat(hex('3c00 010400000000'), hex('1100 010400000000'), UDP6)),
    ip6Frame(A6, B6, 44, fragment6(17, 0, false, 7, UDP6)),
    icmp6Frame(A6, B6, 1, 4, concat(new Uint8Array(4), ip6Frame(B6, A6, 17, UDP6))),
  ];
  for (const packet of whole) {
    for (let length = 1; length <= packet.length; length++) {
      const view = viewOf(packet.subarray(0, length));
      assert.is(view.truncated, length < packet.length, `${length} of ${packet.length}`);
      assert.ok(view.payloadAt <= view.payloadEnd && view.payloadEnd <= length, `${length} of ${packet.length}`);
      if (view.truncated) assert.is(view.upperChecksum(2), 'unverified');
    }
  }
});

test('IPv6 extension headers are passed over: hop-by-hop, destination options, routing, authentication', () => {
  const chain = concat(
    hex('3c00 010400000000'), // hop-by-hop, then destination options
    hex('2b00 010400000000'), // then routing
    hex('3300 04000000 0000'), // then authentication: its length counts in fours, less two
    hex('1102 0000 00000001 00000001 00000000'),
    UDP6,
  );
  const view = viewOf(ip6Frame(A6, B6, 0, chain));
  assert.is(view.protocol, 17);
  assert.is(view.payloadAt, 40 + 8 + 8 + 8 + 16);
  assert.equal(valuesOf(ipLayer(view), 'ipv6.nxt'), [0]);
  assert.equal(valuesOf(udpLayer(view, 'good'), 'udp.dstport'), [2000]);
});

test('extension headers are read up to a bound', () => {
  const header = hex('3c00 010400000000');
  const last = hex('1100 010400000000');
  const chain = (count: number): Uint8Array =>
    ip6Frame(A6, B6, 60, concat(...new Array<Uint8Array>(count - 1).fill(header), last, UDP6));
  const most = viewOf(chain(inspectLimits.extensionHeaders));
  assert.is(most.protocol, 17);
  assert.is(most.payloadAt, 40 + 8 * inspectLimits.extensionHeaders);
  const more = viewOf(chain(inspectLimits.extensionHeaders + 1));
  assert.is(more.protocol, 60);
  assert.is(more.ipProblem, `more than ${inspectLimits.extensionHeaders} extension headers`);
});

test('fragments of IPv4: the offset is that of the header in the field, and counts in eights', () => {
  const view = viewOf(ipFrame(A, B, 17, new Uint8Array(16), { flagsAndOffset: 0x2000 | 185 }));
  assert.ok(view.isFragment);
  assert.ok(view.moreFragments);
  assert.is(view.fragmentOffset, 1480);
  // As `tshark -T fields -e ip.frag_offset` has it.
  assert.equal(valuesOf(ipLayer(view), 'ip.frag_offset'), [185]);
  assert.equal(valuesOf(ipLayer(view), 'ip.flags.mf'), [true]);
  assert.not.ok(viewOf(ipFrame(A, B, 17, UDP, { flagsAndOffset: 0x4000 })).isFragment);
});

test('fragments of IPv6, and a fragment header before a whole datagram', () => {
  const later = viewOf(ip6Frame(A6, B6, 44, fragment6(17, 1448, false, 99, new Uint8Array(16))));
  assert.ok(later.isFragment);
  assert.is(later.fragmentOffset, 1448);
  assert.is(later.protocol, 17);
  assert.equal(valuesOf(ipLayer(later), 'ipv6.fraghdr.offset'), [181]);
  assert.equal(valuesOf(ipLayer(later), 'ipv6.fraghdr.more'), [false]);
  assert.equal(valuesOf(ipLayer(later), 'ipv6.fraghdr.ident'), [99]);
  const atomic = viewOf(ip6Frame(A6, B6, 44, fragment6(17, 0, false, 98, UDP6)));
  assert.not.ok(atomic.isFragment, 'RFC 6946: whole');
  assert.is(atomic.upperAt, 48);
  assert.equal(valuesOf(ipLayer(atomic), 'ipv6.fraghdr.offset'), [0]);
  assert.equal(valuesOf(ipLayer(atomic), 'ipv6.fraghdr.ident'), [98]);
});

test('nothing of a packet is left over in the next', () => {
  const view = new PacketView();
  view.read(LINKTYPE.RAW, ip6Frame(A6, B6, 44, fragment6(17, 1448, true, 99, new Uint8Array(16))));
  view.read(LINKTYPE.RAW, SEGMENT);
  assert.not.ok(view.isFragment || view.moreFragments || view.hasFragmentHeader || view.truncated);
  assert.is(view.fragmentOffset, 0);
  view.read(LINKTYPE.ETHERNET, concat(MACS, hex('0806')));
  assert.is(view.version, 0);
  assert.is(view.protocol, -1);
});

test('ip.version is a field of both versions', () => {
  assert.equal(valuesOf(ipLayer(viewOf(SEGMENT)), 'ip.version'), [4]);
  assert.equal(valuesOf(ipLayer(viewOf(ip6Frame(A6, B6, 17, UDP6))), 'ip.version'), [6]);
});

/** An ICMP error about the first `length` bytes of `packet`. */
function icmpError(type: number, code: number, packet: Uint8Array): Uint8Array {
  const message = concat(Uint8Array.of(type, code, 0, 0, 0, 0, 0, 0), packet);
  const checksum = slowChecksum(message);
  message.set([checksum >>> 8, checksum & 0xff], 2);
  return ipFrame(B, A, 1, message);
}

test('an ICMP error quotes the IP header and eight bytes: addresses, ports and the sequence number', () => {
  const view = viewOf(icmpError(3, 1, SEGMENT.subarray(0, 28)));
  assert.is(view.upperChecksum(2), 'good');
  assert.equal(valuesOf(icmpLayer(view, 'good'), 'icmp.code'), [1]);
  const [ip, tcp, ...rest] = quotedLayers(quoteOf(view)!, true);
  assert.equal(rest, []);
  assert.equal([ip!.name, tcp!.name], ['ip', 'tcp']);
  assert.ok(ip!.quoted && tcp!.quoted);
  assert.equal(valuesOf(ip!, 'ip.src'), [A]);
  assert.equal(valuesOf(ip!, 'ip.len'), [SEGMENT.length]);
  const names = tcp!.fields.map(({ name }) => name);
  assert.equal(names, ['tcp.srcport', 'tcp.dstport', 'tcp.port', 'tcp.port', 'tcp.seq']);
  assert.equal(valuesOf(tcp!, 'tcp.seq'), [1000]);
});

test('of a whole header within an ICMP error all of it is shown, the numbers as they are', () => {
  const syn = tcpFrame({ ...TCP, flags: SYN, mss: 1460, windowScale: 7 });
  const [, tcp] = quotedLayers(quoteOf(viewOf(icmpError(11, 0, syn)))!, true);
  assert.equal(valuesOf(tcp!, 'tcp.flags'), [SYN]);
  assert.equal(valuesOf(tcp!, 'tcp.window_size'), [512]);
  assert.equal(valuesOf(tcp!, 'tcp.options.mss_val'), [1460]);
  assert.equal(valuesOf(tcp!, 'tcp.options.wscale.shift'), [7]);
  assert.equal(valuesOf(tcp!, 'tcp.ack'), [2000]);
});

test('errors of ICMPv6 quote, too; echoes do not', () => {
  const error = icmp6Frame(B6, A6, 2, 0, concat(hex('00000500'), ip6Frame(A6, B6, 17, UDP6)));
  const view = viewOf(error);
  assert.is(view.upperChecksum(2), 'good');
  assert.equal(valuesOf(icmpLayer(view, 'good'), 'icmpv6.mtu'), [1280]);
  const [ip, udp] = quotedLayers(quoteOf(view)!, true);
  assert.equal([ip!.name, udp!.name], ['ipv6', 'udp']);
  assert.equal(valuesOf(udp!, 'udp.dstport'), [2000]);
  assert.is(quoteOf(viewOf(icmp6Frame(A6, B6, 128, 0, concat(hex('00000000'), SEGMENT)))), undefined);
  assert.is(quoteOf(viewOf(ipFrame(A, B, 1, concat(hex('0800000000000000'), SEGMENT)))), undefined);
});

test('of a later fragment nothing above IP is taken for a header', () => {
  const fragment = ipFrame(A, B, 6, new Uint8Array(64), { flagsAndOffset: 0x2000 | 10 });
  const layers = quotedLayers(quoteOf(viewOf(icmpError(11, 1, fragment.subarray(0, 28))))!, true);
  assert.equal(
    layers.map(({ name }) => name),
    ['ip'],
  );
});

testWith(test, needCommands('tshark'), 'tshark says the same of fragments, quotes and tags', async () => {
  const big = concat(hex('03e8 07d0 07d8 0000'), new Uint8Array(2000));
  const data = tcpFrame({ ...TCP, seq: 1001, flags: PSH | ACK, payload: ascii('hello') });
  const quoted6 = ip6Frame(B6, A6, 17, UDP6);
  const packets = [
    tcpFrame({ ...TCP, flags: SYN, ack: 0, mss: 1460, windowScale: 7 }),
    ipFrame(A, B, 17, big.subarray(0, 1480), { flagsAndOffset: 0x2000 }),
    ipFrame(A, B, 17, big.subarray(1480), { flagsAndOffset: 185 }),
    ip6Frame(A6, B6, 44, fragment6(17, 0, true, 99, big.subarray(0, 1448))),
    ip6Frame(A6, B6, 44, fragment6(17, 1448, false, 99, big.subarray(1448))),
    ip6Frame(A6, B6, 44, fragment6(17, 0, false, 98, UDP6)),
    ip6Frame(A6, B6, 0, concat(hex('3c00 010400000000'), hex('1100 010400000000'), UDP6)),
    icmpError(3, 1, data.subarray(0, 28)),
    icmpError(3, 4, data),
    icmpError(11, 1, ipFrame(A, B, 17, new Uint8Array(8), { flagsAndOffset: 0x2000 | 10 })),
    icmpError(5, 1, ipFrame(A, B, 17, UDP)),
    icmpError(12, 0, ipFrame(A, B, 1, hex('0800f7ff00000000'))),
    icmp6Frame(B6, A6, 2, 0, concat(hex('00000500'), quoted6)),
    icmp6Frame(B6, A6, 1, 4, concat(new Uint8Array(4), quoted6.subarray(0, 48))),
  ];
  const files = scratch();
  const ethernet = packets.map((packet, at) => {
    const type = packet[0]! >>> 4 === 4 ? hex('0800') : hex('86dd');
    return concat(MACS, at < 7 ? hex('8100 0064') : new Uint8Array(0), type, packet);
  });
  for (const [name, frames, network] of [
    ['raw', packets, 101],
    ['ethernet', ethernet, 1],
  ] as const) {
    const records = frames.map((frame, at) => [at + 1, 0, frame] as const);
    const { compared, differences } = await compareWithTshark(
      files.write(`${name}.pcap`, pcapFile(records, { network })),
    );
    assert.equal(differences, []);
    assert.ok(compared > 300, `${compared} fields`);
  }
});

test('whatever the bytes are, nothing is thrown and places stay in order', () => {
  const dice = testRandom(20260101);
  const types = Object.values(LINKTYPE);
  const samples = [
    SEGMENT,
    ipFrame(A, B, 17, UDP),
    ip6Frame(A6, B6, 0, concat(hex('3c00 010400000000'), hex('1100 010400000000'), UDP6)),
    ip6Frame(A6, B6, 44, fragment6(17, 8, true, 7, UDP6)),
    icmpError(3, 1, SEGMENT),
    icmp6Frame(A6, B6, 1, 4, concat(new Uint8Array(4), ip6Frame(B6, A6, 17, UDP6))),
  ];
  const view = new PacketView();
  for (let round = 0; round < 20_000; round++) {
    const bytes = round % 4 === 0 ? dice.bytes(dice.below(120)) : samples[dice.below(samples.length)]!.slice();
    for (let flips = dice.below(4); flips > 0 && bytes.length > 0; flips--) {
      bytes[dice.below(bytes.length)] = dice.below(256);
    }
    view.read(types[dice.below(types.length)]!, bytes.subarray(0, dice.below(bytes.length + 1)));
    if (view.version === 0) continue;
    assert.ok(view.payloadAt <= view.payloadEnd && view.payloadEnd <= view.bytes.length);
    for (const fieldAt of [2, 6, 16]) view.upperChecksum(fieldAt);
    ipLayer(view);
    udpLayer(view, 'unverified');
    icmpLayer(view, 'unverified');
    const quote = quoteOf(view);
    if (quote !== undefined) quotedLayers(quote, true);
  }
});

test.run();
