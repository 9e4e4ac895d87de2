// The inspector's driver: a capture's packets in order, each with its events, fields and verdicts. Any link layer, IPv4 and IPv6
// with fragments, ICMP, UDP, TCP in both directions; what is above TCP is read by conversation.ts. Streams in bounded memory.

import { ParseError } from '../../core/bytes/reader.js';
import { emptySegment, type Segment } from '../../core/tcp/segment.js';
import type { TraceEvent } from '../../core/trace.js';
import { type CaptureItem, openCapture, type Packet, SECRETS_TLS_KEY_LOG } from '../../io/capture.js';
import { Budgets } from './budget.js';
import { decodeCut } from './cut-segment.js';
import { endsOf, endText, FlowTable } from './flow-table.js';
import { Fragments } from './fragments.js';
import { quotedLayers, quoteOf } from './icmp-quote.js';
import { linkLayers } from './link-fields.js';
import { describeNotIp } from './not-ip.js';
import {
  analysisFields,
  ethernetLayer,
  frameLayer,
  icmpLayer,
  ipLayer,
  tcpBytes,
  tcpLayer,
  udpLayer,
  withProtocols,
} from './packet-fields.js';
import { type ChecksumState, PacketView, PROTOCOL, u16 } from './packet-view.js';
import type { TcpFlow } from './tcp-flow.js';
import { TcpTiming } from './tcp-timing.js';
import { VERDICTS } from './tcp-verdicts.js';
import type {
  ConversationOptions,
  ConversationReader,
  InspectedLayer,
  InspectedPacket,
  KeyStore,
  LayerName,
  PacketSink,
  RecordedExchange,
  Verdict,
} from './types.js';
import { UdpStreams } from './udp-streams.js';

export interface InspectOptions {
  readonly keys: KeyStore;
  /** Fields of all layers; without it `layers` has their names only. */
  readonly fields?: boolean;
  readonly events?: boolean;
  /** Segments with a wrong TCP checksum are read as if it were right: addresses were replaced, say. */
  readonly ignoreChecksums?: boolean;
  readonly onExchange?: (exchange: RecordedExchange) => void;
  /** Of the content of responses a digest is enough. */
  readonly hashesResponses?: boolean;
  /** As `ConversationOptions` has it. */
  readonly requestContentBytes?: number;
  readonly createConversation: (options: ConversationOptions) => ConversationReader;
}

export interface Ending {
  readonly flow: string;
  readonly verdicts: readonly Verdict[];
}

export interface InspectSummary {
  packets: number;
  bytes: number;
  connections: number;
  /** Of them, whose beginning is not in the capture. */
  midstream: number;
  /** Followed no more, because there were too many at once. */
  forgotten: number;
  firstNs: bigint | undefined;
  lastUs: number;
  /** How often each verdict was given, by its code. */
  readonly verdicts: Map<string, number>;
}

const NO_FIELDS: InspectedLayer['fields'] = [];
const PRESENT = new Map<LayerName, InspectedLayer>();

/** A layer of which only the name is wanted. */
export function presence(name: LayerName): InspectedLayer {
  let layer = PRESENT.get(name);
  if (layer === undefined) {
    layer = { name, fields: NO_FIELDS };
    PRESENT.set(name, layer);
  }
  return layer;
}

/** `onItem` sees what the file has before the packet that comes of it. Raises CaptureError where reading ends early, after all packets before that place. */
export async function* inspectCapture(
  file: string,
  options: InspectOptions,
  inspector: Inspector = new Inspector(options),
  onItem?: (item: CaptureItem) => void,
): AsyncGenerator<InspectedPacket, void, undefined> {
  for await (const item of openCapture(file)) {
    onItem?.(item);
    const packet = inspector.take(item);
    if (packet !== undefined) yield packet;
  }
  inspector.end();
}

