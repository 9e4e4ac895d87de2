// The handshake of TLS 1.2 (RFC 5246 §7.3), in wire order, and what may come after it. A full handshake each time; no
// client certificates, no renegotiation.
//
//   Client                                       Server                    this server then
//   ClientHello              -------->                                     ExpectClientHello
//                                                ServerHello
//                                                Certificate
//                                                ServerKeyExchange
//                            <--------           ServerHelloDone           ExpectClientKeyExchange
//   ClientKeyExchange                                                      ExpectChangeCipherSpec
//   [ChangeCipherSpec]                                                     ExpectFinished
//   Finished                 -------->
//                                                [ChangeCipherSpec]
//                            <--------           Finished                  ExpectApplicationData
//   Application Data         <------->           Application Data

import { ParseError, Reader } from '../bytes/reader.js';
import { Writer } from '../bytes/writer.js';
import type { Hash, KeyExchange } from '../crypto.js';
import { limits } from '../limits.js';
import type { Micros } from '../types.js';
import { alertRules, type Verdict } from './alerts.js';
import { RecordCipher } from './cipher.js';
import { TLS_1_2, TLS_1_3 } from './config.js';
import { describeHandshake, hexOf } from './describe.js';
import { NamedGroup, SignatureScheme } from './extensions.js';
import type { HandshakeContext, HandshakeMachine } from './handshake-context.js';
import {
  type ClientHello,
  type ClientKeyExchange,
  decodeHandshake,
  encodeHandshake,
  encodeServerEcdhParams,
  type Finished,
  type HandshakeMessage,
  HandshakeType,
  RANDOM_BYTES,
} from './messages.js';
import { cipherSuiteName, versionName } from './names.js';
import { type Negotiated, negotiate } from './negotiate.js';
import { ContentType } from './record.js';
import { extendedMasterSecret, keyBlock, masterSecret, verifyData } from './schedule.js';

type Step =
  | 'ExpectClientHello'
  | 'ExpectClientKeyExchange'
  | 'ExpectChangeCipherSpec'
  | 'ExpectFinished'
  | 'ExpectApplicationData';

/** What is kept from the ClientHello to the Finished messages, and then let go. */
interface Handshake {
  readonly negotiated: Negotiated;
  readonly clientRandom: Uint8Array;
  readonly serverRandom: Uint8Array;
  readonly keyExchange: KeyExchange;
  masterSecret: Uint8Array;
  writeCipher: RecordCipher | undefined;
  readCipher: RecordCipher | undefined;
}

/** The one message type that each step lets pass; the ClientHello of an open connection asks for a renegotiation. */
const EXPECTED_MESSAGE: Record<Step, number | undefined> = {
  ExpectClientHello: HandshakeType.ClientHello,
  ExpectClientKeyExchange: HandshakeType.ClientKeyExchange,
  ExpectChangeCipherSpec: undefined,
  ExpectFinished: HandshakeType.Finished,
  ExpectApplicationData: HandshakeType.ClientHello,
};
const EMPTY = new Uint8Array(0);
/** RFC 8446 §4.1.3: DOWNGRD and 1. */
const DOWNGRADE_TO_1_2 = Uint8Array.of(0x44, 0x4f, 0x57, 0x4e, 0x47, 0x52, 0x44, 0x01);

export class Server12 implements HandshakeMachine {
  /** All that could come is a renegotiation. */
  readonly readsAfterClose = false;
  readonly #context: HandshakeContext;
  readonly #transcript: Hash;
  #step: Step = 'ExpectClientHello';
  #handshake: Handshake | undefined;
  #renegotiations = 0;

  constructor(context: HandshakeContext) {
    this.#context = context;
    this.#transcript = context.config.crypto.createHash('sha256');
  }

