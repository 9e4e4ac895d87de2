// One capture taken apart into conversations, lanes and units, as the inspector shows its packets. At level stream HTTP/2 frames
// of content are joined and flow control is left out: where they are cut follows the timing and not what was said.

import type { Direction } from '../../core/trace.js';
import type { CaptureError } from '../../io/capture.js';
import { streamLimits } from '../inspect/stream-limits.js';
import type { InspectedField, InspectedPacket, RecordedExchange } from '../inspect/types.js';
import { requestUnit, responseUnit } from './exchange-units.js';
import { FieldPool } from './field-pool.js';
import { diffLimits } from './limits.js';
import type { FieldChoice } from './names.js';
import { directionOf, nameOf } from './packet-titles.js';
import {
  Content,
  type Conversation,
  type DiffField,
  type DiffLayer,
  type DiffLevel,
  type Lane,
  type Unit,
  unitBytes,
} from './unit.js';
import { comparedFields, http1Fields, http2Fields } from './unit-fields.js';

/** Which bound ended a comparison before the capture did; `unreadable`: no bound, the file is damaged from there on. */
export type Cut = 'units' | 'bytes' | 'conversations' | 'requests' | 'unreadable';

export interface CollectedCapture {
  /** In the order of their first packets. */
  readonly conversations: readonly Conversation[];
  readonly packets: number;
  readonly units: number;
  /** Packets from this one on were not looked at. */
  readonly fullAtPacket: number | undefined;
  /** Why not. */
  readonly cut: Cut | undefined;
  /** Messages whose content is longer than what is kept of it: the rest of it was not compared. */
  readonly longContents: number;
  readonly forgotten?: number;
  readonly givenUp?: number;
  /** Connections that hold nothing that this level compares. */
  readonly silent: number;
  /** Connections whose TLS could not be opened for want of keys. */
  readonly locked: number;
  /** Why it could not be read to its end. */
  readonly failure?: CaptureError;
}

interface Place {
  readonly conversation: Conversation;
  requests: number;
  responses: number;
}

/** Content that goes on as long as frames follow. */
interface Joined {
  readonly unit: Unit;
  readonly fields: DiffField[];
  readonly content: Content;
  bytes: number;
}

/** Of level http. */
interface CollectedExchange {
  readonly packet: number;
  readonly streamId: number;
  /** `GET /path` */
  readonly key: string;
  readonly units: readonly Unit[];
}

export class Collector {
  readonly #level: DiffLevel;
  readonly #choice: FieldChoice;
  readonly #pool: FieldPool;
  readonly #places = new Map<string, Place>();
  readonly #joined = new Map<Lane, Partial<Record<Direction, Joined>>>();
  readonly #exchanges: CollectedExchange[] = [];
  /** Of the request's packet; the exchange is told when it is over. */
  readonly #times = new Map<number, number>();
  readonly #locked = new Set<string>();
  #packets = 0;
  #units = 0;
  #bytes = 0;
  #fullAt: number | undefined;
  #cut: Cut | undefined;
  #longContents = 0;

  /** `pool`: that of the capture which this one is compared with. */
  constructor(level: DiffLevel, choice: FieldChoice, pool = new FieldPool()) {
    this.#level = level;
    this.#choice = choice;
    this.#pool = pool;
  }

  /** Of layers, for the inspector: at level http the exchanges are enough. */
  get wantsFields(): boolean {
    return this.#level !== 'http';
  }

