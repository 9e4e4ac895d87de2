// A record layer alone: keys for both directions, the peer's side of them, and what the layer handed on and told. For the
// rules of records, without a handshake.

import * as assert from 'uvu/assert';
import type { AeadName } from '../../src/core/crypto.js';
import { AlertDescription, AlertLevel, alertRule, type Verdict } from '../../src/core/tls/alerts.js';
import { TLS_1_2, TLS_1_3 } from '../../src/core/tls/config.js';
import { type CbcOptions, protection12, protection13, type RecordProtection } from '../../src/core/tls/protection.js';
import { RecordBuffer, writeRecordHeader } from '../../src/core/tls/record.js';
import { NOTHING, RecordLayer } from '../../src/core/tls/record-layer.js';
import { CIPHER_SUITES, CipherSuite } from '../../src/core/tls/suites.js';
import type { TlsEvent } from '../../src/core/trace.js';
import { nodeCrypto } from '../../src/io/node-crypto.js';
import { concat, testRandom } from './bytes.js';

export type SuiteName = keyof typeof CipherSuite;

/** A protection of the suite, whose keys all come from `seed`; the same seed gives the other end of it. */
export function protectionOf(suiteName: SuiteName, seed = 1, encryptThenMac = false): RecordProtection {
  const suite = CIPHER_SUITES.get(CipherSuite[suiteName])!;
  const random = testRandom(seed);
  const key = random.bytes(32).slice(0, suite.cipher.includes('128') ? 16 : 32);
  if (suite.version === '1.3') return protection13(nodeCrypto, suite, key, random.bytes(12));
  const cbc: CbcOptions = { encryptThenMac, ivSecret: random.bytes(32) };
  return protection12(nodeCrypto, suite, { key, iv: random.bytes(suite.fixedIvBytes), macKey: random.bytes(20) }, cbc);
}

/** A whole record, sealed. */
export function seal(protection: RecordProtection, contentType: number, content: Uint8Array): Uint8Array {
  const out = new Uint8Array(5 + protection.fragmentBytes(content.length));
  assert.is(protection.seal(contentType, content, out, 0), out.length);
  return out;
}

/** A record in clear. */
export function clearRecord(contentType: number, content: Uint8Array, version = 0x0303): Uint8Array {
  const out = new Uint8Array(5 + content.length);
  writeRecordHeader(out, 0, contentType, content.length);
  out[1] = version >>> 8;
  out[2] = version;
  out.set(content, 5);
  return out;
}

/** Seals what RecordCipher13 never would: any TLSInnerPlaintext, under any header. */
export class InnerSealer {
  readonly #key: Uint8Array;
  readonly #iv: Uint8Array;
  readonly #name: AeadName;
  #sequence = 0;

  /** The keys of `protectionOf` with the same suite and seed. */
  constructor(suiteName: SuiteName, seed = 1) {
    const suite = CIPHER_SUITES.get(CipherSuite[suiteName])!;
    const random = testRandom(seed);
    this.#key = random.bytes(32).slice(0, suite.cipher.includes('128') ? 16 : 32);
    this.#iv = random.bytes(12);
    this.#name = suite.cipher as AeadName;
  }

  seal(inner: Uint8Array, outerType = 23, version = 0x0303): Uint8Array {
    const record = clearRecord(outerType, new Uint8Array(inner.length + 16), version);
    const nonce = this.#iv.slice();
    for (let i = 0; i < 4; i++) nonce[11 - i]! ^= this.#sequence >>> (8 * i);
    this.#sequence++;
    nodeCrypto.aead(this.#name, this.#key).seal(nonce, record.slice(0, 5), inner, record, 5);
    return record;
  }
}

export type Received = readonly [contentType: number, content: Uint8Array];

export class RecordRig {
  readonly layer: RecordLayer;
  readonly events: TlsEvent[] = [];
  readonly version: typeof TLS_1_2 | typeof TLS_1_3 | undefined;
  readonly #pending = new RecordBuffer();

  constructor(version?: typeof TLS_1_2 | typeof TLS_1_3) {
    this.layer = new RecordLayer('test', (_at, event) => {
      if (event.layer === 'tls') this.events.push(event);
    });
    this.version = version;
    if (version !== undefined) this.layer.agreeOnVersion(version);
  }

  /** Gives bytes to the layer, in pieces of at most `most`; what it handed on, copied. */
  feed(bytes: Uint8Array, most = bytes.length): Received[] {
    const out: Received[] = [];
    for (let at = 0; at < bytes.length; at += most) {
      this.layer.receive(0, bytes.subarray(at, at + most));
      for (let type = this.layer.next(0); type !== NOTHING; type = this.layer.next(0)) {
        out.push([type, this.layer.content.slice()]);
      }
    }
    return out;
  }

  /** What the layer sent: content types of headers and fragments. */
  drain(): Received[] {
    while (this.layer.pendingOutput > 0) this.#pending.push(this.layer.take(1 << 20));
    const out: Received[] = [];
    while (this.#pending.readHeader() && this.#pending.whole) {
      out.push([this.#pending.contentType, this.#pending.shiftFragment().slice()]);
    }
    assert.is(this.#pending.length, 0, 'whole records are sent');
    return out;
  }

  /** The last alert that was sent, as `description: reason`. */
  get told(): string {
    const alert = this.events.filter((event) => event.kind === 'alert' && event.dir === 'out').at(-1);
    return alert?.kind === 'alert' ? `${alert.description}: ${alert.reason}` : 'no alert';
  }

  /** The connection ended by the verdict: its alert went out, in clear or as `opener` opens it, and nothing is read. */
  expectRefused(verdict: Verdict, opener?: RecordProtection): void {
    const rule = alertRule(verdict, this.version);
    assert.is(this.told, `${rule.description}: ${rule.reason}`);
    assert.is(this.layer.end, 'failed');
    assert.is(this.layer.inputEnded, true);
    const [contentType, fragment] = this.drain().at(-1)!;
    const content = opener === undefined ? fragment : opener.open(contentType, fragment)!;
    assert.is(opener?.contentType ?? contentType, 21);
    assert.equal([...content], [AlertLevel[rule.level], AlertDescription[rule.description]]);
  }

  expectOpen(): void {
    assert.is(this.layer.end, 'open', this.told);
    assert.is(this.layer.inputEnded, false);
  }
}

/** A rig with keys for both directions: what the peer seals with, and what it opens our records with. */
export function keyedRig(
  suiteName: SuiteName,
  encryptThenMac = false,
): { rig: RecordRig; peer: RecordProtection; opener: RecordProtection } {
  const rig = new RecordRig(suiteName.startsWith('TLS_ECDHE') ? TLS_1_2 : TLS_1_3);
  rig.layer.protectInput(protectionOf(suiteName, 1, encryptThenMac));
  rig.layer.protectOutput(protectionOf(suiteName, 2, encryptThenMac));
  return {
    rig,
    peer: protectionOf(suiteName, 1, encryptThenMac),
    opener: protectionOf(suiteName, 2, encryptThenMac),
  };
}

/** One kind of each protection. */
export const KINDS: readonly (readonly [suiteName: SuiteName, encryptThenMac: boolean])[] = [
  ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', false],
  ['TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384', false],
  ['TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256', false],
  ['TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA', false],
  ['TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA', true],
  ['TLS_AES_128_GCM_SHA256', false],
  ['TLS_AES_256_GCM_SHA384', false],
  ['TLS_CHACHA20_POLY1305_SHA256', false],
];

export function joined(received: readonly Received[]): Uint8Array {
  return concat(...received.map(([, content]) => content));
}
