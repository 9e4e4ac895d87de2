// Header sections (RFC 9113 §8.1 to §8.3): from a decoded field list to a request, and the rules that make either side's
// malformed. What was found out about a field is kept with its table entry, so that a repeated field is looked at once.

import { isAuthority } from '../http/authority.js';
import { isBody, isSize } from '../http/deferral.js';
import type { Response } from '../http/message.js';
import { limits } from '../limits.js';
import type { Field } from '../trace.js';
import { type Verdict, verdicts } from './errors.js';
import type { HeaderList } from './hpack/decode.js';
import { ENTRY_OVERHEAD, type TableEntry } from './hpack/dynamic-table.js';
import { staticNames } from './hpack/static-table.js';
import { type Priority, parsePriority } from './priority.js';

/** What `TableEntry.check` says; 0 is reserved for not looked at. Up to OTHER_PSEUDO: a pseudo-header field. */
const METHOD = 1;
const SCHEME = 2;
const AUTHORITY = 3;
const PATH = 4;
const OTHER_PSEUDO = 5;
const INVALID = 6;
const CONNECTION_SPECIFIC = 7;
const BAD_PSEUDO_VALUE = 8;
const BAD_CONTENT_LENGTH = 9;
const BAD_HOST = 10;
// From here on: sound regular fields.
const PLAIN = 11;
const COOKIE = 12;
const HOST = 13;
const CONTENT_LENGTH = 14;
const EXPECT_CONTINUE = 15;
const PRIORITY = 16;

const requestPseudo: ReadonlyMap<string, number> = new Map([
  [':method', METHOD],
  [':scheme', SCHEME],
  [':authority', AUTHORITY],
  [':path', PATH],
]);

/** RFC 9113 §8.2.2: what belongs to HTTP/1.1's connection handling. */
const connectionSpecific: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

/** What a request's header section says. One per connection, filled anew by each `parseRequest`. */
export class RequestHead {
  method = '';
  /** Empty when absent. */
  scheme = '';
  authority = '';
  path = '';
  /** Without pseudo-header fields, crumbs of `cookie` joined. */
  headers: Field[] = [];
  /** -1 when absent. */
  contentLength = -1;
  expectsContinue = false;
  /** Undefined when absent or no priority. */
  priority: Priority | undefined = undefined;

