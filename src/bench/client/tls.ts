// The client's side of TLS, one record layer for both versions; the handshakes are in tls12.ts and tls13.ts. Offers the AEAD suites,
// x25519, P-256 and P-384; takes the certificate that is served as its trust anchor, and verifies that the server has its key. No
// resumption, no client certificate (an empty one when asked).

import { Reader } from '../../core/bytes/reader.js';
import { Writer } from '../../core/bytes/writer.js';
import type { GroupName, KeyExchange } from '../../core/crypto.js';
import { PRIVATE_KEY_BYTES } from '../../core/crypto.js';
import type { RandomSource } from '../../core/random.js';
import { DEFAULT_CIPHER_SUITES, DEFAULT_GROUPS, TLS_1_2, TLS_1_3 } from '../../core/tls/config.js';
import { type Extension, HOST_NAME, NamedGroup, SignatureScheme } from '../../core/tls/extensions.js';
import { type ClientHello, decodeHandshake, encodeHandshake, HANDSHAKE_HEADER_BYTES } from '../../core/tls/messages.js';
import { alertName } from '../../core/tls/names.js';
import type { RecordProtection } from '../../core/tls/protection.js';
import {
  ContentType,
  MAX_PLAINTEXT_BYTES,
  RECORD_HEADER_BYTES,
  RecordBuffer,
  writeRecordHeader,
} from '../../core/tls/record.js';
import { CIPHER_SUITES } from '../../core/tls/suites.js';
import { nodeCrypto } from '../../io/node-crypto.js';
import { ClientError, clientLimits } from './limits.js';
import type { ClientSession } from './tcp.js';
import type { Handshake, HandshakeTools, Negotiated } from './tls-handshake.js';
import { handshake12 } from './tls12.js';
import { handshake13 } from './tls13.js';

export interface TlsOffer {
  readonly maxVersion: typeof TLS_1_2 | typeof TLS_1_3;
  /** Offered before the others; undefined or unknown: none is. */
  readonly favouriteSuite: number | undefined;
  readonly alpn: readonly string[];
  readonly serverName: string | undefined;
}

/** The application above TLS, made when ALPN is known. */
export type MakeApplication = (negotiated: Negotiated) => ClientSession;

const SUITES_12 = DEFAULT_CIPHER_SUITES.filter((code) => CIPHER_SUITES.get(code)?.version === '1.2');
const LEVEL_WARNING = 1;
const CLOSE_NOTIFY = 0;
const NOTHING = new Uint8Array(0);

export class TlsClient implements ClientSession, HandshakeTools {
  readonly offer: TlsOffer;
  readonly random: Uint8Array;
  readonly #draws: RandomSource;
  readonly #flow: string;
  readonly #makeApplication: MakeApplication;
  readonly #input = new RecordBuffer();
  readonly #output: Uint8Array[] = [];
  #handshakeBytes: Uint8Array = NOTHING;
  #transcript: Uint8Array[] = [];
  #handshake: Handshake | undefined;
  #application: ClientSession | undefined;
  #sealing: RecordProtection | undefined;
  #opening: RecordProtection | undefined;
  /** 1.3: ChangeCipherSpec means nothing, and protected records say that they are application data. */
  is13 = false;
  /** 1.2: called at the server's ChangeCipherSpec. */
  onChangeCipherSpec: (() => void) | undefined;
  /** 1.3: KeyUpdate and tickets after the handshake. */
  onPostHandshake: ((message: Uint8Array) => void) | undefined;
  #closed = false;

  constructor(offer: TlsOffer, draws: RandomSource, flow: string, makeApplication: MakeApplication) {
    this.offer = offer;
    this.#draws = draws;
    this.#flow = flow;
    this.#makeApplication = makeApplication;
    this.random = draws.bytes(flow, 'client random', 32);
  }

  get finished(): boolean {
    return this.#closed && this.#output.length === 0;
  }

  /** What came of the handshake, when it is over. */
  negotiated: Negotiated | undefined;

  receive(bytes: Uint8Array): void {
    this.#input.push(bytes);
    while (this.#input.readHeader() && this.#input.whole) {
      const { contentType, version } = this.#input;
      this.#record(contentType, version, this.#input.shiftFragment());
    }
  }

