// TCP mode has no packets: the operating system's sockets keep them. So that its runs are recorded and replayed like any
// other, the events of a socket are written as IP and TCP packets (RFC 791, 8200, 9293) and read back from them. Both
// ways are pure. The packets are well-formed to Wireshark, but there is no retransmission, window or delayed ACK in them.

import { ParseError } from '../core/bytes/reader.js';
import type { Direction } from '../core/trace.js';
import { formatAddress, parseAddress } from './addresses.js';
import { ACK, decodeSegment, encodeSegment, FIN, PSH, RST, SYN, type SynthesisedSegment } from './synthesis-packet.js';

export interface Endpoint {
  /** IPv4, IPv6 (a zone is left out), or IPv4-mapped (taken as IPv4). */
  readonly address: string;
  readonly port: number;
}

/** `flow` counts accepted sockets from 0. `in` is from the peer, `out` from us. */
export type SocketEvent =
  | { readonly kind: 'open'; readonly flow: number; readonly peer: Endpoint; readonly local: Endpoint }
  | { readonly kind: 'data'; readonly flow: number; readonly dir: Direction; readonly bytes: Uint8Array }
  /** The socket took so many bytes more of what was sent: room for more. Always from the peer's side. */
  | { readonly kind: 'acknowledged'; readonly flow: number; readonly bytes: number }
  | { readonly kind: 'fin'; readonly flow: number; readonly dir: Direction }
  | { readonly kind: 'reset'; readonly flow: number; readonly dir: Direction };

export interface SynthesisedPacket {
  readonly dir: Direction;
  readonly data: Uint8Array;
}

export const synthesisLimits = {
  /** TCP payload of one packet; an IP length field has 16 bits. */
  packetBytes: 32_768,
  /** One `data` event: the reader joins its packets again, so it must not be made to hold more. */
  eventBytes: 16 * 1024 * 1024,
  /** Flows that are open at once; beyond it the oldest is forgotten, and its next event is an error. */
  flows: 65_536,
} as const;

const OPEN_FLAGS = SYN | ACK;

/** One flow, as the writer and the reader both keep it. Sequence numbers are of the next byte, modulo 2^32. */
interface Flow {
  readonly number: number;
  readonly key: string;
  readonly peer: Uint8Array;
  readonly local: Uint8Array;
  readonly peerPort: number;
  readonly localPort: number;
  inSeq: number;
  outSeq: number;
  /** The first outbound byte that the peer has not acknowledged. */
  acked: number;
  inFin: boolean;
  outFin: boolean;
  /** Reader only: the packets of a `data` event until its last. */
  inParts: Uint8Array[];
  outParts: Uint8Array[];
  /** Reader only: the last packet of its opening was seen. */
  isOpen: boolean;
  /** Reader only: there is nothing more to come but that. */
  isOver: boolean;
}

/**
 * Socket events to packets. The same events give the same bytes. Raises RangeError for events that no socket has (of a
 * flow that is not open, data after FIN, more acknowledged than sent): those are mistakes of the caller.
 */
export class PacketSynthesis {
  readonly #flows = new Map<number, Flow>();

  packets(event: SocketEvent): SynthesisedPacket[] {
    if (event.kind === 'open') return this.#open(event.flow, event.peer, event.local);
    const flow = this.#flows.get(event.flow);
    if (flow === undefined) throw new RangeError(`flow ${event.flow} is not open`);
    const packets = this.#ofFlow(flow, event);
    if (event.kind === 'reset' || isFinished(flow)) this.#flows.delete(flow.number);
    return packets;
  }

  #open(number: number, peer: Endpoint, local: Endpoint): SynthesisedPacket[] {
    if (!Number.isInteger(number) || number < 0 || number > 0x7fff_ffff) throw new RangeError(`flow ${number}`);
    if (this.#flows.has(number)) throw new RangeError(`flow ${number} is open already`);
    const flow = newFlow(number, toBytes(peer), toBytes(local), peer.port, local.port);
    if (flow.peer.length !== flow.local.length) throw new RangeError('one address is IPv4 and the other IPv6');
    remember(this.#flows, number, flow);
    const syn = segment(flow, 'in', flow.inSeq, 0, SYN);
    flow.inSeq = add(flow.inSeq, 1);
    const synAck = segment(flow, 'out', flow.outSeq, flow.inSeq, SYN | ACK);
    flow.outSeq = add(flow.outSeq, 1);
    flow.acked = flow.outSeq;
    return [syn, synAck, segment(flow, 'in', flow.inSeq, flow.acked, ACK)];
  }

  #ofFlow(flow: Flow, event: Exclude<SocketEvent, { kind: 'open' }>): SynthesisedPacket[] {
    switch (event.kind) {
      case 'data':
        return this.#data(flow, event.dir, event.bytes);
      case 'acknowledged': {
        const unacknowledged = distance(flow.acked, flow.outSeq) - (flow.outFin ? 1 : 0);
        if (!(event.bytes > 0 && event.bytes <= unacknowledged)) {
          throw new RangeError(`flow ${flow.number}: ${event.bytes} bytes acknowledged of ${unacknowledged}`);
        }
        flow.acked = add(flow.acked, event.bytes);
        return [segment(flow, 'in', flow.inSeq, flow.acked, ACK)];
      }
      case 'fin': {
        const packet = next(flow, event.dir, FIN | ACK);
        advance(flow, event.dir, 1);
        if (event.dir === 'in') flow.inFin = true;
        else flow.outFin = true;
        return [packet];
      }
      case 'reset':
        // Also behind a FIN, so not by `next`.
        return event.dir === 'in'
          ? [segment(flow, 'in', flow.inSeq, flow.acked, RST | ACK)]
          : [segment(flow, 'out', flow.outSeq, flow.inSeq, RST | ACK)];
      default:
        return event satisfies never;
    }
  }

