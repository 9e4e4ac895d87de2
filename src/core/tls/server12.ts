// The handshake of TLS 1.2 in wire order, and what may come after it. RFC 5246 §7.3, RFC 5077 §3.1, RFC 6066 §8. What is in
// braces depends: {1} a stapled OCSP response, {2} client authentication, {3} a session ticket. There is no renegotiation.
//
//   Client                            Server                      this server then
//   ClientHello            -------->                              ExpectClientHello
//                                     ServerHello
//                                     Certificate
//                                     {1} CertificateStatus
//                                     ServerKeyExchange
//                                     {2} CertificateRequest
//                          <--------  ServerHelloDone             {2} ExpectCertificate
//   {2} Certificate                                               ExpectClientKeyExchange
//   ClientKeyExchange                                             {2} ExpectCertificateVerify
//   {2} CertificateVerify                                         ExpectChangeCipherSpec
//   [ChangeCipherSpec]                                            ExpectFinished
//   Finished               -------->
//                                     {3} NewSessionTicket
//                                     [ChangeCipherSpec]
//                          <--------  Finished                    ExpectApplicationData
//
// When a session is resumed:
//
//   ClientHello            -------->                              ExpectClientHello
//                                     ServerHello
//                                     {3} NewSessionTicket
//                                     [ChangeCipherSpec]
//                          <--------  Finished                    ExpectChangeCipherSpec
//   [ChangeCipherSpec]                                            ExpectFinished
//   Finished               -------->                              ExpectApplicationData

