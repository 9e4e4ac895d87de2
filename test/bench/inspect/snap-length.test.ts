// Captures with a snap length: numbers are those of the wire, and what was captured of the data is read up to the first byte that
// was not.

import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createConversation } from '../../../src/bench/inspect/conversation.js';
import { createKeyStore } from '../../../src/bench/inspect/keys.js';
import { Inspector } from '../../../src/bench/inspect/packets.js';
import type { ConversationReader, InspectedPacket } from '../../../src/bench/inspect/types.js';
import { openCapture } from '../../../src/io/capture.js';
import { projectRoot } from '../../support/live.js';

const test = suite('captures with a snap length');
const NGINX = join(projectRoot, 'fixtures/foreign/nginx-h2-tls13.pcapng');
const PLAIN = join(projectRoot, 'fixtures/foreign/node-plain-post.pcapng');

/** Reads `file` as if it had been captured with this snap length. */
async function cut(
  file: string,
  snapLength: number,
  conversation: (() => ConversationReader) | undefined = undefined,
): Promise<{ packets: InspectedPacket[]; inspector: Inspector }> {
  const keys = createKeyStore();
  const make = conversation ?? createConversation;
  const inspector = new Inspector({ keys, fields: true, events: true, createConversation: make });
  const packets: InspectedPacket[] = [];
  for await (const item of openCapture(file)) {
    const taken = item.kind === 'packet' ? { ...item, data: item.data.subarray(0, snapLength) } : item;
    const packet = inspector.take(taken);
    if (packet !== undefined) packets.push(packet);
  }
  inspector.end();
  return { packets, inspector };
}

function field(packet: InspectedPacket, name: string): unknown {
  return packet.layers.flatMap(({ fields }) => fields).find((found) => found.name === name)?.value;
}

const NUMBERS = ['ip.len', 'tcp.len', 'tcp.seq', 'tcp.ack', 'tcp.flags', 'tcp.window_size'];

test('lengths and numbers are those of the wire, wherever the snap length falls', async () => {
  const whole = await cut(NGINX, 65_535);
  assert.not.ok(whole.packets.some(({ verdicts }) => verdicts.length > 0));
  // Within the data, at its first byte, within the options of TCP, behind its fixed part.
  for (const snapLength of [400, 100, 66, 62, 55, 54]) {
    const { packets, inspector } = await cut(NGINX, snapLength);
    // A SYN without the end of its options does not tell the scale.
    const numbers = snapLength < 74 ? NUMBERS.slice(0, -1) : NUMBERS;
    for (const [at, packet] of packets.entries()) {
      for (const name of numbers) {
        assert.is(field(packet, name), field(whole.packets[at]!, name), `${name} of ${at + 1}, ${snapLength}`);
      }
      const isCut = packet.originalLength > snapLength;
      const below = packet.verdicts.filter(({ layer }) => layer === 'ip' || layer === 'tcp').map(({ code }) => code);
      assert.equal(below, isCut ? ['cut-by-snap-length'] : [], `packet ${at + 1}, ${snapLength}`);
    }
    assert.is(inspector.summary.connections, 1);
  }
});

test('what is captured of the data belongs to the stream, the rest is a gap', async () => {
  let streams = { in: '', out: '' };
  const reader: ConversationReader = {
    push(dir, bytes) {
      streams[dir] += new TextDecoder('latin1').decode(bytes);
    },
    gap(dir, length) {
      streams[dir] += '?'.repeat(length);
    },
    end: () => {},
  };
  await cut(PLAIN, 65_535, () => reader);
  const whole = streams;
  streams = { in: '', out: '' };
  await cut(PLAIN, 150, () => reader);
  for (const dir of ['in', 'out'] as const) {
    assert.is(streams[dir].length, whole[dir].length);
    assert.ok(streams[dir].includes('?') && streams[dir].startsWith(whole[dir].slice(0, 80)));
    assert.ok([...streams[dir]].every((char, at) => char === '?' || char === whole[dir][at]));
  }
});

test('of a header section that was cut the first line is shown', async () => {
  const { packets } = await cut(PLAIN, 150);
  const told: (string | number)[] = [];
  for (const event of packets.flatMap(({ events }) => events)) {
    if (event.layer !== 'http') continue;
    if (event.kind === 'request') told.push(event.path);
    else if (event.kind === 'response') told.push(event.status);
  }
  const whole = (await cut(PLAIN, 65_535)).packets.flatMap(({ events }) =>
    events.flatMap((event) => (event.layer === 'http' && event.kind === 'request' ? [event.path] : [])),
  );
  assert.is(whole.length, 2);
  assert.equal(told, [whole[0], 200, whole[1], 200]);
});

test('TLS goes on at the next record that is there', async () => {
  const { packets } = await cut(NGINX, 400);
  const requests = packets.flatMap(({ events }) =>
    events.flatMap((event) => (event.layer === 'http' && event.kind === 'request' ? [event.path] : [])),
  );
  assert.equal(requests, ['/', '/status/404', '/redirect/1']);
});

test.run();
