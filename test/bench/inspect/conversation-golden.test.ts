// What the inspector tells of our own recordings is what the live core told: every record, message, frame and header section,
// by layer, kind and direction, and each stream's states in their order.

import { readdirSync, readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { TraceEvent } from '../../../src/core/trace.js';
import { inspectStream, recordedStreams } from '../../support/inspected.js';

const test = suite('inspected conversations and golden logs');
const captures = 'fixtures/captures';

// biome-ignore format: one line is easier to read
/** What only the server itself can know, or what depends on why a stream ended. */
const INNER = new Set([
  'tls state', 'tls key_schedule', 'tls secret', 'tls psk', 'tls timeout', 'tls truncated', 'http1 error', 'http2 error',
  'http deferred', 'tls drop', 'http answer', 'http unanswered',
]);
/** The core stops listening when it has sent close_notify; the wire goes on. */
const UNHEARD = new Set(['tls alert in', 'tls record in']);
/** This client resets the connection while a record is on its way. */
const CUT_OFF = new Set(['h2-aborted.pcapng']);

for (const file of readdirSync(captures).filter((name) => name.endsWith('.pcapng'))) {
  test(`${file}: the events of its golden log`, async () => {
    const { streams, keyLog } = await recordedStreams(`${captures}/${file}`);
    const golden = readFileSync(`${captures}/${file.replace('.pcapng', '.jsonl')}`, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as TraceEvent);
    // tcp mode has no addresses: its flows are numbered as they were accepted.
    const isAccepted = golden.some((event) => 'flow' in event && event.flow === 'accept#0');
    let compared = 0;
    streams.forEach(({ flow: address, pieces }, index) => {
      const flow = isAccepted ? `accept#${index}` : address;
      const { events, verdicts } = inspectStream({ flow, pieces }, keyLog);
      const wanted = byKind(golden.filter((event) => 'flow' in event && event.flow === flow));
      const found = byKind(events);
      // A server that refuses what the client sent in its last flight has not listened to it.
      const refused = golden.some((event) => event.kind === 'alert' && event.flow === flow && event.level === 'fatal');
      for (const kind of found.keys()) assert.ok(refused || wanted.has(kind) || UNHEARD.has(kind), `${flow} ${kind}`);
      for (const [kind, list] of wanted) {
        const ours = found.get(kind) ?? [];
        const isPrefix = CUT_OFF.has(file) && kind.endsWith(' out');
        const count = isPrefix ? Math.min(list.length, ours.length) : list.length;
        if (isPrefix) assert.ok(list.length - count <= 1, `${flow} ${kind}`);
        for (let i = 0; i < count; i++) assert.equal(ours[i], list[i], `${flow} ${kind} ${i}`);
        const mayGoOn = UNHEARD.has(kind) || (refused && kind.endsWith(' in'));
        if (!mayGoOn) assert.is(ours.length, count, `${flow} ${kind}`);
        compared += count;
      }
      assert.equal(
        verdicts.filter(({ severity }) => severity === 'error'),
        [],
        flow,
      );
    });
    assert.ok(compared > 0 || !golden.some(({ layer }) => layer === 'tls' || layer === 'http'));
  });
}

function byKind(events: readonly TraceEvent[]): Map<string, unknown[]> {
  const kinds = new Map<string, unknown[]>();
  for (const event of events) {
    if (event.layer === 'ip' || event.layer === 'icmp' || event.layer === 'tcp') continue;
    let key = `${event.layer} ${event.kind}`;
    if (INNER.has(key)) continue;
    if ('dir' in event) key += ` ${event.dir}`;
    if (event.layer === 'http2' && event.kind === 'stream') key += ` ${event.streamId}`;
    const { atUs: _, ...rest } = event as TraceEvent & { atUs?: number };
    // Why the server sends an alert is not on the wire.
    if (event.layer === 'tls' && event.kind === 'alert') {
      for (const name of ['reason', 'rule', 'severity']) Reflect.deleteProperty(rest, name);
    }
    const list = kinds.get(key) ?? [];
    kinds.set(key, list);
    list.push(JSON.parse(JSON.stringify(rest)));
  }
  return kinds;
}

test.run();
