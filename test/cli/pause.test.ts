// The pause: where it stops, what the keys do, and that it never hangs.

import { PassThrough } from 'node:stream';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isPausePoint, Pauser } from '../../src/cli/pause.js';
import type { Layer, TraceEvent } from '../../src/core/trace.js';
import { ACK, FLOW, ipPacket, segment } from './events.js';
import { SAMPLES } from './samples.js';

const ESTABLISHED: TraceEvent = { layer: 'tcp', kind: 'state', flow: FLOW, from: 'SYN-RECEIVED', to: 'ESTABLISHED' };
const CLOSED: TraceEvent = { layer: 'tcp', kind: 'state', flow: FLOW, from: 'LAST-ACK', to: 'CLOSED' };
const ICMP: TraceEvent = { layer: 'icmp', kind: 'drop', severity: 'warning', reason: 'x' };
const PROMPT = '--- [TCP] Enter to continue (c Enter: run on, q Enter: quit) --- ';

/** A pauser at a terminal that a test types on. Everything that happens goes into one list, in order. */
function desk(layers: readonly Layer[], isTTY: boolean | 'absent' = true) {
  const happened: string[] = [];
  const input: PassThrough & { isTTY?: boolean } = new PassThrough();
  if (isTTY !== 'absent') input.isTTY = isTTY;
  const renderer = Object.assign(
    (atUs: number, event: TraceEvent) => {
      happened.push(`${atUs} ${event.layer}.${event.kind}`);
    },
    { end: () => happened.push('flush') },
  );
  const pauser = new Pauser({
    layers: new Set(layers),
    renderer,
    input,
    output: (text) => happened.push(text),
    notice: (text) => happened.push(`notice: ${text.trim()}`),
    onWait: () => happened.push('clock stands'),
    onGoOn: () => happened.push('clock runs'),
  });
  return { happened, input, pauser };
}

/** Lets everything run that can run without further input. */
async function settle(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
}

test('events wait for present, which stops after each main point until Enter', async () => {
  const { happened, input, pauser } = desk(['tcp']);
  pauser.push(1, ICMP);
  pauser.push(2, ESTABLISHED);
  pauser.push(3, ICMP);
  pauser.push(4, CLOSED);
  assert.is(pauser.hasPending, true);
  assert.equal(happened, []);
  const end = pauser.present();
  await settle();
  assert.equal(happened, ['1 icmp.drop', '2 tcp.state', 'flush', 'clock stands', PROMPT]);
  input.write('\n');
  await settle();
  assert.equal(happened.slice(5), ['clock runs', '3 icmp.drop', '4 tcp.state', 'flush', 'clock stands', PROMPT]);
  input.write('\n');
  assert.is(await end, 'go-on');
  assert.is(pauser.hasPending, false);
  assert.is(happened.at(-1), 'clock runs');
});

test('c runs on, now and later', async () => {
  const { happened, input, pauser } = desk(['tcp']);
  pauser.push(1, ESTABLISHED);
  pauser.push(2, CLOSED);
  const end = pauser.present();
  input.write('c\n');
  assert.is(await end, 'go-on');
  assert.equal(happened.slice(4), ['clock runs', '2 tcp.state']);
  pauser.push(3, ESTABLISHED);
  assert.is(happened.at(-1), '3 tcp.state', 'shown at once');
  assert.is(pauser.hasPending, false);
  assert.is(await pauser.present(), 'go-on');
});

test('q quits, after the rest of what happened was shown', async () => {
  const { happened, input, pauser } = desk(['tcp']);
  pauser.push(1, ESTABLISHED);
  pauser.push(2, CLOSED);
  const end = pauser.present();
  input.write(' Q \r\n');
  assert.is(await end, 'quit');
  assert.equal(happened.slice(4), ['clock runs', '2 tcp.state']);
  assert.is(await pauser.present(), 'quit');
});

test('other words are asked again', async () => {
  const { happened, input, pauser } = desk(['tcp']);
  pauser.push(1, ESTABLISHED);
  const end = pauser.present();
  input.write('what?\n');
  await settle();
  assert.equal(happened.slice(3), [PROMPT, PROMPT]);
  input.write('\n');
  assert.is(await end, 'go-on');
});

test('a line may come in pieces, and several lines at once', async () => {
  const { happened, input, pauser } = desk(['tcp']);
  for (let i = 0; i < 3; i++) pauser.push(i, ESTABLISHED);
  const end = pauser.present();
  input.write('c');
  await settle();
  assert.is(happened.at(-1), PROMPT);
  input.write('x\n\n\n');
  await settle();
  // `cx` is no word: the first prompt again, answered by the second line; the third line answers the second prompt.
  assert.is(happened.filter((text) => text === PROMPT).length, 4);
  input.write('\n');
  assert.is(await end, 'go-on');
});

test('layers that were not named do not stop', async () => {
  const { happened, pauser } = desk(['tls']);
  pauser.push(1, ESTABLISHED);
  pauser.push(2, ipPacket('in', 40));
  assert.is(await pauser.present(), 'go-on');
  assert.equal(happened, ['1 tcp.state', '2 ip.packet']);
});

