// Comparing captures by what was said: packets made by hand for each rule, and real captures for the whole.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Collector } from '../../../src/bench/diff/collect.js';
import { collectCapture, compareCaptures, type DiffResult } from '../../../src/bench/diff/diff.js';
import { FieldPool } from '../../../src/bench/diff/field-pool.js';
import { diffLimits } from '../../../src/bench/diff/limits.js';
import { FieldChoice } from '../../../src/bench/diff/names.js';
import type { DiffLevel } from '../../../src/bench/diff/unit.js';
import { Content, type DiffField } from '../../../src/bench/diff/unit.js';
import { createKeyStore } from '../../../src/bench/inspect/keys.js';
import type {
  InspectedField,
  InspectedLayer,
  InspectedPacket,
  RecordedExchange,
} from '../../../src/bench/inspect/types.js';
import { projectRoot } from '../../support/live.js';

const test = suite('diff');

type Value = InspectedField['value'];
const layer = (name: InspectedLayer['name'], ...fields: [string, Value, string?][]): InspectedLayer => ({
  name,
  fields: fields.map(([field, value, text]) =>
    text === undefined ? { name: field, value } : { name: field, value, text },
  ),
});

/** A capture of one or more connections; each call of `say` is a packet. */
class Made {
  readonly packets: InspectedPacket[] = [];

  say(dir: 'in' | 'out', layers: readonly InspectedLayer[], client = '10.0.0.1:5000', server = '10.0.0.2:443'): this {
    const number = this.packets.length + 1;
    const [from, to] = dir === 'in' ? [client, server] : [server, client];
    const [source, port] = from!.split(':');
    const below = [
      layer('ip', ['ip.src', source!], ['ip.dst', to!.split(':')[0]!], ['ip.id', number * 7], ['ip.checksum', number]),
      layer('tcp', ['tcp.srcport', Number(port)], ['tcp.len', 10], ['tcp.flags.ack', true]),
    ];
    this.packets.push({
      number,
      timeNs: undefined,
      atUs: number * 1000,
      linkType: 101,
      bytes: new Uint8Array(0),
      originalLength: 0,
      fileOffset: 0,
      flow: `${client}>${server}#0`,
      layers: [...below, ...layers],
      events: [],
      verdicts: [],
    });
    return this;
  }
}

const TYPES = [
  'DATA',
  'HEADERS',
  'PRIORITY',
  'RST_STREAM',
  'SETTINGS',
  'PUSH_PROMISE',
  'PING',
  'GOAWAY',
  'WINDOW_UPDATE',
];

function frame(type: string, streamId: number, ...fields: [string, Value, string?][]): InspectedLayer {
  const code = TYPES.indexOf(type);
  return layer(
    'http2',
    ['http2.stream', ''],
    ['http2.length', 9],
    ['http2.type', code, type],
    ['http2.streamid', streamId],
    ...fields,
  );
}

const list = (headers: Record<string, string>): [string, Value][] =>
  Object.entries(headers).flatMap(([name, value]): [string, Value][] => [
    ['http2.header.name', name],
    ['http2.header.value', value],
  ]);
const headers = (streamId: number, of: Record<string, string>): InspectedLayer =>
  frame('HEADERS', streamId, ...list(of));
const get = (streamId: number, path: string): InspectedLayer => headers(streamId, { ':method': 'GET', ':path': path });
const data = (streamId: number, text: string, last = false): InspectedLayer =>
  frame('DATA', streamId, ['http2.flags.end_stream', last], ['http2.data.data', new TextEncoder().encode(text)]);

function compare(a: Made, b: Made, level: DiffLevel = 'stream', ignore: string[] = []): DiffResult {
  const options = { level, ignore };
  const collect = (made: Made) => {
    const collector = new Collector(level, new FieldChoice(level, ignore));
    for (const packet of made.packets) collector.packet(packet);
    return collector.finish();
  };
  return compareCaptures(collect(a), collect(b), options);
}

const shown = ({ entries }: DiffResult): string[] =>
  entries.map(({ field, a, b, lane }) => `${lane}: ${field} ${a} | ${b}`);

function exchange(made: Made, streamId: number, path: string, more: Record<string, string> = {}): Made {
  return made
    .say('in', [get(streamId, path)])
    .say('out', [headers(streamId, { ':status': '200', server: 'one', ...more }), data(streamId, `of ${path}`, true)]);
}

