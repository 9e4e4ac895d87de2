// A request and its answer as units of level http: alike for HTTP/1.x and HTTP/2, so that one can be compared with the other.

import type { Field } from '../../core/trace.js';
import type { RecordedExchange, RecordedMessage } from '../inspect/types.js';
import type { FieldChoice } from './names.js';
import { Content, type DiffField, type DiffValue, type Unit } from './unit.js';
import { fieldName } from './unit-fields.js';

/** RFC 9110 §7.6.1, RFC 9112 §6.1: of one hop and one version; `host` is the authority. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'te',
  'host',
  'http2-settings',
]);

/** When it was asked is not known here: `atUs` is 0. */
export function requestUnit(exchange: RecordedExchange, choice: FieldChoice): Unit {
  const { request, packet } = exchange;
  const { method, target, authority } = request;
  const fields = messageFields('request', request, choice, [
    ['http.request.method', method],
    ['http.request.uri', target],
    ['http.host', authority],
  ]);
  const title = `${method} ${target}`;
  return { layer: 'http', title, kind: 'request', naming: 'http.request.method', dir: 'in', packet, atUs: 0, fields };
}

export function responseUnit(
  { packet }: RecordedExchange,
  response: NonNullable<RecordedExchange['response']>,
  choice: FieldChoice,
): Unit {
  const { status } = response;
  const fields = messageFields('response', response, choice, [['http.response.code', status]]);
  const title = `response ${status}`;
  return { layer: 'http', title, kind: 'response', naming: 'http.response.code', dir: 'out', packet, atUs: 0, fields };
}

function messageFields(
  side: 'request' | 'response',
  message: RecordedMessage,
  choice: FieldChoice,
  start: readonly (readonly [name: string, value: DiffValue])[],
): DiffField[] {
  const fields: DiffField[] = [];
  const put = (name: string, value: DiffValue): void => {
    if (choice.of(name) === 'compare') fields.push({ name, value });
  };
  const list = (place: 'header' | 'trailer', headers: readonly Field[]): void => {
    for (const [name, value] of headers) {
      if (!HOP_BY_HOP.has(name)) put(`http.${side}.${place}.${fieldName(name)}`, value);
    }
  };
  for (const [name, value] of start) put(name, value);
  list('header', message.headers);
  put(`http.${side}.content`, Content.of(message.content));
  // Of longer content only the beginning is kept.
  if (message.contentLength > message.content.length) put(`http.${side}.content.bytes`, message.contentLength);
  list('trailer', message.trailers);
  put(`http.${side}.complete`, message.complete);
  return fields;
}
