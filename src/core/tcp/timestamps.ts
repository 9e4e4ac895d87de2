// The timestamps option of one connection (RFC 7323): our clock, which TSval of the peer is echoed (§4.3), and protection
// against wrapped sequence numbers (§5). Measuring round trips with the echo is the sender's (send.ts).

import type { RandomSource } from '../random.js';
import { MICROS_PER_MILLI } from '../time.js';
import type { Micros } from '../types.js';
import type { Segment } from './segment.js';
import { seqDiff, seqLte } from './seq.js';

/** §5.5: TS.Recent is void when it was not renewed for so long that the peer's clock may have gone round. */
const RECENT_LIFETIME_US = 24 * 86_400_000_000;

/** A clock of one tick a millisecond (§5.4: between 1 ms and 1 s). */
export function timestampClock(nowUs: Micros, offset: number): number {
  return (Math.floor(nowUs / MICROS_PER_MILLI) + offset) >>> 0;
}

/**
 * Where the clock of a 4-tuple begins (§7.1: it tells nobody how long we run). `tuple` names the two sockets without a
 * counter: a later connection of the same pair continues the same clock, as TIME-WAIT needs it (§5.8, RFC 6191).
 */
export function timestampOffset(random: RandomSource, tuple: string): number {
  const f = random.bytes(tuple, 'timestamp offset', 4);
  return ((f[0]! << 24) | (f[1]! << 16) | (f[2]! << 8) | f[3]!) >>> 0;
}

export class Timestamps {
  /** Snd.TS.OK: every segment of either side carries the option. */
  readonly enabled: boolean;
  /** Last.ACK.sent. */
  lastAckSent: number;
  readonly #offset: number;
  /** TS.Recent. */
  #recent: number;
  #recentAtUs: Micros;

  /** `recent` is the SYN's TSval, `rcvNxt` what the SYN-ACK acknowledged. */
  constructor(enabled: boolean, offset: number, nowUs: Micros, recent: number, rcvNxt: number) {
    this.enabled = enabled;
    this.#offset = offset;
    this.#recent = recent;
    this.#recentAtUs = nowUs;
    this.lastAckSent = rcvNxt;
  }

  /** TSval of a segment that leaves now. */
  value(nowUs: Micros): number {
    return timestampClock(nowUs, this.#offset);
  }

  /** TSecr: what the last segment that moved the left edge, or repeats from it, carried. */
  get echo(): number {
    return this.#recent;
  }

  /**
   * The latest time at which what `segment` echoes can have left, for the round-trip time (§4.1) and to know an
   * acknowledgment of a retransmission (RFC 3522); Infinity when it echoes nothing, or what was not sent yet.
   */
  echoedUs(nowUs: Micros, segment: Segment): Micros {
    if (!this.enabled || !segment.hasTimestamps) return Number.POSITIVE_INFINITY;
    const ticks = seqDiff(this.value(nowUs), segment.tsEcr);
    if (ticks < 0) return Number.POSITIVE_INFINITY;
    if (ticks === 0) return nowUs;
    return (Math.floor(nowUs / MICROS_PER_MILLI) - ticks + 1) * MICROS_PER_MILLI - 1;
  }

  /** Ticks since we sent what `segment` echoes; negative for an echo of nothing we have sent yet. */
  echoAge(nowUs: Micros, segment: Segment): number {
    return seqDiff(this.value(nowUs), segment.tsEcr);
  }

  /** PAWS, §5.3 R1. The caller has let RST pass. */
  isOld(nowUs: Micros, segment: Segment): boolean {
    return (
      this.enabled &&
      segment.hasTimestamps &&
      seqDiff(segment.tsVal, this.#recent) < 0 &&
      nowUs - this.#recentAtUs <= RECENT_LIFETIME_US
    );
  }

  /** §3.2: once agreed on, a segment without the option is not looked at. RST may lack it. */
  isMissing(segment: Segment): boolean {
    return this.enabled && !segment.hasTimestamps;
  }

  /** §4.3 (2), for an acceptable segment that `isOld` has let pass. */
  update(nowUs: Micros, segment: Segment): void {
    if (!this.enabled || !seqLte(segment.seq, this.lastAckSent)) return;
    this.#recent = segment.tsVal;
    this.#recentAtUs = nowUs;
  }

  /** RFC 6191 §2: a SYN whose clock is ahead of the old connection's cannot be a duplicate of it. */
  isNewer(segment: Segment): boolean {
    return this.enabled && segment.hasTimestamps && seqDiff(segment.tsVal, this.#recent) > 0;
  }
}
