// The live loop: real time in, the core's deadlines kept, its output brought out. It knows neither TUN nor sockets; those
// bring inputs in (`begin`, then a call of the core, then `finish`) and take outputs out (`flush`).

import type { Answer } from '../core/http/message.js';
import type { Clock } from './clock.js';

/** The part of Stack and Streams that the loop drives. */
export interface Machine {
  advance(nowUs: number): void;
  nextDeadlineUs(): number | undefined;
  close(nowUs: number): void;
  abort(nowUs: number): void;
  respond(nowUs: number, token: string, answer: Answer): void;
  readonly openFlows: number;
}

/** The world outside the core: a device or sockets, and the recording. */
export interface Outside {
  /** Drains the core's outputs to the wire (and to the recording). */
  flush(): void;
  /** Nothing may come in until `startInput`. */
  stopInput(): void;
  startInput(): void;
  /** An answer for the recording, before the core gets it. */
  answer(atUs: number, token: string, answer: Answer): void;
  /** The core has it, and its outputs are out. */
  answered?(token: string): void;
  /** A run event for the recording. */
  event(kind: RunEventKind, atUs: number): void;
  /** Releases everything. */
  shut(): void;
}

/** `close` and `abort` are timed inputs of the core, `end` is the last time that it was advanced to. */
export type RunEventKind = 'close' | 'abort' | 'end';

/** Shows what an input caused before its outputs go out, and may wait for a person meanwhile. */
export interface Presenter {
  readonly hasPending: boolean;
  present(): Promise<'go-on' | 'quit'>;
}

/** How long an orderly end may take before the run is ended all the same. */
const CLOSE_GRACE_MS = 1_000;
/** setTimeout fires at once beyond this. */
const LONGEST_TIMEOUT_MS = 2_000_000_000;

/** One live run. `runTun` and `runSockets` make it; programs of one's own with another wire may. */
export class Loop {
  /** Resolves when the run has ended and everything is released; rejects with what the core or the device threw. */
  readonly done: Promise<void>;
  readonly #machine: Machine;
  readonly #clock: Clock;
  readonly #outside: Outside;
  readonly #presenter: Presenter | undefined;
  #settle: { resolve: () => void; reject: (error: unknown) => void } = { resolve() {}, reject() {} };
  #lastUs = 0;
  #timer: NodeJS.Timeout | undefined;
  #timerAtUs = Number.POSITIVE_INFINITY;
  #grace: NodeJS.Timeout | undefined;
  #paused = false;
  /** Answers that came during a pause; those who answer wait for what they gave to be taken, so they are few. */
  #waiting: (() => void)[] = [];
  /** What came of answers waits to be brought out, with that of others of the same turn. */
  #answered = false;
  #stopping = false;
  #ended = false;

  constructor(machine: Machine, clock: Clock, outside: Outside, presenter?: Presenter) {
    this.#machine = machine;
    this.#clock = clock;
    this.#outside = outside;
    this.#presenter = presenter;
    this.done = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
  }

