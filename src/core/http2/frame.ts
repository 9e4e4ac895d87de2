// HTTP/2 frames (RFC 9113 §4, §6, §7, §11; RFC 9218 §7.1): the numbers of types, flags, settings and error codes, the frame
// header, and a codec for whole frames. The connection reads DATA and HEADERS by index (`input.ts`); this codec is for what looks at
// frames one by one: inspection, comparison, peers in tests. Which frame may come when is not decided here.

import { type FieldSink, Reader } from '../bytes/reader.js';
import type { Writer } from '../bytes/writer.js';

export const FRAME_HEADER_BYTES = 9;
/** RFC 9113 §4.2: the initial, and smallest legal, SETTINGS_MAX_FRAME_SIZE. */
export const DEFAULT_MAX_FRAME_SIZE = 16_384;
export const LARGEST_MAX_FRAME_SIZE = 0xff_ff_ff;
/** RFC 9113 §6.9.1. */
export const DEFAULT_WINDOW_SIZE = 65_535;
export const MAX_WINDOW_SIZE = 0x7f_ff_ff_ff;
/** RFC 9113 §5.1.1. */
export const MAX_STREAM_ID = 0x7f_ff_ff_ff;
/** RFC 9113 §6.5.2. */
export const DEFAULT_HEADER_TABLE_SIZE = 4096;

/** RFC 9113 §3.4: "PRI * HTTP/2.0", an empty line, "SM" and an empty line. */
export const CLIENT_PREFACE: Uint8Array = Uint8Array.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', (c) => c.charCodeAt(0));

export const FrameType = {
  DATA: 0x00,
  HEADERS: 0x01,
  PRIORITY: 0x02,
  RST_STREAM: 0x03,
  SETTINGS: 0x04,
  PUSH_PROMISE: 0x05,
  PING: 0x06,
  GOAWAY: 0x07,
  WINDOW_UPDATE: 0x08,
  CONTINUATION: 0x09,
  /** RFC 9218 §7.1. */
  PRIORITY_UPDATE: 0x10,
} as const;

export const Flag = { END_STREAM: 0x01, ACK: 0x01, END_HEADERS: 0x04, PADDED: 0x08, PRIORITY: 0x20 } as const;

export const SettingId = {
  HEADER_TABLE_SIZE: 0x01,
  ENABLE_PUSH: 0x02,
  MAX_CONCURRENT_STREAMS: 0x03,
  INITIAL_WINDOW_SIZE: 0x04,
  MAX_FRAME_SIZE: 0x05,
  MAX_HEADER_LIST_SIZE: 0x06,
  /** RFC 8441 §3: never announced, so extended CONNECT stays off. */
  ENABLE_CONNECT_PROTOCOL: 0x08,
  /** RFC 9218 §2.1. */
  NO_RFC7540_PRIORITIES: 0x09,
} as const;

export const ErrorCode = {
  NO_ERROR: 0x00,
  PROTOCOL_ERROR: 0x01,
  INTERNAL_ERROR: 0x02,
  FLOW_CONTROL_ERROR: 0x03,
  SETTINGS_TIMEOUT: 0x04,
  STREAM_CLOSED: 0x05,
  FRAME_SIZE_ERROR: 0x06,
  REFUSED_STREAM: 0x07,
  CANCEL: 0x08,
  COMPRESSION_ERROR: 0x09,
  CONNECT_ERROR: 0x0a,
  ENHANCE_YOUR_CALM: 0x0b,
  INADEQUATE_SECURITY: 0x0c,
  HTTP_1_1_REQUIRED: 0x0d,
} as const;

const frameTypeNames = namesByCode(FrameType);
const errorCodeNames = namesByCode(ErrorCode);
const settingNames = namesByCode(SettingId);

function namesByCode<Name extends string>(codes: { readonly [name in Name]: number }): ReadonlyMap<number, Name> {
  return new Map((Object.keys(codes) as Name[]).map((name) => [codes[name], name]));
}

export type FrameName = keyof typeof FrameType;

/** `UNKNOWN` for types that neither RFC 9113 nor RFC 9218 defines. */
export function frameTypeName(typeCode: number): FrameName | 'UNKNOWN' {
  return frameTypeNames.get(typeCode) ?? 'UNKNOWN';
}

