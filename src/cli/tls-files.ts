// Reads the files that `serve` was given for TLS, checks that a server can be made of them, and gives what goes into the
// run's config. Errors name the file, or the option that leaves a certificate without use.

import { readFileSync } from 'node:fs';
import { CIPHER_SUITES, CipherSuite } from '../core/tls/suites.js';
import type { RunConfig } from '../io/assemble.js';
import { createClientCertificateVerifier } from '../io/client-ca.js';
import { allowsSigning } from '../io/credential.js';
import { FileError } from '../io/errors.js';
import { loadCredential } from '../io/node-crypto.js';
import type { CredentialTexts } from '../io/tls-config.js';
import type { CredentialFiles, TlsServeOptions } from './tls-options.js';
import { UsageError } from './values.js';

export type TlsTexts = Required<Pick<RunConfig, 'certificate' | 'key' | 'tls'>>;

/** `bundled` is used when no certificate is given. Throws a FileError or a UsageError. */
export function readTls(options: TlsServeOptions, bundled: CredentialFiles): TlsTexts {
  const { credentials, clientCa, clientAuthRequired, ...plain } = options;
  const files = credentials.length === 0 ? [bundled] : credentials;
  const [first, ...otherCredentials] = files.map((one) => readCredential(one, options));
  const { ocspResponse, ...texts } = first!;
  return {
    ...texts,
    tls: {
      ...(ocspResponse !== undefined && { ocspResponse }),
      otherCredentials,
      ...plain,
      ...(clientCa !== undefined && {
        clientAuthentication: { ca: readClientCa(clientCa), required: clientAuthRequired },
      }),
    },
  };
}

function readCredential({ cert, key: keyFile, ocsp }: CredentialFiles, options: TlsServeOptions): CredentialTexts {
  const certificate = readText(cert);
  const key = readText(keyFile);
  const ocspResponse = ocsp === undefined ? undefined : readBytes(ocsp);
  let type: KeyType;
  try {
    type = loadCredential(certificate, key).key.type;
  } catch (error) {
    throw new FileError(
      cert,
      `${messageOf(error)} (key: ${keyFile})`,
      'give an RSA, ECDSA P-256 or Ed25519 certificate and its key, both in PEM',
    );
  }
  // RFC 5246 §7.4.2, RFC 8446 §4.4.2.2: all suites have the key sign. Clients that look at it refuse the connection.
  if (!allowsSigning(certificate)) {
    throw new FileError(
      cert,
      'its keyUsage does not let the key sign (digitalSignature)',
      'give a certificate for ECDHE suites; wirebench cert makes one',
    );
  }
  checkUse(cert, type, options);
  if (ocspResponse === undefined) return { certificate, key };
  try {
    loadCredential(certificate, key, ocspResponse);
  } catch (error) {
    throw new FileError(
      ocsp!,
      messageOf(error),
      'give the DER of an OCSP response, as openssl ocsp -respout writes it',
    );
  }
  return { certificate, key, ocspResponse: ocspResponse.toString('base64') };
}

type KeyType = 'rsa' | 'ecdsa' | 'ed25519';

/** A certificate that no enabled suite can be used with is a mistake that only clients would notice. */
function checkUse(file: string, type: KeyType, { minVersion, maxVersion, cipherSuites }: TlsServeOptions): void {
  // RFC 8422 §2.2: the ECDHE_ECDSA suites are those of Ed25519 as well.
  const authentication = type === 'rsa' ? 'rsa' : 'ecdsa';
  const usable = cipherSuites.some((name) => {
    const suite = CIPHER_SUITES.get(CipherSuite[name as keyof typeof CipherSuite])!;
    if (suite.version < minVersion || suite.version > maxVersion) return false;
    return suite.authentication === 'any' || suite.authentication === authentication;
  });
  if (usable) return;
  const kind = { rsa: 'an RSA', ecdsa: 'an ECDSA', ed25519: 'an Ed25519' }[type];
  throw new UsageError(
    `--cert ${file}: no enabled suite can use ${kind} certificate`,
    `Add one to --ciphers (like ECDHE-${authentication.toUpperCase()}-AES128-GCM-SHA256), or allow TLS 1.3.`,
  );
}

function readClientCa(file: string): string {
  const pem = readText(file);
  try {
    createClientCertificateVerifier(pem);
  } catch (error) {
    throw new FileError(file, messageOf(error), 'give the certificates of the CAs that clients are trusted by, in PEM');
  }
  return pem;
}

function readText(file: string): string {
  return readBytes(file).toString('utf8');
}

function readBytes(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new FileError(file, `cannot be read (${(error as NodeJS.ErrnoException).code})`, 'check the path');
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
