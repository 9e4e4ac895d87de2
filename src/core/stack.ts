// Frames in, frames out: logical time and due timers, and the way of a packet through IPv4 or IPv6 to tcp/endpoint.ts and
// back. Begin reading here; the layers are in ip/ipv4.ts, ip/ipv6.ts and tcp/. Neighbour discovery and routing are left
// out: on the other side of the device is one host, or a router that knows the way.

import { tokenFlow, traceUnanswered } from './http/deferral.js';
import type { Answer } from './http/message.js';
import {
  type Address,
  formatAddress6,
  isHostAddress,
  isHostAddress6,
  parseAddress,
  parseAddress6,
} from './ip/address.js';
import { finishChecksum, pseudoHeaderSum, pseudoHeaderSum6, sumWords } from './ip/checksum.js';
import { ErrorRate } from './ip/error-rate.js';
import { AddressForms } from './ip/forms6.js';
import { Ipv4 } from './ip/ipv4.js';
import { Ipv6 } from './ip/ipv6.js';
import { IpOutput, PAYLOAD_START } from './ip/output.js';
import { IPV4_HEADER_BYTES, PROTOCOL_TCP } from './ip/packet.js';
import { IPV6_HEADER_BYTES, IPV6_MIN_MTU } from './ip/packet6.js';
import { PathMtus } from './ip/path-mtu.js';
import { Reassembly } from './ip/reassembly.js';
import { Scratch, tellIncomplete } from './ip/shared.js';
import type { ErrorReport, Upper } from './ip/upper.js';
import { limits } from './limits.js';
import type { RandomSource } from './random.js';
import { resolveTcpConfig, type TcpConfig } from './tcp/config.js';
import { Endpoint } from './tcp/endpoint.js';
import type { PathMss, TcpOutput } from './tcp/output.js';
import { CHECKSUM_OFFSET, TCP_HEADER_BYTES } from './tcp/segment.js';
import type { Trace } from './trace.js';
import type { Micros, SessionFactory, Stack } from './types.js';

export interface StackConfig {
  /** Dotted IPv4 address that the stack answers for. */
  readonly localAddress: string;
  /** IPv6 address that it answers for as well; absent: IPv6 is not spoken. */
  readonly localAddress6?: string | undefined;
  /** Bytes of the largest IP packet to send, 576 to 65,535, with IPv6 from 1280 on. Larger ones are taken when they come. */
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
  const { localAddress6: text6 } = config;
  const localAddress6 = text6 === undefined ? undefined : parseAddress6(text6);
  if (text6 !== undefined && (localAddress6 === undefined || !isHostAddress6(localAddress6))) {
    throw new RangeError(`localAddress6: ${text6} is not the address of an IPv6 host`);
  }
  const least = localAddress6 === undefined ? limits.ip.minMtu : IPV6_MIN_MTU;
  if (!Number.isInteger(config.mtu) || config.mtu < least || config.mtu > 65_535) {
    throw new RangeError(`mtu: ${config.mtu} is not between ${least} and 65535`);
  }
  return new IpStack(localAddress, localAddress6, config, deps);
}

class IpStack implements Stack {
  readonly #mtu: number;
  readonly #trace: Trace | undefined;
  readonly #reassembly = new Reassembly();
  readonly #paths = new PathMtus();
  readonly #output: IpOutput;
  readonly #ipv4: Ipv4;
  readonly #ipv6: Ipv6 | undefined;
  readonly #tcp: Endpoint;
  #nowUs: Micros = 0;

  constructor(localAddress: number, localAddress6: Uint8Array | undefined, config: StackConfig, deps: StackDeps) {
    const { mtu, services } = config;
    const { random, trace } = deps;
    this.#mtu = mtu;
    this.#trace = trace;
    const forms = new AddressForms();
    const localText6 = localAddress6 === undefined ? '' : formatAddress6(localAddress6);
    const output = new IpOutput({ mtu, localAddress, localAddress6, localText6 }, { random, forms, trace });
    this.#output = output;
    const upper: Upper = {
      segment: (nowUs, remoteAddress, bytes, start, end, pseudoSum, ecn) =>
        this.#receiveSegment(nowUs, remoteAddress, bytes, start, end, pseudoSum, ecn),
      report: (nowUs, report) => this.#receiveReport(nowUs, report),
    };
    const shared = {
      ...{ mtu, output, upper, trace, reassembly: this.#reassembly, paths: this.#paths },
      ...{ errorRate: new ErrorRate(), scratch: new Scratch() },
    };
    this.#ipv4 = new Ipv4({ ...shared, localAddress });
    this.#ipv6 = localAddress6 && new Ipv6({ ...shared, localAddress: localAddress6, localText: localText6, forms });
    this.#tcp = new Endpoint(
      {
        localAddress: (remote) => (typeof remote === 'number' ? localAddress : localText6),
        mss: (remote) => mtu - headerBytes(remote),
        pathMss: (nowUs, remote) => this.#pathMss(nowUs, remote),
        services,
        settings: resolveTcpConfig(config.tcp),
      },
      { random, trace, output: segmentOutput(output, localAddress, localAddress6, forms) },
    );
  }

