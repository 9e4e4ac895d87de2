// What came of one capture, as plain data, so that it can come from another thread.

export type Status =
  | 'identical'
  /** Packets differ. */
  | 'different'
  /** The packets are the same, a golden log is not. */
  | 'golden'
  /** The packets are the same, and there is no golden log where there has to be one. */
  | 'no-golden'
  /** A recording without any packet: nothing was compared. */
  | 'no-packets'
  /** All that is there is the same, but the run was cut off, and under CI a beginning is not enough. */
  | 'cut-off'
  | 'unreadable'
  /** Its golden logs cannot be written. */
  | 'unwritable'
  /** A bug of ours. */
  | 'crashed';

export interface Outcome {
  readonly file: string;
  readonly status: Status;
  readonly packets: number;
  /** Recorded length in logical time. */
  readonly durationUs: number;
  readonly complete: boolean;
  /** A person ended it. */
  readonly quit: boolean;
  readonly updated: boolean;
  /** What differs, or why it cannot be read: lines for people, the first of which says it in short. */
  readonly lines: readonly string[];
  /** What to do about it where that is the same for every capture of its kind: told once. */
  readonly advice: readonly string[];
  /** What `--update` changed. */
  readonly changes: readonly string[];
  /** Wall time, for reports only. */
  readonly milliseconds: number;
  /** The exchange up to the difference, as lines of a Mermaid sequence diagram. */
  readonly sequence: readonly string[];
}

/** Of a capture of which nothing was seen. */
export function outcomeWithout(file: string, status: Status, lines: readonly string[]): Outcome {
  return {
    file,
    status,
    packets: 0,
    durationUs: 0,
    complete: false,
    quit: false,
    updated: false,
    lines,
    advice: [],
    changes: [],
    milliseconds: 0,
    sequence: [],
  };
}

/** Why a recording is a failure of which all that is there is the same. */
export const NO_PACKETS = 'nothing was tested: it holds no packet, as nobody connected while it was recorded';
export const CUT_OFF =
  'its run was cut off, so that it holds a beginning only; with CI set that is a failure: record it again';

export function crashLines(file: string, stack: string): string[] {
  return [`internal error: ${stack}`, `this is a bug. To repeat it: wirebench replay ${file}`];
}
