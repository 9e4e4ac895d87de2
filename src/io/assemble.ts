// Builds the core of a run from its config and seed: the same function serves a live run and its replay, so both are made
// of the same parts.

import type { Handler } from '../core/http/message.js';
import { createSite } from '../core/http/site.js';
import { createRandomSource } from '../core/random.js';
import { createSession, DEFAULT_ALPN } from '../core/session.js';
import { createStack } from '../core/stack.js';
import { Streams } from '../core/streams.js';
import type { TcpConfig } from '../core/tcp/config.js';
import { SessionCache } from '../core/tls/session-cache.js';
import type { Trace } from '../core/trace.js';
import type { SessionFactory, Stack } from '../core/types.js';
import { nodeCrypto } from './node-crypto.js';
import { type TlsRunConfig, tlsConfigOf } from './tls-config.js';

/** What a run is made of besides its seed and its inputs; plain data, stored in every recording. */
export interface RunConfig {
  readonly mode: 'tun' | 'tcp';
  /** tun mode: the address that the stack answers on. */
  readonly address?: string;
  /** tun mode: its IPv6 address; absent: IPv4 only. */
  readonly address6?: string;
  /** tun mode: bytes. */
  readonly mtu?: number;
  /** tun mode: knobs of TCP. */
  readonly tcp?: TcpConfig;
  readonly plainPorts: readonly number[];
  readonly tlsPorts: readonly number[];
  /** PEM, leaf first. Serves clients that name no server, or one that no other certificate is for. */
  readonly certificate: string;
  /** PEM. */
  readonly key: string;
  /** Absent: TLS 1.2 with one suite and this certificate, as recordings of before it have it. */
  readonly tls?: TlsRunConfig;
  /** Requests are answered from outside, or passed on to the site: answers are inputs of the run (`outside.ts`). */
  readonly outside?: true;
}

export interface RunIdentity {
  readonly config: RunConfig;
  /** 32 bytes. */
  readonly seed: Uint8Array;
  /** Wall time of logical time 0, microseconds since 1970. */
  readonly startUnixUs: number;
}

/**
 * tun mode: the whole stack. `handler` takes the requests of a live run with `config.outside` to those who answer them; a
 * replay has none. Throws when certificate or key cannot be read.
 */
export function assembleStack(run: RunIdentity, trace?: Trace, handler?: Handler): Stack {
  const random = createRandomSource(nodeCrypto, run.seed);
  return createStack(
    {
      localAddress: run.config.address ?? '10.0.0.2',
      localAddress6: run.config.address6,
      mtu: run.config.mtu ?? 1500,
      services: services(run, trace, handler),
      ...(run.config.tcp && { tcp: run.config.tcp }),
    },
    { random, ...(trace && { trace }) },
  );
}

/** tcp mode: sessions over somebody else's TCP. */
export function assembleStreams(run: RunIdentity, trace?: Trace, handler?: Handler): Streams {
  return new Streams({ services: services(run, trace, handler), trace });
}

/** In a replay the recording answers. */
function replayed(): Handler {
  const deferred = { deferred: true, otherwise: createSite() } as const;
  return () => deferred;
}

function services(
  run: RunIdentity,
  trace: Trace | undefined,
  live: Handler | undefined,
): ReadonlyMap<number, SessionFactory> {
  const { config, startUnixUs } = run;
  const handler = config.outside ? (live ?? replayed()) : createSite();
  const random = createRandomSource(nodeCrypto, run.seed);
  const tls = tlsConfigOf(config, { random, startUnixUs, alpnProtocols: DEFAULT_ALPN });
  const shared = { handler, startUnixUs, ...(trace && { trace }) };
  const map = new Map<number, SessionFactory>();
  for (const port of config.plainPorts) {
    map.set(port, (_nowUs, flow, transport) => createSession({ ...shared, flow, transport }));
  }
  const secure = { ...shared, tls, tlsSessions: new SessionCache() };
  for (const port of config.tlsPorts) {
    map.set(port, (nowUs, flow, transport) => createSession({ ...secure, flow, transport, openedUs: nowUs }));
  }
  return map;
}
