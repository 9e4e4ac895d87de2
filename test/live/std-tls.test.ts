// The TLS options in mode std, where Node's own TLS carries them out: what `openssl s_client` and curl see of them.

import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Finished, run, type Server, wirebench, withFolder, withServer } from '../support/live.js';
import { needCommands, testWith } from '../support/needs.js';

const test = suite('std mode, TLS options');
const needs = needCommands('openssl', 'curl');

/** Certificates of every kind for a.test, and of ECDSA for b.test. */
async function withCertificates(body: (file: (name: string) => string) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const made = await wirebench(['cert', 'a.test', '--type', 'all', '--client', 'alice', '--ocsp', '--out', folder]);
    assert.is(made.code, 0, made.stderr);
    const ca = ['--ca', join(folder, 'ca.cert.pem'), '--ca-key', join(folder, 'ca.key.pem')];
    const more = ['b.test', '--type', 'ecdsa', '--out', join(folder, 'b'), ...ca];
    assert.is((await wirebench(['cert', ...more])).code, 0);
    await body((name) => join(folder, name));
  });
}

const credential = (file: string): string[] => ['--cert', `${file}.cert.pem`, '--key', `${file}.key.pem`];

function std(args: readonly string[], body: (server: Server) => Promise<void>): Promise<Finished> {
  return withServer(['--mode', 'std', '--port', '0', ...args], {}, body);
}

function ask({ tlsPort }: Server, ca: string, ...args: string[]): Promise<Finished> {
  const shared = ['-connect', `localhost:${tlsPort}`, '-CAfile', ca, '-servername', 'a.test'];
  return run('openssl', ['s_client', ...shared, ...args], { timeoutMs: 20_000 });
}

testWith(test, needs, 'versions, suites, groups and OCSP responses', async () => {
  await withCertificates(async (file) => {
    const ca = file('ca.cert.pem');
    const rsa = [...credential(file('server-rsa')), '--ocsp', file('server-rsa.ocsp.der')];
    await std(rsa, async (server) => {
      const usual = await ask(server, ca, '-status');
      assert.match(usual.stdout, /New, TLSv1\.3, Cipher is TLS_AES_128_GCM_SHA256/);
      assert.match(usual.stdout, /OCSP Response Status: successful/);
      assert.match(usual.stdout, /Cert Status: good/);
      assert.match(usual.stdout, /Verify return code: 0/);
      assert.match((await ask(server, ca, '-tls1_2')).stdout, /TLSv1\.2, Cipher is ECDHE-RSA-AES128-GCM-SHA256/);
    });
    const limits = ['--tls-max', '1.2', '--ciphers', 'ECDHE-RSA-CHACHA20-POLY1305', '--groups', 'P-384'];
    await std([...credential(file('server-rsa')), ...limits], async (server) => {
      const limited = await ask(server, ca, '-status');
      assert.match(limited.stdout, /TLSv1\.2, Cipher is ECDHE-RSA-CHACHA20-POLY1305/);
      assert.match(limited.stdout, /Server Temp Key: ECDH, (P-384|secp384r1)/);
      assert.match(limited.stdout, /OCSP response: no response sent/);
      assert.is.not((await ask(server, ca, '-tls1_3')).code, 0);
    });
  });
});

testWith(test, needs, 'the certificate of the server that is named, and the first for any other', async () => {
  await withCertificates(async (file) => {
    const ca = file('ca.cert.pem');
    await std([...credential(file('server-ed25519')), ...credential(file('b/server-ecdsa'))], async (server) => {
      assert.match((await ask(server, ca)).stdout, /Peer signature type: ed25519/i);
      assert.match((await ask(server, ca, '-servername', 'b.test')).stdout, /Peer signature type: ECDSA/);
      assert.match((await ask(server, ca, '-servername', 'c.test')).stdout, /Peer signature type: ed25519/i);
    });
  });
});

testWith(test, needs, 'client certificates, asked for and required', async () => {
  await withCertificates(async (file) => {
    const ca = file('ca.cert.pem');
    const alice = ['--cert', file('client.cert.pem'), '--key', file('client.key.pem')];
    const get = ({ tlsPort }: Server, ...args: string[]): Promise<Finished> => {
      const to = ['--connect-to', `a.test:${tlsPort}:localhost:${tlsPort}`, `https://a.test:${tlsPort}/status/200`];
      return run('curl', ['-sS', '--max-time', '20', '--cacert', ca, '-w', '%{http_code}', ...args, ...to]);
    };
    const options = [...credential(file('server-rsa')), '--client-ca', ca];
    await std(options, async (server) => {
      assert.match((await get(server, ...alice)).stdout, /200$/);
      assert.is.not((await get(server)).code, 0);
    });
    await std([...options, '--client-auth', 'request'], async (server) => {
      assert.match((await get(server, ...alice)).stdout, /200$/);
      assert.match((await get(server)).stdout, /200$/);
    });
  });
});

test.run();
