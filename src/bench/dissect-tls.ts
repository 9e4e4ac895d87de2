// The server's half of a TLS connection as records and as what is in them: handshake messages, ChangeCipherSpec, alerts
// (RFC 5246 §6.2, §7; RFC 8446 §4, §5), and application data for the dissector above. Passive: records are opened with the
// secrets of a key log.

import { ParseError, Reader } from '../core/bytes/reader.js';
import { HASH_BYTES } from '../core/crypto.js';
import { TLS_1_3 } from '../core/tls/config.js';
import { printable } from '../core/tls/describe.js';
import {
  decodeHandshake,
  HANDSHAKE_HEADER_BYTES,
  HandshakeType,
  isHelloRetryRequest,
  RANDOM_BYTES,
  type ServerHello,
} from '../core/tls/messages.js';
import { decodeHandshake13, HandshakeType13 } from '../core/tls/messages13.js';
import {
  alertName,
  cipherSuiteName,
  contentTypeName,
  extensionName,
  groupName,
  handshakeTypeName,
  signatureName,
  versionName,
} from '../core/tls/names.js';
import { protection12, protection13, type RecordProtection } from '../core/tls/protection.js';
import { ContentType, RECORD_HEADER_BYTES, RecordBuffer } from '../core/tls/record.js';
import { keyBlock } from '../core/tls/schedule.js';
import { nextTrafficSecret, trafficKeys } from '../core/tls/schedule13.js';
import { CIPHER_SUITES, type CipherSuiteInfo } from '../core/tls/suites.js';
import { nodeCrypto } from '../io/node-crypto.js';
import { compareLimits, type Field, quoted, RANK, type Unit } from './difference.js';
import { type ApplicationDissector, Pending } from './pending.js';

/** A record as it was on the wire. */
export interface TlsRecord {
  /** 1 is the server's first. */
  readonly number: number;
  readonly contentType: number;
  readonly version: number;
  readonly fragment: Uint8Array;
  /** In the TCP stream. */
  readonly startsAt: number;
  /** plain: not protected. opened, refused: by its authentication tag. locked: there is no key. */
  readonly state: 'plain' | 'opened' | 'refused' | 'locked';
}

export type SecretLabel = 'CLIENT_RANDOM' | 'SERVER_HANDSHAKE_TRAFFIC_SECRET' | 'SERVER_TRAFFIC_SECRET_0';

/** What the dissector asks of those who watch the whole connection. */
export interface TlsKnowledge {
  /** 32 bytes, once the ClientHello was seen. */
  clientRandom(): Uint8Array | undefined;
  /** What the key log has under a label of NSS: CLIENT_RANDOM is the master secret of TLS 1.2. */
  secret(label: SecretLabel): Uint8Array | undefined;
  /** What speaks in the application data. */
  application(alpn: string | undefined): ApplicationDissector;
}

export class TlsDissector {
  readonly #knowledge: TlsKnowledge;
  readonly #emit: (unit: Unit) => void;
  readonly #emitRecord: (record: TlsRecord) => void;
  readonly #input = new RecordBuffer();
  readonly #handshake = new Pending();
  #records = 0;
  /** Of the record at the front. */
  #recordStart = 0;
  #serverRandom: Uint8Array | undefined;
  #suite: CipherSuiteInfo | undefined;
  /** 1.3: bytes of a Finished; undefined: 1.2, or not known yet. */
  #hashBytes: number | undefined;
  /** 1.3: of the keys in use. */
  #trafficSecret: Uint8Array | undefined;
  #encryptThenMac = false;
  #alpn: string | undefined;
  #protected = false;
  #cipher: RecordProtection | undefined;
  #application: ApplicationDissector | undefined;
  #lost = false;

  constructor(knowledge: TlsKnowledge, emit: (unit: Unit) => void, emitRecord: (record: TlsRecord) => void) {
    this.#knowledge = knowledge;
    this.#emit = emit;
    this.#emitRecord = emitRecord;
  }

  /** The record that is not complete yet. */
  get recordOpenSince(): number | undefined {
    return this.#input.length === 0 ? undefined : this.#recordStart;
  }

  /** The message or frame that is not complete yet. */
  get openSince(): number | undefined {
    return this.#handshake.openSince ?? this.#application?.openSince;
  }

  /** What is in the records can no longer be told. */
  get lost(): boolean {
    return this.#lost || this.#application?.lost === true;
  }

