// The sessions of TLS 1.2 that can be resumed by their session id (RFC 5246 §7.3, §F.1.4): what one is, and the cache that
// the connections of a run share. Tickets hold the same state sealed, see tickets12.ts. Only sessions with an extended
// master secret come here: those without one should not be resumed (RFC 7627 §5.3), so they are not kept in the first place.

import { limits } from '../limits.js';

/** What a later connection takes over. */
export interface Session12 {
  readonly cipherSuite: number;
  /** 48 bytes. */
  readonly masterSecret: Uint8Array;
  /** RFC 6066 §3: the name that the session was made for; another one gets a session of its own. */
  readonly serverName: string | undefined;
  /** RFC 6066 §4: the code of max_fragment_length, 0 for none. It stays with the session. */
  readonly maxFragmentLength: number;
  /** Of the client's certificate, when it showed one. */
  readonly clientSubject: string | undefined;
  /** When that certificate is not valid any more, milliseconds since 1970; absent: not known, or not before the session dies. */
  readonly clientExpiresMs?: number | undefined;
  /** When the full handshake was, microseconds since 1970. Resuming does not make it younger. */
  readonly createdUnixUs: number;
}

/**
 * RFC 5246 §F.1.4: a session dies some time after its full handshake, however often it was resumed, and when a certificate
 * that it stands on has expired.
 */
export function isAlive(session: Session12, nowUnixUs: number): boolean {
  const ageUs = nowUnixUs - session.createdUnixUs;
  const { clientExpiresMs } = session;
  if (clientExpiresMs !== undefined && nowUnixUs >= clientExpiresMs * 1000) return false;
  return ageUs >= 0 && ageUs < limits.tls.sessionLifetimeUs;
}

/** By session id, the oldest first. Full: the oldest gives way. The same inputs always leave the same sessions. */
export class SessionCache {
  readonly #sessions = new Map<string, Session12>();

  get size(): number {
    return this.#sessions.size;
  }

  /** Undefined when there is none of that id, or it is too old: it is then forgotten. */
  find(sessionId: Uint8Array, nowUnixUs: number): Session12 | undefined {
    const key = keyOf(sessionId);
    const session = this.#sessions.get(key);
    if (session === undefined || isAlive(session, nowUnixUs)) return session;
    this.#sessions.delete(key);
    return undefined;
  }

  add(sessionId: Uint8Array, session: Session12): void {
    if (this.#sessions.size >= limits.tls.sessions) {
      for (const oldest of this.#sessions.keys()) {
        this.#sessions.delete(oldest);
        break;
      }
    }
    this.#sessions.set(keyOf(sessionId), session);
  }

  /** RFC 5246 §7.2: a session whose connection failed is not resumed again. */
  remove(sessionId: Uint8Array): void {
    this.#sessions.delete(keyOf(sessionId));
  }
}

/** Each byte as a character: bytes are no key of a Map. */
function keyOf(sessionId: Uint8Array): string {
  return String.fromCharCode(...sessionId);
}
