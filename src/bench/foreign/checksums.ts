// Checksums filled in: those that a network card was to fill in, and those of packets that are made here.

import { finishChecksum, pseudoHeaderSum, pseudoHeaderSum6, sumWords } from '../../core/ip/checksum.js';

/** RFC 791 §3.1. */
export function fillIpv4Checksum(packet: Uint8Array): void {
  putU16(packet, 10, 0);
  putU16(packet, 10, finishChecksum(sumWords(packet, 0, (packet[0]! & 15) * 4)));
}

/** Of TCP or UDP that begins at `at` and ends with the packet; `fieldAt` counts from there. */
export function fillUpperChecksum(packet: Uint8Array, at: number, protocol: number, fieldAt: number): void {
  const length = packet.length - at;
  const pseudo =
    packet[0]! >>> 4 === 6
      ? pseudoHeaderSum6(packet, 8, packet, 24, protocol, length)
      : pseudoHeaderSum(u32(packet, 12), u32(packet, 16), protocol, length);
  putU16(packet, at + fieldAt, 0);
  putU16(packet, at + fieldAt, finishChecksum(pseudo + sumWords(packet, at, packet.length)));
}

export function putU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value & 0xff;
}

export function putU32(bytes: Uint8Array, at: number, value: number): void {
  putU16(bytes, at, value >>> 16);
  putU16(bytes, at + 2, value & 0xffff);
}

function u32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}
