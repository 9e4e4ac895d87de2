// How long records may be: the limits of both versions, to the byte (RFC 5246 §6.2.1, §6.2.3; RFC 8446 §5.1, §5.2, §5.4), and
// those that are agreed on, record_size_limit (RFC 8449) and max_fragment_length (RFC 6066 §4).

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Verdict } from '../../../src/core/tls/alerts.js';
import { TLS_1_2, TLS_1_3 } from '../../../src/core/tls/config.js';
import { ascii, concat, equalBytes, hex, testRandom } from '../../support/bytes.js';
import { clearRecord, InnerSealer, KINDS, keyedRig, RecordRig, seal } from '../../support/record-rig.js';

const GCM_12 = 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256';
const CBC_12 = 'TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA';
const GCM_13 = 'TLS_AES_128_GCM_SHA256';

/** A header that says so much is refused as soon as it is there; one byte less is waited for. */
function expectMost(make: () => RecordRig, contentType: number, most: number, verdict: Verdict): void {
  const header = (length: number): Uint8Array => Uint8Array.of(contentType, 3, 3, length >>> 8, length & 0xff);
  const fits = make();
  assert.equal(fits.feed(header(most)), []);
  fits.expectOpen();
  const exceeds = make();
  assert.equal(exceeds.feed(header(most + 1)), []);
  assert.is(exceeds.layer.end, 'failed');
  assert.match(exceeds.told, /^record_overflow: /);
  const refused = exceeds.events.find((event) => event.kind === 'alert');
  assert.ok(refused?.kind === 'alert');
  const other = make();
  other.layer.fail(0, verdict);
  assert.is(exceeds.told, other.told);
}

test('a fragment in clear has 2^14 bytes at most', () => {
  for (const version of [undefined, TLS_1_2, TLS_1_3] as const) {
    expectMost(() => new RecordRig(version), 22, 16_384, 'plaintextOverflow');
    const rig = new RecordRig(version);
    assert.is(rig.feed(clearRecord(22, new Uint8Array(16_384)))[0]![1].length, 16_384);
  }
});

test('a protected fragment has 2^14+2048 bytes at most in TLS 1.2, 2^14+256 in TLS 1.3', () => {
  for (const [suite] of KINDS) {
    const most = suite.startsWith('TLS_ECDHE') ? 18_432 : 16_640;
    expectMost(() => keyedRig(suite).rig, 23, most, 'ciphertextOverflow');
  }
});

test('a record opens to 2^14 bytes at most', () => {
  for (const [suite, encryptThenMac] of KINDS) {
    const { rig, peer, opener } = keyedRig(suite, encryptThenMac);
    assert.is(rig.feed(seal(peer, 23, new Uint8Array(16_384)))[0]![1].length, 16_384);
    assert.equal(rig.feed(seal(peer, 23, new Uint8Array(16_385))), []);
    rig.expectRefused('decryptedOverflow', opener);
  }
});

test('TLSInnerPlaintext has 2^14+1 bytes at most, padding included', () => {
  const { rig, opener } = keyedRig(GCM_13);
  const sealer = new InnerSealer(GCM_13);
  const inner = (length: number): Uint8Array => {
    const bytes = new Uint8Array(length);
    bytes.set([0x78, 23]);
    return bytes;
  };
  equalBytes(rig.feed(sealer.seal(inner(16_385)))[0]![1], ascii('x'));
  rig.feed(sealer.seal(inner(16_386)));
  rig.expectRefused('decryptedOverflow', opener);
});

test('record_size_limit holds for what the peer seals, not for records in clear (RFC 8449 §4)', () => {
  for (const [suite, encryptThenMac] of KINDS) {
    const is13 = !suite.startsWith('TLS_ECDHE');
    const most = is13 ? 99 : 100;
    const make = () => {
      const keyed = keyedRig(suite, encryptThenMac);
      keyed.rig.layer.limitRecordSize(100, 16_384);
      return keyed;
    };
    const good = make();
    assert.is(good.rig.feed(seal(good.peer, 23, new Uint8Array(most)))[0]![1].length, most);
    good.rig.expectOpen();
    const bad = make();
    bad.rig.feed(seal(bad.peer, 23, new Uint8Array(most + 1)));
    bad.rig.expectRefused('recordSizeLimit', bad.opener);
  }
  const clear = new RecordRig(TLS_1_3);
  clear.layer.limitRecordSize(64, 64);
  assert.is(clear.feed(clearRecord(22, new Uint8Array(16_384))).length, 1);
});

test('record_size_limit: the header alone shows that a record is too long', () => {
  const make = (suite: typeof GCM_12 | typeof GCM_13 | typeof CBC_12) => () => {
    const { rig } = keyedRig(suite);
    rig.layer.limitRecordSize(256, 16_384);
    return rig;
  };
  expectMost(make(GCM_12), 23, 256 + 24, 'recordSizeLimit');
  expectMost(make(GCM_13), 23, 256 + 16, 'recordSizeLimit');
  // RFC 8449 §4.1: 256 bytes, a MAC of 20 and the least padding are 288, after the IV.
  expectMost(make(CBC_12), 23, 16 + 288, 'recordSizeLimit');
});

