// Where the IP packet begins in a captured frame, by link-layer type (IETF draft opsawg-pcaplinktype): Ethernet with VLAN tags
// (IEEE 802.1Q, 802.1ad), loopback headers in either byte order, Linux cooked captures, raw IP. Other types and other protocols
// are no error: the packet is shown as one that holds no IP.

import { LINKTYPE } from './capture-types.js';

export interface LinkLayer {
  /** Where IP begins; -1: there is none. */
  ipAt: number;
  /** EtherType of what is there, 0x0800 and 0x86dd for IP; -1: the link layer does not say. */
  etherType: number;
  /** Where an Ethernet header begins; -1: there is none. */
  ethernetAt: number;
}

export const ETHERTYPE_IPV4 = 0x0800;
export const ETHERTYPE_IPV6 = 0x86dd;
const VLAN_TAGS = new Set([0x8100, 0x88a8, 0x9100]);
/** IEEE 802.1ad has two; more than a few is no frame that anybody sent. */
const MOST_TAGS = 4;

/** Fills `into`, which its owner reuses. */
export function readLinkLayer(linkType: number, bytes: Uint8Array, into: LinkLayer): void {
  into.ipAt = -1;
  into.etherType = -1;
  into.ethernetAt = -1;
  switch (linkType) {
    case LINKTYPE.DLT_RAW:
    case LINKTYPE.DLT_RAW_OPENBSD:
    case LINKTYPE.RAW:
    case LINKTYPE.IPV4:
    case LINKTYPE.IPV6:
      byVersion(bytes, 0, into);
      return;
    case LINKTYPE.ETHERNET:
      if (bytes.length < 14) return;
      into.ethernetAt = 0;
      byEtherType(bytes, 12, into);
      return;
    case LINKTYPE.NULL:
    case LINKTYPE.LOOP:
      // The address family in the byte order of the machine that captured: what follows says the same and is certain.
      byVersion(bytes, 4, into);
      return;
    case LINKTYPE.LINUX_SLL:
      byEtherType(bytes, 14, into);
      return;
    case LINKTYPE.LINUX_SLL2:
      if (bytes.length < 20) return;
      into.etherType = u16(bytes, 0);
      if (isIp(into.etherType)) into.ipAt = 20;
      // The first tag's type is in the header, and what is tagged stands behind it.
      else if (VLAN_TAGS.has(into.etherType)) byEtherType(bytes, 22, into);
      return;
    default:
  }
}

function byVersion(bytes: Uint8Array, at: number, into: LinkLayer): void {
  if (at >= bytes.length) return;
  const version = bytes[at]! >>> 4;
  if (version !== 4 && version !== 6) return;
  into.etherType = version === 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
  into.ipAt = at;
}

function byEtherType(bytes: Uint8Array, typeAt: number, into: LinkLayer): void {
  let at = typeAt;
  for (let tags = 0; tags <= MOST_TAGS; tags++, at += 4) {
    if (at + 2 > bytes.length) return;
    const type = u16(bytes, at);
    if (VLAN_TAGS.has(type)) continue;
    into.etherType = type;
    if (isIp(type)) into.ipAt = at + 2;
    return;
  }
}

function isIp(etherType: number): boolean {
  return etherType === ETHERTYPE_IPV4 || etherType === ETHERTYPE_IPV6;
}

function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}
