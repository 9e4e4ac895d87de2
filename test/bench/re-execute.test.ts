// Re-execution: every request of the captures of others is answered by our server with the status that the site documents; the same
// capture gives the same bytes, and what was recorded of it replays.

import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ClientTcp } from '../../src/bench/client/tcp.js';
import { compareAnswer } from '../../src/bench/compare-answers.js';
import { parseExpectation } from '../../src/bench/expectation.js';
import { contentHash, digestOf } from '../../src/bench/inspect/content-digest.js';
import { FilterError } from '../../src/bench/inspect/filter-lexer.js';
import { createKeyStore } from '../../src/bench/inspect/keys.js';
import { planOf, type RecordedConnection, readRequests, reExecute } from '../../src/bench/re-execute.js';
import { loadRecording } from '../../src/bench/recording.js';
import type { Field } from '../../src/core/trace.js';
import { assembleStack } from '../../src/io/assemble.js';
import { pcapFile, scratch } from '../support/captures.js';
import { ACK, SYN, tcpFrame } from '../support/frames.js';
import { wirebench } from '../support/live.js';
import { config, foreignCaptures, foreignFolder, identity, requestsOf } from '../support/re-executed.js';

const test = suite('re-execution');

/** What README says of the places of the site. */
function documentedStatus(method: string, target: string, hasRange: boolean): number {
  const [, place, number] = target.split('/');
  if (place === 'status') return Number(number);
  if (place === 'redirect') return number === '0' ? 200 : 302;
  if (place === 'bytes') return hasRange ? 206 : 200;
  if (['', 'headers', 'trailers'].includes(place!)) return 200;
  if (place === 'echo') return method === 'POST' ? 200 : 0;
  return 404;
}

for (const name of foreignCaptures) {
  test(`${name}: every request is answered as the site documents it`, async () => {
    const { connections, missing } = await requestsOf(name);
    const answers = await reExecute(connections, { identity: identity() });
    if (name === 'cut-in-the-middle.pcapng') {
      assert.is(answers.length, 0);
      assert.match(missing.join('\n'), /the beginning of this connection is not in the capture/);
      return;
    }
    assert.ok(answers.length > 0);
    for (const answer of answers) {
      const { method, target, headers } = answer.recorded.request;
      const hasRange = headers.some(([field]) => field === 'range');
      assert.is(answer.why, undefined, `${method} ${target}: ${answer.why}`);
      const { status, complete } = answer.ours!.response!;
      assert.is(status, documentedStatus(method, target, hasRange), `${method} ${target}`);
      assert.ok(complete);
    }
  });
}

test('the same capture, config and seed give the same packets', async () => {
  const { connections } = await requestsOf('node-h2-post.pcapng');
  const packets = async (): Promise<string[]> => {
    const list: string[] = [];
    await reExecute(connections, {
      identity: identity(),
      onPacket: (atUs, dir, bytes) => list.push(`${atUs} ${dir} ${Buffer.from(bytes).toString('hex')}`),
    });
    return list;
  };
  const once = await packets();
  assert.ok(once.length > 60);
  assert.equal(await packets(), once);
});

test('content that is echoed is the content that was recorded, and compared as such', async () => {
  const { connections } = await requestsOf('node-h1-chunked.pcapng');
  const { content } = connections[0]!.exchanges[0]!.request;
  const [answer] = await reExecute(connections, { identity: identity() });
  assert.is(answer!.ours!.response!.contentLength, 30_000);
  assert.equal(digestOf(answer!.ours!.response!), { sha256: contentHash(content), bytes: 30_000 });
  // What was sent and what was compared is not kept.
  assert.is(answer!.recorded.request.content.length, 0);
  assert.is(answer!.ours!.response!.content.length, 0);
  assert.is(compareAnswer(answer!, new Set()).verdict, 'fields differ');
});

