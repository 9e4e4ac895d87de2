// HTTP/2, both directions, by somebody who looks on: frames, field blocks through HPACK as the peers have agreed on it, streams,
// and what breaks a rule (RFC 9113, RFC 7541). After a gap frames are shown on, and field blocks where they still can be.

import { frameVerdict, type Verdict, verdicts } from '../../core/http2/errors.js';
import { Flag, FrameType, frameTypeName, readU32, SettingId } from '../../core/http2/frame.js';
import { RequestHead, trailersVerdict } from '../../core/http2/headers.js';
import type { HeaderList } from '../../core/http2/hpack/decode.js';
import type { TableEntry } from '../../core/http2/hpack/dynamic-table.js';
import { payloadFields } from '../../core/http2/tell.js';
import type { Direction, Field } from '../../core/trace.js';
import type { Accounts } from './budget.js';
import type { Exchanges } from './exchanges.js';
import { type FieldBlock, FieldBlocks } from './http2-blocks.js';
import { frameFields, prefaceFields, timeFields } from './http2-fields.js';
import { Http2Framer, isBlockFrame, unpad } from './http2-framer.js';
import { announcedLength, regular, valueIn, withoutProtocol } from './http2-list.js';
import { pushDisabled, responseVerdict, settingVerdict, verdictCodes, wrongState } from './http2-rules.js';
import { type FrameKind, SeenStream, SeenStreams } from './http2-streams.js';
import { type StreamReader, sender, type Teller } from './teller.js';

const TABLES_FULL = 'HPACK tables of all connections are more than is kept: no field blocks are decoded any more';

/** One direction. */
interface Half {
  readonly dir: Direction;
  readonly framer: Http2Framer;
  readonly blocks: FieldBlocks;
  settingsSeen: boolean;
}

export class Http2Reader implements StreamReader {
  readonly #teller: Teller;
  readonly #exchanges: Exchanges;
  readonly #streams: SeenStreams;
  readonly #in: Half;
  readonly #out: Half;
  readonly #head = new RequestHead();
  /** The server sends no more: no request is answered that was not. */
  #over = false;
  /** The stream whose response the frame at hand begins. */
  #answeredStream: SeenStream | undefined;

