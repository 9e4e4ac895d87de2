// What an inspector keeps below the byte streams, reached by captures that are made for it: connections, fragments.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createConversation } from '../../../src/bench/inspect/conversation.js';
import { createKeyStore } from '../../../src/bench/inspect/keys.js';
import { inspectLimits } from '../../../src/bench/inspect/limits.js';
import { Inspector } from '../../../src/bench/inspect/packets.js';
import { insertPiece, type Piece } from '../../../src/bench/inspect/pieces.js';
import { ipFrame, RST, SYN, tcpFrame } from '../../support/frames.js';

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

test.run();
