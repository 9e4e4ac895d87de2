// HTTP/2 by somebody who looks on: streams, field blocks, settings and windows of both sides, server push, and what breaks a rule
// (RFC 9113, RFC 7541).

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createConversation } from '../../../src/bench/inspect/conversation.js';
import { createKeyStore } from '../../../src/bench/inspect/keys.js';
import { streamLimits } from '../../../src/bench/inspect/stream-limits.js';
import { Writer } from '../../../src/core/bytes/writer.js';
import { CLIENT_PREFACE, encodeFrame, type Frame } from '../../../src/core/http2/frame.js';
import type { Direction } from '../../../src/core/trace.js';
import { ascii, concat } from '../../support/bytes.js';
import { keepingSink, nothingTold, type Told } from '../../support/inspected.js';

const test = suite('inspected HTTP/2');

type Step = readonly [Direction, ...(Frame | Uint8Array)[]];

function bytesOf(frame: Frame | Uint8Array): Uint8Array {
  if (frame instanceof Uint8Array) return frame;
  const writer = new Writer();
  encodeFrame(writer, frame);
  return writer.view().slice();
}

function run(steps: readonly Step[]): Told {
  const told = nothingTold();
  const conversation = createConversation({
    flow: 'a>b#0',
    midstream: false,
    keys: createKeyStore(),
    onExchange: (exchange) => void told.exchanges.push(exchange),
  });
  steps.forEach(([dir, ...frames], index) => {
    conversation.push(dir, concat(...frames.map(bytesOf)), keepingSink(told, true, index + 1));
  });
  for (const dir of ['in', 'out'] as const) conversation.end(dir, keepingSink(told));
  return told;
}

/** Literals without indexing, RFC 7541 §6.2.2. */
function block(...fields: readonly (readonly [string, string])[]): Uint8Array {
  return concat(
    ...fields.map(([name, value]) =>
      concat(Uint8Array.of(0, name.length), ascii(name), Uint8Array.of(value.length), ascii(value)),
    ),
  );
}

const settings = (...values: [number, number][]): Frame => ({ type: 'SETTINGS', ack: false, settings: values });
const ack: Frame = { type: 'SETTINGS', ack: true, settings: [] };
const REQUEST = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/a'],
  [':authority', 'h'],
] as const;
const headers = (streamId: number, fields: readonly (readonly [string, string])[], endStream = true): Frame => ({
  type: 'HEADERS',
  streamId,
  endStream,
  endHeaders: true,
  fieldBlockFragment: block(...fields),
});
const data = (streamId: number, length: number, endStream = true): Frame => ({
  type: 'DATA',
  streamId,
  endStream,
  data: new Uint8Array(length).fill(0x61),
});
const hello: Step[] = [
  ['in', CLIENT_PREFACE, settings()],
  ['out', settings(), ack],
  ['in', ack],
];
const request = (id: number): Frame => headers(id, REQUEST);
const STATUS = [[':status', '200']] as const;

const broken = ({ verdicts }: Told): string[] =>
  verdicts.flatMap(({ severity, code, rule }) => (severity === 'error' ? [`${code} ${rule}`] : []));

test('requests, interim responses, content and trailers of interleaved streams', () => {
  const told = run([
    ...hello,
    [
      'in',
      request(1),
      headers(3, [...REQUEST.slice(1), [':method', 'POST'], ['content-length', '7']], false),
      data(3, 7, false),
    ],
    [
      'out',
      headers(1, [[':status', '103']], false),
      headers(3, STATUS, false),
      headers(1, [...STATUS, ['content-length', '3']], false),
      data(3, 2, false),
    ],
    ['out', data(1, 3), { type: 'WINDOW_UPDATE', streamId: 3, increment: 7 }, headers(3, [['x-sum', '1']])],
    ['in', headers(3, [['x-end', '2']])],
  ]);
  assert.equal(broken(told), []);
  const [one, three] = told.exchanges;
  assert.equal([one?.streamId, one?.response?.status, one?.response?.content.length, one?.packet], [1, 200, 3, 4]);
  assert.equal([three?.streamId, three?.request.contentLength, three?.response?.contentLength], [3, 7, 2]);
  assert.equal(three?.request.trailers, [['x-end', '2']]);
  assert.equal(three?.response?.trailers, [['x-sum', '1']]);
  assert.ok(one?.request.complete && one.response?.complete && three?.request.complete && three.response?.complete);
  assert.equal(one?.request.headers, [], 'without pseudo-header fields');
  const states = told.events.flatMap((event) =>
    event.layer === 'http2' && event.kind === 'stream' && event.streamId === 3 ? [event.to] : [],
  );
  assert.equal(states, ['open', 'half-closed (local)', 'closed']);
});

