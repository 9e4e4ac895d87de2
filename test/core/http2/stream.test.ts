// Stream states: every state × event by hand from RFC 9113 §5.1 and figure 2, and how closed streams are met on the wire.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ErrorCode, type Frame } from '../../../src/core/http2/frame.js';
import { type StreamEvent, type StreamState, transitions } from '../../../src/core/http2/stream.js';
import { limits } from '../../../src/core/limits.js';
import type { Field } from '../../../src/core/trace.js';
import { ascii } from '../../support/bytes.js';
import { body, createPeer, errorOf, type Peer } from './support.js';

/** idle, open, half-closed (local), half-closed (remote), closed: the next state, or scope and code of the error. */
const expected: { readonly [event in StreamEvent]: readonly [string, string, string, string, string] } = {
  'recv HEADERS': ['open', 'open', 'half-closed (local)', 'stream STREAM_CLOSED', 'connection STREAM_CLOSED'],
  'recv DATA': [
    'connection PROTOCOL_ERROR',
    'open',
    'half-closed (local)',
    'stream STREAM_CLOSED',
    'stream STREAM_CLOSED',
  ],
  'recv END_STREAM': [
    'connection PROTOCOL_ERROR',
    'half-closed (remote)',
    'closed',
    'stream STREAM_CLOSED',
    'stream STREAM_CLOSED',
  ],
  'recv RST_STREAM': ['connection PROTOCOL_ERROR', 'closed', 'closed', 'closed', 'closed'],
  'recv WINDOW_UPDATE': ['connection PROTOCOL_ERROR', 'open', 'half-closed (local)', 'half-closed (remote)', 'closed'],
  'recv PRIORITY': ['idle', 'open', 'half-closed (local)', 'half-closed (remote)', 'closed'],
  'send HEADERS': ['ours', 'open', 'ours', 'half-closed (remote)', 'ours'],
  'send DATA': ['ours', 'open', 'ours', 'half-closed (remote)', 'ours'],
  'send END_STREAM': ['ours', 'half-closed (local)', 'ours', 'closed', 'ours'],
  'send RST_STREAM': ['ours', 'closed', 'closed', 'closed', 'ours'],
};

const states: readonly StreamState[] = ['idle', 'open', 'half-closed (local)', 'half-closed (remote)', 'closed'];

test('the table of states is that of §5.1', () => {
  assert.equal(Object.keys(transitions).sort(), Object.keys(expected).sort());
  for (const [event, row] of Object.entries(expected) as [StreamEvent, readonly string[]][]) {
    states.forEach((state, column) => {
      const cell = transitions[event][state];
      const code = typeof cell === 'string' ? '' : Object.entries(ErrorCode).find(([, n]) => n === cell.code)![0];
      const got = typeof cell === 'string' ? cell : code === 'INTERNAL_ERROR' ? 'ours' : `${cell.scope} ${code}`;
      assert.is(got, row[column], `${event} in ${state}`);
    });
  }
});

function statesOf(peer: Peer, streamId: number): string[] {
  const out: string[] = [];
  for (const { event } of peer.events) {
    if (event.layer === 'http2' && event.kind === 'stream' && event.streamId === streamId) out.push(event.to);
  }
  return out;
}

test('GET goes idle, open, half-closed (remote), closed', () => {
  const peer = createPeer();
  peer.frames(peer.request(1, '/'));
  assert.equal(statesOf(peer, 1), ['open', 'half-closed (remote)', 'closed']);
});

const uploadFrame: Frame = { type: 'DATA', streamId: 1, endStream: false, data: new Uint8Array(16_384) };

const upload = (peer: Peer, octets: number): Frame[] => {
  const out: Frame[] = [];
  for (let left = octets; left > 0; left -= 16_384) {
    out.push(...peer.frames({ ...uploadFrame, data: new Uint8Array(Math.min(left, 16_384)) } as Frame));
  }
  return out;
};
const updates = (frames: readonly Frame[], streamId: number): number =>
  frames.reduce((sum, f) => sum + (f.type === 'WINDOW_UPDATE' && f.streamId === streamId ? f.increment : 0), 0);

const types = (frames: readonly Frame[]): string[] => frames.map((frame) => frame.type);

