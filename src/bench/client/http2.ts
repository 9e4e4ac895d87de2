// The client's HTTP/2 (RFC 9113): the recorded requests in their order, as many at once as there were, with HPACK, flow control in
// both directions, and answers to SETTINGS and PING. Header fields are as they were recorded; frames are cut anew.

import { ParseError } from '../../core/bytes/reader.js';
import { Writer } from '../../core/bytes/writer.js';
import {
  CLIENT_PREFACE,
  DEFAULT_HEADER_TABLE_SIZE,
  DEFAULT_MAX_FRAME_SIZE,
  DEFAULT_WINDOW_SIZE,
  decodeFrame,
  encodeFrame,
  errorCodeName,
  FRAME_HEADER_BYTES,
  type Frame,
  SettingId,
} from '../../core/http2/frame.js';
import { HpackEncoder } from '../../core/http2/hpack/encode.js';
import type { Field } from '../../core/trace.js';
import { Input } from '../inspect/input.js';
import { ClientError, clientLimits } from './limits.js';
import { Plan, type PlannedRequest } from './plan.js';
import type { ClientSession } from './tcp.js';

interface Upload {
  readonly streamId: number;
  readonly content: Uint8Array;
  at: number;
  window: number;
  readonly trailers: readonly Field[];
}

/** RFC 9113 §8.2.2: fields of the connection have no place here. */
const OF_THE_CONNECTION = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'host',
]);

export class Http2Client implements ClientSession {
  readonly plan: Plan;
  readonly #input = new Input();
  readonly #hpack = new HpackEncoder(DEFAULT_HEADER_TABLE_SIZE);
  readonly #output: Uint8Array[] = [CLIENT_PREFACE];
  /** Contents that wait for a window, in the order of their streams. */
  #uploads: Upload[] = [];
  #window = DEFAULT_WINDOW_SIZE;
  #initialWindow = DEFAULT_WINDOW_SIZE;
  #maxFrameSize = DEFAULT_MAX_FRAME_SIZE;
  #maxStreams = Number.POSITIVE_INFINITY;
  readonly #open = new Set<number>();
  #ended = false;

  constructor(requests: readonly PlannedRequest[], keepsContent = false) {
    this.plan = new Plan(requests, ({ streamId = 1 }) => (streamId - 1) / 2, keepsContent);
    this.#put({ type: 'SETTINGS', ack: false, settings: [[SettingId.ENABLE_PUSH, 0]] });
  }

  get finished(): boolean {
    return this.#ended || (this.plan.finished && this.#output.length === 0);
  }

  receive(bytes: Uint8Array): void {
    this.plan.saw('out', bytes);
    this.#input.push(bytes);
    const { bytes: all } = this.#input;
    while (this.#input.length >= FRAME_HEADER_BYTES) {
      const { start } = this.#input;
      const length = (all[start]! << 16) | (all[start + 1]! << 8) | all[start + 2]!;
      if (length > clientLimits.frameBytes) {
        throw new ClientError('H2', `a frame of ${length} bytes`, 'RFC 9113 §4.2');
      }
      if (this.#input.length < FRAME_HEADER_BYTES + length) break;
      this.#frame(decode(all, start), length);
      this.#input.drop(FRAME_HEADER_BYTES + length);
    }
    this.#input.settle();
  }

  endOfInput(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.plan.ended('out');
  }

  take(maxBytes: number): Uint8Array {
    if (this.#output.length === 0 && !this.#ended) {
      this.#requests();
      this.#contents();
    }
    const first = this.#output[0];
    if (first === undefined) return new Uint8Array(0);
    const bytes = first.subarray(0, maxBytes);
    if (bytes.length === first.length) this.#output.shift();
    else this.#output[0] = first.subarray(bytes.length);
    this.plan.saw('in', bytes);
    return bytes;
  }

  #frame(frame: Frame, length: number): void {
    switch (frame.type) {
      case 'SETTINGS':
        if (!frame.ack) this.#settings(frame.settings);
        return;
      case 'PING':
        if (!frame.ack) this.#put({ type: 'PING', ack: true, opaqueData: frame.opaqueData.slice() });
        return;
      case 'WINDOW_UPDATE': {
        const upload = this.#uploads.find(({ streamId }) => streamId === frame.streamId);
        if (frame.streamId === 0) this.#window += frame.increment;
        else if (upload !== undefined) upload.window += frame.increment;
        return;
      }
      case 'DATA':
        // RFC 9113 §6.9: padding counts, too.
        if (length > 0) {
          this.#put({ type: 'WINDOW_UPDATE', streamId: 0, increment: length });
          if (!frame.endStream) this.#put({ type: 'WINDOW_UPDATE', streamId: frame.streamId, increment: length });
        }
        if (frame.endStream) this.#over(frame.streamId);
        return;
      case 'HEADERS':
        if (frame.endStream) this.#over(frame.streamId);
        return;
      case 'RST_STREAM':
        this.#over(frame.streamId);
        this.#uploads = this.#uploads.filter(({ streamId }) => streamId !== frame.streamId);
        return;
      case 'GOAWAY':
        if (frame.errorCode !== 0)
          throw new ClientError('H2', `GOAWAY ${errorCodeName(frame.errorCode)}`, 'RFC 9113 §6.8');
        return;
      default:
    }
  }

