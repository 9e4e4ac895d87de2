// What comes after a TLS 1.3 handshake, and what comes of it: tickets and resumption (RFC 8446 §4.6.1, §4.2.11), refused early
// data (§4.2.10), key updates (§4.6.3, §5.5) and the two directions' ends (§6.1).

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from '../../../src/core/limits.js';
import { ascii, concat, equalBytes, testRandom, text } from '../../support/bytes.js';
import { Group, TLS13, Type } from '../../support/tls/codes.js';
import type { ClientOptions, ClientSession, Session13 } from '../../support/tls/options.js';
import { fullConfig, Rig, START_UNIX_US } from '../../support/tls/rig.js';
import { drain } from '../../support/tls-server.js';

const config = fullConfig();
const base: ClientOptions = { versions: [TLS13] };
const AES_128 = 0x1301;
const AES_256 = 0x1302;

function served(options: ClientOptions = {}, with_ = config): Rig {
  const rig = new Rig(with_, { ...base, ...options }).shake();
  assert.ok(rig.works(), rig.reason);
  return rig;
}

const ticketsOf = (rig: Rig): Session13[] =>
  rig.client.sessions.filter((one): one is Session13 => one.version === TLS13);

/** What became of each identity that was looked at. */
const lookedAt = (rig: Rig): [number, string][] =>
  rig.events.flatMap((event): [number, string][] => (event.kind === 'psk' ? [[event.index, event.verdict]] : []));

// ---- Tickets ----

test('a full handshake gives two tickets, a resumed one gives one (§4.6.1)', () => {
  const first = served();
  assert.is(ticketsOf(first).length, 2);
  const second = served({ sessions: ticketsOf(first).slice(0, 1) });
  assert.is(ticketsOf(second).length, 1);
});

test('tickets have a lifetime, ages and PSKs of their own, and take no early data', () => {
  const tickets = ticketsOf(served());
  for (const { lifetime, maxEarlyDataSize } of tickets) {
    assert.is(lifetime, limits.tls.ticketLifetimeS);
    assert.is(maxEarlyDataSize, 0);
  }
  assert.is.not(tickets[0]!.ageAdd, tickets[1]!.ageAdd);
  assert.not.equal(Array.from(tickets[0]!.psk), Array.from(tickets[1]!.psk));
  assert.is.not(ticketsOf(served())[0]!.ageAdd, tickets[0]!.ageAdd);
});

test('no tickets where they are of no use: without psk_dhe_ke (§4.2.9), and when resumption is off', () => {
  assert.is(ticketsOf(served({ pskModes: [0] })).length, 0);
  assert.is(ticketsOf(served({ pskModes: undefined })).length, 0);
  assert.is(ticketsOf(served({}, fullConfig({ resumption: false }))).length, 0);
});

test('both tickets resume, in any order, and more than once', () => {
  const [first, second] = ticketsOf(served());
  for (const session of [second!, first!, first!]) {
    const rig = served({ sessions: [session] });
    assert.is(rig.client.agreed.resumed, 'psk');
    assert.is(rig.server.negotiated?.resumed, 'psk');
    assert.is(rig.server.negotiated?.signature, 'none');
  }
});

test('a resumed handshake has no certificate, and still a key exchange of its own', () => {
  const sessions = ticketsOf(served()).slice(0, 1);
  for (const group of Object.values(Group)) {
    const rig = served({ sessions, groups: [group] });
    assert.equal(rig.client.seen, [
      'ServerHello',
      'ChangeCipherSpec',
      'EncryptedExtensions',
      'Finished',
      'NewSessionTicket',
    ]);
    assert.is(rig.client.agreed.group, group);
  }
});

test('a chain of resumptions goes on', () => {
  let sessions: readonly ClientSession[] = ticketsOf(served());
  for (let i = 0; i < 5; i++) {
    const rig = served({ sessions: sessions.slice(-1) });
    assert.is(rig.client.agreed.resumed, 'psk');
    sessions = ticketsOf(rig);
  }
});

