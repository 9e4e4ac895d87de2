// What a request is aimed at: the four forms of the request target and the grammar of Host (RFC 9112 §3.2, RFC 3986 §3.2).
// Leaves out the percent-encoding inside of paths, which is the handler's.

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

/** RFC 3986 §3.2.2: `host [":" port]` with a host that is not empty and without userinfo. */
export function isAuthority(text: string): boolean {
  const parts = /^(\[[^\]]*\]|(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})+)(?::[0-9]*)?$/.exec(text);
  if (parts === null) return false;
  const host = parts[1]!;
  return host.charCodeAt(0) !== 0x5b || isIpLiteral(host.slice(1, -1));
}

/** RFC 3986 §3.2.2: IPv6address, or IPvFuture. No zone: RFC 6874 keeps those out of what is sent. */
function isIpLiteral(text: string): boolean {
  if (/^v[0-9A-Fa-f]+\.[A-Za-z0-9\-._~!$&'()*+,;=:]+$/i.test(text)) return true;
  const halves = text.split('::');
  if (halves.length > 2) return false;
  let groups = 0;
  for (let half = 0; half < halves.length; half++) {
    if (halves[half] === '') {
      // Without `::` there is one half, and it is not empty.
      if (halves.length === 1) return false;
      continue;
    }
    const parts = halves[half]!.split(':');
    for (let i = 0; i < parts.length; i++) {
      const last = half === halves.length - 1 && i === parts.length - 1;
      if (last && isIpv4(parts[i]!)) groups += 2;
      else if (/^[0-9A-Fa-f]{1,4}$/.test(parts[i]!)) groups++;
      else return false;
    }
  }
  return halves.length === 2 ? groups <= 7 : groups === 8;
}

function isIpv4(text: string): boolean {
  return /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/.test(text);
}