test('header fields are compared whatever their names end in', () => {
  const names = ['content-length', 'x-queue-length', 'x_len', 'count', 'checksum', 'time'];
  for (const name of names) {
    const http2 = (value: string): Made =>
      new Made().say('in', [get(1, '/')]).say('out', [headers(1, { ':status': '200', [name]: value })]);
    const field = name.replaceAll('-', '_');
    assert.equal(shown(compare(http2('7'), http2('8'))), [`stream 1 (GET /): http2.headers.${field} "7" | "8"`]);
    const http1 = (value: string): Made => {
      const line = `${name}: ${value}\r\n`;
      return new Made()
        .say('in', [layer('http', ['http.request.method', 'GET'], ['http.request.uri', '/'])])
        .say('out', [layer('http', ['http.response.code', 200], ['http.response.line', line])]);
    };
    assert.equal(shown(compare(http1('7'), http1('8'))), [`request 1 (GET /): http.${field} "7" | "8"`]);
    const choice = new FieldChoice('http', []);
    for (const place of ['request.header', 'response.header', 'response.trailer']) {
      assert.is(choice.of(`http.${place}.${field}`), 'compare', `${place} ${name}`);
    }
  }
});

test('the same frames: nothing, whatever the packets are like', () => {
  const made = () => exchange(exchange(new Made(), 1, '/a'), 3, '/b');
  assert.is(compare(made(), made()).count, 0);
  const result = compare(made(), made(), 'packet');
  assert.is(result.count, 0);
  assert.is(result.conversations, 1);
});

test('a header field that differs is named with its frame, its packet and its RFC section', () => {
  const result = compare(
    exchange(new Made(), 1, '/a'),
    exchange(new Made(), 1, '/a', { server: 'two', 'x-more': '1' }),
  );
  assert.equal(shown(result), [
    'stream 1 (GET /a): http2.headers.server "one" | "two"',
    'stream 1 (GET /a): http2.headers.x_more absent | "1"',
  ]);
  const [entry] = result.entries;
  assert.is(entry!.section, 'RFC 9113 §8.2');
  assert.is(entry!.placeA!.packet, 2);
  assert.is(entry!.placeB!.packet, 2);
  assert.is(entry!.from, 'server');
  assert.is(entry!.layer, 'http2');
});

test('a request more is one difference, though the streams behind it have other numbers', () => {
  const a = exchange(exchange(new Made(), 1, '/a'), 3, '/b');
  const b = exchange(exchange(exchange(new Made(), 1, '/a'), 3, '/new'), 5, '/b');
  assert.equal(shown(compare(a, b)), ['stream 3 (GET /new): http2.type absent | HEADERS (GET /new)']);
  assert.equal(shown(compare(b, a)), ['stream 3 (GET /new): http2.type HEADERS (GET /new) | absent']);
});

test('a frame more is one difference', () => {
  const settings = (value: number) =>
    frame('SETTINGS', 0, ['http2.settings.id', 3], ['http2.settings.max_concurrent_streams', value]);
  const ping = frame('PING', 0, ['http2.ping', Uint8Array.of(1, 2, 3)]);
  const a = new Made().say('out', [settings(100)]).say('out', [settings(200)]);
  const b = new Made()
    .say('out', [settings(100)])
    .say('out', [ping])
    .say('out', [settings(200)]);
  assert.equal(shown(compare(a, b)), ['http2: http2.type absent | PING']);
});

test('where content is cut into frames follows the timing; what it is does not', () => {
  const a = new Made().say('in', [get(1, '/')]).say('out', [data(1, 'hello '), data(1, 'world', true)]);
  const b = new Made()
    .say('in', [get(1, '/')])
    .say('out', [data(1, 'hel')])
    .say('out', [data(1, 'lo world', true)]);
  assert.is(compare(a, b).count, 0);
  const other = new Made().say('in', [get(1, '/')]).say('out', [data(1, 'hello wOrld', true)]);
  assert.equal(shown(compare(a, other)), [
    'stream 1 (GET /): http2.data.data "hello world" at byte 0 of 11 | "hello wOrld" at byte 0 of 11',
  ]);
  assert.ok(compare(a, b, 'packet').count > 0);
});

test('streams of one connection may interleave as they like', () => {
  const a = new Made().say('in', [get(1, '/a'), get(3, '/b')]).say('out', [data(1, 'a', true), data(3, 'b', true)]);
  const b = new Made().say('in', [get(1, '/a'), get(3, '/b')]).say('out', [data(3, 'b', true), data(1, 'a', true)]);
  assert.is(compare(a, b).count, 0);
});

