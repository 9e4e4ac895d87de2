// `openssl s_client`: every suite, group and signature by name, sessions, certificates, and what it can be told to do to a
// server.

import { writeFileSync } from 'node:fs';
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

const NAME = 'openssl s_client';

export const openssl: Client = {
  name: NAME,
  commands: ['openssl'],
  version: ['openssl', 'version'],
  rows: (files) => [
    ...matrix(files),
    ...sessions(files),
    ...certificates(files),
    ...records(files),
    ...refusals(files),
  ],
};

function client(place: Place, files: Files, args: readonly string[], options: PlayOptions = {}): Promise<Played> {
  const fixed = ['-connect', place.address, '-CAfile', files.ca, '-verify_return_error', '-alpn', 'http/1.1'];
  const steps = options.steps ?? [{ send: request(place) }];
  const end = options.steps === undefined ? ['-ign_eof'] : [];
  return place.play('openssl', ['s_client', ...fixed, ...end, ...args], { ...options, steps });
}

function matrix(files: Files): Row[] {
  return choices(files).map((choice) => {
    const { suite, groups, signature } = choice;
    const which = suite.version === '1.2' ? ['-tls1_2', '-cipher'] : ['-tls1_3', '-ciphersuites'];
    const args = [...which, suite.openssl, '-groups', groups.map((one) => one.openssl).join(':')];
    return rowOf(NAME, choice, async (place) => {
      checkPlayed(await client(place, files, [...args, '-sigalgs', signature.name]), OK);
      await checkEstablished(place, { ...negotiated(choice), alpn: 'http/1.1', extendedMasterSecret: true });
    });
  });
}

const flag = (version: Version): string => (version === '1.2' ? '-tls1_2' : '-tls1_3');
const VERSIONS: readonly Version[] = ['1.2', '1.3'];

function sessions(files: Files): Row[] {
  const reconnect = (what: string, args: readonly string[], resumed: Established['resumed']): Row => ({
    client: NAME,
    version: '1.2',
    what,
    serve: files.credential('rsa'),
    run: async (place) => {
      const played = await client(place, files, ['-tls1_2', '-reconnect', ...args]);
      checkPlayed(played, OK);
      check(played.output.match(/^Reused, TLSv1\.2/gm)?.length === 5, 'not each of five sessions was reused');
      await checkEstablished(place, {}, ...Array.from({ length: 5 }, () => ({ resumed })));
    },
  });
  const stored = (version: Version, kind: Kind, args: readonly string[] = []): Row => ({
    client: NAME,
    version,
    what: `-sess_out, -sess_in: resumption, ${kind} certificate${args.length === 0 ? '' : `, ${args.join(' ')}`}`,
    serve: files.credential(kind),
    run: async (place) => {
      const file = files.path('session.pem');
      const first = await client(place, files, [flag(version), ...args, '-sess_out', file]);
      checkPlayed(first, OK);
      const second = await client(place, files, [flag(version), ...args, '-sess_in', file]);
      checkPlayed(second, OK);
      check(/^Reused, TLSv1/m.test(second.output), 'the client says that the session is new');
      await checkEstablished(place, {}, { resumed: version === '1.2' ? 'ticket' : 'psk' });
    },
  });
  return [
    reconnect('-reconnect: resumption by ticket', [], 'ticket'),
    reconnect('-reconnect -no_ticket: resumption by session id', ['-no_ticket'], 'session id'),
    ...VERSIONS.flatMap((version) => KINDS.map((kind) => stored(version, kind))),
    stored('1.3', 'rsa', ['-ciphersuites', 'TLS_AES_256_GCM_SHA384']),
    stored('1.3', 'rsa', ['-groups', 'P-384']),
    stored('1.3', 'rsa', ['-no_middlebox']),
    {
      client: NAME,
      version: '1.3',
      what: 'HelloRetryRequest, and resumption with one',
      serve: [...files.credential('ecdsa'), '--groups', 'P-384'],
      run: async (place) => {
        const file = files.path('retried.pem');
        const args = ['-tls1_3', '-groups', 'X25519:P-384'];
        checkPlayed(await client(place, files, [...args, '-sess_out', file]), OK);
        checkPlayed(await client(place, files, [...args, '-sess_in', file]), /^Reused, /m);
        await checkEstablished(place, { group: 'secp384r1' }, { group: 'secp384r1', resumed: 'psk' });
        check(countMessages(place, 'ClientHello', 'in') === 4, 'the client did not say hello twice each time');
      },
    },
    {
      client: NAME,
      version: '1.3',
      what: 'K: key updates in both directions',
      serve: files.credential('rsa'),
      run: async (place) => {
        const steps = [
          { send: 'K\n', when: /Verify return code: 0/ },
          { send: 'K\n', when: /KEYUPDATE/ },
          { send: request(place), when: /KEYUPDATE/ },
        ];
        // Its commands are only read at the beginning of a line, and its input has to stay open.
        const played = await client(place, files, ['-tls1_3'], { steps, endInput: false });
        check(OK.test(played.output), `no answer after the key updates: ${played.output.slice(-300)}`);
        await checkEstablished(place, {});
        check(countMessages(place, 'KeyUpdate', 'in') === 2, 'the server saw other than two key updates');
        check(countMessages(place, 'KeyUpdate', 'out') >= 1, 'the server updated no key');
      },
    },
  ];
}

