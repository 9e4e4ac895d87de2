// The handshake of TLS 1.3 (RFC 8446 §2), in wire order. What comes after it is in post-handshake13.ts, the client's
// certificate in client-certificate13.ts. 0-RTT is refused, PSKs go with (EC)DHE only, post-handshake authentication is not
// used.
//
//   Client                                       Server                    this server then
//   ClientHello              -------->                                     ExpectClientHello
//                                                HelloRetryRequest
//                            <--------           [ChangeCipherSpec]        ExpectSecondClientHello (when asked for)
//   ClientHello              -------->
//                                                ServerHello
//                                                [ChangeCipherSpec]
//                                                {EncryptedExtensions}
//                                                {CertificateRequest*}
//                                                {Certificate*}
//                                                {CertificateVerify*}
//                            <--------           {Finished}                ExpectCertificate, if there was a request
//   {Certificate*}                                                         ExpectCertificateVerify
//   {CertificateVerify*}                                                   ExpectFinished
//   {Finished}               -------->
//                            <--------           {NewSessionTicket*}       ExpectApplicationData
//   Application Data         <------->           Application Data

import { ParseError, Reader } from '../bytes/reader.js';
import { Writer } from '../bytes/writer.js';
import { HASH_BYTES, type KeyExchange, PRIVATE_KEY_BYTES } from '../crypto.js';
import { limits } from '../limits.js';
import type { Micros } from '../types.js';
import type { Verdict } from './alerts.js';
import { ClientCertificate13 } from './client-certificate13.js';
import { hasDuplicates } from './client-hello.js';
import { TLS_1_2, TLS_1_3 } from './config.js';
import { describeHandshake13 } from './describe13.js';
import { type Extension, findExtension, NamedGroup, SignatureScheme } from './extensions.js';
import { OCSP } from './extensions13.js';
import type { HandshakeContext, HandshakeMachine } from './handshake-context.js';
import { type ClientHello, HELLO_RETRY_REQUEST_RANDOM, RANDOM_BYTES } from './messages.js';
import { decodeHandshake13, type Finished13, type HandshakeMessage13, HandshakeType13 } from './messages13.js';
import { cipherSuiteName, versionName } from './names.js';
import {
  type Authentication13,
  authenticate13,
  checkRetry,
  type Negotiate13,
  negotiate13,
  type Parameters13,
  saltBytes,
} from './negotiate13.js';
import { PostHandshake13 } from './post-handshake13.js';
import { MAX_INNER_PLAINTEXT_BYTES } from './record.js';
import {
  certificateVerifyContent,
  earlySecret,
  handshakeSecret,
  masterSecret13,
  pskBinder,
  verifyData13,
} from './schedule13.js';
import { type ChosenPsk, choosePsk, TicketKeys13 } from './tickets13.js';
import { sameBytes, Wire13 } from './wire13.js';

type Step =
  | 'ExpectClientHello'
  | 'ExpectSecondClientHello'
  | 'ExpectCertificate'
  | 'ExpectCertificateVerify'
  | 'ExpectFinished'
  | 'ExpectApplicationData';

/** The one message type that each step lets pass. */
const EXPECTED_MESSAGE: Record<Step, number> = {
  ExpectClientHello: HandshakeType13.ClientHello,
  ExpectSecondClientHello: HandshakeType13.ClientHello,
  ExpectCertificate: HandshakeType13.Certificate,
  ExpectCertificateVerify: HandshakeType13.CertificateVerify,
  ExpectFinished: HandshakeType13.Finished,
  ExpectApplicationData: HandshakeType13.KeyUpdate,
};

/** What is kept after a HelloRetryRequest. */
interface Retry {
  readonly hello: ClientHello;
  readonly parameters: Parameters13;
  readonly cookie: Uint8Array;
}

/** What is kept from our Finished to the client's, and then let go. */
interface Handshake {
  readonly parameters: Parameters13;
  readonly psk: ChosenPsk | undefined;
  /** The scheme; `none` when there was no certificate. */
  readonly signature: string;
  readonly clientTrafficSecret: Uint8Array;
  readonly masterSecret: Uint8Array;
  readonly clientApplicationSecret: Uint8Array;
  readonly serverApplicationSecret: Uint8Array;
  /** Undefined: none was asked for. */
  readonly clientCertificate: ClientCertificate13 | undefined;
}

const EMPTY = new Uint8Array(0);
const COOKIE_BYTES = 32;

