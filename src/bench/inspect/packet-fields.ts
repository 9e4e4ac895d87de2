// The fields of a packet below TLS and HTTP under Wireshark's names, with its values: what filters, JSON and comparisons see. Made
// only when somebody asks.

import { ACK, CWR, ECE, FIN, PSH, RST, type Segment, SYN, URG } from '../../core/tcp/segment.js';
import { formatAddress } from '../addresses.js';
import { type ChecksumState, type PacketView, PROTOCOL, u16, u32 } from './packet-view.js';
import type { TcpHalf } from './tcp-half.js';
import type { InspectedField, InspectedLayer, LayerName } from './types.js';

/** Collects the fields of one layer. */
export class FieldList {
  readonly fields: InspectedField[] = [];

  put(name: string, value: InspectedField['value'], text?: string): this {
    this.fields.push(text === undefined ? { name, value } : { name, value, text });
    return this;
  }

  /** `bytes`: the header and what follows it. */
  layer(name: LayerName, bytes?: Uint8Array, headerLength = bytes?.length ?? 0): InspectedLayer {
    const { fields } = this;
    return bytes === undefined ? { name, fields } : { name, fields, bytes, headerLength };
  }
}

const CHECKSUM_STATUS: Readonly<Record<ChecksumState, readonly [number, string]>> = {
  bad: [0, 'Bad'],
  good: [1, 'Good'],
  unverified: [2, 'Unverified'],
  offloaded: [2, 'Unverified'],
};

export interface FrameFacts {
  readonly number: number;
  readonly timeNs: bigint | undefined;
  readonly atUs: number;
  /** Since the packet before. */
  readonly deltaNs: number;
  readonly originalLength: number;
  readonly capturedLength: number;
}

export function frameLayer(facts: FrameFacts): InspectedLayer {
  const list = new FieldList()
    .put('frame.number', facts.number)
    .put('frame.time_relative', facts.atUs / 1e6)
    .put('frame.time_delta', facts.deltaNs / 1e9)
    .put('frame.len', facts.originalLength)
    .put('frame.cap_len', facts.capturedLength);
  if (facts.timeNs !== undefined) list.put('frame.time_epoch', Number(facts.timeNs) / 1e9);
  return list.layer('frame');
}

/** The first layer, with the names of those after it: `eth:ethertype:ip:tcp:tls`. */
export function withProtocols(layers: readonly InspectedLayer[], view: PacketView): InspectedLayer {
  const [frame, ...above] = layers;
  const names = above.flatMap(({ name }) => (name === 'eth' || name === 'vlan' ? [name, 'ethertype'] : [name]));
  const isRepeated = (at: number): boolean => names[at] === names[at - 1] && names[at] !== 'ip';
  const value = names.filter((_, at) => !isRepeated(at)).join(':') || (view.etherType < 0 ? 'data' : 'ethertype:data');
  return { name: 'frame', fields: [...frame!.fields, { name: 'frame.protocols', value }] };
}

export function ethernetLayer(view: PacketView): InspectedLayer {
  const { bytes, ethernetAt: at } = view;
  const list = new FieldList();
  const destination = macText(bytes.subarray(at, at + 6));
  const source = macText(bytes.subarray(at + 6, at + 12));
  list.put('eth.dst', destination).put('eth.src', source).put('eth.addr', destination).put('eth.addr', source);
  return list.put('eth.type', u16(bytes, at + 12)).layer('eth', bytes, 14);
}

export function macText(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':');
}

export function ipLayer(view: PacketView): InspectedLayer {
  return view.version === 4 ? ipv4Layer(view) : ipv6Layer(view);
}

/** The header counts in these (RFC 791 §3.1, RFC 8200 §4.5), and so does Wireshark's field. */
const FRAGMENT_UNIT = 8;

