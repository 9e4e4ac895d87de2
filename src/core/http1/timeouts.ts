// How long a peer may keep us waiting: for the next request, for the rest of a header section, for content (RFC 9112 §9.5,
// RFC 9110 §15.5.9). Times are logical. A peer is charged only while nothing but its bytes is missing.

import { limits } from '../limits.js';
import type { Micros } from '../types.js';

/** What is waited for; `nothing`: we are the ones who have something to do. */
export type Wait = 'nothing' | 'request' | 'head' | 'content';

const NEVER = Number.POSITIVE_INFINITY;

export class Timeouts {
  /** When patience ends; infinite while nothing is waited for. */
  deadlineUs = NEVER;
  wait: Wait = 'nothing';
  #sinceUs = 0;
  /** Of the content under way: what earlier waits have taken. */
  #contentWaitedUs = 0;

  /** The content of another request begins. */
  beginContent(): void {
    this.#contentWaitedUs = 0;
  }

  /** The peer's next bytes are `wait`; called after every event, and only a change of what is waited for starts a clock. */
  expect(nowUs: Micros, wait: Wait, receivedBytes: number): void {
    if (wait === this.wait) return;
    this.stop(nowUs);
    if (wait === 'nothing') return;
    this.wait = wait;
    this.#sinceUs = nowUs;
    this.deadlineUs = nowUs + this.#patienceUs(wait, receivedBytes);
  }

  /** Something came, or nothing more is wanted. */
  stop(nowUs: Micros): void {
    if (this.wait === 'content') this.#contentWaitedUs += nowUs - this.#sinceUs;
    this.wait = 'nothing';
    this.deadlineUs = NEVER;
  }

  /** At least 1, so that a deadline is later than the time it was set at. */
  #patienceUs(wait: Wait, receivedBytes: number): Micros {
    const { idleUs, headUs, contentUs, contentByteUs } = limits.http1;
    if (wait === 'request') return idleUs;
    if (wait === 'head') return headUs;
    // What came earns more time, so that a slow line is served and a dribble is not.
    return Math.max(1, contentUs + receivedBytes * contentByteUs - this.#contentWaitedUs);
  }
}
