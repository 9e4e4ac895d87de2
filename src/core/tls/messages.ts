// Handshake messages on the wire, both ways: RFC 5246 §7.4, with the ECDHE bodies of RFC 8422 §5.4 and §5.7, NewSessionTicket
// (RFC 5077 §3.3) and CertificateStatus (RFC 6066 §8). Decoding and encoding are inverse. Other key exchanges are left out:
// this server offers none. What TLS 1.3 says otherwise is in messages13.ts.

import type { Reader } from '../bytes/reader.js';
import type { Writer } from '../bytes/writer.js';
import { decodeExtensions, type Extension, encodeExtensions } from './extensions.js';
import type { ExtensionPlace } from './extensions13.js';

export const HandshakeType = {
  HelloRequest: 0,
  ClientHello: 1,
  ServerHello: 2,
  NewSessionTicket: 4,
  Certificate: 11,
  ServerKeyExchange: 12,
  CertificateRequest: 13,
  ServerHelloDone: 14,
  CertificateVerify: 15,
  ClientKeyExchange: 16,
  Finished: 20,
  CertificateStatus: 22,
} as const;

export const HANDSHAKE_HEADER_BYTES = 4;
export const RANDOM_BYTES = 32;
/** RFC 5246 §7.4.9: every cipher suite of ours has the default length. */
export const VERIFY_DATA_BYTES = 12;

/** RFC 8446 §4.1.3: SHA-256 of "HelloRetryRequest". */
export const HELLO_RETRY_REQUEST_RANDOM: Uint8Array = Uint8Array.of(
  ...[0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91],
  ...[0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c],
);

export interface ClientHello {
  readonly type: 'ClientHello';
  readonly clientVersion: number;
  /** 32 bytes. */
  readonly random: Uint8Array;
  /** 0 to 32 bytes. */
  readonly sessionId: Uint8Array;
  readonly cipherSuites: readonly number[];
  readonly compressionMethods: readonly number[];
  /** Undefined when the block is absent, which is not the same bytes as an empty one. */
  readonly extensions: readonly Extension[] | undefined;
}

export interface ServerHello {
  readonly type: 'ServerHello';
  readonly serverVersion: number;
  readonly random: Uint8Array;
  readonly sessionId: Uint8Array;
  readonly cipherSuite: number;
  readonly compressionMethod: number;
  readonly extensions: readonly Extension[] | undefined;
}

export interface Certificate {
  readonly type: 'Certificate';
  /** DER, the end-entity certificate first. */
  readonly certificateList: readonly Uint8Array[];
}

export interface ServerKeyExchange {
  readonly type: 'ServerKeyExchange';
  readonly namedGroup: number;
  readonly publicKey: Uint8Array;
  /** SignatureScheme, in RFC 5246 terms the pair of hash and signature algorithm. */
  readonly signatureScheme: number;
  readonly signature: Uint8Array;
}

export interface NewSessionTicket {
  readonly type: 'NewSessionTicket';
  /** Seconds; 0: not said. */
  readonly ticketLifetimeHint: number;
  /** May be empty. */
  readonly ticket: Uint8Array;
}

/** ClientCertificateType, RFC 5246 §7.4.4 and RFC 8422 §5.5; ecdsa_sign is for EdDSA keys, too. */
export const ClientCertificateType = { rsa_sign: 1, ecdsa_sign: 64 } as const;

export interface CertificateRequest {
  readonly type: 'CertificateRequest';
  readonly certificateTypes: readonly number[];
  /** SignatureScheme. */
  readonly signatureSchemes: readonly number[];
  /** DER of distinguished names. */
  readonly authorities: readonly Uint8Array[];
}

export interface CertificateVerify {
  readonly type: 'CertificateVerify';
  /** SignatureScheme. */
  readonly signatureScheme: number;
  readonly signature: Uint8Array;
}

export interface CertificateStatus {
  readonly type: 'CertificateStatus';
  /** 1: OCSP. */
  readonly statusType: number;
  /** DER of an OCSPResponse. */
  readonly response: Uint8Array;
}

