// What a ClientHello leads to in TLS 1.2: what was offered, what is chosen for a full handshake, and the ServerHello's
// extensions; or a verdict. Pure functions. RFC 5246 §7.4.1.2 to §7.4.1.4; RFC 8422 §4, §5.1; RFC 5746 §3.6; RFC 6066 §3,
// §4, §8; RFC 7301 §3.2; RFC 7366 §2; RFC 7627 §5.2; RFC 8449 §4; RFC 9113 §9.2.2. Which session is resumed is resumption.ts's concern.

import { type GroupName, HASH_BYTES, type SignatureName, type SigningKey } from '../crypto.js';
import type { Verdict } from './alerts.js';
import { chooseProtocol, credentialsFor, offeredServerName, toBytes } from './client-offers.js';
import { DEFAULT_CIPHER_SUITES, DEFAULT_GROUPS, type TlsConfig, type TlsCredential } from './config.js';
import { type Extension, findExtension, NamedGroup, SignatureScheme, UNCOMPRESSED } from './extensions.js';
import { OCSP } from './extensions13.js';
import type { ClientHello } from './messages.js';
import { MAX_PLAINTEXT_BYTES } from './record.js';
import { CIPHER_SUITES, type CipherSuiteInfo, TLS_EMPTY_RENEGOTIATION_INFO_SCSV } from './suites.js';

/** What the client offers besides suites, groups and signatures, checked: true of a full handshake and an abbreviated one. */
export interface Offers {
  readonly serverName: string | undefined;
  readonly alpn: string | undefined;
  readonly extendedMasterSecret: boolean;
  readonly secureRenegotiation: boolean;
  readonly encryptThenMac: boolean;
  readonly pointFormats: boolean;
  readonly ocspResponse: boolean;
  /** RFC 8449: the most plaintext that the client takes in a protected record; undefined: not offered. */
  readonly recordSizeLimit: number | undefined;
  /** RFC 6066 §4: the code, 1 to 4; 0: not offered, or record_size_limit was (RFC 8449 §5). */
  readonly maxFragmentLength: number;
  /** Empty: the client has none, and asks for one. Undefined: it does not want any. */
  readonly sessionTicket: Uint8Array | undefined;
}

/** What a full handshake takes of what was offered. */
export interface Choice {
  readonly suite: CipherSuiteInfo;
  readonly credential: TlsCredential;
  readonly group: GroupName;
  readonly signature: SignatureName;
}

/**
 * Favourite first. RSA: PKCS #1 v1.5 is what every TLS 1.2 client verifies; PSS is for those that offer nothing else for
 * RSA (RFC 8446 §4.2.3 allows it in 1.2, too).
 */
const SIGNATURES: Readonly<Record<SigningKey['type'], readonly SignatureName[]>> = {
  rsa: [
    'rsa_pkcs1_sha256',
    'rsa_pss_rsae_sha256',
    'rsa_pkcs1_sha384',
    'rsa_pss_rsae_sha384',
    'rsa_pkcs1_sha512',
    'rsa_pss_rsae_sha512',
  ],
  ecdsa: ['ecdsa_secp256r1_sha256'],
  ed25519: ['ed25519'],
};
const FIRST_SIGNATURES: readonly SignatureName[] = ['rsa_pkcs1_sha256', 'rsa_pss_rsae_sha256'];
const EMPTY = new Uint8Array(0);
/** RFC 8449 §4. */
const LEAST_RECORD_SIZE_LIMIT = 64;
/** RFC 6066 §4: the highest code, for 2^12. */
const LAST_FRAGMENT_LENGTH_CODE = 4;
/** The lowest code of a curve that RFC 8422 §5.1.1 defines, and the highest. */
const FIRST_CURVE = 23;
const LAST_CURVE = 30;

export function readOffers(hello: ClientHello, config: TlsConfig): Offers | Verdict {
  const offered = hello.extensions ?? [];
  if (!hello.compressionMethods.includes(0)) return 'noNullCompression';

  // RFC 5746 §3.6: there is nothing to renegotiate yet.
  const renegotiationInfo = findExtension(offered, 'renegotiation_info');
  if (renegotiationInfo !== undefined && renegotiationInfo.renegotiatedConnection.length > 0) {
    return 'renegotiationInfo';
  }
  const named = offeredServerName(offered);
  if (typeof named === 'string') return named;
  const chosen = chooseProtocol(offered, config.alpnProtocols ?? []);
  if (typeof chosen === 'string') return chosen;

  const sizes = config.asFirstReleased ? UNLIMITED : recordSizes(offered);
  if (typeof sizes === 'string') return sizes;
  const statusRequest = findExtension(offered, 'status_request');
  return {
    serverName: named.name,
    alpn: chosen.protocol,
    extendedMasterSecret: findExtension(offered, 'extended_master_secret') !== undefined,
    secureRenegotiation:
      renegotiationInfo !== undefined || hello.cipherSuites.includes(TLS_EMPTY_RENEGOTIATION_INFO_SCSV),
    encryptThenMac: findExtension(offered, 'encrypt_then_mac') !== undefined,
    pointFormats: findExtension(offered, 'ec_point_formats') !== undefined,
    ocspResponse: statusRequest !== undefined && 'request' in statusRequest && statusRequest.statusType === OCSP,
    ...sizes,
    sessionTicket: findExtension(offered, 'session_ticket')?.ticket,
  };
}

