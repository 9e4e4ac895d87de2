// How a test says what is spoken by TLS: the fields of `serve`'s options, taken as the command line takes its words, so that
// what means nothing is refused by the same rules.

import { parseArguments } from '../cli/arguments.js';
import { TEST_CREDENTIAL } from '../cli/live-server.js';
import { readTls, type TlsTexts } from '../cli/tls-files.js';
import type { TlsServeOptions } from '../cli/tls-options.js';
import { UsageError } from '../cli/values.js';
import { checkList, checkOptions, checkType } from './checks.js';

const OPTION_OF = {
  credentials: '--cert',
  minVersion: '--tls-min',
  maxVersion: '--tls-max',
  cipherSuites: '--ciphers',
  groups: '--groups',
  alpnProtocols: '--alpn',
  resumption: '--resumption',
  strictServerName: '--strict-sni',
  clientCa: '--client-ca',
  clientAuthRequired: '--client-auth',
} as const satisfies Record<keyof TlsServeOptions, string>;
const FIELDS = Object.keys(OPTION_OF) as (keyof TlsServeOptions)[];
const KNOWN = Object.fromEntries(FIELDS.map((name) => [name, true])) as Record<keyof TlsServeOptions, true>;

/** What is not given is as `serve` has it. Raises TypeError for what means nothing, FileError for what cannot be read. */
export function tlsTextsOf(given: Partial<TlsServeOptions> = {}): TlsTexts {
  checkOptions('tls', given, KNOWN);
  try {
    const parsed = parseArguments(['serve', ...FIELDS.flatMap((field) => wordsOf(field, given))], {});
    if (parsed.command !== 'serve') throw new Error('no options of serve');
    return readTls(parsed.options.tls, TEST_CREDENTIAL);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const { message, suggestion } = error;
    throw new TypeError(`tls: ${inFields(suggestion === undefined ? message : `${message}. ${suggestion}`)}`);
  }
}

function wordsOf(field: keyof TlsServeOptions, given: Partial<TlsServeOptions>): string[] {
  const value: unknown = given[field];
  if (value === undefined) return [];
  const what = `tls: ${field}`;
  const option = OPTION_OF[field];
  switch (field) {
    case 'minVersion':
    case 'maxVersion':
    case 'clientCa':
      return [`${option}=${checkType(what, value, 'text')}`];
    case 'cipherSuites':
    case 'groups':
    case 'alpnProtocols':
      return [`${option}=${checkList(what, value, 'text').join(',')}`];
    case 'credentials':
      return checkList(what, value, 'object').flatMap(credentialWords);
    case 'resumption':
      return checkType(what, value, 'boolean') ? [] : ['--no-resumption'];
    case 'strictServerName':
      return checkType(what, value, 'boolean') ? [option] : [];
    case 'clientAuthRequired': {
      const word = checkType(what, value, 'boolean') ? 'require' : 'request';
      // Where nobody is asked it says nothing, and may be given all the same.
      return given.clientCa === undefined ? [] : [`${option}=${word}`];
    }
    default:
      return field satisfies never;
  }
}

function credentialWords(credential: object): string[] {
  const { cert, key, ocsp } = credential as { readonly [name: string]: unknown };
  return [
    `--cert=${checkType('tls: credentials: cert', cert, 'text')}`,
    `--key=${checkType('tls: credentials: key', key, 'text')}`,
    ...(ocsp === undefined ? [] : [`--ocsp=${checkType('tls: credentials: ocsp', ocsp, 'text')}`]),
  ];
}

function inFields(message: string): string {
  return FIELDS.reduce((text, field) => text.replaceAll(OPTION_OF[field], field), message);
}
