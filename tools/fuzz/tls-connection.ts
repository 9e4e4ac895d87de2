// One connection of the target `tls`: the server, given bytes as its room allows and watched all the time, and the test client
// that talks to it until it ends. What is done to the server is written down, so that it can be done again.

import { limits } from '../../src/core/limits.js';
import type { TlsConfig } from '../../src/core/tls/config.js';
import { TlsServer } from '../../src/core/tls/server.js';
import type { TlsEvent } from '../../src/core/trace.js';
import { concat, toHex } from '../../test/support/bytes.js';
import { TlsClient } from '../../test/support/tls/client.js';
import { ServerFault } from '../../test/support/tls/codes.js';
import type { ClientOptions } from '../../test/support/tls/options.js';
import type { PlainRecord } from '../../test/support/tls/protection.js';
import { Damage } from './tls-damage.js';
import { type Mutation, mutatingHooks } from './tls-mutations.js';

/** A flight of ours may wait on top of the application data that does. */
const OUTPUT_BYTES = limits.tls.outputBytes + 32_768;
const EMPTY = new Uint8Array(0);

/** What was done to the server. */
export type Input =
  | { readonly kind: 'connect'; readonly flow: string }
  | { readonly kind: 'receive' | 'write'; readonly bytes: Uint8Array }
  | { readonly kind: 'close' | 'end' };

export interface ConnectionOptions {
  readonly flow: string;
  readonly config: TlsConfig;
  readonly client: ClientOptions;
  readonly mutations: readonly Mutation[];
  /** Bytes to the server at once; 0: as they come. */
  readonly chunk: number;
  readonly inputs: Input[];
  /** Of all that servers say. */
  readonly output: OutputHash;
  readonly log?: ((line: string) => void) | undefined;
}

export class Connection {
  readonly client: TlsClient;
  readonly events: TlsEvent[] = [];
  readonly #server: TlsServer;
  readonly #options: ConnectionOptions;
  readonly #damage = new Damage();
  /** What the client sealed as application data with both sides' Finished behind it, and how much came out. */
  #sealed: Uint8Array = EMPTY;
  #delivered = 0;
  /** What the server took to write, and how much the client opened. */
  #written: Uint8Array = EMPTY;
  /** The client found fault with what the server said, which ends its part. */
  complaint: string | undefined;
  records = 0;
  mostOutput = 0;