test('of several SETTINGS under way the one that allows most counts, and after each acknowledgment what is left of them', () => {
  const window = (size: number): Frame => settings([4, size]);
  const told = run([
    ['in', CLIENT_PREFACE, window(0), window(65_535)],
    ['out', settings(), ack, ack],
    ['in', ack, request(1)],
    ['out', headers(1, STATUS, false), data(1, 100)],
  ]);
  assert.equal(broken(told), []);
  const lowered = run([
    ['in', CLIENT_PREFACE, window(0), window(50), window(10)],
    ['out', settings(), ack, ack],
    ['in', ack, request(1)],
    ['out', headers(1, STATUS, false), data(1, 50, false), ack, data(1, 1)],
  ]);
  assert.equal(broken(lowered), ['stream-window-exceeded RFC 9113 §6.9.1']);
});

test('pushed streams do not count among those that the client may open (RFC 9113 §5.1.2)', () => {
  const push = (promisedStreamId: number): Frame => ({
    type: 'PUSH_PROMISE',
    streamId: 1,
    endHeaders: true,
    promisedStreamId,
    fieldBlockFragment: block(...REQUEST),
  });
  const told = run([
    ['in', CLIENT_PREFACE, settings(), request(1)],
    ['out', settings([3, 1]), ack, push(2), push(4), headers(2, STATUS, false), headers(1, STATUS)],
    ['in', ack, request(3)],
    ['out', headers(3, STATUS), data(2, 1)],
  ]);
  assert.equal(broken(told), []);
  const tooMany = run([
    ['in', CLIENT_PREFACE, settings(), request(1)],
    ['out', settings([3, 1]), ack],
    ['in', ack, request(3)],
  ]);
  assert.equal(broken(tooMany), ['too-many-streams RFC 9113 §5.1.2']);
});

test('an extended CONNECT is one where the server allows it (RFC 8441 §4), with scheme and path', () => {
  const connect = [
    [':method', 'CONNECT'],
    [':protocol', 'websocket'],
    ...[...REQUEST.slice(1), ['sec-websocket-version', '13'] as const],
  ] as const;
  const asked = (fields: readonly (readonly [string, string])[], ...allowed: [number, number][]): Told =>
    run([
      ['in', CLIENT_PREFACE, settings()],
      ['out', settings(...allowed), ack],
      ['in', ack, headers(1, fields, false)],
      ['out', headers(1, STATUS, false)],
      ['in', data(1, 3)],
    ]);
  const told = asked(connect, [8, 1]);
  assert.equal(broken(told), []);
  assert.equal(told.exchanges[0]?.request.method, 'CONNECT');
  assert.equal(broken(asked(connect)), ['bad-pseudo RFC 9113 §8.3']);
  const pathless = connect.filter(([name]) => name !== ':path');
  assert.equal(broken(asked(pathless, [8, 1])), ['missing-pseudo RFC 9113 §8.3.1']);
});

