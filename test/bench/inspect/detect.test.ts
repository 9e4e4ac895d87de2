// What a stream speaks is told by its first bytes, by as few as decide it, and in the middle of a stream by the first place where
// something begins.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BeginningSearch, detect, type Protocol } from '../../../src/bench/inspect/detect.js';
import type { Direction } from '../../../src/core/trace.js';
import { ascii, concat } from '../../support/bytes.js';

const test = suite('what a stream speaks');

const PREFACE = ascii('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const SETTINGS = Uint8Array.of(0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 100);

// biome-ignore format: a table
const STREAMS: readonly (readonly [name: string, dir: Direction, bytes: Uint8Array, protocol: Protocol, decidedBy: number])[] = [
  ['ClientHello',               'in',  Uint8Array.of(22, 3, 1, 2, 0, 1, 0), 'tls', 5],
  ['alert of a server',         'out', Uint8Array.of(21, 3, 3, 0, 2, 2, 40), 'tls', 5],
  ['no such record version',    'in',  Uint8Array.of(22, 9, 1, 2, 0), 'unknown', 2],
  ['record that is too long',   'in',  Uint8Array.of(22, 3, 1, 0xff, 0xff), 'unknown', 5],
  ['HTTP/2',                    'in',  PREFACE, 'http2', 24],
  ['SETTINGS of a server',      'out', SETTINGS, 'http2', 9],
  ['zeros of a server',         'out', new Uint8Array(20), 'unknown', 9],
  ['HTTP/1.1',                  'in',  ascii('GET /a HTTP/1.1\r\n'), 'http1', 12],
  ['empty lines before it',     'in',  ascii('\r\n\r\nPOST /a HTTP/1.1\r\n'), 'http1', 17],
  ['any method',                'in',  ascii('M-SEARCH * HTTP/1.1\r\n'), 'http1', 16],
  ['a response',                'out', ascii('HTTP/1.0 200 OK\r\n'), 'http1', 7],
  ['a space in the target',     'in',  ascii('GET /a b HTTP/1.1\r\n'), 'http1', 14],
  ['an ESC in the target',      'in',  ascii('GET /a\x1b[1m HTTP/1.1\r\n'), 'http1', 16],
  ['two spaces',                'in',  ascii('POST  /a HTTP/1.1\r\n'), 'http1', 14],
  ['no version, but a space',   'in',  ascii('GET a b\r\n'), 'unknown', 9],
  ['RTSP',                      'in',  ascii('OPTIONS rtsp://a/b RTSP/1.0\r\n'), 'unknown', 29],
  ['SSH',                       'in',  ascii('SSH-2.0-OpenSSH_9\r\n'), 'unknown', 18],
  ['SMTP of a server',          'out', ascii('220 mail ESMTP\r\n'), 'unknown', 1],
  ['SMTP of a client',          'in',  ascii('EHLO example.org\r\n'), 'unknown', 17],
  ['HTTP/0.9',                  'in',  ascii('GET /a\r\n'), 'unknown', 8],
  ['random bytes',              'in',  Uint8Array.of(0xfe, 1, 2), 'unknown', 1],
];

for (const [name, dir, bytes, protocol, decidedBy] of STREAMS) {
  test(`${name}: ${protocol} by ${decidedBy} bytes`, () => {
    for (let length = 0; length <= bytes.length; length++) {
      const wanted = length < decidedBy ? undefined : protocol;
      assert.is(detect(dir, bytes.subarray(0, length)), wanted, `${length} bytes`);
    }
  });
}

test('in the middle of a stream the first beginning is found, however much is there', () => {
  const noise = Uint8Array.from({ length: 300 }, (_, index) => 0x80 | (index * 37));
  const cases: readonly (readonly [Uint8Array, Protocol])[] = [
    [concat(noise, Uint8Array.of(23, 3, 3, 1, 0), noise), 'tls'],
    [concat(noise, ascii('\nGET /a HTTP/1.1\r\n')), 'http1'],
    [concat(noise, SETTINGS, Uint8Array.of(0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 0, 1, 0)), 'http2'],
  ];
  for (const [bytes, protocol] of cases) {
    const search = new BeginningSearch();
    let found: Protocol | undefined;
    let at = 0;
    while (found === undefined && at <= bytes.length) found = search.find('in', bytes.subarray(0, at++));
    assert.is(found, protocol);
    assert.is(new BeginningSearch().find('in', bytes), protocol);
  }
  assert.is(new BeginningSearch().find('in', noise), undefined);
});

test.run();
