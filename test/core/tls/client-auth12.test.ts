// Client certificates in TLS 1.2, with every way to fail: RFC 5246 §7.2.2, §7.4.4, §7.4.6, §7.4.8; RFC 8422 §5.5.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { alertRules, type Verdict } from '../../../src/core/tls/alerts.js';
import { CERTIFICATE_REQUEST } from '../../../src/core/tls/client-auth12.js';
import type { CertificateFailure, ClientCertificateVerifier, TlsConfig } from '../../../src/core/tls/config.js';
import { SignatureScheme } from '../../../src/core/tls/extensions.js';
import { ascii, equalBytes } from '../../support/bytes.js';
import { clients } from '../../support/tls/certificates.js';
import type { ClientOptions } from '../../support/tls/options.js';
import { asksForCertificate, clientVerifier, fullConfig, only12, Rig } from '../../support/tls/rig.js';

const TLS12 = [0x0303];

function shaken(required: boolean, options: ClientOptions = {}, config: Partial<TlsConfig> = {}): Rig {
  return new Rig(fullConfig({ ...only12, ...asksForCertificate(required), ...config }), {
    versions: TLS12,
    ...options,
  }).shake();
}

/** The server ended it by this rule of the table. */
function endedBy(rig: Rig, verdict: Verdict): void {
  const { description, reason } = alertRules[verdict];
  assert.equal(rig.alerts, [description], rig.client.failure);
  const told = rig.events.find((event) => event.kind === 'alert' && event.dir === 'out');
  assert.ok(told?.kind === 'alert' && told.reason?.startsWith(reason), `${verdict}: ${rig.reason}`);
  assert.is(rig.server.state, 'failed');
  assert.is(rig.server.negotiated, undefined);
}

const schemes = {
  rsa: [
    'rsa_pss_rsae_sha256',
    'rsa_pss_rsae_sha384',
    'rsa_pss_rsae_sha512',
    'rsa_pkcs1_sha256',
    'rsa_pkcs1_sha384',
    'rsa_pkcs1_sha512',
  ],
  ecdsa: ['ecdsa_secp256r1_sha256'],
  ed25519: ['ed25519'],
} as const;

for (const kind of ['rsa', 'ecdsa', 'ed25519'] as const) {
  for (const scheme of schemes[kind]) {
    test(`a client proves that it has its ${kind} key by ${scheme}`, () => {
      const certificate = { ...clients[kind], scheme: SignatureScheme[scheme] };
      const rig = shaken(true, { certificate });
      assert.ok(rig.works(), `${rig.client.failure} ${rig.reason}`);
      assert.match(rig.server.negotiated!.clientCertificate!, new RegExp(`client-${kind}`));
      const told = rig.events.find((event) => event.kind === 'established');
      assert.is(told?.kind === 'established' && told.clientCertificate, rig.server.negotiated!.clientCertificate);
      const verify = rig.events.find((event) => event.kind === 'handshake' && event.message === 'CertificateVerify');
      assert.is(verify?.kind === 'handshake' && verify.fields.signature, scheme);
    });
  }
}

test('the messages come in the order of RFC 5246 §7.3', () => {
  const rig = shaken(true, { certificate: clients.ed25519 });
  assert.equal(
    rig.events.flatMap((event) => (event.kind === 'handshake' ? [`${event.dir} ${event.message}`] : [])),
    [
      'in ClientHello',
      'out ServerHello',
      'out Certificate',
      'out ServerKeyExchange',
      'out CertificateRequest',
      'out ServerHelloDone',
      'in Certificate',
      'in ClientKeyExchange',
      'in CertificateVerify',
      'in Finished',
      'out Finished',
    ],
  );
});

test('the CertificateRequest names types, signatures and authorities (§7.4.4, RFC 8422 §5.5)', () => {
  const rig = shaken(true, { certificate: clients.ed25519 });
  const request = rig.events.find((event) => event.kind === 'handshake' && event.message === 'CertificateRequest');
  assert.ok(request?.kind === 'handshake');
  assert.equal(request.fields, {
    certificateTypes: ['rsa_sign', 'ecdsa_sign'],
    signatureAlgorithms: [
      'ecdsa_secp256r1_sha256',
      'ed25519',
      'rsa_pss_rsae_sha256',
      'rsa_pss_rsae_sha384',
      'rsa_pss_rsae_sha512',
      'rsa_pkcs1_sha256',
      'rsa_pkcs1_sha384',
      'rsa_pkcs1_sha512',
    ],
    certificateAuthorities: 1,
  });
});

test('a client without a certificate goes on where none is required, and is refused where one is (§7.4.6)', () => {
  const free = shaken(false);
  assert.ok(free.works());
  assert.is(free.server.negotiated?.clientCertificate, undefined);
  endedBy(shaken(true), 'clientCertificateMissing');
});

