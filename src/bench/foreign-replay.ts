// Replays captures that others took of a wirebench server: what the client sent goes into the same server again, and what comes
// out is compared with what the capture shows. The logical times of the run are not in it and are recovered, see foreign/times.ts.
// docs/recording.md says what `identical` means here.

import { createRandomSource } from '../core/random.js';
import type { RunIdentity } from '../io/assemble.js';
import { CaptureError } from '../io/capture.js';
import { nodeCrypto } from '../io/node-crypto.js';
import type { DiffEntry } from './diff/diff.js';
import {
  compareRuns,
  type FlowDifference,
  nameDifferences,
  Recorded,
  type RunComparison,
} from './foreign/compare-runs.js';
import { handshakeTimes } from './foreign/evidence.js';
import type { ForeignIdentity } from './foreign/identity.js';
import { foreignLimits } from './foreign/limits.js';
import { type ForeignCapture, loadForeign } from './foreign/load.js';
import type { Run, RunEnd } from './foreign/run.js';
import { readOtherwise, runStreams, STREAM_VARIANTS, type StreamVariant } from './foreign/run-streams.js';
import { runTun } from './foreign/run-tun.js';
import { InputTimes, possibleStarts, SentTimes, timeOfIsn } from './foreign/times.js';

export interface ForeignResult {
  /** Nothing differs that was compared. */
  readonly identical: boolean;
  readonly mode: 'tun' | 'tcp';
  /** Packets of the capture that belong to this server. */
  readonly packets: number;
  readonly durationUs: number;
  readonly comparison: RunComparison;
  /** Inputs, and how many of them the server's own clock is known for. */
  readonly inputs: number;
  readonly recovered: number;
  readonly startUnixUs: number;
  /** Runs that it took. */
  readonly passes: number;
  /** No ISN of the capture is one of this seed and config. */
  readonly otherSeed: boolean;
  /** By layer and field; empty when nothing differs, or only what has no field. */
  readonly named: readonly DiffEntry[];
  /** For what is said of the capture: checksums left to the network card. */
  readonly repaired: number;
}

interface Attempt {
  readonly run: Run;
  readonly comparison: RunComparison;
  readonly recovered: number;
  readonly passes: number;
  readonly startUnixUs: number;
  readonly otherSeed: boolean;
}

/** Raises CaptureError where the capture cannot be read or holds nothing of this server. */
export async function replayForeign(file: string, identity: ForeignIdentity): Promise<ForeignResult> {
  const { config, seed } = identity;
  const addresses = [config.address ?? '10.0.0.2', config.address6].filter((address) => address !== undefined);
  const ports = [...config.plainPorts, ...config.tlsPorts];
  const isTun = config.mode === 'tun';
  const capture = await loadForeign(file, { addresses: isTun ? addresses : [], ports });
  const inputs = inputsOf(capture);
  if (inputs.length === 0)
    throw nothingOfOurs(file, isTun ? addresses.join(' or ') : `port ${ports.join(' or ')}`, capture);
  const recorded = new Recorded(capture);
  const random = createRandomSource(nodeCrypto, seed);
  const known = identity.startUnixUs;
  const found = known !== undefined ? [known] : isTun ? possibleStarts(random, capture) : [startOfTcp(capture)];
  const starts = found ?? [startOfTcp(capture)];
  if (starts.length === 0) {
    const what = 'no connection begins in it, so that the time at which the server was started cannot be recovered';
    throw new CaptureError('corrupt', file, 0, what, 'Give a manifest with startUnixUs by --config');
  }
  let best: Attempt | undefined;
  for (const startUnixUs of starts) {
    const run = { config, seed, startUnixUs };
    const attempt = isTun ? attemptTun(capture, inputs, recorded, run) : attemptTcp(capture, inputs, recorded, run);
    if (best === undefined || attempt.comparison.differences.length < best.comparison.differences.length)
      best = attempt;
    if (best.comparison.differences.length === 0) break;
  }
  const { run, ...rest } = best!;
  const otherSeed = rest.otherSeed || found === undefined;
  const isDifferent = rest.comparison.differences.length > 0;
  return {
    ...rest,
    mode: config.mode,
    packets: capture.packets.length,
    durationUs: capture.packets.at(-1)!.unixUs - capture.packets[0]!.unixUs,
    inputs: inputs.length,
    otherSeed,
    identical: !isDifferent && !otherSeed,
    named: isDifferent && !otherSeed ? nameDifferences(capture, run, rest.startUnixUs) : [],
    repaired: capture.repaired,
  };
}

