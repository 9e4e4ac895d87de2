// Frames that are wrong by their length, stream or flags, or come where they must not: the code and scope that RFC 9113
// gives for each. A stream error leaves the connection working, a connection error ends it with GOAWAY.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CLIENT_PREFACE, ErrorCode } from '../../../src/core/http2/frame.js';
import { ascii, concat, hex } from '../../support/bytes.js';
import { createPeer, errorOf, frameBytes, settingsFrame } from './support.js';

type Expected = readonly ['stream' | 'connection', keyof typeof ErrorCode] | 'fine';

/** Stream 1 is open (its request has not ended), 3 is half-closed (remote) and waits, 5 is idle. */
const cases: readonly (readonly [name: string, octets: string, expected: Expected])[] = [
  ['§6.1 DATA on stream 0', '000000 00 00 00000000', ['connection', 'PROTOCOL_ERROR']],
  ['§4.2 DATA too short for Pad Length', '000000 00 08 00000001', ['connection', 'FRAME_SIZE_ERROR']],
  ['§6.1 DATA with padding as long as the payload', '000002 00 08 00000001 0200', ['connection', 'PROTOCOL_ERROR']],
  ['§6.1 DATA that is all padding', '000003 00 08 00000001 020000', 'fine'],
  ['§5.1 DATA on an idle stream', '000000 00 00 00000005', ['connection', 'PROTOCOL_ERROR']],
  ['§5.1 DATA on a half-closed stream', '000000 00 00 00000003', ['stream', 'STREAM_CLOSED']],
  ['§6.2 HEADERS on stream 0', '000001 01 05 00000000 82', ['connection', 'PROTOCOL_ERROR']],
  ['§5.1.1 HEADERS on an even stream', '000001 01 05 00000006 82', ['connection', 'PROTOCOL_ERROR']],
  ['§4.2 HEADERS too short for Pad Length', '000000 01 0d 00000005', ['connection', 'FRAME_SIZE_ERROR']],
  ['§4.2 HEADERS too short for priority', '000004 01 25 00000005 00000000', ['connection', 'FRAME_SIZE_ERROR']],
  ['§6.2 HEADERS with too much padding', '000002 01 0d 00000005 0282', ['connection', 'PROTOCOL_ERROR']],
  [
    '§6.2 HEADERS with padding into the priority',
    '000007 01 2d 00000005 02 00000000 00 00',
    ['connection', 'PROTOCOL_ERROR'],
  ],
  ['§4.3 HEADERS that does not decode', '000001 01 05 00000005 80', ['connection', 'COMPRESSION_ERROR']],
  ['§8.1 second HEADERS without END_STREAM', '000000 01 04 00000001', ['stream', 'PROTOCOL_ERROR']],
  ['§8.1 empty trailers', '000000 01 05 00000001', 'fine'],
  ['§8.1 pseudo-header field in trailers', '000001 01 05 00000001 82', ['stream', 'PROTOCOL_ERROR']],
  ['§5.1 HEADERS on a half-closed stream', '000000 01 05 00000003', ['stream', 'STREAM_CLOSED']],
  ['§6.3 PRIORITY on stream 0', '000005 02 00 00000000 00000000 00', ['connection', 'PROTOCOL_ERROR']],
  ['§6.3 PRIORITY of 4 octets', '000004 02 00 00000001 00000000', ['stream', 'FRAME_SIZE_ERROR']],
  ['§6.3 PRIORITY of 4 octets, idle stream', '000004 02 00 00000005 00000000', ['connection', 'FRAME_SIZE_ERROR']],
  ['§6.3 PRIORITY on an idle stream', '000005 02 00 00000005 00000000 00', 'fine'],
  ['§6.4 RST_STREAM on stream 0', '000004 03 00 00000000 00000000', ['connection', 'PROTOCOL_ERROR']],
  ['§6.4 RST_STREAM on an idle stream', '000004 03 00 00000005 00000000', ['connection', 'PROTOCOL_ERROR']],
  ['§6.4 RST_STREAM of 5 octets', '000005 03 00 00000001 0000000000', ['connection', 'FRAME_SIZE_ERROR']],
  ['§6.4 RST_STREAM with an unknown code', '000004 03 00 00000001 deadbeef', 'fine'],
  ['§6.5 SETTINGS on a stream', '000000 04 00 00000001', ['connection', 'PROTOCOL_ERROR']],
  ['§6.5 SETTINGS of 5 octets', '000005 04 00 00000000 0001000000', ['connection', 'FRAME_SIZE_ERROR']],
  ['§6.5 acknowledgment with payload', '000006 04 01 00000000 000100000000', ['connection', 'FRAME_SIZE_ERROR']],
  ['§6.5.2 ENABLE_PUSH 2', '000006 04 00 00000000 000200000002', ['connection', 'PROTOCOL_ERROR']],
  ['§6.5.2 INITIAL_WINDOW_SIZE 2^31', '000006 04 00 00000000 000480000000', ['connection', 'FLOW_CONTROL_ERROR']],
  ['§6.5.2 MAX_FRAME_SIZE 16383', '000006 04 00 00000000 000500003fff', ['connection', 'PROTOCOL_ERROR']],
  ['§6.5.2 MAX_FRAME_SIZE 2^24', '000006 04 00 00000000 000501000000', ['connection', 'PROTOCOL_ERROR']],
  ['§6.5.2 MAX_FRAME_SIZE 2^24-1', '000006 04 00 00000000 000500ffffff', 'fine'],
  ['§6.5.2 unknown setting', '000006 04 00 00000000 00ff00000000', 'fine'],
  ['§8.4 PUSH_PROMISE from a client', '000004 05 04 00000001 00000002', ['connection', 'PROTOCOL_ERROR']],
  ['§6.6 PUSH_PROMISE too short', '000003 05 04 00000001 000000', ['connection', 'FRAME_SIZE_ERROR']],
  ['§6.6 PUSH_PROMISE on stream 0', '000004 05 04 00000000 00000002', ['connection', 'PROTOCOL_ERROR']],
  ['§6.7 PING on a stream', '000008 06 00 00000001 0000000000000000', ['connection', 'PROTOCOL_ERROR']],
  ['§6.7 PING of 7 octets', '000007 06 00 00000000 00000000000000', ['connection', 'FRAME_SIZE_ERROR']],
  ['§6.7 acknowledged PING', '000008 06 01 00000000 0000000000000000', 'fine'],
  ['§6.8 GOAWAY on a stream', '000008 07 00 00000001 0000000000000000', ['connection', 'PROTOCOL_ERROR']],
  ['§6.8 GOAWAY of 7 octets', '000007 07 00 00000000 00000000000000', ['connection', 'FRAME_SIZE_ERROR']],
  ['§6.9 WINDOW_UPDATE of 0 on a stream', '000004 08 00 00000001 00000000', ['stream', 'PROTOCOL_ERROR']],
  ['§6.9 WINDOW_UPDATE of 0, reserved bit set', '000004 08 00 00000001 80000000', ['stream', 'PROTOCOL_ERROR']],
  ['§6.9 WINDOW_UPDATE of 0 on the connection', '000004 08 00 00000000 00000000', ['connection', 'PROTOCOL_ERROR']],
  ['§6.9 WINDOW_UPDATE of 5 octets', '000005 08 00 00000001 0000000100', ['connection', 'FRAME_SIZE_ERROR']],
  ['§6.9.1 stream window above 2^31-1', '000004 08 00 00000001 7fffffff', ['stream', 'FLOW_CONTROL_ERROR']],
  ['§6.9.1 connection window above 2^31-1', '000004 08 00 00000000 7fffffff', ['connection', 'FLOW_CONTROL_ERROR']],
  ['§5.1 WINDOW_UPDATE on an idle stream', '000004 08 00 00000005 00000001', ['connection', 'PROTOCOL_ERROR']],
  ['§5.1 WINDOW_UPDATE on a half-closed stream', '000004 08 00 00000003 00000001', 'fine'],
  ['§6.10 CONTINUATION on stream 0', '000000 09 04 00000000', ['connection', 'PROTOCOL_ERROR']],
  ['§6.10 CONTINUATION without HEADERS', '000000 09 04 00000001', ['connection', 'PROTOCOL_ERROR']],
  ['§5.5 unknown type, odd flags', '000003 fe ff 00000000 010203', 'fine'],
  ['§4.2 frame of 16385 octets, by its header alone', '004001 fe 00 00000000', ['connection', 'FRAME_SIZE_ERROR']],
  ['§4.1 reserved bit and unused flags', '000008 06 f0 80000000 0000000000000000', 'fine'],
];

