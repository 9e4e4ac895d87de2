// Fields of TLS records and handshake messages under Wireshark's names, with the values that it shows. Walks over the bytes by
// itself, so that of a message that cannot be read to its end the beginning is shown. RFC 5246 §7.4, RFC 8446 §4.

import { createHash } from 'node:crypto';
import { ParseError } from '../../core/bytes/reader.js';
import { HandshakeType } from '../../core/tls/messages.js';
import { HandshakeType13 } from '../../core/tls/messages13.js';
import {
  alertName,
  cipherSuiteName,
  contentTypeName,
  handshakeTypeName,
  isGrease,
  signatureName,
  versionName,
} from '../../core/tls/names.js';
import { ContentType } from '../../core/tls/record.js';
import { distinguishedNames, extensionFields } from './tls-extension-fields.js';
import { type FieldList, signatureAlgorithm, Walk } from './tls-walk.js';

/** `innerType` undefined: nothing opened the record. */
export function recordFields(
  contentType: number,
  version: number,
  fragment: Uint8Array,
  innerType: number | undefined,
  isProtected: boolean,
  is13: boolean,
): FieldList {
  const fields: FieldList = [{ name: 'tls.record', value: '' }];
  if (is13 && isProtected) {
    fields.push({ name: 'tls.record.opaque_type', value: contentType, text: contentTypeName(contentType) });
  }
  fields.push({ name: 'tls.record.version', value: version, text: versionName(version) });
  fields.push({ name: 'tls.record.length', value: fragment.length });
  if (innerType !== undefined || !is13) {
    const type = innerType ?? contentType;
    fields.push({ name: 'tls.record.content_type', value: type, text: contentTypeName(type) });
    if (type === ContentType.changeCipherSpec) fields.push({ name: 'tls.change_cipher_spec', value: '' });
  }
  const type = innerType ?? contentType;
  if (isProtected && type === ContentType.applicationData) {
    fields.push({ name: 'tls.app_data', value: fragment.slice() });
  }
  // What cannot be read is still known to be one.
  if (innerType === undefined && type === ContentType.handshake) fields.push({ name: 'tls.handshake', value: '' });
  if (innerType === undefined && type === ContentType.alert) fields.push({ name: 'tls.alert_message', value: '' });
  return fields;
}

export function alertFields(level: number, description: number): FieldList {
  return [
    { name: 'tls.alert_message', value: '' },
    { name: 'tls.alert_message.level', value: level, text: level === 1 ? 'warning' : 'fatal' },
    { name: 'tls.alert_message.desc', value: description, text: alertName(description) },
  ];
}

/** Adds those of one message, header included. `knowsKeyExchange`: its key exchange is ECDHE's. */
export function handshakeFields(
  fields: FieldList,
  message: Uint8Array,
  is13: boolean,
  knowsKeyExchange: boolean,
): void {
  // Fields outlive the buffer that the message lies in.
  const walk = new Walk(message.slice(), fields);
  walk.put('tls.handshake', '');
  try {
    walkMessage(walk, message[0]!, is13, knowsKeyExchange);
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
  }
}

function walkMessage(walk: Walk, type: number, is13: boolean, knowsKeyExchange: boolean): void {
  walk.u8('tls.handshake.type', handshakeTypeName);
  walk.u24('tls.handshake.length');
  switch (type) {
    case HandshakeType.ClientHello:
      clientHello(walk);
      return;
    case HandshakeType.ServerHello:
      serverHello(walk);
      return;
    case HandshakeType13.EncryptedExtensions:
      extensionFields(walk, 'EncryptedExtensions');
      return;
    case HandshakeType.Certificate:
      certificate(walk, is13);
      return;
    case HandshakeType.ServerKeyExchange:
      if (knowsKeyExchange) serverKeyExchange(walk);
      return;
    case HandshakeType.ClientKeyExchange:
      clientKeyExchange(walk, knowsKeyExchange);
      return;
    case HandshakeType.CertificateRequest:
      certificateRequest(walk, is13);
      return;
    case HandshakeType.CertificateVerify:
      signatureAlgorithm(walk, walk.u16('tls.handshake.sig_hash_alg', signatureName));
      walk.bytes('tls.handshake.client_cert_vrfy.sig', walk.u16('tls.handshake.client_cert_vrfy.sig_len'));
      return;
    case HandshakeType.NewSessionTicket:
      newSessionTicket(walk, is13);
      return;
    case HandshakeType.CertificateStatus:
      walk.u8('tls.handshake.extensions_status_request_type');
      walk.u24('tls.handshake.ocsp_response_len');
      return;
    case HandshakeType.Finished:
      walk.put('tls.handshake.verify_data', '');
      return;
    case HandshakeType13.KeyUpdate:
      walk.u8('tls.handshake.key_update.request_update', (value) => KEY_UPDATES[value] ?? String(value));
      return;
    default:
  }
}

