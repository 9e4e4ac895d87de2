// TCP segmentation offload towards the kernel: consecutive segments of one flow are put together again and leave in one
// write, as a super-segment behind a virtio-net header (virtio 1.2 §5.1.6.2); the kernel cuts it where it has to. The core
// knows nothing of it: it makes segments, and segments are what a recording holds.

import { finishChecksum, pseudoHeaderSum, pseudoHeaderSum6, sumWords } from '../core/ip/checksum.js';

/** struct virtio_net_hdr, little-endian: flags, gso_type, hdr_len, gso_size, csum_start, csum_offset. */
export const VNET_HEADER_BYTES = 10;
const NEEDS_CSUM = 1;
const GSO_TCPV4 = 1;
const GSO_TCPV6 = 4;

/** Of an IP packet: what its length field can say. */
const LARGEST_PACKET_BYTES = 65_535;
const IPV4_HEADER_BYTES = 20;
const IPV6_HEADER_BYTES = 40;
const TCP_HEADER_BYTES = 20;
const TCP_CHECKSUM_AT = 16;
const PROTOCOL_TCP = 6;
const FLAG_PSH = 0x08;
const FLAG_ACK = 0x10;

/**
 * Takes packets one by one and gives them on, merged where that is possible, in order. Checksums of TCP are taken for right:
 * the kernel makes those of merged segments anew.
 */
export class SegmentMerger {
  readonly #emit: (bytes: Uint8Array, length: number) => void;
  /** The virtio-net header, and behind it the packet that waits. */
  readonly #buffer = new Uint8Array(VNET_HEADER_BYTES + LARGEST_PACKET_BYTES);
  /** Of the packet that waits; 0: none does. */
  #length = 0;
  /** What follows applies while segments can be added to it. */
  #open = false;
  #tcpAt = 0;
  #headerBytes = 0;
  #segmentBytes = 0;
  #segments = 0;
  #nextSeq = 0;

  /** `emit` gets the virtio-net header and the packet in one piece, the first `length` bytes, valid during the call only. */
  constructor(emit: (bytes: Uint8Array, length: number) => void) {
    this.#emit = emit;
  }

