// What a handshake of TLS 1.2 knows between the ClientHello and the last Finished: offers and choice, transcript, secrets
// and what is made of them. RFC 5246 §7.4.9, §8; RFC 7627 §4. In which order things come is server12.ts's concern.

import type { Hash, KeyExchange, VerifyingKey } from '../crypto.js';
import { limits } from '../limits.js';
import type { Micros } from '../types.js';
import { hexOf } from './describe.js';
import type { HandshakeContext } from './handshake-context.js';
import { VERIFY_DATA_BYTES } from './messages.js';
import type { Choice, Offers } from './negotiate.js';
import { type CbcOptions, protection12, type RecordProtection } from './protection.js';
import type { Resumption } from './resumption.js';
import {
  extendedMasterSecret,
  type KeyBlock,
  keyBlock,
  keyBlockBytes,
  MASTER_SECRET_BYTES,
  masterSecret,
  verifyData,
} from './schedule.js';
import type { Session12 } from './session-cache.js';
import type { CipherSuiteInfo } from './suites.js';

const EMPTY = new Uint8Array(0);
const IV_SECRET_BYTES = 32;

export class Handshake12 {
  readonly offers: Offers;
  readonly suite: CipherSuiteInfo;
  readonly clientRandom: Uint8Array;
  readonly serverRandom: Uint8Array;
  /** RFC 7366 §3: for block ciphers only. */
  readonly encryptThenMac: boolean;
  /** As the ServerHello has it. */
  sessionId: Uint8Array = EMPTY;
  /** A NewSessionTicket is part of it. */
  ticket = false;
  /** Of a full handshake. */
  choice: Choice | undefined;
  keyExchange: KeyExchange | undefined;
  /** Of an abbreviated one. */
  resumption: Resumption | undefined;
  /** Out of the client's certificate. */
  clientKey: VerifyingKey | undefined;
  readonly #context: HandshakeContext;
  readonly #transcript: Hash;
  #messages: Uint8Array[] | undefined;
  #clientSubject: string | undefined;
  #clientExpiresMs: number | undefined;
  #masterSecret: Uint8Array = EMPTY;
  #keys: KeyBlock | undefined;

  constructor(
    context: HandshakeContext,
    offers: Offers,
    suite: CipherSuiteInfo,
    clientRandom: Uint8Array,
    serverRandom: Uint8Array,
  ) {
    this.#context = context;
    this.offers = offers;
    this.suite = suite;
    this.clientRandom = clientRandom;
    this.serverRandom = serverRandom;
    this.encryptThenMac = offers.encryptThenMac && suite.mac !== undefined;
    this.#transcript = context.config.crypto.createHash(suite.hash);
  }

  // ---- The transcript ----

  /** A message of either side, header included. It must stay as it is. */
  addMessage(bytes: Uint8Array): void {
    this.#transcript.update(bytes);
    this.#messages?.push(bytes);
  }

  /** RFC 5246 §7.4.8: the signature of a CertificateVerify is over the messages themselves, so they are kept until then. */
  keepMessages(): void {
    this.#messages = [];
  }

  /** All messages so far, one behind the other. They are not kept any longer. */
  takeMessages(): Uint8Array {
    const messages = this.#messages ?? [];
    this.#messages = undefined;
    const all = new Uint8Array(messages.reduce((sum, message) => sum + message.length, 0));
    let at = 0;
    for (const message of messages) {
      all.set(message, at);
      at += message.length;
    }
    return all;
  }

  /** RFC 5246 §7.4.9: of what this side's Finished covers. */
  verifyData(nowUs: Micros, sender: 'client' | 'server'): Uint8Array {
    const { crypto } = this.#context.config;
    this.#traceStep(nowUs, `${sender} finished`, VERIFY_DATA_BYTES);
    return verifyData(crypto, this.suite.hash, this.#masterSecret, sender, this.#transcript.digest());
  }

  // ---- Secrets ----

  /** The ClientKeyExchange is the last message of the transcript now, as RFC 7627 §3 wants it. */
  deriveMasterSecret(nowUs: Micros, premasterSecret: Uint8Array): void {
    const { crypto } = this.#context.config;
    const { hash } = this.suite;
    const extended = this.offers.extendedMasterSecret;
    this.#traceStep(nowUs, extended ? 'extended master secret' : 'master secret', MASTER_SECRET_BYTES);
    const secret = extended
      ? extendedMasterSecret(crypto, hash, premasterSecret, this.#transcript.digest())
      : masterSecret(crypto, hash, premasterSecret, this.clientRandom, this.serverRandom);
    this.setMasterSecret(nowUs, secret);
  }

  /** RFC 5246 §8.1, §6.3: the keys follow from it and the randoms. */
  setMasterSecret(nowUs: Micros, secret: Uint8Array): void {
    const { config, trace, flow } = this.#context;
    const { suite, clientRandom, serverRandom } = this;
    this.#masterSecret = secret;
    trace?.(nowUs, {
      layer: 'tls',
      kind: 'secret',
      flow,
      label: 'CLIENT_RANDOM',
      clientRandom: hexOf(clientRandom),
      secret: hexOf(secret),
    });
    this.#traceStep(nowUs, 'key expansion', keyBlockBytes(suite));
    this.#keys = keyBlock(config.crypto, suite, secret, clientRandom, serverRandom);
  }

  readProtection(): RecordProtection {
    return this.#protection('client');
  }

  writeProtection(): RecordProtection {
    return this.#protection('server');
  }

  #protection(writer: 'client' | 'server'): RecordProtection {
    const { crypto, random } = this.#context.config;
    if (this.suite.mac === undefined) return protection12(crypto, this.suite, this.#keys![writer]);
    const ivSecret = writer === 'server' ? random.bytes(this.#context.flow, 'cbc iv', IV_SECRET_BYTES) : EMPTY;
    const cbc: CbcOptions = { encryptThenMac: this.encryptThenMac, ivSecret };
    return protection12(crypto, this.suite, this.#keys![writer], cbc);
  }

  #traceStep(nowUs: Micros, label: string, length: number): void {
    const { trace, flow } = this.#context;
    trace?.(nowUs, { layer: 'tls', kind: 'key_schedule', flow, label, hash: this.suite.hash, length });
  }

  // ---- The session ----

  get clientSubject(): string | undefined {
    return this.#clientSubject;
  }

  /** `expiresMs`: of the certificate, when it was shown in this handshake. */
  setClientSubject(subject: string | undefined, expiresMs?: number): void {
    this.#clientSubject = subject?.slice(0, limits.tls.subjectCharacters);
    this.#clientExpiresMs = expiresMs;
  }

  /** What a later connection may resume: a new session, or the one that was resumed, as old as it is. */
  session(nowUs: Micros): Session12 {
    return (
      this.resumption?.session ?? {
        cipherSuite: this.suite.code,
        masterSecret: this.#masterSecret,
        serverName: this.offers.serverName,
        maxFragmentLength: this.offers.maxFragmentLength,
        clientSubject: this.#clientSubject,
        clientExpiresMs: this.#clientExpiresMs,
        createdUnixUs: this.#context.unixUs(nowUs),
      }
    );
  }
}