test('a request with more content than is kept is not asked in part: it is unanswered, and says why; the others are asked', async () => {
  const name = 'node-h2-post.pcapng';
  const all = (await requestsOf(name)).connections.flatMap(({ exchanges }) => exchanges);
  const lengths = all.map(({ request }) => request.content.length);
  assert.ok(Math.max(...lengths) > 0);
  const { connections } = await requestsOf(name, { contentBytes: Math.max(...lengths) - 1 });
  const answers = await reExecute(connections, { identity: identity() });
  assert.is(answers.length, all.length);
  for (const [at, answer] of answers.entries()) {
    const isAsked = lengths[at]! < Math.max(...lengths);
    assert.is(answer.ours !== undefined, isAsked);
    if (isAsked) assert.is(answer.why, undefined);
    else
      assert.match(
        answer.why!,
        /^not asked: 64 MiB of the content of a request are kept, 256 MiB of all of a capture,/,
      );
  }
  assert.ok(answers.some(({ ours }) => ours === undefined));
});

test('a request of which the capture lacks content is not asked in part, and says so', async () => {
  for (const name of ['node-plain-post.pcapng', 'node-h2-post.pcapng']) {
    const { connections } = await requestsOf(name);
    const cut = connections.map((connection) => ({
      ...connection,
      exchanges: connection.exchanges.map((exchange) => ({
        ...exchange,
        request: { ...exchange.request, complete: exchange.request.content.length === 0 },
      })),
    }));
    for (const { recorded, ours, why } of await reExecute(cut, { identity: identity() })) {
      assert.is(ours === undefined, !recorded.request.complete, name);
      if (ours === undefined) assert.is(why, 'not asked: the capture does not hold all of the request');
    }
  }
});

test('what our server does not speak is told and not asked for', async () => {
  const { connections } = await requestsOf('nginx-tls12-rsa-kx.pcapng');
  const [answer] = await reExecute(connections, { identity: identity() });
  assert.equal(answer!.notes, ['TLS_RSA_WITH_AES_128_GCM_SHA256 was recorded, and is not offered']);
  assert.is(answer!.ours!.response!.status, 200);
  const refused = await reExecute((await requestsOf('nginx-h2-tls12.pcapng')).connections, {
    identity: identity({ tls: { ...config.tls!, minVersion: '1.3' } }),
  });
  assert.match(refused[0]!.why!, /^TLS: the server sent the alert protocol_version \(RFC 8446 §6\)$/);
});

/** A capture's worth of connections with one plain request each. */
function plainConnections(count: number, headers: readonly Field[] = []): RecordedConnection[] {
  const message = { trailers: [], content: new Uint8Array(0), contentLength: 0, complete: true };
  return Array.from({ length: count }, (_, index) => {
    const flow = `10.9.0.1:5000>10.9.0.2:80#${index}`;
    const request = { ...message, headers, method: 'GET', target: '/status/200', authority: 'x' };
    const response = { ...message, headers: [], status: 200 };
    const exchange = { flow, packet: 8 * index + 3, protocol: 'http/1.1', secure: false, request, response } as const;
    return { flow, exchanges: [exchange], answeredAt: [8 * index + 4] };
  });
}

test('more connections than the server keeps at once: each is closed by both sides, without a retransmission', async () => {
  const count = 10_500;
  for (const headers of [[], [['connection', 'close']]] as const) {
    const states = new Map<string, number>();
    let retransmissions = 0;
    let endUs = 0;
    const answers = await reExecute(plainConnections(count, headers), {
      identity: identity(),
      trace(_atUs, event) {
        if (event.layer !== 'tcp') return;
        if (event.kind === 'state') states.set(event.to, (states.get(event.to) ?? 0) + 1);
        if (event.kind === 'retransmit') retransmissions++;
      },
      onEnd: (atUs) => {
        endUs = atUs;
      },
    });
    assert.is(answers.filter(({ ours }) => ours?.response?.status === 200).length, count);
    assert.is(retransmissions, 0);
    const closed = headers.length === 0 ? 'CLOSED' : 'TIME-WAIT';
    assert.is(states.get(closed), count, JSON.stringify([...states]));
    assert.ok(endUs <= count * 5_000, `${endUs} us`);
  }
});

