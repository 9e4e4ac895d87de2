// The options that say what `serve` speaks by TLS: words in, plain data out, or UsageError that says what to change.
// What needs a look into the files (is there a suite for this certificate?) is checked when they are read.

import type { GroupName } from '../core/crypto.js';
import { DEFAULT_CIPHER_SUITES, DEFAULT_GROUPS } from '../core/tls/config.js';
import { CIPHER_SUITES, CipherSuite } from '../core/tls/suites.js';
import { opensslName, type TlsVersionName } from '../io/tls-config.js';
import type { Given } from './given.js';
import { fileName, nearest, oneOf, quoted, UsageError } from './values.js';

export interface CredentialFiles {
  readonly cert: string;
  readonly key: string;
  readonly ocsp: string | undefined;
}

/** Lists have the favourite first. */
export interface TlsServeOptions {
  /** Empty: the bundled test certificate. */
  readonly credentials: readonly CredentialFiles[];
  readonly minVersion: TlsVersionName;
  readonly maxVersion: TlsVersionName;
  /** IANA's names. */
  readonly cipherSuites: readonly string[];
  readonly groups: readonly GroupName[];
  /** Empty: ALPN is left unanswered. */
  readonly alpnProtocols: readonly string[];
  readonly resumption: boolean;
  readonly strictServerName: boolean;
  readonly clientCa: string | undefined;
  readonly clientAuthRequired: boolean;
}

export function tlsServeOptions(given: Given): TlsServeOptions {
  const clientCa = given.value('client-ca', fileName);
  const clientAuth = given.value('client-auth', (option, text) => oneOf(option, text, ['request', 'require']));
  if (clientAuth !== undefined && clientCa === undefined) {
    throw new UsageError('--client-auth needs --client-ca', 'It names the certificates that clients are trusted by.');
  }
  return {
    credentials: credentialFiles(given),
    ...versionsAndSuites(given),
    groups: given.value('groups', groupList) ?? DEFAULT_GROUPS,
    alpnProtocols: given.value('alpn', alpnList) ?? ALPN_PROTOCOLS,
    resumption: !given.has('resumption') || given.on('resumption'),
    strictServerName: given.on('strict-sni'),
    clientCa,
    clientAuthRequired: clientAuth !== 'request',
  };
}

/** The n-th --key goes with the n-th --cert. */
function credentialFiles(given: Given): CredentialFiles[] {
  const certs = given.texts('cert').map((name) => fileName('--cert', name));
  const keys = given.texts('key').map((name) => fileName('--key', name));
  if (certs.length !== keys.length) {
    if (certs.length === 0) throw new UsageError('--key needs --cert');
    if (keys.length === 0) throw new UsageError('--cert needs --key');
    throw new UsageError(
      `--cert and --key go in pairs, but there are ${certs.length} of the one and ${keys.length} of the other`,
    );
  }
  const responses = ocspFiles(given, certs.length);
  return certs.map((cert, i) => ({ cert, key: keys[i]!, ocsp: responses[i] }));
}

/** Each --ocsp belongs to the --cert before it; when that has one already, all of them go in the order of --cert. */
function ocspFiles(given: Given, certs: number): (string | undefined)[] {
  const files = given.texts('ocsp').map((name) => fileName('--ocsp', name));
  if (files.length === 0) return [];
  if (certs === 0) throw new UsageError('--ocsp needs --cert and --key', 'It is the response for that certificate.');
  if (files.length > certs) {
    throw new UsageError(
      `--ocsp is given ${files.length} times for ${certs} --cert`,
      'One response is for one --cert.',
    );
  }
  const placed: (string | undefined)[] = [];
  let cert = -1;
  for (const [name, text] of given.inOrder(['cert', 'ocsp'])) {
    if (name === 'cert') cert++;
    else if (cert < 0 || placed[cert] !== undefined) return files;
    else placed[cert] = text;
  }
  return placed;
}

const VERSION_NAMES = ['1.2', '1.3'] as const;

