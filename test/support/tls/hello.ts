// The test client's ClientHello: its fields out of the options (RFC 5246 §7.4.1.2, RFC 8446 §4.1.2 and the extensions'
// RFCs), its bytes, and the binders of the pre-shared keys over them (RFC 8446 §4.2.11.2).

import { Writer } from '../../../src/core/bytes/writer.js';
import { ascii } from '../bytes.js';
import {
  EMPTY_RENEGOTIATION_INFO_SCSV,
  Ext,
  FALLBACK_SCSV,
  Group,
  Message,
  Scheme,
  SUITES,
  TLS12,
  TLS13,
} from './codes.js';
import type { ClientOptions, HelloParts, Session12, Session13 } from './options.js';
import { type Draw, digest, HASH_LENGTH, type KeyPair, keyPair } from './primitives.js';
import { Schedule13 } from './schedule.js';
import type { RawExtension } from './server-messages.js';

/** RFC 8701 §2: values that mean nothing, each used in one place only. */
export const Grease = {
  suite: 0x1a1a,
  group: 0x2a2a,
  version: 0x3a3a,
  scheme: 0x4a4a,
  emptyExtension: 0x5a5a,
  extension: 0x6a6a,
  protocol: 'zz',
  pskMode: 0x0b,
} as const;

const DEFAULT_GROUPS: readonly number[] = [Group.x25519, Group.secp256r1, Group.secp384r1];
const DEFAULT_SCHEMES: readonly number[] = Object.values(Scheme);

/** What the ClientHello offers, with the defaults filled in. */
export interface Offer {
  readonly versions: readonly number[];
  readonly cipherSuites: readonly number[];
  readonly groups: readonly number[];
  readonly schemes: readonly number[];
  readonly session12: Session12 | undefined;
  readonly sessions13: readonly Session13[];
}

export function offerOf(options: ClientOptions): Offer {
  const versions = options.versions ?? [TLS13, TLS12];
  const suites = [...SUITES.values()].filter((suite) => versions.includes(suite.version)).map((suite) => suite.code);
  const sessions = options.sessions ?? [];
  return {
    versions,
    cipherSuites: options.cipherSuites ?? suites,
    groups: options.groups ?? DEFAULT_GROUPS,
    schemes: options.signatureSchemes ?? DEFAULT_SCHEMES,
    session12: sessions.find((session): session is Session12 => session.version === TLS12),
    sessions13: versions.includes(TLS13)
      ? sessions.filter((session): session is Session13 => session.version === TLS13)
      : [],
  };
}

/** What a HelloRetryRequest asks for. */
export interface Retry {
  readonly group: number | undefined;
  readonly cookie: Uint8Array | undefined;
  readonly cipherSuite: number;
}

export interface BuiltHello {
  readonly parts: HelloParts;
  /** By group. */
  readonly shares: ReadonlyMap<number, KeyPair>;
  /** The sessions offered in pre_shared_key, in its order. */
  readonly sessions: readonly Session13[];
}

/** The fields of the ClientHello. After a HelloRetryRequest the same ones, changed as RFC 8446 §4.1.2 says. */
export function buildHello(options: ClientOptions, draw: Draw, retry?: Retry): BuiltHello {
  const offer = offerOf(options);
  const with13 = offer.versions.includes(TLS13);
  const shareGroups = retry?.group === undefined ? (options.keyShares ?? offer.groups.slice(0, 1)) : [retry.group];
  const shares = new Map<number, KeyPair>();
  const label = retry === undefined ? '' : 'retry ';
  for (const group of with13 ? shareGroups : []) {
    const pair = keyPair(group, (purpose, length) => draw(label + purpose, length));
    if (pair !== undefined) shares.set(group, pair);
  }
  // A pre-shared key of another hash than that of the retry's suite is left out (§4.1.4).
  const sessions = offer.sessions13.filter(
    (one) => retry === undefined || SUITES.get(one.cipherSuite)?.hash === SUITES.get(retry.cipherSuite)?.hash,
  );
  const suites = [...offer.cipherSuites];
  if (options.grease) suites.unshift(Grease.suite);
  if (options.renegotiation === 'scsv') suites.push(EMPTY_RENEGOTIATION_INFO_SCSV);
  if (options.fallbackScsv) suites.push(FALLBACK_SCSV);
  const extensions = helloExtensions(options, offer, shares, sessions, retry);
  const parts = {
    version: TLS12,
    random: draw('client random', 32),
    sessionId: sessionIdOf(options, offer, draw),
    cipherSuites: suites,
    compressionMethods: [0],
    extensions,
  };
  return { parts, shares, sessions };
}

