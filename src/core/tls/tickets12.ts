// Session tickets of TLS 1.2 (RFC 5077 §4): a session as bytes, sealed. A ticket that does not open, or says what we would
// not have written, is no ticket: a full handshake follows (§3.2), never an alert.

import { ParseError, Reader } from '../bytes/reader.js';
import { Writer } from '../bytes/writer.js';
import { limits } from '../limits.js';
import { TLS_1_2, type TlsConfig } from './config.js';
import { MASTER_SECRET_BYTES } from './schedule.js';
import type { Session12 } from './session-cache.js';
import { ticketSeal } from './ticket-seal.js';

const DRAW_BYTES = 16;
const TWO_TO_32 = 0x1_0000_0000;
/** Which of the optional parts are there. */
const HAS_SERVER_NAME = 1;
const HAS_SUBJECT = 2;
const HAS_EXPIRY = 4;

/** `flow` names the connection that the ticket is given out on. */
export function sealSession(config: TlsConfig, flow: string, session: Session12): Uint8Array {
  const { crypto, random } = config;
  const { serverName, clientSubject, clientExpiresMs, createdUnixUs } = session;
  // An end behind the session's own says nothing.
  const expiresMs =
    clientExpiresMs !== undefined && clientExpiresMs * 1000 < createdUnixUs + limits.tls.sessionLifetimeUs
      ? clientExpiresMs
      : undefined;
  const state = new Writer();
  state.u16(TLS_1_2).u16(session.cipherSuite).u8(session.maxFragmentLength);
  state.u32(Math.floor(createdUnixUs / TWO_TO_32)).u32(createdUnixUs % TWO_TO_32);
  state.put(session.masterSecret);
  state.u8(
    (serverName === undefined ? 0 : HAS_SERVER_NAME) |
      (clientSubject === undefined ? 0 : HAS_SUBJECT) |
      (expiresMs === undefined ? 0 : HAS_EXPIRY),
  );
  if (serverName !== undefined) putText(state, serverName);
  if (clientSubject !== undefined) putText(state, clientSubject);
  if (expiresMs !== undefined) state.u32(Math.floor(expiresMs / TWO_TO_32)).u32(expiresMs % TWO_TO_32);
  return ticketSeal(crypto, random, 'TLS1.2').seal(state.view(), random.bytes(flow, 'ticket nonce', DRAW_BYTES));
}

export function openSession({ crypto, random }: TlsConfig, ticket: Uint8Array): Session12 | undefined {
  const state = ticketSeal(crypto, random, 'TLS1.2').open(ticket);
  if (state === undefined) return undefined;
  try {
    return readSession(new Reader('tls', state));
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    return undefined;
  }
}

function readSession(state: Reader): Session12 | undefined {
  if (state.u16('version') !== TLS_1_2) return undefined;
  const cipherSuite = state.u16('cipher_suite');
  const maxFragmentLength = state.u8('max_fragment_length');
  const createdUnixUs = state.u32('created') * TWO_TO_32 + state.u32('created');
  const masterSecret = state.take(MASTER_SECRET_BYTES, 'master_secret');
  const parts = state.u8('parts');
  const serverName = (parts & HAS_SERVER_NAME) !== 0 ? takeText(state) : undefined;
  const clientSubject = (parts & HAS_SUBJECT) !== 0 ? takeText(state) : undefined;
  const clientExpiresMs =
    (parts & HAS_EXPIRY) !== 0 ? state.u32('expires') * TWO_TO_32 + state.u32('expires') : undefined;
  state.expectEnd('session');
  return {
    cipherSuite,
    masterSecret,
    serverName,
    maxFragmentLength,
    clientSubject,
    createdUnixUs,
    ...(clientExpiresMs !== undefined && { clientExpiresMs }),
  };
}

/** Characters as 16-bit numbers: the subject of a certificate may have any. */
function putText(state: Writer, text: string): void {
  state.u16(text.length);
  for (let i = 0; i < text.length; i++) state.u16(text.charCodeAt(i));
}

function takeText(state: Reader): string {
  const length = state.u16('length');
  let text = '';
  for (let i = 0; i < length; i++) text += String.fromCharCode(state.u16('character'));
  return text;
}
