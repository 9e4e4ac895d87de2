// A TLS 1.2 client for tests: the other end of core/tls/server.ts and as deterministic, so that a whole connection can be
// repeated byte for byte. It can be told to offer or send anything. It does not check certificates and signatures.

import { Reader } from '../../src/core/bytes/reader.js';
import { Writer } from '../../src/core/bytes/writer.js';
import {
  type GroupName,
  type KeyExchange,
  PRIVATE_KEY_BYTES,
  type SignatureName,
  type SigningKey,
} from '../../src/core/crypto.js';
import { createRandomSource } from '../../src/core/random.js';
import { type Extension, NamedGroup, SignatureScheme } from '../../src/core/tls/extensions.js';
import {
  type Certificate,
  type ClientHello,
  decodeHandshake,
  encodeHandshake,
  type HandshakeMessage,
  type ServerHello,
  type ServerKeyExchange,
} from '../../src/core/tls/messages.js';
import { protection12, type RecordProtection } from '../../src/core/tls/protection.js';
import { ContentType, RecordBuffer, writeRecordHeader } from '../../src/core/tls/record.js';
import { extendedMasterSecret, keyBlock, masterSecret, verifyData } from '../../src/core/tls/schedule.js';
import { CIPHER_SUITES, CipherSuite, type CipherSuiteInfo } from '../../src/core/tls/suites.js';
import { nodeCrypto } from '../../src/io/node-crypto.js';
import { ascii, concat, toHex } from './bytes.js';

const random = createRandomSource(nodeCrypto, new Uint8Array(32).fill(7));

export const defaultExtensions: readonly Extension[] = [
  { type: 'server_name', names: [{ nameType: 0, name: ascii('wirebench.test') }] },
  { type: 'supported_groups', groups: [0x0a0a, 29, 23] },
  { type: 'ec_point_formats', formats: [0] },
  { type: 'signature_algorithms', schemes: [0x0804, 0x0401] },
  { type: 'alpn', protocols: [ascii('h2'), ascii('http/1.1')] },
  { type: 'extended_master_secret' },
  { type: 'renegotiation_info', renegotiatedConnection: new Uint8Array(0) },
];

/** A ClientHello like a browser's, with some parts replaced. */
export function clientHello(parts: Partial<ClientHello> = {}): ClientHello {
  return {
    type: 'ClientHello',
    clientVersion: 0x0303,
    random: random.bytes('client', 'client random', 32),
    sessionId: new Uint8Array(0),
    cipherSuites: [0x1a1a, 0x1301, 0xc02b, 0xc02f],
    compressionMethods: [0],
    extensions: defaultExtensions,
    ...parts,
  };
}

/** The default extensions with one replaced or added (by type), or left out when `extension` is its type's name. */
export function withExtension(extension: Extension | Extension['type']): readonly Extension[] {
  const type = typeof extension === 'string' ? extension : extension.type;
  const others = defaultExtensions.filter((one) => one.type !== type);
  return typeof extension === 'string' ? others : [...others, extension];
}

export function handshakeBytes(message: HandshakeMessage): Uint8Array {
  const writer = new Writer();
  encodeHandshake(writer, message);
  return writer.finish();
}

/** An unprotected record. */
export function record(contentType: number, content: Uint8Array, version = 0x0303): Uint8Array {
  const out = new Uint8Array(5 + content.length);
  writeRecordHeader(out, 0, contentType, content.length);
  out[1] = version >>> 8;
  out[2] = version;
  out.set(content, 5);
  return out;
}

const GROUPS = Object.keys(NamedGroup) as GroupName[];

/** A session that was made before, to be resumed by the session id or ticket that is in the ClientHello. */
export interface ClientSession {
  readonly masterSecret: Uint8Array;
  readonly sessionId: Uint8Array;
  readonly ticket: Uint8Array;
}

export interface ClientOptions {
  readonly session?: ClientSession;
  /** What is shown when a certificate is asked for; absent: an empty list. */
  readonly certificate?: {
    readonly chain: readonly Uint8Array[];
    readonly key: SigningKey;
    readonly scheme: SignatureName;
  };
}

