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

/** Throws a TypeError for what is no list or object of texts. Names become lower case. */
export function fieldsOf(headers: Headers): Field[] {
  if (typeof headers !== 'object' || headers === null) throw new TypeError('header fields are a list or an object');
  if (Symbol.iterator in headers) {
    return Array.from(headers as Iterable<readonly [string, string]>, ([name, value]) => fieldOf(name, value));
  }
  return Object.entries(headers).flatMap(([name, value]) =>
    Array.isArray(value) ? (value as string[]).map((one) => fieldOf(name, one)) : [fieldOf(name, value as string)],
  );
}

function fieldOf(name: string, value: string): Field {
  if (typeof name !== 'string') throw new TypeError('the name of a header field is a text');
  if (typeof value !== 'string' && typeof value !== 'number') {
    throw new TypeError(`the value of the header field ${name} is a text`);
  }
  return [name.toLowerCase(), String(value)];
}

/** Without what the connection sets itself; text content without a type is told to be text. */
export function responseFields({ headers = [], body }: AppResponse): Field[] {
  const fields = fieldsOf(headers).filter(([name]) => !OURS.has(name));
  if (typeof body === 'string' && !fields.some(([name]) => name === 'content-type')) {
    fields.push(['content-type', 'text/plain; charset=utf-8']);
  }
  return fields;
}