test('a field block over CONTINUATION, padding and priority', () => {
  const whole = block(...REQUEST);
  const told = run([
    ...hello,
    [
      'in',
      {
        type: 'HEADERS',
        streamId: 1,
        endStream: true,
        endHeaders: false,
        padLength: 9,
        priority: { exclusive: true, streamDependency: 0, weight: 41 },
        fieldBlockFragment: whole.subarray(0, 5),
      },
    ],
    ['in', { type: 'CONTINUATION', streamId: 1, endHeaders: false, fieldBlockFragment: whole.subarray(5, 6) }],
    ['in', { type: 'CONTINUATION', streamId: 1, endHeaders: true, fieldBlockFragment: whole.subarray(6) }],
    [
      'out',
      { ...headers(1, STATUS, false), padLength: 0 } as Frame,
      { type: 'DATA', streamId: 1, endStream: true, padLength: 200, data: ascii('ok') },
    ],
  ]);
  assert.equal(broken(told), []);
  assert.is(told.exchanges[0]?.request.target, '/a');
  assert.is(told.exchanges[0]?.response?.contentLength, 2);
  const fields = told.layers.flatMap((layer) => layer.fields);
  assert.is(fields.find(({ name }) => name === 'http2.headers.weight_real')?.value, 42);
  assert.is(fields.find(({ name }) => name === 'http2.exclusive')?.value, true);
  assert.equal(
    fields.filter(({ name }) => name === 'http2.padding').map(({ value }) => value),
    [9, 0, 200],
  );
});

test('server push: the promised request gets its response', () => {
  const promise: Frame = {
    type: 'PUSH_PROMISE',
    streamId: 1,
    endHeaders: true,
    promisedStreamId: 2,
    fieldBlockFragment: block(...REQUEST.slice(0, 2), [':path', '/pushed'], [':authority', 'h']),
  };
  const told = run([
    ...hello,
    ['in', request(1)],
    ['out', promise, headers(1, STATUS, false), data(1, 1)],
    ['out', headers(2, STATUS, false), data(2, 5)],
  ]);
  assert.equal(broken(told), []);
  const pushed = told.exchanges.find(({ streamId }) => streamId === 2);
  assert.equal(
    [pushed?.request.target, pushed?.response?.contentLength, pushed?.response?.complete],
    ['/pushed', 5, true],
  );
});

test('frames that were under way when the other side reset the stream break no rule', () => {
  const told = run([
    ...hello,
    ['in', headers(1, REQUEST, false)],
    ['out', { type: 'RST_STREAM', streamId: 1, errorCode: 8 }],
    ['in', data(1, 10, false), data(1, 10), { type: 'WINDOW_UPDATE', streamId: 1, increment: 5 }],
  ]);
  assert.equal(broken(told), []);
  assert.is(told.exchanges[0]?.response, undefined);
});

test('a smaller window or table counts from its acknowledgment on', () => {
  const told = run([
    ['in', CLIENT_PREFACE, settings([4, 100], [1, 0])],
    ['in', request(1)],
    ['out', settings(), headers(1, STATUS, false), data(1, 5000, false)],
    ['out', ack, data(1, 101)],
  ]);
  assert.equal(broken(told), ['stream-window-exceeded RFC 9113 §6.9.1']);
});

test('HPACK tables as the settings have them; larger than that is told', () => {
  const update = (size: number): Uint8Array =>
    concat(Uint8Array.of(0x3f, ((size - 31) & 0x7f) | 0x80, (size - 31) >>> 7));
  const indexed = concat(Uint8Array.of(0x40, 1), ascii('x'), Uint8Array.of(1), ascii('y'));
  const response = (id: number, prefix: Uint8Array, suffix: Uint8Array): Frame => ({
    type: 'HEADERS',
    streamId: id,
    endStream: true,
    endHeaders: true,
    fieldBlockFragment: concat(prefix, Uint8Array.of(0x88), suffix),
  });
  const steps = (allowed: number): Step[] => [
    ['in', CLIENT_PREFACE, settings([1, allowed])],
    ['out', settings(), ack],
    ['in', ack, request(1), request(3)],
    ['out', response(1, update(8000), indexed), response(3, new Uint8Array(0), Uint8Array.of(0xbe))],
  ];
  const told = run(steps(8000));
  assert.equal(broken(told), []);
  assert.equal(
    told.exchanges.map(({ response }) => response?.headers),
    [[['x', 'y']], [['x', 'y']]],
  );
  assert.ok(broken(run(steps(5000))).includes('table-too-large RFC 7541 §4.2'));
});

