// The extensions of TLS 1.3 on the wire (RFC 8446 §4.2.1 to §4.2.11) and status_request (RFC 6066 §8, RFC 8446 §4.4.2.1).
// What the data of one means depends on the message that it stands in. The list around them is extensions.ts's.

import type { Reader } from '../bytes/reader.js';
import type { Writer } from '../bytes/writer.js';

/** The message that a list of extensions stands in. In TLS 1.2 there are the first two. */
export type ExtensionPlace =
  | 'ClientHello'
  | 'ServerHello'
  | 'HelloRetryRequest'
  | 'EncryptedExtensions'
  | 'Certificate'
  | 'CertificateRequest'
  | 'NewSessionTicket';

export const ExtensionType13 = {
  status_request: 5,
  pre_shared_key: 41,
  early_data: 42,
  supported_versions: 43,
  cookie: 44,
  psk_key_exchange_modes: 45,
  certificate_authorities: 47,
  oid_filters: 48,
  post_handshake_auth: 49,
  signature_algorithms_cert: 50,
  key_share: 51,
} as const;

/** RFC 6066 §8. */
export const OCSP = 1;
/** RFC 8446 §4.2.9. */
export const PskKeyExchangeMode = { psk_ke: 0, psk_dhe_ke: 1 } as const;

export interface KeyShareEntry {
  /** NamedGroup. */
  readonly group: number;
  readonly keyExchange: Uint8Array;
}

export interface PskIdentity {
  readonly identity: Uint8Array;
  /** Milliseconds plus ticket_age_add, modulo 2^32. */
  readonly obfuscatedTicketAge: number;
}

export interface OidFilter {
  readonly oid: Uint8Array;
  readonly values: Uint8Array;
}

/** One extension, by its decoded content. Lists keep the sender's order. */
export type Extension13 =
  /** `selected`: there is one version, and it is the server's choice. */
  | { readonly type: 'supported_versions'; readonly versions: readonly number[]; readonly selected?: true }
  /** In a ClientHello. */
  | { readonly type: 'key_share'; readonly shares: readonly KeyShareEntry[] }
  /** In a ServerHello. */
  | { readonly type: 'key_share'; readonly serverShare: KeyShareEntry }
  /** In a HelloRetryRequest. */
  | { readonly type: 'key_share'; readonly selectedGroup: number }
  /** In a ClientHello; the binders begin at byte `bindersAt` of the message's buffer (their length field included). */
  | {
      readonly type: 'pre_shared_key';
      readonly identities: readonly PskIdentity[];
      readonly binders: readonly Uint8Array[];
      readonly bindersAt: number;
    }
  /** In a ServerHello. */
  | { readonly type: 'pre_shared_key'; readonly selectedIdentity: number }
  | { readonly type: 'psk_key_exchange_modes'; readonly modes: readonly number[] }
  /** `maxEarlyDataSize` in a NewSessionTicket only. */
  | { readonly type: 'early_data'; readonly maxEarlyDataSize?: number }
  | { readonly type: 'cookie'; readonly cookie: Uint8Array }
  | { readonly type: 'signature_algorithms_cert'; readonly schemes: readonly number[] }
  /** DER, each. */
  | { readonly type: 'certificate_authorities'; readonly authorities: readonly Uint8Array[] }
  | { readonly type: 'oid_filters'; readonly filters: readonly OidFilter[] }
  | { readonly type: 'post_handshake_auth' }
  /** In a ClientHello; `request` is what follows the type, OCSPStatusRequest for OCSP. */
  | { readonly type: 'status_request'; readonly statusType: number; readonly request: Uint8Array }
  /** In a Certificate: CertificateStatus. */
  | { readonly type: 'status_request'; readonly statusType: number; readonly response: Uint8Array }
  /** In a ServerHello of 1.2 and a CertificateRequest: empty. */
  | { readonly type: 'status_request' };

/**
 * Reads the data of an extension of this file, to the end of `data`. Undefined, with nothing read, when `code` is none of
 * them or has no form in such a message. Raises ParseError.
 */
export function decodeExtension13(code: number, data: Reader, place: ExtensionPlace): Extension13 | undefined {
  const extension = decodeData(code, data, place);
  if (extension !== undefined) data.expectEnd('extension_data');
  return extension;
}

/** Whether there is a form of this extension for a message of that kind. */
export function knowsExtension13(code: number, place: ExtensionPlace): boolean {
  return PLACES.get(code)?.includes(place) ?? false;
}

