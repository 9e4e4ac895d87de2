// As much of DER as it takes to see what an X.509 certificate says about itself: X.690 §8 and §10.1 (definite, shortest
// lengths), RFC 5280 §4.1 and §4.2. Signatures, dates and keys are node:crypto's concern.

/** The bytes are no DER, or not the structure that was asked for. */
export class DerError extends Error {
  override readonly name = 'DerError';
}

export const DerTag = { boolean: 0x01, integer: 0x02, bitString: 0x03, oid: 0x06, enumerated: 0x0a, sequence: 0x30 };

/** One element: `bytes` is the whole of it, `content` what is inside. Views of the memory that was read. */
export interface DerElement {
  readonly tag: number;
  readonly bytes: Uint8Array;
  readonly content: Uint8Array;
}

/** The one element that `bytes` consists of. */
export function derElement(bytes: Uint8Array, what: string): DerElement {
  const element = elementAt(bytes, 0, what);
  if (element.bytes.length !== bytes.length) throw new DerError(`${what}: bytes behind its end`);
  return element;
}

/** The elements inside of one. */
export function derChildren(parent: DerElement, what: string): DerElement[] {
  const children: DerElement[] = [];
  for (let at = 0; at < parent.content.length; ) {
    const child = elementAt(parent.content, at, what);
    children.push(child);
    at += child.bytes.length;
  }
  return children;
}

function elementAt(bytes: Uint8Array, at: number, what: string): DerElement {
  const tag = bytes[at];
  let length = bytes[at + 1];
  if (tag === undefined || length === undefined) throw new DerError(`${what}: cut off`);
  // Nothing in a certificate has a tag number above 30.
  if ((tag & 0x1f) === 0x1f) throw new DerError(`${what}: a tag of several bytes`);
  let start = at + 2;
  if (length >= 0x80) {
    const lengthBytes = length & 0x7f;
    if (lengthBytes === 0 || lengthBytes > 3) throw new DerError(`${what}: a length of ${lengthBytes} bytes`);
    length = 0;
    for (let i = 0; i < lengthBytes; i++) {
      const byte = bytes[start++];
      if (byte === undefined) throw new DerError(`${what}: cut off`);
      length = length * 256 + byte;
    }
    if (length < 0x80 || length < 256 ** (lengthBytes - 1))
      throw new DerError(`${what}: a length that is not the shortest`);
  }
  if (start + length > bytes.length) throw new DerError(`${what}: cut off`);
  return { tag, bytes: bytes.subarray(at, start + length), content: bytes.subarray(start, start + length) };
}

export interface Extension {
  readonly critical: boolean;
  /** DER of what the extension says. */
  readonly value: Uint8Array;
}

/** Object identifiers are the hex of their content bytes, as in `551d13` for 2.5.29.19. */
export interface CertificateFields {
  /** DER of the Names. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly signatureAlgorithm: string;
  /** The hash of RSASSA-PSS, which is a parameter there; undefined: the algorithm is another one. */
  readonly pssHash: string | undefined;
  readonly extensions: ReadonlyMap<string, Extension>;
}

/** RFC 5280 §4.2.1. */
export const ExtensionOid = {
  keyUsage: '551d0f',
  subjectAltName: '551d11',
  basicConstraints: '551d13',
  extendedKeyUsage: '551d25',
} as const;

const RSASSA_PSS = '2a864886f70d01010a';
const SHA_1 = '2b0e03021a';

/** The fields of a certificate that node:crypto does not tell. Throws a DerError. */
export function certificateFields(der: Uint8Array): CertificateFields {
  const [tbs, signatureAlgorithm] = derChildren(sequence(derElement(der, 'Certificate')), 'Certificate');
  if (tbs === undefined || signatureAlgorithm === undefined) throw new DerError('Certificate: fields are missing');
  const fields = derChildren(sequence(tbs), 'TBSCertificate');
  // version is [0] and has a default.
  if (fields[0]?.tag === 0xa0) fields.shift();
  const [serial, algorithm, issuer, validity, subject, publicKey, ...rest] = fields;
  if (serial?.tag !== DerTag.integer || publicKey === undefined)
    throw new DerError('TBSCertificate: fields are missing');
  for (const field of [algorithm!, issuer!, validity!, subject!, publicKey]) sequence(field);
  const extensions = rest.find((field) => field.tag === 0xa3);
  const [algorithmId, parameters] = derChildren(sequence(signatureAlgorithm), 'AlgorithmIdentifier');
  const algorithmOid = oidOf(algorithmId);
  return {
    issuer: issuer!.bytes,
    subject: subject!.bytes,
    signatureAlgorithm: algorithmOid,
    pssHash: algorithmOid === RSASSA_PSS ? readPssHash(parameters) : undefined,
    extensions: extensions === undefined ? new Map() : readExtensions(extensions),
  };
}

/** RFC 4055 §3.1: RSASSA-PSS-params ::= SEQUENCE { hashAlgorithm [0] DEFAULT SHA-1, ... } */
function readPssHash(parameters: DerElement | undefined): string {
  if (parameters === undefined) return SHA_1;
  const what = 'RSASSA-PSS-params';
  const explicit = derChildren(sequence(parameters), what).find(({ tag }) => tag === 0xa0);
  if (explicit === undefined) return SHA_1;
  return oidOf(derChildren(sequence(derElement(explicit.content, what)), what)[0]);
}

/** Extensions ::= SEQUENCE OF SEQUENCE { extnID, critical DEFAULT FALSE, extnValue OCTET STRING } */
function readExtensions(explicit: DerElement): Map<string, Extension> {
  const found = new Map<string, Extension>();
  for (const extension of derChildren(sequence(derElement(explicit.content, 'Extensions')), 'Extensions')) {
    const [id, ...rest] = derChildren(sequence(extension), 'Extension');
    const oid = oidOf(id);
    const critical = rest.length === 2 && rest[0]!.tag === DerTag.boolean && rest[0]!.content[0] !== 0;
    const value = rest.at(-1);
    if (value?.tag !== 0x04) throw new DerError('Extension: no extnValue');
    // RFC 5280 §4.2: an extension occurs once.
    if (found.has(oid)) throw new DerError('Extensions: the same one twice');
    found.set(oid, { critical, value: value.content });
  }
  return found;
}

function sequence(element: DerElement): DerElement {
  if (element.tag !== DerTag.sequence) throw new DerError('a SEQUENCE is missing');
  return element;
}

function oidOf(element: DerElement | undefined): string {
  if (element?.tag !== DerTag.oid) throw new DerError('an OBJECT IDENTIFIER is missing');
  return Buffer.from(element.content).toString('hex');
}

/** The object identifiers of a SEQUENCE OF OBJECT IDENTIFIER, as of extendedKeyUsage. */
export function derOids(der: Uint8Array): string[] {
  return derChildren(sequence(derElement(der, 'ExtKeyUsageSyntax')), 'ExtKeyUsageSyntax').map(oidOf);
}
