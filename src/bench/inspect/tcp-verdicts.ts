// What a segment's numbers say about the network and the capture: retransmissions, losses, windows, probes. The rules are those
// that Wireshark's users know; how long a gap in time may be for each is a matter of judgement there and here.

import { ACK, FIN, RST, type Segment, SYN } from '../../core/tcp/segment.js';
import { seqDiff } from '../../core/tcp/seq.js';
import type { TcpHalf } from './tcp-half.js';
import type { Verdict } from './types.js';

/** Within this a segment that comes late was overtaken on its way rather than sent again. */
const REORDERING_NS = 3_000_000;
/** A segment that follows two duplicate ACKs within this was sent because of them. */
const FAST_RETRANSMIT_NS = 20_000_000;

const note = (code: string, text: string): Verdict => ({ severity: 'note', layer: 'tcp', code, text });
const warning = (code: string, text: string): Verdict => ({ severity: 'warning', layer: 'tcp', code, text });

export const VERDICTS = {
  zeroWindowProbe: note('zero-window-probe', 'probes a closed window (RFC 9293 §3.8.6.1)'),
  zeroWindowProbeAck: note('zero-window-probe-ack', 'answers a probe of its closed window'),
  zeroWindow: warning('zero-window', 'its window is closed: the peer may send nothing'),
  windowFull: note('window-full', 'fills the window of the peer'),
  windowUpdate: note('window-update', 'opens its window'),
  keepAlive: note('keep-alive', 'keep-alive (RFC 9293 §3.8.4)'),
  keepAliveAck: note('keep-alive-ack', 'answers a keep-alive'),
  lostSegment: warning('previous-segment-lost', 'what comes before it is not in the capture'),
  ackedUnseen: warning('acked-unseen', 'acknowledges what is not in the capture'),
  retransmission: note('retransmission', 'retransmission'),
  fastRetransmission: note('fast-retransmission', 'fast retransmission, after duplicate ACKs (RFC 5681 §3.2)'),
  spurious: note('spurious-retransmission', 'sent again although it was acknowledged'),
  outOfOrder: note('out-of-order', 'overtaken on its way'),
  refused: warning('connection-refused', 'the connection is refused'),
  portReused: note('port-reused', 'a new connection on the ports of an old one'),
  synFin: {
    severity: 'error',
    layer: 'tcp',
    code: 'syn-fin',
    text: 'SYN and FIN together',
    rule: 'RFC 9293 §3.10.7.2',
  },
} as const satisfies Record<string, Verdict>;

export function duplicateAck(count: number): Verdict {
  return note('duplicate-ack', `duplicate ACK ${count}`);
}

/** Judges `segment`, which `own` sends and `peer` gets, and takes it into `own`'s numbers. `found` gets what is to be said. */
export function judge(own: TcpHalf, peer: TcpHalf, segment: Segment, atNs: number, found: Verdict[]): void {
  const { seq, ack, flags, payloadLength, window } = segment;
  const hasAck = (flags & ACK) !== 0;
  const length = payloadLength + ((flags & (SYN | FIN)) !== 0 ? 1 : 0);
  const isPlain = (flags & (SYN | FIN | RST)) === 0;
  const { nextSeq, lastAck } = own;
  const sameAck = nextSeq !== undefined && seq === nextSeq && ack === lastAck;
  let isProbe = false;

  if (payloadLength === 1 && isPlain && seq === nextSeq && peer.window === 0 && peer.lastAck !== undefined) {
    found.push(VERDICTS.zeroWindowProbe);
    isProbe = true;
  }
  if (window === 0 && isPlain) found.push(VERDICTS.zeroWindow);
  const isKeepAlive =
    payloadLength <= 1 && isPlain && nextSeq !== undefined && seqDiff(nextSeq, seq) === 1 && peer.lastAck === nextSeq;
  if (isKeepAlive) {
    found.push(VERDICTS.keepAlive);
    isProbe = true;
  } else if (nextSeq !== undefined && seqDiff(seq, nextSeq) > 0 && (flags & (RST | SYN)) === 0) {
    found.push(VERDICTS.lostSegment);
  }
  const knowsWindow = peer.windowShift >= 0 || (own.sawSyn && peer.sawSyn);
  if (payloadLength > 0 && isPlain && peer.lastAck !== undefined && knowsWindow) {
    const edge = (peer.lastAck + peer.windowBytes) >>> 0;
    if ((seq + payloadLength) >>> 0 === edge) found.push(VERDICTS.windowFull);
  }
  if (payloadLength === 0 && isPlain && hasAck && sameAck) {
    if (window !== own.window && window !== 0) found.push(VERDICTS.windowUpdate);
    else if (window === own.window && peer.lastWasProbe) {
      found.push(window === 0 ? VERDICTS.zeroWindowProbeAck : VERDICTS.keepAliveAck);
    } else if (window === own.window && window !== 0 && peer.nextSeq !== undefined && seqDiff(peer.nextSeq, ack) > 0) {
      found.push(duplicateAck(++own.dupAcks));
    }
  }
  if (ack !== lastAck) own.dupAcks = 0;
  if (hasAck && peer.nextSeq !== undefined && seqDiff(ack, peer.nextSeq) > 0 && (flags & RST) === 0) {
    found.push(VERDICTS.ackedUnseen);
  }
  if (length > 0 && !isProbe && nextSeq !== undefined && seqDiff(seq, nextSeq) < 0 && (flags & RST) === 0) {
    found.push(repeated(own, peer, segment, length, atNs));
  }

  if (hasAck) {
    own.lastAck = ack;
    own.maxAcked = ack;
  }
  own.window = window;
  // RFC 7323 §2.2: that of a SYN is not scaled.
  own.windowBytes = (flags & SYN) !== 0 ? window : window * 2 ** Math.max(0, own.windowShift);
  own.lastWasProbe = isProbe;
  own.lastSegmentNs = atNs;
  const end = (seq + length) >>> 0;
  // A probe's byte does not count before it is accepted.
  if (!isProbe && (own.nextSeq === undefined || seqDiff(end, own.nextSeq) > 0)) own.nextSeq = end;
}

function repeated(own: TcpHalf, peer: TcpHalf, segment: Segment, length: number, atNs: number): Verdict {
  const { lastAck } = peer;
  if (lastAck !== undefined && seqDiff((segment.seq + length) >>> 0, lastAck) <= 0) return VERDICTS.spurious;
  if (peer.dupAcks >= 2 && segment.seq === lastAck && atNs - peer.lastSegmentNs < FAST_RETRANSMIT_NS) {
    return VERDICTS.fastRetransmission;
  }
  if (own.hasHole && atNs - own.lastSegmentNs < REORDERING_NS) return VERDICTS.outOfOrder;
  return VERDICTS.retransmission;
}
