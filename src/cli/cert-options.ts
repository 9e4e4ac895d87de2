// The options of `wirebench cert`: words in, plain data out, or UsageError.

import { isIP } from 'node:net';
import type { Given } from './given.js';
import { fileName, integerIn, oneOf, quoted, UsageError } from './values.js';

export type CertType = 'rsa' | 'ecdsa' | 'ed25519';

export interface CertOptions {
  /** DNS names in lower case. With `addresses`, at least one. */
  readonly names: readonly string[];
  readonly addresses: readonly string[];
  readonly out: string;
  /** At least one, each once. */
  readonly types: readonly CertType[];
  readonly days: number;
  readonly client: string | undefined;
  /** Undefined: a new CA is made. */
  readonly issuer: { readonly ca: string; readonly caKey: string } | undefined;
  readonly ocsp: boolean;
}

const TYPES = ['rsa', 'ecdsa', 'ed25519'] as const;
/** Where `serve` answers by default, and what the bundled certificate is for. */
const DEFAULT_NAMES = ['localhost', 'wirebench.test'];
const DEFAULT_ADDRESSES = ['127.0.0.1', '::1', '10.0.0.2', 'fd00::2'];
const MOST_DAYS = 3650;
/** RFC 5280 appendix A: ub-common-name. */
const MOST_CLIENT_CHARACTERS = 64;

export function certOptions(given: Given): CertOptions {
  const names: string[] = [];
  const addresses: string[] = [];
  for (const word of given.positional) {
    const list = isIP(word) === 0 ? names : addresses;
    const value = isIP(word) === 0 ? dnsName(word) : word;
    if (!list.includes(value)) list.push(value);
  }
  const asked = names.length + addresses.length > 0;
  const ca = given.value('ca', fileName);
  const caKey = given.value('ca-key', fileName);
  if (ca === undefined && caKey !== undefined) throw new UsageError('--ca-key needs --ca');
  if (ca !== undefined && caKey === undefined) throw new UsageError('--ca needs --ca-key');
  return {
    names: asked ? names : DEFAULT_NAMES,
    addresses: asked ? addresses : DEFAULT_ADDRESSES,
    out: given.value('out', fileName) ?? './wirebench-certs',
    types: certTypes(given.texts('type')),
    days: given.value('days', (option, text) => integerIn(option, text, 1, MOST_DAYS)) ?? 365,
    client: given.value('client', clientName),
    issuer: ca === undefined || caKey === undefined ? undefined : { ca, caKey },
    ocsp: given.on('ocsp'),
  };
}

function certTypes(texts: readonly string[]): CertType[] {
  if (texts.length === 0) return ['rsa'];
  const asked = texts.map((text) => oneOf('--type', text, [...TYPES, 'all'] as const));
  return TYPES.filter((type) => asked.includes(type) || asked.includes('all'));
}

/** RFC 1123 §2.1, and one `*` in front (RFC 6125 §6.4.3). */
function dnsName(word: string): string {
  const name = word.toLowerCase();
  const label = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
  const isName = new RegExp(`^(?:\\*\\.)?${label}(?:\\.${label})*$`).test(name) && name.length <= 253;
  // A last label of digits only is an address gone wrong (RFC 1123 §2.1).
  if (isName && !/(?:^|\.)[0-9]+$/.test(name)) return name;
  throw new UsageError(
    `cert: ${quoted(word)} is neither a DNS name nor an IP address`,
    'Names are ASCII (like www.example.test, *.example.test or xn--bcher-kva.test), addresses like 192.0.2.1 or fd00::2.',
  );
}

function clientName(option: string, text: string): string {
  if (/^[\x20-\x7e]+$/.test(text) && text.trim() !== '' && text.length <= MOST_CLIENT_CHARACTERS) return text;
  throw new UsageError(
    `${option}: ${quoted(text)} is no name of a client (ASCII, at most ${MOST_CLIENT_CHARACTERS} characters)`,
  );
}
