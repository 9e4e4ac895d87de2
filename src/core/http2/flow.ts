// Flow control for what we receive (RFC 9113 §5.2, §6.9): the windows we granted, and when credit is given back. Credit
// follows consumption, not arrival, so that an upload nobody reads stops after one window. What we may send is two plain
// integers, kept where the sending is done (`send.ts`).

import { limits } from '../limits.js';
import type { ControlQueue } from './control.js';
import { DEFAULT_WINDOW_SIZE, MAX_WINDOW_SIZE } from './frame.js';

/** One window that we granted: of a stream or of the connection. */
export class ReceiveWindow {
  readonly #size: number;
  /** What the peer may still send; never below 0, because DATA beyond it is refused. */
  #available: number;
  /** Consumed, but not yet told to the peer. */
  #credit = 0;

  constructor(size: number) {
    this.#size = size;
    this.#available = size;
  }

  get available(): number {
    return this.#available;
  }

  /** False when the peer has sent more than it was granted; nothing is counted then. */
  receive(length: number): boolean {
    if (length > this.#available) return false;
    this.#available -= length;
    return true;
  }

  /**
   * `length` octets were consumed. Gives the increment to announce now, or 0: RFC 9113 §6.9.1 advises against small
   * increments, so half a window is gathered first.
   */
  consume(length: number): number {
    this.#credit += length;
    if (this.#credit * 2 < this.#size) return 0;
    const increment = this.#credit;
    this.#available += increment;
    this.#credit = 0;
    return increment;
  }
}

/** The receiving side of a connection: its own window, and the way by which credit gets to the peer. */
export class ReceiveFlow {
  readonly #control: ControlQueue;
  readonly #window = new ReceiveWindow(limits.http2.connectionWindowBytes);

  constructor(control: ControlQueue) {
    this.#control = control;
  }

  /** RFC 9113 §6.9.2: the connection window begins at 65,535 and can be enlarged by WINDOW_UPDATE only. */
  announce(): void {
    this.#control.windowUpdate(0, limits.http2.connectionWindowBytes - DEFAULT_WINDOW_SIZE);
  }

  /** What the peer may still send on the connection. */
  get available(): number {
    return this.#window.available;
  }

  /** Counts a whole DATA payload, padding included; false: beyond the window. */
  receive(length: number): boolean {
    return this.#window.receive(length);
  }

  consumeConnection(length: number): void {
    const increment = this.#window.consume(length);
    if (increment > 0) this.#control.windowUpdate(0, increment);
  }

  /** Credit for the stream only. */
  consumeStream(streamId: number, window: ReceiveWindow, length: number): void {
    const increment = window.consume(length);
    if (increment > 0) this.#control.windowUpdate(streamId, increment);
  }
}

/** RFC 9113 §6.9.1: no window may pass 2^31-1. Windows may be negative (§6.9.2). */
export function windowOverflows(window: number, increment: number): boolean {
  return window + increment > MAX_WINDOW_SIZE;
}
