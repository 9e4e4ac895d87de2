// A bad wire between a device and the core: loss, duplication, reordering, bit errors, delay, jitter and a bottleneck with
// a queue, seeded and in logical time. It lies in core, as a leaf, so that a live run and a test over virtual time meet
// the same wire. It is no part of what is replayed: recordings hold what the core saw and sent, on its side of the faults.

import type { Answer } from './http/message.js';
import { limits } from './limits.js';
import type { RandomSource } from './random.js';
import { DeadlineHeap, type HeapEntry } from './time.js';
import type { Micros, Stack } from './types.js';

/** What happens to frames of one direction. All zeros: nothing. Probabilities in parts per million, each on its own. */
export interface FaultSettings {
  readonly dropPpm: number;
  /** A second copy right behind the first. */
  readonly duplicatePpm: number;
  /** Held back beyond its delay, by up to as much again (1 ms at least), so that later frames overtake it. */
  readonly reorderPpm: number;
  /** One bit of the frame is flipped. */
  readonly corruptPpm: number;
  readonly delayUs: Micros;
  /** The delay varies by up to this much either way; that alone changes no order. */
  readonly jitterUs: Micros;
  /** Bits per second of a bottleneck before the delay; 0: none. */
  readonly rateBitsPerSecond: number;
  /** Bytes that may wait before the bottleneck; a frame beyond them is lost. */
  readonly queueBytes: number;
}

export const NO_FAULTS: FaultSettings = {
  dropPpm: 0,
  duplicatePpm: 0,
  reorderPpm: 0,
  corruptPpm: 0,
  delayUs: 0,
  jitterUs: 0,
  rateBitsPerSecond: 0,
  queueBytes: limits.faults.queueBytes,
};

/** What has happened so far, in frames. */
export interface FaultCounts {
  frames: number;
  dropped: number;
  duplicated: number;
  reordered: number;
  corrupted: number;
  /** Lost because a queue was full. */
  overflowed: number;
}

const PPM = 1_000_000;
const TWO_TO_32 = 4_294_967_296;
const NANOS_PER_MICRO = 1_000;
const LEAST_LATENESS_US = 1_000;
/** Seven draws of four bytes decide a frame's fate; a label's draws serve as many frames as one block holds. */
const DRAW_BYTES = 28;
const FRAMES_PER_BLOCK = 64;

interface HeldFrame extends HeapEntry {
  readonly bytes: Uint8Array;
}

/** One direction of the wire. The fate of the n-th frame depends on seed, name and n only, not on when it comes. */
export class Faults {
  readonly counts: FaultCounts = { frames: 0, dropped: 0, duplicated: 0, reordered: 0, corrupted: 0, overflowed: 0 };
  readonly #settings: FaultSettings;
  readonly #random: RandomSource;
  readonly #name: string;
  readonly #held = new DeadlineHeap<HeldFrame>();
  #draws: Uint8Array = new Uint8Array(0);
  #nextSerial = 0;
  /** When the bottleneck has sent all that was let in. Nanoseconds: short frames on a fast wire take less than one microsecond. */
  #freeAtNanos = 0;
  /** Frames that are not reordered leave no earlier than the one before them. */
  #inOrderUs: Micros = 0;

  /** `name` is the direction's label in random draws. */
  constructor(settings: FaultSettings, random: RandomSource, name: string) {
    this.#settings = settings;
    this.#random = random;
    this.#name = name;
  }

  /** Frames on their way. */
  get held(): number {
    return this.#held.size;
  }

  /** Infinity when nothing is on its way. May be due already. */
  get deadlineUs(): Micros {
    return this.#held.first()?.deadlineUs ?? Number.POSITIVE_INFINITY;
  }

