// What a run's TLS is made of, as plain data that a recording can hold, and the TlsConfig that the core is given for it.
// The same function serves a live run and its replay. A run without that data is one of before it existed.

import type { GroupName } from '../core/crypto.js';
import type { RandomSource } from '../core/random.js';
import { TLS_1_2, TLS_1_3, type TlsConfig, type TlsCredential } from '../core/tls/config.js';
import { CipherSuite } from '../core/tls/suites.js';
import { createClientCertificateVerifier } from './client-ca.js';
import { loadCredential, nodeCrypto } from './node-crypto.js';

export type TlsVersionName = '1.2' | '1.3';

/** PEM texts, leaf first. */
export interface CredentialTexts {
  readonly certificate: string;
  readonly key: string;
  /** DER of an OCSPResponse in base64. */
  readonly ocspResponse?: string;
}

/** Lists have the favourite first. */
export interface TlsRunConfig {
  /** For the run's certificate: DER of an OCSPResponse in base64. */
  readonly ocspResponse?: string;
  /** Chosen by the names that they are for; the run's certificate serves everybody else. */
  readonly otherCredentials: readonly CredentialTexts[];
  readonly minVersion: TlsVersionName;
  readonly maxVersion: TlsVersionName;
  /** Names of the IANA registry, both versions in one list. */
  readonly cipherSuites: readonly string[];
  readonly groups: readonly GroupName[];
  /** Empty: ALPN is left unanswered. */
  readonly alpnProtocols: readonly string[];
  readonly resumption: boolean;
  readonly strictServerName: boolean;
  /** `ca`: PEM of the certificates that are trusted. */
  readonly clientAuthentication?: { readonly ca: string; readonly required: boolean };
}

const VERSIONS: Readonly<Record<TlsVersionName, typeof TLS_1_2 | typeof TLS_1_3>> = { '1.2': TLS_1_2, '1.3': TLS_1_3 };

/** The parts of a RunConfig that TLS is made of. */
interface RunTexts {
  readonly certificate: string;
  readonly key: string;
  readonly tls?: TlsRunConfig;
}

interface Surroundings {
  readonly random: RandomSource;
  readonly startUnixUs: number;
  /** Of runs whose config says nothing about it. */
  readonly alpnProtocols: readonly string[];
}

/** Throws an Error when a certificate, a key or a CA cannot be read, or a suite is not one of ours. */
export function tlsConfigOf({ certificate, key, tls }: RunTexts, surroundings: Surroundings): TlsConfig {
  const shared = { crypto: nodeCrypto, ...surroundings };
  if (tls === undefined) {
    // TLS 1.2 with one suite, as before there was a choice. The certificate's names played no part then.
    const { chain, key: signingKey } = loaded({ certificate, key });
    return {
      ...shared,
      credentials: [{ chain, key: signingKey }],
      minVersion: TLS_1_2,
      maxVersion: TLS_1_2,
      cipherSuites: [CipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256],
      groups: ['x25519', 'secp256r1'],
      resumption: false,
      asFirstReleased: true,
    };
  }
  const { clientAuthentication, ocspResponse } = tls;
  const first = { certificate, key, ...(ocspResponse !== undefined && { ocspResponse }) };
  return {
    ...shared,
    credentials: [first, ...tls.otherCredentials].map(loaded),
    alpnProtocols: tls.alpnProtocols,
    minVersion: VERSIONS[tls.minVersion],
    maxVersion: VERSIONS[tls.maxVersion],
    cipherSuites: tls.cipherSuites.map(cipherSuiteCode),
    groups: tls.groups,
    resumption: tls.resumption,
    strictServerName: tls.strictServerName,
    ...(clientAuthentication && {
      clientAuthentication: {
        verifier: createClientCertificateVerifier(clientAuthentication.ca),
        required: clientAuthentication.required,
      },
    }),
  };
}

function cipherSuiteCode(name: string): number {
  if (Object.hasOwn(CipherSuite, name)) return CipherSuite[name as keyof typeof CipherSuite];
  throw new Error(`the cipher suite ${JSON.stringify(name)} is not known`);
}

/** `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256` is ECDHE-RSA-AES128-GCM-SHA256, and so on; CBC and ChaCha20's hash go unsaid. */
export function opensslName(iana: string): string {
  const [before, behind] = iana.split('_WITH_');
  if (before === undefined || behind === undefined) return iana;
  const cipher = behind
    .replace(/^AES_(\d+)_/, 'AES$1_')
    .replace('_CBC_', '_')
    .replace('POLY1305_SHA256', 'POLY1305');
  return `${before.slice('TLS_'.length)}_${cipher}`.replaceAll('_', '-');
}

/** As many as a run has in practice; older ones are parsed again. */
const KEPT_CREDENTIALS = 8;
const kept: { readonly texts: CredentialTexts; readonly credential: TlsCredential }[] = [];

/** Parsing a key costs as much as replaying a small capture, and a folder of captures has one key in all of them. */
function loaded(texts: CredentialTexts): TlsCredential {
  const { certificate, key, ocspResponse } = texts;
  const known = kept.find(
    (one) => one.texts.certificate === certificate && one.texts.key === key && one.texts.ocspResponse === ocspResponse,
  );
  if (known !== undefined) return known.credential;
  const ocsp = ocspResponse === undefined ? undefined : new Uint8Array(Buffer.from(ocspResponse, 'base64'));
  const credential = loadCredential(certificate, key, ocsp);
  if (kept.length === KEPT_CREDENTIALS) kept.shift();
  kept.push({ texts, credential });
  return credential;
}
