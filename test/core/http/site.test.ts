// The built-in site, called as a handler without any HTTP version below it.

import { createHash } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PATTERN_PERIOD, patternBody, patternByte } from '../../../src/core/http/body.js';
import { EMPTY_BODY, type Field, fieldValue, type Request, type Response } from '../../../src/core/http/message.js';
import { places } from '../../../src/core/http/places.js';
import { createSite } from '../../../src/core/http/site.js';
import { reasonPhrase } from '../../../src/core/http/status.js';
import { concat, text } from '../../support/bytes.js';

const site = createSite();

function ask(path: string, method = 'GET', headers: readonly Field[] = [], more: Partial<Request> = {}): Response {
  const connection = { flow: 'a:1>b:80#0' };
  const request: Request = {
    version: 'HTTP/1.1',
    method,
    scheme: 'http',
    authority: 'b',
    path,
    headers,
    body: EMPTY_BODY,
    connection,
    serial: 1,
    ...more,
  };
  return site(request);
}

function content(response: Response, maxBytes = 1_000): string {
  const parts: Uint8Array[] = [];
  for (let piece = response.body?.read(maxBytes); piece !== undefined; piece = response.body!.read(maxBytes)) {
    assert.ok(piece.length > 0 && piece.length <= maxBytes);
    parts.push(piece.slice());
  }
  const all = text(concat(...parts));
  assert.is(all.length, response.body?.length ?? 0);
  return all;
}