export interface ClientKeyExchange {
  readonly type: 'ClientKeyExchange';
  readonly publicKey: Uint8Array;
}

export interface Finished {
  readonly type: 'Finished';
  /** 12 bytes. */
  readonly verifyData: Uint8Array;
}

export type HandshakeMessage =
  | { readonly type: 'HelloRequest' }
  | ClientHello
  | ServerHello
  | Certificate
  | ServerKeyExchange
  | CertificateStatus
  | CertificateRequest
  | { readonly type: 'ServerHelloDone' }
  | ClientKeyExchange
  | CertificateVerify
  | NewSessionTicket
  | Finished;

/**
 * Reads one message, header included, to its last byte; what follows it is left in `reader`. Raises ParseError. Byte
 * strings are views of the reader's buffer. Fields are reported as `ServerHello.cipher_suite`,
 * `ServerHello.extensions.alpn` and so on.
 */
export function decodeHandshake(reader: Reader): HandshakeMessage {
  const msgType = reader.u8('Handshake.msg_type');
  const length = reader.u24('Handshake.length');
  const decode = decoders.get(msgType);
  if (decode === undefined) return reader.fail(`Handshake.msg_type: ${msgType} is not known here`);
  const body = reader.sub(length, decode.name);
  const message = decode.body(body);
  body.expectEnd('body');
  return message;
}

export function encodeHandshake(writer: Writer, message: HandshakeMessage): void {
  writer.u8(HandshakeType[message.type]).prefixed(3, () => encodeBody(writer, message));
}

/** ServerECDHParams (RFC 8422 §5.4): the part of the ServerKeyExchange that is signed, after both randoms. */
export function encodeServerEcdhParams(writer: Writer, namedGroup: number, publicKey: Uint8Array): void {
  writer.u8(NAMED_CURVE).u16(namedGroup).u8(publicKey.length).put(publicKey);
}

/** ECCurveType, RFC 8422 §5.4: the one that is not deprecated. */
const NAMED_CURVE = 3;

const decoders: ReadonlyMap<number, { name: string; body: (reader: Reader) => HandshakeMessage }> = new Map([
  [HandshakeType.HelloRequest, { name: 'HelloRequest', body: () => ({ type: 'HelloRequest' }) as const }],
  [HandshakeType.ClientHello, { name: 'ClientHello', body: decodeClientHello }],
  [HandshakeType.ServerHello, { name: 'ServerHello', body: decodeServerHello }],
  [HandshakeType.Certificate, { name: 'Certificate', body: decodeCertificate }],
  [HandshakeType.ServerKeyExchange, { name: 'ServerKeyExchange', body: decodeServerKeyExchange }],
  [HandshakeType.ServerHelloDone, { name: 'ServerHelloDone', body: () => ({ type: 'ServerHelloDone' }) as const }],
  [HandshakeType.ClientKeyExchange, { name: 'ClientKeyExchange', body: decodeClientKeyExchange }],
  [HandshakeType.Finished, { name: 'Finished', body: decodeFinished }],
  [HandshakeType.NewSessionTicket, { name: 'NewSessionTicket', body: decodeNewSessionTicket }],
  [HandshakeType.CertificateRequest, { name: 'CertificateRequest', body: decodeCertificateRequest }],
  [HandshakeType.CertificateVerify, { name: 'CertificateVerify', body: decodeCertificateVerify }],
  [HandshakeType.CertificateStatus, { name: 'CertificateStatus', body: decodeCertificateStatus }],
]);

