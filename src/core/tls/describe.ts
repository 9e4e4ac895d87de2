// What a handshake message says, as fields for the trace and for every other rendering: RFC names in camel case, codes as
// names. Built only when somebody looks on.

import type { TlsFieldValue } from '../trace.js';
import { describeExtension13 } from './describe13.js';
import { type Extension, extensionCode, HOST_NAME } from './extensions.js';
import type { HandshakeMessage } from './messages.js';
import { certificateTypeName, cipherSuiteName, extensionName, groupName, signatureName, versionName } from './names.js';

export type TlsFields = { readonly [name: string]: TlsFieldValue };

export function describeHandshake(message: HandshakeMessage): TlsFields {
  switch (message.type) {
    case 'HelloRequest':
    case 'ServerHelloDone':
      return {};
    case 'ClientHello':
      return {
        version: versionName(message.clientVersion),
        random: hexOf(message.random),
        sessionId: hexOf(message.sessionId),
        cipherSuites: message.cipherSuites.map(cipherSuiteName),
        compressionMethods: message.compressionMethods.map(compressionName),
        ...describeExtensions(message.extensions),
      };
    case 'ServerHello':
      return {
        version: versionName(message.serverVersion),
        random: hexOf(message.random),
        sessionId: hexOf(message.sessionId),
        cipherSuite: cipherSuiteName(message.cipherSuite),
        compressionMethod: compressionName(message.compressionMethod),
        ...describeExtensions(message.extensions),
      };
    case 'Certificate':
      return {
        certificates: message.certificateList.length,
        certificateBytes: message.certificateList.reduce((sum, certificate) => sum + certificate.length, 0),
      };
    case 'ServerKeyExchange':
      return {
        group: groupName(message.namedGroup),
        publicKey: hexOf(message.publicKey),
        signature: signatureName(message.signatureScheme),
        signatureBytes: message.signature.length,
      };
    case 'ClientKeyExchange':
      return { publicKey: hexOf(message.publicKey) };
    case 'NewSessionTicket':
      return { ticketLifetimeHint: message.ticketLifetimeHint, ticketBytes: message.ticket.length };
    case 'CertificateRequest':
      return {
        certificateTypes: message.certificateTypes.map(certificateTypeName),
        signatureAlgorithms: message.signatureSchemes.map(signatureName),
        certificateAuthorities: message.authorities.length,
      };
    case 'CertificateVerify':
      return { signature: signatureName(message.signatureScheme), signatureBytes: message.signature.length };
    case 'CertificateStatus':
      return { statusType: message.statusType, ocspResponseBytes: message.response.length };
    case 'Finished':
      return { verifyData: hexOf(message.verifyData) };
    default:
      return message satisfies never;
  }
}

/** Lower-case hex. */
export function hexOf(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

/** Printable ASCII as it is, every other byte as `\xNN`. */
export function printable(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) {
    text += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return text;
}

function compressionName(method: number): string {
  return method === 0 ? 'null' : String(method);
}

export function describeExtensions(extensions: readonly Extension[] | undefined): TlsFields {
  if (extensions === undefined) return {};
  const fields: { [name: string]: TlsFieldValue } = {
    extensions: extensions.map((extension) => extensionName(extensionCode(extension))),
  };
  for (const extension of extensions) describeExtension(fields, extension);
  return fields;
}

function describeExtension(fields: { [name: string]: TlsFieldValue }, extension: Extension): void {
  switch (extension.type) {
    case 'server_name':
      for (const { nameType, name } of extension.names ?? []) {
        if (nameType === HOST_NAME) fields.serverName = printable(name);
      }
      return;
    case 'supported_groups':
      fields.supportedGroups = extension.groups.map(groupName);
      return;
    case 'ec_point_formats':
      fields.ecPointFormats = extension.formats.map((format) => (format === 0 ? 'uncompressed' : String(format)));
      return;
    case 'signature_algorithms':
      fields.signatureAlgorithms = extension.schemes.map(signatureName);
      return;
    case 'alpn':
      fields.alpn = extension.protocols.map(printable);
      return;
    case 'extended_master_secret':
      fields.extendedMasterSecret = true;
      return;
    case 'max_fragment_length':
      fields.maxFragmentLength = extension.code >= 1 && extension.code <= 4 ? 256 << extension.code : extension.code;
      return;
    case 'encrypt_then_mac':
      fields.encryptThenMac = true;
      return;
    case 'record_size_limit':
      fields.recordSizeLimit = extension.limit;
      return;
    case 'session_ticket':
      fields.sessionTicketBytes = extension.ticket.length;
      return;
    case 'renegotiation_info':
      fields.renegotiatedConnection = hexOf(extension.renegotiatedConnection);
      return;
    case 'opaque':
      return;
    default:
      describeExtension13(fields, extension);
  }
}
