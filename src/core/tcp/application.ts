// Between the session and the two halves of a connection: feeding it, asking it for bytes, and its timer. Which states
// allow that, and what follows from its end, is decided in connection.ts.

import { limits } from '../limits.js';
import type { TimerTable } from '../time.js';
import type { Micros, Session } from '../types.js';
import type { Receiver } from './receive.js';
import { type Sender, TIMER_SESSION } from './send.js';

export class Application {
  readonly session: Session;
  readonly #receiver: Receiver;
  readonly #sender: Sender;
  readonly #timers: TimerTable;
  #endOfInputTold = false;

  constructor(session: Session, receiver: Receiver, sender: Sender, timers: TimerTable) {
    this.session = session;
    this.#receiver = receiver;
    this.#sender = sender;
    this.#timers = timers;
  }

  /** Feeds and empties the session until it has nothing more to do now; its state says what is to follow. */
  serve(nowUs: Micros): void {
    const receiver = this.#receiver;
    const sender = this.#sender;
    const { session } = this;
    for (;;) {
      receiver.feed(nowUs, session);
      if (receiver.finished && receiver.queue.length === 0 && !this.#endOfInputTold) {
        this.#endOfInputTold = true;
        session.endOfInput(nowUs);
      }
      while (sender.wantsMore) {
        const bytes = session.take(nowUs, limits.tcp.takeBytes);
        if (bytes.length === 0) break;
        sender.queue.push(bytes);
      }
      // Taking may have made room, and being given bytes may have made something due at once.
      if (this.#advanceIfDue(nowUs)) continue;
      if (receiver.queue.length === 0 || receiver.discarding || session.room() <= 0) break;
    }
    // A session that drains has said that it wants no input; one that is closed at once has left it unread.
    if (session.state !== 'open' && !receiver.discarding) receiver.discard(session.state === 'closed');
  }

  /** Arms the session's timer. A deadline that is not in the future is served now; it must then lie in the future. */
  #advanceIfDue(nowUs: Micros): boolean {
    const { session } = this;
    const deadlineUs = session.nextDeadlineUs();
    if (deadlineUs === undefined) this.#timers.clear(TIMER_SESSION);
    else if (deadlineUs > nowUs) this.#timers.set(TIMER_SESSION, deadlineUs);
    else {
      session.advance(nowUs);
      const next = session.nextDeadlineUs();
      if (next !== undefined && next <= nowUs) throw new Error(`session deadline ${next} is not after ${nowUs}`);
      return true;
    }
    return false;
  }
}

/** Stands in for the session after a full close, when the receiver throws everything away. */
export const NO_SESSION: Session = {
  receive: () => undefined,
  endOfInput: () => undefined,
  take: () => new Uint8Array(0),
  room: () => 0,
  advance: () => undefined,
  nextDeadlineUs: () => undefined,
  close: () => undefined,
  state: 'closed',
};
