// The congestion window and the retransmission timeout, by their formulas.

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
  c.acknowledged(0, 1, 10_000, -1);
  assert.is(c.cwnd, 10_001);
  c.acknowledged(0, 5_000, 10_000, -1);
  assert.is(c.cwnd, 11_001);
});

test('Reno adds a segment for each window acknowledged in congestion avoidance', () => {
  const c = new Congestion(1000);
  c.ssthresh = 10_000;
  for (let i = 0; i < 9; i++) c.acknowledged(0, 1000, 10_000, -1);
  assert.is(c.cwnd, 10_000);
  c.acknowledged(0, 1000, 10_000, -1);
  assert.is(c.cwnd, 11_000);
});

test('cwnd stays within the send buffer', () => {
  for (const control of ['reno', 'cubic'] as const) {
    const c = new Congestion(1460, control);
    for (let i = 0; i < 5000; i++) c.acknowledged(i * 1000, 1460, c.cwnd, 1000);
    assert.is(c.cwnd, limits.tcp.sendBufferBytes);
    c.set(1 << 30);
    assert.is(c.cwnd, limits.tcp.sendBufferBytes);
  }
});

test('a window that was not used does not grow (RFC 7661): half of it in slow start, all of it afterwards', () => {
  const c = new Congestion(1000);
  c.acknowledged(0, 1000, 5_000, -1);
  assert.is(c.cwnd, 10_000);
  c.acknowledged(0, 1000, 5_001, -1);
  assert.is(c.cwnd, 11_000);
  c.ssthresh = 10_000;
  for (let i = 0; i < 50; i++) c.acknowledged(0, 1000, 10_000, -1);
  assert.is(c.cwnd, 11_000);
});

test('Reno halves the flight, two segments at least (RFC 5681 §3.1); CUBIC takes 0.7 of it (RFC 9438 §4.6)', () => {
  const reno = new Congestion(1000, 'reno');
  reno.reduce(10_000, false);
  assert.is(reno.ssthresh, 5_000);
  reno.reduce(3_000, false);
  assert.is(reno.ssthresh, 2_000);
  const cubic = new Congestion(1000, 'cubic');
  cubic.reduce(10_000, false);
  assert.is(cubic.ssthresh, 7_000);
  cubic.reduce(1_000, false);
  assert.is(cubic.ssthresh, 2_000);
});

test('what limited transmit sent beyond cwnd does not count for the reduction (RFC 3042 §2)', () => {
  const c = new Congestion(1000);
  c.reduce(12_000, false);
  assert.is(c.ssthresh, 5_000);
});

test('a timeout leaves one segment; undone, slow start goes on to the former window (RFC 4015 §3.4)', () => {
  const c = new Congestion(1000);
  c.set(40_000);
  c.ssthresh = 30_000;
  c.reduce(40_000, false);
  c.timedOut();
  assert.is(c.cwnd, 1_000);
  assert.ok(c.canUndo);
  c.undo(15_000);
  assert.is(c.cwnd, 15_000);
  assert.is(c.ssthresh, 40_000);
  assert.not(c.canUndo);
  c.undo(1_000_000);
  assert.is(c.cwnd, 15_000, 'once only');
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
  assert.is(rtt.rttvarUs, 200_000);
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

test('on a path of constant delay the RTO stays 100 ms above it', () => {
  const rtt = new RttEstimator();
  for (let i = 0; i < 100; i++) rtt.sample(300_000);
  assert.is(rtt.rtoUs, 400_000);
});

test('the least round-trip time forgets what is older than two windows (RFC 8985 §6.2 step 1)', () => {
  const rtt = new RttEstimator();
  assert.is(rtt.minRttUs, 0);
  rtt.observe(1, 5_000);
  rtt.observe(2, 9_000);
  assert.is(rtt.minRttUs, 5_000);
  rtt.observe(151_000_000, 9_000);
  assert.is(rtt.minRttUs, 5_000);
  rtt.observe(302_000_000, 8_000);
  assert.is(rtt.minRttUs, 8_000);
});

test('after a spurious timeout the timer knows the delay (RFC 4015 §3.6)', () => {
  const rtt = new RttEstimator();
  rtt.sample(10_000);
  rtt.backOff();
  assert.ok(rtt.backedOff);
  rtt.adaptAfterSpurious(500_000);
  assert.is(rtt.srttUs, 500_000);
  assert.is(rtt.rttvarUs, 250_000);
  assert.is(rtt.rtoUs, 1_500_000);
  assert.not(rtt.backedOff);
});

test.run();
