// Resuming sessions of TLS 1.2 by session id and by ticket: RFC 5246 §7.3, §7.4.1.2, §F.1.4; RFC 5077 §3; RFC 6066 §1.1, §3,
// §4; RFC 7627 §5.3; RFC 8449 §4.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from '../../../src/core/limits.js';
import { createRandomSource } from '../../../src/core/random.js';
import type { TlsConfig } from '../../../src/core/tls/config.js';
import { type Session12, SessionCache } from '../../../src/core/tls/session-cache.js';
import { TicketSeal } from '../../../src/core/tls/ticket-seal.js';
import { openSession, sealSession } from '../../../src/core/tls/tickets12.js';
import { TicketKeys13 } from '../../../src/core/tls/tickets13.js';
import { nodeCrypto } from '../../../src/io/node-crypto.js';
import { concat, equalBytes, toHex } from '../../support/bytes.js';
import { clients } from '../../support/tls/certificates.js';
import type { ClientOptions, ClientSession, Session12 as Kept } from '../../support/tls/options.js';
import { asksForCertificate, clientVerifier, fullConfig, only12, Rig, START_UNIX_US } from '../../support/tls/rig.js';

const TLS12 = [0x0303];
const LIFETIME_US = limits.tls.sessionLifetimeUs;
let flows = 0;

/** One run: a config, and the sessions that its connections share. */
function run(parts: Partial<TlsConfig> = {}) {
  const config = fullConfig({ ...only12, ...parts });
  const sessions = new SessionCache();
  const connect = (options: ClientOptions = {}, nowUs = 0, other: TlsConfig = config): Rig => {
    const rig = new Rig(other, { versions: TLS12, ...options }, `resumed#${flows++}`, sessions);
    rig.nowUs = nowUs;
    return rig.shake();
  };
  /** A full handshake, and what the client keeps of it. */
  const first = (options: ClientOptions = {}): Kept => {
    const rig = connect(options);
    assert.ok(rig.works(), `${rig.client.failure ?? ''} ${rig.reason}`);
    assert.is(rig.server.negotiated?.resumed, undefined);
    return rig.client.sessions[0] as Kept;
  };
  return { config, sessions, connect, first };
}

/** How the connection came about: `full`, `session id`, `ticket`, or the alert. */
function outcome(rig: Rig): string {
  if (rig.alerts.length > 0) return rig.alerts.join();
  assert.ok(rig.works(), `${rig.client.failure ?? ''} ${rig.reason}`);
  const by = rig.server.negotiated!.resumed;
  assert.is(rig.client.agreed.resumed, by);
  return by ?? 'full';
}

const sent = (rig: Rig): string[] =>
  rig.events.flatMap((event) => {
    if (event.kind === 'change_cipher_spec') return [`${event.dir} [ChangeCipherSpec]`];
    return event.kind === 'handshake' ? [`${event.dir} ${event.message}`] : [];
  });
const withTicket = { sessionTicket: true };

test('without session_ticket a session is resumed by its id, in the order of RFC 5246 §7.3', () => {
  const { connect, first, sessions } = run();
  const session = first();
  assert.equal([session.sessionId.length, session.ticket.length, sessions.size], [32, 0, 1]);
  const rig = connect({ sessions: [session] });
  assert.is(outcome(rig), 'session id');
  assert.equal(sent(rig), [
    'in ClientHello',
    'out ServerHello',
    'out [ChangeCipherSpec]',
    'out Finished',
    'in [ChangeCipherSpec]',
    'in Finished',
  ]);
  assert.equal([rig.server.negotiated?.group, rig.server.negotiated?.signature], ['none', 'none']);
  assert.is(sessions.size, 1);
});

test('with session_ticket it is a ticket, the session id is empty, and the order is RFC 5077 §3.1’s', () => {
  const { connect, first, sessions } = run();
  const session = first(withTicket);
  assert.is(session.sessionId.length, 0);
  assert.ok(session.ticket.length > 48);
  assert.is(session.lifetimeHint, LIFETIME_US / 1_000_000);
  assert.is(sessions.size, 0);
  const rig = connect({ ...withTicket, sessions: [session] });
  assert.is(outcome(rig), 'ticket');
  assert.equal(sent(rig), [
    'in ClientHello',
    'out ServerHello',
    'out NewSessionTicket',
    'out [ChangeCipherSpec]',
    'out Finished',
    'in [ChangeCipherSpec]',
    'in Finished',
  ]);
});

