// Octet classes against the RFC's grammar, and strings that are the same whatever the cache holds.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { FIELD_VALUE, HEX_DIGIT, latin1, latin1Bytes, TARGET, TextCache, TOKEN } from '../../../src/core/http/text.js';
import { ascii, equalBytes, testRandom, text } from '../../support/bytes.js';

test('a token has no white space and none of the delimiters of RFC 9110 §5.6.2', () => {
  const delimiters = '"(),/:;<=>?@[\\]{}';
  for (let octet = 0; octet < 256; octet++) {
    const tchar = octet > 0x20 && octet < 0x7f && !delimiters.includes(String.fromCharCode(octet));
    assert.is(TOKEN[octet] !== 0, tchar, `octet ${octet}`);
    if (tchar) assert.is(TOKEN[octet], String.fromCharCode(octet).toLowerCase().charCodeAt(0));
  }
});

test('a field value has HTAB, SP, VCHAR and obs-text, and nothing else', () => {
  for (let octet = 0; octet < 256; octet++) {
    const allowed = octet === 9 || (octet >= 32 && octet <= 126) || octet >= 128;
    assert.is(FIELD_VALUE[octet], allowed ? 1 : 0, `octet ${octet}`);
  }
});

test('a target has no white space, control, fragment or octet beyond ASCII; hex digits have their value', () => {
  for (const octet of [0x00, 0x09, 0x0a, 0x0d, 0x20, 0x23, 0x7f, 0x80, 0xff]) assert.is(TARGET[octet], 0);
  for (const character of '/?%~:@a9') assert.is(TARGET[character.charCodeAt(0)], 1);
  for (let octet = 0; octet < 256; octet++) {
    const value = Number.parseInt(String.fromCharCode(octet), 16);
    assert.is(HEX_DIGIT[octet], Number.isNaN(value) ? 255 : value, `octet ${octet}`);
  }
});

test('octets become characters and back at every length', () => {
  const bytes = testRandom(3).bytes(9_000);
  for (const length of [0, 1, 3, 4, 5, 47, 48, 49, 50, 4_095, 4_096, 4_097, 8_999]) {
    const made = latin1(bytes, 1, 1 + length);
    assert.is(made, text(bytes.subarray(1, 1 + length)));
    equalBytes(latin1Bytes(made), bytes.subarray(1, 1 + length));
  }
  equalBytes(latin1Bytes('a\u20acb'), ascii('a?b'));
});

test('the cache never changes what comes out', () => {
  const random = testRandom(7);
  const cache = new TextCache();
  for (let i = 0; i < 20_000; i++) {
    const word = ascii(`${'Ab-9x'.slice(random.below(4))}${random.below(400)}`);
    assert.is(cache.text(word, 0, word.length), text(word));
    assert.is(cache.lowerCaseToken(word, 0, word.length), text(word).toLowerCase());
  }
  const long = new Uint8Array(300).fill(0x41);
  assert.is(cache.text(long, 0, 300), 'A'.repeat(300));
  assert.is(cache.lowerCaseToken(long, 0, 300), 'a'.repeat(300));
});

test.run();
