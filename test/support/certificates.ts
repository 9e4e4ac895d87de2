// Certificates made to order, right and wrong ones, for tests of who is trusted. @peculiar/x509 over Web Crypto.

import 'reflect-metadata';
import { KeyObject, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

export { x509 };

export interface Party {
  readonly certificate: x509.X509Certificate;
  readonly keys: webcrypto.CryptoKeyPair;
  /** DER. */
  readonly der: Uint8Array;
  readonly pem: string;
}

export interface Order {
  readonly name: string;
  /** Absent: it signs itself. */
  readonly issuer?: Party;
  readonly keys?: webcrypto.CryptoKeyPair;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** basicConstraints; absent: the extension is left out. */
  readonly ca?: boolean;
  readonly pathLength?: number;
  readonly keyUsage?: x509.KeyUsageFlags;
  readonly extendedKeyUsage?: readonly string[];
  readonly extensions?: readonly x509.Extension[];
  readonly hash?: 'SHA-1' | 'SHA-256' | 'SHA-384';
}

export const NOT_BEFORE = new Date('2030-01-01T00:00:00Z');
export const NOT_AFTER = new Date('2031-01-01T00:00:00Z');

const ECDSA = { name: 'ECDSA', namedCurve: 'P-256' } as const;

export function ecdsaKeys(namedCurve: 'P-256' | 'P-384' = 'P-256'): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey({ ...ECDSA, namedCurve }, true, ['sign', 'verify']);
}

export function rsaKeys(): Promise<webcrypto.CryptoKeyPair> {
  const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', publicExponent: Uint8Array.of(1, 0, 1) };
  return webcrypto.subtle.generateKey({ ...algorithm, modulusLength: 2048 }, true, ['sign', 'verify']);
}

export async function make(order: Order): Promise<Party> {
  const keys = order.keys ?? (await ecdsaKeys());
  const extensions = [
    ...(order.ca === undefined ? [] : [new x509.BasicConstraintsExtension(order.ca, order.pathLength, true)]),
    ...(order.keyUsage === undefined ? [] : [new x509.KeyUsagesExtension(order.keyUsage, true)]),
    ...(order.extendedKeyUsage === undefined ? [] : [new x509.ExtendedKeyUsageExtension([...order.extendedKeyUsage])]),
    ...(order.extensions ?? []),
  ];
  const certificate = await x509.X509CertificateGenerator.create(
    {
      subject: `CN=${order.name}, O=tests`,
      issuer: `CN=${order.issuer === undefined ? order.name : order.issuer.certificate.subjectName.getField('CN')[0]}, O=tests`,
      notBefore: order.notBefore ?? NOT_BEFORE,
      notAfter: order.notAfter ?? NOT_AFTER,
      publicKey: keys.publicKey,
      signingKey: (order.issuer?.keys ?? keys).privateKey,
      signingAlgorithm: { ...ECDSA, hash: order.hash ?? 'SHA-256' },
      extensions,
    },
    webcrypto as webcrypto.Crypto,
  );
  return { certificate, keys, der: new Uint8Array(certificate.rawData), pem: `${certificate.toString('pem')}\n` };
}

/** PKCS #8 in PEM. */
export function keyPem({ keys }: Party): string {
  return String(KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' }));
}

export function authority(name: string, parts: Partial<Order> = {}): Promise<Party> {
  const keyUsage = x509.KeyUsageFlags.keyCertSign;
  return make({ name, ca: true, keyUsage, ...parts });
}

/** A client's certificate as it should be. */
export function client(name: string, issuer: Party, parts: Partial<Order> = {}): Promise<Party> {
  const keyUsage = x509.KeyUsageFlags.digitalSignature;
  return make({ name, issuer, ca: false, keyUsage, extendedKeyUsage: [x509.ExtendedKeyUsage.clientAuth], ...parts });
}