test('a request of HTTP/1.0 is asked as one: its answer has no chunks, and ends with the connection', async () => {
  const message = { headers: [], trailers: [], content: new Uint8Array(0), contentLength: 0, complete: true };
  const asked = ['/stream/2', '/status/200'].map((target, at) => ({
    ...{ flow: 'f', packet: 3 + at, protocol: 'http/1.0' as const, secure: false },
    request: { ...message, method: 'GET', target, authority: '' },
  }));
  const connection = { flow: 'f', exchanges: asked, answeredAt: [undefined, undefined] };
  const answers = await reExecute([connection], { identity: identity(), keepsContent: true });
  assert.equal(
    answers.map(({ ours }) => [ours?.protocol, ours?.request.headers, ours?.response?.status]),
    [
      ['http/1.0', [], 200],
      ['http/1.0', [], 200],
    ],
  );
  const { headers, complete } = answers[0]!.ours!.response!;
  assert.ok(complete);
  assert.not.ok(headers.some(([name]) => name === 'transfer-encoding'));
  assert.equal(answers[1]!.notes, ['asked on a further connection: the server had closed the one before']);
});

test('transfer codings below the chunks stay with the content that has them (RFC 9112 §7)', async () => {
  const [connection] = plainConnections(1, [['transfer-encoding', 'gzip, chunked']]);
  const [exchange] = connection!.exchanges;
  const request = { ...exchange!.request, method: 'POST', target: '/echo', content: Uint8Array.of(1, 2) };
  const [answer] = await reExecute([{ ...connection!, exchanges: [{ ...exchange!, request }] }], {
    identity: identity(),
  });
  assert.equal(answer!.ours!.request.headers.at(-1), ['transfer-encoding', 'gzip, chunked']);
  assert.is(answer!.ours!.response!.status, 501);
});

test('a conversation that is given up is reset, so that the server keeps nothing of it', () => {
  const identified = identity();
  const stack = assembleStack(identified);
  const silent = { receive() {}, take: () => new Uint8Array(0), endOfInput() {}, finished: false };
  const from = { address: Uint8Array.of(10, 0, 0, 1), port: 50_000 };
  const tcp = new ClientTcp(from, { address: Uint8Array.of(10, 0, 0, 2), port: 80 }, 7, 1500, silent);
  const exchangePackets = (): void => {
    for (let packet = tcp.shift(); packet !== undefined; packet = tcp.shift()) stack.receive(1_000, packet);
    for (let out = stack.poll(); out !== undefined; out = stack.poll()) tcp.receive(out.frame.slice());
  };
  tcp.open();
  exchangePackets();
  tcp.send();
  exchangePackets();
  assert.type(stack.nextDeadlineUs(), 'number');
  tcp.abort();
  assert.not(tcp.over);
  exchangePackets();
  assert.ok(tcp.over);
  assert.is(stack.nextDeadlineUs(), undefined);
});

test('a group that the client has no share for takes a HelloRetryRequest', async () => {
  const { connections } = await requestsOf('nginx-h2-tls13.pcapng');
  const messages: string[] = [];
  const answers = await reExecute(connections, {
    identity: identity({ tls: { ...config.tls!, groups: ['secp384r1'] } }),
    trace: (_atUs, event) => {
      if (event.layer === 'tls' && event.kind === 'handshake') messages.push(event.message);
    },
  });
  assert.ok(messages.includes('HelloRetryRequest'), messages.join(' '));
  assert.is(answers.filter(({ ours }) => ours !== undefined).length, 3);
});

test('expectations compare new and recorded answers', async () => {
  const { connections } = await requestsOf('apache-h1-tls12-ecdsa.pcapng');
  const answers = await reExecute(connections, { identity: identity() });
  const holds = (text: string): boolean[] => answers.map((answer) => parseExpectation(text).holds(answer));
  assert.equal(holds('http.status == 206'), [true, false]);
  assert.equal(holds('http.status == recorded.status'), [true, false]);
  assert.equal(holds('http.path contains "bytes" || http.status in {200, 204}'), [true, true]);
  assert.equal(holds('recorded.header.server matches "apache"'), [true, true]);
  assert.equal(holds('http.header.content-type == "application/json"'), [false, true]);
  assert.throws(
    () => parseExpectation('http.stats == 200'),
    (error: unknown) => error instanceof FilterError && error.advice === 'Did you mean http.status?',
  );
});

