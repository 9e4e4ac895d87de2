// What a strict client holds against an HTTP/2 server's output (RFC 9113), given every octet that was sent to it: frames and
// their order, stream states, windows, header compression, GOAWAY. Throws at the first thing that is not legal.

import { decodeFrame, ErrorCode, FRAME_HEADER_BYTES, FrameType, readU32 } from '../../src/core/http2/frame.js';
import { createHeaderList, HpackDecoder } from '../../src/core/http2/hpack/decode.js';
import { concat } from '../../test/support/bytes.js';

export interface AuditedStream {
  /** Octets of DATA that came. */
  received: number;
  status: string;
  ended: boolean;
  /** -1: not reset by the server. */
  resetCode: number;
  /** Window that the client gave by WINDOW_UPDATE. */
  credit: number;
}

/** Octets that came and are not whole frames yet. */
class Pending {
  #bytes = new Uint8Array(1_024);
  #start = 0;
  #end = 0;

  get length(): number {
    return this.#end - this.#start;
  }

  push(more: Uint8Array): void {
    if (this.#end + more.length > this.#bytes.length) {
      const rest = this.#bytes.subarray(this.#start, this.#end);
      const larger = new Uint8Array(2 * (rest.length + more.length) + 1_024);
      larger.set(rest);
      this.#bytes = larger;
      this.#end = rest.length;
      this.#start = 0;
    }
    this.#bytes.set(more, this.#end);
    this.#end += more.length;
  }

  /** The next whole frame, header and all; a view until the next push. */
  shift(): Uint8Array | undefined {
    if (this.length < FRAME_HEADER_BYTES) return undefined;
    const bytes = this.#bytes;
    const at = this.#start;
    const length = FRAME_HEADER_BYTES + ((bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!);
    if (this.length < length) return undefined;
    this.#start += length;
    return bytes.subarray(at, at + length);
  }
}

export class Http2Audit {
  readonly streams = new Map<number, AuditedStream>();
  /** Window that the server gave: of the connection, and beyond the initial one of each stream. */
  connectionWindow = 65_535;
  readonly streamWindows = new Map<number, number>();
  initialWindow = 65_535;
  /** Of the last GOAWAY; -1: there was none. */
  goawayCode = -1;
  lastStreamId = 0x7f_ff_ff_ff;
  frames = 0;
  pings: Uint8Array[] = [];
  /** SETTINGS of the server that the client has not acknowledged. */
  settings = 0;
  readonly #sent = new Pending();
  readonly #received = new Pending();
  readonly #decoder = new HpackDecoder(1 << 16);
  readonly #list = createHeaderList();
  #prefaceLeft = 24;
  #credit = 65_535;
  #data = 0;
  #largestInitialWindow = 65_535;
  #largestFrame = 16_384;
  #highestStreamId = 0;
  #pingsSent = 0;
  #pongs = 0;
  /** Of HEADERS that lack END_HEADERS. */
  #open: { streamId: number; endStream: boolean; parts: Uint8Array[] } | undefined;

