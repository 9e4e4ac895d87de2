// `wirebench diff`: two captures compared by what was said in them. Conversations are matched by who was asked for what, in
// their order; in each, streams and requests; in each of those the units, direction by direction.

import type { Direction } from '../../core/trace.js';
import { CaptureError } from '../../io/capture.js';
import { createConversation } from '../inspect/conversation.js';
import { Inspector, inspectCapture } from '../inspect/packets.js';
import type { KeyStore } from '../inspect/types.js';
import { align, type Pair } from './align.js';
import { type CollectedCapture, Collector, type Cut } from './collect.js';
import { ABSENT, type FieldDifference, fieldDifferences, safe } from './compare-units.js';
import type { FieldPool } from './field-pool.js';
import { diffLimits } from './limits.js';
import { FieldChoice } from './names.js';
import { sectionOf } from './sections.js';
import { type Conversation, type DiffLevel, type Lane, type Unit, unitDigest } from './unit.js';

export interface DiffOptions {
  readonly level: DiffLevel;
  /** Field names; each stands for all below it, too. */
  readonly ignore: readonly string[];
  /** Segments whose TCP checksum is wrong are compared, too. */
  readonly ignoreChecksums?: boolean;
  /** Of both captures, so that what they have in common is kept once. */
  readonly pool?: FieldPool;
}

/** Where a unit stands in its capture. */
export interface DiffPlace {
  readonly packet: number;
  readonly atUs: number;
  readonly flow: string;
}

/** All text in it is printable ASCII, whatever a peer sent. */
export interface DiffEntry {
  readonly kind: 'value' | 'only-in-a' | 'only-in-b';
  /** `ip`, `tcp`, `tls`, `http2`, ... : the first part of the field's name. */
  readonly layer: string;
  readonly field: string;
  readonly a: string;
  readonly b: string;
  /** `RFC 9113 §8.2`; empty where none speaks of it. */
  readonly section: string;
  /** The message, frame or packet: `ClientHello`, `HEADERS`. */
  readonly unit: string;
  /** `tls`, `stream 1 (GET /)`. */
  readonly lane: string;
  readonly from: 'client' | 'server';
  readonly placeA: DiffPlace | undefined;
  readonly placeB: DiffPlace | undefined;
}

export interface DiffGroup {
  readonly layer: string;
  readonly field: string;
  count: number;
  /** The entry that comes first in the captures. */
  first: DiffEntry;
}

export interface CaptureFacts {
  readonly packets: number;
  readonly conversations: number;
  readonly units: number;
  /** Connections that hold nothing that is compared at this level. */
  readonly silent: number;
  /** Connections whose TLS could not be opened. */
  readonly locked: number;
  /** From this packet on the capture was not looked at. */
  readonly fullAtPacket: number | undefined;
  /** Why not. */
  readonly cut: Cut | undefined;
  /** Messages of whose content only the beginning was compared. */
  readonly longContents: number;
  /** Connections that were followed to no end. */
  readonly forgotten: number;
  /** Connections of which something was read no further, as all together held too much. */
  readonly givenUp: number;
}

export interface DiffResult {
  readonly a: CaptureFacts;
  readonly b: CaptureFacts;
  /** Pairs of conversations, streams or requests, and units that were compared. */
  readonly conversations: number;
  readonly units: number;
  readonly count: number;
  /** The first by their place in A; at most `diffLimits.differences` are kept. */
  readonly entries: readonly DiffEntry[];
  /** The most frequent first. */
  readonly groups: readonly DiffGroup[];
  /** Units that were left out, as the other capture was not looked at to its end. */
  readonly notCompared: number;
  /** Everything that this level compares was compared. Otherwise no difference means that none is known of. */
  readonly complete: boolean;
}

