// RFC 8448, whole connections: the client's records go in as they stand there, and what our server sends is, record for
// record and byte for byte, what the RFC's server sent. Pinned are its private keys and randoms (the salts of its PSS
// signatures are read back out of them), and what its EncryptedExtensions and CertificateRequest say beyond ours.

import { X509Certificate } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ClientCertificateVerifier } from '../../../src/core/tls/config.js';
import { ContentType } from '../../../src/core/tls/record.js';
import { equalBytes, toHex } from '../../support/bytes.js';
import { Rfc8448Server, type ShortKey } from './rfc8448/server.js';
import { stepOf, stepsOf } from './rfc8448/traces.js';

/** Plays the records of a section, and stops where the two do not agree. */
function play(section: number, server: Rfc8448Server): void {
  let output: Uint8Array = new Uint8Array(0);
  let compared = 0;
  for (const step of stepsOf(section)) {
    if (!step.has('complete record')) continue;
    const record = step.bytes('complete record');
    const what = `§${section}, ${step.who}: ${step.what} (${record.length})`;
    if (step.who === 'client') {
      assert.is(output.length, 0, `${what}: the server sent more`);
      const data = server.receive(record);
      if (step.what === 'send application_data record') equalBytes(data, step.bytes('payload'), what);
      output = server.take();
      continue;
    }
    const { records } = server.context;
    // The application of the RFC's server answers the same bytes, then closes. Its ticket is not one of ours.
    if (output.length === 0) {
      if (step.what === 'send alert record') records.close(0);
      else if (step.what === 'send application_data record') records.write(0, 23, step.bytes('payload'));
      else records.write(0, ContentType.handshake, step.bytes('payload'));
      output = server.take();
    }
    equalBytes(output.subarray(0, record.length), record, what);
    output = output.subarray(record.length);
    compared++;
  }
  assert.ok(compared >= 3);
  assert.is(output.length, 0, 'the server sent more');
  assert.is(server.context.records.end, 'closed');
  assert.is(server.context.step, 'ExpectApplicationData');
}

const LABELS: readonly (readonly [label: string, what: string])[] = [
  ['CLIENT_HANDSHAKE_TRAFFIC_SECRET', 'c hs traffic'],
  ['SERVER_HANDSHAKE_TRAFFIC_SECRET', 's hs traffic'],
  ['CLIENT_TRAFFIC_SECRET_0', 'c ap traffic'],
  ['SERVER_TRAFFIC_SECRET_0', 's ap traffic'],
  ['EXPORTER_SECRET', 'exp master'],
];

/** The key log has the secrets of the RFC, each once, with the random of its ClientHello. */
function checkSecrets(section: number, server: Rfc8448Server): void {
  const random = toHex(stepOf(section, 'construct a ClientHello handshake message').bytes('ClientHello').slice(6, 38));
  const told = server.events.filter((event) => event.kind === 'secret');
  assert.equal(
    told.map(({ label, clientRandom, secret }) => [label, clientRandom, secret]),
    LABELS.map(([label, what]) => [
      label,
      random,
      toHex(stepOf(section, `derive secret "tls13 ${what}"`).bytes('expanded')),
    ]),
  );
}

test('§3, simple 1-RTT handshake: ServerHello, flight, data and close_notify are the RFC’s', () => {
  const server = new Rfc8448Server(3);
  play(3, server);
  checkSecrets(3, server);
});

test('§5, HelloRetryRequest: cookie, folded transcript and P-256 give the RFC’s flights', () => {
  const server = new Rfc8448Server(5);
  play(5, server);
  checkSecrets(5, server);
});

test('§6, client authentication: the client’s signature verifies, and the flights are the RFC’s', () => {
  const seen: string[] = [];
  const verifier: ClientCertificateVerifier = {
    authorities: [],
    verify([leaf]) {
      const certificate = new X509Certificate(leaf!);
      seen.push(certificate.subject);
      const key: ShortKey = { type: 'rsa', keyObject: certificate.publicKey };
      return { key, subject: certificate.subject };
    },
  };
  const server = new Rfc8448Server(6, { clientAuthentication: { verifier, required: true } });
  play(6, server);
  checkSecrets(6, server);
  assert.equal(seen, ['CN=client']);
  assert.is(server.context.negotiated?.clientCertificate, 'CN=client');
});

test('§7, compatibility mode: the session id comes back, and ChangeCipherSpec stands in its place', () => {
  const server = new Rfc8448Server(7);
  play(7, server);
  checkSecrets(7, server);
});

test('§4, resumed 0-RTT: to somebody else’s ticket the answer is a full handshake, and early data is passed over', () => {
  const server = new Rfc8448Server(4);
  const [hello, earlyData] = stepsOf(4).filter((step) => step.who === 'client' && step.has('complete record'));
  server.receive(hello!.bytes('complete record'));
  assert.is(server.context.step, 'ExpectFinished');
  const messages = server.events.flatMap((event) => (event.kind === 'handshake' ? [event.message] : []));
  assert.equal(messages, ['ServerHello', 'EncryptedExtensions', 'Certificate', 'CertificateVerify', 'Finished']);
  server.receive(earlyData!.bytes('complete record'));
  assert.is(server.context.records.end, 'open');
  const told = server.events.filter((event) => event.kind === 'early_data' || event.kind === 'drop');
  assert.equal(
    told.map((event) => (event.kind === 'drop' ? event.reason : event.verdict)),
    ['refused', 'refused early data'],
  );
});

test.run();
