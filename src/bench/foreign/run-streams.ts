// tcp mode: the packets of a capture are those of the system's own TCP, and only what they carry is ours. The client's bytes are put
// together again and given to the sessions as they came; how many segments the server read at once is not in the capture, so a
// few ways are tried.

import type { StreamInput, StreamOutput } from '../../core/streams.js';
import { ACK, RST, SYN } from '../../core/tcp/segment.js';
import { assembleStreams, type RunIdentity } from '../../io/assemble.js';
import { keyLogLine } from '../recorders.js';
import type { ForeignCapture, ForeignFlow, ForeignPacket } from './load.js';
import { newRun, type Run } from './run.js';
import { StreamImage } from './stream-image.js';
import type { InputTimes } from './times.js';

export interface StreamVariant {
  /** Packets of the client, by their place in the capture, that were read otherwise than the rest of this says. */
  readonly otherwise?: ReadonlySet<number>;
  /** Segments of one connection that came within this of each other, with no answer between them, were read at once. */
  readonly mergeUs: number;
  /** All was read so much later than it was captured. */
  readonly lateUs: number;
}

export const STREAM_VARIANTS: readonly StreamVariant[] = [
  { mergeUs: 0, lateUs: 200 },
  { mergeUs: 100, lateUs: 200 },
  { mergeUs: 1_000, lateUs: 200 },
  { mergeUs: 5_000, lateUs: 200 },
  // Another second for `date`, when the first is nearly over.
  { mergeUs: 0, lateUs: 2_000 },
  { mergeUs: 1_000, lateUs: 2_000 },
  { mergeUs: 0, lateUs: 20_000 },
];

interface StreamEvent {
  readonly input: number;
  readonly flow: ForeignFlow;
  readonly stream: number;
  readonly kind: 'open' | 'data' | 'end' | 'reset';
  readonly bytes: Uint8Array;
}

export function runStreams(
  capture: ForeignCapture,
  inputs: readonly number[],
  identity: RunIdentity,
  times: InputTimes,
  variant: StreamVariant,
): Run {
  const run = newRun();
  const events = eventsOf(capture, inputs, variant);
  const flows: ForeignFlow[] = [];
  const outstanding = new Map<number, number>();
  let input = 0;
  const streams = assembleStreams(identity, (_atUs, event) => {
    const line = keyLogLine(event);
    if (line !== undefined) run.keyLog.push(line);
    else if (event.layer === 'tls' && event.kind === 'established') {
      const flow = flows[Number(event.flow.slice('accept#'.length))];
      if (flow !== undefined && !run.established.has(flow.name)) run.established.set(flow.name, input);
    }
  });
  const drain = (): void => {
    const ended: StreamOutput[] = [];
    for (let out = streams.poll(); out !== undefined; out = streams.poll()) {
      const flow = flows[out.stream];
      if (flow === undefined) continue;
      const image = run.images.get(flow)!;
      if (out.kind === 'data') {
        image.append(out.bytes);
        outstanding.set(out.stream, (outstanding.get(out.stream) ?? 0) + out.bytes.length);
      } else {
        image.endAt(out.kind);
        ended.push(out);
      }
    }
    // The kernel has the last bytes, and would go on without us.
    for (const { atUs, stream } of ended) acknowledge(atUs, stream);
  };
  /** The kernel takes what it is given: how fast the client read is not in question here. */
  const acknowledge = (atUs: number, stream: number): void => {
    const count = outstanding.get(stream) ?? 0;
    if (count === 0) return;
    outstanding.set(stream, 0);
    streams.receive(atUs, { kind: 'acknowledged', stream, count });
    drain();
  };
  let lastUs = 0;
  for (const event of events) {
    input = event.input;
    lastUs = times.at(input);
    const { stream, flow } = event;
    streams.advance(lastUs);
    drain();
    if (event.kind === 'open') {
      flows.push(flow);
      run.images.set(flow, new StreamImage());
    } else if (event.kind === 'data') acknowledge(lastUs, stream);
    streams.receive(lastUs, streamInput(event));
    drain();
    while (streams.isFull(stream)) acknowledge(lastUs, stream);
  }
  const first = capture.packets[inputs[0] ?? 0]!;
  streams.advance(Math.max(lastUs, Math.round(times.at(0) + capture.packets.at(-1)!.unixUs - first.unixUs)));
  drain();
  return run;
}