for (const [name, octets, expected] of cases) {
  test(name, () => {
    const peer = createPeer();
    peer.frames(peer.request(1, '/echo', { method: 'POST', end: false }), peer.request(3, '/delay/1000'));
    const got = errorOf(peer.send(hex(octets)));
    if (expected === 'fine') {
      assert.is(got, undefined);
    } else {
      const [scope, code] = expected;
      assert.equal(got, { scope, code: ErrorCode[code] });
    }
    const works = peer.frames({ type: 'PING', ack: false, opaqueData: ascii('still ok') });
    if (got?.scope === 'connection') {
      assert.equal(works, []);
      assert.is(peer.connection.state, 'closed');
    } else {
      assert.ok(works.some((frame) => frame.type === 'PING' && frame.ack));
      assert.is(peer.connection.state, 'open');
    }
    const told = peer.events.filter(({ event }) => event.layer === 'http2' && event.kind === 'error');
    assert.is(told.length, expected === 'fine' ? 0 : 1);
  });
}

test('§3.4 a wrong preface ends the connection at its first wrong octet', () => {
  const peer = createPeer({ bare: true });
  assert.is(errorOf(peer.send(ascii('PRI * HTTP/2.0\r\n\r\nS'))), undefined);
  assert.equal(errorOf(peer.send(ascii('T'))), { scope: 'connection', code: ErrorCode.PROTOCOL_ERROR });
  assert.is(peer.connection.state, 'closed');
});

