// The law for answers from outside: they are inputs, so the same answers at the same times give the same bytes, in either
// mode, and a recording of them replays without whoever gave them.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { frameRecorder, streamRecorder } from '../../src/bench/recorders.js';
import { RecordingWriter } from '../../src/bench/recording.js';
import { replayRecording } from '../../src/bench/replay.js';
import type { Answer } from '../../src/core/http/message.js';
import { createSite } from '../../src/core/http/site.js';
import type { TraceEvent } from '../../src/core/trace.js';
import type { Micros } from '../../src/core/types.js';
import { assembleStack, assembleStreams, type RunIdentity } from '../../src/io/assemble.js';
import { CaptureError } from '../../src/io/capture.js';
import { ascii, concat, text } from '../support/bytes.js';
import { ACK, PSH, parseTcpFrame, RST, SYN, tcpFrame } from '../support/frames.js';
import { type Outside, outside } from '../support/outside.js';
import { readItems, writeItems } from '../support/recordings.js';
import { siteIdentity } from '../support/site-run.js';

const test = suite('deferred answers');
const folder = mkdtempSync(join(tmpdir(), 'wirebench-deferred-'));
test.after(() => rmSync(folder, { recursive: true, force: true }));

const GET = 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n';
const FOLLOWS: Answer = { kind: 'response', status: 200, headers: [['x-a', 'ü?']], content: 'follows' };
const piece = (content: string, end = false): Answer => ({ kind: 'content', bytes: ascii(content), end });

function identityOf(mode: 'tun' | 'tcp'): RunIdentity {
  const { config, ...rest } = siteIdentity(mode);
  return { ...rest, config: { ...config, outside: true } };
}

/** One client on port 80 of a run that is recorded as it goes. */
interface Run {
  readonly app: Outside;
  readonly events: TraceEvent[];
  send(atUs: Micros, request: string): void;
  respond(atUs: Micros, answer: Answer, token?: string): void;
  advance(atUs: Micros): void;
  /** The peer resets. */
  reset(atUs: Micros): void;
  /** Ends the recording; what the client has got. */
  end(atUs: Micros): string;
}

type Open = (file: string | undefined, traced?: boolean) => Run;

function writerOf(file: string | undefined, identity: RunIdentity): RecordingWriter | undefined {
  if (file === undefined) return undefined;
  const { config, startUnixUs } = identity;
  const seed = Buffer.from(identity.seed).toString('hex');
  return new RecordingWriter(file, { format: 2, wirebench: '0.1.0', seed, config, startUnixUs });
}

const openTcp: Open = (file, traced = true) => {
  const identity = identityOf('tcp');
  const writer = writerOf(file, identity);
  const recorder = writer && streamRecorder(writer);
  const app = outside({ otherwise: createSite() });
  const events: TraceEvent[] = [];
  const streams = assembleStreams(identity, traced ? (_at, event) => events.push(event) : undefined, app.handler);
  const got: Uint8Array[] = [];
  const drain = (): void => {
    for (let out = streams.poll(); out !== undefined; out = streams.poll()) {
      recorder?.output(out);
      if (out.kind === 'data') got.push(out.bytes);
    }
  };
  const give = (atUs: Micros, input: Parameters<typeof streams.receive>[1]): void => {
    recorder?.input(atUs, input);
    streams.receive(atUs, input);
    drain();
  };
  const ends = { localAddress: '10.0.0.2', localPort: 80, remoteAddress: '10.0.0.1', remotePort: 50_000 };
  give(0, { kind: 'open', stream: 0, ...ends });
  return {
    app,
    events,
    send: (atUs, request) => give(atUs, { kind: 'data', stream: 0, bytes: ascii(request) }),
    respond(atUs, answer, token = 'accept#0/1') {
      streams.advance(atUs);
      recorder?.answer(atUs, token, answer);
      streams.respond(atUs, token, answer);
      drain();
    },
    advance(atUs) {
      streams.advance(atUs);
      drain();
    },
    reset: (atUs) => give(atUs, { kind: 'reset', stream: 0 }),
    end(atUs) {
      streams.advance(atUs);
      drain();
      recorder?.event('end', atUs);
      recorder?.close();
      return text(concat(...got));
    },
  };
};