test('a response that is made early ends when its request has, which is thrown away with its window given back', () => {
  const peer = createPeer();
  assert.equal(types(peer.frames(peer.request(1, '/', { method: 'POST', end: false }))), ['HEADERS']);
  const size = 20 * limits.http2.streamWindowBytes;
  const given = upload(peer, size);
  assert.is(errorOf(given), undefined);
  assert.ok(updates(given, 1) >= size - limits.http2.streamWindowBytes / 2);
  assert.ok(updates(given, 0) >= size - limits.http2.connectionWindowBytes / 2);
  const last = peer.frames({ ...uploadFrame, endStream: true } as Frame);
  assert.is(last.length === 1 && last[0]!.type === 'DATA' && last[0]!.endStream, true);
  assert.equal(statesOf(peer, 1), ['open', 'half-closed (remote)', 'closed']);
  assert.is(peer.connection.nextDeadlineUs(), limits.http2.idleUs);
});

test('a status of 300 and above is sent at once: clients stop by themselves', () => {
  const peer = createPeer();
  assert.equal(types(peer.frames(peer.request(1, '/missing', { method: 'POST', end: false }))), ['HEADERS']);
  assert.is(errorOf(upload(peer, 20 * limits.http2.streamWindowBytes)), undefined);
  assert.equal(peer.frames({ ...uploadFrame, endStream: true } as Frame), []);
  assert.equal(statesOf(peer, 1), ['open', 'half-closed (local)', 'closed']);
});

test('a response without content, and one with trailers, waits as a whole or with its end', () => {
  const none = createPeer({ handler: () => ({ status: 200, headers: [] }) });
  assert.equal(none.frames(none.request(1, '/', { method: 'POST', end: false })), []);
  assert.equal(types(none.frames({ ...uploadFrame, endStream: true } as Frame)), ['HEADERS']);
  const source = { ...body(ascii('abc')), length: undefined, trailers: (): Field[] => [['x-sum', '1']] };
  const some = createPeer({ handler: () => ({ status: 200, headers: [], body: source }) });
  assert.equal(types(some.frames(some.request(1, '/', { method: 'POST', end: false }))), ['HEADERS', 'DATA']);
  assert.equal(types(some.frames({ ...uploadFrame, endStream: true } as Frame)), ['HEADERS']);
});

test('holdUs: a stall ends the waiting, then the lingering', () => {
  const peer = createPeer();
  peer.frames(peer.request(1, '/', { method: 'POST', end: false }));
  peer.nowUs = 500;
  peer.frames(uploadFrame);
  peer.nowUs = 500 + limits.http2.holdUs;
  assert.is(peer.connection.nextDeadlineUs(), peer.nowUs);
  peer.connection.advance(peer.nowUs);
  assert.equal(types(peer.take()), ['DATA']);
  assert.equal(statesOf(peer, 1), ['open', 'half-closed (local)']);
  peer.nowUs += limits.http2.lingerUs;
  peer.connection.advance(peer.nowUs);
  assert.equal(errorOf(peer.take()), { scope: 'stream', code: ErrorCode.NO_ERROR });
});

test('end of input releases a response that waits', () => {
  const peer = createPeer();
  peer.frames(peer.request(1, '/', { method: 'POST', end: false }));
  peer.connection.endOfInput(0);
  assert.equal(types(peer.take()), ['DATA', 'RST_STREAM', 'GOAWAY']);
});

test('a client that waits for 100 (Continue) gets it first', () => {
  const extra: Field[] = [['expect', '100-continue']];
  const some = createPeer();
  assert.equal(types(some.frames(some.request(1, '/', { method: 'POST', end: false, extra }))), ['HEADERS', 'HEADERS']);
  const none = createPeer({ handler: () => ({ status: 200, headers: [] }) });
  const [head, ...more] = none.frames(none.request(1, '/', { method: 'POST', end: false, extra }));
  assert.equal(none.decode(head!), [[':status', '100']]);
  assert.equal(more, []);
  assert.equal(types(none.frames({ ...uploadFrame, endStream: true } as Frame)), ['HEADERS']);
});

test('a body that the response is made of is not taken for one that nobody reads', () => {
  const peer = createPeer();
  const extra: Field[] = [['content-length', '6']];
  peer.frames(peer.request(1, '/echo', { method: 'POST', end: false, extra }));
  peer.frames({ type: 'DATA', streamId: 1, endStream: false, data: ascii('abc') });
  const last = peer.frames({ type: 'DATA', streamId: 1, endStream: true, data: ascii('def') }).at(-1)!;
  assert.is(last.type === 'DATA' && last.endStream && String.fromCharCode(...last.data), 'def');
});

