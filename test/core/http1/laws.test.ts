// The laws of determinism for HTTP/1.1: any chunking gives the same events, twice gives the same bytes, a trace changes
// nothing, and no input throws, hangs or grows.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from '../../../src/core/limits.js';
import { ascii, equalBytes, testRandom, text } from '../../support/bytes.js';
import { parseResponses, type Rig, rig } from '../../support/http1.js';

const { inputBytes, inputOvershootBytes } = limits.http1;
const big = text(testRandom(11).bytes(150_000));

/** A session with everything in it that does not look at when bytes come (100-continue does, RFC 9110 §10.1.1). */
const SESSION = ascii(
  [
    'GET / HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\n\r\n',
    '\r\nHEAD /bytes/5 HTTP/1.1\r\nHost: a\r\n\r\n',
    'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\nContent-Type: text/plain\r\n\r\nhello world',
    'POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nT: 1\r\n\r\n',
    `PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: ${big.length}\r\n\r\n${big}`,
    `PUT /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10000\r\n${big.slice(0, 65_536)}\r\n2\r\nhi\r\n0\r\n\r\n`,
    'POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nnot taken',
    'DELETE /headers HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nxyz\r\n0\r\n\r\n',
    'GET http://b/status/299?q HTTP/1.1\r\nHost: a\r\n\r\n',
    'GET /bytes/200000 HTTP/1.1\r\nHost: a\r\n\r\n',
    'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n',
    'POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n',
  ].join(''),
);

/** Sends in pieces that `next` decides, never more than there is room for, taking after each. */
function run(it: Rig, input: Uint8Array, next: () => number): Uint8Array {
  const output: Uint8Array[] = [];
  for (let at = 0; at < input.length; ) {
    const size = Math.max(1, Math.min(next(), it.connection.room(), input.length - at));
    output.push(it.sendBytes(input.subarray(at, at + size)));
    at += size;
  }
  output.push(ascii(it.end()));
  return Buffer.concat(output);
}

test('any chunking of the input gives the same events', () => {
  const whole = rig();
  run(whole, SESSION, () => 65_536);
  assert.is(whole.events.filter((event) => event.layer === 'http' && event.kind === 'request').length, 12);
  assert.is(whole.events.at(-1)!.kind, 'error');
  const expected = JSON.stringify(whole.events);
  for (const step of [1, 2, 3, 7, 997, 1_460, 4_096, 4_097, 16_384, 50_000]) {
    const it = rig();
    run(it, SESSION, () => step);
    assert.is(JSON.stringify(it.events), expected, `pieces of ${step}`);
  }
  for (let seed = 1; seed <= 40; seed++) {
    const random = testRandom(seed);
    const it = rig({ maxTake: 1 + random.below(20_000) });
    run(it, SESSION, () => 1 + random.below(random.below(2) === 0 ? 40 : 9_000));
    assert.is(JSON.stringify(it.events), expected, `seed ${seed}`);
  }
});

test('the same input twice gives the same bytes, with and without a trace', () => {
  for (let seed = 1; seed <= 10; seed++) {
    const outputs = [true, true, false].map((trace) => {
      const random = testRandom(seed);
      return run(rig({ trace }), SESSION, () => 1 + random.below(5_000));
    });
    equalBytes(outputs[1]!, outputs[0]!, 'second run');
    equalBytes(outputs[2]!, outputs[0]!, 'without trace');
  }
});

test('advance at any time changes nothing', () => {
  const input = ascii('GET /delay/5 HTTP/1.1\r\nHost: a\r\n\r\nGET /bytes/3 HTTP/1.1\r\nHost: a\r\n\r\n');
  const outputs = [0, 1].map((spurious) => {
    const it = rig();
    let output = it.send(input);
    for (let nowUs = 0; nowUs <= 10_000; nowUs += 500) {
      if (nowUs < 5_000 && spurious === 0) continue;
      it.nowUs = Math.max(nowUs, it.nowUs);
      it.connection.advance(it.nowUs);
      output += it.send();
    }
    return [output, JSON.stringify(it.events)];
  });
  assert.equal(outputs[1], outputs[0]);
  assert.is(parseResponses(outputs[0]![0]!).length, 2);
});

