// The target `tcp`: a stack with a session that sends, takes or echoes, a peer that may lie, and a bad wire, in virtual time.
// Invariants: what arrives is whole and in order, both ways; the connection ends; nothing stalls longer than timers allow;
// windows are kept; buffers keep their bounds; deadlines advance; and a replay of the inputs gives the same frames.

import { type FaultPlan, type FaultSettings, NO_FAULTS } from '../../src/core/faults.js';
import { limits } from '../../src/core/limits.js';
import { createStack } from '../../src/core/stack.js';
import type { TcpConfig } from '../../src/core/tcp/config.js';
import type { Micros, Session, Stack } from '../../src/core/types.js';
import { testRandom } from '../../test/support/bytes.js';
import { World } from '../../test/support/network.js';
import { HONEST, type Lies, PLAIN_PEER } from '../../test/support/peer/options.js';
import { Peer } from '../../test/support/peer/peer.js';
import { fastRandomSource } from '../../test/support/random.js';
import { StubSession } from '../../test/support/stub-session.js';
import { WireCheck } from '../../test/support/wire-check.js';
import { describeFrame } from './describe.js';
import type { Case, FuzzTarget, Verdict } from './target.js';

const SERVER = '10.0.0.2';
/** Virtual time after which a run counts as endless: longer than any connection takes to give up. */
const END_US = 3_600_000_000;

interface TcpCase {
  readonly seed: number;
  /** source: sends and closes; sink: takes; both: sends and takes; echo. */
  readonly mode: string;
  readonly upload: number;
  readonly download: number;
  readonly room: number;
  readonly mtu: number;
  readonly mss: number;
  readonly buffer: number;
  readonly windowScale: number;
  readonly sack: boolean;
  readonly timestamps: boolean;
  readonly ackEvery: number;
  readonly delayedAckUs: number;
  readonly readBytesPerSecond: number;
  readonly inDropPpm: number;
  readonly outDropPpm: number;
  readonly duplicatePpm: number;
  readonly reorderPpm: number;
  readonly corruptPpm: number;
  readonly delayUs: number;
  readonly jitterUs: number;
  readonly rateKbit: number;
  readonly queueBytes: number;
  readonly withholdAtUs: number;
  readonly withholdForUs: number;
  readonly shrinkAtUs: number;
  readonly shrinkForUs: number;
  readonly shrinkToBytes: number;
  readonly bogusSacks: number;
  readonly renegeAtUs: number;
  readonly acksAhead: number;
  readonly ackDivision: number;
  readonly repeatAcks: boolean;
  readonly strays: number;
  readonly straySyns: boolean;
  readonly resetAtUs: number;
  readonly vanishAtUs: number;
  /** `tcp` of the stack's config, as JSON. */
  readonly knobs: string;
}

const PLAIN: TcpCase = {
  seed: 1,
  mode: 'source',
  upload: 0,
  download: 1_000,
  room: 1 << 20,
  mtu: 1500,
  mss: 1460,
  buffer: 65_535,
  windowScale: 7,
  sack: true,
  timestamps: true,
  ackEvery: 2,
  delayedAckUs: 40_000,
  readBytesPerSecond: 0,
  inDropPpm: 0,
  outDropPpm: 0,
  duplicatePpm: 0,
  reorderPpm: 0,
  corruptPpm: 0,
  delayUs: 1_000,
  jitterUs: 0,
  rateKbit: 0,
  queueBytes: 100_000,
  withholdAtUs: 0,
  withholdForUs: 0,
  shrinkAtUs: 0,
  shrinkForUs: 0,
  shrinkToBytes: 0,
  bogusSacks: 0,
  renegeAtUs: 0,
  acksAhead: 0,
  ackDivision: 0,
  repeatAcks: false,
  strays: 0,
  straySyns: false,
  resetAtUs: 0,
  vanishAtUs: 0,
  knobs: '{}',
};

export const tcpTarget: FuzzTarget = {
  name: 'tcp',
  description: 'fault schedules and peers that lie, against the stack in virtual time',
  plain: PLAIN as unknown as Case,
  make: (seed, run) => make(seed, run) as unknown as Case,
  run: (fuzzCase, log) => runCase(fuzzCase as unknown as TcpCase, log),
};