/** RFC 9113 §7 name; codes that are not known are told as a number. */
export function errorCodeName(code: number): string {
  return errorCodeNames.get(code) ?? `0x${code.toString(16)}`;
}

/** RFC 9113 §6.5.2 name without `SETTINGS_`; identifiers that are not known are told as a number. */
export function settingName(identifier: number): string {
  return settingNames.get(identifier) ?? `0x${identifier.toString(16)}`;
}

export type Frame =
  | {
      readonly type: 'DATA';
      readonly streamId: number;
      readonly endStream: boolean;
      readonly padLength?: number;
      readonly data: Uint8Array;
    }
  | {
      readonly type: 'HEADERS';
      readonly streamId: number;
      readonly endStream: boolean;
      readonly endHeaders: boolean;
      readonly padLength?: number;
      readonly priority?: Priority;
      readonly fieldBlockFragment: Uint8Array;
    }
  | { readonly type: 'PRIORITY'; readonly streamId: number; readonly priority: Priority }
  | { readonly type: 'RST_STREAM'; readonly streamId: number; readonly errorCode: number }
  | { readonly type: 'SETTINGS'; readonly ack: boolean; readonly settings: readonly Setting[] }
  | {
      readonly type: 'PUSH_PROMISE';
      readonly streamId: number;
      readonly endHeaders: boolean;
      readonly padLength?: number;
      readonly promisedStreamId: number;
      readonly fieldBlockFragment: Uint8Array;
    }
  | { readonly type: 'PING'; readonly ack: boolean; readonly opaqueData: Uint8Array }
  | {
      readonly type: 'GOAWAY';
      readonly lastStreamId: number;
      readonly errorCode: number;
      readonly debugData: Uint8Array;
    }
  | { readonly type: 'WINDOW_UPDATE'; readonly streamId: number; readonly increment: number }
  | {
      readonly type: 'CONTINUATION';
      readonly streamId: number;
      readonly endHeaders: boolean;
      readonly fieldBlockFragment: Uint8Array;
    }
  | {
      readonly type: 'PRIORITY_UPDATE';
      readonly prioritizedStreamId: number;
      /** Structured fields in ASCII (RFC 9218 §4). */
      readonly priorityFieldValue: Uint8Array;
    }
  | {
      readonly type: 'UNKNOWN';
      readonly typeCode: number;
      readonly flags: number;
      readonly streamId: number;
      readonly payload: Uint8Array;
    };

export type Setting = readonly [identifier: number, value: number];

/** RFC 9113 §5.3: deprecated; carried, never acted upon. */
export interface Priority {
  readonly exclusive: boolean;
  readonly streamDependency: number;
  /** As on the wire: one less than the weight it means. */
  readonly weight: number;
}

/** The 9 octets of RFC 9113 §4.1. Gives the offset behind them; the caller has the room. */
export function writeFrameHeader(
  target: Uint8Array,
  at: number,
  length: number,
  typeCode: number,
  flags: number,
  streamId: number,
): number {
  target[at] = length >>> 16;
  target[at + 1] = length >>> 8;
  target[at + 2] = length;
  target[at + 3] = typeCode;
  target[at + 4] = flags;
  return writeU32(target, at + 5, streamId);
}

export function writeU32(target: Uint8Array, at: number, value: number): number {
  target[at] = value >>> 24;
  target[at + 1] = value >>> 16;
  target[at + 2] = value >>> 8;
  target[at + 3] = value;
  return at + 4;
}

export function readU32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

/**
 * Decodes the one frame that begins at `start`; octets behind it are not looked at. Byte fields are views.
 * ParseError: cut off, a length or stream identifier that the type does not allow, padding longer than the payload.
 */
export function decodeFrame(bytes: Uint8Array, start = 0, sink?: FieldSink): Frame {
  const reader = new Reader('http2', bytes, start, bytes.length, sink);
  const length = reader.u24('length');
  const typeCode = reader.u8('type');
  const flags = reader.u8('flags');
  const streamId = streamIdentifier(reader, 'streamIdentifier');
  const type = frameTypeName(typeCode);
  const payload = reader.sub(length, type);
  const frame = decodePayload(payload, type, typeCode, flags, streamId);
  payload.expectEnd('payload');
  return frame;
}

