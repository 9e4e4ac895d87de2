// What a TLS server is told: versions, suites, groups, certificates, resumption and client certificates. Plain data, made
// outside of the protocol; the machines only read it. Defaults are those of a server that serves today's clients.

import type { Crypto, GroupName, SigningKey, VerifyingKey } from '../crypto.js';
import type { RandomSource } from '../random.js';
import { CipherSuite } from './suites.js';

/** ProtocolVersion on the wire. */
export const TLS_1_2 = 0x0303;
export const TLS_1_3 = 0x0304;

export interface TlsCredential {
  /** DER, leaf first. */
  readonly chain: readonly Uint8Array[];
  readonly key: SigningKey;
  /** DNS names of the leaf in lower case, `*.` in front stands for one label. Absent: it serves any name. */
  readonly names?: readonly string[];
  /** DER of an OCSPResponse for the leaf, stapled to those who ask (RFC 6066 §8). */
  readonly ocspResponse?: Uint8Array;
  /**
   * SignatureSchemes that the certificates of the chain are signed with, self-signed ones left out (RFC 8446 §4.2.3). Of
   * several credentials one whose chain the client verifies is better. Absent: not known.
   */
  readonly signedWith?: readonly number[];
}

/** Why a client's certificate is not taken: names of RFC 5246 §7.2.2. */
export type CertificateFailure =
  | 'bad_certificate'
  | 'unsupported_certificate'
  | 'certificate_revoked'
  | 'certificate_expired'
  | 'certificate_unknown'
  | 'unknown_ca';

/** Checks a client's chain; X.509 is not core's concern. Pure: the same arguments give the same answer. */
export interface ClientCertificateVerifier {
  /** DER of the distinguished names for CertificateRequest (RFC 5246 §7.4.4, RFC 8446 §4.2.4). */
  readonly authorities: readonly Uint8Array[];
  /** `chain` is DER, leaf first, never empty; `unixMs` is the time that validity is judged by. */
  verify(chain: readonly Uint8Array[], unixMs: number): VerifiedClient | { readonly failure: CertificateFailure };
}

export interface VerifiedClient {
  readonly key: VerifyingKey;
  /** For the trace. */
  readonly subject: string;
  /** Milliseconds since 1970: from then on the chain is not valid. Absent: not known. */
  readonly expiresMs?: number;
}

export interface ClientAuthentication {
  readonly verifier: ClientCertificateVerifier;
  /** True: a client without a certificate is refused. */
  readonly required: boolean;
}

/** All connections of a run share one. */
export interface TlsConfig {
  readonly crypto: Crypto;
  readonly random: RandomSource;
  /** The first one serves clients that name no server or an unknown one. Never empty. */
  readonly credentials: readonly TlsCredential[];
  /** Wall time of logical time 0, microseconds since 1970: ages of tickets, validity of client certificates. Default 0. */
  readonly startUnixUs?: number;
  /** Favourite first; empty: ALPN is left unanswered. Default none. */
  readonly alpnProtocols?: readonly string[];
  /** Default TLS 1.2. */
  readonly minVersion?: typeof TLS_1_2 | typeof TLS_1_3;
  /** Default TLS 1.3. */
  readonly maxVersion?: typeof TLS_1_2 | typeof TLS_1_3;
  /** Favourite first, both versions in one list. Default DEFAULT_CIPHER_SUITES. */
  readonly cipherSuites?: readonly number[];
  /** Favourite first. Default DEFAULT_GROUPS. */
  readonly groups?: readonly GroupName[];
  /** Session ids and tickets in 1.2, tickets in 1.3. Default true. */
  readonly resumption?: boolean;
  /** True: a server_name that no credential has ends in unrecognized_name (RFC 6066 §3). Default false. */
  readonly strictServerName?: boolean;
  readonly clientAuthentication?: ClientAuthentication;
  /**
   * True: where the ClientHello leaves a choice, what the first releases chose, for recordings of theirs. Of the signatures
   * rsa_pkcs1_sha256 and rsa_pss_rsae_sha256 only, max_fragment_length and record_size_limit unanswered, and a handshake may
   * take as long as it likes. Default false.
   */
  readonly asFirstReleased?: boolean;
}

/** The server's order (RFC 5246 §7.4.1.3 leaves it to the server). CBC suites are for those who ask for them. */
export const DEFAULT_CIPHER_SUITES: readonly number[] = [
  CipherSuite.TLS_AES_128_GCM_SHA256,
  CipherSuite.TLS_AES_256_GCM_SHA384,
  CipherSuite.TLS_CHACHA20_POLY1305_SHA256,
  CipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
  CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
  CipherSuite.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
  CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
  CipherSuite.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
  CipherSuite.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
];

export const DEFAULT_GROUPS: readonly GroupName[] = ['x25519', 'secp256r1', 'secp384r1'];
