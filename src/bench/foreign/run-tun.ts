// One run of the stack with what a capture shows of its input, each packet at the time that it is given. What comes out is kept as
// images of its streams, and tells where the times are wrong.

import { createHash } from 'node:crypto';
import { ParseError } from '../../core/bytes/reader.js';
import type { RandomSource } from '../../core/random.js';
import { ACK, decodeSegment, emptySegment, RST, SYN } from '../../core/tcp/segment.js';
import { assembleStack, type RunIdentity } from '../../io/assemble.js';
import { LINKTYPE } from '../../io/capture.js';
import { endsOf, endText } from '../inspect/flow-table.js';
import { PacketView, PROTOCOL } from '../inspect/packet-view.js';
import { keyLogLine } from '../recorders.js';
import { acknowledgment } from './acknowledgment.js';
import { foreignLimits } from './limits.js';
import { type ForeignCapture, type ForeignFlow, factsOf, type TcpFacts } from './load.js';
import { newRun, type Run, type RunEnd } from './run.js';
import { StreamImage } from './stream-image.js';
import { type InputTimes, SentTimes } from './times.js';

/** `inputs`: indices of `capture.packets` that are given to the stack, in order; `times` has one for each. */
export function runTun(
  capture: ForeignCapture,
  inputs: readonly number[],
  identity: RunIdentity,
  random: RandomSource,
  times: InputTimes,
  ends: readonly RunEnd[] = [],
): Run {
  return new TunRun(capture, inputs, identity, random, times, ends).run();
}

class TunRun {
  readonly #capture: ForeignCapture;
  readonly #inputs: readonly number[];
  readonly #identity: RunIdentity;
  readonly #times: InputTimes;
  readonly #ends: RunEnd[];
  readonly #run: Run;
  readonly #view = new PacketView();
  readonly #segment = emptySegment();
  /** The connection that a 4-tuple stands for at this point of the run. */
  readonly #current = new Map<string, ForeignFlow>();
  readonly #sent = new Map<ForeignFlow, SentTimes>();
  #input = 0;

  constructor(
    capture: ForeignCapture,
    inputs: readonly number[],
    identity: RunIdentity,
    random: RandomSource,
    times: InputTimes,
    ends: readonly RunEnd[],
  ) {
    this.#ends = [...ends];
    this.#capture = capture;
    this.#inputs = inputs;
    this.#identity = identity;
    this.#times = times;
    this.#run = newRun();
    for (const { flow, tcp, dir } of capture.packets) {
      if (flow === undefined || tcp === undefined || dir !== 'out' || flow.serverIsn < 0) continue;
      let sent = this.#sent.get(flow);
      if (sent === undefined) {
        sent = new SentTimes(random, flow);
        this.#sent.set(flow, sent);
      }
      sent.recorded(tcp);
    }
  }

  run(): Run {
    const run = this.#run;
    const stack = assembleStack(this.#identity, (_atUs, event) => {
      const line = keyLogLine(event);
      if (line !== undefined) run.keyLog.push(line);
      else if (event.layer === 'tls' && event.kind === 'established' && !run.established.has(event.flow)) {
        run.established.set(event.flow, this.#input);
      }
    });
    let lastUs = 0;
    for (const [input, index] of this.#inputs.entries()) {
      const { bytes, flow, tcp } = this.#capture.packets[index]!;
      this.#input = input;
      lastUs = this.#times.at(input);
      this.#end(stack, index, lastUs);
      // What timers sent before came before it.
      stack.advance(lastUs);
      this.#drain(stack, -1, index);
      if (flow !== undefined && tcp !== undefined && index === flow.syn) this.#current.set(flow.tuple, flow);
      if (flow !== undefined && tcp !== undefined) this.#catchUp(stack, flow, tcp, bytes, index);
      stack.receive(lastUs, bytes);
      this.#drain(stack, lastUs, index + 1);
    }
    // The capture may show answers to the last input that a timer sent.
    const last = this.#capture.packets.at(-1);
    const first = this.#capture.packets[this.#inputs[0] ?? 0];
    if (last !== undefined && first !== undefined && this.#inputs.length > 0) {
      this.#end(stack, this.#capture.packets.length, Number.POSITIVE_INFINITY);
      lastUs = Math.max(lastUs, this.#times.capturedUs(0) + last.unixUs - first.unixUs + END_SLACK_US);
      stack.advance(Math.round(lastUs));
      this.#drain(stack, -1, this.#capture.packets.length);
    }
    return run;
  }

  /** The server was told to end before the packet at `index`. */
  #end(stack: ReturnType<typeof assembleStack>, index: number, latestUs: number): void {
    while (this.#ends.length > 0 && this.#ends[0]!.before < index) {
      const { kind, atUs, before } = this.#ends.shift()!;
      const nowUs = Math.min(atUs, latestUs);
      stack.advance(nowUs);
      this.#drain(stack, -1, before);
      if (kind === 'close') stack.close(nowUs);
      else stack.abort(nowUs);
      this.#drain(stack, -1, before);
    }
  }

