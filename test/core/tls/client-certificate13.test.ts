// Client certificates in TLS 1.3: RFC 8446 §4.3.2, §4.4.2.3, §4.4.2.4, §4.4.3; and what of them a resumed connection keeps.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from '../../../src/core/limits.js';
import { type AlertRule, alertRules } from '../../../src/core/tls/alerts.js';
import type { CertificateFailure, ClientCertificateVerifier } from '../../../src/core/tls/config.js';
import { toHex } from '../../support/bytes.js';
import { clients } from '../../support/tls/certificates.js';
import { TLS13, Type } from '../../support/tls/codes.js';
import type { ClientOptions } from '../../support/tls/options.js';
import { asksForCertificate, clientVerifier, fullConfig, Rig, START_UNIX_US } from '../../support/tls/rig.js';

const base: ClientOptions = { versions: [TLS13] };
const requiring = fullConfig(asksForCertificate(true));
const requesting = fullConfig(asksForCertificate(false));

test('RSA, ECDSA and Ed25519 clients are known by their certificates', () => {
  for (const name of ['rsa', 'ecdsa', 'ed25519'] as const) {
    const rig = new Rig(requiring, { ...base, certificate: clients[name] }).shake();
    assert.ok(rig.works(), `${name}: ${rig.reason}`);
    assert.match(rig.server.negotiated?.clientCertificate ?? '', `client-${name}`);
  }
});

test('one that has expired, and one of an unknown authority, are refused as that', () => {
  assert.equal(new Rig(requiring, { ...base, certificate: clients.expired }).shake().alerts, ['certificate_expired']);
  assert.equal(new Rig(requiring, { ...base, certificate: clients.stranger }).shake().alerts, ['unknown_ca']);
});

test('an RSA client may sign with each hash of PSS, and with nothing of PKCS #1', () => {
  for (const scheme of [0x0804, 0x0805, 0x0806]) {
    assert.ok(new Rig(requiring, { ...base, certificate: { ...clients.rsa, scheme } }).shake().works());
  }
  const rig = new Rig(requiring, base);
  rig.shake();
  const schemes = rig.client.agreed.certificateRequest?.schemes ?? [];
  assert.equal(
    schemes.map((scheme) => scheme.toString(16)),
    ['403', '807', '804', '805', '806'],
  );
});

test('the CertificateRequest stands behind EncryptedExtensions and has an empty context', () => {
  const rig = new Rig(requesting, { ...base, certificate: clients.ed25519 }).shake();
  assert.equal(rig.client.seen.slice(0, 6), [
    'ServerHello',
    'ChangeCipherSpec',
    'EncryptedExtensions',
    'CertificateRequest',
    'Certificate',
    'CertificateVerify',
  ]);
  const request = rig.events.find((event) => event.kind === 'handshake' && event.message === 'CertificateRequest');
  assert.ok(request?.kind === 'handshake');
  assert.is(request.fields.context, '');
  assert.equal(request.fields.extensions, [
    'signature_algorithms',
    'signature_algorithms_cert',
    'certificate_authorities',
  ]);
  // Certificates may be signed in ways that handshakes may not (§4.2.3).
  assert.ok((request.fields.signatureAlgorithmsCert as string[]).includes('rsa_pkcs1_sha256'));
});

test('without authorities the request names none', () => {
  const verifier: ClientCertificateVerifier = { ...clientVerifier, authorities: [] };
  const rig = new Rig(fullConfig({ clientAuthentication: { verifier, required: false } }), base).shake();
  const request = rig.events.find((event) => event.kind === 'handshake' && event.message === 'CertificateRequest');
  assert.ok(request?.kind === 'handshake' && request.fields.certificateAuthorities === undefined);
});

test('a client without a certificate is served when none is required, and nobody is then named', () => {
  const rig = new Rig(requesting, base).shake();
  assert.ok(rig.works());
  assert.is(rig.server.negotiated?.clientCertificate, undefined);
});

test('alerts for a certificate are under application keys, which the client has by then (§4.4.4)', () => {
  const rig = new Rig(requiring, base).shake();
  // The client reads them: it would raise a fault if they did not open.
  assert.equal(rig.alerts, ['certificate_required']);
});

const FAILURES: readonly (readonly [CertificateFailure, keyof typeof alertRules])[] = [
  ['bad_certificate', 'badCertificate'],
  ['unsupported_certificate', 'unsupportedCertificate'],
  ['certificate_revoked', 'certificateRevoked'],
  ['certificate_expired', 'certificateExpired'],
  ['certificate_unknown', 'certificateUnknown'],
  ['unknown_ca', 'unknownCa'],
];

for (const [failure, verdict] of FAILURES) {
  test(`a chain that is refused as ${failure} ends in that alert, whether a certificate is required or not`, () => {
    const rule: AlertRule = alertRules[verdict];
    for (const required of [true, false]) {
      const verifier: ClientCertificateVerifier = { authorities: [], verify: () => ({ failure }) };
      const config = fullConfig({ clientAuthentication: { verifier, required } });
      const rig = new Rig(config, { ...base, certificate: clients.ed25519 }).shake();
      assert.equal(rig.alerts, [failure]);
      const told = rig.events.filter((event) => event.kind === 'alert').at(-1);
      assert.ok(told?.kind === 'alert' && told.reason === rule.reason);
      assert.is(told.rule, rule.tls13?.rule);
    }
  });
}