  admit(msgType: number): Verdict | undefined {
    if (msgType === EXPECTED_MESSAGE[this.#step]) return undefined;
    return this.#step === 'ExpectChangeCipherSpec' ? 'missingChangeCipherSpec' : 'unexpectedHandshake';
  }

  receiveMessage(nowUs: Micros, _msgType: number, bytes: Uint8Array): void {
    const context = this.#context;
    if (this.#step === 'ExpectApplicationData') {
      // Refused whatever it says, so its body is not looked at.
      context.traceHandshake(nowUs, 'in', 'ClientHello', bytes, undefined);
      this.#refuseRenegotiation(nowUs);
      return;
    }
    let message: HandshakeMessage;
    try {
      message = decodeHandshake(new Reader('tls', bytes));
    } catch (error) {
      if (!(error instanceof ParseError)) throw error;
      context.fail(nowUs, 'malformedMessage', error.message);
      return;
    }
    context.traceHandshake(nowUs, 'in', message.type, bytes, context.trace && describeHandshake(message));
    // `admit` lets no other type come here.
    if (message.type === 'ClientKeyExchange') this.#clientKeyExchange(nowUs, message, bytes);
    else if (message.type === 'Finished') this.#finished(nowUs, message, bytes);
  }

  /** RFC 5246 §6.1: sequence numbers do not wrap, and we do not renegotiate: the last one is kept for close_notify. */
  refreshWriteKey(): boolean {
    return false;
  }

  // ---- The handshake, in wire order ----

  /** ExpectClientHello */
  start(nowUs: Micros, hello: ClientHello, bytes: Uint8Array): void {
    const { config, flow } = this.#context;
    const { crypto, random, credentials, alpnProtocols } = config;
    const negotiated = negotiate(hello, alpnProtocols ?? []);
    if (typeof negotiated === 'string') {
      this.#context.fail(nowUs, negotiated);
      return;
    }
    const credential = credentials[0]!;
    const keyExchange = this.#drawKeyExchange(negotiated);
    if (keyExchange === undefined) {
      this.#context.fail(nowUs, 'noPrivateKey');
      return;
    }
    this.#context.records.agreeOnVersion();
    this.#transcript.update(bytes);
    const clientRandom = hello.random;
    const serverRandom = this.#drawServerRandom();

    this.#send(nowUs, {
      type: 'ServerHello',
      serverVersion: TLS_1_2,
      random: serverRandom,
      // Empty: this session will not be resumed (RFC 5246 §7.4.1.3).
      sessionId: EMPTY,
      cipherSuite: negotiated.cipherSuite,
      compressionMethod: 0,
      extensions: negotiated.extensions,
    });
    this.#send(nowUs, { type: 'Certificate', certificateList: credential.chain });

    const namedGroup = NamedGroup[negotiated.group];
    const signed = new Writer().put(clientRandom).put(serverRandom);
    encodeServerEcdhParams(signed, namedGroup, keyExchange.publicKey);
    const salt = negotiated.signature === 'rsa_pss_rsae_sha256' ? random.bytes(flow, 'pss salt', 32) : EMPTY;
    this.#send(nowUs, {
      type: 'ServerKeyExchange',
      namedGroup,
      publicKey: keyExchange.publicKey,
      signatureScheme: SignatureScheme[negotiated.signature],
      signature: crypto.sign(credential.key, negotiated.signature, signed.view(), salt),
    });
    this.#send(nowUs, { type: 'ServerHelloDone' });

    this.#handshake = {
      negotiated,
      clientRandom,
      serverRandom,
      keyExchange,
      masterSecret: EMPTY,
      writeCipher: undefined,
      readCipher: undefined,
    };
    this.#to(nowUs, 'ExpectClientKeyExchange');
  }

  /**
   * RFC 5246 §7.4.1.2 would put the time into the first 4 bytes; nobody relies on it, and all 32 are drawn. RFC 8446
   * §4.1.3: a server that speaks 1.3 marks the end, so that a client knows when somebody talked it down.
   */
  #drawServerRandom(): Uint8Array {
    const { config, flow, highestVersion } = this.#context;
    const drawn = config.random.bytes(flow, 'server random', RANDOM_BYTES);
    if (highestVersion === TLS_1_3) drawn.set(DOWNGRADE_TO_1_2, RANDOM_BYTES - DOWNGRADE_TO_1_2.length);
    return drawn;
  }

  /** A draw that is no valid private key of the group is followed by one with a label of its own. */
  #drawKeyExchange({ group }: Negotiated): KeyExchange | undefined {
    const { flow, config } = this.#context;
    const { crypto, random } = config;
    for (let draw = 0; draw < limits.tls.keyDraws; draw++) {
      const purpose = draw === 0 ? `${group} private` : `${group} private ${draw}`;
      const keyExchange = crypto.keyExchange(group, random.bytes(flow, purpose, 32));
      if (keyExchange !== undefined) return keyExchange;
    }
    return undefined;
  }

  /** ExpectClientKeyExchange */
  #clientKeyExchange(nowUs: Micros, message: ClientKeyExchange, bytes: Uint8Array): void {
    const { flow, config } = this.#context;
    const { crypto } = config;
    const handshake = this.#handshake!;
    const { clientRandom, serverRandom, keyExchange, negotiated } = handshake;
    const premasterSecret = keyExchange.derive(message.publicKey);
    if (premasterSecret === undefined) {
      this.#context.fail(nowUs, 'publicKey');
      return;
    }
    this.#transcript.update(bytes);
    const secret = negotiated.extendedMasterSecret
      ? extendedMasterSecret(crypto, premasterSecret, this.#transcript.digest())
      : masterSecret(crypto, premasterSecret, clientRandom, serverRandom);
    handshake.masterSecret = secret;
    this.#context.trace?.(nowUs, {
      layer: 'tls',
      kind: 'secret',
      flow,
      label: 'CLIENT_RANDOM',
      clientRandom: hexOf(clientRandom),
      secret: hexOf(secret),
    });
    const keys = keyBlock(crypto, secret, clientRandom, serverRandom);
    handshake.readCipher = new RecordCipher(crypto.aead('aes-128-gcm', keys.clientWriteKey), keys.clientWriteIv);
    handshake.writeCipher = new RecordCipher(crypto.aead('aes-128-gcm', keys.serverWriteKey), keys.serverWriteIv);
    this.#to(nowUs, 'ExpectChangeCipherSpec');
  }

  /** ExpectChangeCipherSpec: what follows is protected (RFC 5246 §7.1). Anywhere else it is an attack (CVE-2014-0224). */
  receiveChangeCipherSpec(nowUs: Micros, content: Uint8Array): void {
    const verdict = this.#checkChangeCipherSpec(content);
    if (verdict !== undefined) {
      this.#context.fail(nowUs, verdict);
      return;
    }
    this.#context.trace?.(nowUs, { layer: 'tls', kind: 'change_cipher_spec', flow: this.#context.flow, dir: 'in' });
    this.#context.records.protectInput(this.#handshake!.readCipher!);
    this.#to(nowUs, 'ExpectFinished');
  }

  #checkChangeCipherSpec(content: Uint8Array): Verdict | undefined {
    if (content.length !== 1) return 'changeCipherSpecLength';
    if (content[0] !== 1) return 'changeCipherSpecValue';
    if (this.#context.handshakeInput.length > 0) return 'changeCipherSpecInMessage';
    return this.#step === 'ExpectChangeCipherSpec' ? undefined : 'unexpectedChangeCipherSpec';
  }

  /** ExpectFinished */
  #finished(nowUs: Micros, message: Finished, bytes: Uint8Array): void {
    const { crypto } = this.#context.config;
    const { masterSecret: secret, negotiated, writeCipher } = this.#handshake!;
    const expected = verifyData(crypto, secret, 'client', this.#transcript.digest());
    if (!sameBytes(expected, message.verifyData)) {
      this.#context.fail(nowUs, 'finished');
      return;
    }
    this.#transcript.update(bytes);

    this.#context.records.write(nowUs, ContentType.changeCipherSpec, Uint8Array.of(1));
    this.#context.trace?.(nowUs, { layer: 'tls', kind: 'change_cipher_spec', flow: this.#context.flow, dir: 'out' });
    this.#context.records.protectOutput(writeCipher!);
    this.#send(nowUs, {
      type: 'Finished',
      verifyData: verifyData(crypto, secret, 'server', this.#transcript.digest()),
    });
    this.#handshake = undefined;
    this.#established(nowUs, negotiated);
  }

  #established(nowUs: Micros, parameters: Negotiated): void {
    const { group, signature, serverName, alpn, extendedMasterSecret } = parameters;
    const version = versionName(TLS_1_2);
    const cipherSuite = cipherSuiteName(parameters.cipherSuite);
    const negotiated = { version, cipherSuite, group, signature, serverName, alpn, extendedMasterSecret };
    this.#step = 'ExpectApplicationData';
    this.#context.establish(nowUs, this.#step, negotiated);
  }

  /** RFC 5746 §5: refusing is safe. The connection goes on, but not for ever (CVE-2011-1473). */
  #refuseRenegotiation(nowUs: Micros): void {
    this.#renegotiations++;
    if (this.#renegotiations > limits.tls.renegotiations) this.#context.fail(nowUs, 'tooManyRenegotiations');
    else this.#context.records.warn(nowUs, alertRules.renegotiation);
  }

  #to(nowUs: Micros, step: Step): void {
    this.#step = step;
    this.#context.to(nowUs, step);
  }

  #send(nowUs: Micros, message: HandshakeMessage): void {
    const writer = new Writer();
    encodeHandshake(writer, message);
    const bytes = writer.view();
    this.#transcript.update(bytes);
    this.#context.send(nowUs, message.type, bytes, this.#context.trace && describeHandshake(message));
  }
}

/** Takes the same time wherever the bytes differ. */
function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ (b[i] ?? 0);
  return difference === 0;
}
