// The places of the built-in site, as a table: where each is, what it allows, what it answers. Pure: the same request gives
// the same response. `/` and the README list them from here. Leaves out how one is found (site.ts).

import { limits } from '../limits.js';
import { CONTENT_METHODS, OCTETS, queryNumber, READ_METHODS, statusFields, TEXT, text } from './answers.js';
import { bytesBody, contentOf, patternBody } from './body.js';
import { gzipBody } from './gzip.js';
import { type Field, fieldValue, type Request, type Response } from './message.js';
import { prefersHtml, wantsGzip } from './negotiate.js';
import { overviewHtml, overviewText } from './overview.js';
import { planRepresentation, respondWith } from './representation.js';
import { allowsContent } from './status.js';
import { latin1Bytes } from './text.js';
import { piecesOverTime } from './timed.js';
import { trailing } from './trailing.js';

/** One place of the site. */
export interface Place {
  /** As it is shown; `N` and `MS` stand for a number. */
  readonly pattern: string;
  /** What the path begins with, or is when it takes no argument. */
  readonly path: string;
  readonly takesNumber: boolean;
  /** Undefined: any. */
  readonly methods: readonly string[] | undefined;
  readonly about: string;
  readonly answer: (request: Request, number: number, query: string) => Response;
}

const HTML: Field = ['content-type', 'text/html; charset=utf-8'];
const JSON_TEXT: Field = ['content-type', 'application/json'];
const VARY_ACCEPT: Field = ['vary', 'accept'];
const VARY_CODING: Field = ['vary', 'accept-encoding'];
/** The pattern does not change: its date is the one of RFC 9110's examples, earlier than any response. */
const PATTERN_SECONDS = 784_111_777;
const PATTERN_DATE: Field = Object.freeze(['last-modified', 'Sun, 06 Nov 1994 08:49:37 GMT'] as const);
const ACCEPT_RANGES: Field = Object.freeze(['accept-ranges', 'bytes'] as const);
const LONGEST_MS = limits.http.siteDelayMs;

export const places: readonly Place[] = [
  {
    ...page('/'),
    about: 'what this connection negotiated, and this list; HTML when Accept asks for it',
    answer: overview,
  },
  {
    ...numbered('/bytes/', 'N'),
    about:
      'N bytes, 0 to 2^53-1; byte k is (r xor (r >> 8)) and 255 with r = k mod 65521; with an entity tag, ranges and conditions',
    answer: bytes,
  },
  {
    ...numbered('/stream/', 'N'),
    about: `N lines, 1 to ${limits.http.sitePieces}, one each 100 ms or each ?ms=; of unknown length`,
    answer: stream,
  },
  {
    ...page('/drip'),
    about: `?bytes=N stars (10) spread over ?ms=MS (1000), after ?delay=MS (0), with status ?code=N (200)`,
    answer: drip,
  },
  {
    ...page('/echo'),
    methods: undefined,
    about: 'the content of the request, as it comes; any method',
    answer: echo,
  },
  { ...page('/headers'), about: 'the header fields of the request as JSON', answer: headers },
  {
    ...page('/gzip'),
    about: 'the same, in the content coding gzip when Accept-Encoding asks for it',
    answer: gzip,
  },
  {
    ...page('/trailers'),
    methods: CONTENT_METHODS,
    about:
      'trailer fields: CRC-32 and length of the content (what was sent, with POST or PUT), and those of the request',
    answer: trailing,
  },
  { ...numbered('/status/', 'N'), about: 'a response with status N, 200 to 599', answer: status },
  {
    ...numbered('/delay/', 'MS'),
    about: `a response after MS milliseconds, 0 to ${LONGEST_MS}`,
    answer: delay,
  },
  {
    ...numbered('/redirect/', 'N'),
    about: `302 to /redirect/N-1, and so on to /redirect/0; N up to ${limits.http.siteRedirects}`,
    answer: redirect,
  },
];

function page(path: string): Pick<Place, 'pattern' | 'path' | 'takesNumber' | 'methods'> {
  return { pattern: path, path, takesNumber: false, methods: READ_METHODS };
}

function numbered(path: string, what: string): ReturnType<typeof page> {
  return { pattern: path + what, path, takesNumber: true, methods: READ_METHODS };
}

function overview(request: Request): Response {
  const html = prefersHtml(request.headers);
  const content = html ? overviewHtml(request, places) : overviewText(request, places);
  // RFC 9110 §12.5.5: a cache must know that Accept chose.
  return { status: 200, headers: [html ? HTML : TEXT, VARY_ACCEPT], body: bytesBody(latin1Bytes(content)) };
}

