// Loss recovery by counting: RFC 6675 with SACK and RFC 6582 without, the scoreboard's defence against lies, ECN
// (RFC 3168 §6.1.2). One script for each rule, with exact times; the round trip is 10 ms, a segment 1000 bytes.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from '../../../src/core/limits.js';
import { SACKED, Scoreboard } from '../../../src/core/tcp/scoreboard.js';
import { emptySegment } from '../../../src/core/tcp/segment.js';
import { testRandom } from '../../support/bytes.js';
import { runSender } from '../../support/sender-script.js';

const test = suite('recovery');
const COUNTING = { recovery: 'newreno' } as const;

function burst(at: string, first: number, count: number): string {
  return Array.from({ length: count }, (_, i) => `${at} > ${first + 1000 * i}:${first + 1000 * (i + 1)}`).join('\n');
}
const TEN = `0.000 write 10000\n${burst('0.000', 1, 10)}`;

test('three separate SACKed ranges above, or more than two segments of bytes: lost (RFC 6675 §4 IsLost)', () => {
  runSender(
    `
    ${TEN}
    0.010 < 1 sack 1001:2001
    0.011 < 1 sack 1001:3001
    0.011 is disorder lost 0
    0.012 < 1 sack 1001:4001
    0.012 > 1:1001 sack
    0.012 is recovery ssthresh 7000
    0.012 says sack
  `,
    COUNTING,
  );
  // The three ranges are above the first segment only; the others have two and one.
  runSender(
    `
    ${TEN}
    0.010 < 1 sack 1001:1501,3001:4001
    0.011 < 1 sack 5001:6001,3001:4001,1001:2001
    0.011 > 1:1001 sack
    0.011 is recovery pipe 7000
  `,
    COUNTING,
  );
});

test('SetPipe: what is SACKed or lost has left the network (RFC 6675 §4)', () => {
  runSender(
    `
    ${TEN}
    0.010 < 1 sack 1001:2001
    0.010 is disorder pipe 9000 flight 10000
    0.010 write 5000
    0.010 > 10001:11001                   # limited transmit (RFC 3042, §5 (3))
    0.010 is disorder pipe 10000 flight 11000
  `,
    COUNTING,
  );
});

test('recovery ends when all that was out at its beginning is acknowledged, no partial ACK ends it (RFC 6675 §5)', () => {
  runSender(
    `
    ${TEN}
    0.010 < 1 sack 3001:6001
    0.010 > 1:1001 sack
    0.010 > 1001:2001 sack
    0.010 > 2001:3001 sack
    0.011 < 1 sack 3001:7001
    0.011 > 9001:10001 sack               # the rescue (§4 NextSeg rule 4): there is nothing new
    0.020 < 2001 sack 3001:7001
    0.020 is recovery
    0.021 < 7001
    0.021 is recovery
    0.022 < 10001
    0.022 is open cwnd 7000
  `,
    COUNTING,
  );
});

test('room but nothing new: first what lies between SACKs, then one rescue of the last (RFC 6675 §4 rules 3 and 4)', () => {
  runSender(
    `
    ${TEN}
    0.010 < 1 sack 1001:4001
    0.010 > 1:1001 sack
    0.011 < 1 sack 1001:4001,5001:6001
    0.011 > 4001:5001 sack                # not lost by the count of those above it
    0.011 > 9001:10001 sack               # the rescue
    0.012 < 1 sack 1001:4001,5001:7001
    0.013 < 1 sack 1001:4001,5001:8001
    0.020 < 4001 sack 5001:8001
    0.020 is recovery
  `,
    COUNTING,
  );
});

test('SACKs that cannot be are not believed: beyond what was sent, empty, reversed, below the acknowledgment', () => {
  runSender(`
    ${TEN}
    0.010 < 1 sack 9001:11001,5001:5001,7001:6001
    0.010 is open sacked 0
    0.011 < 5001 sack 20001:30001,1:5001
    0.011 is open sacked 0
    0.03125 > 9001:10001 tlp
  `);
});

test('half a segment SACKed does not count, and a block over several counts whole segments', () => {
  runSender(`
    ${TEN}
    0.010 < 1 sack 1501:2501
    0.010 is open sacked 0
    0.011 < 1 sack 1501:4501
    0.011 is disorder sacked 2000
    0.0135 > 1:1001 rack
    0.0135 is recovery lost 1000          # the next leaves when an ACK says that something arrived
  `);
});

test('a receiver that reneges costs no more than one timeout (RFC 2018 §8)', () => {
  runSender(`
    ${TEN}
    0.010 < 1 sack 1001:10001
    0.010 > 1:1001 rack
    0.020 < 1001                          # the rest is gone
    0.020 is recovery sacked 9000
    0.220 > 1001:2001 rto
    0.220 says reneged
    0.220 is loss sacked 0 lost 8000
  `);
});

