// Datagrams of both versions put together from their fragments (RFC 791 §3.2, RFC 815, RFC 8200 §4.5). Fragments that
// overlap cost the whole datagram, for IPv4 as RFC 5722 has it for IPv6: no honest sender makes them, and every way of
// resolving them has been an attack (RFC 1858, RFC 3128, teardrop). What a fragment's header must be like is checked in
// ipv4.ts and ipv6.ts.

import { limits } from '../limits.js';
import { DeadlineHeap, type HeapEntry } from '../time.js';
import type { Micros } from '../types.js';
import type { Address } from './address.js';

/** A fragment as its header says; filled anew for each one. Positions count from the beginning of `frame`. */
export interface Fragment {
  source: Address;
  protocol: number;
  id: number;
  frame: Uint8Array;
  /** The payload. */
  start: number;
  end: number;
  /** Of the payload within the datagram's. */
  offset: number;
  more: boolean;
  ecn: number;
  /** Of the headers that stay in front of the datagram when this is its first fragment. */
  headerEnd: number;
  /** IPv6: where among them the field stands that says `protocol`. */
  nextHeaderAt: number;
  /** As much of a first fragment is kept for an ICMP error about it. */
  quoteEnd: number;
  timeoutUs: Micros;
}

interface Piece {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export interface Datagram extends HeapEntry {
  readonly key: string;
  readonly source: Address;
  readonly id: number;
  /** The beginning of the first fragment's packet, as far as it is quoted; undefined until it has come. */
  head: Uint8Array | undefined;
  headerEnd: number;
  nextHeaderAt: number;
  protocol: number;
  /** By offset, without overlap. */
  pieces: Piece[];
  /** Of the payload; -1 until the last fragment has come. */
  length: number;
  /** Of the payload that is there. */
  bytes: number;
  /** Bit n: a fragment with ECN codepoint n has come. */
  ecnSeen: number;
  firstEcn: number;
  /** Why the whole datagram is refused; its later fragments are dropped until the timer ends it (RFC 5722 §3). */
  refused: string | undefined;
}

const CE = 3;

export class Reassembly {
  /** The oldest first. */
  readonly #datagrams = new Map<string, Datagram>();
  readonly #timers = new DeadlineHeap<Datagram>();
  #serial = 0;
  #bytes = 0;

  /** Held now, with overhead. */
  get bytes(): number {
    return this.#bytes;
  }

  get datagrams(): number {
    return this.#datagrams.size;
  }

  /** Infinity when none is set. */
  nextDeadlineUs(): Micros {
    return this.#timers.first()?.deadlineUs ?? Number.POSITIVE_INFINITY;
  }

  /** Takes a fragment: the datagram when it is complete, why the fragment was dropped, or undefined when it is held. */
  add(nowUs: Micros, fragment: Fragment): Datagram | string | undefined {
    // RFC 8200 §4.5: the next header may differ between the fragments of one datagram, RFC 791 §3.2 counts the protocol.
    const protocol = typeof fragment.source === 'number' ? fragment.protocol : '';
    const key = `${fragment.source} ${protocol} ${fragment.id}`;
    const datagram = this.#datagrams.get(key) ?? this.#begin(nowUs, key, fragment);
    if (datagram.refused !== undefined) return `of a datagram that was refused: ${datagram.refused}`;
    const refusal = this.#insert(datagram, fragment);
    if (refusal === 'duplicate') return 'the same fragment again';
    if (refusal !== undefined) {
      this.#refuse(datagram, refusal);
      return refusal;
    }
    if (datagram.length < 0 || datagram.bytes < datagram.length) return undefined;
    this.#remove(datagram);
    if ((datagram.ecnSeen & (1 << CE)) !== 0 && (datagram.ecnSeen & 1) !== 0) {
      // RFC 3168 §5.3: a mark on a datagram that is not ECN-capable as a whole means that it would have been dropped.
      return 'congestion was experienced by a datagram that is not ECN-capable in all its fragments';
    }
    return datagram;
  }

