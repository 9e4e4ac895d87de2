// The TLS options of `serve`: what is taken, and what exactly is said about what is not.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseArguments, UsageError } from '../../src/cli/arguments.js';
import type { TlsServeOptions } from '../../src/cli/tls-options.js';
import { opensslName } from '../../src/io/tls-config.js';

function tls(line: string): TlsServeOptions {
  const result = parseArguments(line === '' ? [] : line.split(' '), {});
  if (result.command !== 'serve') throw new Error(`not serve: ${line}`);
  assert.equal(result.notices, []);
  return result.options.tls;
}

const DEFAULTS = tls('');
const PAIR = { cert: 'c.pem', key: 'k.pem', ocsp: undefined };
const GCM_1_3 = 'TLS_AES_128_GCM_SHA256';
const GCM_RSA = 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256';

const ACCEPTED: readonly [line: string, expected: Partial<TlsServeOptions>][] = [
  // Certificates.
  ['--cert c.pem --key k.pem', { credentials: [PAIR] }],
  ['--key k.pem --cert c.pem', { credentials: [PAIR] }],
  ['--cert c.pem --key k.pem --ocsp o.der', { credentials: [{ ...PAIR, ocsp: 'o.der' }] }],
  [
    '--cert a --key b --cert c --key d',
    {
      credentials: [
        { cert: 'a', key: 'b', ocsp: undefined },
        { cert: 'c', key: 'd', ocsp: undefined },
      ],
    },
  ],
  [
    '--cert a --cert c --key b --key d --ocsp x --ocsp y',
    {
      credentials: [
        { cert: 'a', key: 'b', ocsp: 'x' },
        { cert: 'c', key: 'd', ocsp: 'y' },
      ],
    },
  ],
  [
    '--cert a --key b --cert c --key d --ocsp y',
    {
      credentials: [
        { cert: 'a', key: 'b', ocsp: undefined },
        { cert: 'c', key: 'd', ocsp: 'y' },
      ],
    },
  ],
  [
    '--cert a --key b --ocsp x --cert c --key d',
    {
      credentials: [
        { cert: 'a', key: 'b', ocsp: 'x' },
        { cert: 'c', key: 'd', ocsp: undefined },
      ],
    },
  ],
  ['--ocsp x --cert a --key b', { credentials: [{ cert: 'a', key: 'b', ocsp: 'x' }] }],
  // Versions.
  ['--tls-min 1.3', { minVersion: '1.3' }],
  ['--tls-max=1.2', { maxVersion: '1.2' }],
  ['--tls-min 1.2 --tls-max 1.3', {}],
  ['--tls-min 1.3 --tls-max 1.3', { minVersion: '1.3' }],
  // Suites, in the order given.
  [`--ciphers ${GCM_RSA},${GCM_1_3}`, { cipherSuites: [GCM_RSA, GCM_1_3] }],
  ['--ciphers ecdhe-rsa-aes128-gcm-sha256,tls_aes_128_gcm_sha256', { cipherSuites: [GCM_RSA, GCM_1_3] }],
  ['--ciphers ECDHE-RSA-AES128-GCM-SHA256 --tls-max 1.2', { maxVersion: '1.2', cipherSuites: [GCM_RSA] }],
  [
    '--tls-max 1.2 --ciphers ECDHE-RSA-AES128-SHA,ECDHE-RSA-AES256-SHA,ECDHE-ECDSA-CHACHA20-POLY1305',
    {
      maxVersion: '1.2',
      cipherSuites: [
        'TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA',
        'TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA',
        'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256',
      ],
    },
  ],
  [
    '--tls-min 1.3 --ciphers TLS_CHACHA20_POLY1305_SHA256',
    { minVersion: '1.3', cipherSuites: ['TLS_CHACHA20_POLY1305_SHA256'] },
  ],
  // Groups.
  ['--groups x25519', { groups: ['x25519'] }],
  ['--groups P-384,p-256,X25519', { groups: ['secp384r1', 'secp256r1', 'x25519'] }],
  ['--groups prime256v1', { groups: ['secp256r1'] }],
  ['--groups secp384r1,secp256r1', { groups: ['secp384r1', 'secp256r1'] }],
  // The rest.
  ['--alpn http/1.1', { alpnProtocols: ['http/1.1'] }],
  ['--alpn http/1.1,h2', { alpnProtocols: ['http/1.1', 'h2'] }],
  ['--alpn=', { alpnProtocols: [] }],
  ['--strict-sni', { strictServerName: true }],
  ['--no-resumption', { resumption: false }],
  ['--resumption', {}],
  ['--resumption=false', { resumption: false }],
  ['--client-ca ca.pem', { clientCa: 'ca.pem' }],
  ['--client-ca ca.pem --client-auth require', { clientCa: 'ca.pem' }],
  ['--client-auth request --client-ca ca.pem', { clientCa: 'ca.pem', clientAuthRequired: false }],
];

