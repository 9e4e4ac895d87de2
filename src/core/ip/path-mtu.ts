// What is known of paths narrower than our MTU (RFC 1191, RFC 8201): by destination, bounded, forgotten after a while.
// Whether a message is believed is decided by the connection that it quotes; here is what sizes it can mean.

import { limits } from '../limits.js';
import type { Micros } from '../types.js';
import type { Address } from './address.js';

export interface PathMtu {
  readonly mtu: number;
  readonly untilUs: Micros;
}

export class PathMtus {
  /** The oldest first. */
  readonly #paths = new Map<Address, PathMtu>();

  /** Undefined: as wide as our own link, as far as we know. */
  get(nowUs: Micros, destination: Address): PathMtu | undefined {
    const path = this.#paths.get(destination);
    return path !== undefined && path.untilUs > nowUs ? path : undefined;
  }

  learn(destination: Address, path: PathMtu): void {
    this.#paths.delete(destination);
    this.#paths.set(destination, path);
    if (this.#paths.size <= limits.ip.paths) return;
    for (const oldest of this.#paths.keys()) {
      this.#paths.delete(oldest);
      return;
    }
  }

  /** For tests of the bound. */
  get size(): number {
    return this.#paths.size;
  }
}

/** RFC 1191 §7, table 7-1: the MTUs that exist, for routers that do not say theirs. */
const PLATEAUS = [32_000, 17_914, 8166, 4352, 2002, 1492, 1006, 508];

/**
 * The MTU that a fragmentation needed message means: `nextHopMtu`, or where that is 0 (§5: routers older than the RFC)
 * the next plateau below what was sent. Undefined when the message contradicts what it quotes (RFC 5927 §7): a packet
 * that would have fitted. Never below the floor.
 */
export function meantMtu(nextHopMtu: number, quotedLength: number): number | undefined {
  const mtu = nextHopMtu > 0 ? nextHopMtu : (PLATEAUS.find((plateau) => plateau < quotedLength) ?? 0);
  return mtu >= quotedLength ? undefined : Math.max(mtu, limits.ip.minPathMtu);
}