/** The table of RFC 8446 §4.2; an empty status_request in the ServerHello is TLS 1.2's. */
const PLACES: ReadonlyMap<number, readonly ExtensionPlace[]> = new Map([
  [ExtensionType13.status_request, ['ClientHello', 'ServerHello', 'CertificateRequest', 'Certificate']],
  [ExtensionType13.pre_shared_key, ['ClientHello', 'ServerHello']],
  [ExtensionType13.early_data, ['ClientHello', 'EncryptedExtensions', 'NewSessionTicket']],
  [ExtensionType13.supported_versions, ['ClientHello', 'ServerHello', 'HelloRetryRequest']],
  [ExtensionType13.cookie, ['ClientHello', 'HelloRetryRequest']],
  [ExtensionType13.psk_key_exchange_modes, ['ClientHello']],
  [ExtensionType13.certificate_authorities, ['ClientHello', 'CertificateRequest']],
  [ExtensionType13.oid_filters, ['CertificateRequest']],
  [ExtensionType13.post_handshake_auth, ['ClientHello']],
  [ExtensionType13.signature_algorithms_cert, ['ClientHello', 'CertificateRequest']],
  [ExtensionType13.key_share, ['ClientHello', 'ServerHello', 'HelloRetryRequest']],
] as const);

function decodeData(code: number, data: Reader, place: ExtensionPlace): Extension13 | undefined {
  if (!knowsExtension13(code, place)) return undefined;
  switch (code) {
    case ExtensionType13.status_request:
      return decodeStatusRequest(data, place);
    case ExtensionType13.pre_shared_key:
      if (place === 'ServerHello') {
        return { type: 'pre_shared_key', selectedIdentity: data.u16('selected_identity') };
      }
      return decodeOfferedPsks(data);
    case ExtensionType13.early_data:
      if (place !== 'NewSessionTicket') return { type: 'early_data' };
      return { type: 'early_data', maxEarlyDataSize: data.u32('max_early_data_size') };
    case ExtensionType13.supported_versions:
      if (place === 'ClientHello') {
        return { type: 'supported_versions', versions: decodeU16List(data, 1, 'version') };
      }
      return { type: 'supported_versions', versions: [data.u16('selected_version')], selected: true };
    case ExtensionType13.cookie:
      return { type: 'cookie', cookie: data.take(atLeastOne(data, data.u16('length'), 'cookie'), 'cookie') };
    case ExtensionType13.psk_key_exchange_modes: {
      const length = atLeastOne(data, data.u8('length'), 'ke_modes');
      return { type: 'psk_key_exchange_modes', modes: Array.from(data.take(length, 'ke_modes')) };
    }
    case ExtensionType13.certificate_authorities:
      return decodeAuthorities(data);
    case ExtensionType13.oid_filters:
      return decodeOidFilters(data);
    case ExtensionType13.post_handshake_auth:
      return { type: 'post_handshake_auth' };
    case ExtensionType13.signature_algorithms_cert:
      return { type: 'signature_algorithms_cert', schemes: decodeU16List(data, 2, 'signature_scheme') };
    default:
      return decodeKeyShare(data, place);
  }
}

export function encodeExtension13(writer: Writer, extension: Extension13): void {
  switch (extension.type) {
    case 'status_request':
      if (!('statusType' in extension)) return;
      writer.u8(extension.statusType);
      if ('request' in extension) writer.put(extension.request);
      else writer.prefixed(3, () => writer.put(extension.response));
      return;
    case 'pre_shared_key':
      if ('selectedIdentity' in extension) writer.u16(extension.selectedIdentity);
      else encodeOfferedPsks(writer, extension.identities, extension.binders);
      return;
    case 'early_data':
      if (extension.maxEarlyDataSize !== undefined) writer.u32(extension.maxEarlyDataSize);
      return;
    case 'supported_versions':
      if (extension.selected) writer.u16(extension.versions[0]!);
      else writer.prefixed(1, () => encodeU16List(writer, extension.versions));
      return;
    case 'cookie':
      writer.u16(extension.cookie.length).put(extension.cookie);
      return;
    case 'psk_key_exchange_modes':
      writer.u8(extension.modes.length).put(Uint8Array.from(extension.modes));
      return;
    case 'certificate_authorities':
      writer.prefixed(2, () => {
        for (const name of extension.authorities) writer.u16(name.length).put(name);
      });
      return;
    case 'oid_filters':
      writer.prefixed(2, () => {
        for (const { oid, values } of extension.filters) {
          writer.u8(oid.length).put(oid).u16(values.length).put(values);
        }
      });
      return;
    case 'post_handshake_auth':
      return;
    case 'signature_algorithms_cert':
      writer.prefixed(2, () => encodeU16List(writer, extension.schemes));
      return;
    case 'key_share':
      if ('selectedGroup' in extension) writer.u16(extension.selectedGroup);
      else if ('serverShare' in extension) encodeShare(writer, extension.serverShare);
      else {
        writer.prefixed(2, () => {
          for (const share of extension.shares) encodeShare(writer, share);
        });
      }
      return;
    default:
      extension satisfies never;
  }
}

