// Other people's TLS servers on loopback, and the test client's bytes over a socket to them: what the test client is proved
// against before anything is proved with it.

import { type ChildProcess, spawn } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import type { TlsClient } from './client.js';
import type { ClientCertificate } from './options.js';

const WAIT_MS = 10_000;

export interface Peer {
  connect(): Duplex;
  /** What it printed. */
  output(): string;
  stop(): Promise<void>;
}

/** `openssl s_server`; with `-rev` among its arguments it gives each line back in reverse. */
export async function opensslServer(folder: string, args: readonly string[]): Promise<Peer> {
  const child = spawn('openssl', ['s_server', '-accept', '127.0.0.1:0', ...args], { cwd: folder });
  let output = '';
  const collect = (chunk: Buffer): void => {
    output += chunk.toString('latin1');
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const port = await until(
    () => /ACCEPT .*:(\d+)/.exec(output)?.[1],
    child,
    () => output,
  );
  const stop = (): Promise<void> => ended(child);
  return { connect: () => connect(Number(port), '127.0.0.1'), output: () => output, stop };
}

const GNUTLS_PORT = 5556;
/** Standard input and output to a port of the namespace that it runs in. */
const BRIDGE = `const s = require('net').connect(${GNUTLS_PORT}, '127.0.0.1'); process.stdin.pipe(s); s.pipe(process.stdout);`;

/** `gnutls-serv` that gives back what it gets. It listens on all addresses, and so has a network namespace of its own. */
export async function gnutlsServer(folder: string, args: readonly string[]): Promise<Peer> {
  const serve = ['gnutls-serv', '--echo', '--port', String(GNUTLS_PORT), ...args].join(' ');
  const child = spawn('unshare', ['--net', 'sh', '-c', `ip link set lo up && exec ${serve}`], { cwd: folder });
  let output = '';
  const collect = (chunk: Buffer): void => {
    output += chunk.toString('latin1');
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  await until(
    () => /IPv4 .*done/.exec(output)?.[0],
    child,
    () => output,
  );
  const bridge = (): Duplex => {
    const line = spawn('nsenter', ['--target', String(child.pid), '--net', process.execPath, '-e', BRIDGE]);
    const duplex = Duplex.from({ readable: line.stdout, writable: line.stdin });
    return duplex.once('close', () => line.kill('SIGKILL'));
  };
  return { connect: bridge, output: () => output, stop: () => ended(child) };
}

async function until<T>(find: () => T | undefined, child: ChildProcess, output: () => string): Promise<T> {
  for (let waited = 0; waited < WAIT_MS; waited += 20) {
    const found = find();
    if (found !== undefined) return found;
    if (child.exitCode !== null) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  child.kill('SIGKILL');
  throw new Error(`the server did not start: ${output()}`);
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve();
    else {
      child.once('close', () => resolve());
      child.kill('SIGKILL');
    }
  });
}

/** Runs openssl to its end. */
export function openssl(folder: string, ...args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('openssl', args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
    let errors = '';
    child.stderr.on('data', (chunk) => {
      errors += chunk;
    });
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`openssl ${args[0]}: ${errors}`))));
  });
}

/** Makes `name.pem` and `name.key`, self-signed. */
export function makeCertificate(folder: string, name: string, ...keyArgs: readonly string[]): Promise<void> {
  const files = ['-keyout', `${name}.key`, '-out', `${name}.pem`, '-days', '2', '-subj', `/CN=${name}.wirebench.test`];
  return openssl(folder, 'req', '-x509', '-nodes', '-newkey', ...keyArgs, ...files);
}

export function clientCertificate(folder: string, name: string): ClientCertificate {
  const chain = [new Uint8Array(new X509Certificate(readFileSync(join(folder, `${name}.pem`))).raw)];
  return { chain, key: createPrivateKey(readFileSync(join(folder, `${name}.key`))) };
}

/** Asked after each piece of the server's bytes: what to send now, and whether that is all. */
export type Talk = (client: TlsClient) => Uint8Array | 'done' | undefined;

/** Connects, shakes hands and talks. Rejects with whatever the client raises, or when the server ends too early. */
export function converse(peer: Peer, client: TlsClient, talk: Talk): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = peer.connect();
    let settled = false;
    const settle = (error?: unknown): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      // OpenSSL forgets sessions that end without it.
      if (client.established && client.failure === undefined) socket.end(client.close());
      else socket.destroy();
      if (error === undefined) resolve();
      else reject(error);
    };
    const timer = setTimeout(() => settle(new Error(`no end; seen ${client.seen.join(', ')}`)), WAIT_MS);
    const step = (): void => {
      for (let said = talk(client); said !== undefined; said = talk(client)) {
        if (said === 'done') {
          settle();
          return;
        }
        socket.write(said);
      }
    };
    socket.write(client.start());
    socket.on('data', (chunk) => {
      try {
        const answer = client.receive(chunk);
        if (answer.length > 0) socket.write(answer);
        step();
      } catch (error) {
        settle(error);
      }
    });
    socket.on('error', settle);
    socket.on('close', () => settle(new Error(`the server closed; alert ${client.failure}; seen ${client.seen}`)));
  });
}