test('a list tells what it lacks, and another order', () => {
  const hello = (...suites: number[]) =>
    layer(
      'tls',
      ['tls.record.version', 0x301],
      ['tls.handshake', ''],
      ['tls.handshake.type', 1, 'ClientHello'],
      ['tls.handshake.random', Uint8Array.of(suites.length)],
      ...suites.map((suite): [string, Value, string] => ['tls.handshake.ciphersuite', suite, `S${suite}`]),
    );
  const capture = (...suites: number[]) => new Made().say('in', [hello(...suites)]);
  assert.equal(shown(compare(capture(1, 2, 3), capture(1, 3))), ['tls: tls.handshake.ciphersuite 2 (S2) | absent']);
  assert.equal(shown(compare(capture(1, 2, 3), capture(1, 4, 3))), ['tls: tls.handshake.ciphersuite 2 (S2) | 4 (S4)']);
  assert.equal(shown(compare(capture(1, 2), capture(2, 1))), [
    'tls: tls.handshake.ciphersuite in this order: 1 (S1), 2 (S2) | 2 (S2), 1 (S1)',
  ]);
  // RFC 8701: one value of GREASE is as good as another.
  assert.is(compare(capture(0x1a1a, 1), capture(0xdada, 1)).count, 0);
  // What is random is compared at level packet.
  assert.is(compare(capture(1, 2), capture(1, 2), 'packet').count, 0);
  assert.ok(
    shown(compare(capture(1, 2, 3), capture(1, 3), 'packet')).some((line) => line.includes('tls.handshake.random')),
  );
});

test('ignored names go with all below them', () => {
  const a = exchange(new Made(), 1, '/a');
  const b = exchange(new Made(), 1, '/a', { server: 'two', 'x-more': '1' });
  assert.equal(shown(compare(a, b, 'stream', ['http2.headers.server'])), [
    'stream 1 (GET /a): http2.headers.x_more absent | "1"',
  ]);
  assert.is(compare(a, b, 'stream', ['http2.headers']).count, 0);
  assert.is(compare(a, b, 'stream', ['http2.headers.s*', 'http2.headers.x_*']).count, 0);
  assert.is(compare(a, b, 'stream', ['http2.headers.serv']).count, 2);
  const choice = new FieldChoice('packet', ['tcp.options.timestamps']);
  assert.is(choice.of('tcp.options.timestamp.tsval'), 'ignore');
});

test('at level packet checksums and lengths are told only where nothing else explains them', () => {
  const a = new Made().say('in', []);
  const b = new Made().say('in', []).say('in', []);
  b.packets.shift();
  assert.equal(
    compare(a, b, 'packet').entries.map(({ field }) => field),
    ['ip.id'],
  );
  assert.equal(
    compare(a, b, 'packet', ['ip.id']).entries.map(({ field }) => field),
    ['ip.checksum'],
  );
});

test('conversations are matched by what was asked of whom, not by their place', () => {
  const made = (...order: [client: string, path: string][]): Made => {
    const capture = new Made();
    for (const [client, path] of order) {
      capture.say('in', [get(1, path)], client).say('out', [data(1, `of ${path}`, true)], client);
    }
    return capture;
  };
  const a = made(['10.0.0.1:1', '/a'], ['10.0.0.1:2', '/b'], ['10.0.0.1:3', '/c']);
  const b = made(['10.0.0.1:7', '/c'], ['10.0.0.1:8', '/a'], ['10.0.0.1:9', '/b']);
  assert.is(compare(a, b).count, 0);
  assert.is(compare(a, b).conversations, 3);
  const result = compare(a, made(['10.0.0.1:8', '/a'], ['10.0.0.1:9', '/b']));
  assert.equal(shown(result), [': conversation 10.0.0.1:3>10.0.0.2:443#0 (GET /c) | absent']);
});

test('groups count, and have the first of each', () => {
  const a = exchange(exchange(new Made(), 1, '/a'), 3, '/b');
  const b = exchange(exchange(new Made(), 1, '/a', { server: 'x' }), 3, '/b', { server: 'x' });
  const { groups, count } = compare(a, b);
  assert.is(count, 2);
  assert.equal(
    groups.map(({ field, count, first }) => [field, count, first.placeA?.packet]),
    [['http2.headers.server', 2, 2]],
  );
});

