// NSS's `tstclnt`: suites by code, groups and signatures by name, resumption, OCSP, client certificates. NSS has no Ed25519.

import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import type { Files, Place, Played } from './place.js';
import {
  type Client,
  check,
  checkEstablished,
  checkPlayed,
  checkRefused,
  choices,
  type Established,
  negotiated,
  OK,
  type Row,
  request,
  rowOf,
  type Version,
} from './row.js';

const NAME = 'tstclnt (NSS)';
const NICKNAME = 'tls-clients';

export const nss: Client = {
  name: NAME,
  commands: ['tstclnt', 'certutil', 'pk12util', 'openssl'],
  version: ['dpkg-query', '-W', 'libnss3-tools'],
  rows(files) {
    makeDatabase(files, files.path('nss'));
    makeDatabase(files, files.path('nss-without-keys'));
    const client = files.client('rsa');
    const p12 = files.path('client.p12');
    const pair = ['-in', client.cert, '-inkey', client.key, '-name', NICKNAME];
    tool('openssl', 'pkcs12', '-export', ...pair, '-out', p12, '-passout', 'pass:x');
    tool('pk12util', '-d', `sql:${files.path('nss')}`, '-i', p12, '-W', 'x');
    return [...matrix(files), ...features(files)];
  },
};

/** A certificate database that trusts the test CA; browsers read the same form. */
export function makeDatabase(files: Files, folder: string): void {
  mkdirSync(folder, { recursive: true });
  tool('certutil', '-N', '-d', `sql:${folder}`, '--empty-password');
  tool('certutil', '-A', '-d', `sql:${folder}`, '-n', 'wirebench test CA', '-t', 'CT,,', '-i', files.ca);
}

function tool(command: string, ...args: string[]): void {
  const result = spawnSync(command, args, { encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`${command} ${args[0]} ended with ${result.status}: ${result.stderr}`);
}

/** A key in the database is used for whoever asks, -n or not. */
function client(
  place: Place,
  files: Files,
  version: Version,
  args: readonly string[],
  { input = true, database = 'nss-without-keys' } = {},
): Promise<Played> {
  const fixed = ['-4', '-h', place.host, '-p', `${place.port}`, '-d', `sql:${files.path(database)}`];
  const versions = ['-V', `tls${version}:tls${version}`];
  const steps = input ? [{ send: request(place) }] : [];
  return place.play('tstclnt', [...fixed, ...versions, ...args], { steps, endInput: input });
}

function matrix(files: Files): Row[] {
  return choices(files, (kind) => kind !== 'ed25519').map((choice) => {
    const { suite, groups, signature } = choice;
    const args = ['-c', suite.nss, '-I', groups.map((one) => one.nss).join(','), '-J', signature.name, '-G'];
    return rowOf(NAME, choice, async (place) => {
      checkPlayed(await client(place, files, suite.version, args), OK);
      await checkEstablished(place, { ...negotiated(choice), extendedMasterSecret: true });
    });
  });
}

function features(files: Files): Row[] {
  const resume = (version: Version, args: readonly string[], resumed: Established['resumed']): Row => ({
    client: NAME,
    version,
    what: `-L 2${['', ...args].join(' ')}: resumption by ${resumed}`,
    serve: files.credential('rsa'),
    run: async (place) => {
      // -Q: it ends behind the last handshake. -O: it checks the certificate at once. Without it, a 1.2 server whose Finished
      // is there before tstclnt polls again ends the handshake within the check, where -Q is not looked at: it polls for ever.
      // In 1.3 it is to poll once more, for that is when it gets the ticket.
      const ending = version === '1.2' ? ['-Q', '-O'] : ['-Q'];
      const played = await client(place, files, version, ['-L', '2', ...ending, '-G', ...args], { input: false });
      checkPlayed(played, /^1 cache hits/m);
      await checkEstablished(place, { resumed: undefined }, { resumed });
    },
  });
  const versions: readonly Version[] = ['1.2', '1.3'];
  return [
    resume('1.2', ['-u'], 'ticket'),
    resume('1.2', [], 'session id'),
    resume('1.3', ['-u'], 'psk'),
    ...versions.flatMap((version): Row[] => [
      {
        client: NAME,
        version,
        what: '-T: OCSP response',
        serve: files.credential('rsa'),
        run: async (place) => {
          const played = await client(place, files, version, ['-T']);
          checkPlayed(played, OK);
          checkPlayed(played, /Received 1 Cert Status items/);
        },
      },
      {
        client: NAME,
        version,
        what: '-n: client certificate',
        serve: [...files.credential('rsa'), '--client-ca', files.ca],
        run: async (place) => {
          checkPlayed(await client(place, files, version, ['-n', NICKNAME], { database: 'nss' }), OK);
          await checkEstablished(place, {});
          const subject = place.events.find((event) => event.kind === 'established')?.clientCertificate;
          check(subject !== undefined, 'the server saw no certificate');
        },
      },
      {
        client: NAME,
        version,
        what: 'no client certificate where one is required',
        serve: [...files.credential('rsa'), '--client-ca', files.ca],
        run: async (place) => {
          const played = await client(place, files, version, []);
          check(!OK.test(played.output), 'the client was served');
          await checkRefused(place, version === '1.2' ? 'handshake_failure' : 'certificate_required');
        },
      },
    ]),
  ];
}
