// Header and trailer sections as an application writes them, as the lists of fields that the core takes.

import type { Field } from '../core/http/message.js';
import type { AppResponse, Headers } from './outside-types.js';

/** What the connection sets itself, or what belongs to one connection and not to the message (RFC 9110 §7.6.1). */
const OURS: ReadonlySet<string> = new Set([
  'content-length',
  'transfer-encoding',
  'date',
  'connection',
  'keep-alive',
  'proxy-connection',
  'upgrade',
]);

/** RFC 9110 §5.6.2, `token`. */
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** RFC 9110 §5.5, `field-value`: an octet a character. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Throws a TypeError for what is no list or object of texts, or holds what no field may. Names become lower case. */
export function fieldsOf(headers: Headers): Field[] {
  if (typeof headers !== 'object' || headers === null || 'then' in headers) {
    throw new TypeError('header fields are a list or an object');
  }
  if (Symbol.iterator in headers) {
    return Array.from(headers as Iterable<readonly [string, string]>, (pair) => {
      if (!Array.isArray(pair) || pair.length !== 2)
        throw new TypeError('a list of header fields holds pairs of texts');
      return fieldOf(pair[0] as string, pair[1] as string);
    });
  }
  return Object.entries(headers).flatMap(([name, value]) =>
    Array.isArray(value) ? (value as string[]).map((one) => fieldOf(name, one)) : [fieldOf(name, value as string)],
  );
}

function fieldOf(name: string, value: string): Field {
  if (typeof name !== 'string') throw new TypeError('the name of a header field is a text');
  if (!NAME.test(name)) throw new TypeError(`${quoted(name)} is no name of a header field (RFC 9110 §5.6.2)`);
  if (typeof value !== 'string' && typeof value !== 'number') {
    throw new TypeError(`the value of the header field ${name} is a text`);
  }
  const text = String(value);
  if (!VALUE.test(text)) {
    throw new TypeError(`the header field ${name} cannot have the value ${quoted(text)} (RFC 9110 §5.5)`);
  }
  return [name.toLowerCase(), withoutSpaceAround(text)];
}

/** RFC 9110 §5.5: it is no part of the value. */
function withoutSpaceAround(text: string): string {
  const isSpace = (at: number): boolean => text[at] === ' ' || text[at] === '\t';
  let start = 0;
  let end = text.length;
  while (start < end && isSpace(start)) start++;
  while (end > start && isSpace(end - 1)) end--;
  return text.slice(start, end);
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 60));
}

/** Without what the connection sets itself; text content without a type is told to be text. */
export function responseFields({ headers = [], body }: AppResponse): Field[] {
  const fields = fieldsOf(headers).filter(([name]) => !OURS.has(name));
  if (typeof body === 'string' && !fields.some(([name]) => name === 'content-type')) {
    fields.push(['content-type', 'text/plain; charset=utf-8']);
  }
  return fields;
}