test('at level http an exchange over HTTP/1.1 is compared with one over HTTP/2', () => {
  const made = (protocol: 'h2' | 'http/1.1', status: number, date: string): RecordedExchange => {
    const message = { trailers: [], content: Uint8Array.of(1), contentLength: 1, complete: true };
    const connection: [string, string][] = protocol === 'h2' ? [] : [['connection', 'close']];
    return {
      flow: 'f',
      packet: 1,
      protocol,
      secure: true,
      request: { ...message, method: 'GET', target: '/', authority: 'a', headers: connection },
      response: { ...message, status, headers: [['date', date], ...connection] },
    };
  };
  const of = (one: RecordedExchange) => {
    const collector = new Collector('http', new FieldChoice('http', []));
    collector.onExchange(one);
    return collector.finish();
  };
  const options = { level: 'http', ignore: [] } as const;
  assert.is(compareCaptures(of(made('h2', 200, 'x')), of(made('http/1.1', 200, 'y')), options).count, 0);
  const result = compareCaptures(of(made('h2', 200, 'x')), of(made('http/1.1', 404, 'y')), options);
  assert.equal(shown(result), ['request 1 (GET /): http.response.code 200 | 404']);
});

test('a capture that was too large says nothing of what the other has at its end', () => {
  const full = (made: Made, fullAtPacket: number | undefined) => {
    const collector = new Collector('stream', new FieldChoice('stream', []));
    for (const packet of made.packets) collector.packet(packet);
    return { ...collector.finish(), fullAtPacket, cut: fullAtPacket === undefined ? undefined : ('units' as const) };
  };
  const ping = frame('PING', 0);
  const a = full(new Made().say('in', [ping]), 2);
  const b = full(new Made().say('in', [ping]).say('in', [ping]), undefined);
  const result = compareCaptures(a, b, { level: 'stream', ignore: [] });
  assert.is(result.count, 0);
  assert.is(result.notCompared, 1);
  assert.is(compareCaptures(b, a, { level: 'stream', ignore: [] }).count, 0);
});

test('a capture of more connections than are kept is compared in part, and says which bound it was', () => {
  const collector = new Collector('stream', new FieldChoice('stream', []));
  const packets: InspectedPacket[] = [];
  const [shape] = new Made().say('in', [frame('PING', 0)]).packets;
  for (let i = 0; i <= diffLimits.conversations; i++) {
    packets.push({ ...shape!, number: i + 1, flow: `10.0.0.1:5000>10.0.0.2:443#${i}` });
  }
  for (const packet of packets) collector.packet(packet);
  const full = collector.finish();
  assert.equal([full.cut, full.fullAtPacket], ['conversations', diffLimits.conversations + 1]);
  assert.is(full.conversations.length, diffLimits.conversations);
  const result = compareCaptures(full, full, { level: 'stream', ignore: [] });
  assert.equal([result.count, result.complete, result.a.cut], [0, false, 'conversations']);
});

test('requests of one connection and units have bounds that are told apart', () => {
  const filled = (count: number, frameOf: (i: number) => InspectedLayer) => {
    const collector = new Collector('stream', new FieldChoice('stream', []));
    const [shape] = new Made().say('in', []).packets;
    for (let i = 1; i <= count; i++) {
      collector.packet({ ...shape!, number: i, layers: [...shape!.layers, frameOf(i)] });
    }
    const { cut, fullAtPacket } = collector.finish();
    return [cut, fullAtPacket];
  };
  const { lanes, units } = diffLimits;
  assert.equal(
    filled(lanes + 1, (i) => frame('RST_STREAM', i)),
    ['requests', lanes + 1],
  );
  assert.equal(
    filled(lanes, (i) => frame('RST_STREAM', i)),
    [undefined, undefined],
  );
  const ping = frame('PING', 0);
  assert.equal(
    filled(units + 1, () => ping),
    ['units', units + 1],
  );
});

test('content that is longer than what is kept of it is not all that was compared', () => {
  const content = new Uint8Array(100);
  const message = { headers: [], trailers: [], content, contentLength: 101, complete: true };
  const collector = new Collector('http', new FieldChoice('http', []));
  collector.onExchange({
    ...{ flow: 'f', packet: 1, protocol: 'http/1.1', secure: false },
    request: { ...message, contentLength: 100, method: 'GET', target: '/', authority: 'a' },
    response: { ...message, status: 200 },
  });
  const read = collector.finish();
  assert.is(read.longContents, 1);
  assert.not(compareCaptures(read, read, { level: 'http', ignore: [] }).complete);
});