  /**
   * An acknowledgment of more than was sent: those before it are not in the capture, and the server sent on when it got them.
   * They are made up, one for what was sent so far after the other, as long as that brings it on.
   */
  #catchUp(
    stack: ReturnType<typeof assembleStack>,
    flow: ForeignFlow,
    tcp: TcpFacts,
    bytes: Uint8Array,
    index: number,
  ): void {
    if ((tcp.flags & (SYN | ACK | RST)) !== ACK) return;
    const image = this.#run.images.get(flow);
    if (image?.started !== true || flow.serverIsn < 0) return;
    const nowUs = this.#times.at(this.#input);
    for (let sent = image.end; ; sent = image.end) {
      const lacking = (tcp.ack - flow.serverIsn - 1 - sent) | 0;
      if (lacking <= 0) return;
      stack.receive(nowUs, acknowledgment(bytes, tcp, (flow.serverIsn + 1 + sent) >>> 0));
      this.#run.madeUp++;
      this.#drain(stack, -1, index);
      if (image.end === sent) return;
    }
  }

  /** `nowUs`: of the input that they come of; -1: of none. */
  #drain(stack: ReturnType<typeof assembleStack>, nowUs: number, before: number): void {
    let isFirst = nowUs >= 0;
    for (let out = stack.poll(); out !== undefined; out = stack.poll()) {
      const bytes = out.frame.slice();
      this.#run.sent.push({ before, atUs: out.atUs, bytes });
      const decoded = this.#decode(bytes);
      if (decoded === undefined) {
        this.#run.others.push(digestOf(bytes));
        continue;
      }
      const flow = this.#current.get(decoded.tuple);
      if (flow === undefined) continue;
      this.#image(flow, decoded.tcp).add(decoded.tcp, bytes);
      if (isFirst && out.atUs === nowUs) isFirst = !this.#checkTime(flow, decoded.tcp, nowUs);
    }
  }

  #decode(bytes: Uint8Array): { tuple: string; tcp: TcpFacts } | undefined {
    const view = this.#view;
    view.read(LINKTYPE.RAW, bytes);
    if (view.protocol !== PROTOCOL.TCP || view.isFragment) return undefined;
    try {
      decodeSegment(bytes, view.upperAt, view.upperEnd, this.#segment);
    } catch (error) {
      if (error instanceof ParseError) return undefined;
      throw error;
    }
    const { source, destination } = endsOf(view);
    const from = endText(view.version, source, this.#segment.sourcePort);
    const to = endText(view.version, destination, this.#segment.destinationPort);
    return { tuple: `${to}>${from}`, tcp: factsOf(this.#segment, view.ipAt, view.upperAt) };
  }

  #image(flow: ForeignFlow, tcp: TcpFacts): StreamImage {
    let image = this.#run.images.get(flow);
    if (image === undefined) {
      image = new StreamImage();
      this.#run.images.set(flow, image);
    }
    if (!image.started && (tcp.flags & (SYN | ACK)) === (SYN | ACK)) image.start(tcp.seq, flow.clientIsn);
    return image;
  }

  /** Whether the capture tells when this left. */
  #checkTime(flow: ForeignFlow, tcp: TcpFacts, nowUs: number): boolean {
    const ms = this.#sent.get(flow)?.msOf(tcp);
    if (ms === undefined) return false;
    const nowMs = Math.floor(nowUs / 1000);
    const late = (ms - nowMs) | 0;
    if (late === 0) this.#run.rightMs++;
    else if (Math.abs(late) * 1000 <= foreignLimits.toleranceUs) {
      this.#run.wrongMs.push({ input: this.#input, lowUs: (nowMs + late) * 1000 });
    }
    return true;
  }
}

/** A timer that was due just before the capture's last packet. */
const END_SLACK_US = 2_000;

export function digestOf(bytes: Uint8Array): string {
  return createHash('sha1').update(bytes).digest('base64');
}
