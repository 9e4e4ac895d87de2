// Selective acknowledgments as the receiver makes them: RFC 2018 §4 and the examples of RFC 2883 §4.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from '../../../src/core/limits.js';
import { SackBlocks } from '../../../src/core/tcp/sack.js';
import { MAX_SACK_BLOCKS } from '../../../src/core/tcp/segment.js';
import { runScript } from '../../support/packet-script.js';

const test = suite('sack');

const OPEN = `
  0.000 < S 0:0(0) win 65535 <mss 1460,sackOK>
  0.000 > S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK>
  0.010 < . 1:1(0) ack 1 win 65535
`;

test('SACK-permitted is sent only when the peer sent it, and only when it is on (RFC 2018 §2)', () => {
  runScript(`
    0.000 < S 0:0(0) win 65535 <mss 1460>
    0.000 > S. 0:0(0) ack 1 <mss 1460>
    0.010 < . 1:1(0) ack 1 win 65535
    0.100 < . 501:1001(500) ack 1 win 65535
    0.100 > . 1:1(0) ack 1 <>
  `);
  runScript(
    `0.000 < S 0:0(0) win 65535 <mss 1460,sackOK>
     0.000 > S. 0:0(0) ack 1 <mss 1460>
     0.010 < . 1:1(0) ack 1 win 65535
     0.100 < . 501:1001(500) ack 1 win 65535
     0.100 > . 1:1(0) ack 1 <>`,
    { tcp: { sack: false } },
  );
});

test('RFC 2018 §7: the first four segments arrive, the last four are dropped: no blocks', () => {
  runScript(`${OPEN}
    0.100 < . 1:501(500) ack 1 win 65535
    0.100 < . 501:1001(500) ack 1 win 65535
    0.100 < . 1001:1501(500) ack 1 win 65535
    0.100 > . 1:1(0) ack 1501 <>
    0.100 < . 1501:2001(500) ack 1 win 65535
    0.140 > . 1:1(0) ack 2001 <>
  `);
});

test('RFC 2018 §7: the first segment is dropped, the others arrive: one block that grows', () => {
  runScript(`${OPEN}
    0.100 < . 501:1001(500) ack 1 win 65535
    0.100 > . 1:1(0) ack 1 <sack 501:1001>
    0.101 < . 1001:1501(500) ack 1 win 65535
    0.101 > . 1:1(0) ack 1 <sack 501:1501>
    0.102 < . 1501:2001(500) ack 1 win 65535
    0.102 > . 1:1(0) ack 1 <sack 501:2001>
  `);
});

test('RFC 2018 §7: every second segment is dropped: the newest block first; then the fourth and the second arrive', () => {
  runScript(`${OPEN}
    0.100 < . 1:501(500) ack 1 win 65535
    0.101 < . 1001:1501(500) ack 1 win 65535
    0.101 > . 1:1(0) ack 501 <sack 1001:1501>
    0.102 < . 2001:2501(500) ack 1 win 65535
    0.102 > . 1:1(0) ack 501 <sack 2001:2501 1001:1501>
    0.103 < . 3001:3501(500) ack 1 win 65535
    0.103 > . 1:1(0) ack 501 <sack 3001:3501 2001:2501 1001:1501>
    0.104 < . 1501:2001(500) ack 1 win 65535
    0.104 > . 1:1(0) ack 501 <sack 1001:2501 3001:3501>
    0.105 < . 501:1001(500) ack 1 win 65535
    0.105 > . 1:1(0) ack 2501 <sack 3001:3501>
    0.106 < . 2501:3001(500) ack 1 win 65535
    0.106 > . 1:1(0) ack 3501 <>
    0.106 got 3500
  `);
});

test('a fifth block pushes out the oldest, which comes back when there is room (RFC 2018 §4: as many as possible)', () => {
  assert.is(MAX_SACK_BLOCKS, 4);
  runScript(`${OPEN}
    0.101 < . 101:201(100) ack 1 win 65535
    0.101 > . 1:1(0) ack 1 <sack 101:201>
    0.102 < . 301:401(100) ack 1 win 65535
    0.102 > . 1:1(0) ack 1 <sack 301:401 101:201>
    0.103 < . 501:601(100) ack 1 win 65535
    0.103 > . 1:1(0) ack 1 <sack 501:601 301:401 101:201>
    0.104 < . 701:801(100) ack 1 win 65535
    0.104 > . 1:1(0) ack 1 <sack 701:801 501:601 301:401 101:201>
    0.105 < . 901:1001(100) ack 1 win 65535
    0.105 > . 1:1(0) ack 1 <sack 901:1001 701:801 501:601 301:401>
    0.106 < . 1:101(100) ack 1 win 65535
    0.106 > . 1:1(0) ack 201 <sack 901:1001 701:801 501:601 301:401>
    0.107 < . 1101:1201(100) ack 1 win 65535
    0.107 > . 1:1(0) ack 201 <sack 1101:1201 901:1001 701:801 501:601>
    0.108 < . 1001:1101(100) ack 1 win 65535
    0.108 > . 1:1(0) ack 201 <sack 901:1201 701:801 501:601 301:401>
    0.109 < . 201:211(10) ack 1 win 65535
    0.109 > . 1:1(0) ack 211 <sack 901:1201 701:801 501:601 301:401>
  `);
});

