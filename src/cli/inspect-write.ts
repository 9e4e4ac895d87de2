// `inspect --write`: the packets that pass the filters as a pcapng of their own, as they were captured, and in front of each the TLS
// secrets of its connection that are known by then: readers want them before what they open. Secrets of other connections stay behind,
// and so do blocks of other programs.

import type { KeyLog } from '../bench/inspect/keys.js';
import type { InspectedPacket } from '../bench/inspect/types.js';
import { type CaptureItem, type Interface, type Packet, SECRETS_TLS_KEY_LOG } from '../io/capture.js';
import { CaptureFile } from '../io/capture-file.js';
import { PcapngWriter } from '../io/pcapng-writer.js';
import { counted } from './text.js';
import { version } from './version.js';

export const writeLimits = {
  /** Written at once. */
  chunkBytes: 65_536,
  /** Connections of which a secret may be wanted; the secrets of further ones are left out. */
  connections: 1_000_000,
  /** Handshakes of one of them. */
  handshakes: 64,
} as const;

export class PacketWriter {
  readonly #file: CaptureFile;
  readonly #keys: UsedKeys;
  readonly #blocks = new PcapngWriter(2 * writeLimits.chunkBytes);
  /** Of the section at hand, by their numbers in it. */
  #interfaces = new Map<number, number>();
  #interfaceCount = 0;
  #begun = false;
  #packet: Packet | undefined;
  #packets = 0;
  /** Client randoms of each connection. */
  readonly #randoms = new Map<string, Set<string>>();
  /** How many lines of each client random are in the file. */
  readonly #written = new Map<string, number>();
  /** Keys when a connection was last looked at: there is nothing new before there are more of them. */
  readonly #lookedAt = new Map<string, number>();

  readonly #most: number;

  /** Raises FileError. */
  constructor(target: string, sources: readonly string[], keys: UsedKeys, most: number = writeLimits.connections) {
    this.#file = new CaptureFile(target, sources);
    this.#keys = keys;
    this.#most = most;
  }

  /** What the capture has, in its order. */
  item(item: CaptureItem): void {
    if (item.kind === 'section') {
      this.#interfaces = new Map();
      if (!this.#begun) this.#begin(item);
    } else if (item.kind === 'interface') {
      if (!this.#begun) this.#begin({});
      this.#interface(item);
    } else if (item.kind === 'packet') this.#packet = item;
  }

  /** The packet of the item that came last. */
  packet(packet: InspectedPacket, passes: boolean): void {
    this.#secretsOf(packet);
    if (!passes) return;
    const item = this.#packet!;
    if (packet.flow !== undefined) this.#writeSecrets(packet.flow);
    this.#blocks.packetOf(this.#interfaces.get(item.interfaceId ?? 0) ?? 0, item);
    this.#packets++;
    if (this.#blocks.length >= writeLimits.chunkBytes) this.#flush();
  }

  /** `isWorthKeeping`: something of the capture was read. Says what was written. */
  end(isWorthKeeping: boolean): void {
    if (!isWorthKeeping) {
      this.#file.discard();
      return;
    }
    this.#flush();
    this.#file.keep();
    const secrets =
      this.#written.size === 0 ? '' : `, with the TLS secrets of ${counted(this.#written.size, 'handshake')}`;
    process.stderr.write(`wirebench: ${this.#file.name}: ${counted(this.#packets, 'packet')}${secrets}\n`);
  }

  #begin({ hardware, os, comment }: { hardware?: string; os?: string; comment?: string }): void {
    this.#begun = true;
    this.#blocks.section(hardware ?? '', os ?? '', `wirebench ${version()}`, comment);
  }

  #interface(item: Interface): void {
    this.#interfaces.set(item.id, this.#interfaceCount++);
    this.#blocks.interfaceOf(item);
  }

  #secretsOf({ flow, events }: InspectedPacket): void {
    const used = this.#keys.takeUsed();
    if (flow === undefined) return;
    for (const event of events) {
      if (event.layer !== 'tls' || event.kind !== 'handshake' || event.message !== 'ClientHello') continue;
      if (typeof event.fields.random === 'string') used.push(event.fields.random);
    }
    if (used.length === 0) return;
    let randoms = this.#randoms.get(flow);
    if (randoms === undefined) {
      if (this.#randoms.size >= this.#most) return;
      randoms = new Set();
      this.#randoms.set(flow, randoms);
    }
    for (const random of used) if (randoms.size < writeLimits.handshakes) randoms.add(random);
    this.#lookedAt.delete(flow);
  }

  #writeSecrets(flow: string): void {
    const randoms = this.#randoms.get(flow);
    if (randoms === undefined || this.#lookedAt.get(flow) === this.#keys.count) return;
    this.#lookedAt.set(flow, this.#keys.count);
    for (const random of randoms) {
      const written = this.#written.get(random) ?? 0;
      const lines = this.#keys.lines(random).slice(written);
      if (lines.length === 0) continue;
      this.#written.set(random, written + lines.length);
      this.#blocks.secrets(SECRETS_TLS_KEY_LOG, `${lines.join('\n')}\n`);
    }
  }

  #flush(): void {
    if (this.#blocks.length === 0) return;
    this.#file.write(this.#blocks.view());
    this.#blocks.clear();
  }
}

/** A key log that knows which of its client randoms opened something since it was last asked. */
export class UsedKeys implements KeyLog {
  readonly #keys: KeyLog;
  #used: string[] = [];
  /** Secrets are asked for in order to try them. */
  #isTrying = false;

  constructor(keys: KeyLog) {
    this.#keys = keys;
  }

  takeUsed(): string[] {
    const used = this.#used;
    this.#used = [];
    return used;
  }

  get count(): number {
    return this.#keys.count;
  }

  get unknownLines(): number {
    return this.#keys.unknownLines;
  }

  secret(label: string, clientRandom: string): Uint8Array | undefined {
    const secret = this.#keys.secret(label, clientRandom);
    if (secret !== undefined && !this.#isTrying) this.#used.push(clientRandom);
    return secret;
  }

  /** Who tries them one by one asks for no more behind the one that fits. */
  *clientRandoms(): Generator<string> {
    this.#isTrying = true;
    let last: string | undefined;
    try {
      for (const random of this.#keys.clientRandoms?.() ?? []) {
        last = random;
        yield random;
      }
      last = undefined;
    } finally {
      this.#isTrying = false;
      if (last !== undefined) this.#used.push(last);
    }
  }

  lines(clientRandom: string): string[] {
    return this.#keys.lines(clientRandom);
  }

  add(text: string): void {
    this.#keys.add(text);
  }
}
