// TLS 1.2 against an independent client: every suite, key, group and signature, and the rules of the extensions. RFC 5246,
// RFC 6066, RFC 7366, RFC 7507, RFC 7627, RFC 8422, RFC 8446 §4.1.3, RFC 8449.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { GroupName } from '../../../src/core/crypto.js';
import { limits } from '../../../src/core/limits.js';
import type { TlsConfig } from '../../../src/core/tls/config.js';
import { NamedGroup, SignatureScheme } from '../../../src/core/tls/extensions.js';
import { CIPHER_SUITES } from '../../../src/core/tls/suites.js';
import { ascii, concat, equalBytes, testRandom } from '../../support/bytes.js';
import { ecdsaCredential, ed25519Credential, rsaCredential } from '../../support/tls/certificates.js';
import type { ClientOptions } from '../../support/tls/options.js';
import { fullConfig, only12, Rig } from '../../support/tls/rig.js';
import { drain } from '../../support/tls-server.js';

const TLS12 = [0x0303];

function opened(config: Partial<TlsConfig> = {}, options: ClientOptions = {}): Rig {
  const rig = new Rig(fullConfig({ ...only12, ...config }), { versions: TLS12, alpn: ['h2'], ...options }).shake();
  assert.ok(rig.works(), `${rig.client.failure ?? ''} ${rig.reason}`);
  return rig;
}

const agreed = (rig: Rig) => rig.server.negotiated!;

for (const suite of CIPHER_SUITES.values()) {
  if (suite.version !== '1.2') continue;
  const kinds = suite.authentication === 'rsa' ? [rsaCredential] : [ecdsaCredential, ed25519Credential];
  for (const { names: _, ...credential } of kinds) {
    test(`suite 0x${suite.code.toString(16)} with a key of type ${credential.key.type}`, () => {
      const rig = opened({ credentials: [credential] }, { cipherSuites: [suite.code] });
      assert.is(rig.client.agreed.suite?.code, suite.code);
      equalBytes(rig.client.agreed.chain[0], credential.chain[0]!);
      // Larger than a record, both ways.
      const data = testRandom(suite.code).bytes(40_000);
      rig.say(rig.client.write(data));
      equalBytes(rig.plaintext.at(-1), data);
      rig.server.write(0, data);
      rig.say(rig.client.receive(drain(rig.server)));
      equalBytes(concat(...rig.client.received.slice(-3)), data);
    });
  }
}

test('every group, by its name in both ends', () => {
  for (const group of ['x25519', 'secp256r1', 'secp384r1'] as const satisfies GroupName[]) {
    const rig = opened({}, { groups: [NamedGroup[group]], cipherSuites: [0xc02f] });
    assert.equal([agreed(rig).group, rig.client.agreed.group], [group, NamedGroup[group]]);
  }
});

test('every signature, verified by the client', () => {
  const { names: _, ...credential } = rsaCredential;
  for (const [name, scheme] of Object.entries(SignatureScheme)) {
    if (!name.startsWith('rsa')) continue;
    const rig = opened({ credentials: [credential] }, { signatureSchemes: [scheme], cipherSuites: [0xc030] });
    assert.equal([agreed(rig).signature, rig.client.agreed.scheme], [name, scheme]);
  }
});

test('encrypt-then-MAC is answered for block ciphers only (RFC 7366 §3), and told', () => {
  for (const [suite, expected] of [
    [0xc013, true],
    [0xc014, true],
    [0xc02f, undefined],
    [0xcca8, undefined],
  ] as const) {
    const rig = opened({}, { cipherSuites: [suite], encryptThenMac: true });
    assert.is(agreed(rig).encryptThenMac, expected);
  }
  assert.is(agreed(opened({}, { cipherSuites: [0xc013] })).encryptThenMac, undefined);
});

test('the older master secret is made for those without extended_master_secret', () => {
  const rig = opened({}, { extendedMasterSecret: false });
  assert.is(agreed(rig).extendedMasterSecret, false);
});

test('renegotiation_info is answered for the extension and for the signalling suite, and only then (RFC 5746 §3.6)', () => {
  const answers = (renegotiation: 'extension' | 'scsv' | 'none'): boolean => {
    const hello = opened({}, { renegotiation }).events.find(
      (event) => 'message' in event && event.message === 'ServerHello',
    );
    assert.ok(hello?.kind === 'handshake');
    return (hello.fields.extensions as readonly string[]).includes('renegotiation_info');
  };
  assert.equal([answers('extension'), answers('scsv'), answers('none')], [true, true, false]);
});

