// The rules of records in TLS 1.3, one test for each: RFC 8446 §4.2.10 (refused early data), §5, §5.1, §5.4, §6 (alerts), §6.1
// (closure), §A.1, §D.4 (dummy ChangeCipherSpec). Sizes are in record-sizes.test.ts.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from '../../../src/core/limits.js';
import { alertRule, type Verdict } from '../../../src/core/tls/alerts.js';
import { RecordCipher13 } from '../../../src/core/tls/cipher13.js';
import { TLS_1_3 } from '../../../src/core/tls/config.js';
import type { RecordProtection } from '../../../src/core/tls/protection.js';
import { nodeCrypto } from '../../../src/io/node-crypto.js';
import { ascii, concat, equalBytes, hex } from '../../support/bytes.js';
import { clearRecord, InnerSealer, joined, keyedRig, protectionOf, RecordRig, seal } from '../../support/record-rig.js';
import { fullConfig, only13, Rig } from '../../support/tls/rig.js';

const SUITE = 'TLS_AES_128_GCM_SHA256';
const CHANGE_CIPHER_SPEC = clearRecord(20, Uint8Array.of(1));
const alert = (level: number, description: number): Uint8Array => Uint8Array.of(level, description);

/** What `bytes` of the peer lead to in a connection that has keys. */
function refused(
  verdict: Verdict,
  make: (peer: RecordProtection) => Uint8Array,
  prepare?: (rig: RecordRig) => void,
): void {
  const { rig, peer, opener } = keyedRig(SUITE);
  prepare?.(rig);
  assert.equal(rig.feed(make(peer)), []);
  rig.expectRefused(verdict, opener);
}

/** The same of any TLSInnerPlaintext. */
function refusedInner(verdict: Verdict, inner: Uint8Array): void {
  refused(verdict, () => new InnerSealer(SUITE).seal(inner));
}

test('the version in the header is not looked at (§5.1)', () => {
  for (const version of [0x0300, 0x0301, 0x0303, 0x0304, 0x0403, 0xffff]) {
    const clear = new RecordRig(TLS_1_3);
    assert.is(clear.feed(clearRecord(22, ascii('hello'), version)).length, 1, `clear ${version}`);
    const { rig } = keyedRig(SUITE);
    const record = new InnerSealer(SUITE).seal(Uint8Array.of(0x78, 23), 23, version);
    assert.is(rig.feed(record).length, 1, `protected ${version}`);
    rig.expectOpen();
  }
});

test('types that TLS does not define are unexpected_message, in the header and inside (§5)', () => {
  for (const type of [0, 1, 19, 24, 25, 26, 255]) {
    refused('unknownContentType', () => clearRecord(type, ascii('x')));
    if (type !== 0) refusedInner('unknownContentType', Uint8Array.of(0x78, type));
    const clear = new RecordRig(TLS_1_3);
    clear.feed(clearRecord(type, ascii('x')));
    clear.expectRefused('unknownContentType');
  }
});

test('ChangeCipherSpec of one byte 1 is dropped during the handshake, wherever it comes (§5, §D.4)', () => {
  const rig = new RecordRig(TLS_1_3);
  assert.equal(rig.feed(CHANGE_CIPHER_SPEC), [], 'without keys');
  rig.layer.protectInput(protectionOf(SUITE));
  const peer = protectionOf(SUITE);
  const stream = concat(
    CHANGE_CIPHER_SPEC,
    seal(peer, 22, ascii('one')),
    CHANGE_CIPHER_SPEC,
    seal(peer, 22, ascii('two')),
  );
  assert.equal(rig.feed(stream, 1).length, 2, 'with keys');
  rig.expectOpen();
  assert.is(rig.events.filter((event) => event.kind === 'change_cipher_spec').length, 3);
});

test('any other ChangeCipherSpec is unexpected_message (§5)', () => {
  for (const content of ['00', '02', 'ff']) refused('changeCipherSpecValue', () => clearRecord(20, hex(content)));
  for (const content of ['', '0101', '010000']) refused('changeCipherSpecLength', () => clearRecord(20, hex(content)));
  refusedInner('unexpectedChangeCipherSpec', Uint8Array.of(1, 20));
});

test("ChangeCipherSpec after the client's Finished is unexpected_message (§5)", () => {
  refused(
    'unexpectedChangeCipherSpec',
    () => CHANGE_CIPHER_SPEC,
    (rig) => rig.layer.handshakeDone(),
  );
});

