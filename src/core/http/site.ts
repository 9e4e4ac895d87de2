// The built-in test site: a table of places and the handler that looks them up. Pure: the same request gives the same
// response (RFC 9110 §9, §12.5.1, §15). Leaves out files, conditional and range requests, and every kind of state.

import { limits } from '../limits.js';
import { bytesBody, patternBody } from './body.js';
import { type Field, fieldValue, type Request, type Response, type SyncHandler } from './message.js';
import { overviewHtml, overviewText } from './overview.js';
import { allowsContent, reasonPhrase } from './status.js';
import { latin1Bytes } from './text.js';

/** One place of the site. `/` lists them from this table. */
export interface Place {
  /** As it is shown; `N` and `MS` stand for a number. */
  readonly pattern: string;
  /** What the path begins with, or is when it takes no argument. */
  readonly path: string;
  readonly takesNumber: boolean;
  /** Undefined: any. */
  readonly methods: readonly string[] | undefined;
  readonly about: string;
  readonly answer: (request: Request, number: number) => Response;
}

const TEXT: Field = ['content-type', 'text/plain; charset=utf-8'];
const HTML: Field = ['content-type', 'text/html; charset=utf-8'];
const JSON_TEXT: Field = ['content-type', 'application/json'];
const OCTETS: Field = ['content-type', 'application/octet-stream'];
const GET_HEAD = ['GET', 'HEAD'] as const;
/** RFC 9110 §9.3 and RFC 5789: what we recognize, whether or not a place allows it. */
const KNOWN_METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'];

export const places: readonly Place[] = [
  {
    pattern: '/',
    path: '/',
    takesNumber: false,
    methods: GET_HEAD,
    about: 'what this connection negotiated, and this list; HTML when Accept asks for it',
    answer: overview,
  },
  {
    pattern: '/bytes/N',
    path: '/bytes/',
    takesNumber: true,
    methods: GET_HEAD,
    about: 'N bytes, 0 to 2^53-1; byte k is (r xor (r >> 8)) and 255 with r = k mod 65521',
    answer: (_, length) => ({ status: 200, headers: [OCTETS], body: patternBody(length) }),
  },
  {
    pattern: '/echo',
    path: '/echo',
    takesNumber: false,
    methods: undefined,
    about: 'the content of the request, as it comes; any method',
    answer: echo,
  },
  {
    pattern: '/headers',
    path: '/headers',
    takesNumber: false,
    methods: GET_HEAD,
    about: 'the header fields of the request as JSON',
    answer: headers,
  },
  {
    pattern: '/status/N',
    path: '/status/',
    takesNumber: true,
    methods: GET_HEAD,
    about: 'a response with status N, 200 to 599',
    answer: status,
  },
  {
    pattern: '/delay/MS',
    path: '/delay/',
    takesNumber: true,
    methods: GET_HEAD,
    about: `a response after MS milliseconds, 0 to ${limits.http.siteDelayMs}`,
    answer: delay,
  },
];

/** The handler of the built-in test site. */
export function createSite(): SyncHandler {
  return (request) => {
    const { method, path } = request;
    // RFC 9110 §9.3.7: the server as a whole.
    if (path === '*') return { status: 204, headers: [['allow', KNOWN_METHODS.slice(0, 2).join(', ')]] };
    const query = path.indexOf('?');
    const name = query < 0 ? path : path.slice(0, query);
    for (const place of places) {
      if (place.takesNumber ? !name.startsWith(place.path) : name !== place.path) continue;
      if (place.methods !== undefined && !place.methods.includes(method)) return notAllowed(method, place.methods);
      if (!place.takesNumber) return place.answer(request, 0);
      const number = parseNumber(name, place.path.length);
      return number < 0 ? text(400, 'a number from 0 to 9007199254740991 wanted') : place.answer(request, number);
    }
    return text(404, 'not here; / lists what is');
  };
}