function certificates(files: Files): Row[] {
  const staple = (version: Version, kind: Kind): Row => ({
    client: NAME,
    version,
    what: `-status: OCSP response, ${kind} certificate`,
    serve: files.credential(kind),
    run: async (place) => {
      const played = await client(place, files, [flag(version), '-status']);
      checkPlayed(played, OK);
      checkPlayed(played, /OCSP Response Status: successful[\s\S]*Cert Status: good/);
    },
  });
  const withCertificate = (version: Version, kind: Kind): Row => ({
    client: NAME,
    version,
    what: `-cert, -key: client certificate, ${kind}`,
    serve: [...files.credential('ecdsa'), '--client-ca', files.ca],
    run: async (place) => {
      const { cert, key } = files.client(kind);
      checkPlayed(await client(place, files, [flag(version), '-cert', cert, '-key', key]), OK);
      await place.shows((events) => events.some(({ kind }) => kind === 'established'));
      const subject = place.events.find((event) => event.kind === 'established')?.clientCertificate;
      check(subject?.includes(`client ${kind}`) === true, `the server took the client for ${subject}`);
    },
  });
  const without = (version: Version, alert: string): Row => ({
    client: NAME,
    version,
    what: `no client certificate where one is required: ${alert}`,
    serve: [...files.credential('ecdsa'), '--client-ca', files.ca],
    run: async (place) => {
      const played = await client(place, files, [flag(version)]);
      check(!OK.test(played.output), 'the client was served');
      await checkRefused(place, alert);
    },
  });
  const requested = (version: Version): Row => ({
    client: NAME,
    version,
    what: 'no client certificate where one is only asked for',
    serve: [...files.credential('ecdsa'), '--client-ca', files.ca, '--client-auth', 'request'],
    run: async (place) => {
      checkPlayed(await client(place, files, [flag(version)]), OK);
      await checkEstablished(place, { clientCertificate: undefined });
      check(countMessages(place, 'CertificateRequest', 'out') === 1, 'no certificate was asked for');
    },
  });
  return [
    ...VERSIONS.flatMap((version) => KINDS.map((kind) => staple(version, kind))),
    ...VERSIONS.flatMap((version) => KINDS.map((kind) => withCertificate(version, kind))),
    without('1.2', 'handshake_failure'),
    without('1.3', 'certificate_required'),
    ...VERSIONS.map(requested),
  ];
}

const BODY = 5000;

