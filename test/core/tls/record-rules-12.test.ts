// The rules of records in TLS 1.2, one test for each: RFC 5246 §6.1, §6.2.1, §7.1, §7.2 (alerts and closure), §E.1 (versions).
// Sizes are in record-sizes.test.ts, what takes a handshake in alerts.test.ts.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from '../../../src/core/limits.js';
import type { Verdict } from '../../../src/core/tls/alerts.js';
import { RecordCipher } from '../../../src/core/tls/cipher.js';
import { TLS_1_2 } from '../../../src/core/tls/config.js';
import type { RecordProtection } from '../../../src/core/tls/protection.js';
import { nodeCrypto } from '../../../src/io/node-crypto.js';
import { ascii, concat, equalBytes, hex, testRandom } from '../../support/bytes.js';
import { clearRecord, joined, KINDS, keyedRig, protectionOf, RecordRig, seal } from '../../support/record-rig.js';

const SUITE = 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256';
const KINDS_12 = KINDS.filter(([suite]) => suite.startsWith('TLS_ECDHE'));
const alert = (level: number, description: number): Uint8Array => Uint8Array.of(level, description);

function refused(verdict: Verdict, make: (peer: RecordProtection) => Uint8Array): void {
  for (const [suite, encryptThenMac] of KINDS_12) {
    const { rig, peer, opener } = keyedRig(suite, encryptThenMac);
    assert.equal(rig.feed(make(peer)), []);
    rig.expectRefused(verdict, opener);
  }
}

function refusedFirst(verdict: Verdict, bytes: Uint8Array): void {
  const rig = new RecordRig();
  assert.equal(rig.feed(bytes), []);
  rig.expectRefused(verdict);
}

test('before a ClientHello any version {3, XX} is taken, and no other (§E.1)', () => {
  for (const version of [0x0300, 0x0301, 0x0302, 0x0303, 0x0304, 0x03ff]) {
    assert.is(new RecordRig().feed(clearRecord(22, ascii('hello'), version)).length, 1, `${version}`);
  }
  for (const version of [0x0000, 0x0200, 0x0403, 0xfeff, 0x1603]) {
    refusedFirst('recordVersion', clearRecord(22, ascii('hello'), version));
  }
});

test('once the version is agreed on, each record has it, in clear and protected (§6.2.1)', () => {
  for (const version of [0x0300, 0x0301, 0x0302, 0x0304, 0x0403]) {
    const clear = new RecordRig(TLS_1_2);
    assert.equal(clear.feed(clearRecord(22, ascii('hello'), version)), []);
    clear.expectRefused('recordVersion');
    refused('recordVersion', (peer) => {
      const record = seal(peer, 23, ascii('x'));
      record[1] = version >>> 8;
      record[2] = version & 0xff;
      return record;
    });
  }
});

test('types that TLS does not define are unexpected_message (§6)', () => {
  for (const type of [0, 1, 19, 24, 25, 255]) refused('unknownContentType', () => clearRecord(type, ascii('x')));
});

test('records are found however the bytes are cut, and many in one piece (§6.2.1)', () => {
  const random = testRandom(4);
  for (const [suite, encryptThenMac] of KINDS_12) {
    const { peer } = keyedRig(suite, encryptThenMac);
    const contents = Array.from({ length: 50 }, () => random.bytes(1 + random.below(60)));
    const stream = concat(...contents.map((content, i) => seal(peer, i % 2 === 0 ? 22 : 23, content)));
    for (const most of [1, 2, 64, stream.length]) {
      const { rig } = keyedRig(suite, encryptThenMac);
      const received = rig.feed(stream, most);
      assert.is(received.length, contents.length);
      equalBytes(joined(received), concat(...contents));
    }
  }
});

test('other types may come between the parts of a handshake message (§6.2.1)', () => {
  const { rig, peer } = keyedRig(SUITE);
  rig.layer.withinMessage = true;
  const stream = concat(seal(peer, 23, ascii('data')), seal(peer, 21, alert(1, 90)), seal(peer, 22, ascii('part')));
  assert.is(rig.feed(stream).length, 2);
  rig.expectOpen();
});

