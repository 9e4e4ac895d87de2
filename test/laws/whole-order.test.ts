// Two flows in the other order: whole TLS and HTTP sessions at the same timestamps, delivered one way round and the other.
// Each flow's outputs must be the same bytes at the same times (connections share nothing but the clock).

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { equalBytes } from '../support/bytes.js';
import { type ClientRequest, HttpsClient } from '../support/https-client.js';
import { createIntruder } from '../support/intruder.js';
import { keepTrace, makeCore, type Output, type RecordedRun, sameOutputs } from '../support/recorded.js';
import { siteIdentity } from '../support/site-run.js';

const test = suite('laws of the whole system: order of flows');

const REQUESTS: readonly ClientRequest[] = [
  { method: 'GET', path: '/bytes/20000' },
  { method: 'HEAD', path: '/bytes/10' },
  { method: 'GET', path: '/delay/20' },
  { method: 'POST', path: '/echo', content: new Uint8Array(12_000).fill(0x61) },
  { method: 'GET', path: '/nowhere' },
];

const STEP_US = 1_000;

/** Rounds of one frame each from every client, in the given order, all at the round's time. */
function exchange(mode: 'tun' | 'tcp', order: readonly number[], protocols: readonly ('h2' | 'http/1.1')[]) {
  const identity = siteIdentity(mode);
  const run: RecordedRun = { name: 'site', identity, recording: undefined as never, inputs: [], endUs: 0 };
  const clients = protocols.map((protocol) => new HttpsClient(protocol, REQUESTS));
  const intruders = clients.map((client, number) => createIntruder(run, true, client, number));
  const outputs: Output[][] = clients.map(() => []);
  const kept = keepTrace();
  const core = makeCore(identity, kept.trace);
  const deliver = (waiting: Output[]): void => {
    let rest = waiting;
    intruders.forEach((intruder, number) => {
      const before = rest;
      rest = intruder.take(before);
      outputs[number]!.push(...before.filter((output) => !rest.includes(output)));
    });
    assert.is(rest.length, 0, 'every output belongs to a client');
  };
  for (let round = 0; round < 400; round++) {
    const atUs = round * STEP_US;
    // All frames of the round are there before one of them is answered.
    const inputs = intruders.map((intruder) => intruder.next(atUs));
    for (const number of order) {
      const input = inputs[number];
      if (input === undefined) core.advance(atUs);
      else core.give(input);
    }
    deliver(core.drain());
  }
  core.advance(10_000_000);
  deliver(core.drain());
  return { clients, outputs, told: kept.told };
}

function check(mode: 'tun' | 'tcp', protocols: readonly ('h2' | 'http/1.1')[]): void {
  const forth = exchange(
    mode,
    protocols.map((_, number) => number),
    protocols,
  );
  const back = exchange(
    mode,
    protocols.map((_, number) => protocols.length - 1 - number),
    protocols,
  );
  protocols.forEach((protocol, number) => {
    const client = forth.clients[number]!;
    assert.ok(client.closed, `the ${protocol} session ${number} came to its end`);
    const responses = client.responses();
    assert.equal(
      responses.map(({ status }) => status),
      [200, 200, 200, 200, 404],
    );
    equalBytes(responses[3]!.content, REQUESTS[3]!.content!);
    assert.ok(forth.outputs[number]!.reduce((sum, { bytes }) => sum + bytes.length, 0) > 32_000);
    sameOutputs(back.outputs[number]!, forth.outputs[number]!, `${protocol} session ${number}`);
  });
  // The flows' own parts of the trace are the same, too; only how they are woven together differs.
  const flows = new Set(forth.told.flatMap(({ event }) => ('flow' in event && event.flow) || []));
  assert.is(flows.size, protocols.length);
  for (const flow of flows) {
    const of = (told: typeof forth.told): string =>
      JSON.stringify(told.filter(({ event }) => 'flow' in event && event.flow === flow));
    assert.is(of(back.told), of(forth.told), flow);
  }
}

for (const mode of ['tun', 'tcp'] as const) {
  test(`${mode} mode: two HTTP/2 sessions`, () => check(mode, ['h2', 'h2']));
  test(`${mode} mode: HTTP/2 and HTTP/1.1`, () => check(mode, ['h2', 'http/1.1']));
  test(`${mode} mode: five sessions`, () => check(mode, ['h2', 'http/1.1', 'h2', 'h2', 'http/1.1']));
}

test.run();
