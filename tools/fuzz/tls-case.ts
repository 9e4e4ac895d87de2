// The cases of the target `tls`: what client and server agree on, what the client does wrong, how its bytes are cut, and what
// is said once the handshake is done. All of it is drawn from a seed and a number.

import { testRandom } from '../../test/support/bytes.js';
import { PLACES, WAYS } from './tls-mutations.js';

export interface TlsCase {
  readonly seed: number;
  /** 12, 13, or 0: both. */
  readonly version: number;
  /** Index into the suites of the version; beyond them: all are offered. */
  readonly suite: number;
  /** Index into the groups; beyond them: all are offered. */
  readonly group: number;
  /** 1.3: no key share that the server takes, so that it asks for another. */
  readonly retry: boolean;
  /** ed25519, ecdsa or rsa: what the server has. */
  readonly credential: string;
  /** The mutated connection resumes one before it. */
  readonly resumes: boolean;
  /** 1.2: by ticket, otherwise by session id. */
  readonly ticket: boolean;
  readonly earlyData: number;
  /** none, asked, required; and whether the client has one. */
  readonly clientAuthentication: string;
  readonly hasCertificate: boolean;
  readonly extendedMasterSecret: boolean;
  readonly encryptThenMac: boolean;
  readonly maxFragmentLength: number;
  readonly recordSizeLimit: number;
  readonly recordPadding: number;
  readonly grease: boolean;
  readonly padHelloTo: number;
  readonly fragmentBytes: number;
  readonly coalesce: boolean;
  readonly compatibility: boolean;
  readonly alpn: boolean;
  readonly what1: string;
  readonly at1: number;
  readonly where1: number;
  readonly value1: number;
  readonly what2: string;
  readonly at2: number;
  readonly where2: number;
  readonly value2: number;
  /** Bytes to the server at once; 0: as they come. */
  readonly chunk: number;
  /** What is said after the handshake: one letter each, see tls.ts. */
  readonly talk: string;
}

export const PLAIN_TLS: TlsCase = {
  seed: 1,
  version: 0,
  suite: 99,
  group: 99,
  retry: false,
  credential: 'ed25519',
  resumes: false,
  ticket: true,
  earlyData: 0,
  clientAuthentication: 'none',
  hasCertificate: false,
  extendedMasterSecret: true,
  encryptThenMac: false,
  maxFragmentLength: 0,
  recordSizeLimit: 0,
  recordPadding: 0,
  grease: false,
  padHelloTo: 0,
  fragmentBytes: 16_384,
  coalesce: false,
  compatibility: true,
  alpn: false,
  what1: '',
  at1: 0,
  where1: 0,
  value1: 0,
  what2: '',
  at2: 0,
  where2: 0,
  value2: 0,
  chunk: 0,
  talk: '',
};

/** Every value drawn from (seed, run) alone. */
export function makeTlsCase(seed: number, run: number): TlsCase {
  const random = testRandom(Math.imul(seed ^ 0x5bd1e995, 0x9e3779b1) ^ Math.imul(run + 1, 0x85ebca6b));
  // xorshift begins badly with close seeds: the first draws are thrown away.
  for (let i = 0; i < 8; i++) random.u32();
  const { below, u32 } = random;
  const often = (percent: number): boolean => below(100) < percent;
  const pick = <Value>(...values: Value[]): Value => values[below(values.length)]!;
  const version = pick(12, 12, 13, 13, 0);
  const mutation = (percent: number): string => {
    if (!often(percent)) return '';
    const place = pick(...PLACES, 'message' as const, 'fragment' as const, 'record' as const);
    return `${place} ${pick(...WAYS[place])}`;
  };
  const resumes = often(30);
  return {
    seed: u32(),
    version,
    suite: below(12),
    group: below(4),
    retry: version !== 12 && often(15),
    // RSA signatures cost ten times as much as all the rest, and are no different to the protocol.
    credential: often(2) ? 'rsa' : pick('ed25519', 'ed25519', 'ecdsa'),
    resumes,
    ticket: often(60),
    earlyData: resumes && version === 13 && often(30) ? pick(1, 100, 20_000, 70_000) : 0,
    clientAuthentication: often(20) ? pick('asked', 'required') : 'none',
    hasCertificate: often(70),
    extendedMasterSecret: often(80),
    encryptThenMac: often(50),
    maxFragmentLength: often(10) ? 1 + below(4) : 0,
    recordSizeLimit: often(10) ? pick(64, 100, 1_000, 16_385, 65_535) : 0,
    recordPadding: often(10) ? below(300) : 0,
    grease: often(20),
    padHelloTo: often(10) ? pick(512, 2_000, 17_000, 60_000) : 0,
    fragmentBytes: often(20) ? 1 + below(200) : 16_384,
    coalesce: often(30),
    compatibility: often(80),
    alpn: often(50),
    what1: mutation(80),
    // Most connections have few messages and flights.
    at1: often(70) ? below(6) : below(24),
    // Mostly near the front, where lengths and versions are.
    where1: often(50) ? below(64) : u32(),
    value1: u32(),
    what2: mutation(25),
    at2: below(12),
    where2: often(50) ? below(64) : u32(),
    value2: u32(),
    chunk: often(40) ? 1 + below(pick(4, 50, 2_000)) : 0,
    talk: Array.from({ length: below(pick(3, 12)) }, () => pick(...'cccsssukKawenrhx')).join(''),
  };
}