export type RecordSizeOffers = Pick<Offers, 'recordSizeLimit' | 'maxFragmentLength'>;

const UNLIMITED: RecordSizeOffers = { recordSizeLimit: undefined, maxFragmentLength: 0 };

/** Both versions. */
export function recordSizes(offered: readonly Extension[]): RecordSizeOffers | Verdict {
  const recordSizeLimit = findExtension(offered, 'record_size_limit')?.limit;
  if (recordSizeLimit !== undefined) {
    // RFC 8449 §5: max_fragment_length beside it is ignored, whatever it says.
    return recordSizeLimit < LEAST_RECORD_SIZE_LIMIT
      ? 'recordSizeLimitValue'
      : { recordSizeLimit, maxFragmentLength: 0 };
  }
  const code = findExtension(offered, 'max_fragment_length')?.code;
  if (code === undefined) return UNLIMITED;
  return code < 1 || code > LAST_FRAGMENT_LENGTH_CODE
    ? 'maxFragmentLengthValue'
    : { recordSizeLimit, maxFragmentLength: code };
}

/**
 * Suite, credential, group and signature of a full handshake. The server's order decides: the first suite for which there
 * is a credential of the right kind, for the name that was asked for, with a signature that the client verifies. RFC 8701
 * §3.2: GREASE and other unknown codes are passed over by asking only for those that we know.
 */
export function choose(hello: ClientHello, { serverName }: Offers, config: TlsConfig): Choice | Verdict {
  const offered = hello.extensions ?? [];
  const credentials = credentialsFor(config, serverName);
  if (credentials === undefined) return 'unrecognizedName';
  const suites = suitesOf(hello, config);
  if (suites.length === 0) return 'noCommonSuite';

  const groups = findExtension(offered, 'supported_groups')?.groups;
  const group = selectGroup(groups, config);
  if (group === undefined) return 'noCommonGroup';
  const pointFormats = findExtension(offered, 'ec_point_formats');
  if (pointFormats !== undefined && !pointFormats.formats.includes(UNCOMPRESSED)) {
    // RFC 8422 §5.1.2 has an alert of its own for clients that also named a curve; without one the choice just fails.
    return groups?.some(isCurve) ? 'noUncompressedPoints' : 'noCommonPointFormat';
  }

  // RFC 5246 §7.4.1.4.1: without the extension the client takes SHA-1 only, which nobody should sign with any more.
  const schemes = findExtension(offered, 'signature_algorithms')?.schemes;
  if (schemes === undefined) return 'sha1Only';

  // RFC 5246 §7.4.2, RFC 8446 §4.2.3: a chain that the client says it can verify; any other only if there is none.
  const chainSchemes = findExtension(offered, 'signature_algorithms_cert')?.schemes ?? schemes;
  let second: Choice | undefined;
  let verdict: Verdict = 'noCommonSuite';
  for (const suite of suites) {
    for (const credential of credentials) {
      if (!isFor(credential, suite)) continue;
      const signature = selectSignature(credential.key, schemes, groups, config);
      if (signature === undefined) {
        verdict = 'noCommonSignature';
        continue;
      }
      const choice = { suite, credential, group, signature };
      if (credential.signedWith?.every((scheme) => chainSchemes.includes(scheme)) ?? true) return choice;
      second ??= choice;
    }
  }
  return second ?? verdict;
}

/**
 * The offers, once the suite is known. RFC 9113 §9.2.2, appendix A: HTTP/2 refuses suites without an AEAD, and of those
 * served only these. Over one of them a client gets another protocol if it offers one, whatever the server's order; a client
 * that offers h2 alone hears from HTTP/2 what is wrong.
 */
export function offersOver(suite: CipherSuiteInfo, hello: ClientHello, offers: Offers, config: TlsConfig): Offers {
  if (offers.alpn !== 'h2' || suite.mac === undefined) return offers;
  const others = (config.alpnProtocols ?? []).filter((name) => name !== 'h2');
  const chosen = chooseProtocol(hello.extensions ?? [], others);
  return typeof chosen === 'string' || chosen.protocol === undefined ? offers : { ...offers, alpn: chosen.protocol };
}