  /**
   * Takes the request from a decoded list, or says why it is malformed. Of an oversize list only the part that was kept
   * is looked at. `endStream`: nothing follows the header section.
   */
  parse(list: HeaderList, endStream: boolean): Verdict | undefined {
    this.method = this.scheme = this.authority = this.path = '';
    this.headers = [];
    this.contentLength = -1;
    this.expectsContinue = false;
    this.priority = undefined;
    let priority = '';
    let host: string | undefined;
    let cookieAt = -1;
    let seen = 0;
    for (const entry of list.entries) {
      const check = checkOf(entry);
      if (check < PLAIN) {
        if (check > OTHER_PSEUDO) return refusal(check);
        // RFC 9113 §8.3: known ones only, each once, and all before the first regular field.
        const bit = 1 << check;
        if (check === OTHER_PSEUDO || (seen & bit) !== 0 || this.headers.length > 0) return verdicts.badPseudo;
        seen |= bit;
        if (check === METHOD) this.method = entry.value;
        else if (check === PATH) this.path = entry.value;
        else if (check === AUTHORITY) this.authority = entry.value;
        else this.scheme = entry.value;
        continue;
      }
      switch (check) {
        case COOKIE:
          if (cookieAt >= 0) {
            // RFC 9113 §8.2.3: crumbs are joined by "; " before anyone sees them.
            this.headers[cookieAt] = ['cookie', `${this.headers[cookieAt]![1]}; ${entry.value}`];
            continue;
          }
          cookieAt = this.headers.length;
          break;
        case HOST:
          // RFC 9110 §7.2: it is no list, and there is one target.
          if (host !== undefined) return verdicts.hostDiffers;
          host = entry.value;
          break;
        case CONTENT_LENGTH: {
          const length = Number(entry.value);
          if (this.contentLength >= 0 && this.contentLength !== length) return verdicts.badContentLength;
          this.contentLength = length;
          break;
        }
        case EXPECT_CONTINUE:
          this.expectsContinue = true;
          break;
        case PRIORITY:
          // RFC 8941 §4.2: lines of one structured field are one value, joined by commas.
          priority += priority === '' ? entry.value : `, ${entry.value}`;
          break;
      }
      this.headers.push(entry.field);
    }
    if (priority !== '') this.priority = parsePriority(priority);
    // What is missing of an oversize list may be what was not kept: RFC 9113 §10.5.1 has an answer for that.
    return (list.oversize ? undefined : this.#checkControlData(seen, host)) ?? this.#checkLength(endStream);
  }

  /** RFC 9113 §8.3.1, §8.5. */
  #checkControlData(seen: number, host: string | undefined): Verdict | undefined {
    const has = (check: number): boolean => (seen & (1 << check)) !== 0;
    if (!has(METHOD)) return verdicts.missingPseudo;
    if (this.method === 'CONNECT') {
      return has(SCHEME) || has(PATH) || this.authority === '' ? verdicts.badConnect : undefined;
    }
    if (!has(SCHEME) || !has(PATH)) return verdicts.missingPseudo;
    // RFC 9110 §4.2.1, §4.2.2: http and https identifiers have a host.
    if (has(AUTHORITY) && this.authority === '' && /^https?$/i.test(this.scheme)) return verdicts.badPseudoValue;
    if (this.path === '*' ? this.method !== 'OPTIONS' : this.path[0] !== '/') return verdicts.badPseudoValue;
    if (host === undefined) return undefined;
    if (!has(AUTHORITY)) this.authority = host;
    else if (this.authority !== host && normalized(this.authority, this.scheme) !== normalized(host, this.scheme)) {
      return verdicts.hostDiffers;
    }
    return undefined;
  }

  /** RFC 9113 §8.1.1. */
  #checkLength(endStream: boolean): Verdict | undefined {
    return endStream && this.contentLength > 0 ? verdicts.contentLengthDiffers : undefined;
  }
}

/** RFC 3986 §6.2.2.1, §6.2.3: host names do not depend on case, and the scheme's own port may be left out. */
function normalized(authority: string, scheme: string): string {
  return authority.toLowerCase().replace(scheme.toLowerCase() === 'https' ? /:(?:443)?$/ : /:(?:80)?$/, '');
}

/** RFC 9113 §8.1: trailers are regular fields. */
export function trailersVerdict(list: HeaderList): Verdict | undefined {
  for (const entry of list.entries) {
    const check = checkOf(entry);
    if (check <= OTHER_PSEUDO) return verdicts.pseudoInTrailers;
    if (check < PLAIN) return refusal(check);
  }
  return undefined;
}

/**
 * Whether a handler's response can be put in HTTP/2 as it is: a final status, field names and values that RFC 9113
 * §8.2.1 allows, and not more than we are ready to encode.
 */
export function isSendable(response: Response): boolean {
  // A 1xx cannot be final (RFC 9110 §15.2), and there is nothing below it or above 599 (§15).
  if (!Number.isInteger(response.status) || response.status < 200 || response.status > 599) return false;
  if (!isSize(response.delayUs) || (response.body !== undefined && !isBody(response.body))) return false;
  return areSendable(response.headers);
}

/** The same for fields alone: of a header section or of trailers. */
export function areSendable(fields: readonly Field[]): boolean {
  if (!Array.isArray(fields)) return false;
  let size = 0;
  for (const [name, value] of fields) {
    if (typeof name !== 'string' || typeof value !== 'string') return false;
    size += name.length + value.length + ENTRY_OVERHEAD;
    if (!isName(name) || !isValue(value)) return false;
  }
  return size <= limits.http2.responseHeaderListBytes;
}

/** RFC 9113 §8.2.2, and the two fields that are ours to add: a handler's are left out. */
export function isLeftOut(name: string): boolean {
  return name === 'date' || name === 'content-length' || connectionSpecific.has(name);
}

