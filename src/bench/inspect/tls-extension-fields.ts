// Fields of TLS extensions under Wireshark's names: those of RFC 6066, 7301, 7366, 8422, 8446 and 8449. Of others the type, the
// length and the data are shown.

import { ParseError } from '../../core/bytes/reader.js';
import { ExtensionType } from '../../core/tls/extensions.js';
import { extensionName, groupName, signatureName, versionName } from '../../core/tls/names.js';
import { signatureAlgorithm, type Walk } from './tls-walk.js';

type Place =
  | 'ClientHello'
  | 'ServerHello'
  | 'EncryptedExtensions'
  | 'Certificate'
  | 'CertificateRequest'
  | 'NewSessionTicket';

/** What fingerprints of hellos are made of. */
export interface Seen {
  readonly types: number[];
  readonly groups: number[];
  readonly formats: number[];
}

const PADDING = 21;
const COMPRESS_CERTIFICATE = 27;

/** The block with its length; absent when nothing is left. */
export function extensionFields(walk: Walk, place: Place): Seen {
  const seen: Seen = { types: [], groups: [], formats: [] };
  if (walk.remaining === 0) return seen;
  const block = walk.sub(walk.u16('tls.handshake.extensions_length'));
  while (block.remaining > 0) {
    const type = block.u16('tls.handshake.extension.type', extensionName);
    seen.types.push(type);
    const data = block.sub(block.u16('tls.handshake.extension.len'));
    try {
      extension(data, type, place, seen);
    } catch (error) {
      if (!(error instanceof ParseError)) throw error;
    }
  }
  return seen;
}

function extension(data: Walk, type: number, place: Place, seen: Seen): void {
  switch (type) {
    case ExtensionType.server_name:
      serverName(data);
      return;
    case ExtensionType.max_fragment_length:
      data.u8('tls.handshake.max_fragment_length');
      return;
    case ExtensionType.status_request:
      statusRequest(data, place);
      return;
    case ExtensionType.supported_groups: {
      const list = data.sub(data.u16('tls.handshake.extensions_supported_groups_length'));
      while (list.remaining > 0) seen.groups.push(list.u16('tls.handshake.extensions_supported_group', groupName));
      return;
    }
    case ExtensionType.ec_point_formats: {
      const list = data.sub(data.u8('tls.handshake.extensions_ec_point_formats_length'));
      while (list.remaining > 0) seen.formats.push(list.u8('tls.handshake.extensions_ec_point_format'));
      return;
    }
    case ExtensionType.signature_algorithms:
    case ExtensionType.signature_algorithms_cert: {
      const list = data.sub(data.u16('tls.handshake.sig_hash_alg_len'));
      while (list.remaining > 0) signatureAlgorithm(list, list.u16('tls.handshake.sig_hash_alg', signatureName));
      return;
    }
    case ExtensionType.alpn: {
      const list = data.sub(data.u16('tls.handshake.extensions_alpn_len'));
      while (list.remaining > 0) {
        list.text('tls.handshake.extensions_alpn_str', list.u8('tls.handshake.extensions_alpn_str_len'));
      }
      return;
    }
    case PADDING:
      data.bytes('tls.handshake.extensions_padding_data', data.remaining);
      return;
    case COMPRESS_CERTIFICATE: {
      const list = data.sub(data.u8('tls.compress_certificate.algorithms_length'));
      while (list.remaining > 0) list.u16('tls.compress_certificate.algorithm');
      return;
    }
    case ExtensionType.record_size_limit:
      data.u16('tls.record_size_limit');
      return;
    case ExtensionType.session_ticket:
      // Shown when it is empty, too.
      data.put('tls.handshake.extension.data', data.reader.rest('ticket'));
      return;
    case ExtensionType.renegotiation_info:
      data.bytes('tls.handshake.extensions_reneg_info', data.u8('tls.handshake.extensions_reneg_info_len'));
      return;
    case ExtensionType.encrypt_then_mac:
    case ExtensionType.extended_master_secret:
    case ExtensionType.post_handshake_auth:
      return;
    default:
      if (!later(data, type, place)) data.bytes('tls.handshake.extension.data', data.remaining);
  }
}

