// A peer for tests: writes frames to an Http2Connection, reads the frames that come out, and joins it with Node's own
// client over an in-memory stream. Not a test file.

import * as http2 from 'node:http2';
import { Duplex } from 'node:stream';
import { Writer } from '../../../src/core/bytes/writer.js';
import type { BodySource, Handler, Request, Response } from '../../../src/core/http/message.js';
import { Http2Connection } from '../../../src/core/http2/connection.js';
import { CLIENT_PREFACE, decodeFrame, encodeFrame, type Frame } from '../../../src/core/http2/frame.js';
import { createHeaderList, HpackDecoder } from '../../../src/core/http2/hpack/decode.js';
import { HpackEncoder } from '../../../src/core/http2/hpack/encode.js';
import type { Field, TraceEvent } from '../../../src/core/trace.js';
import type { Micros } from '../../../src/core/types.js';
import { concat } from '../../support/bytes.js';

export const DATE = 'Thu, 01 Jan 2026 00:00:00 GMT';

export function frameBytes(...frames: Frame[]): Uint8Array {
  const w = new Writer();
  for (const frame of frames) encodeFrame(w, frame);
  return w.finish();
}

export const settingsFrame = (...settings: [number, number][]): Frame => ({ type: 'SETTINGS', ack: false, settings });

export function body(bytes: Uint8Array): BodySource {
  let at = 0;
  return {
    length: bytes.length,
    read(maxBytes) {
      if (at === bytes.length) return undefined;
      const start = at;
      at = Math.min(bytes.length, at + maxBytes);
      return bytes.subarray(start, at);
    },
  };
}

/** `size` octets that are 0, 1, ... 250, 0, ... whichever way they are cut; `known`: its length is told beforehand. */
export function patternBody(size: number, known = true): BodySource {
  let at = 0;
  return {
    length: known ? size : undefined,
    read(maxBytes) {
      if (at === size) return undefined;
      const chunk = new Uint8Array(Math.min(maxBytes, size - at));
      for (let i = 0; i < chunk.length; i++) chunk[i] = (at + i) % 251;
      at += chunk.length;
      return chunk;
    },
  };
}

export function pattern(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => i % 251);
}

/** The site of most tests. */
export const site: Handler = (request: Request): Response => {
  const { path } = request;
  if (path === '/echo') return { status: 200, headers: [], body: request.body };
  if (path.startsWith('/bytes/')) return { status: 200, headers: [], body: patternBody(Number(path.slice(7))) };
  if (path.startsWith('/stream/')) {
    return { status: 200, headers: [], body: patternBody(Number(path.slice(8)), false) };
  }
  if (path.startsWith('/delay/')) return { status: 200, headers: [], delayUs: Number(path.slice(7)) };
  if (path.startsWith('/status/')) return { status: Number(path.slice(8)), headers: [] };
  if (path === '/throw') throw new Error('handler');
  if (path === '/headers') {
    return {
      status: 200,
      headers: [['content-type', 'application/json']],
      body: body(Buffer.from(JSON.stringify(request.headers))),
    };
  }
  if (path === '/') return { status: 200, headers: [['content-type', 'text/plain']], body: body(Buffer.from('hello')) };
  return { status: 404, headers: [] };
};

export interface Peer {
  readonly connection: Http2Connection;
  readonly events: { atUs: Micros; event: TraceEvent }[];
  /** Everything that came out, in order. */
  readonly output: () => Uint8Array;
  nowUs: Micros;
  /** Gives bytes in and takes what comes out: the frames of it. */
  send(bytes: Uint8Array): Frame[];
  frames(...frames: Frame[]): Frame[];
  /** A request's HEADERS frame. */
  request(streamId: number, path: string, options?: { method?: string; end?: boolean; extra?: Field[] }): Frame;
  encode(fields: readonly Field[]): Uint8Array;
  decode(frame: Frame): Field[];
  take(): Frame[];
}

export interface PeerOptions {
  readonly handler?: Handler;
  /** Leaves the preface and the first SETTINGS to the test. */
  readonly bare?: boolean;
  readonly trace?: boolean;
  readonly takeBytes?: number;
}

