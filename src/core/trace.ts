// What each layer tells of what it does, as plain data. Console log, JSON lines, golden files and the pause are
// renderings of these events; field names here are the names in the JSON. Numbers are in the units their names end in.
// A trace never changes what the core does: the same input gives the same bytes with and without one.

import type { Micros } from './types.js';

/** Optional everywhere: `trace?.(nowUs, { ... })`, so that a run without trace builds nothing. */
export type Trace = (atUs: Micros, event: TraceEvent) => void;

export type TraceEvent = IpEvent | IcmpEvent | TcpEvent | TlsEvent | Http1Event | Http2Event | HttpEvent;
export type Layer = TraceEvent['layer'];
/** in: from the peer. out: from us. */
export type Direction = 'in' | 'out';
export type Severity = 'warning' | 'error';

/** Name and value; names in lower case. */
export type Field = readonly [name: string, value: string];

// ---- IP (RFC 791, RFC 8200) ----

export type IpEvent =
  | {
      readonly layer: 'ip';
      readonly kind: 'packet';
      readonly dir: Direction;
      readonly src: string;
      readonly dst: string;
      /** Protocol number: 1 ICMP, 6 TCP, 17 UDP, 58 ICMPv6. IPv6: behind the extension headers, as far as they go. */
      readonly protocol: number;
      /** IPv6: the hop limit. */
      readonly ttl: number;
      /** Total length in bytes, header included. */
      readonly length: number;
      /** IPv6: that of a fragment, otherwise 0. */
      readonly id: number;
      readonly dontFragment: boolean;
      /** Of fragments, in bytes. */
      readonly fragmentOffset?: number;
      readonly moreFragments?: boolean;
      /** RFC 3168 §5: 1 ECT(1), 2 ECT(0), 3 CE; absent: not ECN-capable. */
      readonly ecn?: number;
      /** IPv6 only. */
      readonly flowLabel?: number;
    }
  | {
      readonly layer: 'ip';
      /** Fragments have become one datagram, which is handled like a packet from now on. */
      readonly kind: 'reassembled';
      readonly src: string;
      readonly dst: string;
      readonly protocol: number;
      readonly id: number;
      /** As of a packet: header included. */
      readonly length: number;
      /** How many there were. */
      readonly fragments: number;
    }
  | {
      readonly layer: 'ip';
      readonly kind: 'drop';
      /** Absent: it is usual, like the multicast of an IPv6 host. */
      readonly severity?: 'warning';
      readonly reason: string;
      readonly src?: string;
      readonly dst?: string;
      readonly offset?: number;
    };

// ---- ICMP (RFC 792, RFC 4443) ----

export type IcmpEvent =
  | {
      readonly layer: 'icmp';
      readonly kind: 'message';
      /** ICMPv6, whose types and codes are others. */
      readonly version?: 6;
      readonly dir: Direction;
      readonly src: string;
      readonly dst: string;
      readonly type: number;
      readonly code: number;
      /** ICMP message bytes, header included. */
      readonly length: number;
      /** Echo only. */
      readonly id?: number;
      readonly seq?: number;
    }
  | {
      readonly layer: 'icmp';
      /** An error about a segment of ours, and what came of it. */
      readonly kind: 'report';
      readonly severity: 'warning';
      /** `port unreachable`, `fragmentation needed`, ... */
      readonly what: string;
      /** `address:port` of the segment: ours, and the peer's. */
      readonly src: string;
      readonly dst: string;
      readonly seq: number;
      /** What the path is said to take, bytes. */
      readonly mtu?: number;
      /** `path MTU taken`, `noted: ...`, `connection ended`, `ignored: ...` */
      readonly verdict: string;
    }
  | { readonly layer: 'icmp'; readonly kind: 'drop'; readonly severity: 'warning'; readonly reason: string };

// ---- TCP (RFC 9293) ----

export type TcpState =
  | 'LISTEN'
  | 'SYN-RECEIVED'
  | 'ESTABLISHED'
  | 'FIN-WAIT-1'
  | 'FIN-WAIT-2'
  | 'CLOSING'
  | 'TIME-WAIT'
  | 'CLOSE-WAIT'
  | 'LAST-ACK'
  | 'CLOSED';

