// What is above TCP in one connection, both directions, read by somebody who looks on: finds out what it speaks, and hands its
// bytes to the readers of TLS, HTTP/1.x and HTTP/2. Whatever comes in, it never throws and holds a bounded number of bytes.

import type { Direction } from '../../core/trace.js';
import { type Account, Accounts, Budgets } from './budget.js';
import { BeginningSearch, detect, type Protocol } from './detect.js';
import { Exchanges } from './exchanges.js';
import { Http1Reader } from './http1-reader.js';
import { Http2Reader } from './http2-reader.js';
import { Input } from './input.js';
import { streamLimits } from './stream-limits.js';
import { type StreamReader, Teller } from './teller.js';
import { TlsReader } from './tls-reader.js';
import type { ConversationOptions, ConversationReader, FollowedData, PacketSink } from './types.js';

export function createConversation(options: ConversationOptions): ConversationReader {
  return new Conversation(options);
}

class Conversation implements ConversationReader {
  readonly #teller: Teller;
  readonly #accounts: Accounts;
  readonly #account: Account;
  readonly #ended: Record<Direction, boolean> = { in: false, out: false };
  #reader: StreamReader;

  constructor(options: ConversationOptions) {
    this.#teller = new Teller(options.flow, options.onData);
    this.#accounts = new Accounts(options.budgets ?? new Budgets());
    this.#account = this.#accounts.open('readers', () => this.#letGo());
    const context: Context = { options, teller: this.#teller, accounts: this.#accounts, secure: undefined };
    this.#reader = new Undecided(context, options.midstream);
  }

  push(dir: Direction, bytes: Uint8Array, sink: PacketSink): void {
    this.#teller.sink = sink;
    // `slice` of a Buffer is a view; what reads the bytes counts on a copy.
    const plain = bytes instanceof Buffer ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length) : bytes;
    if (plain.length > 0) this.#reader.push(dir, plain);
    this.#reckon(sink);
    this.#teller.sink = undefined;
  }

  gap(dir: Direction, length: number, sink: PacketSink): void {
    this.#teller.sink = sink;
    if (length > 0) this.#reader.gap(dir, length);
    this.#reckon(sink);
    this.#teller.sink = undefined;
  }

  doubt(): void {
    this.#teller.doubtful = true;
  }

  end(dir: Direction, sink: PacketSink): void {
    this.#teller.sink = sink;
    this.#reader.end(dir);
    this.#ended[dir] = true;
    this.#reckon(sink);
    if (this.#ended.in && this.#ended.out) this.#account.spend();
    this.#teller.sink = undefined;
  }

  close(): void {
    this.#accounts.close();
  }

  /** Where all connections together hold too much, this one is read no further. */
  #reckon(sink: PacketSink): void {
    if (this.#account.set(this.#reader.heldBytes)) return;
    this.#letGo();
    this.#teller.sink = sink;
    this.#reader.push('in', NOTHING);
  }

  /** What it holds goes; requests that wait for the rest are delivered as they are. */
  #letGo(): void {
    const reader = this.#reader;
    this.#reader = new GivenUpReader(this.#teller);
    this.#teller.sink = undefined;
    for (const dir of ['in', 'out'] as const) {
      if (this.#ended[dir]) continue;
      reader.gap(dir, undefined);
      reader.end(dir);
    }
    this.#accounts.close();
  }
}

interface Context {
  readonly options: ConversationOptions;
  readonly teller: Teller;
  readonly accounts: Accounts;
  /** The TLS connection that everything above it is in. */
  readonly secure: TlsReader | undefined;
  /** Its data is shown already. */
  readonly followed?: boolean;
}

function exchangesOf({ options, secure }: Context): Exchanges {
  return new Exchanges(options, () => secure?.secure);
}

function readerOf(context: Context, protocol: Protocol, partial: boolean): StreamReader {
  const { onData } = context.options;
  if (protocol === 'tls' || context.followed === true || onData === undefined) {
    return plainReaderOf(context, protocol, partial);
  }
  // What goes on within it is the same data.
  return new FollowedReader(plainReaderOf({ ...context, followed: true }, protocol, partial), onData);
}

/** Shows what an application sent, and hands it on. */
class FollowedReader implements StreamReader {
  readonly #reader: StreamReader;
  readonly #onData: (data: FollowedData) => void;

  constructor(reader: StreamReader, onData: (data: FollowedData) => void) {
    this.#reader = reader;
    this.#onData = onData;
  }

  get heldBytes(): number {
    return this.#reader.heldBytes;
  }

  push(dir: Direction, bytes: Uint8Array): void {
    this.#onData({ dir, bytes });
    this.#reader.push(dir, bytes);
  }

  gap(dir: Direction, length: number | undefined): void {
    this.#onData({ dir, missing: length });
    this.#reader.gap(dir, length);
  }

