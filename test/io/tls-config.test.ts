// RunConfig to TlsConfig: what a recording says about TLS reaches the core, and a recording that says nothing means what
// it meant before there was anything to say.

import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createRandomSource } from '../../src/core/random.js';
import { TLS_1_2, TLS_1_3, type TlsConfig } from '../../src/core/tls/config.js';
import { nodeCrypto } from '../../src/io/node-crypto.js';
import { type TlsRunConfig, tlsConfigOf } from '../../src/io/tls-config.js';
import { equalBytes, hex } from '../support/bytes.js';

const read = (name: string): string =>
  readFileSync(new URL(`../../../fixtures/keys/${name}.pem`, import.meta.url), 'utf8');
const rsa = { certificate: read('server.cert'), key: read('server.key') };
const ecdsa = { certificate: read('server-ecdsa.cert'), key: read('server-ecdsa.key') };
const ed25519 = { certificate: read('server-ed25519.cert'), key: read('server-ed25519.key') };
/** The least that is taken for an OCSPResponse: successful, and some bytes. */
const ocsp = hex('3005 0a0100 a000');

const surroundings = {
  random: createRandomSource(nodeCrypto, new Uint8Array(32)),
  startUnixUs: 5,
  alpnProtocols: ['h2', 'http/1.1'],
};

const TLS: TlsRunConfig = {
  otherCredentials: [],
  minVersion: '1.2',
  maxVersion: '1.3',
  cipherSuites: ['TLS_AES_128_GCM_SHA256', 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256'],
  groups: ['secp384r1', 'x25519'],
  alpnProtocols: [],
  resumption: true,
  strictServerName: false,
};

/** Through JSON, as a recording keeps it. */
function configOf(texts: { certificate: string; key: string }, tls?: TlsRunConfig): TlsConfig {
  return tlsConfigOf(JSON.parse(JSON.stringify({ ...texts, ...(tls && { tls }) })), surroundings);
}

test('without the tls field: TLS 1.2, one suite, two groups, no resumption, any name', () => {
  const { crypto, random, credentials, ...rest } = configOf(rsa);
  assert.is(crypto, nodeCrypto);
  assert.is(random, surroundings.random);
  assert.equal(rest, {
    startUnixUs: 5,
    alpnProtocols: ['h2', 'http/1.1'],
    minVersion: TLS_1_2,
    maxVersion: TLS_1_2,
    cipherSuites: [0xc02f],
    groups: ['x25519', 'secp256r1'],
    resumption: false,
    asFirstReleased: true,
  });
  assert.is(credentials.length, 1);
  assert.is(credentials[0]!.names, undefined);
  assert.is(credentials[0]!.key.modulusBits, 2048);
});

test('what the tls field says is what the core is told', () => {
  const config = configOf(rsa, TLS);
  assert.is(config.minVersion, TLS_1_2);
  assert.is(config.maxVersion, TLS_1_3);
  assert.equal(config.cipherSuites, [0x1301, 0xc02b]);
  assert.equal(config.groups, ['secp384r1', 'x25519']);
  assert.equal(config.alpnProtocols, []);
  assert.is(config.resumption, true);
  assert.is(config.strictServerName, false);
  assert.is(config.clientAuthentication, undefined);
  assert.equal(config.credentials[0]!.names, ['localhost', 'wirebench.test']);
  const other = configOf(rsa, { ...TLS, minVersion: '1.3', resumption: false, strictServerName: true });
  assert.is(other.minVersion, TLS_1_3);
  assert.is(other.resumption, false);
  assert.is(other.strictServerName, true);
});

test('several certificates, of every kind of key, in their order, each with its OCSP response', () => {
  const ocspResponse = Buffer.from(ocsp).toString('base64');
  const config = configOf(rsa, { ...TLS, ocspResponse, otherCredentials: [ecdsa, { ...ed25519, ocspResponse }] });
  assert.equal(
    config.credentials.map(({ key }) => key.type),
    ['rsa', 'ecdsa', 'ed25519'],
  );
  equalBytes(config.credentials[0]!.ocspResponse, ocsp);
  assert.is(config.credentials[1]!.ocspResponse, undefined);
  equalBytes(config.credentials[2]!.ocspResponse, ocsp);
});

test('client certificates: the CAs of the text are trusted', () => {
  const clientAuthentication = { ca: rsa.certificate + ecdsa.certificate, required: false };
  const config = configOf(rsa, { ...TLS, clientAuthentication });
  assert.is(config.clientAuthentication?.required, false);
  assert.is(config.clientAuthentication?.verifier.authorities.length, 2);
  const required = configOf(rsa, { ...TLS, clientAuthentication: { ...clientAuthentication, required: true } });
  assert.is(required.clientAuthentication?.required, true);
});

test('what a recording cannot mean is refused with what is wrong', () => {
  assert.throws(
    () => configOf(rsa, { ...TLS, cipherSuites: ['TLS_NULL'] }),
    /the cipher suite "TLS_NULL" is not known/,
  );
  assert.throws(() => configOf(rsa, { ...TLS, cipherSuites: ['toString'] }), /is not known/);
  assert.throws(() => configOf({ ...rsa, key: ecdsa.key }), /does not belong to the first certificate/);
  assert.throws(() => configOf(rsa, { ...TLS, clientAuthentication: { ca: '', required: true } }), /no certificate/);
  const responses = [
    ['', /OCSP/],
    ['MAA=', /it has no responseStatus/],
    ['MAMKAQY=', /its responseStatus is 6, not successful/],
    ['MAMKAQA=', /it has no responseBytes/],
  ] as const;
  for (const [ocspResponse, message] of responses)
    assert.throws(() => configOf(rsa, { ...TLS, ocspResponse }), message);
});

test('keys are parsed once for all runs that have them', () => {
  const first = configOf(rsa).credentials[0]!;
  const again = configOf(rsa, { ...TLS, otherCredentials: [ecdsa] }).credentials[0]!;
  assert.is(again.key, first.key);
});

test.run();