function ipv4Layer(view: PacketView): InspectedLayer {
  const { bytes, ipAt: at } = view;
  const list = new FieldList().put('ip.version', 4);
  if (bytes.length - at < 20) return list.layer('ip', bytes.subarray(at));
  const source = formatAddress(bytes.subarray(at + 12, at + 16));
  const destination = formatAddress(bytes.subarray(at + 16, at + 20));
  const fragment = u16(bytes, at + 6);
  list
    .put('ip.hdr_len', (bytes[at]! & 0x0f) * 4)
    .put('ip.dsfield', bytes[at + 1]!)
    .put('ip.dsfield.dscp', bytes[at + 1]! >>> 2)
    .put('ip.dsfield.ecn', bytes[at + 1]! & 3)
    .put('ip.len', view.ipLength)
    .put('ip.id', u16(bytes, at + 4))
    .put('ip.flags', fragment >>> 13)
    .put('ip.flags.df', (fragment & 0x4000) !== 0)
    .put('ip.flags.mf', (fragment & 0x2000) !== 0)
    .put('ip.frag_offset', view.fragmentOffset / FRAGMENT_UNIT)
    .put('ip.ttl', bytes[at + 8]!)
    .put('ip.proto', bytes[at + 9]!)
    .put('ip.checksum', u16(bytes, at + 10))
    .put('ip.checksum.status', ...CHECKSUM_STATUS[view.ipChecksum]);
  return list
    .put('ip.src', source)
    .put('ip.addr', source)
    .put('ip.dst', destination)
    .put('ip.addr', destination)
    .put('ip.src_host', source)
    .put('ip.host', source)
    .put('ip.dst_host', destination)
    .put('ip.host', destination)
    .layer('ip', packetBytes(view), (bytes[at]! & 0x0f) * 4);
}

function ipv6Layer(view: PacketView): InspectedLayer {
  const { bytes, ipAt: at } = view;
  const list = new FieldList().put('ipv6.version', 6).put('ip.version', 6);
  if (bytes.length - at < 40) return list.layer('ipv6', bytes.subarray(at));
  const source = formatAddress(bytes.subarray(at + 8, at + 24));
  const destination = formatAddress(bytes.subarray(at + 24, at + 40));
  const word = u32(bytes, at);
  list
    .put('ipv6.tclass', (word >>> 20) & 0xff)
    .put('ipv6.tclass.dscp', (word >>> 22) & 0x3f)
    .put('ipv6.tclass.ecn', (word >>> 20) & 3)
    .put('ipv6.flow', word & 0xf_ffff)
    .put('ipv6.plen', u16(bytes, at + 4))
    .put('ipv6.nxt', bytes[at + 6]!)
    .put('ipv6.hlim', bytes[at + 7]!)
    .put('ipv6.src', source)
    .put('ipv6.addr', source)
    .put('ipv6.dst', destination)
    .put('ipv6.addr', destination)
    .put('ipv6.src_host', source)
    .put('ipv6.host', source)
    .put('ipv6.dst_host', destination)
    .put('ipv6.host', destination);
  if (view.hasFragmentHeader) {
    list
      .put('ipv6.fraghdr.offset', view.fragmentOffset / FRAGMENT_UNIT)
      .put('ipv6.fraghdr.more', view.moreFragments)
      .put('ipv6.fraghdr.ident', view.fragmentId);
  }
  return list.layer('ipv6', packetBytes(view), 40);
}

function packetBytes({ bytes, ipAt, payloadEnd }: PacketView): Uint8Array {
  return bytes.subarray(ipAt, Math.max(ipAt, payloadEnd));
}

export function tcpBytes(view: PacketView): [bytes: Uint8Array, headerLength: number] {
  const bytes = upperBytes(view);
  return [bytes, Math.min(bytes.length, ((bytes[12] ?? 0) >>> 4) * 4)];
}

/** Of the upper layer, without what Ethernet pads a short frame with. */
function upperBytes({ upper, upperAt, upperEnd }: PacketView): Uint8Array {
  return upper.subarray(upperAt, upperEnd);
}

export function icmpLayer(view: PacketView, checksum: ChecksumState): InspectedLayer {
  const { upper, upperAt: at, upperEnd: end } = view;
  const isV6 = view.protocol === PROTOCOL.ICMPV6;
  const name = isV6 ? 'icmpv6' : 'icmp';
  const list = new FieldList();
  if (end - at < 4) return list.layer(name, upperBytes(view));
  const type = upper[at]!;
  list
    .put(`${name}.type`, type)
    .put(`${name}.code`, upper[at + 1]!)
    .put(`${name}.checksum`, u16(upper, at + 2));
  list.put(`${name}.checksum.status`, ...CHECKSUM_STATUS[checksum]);
  if (end - at < 8) return list.layer(name, upperBytes(view));
  if (isV6 ? type === 128 || type === 129 : type === 0 || type === 8) {
    list.put(isV6 ? 'icmpv6.echo.identifier' : 'icmp.ident', u16(upper, at + 4));
    list.put(isV6 ? 'icmpv6.echo.sequence_number' : 'icmp.seq', u16(upper, at + 6));
  } else if (!isV6 && type === 3 && upper[at + 1] === 4) list.put('icmp.mtu', u16(upper, at + 6));
  else if (isV6 && type === 2) list.put('icmpv6.mtu', u32(upper, at + 4));
  return list.layer(name, upperBytes(view));
}

