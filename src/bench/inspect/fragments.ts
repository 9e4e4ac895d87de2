// Datagrams put together from their fragments, passively: RFC 791 §3.2, RFC 8200 §4.5. The first copy of a byte counts. Bounded in
// datagrams and pieces; there is no timer, because a capture has no end that one could wait for.

import { inspectLimits } from './limits.js';
import type { PacketView } from './packet-view.js';

interface Datagram {
  readonly pieces: { readonly at: number; readonly bytes: Uint8Array }[];
  /** Bytes in all, once the last fragment was seen. */
  length: number;
  /** Fragments that were seen, for the event. */
  count: number;
  /** Of all of them. */
  bytes: number;
}

export interface Reassembled {
  readonly bytes: Uint8Array;
  readonly fragments: number;
}

export class Fragments {
  /** By addresses, identification and protocol; in the order in which they began. */
  readonly #datagrams = new Map<string, Datagram>();

  /** The whole datagram when this fragment completes it. */
  add(view: PacketView): Reassembled | undefined {
    const key = keyOf(view);
    let datagram = this.#datagrams.get(key);
    if (datagram === undefined) {
      datagram = { pieces: [], length: -1, count: 0, bytes: 0 };
      if (this.#datagrams.size >= inspectLimits.fragmentedDatagrams) {
        this.#datagrams.delete(this.#datagrams.keys().next().value!);
      }
      this.#datagrams.set(key, datagram);
    }
    datagram.count++;
    const bytes = view.bytes.slice(view.payloadAt, view.payloadEnd);
    // RFC 791 §3.1: no datagram is longer. Copies of the same bytes count as well: each is kept.
    datagram.bytes += bytes.length;
    if (view.truncated || datagram.count > inspectLimits.fragments || datagram.bytes > inspectLimits.fragmentBytes) {
      return undefined;
    }
    if (!view.moreFragments) datagram.length = view.fragmentOffset + bytes.length;
    datagram.pieces.push({ at: view.fragmentOffset, bytes });
    const whole = datagram.length < 0 ? undefined : join(datagram);
    if (whole === undefined) return undefined;
    this.#datagrams.delete(key);
    return { bytes: whole, fragments: datagram.count };
  }
}

function keyOf({ version, bytes, ipAt, fragmentId, protocol }: PacketView): string {
  const [from, to] = version === 4 ? [ipAt + 12, ipAt + 20] : [ipAt + 8, ipAt + 40];
  return `${Buffer.from(bytes.subarray(from, to)).toString('latin1')}${fragmentId}/${protocol}`;
}

/** Undefined while something is missing. */
function join({ pieces, length }: Datagram): Uint8Array | undefined {
  const sorted = [...pieces].sort((a, b) => a.at - b.at);
  const whole = new Uint8Array(length);
  let reached = 0;
  for (const { at, bytes } of sorted) {
    if (at > reached) return undefined;
    const fresh = bytes.subarray(reached - at);
    if (fresh.length === 0 && at + bytes.length <= reached) continue;
    const room = length - reached;
    whole.set(fresh.length > room ? fresh.subarray(0, room) : fresh, reached);
    reached += Math.min(fresh.length, room);
  }
  return reached === length ? whole : undefined;
}