export type TcpEvent =
  | {
      readonly layer: 'tcp';
      readonly kind: 'segment';
      readonly dir: Direction;
      /** Absent when the segment belongs to no connection. */
      readonly flow?: string;
      /** `address:port` */
      readonly src: string;
      readonly dst: string;
      readonly seq: number;
      readonly ack: number;
      /** The flag bits as on the wire: FIN 0x01, SYN 0x02, RST 0x04, PSH 0x08, ACK 0x10, URG 0x20, ECE 0x40, CWR 0x80. */
      readonly flags: number;
      /** As on the wire, not scaled. */
      readonly window: number;
      /** Payload bytes. */
      readonly length: number;
      readonly mss?: number;
      readonly windowScale?: number;
      readonly sackPermitted?: true;
      /** Timestamps option. */
      readonly tsVal?: number;
      readonly tsEcr?: number;
      /** Left and right edge of each SACK block, as on the wire. */
      readonly sack?: readonly number[];
      /** The packet came marked: CE of RFC 3168. */
      readonly congestionExperienced?: true;
    }
  | {
      readonly layer: 'tcp';
      /** SYNs are answered by cookies from now on (RFC 4987 §3.6); told again after a pause only. */
      readonly kind: 'cookies';
      readonly severity: 'warning';
      readonly reason: string;
      /** Connections in SYN-RECEIVED. */
      readonly synReceived: number;
    }
  | {
      readonly layer: 'tcp';
      readonly kind: 'state';
      readonly flow: string;
      readonly from: TcpState;
      readonly to: TcpState;
    }
  | {
      readonly layer: 'tcp';
      readonly kind: 'drop';
      readonly severity: 'warning';
      readonly reason: string;
      readonly flow?: string;
      readonly seq?: number;
      readonly length?: number;
    }
  | {
      readonly layer: 'tcp';
      readonly kind: 'retransmit';
      readonly severity: 'warning';
      readonly flow: string;
      /**
       * rto: the timer. fast: duplicate ACKs. sack: RFC 6675. rack, tlp: RFC 8985. path-mtu: too large for the path.
       * probe: of a closed window. syn-ack: the handshake.
       */
      readonly reason: 'rto' | 'syn-ack' | 'fast' | 'sack' | 'rack' | 'tlp' | 'path-mtu' | 'probe';
      readonly seq: number;
      readonly length: number;
      readonly rtoUs: Micros;
      readonly cwnd: number;
      readonly ssthresh: number;
    }
  | {
      readonly layer: 'tcp';
      /** When the state of recovery changes, at each loss event, and else once a round trip: what a congestion plot needs. */
      readonly kind: 'congestion';
      readonly flow: string;
      readonly state: 'open' | 'disorder' | 'recovery' | 'loss' | 'cwr';
      /** round, reordering, fast, sack, rack, rto, tlp, ecn, recovered, reneged, undo-eifel, undo-frto, undo-dsack */
      readonly reason: string;
      /** Bytes. */
      readonly cwnd: number;
      readonly ssthresh: number;
      /** Sent and not acknowledged, SACKed and lost bytes included. */
      readonly flight: number;
      /** -1 before the first measurement. */
      readonly srttUs: Micros;
      readonly rttvarUs: Micros;
      readonly rtoUs: Micros;
      /** The peer's, in bytes, scaled. */
      readonly window: number;
    }
  | {
      readonly layer: 'tcp';
      readonly kind: 'abort';
      readonly severity: 'error';
      readonly flow: string;
      readonly reason: string;
    };

// ---- TLS (RFC 5246) ----

export type TlsEvent =
  | {
      readonly layer: 'tls';
      readonly kind: 'record';
      readonly flow: string;
      readonly dir: Direction;
      readonly contentType: number;
      readonly version: number;
      /** Fragment bytes as on the wire. */
      readonly length: number;
      readonly encrypted: boolean;
    }
  | {
      readonly layer: 'tls';
      readonly kind: 'handshake';
      readonly flow: string;
      readonly dir: Direction;
      /** RFC spelling: ClientHello, ServerHello, Certificate, ServerKeyExchange, ... */
      readonly message: string;
      /** Body bytes, without the 4-byte header. */
      readonly length: number;
      /** What the message says, named as in the RFC: version, cipherSuites, serverName, alpn, group, signature, ... */
      readonly fields: { readonly [name: string]: TlsFieldValue };
    }
  | { readonly layer: 'tls'; readonly kind: 'change_cipher_spec'; readonly flow: string; readonly dir: Direction }
  | {
      readonly layer: 'tls';
      readonly kind: 'alert';
      readonly flow: string;
      readonly dir: Direction;
      readonly level: 'warning' | 'fatal';
      /** RFC 5246 §7.2 name: close_notify, handshake_failure, ... */
      readonly description: string;
      /** Why we sent it; absent for received alerts and close_notify. */
      readonly reason?: string;
      /** The rule behind it: `RFC 5246 §7.4.1.2`. */
      readonly rule?: string;
      readonly severity?: Severity;
    }
  | { readonly layer: 'tls'; readonly kind: 'state'; readonly flow: string; readonly from: string; readonly to: string }
  | {
      readonly layer: 'tls';
      readonly kind: 'established';
      readonly flow: string;
      readonly version: string;
      readonly cipherSuite: string;
      readonly group: string;
      readonly signature: string;
      readonly serverName?: string;
      readonly alpn?: string;
      readonly extendedMasterSecret: boolean;
    }
  | {
      readonly layer: 'tls';
      readonly kind: 'secret';
      readonly flow: string;
      /** NSS key log label: CLIENT_RANDOM. */
      readonly label: string;
      /** Lower-case hex. */
      readonly clientRandom: string;
      readonly secret: string;
    }
  | {
      readonly layer: 'tls';
      /** Bytes from the peer that are not looked at. */
      readonly kind: 'drop';
      readonly severity: 'warning';
      readonly flow: string;
      readonly reason: string;
      readonly length: number;
    }
  | {
      readonly layer: 'tls';
      /** The byte stream ended without close_notify (RFC 5246 §7.2.1): what came may be cut short by an attacker. */
      readonly kind: 'truncated';
      readonly flow: string;
      readonly reason: string;
      /** Bytes of an unfinished record that are left over. */
      readonly length: number;
    };

