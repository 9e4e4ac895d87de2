// Fields of HTTP/2 frames under Wireshark's names, with the values that it shows. RFC 9113 §6; the names of header fields that
// Wireshark has fields for are a table.

import {
  errorCodeName,
  Flag,
  FrameType,
  frameTypeName,
  readU32,
  SettingId,
  settingName,
} from '../../core/http2/frame.js';
import type { TableEntry } from '../../core/http2/hpack/dynamic-table.js';
import type { Http2Framer } from './http2-framer.js';
import type { SeenStream } from './http2-streams.js';
import type { InspectedField } from './types.js';

/** `list`: the fields of the block that the frame completes. `sound`: the payload is there and has the form of its type. */
export function frameFields(
  frame: Http2Framer,
  list: readonly TableEntry[] | undefined,
  sound: boolean,
): InspectedField[] {
  const { typeCode, flags, streamId, length } = frame;
  const fields: InspectedField[] = [
    { name: 'http2.stream', value: '' },
    { name: 'http2.length', value: length },
    { name: 'http2.type', value: typeCode, text: frameTypeName(typeCode) },
    { name: 'http2.flags', value: flags },
  ];
  for (const [bit, name] of FLAGS.get(typeCode) ?? []) fields.push({ name, value: (flags & bit) !== 0 });
  fields.push({ name: 'http2.streamid', value: streamId });
  if (sound) payload(fields, frame);
  if (list !== undefined) headerFields(fields, list);
  return fields;
}

/** Of the frame that begins a response at `atNs`: which packet asked for it, and how long ago. */
export function timeFields({ requestPacket, requestNs }: SeenStream, atNs: number | undefined): InspectedField[] {
  const fields: InspectedField[] = [];
  if (requestPacket > 0) fields.push({ name: 'http2.request_in', value: requestPacket });
  if (requestNs !== undefined && atNs !== undefined) {
    fields.push({ name: 'http2.time', value: (atNs - requestNs) / 1e9 });
  }
  return fields;
}

const PADDED = [Flag.PADDED, 'http2.flags.padded'] as const;
const END_HEADERS = [Flag.END_HEADERS, 'http2.flags.eh'] as const;
const END_STREAM = [Flag.END_STREAM, 'http2.flags.end_stream'] as const;

const FLAGS: ReadonlyMap<number, readonly (readonly [bit: number, name: string])[]> = new Map([
  [FrameType.DATA, [PADDED, END_STREAM]],
  [FrameType.HEADERS, [[Flag.PRIORITY, 'http2.flags.priority'], PADDED, END_HEADERS, END_STREAM]],
  [FrameType.SETTINGS, [[Flag.ACK, 'http2.flags.ack.settings']]],
  [FrameType.PUSH_PROMISE, [PADDED, END_HEADERS]],
  [FrameType.PING, [[Flag.ACK, 'http2.flags.ack.ping']]],
  [FrameType.CONTINUATION, [END_HEADERS, PADDED]],
] as const);

const SETTINGS: ReadonlyMap<number, string> = new Map([
  [SettingId.HEADER_TABLE_SIZE, 'http2.settings.header_table_size'],
  [SettingId.ENABLE_PUSH, 'http2.settings.enable_push'],
  [SettingId.MAX_CONCURRENT_STREAMS, 'http2.settings.max_concurrent_streams'],
  [SettingId.INITIAL_WINDOW_SIZE, 'http2.settings.initial_window_size'],
  [SettingId.MAX_FRAME_SIZE, 'http2.settings.max_frame_size'],
  [SettingId.MAX_HEADER_LIST_SIZE, 'http2.settings.max_header_list_size'],
  [SettingId.ENABLE_CONNECT_PROTOCOL, 'http2.settings.extended_connect'],
]);

