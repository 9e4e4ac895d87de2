// Packets missing in the middle of a response: it is incomplete, for whoever reads the log and for whoever takes the exchange.

import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createConversation } from '../../../src/bench/inspect/conversation.js';
import { createKeyStore } from '../../../src/bench/inspect/keys.js';
import { Inspector } from '../../../src/bench/inspect/packets.js';
import type { RecordedExchange, Verdict } from '../../../src/bench/inspect/types.js';
import { openCapture } from '../../../src/io/capture.js';
import { projectRoot } from '../../support/live.js';

const test = suite('responses with a hole');

async function without(
  file: string,
  isMissing: (packet: number) => boolean,
): Promise<{ exchanges: RecordedExchange[]; verdicts: Verdict[] }> {
  const exchanges: RecordedExchange[] = [];
  const onExchange = (exchange: RecordedExchange): void => void exchanges.push(exchange);
  const inspector = new Inspector({ keys: createKeyStore(), createConversation, onExchange });
  const verdicts: Verdict[] = [];
  for await (const item of openCapture(join(projectRoot, file))) {
    if (item.kind === 'packet' && isMissing(item.index)) continue;
    verdicts.push(...(inspector.take(item)?.verdicts ?? []));
  }
  inspector.end();
  return { exchanges, verdicts: [...verdicts, ...inspector.endings.flatMap(({ verdicts }) => verdicts)] };
}

const DOWNLOAD = 'fixtures/captures/h2-download-1m.pcapng';

test('HTTP/2 in TLS: the length that was announced tells how much', async () => {
  const { exchanges, verdicts } = await without(DOWNLOAD, (packet) => packet >= 200 && packet <= 240);
  const { status, complete, contentLength } = exchanges[0]!.response!;
  assert.is(status, 200);
  assert.is(complete, false);
  const incomplete = verdicts.filter(({ code }) => code === 'incomplete-message');
  assert.is(incomplete.length, 1);
  assert.is(incomplete[0]!.text, `${1_000_000 - contentLength} bytes of the server's message on stream 1 are missing`);
});

test('HTTP/2: the end of the response is not in the capture', async () => {
  const { exchanges, verdicts } = await without(DOWNLOAD, (packet) => packet >= 200);
  assert.is(exchanges[0]!.response?.complete, false);
  assert.ok(verdicts.every(({ severity }) => severity !== 'error'));
});

test('HTTP/1.1: content that is missing before the FIN', async () => {
  const { exchanges, verdicts } = await without('fixtures/foreign/packets-missing.pcapng', () => false);
  assert.is(exchanges[0]!.response?.complete, false);
  assert.ok(verdicts.some(({ code, text }) => code === 'incomplete-message' && text.startsWith('9446 bytes of')));
});

test('nothing is said of a response that is whole', async () => {
  const { exchanges, verdicts } = await without(DOWNLOAD, () => false);
  assert.is(exchanges[0]!.response?.complete, true);
  assert.not.ok(verdicts.some(({ code }) => code === 'incomplete-message'));
});

test.run();