export class Inspector implements PacketSink {
  readonly wantsFields: boolean;
  readonly wantsEvents: boolean;
  readonly summary: InspectSummary = {
    packets: 0,
    bytes: 0,
    connections: 0,
    midstream: 0,
    forgotten: 0,
    firstNs: undefined,
    lastUs: 0,
    verdicts: new Map(),
  };
  /** After `end`: what is to be said of connections that the capture leaves open. */
  readonly endings: Ending[] = [];
  readonly #options: InspectOptions;
  readonly #view = new PacketView();
  readonly #segment = emptySegment();
  readonly #fragments = new Fragments();
  readonly #flows: FlowTable;
  readonly #budgets = new Budgets();
  /** Of the packet at hand. */
  #layers: InspectedLayer[] = [];
  #events: TraceEvent[] = [];
  #verdicts: Verdict[] = [];
  #number = 0;
  #atNs: number | undefined;
  #stream: number | undefined;
  #customBlocks = 0;
  #lastNs = 0;
  readonly #udpStreams = new UdpStreams();
  readonly #timings = new WeakMap<TcpFlow, TcpTiming>();

  constructor(options: InspectOptions) {
    this.#options = options;
    this.wantsFields = options.fields === true;
    this.wantsEvents = options.events === true;
    this.#flows = new FlowTable((flow) => flow.end(SILENT));
  }

  /** `frame.number` of the packet at hand. */
  get packet(): number {
    return this.#number;
  }

  get atNs(): number | undefined {
    return this.#atNs;
  }

  event(event: TraceEvent): void {
    if (this.wantsEvents) this.#events.push(event);
  }

  layer(layer: InspectedLayer): void {
    this.#layers.push(layer);
  }

  verdict(verdict: Verdict): void {
    this.#verdicts.push(verdict);
    const { verdicts } = this.summary;
    verdicts.set(verdict.code, (verdicts.get(verdict.code) ?? 0) + 1);
  }

  /** What comes of an item of the capture, in the order of the file. Never throws. */
  take(item: CaptureItem): InspectedPacket | undefined {
    // Wireshark numbers custom blocks as it numbers packets.
    if (item.kind === 'custom') this.#customBlocks++;
    if (item.kind === 'secrets' && item.secretsType === SECRETS_TLS_KEY_LOG) {
      this.#options.keys.add(new TextDecoder().decode(item.data));
    }
    return item.kind === 'packet' ? this.#packet(item) : undefined;
  }

