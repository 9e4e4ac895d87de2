// Was the retransmission needed? Three ways to find out: Eifel (RFC 3522) by the echoed timestamp, F-RTO (RFC 5682) by
// what is acknowledged after a timeout where there are no timestamps, and D-SACK (RFC 2883, RFC 3708) for each segment
// sent again. What follows from the answer (RFC 4015, RFC 9438 §4.9) is in recovery.ts and congestion.ts.

import type { Micros } from '../types.js';
import type { Delivery } from './delivery.js';
import { seqDiff, seqGt, seqGte } from './seq.js';

/** wait: for the first ACK after the timeout; new-data: two new segments may leave; judge: the next ACK decides. */
type ForwardRto = 'off' | 'wait' | 'new-data' | 'judge';

export class SpuriousDetection {
  /** Eifel: when the first retransmission of this episode left; -1: none, or it has been judged. */
  #retransmitUs: Micros = -1;
  #frto: ForwardRto = 'off';
  /** F-RTO: the highest sent when the first ACK came, and the end of what the timeout sent again. */
  #recover = 0;
  #retransmittedEnd = 0;
  /** D-SACK: segments sent again that were not yet told to be duplicates; -1: not counting. */
  #unneeded = -1;

  /** Loss recovery begins. */
  begin(): void {
    this.#retransmitUs = -1;
    this.#frto = 'off';
    this.#unneeded = 0;
  }

  /** A segment that ends at `end` is sent again. Tail loss probes do not come here: they reduce nothing. */
  retransmitted(nowUs: Micros, end: number): void {
    if (this.#unneeded < 0) return;
    if (this.#unneeded++ === 0) {
      this.#retransmitUs = nowUs;
      this.#retransmittedEnd = end;
    }
  }

  // ---- Eifel ----

  /** RFC 3522 §3.2 steps 4 and 5, for the first ACK that advances: it echoes what was sent before the retransmission. */
  eifel(echoUs: Micros): boolean {
    if (this.#retransmitUs < 0) return false;
    const spurious = echoUs < this.#retransmitUs;
    this.#retransmitUs = -1;
    return spurious;
  }

  // ---- F-RTO ----

  /** RFC 5682 step 1: the timer expired, and no recovery was under way. */
  beginForwardRto(): void {
    this.#frto = 'wait';
  }

  endForwardRto(): void {
    this.#frto = 'off';
  }

  get forwardRto(): boolean {
    return this.#frto !== 'off';
  }

  /** Lost segments are not sent again as long as the timeout may be spurious. */
  get holding(): boolean {
    return this.#frto === 'new-data' || this.#frto === 'judge';
  }

  /** RFC 5682 step 2b: up to two new segments are due now. */
  get wantsNewData(): boolean {
    return this.#frto === 'new-data';
  }

  /** How many of the two have left: without any the algorithm ends. */
  newDataSent(segments: number): void {
    this.#frto = segments > 0 ? 'judge' : 'off';
  }

  /**
   * Steps 2 and 3, the basic algorithm (§2.1) or with SACK (§3.1). `spurious`: the timeout was; `slow`: it was not, and
   * cwnd is to be three segments at most; `off`: it was not; `wait`: not known yet.
   */
  forwardRtoAck(
    from: number,
    una: number,
    nxt: number,
    delivery: Delivery,
    duplicate: boolean,
    sack: boolean,
    fack: number,
  ): 'spurious' | 'slow' | 'off' | 'wait' {
    const advances = una !== from;
    if (this.#frto === 'wait') {
      if (!advances) {
        // §3.1 step 2 waits on; §2.1 step 2a does not.
        if (sack || !duplicate) return 'wait';
        return this.#end('off');
      }
      this.#recover = nxt;
      const all = seqGte(una, nxt) || (!sack && seqDiff(una, this.#retransmittedEnd) < 0);
      if (all) return this.#end('off');
      this.#frto = 'new-data';
      return 'wait';
    }
    if (this.#frto !== 'judge') return 'wait';
    if (!sack) {
      if (advances) return this.#end('spurious');
      return duplicate ? this.#end('slow') : 'wait';
    }
    if (!advances && delivery.bytes === 0) return duplicate ? this.#end('slow') : 'wait';
    if (seqGt(una, this.#recover) || seqGt(fack, this.#recover)) return this.#end('slow');
    return this.#end(delivery.original ? 'spurious' : 'slow');
  }

  #end(verdict: 'spurious' | 'slow' | 'off'): 'spurious' | 'slow' | 'off' {
    this.#frto = 'off';
    return verdict;
  }

  // ---- D-SACK ----

  /** The receiver got `segments` twice; true: every retransmission of this episode was needless. */
  duplicates(segments: number): boolean {
    if (this.#unneeded <= 0) return false;
    this.#unneeded = Math.max(0, this.#unneeded - segments);
    if (this.#unneeded > 0) return false;
    this.#unneeded = -1;
    return true;
  }
}