test('a used ticket is renewed: another one, for the time that is left (RFC 5077 §3.3)', () => {
  const { connect, first } = run();
  const session = first(withTicket);
  const rig = connect({ ...withTicket, sessions: [session] }, 1_000_000_000);
  const renewed = rig.client.sessions[0] as Kept;
  assert.is.not(toHex(renewed.ticket), toHex(session.ticket));
  assert.is(renewed.lifetimeHint, LIFETIME_US / 1_000_000 - 1000);
  const last = connect({ ...withTicket, sessions: [session] }, LIFETIME_US - 1).client.sessions[0] as Kept;
  assert.is(last.lifetimeHint, 1, 'not 0, which would mean no end');
  assert.is(outcome(connect({ ...withTicket, sessions: [renewed] }, LIFETIME_US - 1)), 'ticket');
});

test('a session dies at its lifetime, however often it was resumed (RFC 5246 §F.1.4)', () => {
  for (const options of [{}, withTicket]) {
    const { connect, first } = run();
    const session = first(options);
    assert.is.not(outcome(connect({ ...options, sessions: [session] }, LIFETIME_US - 1)), 'full');
    const renewed = connect({ ...options, sessions: [session] }, LIFETIME_US - 1).client.sessions.at(-1)!;
    for (const one of [session, renewed]) {
      assert.is(outcome(connect({ ...options, sessions: [one] }, LIFETIME_US)), 'full');
    }
  }
});

test('a ticket from the future is none: it is of a run with another beginning', () => {
  const { connect, first, config } = run();
  const session = first(withTicket);
  const earlier = { ...config, startUnixUs: START_UNIX_US - 1 };
  assert.is(outcome(connect({ ...withTicket, sessions: [session] }, 0, earlier)), 'full');
});

test('another name is another session: a full handshake follows (RFC 6066 §3)', () => {
  for (const options of [{}, withTicket]) {
    const { connect, first } = run();
    const session = first({ ...options, serverName: 'one.test' });
    for (const serverName of ['two.test', '']) {
      assert.is(outcome(connect({ ...options, serverName, sessions: [session] })), 'full', serverName);
    }
    assert.is.not(outcome(connect({ ...options, serverName: 'ONE.test', sessions: [session] })), 'full');
  }
});

test('a session with an extended master secret and a ClientHello without end the handshake (RFC 7627 §5.3)', () => {
  for (const options of [{}, withTicket]) {
    const { connect, first } = run();
    const session = first(options);
    const rig = connect({ ...options, extendedMasterSecret: false, sessions: [session] });
    assert.is(outcome(rig), 'handshake_failure');
    assert.ok(verdictIs(rig, 'sessionWithoutExtendedMasterSecret', 'RFC 7627 §5.3'));
  }
});

test('without an extended master secret no session is given out, so that none can be resumed (RFC 7627 §5.3)', () => {
  for (const options of [{}, withTicket]) {
    const { connect, first, sessions } = run();
    const session = first({ ...options, extendedMasterSecret: false });
    assert.equal([session.sessionId.length, session.ticket.length, sessions.size], [0, 0, 0]);
    assert.is(outcome(connect({ ...options, sessions: [{ ...session, sessionId: new Uint8Array(32) }] })), 'full');
  }
});

test('the suite of the session has to be offered (RFC 5246 §7.4.1.2), and to be served', () => {
  for (const options of [{}, withTicket]) {
    const { connect, first, config } = run();
    const session = first({ ...options, cipherSuites: [0xc02b] });
    const others = { ...options, cipherSuites: [0xc02f, 0xc030, 0xc02c], sessions: [session] };
    const rig = connect(others);
    assert.is(outcome(rig), 'illegal_parameter');
    assert.ok(verdictIs(rig, 'sessionWithoutSuite', 'RFC 5246 §7.4.1.2'));
    const narrower = { ...config, cipherSuites: [0xc02c] };
    assert.is(outcome(connect({ ...options, sessions: [session] }, 0, narrower)), 'full');
  }
});

