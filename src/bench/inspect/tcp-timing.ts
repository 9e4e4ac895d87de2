// Times of a TCP connection as Wireshark's fields tell them: since its first segment and the one before, round trips, which segment an
// ACK is for, and bytes in flight. Kept only when somebody asks for fields.

import { ACK, FIN, type Segment, SYN } from '../../core/tcp/segment.js';
import { seqDiff } from '../../core/tcp/seq.js';
import type { Direction } from '../../core/trace.js';
import type { FieldList } from './packet-fields.js';

/** A segment that was not acknowledged yet. */
interface Sent {
  readonly frame: number;
  readonly atNs: number;
  readonly seq: number;
  readonly nextSeq: number;
}

/** Of one direction; the oldest makes room. */
const MOST_SENT = 1_000;

export class TcpTiming {
  readonly #firstNs: number;
  #lastNs: number;
  #synNs: number | undefined;
  /** As there, 0 is none yet. */
  #initialRttNs = 0;
  readonly #sent: Record<Direction, Sent[]> = { in: [], out: [] };
  /** Segments are missing, so that what is in flight is not known. */
  readonly #unsure: Record<Direction, boolean> = { in: false, out: false };

  constructor(atNs: number) {
    this.#firstNs = atNs;
    this.#lastNs = atNs;
  }

  /** `analysis`: the names of what is remarkable about the segment. */
  put(
    list: FieldList,
    dir: Direction,
    segment: Segment,
    frame: number,
    atNs: number,
    analysis: readonly string[],
  ): void {
    const { flags, seq, ack, payloadLength } = segment;
    list.put('tcp.time_relative', (atNs - this.#firstNs) / 1e9).put('tcp.time_delta', (atNs - this.#lastNs) / 1e9);
    this.#lastNs = atNs;
    if (analysis.includes('tcp.analysis.lost_segment')) this.#unsure[dir] = true;
    if ((flags & (SYN | ACK)) === SYN) this.#synNs = atNs;
    else if ((flags & (SYN | ACK)) === ACK && this.#initialRttNs === 0 && this.#synNs !== undefined)
      this.#initialRttNs = atNs - this.#synNs;
    const before = list.fields.length;
    if ((flags & ACK) !== 0) this.#acknowledge(list, dir === 'in' ? 'out' : 'in', ack, atNs);
    const length = payloadLength + ((flags & SYN) !== 0 ? 1 : 0) + ((flags & FIN) !== 0 ? 1 : 0);
    const sent = this.#sent[dir];
    if (length > 0) {
      sent.push({ frame, atNs, seq, nextSeq: (seq + length) >>> 0 });
      if (sent.length > MOST_SENT) sent.shift();
    }
    if (payloadLength > 0 && !this.#unsure[dir]) putInFlight(list, sent, length - payloadLength);
    // Wireshark tells it where there is something else to tell.
    const isTold = list.fields.length > before || analysis.length > 0;
    if (isTold && this.#initialRttNs > 0) list.put('tcp.analysis.initial_rtt', this.#initialRttNs / 1e9);
  }

  #acknowledge(list: FieldList, dir: Direction, ack: number, atNs: number): void {
    const sent = this.#sent[dir];
    if (sent.length === 0) return;
    const acked = sent.find(({ nextSeq }) => nextSeq === ack);
    if (acked !== undefined) {
      list.put('tcp.analysis.acks_frame', acked.frame);
      if (atNs !== acked.atNs) list.put('tcp.analysis.ack_rtt', (atNs - acked.atNs) / 1e9);
    }
    this.#sent[dir] = sent.filter(({ nextSeq }) => seqDiff(nextSeq, ack) > 0);
  }
}

/** `virtual`: numbers of this segment that are of no byte. */
function putInFlight(list: FieldList, sent: readonly Sent[], virtual: number): void {
  let { seq: first, nextSeq: last } = sent[0]!;
  for (const { seq, nextSeq } of sent) {
    if (seqDiff(seq, first) < 0) first = seq;
    if (seqDiff(nextSeq, last) > 0) last = nextSeq;
  }
  list.put('tcp.analysis.bytes_in_flight', seqDiff(last, first) - virtual);
}