/** Every value drawn from (seed, run) alone. */
function make(seed: number, run: number): TcpCase {
  const random = testRandom(Math.imul(seed ^ 0x5bd1e995, 0x9e3779b1) ^ Math.imul(run + 1, 0x85ebca6b));
  // xorshift begins badly with close seeds: the first draws are thrown away.
  for (let i = 0; i < 8; i++) random.u32();
  const { below } = random;
  const often = (percent: number): boolean => below(100) < percent;
  const pick = <Value>(...values: Value[]): Value => values[below(values.length)]!;
  /** Small numbers as often as large ones. */
  const upTo = (most: number): number => below(1 + (most >> below(6)));
  const size = (): number => (often(1) ? upTo(2_000_000) : upTo(80_000));

  const mode = pick('source', 'source', 'sink', 'both', 'echo');
  const bad = often(70);
  const liar = often(50);
  const lie = (percent: number, value: () => number): number => (liar && often(percent) ? value() : 0);
  const delayUs = 50 + upTo(100_000);
  const withholdForUs = lie(15, () => 1 + below(3_000_000));
  const shrinkForUs = lie(15, () => 1 + below(2_000_000));
  const windowScale = pick(-1, 0, 2, 7, 7, 14);
  const buffer = often(30) ? 200 + below(10_000) : pick(65_535, 200_000, 1 << 20);
  const room = often(30) ? 500 + below(20_000) : 1 << 20;
  const reorderPpm = bad && often(50) ? upTo(200_000) : 0;
  const knobs: Record<string, boolean | string> = {};
  if (often(20)) knobs.congestion = 'reno';
  if (often(20)) knobs.recovery = 'newreno';
  if (often(10)) knobs.sack = false;
  return {
    seed: random.u32(),
    mode,
    // A large stream through a small window takes as many round trips, which shows nothing more.
    upload: mode === 'source' ? upTo(600) : Math.min(size(), 40 * room, mode === 'echo' ? 40 * buffer : Infinity),
    download: mode === 'source' || mode === 'both' ? 1 + Math.min(size(), 40 * buffer) : 0,
    room,
    mtu: pick(576, 1280, 1500, 1500, 1500, 9000),
    mss: pick(100, 536, 1000, 1220, 1460, 1460, 8960),
    // A buffer that its own scale cannot express would be a window of 0 for ever.
    buffer: Math.max(buffer, 2 << Math.max(0, windowScale)),
    windowScale,
    sack: often(80),
    timestamps: often(80),
    ackEvery: pick(1, 2, 2, 2, 4),
    delayedAckUs: pick(1_000, 40_000, 40_000, 200_000),
    readBytesPerSecond: often(10) ? 20_000 + below(1_000_000) : 0,
    inDropPpm: bad && often(80) ? upTo(150_000) : 0,
    outDropPpm: bad && often(80) ? upTo(150_000) : 0,
    duplicatePpm: bad && often(50) ? upTo(50_000) : 0,
    reorderPpm,
    corruptPpm: bad && often(20) ? upTo(30_000) : 0,
    delayUs,
    jitterUs: often(30) ? below(1 + (delayUs >> 1)) : 0,
    rateKbit: often(25) ? 500 + upTo(100_000) : 0,
    queueBytes: 10_000 + upTo(200_000),
    withholdAtUs: withholdForUs > 0 ? 1 + upTo(1_000_000) : 0,
    withholdForUs,
    shrinkAtUs: shrinkForUs > 0 ? 1 + upTo(1_000_000) : 0,
    shrinkForUs,
    shrinkToBytes: shrinkForUs > 0 ? pick(0, 0, 1, 100, 2_000) : 0,
    bogusSacks: lie(20, () => 1 + below(8)),
    renegeAtUs: lie(10, () => 1 + upTo(2_000_000)),
    acksAhead: lie(10, () => 1 + below(5)),
    ackDivision: lie(10, () => 2 + below(20)),
    repeatAcks: liar && often(10),
    strays: lie(20, () => 1 + below(10)),
    straySyns: reorderPpm === 0 && often(50),
    resetAtUs: lie(4, () => 1 + upTo(2_000_000)),
    vanishAtUs: lie(4, () => 1 + upTo(2_000_000)),
    knobs: JSON.stringify(knobs),
  };
}

