// What a ClientHello leads to: the parameters of the connection and the ServerHello's extensions, or a verdict. A pure
// function. RFC 5246 §7.4.1.2 to §7.4.1.4; RFC 8422 §4 and §5.1; RFC 5746 §3.6; RFC 7627 §5.2. Sessions
// are not resumed: every handshake is a full one.

import type { GroupName, SignatureName } from '../crypto.js';
import type { Verdict } from './alerts.js';
import { chooseProtocol, offeredServerName, toBytes } from './client-offers.js';
import { type Extension, findExtension, NamedGroup, SignatureScheme, UNCOMPRESSED } from './extensions.js';
import type { ClientHello } from './messages.js';

export const TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 = 0xc02f;
export const TLS_EMPTY_RENEGOTIATION_INFO_SCSV = 0x00ff;

export interface Negotiated {
  readonly cipherSuite: number;
  readonly group: GroupName;
  readonly signature: SignatureName;
  readonly serverName: string | undefined;
  readonly alpn: string | undefined;
  readonly extendedMasterSecret: boolean;
  /** For the ServerHello; undefined when there is nothing to say (the block is then left out). */
  readonly extensions: readonly Extension[] | undefined;
}

/** Our groups, favourite first: X25519 is the faster one, and has no invalid points. */
const GROUPS: readonly GroupName[] = ['x25519', 'secp256r1'];
/** PKCS #1 v1.5 first: what every TLS 1.2 client verifies. PSS for those that offer nothing else for RSA. */
const SIGNATURES: readonly SignatureName[] = ['rsa_pkcs1_sha256', 'rsa_pss_rsae_sha256'];
const EMPTY = new Uint8Array(0);
/** The lowest code of a curve that RFC 8422 §5.1.1 defines, and the highest. */
const FIRST_CURVE = 23;
const LAST_CURVE = 30;

/** `alpnProtocols` is the server's list, favourite first; when it is empty ALPN is left unanswered. */
export function negotiate(hello: ClientHello, alpnProtocols: readonly string[]): Negotiated | Verdict {
  const offered = hello.extensions ?? [];
  if (!hello.compressionMethods.includes(0)) return 'noNullCompression';

  const renegotiationInfo = findExtension(offered, 'renegotiation_info');
  if (renegotiationInfo !== undefined && renegotiationInfo.renegotiatedConnection.length > 0)
    return 'renegotiationInfo';

  // RFC 8701 §3.2: GREASE and other unknown codes are passed over by asking only for those that we know.
  if (!hello.cipherSuites.includes(TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256)) return 'noCommonSuite';

  const supportedGroups = findExtension(offered, 'supported_groups')?.groups;
  const group = selectGroup(supportedGroups);
  if (group === undefined) return 'noCommonGroup';

  const pointFormats = findExtension(offered, 'ec_point_formats');
  if (pointFormats !== undefined && !pointFormats.formats.includes(UNCOMPRESSED)) {
    // RFC 8422 §5.1.2 has an alert of its own for clients that also named a curve; without one the choice just fails.
    return supportedGroups?.some(isCurve) ? 'noUncompressedPoints' : 'noCommonPointFormat';
  }

  // RFC 5246 §7.4.1.4.1: without the extension the client takes SHA-1 only, which nobody should sign with any more.
  const schemes = findExtension(offered, 'signature_algorithms')?.schemes;
  if (schemes === undefined) return 'sha1Only';
  const signature = SIGNATURES.find((name) => schemes.includes(SignatureScheme[name]));
  if (signature === undefined) return 'noCommonSignature';

  const named = offeredServerName(offered);
  if (typeof named === 'string') return named;
  const chosen = chooseProtocol(offered, alpnProtocols);
  if (typeof chosen === 'string') return chosen;
  const { name: serverName } = named;
  const { protocol: alpn } = chosen;

  const extendedMasterSecret = findExtension(offered, 'extended_master_secret') !== undefined;
  const secureRenegotiation =
    renegotiationInfo !== undefined || hello.cipherSuites.includes(TLS_EMPTY_RENEGOTIATION_INFO_SCSV);

  const extensions: Extension[] = [];
  if (secureRenegotiation) extensions.push({ type: 'renegotiation_info', renegotiatedConnection: EMPTY });
  // RFC 6066 §3: an empty server_name says that the name was used; the handler sees it.
  if (serverName !== undefined) extensions.push({ type: 'server_name', names: undefined });
  if (pointFormats !== undefined) extensions.push({ type: 'ec_point_formats', formats: [UNCOMPRESSED] });
  if (alpn !== undefined) extensions.push({ type: 'alpn', protocols: [toBytes(alpn)] });
  if (extendedMasterSecret) extensions.push({ type: 'extended_master_secret' });

  return {
    cipherSuite: TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    group,
    signature,
    serverName,
    alpn,
    extendedMasterSecret,
    extensions: extensions.length > 0 ? extensions : undefined,
  };
}

/** RFC 8422 §4: without the list any curve may be chosen; secp256r1 is the one that such clients know. */
function selectGroup(supported: readonly number[] | undefined): GroupName | undefined {
  if (supported === undefined) return 'secp256r1';
  return GROUPS.find((name) => supported.includes(NamedGroup[name]));
}

function isCurve(group: number): boolean {
  return group >= FIRST_CURVE && group <= LAST_CURVE;
}
