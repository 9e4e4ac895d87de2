// Between a live run and its recording: frames go in as they are, socket events as the packets that stand for them.

import type { StreamInput, StreamOutput } from '../core/streams.js';
import type { TraceEvent } from '../core/trace.js';
import type { FrameRecorder } from '../io/live-tun.js';
import type { StreamRecorder } from '../io/sockets.js';
import type { RecordingWriter } from './recording.js';
import { PacketSynthesis, type SocketEvent } from './synthesis.js';

/** For `runTun`: the packets of the run are recorded as they are. The run closes the writer at its end. */
export function frameRecorder(writer: RecordingWriter): FrameRecorder {
  return {
    packet: (atUs, direction, bytes) => writer.packet(atUs, direction, bytes),
    answer: (atUs, token, answer) => writer.answer({ atUs, token, answer }),
    event: (event, atUs) => writer.event({ event, atUs }),
    close: () => writer.close(),
  };
}

/** For `runSockets`: packets are made up that carry what the streams carried (docs/recording.md). The run closes the writer. */
export function streamRecorder(writer: RecordingWriter): StreamRecorder {
  const packets = new StreamPackets();
  const record = (atUs: number, event: SocketEvent): void => {
    for (const packet of packets.of(event)) writer.packet(atUs, packet.dir, packet.data);
  };
  return {
    input: (atUs, input) => record(atUs, inputEvent(input)),
    output: (output) => record(output.atUs, outputEvent(output)),
    answer: (atUs, token, answer) => writer.answer({ atUs, token, answer }),
    event: (event, atUs) => writer.event({ event, atUs }),
    close: () => writer.close(),
  };
}

/** Socket events to packets; what is said of a stream after its end (a late error, a late acknowledgement) is left out. */
export class StreamPackets {
  readonly #synthesis = new PacketSynthesis();
  readonly #open = new Map<number, { inFin: boolean; outFin: boolean; outstandingBytes: number }>();

  of(event: SocketEvent): readonly { readonly dir: 'in' | 'out'; readonly data: Uint8Array }[] {
    if (event.kind === 'open') {
      this.#open.set(event.flow, { inFin: false, outFin: false, outstandingBytes: 0 });
      return this.#synthesis.packets(event);
    }
    const flow = this.#open.get(event.flow);
    if (flow === undefined) return [];
    if (event.kind === 'data' && event.dir === 'out') flow.outstandingBytes += event.bytes.length;
    else if (event.kind === 'acknowledged') flow.outstandingBytes -= event.bytes;
    else if (event.kind === 'fin' && event.dir === 'in') flow.inFin = true;
    else if (event.kind === 'fin') flow.outFin = true;
    const finished = flow.inFin && flow.outFin && flow.outstandingBytes === 0;
    if (event.kind === 'reset' || finished) this.#open.delete(event.flow);
    return this.#synthesis.packets(event);
  }
}

export function inputEvent(input: StreamInput): SocketEvent {
  const flow = input.stream;
  switch (input.kind) {
    case 'open':
      return {
        kind: 'open',
        flow,
        peer: { address: input.remoteAddress, port: input.remotePort },
        local: { address: input.localAddress, port: input.localPort },
      };
    case 'data':
      return { kind: 'data', flow, dir: 'in', bytes: input.bytes };
    case 'acknowledged':
      return { kind: 'acknowledged', flow, bytes: input.count };
    case 'end':
      return { kind: 'fin', flow, dir: 'in' };
    case 'reset':
      return { kind: 'reset', flow, dir: 'in' };
    default:
      return input satisfies never;
  }
}

export function outputEvent(output: StreamOutput): SocketEvent {
  const flow = output.stream;
  switch (output.kind) {
    case 'data':
      return { kind: 'data', flow, dir: 'out', bytes: output.bytes };
    case 'end':
      return { kind: 'fin', flow, dir: 'out' };
    case 'reset':
      return { kind: 'reset', flow, dir: 'out' };
    default:
      return output satisfies never;
  }
}

/** The inbound half of `inputEvent`, backwards; undefined for what came from us. */
export function streamInput(event: SocketEvent): StreamInput | undefined {
  const stream = event.flow;
  if (event.kind === 'open') {
    return {
      kind: 'open',
      stream,
      localAddress: event.local.address,
      localPort: event.local.port,
      remoteAddress: event.peer.address,
      remotePort: event.peer.port,
    };
  }
  if (event.kind === 'acknowledged') return { kind: 'acknowledged', stream, count: event.bytes };
  if (event.dir === 'out') return undefined;
  if (event.kind === 'data') return { kind: 'data', stream, bytes: event.bytes };
  return { kind: event.kind === 'fin' ? 'end' : 'reset', stream };
}

/** A line of the NSS key log for a `secret` event, undefined for every other event. */
export function keyLogLine(event: TraceEvent): string | undefined {
  if (event.layer !== 'tls' || event.kind !== 'secret') return undefined;
  return `${event.label} ${event.clientRandom} ${event.secret}`;
}