test('a block is all that is held around what has come, also where a part of it was forgotten (RFC 2018 §3)', () => {
  // Otherwise the part that is remembered again would lie around the first block, which says: duplicate (RFC 2883 §4).
  runScript(`${OPEN}
    0.101 < . 501:601(100) ack 1 win 65535
    0.101 > . 1:1(0) ack 1 <sack 501:601>
    0.102 < . 901:1001(100) ack 1 win 65535
    0.102 > . 1:1(0) ack 1 <sack 901:1001 501:601>
    0.103 < . 701:801(100) ack 1 win 65535
    0.103 > . 1:1(0) ack 1 <sack 701:801 901:1001 501:601>
    0.104 < . 301:401(100) ack 1 win 65535
    0.104 > . 1:1(0) ack 1 <sack 301:401 701:801 901:1001 501:601>
    0.105 < . 101:201(100) ack 1 win 65535
    0.105 > . 1:1(0) ack 1 <sack 101:201 301:401 701:801 901:1001>
    0.106 < . 601:701(100) ack 1 win 65535
    0.106 > . 1:1(0) ack 1 <sack 501:801 101:201 301:401 901:1001>
    0.107 < . 1101:1201(100) ack 1 win 65535
    0.107 > . 1:1(0) ack 1 <sack 1101:1201 501:801 101:201 301:401>
    0.108 < . 1001:1051(50) ack 1 win 65535
    0.108 > . 1:1(0) ack 1 <sack 901:1051 1101:1201 501:801 101:201>
    0.109 < . 1:101(100) ack 1 win 65535
    0.109 > . 1:1(0) ack 201 <sack 901:1051 1101:1201 501:801 301:401>
  `);
});

test('of more blocks than fit again the rest stays forgotten until there is room for it', () => {
  const blocks = new SackBlocks();
  const edges = new Uint32Array(2 * MAX_SACK_BLOCKS);
  for (const left of [10, 30, 50, 70, 90]) blocks.held(left, left + 10);
  assert.ok(blocks.forgotten);
  blocks.advance(45);
  assert.ok(blocks.incomplete);
  blocks.forgotten = false;
  for (const left of [50, 110, 130]) blocks.remember(left, left + 10);
  assert.ok(blocks.forgotten && !blocks.incomplete);
  assert.is(blocks.collect(edges, MAX_SACK_BLOCKS), MAX_SACK_BLOCKS);
  assert.equal([...edges], [90, 100, 70, 80, 50, 60, 110, 120]);
  blocks.clear();
  assert.not(blocks.pending);
});

test('beside timestamps there is room for three blocks (RFC 2018 §3)', () => {
  runScript(`
    0.000 < S 0:0(0) win 65535 <mss 1460,sackOK,TS val 1 ecr 0>
    0.000 > S. 0:0(0) ack 1 <mss 1460,sackOK,TS val 0 ecr 1>
    0.010 < . 1:1(0) ack 1 win 65535 <TS val 11 ecr 0>
    0.101 < . 101:201(100) ack 1 win 65535 <TS val 101 ecr 0>
    0.101 > . 1:1(0) ack 1 <TS val 101 ecr 11,sack 101:201>
    0.102 < . 301:401(100) ack 1 win 65535 <TS val 102 ecr 0>
    0.102 > . 1:1(0) ack 1 <TS val 102 ecr 11,sack 301:401 101:201>
    0.103 < . 501:601(100) ack 1 win 65535 <TS val 103 ecr 0>
    0.103 > . 1:1(0) ack 1 <TS val 103 ecr 11,sack 501:601 301:401 101:201>
    0.104 < . 701:801(100) ack 1 win 65535 <TS val 104 ecr 0>
    0.104 > . 1:1(0) ack 1 <TS val 104 ecr 11,sack 701:801 501:601 301:401>
  `);
});

test('text that leaves room carries blocks; a full segment is followed by an acknowledgment with them', () => {
  runScript(`${OPEN}
    0.100 < . 501:1001(500) ack 1 win 65535
    0.100 > . 1:1(0) ack 1 <sack 501:1001>
    0.200 session write 100
    0.200 > P. 1:101(100) ack 1 <sack 501:1001>
    0.210 < . 1:1(0) ack 101 win 65535
  `);
  // An echo of two gap fillers: the answer to them fills its segments to the last byte.
  runScript(
    `${OPEN}
    0.100 < . 1461:2921(1460) ack 1 win 65535
    0.100 > . 1:1(0) ack 1 <sack 1461:2921>
    0.101 < . 4381:5841(1460) ack 1 win 65535
    0.101 > . 1:1(0) ack 1 <sack 4381:5841 1461:2921>
    0.102 < . 1:1461(1460) ack 1 win 65535
    0.102 > . 1:1461(1460) ack 2921 <>
    0.102 > P. 1461:2921(1460) ack 2921 <>
    0.102 > . 2921:2921(0) ack 2921 <sack 4381:5841>
  `,
    { echo: true },
  );
});