  receive(nowUs: Micros, frame: Uint8Array): void {
    this.advance(nowUs);
    if (this.#ipv6 !== undefined && frame.length > 0 && frame[0]! >>> 4 === 6) this.#ipv6.receive(this.#nowUs, frame);
    else this.#ipv4.receive(this.#nowUs, frame);
  }

  /** Timers of datagrams and of connections in the order of their deadlines; at the same instant datagrams are first. */
  advance(nowUs: Micros): void {
    // A clock that steps back counts as standing still.
    if (nowUs > this.#nowUs) this.#nowUs = nowUs;
    for (;;) {
      const deadlineUs = this.#reassembly.nextDeadlineUs();
      if (deadlineUs > this.#nowUs) break;
      this.#tcp.fireDue(deadlineUs - 1);
      this.#expireDatagram(deadlineUs);
    }
    this.#tcp.fireDue(this.#nowUs);
  }

  poll(): { readonly atUs: Micros; readonly frame: Uint8Array } | undefined {
    return this.#output.poll();
  }

  nextDeadlineUs(): Micros | undefined {
    const tcpUs = this.#tcp.nextDeadlineUs();
    const datagramUs = this.#reassembly.nextDeadlineUs();
    if (datagramUs === Number.POSITIVE_INFINITY) return tcpUs;
    return tcpUs === undefined ? datagramUs : Math.min(tcpUs, datagramUs);
  }

  close(nowUs: Micros): void {
    this.advance(nowUs);
    this.#tcp.close(this.#nowUs);
  }

  abort(nowUs: Micros): void {
    this.advance(nowUs);
    this.#tcp.abort(this.#nowUs);
  }

  respond(nowUs: Micros, token: string, answer: Answer): void {
    this.advance(nowUs);
    const flow = tokenFlow(token);
    const found = this.#tcp.serve(this.#nowUs, flow, (session) => session.respond?.(this.#nowUs, token, answer));
    if (!found && this.#trace) {
      traceUnanswered(this.#trace, this.#nowUs, flow, token, 'warning', 'no such connection any more');
    }
  }

  get openFlows(): number {
    return this.#tcp.openFlows;
  }

  #expireDatagram(deadlineUs: Micros): void {
    const datagram = this.#reassembly.popDue(deadlineUs)!;
    tellIncomplete(deadlineUs, datagram, 'fragments are missing, and the time for them is over', this.#trace);
    if (typeof datagram.source === 'number') this.#ipv4.expired(deadlineUs, datagram);
    else this.#ipv6?.expired(deadlineUs, datagram);
  }

  #receiveSegment(
    nowUs: Micros,
    remoteAddress: Address,
    bytes: Uint8Array,
    start: number,
    end: number,
    pseudoSum: number,
    ecn: number,
  ): void {
    if (finishChecksum(pseudoSum + sumWords(bytes, start, end)) !== 0) {
      const reason = 'checksum: does not match the segment';
      this.#trace?.(nowUs, { layer: 'tcp', kind: 'drop', severity: 'warning', reason });
      return;
    }
    this.#tcp.receive(nowUs, remoteAddress, bytes, start, end, ecn);
  }

  /** What a connection took for true is remembered for the next ones to the same host. */
  #receiveReport(nowUs: Micros, report: ErrorReport): string {
    const { mtu, ...error } = report;
    if (mtu === undefined) return this.#tcp.icmpError(nowUs, error);
    const untilUs = nowUs + limits.ip.pathUs;
    const path = { mss: mtu - headerBytes(report.remoteAddress), untilUs };
    const verdict = this.#tcp.icmpError(nowUs, { ...error, path });
    if (verdict === 'path MTU taken') this.#paths.learn(report.remoteAddress, { mtu, untilUs });
    return verdict;
  }

  #pathMss(nowUs: Micros, remoteAddress: Address): PathMss | undefined {
    const path = this.#paths.get(nowUs, remoteAddress);
    if (path === undefined || path.mtu >= this.#mtu) return undefined;
    return { mss: path.mtu - headerBytes(remoteAddress), untilUs: path.untilUs };
  }
}

/** RFC 6691 §2: the fixed headers of IP and TCP. */
function headerBytes(remoteAddress: Address): number {
  return (typeof remoteAddress === 'number' ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES) + TCP_HEADER_BYTES;
}

/** Segments are written in place behind the room for the larger IP header; their checksum covers the addresses. */
function segmentOutput(
  output: IpOutput,
  localAddress: number,
  localAddress6: Uint8Array | undefined,
  forms: AddressForms,
): TcpOutput {
  const local6 = localAddress6 ?? new Uint8Array(16);
  return {
    payloadStart: PAYLOAD_START,
    begin: () => output.begin(),
    send: (nowUs, remoteAddress, length, ecn) => {
      const frame = output.begin();
      const pseudo =
        typeof remoteAddress === 'number'
          ? pseudoHeaderSum(localAddress, remoteAddress, PROTOCOL_TCP, length)
          : pseudoHeaderSum6(local6, 0, forms.bytes(remoteAddress), 0, PROTOCOL_TCP, length);
      const checksum = finishChecksum(pseudo + sumWords(frame, PAYLOAD_START, PAYLOAD_START + length));
      frame[PAYLOAD_START + CHECKSUM_OFFSET] = checksum >>> 8;
      frame[PAYLOAD_START + CHECKSUM_OFFSET + 1] = checksum;
      output.send(nowUs, PROTOCOL_TCP, remoteAddress, length, ecn);
    },
  };
}
