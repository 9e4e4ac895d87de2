// Runs a recording again: the recorded input goes into a core made of the recorded config and seed, and what comes out is
// compared with what was recorded, byte for byte and microsecond for microsecond. The first difference ends the replay.

import { ParseError } from '../core/bytes/reader.js';
import type { Streams } from '../core/streams.js';
import type { Trace } from '../core/trace.js';
import type { Stack } from '../core/types.js';
import { assembleStack, assembleStreams, type RunConfig, type RunIdentity } from '../io/assemble.js';
import { CaptureError } from '../io/capture.js';
import { inputEvent, outputEvent, StreamPackets, streamInput } from './recorders.js';
import { type RecordedInput, type RecordedPacket, type RecordingManifest, readRecording } from './recording.js';
import { SocketEventReader } from './synthesis.js';

export interface ReplayOptions {
  readonly trace?: Trace;
  /** Told once, before anything runs. */
  readonly onManifest?: (manifest: RecordingManifest) => void;
  /** Each pair of recorded and replayed outbound packets, in order, the differing pair included. */
  readonly onPair?: (recorded: OutboundPacket | undefined, replayed: OutboundPacket | undefined) => void;
  /**
   * Each outbound packet of either side, as it is read or sent and before it is compared. The bytes of a replayed one are
   * valid during the call only.
   */
  readonly onOutbound?: (side: 'recorded' | 'replayed', packet: OutboundPacket) => void;
  /** Key log text as the recording holds it. */
  readonly onSecrets?: (text: string) => void;
  /** Called after each input; a replay waits for it (the pause). `quit` ends the replay. */
  readonly afterInput?: () => Promise<'go-on' | 'quit'> | undefined;
  /** Goes on behind a difference, for `onPair` and `onOutbound`; at most to the recording's end. */
  readonly goOn?: boolean;
}

export interface OutboundPacket {
  /** Its number in the recording, from 1; undefined for a packet that was sent now. */
  readonly index: number | undefined;
  /** Where a recorded one is: the number that Wireshark shows, and the offset of its block. */
  readonly frameNumber?: number;
  readonly fileOffset?: number;
  readonly atUs: number;
  readonly bytes: Uint8Array;
}

export interface ReplayResult {
  /** Packets of the recording that were read, both directions. */
  readonly packets: number;
  /** Recorded length in logical time. */
  readonly durationUs: number;
  /** Absent when every outbound packet is the same. */
  readonly difference?: Mismatch;
  /** A person ended it before its end. */
  readonly quit: boolean;
  /** The recording says where the run ended; without that the recorder was killed, and what it holds is a beginning. */
  readonly complete: boolean;
}

/** Where recorded and replayed output part. One side is undefined where the other has a packet more. */
export interface Mismatch {
  readonly kind: 'bytes' | 'time' | 'missing' | 'extra';
  /** Outbound packets before it that are the same on both sides. */
  readonly samePackets: number;
  readonly recorded: OutboundPacket | undefined;
  readonly replayed: OutboundPacket | undefined;
}

/** Raises CaptureError where the file cannot be read or is no recording that can be run. */
export async function replayRecording(file: string, options: ReplayOptions = {}): Promise<ReplayResult> {
  let run: Run | undefined;
  let packets = 0;
  let lastUs = 0;
  let complete = false;
  const comparison = new Comparison(options);
  const after = async (): Promise<boolean> => {
    run!.drain(comparison);
    const waiting = options.afterInput?.();
    return waiting === undefined ? false : (await waiting) === 'quit';
  };
  const result = (quit: boolean): ReplayResult => ({
    packets,
    durationUs: lastUs,
    ...(comparison.mismatch && { difference: comparison.mismatch }),
    quit,
    complete,
  });

  for await (const item of readRecording(file)) {
    if (comparison.mismatch && !options.goOn) break;
    switch (item.kind) {
      case 'manifest':
        options.onManifest?.(item.manifest);
        run = startRun(file, item.fileOffset, item.manifest, options.trace);
        break;
      case 'secrets':
        options.onSecrets?.(item.text);
        break;
      case 'packet':
        packets++;
        if (item.atUs > lastUs) lastUs = item.atUs;
        if (item.dir === 'out') {
          comparison.recorded({
            index: item.index,
            frameNumber: item.frameNumber,
            fileOffset: item.fileOffset,
            atUs: item.atUs,
            bytes: item.data,
          });
          break;
        }
        run!.input(item, comparison);
        if (await after()) return result(true);
        break;
      case 'answer':
        if (item.atUs > lastUs) lastUs = item.atUs;
        // What timers sent before it comes out before it, as in the run.
        run!.advance(item.atUs);
        run!.drain(comparison);
        run!.respond(item);
        if (await after()) return result(true);
        break;
      case 'event':
        if (item.atUs > lastUs) lastUs = item.atUs;
        if (item.event === 'close') run!.close(item.atUs);
        else if (item.event === 'abort') run!.abort(item.atUs);
        else run!.advance(item.atUs);
        if (item.event === 'end') complete = true;
        if (await after()) return result(true);
        break;
      default:
        item satisfies never;
    }
  }
  if (!comparison.mismatch || options.goOn) {
    // A recording that was cut at a block's edge has no end event; what our timers still sent is due by its last time.
    run!.advance(lastUs);
    await after();
    comparison.end(complete);
  }
  return result(false);
}

