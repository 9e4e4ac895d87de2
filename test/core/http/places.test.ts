// The places that need time, a coding or trailers: /stream, /drip, /gzip, /trailers, /redirect.

import { gunzipSync, crc32 as nodeCrc32 } from 'node:zlib';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bytesBody } from '../../../src/core/http/body.js';
import { crc32 } from '../../../src/core/http/checksum.js';
import { gzipBody } from '../../../src/core/http/gzip.js';
import {
  type BodySource,
  EMPTY_BODY,
  type Field,
  fieldValue,
  type Request,
  type Response,
} from '../../../src/core/http/message.js';
import { wantsGzip } from '../../../src/core/http/negotiate.js';
import { createSite } from '../../../src/core/http/site.js';
import { limits } from '../../../src/core/limits.js';
import { ascii, concat, testRandom, text } from '../../support/bytes.js';

const site = createSite();

function ask(path: string, more: Partial<Request> = {}): Response {
  return site({
    version: 'HTTP/1.1',
    method: 'GET',
    scheme: 'http',
    authority: 'b',
    path,
    headers: [],
    body: EMPTY_BODY,
    connection: { flow: 'f' },
    serial: 1,
    ...more,
  });
}

/** What is read at the times at which it says that there is something, and those times. */
function overTime(body: BodySource, startUs = 1_000): { bytes: string; times: number[] } {
  const times: number[] = [];
  let bytes = '';
  let nowUs = startUs;
  for (;;) {
    const piece = body.read(7, nowUs);
    if (piece === undefined) return { bytes, times };
    if (piece.length > 0) {
      bytes += text(piece);
      if (times.at(-1) !== nowUs - startUs) times.push(nowUs - startUs);
      continue;
    }
    assert.ok(body.dueUs! > nowUs);
    nowUs = body.dueUs!;
  }
}

test('/stream/N: a line each 100 ms, or each ?ms=, of unknown length', () => {
  const response = ask('/stream/3');
  assert.is(response.body!.length, undefined);
  const { bytes, times } = overTime(response.body!);
  assert.is(bytes, 'line 1 of 3, 0 ms\nline 2 of 3, 100 ms\nline 3 of 3, 200 ms\n');
  assert.equal(times, [0, 100_000, 200_000]);
  assert.equal(overTime(ask('/stream/3?ms=7').body!).times, [0, 7_000, 14_000]);
  assert.equal(overTime(ask('/stream/3?x=1&ms=0').body!).times, [0]);
});

test('/stream/N read late gives all that is due', () => {
  const body = ask('/stream/4').body!;
  body.read(1_000, 5);
  assert.is(body.read(1_000, 6)!.length, 0);
  assert.is(body.dueUs, 100_005);
  let late = '';
  for (let piece = body.read(1_000, 250_000); piece!.length > 0; piece = body.read(1_000, 250_000))
    late += text(piece!);
  assert.is(late, 'line 2 of 4, 100 ms\nline 3 of 4, 200 ms\n');
  body.cancel!();
  assert.is(body.read(1_000, 1e9), undefined);
});

test('/drip spreads its bytes over the time', () => {
  const response = ask('/drip?bytes=5&ms=400&delay=30&code=503');
  assert.is(response.status, 503);
  assert.is(response.delayUs, 30_000);
  assert.is(response.body!.length, 5);
  const { bytes, times } = overTime(response.body!);
  assert.is(bytes, '*****');
  assert.equal(times, [0, 100_000, 200_000, 300_000, 400_000]);
  assert.is(overTime(ask('/drip?bytes=1&ms=5').body!).bytes, '*');
  assert.is(ask('/drip').body!.length, 10);
  assert.ok(fieldValue(ask('/drip?code=401').headers, 'www-authenticate'));
});

test('numbers out of their bounds are 400', () => {
  const { sitePieces, siteDripBytes, siteRedirects, siteDelayMs } = limits.http;
  for (const path of [
    '/stream/0',
    `/stream/${sitePieces + 1}`,
    '/stream/1?ms=x',
    `/stream/1?ms=${siteDelayMs + 1}`,
    '/drip?bytes=0',
    `/drip?bytes=${siteDripBytes + 1}`,
    '/drip?ms=-1',
    '/drip?ms=',
    '/drip?delay=1e3',
    '/drip?code=199',
    '/drip?code=600',
    '/drip?code=204',
    `/redirect/${siteRedirects + 1}`,
    '/redirect/',
  ]) {
    assert.is(ask(path).status, 400, path);
  }
  assert.is(ask(`/stream/${sitePieces}`).status, 200);
  assert.is(ask(`/drip?bytes=${siteDripBytes}`).status, 200);
  assert.is(ask(`/redirect/${siteRedirects}`).status, 302);
});

test('/redirect/N counts down', () => {
  assert.is(fieldValue(ask('/redirect/2').headers, 'location'), '/redirect/1');
  assert.is(fieldValue(ask('/redirect/1').headers, 'location'), '/redirect/0');
  assert.is(ask('/redirect/0').status, 200);
});

function readAll(body: BodySource, maxBytes: number): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let piece = body.read(maxBytes); piece !== undefined; piece = body.read(maxBytes)) parts.push(piece.slice());
  return concat(...parts);
}

