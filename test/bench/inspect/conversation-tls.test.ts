// TLS of a foreign client and server (OpenSSL) is opened, whatever the suite, and what cannot be opened is said: RFC 5246, RFC 8446.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { TraceEvent } from '../../../src/core/trace.js';
import { inspectStream, type Piece } from '../../support/inspected.js';
import { type TapOptions, type Tapped, tapTls } from '../../support/tapped-tls.js';

const test = suite('inspected TLS');

const REQUEST = 'GET /a HTTP/1.1\r\nhost: wirebench.test\r\n\r\n';
const ANSWER = 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello';
const plain: Pick<TapOptions, 'send' | 'answer'> = { send: [REQUEST, REQUEST], answer: () => ANSWER };
const old = (ciphers: string): TapOptions => ({
  ...plain,
  client: { maxVersion: 'TLSv1.2', ciphers: `${ciphers}:@SECLEVEL=0` },
  server: { ciphers: `${ciphers}:@SECLEVEL=0` },
});
const stream = ({ pieces }: { pieces: Piece[] }) => ({ flow: 'a:1>b:443#0', pieces });
const of = (events: readonly TraceEvent[], layer: string, kind: string): TraceEvent[] =>
  events.filter((event) => event.layer === layer && event.kind === kind);
const codes = (verdicts: readonly { code: string }[]): string[] => [...new Set(verdicts.map(({ code }) => code))];

function opened(tapped: Tapped, name: string): ReturnType<typeof inspectStream> {
  const told = inspectStream(stream(tapped), tapped.keyLog);
  assert.equal(codes(told.verdicts), [], name);
  assert.is(told.exchanges.length, 2, name);
  for (const { request, response, secure, tls } of told.exchanges) {
    assert.is(request.target, '/a', name);
    assert.is(Buffer.from(response?.content ?? []).toString(), 'hello', name);
    assert.ok(secure && response?.complete && request.complete, name);
    assert.is(tls?.cipherSuite, tapped.cipher, name);
    assert.is(tls?.serverName, 'wirebench.test', name);
  }
  assert.is(of(told.events, 'tls', 'established').length, 1, name);
  return told;
}

const SUITES = [
  ['ECDHE-RSA-AES128-GCM-SHA256'],
  ['ECDHE-RSA-AES256-GCM-SHA384'],
  ['ECDHE-RSA-CHACHA20-POLY1305'],
  ['ECDHE-RSA-AES128-SHA'],
  ['ECDHE-RSA-AES128-SHA256'],
  ['ECDHE-RSA-AES256-SHA384'],
  ['ECDHE-ECDSA-AES128-CCM', 'ecdsa'],
  ['ECDHE-ECDSA-AES256-CCM8', 'ecdsa'],
  ['ECDHE-ARIA128-GCM-SHA256'],
  ['ECDHE-RSA-CAMELLIA128-SHA256'],
  ['AES128-SHA'],
  ['AES256-SHA256'],
  ['AES128-GCM-SHA256'],
  ['AES128-CCM'],
  ['CAMELLIA256-SHA'],
  ['DHE-RSA-AES128-GCM-SHA256'],
  ['DHE-RSA-AES256-SHA256'],
  ['DHE-RSA-CHACHA20-POLY1305'],
  ['NULL-SHA256'],
] as const;

for (const [name, key] of SUITES) {
  test(`TLS 1.2, ${name}`, async () => {
    opened(await tapTls({ ...old(name), ecdsa: key === 'ecdsa' }), name);
  });
}

test('TLS 1.2, CBC with and without encrypt-then-MAC', async () => {
  const NO_ENCRYPT_THEN_MAC = 0x80000;
  const options = old('ECDHE-RSA-AES256-SHA');
  const [established] = of(opened(await tapTls(options), 'with').events, 'tls', 'established');
  assert.is((established as { encryptThenMac?: boolean }).encryptThenMac, true);
  const without = await tapTls({ ...options, server: { ...options.server, secureOptions: NO_ENCRYPT_THEN_MAC } });
  const [other] = of(opened(without, 'without').events, 'tls', 'established');
  assert.is((other as { encryptThenMac?: boolean }).encryptThenMac, undefined);
});

for (const name of [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_CCM_SHA256',
  'TLS_AES_128_CCM_8_SHA256',
]) {
  test(`TLS 1.3, ${name}`, async () => {
    const ciphers = { minVersion: 'TLSv1.3' as const, ciphers: `${name}:ECDHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0` };
    opened(await tapTls({ ...plain, client: ciphers, server: ciphers }), name);
  });
}

test('sessions resumed by ticket, by session id and by PSK are opened by the new client random', async () => {
  const cases = [
    { options: { ...plain, client: { maxVersion: 'TLSv1.2' } } as TapOptions, resumed: 'ticket' },
    { options: plain as TapOptions, resumed: 'psk' },
  ];
  for (const { options, resumed } of cases) {
    const first = await tapTls(options);
    const second = await tapTls({ ...options, client: { ...options.client, session: first.session! } });
    const [established] = of(opened(second, resumed).events, 'tls', 'established');
    assert.is((established as { resumed?: string }).resumed, resumed);
    // The secrets of the first connection do not open the second.
    assert.equal(codes(inspectStream(stream(second), first.keyLog).verdicts), ['no-keys']);
  }
});

