// Ctrl-C while a capture is read: reading ends, and what was read is summed up.

export class Interruption {
  /** Ctrl-C came. */
  hit = false;
  /** Waiting is over. */
  #stopped = false;
  #timer: NodeJS.Timeout | undefined;
  #wake: (() => void) | undefined;
  readonly #graceMs: number;

  /** `graceMs`: for what is still under way. tcpdump gets the same Ctrl-C, and then writes what it has held back. */
  constructor(graceMs: number) {
    this.#graceMs = graceMs;
    process.on('SIGINT', this.#onSignal);
  }

  /** What `promise` gives; undefined when the interruption comes first. One at a time. */
  orStop<Value>(promise: Promise<Value>): Promise<Value | undefined> {
    if (this.#stopped) return Promise.resolve(undefined);
    return new Promise((resolve, reject) => {
      this.#wake = () => resolve(undefined);
      promise.then(resolve, reject);
    });
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** From here on Ctrl-C does what it does elsewhere. */
  end(): void {
    clearTimeout(this.#timer);
    process.off('SIGINT', this.#onSignal);
  }

  readonly #onSignal = (): void => {
    // Twice: at once.
    if (this.hit || this.#graceMs === 0) this.#stop();
    else this.#timer = setTimeout(() => this.#stop(), this.#graceMs);
    this.hit = true;
  };

  #stop(): void {
    this.#stopped = true;
    this.#wake?.();
  }
}