  readonly onExchange = (exchange: RecordedExchange): void => {
    if (this.#level !== 'http' || this.#isFull()) return;
    const { request, response, packet, streamId = 0 } = exchange;
    for (const message of [request, response]) {
      if (message !== undefined && message.contentLength > message.content.length) this.#longContents++;
    }
    const units = [requestUnit(exchange, this.#choice)];
    if (response !== undefined) units.push(responseUnit(exchange, response, this.#choice));
    const key = `${request.method} ${request.target}`;
    this.#exchanges.push({ packet, streamId, key, units });
    this.#bytes += 400 + key.length;
    for (const unit of units) this.#count(unit);
  };

  packet(packet: InspectedPacket): void {
    this.#packets++;
    const { flow, verdicts } = packet;
    if (flow !== undefined && this.#locked.size < diffLimits.conversations) {
      if (verdicts.some(({ code }) => code === 'no-keys')) this.#locked.add(flow);
    }
    if (this.#level === 'http') {
      const speaks = packet.layers.some(({ name }) => name === 'http' || name === 'http2');
      if (speaks && this.#times.size < diffLimits.units) this.#times.set(packet.number, packet.atUs);
      return;
    }
    if (this.#isFull()) {
      this.#fullAt ??= packet.number;
      return;
    }
    const place = this.#placeOf(packet);
    if (place === undefined) return;
    const dir = directionOf(packet, place.conversation);
    if (this.#level === 'packet') this.#wholePacket(place, packet, dir);
    for (const layer of packet.layers) {
      if (layer.name === 'tls') this.#tls(place, packet, layer.fields, dir);
      else if (layer.name === 'http2') this.#http2(place, packet, layer.fields, dir);
      else if (layer.name === 'http') this.#http1(place, packet, layer.fields, dir);
    }
  }

  finish(): CollectedCapture {
    if (this.#level === 'http') return this.#finishExchanges();
    let silent = 0;
    const conversations: Conversation[] = [];
    for (const { conversation } of this.#places.values()) {
      const { lanes } = conversation;
      // What the records carry is compared as HTTP.
      if ([...lanes.keys()].some((name) => name === 'http2' || /^(stream|request) /.test(name))) {
        lanes.delete(APPLICATION_DATA);
      }
      if (lanes.size === 0) silent++;
      conversations.push(conversation);
    }
    return {
      conversations,
      packets: this.#packets,
      units: this.#units,
      fullAtPacket: this.#fullAt,
      cut: this.#cut,
      longContents: this.#longContents,
      silent,
      locked: this.#locked.size,
    };
  }

  /** There is more than fits: from the first bound that is met on, nothing is taken any more. */
  #isFull(): boolean {
    if (this.#units >= diffLimits.units) this.#cut ??= 'units';
    else if (this.#bytes >= diffLimits.bytes) this.#cut ??= 'bytes';
    return this.#cut !== undefined;
  }

  #placeOf(packet: InspectedPacket): Place | undefined {
    const { flow } = packet;
    if (flow === undefined && this.#level !== 'packet') return undefined;
    const name = flow ?? 'packets outside of TCP';
    let place = this.#places.get(name);
    if (place === undefined) {
      if (this.#places.size >= diffLimits.conversations) {
        this.#cutAt('conversations', packet);
        return undefined;
      }
      this.#bytes += diffLimits.conversationBytes;
      const conversation: Conversation = {
        name,
        serverPort: Number(/:([0-9]+)#[0-9]+$/.exec(name)?.[1] ?? 0),
        firstPacket: packet.number,
        firstUs: packet.atUs,
        serverName: '',
        firstRequest: '',
        lanes: new Map(),
      };
      place = { conversation, requests: 0, responses: 0 };
      this.#places.set(name, place);
    }
    return place;
  }

  #cutAt(cut: Cut, packet: InspectedPacket): void {
    this.#cut ??= cut;
    this.#fullAt ??= packet.number;
  }

  #lane({ conversation }: Place, packet: InspectedPacket, name: string, key = name): Lane | undefined {
    let lane = conversation.lanes.get(name);
    if (lane === undefined) {
      if (conversation.lanes.size >= diffLimits.lanes) {
        this.#cutAt('requests', packet);
        return undefined;
      }
      lane = { name, key, units: [] };
      conversation.lanes.set(name, lane);
    }
    return lane;
  }

  #add(lane: Lane | undefined, unit: Unit): void {
    if (lane === undefined) return;
    lane.units.push(unit);
    this.#count(unit);
  }

  /** Its fields are not known to their end. */
  #addOpen(lane: Lane, unit: Unit): void {
    lane.units.push(unit);
    this.#units++;
    this.#bytes += unitBytes(unit) + OPEN_BYTES;
  }

  /** They are now. */
  #close({ unit, content }: Joined): void {
    this.#bytes += this.#pool.share(unit.fields) - OPEN_BYTES - content.kept.length;
  }

  #count(unit: Unit): void {
    this.#units++;
    this.#bytes += unitBytes(unit) + this.#pool.share(unit.fields);
  }

  #wholePacket(place: Place, packet: InspectedPacket, dir: Direction): void {
    const below = packet.layers.filter(({ name, quoted }) => BELOW.has(name) && quoted !== true);
    const top = below.at(-1);
    if (top === undefined) return;
    const fields = comparedFields(
      below.flatMap((layer) => layer.fields),
      this.#choice,
    );
    const layer = DIFF_LAYERS[top.name as keyof typeof DIFF_LAYERS];
    const { title, kind, naming } = nameOf(top);
    const lane = this.#lane(place, packet, packet.flow === undefined ? `${top.name} packets` : 'packets');
    this.#add(lane, { layer, title, kind, naming, dir, packet: packet.number, atUs: packet.atUs, fields });
  }

  #tls(place: Place, packet: InspectedPacket, fields: readonly InspectedField[], dir: Direction): void {
    const record: InspectedField[] = [];
    const messages: InspectedField[][] = [];
    for (const field of fields) {
      if (MESSAGE_MARKS.has(field.name)) messages.push([]);
      else (messages.at(-1) ?? record).push(field);
    }
    const marks = fields.filter(({ name }) => MESSAGE_MARKS.has(name));
    for (const [at, message] of messages.entries()) {
      this.#tlsMessage(place, packet, dir, marks[at]!.name, message, at === 0 ? record : []);
    }
    if (messages.length > 0) return;
    if (this.#level === 'packet') {
      this.#tlsMessage(place, packet, dir, 'tls.record', [], record);
      return;
    }
    const length = record.find(({ name }) => name === 'tls.record.length')?.value;
    this.#applicationData(place, packet, dir, typeof length === 'number' ? length : 0);
  }

  #tlsMessage(
    place: Place,
    packet: InspectedPacket,
    dir: Direction,
    mark: string,
    message: readonly InspectedField[],
    record: readonly InspectedField[],
  ): void {
    const type = message.find(({ name }) => name === 'tls.handshake.type');
    const title =
      mark === 'tls.handshake'
        ? (type?.text ?? (type ? `handshake message ${type.value}` : 'encrypted handshake message'))
        : (TLS_TITLES.get(mark) ?? 'record');
    if (title === 'ClientHello' && dir === 'in' && place.conversation.serverName === '') {
      const name = message.find((field) => field.name === 'tls.handshake.extensions_server_name')?.value;
      if (typeof name === 'string') place.conversation.serverName = name;
    }
    this.#add(this.#lane(place, packet, 'tls'), {
      layer: 'tls',
      title,
      kind: title,
      naming: mark === 'tls.handshake' ? 'tls.handshake.type' : mark,
      dir,
      packet: packet.number,
      atUs: packet.atUs,
      fields: comparedFields([...record, ...message], this.#choice),
    });
  }

