// One flow's outbound byte stream, recorded and replayed side by side: segments in order (RFC 9293 §3.4), TLS or HTTP/1.1 by
// the first byte, and the first record and the first unit that are not the same on both sides. Holds what one side has shown
// and the other has not, and nothing else.

import { contentTypeName, versionName } from '../core/tls/names.js';
import { ContentType } from '../core/tls/record.js';
import {
  compareLimits,
  type Difference,
  firstByteDifference,
  loneUnit,
  sameBytes,
  sameUnit,
  type Unit,
  unitDifference,
  windowText,
} from './difference.js';
import { Http1Dissector } from './dissect-http1.js';
import { Http2Dissector } from './dissect-http2.js';
import { recordName, type SecretLabel, TlsDissector, type TlsRecord } from './dissect-tls.js';
import type { ApplicationDissector } from './pending.js';

export type Side = 'recorded' | 'now';

/** What is known of a connection beside its outbound bytes. */
export interface FlowKnowledge {
  clientRandom(): Uint8Array | undefined;
  secret(side: Side, label: SecretLabel): Uint8Array | undefined;
  /** Of the request that the n-th final response answers, from 0; undefined when it is not known. */
  method(n: number): string | undefined;
}

/** The outbound stream of one flow on one side. */
class StreamSide {
  readonly units: Unit[] = [];
  readonly records: TlsRecord[] = [];
  readonly #side: Side;
  readonly #knowledge: FlowKnowledge;
  #initialSeq: number | undefined;
  /** Bytes of the stream that were taken. */
  #taken = 0;
  #tls: TlsDissector | undefined;
  #plain: ApplicationDissector | undefined;
  #responses = 0;
  /** A second SYN-ACK was seen: the flow that is looked at is over. */
  #over = false;
  #hasGap = false;

  constructor(side: Side, knowledge: FlowKnowledge) {
    this.#side = side;
    this.#knowledge = knowledge;
  }

  get taken(): number {
    return this.#taken;
  }

  get over(): boolean {
    return this.#over;
  }

  get lost(): boolean {
    return this.#over || (this.#tls?.lost ?? this.#plain?.lost ?? false);
  }

