// The packet that an ICMP error is about (RFC 792, RFC 4443 §3): its headers stand behind the error's own, seldom whole. They give
// their fields as Wireshark's do, as layers of their own; nobody takes them for what the packet itself carries.

import { ParseError } from '../../core/bytes/reader.js';
import { decodeSegment, emptySegment, type Segment } from '../../core/tcp/segment.js';
import { LINKTYPE } from '../../io/capture.js';
import { icmpLayer, ipLayer, quotedTcpLayer, tcpBytes, udpLayer } from './packet-fields.js';
import { PacketView, PROTOCOL } from './packet-view.js';
import type { InspectedLayer, LayerName } from './types.js';

/** Destination unreachable, source quench, redirect, time exceeded, parameter problem. */
const ERRORS = new Set([3, 4, 5, 11, 12]);
/** Destination unreachable, packet too big, time exceeded, parameter problem. */
const ERRORS_6 = new Set([1, 2, 3, 4]);
/** Before the quote. */
const HEADER_BYTES = 8;

export interface IcmpQuote {
  readonly view: PacketView;
  /** It is the beginning of a TCP header. */
  readonly hasPorts: boolean;
  /** Of TCP, when the header is whole. */
  readonly segment: Segment | undefined;
}

/** `view` is that of an ICMP message; undefined: it is no error, or holds no IP header. */
export function quoteOf({ protocol, upper, upperAt, upperEnd }: PacketView): IcmpQuote | undefined {
  if (upperEnd - upperAt <= HEADER_BYTES) return undefined;
  if (!(protocol === PROTOCOL.ICMP ? ERRORS : ERRORS_6).has(upper[upperAt]!)) return undefined;
  const view = new PacketView();
  view.read(LINKTYPE.RAW, upper.subarray(upperAt + HEADER_BYTES, upperEnd));
  if (view.version === 0) return undefined;
  const isTcp = view.protocol === PROTOCOL.TCP && view.fragmentOffset === 0;
  const hasPorts = isTcp && view.upperEnd - view.upperAt >= 4;
  return { view, hasPorts, segment: hasPorts ? segmentOf(view) : undefined };
}

function segmentOf({ upper, upperAt, upperEnd }: PacketView): Segment | undefined {
  try {
    return decodeSegment(upper, upperAt, upperEnd, emptySegment());
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    return undefined;
  }
}

/** `stream`: number of the connection that it is about, where it is known. */
export function quotedLayers({ view, segment }: IcmpQuote, wantsFields: boolean, stream?: number): InspectedLayer[] {
  const names: LayerName[] = [view.version === 4 ? 'ip' : 'ipv6'];
  const upper = view.fragmentOffset > 0 ? undefined : UPPER.get(view.protocol);
  if (upper !== undefined && view.upperEnd > view.upperAt) names.push(upper);
  return names.map((name) => {
    if (!wantsFields) return { name, fields: [], quoted: true };
    return { ...quotedLayer(name, view, segment, stream), quoted: true };
  });
}

const UPPER = new Map<number, LayerName>([
  [PROTOCOL.TCP, 'tcp'],
  [PROTOCOL.UDP, 'udp'],
  [PROTOCOL.ICMP, 'icmp'],
  [PROTOCOL.ICMPV6, 'icmpv6'],
]);

function quotedLayer(
  name: LayerName,
  view: PacketView,
  segment: Segment | undefined,
  stream: number | undefined,
): InspectedLayer {
  switch (name) {
    case 'tcp':
      return quotedTcpLayer(view, segment, stream).layer('tcp', ...tcpBytes(view));
    case 'udp':
      return udpLayer(view, view.upperChecksum(6));
    case 'icmp':
    case 'icmpv6':
      return icmpLayer(view, view.upperChecksum(2));
    default:
      return ipLayer(view);
  }
}