function decodeClientHello(reader: Reader): ClientHello {
  const clientVersion = reader.u16('client_version');
  const random = reader.take(RANDOM_BYTES, 'random');
  const sessionId = decodeSessionId(reader);
  const suitesLength = reader.u16('cipher_suites_length');
  if (suitesLength === 0 || suitesLength % 2 !== 0) reader.fail(`cipher_suites: length ${suitesLength}`);
  const suites = reader.sub(suitesLength, 'cipher_suites');
  const cipherSuites: number[] = [];
  while (suites.remaining > 0) cipherSuites.push(suites.u16('cipher_suite'));
  const methodsLength = reader.u8('compression_methods_length');
  if (methodsLength === 0) reader.fail('compression_methods: empty');
  const compressionMethods = Array.from(reader.take(methodsLength, 'compression_methods'));
  return {
    type: 'ClientHello',
    clientVersion,
    random,
    sessionId,
    cipherSuites,
    compressionMethods,
    extensions: decodeExtensionBlock(reader, 'ClientHello'),
  };
}

function decodeServerHello(reader: Reader): ServerHello {
  const serverVersion = reader.u16('server_version');
  const random = reader.take(RANDOM_BYTES, 'random');
  return {
    type: 'ServerHello',
    serverVersion,
    random,
    sessionId: decodeSessionId(reader),
    cipherSuite: reader.u16('cipher_suite'),
    compressionMethod: reader.u8('compression_method'),
    extensions: decodeExtensionBlock(reader, isHelloRetryRequest(random) ? 'HelloRetryRequest' : 'ServerHello'),
  };
}

/** RFC 8446 §4.1.3: a ServerHello with this random is a HelloRetryRequest. */
export function isHelloRetryRequest(random: Uint8Array): boolean {
  return HELLO_RETRY_REQUEST_RANDOM.every((byte, index) => byte === random[index]);
}

function decodeSessionId(reader: Reader): Uint8Array {
  const length = reader.u8('session_id_length');
  if (length > 32) reader.fail(`session_id: ${length} bytes, at most 32 are allowed`);
  return reader.take(length, 'session_id');
}

/** RFC 5246 §7.4.1.2: the block is there exactly when bytes follow the compression methods. */
function decodeExtensionBlock(reader: Reader, place: ExtensionPlace): Extension[] | undefined {
  if (reader.remaining === 0) return undefined;
  return decodeExtensions(reader.sub(reader.u16('extensions_length'), 'extensions'), place);
}

function decodeCertificate(reader: Reader): Certificate {
  const list = reader.sub(reader.u24('certificate_list_length'), 'certificate_list');
  const certificateList: Uint8Array[] = [];
  while (list.remaining > 0) {
    const length = list.u24('length');
    if (length === 0) list.fail('certificate: empty');
    certificateList.push(list.take(length, 'certificate'));
  }
  return { type: 'Certificate', certificateList };
}

function decodeServerKeyExchange(reader: Reader): ServerKeyExchange {
  const curveType = reader.u8('curve_type');
  if (curveType !== NAMED_CURVE) reader.fail(`curve_type: ${curveType} is not named_curve`);
  const namedGroup = reader.u16('named_group');
  const publicKey = decodePoint(reader);
  const signatureScheme = reader.u16('signature_scheme');
  const signature = reader.take(reader.u16('signature_length'), 'signature');
  return { type: 'ServerKeyExchange', namedGroup, publicKey, signatureScheme, signature };
}

function decodeClientKeyExchange(reader: Reader): ClientKeyExchange {
  return { type: 'ClientKeyExchange', publicKey: decodePoint(reader) };
}

function decodePoint(reader: Reader): Uint8Array {
  const length = reader.u8('public_key_length');
  if (length === 0) reader.fail('public_key: empty');
  return reader.take(length, 'public_key');
}

function decodeFinished(reader: Reader): Finished {
  return { type: 'Finished', verifyData: reader.take(VERIFY_DATA_BYTES, 'verify_data') };
}

function decodeNewSessionTicket(reader: Reader): NewSessionTicket {
  const ticketLifetimeHint = reader.u32('ticket_lifetime_hint');
  return { type: 'NewSessionTicket', ticketLifetimeHint, ticket: reader.take(reader.u16('ticket_length'), 'ticket') };
}