/** The suites of 1.2 that both sides have, in the server's order. */
export function suitesOf(hello: ClientHello, config: TlsConfig): readonly CipherSuiteInfo[] {
  const common: CipherSuiteInfo[] = [];
  for (const code of config.cipherSuites ?? DEFAULT_CIPHER_SUITES) {
    const suite = CIPHER_SUITES.get(code);
    if (suite?.version === '1.2' && hello.cipherSuites.includes(code)) common.push(suite);
  }
  return common;
}

/** What a ServerHello says, besides the offers that it answers. */
export interface Answers {
  readonly resumed: boolean;
  /** A NewSessionTicket is going to be sent (RFC 5077 §3.2). */
  readonly ticket: boolean;
  /** A CertificateStatus is going to be sent (RFC 6066 §8). */
  readonly certificateStatus: boolean;
  /** RFC 7366 §3: block ciphers only. */
  readonly encryptThenMac: boolean;
}

/**
 * The ServerHello's extensions; undefined when there is nothing to say (the block is then left out). RFC 6066 §1.1, RFC
 * 8422 §4: those that belong to the session and not to the connection are not answered when a session is resumed.
 */
export function answerExtensions(offers: Offers, answers: Answers): readonly Extension[] | undefined {
  const { resumed } = answers;
  const extensions: Extension[] = [];
  if (offers.secureRenegotiation) extensions.push({ type: 'renegotiation_info', renegotiatedConnection: EMPTY });
  // RFC 6066 §3: an empty server_name says that the name was used; the handler sees it.
  if (!resumed && offers.serverName !== undefined) extensions.push({ type: 'server_name', names: undefined });
  if (!resumed && offers.maxFragmentLength !== 0) {
    extensions.push({ type: 'max_fragment_length', code: offers.maxFragmentLength });
  }
  if (!resumed && offers.pointFormats) extensions.push({ type: 'ec_point_formats', formats: [UNCOMPRESSED] });
  if (answers.ticket) extensions.push({ type: 'session_ticket', ticket: EMPTY });
  if (answers.certificateStatus) extensions.push({ type: 'status_request' });
  // RFC 7301 §3.1: of the connection, so that a resumed session has an answer, too.
  if (offers.alpn !== undefined) extensions.push({ type: 'alpn', protocols: [toBytes(offers.alpn)] });
  if (offers.extendedMasterSecret) extensions.push({ type: 'extended_master_secret' });
  if (answers.encryptThenMac) extensions.push({ type: 'encrypt_then_mac' });
  // RFC 8449 §4: agreed on anew by each handshake. We take all that the protocol allows.
  if (offers.recordSizeLimit !== undefined) extensions.push({ type: 'record_size_limit', limit: MAX_PLAINTEXT_BYTES });
  return extensions.length > 0 ? extensions : undefined;
}

/** RFC 8422 §4: without the list any curve may be chosen; secp256r1 is the one that such clients know. */
function selectGroup(supported: readonly number[] | undefined, config: TlsConfig): GroupName | undefined {
  const groups = config.groups ?? DEFAULT_GROUPS;
  if (supported === undefined) return groups.includes('secp256r1') ? 'secp256r1' : groups[0];
  return groups.find((name) => supported.includes(NamedGroup[name]));
}

/** RFC 8422 §5.3: ECDHE_ECDSA goes with keys of ECDSA and of EdDSA. */
function isFor({ key }: TlsCredential, { authentication }: CipherSuiteInfo): boolean {
  return authentication === 'rsa' ? key.type === 'rsa' : key.type !== 'rsa';
}

function selectSignature(
  key: SigningKey,
  schemes: readonly number[],
  groups: readonly number[] | undefined,
  { asFirstReleased }: TlsConfig,
): SignatureName | undefined {
  // RFC 8422 §5.3: the curve of an ECDSA certificate is one of those that the client listed.
  if (key.type === 'ecdsa' && groups !== undefined && !groups.includes(NamedGroup.secp256r1)) return undefined;
  const known = asFirstReleased ? FIRST_SIGNATURES : SIGNATURES[key.type];
  return known.find((name) => schemes.includes(SignatureScheme[name]) && isLongEnough(key, name));
}

/** RFC 8017 §9.1.1: hash, salt of the same length and two bytes have to fit under the modulus. */
function isLongEnough(key: SigningKey, signature: SignatureName): boolean {
  const hashBytes = PSS_HASH_BYTES.get(signature);
  return hashBytes === undefined || key.modulusBits - 1 >= 8 * (2 * hashBytes + 1) + 1;
}

/** Bytes of the hash, and of the salt, of the signatures that have a salt. */
export const PSS_HASH_BYTES: ReadonlyMap<SignatureName, number> = new Map([
  ['rsa_pss_rsae_sha256', HASH_BYTES.sha256],
  ['rsa_pss_rsae_sha384', HASH_BYTES.sha384],
  ['rsa_pss_rsae_sha512', HASH_BYTES.sha512],
]);

function isCurve(group: number): boolean {
  return group >= FIRST_CURVE && group <= LAST_CURVE;
}