test('§3.4 the first frame must be SETTINGS, and no acknowledgment', () => {
  for (const octets of ['000008 06 00 00000000 0000000000000000', '000000 04 01 00000000']) {
    const peer = createPeer({ bare: true });
    const frames = peer.send(concat(CLIENT_PREFACE, hex(octets)));
    assert.equal(errorOf(frames), { scope: 'connection', code: ErrorCode.PROTOCOL_ERROR });
  }
});

test('§3.4 our first frame is SETTINGS, before and after the client speaks', () => {
  const early = createPeer({ bare: true });
  assert.is(early.take()[0]!.type, 'SETTINGS');
  const late = createPeer({ bare: true });
  const frames = late.send(concat(CLIENT_PREFACE, frameBytes(settingsFrame())));
  assert.equal(
    frames.map((frame) => frame.type),
    ['SETTINGS', 'WINDOW_UPDATE', 'SETTINGS'],
  );
  assert.is(frames[2]!.type === 'SETTINGS' && frames[2].ack, true);
});

test('§6.10 a field block must not be interrupted, by whatever frame', () => {
  for (const octets of [
    '000008 06 00 00000000 0000000000000000', // PING
    '000000 09 04 00000003', // CONTINUATION of another stream
    '000000 00 00 00000001', // DATA
    '000003 fe ff 00000001 010203', // unknown
    '000005 02 00 00000001 00000000 00', // PRIORITY
    '000001 01 05 00000001 82', // HEADERS
  ]) {
    const peer = createPeer();
    const got = errorOf(peer.send(concat(hex('000001 01 01 00000001 82'), hex(octets))));
    assert.equal(got, { scope: 'connection', code: ErrorCode.PROTOCOL_ERROR }, octets);
  }
});

test('§6.10 a field block must not be interrupted by a frame that is an error of another stream either', () => {
  const peer = createPeer();
  peer.frames(peer.request(1, '/echo', { method: 'POST', end: false }));
  const got = errorOf(peer.send(concat(hex('000001 01 01 00000003 82'), hex('000004 02 00 00000001 00000000'))));
  assert.equal(got, { scope: 'connection', code: ErrorCode.PROTOCOL_ERROR });
});

test('§6.10 a field block in three parts is one request; END_STREAM is that of HEADERS', () => {
  const peer = createPeer();
  const whole = peer.request(1, '/');
  if (whole.type !== 'HEADERS') throw new Error('HEADERS expected');
  const block = whole.fieldBlockFragment;
  const frames = peer.frames(
    { ...whole, endHeaders: false, fieldBlockFragment: block.subarray(0, 3) },
    { type: 'CONTINUATION', streamId: 1, endHeaders: false, fieldBlockFragment: block.subarray(3, 3) },
    { type: 'CONTINUATION', streamId: 1, endHeaders: true, fieldBlockFragment: block.subarray(3) },
  );
  assert.equal(
    frames.map((frame) => frame.type),
    ['HEADERS', 'DATA'],
  );
});

test('§6.2 padding and priority of HEADERS are taken off', () => {
  const peer = createPeer();
  const frame = peer.request(1, '/');
  if (frame.type !== 'HEADERS') throw new Error('HEADERS expected');
  const frames = peer.frames({
    ...frame,
    padLength: 200,
    priority: { exclusive: false, streamDependency: 0, weight: 15 },
  });
  assert.is(peer.decode(frames[0]!)[0]![1], '200');
});

test('§5.4.1 only one connection error is reported, and nothing after it', () => {
  const peer = createPeer();
  const frames = peer.send(concat(hex('000000 00 00 00000000'), hex('000007 06 00 00000000 00000000000000')));
  assert.is(frames.filter((frame) => frame.type === 'GOAWAY').length, 1);
});

test.run();
