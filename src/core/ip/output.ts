// The frames on their way out: slots that are written in place, queued in order, handed out by `poll` and used again.
// RFC 791 and RFC 8200 headers go in front of whatever the transport wrote; what is too large is cut into fragments.
// Nothing is dropped here, so what one event sends does not depend on how often the queue is drained; beyond
// `limits.ip.retainedFrames` slots are made for the burst and freed.

import { limits } from '../limits.js';
import type { RandomSource } from '../random.js';
import type { Trace } from '../trace.js';
import type { Micros } from '../types.js';
import { type Address, formatAddress } from './address.js';
import type { AddressForms } from './forms6.js';
import { DEFAULT_TTL, IPV4_HEADER_BYTES, MORE_FRAGMENTS, PROTOCOL_TCP, writeIpv4Header } from './packet.js';
import {
  FRAGMENT_HEADER_BYTES,
  IPV6_HEADER_BYTES,
  NEXT_HEADER_FRAGMENT,
  writeFragmentHeader,
  writeIpv6Header,
} from './packet6.js';

interface Slot {
  readonly bytes: Uint8Array;
  atUs: Micros;
  /** Where the frame begins: IPv4 headers are shorter than the room that is left for headers. */
  start: number;
  length: number;
  /** Views of a frame of MTU bytes, made when first needed: bulk data has no other length. */
  full4: Uint8Array | undefined;
  full6: Uint8Array | undefined;
}

/** Where transport payload begins in a slot, for both versions. */
export const PAYLOAD_START = IPV6_HEADER_BYTES;
const IPV4_START = PAYLOAD_START - IPV4_HEADER_BYTES;

export interface OutputConfig {
  readonly mtu: number;
  readonly localAddress: number;
  /** 16 bytes and their text; undefined: no IPv6. */
  readonly localAddress6: Uint8Array | undefined;
  readonly localText6: string;
}

export interface OutputDeps {
  readonly random: RandomSource;
  readonly forms: AddressForms;
  readonly trace: Trace | undefined;
}

export class IpOutput {
  readonly #config: OutputConfig;
  readonly #deps: OutputDeps;
  readonly #trace: Trace | undefined;
  readonly #local6: Uint8Array;
  readonly #flowLabelSecret: number;
  readonly #localText: string;
  /** Destination -> the identification of its next datagram in fragments. */
  readonly #fragmentIds = new Map<Address, number>();
  /** Slots [0, #written) hold frames; those before #read were handed out. */
  #slots: Slot[] = [];
  #written = 0;
  #read = 0;
  /** What `poll` gives: one object, filled anew, because a frame is valid until the next call only. */
  readonly #out: { atUs: Micros; frame: Uint8Array } = { atUs: 0, frame: new Uint8Array(0) };

  constructor(config: OutputConfig, deps: OutputDeps) {
    this.#config = config;
    this.#deps = deps;
    this.#trace = deps.trace;
    this.#local6 = config.localAddress6 ?? new Uint8Array(16);
    this.#localText = formatAddress(config.localAddress);
    const secret = deps.random.bytes('ip', 'flow-label', 4);
    this.#flowLabelSecret = (secret[0]! << 24) | (secret[1]! << 16) | (secret[2]! << 8) | secret[3]!;
  }

