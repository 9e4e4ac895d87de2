// Whether a ClientHello resumes a session of TLS 1.2, by ticket or by session id: RFC 5246 §7.3, §7.4.1.2; RFC 5077 §3.1 to
// §3.4; RFC 6066 §3; RFC 7627 §5.3. Pure but for the cache, which forgets what is too old.

import type { Verdict } from './alerts.js';
import { DEFAULT_CIPHER_SUITES, type TlsConfig } from './config.js';
import type { ClientHello } from './messages.js';
import { type Offers, suitesOf } from './negotiate.js';
import { isAlive, type Session12, type SessionCache } from './session-cache.js';
import { CIPHER_SUITES, type CipherSuiteInfo } from './suites.js';
import { openSession } from './tickets12.js';

export interface Resumption {
  readonly session: Session12;
  readonly suite: CipherSuiteInfo;
  readonly by: 'session id' | 'ticket';
}

/** The session that is resumed; undefined: a full handshake is next. */
export function findSession(
  hello: ClientHello,
  offers: Offers,
  config: TlsConfig,
  sessions: SessionCache | undefined,
  nowUnixUs: number,
): Resumption | Verdict | undefined {
  if (config.resumption === false) return undefined;
  const known = lookUp(hello, offers, config, sessions, nowUnixUs);
  if (known === undefined) return undefined;
  const { session } = known;
  // RFC 6066 §3: another name is another session. Names of hosts are compared without regard to case.
  if (session.serverName?.toLowerCase() !== offers.serverName?.toLowerCase()) return undefined;
  // The config may have changed between two runs that have one seed.
  if (config.clientAuthentication?.required && session.clientSubject === undefined) return undefined;
  const suite = CIPHER_SUITES.get(session.cipherSuite);
  if (suite === undefined || !(config.cipherSuites ?? DEFAULT_CIPHER_SUITES).includes(suite.code)) return undefined;

  // RFC 7627 §5.3: the session has an extended master secret, as all that we keep, and the client does not ask for one.
  if (!offers.extendedMasterSecret) return 'sessionWithoutExtendedMasterSecret';
  // RFC 5246 §7.4.1.2: the suite of the session has to be among those that are offered.
  if (!suitesOf(hello, config).includes(suite)) return 'sessionWithoutSuite';
  return { session, suite, by: known.by };
}

function lookUp(
  hello: ClientHello,
  { sessionTicket }: Offers,
  config: TlsConfig,
  sessions: SessionCache | undefined,
  nowUnixUs: number,
): { readonly session: Session12; readonly by: Resumption['by'] } | undefined {
  // RFC 5077 §3.4: with a ticket the session id is no session's, even when the ticket is good for nothing.
  if (sessionTicket !== undefined && sessionTicket.length > 0) {
    const session = openSession(config, sessionTicket);
    return session && isAlive(session, nowUnixUs) ? { session, by: 'ticket' } : undefined;
  }
  if (hello.sessionId.length === 0) return undefined;
  const session = sessions?.find(hello.sessionId, nowUnixUs);
  return session && { session, by: 'session id' };
}
