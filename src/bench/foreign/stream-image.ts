// What one side sent on a connection, wherever and however often it was cut: bytes by their place in the stream, the end, a reset,
// and what was acknowledged. Two images are compared where both know the bytes.

import { FIN, RST, SYN } from '../../core/tcp/segment.js';
import { foreignLimits } from './limits.js';
import type { TcpFacts } from './load.js';

export interface StreamDifference {
  readonly what: 'bytes' | 'length' | 'end' | 'reset' | 'syn-ack' | 'acknowledged';
  /** Of the stream; -1: no place in it. */
  readonly at: number;
  readonly recorded: string;
  readonly now: string;
}

export class StreamImage {
  #isn: number | undefined;
  #bytes = new Uint8Array(4096);
  /** Known parts, `[from, to)`, in order, apart from each other. */
  readonly #parts: [number, number][] = [];
  /** Where the stream ends; undefined: no FIN. */
  #finAt: number | undefined;
  #reset = false;
  #synAck = '';
  /** Of the peer's stream; -1: nothing. */
  #acknowledged = -1;
  #clientIsn = 0;

  start(serverIsn: number, clientIsn: number): void {
    this.#isn = serverIsn;
    this.#clientIsn = clientIsn;
  }

  get started(): boolean {
    return this.#isn !== undefined;
  }

  /** Bytes from the beginning without a gap. */
  get contiguous(): number {
    const first = this.#parts[0];
    return first === undefined || first[0] > 0 ? 0 : first[1];
  }

  get known(): number {
    return this.#parts.reduce((sum, [from, to]) => sum + to - from, 0);
  }

  get length(): number {
    return this.#parts.at(-1)?.[1] ?? 0;
  }

  /** What a next byte or a FIN's acknowledgment would be at: RFC 9293 §3.4 counts the FIN as one. */
  get end(): number {
    return this.#finAt === undefined ? this.length : Math.max(this.length, this.#finAt + 1);
  }

  /** Its FIN is known. */
  get ended(): boolean {
    return this.#finAt !== undefined;
  }

  get finished(): boolean {
    return this.#finAt !== undefined || this.#reset;
  }

  get acknowledged(): number {
    return this.#acknowledged;
  }

  add(tcp: TcpFacts, packet: Uint8Array): void {
    const { seq, flags, payloadAt, payloadLength, options, window } = tcp;
    if ((flags & RST) !== 0) this.#reset = true;
    if ((flags & SYN) !== 0 && this.#synAck === '') this.#synAck = `${options}, window ${window}, flags ${flags}`;
    if (this.#isn === undefined) return;
    const acked = (tcp.ack - this.#clientIsn) >>> 0;
    if ((flags & RST) === 0 && acked < 0x8000_0000 && acked > this.#acknowledged) this.#acknowledged = acked;
    const at = (seq - this.#isn - ((flags & SYN) !== 0 ? 0 : 1)) >>> 0;
    if ((flags & FIN) !== 0) this.#finAt = at + payloadLength;
    // A keep-alive repeats the byte before (RFC 9293 §3.8.4), as far as a sequence number can say.
    if (payloadLength === 0 || at + payloadLength > foreignLimits.streamBytes) return;
    this.#write(at, packet.subarray(payloadAt, payloadAt + payloadLength));
  }

  /** A copy. */
  slice(from: number, to: number): Uint8Array {
    return this.#bytes.slice(from, to);
  }

  /** The peer sends no more, and `at` is all that it sent. */
  endsAt(at: number): boolean {
    return this.#finAt === at;
  }

  /** At level of bytes: of a stream that is no TCP's own. */
  append(bytes: Uint8Array): void {
    if (this.length + bytes.length <= foreignLimits.streamBytes) this.#write(this.length, bytes);
  }

  endAt(what: 'end' | 'reset'): void {
    if (what === 'end') this.#finAt = this.length;
    else this.#reset = true;
  }

  #write(at: number, payload: Uint8Array): void {
    const end = at + payload.length;
    if (end > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(end, this.#bytes.length * 2));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes.set(payload, at);
    this.#cover(at, end);
  }

  #cover(from: number, to: number): void {
    const parts = this.#parts;
    let start = parts.length;
    while (start > 0 && parts[start - 1]![1] >= from) start--;
    let end = start;
    let [low, high] = [from, to];
    while (end < parts.length && parts[end]![0] <= to) {
      low = Math.min(low, parts[end]![0]);
      high = Math.max(high, parts[end]![1]);
      end++;
    }
    parts.splice(start, end - start, [low, high]);
  }

  /** `this` is what was recorded. `isWhole`: the capture shows all that the client sent, so that all answers are due. */
  differenceFrom(now: StreamImage, withTcp: boolean): StreamDifference | undefined {
    if (withTcp && this.#synAck !== '' && this.#synAck !== now.#synAck) {
      return { what: 'syn-ack', at: -1, recorded: this.#synAck, now: now.#synAck || 'none' };
    }
    for (const [from, to] of this.#parts) {
      const end = Math.min(to, now.contiguous);
      const at = firstDifference(this.#bytes, now.#bytes, from, end);
      if (at < end)
        return { what: 'bytes', at, recorded: hexAt(this.#bytes, at, to), now: hexAt(now.#bytes, at, now.contiguous) };
      if (to > now.contiguous) {
        return { what: 'length', at: now.contiguous, recorded: `${to} bytes`, now: `${now.contiguous} bytes` };
      }
    }
    if (this.#finAt !== undefined && this.#finAt !== now.#finAt) {
      return {
        what: 'end',
        at: this.#finAt,
        recorded: `FIN after ${this.#finAt} bytes`,
        now: now.#finAt === undefined ? `no FIN after ${now.contiguous} bytes` : `FIN after ${now.#finAt} bytes`,
      };
    }
    if (this.#finAt === undefined && this.#reset !== now.#reset && (this.#reset || withTcp)) {
      const text = (reset: boolean): string => (reset ? 'reset' : 'no reset');
      // A capture that ends before it says nothing of it.
      if (this.#reset) return { what: 'reset', at: this.length, recorded: text(this.#reset), now: text(now.#reset) };
    }
    if (withTcp && this.#acknowledged > now.#acknowledged) {
      return {
        what: 'acknowledged',
        at: -1,
        recorded: `${this.#acknowledged}`,
        now: `${now.#acknowledged}`,
      };
    }
    return undefined;
  }
}

function firstDifference(a: Uint8Array, b: Uint8Array, from: number, to: number): number {
  if (from >= to) return to;
  if (Buffer.compare(a.subarray(from, to), b.subarray(from, to)) === 0) return to;
  let at = from;
  while (at < to && a[at] === b[at]) at++;
  return at;
}

const SHOWN_BYTES = 12;

function hexAt(bytes: Uint8Array, at: number, end: number): string {
  return `0x${Buffer.from(bytes.subarray(at, Math.min(end, at + SHOWN_BYTES))).toString('hex')}`;
}
