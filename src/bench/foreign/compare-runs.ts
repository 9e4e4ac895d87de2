// What a capture shows of a server against what the same server sends now: the bytes of each stream, whole packets where they were
// not merged or cut anew, and what cannot be compared because the capture lacks it.

import type { Direction } from '../../core/trace.js';
import { Collector } from '../diff/collect.js';
import { compareCaptures, type DiffEntry } from '../diff/diff.js';
import { FieldPool } from '../diff/field-pool.js';
import { FieldChoice } from '../diff/names.js';
import { inspectPackets } from './evidence.js';
import { foreignLimits } from './limits.js';
import type { ForeignCapture, ForeignFlow, ForeignPacket } from './load.js';
import type { Run } from './run.js';
import { digestOf } from './run-tun.js';
import { type StreamDifference, StreamImage } from './stream-image.js';

export interface FlowDifference extends StreamDifference {
  readonly flow: string;
  /** Of the capture, where the difference shows; undefined: nowhere in it. */
  readonly packet: ForeignPacket | undefined;
}

export interface RunComparison {
  readonly differences: readonly FlowDifference[];
  /** Streams of which something was compared, and their bytes. */
  readonly streams: number;
  readonly bytes: number;
  /** Outbound packets of the capture that are compared, and those of them that were sent again as they are. */
  readonly outbound: number;
  readonly exact: number;
  /** Larger than the MTU: several segments in one. */
  readonly merged: number;
  /** What is not compared, as sentences without a full stop. */
  readonly notes: readonly string[];
}

/** What the capture shows of both directions. */
export class Recorded {
  readonly out = new Map<ForeignFlow, StreamImage>();
  readonly in = new Map<ForeignFlow, StreamImage>();

  constructor(capture: ForeignCapture) {
    for (const { flow, tcp, dir, bytes } of capture.packets) {
      if (flow === undefined || tcp === undefined || !flow.sawSyn) continue;
      const images = dir === 'out' ? this.out : this.in;
      let image = images.get(flow);
      if (image === undefined) {
        image = new StreamImage();
        if (dir === 'in') image.start(flow.clientIsn, flow.serverIsn);
        else if (flow.serverIsn >= 0) image.start(flow.serverIsn, flow.clientIsn);
        images.set(flow, image);
      }
      image.add(tcp, bytes);
    }
  }
}

/** `mtu` undefined: the packets are not ours, and only what they carry is compared. */
export function compareRuns(
  capture: ForeignCapture,
  recorded: Recorded,
  run: Run,
  mtu: number | undefined,
): RunComparison {
  const differences: FlowDifference[] = [];
  const notes: string[] = [];
  let bytes = 0;
  let streams = 0;
  for (const flow of capture.flows) {
    const before = recorded.out.get(flow);
    if (!flow.sawSyn || before === undefined) continue;
    streams++;
    bytes += before.known;
    const now = run.images.get(flow) ?? new StreamImage();
    const missing = missingInput(recorded.in.get(flow), before);
    const difference = before.differenceFrom(now, mtu !== undefined);
    if (missing !== undefined) notes.push(`${flow.name}: ${missing}`);
    if (difference !== undefined && !(missing !== undefined && AFTER_A_GAP.has(difference.what))) {
      differences.push({ ...difference, flow: flow.name, packet: packetOf(capture, flow, difference) });
    }
    if (!before.finished && now.contiguous > before.length) {
      notes.push(
        `${flow.name}: the capture ends before the last ${now.contiguous - before.length} bytes that were sent`,
      );
    }
  }
  if (run.madeUp > 0) {
    notes.push(`which acknowledgments the client sent where the capture lacks them: ${run.madeUp} were made up`);
  }
  const late = capture.flows.filter(({ sawSyn }) => !sawSyn).length;
  if (late > 0) notes.push(`${late} ${late === 1 ? 'connection' : 'connections'} began before the capture`);
  if (capture.cut > 0) notes.push(`${capture.cut} packets were cut by the snap length: capture with \`tcpdump -s 0\``);
  const exactly = mtu === undefined ? undefined : exactPackets(capture, run, mtu);
  for (const packet of exactly?.otherMissing ?? []) {
    const text = { what: 'bytes', at: -1, recorded: `a packet of ${packet.bytes.length} bytes`, now: 'none' } as const;
    differences.push({ ...text, flow: 'packets outside of TCP', packet });
  }
  differences.sort((a, b) => (a.packet?.number ?? 0) - (b.packet?.number ?? 0));
  const { outbound = 0, exact = 0, merged = 0 } = exactly ?? {};
  return { differences, streams, bytes, outbound, exact, merged, notes };
}

