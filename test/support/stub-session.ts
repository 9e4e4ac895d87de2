// A session without a protocol: it records what it gets, echoes or sends a pattern, and does planned things at planned
// times through its own deadline, as a real session would.

import type { Micros, Session, SessionState } from '../../src/core/types.js';

export interface PlannedAction {
  readonly atUs: Micros;
  /** write N, close, drain, abort, room N (stays so), grant N (used up by what is received) */
  readonly verb: string;
  readonly amount: number;
}

export interface StubOptions {
  readonly plan?: readonly PlannedAction[];
  /** Sends back what it gets. */
  readonly echo?: boolean;
  /** Bytes of the pattern to send at once; Infinity never ends. */
  readonly source?: number;
  /** Closes when the peer has ended and all is sent. */
  readonly closeAfterInput?: boolean;
  /** Closes when the source is exhausted. */
  readonly closeAfterOutput?: boolean;
  /** What `room` gives at first; the echo counts what it still holds. */
  readonly room?: number;
}

const PATTERN_PERIOD = 65_521;
const PATTERN = Uint8Array.from({ length: PATTERN_PERIOD + 65_536 }, (_, i) => {
  const n = i % PATTERN_PERIOD;
  return (n * 31 + (n >>> 8)) & 0xff;
});

/** Byte `index` of the stream that tests send in either direction. */
export function patternByte(index: number): number {
  return PATTERN[index % PATTERN_PERIOD]!;
}

/** `length` (at most 65,536) bytes of the pattern from `index` on; a view. */
export function patternBytes(index: number, length: number): Uint8Array {
  const start = index % PATTERN_PERIOD;
  return PATTERN.subarray(start, start + length);
}

export class StubSession implements Session {
  state: SessionState = 'open';
  inputEnded = false;
  /** Bytes received; when `wrong` stays -1 they were the pattern. */
  received = 0;
  /** The first received byte that is not the pattern's. */
  wrong = -1;
  /** Bytes given to `take`. */
  sent = 0;
  advancedTo: Micros[] = [];
  #toSend: number;
  #room: number;
  #granted = false;
  #closeWanted = false;
  readonly #options: StubOptions;
  #planned: PlannedAction[];

  constructor(options: StubOptions = {}) {
    this.#options = options;
    this.#toSend = options.source ?? 0;
    this.#room = options.room ?? 1 << 20;
    this.#planned = [...(options.plan ?? [])].sort((a, b) => a.atUs - b.atUs);
  }

  receive(_nowUs: Micros, bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; i++) {
      if (bytes[i] !== patternByte(this.received + i) && this.wrong < 0) this.wrong = this.received + i;
    }
    this.received += bytes.length;
    if (this.#options.echo) this.#toSend += bytes.length;
    if (this.#granted) this.#room = Math.max(0, this.#room - bytes.length);
  }

  endOfInput(): void {
    this.inputEnded = true;
    this.#closeIfDone();
  }

  take(_nowUs: Micros, maxBytes: number): Uint8Array {
    const count = Math.min(maxBytes, this.#toSend, 65_536);
    const bytes = patternBytes(this.sent, count);
    this.sent += count;
    this.#toSend -= count;
    this.#closeIfDone();
    return bytes;
  }

  room(): number {
    return this.#options.echo ? Math.max(0, this.#room - this.#toSend) : this.#room;
  }

  advance(nowUs: Micros): void {
    this.advancedTo.push(nowUs);
    while (this.#planned.length > 0 && this.#planned[0]!.atUs <= nowUs) this.#perform(this.#planned.shift()!);
  }

  nextDeadlineUs(): Micros | undefined {
    return this.#planned[0]?.atUs;
  }

  close(): void {
    this.#closeWanted = true;
    this.#closeIfDone();
  }

  #perform(action: PlannedAction): void {
    if (action.verb === 'write') this.#toSend += action.amount;
    else if (action.verb === 'room' || action.verb === 'grant') {
      this.#room = action.amount;
      this.#granted = action.verb === 'grant';
    } else if (action.verb === 'close') this.close();
    else if (action.verb === 'drain') this.state = 'draining';
    else if (action.verb === 'abort') this.state = 'aborted';
    else throw new Error(`unknown action ${action.verb}`);
  }

  #closeIfDone(): void {
    if (this.#toSend > 0 || this.state === 'aborted') return;
    const afterInput = this.#options.closeAfterInput === true && this.inputEnded;
    const afterOutput = this.#options.closeAfterOutput === true && this.sent > 0;
    if (this.#closeWanted || afterInput || afterOutput) this.state = 'closed';
  }
}
