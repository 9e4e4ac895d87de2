// A server's credential from PEM texts: certificate chain, private key, the names that the certificate is for (RFC 5280
// §4.2.1.6), and an OCSP response to staple (RFC 6960 §4.2.1). Whether it is trusted is for clients to decide.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { limits } from '../core/limits.js';
import type { TlsCredential } from '../core/tls/config.js';
import { certificateFields, DerTag, derChildren, derElement, ExtensionOid } from './crypto/der.js';
import { plain } from './crypto/plain.js';
import { signingKey } from './crypto/signature.js';

/**
 * A server's certificate chain and key from PEM: certificates leaf first, text around the blocks is passed over.
 * `ocspResponse` is DER. Throws an Error that says what is wrong: no certificate, an unreadable one, no private key, a
 * key of a kind that is not served or not the leaf's, no OCSP response or one of a failure.
 */
export function loadCredential(certificatePem: string, keyPem: string, ocspResponse?: Uint8Array): TlsCredential {
  const certificates = readCertificates(certificatePem);
  const key = attempt(() => createPrivateKey(keyPem), 'no private key can be read from the key PEM');
  const leaf = certificates[0]!;
  if (!leaf.checkPrivateKey(key)) throw new Error('the private key does not belong to the first certificate');
  const chain = certificates.map((certificate) => plain(certificate.raw));
  const names = dnsNames(chain[0]!);
  if (ocspResponse) attempt(() => checkOcspResponse(ocspResponse), 'the OCSP response cannot be used');
  return {
    chain,
    key: signingKey(key),
    ...(names.length > 0 && { names }),
    signedWith: signatureSchemes(chain),
    ...(ocspResponse && { ocspResponse }),
  };
}

/** The certificates of a PEM text, in its order, at least one. Throws an Error that says which one cannot be read. */
export function readCertificates(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new Error('no certificate in the certificate PEM');
  return blocks.map((block, index) =>
    attempt(() => new X509Certificate(block), `certificate ${index + 1} of the PEM cannot be read`),
  );
}

const DIGITAL_SIGNATURE = 0x80;

/** Whether the first certificate of a PEM text lets its key sign: keyUsage has digitalSignature, or is absent. */
export function allowsSigning(certificatePem: string): boolean {
  const { extensions } = certificateFields(plain(readCertificates(certificatePem)[0]!.raw));
  const keyUsage = extensions.get(ExtensionOid.keyUsage);
  // RFC 5280 §4.2.1.3: the first byte of the BIT STRING counts unused bits, digitalSignature is the first bit of the next.
  return keyUsage === undefined || ((derElement(keyUsage.value, 'KeyUsage').content[1] ?? 0) & DIGITAL_SIGNATURE) !== 0;
}

const DNS_NAME = 0x82;
/** RFC 1123 §2.1, the wildcard of RFC 6125 §6.4.3, and the underscore that is met in practice. */
const HOST_NAME = /^(?:\*\.)?[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*$/;

/** The DNS names of subjectAltName in lower case, in their order. What cannot be a host's name is left out. */
function dnsNames(der: Uint8Array): string[] {
  const extension = certificateFields(der).extensions.get(ExtensionOid.subjectAltName);
  if (extension === undefined) return [];
  return derChildren(derElement(extension.value, 'GeneralNames'), 'GeneralNames')
    .filter(({ tag }) => tag === DNS_NAME)
    .map(({ content }) => Buffer.from(content).toString('latin1').toLowerCase())
    .filter((name) => HOST_NAME.test(name));
}

/** By object identifier (RFC 8017 §C, RFC 5758 §3.2, RFC 8410 §3): the SignatureScheme of RFC 8446 §4.2.3. */
const SCHEMES: ReadonlyMap<string, number> = new Map([
  ['2a864886f70d010105', 0x0201],
  ['2a864886f70d01010b', 0x0401],
  ['2a864886f70d01010c', 0x0501],
  ['2a864886f70d01010d', 0x0601],
  ['2a8648ce3d0401', 0x0203],
  ['2a8648ce3d040302', 0x0403],
  ['2a8648ce3d040303', 0x0503],
  ['2a8648ce3d040304', 0x0603],
  ['2b6570', 0x0807],
  ['2b6571', 0x0808],
]);

/** How the certificates are signed; algorithms without a scheme, and self-signed certificates, are left out. */
function signatureSchemes(chain: readonly Uint8Array[]): number[] {
  const schemes = new Set<number>();
  for (const der of chain) {
    const { issuer, subject, signatureAlgorithm } = certificateFields(der);
    const scheme = SCHEMES.get(signatureAlgorithm);
    if (scheme !== undefined && Buffer.compare(issuer, subject) !== 0) schemes.add(scheme);
  }
  return [...schemes];
}

/** OCSPResponse ::= SEQUENCE { responseStatus ENUMERATED, responseBytes [0] EXPLICIT OPTIONAL } */
function checkOcspResponse(der: Uint8Array): void {
  const most = limits.tls.ocspResponseBytes;
  if (der.length > most) throw new Error(`it has ${der.length} bytes, and ${most} fit into an extension`);
  const [status, bytes] = derChildren(derElement(der, 'OCSPResponse'), 'OCSPResponse');
  if (status?.tag !== DerTag.enumerated) throw new Error('it has no responseStatus');
  if (status.content[0] !== 0) throw new Error(`its responseStatus is ${status.content[0]}, not successful (0)`);
  if (bytes?.tag !== 0xa0) throw new Error('it has no responseBytes');
}

function attempt<Value>(action: () => Value, what: string): Value {
  try {
    return action();
  } catch (cause) {
    throw new Error(`${what}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}
