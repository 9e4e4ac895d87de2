// The target `tls`: whole connections of the independent test client that goes wrong somewhere, against our server.
// Invariants: no exception; it ends in one alert, or both have the same keys and data goes through; nothing comes out that
// the client did not put in; room is kept and is given again; what waits is bounded; a repetition without trace is the same.

import { limits } from '../../src/core/limits.js';
import { createRandomSource } from '../../src/core/random.js';
import { TLS_1_2, TLS_1_3, type TlsConfig } from '../../src/core/tls/config.js';
import { CIPHER_SUITES } from '../../src/core/tls/suites.js';
import { nodeCrypto } from '../../src/io/node-crypto.js';
import { clients, ecdsaCredential, ed25519Credential, rsaCredential } from '../../test/support/tls/certificates.js';
import { Group, TLS12, TLS13 } from '../../test/support/tls/codes.js';
import type { ClientOptions, ClientSession } from '../../test/support/tls/options.js';
import { clientVerifier, START_UNIX_US } from '../../test/support/tls/rig.js';
import type { Case, FuzzTarget, Verdict } from './target.js';
import { makeTlsCase, PLAIN_TLS, type TlsCase } from './tls-case.js';
import { Connection, type Input, OutputHash, repeat } from './tls-connection.js';
import { type Mutation, noise } from './tls-mutations.js';

/** One case of so many is run again, from its inputs and without trace. */
const REPEAT_EVERY = 8;

export const tlsTarget: FuzzTarget = {
  name: 'tls',
  description: 'handshakes of 1.2 and 1.3 by a client that goes wrong, and what comes after them',
  plain: PLAIN_TLS as unknown as Case,
  make: (seed, run) => makeTlsCase(seed, run) as unknown as Case,
  run: (fuzzCase, log) => runCase(fuzzCase as unknown as TlsCase, log),
};

const SUITES = {
  12: [...CIPHER_SUITES.values()].filter(({ version }) => version === '1.2').map(({ code }) => code),
  13: [...CIPHER_SUITES.values()].filter(({ version }) => version === '1.3').map(({ code }) => code),
};
const GROUPS = [Group.x25519, Group.secp256r1, Group.secp384r1];
const CREDENTIALS = { ed25519: ed25519Credential, ecdsa: ecdsaCredential, rsa: rsaCredential };

function configOf({ seed, credential, clientAuthentication }: TlsCase): TlsConfig {
  const { names: _, ...one } = CREDENTIALS[credential as keyof typeof CREDENTIALS];
  return {
    crypto: nodeCrypto,
    random: createRandomSource(nodeCrypto, noise(32, seed)),
    credentials: [one],
    startUnixUs: START_UNIX_US,
    alpnProtocols: ['h2', 'http/1.1'],
    minVersion: TLS_1_2,
    maxVersion: TLS_1_3,
    cipherSuites: [...CIPHER_SUITES.keys()],
    ...(clientAuthentication !== 'none' && {
      clientAuthentication: { verifier: clientVerifier, required: clientAuthentication === 'required' },
    }),
  };
}

function optionsOf(fuzzCase: TlsCase, sessions: readonly ClientSession[]): ClientOptions {
  const { version, suite, group, retry, earlyData, maxFragmentLength, recordSizeLimit, padHelloTo } = fuzzCase;
  const suites = version === 0 ? [...SUITES[13], ...SUITES[12]] : SUITES[version as 12 | 13];
  // What does not go with the certificate is not offered alone.
  const fitting = suites.filter((code) => {
    const { authentication } = CIPHER_SUITES.get(code)!;
    return authentication === 'any' || (authentication === 'rsa') === (fuzzCase.credential === 'rsa');
  });
  // The version is chosen first: it has to find a suite of its own.
  const one = version === 0 ? undefined : fitting[suite];
  const groups = group < GROUPS.length ? [GROUPS[group]!] : [...GROUPS];
  // RFC 8422 §5.1: the curve of an ECDSA certificate is to be among them, too.
  if (fuzzCase.credential === 'ecdsa' && !groups.includes(Group.secp256r1)) groups.push(Group.secp256r1);
  const canBeEarly = sessions.some((session) => session.version === TLS13);
  return {
    seed: `${fuzzCase.seed}/${sessions.length}`,
    nowMs: START_UNIX_US / 1000,
    versions: version === 0 ? [TLS13, TLS12] : [version === 13 ? TLS13 : TLS12],
    cipherSuites: one === undefined ? suites : [one],
    groups,
    ...(retry && { keyShares: [] }),
    sessions,
    sessionTicket: fuzzCase.ticket,
    ...(earlyData > 0 && canBeEarly && { earlyData: [noise(earlyData, 5)] }),
    ...(fuzzCase.hasCertificate && { certificate: clients.ed25519 }),
    extendedMasterSecret: fuzzCase.extendedMasterSecret,
    encryptThenMac: fuzzCase.encryptThenMac,
    ...(maxFragmentLength > 0 && { maxFragmentLength }),
    ...(recordSizeLimit > 0 && { recordSizeLimit: Math.max(64, recordSizeLimit) }),
    // RFC 8446 §5.4 counts padding into the sizes of records; the client cuts these two without it.
    recordPadding: maxFragmentLength > 0 || earlyData > 0 ? 0 : fuzzCase.recordPadding,
    grease: fuzzCase.grease,
    ...(padHelloTo > 0 && { padHelloTo }),
    fragmentBytes: fuzzCase.fragmentBytes,
    coalesce: fuzzCase.coalesce,
    compatibility: fuzzCase.compatibility,
    ...(fuzzCase.alpn && { alpn: ['http/1.1'] }),
  };
}

