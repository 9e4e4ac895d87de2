// Addresses of both families. An IPv4 address is an unsigned 32-bit number (RFC 791 §2.3), an IPv6 address its text in the
// form of RFC 5952, so that either compares by `===` and is a key of a Map. Which of them one host can be: RFC 1122
// §3.2.1.3 and RFC 4291 §2.

/** A number is IPv4, a text is IPv6: `fd00::1`. */
export type Address = number | string;

export const IPV6_ADDRESS_BYTES = 16;

/** `10.0.0.1` as 0x0a000001; undefined when it is not four decimal numbers below 256. */
export function parseAddress(text: string): number | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (!match) return undefined;
  let address = 0;
  for (let i = 1; i <= 4; i++) {
    const part = Number(match[i]);
    if (part > 255) return undefined;
    address = address * 256 + part;
  }
  return address;
}

export function formatAddress(address: Address): string {
  if (typeof address === 'string') return address;
  return `${address >>> 24}.${(address >>> 16) & 0xff}.${(address >>> 8) & 0xff}.${address & 0xff}`;
}

/** As it stands in front of `:port`: IPv6 in brackets (RFC 5952 §6). */
export function formatHost(address: Address): string {
  return typeof address === 'string' ? `[${address}]` : formatAddress(address);
}

/**
 * Can be the source of a packet that is answered: not "this network" (0/8), not loopback (127/8, which RFC 1122 §3.2.1.3
 * (g) keeps off every wire), not multicast, class E or broadcast.
 */
export function isHostAddress(address: number): boolean {
  const first = address >>> 24;
  return first !== 0 && first !== 127 && first < 224;
}

/** The 16 bytes of an IPv6 address in any form of RFC 4291 §2.2, without a zone; undefined when the text is none. */
export function parseAddress6(text: string): Uint8Array | undefined {
  const halves = text.split('::');
  if (halves.length > 2 || text.length > 45) return undefined;
  const head = parseGroups(halves[0]!, halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1]!, true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const zeros = 8 - head.length - tail.length;
  // `::` stands for one group of zeros at least.
  if (halves.length === 2 ? zeros < 1 : zeros !== 0) return undefined;
  const bytes = new Uint8Array(IPV6_ADDRESS_BYTES);
  const groups = [...head, ...new Array<number>(zeros).fill(0), ...tail];
  groups.forEach((group, i) => {
    bytes[2 * i] = group >>> 8;
    bytes[2 * i + 1] = group;
  });
  return bytes;
}

/** Groups of one to four hex digits; the last may be an IPv4 address where the text ends with it. */
function parseGroups(text: string, atEnd: boolean): number[] | undefined {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i]!;
    const embedded = atEnd && i === parts.length - 1 ? parseAddress(part) : undefined;
    if (embedded !== undefined) groups.push(embedded >>> 16, embedded & 0xffff);
    else if (/^[0-9a-fA-F]{1,4}$/.test(part)) groups.push(Number.parseInt(part, 16));
    else return undefined;
  }
  return groups;
}

/** The 16 bytes at `at` as RFC 5952 §4 writes them: lower case, no leading zeros, the longest run of zero groups as `::`. */
export function formatAddress6(bytes: Uint8Array, at = 0): string {
  let zerosAt = -1;
  let zeros = 1;
  for (let group = 0; group < 8; group++) {
    let length = 0;
    while (group + length < 8 && group16(bytes, at, group + length) === 0) length++;
    // The first of equal runs; a single group is written out (§4.2.2, §4.2.3).
    if (length > zeros) {
      zerosAt = group;
      zeros = length;
    }
    group += length;
  }
  let text = '';
  for (let group = 0; group < 8; group++) {
    if (group === zerosAt) {
      text += '::';
      group += zeros - 1;
      continue;
    }
    if (text !== '' && !text.endsWith(':')) text += ':';
    text += group16(bytes, at, group).toString(16);
  }
  return text;
}

function group16(bytes: Uint8Array, at: number, group: number): number {
  return (bytes[at + 2 * group]! << 8) | bytes[at + 2 * group + 1]!;
}

/** ff00::/8 (RFC 4291 §2.7). */
export function isMulticast6(bytes: Uint8Array, at = 0): boolean {
  return bytes[at] === 0xff;
}

/**
 * Can be the source of a packet that is answered: not multicast, and not within ::/80, which holds the unspecified and
 * the loopback address and the forms that carry an IPv4 address (RFC 4291 §2.5); none of them comes from a wire.
 */
export function isHostAddress6(bytes: Uint8Array, at = 0): boolean {
  if (isMulticast6(bytes, at)) return false;
  for (let i = 0; i < 10; i++) if (bytes[at + i] !== 0) return true;
  return false;
}