/** Where the client's bytes are not all there, the server had more to go on than we have. */
const AFTER_A_GAP: ReadonlySet<StreamDifference['what']> = new Set(['length', 'end', 'reset', 'acknowledged']);

function missingInput(input: StreamImage | undefined, output: StreamImage): string | undefined {
  if (input === undefined) return 'nothing that the client sent is in the capture';
  // RFC 9293 §3.4: SYN and FIN count as one each.
  const acknowledged = output.acknowledged - 1 - (input.ended ? 1 : 0);
  if (acknowledged <= input.contiguous) return undefined;
  const what = acknowledged - input.contiguous === 1 ? 'a byte or the FIN' : 'bytes';
  return `the capture lacks ${what} of the client after ${input.contiguous} bytes; what came of that is not compared`;
}

function packetOf(
  capture: ForeignCapture,
  flow: ForeignFlow,
  { at, what }: StreamDifference,
): ForeignPacket | undefined {
  const own = capture.packets.filter((packet) => packet.flow === flow && packet.dir === 'out');
  if (what === 'syn-ack') return own.find(({ tcp }) => (tcp!.flags & 2) !== 0);
  if (what === 'end') return own.find(({ tcp }) => (tcp!.flags & 1) !== 0);
  if (what === 'reset') return own.find(({ tcp }) => (tcp!.flags & 4) !== 0);
  if (at < 0) return undefined;
  return own.find(({ tcp }) => {
    const from = (tcp!.seq - flow.serverIsn - 1) >>> 0;
    return from <= at && at < from + tcp!.payloadLength;
  });
}

function exactPackets(capture: ForeignCapture, run: Run, mtu: number) {
  const counts = new Map<string, number>();
  for (const { bytes } of run.sent) {
    const digest = digestOf(bytes);
    counts.set(digest, (counts.get(digest) ?? 0) + 1);
  }
  let [outbound, exact, merged] = [0, 0, 0];
  const otherMissing: ForeignPacket[] = [];
  for (const packet of capture.packets) {
    if (packet.dir !== 'out' || packet.flow?.sawSyn === false) continue;
    outbound++;
    const digest = digestOf(packet.bytes);
    const left = counts.get(digest) ?? 0;
    if (left > 0) {
      counts.set(digest, left - 1);
      exact++;
    } else if (packet.bytes.length > mtu) merged++;
    else if (packet.tcp === undefined) otherMissing.push(packet);
  }
  return { outbound, exact, merged, otherMissing };
}

/** The first differences by layer and field, as a comparison of both captures finds them. */
export function nameDifferences(capture: ForeignCapture, run: Run, startUnixUs: number): DiffEntry[] {
  const options = { level: 'stream', ignore: [] } as const;
  const choice = new FieldChoice(options.level, options.ignore);
  const pool = new FieldPool();
  const collect = (packets: Iterable<Parameters<typeof inspectPackets>[0] extends Iterable<infer P> ? P : never>) => {
    const collector = new Collector(options.level, choice, pool);
    for (const packet of inspectPackets(packets, run.keyLog)) collector.packet(packet);
    return collector.finish();
  };
  const result = compareCaptures(collect(ofKnown(capture)), collect(again(capture, run, startUnixUs)), options);
  return result.entries.slice(0, foreignLimits.named);
}

function* ofKnown(capture: ForeignCapture) {
  for (const packet of capture.packets) if (packet.flow?.sawSyn !== false) yield packet;
}

/** The recorded input with what is sent now. */
function* again(capture: ForeignCapture, run: Run, startUnixUs: number) {
  let next = 0;
  const out: Direction = 'out';
  for (const [index, packet] of capture.packets.entries()) {
    for (; next < run.sent.length && run.sent[next]!.before <= index; next++) {
      const { bytes, atUs } = run.sent[next]!;
      yield { bytes, number: packet.number, unixUs: startUnixUs + atUs, dir: out };
    }
    if (packet.dir === 'in' && packet.flow?.sawSyn !== false) yield packet;
  }
  const last = capture.packets.at(-1)?.number ?? 0;
  for (; next < run.sent.length; next++) {
    const { bytes, atUs } = run.sent[next]!;
    yield { bytes, number: last, unixUs: startUnixUs + atUs, dir: out };
  }
}
