// What both versions take out of a ClientHello in the same way: the name of the server and the credentials that serve it
// (RFC 6066 §3), and the application protocol (RFC 7301 §3.2). Pure functions.

import { limits } from '../limits.js';
import type { Verdict } from './alerts.js';
import type { TlsConfig, TlsCredential } from './config.js';
import { type Extension, findExtension, HOST_NAME } from './extensions.js';

/** The name that the client gives to the server, in lower case; undefined when there is none. */
export function offeredServerName(offered: readonly Extension[]): { readonly name: string | undefined } | Verdict {
  const offer = findExtension(offered, 'server_name');
  if (offer === undefined) return { name: undefined };
  // RFC 6066 §3: only a server's answer is empty, a client's list has at least one name.
  if (offer.names === undefined) return 'malformedMessage';
  const types = new Set<number>();
  let hostName: string | undefined;
  for (const { nameType, name } of offer.names) {
    // RFC 6066 §3: one name of a type. Names of other types say nothing to us.
    if (types.has(nameType)) return 'serverName';
    types.add(nameType);
    if (nameType !== HOST_NAME) continue;
    if (name.length > limits.tls.serverNameBytes) return 'serverName';
    // A hostname is ASCII.
    for (const byte of name) if (byte <= 0x20 || byte >= 0x7f) return 'serverName';
    hostName = String.fromCharCode(...name);
  }
  return { name: hostName };
}

/**
 * The credentials that may serve the name, favourite first: those that have it, or else those that are for any name, or all
 * of them when it is unknown or absent. Undefined when an unknown name is to be refused.
 */
export function credentialsFor(
  config: TlsConfig,
  serverName: string | undefined,
): readonly TlsCredential[] | undefined {
  if (serverName === undefined) return config.credentials;
  const name = serverName.toLowerCase();
  // RFC 6066 §3: the name guides the choice, so a certificate of no name (of an address, say) does not hide that of the name.
  const matching = config.credentials.filter(({ names }) => names !== undefined && serves(names, name));
  if (matching.length > 0) return matching;
  const forAny = config.credentials.filter(({ names }) => names === undefined);
  if (forAny.length > 0) return forAny;
  return config.strictServerName ? undefined : config.credentials;
}

/** `protocol` is undefined when nothing was offered or nothing is to be chosen from. The server's order decides. */
export function chooseProtocol(
  offered: readonly Extension[],
  alpnProtocols: readonly string[],
): { readonly protocol: string | undefined } | Verdict {
  const offer = findExtension(offered, 'alpn');
  if (offer === undefined || alpnProtocols.length === 0) return { protocol: undefined };
  const protocol = alpnProtocols.find((name) => offer.protocols.some((bytes) => isText(bytes, name)));
  return protocol === undefined ? 'noCommonProtocol' : { protocol };
}

/** ASCII. */
export function toBytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** RFC 6125 §6.4.3: the wildcard is the whole leftmost label, and stands for exactly one. */
function serves(names: readonly string[], name: string): boolean {
  const dot = name.indexOf('.');
  const wildcard = dot < 0 ? undefined : `*${name.slice(dot)}`;
  return names.some((own) => own === name || own === wildcard);
}

function isText(bytes: Uint8Array, name: string): boolean {
  if (bytes.length !== name.length) return false;
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== name.charCodeAt(i)) return false;
  return true;
}