/** Pairs recorded with replayed outbound packets, in order. Only what the other side has not shown yet is held. */
class Comparison {
  mismatch: Mismatch | undefined;
  readonly #options: ReplayOptions;
  #recorded: OutboundPacket[] = [];
  #recordedHead = 0;
  #replayed: OutboundPacket[] = [];
  #replayedHead = 0;
  #samePackets = 0;

  constructor(options: ReplayOptions) {
    this.#options = options;
  }

  recorded(packet: OutboundPacket): void {
    this.#options.onOutbound?.('recorded', packet);
    if (this.#isOver) return;
    this.#recorded.push(packet);
    this.#pair();
  }

  replayed(atUs: number, bytes: Uint8Array): void {
    this.#options.onOutbound?.('replayed', { index: undefined, atUs, bytes });
    if (this.#isOver) return;
    const expected = this.#replayedHead === this.#replayed.length ? this.#recorded[this.#recordedHead] : undefined;
    // The usual case without a copy: it is what was recorded.
    if (expected !== undefined && expected.atUs === atUs && equal(expected.bytes, bytes)) {
      this.#recordedHead++;
      if (!this.mismatch) this.#samePackets++;
      this.#options.onPair?.(expected, expected);
      this.#tidy();
      return;
    }
    this.#replayed.push({ index: undefined, atUs, bytes: bytes.slice() });
    this.#pair();
  }

  end(complete: boolean): void {
    const recorded = this.#recorded[this.#recordedHead];
    const replayed = this.#replayed[this.#replayedHead];
    if (recorded === undefined && replayed === undefined) return;
    // What the last input caused was not written any more when the recorder was killed, or its disk full.
    if (recorded === undefined && !complete) return;
    this.#found(recorded === undefined ? 'extra' : 'missing', recorded, replayed);
    this.#options.onPair?.(recorded, replayed);
  }

  /** A recorded packet was not sent, although what followed it in the recording is now needed. */
  get lacks(): boolean {
    return this.mismatch !== undefined || this.#recordedHead < this.#recorded.length;
  }

  /** Behind the difference pairs are of interest to `onPair` only, and would be held without end where one side stops. */
  get #isOver(): boolean {
    return this.mismatch !== undefined && this.#options.onPair === undefined;
  }

  #found(kind: Mismatch['kind'], recorded: OutboundPacket | undefined, replayed: OutboundPacket | undefined): void {
    this.mismatch ??= { kind, samePackets: this.#samePackets, recorded, replayed };
  }

  #pair(): void {
    for (;;) {
      const recorded = this.#recorded[this.#recordedHead];
      const replayed = this.#replayed[this.#replayedHead];
      if (recorded === undefined || replayed === undefined) return;
      this.#recordedHead++;
      this.#replayedHead++;
      if (!equal(recorded.bytes, replayed.bytes)) this.#found('bytes', recorded, replayed);
      else if (recorded.atUs !== replayed.atUs) this.#found('time', recorded, replayed);
      else if (!this.mismatch) this.#samePackets++;
      this.#options.onPair?.(recorded, replayed);
      this.#tidy();
    }
  }

  #tidy(): void {
    if (this.#recordedHead > 256) {
      this.#recorded = this.#recorded.slice(this.#recordedHead);
      this.#recordedHead = 0;
    }
    if (this.#replayedHead > 256) {
      this.#replayed = this.#replayed.slice(this.#replayedHead);
      this.#replayedHead = 0;
    }
  }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}

interface Run {
  input(packet: RecordedPacket, comparison: Comparison): void;
  advance(atUs: number): void;
  respond(input: RecordedInput): void;
  close(atUs: number): void;
  abort(atUs: number): void;
  drain(comparison: Comparison): void;
}

