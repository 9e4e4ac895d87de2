// The target `http2`: a connection of the built-in machine and a client that keeps to RFC 9113, breaks it, or sends noise, in
// virtual time. Invariants: nothing is thrown; all output is legal (`http2-audit.ts`); a client that keeps the rules gets
// every answer whole; the connection ends; deadlines advance; and the same input cut in another way gives the same output.

import { Writer } from '../../src/core/bytes/writer.js';
import { Http2Connection } from '../../src/core/http2/connection.js';
import { CLIENT_PREFACE, ErrorCode, encodeFrame, type Frame } from '../../src/core/http2/frame.js';
import { HpackEncoder } from '../../src/core/http2/hpack/encode.js';
import { limits } from '../../src/core/limits.js';
import type { Field } from '../../src/core/trace.js';
import { concat, testRandom } from '../../test/support/bytes.js';
import { Http2Audit } from './http2-audit.js';
import { CONTENT, PATHS, site } from './http2-site.js';
import type { Case, FuzzTarget, Verdict } from './target.js';

interface Http2Case {
  readonly seed: number;
  /** valid: nothing that RFC 9113 forbids. mixed: with such frames among them. mutated: octets changed. random: noise. */
  readonly kind: string;
  readonly moments: number;
  readonly framesAtOnce: number;
  /** Largest piece in which the input is given. */
  readonly cut: number;
  readonly takeBytes: number;
  /** The largest content of a response. */
  readonly largest: number;
  readonly gapUs: number;
  /** The server is asked to close at this moment; -1: never. */
  readonly closeAt: number;
  readonly trace: boolean;
}

const PLAIN: Http2Case = {
  seed: 1,
  kind: 'valid',
  moments: 6,
  framesAtOnce: 3,
  cut: 100_000,
  takeBytes: 65_536,
  largest: 120_000,
  gapUs: 0,
  closeAt: -1,
  trace: false,
};

type Dice = ReturnType<typeof testRandom>;

function make(seed: number, run: number): Http2Case {
  const dice = testRandom(Math.imul(seed, 0x9e3779b1) ^ Math.imul(run + 1, 0x85ebca6b));
  for (let i = 0; i < 4; i++) dice.u32();
  const pick = <T>(values: readonly T[]): T => values[dice.below(values.length)]!;
  const takeBytes = pick([1, 30, 512, 2_048, 16_384, 65_536, 1 << 20]);
  return {
    seed: dice.u32(),
    kind: pick(['valid', 'valid', 'mixed', 'mutated', 'random']),
    moments: 1 + dice.below(pick([4, 12, 30])),
    framesAtOnce: 1 + dice.below(8),
    cut: pick([1, 2, 9, 40, 1_460, 100_000]),
    takeBytes,
    largest: takeBytes < 512 ? 300 : pick([600, 600, 20_000, 120_000]),
    gapUs: pick([0, 0, 10, 5_000, 400_000, 3_000_000]),
    closeAt: dice.below(6) === 0 ? dice.below(12) : -1,
    trace: dice.below(8) === 0,
  };
}

/** What a client that keeps the rules may not be told by the server: its own mistakes. */
const INNOCENT = new Set<number>([
  ErrorCode.NO_ERROR,
  ErrorCode.INTERNAL_ERROR,
  ErrorCode.REFUSED_STREAM,
  ErrorCode.CANCEL,
]);
interface OpenRequest {
  readonly id: number;
  ended: boolean;
  sent: number;
  /** Content that content-length promised; -1: none. */
  promised: number;
}

/** Writes what a client might: frames that RFC 9113 allows, given what came from the server so far. */
class Client {
  readonly requests = new Map<number, OpenRequest>();
  readonly reset = new Set<number>();
  #next = 1;
  #connectionSent = 0;
  readonly #largest: number;
  readonly #dice: Dice;
  readonly #audit: Http2Audit;
  readonly #encoder = new HpackEncoder(4_096);

  constructor(dice: Dice, audit: Http2Audit, largest: number) {
    this.#largest = largest;
    this.#dice = dice;
    this.#audit = audit;
  }

