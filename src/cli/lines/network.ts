// IP, ICMP and TCP events in words. Names of protocols, types and codes: RFC 791, RFC 792, RFC 9293 §3.1.

import type { IcmpEvent, IpEvent, TcpEvent } from '../../core/trace.js';
import { hexText, printable, secondsText, token } from '../text.js';
import { DEBUG, direction, failure, type Level, type Line, plain, VERBOSE, warning } from './line.js';

export function ipLine(event: IpEvent, level: Level): Line {
  switch (event.kind) {
    case 'packet':
      return plain(
        `${direction(event.dir)} ${endText(event.src, event.srcPort)} -> ${endText(event.dst, event.dstPort)}` +
          ` ${protocolName(event.protocol)} ttl=${event.ttl} len=${event.length}${event.dontFragment ? ' DF' : ''}${fragmentText(event)}` +
          (event.ecn === undefined ? '' : ` ${ECN_NAMES[event.ecn]}`) +
          (level >= DEBUG && event.flowLabel !== undefined ? ` flow=${hexText(event.flowLabel, 5)}` : '') +
          (level >= DEBUG ? ` id=${hexText(event.id, 4)}` : ''),
      );
    case 'reassembled':
      return plain(
        `${token(event.src)} -> ${token(event.dst)} ${protocolName(event.protocol)} reassembled` +
          ` from ${event.fragments} fragments id=${hexText(event.id, 4)} len=${event.length}`,
      );
    case 'drop': {
      const ends = event.src !== undefined || event.dst !== undefined;
      const tone = event.severity === undefined ? plain : warning;
      return tone(
        `dropped${ends ? ` ${token(event.src ?? '?')} -> ${token(event.dst ?? '?')}` : ''}: ` +
          `${printable(event.reason)}${offsetText(event.offset)}`,
      );
    }
    default:
      return event satisfies never;
  }
}

/** As TCP's lines have it: `[address]:port` for IPv6. */
function endText(address: string, port: number | undefined): string {
  if (port === undefined) return token(address);
  return token(address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`);
}

export function icmpLine(event: IcmpEvent): Line {
  switch (event.kind) {
    case 'message':
      return plain(
        `${direction(event.dir)} ${token(event.src)} -> ${token(event.dst)} ${icmpName(event)}` +
          (event.id === undefined ? '' : ` id=${event.id}`) +
          (event.seq === undefined ? '' : ` seq=${event.seq}`) +
          ` len=${event.length}`,
      );
    case 'report':
      return warning(
        `${printable(event.what)}${event.mtu === undefined ? '' : ` mtu=${event.mtu}`} about` +
          ` ${token(event.src)} -> ${token(event.dst)} seq=${event.seq}: ${printable(event.verdict)}`,
      );
    case 'drop':
      return warning(`dropped: ${printable(event.reason)}`);
    default:
      return event satisfies never;
  }
}

export function tcpLine(event: TcpEvent, level: Level): Line {
  switch (event.kind) {
    case 'segment':
      return plain(
        `${direction(event.dir)} ${token(event.src)} -> ${token(event.dst)} ${tcpFlagNames(event.flags)} seq=${event.seq}` +
          ((event.flags & ACK) === 0 ? '' : ` ack=${event.ack}`) +
          ` win=${event.window}${event.length === 0 ? '' : ` len=${event.length}`}`,
        level >= VERBOSE ? tcpOptionLines(event) : [],
      );
    case 'cookies':
      return warning(`SYN cookies: ${printable(event.reason)}`);
    case 'state':
      return plain(`[STATE] ${event.from} -> ${event.to}`);
    case 'drop':
      return warning(
        `dropped: ${printable(event.reason)}${event.seq === undefined ? '' : ` seq=${event.seq}`}` +
          (event.length === undefined ? '' : ` len=${event.length}`),
      );
    case 'retransmit':
      return warning(
        `retransmit (${event.reason}) seq=${event.seq} len=${event.length} rto=${secondsText(event.rtoUs)}`,
        level >= VERBOSE ? [`cwnd: ${event.cwnd}`, `ssthresh: ${event.ssthresh}`] : [],
      );
    case 'congestion':
      return plain(
        `congestion ${event.state} (${event.reason}) cwnd=${event.cwnd} flight=${event.flight}`,
        level >= VERBOSE
          ? [
              `ssthresh: ${event.ssthresh}`,
              `srtt: ${event.srttUs < 0 ? 'none' : secondsText(event.srttUs)}, rttvar: ${secondsText(event.rttvarUs)}, rto: ${secondsText(event.rtoUs)}`,
              `peer's window: ${event.window}`,
            ]
          : [],
      );
    case 'abort':
      return failure(`aborted: ${printable(event.reason)}`);
    default:
      return event satisfies never;
  }
}

/** RFC 9293 §3.1 control bits, joined by commas. */
export function tcpFlagNames(flags: number): string {
  const names = TCP_FLAGS.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name);
  return names.length === 0 ? 'none' : names.join(',');
}

