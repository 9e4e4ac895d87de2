// RFC 9113 §9.2.2 and appendix A: cipher suites of TLS 1.2 that HTTP/2 refuses, and those that it must not refuse.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Http2Connection } from '../../../src/core/http2/connection.js';
import { decodeFrame, ErrorCode } from '../../../src/core/http2/frame.js';
import { isProhibitedSuite } from '../../../src/core/http2/security.js';
import { DATE, site } from './support.js';

const prohibited = [
  'TLS_RSA_WITH_AES_128_CBC_SHA',
  'TLS_RSA_WITH_AES_128_GCM_SHA256',
  'TLS_RSA_WITH_AES_256_CCM_8',
  'TLS_DH_anon_WITH_AES_128_GCM_SHA256',
  'TLS_DH_RSA_WITH_AES_256_GCM_SHA384',
  'TLS_DHE_RSA_WITH_AES_128_CBC_SHA',
  'TLS_DHE_DSS_WITH_3DES_EDE_CBC_SHA',
  'TLS_ECDH_RSA_WITH_AES_128_GCM_SHA256',
  'TLS_ECDH_anon_WITH_AES_128_CBC_SHA',
  'TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256',
  'TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA',
  'TLS_ECDHE_RSA_WITH_RC4_128_SHA',
  'TLS_ECDHE_RSA_WITH_NULL_SHA',
  'TLS_PSK_WITH_AES_128_GCM_SHA256',
  'TLS_RSA_PSK_WITH_AES_128_GCM_SHA256',
  'TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256',
  'TLS_NULL_WITH_NULL_NULL',
];
const allowed = [
  'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
  'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
  'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256',
  'TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8',
  'TLS_DHE_RSA_WITH_AES_128_GCM_SHA256',
  'TLS_DHE_PSK_WITH_AES_128_GCM_SHA256',
  'TLS_PSK_DHE_WITH_AES_128_CCM_8',
  'TLS_AES_128_GCM_SHA256',
  'TLS_CHACHA20_POLY1305_SHA256',
  'whatever is new',
];

test('appendix A: no forward secrecy or no AEAD', () => {
  for (const suite of prohibited) assert.is(isProhibitedSuite(suite), true, suite);
  for (const suite of allowed) assert.is(isProhibitedSuite(suite), false, suite);
});

for (const [cipherSuite, refused] of [
  ['TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA', true],
  ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', false],
] as const) {
  test(`§9.2.2: over ${cipherSuite} the connection is ${refused ? 'refused: INADEQUATE_SECURITY' : 'served'}`, () => {
    const tls = {
      version: 'TLS1.2',
      cipherSuite,
      group: 'x25519',
      signature: 'rsa_pss_rsae_sha256',
      serverName: undefined,
      alpn: 'h2',
      extendedMasterSecret: true,
    };
    const connection = new Http2Connection({
      flow: 'a',
      scheme: 'https',
      handler: site,
      connection: { flow: 'a', tls },
      date: () => DATE,
    });
    const bytes = connection.take(0, 1_000);
    // §3.4: SETTINGS first, whatever follows.
    assert.is(decodeFrame(bytes).type, 'SETTINGS');
    const second = decodeFrame(bytes, 9 + bytes[2]!);
    assert.is(second.type === 'GOAWAY' && second.errorCode, refused ? ErrorCode.INADEQUATE_SECURITY : false);
    assert.is(connection.state, refused ? 'closed' : 'open');
  });
}

test.run();
