// Names the first difference between a recording and its replay: packet, layer, field, both values and the RFC section. The
// replay is run a second time, and the outbound stream of the flow in question is dissected on both sides as it goes.

import type { Trace, TraceEvent } from '../core/trace.js';
import type { RunConfig } from '../io/assemble.js';
import { compareLimits, type Difference, firstByteDifference, sameBytes } from './difference.js';
import {
  checksumsHold,
  type DissectedPacket,
  dissectPacket,
  headerDifference,
  isSameFlow,
  packetLayer,
  packetTitle,
  remainingDifference,
  SYN,
} from './dissect-packet.js';
import { type FlowKnowledge, type Side, StreamComparison } from './dissect-stream.js';
import type { SecretLabel } from './dissect-tls.js';
import { keyLogLine } from './recorders.js';
import { type Mismatch, type OutboundPacket, replayRecording } from './replay.js';
import { ruleOf } from './rules.js';

/**
 * One to four lines about the first difference, as `replayRecording` found it. The first is
 * `packet N (+S.SSSSSS s) LAYER FIELD: recorded A, now B (RFC N §S)`, the others give notes, the place in the file and
 * how to look on. Never throws: where the file cannot be read a second time, the packets themselves are compared.
 */
export async function describeMismatch(file: string, mismatch: Mismatch): Promise<string[]> {
  const observer = new Observer(mismatch);
  let packets: number | undefined;
  try {
    const result = await replayRecording(file, {
      goOn: true,
      trace: observer.trace,
      onManifest: ({ config }) => observer.mode((config as RunConfig).mode),
      onSecrets: (text) => observer.secrets(text),
      onOutbound: (side, packet) => observer.outbound(side === 'recorded' ? 'recorded' : 'now', packet),
      afterInput: () => (observer.hasEnough() ? Promise.resolve('quit') : undefined),
    });
    packets = result.packets;
  } catch {
    // Behind a difference the recorded input need not make sense any more. What was seen until then has to do.
  }
  return lines(file, mismatch, observer.verdict(), packets);
}

interface Verdict extends Difference {
  /** In the packet; -1 where there is no pair of packets to show. */
  readonly at: number;
  /** A packet that is sent now and was not recorded. */
  readonly isExtra?: boolean;
  /** Where it is another than that of the field in general. */
  readonly rule?: string;
}

function lines(file: string, mismatch: Mismatch, verdict: Verdict, packets: number | undefined): string[] {
  const { recorded, replayed } = mismatch;
  const { layer, path, at, notes } = verdict;
  const index = recorded?.index ?? (packets ?? 0) + 1;
  const atUs = (verdict.isExtra ? replayed : (recorded ?? replayed))!.atUs;
  const rule = verdict.rule ?? ruleOf(layer, path);
  const values = `recorded ${verdict.recorded}, now ${verdict.now}`;
  const out = [`packet ${index} (${seconds(atUs)}) ${layer} ${path}: ${values}${rule === '' ? '' : ` (${rule})`}`];
  if (notes.length > 0) out.push(notes.join('; '));
  if (recorded === undefined) return [...out, 'it comes behind the last packet of the recording'];
  const place = `at offset ${recorded.fileOffset} of the file`;
  if (verdict.isExtra) out.push(`it comes before packet ${index}, which is ${place}`);
  else if (at < 0) out.push(place);
  else {
    const hex = (bytes: Uint8Array): string => Buffer.from(bytes.subarray(at, at + SHOWN_BYTES)).toString('hex') || '-';
    out.push(`${place}, byte ${at} of the packet: recorded ${hex(recorded.bytes)}, now ${hex(replayed!.bytes)}`);
  }
  out.push(`look on with: tshark -r ${shellWord(file)} -Y 'frame.number == ${recorded.frameNumber}' -V`);
  return out;
}

const SHOWN_BYTES = 12;
const CHANGED = 'the file was changed';

function seconds(us: number): string {
  return `+${Math.floor(us / 1_000_000)}.${String(us % 1_000_000).padStart(6, '0')} s`;
}

