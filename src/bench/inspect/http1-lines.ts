// The lines of HTTP/1.1 messages as they may be met in a capture: read by the core's strict rules, and where one is broken
// told which (RFC 9112 §2 to §7) and read as well as possible.

import { ParseError } from '../../core/bytes/reader.js';
import { latin1, TextCache } from '../../core/http/text.js';
import { lineEnd, parseChunkLine, parseFieldLine, parseRequestLine } from '../../core/http1/message.js';
import { type Refusal, refusalOf } from '../../core/http1/refusals.js';
import type { Field } from '../../core/trace.js';

/** Called for each rule that is broken. */
export type Blame = (refusal: Refusal) => void;

const texts = new TextCache();

/** Where the line ends that has its LF at `lf`. */
export function endOfLine(bytes: Uint8Array, start: number, lf: number, blame: Blame): number {
  return strictly(
    () => lineEnd(bytes, start, lf),
    () => lf,
    blame,
  );
}

export interface StartLine {
  readonly method: string;
  readonly target: string;
  readonly version: string;
}

const spaceInTarget: Refusal = { status: 400, reason: 'request-target: white space in it', section: 'RFC 9112 §3.2' };

export function readRequestLine(bytes: Uint8Array, start: number, end: number, blame: Blame): StartLine {
  let hasSpace = false;
  let refusal: Refusal | undefined;
  const line = strictly(
    () => {
      const { method, target, major, minor } = parseRequestLine(bytes, start, end, texts);
      return { method, target, version: `HTTP/${major}.${minor}` };
    },
    () => {
      const [method = '', ...rest] = latin1(bytes, start, end).split(/[ \t]+/);
      const version = /^HTTP\//.test(rest.at(-1) ?? '') ? rest.pop()! : 'HTTP/0.9';
      hasSpace = rest.length > 1 && version !== 'HTTP/0.9';
      return { method, target: rest.join(' '), version };
    },
    (found) => {
      refusal = found;
    },
  );
  // To a strict reader the version is wrong; who looks on sees where it stands.
  if (refusal !== undefined) blame(hasSpace ? spaceInTarget : refusal);
  return line;
}

export interface StatusLine {
  readonly version: string;
  readonly status: number;
  readonly reason: string;
}

const statusLineRefusal: Refusal = { status: 400, reason: 'status-line: malformed', section: 'RFC 9112 §4' };

/** RFC 9112 §4; the reason phrase may be missing, with or without the space before it. */
export function readStatusLine(bytes: Uint8Array, start: number, end: number, blame: Blame): StatusLine | undefined {
  const line = latin1(bytes, start, end);
  const strict = /^(HTTP\/[0-9]\.[0-9]) ([0-9]{3}) (.*)$/s.exec(line);
  const parts = strict ?? /^(HTTP\/[0-9.]+)[ \t]+([0-9]{1,3})(?:[ \t]+(.*))?$/s.exec(line);
  if (parts === null) return undefined;
  // A missing space before an empty phrase is so common that RFC 9112 §4 tells clients to live with it.
  if (strict === null && parts[3] !== undefined) blame(statusLineRefusal);
  return { version: parts[1]!, status: Number(parts[2]), reason: parts[3] ?? '' };
}

/** Undefined: a line that continues the one before, or has no colon. */
export function readFieldLine(bytes: Uint8Array, start: number, end: number, blame: Blame): Field | undefined {
  return strictly<Field | undefined>(
    () => parseFieldLine(bytes, start, end, texts),
    () => {
      const line = latin1(bytes, start, end);
      const colon = line.indexOf(':');
      if (colon < 0 || /^[ \t]/.test(line)) return undefined;
      return [line.slice(0, colon).trim().toLowerCase(), withoutBlanks(line.slice(colon + 1))];
    },
    blame,
  );
}

/** RFC 9110 §5.5: blanks around a value are no part of it. A pattern would try each run of them, as long as the line, from each place. */
function withoutBlanks(value: string): string {
  let [start, end] = [0, value.length];
  while (start < end && isBlank(value, start)) start++;
  while (end > start && isBlank(value, end - 1)) end--;
  return value.slice(start, end);
}

const isBlank = (text: string, at: number): boolean => text[at] === ' ' || text[at] === '\t';

/** Undefined: there is no size to go by. */
export function readChunkSize(bytes: Uint8Array, start: number, end: number, blame: Blame): number | undefined {
  const size = strictly(
    () => parseChunkLine(bytes, start, end).size,
    () => Number.parseInt(latin1(bytes, start, Math.min(end, start + 16)), 16),
    blame,
  );
  return Number.isSafeInteger(size) && size >= 0 ? size : undefined;
}

function strictly<Result>(strict: () => Result, lenient: () => Result, blame: Blame): Result {
  try {
    return strict();
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    blame(refusalOf(error.what));
    return lenient();
  }
}

export const bothLengths: Refusal = {
  status: 400,
  reason: 'Transfer-Encoding: together with Content-Length',
  section: 'RFC 9112 §6.1',
};
export const badLength: Refusal = { status: 400, reason: 'Content-Length: not a number', section: 'RFC 9112 §6.3' };
export const chunkEnd: Refusal = {
  status: 400,
  reason: 'chunk-data: longer than chunk-size',
  section: 'RFC 9112 §7.1',
};

/** Field lines of one name are one list (RFC 9110 §5.2). */
export function fieldValue(headers: readonly Field[], name: string): string | undefined {
  let value: string | undefined;
  for (const [key, text] of headers) if (key === name) value = value === undefined ? text : `${value}, ${text}`;
  return value;
}

/** RFC 9112 §6.3: the codings end in `chunked`, and so say where the content ends. */
export function isChunked(codings: string | undefined): boolean {
  return codings !== undefined && /(?:^|[,\s])chunked\s*$/i.test(codings);
}

/** RFC 9110 §8.6: a list of the same number again and again is that number; undefined: it is none. */
export function lengthOf(contentLength: string): number | undefined {
  const members = new Set(contentLength.split(',').map((member) => member.trim()));
  const [only = ''] = members;
  return members.size === 1 && /^[0-9]{1,15}$/.test(only) ? Number(only) : undefined;
}

/** Octets at the end of a line that are looked at for the beginning of a message. */
const LOOKED_AT = 8192;

/** Where in a line, that may begin with the end of something else, a message begins: an offset from `start`; -1: it does not. */
export function messageStart(isRequest: boolean, bytes: Uint8Array, start: number, lf: number): number {
  const from = Math.max(start, lf - LOOKED_AT);
  const line = latin1(bytes, from, lf).replace(/\r$/, '');
  const at = isRequest ? requestStart(line) : line.search(/HTTP\/1\.[01] [1-5][0-9]{2}(?: |$)/);
  return at < 0 ? -1 : from - start + at;
}

/** From the end: a version, a target, and in front of it a method. */
function requestStart(line: string): number {
  if (!/ HTTP\/1\.[01]$/.test(line)) return -1;
  const targetEnd = line.lastIndexOf(' ');
  const targetAt = line.lastIndexOf(' ', targetEnd - 1) + 1;
  if (targetAt <= 1 || targetAt === targetEnd) return -1;
  const method = /[A-Z]{3,16}$/.exec(line.slice(Math.max(0, targetAt - 17), targetAt - 1));
  return method === null ? -1 : targetAt - 1 - method[0].length;
}
