// What every segment of a connection carries beside its text: acknowledgment, window, ECE and ECT, timestamps and SACK
// blocks. When segments leave is decided in connection.ts and send.ts, their bytes are written by output.ts.

import type { Micros } from '../types.js';
import type { EcnEcho } from './ecn.js';
import { type ConnectionConfig, emptyOptions, type SegmentOptions, writeReset, writeSegment } from './output.js';
import type { Receiver } from './receive.js';
import { ACK, ECE, ECN_ECT0, ECN_NOT_ECT, MAX_SACK_BLOCKS } from './segment.js';
import type { Sender } from './send.js';
import { seqGte } from './seq.js';
import type { Timestamps } from './timestamps.js';

export class Transmitter {
  readonly #config: ConnectionConfig;
  readonly #receiver: Receiver;
  readonly #sender: Sender;
  readonly #timestamps: Timestamps;
  readonly #ecn: boolean;
  readonly #ecnEcho: EcnEcho;
  readonly #options: SegmentOptions;

  constructor(
    config: ConnectionConfig,
    receiver: Receiver,
    sender: Sender,
    timestamps: Timestamps,
    ecn: boolean,
    ecnEcho: EcnEcho,
  ) {
    this.#config = config;
    this.#receiver = receiver;
    this.#sender = sender;
    this.#timestamps = timestamps;
    this.#ecn = ecn;
    this.#ecnEcho = ecnEcho;
    this.#options = emptyOptions(timestamps.enabled);
  }

  /** As SegmentWriter has it. False when the segment had no room for the SACK blocks that are to be said. */
  write(nowUs: Micros, seq: number, distance: number, length: number, flags: number): boolean {
    const receiver = this.#receiver;
    const sender = this.#sender;
    const { sack } = receiver;
    const ack = receiver.nxt;
    const window = receiver.advertise();
    const options = this.#options;
    const toSay = sack?.pending === true;
    options.sackBlocks = toSay ? sack.collect(options.sackEdges, this.#sackRoom(length)) : 0;
    // RFC 3168 §6.1.2, §6.1.4 to §6.1.6: ECT on new text only, not on retransmissions, acknowledgments and window probes.
    const ect = this.#ecn && length > 0 && sender.wnd > 0 && seqGte(seq, sender.max);
    const ecn = ect ? ECN_ECT0 : ECN_NOT_ECT;
    const allFlags = ACK | flags | (this.#ecnEcho.echoing ? ECE : 0);
    this.#stamp(nowUs);
    const { queue } = sender;
    writeSegment(nowUs, this.#config, options, seq, ack, allFlags, window, queue, distance, length, ecn);
    this.#timestamps.lastAckSent = ack;
    return !toSay || options.sackBlocks > 0;
  }

  reset(nowUs: Micros, seq: number): void {
    this.#stamp(nowUs);
    writeReset(nowUs, this.#config, this.#options, seq);
  }

  /** How many SACK blocks fit beside `length` bytes of text: options and text together are no more than an MSS. */
  #sackRoom(length: number): number {
    const most = this.#timestamps.enabled ? MAX_SACK_BLOCKS - 1 : MAX_SACK_BLOCKS;
    return Math.max(0, Math.min(most, (this.#sender.mss - length - 4) >> 3));
  }

  #stamp(nowUs: Micros): void {
    this.#options.tsVal = this.#timestamps.value(nowUs);
    this.#options.tsEcr = this.#timestamps.echo;
  }
}
