// The TLS 1.3 server against the independent client: one test for each rule of RFC 8446 on the handshake. Rules that end in an
// alert are in alerts13.test.ts, messages out of order in state-table-13.test.ts, what comes later in post-handshake13.test.ts.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from '../../../src/core/limits.js';
import { CIPHER_SUITES } from '../../../src/core/tls/suites.js';
import { nodeCrypto } from '../../../src/io/node-crypto.js';
import { ascii, concat, equalBytes, hex, toHex } from '../../support/bytes.js';
import { ecdsaCredential, ed25519Credential, rsaCredential } from '../../support/tls/certificates.js';
import { Ext, Group, TLS12, TLS13, Type } from '../../support/tls/codes.js';
import type { ClientOptions, HelloParts } from '../../support/tls/options.js';
import { fullConfig, only12, only13, Rig } from '../../support/tls/rig.js';
import type { RawExtension } from '../../support/tls/server-messages.js';

const config = fullConfig();
const base: ClientOptions = { versions: [TLS13] };
const suites = [...CIPHER_SUITES.values()].filter((suite) => suite.version === '1.3').map((suite) => suite.code);
const groups = Object.values(Group);

function served(options: ClientOptions = {}, with_ = config): Rig {
  const rig = new Rig(with_, { ...base, ...options }).shake();
  assert.ok(rig.works(), rig.reason);
  return rig;
}

const withHello = (change: (parts: HelloParts) => HelloParts): ClientOptions => ({ hooks: { hello: change } });
const withExtensions = (change: (list: readonly RawExtension[]) => readonly RawExtension[]): ClientOptions =>
  withHello((parts) => ({ ...parts, extensions: change(parts.extensions ?? []) }));

/** Needs another ClientHello: no share, or none of ours. */
const retried: ClientOptions = { keyShares: [], groups: [Group.secp256r1, Group.x25519] };

test('every suite with every group', () => {
  for (const cipherSuite of suites) {
    for (const group of groups) {
      const rig = served({ cipherSuites: [cipherSuite], groups: [group] });
      assert.is(rig.client.agreed.suite?.code, cipherSuite);
      assert.is(rig.client.agreed.group, group);
    }
  }
});

test('every signature scheme with its certificate', () => {
  const cases = [
    [rsaCredential, 0x0804],
    [rsaCredential, 0x0805],
    [rsaCredential, 0x0806],
    [ecdsaCredential, 0x0403],
    [ed25519Credential, 0x0807],
  ] as const;
  for (const [credential, scheme] of cases) {
    const rig = served({ signatureSchemes: [scheme, 0x0401] }, fullConfig({ credentials: [credential] }));
    assert.is(rig.client.agreed.scheme, scheme);
    equalBytes(rig.client.agreed.chain[0], credential.chain[0]!);
  }
});

test('1.3 is chosen when both sides have it, and 1.2 when one has not (§4.2.1)', () => {
  const versionOf = (versions: readonly number[], parts = {}): string | undefined => {
    const rig = new Rig(fullConfig(parts), { versions }).shake();
    return rig.server.negotiated?.version ?? rig.client.failure;
  };
  assert.is(versionOf([TLS13, TLS12]), 'TLS1.3');
  assert.is(versionOf([TLS12, TLS13]), 'TLS1.3');
  assert.is(versionOf([TLS12]), 'TLS1.2');
  assert.is(versionOf([TLS13, TLS12], only12), 'TLS1.2');
  assert.is(versionOf([TLS13], only12), 'protocol_version');
  assert.is(versionOf([TLS12], only13), 'protocol_version');
});

test('legacy_session_id comes back, and ChangeCipherSpec follows the first message (§4.1.3, §D.4)', () => {
  // The client checks the echo, and that there is one ChangeCipherSpec when it sent an id.
  assert.equal(served().client.seen.slice(0, 3), ['ServerHello', 'ChangeCipherSpec', 'EncryptedExtensions']);
  const once = served(retried).client.seen.filter((name) => name === 'ChangeCipherSpec');
  assert.is(once.length, 1);
  assert.not(served({ compatibility: false }).client.seen.includes('ChangeCipherSpec'));
  assert.not(served({ ...retried, compatibility: false }).client.seen.includes('ChangeCipherSpec'));
});

test('a session id of any length is no session to us (§4.1.2)', () => {
  for (const length of [1, 16, 31]) {
    served(withHello((parts) => ({ ...parts, sessionId: new Uint8Array(length).fill(length) })));
  }
});

