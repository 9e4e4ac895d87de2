// What RFC 9112 makes of a stream of requests, told by regular expressions from its grammar and from RFC 9110's: which requests
// there are, with their content, and where the stream stops to be HTTP. Shares nothing with the server's parser, knows no
// chunking, no time and, of the limits, only those that short inputs reach.

import { isIPv6 } from 'node:net';
import { limits } from '../../src/core/limits.js';

export interface Expected {
  readonly method: string;
  readonly path: string;
  /** Decoded; as far as it went when `broken`. */
  readonly content: string;
  /** The framing of the content goes wrong, or the input ends inside of it. */
  readonly broken: boolean;
  /** Another request may follow. */
  readonly persistent: boolean;
  /** Whether it goes on depends on when bytes come (RFC 9110 §10.1.1). */
  readonly expects: boolean;
}

export interface Story {
  readonly requests: readonly Expected[];
  /** Behind the last request there is something that is answered by a refusal. */
  readonly refused: boolean;
}

const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const REQUEST_LINE = new RegExp(`^(${TOKEN}) ([\\x21\\x22\\x24-\\x7e]+) HTTP/([0-9])\\.([0-9])$`);
const FIELD_LINE = new RegExp(
  `^(${TOKEN}):[ \\t]*((?:[\\x21-\\x7e\\x80-\\xff](?:[\\t\\x20-\\x7e\\x80-\\xff]*[\\x21-\\x7e\\x80-\\xff])?)?)[ \\t]*$`,
);
const QUOTED = '"(?:[\\t \\x21\\x23-\\x5b\\x5d-\\x7e\\x80-\\xff]|\\\\[\\t\\x20-\\x7e\\x80-\\xff])*"';
const EXTENSION = `[ \\t]*;[ \\t]*${TOKEN}(?:[ \\t]*=[ \\t]*(?:${TOKEN}|${QUOTED}))?`;
const CHUNK_LINE = new RegExp(`^([0-9A-Fa-f]+)(?:${EXTENSION})*$`);

/** The story of a connection whose peer sends `input`, one character an octet, and then no more. */
export function tell(input: string): Story {
  const requests: Expected[] = [];
  let at = 0;
  for (;;) {
    for (let empty = 0; input.startsWith('\r\n', at); empty++) {
      if (empty === limits.http1.emptyLines) return { requests, refused: true };
      at += 2;
    }
    if (at === input.length) return { requests, refused: false };
    const head = readHead(input, at);
    if (head === undefined) return { requests, refused: true };
    const { content, end } = readContent(input, head.end, head.length);
    requests.push({ ...head, content, broken: end === undefined });
    if (end === undefined || !head.persistent) return { requests, refused: false };
    at = end;
  }
}

/** The line that begins at `at`, without its CRLF, and where the next one begins. */
function readLine(input: string, at: number): { text: string; end: number } | undefined {
  const lf = input.indexOf('\n', at);
  if (lf < 0 || input[lf - 1] !== '\r' || lf === at) return undefined;
  return { text: input.slice(at, lf - 1), end: lf + 1 };
}

type Length = number | 'chunked';

