// The trace of a sender as events: every retransmission with its reason, and how the congestion window stands. The
// window and the reasons are made in recovery.ts; nothing is built without a trace.

import type { Trace } from '../trace.js';
import type { Micros } from '../types.js';
import type { CongestionReason } from './recovery.js';
import type { RetransmitReason, Sender } from './send.js';

export function reportRetransmit(
  trace: Trace,
  nowUs: Micros,
  flow: string,
  sender: Sender,
  reason: RetransmitReason,
  seq: number,
  length: number,
): void {
  const { cwnd, ssthresh } = sender.congestion;
  const { rtoUs } = sender.rtt;
  trace(nowUs, {
    layer: 'tcp',
    kind: 'retransmit',
    severity: 'warning',
    flow,
    reason,
    seq,
    length,
    rtoUs,
    cwnd,
    ssthresh,
  });
}

export function reportCongestion(
  trace: Trace,
  nowUs: Micros,
  flow: string,
  sender: Sender,
  reason: CongestionReason,
): void {
  const { congestion, rtt } = sender;
  trace(nowUs, {
    layer: 'tcp',
    kind: 'congestion',
    flow,
    state: sender.recovery.state,
    reason,
    cwnd: congestion.cwnd,
    ssthresh: congestion.ssthresh,
    flight: sender.inFlight,
    srttUs: rtt.srttUs,
    rttvarUs: rtt.rttvarUs,
    rtoUs: rtt.rtoUs,
    window: sender.wnd,
  });
}
