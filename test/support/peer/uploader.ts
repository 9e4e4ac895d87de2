// The sending half of the peer: a window, slow start and halving, SACK-aware repair of holes, a retransmission timer with
// backoff, and probes of a closed window. Positions: 0 is the SYN, 1 to `upload` the data, `upload` + 1 the FIN.

import type { Micros } from '../../../src/core/types.js';
import { Ranges } from './ranges.js';

const NEVER = Number.POSITIVE_INFINITY;
const FIRST_RTO_US = 400_000;
const LEAST_RTO_US = 200_000;
const LARGEST_RTO_US = 5_000_000;

export interface UploadOut {
  /** Sends `length` bytes from `position` on, with FIN when `fin`. */
  send(position: number, length: number, fin: boolean): void;
}

export class Uploader {
  una = 0;
  nxt = 1;
  max = 1;
  wnd = 0;
  mss: number;
  /** No more than the data and the FIN: the latter only when this is set. */
  mayFinish = false;
  rtoAtUs: Micros = NEVER;
  readonly #upload: number;
  readonly #sacked = new Ranges();
  #cwnd: number;
  #ssthresh = 1 << 30;
  #duplicates = 0;
  /** In recovery until this is acknowledged; -1: not. */
  #recover = -1;
  #repairFrom = 0;
  #rtoUs = FIRST_RTO_US;
  #timedAtUs = -1;
  #timedEnd = 0;

  constructor(upload: number, mss: number) {
    this.#upload = upload;
    this.mss = mss;
    this.#cwnd = 10 * mss;
  }

  /** The FIN and everything before it are acknowledged. */
  get done(): boolean {
    return this.una === this.#upload + 2;
  }

  /** Where a segment without text stands: the newest, but inside the server's window, as in Linux. */
  get ackPosition(): number {
    return Math.min(this.max, this.una + this.wnd);
  }

  arm(nowUs: Micros): void {
    this.rtoAtUs = nowUs + this.#rtoUs;
  }

  /** `sacked` holds the positions [left, right) of SACK blocks above `ack`. `duplicate`: as RFC 5681 §2 has it. */
  acknowledge(nowUs: Micros, ack: number, wnd: number, sacked: readonly number[], duplicate: boolean): void {
    for (let i = 0; i < sacked.length; i += 2) this.#sacked.add(sacked[i]!, sacked[i + 1]!);
    if (ack > this.una) {
      const acked = ack - this.una;
      this.una = ack;
      this.nxt = Math.max(this.nxt, ack);
      this.#sacked.advance(ack);
      this.#duplicates = 0;
      if (this.#timedAtUs >= 0 && ack >= this.#timedEnd) {
        this.#rtoUs = Math.max(LEAST_RTO_US, 3 * (nowUs - this.#timedAtUs));
        this.#timedAtUs = -1;
      }
      if (this.#recover >= 0 && ack > this.#recover) {
        this.#recover = -1;
        this.#cwnd = this.#ssthresh;
      }
      if (this.#recover < 0) {
        this.#cwnd +=
          this.#cwnd < this.#ssthresh ? Math.min(acked, 2 * this.mss) : Math.ceil(this.mss ** 2 / this.#cwnd);
      }
      this.arm(nowUs);
    } else if (ack === this.una && duplicate) {
      this.#duplicates++;
      if (this.#duplicates === 3 && this.#recover < 0) {
        this.#recover = this.max;
        this.#repairFrom = this.una;
        this.#ssthresh = Math.max(2 * this.mss, (this.nxt - this.una) >>> 1);
        this.#cwnd = this.#ssthresh;
      }
    }
    if (ack >= this.una) this.wnd = wnd;
  }

  /** Repairs and sends what windows allow, and keeps the timer. */
  send(nowUs: Micros, out: UploadOut): void {
    if (this.#recover >= 0) this.#repair(out);
    const end = this.#upload + 1;
    const room = this.una + Math.min(this.wnd, this.#cwnd + this.mss * Math.min(2, this.#duplicates));
    while (this.nxt < end) {
      // What the server has already is not sent again on the way back from a timeout.
      if (this.nxt < this.max) this.nxt = Math.min(end, this.#sacked.firstMissing(this.nxt));
      const length = Math.min(this.mss, end - this.nxt, room - this.nxt);
      if (length <= 0) break;
      this.#emit(nowUs, out, this.nxt, length);
    }
    if (this.mayFinish && this.nxt === end) {
      out.send(end, 0, true);
      this.nxt = end + 1;
      this.max = Math.max(this.max, this.nxt);
    }
    if (this.una < this.max || this.nxt < end) {
      if (this.rtoAtUs === NEVER) this.arm(nowUs);
    } else this.rtoAtUs = NEVER;
  }

  timeout(nowUs: Micros, out: UploadOut): void {
    this.#rtoUs = Math.min(LARGEST_RTO_US, this.#rtoUs * 2);
    this.rtoAtUs = nowUs + this.#rtoUs;
    this.#timedAtUs = -1;
    if (this.una < this.max) {
      // RFC 2018 §8: after a timeout, SACK information is not trusted any more.
      this.#sacked.clear();
      this.#ssthresh = Math.max(2 * this.mss, (this.max - this.una) >>> 1);
      this.#cwnd = this.mss;
      this.#recover = -1;
      this.#duplicates = 0;
      this.nxt = this.una;
    }
    if (this.wnd === 0 && this.una <= this.#upload) {
      // A probe of a closed window: one byte.
      this.#emit(nowUs, out, this.una, 1);
    } else this.send(nowUs, out);
  }

  /** In recovery each acknowledgment repairs one hole below the highest that was sacked. */
  #repair(out: UploadOut): void {
    const from = this.#sacked.firstMissing(Math.max(this.#repairFrom, this.una));
    const until = this.#sacked.nextStart(from, from === this.una ? this.max : -1);
    if (until < 0 || from > this.#upload || from >= this.#recover) return;
    const length = Math.min(this.mss, until - from, this.#upload + 1 - from);
    if (length <= 0) return;
    this.#timedAtUs = -1;
    out.send(from, length, false);
    this.#repairFrom = from + length;
  }

  #emit(nowUs: Micros, out: UploadOut, position: number, length: number): void {
    if (position + length > this.max) {
      if (this.#timedAtUs < 0) {
        this.#timedAtUs = nowUs;
        this.#timedEnd = position + length;
      }
    } else this.#timedAtUs = -1;
    out.send(position, length, false);
    this.nxt = Math.max(this.nxt, position + length);
    this.max = Math.max(this.max, position + length);
  }
}
