// RACK-TLP (RFC 8985) as the network sees it: the two timers fire through the whole stack, at the times that §6.2 and §7.2
// give. The algorithm itself, step by step, is in rack.test.ts.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Wire } from '../../support/wire.js';

const test = suite('RFC 8985');

/** A round trip of 100 ms, SACK agreed on; two full segments left at 0.3 s. */
function twoSegments(): Wire {
  const wire = new Wire({}, [{ atUs: 300_000, verb: 'write', amount: 2920 }]);
  wire.at(0).send('S 0:0(0) <mss 1460,sackOK>').take();
  wire.at(0.1).send('. 1:1(0) ack 1');
  wire.at(0.3).expect('. 1:1461(1460) ack 1');
  wire.expect('P. 1461:2921(1460) ack 1');
  return wire;
}

function reasons(wire: Wire): string[] {
  return wire.events.flatMap((event) => (event.kind === 'retransmit' ? event.reason : []));
}

test('§7.2: without any answer the last segment is probed with after twice the SRTT, before the RTO', () => {
  const wire = twoSegments();
  wire.at(0.499999).nothing();
  assert.is(wire.at(0.5).take()[0]?.seq, 1461);
  // The whole flight was lost: the probe's SACK shows the first segment to be missing.
  wire.at(0.6).send('. 1:1(0) ack 1 <sack 1461:2921>');
  assert.is(wire.at(0.7).take()[0]?.seq, 1);
  wire.at(0.8).send('. 1:1(0) ack 2921').take();
  wire.at(100).nothing();
  assert.not.ok(reasons(wire).includes('rto'));
});

test('§6.2: a segment that one sent after it has overtaken waits a quarter of the least round trip, then it is lost', () => {
  const wire = twoSegments();
  wire.at(0.4).send('. 1:1(0) ack 1 <sack 1461:2921>').nothing();
  wire.at(0.424999).nothing();
  const again = wire.at(0.426).take();
  assert.is(again.length, 1);
  assert.is(again[0]!.seq, 1);
  assert.ok(again[0]!.atUs >= 425_000);
  wire.at(0.526).send('. 1:1(0) ack 2921').take();
  wire.at(100).nothing();
});

test('§6.2: if it was only late, nothing is sent again', () => {
  const wire = twoSegments();
  wire.at(0.4).send('. 1:1(0) ack 1 <sack 1461:2921>').nothing();
  wire.at(0.42).send('. 1:1(0) ack 2921').nothing();
  wire.at(100).nothing();
  assert.equal(reasons(wire), []);
});

test.run();