  /** What was sent under TLS and cannot be read: how much, of each side. */
  #applicationData(place: Place, packet: InspectedPacket, dir: Direction, length: number): void {
    const lane = this.#lane(place, packet, APPLICATION_DATA);
    if (lane === undefined) return;
    const known = this.#joinedOf(lane)[dir];
    if (known !== undefined) {
      known.bytes += length;
      known.fields[0] = { name: 'tls.app_data.bytes', value: known.bytes };
      return;
    }
    const fields: DiffField[] = [{ name: 'tls.app_data.bytes', value: length }];
    if (this.#choice.of('tls.app_data.bytes') === 'ignore') return;
    const unit: Unit = { ...NAMELESS, layer: 'tls', dir, packet: packet.number, atUs: packet.atUs, fields };
    this.#joinedOf(lane)[dir] = { unit, fields, content: new Content(), bytes: length };
    this.#addOpen(lane, unit);
  }

  #http2(place: Place, packet: InspectedPacket, fields: readonly InspectedField[], dir: Direction): void {
    const value = (name: string): InspectedField['value'] | undefined =>
      fields.find((field) => field.name === name)?.value;
    const typeField = fields.find(({ name }) => name === 'http2.type');
    const streamId = Number(value('http2.streamid') ?? 0);
    // The connection preface is a layer without a type.
    const title = typeField?.text ?? 'connection preface';
    const joins = this.#level === 'stream';
    if (joins && title === 'WINDOW_UPDATE') return;
    const headers = new Map<string, InspectedField['value']>();
    for (const field of http2Fields(fields)) headers.set(field.name, field.value);
    const method = headers.get('http2.headers.method');
    const key = method === undefined ? '' : `${method} ${headers.get('http2.headers.path') ?? ''}`;
    const name = streamId === 0 ? 'http2' : `stream ${streamId}`;
    const lane = this.#lane(place, packet, name, streamId === 0 ? 'http2' : '');
    if (lane === undefined) return;
    if (key !== '' && lane.key === '') lane.key = key;
    if (key !== '' && place.conversation.firstRequest === '') place.conversation.firstRequest = key;
    if (joins && title === 'DATA') {
      this.#data(lane, packet, dir, value('http2.data.data'), value('http2.flags.end_stream') === true);
      return;
    }
    this.#endJoined(lane, dir);
    const part = title !== 'HEADERS' ? '' : headers.has('http2.headers.status') ? ' response' : key ? ' request' : '';
    // Lanes are told apart by what they are about, and numbers of streams follow from what was before.
    const compared = joins ? withoutNumbers(http2Fields(fields)) : http2Fields(fields);
    this.#add(lane, {
      layer: 'http2',
      title,
      kind: `${title}${part}`,
      naming: 'http2.type',
      dir,
      packet: packet.number,
      atUs: packet.atUs,
      fields: comparedFields(compared, this.#choice),
    });
  }

  #data(lane: Lane, packet: InspectedPacket, dir: Direction, bytes: unknown, isLast: boolean): void {
    let joined = this.#joinedOf(lane)[dir];
    if (joined === undefined) {
      const content = new Content();
      const fields: DiffField[] = [];
      if (this.#choice.of('http2.data.data') !== 'ignore') fields.push({ name: 'http2.data.data', value: content });
      const unit: Unit = {
        layer: 'http2',
        title: 'DATA',
        kind: 'DATA',
        naming: 'http2.type',
        dir,
        packet: packet.number,
        atUs: packet.atUs,
        fields,
      };
      joined = { unit, fields, content, bytes: 0 };
      this.#joinedOf(lane)[dir] = joined;
      this.#addOpen(lane, unit);
    }
    if (bytes instanceof Uint8Array) {
      const before = joined.content.kept.length;
      joined.content.add(bytes);
      this.#bytes += joined.content.kept.length - before;
    }
    if (!isLast) return;
    if (this.#choice.of('http2.flags.end_stream') !== 'ignore') {
      joined.fields.push({ name: 'http2.flags.end_stream', value: true });
    }
    this.#endJoined(lane, dir);
  }

  #endJoined(lane: Lane, dir: Direction): void {
    const joined = this.#joinedOf(lane)[dir];
    if (joined !== undefined) this.#close(joined);
    delete this.#joinedOf(lane)[dir];
  }

  #joinedOf(lane: Lane): Partial<Record<Direction, Joined>> {
    let joined = this.#joined.get(lane);
    if (joined === undefined) {
      joined = {};
      this.#joined.set(lane, joined);
    }
    return joined;
  }

  #http1(place: Place, packet: InspectedPacket, fields: readonly InspectedField[], dir: Direction): void {
    const value = (name: string): InspectedField['value'] | undefined =>
      fields.find((field) => field.name === name)?.value;
    const method = value('http.request.method');
    const status = value('http.response.code');
    if (method === undefined && status === undefined) return;
    const isRequest = method !== undefined;
    const title = isRequest ? `${method} ${value('http.request.uri') ?? ''}` : `response ${status}`;
    if (isRequest) place.requests++;
    const number = isRequest ? place.requests : place.responses + 1;
    // RFC 9110 §15.2: interim responses come before the one that answers.
    const isInterim = typeof status === 'number' && status < 200 && status !== 101;
    if (!isRequest && !isInterim) place.responses++;
    const lane = this.#lane(place, packet, `request ${number}`, isRequest ? title : '');
    if (lane !== undefined && isRequest) lane.key = title;
    if (isRequest && place.conversation.firstRequest === '') place.conversation.firstRequest = title;
    const content = value('http.file_data');
    if (content instanceof Uint8Array && content.length >= streamLimits.fieldContentBytes) this.#longContents++;
    this.#add(lane, {
      layer: 'http',
      title,
      kind: isRequest ? 'request' : isInterim ? 'interim response' : 'response',
      naming: isRequest ? 'http.request.method' : 'http.response.code',
      dir,
      packet: packet.number,
      atUs: packet.atUs,
      fields: comparedFields(http1Fields(fields), this.#choice),
    });
  }

  #finishExchanges(): CollectedCapture {
    const lanes = new Map<string, Lane>();
    const sorted = this.#exchanges.sort((x, y) => x.packet - y.packet || x.streamId - y.streamId);
    for (const { packet, key, units } of sorted) {
      const name = `request ${lanes.size + 1}`;
      const atUs = this.#times.get(packet) ?? 0;
      lanes.set(name, { name, key, units: units.map((unit) => ({ ...unit, atUs })) });
    }
    const conversations: Conversation[] = [];
    if (lanes.size > 0) {
      const all = { name: 'all connections', serverPort: 0, firstPacket: 1, firstUs: 0 };
      conversations.push({ ...all, serverName: '', firstRequest: '', lanes });
    }
    const fullAtPacket = this.#cut === undefined ? undefined : (sorted.at(-1)?.packet ?? 0) + 1;
    return {
      conversations,
      packets: this.#packets,
      units: this.#units,
      fullAtPacket,
      cut: this.#cut,
      longContents: this.#longContents,
      silent: 0,
      locked: this.#locked.size,
    };
  }
}