test('RFC 2883 §4.1.1: a duplicate segment, after lost acknowledgments, is the first block, once', () => {
  runScript(`${OPEN}
    0.100 < . 1:501(500) ack 1 win 65535
    0.100 < . 501:1001(500) ack 1 win 65535
    0.100 < . 1001:1501(500) ack 1 win 65535
    0.100 > . 1:1(0) ack 1501 <>
    0.200 < . 1:501(500) ack 1 win 65535
    0.200 says not in the receive window
    0.200 > . 1:1(0) ack 1501 <sack 1:501>
    0.300 < . 1501:2001(500) ack 1 win 65535
    0.340 > . 1:1(0) ack 2001 <>
  `);
});

test('RFC 2883 §4.1.2: a duplicate below a gap, and the block above it', () => {
  runScript(`${OPEN}
    0.100 < . 1:501(500) ack 1 win 65535
    0.101 < . 1001:1501(500) ack 1 win 65535
    0.101 > . 1:1(0) ack 501 <sack 1001:1501>
    0.102 < . 1:501(500) ack 1 win 65535
    0.102 > . 1:1(0) ack 501 <sack 1:501 1001:1501>
  `);
});

test('RFC 2883 §4.1.3: a duplicate within a block is followed by the whole block', () => {
  runScript(`${OPEN}
    0.100 < . 1:501(500) ack 1 win 65535
    0.101 < . 1001:1501(500) ack 1 win 65535
    0.101 > . 1:1(0) ack 501 <sack 1001:1501>
    0.102 < . 1501:2001(500) ack 1 win 65535
    0.102 > . 1:1(0) ack 501 <sack 1001:2001>
    0.103 < . 2501:3001(500) ack 1 win 65535
    0.103 > . 1:1(0) ack 501 <sack 2501:3001 1001:2001>
    0.104 < . 1001:1501(500) ack 1 win 65535
    0.104 > . 1:1(0) ack 501 <sack 1001:1501 1001:2001 2501:3001>
    0.105 < . 501:1001(500) ack 1 win 65535
    0.105 > . 1:1(0) ack 2001 <sack 2501:3001>
  `);
});

test('RFC 2883 §4.2: a partial duplicate is told, the part that came again only', () => {
  runScript(`${OPEN}
    0.100 < . 1:1001(1000) ack 1 win 65535
    0.101 < . 501:1501(1000) ack 1 win 65535
    0.101 > . 1:1(0) ack 1501 <sack 501:1001>
    0.102 < . 2001:2501(500) ack 1 win 65535
    0.102 > . 1:1(0) ack 1501 <sack 2001:2501>
    0.103 < . 1751:2251(500) ack 1 win 65535
    0.103 > . 1:1(0) ack 1501 <sack 2001:2251 1751:2501>
    0.104 < . 1501:2101(600) ack 1 win 65535
    0.104 > . 1:1(0) ack 2501 <sack 1751:2101>
    0.104 got 2500
  `);
});

test('RFC 2883 §4.2.3: of two duplicate parts the first is told', () => {
  runScript(`${OPEN}
    0.100 < . 501:1001(500) ack 1 win 65535
    0.100 > . 1:1(0) ack 1 <sack 501:1001>
    0.101 < . 1501:2001(500) ack 1 win 65535
    0.101 > . 1:1(0) ack 1 <sack 1501:2001 501:1001>
    0.102 < . 751:2001(1250) ack 1 win 65535
    0.102 > . 1:1(0) ack 1 <sack 751:1001 501:2001>
  `);
});

test('what is not held is not acknowledged: text beyond the bound of the reassembly (CVE-2018-5390)', () => {
  const count = limits.tcp.reassemblyPieces;
  const pieces = Array.from({ length: count }, (_, i) => {
    const seq = 3 + 2 * i;
    return `0.100 < . ${seq}:${seq + 1}(1) ack 1 win 65535\n0.100 > . 1:1(0) ack 1`;
  });
  const end = 3 + 2 * count;
  runScript(`${OPEN} ${pieces.join('\n')}
    0.200 < . ${end}:${end + 1}(1) ack 1 win 65535
    0.200 says out-of-order queue is full
    0.200 > . 1:1(0) ack 1 <sack ${end - 2}:${end - 1} ${end - 4}:${end - 3} ${end - 6}:${end - 5} ${end - 8}:${end - 7}>
  `);
});

test('after a full close nothing is held and no block is sent', () => {
  runScript(
    `${OPEN}
    0.100 session close
    0.100 > F. 1:1(0) ack 1 <>
    0.200 < . 501:1001(500) ack 2 win 65535
    0.200 > . 2:2(0) ack 1 <>
  `,
  );
});

test.run();
