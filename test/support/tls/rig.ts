// The test client and our server, mouth to mouth: bytes go to and fro until both are quiet. One config serves all
// connections of a rig's server side, so that sessions can be resumed.

import { createRandomSource } from '../../../src/core/random.js';
import { DEFAULT_CIPHER_SUITES, TLS_1_2, TLS_1_3, type TlsConfig } from '../../../src/core/tls/config.js';
import { TlsServer } from '../../../src/core/tls/server.js';
import { SessionCache } from '../../../src/core/tls/session-cache.js';
import { CipherSuite } from '../../../src/core/tls/suites.js';
import type { TlsEvent, TraceEvent } from '../../../src/core/trace.js';
import { createClientCertificateVerifier } from '../../../src/io/client-ca.js';
import { nodeCrypto } from '../../../src/io/node-crypto.js';
import { ascii, concat, text } from '../bytes.js';
import { drain, feed } from '../tls-server.js';
import { clientAuthorityPem, ecdsaCredential, ed25519Credential, rsaCredential } from './certificates.js';
import { TlsClient } from './client.js';
import { alertName } from './codes.js';
import type { ClientOptions } from './options.js';

/** 2027-01-15, when the clients' certificates are valid. */
export const START_UNIX_US = 1_800_000_000_000_000;

export const clientVerifier = createClientCertificateVerifier(clientAuthorityPem);

const CBC_SUITES = [CipherSuite.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, CipherSuite.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA];

/** Everything is served: all suites, groups and kinds of certificates. The one that needs least time is first. */
export function fullConfig(parts: Partial<TlsConfig> = {}): TlsConfig {
  return {
    crypto: nodeCrypto,
    random: createRandomSource(nodeCrypto, new Uint8Array(32).fill(3)),
    credentials: [ed25519Credential, ecdsaCredential, rsaCredential].map(({ names: _, ...one }) => one),
    startUnixUs: START_UNIX_US,
    alpnProtocols: ['h2', 'http/1.1'],
    cipherSuites: [...DEFAULT_CIPHER_SUITES, ...CBC_SUITES],
    ...parts,
  };
}

export const only12: Partial<TlsConfig> = { maxVersion: TLS_1_2 };
export const only13: Partial<TlsConfig> = { minVersion: TLS_1_3 };
export const asksForCertificate = (required: boolean): Partial<TlsConfig> => ({
  clientAuthentication: { verifier: clientVerifier, required },
});

/** Servers of one config know each other's sessions. */
const caches = new WeakMap<TlsConfig, SessionCache>();

function cacheOf(config: TlsConfig): SessionCache {
  const cache = caches.get(config) ?? new SessionCache();
  caches.set(config, cache);
  return cache;
}

let connections = 0;

export class Rig {
  readonly server: TlsServer;
  readonly client: TlsClient;
  readonly events: TlsEvent[] = [];
  /** What came out of the server as application data. */
  readonly plaintext: Uint8Array[] = [];
  /** All that the server sent. */
  readonly output: Uint8Array[] = [];
  nowUs = 0;

  /** `sessions`: those that can be resumed by session id. */
  constructor(
    config: TlsConfig,
    options: ClientOptions = {},
    flow = `rig#${connections++}`,
    sessions: SessionCache | 'none' = cacheOf(config),
  ) {
    const trace = (_at: number, event: TraceEvent): void => {
      if (event.layer === 'tls') this.events.push(event);
    };
    this.server = new TlsServer({ flow, config, trace, sessions: sessions === 'none' ? undefined : sessions });
    this.client = new TlsClient({ nowMs: START_UNIX_US / 1000, ...options });
  }

  /** The whole handshake, as far as the two come. */
  shake(): this {
    return this.say(this.client.start());
  }

  /** Gives bytes to the server, its answer to the client, and so on until there is nothing more to say. */
  say(bytes: Uint8Array): this {
    let said = bytes;
    while (said.length > 0) {
      this.give(said);
      const answer = drain(this.server);
      this.output.push(answer);
      said = this.client.receive(answer);
    }
    return this;
  }

  /** Gives bytes to the server and leaves its answer there. */
  give(bytes: Uint8Array): void {
    const plaintext = feed(this.server, bytes, this.nowUs);
    if (plaintext.length > 0) this.plaintext.push(plaintext);
  }

  /** Both sides are open, and data goes through in both directions. */
  works(): boolean {
    if (!this.client.established || this.server.state !== 'open' || this.client.failure !== undefined) return false;
    const line = ascii(`line ${this.plaintext.length}`);
    this.say(this.client.write(line));
    const up = text(concat(...this.plaintext)).endsWith(text(line));
    this.server.write(this.nowUs, line);
    this.say(this.client.receive(drain(this.server)));
    return up && text(concat(...this.client.received)).endsWith(text(line));
  }

  /** The alerts that the server sent, by name; warnings with their level. */
  get alerts(): string[] {
    return this.client.alerts.map(([level, code]) => (level === 1 ? `warning ${alertName(code)}` : alertName(code)));
  }

  /** The reason of the server's failure in its own words, for messages of failing tests. */
  get reason(): string {
    const rules = this.events.filter((event) => event.kind === 'alert');
    return JSON.stringify(rules);
  }
}

/** The fatal alert that a server of this config has for a client, by name; undefined when all goes well. */
export function failureOf(config: TlsConfig, options: ClientOptions): string | undefined {
  const rig = new Rig(config, options).shake();
  const { failure } = rig.client;
  if (failure === undefined && !rig.works()) throw new Error(`neither an alert nor a connection ${rig.reason}`);
  if (failure !== undefined && rig.server.state !== 'failed') throw new Error('an alert, and the server goes on');
  return failure;
}

/** The connection of a handshake that succeeds. */
export function connected(config: TlsConfig, options: ClientOptions = {}): Rig {
  const rig = new Rig(config, options).shake();
  if (!rig.works()) throw new Error(`the connection does not work ${rig.reason} ${rig.client.seen}`);
  return rig;
}
