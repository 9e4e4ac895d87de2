// Makes X.509 certificates for tests (RFC 5280 §4) and good OCSP responses for them (RFC 6960 §4.2) with @peculiar/x509
// and its ASN.1 packages; signatures are node:crypto's. Only `wirebench cert` loads this file: it takes its time.

import 'reflect-metadata';
import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign as nodeSign,
  randomBytes,
  type webcrypto,
} from 'node:crypto';
import {
  BasicOCSPResponse,
  CertID,
  CertStatus,
  id_pkix_ocsp_basic,
  OCSPResponse,
  OCSPResponseStatus,
  ResponderID,
  ResponseBytes,
  ResponseData,
  SingleResponse,
} from '@peculiar/asn1-ocsp';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import { AlgorithmIdentifier, Certificate } from '@peculiar/asn1-x509';
import * as x509 from '@peculiar/x509';
import { certificateFields, derChildren, derElement } from './crypto/der.js';

export type KeyType = 'rsa' | 'ecdsa' | 'ed25519';

export interface Made {
  /** DER. */
  readonly certificate: Uint8Array;
  readonly key: KeyObject;
}

/** A certificate that signs, and its private key: one of ours or one that was given. */
export interface Issuer extends Made {
  readonly notAfter: Date;
}

export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** Of a server (by its DNS names and IP addresses) or of a client (by its name). */
export type Subject =
  | { readonly use: 'server'; readonly names: readonly string[]; readonly addresses: readonly string[] }
  | { readonly use: 'client'; readonly name: string };

const ORGANIZATION = 'wirebench test';
/** RFC 5280 appendix A: ub-common-name. */
const COMMON_NAME_CHARACTERS = 64;

/** A self-signed CA with an RSA key: whatever a client can verify, it can verify this. */
export async function makeCa(validity: Validity): Promise<Issuer> {
  const { privateKey, publicKey } = generateKeyPair('rsa');
  // Clients find a CA by its name: two test CAs of one name would be taken for each other.
  const name = nameOf(`wirebench test CA ${randomBytes(4).toString('hex')}`);
  const { KeyUsageFlags } = x509;
  const certificate = await issue({
    ...validity,
    subject: name,
    issuer: name,
    publicKey,
    signingKey: privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      new x509.SubjectKeyIdentifierExtension(keyIdentifier(publicKey)),
    ],
  });
  return { certificate, key: privateKey, notAfter: validity.notAfter };
}

/** An end-entity certificate, and the key that was made for it. */
export async function makeEndEntity(ca: Issuer, type: KeyType, subject: Subject, validity: Validity): Promise<Made> {
  const { privateKey, publicKey } = generateKeyPair(type);
  const caFields = certificateFields(ca.certificate);
  const isServer = subject.use === 'server';
  const commonName = subject.use === 'server' ? [...subject.names, ...subject.addresses][0]! : subject.name;
  const certificate = await issue({
    ...validity,
    subject: nameOf(commonName),
    issuer: new x509.Name(bufferOf(caFields.subject)),
    publicKey,
    signingKey: ca.key,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(keyUsage(type, subject), true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage[isServer ? 'serverAuth' : 'clientAuth']]),
      new x509.SubjectKeyIdentifierExtension(keyIdentifier(publicKey)),
      new x509.AuthorityKeyIdentifierExtension(caKeyIdentifier(ca)),
      ...(subject.use === 'server'
        ? [
            new x509.SubjectAlternativeNameExtension([
              ...subject.names.map((value) => ({ type: 'dns' as const, value })),
              ...subject.addresses.map((value) => ({ type: 'ip' as const, value })),
            ]),
          ]
        : []),
    ],
  });
  return { certificate, key: privateKey };
}

/**
 * RFC 5280 §4.2.1.3: signatures are all that our suites take the key for. NSS's own verification wants keyEncipherment of
 * every RSA server besides, whatever was negotiated.
 */
function keyUsage(type: KeyType, { use }: Subject): number {
  const { digitalSignature, keyEncipherment } = x509.KeyUsageFlags;
  return type === 'rsa' && use === 'server' ? digitalSignature | keyEncipherment : digitalSignature;
}

/** DER of an OCSPResponse that says of a certificate of this CA that it is good, as long as it is valid. */
export function makeOcspResponse(ca: Issuer, certificate: Uint8Array, { notBefore, notAfter }: Validity): Uint8Array {
  const leaf = AsnConvert.parse(bufferOf(certificate), Certificate);
  // RFC 6960 §4.1.1, and RFC 5019 §2.1.1: SHA-1 is what every client looks for here; it protects nothing.
  const keyHash = Buffer.from(keyIdentifier(createPublicKey(ca.key)), 'hex');
  const certID = new CertID({
    hashAlgorithm: new AlgorithmIdentifier({ algorithm: '1.3.14.3.2.26', parameters: null }),
    issuerNameHash: new OctetString(sha1(certificateFields(ca.certificate).subject)),
    issuerKeyHash: new OctetString(keyHash),
    serialNumber: leaf.tbsCertificate.serialNumber,
  });
  const tbsResponseData = new ResponseData({
    // RFC 6960 §4.2.1 allows either form. GnuTLS finds no signer by its key when the response has no certificates in it.
    responderID: new ResponderID({ byName: leaf.tbsCertificate.issuer }),
    producedAt: notBefore,
    responses: [
      new SingleResponse({
        certID,
        certStatus: new CertStatus({ good: null }),
        thisUpdate: notBefore,
        nextUpdate: notAfter,
      }),
    ],
  });
  const response = new BasicOCSPResponse({
    tbsResponseData,
    // The CA signs both, by the same algorithm.
    signatureAlgorithm: leaf.signatureAlgorithm,
    signature: bufferOf(signDer(ca.key, new Uint8Array(AsnConvert.serialize(tbsResponseData)))),
  });
  const whole = new OCSPResponse({
    responseStatus: OCSPResponseStatus.successful,
    responseBytes: new ResponseBytes({
      responseType: id_pkix_ocsp_basic,
      response: new OctetString(AsnConvert.serialize(response)),
    }),
  });
  return new Uint8Array(AsnConvert.serialize(whole));
}