test('a chain that the verifier does not take ends the handshake, whether a certificate is required or not', () => {
  for (const required of [true, false]) {
    endedBy(shaken(required, { certificate: clients.expired }), 'certificateExpired');
    endedBy(shaken(required, { certificate: clients.stranger }), 'unknownCa');
    // A server's, which is not for clients.
    endedBy(shaken(required, { certificate: clients.misused }), 'unsupportedCertificate');
    endedBy(shaken(required, { certificate: { ...clients.ed25519, chain: [ascii('no DER')] } }), 'badCertificate');
  }
});

test('each answer of the verifier has its alert (§7.2.2)', () => {
  const verdicts: Record<CertificateFailure, Verdict> = {
    bad_certificate: 'badCertificate',
    unsupported_certificate: 'unsupportedCertificate',
    certificate_revoked: 'certificateRevoked',
    certificate_expired: 'certificateExpired',
    certificate_unknown: 'certificateUnknown',
    unknown_ca: 'unknownCa',
  };
  for (const [failure, verdict] of Object.entries(verdicts) as [CertificateFailure, Verdict][]) {
    const verifier: ClientCertificateVerifier = { authorities: [], verify: () => ({ failure }) };
    const clientAuthentication = { verifier, required: true };
    endedBy(shaken(true, { certificate: clients.ed25519 }, { clientAuthentication }), verdict);
  }
});

test('the verifier gets the chain as it came and the time of the run in milliseconds', () => {
  const calls: [readonly Uint8Array[], number][] = [];
  const verifier: ClientCertificateVerifier = {
    authorities: [],
    verify: (chain, unixMs) => {
      calls.push([chain, unixMs]);
      return clientVerifier.verify(chain.slice(0, 1), unixMs);
    },
  };
  const config = { clientAuthentication: { verifier, required: true }, startUnixUs: 1_800_000_000_000_999 };
  const rig = shaken(
    true,
    { certificate: { ...clients.ed25519, chain: [clients.ed25519.chain[0]!, ascii('second')] } },
    config,
  );
  assert.is(calls.length, 1);
  assert.equal([calls[0]![0].length, calls[0]![1]], [2, 1_800_000_000_000]);
  equalBytes(calls[0]![0][0], clients.ed25519.chain[0]!);
  assert.ok(rig.works());
});

/** The client's message of that name with one byte changed, counted from its end when below zero. */
const changed = (name: string, at: number, by = 1): ClientOptions => ({
  certificate: clients.ed25519,
  hooks: {
    message: (one, bytes) => {
      if (one !== name) return bytes;
      const wrong = bytes.slice();
      wrong[at < 0 ? wrong.length + at : at]! ^= by;
      return wrong;
    },
  },
});

test('a CertificateVerify with a wrong signature is refused (§7.4.8)', () => {
  endedBy(shaken(true, changed('CertificateVerify', -1)), 'certificateVerify');
});

test('a CertificateVerify by another key than the certificate’s is refused', () => {
  const certificate = {
    chain: clients.ed25519.chain,
    key: clients.ecdsa.key!,
    scheme: SignatureScheme.ecdsa_secp256r1_sha256,
  };
  endedBy(shaken(true, { certificate }), 'certificateVerify');
});

test('a CertificateVerify with an algorithm that was not asked for is refused before it is looked at', () => {
  // ed448, which the CertificateRequest does not list.
  endedBy(shaken(true, changed('CertificateVerify', 5, 0x0f)), 'signatureNotOffered');
  assert.not(CERTIFICATE_REQUEST.signatureSchemes.includes(0x0808 as never));
});

test('the signature is over the messages as they came: one byte changed on the way is noticed', () => {
  for (const name of ['Certificate', 'ClientKeyExchange']) {
    const rig = shaken(true, {
      certificate: clients.ed25519,
      hooks: {
        // The client signs what it believes to have sent.
        fragment: (record, of) => {
          if (of !== name) return [record];
          const fragment = record.fragment.slice();
          fragment[fragment.length - 1]! ^= 1;
          return [{ ...record, fragment }];
        },
      },
    });
    assert.is(rig.server.negotiated, undefined, name);
    assert.is(rig.server.state, 'failed', name);
  }
});

test('a certificate without its CertificateVerify is refused', () => {
  const rig = shaken(true, {
    certificate: clients.ed25519,
    hooks: { flight: (steps) => steps.filter((step) => step.name !== 'CertificateVerify') },
  });
  endedBy(rig, 'unexpectedChangeCipherSpec');
});

test('no certificate is asked for without the config, and one that comes all the same is refused', () => {
  const rig = new Rig(fullConfig(only12), { versions: TLS12, certificate: clients.ed25519 }).shake();
  assert.ok(rig.works());
  assert.not(rig.events.some((event) => event.kind === 'handshake' && event.message === 'CertificateRequest'));
});

test.run();
