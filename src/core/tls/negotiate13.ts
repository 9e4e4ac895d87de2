// What a ClientHello of TLS 1.3 leads to: suite, group, credential and the extensions of our flight, or a verdict. Pure
// functions. RFC 8446 §4.1.1, §4.1.2 (what the second ClientHello may change), §4.2, §9.2. Which PSK is taken is decided in
// tickets13.ts, as that needs keys and the time.

import { Writer } from '../bytes/writer.js';
import { type GroupName, HASH_BYTES, type SignatureName } from '../crypto.js';
import type { Verdict } from './alerts.js';
import { chooseProtocol, credentialsFor, offeredServerName, toBytes } from './client-offers.js';
import { DEFAULT_CIPHER_SUITES, DEFAULT_GROUPS, type TlsConfig, type TlsCredential } from './config.js';
import {
  type Extension,
  ExtensionType,
  encodeExtensions,
  extensionCode,
  findExtension,
  NamedGroup,
  SignatureScheme,
} from './extensions.js';
import { type Extension13, type KeyShareEntry, OCSP, PskKeyExchangeMode } from './extensions13.js';
import type { ClientHello } from './messages.js';
import { type RecordSizeOffers, recordSizes } from './negotiate.js';
import { MAX_INNER_PLAINTEXT_BYTES } from './record.js';
import { CIPHER_SUITES, type CipherSuiteInfo } from './suites.js';

export type OfferedPsks = Extract<Extension13, { readonly bindersAt: number }>;

/** What was chosen, before anything is sent. */
export interface Parameters13 {
  readonly suite: CipherSuiteInfo;
  readonly group: GroupName;
  /** The client's share of the group; undefined: it has to be asked for (§4.1.4). */
  readonly clientShare: Uint8Array | undefined;
  readonly serverName: string | undefined;
  readonly alpn: string | undefined;
  /** Offered, and to be used with (EC)DHE; with psk_ke alone a PSK is of no use to us. */
  readonly psks: OfferedPsks | undefined;
  /** 0-RTT data may follow. It is refused. */
  readonly earlyData: boolean;
  /** The client would like an OCSP response (§4.4.2.1). */
  readonly wantsOcsp: boolean;
  /** psk_dhe_ke was offered: tickets are of use (§4.2.9). */
  readonly takesTickets: boolean;
  readonly sizes: RecordSizeOffers;
  readonly encryptedExtensions: readonly Extension[];
  /** Undefined: no client certificate is asked for. */
  readonly certificateRequest: readonly Extension[] | undefined;
}

export interface Authentication13 {
  readonly credential: TlsCredential;
  readonly signature: SignatureName;
}

/**
 * §4.4.3: PKCS #1 v1.5 never signs a handshake. For RSA in the order of cost; a key that can be loaded has room for all.
 */
const SIGNATURES: Record<TlsCredential['key']['type'], readonly SignatureName[]> = {
  rsa: ['rsa_pss_rsae_sha256', 'rsa_pss_rsae_sha384', 'rsa_pss_rsae_sha512'],
  ecdsa: ['ecdsa_secp256r1_sha256'],
  ed25519: ['ed25519'],
};

const PSS_HASH_BYTES: { readonly [name in SignatureName]?: number } = {
  rsa_pss_rsae_sha256: HASH_BYTES.sha256,
  rsa_pss_rsae_sha384: HASH_BYTES.sha384,
  rsa_pss_rsae_sha512: HASH_BYTES.sha512,
};

/** Bytes of salt that `Crypto.sign` wants for the scheme. */
export function saltBytes(signature: SignatureName): number {
  return PSS_HASH_BYTES[signature] ?? 0;
}

/** What a client's CertificateVerify may be made with. */
export const CLIENT_SIGNATURES: readonly SignatureName[] = [
  'ecdsa_secp256r1_sha256',
  'ed25519',
  'rsa_pss_rsae_sha256',
  'rsa_pss_rsae_sha384',
  'rsa_pss_rsae_sha512',
];

/** What may be in the certificates of its chain besides: PKCS #1 and larger curves (§4.2.3). */
const CLIENT_CERTIFICATE_SIGNATURES: readonly number[] = [0x0503, 0x0603, 0x0401, 0x0501, 0x0601];

export type Negotiate13 = (hello: ClientHello, config: TlsConfig) => Parameters13 | Verdict;

