// `inspect --conversations`: a line for each TCP connection, and for each pair of ends that UDP datagrams went between. Which there are
// and what is counted is what passes the filters; what a connection speaks and how it ended is told of all its packets.

import type { Ending } from '../bench/inspect/packets.js';
import type { InspectedPacket } from '../bench/inspect/types.js';
import type { TraceEvent } from '../core/trace.js';
import { timeText } from './inspect-json.js';
import type { PacketTimes } from './packet-time.js';
import { asciiJson, counted, secondsText, token } from './text.js';

export const conversationLimits = {
  /** Conversations with a line; further ones are counted. */
  rows: 100_000,
  /** Kinds of statuses and verdicts in one. */
  kinds: 64,
} as const;

interface Side {
  packets: number;
  bytes: number;
  finished: boolean;
}

interface Row {
  readonly protocol: 'tcp' | 'udp';
  readonly flow: string;
  readonly client: string;
  readonly server: string;
  readonly stream: number | undefined;
  /** Of the first packet that passes; 0: none did. */
  first: number;
  firstNs: bigint | undefined;
  firstUs: number;
  lastUs: number;
  readonly sides: { readonly in: Side; readonly out: Side };
  version: string | undefined;
  cipherSuite: string | undefined;
  alpn: string | undefined;
  serverName: string | undefined;
  requests: number;
  readonly statuses: Map<string, number>;
  readonly verdicts: Map<string, number>;
  reset: boolean;
}

type Segment = Extract<TraceEvent, { layer: 'tcp'; kind: 'segment' }>;
type Datagram = Extract<TraceEvent, { layer: 'ip'; kind: 'packet' }>;

const FIN = 0x01;
const RST = 0x04;
const UDP = 17;

export class Conversations {
  readonly #rows = new Map<string, Row>();
  readonly #most: number;
  #left = 0;

  constructor(most: number = conversationLimits.rows) {
    this.#most = most;
  }

  add(packet: InspectedPacket, passes: boolean): void {
    for (const event of packet.events) {
      if (event.layer === 'tcp' && event.kind === 'segment' && event.flow !== undefined) {
        this.#segment(event, packet, passes);
        return;
      }
      if (event.layer === 'ip' && event.kind === 'packet' && event.protocol === UDP && event.srcPort !== undefined) {
        this.#datagram(event, packet, passes);
        return;
      }
    }
  }

  ending({ flow, verdicts }: Ending): void {
    const row = this.#rows.get(flow);
    if (row !== undefined) for (const { code } of verdicts) count(row.verdicts, code);
  }

  /** By their first packets. */
  *#shown(): Generator<Row> {
    yield* [...this.#rows.values()].filter(({ first }) => first > 0).sort((a, b) => a.first - b.first);
  }

  *json(): Generator<string> {
    for (const row of this.#shown()) yield `${asciiJson({ kind: 'conversation', ...factsOf(row) })}\n`;
  }

  /** `shownAt`: in the form that was asked for. */
  *table(firstNs: bigint | undefined, shownAt: (times: PacketTimes) => string): Generator<string> {
    const rows = [HEADINGS];
    let previousNs: bigint | undefined;
    for (const row of this.#shown()) {
      const timeNs = row.firstNs;
      rows.push(
        cellsOf(row, timeNs === undefined ? NONE : shownAt({ timeNs, firstNs: firstNs ?? timeNs, previousNs })),
      );
      previousNs = timeNs ?? previousNs;
    }
    const widths = HEADINGS.map((_, at) => rows.reduce((widest, cells) => Math.max(widest, cells[at]!.length), 0));
    for (const cells of rows) {
      const padded = cells.map((cell, at) =>
        NUMBERS.has(HEADINGS[at]!) ? cell.padStart(widths[at]!) : cell.padEnd(widths[at]!),
      );
      yield `${padded.join('  ').trimEnd()}\n`;
    }
    if (this.#left > 0) yield `${counted(this.#left, 'packet')} of further conversations are not in the table\n`;
  }

  #segment(event: Segment, packet: InspectedPacket, passes: boolean): void {
    const [client, server] = event.dir === 'in' ? [event.src, event.dst] : [event.dst, event.src];
    const row = this.#row('tcp', event.flow!, client, server, packet.stream);
    if (row === undefined) return;
    const side = row.sides[event.dir];
    const isOver = row.sides.in.finished && row.sides.out.finished;
    if ((event.flags & RST) !== 0 && !isOver) row.reset = true;
    if ((event.flags & FIN) !== 0) side.finished = true;
    for (const one of packet.events) if (one.layer === 'tls') tls(row, one);
    if (passes) this.#count(row, side, packet);
  }

  /** Who sent the first datagram is the client. */
  #datagram({ src, dst, srcPort, dstPort }: Datagram, packet: InspectedPacket, passes: boolean): void {
    const end = (address: string, port: number | undefined): string =>
      address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
    const [source, destination] = [end(src, srcPort), end(dst, dstPort)];
    const reverse = this.#rows.get(`udp ${destination}>${source}`);
    const row = reverse ?? this.#row('udp', `udp ${source}>${destination}`, source, destination, undefined);
    if (row !== undefined && passes) this.#count(row, row.sides[reverse === undefined ? 'in' : 'out'], packet);
  }

