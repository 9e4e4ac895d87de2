// IPv6 of a host (RFC 8200) on a link without neighbours: what is for us, extension headers, fragments, and ICMPv6 (RFC
// 4443): echo, errors that we send and errors that we get. Nothing is routed, no multicast group is joined, and what
// hosts tell each other by multicast is dropped without a warning.

import { ParseError } from '../bytes/reader.js';
import { limits } from '../limits.js';
import type { Trace } from '../trace.js';
import type { Micros } from '../types.js';
import { formatAddress6, isHostAddress6, isMulticast6 } from './address.js';
import { finishChecksum, pseudoHeaderSum6, sumWords } from './checksum.js';
import type { ErrorRate } from './error-rate.js';
import {
  type Chain,
  CODE_INCOMPLETE_CHAIN,
  CODE_UNRECOGNIZED_NEXT_HEADER,
  emptyChain,
  walkChain,
} from './extensions6.js';
import type { AddressForms } from './forms6.js';
import { reportIcmp6 } from './icmp-report.js';
import {
  CODE6_IN_REASSEMBLY,
  CODE6_PORT_UNREACHABLE,
  decodeIcmp6,
  ICMP6_DESTINATION_UNREACHABLE,
  ICMP6_ECHO,
  ICMP6_ECHO_REPLY,
  ICMP6_PARAMETER_PROBLEM,
  ICMP6_TIME_EXCEEDED,
  type Icmp6Message,
  isIcmp6Error,
  MOST_QUOTED_BYTES,
  makeEchoReply6,
  writeIcmp6Checksum,
  writeIcmp6Error,
} from './icmp6.js';
import { type IpOutput, PAYLOAD_START } from './output.js';
import { PROTOCOL_TCP, PROTOCOL_UDP } from './packet.js';
import {
  DESTINATION_AT,
  decodePacket6,
  emptyPacket6,
  FRAGMENT_HEADER_BYTES,
  IPV6_HEADER_BYTES,
  IPV6_MAX_PAYLOAD_BYTES,
  NEXT_HEADER_AT,
  NEXT_HEADER_DESTINATION_OPTIONS,
  NEXT_HEADER_FRAGMENT,
  NEXT_HEADER_HOP_BY_HOP,
  NEXT_HEADER_ICMPV6,
  NEXT_HEADER_ROUTING,
  type Packet6,
  SOURCE_AT,
} from './packet6.js';
import type { PathMtus } from './path-mtu.js';
import { assemble, type Datagram, ecnOf, type Fragment, type Reassembly } from './reassembly.js';
import { emptyFragment, type Scratch, tellGivenUp, tellReassembled } from './shared.js';
import type { Upper } from './upper.js';

/** What an upper-layer header has at least, for RFC 7112; ICMPv6 and UDP have 8 bytes. */
const TCP_HEADER_BYTES = 20;
const OTHER_HEADER_BYTES = 8;

export interface Ipv6Deps {
  /** 16 bytes, and their text. */
  readonly localAddress: Uint8Array;
  readonly localText: string;
  readonly mtu: number;
  readonly output: IpOutput;
  readonly reassembly: Reassembly;
  readonly errorRate: ErrorRate;
  readonly paths: PathMtus;
  readonly forms: AddressForms;
  readonly scratch: Scratch;
  readonly upper: Upper;
  readonly trace: Trace | undefined;
}

export class Ipv6 {
  readonly #deps: Ipv6Deps;
  readonly #trace: Trace | undefined;
  /** Every packet is decoded into these, and every fragment told by the third. */
  readonly #packet = emptyPacket6();
  readonly #chain = emptyChain();
  readonly #innerChain = emptyChain();
  readonly #fragment: Fragment = emptyFragment(limits.ip.reassembly6Us);

  constructor(deps: Ipv6Deps) {
    this.#deps = deps;
    this.#trace = deps.trace;
  }

