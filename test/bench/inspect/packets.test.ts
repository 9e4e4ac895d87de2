// The driver of the inspector: what is said of packets that are damaged or cut off, what fragments and ICMP errors give, and that no
// capture, whatever is in it, makes it throw.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createConversation } from '../../../src/bench/inspect/conversation.js';
import { createKeyStore } from '../../../src/bench/inspect/keys.js';
import { Inspector } from '../../../src/bench/inspect/packets.js';
import type { InspectedPacket } from '../../../src/bench/inspect/types.js';
import { packetJson } from '../../../src/cli/inspect-json.js';
import { type Packet, readCapture } from '../../../src/io/capture.js';
import { concat, hex, testRandom } from '../../support/bytes.js';
import { ACK, ipFrame, SYN, slowChecksum, tcpFrame } from '../../support/frames.js';
import { icmp6Frame, ip6Frame } from '../../support/frames6.js';
import { mutateBytes } from '../../support/mutate.js';

const test = suite('inspected packets');

const [A, B, A6, B6] = ['10.0.0.1', '10.0.0.2', 'fd00::1', 'fd00::2'];
const ENDS = { source: A, destination: B, sourcePort: 49152, destinationPort: 443, seq: 1000, ack: 0, window: 512 };
const SYN_FRAME = tcpFrame({ ...ENDS, flags: SYN });

function newInspector(fields = true): Inspector {
  return new Inspector({ keys: createKeyStore(), fields, events: true, createConversation });
}

function captured(data: Uint8Array, more: Partial<Packet> = {}): Packet {
  const rest = { index: 1, timeNs: 0n, direction: undefined, linkType: 101, fileOffset: 0 };
  return { kind: 'packet', ...rest, data, originalLength: data.length, ...more };
}

function inspect(data: Uint8Array, more: Partial<Packet> = {}): InspectedPacket {
  return newInspector().take(captured(data, more))!;
}

const codesOf = ({ verdicts }: InspectedPacket): string[] => verdicts.map(({ code }) => code);

function changed(frame: Uint8Array, at: number, ...bytes: number[]): Uint8Array {
  const copy = frame.slice();
  copy.set(bytes, at);
  return copy;
}

// biome-ignore format: a table
const DAMAGE: readonly (readonly [name: string, packet: InspectedPacket, codes: readonly string[]])[] = [
  ['nothing wrong',                      inspect(SYN_FRAME), []],
  ['IP checksum',                        inspect(changed(SYN_FRAME, 11, SYN_FRAME[11]! ^ 1)), ['bad-checksum']],
  ['TCP checksum',                       inspect(changed(SYN_FRAME, 36, SYN_FRAME[36]! ^ 1)), ['bad-checksum']],
  ['ICMP checksum',                      inspect(ipFrame(A, B, 1, hex('0800f7fe00000000'))), ['bad-checksum']],
  ['IP header length below its least',   inspect(changed(SYN_FRAME, 0, 0x43)), ['bad-ip-header', 'short-packet']],
  ['TCP header longer than the segment', inspect(changed(SYN_FRAME, 32, 0xf0)), ['bad-segment']],
  ['cut by the snap length',             inspect(SYN_FRAME.subarray(0, 30), { originalLength: 40 }), ['cut-by-snap-length']],
  ['shorter than it says',               inspect(SYN_FRAME.subarray(0, 30)), ['short-packet']],
  ['IP version 5 within Ethernet',       inspect(concat(new Uint8Array(12), hex('0800 55')), { linkType: 1 }), ['no-ip']],
  ['no IP',                              inspect(concat(new Uint8Array(12), hex('0806 0001')), { linkType: 1 }), []],
];

for (const [name, packet, codes] of DAMAGE) {
  test(`what is said: ${name}`, () => {
    assert.equal(codesOf(packet), codes);
  });
}

test('a datagram is read with the fragment that completes it', () => {
  const inspector = newInspector();
  const frame = tcpFrame({ ...ENDS, flags: SYN, mss: 1460, windowScale: 7 });
  const part = (from: number, to: number, more: boolean): Uint8Array =>
    ipFrame(A, B, 6, frame.subarray(20 + from, 20 + to), { flagsAndOffset: (more ? 0x2000 : 0) | (from / 8) });
  const first = inspector.take(captured(part(0, 16, true)))!;
  assert.equal(
    first.layers.map(({ name }) => name),
    ['frame', 'ip'],
  );
  const last = inspector.take(captured(part(16, frame.length - 20, false)))!;
  assert.equal(
    last.layers.map(({ name }) => name),
    ['frame', 'ip', 'tcp'],
  );
  assert.is(last.flow, `${A}:49152>${B}:443#0`);
  const event = last.events.find(({ kind }) => kind === 'reassembled');
  assert.ok(event !== undefined && 'fragments' in event && event.fragments === 2 && event.length === frame.length);
});

test('an ICMP error gives the quoted packet behind its own layers, and belongs to no connection', () => {
  const inspector = newInspector();
  inspector.take(captured(SYN_FRAME));
  const message = concat(hex('0301 0000 00000000'), SYN_FRAME);
  const sum = slowChecksum(message);
  const error = inspector.take(captured(ipFrame(B, A, 1, changed(message, 2, sum >>> 8, sum & 0xff))))!;
  assert.equal(
    error.layers.map(({ name, quoted }) => (quoted ? `(${name})` : name)),
    ['frame', 'ip', 'icmp', '(ip)', '(tcp)'],
  );
  assert.is(error.flow, undefined);
  assert.equal(codesOf(error), []);
  const quoted = error.layers.at(-1)!.fields;
  assert.is(quoted.find(({ name }) => name === 'tcp.stream')?.value, 0, 'the connection that it is about');
  assert.is(inspector.summary.connections, 1);
  const json = JSON.parse(packetJson(error)) as { layers: { name: string; fields: Record<string, unknown> }[] };
  assert.is(json.layers[3]!.fields['ip.src'], A);
});

test('without fields the names of the layers are the same', () => {
  const quote = concat(new Uint8Array(4), ip6Frame(B6, A6, 6, tcpFrame({ ...ENDS, flags: ACK }).subarray(20)));
  for (const frame of [SYN_FRAME, icmp6Frame(A6, B6, 1, 4, quote), ipFrame(A, B, 17, new Uint8Array(8))]) {
    const names = (fields: boolean): string[] =>
      newInspector(fields)
        .take(captured(frame))!
        .layers.map(({ name }) => name)
        .filter((name) => name !== 'frame');
    assert.equal(names(false), names(true));
  }
});

test('damaged packets, lost ones and doubled ones: nothing is thrown, and JSON comes out', async () => {
  const files = ['foreign/nginx-h2-tls13', 'foreign/nginx-ipv6', 'foreign/nginx-h2c', 'captures/ping-and-closed-port'];
  for (const file of files) {
    const { items } = await readCapture(`fixtures/${file}.pcapng`);
    for (let seed = 1; seed <= 40; seed++) {
      const dice = testRandom(seed);
      const inspector = newInspector();
      for (const item of items) {
        if (item.kind !== 'packet') {
          inspector.take(item);
          continue;
        }
        const fate = dice.below(10);
        if (fate === 0) continue;
        const times = fate === 1 ? 2 : 1;
        const data = fate < 5 ? mutateBytes(item.data, dice, 0) : item.data;
        for (let time = 0; time < times; time++) JSON.parse(packetJson(inspector.take({ ...item, data })!));
      }
      inspector.end();
    }
  }
});

test.run();
