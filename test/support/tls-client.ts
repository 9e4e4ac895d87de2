// A TLS 1.2 client for tests: the other end of core/tls/server.ts and as deterministic, so that a whole connection can be
// repeated byte for byte. It can be told to offer or send anything. It does not check certificates and signatures.

import { Reader } from '../../src/core/bytes/reader.js';
import { Writer } from '../../src/core/bytes/writer.js';
import type { GroupName, Hash, KeyExchange } from '../../src/core/crypto.js';
import { createRandomSource } from '../../src/core/random.js';
import { RecordCipher } from '../../src/core/tls/cipher.js';
import { type Extension, NamedGroup } from '../../src/core/tls/extensions.js';
import {
  type Certificate,
  type ClientHello,
  decodeHandshake,
  encodeHandshake,
  type HandshakeMessage,
  type ServerHello,
  type ServerKeyExchange,
} from '../../src/core/tls/messages.js';
import { ContentType, RecordBuffer, writeRecordHeader } from '../../src/core/tls/record.js';
import { extendedMasterSecret, keyBlock, masterSecret, verifyData } from '../../src/core/tls/schedule.js';
import { nodeCrypto } from '../../src/io/node-crypto.js';
import { ascii, concat } from './bytes.js';

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

export interface ReceivedRecord {
  readonly contentType: number;
  readonly content: Uint8Array;
}

export class TestTlsClient {
  readonly hello: ClientHello;
  /** Every handshake message of the server, in order. */
  readonly messages: HandshakeMessage[] = [];
  /** Alerts of the server as [level, description]. */
  readonly alerts: [number, number][] = [];
  /** Application data of the server. */
  readonly received: Uint8Array[] = [];
  master: Uint8Array = new Uint8Array(0);
  finishedByServer = false;
  readonly #input = new RecordBuffer();
  #partial: Uint8Array = new Uint8Array(0);
  readonly #transcript: Hash = nodeCrypto.createHash('sha256');
  #readCipher: RecordCipher | undefined;
  #nextReadCipher: RecordCipher | undefined;
  #writeCipher: RecordCipher | undefined;
  #nextWriteCipher: RecordCipher | undefined;

  constructor(hello: ClientHello = clientHello()) {
    this.hello = hello;
  }

  /** The first flight, as one record of version 1.0 as OpenSSL sends it. */
  start(): Uint8Array {
    const bytes = handshakeBytes(this.hello);
    this.#transcript.update(bytes);
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
      this.#handle(contentType, content.slice());
    }
    if (this.#input.length > 0) throw new Error('the server sent an unfinished record');
  }

  /** The second flight's three parts: ClientKeyExchange, ChangeCipherSpec, Finished, each as one record. */
  finish(): [Uint8Array, Uint8Array, Uint8Array] {
    const clientKeyExchange = this.keyExchangeMessage();
    const changeCipherSpec = record(ContentType.changeCipherSpec, Uint8Array.of(1));
    this.#writeCipher = this.#nextWriteCipher;
    const finished = this.finishedMessage();
    return [
      record(ContentType.handshake, clientKeyExchange),
      changeCipherSpec,
      this.seal(ContentType.handshake, finished),
    ];
  }

  /** The ClientKeyExchange; the keys are then known. `publicKey` replaces ours on the wire. */
  keyExchangeMessage(publicKey?: Uint8Array): Uint8Array {
    const serverHello = this.messages.find((message): message is ServerHello => message.type === 'ServerHello')!;
    const serverKey = this.messages.find((one): one is ServerKeyExchange => one.type === 'ServerKeyExchange')!;
    const group: GroupName = serverKey.namedGroup === NamedGroup.x25519 ? 'x25519' : 'secp256r1';
    const ours: KeyExchange = nodeCrypto.keyExchange(group, random.bytes('client', `${group} private`, 32))!;
    const premaster = ours.derive(serverKey.publicKey)!;
    const bytes = handshakeBytes({ type: 'ClientKeyExchange', publicKey: publicKey ?? ours.publicKey });
    this.#transcript.update(bytes);
    const extended = serverHello.extensions?.some((extension) => extension.type === 'extended_master_secret');
    this.master = extended
      ? extendedMasterSecret(nodeCrypto, premaster, this.#transcript.digest())
      : masterSecret(nodeCrypto, premaster, this.hello.random, serverHello.random);
    const keys = keyBlock(nodeCrypto, this.master, this.hello.random, serverHello.random);
    this.#nextWriteCipher = new RecordCipher(nodeCrypto.aead('aes-128-gcm', keys.clientWriteKey), keys.clientWriteIv);
    this.#nextReadCipher = new RecordCipher(nodeCrypto.aead('aes-128-gcm', keys.serverWriteKey), keys.serverWriteIv);
    return bytes;
  }

  /** As `finish` does it between its parts. */
  changeCipher(): void {
    this.#writeCipher = this.#nextWriteCipher;
  }

  finishedMessage(): Uint8Array {
    const data = verifyData(nodeCrypto, this.master, 'client', this.#transcript.digest());
    const bytes = handshakeBytes({ type: 'Finished', verifyData: data });
    this.#transcript.update(bytes);
    return bytes;
  }

  /** A protected record. */
  seal(contentType: number, content: Uint8Array): Uint8Array {
    const out = new Uint8Array(content.length + 29);
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
      this.#transcript.update(bytes);
      this.messages.push(message);
    }
  }

  #checkFinished(data: Uint8Array): void {
    const expected = verifyData(nodeCrypto, this.master, 'server', this.#transcript.digest());
    if (expected.some((byte, index) => byte !== data[index])) throw new Error("the server's Finished is wrong");
    this.finishedByServer = true;
  }
}

/** The certificates that the server sent. */
export function certificatesOf(client: TestTlsClient): readonly Uint8Array[] {
  return client.messages.find((message): message is Certificate => message.type === 'Certificate')!.certificateList;
}
