// What ICMP says of the path of one connection: its MTU (RFC 1191, RFC 8201) and errors that explain a timeout (RFC 1122
// §4.2.3.9), taken with the care of RFC 5927. Which message quotes which connection is found in stack.ts and endpoint.ts.

import type { Micros } from '../types.js';
import type { PathMss, TransportError, TransportVerdict } from './output.js';
import type { SegmentWriter, Sender } from './send.js';
import { seqLt } from './seq.js';

const NEVER = Number.POSITIVE_INFINITY;

export class Path {
  /** The largest segment text that both ends take; the path may carry less until `#narrowUntilUs`. */
  readonly #peerMss: number;
  /** Of the options that each segment carries. */
  readonly #optionBytes: number;
  #narrowUntilUs: Micros;
  #softError: string | undefined;

  /** `known`: what earlier connections learned of the path. `peerMss` is what remains beside `optionBytes`. */
  constructor(peerMss: number, known: PathMss | undefined, optionBytes: number) {
    this.#peerMss = peerMss;
    this.#optionBytes = optionBytes;
    this.#narrowUntilUs = known?.untilUs ?? NEVER;
  }

  /** What came of an error that quotes a segment of this connection. After `connection ended` the caller ends it. */
  icmpError(nowUs: Micros, error: TransportError, sender: Sender, out: SegmentWriter): TransportVerdict {
    // RFC 5927 §4.1: believed only about what is in flight, which nobody off the path knows.
    if (seqLt(error.seq, sender.una) || !seqLt(error.seq, sender.max)) return 'ignored: sequence number not in flight';
    if (error.kind === 'too-big') {
      // RFC 5927 §7: such a message only ever lowers the MTU. We act at once, as Linux does, and not after a timeout as
      // §7.2 has it: who guesses a number in flight can make segments smaller, down to a floor, for ten minutes.
      const { path } = error;
      if (path === undefined || path.mss - this.#optionBytes >= sender.mss)
        return 'ignored: no larger segments are sent';
      this.#narrowUntilUs = path.untilUs;
      sender.setMss(path.mss - this.#optionBytes);
      sender.resendForPath(nowUs, out);
      return 'path MTU taken';
    }
    // RFC 5927 §5.2: a synchronized connection outlives hard errors; of others see syn-received.ts.
    this.#softError = error.what;
    return 'noted: the connection goes on';
  }

  /** Before sending: RFC 1191 §6.3 forgets a narrow path after a while, or a wider one would never be found. */
  refresh(nowUs: Micros, sender: Sender): void {
    if (nowUs < this.#narrowUntilUs) return;
    this.#narrowUntilUs = NEVER;
    sender.setMss(this.#peerMss);
  }

  /** New data is acknowledged: what ICMP said before is over, as for Linux (sk_err_soft). */
  works(): void {
    this.#softError = undefined;
  }

  /** A reason to give up, with what ICMP had said. */
  explain(reason: string): string {
    return this.#softError === undefined ? reason : `${reason}; ICMP said: ${this.#softError}`;
  }
}
