// Re-execution against an application: its answers are inputs of the run, its own time is none of the run's, and what was recorded
// replays without it.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { clientLimits } from '../../src/bench/client/limits.js';
import { type Answer, type RecordedConnection, reExecute } from '../../src/bench/re-execute.js';
import { frameRecorder } from '../../src/bench/recorders.js';
import { RECORDING_FORMAT_ANSWERS, RecordingWriter } from '../../src/bench/recording.js';
import { replayRecording } from '../../src/bench/replay.js';
import { createSite } from '../../src/core/http/site.js';
import { Desk } from '../../src/io/outside.js';
import type { AppFunction } from '../../src/io/outside-types.js';
import { scratch } from '../support/captures.js';
import { identity, requestsOf } from '../support/re-executed.js';

const files = scratch();
const test = suite('re-execution against an application');

interface Played {
  readonly answers: readonly Answer[];
  readonly errors: readonly unknown[];
  readonly endUs: number;
  readonly file: string;
}

async function play(connections: readonly RecordedConnection[], ...apps: AppFunction[]): Promise<Played> {
  const errors: unknown[] = [];
  const desk = new Desk({ answerers: apps, otherwise: createSite(), onError: (error) => errors.push(error) });
  const run = identity({ outside: true });
  const file = files.path('re-executed.pcapng');
  const writer = new RecordingWriter(file, {
    format: RECORDING_FORMAT_ANSWERS,
    wirebench: 'test',
    seed: Buffer.from(run.seed).toString('hex'),
    config: run.config,
    startUnixUs: run.startUnixUs,
  });
  const recorder = frameRecorder(writer);
  let endUs = 0;
  const answers = await reExecute(connections, {
    identity: run,
    desk,
    keepsContent: true,
    onPacket: (atUs, dir, bytes) => recorder.packet(atUs, dir, bytes),
    onAnswer: (atUs, token, answer) => recorder.answer(atUs, token, answer),
    onEnd(atUs) {
      endUs = atUs;
      recorder.event('end', atUs);
    },
  });
  recorder.close();
  assert.is(desk.open, 0);
  return { answers, errors, endUs, file };
}

const textOf = ({ ours }: Answer): string => Buffer.from(ours?.response?.content ?? []).toString();
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function replays(file: string, packets: number): Promise<void> {
  const result = await replayRecording(file);
  assert.is(result.difference, undefined);
  assert.ok(result.packets > packets, `${result.packets} packets`);
  assert.is(result.complete, true);
}

test('it answers what it wants, the site the rest, and the run replays without it', async () => {
  const { connections } = await requestsOf('nginx-h2-tls13.pcapng');
  const asked: string[] = [];
  const { answers, file } = await play(connections, ({ method, path }) => {
    asked.push(`${method} ${path}`);
    return path === '/status/404' ? { status: 410, body: 'gone\n' } : undefined;
  });
  assert.is(asked.length, 3);
  assert.equal(
    answers.map(({ ours }) => ours?.response?.status),
    answers.map(({ recorded }) => (recorded.request.target === '/status/404' ? 410 : recorded.response!.status)),
  );
  assert.is(textOf(answers.find(({ recorded }) => recorded.request.target === '/status/404')!), 'gone\n');
  await replays(file, 20);
});

test('the time that it takes is none of the run', async () => {
  const { connections } = await requestsOf('nghttpd-parallel.pcapng');
  const quick = await play(connections, ({ path }) => `${path}\n`);
  const slow = await play(connections, async ({ path }) => {
    await sleep(60);
    return `${path}\n`;
  });
  assert.ok(slow.answers.length > 1);
  assert.equal(
    slow.answers.map(textOf),
    slow.answers.map(({ recorded }) => `${recorded.request.target}\n`),
  );
  // Answers that come one by one take a few segments more.
  assert.ok(slow.endUs < quick.endUs + 5_000, `${slow.endUs} us, ${quick.endUs} us`);
  await replays(slow.file, 10);
});

test('content is read as it comes, and answered piece by piece', async () => {
  const { connections } = await requestsOf('node-h1-chunked.pcapng');
  const { answers, file } = await play(connections, async (request) => {
    let bytes = 0;
    for await (const piece of request.body) bytes += piece.length;
    return { body: pieces(bytes) };
  });
  assert.equal(
    answers.map(textOf),
    answers.map(({ recorded }) => `read ${recorded.request.contentLength}\n`),
  );
  await replays(file, 10);
});

async function* pieces(bytes: number): AsyncGenerator<string> {
  for (const piece of ['read ', `${bytes}`, '\n']) {
    await sleep(5);
    yield piece;
  }
}

test('what it throws is a 500 that ends HTTP/1.1 connections; what was left is asked on further ones', async () => {
  const { connections } = await requestsOf('nginx-h1-tls12.pcapng');
  const { answers, errors, file } = await play(connections, () => {
    throw new Error('no');
  });
  assert.ok(answers.length > 0);
  assert.equal(
    answers.map(({ ours, why }) => why ?? ours!.response!.status),
    answers.map(() => 500),
  );
  assert.equal(
    answers.map(({ notes }) => notes.length),
    [0, 1, 0],
  );
  assert.is(errors.length, answers.length);
  await replays(file, 10);
});

test('one that says nothing is waited for, not for ever', async () => {
  const limits = clientLimits as { outsideMs: number };
  const { outsideMs } = limits;
  limits.outsideMs = 50;
  try {
    const { connections } = await requestsOf('nginx-h1-tls12.pcapng');
    const never = new Promise<undefined>(() => {});
    const startedMs = performance.now();
    const { answers } = await play(connections, ({ signal }) =>
      Promise.race([
        never,
        new Promise<undefined>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
      ]),
    );
    assert.ok(performance.now() - startedMs < 20_000);
    // The server's own limit in logical time answers for it.
    assert.ok(answers.every(({ ours, why }) => (ours?.response?.status ?? 0) >= 500 || why !== undefined));
  } finally {
    limits.outsideMs = outsideMs;
  }
});

test.run();
