// For tests of the inspector's stream readers: the byte streams of a recording, put together in order, and sinks that keep
// what they are told.

import { createConversation } from '../../src/bench/inspect/conversation.js';
import { createKeyStore } from '../../src/bench/inspect/keys.js';
import type {
  ConversationOptions,
  InspectedLayer,
  PacketSink,
  RecordedExchange,
  Verdict,
} from '../../src/bench/inspect/types.js';
import { loadRecording } from '../../src/bench/recording-reader.js';
import type { Direction, TraceEvent } from '../../src/core/trace.js';

export interface Told {
  readonly events: TraceEvent[];
  readonly layers: InspectedLayer[];
  readonly verdicts: Verdict[];
  readonly exchanges: RecordedExchange[];
}

export function keepingSink(told: Told, wantsFields = true, packet = 1): PacketSink {
  return {
    wantsFields,
    wantsEvents: true,
    packet,
    event: (event) => void told.events.push(event),
    layer: (layer) => void told.layers.push(layer),
    verdict: (verdict) => void told.verdicts.push(verdict),
  };
}

export const nothingTold = (): Told => ({ events: [], layers: [], verdicts: [], exchanges: [] });

/** Bytes of one direction, as a packet brought them; `bytes` undefined: FIN or RST. */
export interface Piece {
  readonly dir: Direction;
  readonly bytes: Uint8Array | undefined;
  readonly packet: number;
}

export interface RecordedStream {
  readonly flow: string;
  readonly pieces: Piece[];
}

interface Side {
  next: number | undefined;
  readonly waiting: Map<number, { payload: Uint8Array; fin: boolean }>;
}

/** The TCP streams of a recording of ours, by flow, each byte once and in order. */
export async function recordedStreams(file: string): Promise<{ streams: RecordedStream[]; keyLog: string }> {
  const { timeline, keyLog } = await loadRecording(file);
  const streams = new Map<string, { stream: RecordedStream; in: Side; out: Side }>();
  const counts = new Map<string, number>();
  let packet = 0;
  for (const item of timeline) {
    if (item.kind !== 'packet') continue;
    packet++;
    const { data, dir } = item;
    if (data[0]! >>> 4 !== 4 || data[9] !== 6) continue;
    const at = (data[0]! & 15) * 4;
    const total = (data[2]! << 8) | data[3]!;
    const view = new DataView(data.buffer, data.byteOffset + at);
    const ends = [12, 16].map(
      (offset, i) => `${[...data.subarray(offset, offset + 4)].join('.')}:${view.getUint16(2 * i)}`,
    );
    const [from, to] = ends as [string, string];
    const key = dir === 'in' ? `${from}>${to}` : `${to}>${from}`;
    const flags = data[at + 13]!;
    const seq = view.getUint32(4);
    if (dir === 'in' && (flags & 0x12) === 0x02 && streams.get(key)?.in.next !== (seq + 1) >>> 0) {
      const count = counts.get(key) ?? 0;
      counts.set(key, count + 1);
      streams.set(`${key}#${count}`, streams.get(key) ?? newStream(''));
      streams.set(key, newStream(`${key}#${count}`));
    }
    const known = streams.get(key);
    if (known === undefined) continue;
    const side = known[dir];
    if (flags & 0x02) {
      side.next = (seq + 1) >>> 0;
      continue;
    }
    const payload = data.subarray(at + (data[at + 12]! >>> 4) * 4, total);
    if (flags & 0x04) {
      known.stream.pieces.push({ dir, bytes: undefined, packet });
      continue;
    }
    side.waiting.set(seq, { payload, fin: (flags & 0x01) !== 0 });
    for (let moved = true; moved; ) {
      moved = false;
      for (const [start, { payload: bytes, fin }] of side.waiting) {
        const known = (side.next! - start) | 0;
        if (known < 0) continue;
        side.waiting.delete(start);
        moved = true;
        const fresh = bytes.subarray(Math.min(known, bytes.length));
        if (fresh.length > 0) streams.get(key)!.stream.pieces.push({ dir, bytes: fresh, packet });
        side.next = (side.next! + fresh.length) >>> 0;
        if (fin && start + bytes.length === side.next)
          streams.get(key)!.stream.pieces.push({ dir, bytes: undefined, packet });
      }
    }
  }
  const seen = new Set([...streams.values()].map(({ stream }) => stream).filter(({ flow }) => flow !== ''));
  return { streams: [...seen], keyLog };
}

function newStream(flow: string): { stream: RecordedStream; in: Side; out: Side } {
  const side = (): Side => ({ next: undefined, waiting: new Map() });
  return { stream: { flow, pieces: [] }, in: side(), out: side() };
}

/** Runs one stream through a conversation. */
export function inspectStream(
  { flow, pieces }: RecordedStream,
  keyLog: string,
  options: Partial<ConversationOptions> & { readonly wantsFields?: boolean } = {},
): Told {
  const told = nothingTold();
  const keys = createKeyStore();
  keys.add(keyLog);
  const conversation = createConversation({
    flow,
    midstream: false,
    keys,
    onExchange: (exchange) => void told.exchanges.push(exchange),
    ...options,
  });
  const ended = { in: false, out: false };
  for (const { dir, bytes, packet } of pieces) {
    const sink = keepingSink(told, options.wantsFields ?? true, packet);
    if (bytes !== undefined) conversation.push(dir, bytes, sink);
    else if (!ended[dir]) {
      ended[dir] = true;
      conversation.end(dir, sink);
    }
  }
  for (const dir of ['in', 'out'] as const) if (!ended[dir]) conversation.end(dir, keepingSink(told));
  return told;
}