  /** The last packet of an event bears PSH, so that the reader gives back the same event and not one for each packet. */
  #data(flow: Flow, dir: Direction, bytes: Uint8Array): SynthesisedPacket[] {
    if (bytes.length > synthesisLimits.eventBytes) throw new RangeError(`${bytes.length} bytes in one event`);
    const packets: SynthesisedPacket[] = [];
    for (let at = 0; at < bytes.length; at += synthesisLimits.packetBytes) {
      const payload = bytes.subarray(at, at + synthesisLimits.packetBytes);
      const isLast = at + payload.length === bytes.length;
      packets.push(next(flow, dir, isLast ? PSH | ACK : ACK, payload));
      advance(flow, dir, payload.length);
    }
    return packets;
  }
}

/**
 * Packets that `PacketSynthesis` wrote, of both directions and in file order, to events again. Raises ParseError for
 * other packets, and where packets are missing, doubled or in another order.
 */
export class SocketEventReader {
  readonly #flows = new Map<string, Flow>();

  /** Undefined when the packet completes no event. `bytes` of a `data` event may be a view of the packet. */
  read(dir: Direction, packet: Uint8Array): SocketEvent | undefined {
    const header = decodeSegment(packet);
    const key = flowKey(dir, header);
    if ((header.flags & OPEN_FLAGS) === SYN) return this.#open(dir, header, key);
    const flow = this.#flows.get(key);
    if (flow === undefined) return fail('a packet of a flow that was not opened', 0);
    const event = this.#ofFlow(flow, dir, header);
    if (event?.kind === 'reset' || isFinished(flow)) flow.isOver = true;
    // A replay refuses a connection when it reads its SYN, and reads the rest of its opening behind that.
    if (flow.isOver && flow.isOpen) this.#flows.delete(key);
    return event;
  }

  #open(dir: Direction, header: SynthesisedSegment, key: string): SocketEvent {
    if (dir !== 'in') return fail('a connection opened by us', header.flagsAt);
    const flow = newFlow(header.seq, header.source, header.destination, header.sourcePort, header.destinationPort);
    if (flow.key !== key) return fail('the flow label does not fit the sequence number', header.seqAt);
    flow.inSeq = add(flow.inSeq, 1);
    flow.outSeq = add(flow.outSeq, 1);
    flow.acked = flow.outSeq;
    remember(this.#flows, key, flow);
    const peer = { address: formatAddress(flow.peer), port: flow.peerPort };
    const local = { address: formatAddress(flow.local), port: flow.localPort };
    return { kind: 'open', flow: flow.number, peer, local };
  }

  #ofFlow(flow: Flow, dir: Direction, header: SynthesisedSegment): SocketEvent | undefined {
    const number = flow.number;
    // SYN-ACK: its sequence number is the one before the first byte.
    if (header.flags & SYN) {
      const isExpected = dir === 'out' && header.seq === add(flow.outSeq, -1) && header.ack === flow.inSeq;
      return isExpected ? undefined : fail('an unexpected SYN', header.flagsAt);
    }
    const expected = dir === 'in' ? flow.inSeq : flow.outSeq;
    if (header.seq !== expected) return fail(`seq: ${header.seq} where ${expected} is next`, header.seqAt);
    // An acknowledgment comes in a packet of its own, so any other packet repeats what is known.
    const isPlain = header.payload.length === 0 && !(header.flags & (FIN | RST));
    const known = dir === 'in' ? flow.acked : flow.inSeq;
    if (header.ack !== known && !(dir === 'in' && isPlain)) {
      return fail(`ack: ${header.ack} where ${known} is known`, header.seqAt + 4);
    }
    if (header.flags & RST) return { kind: 'reset', flow: number, dir };
    if (header.payload.length > 0) return this.#data(flow, dir, header);
    if (header.flags & FIN) {
      if (dir === 'in' ? flow.inFin : flow.outFin) return fail('a second FIN', header.flagsAt);
      if (dir === 'in') flow.inFin = true;
      else flow.outFin = true;
      advance(flow, dir, 1);
      return { kind: 'fin', flow: number, dir };
    }
    return dir === 'in' ? this.#acknowledged(flow, header) : undefined;
  }

  #acknowledged(flow: Flow, header: SynthesisedSegment): SocketEvent | undefined {
    const bytes = distance(flow.acked, header.ack);
    flow.isOpen = true;
    if (bytes === 0) return undefined;
    if (bytes > distance(flow.acked, flow.outSeq) - (flow.outFin ? 1 : 0)) {
      return fail(`ack: ${header.ack} is more than was sent`, header.seqAt + 4);
    }
    flow.acked = header.ack;
    return { kind: 'acknowledged', flow: flow.number, bytes };
  }

  #data(flow: Flow, dir: Direction, header: SynthesisedSegment): SocketEvent | undefined {
    if (dir === 'in' ? flow.inFin : flow.outFin) return fail('data behind a FIN', header.seqAt);
    const parts = dir === 'in' ? flow.inParts : flow.outParts;
    if (parts.length * synthesisLimits.packetBytes >= synthesisLimits.eventBytes) {
      return fail(`more than ${synthesisLimits.eventBytes} bytes without PSH`, header.flagsAt);
    }
    advance(flow, dir, header.payload.length);
    parts.push(header.payload);
    if (!(header.flags & PSH)) return undefined;
    const bytes = parts.length === 1 ? header.payload : join(parts);
    if (dir === 'in') flow.inParts = [];
    else flow.outParts = [];
    return { kind: 'data', flow: flow.number, dir, bytes };
  }
}