/** `name` is what the rule is called in the table. */
function verdictIs(rig: Rig, name: string, rule: string): boolean {
  assert.ok(name.length > 0);
  return rig.events.some((event) => event.kind === 'alert' && event.dir === 'out' && event.rule === rule);
}

test('a ticket that does not open means a full handshake, never an alert (RFC 5077 §3.2)', () => {
  const { connect, first } = run();
  const session = first(withTicket);
  const offer = (ticket: Uint8Array): string => outcome(connect({ ...withTicket, sessions: [{ ...session, ticket }] }));
  for (let at = 0; at < session.ticket.length; at += 7) {
    const wrong = session.ticket.slice();
    wrong[at]! ^= 1;
    assert.is(offer(wrong), 'full', `byte ${at}`);
  }
  for (const length of [1, 15, 16, 27, 43, 44, session.ticket.length - 1]) {
    assert.is(offer(session.ticket.subarray(0, length)), 'full');
  }
  assert.is(offer(concat(session.ticket, Uint8Array.of(0))), 'full');
  assert.is(offer(session.ticket), 'ticket');
});

test('a ticket of another seed is noise', () => {
  const { connect, first, config } = run();
  const session = first(withTicket);
  const other = { ...config, random: createRandomSource(nodeCrypto, new Uint8Array(32).fill(4)) };
  assert.is(outcome(connect({ ...withTicket, sessions: [session] }, 0, other)), 'full');
});

test('with a ticket beside it the session id is not looked up, even when the ticket is no good (RFC 5077 §3.4)', () => {
  const { connect, first } = run();
  const session = first();
  assert.is(session.sessionId.length, 32);
  const both = { ...session, ticket: new Uint8Array(100) };
  assert.is(outcome(connect({ ...withTicket, sessions: [both] })), 'full');
});

test('an unknown session id means a full handshake with an id of our own', () => {
  const { connect, first, sessions } = run();
  const session = { ...first(), sessionId: new Uint8Array(32).fill(9) };
  const rig = connect({ sessions: [session] });
  assert.is(outcome(rig), 'full');
  assert.is.not(toHex((rig.client.sessions[0] as Kept).sessionId), toHex(session.sessionId));
  assert.is(sessions.size, 2);
});

test('resumption switched off: no ids, no tickets, and those of before are passed over', () => {
  const { connect, first, config } = run();
  const kept: ClientSession[] = [first(), first(withTicket)];
  const off = { ...config, resumption: false };
  for (const session of kept) {
    const rig = connect({ ...withTicket, sessions: [session] }, 0, off);
    assert.is(outcome(rig), 'full');
    const none = rig.client.sessions[0] as Kept | undefined;
    assert.equal([none?.sessionId.length ?? 0, none?.ticket.length ?? 0], [0, 0]);
  }
});

test('without a cache sessions are resumed by ticket only', () => {
  const rig = new Rig(fullConfig(only12), { versions: TLS12 }, 'uncached#0', 'none').shake();
  assert.ok(rig.works());
  assert.is((rig.client.sessions[0] as Kept | undefined)?.sessionId.length ?? 0, 0);
});

test('a fatal alert makes the session unfit to be resumed (RFC 5246 §7.2)', () => {
  const { connect, first, sessions } = run();
  const session = first();
  const rig = connect({ sessions: [session] });
  assert.is(outcome(rig), 'session id');
  rig.say(rig.client.inject(21, Uint8Array.of(2, 40)));
  assert.is(sessions.size, 0);
  assert.is(outcome(connect({ sessions: [session] })), 'full');
  // And one that the server sends: the connection that made the session counts as well.
  const maker = connect();
  assert.is(sessions.size, 2);
  maker.say(maker.client.inject(22, Uint8Array.of(2, 0, 0, 0)));
  assert.equal([maker.alerts, sessions.size], [['unexpected_message'], 1]);
});

