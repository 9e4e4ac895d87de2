// IPv4 of a host (RFC 1122 §3): what is for us, options, fragments, and ICMP: echo, errors that we send and errors that we
// get. Nothing is routed, and nothing that came as broadcast or multicast is for us.

import { ParseError } from '../bytes/reader.js';
import { limits } from '../limits.js';
import type { Trace } from '../trace.js';
import type { Micros } from '../types.js';
import { formatAddress, isHostAddress } from './address.js';
import { finishChecksum, pseudoHeaderSum, sumWords } from './checksum.js';
import type { ErrorRate } from './error-rate.js';
import {
  CODE_IN_REASSEMBLY,
  CODE_PORT_UNREACHABLE,
  CODE_PROTOCOL_UNREACHABLE,
  decodeIcmp,
  ICMP_DESTINATION_UNREACHABLE,
  ICMP_ECHO,
  ICMP_ECHO_REPLY,
  ICMP_PARAMETER_PROBLEM,
  ICMP_TIME_EXCEEDED,
  type IcmpMessage,
  isIcmpError,
  writeEchoReply,
  writeIcmpError,
} from './icmp.js';
import { reportIcmp } from './icmp-report.js';
import { type IpOutput, PAYLOAD_START } from './output.js';
import {
  decodeOptions,
  decodePacket,
  emptyPacket,
  IPV4_HEADER_BYTES,
  IPV4_MAX_BYTES,
  type Packet,
  PROTOCOL_ICMP,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  writeHeaderChecksum,
} from './packet.js';
import type { PathMtus } from './path-mtu.js';
import { assemble, type Datagram, ecnOf, type Fragment, type Reassembly } from './reassembly.js';
import { emptyFragment, type Scratch, tellGivenUp, tellReassembled } from './shared.js';
import type { Upper } from './upper.js';

/** RFC 1858 §3.2.1: TCP's flags lie within the first 16 bytes, so that no honest first fragment of TCP is shorter. */
const LEAST_FIRST_TCP_BYTES = 16;

export interface Ipv4Deps {
  readonly localAddress: number;
  readonly mtu: number;
  readonly output: IpOutput;
  readonly reassembly: Reassembly;
  readonly errorRate: ErrorRate;
  readonly paths: PathMtus;
  readonly scratch: Scratch;
  readonly upper: Upper;
  readonly trace: Trace | undefined;
}

export class Ipv4 {
  readonly #deps: Ipv4Deps;
  readonly #trace: Trace | undefined;
  /** Every packet is decoded into this one, and every fragment told by this one. */
  readonly #packet = emptyPacket();
  readonly #fragment: Fragment = emptyFragment(limits.ip.reassemblyUs);

  constructor(deps: Ipv4Deps) {
    this.#deps = deps;
    this.#trace = deps.trace;
  }

