// The events of TLS that came with sessions, client certificates and version 1.3, with their lines.

import { FLOW, type Sample } from './events.js';

export const TLS_SAMPLES: readonly Sample[] = [
  {
    event: {
      layer: 'tls',
      kind: 'established',
      flow: FLOW,
      version: 'TLS1.2',
      cipherSuite: 'TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA',
      group: 'none',
      signature: 'none',
      extendedMasterSecret: true,
      resumed: 'session id',
      encryptThenMac: true,
      clientCertificate: 'CN=somebody\x1b',
    },
    normal: '    [TLS] [STATE] established TLS1.2 TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA resumed=session-id',
    verbose: [
      '    [TLS] [STATE] established TLS1.2 TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA resumed=session-id',
      '        group: none',
      '        signature: none',
      '        extended master secret: yes',
      '        encrypt-then-MAC: yes',
      '        resumed: by session id',
      '        client certificate: CN=somebody\\x1b',
    ],
  },
  {
    event: { layer: 'tls', kind: 'key_schedule', flow: FLOW, label: 'key expansion', hash: 'sha384', length: 72 },
    normal: undefined,
    verbose: ['    [TLS] key schedule: key expansion, 72 bytes by sha384'],
  },
  {
    event: {
      layer: 'tls',
      kind: 'timeout',
      severity: 'warning',
      flow: FLOW,
      reason: 'the handshake is not done in time, in ExpectFinished',
      rule: 'limit handshakeUs',
    },
    normal: '    [TLS] [WARN] timeout: the handshake is not done in time, in ExpectFinished (limit handshakeUs)',
  },
  {
    event: {
      layer: 'tls',
      kind: 'keys',
      flow: FLOW,
      dir: 'out',
      secret: 'server_handshake_traffic_secret',
      cipherSuite: 'TLS_AES_128_GCM_SHA256',
    },
    normal: undefined,
    verbose: ['    [TLS] [STATE] writing under server_handshake_traffic_secret'],
  },
  {
    event: { layer: 'tls', kind: 'psk', flow: FLOW, index: 1, verdict: 'accepted', ageSkewMs: -3 },
    normal: '    [TLS] PSK 1: accepted age skew -3 ms',
  },
  {
    event: { layer: 'tls', kind: 'psk', flow: FLOW, index: 0, verdict: 'expired' },
    normal: '    [TLS] PSK 0: expired',
  },
  {
    event: { layer: 'tls', kind: 'early_data', flow: FLOW, verdict: 'refused' },
    normal: '    [TLS] early data is refused',
  },
];
