// `wirebench cert`: its options, its files, and that others take what it makes.

import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseArguments, UsageError } from '../../src/cli/arguments.js';
import { cert } from '../../src/cli/cert.js';
import type { CertOptions } from '../../src/cli/cert-options.js';
import { FileError } from '../../src/io/errors.js';
import { loadCredential } from '../../src/io/node-crypto.js';
import { authority, ecdsaKeys, keyPem } from '../support/certificates.js';
import { run, wirebench, withFolder, withServer } from '../support/live.js';
import { needCommands, testWith } from '../support/needs.js';

function parse(line: string): CertOptions {
  const result = parseArguments(['cert', ...(line === '' ? [] : line.split(' '))], {});
  if (result.command !== 'cert') throw new Error(line);
  return result.options;
}

/** Runs the command; what it printed. */
async function make(line: string): Promise<string> {
  let text = '';
  assert.is(await cert(parse(line), (part) => (text += part)), 0);
  return text;
}

const DEFAULTS: CertOptions = {
  names: ['localhost', 'wirebench.test'],
  addresses: ['127.0.0.1', '::1', '10.0.0.2', 'fd00::2'],
  out: './wirebench-certs',
  types: ['rsa'],
  days: 365,
  client: undefined,
  issuer: undefined,
  ocsp: false,
};

const ACCEPTED: readonly [line: string, expected: Partial<CertOptions>][] = [
  ['', {}],
  ['a.test', { names: ['a.test'], addresses: [] }],
  ['*.A.test fd00::1 a.test 10.0.0.9 a.test', { names: ['*.a.test', 'a.test'], addresses: ['fd00::1', '10.0.0.9'] }],
  ['--type ecdsa', { types: ['ecdsa'] }],
  ['--type ed25519 --type rsa', { types: ['rsa', 'ed25519'] }],
  ['--type all', { types: ['rsa', 'ecdsa', 'ed25519'] }],
  ['--days 1 --out x', { days: 1, out: 'x' }],
  ['--client alice --ocsp', { client: 'alice', ocsp: true }],
  ['--ocsp a.test', { ocsp: true, names: ['a.test'], addresses: [] }],
  ['--ca c --ca-key k', { issuer: { ca: 'c', caKey: 'k' } }],
];
for (const [line, expected] of ACCEPTED) {
  test(`accepts: cert ${line}`, () => assert.equal(parse(line), { ...DEFAULTS, ...expected }));
}

const NAMES =
  'Names are ASCII (like www.example.test, *.example.test or xn--bcher-kva.test), addresses like 192.0.2.1 or fd00::2.';
const REJECTED: readonly [argv: readonly string[], message: string, suggestion?: string][] = [
  [['bücher.test'], 'cert: "b\\u00fccher.test" is neither a DNS name nor an IP address', NAMES],
  [['10.0.0.256'], 'cert: "10.0.0.256" is neither a DNS name nor an IP address', NAMES],
  [['a..b'], 'cert: "a..b" is neither a DNS name nor an IP address', NAMES],
  [['www.*.test'], 'cert: "www.*.test" is neither a DNS name nor an IP address', NAMES],
  [['-- ', ''], 'unknown option "-- "'],
  [['--', ''], 'cert: "" is neither a DNS name nor an IP address', NAMES],
  [['--type', 'dsa'], '--type: "dsa" is not one of rsa, ecdsa, ed25519, all', 'Did you mean rsa?'],
  [['--days', '0'], '--days: 0 is out of range (1 to 3650)'],
  [['--days', '3651'], '--days: 3651 is out of range (1 to 3650)'],
  [['--ca', 'c'], '--ca needs --ca-key'],
  [['--ca-key', 'k'], '--ca-key needs --ca'],
  [['--out='], '--out: "" is no file name'],
  [['--client', ' '], '--client: " " is no name of a client (ASCII, at most 64 characters)'],
  [['--ocsp=file'], '--ocsp is a switch and takes no value, but "file" was given'],
  [['--seed', '1'], '--seed is no option of cert', 'It is one of serve, replay and record.'],
];
for (const [argv, message, suggestion] of REJECTED) {
  test(`rejects: cert ${argv.join(' ')}`, () => {
    try {
      parseArguments(['cert', ...argv], {});
    } catch (error) {
      assert.instance(error, UsageError);
      assert.is((error as UsageError).message, message);
      assert.is((error as UsageError).suggestion, suggestion);
      return;
    }
    assert.unreachable('accepted');
  });
}