test('a handshake that fails before the client’s Finished leaves no session behind', () => {
  const { connect, sessions } = run();
  const rig = connect({
    hooks: {
      message: (name, bytes) => (name === 'Finished' ? bytes.map((byte, at) => (at === 4 ? byte ^ 1 : byte)) : bytes),
    },
  });
  assert.is(outcome(rig), 'decrypt_error');
  assert.is(sessions.size, 0);
});

test('ALPN is of the connection, not of the session (RFC 7301 §3.1)', () => {
  const { connect, first } = run();
  const session = first({ ...withTicket, alpn: ['h2'] });
  const rig = connect({ ...withTicket, alpn: ['http/1.1'], sessions: [session] });
  assert.is(outcome(rig), 'ticket');
  assert.is(rig.server.negotiated?.alpn, 'http/1.1');
});

test('max_fragment_length stays with the session, unanswered; record_size_limit is agreed on anew', () => {
  const longest = (rig: Rig): number => {
    const before = rig.events.length;
    rig.server.write(0, new Uint8Array(5000));
    const lengths = rig.events.slice(before).map((event) => (event.kind === 'record' ? event.length - 24 : 0));
    return Math.max(...lengths);
  };
  const { connect, first } = run();
  const session = first({ ...withTicket, maxFragmentLength: 2, cipherSuites: [0xc02b] });
  const resumed = { ...withTicket, cipherSuites: [0xc02b], sessions: [session] };
  // RFC 6066 §1.1: ignored in the ClientHello, and what was agreed on holds.
  for (const maxFragmentLength of [2, 1]) {
    const rig = connect({ ...resumed, maxFragmentLength });
    assert.is(rig.server.negotiated?.resumed, 'ticket');
    assert.is(longest(rig), 1024);
  }
  // RFC 8449 §4.
  const limited = connect({ ...resumed, recordSizeLimit: 2000 });
  assert.equal([limited.server.negotiated?.resumed, longest(limited)], ['ticket', 2000]);
});

test('the client’s certificate is remembered by the session, and a session without one does not do where it is required', () => {
  for (const options of [{}, withTicket]) {
    const { connect, first, config } = run({ ...asksForCertificate(false) });
    const shown = first({ ...options, certificate: clients.ed25519 });
    const rig = connect({ ...options, sessions: [shown] });
    assert.is.not(outcome(rig), 'full');
    assert.match(rig.server.negotiated!.clientCertificate!, /client-ed25519/);
    const without = first(options);
    const strict = { ...config, clientAuthentication: { verifier: clientVerifier, required: true } };
    const again = { ...options, sessions: [without], certificate: clients.ed25519 };
    assert.is(outcome(connect(again, 0, strict)), 'full');
    assert.is.not(outcome(connect({ ...options, sessions: [shown] }, 0, strict)), 'full');
  }
});

test('a session does not outlive the client’s certificate (RFC 5246 §F.1.4)', () => {
  const HOUR_US = 3_600_000_000;
  const until = (ms: number): Partial<TlsConfig> => ({
    clientAuthentication: {
      required: false,
      verifier: {
        authorities: [],
        verify: (chain, unixMs) => {
          const verified = clientVerifier.verify(chain, unixMs);
          return 'failure' in verified ? verified : { ...verified, expiresMs: START_UNIX_US / 1000 + ms };
        },
      },
    },
  });
  for (const options of [{}, withTicket]) {
    const { connect, first } = run(until(HOUR_US / 1000));
    const shown = first({ ...options, certificate: clients.ed25519 });
    const rig = connect({ ...options, sessions: [shown] }, HOUR_US - 1);
    assert.is.not(outcome(rig), 'full');
    const renewed = rig.client.sessions.at(-1) ?? shown;
    for (const one of [shown, renewed]) assert.is(outcome(connect({ ...options, sessions: [one] }, HOUR_US)), 'full');
    // One that ends later says no more than none.
    const longer = run(until(100 * HOUR_US)).first({ ...options, certificate: clients.ed25519 });
    assert.is(longer.ticket.length, shown.ticket.length && shown.ticket.length - 8);
  }
});

