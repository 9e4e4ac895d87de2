// `wirebench cert`: makes a CA for tests and certificates of it. Nothing is overwritten and nothing half written: all is
// made in memory, written under other names, and then put in place.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { closeSync, existsSync, linkSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT, FileError } from '../io/errors.js';
import { type Issuer, type Made, makeCa, makeEndEntity, makeOcspResponse, type Validity } from '../io/x509.js';
import type { CertOptions } from './cert-options.js';
import { version } from './version.js';

interface NewFile {
  readonly name: string;
  readonly content: string | Uint8Array;
  /** Only its owner may read it. */
  readonly secret: boolean;
  /** What to say about it. */
  readonly what: string;
}

const DAY_MS = 86_400_000;
/** Clocks of clients may be behind. */
const BACKDATED_MS = 3_600_000;

export async function cert(options: CertOptions, print: (text: string) => void): Promise<number> {
  const now = Math.floor(Date.now() / 1000) * 1000;
  const asked: Validity = { notBefore: new Date(now - BACKDATED_MS), notAfter: new Date(now + options.days * DAY_MS) };
  const ca = options.issuer === undefined ? await makeCa(asked) : readIssuer(options.issuer, now);
  // RFC 5280 §6.1.3: a certificate that outlives its CA is of no use then.
  const notAfter = asked.notAfter > ca.notAfter ? ca.notAfter : asked.notAfter;
  const files = await makeFiles(options, ca, { ...asked, notAfter });
  writeAll(options.out, files);

  const at = (name: string): string => shellWord(join(options.out, name));
  for (const { name, what } of files) print(`${join(options.out, name)}: ${what}\n`);
  print(`valid until ${notAfter.toISOString().slice(0, 10)}, for tests only\n\nto serve with them:\n`);
  const credentials = options.types.map((type) => {
    const ocsp = options.ocsp ? ` --ocsp ${at(`server-${type}.ocsp.der`)}` : '';
    return `--cert ${at(`server-${type}.cert.pem`)} --key ${at(`server-${type}.key.pem`)}${ocsp}`;
  });
  const caFile = options.issuer === undefined ? at('ca.cert.pem') : shellWord(options.issuer.ca);
  const clientAuth = options.client === undefined ? '' : ` --client-ca ${caFile}`;
  print(`  wirebench serve --mode tcp ${credentials.join(' ')}${clientAuth}\n`);
  print(`to ask:\n  ${curlCommand(options, caFile, at)}\n`);
  return EXIT.ok;
}

/** `serve --mode tcp` listens on 127.0.0.1: another name needs to be told where it is. */
function curlCommand(options: CertOptions, caFile: string, at: (name: string) => string): string {
  const client = options.client === undefined ? '' : ` --cert ${at('client.cert.pem')} --key ${at('client.key.pem')}`;
  const curl = `curl --cacert ${caFile}${client}`;
  if (options.addresses.includes('127.0.0.1')) return `${curl} https://127.0.0.1:8443/`;
  if (options.names.includes('localhost')) return `${curl} https://localhost:8443/`;
  const name = options.names[0]?.replace('*', 'www');
  if (name !== undefined) return `${curl} --connect-to ${name}:8443:127.0.0.1:8443 https://${name}:8443/`;
  const address = options.addresses[0]!;
  const host = address.includes(':') ? `[${address}]` : address;
  return `${curl} --connect-to ${shellWord(`${host}:8443:127.0.0.1:8443`)} ${shellWord(`https://${host}:8443/`)}`;
}

async function makeFiles(options: CertOptions, ca: Issuer, validity: Validity): Promise<NewFile[]> {
  const files: NewFile[] = [];
  if (options.issuer === undefined) {
    const warning =
      'Trust it where you test and nowhere else: who has ca.key.pem can be anybody for those who trust it.';
    files.push(...pair('ca', ca, [], 'a CA certificate, RSA', warning));
  }
  // What is between the certificate and a root has to be sent with it.
  const chain = isSelfSigned(ca) ? [] : [ca.certificate];
  const names = [...options.names, ...options.addresses].join(', ');
  for (const type of options.types) {
    const server = await makeEndEntity(
      ca,
      type,
      { use: 'server', names: options.names, addresses: options.addresses },
      validity,
    );
    files.push(...pair(`server-${type}`, server, chain, `a server certificate, ${KEY_NAMES[type]}, for ${names}`));
    if (options.ocsp) {
      files.push({
        name: `server-${type}.ocsp.der`,
        content: makeOcspResponse(ca, server.certificate, validity),
        secret: false,
        what: `an OCSP response: server-${type}.cert.pem is good`,
      });
    }
  }
  if (options.client !== undefined) {
    const client = await makeEndEntity(ca, options.types[0]!, { use: 'client', name: options.client }, validity);
    files.push(...pair('client', client, chain, `a client certificate, ${KEY_NAMES[options.types[0]!]}`));
  }
  return files;
}