function records(files: Files): Row[] {
  const row = (
    version: Version,
    what: string,
    args: readonly string[],
    run: Row['run'],
    serve: string[] = [],
  ): Row => ({
    client: NAME,
    version,
    what,
    serve: [...files.credential('rsa'), ...serve],
    run: async (place) => {
      const path = `/bytes/${BODY}`;
      const played = await client(place, files, [flag(version), ...args], {
        steps: [{ send: request(place, path), when: /Verify return code: 0/ }],
        endInput: false,
      });
      check(OK.test(played.output), `the client got no answer (exit code ${played.code})`);
      await run(place);
    },
  });
  const post = (version: Version, args: readonly string[]): Row => ({
    client: NAME,
    version,
    what: `${args.join(' ')}: what the client sends in pieces`,
    serve: files.credential('rsa'),
    run: async (place) => {
      const head = `POST /echo HTTP/1.1\r\nHost: ${place.host}\r\nContent-Length: ${BODY}\r\nConnection: close\r\n\r\n`;
      const steps = [{ send: head + 'x'.repeat(BODY), when: /Verify return code: 0/ }];
      const played = await client(place, files, [flag(version), ...args], { steps, endInput: false });
      check(OK.test(played.output) && played.output.includes('x'.repeat(1000)), 'the body did not come back');
      check(longestRecord(place, 'in') < 600, `a record of ${longestRecord(place, 'in')} bytes came`);
    },
  });
  const cbc = ['--ciphers', ALL_CIPHERS];
  const noEms = files.path('no-ems.cnf');
  writeFileSync(
    noEms,
    'openssl_conf=a\n[a]\nssl_conf=b\n[b]\nsystem_default=c\n[c]\nOptions=-ExtendedMasterSecret\nMinProtocol=TLSv1.2\n',
  );
  return [
    ...VERSIONS.flatMap((version) => [
      row(version, '-maxfraglen 512: records as small as the client asks', ['-maxfraglen', '512'], async (place) => {
        check(longestRecord(place, 'out') < 600, `a record of ${longestRecord(place, 'out')} bytes went out`);
      }),
      post(version, ['-max_send_frag', '512']),
      row(version, '-noservername', ['-noservername'], (place) => checkEstablished(place, { serverName: undefined })),
    ]),
    row('1.3', '-record_padding 1024', ['-record_padding', '1024'], async (place) => {
      check(longestRecord(place, 'in') > 1000, 'the client did not pad');
    }),
    row('1.3', '-no_middlebox', ['-no_middlebox'], async (place) => {
      check(!place.events.some(({ kind }) => kind === 'change_cipher_spec'), 'there was a ChangeCipherSpec');
    }),
    row(
      '1.2',
      'CBC with encrypt-then-MAC',
      ['-cipher', 'ECDHE-RSA-AES128-SHA'],
      (place) => checkEstablished(place, { encryptThenMac: true }),
      cbc,
    ),
    row(
      '1.2',
      'CBC with -no_etm',
      ['-cipher', 'ECDHE-RSA-AES128-SHA', '-no_etm'],
      (place) => checkEstablished(place, { encryptThenMac: undefined }),
      cbc,
    ),
    {
      client: NAME,
      version: '1.2',
      what: 'no extended master secret, and resumption without',
      serve: files.credential('rsa'),
      run: async (place) => {
        const env = { OPENSSL_CONF: noEms };
        checkPlayed(await client(place, files, ['-tls1_2', '-reconnect'], { env }), OK);
        await checkEstablished(
          place,
          { extendedMasterSecret: false },
          // RFC 7627 §5.3: a session without one is not resumed by us.
          ...Array.from({ length: 5 }, () => ({ extendedMasterSecret: false, resumed: undefined })),
        );
      },
    },
  ];
}

function refusals(files: Files): Row[] {
  const refused = (
    version: Version,
    what: string,
    alert: string,
    args: readonly string[],
    serve: readonly string[] = [],
  ): Row => ({
    client: NAME,
    version,
    what: `${what}: ${alert}`,
    serve: [...files.credential('rsa'), ...serve],
    run: async (place) => {
      const played = await client(place, files, args);
      check(played.code !== 0 && !OK.test(played.output), 'the client was served');
      await checkRefused(place, alert);
    },
  });
  const weak = ['-cipher', 'ALL:@SECLEVEL=0'];
  return [
    refused('1.2', '-tls1', 'protocol_version', ['-tls1', ...weak]),
    refused('1.2', '-tls1_1', 'protocol_version', ['-tls1_1', ...weak]),
    refused('1.2', '-tls1_2 where 1.3 is the least', 'protocol_version', ['-tls1_2'], ['--tls-min', '1.3']),
    refused('1.3', '-tls1_3 where 1.2 is the most', 'protocol_version', ['-tls1_3'], ['--tls-max', '1.2']),
    refused('1.2', '-fallback_scsv', 'inappropriate_fallback', ['-tls1_2', '-fallback_scsv']),
    refused('1.2', 'a CBC suite where none is enabled', 'handshake_failure', [
      '-tls1_2',
      '-cipher',
      'ECDHE-RSA-AES128-SHA',
    ]),
    refused('1.2', 'RSA key exchange', 'handshake_failure', ['-tls1_2', '-cipher', 'AES128-GCM-SHA256']),
    refused('1.2', 'groups that are not served', 'handshake_failure', ['-tls1_2', '-groups', 'P-521']),
    refused('1.3', 'groups that are not served', 'handshake_failure', ['-tls1_3', '-groups', 'P-521']),
    refused('1.3', 'signatures of another key', 'handshake_failure', ['-tls1_3', '-sigalgs', 'ed25519']),
    ...VERSIONS.flatMap((version) => [
      refused(version, 'an application protocol that is not spoken', 'no_application_protocol', [
        flag(version),
        '-alpn',
        'acme-tls/1',
      ]),
      refused(
        version,
        'an unknown name with --strict-sni',
        'unrecognized_name',
        [flag(version), '-servername', 'nobody.test'],
        ['--strict-sni'],
      ),
    ]),
    {
      client: NAME,
      version: '1.2',
      what: 'R: renegotiation: no_renegotiation',
      serve: files.credential('rsa'),
      run: async (place) => {
        const steps = [{ send: 'R\n', when: /Verify return code: 0/ }];
        const played = await client(place, files, ['-tls1_2'], { steps, endInput: false });
        check(/no renegotiation/.test(played.output), 'the client was not told');
        await checkRefused(place, 'no_renegotiation');
      },
    },
  ];
}
