// The tables of endpoint.ts: connections by their 4-tuples, and how often a 4-tuple was seen. What belongs in them, and
// their bounds, are decided there.

import { type Address, parseAddress } from '../ip/address.js';
import { limits } from '../limits.js';
import type { Connection } from './connection.js';
import type { SynReceived } from './syn-received.js';

export type Flow = Connection | SynReceived;

/** By remote address, remote port and local port. */
export class FlowTable {
  readonly #flows = new Map<Address, Map<number, Flow>>();
  /** Packets come in runs: what the last one belonged to. */
  #last: Flow | undefined;

  find(remoteAddress: Address, remotePort: number, localPort: number): Flow | undefined {
    const last = this.#last;
    if (last !== undefined) {
      const { config } = last;
      if (
        config.remotePort === remotePort &&
        config.remoteAddress === remoteAddress &&
        config.localPort === localPort
      ) {
        return last;
      }
    }
    const found = this.#flows.get(remoteAddress)?.get(portKey(remotePort, localPort));
    if (found !== undefined) this.#last = found;
    return found;
  }

  /** By its name, `10.0.0.1:49152>10.0.0.2:443#0`; another connection of the same 4-tuple has another name. */
  named(name: string): Flow | undefined {
    const parts = /^(?:([0-9.]+)|\[([0-9a-f.:]+)\]):([0-9]{1,5})>.*:([0-9]{1,5})#[0-9]+$/.exec(name);
    if (parts === null) return undefined;
    const [, host, address6, remotePort, localPort] = parts;
    const address = address6 ?? parseAddress(host!);
    const flow = address === undefined ? undefined : this.find(address, Number(remotePort), Number(localPort));
    return flow?.config.flow === name ? flow : undefined;
  }

  /** In place of another of the same 4-tuple, if there is one. */
  set(flow: Flow): void {
    const { remoteAddress, remotePort, localPort } = flow.config;
    let ofAddress = this.#flows.get(remoteAddress);
    if (ofAddress === undefined) {
      ofAddress = new Map();
      this.#flows.set(remoteAddress, ofAddress);
    }
    ofAddress.set(portKey(remotePort, localPort), flow);
    this.#last = flow;
  }

  delete(flow: Flow): void {
    const { remoteAddress, remotePort, localPort } = flow.config;
    const ofAddress = this.#flows.get(remoteAddress);
    ofAddress?.delete(portKey(remotePort, localPort));
    if (ofAddress?.size === 0) this.#flows.delete(remoteAddress);
    if (this.#last === flow) this.#last = undefined;
  }
}

function portKey(remotePort: number, localPort: number): number {
  return remotePort * 0x1_0000 + localPort;
}

/** Counters of a page that has more than this move to an array. */
const SPARSE_COUNTERS = 256;

/**
 * How often each 4-tuple was seen: the k in `...#k`, which keeps the random draws of its connections apart. A page of
 * counters for each (remote address, local port), 256 kB when many of its ports were seen; beyond
 * `limits.tcp.flowNamePages` the oldest page is given up, and pages made from then on begin above every count in it, so
 * that a name never comes twice.
 */
export class FlowCounters {
  readonly #pages = new Map<Address, Page>();
  #floor = 0;

  next(remoteAddress: Address, remotePort: number, localPort: number): number {
    const key =
      typeof remoteAddress === 'number' ? remoteAddress * 0x1_0000 + localPort : `${remoteAddress} ${localPort}`;
    let page = this.#pages.get(key);
    if (page === undefined) {
      if (this.#pages.size >= limits.tcp.flowNamePages) this.#giveUpOldest();
      page = new Page(this.#floor);
      this.#pages.set(key, page);
    }
    return page.next(remotePort);
  }

  #giveUpOldest(): void {
    for (const [key, page] of this.#pages) {
      if (page.most > this.#floor) this.#floor = page.most;
      this.#pages.delete(key);
      return;
    }
  }
}

/** A flood of SYNs touches one port of each address, a load test all ports of one. */
class Page {
  readonly #first: number;
  readonly #few = new Map<number, number>();
  #many: Uint32Array | undefined;
  /** The largest count. */
  most: number;

  constructor(first: number) {
    this.#first = first;
    this.most = first;
  }

  next(port: number): number {
    const count = this.#many?.[port] ?? this.#few.get(port) ?? this.#first;
    if (count + 1 > this.most) this.most = count + 1;
    if (this.#many !== undefined) this.#many[port] = count + 1;
    else {
      this.#few.set(port, count + 1);
      if (this.#few.size > SPARSE_COUNTERS) this.#spread();
    }
    return count;
  }

  #spread(): void {
    this.#many = new Uint32Array(0x1_0000).fill(this.#first);
    for (const [port, count] of this.#few) this.#many[port] = count;
    this.#few.clear();
  }
}
