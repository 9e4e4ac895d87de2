// The bundled captures as timed inputs, and cores of either mode behind one interface that takes them: what the laws of
// the whole system (test/laws/whole-*.test.ts) run again and again.

import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { streamInput } from '../../src/bench/recorders.js';
import { loadRecording, type RecordedInput, type Recording } from '../../src/bench/recording.js';
import { SocketEventReader } from '../../src/bench/synthesis.js';
import type { Crypto, KeyExchange } from '../../src/core/crypto.js';
import { createSite } from '../../src/core/http/site.js';
import { createRandomSource } from '../../src/core/random.js';
import { createSession, DEFAULT_ALPN } from '../../src/core/session.js';
import { createStack } from '../../src/core/stack.js';
import { type StreamInput, type StreamOutput, Streams } from '../../src/core/streams.js';
import type { TlsConfig } from '../../src/core/tls/config.js';
import { SessionCache } from '../../src/core/tls/session-cache.js';
import type { Trace, TraceEvent } from '../../src/core/trace.js';
import type { Micros, SessionFactory } from '../../src/core/types.js';
import type { RunConfig, RunIdentity } from '../../src/io/assemble.js';
import { nodeCrypto } from '../../src/io/node-crypto.js';
import { tlsConfigOf } from '../../src/io/tls-config.js';
import { equalBytes, toHex } from './bytes.js';

/** Relative to dist/test/support. */
export const capturesFolder: string = fileURLToPath(new URL('../../../fixtures/captures/', import.meta.url));

export type TimedInput =
  | { readonly kind: 'frame'; readonly atUs: Micros; readonly frame: Uint8Array }
  | { readonly kind: 'stream'; readonly atUs: Micros; readonly input: StreamInput }
  | ({ readonly kind: 'answer' } & RecordedInput)
  | { readonly kind: 'close' | 'advance'; readonly atUs: Micros };

/** What came out: a frame (`what` is empty), or what a stream's owner has to do, as `data 0`. */
export interface Output {
  readonly atUs: Micros;
  readonly what: string;
  readonly bytes: Uint8Array;
}

export interface RecordedRun {
  readonly name: string;
  readonly identity: RunIdentity;
  readonly recording: Recording;
  readonly inputs: readonly TimedInput[];
  readonly endUs: Micros;
}

/** A stack or the streams of tcp mode; frames and stream inputs must not be mixed. */
export interface Core {
  give(input: TimedInput): void;
  advance(nowUs: Micros): void;
  /** Everything that waits, copied. */
  drain(): Output[];
  nextDeadlineUs(): Micros | undefined;
  readonly openFlows: number;
}

export function captureNames(): string[] {
  return readdirSync(capturesFolder)
    .filter((name) => name.endsWith('.pcapng'))
    .map((name) => name.slice(0, -'.pcapng'.length))
    .sort();
}

export async function loadRuns(): Promise<RecordedRun[]> {
  return Promise.all(captureNames().map(loadRun));
}

async function loadRun(name: string): Promise<RecordedRun> {
  const recording = await loadRecording(`${capturesFolder}${name}.pcapng`);
  const { manifest, timeline } = recording;
  const identity: RunIdentity = {
    config: manifest.config as RunConfig,
    seed: Buffer.from(manifest.seed, 'hex'),
    startUnixUs: manifest.startUnixUs,
  };
  const inputs = identity.config.mode === 'tun' ? frameInputs(recording) : streamInputs(recording, identity);
  return { name, identity, recording, inputs, endUs: timeline.at(-1)!.atUs };
}

function frameInputs({ timeline }: Recording): TimedInput[] {
  const inputs: TimedInput[] = [];
  for (const item of timeline) {
    if (item.kind === 'event') inputs.push({ kind: item.event === 'close' ? 'close' : 'advance', atUs: item.atUs });
    else if (item.kind === 'answer') inputs.push(item);
    else if (item.dir === 'in') inputs.push({ kind: 'frame', atUs: item.atUs, frame: item.data });
  }
  return inputs;
}

