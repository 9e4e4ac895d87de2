// The client's handshake of TLS 1.3 (RFC 8446 §2), message by message: with a HelloRetryRequest, and without resumption. Key updates
// of the server are followed afterwards.

import { Reader } from '../../core/bytes/reader.js';
import { Writer } from '../../core/bytes/writer.js';
import { HASH_BYTES } from '../../core/crypto.js';
import { type Extension, findExtension } from '../../core/tls/extensions.js';
import { decodeHandshake, isHelloRetryRequest, type ServerHello } from '../../core/tls/messages.js';
import {
  decodeHandshake13,
  encodeHandshake13,
  type HandshakeMessage13,
  messageHash,
} from '../../core/tls/messages13.js';
import { protection13 } from '../../core/tls/protection.js';
import { ContentType } from '../../core/tls/record.js';
import {
  certificateVerifyContent,
  deriveSecret,
  earlySecret,
  handshakeSecret,
  masterSecret13,
  nextTrafficSecret,
  trafficKeys,
  verifyData13,
} from '../../core/tls/schedule13.js';
import type { CipherSuiteInfo } from '../../core/tls/suites.js';
import { nodeCrypto } from '../../io/node-crypto.js';
import { sameBytes } from '../difference.js';
import { ClientError } from './limits.js';
import {
  alpnOf,
  certificateKey,
  checkSignature,
  expecting,
  groupOf,
  type Handshake,
  type HandshakeTools,
} from './tls-handshake.js';

export function* handshake13(
  tls: HandshakeTools,
  suite: CipherSuiteInfo,
  first: Uint8Array,
  firstHello: ServerHello,
): Handshake {
  const { hash } = suite;
  const hashBytes = HASH_BYTES[hash];
  const kdf = { crypto: nodeCrypto, hash };
  tls.is13 = true;
  let helloBytes = first;
  let hello = firstHello;
  if (isHelloRetryRequest(hello.random)) {
    tls.replaceTranscript(messageHash(tls.transcriptHash(hash)));
    tls.addToTranscript(first);
    const extensions = retryExtensions(first);
    const share = findExtension(extensions, 'key_share');
    const cookie = findExtension(extensions, 'cookie')?.cookie;
    if (share === undefined || !('selectedGroup' in share)) {
      throw new ClientError('TLS', 'a HelloRetryRequest without a group', 'RFC 8446 §4.1.4');
    }
    // §D.4, once before the second flight.
    tls.send(ContentType.changeCipherSpec, Uint8Array.of(1));
    tls.sendHandshake(tls.hello([groupOf(share.selectedGroup)], cookie));
    helloBytes = yield;
    const again = decodeHandshake(new Reader('tls', helloBytes));
    if (again.type !== 'ServerHello')
      throw new ClientError('TLS', `${again.type} in place of ServerHello`, 'RFC 8446 §4.1.4');
    hello = again;
  }
  tls.addToTranscript(helloBytes);
  const share = findExtension(hello.extensions ?? [], 'key_share');
  if (share === undefined || !('serverShare' in share)) throw new ClientError('TLS', 'no key share', 'RFC 8446 §4.2.8');
  const shared = tls.keyExchange(groupOf(share.serverShare.group)).derive(share.serverShare.keyExchange);
  if (shared === undefined) throw new ClientError('TLS', "the server's key share is invalid", 'RFC 8446 §4.2.8');
  const handshake = handshakeSecret(kdf, earlySecret(kdf, undefined), shared);
  const toHello = tls.transcriptHash(hash);
  const clientHandshake = deriveSecret(kdf, handshake, 'c hs traffic', toHello);
  const serverHandshake = deriveSecret(kdf, handshake, 's hs traffic', toHello);
  const protection = (secret: Uint8Array) => {
    const { key, iv } = trafficKeys(nodeCrypto, suite, secret);
    return protection13(nodeCrypto, suite, key, iv);
  };
  tls.openWith(protection(serverHandshake));

  const next = function* (): Generator<void, { bytes: Uint8Array; message: HandshakeMessage13 }, Uint8Array> {
    const bytes = yield;
    return { bytes, message: decodeHandshake13(new Reader('tls', bytes), hashBytes) };
  };
  let { bytes, message } = yield* next();
  const encrypted = expect(message, 'EncryptedExtensions');
  tls.addToTranscript(bytes);
  ({ bytes, message } = yield* next());
  const request = message.type === 'CertificateRequest' ? message : undefined;
  if (request !== undefined) {
    tls.addToTranscript(bytes);
    ({ bytes, message } = yield* next());
  }
  const certificate = expect(message, 'Certificate');
  tls.addToTranscript(bytes);
  const key = certificateKey(certificate.entries[0]?.certData);
  ({ bytes, message } = yield* next());
  const verify = expect(message, 'CertificateVerify');
  const signed = certificateVerifyContent('server', tls.transcriptHash(hash));
  checkSignature(key, verify.algorithm, signed, verify.signature);
  tls.addToTranscript(bytes);
  ({ bytes, message } = yield* next());
  const finished = expect(message, 'Finished');
  if (!sameBytes(finished.verifyData, verifyData13(kdf, serverHandshake, tls.transcriptHash(hash)))) {
    throw new ClientError('TLS', "the server's Finished does not verify", 'RFC 8446 §4.4.4');
  }
  tls.addToTranscript(bytes);

  const master = masterSecret13(kdf, handshake);
  const toFinished = tls.transcriptHash(hash);
  let serverSecret = deriveSecret(kdf, master, 's ap traffic', toFinished);
  const clientSecret = deriveSecret(kdf, master, 'c ap traffic', toFinished);
  tls.openWith(protection(serverSecret));
  if (!isHelloRetryRequest(firstHello.random)) tls.send(ContentType.changeCipherSpec, Uint8Array.of(1));
  tls.sealWith(protection(clientHandshake));
  if (request !== undefined) tls.sendHandshake(encoded({ type: 'Certificate', context: request.context, entries: [] }));
  tls.sendHandshake(
    encoded({ type: 'Finished', verifyData: verifyData13(kdf, clientHandshake, tls.transcriptHash(hash)) }),
  );
  tls.sealWith(protection(clientSecret));
  tls.onPostHandshake = (after) => {
    if (decodeHandshake13(new Reader('tls', after), hashBytes).type !== 'KeyUpdate') return;
    serverSecret = nextTrafficSecret(kdf, serverSecret);
    tls.openWith(protection(serverSecret));
  };
  return { version: '1.3', suite, alpn: alpnOf(encrypted.extensions) };
}

/** A HelloRetryRequest has the form of a ServerHello, and its extensions one of their own. */
function retryExtensions(bytes: Uint8Array): readonly Extension[] {
  const message = decodeHandshake(new Reader('tls', bytes));
  return message.type === 'ServerHello' ? (message.extensions ?? []) : [];
}

function encoded(message: HandshakeMessage13): Uint8Array {
  const writer = new Writer();
  encodeHandshake13(writer, message);
  return writer.finish();
}

const expect = expecting<HandshakeMessage13>('RFC 8446 §2');