  /** `frame` is valid during the call only. */
  receive(nowUs: Micros, frame: Uint8Array): void {
    const packet = this.#packet;
    try {
      decodePacket6(frame, packet);
    } catch (error) {
      if (!(error instanceof ParseError)) throw error;
      const { what: reason, offset } = error;
      this.#trace?.(nowUs, { layer: 'ip', kind: 'drop', severity: 'warning', reason, offset });
      return;
    }
    if (isMulticast6(frame, DESTINATION_AT)) {
      // Listener reports and router solicitations of the host's own kernel, mostly: not for us and no cause for worry.
      this.#drop(nowUs, frame, 'multicast', false);
      return;
    }
    const chain = this.#chain;
    const { payloadEnd, nextHeader } = packet;
    walkChain(frame, IPV6_HEADER_BYTES, payloadEnd, nextHeader, NEXT_HEADER_AT, false, chain);
    if (this.#trace) this.#traceIn(nowUs, frame, packet, chain);
    const refusal = this.#refusal(frame);
    if (refusal !== undefined) this.#drop(nowUs, frame, refusal);
    else this.#receiveChain(nowUs, frame, payloadEnd, packet.ecn, chain);
  }

  /** A datagram's time for reassembly is over (RFC 8200 §4.5). */
  expired(nowUs: Micros, datagram: Datagram): void {
    const { head } = datagram;
    if (head !== undefined) this.#sendError(nowUs, ICMP6_TIME_EXCEEDED, CODE6_IN_REASSEMBLY, 0, head, head.length);
  }

  /** Why a well-formed packet is not for us. What passes may be answered: it is from one host to one host. */
  #refusal(frame: Uint8Array): string | undefined {
    const { localAddress } = this.#deps;
    if (!sameAddress(frame, DESTINATION_AT, localAddress)) return 'not our address';
    if (!isHostAddress6(frame, SOURCE_AT)) return 'source is not the address of a host';
    if (sameAddress(frame, SOURCE_AT, localAddress)) return 'source is our own address';
    return undefined;
  }