  push(bytes: Uint8Array): void {
    this.#input.push(bytes);
    while (this.#input.readHeader() && this.#input.whole) {
      const { contentType, version } = this.#input;
      const startsAt = this.#recordStart;
      const opaque = this.#input.shiftFragment();
      const fragment = opaque.slice();
      this.#recordStart += RECORD_HEADER_BYTES + opaque.length;
      const isProtected = this.#isProtected(contentType);
      const content = isProtected ? this.#cipher?.open(contentType, opaque, version) : opaque;
      const state = !isProtected ? 'plain' : content ? 'opened' : this.#cipher ? 'refused' : 'locked';
      this.#emitRecord({ number: ++this.#records, contentType, version, fragment, startsAt, state });
      // The sequence number of what follows is then a guess, and HPACK needs every block.
      if (content === undefined) this.#lost = true;
      else if (!this.#lost) this.#content(isProtected ? this.#cipher!.contentType : contentType, content, startsAt);
    }
  }

  finish(): void {
    this.#application?.finish();
  }

  /** RFC 8446 §5: in 1.3 whatever is protected says that it is application data; ChangeCipherSpec is in clear for ever. */
  #isProtected(contentType: number): boolean {
    return this.#protected && (this.#hashBytes === undefined || contentType === ContentType.applicationData);
  }

  #content(contentType: number, content: Uint8Array, startsAt: number): void {
    switch (contentType) {
      case ContentType.handshake:
        this.#handshake.push(content, startsAt);
        this.#messages();
        return;
      case ContentType.changeCipherSpec:
        this.#emit(new ContentUnit('ChangeCipherSpec', content.slice(), startsAt));
        if (this.#hashBytes === undefined) this.#protect12();
        return;
      case ContentType.alert:
        this.#emit(new ContentUnit('Alert', content.slice(), startsAt));
        return;
      case ContentType.applicationData:
        this.#application ??= this.#knowledge.application(this.#alpn);
        this.#application.push(content, startsAt);
        return;
      default:
        this.#lost = true;
    }
  }

  #messages(): void {
    const pending = this.#handshake;
    while (pending.length >= HANDSHAKE_HEADER_BYTES) {
      const { bytes } = pending;
      const length = HANDSHAKE_HEADER_BYTES + ((bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!);
      if (length > compareLimits.unitBytes) {
        this.#lost = true;
        return;
      }
      if (pending.length < length) return;
      const startsAt = pending.openSince!;
      const message = pending.shift(length);
      const hashBytes = this.#hashBytes;
      this.#message(message);
      this.#emit(new ContentUnit('Handshake', message, startsAt, hashBytes));
    }
  }

  /** What follows from a message for those behind it. One that cannot be read has no consequences. */
  #message(bytes: Uint8Array): void {
    try {
      if (bytes[0] === HandshakeType.ServerHello) {
        const message = decodeHandshake(new Reader('tls', bytes));
        if (message.type === 'ServerHello') this.#serverHello(message);
      } else if (this.#hashBytes !== undefined) this.#message13(bytes, this.#hashBytes);
    } catch (error) {
      if (!(error instanceof ParseError)) throw error;
    }
  }

  #serverHello(message: ServerHello): void {
    this.#serverRandom = message.random;
    this.#suite = CIPHER_SUITES.get(message.cipherSuite);
    for (const extension of message.extensions ?? []) {
      if (extension.type === 'encrypt_then_mac') this.#encryptThenMac = true;
      if (extension.type === 'alpn') this.#alpn = printable(extension.protocols[0] ?? new Uint8Array(0));
      if (extension.type === 'supported_versions' && extension.versions[0] === TLS_1_3 && this.#suite !== undefined) {
        this.#hashBytes = HASH_BYTES[this.#suite.hash];
      }
    }
    // A HelloRetryRequest is a ServerHello in form (RFC 8446 §4.1.4); the next one brings the keys.
    if (this.#hashBytes === undefined || isHelloRetryRequest(message.random)) return;
    this.#protect13(this.#knowledge.secret('SERVER_HANDSHAKE_TRAFFIC_SECRET'));
  }

  #message13(bytes: Uint8Array, hashBytes: number): void {
    switch (bytes[0]) {
      case HandshakeType13.EncryptedExtensions: {
        const message = decodeHandshake13(new Reader('tls', bytes), hashBytes);
        if (message.type !== 'EncryptedExtensions') return;
        for (const extension of message.extensions) {
          if (extension.type === 'alpn') this.#alpn = printable(extension.protocols[0] ?? new Uint8Array(0));
        }
        return;
      }
      case HandshakeType13.Finished:
        // RFC 8446 §7.1: the server goes on under its application keys at once.
        this.#protect13(this.#knowledge.secret('SERVER_TRAFFIC_SECRET_0'));
        return;
      case HandshakeType13.KeyUpdate: {
        const secret = this.#trafficSecret;
        const kdf = { crypto: nodeCrypto, hash: this.#suite!.hash };
        this.#protect13(secret && nextTrafficSecret(kdf, secret));
        return;
      }
      default:
        return;
    }
  }