test('the random says DOWNGRD 01 exactly when the server speaks 1.3 and 1.2 was chosen (RFC 8446 §4.1.3)', () => {
  const mark = [0x44, 0x4f, 0x57, 0x4e, 0x47, 0x52, 0x44, 0x01];
  const tail = (config: Partial<TlsConfig>): number[] => {
    const rig = new Rig(fullConfig(config), { versions: TLS12 }).shake();
    assert.ok(rig.works());
    const hello = rig.events.find((event) => event.kind === 'handshake' && event.message === 'ServerHello');
    assert.ok(hello?.kind === 'handshake');
    return Array.from((hello.fields.random as string).slice(-16).match(/../g)!, (byte) => Number.parseInt(byte, 16));
  };
  assert.equal(tail({}), mark);
  assert.not.equal(tail(only12), mark);
});

test('TLS_FALLBACK_SCSV below what is served is refused, and otherwise ignored (RFC 7507 §3)', () => {
  const rig = new Rig(fullConfig(), { versions: TLS12, fallbackScsv: true }).shake();
  assert.equal(rig.alerts, ['inappropriate_fallback']);
  opened({}, { fallbackScsv: true });
});

test('a stapled OCSP response comes right behind the certificate, for those who ask (RFC 6066 §8)', () => {
  const { names: _, ...rsa } = rsaCredential;
  const ocspResponse = Uint8Array.of(0x30, 0x03, 0x0a, 0x01, 0x03);
  const sent = (credential: TlsConfig['credentials'][number], statusRequest: boolean): string[] => {
    const rig = opened({ credentials: [credential] }, { statusRequest });
    return rig.events.flatMap((event) => (event.kind === 'handshake' && event.dir === 'out' ? [event.message] : []));
  };
  const plain = ['ServerHello', 'Certificate', 'ServerKeyExchange', 'ServerHelloDone', 'Finished'];
  const stapled = ['ServerHello', 'Certificate', 'CertificateStatus', ...plain.slice(2)];
  assert.equal(sent({ ...rsa, ocspResponse }, true), stapled);
  assert.equal(sent({ ...rsa, ocspResponse }, false), plain);
  assert.equal(sent(rsa, true), plain);
});

/** The longest content of the server's records of a type, by the trace; the overhead of AES-GCM is taken off. */
function longestRecord(rig: Rig): number {
  let longest = 0;
  for (const event of rig.events) {
    if (event.kind !== 'record' || event.dir !== 'out') continue;
    longest = Math.max(longest, event.length - (event.encrypted ? 24 : 0));
  }
  return longest;
}

test('max_fragment_length bounds all records from the ServerHello on, both ways (RFC 6066 §4)', () => {
  for (const code of [1, 2, 3, 4]) {
    const most = 256 << code;
    const rig = opened({}, { maxFragmentLength: code, cipherSuites: [0xc02f] });
    rig.server.write(0, new Uint8Array(20_000));
    rig.say(rig.client.receive(drain(rig.server)));
    const longest = longestRecord(rig);
    assert.is(longest, most);
    rig.say(rig.client.inject(23, new Uint8Array(most)));
    assert.is(rig.server.state, 'open');
    rig.client.io.writeLimit = most + 1;
    rig.client.io.protectedWriteLimit = most + 1;
    rig.say(rig.client.inject(23, new Uint8Array(most + 1)));
    assert.equal(rig.alerts, ['record_overflow']);
  }
});

test('record_size_limit bounds all records to the client and none of the client (RFC 8449 §4), and wins over the other', () => {
  const rig = opened({}, { recordSizeLimit: 100, maxFragmentLength: 1, cipherSuites: [0xc02f] });
  const records = (encrypted: boolean, overhead: number): number[] =>
    rig.events.flatMap((event) =>
      event.kind === 'record' && event.dir === 'out' && event.encrypted === encrypted ? [event.length - overhead] : [],
    );
  rig.server.write(0, new Uint8Array(5000));
  rig.say(rig.client.receive(drain(rig.server)));
  assert.is(Math.max(...records(true, 24)), 100);
  // GnuTLS holds those in clear to it as well, which the RFC does not. The client's are not limited, as ours is 2^14.
  assert.is(Math.max(...records(false, 0)), 100);
  rig.say(rig.client.inject(23, new Uint8Array(16_384)));
  assert.is(rig.server.state, 'open');
});

test('a ClientHello of 64 kB over many records is served, one byte more is not', () => {
  const hello = (bytes: number): Rig =>
    new Rig(fullConfig(only12), { versions: TLS12, padHelloTo: bytes, fragmentBytes: 700 }).shake();
  assert.ok(hello(4 + limits.tls.handshakeMessageBytes).works());
  assert.equal(hello(5 + limits.tls.handshakeMessageBytes).alerts, ['illegal_parameter']);
});

test('the session id of the ServerHello is empty when nothing can be resumed (RFC 5246 §7.4.1.3)', () => {
  for (const [parts, options] of [
    [{ resumption: false }, {}],
    [{}, { extendedMasterSecret: false }],
    [{}, { sessionTicket: true }],
  ] as const) {
    const rig = opened(parts, options);
    const hello = rig.events.find((event) => event.kind === 'handshake' && event.message === 'ServerHello');
    assert.is(hello?.kind === 'handshake' && hello.fields.sessionId, '');
  }
});