function decodeKeyShare(data: Reader, place: ExtensionPlace): Extension13 {
  if (place === 'HelloRetryRequest') return { type: 'key_share', selectedGroup: data.u16('selected_group') };
  if (place === 'ServerHello') return { type: 'key_share', serverShare: decodeShare(data) };
  // §4.2.8: no share at all is how a client asks for a group.
  const list = data.sub(data.u16('length'), 'client_shares');
  const shares: KeyShareEntry[] = [];
  while (list.remaining > 0) shares.push(decodeShare(list));
  return { type: 'key_share', shares };
}

function decodeShare(data: Reader): KeyShareEntry {
  const group = data.u16('named_group');
  const length = atLeastOne(data, data.u16('length'), 'key_exchange');
  return { group, keyExchange: data.take(length, 'key_exchange') };
}

/** PskIdentity.identity<1..>, and so at least 7 bytes of identities; PskBinderEntry<32..255>, at least 33 of binders. */
const LEAST_BINDER_BYTES = 32;

function decodeOfferedPsks(data: Reader): Extension13 {
  const list = data.sub(atLeastOne(data, data.u16('length'), 'identities'), 'identities');
  const identities: PskIdentity[] = [];
  while (list.remaining > 0) {
    const identity = list.take(atLeastOne(list, list.u16('length'), 'identity'), 'identity');
    identities.push({ identity, obfuscatedTicketAge: list.u32('obfuscated_ticket_age') });
  }
  const bindersAt = data.offset;
  const binderList = data.sub(atLeastOne(data, data.u16('length'), 'binders'), 'binders');
  const binders: Uint8Array[] = [];
  while (binderList.remaining > 0) {
    const length = binderList.u8('length');
    if (length < LEAST_BINDER_BYTES) binderList.fail(`binder: ${length} bytes, at least ${LEAST_BINDER_BYTES}`);
    binders.push(binderList.take(length, 'binder'));
  }
  return { type: 'pre_shared_key', identities, binders, bindersAt };
}

function decodeStatusRequest(data: Reader, place: ExtensionPlace): Extension13 {
  if (place === 'ServerHello' || place === 'CertificateRequest') return { type: 'status_request' };
  const statusType = data.u8('status_type');
  if (place === 'ClientHello') {
    const start = data.offset;
    if (statusType !== OCSP) return { type: 'status_request', statusType, request: data.rest('request') };
    const responderIds = data.sub(data.u16('length'), 'responder_id_list');
    while (responderIds.remaining > 0) {
      const length = atLeastOne(responderIds, responderIds.u16('length'), 'responder_id');
      responderIds.take(length, 'responder_id');
    }
    data.take(data.u16('length'), 'request_extensions');
    return { type: 'status_request', statusType, request: data.bytes.subarray(start, data.offset) };
  }
  const length = atLeastOne(data, data.u24('length'), 'response');
  return { type: 'status_request', statusType, response: data.take(length, 'response') };
}

function decodeAuthorities(data: Reader): Extension13 {
  const list = data.sub(atLeastOne(data, data.u16('length'), 'authorities'), 'authorities');
  const authorities: Uint8Array[] = [];
  while (list.remaining > 0) {
    authorities.push(list.take(atLeastOne(list, list.u16('length'), 'distinguished_name'), 'distinguished_name'));
  }
  return { type: 'certificate_authorities', authorities };
}

function decodeOidFilters(data: Reader): Extension13 {
  const list = data.sub(data.u16('length'), 'filters');
  const filters: OidFilter[] = [];
  while (list.remaining > 0) {
    const oid = list.take(
      atLeastOne(list, list.u8('length'), 'certificate_extension_oid'),
      'certificate_extension_oid',
    );
    filters.push({ oid, values: list.take(list.u16('length'), 'certificate_extension_values') });
  }
  return { type: 'oid_filters', filters };
}

function decodeU16List(data: Reader, prefixBytes: 1 | 2, field: string): number[] {
  const length = prefixBytes === 1 ? data.u8('length') : data.u16('length');
  if (length === 0 || length % 2 !== 0) data.fail(`length: ${length} is not an even number above 0`);
  const list = data.sub(length, 'list');
  const codes: number[] = [];
  while (list.remaining > 0) codes.push(list.u16(field));
  return codes;
}

function encodeOfferedPsks(writer: Writer, identities: readonly PskIdentity[], binders: readonly Uint8Array[]): void {
  writer.prefixed(2, () => {
    for (const { identity, obfuscatedTicketAge } of identities) {
      writer.u16(identity.length).put(identity).u32(obfuscatedTicketAge);
    }
  });
  writer.prefixed(2, () => {
    for (const binder of binders) writer.u8(binder.length).put(binder);
  });
}

function encodeShare(writer: Writer, { group, keyExchange }: KeyShareEntry): void {
  writer.u16(group).u16(keyExchange.length).put(keyExchange);
}

function encodeU16List(writer: Writer, codes: readonly number[]): void {
  for (const code of codes) writer.u16(code);
}

function atLeastOne(data: Reader, length: number, field: string): number {
  if (length === 0) data.fail(`${field}: empty`);
  return length;
}
