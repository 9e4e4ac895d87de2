// A small TCP client over virtual time, and a network between it and the stack that loses, doubles, delays and reorders
// frames by a seed. The client is plain on purpose: go-back-N with a fixed timeout, one acknowledgment for each segment,
// any order taken. Both streams are the pattern of stub-session.ts.

import * as assert from 'uvu/assert';
import type { Micros, Stack } from '../../src/core/types.js';
import { testRandom } from './bytes.js';
import { ACK, FIN, PSH, parseTcpFrame, RST, SYN, tcpFrame } from './frames.js';
import { patternByte, patternBytes } from './stub-session.js';

const PEER_RTO_US = 250_000;
const NEVER = Number.POSITIVE_INFINITY;

export interface PeerOptions {
  readonly address: string;
  readonly server: string;
  readonly port: number;
  readonly serverPort: number;
  readonly isn: number;
  /** Bytes to send. */
  readonly upload: number;
  /** The window offered, unscaled. */
  readonly window: number;
  readonly mss: number;
  /** Sends FIN behind the upload; otherwise when the server's FIN has come. */
  readonly closeFirst: boolean;
}

export class TcpPeer {
  readonly options: PeerOptions;
  state: 'closed' | 'syn-sent' | 'established' | 'done' | 'reset' = 'closed';
  /** Bytes received in order. */
  received = 0;
  serverFinished = false;
  /** What the peer wants to send; the network takes it. */
  readonly outbox: Uint8Array[] = [];
  #una = 0;
  #nxt = 0;
  #serverIss = 0;
  #rcvNxt = 0;
  #sndWnd = 0;
  #rtoAtUs = NEVER;
  /** Relative stream position -> length of a segment beyond a gap. */
  readonly #pending = new Map<number, number>();
  #finAt = -1;

  constructor(options: PeerOptions) {
    this.options = options;
  }

  get deadlineUs(): Micros {
    return this.#rtoAtUs;
  }

  /** All was sent and acknowledged, all was received, both sides have ended. */
  get complete(): boolean {
    return this.serverFinished && this.#una === this.options.upload + 2;
  }

  connect(nowUs: Micros): void {
    this.state = 'syn-sent';
    this.#emit(SYN, 0, 0);
    this.#nxt = 1;
    this.#rtoAtUs = nowUs + PEER_RTO_US;
  }

