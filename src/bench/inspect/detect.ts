// What a byte stream speaks, by its first bytes and never by its port: TLS (RFC 8446 §5.1), HTTP/2 with prior knowledge (RFC 9113
// §3.3), HTTP/1.x, or something that is not known here. A verdict depends on the shortest prefix that decides, so that it
// is the same however the bytes were cut.

import { latin1, TOKEN } from '../../core/http/text.js';
import { CLIENT_PREFACE, FrameType } from '../../core/http2/frame.js';
import type { Direction } from '../../core/trace.js';
import { streamLimits } from './stream-limits.js';

export type Protocol = 'tls' | 'http1' | 'http2' | 'unknown';

const LONGEST_METHOD = 24;
/** A target of so many bytes is one without a look at what comes behind it. */
const LONG_TARGET = 1024;
/** RFC 9110 §9.3, RFC 5789 and WebDAV (RFC 4918 §9): no other protocol is told apart from HTTP by these alone. */
const METHODS = new Set(
  'GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK'.split(' '),
);
const SLASH = 0x2f;
const SP = 0x20;
const LF = 0x0a;

/** Undefined: more bytes are needed. */
export function detect(dir: Direction, bytes: Uint8Array): Protocol | undefined {
  if (bytes.length === 0) return undefined;
  if (bytes[0]! >= 20 && bytes[0]! <= 23) return detectTls(bytes);
  return dir === 'in' ? detectRequest(bytes) : detectResponse(bytes);
}

/** A record header whose length makes sense. */
function detectTls(bytes: Uint8Array): Protocol | undefined {
  if (bytes.length >= 2 && bytes[1] !== 3) return 'unknown';
  if (bytes.length >= 3 && bytes[2]! > 4) return 'unknown';
  if (bytes.length < 5) return undefined;
  const length = (bytes[3]! << 8) | bytes[4]!;
  return length > 0 && length <= streamLimits.recordBytes ? 'tls' : 'unknown';
}

function detectRequest(bytes: Uint8Array): Protocol | undefined {
  let same = 0;
  while (same < bytes.length && same < CLIENT_PREFACE.length && bytes[same] === CLIENT_PREFACE[same]) same++;
  if (same === CLIENT_PREFACE.length) return 'http2';
  if (same === bytes.length) return undefined;
  // RFC 9112 §2.2: empty lines may stand before the first request.
  let at = 0;
  while (at < bytes.length && at < 8 && (bytes[at] === 0x0d || bytes[at] === 0x0a)) at++;
  const from = at;
  while (at < bytes.length && TOKEN[bytes[at]!] !== 0) at++;
  if (at - from > LONGEST_METHOD) return 'unknown';
  if (at === bytes.length) return undefined;
  if (bytes[at] !== SP || at === from) return 'unknown';
  // A request target is a path, an URI, an authority or `*`, and a version comes behind it.
  const target = at + 1;
  let end = target;
  while (end < bytes.length && bytes[end] !== SP && bytes[end]! > 0x20 && bytes[end] !== 0x7f) end++;
  if (end === bytes.length) return end - target > LONG_TARGET ? 'http1' : undefined;
  const strict = end === target || bytes[end] !== SP ? 'unknown' : startsWith(bytes, end + 1, 'HTTP/');
  return strict === 'unknown' && METHODS.has(latin1(bytes, from, at)) ? detectBrokenLine(bytes, target) : strict;
}

/** A request line with a target that breaks the rules (RFC 9112 §3.2): behind a method of HTTP its version is enough. */
function detectBrokenLine(bytes: Uint8Array, target: number): Protocol | undefined {
  const lf = bytes.indexOf(LF, target);
  const end = lf < 0 ? bytes.length : lf;
  for (let at = target; at + 5 < end; at++) {
    if (bytes[at] === SP && startsWith(bytes, at + 1, 'HTTP/') === 'http1') return 'http1';
  }
  if (lf >= 0) return 'unknown';
  if (bytes.length - target <= LONG_TARGET) return undefined;
  return bytes[target] === SLASH ? 'http1' : 'unknown';
}

function detectResponse(bytes: Uint8Array): Protocol | undefined {
  const status = startsWith(bytes, 0, 'HTTP/1.');
  if (status !== 'unknown') return status;
  // RFC 9113 §3.4: a server begins with SETTINGS, as its client did with the preface.
  if (bytes[0] !== 0) return 'unknown';
  if (bytes.length < 9) return undefined;
  const length = (bytes[1]! << 8) | bytes[2]!;
  const isSettings = bytes[3] === FrameType.SETTINGS && bytes[4] === 0 && length % 6 === 0 && length <= 384;
  return isSettings && bytes[5] === 0 && bytes[6] === 0 && bytes[7] === 0 && bytes[8] === 0 ? 'http2' : 'unknown';
}

function startsWith(bytes: Uint8Array, at: number, text: string): Protocol | undefined {
  for (let i = 0; i < text.length; i++) {
    if (at + i >= bytes.length) return undefined;
    if (bytes[at + i] !== text.charCodeAt(i)) return 'unknown';
  }
  return 'http1';
}

/** Finds where something begins in bytes that begin in the middle of something. Place by place, so that cuts do not matter. */
export class BeginningSearch {
  /** Before it nothing begins. */
  #at = 0;

  /** `bytes`: all that is there, from the first on. Undefined: more are needed. */
  find(dir: Direction, bytes: Uint8Array): Protocol | undefined {
    for (; this.#at < bytes.length; this.#at++) {
      const found = beginsAt(dir, bytes, this.#at);
      if (found !== 'unknown') return found;
    }
    return undefined;
  }
}

function beginsAt(dir: Direction, bytes: Uint8Array, at: number): Protocol | undefined {
  const first = bytes[at]!;
  if (first >= 20 && first <= 23) {
    if (at + 2 < bytes.length && (bytes[at + 1] !== 3 || bytes[at + 2] !== 3)) return 'unknown';
    return detectTls(bytes.subarray(at));
  }
  if (first === 0) return frameChainAt(bytes, at);
  const behindLine = at === 0 || bytes[at - 1] === LF;
  return behindLine && first >= 0x41 && first <= 0x5a ? detect(dir, bytes.subarray(at)) : 'unknown';
}

/** Two frame headers in a row, with types that are known and identifiers that they can have. */
function frameChainAt(bytes: Uint8Array, at: number): Protocol | undefined {
  for (let frames = 0, from = at; frames < 2; frames++) {
    if (from >= bytes.length) return undefined;
    if (bytes[from] !== 0) return 'unknown';
    if (from + 9 > bytes.length) return undefined;
    const length = (bytes[from + 1]! << 8) | bytes[from + 2]!;
    const type = bytes[from + 3]!;
    if (length > 0x4000 || type > FrameType.CONTINUATION || bytes[from + 5] !== 0) return 'unknown';
    const isZero = bytes[from + 6] === 0 && bytes[from + 7] === 0 && bytes[from + 8] === 0;
    const wantsZero = type === FrameType.SETTINGS || type === FrameType.PING || type === FrameType.GOAWAY;
    if (wantsZero !== isZero && type !== FrameType.WINDOW_UPDATE) return 'unknown';
    from += 9 + length;
  }
  return 'http2';
}
