// A server's credential from PEM texts: certificate chain, private key, and what the certificate says about its names.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { TlsCredential } from '../core/tls/config.js';
import { plain } from './crypto/plain.js';
import { signingKey } from './crypto/signature.js';

/**
 * A server's certificate chain and key from PEM: certificates leaf first, text around the blocks is passed over. Throws
 * an Error that says what is wrong: no certificate, an unreadable one, no private key, a key of a kind that is not served
 * or not the leaf's.
 */
export function loadCredential(certificatePem: string, keyPem: string, ocspResponse?: Uint8Array): TlsCredential {
  const blocks = certificatePem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new Error('no certificate in the certificate PEM');
  const certificates = blocks.map((block, index) =>
    attempt(() => new X509Certificate(block), `certificate ${index + 1} of the PEM cannot be read`),
  );
  const key = attempt(() => createPrivateKey(keyPem), 'no private key can be read from the key PEM');
  const leaf = certificates[0]!;
  if (!leaf.checkPrivateKey(key)) throw new Error('the private key does not belong to the first certificate');
  const names = dnsNames(leaf);
  return {
    chain: certificates.map((certificate) => plain(certificate.raw)),
    key: signingKey(key),
    ...(names.length > 0 && { names }),
    ...(ocspResponse && { ocspResponse }),
  };
}

/**
 * The DNS names of subjectAltName in lower case, in their order. Names that Node had to put into quotes hold characters
 * that no DNS name has (CVE-2021-44532): they are left out.
 */
function dnsNames(certificate: X509Certificate): string[] {
  const text = certificate.subjectAltName ?? '';
  // A quoted entry is a JSON string, and a comma inside of it separates nothing.
  const entries = text.match(/[A-Za-z ]+:(?:"(?:[^"\\]|\\.)*"|[^,]*)/g) ?? [];
  return entries
    .map((entry) => entry.trim())
    .filter((entry) => /^DNS:[^"]+$/.test(entry))
    .map((entry) => entry.slice('DNS:'.length).toLowerCase());
}

function attempt<Value>(action: () => Value, what: string): Value {
  try {
    return action();
  } catch (cause) {
    throw new Error(`${what}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}