  /** The capture is over: what waits for its rest is told to conversations. */
  end(): void {
    for (const flow of this.#flows.all()) {
      // Of no packet: the last one was handed out long ago.
      this.#layers = [];
      this.#events = [];
      this.#verdicts = [];
      flow.end(this);
      if (this.#verdicts.length > 0) this.endings.push({ flow: flow.names.flow, verdicts: this.#verdicts });
    }
    this.summary.forgotten = this.#flows.forgotten;
  }

  #packet(packet: Packet): InspectedPacket {
    const { summary } = this;
    const { timeNs, data, originalLength } = packet;
    this.#layers = [];
    this.#events = [];
    this.#verdicts = [];
    this.#number = packet.index + this.#customBlocks;
    this.#stream = undefined;
    summary.packets++;
    summary.bytes += originalLength;
    if (timeNs !== undefined) summary.firstNs ??= timeNs;
    const atNs = timeNs === undefined ? 0 : Number(timeNs - summary.firstNs!);
    this.#atNs = timeNs === undefined ? undefined : atNs;
    const atUs = Math.floor(atNs / 1000);
    if (atUs > summary.lastUs) summary.lastUs = atUs;
    const view = this.#view;
    view.read(packet.linkType, data, originalLength);
    if (this.wantsFields) {
      const deltaNs = summary.packets === 1 ? 0 : atNs - this.#lastNs;
      this.#lastNs = atNs;
      const facts = { number: this.#number, timeNs, atUs, deltaNs, originalLength, capturedLength: data.length };
      this.layer(frameLayer(facts));
      if (view.ethernetAt >= 0) {
        this.layer(ethernetLayer(view));
        for (const layer of linkLayers(view)) this.layer(layer);
      }
    }
    const flow = view.version === 0 ? this.#notIp(view) : this.#ip(view, packet, atNs);
    if (this.wantsFields) this.#layers[0] = withProtocols(this.#layers, view);
    return {
      number: this.#number,
      timeNs,
      atUs,
      linkType: packet.linkType,
      bytes: data,
      originalLength,
      fileOffset: packet.fileOffset,
      flow,
      ...(this.#stream !== undefined && { stream: this.#stream }),
      ...(view.version === 0 && { about: describeNotIp(view, packet.linkType) }),
      layers: this.#layers,
      events: this.#events,
      verdicts: this.#verdicts,
    };
  }

  #notIp(view: PacketView): undefined {
    if (view.ipProblem !== '') this.verdict({ ...NO_IP, text: view.ipProblem });
    return undefined;
  }

  #ip(view: PacketView, packet: Packet, atNs: number): string | undefined {
    if (view.ipProblem !== '') this.verdict({ ...BAD_IP, text: view.ipProblem });
    if (view.ipChecksum === 'bad') {
      this.verdict(this.#options.ignoreChecksums ? { ...BAD_IP_CHECKSUM, severity: 'warning' } : BAD_IP_CHECKSUM);
    }
    if (view.truncated) {
      const cut = packet.data.length < packet.originalLength;
      this.verdict(cut ? CUT_BY_SNAP_LENGTH : SHORTER_THAN_SAID);
    }
    if (this.wantsFields) this.layer(ipLayer(view));
    else this.layer(presence(view.version === 4 ? 'ip' : 'ipv6'));
    if (this.wantsEvents) this.#ipEvent(view, packet);
    if (view.isFragment) {
      const whole = this.#fragments.add(view);
      if (whole === undefined) return undefined;
      view.reassembled(whole.bytes);
      if (this.wantsEvents) {
        const { source: src, destination: dst } = endsOf(view);
        const { protocol, fragmentId: id } = view;
        const header = view.version === 4 ? 20 : 40;
        const length = header + whole.bytes.length;
        this.event({ layer: 'ip', kind: 'reassembled', src, dst, protocol, id, length, fragments: whole.fragments });
      }
    }
    switch (view.protocol) {
      case PROTOCOL.TCP:
        return this.#tcp(view, atNs);
      case PROTOCOL.UDP:
        if (this.wantsFields)
          this.layer(udpLayer(view, this.#checksum(view, 6, 'udp'), this.#udpStreams.numberOf(view)));
        else this.layer(presence('udp'));
        return undefined;
      case PROTOCOL.ICMP:
      case PROTOCOL.ICMPV6:
        this.#icmp(view, packet);
        return undefined;
      default:
        return undefined;
    }
  }

  #checksum(view: PacketView, fieldAt: number, what: string): ChecksumState {
    const state = view.upperChecksum(fieldAt);
    if (state === 'bad') {
      const severity = this.#options.ignoreChecksums ? 'warning' : 'error';
      const layer = what === 'tcp' ? 'tcp' : 'icmp';
      this.verdict({ severity, layer, code: 'bad-checksum', text: `the ${what} checksum is wrong` });
    }
    return state;
  }

  #icmp(view: PacketView, packet: Packet): void {
    const checksum = this.#checksum(view, 2, view.version === 4 ? 'icmp' : 'icmpv6');
    if (this.wantsFields) this.layer(icmpLayer(view, checksum));
    else this.layer(presence(view.protocol === PROTOCOL.ICMP ? 'icmp' : 'icmpv6'));
    const quote = quoteOf(view);
    if (quote !== undefined) {
      const stream = quote.hasPorts ? this.#flows.known(quote.view)?.index : undefined;
      for (const layer of quotedLayers(quote, this.wantsFields, stream)) this.layer(layer);
    }
    const { upper, upperAt: at, upperEnd: end, protocol } = view;
    if (!this.wantsEvents || end - at < 8) return;
    const { source: src, destination: dst } = endsOf(view);
    const type = upper[at]!;
    const isEcho = protocol === PROTOCOL.ICMP ? type === 0 || type === 8 : type === 128 || type === 129;
    const isReply = type === 0 || type === 129;
    this.event({
      layer: 'icmp',
      kind: 'message',
      ...(protocol === PROTOCOL.ICMPV6 && { version: 6 as const }),
      dir: packet.direction ?? (isReply ? 'out' : 'in'),
      src,
      dst,
      type,
      code: upper[at + 1]!,
      length: end - at + view.uncaptured,
      ...(isEcho && { id: u16(upper, at + 4), seq: u16(upper, at + 6) }),
    });
  }

  #tcp(view: PacketView, atNs: number): string | undefined {
    const segment = this.#segment;
    // Of a segment that was cut, the header and what there is of the text are looked at.
    let captured: number;
    try {
      captured = decodeCut(view, segment);
    } catch (error) {
      if (!(error instanceof ParseError)) throw error;
      this.layer(presence('tcp'));
      if (!view.truncated) this.verdict({ ...BAD_SEGMENT, text: error.what });
      return undefined;
    }
    const checksum = this.#checksum(view, 16, 'tcp');
    const { flow, fromClient, isNew, reused } = this.#flows.find(view, segment, this.#number);
    if (isNew) this.#newFlow(flow, reused);
    this.#stream = flow.index;
    const dir = fromClient ? 'in' : 'out';
    const place = this.#layers.length;
    this.layer(presence('tcp'));
    if (this.wantsEvents) this.#segmentEvent(view, segment, flow, dir);
    const before = this.#verdicts.length;
    const below = this.#events.length;
    // A segment whose checksum is wrong was thrown away by the one who got it.
    if (checksum !== 'bad' || this.#options.ignoreChecksums) {
      flow.take(dir, segment, view.upper, captured, atNs, this, () => this.#converse(flow));
    }
    // The live log tells what leaves from the top down: frames, then the segment that carries them, then its packet.
    if (dir === 'out' && this.wantsEvents) {
      this.#events = [...this.#events.slice(below), ...this.#events.slice(0, below).reverse()];
    }
    if (this.wantsFields) {
      const [own, peer] = fromClient ? [flow.client, flow.server] : [flow.server, flow.client];
      const list = tcpLayer(view, segment, flow.index, own, peer, checksum);
      const found = this.#verdicts.slice(before);
      const analysis = found.flatMap(({ code }) => analysisFields(code));
      for (const name of analysis) list.put(name, true);
      if (analysis.length > 0) list.put('tcp.analysis.flags', '');
      const timing = this.#timings.get(flow) ?? new TcpTiming(atNs);
      this.#timings.set(flow, timing);
      timing.put(list, dir, segment, this.#number, atNs, analysis);
      this.#layers[place] = list.layer('tcp', ...tcpBytes(view));
    }
    return flow.names.flow;
  }

  #newFlow(flow: TcpFlow, reused: boolean): void {
    const { summary } = this;
    summary.connections++;
    if (flow.midstream) {
      summary.midstream++;
      this.verdict(MIDSTREAM);
    }
    if (reused) this.verdict(VERDICTS.portReused);
  }

  #converse(flow: TcpFlow): ConversationReader {
    const { keys, onExchange, hashesResponses = false, requestContentBytes, createConversation } = this.#options;
    return createConversation({
      flow: flow.names.flow,
      stream: flow.index,
      midstream: flow.midstream,
      keys,
      budgets: this.#budgets,
      ...(onExchange && { onExchange, hashesResponses }),
      ...(requestContentBytes !== undefined && { requestContentBytes }),
    });
  }

