// Whether the peer is still there: keep-alive probes (RFC 9293 §3.8.4) and the user timeout (§3.10.8; RFC 5482 §2 says what
// waits). Timers are looked at when they fire and not moved with each segment.

import type { TimerTable } from '../time.js';
import type { Micros } from '../types.js';
import type { TcpSettings } from './config.js';
import { type Sender, TIMER_KEEP_ALIVE, TIMER_USER } from './send.js';

export class Liveness {
  readonly #settings: TcpSettings;
  readonly #timers: TimerTable;
  #heardUs: Micros;
  #probes = 0;
  /** SND.UNA when the user timeout was armed. */
  #una = 0;
  /** SND.UNA when a closed window was first probed there, and when that was. */
  #stalledAt: number | undefined;
  #stalledUs: Micros = 0;

  /** The connection is established now. */
  constructor(nowUs: Micros, settings: TcpSettings, timers: TimerTable) {
    this.#settings = settings;
    this.#timers = timers;
    this.#heardUs = nowUs;
    if (settings.keepAliveUs > 0) timers.set(TIMER_KEEP_ALIVE, nowUs + settings.keepAliveUs);
  }

  /** An acceptable segment has come. */
  heard(nowUs: Micros): void {
    this.#heardUs = nowUs;
    this.#probes = 0;
  }

  /** The keep-alive timer has expired. */
  keepAliveTimeout(nowUs: Micros, sender: Sender): 'wait' | 'probe' | 'dead' {
    const { keepAliveUs, keepAliveIntervalUs, keepAliveProbes } = this.#settings;
    const dueUs = this.#heardUs + keepAliveUs;
    if (this.#probes === 0 && nowUs < dueUs) {
      this.#timers.set(TIMER_KEEP_ALIVE, dueUs);
      return 'wait';
    }
    // MUST-26: not while data is out, whose retransmissions find out by themselves.
    if (sender.una !== sender.max || sender.queue.length > 0) {
      this.#probes = 0;
      this.#timers.set(TIMER_KEEP_ALIVE, nowUs + keepAliveUs);
      return 'wait';
    }
    if (this.#probes >= keepAliveProbes) return 'dead';
    this.#probes++;
    this.#timers.set(TIMER_KEEP_ALIVE, nowUs + keepAliveIntervalUs);
    return 'probe';
  }

  /**
   * The persist timer has expired. Whether the window has been closed for too long without an octet taken: otherwise a peer
   * could hold the connection, and what waits in it, for as long as it answers probes.
   */
  isStalled(nowUs: Micros, sender: Sender): boolean {
    if (sender.wnd > 0) return false;
    if (this.#stalledAt !== sender.una) {
      this.#stalledAt = sender.una;
      this.#stalledUs = nowUs;
    }
    const { closedWindowUs } = this.#settings;
    return closedWindowUs > 0 && nowUs - this.#stalledUs >= closedWindowUs;
  }

  /** After every event: the user timeout runs while something waits for its acknowledgment, anew from each one. */
  watch(nowUs: Micros, sender: Sender): void {
    const { userTimeoutUs } = this.#settings;
    if (userTimeoutUs === 0) return;
    if (sender.queue.length === 0 && (!sender.finQueued || sender.finAcknowledged)) this.#timers.clear(TIMER_USER);
    else if (!this.#timers.isSet(TIMER_USER) || this.#una !== sender.una) {
      this.#una = sender.una;
      this.#timers.set(TIMER_USER, nowUs + userTimeoutUs);
    }
  }
}