test('ALPN and server name are agreed on anew (§4.2)', () => {
  const sessions = ticketsOf(served({ alpn: ['h2'] })).slice(0, 1);
  const rig = served({ sessions, alpn: ['http/1.1'] });
  assert.is(rig.client.agreed.resumed, 'psk');
  assert.is(rig.server.negotiated?.alpn, 'http/1.1');
  assert.ok(rig.client.agreed.serverName);
});

test('a ticket is good for another suite of its hash, and no good for one of another hash (§4.6.1)', () => {
  const sessions = ticketsOf(served({ cipherSuites: [AES_128] })).slice(0, 1);
  const same = served({ sessions, cipherSuites: [0x1303] });
  assert.is(same.client.agreed.resumed, 'psk');
  const other = served({ sessions, cipherSuites: [AES_256] });
  assert.is(other.client.agreed.resumed, undefined);
  assert.equal(lookedAt(other), [[0, 'other hash']]);
});

test('SHA-384 resumes as well', () => {
  const sessions = ticketsOf(served({ cipherSuites: [AES_256] })).slice(0, 1);
  assert.is(served({ sessions, cipherSuites: [AES_256] }).client.agreed.resumed, 'psk');
});

test('a ticket of another server name leads to a full handshake, for the name of now', () => {
  const sessions = ticketsOf(served()).slice(0, 1);
  for (const serverName of ['other.test', '']) {
    const rig = served({ sessions, serverName });
    assert.is(rig.client.agreed.resumed, undefined);
    assert.equal(lookedAt(rig), [[0, 'other server name']]);
    assert.is(rig.server.negotiated?.serverName, serverName === '' ? undefined : serverName);
  }
});

test('a ticket that has expired leads to a full handshake, and its age is counted in logical time', () => {
  const sessions = ticketsOf(served()).slice(0, 1);
  const at = (seconds: number): Rig => {
    const rig = new Rig(config, { ...base, sessions, nowMs: START_UNIX_US / 1000 + seconds * 1000 });
    rig.nowUs = seconds * 1_000_000;
    rig.shake();
    assert.ok(rig.works(), rig.reason);
    return rig;
  };
  const inTime = at(limits.tls.ticketLifetimeS);
  assert.is(inTime.client.agreed.resumed, 'psk');
  const accepted = inTime.events.find((event) => event.kind === 'psk');
  assert.ok(accepted?.kind === 'psk' && accepted.ageSkewMs === 0);
  const late = at(limits.tls.ticketLifetimeS + 1);
  assert.is(late.client.agreed.resumed, undefined);
  assert.equal(lookedAt(late), [[0, 'expired']]);
});

test('a client whose clock is wrong is resumed all the same, as there is no early data (§4.2.10)', () => {
  const sessions = ticketsOf(served()).slice(0, 1);
  const rig = served({ sessions, nowMs: START_UNIX_US / 1000 + 3_600_000 });
  assert.is(rig.client.agreed.resumed, 'psk');
  const accepted = rig.events.find((event) => event.kind === 'psk');
  assert.ok(accepted?.kind === 'psk' && accepted.ageSkewMs === -3_600_000);
});

test('the second identity is chosen when the first one is unknown, and its binder alone is looked at', () => {
  const [session] = ticketsOf(served());
  const unknown: Session13 = { ...session!, ticket: testRandom(1).bytes(120), psk: new Uint8Array(32) };
  const rig = served({ sessions: [unknown, session!] });
  assert.is(rig.client.agreed.resumed, 'psk');
  assert.equal(lookedAt(rig), [
    [0, 'unknown'],
    [1, 'accepted'],
  ]);
});

