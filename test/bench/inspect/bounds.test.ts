// What an inspector keeps below the byte streams, reached by captures that are made for it: connections, fragments.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createConversation } from '../../../src/bench/inspect/conversation.js';
import { createKeyStore } from '../../../src/bench/inspect/keys.js';
import { inspectLimits } from '../../../src/bench/inspect/limits.js';
import { Inspector } from '../../../src/bench/inspect/packets.js';
import { insertPiece, type Piece } from '../../../src/bench/inspect/pieces.js';
import { streamLimits } from '../../../src/bench/inspect/stream-limits.js';
import { concat } from '../../support/bytes.js';
import { ACK, ipFrame, RST, SYN, tcpFrame } from '../../support/frames.js';

const test = suite('bounds of the inspector');

/** Takes one packet of raw IP after the other. */
function inspector(): { take(data: Uint8Array): readonly string[]; end(): Inspector['summary'] } {
  const made = new Inspector({ keys: createKeyStore(), createConversation });
  let index = 0;
  return {
    take(data) {
      index++;
      const timeNs = BigInt(index) * 1000n;
      const where = { linkType: 101, fileOffset: 0, direction: undefined };
      const packet = made.take({ kind: 'packet', index, timeNs, data, originalLength: data.length, ...where });
      return packet!.layers.map(({ name }) => name);
    },
    end() {
      made.end();
      return made.summary;
    },
  };
}

test('where connections come and go among too many, room is made for several at once', () => {
  const limits = inspectLimits as { conversations: number };
  const { conversations } = limits;
  limits.conversations = 320;
  try {
    const { take, end } = inspector();
    const packet = (sourcePort: number, flags: number): void => {
      const ends = { source: '10.0.0.1', destination: '10.0.0.2', sourcePort, destinationPort: 80 };
      take(tcpFrame({ ...ends, seq: flags === SYN ? 1 : 2, ack: 0, flags, window: 1000 }));
    };
    for (let port = 1; port < 320; port++) packet(port, SYN);
    for (let port = 1000; port < 1020; port++) {
      packet(port, SYN);
      packet(port, RST);
    }
    // All connections are looked at to make room: for one alone each time, each SYN would cost as much.
    assert.is(end().forgotten, 320 / 16 - 1);
  } finally {
    limits.conversations = conversations;
  }
});

/** `at` in octets. */
function fragment(at: number, length: number, isLast = false): Uint8Array {
  const flagsAndOffset = (isLast ? 0 : 0x2000) | (at / 8);
  return ipFrame('10.0.0.1', '10.0.0.2', 17, new Uint8Array(length), { flagsAndOffset });
}

test('of a datagram each byte is kept once, however often it comes', () => {
  const { take } = inspector();
  for (let copy = 0; copy < 100; copy++) assert.equal(take(fragment(0, 32_000)), ['ip']);
  assert.equal(take(fragment(32_000, 8, true)), ['ip', 'udp']);
  const pieces: Piece[] = [];
  assert.is(insertPiece(pieces, 0, new Uint8Array(32_000)), 32_000);
  assert.is(insertPiece(pieces, 0, new Uint8Array(32_000)), 0);
  assert.is(insertPiece(pieces, 31_992, new Uint8Array(16)), 8);
  assert.equal(
    pieces.map(({ at, bytes }) => [at, bytes.length]),
    [
      [0, 32_000],
      [32_000, 8],
    ],
  );
});

/** An inspector that many clients say something to; the codes that were told of each. */
function crowd(): {
  say(client: number, dir: 'in' | 'out', bytes: Uint8Array): void;
  reset(client: number): void;
  codes(client: number): string[];
} {
  const made = new Inspector({ keys: createKeyStore(), createConversation });
  const ends = new Map<number, { in: number; out: number }>();
  const told = new Map<number, string[]>();
  let index = 0;
  const give = (client: number, dir: 'in' | 'out', flags: number, payload: Uint8Array): void => {
    const at = ends.get(client)!;
    const [from, to] = dir === 'in' ? [10_000 + client, 80] : [80, 10_000 + client];
    const [source, destination] = dir === 'in' ? ['10.0.0.1', '10.0.0.2'] : ['10.0.0.2', '10.0.0.1'];
    const [seq, ack] = dir === 'in' ? [at.in, at.out] : [at.out, at.in];
    const tcp = { source: source!, destination: destination!, sourcePort: from!, destinationPort: to!, window: 1000 };
    const data = tcpFrame({ ...tcp, seq, ack, flags, payload });
    at[dir] += payload.length + (flags & SYN ? 1 : 0);
    index++;
    const where = { linkType: 101, fileOffset: 0, direction: undefined };
    const timeNs = BigInt(index) * 1000n;
    const packet = made.take({ kind: 'packet', index, timeNs, data, originalLength: data.length, ...where });
    for (const { code } of packet!.verdicts) told.get(client)!.push(code);
  };
  return {
    say(client, dir, bytes) {
      if (!ends.has(client)) {
        ends.set(client, { in: 1, out: 1 });
        told.set(client, []);
        give(client, 'in', SYN, new Uint8Array(0));
        give(client, 'out', SYN | ACK, new Uint8Array(0));
      }
      for (let at = 0; at < bytes.length; at += 60_000) give(client, dir, ACK, bytes.subarray(at, at + 60_000));
    },
    reset: (client) => give(client, 'in', RST | ACK, new Uint8Array(0)),
    codes: (client) => told.get(client)!,
  };
}

