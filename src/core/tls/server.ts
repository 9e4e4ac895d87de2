// The TLS 1.2 server of one connection (RFC 5246 §7.3), as a machine without callbacks: bytes in, plaintext out, and the
// same downwards. A full handshake each time; no client certificates, no resumption, no renegotiation.
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

import { ByteQueue } from '../bytes/queue.js';
import { ParseError, Reader } from '../bytes/reader.js';
import { Writer } from '../bytes/writer.js';
import type { Crypto, Hash, KeyExchange, SigningKey } from '../crypto.js';
import type { ConnectionInfo } from '../http/message.js';
import { limits } from '../limits.js';
import type { RandomSource } from '../random.js';
import type { Trace } from '../trace.js';
import type { Micros } from '../types.js';
import { alertRules, type Verdict } from './alerts.js';
import { RecordCipher } from './cipher.js';
import { describeHandshake, hexOf } from './describe.js';
import { NamedGroup, SignatureScheme } from './extensions.js';
import {
  type ClientHello,
  type ClientKeyExchange,
  decodeHandshake,
  encodeHandshake,
  encodeServerEcdhParams,
  type Finished,
  HANDSHAKE_HEADER_BYTES,
  type HandshakeMessage,
  HandshakeType,
  RANDOM_BYTES,
} from './messages.js';
import { cipherSuiteName, handshakeTypeName, versionName } from './names.js';
import { type Negotiated, negotiate } from './negotiate.js';
import { ContentType, MAX_PLAINTEXT_BYTES, TLS_1_2 } from './record.js';
import { NOTHING, RecordLayer } from './record-layer.js';
import { extendedMasterSecret, keyBlock, masterSecret, verifyData } from './schedule.js';

export interface TlsCredential {
  /** DER, leaf first. */
  readonly chain: readonly Uint8Array[];
  readonly key: SigningKey;
}

export interface TlsServerOptions {
  /** Names the connection in trace and random draws. */
  readonly flow: string;
  readonly crypto: Crypto;
  readonly random: RandomSource;
  readonly credential: TlsCredential;
  /** Favourite first; empty: ALPN is left unanswered. */
  readonly alpnProtocols: readonly string[];
  readonly trace?: Trace | undefined;
}

/**
 * handshake: nothing can be written yet. open: both ways. closed: close_notify was sent, by us first or in answer to the
 * peer's, and nothing more is written. failed: a fatal alert was sent or received; nothing more is written or read.
 */
export type TlsState = 'handshake' | 'open' | 'closed' | 'failed';

type Step =
  | 'ExpectClientHello'
  | 'ExpectClientKeyExchange'
  | 'ExpectChangeCipherSpec'
  | 'ExpectFinished'
  | 'ExpectApplicationData'
  | 'Closed'
  | 'Failed';

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
  Closed: undefined,
  Failed: undefined,
};
const EMPTY = new Uint8Array(0);

export class TlsServer {
  readonly #options: TlsServerOptions;
  readonly #flow: string;
  readonly #trace: Trace | undefined;
  readonly #records: RecordLayer;
  readonly #handshakeInput = new ByteQueue();
  readonly #transcript: Hash;

  #step: Step = 'ExpectClientHello';
  #handshake: Handshake | undefined;
  #negotiated: ConnectionInfo['tls'];
  #renegotiations = 0;

  constructor(options: TlsServerOptions) {
    this.#options = options;
    this.#flow = options.flow;
    this.#trace = options.trace;
    this.#records = new RecordLayer(options.flow, options.trace);
    this.#transcript = options.crypto.createHash('sha256');
  }