/** Reads a capture for a comparison. Raises CaptureError where nothing of it can be read; else what was read is compared. */
export async function collectCapture(file: string, keys: KeyStore, options: DiffOptions): Promise<CollectedCapture> {
  const collector = new Collector(options.level, new FieldChoice(options.level, options.ignore), options.pool);
  const inspectOptions = {
    keys,
    createConversation,
    fields: collector.wantsFields,
    ignoreChecksums: options.ignoreChecksums === true,
    ...(options.level === 'http' && { onExchange: collector.onExchange }),
  };
  const inspector = new Inspector(inspectOptions);
  let last = 0;
  try {
    for await (const packet of inspectCapture(file, inspectOptions, inspector)) {
      collector.packet(packet);
      last = packet.number;
    }
  } catch (error) {
    if (!(error instanceof CaptureError) || last === 0) throw error;
    const read = collector.finish();
    return { ...read, fullAtPacket: read.fullAtPacket ?? last + 1, cut: read.cut ?? 'unreadable', failure: error };
  }
  const { forgotten, verdicts } = inspector.summary;
  const givenUp = (verdicts.get('given-up') ?? 0) + (verdicts.get('hpack-given-up') ?? 0);
  return { ...collector.finish(), forgotten, givenUp };
}

export function compareCaptures(a: CollectedCapture, b: CollectedCapture, options: DiffOptions): DiffResult {
  return new Comparison(new FieldChoice(options.level, options.ignore), a, b).result();
}

class Comparison {
  readonly #choice: FieldChoice;
  readonly #a: CollectedCapture;
  readonly #b: CollectedCapture;
  readonly #entries: { readonly entry: DiffEntry; readonly order: number }[] = [];
  readonly #groups = new Map<string, DiffGroup & { order: number }>();
  #count = 0;
  #conversations = 0;
  #units = 0;
  #notCompared = 0;

  constructor(choice: FieldChoice, a: CollectedCapture, b: CollectedCapture) {
    this.#choice = choice;
    this.#a = a;
    this.#b = b;
  }

