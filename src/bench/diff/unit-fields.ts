// Fields of a layer in the form in which they are compared: header fields by their own names, bytes as content, and without what
// is ignored.

import { isGrease } from '../../core/tls/names.js';
import type { InspectedField } from '../inspect/types.js';
import type { FieldChoice } from './names.js';
import { Content, type DiffField } from './unit.js';

/** Bytes up to here are their own text. */
const SHORT_BYTES = 64;

export function comparedFields(fields: Iterable<InspectedField>, choice: FieldChoice): DiffField[] {
  const compared: DiffField[] = [];
  for (const { name, value, text } of fields) {
    if (choice.of(name) === 'ignore') continue;
    if (value instanceof Uint8Array) {
      compared.push({ name, value: value.length <= SHORT_BYTES ? hex(value) : Content.of(value) });
    } else if (typeof value === 'number' && GREASED.has(name) && isGrease(value)) {
      // RFC 8701: drawn anew by each client that has it.
      compared.push({ name, value: 'GREASE' });
    } else compared.push(text === undefined ? { name, value } : { name, value, text });
  }
  return compared;
}

const GREASED: ReadonlySet<string> = new Set([
  'tls.handshake.ciphersuite',
  'tls.handshake.extension.type',
  'tls.handshake.extensions_supported_group',
  'tls.handshake.extensions.supported_version',
  'tls.handshake.extensions_key_share_group',
]);

function hex(bytes: Uint8Array): string {
  return bytes.length === 0 ? '' : `0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')}`;
}

/** A header field list comes as names and values, and some of it once more under names of Wireshark's: each is wanted once. */
export function* http2Fields(fields: readonly InspectedField[]): Generator<InspectedField> {
  let header: string | undefined;
  for (const field of fields) {
    if (field.name === 'http2.header.name') header = String(field.value);
    else if (field.name === 'http2.header.value') {
      yield { name: `http2.headers.${fieldName(header ?? '')}`, value: field.value };
    } else if (header === undefined || !field.name.startsWith('http2.headers.')) yield field;
  }
}

const HTTP1_PARTS: ReadonlySet<string> = new Set([
  'http.request.method',
  'http.request.uri',
  'http.request.version',
  'http.response.version',
  'http.response.code',
  'http.response.phrase',
  'http.file_data',
]);

export function* http1Fields(fields: readonly InspectedField[]): Generator<InspectedField> {
  for (const field of fields) {
    const { name, value } = field;
    if (name === 'http.request.line' || name === 'http.response.line' || name === 'http.chunked_trailer_part') {
      const [header, text] = headerLine(String(value));
      const place = name === 'http.chunked_trailer_part' ? 'http.trailer' : 'http';
      yield { name: `${place}.${fieldName(header)}`, value: text };
    } else if (HTTP1_PARTS.has(name)) yield field;
  }
}

function headerLine(line: string): [name: string, value: string] {
  const colon = line.indexOf(':');
  return colon < 0 ? ['', line.trim()] : [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
}

/** As Wireshark makes a field's name of a header's: `content-type` is `content_type`. */
export function fieldName(header: string): string {
  return header
    .toLowerCase()
    .replace(/^:/, '')
    .replaceAll('-', '_')
    .replace(/[^\w!#$%&'*+^`|~]/g, '_')
    .slice(0, 80);
}