test('/ is text for curl and HTML for a browser, and lists every place', () => {
  const curl = ask('/', 'GET', [['accept', '*/*']]);
  assert.is(fieldValue(curl.headers, 'content-type'), 'text/plain; charset=utf-8');
  assert.is(fieldValue(curl.headers, 'vary'), 'accept');
  const plain = content(curl);
  const browser = ask('/', 'GET', [['accept', 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8']]);
  assert.is(fieldValue(browser.headers, 'content-type'), 'text/html; charset=utf-8');
  const html = content(browser);
  for (const { pattern } of places) {
    assert.ok(plain.includes(`  ${pattern} `));
    assert.ok(html.includes(`<code>${pattern}</code>`));
  }
  assert.ok(plain.endsWith('\n') && html.endsWith('\n'));
  assert.ok(plain.includes('a:1>b:80#0'));
});

test('/ weighs Accept', () => {
  const type = (...lines: string[]): string => {
    const accept = lines.map((line): Field => ['accept', line]);
    return fieldValue(ask('/', 'GET', accept).headers, 'content-type')!.split(';')[0]!;
  };
  assert.is(type('text/html;q=0'), 'text/plain');
  assert.is(type('text/html;q=0, text/plain;q=0'), 'text/plain');
  assert.is(type('text/plain, text/html;q=0.9'), 'text/plain');
  assert.is(type('text/plain;q=0.5, TEXT/HTML ; q=0.55'), 'text/html');
  assert.is(type('text/html;q=nonsense'), 'text/plain');
  assert.is(type('text/html;q=1.000'), 'text/html');
  // RFC 9110 §5.3: its lines are one list.
  assert.is(type('text/plain;q=0.5', 'text/html'), 'text/html');
  assert.is(type('text/html;q=0.5', 'text/plain'), 'text/plain');
});

test('/ shows what TLS negotiated and makes harmless what the client chose', () => {
  const connection = {
    flow: 'x',
    tls: {
      version: 'TLS 1.2',
      cipherSuite: 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
      group: 'x25519',
      signature: 'rsa_pss_rsae_sha256',
      serverName: '<script>"&\u00e9\u001b',
      alpn: 'http/1.1',
      extendedMasterSecret: true,
    },
  };
  const html = content(ask('/', 'GET', [['accept', 'text/html']], { connection }));
  assert.ok(html.includes('TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256') && html.includes('x25519'));
  assert.ok(html.includes('&#60;script&#62;&#34;&#38;&#233;&#27;'));
  assert.not.ok(html.includes('<script>'));
  const plain = content(ask('/', 'GET', [], { connection }));
  assert.ok(plain.includes('<script>"&??') && plain.includes('rsa_pss_rsae_sha256'));
  assert.not.ok(plain.includes('\u001b'));
});

test('/ shows what TCP negotiated, or that it is not ours', () => {
  const tcp = { sendMss: 1448, sendShift: 7, receiveShift: 3, sack: true, timestamps: true, ecn: false };
  const page = (flow: string, more: object): string =>
    content(ask('/', 'GET', [], { connection: { flow, tcp: { ...tcp, ...more } } }));
  const four = page('10.0.0.1:1>10.0.0.2:80#0', {});
  for (const line of [
    'IP version +4',
    'TCP segment size +1448 bytes',
    'TCP window scale +yours 7, ours 3',
    'TCP SACK +yes',
  ]) {
    assert.match(four, new RegExp(`  ${line}\n`));
  }
  const six = page('[fd00::1]:1>[fd00::2]:80#0', { receiveShift: -1 });
  assert.match(six, /IP version +6\n/);
  assert.match(six, /TCP window scale +none\n/);
  assert.match(content(ask('/')), /TCP +the system's own\n/);
});

test('/bytes/N is the documented pattern, however it is read', () => {
  for (const n of [0, 1, 255, PATTERN_PERIOD - 1, PATTERN_PERIOD, PATTERN_PERIOD + 1, 200_000]) {
    const expected = createHash('sha256');
    for (let k = 0; k < n; k++) expected.update(Uint8Array.of(((k % 65_521) ^ ((k % 65_521) >> 8)) & 0xff));
    const digest = expected.digest('hex');
    for (const maxBytes of [997, 16_384, 1_000_000]) {
      const response = ask(`/bytes/${n}`);
      assert.is(response.body!.length, n);
      const hash = createHash('sha256');
      for (let piece = response.body!.read(maxBytes); piece !== undefined; piece = response.body!.read(maxBytes)) {
        hash.update(piece);
      }
      assert.is(hash.digest('hex'), digest);
    }
  }
});

test('the pattern shows a lost, doubled or shifted piece of any usual size', () => {
  for (const shift of [1, 256, 512, 1_024, 1_460, 4_096, 16_384, 65_536]) {
    let same = 0;
    for (let k = 0; k < 2_000; k++) if (patternByte(k) === patternByte(k + shift)) same++;
    assert.ok(same < 1_000, `shift ${shift}: ${same} of 2000 bytes are the same`);
  }
});

test('10 GB and 2^53-1 bytes cost no memory: reads are views of one block', () => {
  const body = patternBody(10_000_000_000);
  const first = body.read(65_536)!;
  let count = first.length;
  for (let i = 0; i < 1_000; i++) {
    const piece = body.read(65_536)!;
    assert.is(piece.buffer, first.buffer);
    count += piece.length;
  }
  assert.is(count, 1_001 * 65_536);
  assert.is(ask(`/bytes/${Number.MAX_SAFE_INTEGER}`).body!.length, Number.MAX_SAFE_INTEGER);
});

test('a bad number is 400', () => {
  for (const path of ['/bytes/', '/bytes/x', '/bytes/-1', '/bytes/1.5', '/bytes/9007199254740992', '/bytes/1/']) {
    assert.is(ask(path).status, 400, path);
  }
  for (const path of ['/status/199', '/status/600', '/status/', '/status/abc', '/delay/60001', '/delay/']) {
    assert.is(ask(path).status, 400, path);
  }
});

test('/echo gives the content itself back, with its type, for any method', () => {
  const body = { length: undefined, read: () => undefined };
  for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'BREW']) {
    const response = ask('/echo', method, [['content-type', 'text/x; a="b"']], { body });
    assert.is(response.body, body);
    assert.equal(response.headers, [['content-type', 'text/x; a="b"']]);
  }
  assert.equal(ask('/echo').headers, [['content-type', 'application/octet-stream']]);
});

test('/headers is JSON of what came, ASCII whatever came', () => {
  const headers: Field[] = [
    ['host', 'b'],
    ['x-q', 'say "hi" \\ \t\u00e9\u007f'],
    ['x-q', ''],
  ];
  const response = ask('/headers', 'GET', headers);
  const json = content(response);
  assert.equal(JSON.parse(json), headers);
  assert.ok(/^[\n -~]*$/.test(json) && json.endsWith(']\n'));
  assert.is(fieldValue(response.headers, 'content-type'), 'application/json');
  assert.is(content(ask('/headers')), '[]\n');
});

test('/status/N answers with every status from 200 to 599', () => {
  for (let code = 200; code <= 599; code++) {
    const response = ask(`/status/${code}`);
    assert.is(response.status, code);
    const line = content(response);
    if (code === 204 || code === 205 || code === 304) assert.is(response.body, undefined);
    else assert.is(line, `${`${code} ${reasonPhrase(code)}`.trim()}\n`);
  }
  // RFC 9110 §15.5.2, §15.5.6, §15.5.8: not to be sent without these.
  assert.ok(fieldValue(ask('/status/401').headers, 'www-authenticate'));
  assert.is(fieldValue(ask('/status/405').headers, 'allow'), 'GET, HEAD, OPTIONS');
  assert.ok(fieldValue(ask('/status/407').headers, 'proxy-authenticate'));
  assert.is(fieldValue(ask('/status/302').headers, 'location'), '/');
});

test('/delay/MS lets logical time pass', () => {
  assert.is(ask('/delay/1500').delayUs, 1_500_000);
  assert.is(ask('/delay/60000').delayUs, 60_000_000);
  assert.is(content(ask('/delay/0')), '200 OK: after 0 ms\n');
});

test('everything else is 404, a query does not matter, case does', () => {
  for (const path of ['/x', '/echo/', '/ECHO', '/bytes', '//', '/..', '/status']) {
    const response = ask(path);
    assert.is(response.status, 404, path);
    assert.ok(content(response).endsWith('\n'));
  }
  assert.is(ask('/status/201?x=1/2').status, 201);
  assert.is(ask('/?').status, 200);
});

test('a method that the place does not allow is 405 with Allow, one that nobody knows is 501', () => {
  for (const { path, takesNumber, methods } of places) {
    if (methods === undefined) continue;
    for (const method of ['POST', 'DELETE', 'PATCH', 'TRACE']) {
      if (methods.includes(method)) continue;
      const response = ask(takesNumber ? `${path}200` : path, method);
      assert.is(response.status, 405, path);
      assert.is(fieldValue(response.headers, 'allow'), methods.join(', '));
    }
    const number = path === '/redirect/' ? '0' : '200';
    assert.is(ask(takesNumber ? path + number : path, 'HEAD').status, 200, path);
    const options = ask(path, 'OPTIONS');
    assert.is(options.status, 204);
    assert.is(fieldValue(options.headers, 'allow'), methods.join(', '));
  }
  assert.is(ask('/', 'BREW').status, 501);
  assert.is(ask('/', 'get').status, 501);
});

test('OPTIONS * says what the server does', () => {
  const response = ask('*', 'OPTIONS');
  assert.is(response.status, 204);
  assert.is(fieldValue(response.headers, 'allow'), 'GET, HEAD, OPTIONS');
});

test.run();
