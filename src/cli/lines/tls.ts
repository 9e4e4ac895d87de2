// TLS events in words. Names of record types: RFC 5246 §6.2.1. Secrets are never printed, at no level.

import type { TlsEvent, TlsFieldValue } from '../../core/trace.js';
import { hexText, LONGEST_LIST, printable, token } from '../text.js';
import { failure, type Level, type Line, listed, plain, sent, VERBOSE, warning } from './line.js';

export function tlsLine(event: TlsEvent, level: Level): Line {
  switch (event.kind) {
    case 'record':
      return plain(
        `${sent(event.dir)}record ${RECORD_TYPES.get(event.contentType) ?? `type=${event.contentType}`}` +
          ` version=${hexText(event.version, 4)} len=${event.length}${event.encrypted ? ' encrypted' : ''}`,
      );
    case 'handshake':
      return plain(
        `${sent(event.dir)}${token(event.message)}${handshakeSummary(event.fields)}`,
        level >= VERBOSE ? handshakeDetails(event.length, event.fields) : [],
      );
    case 'change_cipher_spec':
      return plain(`${sent(event.dir)}ChangeCipherSpec`);
    case 'alert':
      return alertLine(event);
    case 'state':
      return plain(`[STATE] ${printable(event.from)} -> ${printable(event.to)}`);
    case 'established':
      return plain(
        `[STATE] established ${versionText(event.version)} ${token(event.cipherSuite)}` +
          (event.alpn === undefined ? '' : ` alpn=${token(event.alpn)}`) +
          (event.resumed === undefined ? '' : ` resumed=${token(event.resumed.replace(' ', '-'))}`),
        level >= VERBOSE ? establishedDetails(event) : [],
      );
    case 'key_schedule':
      return plain(`key schedule: ${printable(event.label)}, ${event.length} bytes by ${token(event.hash)}`);
    case 'timeout':
      return warning(`timeout: ${printable(event.reason)} (${printable(event.rule)})`);
    case 'secret':
      return plain(`key log entry ${token(event.label)} (the secret is not shown)`);
    case 'keys':
      return plain(`[STATE] ${event.dir === 'in' ? 'reading' : 'writing'} under ${token(event.secret)}`);
    case 'psk':
      return plain(
        `PSK ${event.index}: ${printable(event.verdict)}` +
          (event.ageSkewMs === undefined ? '' : ` age skew ${event.ageSkewMs} ms`),
      );
    case 'early_data':
      return plain(`early data is ${printable(event.verdict)}`);
    case 'drop':
      return warning(`dropped ${event.length} bytes: ${printable(event.reason)}`);
    case 'truncated':
      return plain(`truncated: ${printable(event.reason)}`);
    default:
      return event satisfies never;
  }
}

const RECORD_TYPES: ReadonlyMap<number, string> = new Map([
  [20, 'change_cipher_spec'],
  [21, 'alert'],
  [22, 'handshake'],
  [23, 'application_data'],
]);

/** What of a handshake message stands in its line, in this order; an empty label means the value alone. */
const SUMMARY: readonly (readonly [field: string, label: string])[] = [
  ['version', ''],
  ['serverName', 'sni='],
  ['alpn', 'alpn='],
  ['cipherSuite', 'cipher='],
  ['group', 'group='],
  ['signature', 'signature='],
];
const SUMMARY_FIELDS = new Set(SUMMARY.map(([field]) => field));

function handshakeSummary(fields: { readonly [name: string]: TlsFieldValue }): string {
  let text = '';
  const spoken = spokenVersions(fields);
  if (spoken !== undefined) text += ` ${spoken}`;
  for (const [field, label] of SUMMARY) {
    if (field === 'version' && spoken !== undefined) continue;
    const value = Object.hasOwn(fields, field) ? fields[field] : undefined;
    if (value === undefined || value === '') continue;
    text += ` ${label}${field === 'version' ? versionText(value) : valueText(value, ',', token)}`;
  }
  return text;
}

/** RFC 8446 §4.2.1: where supported_versions is there, `version` says 1.2 whatever is meant. GREASE is left out. */
function spokenVersions(fields: { readonly [name: string]: TlsFieldValue }): string | undefined {
  const value = fields.selectedVersion ?? fields.supportedVersions;
  if (value === undefined) return undefined;
  const names = (Array.isArray(value) ? value : [value])
    .map(versionText)
    .filter((name) => /^(TLS|SSL)[0-9]/.test(name));
  return names.length === 0 ? undefined : names.slice(0, LONGEST_LIST).join(',');
}

function handshakeDetails(length: number, fields: { readonly [name: string]: TlsFieldValue }): string[] {
  const others = Object.entries(fields).filter(([name]) => !SUMMARY_FIELDS.has(name));
  return [
    `length: ${length}`,
    ...listed(others, 'field', ([name, value]) => `${token(name)}: ${valueText(value, ', ', printable)}`),
  ];
}

function establishedDetails(event: Extract<TlsEvent, { kind: 'established' }>): string[] {
  const details = [`group: ${token(event.group)}`, `signature: ${token(event.signature)}`];
  if (event.serverName !== undefined) details.push(`server name: ${printable(event.serverName)}`);
  details.push(`extended master secret: ${event.extendedMasterSecret ? 'yes' : 'no'}`);
  if (event.encryptThenMac) details.push('encrypt-then-MAC: yes');
  if (event.resumed !== undefined) details.push(`resumed: by ${printable(event.resumed)}`);
  if (event.clientCertificate !== undefined) details.push(`client certificate: ${printable(event.clientCertificate)}`);
  return details;
}

/** close_notify is how a connection ends (RFC 5246 §7.2.1) and no cause for worry; other alerts are. */
function alertLine(event: Extract<TlsEvent, { kind: 'alert' }>): Line {
  const text =
    `${sent(event.dir)}Alert ${event.level} ${token(event.description)}` +
    (event.reason === undefined ? '' : `: ${printable(event.reason)}`) +
    (event.rule === undefined ? '' : ` (${printable(event.rule)})`);
  if (event.severity === 'error' || event.level === 'fatal') return failure(text);
  if (event.severity === 'warning' || event.description !== 'close_notify') return warning(text);
  return plain(text);
}

const VERSIONS: ReadonlyMap<number, string> = new Map([
  [0x0300, 'SSL3.0'],
  [0x0301, 'TLS1.0'],
  [0x0302, 'TLS1.1'],
  [0x0303, 'TLS1.2'],
  [0x0304, 'TLS1.3'],
]);

/** `TLS1.2`, from the code or from a name such as `TLS 1.2` or `TLSv1.2`. */
function versionText(value: TlsFieldValue): string {
  if (typeof value === 'number') return VERSIONS.get(value) ?? hexText(value, 4);
  return token(valueText(value, ',', (text) => text).replace(/^TLS ?v?(?=\d)/, 'TLS'));
}

function valueText(value: TlsFieldValue, separator: string, safe: (text: string) => string): string {
  if (typeof value === 'string') return safe(value);
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  const items = value.slice(0, LONGEST_LIST).map((item) => safe(item));
  const more = value.length - items.length;
  return items.join(separator) + (more > 0 ? `${separator}...(+${more})` : '');
}
