// What both ends agreed on in their SYNs: an option is used only when both sent it (RFC 7323 §2.2 and §3.2, RFC 2018 §2,
// RFC 3168 §6.1.1). The sizes of segments follow from it (RFC 9293 §3.7.1, RFC 6691).

import { limits } from '../limits.js';
import { MAX_WINDOW_SCALE, type TcpSettings } from './config.js';
import { CWR, ECE, ECN_NOT_ECT, type Segment, TIMESTAMPS_BYTES } from './segment.js';

export interface Negotiated {
  /** Text of the largest segment to send: the smaller MSS of the two, less the timestamps that each segment carries. */
  readonly sendMss: number;
  /** The peer's windows are shifted left by this. */
  readonly sendShift: number;
  /** Ours are shifted right by this; -1 when windows are not scaled. */
  readonly receiveShift: number;
  readonly sack: boolean;
  readonly timestamps: boolean;
  readonly ecn: boolean;
}

/** RFC 9293 §3.7.1 (MUST-15): when the SYN carries no MSS option, what 576 and 1280 bytes of packet leave. */
const DEFAULT_SEND_MSS = 536;
const DEFAULT_SEND_MSS_6 = 1220;

/** `ipv6`: the family over which `syn` came. */
export function negotiate(syn: Segment, settings: TcpSettings, ownMss: number, ipv6: boolean): Negotiated {
  const scaled = syn.windowScale >= 0 && settings.windowScale >= 0;
  const timestamps = syn.hasTimestamps && settings.timestamps;
  const defaultMss = ipv6 ? DEFAULT_SEND_MSS_6 : DEFAULT_SEND_MSS;
  return {
    sendMss: effectiveSendMss(syn.mss < 0 ? defaultMss : syn.mss, ownMss, timestamps),
    // RFC 7323 §2.3: a larger shift is taken as 14.
    sendShift: scaled ? Math.min(syn.windowScale, MAX_WINDOW_SCALE) : 0,
    receiveShift: scaled ? settings.windowScale : -1,
    sack: syn.sackPermitted && settings.sack,
    timestamps,
    ecn: settings.ecn && asksForEcn(syn),
  };
}

/** Eff.snd.MSS of RFC 9293 §3.7.1. SACK blocks are sent only where a segment leaves room for them. */
export function effectiveSendMss(peerMss: number, ownMss: number, timestamps: boolean): number {
  return Math.min(Math.max(limits.tcp.minSendMss, peerMss), ownMss) - (timestamps ? TIMESTAMPS_BYTES : 0);
}

/**
 * An ECN-setup SYN (RFC 3168 §6.1.1). It must not come in an ECT packet; one that does has met something on its way that
 * sets these bits, and Linux does not trust the path with ECN then either.
 */
export function asksForEcn(syn: Segment): boolean {
  return (syn.flags & (ECE | CWR)) === (ECE | CWR) && syn.ecn === ECN_NOT_ECT;
}
