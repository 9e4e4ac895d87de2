// Our server as the one of RFC 8448: its keys, its randoms, its words where it has more to say than we have. The record layer
// and the machine are the real ones; what is between them is as server.ts has it.

import {
  constants,
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  privateEncrypt,
  publicDecrypt,
  verify,
} from 'node:crypto';
import { Reader } from '../../../../src/core/bytes/reader.js';
import type { Crypto, VerifyingKey } from '../../../../src/core/crypto.js';
import { createRandomSource, type RandomSource } from '../../../../src/core/random.js';
import { TLS_1_3, type TlsConfig, type TlsCredential } from '../../../../src/core/tls/config.js';
import type { Extension } from '../../../../src/core/tls/extensions.js';
import { HandshakeContext } from '../../../../src/core/tls/handshake-context.js';
import type { ClientHello } from '../../../../src/core/tls/messages.js';
import { decodeHandshake13 } from '../../../../src/core/tls/messages13.js';
import { type Negotiate13, negotiate13 } from '../../../../src/core/tls/negotiate13.js';
import { ContentType } from '../../../../src/core/tls/record.js';
import { NOTHING } from '../../../../src/core/tls/record-layer.js';
import { Server13 } from '../../../../src/core/tls/server13.js';
import type { TlsEvent } from '../../../../src/core/trace.js';
import { emsaPss, nodeCrypto } from '../../../../src/io/node-crypto.js';
import { concat } from '../../../support/bytes.js';
import { messageOf, stepOf } from './traces.js';

/** The RSA key of §2. */
const rsaKey = ((): ReturnType<typeof createPrivateKey> => {
  const step = stepOf(2, 'RSA key');
  const part = (name: string): string => Buffer.from(step.bytes(name)).toString('base64url');
  return createPrivateKey({
    format: 'jwk',
    key: {
      kty: 'RSA',
      n: part('modulus (public)'),
      e: part('public exponent'),
      d: part('private exponent'),
      p: part('prime1'),
      q: part('prime2'),
      dp: part('exponent1'),
      dq: part('exponent2'),
      qi: part('coefficient'),
    },
  });
})();

/** The salt that a signature was made with: EMSA-PSS-VERIFY of RFC 8017 §9.1.2, as far as that. */
function saltOf(signature: Uint8Array): Uint8Array {
  const key = createPublicKey(rsaKey);
  const encoded = publicDecrypt({ key, padding: constants.RSA_NO_PADDING }, signature);
  const hash = encoded.subarray(95, 127);
  const mask = concat(
    ...[0, 1, 2].map((counter) =>
      createHash('sha256')
        .update(hash)
        .update(Uint8Array.of(0, 0, 0, counter))
        .digest(),
    ),
  );
  return Uint8Array.from({ length: 32 }, (_, i) => encoded[63 + i]! ^ mask[63 + i]!);
}

/** The draws that the RFC pins, and those of a seed for the rest. */
function pinned(section: number): RandomSource {
  const serverHello = messageOf(section, 'ServerHello', 'server', section === 5 ? 1 : 0);
  const group = section === 5 ? 'P-256' : 'x25519';
  const privateKey = stepOf(section, `create an ephemeral ${group} key pair`, 'server').bytes('private key');
  const draws = new Map<string, Uint8Array>([
    ['server random', serverHello.subarray(6, 38)],
    [section === 5 ? 'secp256r1 private' : 'x25519 private', privateKey],
  ]);
  if (section !== 6 && section !== 4) {
    draws.set('pss salt', saltOf(messageOf(section, 'CertificateVerify', 'server').subarray(8)));
  }
  if (section === 5) {
    const retry = decodeHandshake13(new Reader('tls', messageOf(5, 'ServerHello', 'server', 0)), 32);
    if (retry.type !== 'ServerHello') throw new Error('no HelloRetryRequest');
    for (const extension of retry.extensions ?? []) {
      if (extension.type === 'cookie') draws.set('cookie', extension.cookie);
    }
  }
  const others = createRandomSource(nodeCrypto, new Uint8Array(32));
  return { bytes: (flow, purpose, length) => draws.get(purpose) ?? others.bytes(flow, purpose, length) };
}