export class TestTlsClient {
  readonly hello: ClientHello;
  /** Every handshake message of the server, in order. */
  readonly messages: HandshakeMessage[] = [];
  /** Alerts of the server as [level, description]. */
  readonly alerts: [number, number][] = [];
  /** Application data of the server. */
  readonly received: Uint8Array[] = [];
  /** Content bytes of each record of the server. */
  readonly recordBytes: number[] = [];
  master: Uint8Array = new Uint8Array(0);
  finishedByServer = false;
  /** The server took up the session that was offered. */
  resumed = false;
  readonly #options: ClientOptions;
  readonly #input = new RecordBuffer();
  #partial: Uint8Array = new Uint8Array(0);
  readonly #transcript: Uint8Array[] = [];
  #suite: CipherSuiteInfo = CIPHER_SUITES.get(CipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256)!;
  #readCipher: RecordProtection | undefined;
  #nextReadCipher: RecordProtection | undefined;
  #writeCipher: RecordProtection | undefined;
  #nextWriteCipher: RecordProtection | undefined;

  constructor(hello: ClientHello = clientHello(), options: ClientOptions = {}) {
    this.hello = hello;
    this.#options = options;
  }

  /** The first flight, as one record of version 1.0 as OpenSSL sends it. */
  start(): Uint8Array {
    const bytes = handshakeBytes(this.hello);
    this.#transcript.push(bytes);
    return record(ContentType.handshake, bytes, 0x0301);
  }

