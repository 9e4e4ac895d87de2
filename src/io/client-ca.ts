// Judges the certificate chains of TLS clients by a file of certificates that are trusted: RFC 5280 §6.1 as far as a
// testbench has use for it. Builds the path, checks signatures, validity, basicConstraints, keyUsage and extendedKeyUsage.
// No revocation, name constraints or policies: a certificate that makes these critical is not taken, nor is a CA whose
// names are constrained in any way.

import { X509Certificate } from 'node:crypto';
import { limits } from '../core/limits.js';
import type { CertificateFailure, ClientCertificateVerifier } from '../core/tls/config.js';
import { readCertificates } from './credential.js';
import {
  type CertificateFields,
  certificateFields,
  DerTag,
  derChildren,
  derElement,
  derOids,
  ExtensionOid,
} from './crypto/der.js';
import { plain } from './crypto/plain.js';
import { verifyingKey } from './crypto/signature.js';

/** Trusts the certificates of a PEM text. Throws an Error when there is none, or one that cannot be read. */
export function createClientCertificateVerifier(caPem: string): ClientCertificateVerifier {
  const anchors = readCertificates(caPem).map((certificate) => toCertificate(certificate));
  const bySubject = new Map(anchors.map(({ fields }) => [Buffer.from(fields.subject).toString('hex'), fields.subject]));
  const names = [...bySubject.values()];
  const namesBytes = names.reduce((sum, name) => sum + 2 + name.length, 0);
  return {
    authorities: namesBytes > limits.tls.authoritiesBytes ? [] : names.map((name) => name.slice()),
    verify: (chain, unixMs) => verifyChain(anchors, chain, unixMs),
  };
}

interface Certificate {
  readonly x509: X509Certificate;
  readonly fields: CertificateFields;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly basicConstraints: { readonly ca: boolean; readonly pathLength: number } | undefined;
  /** Undefined: the extension is absent, and any use is allowed. */
  readonly keyUsage: number | undefined;
  readonly extendedKeyUsage: readonly string[] | undefined;
}

/** keyUsage as a number, its first bit the highest: RFC 5280 §4.2.1.3. */
const DIGITAL_SIGNATURE = 0x80;
const KEY_CERT_SIGN = 0x04;
/** 1.3.6.1.5.5.7.3.2, and anyExtendedKeyUsage 2.5.29.37.0: RFC 5280 §4.2.1.12. */
const CLIENT_AUTH = '2b06010505070302';
const ANY_USAGE = '551d2500';
const NAME_CONSTRAINTS = '551d1e';
/** Understood, or nothing that decides here: subjectKeyIdentifier, authorityKeyIdentifier, certificatePolicies too. */
const KNOWN_EXTENSIONS: ReadonlySet<string> = new Set([...Object.values(ExtensionOid), '551d0e', '551d23', '551d20']);
/**
 * RFC 8446 §4.4.2.4 leaves no certificate signed with MD5, and discourages SHA-1: these have SHA-2 or are EdDSA. RSASSA-PSS
 * goes by its hash.
 */
const STRONG_SIGNATURES: ReadonlySet<string> = new Set([
  ...['0b', '0c', '0d'].map((last) => `2a864886f70d0101${last}`),
  ...['02', '03', '04'].map((last) => `2a8648ce3d0403${last}`),
  '2b6570',
  // SHA-256, SHA-384 and SHA-512 themselves.
  ...['01', '02', '03'].map((last) => `6086480165030402${last}`),
]);

function toCertificate(x509: X509Certificate): Certificate {
  const fields = certificateFields(plain(x509.raw));
  const extension = (oid: string): Uint8Array | undefined => fields.extensions.get(oid)?.value;
  const constraints = extension(ExtensionOid.basicConstraints);
  const keyUsage = extension(ExtensionOid.keyUsage);
  const extendedKeyUsage = extension(ExtensionOid.extendedKeyUsage);
  return {
    x509,
    fields,
    notBeforeMs: Date.parse(x509.validFrom),
    notAfterMs: Date.parse(x509.validTo),
    basicConstraints: constraints && readBasicConstraints(constraints),
    // The first byte of a BIT STRING counts the bits that are not used, the second has the nine uses but the last.
    keyUsage: keyUsage && (derElement(keyUsage, 'KeyUsage').content[1] ?? 0),
    extendedKeyUsage: extendedKeyUsage && derOids(extendedKeyUsage),
  };
}

/** BasicConstraints ::= SEQUENCE { cA BOOLEAN DEFAULT FALSE, pathLenConstraint INTEGER OPTIONAL } */
function readBasicConstraints(der: Uint8Array): { ca: boolean; pathLength: number } {
  let ca = false;
  let pathLength = Number.POSITIVE_INFINITY;
  for (const { tag, content } of derChildren(derElement(der, 'BasicConstraints'), 'BasicConstraints')) {
    if (tag === DerTag.boolean) ca = content[0] !== 0;
    // Longer numbers than a byte's are longer than any path that is built.
    else if (tag === DerTag.integer && content.length === 1) pathLength = content[0]!;
  }
  return { ca, pathLength };
}