  /** While a person looks at what an input caused, no other may come in. */
  get paused(): boolean {
    return this.#paused;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /**
   * The time of an input that is about to be given to the core. An input that was found waiting after the loop woke late
   * is stamped just before the core's next deadline, so that an answer that sat in a queue does not lose to our own
   * timer; stamps never go back.
   */
  begin(): number {
    // Before the next input is recorded: a recording says by its order what came of which.
    if (this.#answered) this.#flush();
    return this.#stamp();
  }

  #stamp(): number {
    const nowUs = this.#clock.nowUs();
    const deadlineUs = this.#machine.nextDeadlineUs();
    const stampUs = deadlineUs !== undefined && deadlineUs <= nowUs ? deadlineUs - 1 : nowUs;
    if (stampUs > this.#lastUs) this.#lastUs = stampUs;
    return this.#lastUs;
  }

  /** The input was given: show it, bring its outputs out, keep the next deadline. */
  finish(): void {
    if (this.#presenter?.hasPending) {
      this.#present(this.#presenter);
      return;
    }
    this.#flush();
    if (this.#stopping && this.#machine.openFlows === 0) this.#end();
    else this.#arm();
  }

  #flush(): void {
    this.#answered = false;
    this.#outside.flush();
  }

  /** An answer from outside to a deferred request. Not to be called while the core is at work. */
  respond(token: string, answer: Answer): void {
    if (this.#ended) return;
    if (this.#paused) {
      this.#waiting.push(() => this.respond(token, answer));
      return;
    }
    this.guard(() => {
      const atUs = this.#stamp();
      // What comes before the answer is recorded before it: a faulty wire delivers frames by its own timers.
      this.#machine.advance(atUs);
      this.#outside.answer(atUs, token, answer);
      this.#machine.respond(atUs, token, answer);
      if (this.#presenter !== undefined || this.#stopping) this.finish();
      else if (!this.#answered) {
        this.#answered = true;
        setImmediate(() => this.guard(() => this.#answered && this.finish()));
      }
      this.#outside.answered?.(token);
    });
  }

  /** Fires what is due now. */
  catchUp(): void {
    if (this.#paused || this.#ended) return;
    const nowUs = this.#clock.nowUs();
    if (nowUs > this.#lastUs) this.#lastUs = nowUs;
    this.#machine.advance(this.#lastUs);
    this.finish();
  }

  /** Does what may fail (saving the recording) and ends the run with its error. */
  guard(work: () => unknown): void {
    if (this.#ended) return;
    try {
      work();
    } catch (error) {
      this.fail(error);
    }
  }

  /** Begins an orderly end; a second call ends at once. */
  stop(): void {
    if (this.#ended) return;
    if (this.#stopping) {
      this.#end();
      return;
    }
    this.#stopping = true;
    this.#grace = setTimeout(() => this.#end(), CLOSE_GRACE_MS);
    if (this.#paused) {
      this.#end();
      return;
    }
    this.guard(() => {
      const atUs = this.begin();
      this.#machine.close(atUs);
      this.#outside.event('close', atUs);
      this.finish();
    });
  }

  /** Ends the run with an error: what was recorded is kept. */
  fail(error: unknown): void {
    if (this.#ended) return;
    this.#end(error);
  }

  #present(presenter: Presenter): void {
    this.#paused = true;
    this.#clock.freeze();
    this.#outside.stopInput();
    presenter
      .present()
      .then((verdict) => {
        this.#clock.thaw();
        if (this.#ended) return;
        this.#paused = false;
        this.#outside.flush();
        if (verdict === 'quit') this.#end();
        else {
          const waiting = this.#waiting;
          this.#waiting = [];
          for (const handle of waiting) handle();
          if (!this.#paused && !this.#ended) this.#outside.startInput();
          if (!this.#paused && this.#stopping && this.#machine.openFlows === 0) this.#end();
          else this.#arm();
        }
      })
      .catch((error) => this.fail(error));
  }

  #arm(): void {
    const deadlineUs = this.#machine.nextDeadlineUs() ?? Number.POSITIVE_INFINITY;
    // A timer that is set for earlier wakes the loop early, which changes nothing and is cheaper than setting it anew.
    if (deadlineUs >= this.#timerAtUs || this.#ended) return;
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timerAtUs = deadlineUs;
    const waitMs = Math.max(1, Math.ceil((deadlineUs - this.#clock.nowUs()) / 1000));
    this.#timer = setTimeout(() => this.#onTimer(), Math.min(waitMs, LONGEST_TIMEOUT_MS));
  }

  #onTimer(): void {
    this.#timer = undefined;
    this.#timerAtUs = Number.POSITIVE_INFINITY;
    try {
      this.catchUp();
    } catch (error) {
      this.fail(error);
    }
  }

  #end(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    if (this.#grace !== undefined) clearTimeout(this.#grace);
    const outside = this.#outside;
    let failure = error;
    // Each step is tried whatever came of those before it: a full disk must not leave a port or a device open.
    const attempt = (step: () => void): void => {
      try {
        step();
      } catch (problem) {
        failure ??= problem;
      }
    };
    attempt(() => outside.stopInput());
    // The outputs that a pause holds back belong to an input that is recorded already.
    if (this.#paused || this.#answered) attempt(() => this.#flush());
    if (failure === undefined && this.#machine.openFlows > 0) attempt(() => this.#abort());
    attempt(() => outside.event('end', this.#lastUs));
    attempt(() => outside.shut());
    if (failure === undefined) this.#settle.resolve();
    else this.#settle.reject(failure);
  }

  /** A peer whose server is gone without a word would wait for it without end. */
  #abort(): void {
    const atUs = this.begin();
    this.#machine.abort(atUs);
    this.#outside.event('abort', atUs);
    this.#outside.flush();
  }
}
