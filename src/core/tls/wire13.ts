// What the machines of TLS 1.3 do to the connection: messages out, in records that they share (RFC 8446 §5.1), the transcript
// (§4.4.1), keys in their places (§7.3), and what of that the trace is told.

import { Writer } from '../bytes/writer.js';
import { HASH_BYTES, type Hash } from '../crypto.js';
import type { Micros } from '../types.js';
import { hexOf } from './describe.js';
import { describeHandshake13 } from './describe13.js';
import type { HandshakeContext } from './handshake-context.js';
import { isHelloRetryRequest } from './messages.js';
import { encodeHandshake13, type HandshakeMessage13, messageHash } from './messages13.js';
import { cipherSuiteName } from './names.js';
import { protection13 } from './protection.js';
import { ContentType } from './record.js';
import { deriveSecret, type Kdf, type SecretLabel, trafficKeys } from './schedule13.js';
import type { CipherSuiteInfo } from './suites.js';

export class Wire13 {
  readonly context: HandshakeContext;
  readonly suite: CipherSuiteInfo;
  readonly kdf: Kdf;
  readonly #clientRandom: Uint8Array;
  #transcript: Hash;

  constructor(context: HandshakeContext, suite: CipherSuiteInfo, clientRandom: Uint8Array) {
    this.context = context;
    this.suite = suite;
    this.kdf = { crypto: context.config.crypto, hash: suite.hash };
    this.#clientRandom = clientRandom;
    this.#transcript = this.kdf.crypto.createHash(suite.hash);
  }

  // ---- The transcript ----

  /** A message of the client, header included. */
  hear(bytes: Uint8Array): void {
    this.#transcript.update(bytes);
  }

  digest(): Uint8Array {
    return this.#transcript.digest();
  }

  /** The digest as it would be behind `bytes`. */
  digestWith(bytes: Uint8Array): Uint8Array {
    const hash = this.#transcript.clone();
    hash.update(bytes);
    return hash.digest();
  }

  /** §4.4.1: a HelloRetryRequest follows, and what was heard up to it becomes its hash. */
  fold(): void {
    const digest = this.#transcript.digest();
    this.#transcript = this.kdf.crypto.createHash(this.suite.hash);
    this.#transcript.update(messageHash(digest));
  }

  // ---- Sending ----

  /** Appends a message to the flight and to the transcript. */
  say(nowUs: Micros, flight: Writer, message: HandshakeMessage13): void {
    const { context } = this;
    const from = flight.length;
    encodeHandshake13(flight, message);
    const bytes = flight.view().subarray(from);
    this.#transcript.update(bytes);
    context.traceHandshake(nowUs, 'out', nameOf(message), bytes, context.trace && describeHandshake13(message));
  }

  sendFlight(nowUs: Micros, flight: Writer): void {
    this.context.records.write(nowUs, ContentType.handshake, flight.view());
  }

  /** Sends a message in records of its own. */
  sendAlone(nowUs: Micros, message: HandshakeMessage13): void {
    const flight = new Writer();
    this.say(nowUs, flight, message);
    this.sendFlight(nowUs, flight);
  }

  changeCipherSpec(nowUs: Micros): void {
    const { records, trace, flow } = this.context;
    records.write(nowUs, ContentType.changeCipherSpec, Uint8Array.of(1));
    trace?.(nowUs, { layer: 'tls', kind: 'change_cipher_spec', flow, dir: 'out' });
  }

  // ---- Keys ----

  /** Derive-Secret of §7.1, told as a step. */
  derive(nowUs: Micros, secret: Uint8Array, label: SecretLabel, transcriptHash: Uint8Array): Uint8Array {
    this.tellStep(nowUs, label);
    return deriveSecret(this.kdf, secret, label, transcriptHash);
  }

  /** A step of the key schedule whose output is as long as the hash. */
  tellStep(nowUs: Micros, label: string): void {
    const { trace, flow } = this.context;
    const { hash } = this.suite;
    trace?.(nowUs, { layer: 'tls', kind: 'key_schedule', flow, label, hash, length: HASH_BYTES[hash] });
  }

  /** Records of this direction are under the keys of this secret from here on; `name` is the RFC's for it. */
  protect(nowUs: Micros, dir: 'in' | 'out', trafficSecret: Uint8Array, name: string): void {
    const { config, records, trace, flow } = this.context;
    const { key, iv } = trafficKeys(config.crypto, this.suite, trafficSecret);
    const protection = protection13(config.crypto, this.suite, key, iv);
    if (dir === 'in') records.protectInput(protection);
    else records.protectOutput(protection);
    const { code } = this.suite;
    trace?.(nowUs, { layer: 'tls', kind: 'keys', flow, dir, secret: name, cipherSuite: cipherSuiteName(code) });
  }

  /** For those who log secrets; `label` is the key log's. */
  tellSecret(nowUs: Micros, label: string, secret: Uint8Array): void {
    const { trace, flow } = this.context;
    trace?.(nowUs, {
      layer: 'tls',
      kind: 'secret',
      flow,
      label,
      clientRandom: hexOf(this.#clientRandom),
      secret: hexOf(secret),
    });
  }
}

/** Takes the same time wherever the bytes differ. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ (b[i] ?? 0);
  return difference === 0;
}

/** RFC 8446 §4.1.3: a HelloRetryRequest is a ServerHello but for its random. */
function nameOf(message: HandshakeMessage13): string {
  const isRetry = message.type === 'ServerHello' && isHelloRetryRequest(message.random);
  return isRetry ? 'HelloRetryRequest' : message.type;
}