  /**
   * `partial`: the beginning is missing, and with it settings and HPACK's tables. `upgraded`: from HTTP/1.1 (RFC 7540 §3.2), and
   * stream 1 is the answer to the request of that.
   */
  constructor(teller: Teller, exchanges: Exchanges, accounts: Accounts, partial: boolean, upgraded = false) {
    this.#teller = teller;
    this.#exchanges = exchanges;
    this.#in = this.#half('in', partial, accounts);
    this.#out = this.#half('out', partial, accounts);
    this.#streams = new SeenStreams(
      partial,
      (stream, from) => {
        if (!teller.wantsEvents) return;
        const { flow } = teller;
        teller.event({ layer: 'http2', kind: 'stream', flow, streamId: stream.id, from, to: stream.state });
      },
      (stream) => this.#exchanges.deliver(stream.exchange),
    );
    if (upgraded) this.#streams.upgrade();
  }

  #half(dir: Direction, partial: boolean, accounts: Accounts): Half {
    const witness = {
      blame: (verdict: Verdict, streamId: number) => this.#blame(dir, verdict, streamId),
      lost: (why: string) => {
        const text = `${why}: header fields of the ${sender(dir)} that refer to it are not known`;
        this.#teller.warning('http2', 'hpack-lost', text);
      },
      gaveUp: () => this.#teller.warning('http2', 'hpack-given-up', `${TABLES_FULL} of the ${sender(dir)}`),
      note: (code: string, text: string) => this.#teller.note('http2', code, text),
    };
    const blocks = new FieldBlocks(partial, witness, accounts);
    return { dir, framer: new Http2Framer(dir === 'in', partial), blocks, settingsSeen: partial };
  }

  get heldBytes(): number {
    const halves = this.#in.framer.heldBytes + this.#out.framer.heldBytes;
    return (
      halves +
      this.#in.blocks.heldBytes +
      this.#out.blocks.heldBytes +
      this.#streams.heldBytes +
      this.#exchanges.heldBytes
    );
  }

  push(dir: Direction, bytes: Uint8Array): void {
    const half = dir === 'in' ? this.#in : this.#out;
    const { framer } = half;
    this.#streams.uncertain ||= this.#teller.doubtful;
    framer.push(bytes);
    for (;;) {
      const found = framer.next();
      const skipped = framer.takeSkipped();
      if (skipped > 0) {
        this.#teller.note('http2', 'skipped', `${skipped} bytes of the ${sender(dir)} passed over to the next frame`);
      }
      if (found === undefined) break;
      if (found === 'frame' || found === 'header') this.#frame(half, found === 'frame');
      else if (found === 'no preface') this.#blame(half.dir, verdicts.badPreface, 0);
      else if (this.#teller.wantsEvents) {
        this.#teller.event({ layer: 'http2', kind: 'preface', flow: this.#teller.flow, dir: 'in' });
      }
      if (found === 'preface') this.#teller.layer('http2', this.#teller.wantsFields ? prefaceFields : undefined);
    }
    framer.settle();
  }

  gap(dir: Direction, length: number | undefined): void {
    const half = dir === 'in' ? this.#in : this.#out;
    const { framer } = half;
    const what = framer.gap(length);
    if (what === 'nothing') return;
    if (what === 'beyond') this.#streams.damage(dir);
    else this.#streams.uncertain = true;
    half.settingsSeen = true;
    const { typeCode, streamId } = framer;
    if (what === 'whole') {
      framer.start = framer.end = 0;
      this.#tellFrame(half, undefined);
      this.#teller.warning('http2', 'incomplete-frame', `bytes of a ${frameTypeName(typeCode)} frame are missing`);
      if (typeCode === FrameType.DATA) this.#missData(dir, streamId, framer.length, true);
      if (isBlockFrame(typeCode)) half.blocks.lose('part of a field block is missing');
    } else half.blocks.lose('frames are missing');
  }

  end(dir: Direction): void {
    const { framer, blocks } = dir === 'in' ? this.#in : this.#out;
    blocks.end();
    if (framer.pending > 0) {
      this.#teller.note('http2', 'cut-off', `the ${sender(dir)}'s bytes end ${framer.pending} bytes into a frame`);
    }
    if (dir === 'out') this.#over = true;
    if (!this.#over) return;
    for (const stream of this.#streams.all()) {
      if (stream.responseSeen && stream.damaged.out) this.#tellIncomplete('out', stream);
      this.#exchanges.deliver(stream.exchange);
      stream.exchange = undefined;
    }
  }

  #blame(dir: Direction, verdict: Verdict, streamId: number): void {
    const where = streamId === 0 ? '' : ` on stream ${streamId}`;
    const text = `${verdict.reason}, from the ${sender(dir)}${where}`;
    this.#teller.error('http2', verdictCodes.get(verdict) ?? 'protocol-error', text, verdict.rule);
  }

  // ---- Frames ----

  #frame(half: Half, whole: boolean): void {
    const { framer } = half;
    const { typeCode, flags, streamId, length } = framer;
    const verdict = frameVerdict(typeCode, flags, streamId, length) ?? unpad(framer);
    this.#tellFrame(half, verdict === undefined && whole ? payloadFields(framer) : undefined);
    if (length > this.#streams.settings[half.dir === 'in' ? 'out' : 'in'].get(SettingId.MAX_FRAME_SIZE)) {
      if (!this.#streams.uncertain) this.#blame(half.dir, verdicts.frameTooLarge, streamId);
    }
    if (!half.settingsSeen) {
      half.settingsSeen = true;
      if (typeCode !== FrameType.SETTINGS || flags & Flag.ACK)
        this.#blame(half.dir, verdicts.settingsNotFirst, streamId);
    }
    const { openStreamId } = half.blocks;
    if (openStreamId > 0 && (typeCode !== FrameType.CONTINUATION || streamId !== openStreamId)) {
      this.#blame(half.dir, verdicts.blockInterrupted, openStreamId);
      half.blocks.lose('a field block was interrupted');
    }
    this.#answeredStream = undefined;
    let list: readonly TableEntry[] | undefined;
    if (verdict !== undefined) {
      this.#blame(half.dir, verdict, streamId);
      if (isBlockFrame(typeCode)) half.blocks.lose('a field block cannot be read');
    } else if (whole) list = this.#content(half);
    else if (isBlockFrame(typeCode)) half.blocks.lose('a field block is too long');
    else if (typeCode === FrameType.DATA) this.#missData(half.dir, streamId, length, false);
    const sound = whole && verdict === undefined;
    if (!this.#teller.wantsFields) this.#teller.layer('http2', undefined);
    else {
      const fields = frameFields(framer, list, sound);
      if (this.#answeredStream !== undefined) fields.push(...timeFields(this.#answeredStream, this.#teller.atNs));
      this.#teller.layer('http2', fields, whole ? framer.frame : undefined);
    }
  }

  #tellFrame({ dir, framer }: Half, fields: { readonly [name: string]: string | number } | undefined): void {
    if (!this.#teller.wantsEvents) return;
    const { typeCode, flags, streamId, length } = framer;
    this.#teller.event({
      layer: 'http2',
      kind: 'frame',
      flow: this.#teller.flow,
      dir,
      type: frameTypeName(typeCode),
      typeCode,
      streamId,
      flags,
      length,
      ...(fields !== undefined && { fields }),
    });
  }

  /** What a sound frame does. Gives the fields of a block that it completes. */
  #content(half: Half): readonly TableEntry[] | undefined {
    const { framer, dir } = half;
    const { typeCode, flags, streamId, bytes, start, end } = framer;
    switch (typeCode) {
      case FrameType.DATA:
        this.#teller.follow?.({ dir, streamId, bytes: bytes.subarray(start, end) });
        this.#data(half);
        return undefined;
      case FrameType.HEADERS:
        return this.#beginBlock(half, (flags & Flag.END_STREAM) !== 0, 0, start);
      case FrameType.PUSH_PROMISE: {
        if (dir === 'in') this.#blame(half.dir, verdicts.pushFromClient, streamId);
        else if (!this.#streams.uncertain && this.#streams.settings.in.get(SettingId.ENABLE_PUSH) === 0) {
          this.#blame(half.dir, pushDisabled, streamId);
        }
        const promisedId = readU32(bytes, start) & 0x7f_ff_ff_ff;
        return this.#beginBlock(half, false, promisedId, start + 4);
      }
      case FrameType.CONTINUATION:
        return this.#continueBlock(half);
      case FrameType.PRIORITY:
        this.#onStream(half, streamId, 'PRIORITY');
        return undefined;
      case FrameType.RST_STREAM:
        this.#onStream(half, streamId, 'RST_STREAM');
        return undefined;
      case FrameType.SETTINGS:
        this.#settings(half);
        return undefined;
      case FrameType.WINDOW_UPDATE:
        this.#windowUpdate(half, readU32(bytes, start) & 0x7f_ff_ff_ff);
        return undefined;
      case FrameType.PRIORITY_UPDATE:
        if (end - start >= 4 && (readU32(bytes, start) & 0x7f_ff_ff_ff) === 0) {
          this.#blame(half.dir, verdicts.updateOfNone, 0);
        }
        return undefined;
      default:
        return undefined;
    }
  }

  #onStream(half: Half, streamId: number, kind: FrameKind): SeenStream | undefined {
    const found = this.#streams.at(half.dir, streamId, kind);
    const broken = found instanceof SeenStream ? this.#streams.step(found, half.dir, kind) : found;
    if (broken === undefined) return found instanceof SeenStream ? found : undefined;
    this.#blame(half.dir, half.dir === 'out' && broken === verdicts.notOurTurn ? wrongState : broken, streamId);
    return undefined;
  }

  #data(half: Half): void {
    const { framer, dir } = half;
    const { streamId, length, flags } = framer;
    const stream = this.#onStream(half, streamId, 'DATA');
    const excess = this.#streams.spend(dir, stream, length);
    if (excess !== undefined) this.#blame(half.dir, excess, excess.scope === 'stream' ? streamId : 0);
    if (stream === undefined) return;
    const octets = framer.end - framer.start;
    stream.received[dir] += octets;
    const message = dir === 'in' ? stream.exchange?.request : stream.exchange?.response;
    if (octets > 0) message?.content(framer.bytes.subarray(framer.start, framer.end));
    if (flags & Flag.END_STREAM) this.#endStream(half, stream);
  }

  /** `lost`: the capture lacks it; otherwise it is too long to be held. */
  #missData(dir: Direction, streamId: number, length: number, lost: boolean): void {
    const stream = this.#streams.get(streamId);
    this.#teller.follow?.({ dir, streamId, missing: length });
    this.#streams.spend(dir, stream, length);
    if (stream === undefined) return;
    if (lost) stream.damaged[dir] = true;
    else stream.announced[dir] = -1;
    (dir === 'in' ? stream.exchange?.request : stream.exchange?.response)?.miss(length);
  }

  #endStream(half: Half, stream: SeenStream): void {
    const { dir } = half;
    const announced = stream.announced[dir];
    const differs = announced >= 0 && announced !== stream.received[dir];
    if (differs && !this.#streams.uncertain) this.#blame(half.dir, verdicts.contentLengthDiffers, stream.id);
    // Of a stream from which frames may be missing the length that was announced tells whether they are.
    const isIncomplete = stream.damaged[dir] && (differs || announced < 0);
    if (isIncomplete) this.#tellIncomplete(dir, stream);
    const message = dir === 'in' ? stream.exchange?.request : stream.exchange?.response;
    if (message !== undefined) message.complete = !isIncomplete && message.contentLength === stream.received[dir];
    const verdict = this.#streams.step(stream, dir, 'END_STREAM');
    if (verdict !== undefined) this.#blame(half.dir, verdict === verdicts.notOurTurn ? wrongState : verdict, stream.id);
  }

  #tellIncomplete(dir: Direction, { id, announced, received }: SeenStream): void {
    const missing = announced[dir] - received[dir];
    const what = missing > 0 ? `${missing} bytes of` : 'bytes may be missing of';
    const text = `${what} the ${sender(dir)}'s message on stream ${id}${missing > 0 ? ' are missing' : ''}`;
    this.#teller.warning('http2', 'incomplete-message', text);
  }

  #settings(half: Half): void {
    const { dir, framer } = half;
    const { bytes, start, end, flags } = framer;
    const { settings } = this.#streams;
    const changed = (owner: Direction) => (id: number, from: number) => {
      if (id === SettingId.INITIAL_WINDOW_SIZE) this.#streams.changeInitialWindow(owner, from);
    };
    if (flags & Flag.ACK) {
      const owner = dir === 'in' ? 'out' : 'in';
      settings[owner].acknowledge(changed(owner));
      return;
    }
    const values: [number, number][] = [];
    for (let at = start; at < end; at += 6) {
      const id = (bytes[at]! << 8) | bytes[at + 1]!;
      const value = readU32(bytes, at + 2);
      const verdict = settingVerdict(id, value);
      if (verdict === undefined) values.push([id, value]);
      else this.#blame(half.dir, verdict, 0);
    }
    settings[dir].receive(values, changed(dir));
  }

  #windowUpdate(half: Half, increment: number): void {
    const { streamId } = half.framer;
    if (increment === 0) {
      this.#blame(half.dir, streamId === 0 ? verdicts.zeroConnectionIncrement : verdicts.zeroIncrement, streamId);
      return;
    }
    if (streamId === 0) {
      const verdict = this.#streams.grant(half.dir, undefined, increment);
      if (verdict !== undefined) this.#blame(half.dir, verdict, 0);
      return;
    }
    const stream = this.#onStream(half, streamId, 'WINDOW_UPDATE');
    const verdict = stream && this.#streams.grant(half.dir, stream, increment);
    if (verdict !== undefined) this.#blame(half.dir, verdict, streamId);
  }

  // ---- Field blocks ----

  #beginBlock(half: Half, endStream: boolean, promisedId: number, start: number): readonly TableEntry[] | undefined {
    const { bytes, end, flags, streamId } = half.framer;
    const endHeaders = (flags & Flag.END_HEADERS) !== 0;
    return this.#blockDone(half, half.blocks.begin({ streamId, endStream, promisedId, bytes, start, end }, endHeaders));
  }

  #continueBlock(half: Half): readonly TableEntry[] | undefined {
    const { framer, blocks, dir } = half;
    if (blocks.openStreamId === 0 && !this.#streams.uncertain) {
      this.#blame(dir, verdicts.strayContinuation, framer.streamId);
    }
    const fragment = framer.bytes.subarray(framer.start, framer.end);
    return this.#blockDone(half, blocks.proceed(fragment, (framer.flags & Flag.END_HEADERS) !== 0));
  }

  #blockDone(half: Half, block: FieldBlock | undefined): readonly TableEntry[] | undefined {
    if (block === undefined) return undefined;
    const receiver = this.#streams.settings[half.dir === 'in' ? 'out' : 'in'];
    const list = half.blocks.decode(block, receiver.get(SettingId.HEADER_TABLE_SIZE));
    if (block.promisedId > 0) this.#promise(half, block, list);
    else this.#headers(half, block, list);
    return list?.entries;
  }

  #headers(half: Half, block: FieldBlock, list: HeaderList | undefined): void {
    const { dir } = half;
    const { streamId, endStream } = block;
    this.#tellHeaders(half, streamId, endStream, list);
    const found = this.#streams.at(dir, streamId, 'HEADERS');
    const stream = found instanceof SeenStream ? found : undefined;
    const before = this.#streams.open;
    let verdict = found instanceof SeenStream ? undefined : found;
    if (stream !== undefined) {
      if (dir === 'out') this.#answered(half, stream, block, list);
      verdict = this.#streams.step(stream, dir, 'HEADERS');
    }
    if (verdict !== undefined) this.#blame(half.dir, verdict === verdicts.notOurTurn ? wrongState : verdict, streamId);
    if (stream === undefined) return;
    if (dir === 'in' && !stream.requestSeen) {
      const most = this.#streams.settings.out.get(SettingId.MAX_CONCURRENT_STREAMS);
      if (before > most && !this.#streams.uncertain) this.#blame(half.dir, verdicts.tooManyStreams, streamId);
    }
    if (dir === 'in' && endStream) {
      this.#inFields(half, stream, block, list);
      this.#endStream(half, stream);
    } else if (dir === 'in') this.#inFields(half, stream, block, list);
    else if (endStream) this.#endStream(half, stream);
    if (dir === 'in') this.#tellRequest(stream, list);
  }

  #tellHeaders(half: Half, streamId: number, endStream: boolean, list: HeaderList | undefined): void {
    const { flow, follow, wantsEvents } = this.#teller;
    if ((!wantsEvents && follow === undefined) || list === undefined) return;
    const fields = list.entries.map(({ field }) => field);
    follow?.({ dir: half.dir, streamId, fields });
    this.#teller.event({ layer: 'http2', kind: 'headers', flow, dir: half.dir, streamId, endStream, fields });
  }

  /** A request's header section, or its trailers. */
  #inFields(half: Half, stream: SeenStream, { endStream }: FieldBlock, list: HeaderList | undefined): void {
    if (stream.requestSeen) {
      this.#trailers(half, stream, endStream, list);
      return;
    }
    stream.requestSeen = true;
    stream.requestPacket = this.#teller.packet;
    stream.requestNs = this.#teller.atNs;
    if (list === undefined) return;
    const head = this.#head;
    // What is not known cannot be judged, and is no request to pass on.
    if (half.blocks.partial) {
      this.#streams.name(stream, valueIn(list, ':method') ?? '', valueIn(list, ':path') ?? '');
      return;
    }
    const { uncertain, settings } = this.#streams;
    const isExtensible = uncertain || settings.out.get(SettingId.ENABLE_CONNECT_PROTOCOL) === 1;
    const verdict = head.parse(isExtensible ? withoutProtocol(list) : list, endStream);
    if (verdict !== undefined) this.#blame(half.dir, verdict, stream.id);
    this.#request(stream, list, () => (verdict === undefined ? head.headers : regular(list)));
    if (verdict === undefined) stream.announced.in = head.contentLength;
  }

  #request(stream: SeenStream, list: HeaderList, headers: () => readonly Field[]): void {
    this.#streams.name(stream, valueIn(list, ':method') ?? '', valueIn(list, ':path') ?? '');
    const { packet } = this.#teller;
    stream.exchange = this.#exchanges.request(() => {
      const authority = valueIn(list, ':authority') || (valueIn(list, 'host') ?? '');
      const target = stream.method === 'CONNECT' ? authority : stream.path;
      return { packet, protocol: 'h2', streamId: stream.id, method: stream.method, target, authority };
    }, headers);
  }

  #tellRequest(stream: SeenStream, list: HeaderList | undefined): void {
    if (list === undefined || !this.#teller.wantsEvents) return;
    const method = valueIn(list, ':method');
    if (method === undefined || method !== stream.method) return;
    this.#teller.event({
      layer: 'http',
      kind: 'request',
      flow: this.#teller.flow,
      dir: 'in',
      version: 'HTTP/2',
      method,
      scheme: valueIn(list, ':scheme') ?? '',
      authority: valueIn(list, ':authority') ?? valueIn(list, 'host') ?? '',
      path: valueIn(list, ':path') ?? '',
    });
  }

  /** A response's header section, interim or final, or its trailers. */
  #answered(half: Half, stream: SeenStream, { endStream }: FieldBlock, list: HeaderList | undefined): void {
    if (stream.responseSeen) {
      this.#trailers(half, stream, endStream, list);
      return;
    }
    if (list === undefined) {
      // Whether it is an interim response is not known.
      stream.responseSeen = endStream;
      return;
    }
    const verdict = half.blocks.partial ? undefined : responseVerdict(list);
    if (verdict !== undefined) this.#blame(half.dir, verdict, stream.id);
    const status = Number(valueIn(list, ':status') ?? 0);
    if (status === 0) {
      stream.responseSeen = endStream;
      return;
    }
    if (status >= 100 && status < 200 && !endStream) return;
    stream.responseSeen = true;
    this.#answeredStream = stream;
    const { method, path } = stream;
    const { flow, wantsEvents } = this.#teller;
    if (wantsEvents && method !== '')
      this.#teller.event({ layer: 'http', kind: 'response', flow, dir: 'out', status, method, path });
    if (stream.exchange !== undefined) this.#exchanges.response(stream.exchange, status, regular(list));
    stream.announced.out = announcedLength(list, method, status);
  }

  #trailers(half: Half, stream: SeenStream, endStream: boolean, list: HeaderList | undefined): void {
    if (!endStream && !this.#streams.uncertain) this.#blame(half.dir, verdicts.trailersOpen, stream.id);
    if (list === undefined) return;
    const verdict = half.blocks.partial ? undefined : trailersVerdict(list);
    if (verdict !== undefined) this.#blame(half.dir, verdict, stream.id);
    const message = half.dir === 'in' ? stream.exchange?.request : stream.exchange?.response;
    if (message !== undefined) message.trailers = regular(list);
  }

  #promise(half: Half, { promisedId }: FieldBlock, list: HeaderList | undefined): void {
    if (promisedId === 0 || promisedId % 2 === 1) return;
    this.#tellHeaders(half, promisedId, false, list);
    const stream = this.#streams.promise(promisedId);
    stream.requestSeen = true;
    if (list === undefined) return;
    this.#request(stream, list, () => regular(list));
    if (stream.exchange !== undefined) stream.exchange.request.complete = true;
  }
}