/** What an inbound packet stands for depends on what had gone out before it, so the run is made once. */
function streamInputs({ timeline }: Recording, identity: RunIdentity): TimedInput[] {
  const inputs: TimedInput[] = [];
  const reader = new SocketEventReader();
  for (const item of timeline) {
    if (item.kind === 'event') inputs.push({ kind: item.event === 'close' ? 'close' : 'advance', atUs: item.atUs });
    else if (item.kind === 'answer') inputs.push(item);
    else {
      const event = reader.read(item.dir, item.data);
      const input = event && streamInput(event);
      if (input !== undefined) inputs.push({ kind: 'stream', atUs: item.atUs, input: own(input) });
    }
  }
  if (identity.config.mode !== 'tcp') throw new Error('not a recording of tcp mode');
  return inputs;
}

function own(input: StreamInput): StreamInput {
  return input.kind === 'data' ? { ...input, bytes: input.bytes.slice() } : input;
}

/** The core of a run, of the same parts as in a live one but for the memory of `rememberingCrypto`. */
export function makeCore(identity: RunIdentity, trace?: Trace): Core {
  const { config } = identity;
  if (config.mode === 'tcp') return new StreamsCore(new Streams({ services: services(identity, trace) }));
  const stack = createStack(
    { localAddress: config.address ?? '10.0.0.2', mtu: config.mtu ?? 1500, services: services(identity, trace) },
    { random: createRandomSource(nodeCrypto, identity.seed), ...(trace && { trace }) },
  );
  return {
    give(input) {
      if (input.kind === 'frame') stack.receive(input.atUs, input.frame);
      else if (input.kind === 'answer') stack.respond(input.atUs, input.token, input.answer);
      else if (input.kind === 'close') stack.close(input.atUs);
      else stack.advance(input.atUs);
    },
    advance: (nowUs) => stack.advance(nowUs),
    drain() {
      const outputs: Output[] = [];
      for (let out = stack.poll(); out; out = stack.poll()) {
        outputs.push({ atUs: out.atUs, what: '', bytes: out.frame.slice() });
      }
      return outputs;
    },
    nextDeadlineUs: () => stack.nextDeadlineUs(),
    get openFlows() {
      return stack.openFlows;
    },
  };
}

class StreamsCore implements Core {
  readonly #streams: Streams;

  constructor(streams: Streams) {
    this.#streams = streams;
  }

  give(input: TimedInput): void {
    if (input.kind === 'stream') this.#streams.receive(input.atUs, input.input);
    else if (input.kind === 'answer') this.#streams.respond(input.atUs, input.token, input.answer);
    else if (input.kind === 'close') this.#streams.close(input.atUs);
    else this.#streams.advance(input.atUs);
  }

  advance(nowUs: Micros): void {
    this.#streams.advance(nowUs);
  }

