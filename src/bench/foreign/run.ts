// What a run of a capture's input gives, whatever carried it.

import type { ForeignFlow } from './load.js';
import type { StreamImage } from './stream-image.js';

export interface Run {
  /** What was sent on each connection. */
  readonly images: Map<ForeignFlow, StreamImage>;
  /** Digests of packets that are no TCP. */
  readonly others: string[];
  /** Packets that were sent, each before the captured packet of this index. tcp mode: none. */
  readonly sent: SentPacket[];
  /** Lines of a TLS key log. */
  readonly keyLog: string[];
  /** By the flow's name in the trace: the input that its handshake was done with. */
  readonly established: Map<string, number>;
  /** Inputs whose answers left in another millisecond than they were recorded. */
  readonly wrongMs: { readonly input: number; readonly lowUs: number }[];
  /** Inputs whose answers left in the very millisecond. */
  rightMs: number;
  /** Acknowledgments that the capture lacks, without which the server would not have sent on. */
  madeUp: number;
}

/** One that has not begun. */
export function newRun(): Run {
  return {
    images: new Map(),
    others: [],
    sent: [],
    keyLog: [],
    established: new Map(),
    wrongMs: [],
    rightMs: 0,
    madeUp: 0,
  };
}

export interface SentPacket {
  readonly before: number;
  readonly atUs: number;
  readonly bytes: Uint8Array;
}

/** What a capture does not show, but its consequences: the server was told to end (`close`), or ended at once (`abort`). */
export interface RunEnd {
  readonly kind: 'close' | 'abort';
  /** Index in the capture of the first packet that came of it. */
  readonly before: number;
  readonly atUs: number;
}
