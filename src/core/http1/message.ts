// The wire format of an HTTP/1.1 request: request line, field lines, chunk-size lines, and what a whole header section
// says about framing. RFC 9112 §2 to §7, RFC 9110 §5. Leaves out the target (target.ts), reading line by line (request.ts,
// body.ts) and what is answered. Lenient nowhere: two readers that split a stream differently are request smuggling (§11.2).

import { ParseError } from '../bytes/reader.js';
import { isAuthority } from '../http/authority.js';
import type { Field } from '../http/message.js';
import { FIELD_VALUE, HEX_DIGIT, TARGET, type TextCache, TOKEN, withoutBlanks } from '../http/text.js';
import { type Refusal, refusals } from './refusals.js';
import { parseTarget } from './target.js';

const HTAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SP = 0x20;
const DQUOTE = 0x22;
const COLON = 0x3a;
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const BACKSLASH = 0x5c;

/** RFC 9112 §3. */
export interface RequestLine {
  readonly method: string;
  readonly target: string;
  readonly major: number;
  readonly minor: number;
}

/** A whole header section, understood. */
export interface RequestHead {
  readonly version: 'HTTP/1.0' | 'HTTP/1.1';
  readonly method: string;
  /** As on the wire. */
  readonly target: string;
  /** Only the absolute-form says one. */
  readonly scheme: 'http' | 'https' | undefined;
  readonly authority: string;
  readonly path: string;
  readonly headers: readonly Field[];
  /** Content bytes; 0 when there is no content; undefined: chunked. */
  readonly contentLength: number | undefined;
  /** `Expect: 100-continue` in an HTTP/1.1 request (RFC 9110 §10.1.1). */
  readonly expectsContinue: boolean;
  /** The connection may serve another request after this one (RFC 9112 §9.3). */
  readonly persistent: boolean;
}

/** `method SP request-target SP HTTP-version` without its CRLF. Exactly one SP each, although §3 would allow more kinds. */
export function parseRequestLine(bytes: Uint8Array, start: number, end: number, texts: TextCache): RequestLine {
  let at = start;
  while (at < end && TOKEN[bytes[at]!] !== 0) at++;
  if (at === start || at === end || bytes[at] !== SP) fail(refusals.method, at);
  const method = texts.text(bytes, start, at);

  const targetAt = ++at;
  while (at < end && TARGET[bytes[at]!] !== 0) at++;
  if (at === targetAt) fail(refusals.target, at);
  // `GET /` alone is HTTP/0.9, which has no version, no fields and no framing.
  if (at === end) fail(refusals.versionMissing, at);
  if (bytes[at] !== SP) fail(refusals.targetCharacter, at);
  const target = texts.text(bytes, targetAt, at);

  const versionAt = ++at;
  const major = bytes[at + 5]! - 0x30;
  const minor = bytes[at + 7]! - 0x30;
  // "HTTP" in capitals (§2.3), a digit, a dot, a digit.
  const valid =
    end - versionAt === 8 &&
    bytes[at] === 0x48 &&
    bytes[at + 1] === 0x54 &&
    bytes[at + 2] === 0x54 &&
    bytes[at + 3] === 0x50 &&
    bytes[at + 4] === 0x2f &&
    bytes[at + 6] === 0x2e &&
    major >= 0 &&
    major <= 9 &&
    minor >= 0 &&
    minor <= 9;
  if (!valid) fail(refusals.version, versionAt);
  return { method, target, major, minor };
}

/** `field-name ":" OWS field-value OWS` without its CRLF (RFC 9112 §5). The name comes back in lower case. */
export function parseFieldLine(bytes: Uint8Array, start: number, end: number, texts: TextCache): Field {
  // §5.2: a line that begins with white space continues the one before; §2.2: nothing may stand before the first.
  if (bytes[start] === SP || bytes[start] === HTAB) fail(refusals.folded, start);
  let at = start;
  while (at < end && TOKEN[bytes[at]!] !== 0) at++;
  // §5.1: no white space before the colon; SP and HTAB are no tchar, so they end up here.
  if (at === end || bytes[at] !== COLON) fail(refusals.fieldColon, at);
  if (at === start) fail(refusals.fieldNameEmpty, at);
  const name = texts.lowerCaseToken(bytes, start, at);

  at++;
  while (at < end && (bytes[at] === SP || bytes[at] === HTAB)) at++;
  let valueEnd = end;
  while (valueEnd > at && (bytes[valueEnd - 1] === SP || bytes[valueEnd - 1] === HTAB)) valueEnd--;
  for (let i = at; i < valueEnd; i++) if (FIELD_VALUE[bytes[i]!] === 0) fail(refusals.fieldValue, i);
  return [name, texts.text(bytes, at, valueEnd)];
}

/**
 * The end of the line that ends in the LF at `lf`: where its CR stands. RFC 9112 §2.2 lets a recipient take a bare LF for
 * a line end; we do not, since a reader before us may see it otherwise.
 */
export function lineEnd(bytes: Uint8Array, start: number, lf: number): number {
  if (lf === start || bytes[lf - 1] !== CR) fail(refusals.bareLf, lf);
  return lf - 1;
}

