// The captures of others and a server to play their clients against.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createKeyStore } from '../../src/bench/inspect/keys.js';
import { type Requests, readRequests } from '../../src/bench/re-execute.js';
import type { RunConfig, RunIdentity } from '../../src/io/assemble.js';
import { projectRoot } from './live.js';

export const foreignFolder = join(projectRoot, 'fixtures/foreign');

export const foreignCaptures: readonly string[] = readdirSync(foreignFolder)
  .filter((name) => /\.pcap(ng)?(\.gz)?$/.test(name))
  .sort();

export const config: RunConfig = {
  mode: 'tun',
  address: '10.0.0.2',
  address6: 'fd00::2',
  mtu: 1500,
  plainPorts: [80],
  tlsPorts: [443],
  certificate: readFileSync(join(projectRoot, 'fixtures/keys/server.cert.pem'), 'utf8'),
  key: readFileSync(join(projectRoot, 'fixtures/keys/server.key.pem'), 'utf8'),
  tls: {
    otherCredentials: [],
    minVersion: '1.2',
    maxVersion: '1.3',
    cipherSuites: [
      ...['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'],
      ...['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', 'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384'],
      'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256',
    ],
    groups: ['x25519', 'secp256r1', 'secp384r1'],
    alpnProtocols: ['h2', 'http/1.1'],
    resumption: true,
    strictServerName: false,
  },
};
export const identity = (more: Partial<RunConfig> = {}): RunIdentity => ({
  config: { ...config, ...more },
  seed: new Uint8Array(32).fill(7),
  startUnixUs: 0,
});

/** Keys are in the capture or beside it. */
export async function requestsOf(name: string, options: { contentBytes?: number } = {}): Promise<Requests> {
  const keys = createKeyStore();
  const file = join(foreignFolder, name);
  const beside = file.replace(/\.pcap(ng)?(\.gz)?$/, '.keys');
  if (existsSync(beside)) keys.add(readFileSync(beside, 'utf8'));
  return readRequests(file, keys, options);
}
