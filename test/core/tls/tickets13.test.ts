// Tickets of TLS 1.3 as sealed states, and which of the PSKs that a client offers is taken: RFC 8446 §4.6.1, §4.2.11.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from '../../../src/core/limits.js';
import { createRandomSource } from '../../../src/core/random.js';
import type { PskIdentity } from '../../../src/core/tls/extensions13.js';
import { TicketSeal } from '../../../src/core/tls/ticket-seal.js';
import {
  choosePsk,
  LONGEST_LIFETIME_S,
  type PskNeeds,
  type PskRefusal,
  TicketKeys13,
  type TicketState,
} from '../../../src/core/tls/tickets13.js';
import { nodeCrypto } from '../../../src/io/node-crypto.js';
import { concat, equalBytes, hex, testRandom } from '../../support/bytes.js';

const randomOf = (fill: number) => createRandomSource(nodeCrypto, new Uint8Array(32).fill(fill));
const keys = new TicketKeys13(nodeCrypto, randomOf(1));
const NOW_MS = 1_800_000_000_000;

const state: TicketState = {
  hash: 'sha256',
  psk: testRandom(2).bytes(32),
  issuedMs: NOW_MS,
  authenticatedMs: NOW_MS,
  ticketAgeAdd: 0xfedc_ba98,
  serverName: 'wirebench.test',
  clientSubject: undefined,
};
const needs: PskNeeds = { hash: 'sha256', serverName: 'wirebench.test', unixMs: NOW_MS, needsClient: false };

const identityOf = (parts: Partial<TicketState> = {}, ageMs = 0): PskIdentity => ({
  identity: keys.seal({ ...state, ...parts }),
  obfuscatedTicketAge: ((parts.ticketAgeAdd ?? state.ticketAgeAdd) + ageMs) >>> 0,
});

function choose(
  identities: readonly PskIdentity[],
  parts: Partial<PskNeeds> = {},
): [chosen: ReturnType<typeof choosePsk>, refused: [number, PskRefusal][]] {
  const refused: [number, PskRefusal][] = [];
  const chosen = choosePsk(keys, identities, { ...needs, ...parts }, (index, why) => refused.push([index, why]));
  return [chosen, refused];
}

test('what is sealed opens to the same, by any keys of the seed', () => {
  const states: TicketState[] = [
    state,
    { ...state, hash: 'sha384', psk: testRandom(3).bytes(48), ticketAgeAdd: 0 },
    { ...state, serverName: undefined, clientSubject: 'CN=Zoë \u{1F600}' },
    { ...state, issuedMs: 2 ** 52, authenticatedMs: 0, clientSubject: '' },
    { ...state, clientSubject: 'CN=client', clientExpiresMs: NOW_MS + LONGEST_LIFETIME_S * 1000 - 1 },
  ];
  const others = new TicketKeys13(nodeCrypto, randomOf(1));
  for (const one of states) {
    const opened = others.open(keys.seal(one))!;
    equalBytes(opened.psk, one.psk);
    assert.equal({ ...opened, psk: 0 }, { ...one, psk: 0 });
  }
});

test('the same state is sealed to the same bytes, and no two states share a nonce', () => {
  equalBytes(keys.seal(state), keys.seal(state));
  const nonceOf = (parts: Partial<TicketState>): string =>
    keys
      .seal({ ...state, ...parts })
      .slice(16, 28)
      .join();
  const nonces = new Set([
    nonceOf({}),
    nonceOf({ issuedMs: NOW_MS + 1 }),
    nonceOf({ ticketAgeAdd: 1 }),
    nonceOf({ psk: testRandom(4).bytes(32) }),
  ]);
  assert.is(nonces.size, 4);
});

test('a ticket shows nothing of its PSK', () => {
  const ticket = keys.seal(state);
  for (let at = 0; at + 4 <= ticket.length; at++) {
    assert.not(state.psk.subarray(0, 4).every((byte, index) => ticket[at + index] === byte));
  }
});

test('every bit of a ticket counts, and every byte', () => {
  const ticket = keys.seal(state);
  for (let bit = 0; bit < ticket.length * 8; bit++) {
    const turned = ticket.slice();
    turned[bit >> 3]! ^= 1 << (bit & 7);
    assert.is(keys.open(turned), undefined, `bit ${bit}`);
  }
  for (let length = 0; length < ticket.length; length++) assert.is(keys.open(ticket.subarray(0, length)), undefined);
  assert.is(keys.open(concat(ticket, hex('00'))), undefined);
});

test('keys of another seed, and tickets of the other version, do not open', () => {
  assert.is(new TicketKeys13(nodeCrypto, randomOf(2)).open(keys.seal(state)), undefined);
  const older = new TicketSeal(nodeCrypto, randomOf(1), 'TLS1.2');
  assert.is(keys.open(older.seal(new Uint8Array(90), new Uint8Array(12))), undefined);
});

