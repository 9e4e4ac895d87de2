// Client certificates in TLS 1.2: what is asked for, and whether what comes is good. RFC 5246 §7.4.4, §7.4.6, §7.4.8; RFC
// 8422 §5.5. X.509 is not core's concern: the verifier of the config judges the chain.

import type { Crypto, SignatureName, VerifyingKey } from '../crypto.js';
import type { Verdict } from './alerts.js';
import { CERTIFICATE_VERDICTS } from './client-certificate13.js';
import type { ClientAuthentication, VerifiedClient } from './config.js';
import { SignatureScheme } from './extensions.js';
import { type CertificateRequest, type CertificateVerify, ClientCertificateType } from './messages.js';

/** What a CertificateVerify may be made with, favourite first. */
const SIGNATURES: readonly SignatureName[] = [
  'ecdsa_secp256r1_sha256',
  'ed25519',
  'rsa_pss_rsae_sha256',
  'rsa_pss_rsae_sha384',
  'rsa_pss_rsae_sha512',
  'rsa_pkcs1_sha256',
  'rsa_pkcs1_sha384',
  'rsa_pkcs1_sha512',
];

/** All of the CertificateRequest but the authorities. */
export const CERTIFICATE_REQUEST = {
  type: 'CertificateRequest',
  certificateTypes: [ClientCertificateType.rsa_sign, ClientCertificateType.ecdsa_sign],
  signatureSchemes: SIGNATURES.map((name) => SignatureScheme[name]),
} as const satisfies Omit<CertificateRequest, 'authorities'>;

/** Undefined: the client has none, and need not. `chain` is as it came, leaf first. */
export function checkChain(
  { verifier, required }: ClientAuthentication,
  chain: readonly Uint8Array[],
  nowUnixUs: number,
): VerifiedClient | Verdict | undefined {
  // RFC 5246 §7.4.6: a client without a suitable certificate sends an empty list.
  if (chain.length === 0) return required ? 'clientCertificateMissing' : undefined;
  const verified = verifier.verify(chain, Math.floor(nowUnixUs / 1000));
  return 'failure' in verified ? CERTIFICATE_VERDICTS[verified.failure] : verified;
}

/** `signed` are all handshake messages before this one. */
export function checkCertificateVerify(
  crypto: Crypto,
  key: VerifyingKey,
  { signatureScheme, signature }: CertificateVerify,
  signed: Uint8Array,
): Verdict | undefined {
  const scheme = SIGNATURES.find((name) => SignatureScheme[name] === signatureScheme);
  if (scheme === undefined) return 'signatureNotOffered';
  return crypto.verify(key, scheme, signed, signature) ? undefined : 'certificateVerify';
}