  #receiveChain(nowUs: Micros, frame: Uint8Array, end: number, ecn: number, chain: Chain): void {
    switch (chain.verdict) {
      case 'upper':
        this.#deliver(nowUs, frame, end, ecn, chain);
        return;
      case 'fragment':
        this.#receiveFragment(nowUs, frame, end, ecn, chain);
        return;
      case 'problem':
        this.#drop(nowUs, frame, chain.reason);
        this.#sendError(nowUs, ICMP6_PARAMETER_PROBLEM, chain.code, chain.pointer, frame, end);
        return;
      case 'incomplete':
      case 'drop':
        this.#drop(nowUs, frame, chain.reason);
        return;
      default:
        chain.verdict satisfies never;
    }
  }

  #deliver(nowUs: Micros, frame: Uint8Array, end: number, ecn: number, chain: Chain): void {
    const { protocol, at } = chain;
    if (protocol === PROTOCOL_TCP) {
      const pseudo = pseudoHeaderSum6(frame, SOURCE_AT, frame, DESTINATION_AT, PROTOCOL_TCP, end - at);
      this.#deps.upper.segment(nowUs, this.#deps.forms.text(frame, SOURCE_AT), frame, at, end, pseudo, ecn);
    } else if (protocol === NEXT_HEADER_ICMPV6) this.#receiveIcmp(nowUs, frame, at, end);
    else if (protocol === PROTOCOL_UDP) this.#receiveUdp(nowUs, frame, at, end);
    else {
      // RFC 8200 §4: also what no stack reads without a key, like ESP.
      this.#drop(nowUs, frame, `next header ${protocol} is not served`);
      this.#sendError(nowUs, ICMP6_PARAMETER_PROBLEM, CODE_UNRECOGNIZED_NEXT_HEADER, chain.nextHeaderAt, frame, end);
    }
  }

  // ---- fragments ----

  #receiveFragment(nowUs: Micros, frame: Uint8Array, end: number, ecn: number, chain: Chain): void {
    const { reassembly, scratch, forms } = this.#deps;
    const fragmentAt = chain.at;
    const start = fragmentAt + FRAGMENT_HEADER_BYTES;
    const length = end - start;
    // RFC 8200 §4.5: both errors are told to the source, at the field that is wrong.
    if (chain.moreFragments && length % 8 !== 0) {
      this.#drop(nowUs, frame, 'a fragment whose length is no multiple of 8');
      this.#sendError(nowUs, ICMP6_PARAMETER_PROBLEM, 0, 4, frame, end);
      return;
    }
    if (fragmentAt - IPV6_HEADER_BYTES + chain.fragmentOffset + length > IPV6_MAX_PAYLOAD_BYTES) {
      this.#drop(nowUs, frame, 'the datagram exceeds 65,535 bytes');
      this.#sendError(nowUs, ICMP6_PARAMETER_PROBLEM, 0, fragmentAt + 2, frame, end);
      return;
    }
    if (length <= 0) {
      this.#drop(nowUs, frame, 'an empty fragment');
      return;
    }
    // The header before the fragment header says what follows it: from now on the fragment's own next header does.
    const inner = this.#innerChain;
    const protocol = frame[fragmentAt]!;
    if (
      chain.fragmentOffset === 0 &&
      !chainIsWhole(walkChain(frame, start, end, protocol, fragmentAt, true, inner), end)
    ) {
      // RFC 7112 §5: nobody could filter by what the first fragment does not say.
      this.#drop(nowUs, frame, 'a first fragment without all of its headers');
      this.#sendError(nowUs, ICMP6_PARAMETER_PROBLEM, CODE_INCOMPLETE_CHAIN, 0, frame, end);
      return;
    }
    const fragment = this.#fragment;
    fragment.source = forms.text(frame, SOURCE_AT);
    fragment.protocol = protocol;
    fragment.id = chain.id;
    fragment.frame = frame;
    fragment.start = start;
    fragment.end = end;
    fragment.offset = chain.fragmentOffset;
    fragment.more = chain.moreFragments;
    fragment.ecn = ecn;
    fragment.headerEnd = fragmentAt;
    fragment.nextHeaderAt = chain.nextHeaderAt;
    fragment.quoteEnd = Math.min(end, MOST_QUOTED_BYTES);
    const result = reassembly.add(nowUs, fragment);
    if (typeof result === 'string') this.#drop(nowUs, frame, result);
    tellGivenUp(nowUs, reassembly, this.#trace);
    if (typeof result === 'object') this.#receiveWhole(nowUs, result, scratch.bytes());
  }

  #receiveWhole(nowUs: Micros, datagram: Datagram, whole: Uint8Array): void {
    const payloadLength = datagram.headerEnd - IPV6_HEADER_BYTES + datagram.length;
    if (payloadLength > IPV6_MAX_PAYLOAD_BYTES) {
      this.#drop(nowUs, datagram.head!, 'the datagram exceeds 65,535 bytes');
      return;
    }
    const { headerEnd, nextHeaderAt, protocol } = datagram;
    const end = assemble(datagram, whole);
    whole[4] = payloadLength >>> 8;
    whole[5] = payloadLength;
    whole[nextHeaderAt] = protocol;
    if (this.#trace) tellReassembled(nowUs, datagram, this.#deps.localText, end, this.#trace);
    const chain = walkChain(whole, headerEnd, end, protocol, nextHeaderAt, true, this.#chain);
    this.#receiveChain(nowUs, whole, end, ecnOf(datagram), chain);
  }

  // ---- UDP ----

  /** Nothing listens on UDP. Unlike in IPv4 a datagram without a checksum is as good as damaged (RFC 8200 §8.1). */
  #receiveUdp(nowUs: Micros, frame: Uint8Array, start: number, end: number): void {
    const length = ((frame[start + 4] ?? 0) << 8) | (frame[start + 5] ?? 0);
    if (end - start < 8 || length < 8 || length > end - start) {
      this.#drop(nowUs, frame, 'UDP length does not fit the packet');
      return;
    }
    const udpEnd = start + length;
    const pseudo = pseudoHeaderSum6(frame, SOURCE_AT, frame, DESTINATION_AT, PROTOCOL_UDP, length);
    const unchecked = frame[start + 6] === 0 && frame[start + 7] === 0;
    if (unchecked || finishChecksum(pseudo + sumWords(frame, start, udpEnd)) !== 0) {
      this.#drop(nowUs, frame, 'UDP checksum does not match');
      return;
    }
    this.#drop(nowUs, frame, 'UDP port is not served');
    this.#sendError(nowUs, ICMP6_DESTINATION_UNREACHABLE, CODE6_PORT_UNREACHABLE, 0, frame, end);
  }

  // ---- ICMPv6 ----

  #receiveIcmp(nowUs: Micros, frame: Uint8Array, start: number, end: number): void {
    let message: Icmp6Message;
    try {
      message = decodeIcmp6(frame, start, end);
    } catch (error) {
      if (!(error instanceof ParseError)) throw error;
      this.#dropIcmp(nowUs, error.what);
      return;
    }
    const { forms, localText, upper } = this.#deps;
    const source = forms.text(frame, SOURCE_AT);
    if (this.#trace) this.#traceIcmp(nowUs, 'in', source, message, end - start);
    if (message.type === ICMP6_ECHO) this.#answerEcho(nowUs, frame, start, end, source, message);
    else {
      const ignored = reportIcmp6(nowUs, message, frame, start, end, localText, forms, upper, this.#trace);
      if (ignored !== undefined) this.#dropIcmp(nowUs, ignored);
    }
  }

  /** RFC 4443 §4.2: all of the data comes back, in fragments where it must. */
  #answerEcho(
    nowUs: Micros,
    frame: Uint8Array,
    start: number,
    end: number,
    source: string,
    message: Icmp6Message,
  ): void {
    const { output, mtu, paths, scratch, forms, localAddress } = this.#deps;
    const length = end - start;
    const pathMtu = paths.get(nowUs, source)?.mtu ?? mtu;
    const remote = forms.bytes(source);
    if (this.#trace) this.#traceIcmp(nowUs, 'out', source, { ...message, type: ICMP6_ECHO_REPLY }, length);
    const whole = IPV6_HEADER_BYTES + length <= pathMtu;
    const reply = whole ? output.begin() : scratch.bytes();
    const at = whole ? PAYLOAD_START : 0;
    reply.set(frame.subarray(start, end), at);
    makeEchoReply6(reply, at);
    writeIcmp6Checksum(reply, at, at + length, localAddress, remote);
    if (whole) output.send(nowUs, NEXT_HEADER_ICMPV6, source, length);
    else output.sendFragments(nowUs, NEXT_HEADER_ICMPV6, source, reply, 0, length, pathMtu);
  }

  /** RFC 4443 §2.4 e: no error about an error; that the packet is from one host to us alone was seen before. */
  #sendError(nowUs: Micros, type: number, code: number, rest: number, frame: Uint8Array, end: number): void {
    const { errorRate, output, forms, localAddress } = this.#deps;
    if (quotesError(frame, end)) return;
    if (!errorRate.take(nowUs)) {
      this.#dropIcmp(nowUs, 'too many errors are sent already');
      return;
    }
    const destination = forms.text(frame, SOURCE_AT);
    const bytes = output.begin();
    const length = writeIcmp6Error(bytes, PAYLOAD_START, type, code, rest, frame, end);
    writeIcmp6Checksum(bytes, PAYLOAD_START, PAYLOAD_START + length, localAddress, forms.bytes(destination));
    if (this.#trace) this.#traceIcmp(nowUs, 'out', destination, { type, code, rest: 0 }, length);
    output.send(nowUs, NEXT_HEADER_ICMPV6, destination, length);
  }

  // ---- trace ----

  #traceIn(nowUs: Micros, frame: Uint8Array, packet: Packet6, chain: Chain): void {
    const fragment = chain.verdict === 'fragment';
    this.#trace?.(nowUs, {
      layer: 'ip',
      kind: 'packet',
      dir: 'in',
      src: formatAddress6(frame, SOURCE_AT),
      dst: formatAddress6(frame, DESTINATION_AT),
      protocol: fragment ? frame[chain.at]! : chain.protocol,
      ttl: packet.hopLimit,
      length: packet.payloadEnd,
      id: fragment ? chain.id : 0,
      dontFragment: false,
      ...(fragment && { fragmentOffset: chain.fragmentOffset, moreFragments: chain.moreFragments }),
      ...(packet.ecn !== 0 && { ecn: packet.ecn }),
      flowLabel: packet.flowLabel,
    });
  }

  #traceIcmp(nowUs: Micros, dir: 'in' | 'out', remote: string, message: Icmp6Message, length: number): void {
    const { localText } = this.#deps;
    const { type, code, rest } = message;
    const echo = type === ICMP6_ECHO || type === ICMP6_ECHO_REPLY;
    this.#trace?.(nowUs, {
      layer: 'icmp',
      kind: 'message',
      version: 6,
      dir,
      src: dir === 'in' ? remote : localText,
      dst: dir === 'in' ? localText : remote,
      type,
      code,
      length,
      ...(echo && { id: rest >>> 16, seq: rest & 0xffff }),
    });
  }

  #drop(nowUs: Micros, frame: Uint8Array, reason: string, warn = true): void {
    if (!this.#trace) return;
    const src = formatAddress6(frame, SOURCE_AT);
    const dst = formatAddress6(frame, DESTINATION_AT);
    this.#trace(nowUs, { layer: 'ip', kind: 'drop', ...(warn && { severity: 'warning' }), reason, src, dst });
  }

  #dropIcmp(nowUs: Micros, reason: string): void {
    this.#trace?.(nowUs, { layer: 'icmp', kind: 'drop', severity: 'warning', reason });
  }
}

