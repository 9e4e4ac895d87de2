// Frames in, frames out: logical time and due timers, IPv4 (RFC 791), ICMP (RFC 792, RFC 1122 §3.2.2) and the way of a
// segment to tcp/endpoint.ts and back. Begin reading here. Fragments are refused with a reason; there is no IPv6.

import { ParseError } from './bytes/reader.js';
import { formatAddress, isHostAddress, parseAddress } from './ip/address.js';
import { finishChecksum, pseudoHeaderSum, sumWords } from './ip/checksum.js';
import {
  CODE_PORT_UNREACHABLE,
  CODE_PROTOCOL_UNREACHABLE,
  decodeIcmp,
  ICMP_DESTINATION_UNREACHABLE,
  ICMP_ECHO,
  ICMP_ECHO_REPLY,
  type IcmpMessage,
  writeEchoReply,
  writeUnreachable,
} from './ip/icmp.js';
import { IpOutput, PAYLOAD_START } from './ip/output.js';
import {
  decodePacket,
  emptyPacket,
  IPV4_HEADER_BYTES,
  type Packet,
  PROTOCOL_ICMP,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
} from './ip/packet.js';
import { limits } from './limits.js';
import type { RandomSource } from './random.js';
import { resolveTcpConfig, type TcpConfig } from './tcp/config.js';
import { Endpoint } from './tcp/endpoint.js';
import { CHECKSUM_OFFSET, TCP_HEADER_BYTES } from './tcp/segment.js';
import type { Trace } from './trace.js';
import type { Micros, SessionFactory, Stack } from './types.js';

export interface StackConfig {
  /** Dotted IPv4 address that the stack answers for. */
  readonly localAddress: string;
  /** Bytes of the largest IP packet to send, 576 to 65,535. Larger ones are taken when they come. */
  readonly mtu: number;
  /** Port -> what listens there. */
  readonly services: ReadonlyMap<number, SessionFactory>;
  /** Knobs of TCP; each has a default. */
  readonly tcp?: TcpConfig;
}

export interface StackDeps {
  readonly random: RandomSource;
  readonly trace?: Trace | undefined;
}

/** A stack at time 0. Raises RangeError for an address, an MTU or a knob that cannot be. */
export function createStack(config: StackConfig, deps: StackDeps): Stack {
  const localAddress = parseAddress(config.localAddress);
  if (localAddress === undefined || !isHostAddress(localAddress)) {
    throw new RangeError(`localAddress: ${config.localAddress} is not the address of an IPv4 host`);
  }
  if (!Number.isInteger(config.mtu) || config.mtu < limits.ip.minMtu || config.mtu > 65_535) {
    throw new RangeError(`mtu: ${config.mtu} is not between ${limits.ip.minMtu} and 65535`);
  }
  return new Ipv4Stack(localAddress, config, deps);
}

class Ipv4Stack implements Stack {
  readonly #localAddress: number;
  readonly #mtu: number;
  readonly #trace: Trace | undefined;
  readonly #output: IpOutput;
  readonly #tcp: Endpoint;
  /** Every packet is decoded into this one. */
  readonly #packet = emptyPacket();
  #nowUs: Micros = 0;

