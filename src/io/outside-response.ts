// What an application gave, checked before any of it becomes an answer: an answer is recorded, and a recording holds nothing
// that its reader refuses.

import { checkTrailers } from '../core/http/deferral.js';
import type { Field } from '../core/http/message.js';
import { limits } from '../core/limits.js';
import { fieldsOf, responseFields } from './outside-fields.js';
import type { AppResponse, AppResult, Chunk } from './outside-types.js';

export interface CheckedResponse {
  readonly status: number;
  readonly headers: readonly Field[];
  readonly body: Exclude<AppResponse['body'], undefined> | undefined;
  readonly length: number | undefined;
  readonly trailers: AppResponse['trailers'];
}

const KNOWN = ['status', 'headers', 'body', 'length', 'trailers'] as const;

/** Throws a TypeError that says what is wrong. */
export function checkedResponse(result: Exclude<AppResult, undefined>): CheckedResponse {
  const response: AppResponse = isChunk(result) ? { body: result } : result;
  if (typeof response !== 'object' || response === null || Array.isArray(response)) {
    throw new TypeError(`the application gave ${kindOf(response)}, not a response`);
  }
  // Of a class they may be getters.
  if (!KNOWN.some((name) => name in response)) {
    const others = Object.keys(response);
    if (others.length > 0) {
      throw new TypeError(`the application gave an object with ${shown(others)}, but none of ${KNOWN.join(', ')}`);
    }
  }
  const { status = 200, headers, body, length, trailers } = response;
  if (!isStatus(status, 200)) throw new TypeError(`the status ${quoted(status)} is no number from 200 to 599`);
  if (length !== undefined && !(Number.isSafeInteger(length) && length >= 0)) {
    throw new TypeError(`the length ${quoted(length)} is no number of bytes`);
  }
  if (body !== undefined && !isChunk(body) && !isIterable(body)) {
    throw new TypeError(`the body is ${kindOf(body)}, not text, bytes, or an iterable of them`);
  }
  const fields = responseFields(headers === undefined ? { body } : { headers, body });
  const bytes = fields.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
  if (bytes > limits.http.answerFieldBytes) throw new TypeError('the header section is too large');
  return { status, headers: fields, body, length, trailers };
}

/** Throws an Error for what cannot be a trailer section. */
export function trailersOf(trailers: AppResponse['trailers']): readonly Field[] | undefined {
  if (trailers === undefined) return undefined;
  return checkTrailers(fieldsOf(typeof trailers === 'function' ? trailers() : trailers));
}

export function isStatus(value: unknown, least: number): value is number {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= 599;
}

export function isChunk(value: unknown): value is Chunk {
  return typeof value === 'string' || value instanceof Uint8Array;
}

export function toBytes(chunk: Chunk): Uint8Array {
  if (typeof chunk === 'string') return new TextEncoder().encode(chunk);
  if (chunk instanceof Uint8Array) return chunk;
  throw new TypeError(`a body holds ${kindOf(chunk)}, not text or bytes`);
}

function isIterable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && (Symbol.iterator in value || Symbol.asyncIterator in value);
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'a list' : typeof value;
}

const SHOWN_NAMES = 5;

function shown(names: readonly string[]): string {
  const more = names.length > SHOWN_NAMES ? ', ...' : '';
  return `${names.slice(0, SHOWN_NAMES).map(quoted).join(', ')}${more}`;
}

function quoted(value: unknown): string {
  return typeof value === 'string'
    ? JSON.stringify(value.slice(0, 60))
    : typeof value === 'number'
      ? `${value}`
      : kindOf(value);
}
