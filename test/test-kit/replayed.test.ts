// wirebench/test: recordings as tests, and golden texts.

import { AssertionError } from 'node:assert';
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { dissectPacket } from '../../src/bench/dissect-packet.js';
import { readRecording } from '../../src/bench/recording.js';
import { CaptureError } from '../../src/io/capture.js';
import { expectGolden, expectIdentical, replayFile } from '../../src/test-kit/index.js';
import { projectRoot, withFolder } from '../support/live.js';

const captures = join(projectRoot, 'fixtures/captures');

/** The environment decides; the runner's own must not. */
async function withEnvironment(env: Readonly<Record<string, string>>, body: () => Promise<void>): Promise<void> {
  const names = ['CI', 'WIREBENCH_UPDATE'];
  const before = names.map((name) => process.env[name]);
  for (const name of names) delete process.env[name];
  Object.assign(process.env, env);
  try {
    await body();
  } finally {
    names.forEach((name, i) => {
      if (before[i] === undefined) delete process.env[name];
      else process.env[name] = before[i];
    });
  }
}

async function failure(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    assert.instance(error, AssertionError);
    return (error as AssertionError).message;
  }
  throw new Error('nothing was raised');
}

/** A copy of h2.pcapng whose recorded ServerHello has another random. */
async function changedCopy(folder: string): Promise<string> {
  const original = join(captures, 'h2.pcapng');
  const file = join(folder, 'changed.pcapng');
  const bytes = readFileSync(original);
  for await (const item of readRecording(original)) {
    if (item.kind !== 'packet' || item.dir !== 'out' || item.data.length < 500) continue;
    const { payload } = dissectPacket(item.data);
    assert.equal([payload[0], payload[5]], [22, 2], 'a handshake record with a ServerHello');
    bytes[bytes.indexOf(payload) + 20]! ^= 0x01;
    break;
  }
  writeFileSync(file, bytes);
  return file;
}

test('a recording is identical, its golden logs too', async () => {
  await withEnvironment({ CI: 'true' }, async () => {
    let events = 0;
    const result = await expectIdentical(join(captures, 'h2.pcapng'), { trace: () => events++ });
    assert.is(result.identical, true);
    assert.equal([result.difference, result.golden], [[], []]);
    assert.ok(result.packets > 10 && result.durationUs > 0 && result.complete);
    assert.is(events, readFileSync(join(captures, 'h2.jsonl'), 'utf8').split('\n').length - 2 + secrets());
  });
});

/** Secrets are told, and are in no golden log. */
function secrets(): number {
  return (readFileSync(join(captures, 'h2.pcapng'), 'latin1').match(/CLIENT_RANDOM /g) ?? []).length;
}

test('a difference is a result, and an assertion with packet, layer and field', async () => {
  await withFolder(async (folder) => {
    const file = await changedCopy(folder);
    await withEnvironment({}, async () => {
      const result = await replayFile(file);
      assert.is(result.identical, false);
      assert.match(
        result.difference[0]!,
        /^packet \d+ \(\+\d+\.\d{6} s\) TLS ServerHello\.random: recorded 0x.+, now 0x/,
      );
      const message = await failure(expectIdentical(file));
      assert.ok(message.startsWith(`${file}: the replay is not identical\n  packet `), message);
      assert.is(await failure(expectIdentical(result)), message, 'of a file or of its result');
      assert.is(await failure(expectIdentical(replayFile(file))), message);
    });
  });
});

test('golden logs: missing passes, but not under CI; an update writes them; another line is named', async () => {
  await withFolder(async (folder) => {
    const file = join(folder, 'h2.pcapng');
    copyFileSync(join(captures, 'h2.pcapng'), file);
    await withEnvironment({}, () => expectIdentical(file).then(() => {}));
    await withEnvironment({ CI: 'true' }, async () => {
      const message = await failure(expectIdentical(file));
      assert.match(message, /h2\.jsonl is missing; WIREBENCH_UPDATE=1 writes it\n.*h2\.log is missing/);
      await expectIdentical(file, { golden: 'none' });
    });
    await withEnvironment({ WIREBENCH_UPDATE: '1' }, () => expectIdentical(file).then(() => {}));
    const log = join(folder, 'h2.log');
    assert.is(readFileSync(log, 'utf8'), readFileSync(join(captures, 'h2.log'), 'utf8'));
    writeFileSync(log, readFileSync(log, 'utf8').replace('SYN', 'NYS'));
    await withEnvironment({ CI: 'true' }, async () => {
      const result = await replayFile(file);
      assert.is(result.golden.length, 1);
      assert.match(result.golden[0]!.golden!, /NYS/);
      assert.match(await failure(expectIdentical(result)), /h2\.log line \d+:\n +golden: .*NYS.*\n +now: .*SYN/);
    });
  });
});

