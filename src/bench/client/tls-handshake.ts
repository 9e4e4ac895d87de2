// What the client's handshakes of both versions have in common: what they are given, and how certificate, signature, group and ALPN of
// the server are looked at.

import { X509Certificate } from 'node:crypto';
import type { GroupName, KeyExchange, SignatureName, VerifyingKey } from '../../core/crypto.js';
import { DEFAULT_GROUPS } from '../../core/tls/config.js';
import { type Extension, NamedGroup, SignatureScheme } from '../../core/tls/extensions.js';
import type { RecordProtection } from '../../core/tls/protection.js';
import type { CipherSuiteInfo } from '../../core/tls/suites.js';
import { verifyingKey } from '../../io/crypto/signature.js';
import { nodeCrypto } from '../../io/node-crypto.js';
import { ClientError } from './limits.js';

export interface Negotiated {
  readonly version: '1.2' | '1.3';
  readonly suite: CipherSuiteInfo;
  readonly alpn: string | undefined;
}

/** A handshake in steps: each message of the server resumes it. */
export type Handshake = Generator<void, Negotiated, Uint8Array>;

/** The connection as a handshake sees it. */
export interface HandshakeTools {
  readonly random: Uint8Array;
  /** 1.3: ChangeCipherSpec means nothing, and protected records say that they are application data. */
  is13: boolean;
  /** 1.2: called at the server's ChangeCipherSpec. */
  onChangeCipherSpec: (() => void) | undefined;
  /** 1.3: KeyUpdate and tickets after the handshake. */
  onPostHandshake: ((message: Uint8Array) => void) | undefined;
  send(contentType: number, content: Uint8Array): void;
  /** A message of ours: sent, and part of the transcript. */
  sendHandshake(message: Uint8Array): void;
  sealWith(protection: RecordProtection): void;
  openWith(protection: RecordProtection): void;
  addToTranscript(message: Uint8Array): void;
  /** RFC 8446 §4.4.1: after a HelloRetryRequest. */
  replaceTranscript(message: Uint8Array): void;
  transcriptHash(hash: 'sha256' | 'sha384'): Uint8Array;
  keyExchange(group: GroupName): KeyExchange;
  /** `shares`: groups that a key share is sent for; empty: TLS 1.2 only. */
  hello(shares: readonly GroupName[], cookie: Uint8Array | undefined): Uint8Array;
}

/** The key of the end-entity certificate. Raises ClientError. */
export function certificateKey(der: Uint8Array | undefined): VerifyingKey {
  if (der === undefined) throw new ClientError('TLS', 'the server sent no certificate', 'RFC 5246 §7.4.2');
  try {
    return verifyingKey(new X509Certificate(der).publicKey);
  } catch (error) {
    throw new ClientError(
      'TLS',
      `the certificate cannot be read: ${error instanceof Error ? error.message : error}`,
      'RFC 5246 §7.4.2',
    );
  }
}

const SCHEMES = new Map<number, SignatureName>(
  Object.entries(SignatureScheme).map(([name, code]) => [code, name as SignatureName]),
);

export function checkSignature(key: VerifyingKey, scheme: number, content: Uint8Array, signature: Uint8Array): void {
  const name = SCHEMES.get(scheme);
  if (name !== undefined && nodeCrypto.verify(key, name, content, signature)) return;
  throw new ClientError('TLS', "the server's signature does not verify", 'RFC 5246 §7.4.3');
}

export function groupOf(code: number): GroupName {
  const name = DEFAULT_GROUPS.find((group) => NamedGroup[group] === code);
  if (name === undefined)
    throw new ClientError('TLS', 'the server chose a group that was not offered', 'RFC 8422 §5.4');
  return name;
}

export function alpnOf(extensions: readonly Extension[] | undefined): string | undefined {
  for (const extension of extensions ?? []) {
    if (extension.type === 'alpn' && extension.protocols[0])
      return Buffer.from(extension.protocols[0]).toString('latin1');
  }
  return undefined;
}

type Typed = { readonly type: string };

/** Takes the message that is due, and raises a ClientError by `rule` for another. */
export function expecting<Message extends Typed>(rule: string) {
  return <Type extends Message['type']>(message: Message, type: Type): Extract<Message, { type: Type }> => {
    if (message.type === type) return message as Extract<Message, { type: Type }>;
    throw new ClientError('TLS', `${message.type} in place of ${type}`, rule);
  };
}
