// One short conversation with an event of every kind in it, for the tests of the renderings.

import type { TraceEvent } from '../../src/core/trace.js';

export const FLOW = '10.0.0.1:49152>10.0.0.2:443#0';
const CLIENT = '10.0.0.1:49152';
const SERVER = '10.0.0.2:443';

export function ipPacket(dir: 'in' | 'out', length: number, id = 0): TraceEvent {
  const [src, dst] = dir === 'in' ? ['10.0.0.1', '10.0.0.2'] : ['10.0.0.2', '10.0.0.1'];
  return { layer: 'ip', kind: 'packet', dir, src, dst, protocol: 6, ttl: 64, length, id, dontFragment: true };
}

export function segment(
  dir: 'in' | 'out',
  flags: number,
  length = 0,
  options: { mss?: number; windowScale?: number } = {},
): TraceEvent {
  const [src, dst] = dir === 'in' ? [CLIENT, SERVER] : [SERVER, CLIENT];
  return {
    layer: 'tcp',
    kind: 'segment',
    dir,
    flow: FLOW,
    src,
    dst,
    seq: 1000,
    ack: 2000,
    flags,
    window: 64240,
    length,
    ...options,
  };
}

export const SYN = 0x02;
export const ACK = 0x10;
export const PSH_ACK = 0x18;
export const SYN_ACK = 0x12;
export const FIN_ACK = 0x11;

export function dataFrame(dir: 'in' | 'out', length: number, flags = 0): TraceEvent {
  return { layer: 'http2', kind: 'frame', flow: FLOW, dir, type: 'DATA', typeCode: 0, streamId: 1, flags, length };
}

/** Every kind, each with its line in the normal, verbose and debug log; undefined where it is not shown. */
export interface Sample {
  readonly event: TraceEvent;
  readonly normal: string | undefined;
  /** Absent: as normal. */
  readonly verbose?: readonly string[];
  /** Absent: as verbose. */
  readonly debug?: readonly string[];
}