test('answered with content unread: that is given back, too', () => {
  const peer = createPeer({ handler: () => ({ status: 200, headers: [], delayUs: 10 }) });
  peer.frames(peer.request(1, '/', { method: 'POST', end: false }));
  assert.is(updates(upload(peer, limits.http2.streamWindowBytes), 1), 0);
  peer.nowUs = 10;
  peer.connection.advance(10);
  assert.is(updates(peer.take(), 1), limits.http2.streamWindowBytes);
});

test('drainBytes: beyond it no window is given; what is too long is answered and called off with NO_ERROR (§8.1)', () => {
  const peer = createPeer({ trace: false });
  peer.frames(peer.request(1, '/', { method: 'POST', end: false }));
  assert.is(errorOf(upload(peer, limits.http2.drainBytes)), undefined);
  const frames = upload(peer, limits.http2.streamWindowBytes);
  assert.is(updates(frames, 1), 0);
  assert.equal(types(frames).slice(-2), ['DATA', 'RST_STREAM']);
  assert.equal(errorOf(frames), { scope: 'stream', code: ErrorCode.NO_ERROR });
  // What was under way is passed over: §5.1.
  assert.is(errorOf(peer.frames(uploadFrame)), undefined);
  const length: Field = ['content-length', String(limits.http2.drainBytes + 1)];
  const told = peer.frames(peer.request(3, '/', { method: 'POST', end: false, extra: [length] }));
  assert.equal(types(told), ['HEADERS', 'DATA', 'RST_STREAM']);
});

test('lingerBlockedUs: another status, and the window is used up: called off soon after', () => {
  const peer = createPeer({ trace: false });
  peer.frames(peer.request(1, '/missing', { method: 'POST', end: false }));
  assert.is(errorOf(upload(peer, limits.http2.drainBytes + limits.http2.streamWindowBytes)), undefined);
  assert.is(peer.connection.nextDeadlineUs(), limits.http2.lingerBlockedUs);
  peer.nowUs = limits.http2.lingerBlockedUs;
  peer.connection.advance(peer.nowUs);
  assert.equal(errorOf(peer.take()), { scope: 'stream', code: ErrorCode.NO_ERROR });
});

test('lingerUs: answered early and stalled: called off; each octet that comes puts it off', () => {
  const peer = createPeer();
  peer.frames(peer.request(1, '/missing', { method: 'POST', end: false, extra: [['content-length', '9000000']] }));
  peer.nowUs = 1_000;
  peer.frames(uploadFrame);
  const deadlineUs = 1_000 + limits.http2.lingerUs;
  assert.is(peer.connection.nextDeadlineUs(), deadlineUs);
  peer.connection.advance(deadlineUs - 1);
  assert.equal(peer.take(), []);
  peer.connection.advance(deadlineUs);
  assert.equal(errorOf(peer.take()), { scope: 'stream', code: ErrorCode.NO_ERROR });
});

test('answered early and dribbled to: the least rate holds there, too', () => {
  const peer = createPeer();
  peer.frames(peer.request(1, '/missing', { method: 'POST', end: false }));
  for (let at = 0; at <= limits.http2.bodyUs; at += limits.http2.lingerUs / 2) {
    peer.nowUs = at;
    const error = errorOf(peer.frames(dataFrame(1)));
    if (at < limits.http2.bodyUs) assert.is(error, undefined, `${at}`);
    else assert.equal(error, { scope: 'stream', code: ErrorCode.NO_ERROR });
  }
});

const late: readonly (readonly [string, (peer: Peer) => Frame, ReturnType<typeof errorOf>])[] = [
  ['DATA', () => dataFrame(1), { scope: 'stream', code: ErrorCode.STREAM_CLOSED }],
  ['HEADERS', (peer) => peer.request(1, '/'), { scope: 'connection', code: ErrorCode.STREAM_CLOSED }],
  ['RST_STREAM', () => ({ type: 'RST_STREAM', streamId: 1, errorCode: 8 }), undefined],
  ['WINDOW_UPDATE', () => ({ type: 'WINDOW_UPDATE', streamId: 1, increment: 1 }), undefined],
];

