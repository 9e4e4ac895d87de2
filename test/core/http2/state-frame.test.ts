// Each frame type on a stream in each state, as it goes over the wire: written by hand from RFC 9113 §5.1 and §6. A cell is
// what the server makes of it: nothing wrong, a stream error, a connection error, or passing it over.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ErrorCode, type Frame } from '../../../src/core/http2/frame.js';
import { ascii } from '../../support/bytes.js';
import { createPeer, errorOf, type Peer } from './support.js';

/** How stream 1 gets into a state; `closed` has four ways that differ in what may still come. */
const states = {
  idle: () => undefined,
  open: (peer: Peer) => peer.frames(peer.request(1, '/delay/1000', { method: 'POST', end: false })),
  // A 404 is sent at once; the client has not ended its half.
  'half-closed (local)': (peer: Peer) => peer.frames(peer.request(1, '/missing', { method: 'POST', end: false })),
  'half-closed (remote)': (peer: Peer) => peer.frames(peer.request(1, '/delay/1000')),
  'closed by both': (peer: Peer) => peer.frames(peer.request(1, '/')),
  'closed by its RST': (peer: Peer) =>
    peer.frames(peer.request(1, '/delay/1000'), { type: 'RST_STREAM', streamId: 1, errorCode: ErrorCode.CANCEL }),
  'closed by our RST': (peer: Peer) => peer.frames(peer.request(1, '/', { end: false, extra: [['te', 'gzip']] })),
  'closed, passed over': (peer: Peer) => peer.frames(peer.request(3, '/')),
} as const;
type StateName = keyof typeof states;

const frames = {
  DATA: () => ({ type: 'DATA', streamId: 1, endStream: false, data: ascii('x') }),
  'DATA + ES': () => ({ type: 'DATA', streamId: 1, endStream: true, data: ascii('x') }),
  HEADERS: (peer: Peer) => peer.request(1, '/', { end: false }),
  'HEADERS + ES': (peer: Peer) => ({
    type: 'HEADERS',
    streamId: 1,
    endStream: true,
    endHeaders: true,
    fieldBlockFragment: peer.encode([['x-trailer', '1']]),
  }),
  PRIORITY: () => ({
    type: 'PRIORITY',
    streamId: 1,
    priority: { exclusive: false, streamDependency: 0, weight: 15 },
  }),
  RST_STREAM: () => ({ type: 'RST_STREAM', streamId: 1, errorCode: ErrorCode.CANCEL }),
  PUSH_PROMISE: (peer: Peer) => ({
    type: 'PUSH_PROMISE',
    streamId: 1,
    endHeaders: true,
    promisedStreamId: 2,
    fieldBlockFragment: peer.encode([[':method', 'GET']]),
  }),
  WINDOW_UPDATE: () => ({ type: 'WINDOW_UPDATE', streamId: 1, increment: 1 }),
  'WINDOW_UPDATE 0': () => ({ type: 'WINDOW_UPDATE', streamId: 1, increment: 0 }),
  CONTINUATION: () => ({ type: 'CONTINUATION', streamId: 1, endHeaders: true, fieldBlockFragment: new Uint8Array(0) }),
  PRIORITY_UPDATE: () => ({ type: 'PRIORITY_UPDATE', prioritizedStreamId: 1, priorityFieldValue: ascii('u=1') }),
  'unknown type': () => ({ type: 'UNKNOWN', typeCode: 0xfa, flags: 0xff, streamId: 1, payload: ascii('x') }),
} as const satisfies { readonly [name: string]: (peer: Peer) => Frame };
type FrameCase = keyof typeof frames;

/** ok; S or C and the code for a stream or connection error; over: passed over without a word. */
type Cell = 'ok' | 'over' | `${'S' | 'C'} ${keyof typeof ErrorCode}`;

const CP = 'C PROTOCOL_ERROR';
const CS = 'C STREAM_CLOSED';
const SP = 'S PROTOCOL_ERROR';
const SS = 'S STREAM_CLOSED';

