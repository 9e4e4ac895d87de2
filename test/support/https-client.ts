// A deterministic client of the whole server: TLS 1.2 with HTTP/2 or HTTP/1.1 inside, as a byte stream each way, and a
// plain TCP client that carries such a stream over frames. What it sends depends on its requests and on the server's
// handshake only, so a stream that was made once can be cut anew in any way.

import * as assert from 'uvu/assert';
import { Writer } from '../../src/core/bytes/writer.js';
import {
  CLIENT_PREFACE,
  decodeFrame,
  encodeFrame,
  FRAME_HEADER_BYTES,
  type Frame,
} from '../../src/core/http2/frame.js';
import { createHeaderList, HpackDecoder } from '../../src/core/http2/hpack/decode.js';
import { HpackEncoder } from '../../src/core/http2/hpack/encode.js';
import { ContentType } from '../../src/core/tls/record.js';
import { ascii, concat, text } from './bytes.js';
import { ACK, FIN, PSH, parseTcpFrame, RST, SYN, tcpFrame } from './frames.js';
import { clientHello, TestTlsClient, withExtension } from './tls-client.js';

export interface ClientRequest {
  readonly method: string;
  readonly path: string;
  readonly content?: Uint8Array;
}

export interface ClientResponse {
  readonly status: number;
  readonly content: Uint8Array;
}

/** A byte stream with a client's view: what to send at first, and what to send for what came. */
export interface ByteClient {
  start(): Uint8Array;
  receive(bytes: Uint8Array): Uint8Array;
}

export class HttpsClient implements ByteClient {
  readonly tls: TestTlsClient;
  readonly #protocol: 'h2' | 'http/1.1' | undefined;
  readonly #requests: readonly ClientRequest[];
  #rest: Uint8Array = new Uint8Array(0);
  #finishing = false;
  #requested = false;

  /** `protocol` is the one that ALPN offers; undefined leaves the extension out. */
  constructor(protocol: 'h2' | 'http/1.1' | undefined, requests: readonly ClientRequest[]) {
    const extensions =
      protocol === undefined ? withExtension('alpn') : withExtension({ type: 'alpn', protocols: [ascii(protocol)] });
    this.tls = new TestTlsClient(clientHello({ extensions }));
    this.#protocol = protocol;
    this.#requests = requests;
  }

  start(): Uint8Array {
    return this.tls.start();
  }

