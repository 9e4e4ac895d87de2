// What a whole capture comes to: connections, versions, requests, verdicts, and what was missing with what to do about it.

import type { KeyLog } from '../bench/inspect/keys.js';
import type { InspectSummary } from '../bench/inspect/packets.js';
import type { InspectedPacket } from '../bench/inspect/types.js';
import { counted, grouped, printable, secondsText } from './text.js';

export class Tally {
  /** Each with its cipher suite. */
  readonly #tls = new Map<string, number>();
  #requests = 0;
  readonly #statuses = new Map<number, number>();
  /** Connections in TLS, and those that could not be opened. */
  readonly #secure = new Set<string>();
  readonly #locked = new Set<string>();
  /** Segments that were taken for thrown away. */
  #unread = 0;
  readonly #ignoresChecksums: boolean;

  constructor({ ignoreChecksums = false }: { readonly ignoreChecksums?: boolean } = {}) {
    this.#ignoresChecksums = ignoreChecksums;
  }

  add(packet: InspectedPacket): void {
    for (const event of packet.events) {
      if (event.layer === 'tls') {
        if (event.kind === 'established') add(this.#tls, `${event.version} ${event.cipherSuite}`);
        else if (event.kind === 'record' && this.#secure.size < MOST_FLOWS) this.#secure.add(event.flow);
      } else if (event.layer === 'http') {
        if (event.kind === 'request') this.#requests++;
        else if (event.kind === 'response') add(this.#statuses, event.status);
      }
    }
    for (const { code, layer } of packet.verdicts) {
      if (code === 'bad-checksum' && layer === 'tcp' && !this.#ignoresChecksums) this.#unread++;
      if (code === 'no-keys' && packet.flow !== undefined && this.#locked.size < MOST_FLOWS)
        this.#locked.add(packet.flow);
    }
  }

  facts(): Record<string, unknown> {
    return {
      tls: Object.fromEntries([...this.#tls].sort()),
      tlsConnections: this.#secure.size,
      tlsWithoutKeys: this.#locked.size,
      segmentsUnread: this.#unread,
      requests: this.#requests,
      statuses: Object.fromEntries([...this.#statuses].sort(([a], [b]) => a - b)),
    };
  }

  lines(summary: InspectSummary, keys: KeyLog): string[] {
    const lines = [
      `${counted(summary.packets, 'packet')}, ${grouped(summary.bytes)} bytes, ${secondsText(summary.lastUs)} s, ` +
        counted(summary.connections, 'TCP connection'),
    ];
    for (const [what, count] of [...this.#tls].sort())
      lines.push(`${counted(count, 'handshake')} of ${printable(what)}`);
    if (this.#requests > 0) {
      const statuses = [...this.#statuses].sort(([a], [b]) => a - b).map(([status, count]) => `${status} (${count})`);
      const answers = statuses.length === 0 ? 'no response' : `answered with ${statuses.join(', ')}`;
      lines.push(`${counted(this.#requests, 'request')}, ${answers}`);
    }
    const verdicts = [...summary.verdicts].sort(([a], [b]) => (a < b ? -1 : 1));
    if (verdicts.length > 0) {
      lines.push(`noticed: ${verdicts.map(([code, count]) => (count === 1 ? code : `${code} (${count})`)).join(', ')}`);
    }
    if (this.#unread > 0) {
      const were = `${counted(this.#unread, 'segment')} ${this.#unread === 1 ? 'was' : 'were'}`;
      lines.push(`${were} not read, with a wrong TCP checksum: --no-checksums reads such segments, too`);
    }
    if (this.#locked.size > 0) {
      const of = `${this.#locked.size} of ${counted(this.#secure.size, 'TLS connection')}`;
      const why = keys.count === 0 ? '' : `, though ${counted(keys.count, 'secret')} were given`;
      lines.push(`no keys for ${of}${why}: have the client write SSLKEYLOGFILE and give it by --keylog`);
    }
    if (summary.midstream > 0) {
      lines.push(`${counted(summary.midstream, 'connection')} began before the capture`);
    }
    if (summary.forgotten > 0)
      lines.push(`${counted(summary.forgotten, 'connection')} followed to no end: too many at once`);
    return lines;
  }
}

/** The sets are for counting only. */
const MOST_FLOWS = 1_000_000;

function add<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