function decodePayload(
  r: Reader,
  type: FrameName | 'UNKNOWN',
  typeCode: number,
  flags: number,
  streamId: number,
): Frame {
  const endStream = (flags & Flag.END_STREAM) !== 0;
  const endHeaders = (flags & Flag.END_HEADERS) !== 0;
  const ack = (flags & Flag.ACK) !== 0;
  switch (type) {
    case 'DATA': {
      onStream(r, streamId);
      const padLength = readPadLength(r, flags);
      const data = takeUnpadded(r, padLength, 'data');
      return { type, streamId, endStream, ...padded(padLength), data };
    }
    case 'HEADERS': {
      onStream(r, streamId);
      const padLength = readPadLength(r, flags);
      const priority = flags & Flag.PRIORITY ? { priority: readPriority(r) } : {};
      const fieldBlockFragment = takeUnpadded(r, padLength, 'fieldBlockFragment');
      return { type, streamId, endStream, endHeaders, ...padded(padLength), ...priority, fieldBlockFragment };
    }
    case 'PRIORITY':
      onStream(r, streamId);
      return { type, streamId, priority: readPriority(r) };
    case 'RST_STREAM':
      onStream(r, streamId);
      return { type, streamId, errorCode: r.u32('errorCode') };
    case 'SETTINGS': {
      onConnection(r, streamId);
      if (ack) r.expectEnd('acknowledgment');
      const settings: Setting[] = [];
      while (r.remaining > 0) settings.push([r.u16('identifier'), r.u32('value')]);
      return { type, ack, settings };
    }
    case 'PUSH_PROMISE': {
      onStream(r, streamId);
      const padLength = readPadLength(r, flags);
      const promisedStreamId = streamIdentifier(r, 'promisedStreamId');
      const fieldBlockFragment = takeUnpadded(r, padLength, 'fieldBlockFragment');
      return { type, streamId, endHeaders, ...padded(padLength), promisedStreamId, fieldBlockFragment };
    }
    case 'PING':
      onConnection(r, streamId);
      return { type, ack, opaqueData: r.take(8, 'opaqueData') };
    case 'GOAWAY': {
      onConnection(r, streamId);
      const lastStreamId = streamIdentifier(r, 'lastStreamId');
      const errorCode = r.u32('errorCode');
      return { type, lastStreamId, errorCode, debugData: r.rest('debugData') };
    }
    case 'WINDOW_UPDATE':
      return { type, streamId, increment: streamIdentifier(r, 'windowSizeIncrement') };
    case 'CONTINUATION':
      onStream(r, streamId);
      return { type, streamId, endHeaders, fieldBlockFragment: r.rest('fieldBlockFragment') };
    case 'PRIORITY_UPDATE': {
      onConnection(r, streamId);
      const prioritizedStreamId = streamIdentifier(r, 'prioritizedStreamId');
      return { type, prioritizedStreamId, priorityFieldValue: r.rest('priorityFieldValue') };
    }
    case 'UNKNOWN':
      return { type, typeCode, flags, streamId, payload: r.rest('payload') };
    default: {
      const never: never = type;
      return never;
    }
  }
}

