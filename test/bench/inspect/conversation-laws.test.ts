// Laws of the inspector's stream readers: however the bytes are cut, the same is told; whatever comes in, nothing is thrown, and
// what is held stays within bounds; without fields and events the same verdicts and exchanges come out.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createConversation } from '../../../src/bench/inspect/conversation.js';
import { createKeyStore } from '../../../src/bench/inspect/keys.js';
import type { Direction } from '../../../src/core/trace.js';
import {
  inspectStream,
  keepingSink,
  nothingTold,
  type Piece,
  type RecordedStream,
  recordedStreams,
  type Told,
} from '../../support/inspected.js';

const test = suite('laws of inspected conversations');
const FILES = [
  'h1-pipelined',
  'h1-tls',
  'h2c-ranges',
  'h2-three',
  'tls12-ticket',
  'tls12-ecdsa-chacha20',
  'tls13-key-update',
  'tls13-hello-retry',
  'tls13-client-certificate',
];

const recordings = await Promise.all(
  FILES.map(async (name) => ({ name, ...(await recordedStreams(`fixtures/captures/${name}.pcapng`)) })),
);

/** xorshift32: the same numbers in every run. */
function numbers(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** Neighbours of one direction joined, and cut anew. */
function recut({ flow, pieces }: RecordedStream, cut: (left: number) => number): RecordedStream {
  const out: Piece[] = [];
  for (let i = 0; i < pieces.length; ) {
    const { dir, bytes } = pieces[i]!;
    if (bytes === undefined) {
      out.push(pieces[i++]!);
      continue;
    }
    const run: Uint8Array[] = [];
    for (; i < pieces.length && pieces[i]!.dir === dir && pieces[i]!.bytes !== undefined; i++)
      run.push(pieces[i]!.bytes!);
    const joined = new Uint8Array(Buffer.concat(run));
    for (let at = 0; at < joined.length; ) {
      const count = Math.max(1, Math.min(joined.length - at, cut(joined.length - at)));
      out.push({ dir, bytes: joined.slice(at, at + count), packet: 1 });
      at += count;
    }
  }
  return { flow, pieces: out };
}

const told = (stream: RecordedStream, keyLog: string, midstream = false): string => {
  const { events, layers, verdicts, exchanges } = inspectStream(stream, keyLog, { midstream });
  return JSON.stringify(
    {
      events,
      // The bytes of a layer are those of its packet: what follows it there is of the cut.
      layers: layers.map(({ name, fields }) => ({ name, fields })),
      verdicts,
      exchanges: exchanges.map((exchange) => ({ ...exchange, packet: 1 })),
    },
    (name, value) =>
      value instanceof Uint8Array ? Buffer.from(value).toString('hex') : name === 'http.request_in' ? 0 : value,
  ).replaceAll(/\{"name":"http.request_in","value":\d+\},?/g, '');
};

for (const { name, streams, keyLog } of recordings) {
  test(`${name}: any cut of the bytes tells the same`, () => {
    for (const stream of streams) {
      const whole = told(
        recut(stream, (left) => left),
        keyLog,
      );
      assert.is(
        told(
          recut(stream, () => 1),
          keyLog,
        ),
        whole,
        'byte by byte',
      );
      for (let seed = 1; seed <= 4; seed++) {
        const below = numbers(seed * 7919);
        assert.is(
          told(
            recut(stream, () => 1 + below(below(2) === 0 ? 40 : 3000)),
            keyLog,
          ),
          whole,
          `seed ${seed}`,
        );
      }
    }
  });

  test(`${name}: begun in the middle, any cut of the bytes tells the same`, () => {
    for (const stream of streams) {
      for (let seed = 1; seed <= 4; seed++) {
        const below = numbers(seed * 104_729);
        const from = below(stream.pieces.length);
        const rest = { flow: stream.flow, pieces: stream.pieces.slice(from) };
        const whole = told(
          recut(rest, (left) => left),
          keyLog,
          true,
        );
        assert.is(
          told(
            recut(rest, () => 1 + below(700)),
            keyLog,
            true,
          ),
          whole,
          `from piece ${from}`,
        );
      }
    }
  });

  test(`${name}: cut off at any byte, nothing is thrown and what came before is told`, () => {
    for (const stream of streams) {
      const pieces = recut(stream, (left) => left).pieces;
      const all = told({ flow: stream.flow, pieces }, keyLog);
      const total = pieces.reduce((sum, { bytes }) => sum + (bytes?.length ?? 0), 0);
      const step = Math.max(1, Math.floor(total / 80));
      for (let end = 0; end <= total; end += step) {
        const kept: Piece[] = [];
        let left = end;
        for (const piece of pieces) {
          if (piece.bytes !== undefined && piece.bytes.length > left) {
            kept.push({ ...piece, bytes: piece.bytes.slice(0, left) });
            break;
          }
          kept.push(piece);
          left -= piece.bytes?.length ?? 0;
        }
        const { events } = inspectStream({ flow: stream.flow, pieces: kept }, keyLog, { wantsFields: false });
        // The end may tell that the last message is not whole; all else is a beginning of what the whole tells.
        const beginning = JSON.stringify(events.slice(0, -1)).slice(1, -1);
        assert.ok(all.includes(beginning) || beginning === '', `cut at ${end}`);
      }
    }
  });

  test(`${name}: changed bits and missing pieces are survived`, () => {
    for (const stream of streams) {
      for (let seed = 1; seed <= 30; seed++) {
        const below = numbers(seed * 15_485_863);
        const pieces = stream.pieces.map((piece) => ({ ...piece, bytes: piece.bytes?.slice() }));
        for (let flips = 1 + below(4); flips > 0; flips--) {
          const { bytes } = pieces[below(pieces.length)]!;
          if (bytes !== undefined && bytes.length > 0) bytes[below(bytes.length)]! ^= 1 << below(8);
        }
        const missing = below(3) === 0 ? below(pieces.length) : -1;
        run(stream.flow, keyLog, pieces, missing, seed % 2 === 0);
      }
    }
  });

  test(`${name}: without fields and events the same verdicts and exchanges`, () => {
    for (const stream of streams) {
      const loud = inspectStream(stream, keyLog);
      const quiet = nothingTold();
      const keys = createKeyStore();
      keys.add(keyLog);
      const conversation = createConversation({
        flow: stream.flow,
        midstream: false,
        keys,
        onExchange: (exchange) => void quiet.exchanges.push(exchange),
      });
      for (const { dir, bytes, packet } of stream.pieces) {
        const sink = { ...keepingSink(quiet, false, packet), wantsEvents: false, event: () => assert.unreachable() };
        if (bytes !== undefined) conversation.push(dir, bytes, sink);
      }
      for (const dir of ['in', 'out'] as const) conversation.end(dir, keepingSink(quiet, false));
      assert.equal(quiet.exchanges, loud.exchanges);
      assert.equal(quiet.verdicts, loud.verdicts);
      assert.equal(new Set(quiet.layers.map(({ name }) => name)), new Set(loud.layers.map(({ name }) => name)));
    }
  });
}

/** Piece `missing` is told as a gap. */
function run(flow: string, keyLog: string, pieces: readonly Piece[], missing: number, midstream: boolean): Told {
  const told = nothingTold();
  const keys = createKeyStore();
  keys.add(keyLog);
  const conversation = createConversation({
    flow,
    midstream,
    keys,
    onExchange: (exchange) => void told.exchanges.push(exchange),
  });
  pieces.forEach(({ dir, bytes, packet }, index) => {
    if (bytes === undefined) return;
    if (index === missing) conversation.gap(dir, bytes.length, keepingSink(told, true, packet));
    else conversation.push(dir, bytes, keepingSink(told, true, packet));
  });
  for (const dir of ['in', 'out'] as const) conversation.end(dir, keepingSink(told));
  return told;
}

test('random bytes are data of no known protocol, or at least survived', () => {
  const below = numbers(42);
  const prefixes = [
    '',
    '\x16\x03\x01\x00\x40',
    'GET / HTTP/1.1\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    '\x17\x03\x03\x01\x00',
  ];
  for (let round = 0; round < 400; round++) {
    const pieces: Piece[] = [];
    for (const dir of ['in', 'out', 'in', 'out'] as Direction[]) {
      const bytes = Uint8Array.from({ length: below(3000) }, () => below(256));
      const prefix = prefixes[below(prefixes.length)]!;
      pieces.push({ dir, bytes: new Uint8Array(Buffer.concat([Buffer.from(prefix, 'latin1'), bytes])), packet: 1 });
    }
    run('a>b#0', '', pieces, below(6), round % 2 === 0);
  }
});

test.run();