/** `stream`: undefined where it is not counted. */
export function udpLayer(view: PacketView, checksum: ChecksumState, stream?: number): InspectedLayer {
  const { upper, upperAt: at, upperEnd: end } = view;
  const list = new FieldList();
  if (end - at < 4) return list.layer('udp', upperBytes(view));
  list
    .put('udp.srcport', u16(upper, at))
    .put('udp.dstport', u16(upper, at + 2))
    .put('udp.port', u16(upper, at))
    .put('udp.port', u16(upper, at + 2));
  if (stream !== undefined) list.put('udp.stream', stream);
  if (stream !== undefined && end > at + 8) list.put('udp.payload', upper.subarray(at + 8, end));
  if (end - at < 8) return list.layer('udp', upperBytes(view));
  return list
    .put('udp.length', u16(upper, at + 4))
    .put('udp.checksum', u16(upper, at + 6))
    .put('udp.checksum.status', ...CHECKSUM_STATUS[checksum])
    .layer('udp', upperBytes(view), 8);
}

const FLAGS = [
  ['fin', FIN],
  ['syn', SYN],
  ['reset', RST],
  ['push', PSH],
  ['ack', ACK],
  ['urg', URG],
  ['ece', ECE],
  ['cwr', CWR],
] as const;

const ANALYSIS = new Map([
  ['retransmission', ['tcp.analysis.retransmission']],
  ['fast-retransmission', ['tcp.analysis.fast_retransmission', 'tcp.analysis.retransmission']],
  ['spurious-retransmission', ['tcp.analysis.spurious_retransmission', 'tcp.analysis.retransmission']],
  ['out-of-order', ['tcp.analysis.out_of_order']],
  ['previous-segment-lost', ['tcp.analysis.lost_segment']],
  ['acked-unseen', ['tcp.analysis.ack_lost_segment']],
  ['duplicate-ack', ['tcp.analysis.duplicate_ack']],
  ['zero-window', ['tcp.analysis.zero_window']],
  ['zero-window-probe', ['tcp.analysis.zero_window_probe']],
  ['zero-window-probe-ack', ['tcp.analysis.zero_window_probe_ack']],
  ['window-full', ['tcp.analysis.window_full']],
  ['window-update', ['tcp.analysis.window_update']],
  ['keep-alive', ['tcp.analysis.keep_alive']],
  ['keep-alive-ack', ['tcp.analysis.keep_alive_ack']],
  ['port-reused', ['tcp.analysis.reused_ports']],
]);

/** Names of Wireshark's for our verdict; none: it has no such. */
export function analysisFields(code: string): readonly string[] {
  return ANALYSIS.get(code) ?? [];
}

/** `own` is the sender's half, as it was before or after this segment alike. */
export function tcpLayer(
  view: PacketView,
  segment: Segment,
  stream: number,
  own: TcpHalf | undefined,
  peer: TcpHalf | undefined,
  checksum: ChecksumState,
): FieldList {
  const { sourcePort, destinationPort, seq, ack, flags } = segment;
  const list = new FieldList()
    .put('tcp.srcport', sourcePort)
    .put('tcp.dstport', destinationPort)
    .put('tcp.port', sourcePort)
    .put('tcp.port', destinationPort)
    .put('tcp.stream', stream)
    .put('tcp.len', segment.payloadLength)
    .put('tcp.seq', (seq - (own?.baseSeq ?? 0)) >>> 0)
    .put('tcp.seq_raw', seq);
  // RFC 9293 §3.1: without ACK the field says nothing.
  const relativeAck = (flags & ACK) === 0 ? ack : (ack - (peer?.baseSeq ?? 0)) >>> 0;
  list.put('tcp.ack', relativeAck).put('tcp.ack_raw', ack);
  putFlags(list, view);
  const scaled = own !== undefined && own.windowShift >= 0 && (flags & SYN) === 0;
  list
    .put('tcp.window_size_value', segment.window)
    .put('tcp.window_size', scaled ? segment.window * 2 ** own.windowShift : segment.window)
    .put('tcp.checksum', u16(view.upper, view.upperAt + 16))
    .put('tcp.checksum.status', ...CHECKSUM_STATUS[checksum])
    .put('tcp.urgent_pointer', u16(view.upper, view.upperAt + 18));
  if ((flags & SYN) === 0) {
    // Wireshark's -2 says that there is none, and -1 that the beginning was not seen.
    const factor = scaled ? 2 ** own.windowShift : own?.sawSyn ? -2 : -1;
    list.put('tcp.window_size_scalefactor', factor);
  }
  const { upper, upperAt } = view;
  const headerEnd = upperAt + (upper[upperAt + 12]! >>> 4) * 4;
  if (headerEnd > upperAt + 20) list.put('tcp.options', upper.subarray(upperAt + 20, headerEnd));
  if (segment.payloadLength > 0) {
    const { payloadStart, payloadLength } = segment;
    list.put('tcp.payload', upper.subarray(payloadStart, payloadStart + payloadLength));
  }
  return putOptions(list, segment, peer?.baseSeq ?? 0);
}

