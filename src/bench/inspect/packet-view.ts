// One captured packet taken apart by index, without an object for each: link layer, IPv4 (RFC 791 §3.1) or IPv6 with its
// extension headers (RFC 8200 §4), and where TCP, UDP or ICMP begin. Lenient: what is cut off or damaged is marked and shown as
// far as it goes. The view is filled anew for each packet.

import { finishChecksum, pseudoHeaderSum, pseudoHeaderSum6, sumWords } from '../../core/ip/checksum.js';
import { type LinkLayer, readLinkLayer } from '../../io/link-layer.js';
import { inspectLimits } from './limits.js';

export const PROTOCOL = { ICMP: 1, TCP: 6, UDP: 17, ICMPV6: 58 } as const;
const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const AUTHENTICATION = 51;
const DESTINATION = 60;

export type ChecksumState =
  | 'good'
  | 'bad'
  /** The sum of the pseudo-header alone, or nothing: the network card was to fill it in. */
  | 'offloaded'
  /** Not all of the packet is there, or there is none to check. */
  | 'unverified';

export class PacketView implements LinkLayer {
  bytes: Uint8Array = new Uint8Array(0);
  ipAt = -1;
  etherType = -1;
  ethernetAt = -1;
  /** 4 or 6; 0: no IP. */
  version = 0;
  /** Behind the IP header and all extension headers that were read. */
  payloadAt = 0;
  /** Where the IP packet ends by its own length, but not behind what was captured. */
  payloadEnd = 0;
  /** By the header, header included; may be more than was captured. */
  ipLength = 0;
  /** Upper-layer protocol, or the first extension header that was not read. */
  protocol = -1;
  /** In bytes. */
  fragmentOffset = 0;
  moreFragments = false;
  fragmentId = 0;
  isFragment = false;
  /** IPv6: the header is there, also of a datagram in one piece (RFC 6946). */
  hasFragmentHeader = false;
  /** The packet was cut by the snap length, or is shorter than its headers say. */
  truncated = false;
  /** Bytes at the end of the IP packet that were on the wire and are not in the capture. */
  uncaptured = 0;
  ipChecksum: ChecksumState = 'unverified';
  /** Names what is wrong with the IP header; empty: nothing. */
  ipProblem = '';
  /** Length of the frame on the wire. */
  #originalLength = 0;
  /** The upper layer stands in other bytes than the frame's: a datagram that was put together. */
  upper: Uint8Array = this.bytes;
  upperAt = 0;
  upperEnd = 0;

  /** `originalLength`: of the frame on the wire, of which `bytes` may be the beginning only. */
  read(linkType: number, bytes: Uint8Array, originalLength = bytes.length): void {
    this.bytes = bytes;
    this.#originalLength = Math.max(originalLength, bytes.length);
    readLinkLayer(linkType, bytes, this);
    this.version = 0;
    this.protocol = -1;
    this.isFragment = false;
    this.hasFragmentHeader = false;
    this.moreFragments = false;
    this.fragmentOffset = 0;
    this.truncated = false;
    this.uncaptured = 0;
    this.ipChecksum = 'unverified';
    this.ipProblem = '';
    this.upper = bytes;
    if (this.ipAt < 0) return;
    const version = bytes[this.ipAt]! >>> 4;
    if (version === 4) this.#readIpv4();
    else if (version === 6) this.#readIpv6();
    else this.ipProblem = `IP version ${version}`;
    this.upperAt = this.payloadAt;
    this.upperEnd = this.payloadEnd;
  }

  /** A whole datagram that fragments have become: `bytes` is its payload. */
  reassembled(bytes: Uint8Array): void {
    this.uncaptured = 0;
    this.upper = bytes;
    this.upperAt = 0;
    this.upperEnd = bytes.length;
  }

  /** Of TCP, UDP or ICMP in `upper`; `fieldAt`: where the checksum is behind the header's beginning. */
  upperChecksum(fieldAt: number): ChecksumState {
    const { upper, upperAt, upperEnd, bytes, ipAt, version, protocol } = this;
    if (this.truncated || upperEnd - upperAt < fieldAt + 2) return 'unverified';
    const length = upperEnd - upperAt;
    const field = (upper[upperAt + fieldAt]! << 8) | upper[upperAt + fieldAt + 1]!;
    // RFC 768: UDP over IPv4 may have none.
    if (field === 0 && protocol === PROTOCOL.UDP) return 'unverified';
    let pseudo = 0;
    if (version === 6) pseudo = pseudoHeaderSum6(bytes, ipAt + 8, bytes, ipAt + 24, protocol, length);
    else if (protocol !== PROTOCOL.ICMP)
      pseudo = pseudoHeaderSum(u32(bytes, ipAt + 12), u32(bytes, ipAt + 16), protocol, length);
    if (finishChecksum(pseudo + sumWords(upper, upperAt, upperEnd)) === 0) return 'good';
    // RFC 793's sum, folded and not inverted: what a kernel hands to a card. A super-segment leaves the length out.
    const partial = ~finishChecksum(pseudo) & 0xffff;
    const withoutLength = ~finishChecksum(pseudo - length) & 0xffff;
    return field === 0 || field === partial || field === withoutLength ? 'offloaded' : 'bad';
  }