import { ParseError, Reader } from '../bytes/reader.js';
import { Writer } from '../bytes/writer.js';
import { type KeyExchange, PRIVATE_KEY_BYTES } from '../crypto.js';
import { limits } from '../limits.js';
import type { Micros } from '../types.js';
import { alertRules, type Verdict } from './alerts.js';
import { CERTIFICATE_REQUEST, checkCertificateVerify, checkChain } from './client-auth12.js';
import { TLS_1_2, TLS_1_3 } from './config.js';
import { describeHandshake } from './describe.js';
import { NamedGroup, SignatureScheme } from './extensions.js';
import { OCSP } from './extensions13.js';
import type { HandshakeContext, HandshakeMachine } from './handshake-context.js';
import { Handshake12 } from './handshake12.js';
import {
  type Certificate,
  type CertificateVerify,
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
import {
  answerExtensions,
  type Choice,
  choose,
  type Offers,
  offersOver,
  PSS_HASH_BYTES,
  readOffers,
} from './negotiate.js';
import { ContentType, MAX_PLAINTEXT_BYTES } from './record.js';
import { findSession, type Resumption } from './resumption.js';
import { sealSession } from './tickets12.js';

type Step =
  | 'ExpectClientHello'
  | 'ExpectCertificate'
  | 'ExpectClientKeyExchange'
  | 'ExpectCertificateVerify'
  | 'ExpectChangeCipherSpec'
  | 'ExpectFinished'
  | 'ExpectApplicationData';

/** The one message type that each step lets pass; the ClientHello of an open connection asks for a renegotiation. */
const EXPECTED_MESSAGE: Record<Step, number | undefined> = {
  ExpectClientHello: HandshakeType.ClientHello,
  ExpectCertificate: HandshakeType.Certificate,
  ExpectClientKeyExchange: HandshakeType.ClientKeyExchange,
  ExpectCertificateVerify: HandshakeType.CertificateVerify,
  ExpectChangeCipherSpec: undefined,
  ExpectFinished: HandshakeType.Finished,
  ExpectApplicationData: HandshakeType.ClientHello,
};
const EMPTY = new Uint8Array(0);
const SESSION_ID_BYTES = 32;
const MICROS_PER_SECOND = 1_000_000;
/** RFC 6066 §4: code 1 is 2^9. */
const fragmentBytes = (code: number): number => 256 << code;
/** RFC 8446 §4.1.3: DOWNGRD and 1. */
const DOWNGRADE_TO_1_2 = Uint8Array.of(0x44, 0x4f, 0x57, 0x4e, 0x47, 0x52, 0x44, 0x01);

export class Server12 implements HandshakeMachine {
  /** All that could come is a renegotiation. */
  readonly readsAfterClose = false;
  readonly #context: HandshakeContext;
  #step: Step = 'ExpectClientHello';
  /** From the ClientHello to the Finished messages, and then let go. */
  #handshake: Handshake12 | undefined;
  /** Of the session in the cache that this connection made or resumed. */
  #sessionId: Uint8Array = EMPTY;
  #renegotiations = 0;

  constructor(context: HandshakeContext) {
    this.#context = context;
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
    if (message.type === 'Certificate') this.#certificate(nowUs, message, bytes);
    else if (message.type === 'ClientKeyExchange') this.#clientKeyExchange(nowUs, message, bytes);
    else if (message.type === 'CertificateVerify') this.#certificateVerify(nowUs, message, bytes);
    else if (message.type === 'Finished') this.#finished(nowUs, message, bytes);
  }

  /** RFC 5246 §6.1: sequence numbers do not wrap, and we do not renegotiate: the last one is kept for close_notify. */
  refreshWriteKey(): boolean {
    return false;
  }

  /** RFC 5246 §7.2: a fatal alert makes the session unfit to be resumed. Tickets are out of reach. */
  connectionFailed(): void {
    this.#handshake = undefined;
    if (this.#sessionId.length > 0) this.#context.sessions?.remove(this.#sessionId);
  }

  // ---- The handshake, in wire order ----

  /** ExpectClientHello */
  start(nowUs: Micros, hello: ClientHello, bytes: Uint8Array): void {
    const { config, sessions } = this.#context;
    const offers = readOffers(hello, config);
    if (typeof offers === 'string') {
      this.#context.fail(nowUs, offers);
      return;
    }
    const resumption = findSession(hello, offers, config, sessions, this.#context.unixUs(nowUs));
    if (typeof resumption === 'string') this.#context.fail(nowUs, resumption);
    else if (resumption === undefined) this.#fullHandshake(nowUs, hello, bytes, offers);
    else this.#abbreviatedHandshake(nowUs, hello, bytes, offers, resumption);
  }

  #fullHandshake(nowUs: Micros, hello: ClientHello, bytes: Uint8Array, offered: Offers): void {
    const { config, flow, sessions } = this.#context;
    const choice = choose(hello, offered, config);
    if (typeof choice === 'string') {
      this.#context.fail(nowUs, choice);
      return;
    }
    const keyExchange = this.#drawKeyExchange(choice);
    if (keyExchange === undefined) {
      this.#context.fail(nowUs, 'noPrivateKey');
      return;
    }
    const offers = offersOver(choice.suite, hello, offered, config);
    const handshake = new Handshake12(this.#context, offers, choice.suite, hello.random, this.#drawServerRandom());
    this.#handshake = handshake;
    handshake.choice = choice;
    handshake.keyExchange = keyExchange;
    // RFC 7627 §5.3: sessions without an extended master secret are not to be resumed, so none is offered.
    const resumable = config.resumption !== false && offers.extendedMasterSecret;
    handshake.ticket = resumable && offers.sessionTicket !== undefined;
    // RFC 5077 §3.4: with a ticket to come the session id is empty; RFC 5246 §7.4.1.3: and when nothing can be resumed.
    const hasId = resumable && !handshake.ticket && sessions !== undefined;
    if (hasId) handshake.sessionId = config.random.bytes(flow, 'session id', SESSION_ID_BYTES);
    const { clientAuthentication } = config;
    if (clientAuthentication !== undefined) handshake.keepMessages();

    const staple = offers.ocspResponse ? choice.credential.ocspResponse : undefined;
    this.#serverHello(nowUs, bytes, handshake, staple !== undefined, offers.maxFragmentLength);
    this.#send(nowUs, { type: 'Certificate', certificateList: choice.credential.chain });
    if (staple !== undefined) this.#send(nowUs, { type: 'CertificateStatus', statusType: OCSP, response: staple });
    this.#serverKeyExchange(nowUs, handshake, choice, keyExchange);
    if (clientAuthentication !== undefined) {
      this.#send(nowUs, { ...CERTIFICATE_REQUEST, authorities: clientAuthentication.verifier.authorities });
    }
    this.#send(nowUs, { type: 'ServerHelloDone' });
    this.#to(nowUs, clientAuthentication === undefined ? 'ExpectClientKeyExchange' : 'ExpectCertificate');
  }

  #abbreviatedHandshake(
    nowUs: Micros,
    hello: ClientHello,
    bytes: Uint8Array,
    offered: Offers,
    resumption: Resumption,
  ): void {
    const { session, suite, by } = resumption;
    const offers = offersOver(suite, hello, offered, this.#context.config);
    const handshake = new Handshake12(this.#context, offers, suite, hello.random, this.#drawServerRandom());
    this.#handshake = handshake;
    handshake.resumption = resumption;
    // RFC 5077 §3.4, RFC 5246 §7.4.1.3: the client's own session id says that the session is resumed.
    handshake.sessionId = hello.sessionId;
    if (by === 'session id') this.#sessionId = hello.sessionId;
    // RFC 5077 §3.3: a ticket that was used is renewed, so that it need not be shown twice.
    handshake.ticket = by === 'ticket';
    handshake.setClientSubject(session.clientSubject);

    this.#serverHello(nowUs, bytes, handshake, false, session.maxFragmentLength);
    handshake.setMasterSecret(nowUs, session.masterSecret);
    if (handshake.ticket) this.#newSessionTicket(nowUs, handshake);
    this.#changeCipherSpecAndFinished(nowUs, handshake);
    this.#to(nowUs, 'ExpectChangeCipherSpec');
  }

  /** ServerHello, and what it changes about the records that follow. */
  #serverHello(
    nowUs: Micros,
    helloBytes: Uint8Array,
    handshake: Handshake12,
    certificateStatus: boolean,
    maxFragmentLength: number,
  ): void {
    const { records } = this.#context;
    const { offers, suite, ticket, encryptThenMac } = handshake;
    records.agreeOnVersion(TLS_1_2);
    if (offers.recordSizeLimit !== undefined) records.limitRecordSize(MAX_PLAINTEXT_BYTES, offers.recordSizeLimit);
    else if (maxFragmentLength !== 0) records.limitFragmentLength(fragmentBytes(maxFragmentLength));
    handshake.addMessage(helloBytes);
    const resumed = handshake.resumption !== undefined;
    this.#send(nowUs, {
      type: 'ServerHello',
      serverVersion: TLS_1_2,
      random: handshake.serverRandom,
      sessionId: handshake.sessionId,
      cipherSuite: suite.code,
      compressionMethod: 0,
      extensions: answerExtensions(offers, { resumed, ticket, certificateStatus, encryptThenMac }),
    });
  }

  #serverKeyExchange(nowUs: Micros, handshake: Handshake12, choice: Choice, { publicKey }: KeyExchange): void {
    const { config, flow } = this.#context;
    const { credential, group, signature } = choice;
    const namedGroup = NamedGroup[group];
    const signed = new Writer().put(handshake.clientRandom).put(handshake.serverRandom);
    encodeServerEcdhParams(signed, namedGroup, publicKey);
    const saltBytes = PSS_HASH_BYTES.get(signature);
    const salt = saltBytes === undefined ? EMPTY : config.random.bytes(flow, 'pss salt', saltBytes);
    this.#send(nowUs, {
      type: 'ServerKeyExchange',
      namedGroup,
      publicKey,
      signatureScheme: SignatureScheme[signature],
      signature: config.crypto.sign(credential.key, signature, signed.view(), salt),
    });
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
  #drawKeyExchange({ group }: Choice): KeyExchange | undefined {
    const { config, flow } = this.#context;
    const { crypto, random } = config;
    for (let draw = 0; draw < limits.tls.keyDraws; draw++) {
      const purpose = draw === 0 ? `${group} private` : `${group} private ${draw}`;
      const keyExchange = crypto.keyExchange(group, random.bytes(flow, purpose, PRIVATE_KEY_BYTES[group]));
      if (keyExchange !== undefined) return keyExchange;
    }
    return undefined;
  }

  /** ExpectCertificate */
  #certificate(nowUs: Micros, { certificateList }: Certificate, bytes: Uint8Array): void {
    const handshake = this.#handshake!;
    const checked = checkChain(
      this.#context.config.clientAuthentication!,
      certificateList,
      this.#context.unixUs(nowUs),
    );
    if (typeof checked === 'string') {
      this.#context.fail(nowUs, checked);
      return;
    }
    handshake.clientKey = checked?.key;
    handshake.setClientSubject(checked?.subject, checked?.expiresMs);
    handshake.addMessage(bytes);
    this.#to(nowUs, 'ExpectClientKeyExchange');
  }

  /** ExpectClientKeyExchange */
  #clientKeyExchange(nowUs: Micros, message: ClientKeyExchange, bytes: Uint8Array): void {
    const handshake = this.#handshake!;
    const premasterSecret = handshake.keyExchange!.derive(message.publicKey);
    if (premasterSecret === undefined) {
      this.#context.fail(nowUs, 'publicKey');
      return;
    }
    handshake.addMessage(bytes);
    handshake.deriveMasterSecret(nowUs, premasterSecret);
    // RFC 5246 §7.4.8: a client that showed a certificate proves now that it has the key.
    this.#to(nowUs, handshake.clientKey === undefined ? 'ExpectChangeCipherSpec' : 'ExpectCertificateVerify');
  }

  /** ExpectCertificateVerify */
  #certificateVerify(nowUs: Micros, message: CertificateVerify, bytes: Uint8Array): void {
    const handshake = this.#handshake!;
    const signed = handshake.takeMessages();
    const verdict = checkCertificateVerify(this.#context.config.crypto, handshake.clientKey!, message, signed);
    if (verdict !== undefined) {
      this.#context.fail(nowUs, verdict);
      return;
    }
    handshake.addMessage(bytes);
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
    this.#context.records.protectInput(this.#handshake!.readProtection());
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
    const handshake = this.#handshake!;
    if (!sameBytes(handshake.verifyData(nowUs, 'client'), message.verifyData)) {
      this.#context.fail(nowUs, 'finished');
      return;
    }
    if (handshake.resumption === undefined) {
      handshake.addMessage(bytes);
      // RFC 5077 §3.3: not before the client's Finished was found to be good.
      if (handshake.ticket) this.#newSessionTicket(nowUs, handshake);
      this.#changeCipherSpecAndFinished(nowUs, handshake);
    }
    this.#established(nowUs, handshake);
  }

  #newSessionTicket(nowUs: Micros, handshake: Handshake12): void {
    const { config, flow } = this.#context;
    const session = handshake.session(nowUs);
    const ageUs = this.#context.unixUs(nowUs) - session.createdUnixUs;
    const secondsLeft = Math.floor((limits.tls.sessionLifetimeUs - ageUs) / MICROS_PER_SECOND);
    this.#send(nowUs, {
      type: 'NewSessionTicket',
      // RFC 5077 §3.3: 0 would say that it is not told.
      ticketLifetimeHint: Math.max(1, secondsLeft),
      ticket: sealSession(config, flow, session),
    });
  }

  #changeCipherSpecAndFinished(nowUs: Micros, handshake: Handshake12): void {
    const { records, trace, flow } = this.#context;
    records.write(nowUs, ContentType.changeCipherSpec, Uint8Array.of(1));
    trace?.(nowUs, { layer: 'tls', kind: 'change_cipher_spec', flow, dir: 'out' });
    records.protectOutput(handshake.writeProtection());
    this.#send(nowUs, { type: 'Finished', verifyData: handshake.verifyData(nowUs, 'server') });
  }

  #established(nowUs: Micros, handshake: Handshake12): void {
    const { sessions } = this.#context;
    const { offers, suite, choice, resumption, clientSubject, sessionId } = handshake;
    if (resumption === undefined && sessionId.length > 0) {
      this.#sessionId = sessionId;
      sessions?.add(sessionId, handshake.session(nowUs));
    }
    this.#handshake = undefined;
    this.#step = 'ExpectApplicationData';
    this.#context.establish(nowUs, this.#step, {
      version: versionName(TLS_1_2),
      cipherSuite: cipherSuiteName(suite.code),
      group: choice?.group ?? 'none',
      signature: choice?.signature ?? 'none',
      serverName: offers.serverName,
      alpn: offers.alpn,
      extendedMasterSecret: offers.extendedMasterSecret,
      ...(resumption && { resumed: resumption.by }),
      ...(handshake.encryptThenMac && { encryptThenMac: true as const }),
      ...(clientSubject !== undefined && { clientCertificate: clientSubject }),
    });
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
    this.#handshake!.addMessage(bytes);
    this.#context.send(nowUs, message.type, bytes, this.#context.trace && describeHandshake(message));
  }
}

/** Takes the same time wherever the bytes differ. */
function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ (b[i] ?? 0);
  return difference === 0;
}