// §5.1 idle: all but HEADERS and PRIORITY is a connection error. half-closed (remote): all but WINDOW_UPDATE, PRIORITY and
// RST_STREAM is a stream error, STREAM_CLOSED. closed: after our RST_STREAM everything is discarded; otherwise §6.1 makes
// DATA a stream error, §5.1 lets HEADERS be a connection error, and WINDOW_UPDATE and RST_STREAM may have crossed our last
// frame. §5.1.1: an identifier that was left out is not new. §8.1: trailers end the stream. §8.4: no PUSH_PROMISE.
// biome-ignore format: a table
const expected: { readonly [frame in FrameCase]: readonly [Cell, Cell, Cell, Cell, Cell, Cell, Cell, Cell] } = {
  //                   idle   open   hc local  hc remote  both   its RST  our RST  left out
  'DATA':             [CP,    'ok',  'ok',     SS,        SS,    SS,      'over',  SS],
  'DATA + ES':        [CP,    'ok',  'ok',     SS,        SS,    SS,      'over',  SS],
  'HEADERS':          ['ok',  SP,    SP,       SS,        CS,    CS,      'over',  CP],
  // On an idle stream a field without pseudo-header fields is a request, and malformed (§8.3.1).
  'HEADERS + ES':     [SP,    'ok',  'ok',     SS,        CS,    CS,      'over',  CP],
  'PRIORITY':         ['ok',  'ok',  'ok',     'ok',      'ok',  'ok',    'ok',    'ok'],
  'RST_STREAM':       [CP,    'ok',  'ok',     'ok',      'ok',  'ok',    'ok',    'ok'],
  'PUSH_PROMISE':     [CP,    CP,    CP,       CP,        CP,    CP,      CP,      CP],
  'WINDOW_UPDATE':    [CP,    'ok',  'ok',     'ok',      'ok',  'ok',    'ok',    'ok'],
  'WINDOW_UPDATE 0':  [CP,    SP,    SP,       SP,        'ok',  'ok',    'ok',    'ok'],
  'CONTINUATION':     [CP,    CP,    CP,       CP,        CP,    CP,      CP,      CP],
  'PRIORITY_UPDATE':  ['ok',  'ok',  'ok',     'ok',      'ok',  'ok',    'ok',    'ok'],
  'unknown type':     ['ok',  'ok',  'ok',     'ok',      'ok',  'ok',    'ok',    'ok'],
};

const codeName = (code: number): string => Object.entries(ErrorCode).find(([, value]) => value === code)![0];

for (const [name, row] of Object.entries(expected) as [FrameCase, readonly Cell[]][]) {
  (Object.keys(states) as StateName[]).forEach((state, column) => {
    const cell = row[column]!;
    test(`§5.1: ${name} in ${state}: ${cell}`, () => {
      const peer = createPeer();
      states[state](peer);
      const frame = frames[name](peer) as Frame;
      const got = errorOf(peer.frames(frame));
      const text = got && `${got.scope === 'connection' ? 'C' : 'S'} ${codeName(got.code)}`;
      assert.is(text, cell === 'ok' || cell === 'over' ? undefined : cell);
      if (got?.scope === 'connection') {
        assert.is(peer.connection.state, 'closed');
        return;
      }
      // The connection goes on, and its compression state is sound.
      assert.is(peer.connection.state, 'open');
      const answer = peer.frames(peer.request(5, '/missing', { extra: [['x-new', 'value']] }));
      assert.ok(answer.some((one) => one.type === 'HEADERS' && one.streamId === 5));
      if (got !== undefined) assert.equal(peer.frames({ type: 'WINDOW_UPDATE', streamId: 1, increment: 0 }), []);
    });
  });
}

test('the table has all frame types that RFC 9113 and RFC 9218 define for streams', () => {
  assert.is(Object.values(expected).length, Object.keys(frames).length);
  for (const row of Object.values(expected)) assert.is(row.length, Object.keys(states).length);
});

test.run();