interface Issuing extends Validity {
  readonly subject: x509.Name;
  readonly issuer: x509.Name;
  readonly publicKey: KeyObject;
  readonly signingKey: KeyObject;
  readonly extensions: x509.Extension[];
}

async function issue({ publicKey, signingKey, subject, issuer, notBefore, notAfter, extensions }: Issuing) {
  const { algorithm, hash } = webAlgorithm(signingKey);
  const serial = randomBytes(16);
  // RFC 5280 §4.1.2.2: positive, and the same number of bytes for all.
  serial[0] = (serial[0]! & 0x7f) | 0x40;
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: serial.toString('hex'),
      subject,
      issuer,
      notBefore,
      notAfter,
      publicKey: new x509.PublicKey(bufferOf(publicKey.export({ format: 'der', type: 'spki' }))),
      signingKey: { algorithm } as unknown as webcrypto.CryptoKey,
      signingAlgorithm: { name: algorithm.name, hash },
      extensions,
    },
    signer(signingKey),
  );
  return new Uint8Array(certificate.rawData);
}

/** The part of Web Crypto that the package signs with. Node 20's own warns that its Ed25519 is an experiment. */
function signer(key: KeyObject): webcrypto.Crypto {
  const sign = (_algorithm: unknown, _key: unknown, data: ArrayBuffer): Promise<ArrayBuffer> =>
    Promise.resolve(bufferOf(signDer(key, new Uint8Array(data), 'ieee-p1363')));
  return { subtle: { sign } } as unknown as webcrypto.Crypto;
}

function webAlgorithm(key: KeyObject): { algorithm: { name: string; namedCurve?: string }; hash: string } {
  const hash = `SHA-${hashOf(key).slice(3)}`;
  if (key.asymmetricKeyType === 'ed25519') return { algorithm: { name: 'Ed25519' }, hash };
  if (key.asymmetricKeyType === 'rsa') return { algorithm: { name: 'RSASSA-PKCS1-v1_5' }, hash };
  const curve = key.asymmetricKeyDetails?.namedCurve === 'secp384r1' ? 'P-384' : 'P-256';
  return { algorithm: { name: 'ECDSA', namedCurve: curve }, hash };
}

/** Of the size of the curve; SHA-256 for RSA. */
function hashOf(key: KeyObject): 'sha256' | 'sha384' {
  return key.asymmetricKeyDetails?.namedCurve === 'secp384r1' ? 'sha384' : 'sha256';
}

function signDer(key: KeyObject, data: Uint8Array, dsaEncoding: 'der' | 'ieee-p1363' = 'der'): Uint8Array {
  return nodeSign(key.asymmetricKeyType === 'ed25519' ? null : hashOf(key), data, { key, dsaEncoding });
}

function generateKeyPair(type: KeyType): { privateKey: KeyObject; publicKey: KeyObject } {
  if (type === 'rsa') return generateKeyPairSync('rsa', { modulusLength: 2048 });
  if (type === 'ecdsa') return generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return generateKeyPairSync('ed25519');
}

function nameOf(commonName: string): x509.Name {
  return new x509.Name([{ CN: [commonName.slice(0, COMMON_NAME_CHARACTERS)] }, { O: [ORGANIZATION] }]);
}

/** RFC 5280 §4.2.1.2, method 1: SHA-1 of the public key's bits, in hex. */
function keyIdentifier(publicKey: KeyObject): string {
  const spki = derElement(publicKey.export({ format: 'der', type: 'spki' }), 'SubjectPublicKeyInfo');
  // The first byte of the BIT STRING counts unused bits.
  return Buffer.from(sha1(derChildren(spki, 'SubjectPublicKeyInfo')[1]!.content.subarray(1))).toString('hex');
}

/** What the CA calls its key; a given CA may have made its identifier in another way. */
function caKeyIdentifier(ca: Issuer): string {
  const own = certificateFields(ca.certificate).extensions.get('551d0e');
  if (own === undefined) return keyIdentifier(createPublicKey(ca.key));
  return Buffer.from(derElement(own.value, 'SubjectKeyIdentifier').content).toString('hex');
}

function sha1(bytes: Uint8Array): Uint8Array {
  return createHash('sha1').update(bytes).digest();
}

/** A copy as an ArrayBuffer, the form that the packages take. */
function bufferOf(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}
