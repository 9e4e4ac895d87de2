// What each layer tells of what it does, as plain data. Console log, JSON lines, golden files and the pause are
// renderings of these events; field names here are the names in the JSON. Numbers are in the units their names end in.
// A trace never changes what the core does: the same input gives the same bytes with and without one.

import type { Http1Event, Http2Event, HttpEvent } from './trace-http.js';
import type { Micros } from './types.js';

/** Optional everywhere: `trace?.(nowUs, { ... })`, so that a run without trace builds nothing. */
export type Trace = (atUs: Micros, event: TraceEvent) => void;

export type { Http1Event, Http2Event, HttpEvent };
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
      /** Of UDP, where a capture is looked at: it has no layer of its own here. */
      readonly srcPort?: number;
      readonly dstPort?: number;
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
      /** TLS 1.3: what is in a record whose header says application data, when it is something else (RFC 8446 §5.2). */
      readonly innerType?: number;
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
      /** Absent: a full handshake. */
      readonly resumed?: 'session id' | 'ticket' | 'psk';
      /** RFC 7366 is in use. */
      readonly encryptThenMac?: true;
      /** Subject of the client's certificate. */
      readonly clientCertificate?: string;
    }
  | {
      readonly layer: 'tls';
      /** A step of the key schedule; the secrets themselves are in `secret` events only. */
      readonly kind: 'key_schedule';
      readonly flow: string;
      /** As in the RFC: `extended master secret`, `key expansion`, `c hs traffic`, ... */
      readonly label: string;
      readonly hash: 'sha256' | 'sha384';
      /** Bytes that were derived. */
      readonly length: number;
    }
  | {
      readonly layer: 'tls';
      /** The handshake took too long, and the connection is closed. */
      readonly kind: 'timeout';
      readonly severity: 'warning';
      readonly flow: string;
      readonly reason: string;
      readonly rule: string;
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
      /** TLS 1.3: records of this direction are under other keys from here on (RFC 8446 §7.3). */
      readonly kind: 'keys';
      readonly flow: string;
      readonly dir: Direction;
      /** The RFC's name of what they are made of: client_handshake_traffic_secret, server_application_traffic_secret_1, ... */
      readonly secret: string;
      readonly cipherSuite: string;
    }
  | {
      readonly layer: 'tls';
      /** TLS 1.3: a PSK that the client offers was looked at (RFC 8446 §4.2.11). */
      readonly kind: 'psk';
      readonly flow: string;
      /** Among the identities, from 0. */
      readonly index: number;
      /** accepted, or why it is passed over: unknown, other hash, expired, other server name, no client certificate */
      readonly verdict: string;
      /** Of one that is accepted: by how much our idea of its age is above the client's, milliseconds. */
      readonly ageSkewMs?: number;
    }
  | {
      readonly layer: 'tls';
      /** TLS 1.3: the client offers 0-RTT data, which is refused (RFC 8446 §4.2.10). */
      readonly kind: 'early_data';
      readonly flow: string;
      readonly verdict: 'refused';
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