for (const [line, expected] of ACCEPTED) {
  test(`accepts: ${line}`, () => assert.equal(tls(line), { ...DEFAULTS, ...expected }));
}

const SUITES =
  'The suites are TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256, ECDHE-RSA-AES128-SHA, ' +
  'ECDHE-RSA-AES256-SHA, ECDHE-ECDSA-AES128-GCM-SHA256, ECDHE-ECDSA-AES256-GCM-SHA384, ECDHE-RSA-AES128-GCM-SHA256, ' +
  'ECDHE-RSA-AES256-GCM-SHA384, ECDHE-RSA-CHACHA20-POLY1305, ECDHE-ECDSA-CHACHA20-POLY1305.';

const REJECTED: readonly [line: string, message: string, suggestion?: string][] = [
  ['--cert c.pem', '--cert needs --key'],
  ['--key k.pem', '--key needs --cert'],
  ['--cert a --key b --cert c', '--cert and --key go in pairs, but there are 2 of the one and 1 of the other'],
  ['--cert= --key k', '--cert: "" is no file name'],
  ['--ocsp o', '--ocsp needs --cert and --key', 'It is the response for that certificate.'],
  ['--cert a --key b --ocsp x --ocsp y', '--ocsp is given 2 times for 1 --cert', 'One response is for one --cert.'],
  ['--tls-min 1.1', '--tls-min: "1.1" is not one of 1.2, 1.3', 'Did you mean 1.2?'],
  ['--tls-max tls1.3', '--tls-max: "tls1.3" is not one of 1.2, 1.3'],
  ['--tls-min 1.3 --tls-max 1.2', '--tls-min 1.3 is above --tls-max 1.2', 'Change one of them.'],
  [
    '--ciphers ECDHE-RSA-AES128-GCM-SHA265',
    '--ciphers: "ECDHE-RSA-AES128-GCM-SHA265" is no suite of ours',
    `Did you mean ECDHE-RSA-AES128-GCM-SHA256? ${SUITES}`,
  ],
  ['--ciphers RC4', '--ciphers: "RC4" is no suite of ours', SUITES],
  ['--ciphers=', '--ciphers: "" is no suite of ours', SUITES],
  ['--ciphers __proto__', '--ciphers: "__proto__" is no suite of ours', SUITES],
  [
    `--ciphers ${GCM_RSA},ECDHE-RSA-AES128-GCM-SHA256`,
    `--ciphers: ${GCM_RSA} is given twice in "${GCM_RSA},ECDHE-RSA-AES128-GCM-SHA256"`,
  ],
  [
    `--ciphers ${GCM_RSA}`,
    '--ciphers: none of these suites is one of TLS 1.3',
    'Add one (like TLS_AES_128_GCM_SHA256), or give --tls-max 1.2.',
  ],
  [
    `--ciphers ${GCM_1_3}`,
    '--ciphers: none of these suites is one of TLS 1.2',
    'Add one (like ECDHE-RSA-AES128-GCM-SHA256), or give --tls-min 1.3.',
  ],
  [
    `--ciphers ${GCM_1_3} --tls-max 1.2`,
    '--ciphers: none of these suites is one of TLS 1.2',
    'Add one (like ECDHE-RSA-AES128-GCM-SHA256).',
  ],
  ['--groups P-521', '--groups: "P-521" is not one of x25519, P-256, P-384'],
  ['--groups P256', '--groups: "P256" is not one of x25519, P-256, P-384', 'Did you mean p-256?'],
  ['--groups x448', '--groups: "x448" is not one of x25519, P-256, P-384'],
  ['--groups constructor', '--groups: "constructor" is not one of x25519, P-256, P-384'],
  ['--groups P-256,prime256v1', '--groups: secp256r1 is given twice in "P-256,prime256v1"'],
  ['--groups=', '--groups: "" is not one of x25519, P-256, P-384'],
  ['--alpn h3', '--alpn: "h3" is not one of h2, http/1.1', 'Did you mean h2?'],
  ['--alpn h2,h2', '--alpn: h2 is given twice in "h2,h2"'],
  [
    '--client-auth require',
    '--client-auth needs --client-ca',
    'It names the certificates that clients are trusted by.',
  ],
  ['--client-ca c --client-auth maybe', '--client-auth: "maybe" is not one of request, require'],
  ['--client-ca c --client-ca d', '--client-ca is given more than once: "c" and "d"'],
  ['--strict-sni=yes', '--strict-sni is a switch and takes no value, but "yes" was given'],
  ['--no-resumptoin', 'unknown option "--no-resumptoin"', 'Did you mean --no-resumption?'],
  ['inspect --tls-min 1.2 x', '--tls-min is no option of inspect', 'It is one of serve, replay and record.'],
];

