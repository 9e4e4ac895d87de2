// Where the IP packet begins behind a link-layer header, for the link types of the IETF draft opsawg-pcaplinktype that
// captures of TCP come with. Reads no more than that header; other types and protocols are skipped with a reason.

import { LINKTYPE } from './capture-types.js';

export interface NetworkLayer {
  /** Bytes before the IP header. The packet may be followed by padding: the IP length field decides. */
  readonly offset: number;
  readonly version: 4 | 6;
}

export interface SkippedLayer {
  readonly skipped: string;
}

const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
/** IEEE 802.1Q, 802.1ad (QinQ), and the number that was used before 802.1ad. */
const VLAN_TAGS: ReadonlySet<number> = new Set([0x8100, 0x88a8, 0x9100]);
/** 802.1ad stacks two; a few more do no harm, but the loop ends. */
export const MAX_VLAN_TAGS = 4;
/** IEEE 802.3: below this the field is a length. */
const FIRST_ETHERTYPE = 0x0600;

/** Pure; never throws. */
export function networkLayer(linkType: number, data: Uint8Array): NetworkLayer | SkippedLayer {
  switch (linkType) {
    case LINKTYPE.DLT_RAW:
    case LINKTYPE.DLT_RAW_OPENBSD:
    case LINKTYPE.RAW:
      return ipAt(data, 0, undefined);
    case LINKTYPE.IPV4:
      return ipAt(data, 0, 4);
    case LINKTYPE.IPV6:
      return ipAt(data, 0, 6);
    case LINKTYPE.ETHERNET:
      return behindEtherType(data, 12);
    case LINKTYPE.NULL:
      return behindFamily(data, true);
    case LINKTYPE.LOOP:
      return behindFamily(data, false);
    case LINKTYPE.LINUX_SLL:
      return behindCooked(data, 2, 14, 16);
    case LINKTYPE.LINUX_SLL2:
      return behindCooked(data, 8, 0, 20);
    default:
      return { skipped: `link type ${linkType} is not read` };
  }
}

function behindEtherType(data: Uint8Array, at: number): NetworkLayer | SkippedLayer {
  if (data.length < at + 2) return { skipped: `${data.length} bytes are too short for an Ethernet header` };
  return ofEtherType(data, u16(data, at), at + 2);
}

/** Tags may follow a cooked header too: Linux puts them back into what it captures. */
function ofEtherType(data: Uint8Array, etherType: number, behind: number): NetworkLayer | SkippedLayer {
  let type = etherType;
  let at = behind;
  for (let tags = 0; VLAN_TAGS.has(type); tags++) {
    if (tags === MAX_VLAN_TAGS) return { skipped: `more than ${MAX_VLAN_TAGS} VLAN tags` };
    if (data.length < at + 4) return { skipped: 'the VLAN tag is cut off' };
    type = u16(data, at + 2);
    at += 4;
  }
  if (type === ETHERTYPE_IPV4) return ipAt(data, at, 4);
  if (type === ETHERTYPE_IPV6) return ipAt(data, at, 6);
  if (type < FIRST_ETHERTYPE) return { skipped: `an IEEE 802.3 frame of length ${type}, not Ethernet II` };
  return { skipped: `EtherType 0x${type.toString(16).padStart(4, '0')} is not IP` };
}

/**
 * The address family in four bytes, in the capturing host's byte order (NULL) or in network order (LOOP). All families
 * are below 256, so the order shows.
 */
function behindFamily(data: Uint8Array, eitherOrder: boolean): NetworkLayer | SkippedLayer {
  if (data.length < 4) return { skipped: `${data.length} bytes are too short for a loopback header` };
  const bigEndian = u16(data, 0) * 0x1_0000 + u16(data, 2);
  const low = data[0]!;
  const isLittleEndian = eitherOrder && bigEndian > 0xff && bigEndian === low * 0x100_0000;
  const family = isLittleEndian ? low : bigEndian;
  if (family === 2) return ipAt(data, 4, 4);
  // The BSDs disagree on AF_INET6: 24 NetBSD and OpenBSD, 28 FreeBSD, 30 Darwin.
  if (family === 24 || family === 28 || family === 30) return ipAt(data, 4, 6);
  return { skipped: `address family ${family} is not IP` };
}

/** Linux cooked captures. In these hardware types the protocol field is no EtherType, so it says nothing of IP. */
const NOT_ETHERTYPE = new Map([
  [824, 'netlink'],
  [778, 'GRE'],
  [803, 'radiotap'],
  [770, 'Frame Relay'],
]);

function behindCooked(
  data: Uint8Array,
  hardwareTypeAt: number,
  protocolAt: number,
  length: number,
): NetworkLayer | SkippedLayer {
  if (data.length < length) return { skipped: `${data.length} bytes are too short for a Linux cooked header` };
  const other = NOT_ETHERTYPE.get(u16(data, hardwareTypeAt));
  if (other !== undefined) return { skipped: `a cooked ${other} packet is not IP` };
  return ofEtherType(data, u16(data, protocolAt), length);
}

/** The first nibble of both headers is the version; where the link layer names one too they must agree. */
function ipAt(data: Uint8Array, offset: number, expected: 4 | 6 | undefined): NetworkLayer | SkippedLayer {
  const first = data[offset];
  if (first === undefined) return { skipped: 'no bytes behind the link layer' };
  const version = first >>> 4;
  if (version !== 4 && version !== 6) return { skipped: `IP version ${version}` };
  if (expected !== undefined && version !== expected) {
    return { skipped: `IP version ${version} where the link layer says ${expected}` };
  }
  return { offset, version };
}

function u16(data: Uint8Array, at: number): number {
  return (data[at]! << 8) | data[at + 1]!;
}