test('a ChangeCipherSpec before the ClientHello is handed on to be refused (§5)', () => {
  assert.equal(new RecordRig().feed(CHANGE_CIPHER_SPEC), [[20, Uint8Array.of(1)]]);
});

test('a flood of ChangeCipherSpec comes to an end (CVE-2020-25648)', () => {
  const most = new Array<Uint8Array>(limits.tls.changeCipherSpecs).fill(CHANGE_CIPHER_SPEC);
  const { rig, opener } = keyedRig(SUITE);
  rig.feed(concat(...most));
  rig.expectOpen();
  rig.feed(CHANGE_CIPHER_SPEC);
  rig.expectRefused('tooManyChangeCipherSpecs', opener);
});

test('records in clear are not taken once there are keys (§5.1)', () => {
  refused('unprotectedRecord', () => clearRecord(22, ascii('hello')));
  refused(
    'unprotectedRecord',
    () => clearRecord(21, alert(2, 40)),
    (rig) => rig.layer.handshakeDone(),
  );
});

test('an alert in clear is understood until the first record that opens: its sender may have no keys (§A.1)', () => {
  const early = keyedRig(SUITE);
  early.rig.feed(clearRecord(21, alert(2, 47)));
  assert.equal([early.rig.layer.end, early.rig.layer.pendingOutput], ['failed', 0]);
  const { rig, peer, opener } = keyedRig(SUITE);
  assert.is(rig.feed(seal(peer, 22, ascii('certificate'))).length, 1);
  rig.feed(clearRecord(21, alert(2, 47)));
  rig.expectRefused('unprotectedRecord', opener);
});

test('a record that does not open is bad_record_mac (§5.2)', () => {
  refused('badRecord', () => clearRecord(23, new Uint8Array(100)));
  refused('badRecord', () => clearRecord(23, new Uint8Array(3)));
  refused('badRecord', () => clearRecord(23, new Uint8Array(0)));
  refused('badRecord', (peer) => {
    const record = seal(peer, 23, ascii('once'));
    return concat(record.slice(0, -1), Uint8Array.of(record.at(-1)! ^ 1));
  });
});

test('a record that is repeated is bad_record_mac (§5.3)', () => {
  const { rig, peer, opener } = keyedRig(SUITE);
  const record = seal(peer, 23, ascii('once'));
  assert.is(rig.feed(concat(record, record)).length, 1);
  rig.expectRefused('badRecord', opener);
});

test('nothing but padding is unexpected_message (§5.4)', () => {
  for (const length of [0, 1, 100, 16_385]) refusedInner('onlyPadding', new Uint8Array(length));
});

test('a record of a handshake message or alert is not empty, with or without padding (§5.1, §5.4)', () => {
  for (const type of [21, 22]) {
    for (const padding of [0, 9]) refusedInner('emptyFragment', concat(Uint8Array.of(type), new Uint8Array(padding)));
    const rig = new RecordRig(TLS_1_3);
    rig.feed(clearRecord(type, new Uint8Array(0)));
    rig.expectRefused('emptyFragment');
  }
});

test('application data may be empty, but not for ever (§5.1)', () => {
  const { rig, peer, opener } = keyedRig(SUITE);
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < limits.tls.emptyRecords; i++) assert.equal(rig.feed(seal(peer, 23, new Uint8Array(0))), []);
    assert.is(rig.feed(seal(peer, 23, ascii('x'))).length, 1);
  }
  rig.expectOpen();
  for (let i = 0; i <= limits.tls.emptyRecords; i++) rig.feed(seal(peer, 23, new Uint8Array(0)));
  rig.expectRefused('tooManyEmptyRecords', opener);
});

test('keys may change between any two records, and each begins at sequence number 0 (§5.3)', () => {
  const { rig, peer } = keyedRig(SUITE);
  const next = protectionOf(SUITE, 3);
  assert.is(rig.feed(seal(peer, 22, ascii('key update'))).length, 1);
  rig.layer.protectInput(protectionOf(SUITE, 3));
  equalBytes(joined(rig.feed(seal(next, 23, ascii('under the next keys')))), ascii('under the next keys'));
  rig.expectOpen();
});

test('keys of the output change between records, too', () => {
  const { rig, opener } = keyedRig(SUITE);
  rig.layer.write(0, 22, ascii('one'));
  rig.layer.protectOutput(protectionOf(SUITE, 3));
  rig.layer.write(0, 23, ascii('two'));
  const [one, two] = rig.drain();
  equalBytes(opener.open(23, one![1]), ascii('one'));
  equalBytes(protectionOf(SUITE, 3).open(23, two![1]), ascii('two'));
});