test('without layers everything is shown at once, and nothing is said', async () => {
  const { happened, pauser } = desk([], false);
  pauser.push(1, ESTABLISHED);
  assert.is(pauser.hasPending, false);
  assert.is(await pauser.present(), 'go-on');
  assert.equal(happened, ['1 tcp.state']);
});

for (const isTTY of [false, 'absent'] as const) {
  test(`input that is no terminal (isTTY ${isTTY}): one notice, no waiting, nothing read`, async () => {
    const { happened, input, pauser } = desk(['ip', 'tcp'], isTTY);
    input.write('q\n');
    for (let i = 0; i < 3; i++) pauser.push(i, ESTABLISHED);
    assert.is(await pauser.present(), 'go-on');
    assert.equal(happened, [
      'notice: --pause: the input is no terminal, so nothing pauses',
      '0 tcp.state',
      '1 tcp.state',
      '2 tcp.state',
    ]);
    assert.is(String(input.read()), 'q\n');
  });
}

test('the end of the input runs on with a notice', async () => {
  const { happened, input, pauser } = desk(['tcp']);
  pauser.push(1, ESTABLISHED);
  pauser.push(2, CLOSED);
  const end = pauser.present();
  await settle();
  input.end();
  assert.is(await end, 'go-on');
  assert.equal(happened.slice(4), ['clock runs', 'notice: --pause: end of input, running on', '2 tcp.state']);
});

test('an input that ended or broke before the question is the end of the input', async () => {
  for (const breakIt of [(input: PassThrough) => input.resume().end(), (input: PassThrough) => input.destroy()]) {
    const { happened, input, pauser } = desk(['tcp']);
    breakIt(input);
    await settle();
    pauser.push(1, ESTABLISHED);
    assert.is(await pauser.present(), 'go-on');
    assert.is(happened.at(-1), 'notice: --pause: end of input, running on');
  }
});

test('an error of the input is the end of the input', async () => {
  const { input, pauser } = desk(['tcp']);
  pauser.push(1, ESTABLISHED);
  const end = pauser.present();
  input.destroy(new Error('gone'));
  assert.is(await end, 'go-on');
});

test('a wait can be cancelled from outside, as a signal does', async () => {
  const { pauser } = desk(['tcp']);
  pauser.push(1, ESTABLISHED);
  pauser.push(2, CLOSED);
  const end = pauser.present();
  await settle();
  pauser.cancel();
  assert.is(await end, 'quit');
});

test('the event loop lives during the prompt, and the input is let go of after it', async () => {
  const { input, pauser } = desk(['tcp']);
  pauser.push(1, ESTABLISHED);
  const end = pauser.present();
  let ticks = 0;
  const timer = setInterval(() => ticks++, 1);
  await new Promise((resolve) => setTimeout(resolve, 20));
  clearInterval(timer);
  assert.ok(ticks > 0);
  assert.is(input.isPaused(), false);
  input.write('\n');
  await end;
  assert.is(input.isPaused(), true);
  for (const name of ['data', 'close', 'error']) assert.is(input.listenerCount(name), 0, name);
});

test('a pasted file without an end of line does not pile up', async () => {
  const { input, pauser } = desk(['tcp']);
  pauser.push(1, ESTABLISHED);
  const end = pauser.present();
  for (let i = 0; i < 100; i++) {
    input.write('x'.repeat(5000));
    await settle();
  }
  input.write('\nq\n');
  assert.is(await end, 'quit');
});

test('the main points of each layer', () => {
  const points = SAMPLES.map(({ event }) => event).filter(isPausePoint);
  assert.equal(
    points.map((event) => `${event.layer}.${event.kind}${'dir' in event ? ` ${event.dir}` : ''}`),
    [
      'ip.packet in',
      'ip.packet in',
      'ip.packet in',
      'icmp.message in',
      'icmp.message in',
      'tcp.state',
      'tls.handshake in',
      'tls.handshake out',
      'http1.request in',
      'http1.response out',
      'http2.headers in',
      'http2.headers out',
      'http2.headers in',
      'http.request in',
      'http.response out',
    ],
  );
  assert.is(isPausePoint(ipPacket('out', 40)), false);
  assert.is(isPausePoint(segment('in', ACK)), false);
});

test('a connection is closed once, whoever closed first', () => {
  const state = (from: 'FIN-WAIT-2' | 'TIME-WAIT' | 'LAST-ACK', to: 'TIME-WAIT' | 'CLOSED'): boolean =>
    isPausePoint({ layer: 'tcp', kind: 'state', flow: FLOW, from, to });
  assert.is(state('FIN-WAIT-2', 'TIME-WAIT'), true);
  assert.is(state('TIME-WAIT', 'CLOSED'), false);
  assert.is(state('LAST-ACK', 'CLOSED'), true);
});

test.run();
