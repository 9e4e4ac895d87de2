// HTTP/1.x, both directions, by somebody who looks on: requests and responses, how their content is delimited (RFC 9112 §6.3,
// §7.1), which response answers which request (§9.2, §9.3.2), and what becomes of the connection (RFC 9110 §7.8, §9.3.6).

import { interpretRequest } from '../../core/http1/message.js';
import type { Refusal } from '../../core/http1/refusals.js';
import type { Direction, Field } from '../../core/trace.js';
import type { Exchanges } from './exchanges.js';
import { Http1Fields } from './http1-fields.js';
import { createHalf, forgetHead, type Half, heldByHalf, type Waiting, WaitingRequests } from './http1-half.js';
import {
  badLength,
  bothLengths,
  chunkEnd,
  endOfLine,
  fieldValue,
  isChunked,
  lengthOf,
  messageStart,
  readChunkSize,
  readFieldLine,
  readRequestLine,
  readStatusLine,
  type StartLine,
  type StatusLine,
} from './http1-lines.js';
import { isInterim, tellBody, tellRequest, tellResponse } from './http1-tell.js';
import { streamLimits } from './stream-limits.js';
import { type StreamReader, sender, type Teller } from './teller.js';

const LF = 0x0a;
const CR = 0x0d;

/** What takes over when the connection is HTTP no more (RFC 9110 §7.8, §9.3.6). */
export type TakeOver = (protocol: string) => StreamReader;

export class Http1Reader implements StreamReader {
  readonly #teller: Teller;
  readonly #exchanges: Exchanges;
  readonly #takeOver: TakeOver;
  readonly #in: Half;
  readonly #out: Half;
  readonly #queue = new WaitingRequests();
  #after: StreamReader | undefined;
  /** The server sends no more. */
  #over = false;

  constructor(teller: Teller, exchanges: Exchanges, partial: boolean, takeOver: TakeOver) {
    this.#teller = teller;
    this.#exchanges = exchanges;
    this.#takeOver = takeOver;
    this.#in = createHalf('in', partial, (refusal) => this.#blame('in', refusal));
    this.#out = createHalf('out', partial, (refusal) => this.#blame('out', refusal));
  }

