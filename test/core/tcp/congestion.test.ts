// Congestion control and the retransmission timeout, by their formulas.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from '../../../src/core/limits.js';
import { Congestion } from '../../../src/core/tcp/congestion.js';
import { INITIAL_RTO_US, MAX_RTO_US, MIN_RTO_US, RttEstimator } from '../../../src/core/tcp/rtt.js';

const test = suite('congestion');

test('the initial window (RFC 6928 §2)', () => {
  assert.is(new Congestion(1460).cwnd, 14_600);
  assert.is(new Congestion(536).cwnd, 5_360);
  assert.is(new Congestion(8_960).cwnd, 17_920);
});

test('slow start adds what is acknowledged, at most a segment for each ACK', () => {
  const c = new Congestion(1000);
  c.acknowledge(1, 2, 0);
  assert.is(c.cwnd, 10_001);
  c.acknowledge(5_000, 5_002, 0);
  assert.is(c.cwnd, 11_001);
});

test('congestion avoidance adds a segment for each window acknowledged', () => {
  const c = new Congestion(1000);
  c.ssthresh = 10_000;
  for (let i = 0; i < 9; i++) c.acknowledge(1000, 1000 * i, 0);
  assert.is(c.cwnd, 10_000);
  c.acknowledge(1000, 10_000, 0);
  assert.is(c.cwnd, 11_000);
});

test('cwnd stays within the send buffer', () => {
  const c = new Congestion(1460);
  for (let i = 0; i < 5000; i++) c.acknowledge(1460, i, 0);
  assert.is(c.cwnd, limits.tcp.sendBufferBytes);
});

test('fast recovery: halves, inflates, deflates, ends at ssthresh', () => {
  const c = new Congestion(1000);
  for (let i = 0; i < 3; i++) c.duplicate(5_000, 15_000, 10_000);
  assert.ok(c.inRecovery && c.retransmitNow);
  assert.is(c.ssthresh, 5_000);
  assert.is(c.cwnd, 8_000);
  c.duplicate(5_000, 15_000, 10_000);
  assert.is(c.cwnd, 9_000);
  c.retransmitNow = false;
  c.acknowledge(3_000, 8_000, 7_000);
  assert.ok(c.inRecovery && c.retransmitNow);
  assert.is(c.cwnd, 7_000);
  c.acknowledge(7_000, 15_000, 4_500);
  assert.not(c.inRecovery);
  assert.is(c.cwnd, 5_000);
});

test('no second fast retransmit for the same window, but for the next (RFC 6582 §3.2)', () => {
  const c = new Congestion(1000);
  c.timeout(true, 15_000, 10_000);
  assert.is(c.cwnd, 1_000);
  assert.is(c.ssthresh, 5_000);
  c.timeout(false, 15_000, 1_000);
  assert.is(c.ssthresh, 5_000);
  for (let i = 0; i < 5; i++) c.duplicate(9_000, 15_000, 6_000);
  assert.not(c.inRecovery);
  c.acknowledge(7_000, 16_000, 0);
  for (let i = 0; i < 3; i++) c.duplicate(16_000, 20_000, 4_000);
  assert.ok(c.inRecovery);
});

test('a loss episode 2^31 bytes ago does not matter', () => {
  const c = new Congestion(1000);
  c.timeout(true, 1_000, 1_000);
  c.acknowledge(1_000, 2_000, 0);
  const una = 2_000 + 0x8000_0000;
  for (let i = 0; i < 3; i++) c.duplicate(una, una + 3_000, 3_000);
  assert.ok(c.inRecovery);
});

test('the RTO: initial, from one sample, smoothed, with its bounds (RFC 6298 §2)', () => {
  const rtt = new RttEstimator();
  assert.is(rtt.rtoUs, INITIAL_RTO_US);
  rtt.sample(400_000);
  assert.is(rtt.srttUs, 400_000);
  assert.is(rtt.rtoUs, 400_000 + 4 * 200_000);
  rtt.sample(200_000);
  // RTTVAR = 3/4 * 200 ms + 1/4 * 200 ms; SRTT = 7/8 * 400 ms + 1/8 * 200 ms.
  assert.is(rtt.srttUs, 375_000);
  assert.is(rtt.rtoUs, 375_000 + 4 * 200_000);
  for (let i = 0; i < 200; i++) rtt.sample(1_000);
  assert.is(rtt.rtoUs, MIN_RTO_US);
  for (let i = 0; i < 20; i++) rtt.backOff();
  assert.is(rtt.rtoUs, MAX_RTO_US);
  rtt.sample(1_000);
  assert.is(rtt.rtoUs, MIN_RTO_US);
  rtt.sample(500_000_000);
  assert.is(rtt.rtoUs, MAX_RTO_US);
});

test.run();
