// How far a replay of many captures is: a line on the terminal that is wiped before anything else is printed.

import type { Totals } from './reporters/reporter.js';

export class Progress {
  readonly #all: number;
  readonly #isShown: boolean;
  #isThere = false;

  /** `isWanted`: nothing else is written while a capture runs. Where standard error is no terminal nothing is shown. */
  constructor(all: number, isWanted: boolean) {
    this.#all = all;
    this.#isShown = isWanted && all > 1 && process.stderr.isTTY === true;
  }

  show(totals: Totals): void {
    if (!this.#isShown) return;
    const { captures, different, goldenDifferent, goldenMissing, withoutPackets, cutOff } = totals;
    const compared = different + goldenDifferent + goldenMissing + withoutPackets + cutOff;
    const failed = compared + totals.unreadable + totals.unwritable + totals.crashed;
    process.stderr.write(`${captures} of ${this.#all}${failed > 0 ? `, ${failed} failed` : ''}\r`);
    this.#isThere = true;
  }

  clear(): void {
    if (this.#isThere) process.stderr.write('\x1b[2K\r');
    this.#isThere = false;
  }
}