test('of a resumed session the key log has the line of the new connection', () => {
  const { connect, first } = run();
  const session = first();
  const rig = connect({ sessions: [session] });
  const secret = rig.events.find((event) => event.kind === 'secret');
  assert.equal(
    [secret?.kind === 'secret' && secret.secret, secret?.kind === 'secret' && secret.clientRandom],
    [toHex(session.masterSecret), toHex(rig.client.hello!.parts.random)],
  );
});

// ---- The cache and the tickets by themselves ----

const plain: Session12 = {
  cipherSuite: 0xc02f,
  masterSecret: new Uint8Array(48).fill(5),
  serverName: 'a.test',
  maxFragmentLength: 3,
  clientSubject: 'CN=\u00e9\u4e00',
  createdUnixUs: START_UNIX_US + 123_456,
};

test('the cache holds as many sessions as its limit, then the oldest gives way', () => {
  const cache = new SessionCache();
  const id = (number: number): Uint8Array => Uint8Array.of(number >>> 8, number & 0xff);
  for (let number = 0; number <= limits.tls.sessions; number++) cache.add(id(number), plain);
  assert.is(cache.size, limits.tls.sessions);
  assert.is(cache.find(id(0), plain.createdUnixUs), undefined);
  assert.is(cache.find(id(1), plain.createdUnixUs), plain);
  assert.is(cache.find(id(limits.tls.sessions), plain.createdUnixUs), plain);
});

test('a session that is too old is forgotten when it is looked for', () => {
  const cache = new SessionCache();
  cache.add(Uint8Array.of(1), plain);
  assert.is(cache.find(Uint8Array.of(1), plain.createdUnixUs + LIFETIME_US - 1), plain);
  assert.is(cache.find(Uint8Array.of(1), plain.createdUnixUs + LIFETIME_US), undefined);
  assert.is(cache.size, 0);
});

test('a ticket gives back all of the session, with and without its optional parts', () => {
  const config = fullConfig();
  for (const session of [
    plain,
    { ...plain, serverName: undefined, clientSubject: undefined, maxFragmentLength: 0 },
    { ...plain, clientExpiresMs: START_UNIX_US / 1000 + 9 },
  ]) {
    assert.equal(openSession(config, sealSession(config, 'flow#0', session)), session);
  }
});

test('a ticket is the same in a replay, another on another connection, and of one version only', () => {
  const config = fullConfig();
  const ticket = sealSession(config, 'flow#0', plain);
  equalBytes(sealSession(config, 'flow#0', plain), ticket);
  assert.is.not(toHex(sealSession(config, 'flow#1', plain)), toHex(ticket));
  assert.is(new TicketKeys13(nodeCrypto, config.random).open(ticket), undefined);
});

test('what opens and is no session is no session', () => {
  const config = fullConfig();
  const seal = new TicketSeal(nodeCrypto, config.random, 'TLS1.2');
  const state = seal.open(sealSession(config, 'flow#0', plain))!;
  const nonce = new Uint8Array(12);
  for (let length = 0; length < state.length; length++) {
    assert.is(openSession(config, seal.seal(state.subarray(0, length), nonce)), undefined, `${length}`);
  }
  assert.is(openSession(config, seal.seal(concat(state, Uint8Array.of(0)), nonce)), undefined);
  const other = state.slice();
  other[1] = 4;
  assert.is(openSession(config, seal.seal(other, nonce)), undefined);
});

test('a long subject is cut before it is kept', () => {
  const verify = () => ({
    ...clientVerifier.verify(clients.ed25519.chain, START_UNIX_US / 1000),
    subject: 'x'.repeat(5000),
  });
  const verifier = { authorities: [], verify: verify as typeof clientVerifier.verify };
  const { connect, first } = run({ clientAuthentication: { verifier, required: true } });
  const session = first({ ...withTicket, certificate: clients.ed25519 });
  const rig = connect({ ...withTicket, sessions: [session] });
  assert.is(outcome(rig), 'ticket');
  assert.is(rig.server.negotiated?.clientCertificate?.length, limits.tls.subjectCharacters);
});

test.run();
