// Captures that begin in the middle of a connection, or miss a part of it: read on where it makes sense again, and what is
// missing is said.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createConversation } from '../../../src/bench/inspect/conversation.js';
import { createKeyStore } from '../../../src/bench/inspect/keys.js';
import { Inspector } from '../../../src/bench/inspect/packets.js';
import { CLIENT_PREFACE } from '../../../src/core/http2/frame.js';
import type { Direction, TraceEvent } from '../../../src/core/trace.js';
import { concat } from '../../support/bytes.js';
import { tcpFrame } from '../../support/frames.js';
import {
  inspectStream,
  keepingSink,
  nothingTold,
  type Piece,
  recordedStreams,
  type Told,
} from '../../support/inspected.js';
import { type TapOptions, tapTls } from '../../support/tapped-tls.js';

const test = suite('gaps in inspected conversations');

type Step = readonly [dir: Direction, bytes: string | Uint8Array | number];

/** Numbers are gaps. */
function run(steps: readonly Step[], keyLog = '', midstream = false): Told {
  const told = nothingTold();
  const keys = createKeyStore();
  keys.add(keyLog);
  const conversation = createConversation({
    flow: 'a>b#0',
    midstream,
    keys,
    onExchange: (exchange) => void told.exchanges.push(exchange),
  });
  for (const [dir, bytes] of steps) {
    if (typeof bytes === 'number') conversation.gap(dir, bytes, keepingSink(told));
    else
      conversation.push(
        dir,
        typeof bytes === 'string' ? new Uint8Array(Buffer.from(bytes, 'latin1')) : bytes,
        keepingSink(told),
      );
  }
  for (const dir of ['in', 'out'] as const) conversation.end(dir, keepingSink(told));
  return told;
}

const codes = ({ verdicts }: Told): string[] => [...new Set(verdicts.map(({ code }) => code))];
const statuses = ({ exchanges }: Told): (number | undefined)[] => exchanges.map(({ response }) => response?.status);
const of = (events: readonly TraceEvent[], layer: string, kind: string): TraceEvent[] =>
  events.filter((event) => event.layer === layer && event.kind === kind);

const GET = 'GET /a HTTP/1.1\r\nhost: a\r\n\r\n';
const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n';

test('HTTP/2: an answer to a request that the capture lacks breaks no rule', () => {
  const SYN_ACK = 18;
  const PUSH = 24;
  const frame = (type: number, flags: number, stream: number, payload: readonly number[]): Uint8Array =>
    Uint8Array.of(0, 0, payload.length, type, flags, 0, 0, 0, stream, ...payload);
  const settings = frame(4, 0, 0, []);
  // :method GET, :scheme http, :path /, :authority h; :status 200.
  const request = frame(1, 5, 1, [0x82, 0x86, 0x84, 0x41, 1, 0x68]);
  const answer = frame(1, 5, 1, [0x88]);
  const hello = concat(CLIENT_PREFACE, settings);
  const behindHello = 1 + hello.length;
  const segment = (fromClient: boolean, seq: number, ack: number, flags: number, payload?: Uint8Array): Uint8Array => {
    const [source, destination] = fromClient ? ['10.0.0.1', '10.0.0.2'] : ['10.0.0.2', '10.0.0.1'];
    const [sourcePort, destinationPort] = fromClient ? [5000, 80] : [80, 5000];
    return tcpFrame({ source, destination, sourcePort, destinationPort, seq, ack, flags, window: 9000, payload });
  };
  const frames = (isLost: boolean): Uint8Array[] => [
    segment(true, 0, 0, 2),
    segment(false, 0, 1, SYN_ACK),
    segment(true, 1, 1, PUSH, hello),
    segment(false, 1, behindHello, PUSH, settings),
    ...(isLost ? [] : [segment(true, behindHello, 10, PUSH, request)]),
    segment(false, 10, behindHello + (isLost ? request.length : 0), PUSH, answer),
  ];
  const errors = (isLost: boolean, isAllLost = false): string[] => {
    const inspector = new Inspector({ keys: createKeyStore(), createConversation });
    const whole = segment(false, 1, behindHello + request.length, PUSH, concat(settings, answer));
    const kept = isAllLost ? [...frames(true).slice(0, 2), whole] : frames(isLost);
    const taken = kept.map((data, at) =>
      inspector.take({
        ...{ kind: 'packet', index: at + 1, timeNs: BigInt(at) * 1_000_000n, direction: undefined, linkType: 101 },
        ...{ data, originalLength: data.length, fileOffset: 0 },
      }),
    );
    return taken.flatMap((packet) =>
      packet!.verdicts.filter(({ severity }) => severity === 'error').map(({ code }) => code),
    );
  };
  assert.equal(errors(false), []);
  assert.equal(errors(true), []);
  assert.equal(errors(true, true), [], 'of the client nothing at all');
});