  constructor(options: ConnectionOptions) {
    const { flow, config, mutations } = options;
    this.#options = options;
    const watch = (record: PlainRecord, name: string): void => {
      this.records++;
      const { established, io } = this.client;
      if (record.contentType !== 23 || name === 'EarlyData' || !established || io.writeKeys === undefined) return;
      this.#sealed = concat(this.#sealed, record.fragment);
    };
    const kinds = mutations.map(({ what }) => what);
    const hooks = this.#damage.watch(mutatingHooks(mutations, watch), () => this.client, kinds);
    this.client = new TlsClient({ ...options.client, hooks });
    options.inputs.push({ kind: 'connect', flow });
    this.#server = new TlsServer({
      flow,
      config,
      trace: (_at, event) => {
        if (event.layer === 'tls') this.events.push(event);
      },
    });
  }

  /** The handshake as far as the two come. */
  shake(): void {
    this.say(() => this.client.start());
  }

  /** What the client says, the server's answer, and so on until there is nothing more to say. */
  say(speak: () => Uint8Array): void {
    for (let said = this.#tryClient(speak); said.length > 0; ) {
      this.#give(said);
      said = this.#hear();
    }
  }

  /** The server has something to say by itself. */
  write(bytes: Uint8Array): void {
    this.#options.inputs.push({ kind: 'write', bytes });
    this.#options.log?.(`write ${bytes.length}`);
    const taken = this.#server.write(0, bytes);
    if (taken > bytes.length || taken < 0) throw new Error(`${taken} of ${bytes.length} bytes written`);
    this.#written = concat(this.#written, bytes.subarray(0, taken));
    this.say(() => this.#hear());
  }

  close(): void {
    this.#options.inputs.push({ kind: 'close' });
    this.#options.log?.('close');
    this.#server.close(0);
    this.say(() => this.#hear());
  }

  /** The client's half of the byte stream ends. */
  end(): void {
    this.#options.inputs.push({ kind: 'end' });
    this.#options.log?.('end of input');
    this.#server.endOfInput(0);
    this.#readAll(0);
    this.#hear();
    if (!this.#server.inputEnded) throw new Error('the input has ended, and the server waits for more');
    if (this.#server.state === 'handshake') throw new Error('the input has ended, and the handshake goes on');
  }

  /** What the client says now has to end the connection by an alert of the server. */
  sayWrong(what: string, speak: () => Uint8Array): void {
    const { state, inputEnded } = this.#server;
    this.say(speak);
    const after = this.#server.state;
    if (state === 'open' && !inputEnded && after !== 'failed') throw new Error(`${what} is let pass`);
  }

  /** Both have the same keys, and data goes through in both directions. */
  checkWorks(): void {
    const { client } = this;
    this.#checkSecrets();
    const line = Uint8Array.of(0x77, 0x6f, 0x72, 0x6b, 0x73);
    const before = this.#delivered;
    this.say(() => client.write(line));
    if (this.#delivered !== before + line.length) throw new Error('what the client writes does not arrive');
    const heard = lengthOf(client.received);
    this.write(line);
    if (lengthOf(client.received) !== heard + line.length) throw new Error('what the server writes does not arrive');
  }

  /** What has to hold when it is over, and how it ended. */
  checkEnd(): 'clean' | 'alert' | 'alerted' | 'ended' {
    const { client, complaint } = this;
    const server = this.#server;
    const sent = this.events.filter(
      (event) => event.kind === 'alert' && event.dir === 'out' && event.level === 'fatal',
    );
    if (sent.length > 1) throw new Error(`${sent.length} fatal alerts`);
    const [alert] = sent;
    if (alert?.kind === 'alert') {
      if (alert.description === 'internal_error') throw new Error(`internal_error: ${alert.reason}`);
      if (server.state !== 'failed') throw new Error(`${server.state} after a fatal alert`);
      if (alert.rule === undefined) throw new Error(`no rule for ${alert.description}`);
    }
    if (server.write(0, Uint8Array.of(1)) > 0 && server.state !== 'open')
      throw new Error(`written when ${server.state}`);
    // What the client adds behind its Finished counts in its own hashes at once, and is the server's to refuse only when it
    // is all there.
    const hashesDiffer =
      !client.transcript.every(isOneMessage) ||
      this.#options.mutations.some(({ what }) => /^(message|flight) (repeat|other|swap)$/.test(what));
    if (server.negotiated !== undefined && server.state !== 'failed' && !hashesDiffer) {
      if (!client.established) throw new Error(`the server is open, the client is not: ${complaint ?? 'no complaint'}`);
      if (complaint !== undefined) throw new Error(`the client complains after the handshake: ${complaint}`);
      this.#checkSecrets();
      const { what, hello } = this.#damage;
      if (what !== undefined) throw new Error(`a clean handshake in spite of ${what}`);
      if (hello !== undefined && client.agreed.resumed === 'psk') throw new Error(`a session is resumed by ${hello}`);
      const received = concat(...client.received);
      if (!isPrefix(received, this.#written)) throw new Error('the client got what the server did not write');
    }
    if (alert !== undefined) return 'alert';
    if (server.state === 'failed') return 'alerted';
    return server.negotiated !== undefined ? 'clean' : 'ended';
  }

  #checkSecrets(): void {
    for (const event of this.events) {
      if (event.kind !== 'secret') continue;
      const ours = this.client.secrets.get(event.label);
      if (ours !== undefined && toHex(ours) !== event.secret)
        throw new Error(`${event.label} is another for the client`);
    }
  }

  /** Bytes to the server, cut, and never more than it has room for. */
  #give(bytes: Uint8Array): void {
    const server = this.#server;
    const { chunk, inputs, log } = this.#options;
    for (let at = 0; at < bytes.length; ) {
      const { room } = server;
      if (room === 0 || room > limits.tls.inputBytes) throw new Error(`room for ${room} bytes after all was read`);
      const count = Math.min(bytes.length - at, room, chunk === 0 ? room : chunk);
      const part = bytes.slice(at, at + count);
      inputs.push({ kind: 'receive', bytes: part });
      log?.(`< ${toHex(part)}`);
      server.receive(0, part);
      this.#readAll(count);
      at += count;
    }
  }

  #readAll(count: number): void {
    const server = this.#server;
    // A record has a header at least, and what waits is bounded.
    let reads = 2 + (count + limits.tls.inputBytes) / 5;
    for (let plaintext = server.read(0); plaintext !== undefined; plaintext = server.read(0)) {
      if (reads-- < 0) throw new Error('reading does not come to an end');
      const expected = this.#sealed.subarray(this.#delivered, this.#delivered + plaintext.length);
      if (plaintext.length !== expected.length || !isPrefix(plaintext, expected)) {
        throw new Error(`plaintext that the client did not seal: ${toHex(plaintext.subarray(0, 40))}`);
      }
      this.#delivered += plaintext.length;
    }
    this.mostOutput = Math.max(this.mostOutput, server.pendingOutput);
    if (server.pendingOutput > OUTPUT_BYTES) throw new Error(`${server.pendingOutput} bytes wait to be sent`);
  }

  /** What the server has to say, and what the client answers. */
  #hear(): Uint8Array {
    const server = this.#server;
    const parts: Uint8Array[] = [];
    while (server.pendingOutput > 0) parts.push(server.take(10_000).slice());
    const said = concat(...parts);
    this.#options.output.add(said);
    if (said.length > 0) this.#options.log?.(`> ${toHex(said)}`);
    return said.length === 0 ? EMPTY : this.#tryClient(() => this.client.receive(said));
  }

  #tryClient(speak: () => Uint8Array): Uint8Array {
    if (this.complaint !== undefined) return EMPTY;
    try {
      return speak();
    } catch (error) {
      if (!(error instanceof ServerFault)) throw error;
      this.complaint = error.message;
      this.#options.log?.(`the client complains: ${error.message}`);
      return EMPTY;
    }
  }
}

/** The same inputs to new servers, without trace; a hash of what they say. */
export function repeat(inputs: readonly Input[], config: TlsConfig): number {
  const output = new OutputHash();
  let server: TlsServer | undefined;
  for (const input of inputs) {
    if (input.kind === 'connect') server = new TlsServer({ flow: input.flow, config });
    else if (input.kind === 'receive') server!.receive(0, input.bytes);
    else if (input.kind === 'write') server!.write(0, input.bytes);
    else if (input.kind === 'close') server!.close(0);
    else server!.endOfInput(0);
    while (server!.read(0) !== undefined);
    while (server!.pendingOutput > 0) output.add(server!.take(1 << 20));
  }
  return output.value;
}

/** FNV-1a over the bytes, however they are cut. */
export class OutputHash {
  value = 0x811c9dc5;

  add(bytes: Uint8Array): void {
    let { value } = this;
    for (let i = 0; i < bytes.length; i++) value = Math.imul(value ^ bytes[i]!, 0x01000193);
    this.value = value;
  }
}

function isOneMessage(bytes: Uint8Array): boolean {
  return bytes.length === 4 + ((bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!);
}

function isPrefix(bytes: Uint8Array, of: Uint8Array): boolean {
  return bytes.length <= of.length && bytes.every((byte, i) => byte === of[i]);
}

function lengthOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}
