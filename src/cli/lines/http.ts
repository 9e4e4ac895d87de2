// HTTP/1.1, HTTP/2 and HTTP semantics events in words. Frame flags and error codes: RFC 9113 §6 and §7.

import type { Field, Http1Event, Http2Event, HttpEvent } from '../../core/trace.js';
import { hexText, printable, token } from '../text.js';
import { DEBUG, failure, type Level, type Line, listed, plain, sent, VERBOSE, warning } from './line.js';

export function http1Line(event: Http1Event, level: Level): Line {
  switch (event.kind) {
    case 'request':
      return plain(
        `${token(event.method)} ${token(event.target)} ${token(event.version)}`,
        fieldLines(event.headers, level),
      );
    case 'response':
      return plain(
        `SND ${event.status}${event.reason === '' ? '' : ` ${printable(event.reason)}`}`,
        fieldLines(event.headers, level),
      );
    case 'body':
      return plain(`${sent(event.dir)}body len=${event.length}${event.end ? ' END' : ''}`);
    case 'error':
      return failure(
        `${event.status} ${printable(event.reason)}${event.offset === undefined ? '' : ` (offset ${event.offset})`}`,
      );
    default:
      return event satisfies never;
  }
}

export function http2Line(event: Http2Event, level: Level): Line {
  switch (event.kind) {
    case 'preface':
      return plain('connection preface');
    case 'frame':
      return frameLine(event, level);
    case 'headers':
      return plain(
        `${sent(event.dir)}HEADERS stream=${event.streamId}${event.endStream ? ' END_STREAM' : ''} ${startLine(event.fields)}`,
        fieldLines(event.fields, level),
      );
    case 'stream':
      return plain(`[STATE] stream=${event.streamId} ${printable(event.from)} -> ${printable(event.to)}`);
    case 'error':
      return failure(
        `${event.scope === 'connection' ? 'connection' : `stream=${event.streamId}`} ${token(event.code)}: ` +
          printable(event.reason) +
          (event.rule === undefined ? '' : ` (${printable(event.rule)})`),
      );
    default:
      return event satisfies never;
  }
}

export function httpLine(event: HttpEvent): Line {
  switch (event.kind) {
    case 'request':
      return plain(
        `${token(event.method)} ${token(event.scheme)}://${token(event.authority)}${token(event.path)} ${token(event.version)}`,
      );
    case 'response':
      return plain(`${token(event.method)} ${token(event.path)} -> ${event.status}`);
    case 'deferred':
      return plain(`${requestName(event.token)} is answered from outside`);
    case 'answer':
      return plain(
        `${requestName(event.token)} <- ${token(event.answer)}` +
          (event.status === undefined ? '' : ` ${event.status}`) +
          (event.length === undefined ? '' : ` len=${event.length}`),
      );
    case 'unanswered': {
      const text = `${requestName(event.token)}: ${printable(event.reason)}`;
      return event.severity === 'error' ? failure(text) : warning(text);
    }
    default:
      return event satisfies never;
  }
}

/** What stands behind the flow in a token. */
function requestName(name: string): string {
  return `request ${token(name.slice(name.lastIndexOf('/') + 1))}`;
}

/** `GET /` of a request, `200` of a response, `trailers` when the block has no pseudo-header field (RFC 9113 §8.1). */
function startLine(fields: readonly Field[]): string {
  const pseudo = (name: string): string | undefined => fields.find((field) => field[0] === name)?.[1];
  const status = pseudo(':status');
  if (status !== undefined) return token(status);
  const method = pseudo(':method');
  if (method === undefined) return 'trailers';
  // RFC 9113 §8.5: CONNECT has no :path; its :authority is the target.
  return `${token(method)} ${token(pseudo(':path') ?? pseudo(':authority') ?? '')}`.trimEnd();
}

function fieldLines(fields: readonly Field[], level: Level): readonly string[] {
  if (level < VERBOSE) return [];
  return listed(fields, 'field', ([name, value]) => `${token(name)}: ${printable(value)}`);
}

type FrameEvent = Extract<Http2Event, { kind: 'frame' }>;

/** Frames whose content has an event of its own (`headers`): in the debug log they appear as the raw frame. */
const FIELD_BLOCK_FRAMES = new Set(['HEADERS', 'PUSH_PROMISE', 'CONTINUATION']);

function frameLine(event: FrameEvent, level: Level): Line {
  const { type, fields } = event;
  const onStream = event.streamId !== 0 || type === 'WINDOW_UPDATE';
  let text = `${sent(event.dir)}${FIELD_BLOCK_FRAMES.has(type) ? 'frame ' : ''}${token(type)}`;
  if (type === 'UNKNOWN') text += ` type=${hexText(event.typeCode, 2)}`;
  if (onStream) text += ` stream=${event.streamId}`;
  text += flagText(type, event.flags);
  if (type === 'SETTINGS') {
    if (level >= DEBUG) text += ` len=${event.length}`;
    return plain(text, level >= VERBOSE ? listed(Object.entries(fields ?? {}), 'setting', settingLine) : []);
  }
  const values = listed(Object.entries(fields ?? {}), 'field', frameField);
  if (values.length > 0) text += ` ${values.join(' ')}`;
  if (type === 'DATA' || type === 'UNKNOWN' || level >= DEBUG) text += ` len=${event.length}`;
  return isTrouble(event) ? warning(text) : plain(text);
}

function settingLine([name, value]: [string, string | number]): string {
  return `${token(name)}: ${printable(String(value))}`;
}

function frameField([name, value]: [string, string | number]): string {
  return `${token(name)}=${name === 'errorCode' ? errorCodeName(value) : token(String(value))}`;
}

/** A stream or connection that ends for a reason other than "done" or "not wanted any more". */
function isTrouble(event: FrameEvent): boolean {
  if (event.type !== 'GOAWAY' && event.type !== 'RST_STREAM') return false;
  const code = event.fields?.errorCode;
  return code !== undefined && errorCodeName(code) !== 'NO_ERROR' && errorCodeName(code) !== 'CANCEL';
}

/** RFC 9113 §7, by value. */
const ERROR_CODES: readonly string[] = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
];

function errorCodeName(code: string | number): string {
  return typeof code === 'number' ? (ERROR_CODES[code] ?? hexText(code, 8)) : token(code);
}

/** RFC 9113 §6: a bit means what the frame type says, and nothing in the other types. */
const FLAGS: ReadonlyMap<string, readonly (readonly [bit: number, name: string])[]> = new Map([
  [
    'DATA',
    [
      [0x01, 'END_STREAM'],
      [0x08, 'PADDED'],
    ] as const,
  ],
  [
    'HEADERS',
    [
      [0x01, 'END_STREAM'],
      [0x04, 'END_HEADERS'],
      [0x08, 'PADDED'],
      [0x20, 'PRIORITY'],
    ] as const,
  ],
  ['SETTINGS', [[0x01, 'ACK']] as const],
  [
    'PUSH_PROMISE',
    [
      [0x04, 'END_HEADERS'],
      [0x08, 'PADDED'],
    ] as const,
  ],
  ['PING', [[0x01, 'ACK']] as const],
  ['CONTINUATION', [[0x04, 'END_HEADERS']] as const],
]);

function flagText(type: string, flags: number): string {
  const known = FLAGS.get(type);
  if (known === undefined) return flags === 0 ? '' : ` flags=${hexText(flags, 2)}`;
  let text = '';
  for (const [bit, name] of known) if ((flags & bit) !== 0) text += ` ${name}`;
  return text;
}