  drain(): Output[] {
    const outputs: Output[] = [];
    for (let out = this.#streams.poll(); out; out = this.#streams.poll()) outputs.push(streamOutput(out));
    return outputs;
  }

  nextDeadlineUs(): Micros | undefined {
    return this.#streams.nextDeadlineUs();
  }

  get openFlows(): number {
    return this.#streams.openFlows;
  }
}

function streamOutput(out: StreamOutput): Output {
  const bytes = out.kind === 'data' ? out.bytes : new Uint8Array(0);
  return { atUs: out.atUs, what: `${out.kind} ${out.stream}`, bytes };
}

function services(identity: RunIdentity, trace: Trace | undefined): ReadonlyMap<number, SessionFactory> {
  const { config, startUnixUs, seed } = identity;
  const shared = { handler: createSite(), startUnixUs, ...(trace && { trace }) };
  const random = createRandomSource(nodeCrypto, seed);
  const tls: TlsConfig = {
    ...tlsConfigOf(config, { random, startUnixUs, alpnProtocols: DEFAULT_ALPN }),
    crypto: rememberingCrypto,
  };
  const secure = { ...shared, tls, tlsSessions: new SessionCache() };
  const map = new Map<number, SessionFactory>();
  for (const port of config.plainPorts) {
    map.set(port, (_nowUs, flow, transport) => createSession({ ...shared, flow, transport }));
  }
  for (const port of config.tlsPorts) {
    map.set(port, (nowUs, flow, transport) => createSession({ ...secure, flow, transport, openedUs: nowUs }));
  }
  return map;
}

const signatures = new Map<string, Uint8Array>();
const exchanges = new Map<string, KeyExchange | undefined>();
const secrets = new Map<string, Uint8Array | undefined>();

/** node:crypto, which makes each signature and shared secret once: they are functions of their arguments, and slow. */
export const rememberingCrypto: Crypto = {
  ...nodeCrypto,
  sign(key, scheme, message, salt) {
    const name = `${scheme} ${toHex(message)} ${toHex(salt)}`;
    return remembered(signatures, name, () => nodeCrypto.sign(key, scheme, message, salt));
  },
  keyExchange(group, privateKey) {
    const name = `${group} ${toHex(privateKey)}`;
    return remembered(exchanges, name, () => {
      const exchange = nodeCrypto.keyExchange(group, privateKey);
      return (
        exchange && {
          publicKey: exchange.publicKey,
          derive: (peer) => remembered(secrets, `${name} ${toHex(peer)}`, () => exchange.derive(peer)),
        }
      );
    });
  },
};

const REMEMBERED = 4096;

function remembered<Value>(memory: Map<string, Value>, name: string, make: () => Value): Value {
  if (memory.has(name)) return memory.get(name)!;
  const value = make();
  if (memory.size < REMEMBERED) memory.set(name, value);
  return value;
}

/** Called before the input with its place in the list: may advance, drain, or give inputs of its own. */
export type Between = (core: Core, input: TimedInput, index: number, sink: (outputs: Output[]) => void) => void;

/** Gives the inputs to a core and drains it after each one. */
export function play(core: Core, inputs: readonly TimedInput[], between?: Between): Output[] {
  const all: Output[] = [];
  const sink = (outputs: Output[]): void => {
    for (const output of outputs) all.push(output);
  };
  inputs.forEach((input, index) => {
    between?.(core, input, index, sink);
    core.give(input);
    sink(core.drain());
  });
  return all;
}

export interface Told {
  readonly atUs: Micros;
  readonly event: TraceEvent;
}

/** A trace that keeps everything. */
export function keepTrace(): { readonly told: Told[]; readonly trace: Trace } {
  const told: Told[] = [];
  return { told, trace: (atUs, event) => told.push({ atUs, event }) };
}

/** Fails at the first output that differs in time, kind or bytes. */
export function sameOutputs(actual: readonly Output[], expected: readonly Output[], message: string): void {
  const count = Math.min(actual.length, expected.length);
  for (let i = 0; i < count; i++) {
    const a = actual[i]!;
    const e = expected[i]!;
    if (a.atUs !== e.atUs || a.what !== e.what) {
      throw new Error(`${message}: output ${i} is "${a.what}" at ${a.atUs}, not "${e.what}" at ${e.atUs}`);
    }
    equalBytes(a.bytes, e.bytes, `${message}: output ${i}`);
  }
  if (actual.length !== expected.length) {
    throw new Error(`${message}: ${actual.length} outputs instead of ${expected.length}`);
  }
}

/** What the recording says came out, in the form of the outputs above. In tcp mode the packets that stand for them. */
export function recordedOutputs({ recording }: RecordedRun): Output[] {
  return recording.timeline.flatMap((item) =>
    item.kind === 'packet' && item.dir === 'out' ? [{ atUs: item.atUs, what: '', bytes: item.data }] : [],
  );
}
