// The logical times of inbound packets. The capturer stamped them by his clock, before the server read them by its own; what the
// server sent tells more: its ISN the time of the SYN within 4 µs (RFC 6528), TSval the millisecond of each answer (RFC 7323), and
// tickets when a handshake ended. Each such thing pins an input to an interval; what is between follows the capturer.

import type { RandomSource } from '../../core/random.js';
import { initialSequenceNumber } from '../../core/tcp/isn.js';
import { timestampOffset } from '../../core/tcp/timestamps.js';
import { foreignLimits } from './limits.js';
import type { ForeignCapture, ForeignFlow, TcpFacts } from './load.js';

const ISN_TICK_US = 4;
/** The ISN's clock goes round. */
const ISN_PERIOD_US = ISN_TICK_US * 0x1_0000_0000;

/** A time in `[lowUs, lowUs + 3]`, the one nearest to `nearUs`; undefined when none is within the tolerance. */
export function timeOfIsn(random: RandomSource, flow: ForeignFlow, nearUs: number): number | undefined {
  const clockUs = isnClockUs(random, flow);
  const lowUs = clockUs + Math.round((nearUs - clockUs) / ISN_PERIOD_US) * ISN_PERIOD_US;
  return lowUs >= 0 && Math.abs(lowUs - nearUs) <= foreignLimits.toleranceUs ? lowUs : undefined;
}

/** Since the run began, but for whole periods of 4.8 hours. */
export function isnClockUs(random: RandomSource, { tuple, serverIsn }: ForeignFlow): number {
  return ((serverIsn - initialSequenceNumber(random, tuple, 0)) >>> 0) * ISN_TICK_US;
}

/**
 * What `Date.now()` gave when the run began, if that is not known: whole milliseconds around what the first SYN says. Empty where
 * nothing says it, `undefined` where ISN and timestamps contradict each other: then they are of another seed.
 */
export function possibleStarts(random: RandomSource, capture: ForeignCapture): number[] | undefined {
  const flow = capture.flows.find(({ sawSyn, serverIsn }) => sawSyn && serverIsn >= 0);
  if (flow === undefined) return [];
  let clockUs = isnClockUs(random, flow);
  const synAck = capture.packets.find((packet) => packet.flow === flow && packet.dir === 'out');
  if (synAck?.tcp !== undefined && synAck.tcp.tsVal >= 0) {
    const sinceMs = (synAck.tcp.tsVal - timestampOffset(random, flow.tuple)) >>> 0;
    clockUs += Math.max(0, Math.round((sinceMs * 1000 - clockUs) / ISN_PERIOD_US)) * ISN_PERIOD_US;
    if (Math.abs(clockUs - sinceMs * 1000) > foreignLimits.toleranceUs) return undefined;
  }
  const ms = Math.ceil((capture.packets[flow.syn]!.unixUs - clockUs) / 1000);
  return [ms, ms + 1, ms - 1, ms + 2].map((start) => start * 1000);
}

export class InputTimes {
  /** By the capturer's clock, since the run began. */
  readonly #capturedUs: Float64Array;
  readonly #atUs: Float64Array;
  readonly #low: Float64Array;
  readonly #high: Float64Array;
  #biasUs = 0;

  /** `unixUs`: of each input, in their order. */
  constructor(unixUs: readonly number[], startUnixUs: number) {
    this.#capturedUs = Float64Array.from(unixUs, (us) => us - startUnixUs);
    this.#atUs = new Float64Array(unixUs.length);
    this.#low = new Float64Array(unixUs.length).fill(Number.NEGATIVE_INFINITY);
    this.#high = new Float64Array(unixUs.length).fill(Number.POSITIVE_INFINITY);
  }

  /** All later, when nothing pins them: reading takes time. */
  set biasUs(us: number) {
    this.#biasUs = us;
  }

  get biasUs(): number {
    return this.#biasUs;
  }

  capturedUs(input: number): number {
    return this.#capturedUs[input]!;
  }

  at(input: number): number {
    return this.#atUs[input]!;
  }

  /** In this interval it was; of two that contradict each other the narrower one stays. Takes effect with `settle`. */
  pin(input: number, lowUs: number, highUs: number): void {
    const [low, high] = [this.#low[input]!, this.#high[input]!];
    const [both, most] = [Math.max(low, lowUs), Math.min(high, highUs)];
    if (both <= most) [this.#low[input], this.#high[input]] = [both, most];
    else if (highUs - lowUs <= high - low) [this.#low[input], this.#high[input]] = [lowUs, highUs];
  }

  /** Gives each input a time, never before the one ahead of it. True when one is another than before. */
  settle(): boolean {
    const count = this.#atUs.length;
    const latest = new Float64Array(count);
    let high = Number.POSITIVE_INFINITY;
    for (let i = count - 1; i >= 0; i--) {
      high = Math.min(high, this.#high[i]!);
      latest[i] = high;
    }
    let last = 0;
    let moved = false;
    for (let i = 0; i < count; i++) {
      const wanted = Math.round(this.#capturedUs[i]! + this.#biasUs);
      last = Math.max(last, this.#low[i]!, Math.min(wanted, latest[i]!));
      if (this.#atUs[i] !== last) moved = true;
      this.#atUs[i] = last;
    }
    return moved;
  }
}

/** When each part of a recorded stream left, to the millisecond. */
export class SentTimes {
  readonly #offset: number;
  /** Sequence numbers from the ISN on, rising. */
  readonly #from: number[] = [];
  readonly #to: number[] = [];
  readonly #ms: number[] = [];
  readonly #byAck = new Map<number, number>();
  readonly #isn: number;

  constructor(random: RandomSource, flow: ForeignFlow) {
    this.#offset = timestampOffset(random, flow.tuple);
    this.#isn = flow.serverIsn;
  }

  recorded(tcp: TcpFacts): void {
    if (tcp.tsVal < 0) return;
    const ms = this.msOf32(tcp.tsVal);
    if (!this.#byAck.has(tcp.ack)) this.#byAck.set(tcp.ack, ms);
    const [from, to] = this.#placeOf(tcp);
    // What was sent before says nothing of when it left first.
    if (to <= from || from < (this.#to.at(-1) ?? 0)) return;
    this.#from.push(from);
    this.#to.push(to);
    this.#ms.push(ms);
  }

  /** Low 32 bits of the logical milliseconds that a TSval stands for. */
  msOf32(tsVal: number): number {
    return (tsVal - this.#offset) >>> 0;
  }

  /** Low 32 bits of logical milliseconds; undefined: the capture does not show it. */
  msOf(tcp: TcpFacts): number | undefined {
    if (tcp.tsVal < 0) return undefined;
    const [from, to] = this.#placeOf(tcp);
    if (to <= from) return this.#byAck.get(tcp.ack);
    let low = 0;
    let high = this.#from.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#from[middle]! <= from) low = middle;
      else high = middle - 1;
    }
    return high >= 0 && this.#from[low]! <= from && from < this.#to[low]! ? this.#ms[low] : undefined;
  }

  #placeOf({ seq, flags, payloadLength }: TcpFacts): [number, number] {
    const from = (seq - this.#isn) >>> 0;
    return [from, from + payloadLength + (flags & 1) + ((flags >>> 1) & 1)];
  }
}