test('makes a CA and the certificates asked for, each with its key, all said to be for tests', async () => {
  await withFolder(async (folder) => {
    const out = join(folder, 'new', 'certs');
    const said = await make(
      `a.test *.b.test 192.0.2.1 fd00::9 --type all --client alice --ocsp --days 10 --out ${out}`,
    );
    const files = readdirSync(out).sort();
    assert.equal(files, [
      'ca.cert.pem',
      'ca.key.pem',
      'client.cert.pem',
      'client.key.pem',
      ...['ecdsa', 'ed25519', 'rsa'].flatMap((type) => [
        `server-${type}.cert.pem`,
        `server-${type}.key.pem`,
        `server-${type}.ocsp.der`,
      ]),
    ]);
    const read = (name: string): string => readFileSync(join(out, name), 'utf8');
    const ca = new X509Certificate(read('ca.cert.pem'));
    assert.ok(ca.ca);
    const serials = new Set<string>();
    for (const name of files) {
      assert.ok(said.includes(join(out, name)), name);
      const mode = statSync(join(out, name)).mode & 0o777;
      if (name.endsWith('.key.pem')) assert.is(mode, 0o600, name);
      if (name.endsWith('.pem')) assert.match(read(name).split('\n')[0]!, /For tests only/);
    }
    for (const type of ['rsa', 'ecdsa', 'ed25519'] as const) {
      const ocsp = new Uint8Array(readFileSync(join(out, `server-${type}.ocsp.der`)));
      const credential = loadCredential(read(`server-${type}.cert.pem`), read(`server-${type}.key.pem`), ocsp);
      assert.is(credential.key.type, type);
      assert.equal(credential.names, ['a.test', '*.b.test']);
      const leaf = new X509Certificate(read(`server-${type}.cert.pem`));
      assert.ok(leaf.verify(ca.publicKey) && leaf.checkIssued(ca) && !leaf.ca);
      assert.is(leaf.checkHost('www.b.test'), '*.b.test');
      assert.is(leaf.checkIP('192.0.2.1'), '192.0.2.1');
      assert.ok(leaf.checkIP('fd00::9'));
      assert.equal(leaf.keyUsage, ['1.3.6.1.5.5.7.3.1']);
      const days = (Date.parse(leaf.validTo) - Date.now()) / 86_400_000;
      assert.ok(days > 9.9 && days <= 10, `${days} days`);
      assert.ok(Date.parse(leaf.validFrom) < Date.now() - 60_000, 'clocks that are behind');
      serials.add(leaf.serialNumber);
    }
    assert.is(serials.size, 3);
    const alice = new X509Certificate(read('client.cert.pem'));
    assert.equal(alice.keyUsage, ['1.3.6.1.5.5.7.3.2']);
    assert.match(alice.subject, /^CN=alice$/m);
    assert.match(said, /wirebench serve --mode tcp --cert /);
    assert.match(said, /curl --cacert /);
  });
});

test('never writes over a file, and leaves nothing behind then', async () => {
  await withFolder(async (folder) => {
    writeFileSync(join(folder, 'server-rsa.key.pem'), 'mine');
    try {
      await make(`--out ${folder}`);
      assert.unreachable('it wrote');
    } catch (error) {
      assert.instance(error, FileError);
      assert.is((error as Error).message, `${join(folder, 'server-rsa.key.pem')}: is there already`);
    }
    assert.equal(readdirSync(folder), ['server-rsa.key.pem']);
    assert.is(readFileSync(join(folder, 'server-rsa.key.pem'), 'utf8'), 'mine');
    const finished = await wirebench(['cert', '--out', folder]);
    assert.is(finished.code, 3);
    assert.is(finished.stdout, '');
    assert.match(finished.stderr, /server-rsa\.key\.pem: is there already\n.*nothing was written/);
  });
});

