// The law of the house, for TLS 1.3: what the server sends is a function of config, seed and input. The same input gives the
// same bytes, however it is cut, with a trace and without, and whatever other connections do.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createRandomSource } from '../../../src/core/random.js';
import type { TlsConfig } from '../../../src/core/tls/config.js';
import { TlsServer } from '../../../src/core/tls/server.js';
import type { TlsEvent } from '../../../src/core/trace.js';
import { nodeCrypto } from '../../../src/io/node-crypto.js';
import { ascii, concat, equalBytes, testRandom } from '../../support/bytes.js';
import { clients, ecdsaCredential, rsaCredential } from '../../support/tls/certificates.js';
import { TLS13 } from '../../support/tls/codes.js';
import type { ClientOptions } from '../../support/tls/options.js';
import { asksForCertificate, fullConfig, Rig } from '../../support/tls/rig.js';
import { drain, feed } from '../../support/tls-server.js';

const FLOW = '10.0.0.1:50000>10.0.0.2:443#0';
const base: ClientOptions = { versions: [TLS13], alpn: ['h2'] };
const sessions = new Rig(fullConfig(), base).shake().client.sessions.slice(0, 1);

/** Each with keys whose signatures need a salt or a nonce. */
const CASES: readonly (readonly [name: string, options: ClientOptions, parts: Partial<TlsConfig>])[] = [
  ['a full handshake with RSA', {}, { credentials: [rsaCredential] }],
  ['a full handshake with ECDSA', {}, { credentials: [ecdsaCredential] }],
  ['a HelloRetryRequest', { keyShares: [] }, {}],
  ['a resumed handshake', { sessions }, {}],
  ['refused early data', { sessions, earlyData: [new Uint8Array(500)] }, {}],
  ['a client certificate', { certificate: clients.ed25519 }, asksForCertificate(true)],
];

interface Run {
  /** What the client sent, call by call. */
  readonly input: Uint8Array[];
  readonly output: Uint8Array;
  readonly events: TlsEvent[];
}

/** A whole connection: handshake, data both ways, key updates, close_notify both ways. */
function converse(options: ClientOptions, parts: Partial<TlsConfig>): Run {
  const rig = new Rig(fullConfig(parts), { ...base, ...options }, FLOW);
  const input: Uint8Array[] = [];
  const output: Uint8Array[] = [];
  const say = (bytes: Uint8Array): void => {
    for (let said = bytes; said.length > 0; ) {
      input.push(said.slice());
      rig.give(said);
      answer(rig.server);
      const sent = drain(rig.server);
      output.push(sent);
      said = rig.client.receive(sent);
    }
  };
  say(rig.client.start());
  assert.ok(rig.client.established, rig.reason);
  say(rig.client.write(ascii('ping')));
  say(rig.client.keyUpdate(true));
  say(rig.client.write(ascii('ping')));
  say(rig.client.close());
  return { input, output: concat(...output), events: rig.events };
}

/** The application: it answers when there is something, and closes when the client did. */
function answer(server: TlsServer): void {
  if (server.negotiated !== undefined && server.inputEnded) server.close(0);
}

/** The same input to another server, cut as `pieces` says. */
function again(
  parts: Partial<TlsConfig>,
  pieces: readonly Uint8Array[],
  trace?: (event: TlsEvent) => void,
): Uint8Array {
  const server = new TlsServer({
    flow: FLOW,
    config: fullConfig(parts),
    ...(trace && { trace: (_at: number, event) => void (event.layer === 'tls' && trace(event)) }),
  });
  const output: Uint8Array[] = [];
  for (const piece of pieces) {
    feed(server, piece);
    answer(server);
    output.push(drain(server));
  }
  return concat(...output);
}

function cut(bytes: Uint8Array, next: () => number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = next();
    pieces.push(bytes.subarray(at, at + length));
    at += length;
  }
  return pieces;
}

for (const [name, options, parts] of CASES) {
  const run = converse(options, parts);

  test(`${name}: the same input gives the same bytes and the same trace`, () => {
    const second = converse(options, parts);
    equalBytes(second.output, run.output);
    assert.equal(second.events, run.events);
    equalBytes(again(parts, run.input), run.output);
  });

  test(`${name}: however the input is cut`, () => {
    const all = concat(...run.input);
    equalBytes(
      again(
        parts,
        cut(all, () => 1),
      ),
      run.output,
    );
    equalBytes(again(parts, [all]), run.output);
    for (let seed = 1; seed <= 5; seed++) {
      const random = testRandom(seed);
      equalBytes(
        again(
          parts,
          cut(all, () => 1 + random.below(700)),
        ),
        run.output,
      );
    }
  });

  test(`${name}: with a trace and without`, () => {
    const events: TlsEvent[] = [];
    equalBytes(
      again(parts, run.input, (event) => events.push(event)),
      run.output,
    );
    assert.equal(events, run.events);
    equalBytes(again(parts, run.input, undefined), run.output);
  });
}

test('other connections of the run, before and between, change nothing', () => {
  const config = fullConfig({ credentials: [rsaCredential] });
  const alone = converse({}, { credentials: [rsaCredential] });
  const server = new TlsServer({ flow: FLOW, config });
  const output: Uint8Array[] = [];
  for (const piece of alone.input) {
    assert.ok(new Rig(config, { ...base, keyShares: [] }).shake().works());
    feed(server, piece);
    answer(server);
    output.push(drain(server));
  }
  equalBytes(concat(...output), alone.output);
});

test('another seed, and another flow of the same seed, give other randoms, shares and tickets', () => {
  const outputOf = (flow: string, fill: number): Uint8Array => {
    const random = createRandomSource(nodeCrypto, new Uint8Array(32).fill(fill));
    const rig = new Rig(fullConfig({ random }), base, flow).shake();
    return concat(...rig.output);
  };
  const first = outputOf(FLOW, 1);
  equalBytes(outputOf(FLOW, 1), first);
  for (const other of [outputOf(FLOW, 2), outputOf(`${FLOW}'`, 1)]) {
    // server_random, and the key share at the end of the ServerHello's record.
    assert.not.equal(Array.from(other.subarray(11, 43)), Array.from(first.subarray(11, 43)));
    assert.not.equal(Array.from(other.subarray(87, 119)), Array.from(first.subarray(87, 119)));
  }
});

test.run();