  /** RFC 5246 §7.1: what the server sends from here on is protected. */
  #protect12(): void {
    this.#protected = true;
    const clientRandom = this.#knowledge.clientRandom();
    const masterSecret = this.#knowledge.secret('CLIENT_RANDOM');
    const suite = this.#suite;
    if (this.#serverRandom === undefined || clientRandom?.length !== RANDOM_BYTES || masterSecret === undefined) return;
    if (suite?.version !== '1.2') return;
    const { server } = keyBlock(nodeCrypto, suite, masterSecret, clientRandom, this.#serverRandom);
    const cbc = { encryptThenMac: this.#encryptThenMac, ivSecret: new Uint8Array(0) };
    this.#cipher = protection12(nodeCrypto, suite, server, cbc);
  }

  /** RFC 8446 §7.3: the same under a traffic secret. */
  #protect13(trafficSecret: Uint8Array | undefined): void {
    this.#protected = true;
    this.#trafficSecret = trafficSecret;
    this.#cipher = undefined;
    const suite = this.#suite;
    if (trafficSecret === undefined || suite?.version !== '1.3') return;
    const { key, iv } = trafficKeys(nodeCrypto, suite, trafficSecret);
    this.#cipher = protection13(nodeCrypto, suite, key, iv);
  }
}

/** A handshake message, alert or ChangeCipherSpec. */
class ContentUnit implements Unit {
  readonly layer = 'TLS';
  readonly kind: 'Handshake' | 'Alert' | 'ChangeCipherSpec';
  readonly bytes: Uint8Array;
  readonly startsAt: number;
  readonly #hashBytes: number | undefined;

  /** `hashBytes`: the message is one of TLS 1.3. */
  constructor(kind: ContentUnit['kind'], bytes: Uint8Array, startsAt: number, hashBytes?: number) {
    this.kind = kind;
    this.bytes = bytes;
    this.startsAt = startsAt;
    this.#hashBytes = hashBytes;
  }

  title(): string {
    if (this.kind === 'Handshake') return handshakeTypeName(this.bytes[0]!);
    if (this.kind === 'Alert' && this.bytes.length === 2) {
      return `Alert ${levelName(this.bytes[0]!)} ${alertName(this.bytes[1]!)}`;
    }
    return this.kind;
  }

  fields(): Field[] {
    switch (this.kind) {
      case 'Handshake':
        return handshakeFields(this.bytes, this.#hashBytes);
      case 'Alert':
        return [
          { path: 'Alert.description', value: alertName(this.bytes[1] ?? 0), rank: RANK.value },
          { path: 'Alert.level', value: levelName(this.bytes[0] ?? 0), rank: RANK.value },
        ];
      default:
        return [{ path: 'ChangeCipherSpec.type', value: this.bytes, rank: RANK.value }];
    }
  }
}

function levelName(level: number): string {
  return level === 1 ? 'warning' : level === 2 ? 'fatal' : String(level);
}

function handshakeFields(bytes: Uint8Array, hashBytes: number | undefined): Field[] {
  const fields: Field[] = [];
  const put = (path: string, value: string | Uint8Array, rank: Field['rank'] = RANK.value): void => {
    fields.push({ path, value, rank });
  };
  let extension = '';
  const sink = (path: string, _offset: number, _length: number, value: number | Uint8Array): void => {
    const name = path.slice(path.lastIndexOf('.') + 1);
    if (path === 'Handshake.msg_type') put(path, handshakeTypeName(Number(value)));
    else if (name === 'extension_type') {
      extension = `${path.slice(0, -name.length)}${extensionName(Number(value))}`;
      put(extension, 'present', RANK.presence);
    } else if (name === 'extension_data') {
      put(extension, value as Uint8Array);
    } else if (name === 'length' || name.endsWith('_length')) put(path, String(value), RANK.derived);
    else if (name === 'alpn') put(path, quoted(printable(value as Uint8Array)));
    else put(path, typeof value === 'number' ? codeText(name, value) : value);
  };
  try {
    const reader = new Reader('tls', bytes, 0, bytes.length, sink);
    if (hashBytes === undefined) decodeHandshake(reader);
    else decodeHandshake13(reader, hashBytes);
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    // What is behind the place that makes no sense.
    put(`${handshakeTypeName(bytes[0]!)}.body`, bytes.subarray(Math.min(error.offset, bytes.length)), RANK.derived);
  }
  return fields;
}

const codeNames = new Map<string, (code: number) => string>([
  ['server_version', versionName],
  ['client_version', versionName],
  ['version', versionName],
  ['cipher_suite', cipherSuiteName],
  ['named_group', groupName],
  ['signature_scheme', signatureName],
]);

function codeText(name: string, code: number): string {
  return codeNames.get(name)?.(code) ?? String(code);
}

/** `record 5 application_data` */
export function recordName(record: TlsRecord): string {
  return `record ${record.number} ${contentTypeName(record.contentType)}`;
}