test('without SACK the third duplicate finds a loss, a partial ACK the next (RFC 6582 §3.2)', () => {
  runSender(
    `
    ${TEN}
    0.010 < 1
    0.010 < 1
    0.010 is disorder pipe 8000
    0.010 < 1
    0.010 > 1:1001 fast
    0.010 is recovery ssthresh 7000
    0.011 < 1
    0.020 < 5001
    0.020 > 5001:6001 fast
    0.020 is recovery
    0.030 < 10001
    0.030 is open cwnd 7000
  `,
    { sack: false },
  );
});

test('duplicates with text or another window do not count (RFC 5681 §2)', () => {
  runSender(
    `
    ${TEN}
    0.010 < 1 data
    0.010 < 1 win 900000
    0.010 < 1 win 800000
    0.010 < 1 data
    0.010 is open
  `,
    { sack: false },
  );
});

test('duplicates of what the timeout sent again find no second loss (RFC 6582 §4.1)', () => {
  runSender(
    `
    0.000 write 4000
    ${burst('0.000', 1, 4)}
    0.200 > 1:1001 rto
    0.210 < 4001
    0.210 < 4001
    0.210 < 4001
    0.210 < 4001
    0.210 write 3000
    0.210 > 4001:5001
    0.210 > 5001:6001
    0.211 < 4001
    0.211 > 6001:7001
    0.212 < 4001
    0.213 < 4001
    0.213 idle
  `,
    { sack: false },
  );
});

test('ECE: the window comes down once, CWR stands on the first new segment (RFC 3168 §6.1.2)', () => {
  runSender(`
    ${TEN}
    0.000 write 20000
    0.010 < 1001 ece
    0.010 says ecn
    0.010 is cwr ssthresh 7000
    0.010 > 10001:11001 cwr
    0.011 < 2001 ece
    0.011 is cwr ssthresh 7000
    0.012 < 3001 ece
    0.012 > 11001:12001
    0.013 < 10001 ece                     # the CWR segment is not acknowledged yet
    ${burst('0.013', 12001, 5)}
    0.013 is cwr ssthresh 7000
    0.020 < 11001
    0.020 > 17001:18001
    0.020 is open cwnd 7000
  `);
});

test('marks and losses in one window reduce it once (RFC 3168 §6.1.2)', () => {
  runSender(`
    ${TEN}
    0.010 < 1 sack 1001:4001
    0.010 > 1:1001 rack
    0.010 is recovery ssthresh 7000
    0.011 write 1000
    0.011 < 1 sack 1001:5001 ece
    0.011 is recovery ssthresh 7000
    0.011 > 10001:11001 cwr
  `);
  runSender(`
    ${TEN}
    0.010 < 1001 ece
    0.010 is cwr ssthresh 7000
    0.011 < 1001 sack 2001:5001
    0.011 > 1001:2001 rack
    0.011 is recovery ssthresh 7000
  `);
});

test('the echo of a mark that came during recovery reduces nothing behind it, until CWR is acknowledged (RFC 3168 §6.1.2)', () => {
  runSender(`
    ${TEN}
    0.000 write 30000
    0.010 < 1 sack 1001:4001
    0.010 > 1:1001 rack
    0.010 is recovery ssthresh 7000
    0.011 < 1 sack 1001:6001
    ${burst('0.011', 10001, 2)}
    0.012 < 1 sack 1001:7001 ece
    0.012 > 12001:13001 cwr
    0.013 < 1 sack 1001:10001 ece
    ${burst('0.013', 13001, 3)}
    0.020 < 10001 ece
    0.020 > 16001:17001
    0.020 is open ssthresh 7000
    0.021 < 11001 ece
    0.021 > 17001:18001
    0.021 is open ssthresh 7000
    0.023 < 13001 ece                     # the CWR segment was marked itself
    ${burst('0.023', 18001, 2)}
    0.023 is open ssthresh 7000
    0.024 < 14001 ece
    0.024 is cwr ssthresh 4900
    0.024 > 20001:21001 cwr
  `);
  // A loss in the window that a mark has reduced already: CWR was said, and says so once.
  runSender(`
    ${TEN}
    0.000 write 20000
    0.010 < 1001 ece
    0.010 > 10001:11001 cwr
    0.011 < 1001 sack 2001:5001 ece
    0.011 > 1001:2001 rack
    0.012 < 1001 sack 2001:8001 ece
    ${burst('0.012', 11001, 3)}
  `);
});

test('after an idle time longer than the RTO the window is the initial one again (RFC 5681 §4.1)', () => {
  runSender(`
    0.000 write 10000
    ${burst('0.000', 1, 10)}
    0.010 < 5001
    0.011 < 10001
    0.011 is open cwnd 11000
    5.000 write 12000
    ${burst('5.000', 10001, 10)}
    5.000 is open cwnd 10000
  `);
});

