// The client's handshake of TLS 1.2 with ECDHE (RFC 5246 §7.3, RFC 8422 §5, RFC 7627 §4), message by message.

import { Reader } from '../../core/bytes/reader.js';
import { Writer } from '../../core/bytes/writer.js';
import { findExtension } from '../../core/tls/extensions.js';
import {
  decodeHandshake,
  encodeHandshake,
  encodeServerEcdhParams,
  type HandshakeMessage,
  type ServerHello,
} from '../../core/tls/messages.js';
import { protection12 } from '../../core/tls/protection.js';
import { ContentType } from '../../core/tls/record.js';
import { extendedMasterSecret, keyBlock, masterSecret, verifyData } from '../../core/tls/schedule.js';
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

export function* handshake12(
  tls: HandshakeTools,
  suite: CipherSuiteInfo,
  first: Uint8Array,
  hello: ServerHello,
): Handshake {
  tls.addToTranscript(first);
  const next = function* (): Generator<void, HandshakeMessage, Uint8Array> {
    const bytes = yield;
    tls.addToTranscript(bytes);
    return decodeHandshake(new Reader('tls', bytes));
  };
  const certificate = expect(yield* next(), 'Certificate');
  const key = certificateKey(certificate.certificateList[0]);
  let message = yield* next();
  if (message.type === 'CertificateStatus') message = yield* next();
  const exchange = expect(message, 'ServerKeyExchange');
  // RFC 8422 §5.4: over both randoms and the parameters.
  const params = new Writer();
  params.put(tls.random).put(hello.random);
  encodeServerEcdhParams(params, exchange.namedGroup, exchange.publicKey);
  checkSignature(key, exchange.signatureScheme, params.finish(), exchange.signature);
  message = yield* next();
  const isAsked = message.type === 'CertificateRequest';
  if (isAsked) message = yield* next();
  expect(message, 'ServerHelloDone');

  if (isAsked) tls.sendHandshake(encoded({ type: 'Certificate', certificateList: [] }));
  const own = tls.keyExchange(groupOf(exchange.namedGroup));
  const premaster = own.derive(exchange.publicKey);
  if (premaster === undefined) throw new ClientError('TLS', "the server's key share is invalid", 'RFC 8422 §5.11');
  tls.sendHandshake(encoded({ type: 'ClientKeyExchange', publicKey: own.publicKey }));
  const { hash } = suite;
  const isExtended = findExtension(hello.extensions ?? [], 'extended_master_secret') !== undefined;
  const master = isExtended
    ? extendedMasterSecret(nodeCrypto, hash, premaster, tls.transcriptHash(hash))
    : masterSecret(nodeCrypto, hash, premaster, tls.random, hello.random);
  const { client, server } = keyBlock(nodeCrypto, suite, master, tls.random, hello.random);
  tls.send(ContentType.changeCipherSpec, Uint8Array.of(1));
  tls.sealWith(protection12(nodeCrypto, suite, client));
  tls.sendHandshake(
    encoded({ type: 'Finished', verifyData: verifyData(nodeCrypto, hash, master, 'client', tls.transcriptHash(hash)) }),
  );
  tls.onChangeCipherSpec = () => tls.openWith(protection12(nodeCrypto, suite, server));

  message = yield* nextButFinished(tls);
  if (message.type === 'NewSessionTicket') message = yield* nextButFinished(tls);
  const expected = verifyData(nodeCrypto, hash, master, 'server', tls.transcriptHash(hash));
  if (!sameBytes(expect(message, 'Finished').verifyData, expected)) {
    throw new ClientError('TLS', "the server's Finished does not verify", 'RFC 5246 §7.4.9');
  }
  return { version: '1.2', suite, alpn: alpnOf(hello.extensions) };
}

/** A Finished is verified against what came before it. */
function* nextButFinished(tls: HandshakeTools): Generator<void, HandshakeMessage, Uint8Array> {
  const bytes = yield;
  const message = decodeHandshake(new Reader('tls', bytes));
  if (message.type !== 'Finished') tls.addToTranscript(bytes);
  return message;
}

function encoded(message: HandshakeMessage): Uint8Array {
  const writer = new Writer();
  encodeHandshake(writer, message);
  return writer.finish();
}

const expect = expecting<HandshakeMessage>('RFC 5246 §7.3');