function streamInput({ kind, stream, bytes, flow }: StreamEvent): StreamInput {
  if (kind === 'data') return { kind, stream, bytes };
  if (kind !== 'open') return { kind, stream };
  const [remote, local] = flow.tuple.split('>').map(endOf);
  return {
    kind,
    stream,
    localAddress: local!.address,
    localPort: local!.port,
    remoteAddress: remote!.address,
    remotePort: remote!.port,
  };
}

function endOf(text: string): { address: string; port: number } {
  const colon = text.lastIndexOf(':');
  return { address: text.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(text.slice(colon + 1)) };
}

/** Sockets are accepted when the client's ACK of the SYN-ACK comes. */
function eventsOf(
  { packets }: ForeignCapture,
  inputs: readonly number[],
  { mergeUs, otherwise }: StreamVariant,
): StreamEvent[] {
  const events: StreamEvent[] = [];
  const streams = new Map<ForeignFlow, number>();
  const images = new Map<ForeignFlow, { image: StreamImage; given: number; ended: boolean }>();
  /** The last data of a connection, for others to join; whether the server answered meanwhile. */
  const before = new Map<ForeignFlow, { at: number; unixUs: number; answered: boolean }>();
  let next = 0;
  for (const [index, { flow, tcp, dir, bytes, unixUs }] of packets.entries()) {
    const isInput = inputs[next] === index;
    const input = isInput ? next++ : -1;
    if (flow === undefined || tcp === undefined) continue;
    const previous = before.get(flow);
    if (dir === 'out') {
      if (tcp.payloadLength > 0 && previous !== undefined) previous.answered = true;
      continue;
    }
    if (!isInput) continue;
    let known = images.get(flow);
    if (known === undefined) {
      known = { image: new StreamImage(), given: 0, ended: false };
      known.image.start(flow.clientIsn, flow.serverIsn);
      images.set(flow, known);
    }
    known.image.add(tcp, bytes);
    if ((tcp.flags & (SYN | ACK | RST)) === ACK && !streams.has(flow)) {
      streams.set(flow, streams.size);
      events.push({ input, flow, stream: streams.size - 1, kind: 'open', bytes: NOTHING });
    }
    const stream = streams.get(flow);
    if (stream === undefined || known.ended) continue;
    const { contiguous } = known.image;
    if (contiguous > known.given) {
      const data = known.image.slice(known.given, contiguous);
      known.given = contiguous;
      const last = previous && events[previous.at]!;
      const usual = previous !== undefined && !previous.answered && unixUs - previous.unixUs <= mergeUs;
      const isJoined = usual !== (otherwise?.has(index) ?? false);
      if (last !== undefined && isJoined && last.bytes.length + data.length <= READ_BYTES) {
        // At the time of the later one, and behind what came of others meanwhile.
        events.push({ input, flow, stream, kind: 'data', bytes: joined(last.bytes, data) });
        events[previous!.at] = { ...last, bytes: NOTHING };
      } else events.push({ input, flow, stream, kind: 'data', bytes: data });
      before.set(flow, { at: events.length - 1, unixUs, answered: false });
    }
    if ((tcp.flags & RST) !== 0) {
      events.push({ input, flow, stream, kind: 'reset', bytes: NOTHING });
      known.ended = true;
    } else if (known.image.endsAt(known.given)) {
      events.push({ input, flow, stream, kind: 'end', bytes: NOTHING });
      known.ended = true;
    }
  }
  return events.filter(({ kind, bytes }) => kind !== 'data' || bytes.length > 0);
}

/** Packets of the client that may have been read otherwise than was taken, together, so that `packet` came out as it did; the likeliest first. */
export function* readOtherwise(
  { packets }: ForeignCapture,
  inputs: readonly number[],
  packet: ForeignPacket,
): Generator<readonly number[]> {
  const end = packets.indexOf(packet);
  const own = inputs.filter((index) => {
    const { flow, tcp } = packets[index]!;
    return index < end && flow === packet.flow && (tcp?.payloadLength ?? 0) > 0;
  });
  // The first one has none before it to join. What is behind the packet was not read yet.
  const suspects = own.slice(1).slice(-SUSPECTS).reverse();
  for (let length = 1; length <= suspects.length; length++) {
    for (let from = 0; from + length <= suspects.length; from++) yield suspects.slice(from, from + length);
  }
}

/** What the server sends shows how it read what came shortly before. */
const SUSPECTS = 6;

const NOTHING = new Uint8Array(0);
/** What Node reads from a socket at once. */
const READ_BYTES = 65_536;

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