const frame = (type: number, flags: number, id: number, payload: Uint8Array): Uint8Array =>
  concat(
    Uint8Array.of(0, payload.length >>> 8, payload.length & 0xff, type, flags, 0, 0, id >>> 8, id & 0xff),
    payload,
  );
const PREFACE = concat(Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(4, 0, 0, new Uint8Array(0)));
const GET = Uint8Array.of(0x82, 0x84, 0x87, 0x41, 1, 0x61);

/** With a smaller bound. */
function within(name: 'hpackBytesInAll' | 'readerBytesInAll', bytes: number, body: () => void): void {
  const limits = streamLimits as Record<typeof name, number>;
  const before = limits[name];
  limits[name] = bytes;
  try {
    body();
  } finally {
    limits[name] = before;
  }
}

test('HPACK tables of all connections have one bound: beyond it blocks are not decoded, which is told once', () => {
  within('hpackBytesInAll', 100_000, () => {
    const { say, codes } = crowd();
    // A table of 4,096 octets is 128 fields without a value; one in memory takes 160 octets more.
    const filling = concat(...Array.from({ length: 128 }, () => Uint8Array.of(0x41, 0)));
    say(0, 'in', concat(PREFACE, frame(1, 5, 1, GET)));
    for (let client = 1; client < 20; client++) say(client, 'in', concat(PREFACE, frame(1, 4, 1, filling)));
    const lost = Array.from({ length: 20 }, (_, client) => client).filter((client) =>
      codes(client).includes('hpack-given-up'),
    );
    assert.ok(lost.length > 10 && lost.length < 19, `${lost}`);
    const last = lost.at(-1)!;
    say(last, 'in', frame(1, 5, 3, GET));
    say(last, 'in', concat(frame(1, 1, 5, GET), frame(9, 4, 5, GET)));
    assert.is(codes(last).filter((code) => code === 'hpack-given-up').length, 1);
    assert.not.ok(codes(last).includes('hpack-lost'));
    // One that holds little has its part in any case.
    say(0, 'in', frame(1, 5, 3, GET));
    assert.equal(codes(0), []);
  });
});

test('connections that are over make room for tables first', () => {
  within('hpackBytesInAll', 100_000, () => {
    const { say, reset, codes } = crowd();
    const filling = concat(...Array.from({ length: 128 }, () => Uint8Array.of(0x41, 0)));
    for (let client = 0; client < 30; client++) {
      say(client, 'in', concat(PREFACE, frame(1, 4, 1, filling)));
      reset(client);
      assert.not.ok(codes(client).includes('hpack-given-up'), `${client}`);
    }
  });
});

// biome-ignore format: a table
const HOARDS: readonly (readonly [name: string, bytes: Uint8Array])[] = [
  ['a line of HTTP/1',            Buffer.from(`GET /${'a'.repeat(60_000)}`)],
  ['field lines of HTTP/1',       Buffer.from(`GET / HTTP/1.1\r\n${'a:\r\n'.repeat(1_000)}`)],
  ['requests that wait',          Buffer.from('GET / HTTP/1.1\r\nhost: a\r\n\r\n'.repeat(500))],
  ['a field block of HTTP/2',     concat(PREFACE, frame(1, 0, 1, new Uint8Array(16_000)), frame(9, 0, 1, new Uint8Array(16_000)))],
  ['a frame of HTTP/2',           concat(PREFACE, frame(1, 4, 1, GET), frame(0, 0, 1, new Uint8Array(40_000)).subarray(0, 30_000))],
  ['streams of HTTP/2',           concat(PREFACE, ...Array.from({ length: 480 }, (_, nth) => frame(1, 4, 2 * nth + 1, GET)))],
  ['a record of TLS',             concat(Uint8Array.of(22, 3, 3, 0x40, 0, 1, 0, 0x3e, 0), new Uint8Array(16_000))],
];
for (const [name, bytes] of HOARDS) {
  test(`${name}: what readers hold of all connections has one bound, and who holds little is read on`, () => {
    within('readerBytesInAll', 300_000, () => {
      const { say, codes } = crowd();
      say(0, 'in', Buffer.from('GET / HT'));
      for (let client = 1; client < 40; client++) say(client, 'in', bytes);
      const lost = Array.from({ length: 40 }, (_, client) => client).filter((client) =>
        codes(client).includes('given-up'),
      );
      assert.ok(lost.length > 5 && lost.length < 39, `${lost.length}`);
      say(lost.at(-1)!, 'in', bytes);
      assert.is(codes(lost.at(-1)!).filter((code) => code === 'given-up').length, 1);
      say(0, 'in', Buffer.from('TP/1.1\r\nhost: a\r\n\r\n'));
      assert.equal(codes(0), []);
    });
  });
}

test.run();