  get state(): TlsState {
    if (this.#records.end !== 'open') return this.#records.end;
    return this.#step === 'ExpectApplicationData' ? 'open' : 'handshake';
  }

  /** The peer's close_notify, a failure or a truncation was seen: no more plaintext will come. */
  get inputEnded(): boolean {
    return this.#records.inputEnded;
  }

  /** Set when the handshake is done. */
  get negotiated(): ConnectionInfo['tls'] {
    return this.#negotiated;
  }

  get pendingOutput(): number {
    return this.#records.pendingOutput;
  }

  /** How many bytes `receive` takes now. At 0 the owner waits: a `receive` then fails the connection. */
  get room(): number {
    return this.#records.room;
  }

  /** Buffers bytes from the peer; `read` works on them. */
  receive(nowUs: Micros, bytes: Uint8Array): void {
    this.#records.receive(nowUs, bytes);
    this.#settle(nowUs);
  }

  /**
   * Works on buffered records until one gives application data: that plaintext, valid until the next call. Undefined when
   * more input is needed or the input is over. Call it after `receive` and after `endOfInput` until it gives undefined.
   */
  read(nowUs: Micros): Uint8Array | undefined {
    const records = this.#records;
    for (let type = records.next(nowUs); type !== NOTHING; type = records.next(nowUs)) {
      if (type === ContentType.applicationData) {
        // Application data is taken after our own close_notify too, until the peer's.
        if (this.#negotiated !== undefined) return records.content;
        this.#fail(nowUs, 'earlyApplicationData');
      } else if (type === ContentType.handshake) this.#receiveHandshake(nowUs, records.content);
      else this.#receiveChangeCipherSpec(nowUs, records.content);
    }
    this.#settle(nowUs);
    return undefined;
  }

  /** FIN from the peer. Without a close_notify before it that is a truncation, which is told in the trace. */
  endOfInput(nowUs: Micros): void {
    this.#records.endOfInput(nowUs);
    this.#settle(nowUs);
  }

  /**
   * Seals plaintext into records of at most 2^14 bytes. Gives how much was taken: less than all of it when
   * limits.tls.outputBytes wait to be taken, and 0 in any state but 'open'.
   */
  write(nowUs: Micros, plaintext: Uint8Array): number {
    const records = this.#records;
    let taken = 0;
    while (taken < plaintext.length && this.#step === 'ExpectApplicationData') {
      if (records.pendingOutput >= limits.tls.outputBytes) break;
      if (records.nearlyExhausted) {
        this.close(nowUs);
        break;
      }
      const count = Math.min(MAX_PLAINTEXT_BYTES, plaintext.length - taken);
      const part = count === plaintext.length ? plaintext : plaintext.subarray(taken, taken + count);
      records.write(nowUs, ContentType.applicationData, part);
      taken += count;
    }
    return taken;
  }

  /** Records for the peer; empty when there are none. Valid until the next call. */
  take(maxBytes: number): Uint8Array {
    return this.#records.take(maxBytes);
  }

  /** Sends close_notify, once; then nothing more is written. What the peer still sends can be read until its own end. */
  close(nowUs: Micros): void {
    // Before the handshake is done there is nothing to come that could be read.
    if (this.#negotiated === undefined) this.#records.endInput(nowUs, 'closed during the handshake');
    this.#records.close(nowUs);
    this.#settle(nowUs);
  }

  /** Follows the record layer's end. */
  #settle(nowUs: Micros): void {
    // An unfinished handshake has nobody to finish it. An open connection can still send its answers.
    if (this.#records.inputEnded && this.#negotiated === undefined) this.#records.close(nowUs);
    const { end } = this.#records;
    if (end === 'open') return;
    this.#handshake = undefined;
    this.#handshakeInput.clear();
    this.#to(nowUs, end === 'closed' ? 'Closed' : 'Failed');
  }

  // ---- Handshake messages ----

  /** RFC 5246 §6.2.1: messages may share a record, and a message may span records. */
  #receiveHandshake(nowUs: Micros, fragment: Uint8Array): void {
    if (this.#step === 'Closed') {
      const reason = 'handshake message after close_notify';
      const { length } = fragment;
      this.#trace?.(nowUs, { layer: 'tls', kind: 'drop', severity: 'warning', flow: this.#flow, reason, length });
      return;
    }
    const queue = this.#handshakeInput;
    queue.push(fragment);
    while (queue.length >= HANDSHAKE_HEADER_BYTES) {
      const msgType = queue.at(0);
      const length = (queue.at(1) << 16) | (queue.at(2) << 8) | queue.at(3);
      if (msgType !== EXPECTED_MESSAGE[this.#step]) {
        const verdict = this.#step === 'ExpectChangeCipherSpec' ? 'missingChangeCipherSpec' : 'unexpectedHandshake';
        this.#fail(nowUs, verdict, handshakeTypeName(msgType));
        return;
      }
      if (length > limits.tls.handshakeMessageBytes) {
        this.#fail(nowUs, 'handshakeTooLong');
        return;
      }
      if (queue.length < HANDSHAKE_HEADER_BYTES + length) return;
      this.#receiveMessage(nowUs, queue.shift(HANDSHAKE_HEADER_BYTES + length));
    }
  }

  #receiveMessage(nowUs: Micros, bytes: Uint8Array): void {
    const length = bytes.length - HANDSHAKE_HEADER_BYTES;
    if (this.#step === 'ExpectApplicationData') {
      // Refused whatever it says, so its body is not looked at.
      this.#traceHandshake(nowUs, 'in', 'ClientHello', length, undefined);
      this.#refuseRenegotiation(nowUs);
      return;
    }
    let message: HandshakeMessage;
    try {
      message = decodeHandshake(new Reader('tls', bytes));
    } catch (error) {
      if (!(error instanceof ParseError)) throw error;
      this.#fail(nowUs, 'malformedMessage', error.message);
      return;
    }
    this.#traceHandshake(nowUs, 'in', message.type, length, message);
    // EXPECTED_MESSAGE lets no other type come here.
    if (message.type === 'ClientHello') this.#clientHello(nowUs, message, bytes);
    else if (message.type === 'ClientKeyExchange') this.#clientKeyExchange(nowUs, message, bytes);
    else if (message.type === 'Finished') this.#finished(nowUs, message, bytes);
  }

  // ---- The handshake, in wire order ----

  /** ExpectClientHello */
  #clientHello(nowUs: Micros, hello: ClientHello, bytes: Uint8Array): void {
    const { crypto, random, credential, alpnProtocols } = this.#options;
    const negotiated = negotiate(hello, alpnProtocols);
    if (typeof negotiated === 'string') {
      this.#fail(nowUs, negotiated);
      return;
    }
    const keyExchange = this.#drawKeyExchange(negotiated);
    if (keyExchange === undefined) {
      this.#fail(nowUs, 'noPrivateKey');
      return;
    }
    this.#records.agreeOnVersion();
    this.#transcript.update(bytes);
    const clientRandom = hello.random;
    // RFC 5246 §7.4.1.2 would put the time into the first 4 bytes; nobody relies on it, and all 32 are drawn.
    const serverRandom = random.bytes(this.#flow, 'server random', RANDOM_BYTES);

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
    const salt = negotiated.signature === 'rsa_pss_rsae_sha256' ? random.bytes(this.#flow, 'pss salt', 32) : EMPTY;
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

  /** A draw that is no valid private key of the group is followed by one with a label of its own. */
  #drawKeyExchange({ group }: Negotiated): KeyExchange | undefined {
    const { crypto, random } = this.#options;
    for (let draw = 0; draw < limits.tls.keyDraws; draw++) {
      const purpose = draw === 0 ? `${group} private` : `${group} private ${draw}`;
      const keyExchange = crypto.keyExchange(group, random.bytes(this.#flow, purpose, 32));
      if (keyExchange !== undefined) return keyExchange;
    }
    return undefined;
  }

  /** ExpectClientKeyExchange */
  #clientKeyExchange(nowUs: Micros, message: ClientKeyExchange, bytes: Uint8Array): void {
    const { crypto } = this.#options;
    const handshake = this.#handshake!;
    const { clientRandom, serverRandom, keyExchange, negotiated } = handshake;
    const premasterSecret = keyExchange.derive(message.publicKey);
    if (premasterSecret === undefined) {
      this.#fail(nowUs, 'publicKey');
      return;
    }
    this.#transcript.update(bytes);
    const secret = negotiated.extendedMasterSecret
      ? extendedMasterSecret(crypto, premasterSecret, this.#transcript.digest())
      : masterSecret(crypto, premasterSecret, clientRandom, serverRandom);
    handshake.masterSecret = secret;
    this.#trace?.(nowUs, {
      layer: 'tls',
      kind: 'secret',
      flow: this.#flow,
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
  #receiveChangeCipherSpec(nowUs: Micros, fragment: Uint8Array): void {
    const verdict = this.#checkChangeCipherSpec(fragment);
    if (verdict !== undefined) {
      this.#fail(nowUs, verdict);
      return;
    }
    this.#trace?.(nowUs, { layer: 'tls', kind: 'change_cipher_spec', flow: this.#flow, dir: 'in' });
    this.#records.protectInput(this.#handshake!.readCipher!);
    this.#to(nowUs, 'ExpectFinished');
  }

  #checkChangeCipherSpec(fragment: Uint8Array): Verdict | undefined {
    if (fragment.length !== 1) return 'changeCipherSpecLength';
    if (fragment[0] !== 1) return 'changeCipherSpecValue';
    if (this.#handshakeInput.length > 0) return 'changeCipherSpecInMessage';
    return this.#step === 'ExpectChangeCipherSpec' ? undefined : 'unexpectedChangeCipherSpec';
  }

  /** ExpectFinished */
  #finished(nowUs: Micros, message: Finished, bytes: Uint8Array): void {
    const { crypto } = this.#options;
    const { masterSecret: secret, negotiated, writeCipher } = this.#handshake!;
    const expected = verifyData(crypto, secret, 'client', this.#transcript.digest());
    if (!sameBytes(expected, message.verifyData)) {
      this.#fail(nowUs, 'finished');
      return;
    }
    this.#transcript.update(bytes);

    this.#records.write(nowUs, ContentType.changeCipherSpec, Uint8Array.of(1));
    this.#trace?.(nowUs, { layer: 'tls', kind: 'change_cipher_spec', flow: this.#flow, dir: 'out' });
    this.#records.protectOutput(writeCipher!);
    this.#send(nowUs, {
      type: 'Finished',
      verifyData: verifyData(crypto, secret, 'server', this.#transcript.digest()),
    });
    this.#handshake = undefined;
    this.#established(nowUs, negotiated);
  }

  #established(nowUs: Micros, negotiated: Negotiated): void {
    const { group, signature, serverName, alpn, extendedMasterSecret } = negotiated;
    const version = versionName(TLS_1_2);
    const cipherSuite = cipherSuiteName(negotiated.cipherSuite);
    this.#negotiated = { version, cipherSuite, group, signature, serverName, alpn, extendedMasterSecret };
    this.#to(nowUs, 'ExpectApplicationData');
    this.#trace?.(nowUs, {
      layer: 'tls',
      kind: 'established',
      flow: this.#flow,
      version,
      cipherSuite,
      group,
      signature,
      ...(serverName === undefined ? undefined : { serverName }),
      ...(alpn === undefined ? undefined : { alpn }),
      extendedMasterSecret,
    });
  }

  /** RFC 5746 §5: refusing is safe. The connection goes on, but not for ever (CVE-2011-1473). */
  #refuseRenegotiation(nowUs: Micros): void {
    this.#renegotiations++;
    if (this.#renegotiations > limits.tls.renegotiations) this.#fail(nowUs, 'tooManyRenegotiations');
    else this.#records.warn(nowUs, alertRules.renegotiation);
  }

  // ---- Sending, and the trace ----

  #fail(nowUs: Micros, verdict: Verdict, detail?: string): void {
    this.#records.fail(nowUs, verdict, detail);
    this.#settle(nowUs);
  }

