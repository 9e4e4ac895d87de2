// Long runs of data lines become short, the same way every time.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createConsoleRenderer } from '../../src/cli/console.js';
import { FoldRun, foldSlot, SHOWN_OF_A_RUN } from '../../src/cli/fold.js';
import type { Layer, TraceEvent } from '../../src/core/trace.js';
import { ACK, dataFrame, FIN_ACK, FLOW, ipPacket, PSH_ACK, SYN, segment } from './events.js';

function render(
  events: readonly TraceEvent[],
  options: { verbose?: boolean; debug?: boolean; layers?: ReadonlySet<Layer> } = {},
): string[] {
  const lines: string[] = [];
  const show = createConsoleRenderer({
    color: false,
    verbose: false,
    debug: false,
    write: (line) => lines.push(line.trimEnd()),
    ...options,
  });
  for (const [index, event] of events.entries()) show(index, event);
  show.end();
  return lines;
}

const REQUEST: TraceEvent = {
  layer: 'http2',
  kind: 'headers',
  flow: FLOW,
  dir: 'in',
  streamId: 1,
  endStream: true,
  fields: [
    [':method', 'GET'],
    [':path', '/bytes/1048576'],
  ],
};
const RESPONSE: TraceEvent = {
  layer: 'http2',
  kind: 'headers',
  flow: FLOW,
  dir: 'out',
  streamId: 1,
  endStream: false,
  fields: [[':status', '200']],
};

/** `count` times one DATA frame, the segment and packet that carry it, and the acknowledgment. */
function download(count: number): TraceEvent[] {
  return Array.from({ length: count }, () => [
    dataFrame('out', 1400),
    segment('out', ACK, 1460),
    ipPacket('out', 1500),
    ipPacket('in', 40),
    segment('in', ACK),
  ]).flat();
}

const PACKET_OUT = '[IP] SND 10.0.0.2 -> 10.0.0.1 TCP ttl=64 len=1500 DF';
const PACKET_IN = '[IP] RCV 10.0.0.1 -> 10.0.0.2 TCP ttl=64 len=40 DF';
const SEGMENT_OUT = '  [TCP] SND 10.0.0.2:443 -> 10.0.0.1:49152 ACK seq=1000 ack=2000 win=64240 len=1460';
const SEGMENT_IN = '  [TCP] RCV 10.0.0.1:49152 -> 10.0.0.2:443 ACK seq=1000 ack=2000 win=64240';
const FRAME_OUT = '      [H2] SND DATA stream=1 len=1400';
const ROUND = [FRAME_OUT, SEGMENT_OUT, PACKET_OUT, PACKET_IN, SEGMENT_IN];

test('a download shows its first rounds, counts the rest, and ends in full', () => {
  const lines = render([REQUEST, RESPONSE, ...download(1004), dataFrame('out', 9, 1)]);
  assert.equal(lines, [
    '      [H2] HEADERS stream=1 END_STREAM GET /bytes/1048576',
    '      [H2] SND HEADERS stream=1 200',
    ...ROUND,
    ...ROUND,
    ...ROUND,
    ...ROUND,
    '[IP] RCV ... 1,000 more packets, 40,000 bytes',
    '[IP] SND ... 1,000 more packets, 1,500,000 bytes',
    '  [TCP] RCV ... 1,000 more segments, 0 bytes',
    '  [TCP] SND ... 1,000 more segments, 1,460,000 bytes',
    '      [H2] SND ... 1,000 more DATA frames, 1,400,000 bytes',
    '      [H2] SND DATA stream=1 END_STREAM len=9',
  ]);
});

test('a short run is shown whole', () => {
  assert.equal(render(download(4)), [...ROUND, ...ROUND, ...ROUND, ...ROUND]);
});

test('one more than is shown is counted in the singular', () => {
  assert.equal(render(Array.from({ length: 5 }, () => segment('in', PSH_ACK, 1))).slice(4), [
    '  [TCP] RCV ... 1 more segment, 1 byte',
  ]);
});

test('what is counted is told at the end of the log', () => {
  assert.equal(render(Array.from({ length: 8 }, () => dataFrame('in', 10))).slice(4), [
    '      [H2] ... 4 more DATA frames, 40 bytes',
  ]);
});