  get heldBytes(): number {
    const own = heldByHalf(this.#in) + heldByHalf(this.#out) + this.#queue.heldBytes;
    return own + this.#exchanges.heldBytes + (this.#after?.heldBytes ?? 0);
  }

  push(dir: Direction, bytes: Uint8Array): void {
    if (this.#after !== undefined) {
      this.#after.push(dir, bytes);
      return;
    }
    const half = dir === 'in' ? this.#in : this.#out;
    half.input.push(bytes);
    while (this.#after === undefined && half.input.length > 0 && this.#step(half)) {
      // Each step takes something off the front.
    }
    this.#passOn();
    half.input.settle();
  }

  gap(dir: Direction, length: number | undefined): void {
    if (this.#after !== undefined) {
      this.#after.gap(dir, length);
      return;
    }
    const half = dir === 'in' ? this.#in : this.#out;
    const isContent = half.stage === 'counted' || half.stage === 'chunk';
    half.damaged = true;
    half.missed += length ?? 0;
    half.searched = 0;
    if (half.stage === 'until close') {
      if (length !== undefined) half.message?.miss(length);
      return;
    }
    if (isContent && length !== undefined && length <= half.left) {
      half.left -= length;
      half.message?.miss(length);
      if (half.left === 0) this.#contentDone(half);
      return;
    }
    this.#teller.warning('http', 'message-lost', `part of the ${sender(dir)}'s messages is missing`);
    if (half.stage === 'fields') this.#cutHead(half);
    this.#abandon(half);
    half.stage = 'search';
  }

  end(dir: Direction): void {
    if (this.#after !== undefined) {
      this.#after.end(dir);
      return;
    }
    const half = dir === 'in' ? this.#in : this.#out;
    if (half.stage === 'until close') this.#messageDone(half);
    else if (half.stage !== 'start' && half.stage !== 'search') {
      // RFC 9112 §8.
      this.#teller.warning('http1', 'incomplete-message', `the ${sender(dir)}'s message is cut off`);
      tellBody(this.#teller, half, false);
      this.#abandon(half);
      half.stage = 'search';
    } else if (half.input.length > 0 && half.stage === 'start') {
      this.#teller.warning('http1', 'incomplete-message', `the ${sender(dir)}'s message is cut off`);
    }
    half.input.clear();
    if (dir === 'out') this.#over = true;
    // No response comes any more.
    if (!this.#over) return;
    while (this.#queue.length > 0) this.#exchanges.deliver(this.#queue.shift()?.exchange);
  }

  #blame(dir: Direction, { reason, section }: Refusal): void {
    this.#teller.error('http1', 'bad-message', `${reason}, from the ${sender(dir)}`, section);
  }

  /** False when more bytes are needed. */
  #step(half: Half): boolean {
    switch (half.stage) {
      case 'search':
        return this.#search(half);
      case 'start':
        return this.#start(half);
      case 'fields':
      case 'trailers':
        return this.#field(half);
      case 'counted':
      case 'chunk':
      case 'until close':
        return this.#content(half);
      case 'chunk end':
        return this.#chunkEnd(half);
      case 'chunk size':
        return this.#chunkSize(half);
      default:
        return half.stage satisfies never;
    }
  }

  /** The index of the LF of the line at the front; -1: not here yet. A line that is too long ends the search for sense. */
  #line(half: Half): number {
    const { input } = half;
    const { bytes } = input;
    const from = input.start + half.searched;
    const lf = bytes.subarray(from, input.end).indexOf(LF);
    const length = lf < 0 ? input.length : from + lf - input.start;
    if (length > streamLimits.lineBytes && half.stage === 'search') {
      half.passed += streamLimits.lineBytes;
      half.searched = 0;
      input.drop(streamLimits.lineBytes);
      return -2;
    }
    if (length > streamLimits.lineBytes) {
      this.#teller.error('http1', 'line-too-long', `a line of the ${sender(half.dir)} is longer than is read here`);
      this.#abandon(half);
      half.stage = 'search';
      half.searched = 0;
      input.drop(streamLimits.lineBytes);
      return -2;
    }
    half.searched = lf < 0 ? input.length : 0;
    return lf < 0 ? -1 : from + lf;
  }

  // ---- Header section ----

  #start(half: Half): boolean {
    const { input } = half;
    const lf = this.#line(half);
    if (lf < 0) return lf === -2;
    const { bytes, start } = input;
    const end = endOfLine(bytes, start, lf, half.blame);
    if (end === start) {
      // RFC 9112 §2.2: a CRLF too many before a request.
      input.drop(lf + 1 - start);
      return true;
    }
    half.sectionBytes = lf + 1 - start;
    half.fields = [];
    half.damaged = false;
    half.missed = 0;
    half.lines = this.#teller.wantsFields ? new Http1Fields(half.dir === 'in') : undefined;
    if (half.dir === 'in') half.startLine = readRequestLine(bytes, start, end, half.blame);
    else {
      half.startLine = readStatusLine(bytes, start, end, half.blame);
      if (half.startLine === undefined) {
        this.#teller.error('http1', 'bad-message', 'no status line where a response has to begin', 'RFC 9112 §4');
        half.stage = 'search';
        return true;
      }
    }
    input.drop(lf + 1 - start);
    half.stage = 'fields';
    return true;
  }