function decodeCertificateRequest(reader: Reader): CertificateRequest {
  const typesLength = reader.u8('certificate_types_length');
  if (typesLength === 0) reader.fail('certificate_types: empty');
  const certificateTypes = Array.from(reader.take(typesLength, 'certificate_types'));
  const schemesLength = reader.u16('supported_signature_algorithms_length');
  if (schemesLength === 0 || schemesLength % 2 !== 0) reader.fail(`signature algorithms: length ${schemesLength}`);
  const schemes = reader.sub(schemesLength, 'supported_signature_algorithms');
  const signatureSchemes: number[] = [];
  while (schemes.remaining > 0) signatureSchemes.push(schemes.u16('signature_scheme'));
  const names = reader.sub(reader.u16('certificate_authorities_length'), 'certificate_authorities');
  const authorities: Uint8Array[] = [];
  while (names.remaining > 0) {
    const length = names.u16('length');
    if (length === 0) names.fail('distinguished_name: empty');
    authorities.push(names.take(length, 'distinguished_name'));
  }
  return { type: 'CertificateRequest', certificateTypes, signatureSchemes, authorities };
}

function decodeCertificateVerify(reader: Reader): CertificateVerify {
  const signatureScheme = reader.u16('signature_scheme');
  return {
    type: 'CertificateVerify',
    signatureScheme,
    signature: reader.take(reader.u16('signature_length'), 'signature'),
  };
}

function decodeCertificateStatus(reader: Reader): CertificateStatus {
  const statusType = reader.u8('status_type');
  const length = reader.u24('response_length');
  if (length === 0) reader.fail('response: empty');
  return { type: 'CertificateStatus', statusType, response: reader.take(length, 'response') };
}

function encodeBody(writer: Writer, message: HandshakeMessage): void {
  switch (message.type) {
    case 'HelloRequest':
    case 'ServerHelloDone':
      return;
    case 'ClientHello':
      writer.u16(message.clientVersion).put(message.random).u8(message.sessionId.length).put(message.sessionId);
      writer.prefixed(2, () => {
        for (const suite of message.cipherSuites) writer.u16(suite);
      });
      writer.prefixed(1, () => writer.put(Uint8Array.from(message.compressionMethods)));
      encodeExtensionBlock(writer, message.extensions);
      return;
    case 'ServerHello':
      writer.u16(message.serverVersion).put(message.random).u8(message.sessionId.length).put(message.sessionId);
      writer.u16(message.cipherSuite).u8(message.compressionMethod);
      encodeExtensionBlock(writer, message.extensions);
      return;
    case 'Certificate':
      writer.prefixed(3, () => {
        for (const certificate of message.certificateList) writer.u24(certificate.length).put(certificate);
      });
      return;
    case 'ServerKeyExchange':
      encodeServerEcdhParams(writer, message.namedGroup, message.publicKey);
      writer.u16(message.signatureScheme).u16(message.signature.length).put(message.signature);
      return;
    case 'NewSessionTicket':
      writer.u32(message.ticketLifetimeHint).u16(message.ticket.length).put(message.ticket);
      return;
    case 'CertificateRequest':
      writer.u8(message.certificateTypes.length).put(Uint8Array.from(message.certificateTypes));
      writer.prefixed(2, () => {
        for (const scheme of message.signatureSchemes) writer.u16(scheme);
      });
      writer.prefixed(2, () => {
        for (const name of message.authorities) writer.u16(name.length).put(name);
      });
      return;
    case 'CertificateVerify':
      writer.u16(message.signatureScheme).u16(message.signature.length).put(message.signature);
      return;
    case 'CertificateStatus':
      writer.u8(message.statusType).u24(message.response.length).put(message.response);
      return;
    case 'ClientKeyExchange':
      writer.u8(message.publicKey.length).put(message.publicKey);
      return;
    case 'Finished':
      writer.put(message.verifyData);
      return;
    default:
      message satisfies never;
  }
}

function encodeExtensionBlock(writer: Writer, extensions: readonly Extension[] | undefined): void {
  if (extensions !== undefined) writer.prefixed(2, () => encodeExtensions(writer, extensions));
}
