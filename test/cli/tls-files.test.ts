// The files that `serve` is given for TLS: read, checked against the options, and put into the run's config.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseArguments, UsageError } from '../../src/cli/arguments.js';
import { readTls, type TlsTexts } from '../../src/cli/tls-files.js';
import { FileError } from '../../src/io/errors.js';
import { keyPem, make, x509 } from '../support/certificates.js';
import { withFolder } from '../support/live.js';

const keys = fileURLToPath(new URL('../../../fixtures/keys/', import.meta.url));
const bundled = { cert: `${keys}server.cert.pem`, key: `${keys}server.key.pem`, ocsp: undefined };
const pair = (name: string): string => `--cert ${keys}${name}.cert.pem --key ${keys}${name}.key.pem`;
const text = (name: string): string => readFileSync(keys + name, 'utf8');

function readLine(line: string): TlsTexts {
  const result = parseArguments(line === '' ? [] : line.split(' '), {});
  if (result.command !== 'serve') throw new Error(line);
  return readTls(result.options.tls, bundled);
}

function problem(line: string): Error & { readonly advice?: string; readonly suggestion?: string } {
  try {
    readLine(line);
  } catch (error) {
    return error as Error;
  }
  throw new Error(`accepted: ${line}`);
}

test('without certificates the bundled RSA one is served, and all of TLS is written down', () => {
  const { certificate, key, tls } = readLine('');
  assert.is(certificate, text('server.cert.pem'));
  assert.is(key, text('server.key.pem'));
  assert.equal(tls.otherCredentials, []);
  assert.equal(Object.keys(tls).sort(), [
    'alpnProtocols',
    'cipherSuites',
    'groups',
    'maxVersion',
    'minVersion',
    'otherCredentials',
    'resumption',
    'strictServerName',
  ]);
  assert.equal(JSON.parse(JSON.stringify(tls)), tls, 'plain data');
});

test('the first certificate is the default, the others follow with their keys', () => {
  const { certificate, tls } = readLine(`${pair('server-ecdsa')} ${pair('server')} ${pair('server-ed25519')}`);
  assert.is(certificate, text('server-ecdsa.cert.pem'));
  assert.equal(tls.otherCredentials, [
    { certificate: text('server.cert.pem'), key: text('server.key.pem') },
    { certificate: text('server-ed25519.cert.pem'), key: text('server-ed25519.key.pem') },
  ]);
});

test('OCSP responses and client CAs go along as texts', async () => {
  await withFolder(async (folder) => {
    const file = join(folder, 'ocsp.der');
    writeFileSync(file, Buffer.from('30050a0100a000', 'hex'));
    const line = `${pair('server')} ${pair('server-ecdsa')} --ocsp ${file} --client-ca ${keys}server.cert.pem`;
    const { tls } = readLine(`${line} --client-auth request`);
    assert.is(tls.ocspResponse, undefined);
    assert.is(tls.otherCredentials[0]!.ocspResponse, 'MAUKAQCgAA==');
    assert.equal(tls.clientAuthentication, { ca: text('server.cert.pem'), required: false });
    assert.is(readLine(line).tls.clientAuthentication?.required, true);
    writeFileSync(file, 'no response');
    const error = problem(`${pair('server')} --ocsp ${file}`);
    assert.instance(error, FileError);
    assert.match(error.message, /ocsp\.der: the OCSP response cannot be used: OCSPResponse: /);
    writeFileSync(file, new Uint8Array(65_528));
    const tooLarge = problem(`${pair('server')} --ocsp ${file}`);
    assert.match(tooLarge.message, /ocsp\.der: the OCSP response cannot be used: it has 65528 bytes, and 65527 fit/);
  });
});

test('a certificate whose keyUsage does not let the key sign is none for a server (RFC 8446 §4.4.2.2)', async () => {
  const { digitalSignature, keyEncipherment } = x509.KeyUsageFlags;
  await withFolder(async (folder) => {
    const certificate = join(folder, 'cert.pem');
    const key = join(folder, 'key.pem');
    const line = `--cert ${certificate} --key ${key}`;
    const write = async (keyUsage?: x509.KeyUsageFlags): Promise<void> => {
      const party = await make({ name: 'server', ...(keyUsage !== undefined && { keyUsage }) });
      writeFileSync(certificate, party.pem);
      writeFileSync(key, keyPem(party));
    };
    await write(keyEncipherment);
    const error = problem(line);
    assert.instance(error, FileError);
    assert.match(error.message, /cert\.pem: its keyUsage does not let the key sign/);
    for (const keyUsage of [undefined, digitalSignature, digitalSignature | keyEncipherment]) {
      await write(keyUsage);
      assert.ok(readLine(line));
    }
  });
});

test('files that cannot be read or used are named, with what to do', () => {
  for (const [line, message, advice] of [
    ['--cert nowhere.pem --key nowhere.key', /^nowhere\.pem: cannot be read \(ENOENT\)$/, /check the path/],
    [`--cert ${keys}server.cert.pem --key nowhere`, /^nowhere: cannot be read \(ENOENT\)$/, /check the path/],
    [
      `--cert ${keys}server.key.pem --key ${keys}server.key.pem`,
      /server\.key\.pem: no certificate/,
      /RSA, ECDSA P-256/,
    ],
    [`--cert ${keys}server.cert.pem --key ${keys}server-ecdsa.key.pem`, /does not belong .* \(key: .*\)$/, /its key/],
    [`--client-ca ${keys}server.key.pem`, /server\.key\.pem: no certificate/, /give the certificates of the CAs/],
    [`${pair('server')} --ocsp ${keys}nothing`, /nothing: cannot be read/, /check the path/],
  ] as const) {
    const error = problem(line);
    assert.instance(error, FileError, line);
    assert.match(error.message, message);
    assert.match(error.advice!, advice);
  }
});

test('a certificate that no enabled suite can be used with is a usage error that says what to change', () => {
  const rsaOnly = '--tls-max 1.2 --ciphers ECDHE-RSA-AES128-GCM-SHA256';
  const ecdsaOnly = '--tls-max 1.2 --ciphers ECDHE-ECDSA-AES128-GCM-SHA256';
  for (const [line, message, suggestion] of [
    [`${pair('server-ecdsa')} ${rsaOnly}`, /server-ecdsa\.cert\.pem: no enabled suite can use an ECDSA/, /ECDHE-ECDSA/],
    [`${pair('server-ed25519')} ${rsaOnly}`, /server-ed25519.*can use an Ed25519 certificate/, /ECDHE-ECDSA/],
    [`${pair('server')} ${ecdsaOnly}`, /server\.cert\.pem: no enabled suite can use an RSA certificate/, /ECDHE-RSA/],
    [ecdsaOnly, /server\.cert\.pem: no enabled suite can use an RSA certificate/, /ECDHE-RSA/],
    [`${pair('server')} ${pair('server-ecdsa')} ${rsaOnly}`, /server-ecdsa/, /or allow TLS 1\.3/],
  ] as const) {
    const error = problem(line);
    assert.instance(error, UsageError, line);
    assert.match(error.message, message);
    assert.match(error.suggestion!, suggestion);
  }
  assert.ok(readLine(`${pair('server-ed25519')} ${ecdsaOnly}`));
  assert.ok(readLine(`${pair('server-ecdsa')} --ciphers TLS_AES_128_GCM_SHA256,ECDHE-RSA-AES128-GCM-SHA256`));
});

test.run();
