// The schema of the JSON trace: every kind of event, its fields in the order in which they are written, and what each
// one means. The compiler holds this table complete against core/trace.ts; docs/trace.md is made from it.

import type { TraceEvent } from '../core/trace.js';

/** Raised whenever a reader of the old form would misread the new one. New kinds and new fields do not raise it. */
export const TRACE_SCHEMA = 1;

type Distribute<Event> = Event extends TraceEvent ? `${Event['layer']}.${Event['kind']}` : never;
/** `layer.kind` */
export type EventName = Distribute<TraceEvent>;
type EventNamed<Name extends EventName> = Extract<
  TraceEvent,
  Name extends `${infer L}.${infer K}` ? { readonly layer: L; readonly kind: K } : never
>;
type FieldTable = {
  readonly [Name in EventName]: Readonly<Record<Exclude<keyof EventNamed<Name>, 'layer' | 'kind'>, string>>;
};

const DIR = '`in`: from the peer; `out`: from us';
const FLOW = 'the connection, `10.0.0.1:49152>10.0.0.2:443#0`';
const TOKEN = 'names the request that is answered from outside: the flow, a slash, and its number or stream';
const HEADERS = 'list of `[name, value]`, names in lower case, in order';

export const TRACE_FIELDS = {
  'ip.packet': {
    dir: DIR,
    src: 'address',
    dst: 'address',
    protocol: 'number: 1 ICMP, 6 TCP, 17 UDP, 58 ICMPv6; in IPv6 the one behind the extension headers',
    ttl: 'time to live; in IPv6 the hop limit',
    length: 'total length in bytes, header included',
    id: 'identification; in IPv6 that of a fragment, otherwise 0',
    dontFragment: 'whether DF is set',
    fragmentOffset: 'of a fragment, in bytes; optional',
    moreFragments: 'of a fragment, whether it is not the last; optional',
    ecn: '1 ECT(1), 2 ECT(0), 3 CE; optional, absent when not ECN-capable',
    flowLabel: 'IPv6 only; optional',
    srcPort: 'of UDP, in `inspect`; optional',
    dstPort: 'of UDP, in `inspect`; optional',
  },
  'ip.reassembled': {
    src: 'address',
    dst: 'address',
    protocol: 'number, as of a packet',
    id: 'identification of its fragments',
    length: 'total length in bytes, header included',
    fragments: 'how many there were',
  },
  'ip.drop': {
    severity: '`warning`; optional, absent when the drop is usual',
    reason: 'why the packet was dropped',
    src: 'address; optional',
    dst: 'address; optional',
    offset: 'where the packet was malformed, bytes from its beginning; optional',
  },
  'icmp.message': {
    version: '6 for ICMPv6; optional',
    dir: DIR,
    src: 'address',
    dst: 'address',
    type: 'number: 0 echo reply, 3 destination unreachable, 8 echo request, ...; of ICMPv6: 128 echo request, ...',
    code: 'number, its meaning depends on the type',
    length: 'message bytes, header included',
    id: 'identifier of an echo; optional',
    seq: 'sequence number of an echo; optional',
  },
  'icmp.report': {
    severity: '`warning`',
    what: 'what is said of a segment of ours: `port unreachable`, `fragmentation needed`, ...',
    src: '`address:port`, ours',
    dst: "`address:port`, the peer's",
    seq: 'sequence number of the segment',
    mtu: 'what the path is said to take, bytes; optional',
    verdict: 'what came of it: `path MTU taken`, `noted: ...`, `connection ended`, `ignored: ...`',
  },
  'icmp.drop': { severity: '`warning`', reason: 'why the message was dropped' },
  'tcp.segment': {
    dir: DIR,
    flow: `${FLOW}; absent when the segment belongs to none`,
    src: '`address:port`',
    dst: '`address:port`',
    seq: 'sequence number, 0 to 2^32 - 1',
    ack: 'acknowledgment number, 0 to 2^32 - 1',
    flags: 'bits: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128',
    window: 'as on the wire, not scaled',
    length: 'payload bytes',
    mss: 'maximum segment size option in bytes; optional',
    windowScale: 'window scale option, the shift count; optional',
    sackPermitted: '`true`: SACK-permitted option; optional',
    tsVal: 'timestamps option, TSval; optional',
    tsEcr: 'timestamps option, TSecr; optional',
    sack: 'SACK option: left and right edge of each block; optional',
    congestionExperienced: '`true`: the packet was marked CE; optional',
  },
  'tcp.cookies': {
    severity: '`warning`',
    reason: 'why SYNs are answered by cookies from now on',
    synReceived: 'connections in SYN-RECEIVED',
  },
  'tcp.state': { flow: FLOW, from: 'state before, as in RFC 9293', to: 'state now' },
  'tcp.drop': {
    severity: '`warning`',
    reason: 'why the segment was dropped',
    flow: `${FLOW}; optional`,
    seq: 'sequence number; optional',
    length: 'payload bytes; optional',
  },
  'tcp.retransmit': {
    severity: '`warning`',
    flow: FLOW,
    reason: '`rto`, `fast`, `sack`, `rack`, `tlp`, `path-mtu`, `probe` or `syn-ack`',
    seq: 'first sequence number sent again',
    length: 'payload bytes',
    rtoUs: 'retransmission timeout in microseconds',
    cwnd: 'congestion window in bytes',
    ssthresh: 'slow start threshold in bytes; null: not limited',
  },
  'tcp.congestion': {
    flow: FLOW,
    state: '`open`, `disorder`, `recovery`, `loss` or `cwr`',
    reason:
      '`round` (once a round trip), `reordering`, `fast`, `sack`, `rack`, `rto`, `tlp`, `ecn`, `recovered`, `reneged`, `undo-eifel`, `undo-frto` or `undo-dsack`',
    cwnd: 'congestion window in bytes',
    ssthresh: 'slow start threshold in bytes',
    flight: 'bytes sent and not acknowledged',
    srttUs: 'smoothed round-trip time in microseconds; -1 before the first measurement',
    rttvarUs: 'its variation in microseconds',
    rtoUs: 'retransmission timeout in microseconds',
    window: "the peer's window in bytes, scaled",
  },
  'tcp.abort': { severity: '`error`', flow: FLOW, reason: 'why the connection was reset' },
  'tls.record': {
    flow: FLOW,
    dir: DIR,
    contentType: 'number: 20 change_cipher_spec, 21 alert, 22 handshake, 23 application_data',
    version: 'number: 771 is TLS 1.2',
    length: 'fragment bytes as on the wire',
    encrypted: 'whether the fragment is encrypted',
    innerType: 'number: content type of a TLS 1.3 record whose header says application data, when it is another',
  },
  'tls.handshake': {
    flow: FLOW,
    dir: DIR,
    message: 'name as in the RFC: ClientHello, ServerHello, ...',
    length: 'body bytes, without the 4-byte header',
    fields: 'what the message says: an object of text, number, boolean or list of text',
  },
  'tls.change_cipher_spec': { flow: FLOW, dir: DIR },
  'tls.alert': {
    flow: FLOW,
    dir: DIR,
    level: '`warning` or `fatal`',
    description: 'name as in RFC 5246: close_notify, handshake_failure, ...',
    reason: 'why we sent it; optional',
    rule: 'the rule behind it, RFC and section; optional',
    severity: '`warning` or `error`; optional',
  },
  'tls.state': { flow: FLOW, from: 'state before', to: 'state now' },
  'tls.established': {
    flow: FLOW,
    version: 'protocol version',
    cipherSuite: 'name of the cipher suite',
    group: 'key exchange group',
    signature: 'signature scheme',
    serverName: 'what the client asked for (SNI); optional',
    alpn: 'negotiated protocol; optional',
    extendedMasterSecret: 'whether RFC 7627 is in use',
    resumed: '`session id`, `ticket` or `psk`; optional, absent after a full handshake',
    encryptThenMac: '`true`: RFC 7366 is in use; optional',
    clientCertificate: "subject of the client's certificate; optional",
  },
  'tls.key_schedule': {
    flow: FLOW,
    label: 'the step, labelled as in the RFC: `extended master secret`, `key expansion`, `c hs traffic`, ...',
    hash: '`sha256` or `sha384`',
    length: 'bytes that were derived',
  },
  'tls.timeout': {
    severity: '`warning`',
    flow: FLOW,
    reason: 'what took too long',
    rule: 'the limit',
  },
  'tls.secret': {
    flow: FLOW,
    label: 'NSS key log label: CLIENT_RANDOM',
    clientRandom: 'lower-case hex',
    secret: 'lower-case hex',
  },
  'tls.drop': {
    flow: FLOW,
    severity: '`warning`',
    reason: 'why bytes from the peer are not looked at',
    length: 'how many',
  },
  'tls.keys': {
    flow: FLOW,
    dir: DIR,
    secret: 'what the keys are made of, by its name in RFC 8446: `client_handshake_traffic_secret`, ...',
    cipherSuite: 'cipher suite name',
  },
  'tls.psk': {
    flow: FLOW,
    index: 'which of the identities, from 0',
    verdict: '`accepted`, or why it is passed over',
    ageSkewMs: "by how much our idea of the ticket's age is above the client's, milliseconds; accepted ones only",
  },
  'tls.early_data': { flow: FLOW, verdict: '`refused`' },
  'tls.truncated': {
    flow: FLOW,
    reason: 'how the byte stream ended without close_notify',
    length: 'bytes of an unfinished record that are left over',
  },
  'http1.request': {
    flow: FLOW,
    dir: '`in`',
    method: 'request method',
    target: 'request target as on the wire',
    version: 'HTTP version as on the wire',
    headers: HEADERS,
  },
  'http1.response': {
    flow: FLOW,
    dir: '`out`',
    status: 'status code',
    reason: 'reason phrase',
    headers: HEADERS,
  },
  'http1.body': { flow: FLOW, dir: DIR, length: 'content bytes of this part', end: 'whether this was the last of it' },
  'http1.error': {
    severity: '`error`',
    flow: FLOW,
    status: 'status code of the answer',
    reason: 'what was wrong',
    offset: 'where, in bytes from the beginning of the message; optional',
  },
  'http2.preface': { flow: FLOW, dir: '`in`' },
  'http2.frame': {
    flow: FLOW,
    dir: DIR,
    type: 'name as in RFC 9113, or UNKNOWN',
    typeCode: 'type as on the wire',
    streamId: 'stream, 0 for the connection',
    flags: 'bits as on the wire',
    length: 'payload bytes',
    fields: 'what the payload says: an object of text or number; optional',
  },
  'http2.headers': {
    flow: FLOW,
    dir: DIR,
    streamId: 'stream',
    endStream: 'whether the stream ends here',
    fields: `${HEADERS}, pseudo-header fields included`,
  },
  'http2.stream': { flow: FLOW, streamId: 'stream', from: 'state before, as in RFC 9113 §5.1', to: 'state now' },
  'http2.error': {
    severity: '`error`',
    flow: FLOW,
    scope: '`stream` or `connection`',
    streamId: 'stream, 0 for the connection',
    code: 'error code name as in RFC 9113 §7',
    reason: 'what was wrong',
    rule: 'the rule behind it, RFC and section; optional',
  },
  'http.request': {
    flow: FLOW,
    dir: '`in`',
    version: '`HTTP/1.0`, `HTTP/1.1` or `HTTP/2`',
    method: 'request method',
    scheme: '`http` or `https`',
    authority: 'host and optional port; may be empty',
    path: 'path and query',
  },
  'http.response': {
    flow: FLOW,
    dir: '`out`',
    status: 'status code',
    method: 'method of the request',
    path: 'path of the request',
  },
  'http.deferred': { flow: FLOW, token: TOKEN },
  'http.answer': {
    flow: FLOW,
    token: TOKEN,
    answer:
      '`response`; `content`: more of its content; `read`: more of the content of the request is wanted; `pass`: another handler answers; `fail`',
    status: 'status code of a `response`; optional',
    length: 'bytes of content given, or asked for by `read`; optional',
  },
  'http.unanswered': {
    severity: '`warning` or `error`',
    flow: `${FLOW}; may be empty`,
    token: TOKEN,
    reason: 'why the request gets no answer from outside, or why an answer is ignored',
  },
} as const satisfies FieldTable;

/** The generated part of docs/trace.md: one table for each kind. */
export function traceKindsMarkdown(): string {
  return Object.entries(TRACE_FIELDS)
    .map(([name, fields]) => {
      const rows = Object.entries(fields).map(([field, meaning]) => `| \`${field}\` | ${meaning} |`);
      return `### ${name}\n\n| Field | Meaning |\n|---|---|\n${rows.join('\n')}\n`;
    })
    .join('\n');
}
