// What stands between Ethernet and IP: VLAN tags (IEEE 802.1Q §9.6), and ARP (RFC 826), under Wireshark's names.

import { formatAddress } from '../addresses.js';
import { FieldList, macText } from './packet-fields.js';
import { type PacketView, u16 } from './packet-view.js';
import type { InspectedLayer } from './types.js';

const VLAN_TAGS = new Set([0x8100, 0x88a8]);
const ARP = 0x0806;
const MOST_TAGS = 4;

/** Of an Ethernet frame. */
export function linkLayers({ bytes, ethernetAt }: PacketView): InspectedLayer[] {
  const layers: InspectedLayer[] = [];
  let at = ethernetAt + 12;
  for (let tags = 0; tags < MOST_TAGS && at + 6 <= bytes.length && VLAN_TAGS.has(u16(bytes, at)); tags++, at += 4) {
    const tag = u16(bytes, at + 2);
    const list = new FieldList()
      .put('vlan.priority', tag >>> 13)
      .put('vlan.dei', (tag & 0x1000) !== 0)
      .put('vlan.id', tag & 0xfff)
      .put('vlan.etype', u16(bytes, at + 4));
    layers.push(list.layer('vlan', bytes.subarray(at + 2), 4));
  }
  if (at + 2 <= bytes.length && u16(bytes, at) === ARP) layers.push(arpLayer(bytes.subarray(at + 2)));
  return layers;
}

/** For IPv4 over Ethernet; of others the numbers before the addresses. */
function arpLayer(bytes: Uint8Array): InspectedLayer {
  const list = new FieldList();
  if (bytes.length < 8) return list.layer('arp', bytes);
  list
    .put('arp.hw.type', u16(bytes, 0))
    .put('arp.proto.type', u16(bytes, 2))
    .put('arp.hw.size', bytes[4]!)
    .put('arp.proto.size', bytes[5]!)
    .put('arp.opcode', u16(bytes, 6));
  if (bytes[4] === 6 && bytes[5] === 4 && bytes.length >= 28) {
    list
      .put('arp.src.hw_mac', macText(bytes.subarray(8, 14)))
      .put('arp.src.proto_ipv4', formatAddress(bytes.subarray(14, 18)))
      .put('arp.dst.hw_mac', macText(bytes.subarray(18, 24)))
      .put('arp.dst.proto_ipv4', formatAddress(bytes.subarray(24, 28)));
  }
  return list.layer('arp', bytes.subarray(0, 28));
}