  frame(): Frame[] {
    const dice = this.#dice;
    const flag = (): boolean => dice.below(2) === 0;
    const open = [...this.requests.values()].filter((request) => !request.ended && !this.reset.has(request.id));
    const some = open[dice.below(Math.max(1, open.length))];
    switch (dice.below(12)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return this.#request();
      case 4:
      case 5:
      case 6:
        return some === undefined ? this.#request() : this.#content(some, flag());
      case 7:
        return [{ type: 'WINDOW_UPDATE', streamId: 0, increment: 1 + dice.below(100_000) }];
      case 8: {
        const ids = [...this.requests.keys()];
        const known = ids[dice.below(Math.max(1, ids.length))];
        if (known === undefined) return [];
        return [{ type: 'WINDOW_UPDATE', streamId: known, increment: 1 + dice.below(100_000) }];
      }
      case 9:
        return [{ type: 'SETTINGS', ack: false, settings: this.#settings() }];
      case 10:
        return flag()
          ? [{ type: 'PING', ack: false, opaqueData: dice.bytes(8) }]
          : [
              {
                type: 'PRIORITY_UPDATE',
                prioritizedStreamId: 1 + 2 * dice.below(20),
                priorityFieldValue: Uint8Array.from(`u=${dice.below(8)}, i`, (c) => c.charCodeAt(0)),
              },
            ];
      default:
        if (some === undefined || dice.below(4) > 0) return [];
        this.reset.add(some.id);
        return [{ type: 'RST_STREAM', streamId: some.id, errorCode: ErrorCode.CANCEL }];
    }
  }

  #settings(): [number, number][] {
    const dice = this.#dice;
    const all: [number, number][] = [
      [1, dice.below(20_000)],
      [2, dice.below(2)],
      [4, dice.below(200_000)],
      [5, 16_384 + dice.below(100_000)],
      [0x99, dice.u32()],
    ];
    return all.filter(() => dice.below(2) === 0);
  }

  #request(): Frame[] {
    if (this.#audit.goawayCode >= 0) return [];
    const dice = this.#dice;
    const id = this.#next;
    this.#next += dice.below(10) === 0 ? 4 : 2;
    const endStream = dice.below(3) > 0;
    const path = `/${PATHS[dice.below(PATHS.length)]}/${dice.below(dice.below(2) === 0 ? 600 : this.#largest)}`;
    const promised = !endStream && dice.below(3) === 0 ? dice.below(3_000) : -1;
    const fields: Field[] = [
      [':method', endStream ? 'GET' : 'POST'],
      [':scheme', 'https'],
      [':authority', 'wirebench.test'],
      [':path', path],
    ];
    if (promised >= 0) fields.push(['content-length', String(promised)]);
    if (dice.below(4) === 0) fields.push(['priority', `u=${dice.below(9)}${dice.below(2) === 0 ? ', i' : ''}`]);
    if (dice.below(8) === 0) fields.push(['x-long', 'v'.repeat(dice.below(3_000))]);
    this.requests.set(id, { id, ended: endStream, sent: 0, promised });
    const block = this.#encoder.encode(fields);
    const parts = dice.below(5) === 0 ? 1 + dice.below(4) : 1;
    const frames: Frame[] = [];
    for (let i = 0; i < parts; i++) {
      const piece = block.subarray((block.length * i) / parts, (block.length * (i + 1)) / parts);
      const endHeaders = i === parts - 1;
      if (i > 0) frames.push({ type: 'CONTINUATION', streamId: id, endHeaders, fieldBlockFragment: piece });
      else frames.push({ type: 'HEADERS', streamId: id, endStream, endHeaders, fieldBlockFragment: piece });
    }
    return frames;
  }

  #content(request: OpenRequest, wantsEnd: boolean): Frame[] {
    const dice = this.#dice;
    const { id, promised } = request;
    const given = this.#audit.initialWindow + (this.#audit.streamWindows.get(id) ?? 0) - request.sent;
    const window = Math.min(given, this.#audit.connectionWindow - this.#connectionSent, 16_384);
    const padLength = dice.below(6) === 0 ? dice.below(100) : undefined;
    const room = window - (padLength === undefined ? 0 : padLength + 1);
    const padding = padLength === undefined ? 0 : padLength + 1;
    let length = Math.max(0, Math.min(room, dice.below(dice.below(3) === 0 ? 16_384 : 200)));
    const left = promised >= 0 ? promised - (this.content.get(id) ?? 0) : -1;
    if (left >= 0) length = Math.min(length, left);
    if (length + padding > Math.max(0, window)) return [];
    const endStream = wantsEnd && (left < 0 || length === left);
    this.content.set(id, (this.content.get(id) ?? 0) + length);
    request.sent += length + padding;
    this.#connectionSent += length + padding;
    if (endStream) request.ended = true;
    const data: Frame = {
      type: 'DATA',
      streamId: id,
      endStream: endStream && dice.below(4) > 0,
      data: CONTENT.subarray(0, length),
      ...(padLength !== undefined && { padLength }),
    };
    if (!endStream || (data.type === 'DATA' && data.endStream)) return [data];
    const fieldBlockFragment = this.#encoder.encode([['x-trailer', String(length)]]);
    return [data, { type: 'HEADERS', streamId: id, endStream: true, endHeaders: true, fieldBlockFragment }];
  }

  /** Octets of content, without padding. */
  readonly content = new Map<number, number>();

  /** What ends all that is open, and lets everything come. */
  last(): Frame[] {
    const frames: Frame[] = [{ type: 'WINDOW_UPDATE', streamId: 0, increment: 0x40_00_00_00 }];
    for (const request of this.requests.values()) {
      if (this.reset.has(request.id) || (this.#audit.streams.get(request.id)?.resetCode ?? -1) >= 0) continue;
      frames.push({ type: 'WINDOW_UPDATE', streamId: request.id, increment: 0x40_00_00_00 });
      if (request.ended) continue;
      if (request.promised < 0) {
        frames.push({ type: 'DATA', streamId: request.id, endStream: true, data: new Uint8Array(0) });
      } else {
        this.reset.add(request.id);
        frames.push({ type: 'RST_STREAM', streamId: request.id, errorCode: ErrorCode.CANCEL });
      }
    }
    return frames;
  }
}

function bytesOf(frames: readonly Frame[]): Uint8Array {
  const writer = new Writer();
  for (const frame of frames) encodeFrame(writer, frame);
  return writer.finish();
}

/** A frame of any type, flags, stream and length, most of them small. */
function noise(dice: Dice): Uint8Array {
  const payload = dice.bytes(dice.below(dice.below(10) === 0 ? 2_000 : 20));
  const typeCode = dice.below(8) === 0 ? dice.below(256) : dice.below(18);
  const streamId = dice.below(3) === 0 ? 0 : dice.below(12);
  return bytesOf([
    { type: 'UNKNOWN', typeCode, flags: dice.below(4) === 0 ? dice.below(256) : 0x05 & dice.u32(), streamId, payload },
  ]);
}

interface Moment {
  readonly atUs: number;
  readonly bytes: Uint8Array;
  readonly close: boolean;
}

interface Counts {
  [name: string]: number;
}

function connect(fuzzCase: Http2Case, log?: (line: string) => void): Http2Connection {
  return new Http2Connection({
    flow: 'fuzz#0',
    scheme: 'https',
    handler: site,
    connection: { flow: 'fuzz#0' },
    date: () => 'Thu, 01 Jan 2026 00:00:00 GMT',
    ...((fuzzCase.trace || log) && {
      trace: (atUs, event) => {
        if (log && event.layer === 'http2' && (event.kind === 'frame' || event.kind === 'error')) {
          log(`    ${atUs} us ${JSON.stringify({ ...event, layer: undefined, flow: undefined })}`);
        }
      },
    }),
  });
}

/** Takes all there is; the output of one moment. */
function drain(connection: Http2Connection, nowUs: number, takeBytes: number, to: (bytes: Uint8Array) => void): void {
  for (;;) {
    const bytes = connection.take(nowUs, takeBytes);
    if (bytes.length > takeBytes) throw new Error(`a take of ${takeBytes} octets gave ${bytes.length}`);
    if (bytes.length === 0) return;
    to(bytes);
  }
}

/** Lets time pass up to `toUs`. */
function pass(connection: Http2Connection, fromUs: number, toUs: number, at: (nowUs: number) => void): void {
  for (let nowUs = fromUs; ; ) {
    const dueUs = connection.nextDeadlineUs();
    if (dueUs === undefined || dueUs > toUs) break;
    if (dueUs < nowUs) throw new Error(`a deadline of ${dueUs} us at ${nowUs} us`);
    connection.advance(dueUs);
    const next = connection.nextDeadlineUs();
    if (next !== undefined && next <= dueUs) throw new Error(`a deadline made no progress at ${dueUs} us`);
    nowUs = dueUs;
    at(nowUs);
  }
  connection.advance(toUs);
}

/** The first run: a client that sees what comes and writes accordingly. Gives what it wrote. */
function converse(fuzzCase: Http2Case, output: Hash, counts: Counts, log?: (line: string) => void): Moment[] {
  const dice = testRandom(fuzzCase.seed);
  const audit = new Http2Audit();
  const client = new Client(dice, audit, fuzzCase.largest);
  const connection = connect(fuzzCase, log);
  const moments: Moment[] = [];
  const isValid = fuzzCase.kind === 'valid';
  let nowUs = 0;
  const take = (atUs: number): void => {
    drain(connection, atUs, fuzzCase.takeBytes, (bytes) => {
      output.add(bytes);
      counts.octets = (counts.octets ?? 0) + bytes.length;
      audit.receive(bytes);
    });
  };
  const say = (bytes: Uint8Array, close = false): void => {
    moments.push({ atUs: nowUs, bytes, close });
    audit.noteSent(bytes);
    log?.(`${nowUs} us: ${bytes.length} octets in${close ? ', close' : ''}`);
    if (close) connection.close(nowUs);
    connection.receive(nowUs, bytes);
    take(nowUs);
    log?.(`  ${audit.frames} frames out, state ${connection.state}, GOAWAY ${audit.goawayCode}`);
  };
  const replies = (): Frame[] => {
    const frames: Frame[] = [];
    for (; audit.settings > 0; audit.settings--) frames.push({ type: 'SETTINGS', ack: true, settings: [] });
    for (const opaqueData of audit.pings.splice(0)) frames.push({ type: 'PING', ack: true, opaqueData });
    return frames;
  };
  const opening: Frame[] = [{ type: 'SETTINGS', ack: false, settings: [] }];
  const preface = concat(CLIENT_PREFACE, bytesOf(opening));
  say(fuzzCase.kind === 'random' && dice.below(10) === 0 ? dice.bytes(40) : preface);
  for (let i = 0; i < fuzzCase.moments; i++) {
    const frames = replies();
    const parts = [bytesOf(frames)];
    for (let n = 0; n < fuzzCase.framesAtOnce; n++) {
      if (fuzzCase.kind === 'random') parts.push(noise(dice));
      else if (fuzzCase.kind === 'mixed' && dice.below(12) === 0) parts.push(noise(dice));
      else parts.push(bytesOf(client.frame()));
    }
    const bytes = concat(...parts);
    if (fuzzCase.kind === 'mutated') {
      for (let n = dice.below(3); n > 0 && bytes.length > 0; n--) bytes[dice.below(bytes.length)] = dice.u32();
    }
    const toUs = nowUs + dice.below(fuzzCase.gapUs + 1);
    pass(connection, nowUs, toUs, take);
    nowUs = toUs;
    take(nowUs);
    say(bytes, i === fuzzCase.closeAt);
  }
  if (isValid) {
    for (let rounds = 0; rounds < 3; rounds++) say(bytesOf(replies()));
    say(bytesOf([{ type: 'SETTINGS', ack: false, settings: [[4, 65_535]] }, ...client.last()]));
    pass(connection, nowUs, nowUs + 20_000_000, take);
    nowUs += 20_000_000;
    take(nowUs);
    checkAnswers(client, audit);
  }
  connection.endOfInput(nowUs);
  moments.push({ atUs: nowUs, bytes: new Uint8Array(0), close: false });
  take(nowUs);
  pass(connection, nowUs, nowUs + 3_600_000_000, take);
  take(nowUs + 3_600_000_000);
  if (connection.state !== 'closed') throw new Error(`no end: state ${connection.state}`);
  if (connection.nextDeadlineUs() !== undefined) throw new Error('a closed connection has a deadline');
  audit.finish();
  counts.frames = (counts.frames ?? 0) + audit.frames;
  counts[`GOAWAY ${audit.goawayCode}`] = 1;
  counts.requests = client.requests.size;
  return moments;
}

function checkAnswers(client: Client, audit: Http2Audit): void {
  if (!INNOCENT.has(Math.max(0, audit.goawayCode)))
    throw new Error(`a client that keeps the rules got GOAWAY ${audit.goawayCode}`);
  for (const { id } of client.requests.values()) {
    const stream = audit.streams.get(id);
    if (stream !== undefined && stream.resetCode >= 0 && !INNOCENT.has(stream.resetCode)) {
      throw new Error(`a client that keeps the rules got RST_STREAM ${stream.resetCode} for stream ${id}`);
    }
    if (client.reset.has(id) || id > audit.lastStreamId) continue;
    if (stream === undefined || (!stream.ended && stream.resetCode < 0)) throw new Error(`stream ${id} has no end`);
  }
}

/** The second run: the same moments, cut differently. */
function repeat(fuzzCase: Http2Case, moments: readonly Moment[], output: Hash): void {
  const dice = testRandom(fuzzCase.seed ^ 0x55555555);
  const connection = connect(fuzzCase);
  const take = (atUs: number): void => drain(connection, atUs, fuzzCase.takeBytes, (bytes) => output.add(bytes));
  let nowUs = 0;
  moments.forEach(({ atUs, bytes, close }, i) => {
    pass(connection, nowUs, atUs, take);
    nowUs = atUs;
    if (i > 0) take(nowUs);
    if (i === moments.length - 1) connection.endOfInput(nowUs);
    if (close) connection.close(nowUs);
    for (let at = 0; at < bytes.length; ) {
      const end = Math.min(bytes.length, at + 1 + dice.below(fuzzCase.cut));
      connection.receive(nowUs, bytes.subarray(at, end));
      at = end;
    }
    take(nowUs);
  });
  pass(connection, nowUs, nowUs + 3_600_000_000, take);
  take(nowUs + 3_600_000_000);
}

/** FNV-1a. */
class Hash {
  value = 0x811c9dc5;
  length = 0;

  add(bytes: Uint8Array): void {
    let value = this.value;
    for (let i = 0; i < bytes.length; i++) value = Math.imul(value ^ bytes[i]!, 0x01000193);
    this.value = value;
    this.length += bytes.length;
  }
}

function run(fuzzCase: Case, log?: (line: string) => void): Verdict {
  const one = fuzzCase as unknown as Http2Case;
  const counts: Counts = {};
  const first = new Hash();
  const second = new Hash();
  try {
    const moments = converse(one, first, counts, log);
    repeat(one, moments, second);
    if (first.length > limits.http2.outputBytes * 4_096) throw new Error(`${first.length} octets came out`);
    if (first.value !== second.value || first.length !== second.length) {
      throw new Error(`cut otherwise, the same input gives other output (${first.length} and ${second.length} octets)`);
    }
    return { counts, peaks: { 'octets of one run': first.length } };
  } catch (error) {
    return { failure: error instanceof Error ? error.message : String(error), counts, peaks: {} };
  }
}

export const http2Target: FuzzTarget = {
  name: 'http2',
  description: 'an HTTP/2 connection, with clients that keep the rules, break them, or send noise',
  plain: PLAIN as unknown as Case,
  make: (seed, number) => make(seed, number) as unknown as Case,
  run,
};