for (const [name, frame, error] of late) {
  test(`${name} on a stream that both sides have ended`, () => {
    const peer = createPeer();
    peer.frames(peer.request(1, '/'));
    assert.equal(errorOf(peer.frames(frame(peer))), error);
  });

  test(`${name} on a stream that the peer has reset`, () => {
    const peer = createPeer();
    peer.frames(peer.request(1, '/delay/9'), { type: 'RST_STREAM', streamId: 1, errorCode: 8 });
    assert.equal(errorOf(peer.frames(frame(peer))), error);
  });

  test(`${name} on a stream that we have reset is passed over`, () => {
    const peer = createPeer();
    const frames = peer.frames(peer.request(1, '/echo', { end: false, extra: [['connection', 'close']] }));
    assert.equal(errorOf(frames), { scope: 'stream', code: ErrorCode.PROTOCOL_ERROR });
    assert.is(errorOf(peer.frames(frame(peer))), undefined);
    assert.is(peer.decode(peer.frames(peer.request(3, '/'))[0]!)[0]![1], '200');
  });
}

test('lower identifiers that were left out cannot be opened any more (§5.1.1)', () => {
  for (const [opened, late] of [
    [[5], 3],
    [[5], 1],
    [[1, 7], 3],
    [[1, 7], 5],
    [[1, 3, 9, 15], 13],
  ] as const) {
    const peer = createPeer();
    for (const streamId of opened) peer.frames(peer.request(streamId, '/'));
    const error = errorOf(peer.frames(peer.request(late, '/')));
    assert.equal(error, { scope: 'connection', code: ErrorCode.PROTOCOL_ERROR }, `${late} behind ${opened}`);
  }
});

test('skippedRanges: of older ranges it is forgotten that they never opened; they count as closed', () => {
  const peer = createPeer({ trace: false });
  for (let i = 0; i <= limits.http2.skippedRanges; i++) peer.frames(peer.request(4 * i + 3, '/'));
  assert.equal(errorOf(peer.frames(peer.request(1, '/'))), { scope: 'connection', code: ErrorCode.STREAM_CLOSED });
});

test('RST_STREAM ends a response in the middle, and nothing more of it is sent', () => {
  let cancelled = 0;
  const peer = createPeer({
    handler: () => ({
      status: 200,
      headers: [],
      body: { length: undefined, read: (most) => new Uint8Array(most), cancel: () => void cancelled++ },
    }),
  });
  peer.frames(peer.request(1, '/'));
  const frames = peer.frames(
    { type: 'RST_STREAM', streamId: 1, errorCode: ErrorCode.CANCEL },
    { type: 'WINDOW_UPDATE', streamId: 0, increment: 1_000_000 },
  );
  assert.equal(frames, []);
  assert.is(cancelled, 1);
});

test('a response body that waits for the request goes on as it comes', () => {
  const peer = createPeer();
  assert.equal(
    peer.frames(peer.request(1, '/echo', { method: 'POST', end: false })).map((frame) => frame.type),
    ['HEADERS'],
  );
  const [echoed] = peer.frames({ type: 'DATA', streamId: 1, endStream: false, data: ascii('abc') });
  assert.equal(echoed, { type: 'DATA', streamId: 1, endStream: false, data: ascii('abc') });
  const last = peer.frames({ type: 'DATA', streamId: 1, endStream: true, data: ascii('de') });
  assert.equal(
    last.map((frame) => frame.type === 'DATA' && [String.fromCharCode(...frame.data), frame.endStream]),
    [
      ['de', false],
      ['', true],
    ],
  );
  assert.equal(statesOf(peer, 1), ['open', 'half-closed (remote)', 'closed']);
});

test('a body that fails, breaks its length or stays empty resets its stream only', () => {
  const bodies = [
    {
      length: 5,
      read: () => {
        throw new Error('disk');
      },
    },
    { ...body(ascii('abc')), length: 5 },
    { length: undefined, read: () => new Uint8Array(0) },
    { length: undefined, read: (most: number) => new Uint8Array(most + 1) },
  ];
  for (const source of bodies) {
    const peer = createPeer({
      handler: (request) => ({
        status: 200,
        headers: [],
        body: request.path === '/bad' ? source : body(ascii('fine')),
      }),
    });
    assert.equal(errorOf(peer.frames(peer.request(1, '/bad'))), { scope: 'stream', code: ErrorCode.INTERNAL_ERROR });
    assert.equal(
      peer.frames(peer.request(3, '/good')).map((frame) => frame.type),
      ['HEADERS', 'DATA'],
    );
  }
});

function dataFrame(streamId: number): Frame {
  return { type: 'DATA', streamId, endStream: false, data: ascii('x') };
}

test.run();