test('handshake, alert and ChangeCipherSpec records are not empty (§6.2.1)', () => {
  for (const type of [20, 21, 22]) {
    refused('emptyFragment', (peer) => seal(peer, type, new Uint8Array(0)));
    refusedFirst('emptyFragment', clearRecord(type, new Uint8Array(0)));
  }
});

test('application data may be empty, but not for ever (§6.2.1)', () => {
  const { rig, peer, opener } = keyedRig(SUITE);
  for (let i = 0; i < limits.tls.emptyRecords; i++) assert.equal(rig.feed(seal(peer, 23, new Uint8Array(0))), []);
  assert.is(rig.feed(seal(peer, 23, ascii('x'))).length, 1);
  for (let i = 0; i < limits.tls.emptyRecords; i++) rig.feed(seal(peer, 23, new Uint8Array(0)));
  rig.expectOpen();
  rig.feed(seal(peer, 23, new Uint8Array(0)));
  rig.expectRefused('tooManyEmptyRecords', opener);
});

test('whatever is wrong with the protection is bad_record_mac (§7.2.2)', () => {
  refused('badRecord', () => clearRecord(23, new Uint8Array(0)));
  refused('badRecord', () => clearRecord(23, new Uint8Array(15)));
  refused('badRecord', () => clearRecord(23, new Uint8Array(64)));
  refused('badRecord', () => clearRecord(23, new Uint8Array(18_432)));
  refused('badRecord', (peer) => {
    const record = seal(peer, 23, ascii('content'));
    record[record.length - 1]! ^= 1;
    return record;
  });
});

test('records that are dropped, repeated or swapped do not open: the sequence number counts (§6.1)', () => {
  for (const order of [[1], [0, 0], [0, 2]]) {
    for (const [suite, encryptThenMac] of KINDS_12) {
      const { rig, peer, opener } = keyedRig(suite, encryptThenMac);
      const records = ['a', 'b', 'c'].map((content) => seal(peer, 23, ascii(content)));
      assert.is(rig.feed(concat(...order.map((i) => records[i]!))).length, order.length - 1);
      rig.expectRefused('badRecord', opener);
    }
  }
});

test('alerts may share a record, and one may go on in the next (§6.2.1)', () => {
  const { rig, peer } = keyedRig(SUITE);
  rig.feed(concat(seal(peer, 21, hex('015a 015a 01')), seal(peer, 23, ascii('x')), seal(peer, 21, hex('5a'))));
  rig.expectOpen();
  const warnings = rig.events.filter((event) => event.kind === 'alert' && event.description === 'user_canceled');
  assert.is(warnings.length, 3);
  rig.feed(seal(peer, 21, hex('02')));
  rig.expectOpen();
  rig.feed(seal(peer, 21, hex('30')));
  assert.is(rig.layer.end, 'failed');
});

test('an alert whose two bytes are under different keys is refused', () => {
  const rig = new RecordRig(TLS_1_2);
  rig.feed(clearRecord(21, hex('01')));
  rig.layer.protectInput(protectionOf(SUITE));
  rig.feed(seal(protectionOf(SUITE), 21, hex('5a')));
  rig.expectRefused('alertAcrossKeys');
});

test('an alert has one of two levels (§7.2)', () => {
  for (const level of [0, 3, 255]) refused('alertLevel', (peer) => seal(peer, 21, alert(level, 90)));
});

test('a warning lets the connection go on, but not for ever (§7.2, CVE-2016-8610)', () => {
  const { rig, peer, opener } = keyedRig(SUITE);
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < limits.tls.warningAlerts; i++) rig.feed(seal(peer, 21, alert(1, 42 + i)));
    assert.is(rig.feed(seal(peer, 23, ascii('x'))).length, 1);
  }
  rig.expectOpen();
  rig.feed(seal(peer, 21, concat(...new Array<Uint8Array>(limits.tls.warningAlerts + 1).fill(alert(1, 100)))));
  rig.expectRefused('tooManyWarnings', opener);
});

