// The built-in site behind TLS and in clear as a run without a recording, and byte streams given to one session of it.

import { createSite } from '../../src/core/http/site.js';
import { createRandomSource } from '../../src/core/random.js';
import { DEFAULT_ALPN, type SessionOptions } from '../../src/core/session.js';
import type { Micros, Session } from '../../src/core/types.js';
import type { RunIdentity } from '../../src/io/assemble.js';
import { nodeCrypto } from '../../src/io/node-crypto.js';
import { concat } from './bytes.js';
import { rememberingCrypto } from './recorded.js';
import { certificatePem, keyPem, serverOptions } from './tls-server.js';

export const SEED: Uint8Array = new Uint8Array(32).fill(9);
export const START_UNIX_US = 784_111_777_000_000;

export function siteIdentity(mode: 'tun' | 'tcp', mtu = 1500): RunIdentity {
  return {
    config: {
      mode,
      address: '10.0.0.2',
      mtu,
      plainPorts: [80],
      tlsPorts: [443],
      certificate: certificatePem,
      key: keyPem,
    },
    seed: SEED,
    startUnixUs: START_UNIX_US,
  };
}

/** Options of a session with the site; `secure` puts TLS under it. */
export function siteOptions(secure: boolean, parts: Partial<SessionOptions> = {}): SessionOptions {
  const { config: tls } = serverOptions({
    crypto: rememberingCrypto,
    random: createRandomSource(nodeCrypto, SEED),
    alpnProtocols: DEFAULT_ALPN,
  });
  return { flow: 'test#0', handler: createSite(), startUnixUs: START_UNIX_US, ...(secure && { tls }), ...parts };
}

/** Everything that the session has to send now, copied, asked for `maxBytes` at a time. */
export function takeAll(session: Session, nowUs: Micros, maxBytes = 65_536): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let part = session.take(nowUs, maxBytes); part.length > 0; part = session.take(nowUs, maxBytes)) {
    parts.push(part.slice());
  }
  return concat(...parts);
}
