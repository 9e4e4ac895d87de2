// The knobs of TCP: plain data, so that a recording carries them, with defaults and ranges. What a connection agrees on
// with its peer beyond that is in negotiate.ts.

import { limits } from '../limits.js';
import type { Micros } from '../types.js';

/** Every knob is optional. Numbers are integers; anything else or out of range raises RangeError when the stack is made. */
export interface TcpConfig {
  /** Selective acknowledgments (RFC 2018, RFC 2883), when the peer offers them. Default true. */
  readonly sack?: boolean;
  /** Timestamps with PAWS (RFC 7323), when the peer offers them. Default true. */
  readonly timestamps?: boolean;
  /** Explicit congestion notification (RFC 3168), when the peer asks for it, as Linux does (tcp_ecn 2). Default true. */
  readonly ecn?: boolean;
  /** The largest receive window, 65,535 to 65,535 << 14. Default 524,280. */
  readonly receiveWindowBytes?: number;
  /** Our shift, 0 to 14, or -1 for no window scaling. Default: the smallest that can express `receiveWindowBytes`. */
  readonly windowScale?: number;
  /** Answer SYNs by cookies when the SYN queue is full (RFC 4987 §3.6); otherwise they are dropped. Default true. */
  readonly synCookies?: boolean;
  /** Idle time before the first keep-alive probe (RFC 9293 §3.8.4); 0 is off, which is the default (MUST-25). */
  readonly keepAliveUs?: Micros;
  /** Time between unanswered probes. Default 75 s, and 9 of them, as in Linux. */
  readonly keepAliveIntervalUs?: Micros;
  readonly keepAliveProbes?: number;
  /** How long data may wait for its acknowledgment (RFC 5482 §2); 0, the default: as long as the retransmissions last. */
  readonly userTimeoutUs?: Micros;
  /**
   * How long the peer may keep its window closed on what waits for it; 0: for as long as it answers probes (RFC 9293 §3.8.6.1,
   * MUST-37). Default 300 s.
   */
  readonly closedWindowUs?: Micros;
  /**
   * Bytes that may come unread after our side was closed in full before a reset (RFC 9293 §3.6.1). Default: all that the
   * window can offer, so that a peer within it is never reset; 0 as Linux.
   */
  readonly lingerBytes?: number;
  /** Congestion control: RFC 9438, or RFC 5681. Default cubic. */
  readonly congestion?: 'cubic' | 'reno';
  /** Loss detection: RFC 8985 where SACK is agreed on, or RFC 6675 and RFC 6582. Default rack. */
  readonly recovery?: 'rack' | 'newreno';
}

/** All of them, checked. */
export type TcpSettings = Required<TcpConfig>;

/** RFC 7323 §2.3. */
export const MAX_WINDOW_SCALE = 14;
export const MAX_UNSCALED_WINDOW = 65_535;

const DAY_US = 86_400_000_000;

export function resolveTcpConfig(config: TcpConfig = {}): TcpSettings {
  const receiveWindowBytes = config.receiveWindowBytes ?? limits.tcp.receiveWindowBytes;
  const largest = MAX_UNSCALED_WINDOW * 2 ** MAX_WINDOW_SCALE;
  check('receiveWindowBytes', receiveWindowBytes, MAX_UNSCALED_WINDOW, largest);
  const settings: TcpSettings = {
    sack: config.sack ?? true,
    timestamps: config.timestamps ?? true,
    ecn: config.ecn ?? true,
    receiveWindowBytes,
    windowScale: config.windowScale ?? shiftFor(receiveWindowBytes),
    synCookies: config.synCookies ?? true,
    keepAliveUs: config.keepAliveUs ?? 0,
    keepAliveIntervalUs: config.keepAliveIntervalUs ?? 75_000_000,
    keepAliveProbes: config.keepAliveProbes ?? 9,
    userTimeoutUs: config.userTimeoutUs ?? 0,
    closedWindowUs: config.closedWindowUs ?? limits.tcp.closedWindowUs,
    lingerBytes: config.lingerBytes ?? receiveWindowBytes + limits.tcp.receiveQueueSlackBytes,
    congestion: config.congestion ?? 'cubic',
    recovery: config.recovery ?? 'rack',
  };
  check('windowScale', settings.windowScale, -1, MAX_WINDOW_SCALE);
  check('keepAliveUs', settings.keepAliveUs, 0, 365 * DAY_US);
  check('keepAliveIntervalUs', settings.keepAliveIntervalUs, 1, 365 * DAY_US);
  check('keepAliveProbes', settings.keepAliveProbes, 1, limits.tcp.keepAliveProbes);
  check('userTimeoutUs', settings.userTimeoutUs, 0, 365 * DAY_US);
  check('closedWindowUs', settings.closedWindowUs, 0, 365 * DAY_US);
  check('lingerBytes', settings.lingerBytes, 0, largest + limits.tcp.receiveQueueSlackBytes);
  checkName('congestion', settings.congestion, ['cubic', 'reno']);
  checkName('recovery', settings.recovery, ['rack', 'newreno']);
  return settings;
}

/** The smallest shift with which 16 bits can say `bytes`. */
function shiftFor(bytes: number): number {
  let shift = 0;
  while (MAX_UNSCALED_WINDOW * 2 ** shift < bytes) shift++;
  return shift;
}

function check(name: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`tcp.${name}: ${value} is not an integer between ${least} and ${most}`);
  }
}

/** A recording's config comes from a file: what its types promise is not certain. */
function checkName(name: string, value: string, names: readonly string[]): void {
  if (!names.includes(value)) throw new RangeError(`tcp.${name}: ${value} is none of ${names.join(', ')}`);
}
