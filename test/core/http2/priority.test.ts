// Extensible priorities (RFC 9218): what a Priority field means, PRIORITY_UPDATE frames and their limits, and whose turn it
// is. Written from §2.1, §4, §7.1 and §10, and the grammar of RFC 8941 §3.2, §4.2.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ErrorCode, type Frame } from '../../../src/core/http2/frame.js';
import { isIncremental, parsePriority, urgencyOf } from '../../../src/core/http2/priority.js';
import { limits } from '../../../src/core/limits.js';
import type { Field } from '../../../src/core/trace.js';
import { ascii, hex } from '../../support/bytes.js';
import { createPeer, errorOf, settingsFrame } from './support.js';

const values: readonly (readonly [text: string, urgency: number, incremental: boolean])[] = [
  ['', 3, false],
  ['u=0', 0, false],
  ['u=7, i', 7, true],
  ['i', 3, true],
  ['i=?1', 3, true],
  ['i=?0', 3, false],
  ['u=5,i', 5, true],
  ['u=5 ,\t i ', 5, true],
  ['  u=2 \t', 2, false],
  // The last member of a name counts (RFC 8941 §3.2).
  ['u=1, u=4', 4, false],
  ['i, i=?0', 3, false],
  // Out of range, of another type, unknown: ignored (RFC 9218 §4).
  ['u=8', 3, false],
  ['u=-1', 3, false],
  ['u=1.0', 3, false],
  ['u="1"', 3, false],
  ['u', 3, false],
  ['u=(1 2)', 3, false],
  ['i=1', 3, false],
  ['i=yes', 3, false],
  ['u=1;a=b;c, i;d', 1, true],
  ['foo=bar, u=2, x=:aGk=:, y=?0, z=(a "b" 1.5;q);w=1, *k=-12', 2, false],
];

for (const [text, urgency, incremental] of values) {
  test(`"${text}" is urgency ${urgency}${incremental ? ', incremental' : ''}`, () => {
    const priority = parsePriority(text)!;
    assert.is(urgencyOf(priority), urgency);
    assert.is(isIncremental(priority), incremental);
  });
}

for (const text of [
  'u=1,',
  ',u=1',
  'u=1 i',
  'U=1',
  'u=',
  'u==1',
  'u=1;',
  'u=1;=2',
  'u=(1',
  'u=(1"a")',
  'u="a',
  'i=?2',
  'u=1.',
  'u=1234567890123456',
  'a=:?:',
  'a=\x80',
]) {
  test(`"${text}" is no dictionary, and ignored as a whole`, () => {
    assert.is(parsePriority(text), undefined);
  });
}

test('priorityOctets: a longer value is ignored', () => {
  const most = limits.http2.priorityOctets;
  assert.is.not(parsePriority(`u=1;a=${'b'.repeat(most - 6)}`), undefined);
  assert.is(parsePriority(`u=1;a=${'b'.repeat(most - 5)}`), undefined);
});

/** Streams in the order in which 2,048 octets at a time of DATA come; each has 9,000. */
function order(priorities: readonly (string | undefined)[], ...between: Frame[]): number[] {
  const peer = createPeer({ takeBytes: 2_048 });
  const requests = priorities.map((value, i) => {
    const extra: Field[] = value === undefined ? [] : [['priority', value]];
    return peer.request(2 * i + 1, '/bytes/9000', { extra });
  });
  const frames = peer.frames(...between, ...requests);
  return frames.flatMap((frame) => (frame.type === 'DATA' ? [frame.streamId] : []));
}
const firsts = (streams: readonly number[]): number[] => [...new Set(streams)];
/** Each stream's frames stand together. */
const isWhole = (streams: readonly number[]): boolean =>
  streams.every((id, i) => i === 0 || id === streams[i - 1] || !streams.slice(0, i).includes(id));

test('§10: the more urgent goes first, whatever was asked first', () => {
  const streams = order(['u=7', 'u=3', 'u=0']);
  assert.equal(firsts(streams), [5, 3, 1]);
  assert.ok(isWhole(streams));
});

test('§10: non-incremental ones of an urgency go one by one, in the order of their identifiers', () => {
  const streams = order(['u=3', 'u=3', 'u=3']);
  assert.equal(firsts(streams), [1, 3, 5]);
  assert.ok(isWhole(streams));
});

test('§10: incremental ones share, in turns by identifier', () => {
  assert.equal(order(['u=2, i', 'u=2, i', 'u=2, i']).slice(0, 6), [1, 3, 5, 1, 3, 5]);
});

test('a request that says nothing shares', () => {
  assert.equal(order([undefined, undefined]).slice(0, 4), [1, 3, 1, 3]);
});

test('§10: neither kind starves the other: the first of the one takes turns with all of the other', () => {
  const streams = order(['u=3', 'u=3', 'i', 'i']);
  assert.equal(
    streams.slice(0, 6),
    [5, 7, 1, 5, 7, 1].map((id) => id),
  );
  assert.ok(streams.indexOf(3) > streams.lastIndexOf(1));
});

