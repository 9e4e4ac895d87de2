// CUBIC (RFC 9438) by its formulas, in floating point here and in integers there; Reno and rate reduction by the RFCs' examples.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Cubic, integerCubeRoot } from '../../../src/core/tcp/cubic.js';
import { ProportionalRateReduction } from '../../../src/core/tcp/prr.js';
import { testRandom } from '../../support/bytes.js';

const test = suite('cubic');
const MSS = 1000;

test('the cube root is the largest integer below the real one', () => {
  assert.is(integerCubeRoot(0), 0);
  assert.is(integerCubeRoot(1), 1);
  assert.is(integerCubeRoot(7), 1);
  assert.is(integerCubeRoot(8), 2);
  for (const n of [2, 10, 99, 1_000, 65_535, 131_072, 208_063]) {
    assert.is(integerCubeRoot(n ** 3), n);
    assert.is(integerCubeRoot(n ** 3 - 1), n - 1);
  }
  const random = testRandom(1);
  for (let i = 0; i < 2000; i++) {
    const n = random.below(2 ** 31) * 2 ** 20 + random.below(2 ** 20);
    const root = integerCubeRoot(n);
    assert.ok(root ** 3 <= n && (root + 1) ** 3 > n, `${n}`);
  }
});

/** Acknowledges a window each round trip of `rttUs` and gives cwnd after each of them. */
function rounds(cubic: Cubic, cwnd: number, rttUs: number, count: number, fromUs = 0): number[] {
  const windows: number[] = [];
  let nowUs = fromUs;
  for (let round = 0; round < count; round++) {
    const start = cwnd;
    for (let acked = 0; acked < start; acked += MSS) {
      cwnd += cubic.increase(nowUs + Math.floor((rttUs * acked) / start), MSS, cwnd, MSS, rttUs);
    }
    nowUs += rttUs;
    windows.push(cwnd);
  }
  return windows;
}

test('after a reduction the window follows W_cubic(t) = C (t - K)^3 + W_max, back to W_max at K (§4.2)', () => {
  const cubic = new Cubic();
  const ssthresh = cubic.reduce(500_000, 500_000, MSS);
  assert.is(ssthresh, 350_000);
  // K = cbrt(150 / 0.4) = 7.211 s. A round trip of 200 ms keeps Reno's estimate far below.
  const windows = rounds(cubic, ssthresh, 200_000, 60);
  const cubicAt = (seconds: number): number => (0.4 * (seconds - Math.cbrt(150 / 0.4)) ** 3 + 500) * MSS;
  for (const round of [5, 15, 30, 36, 45]) {
    const wanted = cubicAt((round + 1) * 0.2);
    assert.ok(Math.abs(windows[round]! - wanted) < 0.02 * wanted, `round ${round}: ${windows[round]} for ${wanted}`);
  }
  assert.ok(windows[20]! < windows[21]!);
});

test('where Reno would be faster the window follows W_est, with alpha 9/17 until cwnd_prior (§4.3)', () => {
  const cubic = new Cubic();
  const ssthresh = cubic.reduce(20_000, 20_000, MSS);
  const windows = rounds(cubic, ssthresh, 10_000, 30);
  // 9/17 of a segment in each round trip of 10 ms, while the cubic stands still.
  assert.ok(Math.abs(windows[9]! - (14_000 + (10 * 9000) / 17)) < 700, `${windows[9]}`);
  // From 20 segments on it is one a round trip.
  const grown = windows[29]! - windows[24]!;
  assert.ok(grown > 4_500 && grown < 5_600, `${grown}`);
});