/** What must hold after every call, whatever came in. */
function invariants(it: Rig): void {
  const { connection } = it;
  const room = connection.room();
  assert.ok(Number.isInteger(room) && room >= 0 && room <= inputBytes);
  assert.ok(['open', 'draining', 'closed', 'aborted'].includes(connection.state));
  const deadline = connection.nextDeadlineUs();
  assert.ok(deadline === undefined || deadline > it.nowUs);
  if (connection.state === 'closed' || connection.state === 'aborted')
    assert.is(connection.take(it.nowUs, 100).length, 0);
}

/** Feeds without regard to room, moves the clock now and then, ends, and sees it come to rest. */
function hostile(input: Uint8Array, random: ReturnType<typeof testRandom>): void {
  const it = rig({ trace: random.below(2) === 0 });
  let output = 0;
  const limit = 60_000_000;
  for (let at = 0; at < input.length; ) {
    const size = 1 + random.below(random.below(3) === 0 ? 3 : 400);
    it.connection.receive(it.nowUs, input.subarray(at, at + size));
    at += size;
    const max = random.below(3) === 0 ? random.below(30) : 8_192;
    for (let takes = random.below(5); takes > 0; takes--) output += it.connection.take(it.nowUs, max).length;
    if (random.below(4) === 0) {
      it.nowUs += random.below(70_000_000);
      it.connection.advance(it.nowUs);
    }
    invariants(it);
  }
  if (random.below(2) === 0) it.connection.endOfInput(it.nowUs);
  if (random.below(4) === 0) it.connection.close(it.nowUs);
  for (let round = 0; round < 20 && output < limit; round++) {
    it.nowUs += limit;
    it.connection.advance(it.nowUs);
    for (let view = it.connection.take(it.nowUs, 65_536); view.length > 0 && output < limit; ) {
      output += view.length;
      view = it.connection.take(it.nowUs, 65_536);
    }
  }
  invariants(it);
}

const SEEDS = 4_000;

test('mutated requests never throw, hang or grow', () => {
  const sources = [
    'GET /status/200 HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n',
    'POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x="y"\r\nhello\r\n6\r\n world\r\n0\r\nT: 1\r\n\r\n',
    'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\nhello world',
    'GET http://a:80/bytes/4000 HTTP/1.0\r\nHost: a\r\n\r\n',
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /delay/7 HTTP/1.1\r\nHost: a\r\n\r\n',
  ];
  for (let seed = 1; seed <= SEEDS; seed++) {
    const random = testRandom(seed);
    let input = '';
    for (let i = 1 + random.below(3); i > 0; i--) input += sources[random.below(sources.length)]!;
    const bytes = ascii(input);
    for (let i = random.below(6); i > 0; i--) {
      const at = random.below(bytes.length);
      const odd = [0x00, 0x09, 0x0a, 0x0d, 0x20, 0x22, 0x2c, 0x30, 0x3a, 0x3b, 0x66, 0xff];
      if (random.below(3) === 0) bytes.copyWithin(at, random.below(bytes.length));
      else bytes[at] = random.below(2) === 0 ? odd[random.below(odd.length)]! : random.below(256);
    }
    hostile(bytes.subarray(0, 1 + random.below(bytes.length * 2)), random);
  }
});

test('random octets and random lines never throw, hang or grow', () => {
  const words = [
    'GET ',
    '/',
    ' HTTP/1.1',
    '\r\n',
    ':',
    ' ',
    'Host: a',
    'Content-Length',
    'chunked',
    '0',
    'f',
    ';',
    '\n',
    '\r',
    '\t',
  ];
  for (let seed = 1; seed <= SEEDS; seed++) {
    const random = testRandom(seed * 7_919);
    if (seed % 4 === 0) hostile(random.bytes(random.below(300)), random);
    else {
      let input = random.below(2) === 0 ? 'POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n' : '';
      for (let i = random.below(60); i > 0; i--) input += words[random.below(words.length)]!;
      hostile(ascii(input), random);
    }
  }
});

test('a flood that disregards room stays bounded', () => {
  for (const head of [
    '',
    'GET /delay/60000 HTTP/1.1\r\nHost: a\r\n\r\n',
    'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n',
  ]) {
    const it = rig({ trace: false });
    it.connection.receive(0, ascii(head));
    const before = process.memoryUsage().arrayBuffers;
    const piece = new Uint8Array(inputBytes).fill(0x41);
    for (let i = 0; i < 500; i++) it.connection.receive(0, piece);
    assert.ok(process.memoryUsage().arrayBuffers - before < 4 * inputOvershootBytes);
    assert.ok(it.connection.state !== 'open');
  }
});

test.run();
