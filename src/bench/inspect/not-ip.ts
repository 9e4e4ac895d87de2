// A frame that holds no IP, in words: ARP (RFC 826) as tcpdump says it, others by their EtherType (IEEE 802.3 §3.2.6).

import { LINKTYPE } from '../../io/capture-types.js';
import { formatAddress } from '../addresses.js';
import { type PacketView, u16 } from './packet-view.js';

const ARP = 0x0806;
/** Below it the field is the frame's length. */
const SMALLEST_ETHERTYPE = 0x0600;
const NAMES = new Map([
  [0x0842, 'Wake-on-LAN'],
  [0x8035, 'RARP'],
  [0x8809, 'slow protocols'],
  [0x8847, 'MPLS'],
  [0x8863, 'PPPoE discovery'],
  [0x8864, 'PPPoE'],
  [0x888e, 'EAPOL'],
  [0x88cc, 'LLDP'],
  [0x88e5, 'MACsec'],
  [0x88f7, 'PTP'],
]);

export function describeNotIp({ bytes, etherType, ethernetAt }: PacketView, linkType: number): string {
  if (etherType < 0) return 'no IP';
  if (etherType < SMALLEST_ETHERTYPE) return 'IEEE 802.3 frame';
  const at = ethernetAt >= 0 ? behindTags(bytes) : (COOKED.get(linkType) ?? bytes.length);
  if (etherType === ARP) return describeArp(bytes, at);
  const name = NAMES.get(etherType);
  return `EtherType 0x${etherType.toString(16).padStart(4, '0')}${name === undefined ? '' : ` (${name})`}`;
}

/** What Linux cooked captures have in front. */
const COOKED = new Map<number, number>([
  [LINKTYPE.LINUX_SLL, 16],
  [LINKTYPE.LINUX_SLL2, 20],
]);

const ETHERNET_TYPE_AT = 12;
const TAGS = new Set([0x8100, 0x88a8, 0x9100]);

function behindTags(bytes: Uint8Array): number {
  let at = ETHERNET_TYPE_AT;
  while (at + 6 <= bytes.length && TAGS.has(u16(bytes, at))) at += 4;
  return at + 2;
}

/** Addresses of Ethernet and IPv4: six bytes and four. */
const ARP_BYTES = 28;
const REQUEST = 1;
const REPLY = 2;

function describeArp(bytes: Uint8Array, at: number): string {
  if (bytes.length < at + ARP_BYTES || bytes[at + 4] !== 6 || bytes[at + 5] !== 4) return 'ARP';
  const operation = u16(bytes, at + 6);
  const sender = formatAddress(bytes.subarray(at + 14, at + 18));
  const target = formatAddress(bytes.subarray(at + 24, at + 28));
  if (operation === REQUEST) return `ARP who-has ${target} tell ${sender}`;
  if (operation !== REPLY) return `ARP operation ${operation}`;
  const hardware = Array.from(bytes.subarray(at + 8, at + 14), (byte) => byte.toString(16).padStart(2, '0'));
  return `ARP ${sender} is-at ${hardware.join(':')}`;
}
