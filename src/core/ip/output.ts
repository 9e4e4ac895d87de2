// The frames on their way out: slots that are written in place, queued in order, handed out by `poll` and used again.
// RFC 791 headers go in front of whatever the transport wrote. Nothing is dropped here, so what one event sends does not
// depend on how often the queue is drained; beyond `limits.ip.retainedFrames` slots are made for the burst and freed.

import { limits } from '../limits.js';
import type { Trace } from '../trace.js';
import type { Micros } from '../types.js';
import { formatAddress } from './address.js';
import { DEFAULT_TTL, IPV4_HEADER_BYTES, writeIpv4Header } from './packet.js';

interface Slot {
  readonly bytes: Uint8Array;
  atUs: Micros;
  length: number;
}

/** Where transport payload begins in a slot. */
export const PAYLOAD_START = IPV4_HEADER_BYTES;

export class IpOutput {
  readonly #mtu: number;
  readonly #source: number;
  readonly #trace: Trace | undefined;
  /** Slots [0, #written) hold frames; those before #read were handed out. */
  #slots: Slot[] = [];
  #written = 0;
  #read = 0;
  /** What `poll` gives: one object, filled anew, because a frame is valid until the next call only. */
  readonly #out: { atUs: Micros; frame: Uint8Array } = { atUs: 0, frame: new Uint8Array(0) };

  constructor(mtu: number, source: number, trace: Trace | undefined) {
    this.#mtu = mtu;
    this.#source = source;
    this.#trace = trace;
  }

  /** The next free slot: MTU bytes, of which the transport writes those from PAYLOAD_START on, then calls `send`. */
  begin(): Uint8Array {
    let slot = this.#slots[this.#written];
    if (!slot) {
      slot = { bytes: new Uint8Array(this.#mtu), atUs: 0, length: 0 };
      this.#slots.push(slot);
    }
    return slot.bytes;
  }

  /** Queues the slot that `begin` gave, with `payloadLength` bytes of transport payload. */
  send(nowUs: Micros, protocol: number, destination: number, payloadLength: number): void {
    const slot = this.#slots[this.#written++]!;
    const length = IPV4_HEADER_BYTES + payloadLength;
    writeIpv4Header(slot.bytes, length, protocol, this.#source, destination);
    slot.atUs = nowUs;
    slot.length = length;
    this.#trace?.(nowUs, {
      layer: 'ip',
      kind: 'packet',
      dir: 'out',
      src: formatAddress(this.#source),
      dst: formatAddress(destination),
      protocol,
      ttl: DEFAULT_TTL,
      length,
      id: 0,
      dontFragment: true,
    });
  }

  poll(): { readonly atUs: Micros; readonly frame: Uint8Array } | undefined {
    if (this.#read === this.#written) {
      this.#read = 0;
      this.#written = 0;
      if (this.#slots.length > limits.ip.retainedFrames) this.#slots.length = limits.ip.retainedFrames;
      return undefined;
    }
    const slot = this.#slots[this.#read++]!;
    this.#out.atUs = slot.atUs;
    this.#out.frame = slot.length === this.#mtu ? slot.bytes : slot.bytes.subarray(0, slot.length);
    return this.#out;
  }

  /** Slots held; for tests of the bound. */
  get slots(): number {
    return this.#slots.length;
  }
}