/** What the server read, but for connections whose beginning is missing: to it they would be strangers. */
function inputsOf({ packets }: ForeignCapture): number[] {
  const inputs: number[] = [];
  for (const [index, { dir, flow }] of packets.entries()) {
    if (dir === 'in' && flow?.sawSyn !== false) inputs.push(index);
  }
  return inputs;
}

function nothingOfOurs(file: string, who: string, { flows, others }: ForeignCapture): CaptureError {
  if (flows.length > 0) {
    const what = `all ${flows.length} connections began before the capture, and a server that is asked in the middle does not know them`;
    return new CaptureError('corrupt', file, 0, what, 'Start tcpdump before the client');
  }
  const what = `nothing to or from ${who} among ${others} packets`;
  return new CaptureError(
    'corrupt',
    file,
    0,
    what,
    'Is the config (--config) the one of the server that was captured?',
  );
}

function attemptTun(
  capture: ForeignCapture,
  inputs: readonly number[],
  recorded: Recorded,
  identity: RunIdentity,
): Attempt {
  const { seed, startUnixUs, config } = identity;
  const random = createRandomSource(nodeCrypto, seed);
  const times = new InputTimes(
    inputs.map((index) => capture.packets[index]!.unixUs),
    startUnixUs,
  );
  const inputOf = new Map(inputs.map((index, input) => [index, input]));
  const { anchors, asked } = pinSyns(capture, random, times, inputOf);
  times.settle();
  let run = runTun(capture, inputs, identity, random, times);
  let passes = 1;
  let recovered = anchors + run.rightMs;
  const otherSeed = asked > 0 && anchors === 0;
  if (!otherSeed) {
    let tickets = 0;
    while (passes < foreignLimits.passes) {
      // The keys of a handshake do not depend on its time: one look is enough.
      if (passes === 1) tickets = pinHandshakes(capture, run, random, times, startUnixUs);
      for (const { input, lowUs } of run.wrongMs) times.pin(input, lowUs, lowUs + 999);
      recovered = anchors + run.rightMs + tickets;
      if (!times.settle()) break;
      run = runTun(capture, inputs, identity, random, times);
      passes++;
      recovered = anchors + run.rightMs + tickets;
    }
  }
  const mtu = config.mtu ?? 1500;
  let comparison = compareRuns(capture, recorded, run, mtu);
  const ends: RunEnd[] = [];
  // Most servers are ended while somebody captures, and that is an input that no packet shows.
  for (const kind of otherSeed ? [] : (['close', 'abort'] as const)) {
    const end = possibleEnd(kind, capture, comparison, random, times, startUnixUs);
    if (end === undefined) continue;
    const again = runTun(capture, inputs, identity, random, times, [...ends, end]);
    passes++;
    const compared = compareRuns(capture, recorded, again, mtu);
    if (compared.differences.length >= comparison.differences.length) continue;
    ends.push(end);
    run = again;
    const { number } = capture.packets[end.before]!;
    const what = kind === 'close' ? 'told to end' : 'ended at once';
    comparison = {
      ...compared,
      notes: [...compared.notes, `when the server was ${what}: taken to be before packet ${number}`],
    };
  }
  return { run, comparison, recovered: Math.min(recovered, inputs.length), passes, startUnixUs, otherSeed };
}