export const SAMPLES: readonly Sample[] = [
  {
    event: ipPacket('in', 60, 0x1c46),
    normal: '[IP] RCV 10.0.0.1 -> 10.0.0.2 TCP ttl=64 len=60 DF',
    debug: ['[IP] RCV 10.0.0.1 -> 10.0.0.2 TCP ttl=64 len=60 DF id=0x1c46'],
  },
  {
    event: { layer: 'ip', kind: 'drop', severity: 'warning', reason: 'bad checksum', src: '10.0.0.1', dst: '10.0.0.2' },
    normal: '[IP] [WARN] dropped 10.0.0.1 -> 10.0.0.2: bad checksum',
  },
  {
    event: { layer: 'ip', kind: 'drop', severity: 'warning', reason: 'totalLength: too short', offset: 2 },
    normal: '[IP] [WARN] dropped: totalLength: too short (offset 2)',
  },
  {
    event: {
      layer: 'icmp',
      kind: 'message',
      dir: 'in',
      src: '10.0.0.1',
      dst: '10.0.0.2',
      type: 8,
      code: 0,
      length: 64,
      id: 7,
      seq: 1,
    },
    normal: '  [ICMP] RCV 10.0.0.1 -> 10.0.0.2 echo request id=7 seq=1 len=64',
  },
  {
    event: {
      layer: 'icmp',
      kind: 'message',
      dir: 'out',
      src: '10.0.0.2',
      dst: '10.0.0.1',
      type: 3,
      code: 3,
      length: 36,
    },
    normal: '  [ICMP] SND 10.0.0.2 -> 10.0.0.1 destination unreachable (port) len=36',
  },
  {
    event: { layer: 'icmp', kind: 'drop', severity: 'warning', reason: 'bad checksum' },
    normal: '  [ICMP] [WARN] dropped: bad checksum',
  },
  {
    event: segment('in', SYN, 0, { mss: 1460, windowScale: 7 }),
    normal: '  [TCP] RCV 10.0.0.1:49152 -> 10.0.0.2:443 SYN seq=1000 win=64240',
    verbose: [
      '  [TCP] RCV 10.0.0.1:49152 -> 10.0.0.2:443 SYN seq=1000 win=64240',
      '      mss: 1460',
      '      window scale: 7',
    ],
  },
  {
    event: segment('out', PSH_ACK, 517),
    normal: '  [TCP] SND 10.0.0.2:443 -> 10.0.0.1:49152 PSH,ACK seq=1000 ack=2000 win=64240 len=517',
  },
  {
    event: { layer: 'tcp', kind: 'state', flow: FLOW, from: 'SYN-RECEIVED', to: 'ESTABLISHED' },
    normal: '  [TCP] [STATE] SYN-RECEIVED -> ESTABLISHED',
  },
  {
    event: {
      layer: 'tcp',
      kind: 'drop',
      severity: 'warning',
      reason: 'outside the window',
      flow: FLOW,
      seq: 5,
      length: 9,
    },
    normal: '  [TCP] [WARN] dropped: outside the window seq=5 len=9',
  },
  {
    event: {
      layer: 'tcp',
      kind: 'retransmit',
      severity: 'warning',
      flow: FLOW,
      reason: 'rto',
      seq: 1001,
      length: 1460,
      rtoUs: 400_000,
      cwnd: 1460,
      ssthresh: 7300,
    },
    normal: '  [TCP] [WARN] retransmit (rto) seq=1001 len=1460 rto=0.400000',
    verbose: [
      '  [TCP] [WARN] retransmit (rto) seq=1001 len=1460 rto=0.400000',
      '      cwnd: 1460',
      '      ssthresh: 7300',
    ],
  },
  {
    event: { layer: 'tcp', kind: 'abort', severity: 'error', flow: FLOW, reason: 'RST received' },
    normal: '  [TCP] [ERROR] aborted: RST received',
  },
  {
    event: {
      layer: 'tls',
      kind: 'record',
      flow: FLOW,
      dir: 'in',
      contentType: 22,
      version: 0x0301,
      length: 512,
      encrypted: false,
    },
    normal: undefined,
    debug: ['    [TLS] record handshake version=0x0301 len=512'],
  },
  {
    event: {
      layer: 'tls',
      kind: 'handshake',
      flow: FLOW,
      dir: 'in',
      message: 'ClientHello',
      length: 508,
      fields: {
        version: 'TLS 1.2',
        sessionIdLength: 0,
        cipherSuites: ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', '0xc030'],
        serverName: 'wirebench.test',
        alpn: ['h2', 'http/1.1'],
        extendedMasterSecret: true,
      },
    },
    normal: '    [TLS] ClientHello TLS1.2 sni=wirebench.test alpn=h2,http/1.1',
    verbose: [
      '    [TLS] ClientHello TLS1.2 sni=wirebench.test alpn=h2,http/1.1',
      '        length: 508',
      '        sessionIdLength: 0',
      '        cipherSuites: TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, 0xc030',
      '        extendedMasterSecret: true',
    ],
  },
  {
    event: {
      layer: 'tls',
      kind: 'handshake',
      flow: FLOW,
      dir: 'out',
      message: 'ServerHello',
      length: 87,
      fields: { version: 0x0303, cipherSuite: 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', alpn: 'h2' },
    },
    normal: '    [TLS] SND ServerHello TLS1.2 alpn=h2 cipher=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
    verbose: [
      '    [TLS] SND ServerHello TLS1.2 alpn=h2 cipher=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
      '        length: 87',
    ],
  },
  {
    event: { layer: 'tls', kind: 'change_cipher_spec', flow: FLOW, dir: 'in' },
    normal: '    [TLS] ChangeCipherSpec',
  },
  {
    event: { layer: 'tls', kind: 'alert', flow: FLOW, dir: 'in', level: 'warning', description: 'close_notify' },
    normal: '    [TLS] Alert warning close_notify',
  },
  {
    event: { layer: 'tls', kind: 'alert', flow: FLOW, dir: 'in', level: 'warning', description: 'no_renegotiation' },
    normal: '    [TLS] [WARN] Alert warning no_renegotiation',
  },
  {
    event: {
      layer: 'tls',
      kind: 'alert',
      flow: FLOW,
      dir: 'out',
      level: 'fatal',
      description: 'handshake_failure',
      reason: 'no common cipher suite',
      rule: 'RFC 5246 §7.4.1.3',
      severity: 'error',
    },
    normal: '    [TLS] [ERROR] SND Alert fatal handshake_failure: no common cipher suite (RFC 5246 §7.4.1.3)',
  },
  {
    event: { layer: 'tls', kind: 'state', flow: FLOW, from: 'ExpectClientHello', to: 'ExpectClientKeyExchange' },
    normal: undefined,
    verbose: ['    [TLS] [STATE] ExpectClientHello -> ExpectClientKeyExchange'],
  },
  {
    event: {
      layer: 'tls',
      kind: 'established',
      flow: FLOW,
      version: 'TLS 1.2',
      cipherSuite: 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
      group: 'x25519',
      signature: 'rsa_pss_rsae_sha256',
      serverName: 'wirebench.test',
      alpn: 'h2',
      extendedMasterSecret: true,
    },
    normal: '    [TLS] [STATE] established TLS1.2 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 alpn=h2',
    verbose: [
      '    [TLS] [STATE] established TLS1.2 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 alpn=h2',
      '        group: x25519',
      '        signature: rsa_pss_rsae_sha256',
      '        server name: wirebench.test',
      '        extended master secret: yes',
    ],
  },
  {
    event: {
      layer: 'tls',
      kind: 'secret',
      flow: FLOW,
      label: 'CLIENT_RANDOM',
      clientRandom: 'aa55',
      secret: 'deadbeef',
    },
    normal: undefined,
    debug: ['    [TLS] key log entry CLIENT_RANDOM (the secret is not shown)'],
  },
  {
    event: {
      layer: 'http1',
      kind: 'request',
      flow: FLOW,
      dir: 'in',
      method: 'GET',
      target: '/bytes/5',
      version: 'HTTP/1.1',
      headers: [
        ['host', '10.0.0.2'],
        ['accept', '*/*'],
      ],
    },
    normal: '      [HTTP] GET /bytes/5 HTTP/1.1',
    verbose: ['      [HTTP] GET /bytes/5 HTTP/1.1', '          host: 10.0.0.2', '          accept: */*'],
  },
  {
    event: {
      layer: 'http1',
      kind: 'response',
      flow: FLOW,
      dir: 'out',
      status: 200,
      reason: 'OK',
      headers: [['content-length', '5']],
    },
    normal: '      [HTTP] SND 200 OK',
    verbose: ['      [HTTP] SND 200 OK', '          content-length: 5'],
  },
  {
    event: { layer: 'http1', kind: 'body', flow: FLOW, dir: 'out', length: 5, end: true },
    normal: '      [HTTP] SND body len=5 END',
  },
  {
    event: { layer: 'http1', kind: 'body', flow: FLOW, dir: 'in', length: 0, end: true },
    normal: undefined,
    debug: ['      [HTTP] body len=0 END'],
  },
  {
    event: {
      layer: 'http1',
      kind: 'error',
      severity: 'error',
      flow: FLOW,
      status: 400,
      reason: 'bad field name',
      offset: 17,
    },
    normal: '      [HTTP] [ERROR] 400 bad field name (offset 17)',
  },
  {
    event: { layer: 'http2', kind: 'preface', flow: FLOW, dir: 'in' },
    normal: '      [H2] connection preface',
  },
  {
    event: {
      layer: 'http2',
      kind: 'frame',
      flow: FLOW,
      dir: 'in',
      type: 'SETTINGS',
      typeCode: 4,
      streamId: 0,
      flags: 0,
      length: 12,
      fields: { MAX_CONCURRENT_STREAMS: 100, INITIAL_WINDOW_SIZE: 33_554_432 },
    },
    normal: '      [H2] SETTINGS',
    verbose: [
      '      [H2] SETTINGS',
      '          MAX_CONCURRENT_STREAMS: 100',
      '          INITIAL_WINDOW_SIZE: 33554432',
    ],
    debug: [
      '      [H2] SETTINGS len=12',
      '          MAX_CONCURRENT_STREAMS: 100',
      '          INITIAL_WINDOW_SIZE: 33554432',
    ],
  },
  {
    event: {
      layer: 'http2',
      kind: 'frame',
      flow: FLOW,
      dir: 'out',
      type: 'SETTINGS',
      typeCode: 4,
      streamId: 0,
      flags: 1,
      length: 0,
    },
    normal: '      [H2] SND SETTINGS ACK',
    debug: ['      [H2] SND SETTINGS ACK len=0'],
  },
  {
    event: {
      layer: 'http2',
      kind: 'frame',
      flow: FLOW,
      dir: 'in',
      type: 'WINDOW_UPDATE',
      typeCode: 8,
      streamId: 0,
      flags: 0,
      length: 4,
      fields: { increment: 65_536 },
    },
    normal: undefined,
    debug: ['      [H2] WINDOW_UPDATE stream=0 increment=65536 len=4'],
  },
  {
    event: {
      layer: 'http2',
      kind: 'frame',
      flow: FLOW,
      dir: 'in',
      type: 'HEADERS',
      typeCode: 1,
      streamId: 1,
      flags: 5,
      length: 30,
    },
    normal: undefined,
    debug: ['      [H2] frame HEADERS stream=1 END_STREAM END_HEADERS len=30'],
  },
  {
    event: {
      layer: 'http2',
      kind: 'headers',
      flow: FLOW,
      dir: 'in',
      streamId: 1,
      endStream: true,
      fields: [
        [':method', 'GET'],
        [':scheme', 'https'],
        [':authority', '10.0.0.2'],
        [':path', '/'],
      ],
    },
    normal: '      [H2] HEADERS stream=1 END_STREAM GET /',
    verbose: [
      '      [H2] HEADERS stream=1 END_STREAM GET /',
      '          :method: GET',
      '          :scheme: https',
      '          :authority: 10.0.0.2',
      '          :path: /',
    ],
  },
  {
    event: {
      layer: 'http2',
      kind: 'headers',
      flow: FLOW,
      dir: 'out',
      streamId: 1,
      endStream: false,
      fields: [[':status', '200']],
    },
    normal: '      [H2] SND HEADERS stream=1 200',
    verbose: ['      [H2] SND HEADERS stream=1 200', '          :status: 200'],
  },
  {
    event: {
      layer: 'http2',
      kind: 'headers',
      flow: FLOW,
      dir: 'in',
      streamId: 3,
      endStream: true,
      fields: [['x-checksum', '1']],
    },
    normal: '      [H2] HEADERS stream=3 END_STREAM trailers',
    verbose: ['      [H2] HEADERS stream=3 END_STREAM trailers', '          x-checksum: 1'],
  },
  {
    event: {
      layer: 'http2',
      kind: 'headers',
      flow: FLOW,
      dir: 'in',
      streamId: 5,
      endStream: false,
      fields: [
        [':method', 'CONNECT'],
        [':authority', 'a:1'],
      ],
    },
    normal: '      [H2] HEADERS stream=5 CONNECT a:1',
    verbose: ['      [H2] HEADERS stream=5 CONNECT a:1', '          :method: CONNECT', '          :authority: a:1'],
  },
  { event: dataFrame('out', 5, 1), normal: '      [H2] SND DATA stream=1 END_STREAM len=5' },
  {
    event: {
      layer: 'http2',
      kind: 'frame',
      flow: FLOW,
      dir: 'in',
      type: 'RST_STREAM',
      typeCode: 3,
      streamId: 1,
      flags: 0,
      length: 4,
      fields: { errorCode: 8 },
    },
    normal: '      [H2] RST_STREAM stream=1 errorCode=CANCEL',
    debug: ['      [H2] RST_STREAM stream=1 errorCode=CANCEL len=4'],
  },
  {
    event: {
      layer: 'http2',
      kind: 'frame',
      flow: FLOW,
      dir: 'out',
      type: 'GOAWAY',
      typeCode: 7,
      streamId: 0,
      flags: 0,
      length: 8,
      fields: { lastStreamId: 1, errorCode: 'ENHANCE_YOUR_CALM' },
    },
    normal: '      [H2] [WARN] SND GOAWAY lastStreamId=1 errorCode=ENHANCE_YOUR_CALM',
    debug: ['      [H2] [WARN] SND GOAWAY lastStreamId=1 errorCode=ENHANCE_YOUR_CALM len=8'],
  },
  {
    event: {
      layer: 'http2',
      kind: 'frame',
      flow: FLOW,
      dir: 'in',
      type: 'UNKNOWN',
      typeCode: 0xbe,
      streamId: 1,
      flags: 0x81,
      length: 3,
    },
    normal: undefined,
    debug: ['      [H2] UNKNOWN type=0xbe stream=1 flags=0x81 len=3'],
  },
  {
    event: { layer: 'http2', kind: 'stream', flow: FLOW, streamId: 1, from: 'idle', to: 'half-closed (remote)' },
    normal: undefined,
    verbose: ['      [H2] [STATE] stream=1 idle -> half-closed (remote)'],
  },
  {
    event: {
      layer: 'http2',
      kind: 'error',
      severity: 'error',
      flow: FLOW,
      scope: 'connection',
      streamId: 0,
      code: 'PROTOCOL_ERROR',
      reason: 'DATA on stream 0',
    },
    normal: '      [H2] [ERROR] connection PROTOCOL_ERROR: DATA on stream 0',
  },
  {
    event: {
      layer: 'http2',
      kind: 'error',
      severity: 'error',
      flow: FLOW,
      scope: 'stream',
      streamId: 7,
      code: 'STREAM_CLOSED',
      reason: 'DATA after END_STREAM',
    },
    normal: '      [H2] [ERROR] stream=7 STREAM_CLOSED: DATA after END_STREAM',
  },
  {
    event: {
      layer: 'http',
      kind: 'request',
      flow: FLOW,
      dir: 'in',
      version: 'HTTP/2',
      method: 'GET',
      scheme: 'https',
      authority: '10.0.0.2',
      path: '/',
    },
    normal: undefined,
    verbose: ['      [HTTP] GET https://10.0.0.2/ HTTP/2'],
  },
  {
    event: { layer: 'http', kind: 'response', flow: FLOW, dir: 'out', status: 200, method: 'GET', path: '/' },
    normal: '      [HTTP] GET / -> 200',
  },
];
