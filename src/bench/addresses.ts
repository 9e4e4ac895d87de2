// IP addresses as text and as bytes, both ways: IPv4 in dotted form, IPv6 as RFC 4291 §2.2 reads and RFC 5952 §4 writes
// it. IPv4-mapped addresses (RFC 4291 §2.5.5.2), which dual-stack sockets report, are taken for the IPv4 address they are.

import { isIPv4, isIPv6 } from 'node:net';

/** 4 or 16 bytes; undefined when the text is no address. A zone (`%eth0`) is left out: it has a meaning on its host only. */
export function parseAddress(text: string): Uint8Array | undefined {
  if (isIPv4(text)) return parseIpv4(text);
  const bare = text.split('%', 1)[0]!;
  if (!isIPv6(bare)) return undefined;
  const bytes = parseIpv6(bare);
  return isMapped(bytes) ? bytes.slice(12) : bytes;
}

/** Of 4 or 16 bytes. */
export function formatAddress(bytes: Uint8Array): string {
  return bytes.length === 4 ? bytes.join('.') : formatIpv6(bytes);
}

function parseIpv4(text: string): Uint8Array {
  return Uint8Array.from(text.split('.'), Number);
}

function parseIpv6(text: string): Uint8Array {
  const [left, right] = text.split('::') as [string, string | undefined];
  const head = groupBytes(left);
  const tail = groupBytes(right ?? '');
  const bytes = new Uint8Array(16);
  bytes.set(head);
  bytes.set(tail, 16 - tail.length);
  return bytes;
}

/** Groups of four digits, the last of which may be an IPv4 address. */
function groupBytes(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (group.includes('.')) return [...parseIpv4(group)];
    const value = Number.parseInt(group, 16);
    return [value >>> 8, value & 0xff];
  });
}

function isMapped(bytes: Uint8Array): boolean {
  return bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
}

function formatIpv6(bytes: Uint8Array): string {
  const groups: number[] = [];
  for (let at = 0; at < 16; at += 2) groups.push((bytes[at]! << 8) | bytes[at + 1]!);
  const [start, length] = longestZeroRun(groups);
  const text = (part: number[]): string => part.map((group) => group.toString(16)).join(':');
  if (length < 2) return text(groups);
  return `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`;
}

/** RFC 5952 §4.2: the longest run of zero groups is what `::` stands for, the first one of equals. */
function longestZeroRun(groups: readonly number[]): readonly [start: number, length: number] {
  let best: readonly [number, number] = [0, 0];
  for (let at = 0; at < groups.length; at++) {
    let length = 0;
    while (groups[at + length] === 0) length++;
    if (length > best[1]) best = [at, length];
    at += length;
  }
  return best;
}