test('the flight behind the ServerHello shares a record (§5.1)', () => {
  const rig = served();
  const out = rig.events.filter((event) => event.kind === 'record' && event.dir === 'out').slice(0, 3);
  assert.equal(
    out.map((event) => event.kind === 'record' && [event.contentType, event.encrypted]),
    [
      [Type.handshake, false],
      [Type.changeCipherSpec, false],
      [Type.applicationData, true],
    ],
  );
});

test('application data of ours waits for the client’s Finished', () => {
  const rig = new Rig(config, { ...base, pauseBefore: 'Finished' }).shake();
  assert.is(rig.server.state, 'handshake');
  assert.is(rig.server.write(0, ascii('too early')), 0);
  rig.say(rig.client.resume());
  assert.ok(rig.works());
});

test('GREASE, padding and unknown extensions are passed over (§4.1.2, §4.2, RFC 8701 §3.2)', () => {
  served({ grease: true, padHelloTo: 2048 });
  served({ extraExtensions: [{ type: 0xfe00, data: new Uint8Array(9) }] });
  served({ grease: true, ...retried });
});

test('extensions of TLS 1.2 in a hello for both versions are passed over', () => {
  const rig = served({ versions: [TLS13, TLS12], encryptThenMac: true, sessionTicket: true, fallbackScsv: true });
  assert.is(rig.server.negotiated?.version, 'TLS1.3');
});

test('status_request is answered within the first CertificateEntry (§4.4.2.1)', () => {
  const ocspResponse = new Uint8Array(700).fill(5);
  const stapled = fullConfig({ credentials: [{ ...ed25519Credential, ocspResponse }] });
  equalBytes(served({ statusRequest: true }, stapled).client.agreed.ocspResponse, ocspResponse);
  assert.is(served({}, stapled).client.agreed.ocspResponse, undefined);
  assert.is(served({ statusRequest: true }).client.agreed.ocspResponse, undefined);
});

test('a chain of many records arrives whole', () => {
  const chain = [...ed25519Credential.chain, ...Array.from({ length: 40 }, () => rsaCredential.chain[0]!)];
  const rig = served({}, fullConfig({ credentials: [{ ...ed25519Credential, chain }] }));
  assert.is(rig.client.agreed.chain.length, 41);
});

test('record_size_limit and max_fragment_length hold in both directions (RFC 8449 §4, RFC 6066 §4)', () => {
  for (const options of [{ recordSizeLimit: 64 }, { recordSizeLimit: 1000 }, { maxFragmentLength: 1 }]) {
    const rig = served({ ...options, fragmentBytes: 60 });
    // The client refuses what is larger than it said.
    const body = new Uint8Array(3000).fill(8);
    rig.server.write(0, body);
    rig.say(new Uint8Array(0));
    const output: Uint8Array[] = [];
    while (rig.server.pendingOutput > 0) output.push(rig.server.take(16_384).slice());
    rig.client.receive(concat(...output));
    equalBytes(concat(...rig.client.received).slice(-3000), body);
  }
  assert.is(served({ recordSizeLimit: 64, fragmentBytes: 60 }).client.agreed.recordSizeLimit, 16_385);
});

test('padded records are taken, and our own have no padding (§5.4)', () => {
  served({ recordPadding: 700 });
});

test('messages may be cut anywhere, and share records (§5.1)', () => {
  served({ fragmentBytes: 1 });
  served({ fragmentBytes: 3, ...retried });
  served({ coalesce: true });
});

test('messageAcrossKeys: bytes behind a ClientHello or the Finished in its record are refused (§5.1)', () => {
  const behind = (name: string): string[] => {
    const rig = new Rig(config, {
      ...base,
      hooks: {
        fragment: (record, at) =>
          at === name ? [{ ...record, fragment: concat(record.fragment, hex('18 000001 00')) }] : [record],
      },
    }).shake();
    return rig.alerts;
  };
  assert.equal(behind('ClientHello'), ['unexpected_message']);
  assert.equal(behind('Finished'), ['unexpected_message']);
});

test('an invalid share ends in illegal_parameter (§4.2.8.2, §7.4.2)', () => {
  const shares: [number, Uint8Array][] = [
    [Group.x25519, new Uint8Array(32)],
    [Group.x25519, new Uint8Array(31).fill(9)],
    [Group.x25519, new Uint8Array(33).fill(9)],
    [Group.secp256r1, Uint8Array.of(4, ...new Uint8Array(64).fill(1))],
    [Group.secp256r1, Uint8Array.of(2, ...new Uint8Array(32).fill(1))],
    [Group.secp256r1, Uint8Array.of(0)],
    [Group.secp384r1, Uint8Array.of(4, ...new Uint8Array(96).fill(1))],
  ];
  for (const [group, keyExchange] of shares) {
    const { length } = keyExchange;
    const data = Uint8Array.of(0, length + 4, group >> 8, group, 0, length, ...keyExchange);
    const rig = new Rig(config, {
      ...base,
      ...withExtensions((list) => list.map((one) => (one.type === Ext.keyShare ? { ...one, data } : one))),
    }).shake();
    assert.equal(rig.alerts, ['illegal_parameter'], toHex(keyExchange));
    const told = rig.events.filter((event) => event.kind === 'alert').at(-1);
    assert.ok(told?.kind === 'alert' && told.rule === 'RFC 8446 §4.2.8.2, §7.4.2');
  }
});