const ACK = 0x10;
const TCP_FLAGS: readonly (readonly [bit: number, name: string])[] = [
  [0x02, 'SYN'],
  [0x01, 'FIN'],
  [0x04, 'RST'],
  [0x08, 'PSH'],
  [ACK, 'ACK'],
  [0x20, 'URG'],
  [0x40, 'ECE'],
  [0x80, 'CWR'],
];

function tcpOptionLines(event: Extract<TcpEvent, { kind: 'segment' }>): string[] {
  const lines: string[] = [];
  if (event.mss !== undefined) lines.push(`mss: ${event.mss}`);
  if (event.windowScale !== undefined) lines.push(`window scale: ${event.windowScale}`);
  if (event.sackPermitted === true) lines.push('SACK permitted');
  if (event.tsVal !== undefined) lines.push(`timestamps: val=${event.tsVal} ecr=${event.tsEcr ?? 0}`);
  if (event.sack !== undefined) lines.push(`SACK: ${blocksText(event.sack)}`);
  if (event.congestionExperienced === true) lines.push('congestion experienced');
  return lines;
}

function blocksText(edges: readonly number[]): string {
  const blocks: string[] = [];
  for (let i = 0; i + 1 < edges.length; i += 2) blocks.push(`${edges[i]}-${edges[i + 1]}`);
  return blocks.join(' ');
}

const PROTOCOLS: ReadonlyMap<number, string> = new Map([
  [1, 'ICMP'],
  [2, 'IGMP'],
  [6, 'TCP'],
  [17, 'UDP'],
  [58, 'ICMPv6'],
]);

function protocolName(protocol: number): string {
  return PROTOCOLS.get(protocol) ?? `protocol=${protocol}`;
}

/** RFC 792, message formats. */
const ICMP_TYPES: ReadonlyMap<number, string> = new Map([
  [0, 'echo reply'],
  [3, 'destination unreachable'],
  [4, 'source quench'],
  [5, 'redirect'],
  [8, 'echo request'],
  [11, 'time exceeded'],
  [12, 'parameter problem'],
  [13, 'timestamp'],
  [14, 'timestamp reply'],
  [15, 'information request'],
  [16, 'information reply'],
]);

/** RFC 792, codes of destination unreachable and time exceeded, by type * 256 + code. */
const ICMP_CODES: ReadonlyMap<number, string> = new Map([
  [0x0300, 'net'],
  [0x0301, 'host'],
  [0x0302, 'protocol'],
  [0x0303, 'port'],
  [0x0304, 'fragmentation needed and DF set'],
  [0x0305, 'source route failed'],
  [0x0b00, 'in transit'],
  [0x0b01, 'in reassembly'],
]);

/** RFC 4443 §2.1; the messages of neighbour and listener discovery: RFC 4861 §4, RFC 2710 §3, RFC 3810 §5. */
const ICMP6_TYPES: ReadonlyMap<number, string> = new Map([
  [1, 'destination unreachable'],
  [2, 'packet too big'],
  [3, 'time exceeded'],
  [4, 'parameter problem'],
  [128, 'echo request'],
  [129, 'echo reply'],
  [131, 'listener report'],
  [133, 'router solicitation'],
  [134, 'router advertisement'],
  [135, 'neighbour solicitation'],
  [136, 'neighbour advertisement'],
  [143, 'listener report'],
]);

/** RFC 4443 §3 and RFC 7112 §5, by type * 256 + code. */
const ICMP6_CODES: ReadonlyMap<number, string> = new Map([
  [0x0100, 'no route'],
  [0x0101, 'prohibited'],
  [0x0102, 'beyond scope'],
  [0x0103, 'address'],
  [0x0104, 'port'],
  [0x0300, 'in transit'],
  [0x0301, 'in reassembly'],
  [0x0400, 'erroneous field'],
  [0x0401, 'unrecognized next header'],
  [0x0402, 'unrecognized option'],
  [0x0403, 'incomplete header chain'],
]);

function icmpName({ version, type, code }: { version?: 6; type: number; code: number }): string {
  const name = (version === 6 ? ICMP6_TYPES : ICMP_TYPES).get(type);
  if (name === undefined) return `type=${type} code=${code}`;
  const codeName = (version === 6 ? ICMP6_CODES : ICMP_CODES).get(type * 256 + code);
  if (codeName !== undefined) return `${name} (${codeName})`;
  return code === 0 ? name : `${name} code=${code}`;
}

/** RFC 3168 §5, by codepoint. */
const ECN_NAMES = ['', 'ECT(1)', 'ECT(0)', 'CE'];

function fragmentText(event: { fragmentOffset?: number; moreFragments?: boolean }): string {
  if (event.fragmentOffset === undefined) return '';
  return ` offset=${event.fragmentOffset}${event.moreFragments ? ' MF' : ''}`;
}

function offsetText(offset: number | undefined): string {
  return offset === undefined ? '' : ` (offset ${offset})`;
}