  #ipEvent(view: PacketView, packet: Packet): void {
    const { bytes, ipAt: at, version, protocol } = view;
    if (bytes.length - at < (version === 4 ? 20 : 40)) return;
    const { source: src, destination: dst } = endsOf(view);
    const ecn = version === 4 ? bytes[at + 1]! & 3 : (bytes[at + 1]! >>> 4) & 3;
    const flowLabel = version === 6 ? ((bytes[at + 1]! & 0x0f) << 16) | u16(bytes, at + 2) : undefined;
    const hasPorts = protocol === PROTOCOL.UDP && view.fragmentOffset === 0 && view.upperEnd - view.upperAt >= 4;
    this.event({
      layer: 'ip',
      kind: 'packet',
      dir: packet.direction ?? this.#directionOf(view),
      src,
      dst,
      protocol,
      ttl: bytes[at + (version === 4 ? 8 : 7)]!,
      length: view.ipLength,
      id: version === 4 ? u16(bytes, at + 4) : view.isFragment ? view.fragmentId : 0,
      dontFragment: version === 4 && (u16(bytes, at + 6) & 0x4000) !== 0,
      ...(view.isFragment && { fragmentOffset: view.fragmentOffset, moreFragments: view.moreFragments }),
      ...(ecn !== 0 && { ecn }),
      ...(flowLabel !== undefined && { flowLabel }),
      ...(hasPorts && { srcPort: u16(view.upper, view.upperAt), dstPort: u16(view.upper, view.upperAt + 2) }),
    });
  }

  /** Without a direction in the file: as the connection has it, that of the SYN being `in`. */
  #directionOf(view: PacketView): 'in' | 'out' {
    if (view.protocol !== PROTOCOL.TCP || view.fragmentOffset > 0 || view.upperEnd - view.upperAt < 20) return 'in';
    const known = this.#flows.peek(view);
    if (known !== undefined) return known;
    return (view.upper[view.upperAt + 13]! & 0x12) === 0x12 ? 'out' : 'in';
  }

  #segmentEvent(view: PacketView, segment: Segment, flow: TcpFlow, dir: 'in' | 'out'): void {
    const { source, destination } = endsOf(view);
    const { seq, ack, flags, window, payloadLength: length } = segment;
    this.event({
      layer: 'tcp',
      kind: 'segment',
      dir,
      flow: flow.names.flow,
      src: endText(view.version, source, segment.sourcePort),
      dst: endText(view.version, destination, segment.destinationPort),
      seq,
      ack,
      flags,
      window,
      length,
      ...(segment.mss >= 0 && { mss: segment.mss }),
      ...(segment.windowScale >= 0 && { windowScale: segment.windowScale }),
      ...(segment.sackPermitted && { sackPermitted: true as const }),
      ...(segment.hasTimestamps && { tsVal: segment.tsVal, tsEcr: segment.tsEcr }),
      ...(segment.sackBlocks > 0 && { sack: [...segment.sackEdges.subarray(0, 2 * segment.sackBlocks)] }),
    });
  }
}

