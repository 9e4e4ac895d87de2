// When a packet came, in the form that --time asks for.

export const TIME_STYLES = ['relative', 'absolute', 'delta', 'epoch'] as const;
export type TimeStyle = (typeof TIME_STYLES)[number];

export interface PacketTimes {
  readonly timeNs: bigint;
  /** Of the first packet of the capture. */
  readonly firstNs: bigint;
  /** Of the packet that was shown before; undefined: there was none. */
  readonly previousNs: bigint | undefined;
}

export function packetTime(style: TimeStyle, { timeNs, firstNs, previousNs = timeNs }: PacketTimes): string {
  switch (style) {
    case 'relative':
      return differenceText(timeNs - firstNs);
    case 'delta':
      return differenceText(timeNs - previousNs);
    case 'epoch':
      return secondsOf(timeNs, 9);
    case 'absolute':
      return absoluteText(timeNs);
    default:
      return style satisfies never;
  }
}

/** `+0.003211` */
function differenceText(ns: bigint): string {
  return ns < 0n ? secondsOf(ns, 6) : `+${secondsOf(ns, 6)}`;
}

/** Further digits are cut off. */
function secondsOf(ns: bigint, decimals: number): string {
  const digits = (ns < 0n ? -ns : ns).toString().padStart(10, '0');
  return `${ns < 0n ? '-' : ''}${digits.slice(0, -9)}.${digits.slice(-9, digits.length - 9 + decimals)}`;
}

/** The last second that ISO 8601 writes with four digits for the year. */
const LAST_SECOND = 253_402_300_799n;

/** `2026-11-26T15:57:36.502996Z` */
function absoluteText(ns: bigint): string {
  const seconds = ns / 1_000_000_000n;
  if (ns < 0n || seconds > LAST_SECOND) return secondsOf(ns, 9);
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  return `${whole}.${(ns % 1_000_000_000n).toString().padStart(9, '0').slice(0, 6)}Z`;
}
