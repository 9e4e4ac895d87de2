// What the messages and extensions of TLS 1.3 say, as fields for the trace: RFC 8446's names in camel case, codes as names.
// Built only when somebody looks on. No secret is among them.

import type { TlsFieldValue } from '../trace.js';
import { describeExtensions, describeHandshake, hexOf, type TlsFields } from './describe.js';
import type { Extension13, KeyShareEntry } from './extensions13.js';
import type { HandshakeMessage13 } from './messages13.js';
import { groupName, signatureName, versionName } from './names.js';

const KE_MODES = ['psk_ke', 'psk_dhe_ke'];
const KEY_UPDATE_REQUESTS = ['update_not_requested', 'update_requested'];

export function describeHandshake13(message: HandshakeMessage13): TlsFields {
  switch (message.type) {
    case 'ClientHello':
    case 'ServerHello':
      return describeHandshake(message);
    case 'EncryptedExtensions':
      return describeExtensions(message.extensions);
    case 'CertificateRequest':
      return { context: hexOf(message.context), ...describeExtensions(message.extensions) };
    case 'Certificate':
      return {
        context: hexOf(message.context),
        certificates: message.entries.length,
        certificateBytes: message.entries.reduce((sum, { certData }) => sum + certData.length, 0),
        ...(message.entries[0] && describeExtensions(message.entries[0].extensions)),
      };
    case 'CertificateVerify':
      return { signature: signatureName(message.algorithm), signatureBytes: message.signature.length };
    case 'Finished':
      return { verifyData: hexOf(message.verifyData) };
    case 'NewSessionTicket':
      return {
        ticketLifetime: message.ticketLifetime,
        ticketNonce: hexOf(message.ticketNonce),
        ticketBytes: message.ticket.length,
        ...describeExtensions(message.extensions),
      };
    case 'KeyUpdate':
      return { requestUpdate: KEY_UPDATE_REQUESTS[message.requestUpdate] ?? message.requestUpdate };
    case 'EndOfEarlyData':
      return {};
    default:
      return message satisfies never;
  }
}

/** Adds what one extension says. */
export function describeExtension13(fields: { [name: string]: TlsFieldValue }, extension: Extension13): void {
  switch (extension.type) {
    case 'supported_versions':
      if (extension.selected) fields.selectedVersion = versionName(extension.versions[0]!);
      else fields.supportedVersions = extension.versions.map(versionName);
      return;
    case 'key_share':
      if ('selectedGroup' in extension) fields.selectedGroup = groupName(extension.selectedGroup);
      else if ('serverShare' in extension) fields.keyShare = shareText(extension.serverShare);
      else fields.keyShares = extension.shares.map(shareText);
      return;
    case 'pre_shared_key':
      if ('selectedIdentity' in extension) fields.selectedIdentity = extension.selectedIdentity;
      else fields.pskIdentities = extension.identities.length;
      return;
    case 'psk_key_exchange_modes':
      fields.pskKeyExchangeModes = extension.modes.map((mode) => KE_MODES[mode] ?? String(mode));
      return;
    case 'early_data':
      fields.earlyData = extension.maxEarlyDataSize ?? true;
      return;
    case 'cookie':
      fields.cookieBytes = extension.cookie.length;
      return;
    case 'signature_algorithms_cert':
      fields.signatureAlgorithmsCert = extension.schemes.map(signatureName);
      return;
    case 'certificate_authorities':
      fields.certificateAuthorities = extension.authorities.length;
      return;
    case 'oid_filters':
      fields.oidFilters = extension.filters.length;
      return;
    case 'post_handshake_auth':
      fields.postHandshakeAuth = true;
      return;
    case 'status_request':
      if ('response' in extension) fields.ocspResponseBytes = extension.response.length;
      else fields.statusRequest = true;
      return;
    default:
      extension satisfies never;
  }
}

/** `x25519 99381de5...` */
function shareText({ group, keyExchange }: KeyShareEntry): string {
  return `${groupName(group)} ${hexOf(keyExchange)}`;
}