export function createPeer(options: PeerOptions = {}): Peer {
  const events: Peer['events'] = [];
  const encoder = new HpackEncoder(4096);
  const decoder = new HpackDecoder(4096);
  const taken: Uint8Array[] = [];
  let unread = new Uint8Array(0);
  const connection = new Http2Connection({
    flow: 'test#0',
    scheme: 'https',
    handler: options.handler ?? site,
    connection: { flow: 'test#0' },
    date: () => DATE,
    ...(options.trace === false ? {} : { trace: (atUs, event) => events.push({ atUs, event }) }),
  });
  const peer: Peer = {
    connection,
    events,
    output: () => concat(...taken),
    nowUs: 0,
    send(bytes) {
      connection.receive(peer.nowUs, bytes);
      return peer.take();
    },
    frames: (...frames) => peer.send(frameBytes(...frames)),
    request(streamId, path, { method = 'GET', end = true, extra = [] } = {}) {
      const fields: Field[] = [
        [':method', method],
        [':scheme', 'https'],
        [':authority', 'wirebench.test'],
        [':path', path],
        ...extra,
      ];
      return {
        type: 'HEADERS',
        streamId,
        endStream: end,
        endHeaders: true,
        fieldBlockFragment: encoder.encode(fields),
      };
    },
    encode: (fields) => encoder.encode(fields),
    decode(frame) {
      if (frame.type !== 'HEADERS') throw new Error(`not HEADERS: ${frame.type}`);
      const list = createHeaderList();
      decoder.decode(frame.fieldBlockFragment, 0, frame.fieldBlockFragment.length, list);
      return list.entries.map((entry) => entry.field);
    },
    take() {
      const parts = [unread];
      for (;;) {
        const part = connection.take(peer.nowUs, options.takeBytes ?? 16_384).slice();
        if (part.length === 0) break;
        taken.push(part);
        parts.push(part);
      }
      const bytes = concat(...parts);
      const frames: Frame[] = [];
      let at = 0;
      while (bytes.length - at >= 9) {
        const end = at + 9 + ((bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!);
        if (end > bytes.length) break;
        frames.push(decodeFrame(bytes, at));
        at = end;
      }
      unread = bytes.slice(at);
      return frames;
    },
  };
  if (!options.bare)
    peer.send(concat(CLIENT_PREFACE, frameBytes(settingsFrame(), { type: 'SETTINGS', ack: true, settings: [] })));
  return peer;
}

/** The error that a call led to: the last GOAWAY, or the last RST_STREAM. */
export function errorOf(frames: readonly Frame[]): { scope: 'connection' | 'stream'; code: number } | undefined {
  for (const frame of [...frames].reverse()) {
    if (frame.type === 'GOAWAY') return { scope: 'connection', code: frame.errorCode };
    if (frame.type === 'RST_STREAM') return { scope: 'stream', code: frame.errorCode };
  }
  return undefined;
}

export interface NodeClient {
  readonly client: http2.ClientHttp2Session;
  /** Every chunk that Node wrote, with the logical time at which it came. */
  readonly recorded: { atUs: Micros; bytes: Uint8Array }[];
  readonly output: () => Uint8Array;
  /** Moves logical time forward and lets due timers run. */
  advance(nowUs: Micros): void;
}

/** Node's client and our connection, joined in memory; logical time moves only by `advance`. */
export function joinNodeClient(connection: Http2Connection): NodeClient {
  const recorded: NodeClient['recorded'] = [];
  const taken: Uint8Array[] = [];
  let nowUs = 0;
  let ended = false;
  let scheduled = false;
  const socket = new Duplex({
    read: () => schedule(),
    write(chunk: Buffer, _encoding, done) {
      recorded.push({ atUs: nowUs, bytes: Uint8Array.from(chunk) });
      connection.receive(nowUs, chunk);
      schedule();
      done();
    },
    final(done) {
      connection.endOfInput(nowUs);
      schedule();
      done();
    },
  });
  // Not from within the write: Node's client does not expect to be given bytes while it is writing.
  function schedule(): void {
    if (scheduled) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      pump();
    });
  }
  function pump(): void {
    for (let wanted = true; wanted; ) {
      const bytes = connection.take(nowUs, 16_384);
      if (bytes.length === 0) break;
      taken.push(bytes.slice());
      wanted = socket.push(Buffer.from(bytes));
    }
    if (connection.state === 'closed' && !ended) {
      ended = true;
      socket.push(null);
    }
  }
  const client = http2.connect('https://wirebench.test', { createConnection: () => socket });
  client.on('error', () => undefined);
  return {
    client,
    recorded,
    output: () => concat(...taken),
    advance(toUs) {
      nowUs = toUs;
      connection.advance(nowUs);
      schedule();
    },
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: http2.IncomingHttpHeaders;
  readonly content: Buffer;
  readonly trailers?: http2.IncomingHttpHeaders;
}

export function fetchOver(
  client: http2.ClientHttp2Session,
  headers: http2.OutgoingHttpHeaders,
  content?: Buffer,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const stream = client.request(headers, { endStream: content === undefined });
    const parts: Buffer[] = [];
    let status = 0;
    let received: http2.IncomingHttpHeaders = {};
    stream.on('response', (head) => {
      status = head[':status'] ?? 0;
      received = head;
    });
    stream.on('data', (part: Buffer) => parts.push(part));
    stream.on('end', () => resolve({ status, headers: received, content: Buffer.concat(parts) }));
    stream.on('error', reject);
    if (content !== undefined) stream.end(content);
  });
}
