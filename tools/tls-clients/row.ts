// What a row of the table is: one client with one version, suite, group and signature, or one feature of TLS; and how a
// connection is judged, by what the client says and by what the server's trace has.

import type { TlsEvent } from '../../src/core/trace.js';
import type { Files, Kind, Place, Played } from './place.js';

export type Version = '1.2' | '1.3';
export type Established = Extract<TlsEvent, { kind: 'established' }>;

export interface Row {
  readonly client: string;
  readonly version: Version;
  /** IANA's name, for rows that are about what was negotiated. */
  readonly suite?: string;
  readonly group?: string;
  readonly signature?: string;
  /** For rows that are about something else. */
  readonly what?: string;
  /** Options of `serve`. */
  readonly serve: readonly string[];
  /** Throws an Error that says what went wrong. */
  readonly run: (place: Place) => Promise<void>;
  /** Left out by --short, where there are others like it. */
  readonly long?: boolean;
}

/** A client program: its rows, and the commands that it needs. */
export interface Client {
  readonly name: string;
  readonly commands: readonly string[];
  /** The first line of what this prints is its version. */
  readonly version: readonly string[];
  /** Called once; may make files of its own. */
  rows(files: Files): Promise<Row[]> | Row[];
}

export function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

/** The client ended well and saw `pattern`. */
export function checkPlayed(played: Played, pattern: RegExp): void {
  const last = played.output.trim().split('\n').slice(-3).join(' / ');
  check(played.code === 0, `the client ended with ${played.code}: ${last}`);
  check(pattern.test(played.output), `the client did not say ${pattern.source}: ${last}`);
}

const isEstablished = (event: TlsEvent): event is Established => event.kind === 'established';

/** Undefined: the field is absent. */
export type Wanted = { readonly [Name in keyof Established]?: Established[Name] | undefined };

/** Each of `wanted` is what one of the handshakes since `forget` led to, in their order, and there are no others. */
export async function checkEstablished(place: Place, ...wanted: readonly Wanted[]): Promise<void> {
  await place.shows((events) => events.filter(isEstablished).length >= wanted.length);
  const found = place.events.filter(isEstablished);
  check(found.length === wanted.length, `${found.length} handshakes were done, not ${wanted.length}${alerts(place)}`);
  for (const [index, fields] of wanted.entries()) {
    for (const [name, value] of Object.entries(fields)) {
      const is = found[index]![name as keyof Established];
      check(is === value, `${name} of handshake ${index + 1} is ${is}, not ${value}`);
    }
  }
}

/** No handshake was done, and the server gave this alert as the reason. */
export async function checkRefused(place: Place, description: string): Promise<void> {
  const isIt = (event: TlsEvent): boolean =>
    event.kind === 'alert' && event.dir === 'out' && event.description === description;
  check(await place.shows((events) => events.some(isIt)), `the server sent no ${description}${alerts(place)}`);
}

/** Records of application data in one direction: the longest fragment. */
export function longestRecord(place: Place, dir: 'in' | 'out'): number {
  let longest = 0;
  for (const event of place.events) {
    if (event.kind === 'record' && event.dir === dir && event.encrypted) longest = Math.max(longest, event.length);
  }
  return longest;
}

export function countMessages(place: Place, message: string, dir: 'in' | 'out'): number {
  return place.events.filter((event) => event.kind === 'handshake' && event.dir === dir && event.message === message)
    .length;
}

function alerts(place: Place): string {
  const found = place.events.flatMap((event) =>
    event.kind === 'alert' && event.description !== 'close_notify'
      ? [`${event.dir === 'in' ? 'the client' : 'the server'} sent ${event.description} (${event.reason ?? ''})`]
      : [],
  );
  return found.length === 0 ? '' : `: ${found.join(', ')}`;
}

/** A request whose answer ends the connection. */
export function request(place: Place, path = '/status/200'): string {
  return `GET ${path} HTTP/1.1\r\nHost: ${place.host}\r\nConnection: close\r\n\r\n`;
}

export const OK = /HTTP\/1\.1 200 OK/;

/** What there is, by its names in the registries and in the clients. */
export interface Suite {
  readonly iana: string;
  readonly version: Version;
  readonly openssl: string;
  /** GnuTLS: cipher and MAC. */
  readonly gnutls: string;
  readonly nss: string;
  /** Certificates that go with it. */
  readonly kinds: readonly Kind[];
  /** Only served when asked for. */
  readonly cbc?: boolean;
}

function suite(version: Version, iana: string, openssl: string, gnutls: string, code: string): Suite {
  const kinds: readonly Kind[] =
    version === '1.3' ? ['rsa', 'ecdsa', 'ed25519'] : iana.includes('_RSA_') ? ['rsa'] : ['ecdsa', 'ed25519'];
  return { iana, version, openssl, gnutls, nss: `:${code}`, kinds, ...(iana.includes('_CBC_') && { cbc: true }) };
}