/** The fields of the last whole answer, kept since loads ask for the same again and again; they depend on the length alone. */
let lastLength = -1;
let lastFields: readonly Field[] = [];

function bytes({ method, headers: fields }: Request, length: number): Response {
  if (isPlain(fields)) {
    if (length !== lastLength) {
      lastLength = length;
      // Frozen, so that a connection may keep what it made of them.
      const tag: Field = Object.freeze(['etag', patternTag(length)] as const);
      lastFields = Object.freeze([OCTETS, ACCEPT_RANGES, tag, PATTERN_DATE]);
    }
    return { status: 200, headers: lastFields, body: patternBody(length) };
  }
  const plan = planRepresentation(method, fields, {
    etag: patternTag(length),
    lastModifiedSeconds: PATTERN_SECONDS,
    dateIsStrong: true,
    contentType: OCTETS[1],
    length,
  });
  return respondWith(plan, (from, count) => patternBody(count, from));
}

function patternTag(length: number): string {
  return `"bytes-${length}"`;
}

/** Nothing in it makes a request for a part, or a condition. */
function isPlain(fields: readonly Field[]): boolean {
  for (const [name] of fields) {
    if (name === 'range' || (name.charCodeAt(0) === 0x69 && name.charCodeAt(1) === 0x66)) return false;
  }
  return true;
}

function stream(_request: Request, count: number, query: string): Response {
  const most = limits.http.sitePieces;
  if (count < 1 || count > most) return text(400, `1 to ${most} lines`);
  const ms = queryNumber(query, 'ms', 100, LONGEST_MS);
  if (ms < 0) return text(400, `ms: 0 to ${LONGEST_MS}`);
  const line = (index: number): Uint8Array => latin1Bytes(`line ${index + 1} of ${count}, ${index * ms} ms\n`);
  return { status: 200, headers: [TEXT], body: piecesOverTime(count, ms * 1_000, undefined, line) };
}

function drip(_request: Request, _number: number, query: string): Response {
  const count = queryNumber(query, 'bytes', 10, limits.http.siteDripBytes);
  const ms = queryNumber(query, 'ms', 1_000, LONGEST_MS);
  const delayMs = queryNumber(query, 'delay', 0, LONGEST_MS);
  const code = queryNumber(query, 'code', 200, 599);
  if (count < 1) return text(400, `bytes: 1 to ${limits.http.siteDripBytes}`);
  if (ms < 0 || delayMs < 0) return text(400, `ms and delay: 0 to ${LONGEST_MS}`);
  if (code < 200 || !allowsContent(code)) return text(400, 'code: 200 to 599, one that has content');
  const intervalUs = count === 1 ? 0 : Math.floor((ms * 1_000) / (count - 1));
  return {
    status: code,
    headers: [OCTETS, ...statusFields(code)],
    body: piecesOverTime(count, intervalUs, count, () => Uint8Array.of(0x2a)),
    delayUs: delayMs * 1_000,
  };
}

function echo(request: Request): Response {
  const type = fieldValue(request.headers, 'content-type');
  // RFC 9110 §6.5.1: trailer fields are sent by who knows what they mean; /trailers shows them.
  const body = contentOf(request.body);
  return { status: 200, headers: [type === undefined ? OCTETS : ['content-type', type]], body };
}

function headers(request: Request): Response {
  return { status: 200, headers: [JSON_TEXT], body: bytesBody(headersJson(request)) };
}

function gzip(request: Request): Response {
  const body = bytesBody(headersJson(request));
  if (!wantsGzip(request.headers)) return { status: 200, headers: [JSON_TEXT, VARY_CODING], body };
  return { status: 200, headers: [JSON_TEXT, ['content-encoding', 'gzip'], VARY_CODING], body: gzipBody(body) };
}

function headersJson(request: Request): Uint8Array {
  const lines = request.headers.map(([name, value]) => `  [${quoted(name)}, ${quoted(value)}]`);
  return latin1Bytes(lines.length === 0 ? '[]\n' : `[\n${lines.join(',\n')}\n]\n`);
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

function delay(_request: Request, ms: number): Response {
  if (ms > LONGEST_MS) return text(400, `at most ${LONGEST_MS} milliseconds`);
  return { ...text(200, `after ${ms} ms`), delayUs: ms * 1_000 };
}

function redirect(_request: Request, count: number): Response {
  if (count > limits.http.siteRedirects) return text(400, `at most ${limits.http.siteRedirects} redirections`);
  if (count === 0) return text(200, 'no further redirection');
  return text(302, `${count} to go`, [['location', `/redirect/${count - 1}`]]);
}
