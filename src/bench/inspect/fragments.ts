// Datagrams put together from their fragments, passively: RFC 791 §3.2, RFC 8200 §4.5. The first copy of a byte counts. Bounded in
// datagrams and pieces; there is no timer, because a capture has no end that one could wait for.

import { inspectLimits } from './limits.js';
import type { PacketView } from './packet-view.js';
import { insertPiece, type Piece } from './pieces.js';

interface Datagram {
  readonly pieces: Piece[];
  /** Bytes in all, once the last fragment was seen. */
  length: number;
  /** Fragments that were seen, for the event. */
  count: number;
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
      datagram = { pieces: [], length: -1, count: 0 };
      if (this.#datagrams.size >= inspectLimits.fragmentedDatagrams) {
        this.#datagrams.delete(this.#datagrams.keys().next().value!);
      }
      this.#datagrams.set(key, datagram);
    }
    datagram.count++;
    if (view.truncated || datagram.count > inspectLimits.fragments) return undefined;
    const bytes = view.bytes.subarray(view.payloadAt, view.payloadEnd);
    if (!view.moreFragments && datagram.length < 0) datagram.length = view.fragmentOffset + bytes.length;
    insertPiece(datagram.pieces, view.fragmentOffset, bytes);
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
  const whole = new Uint8Array(length);
  let reached = 0;
  for (const { at, bytes } of pieces) {
    if (at > reached || reached === length) break;
    whole.set(bytes.subarray(0, length - at), at);
    reached = Math.min(length, at + bytes.length);
  }
  return reached === length ? whole : undefined;
}