  #field(half: Half): boolean {
    const { input } = half;
    const lf = this.#line(half);
    if (lf < 0) return lf === -2;
    const { bytes, start } = input;
    const end = endOfLine(bytes, start, lf, half.blame);
    half.sectionBytes += lf + 1 - start;
    if (end !== start) {
      const field = readFieldLine(bytes, start, end, half.blame);
      if (half.sectionBytes <= streamLimits.sectionBytes) {
        if (field !== undefined) half.fields.push(field);
        half.lines?.line(bytes.subarray(start, lf + 1), half.stage === 'trailers');
      } else {
        const text = `the fields of a message of the ${sender(half.dir)} are more than are kept here`;
        this.#teller.once('warning', 'http1', 'section-too-long', text);
      }
      input.drop(lf + 1 - start);
      return true;
    }
    input.drop(lf + 1 - start);
    if (half.stage === 'trailers') {
      if (half.message !== undefined) half.message.trailers = half.fields;
      this.#messageDone(half);
    } else if (half.dir === 'in') this.#request(half, half.startLine as StartLine);
    else this.#response(half, half.startLine as StatusLine);
    return true;
  }

  #request(half: Half, line: StartLine): void {
    const { method, target, version } = line;
    const headers = half.fields;
    const { packet } = this.#teller;
    const [, major = '1', minor = '1'] = /^HTTP\/([0-9])\.([0-9])$/.exec(version) ?? [];
    const head = interpretRequest({ method, target, major: Number(major), minor: Number(minor) }, headers);
    // Of the refusals those of status 400 are broken rules; others are what a server may not want to do.
    if ('section' in head && head.status === 400) half.blame(head);
    const host = fieldValue(headers, 'host') ?? '';
    const authority = 'section' in head ? (method === 'CONNECT' ? target : host) : head.authority;
    const path = 'section' in head ? target : head.path;
    tellRequest(this.#teller, line, headers, { scheme: this.#exchanges.scheme, authority, path });
    if (half.lines !== undefined) {
      const uri = path.startsWith('/') ? `${this.#exchanges.scheme}://${authority}${path}` : target;
      half.lines.request(method, target, version, uri);
    }
    const protocol = minor === '0' ? 'http/1.0' : 'http/1.1';
    const exchange = this.#exchanges.request(
      () => ({ packet, protocol, method, target, authority }),
      () => headers,
    );
    const waiting: Waiting = {
      method,
      path,
      endPacket: 0,
      endNs: undefined,
      exchange,
      requestEnded: false,
      responseEnded: false,
    };
    this.#remember(waiting);
    half.waiting = waiting;
    half.message = exchange?.request;
    this.#delimit(half, headers, false);
  }

  /** A header section of which the end is missing: what is known of it is told, and no request is made of it. */
  #cutHead(half: Half): void {
    const { fields: headers } = half;
    if (half.dir === 'out') {
      const line = half.startLine as StatusLine;
      const waiting = this.#queue.first;
      tellResponse(this.#teller, waiting, line, headers);
      this.#exchanges.response(waiting?.exchange, line.status, headers);
      half.waiting = waiting;
      return;
    }
    const line = half.startLine as StartLine;
    const { method, target: path } = line;
    const authority = fieldValue(headers, 'host') ?? '';
    tellRequest(this.#teller, line, headers, { scheme: this.#exchanges.scheme, authority, path });
    const unknown = { endPacket: 0, endNs: undefined, exchange: undefined };
    this.#remember({ method, path, ...unknown, requestEnded: true, responseEnded: false });
  }

  /** Of the requests that wait for a response. */
  #remember(waiting: Waiting): void {
    if (this.#queue.length >= streamLimits.pipelined) {
      const text = 'more requests wait for a response than are remembered';
      this.#teller.once('warning', 'http1', 'too-many-requests', text);
      this.#exchanges.deliver(this.#queue.shift()?.exchange);
    }
    this.#queue.push(waiting);
  }

  #response(half: Half, line: StatusLine): void {
    const { status } = line;
    const headers = half.fields;
    const waiting = this.#queue.first;
    tellResponse(this.#teller, waiting, line, headers);
    half.lines?.response(line, waiting?.endPacket ?? 0, waiting?.endNs);
    half.waiting = waiting;
    half.message = undefined;
    const isTunnel = waiting?.method === 'CONNECT' && status >= 200 && status < 300;
    if (isTunnel || status === 101) {
      this.#exchanges.response(waiting?.exchange, status, headers);
      half.message = waiting?.exchange?.response;
      half.left = 0;
      this.#messageDone(half);
      const upgrade = fieldValue(headers, 'upgrade') ?? '';
      const next = /^[!-~]+$/.test(upgrade) ? upgrade : 'an unnamed protocol';
      const text = isTunnel ? 'the connection is a tunnel from here on' : `the connection speaks ${next} from here on`;
      this.#teller.note('http1', 'protocol-switched', text);
      this.#after = this.#takeOver(isTunnel ? 'tunnel' : upgrade);
      return;
    }
    // RFC 9110 §15.2: interim responses have no content, and the request is still to be answered.
    if (isInterim(status)) {
      this.#tellLines(half);
      half.stage = 'start';
      return;
    }
    if (waiting === undefined) {
      this.#teller.once('note', 'http1', 'response-alone', 'a response whose request is not in the capture');
    }
    this.#exchanges.response(waiting?.exchange, status, headers);
    half.message = waiting?.exchange?.response;
    const none = waiting?.method === 'HEAD' || status === 204 || status === 304;
    this.#delimit(half, none ? [] : headers, !none);
  }

  /** RFC 9112 §6.3. `untilClose`: what nothing delimits goes on to the end of the connection. */
  #delimit(half: Half, headers: readonly Field[], untilClose: boolean): void {
    half.received = 0;
    half.told = 0;
    const codings = fieldValue(headers, 'transfer-encoding');
    const length = fieldValue(headers, 'content-length');
    if (isChunked(codings)) {
      if (length !== undefined && untilClose) half.blame(bothLengths);
      half.stage = 'chunk size';
    } else if (codings !== undefined && untilClose) half.stage = 'until close';
    else if (length !== undefined && codings === undefined) this.#byLength(half, length, untilClose);
    else if (untilClose) half.stage = 'until close';
    else this.#messageDone(half);
  }

  #byLength(half: Half, value: string, isResponse: boolean): void {
    const length = lengthOf(value);
    if (length === undefined) {
      if (isResponse) half.blame(badLength);
      half.stage = isResponse ? 'until close' : 'search';
      return;
    }
    half.left = length;
    half.stage = 'counted';
    if (length === 0) this.#messageDone(half);
  }

  // ---- Content ----

  #content(half: Half): boolean {
    const { input } = half;
    const untilClose = half.stage === 'until close';
    const count = untilClose ? input.length : Math.min(half.left, input.length);
    if (!untilClose) half.left -= count;
    this.#count(half, input.bytes.subarray(input.start, input.start + count));
    input.drop(count);
    if (!untilClose && half.left === 0) this.#contentDone(half);
    return true;
  }

  #count(half: Half, bytes: Uint8Array): void {
    half.received += bytes.length;
    half.message?.content(bytes);
    half.lines?.content(bytes);
    tellBody(this.#teller, half, false);
  }

  #contentDone(half: Half): void {
    if (half.stage === 'counted') this.#messageDone(half);
    else half.stage = 'chunk end';
  }

  #chunkSize(half: Half): boolean {
    const { input } = half;
    const lf = this.#line(half);
    if (lf < 0) return lf === -2;
    const { bytes, start } = input;
    const size = readChunkSize(bytes, start, endOfLine(bytes, start, lf, half.blame), half.blame);
    input.drop(lf + 1 - start);
    if (size !== undefined) half.lines?.chunk(size);
    if (size === undefined) {
      this.#abandon(half);
      half.stage = 'search';
    } else if (size === 0) {
      half.fields = [];
      half.sectionBytes = 0;
      half.stage = 'trailers';
    } else {
      half.left = size;
      half.stage = 'chunk';
    }
    return true;
  }

  #chunkEnd(half: Half): boolean {
    const { input } = half;
    const first = input.bytes[input.start];
    if (first === CR && input.length < 2) return false;
    const isCrLf = first === CR && input.bytes[input.start + 1] === LF;
    if (isCrLf) input.drop(2);
    else {
      half.blame(chunkEnd);
      if (first === LF) input.drop(1);
    }
    half.stage = 'chunk size';
    return true;
  }

  #messageDone(half: Half): void {
    const hadContent = half.stage !== 'fields' && (half.stage !== 'counted' || half.received > 0);
    if (hadContent) tellBody(this.#teller, half, true);
    if (half.message !== undefined) half.message.complete = !half.damaged;
    if (half.damaged) {
      const missing = half.missed > 0 ? `${half.missed} bytes` : 'bytes';
      const text = `${missing} of the ${sender(half.dir)}'s message are missing`;
      this.#teller.warning('http1', 'incomplete-message', text);
    }
    this.#tellLines(half);
    half.stage = 'start';
    forgetHead(half);
    half.message = undefined;
    const { waiting } = half;
    half.waiting = undefined;
    if (waiting === undefined) return;
    if (half.dir === 'in') {
      waiting.requestEnded = true;
      waiting.endPacket = this.#teller.packet;
      waiting.endNs = this.#teller.atNs;
    } else {
      waiting.responseEnded = true;
      this.#queue.shift();
    }
    if (waiting.requestEnded && waiting.responseEnded) this.#exchanges.deliver(waiting.exchange);
  }

  #tellLines(half: Half): void {
    this.#teller.layer('http', half.lines?.finish(this.#teller.atNs), half.lines?.bytes);
    half.lines = undefined;
  }

  /** The message at hand is not read to its end. */
  #abandon(half: Half): void {
    this.#tellLines(half);
    forgetHead(half);
    const { waiting } = half;
    half.waiting = undefined;
    half.message = undefined;
    if (half.dir === 'out' && waiting !== undefined) {
      this.#queue.shift();
      this.#exchanges.deliver(waiting.exchange);
    } else if (waiting !== undefined) {
      waiting.requestEnded = true;
      if (waiting.responseEnded) this.#exchanges.deliver(waiting.exchange);
    }
  }

  /** To a line that can only be the first of a message. */
  #search(half: Half): boolean {
    const { input } = half;
    const lf = this.#line(half);
    if (lf < 0) return lf === -2;
    const { bytes, start } = input;
    const at = messageStart(half.dir === 'in', bytes, start, lf);
    half.passed += at < 0 ? lf + 1 - start : at;
    input.drop(at < 0 ? lf + 1 - start : at);
    if (at < 0) return true;
    const text = `${half.passed} bytes of the ${sender(half.dir)} passed over to the next message`;
    this.#teller.note('http', 'skipped', text);
    half.passed = 0;
    half.stage = 'start';
    // Responses were missed. Hardly anybody pipelines, so that this one answers the newest request.
    while (half.dir === 'out' && this.#queue.length > 1) this.#exchanges.deliver(this.#queue.shift()?.exchange);
    return true;
  }

  #passOn(): void {
    if (this.#after === undefined) return;
    for (const half of [this.#out, this.#in]) {
      const { input } = half;
      const rest = input.bytes.subarray(input.start, input.end);
      input.drop(rest.length);
      if (rest.length > 0) this.#after.push(half.dir, rest);
    }
  }
}
