// TLS 1.3 of `serve --mode tcp` and clients that others wrote: OpenSSL with each suite, group and kind of certificate, its
// sessions, key updates and certificates; curl and GnuTLS. The recording of all that replays identically.

import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { certificateFile, projectRoot, run, type Server, wirebench, withFolder, withServer } from '../support/live.js';
import { needCommands, testWith } from '../support/needs.js';

const test = suite('tls 1.3 live');

const REQUEST = 'GET / HTTP/1.1\\r\\nHost: wirebench.test\\r\\nConnection: close\\r\\n\\r\\n';
const SERVE = ['--mode', 'tcp', '--port', '0', '--log', 'none', '--tls-min', '1.3'];
const keyFile = (name: string): string => join(projectRoot, 'fixtures/keys', name);
const credential = (name: string): string[] => [
  '--cert',
  keyFile(`${name}.cert.pem`),
  '--key',
  keyFile(`${name}.key.pem`),
];

/** One HTTP/1.1 request through s_client; gives all that it printed. */
async function openssl(server: Server, args: readonly string[], request = REQUEST): Promise<string> {
  const command = `printf '${request}' | openssl s_client -connect 127.0.0.1:${server.tlsPort} -tls1_3 -ign_eof "$@" 2>&1`;
  const { stdout } = await run('sh', ['-c', command, 'sh', '-servername', 'wirebench.test', ...args], {
    timeoutMs: 20_000,
  });
  return stdout;
}

testWith(test, needCommands('openssl'), 'openssl: every suite with every group, by name', async () => {
  await withServer(SERVE, {}, async (server) => {
    for (const cipher of ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256']) {
      for (const group of ['X25519', 'P-256', 'P-384']) {
        const out = await openssl(server, ['-ciphersuites', cipher, '-groups', group, '-CAfile', certificateFile]);
        assert.match(out, `New, TLSv1.3, Cipher is ${cipher}`);
        assert.match(out, 'Verify return code: 0 (ok)');
        assert.match(out, 'HTTP/1.1 200 OK', `${cipher} ${group}`);
      }
    }
  });
});

testWith(test, needCommands('openssl'), 'openssl: every kind of certificate and signature', async () => {
  const certificates = [...credential('server'), ...credential('server-ecdsa'), ...credential('server-ed25519')];
  await withServer([...SERVE, ...certificates], {}, async (server) => {
    for (const [scheme, type] of [
      ['rsa_pss_rsae_sha256', 'RSA-PSS'],
      ['rsa_pss_rsae_sha384', 'RSA-PSS'],
      ['rsa_pss_rsae_sha512', 'RSA-PSS'],
      ['ecdsa_secp256r1_sha256', 'ECDSA'],
      ['ed25519', 'ed25519'],
    ] as const) {
      const out = await openssl(server, ['-sigalgs', scheme]);
      assert.match(out, `Peer signature type: ${type}`, scheme);
      assert.match(out, 'HTTP/1.1 200 OK', scheme);
    }
  });
});

testWith(
  test,
  needCommands('openssl'),
  'openssl: a session is resumed, and so it is with a HelloRetryRequest',
  async () => {
    await withFolder(async (folder) => {
      const session = join(folder, 'session.pem');
      await withServer(SERVE, {}, async (server) => {
        assert.match(await openssl(server, ['-sess_out', session]), 'New, TLSv1.3');
        assert.match(await openssl(server, ['-sess_in', session]), 'Reused, TLSv1.3');
        // Its first share is of a group that is not served.
        const retried = await openssl(server, ['-sess_in', session, '-groups', 'P-521:P-384']);
        assert.match(retried, 'Reused, TLSv1.3');
        assert.match(retried, 'secp384r1');
      });
    });
  },
);