test('a failure has both sides or neither, and options that are not there are named', async () => {
  const raised = async (body: () => unknown): Promise<AssertionError> => {
    try {
      await body();
    } catch (error) {
      return error as AssertionError;
    }
    throw new Error('nothing was raised');
  };
  await withFolder(async (folder) => {
    const file = join(folder, 'a.txt');
    writeFileSync(file, 'a\n');
    await withEnvironment({ CI: 'true' }, async () => {
      const other = await raised(() => expectGolden(file, 'b\n'));
      assert.equal([other.actual, other.expected], ['b\n', 'a\n']);
      const missing = await raised(() => expectGolden(join(folder, 'none.txt'), 'b\n'));
      assert.equal([missing.actual, missing.expected], [undefined, undefined]);
      const changed = await changedCopy(folder);
      const different = await raised(() => expectIdentical(changed));
      assert.equal([different.actual, different.expected], [undefined, undefined]);
    });
  });
  const capture = join(captures, 'h2.pcapng');
  for (const [options, message] of [
    [{ goldn: 'none' }, 'replayFile: no option "goldn"; there are golden, trace. Did you mean golden?'],
    [{ golden: 'off' }, 'replayFile: golden: "off"; there are auto, none'],
  ] as const) {
    const error = await raised(() => replayFile(capture, options as object));
    assert.instance(error, TypeError);
    assert.is(error.message, message);
  }
});

test('a recording without packets is not identical, nor under CI one that was cut off', async () => {
  const h2 = readFileSync(join(captures, 'h2.pcapng'));
  await withFolder(async (folder) => {
    const ends: number[] = [];
    for (let at = 0; at < h2.length; at += h2.readUInt32LE(at + 4)) ends.push(at);
    const types = ends.map((at) => h2.readUInt32LE(at));
    const firstPacket = ends[types.indexOf(6)]!;
    const cut = join(folder, 'cut.pcapng');
    writeFileSync(cut, h2.subarray(0, firstPacket));
    await withEnvironment({}, async () => {
      assert.match(await failure(expectIdentical(cut)), /nothing was tested: it holds no packet/);
    });
    // The last block says where the run ended.
    writeFileSync(cut, h2.subarray(0, ends.at(-1)!));
    await withEnvironment({}, async () => assert.is((await expectIdentical(cut)).complete, false));
    await withEnvironment({ CI: 'true' }, async () => {
      assert.match(await failure(expectIdentical(cut, { golden: 'none' })), /its run was cut off/);
    });
  });
});

test('a file that is no recording is an error of its own', async () => {
  try {
    await replayFile(join(captures, 'README.md'));
  } catch (error) {
    assert.instance(error, CaptureError);
    return;
  }
  throw new Error('nothing was raised');
});

test('golden texts: written at first, compared then, missing under CI is a failure', async () => {
  await withFolder(async (folder) => {
    const file = join(folder, 'a.txt');
    await withEnvironment({ CI: 'true' }, async () => {
      assert.match(
        await failure(Promise.resolve().then(() => expectGolden(file, 'a\n'))),
        /a\.txt is missing\nrun the/,
      );
      assert.not(existsSync(file));
    });
    await withEnvironment({}, async () => {
      expectGolden(file, 'a\nb\n');
      assert.is(readFileSync(file, 'utf8'), 'a\nb\n');
      expectGolden(file, 'a\nb\n');
      const message = await failure(Promise.resolve().then(() => expectGolden(file, 'a\nc\n')));
      assert.match(message, /a\.txt line 2:\n {2}golden: b\n {2}now: {4}c\n/);
      assert.is(readFileSync(file, 'utf8'), 'a\nb\n', 'it is not changed unasked');
    });
    await withEnvironment({ WIREBENCH_UPDATE: '1', CI: 'true' }, async () => expectGolden(file, 'a\nc\n'));
    assert.is(readFileSync(file, 'utf8'), 'a\nc\n');
  });
});

test('what is no file and no result is a TypeError that says so', async () => {
  const nothing = undefined as unknown as string;
  for (const [promise, message] of [
    [expectIdentical(nothing), 'expectIdentical: a file, or what replayFile gave, is wanted, not undefined'],
    [expectIdentical(Buffer.from('x') as unknown as string), /^expectIdentical: a file, .* not Buffer$/],
    [replayFile(nothing), 'replayFile: file: a text is wanted, not undefined'],
  ] as const) {
    const error = await promise.then(
      () => undefined,
      (raised: unknown) => raised,
    );
    assert.instance(error, TypeError);
    assert.match((error as TypeError).message, message);
  }
});

test.run();