/** Content whose digest is under way. */
const OPEN_BYTES = 1_000;
const APPLICATION_DATA = 'application data';
const NAMELESS = { title: 'application data', kind: 'application data', naming: 'tls.app_data' } as const;

const MESSAGE_MARKS: ReadonlySet<string> = new Set(['tls.handshake', 'tls.alert_message', 'tls.change_cipher_spec']);
const TLS_TITLES = new Map([
  ['tls.alert_message', 'Alert'],
  ['tls.change_cipher_spec', 'ChangeCipherSpec'],
  ['tls.record', 'record'],
]);

const DIFF_LAYERS = {
  eth: 'eth',
  ip: 'ip',
  ipv6: 'ip',
  icmp: 'icmp',
  icmpv6: 'icmp',
  udp: 'udp',
  tcp: 'tcp',
} as const satisfies Readonly<Record<string, DiffLayer>>;
const BELOW: ReadonlySet<string> = new Set(Object.keys(DIFF_LAYERS));

function* withoutNumbers(fields: Iterable<InspectedField>): Generator<InspectedField> {
  for (const field of fields) if (!NUMBERS.has(field.name)) yield field;
}

const NUMBERS: ReadonlySet<string> = new Set([
  'http2.streamid',
  'http2.stream_dependency',
  'http2.flags',
  'http2.goaway.last_stream_id',
]);
