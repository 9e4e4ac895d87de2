// Floods of TLS over ordinary sockets: what costs the sender little and the server much, or much memory. The peers are the
// test client, so that what they send is well sealed; each keeps to its part until the time is up, and begins anew when the
// server ends it.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { TlsClient } from '../../test/support/tls/client.js';
import { TLS12, TLS13 } from '../../test/support/tls/codes.js';
import type { ClientOptions } from '../../test/support/tls/options.js';
import { curl, keepFetching, Report, sleep, type Victim } from './victim.js';

/** A flood may cost this much memory at most, beyond what serving a download costs. */
const GROWTH_BOUND_MB = 200;
const RECORD_BYTES = 16_384;
const FOREVER_BYTES = 1_000_000_000;

interface Flood {
  readonly what: string;
  readonly connections: number;
  readonly client: ClientOptions;
  /** What one connection does; it comes back when there is nothing more to do, or when `flooder.ended`. */
  readonly run: (flooder: Flooder) => Promise<void>;
}

const post = `POST /echo HTTP/1.1\r\nhost: wirebench.test\r\ncontent-length: ${FOREVER_BYTES}\r\n\r\n`;
const latin1 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));

let fragments: Uint8Array | undefined;

const FLOODS = {
  'tls-half-open': {
    what: 'a ClientHello, every other one cut in the middle, and nothing more',
    connections: 1_500,
    client: {},
    async run(flooder) {
      const hello = flooder.client.start();
      await flooder.send(flooder.number % 2 === 0 ? hello : hello.subarray(0, hello.length >> 1));
      await flooder.wait();
    },
  },
  'tls-fragments': {
    what: 'a ClientHello of 60 kB in records of one byte',
    connections: 16,
    client: {},
    async run(flooder) {
      // Made once: it is the server that is to be kept busy. The answer ends the connection, as its client did not ask.
      fragments ??= new TlsClient({ padHelloTo: 60_000, fragmentBytes: 1 }).start();
      await flooder.send(fragments);
      await flooder.wait();
    },
  },
  'tls-tiny-records': {
    what: 'an upload in records of one byte',
    connections: 8,
    client: { alpn: ['http/1.1'] },
    async run(flooder) {
      await flooder.shake();
      await flooder.send(flooder.client.write(latin1(post)));
      while (!flooder.ended) {
        const records: Uint8Array[] = [];
        for (let i = 0; i < 500; i++) records.push(flooder.client.write(Uint8Array.of(i)));
        await flooder.send(Buffer.concat(records));
      }
    },
  },
  'tls-slow-records': {
    what: 'records of 16 kB, one byte at a time',
    connections: 200,
    client: { alpn: ['http/1.1'] },
    async run(flooder) {
      await flooder.shake();
      await flooder.send(flooder.client.write(latin1(post)));
      while (!flooder.ended) {
        const record = flooder.client.write(new Uint8Array(RECORD_BYTES));
        for (let at = 0; at < record.length && !flooder.ended; at++) {
          await flooder.send(record.subarray(at, at + 1));
        }
      }
    },
  },
  'tls-warnings': {
    what: 'warning alerts, before the ClientHello and after the handshake',
    connections: 8,
    client: {},
    async run(flooder) {
      const warning = Uint8Array.of(1, 90);
      if (flooder.number % 2 === 0) await flooder.shake();
      while (!flooder.ended) await flooder.send(flooder.client.inject(21, warning));
    },
  },
  'tls-renegotiation': {
    what: 'ClientHello after ClientHello on a connection of TLS 1.2',
    connections: 8,
    client: { versions: [TLS12] },
    async run(flooder) {
      await flooder.shake();
      const hello = flooder.client.helloBytes[0]!;
      while (!flooder.ended) await flooder.send(flooder.client.inject(22, hello));
    },
  },
  'tls-key-updates': {
    what: 'KeyUpdate after KeyUpdate on a connection of TLS 1.3',
    connections: 8,
    client: { versions: [TLS13] },
    async run(flooder) {
      await flooder.shake();
      while (!flooder.ended) await flooder.send(flooder.client.keyUpdate(true));
    },
  },
} as const satisfies Record<string, Flood>;

export type TlsKind = keyof typeof FLOODS;
export const TLS_KINDS = Object.keys(FLOODS) as TlsKind[];

/** What all connections of a flood have in common. */
class Figures {
  connections = 0;
  open = 0;
  mostOpen = 0;
  bytes = 0;
  /** By the server, before the time was up. */
  endings = 0;
  over = false;
}

