// The proof of the test client: full handshakes, resumptions and everything else that it can do, against the servers of OpenSSL and GnuTLS.
// Only a client that an implementation of somebody else's understands may judge ours.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ascii, concat, equalBytes, text } from '../support/bytes.js';
import { certificateFile } from '../support/live.js';
import { met, needCommands, testWith } from '../support/needs.js';
import { TlsClient } from '../support/tls/client.js';
import { Group, Scheme, SUITES, type Suite, TLS12, TLS13 } from '../support/tls/codes.js';
import type { ClientOptions } from '../support/tls/options.js';
import {
  clientCertificate,
  converse,
  gnutlsServer,
  makeCertificate,
  opensslServer,
  type Peer,
  type Talk,
} from '../support/tls/peer.js';

const test = suite('the test client against others');
const needs = needCommands('openssl');
const folder = mkdtempSync(join(tmpdir(), 'wirebench-tls-'));
/** An OCSPResponse that says tryLater: the client shows it, and checks no more of it than its DER's place. */
const OCSP_TRY_LATER = Uint8Array.of(0x30, 0x03, 0x0a, 0x01, 0x03);
const keyFile = certificateFile.replace('.cert.', '.key.');
const CERTIFICATES = { rsa: certificateFile, ecdsa: 'ecdsa.pem', ed25519: 'ed25519.pem' } as const;
const KEYS = { rsa: keyFile, ecdsa: 'ecdsa.key', ed25519: 'ed25519.key' } as const;
type Kind = keyof typeof CERTIFICATES;

