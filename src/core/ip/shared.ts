// What IPv4 and IPv6 have in common around reassembly: scratch memory, an empty fragment, and what is told of datagrams.

import type { Trace } from '../trace.js';
import type { Micros } from '../types.js';
import { formatAddress } from './address.js';
import { IPV4_MAX_BYTES } from './packet.js';
import { IPV6_HEADER_BYTES } from './packet6.js';
import type { Datagram, Fragment, Reassembly } from './reassembly.js';

/** One buffer for the largest datagram of either version: first for the whole of it, then for the reply to it. */
export class Scratch {
  #bytes: Uint8Array | undefined;

  bytes(): Uint8Array {
    this.#bytes ??= new Uint8Array(IPV6_HEADER_BYTES + IPV4_MAX_BYTES);
    return this.#bytes;
  }
}

export function emptyFragment(timeoutUs: Micros): Fragment {
  return {
    source: 0,
    protocol: 0,
    id: 0,
    frame: new Uint8Array(0),
    start: 0,
    end: 0,
    offset: 0,
    more: false,
    ecn: 0,
    headerEnd: 0,
    nextHeaderAt: 0,
    quoteEnd: 0,
    timeoutUs,
  };
}

/** Gives up datagrams until the rest is within its bounds. */
export function tellGivenUp(nowUs: Micros, reassembly: Reassembly, trace: Trace | undefined): void {
  for (let old = reassembly.giveUpOldest(); old !== undefined; old = reassembly.giveUpOldest()) {
    tellIncomplete(nowUs, old, 'too many fragments are held: the oldest datagram is given up', trace);
  }
}

export function tellIncomplete(nowUs: Micros, datagram: Datagram, reason: string, trace: Trace | undefined): void {
  if (datagram.refused !== undefined) return;
  trace?.(nowUs, { layer: 'ip', kind: 'drop', severity: 'warning', reason, src: formatAddress(datagram.source) });
}

export function tellReassembled(nowUs: Micros, datagram: Datagram, dst: string, length: number, trace: Trace): void {
  trace(nowUs, {
    layer: 'ip',
    kind: 'reassembled',
    src: formatAddress(datagram.source),
    dst,
    protocol: datagram.protocol,
    id: datagram.id,
    length,
    fragments: datagram.pieces.length,
  });
}