const AEAD = '+AEAD';
export const SUITES: readonly Suite[] = [
  ...[
    ['RSA', 'C02F', 'C030', 'CCA8'],
    ['ECDSA', 'C02B', 'C02C', 'CCA9'],
  ].flatMap(([key, aes128, aes256, chacha]) => [
    suite(
      '1.2',
      `TLS_ECDHE_${key}_WITH_AES_128_GCM_SHA256`,
      `ECDHE-${key}-AES128-GCM-SHA256`,
      `+ECDHE-${key}:+AES-128-GCM:${AEAD}`,
      aes128!,
    ),
    suite(
      '1.2',
      `TLS_ECDHE_${key}_WITH_AES_256_GCM_SHA384`,
      `ECDHE-${key}-AES256-GCM-SHA384`,
      `+ECDHE-${key}:+AES-256-GCM:${AEAD}`,
      aes256!,
    ),
    suite(
      '1.2',
      `TLS_ECDHE_${key}_WITH_CHACHA20_POLY1305_SHA256`,
      `ECDHE-${key}-CHACHA20-POLY1305`,
      `+ECDHE-${key}:+CHACHA20-POLY1305:${AEAD}`,
      chacha!,
    ),
  ]),
  suite('1.2', 'TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA', 'ECDHE-RSA-AES128-SHA', '+ECDHE-RSA:+AES-128-CBC:+SHA1', 'C013'),
  suite('1.2', 'TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA', 'ECDHE-RSA-AES256-SHA', '+ECDHE-RSA:+AES-256-CBC:+SHA1', 'C014'),
  suite('1.3', 'TLS_AES_128_GCM_SHA256', 'TLS_AES_128_GCM_SHA256', `+AES-128-GCM:${AEAD}`, '1301'),
  suite('1.3', 'TLS_AES_256_GCM_SHA384', 'TLS_AES_256_GCM_SHA384', `+AES-256-GCM:${AEAD}`, '1302'),
  suite('1.3', 'TLS_CHACHA20_POLY1305_SHA256', 'TLS_CHACHA20_POLY1305_SHA256', `+CHACHA20-POLY1305:${AEAD}`, '1303'),
];

export interface Group {
  readonly name: string;
  readonly openssl: string;
  readonly gnutls: string;
  readonly nss: string;
}

export const P256: Group = { name: 'secp256r1', openssl: 'P-256', gnutls: '+GROUP-SECP256R1', nss: 'P256' };
export const P384: Group = { name: 'secp384r1', openssl: 'P-384', gnutls: '+GROUP-SECP384R1', nss: 'P384' };
export const X25519: Group = { name: 'x25519', openssl: 'X25519', gnutls: '+GROUP-X25519', nss: 'x25519' };
export const GROUPS: readonly Group[] = [X25519, P256, P384];

export interface Signature {
  /** RFC 8446's name, which OpenSSL and NSS use, too. */
  readonly name: string;
  readonly gnutls: string;
  readonly kind: Kind;
  readonly versions: readonly Version[];
}

export const SIGNATURES: readonly Signature[] = [
  ...[256, 384, 512].map(
    (bits): Signature => ({
      name: `rsa_pss_rsae_sha${bits}`,
      gnutls: `+SIGN-RSA-PSS-RSAE-SHA${bits}`,
      kind: 'rsa',
      versions: ['1.2', '1.3'],
    }),
  ),
  ...[256, 384, 512].map(
    (bits): Signature => ({
      name: `rsa_pkcs1_sha${bits}`,
      gnutls: `+SIGN-RSA-SHA${bits}`,
      kind: 'rsa',
      versions: ['1.2'],
    }),
  ),
  {
    name: 'ecdsa_secp256r1_sha256',
    gnutls: '+SIGN-ECDSA-SHA256:+SIGN-ECDSA-SECP256R1-SHA256',
    kind: 'ecdsa',
    versions: ['1.2', '1.3'],
  },
  { name: 'ed25519', gnutls: '+SIGN-EDDSA-ED25519', kind: 'ed25519', versions: ['1.2', '1.3'] },
];

export interface Choice {
  readonly suite: Suite;
  readonly group: Group;
  readonly signature: Signature;
  /** What the client has to list: in 1.2 the curve of an ECDSA certificate as well (RFC 8422 §5.1). */
  readonly groups: readonly Group[];
  readonly serve: readonly string[];
  readonly long: boolean;
}

/** Each suite with each group and each signature, once. */
export function choices(files: Files, served: (kind: Kind) => boolean = () => true): Choice[] {
  const all: Choice[] = [];
  for (const suite of SUITES) {
    const cbc = suite.cbc ? ['--ciphers', ALL_CIPHERS] : [];
    for (const kind of suite.kinds.filter(served)) {
      const signatures = SIGNATURES.filter((one) => one.kind === kind && one.versions.includes(suite.version));
      for (const [at, group] of GROUPS.entries()) {
        const needsCurve = suite.version === '1.2' && kind === 'ecdsa' && group !== P256;
        // Then the server has to like the other group better.
        const order = needsCurve ? ['--groups', `${group.openssl},P-256`] : [];
        for (const [which, signature] of signatures.entries()) {
          all.push({
            suite,
            group,
            signature,
            groups: needsCurve ? [group, P256] : [group],
            serve: [...files.credential(kind), ...cbc, ...order],
            long: at !== which % GROUPS.length,
          });
        }
      }
    }
  }
  return all;
}

/** For --ciphers: CBC ones, too. */
export const ALL_CIPHERS = SUITES.map(({ openssl }) => openssl).join(',');

/** What the trace has to say after such a choice. */
export function negotiated({ suite, group, signature }: Choice): Wanted {
  const version = `TLS${suite.version}`;
  return { version, cipherSuite: suite.iana, group: group.name, signature: signature.name };
}

export function rowOf(client: string, choice: Choice, run: Row['run']): Row {
  const { suite, group, signature, serve, long } = choice;
  const { iana, version } = suite;
  return { client, version, suite: iana, group: group.name, signature: signature.name, serve, long, run };
}
