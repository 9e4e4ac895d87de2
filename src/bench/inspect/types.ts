// What inspecting a capture gives, packet by packet: the trace events that the live log shows, the fields of each layer under
// the names that Wireshark gives them, verdicts, and the HTTP exchanges of each conversation. `packets.ts` drives it,
// `conversation.ts` reads what is above TCP.

import type { Direction, Field, TraceEvent } from '../../core/trace.js';
import type { Budgets } from './budget.js';
import type { ContentDigest } from './content-digest.js';

/**
 * A field under Wireshark's name (`tcp.seq`, `http2.headers.path`). The value is what Wireshark shows: numbers and booleans as
 * they are, addresses and text as strings, bytes as bytes. `text` is the symbolic name of a number, where it has one
 * (`HEADERS` for `http2.type` 1), so that a filter may use either.
 */
export interface InspectedField {
  readonly name: string;
  readonly value: number | boolean | string | Uint8Array | bigint;
  readonly text?: string;
}

export type LayerName =
  | 'frame'
  | 'eth'
  | 'vlan'
  | 'arp'
  | 'ip'
  | 'ipv6'
  | 'icmp'
  | 'icmpv6'
  | 'tcp'
  | 'udp'
  | 'tls'
  | 'http'
  | 'http2';

/** One layer of a packet; `http2` comes once a frame, `tls` once a record, as in Wireshark. */
export interface InspectedLayer {
  readonly name: LayerName;
  readonly fields: readonly InspectedField[];
  /** Its header and what follows it in the packet, where that is known: for filters. */
  readonly bytes?: Uint8Array;
  /** How much of them the header is; absent: all is the layer's own. */
  readonly headerLength?: number;
  /** It stands within an ICMP error and is of the packet that the error is about. */
  readonly quoted?: boolean;
}

/** What a reader of the capture should know about a packet. */
export interface Verdict {
  /** note: worth knowing (a retransmission). warning: a problem of the network or of the capture. error: a rule is broken. */
  readonly severity: 'note' | 'warning' | 'error';
  readonly layer: TraceEvent['layer'];
  /** Short and fixed, for filters and counts: `retransmission`, `out-of-order`, `zero-window`, `bad-checksum`, ... */
  readonly code: string;
  /** A sentence part for the log. */
  readonly text: string;
  /** `RFC 9113 §6.5`, where a rule is broken. */
  readonly rule?: string;
}

/** One packet of a capture, as far as it can be understood. */
export interface InspectedPacket {
  /** `frame.number`: 1 is the first packet of the file. */
  readonly number: number;
  /** Since 1970-01-01 UTC. */
  readonly timeNs: bigint | undefined;
  /** Microseconds since the first packet; what events and the log call time. */
  readonly atUs: number;
  readonly linkType: number;
  /** As captured, link-layer header included. */
  readonly bytes: Uint8Array;
  readonly originalLength: number;
  readonly fileOffset: number;
  /** Conversation that it belongs to: the flow name. */
  readonly flow: string | undefined;
  /** `tcp.stream` of that conversation. */
  readonly stream?: number;
  /** What a packet without IP is: `ARP who-has 10.0.0.2 tell 10.0.0.1`, `EtherType 0x88cc (LLDP)`. */
  readonly about?: string;
  /** Empty unless fields are wanted. The first is `frame`. */
  readonly layers: readonly InspectedLayer[];
  readonly events: readonly TraceEvent[];
  readonly verdicts: readonly Verdict[];
}

/** Where the parts of the inspector put what they find in the packet at hand. */
export interface PacketSink {
  /** Fields cost time: they are made only when somebody wants them. */
  readonly wantsFields: boolean;
  readonly wantsEvents: boolean;
  /** `frame.number` of the packet; what `RecordedExchange.packet` says. */
  readonly packet?: number;
  /** When it was captured, in nanoseconds since the first packet; undefined: the capture does not say. */
  readonly atNs?: number | undefined;
  event(event: TraceEvent): void;
  layer(layer: InspectedLayer): void;
  verdict(verdict: Verdict): void;
}

/**
 * What is above TCP in one connection, both directions. Bytes come in order, each exactly once, and belong to the packet whose
 * arrival made them deliverable; the sink is that packet's and valid during the call. `in` is from the client to the server.
 */