test('a renegotiation is seen, and what follows is opened under the new keys', async () => {
  const tapped = await tapTls({ ...old('ECDHE-RSA-AES128-GCM-SHA256'), renegotiate: true });
  const { verdicts, exchanges, events } = inspectStream(stream(tapped), tapped.keyLog);
  assert.equal(codes(verdicts), ['renegotiation']);
  assert.is(exchanges.length, 2);
  assert.is(of(events, 'tls', 'established').length, 2);
});

test('TLS through a tunnel by CONNECT', async () => {
  const inner = await tapTls(plain);
  const lead = (dir: 'in' | 'out', text: string): Piece => ({
    dir,
    bytes: new Uint8Array(Buffer.from(text)),
    packet: 1,
  });
  const pieces = [
    lead('in', 'CONNECT wirebench.test:443 HTTP/1.1\r\nHost: wirebench.test:443\r\n\r\n'),
    lead('out', 'HTTP/1.1 200 OK\r\n\r\n'),
    ...inner.pieces,
  ];
  const { exchanges, verdicts } = inspectStream(stream({ pieces }), inner.keyLog);
  assert.equal(codes(verdicts), ['protocol-switched']);
  assert.equal(
    exchanges.map(({ request, secure }) => `${request.method} ${request.target} ${secure}`),
    ['CONNECT wirebench.test:443 false', 'GET /a true', 'GET /a true'],
  );
});

test('without keys what is in clear is told, and once that they are missing', async () => {
  const { pieces } = await tapTls(old('ECDHE-RSA-AES128-GCM-SHA256'));
  const { events, verdicts, exchanges } = inspectStream(stream({ pieces }), '');
  const messages = of(events, 'tls', 'handshake').map((event) => (event as { message: string }).message);
  assert.equal(messages.slice(0, 5), [
    'ClientHello',
    'ServerHello',
    'Certificate',
    'ServerKeyExchange',
    'ServerHelloDone',
  ]);
  assert.equal(
    verdicts.map(({ code }) => code),
    ['no-keys'],
  );
  assert.is(of(events, 'tls', 'established').length, 1, 'the suite is known from the hellos');
  assert.is(exchanges.length, 0);
  assert.ok(of(events, 'tls', 'record').length > 8);
});

test('TLS 1.1 is not opened, and that is said', async () => {
  const options: TapOptions = {
    ...plain,
    client: { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' },
    server: { minVersion: 'TLSv1', ciphers: 'DEFAULT:@SECLEVEL=0' },
  };
  const tapped = await tapTls(options);
  assert.equal(codes(inspectStream(stream(tapped), tapped.keyLog).verdicts), ['version-not-supported']);
});

test('keys that come late open what comes behind them', async () => {
  for (const options of [plain, old('ECDHE-RSA-AES128-GCM-SHA256')]) {
    const tapped = await tapTls(options);
    const late = tapped.pieces.findLastIndex(
      ({ dir, bytes }) => dir === 'in' && bytes![0] === 23 && bytes!.length > 40,
    );
    const { verdicts, exchanges } = lateKeys(tapped, late);
    assert.equal(
      codes(verdicts).filter((code) => !['no-keys', 'skipped', 'message-lost', 'response-alone'].includes(code)),
      [],
    );
    assert.ok(codes(verdicts).includes('no-keys'));
    assert.is(exchanges.length, 1);
    assert.is(Buffer.from(exchanges[0]!.response!.content).toString(), 'hello');
  }
});

test('a record that was changed is told, and the next ones are opened', async () => {
  for (const options of [
    plain,
    old('ECDHE-RSA-AES128-GCM-SHA256'),
    old('ECDHE-RSA-CHACHA20-POLY1305'),
    old('AES128-SHA'),
  ]) {
    const tapped = await tapTls(options);
    const data = tapped.pieces.filter(({ dir, bytes }) => dir === 'out' && bytes![0] === 23);
    const changed = data.at(-3) ?? data[0]!;
    changed.bytes![changed.bytes!.length - 3]! ^= 1;
    const { verdicts, exchanges } = inspectStream(stream(tapped), tapped.keyLog);
    const [bad] = verdicts.filter(({ code }) => code === 'bad-record-mac');
    assert.is(bad?.rule, options === plain ? 'RFC 8446 §5.2' : 'RFC 5246 §7.2.2', tapped.cipher);
    assert.is(exchanges.at(-1)?.response?.status, 200, tapped.cipher);
    assert.ok(exchanges.at(-1)?.response?.complete, tapped.cipher);
  }
});

/** The key log is there only from piece `from` on. */
function lateKeys(tapped: Tapped, from: number): ReturnType<typeof inspectStream> {
  let keys = '';
  const store = {
    count: 0,
    secret: (label: string, random: string) => {
      const line = keys.split('\n').find((text) => text.startsWith(`${label} ${random}`));
      return line === undefined ? undefined : new Uint8Array(Buffer.from(line.split(' ')[2]!, 'hex'));
    },
    add: () => {},
  };
  const pieces = tapped.pieces.map((piece, index) => ({
    ...piece,
    get bytes() {
      if (index === from) {
        keys = tapped.keyLog;
        store.count = 5;
      }
      return piece.bytes;
    },
  }));
  return inspectStream(stream({ pieces }), '', { keys: store });
}

test.run();