class Flooder {
  readonly client: TlsClient;
  /** Of the connection, from 0. */
  readonly number: number;
  readonly #socket: Socket;
  readonly #figures: Figures;
  #ended = false;
  #heard: () => void = () => {};

  constructor(figures: Figures, { host, port }: Victim, options: ClientOptions) {
    this.#figures = figures;
    this.number = figures.connections++;
    this.client = new TlsClient({ seed: `flood ${this.number}`, ...options });
    this.#socket = connect({ host, port, noDelay: true });
    this.#socket.on('data', (bytes) => {
      // Where the server's answer is not to the client's taste the flood goes on.
      try {
        const answer = this.client.receive(new Uint8Array(bytes));
        if (answer.length > 0) void this.send(answer);
      } catch {
        this.#socket.destroy();
      }
      this.#heard();
    });
    // A reset is how the server may end it.
    this.#socket.on('error', () => {});
    this.#socket.on('end', () => this.#socket.destroy());
    this.#socket.on('close', () => {
      this.#ended = true;
      this.#heard();
    });
  }

  /** The server has ended it, or the time is up. */
  get ended(): boolean {
    return this.#ended || this.#figures.over;
  }

  async connected(): Promise<void> {
    await once(this.#socket, 'connect');
  }

  /** The handshake. */
  async shake(): Promise<void> {
    await this.send(this.client.start());
    while (!this.client.established && !this.ended) await this.#hear();
  }

  /** Lets the others do something, and waits when the kernel has no room. */
  async send(bytes: Uint8Array): Promise<void> {
    if (this.#ended) return;
    this.#figures.bytes += bytes.length;
    this.#socket.write(bytes);
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#socket.writableNeedDrain && !this.ended) {
      await Promise.race([once(this.#socket, 'drain'), sleep(50)]);
    }
  }

  /** Until it has ended. */
  async wait(): Promise<void> {
    while (!this.ended) await this.#hear();
  }

  close(): void {
    this.#socket.destroy();
  }

  #hear(): Promise<unknown> {
    return Promise.race([
      new Promise<void>((resolve) => {
        this.#heard = resolve;
      }),
      sleep(100),
    ]);
  }
}

async function keepFlooding(figures: Figures, victim: Victim, flood: Flood): Promise<void> {
  while (!figures.over) {
    const flooder = new Flooder(figures, victim, flood.client);
    figures.open++;
    figures.mostOpen = Math.max(figures.mostOpen, figures.open);
    try {
      await Promise.race([flooder.connected(), sleep(5_000)]);
      await flood.run(flooder);
    } catch {
      // Not even connected: the kernel's queue is full.
      await sleep(20);
    } finally {
      if (!figures.over) figures.endings++;
      flooder.close();
      figures.open--;
    }
  }
}

/** Floods for so many seconds; gives whether the server stood it. */
export async function attackTls(
  victim: Victim,
  kind: TlsKind,
  seconds: number,
  connections: number = FLOODS[kind].connections,
): Promise<boolean> {
  const flood: Flood = FLOODS[kind];
  const report = new Report(victim);
  report.say(`${kind}: ${flood.what}; ${connections} connections at once, ${seconds} s`);
  const { origin } = victim;
  const clean = await curl(origin, '/bytes/1000000');
  report.expect(clean.ok, `the download before: ${clean.why}`);
  const before = report.cost('before');

  const figures = new Figures();
  const flooding = Promise.all(Array.from({ length: connections }, () => keepFlooding(figures, victim, flood)));
  const visiting = keepFetching(origin, '/bytes/100000', () => figures.over);
  await sleep(seconds * 500);
  report.cost('during');
  await sleep(seconds * 500);
  figures.over = true;
  await flooding;
  const visits = await visiting;
  await sleep(500);
  const after = report.cost('after');

  const megabytes = (figures.bytes / 1e6).toFixed(1);
  report.say(
    `  ${figures.connections} connections (${figures.mostOpen} at once), ${megabytes} MB sent, ${figures.endings} ended by the server or run out`,
  );
  report.visits(visits);
  const last = await curl(origin, '/bytes/1000000');
  report.expect(last.ok && last.sha256 === clean.sha256, `the download behind it: ${last.why}`);
  const growth = after.peakMb - before.peakMb;
  const cpu = after.cpuSeconds - before.cpuSeconds;
  report.say(`  memory grew by ${growth.toFixed(0)} MB at most; CPU ${cpu.toFixed(2)} s of ${seconds} s`);
  report.expect(growth <= GROWTH_BOUND_MB, `memory grew by ${growth.toFixed(0)} MB, ${GROWTH_BOUND_MB} are allowed`);
  return report.end();
}