// biome-ignore format: a table
const BROKEN: readonly (readonly [name: string, steps: readonly Step[], wanted: string])[] = [
  ['DATA before SETTINGS',       [['in', concat(CLIENT_PREFACE.subarray(0, 24)), data(1, 1)], ['out', settings()]],                  'settings-not-first RFC 9113 §3.4'],
  ['DATA on an idle stream',     [...hello, ['in', data(5, 1)]],                                                                     'frame-on-idle RFC 9113 §5.1'],
  ['even stream of a client',    [...hello, ['in', request(2)]],                                                                     'even-stream RFC 9113 §5.1.1'],
  ['HEADERS on a closed stream', [...hello, ['in', request(1)], ['out', headers(1, STATUS)], ['in', request(1)]],                    'headers-on-closed RFC 9113 §5.1'],
  ['DATA behind END_STREAM',     [...hello, ['in', request(1), data(1, 1)]],                                                         'data-on-closed RFC 9113 §6.1'],
  ['server speaks out of turn',  [...hello, ['out', headers(7, STATUS)]],                                                            'frame-on-idle RFC 9113 §5.1'],
  ['server goes on when ended',  [...hello, ['in', headers(1, REQUEST, false)], ['out', headers(1, STATUS), data(1, 1)]],             'wrong-state RFC 9113 §5.1'],
  ['frame beyond the size',      [...hello, ['in', headers(1, REQUEST, false), data(1, 16_385)]],                                     'frame-too-large RFC 9113 §4.2'],
  ['connection window',          [...hello, ['in', headers(1, REQUEST, false), data(1, 16_384, false), data(1, 16_384, false), data(1, 16_384, false), data(1, 16_384)]], 'connection-window-exceeded RFC 9113 §6.9.1'],
  ['WINDOW_UPDATE of 0',         [...hello, ['in', { type: 'WINDOW_UPDATE', streamId: 0, increment: 0 }]],                            'zero-connection-increment RFC 9113 §6.9'],
  ['window above 2^31-1',        [...hello, ['out', { type: 'WINDOW_UPDATE', streamId: 0, increment: 0x7fffffff }]],                  'connection-window-overflow RFC 9113 §6.9.1'],
  ['PING of 7 octets',           [...hello, ['in', Uint8Array.of(0, 0, 7, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7)]],                   'bad-frame-size RFC 9113 §4.2'],
  ['SETTINGS on a stream',       [...hello, ['in', Uint8Array.of(0, 0, 0, 4, 0, 0, 0, 0, 1)]],                                        'not-stream-zero RFC 9113 §6'],
  ['bad ENABLE_PUSH',            [['in', CLIENT_PREFACE, settings([2, 2])]],                                                          'bad-enable-push RFC 9113 §6.5.2'],
  ['padding beyond the payload', [...hello, ['in', Uint8Array.of(0, 0, 2, 0, 8, 0, 0, 0, 1, 9, 0)]],                                  'bad-padding RFC 9113 §6.1'],
  ['interrupted block',          [...hello, ['in', { ...request(1), endHeaders: false } as Frame, { type: 'PING', ack: false, opaqueData: new Uint8Array(8) }]], 'block-interrupted RFC 9113 §4.3'],
  ['stray CONTINUATION',         [...hello, ['in', { type: 'CONTINUATION', streamId: 1, endHeaders: true, fieldBlockFragment: block() }]], 'stray-continuation RFC 9113 §6.10'],
  ['HPACK index of nothing',     [...hello, ['in', { ...request(1), fieldBlockFragment: Uint8Array.of(0xff, 0x20) } as Frame]],       'compression RFC 9113 §4.3'],
  ['push from a client',         [...hello, ['in', request(1), { type: 'PUSH_PROMISE', streamId: 1, endHeaders: true, promisedStreamId: 2, fieldBlockFragment: block() }]], 'push-from-client RFC 9113 §8.4'],
  ['push that is disabled',      [['in', CLIENT_PREFACE, settings([2, 0])], ['out', settings(), ack], ['in', request(1)], ['out', { type: 'PUSH_PROMISE', streamId: 1, endHeaders: true, promisedStreamId: 2, fieldBlockFragment: block(...REQUEST) }]], 'push-disabled RFC 9113 §8.4'],
  ['upper case in a name',       [...hello, ['in', headers(1, [...REQUEST, ['X', 'y']])]],                                            'bad-field RFC 9113 §8.2.1'],
  ['connection in a request',    [...hello, ['in', headers(1, [...REQUEST, ['connection', 'close']])]],                               'connection-field RFC 9113 §8.2.2'],
  ['connection in a response',   [...hello, ['in', request(1)], ['out', headers(1, [...STATUS, ['connection', 'close']])]],           'connection-field RFC 9113 §8.2.2'],
  ['no :path',                   [...hello, ['in', headers(1, REQUEST.slice(0, 2))]],                                                 'missing-pseudo RFC 9113 §8.3.1'],
  ['no :status',                 [...hello, ['in', request(1)], ['out', headers(1, [['server', 'x']])]],                              'missing-pseudo RFC 9113 §8.3.1'],
  ['content-length',             [...hello, ['in', request(1)], ['out', headers(1, [...STATUS, ['content-length', '3']], false), data(1, 2)]], 'content-length-differs RFC 9113 §8.1.1'],
  ['trailers without END_STREAM', [...hello, ['in', request(1)], ['out', headers(1, STATUS, false), headers(1, [['x', 'y']], false)]], 'trailers-open RFC 9113 §8.1'],
  ['too many streams',           [['in', CLIENT_PREFACE, settings()], ['out', settings([3, 1])], ['in', ack, headers(1, REQUEST, false), headers(3, REQUEST, false)]], 'too-many-streams RFC 9113 §5.1.2'],
];