test('record_size_limit counts the padding of TLS 1.3 (RFC 8446 §5.4)', () => {
  const { rig, opener } = keyedRig(GCM_13);
  rig.layer.limitRecordSize(64, 16_385);
  const sealer = new InnerSealer(GCM_13);
  const inner = (length: number): Uint8Array => concat(hex('78 17'), new Uint8Array(length - 2));
  assert.is(rig.feed(sealer.seal(inner(64))).length, 1);
  rig.feed(sealer.seal(inner(65)));
  rig.expectRefused('recordSizeLimit', opener);
});

test("the peer's record_size_limit cuts what we write, and one above the protocol's changes nothing", () => {
  for (const [suite, encryptThenMac] of KINDS) {
    const typeBytes = suite.startsWith('TLS_ECDHE') ? 0 : 1;
    const content = testRandom(3).bytes(40_000);
    for (const [theirs, most] of [
      [64, 64 - typeBytes],
      [1000, 1000 - typeBytes],
      [16_384, 16_384 - typeBytes],
      [16_385, 16_384],
      [65_535, 16_384],
    ] as const) {
      const { rig, opener } = keyedRig(suite, encryptThenMac);
      rig.layer.limitRecordSize(16_384, theirs);
      assert.is(rig.layer.maxContentBytes, most);
      rig.layer.write(0, 23, content);
      const parts = rig.drain().map(([type, fragment]) => opener.open(type, fragment)!.slice());
      equalBytes(concat(...parts), content);
      assert.is(Math.max(...parts.map((part) => part.length)), most);
      assert.is(parts.length, Math.ceil(content.length / most));
    }
  }
});

test('max_fragment_length holds for all records, both ways (RFC 6066 §4)', () => {
  for (const bytes of [512, 1024, 2048, 4096]) {
    expectMost(
      () => {
        const rig = new RecordRig(TLS_1_2);
        rig.layer.limitFragmentLength(bytes);
        return rig;
      },
      22,
      bytes,
      'recordSizeLimit',
    );
    for (const [suite, encryptThenMac] of KINDS) {
      const { rig, peer, opener } = keyedRig(suite, encryptThenMac);
      rig.layer.limitFragmentLength(bytes);
      assert.is(rig.feed(seal(peer, 23, new Uint8Array(bytes)))[0]![1].length, bytes);
      rig.layer.write(0, 22, new Uint8Array(10_000));
      const parts = rig.drain().map(([type, fragment]) => opener.open(type, fragment)!.length);
      const most = suite.startsWith('TLS_ECDHE') ? bytes : bytes - 1;
      assert.equal(parts.slice(0, -1), new Array(parts.length - 1).fill(most));
      rig.feed(seal(peer, 23, new Uint8Array(bytes + 1)));
      rig.expectRefused('recordSizeLimit', opener);
    }
  }
  const clear = new RecordRig(TLS_1_2);
  clear.layer.limitFragmentLength(512);
  clear.layer.write(0, 22, new Uint8Array(1200));
  assert.equal(
    clear.drain().map(([, fragment]) => fragment.length),
    [512, 512, 176],
  );
});

test('max_fragment_length: a longer record is refused without being opened, with all the padding there can be', () => {
  expectMost(
    () => {
      const { rig } = keyedRig(CBC_12);
      rig.layer.limitFragmentLength(512);
      return rig;
    },
    23,
    // RFC 6066 §4 has 805 with header and a MAC of 32; here the IV is in it, and the MAC has 20.
    16 + 512 + 20 + 252,
    'recordSizeLimit',
  );
});

test('limits may be agreed on before or after the keys', () => {
  const { rig, peer } = keyedRig(GCM_12);
  rig.layer.limitFragmentLength(512);
  rig.layer.protectInput(peer);
  expectMost(
    () => {
      const late = new RecordRig(TLS_1_2);
      late.layer.limitFragmentLength(512);
      late.layer.protectInput(peer);
      return late;
    },
    23,
    512 + 24,
    'recordSizeLimit',
  );
});

test('what a record adds is told, and is what it adds', () => {
  for (const [suite, encryptThenMac] of KINDS) {
    const { rig } = keyedRig(suite, encryptThenMac);
    for (const length of [1, 12, 16_384]) {
      rig.layer.write(0, 23, new Uint8Array(length));
      const added = rig.layer.pendingOutput - length;
      assert.ok(added <= rig.layer.overhead, `${suite}: ${added} over ${rig.layer.overhead}`);
      rig.drain();
    }
  }
  assert.is(new RecordRig().layer.overhead, 5);
});

test.run();
