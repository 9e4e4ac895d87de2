// What the server's handshake messages say, read strictly: RFC 5246 §7.4, RFC 8422 §5.4, RFC 5077 §3.3, RFC 6066 §8 and
// RFC 8446 §4. Bytes that are left over or missing raise ParseError; what the values mean is checked elsewhere.

import { Reader } from '../../../src/core/bytes/reader.js';
import { extensionName, fault, require } from './codes.js';

export interface RawExtension {
  readonly type: number;
  readonly data: Uint8Array;
}

export interface ServerHello {
  readonly version: number;
  readonly random: Uint8Array;
  readonly sessionId: Uint8Array;
  readonly cipherSuite: number;
  readonly compressionMethod: number;
  /** Undefined: there is no extension block at all. */
  readonly extensions: readonly RawExtension[] | undefined;
}

function reader(body: Uint8Array): Reader {
  return new Reader('server', body);
}

/** Reads a whole message body. */
function whole<T>(body: Uint8Array, name: string, read: (r: Reader) => T): T {
  const r = reader(body);
  const value = read(r);
  r.expectEnd(name);
  return value;
}

/** One block of extensions, of which none may come twice. */
export function readExtensions(r: Reader, place: string): RawExtension[] {
  const block = r.sub(r.u16(`${place} extensions length`), `${place} extensions`);
  const list: RawExtension[] = [];
  while (block.remaining > 0) {
    const type = block.u16('extension_type');
    const data = block.take(block.u16('extension_data length'), 'extension_data').slice();
    const twice = list.some((one) => one.type === type);
    require(!twice, `${extensionName(type)} comes twice in ${place}`, 'RFC 5246 §7.4.1.4, RFC 8446 §4.2');
    list.push({ type, data });
  }
  return list;
}

export function readServerHello(body: Uint8Array): ServerHello {
  return whole(body, 'ServerHello', (r) => {
    const version = r.u16('server_version');
    const random = r.take(32, 'random').slice();
    const sessionId = r.take(r.u8('session_id length'), 'session_id').slice();
    require(sessionId.length <= 32, 'session_id is longer than 32 bytes', 'RFC 5246 §7.4.1.3');
    const cipherSuite = r.u16('cipher_suite');
    const compressionMethod = r.u8('compression_method');
    const extensions = r.remaining > 0 ? readExtensions(r, 'ServerHello') : undefined;
    return { version, random, sessionId, cipherSuite, compressionMethod, extensions };
  });
}

/** RFC 5246 §7.4.2: DER, leaf first. */
export function readCertificate12(body: Uint8Array): Uint8Array[] {
  return whole(body, 'Certificate', (r) => {
    const list = r.sub(r.u24('certificate_list length'), 'certificate_list');
    const chain: Uint8Array[] = [];
    while (list.remaining > 0) chain.push(list.take(list.u24('certificate length'), 'certificate').slice());
    return chain;
  });
}

export interface CertificateEntry {
  readonly certificate: Uint8Array;
  readonly extensions: readonly RawExtension[];
}

/** RFC 8446 §4.4.2. */
export function readCertificate13(body: Uint8Array): { context: Uint8Array; entries: CertificateEntry[] } {
  return whole(body, 'Certificate', (r) => {
    const context = r.take(r.u8('certificate_request_context length'), 'certificate_request_context').slice();
    const list = r.sub(r.u24('certificate_list length'), 'certificate_list');
    const entries: CertificateEntry[] = [];
    while (list.remaining > 0) {
      const certificate = list.take(list.u24('cert_data length'), 'cert_data').slice();
      entries.push({ certificate, extensions: readExtensions(list, 'Certificate') });
    }
    return { context, entries };
  });
}

/** RFC 6066 §8, both as a message of 1.2 and as an extension's content in 1.3: the DER of the OCSP response. */
export function readCertificateStatus(body: Uint8Array): Uint8Array {
  return whole(body, 'CertificateStatus', (r) => {
    require(r.u8('status_type') === 1, 'status_type is not ocsp', 'RFC 6066 §8');
    const response = r.take(r.u24('response length'), 'response').slice();
    require(response.length > 0, 'an empty OCSP response', 'RFC 6066 §8');
    return response;
  });
}

export interface ServerKeyExchange {
  readonly group: number;
  readonly publicKey: Uint8Array;
  /** The bytes of ServerECDHParams, which are signed. */
  readonly params: Uint8Array;
  readonly scheme: number;
  readonly signature: Uint8Array;
}

/** RFC 8422 §5.4. */
export function readServerKeyExchange(body: Uint8Array): ServerKeyExchange {
  return whole(body, 'ServerKeyExchange', (r) => {
    require(r.u8('curve_type') === 3, 'curve_type is not named_curve', 'RFC 8422 §5.4');
    const group = r.u16('namedcurve');
    const publicKey = r.take(r.u8('public length'), 'public').slice();
    const params = body.slice(0, r.offset);
    const scheme = r.u16('algorithm');
    const signature = r.take(r.u16('signature length'), 'signature').slice();
    return { group, publicKey, params, scheme, signature };
  });
}