interface Server {
  readonly stack: Stack;
  session: StubSession | undefined;
}

function startServer(fuzzCase: TcpCase): Server {
  const { mode, download, room, mtu, seed, knobs } = fuzzCase;
  const server: { stack?: Stack; session: StubSession | undefined } = { session: undefined };
  const create = (): Session => {
    server.session = new StubSession({
      room,
      source: download,
      echo: mode === 'echo',
      closeAfterInput: mode !== 'source',
      closeAfterOutput: mode === 'source',
    });
    return server.session;
  };
  const config = { localAddress: SERVER, mtu, services: new Map([[80, create]]), tcp: JSON.parse(knobs) as TcpConfig };
  server.stack = createStack(config, { random: fastRandomSource(seed) });
  return server as Server;
}

function peerOf(fuzzCase: TcpCase): Peer {
  const { seed, upload, mss, buffer, windowScale, sack, timestamps, mode } = fuzzCase;
  const { ackEvery, delayedAckUs, readBytesPerSecond } = fuzzCase;
  const lies = Object.fromEntries(Object.keys(HONEST).map((key) => [key, fuzzCase[key as keyof TcpCase]]));
  return new Peer({
    ...PLAIN_PEER,
    server: SERVER,
    port: 49_152 + (seed & 0x3fff),
    isn: Math.imul(seed, 0x01000193) >>> 0,
    seed,
    upload,
    mss,
    bufferBytes: buffer,
    windowScale,
    sack,
    timestamps,
    closeFirst: mode !== 'source',
    ackEvery,
    delayedAckUs,
    readBytesPerSecond,
    lies: lies as unknown as Lies,
  });
}

function planOf(fuzzCase: TcpCase): FaultPlan {
  const { inDropPpm, outDropPpm, duplicatePpm, reorderPpm, corruptPpm, delayUs, jitterUs } = fuzzCase;
  const shared: FaultSettings = {
    ...NO_FAULTS,
    duplicatePpm,
    reorderPpm,
    corruptPpm,
    delayUs,
    jitterUs,
    rateBitsPerSecond: fuzzCase.rateKbit * 1_000,
    queueBytes: fuzzCase.queueBytes,
  };
  return { in: { ...shared, dropPpm: inDropPpm }, out: { ...shared, dropPpm: outDropPpm } };
}

/** The longest round trip that the wire and an honest peer can make. */
function roundTripBoundUs(fuzzCase: TcpCase): Micros {
  const { delayUs, jitterUs, rateKbit, queueBytes, delayedAckUs, withholdForUs } = fuzzCase;
  const queueUs = rateKbit === 0 ? 0 : Math.ceil(((queueBytes + fuzzCase.mtu) * 8_000) / rateKbit);
  return 2 * (2 * Math.max(delayUs, 1_000) + jitterUs + queueUs) + delayedAckUs + withholdForUs;
}

interface Input {
  readonly atUs: Micros;
  /** Absent: an advance. `close`: the server was asked to end. */
  readonly frame?: Uint8Array;
  readonly close?: boolean;
}