/** Those of RFC 8446. */
function later(data: Walk, type: number, place: Place): boolean {
  switch (type) {
    case ExtensionType.pre_shared_key:
      if (place === 'ServerHello') data.u16('tls.handshake.extensions.psk.identity.selected');
      else offeredPsks(data);
      return true;
    case ExtensionType.early_data:
      if (data.remaining === 4) data.u32('tls.early_data.max_early_data_size');
      return true;
    case ExtensionType.supported_versions: {
      const list =
        place === 'ClientHello' ? data.sub(data.u8('tls.handshake.extensions.supported_versions_len')) : data;
      while (list.remaining > 0) list.u16('tls.handshake.extensions.supported_version', versionName);
      return true;
    }
    case ExtensionType.cookie:
      data.bytes('tls.handshake.extensions.cookie', data.u16('tls.handshake.extensions.cookie_len'));
      return true;
    case ExtensionType.psk_key_exchange_modes: {
      const list = data.sub(data.u8('tls.extension.psk_ke_modes_length'));
      while (list.remaining > 0) list.u8('tls.extension.psk_ke_mode');
      return true;
    }
    case ExtensionType.key_share:
      keyShare(data, place);
      return true;
    case ExtensionType.certificate_authorities:
      distinguishedNames(data);
      return true;
    default:
      return false;
  }
}

/** Of RFC 5246 §7.4.4 and RFC 8446 §4.2.4: the names themselves are DER, and not shown. */
export function distinguishedNames(walk: Walk): void {
  const list = walk.sub(walk.u16('tls.handshake.dnames_len'));
  while (list.remaining > 0) list.sub(list.u16('tls.handshake.dname_len'));
}

function serverName(data: Walk): void {
  if (data.remaining === 0) return;
  const list = data.sub(data.u16('tls.handshake.extensions_server_name_list_len'));
  while (list.remaining > 0) {
    list.u8('tls.handshake.extensions_server_name_type');
    list.text('tls.handshake.extensions_server_name', list.u16('tls.handshake.extensions_server_name_len'));
  }
}

function statusRequest(data: Walk, place: Place): void {
  if (data.remaining === 0) return;
  data.u8('tls.handshake.extensions_status_request_type');
  if (place !== 'ClientHello') {
    data.u24('tls.handshake.ocsp_response_len');
    return;
  }
  data.sub(data.u16('tls.handshake.extensions_status_request_responder_ids_len'));
  data.u16('tls.handshake.extensions_status_request_exts_len');
}

function offeredPsks(data: Walk): void {
  const list = data.sub(data.u16('tls.handshake.extensions.psk.identities.length'));
  while (list.remaining > 0) {
    const length = list.u16('tls.handshake.extensions.psk.identity.identity_length');
    list.bytes('tls.handshake.extensions.psk.identity.identity', length);
    list.u32('tls.handshake.extensions.psk.identity.obfuscated_ticket_age');
  }
  data.u16('tls.handshake.extensions.psk.binders_len');
}

function keyShare(data: Walk, place: Place): void {
  if (place === 'ServerHello') {
    // A HelloRetryRequest names the group and nothing else.
    if (data.remaining === 2) data.u16('tls.handshake.extensions_key_share_selected_group', groupName);
    else keyShareEntry(data);
    return;
  }
  const list = data.sub(data.u16('tls.handshake.extensions_key_share_client_length'));
  while (list.remaining > 0) keyShareEntry(list);
}

function keyShareEntry(walk: Walk): void {
  walk.u16('tls.handshake.extensions_key_share_group', groupName);
  const length = walk.u16('tls.handshake.extensions_key_share_key_exchange_length');
  walk.bytes('tls.handshake.extensions_key_share_key_exchange', length);
}
