// NSS key logs: every label of TLS 1.2 and 1.3, whatever the line ends; what is no entry is counted, and nothing grows past its
// bound.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createKeyStore } from '../../../src/bench/inspect/keys.js';
import { streamLimits } from '../../../src/bench/inspect/stream-limits.js';

const test = suite('key logs');

const RANDOM = 'ab'.repeat(32);
const SECRET = '01'.repeat(48);
const LABELS = [
  'CLIENT_RANDOM',
  'CLIENT_EARLY_TRAFFIC_SECRET',
  'CLIENT_HANDSHAKE_TRAFFIC_SECRET',
  'SERVER_HANDSHAKE_TRAFFIC_SECRET',
  'CLIENT_TRAFFIC_SECRET_0',
  'SERVER_TRAFFIC_SECRET_0',
  'SERVER_TRAFFIC_SECRET_12',
  'EXPORTER_SECRET',
  'EARLY_EXPORTER_SECRET',
  'EARLY_EXPORTER_MASTER_SECRET',
  'ECH_SECRET',
  'ECH_CONFIG',
];

test('every label is kept under its client random, in whatever case and with whatever line ends', () => {
  const keys = createKeyStore();
  keys.add(`# a comment\r\n\r\n${LABELS.map((label) => `${label} ${RANDOM.toUpperCase()} ${SECRET}`).join('\r\n')}`);
  for (const label of LABELS) assert.equal(keys.secret(label, RANDOM), new Uint8Array(48).fill(1), label);
  assert.is(keys.count, LABELS.length);
  assert.is(keys.unknownLines, 0);
  assert.is(keys.secret('CLIENT_RANDOM', 'cd'.repeat(32)), undefined);
  assert.equal([...keys.clientRandoms!()], [RANDOM]);
});

test('lines that are no entries are counted and passed over', () => {
  const keys = createKeyStore();
  const bad = [
    'nonsense',
    `NO_SUCH_LABEL ${RANDOM} ${SECRET}`,
    `CLIENT_RANDOM ${RANDOM.slice(2)} ${SECRET}`,
    `CLIENT_RANDOM ${RANDOM} ${SECRET}0`,
    `CLIENT_RANDOM ${RANDOM}`,
    `CLIENT_RANDOM ${RANDOM} ${'01'.repeat(600)}`,
    'RSA 0123456789abcdef 0303',
    '\u0000\u0001\u0002',
  ];
  keys.add(`${bad.join('\n')}\nCLIENT_RANDOM ${RANDOM} ${SECRET}\n`);
  assert.is(keys.unknownLines, bad.length);
  assert.is(keys.count, 1);
});

test('a log grows, and the later line of two counts', () => {
  const keys = createKeyStore();
  keys.add(`CLIENT_RANDOM ${RANDOM} ${SECRET}\n`);
  keys.add(`CLIENT_RANDOM ${RANDOM} ${'02'.repeat(48)}\n`);
  assert.is(keys.count, 1);
  assert.equal(keys.secret('CLIENT_RANDOM', RANDOM), new Uint8Array(48).fill(2));
});

test('entries and lines beyond the bounds are counted only', () => {
  const keys = createKeyStore();
  keys.add('x'.repeat(streamLimits.keyLogLineBytes + 1));
  assert.is(keys.unknownLines, 1);
  const limits = streamLimits as { keyLogEntries: number };
  const before = limits.keyLogEntries;
  limits.keyLogEntries = 3;
  try {
    for (let i = 0; i < 5; i++) keys.add(`CLIENT_RANDOM ${i.toString(16).padStart(64, '0')} ${SECRET}`);
  } finally {
    limits.keyLogEntries = before;
  }
  assert.is(keys.count, 3);
  assert.is(keys.unknownLines, 3);
});

test.run();