test('the trace tells the steps of the key schedule with label, hash and length, and no secret but in its own event', () => {
  const rig = opened({}, { cipherSuites: [0xc030] });
  const steps = rig.events.flatMap((event) => (event.kind === 'key_schedule' ? [event] : []));
  assert.equal(
    steps.map(({ label, hash, length }) => `${label} ${hash} ${length}`),
    [
      'extended master secret sha384 48',
      'key expansion sha384 72',
      'client finished sha384 12',
      'server finished sha384 12',
    ],
  );
  const secrets = rig.events.flatMap((event) => (event.kind === 'secret' ? [event.secret] : []));
  const others = JSON.stringify(rig.events.filter((event) => event.kind !== 'secret'));
  assert.is(secrets.length, 1);
  assert.not(others.includes(secrets[0]!));
});

test('two runs are equal byte for byte, trace or not, and another connection in between changes nothing', () => {
  const run = (disturb: boolean): string => {
    const config = fullConfig({ ...only12, cipherSuites: [0xc013] });
    const options = { versions: TLS12, sessionTicket: true, encryptThenMac: true };
    if (disturb) new Rig(config, { ...options, seed: 'other' }, 'other#0').shake();
    const rig = new Rig(config, options, 'same#0').shake();
    if (disturb) new Rig(config, { ...options, seed: 'other' }, 'other#1').shake();
    assert.ok(rig.works());
    return Buffer.from(concat(...rig.output)).toString('hex');
  };
  const bytes = run(false);
  assert.is(run(false), bytes);
  assert.is(run(true), bytes);
});

// ---- The handshake has an end in time ----

test('a handshake that is not done in time is closed, with close_notify and a reason, exactly at its deadline', () => {
  const deadlineUs = 5 + limits.tls.handshakeUs;
  const config = fullConfig(only12);
  const rig = new Rig(config, { versions: TLS12, pauseBefore: 'Finished' });
  rig.nowUs = 5;
  assert.is(rig.server.nextDeadlineUs(), undefined);
  rig.shake();
  assert.is(rig.server.nextDeadlineUs(), deadlineUs);
  rig.server.advance(deadlineUs - 1);
  assert.is(rig.server.state, 'handshake');
  rig.server.advance(deadlineUs + 1000);
  assert.equal([rig.server.state, rig.server.inputEnded, rig.server.nextDeadlineUs()], ['closed', true, undefined]);
  const timeout = rig.events.find((event) => event.kind === 'timeout');
  assert.equal(timeout, {
    layer: 'tls',
    kind: 'timeout',
    severity: 'warning',
    flow: timeout!.flow,
    reason: 'the handshake is not done in time, in ExpectFinished',
    rule: 'limit handshakeUs',
  });
  equalBytes(drain(rig.server), Uint8Array.of(21, 3, 3, 0, 2, 1, 0));
});

test('an established connection has no such end', () => {
  const rig = opened();
  assert.is(rig.server.nextDeadlineUs(), undefined);
  rig.server.advance(10 * limits.tls.handshakeUs);
  assert.is(rig.server.state, 'open');
});

test('as the first releases did: a handshake may take as long as it likes', () => {
  const rig = new Rig(fullConfig({ ...only12, asFirstReleased: true }), { versions: TLS12, pauseBefore: 'Finished' });
  rig.shake();
  assert.is(rig.server.nextDeadlineUs(), undefined);
});

test('what the client may say twice it may not: a ClientKeyExchange point that is not on the curve ends it', () => {
  const rig = new Rig(fullConfig(only12), {
    versions: TLS12,
    groups: [NamedGroup.secp384r1],
    hooks: {
      message: (name, bytes) => {
        if (name !== 'ClientKeyExchange') return bytes;
        const wrong = bytes.slice();
        wrong[wrong.length - 1]! ^= 1;
        return wrong;
      },
    },
  }).shake();
  assert.equal(rig.alerts, ['illegal_parameter']);
  assert.not(rig.client.established);
});

test('data is still read in the close handshake of either side', () => {
  const rig = opened();
  rig.server.close(0);
  rig.say(rig.client.write(ascii('late')));
  assert.is(rig.plaintext.at(-1)?.length, 4);
});

test('a handshake message behind our own close_notify is dropped and told', () => {
  const rig = opened();
  rig.server.close(0);
  rig.say(rig.client.inject(22, Uint8Array.of(1, 0, 0, 0)));
  assert.is(rig.server.state, 'closed');
  const dropped = rig.events.find((event) => event.kind === 'drop');
  assert.equal(dropped?.kind === 'drop' && [dropped.reason, dropped.length], [
    'handshake message after close_notify',
    4,
  ]);
  assert.equal(rig.alerts, ['warning close_notify']);
});

test.run();
