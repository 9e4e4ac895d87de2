// The key schedule of TLS 1.3 against every value of RFC 8448, and HKDF against its definition.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  certificateVerifyContent,
  deriveSecret,
  earlySecret,
  handshakeSecret,
  hkdfExpandLabel,
  hkdfExtract,
  type Kdf,
  masterSecret13,
  nextTrafficSecret,
  pskBinder,
  resumptionPsk,
  type SecretLabel,
  trafficKeys,
  verifyData13,
} from '../../../src/core/tls/schedule13.js';
import { CIPHER_SUITES, CipherSuite } from '../../../src/core/tls/suites.js';
import { nodeCrypto } from '../../../src/io/node-crypto.js';
import { ascii, concat, equalBytes, hex, testRandom } from '../../support/bytes.js';
import { handshakeSections, keyOf, messageOf, stepOf, stepsOf } from './rfc8448/traces.js';

const kdf: Kdf = { crypto: nodeCrypto, hash: 'sha256' };
const kdf384: Kdf = { crypto: nodeCrypto, hash: 'sha384' };
const suite = CIPHER_SUITES.get(CipherSuite.TLS_AES_128_GCM_SHA256)!;
const none = new Uint8Array(0);

function hashOf(...parts: Uint8Array[]): Uint8Array {
  const hash = nodeCrypto.createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

const labelOf = (what: string): string => /"tls13 ([a-z ]+)"/.exec(what)![1]!;

for (const { section, title } of handshakeSections) {
  test(`RFC 8448 §${section} (${title}): every extraction and expansion`, () => {
    let checked = 0;
    for (const step of stepsOf(section)) {
      const what = `§${section} ${step.who}: ${step.what}`;
      if (step.has('IKM')) {
        // "0 (all zero octets)" is an absent salt.
        const salt = step.bytes('salt').length === 0 ? undefined : step.bytes('salt');
        equalBytes(hkdfExtract(kdf, salt, step.bytes('IKM')), step.bytes('secret'), what);
      } else if (step.has('key expanded')) {
        const keys = trafficKeys(nodeCrypto, suite, step.bytes('PRK'));
        equalBytes(keys.key, step.bytes('key expanded'), `${what}, key`);
        equalBytes(keys.iv, step.bytes('iv expanded'), `${what}, iv`);
      } else if (step.what.startsWith('derive secret')) {
        const label = labelOf(step.what);
        const made = hkdfExpandLabel(kdf, step.bytes('PRK'), label, step.bytes('hash'), 32);
        equalBytes(made, step.bytes('expanded'), what);
        equalBytes(deriveSecret(kdf, step.bytes('PRK'), label as SecretLabel, step.bytes('hash')), made, what);
      } else if (step.what.startsWith('calculate finished')) {
        equalBytes(hkdfExpandLabel(kdf, step.bytes('PRK'), 'finished', none, 32), step.bytes('expanded'), what);
      } else if (step.what.startsWith('generate resumption secret')) {
        equalBytes(resumptionPsk(kdf, step.bytes('PRK'), step.bytes('hash')), step.bytes('expanded'), what);
      } else continue;
      checked++;
    }
    assert.ok(checked >= 15, `${checked} steps`);
  });
}

/** Client and server messages in the order of §4.4.1, without the ClientHello's part of the transcript. */
function walk(section: number, clientHello: readonly Uint8Array[], group: 'x25519' | 'P-256', psk?: Uint8Array): void {
  const message = (name: string): Uint8Array[] => {
    const nth = section === 5 && name === 'ServerHello' ? 1 : 0;
    try {
      return [messageOf(section, name, 'server', nth)];
    } catch {
      return [];
    }
  };
  const secretOf = (label: string): Uint8Array => stepOf(section, `derive secret "tls13 ${label}"`).bytes('expanded');
  const early = earlySecret(kdf, psk);
  equalBytes(early, stepOf(section, 'extract secret "early"').bytes('secret'), 'early');
  const share = keyOf(section, 'client', group).publicKey;
  const handshake = handshakeSecret(kdf, early, keyOf(section, 'server', group).derive(share)!);
  equalBytes(handshake, stepOf(section, 'extract secret "handshake"').bytes('secret'), 'handshake');

  const hellos = [...clientHello, ...message('ServerHello')];
  const serverTraffic = deriveSecret(kdf, handshake, 's hs traffic', hashOf(...hellos));
  equalBytes(serverTraffic, secretOf('s hs traffic'), 's hs traffic');
  const clientTraffic = deriveSecret(kdf, handshake, 'c hs traffic', hashOf(...hellos));
  equalBytes(clientTraffic, secretOf('c hs traffic'), 'c hs traffic');

  const names = ['EncryptedExtensions', 'CertificateRequest', 'Certificate', 'CertificateVerify'];
  const flight = [...hellos, ...names.flatMap(message)];
  const serverFinished = verifyData13(kdf, serverTraffic, hashOf(...flight));
  const finished = messageOf(section, 'Finished', 'server');
  equalBytes(serverFinished, finished.subarray(4), 'server Finished');

  flight.push(finished);
  const master = masterSecret13(kdf, handshake);
  equalBytes(master, stepOf(section, 'extract secret "master"').bytes('secret'), 'master');
  for (const label of ['c ap traffic', 's ap traffic', 'exp master'] as const) {
    equalBytes(deriveSecret(kdf, master, label, hashOf(...flight)), secretOf(label), label);
  }
  if (section === 4) flight.push(messageOf(section, 'EndOfEarlyData', 'client'));
  if (section === 6) {
    flight.push(messageOf(6, 'Certificate', 'client'), messageOf(6, 'CertificateVerify', 'client'));
  }
  const last = messageOf(section, 'Finished', 'client');
  equalBytes(verifyData13(kdf, clientTraffic, hashOf(...flight)), last.subarray(4), 'client Finished');
  equalBytes(deriveSecret(kdf, master, 'res master', hashOf(...flight, last)), secretOf('res master'), 'res master');
}

test('RFC 8448 §3: from the messages alone to every secret and both Finished', () => {
  walk(3, [messageOf(3, 'ClientHello', 'client')], 'x25519');
});

/** The PSK that the ticket of §3 stands for. */
const psk = stepOf(3, 'generate resumption secret "tls13 resumption"').bytes('expanded');

test('RFC 8448 §4: the same with a PSK and its binder, early data taken', () => {
  // The ClientHello of that step ends before the binders; the record has all of it.
  const whole = stepOf(4, 'send handshake record', 'client').bytes('payload');
  const binder = pskBinder(kdf, psk, hashOf(messageOf(4, 'ClientHello', 'client')));
  equalBytes(binder, stepOf(4, 'calculate PSK binder').bytes('finished'), 'binder');
  equalBytes(whole.subarray(whole.length - 32), binder, 'binder in the message');
  walk(4, [whole], 'x25519', psk);
});

test('RFC 8448 §5: the same after a HelloRetryRequest, with the first ClientHello as message_hash', () => {
  const first = hashOf(messageOf(5, 'ClientHello', 'client', 0));
  const retry = messageOf(5, 'ServerHello', 'server', 0);
  walk(5, [hex('fe000020'), first, retry, messageOf(5, 'ClientHello', 'client', 1)], 'P-256');
});

test('RFC 8448 §6: the same with a client certificate', () => {
  walk(6, [messageOf(6, 'ClientHello', 'client')], 'x25519');
});

test('RFC 8448 §7: the same in compatibility mode', () => {
  walk(7, [messageOf(7, 'ClientHello', 'client')], 'x25519');
});

/** HKDF-Expand of RFC 5869 §2.3, written out. */
function expand(of: Kdf, prk: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  let t: Uint8Array = none;
  let okm: Uint8Array = none;
  for (let i = 1; okm.length < length; i++) {
    t = nodeCrypto.hmac(of.hash, prk, concat(t, info, Uint8Array.of(i)));
    okm = concat(okm, t);
  }
  return okm.subarray(0, length);
}

test('HKDF-Expand-Label equals its definition for every length up to some blocks, with both hashes', () => {
  const secret = testRandom(3).bytes(48);
  const context = ascii('context');
  for (const one of [kdf, kdf384]) {
    for (let length = 0; length <= 150; length++) {
      const info = concat(Uint8Array.of(0, length, 11), ascii('tls13 label'), Uint8Array.of(7), context);
      equalBytes(hkdfExpandLabel(one, secret, 'label', context, length), expand(one, secret, info, length));
    }
  }
});

test('HKDF gives the known answers of RFC 5869 appendix A.1', () => {
  const prk = nodeCrypto.hmac('sha256', hex('000102030405060708090a0b0c'), new Uint8Array(22).fill(0x0b));
  equalBytes(prk, hex('077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5'));
  equalBytes(hkdfExtract(kdf, hex('000102030405060708090a0b0c'), new Uint8Array(22).fill(0x0b)), prk);
  const okm = hex(`3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865`);
  equalBytes(expand(kdf, prk, hex('f0f1f2f3f4f5f6f7f8f9'), 42), okm);
});

test('an absent input of HKDF-Extract is as long as the hash, in zeros', () => {
  for (const [one, bytes] of [
    [kdf, 32],
    [kdf384, 48],
  ] as const) {
    const zeros = new Uint8Array(bytes);
    equalBytes(hkdfExtract(one, undefined, undefined), hkdfExtract(one, zeros, zeros));
    assert.is(earlySecret(one, undefined).length, bytes);
  }
});

test('keys and ivs have the lengths of the suite', () => {
  const lengths = [0x1301, 0x1302, 0x1303].map((code) => {
    const { key, iv } = trafficKeys(nodeCrypto, CIPHER_SUITES.get(code)!, new Uint8Array(48));
    return [key.length, iv.length];
  });
  assert.equal(lengths, [
    [16, 12],
    [32, 12],
    [32, 12],
  ]);
});

test('each key update gives another secret of the same length', () => {
  const first = new Uint8Array(48).fill(1);
  const second = nextTrafficSecret(kdf384, first);
  const info = concat(hex('0030 11'), ascii('tls13 traffic upd'), hex('00'));
  equalBytes(second, expand(kdf384, first, info, 48));
  assert.not.equal(Array.from(nextTrafficSecret(kdf384, second)), Array.from(second));
});

test('the content of a CertificateVerify is that of the example in RFC 8446 §4.4.3', () => {
  const hash = new Uint8Array(32).fill(1);
  const expected = hex(`
    2020202020202020202020202020202020202020202020202020202020202020
    2020202020202020202020202020202020202020202020202020202020202020
    544c5320312e332c207365727665722043657274696669636174655665726966
    79 00
    0101010101010101010101010101010101010101010101010101010101010101`);
  equalBytes(certificateVerifyContent('server', hash), expected);
  const client = certificateVerifyContent('client', hash);
  equalBytes(client.subarray(64, 97), ascii('TLS 1.3, client CertificateVerify'));
});

test.run();