  /** `frame` is valid during the call only. */
  receive(nowUs: Micros, frame: Uint8Array): void {
    const packet = this.#packet;
    try {
      decodePacket(frame, packet);
    } catch (error) {
      if (!(error instanceof ParseError)) throw error;
      const { what: reason, offset } = error;
      this.#trace?.(nowUs, { layer: 'ip', kind: 'drop', severity: 'warning', reason, offset });
      return;
    }
    if (this.#trace) this.#traceIn(nowUs, packet);
    const refusal = this.#refusal(packet);
    if (refusal !== undefined) {
      this.#drop(nowUs, packet, refusal);
      return;
    }
    if (packet.payloadStart > IPV4_HEADER_BYTES && !this.#optionsPass(nowUs, frame, packet)) return;
    if (packet.moreFragments || packet.fragmentOffset > 0) this.#receiveFragment(nowUs, frame, packet);
    else this.#deliver(nowUs, frame, packet);
  }

  /** A datagram's time for reassembly is over (RFC 1122 §3.3.2: told to its source when its first fragment is there). */
  expired(nowUs: Micros, datagram: Datagram): void {
    if (datagram.head === undefined) return;
    const packet = this.#packet;
    packet.source = datagram.source as number;
    packet.protocol = datagram.protocol;
    packet.fragmentOffset = 0;
    packet.payloadStart = datagram.headerEnd;
    packet.payloadEnd = datagram.head.length;
    this.#sendError(nowUs, ICMP_TIME_EXCEEDED, CODE_IN_REASSEMBLY, 0, datagram.head, packet);
  }

  /**
   * Why a well-formed packet is not for us. What passes may be answered: it is from one host to one host. The TTL does not
   * count: a host takes a packet that has come to it whatever is left (RFC 1122 §3.2.1.7).
   */
  #refusal(packet: Packet): string | undefined {
    const { localAddress } = this.#deps;
    if (packet.destination !== localAddress) return 'not our address';
    // RFC 1122 §3.2.1.3 and §3.2.2: what comes from no single host is not answered, neither by ICMP nor by TCP.
    if (!isHostAddress(packet.source)) return 'source is not the address of a host';
    if (packet.source === localAddress) return 'source is our own address';
    return undefined;
  }

  /**
   * RFC 7126 §4.3 and §4.4: a source route is refused, in silence as Linux does; it lets others choose our answer's way.
   * What cannot be read is told to the sender (RFC 1122 §3.2.2.5).
   */
  #optionsPass(nowUs: Micros, frame: Uint8Array, packet: Packet): boolean {
    try {
      if (!decodeOptions(frame, packet.payloadStart).sourceRoute) return true;
      this.#drop(nowUs, packet, 'source routes are refused');
    } catch (error) {
      if (!(error instanceof ParseError)) throw error;
      this.#drop(nowUs, packet, error.what);
      this.#sendError(nowUs, ICMP_PARAMETER_PROBLEM, 0, error.offset << 24, frame, packet);
    }
    return false;
  }