for (const [name, steps, wanted] of BROKEN) {
  test(`a broken rule is told with its section: ${name}`, () => {
    const told = run(steps);
    assert.ok(broken(told).includes(wanted), `${broken(told).join(' | ')} instead of ${wanted}`);
  });
}

test('what comes behind a broken block is still shown, frame by frame', () => {
  const told = run([
    ...hello,
    ['in', { ...request(1), fieldBlockFragment: Uint8Array.of(0xff, 0x20) } as Frame, request(3)],
    ['out', headers(3, STATUS)],
  ]);
  assert.is(told.verdicts.filter(({ code }) => code === 'hpack-lost').length, 1);
  const frames = told.events.filter(
    (event) => event.layer === 'http2' && event.kind === 'frame' && event.type === 'HEADERS',
  );
  assert.is(frames.length, 3);
});

test('behind a gap field blocks are decoded as far as what was missed does not matter', () => {
  const literal = (name: string, value: string): Uint8Array =>
    concat(Uint8Array.of(0x40, name.length), ascii(name), Uint8Array.of(value.length), ascii(value));
  const response = (id: number, ...parts: Uint8Array[]): Frame => ({
    type: 'HEADERS',
    streamId: id,
    endStream: true,
    endHeaders: true,
    fieldBlockFragment: concat(Uint8Array.of(0x88), ...parts),
  });
  const told = nothingTold();
  const conversation = createConversation({
    flow: 'a>b#0',
    midstream: false,
    keys: createKeyStore(),
    onExchange: (exchange) => void told.exchanges.push(exchange),
  });
  for (const [dir, ...frames] of [...hello, ['in', request(1), request(3), request(5), request(7)] as Step]) {
    conversation.push(dir, concat(...frames.map(bytesOf)), keepingSink(told));
  }
  conversation.push('out', bytesOf(response(1, literal('x-old', '1'))), keepingSink(told));
  const missed = bytesOf(response(3, literal('x-missed', '2')));
  conversation.gap('out', missed.length, keepingSink(told));
  // 62: the newest entry. 63: one that was missed.
  conversation.push('out', bytesOf(response(5, literal('x-new', '3'))), keepingSink(told));
  conversation.push('out', bytesOf(response(7, Uint8Array.of(0xbe, 0xbf))), keepingSink(told));
  for (const dir of ['in', 'out'] as const) conversation.end(dir, keepingSink(told));
  const answers = new Map(told.exchanges.map(({ streamId, response }) => [streamId, response?.headers]));
  assert.equal(answers.get(1), [['x-old', '1']]);
  assert.equal(answers.get(3), undefined);
  assert.equal(answers.get(5), [['x-new', '3']]);
  assert.equal(answers.get(7), [
    ['x-new', '3'],
    ['<unknown>', ''],
  ]);
  assert.equal(broken(told), []);
  assert.ok(told.verdicts.some(({ code }) => code === 'hpack-lost'));
});