  #over(streamId: number): void {
    this.#open.delete(streamId);
    this.plan.answered((streamId - 1) / 2);
  }

  #settings(settings: readonly (readonly [number, number])[]): void {
    for (const [identifier, value] of settings) {
      if (identifier === SettingId.INITIAL_WINDOW_SIZE) {
        for (const upload of this.#uploads) upload.window += value - this.#initialWindow;
        this.#initialWindow = value;
      } else if (identifier === SettingId.MAX_FRAME_SIZE) this.#maxFrameSize = value;
      else if (identifier === SettingId.MAX_CONCURRENT_STREAMS) this.#maxStreams = value;
      else if (identifier === SettingId.HEADER_TABLE_SIZE) this.#hpack.setMaxTableSize(value);
    }
    this.#put({ type: 'SETTINGS', ack: true, settings: [] });
  }

  #requests(): void {
    while (this.#open.size < this.#maxStreams) {
      const next = this.plan.next();
      if (next === undefined) return;
      const { place, request } = next;
      const streamId = 2 * place + 1;
      const { content, trailers } = request;
      const endStream = content.length === 0 && trailers.length === 0;
      this.#open.add(streamId);
      this.#headers(streamId, fieldsOf(request), endStream);
      if (!endStream) this.#uploads.push({ streamId, content, at: 0, window: this.#initialWindow, trailers });
    }
  }

  #headers(streamId: number, fields: readonly Field[], endStream: boolean): void {
    const bytes = this.#hpack.encode(fields).slice();
    const first = bytes.subarray(0, this.#maxFrameSize);
    const endHeaders = first.length === bytes.length;
    this.#put({ type: 'HEADERS', streamId, endStream, endHeaders, fieldBlockFragment: first });
    for (let at = first.length; at < bytes.length; at += this.#maxFrameSize) {
      const fieldBlockFragment = bytes.subarray(at, at + this.#maxFrameSize);
      this.#put({
        type: 'CONTINUATION',
        streamId,
        endHeaders: at + this.#maxFrameSize >= bytes.length,
        fieldBlockFragment,
      });
    }
  }

  /** One frame of the first content that has a window. */
  #contents(): void {
    for (const upload of this.#uploads) {
      const left = upload.content.length - upload.at;
      const room = Math.min(this.#maxFrameSize, this.#window, upload.window, left);
      if (room <= 0 && left > 0) continue;
      const data = upload.content.subarray(upload.at, upload.at + Math.max(0, room));
      upload.at += data.length;
      upload.window -= data.length;
      this.#window -= data.length;
      const isLast = upload.at === upload.content.length;
      const { streamId, trailers } = upload;
      if (data.length > 0 || trailers.length === 0) {
        this.#put({ type: 'DATA', streamId, endStream: isLast && trailers.length === 0, data });
      }
      if (isLast) {
        if (trailers.length > 0) this.#headers(streamId, trailers, true);
        this.#uploads = this.#uploads.filter((one) => one !== upload);
      }
      return;
    }
  }

  #put(frame: Frame): void {
    const writer = new Writer();
    encodeFrame(writer, frame);
    this.#output.push(writer.finish());
  }
}

function decode(bytes: Uint8Array, start: number): Frame {
  try {
    return decodeFrame(bytes, start);
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    throw new ClientError('H2', error.what, 'RFC 9113 §6');
  }
}

function fieldsOf({ method, scheme, authority, target, headers }: PlannedRequest): Field[] {
  return [
    [':method', method],
    [':scheme', scheme],
    [':authority', authority],
    [':path', target],
    ...headers.filter(([name, value]) => !OF_THE_CONNECTION.has(name) && !(name === 'te' && value !== 'trailers')),
  ];
}