/** RFC 7112 §3: from the first extension header through the upper-layer header. */
function chainIsWhole(chain: Chain, end: number): boolean {
  if (chain.verdict === 'incomplete') return false;
  if (chain.verdict !== 'upper') return true;
  return chain.at + (chain.protocol === PROTOCOL_TCP ? TCP_HEADER_BYTES : OTHER_HEADER_BYTES) <= end;
}

const CHAINED: ReadonlySet<number> = new Set([
  NEXT_HEADER_HOP_BY_HOP,
  NEXT_HEADER_ROUTING,
  NEXT_HEADER_FRAGMENT,
  NEXT_HEADER_DESTINATION_OPTIONS,
]);

/** Whether the packet in `frame[0, end)` is itself an ICMPv6 error, behind whatever headers it has. */
function quotesError(frame: Uint8Array, end: number): boolean {
  let protocol = frame[NEXT_HEADER_AT]!;
  let at = IPV6_HEADER_BYTES;
  for (let headers = 0; headers < limits.ip.extensionHeaders && at + 8 <= end; headers++) {
    if (protocol === NEXT_HEADER_ICMPV6) return isIcmp6Error(frame[at]!);
    if (!CHAINED.has(protocol)) return false;
    const length = protocol === NEXT_HEADER_FRAGMENT ? FRAGMENT_HEADER_BYTES : (frame[at + 1]! + 1) * 8;
    protocol = frame[at]!;
    at += length;
  }
  // A chain that cannot be followed to its end may hold anything.
  return protocol === NEXT_HEADER_ICMPV6;
}

function sameAddress(frame: Uint8Array, at: number, address: Uint8Array): boolean {
  for (let i = 0; i < 16; i++) if (frame[at + i] !== address[i]) return false;
  return true;
}