test('fast convergence: a loss below the former W_max takes W_max down by more (§4.7)', () => {
  const near = new Cubic();
  near.reduce(400_000, 400_000, MSS);
  const plain = rounds(near, 280_000, 200_000, 40);
  const far = new Cubic();
  far.reduce(500_000, 500_000, MSS);
  far.reduce(400_000, 400_000, MSS);
  const converging = rounds(far, 280_000, 200_000, 40);
  // W_max is 0.85 of 400 segments: the plateau is at 340.
  assert.ok(converging[20]! < plain[20]!);
  assert.ok(Math.abs(converging[26]! - 340_000) < 5_000, `${converging[26]}`);
});

test('a target is at most half a window away (§4.2)', () => {
  const cubic = new Cubic();
  cubic.reduce(500_000, 500_000, MSS);
  cubic.increase(0, MSS, 10_000, MSS, 100_000);
  // Long after K the cubic is far above; one window of acknowledgments grows cwnd by half of it, no more.
  let cwnd = 10_000;
  for (let i = 0; i < 10; i++) cwnd += cubic.increase(60_000_000, MSS, 10_000, MSS, 100_000);
  assert.is(cwnd, 15_000);
});

test('time in which the window was not used does not count (§4.2)', () => {
  const used = new Cubic();
  used.reduce(500_000, 500_000, MSS);
  const idle = new Cubic();
  idle.reduce(500_000, 500_000, MSS);
  for (const cubic of [used, idle]) {
    rounds(cubic, 350_000, 200_000, 5);
    cubic.increase(1_000_000, MSS, 400_000, MSS, 200_000);
  }
  idle.notLimited(31_000_000);
  const grown = used.increase(1_200_000, 50_000, 400_000, MSS, 200_000);
  assert.ok(grown > 0);
  assert.is(idle.increase(31_200_000, 50_000, 400_000, MSS, 200_000), grown);
});

test('after a timeout K is 0 and W_max is where slow start ended (§4.8)', () => {
  const cubic = new Cubic();
  cubic.reduce(500_000, 500_000, MSS);
  cubic.timedOut();
  const windows = rounds(cubic, 100_000, 200_000, 10);
  const wanted = (100 + 0.4 * 2 ** 3) * MSS;
  assert.ok(Math.abs(windows[9]! - wanted) < 3_000, `${windows[9]}`);
});

test('an undone reduction leaves no trace (§4.9.2)', () => {
  const plain = new Cubic();
  const undone = new Cubic();
  for (const cubic of [plain, undone]) cubic.reduce(500_000, 500_000, MSS);
  assert.equal(rounds(plain, 350_000, 200_000, 5), rounds(undone, 350_000, 200_000, 5));
  undone.reduce(380_000, 380_000, MSS);
  undone.undo();
  plain.undo();
  plain.reduce(500_000, 500_000, MSS);
  undone.undo();
  undone.reduce(500_000, 500_000, MSS);
  assert.equal(rounds(plain, 350_000, 200_000, 5, 9_000_000), rounds(undone, 350_000, 200_000, 5, 9_000_000));
});

/** Plays RFC 6937 §3.1: flight 20 segments, ssthresh 10; gives what leaves for each ACK from the third on. */
function reduceRate(acks: number, lostSegments: number): number[] {
  const prr = new ProportionalRateReduction();
  prr.begin(20);
  const sent: number[] = [];
  // At the third duplicate: 20 in flight and two new ones by limited transmit, less three delivered and those lost.
  let pipe = 22 - 3 - lostSegments;
  for (let ack = 0; ack < acks; ack++) {
    if (ack > 0) pipe--;
    const count = prr.allowance(1, pipe, 10, 1);
    prr.sent(count);
    pipe += count;
    sent.push(count);
  }
  return sent;
}

test('rate reduction sends for every other ACK after one loss (RFC 6937 §3.1)', () => {
  // ACKs 3 to 19 of the example: R, then new data for every second, and for both of the last two.
  assert.equal(reduceRate(15, 1), [1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
});

test('with more lost than the reduction wants, two for each ACK: the slow-start bound (RFC 6937 §3.1)', () => {
  assert.equal(reduceRate(3, 15), [2, 2, 2]);
});

test.run();
