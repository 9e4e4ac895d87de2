// What the handshake of a connection has shown to somebody who looks on, and the leniency that this takes: whatever a message
// holds that cannot be read, the rest is told. RFC 5246 §7.4, RFC 8446 §4.

import { X509Certificate } from 'node:crypto';
import { ParseError, Reader } from '../../core/bytes/reader.js';
import { TLS_1_3 } from '../../core/tls/config.js';
import { describeHandshake, hexOf, printable, type TlsFields } from '../../core/tls/describe.js';
import { describeHandshake13 } from '../../core/tls/describe13.js';
import type { Extension } from '../../core/tls/extensions.js';
import { HOST_NAME } from '../../core/tls/extensions.js';
import {
  type ClientHello,
  decodeHandshake,
  type HandshakeMessage,
  HandshakeType,
  isHelloRetryRequest,
  RANDOM_BYTES,
  type ServerHello,
} from '../../core/tls/messages.js';
import { decodeHandshake13, type HandshakeMessage13 } from '../../core/tls/messages13.js';
import { cipherSuiteName, groupName, handshakeTypeName, signatureName, versionName } from '../../core/tls/names.js';
import { TLS_1_2 } from '../../core/tls/record.js';
import { type InspectorSuite, inspectorSuite } from './tls-suites.js';

export type AnyMessage = HandshakeMessage | HandshakeMessage13;

export interface ReadMessage {
  /** RFC spelling; HelloRetryRequest has a name of its own. */
  readonly name: string;
  /** Undefined when it could not be read. */
  readonly message: AnyMessage | undefined;
  readonly problem?: string;
}

/** `bytes`: the message, header included. `hashBytes` undefined: not TLS 1.3, or not known to be. */
export function readMessage(bytes: Uint8Array, hashBytes: number | undefined, knowsKeyExchange: boolean): ReadMessage {
  const type = bytes[0]!;
  const isRetry = type === HandshakeType.ServerHello && isHelloRetryRequest(bytes.subarray(6, 6 + RANDOM_BYTES));
  const name = isRetry ? 'HelloRetryRequest' : handshakeTypeName(type);
  try {
    const reader = new Reader('tls', bytes);
    const message = hashBytes === undefined ? decodeHandshake(reader) : decodeHandshake13(reader, hashBytes);
    return { name, message };
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    const isKeyExchange = type === HandshakeType.ServerKeyExchange || type === HandshakeType.ClientKeyExchange;
    // Message types and key exchanges that the core does not speak are no fault of the sender's.
    if (error.what.startsWith('Handshake.msg_type') || (isKeyExchange && !knowsKeyExchange)) {
      return { name, message: undefined };
    }
    return { name, message: undefined, problem: error.what };
  }
}

export function describeMessage(message: AnyMessage | undefined, hashBytes: number | undefined): TlsFields {
  if (message === undefined) return {};
  return hashBytes === undefined
    ? describeHandshake(message as HandshakeMessage)
    : describeHandshake13(message as HandshakeMessage13);
}

/** Of one handshake; a renegotiation begins a new one. */
export class HandshakeFacts {
  clientRandom: Uint8Array | undefined;
  clientRandomHex: string | undefined;
  serverRandom: Uint8Array | undefined;
  /** 1.2 stands for what is older, too; `legacyVersion` tells. */
  version: '1.2' | '1.3' | undefined;
  legacyVersion = 0;
  suiteCode: number | undefined;
  suite: InspectorSuite | undefined;
  serverName: string | undefined;
  alpn: string | undefined;
  group = 'none';
  signature = 'none';
  extendedMasterSecret = false;
  encryptThenMac = false;
  /** The server authenticates itself: not resumed (1.2). */
  full = false;
  offersTicket = false;
  offersEarlyData = false;
  pskSelected = false;
  /** Subject of the client's certificate. */
  clientCertificate: string | undefined;
  retried = false;

  /** Of what a peer may choose the length. */
  get heldBytes(): number {
    return (this.serverName?.length ?? 0) + (this.clientCertificate?.length ?? 0);
  }

  get hashBytes(): number | undefined {
    return this.version !== '1.3' ? undefined : this.suite?.hash === 'sha384' ? 48 : 32;
  }

  get versionText(): string {
    return versionName(this.version === '1.3' ? TLS_1_3 : this.legacyVersion);
  }

  get suiteName(): string {
    return this.suiteCode === undefined ? 'unknown' : cipherSuiteName(this.suiteCode);
  }

  /** ECDHE: those whose key exchange messages the core reads. */
  get knowsKeyExchange(): boolean {
    // Before TLS 1.2 signatures have no algorithm.
    if (this.suiteCode === undefined || this.legacyVersion < TLS_1_2) return false;
    return /^TLS_ECDHE_(?:RSA|ECDSA)_/.test(this.suiteName);
  }

  get resumed(): 'session id' | 'ticket' | 'psk' | undefined {
    if (this.version === '1.3') return this.pskSelected ? 'psk' : undefined;
    if (this.full || this.suiteCode === undefined || !/_(?:RSA|DSS|ECDSA)_/.test(this.suiteName)) return undefined;
    return this.offersTicket ? 'ticket' : 'session id';
  }