test('tickets that nobody knows lead to a full handshake (§4.2.11)', () => {
  const [session] = ticketsOf(served());
  const unknown = { ...session!, ticket: testRandom(1).bytes(50) };
  const rig = served({ sessions: Array.from({ length: 10 }, () => unknown) });
  assert.is(rig.client.agreed.resumed, undefined);
  assert.is(lookedAt(rig).length, limits.tls.pskIdentities);
});

test('psk_ke is refused: such a client is served with a certificate', () => {
  const sessions = ticketsOf(served()).slice(0, 1);
  const rig = served({ sessions, pskModes: [0] });
  assert.is(rig.client.agreed.resumed, undefined);
  assert.equal(lookedAt(rig), []);
});

test('with resumption off no ticket is looked at', () => {
  const sessions = ticketsOf(served()).slice(0, 1);
  const rig = served({ sessions }, fullConfig({ resumption: false, random: config.random }));
  assert.is(rig.client.agreed.resumed, undefined);
  assert.equal(lookedAt(rig), []);
});

test('a PSK goes with a HelloRetryRequest, its binder over both hellos (§4.2.11.2)', () => {
  for (const cipherSuite of [AES_128, AES_256]) {
    const sessions = ticketsOf(served({ cipherSuites: [cipherSuite] })).slice(0, 1);
    const rig = served({ sessions, cipherSuites: [cipherSuite], keyShares: [] });
    assert.ok(rig.client.agreed.helloRetry);
    assert.is(rig.client.agreed.resumed, 'psk');
  }
});

test('a ticket of 1.3 is nothing to 1.2', () => {
  const both = served({ versions: [TLS13, 0x0303] });
  const rig = new Rig(fullConfig({ maxVersion: 0x0303 }), {
    versions: [TLS13, 0x0303],
    sessions: both.client.sessions.slice(0, 1),
  }).shake();
  assert.ok(rig.works());
  assert.is(rig.server.negotiated?.version, 'TLS1.2');
  assert.is(rig.server.negotiated?.resumed, undefined);
});

// ---- Early data ----

const early = [ascii('GET / HTTP/1.1'), new Uint8Array(5000)];
const dropped = (rig: Rig): number =>
  rig.events.filter((event) => event.kind === 'drop' && event.reason === 'refused early data').length;

test('early data is refused and passed over, and the PSK is taken (§4.2.10)', () => {
  const sessions = ticketsOf(served()).slice(0, 1);
  const rig = served({ sessions, earlyData: early });
  assert.is(rig.client.agreed.resumed, 'psk');
  assert.is(dropped(rig), 2);
  assert.not(text(concat(...rig.plaintext)).includes('GET'));
  assert.ok(rig.events.some((event) => event.kind === 'early_data' && event.verdict === 'refused'));
});

test('early data before a HelloRetryRequest is passed over by its type (§4.2.10)', () => {
  const sessions = ticketsOf(served()).slice(0, 1);
  const options: ClientOptions = {
    sessions,
    earlyData: early,
    keyShares: [],
    // The second hello is without early_data (§4.1.2); the data has been sent by then.
    hooks: {
      hello: (parts, attempt) =>
        attempt === 1 ? parts : { ...parts, extensions: (parts.extensions ?? []).filter((one) => one.type !== 42) },
    },
  };
  const rig = served(options);
  assert.ok(rig.client.agreed.helloRetry);
  assert.is(dropped(rig), 2);
  assert.is(rig.client.agreed.resumed, 'psk');
});

test('tooMuchEarlyData: more of it than the limit says ends the connection', () => {
  const sessions = ticketsOf(served()).slice(0, 1);
  const rig = new Rig(config, {
    ...base,
    sessions,
    earlyData: Array.from({ length: 5 }, () => new Uint8Array(16_000)),
  });
  rig.shake();
  assert.equal(rig.alerts, ['unexpected_message']);
  assert.is(rig.plaintext.length, 0);
});

// ---- Key updates ----

