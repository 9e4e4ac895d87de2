// A TCP client over virtual time: window scaling, timestamps, SACK with D-SACK, delayed ACKs, a reader of its own speed, and
// on request a liar: it withholds ACKs, shrinks its window, reneges, invents SACK blocks and acknowledgments, splits and
// repeats ACKs, sends strays, resets or vanishes. Both streams are the pattern of stub-session.ts. What the server must
// not do raises an Error. The sending half is uploader.ts.

import type { Micros } from '../../../src/core/types.js';
import { testRandom } from '../bytes.js';
import { addressBytes } from '../frames.js';
import { patternBytes } from '../stub-session.js';
import { ACK, emptySeen, FIN, Options, PSH, RST, readFrame, SYN, writeFrame } from './codec.js';
import type { PeerOptions } from './options.js';
import { Ranges } from './ranges.js';
import { Uploader } from './uploader.js';

const NEVER = Number.POSITIVE_INFINITY;
const READ_STEP_US = 10_000;

export type PeerState = 'closed' | 'syn-sent' | 'established' | 'done' | 'was-reset' | 'has-reset' | 'vanished';

const seen = emptySeen();

export class Peer {
  readonly options: PeerOptions;
  readonly addressNumber: number;
  state: PeerState = 'closed';
  serverFinished = false;
  /** Frames that were damaged on the way, and dropped. */
  damaged = 0;
  /** What the peer wants to send; the network takes it. */
  outbox: Uint8Array[] = [];
  readonly #serverNumber: number;
  readonly #random: ReturnType<typeof testRandom>;
  readonly #up: Uploader;
  readonly #held = new Ranges();
  readonly #opts = new Options();
  #startUs: Micros = 0;
  #nowUs: Micros = 0;
  #irs = 0;
  #rcvNxt = 0;
  #finAt = -1;
  #readTo = 1;
  #readAtUs: Micros = NEVER;
  #window = 0;
  #lastAckSent = 0;
  #sackOk = false;
  #timestampsOk = false;
  #tsRecent = 0;
  #shiftIn = 0;
  #shiftOut = 0;
  #unacked = 0;
  #ackAtUs: Micros = NEVER;
  #dsack: [number, number] | undefined;
  #lieAtUs: Micros = NEVER;
  #reneged = false;
  /** What is acknowledged instead of RCV.NXT; -1: nothing. */
  #ackTo = -1;
  #bogusLeft: number;
  #aheadLeft: number;
  #straysLeft: number;

  constructor(options: PeerOptions) {
    this.options = options;
    this.addressNumber = toNumber(options.address);
    this.#serverNumber = toNumber(options.server);
    this.#random = testRandom(options.seed);
    this.#up = new Uploader(options.upload, options.mss);
    this.#bogusLeft = options.lies.bogusSacks;
    this.#aheadLeft = options.lies.acksAhead;
    this.#straysLeft = options.lies.strays;
  }