test('a folder that cannot be written is named', async () => {
  await withFolder(async (folder) => {
    writeFileSync(join(folder, 'file'), '');
    try {
      await make(`--out ${join(folder, 'file')}`);
      assert.unreachable('it wrote');
    } catch (error) {
      assert.instance(error, FileError);
      assert.match((error as Error).message, /cannot be written \(\w+\)$/);
    }
    assert.equal(readdirSync(folder), ['file']);
  });
});

test('--ca signs with what was made before, and nothing outlives its CA', async () => {
  await withFolder(async (folder) => {
    await make(`a.test --days 5 --out ${folder}`);
    const ca = `--ca ${join(folder, 'ca.cert.pem')} --ca-key ${join(folder, 'ca.key.pem')}`;
    const more = join(folder, 'more');
    await make(`b.test --type ecdsa --days 100 ${ca} --out ${more}`);
    assert.equal(readdirSync(more).sort(), ['server-ecdsa.cert.pem', 'server-ecdsa.key.pem']);
    const issuer = new X509Certificate(readFileSync(join(folder, 'ca.cert.pem')));
    const leaf = new X509Certificate(readFileSync(join(more, 'server-ecdsa.cert.pem')));
    assert.ok(leaf.checkIssued(issuer) && leaf.verify(issuer.publicKey));
    assert.is(leaf.validTo, issuer.validTo);
  });
});

test('--ca that is none, has expired, or has another key is refused', async () => {
  await withFolder(async (folder) => {
    await make(`a.test --type all --out ${folder}`);
    const file = (name: string): string => join(folder, name);
    const old = await authority('old', {
      notBefore: new Date('2020-01-01T00:00:00Z'),
      notAfter: new Date('2021-01-01T00:00:00Z'),
    });
    writeFileSync(file('old.pem'), old.pem);
    writeFileSync(file('old.key.pem'), keyPem(old));
    for (const [ca, key, message] of [
      ['nothing.pem', 'ca.key.pem', /nothing\.pem: cannot be read \(ENOENT\)/],
      ['ca.key.pem', 'ca.key.pem', /holds no certificate/],
      ['ca.cert.pem', 'ca.cert.pem', /holds no private key/],
      ['server-rsa.cert.pem', 'server-rsa.key.pem', /is no CA certificate/],
      ['ca.cert.pem', 'server-rsa.key.pem', /is not the private key of/],
      ['old.pem', 'old.key.pem', /has expired/],
    ] as const) {
      try {
        await make(`b.test --ca ${file(ca)} --ca-key ${file(key)} --out ${file('out')}`);
        assert.unreachable(`${ca} was taken`);
      } catch (error) {
        assert.instance(error, FileError);
        assert.match((error as Error).message, message);
      }
      assert.not(existsSync(file('out')));
    }
  });
});

function openssl(...args: string[]): string {
  const { stdout, stderr, status } = spawnSync('openssl', args, { encoding: 'utf8' });
  return `${status} ${stdout}${stderr}`;
}

testWith(
  test,
  needCommands('openssl'),
  'openssl verify takes all of it, strictly, and the OCSP responses',
  async () => {
    await withFolder(async (folder) => {
      await make(`--type all --client alice --ocsp --out ${folder}`);
      const file = (name: string): string => join(folder, name);
      const ca = ['-CAfile', file('ca.cert.pem')];
      for (const type of ['rsa', 'ecdsa', 'ed25519']) {
        const server = file(`server-${type}.cert.pem`);
        for (const name of [
          ['-verify_hostname', 'localhost'],
          ['-verify_ip', 'fd00::2'],
        ]) {
          assert.match(
            openssl('verify', '-x509_strict', '-purpose', 'sslserver', ...name, ...ca, server),
            /^0 .*: OK/s,
          );
        }
        const asked = ['-issuer', file('ca.cert.pem'), '-cert', server, '-respin', file(`server-${type}.ocsp.der`)];
        assert.match(openssl('ocsp', ...asked, ...ca), /^0 .*: good.*Response verify OK/s);
      }
      assert.match(
        openssl('verify', '-x509_strict', '-purpose', 'sslclient', ...ca, file('client.cert.pem')),
        /^0 .*: OK/s,
      );
    });
  },
);