test('a KeyUpdate of the client changes what we read with', () => {
  const rig = served();
  for (let i = 0; i < 3; i++) {
    rig.say(rig.client.keyUpdate(false));
    assert.ok(rig.works(), rig.reason);
  }
  assert.is(rig.client.serverKeyUpdates, 0);
});

test('one that asks for ours is answered in front of the next data, and many by one (§4.6.3)', () => {
  const rig = served();
  for (let i = 0; i < 5; i++) rig.say(rig.client.keyUpdate(true));
  assert.is(rig.client.serverKeyUpdates, 0);
  assert.ok(rig.works());
  assert.is(rig.client.serverKeyUpdates, 1);
  assert.ok(rig.works());
  assert.is(rig.client.serverKeyUpdates, 1);
});

test('application data between them starts the count of key updates anew', () => {
  const rig = served();
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < limits.tls.keyUpdates; i++) rig.say(rig.client.keyUpdate(false));
    assert.ok(rig.works(), rig.reason);
  }
});

test('a KeyUpdate behind our own close_notify is still followed', () => {
  const rig = served();
  rig.server.close(0);
  rig.say(rig.client.keyUpdate(true));
  rig.say(rig.client.write(ascii('after')));
  assert.is(text(rig.plaintext.at(-1)!), 'after');
  assert.is(rig.server.state, 'closed');
});

test('our own key is replaced before it has sealed as many records as it may (§5.5)', () => {
  const table = limits.tls as { recordsPerKey: number };
  const { recordsPerKey } = table;
  table.recordsPerKey = 20;
  try {
    for (const [suite, expected] of [
      [AES_128, 2],
      [AES_256, 2],
      // Of ChaCha20-Poly1305 the sequence numbers would end first.
      [0x1303, 0],
    ] as const) {
      const rig = served({ cipherSuites: [suite] });
      for (let i = 0; i < 40; i++) {
        assert.is(rig.server.write(0, Uint8Array.of(i)), 1);
        rig.client.receive(drain(rig.server));
      }
      assert.is(rig.client.serverKeyUpdates, expected);
      equalBytes(
        concat(...rig.client.received).slice(-40),
        Uint8Array.from({ length: 40 }, (_, i) => i),
      );
      const generations = rig.events.flatMap((event) =>
        event.kind === 'keys' && event.dir === 'out' ? [event.secret.replace(/^\D+/, '')] : [],
      );
      assert.equal(generations, ['', '0', '1', '2'].slice(0, 2 + expected));
    }
  } finally {
    table.recordsPerKey = recordsPerKey;
  }
});

// ---- The end ----

test('the client’s close_notify ends its direction only: what is still to be said is said (§6.1)', () => {
  const rig = served();
  rig.say(rig.client.close());
  assert.ok(rig.server.inputEnded);
  assert.is(rig.server.state, 'open');
  rig.server.write(0, ascii('the rest'));
  rig.server.close(0);
  rig.client.receive(drain(rig.server));
  assert.is(text(rig.client.received.at(-1)!), 'the rest');
  assert.ok(rig.client.closed);
  assert.is(rig.server.state, 'closed');
});

test('our close_notify leaves the client’s direction open', () => {
  const rig = served();
  rig.server.close(0);
  assert.is(rig.server.write(0, ascii('no')), 0);
  rig.say(rig.client.write(ascii('more')));
  assert.is(text(rig.plaintext.at(-1)!), 'more');
});

test('an error alert behind the handshake ends both directions (§6.2)', () => {
  const rig = served();
  rig.say(rig.client.inject(Type.alert, Uint8Array.of(1, 46)));
  assert.is(rig.server.state, 'failed');
  assert.is(rig.server.write(0, ascii('no')), 0);
});

test('the end of the stream without close_notify is told as a truncation', () => {
  const rig = served();
  rig.server.endOfInput(0);
  assert.ok(rig.events.some((event) => event.kind === 'truncated'));
});

test.run();