  /** Takes what the server sent. */
  receive(bytes: Uint8Array): void {
    this.#input.push(bytes);
    while (this.#input.readHeader() && this.#input.whole) {
      const { contentType } = this.#input;
      const fragment = this.#input.shiftFragment();
      const content = this.#readCipher ? this.#readCipher.open(contentType, fragment) : fragment;
      if (content === undefined) throw new Error('a record of the server does not open');
      this.recordBytes.push(content.length);
      this.#handle(contentType, content.slice());
    }
    if (this.#input.length > 0) throw new Error('the server sent an unfinished record');
  }

  /**
   * The second flight, each message as one record: ClientKeyExchange, ChangeCipherSpec, Finished; with client
   * authentication also Certificate and CertificateVerify, and of a resumed session the last two.
   */
  finish(): Uint8Array[] {
    const flight = this.resumed ? [] : this.keyMessages().map((message) => record(ContentType.handshake, message));
    const changeCipherSpec = record(ContentType.changeCipherSpec, Uint8Array.of(1));
    this.changeCipher();
    return [...flight, changeCipherSpec, this.seal(ContentType.handshake, this.finishedMessage())];
  }

  /** Certificate, ClientKeyExchange, CertificateVerify, as far as they are wanted. */
  keyMessages(): Uint8Array[] {
    const messages: Uint8Array[] = [];
    const { certificate } = this.#options;
    const asked = this.messages.some((message) => message.type === 'CertificateRequest');
    if (asked) messages.push(this.say({ type: 'Certificate', certificateList: certificate?.chain ?? [] }));
    messages.push(this.keyExchangeMessage());
    if (asked && certificate !== undefined) messages.push(this.certificateVerifyMessage());
    return messages;
  }

  /** The ClientKeyExchange; the keys are then known. `publicKey` replaces ours on the wire. */
  keyExchangeMessage(publicKey?: Uint8Array): Uint8Array {
    const serverKey = this.messages.find((one): one is ServerKeyExchange => one.type === 'ServerKeyExchange')!;
    const group = GROUPS.find((name) => NamedGroup[name] === serverKey.namedGroup)!;
    const privateKey = random.bytes('client', `${group} private`, PRIVATE_KEY_BYTES[group]);
    const ours: KeyExchange = nodeCrypto.keyExchange(group, privateKey)!;
    const premaster = ours.derive(serverKey.publicKey)!;
    const bytes = this.say({ type: 'ClientKeyExchange', publicKey: publicKey ?? ours.publicKey });
    const { hash } = this.#suite;
    this.master = this.#has('extended_master_secret')
      ? extendedMasterSecret(nodeCrypto, hash, premaster, this.#digest())
      : masterSecret(nodeCrypto, hash, premaster, this.hello.random, this.serverHello.random);
    this.#makeKeys();
    return bytes;
  }

  /** Signs what was said so far; `parts` replace ours. */
  certificateVerifyMessage(parts: { scheme?: number; signature?: Uint8Array } = {}): Uint8Array {
    const { key, scheme } = this.#options.certificate!;
    const salt = new Uint8Array(scheme.endsWith('512') ? 64 : scheme.endsWith('384') ? 48 : 32);
    const signature = parts.signature ?? nodeCrypto.sign(key, scheme, concat(...this.#transcript), salt);
    return this.say({ type: 'CertificateVerify', signatureScheme: parts.scheme ?? SignatureScheme[scheme], signature });
  }

  /** A message of ours becomes part of the transcript. */
  say(message: HandshakeMessage): Uint8Array {
    const bytes = handshakeBytes(message);
    this.#transcript.push(bytes);
    return bytes;
  }

  get serverHello(): ServerHello {
    return this.messages.find((message): message is ServerHello => message.type === 'ServerHello')!;
  }

  /** What the server's messages say of a type, in order. */
  said<Type extends HandshakeMessage['type']>(type: Type): Extract<HandshakeMessage, { type: Type }>[] {
    return this.messages.filter(
      (message): message is Extract<HandshakeMessage, { type: Type }> => message.type === type,
    );
  }

  /** What a later connection needs to resume this session. */
  get session(): ClientSession {
    const ticket = this.said('NewSessionTicket')[0]?.ticket ?? new Uint8Array(0);
    return { masterSecret: this.master, sessionId: this.serverHello.sessionId, ticket };
  }

  /** As `finish` does it between its parts. */
  changeCipher(): void {
    this.#writeCipher = this.#nextWriteCipher;
  }

  finishedMessage(): Uint8Array {
    const data = verifyData(nodeCrypto, this.#suite.hash, this.master, 'client', this.#digest());
    return this.say({ type: 'Finished', verifyData: data });
  }

  /** A protected record. */
  seal(contentType: number, content: Uint8Array): Uint8Array {
    const out = new Uint8Array(5 + this.#writeCipher!.fragmentBytes(content.length));
    this.#writeCipher!.seal(contentType, content, out, 0);
    return out;
  }

  #handle(contentType: number, content: Uint8Array): void {
    if (contentType === ContentType.alert) this.alerts.push([content[0]!, content[1]!]);
    else if (contentType === ContentType.applicationData) this.received.push(content);
    else if (contentType === ContentType.changeCipherSpec) this.#readCipher = this.#nextReadCipher;
    else this.#handshakeRecord(content);
  }

  #handshakeRecord(content: Uint8Array): void {
    this.#partial = concat(this.#partial, content);
    while (this.#partial.length >= 4) {
      const length = (this.#partial[1]! << 16) | (this.#partial[2]! << 8) | this.#partial[3]!;
      if (this.#partial.length < 4 + length) return;
      const bytes = this.#partial.slice(0, 4 + length);
      this.#partial = this.#partial.slice(4 + length);
      const message = decodeHandshake(new Reader('tls', bytes));
      if (message.type === 'Finished') this.#checkFinished(message.verifyData);
      this.#transcript.push(bytes);
      this.messages.push(message);
      if (message.type === 'ServerHello') this.#hearHello(message);
    }
  }

  #hearHello({ cipherSuite, sessionId }: ServerHello): void {
    this.#suite = CIPHER_SUITES.get(cipherSuite)!;
    const { session } = this.#options;
    const offered = this.hello.sessionId;
    // RFC 5077 §3.4: the echo of our session id says that the session is resumed.
    this.resumed = session !== undefined && offered.length > 0 && toHex(offered) === toHex(sessionId);
    if (!this.resumed) return;
    this.master = session!.masterSecret;
    this.#makeKeys();
  }

  #makeKeys(): void {
    const keys = keyBlock(nodeCrypto, this.#suite, this.master, this.hello.random, this.serverHello.random);
    const cbc = { encryptThenMac: this.#has('encrypt_then_mac'), ivSecret: new Uint8Array(32) };
    this.#nextWriteCipher = protection12(nodeCrypto, this.#suite, keys.client, cbc);
    this.#nextReadCipher = protection12(nodeCrypto, this.#suite, keys.server, cbc);
  }

  #has(type: Extension['type']): boolean {
    return this.serverHello.extensions?.some((extension) => extension.type === type) ?? false;
  }

  #digest(): Uint8Array {
    const hash = nodeCrypto.createHash(this.#suite.hash);
    for (const bytes of this.#transcript) hash.update(bytes);
    return hash.digest();
  }

  #checkFinished(data: Uint8Array): void {
    const expected = verifyData(nodeCrypto, this.#suite.hash, this.master, 'server', this.#digest());
    if (expected.some((byte, index) => byte !== data[index])) throw new Error("the server's Finished is wrong");
    this.finishedByServer = true;
  }
}

/** The certificates that the server sent. */
export function certificatesOf(client: TestTlsClient): readonly Uint8Array[] {
  return client.messages.find((message): message is Certificate => message.type === 'Certificate')!.certificateList;
}