test('other records between the parts of a handshake message are unexpected_message (§5.1)', () => {
  const within = (rig: RecordRig): void => {
    rig.layer.withinMessage = true;
  };
  refused('interleavedRecord', (peer) => seal(peer, 23, ascii('x')), within);
  refused('interleavedRecord', (peer) => seal(peer, 23, new Uint8Array(0)), within);
  refused('interleavedRecord', () => CHANGE_CIPHER_SPEC, within);
  refused('interleavedRecord', (peer) => seal(peer, 21, alert(1, 90)), within);
  // What ends the connection is between nothing.
  for (const [description, end] of [
    [0, 'open'],
    [40, 'failed'],
  ] as const) {
    const { rig, peer } = keyedRig(SUITE);
    rig.layer.withinMessage = true;
    rig.feed(seal(peer, 21, alert(2, description)));
    assert.equal([rig.layer.end, rig.layer.inputEnded], [end, true]);
  }
});

test('no handshake message goes on behind a change of keys (§5.1)', () => {
  for (const last of ['ClientHello', 'Finished']) {
    const rig = new Rig(fullConfig(only13), {
      hooks: {
        fragment(record, name) {
          if (name !== last || record.contentType !== 22) return [record];
          return [{ ...record, fragment: concat(record.fragment, hex('18 0000')) }];
        },
      },
    }).shake();
    assert.equal(rig.alerts, ['unexpected_message'], last);
    const reason = JSON.stringify(alertRule('messageAcrossKeys', TLS_1_3).reason);
    assert.ok(rig.reason.includes(reason), `${last}: ${rig.reason}`);
  }
});

test('an alert is alone in its record, and whole (§5.1)', () => {
  for (const content of ['01', '010000', '01000100', '0228 0228']) {
    refused('alertLength', (peer) => seal(peer, 21, hex(content)));
  }
});

test('all alerts but two end the connection, whatever their level says, unknown ones, too (§6)', () => {
  for (const description of [10, 20, 22, 40, 42, 47, 50, 80, 90 + 1, 100, 109, 120, 200, 255]) {
    for (const level of [0, 1, 2, 77]) {
      const { rig, peer } = keyedRig(SUITE);
      assert.equal(rig.feed(concat(seal(peer, 21, alert(level, description)), seal(peer, 23, ascii('late')))), []);
      assert.equal(
        [rig.layer.end, rig.layer.inputEnded, rig.layer.pendingOutput],
        ['failed', true, 0],
        `${description}`,
      );
    }
  }
});

test('close_notify ends one direction: ours goes on until we end it (§6.1)', () => {
  for (const level of [1, 2]) {
    const { rig, peer, opener } = keyedRig(SUITE);
    const late = seal(protectionOf(SUITE, 9), 23, ascii('late'));
    assert.is(rig.feed(concat(seal(peer, 23, ascii('question')), seal(peer, 21, alert(level, 0)), late)).length, 1);
    assert.equal([rig.layer.inputEnded, rig.layer.end, rig.layer.pendingOutput], [true, 'open', 0]);
    assert.equal(rig.feed(late), [], 'what comes behind it is ignored');
    rig.layer.write(0, 23, ascii('answer'));
    rig.layer.close(0);
    const [answer, closure] = rig.drain();
    equalBytes(opener.open(23, answer![1]), ascii('answer'));
    equalBytes(opener.open(23, closure![1]), alert(1, 0));
    assert.is(rig.layer.end, 'closed');
    rig.layer.endOfInput(0);
    assert.not.ok(rig.events.some((event) => event.kind === 'truncated'));
  }
});

test('our close_notify ends our direction only (§6.1)', () => {
  const { rig, peer } = keyedRig(SUITE);
  rig.layer.close(0);
  assert.is(rig.feed(seal(peer, 23, ascii('more'))).length, 1);
  rig.feed(seal(peer, 21, alert(1, 0)));
  assert.equal([rig.layer.end, rig.layer.inputEnded], ['closed', true]);
});

test('user_canceled is passed over, but not for ever (§6.1)', () => {
  const { rig, peer, opener } = keyedRig(SUITE);
  for (let i = 0; i < limits.tls.warningAlerts; i++) rig.feed(seal(peer, 21, alert(1, 90)));
  rig.expectOpen();
  rig.feed(seal(peer, 21, alert(1, 90)));
  rig.expectRefused('tooManyWarnings', opener);
});

test('the end of the byte stream without close_notify is a truncation (§6.1)', () => {
  const { rig } = keyedRig(SUITE);
  rig.layer.endOfInput(0);
  assert.ok(rig.events.some((event) => event.kind === 'truncated'));
  assert.is(rig.layer.end, 'open');
});