function payload(fields: InspectedField[], frame: Http2Framer): void {
  const { typeCode, flags, bytes, start, end } = frame;
  const put = (name: string, value: InspectedField['value'], text?: string): void => {
    fields.push(text === undefined ? { name, value } : { name, value, text });
  };
  // Fields outlive the buffer that the frame lies in.
  const copy = (from: number): Uint8Array => bytes.slice(from, end);
  switch (typeCode) {
    case FrameType.DATA:
      padLength(put, frame, 1);
      if (end > start) put('http2.data.data', copy(start));
      return;
    case FrameType.HEADERS:
      padLength(put, frame, flags & Flag.PRIORITY ? 6 : 1);
      if (flags & Flag.PRIORITY) priority(put, bytes, start - 5);
      put('http2.headers', copy(start));
      return;
    case FrameType.PRIORITY:
      priority(put, bytes, start);
      return;
    case FrameType.RST_STREAM:
      errorCode(put, 'http2.rst_stream.error', readU32(bytes, start));
      return;
    case FrameType.SETTINGS:
      for (let at = start; at < end; at += 6) {
        const id = (bytes[at]! << 8) | bytes[at + 1]!;
        put('http2.settings', '');
        put('http2.settings.id', id, settingName(id));
        put(SETTINGS.get(id) ?? 'http2.settings.unknown', readU32(bytes, at + 2));
      }
      return;
    case FrameType.PUSH_PROMISE:
      padLength(put, frame, 1);
      put('http2.push_promise.promised_stream_id', readU32(bytes, start) & 0x7f_ff_ff_ff);
      put('http2.push_promise.header', copy(start + 4));
      return;
    case FrameType.PING:
      put(flags & Flag.ACK ? 'http2.pong' : 'http2.ping', copy(start));
      return;
    case FrameType.GOAWAY:
      put('http2.goaway.last_stream_id', readU32(bytes, start) & 0x7f_ff_ff_ff);
      errorCode(put, 'http2.goaway.error', readU32(bytes, start + 4));
      if (end > start + 8) put('http2.goaway.addata', copy(start + 8));
      return;
    case FrameType.WINDOW_UPDATE:
      put('http2.window_update.window_size_increment', readU32(bytes, start) & 0x7f_ff_ff_ff);
      return;
    case FrameType.CONTINUATION:
      put('http2.continuation.header', copy(start));
      return;
    case FrameType.PRIORITY_UPDATE:
      put('http2.priority_update_stream_id', readU32(bytes, start) & 0x7f_ff_ff_ff);
      put('http2.priority_update_field_value', Buffer.from(copy(start + 4)).toString('latin1'));
      return;
    default:
      if (end > start) put('http2.unknown', copy(start));
  }
}

type Put = (name: string, value: InspectedField['value'], text?: string) => void;

/** `prefix`: octets between the beginning of the payload and its content, Pad Length included. */
function padLength(put: Put, { flags, bytes, start }: Http2Framer, prefix: number): void {
  const padding = flags & Flag.PADDED ? bytes[start - prefix]! : 0;
  if (flags & Flag.PADDED) put('http2.padding', padding);
  put('http2.pad_length', padding);
}

function priority(put: Put, bytes: Uint8Array, at: number): void {
  const word = readU32(bytes, at);
  put('http2.exclusive', word > 0x7f_ff_ff_ff);
  put('http2.stream_dependency', word & 0x7f_ff_ff_ff);
  put('http2.headers.weight', bytes[at + 4]!);
  // RFC 9113 §5.3.2: what is sent is one less than what is meant.
  put('http2.headers.weight_real', bytes[at + 4]! + 1);
}

function errorCode(put: Put, name: string, code: number): void {
  put(name, code, errorCodeName(code));
}

/** Each length stands before its text in Wireshark's form of a list. */
const LENGTHS_BYTES = 8;

function headerFields(fields: InspectedField[], list: readonly TableEntry[]): void {
  let length = 0;
  for (const { name, value } of list) length += name.length + value.length + LENGTHS_BYTES;
  fields.push({ name: 'http2.header.length', value: length }, { name: 'http2.header.count', value: list.length });
  for (const { name, value } of list) {
    fields.push({ name: 'http2.header.name', value: name }, { name: 'http2.header.value', value });
    const named = NAMED.get(name);
    if (named === undefined) continue;
    const isNumber = NUMBERS.has(name) && /^[0-9]{1,15}$/.test(value);
    fields.push({ name: named, value: isNumber ? Number(value) : value });
  }
  const value = (name: string): string | undefined => list.find((entry) => entry.name === name)?.value;
  const [scheme, authority, path] = [value(':scheme'), value(':authority'), value(':path')];
  if (scheme !== undefined && authority !== undefined && path !== undefined) {
    fields.push({ name: 'http2.request.full_uri', value: `${scheme}://${authority}${path}` });
  }
}

const NUMBERS: ReadonlySet<string> = new Set([':status', 'age', 'content-length', 'max-forwards']);

const NAMED: ReadonlyMap<string, string> = new Map(
  [
    ...[':authority', ':method', ':path', ':scheme', ':status', 'accept', 'accept-charset', 'accept-encoding'],
    ...['accept-language', 'accept-ranges', 'access-control-allow-origin', 'age', 'allow', 'authorization'],
    ...['cache-control', 'content-disposition', 'content-encoding', 'content-language', 'content-length'],
    ...['content-location', 'content-range', 'content-type', 'cookie', 'date', 'etag', 'expect', 'expires', 'from'],
    ...['if-match', 'if-modified-since', 'if-none-match', 'if-range', 'if-unmodified-since', 'last-modified', 'link'],
    ...['location', 'max-forwards', 'proxy-authenticate', 'proxy-authorization', 'range', 'referer', 'refresh'],
    ...['retry-after', 'server', 'set-cookie', 'strict-transport-security', 'user-agent', 'vary', 'via'],
    ...['www-authenticate'],
  ].map((name) => [name, `http2.headers.${name.replace(/^:/, '').replaceAll('-', '_')}`]),
);

export const prefaceFields = [
  { name: 'http2.stream', value: '' },
  { name: 'http2.magic', value: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' },
] as const;