test('an expectation that no answer could meet is refused, with what may be meant', () => {
  const refusal = (text: string): string => {
    try {
      parseExpectation(text);
    } catch (error) {
      if (error instanceof FilterError) return `${error.message.split(' at ')[0]}. ${error.advice}`;
      throw error;
    }
    return '';
  };
  const refused = [
    ['http.status == recorded.statu', 'filter: unknown field "recorded.statu". Did you mean recorded.status?'],
    ['http.status == recoded.status', 'filter: unknown field "recoded.status". Did you mean recorded.status?'],
    ['http.header.etag == recorded.heade.etag', 'filter: unknown field "recorded.heade.etag". '],
    ['http.header.etag == recoded.header.etag', 'filter: unknown field "recoded.header.etag". '],
    ['http.status == abc', 'filter: "abc" can be no http.status. It is a status code, of three digits.'],
    ['http.status == "200"', 'filter: the text "200" can be no http.status. '],
    ['http.status in {200, ok}', 'filter: "ok" can be no http.status. '],
    ['http.status in {200..x}', 'filter: "x" can be no http.status. It is a number.'],
    ['http.status == 2000', 'filter: "2000" can be no http.status. '],
    ['http.status > many', 'filter: "many" can be no http.status. It is a number.'],
    ['http.content.length == big', 'filter: "big" can be no http.content.length. It is a number.'],
    ['http.content.sha256 == 533a1ca5', 'filter: "533a1ca5" can be no http.content.sha256. It is 32 hex digits'],
    ['http.version == HTTP/2', 'filter: "HTTP/2" can be no http.version. It is http/1.0, http/1.1 or h2.'],
    ['http.method == get', 'filter: "get" can be no http.method. It is a method, in capital letters.'],
    ['http.path == "bytes"', 'filter: the text "bytes" can be no http.path. '],
    [
      'http.status == recorded.content.sha256',
      'filter: http.status and recorded.content.sha256 are of different kinds',
    ],
    ['len(http.path) == long', 'filter: "long" is no number, as len is.'],
    ['!(http.status == abc) && http.status == 200', 'filter: "abc" can be no http.status. '],
  ] as const;
  for (const [text, what] of refused) assert.ok(refusal(text).startsWith(what), `${text}: ${refusal(text)}`);
  for (const text of [
    'http.status == recorded.status && http.content.sha256 == recorded.content.sha256',
    'http.status in {200, 204, 300..399} || http.status < 1000 || http.status != 404',
    'http.status == recorded.content.length',
    'http.path contains "/bytes/" && http.path == "/bytes/5" && len(http.path) > 3',
    'http.method in {GET, "POST"} && http.version == http/1.1 and http.authority == example.test:8443',
    'http.header.server == "recorded.status"',
    'http.header.content-type == "text/plain" && http.content.sha256 matches "^533a"',
    'http.content.sha256 == 0123456789abcdef0123456789abcdef',
  ]) {
    assert.is(refusal(text), '', text);
  }
});

test('the command reports, judges by --expect, and leaves a recording that replays', async () => {
  const place = scratch();
  const file = place.path('ours.pcapng');
  const capture = join(foreignFolder, 'nginx-h2-tls13.pcapng');
  const out = await wirebench([
    'replay',
    '--re-execute',
    capture,
    '--expect',
    'http.status == recorded.status',
    '--record',
    file,
  ]);
  assert.is(out.code, 0, out.stdout + out.stderr);
  assert.match(
    out.stdout,
    /^#2 GET \/status\/404 h2: recorded 404 \(153 bytes, [0-9a-f]{8}\), ours 404 \(14 bytes, [0-9a-f]{8}\) content differs$/m,
  );
  assert.match(out.stdout, /\n1 capture, 3 requests, all answered, all as expected\n$/);
  const replayed = await wirebench(['replay', '--no-golden', file]);
  assert.is(replayed.code, 0, replayed.stdout);
  assert.match(replayed.stdout, /\d+ packets, .* identical\n/);
  assert.ok((await loadRecording(file)).keyLog.includes('CLIENT_TRAFFIC_SECRET_0'));
  const unmet = await wirebench([
    'replay',
    '--re-execute',
    capture,
    '--expect',
    'http.status == 200',
    '--reporter',
    'json',
  ]);
  assert.is(unmet.code, 1);
  const report = JSON.parse(unmet.stdout) as {
    totals: { unmet: number };
    captures: { requests: { unmet: string[] }[] }[];
  };
  assert.is(report.totals.unmet, 2);
  assert.equal(report.captures[0]!.requests[1]!.unmet, ['http.status == 200']);
});