/** What the line and the fields say together, or why it cannot be served. */
export function interpretRequest(line: RequestLine, headers: readonly Field[]): RequestHead | Refusal {
  const { method, target } = line;
  // RFC 9110 §2.5: a higher minor version is served as the highest that we speak.
  const version = line.minor === 0 ? 'HTTP/1.0' : 'HTTP/1.1';
  let host: string | undefined;
  let length: string | undefined;
  let codings: string | undefined;
  let close = false;
  let keepAlive = false;
  let expectsContinue = false;
  for (const [name, value] of headers) {
    switch (name) {
      case 'host':
        if (host !== undefined) return refusals.hostTwice;
        host = value;
        break;
      case 'content-length':
        // RFC 9110 §8.6 would allow equal values; a second one is a sign of tampering, and refusing is allowed as well.
        if (length !== undefined) return refusals.lengthTwice;
        length = value;
        break;
      case 'transfer-encoding':
        codings = codings === undefined ? value : `${codings},${value}`;
        break;
      case 'connection':
        if (hasMember(value, 'close')) close = true;
        if (hasMember(value, 'keep-alive')) keepAlive = true;
        break;
      case 'expect':
        // RFC 9110 §10.1.1: ignored in HTTP/1.0; 100-continue is the only expectation there is.
        if (version === 'HTTP/1.0') break;
        if (!isContinue(value)) return refusals.expectation;
        expectsContinue = true;
        break;
    }
  }

  // RFC 9112 §3.2: exactly one Host in HTTP/1.1, and a valid one whatever the version.
  if (host === undefined && version === 'HTTP/1.1') return refusals.hostMissing;
  if (host !== undefined && host !== '' && !isAuthority(host)) return refusals.host;

  const contentLength = bodyLength(version, length, codings);
  if (typeof contentLength === 'object') return contentLength;
  const where = parseTarget(method, target, host ?? '');
  if ('status' in where) return where;
  const { scheme, authority, path } = where;
  // RFC 9112 §9.3: close before all else; an HTTP/1.0 client has to ask for more.
  const persistent = !close && (version === 'HTTP/1.1' || keepAlive);
  return { version, method, target, scheme, authority, path, headers, contentLength, expectsContinue, persistent };
}

/** RFC 9112 §6.3, in its order. */
function bodyLength(
  version: string,
  length: string | undefined,
  codings: string | undefined,
): number | undefined | Refusal {
  if (codings !== undefined) {
    // §6.1: an HTTP/1.0 sender does not know the field, so somebody passed it on without understanding it.
    if (version === 'HTTP/1.0') return refusals.codingInOldHttp;
    if (length !== undefined) return refusals.codingAndLength;
    const names = members(codings);
    if (names.at(-1) !== 'chunked') return refusals.chunkedNotLast;
    if (names.indexOf('chunked') !== names.length - 1) return refusals.chunkedTwice;
    if (names.length > 1) return refusals.codingUnknown;
    return undefined;
  }
  if (length === undefined) return 0;
  if (!/^[0-9]+$/.test(length)) return refusals.length;
  const value = Number(length);
  if (!Number.isSafeInteger(value)) return refusals.lengthTooLarge;
  return value;
}

/** Members of a list, in lower case; empty ones do not count (RFC 9110 §5.6.1.2). */
function members(value: string): string[] {
  return value
    .toLowerCase()
    .split(',')
    .map(withoutBlanks)
    .filter((member) => member !== '');
}

/** RFC 9110 §10.1.1: a list whose members are all that one expectation. */
function isContinue(value: string): boolean {
  if (value === '100-continue') return true;
  const expectations = members(value);
  return expectations.length > 0 && expectations.every((member) => member === '100-continue');
}

function hasMember(value: string, member: string): boolean {
  return value === member || members(value).includes(member);
}

/**
 * `chunk-size [ chunk-ext ]` without its CRLF (RFC 9112 §7.1). Extensions are checked and ignored (§7.1.1).
 * The size is -1 when it is beyond 2^53-1; `digits` counts its hex digits.
 */
export function parseChunkLine(bytes: Uint8Array, start: number, end: number): { size: number; digits: number } {
  let at = start;
  let size = 0;
  for (; at < end && HEX_DIGIT[bytes[at]!] !== 255; at++) {
    if (size >= 0) size = size * 16 + HEX_DIGIT[bytes[at]!]!;
    if (size > Number.MAX_SAFE_INTEGER) size = -1;
  }
  const digits = at - start;
  if (digits === 0) fail(refusals.chunkSize, at);
  while (at < end) {
    at = skipBlanks(bytes, at, end);
    if (bytes[at] !== SEMICOLON || at === end) fail(refusals.extensionStart, at);
    at = skipToken(bytes, skipBlanks(bytes, at + 1, end), end, refusals.extensionName);
    const afterName = skipBlanks(bytes, at, end);
    if (afterName === end || bytes[afterName] !== EQUALS) continue;
    at = skipBlanks(bytes, afterName + 1, end);
    at =
      bytes[at] === DQUOTE && at < end
        ? skipQuoted(bytes, at, end)
        : skipToken(bytes, at, end, refusals.extensionValue);
  }
  return { size, digits };
}

function skipBlanks(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && (bytes[at] === SP || bytes[at] === HTAB)) at++;
  return at;
}

function skipToken(bytes: Uint8Array, start: number, end: number, missing: Refusal): number {
  let at = start;
  while (at < end && TOKEN[bytes[at]!] !== 0) at++;
  if (at === start) fail(missing, at);
  return at;
}

/** RFC 9110 §5.6.4. */
function skipQuoted(bytes: Uint8Array, start: number, end: number): number {
  let at = start + 1;
  while (at < end && bytes[at] !== DQUOTE) {
    if (bytes[at] === BACKSLASH) at++;
    if (at === end || FIELD_VALUE[bytes[at]!] === 0) fail(refusals.extensionQuoted, at);
    at++;
  }
  if (at >= end) fail(refusals.extensionUnquoted, end);
  return at + 1;
}

/** Where the next LF is in `[from, end)`, or -1. */
export function findLf(bytes: Uint8Array, from: number, end: number): number {
  for (let at = from; at < end; at++) if (bytes[at] === LF) return at;
  return -1;
}

function fail(refusal: Refusal, offset: number): never {
  throw new ParseError('http1', refusal.reason, offset);
}