export type TlsFieldValue = string | number | boolean | readonly string[];

// ---- HTTP/1.1 (RFC 9112) ----

export type Http1Event =
  | {
      readonly layer: 'http1';
      readonly kind: 'request';
      readonly flow: string;
      readonly dir: 'in';
      readonly method: string;
      readonly target: string;
      readonly version: string;
      readonly headers: readonly Field[];
    }
  | {
      readonly layer: 'http1';
      readonly kind: 'response';
      readonly flow: string;
      readonly dir: 'out';
      readonly status: number;
      readonly reason: string;
      readonly headers: readonly Field[];
    }
  | {
      readonly layer: 'http1';
      readonly kind: 'body';
      readonly flow: string;
      readonly dir: Direction;
      /** Content bytes since the last such event, without chunk framing: every 65,536, however they were cut, and the rest. */
      readonly length: number;
      /** This was the last of it. */
      readonly end: boolean;
    }
  | {
      readonly layer: 'http1';
      readonly kind: 'error';
      readonly severity: 'error';
      readonly flow: string;
      /** The status that the verdict calls for; sent unless another response had begun. */
      readonly status: number;
      readonly reason: string;
      /** From the first byte that the peer sent on this connection. */
      readonly offset?: number;
    };

// ---- HTTP/2 (RFC 9113) ----

export type Http2Event =
  | {
      readonly layer: 'http2';
      readonly kind: 'preface';
      readonly flow: string;
      readonly dir: 'in';
    }
  | {
      readonly layer: 'http2';
      readonly kind: 'frame';
      readonly flow: string;
      readonly dir: Direction;
      /** RFC spelling: DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION, PRIORITY_UPDATE (RFC 9218), or UNKNOWN. */
      readonly type: string;
      readonly typeCode: number;
      readonly streamId: number;
      readonly flags: number;
      /** Payload bytes. */
      readonly length: number;
      /** What the payload says: settings, increment, errorCode, lastStreamId, padLength, ... */
      readonly fields?: { readonly [name: string]: string | number };
    }
  | {
      readonly layer: 'http2';
      readonly kind: 'headers';
      readonly flow: string;
      readonly dir: Direction;
      readonly streamId: number;
      readonly endStream: boolean;
      /** The decoded field block, pseudo-header fields included. */
      readonly fields: readonly Field[];
    }
  | {
      readonly layer: 'http2';
      readonly kind: 'stream';
      readonly flow: string;
      readonly streamId: number;
      readonly from: string;
      readonly to: string;
    }
  | {
      readonly layer: 'http2';
      readonly kind: 'error';
      readonly severity: 'error';
      readonly flow: string;
      readonly scope: 'stream' | 'connection';
      readonly streamId: number;
      /** RFC 9113 §7 name: PROTOCOL_ERROR, ... */
      readonly code: string;
      readonly reason: string;
      /** The rule behind it: `RFC 9113 §6.1`. */
      readonly rule?: string;
    };

// ---- HTTP semantics (RFC 9110): the same for every version and mode ----

export type HttpEvent =
  | {
      readonly layer: 'http';
      readonly kind: 'request';
      readonly flow: string;
      readonly dir: 'in';
      readonly version: string;
      readonly method: string;
      readonly scheme: string;
      readonly authority: string;
      readonly path: string;
    }
  | {
      readonly layer: 'http';
      readonly kind: 'response';
      readonly flow: string;
      readonly dir: 'out';
      readonly status: number;
      readonly method: string;
      readonly path: string;
    }
  | {
      readonly layer: 'http';
      /** The handler said that its answer comes from outside. */
      readonly kind: 'deferred';
      readonly flow: string;
      /** What the answers to it name: the flow, a slash and the number of the request on it. */
      readonly token: string;
    }
  | {
      readonly layer: 'http';
      /** A timed input from outside: an answer, or a part of it. */
      readonly kind: 'answer';
      readonly flow: string;
      readonly token: string;
      readonly answer: 'response' | 'content' | 'read' | 'pass' | 'fail';
      /** Of `response`. */
      readonly status?: number;
      /** Bytes of content, given or asked for. */
      readonly length?: number;
    }
  | {
      readonly layer: 'http';
      /** A deferred request gets no answer from outside, or one that cannot be sent; or an answer came that nobody waits for. */
      readonly kind: 'unanswered';
      readonly severity: 'warning' | 'error';
      readonly flow: string;
      readonly token: string;
      readonly reason: string;
    };