  #readIpv4(): void {
    const { bytes, ipAt } = this;
    const left = bytes.length - ipAt;
    this.version = 4;
    if (left < 20) {
      this.#cutOff(ipAt + left);
      return;
    }
    const headerLength = (bytes[ipAt]! & 0x0f) * 4;
    const totalLength = u16(bytes, ipAt + 2);
    // Segmentation offload leaves the length to the card; then the frame's own is the packet's.
    this.ipLength = totalLength === 0 ? this.#originalLength - ipAt : totalLength;
    this.protocol = bytes[ipAt + 9]!;
    const fragment = u16(bytes, ipAt + 6);
    this.fragmentOffset = (fragment & 0x1fff) * 8;
    this.moreFragments = (fragment & 0x2000) !== 0;
    this.isFragment = (fragment & 0x3fff) !== 0;
    this.fragmentId = u16(bytes, ipAt + 4);
    if (headerLength < 20 || headerLength > this.ipLength) {
      this.ipProblem =
        headerLength < 20 ? `header length ${headerLength}` : `total length ${this.ipLength} below the header's`;
      this.#cutOff(Math.min(bytes.length, ipAt + 20));
      return;
    }
    if (headerLength > left) {
      this.#cutOff(bytes.length);
      return;
    }
    const sum = finishChecksum(sumWords(bytes, ipAt, ipAt + headerLength));
    this.ipChecksum = sum === 0 ? 'good' : u16(bytes, ipAt + 10) === 0 ? 'offloaded' : 'bad';
    this.payloadAt = ipAt + headerLength;
    this.#ends(ipAt + this.ipLength);
  }

  #readIpv6(): void {
    const { bytes, ipAt } = this;
    this.version = 6;
    if (bytes.length - ipAt < 40) {
      this.#cutOff(bytes.length);
      return;
    }
    const payloadLength = u16(bytes, ipAt + 4);
    // RFC 2675 aside, 0 is what segmentation offload leaves there.
    this.ipLength = payloadLength === 0 ? this.#originalLength - ipAt : 40 + payloadLength;
    this.#ends(ipAt + this.ipLength);
    let next = bytes[ipAt + 6]!;
    let at = ipAt + 40;
    let count = 0;
    for (; isExtension(next); count++) {
      if (at + 8 > this.payloadEnd || count === inspectLimits.extensionHeaders) break;
      const header = next;
      next = bytes[at]!;
      if (header === FRAGMENT) {
        const word = u16(bytes, at + 2);
        this.hasFragmentHeader = true;
        this.fragmentOffset = word & 0xfff8;
        this.moreFragments = (word & 1) !== 0;
        this.isFragment = (word & 0xfff9) !== 0;
        this.fragmentId = u32(bytes, at + 4);
        at += 8;
        // What follows belongs to the whole datagram.
        if (this.fragmentOffset > 0) break;
      } else at += header === AUTHENTICATION ? (bytes[at + 1]! + 2) * 4 : (bytes[at + 1]! + 1) * 8;
    }
    if (count === inspectLimits.extensionHeaders) this.ipProblem = `more than ${count} extension headers`;
    this.protocol = next;
    this.payloadAt = Math.min(at, this.payloadEnd);
  }

  #ends(end: number): void {
    const { length } = this.bytes;
    this.payloadEnd = Math.min(end, length);
    this.truncated = end > length;
    this.uncaptured = Math.max(0, Math.min(end, this.#originalLength) - length);
  }

  #cutOff(at: number): void {
    this.payloadAt = at;
    this.payloadEnd = at;
    this.truncated = true;
  }
}

function isExtension(header: number): boolean {
  return (
    header === HOP_BY_HOP ||
    header === ROUTING ||
    header === FRAGMENT ||
    header === AUTHENTICATION ||
    header === DESTINATION
  );
}

export function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

export function u32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}