const KEY_UPDATES = ['update_not_requested', 'update_requested'];

function helloStart(walk: Walk): number {
  const version = walk.u16('tls.handshake.version', versionName);
  walk.bytes('tls.handshake.random', 32);
  walk.bytes('tls.handshake.session_id', walk.u8('tls.handshake.session_id_length'));
  return version;
}

function clientHello(walk: Walk): void {
  const version = helloStart(walk);
  const suites: number[] = [];
  const list = walk.sub(walk.u16('tls.handshake.cipher_suites_length'));
  walk.put('tls.handshake.ciphersuites', '');
  while (list.remaining > 0) suites.push(list.u16('tls.handshake.ciphersuite', cipherSuiteName));
  const methods = walk.sub(walk.u8('tls.handshake.comp_methods_length'));
  while (methods.remaining > 0) methods.u8('tls.handshake.comp_method');
  const { types, groups, formats } = extensionFields(walk, 'ClientHello');
  const joined = (codes: readonly number[]): string => codes.filter((code) => !isGrease(code)).join('-');
  const full = [version, joined(suites), joined(types), joined(groups), formats.join('-')].join(',');
  walk.put('tls.handshake.ja3_full', full);
  walk.put('tls.handshake.ja3', createHash('md5').update(full).digest('hex'));
}

function serverHello(walk: Walk): void {
  const version = helloStart(walk);
  const suite = walk.u16('tls.handshake.ciphersuite', cipherSuiteName);
  walk.u8('tls.handshake.comp_method');
  const { types } = extensionFields(walk, 'ServerHello');
  const full = `${version},${suite},${types.join('-')}`;
  walk.put('tls.handshake.ja3s_full', full);
  walk.put('tls.handshake.ja3s', createHash('md5').update(full).digest('hex'));
}

function certificate(walk: Walk, is13: boolean): void {
  if (is13) {
    const length = walk.u8('tls.handshake.certificate_request_context_length');
    walk.bytes('tls.handshake.certificate_request_context', length);
  }
  const list = walk.sub(walk.u24('tls.handshake.certificates_length'));
  while (list.remaining > 0) {
    list.bytes('tls.handshake.certificate', list.u24('tls.handshake.certificate_length'));
    if (is13) extensionFields(list, 'Certificate');
  }
}

function serverKeyExchange(walk: Walk): void {
  walk.u8('tls.handshake.server_curve_type');
  walk.u16('tls.handshake.server_named_curve');
  walk.bytes('tls.handshake.server_point', walk.u8('tls.handshake.server_point_len'));
  signatureAlgorithm(walk, walk.u16('tls.handshake.sig_hash_alg', signatureName));
  walk.bytes('tls.handshake.sig', walk.u16('tls.handshake.sig_len'));
}

function clientKeyExchange(walk: Walk, isEcdhe: boolean): void {
  if (isEcdhe) {
    walk.bytes('tls.handshake.client_point', walk.u8('tls.handshake.client_point_len'));
    return;
  }
  // RFC 5246 §7.4.7.1: an encrypted premaster secret fills the message; what does not is of some other kind.
  const { bytes, offset } = walk.reader;
  if (((bytes[offset] ?? 0) << 8) + (bytes[offset + 1] ?? 0) !== walk.remaining - 2) return;
  walk.bytes('tls.handshake.epms', walk.u16('tls.handshake.epms_len'));
}

function certificateRequest(walk: Walk, is13: boolean): void {
  if (is13) {
    const length = walk.u8('tls.handshake.certificate_request_context_length');
    walk.bytes('tls.handshake.certificate_request_context', length);
    extensionFields(walk, 'CertificateRequest');
    return;
  }
  const types = walk.sub(walk.u8('tls.handshake.cert_types_count'));
  while (types.remaining > 0) types.u8('tls.handshake.cert_type');
  const schemes = walk.sub(walk.u16('tls.handshake.sig_hash_alg_len'));
  while (schemes.remaining > 0) signatureAlgorithm(schemes, schemes.u16('tls.handshake.sig_hash_alg', signatureName));
  distinguishedNames(walk);
}

function newSessionTicket(walk: Walk, is13: boolean): void {
  walk.u32('tls.handshake.session_ticket_lifetime_hint');
  if (is13) {
    walk.u32('tls.handshake.session_ticket_age_add');
    walk.bytes('tls.handshake.session_ticket_nonce', walk.u8('tls.handshake.session_ticket_nonce_length'));
  }
  walk.bytes('tls.handshake.session_ticket', walk.u16('tls.handshake.session_ticket_length'));
  if (is13) extensionFields(walk, 'NewSessionTicket');
}
