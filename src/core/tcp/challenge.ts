// The rate limit of challenge ACKs (RFC 5961 §7), one for each connection: a count that connections share tells a stranger
// which of them his forged segments have hit (CVE-2016-5696).

import { limits } from '../limits.js';
import { MICROS_PER_SECOND } from '../time.js';
import type { Micros } from '../types.js';

export class ChallengeLimit {
  #sinceUs: Micros = 0;
  #sent = 0;

  /** Whether one more may be sent now; counts it. */
  allow(nowUs: Micros): boolean {
    if (nowUs - this.#sinceUs >= MICROS_PER_SECOND) {
      this.#sinceUs = nowUs;
      this.#sent = 0;
    }
    return this.#sent++ < limits.tcp.challengeAcksPerSecond;
  }
}
