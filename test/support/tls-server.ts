// A TlsServer with the bundled test key, and the small steps that tests of it repeat.

import { readFileSync } from 'node:fs';
import type { Crypto } from '../../src/core/crypto.js';
import { createRandomSource } from '../../src/core/random.js';
import { TLS_1_2, type TlsConfig } from '../../src/core/tls/config.js';
import { TlsServer, type TlsServerOptions } from '../../src/core/tls/server.js';
import { CipherSuite } from '../../src/core/tls/suites.js';
import type { TlsEvent, TraceEvent } from '../../src/core/trace.js';
import { loadCredential, nodeCrypto } from '../../src/io/node-crypto.js';
import { concat } from './bytes.js';
import type { TestTlsClient } from './tls-client.js';

/** Relative to dist/test/support. */
const keys = new URL('../../../fixtures/keys/', import.meta.url);
export const certificatePem = readFileSync(new URL('server.cert.pem', keys), 'latin1');
export const keyPem = readFileSync(new URL('server.key.pem', keys), 'latin1');
export const credential = loadCredential(certificatePem, keyPem);

/** node:crypto with signatures of zeros: for tests that shake hands a thousand times and verify nothing. */
export const unsignedCrypto: Crypto = { ...nodeCrypto, sign: () => new Uint8Array(256) };

/** Parts of the options and of the config, side by side. */
export type ServerParts = Partial<Omit<TlsServerOptions, 'config'> & TlsConfig>;

/** What a run without TLS settings of its own has: TLS 1.2, one suite, two groups, nothing resumed. */
export function serverOptions(parts: ServerParts = {}): TlsServerOptions {
  const { flow = 'test#0', trace, ...config } = parts;
  return {
    flow,
    trace,
    config: {
      crypto: nodeCrypto,
      random: createRandomSource(nodeCrypto, new Uint8Array(32).fill(1)),
      credentials: [credential],
      alpnProtocols: ['h2', 'http/1.1'],
      maxVersion: TLS_1_2,
      cipherSuites: [CipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256],
      groups: ['x25519', 'secp256r1'],
      resumption: false,
      ...config,
    },
  };
}

/** A server and the trace that it writes. */
export function tracedServer(parts: ServerParts = {}): { server: TlsServer; events: TlsEvent[] } {
  const events: TlsEvent[] = [];
  const trace = (_at: number, event: TraceEvent): void => {
    if (event.layer === 'tls') events.push(event);
  };
  return { server: new TlsServer(serverOptions({ trace, ...parts })), events };
}

/** Gives bytes to the server and reads until it wants more; the application data that came out, copied. */
export function feed(server: TlsServer, bytes: Uint8Array, nowUs = 0): Uint8Array {
  server.receive(nowUs, bytes);
  return readAll(server, nowUs);
}

export function readAll(server: TlsServer, nowUs = 0): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let part = server.read(nowUs); part !== undefined; part = server.read(nowUs)) parts.push(part.slice());
  return concat(...parts);
}

/** Everything that the server has to send, copied. */
export function drain(server: TlsServer): Uint8Array {
  const parts: Uint8Array[] = [];
  while (server.pendingOutput > 0) parts.push(server.take(16_384).slice());
  return concat(...parts);
}

/** Runs the whole handshake; afterwards both are open. */
export function shakeHands(server: TlsServer, client: TestTlsClient): void {
  feed(server, client.start());
  client.receive(drain(server));
  feed(server, concat(...client.finish()));
  client.receive(drain(server));
}