testWith(test, needCommands('openssl'), 'openssl verify takes certificates of CAs of every kind of key', async () => {
  await withFolder(async (folder) => {
    const file = (name: string): string => join(folder, name);
    for (const [kind, ...algorithm] of [
      ['p384', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384'],
      ['p256', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
      ['ed25519', 'ed25519'],
      ['rsa', 'rsa:3072'],
    ] as const) {
      const subject = '/C=JP/O=Ünïcode & Co/CN=given CA';
      const key = ['-newkey', ...algorithm, '-nodes', '-keyout', file(`${kind}.key`), '-out', file(`${kind}.pem`)];
      const extra = ['-addext', 'keyUsage=critical,keyCertSign,cRLSign', '-utf8', '-days', '5', '-subj', subject];
      assert.match(openssl('req', '-x509', ...key, ...extra), /^0 /);
      await make(`a.test --ocsp --ca ${file(`${kind}.pem`)} --ca-key ${file(`${kind}.key`)} --out ${file(kind)}`);
      const server = join(file(kind), 'server-rsa.cert.pem');
      const ca = ['-CAfile', file(`${kind}.pem`)];
      assert.match(openssl('verify', '-x509_strict', ...ca, server), /^0 .*: OK/s);
      const asked = ['-issuer', file(`${kind}.pem`), '-cert', server];
      const response = ['-respin', join(file(kind), 'server-rsa.ocsp.der')];
      assert.match(openssl('ocsp', ...asked, ...response, ...ca), /^0 .*: good/s);
    }
  });
});

test('a given CA that is no root goes with the certificates it signs', async () => {
  await withFolder(async (folder) => {
    const times = { notBefore: new Date(Date.now() - 1e6), notAfter: new Date(Date.now() + 1e9) };
    const root = await authority('root', { ...times, keys: await ecdsaKeys('P-384') });
    const middle = await authority('middle', { ...times, issuer: root });
    writeFileSync(join(folder, 'middle.pem'), middle.pem);
    writeFileSync(join(folder, 'middle.key'), keyPem(middle));
    const out = join(folder, 'out');
    mkdirSync(out);
    await make(`a.test --ca ${join(folder, 'middle.pem')} --ca-key ${join(folder, 'middle.key')} --out ${out}`);
    const pem = readFileSync(join(out, 'server-rsa.cert.pem'), 'utf8');
    const { chain } = loadCredential(pem, readFileSync(join(out, 'server-rsa.key.pem'), 'utf8'));
    assert.is(chain.length, 2);
    assert.ok(Buffer.from(chain[1]!).equals(Buffer.from(middle.der)));
  });
});

testWith(
  test,
  needCommands('curl'),
  'curl takes what serve serves with it, by the commands that are printed',
  async () => {
    await withFolder(async (folder) => {
      const said = await make(`a.test --out ${folder}`);
      const serveLine = /wirebench serve (.*)/.exec(said)![1]!.split(' ');
      const curlLine = /curl (.*)/.exec(said)![1]!.split(' ');
      await withServer([...serveLine, '--port', '0', '--log', 'none'], {}, async ({ tlsPort }) => {
        const args = curlLine.map((word) => word.replaceAll('8443', `${tlsPort}`));
        const page = await run('curl', ['-sS', '--max-time', '20', ...args]);
        assert.is(page.stderr, '');
        assert.match(page.stdout, /wirebench/);
        const untrusted = await run('curl', ['-sS', '--max-time', '20', ...args.slice(2)]);
        assert.is(untrusted.code, 60, 'and nobody else trusts it');
      });
    });
  },
);

test.run();