  #to(nowUs: Micros, to: Step): void {
    const from = this.#step;
    if (from === to) return;
    this.#step = to;
    this.#trace?.(nowUs, { layer: 'tls', kind: 'state', flow: this.#flow, from, to });
  }

  #send(nowUs: Micros, message: HandshakeMessage): void {
    const writer = new Writer();
    encodeHandshake(writer, message);
    const bytes = writer.view();
    this.#transcript.update(bytes);
    this.#traceHandshake(nowUs, 'out', message.type, bytes.length - HANDSHAKE_HEADER_BYTES, message);
    for (let at = 0; at < bytes.length; at += MAX_PLAINTEXT_BYTES) {
      this.#records.write(nowUs, ContentType.handshake, bytes.subarray(at, at + MAX_PLAINTEXT_BYTES));
    }
  }

  #traceHandshake(
    nowUs: Micros,
    dir: 'in' | 'out',
    message: string,
    length: number,
    content: HandshakeMessage | undefined,
  ): void {
    this.#trace?.(nowUs, {
      layer: 'tls',
      kind: 'handshake',
      flow: this.#flow,
      dir,
      message,
      length,
      fields: content === undefined ? {} : describeHandshake(content),
    });
  }
}

/** Takes the same time wherever the bytes differ. */
function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ (b[i] ?? 0);
  return difference === 0;
}