function startRun(file: string, fileOffset: number, manifest: RecordingManifest, trace: Trace | undefined): Run {
  const refuse = (what: string): never => {
    throw new CaptureError('corrupt', file, fileOffset, what, 'Use the recording as it was written, or record again');
  };
  const config = manifest.config as Partial<RunConfig> | null;
  if (config === null || typeof config !== 'object') return refuse('manifest.config is no object');
  if (config.mode !== 'tun' && config.mode !== 'tcp') return refuse('manifest.config.mode is neither tun nor tcp');
  const identity: RunIdentity = {
    config: config as RunConfig,
    seed: Buffer.from(manifest.seed, 'hex'),
    startUnixUs: manifest.startUnixUs,
  };
  try {
    return config.mode === 'tun'
      ? new StackRun(assembleStack(identity, trace))
      : new StreamsRun(file, assembleStreams(identity, trace));
  } catch (error) {
    return refuse(`a run cannot be made of manifest.config: ${error instanceof Error ? error.message : error}`);
  }
}

class StackRun implements Run {
  readonly #stack: Stack;

  constructor(stack: Stack) {
    this.#stack = stack;
  }

  input(packet: RecordedPacket): void {
    this.#stack.receive(packet.atUs, packet.data);
  }

  advance(atUs: number): void {
    this.#stack.advance(atUs);
  }

  respond({ atUs, token, answer }: RecordedInput): void {
    this.#stack.respond(atUs, token, answer);
  }

  close(atUs: number): void {
    this.#stack.close(atUs);
  }

  abort(atUs: number): void {
    this.#stack.abort(atUs);
  }

  drain(comparison: Comparison): void {
    for (let out = this.#stack.poll(); out !== undefined; out = this.#stack.poll()) {
      comparison.replayed(out.atUs, out.frame);
    }
  }
}

/** tcp mode: packets stand for socket events. They are turned back into events, and the new events into packets again. */
class StreamsRun implements Run {
  readonly #file: string;
  readonly #streams: Streams;
  readonly #reader = new SocketEventReader();
  readonly #packets = new StreamPackets();
  /** Packets that stand for inputs and go out (SYN-ACK), to be drained before the outputs they precede. */
  #accepting: { readonly atUs: number; readonly data: Uint8Array }[] = [];

  constructor(file: string, streams: Streams) {
    this.#file = file;
    this.#streams = streams;
  }

  input(packet: RecordedPacket, comparison: Comparison): void {
    // What timers sent before this input acknowledges what came before it: sequence numbers are made in this order.
    this.#streams.advance(packet.atUs);
    this.drain(comparison);
    const event = this.#read(packet, comparison);
    const input = event && streamInput(event);
    if (input === undefined) return;
    for (const made of this.#packets.of(inputEvent(input))) {
      if (made.dir === 'out') this.#accepting.push({ atUs: packet.atUs, data: made.data });
    }
    this.#streams.receive(packet.atUs, input);
  }

  advance(atUs: number): void {
    this.#streams.advance(atUs);
  }

  respond({ atUs, token, answer }: RecordedInput): void {
    this.#streams.respond(atUs, token, answer);
  }

  close(atUs: number): void {
    this.#streams.close(atUs);
  }

  abort(atUs: number): void {
    this.#streams.abort(atUs);
  }

  drain(comparison: Comparison): void {
    for (const { atUs, data } of this.#accepting) this.#out(comparison, atUs, data);
    this.#accepting = [];
    for (let out = this.#streams.poll(); out !== undefined; out = this.#streams.poll()) {
      for (const made of this.#packets.of(outputEvent(out))) this.#out(comparison, out.atUs, made.data);
    }
  }

  /** The reader of the inputs follows our output too: an acknowledgement means something only behind what was sent. */
  #out(comparison: Comparison, atUs: number, data: Uint8Array): void {
    this.#reader.read('out', data);
    comparison.replayed(atUs, data);
  }

  #read(packet: RecordedPacket, comparison: Comparison) {
    try {
      return this.#reader.read('in', packet.data);
    } catch (error) {
      if (!(error instanceof ParseError)) throw error;
      // It acknowledges what was recorded and is not sent any more: that is the difference, and the file is good.
      if (comparison.lacks) {
        comparison.end(true);
        return undefined;
      }
      throw new CaptureError(
        'corrupt',
        this.#file,
        packet.fileOffset,
        `packet ${packet.index} does not follow from what came before: ${error.message}`,
        'Use the recording as it was written, or record again',
      );
    }
  }
}