function each<T>(values: readonly T[], write: (value: T) => void): void {
  for (const value of values) write(value);
}

/** A session's own, one made up to recognise a ticket that was taken (RFC 5077 §3.4), or RFC 8446 §D.4's. */
function sessionIdOf(options: ClientOptions, offer: Offer, draw: Draw): Uint8Array {
  if (offer.session12 !== undefined) {
    const { ticket, sessionId } = offer.session12;
    return ticket.length > 0 && sessionId.length === 0 ? draw('session id', 32) : sessionId;
  }
  const compatible = offer.versions.includes(TLS13) && options.compatibility !== false;
  return compatible ? draw('session id', 32) : new Uint8Array(0);
}

function helloExtensions(
  options: ClientOptions,
  offer: Offer,
  shares: ReadonlyMap<number, KeyPair>,
  sessions: readonly Session13[],
  retry: Retry | undefined,
): RawExtension[] {
  const list: RawExtension[] = [];
  const add = (type: number, write: (w: Writer) => void = () => {}): void => {
    const w = new Writer();
    write(w);
    list.push({ type, data: w.finish() });
  };
  const u16List = (values: readonly number[]) => (w: Writer) =>
    void w.prefixed(2, () => each(values, (value) => void w.u16(value)));
  const grease = options.grease === true;
  const with12 = offer.versions.includes(TLS12);
  const with13 = offer.versions.includes(TLS13);

  if (grease) add(Grease.emptyExtension);
  const name = options.serverName ?? 'wirebench.test';
  if (name !== '') {
    // RFC 6066 §3.
    add(Ext.serverName, (w) => void w.prefixed(2, () => w.u8(0).prefixed(2, () => w.text(name))));
  }
  if (with12 && options.extendedMasterSecret !== false) add(Ext.extendedMasterSecret);
  if (with12 && (options.renegotiation ?? 'extension') === 'extension') add(Ext.renegotiationInfo, (w) => void w.u8(0));
  if (options.groups === undefined || options.groups.length > 0) {
    add(Ext.supportedGroups, u16List(grease ? [Grease.group, ...offer.groups] : offer.groups));
  }
  if (with12) add(Ext.ecPointFormats, (w) => void w.u8(1).u8(0));
  if (with12 && (options.sessionTicket || offer.session12 !== undefined)) {
    const ticket = offer.session12?.ticket ?? new Uint8Array(0);
    if (options.sessionTicket || ticket.length > 0) add(Ext.sessionTicket, (w) => void w.put(ticket));
  }
  if (options.alpn !== undefined) {
    const protocols = grease ? [Grease.protocol, ...options.alpn] : options.alpn;
    add(Ext.alpn, (w) => void w.prefixed(2, () => each(protocols, (one) => void w.prefixed(1, () => w.text(one)))));
  }
  // RFC 6066 §8: ocsp, no responders, no extensions.
  if (options.statusRequest) add(Ext.statusRequest, (w) => void w.u8(1).u16(0).u16(0));
  if (!('signatureSchemes' in options) || options.signatureSchemes !== undefined) {
    add(Ext.signatureAlgorithms, u16List(grease ? [Grease.scheme, ...offer.schemes] : offer.schemes));
  }
  if (options.encryptThenMac) add(Ext.encryptThenMac);
  if (options.maxFragmentLength !== undefined) add(Ext.maxFragmentLength, (w) => void w.u8(options.maxFragmentLength!));
  if (options.recordSizeLimit !== undefined) add(Ext.recordSizeLimit, (w) => void w.u16(options.recordSizeLimit!));
  if (with13) {
    add(Ext.keyShare, (w) => {
      w.prefixed(2, () => {
        if (grease && retry === undefined) w.u16(Grease.group).prefixed(2, () => w.u8(0));
        for (const { group, publicKey } of shares.values()) w.u16(group).prefixed(2, () => w.put(publicKey));
      });
    });
    const versions = grease ? [Grease.version, ...offer.versions] : offer.versions;
    add(Ext.supportedVersions, (w) => void w.prefixed(1, () => each(versions, (version) => void w.u16(version))));
    const modes = 'pskModes' in options ? options.pskModes : [1];
    if (modes !== undefined) {
      add(Ext.pskKeyExchangeModes, (w) => {
        w.prefixed(1, () => each(grease ? [Grease.pskMode, ...modes] : modes, (mode) => void w.u8(mode)));
      });
    }
    if (options.earlyData !== undefined && retry === undefined) add(Ext.earlyData);
    if (retry?.cookie !== undefined) add(Ext.cookie, (w) => void w.prefixed(2, () => w.put(retry.cookie!)));
  }
  list.push(...(options.extraExtensions ?? []));
  if (grease) add(Grease.extension, (w) => void w.u8(0));
  if (options.padHelloTo !== undefined) addPadding(list, options.padHelloTo, offer, sessions);
  if (sessions.length > 0) list.push(preSharedKey(sessions, options.nowMs ?? 0));
  return list;
}