test('streams beyond the bound are not passed over in silence', () => {
  const limits = diffLimits as { lanes: number };
  const { lanes } = limits;
  limits.lanes = 2;
  try {
    const made = (last: string) => exchange(exchange(exchange(new Made(), 1, '/a'), 3, '/b'), 5, last);
    const result = compare(made('/c'), made('/d'));
    assert.is(result.count, 0);
    assert.is(result.a.fullAtPacket, 5);
    assert.is(result.b.fullAtPacket, 5);
  } finally {
    limits.lanes = lanes;
  }
});

/** Packets of two captures of answers that each have a field of 64 KiB, until the bound is met. */
function fullWithLongFields(textOf: (packet: number) => string): (number | undefined)[] {
  const message = { trailers: [], content: new Uint8Array(0), contentLength: 0, complete: true };
  const request = { ...message, method: 'GET', target: '/', authority: 'a' };
  const pool = new FieldPool();
  return [1, 2].map(() => {
    const collector = new Collector('http', new FieldChoice('http', []), pool);
    for (let packet = 1; packet <= 5_000; packet++) {
      const headers: [string, string][] = [['x', textOf(packet).padEnd(64 * 1024, 'y')]];
      const response = { ...message, status: 200, headers };
      const exchange = {
        flow: 'f',
        packet,
        protocol: 'h2',
        secure: true,
        request: { ...request, headers: [] },
        response,
      };
      collector.onExchange(exchange as RecordedExchange);
    }
    return collector.finish().fullAtPacket;
  });
}

test('at level http header fields count as what is kept, too', () => {
  const [full] = fullWithLongFields((packet) => `${packet} `);
  assert.ok(full !== undefined && full * 64 * 1024 <= 2 * diffLimits.bytes, `${full}`);
});

test('what is the same in both captures, or comes again in one, is kept and counted once', () => {
  assert.equal(
    fullWithLongFields(() => ''),
    [undefined, undefined],
  );
});

test('a field is kept in place of another only when its value, its type and its text are the same', () => {
  const pool = new FieldPool();
  const content = (text: string): Content => Content.of(Buffer.from(text));
  const same: DiffField[] = [
    { name: 'n', value: 1 },
    { name: 'n', value: '1' },
    { name: 'n', value: 1n },
    { name: 'n', value: true },
    { name: 'n', value: 2, text: 'two' },
    { name: 'n', value: 2, text: 'deux' },
    { name: 'm', value: 1 },
    { name: 'n', value: content('1') },
    { name: 'n', value: content('1').digest },
  ];
  const once = same.map((field) => ({ ...field }));
  const again = same.map((field) => ({ ...field }));
  assert.ok(pool.share(once) > 64 * same.length);
  assert.equal(once, same);
  const left = pool.share(again);
  assert.equal(again, same);
  // Of one value with two texts the first is kept, and of content and its digest as a text the content.
  assert.equal(
    again.map((field, at) => field === once[at]),
    [true, true, true, true, true, false, true, true, false],
  );
  assert.is(left, 64 + 64 + 64);
});

const capture = (name: string): string => `${projectRoot}/fixtures/${name}`;

for (const level of ['packet', 'stream', 'http'] as const) {
  test(`real captures: one is the same as itself at level ${level}`, async () => {
    for (const name of [
      'captures/h2-three.pcapng',
      'foreign/nginx-h2-tls13.pcapng',
      'foreign/node-h1-chunked.pcapng',
    ]) {
      const options = { level, ignore: [] };
      const [a, b] = [
        await collectCapture(capture(name), createKeyStore(), options),
        await collectCapture(capture(name), createKeyStore(), options),
      ];
      const result = compareCaptures(a, b, options);
      assert.is(result.count, 0, name);
      assert.ok(result.units > 0, name);
    }
  });
}

test('real captures: two requests more are two differences', async () => {
  const options = { level: 'stream', ignore: ['http2.data'] } as const;
  const a = await collectCapture(capture('captures/h2.pcapng'), createKeyStore(), options);
  const b = await collectCapture(capture('captures/h2-three.pcapng'), createKeyStore(), options);
  assert.equal(shown(compareCaptures(a, b, options)), [
    'stream 3 (GET /headers): http2.type absent | HEADERS (GET /headers)',
    'stream 5 (GET /bytes/2000): http2.type absent | HEADERS (GET /bytes/2000)',
  ]);
});

test.run();