test('a fatal alert ends the connection at once and is not answered (§7.2.2)', () => {
  const { rig, peer } = keyedRig(SUITE);
  assert.equal(rig.feed(concat(seal(peer, 21, alert(2, 48)), seal(peer, 23, ascii('late')))), []);
  assert.equal([rig.layer.end, rig.layer.inputEnded, rig.layer.pendingOutput], ['failed', true, 0]);
  rig.layer.close(0);
  assert.is(rig.layer.pendingOutput, 0);
});

test('close_notify is answered at once, whatever its level, and what comes behind it is ignored (§7.2.1)', () => {
  for (const level of [1, 2]) {
    const { rig, peer, opener } = keyedRig(SUITE);
    assert.equal(rig.feed(concat(seal(peer, 21, alert(level, 0)), seal(peer, 23, ascii('late')))), []);
    assert.equal(rig.feed(ascii('not even TLS')), []);
    assert.equal([rig.layer.end, rig.layer.inputEnded], ['closed', true]);
    const [answer, ...more] = rig.drain();
    equalBytes(opener.open(21, answer![1]), alert(1, 0));
    assert.is(more.length, 0);
  }
});

test('our close_notify is sent once, and the peer may still send (§7.2.1)', () => {
  const { rig, peer } = keyedRig(SUITE);
  rig.layer.close(0);
  rig.layer.close(0);
  assert.is(rig.drain().length, 1);
  assert.is(rig.feed(seal(peer, 23, ascii('more'))).length, 1);
  rig.feed(seal(peer, 21, alert(1, 0)));
  assert.equal([rig.layer.end, rig.layer.inputEnded, rig.layer.pendingOutput], ['closed', true, 0]);
});

test('the end of the byte stream without close_notify is a truncation (§7.2.1)', () => {
  const { rig, peer } = keyedRig(SUITE);
  rig.layer.receive(0, concat(seal(peer, 23, ascii('whole')), hex('17 0303 0040 00')));
  rig.layer.endOfInput(0);
  assert.is(rig.layer.inputEnded, false, 'a whole record waits');
  assert.is(rig.layer.next(0), 23);
  assert.is(rig.layer.next(0), 0);
  const truncated = rig.events.find((event) => event.kind === 'truncated');
  assert.ok(truncated?.kind === 'truncated');
  assert.equal([rig.layer.inputEnded, truncated.length], [true, 6]);
});

test('bytes that come while there is no room end the connection', () => {
  const { rig, peer, opener } = keyedRig(SUITE);
  const record = seal(peer, 23, new Uint8Array(16_384));
  while (rig.layer.room > 0) rig.layer.receive(0, record);
  rig.expectOpen();
  rig.layer.receive(0, record);
  rig.expectRefused('inputOverrun', opener);
});

test('a record behind sequence number 2^64-1 is refused (§6.1)', () => {
  const cipher = (): RecordCipher => {
    const aead = nodeCrypto.aead('aes-128-gcm', new Uint8Array(16));
    return new RecordCipher(aead, new Uint8Array(4), 0xffff_ffff, 0xffff_ffff);
  };
  const rig = new RecordRig(TLS_1_2);
  rig.layer.protectInput(cipher());
  const last = seal(cipher(), 23, ascii('last'));
  assert.is(rig.feed(concat(last, last)).length, 1);
  rig.expectRefused('sequenceEnd');
});

test('the last sequence number of the output is for an alert, and after it nothing is sent (§6.1)', () => {
  const rig = new RecordRig(TLS_1_2);
  const aead = nodeCrypto.aead('aes-128-gcm', new Uint8Array(16));
  rig.layer.protectOutput(new RecordCipher(aead, new Uint8Array(4), 0xffff_ffff, 0xffff_fffe));
  assert.is(rig.layer.nearlyExhausted, false);
  rig.layer.write(0, 23, ascii('x'));
  assert.is(rig.layer.nearlyExhausted, true);
  rig.layer.close(0);
  assert.is(rig.layer.pendingOutput, 30 + 31);
  rig.layer.write(0, 23, ascii('x'));
  assert.is(rig.layer.pendingOutput, 30 + 31);
});

test.run();
