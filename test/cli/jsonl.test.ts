// The JSON trace and its written description.

import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createJsonlRenderer } from '../../src/cli/jsonl.js';
import { TRACE_FIELDS, traceKindsMarkdown } from '../../src/cli/trace-schema.js';
import type { TraceEvent } from '../../src/core/trace.js';
import { FLOW } from './events.js';
import { SAMPLES } from './samples.js';

function render(events: readonly TraceEvent[], secrets?: boolean): string[] {
  const lines: string[] = [];
  const show = createJsonlRenderer({
    write: (line) => lines.push(line),
    manifest: { version: '0.1.0', seed: '00ff', config: { mtu: 1500 } },
    secrets,
  });
  for (const [index, event] of events.entries()) show(index * 10, event);
  show.end();
  for (const line of lines) assert.ok(line.endsWith('\n') && line.indexOf('\n') === line.length - 1);
  return lines.map((line) => line.slice(0, -1));
}

test('the manifest comes first, with schema and kind at its head, even when nothing happened', () => {
  assert.equal(render([]), [
    '{"schema":1,"kind":"wirebench-trace","version":"0.1.0","seed":"00ff","config":{"mtu":1500}}',
  ]);
});

test('an event, exactly', () => {
  assert.is(
    render([
      { layer: 'icmp', kind: 'drop', severity: 'warning', reason: 'x' },
      { layer: 'tcp', kind: 'state', flow: FLOW, from: 'SYN-RECEIVED', to: 'ESTABLISHED' },
    ])[2],
    `{"atUs":10,"layer":"tcp","kind":"state","flow":"${FLOW}","from":"SYN-RECEIVED","to":"ESTABLISHED"}`,
  );
});

test('the order of the fields does not depend on who made the event', () => {
  for (const { event } of SAMPLES) {
    const backwards = Object.fromEntries(Object.entries(event).reverse()) as unknown as TraceEvent;
    assert.equal(render([backwards], true), render([event], true));
  }
});

test('every event comes back from its line as it was', () => {
  for (const { event } of SAMPLES) assert.equal(JSON.parse(render([event], true)[1]!), { atUs: 0, ...event });
});

test('fields without a value are left out', () => {
  const event = {
    layer: 'ip',
    kind: 'drop',
    severity: 'warning',
    reason: 'x',
    src: undefined,
  } as unknown as TraceEvent;
  assert.is(render([event])[1], '{"atUs":0,"layer":"ip","kind":"drop","severity":"warning","reason":"x"}');
});

test('a number without limit is null', () => {
  const event: TraceEvent = {
    layer: 'tcp',
    kind: 'retransmit',
    severity: 'warning',
    flow: FLOW,
    reason: 'rto',
    seq: 1,
    length: 2,
    rtoUs: 3,
    cwnd: 4,
    ssthresh: Number.POSITIVE_INFINITY,
  };
  assert.ok(render([event])[1]!.endsWith('"cwnd":4,"ssthresh":null}'));
});

test('secrets are left out unless asked for', () => {
  const secret: TraceEvent = {
    layer: 'tls',
    kind: 'secret',
    flow: FLOW,
    label: 'CLIENT_RANDOM',
    clientRandom: 'c1',
    secret: '5e',
  };
  assert.is(render([secret]).length, 1);
  assert.is(render([secret], false).length, 1);
  assert.ok(render([secret], true)[1]!.endsWith('"label":"CLIENT_RANDOM","clientRandom":"c1","secret":"5e"}'));
});

test('lines are ASCII, whatever the peer sent, and keep its text', () => {
  const path = '/\x1b[31m\x7f\x9b31m\xe9\u2028\u202e\ud800\ud83d\ude00"\\\n';
  const [, line] = render([
    { layer: 'http', kind: 'response', flow: FLOW, dir: 'out', status: 200, method: 'GET', path },
  ]);
  assert.match(line!, /^[\x20-\x7e]+$/);
  assert.is((JSON.parse(line!) as { path: string }).path, path);
});

test('docs/trace.md names every kind and describes every field', () => {
  const doc = readFileSync(new URL('../../../docs/trace.md', import.meta.url), 'utf8');
  for (const [name, fields] of Object.entries(TRACE_FIELDS)) {
    assert.ok(doc.includes(`\n### ${name}\n`), `docs/trace.md: ${name} is missing; run node dist/tools/trace-doc.js`);
    const section = doc.slice(doc.indexOf(`\n### ${name}\n`)).split('\n### ')[1]!;
    for (const field of Object.keys(fields)) {
      assert.ok(section.includes(`| \`${field}\` | `), `docs/trace.md: ${name}.${field} is missing`);
    }
  }
  assert.ok(
    doc.endsWith(traceKindsMarkdown()),
    'docs/trace.md is older than the schema; run node dist/tools/trace-doc.js',
  );
});

test('the samples show every kind that the schema has', () => {
  const kinds = new Set(SAMPLES.map(({ event }) => `${event.layer}.${event.kind}`));
  assert.equal([...kinds].sort(), Object.keys(TRACE_FIELDS).sort());
});

test.run();
