// The handshake messages that TLS 1.3 has of its own, both ways: RFC 8446 §4.3 to §4.6 (EncryptedExtensions, Certificate and
// its company, NewSessionTicket, KeyUpdate) and the synthetic message_hash of §4.4.1. ClientHello and ServerHello, which a
// HelloRetryRequest is in form, are in messages.ts.

import type { Reader } from '../bytes/reader.js';
import type { Writer } from '../bytes/writer.js';
import { decodeExtensions, type Extension, encodeExtensions } from './extensions.js';
import {
  type ClientHello,
  decodeHandshake,
  encodeHandshake,
  HANDSHAKE_HEADER_BYTES,
  HandshakeType,
  type ServerHello,
} from './messages.js';

export const HandshakeType13 = {
  ClientHello: 1,
  ServerHello: 2,
  NewSessionTicket: 4,
  EndOfEarlyData: 5,
  EncryptedExtensions: 8,
  Certificate: 11,
  CertificateRequest: 13,
  CertificateVerify: 15,
  Finished: 20,
  KeyUpdate: 24,
  MessageHash: 254,
} as const;

/** §4.6.3. */
export const KeyUpdateRequest = { update_not_requested: 0, update_requested: 1 } as const;

export interface EncryptedExtensions {
  readonly type: 'EncryptedExtensions';
  readonly extensions: readonly Extension[];
}

export interface CertificateRequest13 {
  readonly type: 'CertificateRequest';
  /** 0 to 255 bytes. */
  readonly context: Uint8Array;
  readonly extensions: readonly Extension[];
}

export interface CertificateEntry {
  /** DER. */
  readonly certData: Uint8Array;
  readonly extensions: readonly Extension[];
}

export interface Certificate13 {
  readonly type: 'Certificate';
  /** Of the CertificateRequest that it answers. */
  readonly context: Uint8Array;
  /** The end-entity certificate first. */
  readonly entries: readonly CertificateEntry[];
}

export interface CertificateVerify13 {
  readonly type: 'CertificateVerify';
  /** SignatureScheme. */
  readonly algorithm: number;
  readonly signature: Uint8Array;
}

export interface Finished13 {
  readonly type: 'Finished';
  /** As many bytes as the hash of the cipher suite has. */
  readonly verifyData: Uint8Array;
}

export interface NewSessionTicket13 {
  readonly type: 'NewSessionTicket';
  /** Seconds. */
  readonly ticketLifetime: number;
  /** 32 bits. */
  readonly ticketAgeAdd: number;
  readonly ticketNonce: Uint8Array;
  readonly ticket: Uint8Array;
  readonly extensions: readonly Extension[];
}

export interface KeyUpdate {
  readonly type: 'KeyUpdate';
  /** KeyUpdateRequest; other values decode, as they have an alert of their own (§4.6.3). */
  readonly requestUpdate: number;
}

/** Those that have the same form in both versions are decoded by messages.ts. */
export type HandshakeMessage13 =
  | ClientHello
  | ServerHello
  | EncryptedExtensions
  | CertificateRequest13
  | Certificate13
  | CertificateVerify13
  | Finished13
  | NewSessionTicket13
  | KeyUpdate
  | { readonly type: 'EndOfEarlyData' };

/**
 * Reads one message of TLS 1.3, header included, to its last byte; what follows it is left in `reader`. Raises ParseError.
 * Byte strings are views of the reader's buffer. `hashBytes` is how long the verify_data of a Finished has to be.
 */
export function decodeHandshake13(reader: Reader, hashBytes: number): HandshakeMessage13 {
  const msgType = reader.bytes[reader.offset];
  if (msgType === HandshakeType.ClientHello || msgType === HandshakeType.ServerHello) {
    return decodeHandshake(reader) as ClientHello | ServerHello;
  }
  reader.u8('Handshake.msg_type');
  const length = reader.u24('Handshake.length');
  const name = msgType === undefined ? undefined : names.get(msgType);
  if (name === undefined) return reader.fail(`Handshake.msg_type: ${msgType} is not known here`);
  const body = reader.sub(length, name);
  const message = decodeBody(body, name, hashBytes);
  body.expectEnd('body');
  return message;
}

export function encodeHandshake13(writer: Writer, message: HandshakeMessage13): void {
  if (message.type === 'ClientHello' || message.type === 'ServerHello') {
    encodeHandshake(writer, message);
    return;
  }
  writer.u8(HandshakeType13[message.type]).prefixed(3, () => encodeBody(writer, message));
}

/** §4.4.1: what stands for the first ClientHello in the transcript when there was a HelloRetryRequest. */
export function messageHash(clientHelloHash: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HANDSHAKE_HEADER_BYTES + clientHelloHash.length);
  bytes[0] = HandshakeType13.MessageHash;
  bytes[3] = clientHelloHash.length;
  bytes.set(clientHelloHash, HANDSHAKE_HEADER_BYTES);
  return bytes;
}

