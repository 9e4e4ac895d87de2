// Where IP begins: IETF draft opsawg-pcaplinktype and IEEE 802.1Q, each frame written out.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LINKTYPE } from '../../src/io/capture-types.js';
import { type LinkLayer, readLinkLayer } from '../../src/io/link-layer.js';
import { hex, testRandom } from '../support/bytes.js';

const test = suite('link layer');

const MACS = '02 00 00 00 00 01  02 00 00 00 00 02';
const V4 = '45 00 00 14';
const V6 = '60 00 00 00';

function read(linkType: number, bytes: Uint8Array): LinkLayer {
  // What was there before must not show through.
  const into: LinkLayer = { ipAt: 99, etherType: 99, ethernetAt: 99 };
  readLinkLayer(linkType, bytes, into);
  return into;
}

// biome-ignore format: a table
const FRAMES: readonly (readonly [name: string, linkType: number, frame: string, ipAt: number, etherType: number, ethernetAt: number])[] = [
  ['raw IPv4', LINKTYPE.RAW, V4, 0, 0x0800, -1],
  ['raw IPv6', LINKTYPE.RAW, V6, 0, 0x86dd, -1],
  ['raw of another version', LINKTYPE.RAW, '55 00', -1, -1, -1],
  ['raw, empty', LINKTYPE.RAW, '', -1, -1, -1],
  ['LINKTYPE_IPV4', LINKTYPE.IPV4, V4, 0, 0x0800, -1],
  ['LINKTYPE_IPV6', LINKTYPE.IPV6, V6, 0, 0x86dd, -1],
  ['Ethernet IPv4', LINKTYPE.ETHERNET, `${MACS} 0800 ${V4}`, 14, 0x0800, 0],
  ['Ethernet IPv6', LINKTYPE.ETHERNET, `${MACS} 86dd ${V6}`, 14, 0x86dd, 0],
  ['Ethernet ARP', LINKTYPE.ETHERNET, `${MACS} 0806 0001 0800`, -1, 0x0806, 0],
  ['Ethernet with an 802.3 length', LINKTYPE.ETHERNET, `${MACS} 0026 4242 03`, -1, 0x0026, 0],
  ['802.1Q', LINKTYPE.ETHERNET, `${MACS} 8100 0064 0800 ${V4}`, 18, 0x0800, 0],
  ['802.1Q with priority and IPv6', LINKTYPE.ETHERNET, `${MACS} 8100 e064 86dd ${V6}`, 18, 0x86dd, 0],
  ['802.1ad, two tags', LINKTYPE.ETHERNET, `${MACS} 88a8 0064 8100 0065 0800 ${V4}`, 22, 0x0800, 0],
  ['QinQ as before 802.1ad', LINKTYPE.ETHERNET, `${MACS} 9100 0064 8100 0065 86dd ${V6}`, 22, 0x86dd, 0],
  ['802.1Q around ARP', LINKTYPE.ETHERNET, `${MACS} 8100 0064 0806 0001`, -1, 0x0806, 0],
  ['four tags', LINKTYPE.ETHERNET, `${MACS} ${'8100 0001 '.repeat(4)} 0800 ${V4}`, 30, 0x0800, 0],
  ['tags without an end', LINKTYPE.ETHERNET, `${MACS} ${'8100 0001 '.repeat(40)} 0800 ${V4}`, -1, -1, 0],
  ['a tag cut off', LINKTYPE.ETHERNET, `${MACS} 8100 0064`, -1, -1, 0],
  ['Ethernet cut in its type', LINKTYPE.ETHERNET, `${MACS} 08`, -1, -1, -1],
  ['Ethernet header alone', LINKTYPE.ETHERNET, `${MACS} 0800`, 14, 0x0800, 0],
  ['BSD loopback, little-endian, IPv4', LINKTYPE.NULL, `02000000 ${V4}`, 4, 0x0800, -1],
  ['BSD loopback, big-endian, IPv4', LINKTYPE.NULL, `00000002 ${V4}`, 4, 0x0800, -1],
  ['BSD loopback, IPv6 of NetBSD', LINKTYPE.NULL, `18000000 ${V6}`, 4, 0x86dd, -1],
  ['BSD loopback, IPv6 of FreeBSD', LINKTYPE.NULL, `1c000000 ${V6}`, 4, 0x86dd, -1],
  ['BSD loopback, IPv6 of macOS', LINKTYPE.NULL, `1e000000 ${V6}`, 4, 0x86dd, -1],
  ['BSD loopback cut off', LINKTYPE.NULL, '02000000', -1, -1, -1],
  ['OpenBSD loopback, IPv4', LINKTYPE.LOOP, `00000002 ${V4}`, 4, 0x0800, -1],
  ['OpenBSD loopback, IPv6', LINKTYPE.LOOP, `00000018 ${V6}`, 4, 0x86dd, -1],
  ['Linux cooked, IPv4', LINKTYPE.LINUX_SLL, `0000 0001 0006 020000000001 0000 0800 ${V4}`, 16, 0x0800, -1],
  ['Linux cooked, IPv6', LINKTYPE.LINUX_SLL, `0004 0001 0006 020000000001 0000 86dd ${V6}`, 16, 0x86dd, -1],
  ['Linux cooked, ARP', LINKTYPE.LINUX_SLL, '0000 0001 0006 020000000001 0000 0806 0001', -1, 0x0806, -1],
  ['Linux cooked with a VLAN', LINKTYPE.LINUX_SLL, `0000 0001 0006 020000000001 0000 8100 0064 0800 ${V4}`, 20, 0x0800, -1],
  ['Linux cooked cut off', LINKTYPE.LINUX_SLL, '0000 0001 0006 020000000001 0000 08', -1, -1, -1],
  ['Linux cooked v2, IPv4', LINKTYPE.LINUX_SLL2, `0800 0000 00000001 0001 00 06 020000000001 0000 ${V4}`, 20, 0x0800, -1],
  ['Linux cooked v2, IPv6', LINKTYPE.LINUX_SLL2, `86dd 0000 00000001 0001 04 06 020000000001 0000 ${V6}`, 20, 0x86dd, -1],
  ['Linux cooked v2, ARP', LINKTYPE.LINUX_SLL2, '0806 0000 00000001 0001 00 06 020000000001 0000 0001', -1, 0x0806, -1],
  ['Linux cooked v2 with a VLAN', LINKTYPE.LINUX_SLL2, `8100 0000 00000001 0001 00 06 020000000001 0000 0064 0800 ${V4}`, 24, 0x0800, -1],
  ['Linux cooked v2 cut off', LINKTYPE.LINUX_SLL2, '0800 0000 00000001 0001 00 06 0200000000', -1, -1, -1],
  ['a type that is not known', 147, V4, -1, -1, -1],
];

for (const [name, linkType, frame, ipAt, etherType, ethernetAt] of FRAMES) {
  test(name, () => assert.equal(read(linkType, hex(frame)), { ipAt, etherType, ethernetAt }));
}

test('of every frame that is cut, IP begins where it did, or nowhere, and never behind its end', () => {
  for (const [name, linkType, frame, ipAt] of FRAMES) {
    const bytes = hex(frame);
    for (let length = 0; length < bytes.length; length++) {
      const found = read(linkType, bytes.subarray(0, length));
      assert.ok(found.ipAt === -1 || found.ipAt === ipAt, `${name}, ${length} bytes`);
      assert.ok(found.ipAt <= length, `${name}, ${length} bytes`);
    }
  }
});

test('whatever the bytes, it ends and gives a place within them', () => {
  const dice = testRandom(11);
  const types = Object.values(LINKTYPE);
  for (let round = 0; round < 20_000; round++) {
    const bytes = dice.bytes(dice.below(48));
    if (dice.below(2) === 0 && bytes.length > 14) bytes.set([0x81, 0x00], 12);
    const { ipAt } = read(types[dice.below(types.length)]!, bytes);
    assert.ok(ipAt >= -1 && ipAt <= bytes.length, `round ${round}`);
  }
});

test.run();