  /** The client sends: what it allows the server by that. */
  noteSent(bytes: Uint8Array): void {
    const preface = Math.min(this.#prefaceLeft, bytes.length);
    this.#prefaceLeft -= preface;
    this.#sent.push(bytes.subarray(preface));
    for (let frame = this.#sent.shift(); frame !== undefined; frame = this.#sent.shift()) this.#allow(frame);
  }

  #allow(frame: Uint8Array): void {
    const streamId = readU32(frame, 5) & 0x7f_ff_ff_ff;
    const length = frame.length - FRAME_HEADER_BYTES;
    switch (frame[3]) {
      case FrameType.HEADERS:
        this.#highestStreamId = Math.max(this.#highestStreamId, streamId);
        break;
      case FrameType.PING:
        this.#pingsSent++;
        break;
      case FrameType.WINDOW_UPDATE: {
        if (length !== 4) break;
        const increment = readU32(frame, FRAME_HEADER_BYTES) & 0x7f_ff_ff_ff;
        if (streamId === 0) this.#credit += increment;
        else this.#stream(streamId).credit += increment;
        break;
      }
      case FrameType.SETTINGS:
        for (let at = FRAME_HEADER_BYTES; at + 6 <= frame.length; at += 6) {
          const value = readU32(frame, at + 2);
          const identifier = (frame[at]! << 8) | frame[at + 1]!;
          if (identifier === 4) this.#largestInitialWindow = Math.max(this.#largestInitialWindow, value);
          if (identifier === 5) this.#largestFrame = Math.max(this.#largestFrame, value);
        }
        break;
    }
  }

  receive(bytes: Uint8Array): void {
    this.#received.push(bytes);
    for (let frame = this.#received.shift(); frame !== undefined; frame = this.#received.shift()) this.#check(frame);
  }

  /** All was taken: nothing may be cut off. */
  finish(): void {
    if (this.#received.length > 0) throw new Error('the output ends within a frame');
    if (this.#open !== undefined) throw new Error('the output ends within a field block');
  }

  #check(bytes: Uint8Array): void {
    const frame = decodeFrame(bytes);
    const typeCode = bytes[3]!;
    const what = `${frame.type} of stream ${readU32(bytes, 5)}`;
    if (this.frames++ === 0 && (frame.type !== 'SETTINGS' || frame.ack))
      throw new Error(`${what} before SETTINGS (§3.4)`);
    if (bytes.length - FRAME_HEADER_BYTES > this.#largestFrame) throw new Error(`${what} is too large (§4.2)`);
    if (readU32(bytes, 5) > 0x7f_ff_ff_ff) throw new Error(`${what}: reserved bit set (§4.1)`);
    if (this.#open !== undefined && typeCode !== FrameType.CONTINUATION)
      throw new Error(`${what} within a block (§4.3)`);
    if (this.goawayCode > ErrorCode.NO_ERROR) throw new Error(`${what} behind the GOAWAY of an error (§5.4.1)`);
    switch (frame.type) {
      case 'DATA':
        this.#data += frame.data.length;
        if (this.#data > this.#credit) throw new Error(`${what} beyond the connection window (§6.9.1)`);
        this.#content(what, frame.streamId, frame.data.length, frame.endStream);
        break;
      case 'HEADERS':
        this.#open = {
          streamId: frame.streamId,
          endStream: frame.endStream,
          parts: [frame.fieldBlockFragment.slice()],
        };
        if (frame.endHeaders) this.#fields(what);
        break;
      case 'CONTINUATION':
        if (this.#open?.streamId !== frame.streamId) throw new Error(`${what} out of its place (§6.10)`);
        this.#open.parts.push(frame.fieldBlockFragment.slice());
        if (frame.endHeaders) this.#fields(what);
        break;
      case 'RST_STREAM':
        this.#reset(what, frame.streamId, frame.errorCode);
        break;
      case 'SETTINGS':
        if (!frame.ack) this.settings++;
        for (const [identifier, value] of frame.settings) if (identifier === 4) this.initialWindow = value;
        break;
      case 'PING':
        if (!frame.ack) this.pings.push(frame.opaqueData.slice());
        else if (++this.#pongs > this.#pingsSent) throw new Error('a PING is answered that was not sent (§6.7)');
        break;
      case 'GOAWAY':
        if (frame.lastStreamId > this.lastStreamId) throw new Error('GOAWAY raises its stream identifier (§6.8)');
        if (frame.errorCode > ErrorCode.HTTP_1_1_REQUIRED) throw new Error(`no error code: ${frame.errorCode} (§7)`);
        this.lastStreamId = frame.lastStreamId;
        this.goawayCode = frame.errorCode;
        break;
      case 'WINDOW_UPDATE':
        if (frame.increment === 0) throw new Error(`${what} of 0 (§6.9)`);
        if (frame.streamId === 0) this.connectionWindow += frame.increment;
        else this.streamWindows.set(frame.streamId, (this.streamWindows.get(frame.streamId) ?? 0) + frame.increment);
        if (this.connectionWindow > 0x7f_ff_ff_ff) throw new Error(`${what} beyond 2^31-1 (§6.9.1)`);
        break;
      default:
        throw new Error(`a server must not send ${what}`);
    }
  }

  #stream(streamId: number): AuditedStream {
    let stream = this.streams.get(streamId);
    if (stream === undefined) {
      stream = { received: 0, status: '', ended: false, resetCode: -1, credit: 0 };
      this.streams.set(streamId, stream);
    }
    return stream;
  }

  #opened(what: string, streamId: number): AuditedStream {
    if ((streamId & 1) === 0 || streamId > this.#highestStreamId) throw new Error(`${what}, which is idle (§5.1)`);
    const stream = this.#stream(streamId);
    if (stream.resetCode >= 0) throw new Error(`${what} behind its RST_STREAM (§5.1)`);
    return stream;
  }

  #content(what: string, streamId: number, length: number, endStream: boolean): void {
    const stream = this.#opened(what, streamId);
    if (stream.status === '') throw new Error(`${what} before its status (§8.1)`);
    if (stream.ended) throw new Error(`${what} behind END_STREAM (§5.1)`);
    stream.received += length;
    if (stream.received > this.#largestInitialWindow + stream.credit)
      throw new Error(`${what} beyond its window (§6.9.1)`);
    stream.ended = endStream;
  }

  #fields(what: string): void {
    const { streamId, endStream, parts } = this.#open!;
    this.#open = undefined;
    const block = parts.length === 1 ? parts[0]! : concat(...parts);
    this.#decoder.decode(block, 0, block.length, this.#list);
    const stream = this.#opened(what, streamId);
    if (stream.ended) throw new Error(`${what} behind END_STREAM (§5.1)`);
    const [first] = this.#list.entries;
    const isTrailer = stream.status !== '' && stream.status[0] !== '1';
    if (isTrailer ? !endStream || first?.name[0] === ':' : first?.name !== ':status') {
      throw new Error(`${what} with the wrong pseudo-header fields (§8.1, §8.3.2)`);
    }
    if (!isTrailer) stream.status = first!.value;
    for (const { name } of this.#list.entries) {
      if (name !== name.toLowerCase() || name === 'connection') throw new Error(`${what} has a field ${name} (§8.2)`);
    }
    stream.ended = endStream;
  }

  #reset(what: string, streamId: number, errorCode: number): void {
    if (errorCode > ErrorCode.HTTP_1_1_REQUIRED) throw new Error(`no error code: ${errorCode} (§7)`);
    this.#opened(what, streamId).resetCode = errorCode;
  }
}