function refusal(check: number): Verdict {
  if (check === CONNECTION_SPECIFIC) return verdicts.connectionField;
  if (check === BAD_CONTENT_LENGTH) return verdicts.badContentLength;
  if (check === BAD_HOST) return verdicts.badHost;
  return check === BAD_PSEUDO_VALUE ? verdicts.badPseudoValue : verdicts.badField;
}

function checkOf(entry: TableEntry): number {
  if (entry.check === 0) entry.check = classify(entry.name, entry.value);
  return entry.check;
}

function classify(name: string, value: string): number {
  if (!isValue(value)) return INVALID;
  if (name.charCodeAt(0) === COLON) {
    const pseudo = requestPseudo.get(name);
    if (pseudo === undefined) return OTHER_PSEUDO;
    return isPseudoValue(pseudo, value) ? pseudo : BAD_PSEUDO_VALUE;
  }
  if (!isName(name)) return INVALID;
  if (connectionSpecific.has(name)) return CONNECTION_SPECIFIC;
  switch (name) {
    case 'te':
      return value.toLowerCase() === 'trailers' ? PLAIN : CONNECTION_SPECIFIC;
    case 'cookie':
      return COOKIE;
    case 'host':
      // RFC 9110 §7.2: it may be empty, and where there is no :authority it is what an application takes for one.
      return value === '' || isAuthority(value) ? HOST : BAD_HOST;
    case 'content-length':
      // Fifteen digits stay a safe integer.
      return /^[0-9]{1,15}$/.test(value) ? CONTENT_LENGTH : BAD_CONTENT_LENGTH;
    case 'priority':
      return PRIORITY;
    case 'expect':
      return value.toLowerCase() === '100-continue' ? EXPECT_CONTINUE : PLAIN;
    default:
      return PLAIN;
  }
}

function isPseudoValue(pseudo: number, value: string): boolean {
  switch (pseudo) {
    case METHOD:
      return value !== '' && isToken(value, false);
    case SCHEME:
      // RFC 3986 §3.1.
      return /^[A-Za-z][A-Za-z0-9+.-]*$/.test(value);
    case AUTHORITY:
      // RFC 9113 §8.3.1: the authority portion of a URI, no userinfo. A slash or a question mark in it would move the path.
      return value === '' || isAuthority(value);
    default:
      // RFC 9113 §8.3.1: path and query; a fragment is never sent (RFC 9110 §7.1).
      return /^[\x21\x22\x24-\x7e\x80-\xff]+$/.test(value);
  }
}

const COLON = 0x3a;

/** RFC 9110 §5.6.2, `tchar`; 1 in upper case letters too, 2 in all others. */
const tokenCharacters = new Uint8Array(256);
for (const c of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz") tokenCharacters[c.charCodeAt(0)] = 2;
for (const c of 'ABCDEFGHIJKLMNOPQRSTUVWXYZ') tokenCharacters[c.charCodeAt(0)] = 1;

function isToken(text: string, lowerCase: boolean): boolean {
  const least = lowerCase ? 2 : 1;
  for (let i = 0; i < text.length; i++) if (!(tokenCharacters[text.charCodeAt(i)]! >= least)) return false;
  return true;
}

/** RFC 9113 §8.2.1 with RFC 9110 §5.1: a token without upper case. */
function isName(name: string): boolean {
  if (staticNames.has(name)) return name.charCodeAt(0) !== COLON;
  return name !== '' && isToken(name, true);
}

/** RFC 9113 §8.2.1: no NUL, LF or CR, no space at either end; one octet a character. RFC 9110 §5.5 asks no more of us. */
function isValue(value: string): boolean {
  const last = value.length - 1;
  if (last < 0) return true;
  if (isSpace(value.charCodeAt(0)) || isSpace(value.charCodeAt(last))) return false;
  for (let i = 0; i <= last; i++) {
    const c = value.charCodeAt(i);
    if (c > 0xff || (c < 0x0e && (c === 0x0a || c === 0x0d || c === 0x00))) return false;
  }
  return true;
}

function isSpace(character: number): boolean {
  return character === 0x20 || character === 0x09;
}