  /** Where what is not complete yet began: a unit or, below it, a record. */
  get openSince(): number {
    const unit = this.#tls?.openSince ?? this.#plain?.openSince ?? Number.POSITIVE_INFINITY;
    return Math.min(unit, this.#tls?.recordOpenSince ?? Number.POSITIVE_INFINITY);
  }

  /** Whether it is known that nothing more was begun behind what was shown. */
  get isComplete(): boolean {
    return !this.lost && !this.#hasGap && this.openSince === Number.POSITIVE_INFINITY;
  }

  get unitOpenSince(): number {
    return this.#tls?.openSince ?? this.#plain?.openSince ?? Number.POSITIVE_INFINITY;
  }

  open(seq: number): void {
    if (this.#initialSeq === undefined) this.#initialSeq = seq;
    else if (this.#initialSeq !== seq) this.#over = true;
  }

  /** Where in the stream a sequence number is. */
  offsetOf(seq: number): number {
    // The stream may be longer than 2^32: the nearest place to what was taken.
    const next = (this.#initialSeq! + 1 + this.#taken) >>> 0;
    return this.#taken + ((seq - next) | 0);
  }

  get opened(): boolean {
    return this.#initialSeq !== undefined;
  }

  /** What was taken already is passed over; behind a gap nothing is taken until it is filled. */
  push(seq: number, payload: Uint8Array): void {
    if (this.#over || !this.opened || payload.length === 0) return;
    const known = -(this.offsetOf(seq) - this.#taken);
    if (known < 0) this.#hasGap = true;
    if (known < 0 || known >= payload.length) return;
    const fresh = payload.subarray(known);
    if (this.#taken === 0) this.#begin(fresh[0]!);
    const startsAt = this.#taken;
    this.#taken += fresh.length;
    if (this.#tls !== undefined) this.#tls.push(fresh);
    else this.#plain?.push(fresh, startsAt);
  }

  finish(): void {
    this.#tls?.finish();
    this.#plain?.finish();
  }

  #begin(firstByte: number): void {
    const emit = (unit: Unit): void => {
      this.units.push(unit);
    };
    const http1 = (): ApplicationDissector => new Http1Dissector(emit, () => this.#knowledge.method(this.#responses++));
    // RFC 5246 §6.2.1: a content type; an HTTP response begins with a letter.
    if (firstByte < ContentType.changeCipherSpec || firstByte > ContentType.applicationData) {
      this.#plain = http1();
      return;
    }
    const knowledge = {
      clientRandom: () => this.#knowledge.clientRandom(),
      secret: (label: SecretLabel) => this.#knowledge.secret(this.#side, label),
      application: (alpn: string | undefined) => (alpn === 'h2' ? new Http2Dissector(emit) : http1()),
    };
    this.#tls = new TlsDissector(knowledge, emit, (record) => {
      this.records.push(record);
    });
  }
}

interface Found {
  readonly difference: Difference;
  readonly startsAt: number;
}

export class StreamComparison {
  readonly #recorded: StreamSide;
  readonly #now: StreamSide;
  #unit: Found | undefined;
  #record: Found | undefined;

  constructor(knowledge: FlowKnowledge) {
    this.#recorded = new StreamSide('recorded', knowledge);
    this.#now = new StreamSide('now', knowledge);
  }

  side(side: Side): StreamSide {
    return side === 'recorded' ? this.#recorded : this.#now;
  }

  /** After either side was pushed to. */
  compare(): void {
    const units = [this.#recorded.units, this.#now.units] as const;
    if (this.#unit === undefined) {
      const count = sharedCount(units[0], units[1], sameUnit);
      const [a, b] = [units[0][count], units[1][count]];
      if (a !== undefined && b !== undefined) {
        this.#unit = { difference: unitDifference(a, b), startsAt: Math.min(a.startsAt, b.startsAt) };
      }
      for (const side of units) side.splice(0, count);
    }
    const records = [this.#recorded.records, this.#now.records] as const;
    if (this.#record === undefined) {
      const count = sharedCount(records[0], records[1], sameRecord);
      const [a, b] = [records[0][count], records[1][count]];
      if (a !== undefined && b !== undefined) {
        this.#record = { difference: recordDifference(a, b), startsAt: Math.min(a.startsAt, b.startsAt) };
      }
      for (const side of records) side.splice(0, count);
    }
    // Behind a difference, or while one side says nothing more, the rest is of no use.
    for (const queue of [...units, ...records])
      if (queue.length > compareLimits.waiting) queue.splice(compareLimits.waiting);
  }

  /**
   * Whether more bytes could change `verdict`. `end`: the place in the stream up to which the differing packet reaches;
   * all that begins before it counts.
   */
  settled(end: number): boolean {
    if (this.#unit !== undefined && this.#unit.startsAt <= (this.#record?.startsAt ?? this.#unit.startsAt)) return true;
    const limit = this.#record === undefined ? end - 1 : this.#record.startsAt;
    if (this.#record === undefined && !this.#reached(end)) return false;
    return this.#isThrough(this.#recorded, this.#now, limit) && this.#isThrough(this.#now, this.#recorded, limit);
  }

  /** The upper layers' difference that begins before `end`; undefined when there is none. */
  verdict(end: number, final: boolean): Difference | undefined {
    if (final) this.#finish();
    const unit = this.#unit !== undefined && this.#unit.startsAt < end ? this.#unit : undefined;
    const record = this.#record !== undefined && this.#record.startsAt < end ? this.#record : undefined;
    if (unit === undefined || record === undefined) return (unit ?? record)?.difference;
    return (unit.startsAt <= record.startsAt ? unit : record).difference;
  }

  /** What only one side has shown and begins before `end`, as titles. */
  waiting(side: Side, end: number): string[] {
    const units = this.side(side).units.filter((unit) => unit.startsAt < end);
    return units.map((unit) => `${unit.layer} ${unit.title()}`);
  }

  #reached(end: number): boolean {
    const { lost: recordedLost } = this.#recorded;
    return (recordedLost || this.#recorded.taken >= end) && (this.#now.lost || this.#now.taken >= end);
  }

  /** All units of `side` that begin at or before `limit` are complete and were compared. */
  #isThrough(side: StreamSide, other: StreamSide, limit: number): boolean {
    if (side.lost || other.lost) return true;
    if ((this.#record === undefined ? side.openSince : side.unitOpenSince) <= limit) return false;
    const waiting = side.units[0];
    return waiting === undefined || waiting.startsAt > limit;
  }

  #finish(): void {
    for (const side of [this.#recorded, this.#now]) side.finish();
    this.compare();
    if (this.#unit !== undefined) return;
    const [a, b] = [this.#recorded.units[0], this.#now.units[0]];
    const only = a ?? b;
    // One side has it; the other must be known to have nothing there.
    const other = a === undefined ? this.#recorded : this.#now;
    if (only !== undefined && other.isComplete) this.#unit = { difference: loneUnit(a, b), startsAt: only.startsAt };
  }
}

function sharedCount<Item>(a: readonly Item[], b: readonly Item[], same: (a: Item, b: Item) => boolean): number {
  const most = Math.min(a.length, b.length);
  let count = 0;
  while (count < most && same(a[count]!, b[count]!)) count++;
  return count;
}

function sameRecord(a: TlsRecord, b: TlsRecord): boolean {
  return a.contentType === b.contentType && a.version === b.version && sameBytes(a.fragment, b.fragment);
}

function recordDifference(recorded: TlsRecord, now: TlsRecord): Difference {
  const layer = 'TLS';
  const name = recordName(recorded);
  const number = `record ${recorded.number}`;
  if (recorded.contentType !== now.contentType) {
    const [before, after] = [recorded, now].map((record) => contentTypeName(record.contentType));
    return { layer, path: `${number}.type`, recorded: before!, now: after!, notes: stateNotes(recorded, now) };
  }
  if (recorded.version !== now.version) {
    const [before, after] = [recorded, now].map((record) => versionName(record.version));
    return { layer, path: `${number}.version`, recorded: before!, now: after!, notes: stateNotes(recorded, now) };
  }
  const notes = stateNotes(recorded, now);
  const { fragment } = recorded;
  const sameLength = fragment.length === now.fragment.length;
  // Two good records whose content is the same up to here: the stream was cut in another way.
  if (!sameLength && recorded.state !== 'refused') {
    const [before, after] = [String(fragment.length), String(now.fragment.length)];
    return { layer, path: `${name}.length`, recorded: before, now: after, notes };
  }
  const at = firstByteDifference(fragment, now.fragment);
  const before = windowText(fragment, at);
  return { layer, path: `${name}.fragment`, recorded: before, now: windowText(now.fragment, at), notes };
}

function stateNotes(recorded: TlsRecord, now: TlsRecord): string[] {
  if (recorded.state === 'refused') {
    return ['the recorded record does not verify under the recorded keys: the file was changed'];
  }
  if (recorded.state === 'locked')
    return ['the recording has no key for this connection, so what is inside is not known'];
  if (now.state === 'refused') return ['the record that is sent now does not verify under its own keys'];
  if (now.state === 'locked') return ['the replay told no key for this connection'];
  return [];
}
