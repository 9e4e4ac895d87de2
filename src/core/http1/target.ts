// What a request is aimed at: the four forms of the request target (RFC 9112 §3.2). Leaves out the percent-encoding inside of
// paths, which is the handler's.

import { isAuthority } from '../http/authority.js';
import { type Refusal, refusals } from './refusals.js';

export interface Target {
  /** Only the absolute-form says one. */
  readonly scheme: 'http' | 'https' | undefined;
  readonly authority: string;
  /** Path and query, or `*`. */
  readonly path: string;
}

/** `host` is the value of Host, which only the absolute-form overrules. Authority-form is for CONNECT, which we do not do. */
export function parseTarget(method: string, target: string, host: string): Target | Refusal {
  if (method === 'CONNECT') return refusals.connect;
  if (target.startsWith('/')) return { scheme: undefined, authority: host, path: target };
  if (target === '*') {
    // RFC 9112 §3.2.4.
    if (method !== 'OPTIONS') return refusals.asterisk;
    return { scheme: undefined, authority: host, path: target };
  }
  const parts = /^(https?):\/\/([^/?]*)(.*)$/i.exec(target);
  if (parts === null) return refusals.targetForm;
  // RFC 9112 §3.2.2: what it names replaces Host. RFC 9110 §4.2.1 and §4.2.4: an empty host or userinfo is an error.
  const authority = parts[2]!;
  if (!isAuthority(authority)) return refusals.targetAuthority;
  const rest = parts[3]!;
  // RFC 9112 §3.2.4: OPTIONS of an absolute-form without path means the server as a whole; §3.2.1: otherwise it means `/`.
  const path = rest === '' && method === 'OPTIONS' ? '*' : rest.startsWith('/') ? rest : `/${rest}`;
  return { scheme: parts[1]!.toLowerCase() === 'https' ? 'https' : 'http', authority, path };
}