  #row(
    protocol: Row['protocol'],
    flow: string,
    client: string,
    server: string,
    stream: number | undefined,
  ): Row | undefined {
    const known = this.#rows.get(flow);
    if (known !== undefined) return known;
    if (this.#rows.size >= this.#most) {
      this.#left++;
      return undefined;
    }
    const side = (): Side => ({ packets: 0, bytes: 0, finished: false });
    const row: Row = {
      ...{ protocol, flow, client, server, stream },
      ...{ first: 0, firstNs: undefined, firstUs: 0, lastUs: 0 },
      sides: { in: side(), out: side() },
      ...{ version: undefined, cipherSuite: undefined, alpn: undefined, serverName: undefined },
      ...{ requests: 0, statuses: new Map(), verdicts: new Map(), reset: false },
    };
    this.#rows.set(flow, row);
    return row;
  }

  #count(row: Row, side: Side, { number, timeNs, atUs, originalLength, events, verdicts }: InspectedPacket): void {
    if (row.first === 0) {
      row.first = number;
      row.firstNs = timeNs;
      row.firstUs = atUs;
      row.lastUs = atUs;
    }
    row.firstUs = Math.min(row.firstUs, atUs);
    row.lastUs = Math.max(row.lastUs, atUs);
    side.packets++;
    side.bytes += originalLength;
    for (const event of events) {
      if (event.layer !== 'http') continue;
      if (event.kind === 'request') row.requests++;
      else if (event.kind === 'response') count(row.statuses, String(event.status));
    }
    for (const { code } of verdicts) count(row.verdicts, code);
  }
}

/** What is known without keys, too; a later handshake of the connection counts. */
function tls(row: Row, event: Extract<TraceEvent, { layer: 'tls' }>): void {
  if (event.kind === 'established') {
    row.version = event.version;
    row.cipherSuite = event.cipherSuite;
    row.alpn = event.alpn ?? row.alpn;
    row.serverName = event.serverName ?? row.serverName;
  } else if (event.kind === 'handshake') {
    const { version, selectedVersion, cipherSuite, serverName, alpn } = event.fields;
    if (event.message === 'ClientHello') row.serverName = textOf(serverName) ?? row.serverName;
    else if (event.message === 'ServerHello') {
      row.version = textOf(selectedVersion) ?? textOf(version) ?? row.version;
      row.cipherSuite = textOf(cipherSuite) ?? row.cipherSuite;
      row.alpn = textOf(alpn) ?? row.alpn;
    } else if (event.message === 'EncryptedExtensions') row.alpn = textOf(alpn) ?? row.alpn;
  }
}

function textOf(value: unknown): string | undefined {
  const one: unknown = Array.isArray(value) ? value[0] : value;
  return typeof one === 'string' ? one : undefined;
}

function count(counts: Map<string, number>, key: string): void {
  const before = counts.get(key);
  if (before !== undefined || counts.size < conversationLimits.kinds) counts.set(key, (before ?? 0) + 1);
}

function endOf({ protocol, reset, sides }: Row): string {
  if (protocol === 'udp') return NONE;
  if (reset) return 'RST';
  if (sides.in.finished && sides.out.finished) return 'FIN';
  return sides.in.finished || sides.out.finished ? 'half-closed' : 'open';
}

function factsOf(row: Row): Record<string, unknown> {
  const { protocol, stream, flow, client, server, first, firstNs, firstUs, lastUs, sides } = row;
  const { version, cipherSuite, alpn, serverName, requests, statuses, verdicts } = row;
  const end = endOf(row);
  return {
    protocol,
    ...(protocol === 'tcp' && { flow }),
    ...(stream !== undefined && { stream }),
    ...{ client, server, first },
    ...(firstNs !== undefined && { time: timeText(firstNs) }),
    durationUs: lastUs - firstUs,
    clientPackets: sides.in.packets,
    clientBytes: sides.in.bytes,
    serverPackets: sides.out.packets,
    serverBytes: sides.out.bytes,
    ...(version !== undefined && { tls: { version, cipherSuite, alpn, serverName } }),
    requests,
    statuses: Object.fromEntries([...statuses].sort()),
    verdicts: Object.fromEntries([...verdicts].sort()),
    ...(end !== NONE && { end }),
  };
}

/** In place of what there is not, so that every line has all columns. */
const NONE = '-';
const HEADINGS = [
  ...['stream', 'first', 'time', 'duration', 'protocol', 'client', 'server'],
  ...['packets>', 'bytes>', '<packets', '<bytes', 'tls', 'suite', 'alpn', 'name'],
  ...['requests', 'statuses', 'verdicts', 'end'],
];
const NUMBERS = new Set([
  'stream',
  'first',
  'time',
  'duration',
  'packets>',
  'bytes>',
  '<packets',
  '<bytes',
  'requests',
]);

/** No cell has a space in it. */
function cellsOf(row: Row, time: string): string[] {
  const { protocol, stream, client, server, first, firstUs, lastUs, sides, requests } = row;
  const { version, cipherSuite, alpn, serverName, statuses, verdicts } = row;
  const shown = (text: string | undefined): string => (text === undefined || text === '' ? NONE : token(text));
  const list = (counts: ReadonlyMap<string, number>): string =>
    shown(
      [...counts]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, n]) => (n === 1 ? key : `${key}*${n}`))
        .join(','),
    );
  return [
    ...[stream === undefined ? NONE : String(stream), String(first), time, secondsText(lastUs - firstUs)],
    ...[protocol, client, server],
    ...[sides.in.packets, sides.in.bytes, sides.out.packets, sides.out.bytes].map(String),
    ...[version, cipherSuite, alpn, serverName].map(shown),
    ...[String(requests), list(statuses), list(verdicts), endOf(row)],
  ];
}