  /** Bytes of the server, cut in any way. */
  receive(bytes: Uint8Array): Uint8Array {
    this.#rest = concat(this.#rest, bytes);
    const out: Uint8Array[] = [];
    while (this.#rest.length >= 5) {
      const length = 5 + ((this.#rest[3]! << 8) | this.#rest[4]!);
      if (this.#rest.length < length) break;
      this.tls.receive(this.#rest.slice(0, length));
      this.#rest = this.#rest.slice(length);
      if (!this.#finishing && this.tls.messages.some((message) => message.type === 'ServerHelloDone')) {
        this.#finishing = true;
        out.push(...this.tls.finish());
      }
      if (!this.#requested && this.tls.finishedByServer) {
        this.#requested = true;
        out.push(this.#sealAll(this.plaintext()));
      }
    }
    return concat(...out);
  }

  /** Everything that the client says inside TLS. */
  plaintext(): Uint8Array {
    return this.#protocol === 'h2' ? http2Requests(this.#requests) : http1Requests(this.#requests);
  }

  /** The server ended with close_notify. */
  get closed(): boolean {
    return this.tls.alerts.some(([, description]) => description === 0);
  }

  responses(): ClientResponse[] {
    const plaintext = concat(...this.tls.received);
    return this.#protocol === 'h2' ? http2Responses(plaintext) : http1Responses(plaintext, this.#requests);
  }

  #sealAll(plaintext: Uint8Array): Uint8Array {
    const records: Uint8Array[] = [];
    for (let at = 0; at < plaintext.length; at += 1000) {
      records.push(this.tls.seal(ContentType.applicationData, plaintext.subarray(at, at + 1000)));
    }
    return concat(...records);
  }
}

// ---- HTTP/2 ----

const WINDOW = 1 << 24;

/** Preface, large windows, all requests, and a GOAWAY: the server answers them and then ends the connection itself. */
export function http2Requests(requests: readonly ClientRequest[]): Uint8Array {
  const writer = new Writer().put(CLIENT_PREFACE);
  const put = (frame: Frame): void => encodeFrame(writer, frame);
  put({ type: 'SETTINGS', ack: false, settings: [[4, WINDOW]] });
  put({ type: 'WINDOW_UPDATE', streamId: 0, increment: WINDOW });
  put({ type: 'SETTINGS', ack: true, settings: [] });
  const encoder = new HpackEncoder(4096);
  requests.forEach(({ method, path, content }, index) => {
    const streamId = 2 * index + 1;
    const block = new Uint8Array(1024);
    let at = encoder.begin(block, 0);
    at = encoder.field(block, at, ':method', method);
    at = encoder.field(block, at, ':scheme', 'https');
    at = encoder.field(block, at, ':authority', 'wirebench.test');
    at = encoder.field(block, at, ':path', path);
    at = encoder.field(block, at, 'user-agent', 'test');
    const fieldBlockFragment = block.subarray(0, at);
    put({ type: 'HEADERS', streamId, endStream: content === undefined, endHeaders: true, fieldBlockFragment });
    if (content === undefined) return;
    for (let from = 0; from < content.length; from += 5000) {
      const data = content.subarray(from, from + 5000);
      put({ type: 'DATA', streamId, endStream: from + data.length === content.length, data });
    }
  });
  put({ type: 'GOAWAY', lastStreamId: 0, errorCode: 0, debugData: new Uint8Array(0) });
  return writer.finish();
}

/** The frames of a stream of them; bytes of an unfinished one at the end are an error. */
export function framesOf(bytes: Uint8Array): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at < bytes.length; ) {
    frames.push(decodeFrame(bytes, at));
    at += FRAME_HEADER_BYTES + ((bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!);
  }
  return frames;
}

/** By stream identifier. Every stream must have ended. */
function http2Responses(plaintext: Uint8Array): ClientResponse[] {
  const decoder = new HpackDecoder(4096);
  const list = createHeaderList();
  const streams = new Map<number, { status: number; parts: Uint8Array[]; ended: boolean }>();
  for (const frame of framesOf(plaintext)) {
    if (frame.type === 'HEADERS') {
      assert.ok(frame.endHeaders);
      decoder.decode(frame.fieldBlockFragment, 0, frame.fieldBlockFragment.length, list);
      const status = Number(list.entries.find((entry) => entry.name === ':status')!.value);
      streams.set(frame.streamId, { status, parts: [], ended: frame.endStream });
    } else if (frame.type === 'DATA') {
      const stream = streams.get(frame.streamId)!;
      assert.not(stream.ended);
      stream.parts.push(frame.data);
      stream.ended = frame.endStream;
    }
  }
  return [...streams]
    .sort(([a], [b]) => a - b)
    .map(([id, { status, parts, ended }]) => {
      assert.ok(ended, `stream ${id} has not ended`);
      return { status, content: concat(...parts) };
    });
}

// ---- HTTP/1.1 ----

/** All requests at once; the last one asks for the end of the connection. Content goes in chunks of 3,000 bytes. */
export function http1Requests(requests: readonly ClientRequest[]): Uint8Array {
  const parts: Uint8Array[] = [];
  requests.forEach(({ method, path, content }, index) => {
    const last = index === requests.length - 1;
    const fields = `host: wirebench.test\r\n${content ? 'transfer-encoding: chunked\r\n' : ''}${last ? 'connection: close\r\n' : ''}`;
    parts.push(ascii(`${method} ${path} HTTP/1.1\r\n${fields}\r\n`));
    if (content === undefined) return;
    for (let at = 0; at < content.length; at += 3000) {
      const chunk = content.subarray(at, at + 3000);
      parts.push(ascii(`${chunk.length.toString(16)}\r\n`), chunk, ascii('\r\n'));
    }
    parts.push(ascii('0\r\n\r\n'));
  });
  return concat(...parts);
}

/** A reader that knows what this server sends: length or chunks. */
export function http1Responses(bytes: Uint8Array, requests: readonly ClientRequest[]): ClientResponse[] {
  const responses: ClientResponse[] = [];
  const all = text(bytes);
  let at = 0;
  while (at < all.length) {
    const end = all.indexOf('\r\n\r\n', at);
    assert.ok(end > 0, 'a response is cut off');
    const head = all.slice(at, end);
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)![1]);
    at = end + 4;
    const length = Number(/^content-length: (\d+)$/m.exec(head)?.[1] ?? 0);
    const method = requests[responses.length]!.method;
    if (method === 'HEAD') responses.push({ status, content: new Uint8Array(0) });
    else if (/^transfer-encoding: chunked$/m.test(head)) {
      const parts: string[] = [];
      for (;;) {
        const line = all.indexOf('\r\n', at);
        const size = Number.parseInt(all.slice(at, line), 16);
        parts.push(all.slice(line + 2, line + 2 + size));
        at = line + 2 + size + 2;
        if (size === 0) break;
      }
      responses.push({ status, content: ascii(parts.join('')) });
    } else {
      responses.push({ status, content: bytes.slice(at, at + length) });
      at += length;
    }
  }
  return responses;
}

// ---- TCP ----

export interface TunClientOptions {
  readonly port: number;
  readonly serverPort: number;
  /** Payload of a segment at most. */
  readonly segmentBytes?: number;
  readonly isn?: number;
}

/** A client over a network that loses nothing: acknowledges what comes, sends as far as the window reaches. */
export class TunClient {
  /** Frames that wait to be given to the stack. */
  readonly outbox: Uint8Array[] = [];
  state: 'syn-sent' | 'open' | 'ended' | 'reset' = 'syn-sent';
  readonly #options: TunClientOptions;
  readonly #app: ByteClient;
  #seq: number;
  #una: number;
  #window = 0;
  #rcvNxt = 0;
  #toSend: Uint8Array = new Uint8Array(0);

