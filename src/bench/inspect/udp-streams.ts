// Numbers of UDP conversations as Wireshark counts them: one for each pair of ends, whoever of them sends.

import { formatAddress } from '../addresses.js';
import { inspectLimits } from './limits.js';
import { type PacketView, u16 } from './packet-view.js';

export class UdpStreams {
  readonly #numbers = new Map<string, number>();

  /** Undefined where there are no ports, or too many pairs were seen. */
  numberOf({ bytes, ipAt, version, upper, upperAt, upperEnd }: PacketView): number | undefined {
    if (upperEnd - upperAt < 4) return undefined;
    const [at, length] = version === 4 ? [ipAt + 12, 4] : [ipAt + 8, 16];
    const end = (nth: number): string =>
      `${formatAddress(bytes.subarray(at + nth * length, at + (nth + 1) * length))} ${u16(upper, upperAt + nth * 2)}`;
    const key = [end(0), end(1)].sort().join(' ');
    const known = this.#numbers.get(key);
    if (known !== undefined || this.#numbers.size >= inspectLimits.conversations) return known;
    this.#numbers.set(key, this.#numbers.size);
    return this.#numbers.size - 1;
  }
}