  /** A frame enters the wire; it is copied. */
  push(nowUs: Micros, frame: Uint8Array): void {
    const { counts } = this;
    const { dropPpm, duplicatePpm, reorderPpm, corruptPpm, delayUs, jitterUs } = this.#settings;
    const at = this.#fate(counts.frames++);
    const sentUs = this.#passBottleneck(nowUs, frame.length);
    if (sentUs < 0 || this.#held.size >= limits.faults.heldFrames) {
      counts.overflowed++;
      return;
    }
    if (this.#draw(at, 0) * PPM < dropPpm * TWO_TO_32) {
      counts.dropped++;
      return;
    }
    let atUs = sentUs + delayUs;
    if (jitterUs > 0) atUs = Math.max(sentUs, atUs - jitterUs + (this.#draw(at, 5) % (2 * jitterUs + 1)));
    if (this.#draw(at, 2) * PPM < reorderPpm * TWO_TO_32) {
      counts.reordered++;
      atUs += 1 + (this.#draw(at, 6) % Math.max(delayUs, LEAST_LATENESS_US));
    } else {
      atUs = Math.max(atUs, this.#inOrderUs);
      this.#inOrderUs = atUs;
    }
    const bytes = frame.slice();
    if (frame.length > 0 && this.#draw(at, 3) * PPM < corruptPpm * TWO_TO_32) {
      counts.corrupted++;
      const bit = this.#draw(at, 4) % (8 * frame.length);
      bytes[bit >>> 3]! ^= 1 << (bit & 7);
    }
    this.#hold(atUs, bytes);
    if (this.#draw(at, 1) * PPM < duplicatePpm * TWO_TO_32) {
      counts.duplicated++;
      this.#hold(atUs, frame.slice());
    }
  }

  /** The next frame that has arrived by `nowUs`, and when it did. */
  pop(nowUs: Micros): { readonly atUs: Micros; readonly frame: Uint8Array } | undefined {
    const first = this.#held.first();
    if (first === undefined || first.deadlineUs > nowUs) return undefined;
    const atUs = first.deadlineUs;
    this.#held.update(first, Number.POSITIVE_INFINITY);
    return { atUs, frame: first.bytes };
  }

  /** When the frame has left the bottleneck; -1 when the queue before it is full. */
  #passBottleneck(nowUs: Micros, length: number): Micros {
    const { rateBitsPerSecond, queueBytes } = this.#settings;
    if (rateBitsPerSecond === 0) return nowUs;
    const nowNanos = nowUs * NANOS_PER_MICRO;
    const startNanos = Math.max(nowNanos, this.#freeAtNanos);
    const waitingBytes = Math.floor(((startNanos - nowNanos) * rateBitsPerSecond) / 8e9);
    if (waitingBytes > 0 && waitingBytes + length > queueBytes) return -1;
    this.#freeAtNanos = startNanos + Math.ceil((length * 8e9) / rateBitsPerSecond);
    return Math.ceil(this.#freeAtNanos / NANOS_PER_MICRO);
  }

  #hold(atUs: Micros, bytes: Uint8Array): void {
    this.#held.update({ deadlineUs: atUs, serial: this.#nextSerial++, heapIndex: -1, bytes }, atUs);
  }

  /** Where the draws of frame `index` begin in `#draws`. Frames come by index, so a block is made once. */
  #fate(index: number): number {
    const inBlock = index % FRAMES_PER_BLOCK;
    if (inBlock === 0) {
      const purpose = `frames from ${index}`;
      this.#draws = this.#random.bytes(this.#name, purpose, FRAMES_PER_BLOCK * DRAW_BYTES);
    }
    return inBlock * DRAW_BYTES;
  }

  #draw(fate: number, which: number): number {
    const draws = this.#draws;
    const at = fate + 4 * which;
    return ((draws[at]! << 24) | (draws[at + 1]! << 16) | (draws[at + 2]! << 8) | draws[at + 3]!) >>> 0;
  }
}

/** Towards the core and away from it; a direction that is left out is a perfect wire. */
export interface FaultPlan {
  readonly in?: FaultSettings | undefined;
  readonly out?: FaultSettings | undefined;
}

/** Told of every frame as the core sees or sends it: what a recording holds. `frame` is valid during the call only. */
export type FaultTap = (atUs: Micros, direction: 'in' | 'out', frame: Uint8Array) => void;

/** A stack behind a bad wire, driven like any other: frames that are on their way have deadlines beside the stack's own. */
export class FaultyStack implements Stack {
  readonly in: Faults | undefined;
  readonly out: Faults | undefined;
  readonly #stack: Stack;
  readonly #tap: FaultTap | undefined;
  /** Outgoing frames that have arrived and wait for `poll`, from `#arrivedHead` on. */
  #arrived: { readonly atUs: Micros; readonly frame: Uint8Array }[] = [];
  #arrivedHead = 0;
  #nowUs: Micros = 0;

  constructor(stack: Stack, plan: FaultPlan, random: RandomSource, tap?: FaultTap) {
    this.#stack = stack;
    this.#tap = tap;
    this.in = plan.in && new Faults(plan.in, random, 'fault in');
    this.out = plan.out && new Faults(plan.out, random, 'fault out');
  }

  receive(nowUs: Micros, frame: Uint8Array): void {
    this.advance(nowUs);
    if (this.in === undefined) this.#deliver(this.#nowUs, frame);
    else {
      this.in.push(this.#nowUs, frame);
      this.#deliverDue();
    }
    this.#collectArrived();
  }

  advance(nowUs: Micros): void {
    if (nowUs > this.#nowUs) this.#nowUs = nowUs;
    this.#deliverDue();
    this.#stack.advance(this.#nowUs);
    this.#drain();
    this.#collectArrived();
  }

  poll(): { readonly atUs: Micros; readonly frame: Uint8Array } | undefined {
    const next = this.#arrived[this.#arrivedHead];
    if (next === undefined) {
      if (this.#arrivedHead > 0) this.#arrived = [];
      this.#arrivedHead = 0;
      return undefined;
    }
    this.#arrivedHead++;
    return next;
  }

  nextDeadlineUs(): Micros | undefined {
    const nextUs = Math.min(
      this.#stack.nextDeadlineUs() ?? Number.POSITIVE_INFINITY,
      this.in?.deadlineUs ?? Number.POSITIVE_INFINITY,
      this.out?.deadlineUs ?? Number.POSITIVE_INFINITY,
    );
    return nextUs === Number.POSITIVE_INFINITY ? undefined : nextUs;
  }

  close(nowUs: Micros): void {
    this.advance(nowUs);
    this.#stack.close(this.#nowUs);
    this.#drain();
    this.#collectArrived();
  }

  abort(nowUs: Micros): void {
    this.advance(nowUs);
    this.#stack.abort(this.#nowUs);
    this.#drain();
    this.#collectArrived();
  }

  /** What is between the outside and the core is no wire. */
  respond(nowUs: Micros, token: string, answer: Answer): void {
    this.advance(nowUs);
    this.#stack.respond(this.#nowUs, token, answer);
    this.#drain();
    this.#collectArrived();
  }

  /** A last frame that is still on its way counts as a flow: a run must not end before it has left. */
  get openFlows(): number {
    const leaving = this.out !== undefined && this.out.held > 0 ? 1 : 0;
    return Math.max(leaving, this.#stack.openFlows);
  }

  /** Each frame at its own time, so that it does not matter how late the call comes. */
  #deliverDue(): void {
    for (let next = this.in?.pop(this.#nowUs); next !== undefined; next = this.in?.pop(this.#nowUs)) {
      this.#deliver(next.atUs, next.frame);
    }
  }

  #deliver(atUs: Micros, frame: Uint8Array): void {
    this.#tap?.(atUs, 'in', frame);
    this.#stack.receive(atUs, frame);
    this.#drain();
  }

  #drain(): void {
    for (let out = this.#stack.poll(); out !== undefined; out = this.#stack.poll()) {
      this.#tap?.(out.atUs, 'out', out.frame);
      if (this.out === undefined) this.#arrived.push({ atUs: out.atUs, frame: out.frame.slice() });
      else this.out.push(out.atUs, out.frame);
    }
  }

  #collectArrived(): void {
    for (let next = this.out?.pop(this.#nowUs); next !== undefined; next = this.out?.pop(this.#nowUs)) {
      this.#arrived.push(next);
    }
  }
}