  advance(nowUs: Micros): void {
    if (nowUs < this.#rtoAtUs) return;
    this.#rtoAtUs = nowUs + PEER_RTO_US;
    if (this.state === 'syn-sent') this.#emit(SYN, 0, 0);
    else {
      this.#nxt = this.#una;
      this.#send(nowUs, true);
    }
  }

  receive(nowUs: Micros, frame: Uint8Array): void {
    const segment = parseTcpFrame(frame);
    if ((segment.flags & RST) !== 0) {
      // A late duplicate of ours, after both sides had closed, is answered by a reset that means nothing any more.
      if (this.state === 'done') return;
      this.state = 'reset';
      this.#rtoAtUs = NEVER;
      return;
    }
    if (this.state === 'syn-sent') {
      if ((segment.flags & (SYN | ACK)) !== (SYN | ACK)) return;
      this.state = 'established';
      this.#serverIss = segment.seq;
      this.#rcvNxt = 1;
      this.#una = 1;
      this.#sndWnd = segment.window;
      this.#emit(ACK, 1, 0);
      this.#send(nowUs, false);
      return;
    }
    const ack = (segment.ack - this.options.isn) >>> 0;
    if ((segment.flags & SYN) !== 0) {
      this.#emit(ACK, this.#nxt, 0);
      return;
    }
    if (ack > this.#una && ack <= this.options.upload + 2) {
      this.#una = ack;
      if (this.#nxt < ack) this.#nxt = ack;
      this.#rtoAtUs = nowUs + PEER_RTO_US;
    }
    if (ack === this.#una) this.#sndWnd = segment.window;
    const seq = (segment.seq - this.#serverIss) >>> 0;
    segment.payload.forEach((byte, i) => {
      if (byte !== patternByte(seq - 1 + i)) assert.unreachable(`byte ${seq - 1 + i} is not the pattern's`);
    });
    const fin = (segment.flags & FIN) !== 0;
    if (fin) this.#finAt = seq + segment.payload.length;
    if (segment.payload.length > 0) {
      this.#pending.set(seq, Math.max(this.#pending.get(seq) ?? 0, segment.payload.length));
      this.#take();
    }
    if (this.#finAt === this.#rcvNxt && !this.serverFinished) {
      this.serverFinished = true;
      this.#rcvNxt++;
    }
    if (segment.payload.length > 0 || fin) this.#emit(ACK, this.#nxt, 0);
    this.#send(nowUs, false);
    if (this.#una === this.options.upload + 2) this.#rtoAtUs = NEVER;
    if (this.complete) this.state = 'done';
  }

  #take(): void {
    for (let progress = true; progress; ) {
      progress = false;
      for (const [seq, length] of this.#pending) {
        if (seq > this.#rcvNxt) continue;
        this.#pending.delete(seq);
        if (seq + length > this.#rcvNxt) {
          this.#rcvNxt = seq + length;
          this.received = this.#rcvNxt - 1;
          progress = true;
        }
      }
    }
  }

  /** Positions: 0 the SYN, 1 to `upload` the data, `upload` + 1 the FIN. */
  #send(nowUs: Micros, probe: boolean): void {
    const { upload, mss, closeFirst } = this.options;
    const window = Math.max(this.#sndWnd, probe ? 1 : 0);
    const end = upload + 1;
    const mayFinish = closeFirst || this.serverFinished;
    while (this.#nxt < end + (mayFinish ? 1 : 0)) {
      const room = this.#una + window - this.#nxt;
      if (this.#nxt === end) {
        this.#emit(FIN | ACK, this.#nxt, 0);
        this.#nxt++;
      } else {
        const length = Math.min(mss, end - this.#nxt, room);
        if (length <= 0) break;
        this.#emit(ACK | (this.#nxt + length === end ? PSH : 0), this.#nxt, length);
        this.#nxt += length;
      }
    }
    if (this.#una < this.#nxt || this.#nxt < end) {
      if (this.#rtoAtUs === NEVER) this.#rtoAtUs = nowUs + PEER_RTO_US;
    } else this.#rtoAtUs = NEVER;
  }

  #emit(flags: number, position: number, length: number): void {
    const { address, server, port, serverPort, isn, window, mss } = this.options;
    const payload = new Uint8Array(length);
    for (let at = 0; at < length; at += 65_536) {
      payload.set(patternBytes(position - 1 + at, Math.min(65_536, length - at)), at);
    }
    this.outbox.push(
      tcpFrame({
        source: address,
        destination: server,
        sourcePort: port,
        destinationPort: serverPort,
        seq: (isn + position) >>> 0,
        ack: (flags & ACK) !== 0 ? (this.#serverIss + this.#rcvNxt) >>> 0 : 0,
        flags,
        window,
        payload,
        ...((flags & SYN) !== 0 && { mss }),
      }),
    );
  }
}

export interface NetworkOptions {
  readonly seed: number;
  /** In a thousand. */
  readonly loss: number;
  readonly duplicate: number;
  readonly reorder: number;
  readonly latencyUs: Micros;
}

export const PERFECT: NetworkOptions = { seed: 1, loss: 0, duplicate: 0, reorder: 0, latencyUs: 1_000 };

interface InFlight {
  readonly atUs: Micros;
  readonly order: number;
  readonly frame: Uint8Array;
  readonly peer: TcpPeer | undefined;
}

export interface Sent {
  readonly atUs: Micros;
  readonly frame: Uint8Array;
}

export interface Exchange {
  /** Every frame of the stack, in order. */
  readonly sent: Sent[];
  /** Every call of `receive`. */
  readonly inputs: Sent[];
  readonly endUs: Micros;
}

/** Lets peers talk to the stack until nothing is in flight and no timer runs, or `untilUs`. */
export function exchange(stack: Stack, peers: TcpPeer[], network: NetworkOptions, untilUs = 600_000_000): Exchange {
  const random = testRandom(network.seed);
  const sent: Sent[] = [];
  const inputs: Sent[] = [];
  let inFlight: InFlight[] = [];
  let order = 0;
  let nowUs = 0;

  const put = (frame: Uint8Array, atUs: Micros, peer: TcpPeer | undefined): void => {
    if (random.below(1000) < network.loss) return;
    const copies = random.below(1000) < network.duplicate ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      const late = random.below(1000) < network.reorder ? random.below(5 * network.latencyUs) : 0;
      inFlight.push({ atUs: atUs + network.latencyUs + late, order: order++, frame, peer });
    }
  };
  const drain = (): void => {
    for (let out = stack.poll(); out; out = stack.poll()) {
      const frame = out.frame.slice();
      sent.push({ atUs: out.atUs, frame });
      const { destination, destinationPort } = parseTcpFrame(frame);
      const peer = peers.find((p) => p.options.address === destination && p.options.port === destinationPort);
      if (peer) put(frame, out.atUs, peer);
    }
    for (const peer of peers) for (const frame of peer.outbox.splice(0)) put(frame, nowUs, undefined);
  };

  for (const peer of peers) peer.connect(nowUs);
  drain();
  for (;;) {
    let nextUs = stack.nextDeadlineUs() ?? NEVER;
    for (const peer of peers) nextUs = Math.min(nextUs, peer.deadlineUs);
    for (const item of inFlight) nextUs = Math.min(nextUs, item.atUs);
    if (nextUs === NEVER || nextUs > untilUs) return { sent, inputs, endUs: nowUs };
    assert.ok(nextUs >= nowUs, `time goes back from ${nowUs} to ${nextUs}`);
    nowUs = nextUs;
    const arrived = inFlight.filter((item) => item.atUs <= nowUs).sort((a, b) => a.atUs - b.atUs || a.order - b.order);
    inFlight = inFlight.filter((item) => item.atUs > nowUs);
    stack.advance(nowUs);
    drain();
    for (const peer of peers) peer.advance(nowUs);
    drain();
    for (const item of arrived) {
      if (item.peer) item.peer.receive(nowUs, item.frame);
      else {
        inputs.push({ atUs: nowUs, frame: item.frame });
        stack.receive(nowUs, item.frame);
        const next = stack.nextDeadlineUs();
        if (next !== undefined && next <= nowUs) assert.unreachable(`deadline ${next} is not after ${nowUs}`);
      }
      drain();
    }
  }
}