const openTun: Open = (file, traced = true) => {
  const identity = identityOf('tun');
  const writer = writerOf(file, identity);
  const recorder = writer && frameRecorder(writer);
  const app = outside({ otherwise: createSite() });
  const events: TraceEvent[] = [];
  const stack = assembleStack(identity, traced ? (_at, event) => events.push(event) : undefined, app.handler);
  const got: Uint8Array[] = [];
  let seq = 1_000;
  let ack = 0;
  const segment = (flags: number, payload: Uint8Array = new Uint8Array(0)): Uint8Array =>
    tcpFrame({
      ...{ source: '10.0.0.1', destination: '10.0.0.2', sourcePort: 50_000, destinationPort: 80 },
      ...{ seq, ack, flags, window: 60_000, payload },
    });
  const drain = (): void => {
    for (let out = stack.poll(); out !== undefined; out = stack.poll()) {
      recorder?.packet(out.atUs, 'out', out.frame);
      const parsed = parseTcpFrame(out.frame);
      if ((parsed.flags & SYN) !== 0) ack = (parsed.seq + 1) >>> 0;
      else if (parsed.seq === ack && parsed.payload.length > 0) {
        got.push(parsed.payload.slice());
        ack = (ack + parsed.payload.length) >>> 0;
      }
    }
  };
  const give = (atUs: Micros, frame: Uint8Array): void => {
    recorder?.packet(atUs, 'in', frame);
    stack.receive(atUs, frame);
    drain();
  };
  give(0, segment(SYN));
  seq++;
  give(10, segment(ACK));
  return {
    app,
    events,
    send(atUs, request) {
      const payload = ascii(request);
      give(atUs, segment(ACK | PSH, payload));
      seq += payload.length;
    },
    respond(atUs, answer, token = '10.0.0.1:50000>10.0.0.2:80#0/1') {
      stack.advance(atUs);
      recorder?.answer(atUs, token, answer);
      stack.respond(atUs, token, answer);
      drain();
      give(atUs + 1, segment(ACK));
    },
    advance(atUs) {
      stack.advance(atUs);
      drain();
    },
    reset: (atUs) => give(atUs, segment(RST)),
    end(atUs) {
      stack.advance(atUs);
      drain();
      recorder?.event('end', atUs);
      recorder?.close();
      return text(concat(...got));
    },
  };
};

const modes: readonly (readonly [string, Open])[] = [
  ['tun', openTun],
  ['tcp', openTcp],
];

/** A request answered in pieces, one that is passed on, one with content that is read, and answers that nobody wants. */
function story(open: Open, file: string | undefined, traced = true, spurious = false): string {
  const run = open(file, traced);
  const flow = open === openTun ? '10.0.0.1:50000>10.0.0.2:80#0' : 'accept#0';
  const idle = (atUs: Micros): void => {
    if (spurious) for (const later of [0, 1, 500]) run.advance(atUs + later);
  };
  run.send(1_000, GET);
  idle(1_000);
  run.respond(50_000, FOLLOWS);
  run.respond(51_000, piece('abc'));
  idle(51_000);
  run.respond(52_000, piece('def'), `${flow}/7`);
  run.respond(53_000, piece('def'), 'another#0/1');
  run.respond(60_000, piece('', true));
  run.send(70_000, GET.replace('/a', '/status/404'));
  run.respond(71_000, { kind: 'pass' }, `${flow}/2`);
  run.send(80_000, 'POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabcdef');
  run.respond(81_000, { kind: 'read', maxBytes: 4 }, `${flow}/3`);
  run.respond(82_000, { kind: 'read', maxBytes: 4 }, `${flow}/3`);
  const whole: Answer = { kind: 'response', status: 201, headers: [], content: ascii('up') };
  run.respond(90_000, whole, `${flow}/3`);
  idle(90_000);
  assert.equal(
    run.app.told.filter((line) => !line.includes('drained')),
    ['1 ended sent', '2 ended passed', '3 content abcd', '3 content ef', '3 content end', '3 ended sent'],
  );
  return run.end(400_000);
}

