// curl, as its package has it (OpenSSL): versions, HTTP/1.1 and HTTP/2, certificates of every kind, client certificates.

import { readFileSync, writeFileSync } from 'node:fs';
import { type Files, KINDS, type Place, type Played } from './place.js';
import {
  type Client,
  check,
  checkEstablished,
  checkPlayed,
  checkRefused,
  GROUPS,
  type Row,
  SUITES,
  type Version,
} from './row.js';

const NAME = 'curl';

export const curl: Client = {
  name: NAME,
  commands: ['curl'],
  version: ['curl', '--version'],
  rows: (files) => [...protocols(files), ...suites(files), ...certificates(files)],
};

function get(place: Place, files: Files, args: readonly string[], path = '/bytes/3000'): Promise<Played> {
  const fixed = ['-sS', '--max-time', '15', '--cacert', files.ca, '-o', '/dev/null'];
  const url = `https://${place.address}${path}`;
  return place.play('curl', [...fixed, '-w', '%{http_code} %{http_version} %{size_download}', ...args, url]);
}

const VERSIONS: readonly Version[] = ['1.2', '1.3'];
const flags = (version: Version): string[] =>
  version === '1.2' ? ['--tlsv1.2', '--tls-max', '1.2'] : ['--tlsv1.3', '--tls-max', '1.3'];

function protocols(files: Files): Row[] {
  const http = [
    { flag: '--http1.1', alpn: 'http/1.1', version: '1.1' },
    { flag: '--http2', alpn: 'h2', version: '2' },
  ];
  return VERSIONS.flatMap((version) =>
    KINDS.flatMap((kind) =>
      http.map(
        ({ flag, alpn, version: httpVersion }): Row => ({
          client: NAME,
          version,
          what: `${flag}, ${kind} certificate`,
          serve: files.credential(kind),
          run: async (place) => {
            const played = await get(place, files, [...flags(version), flag]);
            checkPlayed(played, new RegExp(`^200 ${httpVersion} 3000$`));
            await checkEstablished(place, { version: `TLS${version}`, alpn });
          },
        }),
      ),
    ),
  );
}

function suites(files: Files): Row[] {
  return SUITES.filter(({ cbc }) => !cbc).map((suite, index): Row => {
    const group = GROUPS[index % GROUPS.length]!;
    const which = suite.version === '1.2' ? '--ciphers' : '--tls13-ciphers';
    const curves = suite.version === '1.2' && suite.kinds[0] === 'ecdsa' ? 'P-256' : group.openssl;
    return {
      client: NAME,
      version: suite.version,
      what: `${which} ${suite.openssl} --curves ${curves}`,
      serve: files.credential(suite.kinds[0]!),
      run: async (place) => {
        const args = [...flags(suite.version), which, suite.openssl, '--curves', curves];
        checkPlayed(await get(place, files, args), /^200 2 3000$/);
        await checkEstablished(place, { cipherSuite: suite.iana });
      },
    };
  });
}

function certificates(files: Files): Row[] {
  const chain = files.path('chain.pem');
  const [, leaf, ...rest] = files.credential('rsa');
  writeFileSync(chain, readFileSync(leaf!, 'utf8') + readFileSync(files.ca, 'utf8'));
  const withCa = ['--cert', chain, ...rest];
  return VERSIONS.flatMap((version): Row[] => [
    {
      client: NAME,
      version,
      what: '--cert-status: OCSP response (the chain with its CA, where curl looks for the issuer)',
      serve: withCa,
      run: async (place) => checkPlayed(await get(place, files, [...flags(version), '--cert-status']), /^200 2 3000$/),
    },
    {
      client: NAME,
      version,
      what: '--cert, --key: client certificate',
      serve: [...files.credential('rsa'), '--client-ca', files.ca],
      run: async (place) => {
        const { cert, key } = files.client('rsa');
        checkPlayed(await get(place, files, [...flags(version), '--cert', cert, '--key', key]), /^200 2 3000$/);
      },
    },
    {
      client: NAME,
      version,
      what: 'no client certificate where one is required',
      serve: [...files.credential('rsa'), '--client-ca', files.ca],
      run: async (place) => {
        const played = await get(place, files, flags(version));
        check(played.code !== 0, 'curl was served');
        await checkRefused(place, version === '1.2' ? 'handshake_failure' : 'certificate_required');
      },
    },
  ]);
}