test('the verifier gets the whole chain, leaf first, and the time of the connection', () => {
  const seen: [readonly Uint8Array[], number][] = [];
  const verifier: ClientCertificateVerifier = {
    authorities: [],
    verify(chain, unixMs) {
      seen.push([chain.map((one) => one.slice()), unixMs]);
      return clientVerifier.verify(chain, unixMs);
    },
  };
  const chain = [...clients.ed25519.chain, ...clients.ecdsa.chain];
  const config = fullConfig({ clientAuthentication: { verifier, required: true } });
  const rig = new Rig(config, { ...base, certificate: { ...clients.ed25519, chain } });
  rig.nowUs = 5_000_999;
  assert.ok(rig.shake().works());
  assert.equal(
    seen.map(([certificates, unixMs]) => [certificates.map(toHex), unixMs]),
    [[chain.map(toHex), START_UNIX_US / 1000 + 5000]],
  );
});

test('a subject is kept up to its limit', () => {
  const verifier: ClientCertificateVerifier = {
    authorities: [],
    verify(chain, unixMs) {
      const result = clientVerifier.verify(chain, unixMs);
      return 'failure' in result ? result : { ...result, subject: 'é'.repeat(limits.tls.subjectCharacters + 1) };
    },
  };
  const config = fullConfig({ clientAuthentication: { verifier, required: true } });
  const rig = new Rig(config, { ...base, certificate: clients.ed25519 }).shake();
  assert.is(rig.server.negotiated?.clientCertificate, 'é'.repeat(limits.tls.subjectCharacters));
  // It goes through a ticket as it is.
  const again = new Rig(config, { ...base, sessions: rig.client.sessions.slice(-1) }).shake();
  assert.is(again.server.negotiated?.resumed, 'psk');
  assert.is(again.server.negotiated?.clientCertificate, 'é'.repeat(limits.tls.subjectCharacters));
});

test('a client that is resumed is not asked again, and stays who it was (§4.3.2)', () => {
  const first = new Rig(requiring, { ...base, certificate: clients.ecdsa }).shake();
  const rig = new Rig(requiring, { ...base, sessions: first.client.sessions.slice(-1) }).shake();
  assert.ok(rig.works(), rig.reason);
  assert.is(rig.client.agreed.resumed, 'psk');
  assert.not(rig.client.seen.includes('CertificateRequest'));
  assert.is(rig.server.negotiated?.clientCertificate, first.server.negotiated?.clientCertificate);
});

test('tickets do not outlive the client’s certificate, however often they are renewed (RFC 5246 §F.1.4)', () => {
  const HOUR_MS = 3_600_000;
  const startMs = START_UNIX_US / 1000;
  const verifier: ClientCertificateVerifier = {
    authorities: [],
    verify(chain, unixMs) {
      const verified = clientVerifier.verify(chain, unixMs);
      return 'failure' in verified ? verified : { ...verified, expiresMs: startMs + HOUR_MS };
    },
  };
  const config = fullConfig({ clientAuthentication: { verifier, required: true } });
  const first = new Rig(config, { ...base, certificate: clients.ecdsa }).shake();
  const at = (ms: number, of: Rig): Rig => {
    const sessions = of.client.sessions.slice(-1);
    const rig = new Rig(config, { ...base, sessions, certificate: clients.ecdsa, nowMs: startMs + ms });
    rig.nowUs = ms * 1000;
    return rig.shake();
  };
  const second = at(HOUR_MS - 1, first);
  assert.is(second.client.agreed.resumed, 'psk', second.reason);
  for (const rig of [at(HOUR_MS, first), at(HOUR_MS, second)]) {
    assert.is(rig.client.agreed.resumed, undefined);
    assert.ok(rig.client.seen.includes('CertificateRequest'));
    const told = rig.events.find((event) => event.kind === 'psk');
    assert.is(told?.kind === 'psk' && told.verdict, 'expired');
  }
});

test('a ticket of a client without a certificate is of no use where one is required', () => {
  const { random } = requiring;
  const anonymous = new Rig(fullConfig({ random }), base).shake();
  const sessions = anonymous.client.sessions.slice(-1);
  const rig = new Rig(requiring, { ...base, sessions, certificate: clients.ed25519 }).shake();
  assert.ok(rig.works(), rig.reason);
  assert.is(rig.client.agreed.resumed, undefined);
  const told = rig.events.filter((event) => event.kind === 'psk');
  assert.equal(
    told.map(({ index, verdict }) => [index, verdict]),
    [[0, 'no client certificate']],
  );
  // Where one is only asked for, it is good.
  assert.is(new Rig(requesting, { ...base, sessions }).shake().client.agreed.resumed, 'psk');
});

test('a Certificate of many records, and one byte a record, is one message', () => {
  const rig = new Rig(requiring, { ...base, certificate: clients.rsa, fragmentBytes: 1 }).shake();
  assert.ok(rig.works(), rig.reason);
});

test('application data in the place of a Certificate is refused', () => {
  const rig = new Rig(requiring, { ...base, certificate: clients.rsa, pauseBefore: 'Certificate' }).shake();
  rig.say(rig.client.inject(Type.applicationData, Uint8Array.of(1)));
  assert.equal(rig.alerts, ['unexpected_message']);
  assert.is(rig.plaintext.length, 0);
});

test.run();
