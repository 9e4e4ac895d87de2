// Mode std: what of a response Node's own servers are told, that nothing of it gets lost on the way to them.

import { readFileSync } from 'node:fs';
import * as http from 'node:http';
import * as http2 from 'node:http2';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bytesBody } from '../../src/core/http/body.js';
import type { Field, Request, Response } from '../../src/core/http/message.js';
import { runStd, type StdServer } from '../../src/io/std.js';

const key = (name: string): string =>
  readFileSync(new URL(`../../../fixtures/keys/${name}.pem`, import.meta.url), 'utf8');

const REPEATED: readonly Field[] = [
  ['set-cookie', 'a=1; Expires=Sun, 06 Nov 1994 08:49:37 GMT'],
  ['link', '</a>'],
  ['set-cookie', 'b=2'],
  ['etag', '"one"'],
  ['link', '</b>'],
  ['etag', '"two"'],
];
const TRAILERS: readonly Field[] = [
  ['x-sum', '1'],
  ['x-part', 'a'],
  ['x-part', 'b'],
];

function answer({ path }: Request): Response {
  if (path === '/throw') throw new Error('the handler throws');
  const { read } = bytesBody(Uint8Array.of(0x61));
  return { status: 200, headers: REPEATED, body: { length: undefined, read, trailers: () => TRAILERS } };
}

async function withStd(body: (server: StdServer) => Promise<void>): Promise<void> {
  const server = await runStd({
    handler: answer,
    host: '127.0.0.1',
    tlsPort: 0,
    plainPort: 0,
    certificate: key('server.cert'),
    key: key('server.key'),
    tls: {
      minVersion: '1.3',
      maxVersion: '1.3',
      cipherSuites: ['TLS_AES_128_GCM_SHA256'],
      groups: ['x25519'],
      resumption: false,
      otherCredentials: [],
      alpnProtocols: ['h2', 'http/1.1'],
      strictServerName: false,
    },
  });
  try {
    await body(server);
  } finally {
    await server.stop();
  }
}

const valuesOf = (raw: readonly string[], name: string): string[] =>
  raw.filter((_, i) => i % 2 === 1 && raw[i - 1] === name);

test('HTTP/1.1: repeated fields are lines of their own, in the trailer section, too', async () => {
  await withStd(async ({ plainPort }) => {
    const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
      http.get({ host: '127.0.0.1', port: plainPort, agent: false }, resolve).on('error', reject);
    });
    for await (const _ of response) {
      // To its end, where the trailer section is.
    }
    const { rawHeaders, rawTrailers } = response;
    for (const name of ['set-cookie', 'link', 'etag']) {
      assert.equal(
        valuesOf(rawHeaders, name),
        REPEATED.filter(([field]) => field === name).map(([, value]) => value),
      );
    }
    assert.equal(rawTrailers, TRAILERS.flat());
  });
});

test('HTTP/2: set-cookie keeps its lines, others are joined; trailers have their names', async () => {
  await withStd(async ({ tlsPort }) => {
    const session = http2.connect(`https://127.0.0.1:${tlsPort}`, { rejectUnauthorized: false });
    try {
      const stream = session.request({ ':path': '/' });
      const headers = new Promise<http2.IncomingHttpHeaders>((resolve) => stream.once('response', resolve));
      const trailers = new Promise<http2.IncomingHttpHeaders>((resolve) => stream.once('trailers', resolve));
      stream.resume();
      const { 'set-cookie': cookies, link, etag } = await headers;
      assert.equal(cookies, ['a=1; Expires=Sun, 06 Nov 1994 08:49:37 GMT', 'b=2']);
      assert.is(link, '</a>, </b>');
      assert.is(etag, '"one", "two"');
      const { 'x-sum': sum, 'x-part': part } = await trailers;
      assert.is(sum, '1');
      assert.is(part, 'a, b');
    } finally {
      session.destroy();
    }
  });
});

test('a handler that throws is a 500, and the next request is answered', async () => {
  await withStd(async ({ plainPort }) => {
    for (const [path, status] of [
      ['/throw', 500],
      ['/', 200],
    ] as const) {
      const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
        http.get({ host: '127.0.0.1', port: plainPort, path, agent: false }, resolve).on('error', reject);
      });
      response.resume();
      assert.is(response.statusCode, status);
    }
  });
});

test.run();
