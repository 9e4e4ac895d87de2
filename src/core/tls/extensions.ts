// Hello extensions on the wire: RFC 6066 §3 (server_name), RFC 8422 §5.1 (groups, point formats), RFC 5246 §7.4.1.4.1
// (signature_algorithms), RFC 7301 §3.1 (ALPN), RFC 7627 §5.1, RFC 5746 §3.2, RFC 6066 §4 (max_fragment_length), RFC 7366 §2,
// RFC 8449 §4 (record_size_limit), RFC 5077 §3.2 (session_ticket); those of RFC 8446 are in extensions13.ts. All others stay opaque bytes, in their place in the list, so that decoding and encoding lose nothing.

import type { Reader } from '../bytes/reader.js';
import type { Writer } from '../bytes/writer.js';
import type { GroupName, SignatureName } from '../crypto.js';
import {
  decodeExtension13,
  type Extension13,
  type ExtensionPlace,
  ExtensionType13,
  encodeExtension13,
  knowsExtension13,
} from './extensions13.js';

export const ExtensionType = {
  server_name: 0,
  max_fragment_length: 1,
  supported_groups: 10,
  ec_point_formats: 11,
  signature_algorithms: 13,
  alpn: 16,
  encrypt_then_mac: 22,
  extended_master_secret: 23,
  record_size_limit: 28,
  session_ticket: 35,
  renegotiation_info: 0xff01,
  ...ExtensionType13,
} as const;

/** RFC 8422 §5.1.1. */
export const NamedGroup = { secp256r1: 23, secp384r1: 24, x25519: 29 } as const satisfies Record<GroupName, number>;

/** RFC 8446 §4.2.3; aligned with the hash and signature pairs of RFC 5246 §7.4.1.4.1. */
export const SignatureScheme = {
  rsa_pkcs1_sha256: 0x0401,
  rsa_pkcs1_sha384: 0x0501,
  rsa_pkcs1_sha512: 0x0601,
  ecdsa_secp256r1_sha256: 0x0403,
  rsa_pss_rsae_sha256: 0x0804,
  rsa_pss_rsae_sha384: 0x0805,
  rsa_pss_rsae_sha512: 0x0806,
  ed25519: 0x0807,
} as const satisfies Record<SignatureName, number>;

/** RFC 8422 §5.1.2: the only point format left. */
export const UNCOMPRESSED = 0;
/** RFC 6066 §3. */
export const HOST_NAME = 0;

export interface ServerName {
  readonly nameType: number;
  readonly name: Uint8Array;
}

/** One extension, by its decoded content. Lists keep the sender's order. */
export type Extension =
  /** `names` is undefined in a ServerHello: there the extension is an empty acknowledgement. */
  | { readonly type: 'server_name'; readonly names: readonly ServerName[] | undefined }
  | { readonly type: 'supported_groups'; readonly groups: readonly number[] }
  | { readonly type: 'ec_point_formats'; readonly formats: readonly number[] }
  | { readonly type: 'signature_algorithms'; readonly schemes: readonly number[] }
  | { readonly type: 'alpn'; readonly protocols: readonly Uint8Array[] }
  | { readonly type: 'extended_master_secret' }
  /** RFC 6066 §4: 1 to 4 for 2^9 to 2^12; other codes decode, as they have an alert of their own. */
  | { readonly type: 'max_fragment_length'; readonly code: number }
  | { readonly type: 'encrypt_then_mac' }
  /** Bytes of plaintext. */
  | { readonly type: 'record_size_limit'; readonly limit: number }
  /** Empty: one is asked for or announced. */
  | { readonly type: 'session_ticket'; readonly ticket: Uint8Array }
  | Extension13
  | { readonly type: 'renegotiation_info'; readonly renegotiatedConnection: Uint8Array }
  | { readonly type: 'opaque'; readonly code: number; readonly data: Uint8Array };

export type ExtensionOf<Type extends Extension['type']> = Extract<Extension, { type: Type }>;

const extensionNames = new Map<number, string>(Object.entries(ExtensionType).map(([name, code]) => [code, name]));

/** The code point of an extension. */
export function extensionCode(extension: Extension): number {
  return extension.type === 'opaque' ? extension.code : ExtensionType[extension.type];
}

/** The first extension of a type, or undefined. */
export function findExtension<Type extends Extension['type']>(
  extensions: readonly Extension[],
  type: Type,
): ExtensionOf<Type> | undefined {
  return extensions.find((extension): extension is ExtensionOf<Type> => extension.type === type);
}

/**
 * Reads extensions to the end of `reader`, as they are in a message of that kind; what has no form there stays opaque.
 * Raises ParseError. Byte strings are views of the reader's buffer.
 */
export function decodeExtensions(reader: Reader, place: ExtensionPlace = 'ClientHello'): Extension[] {
  const extensions: Extension[] = [];
  while (reader.remaining > 0) extensions.push(decodeExtension(reader, place));
  return extensions;
}

export function encodeExtensions(writer: Writer, extensions: readonly Extension[]): void {
  for (const extension of extensions) {
    writer.u16(extensionCode(extension)).prefixed(2, (data) => encodeData(data, extension));
  }
}