  constructor(options: TunClientOptions, app: ByteClient) {
    this.#options = options;
    this.#app = app;
    this.#seq = options.isn ?? 1000;
    this.#una = this.#seq;
    this.#emit(SYN, undefined);
    this.#seq++;
  }

  get port(): number {
    return this.#options.port;
  }

  receive(frame: Uint8Array): void {
    const segment = parseTcpFrame(frame);
    if ((segment.flags & RST) !== 0) {
      this.state = 'reset';
      return;
    }
    this.#window = segment.window;
    this.#una = segment.ack;
    if ((segment.flags & SYN) !== 0) {
      this.#rcvNxt = (segment.seq + 1) >>> 0;
      this.state = 'open';
      this.#emit(ACK, undefined);
      this.#toSend = this.#app.start();
      this.#send();
      return;
    }
    if (((segment.seq - this.#rcvNxt) | 0) < 0) {
      // Sent again, because our acknowledgment was kept waiting.
      this.#emit(ACK, undefined);
      return;
    }
    assert.is(segment.seq, this.#rcvNxt, 'nothing is lost, so nothing comes out of order');
    this.#rcvNxt = (this.#rcvNxt + segment.payload.length) >>> 0;
    if (segment.payload.length > 0) {
      this.#toSend = concat(this.#toSend, this.#app.receive(segment.payload));
      this.#emit(ACK, undefined);
    }
    this.#send();
    if ((segment.flags & FIN) !== 0 && this.state === 'open') {
      this.#rcvNxt = (this.#rcvNxt + 1) >>> 0;
      this.#emit(FIN | ACK, undefined);
      this.#seq = (this.#seq + 1) >>> 0;
      this.state = 'ended';
    }
  }

  #send(): void {
    while (this.#toSend.length > 0 && this.state === 'open') {
      const room = this.#window - ((this.#seq - this.#una) >>> 0);
      const length = Math.min(this.#toSend.length, this.#options.segmentBytes ?? 1460, room);
      if (length <= 0) return;
      this.#emit(ACK | PSH, this.#toSend.subarray(0, length));
      this.#seq = (this.#seq + length) >>> 0;
      this.#toSend = this.#toSend.slice(length);
    }
  }

  #emit(flags: number, payload: Uint8Array | undefined): void {
    const frame = tcpFrame({
      source: '10.0.0.1',
      destination: '10.0.0.2',
      sourcePort: this.#options.port,
      destinationPort: this.#options.serverPort,
      seq: this.#seq,
      ack: this.#rcvNxt,
      flags,
      window: 65_535,
      payload,
      ...((flags & SYN) !== 0 && { mss: 1460 }),
    });
    this.outbox.push(frame);
  }
}