test('a probe of what a receiver has reneged on leaves no count behind', () => {
  const board = new Scoreboard(0);
  board.sent(0, 0, 1000);
  board.sent(0, 1000, 2000);
  const segment = emptySegment();
  segment.sackBlocks = 1;
  segment.sackEdges.set([0, 1000]);
  board.acknowledge(segment, 0, 0, 2000, 0);
  assert.ok(board.reneged);
  board.probed(board.head);
  assert.is(board.retransmittedSegments, 0, 'SACKed, and so out of the network');
  segment.sackBlocks = 0;
  board.acknowledge({ ...segment, ack: 2000 }, 0, 2000, 2000, 0);
  assert.is(board.size, 0);
  assert.is(board.retransmittedSegments, 0);
});

test('no more segments are out than the scoreboard holds, and twice as many after cuts', () => {
  const board = new Scoreboard(0);
  while (!board.full) board.sent(0, 10 * board.size, 10 * (board.size + 1));
  assert.is(board.size, limits.tcp.segmentsInFlight);
  let cuts = 0;
  while (board.split((board.tail - 1) | 0, 1)) {
    cuts++;
    if (board.end((board.tail - 1) | 0) - board.seq((board.tail - 1) | 0) === 1) break;
  }
  for (let id = board.head, more = true; more; ) {
    more = board.split(id, 5);
    if (more) cuts++;
    id = (id + 1) | 0;
  }
  assert.is(board.size, 2 * limits.tcp.segmentsInFlight);
  assert.is(cuts, limits.tcp.segmentsInFlight);
  const sender = runSender(`0.000 idle`, { mss: 48 });
  sender.updateWindow(1 << 30, 1, 1);
  sender.congestion.cwnd = 1 << 20;
  sender.queue.push(new Uint8Array(1_000_000));
  sender.send(0, { write: () => undefined, retransmitting: () => undefined, congestion: () => undefined });
  assert.is(sender.recovery.board.size, limits.tcp.segmentsInFlight);
});

test('the sums of the scoreboard are those of its entries, whatever is acknowledged, lost, cut and sent again', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = testRandom(seed);
    const first = 0xffff_8000;
    const board = new Scoreboard(first);
    let una = 0;
    let nxt = 0;
    for (let step = 0; step < 400; step++) {
      const size = board.size;
      const any = (board.head + random.below(Math.max(1, size))) | 0;
      const what = random.below(8);
      if (what < 3 && size < 200) {
        const length = 1 + random.below(1000);
        board.sent(step, (first + nxt) >>> 0, (first + nxt + length) >>> 0);
        nxt += length;
      } else if (what === 3 && size > 0) board.markLost(any, 'rack');
      else if (what === 4 && size > 0 && (board.bits(any) & SACKED) === 0) board.resent(step, any);
      else if (what === 5 && size > 0) {
        const length = (board.end(any) - board.seq(any)) >>> 0;
        if (length > 1) board.split(any, 1 + random.below(length - 1));
      } else if (what === 6 && random.below(20) === 0) board.forgetSacks();
      else {
        const segment = emptySegment();
        const from = una;
        if (random.below(2) === 0) una += random.below(Math.max(1, Math.floor((nxt - una) / 3)));
        segment.ack = (first + una) >>> 0;
        segment.sackBlocks = random.below(4);
        for (let i = 0; i < segment.sackBlocks; i++) {
          const left = una + random.below(Math.max(1, nxt - una));
          segment.sackEdges[2 * i] = first + left;
          segment.sackEdges[2 * i + 1] = first + left + random.below(4000);
        }
        board.delivery.begin(step, Number.POSITIVE_INFINITY, 0);
        board.acknowledge(segment, (first + from) >>> 0, segment.ack, (first + nxt) >>> 0, 1 << 20);
      }
      check(board, (first + una) >>> 0, (first + nxt) >>> 0, `seed ${seed} step ${step}`);
    }
  }
});

function check(board: Scoreboard, una: number, nxt: number, label: string): void {
  let [sacked, segments, lost, again, at] = [0, 0, 0, 0, una];
  let firstLost = board.tail;
  for (let id = board.head; id !== board.tail; id = (id + 1) | 0) {
    assert.is(board.seq(id), at, label);
    at = board.end(id);
    const length = (board.end(id) - board.seq(id)) >>> 0;
    const bits = board.bits(id);
    if ((bits & 1) !== 0) {
      sacked += length;
      segments++;
    } else if ((bits & 2) !== 0) {
      lost += length;
      if (firstLost === board.tail) firstLost = id;
    } else if ((bits & 4) !== 0) again++;
  }
  assert.is(at, nxt, label);
  assert.equal(
    [board.sackedBytes, board.sackedSegments, board.lostBytes, board.retransmittedSegments],
    [sacked, segments, lost, again],
    label,
  );
  assert.is(board.firstLost(), firstLost, label);
}

test.run();
