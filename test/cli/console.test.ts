// The console log, line by line: levels, colour, layers, flows, times, and nothing said twice.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type ConsoleOptions, createConsoleRenderer, wrapped } from '../../src/cli/console.js';
import type { Layer, TraceEvent } from '../../src/core/trace.js';
import { FLOW, ipPacket, SYN, segment } from './events.js';
import { SAMPLES } from './samples.js';

type Timed = readonly [atUs: number, event: TraceEvent];

function render(events: readonly (TraceEvent | Timed)[], options: Partial<ConsoleOptions> = {}): string[] {
  let text = '';
  const show = createConsoleRenderer({
    color: false,
    verbose: false,
    debug: false,
    write: (part) => {
      text += part;
    },
    ...options,
  });
  for (const item of events) {
    if ('layer' in item) show(0, item);
    else show(item[0], item[1]);
  }
  show.end();
  show.end();
  if (text === '') return [];
  assert.is(text.at(-1), '\n');
  return text.slice(0, -1).split('\n');
}

/** The lines without the time column that verbose and debug put in front. */
function withoutTime(lines: readonly string[]): string[] {
  return lines.map((line) => {
    const column = line.slice(0, 10);
    assert.ok(column === '+0.000000 ' || column === ' '.repeat(10), line);
    return line.slice(10);
  });
}

for (const { event, normal, verbose, debug } of SAMPLES) {
  const name = `${event.layer}.${event.kind}`;
  const normalLines = normal === undefined ? [] : [normal];
  const verboseLines = verbose ?? normalLines;
  test(`${name}: ${(normalLines[0] ?? debug?.[0] ?? verboseLines[0] ?? '').trim()}`, () => {
    assert.equal(render([event]), normalLines);
    assert.equal(withoutTime(render([event], { verbose: true })), verboseLines);
    assert.equal(withoutTime(render([event], { debug: true })), debug ?? verboseLines);
  });
}