function decodeExtension(reader: Reader, place: ExtensionPlace): Extension {
  const code = reader.u16('extension_type');
  const length = reader.u16('extension_data_length');
  if (knowsExtension13(code, place)) {
    return decodeExtension13(code, reader.sub(length, extensionNames.get(code)!), place)!;
  }
  switch (code) {
    case ExtensionType.server_name:
      return decodeServerName(reader.sub(length, 'server_name'));
    case ExtensionType.supported_groups:
      return {
        type: 'supported_groups',
        groups: decodeU16List(reader.sub(length, 'supported_groups'), 'named_group'),
      };
    case ExtensionType.ec_point_formats:
      return { type: 'ec_point_formats', formats: decodePointFormats(reader.sub(length, 'ec_point_formats')) };
    case ExtensionType.signature_algorithms:
      return {
        type: 'signature_algorithms',
        schemes: decodeU16List(reader.sub(length, 'signature_algorithms'), 'signature_scheme'),
      };
    case ExtensionType.alpn:
      return { type: 'alpn', protocols: decodeProtocolNames(reader.sub(length, 'alpn', '')) };
    case ExtensionType.extended_master_secret:
      reader.sub(length, 'extended_master_secret').expectEnd('extension_data');
      return { type: 'extended_master_secret' };
    case ExtensionType.max_fragment_length: {
      const data = reader.sub(length, 'max_fragment_length');
      const maxFragmentLength = data.u8('max_fragment_length');
      data.expectEnd('extension_data');
      return { type: 'max_fragment_length', code: maxFragmentLength };
    }
    case ExtensionType.encrypt_then_mac:
      reader.sub(length, 'encrypt_then_mac').expectEnd('extension_data');
      return { type: 'encrypt_then_mac' };
    case ExtensionType.record_size_limit: {
      const data = reader.sub(length, 'record_size_limit');
      const limit = data.u16('record_size_limit');
      data.expectEnd('extension_data');
      return { type: 'record_size_limit', limit };
    }
    case ExtensionType.session_ticket:
      return { type: 'session_ticket', ticket: reader.take(length, 'session_ticket') };
    case ExtensionType.renegotiation_info: {
      const data = reader.sub(length, 'renegotiation_info');
      const renegotiatedConnection = data.take(data.u8('length'), 'renegotiated_connection');
      data.expectEnd('extension_data');
      return { type: 'renegotiation_info', renegotiatedConnection };
    }
    default:
      return { type: 'opaque', code, data: reader.take(length, 'extension_data') };
  }
}

function decodeServerName(data: Reader): Extension {
  if (data.remaining === 0) return { type: 'server_name', names: undefined };
  const listLength = data.u16('length');
  if (listLength === 0) data.fail('server_name_list: empty');
  const list = data.sub(listLength, 'server_name_list');
  data.expectEnd('extension_data');
  const names: ServerName[] = [];
  while (list.remaining > 0) {
    const nameType = list.u8('name_type');
    // RFC 6066 §3: every future name type, too, begins with a 16-bit length, so that unknown ones can be passed over.
    const length = list.u16('length');
    if (length === 0) list.fail('name: empty');
    names.push({ nameType, name: list.take(length, 'name') });
  }
  return { type: 'server_name', names };
}

function decodeU16List(data: Reader, field: string): number[] {
  const length = data.u16('length');
  if (length === 0 || length % 2 !== 0) data.fail(`length: ${length} is not an even number above 0`);
  const list = data.sub(length, 'list');
  data.expectEnd('extension_data');
  const codes: number[] = [];
  while (list.remaining > 0) codes.push(list.u16(field));
  return codes;
}

function decodePointFormats(data: Reader): number[] {
  const length = data.u8('length');
  if (length === 0) data.fail('length: 0');
  const formats = Array.from(data.take(length, 'ec_point_format_list'));
  data.expectEnd('extension_data');
  return formats;
}

/** The names are reported as `alpn` itself: in a ServerHello there is one, and it is what the extension says. */
function decodeProtocolNames(data: Reader): Uint8Array[] {
  const length = data.u16('alpn.length');
  if (length === 0) data.fail('alpn: no protocol name');
  const list = data.sub(length, 'alpn', '');
  data.expectEnd('alpn');
  const protocols: Uint8Array[] = [];
  while (list.remaining > 0) {
    const nameLength = list.u8('alpn.name_length');
    // RFC 7301 §3.1: names are not empty.
    if (nameLength === 0) list.fail('alpn: empty protocol name');
    protocols.push(list.take(nameLength, 'alpn'));
  }
  return protocols;
}

function encodeData(writer: Writer, extension: Extension): void {
  switch (extension.type) {
    case 'server_name':
      if (extension.names !== undefined) encodeServerNames(writer, extension.names);
      return;
    case 'supported_groups':
      writer.prefixed(2, () => encodeU16List(writer, extension.groups));
      return;
    case 'ec_point_formats':
      writer.prefixed(1, () => writer.put(Uint8Array.from(extension.formats)));
      return;
    case 'signature_algorithms':
      writer.prefixed(2, () => encodeU16List(writer, extension.schemes));
      return;
    case 'alpn':
      writer.prefixed(2, () => {
        for (const name of extension.protocols) writer.u8(name.length).put(name);
      });
      return;
    case 'extended_master_secret':
    case 'encrypt_then_mac':
      return;
    case 'max_fragment_length':
      writer.u8(extension.code);
      return;
    case 'record_size_limit':
      writer.u16(extension.limit);
      return;
    case 'session_ticket':
      writer.put(extension.ticket);
      return;
    case 'renegotiation_info':
      writer.u8(extension.renegotiatedConnection.length).put(extension.renegotiatedConnection);
      return;
    case 'opaque':
      writer.put(extension.data);
      return;
    default:
      encodeExtension13(writer, extension);
  }
}

function encodeServerNames(writer: Writer, names: readonly ServerName[]): void {
  writer.prefixed(2, () => {
    for (const { nameType, name } of names) writer.u8(nameType).u16(name.length).put(name);
  });
}

function encodeU16List(writer: Writer, codes: readonly number[]): void {
  for (const code of codes) writer.u16(code);
}
