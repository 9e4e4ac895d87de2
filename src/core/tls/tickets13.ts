// Tickets of TLS 1.3: states that the server seals, gives away and need not keep (RFC 8446 §4.6.1), and which PSK of those
// that a client offers is taken (§4.2.11). There are no external PSKs, and no 0-RTT.

import { ParseError, Reader } from '../bytes/reader.js';
import { Writer } from '../bytes/writer.js';
import type { Crypto, HashName } from '../crypto.js';
import { limits } from '../limits.js';
import type { RandomSource } from '../random.js';
import type { PskIdentity } from './extensions13.js';
import { type TicketSeal, ticketSeal } from './ticket-seal.js';

/** What a ticket says, and what a resumed connection takes over. */
export interface TicketState {
  readonly hash: HashName;
  readonly psk: Uint8Array;
  /** Milliseconds since 1970: of the ticket, and of the handshake with certificates that it goes back to. */
  readonly issuedMs: number;
  readonly authenticatedMs: number;
  readonly ticketAgeAdd: number;
  readonly serverName: string | undefined;
  /** Of the client's certificate; undefined: it had none. */
  readonly clientSubject: string | undefined;
  /** When that certificate is not valid any more, milliseconds since 1970; absent: not known, or not before tickets end. */
  readonly clientExpiresMs?: number | undefined;
}

const NOTHING = new Uint8Array(0);
/** RFC 8446 §4.6.1: a ticket is for 7 days at most. */
export const LONGEST_LIFETIME_S = 604_800;
const HASHES: readonly HashName[] = ['sha256', 'sha384'];

/** The keys of one run. Any number of these from one seed open each other's tickets. */
export class TicketKeys13 {
  readonly #seal: TicketSeal;

  constructor(crypto: Crypto, random: RandomSource) {
    this.#seal = ticketSeal(crypto, random, 'TLS1.3');
  }

  /** The PSK in it tells one ticket from all others. */
  seal(state: TicketState): Uint8Array {
    return this.#seal.seal(encodeState(state), NOTHING);
  }

  /** Undefined for anything that was not sealed by these keys. */
  open(ticket: Uint8Array): TicketState | undefined {
    const plaintext = this.#seal.open(ticket);
    return plaintext && decodeState(plaintext);
  }
}

/** What a handshake asks of a PSK. */
export interface PskNeeds {
  readonly hash: HashName;
  readonly serverName: string | undefined;
  /** Now, milliseconds since 1970. */
  readonly unixMs: number;
  /** A PSK without a client certificate behind it is of no use. */
  readonly needsClient: boolean;
}

export interface ChosenPsk {
  /** Among the identities, from 0. */
  readonly index: number;
  readonly state: TicketState;
  /** By how much the client's idea of the ticket's age differs from ours. */
  readonly ageSkewMs: number;
}

/** Why an identity is passed over; for the trace. */
export type PskRefusal = 'unknown' | 'other hash' | 'expired' | 'other server name' | 'no client certificate';

/**
 * The first identity that fits, §4.2.11; the binder is still to be checked. The others are told to `passedOver`. Beyond
 * limits.tls.pskIdentities none is looked at: opening costs us more than offering costs the client.
 */
export function choosePsk(
  keys: TicketKeys13,
  identities: readonly PskIdentity[],
  needs: PskNeeds,
  passedOver?: (index: number, why: PskRefusal) => void,
): ChosenPsk | undefined {
  const count = Math.min(identities.length, limits.tls.pskIdentities);
  for (let index = 0; index < count; index++) {
    const { identity, obfuscatedTicketAge } = identities[index]!;
    const state = keys.open(identity);
    const why = state === undefined ? 'unknown' : whyNot(state, needs);
    if (state === undefined || why !== undefined) {
      passedOver?.(index, why!);
      continue;
    }
    // §4.2.10, §8.3: only 0-RTT would depend on the client's own count, which a replayed ClientHello has, too. It is told.
    const claimedMs = (obfuscatedTicketAge - state.ticketAgeAdd) >>> 0;
    return { index, state, ageSkewMs: needs.unixMs - state.issuedMs - claimedMs };
  }
  return undefined;
}