  #deliver(nowUs: Micros, frame: Uint8Array, packet: Packet): void {
    const { protocol, payloadStart, payloadEnd } = packet;
    if (protocol === PROTOCOL_TCP) {
      const { source, destination } = packet;
      const pseudo = pseudoHeaderSum(source, destination, PROTOCOL_TCP, payloadEnd - payloadStart);
      this.#deps.upper.segment(nowUs, source, frame, payloadStart, payloadEnd, pseudo, packet.ecn);
    } else if (protocol === PROTOCOL_ICMP) this.#receiveIcmp(nowUs, frame, packet);
    else if (protocol === PROTOCOL_UDP) this.#receiveUdp(nowUs, frame, packet);
    else {
      this.#drop(nowUs, packet, `protocol ${protocol} is not served`);
      this.#sendError(nowUs, ICMP_DESTINATION_UNREACHABLE, CODE_PROTOCOL_UNREACHABLE, 0, frame, packet);
    }
  }

  // ---- fragments ----

  #receiveFragment(nowUs: Micros, frame: Uint8Array, packet: Packet): void {
    const refusal = fragmentRefusal(packet);
    if (refusal !== undefined) {
      this.#drop(nowUs, packet, refusal);
      return;
    }
    const { reassembly, scratch } = this.#deps;
    const fragment = this.#fragment;
    fragment.source = packet.source;
    fragment.protocol = packet.protocol;
    fragment.id = packet.id;
    fragment.frame = frame;
    fragment.start = packet.payloadStart;
    fragment.end = packet.payloadEnd;
    fragment.offset = packet.fragmentOffset;
    fragment.more = packet.moreFragments;
    fragment.ecn = packet.ecn;
    fragment.headerEnd = packet.payloadStart;
    fragment.quoteEnd = Math.min(packet.payloadStart + 8, packet.payloadEnd);
    const result = reassembly.add(nowUs, fragment);
    if (typeof result === 'string') this.#drop(nowUs, packet, result);
    tellGivenUp(nowUs, reassembly, this.#trace);
    if (typeof result !== 'object') return;

    if (result.headerEnd + result.length > IPV4_MAX_BYTES) {
      this.#drop(nowUs, packet, 'the datagram exceeds 65,535 bytes');
      return;
    }
    const whole = scratch.bytes();
    const length = assemble(result, whole);
    whole[2] = length >>> 8;
    whole[3] = length;
    whole[6] = 0;
    whole[7] = 0;
    writeHeaderChecksum(whole, 0, result.headerEnd);
    packet.totalLength = length;
    packet.moreFragments = false;
    packet.fragmentOffset = 0;
    packet.ecn = ecnOf(result);
    packet.payloadStart = result.headerEnd;
    packet.payloadEnd = length;
    if (this.#trace) tellReassembled(nowUs, result, formatAddress(packet.destination), length, this.#trace);
    this.#deliver(nowUs, whole, packet);
  }

  // ---- UDP ----

  /** Nothing listens on UDP (RFC 1122 §4.1.3.1), but a damaged datagram is not even refused (§4.1.3.4). */
  #receiveUdp(nowUs: Micros, frame: Uint8Array, packet: Packet): void {
    const { source, destination, payloadStart, payloadEnd } = packet;
    const length = ((frame[payloadStart + 4] ?? 0) << 8) | (frame[payloadStart + 5] ?? 0);
    if (length < 8 || length > payloadEnd - payloadStart) {
      this.#drop(nowUs, packet, 'UDP length does not fit the packet');
      return;
    }
    const unchecked = frame[payloadStart + 6] === 0 && frame[payloadStart + 7] === 0;
    packet.payloadEnd = payloadStart + length;
    const pseudo = pseudoHeaderSum(source, destination, PROTOCOL_UDP, length);
    if (!unchecked && finishChecksum(pseudo + sumWords(frame, payloadStart, packet.payloadEnd)) !== 0) {
      this.#drop(nowUs, packet, 'UDP checksum does not match');
      return;
    }
    this.#drop(nowUs, packet, 'UDP port is not served');
    this.#sendError(nowUs, ICMP_DESTINATION_UNREACHABLE, CODE_PORT_UNREACHABLE, 0, frame, packet);
  }

  // ---- ICMP ----

  #receiveIcmp(nowUs: Micros, frame: Uint8Array, packet: Packet): void {
    const { payloadStart, payloadEnd } = packet;
    let message: IcmpMessage;
    try {
      message = decodeIcmp(frame, payloadStart, payloadEnd);
    } catch (error) {
      if (!(error instanceof ParseError)) throw error;
      this.#dropIcmp(nowUs, error.what);
      return;
    }
    if (this.#trace) this.#traceIcmp(nowUs, 'in', packet.source, message, payloadEnd - payloadStart);
    if (message.type === ICMP_ECHO) this.#answerEcho(nowUs, frame, packet, message);
    else {
      const { upper } = this.#deps;
      const ignored = reportIcmp(nowUs, message, frame, packet, upper, this.#trace);
      if (ignored !== undefined) this.#dropIcmp(nowUs, ignored);
    }
  }

  /**
   * RFC 1122 §3.2.2.6: all of the data comes back, in fragments where it must. A record route that came with it is not
   * continued.
   */
  #answerEcho(nowUs: Micros, frame: Uint8Array, packet: Packet, message: IcmpMessage): void {
    const { output, mtu, paths, scratch } = this.#deps;
    const { source, payloadStart, payloadEnd } = packet;
    const length = payloadEnd - payloadStart;
    const pathMtu = paths.get(nowUs, source)?.mtu ?? mtu;
    if (this.#trace) this.#traceIcmp(nowUs, 'out', source, { ...message, type: ICMP_ECHO_REPLY }, length);
    if (IPV4_HEADER_BYTES + length <= pathMtu) {
      writeEchoReply(output.begin(), PAYLOAD_START, frame, payloadStart, payloadEnd);
      output.send(nowUs, PROTOCOL_ICMP, source, length);
      return;
    }
    const reply = scratch.bytes();
    writeEchoReply(reply, 0, frame, payloadStart, payloadEnd);
    output.sendFragments(nowUs, PROTOCOL_ICMP, source, reply, 0, length, pathMtu);
  }

  /** RFC 1122 §3.2.2: no error about an error; that it came to us alone, and whole, was seen before. */
  #sendError(nowUs: Micros, type: number, code: number, rest: number, frame: Uint8Array, packet: Packet): void {
    const { errorRate, output } = this.#deps;
    const { payloadStart, payloadEnd, source } = packet;
    // A later fragment has no type to look at, and is no cause for an error either.
    if (packet.fragmentOffset > 0) return;
    if (packet.protocol === PROTOCOL_ICMP && (payloadStart >= payloadEnd || isIcmpError(frame[payloadStart]!))) return;
    if (!errorRate.take(nowUs)) {
      this.#dropIcmp(nowUs, 'too many errors are sent already');
      return;
    }
    const length = writeIcmpError(output.begin(), PAYLOAD_START, type, code, rest, frame, payloadStart, payloadEnd);
    if (this.#trace) this.#traceIcmp(nowUs, 'out', source, { type, code }, length);
    output.send(nowUs, PROTOCOL_ICMP, source, length);
  }

  // ---- trace ----

  #traceIn(nowUs: Micros, packet: Packet): void {
    const { fragmentOffset, moreFragments, ecn } = packet;
    this.#trace?.(nowUs, {
      layer: 'ip',
      kind: 'packet',
      dir: 'in',
      src: formatAddress(packet.source),
      dst: formatAddress(packet.destination),
      protocol: packet.protocol,
      ttl: packet.ttl,
      length: packet.totalLength,
      id: packet.id,
      dontFragment: packet.dontFragment,
      ...((moreFragments || fragmentOffset > 0) && { fragmentOffset, moreFragments }),
      ...(ecn !== 0 && { ecn }),
    });
  }

  #traceIcmp(
    nowUs: Micros,
    dir: 'in' | 'out',
    peer: number,
    message: { type: number; code: number; identifier?: number; sequenceNumber?: number },
    length: number,
  ): void {
    const local = formatAddress(this.#deps.localAddress);
    const remote = formatAddress(peer);
    const { type, code } = message;
    const echo = type === ICMP_ECHO || type === ICMP_ECHO_REPLY;
    this.#trace?.(nowUs, {
      layer: 'icmp',
      kind: 'message',
      dir,
      src: dir === 'in' ? remote : local,
      dst: dir === 'in' ? local : remote,
      type,
      code,
      length,
      ...(echo && { id: message.identifier ?? 0, seq: message.sequenceNumber ?? 0 }),
    });
  }

  #drop(nowUs: Micros, packet: Packet, reason: string): void {
    this.#trace?.(nowUs, {
      layer: 'ip',
      kind: 'drop',
      severity: 'warning',
      reason,
      src: formatAddress(packet.source),
      dst: formatAddress(packet.destination),
    });
  }

  #dropIcmp(nowUs: Micros, reason: string): void {
    this.#trace?.(nowUs, { layer: 'icmp', kind: 'drop', severity: 'warning', reason });
  }
}

/** Why a fragment is not even held. */
function fragmentRefusal(packet: Packet): string | undefined {
  const { payloadStart, payloadEnd, fragmentOffset, moreFragments, protocol } = packet;
  const length = payloadEnd - payloadStart;
  if (length === 0) return 'an empty fragment';
  // RFC 791 §3.2: only the last one can have another length.
  if (moreFragments && length % 8 !== 0) return 'a fragment whose length is no multiple of 8';
  // CVE-1999-0128, the ping of death.
  if (payloadStart + fragmentOffset + length > IPV4_MAX_BYTES) return 'the datagram exceeds 65,535 bytes';
  if (protocol === PROTOCOL_TCP) {
    // RFC 1858 §3.2.2 and RFC 3128 §3: a fragment at offset 8 can only be meant to replace flags that a filter let pass.
    if (fragmentOffset === 8) return 'a fragment of TCP at offset 8';
    if (fragmentOffset === 0 && length < LEAST_FIRST_TCP_BYTES) return 'a first fragment too short for TCP';
  }
  return undefined;
}