/** Encodes one frame, header included. Reserved bits and unused flags are left unset. */
export function encodeFrame(w: Writer, frame: Frame): void {
  switch (frame.type) {
    case 'DATA': {
      const flags = bit(frame.endStream, Flag.END_STREAM) | bit(frame.padLength !== undefined, Flag.PADDED);
      putFrame(w, FrameType.DATA, flags, frame.streamId, () => {
        putPadded(w, frame.padLength, () => w.put(frame.data));
      });
      break;
    }
    case 'HEADERS': {
      const flags =
        bit(frame.endStream, Flag.END_STREAM) |
        bit(frame.endHeaders, Flag.END_HEADERS) |
        bit(frame.padLength !== undefined, Flag.PADDED) |
        bit(frame.priority !== undefined, Flag.PRIORITY);
      putFrame(w, FrameType.HEADERS, flags, frame.streamId, () => {
        putPadded(w, frame.padLength, () => {
          if (frame.priority !== undefined) putPriority(w, frame.priority);
          w.put(frame.fieldBlockFragment);
        });
      });
      break;
    }
    case 'PRIORITY':
      putFrame(w, FrameType.PRIORITY, 0, frame.streamId, () => putPriority(w, frame.priority));
      break;
    case 'RST_STREAM':
      putFrame(w, FrameType.RST_STREAM, 0, frame.streamId, () => w.u32(frame.errorCode));
      break;
    case 'SETTINGS':
      putFrame(w, FrameType.SETTINGS, bit(frame.ack, Flag.ACK), 0, () => {
        for (const [identifier, value] of frame.settings) w.u16(identifier).u32(value);
      });
      break;
    case 'PUSH_PROMISE': {
      const flags = bit(frame.endHeaders, Flag.END_HEADERS) | bit(frame.padLength !== undefined, Flag.PADDED);
      putFrame(w, FrameType.PUSH_PROMISE, flags, frame.streamId, () => {
        putPadded(w, frame.padLength, () => w.u32(frame.promisedStreamId).put(frame.fieldBlockFragment));
      });
      break;
    }
    case 'PING':
      putFrame(w, FrameType.PING, bit(frame.ack, Flag.ACK), 0, () => w.put(frame.opaqueData));
      break;
    case 'GOAWAY':
      putFrame(w, FrameType.GOAWAY, 0, 0, () => {
        w.u32(frame.lastStreamId).u32(frame.errorCode).put(frame.debugData);
      });
      break;
    case 'WINDOW_UPDATE':
      putFrame(w, FrameType.WINDOW_UPDATE, 0, frame.streamId, () => w.u32(frame.increment));
      break;
    case 'CONTINUATION': {
      const flags = bit(frame.endHeaders, Flag.END_HEADERS);
      putFrame(w, FrameType.CONTINUATION, flags, frame.streamId, () => w.put(frame.fieldBlockFragment));
      break;
    }
    case 'PRIORITY_UPDATE':
      putFrame(w, FrameType.PRIORITY_UPDATE, 0, 0, () =>
        w.u32(frame.prioritizedStreamId).put(frame.priorityFieldValue),
      );
      break;
    case 'UNKNOWN':
      putFrame(w, frame.typeCode, frame.flags, frame.streamId, () => w.put(frame.payload));
      break;
    default: {
      const never: never = frame;
      throw new Error(`not a frame: ${never}`);
    }
  }
}

/** RFC 9113 §4.1: the reserved bit is ignored. */
function streamIdentifier(r: Reader, field: string): number {
  return r.u32(field) & 0x7f_ff_ff_ff;
}

function onStream(r: Reader, streamId: number): void {
  if (streamId === 0) r.fail('streamIdentifier: 0 where a stream is meant');
}

function onConnection(r: Reader, streamId: number): void {
  if (streamId !== 0) r.fail('streamIdentifier: not 0 where the connection is meant');
}

function readPadLength(r: Reader, flags: number): number | undefined {
  return flags & Flag.PADDED ? r.u8('padLength') : undefined;
}

function takeUnpadded(r: Reader, padLength: number | undefined, field: string): Uint8Array {
  const padding = padLength ?? 0;
  if (padding > r.remaining) r.fail('padLength: more padding than payload');
  const content = r.take(r.remaining - padding, field);
  if (padding > 0) r.skip(padding, 'padding');
  return content;
}

function padded(padLength: number | undefined): { padLength?: number } {
  return padLength === undefined ? {} : { padLength };
}

function readPriority(r: Reader): Priority {
  const word = r.u32('streamDependency');
  return { exclusive: word > MAX_WINDOW_SIZE, streamDependency: word & 0x7f_ff_ff_ff, weight: r.u8('weight') };
}

function putPriority(w: Writer, priority: Priority): void {
  w.u32((bit(priority.exclusive, 0x80_00_00_00) | priority.streamDependency) >>> 0).u8(priority.weight);
}

function putFrame(w: Writer, typeCode: number, flags: number, streamId: number, payload: () => void): void {
  const header = w.length;
  w.u24(0).u8(typeCode).u8(flags).u32(streamId);
  payload();
  const length = w.length - header - FRAME_HEADER_BYTES;
  const written = w.view();
  written[header] = length >>> 16;
  written[header + 1] = length >>> 8;
  written[header + 2] = length;
}

function putPadded(w: Writer, padLength: number | undefined, content: () => void): void {
  if (padLength !== undefined) w.u8(padLength);
  content();
  for (let i = 0; i < (padLength ?? 0); i++) w.u8(0);
}

function bit(set: boolean, value: number): number {
  return set ? value : 0;
}