/** For a first ClientHello, and for a second one too: §4.1.4 wants both to lead to the same suite. */
export const negotiate13: Negotiate13 = (hello, config) => {
  const offered = hello.extensions ?? [];
  // §4.1.2.
  if (hello.compressionMethods.length !== 1 || hello.compressionMethods[0] !== 0) return 'compression13';
  const psks = findExtension(offered, 'pre_shared_key') as OfferedPsks | undefined;
  const modes = findExtension(offered, 'psk_key_exchange_modes')?.modes;
  const earlyData = findExtension(offered, 'early_data') !== undefined;
  const verdict = checkExtensions(offered, psks, modes, earlyData);
  if (verdict !== undefined) return verdict;

  // §4.1.1, §4.2.11: first the suite, which PSKs then have to fit. Codes that are not known are passed over.
  const suites = config.cipherSuites ?? DEFAULT_CIPHER_SUITES;
  const code = suites.find((one) => CIPHER_SUITES.get(one)?.version === '1.3' && hello.cipherSuites.includes(one));
  const suite = code === undefined ? undefined : CIPHER_SUITES.get(code);
  if (suite === undefined) return 'noCommonSuite';

  const groups = config.groups ?? DEFAULT_GROUPS;
  const shared = chooseGroup(offered, groups);
  if (typeof shared === 'string') return shared;

  const named = offeredServerName(offered);
  if (typeof named === 'string') return named;
  if (credentialsFor(config, named.name) === undefined) return 'unrecognizedName';
  const chosen = chooseProtocol(offered, config.alpnProtocols ?? []);
  if (typeof chosen === 'string') return chosen;

  const sizes = recordSizes(offered);
  if (typeof sizes === 'string') return sizes;

  const takesTickets = modes?.includes(PskKeyExchangeMode.psk_dhe_ke) ?? false;
  const status = findExtension(offered, 'status_request');
  return {
    suite,
    ...shared,
    serverName: named.name,
    alpn: chosen.protocol,
    psks: takesTickets ? psks : undefined,
    earlyData,
    wantsOcsp: status !== undefined && 'request' in status && status.statusType === OCSP,
    takesTickets,
    sizes,
    encryptedExtensions: encryptedExtensions(shared.group, groups, sizes, named.name, chosen.protocol),
    certificateRequest: certificateRequest(config),
  };
};

/**
 * The certificate that a handshake without a PSK uses, and how it signs. §4.4.2.2: it has to go with signature_algorithms; a
 * chain that signature_algorithms_cert (or, without it, signature_algorithms) covers is better, but any other will do.
 */
export function authenticate13(
  hello: ClientHello,
  config: TlsConfig,
  serverName: string | undefined,
): Authentication13 | Verdict {
  const offered = hello.extensions ?? [];
  const schemes = findExtension(offered, 'signature_algorithms')?.schemes;
  if (schemes === undefined) return 'missingSignatureAlgorithms';
  const chainSchemes = findExtension(offered, 'signature_algorithms_cert')?.schemes ?? schemes;
  let second: Authentication13 | undefined;
  for (const credential of credentialsFor(config, serverName) ?? []) {
    const signature = SIGNATURES[credential.key.type].find((name) => schemes.includes(SignatureScheme[name]));
    if (signature === undefined) continue;
    if (credential.signedWith?.every((scheme) => chainSchemes.includes(scheme)) ?? true)
      return { credential, signature };
    second ??= { credential, signature };
  }
  return second ?? 'noCommonSignature';
}

/** §4.1.2: whether a second ClientHello is the first one, but for what it may change. */
export function checkRetry(first: ClientHello, second: ClientHello, group: GroupName): Verdict | undefined {
  const offered = second.extensions ?? [];
  if (
    first.clientVersion !== second.clientVersion ||
    !sameBytes(first.random, second.random) ||
    !sameBytes(first.sessionId, second.sessionId) ||
    !sameCodes(first.cipherSuites, second.cipherSuites) ||
    !sameCodes(first.compressionMethods, second.compressionMethods)
  ) {
    return 'helloChanged';
  }
  if (findExtension(offered, 'early_data') !== undefined) return 'retriedEarlyData';
  if (!sameExtensions(first.extensions ?? [], offered)) return 'helloChanged';
  const share = findExtension(offered, 'key_share');
  const shares = share !== undefined && 'shares' in share ? share.shares : [];
  return shares.length === 1 && shares[0]!.group === NamedGroup[group] ? undefined : 'retriedKeyShare';
}

// ---- Rules on extensions ----

function checkExtensions(
  offered: readonly Extension[],
  psks: OfferedPsks | undefined,
  modes: readonly number[] | undefined,
  earlyData: boolean,
): Verdict | undefined {
  // §4.2: of all that is in its table only this one is never in a ClientHello.
  if (offered.some((extension) => extensionCode(extension) === ExtensionType.oid_filters)) return 'misplacedExtension';
  if (psks !== undefined) {
    if (offered.at(-1) !== psks) return 'pskNotLast';
    if (modes === undefined) return 'missingKeyExchangeModes';
    if (psks.binders.length !== psks.identities.length) return 'pskBinderCount';
  } else if (earlyData) return 'earlyDataWithoutPsk';

  // §9.2.
  const hasGroups = findExtension(offered, 'supported_groups') !== undefined;
  const hasShares = findExtension(offered, 'key_share') !== undefined;
  const hasSignatures = findExtension(offered, 'signature_algorithms') !== undefined;
  if (hasGroups !== hasShares) return 'missingExtension';
  return psks === undefined && !(hasGroups && hasSignatures) ? 'missingExtension' : undefined;
}