  /** The next free slot, of which the transport writes up to MTU less headers from PAYLOAD_START on, then calls `send`. */
  begin(): Uint8Array {
    let slot = this.#slots[this.#written];
    if (!slot) {
      const bytes = new Uint8Array(IPV4_START + this.#config.mtu);
      slot = { bytes, atUs: 0, start: 0, length: 0, full4: undefined, full6: undefined };
      this.#slots.push(slot);
    }
    return slot.bytes;
  }

  /** Queues the slot that `begin` gave, with `payloadLength` bytes of transport payload. `ecn`: RFC 3168 §5. */
  send(nowUs: Micros, protocol: number, destination: Address, payloadLength: number, ecn = 0): void {
    const slot = this.#slots[this.#written++]!;
    slot.atUs = nowUs;
    if (typeof destination === 'number') {
      slot.start = IPV4_START;
      slot.length = IPV4_HEADER_BYTES + payloadLength;
      const { localAddress } = this.#config;
      writeIpv4Header(slot.bytes, IPV4_START, slot.length, protocol, localAddress, destination, ecn);
      if (this.#trace) this.#traceOut(nowUs, destination, protocol, slot.length, 0, 0, false, ecn, 0);
      return;
    }
    slot.start = 0;
    slot.length = IPV6_HEADER_BYTES + payloadLength;
    const remote = this.#deps.forms.bytes(destination);
    const label = this.#flowLabel(remote, protocol, slot.bytes, PAYLOAD_START);
    writeIpv6Header(slot.bytes, 0, payloadLength, protocol, this.#local6, remote, ecn, label);
    if (this.#trace) this.#traceOut(nowUs, destination, protocol, slot.length, 0, 0, false, ecn, label);
  }

  /** Queues `payload[start, end)` in fragments of at most `mtu` bytes each. */
  sendFragments(
    nowUs: Micros,
    protocol: number,
    destination: Address,
    payload: Uint8Array,
    start: number,
    end: number,
    mtu: number,
  ): void {
    const id = this.#nextFragmentId(nowUs, destination);
    const headers = typeof destination === 'number' ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES + FRAGMENT_HEADER_BYTES;
    const most = (mtu - headers) & ~7;
    for (let at = start; at < end; at += most) {
      const length = Math.min(most, end - at);
      const more = at + length < end;
      const bytes = this.begin();
      const slot = this.#slots[this.#written++]!;
      slot.atUs = nowUs;
      slot.length = headers + length;
      if (typeof destination === 'number') {
        slot.start = IPV4_START;
        const flagsAndOffset = (more ? MORE_FRAGMENTS : 0) | ((at - start) >>> 3);
        const { localAddress } = this.#config;
        bytes.set(payload.subarray(at, at + length), PAYLOAD_START);
        writeIpv4Header(
          bytes,
          IPV4_START,
          slot.length,
          protocol,
          localAddress,
          destination,
          0,
          id & 0xffff,
          flagsAndOffset,
        );
        if (this.#trace) this.#traceOut(nowUs, destination, protocol, slot.length, id & 0xffff, at - start, more, 0, 0);
        continue;
      }
      slot.start = 0;
      const remote = this.#deps.forms.bytes(destination);
      const label = this.#flowLabel(remote, protocol, payload, start);
      bytes.set(payload.subarray(at, at + length), headers);
      writeIpv6Header(bytes, 0, FRAGMENT_HEADER_BYTES + length, NEXT_HEADER_FRAGMENT, this.#local6, remote, 0, label);
      writeFragmentHeader(bytes, IPV6_HEADER_BYTES, protocol, at - start, more, id);
      if (this.#trace) this.#traceOut(nowUs, destination, protocol, slot.length, id, at - start, more, 0, label);
    }
  }

  poll(): { readonly atUs: Micros; readonly frame: Uint8Array } | undefined {
    if (this.#read === this.#written) {
      this.#read = 0;
      this.#written = 0;
      if (this.#slots.length > limits.ip.retainedFrames) this.#slots.length = limits.ip.retainedFrames;
      return undefined;
    }
    const slot = this.#slots[this.#read++]!;
    const { start, length, bytes } = slot;
    this.#out.atUs = slot.atUs;
    if (length !== this.#config.mtu) this.#out.frame = bytes.subarray(start, start + length);
    else if (start === 0) this.#out.frame = slot.full6 ??= bytes.subarray(0, length);
    else this.#out.frame = slot.full4 ??= bytes.subarray(start, start + length);
    return this.#out;
  }

  /** Slots held, and destinations whose identifications are counted; for tests of the bounds. */
  get slots(): number {
    return this.#slots.length;
  }

  get fragmentCounters(): number {
    return this.#fragmentIds.size;
  }

  /**
   * RFC 6864 §4.2 and RFC 7739 §4: no value comes again soon for one destination, and none says how much others are sent.
   * A labelled draw for each destination, plus logical milliseconds when its count begins, plus the count.
   */
  #nextFragmentId(nowUs: Micros, destination: Address): number {
    let id = this.#fragmentIds.get(destination);
    if (id === undefined) {
      const draw = this.#deps.random.bytes(formatAddress(destination), 'fragment-id', 4);
      const first = ((draw[0]! << 24) | (draw[1]! << 16) | (draw[2]! << 8) | draw[3]!) >>> 0;
      id = (first + Math.floor(nowUs / 1000)) >>> 0;
      if (this.#fragmentIds.size >= limits.ip.fragmentCounters) {
        for (const oldest of this.#fragmentIds.keys()) {
          this.#fragmentIds.delete(oldest);
          break;
        }
      }
    }
    this.#fragmentIds.set(destination, (id + 1) >>> 0);
    return id;
  }

  /**
   * RFC 6437 §3: the same for all packets of a flow, and not to be guessed: a hash (FNV-1a) of the remote address, the
   * protocol and for TCP the ports, from a labelled draw of the run. It needs no memory, so resets have it as well.
   */
  #flowLabel(remote: Uint8Array, protocol: number, bytes: Uint8Array, portsAt: number): number {
    let hash = this.#flowLabelSecret;
    for (let i = 0; i < 16; i++) hash = Math.imul(hash ^ remote[i]!, 0x0100_0193);
    hash = Math.imul(hash ^ protocol, 0x0100_0193);
    if (protocol === PROTOCOL_TCP) {
      for (let i = 0; i < 4; i++) hash = Math.imul(hash ^ bytes[portsAt + i]!, 0x0100_0193);
    }
    // §3: 0 means unlabelled.
    return ((hash >>> 12) ^ hash) & 0xf_ffff || 1;
  }

  #traceOut(
    nowUs: Micros,
    destination: Address,
    protocol: number,
    length: number,
    id: number,
    fragmentOffset: number,
    moreFragments: boolean,
    ecn: number,
    flowLabel: number,
  ): void {
    const four = typeof destination === 'number';
    const fragment = moreFragments || fragmentOffset > 0;
    this.#trace?.(nowUs, {
      layer: 'ip',
      kind: 'packet',
      dir: 'out',
      src: four ? this.#localText : this.#config.localText6,
      dst: formatAddress(destination),
      protocol,
      ttl: DEFAULT_TTL,
      length,
      id,
      dontFragment: four && !fragment,
      ...(fragment && { fragmentOffset, moreFragments }),
      ...(ecn !== 0 && { ecn }),
      ...(!four && { flowLabel }),
    });
  }
}
