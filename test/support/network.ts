// A stack and peers over virtual time, with the bad wire of core/faults.ts between them: bandwidth, a queue, delay, loss and
// the rest, the same as live. The world runs from one deadline to the next; whatever happens is a function of its options.

import { type FaultPlan, FaultyStack } from '../../src/core/faults.js';
import type { RandomSource } from '../../src/core/random.js';
import type { Micros, Stack } from '../../src/core/types.js';
import type { Peer } from './peer/peer.js';
import { fastRandomSource } from './random.js';

const NEVER = Number.POSITIVE_INFINITY;

export interface WorldOptions {
  readonly stack: Stack;
  readonly peers: readonly Peer[];
  readonly plan: FaultPlan;
  readonly seed: number;
  readonly random?: RandomSource;
  /** Sees every frame as the core does, in its order. The frame is valid during the call only. */
  readonly watch?: (atUs: Micros, direction: 'in' | 'out', frame: Uint8Array) => void;
  /** Called after each step; true ends the run. */
  readonly until?: (nowUs: Micros) => boolean;
  /** Steps after which the run counts as endless. */
  readonly maxSteps?: number;
}

export class World {
  readonly wire: FaultyStack;
  nowUs: Micros = 0;
  steps = 0;
  readonly #options: WorldOptions;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.wire = new FaultyStack(
      options.stack,
      options.plan,
      options.random ?? fastRandomSource(options.seed),
      options.watch,
    );
  }

  /** Sends the SYNs. */
  connect(): void {
    for (const peer of this.#options.peers) peer.connect(this.nowUs);
    this.#exchange();
  }

  /** Runs until nothing is scheduled (true), or until `until` says so or `untilUs` has come (false). */
  run(untilUs: Micros): boolean {
    const { peers, until, maxSteps = 50_000_000 } = this.#options;
    for (;;) {
      let nextUs = this.wire.nextDeadlineUs() ?? NEVER;
      for (const peer of peers) nextUs = Math.min(nextUs, peer.deadlineUs);
      if (nextUs === NEVER) return true;
      if (nextUs > untilUs || until?.(this.nowUs)) return false;
      if (nextUs < this.nowUs) throw new Error(`time goes back from ${this.nowUs} to ${nextUs}`);
      if (++this.steps > maxSteps) throw new Error(`no end after ${maxSteps} steps, at ${this.nowUs} us`);
      this.nowUs = nextUs;
      this.wire.advance(nextUs);
      this.#deliver();
      for (const peer of peers) peer.advance(nextUs);
      this.#exchange();
    }
  }

  /** An orderly end of the server. */
  close(): void {
    this.wire.close(this.nowUs);
    this.#exchange();
  }

  #exchange(): void {
    const { peers } = this.#options;
    for (let again = true; again; ) {
      again = false;
      this.#deliver();
      for (const peer of peers) {
        if (peer.outbox.length === 0) continue;
        const frames = peer.outbox;
        peer.outbox = [];
        again = true;
        for (const frame of frames) this.wire.receive(this.nowUs, frame);
      }
    }
    const next = this.#options.stack.nextDeadlineUs();
    if (next !== undefined && next <= this.nowUs) throw new Error(`deadline ${next} is not after ${this.nowUs}`);
  }

  #deliver(): void {
    const { peers } = this.#options;
    for (let out = this.wire.poll(); out !== undefined; out = this.wire.poll()) {
      const { frame } = out;
      if (peers.length === 1) {
        peers[0]!.receive(this.nowUs, frame);
        continue;
      }
      const port = frame.length >= 40 ? (frame[22]! << 8) | frame[23]! : -1;
      for (const peer of peers) if (peer.options.port === port) peer.receive(this.nowUs, frame);
    }
  }
}