/**
 * The first of our groups that the client has a share of; without one, the first that it knows at all, at the cost of a
 * round trip (§4.1.1). So a share that is there wins over a group that we like better.
 */
function chooseGroup(
  offered: readonly Extension[],
  groups: readonly GroupName[],
): Pick<Parameters13, 'group' | 'clientShare'> | Verdict {
  // A set, as a ClientHello has room for 16,000 groups and 6,000 shares.
  const supported = new Set(findExtension(offered, 'supported_groups')?.groups);
  const extension = findExtension(offered, 'key_share');
  const shares = extension !== undefined && 'shares' in extension ? extension.shares : [];
  const seen = new Set<number>();
  for (const { group } of shares) {
    if (seen.has(group)) return 'duplicateKeyShare';
    if (!supported.has(group)) return 'keyShareNotInGroups';
    seen.add(group);
  }
  const group =
    groups.find((name) => seen.has(NamedGroup[name])) ?? groups.find((name) => supported.has(NamedGroup[name]));
  if (group === undefined) return 'noCommonGroup';
  return { group, clientShare: shareOf(shares, group) };
}

function shareOf(shares: readonly KeyShareEntry[], group: GroupName): Uint8Array | undefined {
  return shares.find((share) => share.group === NamedGroup[group])?.keyExchange;
}

// ---- What our flight says ----

function encryptedExtensions(
  group: GroupName,
  groups: readonly GroupName[],
  { recordSizeLimit, maxFragmentLength }: RecordSizeOffers,
  serverName: string | undefined,
  alpn: string | undefined,
): Extension[] {
  const extensions: Extension[] = [];
  // §4.2.7: told when we would have liked another group better, so that the next ClientHello has a share of it.
  if (group !== groups[0]) {
    extensions.push({ type: 'supported_groups', groups: groups.map((name) => NamedGroup[name]) });
  }
  // RFC 8449 §4: agreed on by each handshake; with the content type, we take all that the protocol allows.
  if (recordSizeLimit !== undefined) extensions.push({ type: 'record_size_limit', limit: MAX_INNER_PLAINTEXT_BYTES });
  if (maxFragmentLength !== 0) extensions.push({ type: 'max_fragment_length', code: maxFragmentLength });
  if (serverName !== undefined) extensions.push({ type: 'server_name', names: undefined });
  if (alpn !== undefined) extensions.push({ type: 'alpn', protocols: [toBytes(alpn)] });
  return extensions;
}

function certificateRequest({ clientAuthentication }: TlsConfig): Extension[] | undefined {
  if (clientAuthentication === undefined) return undefined;
  const schemes = CLIENT_SIGNATURES.map((name) => SignatureScheme[name]);
  const extensions: Extension[] = [
    { type: 'signature_algorithms', schemes },
    { type: 'signature_algorithms_cert', schemes: [...schemes, ...CLIENT_CERTIFICATE_SIGNATURES] },
  ];
  const { authorities } = clientAuthentication.verifier;
  if (authorities.length > 0) extensions.push({ type: 'certificate_authorities', authorities });
  return extensions;
}

// ---- The second ClientHello against the first ----

const PADDING = 21;
const ENCRYPTED_CLIENT_HELLO = 0xfe0d;
/**
 * §4.1.2 names the first five. Encrypted ClientHello is sealed anew for each ClientHello, and passed over by us both times.
 */
const MAY_CHANGE: ReadonlySet<number> = new Set([
  ExtensionType.key_share,
  ExtensionType.early_data,
  ExtensionType.cookie,
  ExtensionType.pre_shared_key,
  PADDING,
  ENCRYPTED_CLIENT_HELLO,
]);

/** §4.2: the order of extensions says nothing, so it is not held against a client that shuffles them. */
function sameExtensions(first: readonly Extension[], second: readonly Extension[]): boolean {
  const before = fixedExtensions(first);
  const after = fixedExtensions(second);
  if (before.size !== after.size) return false;
  for (const [code, bytes] of before) {
    const other = after.get(code);
    if (other === undefined || !sameBytes(bytes, other)) return false;
  }
  // A PSK may be taken away, but none may come.
  return findExtension(first, 'pre_shared_key') !== undefined || findExtension(second, 'pre_shared_key') === undefined;
}

function fixedExtensions(extensions: readonly Extension[]): Map<number, Uint8Array> {
  const fixed = new Map<number, Uint8Array>();
  for (const extension of extensions) {
    const code = extensionCode(extension);
    if (MAY_CHANGE.has(code)) continue;
    const writer = new Writer();
    encodeExtensions(writer, [extension]);
    fixed.set(code, writer.finish());
  }
  return fixed;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

function sameCodes(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((code, index) => code === b[index]);
}
