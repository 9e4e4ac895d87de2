// The receiving half of explicit congestion notification (RFC 3168 §6.1.3): a CE mark on text is told to the peer in every
// acknowledgment until it says that it has slowed down. How we slow down is the sender's.

import { CWR, ECN_CE, type Segment } from './segment.js';

export class EcnEcho {
  readonly #enabled: boolean;
  #echoing = false;

  constructor(enabled: boolean) {
    this.#enabled = enabled;
  }

  /** ECE is to be set on what leaves. */
  get echoing(): boolean {
    return this.#echoing;
  }

  /**
   * An acceptable segment has come. True when the peer should hear of it without delay: the answer has changed, which
   * Linux acknowledges at once, too. CWR is looked at first, so that a segment with both starts the echo anew.
   */
  receive(segment: Segment): boolean {
    if (!this.#enabled) return false;
    const before = this.#echoing;
    if ((segment.flags & CWR) !== 0) this.#echoing = false;
    // §6.1.4: pure acknowledgments are not ECT, so a mark on one is somebody's mistake and means nothing.
    if (segment.ecn === ECN_CE && segment.payloadLength > 0) this.#echoing = true;
    return this.#echoing !== before;
  }
}
