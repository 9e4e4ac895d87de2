// What a peer sends cannot act on the terminal or on the line it is printed in.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { counted, grouped, hexText, printable, secondsText, token } from '../../src/cli/text.js';

test('control characters and escape sequences are shown, not sent', () => {
  assert.is(printable('\x1b[31mred\x07\r\n\t\0'), '\\x1b[31mred\\x07\\x0d\\x0a\\x09\\x00');
  assert.is(printable('\x9b2J\x7f\xe9'), '\\x9b2J\\x7f\\xe9');
});

test('characters that turn the direction of writing, and halves of pairs, are escaped', () => {
  assert.is(printable('a\u202eb\u2066\ufeff'), 'a\\u202eb\\u2066\\ufeff');
  assert.is(printable('\ud83d\ude00\ud800'), '\\ud83d\\ude00\\ud800');
});

test('every code unit comes out as printable ASCII, but for the section sign of rule citations', () => {
  let all = '';
  for (let code = 0; code <= 0xffff; code++) all += String.fromCharCode(code);
  assert.match(printable(all, 0x1_0000), /^[\x20-\x7e\xa7]+$/);
  assert.is(printable('RFC 5246 §7.2'), 'RFC 5246 §7.2');
});

test('a backslash is doubled, so that an escape cannot be forged', () => {
  assert.is(printable('\\x1b'), '\\\\x1b');
});

test('long text is cut and the rest counted', () => {
  assert.is(printable('a'.repeat(200)), 'a'.repeat(200));
  assert.is(printable('a'.repeat(201)), `${'a'.repeat(200)}...(+1)`);
  assert.is(printable('abcdef', 2), 'ab...(+4)');
});

test('a token has no spaces', () => {
  assert.is(token('/ alpn=h2'), '/\\x20alpn=h2');
});

test('numbers are grouped and counted without a locale', () => {
  assert.equal([0, 999, 1000, 455_520, 1_234_567].map(grouped), ['0', '999', '1,000', '455,520', '1,234,567']);
  assert.is(counted(1, 'packet'), '1 packet');
  assert.is(counted(1200, 'packet'), '1,200 packets');
});

test('microseconds are printed exactly', () => {
  assert.equal([0, 3211, 1_000_000, 61_000_001].map(secondsText), ['0.000000', '0.003211', '1.000000', '61.000001']);
  assert.is(secondsText(1_700_000_000_000_001), '1700000000.000001');
});

test('hex is padded', () => {
  assert.is(hexText(0x303, 4), '0x0303');
});

test.run();