test('lines of the field are one value; one that is no dictionary is as if it were not there', () => {
  const peer = createPeer({ takeBytes: 2_048 });
  const frames = peer.frames(
    peer.request(1, '/bytes/9000', { extra: [['priority', 'u=1,']] }),
    peer.request(3, '/bytes/9000', {
      extra: [
        ['priority', 'u=5'],
        ['priority', 'u=0'],
      ],
    }),
  );
  assert.is(
    frames.findIndex((f) => f.type === 'DATA' && f.streamId === 1) >
      frames.findIndex((f) => f.type === 'DATA' && f.streamId === 3 && f.endStream),
    true,
  );
});

const update = (prioritizedStreamId: number, value: string): Frame => ({
  type: 'PRIORITY_UPDATE',
  prioritizedStreamId,
  priorityFieldValue: ascii(value),
});

test('§7: a PRIORITY_UPDATE for an idle stream is kept and counts for more than the field', () => {
  assert.equal(firsts(order(['u=0', 'u=6'], update(3, 'u=5'), update(1, 'u=6'))), [3, 1]);
});

test('§7: the last PRIORITY_UPDATE counts; one that is no dictionary changes nothing', () => {
  assert.equal(firsts(order(['u=3', 'u=4'], update(3, 'u=7'), update(3, 'u=1'), update(3, 'u=7,'))), [3, 1]);
});

test('§7.1: a PRIORITY_UPDATE moves a response that is under way', () => {
  const peer = createPeer({ takeBytes: 2_048 });
  peer.connection.receive(0, new Uint8Array(0));
  peer.frames(settingsFrame([4, 0]));
  peer.frames(peer.request(1, '/bytes/9000', { extra: [['priority', 'u=2']] }));
  peer.frames(peer.request(3, '/bytes/9000', { extra: [['priority', 'u=4']] }), update(3, 'u=1'));
  const streams = peer.frames(settingsFrame([4, 65_535])).flatMap((f) => (f.type === 'DATA' ? [f.streamId] : []));
  assert.equal(firsts(streams), [3, 1]);
  // What is closed is passed over.
  assert.is(errorOf(peer.frames(update(1, 'u=0'))), undefined);
});

const wrong: readonly (readonly [name: string, octets: string, code: keyof typeof ErrorCode])[] = [
  ['§7.1 on a stream', '000007 10 00 00000001 00000001 753d31', 'PROTOCOL_ERROR'],
  ['§7.1 for stream 0', '000007 10 00 00000000 00000000 753d31', 'PROTOCOL_ERROR'],
  ['§7.1 for a push stream, idle as all of them are', '000007 10 00 00000000 00000002 753d31', 'PROTOCOL_ERROR'],
  ['RFC 9113 §4.2 too short for a stream identifier', '000003 10 00 00000000 000000', 'FRAME_SIZE_ERROR'],
  ['§2.1 SETTINGS_NO_RFC7540_PRIORITIES 2', '000006 04 00 00000000 000900000002', 'PROTOCOL_ERROR'],
];

for (const [name, octets, code] of wrong) {
  test(`PRIORITY_UPDATE and its setting: ${name}`, () => {
    assert.equal(errorOf(createPeer().send(hex(octets))), { scope: 'connection', code: ErrorCode[code] });
  });
}

test('§2.1: ours is in the first SETTINGS; the peer may say 0 or 1', () => {
  const peer = createPeer({ bare: true });
  const first = peer.take()[0]!;
  assert.ok(first.type === 'SETTINGS' && first.settings.some(([id, value]) => id === 9 && value === 1));
  assert.is(errorOf(createPeer().frames(settingsFrame([9, 1]))), undefined);
  assert.is(errorOf(createPeer().frames(settingsFrame([9, 0]))), undefined);
});

test('§7.1: idle streams with a priority and active ones stay within SETTINGS_MAX_CONCURRENT_STREAMS', () => {
  const most = limits.http2.concurrentStreams;
  const peer = createPeer();
  peer.frames(peer.request(1, '/delay/1000'));
  for (let i = 1; i < most; i++) assert.is(errorOf(peer.frames(update(2 * i + 1, 'u=1'))), undefined);
  // One that is known may change.
  assert.is(errorOf(peer.frames(update(3, 'u=2'))), undefined);
  assert.equal(errorOf(peer.frames(update(2 * most + 1, 'u=1'))), {
    scope: 'connection',
    code: ErrorCode.PROTOCOL_ERROR,
  });
});

test('a priority of a stream that was left out is forgotten', () => {
  const most = limits.http2.concurrentStreams;
  const peer = createPeer();
  for (let i = 0; i < most; i++) peer.frames(update(2 * i + 1, 'u=1'));
  peer.frames(peer.request(2 * most + 1, '/'));
  for (let i = 1; i <= most; i++) {
    assert.is(errorOf(peer.frames(update(2 * (most + i) + 1, 'u=1'))), undefined, `${i}`);
  }
});

test.run();