function readHead(
  input: string,
  start: number,
): { method: string; path: string; persistent: boolean; expects: boolean; length: Length; end: number } | undefined {
  const first = readLine(input, start);
  const line = first && REQUEST_LINE.exec(first.text);
  if (!line || line[1]!.length > limits.http1.methodBytes || line[3] !== '1') return undefined;
  const [, method, target, , minor] = line as unknown as [string, string, string, string, string];
  const old = minor === '0';
  const fields: [string, string][] = [];
  let at = first!.end;
  for (;;) {
    const next = readLine(input, at);
    if (next === undefined) return undefined;
    at = next.end;
    if (next.text === '') break;
    const field = FIELD_LINE.exec(next.text);
    if (field === null || fields.length === limits.http1.fieldLines) return undefined;
    fields.push([field[1]!.toLowerCase(), field[2]!]);
  }
  const all = (name: string): string[] => fields.filter((field) => field[0] === name).map((field) => field[1]);
  const members = (name: string): string[] =>
    all(name)
      .join(',')
      .toLowerCase()
      .split(',')
      .map((member) => member.replace(/^[ \t]+|[ \t]+$/g, ''))
      .filter((member) => member !== '');

  const hosts = all('host');
  if (hosts.length > 1 || (hosts.length === 0 && !old)) return undefined;
  if (hosts.length === 1 && hosts[0] !== '' && !isAuthority(hosts[0]!)) return undefined;

  const expects = !old && all('expect').length > 0;
  for (const value of old ? [] : all('expect')) {
    if (!/^[ \t,]*100-continue(?:[ \t]*,[ \t]*(?:100-continue)?)*$/i.test(value)) return undefined;
  }

  let length: Length = 0;
  const lengths = all('content-length');
  if (all('transfer-encoding').length > 0) {
    if (old || lengths.length > 0 || members('transfer-encoding').join() !== 'chunked') return undefined;
    length = 'chunked';
  } else if (lengths.length > 0) {
    if (lengths.length > 1 || !/^[0-9]+$/.test(lengths[0]!)) return undefined;
    if (BigInt(lengths[0]!) > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
    length = Number(lengths[0]);
  }

  const path = pathOf(method, target);
  if (path === undefined) return undefined;
  const options = members('connection');
  const persistent = !options.includes('close') && (!old || options.includes('keep-alive'));
  return { method, path, persistent, expects, length, end: at };
}

/** RFC 9112 §3.2, for a server without TLS. */
function pathOf(method: string, target: string): string | undefined {
  if (method === 'CONNECT') return undefined;
  if (target.startsWith('/')) return target;
  if (target === '*') return method === 'OPTIONS' ? '*' : undefined;
  const parts = /^http:\/\/([^/?]*)([/?].*)?$/i.exec(target);
  if (parts === null || !isAuthority(parts[1]!)) return undefined;
  const rest = parts[2] ?? '';
  if (rest === '' && method === 'OPTIONS') return '*';
  return rest.startsWith('/') ? rest : `/${rest}`;
}

/** RFC 3986 §3.2.2, §3.2.3. */
function isAuthority(text: string): boolean {
  const literal = /^\[([^\]]*)\](?::[0-9]*)?$/.exec(text);
  if (literal !== null) {
    const address = literal[1]!;
    return (
      /^v[0-9A-Fa-f]+\.[A-Za-z0-9\-._~!$&'()*+,;=:]+$/i.test(address) || (isIPv6(address) && !address.includes('%'))
    );
  }
  return /^(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})+(?::[0-9]*)?$/.test(text);
}

/** `end` undefined: it goes wrong, or is not all there. */
function readContent(input: string, start: number, length: Length): { content: string; end?: number } {
  if (length !== 'chunked') {
    const content = input.slice(start, start + length);
    return content.length === length ? { content, end: start + length } : { content };
  }
  let content = '';
  let at = start;
  for (;;) {
    const line = readLine(input, at);
    const size = line && CHUNK_LINE.exec(line.text);
    if (!size || BigInt(`0x${size[1]!}`) > BigInt(Number.MAX_SAFE_INTEGER)) return { content };
    at = line!.end;
    const count = Number.parseInt(size[1]!, 16);
    if (count === 0) break;
    content += input.slice(at, at + count);
    at += count;
    if (input.slice(at, at + 2) !== '\r\n') return { content };
    at += 2;
  }
  for (let fields = 0; ; fields++) {
    const line = readLine(input, at);
    if (line === undefined) return { content };
    at = line.end;
    if (line.text === '') return { content, end: at };
    if (!FIELD_LINE.test(line.text) || fields === limits.http1.trailerLines) return { content };
  }
}