/** RFC 7685 §4: zeros until the message has as many bytes as are wanted; it is not exact about the session id. */
function addPadding(list: RawExtension[], wanted: number, offer: Offer, sessions: readonly Session13[]): void {
  const rest = sessions.length > 0 ? [preSharedKey(sessions, 0)] : [];
  const extensions = [...list, ...rest].reduce((sum, one) => sum + 4 + one.data.length, 0);
  const without = 4 + 2 + 32 + 1 + 2 + 2 * offer.cipherSuites.length + 2 + 2 + extensions;
  list.push({ type: Ext.padding, data: new Uint8Array(Math.max(0, wanted - without - 4)) });
}

/** Identities with their ages, and binders of zeros that are filled in later. */
function preSharedKey(sessions: readonly Session13[], nowMs: number): RawExtension {
  const w = new Writer();
  w.prefixed(2, () => {
    for (const { ticket, ageAdd, receivedAtMs } of sessions) {
      // RFC 8446 §4.2.11.1.
      w.prefixed(2, () => w.put(ticket)).u32((nowMs - receivedAtMs + ageAdd) >>> 0);
    }
  });
  w.prefixed(2, () => {
    for (const session of sessions) w.prefixed(1, () => w.put(new Uint8Array(HASH_LENGTH[hashOf(session)])));
  });
  return { type: Ext.preSharedKey, data: w.finish() };
}

function hashOf(session: Session13): 'sha256' | 'sha384' {
  return SUITES.get(session.cipherSuite)!.hash;
}

/** The whole handshake message. */
export function encodeHello(parts: HelloParts): Uint8Array {
  const w = new Writer();
  w.u8(Message.ClientHello).prefixed(3, () => {
    w.u16(parts.version).put(parts.random);
    w.prefixed(1, () => w.put(parts.sessionId));
    w.prefixed(2, () => each(parts.cipherSuites, (suite) => void w.u16(suite)));
    w.prefixed(1, () => each(parts.compressionMethods, (method) => void w.u8(method)));
    if (parts.extensions !== undefined) {
      w.prefixed(2, () => each(parts.extensions!, ({ type, data }) => void w.u16(type).prefixed(2, () => w.put(data))));
    }
  });
  return w.finish();
}

/**
 * Fills in the binders at the end of the message, which is where pre_shared_key has to be. `before` is what the transcript
 * holds already, after a HelloRetryRequest; a digest of it depends on the PSK's hash.
 */
export function fillBinders(
  hello: Uint8Array,
  sessions: readonly Session13[],
  before: (hash: 'sha256' | 'sha384') => readonly Uint8Array[],
): void {
  const lengths = sessions.map((session) => HASH_LENGTH[hashOf(session)]);
  const listBytes = 2 + lengths.reduce((sum, length) => sum + 1 + length, 0);
  const truncated = hello.slice(0, hello.length - listBytes);
  let at = truncated.length + 2;
  sessions.forEach((session, i) => {
    const hash = hashOf(session);
    const binder = new Schedule13(hash, session.psk).binder(digest(hash, ...before(hash), truncated));
    hello.set(binder, at + 1);
    at += 1 + lengths[i]!;
  });
}

/** An extension of the ClientHello, for tests that put one in. */
export function extension(type: number, data: Uint8Array | string = new Uint8Array(0)): RawExtension {
  return { type, data: typeof data === 'string' ? ascii(data) : data };
}