export interface CertificateRequest {
  /** Empty in TLS 1.2 and in the handshake of 1.3. */
  readonly context: Uint8Array;
  /** TLS 1.2 only. */
  readonly certificateTypes: readonly number[];
  readonly schemes: readonly number[];
  readonly authorities: readonly Uint8Array[];
}

/** RFC 5246 §7.4.4. */
export function readCertificateRequest12(body: Uint8Array): CertificateRequest {
  return whole(body, 'CertificateRequest', (r) => {
    const certificateTypes = [...r.take(r.u8('certificate_types length'), 'certificate_types')];
    require(certificateTypes.length > 0, 'certificate_types is empty', 'RFC 5246 §7.4.4');
    const schemes = u16s(r.sub(r.u16('supported_signature_algorithms length'), 'supported_signature_algorithms'));
    require(schemes.length > 0, 'supported_signature_algorithms is empty', 'RFC 5246 §7.4.4');
    const authorities = readAuthorities(r);
    return { context: new Uint8Array(0), certificateTypes, schemes, authorities };
  });
}

/** RFC 8446 §4.3.2. */
export function readCertificateRequest13(body: Uint8Array): CertificateRequest {
  return whole(body, 'CertificateRequest', (r) => {
    const context = r.take(r.u8('certificate_request_context length'), 'certificate_request_context').slice();
    let schemes: number[] | undefined;
    let authorities: Uint8Array[] = [];
    for (const { type, data } of readExtensions(r, 'CertificateRequest')) {
      const name = extensionName(type);
      if (name === 'signatureAlgorithms') schemes = readSchemes(data);
      else if (name === 'signatureAlgorithmsCert') readSchemes(data);
      else if (name === 'certificateAuthorities') authorities = whole(data, name, readAuthorities);
      else if (name === 'statusRequest') require(data.length === 0, 'status_request is not empty', 'RFC 8446 §4.4.2.1');
      // oid_filters and signed_certificate_timestamp may be there; no other extension of §4.2's table may.
      else if (![48, 18].includes(type)) fault(`${name} in a CertificateRequest`, 'RFC 8446 §4.2');
    }
    if (schemes === undefined) fault('a CertificateRequest without signature_algorithms', 'RFC 8446 §4.3.2');
    return { context, certificateTypes: [], schemes, authorities };
  });
}

function readSchemes(data: Uint8Array): number[] {
  return whole(data, 'signature_algorithms', (r) => u16s(r.sub(r.u16('list length'), 'list')));
}

function readAuthorities(r: Reader): Uint8Array[] {
  const list = r.sub(r.u16('authorities length'), 'authorities');
  const names: Uint8Array[] = [];
  while (list.remaining > 0) {
    const name = list.take(list.u16('name length'), 'name').slice();
    require(name.length > 0, 'an empty distinguished name', 'RFC 5246 §7.4.4');
    names.push(name);
  }
  return names;
}

function u16s(r: Reader): number[] {
  const values: number[] = [];
  while (r.remaining > 0) values.push(r.u16('value'));
  return values;
}

/** RFC 5077 §3.3. */
export function readTicket12(body: Uint8Array): { lifetimeHint: number; ticket: Uint8Array } {
  return whole(body, 'NewSessionTicket', (r) => ({
    lifetimeHint: r.u32('ticket_lifetime_hint'),
    ticket: r.take(r.u16('ticket length'), 'ticket').slice(),
  }));
}

export interface Ticket13 {
  readonly lifetime: number;
  readonly ageAdd: number;
  readonly nonce: Uint8Array;
  readonly ticket: Uint8Array;
  readonly extensions: readonly RawExtension[];
}

/** RFC 8446 §4.6.1. */
export function readTicket13(body: Uint8Array): Ticket13 {
  return whole(body, 'NewSessionTicket', (r) => {
    const lifetime = r.u32('ticket_lifetime');
    require(lifetime <= 604_800, 'ticket_lifetime is more than seven days', 'RFC 8446 §4.6.1');
    const ageAdd = r.u32('ticket_age_add');
    const nonce = r.take(r.u8('ticket_nonce length'), 'ticket_nonce').slice();
    const ticket = r.take(r.u16('ticket length'), 'ticket').slice();
    require(ticket.length > 0, 'an empty ticket', 'RFC 8446 §4.6.1');
    return { lifetime, ageAdd, nonce, ticket, extensions: readExtensions(r, 'NewSessionTicket') };
  });
}

export function readEncryptedExtensions(body: Uint8Array): RawExtension[] {
  return whole(body, 'EncryptedExtensions', (r) => readExtensions(r, 'EncryptedExtensions'));
}

/** RFC 8446 §4.4.3. */
export function readCertificateVerify(body: Uint8Array): { scheme: number; signature: Uint8Array } {
  return whole(body, 'CertificateVerify', (r) => ({
    scheme: r.u16('algorithm'),
    signature: r.take(r.u16('signature length'), 'signature').slice(),
  }));
}

/** Reads an extension's content to its end. */
export function readExtension<T>(extension: RawExtension, read: (r: Reader) => T): T {
  return whole(extension.data, extensionName(extension.type), read);
}