function shellWord(text: string): string {
  return /^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** Watches the second replay: up to the difference both sides are the same, behind it each goes its own way. */
class Observer {
  readonly #mismatch: Mismatch;
  /** The packet whose flow is dissected. */
  readonly #model: Uint8Array;
  readonly #flow = new WatchedFlow();
  #comparison: StreamComparison | undefined;
  readonly #counts = { recorded: 0, now: 0 };
  /** From the difference on. */
  readonly #packets: Record<Side, OutboundPacket[]> = { recorded: [], now: [] };
  /** Sent now, from the difference on, while recorded packets before the difference are still to be read. */
  #early: OutboundPacket[] = [];
  #isTcpMode = false;
  #shift: Shift | undefined;
  #end = 0;

  constructor(mismatch: Mismatch) {
    this.#mismatch = mismatch;
    this.#model = (mismatch.recorded ?? mismatch.replayed)!.bytes;
  }

  readonly trace: Trace = (_atUs, event) => this.#flow.trace(event);

  mode(mode: RunConfig['mode']): void {
    this.#isTcpMode = mode === 'tcp';
    const packet = dissectPacket(this.#model);
    if (packet.tcp === undefined) return;
    this.#flow.watch(
      `${packet.source}:${packet.tcp.sourcePort}`,
      `${packet.destination}:${packet.tcp.destinationPort}`,
      this.#isTcpMode,
    );
    this.#comparison = new StreamComparison(this.#flow);
  }

  secrets(text: string): void {
    this.#flow.secrets('recorded', text);
  }

  outbound(side: Side, packet: OutboundPacket): void {
    const count = this.#counts[side]++;
    const { samePackets } = this.#mismatch;
    if (count < samePackets) {
      // The same on both sides, so that one of the two is enough; the recorded one comes last, when all is known.
      if (side === 'recorded') this.#shared(packet.bytes);
      if (this.#counts.recorded === samePackets) {
        for (const early of this.#early) this.#differing('now', early);
        this.#early = [];
      }
      return;
    }
    const copy = { ...packet, bytes: packet.bytes.slice() };
    // What is sent now is seen before what was recorded of the same instant.
    if (this.#counts.recorded < samePackets) {
      if (this.#early.length < compareLimits.earlyPackets) this.#early.push(copy);
    } else this.#differing(side, copy);
  }

  hasEnough(): boolean {
    const { recorded, now } = this.#packets;
    if (this.#shift === undefined) {
      const isFull = recorded.length > compareLimits.lookAhead && now.length > compareLimits.lookAhead;
      this.#shift = findShift(recorded, now, isFull);
    }
    if (this.#shift === undefined) return false;
    if (this.#shift.kind !== 'none' || this.#mismatch.kind === 'time') return true;
    return this.#comparison === undefined || this.#comparison.settled(this.#end);
  }

  verdict(): Verdict {
    const { recorded, replayed } = this.#mismatch;
    const shift = this.#shift ?? findShift(this.#packets.recorded, this.#packets.now, true)!;
    if (recorded === undefined || shift.kind === 'extra') {
      return this.#onlyOne('now', replayed!, recorded === undefined ? 1 : shift.count);
    }
    if (replayed === undefined || shift.kind === 'missing') {
      return this.#onlyOne('recorded', recorded, replayed === undefined ? 1 : shift.count);
    }
    if (shift.kind === 'order') return orderVerdict(recorded, replayed);
    if (sameBytes(recorded.bytes, replayed.bytes)) return timeVerdict(recorded, replayed);
    const verdict = this.#pair(dissectPacket(recorded.bytes), dissectPacket(replayed.bytes));
    const notes = [...verdict.notes];
    const isKnown = notes.some((note) => note.endsWith(CHANGED));
    if (!isKnown && !checksumsHold(recorded.bytes)) {
      notes.push(`a checksum of the recorded packet does not hold: ${CHANGED}`);
    }
    if (recorded.atUs !== replayed.atUs) notes.push(`the time differs too: now ${seconds(replayed.atUs)}`);
    return { ...verdict, notes };
  }

  #differing(side: Side, packet: OutboundPacket): void {
    const behind = this.#packets[side];
    if (behind.length <= compareLimits.lookAhead) behind.push(packet);
    this.#flow.freeze();
    this.#feed(side, packet.bytes);
    this.#comparison?.compare();
  }

  #shared(bytes: Uint8Array): void {
    if (this.#comparison === undefined || !isSameFlow(this.#model, bytes, this.#isTcpMode)) {
      this.#flow.countOpened(bytes, false);
      return;
    }
    const { tcp } = dissectPacket(bytes);
    if (tcp === undefined) return;
    this.#flow.countOpened(bytes, true);
    // The same addresses and ports again are another connection, unless the SYN-ACK is only sent again.
    const recorded = this.#comparison.side('recorded');
    if ((tcp.flags & SYN) !== 0 && recorded.opened && recorded.offsetOf(tcp.seq) !== -1) {
      this.#comparison = new StreamComparison(this.#flow);
    }
    this.#feed('recorded', bytes);
    this.#feed('now', bytes);
    this.#comparison.compare();
  }

  #feed(side: Side, bytes: Uint8Array): void {
    const stream = this.#comparison?.side(side);
    if (stream === undefined || !isSameFlow(this.#model, bytes, this.#isTcpMode)) return;
    const { tcp, payload } = dissectPacket(bytes);
    if (tcp === undefined) return;
    const isFirst = this.#packets[side].length === 1;
    if ((tcp.flags & SYN) !== 0) stream.open(tcp.seq);
    else if (stream.opened) {
      if (isFirst) this.#end = Math.max(this.#end, stream.offsetOf(tcp.seq) + payload.length);
      stream.push(tcp.seq, payload);
    }
  }

  #pair(recorded: DissectedPacket, now: DissectedPacket): Verdict {
    const header = headerDifference(recorded, now);
    const sameContent = sameBytes(recorded.payload, now.payload);
    // In tcp mode the headers are made up from the content.
    if (header !== undefined && (sameContent || !this.#isTcpMode)) {
      // RFC 6528 §3: an initial sequence number comes of the seed.
      const isInitial = header.layer === 'TCP' && header.path === 'seq' && ((recorded.tcp?.flags ?? 0) & SYN) !== 0;
      return isInitial ? { ...header, rule: 'RFC 6528 §3' } : header;
    }
    const upper = sameContent ? undefined : this.#comparison?.verdict(this.#end, true);
    if (upper === undefined) return remainingDifference(recorded, now);
    const at = recorded.payloadAt + firstByteDifference(recorded.payload, now.payload);
    return { ...upper, at };
  }

  /** A packet that the other side does not have. */
  #onlyOne(side: Side, packet: OutboundPacket, count: number): Verdict {
    const dissected = dissectPacket(packet.bytes);
    const title = packetTitle(dissected);
    const notes: string[] = [];
    if (count > 1) notes.push(`${count} packets in a row`);
    const [content] = dissected.payload.length === 0 ? [] : (this.#comparison?.waiting(side, this.#end) ?? []);
    if (content !== undefined) notes.push(`it carries ${content}`);
    const [recorded, now] = side === 'recorded' ? [title, 'nothing'] : ['nothing', title];
    return { ...packetLayer(dissected), recorded, now, notes, at: -1, isExtra: side === 'now' };
  }
}

function timeVerdict(recorded: OutboundPacket, now: OutboundPacket): Verdict {
  const notes = [`the packet itself is the same: ${packetTitle(dissectPacket(recorded.bytes))}`];
  return { layer: 'IP', path: 'time', recorded: seconds(recorded.atUs), now: seconds(now.atUs), notes, at: -1 };
}

function orderVerdict(recorded: OutboundPacket, now: OutboundPacket): Verdict {
  const title = (packet: OutboundPacket): string => packetTitle(dissectPacket(packet.bytes));
  const notes = ['the same packets in another order'];
  return { layer: 'IP', path: 'order', recorded: title(recorded), now: title(now), notes, at: -1 };
}

interface Shift {
  readonly kind: 'none' | 'missing' | 'extra' | 'order';
  readonly count: number;
}

/**
 * Whether one side has packets that the other lacks, and then goes on the same; undefined while it cannot be told.
 * `final`: no more packets will come.
 */
function findShift(
  recorded: readonly OutboundPacket[],
  now: readonly OutboundPacket[],
  final: boolean,
): Shift | undefined {
  const [a, b] = [recorded[0], now[0]];
  if (a === undefined || b === undefined) return final ? { kind: 'none', count: 0 } : undefined;
  const extra = now.findIndex((packet) => samePacket(packet, a));
  const missing = recorded.findIndex((packet) => samePacket(packet, b));
  if (extra > 0 && missing > 0) return { kind: 'order', count: 1 };
  const isAligned = recorded[1] !== undefined && now[1] !== undefined && samePacket(recorded[1], now[1]);
  if (!isAligned && extra > 0) return { kind: 'extra', count: extra };
  if (!isAligned && missing > 0) return { kind: 'missing', count: missing };
  return isAligned || final ? { kind: 'none', count: 0 } : undefined;
}

function samePacket(a: OutboundPacket, b: OutboundPacket): boolean {
  return a.atUs === b.atUs && sameBytes(a.bytes, b.bytes);
}

/** What the trace of the replay and the recorded key log tell of the connection: the input is the same on both sides. */
class WatchedFlow implements FlowKnowledge {
  readonly #secrets: Record<Side, Map<string, string>> = { recorded: new Map(), now: new Map() };
  #local = '';
  #peer = '';
  #isTcpMode = false;
  #opened = 0;
  /** As in the trace. */
  #name: string | undefined;
  #frozen = false;
  #clientRandom: string | undefined;
  /** Of the requests, without the oldest, which were answered long ago. */
  #methods: string[] = [];
  #forgottenMethods = 0;

  watch(local: string, peer: string, isTcpMode: boolean): void {
    this.#local = local;
    this.#peer = peer;
    this.#isTcpMode = isTcpMode;
  }

  /** tcp mode tells of no segments; there streams are numbered in the order of their SYN-ACKs. */
  countOpened(bytes: Uint8Array, isWatched: boolean): void {
    if (!this.#isTcpMode || ((dissectPacket(bytes).tcp?.flags ?? 0) & SYN) === 0) return;
    if (isWatched) this.#rename(`accept#${this.#opened}`);
    this.#opened++;
  }

  /** The difference was reached: another connection of the same addresses is not the one that is meant. */
  freeze(): void {
    this.#frozen = true;
  }

  trace(event: TraceEvent): void {
    switch (event.layer) {
      case 'tcp':
        if (event.kind === 'segment' && event.flow !== undefined && this.#isOurs(event.src, event.dst)) {
          this.#rename(event.flow);
        }
        return;
      case 'tls':
        if (event.kind === 'secret') this.secrets('now', keyLogLine(event)!);
        else if (event.kind === 'handshake' && event.message === 'ClientHello' && event.flow === this.#name) {
          this.#clientRandom ??= String(event.fields.random);
        }
        return;
      case 'http1':
        if (event.kind !== 'request' || event.flow !== this.#name) return;
        this.#methods.push(event.method);
        if (this.#methods.length > compareLimits.waiting) {
          this.#methods.shift();
          this.#forgottenMethods++;
        }
        return;
      default:
        return;
    }
  }

  secrets(side: Side, text: string): void {
    const known = this.#secrets[side];
    for (const [, label, random, secret] of text.matchAll(
      /^([A-Z0-9_]{1,40}) ([0-9a-f]{64}) ([0-9a-f]{64,128})\s*$/gim,
    )) {
      if (known.size >= compareLimits.secrets) known.delete(known.keys().next().value!);
      known.set(`${label} ${random!.toLowerCase()}`, secret!);
    }
  }

  clientRandom(): Uint8Array | undefined {
    return this.#clientRandom === undefined ? undefined : Buffer.from(this.#clientRandom, 'hex');
  }

  secret(side: Side, label: SecretLabel): Uint8Array | undefined {
    const secret = this.#secrets[side].get(`${label} ${this.#clientRandom ?? ''}`);
    return secret === undefined ? undefined : Buffer.from(secret, 'hex');
  }

  method(n: number): string | undefined {
    return this.#methods[n - this.#forgottenMethods];
  }

  #isOurs(source: string, destination: string): boolean {
    return (
      (source === this.#local && destination === this.#peer) || (source === this.#peer && destination === this.#local)
    );
  }

  #rename(name: string): void {
    if (this.#frozen || name === this.#name) return;
    this.#name = name;
    this.#clientRandom = undefined;
    this.#methods = [];
    this.#forgottenMethods = 0;
  }
}
