// Long runs of data made short: of the lines that carry a body along (packets, segments, DATA frames) a run shows the
// first few of each layer and direction and counts the rest. A run ends with the first line of another kind. What is
// shown depends on the events and their order alone, never on how fast they came.

import type { Layer, TraceEvent } from '../core/trace.js';
import { counted, grouped } from './text.js';

/** Lines of one layer and direction that a run shows before it counts. */
export const SHOWN_OF_A_RUN = 4;

/** The kinds of lines that fold, in the order in which their counts are told. */
const SLOTS: readonly { readonly layer: Layer; readonly marker: string; readonly noun: string }[] = [
  { layer: 'ip', marker: 'RCV ', noun: 'packet' },
  { layer: 'ip', marker: 'SND ', noun: 'packet' },
  { layer: 'tcp', marker: 'RCV ', noun: 'segment' },
  { layer: 'tcp', marker: 'SND ', noun: 'segment' },
  { layer: 'http1', marker: '', noun: 'body part' },
  { layer: 'http1', marker: 'SND ', noun: 'body part' },
  { layer: 'http2', marker: '', noun: 'DATA frame' },
  { layer: 'http2', marker: 'SND ', noun: 'DATA frame' },
];
const IP_SLOT = 0;
const TCP_SLOT = 2;
const HTTP1_SLOT = 4;
const HTTP2_SLOT = 6;

const FIN_SYN_RST = 0x07;
const TCP_PROTOCOL = 6;
const END_STREAM = 0x01;

/** Which kind of folding line the event is; -1 when it never folds. The end of a body and every flag but ACK and PSH stand out. */
export function foldSlot(event: TraceEvent): number {
  if (event.layer === 'ip' && event.kind === 'packet' && event.protocol === TCP_PROTOCOL) {
    return IP_SLOT + (event.dir === 'in' ? 0 : 1);
  }
  if (event.layer === 'tcp' && event.kind === 'segment' && (event.flags & FIN_SYN_RST) === 0) {
    return TCP_SLOT + (event.dir === 'in' ? 0 : 1);
  }
  if (event.layer === 'http1' && event.kind === 'body' && !event.end) {
    return HTTP1_SLOT + (event.dir === 'in' ? 0 : 1);
  }
  if (event.layer === 'http2' && event.kind === 'frame' && event.type === 'DATA' && (event.flags & END_STREAM) === 0) {
    return HTTP2_SLOT + (event.dir === 'in' ? 0 : 1);
  }
  return -1;
}

export interface FoldedLine {
  readonly layer: Layer;
  /** `SND ... 312 more segments, 455,520 bytes` */
  readonly text: string;
}

export class FoldRun {
  readonly #seen = new Float64Array(SLOTS.length);
  readonly #hiddenBytes = new Float64Array(SLOTS.length);

  /** Takes the next line of the run: true when it is to be shown, false when it was counted. */
  add(slot: number, bytes: number): boolean {
    const seen = this.#seen[slot]! + 1;
    this.#seen[slot] = seen;
    if (seen <= SHOWN_OF_A_RUN) return true;
    this.#hiddenBytes[slot] = this.#hiddenBytes[slot]! + bytes;
    return false;
  }

  /** Ends the run: a line for each kind of which something was counted. */
  end(): FoldedLine[] {
    const lines: FoldedLine[] = [];
    SLOTS.forEach(({ layer, marker, noun }, slot) => {
      const hidden = this.#seen[slot]! - SHOWN_OF_A_RUN;
      if (hidden <= 0) return;
      const bytes = this.#hiddenBytes[slot]!;
      lines.push({
        layer,
        text: `${marker}... ${counted(hidden, `more ${noun}`)}, ${grouped(bytes)} byte${bytes === 1 ? '' : 's'}`,
      });
    });
    this.#seen.fill(0);
    this.#hiddenBytes.fill(0);
    return lines;
  }
}