  /** Code and text of the verdict: why records are not opened. */
  /** `hasKeys`: there are secrets, of whatever connection. */
  whyLocked(hasKeys: boolean): readonly [code: string, text: string] {
    if (this.clientRandomHex === undefined || this.suiteCode === undefined) {
      return ['no-handshake', 'the capture lacks the handshake: what is inside is not shown'];
    }
    if (this.version === '1.2' && this.legacyVersion < TLS_1_2) {
      return ['version-not-supported', `records of ${this.versionText} are not opened here`];
    }
    if (this.suite === undefined) {
      return ['suite-not-supported', `records of ${this.suiteName} are not opened here`];
    }
    if (!hasKeys)
      return ['no-keys', 'there are no keys, neither in the capture nor besides: what is inside is not shown'];
    const random = this.clientRandomHex;
    return ['no-keys', `the key log has no secret for client random ${random}: what is inside is not shown`];
  }

  whyEarlyLocked(): readonly [code: string, text: string] {
    const random = this.clientRandomHex;
    return ['no-early-keys', `no CLIENT_EARLY_TRAFFIC_SECRET for client random ${random}: early data is not shown`];
  }

  /** `bytes`: the message with its header, for what can be told when it cannot be read. */
  clientHello(bytes: Uint8Array, message: ClientHello | undefined): void {
    const random = message?.random ?? bytes.subarray(6, 6 + RANDOM_BYTES);
    if (random.length !== RANDOM_BYTES) return;
    this.clientRandom = random.slice();
    this.clientRandomHex = hexOf(random);
    this.legacyVersion = message?.clientVersion ?? TLS_1_2;
    this.offersEarlyData = false;
    for (const extension of message?.extensions ?? []) {
      if (extension.type === 'server_name') this.serverName = hostName(extension);
      else if (extension.type === 'session_ticket') this.offersTicket = extension.ticket.length > 0;
      else if (extension.type === 'early_data') this.offersEarlyData = true;
    }
  }

  serverHello(bytes: Uint8Array, message: ServerHello | undefined): void {
    const random = message?.random ?? bytes.subarray(6, 6 + RANDOM_BYTES);
    if (random.length !== RANDOM_BYTES) return;
    const sessionIdBytes = bytes[38] ?? 0;
    const at = 39 + sessionIdBytes;
    this.serverRandom = random.slice();
    this.suiteCode = message?.cipherSuite ?? ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
    this.legacyVersion = message?.serverVersion ?? ((bytes[4] ?? 0) << 8) | (bytes[5] ?? 0);
    this.version = '1.2';
    this.retried = isHelloRetryRequest(random);
    // A suite of 1.3 says the version, too, when the extensions cannot be read.
    if (message === undefined && this.suiteCode >>> 8 === 0x13) this.version = '1.3';
    this.encryptThenMac = false;
    this.extendedMasterSecret = false;
    for (const extension of message?.extensions ?? []) this.#serverExtension(extension);
    this.suite = inspectorSuite(this.suiteCode);
    if (this.suite?.version !== this.version) this.suite = undefined;
    if (this.version === '1.3') this.extendedMasterSecret = true;
  }

  #serverExtension(extension: Extension): void {
    switch (extension.type) {
      case 'supported_versions':
        if (extension.versions[0] === TLS_1_3) this.version = '1.3';
        return;
      case 'encrypt_then_mac':
        this.encryptThenMac = true;
        return;
      case 'extended_master_secret':
        this.extendedMasterSecret = true;
        return;
      case 'alpn':
        this.alpn = printable(extension.protocols[0] ?? new Uint8Array(0));
        return;
      case 'key_share':
        if ('serverShare' in extension) this.group = groupName(extension.serverShare.group);
        return;
      case 'pre_shared_key':
        if ('selectedIdentity' in extension) this.pskSelected = true;
        return;
      default:
    }
  }

  clientMessage(message: AnyMessage | undefined): void {
    if (message?.type !== 'Certificate') return;
    const leaf = 'entries' in message ? message.entries[0]?.certData : message.certificateList[0];
    this.clientCertificate = leaf === undefined ? undefined : subjectOf(leaf);
  }

  /** Of the server's messages behind its hello. */
  serverMessage(name: string, message: AnyMessage | undefined): void {
    if (name === 'Certificate' || name === 'CompressedCertificate' || name === 'ServerHelloDone') this.full = true;
    switch (message?.type) {
      case 'EncryptedExtensions':
        for (const extension of message.extensions) {
          if (extension.type === 'alpn') this.#serverExtension(extension);
        }
        return;
      case 'ServerKeyExchange':
        this.group = groupName(message.namedGroup);
        this.signature = signatureName(message.signatureScheme);
        return;
      case 'CertificateVerify':
        this.signature = signatureName('algorithm' in message ? message.algorithm : message.signatureScheme);
        return;
      default:
    }
  }
}

/** As the live log has it; undefined when it is no certificate. */
function subjectOf(der: Uint8Array): string | undefined {
  try {
    return new X509Certificate(der).subject?.split('\n').join(', ');
  } catch {
    return undefined;
  }
}

function hostName(extension: Extract<Extension, { type: 'server_name' }>): string | undefined {
  const name = extension.names?.find(({ nameType }) => nameType === HOST_NAME)?.name;
  return name === undefined ? undefined : printable(name);
}
