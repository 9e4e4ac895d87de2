// ICMP errors of both versions that come in: what the message means for the connection that it quotes (RFC 1122 §3.2.2 and
// §4.2.3.9, RFC 4443 §3, RFC 5461 §2), in words and in kind. Whether it is believed is decided by the connection.

import { ParseError } from '../bytes/reader.js';
import type { Trace } from '../trace.js';
import type { Micros } from '../types.js';
import { type Address, formatHost } from './address.js';
import type { AddressForms } from './forms6.js';
import {
  CODE_FRAGMENTATION_NEEDED,
  decodeQuoted,
  ICMP_DESTINATION_UNREACHABLE,
  ICMP_HEADER_BYTES,
  ICMP_PARAMETER_PROBLEM,
  ICMP_SOURCE_QUENCH,
  ICMP_TIME_EXCEEDED,
  type IcmpMessage,
  type QuotedPacket,
} from './icmp.js';
import {
  decodeQuoted6,
  ICMP6_DESTINATION_UNREACHABLE,
  ICMP6_HEADER_BYTES,
  ICMP6_PACKET_TOO_BIG,
  ICMP6_PARAMETER_PROBLEM,
  ICMP6_TIME_EXCEEDED,
  type Icmp6Message,
  type QuotedPacket6,
} from './icmp6.js';
import { type Packet, PROTOCOL_TCP } from './packet.js';
import { IPV6_MIN_MTU } from './packet6.js';
import { meantMtu } from './path-mtu.js';
import type { ErrorReport, Upper } from './upper.js';

interface Meaning {
  readonly kind: 'hard' | 'soft' | 'too-big';
  readonly what: string;
}

const soft = (what: string): Meaning => ({ kind: 'soft', what });
const hard = (what: string): Meaning => ({ kind: 'hard', what });
const TOO_BIG: Meaning = { kind: 'too-big', what: 'fragmentation needed' };
const TIME_EXCEEDED = soft('time exceeded');
const PARAMETER_PROBLEM = soft('parameter problem');

/** Codes of destination unreachable (RFC 1122 §3.2.2.1); those not named here are taken like 0. */
const UNREACHABLE = [
  soft('net unreachable'),
  soft('host unreachable'),
  hard('protocol unreachable'),
  hard('port unreachable'),
  TOO_BIG,
  soft('source route failed'),
];
const PROHIBITED_CODES: ReadonlySet<number> = new Set([9, 10, 13]);
const PROHIBITED = soft('administratively prohibited');

/** RFC 4443 §3.1. */
const UNREACHABLE6 = [
  soft('no route to destination'),
  hard('administratively prohibited'),
  soft('beyond scope of source address'),
  soft('address unreachable'),
  hard('port unreachable'),
  soft('source address failed policy'),
  soft('reject route'),
];

function meaningOf({ type, code }: IcmpMessage): Meaning | undefined {
  if (type === ICMP_TIME_EXCEEDED) return TIME_EXCEEDED;
  if (type === ICMP_PARAMETER_PROBLEM) return PARAMETER_PROBLEM;
  if (type !== ICMP_DESTINATION_UNREACHABLE) return undefined;
  if (code === CODE_FRAGMENTATION_NEEDED) return TOO_BIG;
  return PROHIBITED_CODES.has(code) ? PROHIBITED : (UNREACHABLE[code] ?? UNREACHABLE[0]);
}

function meaningOf6({ type, code }: Icmp6Message): Meaning | undefined {
  if (type === ICMP6_PACKET_TOO_BIG) return { kind: 'too-big', what: 'packet too big' };
  if (type === ICMP6_TIME_EXCEEDED) return TIME_EXCEEDED;
  if (type === ICMP6_PARAMETER_PROBLEM) return PARAMETER_PROBLEM;
  return type === ICMP6_DESTINATION_UNREACHABLE ? (UNREACHABLE6[code] ?? UNREACHABLE6[0]) : undefined;
}

