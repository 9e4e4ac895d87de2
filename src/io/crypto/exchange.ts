// Key exchange from given private keys over node:crypto: X25519 (RFC 7748 §6.1), and P-256 and P-384 with uncompressed
// points only (SEC 1 §2.3.3, RFC 8422 §5.11, RFC 8446 §4.2.8.2). How a private key is drawn is not its concern.

import { createECDH, createPrivateKey, createPublicKey, diffieHellman } from 'node:crypto';
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

/** DER around the 32 bytes of an X25519 key: PKCS #8 (RFC 8410 §7) and SubjectPublicKeyInfo (RFC 8410 §4). */
const X25519_PKCS8 = Buffer.from('302e020100300506032b656e04220420', 'hex');
const X25519_SPKI = Buffer.from('302a300506032b656e032100', 'hex');

function x25519(privateBytes: Uint8Array): KeyExchange {
  const der = Buffer.concat([X25519_PKCS8, privateBytes]);
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  return {
    publicKey: plain(spki.subarray(X25519_SPKI.length)),
    derive(peer) {
      if (peer.length !== PRIVATE_KEY_BYTES.x25519) return undefined;
      const peerDer = Buffer.concat([X25519_SPKI, peer]);
      try {
        const publicKey = createPublicKey({ key: peerDer, format: 'der', type: 'spki' });
        return plain(diffieHellman({ privateKey, publicKey }));
      } catch {
        // RFC 7748 §6.1: a point of low order gives zero, which OpenSSL refuses.
        return undefined;
      }
    },
  };
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
