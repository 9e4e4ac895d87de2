// Every kind of event with its lines in the normal, verbose and debug log: IP, ICMP, TCP and TLS here, HTTP beside.

import { FLOW, ipPacket, PSH_ACK, type Sample, SYN, segment } from './events.js';
import { HTTP_SAMPLES } from './samples-http.js';

const SAMPLES_BELOW_HTTP: readonly Sample[] = [
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
    event: segment('in', SYN, 0, { mss: 1460, windowScale: 7, sackPermitted: true }),
    normal: '  [TCP] RCV 10.0.0.1:49152 -> 10.0.0.2:443 SYN seq=1000 win=64240',
    verbose: [
      '  [TCP] RCV 10.0.0.1:49152 -> 10.0.0.2:443 SYN seq=1000 win=64240',
      '      mss: 1460',
      '      window scale: 7',
      '      SACK permitted',
    ],
  },
  {
    event: segment('out', PSH_ACK, 517),
    normal: '  [TCP] SND 10.0.0.2:443 -> 10.0.0.1:49152 PSH,ACK seq=1000 ack=2000 win=64240 len=517',
  },
  {
    event: segment('in', 0x10, 0, { tsVal: 5, tsEcr: 6, sack: [10, 20, 30, 40], congestionExperienced: true }),
    normal: '  [TCP] RCV 10.0.0.1:49152 -> 10.0.0.2:443 ACK seq=1000 ack=2000 win=64240',
    verbose: [
      '  [TCP] RCV 10.0.0.1:49152 -> 10.0.0.2:443 ACK seq=1000 ack=2000 win=64240',
      '      timestamps: val=5 ecr=6',
      '      SACK: 10-20 30-40',
      '      congestion experienced',
    ],
  },
  {
    event: { layer: 'tcp', kind: 'cookies', severity: 'warning', reason: 'backlog full', synReceived: 256 },
    normal: '  [TCP] [WARN] SYN cookies: backlog full',
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
    event: {
      layer: 'tcp',
      kind: 'congestion',
      flow: FLOW,
      state: 'recovery',
      reason: 'rack',
      cwnd: 11_680,
      ssthresh: 8176,
      flight: 14_600,
      srttUs: 10_250,
      rttvarUs: 1_500,
      rtoUs: 200_000,
      window: 65_536,
    },
    normal: '  [TCP] congestion recovery (rack) cwnd=11680 flight=14600',
    verbose: [
      '  [TCP] congestion recovery (rack) cwnd=11680 flight=14600',
      '      ssthresh: 8176',
      '      srtt: 0.010250, rttvar: 0.001500, rto: 0.200000',
      "      peer's window: 65536",
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
    event: { layer: 'tls', kind: 'drop', severity: 'warning', flow: FLOW, reason: 'after close_notify', length: 29 },
    normal: '    [TLS] [WARN] dropped 29 bytes: after close_notify',
  },
  {
    event: { layer: 'tls', kind: 'truncated', flow: FLOW, reason: 'no close_notify', length: 3 },
    normal: undefined,
    verbose: ['    [TLS] truncated: no close_notify'],
  },
];

export const SAMPLES: readonly Sample[] = [...SAMPLES_BELOW_HTTP, ...HTTP_SAMPLES];
