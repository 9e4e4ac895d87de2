import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { formatAddress, parseAddress } from '../../src/bench/addresses.js';
import { testRandom, toHex } from '../support/bytes.js';

function roundTrip(text: string, bytes: string, canonical = text): void {
  const parsed = parseAddress(text);
  assert.is(parsed && toHex(parsed), bytes, text);
  assert.is(formatAddress(parsed!), canonical, text);
}

test('IPv4', () => {
  roundTrip('10.0.0.1', '0a000001');
  roundTrip('255.255.255.0', 'ffffff00');
});

test('IPv6 in every form of RFC 4291, written as in RFC 5952', () => {
  roundTrip('::', '00000000000000000000000000000000');
  roundTrip('::1', '00000000000000000000000000000001');
  roundTrip('fd00::2', 'fd000000000000000000000000000002');
  roundTrip('fe80::', 'fe800000000000000000000000000000');
  roundTrip('2001:db8:1:2:3:4:5:6', '20010db8000100020003000400050006');
  roundTrip('2001:0DB8:0:0:1:0:0:1', '20010db8000000000001000000000001', '2001:db8::1:0:0:1');
  roundTrip('2001:db8:0:1:1:1:1:1', '20010db8000000010001000100010001');
  roundTrip('1:0:0:2:0:0:0:3', '00010000000000020000000000000003', '1:0:0:2::3');
  roundTrip('64:ff9b::192.0.2.33', '0064ff9b0000000000000000c0000221', '64:ff9b::c000:221');
});

test('IPv4-mapped addresses are IPv4, zones are left out', () => {
  roundTrip('::ffff:127.0.0.1', '7f000001', '127.0.0.1');
  roundTrip('::FFFF:7f00:1', '7f000001', '127.0.0.1');
  roundTrip('fe80::1%eth0', 'fe800000000000000000000000000001', 'fe80::1');
});

test('other texts are no address', () => {
  for (const text of ['', 'localhost', '10.0.0', '10.0.0.256', '1::2::3', ':::', '12345::']) {
    assert.is(parseAddress(text), undefined, text);
  }
});

test('what is written is read again', () => {
  const random = testRandom(9);
  for (let round = 0; round < 2000; round++) {
    const bytes = random.bytes(16).map((byte) => (random.below(3) === 0 ? byte : 0));
    if (bytes[10] === 0xff && bytes[11] === 0xff) continue;
    assert.is(toHex(parseAddress(formatAddress(bytes))!), toHex(bytes));
  }
});

test.run();
