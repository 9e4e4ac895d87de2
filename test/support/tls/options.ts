// What the test client is told: what to offer, what to resume, and how to misbehave. Plain data and hooks.

import type { KeyObject } from 'node:crypto';
import type { PlainRecord } from './protection.js';
import type { RawExtension } from './server-messages.js';

/** What is kept of a TLS 1.2 session (RFC 5246 §7.3, RFC 5077 §3). */
export interface Session12 {
  readonly version: 0x0303;
  readonly sessionId: Uint8Array;
  /** Empty: no ticket was given. */
  readonly ticket: Uint8Array;
  readonly lifetimeHint: number;
  readonly masterSecret: Uint8Array;
  readonly cipherSuite: number;
  readonly extendedMasterSecret: boolean;
}

/** What is kept of a TLS 1.3 session: one for each ticket (RFC 8446 §4.6.1). */
export interface Session13 {
  readonly version: 0x0304;
  readonly ticket: Uint8Array;
  readonly psk: Uint8Array;
  readonly cipherSuite: number;
  /** Seconds. */
  readonly lifetime: number;
  readonly ageAdd: number;
  /** The client's clock when the ticket came. */
  readonly receivedAtMs: number;
  readonly maxEarlyDataSize: number;
}

export type ClientSession = Session12 | Session13;

export interface ClientCertificate {
  /** DER, leaf first. Empty: the client has no certificate and says so. */
  readonly chain: readonly Uint8Array[];
  readonly key?: KeyObject;
  /** The scheme to sign with; the first that the server takes and the key can do if not said. */
  readonly scheme?: number;
}

/** The fields of a ClientHello, in the order of the wire. */
export interface HelloParts {
  readonly version: number;
  readonly random: Uint8Array;
  readonly sessionId: Uint8Array;
  readonly cipherSuites: readonly number[];
  readonly compressionMethods: readonly number[];
  /** Undefined leaves the block out altogether, its length included. */
  readonly extensions: readonly RawExtension[] | undefined;
}

/** One thing that the client sends in a flight. It is made when its turn comes, out of what was sent before it. */
export interface Step {
  /** A message's name, or ChangeCipherSpec, EarlyData, NewKeys. */
  readonly name: string;
  readonly run: () => void;
}

export interface Hooks {
  /** The ClientHello's fields before binders are made; `attempt` is 2 after a HelloRetryRequest. */
  hello?(parts: HelloParts, attempt: number): HelloParts;
  /** The steps of a flight: leave out, repeat, put in another order, put others between. */
  flight?(steps: readonly Step[]): readonly Step[];
  /** A handshake message with its header, before it counts in the transcript: other bytes, or several messages. */
  message?(name: string, bytes: Uint8Array): Uint8Array | readonly Uint8Array[];
  /** A record's content before it is sealed. The transcript does not notice. */
  fragment?(record: PlainRecord, name: string): readonly PlainRecord[];
  /** A record as it goes to the wire. */
  record?(bytes: Uint8Array, name: string): readonly Uint8Array[];
}

export interface ClientOptions {
  /** All randomness comes from it. */
  readonly seed?: string | number;
  /** Favourite first. Default 1.3 and 1.2. */
  readonly versions?: readonly number[];
  /** Default: all of SUITES that fit the versions. */
  readonly cipherSuites?: readonly number[];
  readonly groups?: readonly number[];
  /** Groups with a share in the first ClientHello. Default: the first group. */
  readonly keyShares?: readonly number[];
  readonly signatureSchemes?: readonly number[] | undefined;
  /** Default wirebench.test; the empty string leaves the extension out. */
  readonly serverName?: string;
  /** Default none. */
  readonly alpn?: readonly string[];
  /** RFC 7627. Default true. */
  readonly extendedMasterSecret?: boolean;
  /** RFC 7366. Default false. */
  readonly encryptThenMac?: boolean;
  /** RFC 5746 §3.4. Default extension. */
  readonly renegotiation?: 'extension' | 'scsv' | 'none';
  /** RFC 7507. Default false. */
  readonly fallbackScsv?: boolean;
  /** RFC 5077 §3.2: ask for a ticket. Default false. */
  readonly sessionTicket?: boolean;
  /** To be resumed. In 1.3 several may be offered. */
  readonly sessions?: readonly ClientSession[];
  /** RFC 8446 §4.2.9. Default [1]: psk_dhe_ke. Undefined leaves the extension out. */
  readonly pskModes?: readonly number[] | undefined;
  /** RFC 6066 §4: 1 to 4 for 2^9 to 2^12 bytes. */
  readonly maxFragmentLength?: number;
  /** RFC 8449. */
  readonly recordSizeLimit?: number;
  /** RFC 6066 §8. Default false. */
  readonly statusRequest?: boolean;
  /** Undefined: a CertificateRequest is answered with an empty Certificate. */
  readonly certificate?: ClientCertificate;
  /** RFC 8446 §D.4: a session id and a ChangeCipherSpec. Default true. */
  readonly compatibility?: boolean;
  /** RFC 8701: unknown values everywhere. Default false. */
  readonly grease?: boolean;
  /** RFC 7685: bytes that the ClientHello message has at least. */
  readonly padHelloTo?: number;
  /** RFC 8446 §5.4: zeros in each protected record. Default 0. */
  readonly recordPadding?: number;
  /** Sent as 0-RTT data (RFC 8446 §4.2.10); it is the server's to refuse it. Needs a 1.3 session. */
  readonly earlyData?: readonly Uint8Array[];
  /** Put behind the extensions of the client's own, before pre_shared_key. */
  readonly extraExtensions?: readonly RawExtension[];
  /** Handshake messages are cut into records of so many bytes at most. Default 2^14. */
  readonly fragmentBytes?: number;
  /** A record of a flight holds as many whole messages as go into it. Default false: one each. */
  readonly coalesce?: boolean;
  /** The leaf has to be this one. */
  readonly expectedLeaf?: Uint8Array;
  /** The client stops before the step of this name; `resume` goes on. */
  readonly pauseBefore?: string;
  /** Milliseconds, for the age of tickets. Default 0. */
  readonly nowMs?: number;
  readonly hooks?: Hooks;
}