function mutationsOf(fuzzCase: TlsCase): readonly Mutation[] {
  const { what1, at1, where1, value1, what2, at2, where2, value2 } = fuzzCase;
  const both: readonly Mutation[] = [
    { what: what1, at: at1, where: where1, value: value1 },
    { what: what2, at: at2, where: where2, value: value2 },
  ];
  return both.filter(({ what }) => what !== '');
}

function runCase(fuzzCase: TlsCase, log?: (line: string) => void): Verdict {
  const counts = { records: 0, clean: 0, alerts: 0, 'alerts of the client': 0, 'ends of input': 0, complaints: 0 };
  const peaks = { 'output waiting, bytes': 0 };
  const inputs: Input[] = [];
  const output = new OutputHash();
  try {
    const config = configOf(fuzzCase);
    const connect = (sessions: readonly ClientSession[], mutations: readonly Mutation[]): Connection =>
      new Connection({
        flow: `fuzz#${inputs.length}`,
        config,
        client: optionsOf(fuzzCase, sessions),
        mutations,
        chunk: fuzzCase.chunk,
        inputs,
        output,
        log,
      });
    let sessions: readonly ClientSession[] = [];
    if (fuzzCase.resumes) {
      const first = connect([], []);
      first.shake();
      if (mayBeOpen(fuzzCase)) first.checkWorks();
      sessions = first.client.sessions.slice(-1);
    }
    const mutations = mutationsOf(fuzzCase);
    const connection = connect(sessions, mutations);
    connection.shake();
    if (mutations.length === 0 && mayBeOpen(fuzzCase)) connection.checkWorks();
    for (const letter of fuzzCase.talk) talk(connection, letter, fuzzCase.seed, mutations.length === 0);
    connection.end();
    const ending = connection.checkEnd();
    counts.records = connection.records;
    if (ending === 'clean') counts.clean++;
    else if (ending === 'alert') counts.alerts++;
    else if (ending === 'alerted') counts['alerts of the client']++;
    else counts['ends of input']++;
    if (connection.complaint !== undefined) counts.complaints++;
    peaks['output waiting, bytes'] = connection.mostOutput;
    if (fuzzCase.seed % REPEAT_EVERY === 0 && repeat(inputs, configOf(fuzzCase)) !== output.value) {
      throw new Error('a repetition of the inputs without trace gives other bytes');
    }
    return { counts, peaks };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const where = error instanceof Error ? (error.stack ?? '').split('\n')[1]?.trim() : '';
    return { failure: `${why} (${where})`, counts, peaks };
  }
}

/** A client is refused without a mutation when it has no certificate and needs one, or sends more early data than is skipped. */
function mayBeOpen({ clientAuthentication, hasCertificate, earlyData }: TlsCase): boolean {
  return (clientAuthentication !== 'required' || hasCertificate) && earlyData < limits.tls.earlyDataBytes - 1_000;
}

/** What either side does once the handshake is done; the client's part under the right keys, so that it is looked at. */
function talk(connection: Connection, letter: string, seed: number, isHonest: boolean): void {
  const { client } = connection;
  if (!client.established) return;
  const is13 = client.agreed.version === TLS13;
  const value = (seed ^ connection.records) >>> 0;
  const hello = client.helloBytes[0] ?? new Uint8Array(0);
  const speak = (what: () => Uint8Array): void => connection.say(what);
  /** Refused at once, unless something is broken already, so that it may not even be heard. */
  const wrong = (what: string, say: () => Uint8Array): void =>
    isHonest ? connection.sayWrong(what, say) : connection.say(say);
  const type = value & 0xff;
  const acts: Readonly<Record<string, () => void>> = {
    c: () => speak(() => client.write(noise(1 + (value % 3_000), value))),
    s: () => connection.write(noise(1 + (value % 40_000), value)),
    u: () => is13 && speak(() => client.keyUpdate(false)),
    K: () => is13 && speak(() => client.keyUpdate(true)),
    k: () => speak(() => client.inject(22, noise(1 + (value % 40), value))),
    a: () => speak(() => client.inject(21, Uint8Array.of(1, value))),
    w: () => speak(() => client.inject(21, Uint8Array.of(1, 90))),
    e: () => speak(() => client.inject(23, new Uint8Array(0))),
    n: () => wrong('a record in clear', () => client.injectClear(20 + (value % 4), noise(1 + (value & 15), value))),
    r: () => (is13 ? wrong('a ClientHello', () => client.inject(22, hello)) : speak(() => client.inject(22, hello))),
    h: () => {
      const say = (): Uint8Array => client.inject(type, noise(value & 31, value));
      if (type < 21 || type > 23) wrong(`a record of type ${type}`, say);
      else speak(say);
    },
    x: () => connection.close(),
  };
  acts[letter]?.();
}