/** Brings the message in `frame`, whose header is `packet`, to TCP. Gives the reason when it is not even brought there. */
export function reportIcmp(
  nowUs: Micros,
  message: IcmpMessage,
  frame: Uint8Array,
  packet: Packet,
  upper: Upper,
  trace: Trace | undefined,
): string | undefined {
  // RFC 6633: nobody sends source quench any more, and whoever does is not heeded.
  if (message.type === ICMP_SOURCE_QUENCH) return 'source quench is not heeded';
  const meaning = meaningOf(message);
  if (meaning === undefined) return `type ${message.type} is not answered`;
  let quoted: QuotedPacket;
  try {
    quoted = decodeQuoted(frame, packet.payloadStart + ICMP_HEADER_BYTES, packet.payloadEnd);
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    return error.what;
  }
  if (quoted.source !== packet.destination) return 'quotes a packet that is not ours';
  if (quoted.protocol !== PROTOCOL_TCP || quoted.fragmentOffset > 0) return 'quotes a packet that is not of TCP';
  const { source: local, destination: remoteAddress, totalLength } = quoted;
  const mtu = meaning === TOO_BIG ? meantMtu(message.sequenceNumber, totalLength) : undefined;
  if (meaning === TOO_BIG && mtu === undefined) return 'an MTU that the quoted packet does not exceed';
  tell(nowUs, local, quoted, { ...addressed(remoteAddress, quoted, meaning), ...(mtu && { mtu }) }, upper, trace);
  return undefined;
}

/** The same for ICMPv6. */
export function reportIcmp6(
  nowUs: Micros,
  message: Icmp6Message,
  frame: Uint8Array,
  start: number,
  end: number,
  local: string,
  forms: AddressForms,
  upper: Upper,
  trace: Trace | undefined,
): string | undefined {
  const meaning = meaningOf6(message);
  if (meaning === undefined) return `type ${message.type} is not answered`;
  let quoted: QuotedPacket6;
  try {
    quoted = decodeQuoted6(frame, start + ICMP6_HEADER_BYTES, end);
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    return error.what;
  }
  if (forms.text(frame, quoted.sourceAt) !== local) return 'quotes a packet that is not ours';
  if (quoted.nextHeader !== PROTOCOL_TCP) return 'quotes a packet that is not of TCP';
  const remoteAddress = forms.text(frame, quoted.destinationAt);
  const mtu = meaning.kind === 'too-big' ? message.rest : undefined;
  if (mtu !== undefined) {
    if (mtu >= quoted.totalLength) return 'an MTU that the quoted packet does not exceed';
    // RFC 8201 §4, RFC 8021: no path is narrower, and fragments of such packets would only serve an attacker.
    if (mtu < IPV6_MIN_MTU) return `an MTU below ${IPV6_MIN_MTU}`;
  }
  tell(nowUs, local, quoted, { ...addressed(remoteAddress, quoted, meaning), ...(mtu && { mtu }) }, upper, trace);
  return undefined;
}

function addressed(
  remoteAddress: Address,
  quoted: { readonly sourcePort: number; readonly destinationPort: number; readonly seq: number },
  meaning: Meaning,
): ErrorReport {
  const { sourcePort: localPort, destinationPort: remotePort, seq } = quoted;
  return { remoteAddress, remotePort, localPort, seq, ...meaning };
}

function tell(
  nowUs: Micros,
  local: Address,
  quoted: { readonly sourcePort: number },
  report: ErrorReport,
  upper: Upper,
  trace: Trace | undefined,
): void {
  const verdict = upper.report(nowUs, report);
  trace?.(nowUs, {
    layer: 'icmp',
    kind: 'report',
    severity: 'warning',
    what: report.what,
    src: `${formatHost(local)}:${quoted.sourcePort}`,
    dst: `${formatHost(report.remoteAddress)}:${report.remotePort}`,
    seq: report.seq,
    ...(report.mtu !== undefined && { mtu: report.mtu }),
    verdict,
  });
}