  result(): DiffResult {
    for (const pair of matchConversations(this.#a.conversations, this.#b.conversations)) {
      if (pair.a !== undefined && pair.b !== undefined) this.#conversation(pair.a, pair.b);
      else this.#loneConversation(pair);
    }
    const entries = this.#entries.sort((x, y) => x.order - y.order).map(({ entry }) => entry);
    const groups = [...this.#groups.values()]
      .sort((x, y) => y.count - x.count || x.order - y.order)
      .map(({ layer, field, count, first }) => ({ layer, field, count, first }));
    return {
      a: factsOf(this.#a),
      b: factsOf(this.#b),
      conversations: this.#conversations,
      units: this.#units,
      count: this.#count,
      entries,
      groups,
      notCompared: this.#notCompared,
      complete: [this.#a, this.#b].every(isWhole),
    };
  }

  #conversation(a: Conversation, b: Conversation): void {
    this.#conversations++;
    const lanesOfA = [...a.lanes.values()];
    const lanesOfB = [...b.lanes.values()];
    const fixed = (lane: Lane): boolean => lane.key === lane.name;
    // Lanes that each conversation has once.
    for (const lane of lanesOfA.filter(fixed)) this.#lane(lane, b.lanes.get(lane.name), a, b);
    for (const lane of lanesOfB.filter(fixed)) {
      if (!a.lanes.has(lane.name)) this.#lane(undefined, lane, a, b);
    }
    const levels = [laneDigest, (lane: Lane) => lane.key, (lane: Lane) => lane.key.split(' ')[0]!];
    const rest = (lanes: readonly Lane[]): Lane[] => lanes.filter((lane) => !fixed(lane));
    for (const pair of align(rest(lanesOfA), rest(lanesOfB), levels)) this.#lane(pair.a, pair.b, a, b);
  }

  #lane(a: Lane | undefined, b: Lane | undefined, inA: Conversation, inB: Conversation): void {
    if (a === undefined || b === undefined) {
      const lane = (a ?? b)!;
      if ((a === undefined ? this.#a : this.#b).fullAtPacket !== undefined) {
        this.#notCompared += lane.units.length;
        return;
      }
      // A stream or a request is one thing; of a handshake that only one side has, each message is worth a word.
      const units = lane.key === lane.name ? lane.units : lane.units.slice(0, 1);
      let order = 0;
      for (const unit of units) {
        order = a ? unit.packet : Math.max(order, mapped(unit, inA, inB));
        this.#lone(a ? unit : undefined, a ? undefined : unit, lane, inA, inB, order);
      }
      return;
    }
    for (const dir of ['in', 'out'] as const) {
      let order = inA.firstPacket;
      const pairs = align(unitsOf(a, dir), unitsOf(b, dir), UNIT_LEVELS);
      const end = this.#comparableEnd(pairs);
      for (const [at, pair] of pairs.entries()) {
        if (at >= end) {
          this.#notCompared++;
          continue;
        }
        if (pair.a !== undefined) order = pair.a.packet;
        if (pair.a !== undefined && pair.b !== undefined) this.#pair(pair.a, pair.b, a, inA, inB, order);
        else this.#lone(pair.a, pair.b, (pair.a ? a : b)!, inA, inB, order);
      }
    }
  }

  /** Where a capture was not looked at to its end, what the other has more at the end says nothing. */
  #comparableEnd(pairs: readonly Pair<Unit>[]): number {
    let end = pairs.length;
    const cutA = this.#a.fullAtPacket !== undefined;
    const cutB = this.#b.fullAtPacket !== undefined;
    if (!cutA && !cutB) return end;
    while (end > 0) {
      const { a, b } = pairs[end - 1]!;
      // Content that was being sent goes on where the capture does not.
      const isOpen = end === pairs.length && JOINED.has((a ?? b)!.kind);
      if (!isOpen && !((a === undefined && cutA) || (b === undefined && cutB))) break;
      end--;
    }
    return end;
  }

  #pair(a: Unit, b: Unit, lane: Lane, inA: Conversation, inB: Conversation, order: number): void {
    this.#units++;
    if (unitDigest(a) === unitDigest(b)) return;
    for (const difference of fieldDifferences(a, b, this.#choice)) {
      this.#found('value', a, difference, lane, placeOf(a, inA), placeOf(b, inB), order);
    }
  }

  #lone(
    a: Unit | undefined,
    b: Unit | undefined,
    lane: Lane,
    inA: Conversation,
    inB: Conversation,
    order: number,
  ): void {
    const unit = (a ?? b)!;
    if (this.#choice.isUnwanted(unit.naming)) return;
    this.#units++;
    // Of a stream or a request that only one side has, this unit stands for all.
    const isNamed = lane.key === lane.name || lane.key === '' || lane.key === unit.title;
    const title = safe(isNamed ? unit.title : `${unit.title} (${lane.key})`);
    const difference = { name: unit.naming, a: a ? title : ABSENT, b: b ? title : ABSENT };
    const kind = a ? 'only-in-a' : 'only-in-b';
    this.#found(kind, unit, difference, lane, a && placeOf(a, inA), b && placeOf(b, inB), order);
  }

  #loneConversation({ a, b }: Pair<Conversation>): void {
    const conversation = (a ?? b)!;
    if ((a === undefined ? this.#a : this.#b).fullAtPacket !== undefined) {
      for (const lane of conversation.lanes.values()) this.#notCompared += lane.units.length;
      return;
    }
    // A connection in which nothing of this level was said is none that could be missed.
    if (conversation.lanes.size === 0) return;
    const { firstPacket: packet, firstUs: atUs, name: flow } = conversation;
    const place = { packet, atUs, flow };
    const layer = [...conversation.lanes.values()][0]!.units[0]?.layer ?? 'tcp';
    this.#add(
      {
        kind: a ? 'only-in-a' : 'only-in-b',
        layer,
        field: 'conversation',
        a: a ? describe(a) : ABSENT,
        b: b ? describe(b) : ABSENT,
        section: '',
        unit: 'conversation',
        lane: '',
        from: 'client',
        placeA: a && place,
        placeB: b && place,
      },
      packet,
    );
  }

  #found(
    kind: DiffEntry['kind'],
    unit: Unit,
    { name, a, b }: FieldDifference,
    lane: Lane,
    placeA: DiffPlace | undefined,
    placeB: DiffPlace | undefined,
    order: number,
  ): void {
    const from = unit.dir === 'in' ? 'client' : 'server';
    const about = lane.key === lane.name || lane.key === '' ? lane.name : `${lane.name} (${safe(lane.key)})`;
    const layer = name.slice(0, name.indexOf('.') < 0 ? undefined : name.indexOf('.'));
    const section = sectionOf(name, unit.title);
    this.#add(
      { kind, layer, field: name, a, b, section, unit: safe(unit.title), lane: about, from, placeA, placeB },
      order,
    );
  }