/** Before the first thing that was sent for no reason that the capture shows. */
function possibleEnd(
  kind: RunEnd['kind'],
  capture: ForeignCapture,
  { differences }: RunComparison,
  random: ReturnType<typeof createRandomSource>,
  times: InputTimes,
  startUnixUs: number,
): RunEnd | undefined {
  const wanted = kind === 'close' ? UNASKED : ABORTED;
  const first = differences.find(({ what, packet }) => packet !== undefined && wanted.has(what))?.packet;
  if (first === undefined) return undefined;
  const before = capture.packets.indexOf(first);
  const { tcp, flow, unixUs } = first;
  const capturedUs = Math.max(0, Math.round(unixUs - startUnixUs + times.biasUs));
  if (tcp === undefined || flow === undefined || tcp.tsVal < 0) return { kind, before, atUs: capturedUs };
  const ms = new SentTimes(random, flow).msOf32(tcp.tsVal);
  const lowUs = (Math.floor(capturedUs / 1000) + ((ms - Math.floor(capturedUs / 1000)) | 0)) * 1000;
  return { kind, before, atUs: Math.min(Math.max(capturedUs, lowUs), lowUs + 999) };
}

const UNASKED: ReadonlySet<string> = new Set(['length', 'end', 'reset']);
const ABORTED: ReadonlySet<string> = new Set(['reset']);

/** How many handshakes the capture tells the end of. */
function pinHandshakes(
  capture: ForeignCapture,
  run: Run,
  random: ReturnType<typeof createRandomSource>,
  times: InputTimes,
  startUnixUs: number,
): number {
  let known = 0;
  for (const { flow, lowUnixUs, highUnixUs } of handshakeTimes(capture, run.keyLog, random)) {
    const input = run.established.get(flow);
    if (input === undefined) continue;
    known++;
    times.pin(input, lowUnixUs - startUnixUs, highUnixUs - startUnixUs);
  }
  return known;
}

/** SYNs get the time that their ISN says; the others are as late as the SYN that was read first. */
function pinSyns(
  capture: ForeignCapture,
  random: ReturnType<typeof createRandomSource>,
  times: InputTimes,
  inputOf: ReadonlyMap<number, number>,
): { anchors: number; asked: number } {
  let [anchors, asked] = [0, 0];
  let biasUs = Number.POSITIVE_INFINITY;
  for (const flow of capture.flows) {
    const input = inputOf.get(flow.syn);
    if (!flow.sawSyn || flow.serverIsn < 0 || input === undefined) continue;
    asked++;
    const capturedUs = times.capturedUs(input);
    const lowUs = timeOfIsn(random, flow, capturedUs);
    if (lowUs === undefined) continue;
    anchors++;
    times.pin(input, lowUs, lowUs + 3);
    biasUs = Math.min(biasUs, lowUs - capturedUs);
  }
  if (anchors > 0) times.biasUs = biasUs;
  return { anchors, asked };
}

/** Where nothing on the wire tells our clock, the run is taken to have begun a second before the capture. */
function startOfTcp({ packets }: ForeignCapture): number {
  return Math.floor(packets[0]!.unixUs / 1000) * 1000 - 1_000_000;
}

function attemptTcp(
  capture: ForeignCapture,
  inputs: readonly number[],
  recorded: Recorded,
  identity: RunIdentity,
): Attempt {
  const { seed, startUnixUs } = identity;
  const random = createRandomSource(nodeCrypto, seed);
  let passes = 0;
  const attempt = (variant: StreamVariant): Read => {
    const times = new InputTimes(
      inputs.map((index) => capture.packets[index]!.unixUs),
      startUnixUs,
    );
    times.biasUs = variant.lateUs;
    times.settle();
    let run = runStreams(capture, inputs, identity, times, variant);
    passes++;
    const tickets = pinHandshakes(capture, run, random, times, startUnixUs);
    if (times.settle()) {
      run = runStreams(capture, inputs, identity, times, variant);
      passes++;
    }
    const comparison = compareRuns(capture, recorded, run, undefined);
    return { run, comparison, recovered: tickets, passes, startUnixUs, otherSeed: false, variant };
  };
  let best: Read | undefined;
  for (const variant of STREAM_VARIANTS) {
    const read = attempt(variant);
    if (best === undefined || isNearer(read, best)) best = read;
    if (read.comparison.differences.length === 0) break;
  }
  return { ...readSearched(capture, inputs, best!, attempt), passes };
}

interface Read extends Attempt {
  readonly variant: StreamVariant;
}