  constructor(localAddress: number, config: StackConfig, deps: StackDeps) {
    this.#localAddress = localAddress;
    this.#mtu = config.mtu;
    this.#trace = deps.trace;
    const ip = new IpOutput(config.mtu, localAddress, deps.trace);
    this.#output = ip;
    this.#tcp = new Endpoint(
      {
        localAddress: () => localAddress,
        mss: () => config.mtu - IPV4_HEADER_BYTES - TCP_HEADER_BYTES,
        pathMss: () => undefined,
        services: config.services,
        settings: resolveTcpConfig(config.tcp),
      },
      {
        random: deps.random,
        trace: deps.trace,
        output: {
          payloadStart: PAYLOAD_START,
          begin: () => ip.begin(),
          send: (nowUs, remoteAddress, length) => {
            if (typeof remoteAddress !== 'number') return;
            const frame = ip.begin();
            const sum =
              pseudoHeaderSum(localAddress, remoteAddress, PROTOCOL_TCP, length) +
              sumWords(frame, PAYLOAD_START, PAYLOAD_START + length);
            const checksum = finishChecksum(sum);
            frame[PAYLOAD_START + CHECKSUM_OFFSET] = checksum >>> 8;
            frame[PAYLOAD_START + CHECKSUM_OFFSET + 1] = checksum;
            ip.send(nowUs, PROTOCOL_TCP, remoteAddress, length);
          },
        },
      },
    );
  }

  receive(nowUs: Micros, frame: Uint8Array): void {
    this.advance(nowUs);
    const packet = this.#packet;
    try {
      decodePacket(frame, packet);
    } catch (error) {
      if (!(error instanceof ParseError)) throw error;
      this.#trace?.(this.#nowUs, {
        layer: 'ip',
        kind: 'drop',
        severity: 'warning',
        reason: error.what,
        offset: error.offset,
      });
      return;
    }
    if (this.#trace) this.#traceIn(packet);
    const refusal = this.#refusal(packet);
    if (refusal !== undefined) this.#drop(packet, refusal);
    else if (packet.protocol === PROTOCOL_TCP) this.#receiveTcp(frame, packet);
    else if (packet.protocol === PROTOCOL_ICMP) this.#receiveIcmp(frame, packet);
    else if (packet.protocol === PROTOCOL_UDP) this.#receiveUdp(frame, packet);
    else {
      this.#drop(packet, `protocol ${packet.protocol} is not served`);
      this.#sendUnreachable(CODE_PROTOCOL_UNREACHABLE, frame, packet);
    }
  }

  advance(nowUs: Micros): void {
    // A clock that steps back counts as standing still.
    if (nowUs > this.#nowUs) this.#nowUs = nowUs;
    this.#tcp.fireDue(this.#nowUs);
  }

  poll(): { readonly atUs: Micros; readonly frame: Uint8Array } | undefined {
    return this.#output.poll();
  }

  nextDeadlineUs(): Micros | undefined {
    return this.#tcp.nextDeadlineUs();
  }

  close(nowUs: Micros): void {
    this.advance(nowUs);
    this.#tcp.close(this.#nowUs);
  }

  get openFlows(): number {
    return this.#tcp.openFlows;
  }

  /** Why a well-formed packet is not for us. What passes may be answered: one host to one host, not in fragments. */
  #refusal(packet: Packet): string | undefined {
    if (packet.destination !== this.#localAddress) return 'not our address';
    // RFC 1122 §3.2.1.3 and §3.2.2: what comes from no single host is not answered, neither by ICMP nor by TCP.
    if (!isHostAddress(packet.source)) return 'source is not the address of a host';
    if (packet.source === this.#localAddress) return 'source is our own address';
    if (packet.moreFragments || packet.fragmentOffset > 0) return 'fragment: reassembly is not done';
    return undefined;
  }

  #receiveTcp(frame: Uint8Array, packet: Packet): void {
    const { source, payloadStart, payloadEnd } = packet;
    if (!this.#checksumHolds(frame, packet, PROTOCOL_TCP)) {
      this.#trace?.(this.#nowUs, {
        layer: 'tcp',
        kind: 'drop',
        severity: 'warning',
        reason: 'checksum: does not match the segment',
      });
      return;
    }
    this.#tcp.receive(this.#nowUs, source, frame, payloadStart, payloadEnd);
  }

  /** Nothing listens on UDP (RFC 1122 §4.1.3.1), but a damaged datagram is not even refused (§4.1.3.4). */
  #receiveUdp(frame: Uint8Array, packet: Packet): void {
    const { payloadStart, payloadEnd } = packet;
    const length = ((frame[payloadStart + 4] ?? 0) << 8) | (frame[payloadStart + 5] ?? 0);
    if (length < 8 || length > payloadEnd - payloadStart) {
      this.#drop(packet, 'UDP length does not fit the packet');
      return;
    }
    const unchecked = frame[payloadStart + 6] === 0 && frame[payloadStart + 7] === 0;
    packet.payloadEnd = payloadStart + length;
    if (!unchecked && !this.#checksumHolds(frame, packet, PROTOCOL_UDP)) {
      this.#drop(packet, 'UDP checksum does not match');
      return;
    }
    this.#drop(packet, 'UDP port is not served');
    this.#sendUnreachable(CODE_PORT_UNREACHABLE, frame, packet);
  }

  #receiveIcmp(frame: Uint8Array, packet: Packet): void {
    const { payloadStart, payloadEnd } = packet;
    let message: IcmpMessage;
    try {
      message = decodeIcmp(frame, payloadStart, payloadEnd);
    } catch (error) {
      if (!(error instanceof ParseError)) throw error;
      this.#dropIcmp(error.what);
      return;
    }
    const length = payloadEnd - payloadStart;
    if (this.#trace) this.#traceIcmp('in', packet.source, message, length);
    if (message.type !== ICMP_ECHO) {
      // RFC 1122 §4.2.3.9: what such messages say of a connection is a hint, and the timers find out by themselves.
      this.#dropIcmp(`type ${message.type} is not answered`);
      return;
    }
    if (PAYLOAD_START + length > this.#mtu) {
      this.#dropIcmp('the reply would exceed the MTU');
      return;
    }
    writeEchoReply(this.#output.begin(), PAYLOAD_START, frame, payloadStart, payloadEnd);
    if (this.#trace) this.#traceIcmp('out', packet.source, { ...message, type: ICMP_ECHO_REPLY }, length);
    this.#output.send(this.#nowUs, PROTOCOL_ICMP, packet.source, length);
  }

  #sendUnreachable(code: number, frame: Uint8Array, packet: Packet): void {
    const { payloadStart, payloadEnd } = packet;
    const length = writeUnreachable(this.#output.begin(), PAYLOAD_START, code, frame, payloadStart, payloadEnd);
    if (this.#trace) this.#traceIcmp('out', packet.source, { type: ICMP_DESTINATION_UNREACHABLE, code }, length);
    this.#output.send(this.#nowUs, PROTOCOL_ICMP, packet.source, length);
  }

  #checksumHolds(frame: Uint8Array, packet: Packet, protocol: number): boolean {
    const { source, destination, payloadStart, payloadEnd } = packet;
    const pseudo = pseudoHeaderSum(source, destination, protocol, payloadEnd - payloadStart);
    return finishChecksum(pseudo + sumWords(frame, payloadStart, payloadEnd)) === 0;
  }

  #traceIn(packet: Packet): void {
    this.#trace?.(this.#nowUs, {
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
    });
  }

  #traceIcmp(
    dir: 'in' | 'out',
    peer: number,
    message: { type: number; code: number; identifier?: number; sequenceNumber?: number },
    length: number,
  ): void {
    const local = formatAddress(this.#localAddress);
    const remote = formatAddress(peer);
    const { type, code } = message;
    const echo = type === ICMP_ECHO || type === ICMP_ECHO_REPLY;
    this.#trace?.(this.#nowUs, {
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

  #drop(packet: Packet, reason: string): void {
    this.#trace?.(this.#nowUs, {
      layer: 'ip',
      kind: 'drop',
      severity: 'warning',
      reason,
      src: formatAddress(packet.source),
      dst: formatAddress(packet.destination),
    });
  }

  #dropIcmp(reason: string): void {
    this.#trace?.(this.#nowUs, { layer: 'icmp', kind: 'drop', severity: 'warning', reason });
  }
}