test('early data without keys is passed over by its type, up to the second ClientHello (§4.2.10)', () => {
  const rig = new RecordRig(TLS_1_3);
  rig.layer.skipEarlyData();
  const early = clearRecord(23, new Uint8Array(500));
  const stream = concat(early, CHANGE_CIPHER_SPEC, early, clearRecord(22, ascii('hello')));
  assert.equal(rig.feed(stream, 7), [[22, ascii('hello')]]);
  rig.expectOpen();
  assert.is(rig.feed(early).length, 1, 'behind it, it is handed on to be refused');
});

test('early data is passed over as long as it does not open with the handshake keys (§4.2.10)', () => {
  const { rig, peer, opener } = keyedRig(SUITE);
  rig.layer.skipEarlyData();
  const early = protectionOf(SUITE, 99);
  const stream = concat(
    seal(early, 23, ascii('GET / HTTP/1.1')),
    seal(early, 22, ascii('end of early data')),
    CHANGE_CIPHER_SPEC,
    seal(peer, 22, ascii('finished')),
  );
  assert.equal(rig.feed(stream, 11), [[22, ascii('finished')]]);
  rig.expectOpen();
  rig.feed(seal(early, 23, ascii('more')));
  rig.expectRefused('badRecord', opener);
});

test('early data without keys is as long as a protected record may be', () => {
  const rig = new RecordRig(TLS_1_3);
  rig.layer.skipEarlyData();
  assert.equal(rig.feed(clearRecord(23, new Uint8Array(16_640))), []);
  rig.expectOpen();
  rig.feed(hex('17 0303 4101'));
  rig.expectRefused('ciphertextOverflow');
});

test('early data may be longer than the limits of this connection, not than those of TLS', () => {
  const { rig, opener } = keyedRig(SUITE);
  rig.layer.limitRecordSize(64, 64);
  rig.layer.skipEarlyData();
  rig.feed(seal(protectionOf(SUITE, 99), 23, new Uint8Array(16_384)));
  rig.expectOpen();
  rig.feed(hex('17 0303 4101'));
  rig.expectRefused('ciphertextOverflow', opener);
});

test('more early data than is passed over is unexpected_message, empty records of it, too (§4.6.1)', () => {
  for (const length of [0, 1, 1000, 16_384]) {
    for (const withKeys of [false, true]) {
      const { rig, opener } = withKeys ? keyedRig(SUITE) : { rig: new RecordRig(TLS_1_3), opener: undefined };
      rig.layer.skipEarlyData();
      const record = clearRecord(23, new Uint8Array(length));
      const most = Math.ceil(limits.tls.earlyDataBytes / record.length) - 1;
      for (let i = 0; i < most; i++) assert.equal(rig.feed(record), []);
      rig.expectOpen();
      rig.feed(record);
      rig.expectRefused('tooMuchEarlyData', opener);
    }
  }
});

test("early data is passed over no longer than the client's Finished", () => {
  const { rig, opener } = keyedRig(SUITE);
  rig.layer.skipEarlyData();
  rig.layer.handshakeDone();
  rig.feed(clearRecord(23, new Uint8Array(100)));
  rig.expectRefused('badRecord', opener);
});

test('a record behind sequence number 2^64-1 is refused (§5.3)', () => {
  const cipher = (): RecordCipher13 => {
    const aead = nodeCrypto.aead('aes-128-gcm', new Uint8Array(16));
    return new RecordCipher13(aead, 'aes-128-gcm', new Uint8Array(12), 0xffff_ffff, 0xffff_ffff);
  };
  const rig = new RecordRig(TLS_1_3);
  rig.layer.protectInput(cipher());
  const last = seal(cipher(), 23, ascii('last'));
  assert.is(rig.feed(concat(last, last)).length, 1);
  rig.expectRefused('sequenceEnd');
});

test('the trace tells what is inside a record, when the header hides it (§5.2)', () => {
  const { rig, peer } = keyedRig(SUITE);
  rig.feed(concat(seal(peer, 22, ascii('x')), seal(peer, 23, ascii('x'))));
  rig.layer.write(0, 21, alert(1, 0));
  const told = rig.events.map((event) =>
    event.kind === 'record' ? [event.dir, event.contentType, event.innerType] : [],
  );
  assert.equal(told, [
    ['in', 23, 22],
    ['in', 23, undefined],
    ['out', 23, 21],
  ]);
});

test.run();