  #add(entry: DiffEntry, order: number): void {
    this.#count++;
    if (this.#entries.length < diffLimits.differences) this.#entries.push({ entry, order });
    const key = `${entry.layer} ${entry.field}`;
    const group = this.#groups.get(key);
    if (group === undefined) {
      if (this.#groups.size < diffLimits.groups) {
        this.#groups.set(key, { layer: entry.layer, field: entry.field, count: 1, first: entry, order });
      }
      return;
    }
    group.count++;
    if (order < group.order) {
      group.first = entry;
      group.order = order;
    }
  }
}

const JOINED: ReadonlySet<string> = new Set(['DATA', 'application data']);

const UNIT_LEVELS = [unitDigest, (unit: Unit) => unit.kind, (unit: Unit) => unit.title];

function unitsOf(lane: Lane, dir: Direction): Unit[] {
  return lane.units.filter((unit) => unit.dir === dir);
}

const laneDigests = new WeakMap<Lane, string>();

function laneDigest(lane: Lane): string {
  let digest = laneDigests.get(lane);
  if (digest === undefined) {
    digest = `${lane.key}\n${lane.units.map(unitDigest).join('')}`;
    laneDigests.set(lane, digest);
  }
  return digest;
}

function placeOf(unit: Unit, { name }: Conversation): DiffPlace {
  return { packet: unit.packet, atUs: unit.atUs, flow: name };
}

/** Where in A a packet of B would stand, by its distance from the conversation's beginning. */
function mapped(unit: Unit, inA: Conversation, inB: Conversation): number {
  return inA.firstPacket + Math.max(0, unit.packet - inB.firstPacket);
}

function describe({ name, serverName, firstRequest }: Conversation): string {
  const about = [serverName, firstRequest].filter((text) => text !== '').join(', ');
  return about === '' ? name : `${name} (${safe(about)})`;
}

/** By what is alike, from all of it to nothing but the order. In the order of A, those that only B has at the end. */
export function matchConversations(ofA: readonly Conversation[], ofB: readonly Conversation[]): Pair<Conversation>[] {
  const partner = new Map<Conversation, Conversation>();
  let restOfB = [...ofB];
  for (const keyOf of MATCHES) {
    const waiting = new Map<string, Conversation[]>();
    for (const b of restOfB) {
      const list = waiting.get(keyOf(b));
      if (list === undefined) waiting.set(keyOf(b), [b]);
      else list.push(b);
    }
    for (const list of waiting.values()) list.reverse();
    const taken = new Set<Conversation>();
    for (const a of ofA) {
      if (partner.has(a)) continue;
      const b = waiting.get(keyOf(a))?.pop();
      if (b === undefined) continue;
      partner.set(a, b);
      taken.add(b);
    }
    restOfB = restOfB.filter((b) => !taken.has(b));
  }
  return [...ofA.map((a) => ({ a, b: partner.get(a) })), ...restOfB.map((b) => ({ a: undefined, b }))];
}

const MATCHES: readonly ((conversation: Conversation) => string)[] = [
  ({ name, serverPort, serverName, firstRequest }) =>
    serverPort === 0 ? name : [serverPort, serverName, firstRequest].join('\n'),
  ({ serverName, firstRequest, serverPort }) => (serverPort === 0 ? '' : `${serverName}\n${firstRequest}`),
  ({ serverPort, firstRequest }) => `${serverPort}\n${firstRequest}`,
  ({ serverPort }) => String(serverPort),
  ({ serverPort }) => String(serverPort === 0),
];

function factsOf(capture: CollectedCapture): CaptureFacts {
  const {
    packets,
    conversations,
    units,
    silent,
    locked,
    fullAtPacket,
    cut,
    longContents,
    forgotten = 0,
    givenUp = 0,
  } = capture;
  return {
    ...{ packets, conversations: conversations.length, units, silent, locked },
    ...{ fullAtPacket, cut, longContents, forgotten, givenUp },
  };
}

function isWhole({ fullAtPacket, longContents, forgotten = 0, givenUp = 0 }: CollectedCapture): boolean {
  return fullAtPacket === undefined && longContents === 0 && forgotten === 0 && givenUp === 0;
}