const KEY_NAMES = { rsa: 'RSA', ecdsa: 'ECDSA P-256', ed25519: 'Ed25519' } as const;

/** A certificate and its key as PEM, with a line on top that says what they are. */
function pair(name: string, made: Made, chain: readonly Uint8Array[], what: string, warning?: string): NewFile[] {
  const by = `Made by wirebench cert ${version()}.`;
  const certificates = [made.certificate, ...chain].map(certificatePem).join('');
  const key = made.key.export({ type: 'pkcs8', format: 'pem' });
  const lines = [`wirebench test: ${what}. For tests only. ${by}`, ...(warning === undefined ? [] : [warning]), '', ''];
  return [
    { name: `${name}.cert.pem`, content: lines.join('\n') + certificates, secret: false, what },
    {
      name: `${name}.key.pem`,
      content: `wirebench test: the private key of ${name}.cert.pem. For tests only. ${by}\n\n${key}`,
      secret: true,
      what: 'its private key',
    },
  ];
}

function certificatePem(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function isSelfSigned(ca: Issuer): boolean {
  const certificate = new X509Certificate(ca.certificate);
  return certificate.checkIssued(certificate);
}

/** A CA that was given: its certificate, and the key that belongs to it. */
function readIssuer({ ca, caKey }: { readonly ca: string; readonly caKey: string }, nowMs: number): Issuer {
  const read = <Value>(file: string, parse: (pem: string) => Value, what: string): Value => {
    let pem: string;
    try {
      pem = readFileSync(file, 'utf8');
    } catch (error) {
      throw new FileError(file, `cannot be read (${(error as NodeJS.ErrnoException).code})`, 'check the path');
    }
    try {
      return parse(pem);
    } catch {
      throw new FileError(file, `holds no ${what} in PEM that can be read`, 'check the file');
    }
  };
  const certificate = read(ca, (pem) => new X509Certificate(pem), 'certificate');
  const key = read(caKey, (pem) => createPrivateKey(pem), 'private key');
  if (!certificate.ca) {
    throw new FileError(ca, 'is no CA certificate', 'name one with CA:TRUE, or leave --ca out to make one');
  }
  if (!certificate.checkPrivateKey(key)) {
    throw new FileError(caKey, `is not the private key of ${ca}`, 'name the key that belongs to the CA');
  }
  const kind = key.asymmetricKeyDetails?.namedCurve ?? key.asymmetricKeyType;
  if (kind !== 'rsa' && kind !== 'prime256v1' && kind !== 'secp384r1' && kind !== 'ed25519') {
    throw new FileError(caKey, `is a key of ${kind}`, 'a CA has an RSA, P-256, P-384 or Ed25519 key here');
  }
  const notAfter = new Date(certificate.validTo);
  if (notAfter.getTime() <= nowMs) throw new FileError(ca, `has expired (${certificate.validTo})`, 'make a new CA');
  return { certificate: new Uint8Array(certificate.raw), key, notAfter };
}

/** All or nothing, and never over a file that is there. */
function writeAll(folder: string, files: readonly NewFile[]): void {
  for (const { name } of files) if (existsSync(join(folder, name))) throw isThere(join(folder, name));
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw unwritable(folder, error);
  }
  const made: string[] = [];
  const placed: string[] = [];
  let current = '';
  try {
    for (const { name, content, secret } of files) {
      current = join(folder, `.${name}.${process.pid}`);
      const fd = openSync(current, 'wx', secret ? 0o600 : 0o644);
      made.push(current);
      try {
        const bytes = Buffer.from(content);
        for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
      } finally {
        closeSync(fd);
      }
    }
    files.forEach(({ name }, i) => {
      current = join(folder, name);
      // Unlike a rename, a link does not replace a file that came in the meantime.
      linkSync(made[i]!, current);
      placed.push(current);
    });
  } catch (error) {
    for (const file of placed) rmSync(file, { force: true });
    throw (error as NodeJS.ErrnoException).code === 'EEXIST' ? isThere(current) : unwritable(current, error);
  } finally {
    for (const file of made) rmSync(file, { force: true });
  }
}

function unwritable(file: string, error: unknown): FileError {
  const { code } = error as NodeJS.ErrnoException;
  return new FileError(file, `cannot be written (${code})`, 'name another folder with --out');
}

function isThere(file: string): FileError {
  return new FileError(file, 'is there already', 'nothing was written; name another folder with --out, or remove it');
}

/** As a shell takes it, in quotes where it has to be. */
function shellWord(text: string): string {
  return /^[A-Za-z0-9_./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
