// `gnutls-cli`: every suite, group and signature by priority strings, resumption, OCSP, key updates, client certificates.

import { type Files, KINDS, type Kind, type Place, type Played, type PlayOptions } from './place.js';
import {
  ALL_CIPHERS,
  type Client,
  check,
  checkEstablished,
  checkPlayed,
  checkRefused,
  choices,
  countMessages,
  type Established,
  longestRecord,
  negotiated,
  OK,
  type Row,
  request,
  rowOf,
  type Version,
} from './row.js';

const NAME = 'gnutls-cli';

export const gnutls: Client = {
  name: NAME,
  commands: ['gnutls-cli'],
  version: ['gnutls-cli', '--version'],
  rows: (files) => [...matrix(files), ...features(files)],
};

const ALL_OF: Readonly<Record<Version, string>> = {
  '1.2': 'NORMAL:-VERS-ALL:+VERS-TLS1.2',
  '1.3': 'NORMAL:-VERS-ALL:+VERS-TLS1.3',
};

function client(
  place: Place,
  files: Files,
  priority: string,
  args: readonly string[] = [],
  options: PlayOptions = {},
): Promise<Played> {
  const fixed = ['--x509cafile', files.ca, '--alpn', 'http/1.1', '--priority', priority, '-p', `${place.port}`];
  const steps = options.steps ?? [{ send: request(place), when: /Simple Client Mode/ }];
  return place.play('gnutls-cli', [...fixed, ...args, place.host], { endInput: false, ...options, steps });
}

function matrix(files: Files): Row[] {
  return choices(files).map((choice) => {
    const { suite, groups, signature } = choice;
    const parts = [`+VERS-TLS${suite.version}`, '+COMP-NULL', suite.gnutls, ...groups.map((one) => one.gnutls)];
    const priority = ['NONE', ...parts, signature.gnutls].join(':');
    return rowOf(NAME, choice, async (place) => {
      checkPlayed(await client(place, files, priority), OK);
      await checkEstablished(place, { ...negotiated(choice), alpn: 'http/1.1', extendedMasterSecret: true });
    });
  });
}

function features(files: Files): Row[] {
  const row = (version: Version, what: string, kind: Kind, run: Row['run'], serve: readonly string[] = []): Row => ({
    client: NAME,
    version,
    what,
    serve: [...files.credential(kind), ...serve],
    run,
  });
  const resume = (version: Version, kind: Kind, resumed: Established['resumed'], priority = ''): Row =>
    row(
      version,
      `--resume${priority === '' ? '' : `, ${priority}`}: ${resumed}, ${kind} certificate`,
      kind,
      async (place) => {
        const wait = version === '1.3' ? ['--waitresumption'] : [];
        const played = await client(place, files, `${ALL_OF[version]}${priority}`, ['--resume', ...wait]);
        checkPlayed(played, /This is a resumed session[\s\S]*HTTP\/1\.1 200 OK/);
        await checkEstablished(place, { resumed: undefined }, { resumed });
      },
    );
  const certificate = (version: Version, kind: Kind): Row =>
    row(
      version,
      `--x509certfile: client certificate, ${kind}`,
      'rsa',
      async (place) => {
        const { cert, key } = files.client(kind);
        const args = ['--x509certfile', cert, '--x509keyfile', key];
        checkPlayed(await client(place, files, ALL_OF[version], args), OK);
      },
      ['--client-ca', files.ca],
    );
  const versions: readonly Version[] = ['1.2', '1.3'];
  return [
    ...KINDS.flatMap((kind) => [resume('1.2', kind, 'ticket'), resume('1.3', kind, 'psk')]),
    resume('1.2', 'rsa', 'session id', ':%NO_TICKETS'),
    ...versions.flatMap((version) =>
      KINDS.map((kind) =>
        row(version, `OCSP response taken, ${kind} certificate`, kind, async (place) => {
          checkPlayed(await client(place, files, ALL_OF[version]), /Options:.*OCSP status request/);
        }),
      ),
    ),
    ...versions.flatMap((version) => KINDS.map((kind) => certificate(version, kind))),
    ...versions.map((version) =>
      row(
        version,
        'no client certificate where one is required',
        'rsa',
        async (place) => {
          const played = await client(place, files, ALL_OF[version]);
          check(!OK.test(played.output), 'the client was served');
          await checkRefused(place, version === '1.2' ? 'handshake_failure' : 'certificate_required');
        },
        ['--client-ca', files.ca],
      ),
    ),
    row('1.3', '^rekey^ and ^rekey1^: key updates, ours asked for and not', 'rsa', async (place) => {
      const steps = [
        { send: '^rekey^\n', when: /Simple Client Mode/ },
        { send: '^rekey1^\n', when: /rekey/i },
        { send: request(place), when: /rekey/i },
      ];
      const played = await client(place, files, ALL_OF['1.3'], ['--inline-commands'], { steps });
      checkPlayed(played, OK);
      check(countMessages(place, 'KeyUpdate', 'in') === 2, 'the server saw other than two key updates');
      check(countMessages(place, 'KeyUpdate', 'out') === 1, 'the server was asked for one key update');
    }),
    row(
      '1.3',
      'HelloRetryRequest',
      'ecdsa',
      async (place) => {
        const priority = `${ALL_OF['1.3']}:-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1`;
        checkPlayed(await client(place, files, priority, ['--single-key-share']), OK);
        await checkEstablished(place, { group: 'secp384r1' });
        check(countMessages(place, 'ClientHello', 'in') === 2, 'the client did not say hello twice');
      },
      ['--groups', 'P-384'],
    ),
    ...versions.map((version) =>
      row(version, '--recordsize 512: record_size_limit', 'rsa', async (place) => {
        const steps = [{ send: request(place, '/bytes/5000'), when: /Simple Client Mode/ }];
        checkPlayed(await client(place, files, ALL_OF[version], ['--recordsize', '512'], { steps }), OK);
        const longest = longestRecord(place, 'out');
        check(longest < 600, `a record of ${longest} bytes went out`);
      }),
    ),
    row('1.2', '%NO_SESSION_HASH: no extended master secret', 'rsa', async (place) => {
      checkPlayed(await client(place, files, `${ALL_OF['1.2']}:%NO_SESSION_HASH`), OK);
      await checkEstablished(place, { extendedMasterSecret: false });
    }),
    ...[true, false].map((encryptThenMac) =>
      row(
        '1.2',
        `CBC with encrypt-then-MAC${encryptThenMac ? '' : ' off (%NO_ETM)'}`,
        'rsa',
        async (place) => {
          const priority = `NONE:+VERS-TLS1.2:+COMP-NULL:+ECDHE-RSA:+AES-256-CBC:+SHA1:+GROUP-ALL:+SIGN-ALL`;
          checkPlayed(await client(place, files, `${priority}${encryptThenMac ? '' : ':%NO_ETM'}`), OK);
          await checkEstablished(place, { encryptThenMac: encryptThenMac ? true : undefined });
        },
        ['--ciphers', ALL_CIPHERS],
      ),
    ),
    row('1.2', 'TLS 1.1 at most: protocol_version', 'rsa', async (place) => {
      const played = await client(place, files, 'NORMAL:-VERS-ALL:+VERS-TLS1.1');
      check(played.code !== 0, 'the client was served');
      await checkRefused(place, 'protocol_version');
    }),
  ];
}
