// What the packets that were shown come to: connections, versions, requests, verdicts, and what was missing with what to do about
// it. Packets that do not pass the filters are counted and nothing else.

import type { KeyLog } from '../bench/inspect/keys.js';
import type { Ending, InspectSummary } from '../bench/inspect/packets.js';
import type { InspectedPacket } from '../bench/inspect/types.js';
import { counted, grouped, printable, secondsText } from './text.js';

export interface TallyOptions {
  readonly filtered?: boolean;
  readonly ignoreChecksums?: boolean;
}

export class Tally {
  /** All that were read. */
  #read = 0;
  #packets = 0;
  #bytes = 0;
  #firstUs: number | undefined;
  #lastUs = 0;
  /** Each with its cipher suite. */
  readonly #tls = new Map<string, number>();
  #requests = 0;
  readonly #statuses = new Map<number, number>();
  readonly #verdicts = new Map<string, number>();
  /** Names of connections. */
  readonly #flows = new Set<string>();
  /** Known by packets that need not pass: those in TLS, that began before the capture, that could not be opened. */
  readonly #secure = new Set<string>();
  readonly #midstream = new Set<string>();
  readonly #locked = new Set<string>();
  /** Segments that were taken for thrown away. */
  #unread = 0;
  readonly #options: TallyOptions;

  constructor(options: TallyOptions = {}) {
    this.#options = options;
  }

  add(packet: InspectedPacket, passes = true): void {
    this.#read++;
    const { flow, atUs } = packet;
    if (flow !== undefined) {
      for (const { code } of packet.verdicts) {
        if (code === 'begins-in-the-middle') put(this.#midstream, flow);
        else if (code === 'no-keys') put(this.#locked, flow);
      }
      if (packet.events.some(({ layer, kind }) => layer === 'tls' && kind === 'record')) put(this.#secure, flow);
    }
    if (!passes) return;
    this.#packets++;
    this.#bytes += packet.originalLength;
    this.#firstUs = Math.min(this.#firstUs ?? atUs, atUs);
    this.#lastUs = Math.max(this.#lastUs, atUs);
    if (flow !== undefined) put(this.#flows, flow);
    for (const event of packet.events) {
      if (event.layer === 'tls' && event.kind === 'established') {
        add(this.#tls, `${event.version} ${event.cipherSuite}`);
      } else if (event.layer === 'http') {
        if (event.kind === 'request') this.#requests++;
        else if (event.kind === 'response') add(this.#statuses, event.status);
      }
    }
    for (const { code, layer } of packet.verdicts) {
      add(this.#verdicts, code);
      if (code === 'bad-checksum' && layer === 'tcp' && !this.#options.ignoreChecksums) this.#unread++;
    }
  }

  /** Whether a connection has a packet that passes. */
  knows(flow: string): boolean {
    return this.#flows.has(flow);
  }

  ending({ flow, verdicts }: Ending): void {
    if (this.knows(flow)) for (const { code } of verdicts) add(this.#verdicts, code);
  }

  facts(): Record<string, unknown> {
    return {
      packets: this.#packets,
      packetsRead: this.#read,
      bytes: this.#bytes,
      durationUs: this.#durationUs,
      connections: this.#flows.size,
      midstream: this.#shared(this.#midstream),
      tls: Object.fromEntries([...this.#tls].sort()),
      tlsConnections: this.#shared(this.#secure),
      tlsWithoutKeys: this.#shared(this.#locked),
      segmentsUnread: this.#unread,
      requests: this.#requests,
      statuses: Object.fromEntries(this.#sortedStatuses()),
      verdicts: Object.fromEntries([...this.#verdicts].sort()),
    };
  }

  lines(summary: InspectSummary, keys: KeyLog): string[] {
    const packets = this.#options.filtered
      ? `${grouped(this.#packets)} of ${counted(this.#read, 'packet')}`
      : counted(this.#packets, 'packet');
    const lines = [
      `${packets}, ${grouped(this.#bytes)} bytes, ${secondsText(this.#durationUs)} s, ` +
        counted(this.#flows.size, 'TCP connection'),
    ];
    for (const [what, count] of [...this.#tls].sort())
      lines.push(`${counted(count, 'handshake')} of ${printable(what)}`);
    const statuses = this.#sortedStatuses().map(([status, count]) => `${status} (${count})`);
    if (this.#requests > 0) {
      // Behind a filter there may be responses that did not pass.
      const none = this.#options.filtered ? '' : ', no response';
      const answers = statuses.length === 0 ? none : `, answered with ${statuses.join(', ')}`;
      lines.push(`${counted(this.#requests, 'request')}${answers}`);
    } else if (statuses.length > 0) lines.push(`no request, but responses: ${statuses.join(', ')}`);
    const verdicts = [...this.#verdicts].sort(([a], [b]) => (a < b ? -1 : 1));
    if (verdicts.length > 0) {
      lines.push(`noticed: ${verdicts.map(([code, count]) => (count === 1 ? code : `${code} (${count})`)).join(', ')}`);
    }
    if (this.#unread > 0) {
      const were = `${counted(this.#unread, 'segment')} ${this.#unread === 1 ? 'was' : 'were'}`;
      lines.push(`${were} not read, with a wrong TCP checksum: --no-checksums reads such segments, too`);
    }
    const locked = this.#shared(this.#locked);
    if (locked > 0) {
      const of = `${locked} of ${counted(this.#shared(this.#secure), 'TLS connection')}`;
      const why = keys.count === 0 ? '' : `, though ${counted(keys.count, 'secret')} were given`;
      lines.push(`no keys for ${of}${why}: have the client write SSLKEYLOGFILE and give it by --keylog`);
    }
    const midstream = this.#shared(this.#midstream);
    if (midstream > 0) lines.push(`${counted(midstream, 'connection')} began before the capture`);
    if (summary.forgotten > 0)
      lines.push(`${counted(summary.forgotten, 'connection')} followed to no end: too many at once`);
    return lines;
  }

  get #durationUs(): number {
    return this.#lastUs - (this.#firstUs ?? 0);
  }

  #sortedStatuses(): [number, number][] {
    return [...this.#statuses].sort(([a], [b]) => a - b);
  }

  /** How many of them have a packet that passes. */
  #shared(flows: ReadonlySet<string>): number {
    let count = 0;
    for (const flow of flows) if (this.#flows.has(flow)) count++;
    return count;
  }
}

/** The sets are for counting only. */
const MOST_FLOWS = 1_000_000;

function put(flows: Set<string>, flow: string): void {
  if (flows.size < MOST_FLOWS) flows.add(flow);
}

function add<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