test('parts of an HTTP/1.1 body fold, its end does not', () => {
  const part = (length: number, end: boolean): TraceEvent => ({
    layer: 'http1',
    kind: 'body',
    flow: FLOW,
    dir: 'out',
    length,
    end,
  });
  const lines = render([...Array.from({ length: 7 }, () => part(1000, false)), part(17, true)]);
  assert.equal(lines.slice(4), [
    '      [HTTP] SND ... 3 more body parts, 3,000 bytes',
    '      [HTTP] SND body len=17 END',
  ]);
});

test('the packet of a FIN stands behind the count, beside its segment', () => {
  const lines = render([
    ...Array.from({ length: 6 }, () => [ipPacket('in', 40), segment('in', ACK)]).flat(),
    ipPacket('in', 41),
    segment('in', FIN_ACK),
  ]);
  assert.equal(lines.slice(8), [
    '[IP] RCV ... 2 more packets, 80 bytes',
    '  [TCP] RCV ... 2 more segments, 0 bytes',
    '[IP] RCV 10.0.0.1 -> 10.0.0.2 TCP ttl=64 len=41 DF',
    '  [TCP] RCV 10.0.0.1:49152 -> 10.0.0.2:443 FIN,ACK seq=1000 ack=2000 win=64240',
  ]);
});

test('an arrived packet is shown at the latest by end()', () => {
  const lines: string[] = [];
  const show = createConsoleRenderer({ color: false, verbose: false, debug: false, write: (line) => lines.push(line) });
  show(0, ipPacket('in', 40));
  show.end();
  assert.is(lines.length, 1);
  show(1, segment('in', SYN));
  assert.is(lines.length, 2);
});

test('every line of another kind starts the counting anew, shown or filtered out', () => {
  const state: TraceEvent = { layer: 'tcp', kind: 'state', flow: FLOW, from: 'ESTABLISHED', to: 'CLOSE-WAIT' };
  const events = [...download(5), state, ...download(5)];
  const all = render(events);
  assert.is(all.filter((line) => line.includes('...')).length, 10);
  assert.is(all.length, 2 * (5 * SHOWN_OF_A_RUN + 5) + 1);
  assert.equal(
    render(events, { layers: new Set(['ip']) }),
    all.filter((line) => line.startsWith('[IP]')),
  );
});

test('lines that the level hides do not end a run', () => {
  const update: TraceEvent = {
    layer: 'http2',
    kind: 'frame',
    flow: FLOW,
    dir: 'in',
    type: 'WINDOW_UPDATE',
    typeCode: 8,
    streamId: 1,
    flags: 0,
    length: 4,
  };
  const events = Array.from({ length: 20 }, () => [dataFrame('out', 100), update]).flat();
  assert.equal(render(events).slice(4), ['      [H2] SND ... 16 more DATA frames, 1,600 bytes']);
});

test('verbose folds too, with the time of the last line counted; debug folds nothing', () => {
  assert.equal(
    render(download(6), { verbose: true }).at(-1),
    '+0.000029       [H2] SND ... 2 more DATA frames, 2,800 bytes',
  );
  assert.is(render(download(1000), { debug: true }).length, 5000);
});

test('only what carries data along folds', () => {
  assert.ok(foldSlot(segment('in', ACK)) >= 0);
  assert.ok(foldSlot(segment('in', PSH_ACK, 9)) >= 0);
  for (const flags of [SYN, FIN_ACK, 0x04, 0x14]) assert.is(foldSlot(segment('in', flags)), -1);
  assert.ok(foldSlot(dataFrame('in', 1)) >= 0);
  assert.is(foldSlot(dataFrame('in', 1, 1)), -1);
  assert.is(foldSlot(REQUEST), -1);
  const ping = { ...ipPacket('in', 84), protocol: 1 } as TraceEvent;
  assert.is(foldSlot(ping), -1);
});

test('a run keeps counts, not lines', () => {
  const run = new FoldRun();
  let shown = 0;
  for (let i = 0; i < 1_000_000; i++) if (run.add(3, 1460)) shown++;
  assert.is(shown, SHOWN_OF_A_RUN);
  assert.equal(run.end(), [{ layer: 'tcp', text: 'SND ... 999,996 more segments, 1,459,994,160 bytes' }]);
  assert.equal(run.end(), []);
});

test.run();