/** Of a header within an ICMP error, as far as it was quoted; its numbers are not counted from the connection's. */
export function quotedTcpLayer(view: PacketView, segment: Segment | undefined, stream: number | undefined): FieldList {
  const { upper, upperAt: at, upperEnd: end } = view;
  const list = new FieldList();
  if (end - at < 4) return list;
  const [source, destination] = [u16(upper, at), u16(upper, at + 2)];
  list.put('tcp.srcport', source).put('tcp.dstport', destination).put('tcp.port', source).put('tcp.port', destination);
  if (end - at < 8) return list;
  list.put('tcp.seq', u32(upper, at + 4));
  if (end - at < 16) return list;
  if (stream !== undefined) list.put('tcp.stream', stream);
  // Wireshark has it over IPv6 only.
  if (view.version === 6) list.put('tcp.seq_raw', u32(upper, at + 4));
  const ack = u32(upper, at + 8);
  list.put('tcp.ack', ack).put('tcp.ack_raw', ack);
  putFlags(list, view);
  const window = u16(upper, at + 14);
  list.put('tcp.window_size_value', window).put('tcp.window_size', window);
  if (end - at < 18) return list;
  list.put('tcp.checksum', u16(upper, at + 16)).put('tcp.checksum.status', ...CHECKSUM_STATUS[view.upperChecksum(16)]);
  if (end - at < 20) return list;
  list.put('tcp.urgent_pointer', u16(upper, at + 18));
  if (segment !== undefined && segment.payloadLength > 0) {
    const { payloadStart, payloadLength } = segment;
    list.put('tcp.payload', upper.subarray(payloadStart, payloadStart + payloadLength));
  }
  return segment === undefined ? list : putOptions(list, segment, 0);
}

function putFlags(list: FieldList, { upper, upperAt: at }: PacketView): void {
  const flags = upper[at + 13]!;
  // RFC 9293 §3.1: the four bits before the flags belong to the field as well.
  const reserved = upper[at + 12]! & 0x0f;
  list.put('tcp.hdr_len', (upper[at + 12]! >>> 4) * 4).put('tcp.flags', (reserved << 8) | flags);
  for (const [name, bit] of FLAGS) list.put(`tcp.flags.${name}`, (flags & bit) !== 0);
  const bits = (reserved << 8) | flags;
  const letters = Array.from('RRRACEUAPRSF', (letter, at) => ((bits & (0x800 >>> at)) === 0 ? '·' : letter));
  list.put('tcp.flags.str', letters.join(''));
}

/** `base`: what the numbers of the other direction are counted from. */
function putOptions(list: FieldList, segment: Segment, base: number): FieldList {
  if (segment.mss >= 0) list.put('tcp.options.mss_val', segment.mss);
  if (segment.windowScale >= 0) list.put('tcp.options.wscale.shift', segment.windowScale);
  if (segment.sackPermitted) list.put('tcp.options.sack_perm', true);
  for (let block = 0; block < segment.sackBlocks; block++) {
    list
      .put('tcp.options.sack_le', (segment.sackEdges[2 * block]! - base) >>> 0)
      .put('tcp.options.sack_re', (segment.sackEdges[2 * block + 1]! - base) >>> 0);
  }
  if (segment.hasTimestamps) {
    list.put('tcp.options.timestamp.tsval', segment.tsVal).put('tcp.options.timestamp.tsecr', segment.tsEcr);
  }
  return list;
}