  end(dir: Direction): void {
    this.#reader.end(dir);
  }
}

function plainReaderOf(context: Context, protocol: Protocol, partial: boolean): StreamReader {
  const { teller, accounts, options } = context;
  switch (protocol) {
    case 'tls': {
      const tls: TlsReader = new TlsReader(teller, options.keys, partial, (alpn, missed) => {
        const within: Context = { ...context, secure: tls };
        if (alpn === 'h2') return readerOf(within, 'http2', missed);
        if (alpn === 'http/1.1' || alpn === 'http/1.0') return readerOf(within, 'http1', missed);
        return new Undecided(within, missed);
      });
      return tls;
    }
    case 'http1':
      // RFC 9110 §9.3.6: a tunnel may carry anything. RFC 9113 §3.1: h2c by Upgrade is no more, and still met (its name in
      // whatever case, RFC 9110 §7.8).
      return new Http1Reader(teller, exchangesOf(context), partial, (name) =>
        name === 'tunnel'
          ? new Undecided(context, false)
          : name.toLowerCase() === 'h2c'
            ? new Http2Reader(teller, exchangesOf(context), accounts, false, true)
            : readerOf(context, 'unknown', partial),
      );
    case 'http2':
      return new Http2Reader(teller, exchangesOf(context), accounts, partial);
    case 'unknown':
      return new UnknownReader(teller);
    default:
      return protocol satisfies never;
  }
}

/** Holds the first bytes of both directions until either says what the stream speaks. */
class Undecided implements StreamReader {
  readonly #context: Context;
  readonly #partial: boolean;
  readonly #held: Record<Direction, Input> = { in: new Input(), out: new Input() };
  /** Of a direction that begins in the middle: where something begins in it. */
  readonly #search: Record<Direction, BeginningSearch | undefined>;
  readonly #order: Direction[] = [];
  readonly #ended: Direction[] = [];
  #reader: StreamReader | undefined;

  constructor(context: Context, partial: boolean) {
    this.#context = context;
    this.#partial = partial;
    const search = (): BeginningSearch | undefined => (partial ? new BeginningSearch() : undefined);
    this.#search = { in: search(), out: search() };
  }

  get heldBytes(): number {
    return this.#held.in.heldBytes + this.#held.out.heldBytes + (this.#reader?.heldBytes ?? 0);
  }

  push(dir: Direction, bytes: Uint8Array): void {
    if (this.#reader !== undefined) {
      this.#reader.push(dir, bytes);
      return;
    }
    const held = this.#held[dir];
    held.push(bytes);
    if (!this.#order.includes(dir)) this.#order.push(dir);
    const found = this.#detect(dir, held);
    if (found !== undefined) this.#decide(found.protocol, found.partial);
    held.settle();
  }

  gap(dir: Direction, length: number | undefined): void {
    if (this.#reader === undefined) {
      // What is held of that direction is followed by a hole: nothing more will make it clear.
      const found = this.#detect(dir, this.#held[dir]);
      if (found !== undefined) this.#decide(found.protocol, found.partial);
      else {
        this.#held[dir].clear();
        this.#search[dir] = new BeginningSearch();
      }
    }
    this.#reader?.gap(dir, length);
  }

  end(dir: Direction): void {
    if (this.#reader === undefined && this.#held[dir].length > 0) {
      const { bytes, start, end } = this.#held[dir];
      const protocol = detect(dir, bytes.subarray(start, end)) ?? 'unknown';
      this.#decide(protocol, this.#partial);
    }
    if (this.#reader === undefined) this.#ended.push(dir);
    else this.#reader.end(dir);
  }

  #detect(dir: Direction, held: Input): { protocol: Protocol; partial: boolean } | undefined {
    const bytes = held.bytes.subarray(held.start, held.end);
    const search = this.#search[dir];
    const protocol = search === undefined ? detect(dir, bytes) : search.find(dir, bytes);
    // Of the other direction something may be missing, too.
    const isSearched = this.#search.in !== undefined || this.#search.out !== undefined;
    if (protocol !== undefined) return { protocol, partial: this.#partial || isSearched };
    return bytes.length > streamLimits.searchWindowBytes ? { protocol: 'unknown', partial: true } : undefined;
  }

  #decide(protocol: Protocol, partial: boolean): void {
    this.#reader = readerOf(this.#context, protocol, partial);
    for (const dir of this.#order) {
      const held = this.#held[dir];
      const bytes = held.bytes.subarray(held.start, held.end);
      held.drop(bytes.length);
      if (bytes.length > 0) this.#reader.push(dir, bytes);
      held.settle();
    }
    for (const dir of this.#ended) this.#reader.end(dir);
  }
}

const NOTHING = new Uint8Array(0);

/** Of a connection that held more than there was room for. */
class GivenUpReader implements StreamReader {
  readonly heldBytes = 0;
  readonly #teller: Teller;

  constructor(teller: Teller) {
    this.#teller = teller;
  }

  push(): void {
    const text = 'all connections together hold more than is kept: this one is not read any further';
    this.#teller.once('warning', 'tcp', 'given-up', text);
  }

  gap(): void {
    this.push();
  }

  end(): void {}
}

/** Data of a protocol that is not known here. */
class UnknownReader implements StreamReader {
  readonly heldBytes = 0;
  readonly #teller: Teller;

  constructor(teller: Teller) {
    this.#teller = teller;
  }

  push(): void {
    this.#teller.once('note', 'tcp', 'unknown-protocol', 'data of a protocol that is not known here');
  }

  gap(): void {}

  end(): void {}
}