test('noPrivateKey: draws that are no private key are bounded, and each has a label of its own', () => {
  const purposes: string[] = [];
  const { random } = config;
  const counting = fullConfig({
    crypto: { ...nodeCrypto, keyExchange: () => undefined },
    random: {
      bytes(flow, purpose, length) {
        purposes.push(purpose);
        return random.bytes(flow, purpose, length);
      },
    },
  });
  const rig = new Rig(counting, base).shake();
  assert.equal(rig.alerts, ['internal_error']);
  const drawn = purposes.filter((purpose) => purpose.includes('private'));
  assert.is(drawn.length, limits.tls.keyDraws);
  assert.is(new Set(drawn).size, limits.tls.keyDraws);
});

test('a damaged Finished ends in decrypt_error (§4.4.4)', () => {
  for (const at of [4, 20, 35]) {
    const rig = new Rig(config, {
      ...base,
      hooks: {
        message(name, bytes) {
          if (name !== 'Finished') return bytes;
          const turned = bytes.slice();
          turned[at]! ^= 0x80;
          return turned;
        },
      },
    }).shake();
    assert.equal(rig.alerts, ['decrypt_error']);
    assert.is(rig.server.negotiated, undefined);
  }
});

test('every part of our flight is under keys of its own: what was tampered with on the way does not open', () => {
  const rig = new Rig(config, base);
  rig.give(rig.client.start());
  const flight: Uint8Array[] = [];
  while (rig.server.pendingOutput > 0) flight.push(rig.server.take(1 << 16).slice());
  const bytes = concat(...flight);
  bytes[bytes.length - 40]! ^= 1;
  assert.throws(() => rig.client.receive(bytes));
});

// ---- HelloRetryRequest ----

test('without a share the group is asked for, and the same suite is used (§4.1.4)', () => {
  for (const cipherSuite of suites) {
    const rig = served({ ...retried, cipherSuites: [cipherSuite] });
    assert.ok(rig.client.agreed.helloRetry);
    assert.is(rig.client.agreed.group, Group.x25519);
    assert.is(rig.client.helloBytes.length, 2);
  }
});

test('a share of a group that is not ours is as good as none', () => {
  const foreign = Uint8Array.of(0, 137, 0, 0x19, 0, 133, ...new Uint8Array(133).fill(4));
  const rig = served({
    groups: [Group.x25519, 0x0019],
    keyShares: [],
    hooks: {
      hello: (parts, attempt) => ({
        ...parts,
        extensions: (parts.extensions ?? []).map((one) =>
          attempt === 1 && one.type === Ext.keyShare ? { ...one, data: foreign } : one,
        ),
      }),
    },
  });
  assert.ok(rig.client.agreed.helloRetry);
});

test('the group that is asked for is the first of ours that the client has', () => {
  const rig = served({ keyShares: [Group.x25519] }, fullConfig({ groups: ['secp384r1', 'secp256r1'] }));
  assert.ok(rig.client.agreed.helloRetry);
  assert.is(rig.client.agreed.group, Group.secp384r1);
});

test('the cookie of a HelloRetryRequest is another one for each connection (§4.2.2)', () => {
  const cookies = [1, 2].map(() => {
    const rig = new Rig(config, { ...base, ...retried, pauseBefore: 'ClientHello' });
    rig.client.start();
    rig.say(rig.client.step());
    return toHex(rig.output[0]!).slice(-2 * 60);
  });
  assert.is.not(cookies[0], cookies[1]);
});

test('the second hello may have another padding, and its extensions in another order (§4.1.2, §4.2)', () => {
  const second = (change: (list: readonly RawExtension[]) => readonly RawExtension[]): ClientOptions => ({
    ...retried,
    hooks: {
      hello: (parts, attempt) => (attempt === 2 ? { ...parts, extensions: change(parts.extensions ?? []) } : parts),
    },
  });
  served(second((list) => [...list, { type: Ext.padding, data: new Uint8Array(17) }]));
  served(second((list) => [...list].reverse()));
  served({ ...second((list) => list.filter((one) => one.type !== Ext.padding)), padHelloTo: 700 });
});