/** For what becomes known when nobody looks at a packet any more. */
const SILENT: PacketSink = {
  wantsFields: false,
  wantsEvents: false,
  event: () => {},
  layer: () => {},
  verdict: () => {},
};

const NO_IP = { severity: 'note', layer: 'ip', code: 'no-ip' } as const;
const BAD_IP = { severity: 'error', layer: 'ip', code: 'bad-ip-header', rule: 'RFC 791 §3.1' } as const;
const BAD_IP_CHECKSUM: Verdict = {
  severity: 'error',
  layer: 'ip',
  code: 'bad-checksum',
  text: 'the header checksum is wrong',
  rule: 'RFC 791 §3.1',
};
const CUT_BY_SNAP_LENGTH: Verdict = {
  severity: 'warning',
  layer: 'ip',
  code: 'cut-by-snap-length',
  text: 'the capture holds only the beginning of this packet: capture with `tcpdump -s 0`',
};
const SHORTER_THAN_SAID: Verdict = {
  severity: 'error',
  layer: 'ip',
  code: 'short-packet',
  text: 'the packet is shorter than its header says',
  rule: 'RFC 791 §3.1',
};
const BAD_SEGMENT = { severity: 'error', layer: 'tcp', code: 'bad-segment', rule: 'RFC 9293 §3.1' } as const;
const MIDSTREAM: Verdict = {
  severity: 'note',
  layer: 'tcp',
  code: 'begins-in-the-middle',
  text: 'the beginning of this connection is not in the capture',
};