/**
 * The start values: the peer's first sequence number is the flow's number, which is how the reader learns it; ours is
 * half the space away.
 */
function newFlow(number: number, peer: Uint8Array, local: Uint8Array, peerPort: number, localPort: number): Flow {
  return {
    number,
    key: keyOf(peer, peerPort, local, localPort, labelOf(number, peer.length)),
    peer,
    local,
    peerPort,
    localPort,
    inSeq: number,
    outSeq: add(number, 0x8000_0000),
    acked: 0,
    inFin: false,
    outFin: false,
    inParts: [],
    outParts: [],
    isOpen: false,
    isOver: false,
  };
}

/** Both ends were closed and all was taken: there is nothing more to come. */
function isFinished(flow: Flow): boolean {
  return flow.inFin && flow.outFin && add(flow.acked, 1) === flow.outSeq;
}

function remember<Key>(flows: Map<Key, Flow>, key: Key, flow: Flow): void {
  if (flows.size >= synthesisLimits.flows) flows.delete(flows.keys().next().value!);
  flows.set(key, flow);
}

/** A packet at the direction's own place in its stream. */
function next(flow: Flow, dir: Direction, flags: number, payload?: Uint8Array): SynthesisedPacket {
  if (dir === 'in' ? flow.inFin : flow.outFin) throw new RangeError(`flow ${flow.number}: nothing follows a FIN`);
  return dir === 'in'
    ? segment(flow, 'in', flow.inSeq, flow.acked, flags, payload)
    : segment(flow, 'out', flow.outSeq, flow.inSeq, flags, payload);
}

function advance(flow: Flow, dir: Direction, count: number): void {
  if (dir === 'in') flow.inSeq = add(flow.inSeq, count);
  else flow.outSeq = add(flow.outSeq, count);
}

function add(seq: number, count: number): number {
  return (seq + count) >>> 0;
}

function distance(from: number, to: number): number {
  return (to - from) >>> 0;
}

/**
 * Which flow a packet is of, where the operating system gave out the same ports again before the last events of the
 * former connection were seen: IPv4's identification (free for such use when DF is set, RFC 6864 §4.1) or IPv6's flow
 * label (RFC 6437) bears the low bits of the flow's number.
 */
function labelOf(flow: number, addressBytes: number): number {
  return addressBytes === 4 ? flow & 0xffff : flow & 0xf_ffff;
}

function keyOf(peer: Uint8Array, peerPort: number, local: Uint8Array, localPort: number, label: number): string {
  return `${peer} ${peerPort} ${local} ${localPort} ${label}`;
}

function flowKey(dir: Direction, header: SynthesisedSegment): string {
  const { source, sourcePort, destination, destinationPort, label } = header;
  return dir === 'in'
    ? keyOf(source, sourcePort, destination, destinationPort, label)
    : keyOf(destination, destinationPort, source, sourcePort, label);
}

/** IPv4-mapped ones give 4 bytes. */
function toBytes(endpoint: Endpoint): Uint8Array {
  const bytes = parseAddress(endpoint.address);
  if (bytes === undefined) throw new RangeError(`${endpoint.address} is no IP address`);
  return bytes;
}

function segment(
  flow: Flow,
  dir: Direction,
  seq: number,
  ack: number,
  flags: number,
  payload: Uint8Array = NOTHING,
): SynthesisedPacket {
  const label = labelOf(flow.number, flow.peer.length);
  const ofPeer = { address: flow.peer, port: flow.peerPort };
  const ofUs = { address: flow.local, port: flow.localPort };
  const data =
    dir === 'in'
      ? encodeSegment(ofPeer, ofUs, label, seq, ack, flags, payload)
      : encodeSegment(ofUs, ofPeer, label, seq, ack, flags, payload);
  return { dir, data };
}

const NOTHING = new Uint8Array(0);

function fail(what: string, offset: number): never {
  throw new ParseError('tcp', what, offset);
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