test('what a recorded peer sent cannot act on a terminal, in the JSON report either', async () => {
  const ends = { source: '10.0.0.1', destination: '10.0.0.2', sourcePort: 4000, destinationPort: 80 };
  const back = { source: '10.0.0.2', destination: '10.0.0.1', sourcePort: 80, destinationPort: 4000 };
  const bytes = (text: string) => ({ payload: new Uint8Array(Buffer.from(text, 'latin1')) });
  const request = bytes('GET / HTTP/1.1\r\nhost: h\r\n\r\n');
  const response = bytes('HTTP/1.1 204 No Content\r\nx-a: \x9b31m\x7f\r\n\r\n');
  const frames = [
    tcpFrame({ ...ends, seq: 0, ack: 0, flags: SYN, window: 9000 }),
    tcpFrame({ ...back, seq: 0, ack: 1, flags: SYN | ACK, window: 9000 }),
    tcpFrame({ ...ends, seq: 1, ack: 1, flags: ACK, window: 9000, ...request }),
    tcpFrame({ ...back, seq: 1, ack: 28, flags: ACK, window: 9000, ...response }),
  ];
  const file = scratch().write('controls.pcap', pcapFile(frames.map((frame, at) => [0, at, frame])));
  const { stdout } = await wirebench(['replay', '--re-execute', file, '--reporter', 'json']);
  assert.match(stdout, /"\\u009b31m\\u007f"/);
  assert.match(stdout, /^[\x20-\x7e\n]+$/);
});

test('CONNECT is not asked, and what went through the tunnel is asked without it', async () => {
  const said: readonly (readonly [fromClient: boolean, text: string])[] = [
    [true, 'CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n'],
    [false, 'HTTP/1.1 200 OK\r\n\r\n'],
    [true, 'GET /status/200 HTTP/1.1\r\nHost: h\r\n\r\n'],
    [false, 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'],
  ];
  const ends = { source: '10.9.0.1', destination: '10.9.0.2', sourcePort: 5000, destinationPort: 3128 };
  const back = { source: '10.9.0.2', destination: '10.9.0.1', sourcePort: 3128, destinationPort: 5000 };
  const frames = [tcpFrame({ ...ends, seq: 0, ack: 0, flags: SYN, window: 9000 })];
  frames.push(tcpFrame({ ...back, seq: 0, ack: 1, flags: SYN | ACK, window: 9000 }));
  const at = { client: 1, server: 1 };
  for (const [fromClient, text] of said) {
    const [seq, ack] = fromClient ? [at.client, at.server] : [at.server, at.client];
    const payload = new Uint8Array(Buffer.from(text));
    frames.push(tcpFrame({ ...(fromClient ? ends : back), seq, ack, flags: ACK, window: 9000, payload }));
    at[fromClient ? 'client' : 'server'] += payload.length;
  }
  const file = scratch().write('tunnel.pcap', pcapFile(frames.map((frame, place) => [0, place, frame])));
  const { connections, missing } = await readRequests(file, createKeyStore());
  assert.equal(missing, ['10.9.0.1:5000>10.9.0.2:3128#0: CONNECT is not asked']);
  const answers = await reExecute(connections, { identity: identity() });
  assert.equal(
    answers.map(({ recorded, ours }) => `${recorded.request.target} ${ours?.response?.status}`),
    ['/status/200 200'],
  );
});

test('each answer is waited for once, by the first request that was sent behind it', () => {
  const message = { headers: [], trailers: [], content: new Uint8Array(0), contentLength: 0, complete: true };
  const request = { ...message, method: 'GET', target: '/', authority: 'h' };
  const exchanges = [1, 1, 4, 7, 9].map((packet) => ({
    ...{ flow: 'f', packet, protocol: 'h2' as const, secure: false },
    request,
  }));
  const plan = planOf({ flow: 'f', exchanges, answeredAt: [6, 3, 8, undefined, 10] });
  assert.equal(
    plan.map(({ after }) => after),
    [[], [], [1], [0], [2]],
  );
});

test.run();