test('HTTP/2: a client whose first bytes are missing has no bad preface, whoever shows what is spoken', () => {
  const frame = (type: number, flags: number, stream: number, payload: readonly number[]): Uint8Array =>
    Uint8Array.of(0, 0, payload.length, type, flags, 0, 0, 0, stream, ...payload);
  const told = run([
    ['in', 33],
    ['in', frame(1, 5, 1, [0x82, 0x86, 0x84, 0x41, 1, 0x68]).subarray(0, 12)],
    ['out', concat(frame(4, 0, 0, []), frame(1, 5, 1, [0x88]))],
  ]);
  assert.equal(
    told.verdicts.filter(({ severity }) => severity === 'error').map(({ code }) => code),
    [],
  );
  assert.ok(of(told.events, 'http2', 'headers').length > 0);
});

test('HTTP/2 in TLS: an answer to a request in a record that is not whole breaks no rule', async () => {
  const hello = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0';
  const request = '\0\0\x06\x01\x05\0\0\0\x01\x82\x86\x84A\x01h';
  const h2: TapOptions = {
    client: { ALPNProtocols: ['h2'], maxVersion: 'TLSv1.2' },
    server: { ALPNProtocols: ['h2'] },
    send: [hello, request],
    answer: (text) => (text === request ? '\0\0\x01\x01\x05\0\0\0\x01\x88' : '\0\0\0\x04\0\0\0\0\0'),
  };
  const { pieces, keyLog } = await tapTls(h2);
  const at = pieces.findLastIndex(({ dir, bytes }) => dir === 'in' && bytes![0] === 23);
  const steps = pieces.flatMap(({ dir, bytes }, place): Step[] =>
    place === at
      ? [
          [dir, bytes!.subarray(0, 20)],
          [dir, bytes!.length - 20],
        ]
      : bytes === undefined
        ? []
        : [[dir, bytes]],
  );
  const told = run(steps, keyLog);
  assert.ok(codes(told).includes('incomplete-record'), codes(told).join());
  assert.equal(
    told.verdicts.filter(({ severity }) => severity === 'error').map(({ code }) => code),
    [],
  );
});

test('HTTP/1.1: a gap within counted content leaves all else as it is', () => {
  const told = run([
    ['in', GET],
    ['out', `${OK}${'x'.repeat(40)}`],
    ['out', 50],
    ['out', `${'x'.repeat(10)}`],
    ['in', GET],
    ['out', `${OK}${'y'.repeat(100)}`],
  ]);
  assert.equal(statuses(told), [200, 200]);
  assert.equal(
    told.exchanges.map(({ response }) => response?.complete),
    [false, true],
  );
  assert.equal(
    told.exchanges.map(({ response }) => response?.contentLength),
    [100, 100],
  );
  assert.is(told.exchanges[0]!.response!.content.length, 40, 'what is kept is a prefix');
  assert.equal(codes(told), ['incomplete-message']);
  assert.is(told.verdicts[0]!.text, "50 bytes of the server's message are missing");
});

test('HTTP/1.1: a gap over the end of a message: the next one is found', () => {
  const told = run([
    ['in', GET],
    ['out', `${OK}${'x'.repeat(40)}`],
    ['out', 120],
    ['out', `est of a header\r\n\r\n${'z'.repeat(9)}`],
    ['in', GET],
    ['out', `\r\n${OK}${'y'.repeat(100)}`],
  ]);
  assert.ok(codes(told).includes('message-lost') && codes(told).includes('skipped'), codes(told).join());
  assert.is(told.exchanges.at(-1)?.response?.complete, true);
});

test('HTTP/1.1 begun in the middle: the first whole message is found in either direction', () => {
  const told = run(
    [
      ['out', 'rest of content\nHTTP/1.1 204 No Content\r\n\r\n'],
      ['in', `nt: tail\r\n\r\n${GET}`],
      ['out', `${OK}${'y'.repeat(100)}`],
    ],
    '',
    true,
  );
  assert.equal(statuses(told), [200]);
  assert.is(of(told.events, 'http1', 'response').length, 2);
  assert.ok(codes(told).includes('response-alone'));
});

