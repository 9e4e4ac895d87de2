// Captures over worker threads: outcomes come in the order of the files, however the threads finish. A thread that dies takes one
// capture with it, and another one goes on.

import { Worker } from 'node:worker_threads';
import type { Outcome } from './outcome.js';

/** Outcomes that may wait for one before them. */
const AHEAD = 4;

/** What a worker is told, and what it says. */
export interface Task {
  readonly index: number;
  readonly file: string;
}
export interface Done<Result = Outcome> {
  readonly index: number;
  readonly outcome: Result;
}

/** What the threads are and do. */
export interface Work<Result> {
  /** The module of the thread. */
  readonly module: URL;
  /** What it is given at its start. */
  readonly options: object;
  /** A thread that is at work when the iteration ends early is not interrupted. */
  readonly finishes: boolean;
  /** The outcome of a capture that its thread died of. */
  readonly lost: (file: string, stack: string) => Result;
}

/** An outcome for each file, in their order. Ending the iteration early ends the threads. */
export async function* runPool<Result>(
  files: readonly string[],
  work: Work<Result>,
  jobs: number,
): AsyncGenerator<Result, void, undefined> {
  const pool = new Pool(files, work, jobs);
  try {
    for (let index = 0; index < files.length; index++) yield await pool.outcome(index);
  } finally {
    await pool.end();
  }
}

class Pool<Result> {
  readonly #files: readonly string[];
  readonly #work: Work<Result>;
  readonly #workers = new Set<Worker>();
  readonly #busy = new Map<Worker, number>();
  readonly #outcomes = new Map<number, Result>();
  #next = 0;
  #wanted = 0;
  readonly #most: number;
  #wake: (() => void) | undefined;
  #ended = false;

  constructor(files: readonly string[], work: Work<Result>, jobs: number) {
    this.#files = files;
    this.#work = work;
    this.#most = jobs * AHEAD;
    for (let i = 0; i < Math.min(jobs, files.length); i++) this.#start();
  }

  async outcome(index: number): Promise<Result> {
    this.#wanted = index;
    for (const worker of this.#workers) if (!this.#busy.has(worker)) this.#feed(worker);
    for (;;) {
      const outcome = this.#outcomes.get(index);
      if (outcome !== undefined) {
        this.#outcomes.delete(index);
        return outcome;
      }
      await this.#change();
    }
  }

  async end(): Promise<void> {
    this.#ended = true;
    // A thread that is about to put golden logs in place is not interrupted between the two.
    while (this.#work.finishes && this.#busy.size > 0) await this.#change();
    await Promise.all([...this.#workers].map((worker) => worker.terminate()));
  }

  #start(): void {
    const worker = new Worker(this.#work.module, { workerData: this.#work.options });
    this.#workers.add(worker);
    worker.on('message', ({ index, outcome }: Done<Result>) => {
      this.#busy.delete(worker);
      this.#put(index, outcome);
      this.#feed(worker);
    });
    worker.on('error', (error) => this.#lost(worker, error));
    worker.on('exit', (code) => this.#lost(worker, new Error(`the thread ended with code ${code}`)));
    this.#feed(worker);
  }

  #feed(worker: Worker): void {
    if (this.#ended || this.#next >= this.#files.length || this.#next > this.#wanted + this.#most) return;
    const task: Task = { index: this.#next, file: this.#files[this.#next]! };
    this.#next++;
    this.#busy.set(worker, task.index);
    worker.postMessage(task);
  }

  #lost(worker: Worker, error: Error): void {
    if (!this.#workers.delete(worker)) return;
    const index = this.#busy.get(worker);
    this.#busy.delete(worker);
    if (index !== undefined) {
      this.#put(index, this.#work.lost(this.#files[index]!, error.stack ?? error.message));
    }
    if (!this.#ended && this.#next < this.#files.length) this.#start();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #put(index: number, outcome: Result): void {
    this.#outcomes.set(index, outcome);
    this.#wake?.();
  }
}