test('what these keys have sealed in another form is an unknown ticket', () => {
  const seal = new TicketSeal(nodeCrypto, randomOf(1), 'TLS1.3');
  for (const form of ['', '02', '01 07', '01 00 00', '01 00 00 20', '01 00 03 01 aa']) {
    assert.is(keys.open(seal.seal(hex(form), new Uint8Array(0))), undefined, form);
  }
});

test('a ticket of now is taken, and its age is compared with the client’s', () => {
  const [chosen, refused] = choose([identityOf({}, 5_000)], { unixMs: NOW_MS + 5_250 });
  assert.is(chosen?.index, 0);
  assert.is(chosen?.ageSkewMs, 250);
  assert.equal(refused, []);
});

test('the age is counted modulo 2^32 (§4.2.11.1), and a wrong one is no reason to refuse (§4.2.10)', () => {
  const late = identityOf({ ticketAgeAdd: 0xffff_ff00 }, 1_000);
  assert.is(choose([late], { unixMs: NOW_MS + 1_000 })[0]?.ageSkewMs, 0);
  const wrong = { ...identityOf(), obfuscatedTicketAge: (state.ticketAgeAdd + 3_000_000) >>> 0 };
  assert.is(choose([wrong])[0]?.ageSkewMs, -3_000_000);
});

test('a ticket is good to the last millisecond of its lifetime', () => {
  const lifetimeMs = limits.tls.ticketLifetimeS * 1000;
  assert.ok(choose([identityOf()], { unixMs: NOW_MS + lifetimeMs })[0]);
  assert.equal(choose([identityOf()], { unixMs: NOW_MS + lifetimeMs + 1 }), [undefined, [[0, 'expired']]]);
  // Of a clock that was set back.
  assert.equal(choose([identityOf()], { unixMs: NOW_MS - 1 }), [undefined, [[0, 'expired']]]);
});

test('lifetimes stay below the seven days of §4.6.1, and so does what tickets out of tickets add up to', () => {
  assert.ok(limits.tls.ticketLifetimeS <= LONGEST_LIFETIME_S);
  assert.is(LONGEST_LIFETIME_S, 7 * 24 * 3600);
  const longestMs = LONGEST_LIFETIME_S * 1000;
  assert.ok(choose([identityOf({ authenticatedMs: NOW_MS - longestMs })])[0]);
  assert.equal(choose([identityOf({ authenticatedMs: NOW_MS - longestMs - 1 })]), [undefined, [[0, 'expired']]]);
});

test('a ticket goes with its hash (§4.2.11), its server name and, where one is required, a client certificate', () => {
  const cases: [Partial<TicketState>, Partial<PskNeeds>, PskRefusal][] = [
    [{}, { hash: 'sha384' }, 'other hash'],
    [{ hash: 'sha384' }, {}, 'other hash'],
    [{}, { serverName: 'other.test' }, 'other server name'],
    [{}, { serverName: undefined }, 'other server name'],
    [{ serverName: undefined }, {}, 'other server name'],
    [{}, { needsClient: true }, 'no client certificate'],
  ];
  for (const [parts, wanted, why] of cases) {
    assert.equal(choose([identityOf(parts)], wanted), [undefined, [[0, why]]]);
  }
  assert.ok(choose([identityOf({ clientSubject: 'CN=client' })], { needsClient: true })[0]);
});

test('the first identity that fits is chosen, and those before it are passed over', () => {
  const unknown = { identity: testRandom(9).bytes(100), obfuscatedTicketAge: 1 };
  const [chosen, refused] = choose([unknown, identityOf({ hash: 'sha384' }), identityOf(), identityOf()]);
  assert.is(chosen?.index, 2);
  assert.equal(refused, [
    [0, 'unknown'],
    [1, 'other hash'],
  ]);
});

test('no more identities are tried than the limit says', () => {
  const unknown = { identity: testRandom(9).bytes(100), obfuscatedTicketAge: 1 };
  const before = (count: number): PskIdentity[] => Array.from({ length: count }, () => unknown);
  const { pskIdentities } = limits.tls;
  assert.is(choose([...before(pskIdentities - 1), identityOf()])[0]?.index, pskIdentities - 1);
  const [chosen, refused] = choose([...before(pskIdentities), identityOf()]);
  assert.is(chosen, undefined);
  assert.is(refused.length, pskIdentities);
});

test('without anybody to tell, the choice is the same', () => {
  assert.is(choosePsk(keys, [identityOf({ hash: 'sha384' }), identityOf()], needs)?.index, 1);
});

test.run();
