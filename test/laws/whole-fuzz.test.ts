// Damaged input to the whole: thousands of seeded runs of the bundled captures with frames broken, lost, doubled and
// reordered, and of requests broken inside TLS. Nothing is ever thrown, deadlines lie ahead and come to an end, and what
// goes out is bounded. A failure names the capture and the seed, which make it happen again.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from '../../src/core/limits.js';
import { createSession } from '../../src/core/session.js';
import { ContentType } from '../../src/core/tls/record.js';
import { ascii, concat, testRandom } from '../support/bytes.js';
import { http1Requests, http2Requests } from '../support/https-client.js';
import { mutateBytes, mutateInputs, withChecksums } from '../support/mutate.js';
import {
  keepTrace,
  loadRuns,
  makeCore,
  type Output,
  type RecordedRun,
  sameOutputs,
  type TimedInput,
} from '../support/recorded.js';
import { siteOptions, takeAll } from '../support/site-run.js';
import { clientHello, TestTlsClient, withExtension } from '../support/tls-client.js';

const test = suite('damaged input to the whole');

const runs = await loadRuns();
/** Segments of the send buffer, and as many small ones and acknowledgments again. */
const OUTPUTS_OF_ONE_INPUT = 2 * Math.ceil(limits.tcp.sendBufferBytes / 536);
/** Retransmissions of one segment, handshakes and keep-open timers of a few connections. */
const DEADLINES_OF_SILENCE = 200;

interface Result {
  readonly outputs: Output[];
  readonly reasons: Set<string>;
}

/** Gives all inputs, then goes from deadline to deadline until there is none. */
function runDamaged(run: RecordedRun, inputs: readonly TimedInput[], traced: boolean): Result {
  const { mtu = 1500 } = run.identity.config;
  const kept = keepTrace();
  const core = makeCore(run.identity, traced ? kept.trace : undefined);
  const outputs: Output[] = [];
  let lastUs = 0;
  const settle = (nowUs: number): void => {
    if (nowUs > lastUs) lastUs = nowUs;
    const drained = core.drain();
    assert.ok(drained.length <= OUTPUTS_OF_ONE_INPUT, `${drained.length} outputs of one input`);
    for (const output of drained) {
      if (output.what === '') assert.ok(output.bytes.length <= mtu, 'no frame exceeds the MTU');
      outputs.push(output);
    }
    const nextUs = core.nextDeadlineUs();
    assert.ok(nextUs === undefined || nextUs > lastUs, `deadline ${nextUs} is not after ${lastUs}`);
  };
  for (const input of inputs) {
    core.give(input);
    settle(input.atUs);
  }
  let steps = 0;
  for (let nextUs = core.nextDeadlineUs(); nextUs !== undefined; nextUs = core.nextDeadlineUs()) {
    assert.ok(++steps <= DEADLINES_OF_SILENCE, 'silence comes to an end');
    core.advance(nextUs);
    settle(nextUs);
  }
  const reasons = new Set(kept.told.flatMap(({ event }) => ('reason' in event && event.reason) || []));
  return { outputs, reasons };
}

/** Why something was dropped, refused or aborted, numbers left out. */
const told = new Set<string>();

for (const run of runs) {
  const seeds = run.inputs.length > 100 ? 30 : 400;
  test(`${run.name}: ${seeds} damaged runs`, () => {
    for (let seed = 1; seed <= seeds; seed++) {
      try {
        const dice = testRandom(seed * 7919);
        const inputs = mutateInputs(run.inputs, dice, 2 + dice.below(12));
        const { outputs, reasons } = runDamaged(run, inputs, seed % 2 === 0);
        for (const reason of reasons) told.add(reason.replace(/\d+/g, 'N'));
        if (seed % 20 === 0) sameOutputs(runDamaged(run, inputs, false).outputs, outputs, 'again, without a trace');
      } catch (error) {
        if (error instanceof Error) error.message = `${run.name}, seed ${seed}: ${error.message}`;
        throw error;
      }
    }
  });
}

test('the damage reached every layer', () => {
  const wanted = [
    'headerChecksum: does not match the header',
    'checksum: does not match the segment',
    'not in the receive window',
    'RST without a connection',
    'acknowledgment out of range',
    'end of the byte stream without close_notify',
    'bytes after a fatal alert',
  ];
  for (const reason of wanted) assert.ok(told.has(reason), reason);
  assert.ok(told.size >= 40, `${told.size} different reasons`);
});

test('checksums made anew are those of the captures', () => {
  for (const run of runs) {
    for (const input of run.inputs) {
      if (input.kind !== 'frame' || input.frame[9] === 17 || input.frame[0] !== 0x45) continue;
      assert.equal(Array.from(withChecksums(input.frame)), Array.from(input.frame));
    }
  }
});

// ---- inside TLS, where damaged frames never come ----

const REQUESTS = [
  { method: 'GET', path: '/headers' },
  { method: 'POST', path: '/echo', content: new Uint8Array(3000).fill(0x61) },
  { method: 'GET', path: '/bytes/70000' },
  { method: 'GET', path: '/delay/3' },
];

for (const protocol of ['h2', 'http/1.1'] as const) {
  const sound = protocol === 'h2' ? http2Requests(REQUESTS) : http1Requests(REQUESTS);
  const extensions = withExtension({ type: 'alpn', protocols: [ascii(protocol)] });

  /** Gives a session damaged plaintext in records of chance length, and lets it come to an end. */
  const runPlaintext = (seed: number): string => {
    const dice = testRandom(seed * 104_729);
    let plaintext = sound;
    for (let count = 1 + dice.below(3); count > 0; count--) plaintext = mutateBytes(plaintext, dice, 0);
    const { told: events, trace } = keepTrace();
    const session = createSession(siteOptions(true, seed % 2 === 0 ? { trace } : {}));
    const client = new TestTlsClient(clientHello({ extensions }));
    session.receive(0, client.start());
    client.receive(takeAll(session, 0));
    session.receive(0, concat(...client.finish()));
    let sent = takeAll(session, 0).length;
    let nowUs = 0;
    for (let at = 0; at < plaintext.length && session.state === 'open'; ) {
      const part = plaintext.subarray(at, at + 1 + dice.below(4000));
      at += part.length;
      session.receive(nowUs, client.seal(ContentType.applicationData, part));
      sent += takeAll(session, nowUs, 1 + dice.below(20_000)).length;
    }
    for (let steps = 0, nextUs = session.nextDeadlineUs(); nextUs !== undefined; nextUs = session.nextDeadlineUs()) {
      assert.ok(nextUs > nowUs && ++steps < 100);
      nowUs = nextUs;
      session.advance(nowUs);
      sent += takeAll(session, nowUs).length;
    }
    session.endOfInput(nowUs);
    sent += takeAll(session, nowUs).length;
    assert.ok(session.state === 'closed' || session.state === 'aborted', session.state);
    // Digits of a path may be damaged into others: 70,000 bytes can become 970,000, but not a download without end.
    assert.ok(sent < 12_000_000, `${sent} bytes sent`);
    return events
      .map(({ event }) => ('reason' in event && 'layer' in event ? `${event.layer} ${event.reason}` : ''))
      .join();
  };

  test(`${protocol}: 600 damaged streams of requests`, () => {
    const reasons = new Set<string>();
    for (let seed = 1; seed <= 600; seed++) {
      try {
        reasons.add(runPlaintext(seed));
      } catch (error) {
        if (error instanceof Error) error.message = `${protocol}, seed ${seed}: ${error.message}`;
        throw error;
      }
    }
    assert.ok(reasons.size > 20, `${reasons.size} different stories`);
  });
}

test.run();
