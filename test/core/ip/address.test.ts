// IPv6 addresses to and from text: RFC 4291 §2.2 is read, RFC 5952 §4 is written; which of them are hosts.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  formatAddress,
  formatAddress6,
  formatHost,
  isHostAddress6,
  isMulticast6,
  parseAddress6,
} from '../../../src/core/ip/address.js';
import { AddressForms } from '../../../src/core/ip/forms6.js';
import { limits } from '../../../src/core/limits.js';
import { equalBytes, hex } from '../../support/bytes.js';

const test = suite('ip addresses');

/** Text as it may be written, and as RFC 5952 writes it. */
const FORMS: readonly (readonly [written: string, canonical: string, bytes: string])[] = [
  ['::', '::', '00000000000000000000000000000000'],
  ['::1', '::1', '00000000000000000000000000000001'],
  ['fd00::2', 'fd00::2', 'fd000000000000000000000000000002'],
  ['2001:DB8:0:0:8:800:200C:417A', '2001:db8::8:800:200c:417a', '20010db80000000000080800200c417a'],
  ['2001:0db8::0001', '2001:db8::1', '20010db8000000000000000000000001'],
  // RFC 5952 §4.2.2: one group of zeros is written out; §4.2.3: the longest run, the first of equals.
  ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1', '20010db8000000010001000100010001'],
  ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1', '20010000000000010000000000000001'],
  ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1', '20010db8000000000001000000000001'],
  ['1:2:3:4:5:6::', '1:2:3:4:5:6::', '00010002000300040005000600000000'],
  ['1::', '1::', '00010000000000000000000000000000'],
  ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0', '00010002000300040005000600070000'],
  ['::ffff:10.0.0.1', '::ffff:a00:1', '00000000000000000000ffff0a000001'],
  ['1:2:3:4:5:6:1.2.3.4', '1:2:3:4:5:6:102:304', '00010002000300040005000601020304'],
];

for (const [written, canonical, bytes] of FORMS) {
  test(`${written} is ${canonical}`, () => {
    equalBytes(parseAddress6(written), hex(bytes));
    assert.is(formatAddress6(hex(bytes)), canonical);
    equalBytes(parseAddress6(canonical), hex(bytes));
    assert.is(formatAddress6(hex(`ffff${bytes}`), 2), canonical);
  });
}

test('what is no IPv6 address is refused', () => {
  for (const text of [
    '',
    ':',
    ':::',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1::2::3',
    '1:2:3:4:5:6:7:8::',
    '::1:2:3:4:5:6:7:8',
    '12345::',
    'g::',
    '1.2.3.4',
    '1.2.3.4::',
    '::1.2.3.256',
    'fd00::1%eth0',
    ' ::1',
    ':1:2:3:4:5:6:7',
    `${'0'.repeat(40)}::1`,
  ]) {
    assert.is(parseAddress6(text), undefined, text);
  }
});

test('an IPv6 address stands in brackets before a port', () => {
  assert.is(formatHost('fd00::1'), '[fd00::1]');
  assert.is(formatHost(0x0a000001), '10.0.0.1');
  assert.is(formatAddress('fd00::1'), 'fd00::1');
});

test('hosts are not multicast, unspecified, loopback or forms of IPv4', () => {
  for (const text of ['fd00::1', '2001:db8::1', 'fe80::1', '::1:0:0:0']) {
    assert.ok(isHostAddress6(parseAddress6(text)!), text);
  }
  for (const text of ['::', '::1', 'ff02::1', 'ff0e::5', '::ffff:10.0.0.1', '::10.0.0.1']) {
    assert.not(isHostAddress6(parseAddress6(text)!), text);
  }
  assert.ok(isMulticast6(parseAddress6('ff02::16')!));
});

test('both forms of many addresses are kept within the bound, and stay true', () => {
  const forms = new AddressForms();
  for (let i = 0; i < limits.ip.addressForms + 100; i++) {
    const text = `fd00::${i.toString(16)}${i === 0 ? '' : ':1'}`;
    const bytes = parseAddress6(text)!;
    assert.is(forms.text(bytes, 0), formatAddress6(bytes));
    equalBytes(forms.bytes(formatAddress6(bytes)), bytes);
    assert.ok(forms.size <= limits.ip.addressForms);
  }
  assert.is(forms.text(parseAddress6('fd00::1')!, 0), 'fd00::1');
  assert.is(forms.text(parseAddress6('fd00::1')!, 0), 'fd00::1');
  equalBytes(forms.bytes('fd00::1'), parseAddress6('fd00::1')!);
});

test.run();