export interface ConversationReader {
  push(dir: Direction, bytes: Uint8Array, sink: PacketSink): void;
  /** `length` bytes that the capture does not hold, at this place of the stream. */
  gap(dir: Direction, length: number, sink: PacketSink): void;
  /** The other side acknowledged what the capture does not hold, or not yet: what it says may answer that. */
  doubt?(): void;
  /** FIN, RST or the end of the capture. */
  end(dir: Direction, sink: PacketSink): void;
  /** It is forgotten. */
  close?(): void;
}

export interface ConversationOptions {
  /** Flow name as in a trace: `10.0.0.1:49152>10.0.0.2:443#0`. */
  readonly flow: string;
  /** The capture begins in the middle of the connection: its first bytes may be the middle of anything. */
  readonly midstream: boolean;
  readonly keys: KeyStore;
  /** `tcp.stream` */
  readonly stream?: number;
  /** Application data as it comes; valid during the call. */
  readonly onData?: (data: FollowedData) => void;
  /** What the connections of a capture may hold together; by itself it has one of its own. */
  readonly budgets?: Budgets;
  /** Content is kept up to a bound only when somebody asks for exchanges. */
  readonly onExchange?: (exchange: RecordedExchange) => void;
  /** Of the content of responses a digest is enough. */
  readonly hashesResponses?: boolean;
  /** Kept of the content of a request. Default: `streamLimits.contentBytes`. */
  readonly requestContentBytes?: number;
}

/**
 * What an application sent: bytes of the connection, decrypted, or with `streamId` what HTTP/2 carries on a stream, which is told besides
 * the bytes of the frames.
 */
export interface FollowedData {
  readonly dir: Direction;
  readonly streamId?: number;
  readonly bytes?: Uint8Array;
  /** A header section, or trailers. */
  readonly fields?: readonly Field[];
  /** So many bytes that the capture does not hold; undefined: nobody knows how many. */
  readonly missing?: number | undefined;
}

/** Secrets of key logs and Decryption Secrets blocks; grows while a capture is read. */
export interface KeyStore {
  /** `clientRandom`: 64 lower-case hex digits. `label`: as in an NSS key log. */
  secret(label: string, clientRandom: string): Uint8Array | undefined;
  /** All that there is a secret of; for captures that lack the ClientHello. */
  clientRandoms?(): Iterable<string>;
  /** Key log text; lines that are none are counted, not thrown about. */
  add(text: string): void;
  readonly count: number;
}

/** A request of a capture and the answer it got. */
export interface RecordedExchange {
  readonly flow: string;
  /** Number of the packet that completed the request's header section. */
  readonly packet: number;
  readonly protocol: 'http/1.0' | 'http/1.1' | 'h2';
  readonly secure: boolean;
  /** What the TLS connection negotiated, where there is one. */
  readonly tls?: {
    readonly version: string;
    readonly cipherSuite: string;
    readonly alpn?: string;
    readonly serverName?: string;
  };
  /** HTTP/2 only. */
  readonly streamId?: number;
  readonly request: RecordedMessage & {
    readonly method: string;
    /** The request target as it was sent; HTTP/2: `:path`. */
    readonly target: string;
    readonly authority: string;
  };
  /** Absent when the capture ends before it, or lacks it. */
  readonly response?: RecordedMessage & { readonly status: number };
}

export interface RecordedMessage {
  /** Without pseudo-header fields; names in lower case, in the order in which they came. */
  readonly headers: readonly Field[];
  readonly trailers: readonly Field[];
  /** Content without transfer coding, as much of it as is kept. Empty where there is a digest. */
  readonly content: Uint8Array;
  /** The capture has more of it than what is kept. */
  readonly cut?: true;
  /** Of responses, where only this is wanted of their content. */
  readonly digest?: ContentDigest;
  /** All of the content, kept or not. */
  readonly contentLength: number;
  /** The end of the message is in the capture. */
  readonly complete: boolean;
}

/** A filter of either language. */
export interface DisplayFilter {
  matches(packet: InspectedPacket): boolean;
  readonly needs: FilterNeeds;
}

export interface FilterNeeds {
  /** Without fields only the presence of layers and verdicts can be asked for. */
  readonly fields: boolean;
}