/** The RFC's RSA keys have 1024 bits, which is less than our own keys may have: only what is around PSS is made anew. */
const shortKeys: Crypto = {
  ...nodeCrypto,
  sign(_key, _scheme, message, salt) {
    const encoded = emsaPss('sha256', message, salt, 1023);
    return new Uint8Array(privateEncrypt({ key: rsaKey, padding: constants.RSA_NO_PADDING }, encoded));
  },
  verify(key, scheme, message, signature) {
    const { keyObject } = key as ShortKey;
    const padding = constants.RSA_PKCS1_PSS_PADDING;
    return scheme === 'rsa_pss_rsae_sha256' && verify('sha256', message, { key: keyObject, padding }, signature);
  },
};

/** In §6 the key of the certificate is not given: the signature is put into our mouth. */
const foreign: Crypto = { ...shortKeys, sign: () => messageOf(6, 'CertificateVerify', 'server').subarray(8) };

export interface ShortKey extends VerifyingKey {
  readonly keyObject: KeyObject;
}

function extensionsOf(section: number, name: 'EncryptedExtensions' | 'CertificateRequest'): readonly Extension[] {
  const message = decodeHandshake13(new Reader('tls', messageOf(section, name, 'server')), 32);
  if (message.type !== 'EncryptedExtensions' && message.type !== 'CertificateRequest') throw new Error(message.type);
  return message.extensions;
}

function chainOf(section: number): Uint8Array[] {
  const message = decodeHandshake13(new Reader('tls', messageOf(section, 'Certificate', 'server')), 32);
  if (message.type !== 'Certificate') throw new Error(message.type);
  return message.entries.map(({ certData }) => certData);
}

/** What the RFC's server says besides; the rest is negotiated. */
function inItsWords(section: number): Negotiate13 {
  return (hello: ClientHello, config: TlsConfig) => {
    const parameters = negotiate13(hello, config);
    if (typeof parameters === 'string') return parameters;
    const encryptedExtensions = extensionsOf(section, 'EncryptedExtensions');
    const asks = section === 6;
    return {
      ...parameters,
      encryptedExtensions,
      certificateRequest: asks ? extensionsOf(section, 'CertificateRequest') : undefined,
    };
  };
}

export class Rfc8448Server {
  readonly context: HandshakeContext;
  readonly events: TlsEvent[] = [];
  readonly #machine: Server13;
  #started = false;

  constructor(section: number, parts: Partial<TlsConfig> = {}) {
    const certificateOf = section === 4 ? 3 : section;
    const key: TlsCredential['key'] =
      section === 6 ? { type: 'ecdsa', modulusBits: 0 } : { type: 'rsa', modulusBits: 1024 };
    const credential: TlsCredential = { chain: chainOf(certificateOf), key };
    this.context = new HandshakeContext({
      flow: 'rfc8448',
      config: {
        crypto: section === 6 ? foreign : shortKeys,
        random: pinned(section),
        credentials: [credential],
        // Its tickets are not ours.
        resumption: false,
        ...(section === 5 && { groups: ['secp256r1', 'secp384r1'] }),
        ...parts,
      },
      trace: (_at, event) => {
        if (event.layer === 'tls') this.events.push(event);
      },
      highestVersion: TLS_1_3,
    });
    this.#machine = new Server13(this.context, inItsWords(certificateOf));
  }

  /** Works on records of the client, and gives the application data in them. */
  receive(bytes: Uint8Array): Uint8Array {
    const { records, handshakeInput: input } = this.context;
    const data: Uint8Array[] = [];
    records.receive(0, bytes);
    for (let type = records.next(0); type !== NOTHING; type = records.next(0)) {
      if (type === ContentType.applicationData) data.push(records.content.slice());
      else {
        input.push(records.content);
        while (input.length >= 4) this.#receiveMessage(input.shift(4 + (input.at(2) << 8) + input.at(3)));
      }
    }
    return concat(...data);
  }

  #receiveMessage(bytes: Uint8Array): void {
    if (this.#started) {
      const verdict = this.#machine.admit(bytes[0]!);
      if (verdict !== undefined) throw new Error(verdict);
      this.#machine.receiveMessage(0, bytes[0]!, bytes);
      return;
    }
    this.#started = true;
    const hello = decodeHandshake13(new Reader('tls', bytes), 32);
    if (hello.type !== 'ClientHello') throw new Error(hello.type);
    this.#machine.start(0, hello, bytes);
  }

  /** All that waits to be sent. */
  take(): Uint8Array {
    return this.context.records.take(1 << 20).slice();
  }
}