test('with colour a line has its indent, its layer colour and a reset at its end', () => {
  for (const { event } of SAMPLES) {
    const plain = render([event], { debug: true });
    const colored = render([event], { debug: true, color: true });
    for (const line of colored) assert.match(line, /^[+0-9. ]*\x1b\[[0-9;]+m.*\x1b\[0m$/);
    assert.equal(
      colored.map((line) => line.replace(/\x1b\[[0-9;]*m/g, '')),
      plain,
    );
  }
});

test('colours: the layer, yellow for warnings, red for errors', () => {
  const code = (event: TraceEvent): string => /\x1b\[([0-9;]+)m/.exec(render([event], { color: true })[0]!)![1]!;
  assert.is(code(ipPacket('in', 60)), '36');
  assert.is(code(segment('in', SYN)), '34');
  assert.is(code({ layer: 'tls', kind: 'change_cipher_spec', flow: FLOW, dir: 'in' }), '38;5;214');
  assert.is(code({ layer: 'http2', kind: 'preface', flow: FLOW, dir: 'in' }), '95');
  assert.is(code({ layer: 'icmp', kind: 'drop', severity: 'warning', reason: 'x' }), '33');
  assert.is(code({ layer: 'tcp', kind: 'abort', severity: 'error', flow: FLOW, reason: 'x' }), '31');
});

test('a line in colour, exactly', () => {
  assert.equal(render([{ layer: 'tcp', kind: 'state', flow: FLOW, from: 'LAST-ACK', to: 'CLOSED' }], { color: true }), [
    '  \x1b[34m[TCP] [STATE] LAST-ACK -> CLOSED\x1b[39m\x1b[0m',
  ]);
});

test('--layers shows these layers only', () => {
  const events = SAMPLES.map(({ event }) => event);
  const only = (layer: Layer): string[] => render(events, { layers: new Set([layer]) });
  assert.ok(only('ip').every((line) => line.startsWith('[IP]')) && only('ip').length === 6);
  assert.ok(only('icmp').every((line) => line.startsWith('  [ICMP]')) && only('icmp').length === 5);
  assert.ok(only('tcp').every((line) => line.startsWith('  [TCP]')) && only('tcp').length === 9);
  assert.ok(only('tls').every((line) => line.startsWith('    [TLS]')) && only('tls').length === 13);
  assert.ok(only('http1').every((line) => line.startsWith('      [HTTP]')) && only('http1').length === 4);
  assert.ok(only('http2').every((line) => line.startsWith('      [H2]')) && only('http2').length === 12);
  assert.ok(only('http').every((line) => line.startsWith('      [HTTP]')) && only('http').length === 4);
  assert.equal(render(events, { layers: new Set() }), []);
});

test('a request is told once: the http layer speaks where no wire format does', () => {
  const wire: TraceEvent = {
    layer: 'http1',
    kind: 'response',
    flow: FLOW,
    dir: 'out',
    status: 200,
    reason: 'OK',
    headers: [],
  };
  const meaning: TraceEvent = {
    layer: 'http',
    kind: 'response',
    flow: FLOW,
    dir: 'out',
    status: 200,
    method: 'GET',
    path: '/',
  };
  assert.equal(render([wire, meaning]), ['      [HTTP] SND 200 OK']);
  assert.equal(withoutTime(render([wire, meaning], { verbose: true })), ['      [HTTP] SND 200 OK']);
  assert.equal(withoutTime(render([wire, meaning], { debug: true })), [
    '      [HTTP] SND 200 OK',
    '      [HTTP] GET / -> 200',
  ]);
  assert.equal(render([meaning]), ['      [HTTP] GET / -> 200']);
  assert.equal(render([wire, meaning], { layers: new Set<Layer>(['tcp', 'http']) }), ['      [HTTP] GET / -> 200']);
});

test('times are logical, in seconds and microseconds, or Unix time when the start is known', () => {
  const event: TraceEvent = { layer: 'icmp', kind: 'drop', severity: 'warning', reason: 'x' };
  assert.equal(render([[3211, event]], { verbose: true }), ['+0.003211   [ICMP] [WARN] dropped: x']);
  assert.equal(render([[12_000_001, event]], { debug: true }), ['+12.000001   [ICMP] [WARN] dropped: x']);
  assert.equal(render([[3211, event]], { debug: true, startUnixUs: 1_700_000_000_000_000 }), [
    '1700000000.003211   [ICMP] [WARN] dropped: x',
  ]);
  assert.equal(render([[3211, event]]), ['  [ICMP] [WARN] dropped: x']);
});

test('a line names its flow where the log turns to another one', () => {
  const state = (flow: string): TraceEvent => ({
    layer: 'tcp',
    kind: 'state',
    flow,
    from: 'CLOSE-WAIT',
    to: 'LAST-ACK',
  });
  assert.equal(render([state('a#0'), state('a#0'), state('b#0'), state('b#0'), state('a#0')]), [
    '  [TCP] [STATE] CLOSE-WAIT -> LAST-ACK',
    '  [TCP] [STATE] CLOSE-WAIT -> LAST-ACK',
    '  [TCP] [STATE] CLOSE-WAIT -> LAST-ACK flow=b#0',
    '  [TCP] [STATE] CLOSE-WAIT -> LAST-ACK',
    '  [TCP] [STATE] CLOSE-WAIT -> LAST-ACK flow=a#0',
  ]);
});

test('a segment has the addresses in its line, so what follows it needs no flow', () => {
  assert.equal(
    render([
      { layer: 'tcp', kind: 'state', flow: 'a#0', from: 'CLOSE-WAIT', to: 'LAST-ACK' },
      segment('in', SYN),
      { layer: 'tcp', kind: 'state', flow: FLOW, from: 'LISTEN', to: 'SYN-RECEIVED' },
    ]),
    [
      '  [TCP] [STATE] CLOSE-WAIT -> LAST-ACK',
      '  [TCP] RCV 10.0.0.1:49152 -> 10.0.0.2:443 SYN seq=1000 win=64240',
      '  [TCP] [STATE] LISTEN -> SYN-RECEIVED',
    ],
  );
});

test('nothing from the wire reaches the terminal as it came', () => {
  const evil = '\x1b]0;owned\x07\x1b[2J\r\n[IP] RCV forged\x9b31m\u202e';
  const shown = '\\x1b]0;owned\\x07\\x1b[2J\\x0d\\x0a[IP] RCV forged\\x9b31m\\u202e';
  const shownToken = shown.replaceAll(' ', '\\x20');
  assert.equal(
    withoutTime(
      render(
        [
          {
            layer: 'http1',
            kind: 'request',
            flow: FLOW,
            dir: 'in',
            method: evil,
            target: evil,
            version: evil,
            headers: [[evil, evil]],
          },
        ],
        { verbose: true },
      ),
    ),
    [`      [HTTP] ${shownToken} ${shownToken} ${shownToken}`, `          ${shownToken}: ${shown}`],
  );
  const hello: TraceEvent = {
    layer: 'tls',
    kind: 'handshake',
    flow: FLOW,
    dir: 'in',
    message: 'ClientHello',
    length: 1,
    fields: { version: 'TLS 1.2', serverName: `a alpn=h2${evil}`, alpn: [evil, 'h2'], cipherSuites: [evil] },
  };
  assert.equal(withoutTime(render([hello], { verbose: true })), [
    `    [TLS] ClientHello TLS1.2 sni=a\\x20alpn=h2${shownToken} alpn=${shownToken},h2`,
    '        length: 1',
    `        cipherSuites: ${shown}`,
  ]);
});

test('whatever text the events hold, only printable characters are written', () => {
  const evil = '\x1b[31m\n\x9b\x7f\u202e';
  const poison = (value: unknown): unknown => {
    if (typeof value === 'string') return evil;
    if (Array.isArray(value)) return value.map(poison);
    if (typeof value === 'object' && value !== null) {
      return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, poison(inner)]));
    }
    return value;
  };
  // What stays: texts whose values the types list one by one.
  const keep = ['layer', 'kind', 'dir', 'severity', 'from', 'to', 'level', 'scope'];
  for (const { event } of SAMPLES) {
    const poisoned = Object.fromEntries(
      Object.entries(event).map(([name, value]) =>
        keep.includes(name) || (event.kind === 'retransmit' && name === 'reason') || event.kind === 'congestion'
          ? [name, value]
          : [name, poison(value)],
      ),
    ) as unknown as TraceEvent;
    for (const line of render([poisoned], { debug: true })) assert.match(line, /^[\x20-\x7e]+$/);
  }
});

test('lists of fields are bounded and the rest is counted', () => {
  const headers = Array.from({ length: 130 }, (_, i) => [`x-${i}`, 'v'] as const);
  const lines = render(
    [{ layer: 'http2', kind: 'headers', flow: FLOW, dir: 'in', streamId: 1, endStream: true, fields: headers }],
    {
      verbose: true,
    },
  );
  assert.is(lines.length, 102);
  assert.is(lines.at(-1)!.trim(), '... 30 more fields');
  const suites = Array.from({ length: 103 }, (_, i) => `s${i}`);
  const hello = render(
    [
      {
        layer: 'tls',
        kind: 'handshake',
        flow: FLOW,
        dir: 'in',
        message: 'ClientHello',
        length: 1,
        fields: { cipherSuites: suites },
      },
    ],
    { verbose: true },
  );
  assert.ok(hello.at(-1)!.endsWith(', s99, ...(+3)'));
});

test('a secret is never printed, at no level', () => {
  const secret: TraceEvent = {
    layer: 'tls',
    kind: 'secret',
    flow: FLOW,
    label: 'CLIENT_RANDOM',
    clientRandom: 'c1c1',
    secret: '5ec7e7',
  };
  assert.not.match(render([secret], { debug: true }).join(), /5ec7e7/);
});

test('long detail goes on below, indented, where the terminal ends', () => {
  assert.equal(wrapped('groups: x25519, secp256r1, x448, secp521r1', 24), [
    'groups: x25519,',
    'secp256r1, x448,',
    'secp521r1',
  ]);
  assert.equal(wrapped('short', 80), ['short']);
  assert.equal(wrapped(`random: ${'a'.repeat(64)}`, 40), ['random:', 'a'.repeat(64)]);
  assert.equal(wrapped('a, b, c, d, e, f', 10), ['a, b, c, d, e, f']);
  const text = 'cipherSuites: TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256, TLS_AES_128_GCM_SHA256,x,y, z';
  for (const room of [20, 33, 80, 200]) {
    const lines = wrapped(text, room);
    assert.is(lines.join('').replaceAll(' ', ''), text.replaceAll(' ', ''));
    assert.ok(
      lines.every((line) => line.length <= room || !/[ ,]./.test(line)),
      `${room}`,
    );
  }
});

test.run();
