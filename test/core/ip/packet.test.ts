// IPv4 headers and addresses: hex in, fields out, and back; everything malformed raises ParseError.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ParseError } from '../../../src/core/bytes/reader.js';
import { formatAddress, isHostAddress, parseAddress } from '../../../src/core/ip/address.js';
import { decodePacket, writeIpv4Header } from '../../../src/core/ip/packet.js';
import { concat, equalBytes, hex } from '../../support/bytes.js';
import { ipFrame } from '../../support/frames.js';

const test = suite('ip packet');

/** 10.0.0.1 to 10.0.0.2, TCP, 24 bytes in all, DF, TTL 64. */
const HEADER = hex('45000018 00004000 400626de 0a000001 0a000002');
const FRAME = concat(HEADER, hex('01020304'));

function refused(frame: Uint8Array): string {
  try {
    decodePacket(frame);
  } catch (error) {
    if (error instanceof ParseError) return error.what;
    throw error;
  }
  throw new Error('it was accepted');
}

test('reads every field', () => {
  assert.equal(decodePacket(FRAME), {
    totalLength: 24,
    ecn: 0,
    id: 0,
    dontFragment: true,
    moreFragments: false,
    fragmentOffset: 0,
    ttl: 64,
    protocol: 6,
    source: 0x0a000001,
    destination: 0x0a000002,
    payloadStart: 20,
    payloadEnd: 24,
  });
});

test('what is written is what was read', () => {
  const frame = new Uint8Array(24).fill(0xee);
  writeIpv4Header(frame, 0, 24, 6, 0x0a000001, 0x0a000002);
  equalBytes(frame.subarray(0, 20), HEADER);
  const high = new Uint8Array(20);
  writeIpv4Header(high, 0, 20, 17, 0xdfffffff, 0xc0a801fe);
  const packet = decodePacket(high);
  assert.is(packet.source, 0xdfffffff);
  assert.is(packet.destination, 0xc0a801fe);
});

test('bytes beyond the total length are padding', () => {
  const packet = decodePacket(concat(FRAME, new Uint8Array(22)));
  assert.is(packet.payloadEnd, 24);
});

test('options are passed over', () => {
  const packet = decodePacket(ipFrame('1.2.3.4', '5.6.7.8', 6, hex('aabb'), { options: hex('01010100 07040400') }));
  assert.is(packet.payloadStart, 28);
  assert.is(packet.payloadEnd, 30);
});

test('fragments are recognised', () => {
  const first = decodePacket(ipFrame('1.2.3.4', '5.6.7.8', 6, hex('aabb'), { flagsAndOffset: 0x2000 }));
  assert.ok(first.moreFragments);
  const last = decodePacket(ipFrame('1.2.3.4', '5.6.7.8', 6, hex('aabb'), { flagsAndOffset: 185 }));
  assert.is(last.fragmentOffset, 1480);
  assert.not(last.moreFragments);
});

test('every truncation raises ParseError', () => {
  for (let length = 0; length < FRAME.length; length++) assert.type(refused(FRAME.subarray(0, length)), 'string');
});

test('every changed byte of the header raises ParseError', () => {
  for (let at = 0; at < 20; at++) {
    const changed = FRAME.slice();
    changed[at]! ^= 0x04;
    assert.type(refused(changed), 'string');
  }
});

test('what is wrong is said', () => {
  assert.match(refused(hex('60000000')), 'version: 6');
  assert.match(refused(concat(hex('44'), HEADER.subarray(1))), 'headerLength: 16');
  assert.match(refused(concat(hex('45000013'), HEADER.subarray(4))), 'totalLength: 19');
  assert.match(refused(HEADER), 'more than the frame');
  const damaged = FRAME.slice();
  damaged[8] = 63;
  assert.match(refused(damaged), 'headerChecksum');
});

test('addresses to and from text', () => {
  for (const text of ['0.0.0.0', '10.0.0.1', '255.255.255.255', '192.168.1.254']) {
    assert.is(formatAddress(parseAddress(text)!), text);
  }
  for (const text of ['', '1.2.3', '1.2.3.4.5', '256.1.1.1', '1.2.3.x', ' 1.2.3.4', '-1.2.3.4']) {
    assert.is(parseAddress(text), undefined, text);
  }
});

test('hosts are not "this network", loopback, multicast, class E or broadcast', () => {
  for (const text of ['10.0.0.1', '1.0.0.0', '223.255.255.255', '126.255.255.255', '128.0.0.1'])
    assert.ok(isHostAddress(parseAddress(text)!));
  for (const text of ['0.1.2.3', '127.0.0.1', '224.0.0.1', '240.0.0.1', '255.255.255.255']) {
    assert.not(isHostAddress(parseAddress(text)!), text);
  }
});

test.run();