function verifyChain(
  anchors: readonly Certificate[],
  chain: readonly Uint8Array[],
  unixMs: number,
): ReturnType<ClientCertificateVerifier['verify']> {
  if (chain.length > limits.tls.clientChainCertificates) return { failure: 'bad_certificate' };
  let sent: Certificate[];
  try {
    sent = chain.map((der) => {
      // By itself node:crypto takes PEM as well, and bytes behind the certificate.
      certificateFields(der);
      return toCertificate(new X509Certificate(der));
    });
  } catch {
    return { failure: 'bad_certificate' };
  }
  const [leaf, ...others] = sent;
  if (leaf === undefined) return { failure: 'bad_certificate' };
  const search: Search = {
    anchors,
    others,
    unixMs,
    signaturesLeft: limits.tls.clientChainSignatures,
    failure: 'unknown_ca',
    expiresMs: 0,
  };
  const unusable = leafProblem(leaf);
  if (unusable !== undefined) return { failure: unusable };
  if (!findPath(search, [leaf])) return { failure: search.failure };
  try {
    const subject = leaf.x509.subject?.split('\n').join(', ') ?? '';
    return { key: verifyingKey(leaf.x509.publicKey), subject, expiresMs: search.expiresMs };
  } catch {
    // A key of a kind that no signature scheme of ours serves.
    return { failure: 'unsupported_certificate' };
  }
}

function leafProblem(leaf: Certificate): CertificateFailure | undefined {
  // RFC 5246 §7.4.6, RFC 8446 §4.4.2.3: the key has to be allowed to sign, and to be a client's.
  if (leaf.keyUsage !== undefined && (leaf.keyUsage & DIGITAL_SIGNATURE) === 0) return 'unsupported_certificate';
  return commonProblem(leaf);
}

function commonProblem(certificate: Certificate): CertificateFailure | undefined {
  const { extendedKeyUsage, fields } = certificate;
  if (extendedKeyUsage !== undefined && !extendedKeyUsage.some((oid) => oid === CLIENT_AUTH || oid === ANY_USAGE)) {
    return 'unsupported_certificate';
  }
  // RFC 5280 §4.2: a critical extension that is not understood.
  for (const [oid, { critical }] of fields.extensions) {
    if (critical && !KNOWN_EXTENSIONS.has(oid)) return 'unsupported_certificate';
  }
  return undefined;
}

interface Search {
  readonly anchors: readonly Certificate[];
  readonly others: readonly Certificate[];
  readonly unixMs: number;
  /** Certificates of one name and key issue each other in any order: their number of paths is not to be tried out. */
  signaturesLeft: number;
  /** What the last path that was tried failed by. */
  failure: CertificateFailure;
  /** When the path that was found is not valid any more: the first of its certificates. */
  expiresMs: number;
}

/** Extends `path` (leaf first) up to a trusted certificate. */
function findPath(search: Search, path: readonly Certificate[]): boolean {
  const last = path.at(-1)!;
  if (!isCurrent(last, search.unixMs)) {
    search.failure = 'certificate_expired';
    return false;
  }
  if (search.anchors.some((anchor) => isSame(anchor, last))) {
    search.expiresMs = Math.min(...path.map(endMs));
    return true;
  }
  if (path.length >= limits.tls.clientChainCertificates) return false;
  for (const issuer of [...search.anchors, ...search.others]) {
    if (path.some((one) => isSame(one, issuer)) || !last.x509.checkIssued(issuer.x509)) continue;
    const problem = issuerProblem(issuer, path.slice(1)) ?? signatureProblem(search, last, issuer);
    if (problem !== undefined) search.failure = problem;
    else if (findPath(search, [...path, issuer])) return true;
  }
  return false;
}

/** `below`: the certificates of CAs between this one and the leaf. */
function issuerProblem(issuer: Certificate, below: readonly Certificate[]): CertificateFailure | undefined {
  const { basicConstraints, keyUsage } = issuer;
  if (basicConstraints?.ca !== true) return 'bad_certificate';
  // RFC 5280 §4.2.1.9: one that a CA made for a new key of its own does not count.
  const counted = below.filter(({ fields }) => Buffer.compare(fields.issuer, fields.subject) !== 0);
  if (counted.length > basicConstraints.pathLength) return 'bad_certificate';
  if (keyUsage !== undefined && (keyUsage & KEY_CERT_SIGN) === 0) return 'bad_certificate';
  // RFC 5280 §4.2.1.10, §6.1.4 g: they hold whether marked critical or not, and nobody here looks whether names keep to them.
  if (issuer.fields.extensions.has(NAME_CONSTRAINTS)) return 'unsupported_certificate';
  return commonProblem(issuer);
}

function signatureProblem(search: Search, signed: Certificate, issuer: Certificate): CertificateFailure | undefined {
  const { signatureAlgorithm, pssHash } = signed.fields;
  if (!STRONG_SIGNATURES.has(pssHash ?? signatureAlgorithm)) return 'bad_certificate';
  if (search.signaturesLeft === 0) return 'bad_certificate';
  search.signaturesLeft--;
  try {
    return signed.x509.verify(issuer.x509.publicKey) ? undefined : 'bad_certificate';
  } catch {
    return 'bad_certificate';
  }
}

function isCurrent(certificate: Certificate, unixMs: number): boolean {
  return unixMs >= certificate.notBeforeMs && unixMs < endMs(certificate);
}

/** RFC 5280 §4.1.2.5: both ends belong to the time of validity; they are whole seconds. */
function endMs({ notAfterMs }: Certificate): number {
  return notAfterMs + 1000;
}

function isSame(a: Certificate, b: Certificate): boolean {
  return a.x509.raw.equals(b.x509.raw);
}
