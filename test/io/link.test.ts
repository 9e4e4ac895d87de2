import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MAX_VLAN_TAGS, networkLayer } from '../../src/io/link.js';
import { concat, hex, testRandom } from '../support/bytes.js';

const V4 = hex('45000014');
const V6 = hex('60000000');
const MACS = hex('0202 0202 0202 0404 0404 0404');

function finds(linkType: number, header: string | Uint8Array, packet: Uint8Array): void {
  const bytes = typeof header === 'string' ? hex(header) : header;
  assert.equal(networkLayer(linkType, concat(bytes, packet)), {
    offset: bytes.length,
    version: packet === V4 ? 4 : 6,
  });
}

function skips(linkType: number, data: string | Uint8Array, pattern: RegExp): void {
  const result = networkLayer(linkType, typeof data === 'string' ? hex(data) : data);
  assert.ok('skipped' in result, `${pattern}: not skipped`);
  assert.match(result.skipped, pattern);
}

test('raw IP carries both versions, the typed ones one each', () => {
  finds(101, '', V4);
  finds(101, '', V6);
  finds(228, '', V4);
  finds(229, '', V6);
  skips(228, V6, /IP version 6 where the link layer says 4/);
  skips(229, V4, /IP version 4 where the link layer says 6/);
  skips(101, '00', /IP version 0/);
  skips(101, '', /no bytes/);
});

test('Ethernet by EtherType', () => {
  finds(1, concat(MACS, hex('0800')), V4);
  finds(1, concat(MACS, hex('86dd')), V6);
  skips(1, concat(MACS, hex('0806 0001')), /EtherType 0x0806 is not IP/);
  skips(1, concat(MACS, hex('0026 4242')), /IEEE 802\.3 frame of length 38/);
  skips(1, concat(MACS, hex('0800')), /no bytes/);
  skips(1, MACS, /too short for an Ethernet header/);
});

test('Ethernet with 802.1Q and QinQ tags', () => {
  finds(1, concat(MACS, hex('8100 0005 0800')), V4);
  finds(1, concat(MACS, hex('88a8 0005 8100 0006 86dd')), V6);
  finds(1, concat(MACS, hex('9100 0005 8100 0006 0800')), V4);
  skips(1, concat(MACS, hex('8100 0005 0806')), /0x0806/);
  skips(1, concat(MACS, hex('8100 0005 08')), /VLAN tag is cut off/);
});

test('VLAN tags are bounded', () => {
  const tags = (count: number): Uint8Array =>
    concat(MACS, ...Array.from({ length: count }, () => hex('8100 0001')), hex('0800'));
  finds(1, tags(MAX_VLAN_TAGS), V4);
  skips(1, concat(tags(MAX_VLAN_TAGS + 1), V4), /more than 4 VLAN tags/);
});

test('NULL in either byte order, LOOP in network order', () => {
  finds(0, '02000000', V4);
  finds(0, '00000002', V4);
  for (const family of ['18', '1c', '1e']) {
    finds(0, `${family}000000`, V6);
    finds(0, `000000${family}`, V6);
    finds(108, `000000${family}`, V6);
  }
  finds(108, '00000002', V4);
  skips(108, '02000000 45', /address family 33554432/);
  skips(0, '07000000 45', /address family 7 is not IP/);
  skips(0, '02000001 45', /address family 33554433/);
  skips(0, '020000', /too short for a loopback header/);
});

test('Linux cooked captures, both versions of the header', () => {
  const sll = (hardware: string, protocol: string): Uint8Array =>
    hex(`0000 ${hardware} 0006 020202020202 0000 ${protocol}`);
  finds(113, sll('0001', '0800'), V4);
  finds(113, sll('fffe', '86dd'), V6);
  finds(113, concat(sll('0001', '8100'), hex('0005 0800')), V4);
  skips(113, concat(sll('0338', '0800'), V4), /netlink/);
  skips(113, concat(sll('0001', '0004'), V4), /802\.3/);
  skips(113, sll('0001', '0800').subarray(0, 15), /too short for a Linux cooked header/);
  const sll2 = (hardware: string, protocol: string): Uint8Array =>
    hex(`${protocol} 0000 00000003 ${hardware} 00 06 020202020202 0000`);
  finds(276, sll2('0001', '0800'), V4);
  finds(276, sll2('0304', '86dd'), V6);
  skips(276, concat(sll2('030a', '0800'), V4), /GRE/);
  skips(276, sll2('0001', '0800').subarray(0, 19), /too short/);
});

test('other link types are named', () => {
  skips(127, '00', /link type 127 is not read/);
});

test('never throws, and an offset lies within the packet', () => {
  const random = testRandom(5);
  for (let round = 0; round < 5000; round++) {
    const data = random.bytes(random.below(40));
    for (const linkType of [0, 1, 101, 108, 113, 228, 229, 276]) {
      const result = networkLayer(linkType, data);
      if ('offset' in result) assert.ok(result.offset < data.length);
      else assert.ok(result.skipped.length > 0);
    }
  }
});

test.run();