export class Server13 implements HandshakeMachine {
  /** A KeyUpdate is to be followed as long as we read. */
  readonly readsAfterClose = true;
  readonly #context: HandshakeContext;
  readonly #negotiate: Negotiate13;
  #step: Step = 'ExpectClientHello';
  /** There once the suite is chosen. */
  #wire: Wire13 | undefined;
  #retry: Retry | undefined;
  #handshake: Handshake | undefined;
  #postHandshake: PostHandshake13 | undefined;

  /** `negotiate` decides what is chosen and what our flight says; tests put the words of RFC 8448 into its mouth. */
  constructor(context: HandshakeContext, negotiate: Negotiate13 = negotiate13) {
    this.#context = context;
    this.#negotiate = negotiate;
  }

  admit(msgType: number): Verdict | undefined {
    if (msgType === EXPECTED_MESSAGE[this.#step]) return undefined;
    if (msgType === HandshakeType13.EndOfEarlyData) return 'unexpectedEndOfEarlyData';
    const isRenegotiation = msgType === HandshakeType13.ClientHello && this.#step === 'ExpectApplicationData';
    return isRenegotiation ? 'renegotiation13' : 'unexpectedHandshake';
  }

  receiveMessage(nowUs: Micros, _msgType: number, bytes: Uint8Array): void {
    const context = this.#context;
    const wire = this.#wire!;
    let message: HandshakeMessage13;
    try {
      message = decodeHandshake13(new Reader('tls', bytes), HASH_BYTES[wire.suite.hash]);
    } catch (error) {
      if (!(error instanceof ParseError)) throw error;
      context.fail(nowUs, 'malformedMessage', error.message);
      return;
    }
    context.traceHandshake(nowUs, 'in', message.type, bytes, context.trace && describeHandshake13(message));
    // `admit` lets no other type come here, nor any at another step.
    if (message.type === 'ClientHello') this.#secondClientHello(nowUs, message, bytes);
    else if (message.type === 'Certificate') {
      const clientCertificate = this.#handshake!.clientCertificate!;
      if (!clientCertificate.receiveCertificate(nowUs, message)) return;
      wire.hear(bytes);
      this.#to(nowUs, clientCertificate.isEmpty ? 'ExpectFinished' : 'ExpectCertificateVerify');
    } else if (message.type === 'CertificateVerify') {
      if (!this.#handshake!.clientCertificate!.receiveVerify(nowUs, message, wire.digest())) return;
      wire.hear(bytes);
      this.#to(nowUs, 'ExpectFinished');
    } else if (message.type === 'Finished') this.#finished(nowUs, message, bytes);
    else if (message.type === 'KeyUpdate') this.#postHandshake!.receiveKeyUpdate(nowUs, message);
  }

  /** RFC 8446 §5: those that are to be dropped do not come here, and there are no others. */
  receiveChangeCipherSpec(nowUs: Micros): void {
    this.#context.fail(nowUs, 'unexpectedChangeCipherSpec');
  }

  refreshWriteKey(nowUs: Micros): boolean {
    return this.#postHandshake?.updateWriteKey(nowUs) ?? false;
  }

  beforeData(nowUs: Micros): void {
    this.#postHandshake?.beforeData(nowUs);
  }

  dataRead(): void {
    this.#postHandshake?.dataRead();
  }

  // ---- The handshake, in wire order ----

  /** ExpectClientHello */
  start(nowUs: Micros, hello: ClientHello, bytes: Uint8Array): void {
    const context = this.#context;
    context.records.agreeOnVersion(TLS_1_3);
    if (!this.#endsRecord(nowUs)) return;
    const hasCookie = findExtension(hello.extensions ?? [], 'cookie') !== undefined;
    const parameters = hasCookie ? 'unexpectedCookie' : this.#negotiate(hello, context.config);
    if (typeof parameters === 'string') {
      context.fail(nowUs, parameters);
      return;
    }
    this.#wire = new Wire13(context, parameters.suite, hello.random);
    if (parameters.earlyData) {
      // §4.2.10: the extension is ignored, and what the client sends already is passed over.
      context.records.skipEarlyData();
      context.trace?.(nowUs, { layer: 'tls', kind: 'early_data', flow: context.flow, verdict: 'refused' });
    }
    if (parameters.clientShare !== undefined) this.#answer(nowUs, hello, parameters, bytes);
    else this.#helloRetryRequest(nowUs, hello, parameters, bytes);
  }

  #helloRetryRequest(nowUs: Micros, hello: ClientHello, parameters: Parameters13, bytes: Uint8Array): void {
    const { config, flow } = this.#context;
    const wire = this.#wire!;
    wire.hear(bytes);
    wire.fold();
    // §4.2.2: state is kept, so the cookie need not hold any. It is for the client to show that it is the same one.
    const cookie = config.random.bytes(flow, 'cookie', COOKIE_BYTES);
    wire.sendAlone(nowUs, {
      type: 'ServerHello',
      serverVersion: TLS_1_2,
      random: HELLO_RETRY_REQUEST_RANDOM,
      sessionId: hello.sessionId,
      cipherSuite: parameters.suite.code,
      compressionMethod: 0,
      extensions: [
        { type: 'key_share', selectedGroup: NamedGroup[parameters.group] },
        { type: 'cookie', cookie },
        { type: 'supported_versions', versions: [TLS_1_3], selected: true },
      ],
    });
    // §D.4: behind our first handshake message, for clients that look like TLS 1.2.
    if (hello.sessionId.length > 0) wire.changeCipherSpec(nowUs);
    this.#retry = { hello, parameters, cookie };
    this.#to(nowUs, 'ExpectSecondClientHello');
  }

  /** ExpectSecondClientHello */
  #secondClientHello(nowUs: Micros, hello: ClientHello, bytes: Uint8Array): void {
    if (!this.#endsRecord(nowUs)) return;
    // What may change is no part of the choice, but share and PSKs have to be taken from the new one.
    const parameters = this.#checkSecond(this.#retry!, hello) ?? this.#negotiate(hello, this.#context.config);
    if (typeof parameters === 'string') this.#context.fail(nowUs, parameters);
    else this.#answer(nowUs, hello, parameters, bytes);
  }

  #checkSecond({ hello, parameters, cookie }: Retry, second: ClientHello): Verdict | undefined {
    const offered = second.extensions ?? [];
    if (hasDuplicates(offered)) return 'duplicateExtension';
    const echo = findExtension(offered, 'cookie')?.cookie;
    if (echo === undefined || !sameBytes(echo, cookie)) return 'cookie';
    return checkRetry(hello, second, parameters.group);
  }

  /** From the ClientHello that has all that is needed to our Finished. */
  #answer(nowUs: Micros, hello: ClientHello, parameters: Parameters13, bytes: Uint8Array): void {
    const context = this.#context;
    const wire = this.#wire!;
    const psk = this.#choosePsk(nowUs, parameters, bytes);
    if (psk === 'pskBinder') {
      context.fail(nowUs, psk);
      return;
    }
    // §4.1.1: a certificate or a PSK, never both.
    const authentication = psk === undefined ? authenticate13(hello, context.config, parameters.serverName) : undefined;
    if (typeof authentication === 'string') {
      context.fail(nowUs, authentication);
      return;
    }
    const keyExchange = this.#drawKeyExchange(parameters);
    if (keyExchange === undefined) {
      context.fail(nowUs, 'noPrivateKey');
      return;
    }
    // `negotiate` and `checkRetry` saw to it that there is a share.
    const sharedSecret = keyExchange.derive(parameters.clientShare!);
    if (sharedSecret === undefined) {
      context.fail(nowUs, 'publicKey');
      return;
    }
    wire.hear(bytes);
    this.#serverHello(nowUs, hello, parameters, keyExchange, psk);

    const { kdf } = wire;
    wire.tellStep(nowUs, 'early secret');
    wire.tellStep(nowUs, 'handshake secret');
    const handshake = handshakeSecret(kdf, earlySecret(kdf, psk?.state.psk), sharedSecret);
    const helloHash = wire.digest();
    const clientTrafficSecret = wire.derive(nowUs, handshake, 'c hs traffic', helloHash);
    const serverTrafficSecret = wire.derive(nowUs, handshake, 's hs traffic', helloHash);
    wire.tellSecret(nowUs, 'CLIENT_HANDSHAKE_TRAFFIC_SECRET', clientTrafficSecret);
    wire.tellSecret(nowUs, 'SERVER_HANDSHAKE_TRAFFIC_SECRET', serverTrafficSecret);
    wire.protect(nowUs, 'out', serverTrafficSecret, 'server_handshake_traffic_secret');
    wire.protect(nowUs, 'in', clientTrafficSecret, 'client_handshake_traffic_secret');

    this.#limitRecords(parameters);

    const flight = new Writer(2048);
    wire.say(nowUs, flight, { type: 'EncryptedExtensions', extensions: parameters.encryptedExtensions });
    // §4.3.2: not when a PSK authenticates the handshake.
    const request = psk === undefined ? parameters.certificateRequest : undefined;
    if (request !== undefined) {
      wire.say(nowUs, flight, { type: 'CertificateRequest', context: EMPTY, extensions: request });
    }
    if (authentication !== undefined) this.#authenticate(nowUs, flight, parameters, authentication);
    const verifyData = verifyData13(kdf, serverTrafficSecret, wire.digest());
    wire.say(nowUs, flight, { type: 'Finished', verifyData });
    wire.sendFlight(nowUs, flight);

    wire.tellStep(nowUs, 'master secret');
    const masterSecret = masterSecret13(kdf, handshake);
    const finishedHash = wire.digest();
    const clientApplicationSecret = wire.derive(nowUs, masterSecret, 'c ap traffic', finishedHash);
    const serverApplicationSecret = wire.derive(nowUs, masterSecret, 's ap traffic', finishedHash);
    wire.tellSecret(nowUs, 'CLIENT_TRAFFIC_SECRET_0', clientApplicationSecret);
    wire.tellSecret(nowUs, 'SERVER_TRAFFIC_SECRET_0', serverApplicationSecret);
    if (context.trace !== undefined) {
      wire.tellSecret(nowUs, 'EXPORTER_SECRET', wire.derive(nowUs, masterSecret, 'exp master', finishedHash));
    }
    // §4.4.4: whatever follows our Finished, an alert for the client's certificate included.
    wire.protect(nowUs, 'out', serverApplicationSecret, 'server_application_traffic_secret_0');

    const asks = request !== undefined && context.config.clientAuthentication;
    this.#handshake = {
      parameters,
      psk,
      signature: authentication?.signature ?? 'none',
      clientTrafficSecret,
      masterSecret,
      clientApplicationSecret,
      serverApplicationSecret,
      clientCertificate: asks ? new ClientCertificate13(context, asks) : undefined,
    };
    this.#retry = undefined;
    this.#to(nowUs, asks ? 'ExpectCertificate' : 'ExpectFinished');
  }