test('what does not follow a HelloRetryRequest is refused: no second one is sent', () => {
  const rig = new Rig(config, { ...base, ...retried, pauseBefore: 'ClientHello' });
  rig.client.start();
  const hello = rig.client.step();
  rig.give(hello);
  while (rig.server.pendingOutput > 0) rig.server.take(1 << 16);
  // The first hello once more: it has neither cookie nor share.
  rig.give(hello);
  const alerts = rig.events.flatMap((event) => (event.kind === 'alert' ? [event.description] : []));
  assert.equal(alerts, ['illegal_parameter']);
});

test('an extension twice in the second hello is refused (§4.2)', () => {
  const rig = new Rig(config, {
    ...base,
    ...retried,
    hooks: {
      hello: (parts, attempt) => {
        const extensions = parts.extensions ?? [];
        return attempt === 2 ? { ...parts, extensions: [...extensions, extensions[0]!] } : parts;
      },
    },
  }).shake();
  assert.equal(rig.alerts, ['illegal_parameter']);
});

test('a malformed second hello is decode_error', () => {
  const rig = new Rig(config, {
    ...base,
    ...retried,
    hooks: {
      hello: (parts, attempt) =>
        attempt === 2
          ? { ...parts, extensions: [...(parts.extensions ?? []), { type: Ext.cookie, data: hex('00') }] }
          : parts,
    },
  }).shake();
  assert.equal(rig.alerts, ['decode_error']);
});

// ---- Secrets and trace ----

test('the trace holds the secrets that the client has, under the labels of key logs', () => {
  for (const options of [{}, retried]) {
    const rig = served(options);
    const told = rig.events.flatMap((event) => (event.kind === 'secret' ? [event] : []));
    assert.equal(
      told.map(({ label }) => label),
      [
        'CLIENT_HANDSHAKE_TRAFFIC_SECRET',
        'SERVER_HANDSHAKE_TRAFFIC_SECRET',
        'CLIENT_TRAFFIC_SECRET_0',
        'SERVER_TRAFFIC_SECRET_0',
        'EXPORTER_SECRET',
      ],
    );
    for (const { label, secret, clientRandom } of told) {
      assert.is(secret, toHex(rig.client.secrets.get(label)!), label);
      assert.is(clientRandom, toHex(rig.client.clientRandom));
    }
  }
});

test('the trace tells the states and the keys in the order of the figure in RFC 8446 §2', () => {
  const rig = served(retried);
  const told = rig.events.flatMap((event) => {
    if (event.kind === 'state') return [event.to];
    return event.kind === 'keys' ? [`${event.dir} ${event.secret}`] : [];
  });
  assert.equal(told, [
    'ExpectSecondClientHello',
    'out server_handshake_traffic_secret',
    'in client_handshake_traffic_secret',
    'out server_application_traffic_secret_0',
    'ExpectFinished',
    'in client_application_traffic_secret_0',
    'ExpectApplicationData',
  ]);
});

test('the trace tells each step of the key schedule (§7.1), and no secret with it', () => {
  const rig = served({ cipherSuites: [0x1302] });
  const steps = rig.events.flatMap((event) => (event.kind === 'key_schedule' ? [event] : []));
  assert.equal(
    steps.map(({ label }) => label),
    [
      ...['early secret', 'handshake secret', 'c hs traffic', 's hs traffic'],
      ...['master secret', 'c ap traffic', 's ap traffic', 'exp master', 'res master', 'resumption', 'resumption'],
    ],
  );
  for (const { hash, length } of steps) assert.equal([hash, length], ['sha384', 48]);
});

test('what was agreed on is told to HTTP and to the trace', () => {
  const rig = served({ alpn: ['h2'], signatureSchemes: [0x0804] });
  const agreed = {
    version: 'TLS1.3',
    cipherSuite: 'TLS_AES_128_GCM_SHA256',
    group: 'x25519',
    signature: 'rsa_pss_rsae_sha256',
    serverName: 'wirebench.test',
    alpn: 'h2',
    extendedMasterSecret: true,
  };
  assert.equal(rig.server.negotiated, agreed);
  const told = rig.events.find((event) => event.kind === 'established');
  assert.equal({ ...told }, { layer: 'tls', kind: 'established', flow: told!.flow, ...agreed });
});

test('a second Finished is under keys that are no longer read with', () => {
  const rig = new Rig(config, {
    ...base,
    hooks: { message: (name, bytes) => (name === 'Finished' ? [bytes, bytes] : bytes) },
  }).shake();
  assert.equal(rig.alerts, ['bad_record_mac']);
});

test.run();