function whyNot(state: TicketState, needs: PskNeeds): PskRefusal | undefined {
  // §4.2.11, §4.6.1: never with another hash.
  if (state.hash !== needs.hash) return 'other hash';
  const ageMs = needs.unixMs - state.issuedMs;
  if (ageMs < 0 || ageMs > limits.tls.ticketLifetimeS * 1000) return 'expired';
  // §4.6.1: tickets out of tickets come to an end as well.
  if (needs.unixMs - state.authenticatedMs > LONGEST_LIFETIME_S * 1000) return 'expired';
  // RFC 5246 §F.1.4: nor do they outlive the certificate that they stand for.
  if (state.clientExpiresMs !== undefined && needs.unixMs >= state.clientExpiresMs) return 'expired';
  // §4.6.1: a server may decline identities of other names; the name told is then always the one of the certificate.
  if (state.serverName !== needs.serverName) return 'other server name';
  return needs.needsClient && state.clientSubject === undefined ? 'no client certificate' : undefined;
}

/** Raised when the form changes, so that a ticket of an older form is just an unknown one. */
const FORM = 1;
const HAS_SERVER_NAME = 1;
const HAS_CLIENT = 2;
const HAS_EXPIRY = 4;

function encodeState(state: TicketState): Uint8Array {
  const writer = new Writer();
  const { clientExpiresMs } = state;
  // An end behind that of all tickets says nothing.
  const expiresMs =
    clientExpiresMs !== undefined && clientExpiresMs < state.authenticatedMs + LONGEST_LIFETIME_S * 1000
      ? clientExpiresMs
      : undefined;
  const flags =
    (state.serverName === undefined ? 0 : HAS_SERVER_NAME) |
    (state.clientSubject === undefined ? 0 : HAS_CLIENT) |
    (expiresMs === undefined ? 0 : HAS_EXPIRY);
  writer.u8(FORM).u8(HASHES.indexOf(state.hash)).u8(flags);
  writer.u8(state.psk.length).put(state.psk);
  putMs(writer, state.issuedMs);
  putMs(writer, state.authenticatedMs);
  writer.u32(state.ticketAgeAdd);
  if (state.serverName !== undefined) putText(writer, state.serverName);
  if (state.clientSubject !== undefined) putText(writer, state.clientSubject);
  if (expiresMs !== undefined) putMs(writer, expiresMs);
  return writer.finish();
}

function decodeState(bytes: Uint8Array): TicketState | undefined {
  const reader = new Reader('tls', bytes);
  try {
    if (reader.u8('form') !== FORM) return undefined;
    const hash = HASHES[reader.u8('hash')];
    if (hash === undefined) return undefined;
    const flags = reader.u8('flags');
    return {
      hash,
      psk: reader.take(reader.u8('psk_length'), 'psk'),
      issuedMs: takeMs(reader, 'issued'),
      authenticatedMs: takeMs(reader, 'authenticated'),
      ticketAgeAdd: reader.u32('ticket_age_add'),
      serverName: (flags & HAS_SERVER_NAME) === 0 ? undefined : takeText(reader, 'server_name'),
      clientSubject: (flags & HAS_CLIENT) === 0 ? undefined : takeText(reader, 'client_subject'),
      ...((flags & HAS_EXPIRY) !== 0 && { clientExpiresMs: takeMs(reader, 'expires') }),
    };
  } catch (error) {
    // Sealed by these keys, but in a form that is not ours.
    if (error instanceof ParseError) return undefined;
    throw error;
  }
}

const TWO_32 = 0x1_0000_0000;

function putMs(writer: Writer, ms: number): void {
  writer.u32(Math.floor(ms / TWO_32)).u32(ms % TWO_32);
}

function takeMs(reader: Reader, field: string): number {
  return reader.u32(field) * TWO_32 + reader.u32(field);
}

/** UTF-16 code units: subjects may hold any character. */
function putText(writer: Writer, text: string): void {
  writer.prefixed(2, () => {
    for (let i = 0; i < text.length; i++) writer.u16(text.charCodeAt(i));
  });
}

function takeText(reader: Reader, field: string): string {
  const part = reader.sub(reader.u16('length'), field);
  let text = '';
  while (part.remaining > 0) text += String.fromCharCode(part.u16('character'));
  return text;
}