  /** Bytes received in order. */
  get received(): number {
    return Math.max(0, this.#rcvNxt - 1 - (this.serverFinished ? 1 : 0));
  }

  /** Bytes of the upload that the server has acknowledged. */
  get acknowledged(): number {
    return Math.min(this.options.upload, Math.max(0, this.#up.una - 1));
  }

  get deadlineUs(): Micros {
    if (this.state !== 'syn-sent' && this.state !== 'established') return NEVER;
    return Math.min(this.#up.rtoAtUs, this.#ackAtUs, this.#readAtUs, this.#lieAtUs);
  }

  connect(nowUs: Micros): void {
    this.state = 'syn-sent';
    this.#startUs = nowUs;
    this.#nowUs = nowUs;
    this.#emit(SYN, 0, 0);
    this.#up.arm(nowUs);
    this.#planLies(nowUs);
  }

  advance(nowUs: Micros): void {
    this.#nowUs = nowUs;
    if (nowUs < this.deadlineUs) return;
    if (nowUs >= this.#lieAtUs) this.#lie(nowUs);
    if (this.state !== 'syn-sent' && this.state !== 'established') return;
    if (nowUs >= this.#readAtUs) this.#read(nowUs);
    if (nowUs >= this.#ackAtUs) this.#acknowledge();
    if (nowUs < this.#up.rtoAtUs) return;
    if (this.state === 'syn-sent') {
      this.#emit(SYN, 0, 0);
      this.#up.arm(nowUs);
    } else this.#up.timeout(nowUs, this);
  }

  receive(nowUs: Micros, frame: Uint8Array): void {
    this.#nowUs = nowUs;
    if (this.state === 'vanished' || this.state === 'closed') return;
    if (readFrame(frame, seen) !== undefined) {
      this.damaged++;
      return;
    }
    if (this.state === 'has-reset') {
      if ((seen.flags & RST) === 0) this.#emitReset(seen.ack);
      return;
    }
    if ((seen.flags & RST) !== 0) {
      // A late duplicate of ours, after both sides had closed, is answered by a reset that means nothing any more; nor does
      // one that answers an acknowledgment of nothing (RFC 9293 §3.10.7.4, fifth, in SYN-RECEIVED).
      const ahead = (seen.seq - this.#irs - this.#rcvNxt) | 0;
      const mine = this.state === 'syn-sent' || (ahead >= -1 && ahead <= this.options.bufferBytes);
      if (this.state !== 'done' && mine) this.state = 'was-reset';
      return;
    }
    if (this.state === 'syn-sent') {
      this.#receiveSynAck(nowUs);
      return;
    }
    if ((seen.flags & SYN) !== 0) {
      // A stray SYN of ours may open a new connection from the server's TIME-WAIT (RFC 9293 §3.6.1); nobody is here for it.
      if (this.state === 'done') this.#emitReset(seen.ack);
      else this.#acknowledge();
      return;
    }
    const position = this.#rcvNxt + ((seen.seq - this.#irs - this.#rcvNxt) | 0);
    const size = seen.payloadStart - 40 + seen.payloadLength;
    if (seen.payloadLength > 0 && size > Math.max(48, this.options.mss)) {
      throw new Error(`the server sent ${size} bytes of options and text to an MSS of ${this.options.mss}`);
    }
    if (this.#timestampsOk) this.#takeTimestamps(position);
    this.#takeAcknowledgment(nowUs);
    this.#takeText(nowUs, position, frame);
    this.#up.mayFinish = this.options.closeFirst || this.serverFinished;
    this.#up.send(nowUs, this);
    if (this.serverFinished && this.#up.done) {
      if (this.#ackAtUs !== NEVER) this.#acknowledge();
      this.state = 'done';
    }
  }

  // ---- UploadOut ----

  send(position: number, length: number, fin: boolean): void {
    const last = position + length === this.options.upload + 1;
    this.#emit(ACK | (fin ? FIN : 0) | (last && length > 0 ? PSH : 0), position, length);
  }

  // ---- receiving ----

  #receiveSynAck(nowUs: Micros): void {
    const { options } = this;
    if ((seen.flags & (SYN | ACK)) !== (SYN | ACK) || seen.ack !== (options.isn + 1) >>> 0) {
      if ((seen.flags & ACK) !== 0) this.#emitReset(seen.ack);
      return;
    }
    if (seen.windowScale >= 0 && options.windowScale < 0) throw new Error('window scale without an offer');
    if (seen.sackPermitted && !options.sack) throw new Error('SACK-permitted without an offer');
    if (seen.hasTimestamps && !options.timestamps) throw new Error('timestamps without an offer');
    if (seen.windowScale >= 0) {
      this.#shiftIn = seen.windowScale;
      this.#shiftOut = options.windowScale;
    }
    this.#sackOk = seen.sackPermitted;
    this.#timestampsOk = seen.hasTimestamps;
    this.#tsRecent = seen.tsVal;
    this.state = 'established';
    this.#irs = seen.seq;
    this.#rcvNxt = 1;
    this.#up.una = 1;
    this.#up.wnd = seen.window;
    this.#up.mss = Math.max(1, Math.min(options.mss, seen.mss < 0 ? 536 : seen.mss) - (this.#timestampsOk ? 12 : 0));
    this.#up.mayFinish = options.closeFirst;
    this.#acknowledge();
    this.#up.send(nowUs, this);
  }

  /** RFC 7323 §3.2 and §4.3. */
  #takeTimestamps(position: number): void {
    if (!seen.hasTimestamps) throw new Error('a segment without timestamps after both sides agreed on them');
    if (((this.#tsVal() - seen.tsEcr) | 0) < 0)
      throw new Error(`the server echoes ${seen.tsEcr}, which was not sent yet`);
    if (((seen.tsVal - this.#tsRecent) | 0) >= 0 && position <= this.#lastAckSent) this.#tsRecent = seen.tsVal;
  }

  #takeAcknowledgment(nowUs: Micros): void {
    const up = this.#up;
    const ack = up.una + ((seen.ack - this.options.isn - up.una) | 0);
    if (ack > up.max) throw new Error(`the server acknowledges ${ack}, but only ${up.max} were sent`);
    if (seen.sackCount > 0 && !this.#sackOk) throw new Error('SACK blocks without agreement');
    const sacked: number[] = [];
    for (let i = 0; i < seen.sackCount; i++) {
      const left = up.una + ((seen.sackEdges[2 * i]! - this.options.isn - up.una) | 0);
      const right = up.una + ((seen.sackEdges[2 * i + 1]! - this.options.isn - up.una) | 0);
      if (left >= right || right > up.max) throw new Error(`SACK block ${left} to ${right} of ${up.max}`);
      // RFC 2883 §4: the first block alone may tell of what came twice, at or below the acknowledgment or inside the second.
      if (right > ack && left > ack) sacked.push(left, right);
      else if (i > 0) throw new Error(`SACK block ${left} to ${right} is not above the acknowledgment ${ack}`);
    }
    const wnd = seen.window << this.#shiftIn;
    const duplicate = seen.payloadLength === 0 && (seen.flags & FIN) === 0 && up.max > up.una && wnd === up.wnd;
    up.acknowledge(nowUs, ack, wnd, sacked, duplicate);
  }

  #takeText(nowUs: Micros, position: number, frame: Uint8Array): void {
    const length = seen.payloadLength;
    const fin = (seen.flags & FIN) !== 0;
    if (length > 0 && !isPattern(frame, seen.payloadStart, position - 1, length)) {
      throw new Error(`the server sent other bytes than it has at ${position - 1}`);
    }
    if (length === 0 && !fin) return;
    const edge = this.#rcvNxt + this.#freeBytes();
    const start = Math.max(position, this.#rcvNxt);
    const end = Math.min(position + length, edge);
    if (fin && position + length <= edge) this.#finAt = position + length;
    let atOnce = fin || this.#held.list.length > 0;
    if (position < this.#rcvNxt && length > 0) this.#dsack = [position, Math.min(position + length, this.#rcvNxt)];
    if (end <= start) atOnce = true;
    else if (start > this.#rcvNxt) {
      if (this.#held.add(start, end)) this.#dsack = [start, end];
      atOnce = true;
    } else {
      this.#rcvNxt = this.#held.advance(end);
      this.#unacked++;
      if (this.options.readBytesPerSecond === 0) this.#readTo = this.#rcvNxt;
      else if (this.#readAtUs === NEVER) this.#readAtUs = nowUs + READ_STEP_US;
    }
    if (this.#finAt === this.#rcvNxt && !this.serverFinished) {
      this.serverFinished = true;
      this.#rcvNxt++;
    }
    if (atOnce || this.#unacked >= this.options.ackEvery) this.#acknowledge();
    else if (this.#ackAtUs === NEVER) this.#ackAtUs = nowUs + this.options.delayedAckUs;
  }

  #freeBytes(): number {
    const { bufferBytes, windowScale, lies } = this.options;
    const most = this.#shiftOut > 0 || windowScale >= 0 ? 65_535 * 2 ** this.#shiftOut : 65_535;
    const free = Math.max(0, Math.min(most, bufferBytes - Math.max(0, this.#rcvNxt - this.#readTo)));
    return within(this.#nowUs - this.#startUs, lies.shrinkAtUs, lies.shrinkForUs)
      ? Math.min(free, lies.shrinkToBytes)
      : free;
  }

  #read(nowUs: Micros): void {
    const step = Math.max(1, Math.floor((this.options.readBytesPerSecond * READ_STEP_US) / 1_000_000));
    this.#readTo = Math.min(this.#rcvNxt, this.#readTo + step);
    this.#readAtUs = this.#readTo < this.#rcvNxt ? nowUs + READ_STEP_US : NEVER;
    // RFC 9293 §3.8.6.2.2: tell of a window that has grown by a segment or half the buffer.
    const grown = this.#freeBytes() - this.#window;
    if (grown >= Math.min(this.options.mss, this.options.bufferBytes >>> 1) && this.#window < 2 * this.options.mss) {
      this.#acknowledge();
    }
  }

  // ---- sending ----

  #acknowledge(): void {
    const { lies } = this.options;
    const from = this.#lastAckSent;
    const pieces = lies.ackDivision > 1 && this.#rcvNxt - from > lies.ackDivision ? lies.ackDivision : 1;
    for (let i = 1; i <= pieces; i++) {
      this.#ackTo = from + Math.floor(((this.#rcvNxt - from) * i) / pieces);
      if (i === pieces) this.#ackTo = this.#rcvNxt;
      this.#emit(ACK, this.#up.ackPosition, 0);
    }
    if (lies.repeatAcks) this.#emit(ACK, this.#up.ackPosition, 0);
    this.#ackTo = -1;
  }

  #tsVal(): number {
    return (this.options.isn + Math.floor(this.#nowUs / 1_000)) >>> 0;
  }

  #emit(flags: number, position: number, length: number): void {
    const { isn, mss, windowScale, sack, timestamps, lies } = this.options;
    const syn = (flags & SYN) !== 0;
    const opts = this.#opts;
    opts.clear();
    if (syn) {
      opts.mss(mss);
      if (windowScale >= 0) opts.windowScale(windowScale);
      if (sack) opts.sackPermitted();
    }
    if (syn ? timestamps : this.#timestampsOk) opts.timestamps(this.#tsVal(), syn ? 0 : this.#tsRecent);
    if (this.#sackOk && !syn) this.#addSack(length);
    let ack = this.#ackTo >= 0 ? this.#ackTo : this.#rcvNxt;
    this.#window = this.#freeBytes();
    if (!syn) {
      this.#lastAckSent = Math.max(this.#lastAckSent, ack);
      if (ack === this.#rcvNxt) {
        this.#unacked = 0;
        this.#ackAtUs = NEVER;
        this.#dsack = undefined;
      }
      if (length === 0 && this.#aheadLeft > 0 && this.#random.below(8) === 0) {
        this.#aheadLeft--;
        ack += 0x2000_0000;
      }
    }
    const field = syn
      ? Math.min(65_535, this.#window)
      : Math.min(65_535, Math.floor(this.#window / 2 ** this.#shiftOut));
    if (within(this.#nowUs - this.#startUs, lies.withholdAtUs, lies.withholdForUs) && !syn) return;
    this.#put(flags, (isn + position) >>> 0, syn ? 0 : (this.#irs + ack) >>> 0, field, position - 1, length);
    if (this.#straysLeft > 0 && this.state === 'established' && this.#random.below(4) === 0) this.#stray();
  }

  #put(flags: number, seq: number, ack: number, window: number, payloadIndex: number, payloadLength: number): void {
    const { port, serverPort } = this.options;
    this.outbox.push(
      writeFrame(
        {
          source: this.addressNumber,
          destination: this.#serverNumber,
          sourcePort: port,
          destinationPort: serverPort,
          seq,
          ack,
          flags,
          window,
          payloadIndex,
          payloadLength,
        },
        this.#opts,
      ),
    );
  }

  /** RFC 2018 §4: the newest first; RFC 2883 §4: what came twice before all. Segments with text carry at most one block. */
  #addSack(length: number): void {
    const edges: number[] = [];
    const add = (start: number, end: number): void => {
      edges.push((this.#irs + start) >>> 0, (this.#irs + end) >>> 0);
    };
    const bogus = this.#bogusLeft > 0 && length === 0 && this.#random.below(3) === 0;
    if (bogus) {
      this.#bogusLeft--;
      const { mss } = this.options;
      const nxt = this.#rcvNxt;
      const kind = this.#random.below(5);
      if (kind === 0) add(nxt + 1_000_000, nxt + 1_000_000 + mss);
      else if (kind === 1) add(nxt - 3 * mss, nxt - 2 * mss);
      else if (kind === 2) add(nxt + mss, nxt + 20 * mss);
      else if (kind === 3) add(nxt + 2 * mss, nxt + mss);
      else add(nxt, nxt + 2 * mss);
    } else if (this.#dsack) add(this.#dsack[0], this.#dsack[1]);
    if (length === 0 || this.#dsack === undefined) {
      for (const range of this.#held.recent()) add(range.start, range.end);
    }
    this.#opts.sack(length > 0 ? edges.slice(0, 2) : edges);
  }

  #emitReset(seq: number): void {
    this.#opts.clear();
    this.#put(RST, seq, 0, 0, 0, 0);
  }

  // ---- lies with times ----

  #planLies(nowUs: Micros): void {
    const { lies } = this.options;
    const sinceUs = nowUs - this.#startUs;
    let nextUs = NEVER;
    for (const atUs of [
      lies.withholdForUs > 0 ? lies.withholdAtUs + lies.withholdForUs : 0,
      lies.shrinkForUs > 0 ? lies.shrinkAtUs : 0,
      lies.shrinkForUs > 0 ? lies.shrinkAtUs + lies.shrinkForUs : 0,
      this.#reneged ? 0 : lies.renegeAtUs,
      lies.resetAtUs,
      lies.vanishAtUs,
    ]) {
      if (atUs > sinceUs && atUs < nextUs) nextUs = atUs;
    }
    this.#lieAtUs = this.#startUs + nextUs;
  }

  #lie(nowUs: Micros): void {
    const { lies } = this.options;
    const sinceUs = nowUs - this.#startUs;
    if (lies.vanishAtUs > 0 && sinceUs >= lies.vanishAtUs) {
      this.state = 'vanished';
      return;
    }
    if (lies.resetAtUs > 0 && sinceUs >= lies.resetAtUs) {
      this.#emitReset((this.options.isn + this.#up.nxt) >>> 0);
      this.state = 'has-reset';
      return;
    }
    if (lies.renegeAtUs > 0 && sinceUs >= lies.renegeAtUs && !this.#reneged) {
      this.#reneged = true;
      this.#held.clear();
    }
    // The window has changed, or silence has ended: say so.
    if (this.state === 'established') this.#acknowledge();
    this.#planLies(nowUs);
  }

  /** A segment that a correct server refuses without harm; RFC 5961 asks for challenge ACKs to the first two. */
  #stray(): void {
    this.#straysLeft--;
    const { isn, upload } = this.options;
    // Behind the FIN: never RCV.NXT, however late it comes, but inside the window when little is left to send.
    const behind = (isn + upload + 3 + this.#random.below(2_000)) >>> 0;
    const ack = (this.#irs + this.#rcvNxt) >>> 0;
    this.#opts.clear();
    if (this.#timestampsOk) this.#opts.timestamps(this.#tsVal(), this.#tsRecent);
    const kind = this.#random.below(5);
    if (kind === 0) this.#put(RST, behind, 0, 0, 0, 0);
    else if (kind === 1) {
      // In SYN-RECEIVED it would end the connection (RFC 9293 §3.10.7.4, fourth).
      if (this.options.lies.straySyns && this.#up.una > 1 && !this.serverFinished)
        this.#put(SYN, behind, 0, 1_000, 0, 0);
    } else if (kind === 2) this.#put(RST, (isn - 100_000) >>> 0, 0, 0, 0, 0);
    else if (kind === 3 && upload > 0 && this.#up.una > 1) {
      // Old text, honest in content; its window says what the last ACK said.
      this.#put(ACK, (isn + 1) >>> 0, ack, Math.floor(this.#window / 2 ** this.#shiftOut) & 0xffff, 0, 1);
    } else this.#put(ACK, (behind + 0x4000_0000) >>> 0, ack, 0, 0, 100);
  }
}

function within(atUs: Micros, fromUs: Micros, lengthUs: Micros): boolean {
  return lengthUs > 0 && atUs >= fromUs && atUs < fromUs + lengthUs;
}

function toNumber(address: string): number {
  return addressBytes(address).reduce((value, octet) => value * 256 + octet, 0);
}

function isPattern(frame: Uint8Array, start: number, index: number, length: number): boolean {
  const expected = patternBytes(index, length);
  for (let i = 0; i < length; i++) if (frame[start + i] !== expected[i]) return false;
  return true;
}
