// SYN cookies (RFC 4987 §3.6): when the SYN queue is full, all that a connection needs to begin is put into what the peer
// sends back: the MSS into the sequence number, the other options into the low bits of the timestamp, as Linux does.

import { limits } from '../limits.js';
import type { RandomSource } from '../random.js';
import { MICROS_PER_SECOND } from '../time.js';
import type { Micros } from '../types.js';

/**
 * What the peer may have offered: the largest of these that is not more is used. Ethernet, PPPoE, IPv6 and tunnels, jumbo
 * frames; and for the few that offer less than the default, which must not be sent more (RFC 9293 §3.7.1, MUST-16), the
 * least that we take anybody at his word for.
 */
const MSS_TABLE = [536, 1200, 1220, 1300, 1400, 1440, 1460, 8940, limits.tcp.minSendMss, 256] as const;
/** Of the table: for a SYN without the option. */
const DEFAULT_MSS = 0;
const LEAST_MSS = MSS_TABLE.indexOf(limits.tcp.minSendMss);

const MINUTE_US = 60 * MICROS_PER_SECOND;
/** A cookie that was sent by then is void now. */
export const COOKIE_LIFETIME_US = limits.tcp.synCookieMinutes * MINUTE_US;

/** Timestamp bits 0 to 3: the window scale, 15 for none; 4: SACK; 5: ECN. */
const OPTION_BITS = 0x3f;
const NO_SCALE = 0x0f;
const SACK_BIT = 0x10;
const ECN_BIT = 0x20;

/**
 * The ISS that stands for a SYN with `irs` and `mss` of the 4-tuple `tuple`. A draw makes it unpredictable, as RFC 6528
 * wants it; it does not grow with the clock, which costs nothing while no older connection of the 4-tuple is remembered.
 */
export function makeCookie(random: RandomSource, tuple: string, nowUs: Micros, irs: number, mss: number): number {
  let index = mss < 0 ? DEFAULT_MSS : LEAST_MSS;
  for (let i = 0; i < MSS_TABLE.length; i++) if (MSS_TABLE[i]! <= mss && MSS_TABLE[i]! > MSS_TABLE[index]!) index = i;
  return (secretOf(random, tuple, minuteOf(nowUs), irs) + index) >>> 0;
}

/** The MSS in a cookie that we sent lately; -1 when `cookie` is none. */
export function openCookie(random: RandomSource, tuple: string, nowUs: Micros, irs: number, cookie: number): number {
  const now = minuteOf(nowUs);
  const oldest = Math.max(0, now - limits.tcp.synCookieMinutes + 1);
  for (let minute = now; minute >= oldest; minute--) {
    const index = (cookie - secretOf(random, tuple, minute, irs)) >>> 0;
    if (index < MSS_TABLE.length) return MSS_TABLE[index]!;
  }
  return -1;
}

/** A TSval that is not after `clock`, at most 64 ms before it, and carries the options. `shift` is the peer's, -1: none. */
export function cookieTimestamp(clock: number, shift: number, sack: boolean, ecn: boolean): number {
  const options = (shift < 0 ? NO_SCALE : shift) | (sack ? SACK_BIT : 0) | (ecn ? ECN_BIT : 0);
  const value = ((clock & ~OPTION_BITS) | options) >>> 0;
  return value > clock ? (value - OPTION_BITS - 1) >>> 0 : value;
}

/** The same bits of an echoed TSval, without our clock's offset having been taken out. */
export function optionsOfTimestamp(value: number): { shift: number; sack: boolean; ecn: boolean } {
  const shift = value & NO_SCALE;
  return { shift: shift === NO_SCALE ? -1 : shift, sack: (value & SACK_BIT) !== 0, ecn: (value & ECN_BIT) !== 0 };
}

function minuteOf(nowUs: Micros): number {
  return Math.floor(nowUs / MINUTE_US);
}

function secretOf(random: RandomSource, tuple: string, minute: number, irs: number): number {
  const f = random.bytes(tuple, `syn-cookie ${minute} ${irs}`, 4);
  return ((f[0]! << 24) | (f[1]! << 16) | (f[2]! << 8) | f[3]!) >>> 0;
}