test('behind a gap what is no frame is passed over to the next one', () => {
  const told = nothingTold();
  const conversation = createConversation({ flow: 'a>b#0', midstream: false, keys: createKeyStore() });
  for (const [dir, ...frames] of [...hello, ['in', request(1)] as Step]) {
    conversation.push(dir, concat(...frames.map(bytesOf)), keepingSink(told));
  }
  const frame = bytesOf(data(1, 2000, false));
  conversation.push('out', frame.subarray(0, 500), keepingSink(told));
  conversation.gap('out', 1500, keepingSink(told));
  conversation.push(
    'out',
    concat(
      frame.subarray(2000),
      Uint8Array.of(0xff, 0xff, 0xff, 9, 9),
      bytesOf({ type: 'PING', ack: true, opaqueData: new Uint8Array(8) }),
    ),
    keepingSink(told),
  );
  assert.equal(broken(told), []);
  assert.ok(told.verdicts.some(({ code }) => code === 'skipped'));
  assert.ok(told.events.some((event) => event.layer === 'http2' && event.kind === 'frame' && event.type === 'PING'));
});

test('unknown frame types and settings are shown and break no rule', () => {
  const told = run([
    ...hello,
    [
      'in',
      { type: 'UNKNOWN', typeCode: 0xbe, flags: 0xff, streamId: 9, payload: ascii('grease') },
      settings([0xfafa, 1]),
    ],
  ]);
  assert.equal(broken(told), []);
  const fields = told.layers.flatMap((layer) => layer.fields).map(({ name }) => name);
  assert.ok(fields.includes('http2.unknown') && fields.includes('http2.settings.unknown'));
});

test('a frame beyond the bound is told by its header, and read over', () => {
  const limits = streamLimits as { frameBytes: number };
  const { frameBytes } = limits;
  limits.frameBytes = 100;
  try {
    const told = run([
      ...hello,
      ['in', request(1)],
      ['out', headers(1, STATUS, false), data(1, 5000, false)],
      ['out', data(1, 10)],
    ]);
    assert.equal(broken(told), []);
    assert.is(told.exchanges[0]?.response?.contentLength, 5010);
    assert.is(told.exchanges[0]?.response?.complete, false);
  } finally {
    limits.frameBytes = frameBytes;
  }
});

test('streams, resets and blocks beyond their bounds are forgotten', () => {
  const limits = streamLimits as { streams: number; resets: number; fieldBlockBytes: number };
  const { streams, resets, fieldBlockBytes } = limits;
  Object.assign(limits, { streams: 3, resets: 2, fieldBlockBytes: 2000 });
  try {
    const opened = Array.from({ length: 6 }, (_, index) => headers(2 * index + 1, REQUEST, false));
    const many = run([...hello, ['in', ...opened]]);
    assert.is(many.exchanges.length, 6);
    const reset = opened.flatMap((frame): Frame[] => [
      frame,
      { type: 'RST_STREAM', streamId: (frame as { streamId: number }).streamId, errorCode: 8 },
    ]);
    assert.equal(broken(run([...hello, ['in', ...reset], ['out', headers(1, STATUS)]])), []);
    const parts = Array.from(
      { length: 8 },
      (): Frame => ({ type: 'CONTINUATION', streamId: 1, endHeaders: false, fieldBlockFragment: new Uint8Array(400) }),
    );
    const flood = run([...hello, ['in', { ...request(1), endHeaders: false } as Frame, ...parts]]);
    assert.ok(flood.verdicts.some(({ code, text }) => code === 'hpack-lost' && text.includes('too long')));
  } finally {
    Object.assign(limits, { streams, resets, fieldBlockBytes });
  }
});

test('of a flood of verdicts of one kind a bounded number is told', () => {
  const told = run([
    ...hello,
    ['in', ...Array.from({ length: 200 }, (): Frame => ({ type: 'WINDOW_UPDATE', streamId: 0, increment: 0 }))],
  ]);
  assert.is(told.verdicts.length, streamLimits.verdictsOfAKind);
  assert.ok(told.verdicts.at(-1)!.text.includes('more of these'));
});

test.run();