test('/gzip is coded when Accept-Encoding asks for it, and says that it varies', () => {
  const coded = ask('/gzip', { headers: [['accept-encoding', 'gzip, br']] });
  assert.is(fieldValue(coded.headers, 'content-encoding'), 'gzip');
  assert.is(fieldValue(coded.headers, 'vary'), 'accept-encoding');
  const bytes = readAll(coded.body!, 10);
  assert.equal(JSON.parse(gunzipSync(bytes).toString()), [['accept-encoding', 'gzip, br']]);
  const plain = ask('/gzip');
  assert.is(fieldValue(plain.headers, 'content-encoding'), undefined);
  assert.is(fieldValue(plain.headers, 'vary'), 'accept-encoding');
  assert.is(text(readAll(plain.body!, 1_000)), '[]\n');
});

test('Accept-Encoding is weighed (RFC 9110 §12.5.3)', () => {
  for (const [value, wanted] of [
    ['gzip', true],
    ['GZIP;q=0.1', true],
    ['x-gzip', true],
    ['*', true],
    ['br, *;q=0.5', true],
    ['gzip;q=1.0, identity;q=0.5, *;q=0', true],
    ['', false],
    ['br', false],
    ['gzip;q=0', false],
    ['gzip;q=0, *', false],
    ['*;q=0', false],
    ['gzip;q=0.5, identity', false],
    ['gzip;q=nonsense', false],
  ] as const) {
    assert.is(wantsGzip([['accept-encoding', value]]), wanted, value);
  }
  assert.is(wantsGzip([]), false);
  assert.is(
    wantsGzip([
      ['accept-encoding', 'br'],
      ['accept-encoding', 'gzip'],
    ]),
    true,
  );
});

test('gzip: any content in any pieces is what it was, CRC and size included (RFC 1951, RFC 1952)', () => {
  const random = testRandom(3);
  for (const length of [0, 1, 16_383, 16_384, 16_385, 70_000, 200_000]) {
    const content = random.bytes(length);
    for (const maxBytes of [1 + random.below(9), 4_096, 1_000_000]) {
      assert.ok(
        gunzipSync(readAll(gzipBody(bytesBody(content)), maxBytes)).equals(content),
        `${length} by ${maxBytes}`,
      );
    }
  }
  const first = readAll(gzipBody(bytesBody(ascii('abc'))), 100);
  assert.is(Buffer.from(first).toString('hex'), '1f8b08000000000000ff000300fcff616263010000ffffc241243503000000');
});

test('gzip passes on what its source waits for, and its cancellation', () => {
  let cancelled = 0;
  let ready = false;
  const body = gzipBody({
    length: undefined,
    get dueUs() {
      return ready ? undefined : 77;
    },
    read: () => (ready ? ascii('x') : new Uint8Array(0)),
    cancel: () => cancelled++,
  });
  assert.is(body.read(100)!.length, 10);
  assert.is(body.read(100)!.length, 0);
  assert.is(body.dueUs, 77);
  ready = true;
  assert.is(body.read(100)!.length, 6);
  body.cancel!();
  assert.is(cancelled, 1);
  assert.is(body.read(100), undefined);
});

test('CRC-32 is the one of RFC 1952', () => {
  assert.is(crc32(ascii('123456789')), 0xcbf4_3926);
  const bytes = testRandom(4).bytes(10_000);
  let crc = 0;
  for (let at = 0; at < bytes.length; at += 777) crc = crc32(bytes.subarray(at, at + 777), crc);
  assert.is(crc, nodeCrc32(bytes));
});

test('/trailers: what was sent, and the trailers of the request, behind the content', () => {
  const get = ask('/trailers');
  assert.is(fieldValue(get.headers, 'trailer'), 'x-content-crc32, x-content-length, x-request-trailer');
  const content = readAll(get.body!, 9);
  assert.equal(get.body!.trailers!(), [
    ['x-content-crc32', crc32(content).toString(16).padStart(8, '0')],
    ['x-content-length', String(content.length)],
  ]);
  const sent: BodySource = {
    ...bytesBody(ascii('123456789')),
    length: undefined,
    trailers: () => [
      ['t', '1'],
      ['u', ''],
    ],
  };
  const post = ask('/trailers', { method: 'POST', body: sent });
  assert.is(text(readAll(post.body!, 4)), '123456789');
  assert.equal(post.body!.trailers!(), [
    ['x-content-crc32', 'cbf43926'],
    ['x-content-length', '9'],
    ['x-request-trailer', 't: 1'],
    ['x-request-trailer', 'u:'],
  ]);
});

test('/echo passes on content, its waiting and its cancellation, but no trailers', () => {
  let cancelled = 0;
  const body: BodySource = {
    length: undefined,
    dueUs: 5,
    read: () => ascii('x'),
    cancel: () => cancelled++,
    trailers: (): Field[] => [['t', '1']],
  };
  const response = ask('/echo', { method: 'POST', body });
  assert.is(response.body!.trailers, undefined);
  assert.is(response.body!.dueUs, 5);
  assert.is(text(response.body!.read(9)!), 'x');
  response.body!.cancel!();
  assert.is(cancelled, 1);
});

test('what is in no table is passed to the other handler', () => {
  const passing = createSite(() => ({ status: 299, headers: [] }));
  const request = {
    version: 'HTTP/1.1',
    scheme: 'http',
    authority: '',
    headers: [],
    body: EMPTY_BODY,
    connection: { flow: '' },
    serial: 1,
  } as const;
  assert.is((passing({ ...request, method: 'GET', path: '/x' }) as Response).status, 299);
  assert.is((passing({ ...request, method: 'GET', path: '/status/200' }) as Response).status, 200);
});

test.run();