/** Reads are taken the other way, a few at a time, where that brings the first difference further back. */
function readSearched(
  capture: ForeignCapture,
  inputs: readonly number[],
  start: Read,
  attempt: (variant: StreamVariant) => Read,
): Read {
  let best = start;
  let left = capture.packets.length > foreignLimits.readPackets ? 0 : foreignLimits.readPasses;
  for (;;) {
    const packet = best.comparison.differences[0]?.packet;
    if (packet === undefined) return best;
    const { otherwise = NONE } = best.variant;
    let nearer: Read | undefined;
    for (const suspects of readOtherwise(capture, inputs, packet)) {
      if (left-- <= 0) return best;
      const other = new Set(otherwise);
      for (const index of suspects) if (!other.delete(index)) other.add(index);
      const read = attempt({ ...best.variant, otherwise: other });
      if (!isNearer(read, best)) continue;
      nearer = read;
      break;
    }
    if (nearer === undefined) return best;
    best = nearer;
  }
}

const NONE: ReadonlySet<number> = new Set();

/** The first difference is further back, or there is none. */
function isNearer({ comparison: a }: Attempt, { comparison: b }: Attempt): boolean {
  const [first, other] = [a.differences[0], b.differences[0]];
  if (first === undefined || other === undefined) return first === undefined && other !== undefined;
  const [place, otherPlace] = [first.packet?.number ?? 0, other.packet?.number ?? 0];
  if (place !== otherPlace) return place > otherPlace;
  return first.flow === other.flow ? first.at > other.at : a.differences.length < b.differences.length;
}

/** Lines for people: the first says it in short. */
export function foreignLines(file: string, result: ForeignResult): string[] {
  const { comparison, inputs, recovered, mode, otherSeed } = result;
  const { differences, streams, bytes, outbound, exact, merged, notes } = comparison;
  const packets =
    mode === 'tun'
      ? `${exact} of ${outbound} packets exact${merged > 0 ? ` and ${merged} merged by offload` : ''}, ${recovered} of ${inputs} times recovered`
      : "packets are those of the system's own TCP";
  const scope = `${bytes} bytes of ${streams} ${streams === 1 ? 'stream' : 'streams'}; ${packets}`;
  const left = notes.map((note) => `not compared: ${note}`);
  if (otherSeed) {
    return [
      'no sequence number of the capture is one of this seed: another run, or another --seed or --config',
      ...left,
    ];
  }
  if (differences.length === 0) return [`identical (${scope})`, ...left];
  const named = result.named
    .filter(({ from }) => from === 'server')
    .map(({ field, layer, a, b, section, unit, placeA, placeB }) => {
      const place = placeA ?? placeB;
      const rule = section === '' ? '' : ` (${section})`;
      return `packet ${place?.packet ?? '?'} ${layer.toUpperCase()} ${field} in ${unit}: recorded ${a}, now ${b}${rule}`;
    });
  const first = differences[0]!;
  // Options of TCP decide on what follows.
  return [
    ...(first.what === 'syn-ack' ? [differenceText(first), ...named] : [...named, differenceText(first)]),
    ...(differences.length > 1 ? [`${differences.length - 1} more streams differ`] : []),
    ...(first.packet ? [`look on with: wirebench inspect ${file} -Y 'frame.number == ${first.packet.number}' -v`] : []),
    `compared: ${scope}`,
    ...left,
  ];
}

function differenceText({ flow, what, at, recorded, now, packet }: FlowDifference): string {
  const place = packet === undefined ? '' : `packet ${packet.number} `;
  if (what === 'syn-ack') {
    const parts = now.split(', ');
    const pairs = recorded.split(', ').map((part, i) => [part, parts[i] ?? 'none'] as const);
    const other = pairs.filter(([before, after]) => before !== after);
    const text = (side: 0 | 1): string => other.map((pair) => pair[side]).join(', ');
    return `${place}${flow} TCP SYN-ACK: recorded ${text(0)}, now ${text(1)} (RFC 9293 §3.2)`;
  }
  const where = what === 'bytes' && at >= 0 ? `byte ${at} of what the server sent` : what;
  return `${place}${flow} ${where}: recorded ${recorded}, now ${now}`;
}