type OwnMessage = Exclude<HandshakeMessage13, ClientHello | ServerHello>;

const names: ReadonlyMap<number, OwnMessage['type']> = new Map([
  [HandshakeType13.NewSessionTicket, 'NewSessionTicket'],
  [HandshakeType13.EndOfEarlyData, 'EndOfEarlyData'],
  [HandshakeType13.EncryptedExtensions, 'EncryptedExtensions'],
  [HandshakeType13.Certificate, 'Certificate'],
  [HandshakeType13.CertificateRequest, 'CertificateRequest'],
  [HandshakeType13.CertificateVerify, 'CertificateVerify'],
  [HandshakeType13.Finished, 'Finished'],
  [HandshakeType13.KeyUpdate, 'KeyUpdate'],
] as const);

function decodeBody(body: Reader, name: OwnMessage['type'], hashBytes: number): OwnMessage {
  switch (name) {
    case 'EndOfEarlyData':
      return { type: 'EndOfEarlyData' };
    case 'EncryptedExtensions':
      return {
        type: 'EncryptedExtensions',
        extensions: decodeExtensions(extensionsOf(body), 'EncryptedExtensions'),
      };
    case 'CertificateRequest': {
      const context = body.take(body.u8('certificate_request_context_length'), 'certificate_request_context');
      return {
        type: 'CertificateRequest',
        context,
        extensions: decodeExtensions(extensionsOf(body), 'CertificateRequest'),
      };
    }
    case 'Certificate':
      return decodeCertificate(body);
    case 'CertificateVerify':
      return {
        type: 'CertificateVerify',
        algorithm: body.u16('signature_scheme'),
        signature: body.take(body.u16('signature_length'), 'signature'),
      };
    case 'Finished':
      return { type: 'Finished', verifyData: body.take(hashBytes, 'verify_data') };
    case 'NewSessionTicket':
      return decodeNewSessionTicket(body);
    case 'KeyUpdate':
      return { type: 'KeyUpdate', requestUpdate: body.u8('request_update') };
    default:
      return name satisfies never;
  }
}

function decodeCertificate(body: Reader): Certificate13 {
  const context = body.take(body.u8('certificate_request_context_length'), 'certificate_request_context');
  const list = body.sub(body.u24('certificate_list_length'), 'certificate_list');
  const entries: CertificateEntry[] = [];
  while (list.remaining > 0) {
    const length = list.u24('length');
    if (length === 0) list.fail('cert_data: empty');
    const certData = list.take(length, 'cert_data');
    entries.push({ certData, extensions: decodeExtensions(extensionsOf(list), 'Certificate') });
  }
  return { type: 'Certificate', context, entries };
}

function decodeNewSessionTicket(body: Reader): NewSessionTicket13 {
  const ticketLifetime = body.u32('ticket_lifetime');
  const ticketAgeAdd = body.u32('ticket_age_add');
  const ticketNonce = body.take(body.u8('ticket_nonce_length'), 'ticket_nonce');
  const ticketLength = body.u16('ticket_length');
  if (ticketLength === 0) body.fail('ticket: empty');
  const ticket = body.take(ticketLength, 'ticket');
  const extensions = decodeExtensions(extensionsOf(body), 'NewSessionTicket');
  return { type: 'NewSessionTicket', ticketLifetime, ticketAgeAdd, ticketNonce, ticket, extensions };
}

/** Unlike those of a ClientHello they cannot be absent. */
function extensionsOf(body: Reader): Reader {
  return body.sub(body.u16('extensions_length'), 'extensions');
}

function encodeBody(writer: Writer, message: OwnMessage): void {
  switch (message.type) {
    case 'EndOfEarlyData':
      return;
    case 'EncryptedExtensions':
      encodeExtensionBlock(writer, message.extensions);
      return;
    case 'CertificateRequest':
      writer.u8(message.context.length).put(message.context);
      encodeExtensionBlock(writer, message.extensions);
      return;
    case 'Certificate':
      writer.u8(message.context.length).put(message.context);
      writer.prefixed(3, () => {
        for (const { certData, extensions } of message.entries) {
          writer.u24(certData.length).put(certData);
          encodeExtensionBlock(writer, extensions);
        }
      });
      return;
    case 'CertificateVerify':
      writer.u16(message.algorithm).u16(message.signature.length).put(message.signature);
      return;
    case 'Finished':
      writer.put(message.verifyData);
      return;
    case 'NewSessionTicket':
      writer.u32(message.ticketLifetime).u32(message.ticketAgeAdd);
      writer.u8(message.ticketNonce.length).put(message.ticketNonce);
      writer.u16(message.ticket.length).put(message.ticket);
      encodeExtensionBlock(writer, message.extensions);
      return;
    case 'KeyUpdate':
      writer.u8(message.requestUpdate);
      return;
    default:
      message satisfies never;
  }
}

function encodeExtensionBlock(writer: Writer, extensions: readonly Extension[]): void {
  writer.prefixed(2, () => encodeExtensions(writer, extensions));
}