function runCase(fuzzCase: TcpCase, log?: (line: string) => void): Verdict {
  const counts = { frames: 0, 'retransmitted segments': 0, 'virtual seconds': 0 };
  const peaks = { 'longest silence, ms': 0, 'longest run, virtual seconds': 0 };
  let nowUs = 0;
  try {
    const server = startServer(fuzzCase);
    const peer = peerOf(fuzzCase);
    const check = new WireCheck(roundTripBoundUs(fuzzCase));
    const inputs: Input[] = [];
    const hash = new FrameHash();
    const world = new World({
      stack: server.stack,
      peers: [peer],
      plan: planOf(fuzzCase),
      seed: fuzzCase.seed,
      maxSteps: 3_000_000,
      watch: (atUs, direction, frame) => {
        counts.frames++;
        log?.(`${describeFrame(atUs, direction, frame)}`);
        if (direction === 'in') {
          // Frames of the wire are copies of its own, so they need not be copied again.
          inputs.push({ atUs, frame });
          check.in(atUs, frame);
        } else {
          hash.add(atUs, frame);
          check.out(atUs, frame);
        }
      },
      until: (atUs) => {
        nowUs = atUs;
        checkBounds(server.session, peer);
        return false;
      },
    });
    world.connect();
    let quiet = world.run(END_US);
    if (quiet && server.stack.openFlows > 0 && peer.state !== 'established') {
      // The peer is gone and the server has nothing to say: only its own end will find out.
      inputs.push({ atUs: world.nowUs, close: true });
      world.close();
      quiet = world.run(END_US);
    }
    nowUs = world.nowUs;
    check.end(nowUs);
    counts['virtual seconds'] = nowUs / 1e6;
    peaks['longest run, virtual seconds'] = nowUs / 1e6;
    peaks['longest silence, ms'] = check.longestSilenceUs / 1e3;
    counts['retransmitted segments'] = check.retransmissions;
    if (!quiet) throw new Error(`no end: ${server.stack.openFlows} connections are open`);
    checkEnd(fuzzCase, server, peer);
    checkReplay(fuzzCase, inputs, hash.value, nowUs);
    return { counts, peaks };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const where = error instanceof Error ? (error.stack ?? '').split('\n')[1]?.trim() : '';
    return { failure: `at ${(nowUs / 1e6).toFixed(6)} s: ${why} (${where})`, counts, peaks };
  }
}

function checkBounds(session: StubSession | undefined, peer: Peer): void {
  if (session === undefined) return;
  const waiting = peer.acknowledged - session.received;
  if (waiting > limits.tcp.receiveWindowBytes + limits.tcp.receiveQueueSlackBytes)
    throw new Error(`${waiting} bytes wait for the session`);
  const ahead = session.sent - peer.received;
  const most = limits.tcp.sendBufferBytes + limits.tcp.takeBytes;
  if (ahead > most) throw new Error(`the session was asked for ${ahead} bytes beyond what arrived; ${most} at most`);
  if (session.wrong >= 0) throw new Error(`byte ${session.wrong} of the session's input is wrong`);
}

function checkEnd(fuzzCase: TcpCase, { stack, session }: Server, peer: Peer): void {
  if (stack.openFlows > 0) throw new Error(`stalled: nothing is scheduled, ${stack.openFlows} connections are open`);
  if (peer.state === 'has-reset' || peer.state === 'vanished') return;
  if (peer.state !== 'done') throw new Error(`the peer ended as ${peer.state}, not done`);
  const { mode, upload, download } = fuzzCase;
  const expected = mode === 'echo' ? upload : download;
  if (peer.received !== expected) throw new Error(`the peer got ${peer.received} bytes, not ${expected}`);
  if (session === undefined) throw new Error('there was no session');
  if (mode !== 'source' && session.received !== upload) {
    throw new Error(`the session got ${session.received} bytes, not ${upload}`);
  }
}

function checkReplay(fuzzCase: TcpCase, inputs: readonly Input[], expected: number, endUs: Micros): void {
  const { stack } = startServer(fuzzCase);
  const hash = new FrameHash();
  const drain = (): void => {
    for (let out = stack.poll(); out !== undefined; out = stack.poll()) hash.add(out.atUs, out.frame);
  };
  for (const { atUs, frame, close } of inputs) {
    if (close === true) stack.close(atUs);
    else stack.receive(atUs, frame!);
    drain();
  }
  stack.advance(endUs);
  drain();
  if (hash.value !== expected) throw new Error('a replay of the inputs gives other frames');
}

/** FNV-1a over times, lengths and bytes. */
class FrameHash {
  value = 0x811c9dc5;

  add(atUs: Micros, frame: Uint8Array): void {
    let value = Math.imul(this.value ^ (atUs >>> 0), 0x01000193);
    value = Math.imul(value ^ frame.length, 0x01000193);
    for (let i = 0; i < frame.length; i++) value = Math.imul(value ^ frame[i]!, 0x01000193);
    this.value = value;
  }
}