for (const [line, message, suggestion] of REJECTED) {
  test(`rejects: ${line}`, () => {
    try {
      parseArguments(line.split(' '), {});
    } catch (error) {
      assert.instance(error, UsageError);
      assert.is((error as UsageError).message, message);
      assert.is((error as UsageError).suggestion, suggestion);
      return;
    }
    assert.unreachable('accepted');
  });
}

test('the names that OpenSSL has for suites', () => {
  assert.is(opensslName('TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384'), 'ECDHE-ECDSA-AES256-GCM-SHA384');
  assert.is(opensslName('TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256'), 'ECDHE-RSA-CHACHA20-POLY1305');
  assert.is(opensslName('TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA'), 'ECDHE-RSA-AES256-SHA');
  assert.is(opensslName('TLS_AES_256_GCM_SHA384'), 'TLS_AES_256_GCM_SHA384');
});

test('in mode std ALPN and strict names are told to have no effect', () => {
  const result = parseArguments('--mode std --strict-sni --alpn h2 --tls-max 1.2'.split(' '), {});
  assert.ok('notices' in result);
  if ('notices' in result) {
    assert.equal(result.notices, ['--strict-sni has no effect in mode std', '--alpn has no effect in mode std']);
  }
});

test('suites that HTTP/2 refuses are told when there is no other suite and no other protocol', () => {
  const notices = (...words: string[]): readonly string[] => {
    const parsed = parseArguments(['--mode', 'tcp', ...words], {});
    return parsed.command === 'serve' ? parsed.notices : [];
  };
  const cbc = ['--ciphers', 'ECDHE-RSA-AES128-SHA', '--tls-max', '1.2'];
  assert.equal(notices(...cbc, '--alpn', 'h2'), [
    '--ciphers: HTTP/2 refuses these suites (RFC 9113 §9.2.2), and --alpn leaves nothing else',
  ]);
  assert.equal(notices(...cbc), []);
  assert.equal(notices(...cbc, '--alpn', 'http/1.1'), []);
  assert.equal(notices('--ciphers', 'ECDHE-RSA-AES128-SHA,ECDHE-RSA-AES128-GCM-SHA256', '--tls-max', '1.2'), []);
  assert.equal(notices(), []);
});

test.run();