  /** Gives up the oldest while there are too many; undefined when there are not. Call it until then. */
  giveUpOldest(): Datagram | undefined {
    if (this.#datagrams.size <= limits.ip.reassemblies && this.#bytes <= limits.ip.reassemblyBytes) return undefined;
    const oldest = this.#datagrams.values().next().value!;
    this.#remove(oldest);
    return oldest;
  }

  /** The next one whose time is over at or before `nowUs`. */
  popDue(nowUs: Micros): Datagram | undefined {
    const first = this.#timers.first();
    if (first === undefined || first.deadlineUs > nowUs) return undefined;
    this.#remove(first);
    return first;
  }

  #begin(nowUs: Micros, key: string, fragment: Fragment): Datagram {
    const datagram: Datagram = {
      key,
      source: fragment.source,
      id: fragment.id,
      head: undefined,
      headerEnd: 0,
      nextHeaderAt: 0,
      protocol: fragment.protocol,
      pieces: [],
      length: -1,
      bytes: 0,
      ecnSeen: 0,
      firstEcn: 0,
      refused: undefined,
      serial: this.#serial++,
      deadlineUs: Number.POSITIVE_INFINITY,
      heapIndex: -1,
    };
    this.#datagrams.set(key, datagram);
    this.#timers.update(datagram, nowUs + fragment.timeoutUs);
    return datagram;
  }

  /** Undefined: it is in its place. */
  #insert(datagram: Datagram, fragment: Fragment): string | undefined {
    const { frame, start, end, offset, more } = fragment;
    const { pieces } = datagram;
    const length = end - start;
    let index = pieces.length;
    while (index > 0 && pieces[index - 1]!.offset > offset) index--;
    const before = pieces[index - 1];
    if (before !== undefined && before.offset + before.bytes.length > offset) {
      // RFC 8200 §4.5: a network may double a packet, and the same fragment again is no overlap.
      if (before.offset === offset && sameBytes(before.bytes, frame, start, end)) return 'duplicate';
      return 'fragments overlap';
    }
    const after = pieces[index];
    if (after !== undefined && offset + length > after.offset) return 'fragments overlap';
    if (!more && datagram.length >= 0) return 'two last fragments';
    const beyond = more ? datagram.length >= 0 && offset + length > datagram.length : after !== undefined;
    if (beyond) return 'a fragment lies beyond the last one';
    if (pieces.length >= limits.ip.fragments) return 'too many fragments';

    pieces.splice(index, 0, { offset, bytes: frame.slice(start, end) });
    datagram.bytes += length;
    this.#bytes += length + limits.ip.fragmentOverheadBytes;
    if (!more) datagram.length = offset + length;
    datagram.ecnSeen |= 1 << fragment.ecn;
    if (offset === 0) {
      datagram.head = frame.slice(0, fragment.quoteEnd);
      this.#bytes += fragment.quoteEnd;
      datagram.headerEnd = fragment.headerEnd;
      datagram.nextHeaderAt = fragment.nextHeaderAt;
      datagram.protocol = fragment.protocol;
      datagram.firstEcn = fragment.ecn;
    }
    return undefined;
  }

  #refuse(datagram: Datagram, reason: string): void {
    this.#bytes -= heldBytes(datagram);
    datagram.refused = reason;
    datagram.pieces = [];
    datagram.head = undefined;
  }

  #remove(datagram: Datagram): void {
    this.#bytes -= heldBytes(datagram);
    this.#datagrams.delete(datagram.key);
    this.#timers.update(datagram, Number.POSITIVE_INFINITY);
  }
}

/** The ECN codepoint of a whole datagram (RFC 3168 §5.3): CE when any fragment has it. */
export function ecnOf(datagram: Datagram): number {
  return (datagram.ecnSeen & (1 << CE)) !== 0 ? CE : datagram.firstEcn;
}

/** Writes the headers and the payload of a complete datagram to the beginning of `target`; gives its length. */
export function assemble(datagram: Datagram, target: Uint8Array): number {
  const { head, headerEnd, pieces, length } = datagram;
  target.set(head!.subarray(0, headerEnd), 0);
  for (const { offset, bytes } of pieces) target.set(bytes, headerEnd + offset);
  return headerEnd + length;
}

function heldBytes(datagram: Datagram): number {
  let held = datagram.head?.length ?? 0;
  for (const { bytes } of datagram.pieces) held += bytes.length + limits.ip.fragmentOverheadBytes;
  return held;
}

function sameBytes(bytes: Uint8Array, frame: Uint8Array, start: number, end: number): boolean {
  if (bytes.length !== end - start) return false;
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== frame[start + i]) return false;
  return true;
}