function versionsAndSuites(given: Given): Pick<TlsServeOptions, 'minVersion' | 'maxVersion' | 'cipherSuites'> {
  const version = (option: string, text: string): TlsVersionName => oneOf(option, text, VERSION_NAMES);
  const minVersion = given.value('tls-min', version) ?? '1.2';
  const maxVersion = given.value('tls-max', version) ?? '1.3';
  if (minVersion > maxVersion) {
    throw new UsageError(`--tls-min ${minVersion} is above --tls-max ${maxVersion}`, 'Change one of them.');
  }
  const cipherSuites = given.value('ciphers', cipherSuiteList) ?? DEFAULT_CIPHER_SUITES.map(ianaName);
  for (const name of VERSION_NAMES) {
    if (name < minVersion || name > maxVersion) continue;
    if (cipherSuites.some((suite) => versionOf(suite) === name)) continue;
    const example = opensslName(DEFAULT_CIPHER_SUITES.map(ianaName).find((suite) => versionOf(suite) === name)!);
    const instead =
      minVersion === maxVersion ? '' : name === '1.2' ? ', or give --tls-min 1.3' : ', or give --tls-max 1.2';
    throw new UsageError(
      `--ciphers: none of these suites is one of TLS ${name}`,
      `Add one (like ${example})${instead}.`,
    );
  }
  return { minVersion, maxVersion, cipherSuites };
}

interface SuiteNames {
  readonly iana: string;
  readonly openssl: string;
}

/** TLS 1.3 suites are called the same by OpenSSL. */
const SUITES: readonly SuiteNames[] = Object.keys(CipherSuite).map((iana) => ({ iana, openssl: opensslName(iana) }));

function ianaName(code: number): string {
  return Object.entries(CipherSuite).find(([, value]) => value === code)![0];
}

function versionOf(iana: string): TlsVersionName {
  return CIPHER_SUITES.get(CipherSuite[iana as keyof typeof CipherSuite])!.version;
}

function cipherSuiteList(option: string, text: string): string[] {
  return listOf(option, text, (word) => {
    const wanted = word.toUpperCase();
    const found = SUITES.find(({ iana, openssl }) => iana === wanted || openssl === wanted);
    if (found !== undefined) return found.iana;
    const names = SUITES.map(({ openssl }) => openssl);
    const near = nearest(wanted, [...names, ...SUITES.map(({ iana }) => iana)]);
    const all = `The suites are ${names.join(', ')}.`;
    throw new UsageError(`${option}: ${quoted(word)} is no suite of ours`, near === undefined ? all : `${near} ${all}`);
  });
}

/** RFC 8422 §5.1.1's names, NIST's, and OpenSSL's. */
const GROUPS: Readonly<Record<string, GroupName>> = {
  x25519: 'x25519',
  'p-256': 'secp256r1',
  secp256r1: 'secp256r1',
  prime256v1: 'secp256r1',
  'p-384': 'secp384r1',
  secp384r1: 'secp384r1',
};

function groupList(option: string, text: string): GroupName[] {
  return listOf(option, text, (word) => {
    const name = word.toLowerCase();
    const found = Object.hasOwn(GROUPS, name) ? GROUPS[name] : undefined;
    if (found !== undefined) return found;
    const near = nearest(name, Object.keys(GROUPS));
    throw new UsageError(`${option}: ${quoted(word)} is not one of x25519, P-256, P-384`, near);
  });
}

const ALPN_PROTOCOLS = ['h2', 'http/1.1'] as const;

function alpnList(option: string, text: string): string[] {
  if (text === '') return [];
  return listOf(option, text, (word) => oneOf(option, word, ALPN_PROTOCOLS));
}

/** Words between commas, each once. */
function listOf<Value extends string>(option: string, text: string, read: (word: string) => Value): Value[] {
  const values: Value[] = [];
  for (const word of text.split(',')) {
    const value = read(word.trim());
    if (values.includes(value)) throw new UsageError(`${option}: ${value} is given twice in ${quoted(text)}`);
    values.push(value);
  }
  return values;
}