for (const [mode, open] of modes) {
  test(`${mode}: the same answers give the same bytes, traced or not, whoever advances`, () => {
    const first = story(open, undefined);
    assert.match(first, /^HTTP\/1\.1 200 OK\r\n/);
    assert.match(first, /3\r\nabc\r\n0\r\n\r\nHTTP\/1\.1 404 Not Found\r\n/);
    assert.match(first, /HTTP\/1\.1 201 Created\r\n(?:.+\r\n)+\r\nup$/);
    assert.is(story(open, undefined), first);
    assert.is(story(open, undefined, false), first);
    assert.is(story(open, undefined, true, true), first);
  });

  test(`${mode}: a recording replays without who answered`, async () => {
    const file = join(folder, `${mode}.pcapng`);
    story(open, file);
    const result = await replayRecording(file);
    assert.is(result.difference, undefined);
    assert.ok(result.complete);
    const items = await readItems(file);
    const answers = items.flatMap((item) => (item.kind === 'answer' ? [`${item.atUs} ${item.answer.kind}`] : []));
    assert.equal(answers.slice(0, 3), ['50000 response', '51000 content', '52000 content']);
    assert.is(answers.length, 9);
  });

  test(`${mode}: a changed or missing answer is a difference of the replay`, async () => {
    const file = join(folder, `${mode}-as-it-was.pcapng`);
    story(open, file);
    const items = await readItems(file);
    const changed = items.map((item) =>
      item.kind === 'answer' && item.atUs === 51_000 ? { ...item, answer: piece('abd') } : item,
    );
    const other = await replayRecording(writeItems(join(folder, 'changed.pcapng'), changed));
    assert.is(other.difference?.kind, 'bytes');
    const without = items.filter((item) => item.kind !== 'answer' || item.atUs !== 60_000);
    const less = await replayRecording(writeItems(join(folder, 'without.pcapng'), without));
    assert.ok(less.difference);
  });

  test(`${mode}: a client that resets cancels, and what is answered then is ignored with a word`, () => {
    const run = open(undefined);
    run.send(1_000, GET);
    run.reset(2_000);
    run.respond(3_000, FOLLOWS);
    assert.equal(run.app.told, ['1 ended cancelled']);
    const reasons = run.events.flatMap((event) => (event.kind === 'unanswered' ? [event.reason] : []));
    assert.is(reasons.length, 2);
    assert.match(reasons[1]!, /^no such (connection|stream) any more$/);
    assert.is(run.end(4_000), '');
  });

  test(`${mode}: an answer that never comes is a 504 at its own time`, async () => {
    const file = join(folder, `${mode}-504.pcapng`);
    const run = open(file);
    run.send(1_000, GET);
    assert.match(run.end(100_000_000), /^HTTP\/1\.1 504 Gateway Timeout\r\n/);
    assert.equal(run.app.told, ['1 ended timeout']);
    assert.is((await replayRecording(file)).difference, undefined);
  });
}

test('tokens that name no flow are ignored', () => {
  const run = openTun(undefined);
  run.send(1_000, GET);
  for (const token of ['', '/', 'x/1', '10.0.0.1:50000>10.0.0.2:80#1/1', '[::1]:1>[::2]:80#0/1', '1:2>3:4#5/6']) {
    run.respond(2_000, FOLLOWS, token);
  }
  assert.equal(run.app.told, []);
  run.respond(3_000, piece(''));
  assert.is(run.end(4_000), '');
});

test('a recording whose answers were damaged is refused with what is wrong', async () => {
  const file = join(folder, 'sound.pcapng');
  story(openTcp, file);
  const bytes = readFileSync(file).toString('latin1');
  for (const [from, to, pattern] of [
    ['"bytes":3', '"bytes":9', /the answer to accept#0\/1: its length is not that of its content/],
    ['"kind":"content"', '"kind":"contend"', /of an unknown kind/],
    ['"atUs":51000', '"atUs":"100"', /an answer has no time/],
    ['"end":false', '"end":fals2', /an answer is not a JSON object/],
  ] as const) {
    assert.ok(bytes.includes(from));
    const damaged = join(folder, 'damaged.pcapng');
    writeFileSync(damaged, Buffer.from(bytes.replace(from, to), 'latin1'));
    const error = await replayRecording(damaged).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    assert.instance(error, CaptureError);
    assert.match((error as Error).message, pattern);
  }
});

test.run();
