// IPv4 addresses as unsigned 32-bit numbers, to and from text (RFC 791 §2.3), and which of them one host can be
// (RFC 1122 §3.2.1.3). IPv6 is left out.

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

export function formatAddress(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 0xff}.${(address >>> 8) & 0xff}.${address & 0xff}`;
}

/** Can be the source of a packet that is answered: not "this network" (0/8), not multicast, class E or broadcast. */
export function isHostAddress(address: number): boolean {
  const first = address >>> 24;
  return first !== 0 && first < 224;
}