test.before(async () => {
  if (!met(needs)) return;
  await makeCertificate(folder, 'ecdsa', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256');
  await makeCertificate(folder, 'ed25519', 'ed25519');
  await makeCertificate(folder, 'client', 'ed25519');
  await makeCertificate(folder, 'client-rsa', 'rsa:2048');
  await makeCertificate(folder, 'client-ecdsa', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256');
  const authorities = ['client', 'client-rsa', 'client-ecdsa'].map((name) => readFileSync(join(folder, `${name}.pem`)));
  writeFileSync(join(folder, 'authorities.pem'), Buffer.concat(authorities));
  writeFileSync(join(folder, 'ocsp.der'), OCSP_TRY_LATER);
});

test.after(() => rmSync(folder, { recursive: true, force: true }));

/** Every suite, CBC ones included. */
const CIPHERS = [
  '-cipher',
  'ALL:@SECLEVEL=0',
  '-ciphersuites',
  [...SUITES.values()]
    .filter((one) => one.version === TLS13)
    .map((one) => one.openssl)
    .join(':'),
];

async function withServer(kind: Kind, args: readonly string[], body: (peer: Peer) => Promise<void>): Promise<void> {
  const peer = await opensslServer(folder, [
    '-cert',
    CERTIFICATES[kind],
    '-key',
    KEYS[kind],
    ...CIPHERS,
    ...(args.includes('-stateless') ? [] : ['-rev']),
    ...args,
  ]);
  try {
    await body(peer);
  } finally {
    await peer.stop();
  }
}

/** One line there and, reversed, back. */
function exchange(line = 'live'): Talk {
  let asked = false;
  const wanted = [...line].reverse().join('');
  return (client) => {
    if (!client.established) return undefined;
    if (!asked) {
      asked = true;
      return client.write(ascii(`${line}\n`));
    }
    return text(concat(...client.received)).includes(wanted) ? 'done' : undefined;
  };
}

async function shake(peer: Peer, options: ClientOptions, talk = exchange()): Promise<TlsClient> {
  const client = new TlsClient(options);
  await converse(peer, client, talk);
  return client;
}

const suites = (version: number, signer?: Suite['signer']): Suite[] =>
  [...SUITES.values()].filter((one) => one.version === version && (signer === undefined || one.signer === signer));

for (const kind of ['rsa', 'ecdsa', 'ed25519'] as const) {
  testWith(test, needs, `TLS 1.2: each suite with each group and each signature of ${kind}`, () =>
    withServer(kind, ['-tls1_2'], async (peer) => {
      const schemes = schemesOf(kind);
      for (const { code } of suites(TLS12, kind === 'rsa' ? 'rsa' : 'ecdsa')) {
        const client = await shake(peer, { versions: [TLS12], cipherSuites: [code] });
        assert.is(client.agreed.suite?.code, code);
        assert.ok(client.agreed.extendedMasterSecret);
      }
      for (const group of Object.values(Group)) {
        const client = await shake(peer, {
          versions: [TLS12],
          groups: [group, ...(kind === 'ecdsa' ? [Group.secp256r1] : [])],
        });
        assert.is(client.agreed.group, group);
      }
      for (const scheme of schemes) {
        const client = await shake(peer, { versions: [TLS12], signatureSchemes: [scheme] });
        assert.is(client.agreed.scheme, scheme);
      }
    }),
  );

  testWith(test, needs, `TLS 1.3: each suite with each group and each signature of ${kind}`, () =>
    withServer(kind, ['-tls1_3'], async (peer) => {
      for (const { code } of suites(TLS13)) {
        const client = await shake(peer, { cipherSuites: [code] });
        assert.is(client.agreed.suite?.code, code);
        assert.not(client.agreed.helloRetry);
      }
      for (const group of Object.values(Group)) {
        const client = await shake(peer, { groups: [group] });
        assert.is(client.agreed.group, group);
      }
      for (const scheme of schemesOf(kind).filter((one) => (one & 0xff) !== 1)) {
        const client = await shake(peer, { signatureSchemes: [scheme], versions: [TLS13] });
        assert.is(client.agreed.scheme, scheme);
      }
    }),
  );
}

function schemesOf(kind: Kind): number[] {
  const prefix = kind === 'rsa' ? 'rsa_' : kind;
  return Object.entries(Scheme)
    .filter(([name]) => name.startsWith(prefix))
    .map(([, code]) => code);
}

testWith(test, needs, 'TLS 1.2: CBC with the MAC inside and outside, with and without extended master secret', () =>
  withServer('rsa', ['-tls1_2'], async (peer) => {
    for (const cipherSuites of [[0xc013], [0xc014]]) {
      for (const encryptThenMac of [false, true]) {
        for (const extendedMasterSecret of [false, true]) {
          const client = await shake(peer, { versions: [TLS12], cipherSuites, encryptThenMac, extendedMasterSecret });
          assert.is(client.agreed.encryptThenMac, encryptThenMac);
          assert.is(client.agreed.extendedMasterSecret, extendedMasterSecret);
        }
      }
    }
  }),
);

for (const [what, args, sessionTicket] of [
  ['ticket', [], true],
  ['session id', ['-no_ticket'], false],
] as const) {
  testWith(test, needs, `TLS 1.2: a session is resumed by its ${what}`, () =>
    withServer('rsa', ['-tls1_2', ...args], async (peer) => {
      for (const extendedMasterSecret of [true, false]) {
        const options = { versions: [TLS12], sessionTicket, extendedMasterSecret };
        const first = await shake(peer, options);
        assert.is(first.agreed.resumed, undefined);
        const second = await shake(peer, { ...options, seed: 2, sessions: first.sessions.slice(-1) });
        assert.is(second.agreed.resumed, what);
        const third = await shake(peer, { ...options, seed: 3, sessions: second.sessions.slice(-1) });
        assert.is(third.agreed.resumed, what);
      }
    }),
  );
}

testWith(
  test,
  needs,
  'TLS 1.3: a session is resumed by its ticket, with each hash, and with one ticket of several',
  () =>
    withServer('ecdsa', ['-tls1_3'], async (peer) => {
      for (const cipherSuites of [[0x1301], [0x1302], [0x1303]]) {
        const first = await shake(peer, { cipherSuites });
        assert.ok(first.sessions.length >= 2);
        const second = await shake(peer, { cipherSuites, seed: 2, sessions: first.sessions });
        assert.is(second.agreed.resumed, 'psk');
        assert.equal(second.seen.slice(0, 4), ['ServerHello', 'ChangeCipherSpec', 'EncryptedExtensions', 'Finished']);
        const third = await shake(peer, { cipherSuites, seed: 3, sessions: second.sessions.slice(-1) });
        assert.is(third.agreed.resumed, 'psk');
      }
    }),
);

testWith(test, needs, 'TLS 1.3: a HelloRetryRequest for a group, with a pre-shared key too', () =>
  withServer('rsa', ['-tls1_3', '-groups', 'P-384'], async (peer) => {
    const first = await shake(peer, {});
    assert.ok(first.agreed.helloRetry);
    assert.is(first.agreed.group, Group.secp384r1);
    const second = await shake(peer, { seed: 2, sessions: first.sessions.slice(-1) });
    assert.ok(second.agreed.helloRetry);
    assert.is(second.agreed.resumed, 'psk');
  }),
);

testWith(test, needs, 'TLS 1.3: without compatibility mode there is neither session id nor ChangeCipherSpec', () =>
  withServer('rsa', ['-tls1_3', '-no_middlebox'], async (peer) => {
    const client = await shake(peer, { compatibility: false });
    assert.not(client.seen.includes('ChangeCipherSpec'));
  }),
);

testWith(test, needs, 'TLS 1.3: keys are updated on both sides', () =>
  withServer('rsa', ['-tls1_3'], async (peer) => {
    let step = 0;
    const client = await shake(peer, {}, (one) => {
      if (!one.established) return undefined;
      step++;
      if (step === 1) return one.keyUpdate(false);
      if (step === 2) return one.keyUpdate(true);
      if (step === 3) return one.write(ascii('again\n'));
      return text(concat(...one.received)).includes('niaga') ? 'done' : undefined;
    });
    assert.is(client.serverKeyUpdates, 1);
  }),
);

testWith(test, needs, 'client certificates, their signatures and an empty one, in both versions', async () => {
  const args = ['-verify', '1', '-verify_return_error', '-CAfile', 'authorities.pem'];
  await withServer('rsa', args, async (peer) => {
    for (const versions of [[TLS12], [TLS13]]) {
      for (const name of ['client', 'client-rsa', 'client-ecdsa']) {
        const client = await shake(peer, { versions, certificate: clientCertificate(folder, name) });
        assert.ok(client.agreed.certificateRequest!.authorities.length >= 3);
        assert.match(peer.output(), `CN = ${name}.wirebench.test`);
      }
      const certificate = clientCertificate(folder, 'client-rsa');
      const scheme = Scheme.rsa_pss_rsae_sha512;
      await shake(peer, { versions, certificate: { ...certificate, scheme } });
      const without = await shake(peer, { versions });
      assert.ok(without.agreed.certificateRequest);
    }
  });
  await withServer('rsa', ['-Verify', '1', '-CAfile', 'authorities.pem'], async (peer) => {
    for (const [versions, alert] of [
      [[TLS12], 'handshake_failure'],
      [[TLS13], 'certificate_required'],
    ] as const) {
      const client = new TlsClient({ versions });
      await converse(peer, client, (one) => (one.failure === undefined ? undefined : 'done'));
      assert.is(client.failure, alert);
    }
  });
});

testWith(test, needs, 'ALPN, OCSP response, fragment length and GREASE, in both versions', () =>
  withServer('rsa', ['-alpn', 'h2,http/1.1', '-status_file', 'ocsp.der'], async (peer) => {
    for (const versions of [[TLS12], [TLS13], [TLS13, TLS12]]) {
      const options: ClientOptions = {
        versions,
        alpn: ['http/1.1'],
        statusRequest: true,
        maxFragmentLength: 1,
        grease: true,
        padHelloTo: 1500,
        sessionTicket: true,
      };
      const client = await shake(peer, options, exchange('x'.repeat(2000)));
      assert.is(client.agreed.alpn, 'http/1.1');
      assert.is(client.agreed.maxFragmentLength, 512);
      equalBytes(client.agreed.ocspResponse!, OCSP_TRY_LATER);
      assert.ok(client.helloBytes[0]!.length >= 1500);
    }
  }),
);

testWith(test, needs, 'the server name is acknowledged', () =>
  withServer('rsa', ['-servername', 'wirebench.test', '-cert2', 'ecdsa.pem', '-key2', 'ecdsa.key'], async (peer) => {
    for (const versions of [[TLS12], [TLS13]]) {
      const client = await shake(peer, { versions });
      assert.ok(client.agreed.serverName);
      assert.is(client.agreed.scheme, Scheme.ecdsa_secp256r1_sha256);
    }
  }),
);

testWith(test, needs, 'records cut small, messages coalesced, padding in each record', () =>
  withServer('ecdsa', [], async (peer) => {
    for (const versions of [[TLS12], [TLS13]]) {
      await shake(peer, { versions, fragmentBytes: 7 });
      await shake(peer, { versions, coalesce: true });
    }
    await shake(peer, { versions: [TLS13], recordPadding: 100 });
    await shake(peer, { versions: [TLS13], recordPadding: 16_000 });
  }),
);

testWith(test, needs, 'early data that is refused is passed over, and the handshake goes on', () =>
  withServer('rsa', ['-tls1_3'], async (peer) => {
    const first = await shake(peer, {});
    const earlyData = [ascii('early\n'), ascii('more\n')];
    const second = await shake(peer, { seed: 2, sessions: first.sessions.slice(-1), earlyData });
    assert.is(second.agreed.resumed, 'psk');
    assert.ok(second.secrets.has('CLIENT_EARLY_TRAFFIC_SECRET'));
  }),
);

testWith(test, needs, 'renegotiation is signalled by the suite value as by the extension', () =>
  withServer('rsa', ['-tls1_2'], async (peer) => {
    for (const renegotiation of ['scsv', 'extension'] as const) await shake(peer, { versions: [TLS12], renegotiation });
    const fallback = new TlsClient({ versions: [TLS12], fallbackScsv: true });
    await converse(peer, fallback, exchange());
  }),
);

testWith(test, needs, 'a downgrade is noticed by the end of the server random', () =>
  withServer('rsa', [], async (peer) => {
    // The client offers 1.3, and somebody on the way takes the offer out.
    const withoutVersions = new TlsClient({
      hooks: { hello: (parts) => ({ ...parts, extensions: parts.extensions!.filter((one) => one.type !== 43) }) },
    });
    await converse(peer, withoutVersions, exchange()).then(
      () => assert.unreachable(),
      (error: Error) => assert.match(error.message, 'made to take 1.2'),
    );
  }),
);

testWith(
  test,
  ['namespaces', ...needCommands('gnutls-serv', 'nsenter')],
  'gnutls-serv: record sizes, which OpenSSL 3.0 has no limits for, in both versions',
  async () => {
    await makeCertificate(folder, 'gnutls', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256');
    const peer = await gnutlsServer(folder, [
      '--x509certfile',
      'gnutls.pem',
      '--x509keyfile',
      'gnutls.key',
      '--recordsize',
      '600',
    ]);
    try {
      for (const versions of [[TLS12], [TLS13]]) {
        const line = `${'y'.repeat(900)}\n`;
        let asked = false;
        const client = await shake(peer, { versions, recordSizeLimit: 600 }, (one) => {
          if (!one.established) return undefined;
          if (!asked) {
            asked = true;
            return one.write(ascii(line));
          }
          return text(concat(...one.received)) === line ? 'done' : undefined;
        });
        assert.is(client.agreed.recordSizeLimit, versions[0] === TLS13 ? 601 : 600);
        assert.is(client.received.length, 2);
      }
    } finally {
      await peer.stop();
    }
  },
);

testWith(test, needs, 'what is sent wrongly is answered by the alert that OpenSSL has for it', () =>
  withServer('rsa', [], async (peer) => {
    for (const versions of [[TLS12], [TLS13]]) {
      const flip = (name: string, bytes: Uint8Array): Uint8Array => {
        if (name === 'Finished') bytes[10] = bytes[10]! ^ 1;
        return bytes;
      };
      const wrongFinished = new TlsClient({ versions, hooks: { message: flip } });
      await converse(peer, wrongFinished, (one) => (one.failure === undefined ? undefined : 'done'));
      assert.is(wrongFinished.failure, 'decrypt_error');
      const damaged = new TlsClient({
        versions,
        hooks: {
          record: (bytes, name) => [
            name === 'Finished' ? bytes.map((byte, i) => (i === bytes.length - 1 ? byte ^ 1 : byte)) : bytes,
          ],
        },
      });
      await converse(peer, damaged, (one) => (one.failure === undefined ? undefined : 'done'));
      assert.is(damaged.failure, 'bad_record_mac');
    }
  }),
);

test.run();