test('HTTP/2 in clear: a gap within DATA is passed over, one over header frames loses HPACK and is said', async () => {
  const { streams } = await recordedStreams('fixtures/captures/h2c-ranges.pcapng');
  const [stream] = streams;
  const all = inspectStream(stream!, '');
  assert.ok(of(all.events, 'http2', 'frame').length > 8);
  for (let missing = 2; missing < stream!.pieces.length; missing++) {
    const { dir, bytes } = stream!.pieces[missing]!;
    if (bytes === undefined) continue;
    const steps = stream!.pieces
      .filter(({ bytes }) => bytes !== undefined)
      .map((piece): Step => [piece.dir, piece === stream!.pieces[missing] ? piece.bytes!.length : piece.bytes!]);
    const told = run(steps);
    const frames = (events: readonly TraceEvent[]): string[] =>
      of(events, 'http2', 'frame').map((event) => JSON.stringify(event));
    const known = new Set(frames(all.events));
    for (const frame of frames(told.events)) assert.ok(known.has(frame) || frame.includes('"length"'), frame);
    assert.ok(
      told.verdicts.every(({ severity }) => severity !== 'error'),
      `${missing} ${dir}: ${JSON.stringify(told.verdicts)}`,
    );
    assert.ok(
      codes(told).some((code) => ['hpack-lost', 'incomplete-frame', 'skipped'].includes(code)),
      `${missing} ${dir}`,
    );
  }
});

const BODY = 'b'.repeat(6000);
const long: TapOptions = {
  send: Array.from({ length: 6 }, (_, index) => `GET /${index} HTTP/1.1\r\nhost: a\r\n\r\n`),
  answer: () => `HTTP/1.1 200 OK\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`,
};

for (const client of [
  {},
  { maxVersion: 'TLSv1.2' },
  { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-SHA' },
] as const) {
  const name = JSON.stringify(client);

  test(`TLS: records that are missing are counted, and the next ones opened ${name}`, async () => {
    const { pieces, keyLog } = await tapTls({ ...long, client });
    const data = pieces.filter(({ dir, bytes }) => dir === 'out' && bytes![0] === 23 && bytes!.length > 5000);
    assert.ok(data.length >= 5);
    const [, second, third] = data;
    const steps = pieces.map(
      (piece): Step => [piece.dir, piece === second || piece === third ? piece.bytes!.length : piece.bytes!],
    );
    const told = run(steps, keyLog);
    assert.ok(
      told.verdicts.every(({ severity }) => severity !== 'error'),
      JSON.stringify(told.verdicts),
    );
    const complete = told.exchanges.filter(({ response }) => response?.complete);
    assert.ok(complete.length >= 3, `${complete.length} complete`);
    assert.is(told.exchanges.at(-1)?.request.target, '/5');
    assert.is(told.exchanges.at(-1)?.response?.complete, true);
  });

  test(`TLS: a hole in one record costs that record only ${name}`, async () => {
    const { pieces, keyLog } = await tapTls({ ...long, client });
    const holed = pieces.filter(({ dir, bytes }) => dir === 'out' && bytes![0] === 23 && bytes!.length > 5000)[2]!;
    const steps = pieces.flatMap((piece): Step[] => {
      if (piece !== holed) return [[piece.dir, piece.bytes!]];
      const { bytes } = piece;
      return [
        ['out', bytes!.slice(0, 1000)],
        ['out', 1500],
        ['out', bytes!.slice(2500)],
      ];
    });
    const told = run(steps, keyLog);
    assert.ok(codes(told).includes('incomplete-record'), codes(told).join());
    assert.is(told.exchanges.filter(({ response }) => response?.complete).length, 5);
  });
}

test('TLS 1.3 begun in the middle: the secrets of the log are tried', async () => {
  const { pieces, keyLog } = await tapTls(long);
  const from = pieces.findIndex(({ dir, bytes }, index) => index > 5 && dir === 'in' && bytes![0] === 23);
  const rest: Piece[] = pieces.slice(from);
  const told = run(
    rest.map((piece): Step => [piece.dir, piece.bytes!]),
    keyLog,
    true,
  );
  const answered = told.exchanges.filter(({ response }) => response?.complete);
  assert.ok(answered.length >= 3, `${answered.length}`);
  assert.is(answered.at(-1)?.request.target, '/5');
  assert.is(answered[0]?.tls?.cipherSuite, 'TLS_AES_256_GCM_SHA384');
  // Without them it is said what is missing, and records are shown.
  const locked = run(
    rest.map((piece): Step => [piece.dir, piece.bytes!]),
    '',
    true,
  );
  assert.equal(codes(locked), ['no-handshake']);
  assert.ok(of(locked.events, 'tls', 'record').length >= rest.length);
});

test('a gap at the very beginning of a direction', () => {
  const told = run([
    ['in', 20],
    ['in', `tail\r\n\r\n${GET}`],
    ['out', `${OK}${'y'.repeat(100)}`],
  ]);
  assert.equal(statuses(told), [200]);
});

test.run();
