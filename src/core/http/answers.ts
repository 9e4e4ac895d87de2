// What places of the site answer with in words: a line of text with a status, and the fields that a status asks for. Leaves
// out everything that has content of its own (places.ts).

import { bytesBody } from './body.js';
import type { Field, Response } from './message.js';
import { reasonPhrase } from './status.js';
import { latin1Bytes } from './text.js';

export const TEXT: Field = ['content-type', 'text/plain; charset=utf-8'];
export const OCTETS: Field = Object.freeze(['content-type', 'application/octet-stream'] as const);
export const READ_METHODS = ['GET', 'HEAD', 'OPTIONS'] as const;
export const CONTENT_METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'OPTIONS'] as const;
/** RFC 9110 §9.3 and RFC 5789: what we recognize, whether or not a place allows it. */
const KNOWN_METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'];

export function text(code: number, words: string, extra: readonly Field[] = []): Response {
  const line = `${`${code} ${reasonPhrase(code)}`.trim()}${words === '' ? '' : `: ${words}`}\n`;
  return { status: code, headers: [TEXT, ...extra], body: bytesBody(latin1Bytes(line)) };
}

/** RFC 9110 §9.3.7: what may be done here. */
export function options(methods: readonly string[]): Response {
  return { status: 204, headers: [['allow', methods.join(', ')]] };
}

/** RFC 9110 §9.1: 501 for a method that we do not know anywhere, 405 for one that this place does not allow. */
export function notAllowed(method: string, allowed: readonly string[]): Response {
  const allow = allowed.join(', ');
  if (!KNOWN_METHODS.includes(method)) return text(501, 'unknown method');
  return text(405, `allowed here: ${allow}`, [['allow', allow]]);
}

/** Fields without which the status must not be sent, and where a redirection leads to. */
export function statusFields(code: number): Field[] {
  switch (code) {
    case 301:
    case 302:
    case 303:
    case 307:
    case 308:
      return [['location', '/']];
    case 401:
      return [['www-authenticate', 'Basic realm="wirebench"']];
    case 405:
      return [['allow', READ_METHODS.join(', ')]];
    case 407:
      return [['proxy-authenticate', 'Basic realm="wirebench"']];
    default:
      return [];
  }
}

/** A whole number in the query, `fallback` where it is not named, -1 where it is none or larger than `most`. */
export function queryNumber(query: string, name: string, fallback: number, most: number): number {
  for (const pair of query.split('&')) {
    if (!pair.startsWith(`${name}=`)) continue;
    const value = parseNumber(pair, name.length + 1);
    return value > most ? -1 : value;
  }
  return fallback;
}

/** Decimal digits from `from` to the end, up to 2^53-1, or -1. */
export function parseNumber(digits: string, from: number): number {
  if (from === digits.length) return -1;
  let value = 0;
  for (let i = from; i < digits.length; i++) {
    const digit = digits.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
    if (value > Number.MAX_SAFE_INTEGER) return -1;
  }
  return value;
}