  endOfInput(): void {
    if (this.#application === undefined)
      throw new ClientError('TLS', 'the server closed during the handshake', 'RFC 8446 §6.1');
    this.#application.endOfInput();
  }

  take(maxBytes: number): Uint8Array {
    if (this.#handshake === undefined) this.#begin();
    this.#fill();
    const first = this.#output[0];
    if (first === undefined) return NOTHING;
    if (first.length <= maxBytes) {
      this.#output.shift();
      return first;
    }
    this.#output[0] = first.subarray(maxBytes);
    return first.subarray(0, maxBytes);
  }

  // ---- for the handshakes ----

  send(contentType: number, content: Uint8Array): void {
    for (let at = 0; at < content.length; at += MAX_PLAINTEXT_BYTES) {
      const part = content.subarray(at, at + MAX_PLAINTEXT_BYTES);
      const protection = this.#sealing;
      const record = new Uint8Array(RECORD_HEADER_BYTES + (protection?.fragmentBytes(part.length) ?? part.length));
      if (protection === undefined) {
        writeRecordHeader(record, 0, contentType, part.length);
        record.set(part, RECORD_HEADER_BYTES);
      } else protection.seal(contentType, part, record, 0);
      this.#output.push(record);
    }
  }

  /** A handshake message of ours: sent, and part of the transcript. */
  sendHandshake(message: Uint8Array): void {
    this.#transcript.push(message);
    this.send(ContentType.handshake, message);
  }

  sealWith(protection: RecordProtection): void {
    this.#sealing = protection;
  }

  openWith(protection: RecordProtection): void {
    this.#opening = protection;
  }

  transcriptHash(hash: 'sha256' | 'sha384'): Uint8Array {
    const running = nodeCrypto.createHash(hash);
    for (const part of this.#transcript) running.update(part);
    return running.digest();
  }

  /** RFC 8446 §4.4.1: after a HelloRetryRequest. */
  replaceTranscript(message: Uint8Array): void {
    this.#transcript = [message];
  }

  addToTranscript(message: Uint8Array): void {
    this.#transcript.push(message);
  }

  keyExchange(group: GroupName): KeyExchange {
    return nodeCrypto.keyExchange(group, this.#draws.bytes(this.#flow, `client ${group}`, PRIVATE_KEY_BYTES[group]))!;
  }

  /** \`shares\`: groups that a key share is sent for; empty: TLS 1.2 only. */
  hello(shares: readonly GroupName[], cookie: Uint8Array | undefined): Uint8Array {
    const { maxVersion, favouriteSuite, alpn, serverName } = this.offer;
    const wants13 = maxVersion === TLS_1_3;
    const suites = wants13 ? DEFAULT_CIPHER_SUITES : SUITES_12;
    const favourite = favouriteSuite !== undefined && suites.includes(favouriteSuite) ? [favouriteSuite] : [];
    const latin1 = (text: string): Uint8Array => Buffer.from(text, 'latin1');
    const extensions: Extension[] = [];
    if (serverName !== undefined) {
      extensions.push({ type: 'server_name', names: [{ nameType: HOST_NAME, name: latin1(serverName) }] });
    }
    extensions.push(
      { type: 'ec_point_formats', formats: [0] },
      { type: 'supported_groups', groups: DEFAULT_GROUPS.map((group) => NamedGroup[group]) },
      ...(alpn.length > 0 ? [{ type: 'alpn', protocols: alpn.map(latin1) } as const] : []),
      { type: 'extended_master_secret' },
      { type: 'signature_algorithms', schemes: Object.values(SignatureScheme) },
      { type: 'renegotiation_info', renegotiatedConnection: NOTHING },
    );
    if (wants13) {
      extensions.push(
        { type: 'supported_versions', versions: [TLS_1_3, TLS_1_2] },
        { type: 'psk_key_exchange_modes', modes: [1] },
        {
          type: 'key_share',
          shares: shares.map((group) => ({ group: NamedGroup[group], keyExchange: this.keyExchange(group).publicKey })),
        },
        ...(cookie === undefined ? [] : [{ type: 'cookie', cookie } as const]),
      );
    }
    const hello: ClientHello = {
      type: 'ClientHello',
      clientVersion: TLS_1_2,
      random: this.random,
      // RFC 8446 §D.4: middlebox compatibility.
      sessionId: wants13 ? this.#draws.bytes(this.#flow, 'client session id', 32) : NOTHING,
      cipherSuites: [...favourite, ...suites.filter((suite) => suite !== favouriteSuite)],
      compressionMethods: [0],
      extensions,
    };
    const writer = new Writer();
    encodeHandshake(writer, hello);
    return writer.finish();
  }

  // ---- records ----

  #begin(): void {
    this.sendHandshake(this.hello(['x25519'], undefined));
    this.#handshake = this.#shake();
    this.#handshake.next();
  }

  *#shake(): Handshake {
    const first = yield;
    const message = decodeHandshake(new Reader('tls', first));
    if (message.type !== 'ServerHello')
      throw new ClientError('TLS', `${message.type} in place of ServerHello`, 'RFC 5246 §7.3');
    const suite = CIPHER_SUITES.get(message.cipherSuite);
    if (suite === undefined)
      throw new ClientError('TLS', 'the server chose a suite that was not offered', 'RFC 5246 §7.4.1.3');
    return suite.version === '1.3'
      ? yield* handshake13(this, suite, first, message)
      : yield* handshake12(this, suite, first, message);
  }

  #record(contentType: number, version: number, opaque: Uint8Array): void {
    let content = opaque;
    let type = contentType;
    const isProtected = this.#opening !== undefined && !(this.is13 && contentType === ContentType.changeCipherSpec);
    if (isProtected) {
      const opened = this.#opening!.open(contentType, opaque, version);
      if (opened === undefined)
        throw new ClientError('TLS', 'a record of the server does not verify', 'RFC 5246 §6.2.3.3');
      content = opened;
      type = this.is13 ? this.#opening!.contentType : contentType;
    }
    switch (type) {
      case ContentType.handshake:
        this.#messages(content);
        return;
      case ContentType.changeCipherSpec:
        this.onChangeCipherSpec?.();
        return;
      case ContentType.alert:
        this.#alert(content);
        return;
      case ContentType.applicationData:
        if (this.#application === undefined)
          throw new ClientError('TLS', 'application data before the handshake is over', 'RFC 5246 §7.3');
        this.#application.receive(content);
        return;
      default:
        throw new ClientError('TLS', `a record of type ${type}`, 'RFC 5246 §6.2.1');
    }
  }

  #messages(content: Uint8Array): void {
    const bytes = Buffer.concat([this.#handshakeBytes, content]);
    let at = 0;
    while (bytes.length - at >= HANDSHAKE_HEADER_BYTES) {
      const length = HANDSHAKE_HEADER_BYTES + ((bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!);
      if (length > clientLimits.handshakeBytes)
        throw new ClientError('TLS', `a handshake message of ${length} bytes`, 'RFC 5246 §7.4');
      if (bytes.length - at < length) break;
      const message = Uint8Array.from(bytes.subarray(at, at + length));
      at += length;
      if (this.negotiated !== undefined) {
        this.onPostHandshake?.(message);
        continue;
      }
      const step = this.#handshake!.next(message);
      if (step.done) {
        this.negotiated = step.value;
        this.#application = this.#makeApplication(step.value);
      }
    }
    this.#handshakeBytes = Uint8Array.from(bytes.subarray(at));
  }

  #alert(content: Uint8Array): void {
    const [level, description] = content;
    if (description === CLOSE_NOTIFY) {
      this.#application?.endOfInput();
      return;
    }
    const name = alertName(description ?? 0);
    if (level === LEVEL_WARNING && !this.is13) return;
    throw new ClientError('TLS', `the server sent the alert ${name}`, 'RFC 8446 §6');
  }

  /** Seals what the application has, a record at a time, so that its flow control stays in charge. */
  #fill(): void {
    const application = this.#application;
    if (application === undefined || this.#output.length > 0 || this.#closed) return;
    const bytes = application.take(MAX_PLAINTEXT_BYTES);
    if (bytes.length > 0) this.send(ContentType.applicationData, bytes);
    else if (application.finished) {
      this.send(ContentType.alert, Uint8Array.of(LEVEL_WARNING, CLOSE_NOTIFY));
      this.#closed = true;
    }
  }
}