testWith(test, needCommands('openssl'), 'openssl: key updates, with and without ours', async () => {
  await withServer(SERVE, {}, async (server) => {
    const keepAlive = 'GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n';
    const script =
      `(sleep 0.3; echo K; sleep 0.2; printf '${keepAlive}'; sleep 0.3; echo k; sleep 0.2; printf '${REQUEST}'; sleep 0.5)` +
      ` | openssl s_client -connect 127.0.0.1:${server.tlsPort} -tls1_3 -msg 2>&1`;
    const { stdout } = await run('sh', ['-c', script], { timeoutMs: 20_000 });
    assert.is(stdout.match(/^HTTP\/1\.1 200 OK/gm)?.length, 2);
    assert.is(stdout.match(/^>>> .*KeyUpdate/gm)?.length, 2);
    assert.is(stdout.match(/^<<< .*KeyUpdate/gm)?.length, 1);
  });
});

testWith(test, needCommands('openssl'), 'openssl: a client certificate is asked for, taken and required', async () => {
  await withFolder(async (folder) => {
    const made = await wirebench(['cert', '--out', folder, '--type', 'ecdsa', '--client', 'alice', 'wirebench.test']);
    assert.is(made.code, 0, made.stderr);
    const file = (name: string): string => join(folder, name);
    await withServer([...SERVE, '--client-ca', file('ca.cert.pem')], {}, async (server) => {
      const out = await openssl(server, ['-cert', file('client.cert.pem'), '-key', file('client.key.pem')]);
      assert.match(out, 'HTTP/1.1 200 OK');
      assert.match(out, 'alice');
      assert.match(await openssl(server, []), 'certificate required');
    });
  });
});

testWith(test, needCommands('curl', 'openssl'), 'curl, and a recording of all that replays identically', async () => {
  await withFolder(async (folder) => {
    const file = join(folder, 'r.pcapng');
    const session = join(folder, 'session.pem');
    const end = await withServer([...SERVE, '--record', file], {}, async (server) => {
      const curl = (...args: string[]) =>
        run('curl', ['-sS', '--tlsv1.3', '--cacert', certificateFile, '--max-time', '20', ...args]);
      const base = `https://127.0.0.1:${server.tlsPort}`;
      const page = await curl('--http2', `${base}/`, `${base}/headers`);
      assert.is(page.code, 0, page.stderr);
      assert.match(page.stdout, 'TLS1.3');
      const body = await curl('--http1.1', '-o', '/dev/null', '-w', '%{size_download}', `${base}/bytes/300000`);
      assert.is(body.stdout, '300000', body.stderr);
      const retried = await curl('--curves', 'P-521:P-256', `${base}/`);
      assert.match(retried.stdout, 'secp256r1', retried.stderr);
      await openssl(server, ['-sess_out', session]);
      assert.match(await openssl(server, ['-sess_in', session]), 'Reused');
    });
    assert.is(end.code, 130, end.stderr);
    const replay = await wirebench(['replay', file]);
    assert.is(replay.code, 0, replay.stdout + replay.stderr);
    assert.match(replay.stdout, /all identical\n$/);
  });
});

testWith(test, needCommands('gnutls-cli'), 'gnutls-cli: a handshake and a resumption', async () => {
  await withServer(SERVE, {}, async (server) => {
    const args = ['--insecure', '--resume', '-p', `${server.tlsPort}`, '127.0.0.1', '--priority'];
    const { stdout, stderr } = await run('gnutls-cli', [...args, 'NORMAL:-VERS-ALL:+VERS-TLS1.3'], {
      timeoutMs: 20_000,
    });
    assert.match(stdout, 'TLS1.3-X.509', stderr);
    assert.match(stdout, 'This is a resumed session');
  });
});

testWith(
  test,
  [...needCommands('curl', 'tshark')],
  'tshark reads a recording of TLS 1.3 without a key file',
  async () => {
    await withFolder(async (folder) => {
      const file = join(folder, 'r.pcapng');
      await withServer([...SERVE, '--record', file], {}, async (server) => {
        const url = `https://127.0.0.1:${server.tlsPort}/headers`;
        const out = await run('curl', ['-sS', '--http2', '--cacert', certificateFile, url]);
        assert.is(out.code, 0, out.stderr);
      });
      const shark = await run('tshark', [
        '-r',
        file,
        '-Y',
        'http2.headers.path',
        '-T',
        'fields',
        '-e',
        'http2.headers.path',
      ]);
      assert.match(shark.stdout, '/headers', shark.stderr);
    });
  },
);

test.run();