function overview(request: Request): Response {
  const html = prefersHtml(fieldValue(request.headers, 'accept'));
  const page = html ? overviewHtml(request, places) : overviewText(request, places);
  // RFC 9110 §12.5.5: a cache must know that Accept chose.
  return { status: 200, headers: [html ? HTML : TEXT, ['vary', 'accept']], body: bytesBody(latin1Bytes(page)) };
}

function echo(request: Request): Response {
  const type = fieldValue(request.headers, 'content-type');
  return { status: 200, headers: [type === undefined ? OCTETS : ['content-type', type]], body: request.body };
}

function headers(request: Request): Response {
  const lines = request.headers.map(([name, value]) => `  [${quoted(name)}, ${quoted(value)}]`);
  const json = lines.length === 0 ? '[]\n' : `[\n${lines.join(',\n')}\n]\n`;
  return { status: 200, headers: [JSON_TEXT], body: bytesBody(latin1Bytes(json)) };
}

/** A JSON string of ASCII alone: octets beyond it have no charset that we could know (RFC 9110 §5.5). */
function quoted(value: string): string {
  return JSON.stringify(value).replace(/[^ -~]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function status(_request: Request, code: number): Response {
  if (code < 200 || code > 599) return text(400, 'a status from 200 to 599 wanted');
  const extra = statusFields(code);
  if (!allowsContent(code)) return { status: code, headers: extra };
  return text(code, '', extra);
}

/** Fields without which the status must not be sent, and where a redirection leads to. */
function statusFields(code: number): Field[] {
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
      return [['allow', GET_HEAD.join(', ')]];
    case 407:
      return [['proxy-authenticate', 'Basic realm="wirebench"']];
    default:
      return [];
  }
}

function delay(_request: Request, ms: number): Response {
  if (ms > limits.http.siteDelayMs) return text(400, `at most ${limits.http.siteDelayMs} milliseconds`);
  return { ...text(200, `after ${ms} ms`), delayUs: ms * 1_000 };
}

/** RFC 9110 §9.1: 501 for a method that we do not know anywhere, 405 for one that this place does not allow. */
function notAllowed(method: string, allowed: readonly string[]): Response {
  const allow = allowed.join(', ');
  if (!KNOWN_METHODS.includes(method)) return text(501, 'unknown method');
  return text(405, `allowed here: ${allow}`, [['allow', allow]]);
}

function text(code: number, words: string, extra: readonly Field[] = []): Response {
  const line = `${`${code} ${reasonPhrase(code)}`.trim()}${words === '' ? '' : `: ${words}`}\n`;
  return { status: code, headers: [TEXT, ...extra], body: bytesBody(latin1Bytes(line)) };
}

/** Decimal digits up to the end, or -1. */
function parseNumber(path: string, from: number): number {
  if (from === path.length) return -1;
  let value = 0;
  for (let i = from; i < path.length; i++) {
    const digit = path.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
    if (value > Number.MAX_SAFE_INTEGER) return -1;
  }
  return value;
}

/** RFC 9110 §12.5.1: HTML only when it is named, and not liked less than plain text. What curl says is only a star. */
function prefersHtml(accept: string | undefined): boolean {
  if (accept === undefined) return false;
  const html = quality(accept, 'text/html');
  return html > 0 && html >= quality(accept, 'text/plain');
}

/** The qvalue of a media type in thousandths (RFC 9110 §12.4.2); 0 when the list does not name it. */
function quality(accept: string, type: string): number {
  for (const range of accept.toLowerCase().split(',')) {
    const [name, ...parameters] = range.split(';').map((part) => part.trim());
    if (name !== type) continue;
    const q = parameters.find((parameter) => parameter.startsWith('q='));
    if (q === undefined) return 1_000;
    const digits = /^q=([01])(?:\.([0-9]{0,3}))?$/.exec(q);
    return digits === null ? 0 : Number(digits[1]) * 1_000 + Number((digits[2] ?? '').padEnd(3, '0'));
  }
  return 0;
}
