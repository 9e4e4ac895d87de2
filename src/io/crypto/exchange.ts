// Key exchange from given private keys over node:crypto: X25519 (RFC 7748 §6.1), and P-256 and P-384 with uncompressed
// points only (SEC 1 §2.3.3, RFC 8422 §5.11, RFC 8446 §4.2.8.2). How a private key is drawn is not its concern.

import { createECDH, createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from 'node:crypto';
import { type GroupName, type KeyExchange, PRIVATE_KEY_BYTES } from '../../core/crypto.js';
import { plain } from './plain.js';

export function keyExchange(group: GroupName, privateKey: Uint8Array): KeyExchange | undefined {
  if (privateKey.length !== PRIVATE_KEY_BYTES[group]) return undefined;
  switch (group) {
    case 'x25519':
      return x25519(privateKey);
    case 'secp256r1':
      return ecdh('prime256v1', PRIVATE_KEY_BYTES.secp256r1, privateKey);
    case 'secp384r1':
      return ecdh('secp384r1', PRIVATE_KEY_BYTES.secp384r1, privateKey);
    default:
      return group satisfies never;
  }
}

/** PKCS #8 around the 32 bytes of an X25519 private key (RFC 8410 §7). */
const X25519_PKCS8 = Buffer.from('302e020100300506032b656e04220420', 'hex');
/** JWK (RFC 8037 §2), which is read and written thirty times faster than DER. */
const X25519_JWK = { kty: 'OKP', crv: 'X25519' } as const;

function x25519(privateBytes: Uint8Array): KeyExchange {
  const { privateKey, publicBytes } = x25519KeyPair(privateBytes);
  return {
    publicKey: publicBytes,
    derive(peer) {
      if (peer.length !== PRIVATE_KEY_BYTES.x25519) return undefined;
      try {
        const publicKey = createPublicKey({ key: { ...X25519_JWK, x: base64url(peer) }, format: 'jwk' });
        return plain(diffieHellman({ privateKey, publicKey }));
      } catch {
        // RFC 7748 §6.1: a point of low order gives zero, which OpenSSL refuses.
        return undefined;
      }
    },
  };
}

/** A JWK has the public key beside the private one. Node computes it anew; should one ever not, DER is the way. */
function x25519KeyPair(privateBytes: Uint8Array): { privateKey: KeyObject; publicBytes: Uint8Array } {
  try {
    const jwk = { ...X25519_JWK, d: base64url(privateBytes), x: base64url(NO_POINT) };
    const privateKey = createPrivateKey({ key: jwk, format: 'jwk' });
    const publicBytes = x25519PublicBytes(privateKey);
    if (publicBytes.some((byte) => byte !== 0)) return { privateKey, publicBytes };
  } catch {
    // A Node that compares the two.
  }
  const der = Buffer.concat([X25519_PKCS8, privateBytes]);
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  return { privateKey, publicBytes: x25519PublicBytes(privateKey) };
}

/** Of low order, so it is nobody's public key. */
const NO_POINT = new Uint8Array(PRIVATE_KEY_BYTES.x25519);

function x25519PublicBytes(key: KeyObject): Uint8Array {
  return plain(Buffer.from(key.export({ format: 'jwk' }).x!, 'base64url'));
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64url');
}

function ecdh(curve: string, coordinateBytes: number, privateBytes: Uint8Array): KeyExchange | undefined {
  const own = createECDH(curve);
  try {
    own.setPrivateKey(privateBytes);
  } catch {
    return undefined;
  }
  return {
    publicKey: plain(own.getPublicKey()),
    derive(peer) {
      // OpenSSL would take compressed and hybrid points as well.
      if (peer.length !== 1 + 2 * coordinateBytes || peer[0] !== 4) return undefined;
      try {
        return plain(own.computeSecret(peer));
      } catch {
        return undefined;
      }
    },
  };
}