  #serverHello(
    nowUs: Micros,
    hello: ClientHello,
    { suite, group }: Parameters13,
    keyExchange: KeyExchange,
    psk: ChosenPsk | undefined,
  ): void {
    const { config, flow } = this.#context;
    const serverShare = { group: NamedGroup[group], keyExchange: keyExchange.publicKey };
    const extensions: Extension[] = [{ type: 'key_share', serverShare }];
    if (psk !== undefined) extensions.push({ type: 'pre_shared_key', selectedIdentity: psk.index });
    extensions.push({ type: 'supported_versions', versions: [TLS_1_3], selected: true });
    this.#wire!.sendAlone(nowUs, {
      type: 'ServerHello',
      serverVersion: TLS_1_2,
      random: config.random.bytes(flow, 'server random', RANDOM_BYTES),
      sessionId: hello.sessionId,
      cipherSuite: suite.code,
      compressionMethod: 0,
      extensions,
    });
    // §D.4: once, so not when there was a HelloRetryRequest.
    if (hello.sessionId.length > 0 && this.#retry === undefined) this.#wire!.changeCipherSpec(nowUs);
  }

  /** Certificate and CertificateVerify. */
  #authenticate(
    nowUs: Micros,
    flight: Writer,
    { wantsOcsp }: Parameters13,
    { credential, signature }: Authentication13,
  ): void {
    const { config, flow } = this.#context;
    const wire = this.#wire!;
    const response = wantsOcsp ? credential.ocspResponse : undefined;
    // §4.4.2.1: with the certificate that it is about.
    const staple: Extension[] = response === undefined ? [] : [{ type: 'status_request', statusType: OCSP, response }];
    const entries = credential.chain.map((certData, index) => ({ certData, extensions: index === 0 ? staple : [] }));
    wire.say(nowUs, flight, { type: 'Certificate', context: EMPTY, entries });

    const saltLength = saltBytes(signature);
    const salt = saltLength === 0 ? EMPTY : config.random.bytes(flow, 'pss salt', saltLength);
    const content = certificateVerifyContent('server', wire.digest());
    wire.say(nowUs, flight, {
      type: 'CertificateVerify',
      algorithm: SignatureScheme[signature],
      signature: config.crypto.sign(credential.key, signature, content, salt),
    });
  }

  /** ExpectFinished */
  #finished(nowUs: Micros, message: Finished13, bytes: Uint8Array): void {
    if (!this.#endsRecord(nowUs)) return;
    const context = this.#context;
    const wire = this.#wire!;
    const handshake = this.#handshake!;
    const { parameters, psk, clientCertificate } = handshake;
    const expected = verifyData13(wire.kdf, handshake.clientTrafficSecret, wire.digest());
    if (!sameBytes(expected, message.verifyData)) {
      context.fail(nowUs, 'finished');
      return;
    }
    wire.hear(bytes);
    wire.protect(nowUs, 'in', handshake.clientApplicationSecret, 'client_application_traffic_secret_0');
    context.records.handshakeDone();

    this.#handshake = undefined;
    this.#postHandshake = new PostHandshake13(wire, handshake);
    const clientSubject = clientCertificate?.subject ?? psk?.state.clientSubject;
    this.#established(nowUs, handshake, clientSubject);
    if (!parameters.takesTickets) return;
    const resumptionMasterSecret = wire.derive(nowUs, handshake.masterSecret, 'res master', wire.digest());
    this.#postHandshake.sendTickets(nowUs, resumptionMasterSecret, {
      serverName: parameters.serverName,
      clientSubject,
      clientExpiresMs: clientCertificate?.expiresMs ?? psk?.state.clientExpiresMs,
      authenticatedMs: psk?.state.authenticatedMs,
    });
  }

  #established(nowUs: Micros, { parameters, psk, signature }: Handshake, clientSubject: string | undefined): void {
    const { suite, group, serverName, alpn } = parameters;
    this.#step = 'ExpectApplicationData';
    this.#context.establish(nowUs, this.#step, {
      version: versionName(TLS_1_3),
      cipherSuite: cipherSuiteName(suite.code),
      group,
      signature,
      serverName,
      alpn,
      // The key schedule binds the whole transcript, which is what the extension is for in TLS 1.2 (RFC 8446 §D).
      extendedMasterSecret: true,
      ...(psk !== undefined && { resumed: 'psk' as const }),
      ...(clientSubject !== undefined && { clientCertificate: clientSubject }),
    });
  }

  // ---- Parts ----

  /** §4.2.11: the first identity that fits, and its binder. */
  #choosePsk(
    nowUs: Micros,
    { psks, suite, serverName }: Parameters13,
    bytes: Uint8Array,
  ): ChosenPsk | 'pskBinder' | undefined {
    const { config, trace, flow } = this.#context;
    if (psks === undefined || config.resumption === false) return undefined;
    const psk = choosePsk(
      new TicketKeys13(config.crypto, config.random),
      psks.identities,
      {
        hash: suite.hash,
        serverName,
        unixMs: this.#context.unixMs(nowUs),
        needsClient: config.clientAuthentication?.required ?? false,
      },
      trace && ((index, verdict) => trace(nowUs, { layer: 'tls', kind: 'psk', flow, index, verdict })),
    );
    if (psk === undefined) return undefined;
    const { index, ageSkewMs } = psk;
    const wire = this.#wire!;
    // §4.2.11.2: the ClientHello up to its binders.
    const expected = pskBinder(wire.kdf, psk.state.psk, wire.digestWith(bytes.subarray(0, psks.bindersAt)));
    if (!sameBytes(expected, psks.binders[index]!)) return 'pskBinder';
    trace?.(nowUs, { layer: 'tls', kind: 'psk', flow, index, verdict: 'accepted', ageSkewMs });
    return psk;
  }

  /** A draw that is no valid private key of the group is followed by one with a label of its own. */
  #drawKeyExchange({ group }: Parameters13): KeyExchange | undefined {
    const { config, flow } = this.#context;
    for (let draw = 0; draw < limits.tls.keyDraws; draw++) {
      const purpose = draw === 0 ? `${group} private` : `${group} private ${draw}`;
      const privateKey = config.random.bytes(flow, purpose, PRIVATE_KEY_BYTES[group]);
      const keyExchange = config.crypto.keyExchange(group, privateKey);
      if (keyExchange !== undefined) return keyExchange;
    }
    return undefined;
  }

  /** RFC 8449 §4, RFC 6066 §4: from the first protected record on. */
  #limitRecords({ sizes: { recordSizeLimit, maxFragmentLength } }: Parameters13): void {
    const { records } = this.#context;
    if (recordSizeLimit !== undefined) records.limitRecordSize(MAX_INNER_PLAINTEXT_BYTES, recordSizeLimit);
    if (maxFragmentLength !== 0) records.limitFragmentLength(2 ** (8 + maxFragmentLength));
  }

  /** §5.1: messages in front of a change of keys end with their record. */
  #endsRecord(nowUs: Micros): boolean {
    if (this.#context.handshakeInput.length === 0) return true;
    this.#context.fail(nowUs, 'messageAcrossKeys');
    return false;
  }

  #to(nowUs: Micros, step: Step): void {
    this.#step = step;
    this.#context.to(nowUs, step);
  }
}
