// What IP hands up, for both versions. stack.ts brings it to TCP.

import type { Micros } from '../types.js';
import type { Address } from './address.js';

export interface Upper {
  /**
   * A TCP segment in `bytes[start, end)`, its checksum not yet verified: `pseudoSum` is the sum of its pseudo-header,
   * `ecn` the codepoint of its packet (RFC 3168 §5).
   */
  segment(
    nowUs: Micros,
    remoteAddress: Address,
    bytes: Uint8Array,
    start: number,
    end: number,
    pseudoSum: number,
    ecn: number,
  ): void;
  /** An ICMP error about a TCP segment of ours; gives what came of it. */
  report(nowUs: Micros, report: ErrorReport): string;
}

export interface ErrorReport {
  readonly remoteAddress: Address;
  readonly remotePort: number;
  readonly localPort: number;
  readonly seq: number;
  /** hard and soft: RFC 1122 §4.2.3.9 and its extension to ICMPv6 in RFC 5461 §2. */
  readonly kind: 'hard' | 'soft' | 'too-big';
  /** In words: `port unreachable`. */
  readonly what: string;
  /** With too-big: what the path takes. */
  readonly mtu?: number;
}