  /** A whole IP packet, copied here. It leaves with a later call, `flush` at the latest. */
  add(packet: Uint8Array): void {
    if (this.#open && this.#append(packet)) return;
    this.flush();
    if (packet.length > LARGEST_PACKET_BYTES) return;
    this.#buffer.set(packet, VNET_HEADER_BYTES);
    this.#length = packet.length;
    this.#segments = 1;
    this.#begin(packet);
  }

  /** Gives out what waits. */
  flush(): void {
    const length = this.#length;
    if (length === 0) return;
    this.#length = 0;
    this.#open = false;
    if (this.#segments > 1) this.#finishHeaders(length);
    this.#emit(this.#buffer, VNET_HEADER_BYTES + length);
    // A header of zeros says that there is nothing to do; most packets have that one.
    if (this.#segments > 1) this.#buffer.fill(0, 0, VNET_HEADER_BYTES);
  }

  /** Whether others may follow `packet` in one super-segment. */
  #begin(packet: Uint8Array): void {
    const tcpAt = tcpHeaderAt(packet);
    if (tcpAt === 0 || packet.length < tcpAt + TCP_HEADER_BYTES) return;
    const headerBytes = tcpAt + ((packet[tcpAt + 12]! >>> 4) << 2);
    // ACK alone: PSH ends a super-segment, and every other flag belongs to one segment of its own.
    if (packet[tcpAt + 13] !== FLAG_ACK || packet.length <= headerBytes) return;
    this.#open = true;
    this.#tcpAt = tcpAt;
    this.#headerBytes = headerBytes;
    this.#segmentBytes = packet.length - headerBytes;
    this.#nextSeq = (u32(packet, tcpAt + 4) + this.#segmentBytes) >>> 0;
  }

  /** Adds the payload of `packet` when it goes on where the super-segment ends and says the same otherwise. */
  #append(packet: Uint8Array): boolean {
    const tcpAt = this.#tcpAt;
    const headerBytes = this.#headerBytes;
    const payloadBytes = packet.length - headerBytes;
    if (payloadBytes <= 0 || payloadBytes > this.#segmentBytes) return false;
    if (this.#length + payloadBytes > LARGEST_PACKET_BYTES) return false;
    if (tcpHeaderAt(packet) !== tcpAt || u32(packet, tcpAt + 4) !== this.#nextSeq) return false;
    const flags = packet[tcpAt + 13]!;
    if ((flags & ~FLAG_PSH) !== FLAG_ACK || !this.#sameHeaders(packet)) return false;
    this.#buffer.set(packet.subarray(headerBytes), VNET_HEADER_BYTES + this.#length);
    this.#length += payloadBytes;
    this.#segments++;
    this.#nextSeq = (this.#nextSeq + payloadBytes) >>> 0;
    this.#buffer[VNET_HEADER_BYTES + tcpAt + 13] = flags;
    // Only the last segment may be short.
    this.#open = payloadBytes === this.#segmentBytes && flags === FLAG_ACK;
    return true;
  }

  /** But for lengths, checksums, sequence number and PSH. */
  #sameHeaders(packet: Uint8Array): boolean {
    const buffer = this.#buffer;
    const isIpv4 = packet[0] === 0x45;
    for (let at = 0; at < this.#headerBytes; at++) {
      if (buffer[VNET_HEADER_BYTES + at] === packet[at]) continue;
      const inTcp = at - this.#tcpAt;
      if (inTcp >= 0) {
        const differs =
          (inTcp >= 4 && inTcp < 8) || inTcp === 13 || inTcp === TCP_CHECKSUM_AT || inTcp === TCP_CHECKSUM_AT + 1;
        if (!differs) return false;
      } else if (isIpv4 ? !(at === 2 || at === 3 || at === 10 || at === 11) : !(at === 4 || at === 5)) return false;
    }
    return true;
  }

  #finishHeaders(length: number): void {
    const buffer = this.#buffer;
    const ip = VNET_HEADER_BYTES;
    const tcpAt = this.#tcpAt;
    const isIpv4 = tcpAt === IPV4_HEADER_BYTES;
    buffer[0] = NEEDS_CSUM;
    buffer[1] = isIpv4 ? GSO_TCPV4 : GSO_TCPV6;
    putLittleEndian(buffer, 2, this.#headerBytes);
    putLittleEndian(buffer, 4, this.#segmentBytes);
    putLittleEndian(buffer, 6, tcpAt);
    putLittleEndian(buffer, 8, TCP_CHECKSUM_AT);
    let sum: number;
    if (isIpv4) {
      buffer[ip + 2] = length >>> 8;
      buffer[ip + 3] = length;
      buffer[ip + 10] = 0;
      buffer[ip + 11] = 0;
      const checksum = finishChecksum(sumWords(buffer, ip, ip + IPV4_HEADER_BYTES));
      buffer[ip + 10] = checksum >>> 8;
      buffer[ip + 11] = checksum;
      sum = pseudoHeaderSum(u32(buffer, ip + 12), u32(buffer, ip + 16), PROTOCOL_TCP, length - tcpAt);
    } else {
      const payload = length - IPV6_HEADER_BYTES;
      buffer[ip + 4] = payload >>> 8;
      buffer[ip + 5] = payload;
      sum = pseudoHeaderSum6(buffer, ip + 8, buffer, ip + 24, PROTOCOL_TCP, payload);
    }
    // What is left to the kernel is the sum over header and data: the field holds the pseudo-header's, not inverted.
    const partial = ~finishChecksum(sum) & 0xffff;
    buffer[ip + tcpAt + TCP_CHECKSUM_AT] = partial >>> 8;
    buffer[ip + tcpAt + TCP_CHECKSUM_AT + 1] = partial;
  }
}

/** Where TCP begins in a packet that may be merged: no IP options, extension headers or fragments. 0: it may not. */
function tcpHeaderAt(packet: Uint8Array): number {
  if (packet[0] === 0x45) {
    const isFragment = (packet[6]! & 0x3f) !== 0 || packet[7] !== 0;
    return packet[9] === PROTOCOL_TCP && !isFragment ? IPV4_HEADER_BYTES : 0;
  }
  return packet[0]! >>> 4 === 6 && packet[6] === PROTOCOL_TCP ? IPV6_HEADER_BYTES : 0;
}

function u32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

function putLittleEndian(target: Uint8Array, at: number, value: number): void {
  target[at] = value;
  target[at + 1] = value >>> 8;
}
